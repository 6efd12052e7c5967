"""What is particular to flows: an exact density and its way back, and flow matching's straight ways from noise to picture."""

from math import log, pi

import pytest
import torch

from genmodels.datasets import DATASETS
from genmodels.knobs import from_dict
from genmodels.models import MODELS, LatentModel
from genmodels.models._base import bits_per_dimension, dequantised
from genmodels.models.flow import Config
from genmodels.models.flow_matching import SOLVERS
from genmodels.normal import latents
from genmodels.train.loop import Trainer
from genmodels.train.recipe import Recipe, Stage

from .conftest import DIGITS, tiny_model

SHAPES = {"folded once": {"couplings": (3,)}, "split on the way": {"couplings": (2, 3)}, "folded before": {"couplings": (0, 3)}}
MEAN, SPREAD = 0.3, 0.4  # of a normal "data set" whose velocity is known in closed form


@pytest.fixture(scope="module")
def digits():
    return DATASETS["digits"].load("train")


def noise_for(model: LatentModel, n: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(latents(seed, n, model.latent_shape))


def lively(model: LatentModel, spread: float = 0.1) -> LatentModel:
    """The model with every weight moved, as if it had learned something."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for p in model.parameters():
            p += spread * torch.randn(p.shape, generator=generator)
    return model


def trained(model: LatentModel, digits, steps: int, rate: float = 3e-3) -> LatentModel:
    trainer = Trainer(model, digits, Recipe((Stage(steps=steps, rate=rate),), batch=64, averaging=0.9, precision="float32"))
    for _ in trainer:
        pass
    return trainer.snapshot()


# The exact flow


@pytest.fixture(params=SHAPES)
def flow(request) -> LatentModel:
    return lively(tiny_model("flow", **SHAPES[request.param]))


def test_a_flow_comes_back_to_the_latent_it_came_from(flow):
    z = noise_for(flow, 32)
    assert (flow.encode(flow.decode(z)) - z).abs().max() < 1e-4


def test_a_flow_gives_every_picture_back_also_pure_black_and_white(flow, digits):
    x = torch.cat([digits.floats(slice(0, 16)), -torch.ones(1, 1, 8, 8), torch.ones(1, 1, 8, 8)])
    assert (flow.decode(flow.encode(x)) - x).abs().max() < 1e-4


def test_pictures_overshoot_by_the_margin_and_no_more(flow):
    reach = 1 / (1 - 2 * flow.config.margin)
    assert 1 < flow.decode(20 * noise_for(flow, 16)).abs().max() <= reach + 1e-6


@pytest.mark.parametrize("said", [None, 3])
def test_the_density_is_that_of_the_latent_times_the_jacobian(digits, said):
    model = lively(tiny_model("flow", couplings=(1, 2), width=4, conditions=DIGITS))
    x, y = digits.floats(slice(0, 1)), None if said is None else torch.eye(10)[said:said + 1]
    jacobian = torch.autograd.functional.jacobian(lambda x: model.encode(x, y).flatten(), x).view(64, 64).double()
    expected = -(model.encode(x, y).double().square().sum() + 64 * log(2 * pi)) / 2 + torch.linalg.slogdet(jacobian).logabsdet
    assert float(model.log_prob(x, y).detach()) == pytest.approx(float(expected.detach()), rel=1e-4)


@pytest.mark.parametrize("said", [None, 1])
def test_the_density_of_all_pictures_adds_up_to_one(said):
    """Pictures of four pixels, drawn from a broad normal density in the space of logits and weighed (importance sampling)."""
    config = Config(image_shape=(1, 2, 2), couplings=(3,), width=4, depth=0, conditions=DIGITS[:2])
    torch.manual_seed(0)
    model = lively(MODELS["flow"](config).eval())
    logits = 2 * torch.from_numpy(latents(0, 20_000, (1, 2, 2)))
    x = (2 * logits.sigmoid() - 1) / (1 - 2 * config.margin)
    y = None if said is None else torch.eye(2)[torch.full((20_000,), said)]
    slope = 2 * logits.sigmoid() * (1 - logits.sigmoid()) / (1 - 2 * config.margin)
    drawn = torch.distributions.Normal(0, 2).log_prob(logits) - slope.log()
    with torch.no_grad():
        share = (model.log_prob(x, y).double() - drawn.flatten(1).sum(1)).exp()
    assert float(share.mean()) == pytest.approx(1, abs=0.05)


def test_bits_per_dimension_of_an_even_density_are_eight():
    even = torch.full((3,), -64 * log(2.0))  # over [-1, 1] in 64 dimensions
    assert bits_per_dimension(even, (1, 8, 8)).tolist() == pytest.approx([8.0] * 3)
    assert bits_per_dimension(even + 64 * log(2.0), (1, 8, 8)).tolist() == pytest.approx([7.0] * 3)  # on half of the greys


def test_dequantised_pixels_stay_in_their_own_grey_level():
    pixels = torch.arange(256).repeat(50, 1)
    x = dequantised(pixels / 127.5 - 1)
    assert torch.equal(((x + 1) * 128).floor().long(), pixels) and x.unique().numel() > 12_000


def test_learning_raises_the_likelihood_of_pictures_never_seen(digits):
    model, test = tiny_model("flow"), DATASETS["digits"].load("test").floats(slice(None))

    def bits(model: LatentModel) -> float:
        torch.manual_seed(0)
        with torch.no_grad():
            density = model.log_prob(dequantised(test))
        return float(bits_per_dimension(density, model.image_shape).mean())

    before = bits(model)
    assert bits(trained(model, digits, 60)) < before - 0.5


def test_a_flow_that_is_told_the_class_finds_it_more_likely_than_the_others(digits):
    model = trained(tiny_model("flow", conditions=DIGITS, noise=1.0, couplings=(2,)), digits, 120, 1e-2)
    x = digits.floats(slice(0, 200))
    with torch.no_grad():
        density = torch.stack([model.log_prob(x, torch.eye(10)[[k]].expand(200, 10)) for k in range(10)])
    assert float((density.argmax(0) == digits.labels[:200]).float().mean()) > 0.6  # a guess is right in one of ten


def test_a_lower_temperature_draws_pictures_from_nearer_to_the_middle():
    z, cool, plain = noise_for(tiny_model("flow"), 4), lively(tiny_model("flow", temperature=0.5)), lively(tiny_model("flow", temperature=1.0))
    x = cool.decode(z)
    assert torch.equal(x, plain.decode(0.5 * z)) and torch.allclose(cool.encode(x), z, atol=1e-4)
    assert torch.allclose(cool.log_prob(x), plain.log_prob(x) + 64 * log(2) - 1.5 * z.square().flatten(1).sum(1) / 4, rtol=1e-4)


def test_noise_is_added_only_to_what_is_learned_from(digits):
    x, plain, noisy = digits.floats(slice(0, 32)), tiny_model("flow", noise=0.0), tiny_model("flow", noise=1.0)
    assert torch.equal(plain.log_prob(x), noisy.log_prob(x))
    assert (plain.loss(x)["loss"] - noisy.loss(x)["loss"]).abs() > 0.01


def test_reduced_precision_in_the_coupling_nets_costs_little_exactness():
    model = lively(tiny_model("flow", couplings=(2, 2)))
    z = noise_for(model, 8)
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        x = model.decode(z)
        assert x.dtype == torch.float32 and (model.encode(x) - z).abs().max() < 5e-3  # some sums round the other way coming back
    assert (x - model.decode(z)).abs().max() > 1e-5


@pytest.mark.parametrize("values", [{"couplings": []}, {"couplings": [4, 0]}, {"couplings": [1, 1, 1]}, {"couplings": [65]},
                                    {"couplings": 4}, {"margin": 0}, {"image_shape": [1, 9, 9], "couplings": [1]}])
def test_a_bad_flow_config_gets_a_sentence(values):
    with pytest.raises(ValueError, match=r"^flow config.*\.$"):
        from_dict(Config, values)


def test_colour_and_larger_pictures_fit():
    torch.manual_seed(0)
    model = lively(MODELS["flow"](Config(image_shape=(3, 32, 32), couplings=(1, 1, 1), width=8)).eval(), 0.02)
    z = noise_for(model, 2)
    assert (model.encode(model.decode(z)) - z).abs().max() < 1e-4


# Flow matching


@pytest.fixture
def ideal() -> LatentModel:
    """A flow matching model with the exact velocity for pixels that are independently N(MEAN, SPREAD^2)."""
    model = tiny_model("flow_matching")

    def net(x, moment, y=None):
        t = moment.view(-1, 1, 1, 1)
        seen = (x - (1 - t) * MEAN) / ((1 - t) ** 2 * SPREAD**2 + t**2)
        return t * seen - (MEAN + (1 - t) * SPREAD**2 * seen)  # E[noise | x] - E[x0 | x]

    model.net.forward = net
    return model


def end(model: LatentModel, z: torch.Tensor, y: torch.Tensor | None = None, **settings) -> torch.Tensor:
    *_, step = model.path(z, y, **settings)
    return step.x


@pytest.mark.parametrize("solver", SOLVERS)
def test_with_the_exact_velocity_every_solver_makes_the_data(ideal, solver):
    z = noise_for(ideal, 64).clamp(-1.6, 1.6)
    assert (end(ideal, z, sampler=solver, steps=200) - (MEAN + SPREAD * z)).abs().max() < 0.02  # the exact map moves and shrinks


def test_second_order_solvers_come_closer_than_euler_in_half_the_steps(ideal):
    z = noise_for(ideal, 32).clamp(-1.6, 1.6)
    error = {solver: float((end(ideal, z, sampler=solver, steps=steps) - (MEAN + SPREAD * z)).abs().mean())
             for solver, steps in (("euler", 16), ("heun", 8), ("midpoint", 8))}
    assert error["heun"] < 0.5 * error["euler"] and error["midpoint"] < 0.5 * error["euler"]


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_path_goes_from_the_noise_to_the_picture_in_so_many_steps(solver):
    model = tiny_model("flow_matching")
    z = noise_for(model, 2)
    steps = list(model.path(z, sampler=solver, steps=5))
    assert [step.t for step in steps] == pytest.approx([1, 0.8, 0.6, 0.4, 0.2, 0]) and torch.equal(steps[0].x, z)
    for step, after in zip(steps[:-1], steps[1:], strict=True):
        assert torch.allclose((1 - step.t) * step.x0 + step.t * step.noise, step.x, atol=1e-5)
        assert torch.equal(after.x, step.mean if after.t else step.mean.clamp(-1, 1)) and not step.fresh.any()


def test_the_way_back_finds_the_noise_again(ideal):
    z = noise_for(ideal, 16).clamp(-1.6, 1.6)
    assert (ideal.encode(end(ideal, z, steps=100), steps=100) - z).abs().max() < 0.01


def test_guidance_goes_beyond_the_conditions_own_velocity():
    model = lively(tiny_model("flow_matching", conditions=DIGITS), 0.02)
    z, t, y = noise_for(model, 2), torch.tensor([0.5, 0.9]), torch.eye(10)[[3, 7]]
    untold, told, beyond = (model.velocity(z, t, y, guidance) for guidance in (0.0, 1.0, 3.0))
    assert torch.allclose(untold, model.velocity(z, t), atol=1e-5) and not torch.allclose(told, untold, atol=1e-4)
    assert torch.allclose(beyond, untold + 3 * (told - untold), atol=1e-4)
    assert not torch.allclose(end(model, z, y, guidance=3.0), end(model, z, y), atol=1e-4)


@pytest.mark.parametrize("times", ["uniform", "middle"])
def test_the_velocity_is_learned(digits, times):
    model, x = tiny_model("flow_matching", times=times), digits.floats(slice(0, 256))

    def error(model: LatentModel) -> float:
        torch.manual_seed(0)
        noise, t = torch.randn_like(x), torch.full((256,), 0.5)
        with torch.no_grad():
            return float((model.velocity((x + noise) / 2, t) - (noise - x)).square().mean())

    assert error(trained(model, digits, 100)) < 0.75 * error(tiny_model("flow_matching"))
