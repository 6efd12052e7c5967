"""A small net of many steps as captured graphs: on a card one launch answers for what else takes a hundred, and what a graph says is checked first."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..models import PathModel

Run = Callable[[], Tensor]
Capture = Callable[[Run], tuple[Callable[[], object], Tensor]]  # of a run: what runs it again in the same memory, and the tensor where its answer stands then

ROWS = (1, 2, 4, 8, 16, 32, 64)  # sizes of graphs, a request has the next one; of more rows the launches are not what takes the time
LARGEST = 64 << 20  # bytes of weights up to which a net is captured: of a larger one neither
WARM = 3  # runs before one is captured, as PyTorch advises: libraries choose and prepare
APART = {False: 2e-3, True: 3e-2}  # by how much a graph may differ from the net, where 1 is the spread of noise, without and with bfloat16


@dataclass(eq=False)
class Graph:
    """Inputs in memory of their own, what computes the answer to them, and where that stands."""

    inputs: tuple[Tensor, ...]
    replay: Callable[[], object]
    out: Tensor

    def __call__(self, *values: Tensor) -> Tensor:
        """The answer to as many rows as there are; the rows of the graph behind them hold what was there before."""
        rows = values[0].shape[0]
        for kept, value in zip(self.inputs, values, strict=True):
            kept[:rows].copy_(value)
        self.replay()
        return self.out[:rows].clone()


class Captured:
    """`PathModel.look` of one model by graphs; None where there is no graph for what is asked, so that the net itself is.

    A graph is made at the first request of its size. It is then asked that request, and if it does not say what the net says, or cannot be made, no
    graph of this model is used any more: that costs speed and nothing else. Guidance takes all rows twice: which of them need it is not looked up,
    because a graph cannot.
    """

    def __init__(self, model: PathModel, half: bool, capture: Capture):
        self.model, self.half, self.capture = model, half, capture
        self.graphs: dict[tuple, Graph] = {}  # by size, kind of the moments, and whether something is told and guided
        self.works = True

    @torch.inference_mode()
    def __call__(self, x: Tensor, t: Tensor, y: Tensor | None, guidance: float | Tensor) -> Tensor | None:
        size = next((size for size in ROWS if size >= x.shape[0]), None)
        if size is None or not self.works:
            return None
        guided = y is not None and (isinstance(guidance, Tensor) or guidance != 1)
        share = torch.as_tensor(guidance, dtype=torch.float32, device=x.device).expand(x.shape[0]) if guided else None
        values, key = tuple(value for value in (x, t, y, share) if value is not None), (size, t.dtype, y is not None, guided)
        try:
            if (graph := self.graphs.get(key)) is not None:
                return graph(*values)
            graph = self._made(size, values, guided)
            said, plain = graph(*values), self._answer(*values, guided=guided)
            if (apart := float((said - plain).abs().max())) <= APART[self.half] * max(1.0, float(plain.abs().max())):
                self.graphs[key] = graph
                return said
            why = f"its graph is off by {apart:.2g}"
        except Exception as error:  # whatever a driver says: the net answers as it always did
            why = f"{type(error).__name__}: {error}"
        self.works = False
        self.graphs.clear()
        warnings.warn(f"{type(self.model).__name__} is not run by captured graphs ({why:.300}); it is only slower.", stacklevel=2)
        return None

    def _made(self, size: int, values: tuple[Tensor, ...], guided: bool) -> Graph:
        """A graph for so many rows of tensors like these. The inputs are nothing yet, so that what is asked first shows whether it listens."""
        inputs = tuple(torch.zeros(size, *value.shape[1:], dtype=value.dtype, device=value.device) for value in values)
        if inputs[0].dim() == 4:
            inputs = (inputs[0].contiguous(memory_format=torch.channels_last), *inputs[1:])
        inputs[1].fill_(1)  # a moment that every model knows
        return Graph(inputs, *self.capture(lambda: self._answer(*inputs, guided=guided)))

    def _answer(self, x: Tensor, t: Tensor, y: Tensor | None = None, share: Tensor | None = None, *, guided: bool) -> Tensor:
        """What the net says to x [B, C, H, W], guided by a share for each row (Ho & Salimans 2022), in operations of fixed shape."""
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.half, cache_enabled=False):  # a cache would belong to the graph
            if not guided:
                return self.model.look(x, t, y, 1.0)
            told, untold = self.model.look(torch.cat([x, x]), torch.cat([t, t]), torch.cat([y, torch.zeros_like(y)]), 1.0).chunk(2)
            return untold + share.view(-1, 1, 1, 1) * (told - untold)


class CudaGraphs:
    """Captures runs on a card; the graphs of one model share their memory, for one is asked at a time and its answer copied out."""

    def __init__(self):
        self.pool = torch.cuda.graph_pool_handle()

    def __call__(self, run: Run) -> tuple[Callable[[], object], Tensor]:
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(WARM):
                run()
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self.pool, capture_error_mode="thread_local"):  # other threads may load models meanwhile
            out = run()
        return graph.replay, out
