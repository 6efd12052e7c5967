"""The queue is what the run folders say: which runs wait, whose turn it is, and where somebody stands."""

import threading
from pathlib import Path

from .runs import UNFINISHED, Run


class Queue:
    """Runs of people (those with an owner) below one folder. Server and worker each read it for themselves."""

    def __init__(self, folder: Path):
        self.folder = Path(folder)
        self._read: dict[str, tuple[tuple, dict]] = {}
        self._guard = threading.Lock()

    def runs(self, owner: str | None = None) -> list[tuple[Run, dict]]:
        """Runs with their run.json, in the order they were asked for; of one owner or of everybody."""
        found, read = [], {}
        with self._guard:
            for path in self.folder.glob("*/run.json"):
                run = Run(path.parent)
                try:
                    now = path.stat()
                    stamp = now.st_ino, now.st_mtime_ns, now.st_size
                    known = self._read.get(run.name)
                    about = known[1] if known and known[0] == stamp else run.about  # hundreds of old runs are not read again
                except (OSError, ValueError):
                    continue  # removed just now, or no longer readable: nobody can train it, and the others must go on
                read[run.name] = stamp, about
                if about.get("owner") and owner in (None, about["owner"]):
                    found.append((run, about))
            self._read = read
        return sorted(found, key=lambda pair: (pair[1]["created"], pair[0].name))

    def unfinished(self) -> list[tuple[Run, dict]]:
        """Those that are trained or wait, in the order in which they got in line: one that goes on after a pause is the last."""
        found = [(run, about) for run, about in self.runs() if about["state"] in UNFINISHED]
        return sorted(found, key=lambda pair: pair[1].get("queued", pair[1]["created"]))
