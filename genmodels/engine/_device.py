"""The device: loads models, keeps them up to a budget of bytes, and runs one batch at a time."""

import warnings
from collections import OrderedDict
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from ..checkpoint import GREY_LEVEL, Checkpoint, answers_of
from ..datasets import floats
from ..models import LatentModel, Trainable, to_pixels
from ..nets import out_of_memory

TASKS: dict[str, Callable[..., Tensor]] = {
    "decode": lambda model, z, y=None: model.decode(z, y),
    "encode": lambda model, pixels, y=None: model.encode(floats(pixels.permute(0, 3, 1, 2)), y),
    "classify": lambda model, pixels: model(floats(pixels.permute(0, 3, 1, 2))).softmax(1),
}


class Device:
    """Used by one thread at a time, so that a model in use is never the one that is dropped.

    budget: bytes of weights that stay loaded. rows: how many pictures it is given at a time; halved when memory is short.
    """

    def __init__(self, place: str, budget: int, rows: int):
        self.place, self.budget, self.rows = torch.device(place), budget, rows
        self.loaded: OrderedDict[tuple, tuple[Trainable, bool, int]] = OrderedDict()  # least recently used first
        self.traces: dict[tuple, dict[str, Callable[..., Tensor]]] = {}  # of loaded models, by task
        if self.place.type == "cuda":
            torch.set_float32_matmul_precision("high")  # TF32; convolutions use it anyway

    def run(self, checkpoint: Checkpoint, task: str, x: np.ndarray, y: np.ndarray | None = None) -> np.ndarray:
        """Answer one task (see TASKS) for a batch: uint8 [N, H, W, C] for decode, else float32.

        FloatingPointError if a number of the answer is not finite; MemoryError if not even one picture fits.
        """
        out = self._try(checkpoint, task, x, y)
        if out is not None:
            return out
        self._make_room(self.budget)
        if len(x) == 1:
            if (out := self._try(checkpoint, task, x, y)) is None:
                raise MemoryError(f"The memory of the device does not suffice for one picture of {checkpoint.name}.")
            return out
        middle = len(x) // 2
        self.rows = max(1, min(self.rows, middle))
        halves = slice(0, middle), slice(middle, None)
        return np.concatenate([self.run(checkpoint, task, x[half], None if y is None else y[half]) for half in halves])

    def _try(self, checkpoint: Checkpoint, task: str, x: np.ndarray, y: np.ndarray | None) -> np.ndarray | None:
        """None if memory ran out. The failed attempt's tensors are gone when this has returned, and not before."""
        try:
            return self._compute(checkpoint, task, x, y)
        except RuntimeError as error:
            if not out_of_memory(error):
                raise
            return None

    def _compute(self, checkpoint: Checkpoint, task: str, x: np.ndarray, y: np.ndarray | None) -> np.ndarray:
        model, half = self._model(checkpoint)
        if y is None and task != "classify" and model.conditions:
            y = np.zeros((len(x), len(model.conditions)), np.float32)  # nothing said
        here = [torch.from_numpy(values).to(self.place) for values in (x, y) if values is not None]
        with torch.inference_mode(), torch.autocast(self.place.type, torch.bfloat16, enabled=half and task == "decode"):
            out = self._answering(checkpoint, model, task, here)(*here)
            if not out.isfinite().all():
                raise FloatingPointError(f"{checkpoint.name} gives numbers that are not finite here; try values closer to zero.")
            return to_pixels(out) if task == "decode" else out.float().cpu().numpy()

    def _answering(self, checkpoint: Checkpoint, model: Trainable, task: str, example: list[Tensor]) -> Callable[..., Tensor]:
        """The task as a function; on a processor traced, which runs without Python's lock, so that fifty callers do not slow it."""
        if self.place.type != "cpu":
            return partial(TASKS[task], model)
        traces = self.traces.setdefault((checkpoint.folder, checkpoint.hash), {})
        if task not in traces:
            traces[task] = traced(model, task, example)
        return traces[task]

    def _model(self, checkpoint: Checkpoint) -> tuple[Trainable, bool]:
        """The model on this device, and whether bfloat16 is good enough for its pictures."""
        key = checkpoint.folder, checkpoint.hash
        if key not in self.loaded:
            model = checkpoint.load()
            size = sum(t.nbytes for t in model.state_dict().values())
            self._make_room(size)
            model = model.to(self.place, memory_format=torch.channels_last)
            half = self.place.type == "cuda" and isinstance(model, LatentModel) and half_fits(model)
            self.loaded[key] = model, half, size
        self.loaded.move_to_end(key)
        return self.loaded[key][:2]

    def _make_room(self, size: int) -> None:
        """Drop models, the least recently used first, until `size` more bytes fit the budget."""
        while self.loaded and size + sum(held for *_, held in self.loaded.values()) > self.budget:
            self.traces.pop(self.loaded.popitem(last=False)[0], None)
        if self.place.type == "cuda":
            torch.cuda.empty_cache()


def traced(model: Trainable, task: str, example: list[Tensor]) -> Callable[..., Tensor]:
    """A frozen TorchScript twin of a task, for tensors whose first dimension is free; the task itself where a twin would differ.

    A model whose Python decides by its input, or that is random, cannot be traced: the twin is tried on other rows, more of them.
    """
    function = partial(TASKS[task], model)
    more = [torch.cat([values, values.flip(0), values[:1]]) for values in example]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what a trace may get wrong is tried here
        try:
            twin = torch.jit.freeze(torch.jit.trace(_Task(model, task).eval(), tuple(example), check_trace=False))
            same = all(torch.allclose(twin(*rows), function(*rows), atol=1e-5, equal_nan=True) for rows in (example, more))
        except RuntimeError:
            return function
    return twin if same else function


class _Task(nn.Module):
    def __init__(self, model: Trainable, task: str):
        super().__init__()
        self.model, self.task = model, TASKS[task]

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.task(self.model, *inputs)


@torch.inference_mode()
def half_fits(model: LatentModel) -> bool:
    """Whether bfloat16 inside the nets moves no pixel of 64 pictures, nor of 64 for given classes, by more than one grey level."""
    with torch.autocast(model.device.type, torch.bfloat16):
        rough = answers_of(model, 64)
    return all(bool((a - b).abs().max() <= GREY_LEVEL)
               for (kind, a), (_, b) in zip(rough, answers_of(model, 64), strict=True) if kind == "pictures")
