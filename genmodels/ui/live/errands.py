"""Errands: long work for visitors, in threads of their own. One at a time for each visitor, a few at once in all, the rest wait in a line."""

import logging
import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ...hub import Stopped
from .asking import Refused

KEPT = 256  # visitors whose last errand is remembered
UNDER_WAY = ("waiting", "working", "stopping")
OURS_TO_LOG = "The server could not do this; its log says why."


@dataclass(eq=False)
class Errand:
    """Work for one visitor. state: waiting, working, stopping, and at the end done, failed or stopped, with what came of it."""

    kind: str
    text: str
    work: Callable[["Errand"], dict[str, Any]]
    reached: str = "waiting"
    done: int = 0
    total: int = 0
    unit: str = ""
    sentence: str = ""
    outcome: dict[str, Any] = field(default_factory=dict)
    stopped: threading.Event = field(default_factory=threading.Event)

    def progress(self, done: int, total: int, unit: str) -> None:
        """For the work to call: so many of so many, of "bytes" or another unit."""
        self.done, self.total, self.unit = done, total, unit

    @property
    def state(self) -> str:
        """What it has reached, or that it works no longer than it must."""
        return "stopping" if self.reached == "working" and self.stopped.is_set() else self.reached

    @property
    def under_way(self) -> bool:
        return self.state in UNDER_WAY

    def run(self) -> None:
        try:
            self.outcome, self.reached = self.work(self), "done"
        except Stopped as stopped:
            self.sentence, self.reached = str(stopped), "stopped"
        except Exception as error:
            self.sentence, self.reached = in_words(error), "failed"


class Errands:
    """at_once: how many are worked on at the same time. line: how many may wait for that."""

    def __init__(self, at_once: int = 2, line: int = 32):
        self.at_once, self.line = at_once, line
        self.last: OrderedDict[str, Errand] = OrderedDict()  # by visitor
        self.waiting: deque[Errand] = deque()
        self.working: list[Errand] = []
        self.lock = threading.Lock()

    def start(self, visitor: str, kind: str, text: str, work: Callable[[Errand], dict[str, Any]]) -> Errand:
        """Refused (409, 503) in words if this visitor has one under way, or too many others wait already."""
        with self.lock:
            if (last := self.last.get(visitor)) and last.under_way:
                raise Refused(409, f"{last.text} is still on its way for you; wait for it, or stop it first.")
            if len(self.waiting) >= self.line:
                raise Refused(503, "Many others wait for the Hub already; try again in some minutes.")
            errand = self.last[visitor] = Errand(kind, text, partial(copy_context().run, work))  # also there it is done for whoever asks
            self.last.move_to_end(visitor)
            for old in [key for key, one in self.last.items() if not one.under_way][:max(0, len(self.last) - KEPT)]:
                del self.last[old]
            self.waiting.append(errand)
            self._next()
        return errand

    def of(self, visitor: str) -> Errand | None:
        """What this visitor asked for last."""
        return self.last.get(visitor)

    def ahead(self, errand: Errand) -> int:
        """How many are served before an errand that waits."""
        with self.lock:
            return self.waiting.index(errand) if errand in self.waiting else 0

    def stop(self, visitor: str) -> None:
        """End this visitor's errand, or forget it where it has ended."""
        with self.lock:
            errand = self.last.get(visitor)
            if errand and errand in self.waiting:
                self.waiting.remove(errand)
                errand.reached = "stopped"
            elif errand and errand.under_way:
                errand.stopped.set()
            else:
                self.last.pop(visitor, None)

    def close(self) -> None:
        """Stop them all; nobody waits for their ends."""
        with self.lock:
            self.waiting.clear()
            for errand in self.working:
                errand.stopped.set()

    def _next(self) -> None:
        while self.waiting and len(self.working) < self.at_once:
            errand = self.waiting.popleft()
            errand.reached = "working"
            self.working.append(errand)
            threading.Thread(target=self._run, args=(errand,), name=f"{errand.kind} {errand.text}", daemon=True).start()

    def _run(self, errand: Errand) -> None:
        errand.run()
        with self.lock:
            self.working.remove(errand)
            self._next()


def in_words(error: Exception) -> str:
    """One sentence for a person. What is no failure that has words is written to the log."""
    if isinstance(error, OSError) and error.strerror:
        return f"The files could not be stored ({error.strerror})."
    if isinstance(error, MemoryError):
        return "There is not enough memory for this here."
    if isinstance(error, (ValueError, OSError, Refused)):
        return str(error)
    logging.error("An errand failed", exc_info=error)
    return OURS_TO_LOG
