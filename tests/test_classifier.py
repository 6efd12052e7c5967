"""The classifier of attributes: each by itself, unknown ones left out, rare ones as fairly judged as others."""

import pytest
import torch

from genmodels.classifier import Classifier, Config
from genmodels.datasets import Images
from genmodels.train.loop import Trainer
from genmodels.train.recipe import Recipe, Stage

NAMES = ("bright", "rare", "unknown")


def pictures(n: int = 600) -> Images:
    """Pictures whose mean tells "bright", and whose corner tells "rare", which one in twenty has; "unknown" is never known."""
    torch.manual_seed(0)
    bright, rare = torch.rand(n) < 0.5, torch.rand(n) < 0.05
    x = torch.randint(0, 60, (n, 1, 16, 16)) + 80 * bright.view(-1, 1, 1, 1)
    x[rare, :, :6, :6] += 100
    attributes = torch.stack([2.0 * bright - 1, 2.0 * rare - 1, torch.zeros(n)], 1)
    return Images(x.clamp(0, 255).byte(), torch.zeros(n, dtype=torch.int64), NAMES, attributes=attributes)


@pytest.fixture(scope="module")
def trained() -> Classifier:
    torch.manual_seed(0)
    model = Classifier(Config((1, 16, 16), NAMES, kind="attributes", width=8, turn=0.0, shift=0.0, scale=0.0))
    trainer = Trainer(model, pictures(), Recipe((Stage(steps=150, rate=5e-3),), batch=100, averaging=0.9, precision="float32"))
    for _ in trainer:
        pass
    return trainer.snapshot()


def test_it_finds_a_rare_attribute_as_surely_as_a_common_one(trained):
    images = pictures()
    with torch.no_grad():
        seen = trained.probabilities(images.floats(slice(None))) > 0.5
    for k in (0, 1):
        has = images.attributes[:, k] > 0
        assert seen[has, k].float().mean() > 0.85 and (~seen[~has, k]).float().mean() > 0.85, NAMES[k]


def test_probabilities_of_attributes_do_not_share_one_sum(trained):
    x = pictures(50).floats(slice(None))
    with torch.no_grad():
        assert torch.equal(trained.probabilities(x), trained(x).sigmoid()) and not torch.allclose(trained.probabilities(x).sum(1), torch.ones(50), atol=0.05)


def test_what_is_not_known_teaches_nothing():
    model = Classifier(Config((1, 16, 16), NAMES, kind="attributes", width=8))
    images = pictures(40)
    model.loss(images.floats(slice(None)), images.one_hot(slice(None)))["loss"].backward()
    assert model.name_head.weight.grad[2].abs().max() == 0 and model.name_head.weight.grad[0].abs().max() > 0


def test_the_share_of_each_attribute_is_learned_from_what_is_known(trained):
    assert trained.share.tolist() == pytest.approx([0.5, 0.05, 0.5], abs=0.25) and float(trained.share[1]) < 0.2


def test_large_pictures_are_halved_before_anything_else():
    model = Classifier(Config((3, 64, 64), NAMES, kind="attributes", width=8))
    assert model(torch.zeros(2, 3, 64, 64)).shape == (2, 3) and model.describe_head.in_features == 4 * 8 * 4 * 4
