"""Datasets on their way into memory, each in a thread of its own, so that a slow download holds up nobody's training."""

import threading
from concurrent.futures import Future
from pathlib import Path

import torch

from ..datasets import DATASETS, Images

Pair = tuple[Images, Images]  # to train on, to test with


class Sets:
    """Datasets by name, on one device, loaded when they are first asked for and kept."""

    def __init__(self, source: Path | None, device: str):
        self.source, self.device = source, torch.device(device)
        self._sets: dict[str, Future[Pair]] = {}
        self._told: dict[str, str] = {}

    def get(self, name: str) -> Pair | None:
        """Both splits, or None while they come. Raises what went wrong with loading once; asked again, it tries again."""
        if name not in self._sets:
            self._sets[name] = Future()
            threading.Thread(target=self._load, args=(name, self._sets[name]), daemon=True, name=f"load {name}").start()
        if not self._sets[name].done():
            return None
        if self._sets[name].exception():
            raise self._sets.pop(name).exception()
        return self._sets[name].result()

    def progress(self, name: str) -> str:
        """How far the loading is, in a sentence."""
        return f"The pictures of {name} are on their way{self._told.get(name, '')}."

    def _load(self, name: str, future: "Future[Pair]") -> None:
        def tell(done: int, total: int, unit: str) -> None:
            self._told[name] = f": {done / 1e6:.1f} of {total / 1e6:.1f} MB" if unit == "bytes" else f": {done:,} of {total:,} {unit}"

        dataset = DATASETS[name]
        more = {"progress": tell} if hasattr(dataset, "HUB") else {}
        try:
            train, test = (dataset.load(split, self.source, **more).to(self.device) for split in ("train", "test"))
            future.set_result((train, test))
        except BaseException as error:  # goes to whoever asks
            future.set_exception(error)
