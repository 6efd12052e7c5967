"""The requests that wait for the device, and the one thread that answers them together."""

import threading
from collections.abc import Hashable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from math import inf
from queue import Empty, SimpleQueue
from time import perf_counter

import numpy as np
import torch

from ..checkpoint import BadCheckpoint, Checkpoint
from ._batch import Batch
from ._device import Device
from ._jobs import Job, Person, dealt
from ._paths import Paths


@dataclass(frozen=True)
class Arrival:
    """A model has been loaded, or could not be."""

    checkpoint: Checkpoint
    loading: Future


class Queue:
    """One thread owns the device. What arrives while it is busy is answered together next; nothing waits for a batch to fill.

    People have turns, not requests: a batch begins with whoever has waited longest for one and takes rows from everybody who asks for the
    same, so that nobody's hundred requests delay another's one. Between two steps of long work everybody else who waits has a turn, and
    while they keep coming, long work takes no more than half of the time; its steps, too, go to whoever has waited longest for one. Paths of a
    model go together, whenever they came. Who asks for a model that is not in memory waits for it aside,
    and nobody else does. Requests come through a queue without a lock of our own: with
    one, fifty callers and the thread stand in line for it.
    """

    def __init__(self, device: Device):
        self.device = device
        self.inbox: SimpleQueue[Job | Arrival | None] = SimpleQueue()  # None wakes the thread
        self.outbox: SimpleQueue[tuple[list[tuple[Job, int]], np.ndarray] | None] = SimpleQueue()  # batches to hand out; None is the last
        self.waiting: dict[tuple, list[Job]] = {}  # the thread's own, by kind; the kind that was served last is last
        self.aside: dict[tuple, list[Job]] = {}  # the same, whose model is being loaded
        self.people: dict[Hashable, Person] = {}  # who has a name and has asked since the queue was last empty
        self.turns = count()
        self.under_way: list[Batch | Paths] = []  # long work between two of its steps, one batch of a kind
        self.resting = 0.0  # until when long work lets others go first
        self.beginning = threading.Lock()
        self.thread: threading.Thread | None = None
        self.closed = self.over = False

    def submit(self, job: Job) -> Future:
        if self.closed:
            raise RuntimeError("The engine is closed.")
        if self.thread is None:
            with self.beginning:
                if self.thread is None:
                    self.thread = threading.Thread(target=self._work, name="engine", daemon=True)
                    self.thread.start()
        self.inbox.put(job)
        if self.over:  # the thread has left meanwhile, perhaps without having seen this one
            self._dismiss()
        return job.future

    def close(self) -> None:
        self.closed = True
        self.inbox.put(None)
        if self.thread:
            self.thread.join()

    def _work(self) -> None:
        (messenger := threading.Thread(target=self._hand_out, name="engine-answers", daemon=True)).start()
        if self.device.place.type == "cpu":
            torch.set_num_threads(1)  # counts only in the thread that computes; with more, a training beside slows decodes a hundredfold
        try:
            while self._asked():
                served = (kind := self._next()) is not None and self._serve(kind)
                if self.under_way and (not served or perf_counter() >= self.resting):
                    self._go_on()
        finally:
            self.closed = self.over = True
            self.outbox.put(None)
            messenger.join()
            self._dismiss()

    def _dismiss(self) -> None:
        """Nobody waits for an answer that will not come."""
        self._collect()
        jobs = [job for batch in self.under_way for job in batch.unfinished()]
        for waiting in (self.waiting, self.aside):
            while waiting:
                jobs += waiting.popitem()[1]
        self.under_way.clear()
        for job in jobs:
            if job.wanted():
                job.fail(RuntimeError("The engine was closed before it could answer."))

    def _collect(self) -> None:
        """Take what has arrived."""
        with suppress(Empty):
            while True:
                if came := self.inbox.get_nowait():
                    self._admit(came)

    def _admit(self, job: Job | Arrival) -> None:
        if isinstance(job, Arrival):
            self._arrived(job)
            return
        if job.whose is None:
            job.person = Person(turn := next(self.turns), turn)
        elif (person := self.people.get(job.whose)) is not None:
            job.person = person
        else:
            job.person = self.people[job.whose] = Person(turn := next(self.turns), turn)
        self.waiting.setdefault(job.kind, []).append(job)

    def _asked(self) -> bool:
        """True as soon as there is something to do; False when the engine closes."""
        while not self.closed:
            self._collect()
            if self.waiting or self.under_way:
                return True
            if not self.aside:
                self.people.clear()
            if came := self.inbox.get():
                self._admit(came)
        return False

    def _set_aside(self, jobs: list[Job]) -> None:
        """They wait for their model, which is sent for once."""
        if (key := jobs[0].kind[:2]) in self.aside:
            self.aside[key] += jobs
            return
        self.aside[key], checkpoint = jobs, jobs[0].checkpoint
        self.device.memory.bring(checkpoint, lambda loading: self.inbox.put(Arrival(checkpoint, loading)))

    def _arrived(self, arrival: Arrival) -> None:
        """Who waited for a model waits for the device now, or learns why there is no such model."""
        jobs = self.aside.pop((str(arrival.checkpoint.folder), arrival.checkpoint.hash), [])
        if error := arrival.loading.exception():
            for job in jobs:
                job.fail(error)
            return
        self.device.memory.keep(arrival.checkpoint, arrival.loading.result())
        for job in jobs:
            self.waiting.setdefault(job.kind, []).append(job)

    def _next(self) -> tuple | None:
        """The kind of the request whose turn it is, None if nothing can be begun: of long work there is one batch of a kind, and one led by a person."""
        if not self.under_way and len(self.waiting) == 1:
            return next(iter(self.waiting))
        kinds, leaders = {batch.kind for batch in self.under_way}, {batch.leader for batch in self.under_way}
        found, longest = None, inf
        for kind, jobs in self.waiting.items():
            if kind in kinds:
                continue
            for job in jobs:
                if job.person.turn < longest and not (job.long and job.person in leaders):
                    found, longest = kind, job.person.turn
        return found

    def _serve(self, kind: tuple) -> bool:
        """A batch for the jobs of a kind; of long work only its beginning. False if none was computed."""
        if self.closed:
            return False
        jobs = [job for job in self.waiting.pop(kind) if job.wanted()]
        if not jobs:
            return False
        if self.device.memory.peek(jobs[0].checkpoint) is None:
            self._set_aside(jobs)
            return False
        if jobs[0].walks:
            self.under_way.append(Paths(self.device, jobs))
            return False
        batch = Batch(self.device, dealt(jobs, self.device.room(jobs[0])))
        if batch.long:
            self.under_way.append(batch)
            begun = {job for job, _ in batch.parts}
            jobs = [job for job in jobs if job not in begun]
        else:
            self._advance(batch)
            jobs = [job for job in jobs if job.done < len(job.x)]
        self._put_back(kind, jobs)
        for job, _ in batch.parts:  # behind those who have come meanwhile
            job.person.turn = next(self.turns)
        return not batch.long

    def _go_on(self) -> None:
        """One step of the long work of whoever has waited longest for one."""
        for paths in self.under_way:
            if isinstance(paths, Paths):
                paths.join(self.waiting.pop(paths.kind, []))
        batch, began = min(self.under_way, key=lambda batch: batch.waited), perf_counter()
        over = self._advance(batch)
        for person in batch.served():
            person.stepped = next(self.turns)
        if over:
            self.under_way.remove(batch)
            self._put_back(batch.kind, batch.unfinished())
        self.resting = 2 * perf_counter() - began

    def _put_back(self, kind: tuple, jobs: list[Job]) -> None:
        """They wait again, in front of younger ones of their kind and behind those of other kinds."""
        self._collect()
        if jobs:
            self.waiting[kind] = jobs + self.waiting.pop(kind, [])

    def _advance(self, batch: Batch | Paths) -> bool:
        """A step of a batch; True if it was the last."""
        try:
            return batch.advance(self._share_out)
        except Exception as error:
            self._part(batch, error)
            return True

    def _part(self, batch: Batch, error: Exception) -> None:
        """After a failure each request is tried alone, so that an error reaches only the one that caused it."""
        if len(batch.parts) == 1 or isinstance(error, BadCheckpoint):
            for job, _ in batch.parts:
                job.fail(error)
            return
        alone = [Batch(self.device, [part]) for part in batch.parts]
        if batch.long:
            self.under_way += alone
            batch.parts = []
        else:
            for one in alone:
                self._advance(one)

    def _share_out(self, parts: list[tuple[Job, int]], out: np.ndarray) -> None:
        for job, rows in parts:
            job.done += rows
        if len(parts) == 1 and len(out) == len(parts[0][0].x):
            parts[0][0].take(out)  # nobody else has to be woken
        else:
            self.outbox.put((parts, out))

    def _hand_out(self) -> None:
        """Give everybody their rows. To wake fifty callers takes a quarter of the time of their pictures; the device goes on meanwhile."""
        while batch := self.outbox.get():
            start, (parts, out) = 0, batch
            for job, rows in parts:
                job.take(out[start:start + rows])
                start += rows
