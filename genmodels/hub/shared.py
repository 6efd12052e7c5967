"""Work that several people wait for: begun by the first, told to all, and stopped only when nobody waits for it any more."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Any

from ..client import Progress, Stopped

Work = Callable[[Progress, threading.Event], Any]  # is told how to report, and when nobody waits


class Shared:
    """Work under way, by name."""

    def __init__(self):
        self._lock = threading.Lock()
        self._under_way: dict[str, _Job] = {}

    def under_way(self) -> set[str]:
        """Names of what somebody waits for."""
        with self._lock:
            return set(self._under_way)

    def join(self, name: str, work: Work, progress: Progress | None, stopped: threading.Event) -> Any:
        """What work() gives or raises: that of somebody else, where work of that name goes on already. `Stopped` if one waits no longer."""
        with self._lock:
            job = self._under_way.get(name)
            if job is None or job.future.done():
                job = self._under_way[name] = _Job(name, work)
            job.waiting += 1
        try:
            return job.wait(progress, stopped)
        finally:
            with self._lock:
                job.waiting -= 1
                if not job.waiting:
                    job.abandoned.set()
                    if self._under_way.get(name) is job:
                        del self._under_way[name]


class _Job:
    def __init__(self, name: str, work: Work):
        self.waiting, self.told = 0, (0, 0, "")
        self.abandoned, self.future = threading.Event(), Future()
        threading.Thread(target=self._run, args=(work,), daemon=True, name=f"fetch {name}").start()

    def _run(self, work: Work) -> None:
        try:
            self.future.set_result(work(self._tell, self.abandoned))
        except BaseException as error:  # goes to those who wait
            self.future.set_exception(error)

    def _tell(self, *told) -> None:
        self.told = told

    def wait(self, progress: Progress | None, stopped: threading.Event) -> Any:
        shown = (0, 0, "")
        while True:
            done = wait([self.future], timeout=0.05).done
            if progress and self.told != shown:
                shown = self.told
                progress(*shown)
            if done:
                return self.future.result()
            if stopped.is_set():
                raise Stopped
