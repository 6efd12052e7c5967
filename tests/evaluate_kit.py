"""What tests of evaluation share: small models of the small digits, checkpoints of them, and less effort than the real thing."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from genmodels.checkpoint import Checkpoint, save_checkpoint
from genmodels.classifier import Classifier
from genmodels.datasets import DATASETS
from genmodels.evaluate import Effort
from genmodels.models.autoencoder import Autoencoder
from genmodels.models.vae import VAE
from genmodels.train.recipe import Plan, Recipe, Stage

TRAIN, TEST = (DATASETS["digits"].load(split) for split in ("train", "test"))
SMALL = {"image_shape": (1, 8, 8), "width": 8, "hidden": 16, "depth": 0}


@contextmanager
def effort(**less: int) -> Iterator[None]:
    """Less than what metrics.json of a real model holds, so that the tests are quick."""
    with pytest.MonkeyPatch.context() as patch:
        for module in ("genmodels.evaluate.FULL", "genmodels.evaluate.__main__.FULL"):
            patch.setattr(module, Effort(**less))
        yield


def taught(model, steps: int, rate: float = 5e-3):
    """A model after a few steps of Adam on the small digits."""
    torch.manual_seed(0)
    optimizer = torch.optim.Adam(model.train().parameters(), rate)
    for _ in range(steps):
        index = torch.randint(len(TRAIN), (128,))
        optimizer.zero_grad()
        model.loss(TRAIN.floats(index), TRAIN.one_hot(index) if model.conditions else None)["loss"].backward()
        optimizer.step()
    model.refresh(TRAIN.floats(slice(None)))
    return model.eval().requires_grad_(False)


def solved_pca() -> Autoencoder:
    """PCA of two dimensions, as a linear autoencoder."""
    torch.manual_seed(0)
    pca = Autoencoder(Autoencoder.Config(image_shape=(1, 8, 8), latent_dim=2, net="linear")).requires_grad_(False).eval()
    pca.solve(TRAIN.floats(slice(None)))
    return pca


def with_recipe(model, folder: Path) -> Checkpoint:
    """A checkpoint of a model, with a recipe that says more steps than it took."""
    family = {Autoencoder: "autoencoder", VAE: "vae", Classifier: "classifier"}[type(model)]
    stages = (Stage(steps=1, method="closed form"),) if family == "autoencoder" else (Stage(steps=700, rate=0.005),)
    return save_checkpoint(model, folder, Plan(family, "digits", model.config, Recipe(stages, batch=128)).to_json())


def metrics(root: Path, name: str) -> dict:
    return Checkpoint(root / name).metrics()
