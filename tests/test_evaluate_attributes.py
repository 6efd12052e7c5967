"""Evaluating models of pictures with attributes: what is kept, how far shares are off, an atlas that shows nobody."""

import io

import numpy as np
import pytest
import torch

from genmodels.classifier import Classifier, Config
from genmodels.datasets import Images
from genmodels.evaluate import Effort, examine
from genmodels.evaluate.classified import measure_classifier
from genmodels.evaluate.judge import Judge
from genmodels.evaluate.subject import Subject
from genmodels.train.loop import Trainer
from genmodels.train.recipe import Recipe, Stage

from .conftest import save_tiny, tiny_model

NAMES, GROUPS = ("bright", "striped", "light frame", "dark frame"), (2, 3)
EFFORT = Effort(samples=60, by_steps=20, bounded=10, draws=2, labelled=0)


def pictures(n: int, seed: int) -> Images:
    """8x8 pictures: bright or not, striped or not, and with a frame that is light or dark; every fifth "striped" is not known."""
    random = np.random.default_rng(seed)
    bright, striped, light = random.random((3, n)) < 0.5
    x = np.full((n, 8, 8), 70.0) + 90 * bright[:, None, None] + random.normal(0, 6, (n, 8, 8))
    x[:, ::2] += 50 * striped[:, None, None]
    x[:, :, [0, -1]] = np.where(light, 250, 5)[:, None, None]
    said = np.stack([bright, striped, light, ~light], 1) * 2.0 - 1
    said[::5, 1] = 0
    pixels = torch.from_numpy(x.clip(0, 255).astype(np.uint8))[:, None]
    return Images(pixels, torch.from_numpy(np.where(light, 2, 3)), NAMES, attributes=torch.from_numpy(said).float(), groups=GROUPS)


TRAIN, TEST = pictures(400, 0), pictures(150, 1)


@pytest.fixture(scope="module")
def judge() -> Judge:
    torch.manual_seed(0)
    model = Classifier(Config((1, 8, 8), NAMES, kind="attributes", width=8, turn=0.0, shift=0.0, scale=0.0))
    trainer = Trainer(model, TRAIN, Recipe((Stage(steps=150, rate=5e-3),), batch=100, averaging=0.9, precision="float32"))
    for _ in trainer:
        pass
    return Judge(trainer.snapshot(), TRAIN, TEST, samples=60)


@pytest.fixture(scope="module")
def vae(judge, tmp_path_factory):
    trainer = Trainer(tiny_model("vae", latent_dim=3), TRAIN, Recipe((Stage(steps=200, rate=5e-3),), batch=100, averaging=0.9, precision="float32"))
    for _ in trainer:
        pass
    checkpoint = save_tiny(trainer.snapshot(), tmp_path_factory.mktemp("made") / "vae")
    return examine(checkpoint, TRAIN, TEST, judge, effort=EFFORT)[:2]


def test_each_attribute_is_judged_on_the_pictures_of_which_it_is_known(judge):
    measured = measure_classifier(judge.classifier, TEST)
    assert set(measured["balanced"]) == set(NAMES) and min(measured["balanced"].values()) > 0.9
    assert measured["balanced_accuracy"] == pytest.approx(np.mean(list(measured["balanced"].values())))


def test_what_reconstructions_keep_is_counted_over_attributes_and_classes_are_not_spoken_of(vae):
    metrics, _ = vae
    assert 0.5 < metrics["attributes_kept"] <= 1
    assert not {"label_kept", "knn_accuracy", "midpoint_certainty"} & set(metrics)


def test_made_pictures_are_compared_by_the_shares_of_attributes(vae, judge):
    metrics, _ = vae
    row = metrics["generated"]["normal"]
    assert 0 <= row["attribute_gap"] < 0.5 and not {"sure", "spread", "least_class"} & set(row)
    assert metrics["beside"]["halves"]["fd"] < row["fd"] and metrics["beside"]["train"]["attribute_gap"] < 0.15


def test_the_atlas_shows_random_latents_coloured_by_their_group_and_no_test_picture(vae):
    _, files = vae
    with np.load(io.BytesIO(files["atlas.npz"])) as atlas:
        assert "codes" not in atlas.files and atlas["seed"].shape == () and set(atlas["labels"].tolist()) <= set(GROUPS)


def test_the_gallery_shows_where_each_attribute_is_surest(vae):
    points = vae[0]["gallery"]
    assert points and all(one["point"].startswith("atlas:") and "sees this most surely" in one["why"] for one in points)
    assert len({one["point"] for one in points}) == len(points) <= len(NAMES)


def test_dimensions_are_named_after_attributes(vae):
    named = [one["name"] for one in vae[0]["names"] if one]
    assert named and set(named) <= set(NAMES)


def test_a_conditional_model_is_told_the_attributes_of_real_pictures():
    subject = Subject(tiny_model("vae", conditions=NAMES), TEST)
    told, count = subject.turns(len(TEST) + 2), len(TEST)
    assert torch.equal(told[:count], TEST.attributes) and torch.equal(told[count:], TEST.attributes[:2]), "in their order, and what is not known stays so"
    assert not subject.mapped and subject.coded
    stepwise = Subject(tiny_model("diffusion", conditions=NAMES), TEST)
    assert torch.equal(stepwise.turns(count), TEST.attributes), "also where only some test pictures, of every kind as many, are encoded"
