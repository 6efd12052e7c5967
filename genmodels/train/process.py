"""Keeps one worker process alive for a folder of runs."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

CLOSE_WITHIN = 8.0  # seconds that the worker has to save everything when the server goes


class Keeper:
    """Begins the worker when it is first needed, and again whenever it dies. arguments: of `python -m genmodels.train.turns`."""

    def __init__(self, *arguments: str):
        self.arguments = arguments
        self.process: subprocess.Popen | None = None
        self._guard = threading.RLock()
        self._closed = threading.Event()

    def warm(self) -> None:
        """Begin the process, and watch over it, where there is none."""
        with self._guard:
            if self.process is None and not self._closed.is_set():
                self.process = self._spawn()
                threading.Thread(target=self._watch, daemon=True).start()

    def close(self) -> None:
        """Let the process save everything and go."""
        self._closed.set()
        with self._guard:
            process = self.process
        if process is None:
            return
        process.stdin.close()
        try:
            process.wait(CLOSE_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _spawn(self) -> subprocess.Popen:
        package = str(Path(__file__).resolve().parents[2])
        paths = os.pathsep.join([package, *filter(None, [os.environ.get("PYTHONPATH")])])
        return subprocess.Popen([sys.executable, "-m", "genmodels.train.turns", *self.arguments], stdin=subprocess.PIPE,
                                env=os.environ | {"PYTHONPATH": paths})

    def _watch(self) -> None:
        """Begin the worker again whenever it dies, more and more slowly if it dies at once."""
        pause = 0.5
        while True:
            began = time.monotonic()
            self.process.wait()
            pause = 0.5 if time.monotonic() - began > 30 else min(2 * pause, 30)
            if self._closed.wait(pause):
                return
            with self._guard:
                if self._closed.is_set():
                    return
                self.process = self._spawn()
