"""The device: computes one step of one batch at a time, of as many rows as it does in a moment."""

import time
from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..checkpoint import Checkpoint
from ..latent.distances import nearest
from ..nets import out_of_memory
from ._asked import Sampling, Search
from ._captured import LARGEST, Capture, Captured
from ._jobs import Job
from ._known import Reference
from ._memory import Loaded, Memory
from ._tasks import FEW_HEAVY, OF_A_CLASSIFIER, TASKS, is_dear, is_long, long_work, traced
from ._ways import PICTURES, answered

Steps = Generator[Any, None, np.ndarray]  # what it yields matters to nobody; what it returns is the answer


STEP = 0.03  # seconds that a step of long work may take, if one picture does not take longer


class Device:
    """Used by one thread at a time, so that a model in use is never the one that is dropped (long work holds its own until it ends).

    budget: bytes of weights that stay loaded. rows: how many pictures it is given at a time, halved when memory is short. few: the
    most in a step of long work; how many there really are is learned from the time that a step of each model takes. capturing: what makes a capture
    for each small model of many steps (see `_captured`); None where none is captured.
    """

    def __init__(self, place: str, budget: int, rows: int, few: int, capturing: Callable[[], Capture] | None = None):
        self.place, self.rows, self.few, self.capturing = torch.device(place), rows, few, capturing
        self.memory = Memory(self.place, budget)
        self.clock = time.thread_time if place == "cpu" else time.perf_counter  # a processor is shared: what others take of it is not counted

    def room(self, job: Job) -> int:
        """How many pictures it takes at a time."""
        return min(self.rows, self._fitting(job)) if job.long else self.rows

    def learn(self, job: Job, rows: int, seconds: Sequence[float]) -> None:
        """Long work of so many rows took so long, step by step: the next of its kind gets what fits into STEP.

        One of the slower steps counts: the first prepares, and the last ones only hand out. Few rows say nothing against more of them.
        """
        loaded = self.memory.peek(job.checkpoint)
        if loaded is None or not seconds or not is_dear(job.checkpoint.family):
            return
        fit = int(rows * STEP / max(1e-6, sorted(seconds)[-1 - len(seconds) // 4]))
        if rows >= (there := self._fitting(job)) or fit > there:
            loaded.rows[job.pace] = max(1, min(self.few, fit))

    def _fitting(self, job: Job) -> int:
        if not is_dear(job.checkpoint.family):  # a descent begins with hundreds of candidates, whatever its rows
            return self.few
        loaded = self.memory.peek(job.checkpoint)
        unknown = min(self.few, 1 if self.place.type == "cpu" else FEW_HEAVY)
        return loaded.rows.get(job.pace, unknown) if loaded else unknown

    def look(self, loaded: Loaded, half: bool, x: Tensor, t: Tensor, y: Tensor | None, guidance: float | Tensor) -> Tensor:
        """What a net of many steps says (see `models.PathModel.look`): by a captured graph where there is one, else by the net itself."""
        if self.capturing and loaded.size <= LARGEST:
            if half not in loaded.captured:
                loaded.captured[half] = Captured(loaded.model, half, self.capturing())
            if (said := loaded.captured[half](x, t, y, guidance)) is not None:
                return said
        with torch.inference_mode(), torch.autocast(self.place.type, torch.bfloat16, enabled=half):
            return loaded.model.look(x, t, y, guidance)

    def settle(self) -> None:
        """Wait until what was asked for is computed. A card's own line would take a whole path at once, and a slider would stand behind it."""
        if self.place.type == "cuda":
            torch.cuda.synchronize()

    def steps(self, checkpoint: Checkpoint, task: str, x: np.ndarray, y: np.ndarray | None = None,
              options: Sampling | Search | Reference | None = None) -> Steps:
        """Answer one task (see TASKS) for a batch: uint8 [N, H, W, C] for decode, else float32.

        A generator: a long task stops after each of its steps, any other is over at the first `next`.
        FloatingPointError if a number of the answer is not finite; MemoryError if not even one picture fits.
        """
        out = yield from self._try(checkpoint, task, x, y, options)
        if out is not None:
            return out
        self.memory.make_room(self.memory.budget)
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
        loaded = self.memory.get(checkpoint)
        model = loaded.model
        if y is None and task not in OF_A_CLASSIFIER and model.conditions:
            y = np.zeros((len(x), len(model.conditions)), np.float32)  # nothing said
        here = [torch.from_numpy(values).to(self.place) for values in (x, y) if values is not None]
        precision = partial(torch.autocast, self.place.type, torch.bfloat16, enabled=loaded.half and task in PICTURES)
        if is_long(task, type(model)):
            out = yield from long_work(task, model, here[0], here[1] if len(here) > 1 else None, options, precision)
        else:
            with torch.inference_mode(), precision():
                out = self._answering(loaded, task, here)(*here)
        if task == "describe":
            out = self._compared(out, len(model.conditions), options)
        return answered(task, checkpoint.name, out)

    def _compared(self, out: Tensor, classes: int, reference: Reference) -> Tensor:
        """Probabilities and features [N, K + F] to probabilities and the distance of the features to the nearest known ones [N, K + 1]."""
        known = torch.from_numpy(reference.features).to(self.place)
        return torch.cat([out[:, :classes], nearest(out[:, classes:], known)[:, None] / reference.reach], 1)

    def _answering(self, loaded: Loaded, task: str, example: list[Tensor]) -> Callable[..., Tensor]:
        """The task as a function; on a processor traced, which runs without Python's lock, so that fifty callers do not slow it."""
        if self.place.type != "cpu":
            return partial(TASKS[task], loaded.model)
        if task not in loaded.traces:
            loaded.traces[task] = traced(loaded.model, task, example)
        return loaded.traces[task]
