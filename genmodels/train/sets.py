"""Datasets on their way into memory, each in a thread of its own, so that a slow download holds up nobody's training."""

import threading
from concurrent.futures import Future, wait
from pathlib import Path

import torch

from ..checkpoint import Checkpoint, find
from ..classifier import Classifier
from ..datasets import DATASETS, Images, OwnSets, dataset, is_own
from ..evaluate import SECOND
from .recipe import Plan

PATIENCE = 5.0  # seconds that everybody else may have to wait for somebody's pictures
BROUGHT_KEPT = 4  # sets that people brought, from their disk or the Hub, in memory, beside those that are being trained on

Pair = tuple[Images, Images]  # to train on, to test with


class Sets:
    """The datasets of plans, on one device, loaded when they are first asked for and kept, and the classifiers of them.

    own: the folder of people's own pictures. Of these, and of sets named on the Hub, a few are kept in memory.
    """

    def __init__(self, source: Path | None, device: str, checkpoints: Path | None = None, own: Path | None = None):
        self.source, self.own, self.device = source, own, torch.device(device)
        self._sets: dict[tuple, Future[Pair]] = {}
        self._found = {} if checkpoints is None else find(checkpoints)
        self._classifiers: dict[tuple, Classifier | None] = {}
        self._told: dict[tuple, str] = {}

    def get(self, plan: Plan) -> Pair | None:
        """Both splits, or None while they come. Raises what went wrong with loading once; asked again, it tries again."""
        asked = _asked(plan)
        if asked not in self._sets:
            self._make_room(plan.dataset)
            self._sets[asked] = Future()
            threading.Thread(target=self._load, args=(asked, self._sets[asked]), daemon=True, name=f"load {plan.dataset}").start()
        if not self._sets[asked].done():
            return None
        if self._sets[asked].exception():
            raise self._sets.pop(asked).exception()
        return self._sets[asked].result()

    def _make_room(self, name: str) -> None:
        """Let go of the oldest sets of people. Those on their way stay: else five who wait would send away each other's for ever."""
        here = [one for one, coming in self._sets.items() if one[0] not in DATASETS and coming.done()]
        for one in here[:max(0, len(here) - BROUGHT_KEPT + 1)] if name not in DATASETS else ():
            del self._sets[one]

    def now(self, plan: Plan) -> Pair:
        """Both splits, waited for a few seconds. ValueError where they take longer; otherwise raises what went wrong with loading."""
        if not (pair := self.get(plan)):
            wait([self._sets[_asked(plan)]], PATIENCE)
            pair = self.get(plan)
        if not pair:
            raise ValueError(f"{self.progress(plan)} Try again in a moment.")
        return pair

    def classifier(self, plan: Plan) -> Classifier | None:
        """The bundled classifier of a plan's pictures; None where there is none that fits, or the plan trains one."""
        data = dataset(*_asked(plan))
        wanted = plan.dataset, tuple(plan.model.image_shape), tuple(data.CLASSES)
        if wanted not in self._classifiers:
            fitting = (one for one in self._found.values() if _fits(one, *wanted))
            found = next(fitting, None)
            self._classifiers[wanted] = found.load().to(self.device) if found else None
        return self._classifiers[wanted]

    def progress(self, plan: Plan) -> str:
        """How far the loading is, in a sentence."""
        return f"The pictures of {plan.dataset} are on their way{self._told.get(_asked(plan), '')}."

    def _load(self, asked: tuple, future: "Future[Pair]") -> None:
        def tell(done: int, total: int, unit: str) -> None:
            self._told[asked] = f": {done / 1e6:.1f} of {total / 1e6:.1f} MB" if unit == "bytes" else f": {done:,} of {total:,} {unit}"

        try:
            data = dataset(*asked)
            more = {"progress": tell} if hasattr(data, "HUB") or hasattr(data, "FILE") else {}
            train, test = (data.load(split, self.own if is_own(asked[0]) else self.source, **more).to(self.device) for split in ("train", "test"))
            future.set_result((train, test))
        except BaseException as error:  # goes to whoever asks
            future.set_exception(error)


def own_sets(runs: Path) -> OwnSets:
    """People's own pictures lie beside the runs."""
    return OwnSets(Path(runs).resolve().parent / "datasets")


def _fits(checkpoint: Checkpoint, name: str, image_shape: tuple[int, ...], classes: tuple[str, ...]) -> bool:
    """Whether this is a classifier of these pictures, and not one that only measures."""
    try:
        return (checkpoint.family is Classifier and checkpoint.about["dataset"] == name and not checkpoint.name.endswith(SECOND)
                and tuple(checkpoint.config.image_shape) == image_shape and tuple(checkpoint.config.conditions) == classes)
    except ValueError:  # a folder that is no checkpoint of ours
        return False


def _asked(plan: Plan) -> tuple:
    """What tells one plan's pictures from another's: one dataset of the Hub may be wanted in several sizes."""
    return plan.dataset, tuple(plan.model.image_shape), tuple(plan.model.conditions)
