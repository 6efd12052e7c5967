"""Paths of one model that are under way: at every step rows of all of them are looked at in one batch, each with its own time and settings."""

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from ..models import Look, Step, to_pixels, together
from ..nets import out_of_memory
from ._batch import HandOut
from ._device import Device
from ._jobs import Job, Person, Taken
from ._ways import PICTURES, answered, walk_of

T = TypeVar("T")
ENOUGH = 8  # steps after which what they took is learned, if no path has ended before
ROUNDING = 1e-6
BRIGHT = 3.0  # standard deviations of noise that are shown as white


@dataclass(eq=False)
class Piece:
    """Rows of a request that walk together, and what they ask of the net."""

    walk: Generator[Look | Step, Tensor | None, Tensor]
    first: int
    rows: int
    half: bool
    look: Look | None = None
    steps: int = 0


@dataclass(eq=False)
class Journey:
    """A request whose rows are under way: piece by piece, so that the first pictures come soon, or side by side where somebody is told of them."""

    job: Job
    begun: int
    pieces: list[Piece] = field(default_factory=list)
    passed: bool = False  # over in this step, because the next piece had no room: pieces never overtake each other

    def offers(self) -> Iterator[tuple["Journey", Piece | None]]:
        """Which pieces could take a step, in this order; None stands for rows that have not begun."""
        under_way = sorted(self.pieces, key=lambda piece: piece.steps) if self.job.told else list(self.pieces)
        for piece in () if self.job.told else under_way:
            yield self, piece
        while self.begun < len(self.job.x) and not self.passed:
            yield self, None
        for piece in under_way if self.job.told else ():
            yield self, piece

    @property
    def over(self) -> bool:
        return self.begun == len(self.job.x) and not self.pieces


class Paths:
    """Joined at any time by requests for the same model. A step has as many rows as the device takes in a moment, and they are dealt to people in turn.

    Which task, sampler, number of steps, guidance or picture a path has does not matter: it says what it wants looked at (see
    `models.PathModel.walk`), and computes its own update of the answer.
    """

    long = True

    def __init__(self, device: Device, jobs: list[Job]):
        self.device, self.kind, self.checkpoint = device, jobs[0].kind, jobs[0].checkpoint
        self.loaded = device.memory.get(self.checkpoint)
        self.journeys: list[Journey] = []
        self.took: dict[tuple, list[tuple[int, float]]] = {}  # rows and seconds of steps, by pace
        self.last: list[tuple[Journey, Piece]] = []
        self.join(jobs)

    @property
    def leader(self) -> Person | None:
        """Whose request has been here longest."""
        return self.journeys[0].job.person if self.journeys else None

    @property
    def waited(self) -> int:
        """Since when whoever in it has waited longest for a step of long work."""
        return min((journey.job.person.stepped for journey in self.journeys), default=0)

    def join(self, jobs: list[Job]) -> None:
        self.journeys += [Journey(job, job.done) for job in jobs]

    def served(self) -> list[Person]:
        """Who was in the last step."""
        return [journey.job.person for journey, _ in self.last]

    def unfinished(self) -> list[Job]:
        return [journey.job for journey in self.journeys]

    def advance(self, hand_out: HandOut) -> bool:
        """One step of those whose turn it is; True if nobody is under way any more. An error reaches the request that caused it."""
        for journey in [journey for journey in self.journeys if not journey.job.wanted()]:
            self._drop(journey)
        began, ended = self.device.clock(), False
        self.last = self._chosen()
        answers: dict[Piece, Tensor | Exception] = {}
        for half in (False, True):
            alike = [piece for _, piece in self.last if piece.half is half]
            answers.update(zip(alike, self._answers(alike), strict=True))
        for journey, piece in self.last:
            try:
                if journey in self.journeys and (out := self._moved(journey, piece, answers[piece])) is not None:
                    journey.pieces.remove(piece)
                    hand_out([(journey.job, piece.rows)], answered(journey.job.task, self.checkpoint.name, out))
                    ended = True
            except Exception as error:
                journey.job.fail(error)
                self._drop(journey)
        self.journeys = [journey for journey in self.journeys if not journey.over]
        self.device.settle()
        self._learn(self.device.clock() - began, ended)
        return not self.journeys

    def _drop(self, journey: Journey) -> None:
        if journey in self.journeys:
            self.journeys.remove(journey)
        for piece in journey.pieces:
            piece.walk.close()

    # Who goes

    def _chosen(self) -> list[tuple[Journey, Piece]]:
        """Pieces for the next step: in turns one of each person's, whoever has waited longest first, until there is no room for more."""
        people: dict[Person, list[Journey]] = {}
        for journey in sorted(self.journeys, key=lambda journey: journey.job.person.stepped):
            journey.passed = False
            people.setdefault(journey.job.person, []).append(journey)
        chosen, left = [], 1.0
        for journey, piece in in_turn(in_turn(journey.offers() for journey in own) for own in people.values()):
            room = self.device.room(journey.job)
            rows = piece.rows if piece else max(1, min(len(journey.job.x) - journey.begun, int(min(left, 1 / len(people)) * room + ROUNDING)))
            if journey.passed or chosen and rows / room > left + ROUNDING:
                journey.passed = True
                continue
            try:
                chosen.append((journey, piece or self._begin(journey, rows)))
            except Exception as error:
                journey.job.fail(error)
                journey.passed = True
                self._drop(journey)
                continue
            if (left := left - rows / room) < ROUNDING:
                break
        return chosen

    def _begin(self, journey: Journey, rows: int) -> Piece:
        """The next rows of a request set out."""
        job, these = journey.job, slice(journey.begun, journey.begun + rows)
        x = torch.from_numpy(job.x[these]).to(self.device.place)
        y = np.zeros((rows, len(self.loaded.model.conditions)), np.float32) if job.y is None else job.y[these]
        walk = walk_of(job.task, self.loaded.model, x, torch.from_numpy(y).to(x.device) if y.size else None, job.options)
        piece = Piece(walk, journey.begun, rows, self.loaded.half and job.task in PICTURES)
        with torch.inference_mode():
            piece.look = next(piece.walk)
        journey.begun += rows
        journey.pieces.append(piece)
        return piece

    # What they ask and say

    def _answers(self, pieces: list[Piece]) -> list[Tensor | Exception]:
        """What the net says to each, in one batch; after a failure each is tried alone."""
        if not pieces:
            return []
        try:
            return self._looked([piece.look for piece in pieces], pieces[0].half)
        except Exception as error:
            return [error] if len(pieces) == 1 else [answer for piece in pieces for answer in self._answers([piece])]

    def _looked(self, looks: Sequence[Look], half: bool) -> Sequence[Tensor]:
        """The net's answers, of as many rows at a time as there is memory for."""
        asked, said, at = together(looks), [], 0
        while at < (total := asked[0].shape[0]):
            rows = min(self.device.rows, total - at)
            some = self._tried([value[at:at + rows] if isinstance(value, Tensor) else value for value in asked], half)
            if some is not None:
                said.append(some)
                at += rows
                continue
            self.device.memory.make_room(self.device.memory.budget)
            self.device.memory.keep(self.checkpoint, self.loaded)
            if rows == 1:
                raise MemoryError(f"The memory of the device does not suffice for one picture of {self.checkpoint.name}.")
            self.device.rows = rows // 2
        return torch.cat(said).split([look.x.shape[0] for look in looks])

    def _tried(self, asked: list, half: bool) -> Tensor | None:
        """None if memory ran out. The failed attempt's tensors are gone when this has returned, and not before."""
        try:
            return self.device.look(self.loaded, half, *asked)
        except RuntimeError as error:
            if not out_of_memory(error):
                raise
            return None

    def _moved(self, journey: Journey, piece: Piece, answer: Tensor | Exception) -> Tensor | None:
        """What has come out at the end of a piece's way; None before."""
        if isinstance(answer, Exception):
            raise answer
        with torch.inference_mode():
            try:
                said = piece.walk.send(answer)
                while isinstance(said, Step):
                    self._tell(journey.job, piece, said)
                    said = next(piece.walk)
            except StopIteration as end:
                return end.value
            piece.look, piece.steps = said, piece.steps + 1
        return None

    def _tell(self, job: Job, piece: Piece, step: Step) -> None:
        """Whoever listens sees every step but the end, which is the answer."""
        if not job.told or step.now is step.then:
            return
        shown = {"x": step.x, "x0": step.x0, "noise": step.noise / BRIGHT, "mean": step.mean, "fresh": step.fresh / (step.spread or 1.0) / BRIGHT}
        pixels = {name: to_pixels(value) for name, value in shown.items()}
        for row in range(piece.rows):
            job.told(piece.first + row, Taken(step.number, step.of, step.now, step.then, step.spread, **{name: all_[row] for name, all_ in pixels.items()}))

    # What it takes

    def _learn(self, seconds: float, ended: bool) -> None:
        """Now and then the steps tell how many rows the next ones may have; steps of several paces tell nothing about either."""
        jobs = [journey.job for journey, _ in self.last]
        if len({job.pace for job in jobs}) != 1:
            return
        took = self.took.setdefault(jobs[0].pace, [])
        took.append((sum(piece.rows for _, piece in self.last), seconds))
        if ended or len(took) >= ENOUGH:
            most = max(rows for rows, _ in took)
            self.device.learn(jobs[0], most, [seconds for rows, seconds in took if rows == most])
            took.clear()


def in_turn(lines: Iterable[Iterator[T]]) -> Iterator[T]:
    """One of each line, and again, until all are at their end."""
    waiting = deque(lines)
    while waiting:
        line = waiting.popleft()
        for one in line:
            yield one
            waiting.append(line)
            break
