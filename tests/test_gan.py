"""What is particular to the GAN: its games, its penalties, the projection, the averaged generator."""

from math import log

import pytest
import torch
from torch.nn import functional as F

from genmodels.datasets import DATASETS
from genmodels.models._adversarial import GAMES, augmented
from genmodels.normal import latents
from genmodels.train.loop import Trainer
from genmodels.train.recipe import Recipe, Stage

from .conftest import DIGITS, save_tiny, tiny_model

PLAYERS = ("critic", "generator")


@pytest.fixture(scope="module")
def digits():
    return DATASETS["digits"].load("train")


@pytest.mark.parametrize("loss", GAMES)
def test_every_game_makes_the_generator_push_its_pictures_up_and_the_critic_push_them_down(loss):
    critic_loss, generator_loss = GAMES[loss]
    real, fake = torch.zeros(3, requires_grad=True), torch.zeros(3, requires_grad=True)
    for_real, for_fake = torch.autograd.grad(critic_loss(real, fake).sum(), (real, fake))
    [for_generator] = torch.autograd.grad(generator_loss(fake).sum(), fake)
    assert (for_real < 0).all() and (for_fake > 0).all() and (for_generator < 0).all()


def test_minimax_saturates_where_the_critic_is_sure_and_the_other_does_not():
    sure = torch.full((1,), -8.0, requires_grad=True)
    slopes = {name: abs(float(torch.autograd.grad(GAMES[name][1](sure).sum(), sure)[0])) for name in ("minimax", "non-saturating")}
    assert slopes["minimax"] < 0.001 and slopes["non-saturating"] > 0.99


def test_the_minimax_value_of_a_critic_that_cannot_tell_is_two_log_two():
    unsure = torch.zeros(4)
    assert float(GAMES["minimax"][0](unsure, unsure).mean()) == pytest.approx(2 * log(2))


def test_a_critic_learns_to_tell_real_pictures_from_noise(digits):
    model = tiny_model("gan", r1=0.0)
    recipe = Recipe((Stage(("critic",), steps=60, rate=3e-3, momentum=0.0),), batch=64, averaging=0.0, precision="float32")
    for _ in Trainer(model, digits, recipe):
        pass
    real, fake = digits.floats(slice(0, 64)), model.eval().decode(torch.from_numpy(latents(0, 64, model.latent_shape)))
    assert model.score(real).mean() > model.score(fake).mean() + 1


def test_r1_is_half_the_squared_gradient_at_real_pictures(digits):
    model, x = tiny_model("gan", r1=3.0), digits.floats(slice(0, 4))
    pixels = x.clone().requires_grad_()
    slope = torch.autograd.grad(model.score(pixels).sum(), pixels)[0].flatten(1).square().sum(1)
    assert torch.allclose(model._penalty(x, x, None), 1.5 * slope.mean(), rtol=1e-4)


def test_the_gradient_penalty_is_zero_for_a_critic_of_slope_one(digits):
    model, x = tiny_model("gan", loss="wasserstein", r1=0.0), digits.floats(slice(0, 4))
    model.critic.forward = lambda pixels, y: pixels.flatten(1).sum(1) / 8  # 64 pixels: the gradient's norm is one
    assert float(model._penalty(x, -x, None)) == pytest.approx(0, abs=1e-6)
    model.critic.forward = lambda pixels, y: pixels.flatten(1).sum(1) / 4
    assert float(model._penalty(x, -x, None)) == pytest.approx(10, rel=1e-4)


def test_lazy_penalties_are_as_strong_on_average_as_those_of_every_step(digits):
    model, x = tiny_model("gan", r1=100.0), digits.floats(slice(0, 32))

    def of(many: int) -> float:
        return float(torch.stack([model.loss(x, None, "critic")["loss"].detach() for _ in range(many)]).mean())

    plain = float(F.softplus(torch.zeros(())) * 2)
    every = of(3) - plain
    model.train()
    torch.manual_seed(0)
    assert of(400) - plain == pytest.approx(every, rel=0.35)


def test_each_player_trains_its_own_net_alone(digits):
    model, x = tiny_model("gan").train(), digits.floats(slice(0, 8))
    for player, other in (PLAYERS, PLAYERS[::-1]):
        model.zero_grad()
        model.loss(x, None, player)["loss"].backward()
        assert all(p.grad is not None for p in model.players()[player])
        if player == "critic":
            assert all(p.grad is None for p in model.players()[other])


def test_a_conditional_critic_judges_the_same_picture_differently_for_another_class():
    model = tiny_model("gan", conditions=DIGITS)
    x = DATASETS["digits"].load("train").floats(slice(0, 1)).expand(2, 1, 8, 8)
    three, seven = model.score(x, torch.eye(10)[[3, 7]])
    assert float((three - seven).detach().abs()) > 1e-5


def test_refreshing_measures_the_statistics_of_the_present_weights(digits):
    model = tiny_model("gan")
    with torch.no_grad():
        model.generator.first.weight.mul_(5)  # the statistics no longer fit
    model.refresh(digits.floats(slice(0, 10)))
    norm = next(part for part in model.generator.modules() if isinstance(part, torch.nn.BatchNorm2d))
    seen = model.generator.grid[0](model.generator.first(torch.from_numpy(latents(0, 4096, model.latent_shape))))
    assert torch.allclose(norm.running_mean, seen.mean((0, 2, 3)), atol=0.3)
    assert torch.allclose(norm.running_var, seen.var((0, 2, 3)), rtol=0.1)
    assert not model.training


def test_refreshing_leaves_other_random_numbers_alone(digits):
    model = tiny_model("gan")
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    model.refresh(digits.floats(slice(0, 10)))
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("side", [28, 64])
def test_a_gan_makes_pictures_of_either_size(side):
    model = tiny_model("gan", image_shape=(3, side, side), width=4)
    assert model.decode(torch.zeros(1, 3)).shape == (1, 3, side, side) and model.score(torch.zeros(1, 3, side, side)).shape == (1,)


def test_a_gan_moves_towards_the_data(digits):
    model = tiny_model("gan", width=16, latent_dim=8)
    x = digits.floats(slice(None))

    def distance(model) -> float:
        made = model.decode(torch.from_numpy(latents(1, 256, (8,)))).detach()
        return float((made.mean(0) - x.mean(0)).square().mean())

    before = distance(model)
    recipe = Recipe((Stage(PLAYERS, steps=150, rate=2e-3, momentum=0.0),), batch=64, averaging=0.9, precision="float32")
    trainer = Trainer(model, digits, recipe)
    for _ in trainer:
        pass
    assert distance(trainer.snapshot()) < 0.3 * before


# What the critic is shown


def test_augmented_pictures_are_the_same_at_strength_nought_and_move_and_change_colour_otherwise():
    torch.manual_seed(0)
    x = torch.rand(16, 3, 16, 16) - 0.5
    assert torch.allclose(augmented(x, 0.0)[:, :, 2:-2, 2:-2].mean((1, 2, 3)), x[:, :, 2:-2, 2:-2].mean((1, 2, 3)), atol=0.1)
    other = augmented(x, 1.0)
    assert other.shape == x.shape and (other.mean((1, 2, 3)) - x.mean((1, 2, 3))).abs().max() > 0.1


def test_a_gradient_comes_back_through_augmented_pictures():
    x = torch.zeros(4, 3, 16, 16, requires_grad=True)
    augmented(x, 0.5).square().sum().backward()
    assert x.grad.isfinite().all() and x.grad.shape == x.shape


def test_the_critic_sees_plain_pictures_unless_it_learns(digits):
    model, x = tiny_model("gan", augment=1.0), digits.floats(slice(0, 8))
    assert torch.equal(model._shown(x), x) and not torch.equal(model.train()._shown(x), x)


# A GAN with an encoder

ENCODED = Recipe((Stage(PLAYERS, steps=150, rate=2e-3, momentum=0.0), Stage(("encoder",), steps=250, rate=3e-3)), batch=64, averaging=0.9,
                 precision="float32")


@pytest.fixture(scope="module")
def encoded(digits):
    trainer = Trainer(tiny_model("encoded_gan", faithful=1.0), digits, ENCODED)
    for progress in trainer:
        if progress.step == 150:
            before = {name: tensor.clone() for name, tensor in trainer.model.generator.named_parameters()}
    return trainer.snapshot(), before


def test_the_encoder_finds_latents_of_made_pictures_better_than_chance(encoded):
    model, _ = encoded
    z = torch.from_numpy(latents(3, 200, model.latent_shape))
    assert F.mse_loss(model.encode(model.decode(z)), z) < 0.7  # zero would be 1


def test_the_generator_stands_still_while_the_encoder_learns(encoded):
    model, before = encoded
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.generator.named_parameters())


def test_its_checkpoint_is_without_a_critic_and_judges_nothing(encoded, tmp_path):
    model, _ = encoded
    loaded = save_tiny(model, tmp_path / "encoded").load()
    assert not hasattr(loaded, "critic") and not loaded.can("score") and hasattr(model, "critic")
    x = loaded.decode(torch.from_numpy(latents(4, 3, loaded.latent_shape)))
    assert torch.allclose(loaded.encode(x), model.encode(x), atol=0.05)


# A VAE with a critic


def test_a_vae_with_a_critic_has_two_players_that_share_no_weight():
    model = tiny_model("vae", realism=5.0, critic_width=4)
    ours, critics = (set(map(id, players)) for players in model.players().values())
    assert not ours & critics and len(ours | critics) == len(list(model.parameters())) and set(model.players()) == {"model", "critic"}


def test_the_critics_doubt_counts_as_much_as_its_weight_says(digits):
    model, x = tiny_model("vae", realism=5.0, critic_width=4), digits.floats(slice(0, 8))
    terms = {name: value.detach() for name, value in model.loss(x).items()}
    assert float(terms["loss"]) == pytest.approx(float(terms["reconstruction"] + terms["kl"] + 5 * terms["doubt"]), rel=1e-5)
    assert "doubt" not in tiny_model("vae").loss(x)


def test_a_vaes_critic_learns_to_tell_and_is_left_out_of_the_checkpoint(digits, tmp_path):
    model = tiny_model("vae", realism=5.0, critic_width=4)
    recipe = Recipe((Stage(("critic",), steps=60, rate=1e-2, momentum=0.0),), batch=64, averaging=0.0, precision="float32")
    *_, last = Trainer(model, digits, recipe)
    assert last.losses["on real"] > last.losses["on made"] + 0.2
    assert not hasattr(save_tiny(model.eval(), tmp_path / "vae").load(), "critic")
