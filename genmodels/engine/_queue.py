"""The requests that wait for the device, and the one thread that answers them together."""

import contextvars
import threading
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from queue import Empty, SimpleQueue

import numpy as np
import torch

from ..checkpoint import BadCheckpoint, Checkpoint
from ._device import Device


@dataclass(eq=False)
class Job:
    """One request: its input, how many rows of it are computed, and the future that its caller holds."""

    checkpoint: Checkpoint
    task: str
    x: np.ndarray
    y: np.ndarray | None
    future: Future = field(default_factory=Future)
    done: int = 0
    parts: list[np.ndarray] = field(default_factory=list)

    @cached_property
    def kind(self) -> tuple:
        """Jobs of one kind are answered together."""
        return str(self.checkpoint.folder), self.checkpoint.hash, self.task, self.y is None

    def begins(self) -> bool:
        """Whether it is to be answered; from here on it can no longer be cancelled. One that was cancelled is over, once."""
        if self.future.running() or self.future.set_running_or_notify_cancel():
            return True
        self.done = len(self.x)
        return False

    def take(self, rows: np.ndarray) -> None:
        """The next rows of the answer, copied: a picture never travels with its neighbours' memory."""
        self.parts.append(rows.copy())
        if sum(map(len, self.parts)) == len(self.x):
            self.future.set_result(self.parts[0] if len(self.parts) == 1 else np.concatenate(self.parts))

    def fail(self, error: Exception) -> None:
        self.done = len(self.x)  # the rest of it is not asked for any more
        self.future.set_exception(error)


class Queue:
    """One thread owns the device. What arrives while it is busy is answered together next; nothing waits for a batch to fill.

    Requests come through a queue without a lock of our own: with one, fifty callers and the thread stand in line for it.
    """

    def __init__(self, device: "Device"):
        self.device = device
        self.inbox: SimpleQueue[Job | None] = SimpleQueue()  # None wakes the thread
        self.outbox: SimpleQueue[tuple[list[tuple[Job, int]], np.ndarray] | None] = SimpleQueue()  # batches to hand out; None is the last
        self.waiting: OrderedDict[tuple, list[Job]] = OrderedDict()  # the thread's own, by kind; the kind that was served last is last
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
            while (jobs := self._next()) is not None:
                wanted = [len(job.x) - job.done for job in jobs]
                shared = zip(jobs, shares(wanted, self.device.rows), strict=False)
                if parts := [(job, rows) for job, rows in shared if job.begins()]:
                    self._answer(parts)
                self._collect()
                if unfinished := [job for job in jobs if job.done < len(job.x)]:
                    self.waiting[jobs[0].kind] = unfinished + self.waiting.get(jobs[0].kind, [])  # the oldest stays first
        finally:
            self.closed = self.over = True
            self.outbox.put(None)
            messenger.join()
            self._dismiss()

    def _dismiss(self) -> None:
        """Nobody waits for an answer that will not come."""
        self._collect()
        while self.waiting:
            for job in self.waiting.popitem()[1]:
                if job.begins():
                    job.fail(RuntimeError("The engine was closed before it could answer."))

    def _collect(self) -> None:
        """Take what has arrived."""
        with suppress(Empty):
            while True:
                if job := self.inbox.get_nowait():
                    self.waiting.setdefault(job.kind, []).append(job)

    def _next(self) -> list[Job] | None:
        """The jobs of the kind whose turn it is, oldest first, as soon as there are any; None when the engine closes."""
        while not self.closed:
            self._collect()
            if not self.waiting:
                if job := self.inbox.get():
                    self.waiting[job.kind] = [job]
                continue
            _, jobs = self.waiting.popitem(last=False)
            if jobs := [job for job in jobs if not job.future.cancelled() or job.begins()]:
                return jobs
        return None

    def _answer(self, parts: list[tuple[Job, int]]) -> None:
        """One batch. If it fails, each request is tried alone, so that an error reaches only the one that caused it."""
        first = parts[0][0]
        x = np.concatenate([job.x[job.done:job.done + rows] for job, rows in parts])
        y = None if first.y is None else np.concatenate([job.y[job.done:job.done + rows] for job, rows in parts])
        try:
            out = self.device.run(first.checkpoint, first.task, x, y)
        except Exception as error:
            for job, rows in parts:
                if len(parts) == 1 or isinstance(error, BadCheckpoint):
                    job.fail(error)
                else:
                    self._answer([(job, rows)])
            return
        whole = len(parts) == 1 and len(out) == len(first.x)
        for job, rows in parts:
            job.done += rows
        if whole:
            first.take(out)  # nobody else has to be woken
        else:
            self.outbox.put((parts, out))

    def _hand_out(self) -> None:
        """Give everybody their rows. To wake fifty callers takes a quarter of the time of their pictures; the device goes on meanwhile."""
        while batch := self.outbox.get():
            start, (parts, out) = 0, batch
            for job, rows in parts:
                job.take(out[start:start + rows])
                start += rows


def shares(wanted: list[int], room: int) -> list[int]:
    """Rows for the oldest requests (at most `room` of them), as even as possible: a small one never waits behind a large one."""
    wanted = wanted[:room]
    given = [0] * len(wanted)
    for place, k in enumerate(sorted(range(len(wanted)), key=wanted.__getitem__)):
        given[k] = min(wanted[k], room // (len(wanted) - place))
        room -= given[k]
    return given


class Borrowed:
    """ZeroGPU: a card is lent for one call at a time, to a process of its own, so nothing is joined here.

    The caller's context goes along: it carries the visitor whose share of the card is used.
    """

    def __init__(self, device: Device):
        import spaces  # exists on such a Space only

        self.device, self.run = device, spaces.GPU(duration=30)(device.run)
        self.threads = ThreadPoolExecutor(4, thread_name_prefix="engine")

    def submit(self, job: Job) -> Future:
        return self.threads.submit(contextvars.copy_context().run, self._answer, job)

    def close(self) -> None:
        self.threads.shutdown(cancel_futures=True)

    def _answer(self, job: Job) -> np.ndarray:
        pieces = [slice(start, start + self.device.rows) for start in range(0, len(job.x), self.device.rows)]
        return np.concatenate([self.run(job.checkpoint, job.task, job.x[p], None if job.y is None else job.y[p]) for p in pieces])
