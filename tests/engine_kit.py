"""What the tests of the engine share: a classifier, an eye for equal pictures, and a way to hold the engine inside a batch."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import torch

from genmodels.checkpoint import save_checkpoint
from genmodels.classifier import Classifier
from genmodels.engine import Engine
from genmodels.train.recipe import Plan

from .conftest import DIGITS


def save_classifier(folder):
    """A checkpoint of a tiny classifier of the small digits."""
    torch.manual_seed(0)
    config = Classifier.Config(image_shape=(1, 8, 8), conditions=DIGITS, width=4, features=8)
    return save_checkpoint(Classifier(config), folder, Plan("classifier", "digits", config).to_json())


def save_features(folder) -> np.ndarray:
    """features.npz beside a classifier: those of sixty pictures of noise, whose usual distance is said to be one half. Returns them [60, F]."""
    features = np.random.default_rng(3).normal(size=(60, 8)).astype(np.float16)
    np.savez_compressed(folder / "features.npz", features=features, labels=np.arange(60, dtype=np.uint8) % 10, reach=np.float32(0.5))
    return features


def close_to(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether pictures differ by the rounding of another batch, and no more."""
    return a.shape == b.shape and np.abs(a.astype(int) - b.astype(int)).max() <= 2


@contextmanager
def holding(engine: Engine) -> Iterator[SimpleNamespace]:
    """The engine, its models loaded, held inside its first batch until `release` is set; `batches` lists what it was given."""
    for name in engine.folders():
        engine._device.memory.get(engine.checkpoint(name))
    steps, batches, entered, release = engine._device.steps, [], threading.Event(), threading.Event()

    def slow(checkpoint, task, x, *rest):
        batches.append((checkpoint.name, len(x)))
        entered.set()
        release.wait(10)
        return steps(checkpoint, task, x, *rest)

    engine._device.steps = slow
    yield SimpleNamespace(engine=engine, batches=batches, entered=entered, release=release)
    release.set()


def idle(engine: Engine) -> bool:
    """Whether long work comes to its end, sooner than it would by itself."""
    until = time.monotonic() + 5
    while engine._queue.under_way and time.monotonic() < until:
        time.sleep(0.01)
    return not engine._queue.under_way
