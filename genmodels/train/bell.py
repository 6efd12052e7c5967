"""A bell between server and worker: a file whose time says when somebody last asked for something."""

from pathlib import Path


class Bell:
    """Rung by whoever has asked for something below a folder, so that the worker need not look through all runs to hear of it."""

    def __init__(self, folder: Path):
        self._path = Path(folder) / ".bell"
        self._heard = self._rung()

    def ring(self) -> None:
        self._path.touch()

    def heard(self) -> bool:
        """Whether it has rung since this was asked the last time."""
        before, self._heard = self._heard, self._rung()
        return self._heard != before

    def _rung(self) -> int:
        try:
            return self._path.stat().st_mtime_ns
        except FileNotFoundError:
            return 0
