"""ZeroGPU: a card that is lent for one call at a time, to a process of its own, for what would take the processor long."""

import contextvars
import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from math import ceil

import numpy as np

from ._asked import Sampling
from ._device import Device
from ._jobs import Job
from ._tasks import work

PATIENCE = 5.0  # seconds of the processor for which no card is borrowed: to get one takes about as long
PROCESSOR, CARD = 3e10, 5e12  # floating point operations per second that can be counted on: a third of a core's best, a tenth of the card's
START, LONGEST = 10, 60  # seconds for a process and its model to come, and that one call may last in all
REFUSED = 60.0  # seconds for which no card is asked for when there was none


class Borrowed:
    """Long work where cards are lent. All other work is the processor's, of the Space's own and without a limit.

    Only what would take that more than PATIENCE seconds borrows a card, piece by piece, for as long as that work will take.
    Where there is none to be had, because nobody's share of it is left, the processor does that as well. The caller's context goes along:
    where Gradio knows the visitor, it is their share that is used.
    """

    def __init__(self, processor: Callable[[Job], Future], device: Device):
        import spaces  # exists on such a Space only

        self.processor, self.device = processor, device
        self.run = spaces.GPU(duration=self.seconds)(self.on_the_card)
        self.threads = ThreadPoolExecutor(4, thread_name_prefix="engine")
        self.again = 0.0  # when a card may be asked for again

    def submit(self, job: Job) -> Future:
        self.threads.submit(contextvars.copy_context().run, self._answer, job).add_done_callback(
            lambda turn: turn.cancelled() and job.fail(RuntimeError("The engine was closed before it could answer.")))
        return job.future

    def close(self) -> None:
        self.threads.shutdown(cancel_futures=True)

    def seconds(self, checkpoint, task: str, x: np.ndarray, y: np.ndarray | None, options: Sampling | None) -> int:
        """For how long a card is borrowed for this."""
        return min(LONGEST, START + ceil(len(x) * work(task, checkpoint.blueprint, options) / CARD))

    def on_the_card(self, *asked) -> np.ndarray | Exception:
        """The answer, or the error that its caller is to see: one that is raised there comes back as its name alone."""
        try:
            return self.device.run(*asked)
        except (ValueError, FloatingPointError, MemoryError) as error:
            return error

    def _answer(self, job: Job) -> None:
        """By the processor, or piece by piece on a card, as long as somebody waits for it."""
        try:
            each = work(job.task, job.checkpoint.blueprint, job.options)
            if len(job.x) * each <= PATIENCE * PROCESSOR:
                self.processor(job)
                return
            rows = max(1, min(self.device.rows, int((LONGEST - START) * CARD / each)))
            while job.done < len(job.x) and job.wanted():
                if time.monotonic() < self.again or (out := self._lent(job, slice(job.done, job.done + rows))) is None:
                    self.processor(job)
                    return
                if isinstance(out, Exception):
                    raise out
                job.done += len(out)
                job.take(out)
        except Exception as error:
            job.fail(error)

    def _lent(self, job: Job, piece: slice) -> np.ndarray | Exception | None:
        """What a card says to a piece of a request; None if there is none to be had."""
        try:
            return self.run(job.checkpoint, job.task, job.x[piece], None if job.y is None else job.y[piece], job.options)
        except Exception as error:  # Gradio's, whatever the reason is: no share left, no card free, a process that was ended
            logging.warning("no card for %s, the processor does it: %s", job.checkpoint.name, error)
            self.again = time.monotonic() + REFUSED
            return None
