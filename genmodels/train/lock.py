"""A lock on a folder that the system lets go of when its holder dies, however it dies."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


class Locked(RuntimeError):
    """Another process holds the lock."""


class Lock:
    """Held from its making to `release`. Locked if another process, or another Lock in this one, holds it.

    The file stays where it is: a name that comes and goes could be locked twice.
    """

    def __init__(self, path: Path):
        self._file = open(path, "a+b")
        try:
            _lock(self._file)
        except OSError:
            self._file.close()
            raise Locked(f"{path.parent.name} is in use by another process. Stop that one first, or wait until it is done.") from None

    def release(self) -> None:
        self._file.close()


@contextmanager
def held(path: Path, within: float = 0.0) -> Iterator[None]:
    """With the lock, as soon as whoever has it lets go of it. Locked after so many seconds."""
    end = time.monotonic() + within
    while True:
        try:
            lock = Lock(path)
            break
        except Locked:
            if time.monotonic() >= end:
                raise
            time.sleep(0.02)
    try:
        yield
    finally:
        lock.release()


if os.name == "nt":
    import msvcrt

    def _lock(file: BinaryIO) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(file: BinaryIO) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
