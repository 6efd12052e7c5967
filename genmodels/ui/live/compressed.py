"""Compressed copies of files that never change, each made once and kept under the name of its content."""

import gzip
import logging
import os
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import brotli

SMALL = 1024  # bytes that are not worth compressing
QUICK = {"br": lambda content: brotli.compress(content, quality=5), "gzip": lambda content: gzip.compress(content, 5, mtime=0)}
BEST = {"br": lambda content: brotli.compress(content, quality=11, lgwin=24), "gzip": lambda content: gzip.compress(content, 9, mtime=0)}


def chosen(accepted: str) -> str:
    """ "br", "gzip" or "identity", by a request's Accept-Encoding. Browsers offer br over https and to localhost only."""
    offers = {}
    for offer in accepted.lower().split(","):
        name, _, weight = offer.partition(";")
        offers[name.strip()] = weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return next((name for name in BEST if offers.get(name)), "identity")


class Compressed:
    """A folder of compressed copies.

    The best copy takes a minute for the 14 MB of the runtime, so a thread of the lowest priority makes it once for this
    machine; until it is there, a quick one (15 % larger, under a second) serves.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.asked: set[tuple[str, str]] = set()
        self.work: queue.SimpleQueue = queue.SimpleQueue()
        self.lock = threading.Lock()
        self.thread: threading.Thread | None = None

    def get(self, key: str, encoding: str, content: Callable[[], bytes]) -> bytes:
        """The content in an encoding that `chosen` gave; `key` names the content for ever."""
        if encoding == "identity":
            return content()
        best, quick = (self.folder / f"{key}.{speed}.{encoding}" for speed in ("best", "quick"))
        if (copy := _read(best)) is not None:
            return copy
        with self.lock:  # thirty at once wait for one copy rather than making thirty
            if (copy := _read(quick)) is None:
                copy = QUICK[encoding](content())
                _keep(quick, copy)
        self.improve(key, content, encoding)
        return copy

    def improve(self, key: str, content: Callable[[], bytes], *encodings: str) -> None:
        """Have the best copies made behind everything else, where there are none yet."""
        for encoding in encodings or BEST:
            if (key, encoding) not in self.asked and not (self.folder / f"{key}.best.{encoding}").exists():
                self.asked.add((key, encoding))
                self.work.put((key, encoding, content))
        with self.lock:
            if self.thread is None and not self.work.empty():
                self.thread = threading.Thread(target=self._improve, name="compress", daemon=True)
                self.thread.start()

    def _improve(self) -> None:
        if hasattr(os, "setpriority"):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)  # on Linux a thread has a priority of its own
        while True:
            key, encoding, content = self.work.get()
            try:
                _keep(self.folder / f"{key}.best.{encoding}", BEST[encoding](content()))
                (self.folder / f"{key}.quick.{encoding}").unlink(missing_ok=True)
            except OSError as error:
                logging.warning("no compressed copy of %s: %s", key, error)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _keep(path: Path, content: bytes) -> None:
    """Write the copy whole, or go on without it: a full disk must not keep the page from loading."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_native_id()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content)
        os.replace(temporary, path)
    except OSError as error:
        logging.warning("the compressed copy %s is not kept: %s", path, error)
        with suppress(OSError):
            temporary.unlink()
