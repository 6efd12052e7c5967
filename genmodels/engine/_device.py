"""The device: loads models, keeps them up to a budget of bytes, and computes one step of one batch at a time."""

from collections import OrderedDict
from collections.abc import Callable, Generator
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..checkpoint import Checkpoint
from ..latent.distances import nearest
from ..models import LatentModel, Trainable, to_pixels
from ..nets import out_of_memory
from ._asked import Sampling
from ._known import Reference
from ._tasks import OF_A_CLASSIFIER, TASKS, half_fits, is_long, long_work, traced

Steps = Generator[Any, None, np.ndarray]  # what it yields matters to nobody; what it returns is the answer


class Device:
    """Used by one thread at a time, so that a model in use is never the one that is dropped (long work holds its own until it ends).

    budget: bytes of weights that stay loaded. rows: how many pictures it is given at a time, and how many (`few`) in a step of
    long work; halved when memory is short.
    """

    def __init__(self, place: str, budget: int, rows: int, few: int):
        self.place, self.budget, self.rows, self.few = torch.device(place), budget, rows, few
        self.loaded: OrderedDict[tuple, tuple[Trainable, bool, int]] = OrderedDict()  # least recently used first
        self.traces: dict[tuple, dict[str, Callable[..., Tensor]]] = {}  # of loaded models, by task
        if self.place.type == "cuda":
            torch.set_float32_matmul_precision("high")  # TF32; convolutions use it anyway

    def room(self, long: bool) -> int:
        """How many pictures it takes at a time."""
        return min(self.few, self.rows) if long else self.rows

    def steps(self, checkpoint: Checkpoint, task: str, x: np.ndarray, y: np.ndarray | None = None,
              options: Sampling | Reference | None = None) -> Steps:
        """Answer one task (see TASKS) for a batch: uint8 [N, H, W, C] for decode, else float32.

        A generator: a long task stops after each of its steps, any other is over at the first `next`.
        FloatingPointError if a number of the answer is not finite; MemoryError if not even one picture fits.
        """
        out = yield from self._try(checkpoint, task, x, y, options)
        if out is not None:
            return out
        self._make_room(self.budget)
        if len(x) == 1:
            if (out := (yield from self._try(checkpoint, task, x, y, options))) is None:
                raise MemoryError(f"The memory of the device does not suffice for one picture of {checkpoint.name}.")
            return out
        middle = len(x) // 2
        self.rows = max(1, min(self.rows, middle))
        answers = []
        for half in (slice(0, middle), slice(middle, None)):
            answers.append((yield from self.steps(checkpoint, task, x[half], None if y is None else y[half], options)))
        return np.concatenate(answers)

    def run(self, *asked) -> np.ndarray:
        """What `steps` comes to, without a stop."""
        work = self.steps(*asked)
        while True:
            try:
                next(work)
            except StopIteration as end:
                return end.value

    def _try(self, checkpoint: Checkpoint, task: str, x: np.ndarray, y: np.ndarray | None, options) -> Generator[Any, None, np.ndarray | None]:
        """None if memory ran out. The failed attempt's tensors are gone when this has returned, and not before."""
        try:
            return (yield from self._compute(checkpoint, task, x, y, options))
        except RuntimeError as error:
            if not out_of_memory(error):
                raise
            return None

    def _compute(self, checkpoint: Checkpoint, task: str, x: np.ndarray, y: np.ndarray | None, options) -> Steps:
        model, half = self._model(checkpoint)
        if y is None and task not in OF_A_CLASSIFIER and model.conditions:
            y = np.zeros((len(x), len(model.conditions)), np.float32)  # nothing said
        here = [torch.from_numpy(values).to(self.place) for values in (x, y) if values is not None]
        precision = partial(torch.autocast, self.place.type, torch.bfloat16, enabled=half and task == "decode")
        if is_long(task, type(model)):
            out = yield from long_work(task, model, here[0], here[1] if len(here) > 1 else None, options, precision)
        else:
            with torch.inference_mode(), precision():
                out = self._answering(checkpoint, model, task, here)(*here)
        if not out.isfinite().all():
            raise FloatingPointError(f"{checkpoint.name} gives numbers that are not finite here; try values closer to zero.")
        if task == "describe":
            out = self._compared(out, len(model.conditions), options)
        return to_pixels(out) if task == "decode" else out.float().cpu().numpy()

    def _compared(self, out: Tensor, classes: int, reference: Reference) -> Tensor:
        """Probabilities and features [N, K + F] to probabilities and the distance of the features to the nearest known ones [N, K + 1]."""
        known = torch.from_numpy(reference.features).to(self.place)
        return torch.cat([out[:, :classes], nearest(out[:, classes:], known)[:, None] / reference.reach], 1)

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
