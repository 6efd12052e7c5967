"""What is particular to diffusion: the forward process, three samplers against each other, guidance, and the way back."""

import numpy as np
import pytest
import torch

from genmodels.datasets import DATASETS
from genmodels.models import LatentModel
from genmodels.models._denoising import UPDATES
from genmodels.models.diffusion import betas as betas_of
from genmodels.normal import latents
from genmodels.train.loop import Trainer
from genmodels.train.recipe import Recipe, Stage

from .conftest import DIGITS, tiny_model

SPREAD, MEAN = 0.3, 0.5  # of a normal "data set" whose best noise prediction is known in closed form


def noise_from(model: LatentModel, n: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(latents(seed, n, model.latent_shape))


def last(model: LatentModel, z: torch.Tensor, **settings) -> torch.Tensor:
    *_, step = model.path(z, **settings)
    return step.x


@pytest.fixture
def ideal() -> LatentModel:
    """A diffusion model with the exact noise prediction for pixels that are independently N(MEAN, SPREAD^2)."""
    model = tiny_model("diffusion")
    levels = model.levels()

    def net(x, moment, y=None):
        share = torch.tensor([[levels[round(float(t) * model.config.times)].alpha, levels[round(float(t) * model.config.times)].sigma] for t in moment])
        alpha, sigma = share[:, 0].view(-1, 1, 1, 1), share[:, 1].view(-1, 1, 1, 1)
        return sigma * (x - alpha * MEAN) / (alpha**2 * SPREAD**2 + sigma**2)

    model.net.forward = net
    return model


# The forward process


@pytest.mark.parametrize("betas", ["cosine", "linear"])
@pytest.mark.parametrize("times", [50, 1000])
def test_the_forward_process_ends_in_noise_and_begins_with_the_picture(betas, times):
    levels = tiny_model("diffusion", betas=betas, times=times).levels()
    assert len(levels) == times + 1 and (levels[0].alpha, levels[0].sigma) == (1, 0)
    assert levels[-1].alpha < 0.02 and all(a.alpha > b.alpha for a, b in zip(levels, levels[1:], strict=False))
    assert all(level.alpha**2 + level.sigma**2 == pytest.approx(1) for level in levels)


@pytest.mark.parametrize("betas", ["cosine", "linear"])
def test_the_closed_form_agrees_with_the_chain_step_by_step(betas):
    model = tiny_model("diffusion", betas=betas, times=100)
    x = torch.full((20000, 1, 1, 1), 0.8)
    generator = torch.Generator().manual_seed(0)
    chained = x
    for beta in betas_of(model.config)[:60]:
        chained = (1 - beta) ** 0.5 * chained + beta**0.5 * torch.randn(x.shape, generator=generator)
    level = model.levels()[60]
    assert float(chained.mean()) == pytest.approx(level.alpha * 0.8, abs=0.02)
    assert float(chained.std()) == pytest.approx(level.sigma, abs=0.02)
    at_once = model.add_noise(x[:2], torch.tensor([60, 0]), torch.ones(2, 1, 1, 1)).flatten()
    assert at_once.tolist() == pytest.approx([level.alpha * 0.8 + level.sigma, 0.8])


# The samplers


@pytest.mark.parametrize("sampler", UPDATES)
def test_with_the_exact_prediction_every_sampler_makes_the_data(ideal, sampler):
    made = last(ideal, noise_from(ideal, 64), sampler=sampler, steps=100)
    assert float(made.mean()) == pytest.approx(MEAN, abs=0.03) and float(made.std()) == pytest.approx(SPREAD, rel=0.12)


def test_the_second_order_sampler_needs_fewer_steps_than_ddim(ideal):
    z = noise_from(ideal, 32) * 0.5  # not so far out that the cut at white matters
    exact = last(ideal, z, sampler="ddim", steps=900)
    error = {sampler: float((last(ideal, z, sampler=sampler, steps=steps) - exact).abs().mean()) for sampler, steps in (("ddim", 20), ("dpm++", 12))}
    assert error["dpm++"] < error["ddim"]


@pytest.mark.parametrize("sampler", UPDATES)
def test_a_path_has_a_step_for_each_look_and_ends_with_the_picture(sampler):
    model, z = tiny_model("diffusion"), torch.zeros(2, 1, 8, 8)
    steps = list(model.path(z, sampler=sampler, steps=7))
    assert len(steps) == 8 and steps[0].x is z and steps[-1].t == 0
    assert all(a.t > b.t for a, b in zip(steps, steps[1:], strict=False))
    for a, b in zip(steps[:-1], steps[1:-1], strict=False):
        assert torch.equal(a.mean + a.fresh, b.x) and a.x0.abs().max() <= 1
    assert (sum(float(step.fresh.abs().max()) for step in steps) > 0) == (sampler == "ddpm")


def test_what_is_seen_at_a_step_makes_up_its_picture():
    model = tiny_model("diffusion")
    for step in list(model.path(noise_from(model, 2), sampler="ddim", steps=5))[:-1]:
        level = model.levels()[round(step.t * model.config.times)]
        assert torch.allclose(level.alpha * step.x0 + level.sigma * step.noise, step.x, atol=1e-4)


def test_ddim_with_all_of_the_fresh_noise_is_ddpm():
    model, z = tiny_model("diffusion"), noise_from(tiny_model("diffusion"), 2)
    assert torch.equal(last(model, z, sampler="ddim", steps=6, eta=1.0, seed=3), last(model, z, sampler="ddpm", steps=6, seed=3))


def test_fresh_noise_depends_on_the_latent_and_the_seed_alone():
    model, z = tiny_model("diffusion"), noise_from(tiny_model("diffusion"), 3)
    together = last(model, z, sampler="ddpm", steps=6, seed=3)
    assert torch.allclose(together[2:], last(model, z[2:], sampler="ddpm", steps=6, seed=3), atol=1e-5)
    assert not torch.allclose(together, last(model, z, sampler="ddpm", steps=6, seed=4), atol=1e-2)


def test_the_posterior_of_one_step_is_that_of_ho_et_al(ideal):
    now, then = ideal.levels()[501], ideal.levels()[500]
    beta = float(betas_of(ideal.config)[500])
    x = noise_from(ideal, 2)
    seen = ideal._seen(now, x, ideal.predict_noise(x, torch.full((2,), now.t)), cut=False)
    mean, spread = UPDATES["ddpm"](seen, then, None, 0.0)
    expected = (then.alpha * beta * seen.x0 + (1 - beta) ** 0.5 * then.sigma**2 * seen.x) / now.sigma**2  # equation 7
    assert torch.allclose(mean, expected, atol=1e-4)
    assert spread**2 == pytest.approx(then.sigma**2 / now.sigma**2 * beta, rel=1e-4)


def test_more_steps_than_moments_visit_every_moment_once():
    model = tiny_model("diffusion", times=20)
    visited = [step.t for step in model.path(torch.zeros(1, 1, 8, 8), sampler="ddim", steps=1000)]
    assert len(visited) == len(set(visited)) <= 21


# The way back


def test_ddim_backwards_finds_the_noise_again(ideal):
    z = noise_from(ideal, 16) * 0.5
    x = last(ideal, z, sampler="ddim", steps=200)
    assert float((ideal.encode(x, steps=200) - z).abs().mean()) < 0.05


def test_more_steps_back_make_a_better_round_trip(ideal):
    x = MEAN + SPREAD * noise_from(ideal, 16).clamp(-1.5, 1.5)
    error = [float((last(ideal, ideal.encode(x, steps=steps), sampler="ddim", steps=steps) - x).abs().mean()) for steps in (5, 80)]
    assert error[1] < 0.5 * error[0]


# Guidance and learning


def test_guidance_goes_beyond_the_conditions_own_answer():
    model = tiny_model("diffusion", conditions=DIGITS)
    x, t, y = noise_from(model, 2), torch.tensor([500, 500]), torch.eye(10)[[3, 7]]
    plain, told = model.predict_noise(x, t, torch.zeros(2, 10)), model.predict_noise(x, t, y)
    assert torch.allclose(model.predict_noise(x, t, y, guidance=3.0), plain + 3 * (told - plain), atol=1e-4)
    assert torch.allclose(model.predict_noise(x, t, y, guidance=0.0), plain, atol=1e-5)


def test_conditions_are_withheld_only_while_training():
    model = tiny_model("diffusion", conditions=DIGITS, unsaid=1.0)
    x, y = DATASETS["digits"].load("train").floats(slice(0, 8)), torch.eye(10)[:8]

    def loss(said: torch.Tensor) -> float:
        torch.manual_seed(0)
        return float(model.loss(x, said)["loss"].detach())

    assert loss(y) != pytest.approx(loss(torch.zeros_like(y)), abs=1e-7)
    model.train()
    torch.manual_seed(0)
    assert loss(y) == pytest.approx(loss(torch.zeros_like(y)), abs=1e-7)


def test_a_short_training_makes_pictures_nearer_to_the_data():
    digits = DATASETS["digits"].load("train")
    model = tiny_model("diffusion", width=16)
    x = digits.floats(slice(None))

    def distance(model) -> float:
        return float((last(model, noise_from(model, 128), sampler="dpm++", steps=10).detach().mean(0) - x.mean(0)).square().mean())

    before = distance(model)
    trainer = Trainer(model, digits, Recipe((Stage(steps=250, rate=3e-3),), batch=64, averaging=0.95, precision="float32"))
    for _ in trainer:
        pass
    assert distance(trainer.snapshot()) < 0.3 * before and np.isfinite(before)


def test_the_second_order_sampler_takes_even_steps_in_the_logarithm_of_signal_to_noise():
    model = tiny_model("diffusion")
    visited = [round(step.t * 1000) for step in model.path(torch.zeros(1, 1, 8, 8), sampler="dpm++", steps=9)]
    logs = np.array([np.log(model.levels()[t].alpha / model.levels()[t].sigma) for t in visited[:-1]])
    assert visited[-1] == 0 and len(visited) == 10
    assert np.allclose(np.diff(logs), np.diff(logs).mean(), rtol=0.05)


# What the net says, and of what


def test_velocity_and_noise_are_two_ways_to_say_the_same(monkeypatch):
    model = tiny_model("diffusion", predicts="velocity")
    x, noise = torch.randn(5, *model.image_shape).clamp(-1, 1), torch.randn(5, *model.image_shape)
    t = torch.tensor([1, 100, 400, 700, 999])
    alpha, sigma = model._shares(t)
    model.net.forward = lambda x, t, y=None: alpha * noise - sigma * x0
    x0 = x
    assert torch.allclose(model.predict_noise(model.add_noise(x, t, noise), t), noise, atol=1e-4)


def test_the_loss_of_velocity_is_nought_for_a_net_that_knows_it():
    model = tiny_model("diffusion", predicts="velocity")
    x = torch.zeros(64, *model.image_shape)  # then x_t is sigma noise, and the velocity alpha noise
    def knowing(noisy, t, y=None):
        alpha, sigma = model._shares((t * model.config.times).round().long())
        return alpha * noisy / sigma
    model.net.forward = knowing
    assert float(model.loss(x)["loss"]) < 1e-6


def test_a_net_that_sees_squares_of_pixels_gives_pictures_of_the_same_shape():
    model = tiny_model("diffusion", patch=2)
    assert model.net(torch.randn(2, *model.image_shape), torch.rand(2)).shape == (2, *model.image_shape)
    with pytest.raises(ValueError, match="patch must be 1, 2 or 4 and a divisor"):
        tiny_model("diffusion", patch=3)
