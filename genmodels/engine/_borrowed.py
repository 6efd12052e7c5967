"""ZeroGPU: a card that is lent for one call at a time, to a process of its own."""

import contextvars
from concurrent.futures import Future, ThreadPoolExecutor

from ._device import Device
from ._jobs import Job


class Borrowed:
    """Takes the place of the queue where cards are lent; nothing is joined here.

    The caller's context goes along: it carries the visitor whose share of the card is used.
    """

    def __init__(self, device: Device):
        import spaces  # exists on such a Space only

        self.device, self.run = device, spaces.GPU(duration=30)(device.run)
        self.threads = ThreadPoolExecutor(4, thread_name_prefix="engine")

    def submit(self, job: Job) -> Future:
        self.threads.submit(contextvars.copy_context().run, self._answer, job).add_done_callback(
            lambda turn: turn.cancelled() and job.fail(RuntimeError("The engine was closed before it could answer.")))
        return job.future

    def close(self) -> None:
        self.threads.shutdown(cancel_futures=True)

    def _answer(self, job: Job) -> None:
        """Piece by piece, as long as somebody waits for it."""
        try:
            while job.done < len(job.x) and job.wanted():
                piece = slice(job.done, job.done + self.device.rows)
                out = self.run(job.checkpoint, job.task, job.x[piece], None if job.y is None else job.y[piece], job.options)
                job.done += len(out)
                job.take(out)
        except Exception as error:
            job.fail(error)
