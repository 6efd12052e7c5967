"""Datasets on their way into memory, each in a thread of its own, so that a slow download holds up nobody's training."""

import threading
from concurrent.futures import Future
from pathlib import Path

import torch

from ..datasets import Images, dataset
from .recipe import Plan

Pair = tuple[Images, Images]  # to train on, to test with


class Sets:
    """The datasets of plans, on one device, loaded when they are first asked for and kept."""

    def __init__(self, source: Path | None, device: str):
        self.source, self.device = source, torch.device(device)
        self._sets: dict[tuple, Future[Pair]] = {}
        self._told: dict[tuple, str] = {}

    def get(self, plan: Plan) -> Pair | None:
        """Both splits, or None while they come. Raises what went wrong with loading once; asked again, it tries again."""
        asked = _asked(plan)
        if asked not in self._sets:
            self._sets[asked] = Future()
            threading.Thread(target=self._load, args=(asked, self._sets[asked]), daemon=True, name=f"load {plan.dataset}").start()
        if not self._sets[asked].done():
            return None
        if self._sets[asked].exception():
            raise self._sets.pop(asked).exception()
        return self._sets[asked].result()

    def progress(self, plan: Plan) -> str:
        """How far the loading is, in a sentence."""
        return f"The pictures of {plan.dataset} are on their way{self._told.get(_asked(plan), '')}."

    def _load(self, asked: tuple, future: "Future[Pair]") -> None:
        def tell(done: int, total: int, unit: str) -> None:
            self._told[asked] = f": {done / 1e6:.1f} of {total / 1e6:.1f} MB" if unit == "bytes" else f": {done:,} of {total:,} {unit}"

        try:
            data = dataset(*asked)
            more = {"progress": tell} if hasattr(data, "HUB") or hasattr(data, "FILE") else {}
            train, test = (data.load(split, self.source, **more).to(self.device) for split in ("train", "test"))
            future.set_result((train, test))
        except BaseException as error:  # goes to whoever asks
            future.set_exception(error)


def _asked(plan: Plan) -> tuple:
    """What tells one plan's pictures from another's: one dataset of the Hub may be wanted in several sizes."""
    return plan.dataset, tuple(plan.model.image_shape), tuple(plan.model.conditions)
