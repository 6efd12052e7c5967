"""A model whose places are pictures is measured through codes alone: a few by class in its atlas, nothing random, a sheet of walks."""

import numpy as np
import pytest
import torch

from genmodels.evaluate import evaluate
from genmodels.evaluate.atlas import PLACES, chosen_pictures
from genmodels.evaluate.judge import Judge
from genmodels.evaluate.subject import Subject
from genmodels.models import to_pixels
from genmodels.models.vq import VQ
from genmodels.train.quick import keep_atlas

from .conftest import DIGITS, save_tiny
from .evaluate_kit import TEST, TRAIN, effort, taught


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A vector-quantised autoencoder of the small digits, not yet measured."""
    torch.manual_seed(0)
    return save_tiny(taught(VQ(VQ.Config(image_shape=(1, 8, 8), codes=16, halvings=1, width=8)), 60), tmp_path_factory.mktemp("placed") / "digits-vq")


@pytest.fixture(scope="module")
def measured(checkpoint):
    """It and its metrics, measured by a classifier that knows little."""
    from genmodels.classifier import Classifier
    torch.manual_seed(0)
    classifier = taught(Classifier(Classifier.Config(image_shape=(1, 8, 8), conditions=DIGITS, width=8, features=16)), 60)
    with effort(samples=300, by_steps=100, bounded=40, draws=200):
        return checkpoint, evaluate(checkpoint, TRAIN, TEST, Judge(classifier, TRAIN, TEST, 300))


def test_its_places_are_a_few_test_pictures_sorted_by_class(measured):
    atlas = measured[0].atlas()
    assert atlas["codes"].shape == (PLACES, 4, 4, 4) and (np.diff(atlas["labels"].astype(int)) >= 0).all()
    assert np.bincount(atlas["labels"], minlength=10).tolist() == [3] * 10
    model = measured[0].load()
    with torch.no_grad():
        made = to_pixels(model.decode(torch.from_numpy(atlas["codes"].astype(np.float32))))
    assert np.array_equal(atlas["pictures"], made)


def test_nothing_random_is_measured_or_shown(measured):
    checkpoint, metrics = measured
    assert not {"generated", "beside", "effects", "names", "samples"} & set(metrics) and metrics["gallery"] == []
    assert {"mse", "label_kept", "knn_accuracy", "midpoint_certainty", "own"} <= set(metrics)
    names = {path.name for path in checkpoint.folder.iterdir()}
    assert "walks.webp" in names and not {"samples.webp", "samplers.npz", "directions.json"} & names


def test_its_card_says_why(measured):
    text = (measured[0].folder / "README.md").read_text(encoding="utf-8")
    assert VQ.PRIOR in text and "random latents may decode" not in text and "walks.webp" in text and "Each picture has exactly one code" not in text


def test_it_is_looked_at_through_codes_although_they_are_long(measured):
    subject = Subject(measured[0].load(), TEST)
    assert subject.placed and subject.mapped and not subject.coded and len(chosen_pictures(subject)) == PLACES


def test_a_run_has_its_places_at_once(checkpoint):
    keep_atlas(checkpoint, checkpoint.load(), TEST)
    assert checkpoint.atlas()["pictures"].shape == (PLACES, 8, 8, 1)
