"""What a VAE and a GAN tell of themselves while they learn: the KL of each dimension and what the critic believes; and how the KL term is let in."""

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from genmodels.datasets import DATASETS
from genmodels.train.loop import Trainer
from genmodels.train.recipe import Recipe, Stage

from .conftest import DIGITS, tiny_model


@pytest.fixture(scope="module")
def digits():
    return DATASETS["digits"].load("train")


def recipe(*players: str, steps: int = 60) -> Recipe:
    return Recipe((Stage(players or ("model",), steps=steps, rate=3e-3),), batch=64, averaging=0, precision="float32")


# Free bits and annealing


def test_free_bits_punish_only_what_a_dimension_says_beyond_them(digits):
    model, x = tiny_model("vae", free_bits=0.7), digits.floats(slice(0, 32))
    each = kl_divergence(model.posterior(x), Normal(0.0, 1.0)).mean(0).detach()
    terms = {name: value.item() for name, value in model.loss(x).items()}
    assert terms["loss"] - terms["reconstruction"] == pytest.approx(float(each.clamp(min=0.7).sum()), rel=1e-4)
    assert terms["kl"] == pytest.approx(float(each.sum()), rel=1e-4)


def test_free_bits_keep_a_dimension_in_use_that_a_strong_kl_term_would_drop(digits):
    collapsed = {}
    for free in (0.0, 0.5):
        model = tiny_model("vae", beta=30.0, free_bits=free)
        for _ in Trainer(model, digits, recipe(steps=150)):
            pass
        with torch.no_grad():
            collapsed[free] = model.eval().readout(digits.floats(slice(0, 500)))["share of collapsed dimensions"].item()
    assert collapsed[0.0] == 1 and collapsed[0.5] == 0


def test_the_kl_term_is_let_in_step_by_step_while_training_and_whole_otherwise(digits):
    model = tiny_model("vae", beta=4.0, annealing=40)
    weights = [float(progress.losses["weight of the kl"]) for progress in Trainer(model, digits, recipe())]
    assert weights[:3] == pytest.approx([0, 0.1, 0.2]) and weights[40:] == [4.0] * 20
    model.step = 0
    assert float(model.eval().loss(digits.floats(slice(0, 8)))["weight of the kl"]) == 4.0
    assert "weight of the kl" not in tiny_model("vae").loss(digits.floats(slice(0, 8)))


def test_a_training_that_goes_on_lets_the_kl_term_in_where_it_was(digits):
    whole = [float(progress.losses["loss"]) for progress in Trainer(tiny_model("vae", annealing=30), digits, recipe(steps=20))]
    trainer = Trainer(tiny_model("vae", annealing=30), digits, recipe(steps=20))
    steps = iter(trainer)
    parts = [float(next(steps).losses["loss"]) for _ in range(8)]
    steps.close()
    trainer.model.step = 0  # as in a new process
    parts += [float(progress.losses["loss"]) for progress in trainer]
    assert parts == pytest.approx(whole, rel=1e-5)


# Readouts


def test_a_vae_tells_the_kl_of_each_dimension_and_which_have_collapsed(digits):
    model, x = tiny_model("vae"), digits.floats(slice(0, 100))
    with torch.no_grad():
        model.encoder.head[-1].weight[[1, 4]] = 0  # dimension 1 says the same of every picture: what N(0, I) says
        model.encoder.head[-1].bias[[1, 4]] = 0
        found = model.readout(x)
    each = found["KL of each dimension, nats"]
    assert each.shape == (3,) and each[1] == pytest.approx(0, abs=1e-6) and each[0] > 0.01
    assert found["share of collapsed dimensions"] == pytest.approx((each < 0.01).float().mean())
    assert found["KL of all dimensions, nats"] == pytest.approx(float(each.sum()))


@pytest.mark.parametrize("loss", ["non-saturating", "minimax"])
def test_a_critic_tells_how_probable_it_holds_pictures_to_be_real(digits, loss):
    model = tiny_model("gan", loss=loss)
    for _ in Trainer(model, digits, recipe("critic", steps=100)):
        pass
    with torch.no_grad():
        found = model.eval().readout(digits.floats(slice(0, 100)))
    assert set(found) == {"mean of D(x)", "mean of D(G(z))"}
    assert 0 <= found["mean of D(G(z))"] < 0.45 < 0.55 < found["mean of D(x)"] <= 1


@pytest.mark.parametrize("loss", ["hinge", "wasserstein"])
def test_a_critic_without_probabilities_tells_its_numbers(digits, loss):
    model = tiny_model("gan", loss=loss)
    with torch.no_grad():
        found = model.readout(digits.floats(slice(0, 20)))
        shown = dict(model.by_hand(digits.floats(slice(0, 20)), None, "critic"))
    assert set(found) == {"mean of the critic's number of x", "mean of the critic's number of G(z)"}
    assert found["mean of the critic's number of x"] == pytest.approx(float(shown["critic's number of x"].mean()), abs=1e-5)


def test_a_readout_draws_always_the_same_latents(digits):
    model, x = tiny_model("gan"), digits.floats(slice(0, 20))
    with torch.no_grad():
        first = model.readout(x)
        torch.rand(3)
        assert first == model.readout(x)


def test_a_gan_that_left_its_critic_behind_reads_out_nothing(digits):
    model = tiny_model("encoded_gan")
    model.let_go()
    assert model.readout(digits.floats(slice(0, 4))) == {}


def test_a_gan_that_reads_its_latents_judges_without_labels_too(digits):
    model = tiny_model("encoded_gan", latent_dim=12, reads=DIGITS)
    with torch.no_grad():
        assert 0 <= model.readout(digits.floats(slice(0, 4)))["mean of D(x)"] <= 1


# Steps by hand


def test_a_step_of_a_vae_by_hand_draws_what_its_loss_draws(digits):
    model, x = tiny_model("vae"), digits.floats(slice(0, 6))
    torch.manual_seed(5)
    shown = dict(model.by_hand(x))
    torch.manual_seed(5)
    terms = {name: value.item() for name, value in model.loss(x).items()}
    assert torch.allclose(shown["z"], shown["mean"] + (shown["log variance"] / 2).exp() * shown["noise"], atol=1e-5)
    pixels = (shown["reconstruction"] + 1) / 2
    again = torch.nn.functional.binary_cross_entropy(pixels, (x + 1) / 2, reduction="none").flatten(1).sum(1).mean()
    assert again.item() == pytest.approx(terms["reconstruction"], rel=1e-3)
    assert shown["KL of each dimension, nats"].sum(1).mean().item() == pytest.approx(terms["kl"], rel=1e-4)


def test_the_critic_is_shown_real_and_made_pictures_and_the_generator_its_own(digits):
    model, x = tiny_model("gan"), digits.floats(slice(0, 6))
    critic, generator = (dict(model.by_hand(x, None, player)) for player in ("critic", "generator"))
    assert list(critic) == ["x", "z", "G(z)", "D(x)", "D(G(z))"] and list(generator) == ["x", "z", "G(z)", "D(G(z))"]
    assert torch.allclose(generator["D(G(z))"][:, 0], model.judged(generator["G(z)"]).sigmoid()) and critic["D(x)"].shape == (6, 1)


def test_the_encoder_of_a_gan_is_shown_what_it_finds(digits):
    model, x = tiny_model("encoded_gan"), digits.floats(slice(0, 6))
    shown = dict(model.by_hand(x, None, "encoder"))
    assert list(shown) == ["x", "z", "G(z)", "E(G(z))", "E(x)", "G(E(x))"] and torch.equal(shown["G(E(x))"], model.decode(shown["E(x)"]))
