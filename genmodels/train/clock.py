"""A clock that counts the seconds of one training alone, however many take turns."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Clock:
    """Runs inside `with clock:`, and stands still inside `with clock.stopped():` and outside."""

    def __init__(self, seconds: float = 0.0):
        self._before, self._since = seconds, None

    @property
    def seconds(self) -> float:
        return self._before + (time.monotonic() - self._since if self._since is not None else 0.0)

    def __enter__(self) -> "Clock":
        self._since = time.monotonic()
        return self

    def __exit__(self, *_) -> None:
        self._before, self._since = self.seconds, None

    @contextmanager
    def stopped(self) -> Iterator[None]:
        self.__exit__()
        try:
            yield
        finally:
            self.__enter__()
