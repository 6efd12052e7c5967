"""Who may use the model of a run. It is asked for every picture, so what a run's files say is kept for as long as they stay the same."""

from collections import OrderedDict
from pathlib import Path

from .runs import Run

KEPT = 1024  # runs
FILES = ("run.json", "label.json")  # that say whose a run is, and whether it is shared


class Access:
    """Safe to ask from any thread: the worst that can happen is that two read the same file."""

    def __init__(self, folder: Path):
        self.folder = Path(folder)
        self._said: OrderedDict[str, tuple[list, str, bool]] = OrderedDict()  # by name: what the files are, the owner's hash, shared

    def is_open(self, name: str, me: str | None) -> bool:
        """Whether the person with this hash, None for nobody in particular, may use the model of a run of this name, which must be a plain one."""
        folder = self.folder / name
        now = [_state(folder / file) for file in FILES]
        if (known := self._said.get(name)) is None or known[0] != now:
            if now[0] is None:
                self._said.pop(name, None)
                return False
            try:
                run = Run(folder)
                known = self._said[name] = now, run.about.get("owner", ""), bool(run.label.get("shared"))
            except (OSError, ValueError):  # deleted just now
                return False
            while len(self._said) > KEPT:
                self._said.popitem(last=False)
        _, owner, shared = known
        return bool(owner) and (shared or owner == me)


def _state(path: Path) -> tuple[int, int, int] | None:
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_ino, state.st_mtime_ns, state.st_size
