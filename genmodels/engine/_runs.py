"""The models of trainings: found by their names alone, never listed, and only for those who may know of them."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from ..checkpoint import NAME, Checkpoint
from ._known import Known, stamp

KEPT = 256  # models of runs of which is kept what was read


class Runs:
    """runs: FOLDER/NAME/checkpoint is the model NAME, as soon as it is whole. may(name): whether whoever asks now may use it.

    `find` asks both anew each time: a run that was shared a moment ago may not be any more, or go on with other weights.
    """

    def __init__(self, runs: Path, may: Callable[[str], bool]):
        self.folder, self.may = Path(runs), may
        self._known: OrderedDict[str, Known] = OrderedDict()  # least recently asked for first
        self._guard = threading.Lock()

    def find(self, name: str) -> Known | None:
        """None where there is no such model for whoever asks."""
        if not isinstance(name, str) or not NAME.fullmatch(name):
            return None
        folder = self.folder / name / "checkpoint"
        now = stamp(folder)
        if now[1] is None or not self.may(name):  # without config.json it is not whole
            return None
        with self._guard:
            known = self._known.pop(name, None)
            if known is None or known.stamp != now:
                known = Known(Checkpoint(folder, name), now)
            self._known[name] = known
            while len(self._known) > KEPT:
                self._known.popitem(last=False)
        return known
