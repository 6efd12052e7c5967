"""Paths at the level of the model: walks that are answered together, beginning late, and fitting what is known of a picture."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from genmodels.models import Known, Look, Step, step_forward, together
from genmodels.models.diffusion import betas as betas_of
from genmodels.normal import latents

from .conftest import DIGITS, tiny_model

FAMILIES = ("diffusion", "flow_matching")
MASK = torch.arange(64).view(8, 8) % 3 == 0
PICTURE = torch.from_numpy(latents(9, 1, (1, 8, 8)))[0].clamp(-1, 1)


def noise(n: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(latents(seed, n, (1, 8, 8)))


def end(model, z, y=None, **how) -> torch.Tensor:
    *_, step = model.path(z, y, **how)
    return step.x


@pytest.fixture(params=FAMILIES)
def model(request):
    """A conditional model whose net says something of its own for every row."""
    model = tiny_model(request.param, conditions=DIGITS, guidance=2.0)
    with torch.no_grad():
        for tensor in model.net.parameters():
            tensor.add_(0.05 * torch.randn(tensor.shape, generator=torch.Generator().manual_seed(len(tensor.shape))))
    return model


# Walks


def walked_together(model, *walks) -> list[list[Step]]:
    """The steps of walks of which all that ask are answered in one look."""
    steps, asking = [[] for _ in walks], {}

    def hear(k: int, said) -> None:
        while isinstance(said, Step):
            steps[k].append(said)
            said = next(walks[k], None)
        if said is not None:
            asking[k] = said

    for k, walk in enumerate(walks):
        hear(k, next(walk))
    while asking:
        now = dict(asking)
        asking.clear()
        answers = model.look(*together(list(now.values()))).split([look.x.shape[0] for look in now.values()])
        for (k, _), answer in zip(now.items(), answers, strict=True):
            hear(k, walks[k].send(answer))
    return steps


@torch.no_grad()
def test_walks_that_are_not_alike_are_answered_together_as_if_each_were_alone(model):
    y = torch.eye(10)
    ways = [((noise(1, 1), y[3:4]), {"steps": 4}), ((noise(2, 2), y[5:7]), {"steps": 6, "guidance": 5.0, "sampler": model.SAMPLERS[1]}),
            ((noise(1, 3), None), {"steps": 3, "seed": 4, "sampler": model.SAMPLERS[2]}),
            ((noise(1, 4), torch.zeros(1, 10)), {"steps": 5, "start": 0.6, "known": Known(PICTURE, MASK, repeats=2)})]
    together_ = walked_together(model, *[model.walk(*given, **how) for given, how in ways])
    for steps, (given, how) in zip(together_, ways, strict=True):
        alone = list(model.path(*given, **how))
        assert len(steps) == len(alone)
        for a, b in zip(steps, alone, strict=True):
            assert torch.allclose(a.x, b.x, atol=1e-3) and (a.now, a.then, a.number, a.of) == (b.now, b.then, b.number, b.of)


def test_a_joint_look_keeps_the_time_the_conditions_and_the_guidance_of_each_row():
    x, t, y, guidance = together([Look(noise(2), 7, torch.eye(10)[:2], 3.0), Look(noise(1), 9, None, 1.0)])
    assert x.shape[0] == 3 and t.tolist() == [7, 7, 9] and guidance.tolist() == [3, 3, 1]
    assert torch.equal(y, torch.cat([torch.eye(10)[:2], torch.zeros(1, 10)]))


@torch.no_grad()
def test_only_rows_that_are_guided_are_looked_at_twice(model, monkeypatch):
    looked, net = [], model.net.forward
    monkeypatch.setattr(model.net, "forward", lambda x, t, y=None: looked.append(len(x)) or net(x, t, y))
    x, t, y = noise(4), torch.tensor([500, 300, 300, 100]), torch.eye(10)[:4].clone()
    t = t if hasattr(model, "predict_noise") else t / 1000
    y[3] = 0
    guidance = torch.tensor([3.0, 1.0, 0.0, 5.0])
    joint = model.look(x, t, y, guidance)
    assert looked == [6]
    for k in range(4):
        assert torch.allclose(joint[k:k + 1], model.look(x[k:k + 1], t[k:k + 1], y[k:k + 1], float(guidance[k])), atol=1e-4)


@torch.no_grad()
def test_every_step_says_from_where_to_where_it_leads_and_which_it_is(model):
    *steps, last = model.path(noise(2), steps=6)
    assert [step.number for step in steps] == list(range(1, 7)) and {step.of for step in steps} == {6}
    assert all(a.then == b.now for a, b in pairwise(steps)) and (last.now.alpha, last.now.sigma, last.t) == (1, 0, 0)
    for step in steps:
        assert torch.allclose(step.now.alpha * step.x0 + step.now.sigma * step.noise, step.x, atol=1e-3)


# The forward process


@pytest.mark.parametrize("betas", ["cosine", "linear"])
def test_steps_forward_come_to_the_closed_form_in_mean_and_variance(betas):
    model, generator = tiny_model("diffusion", betas=betas, times=100), torch.Generator().manual_seed(0)
    levels, x = model.levels(), torch.full((20000, 1, 1, 1), 0.8)
    for before, level, beta in zip(levels, levels[1:80], betas_of(model.config), strict=False):
        x = step_forward(x, before, level, torch.randn(x.shape, generator=generator))
        assert level.alpha / before.alpha == pytest.approx((1 - beta) ** 0.5)
        if level.t in (1, 5, 20, 50, 79):
            assert float(x.mean()) == pytest.approx(level.alpha * 0.8, abs=0.03) and float(x.std()) == pytest.approx(level.sigma, rel=0.03)


def test_a_step_forward_over_many_moments_is_as_many_steps_in_one():
    levels, x, drawn = tiny_model("diffusion").levels(), torch.full((20000, 1, 1, 1), 0.5), noise(313).view(-1, 1, 1, 1)[:20000]
    there = step_forward(step_forward(x, levels[0], levels[200], drawn), levels[200], levels[600], drawn.flip(0))
    assert float(there.mean()) == pytest.approx(levels[600].alpha * 0.5, abs=0.02) and float(there.std()) == pytest.approx(levels[600].sigma, rel=0.02)
    assert torch.allclose(step_forward(x, levels[0], levels[600], drawn), levels[600].alpha * x + levels[600].sigma * drawn)


# What is known


@torch.no_grad()
def test_known_pixels_are_in_every_answer_and_answers_differ_elsewhere(model):
    made = end(model, noise(3), torch.eye(10)[:3], steps=5, known=Known(PICTURE, MASK, repeats=3))
    assert torch.allclose(made[:, :, MASK], PICTURE[:, MASK].expand(3, 1, -1), atol=1e-6)
    assert (made[0] - made[1])[:, ~MASK].abs().max() > 0.01


@torch.no_grad()
@pytest.mark.parametrize("shrunk", [2, 4])
def test_answers_shrink_to_the_small_picture_that_is_known(model, shrunk):
    made = end(model, noise(2), steps=8, known=Known(PICTURE, shrunk=shrunk))
    small = torch.nn.functional.avg_pool2d(made, shrunk)
    assert torch.allclose(small, torch.nn.functional.avg_pool2d(PICTURE, shrunk).expand_as(small), atol=1e-4) and made.abs().max() <= 1 + 1e-5
    assert (made[0] - made[1]).abs().max() > 0.01


@torch.no_grad()
def test_each_step_but_the_last_is_repeated_and_noised_again_in_between(model):
    *steps, _ = model.path(noise(1), steps=4, known=Known(PICTURE, MASK, repeats=3))
    assert len(steps) == 10 and [step.number for step in steps] == list(range(1, 11)) and {step.of for step in steps} == {10}
    assert [step.now.t for step in steps] == [step.now.t for step in steps[::3] for _ in range(3 if step.then.sigma else 1)]
    assert not torch.allclose(steps[0].x, steps[1].x, atol=1e-2)


@torch.no_grad()
def test_a_path_that_begins_late_stays_near_its_picture(model):
    apart = [float((end(model, noise(4), steps=6, start=start, known=Known(PICTURE)) - PICTURE).abs().mean()) for start in (0.02, 0.5, 1.0)]
    assert apart[0] < 0.25 * apart[2] and apart[0] < apart[1]
    first, *_ = model.path(noise(1), steps=6, start=0.4, known=Known(PICTURE))
    assert torch.allclose(first.x, first.now.alpha * PICTURE + first.now.sigma * noise(1)) and first.t == pytest.approx(0.4, abs=0.01)
    assert first.of == 6


@torch.no_grad()
def test_a_repair_depends_on_its_latent_and_seed_alone(model):
    known, z = Known(PICTURE, MASK, repeats=2), noise(3)
    both = end(model, z, steps=4, seed=3, known=known)
    assert torch.allclose(both[1:2], end(model, z[1:2], steps=4, seed=3, known=known), atol=1e-4)
    assert not torch.allclose(both, end(model, z, steps=4, seed=4, known=known), atol=1e-2)


def test_repaint_with_the_exact_prediction_fills_in_what_goes_with_the_rest():
    """Of pictures whose pixels are all equal and N(0, 1/4), the best prediction is known; where half is known, the other half has to follow."""
    model = tiny_model("diffusion")

    def exact(x, t, y=None, guidance=1.0):
        alpha, sigma = model.shares[t].view(-1, 2, 1, 1, 1).unbind(1)
        middle = x.mean((1, 2, 3), keepdim=True) * alpha * 0.25 / (alpha**2 * 0.25 + sigma**2 / 64)
        return (x - alpha * middle) / sigma

    model.predict_noise = exact
    half = torch.arange(64).view(8, 8) < 32
    apart = [float((end(model, noise(16), sampler="ddpm", steps=40, known=Known(torch.full((1, 8, 8), 0.6), half, repeats=repeats)) - 0.6).abs().mean())
             for repeats in (1, 8)]
    assert apart[1] < 0.04 and apart[1] < apart[0]


# The way back


@torch.no_grad()
def test_the_way_back_says_where_it_is_and_takes_so_many_steps(model):
    *_, last = steps = list(model.along(model.walk_back(PICTURE[None], steps=7)))
    assert [step.number for step in steps] == list(range(1, 8)) and all(a.then == b.now and a.t < b.t for a, b in pairwise(steps))
    assert torch.equal(last.x, model.encode(PICTURE[None], steps=7)) and last.then.sigma > 0.99
    assert np.allclose([float(x.mean()) for x in model.back(PICTURE[None], steps=7)], [float(step.x.mean()) for step in steps])
