"""Requests that wait for the device: whose they are, what they hold, and how many rows of each the next batch takes."""

from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ..checkpoint import Checkpoint
from ..models import Level


@dataclass(frozen=True)
class Sought:
    """The best that a search has found for one picture after `step` of `steps`: of A answers, the nearest first.

    codes float32 [A, *latent_shape], errors float32 [A] (mean squared, of known pixels in [0, 1]), pictures uint8 [A, H, W, C].
    """

    step: int
    steps: int
    codes: np.ndarray
    errors: np.ndarray
    pictures: np.ndarray


@dataclass(frozen=True)
class Taken:
    """Step `step` of `steps` of a path for one picture: from the moment now to the moment then, by noise whose standard deviation is spread.

    Pictures uint8 [H, W, C]: x now, the picture x0 that is predicted from it, and mean, where the step leads. Noise uint8 [H, W, C], grey 128
    where it is 0 and white from three standard deviations on: the predicted noise, and the fresh one before it is multiplied by spread.
    """

    step: int
    steps: int
    now: Level
    then: Level
    spread: float
    x: np.ndarray
    x0: np.ndarray
    noise: np.ndarray
    mean: np.ndarray
    fresh: np.ndarray


@dataclass(eq=False)
class Person:
    """Somebody whose requests wait. turn: when the last batch with rows of theirs was, before that when they came; stepped: the same of steps of long work."""

    turn: int
    stepped: int


@dataclass(eq=False)
class Job:
    """One request: whose it is, its input, how many rows of it are computed, and the future that its caller holds.

    The future can be cancelled until it has its answer; the work for it then ends with the step that is being computed.
    """

    checkpoint: Checkpoint
    task: str
    x: np.ndarray
    y: np.ndarray | None = None
    options: Hashable = None
    long: bool = False
    walks: bool = False  # a path, which may go together with any other of its model
    whose: Hashable = None
    told: Callable[[int, Sought | Taken], None] | None = None  # hears of every step of a search or a path, in the thread that computes it
    future: Future = field(default_factory=Future)
    done: int = 0
    over: bool = False
    parts: list[np.ndarray] = field(default_factory=list)
    person: Person | None = None  # known once it waits; who has no name is a person for this request alone

    @cached_property
    def kind(self) -> tuple:
        """Jobs of one kind are answered together."""
        what = ("walk",) if self.walks else (self.task, self.y is None, self.options)
        return str(self.checkpoint.folder), self.checkpoint.hash, *what

    @property
    def pace(self) -> tuple:
        """Rows of long work of one pace take equally long for a step."""
        return "walk" if self.walks else self.task, self.y is None

    def wanted(self) -> bool:
        """Whether it is still to be answered. One that was cancelled is over, once."""
        if not self.future.cancelled():
            return True
        if not self.over:
            self.over = True
            self.future.set_running_or_notify_cancel()
        return False

    def take(self, rows: np.ndarray) -> None:
        """The next rows of the answer, copied: a picture never travels with its neighbours' memory."""
        self.parts.append(rows.copy())
        if sum(map(len, self.parts)) == len(self.x) and self._ends():
            self.future.set_result(self.parts[0] if len(self.parts) == 1 else np.concatenate(self.parts))

    def fail(self, error: Exception) -> None:
        self.done = len(self.x)  # the rest of it is not asked for any more
        if self._ends():
            self.future.set_exception(error)

    def _ends(self) -> bool:
        """From here on it can no longer be cancelled; False if it was."""
        if self.over:
            return False
        self.over = True
        return self.future.set_running_or_notify_cancel()


def dealt(jobs: list[Job], room: int) -> list[tuple[Job, int]]:
    """Rows of jobs for a batch: as evenly as possible over people, those first who have waited longest for a turn, and over the jobs of each."""
    if sum(len(job.x) - job.done for job in jobs) <= room:
        return [(job, len(job.x) - job.done) for job in jobs]
    people: dict[Person, list[Job]] = {}
    for job in sorted(jobs, key=lambda job: job.person.turn):
        people.setdefault(job.person, []).append(job)
    wanted = {person: [len(job.x) - job.done for job in own] for person, own in people.items()}
    parts = []
    for person, rows in zip(people, shares([sum(each) for each in wanted.values()], room), strict=False):
        parts += zip(people[person], shares(wanted[person], rows), strict=False)
    return parts


def shares(wanted: list[int], room: int) -> list[int]:
    """Rows for the first who want some (at most `room` of them), as even as possible: a small one never waits behind a large one."""
    wanted = wanted[:room]
    given = [0] * len(wanted)
    for place, k in enumerate(sorted(range(len(wanted)), key=wanted.__getitem__)):
        given[k] = min(wanted[k], room // (len(wanted) - place))
        room -= given[k]
    return given
