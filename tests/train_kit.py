"""A training service whose worker is a thread of this process, so that a test need not wait for another Python to begin."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from genmodels.train import endings
from genmodels.train.recipe import Plan, plan_from
from genmodels.train.turns import Worker
from genmodels.train.worker import Service

PATIENCE = 240.0  # seconds: a busy machine is no fault


class InThread:
    """Like a `Keeper`, of a worker in this process."""

    process = None

    def __init__(self, folder: Path, checkpoints: Path | None = None):
        self.leaving, self.thread = threading.Event(), None
        self.worker = Worker(folder, None, "cpu", self.leaving, checkpoints)

    def warm(self) -> None:
        if self.thread is None and not self.leaving.is_set():
            self.thread = threading.Thread(target=self.worker.serve, daemon=True)
            self.thread.start()

    def close(self) -> None:
        self.leaving.set()
        if self.thread:
            self.thread.join(PATIENCE)


@contextmanager
def served(folder: Path, checkpoints: Path | None = None) -> Iterator[Service]:
    """A service on a folder of runs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(endings, "TERM_AFTER", PATIENCE)
        service = Service(folder, device="cpu")
        service.keeper = service._endings.keeper = InThread(folder, checkpoints)
        try:
            yield service
        finally:
            service.close()


def wait_for(condition: Callable, seconds: float = PATIENCE):
    """What a condition gives as soon as that is true."""
    deadline = time.monotonic() + seconds
    while not (met := condition()):
        assert time.monotonic() < deadline, "it did not come to pass in time"
        time.sleep(0.02)
    return met


def small_plan(family: str = "vae", steps: int = 200_000, model: dict | None = None, **recipe) -> Plan:
    """A plan for a tiny model of the small digits."""
    size = {"vae": {"width": 4, "hidden": 8}, "gan": {"width": 4, "latent_dim": 8}, "autoencoder": {"width": 4, "hidden": 8}}[family]
    stage = {"steps": steps} | ({"players": ["critic", "generator"]} if family == "gan" else {})
    return plan_from({"format": 1, "family": family, "dataset": "digits", "model": {"image_shape": [1, 8, 8]} | size | (model or {}),
                      "recipe": {"stages": [stage], "batch": 50, "precision": "float32"} | recipe})
