"""The models of trainings: found by their names alone, never listed, and only for those who may know of them."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from ..checkpoint import NAME, Checkpoint
from ._known import Known, stamp

KEPT = 256  # models of runs of which is kept what was read
GLANCE = 0.2  # seconds after which the files of a model are looked at again


class Runs:
    """runs: FOLDER/NAME/checkpoint is the model NAME, as soon as it is whole. may(name): whether whoever asks now may use it.

    Who may is asked anew each time: a run that was shared a moment ago may not be any more. That its weights are others is seen within GLANCE
    seconds, or at once after `look_again`.
    """

    def __init__(self, runs: Path, may: Callable[[str], bool]):
        self.folder, self.may = Path(runs), may
        self._known: OrderedDict[str, Known] = OrderedDict()  # least recently asked for first
        self._looked: dict[str, float] = {}  # when, by name
        self._guard = threading.Lock()

    def find(self, name: str) -> Known | None:
        """None where there is no such model for whoever asks."""
        if not isinstance(name, str) or not NAME.fullmatch(name):
            return None
        if not self.may(name):
            return None
        with self._guard:
            known, now = self._known.pop(name, None), time.monotonic()
            if known is None or now - self._looked.get(name, 0.0) > GLANCE:
                known = self._looked_at(name, known)
                self._looked[name] = now
            if known is None:
                self._looked.pop(name, None)
                return None
            self._known[name] = known
            while len(self._known) > KEPT:
                self._looked.pop(self._known.popitem(last=False)[0], None)
        return known

    def look_again(self) -> None:
        """Whatever is asked for next is looked at anew."""
        with self._guard:
            self._looked.clear()

    def _looked_at(self, name: str, known: Known | None) -> Known | None:
        folder = self.folder / name / "checkpoint"
        now = stamp(folder)
        if now[1] is None:  # without config.json it is not whole
            return None
        return known if known and known.stamp == now else Known(Checkpoint(folder, name), now)
