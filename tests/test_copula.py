"""Attributes that a latent decides: as often and as much together as in the labels, and what a GAN learns from that."""

import numpy as np
import pytest
import torch

from genmodels.datasets import Images
from genmodels.models import MODELS
from genmodels.models._copula import Copula
from genmodels.train.loop import Trainer
from genmodels.train.recipe import Recipe, Stage, plan_from

NAMES = ("Hat", "Beard", "Tie")


@pytest.fixture(scope="module")
def labels() -> torch.Tensor:
    """Three attributes: a rare one, and two that mostly come together, not all of them known."""
    random = np.random.default_rng(0)
    first, second, third = random.normal(size=(3, 4000))
    found = np.stack([first > 1.3, second > 0, 0.8 * second + 0.6 * third > 0.5], 1) * 2.0 - 1
    return torch.from_numpy(found * (random.random(found.shape) > 0.1)).float()


def pairs(signs: torch.Tensor) -> torch.Tensor:
    """How often two of the attributes are there together [K, K], among what is known."""
    there, known = (signs > 0).double(), (signs != 0).double()
    return there.T @ there / (known.T @ known)


def test_what_is_read_off_the_prior_is_as_frequent_and_as_correlated_as_the_labels(labels):
    copula = Copula(3, 8)
    copula.fit(labels)
    torch.manual_seed(0)
    assert torch.allclose(pairs(copula(torch.randn(20_000, 8))), pairs(labels), atol=0.02)


def test_its_axes_have_length_one_so_that_a_push_is_in_sigmas(labels):
    copula = Copula(3, 8)
    copula.fit(labels)
    assert torch.allclose(copula.axes.norm(dim=1), torch.ones(3), atol=1e-5)
    z = torch.zeros(1, 8)
    reading = (z + 2 * copula.axes[1]) @ copula.axes.T
    assert reading[0, 1] == pytest.approx(2)


def test_an_attribute_that_is_always_there_leaves_a_matrix_of_correlations():
    copula = Copula(3, 3)
    copula.fit(torch.tensor([[1.0, 1, -1], [1, 1, -1], [1, -1, 1], [1, 0, 0]]))
    assert copula.axes.isfinite().all() and copula(torch.randn(200, 3))[:, 0].mean() > 0.9


def gan(**more):
    family = MODELS["encoded_gan"]
    return family(family.Config(image_shape=(1, 8, 8), latent_dim=6, width=4, encoder_width=4, encoder_hidden=8, **more))


def test_a_stage_in_closed_form_fits_it_and_the_critic_is_told_what_the_latent_says(labels):
    torch.manual_seed(0)
    model = gan(reads=NAMES)
    pixels = torch.randint(0, 256, (len(labels), 1, 8, 8), dtype=torch.uint8)
    images = Images(pixels, torch.zeros(len(labels), dtype=torch.long), NAMES, attributes=labels)
    recipe = Recipe((Stage(("copula",), 1, method="closed form"), Stage(("critic", "generator"), 2)), batch=8, precision="float32")
    steps = [progress.step for progress in Trainer(model, images, recipe)]
    assert steps == [1, 2, 3] and float(model.copula.thresholds[0]) == pytest.approx(1.3, abs=0.1)
    z, y = torch.randn(50, 6), labels[:50]
    model.eval()
    of_real, of_made = model._told(torch.zeros(50, 1, 8, 8), y, z)
    assert torch.equal(of_real, y)
    assert torch.equal(of_made, model.copula(z) * (y != 0)), "what is not known of a picture is not said of a made one either"


def test_it_takes_no_conditions_and_keeps_nothing_of_its_lessons_in_a_checkpoint():
    model = gan(reads=NAMES)
    assert model.conditions == () and model.labels == NAMES
    model.let_go()
    assert not any(name.startswith(("copula", "critic")) for name in model.state_dict())
    assert model.decode(torch.zeros(1, 6)).shape == (1, 1, 8, 8)


def test_attributes_are_either_said_or_read():
    with pytest.raises(ValueError, match="either said to the model"):
        gan(reads=NAMES, conditions=NAMES)
    with pytest.raises(ValueError, match="cannot be read off a latent of 6 numbers"):
        gan(reads=tuple(f"attribute {k}" for k in range(7)))
    with pytest.raises(ValueError, match="nothing of it has a closed form"):
        gan().solve(torch.zeros(1, 1, 8, 8), torch.zeros(1, 3))


def test_a_recipe_must_read_the_attributes_of_its_data_set():
    values = {"format": 1, "family": "encoded_gan", "dataset": "digits", "model": {"image_shape": [1, 8, 8], "reads": ["Hat"]}}
    with pytest.raises(ValueError, match="must be the classes of digits"):
        plan_from(values)
