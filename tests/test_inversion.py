"""Inversion: descent through a decoder finds the latents of its own pictures, and says how near it came to others."""

import numpy as np
import pytest
import torch

from genmodels.latent.inversion import invert, pixel_error
from genmodels.normal import latents

from .conftest import DIGITS, tiny_model

CANDIDATES = torch.from_numpy(latents(0, 64, (3,)))


def ended(work) -> tuple:
    """All that a generator yields, and what it returns."""
    seen = []
    while True:
        try:
            seen.append(next(work))
        except StopIteration as end:
            return seen, end.value


@pytest.fixture
def gan():
    return tiny_model("gan").requires_grad_(False)


def test_a_picture_of_the_model_is_found_again(gan):
    x = gan.decode(torch.from_numpy(latents(9, 3, (3,))))
    seen, (z, errors) = ended(invert(gan.decode, x, CANDIDATES, pull=0.0))
    assert z.shape == (3, 3) and errors.shape == (3,)
    assert torch.allclose(pixel_error(gan.decode(z), x), errors, atol=1e-7)
    _, of_the_best_candidates = seen[1]
    assert errors.mean() < 0.1 * of_the_best_candidates


def test_progress_counts_the_steps_and_never_gets_worse(gan):
    x = torch.rand(2, 1, 8, 8) * 2 - 1
    seen, _ = ended(invert(gan.decode, x, CANDIDATES, steps=20))
    assert [step for step, _ in seen] == [0] + list(range(1, 21))
    assert all(later <= earlier + 1e-7 for (_, earlier), (_, later) in zip(seen[1:], seen[2:], strict=False))


def test_what_is_found_for_a_picture_does_not_depend_on_its_neighbours(gan):
    x = gan.decode(torch.from_numpy(latents(9, 3, (3,))))
    together = ended(invert(gan.decode, x, CANDIDATES, steps=30))[1]
    alone = [ended(invert(gan.decode, x[k:k + 1], CANDIDATES, steps=30))[1] for k in range(3)]
    assert torch.allclose(together[0], torch.cat([z for z, _ in alone]), atol=1e-2)


def test_descent_starts_at_the_candidates_that_look_most_alike(gan):
    x = gan.decode(CANDIDATES[[5, 40]])
    z, errors = ended(invert(gan.decode, x, CANDIDATES, starts=1, steps=1))[1]
    assert torch.equal(z, CANDIDATES[[5, 40]]) and errors.max() < 1e-10


def test_each_picture_is_sought_under_its_own_condition():
    gan = tiny_model("gan", conditions=DIGITS).requires_grad_(False)
    y = torch.eye(10)[[3, 7, 3]]
    x = gan.decode(torch.from_numpy(latents(9, 3, (3,))), y)
    _, right = ended(invert(gan.decode, x, CANDIDATES, y, steps=40))[1]
    _, wrong = ended(invert(gan.decode, x, CANDIDATES, torch.eye(10)[[4, 1, 0]], steps=40))[1]
    assert right.mean() < wrong.mean()


def test_the_pull_keeps_latents_where_the_prior_has_its_mass(gan):
    x = torch.from_numpy(np.random.default_rng(0).uniform(-1, 1, (4, 1, 8, 8)).astype(np.float32))
    lengths = [ended(invert(gan.decode, x, CANDIDATES, pull=pull, steps=40))[1][0].norm(dim=1).mean() for pull in (0.0, 0.1)]
    assert lengths[1] < lengths[0]


def test_an_error_is_that_of_shown_pixels_from_nought_to_one():
    assert torch.equal(pixel_error(torch.tensor([[[[3.0]]], [[[0.0]]]]), torch.tensor([[[[1.0]]], [[[-1.0]]]])), torch.tensor([0.0, 0.25]))
