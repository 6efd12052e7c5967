"""The restricted Boltzmann machine: its energy, the gradients of contrastive divergence, its dreams, and what it has learned."""

from itertools import product

import pytest
import torch

from genmodels.datasets import DATASETS
from genmodels.train.loop import Trainer
from genmodels.train.recipe import Recipe, Stage

from .conftest import tiny_model


@pytest.fixture(scope="module")
def digits():
    return DATASETS["digits"].load("train")


def trained(digits, steps: int = 300, **changes):
    model = tiny_model("rbm", **({"hidden": 32} | changes))
    for _ in Trainer(model, digits, Recipe((Stage(steps=steps, rate=1e-2),), batch=100, averaging=0, precision="float32")):
        pass
    model.eval().refresh(digits.floats(slice(None)))
    return model


@pytest.fixture(scope="module")
def model(digits):
    return trained(digits)


def pixels(digits, n: int) -> torch.Tensor:
    return (digits.floats(slice(0, n)).flatten(1) > 0).float()


def test_the_free_energy_sums_over_all_states_of_the_hidden_units(digits):
    model, v = tiny_model("rbm", hidden=4), pixels(digits, 3)
    with torch.no_grad():
        energies = []
        for bits in product((0.0, 1.0), repeat=4):
            h = torch.tensor(bits)
            energies.append(-v @ model.visible_bias - model.hidden_bias @ h - (v @ model.weight.T) @ h)
        assert torch.allclose(model.free_energy(v), -(-torch.stack(energies)).logsumexp(0), atol=1e-4)


def test_the_gradients_are_those_of_contrastive_divergence(digits):
    model, x = tiny_model("rbm").train(), digits.floats(slice(0, 50))
    torch.manual_seed(1)
    model.loss(x)["loss"].backward()
    torch.manual_seed(1)
    with torch.no_grad():
        v = ((x.flatten(1) + 1) / 2).bernoulli()
        dreamt = model._gibbs(v)
        up, up_dreamt = (torch.sigmoid(one @ model.weight.T + model.hidden_bias) for one in (v, dreamt))
    assert torch.allclose(model.weight.grad, -(up.T @ v - up_dreamt.T @ dreamt) / 50, atol=1e-5)
    assert torch.allclose(model.visible_bias.grad, (dreamt - v).mean(0), atol=1e-6)
    assert torch.allclose(model.hidden_bias.grad, (up_dreamt - up).mean(0), atol=1e-6)


def test_the_pseudo_likelihood_is_that_of_a_pixel_given_all_others(digits):
    model, v = tiny_model("rbm", hidden=4), pixels(digits, 5)
    with torch.no_grad():
        which = torch.randint(64, (5, 1), generator=torch.Generator().manual_seed(7))
        flipped = v.clone()
        for row, place in enumerate(which[:, 0]):
            flipped[row, place] = 1 - flipped[row, place]
        both = torch.stack([-model.free_energy(v), -model.free_energy(flipped)])
        wanted = -both.log_softmax(0)[0].mean()
        assert float(model._unlikely(v, torch.Generator().manual_seed(7))) == pytest.approx(float(wanted), rel=1e-4)


@pytest.mark.parametrize("changes", [{}, {"gibbs": 3}, {"persistent": True}])
def test_every_way_of_dreaming_teaches_it_the_digits(digits, changes):
    untaught, taught, x = tiny_model("rbm", hidden=32), trained(digits, **changes), digits.floats(slice(0, 500))
    with torch.no_grad():
        before, after = untaught.readout(x), taught.readout(x)
        blind = ((x > 0).float() - (x > 0).float().mean(0)).square().mean()
    likely = "pseudo-likelihood, nats per pixel"
    assert after[likely] > before[likely] + 0.2 and after["squared error"] < 0.8 * blind
    assert after["mean activity of each hidden unit"].shape == (32,) and after["share of hidden units that say something"] > 0.5


def test_dreams_that_go_on_begin_as_data_and_stand_still_when_nothing_is_learned(digits):
    model, x = tiny_model("rbm", persistent=True, chains=7).train(), digits.floats(slice(0, 30))
    assert not model.dreams.any()
    model.loss(x)
    first = model.dreams.clone()
    assert first.shape == (7, 64) and first.any()
    model.eval().loss(x)
    assert torch.equal(model.dreams, first)
    model.train().loss(x)
    assert not torch.equal(model.dreams, first)
    model.let_go()
    assert "dreams" not in model.state_dict()


def test_its_dreams_look_more_like_digits_than_chance_does(model, digits):
    torch.manual_seed(0)
    with torch.no_grad():
        v = torch.rand(200, 64).bernoulli()
        chance = v.mean(0)
        for _ in range(200):
            v = model._gibbs(v)
    mean = pixels(digits, 1000).mean(0)
    assert (v.mean(0) - mean).abs().mean() < 0.5 * (chance - mean).abs().mean()


def test_its_codes_have_unit_scale_and_bring_digits_back(model, digits):
    x = digits.floats(slice(None))
    with torch.no_grad():
        codes = model.encode(x)
        again = model.decode(codes)
    assert torch.allclose(codes.mean(0), torch.zeros(32), atol=1e-3) and torch.allclose(codes.std(0), torch.ones(32), atol=1e-2)
    assert ((again - x) / 2).square().mean() < 0.7 * ((x - x.mean(0)) / 2).square().mean()


def test_a_step_by_hand_goes_up_and_down_and_shows_the_filters(digits):
    model, x = tiny_model("rbm", hidden=3), digits.floats(slice(0, 5))
    with torch.no_grad():
        shown = dict(model.by_hand(x))
    v, h = (shown["pixels drawn"].flatten(1) + 1) / 2, shown["hidden units drawn"]
    assert set(v.unique().tolist()) == set(h.unique().tolist()) == {0.0, 1.0}
    assert torch.allclose(shown["probabilities of the pixels"], model._picture(model._pixels(h))) and shown["the strongest filters"].abs().max() <= 1
    assert torch.allclose(shown["free energy of the pixels"][:, 0], model.free_energy(v))
