"""Small things that the server asks of the worker process: a step by hand, a measurement. Each is a file, and its answer another."""

import json
import secrets
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np

from ..checkpoint import write_whole
from ..kept import npz

FOLDER = ".errands"
STALE = 120.0  # seconds after which nobody waits any more
LOOK_EVERY = 0.02
OURS = "The training process could not do this. The log of the server says why."

Answer = tuple[dict, dict[str, np.ndarray]]  # what is said as JSON, and arrays by name


class NotAnswered(RuntimeError):
    """The worker process did not answer in time; the message says so."""


class Errands:
    """The errands below one folder of runs; server and worker each have one of these."""

    def __init__(self, runs: Path):
        self.folder = Path(runs) / FOLDER

    def leave(self, kind: str, values: dict) -> Path:
        """Ask for something without waiting for it. Returns the question's file."""
        self.folder.mkdir(exist_ok=True)
        asked = self.folder / f"{secrets.token_hex(8)}.json"
        write_whole(asked, json.dumps({"kind": kind, "values": values}).encode())
        return asked

    def ask(self, kind: str, values: dict, within: float, ring: Callable[[], None], gone: Callable[[], bool] = lambda: False) -> Answer:
        """Ask, ring, and wait for the answer for so many seconds, as long as whoever wants it is not gone.

        ValueError says what the worker refused; NotAnswered that it did not answer.
        """
        asked = self.leave(kind, values)
        answered, end = asked.with_suffix(".npz"), time.monotonic() + within
        ring()
        try:
            while not answered.exists():
                if time.monotonic() > end or gone():
                    raise NotAnswered("The training process is busy and did not answer. Please try again.")
                time.sleep(LOOK_EVERY)
            with np.load(answered, allow_pickle=False) as arrays:
                found = {key: arrays[key] for key in arrays.files}
        finally:
            asked.unlink(missing_ok=True)
            answered.unlink(missing_ok=True)
        said = json.loads(bytes(found.pop("said")))
        if "refused" in said:
            raise ValueError(said["refused"])
        return said, found

    def waiting(self) -> bool:
        """Whether there is anything to do."""
        return any(self.folder.glob("*.json"))

    def serve(self, do: dict[str, Callable[[dict], Answer]]) -> None:
        """Do all that is asked for, the oldest first. A question is taken away before it is worked on: one that kills the process comes once."""
        for path in sorted(self.folder.glob("*.json"), key=lambda path: (_age(path), path.name), reverse=True):
            try:
                asked = json.loads(path.read_text(encoding="utf-8"))
                path.unlink()
            except (OSError, ValueError):
                continue  # nobody waits for it any more
            try:
                said, arrays = do[asked["kind"]](asked["values"])
            except (ValueError, RuntimeError) as error:
                said, arrays = {"refused": str(error)}, {}
            except Exception:  # a mistake of ours: whoever asked is told so, and the worker goes on
                traceback.print_exc()
                said, arrays = {"refused": OURS}, {}
            with suppress(OSError):  # on a full disk nobody is answered
                content = npz(arrays | {"said": np.frombuffer(json.dumps(said, allow_nan=False).encode(), np.uint8)})
                write_whole(path.with_suffix(".npz"), content)
        for path in self.folder.glob("*.npz"):
            if _age(path) > STALE:
                path.unlink(missing_ok=True)


def _age(path: Path) -> float:
    """Seconds since a file was written; of one that is gone none."""
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0.0
