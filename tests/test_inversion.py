"""Inversion: descent through a decoder finds the latents of its own pictures, and says how near it came to others."""

import numpy as np
import pytest
import torch

from genmodels.latent.inversion import APART, Found, invert, pixel_error
from genmodels.latent.repair import block_means, filled, known_pixels, seen_by
from genmodels.normal import latents

from .conftest import DIGITS, tiny_model

CANDIDATES = torch.from_numpy(latents(0, 64, (3,)))


def ended(work) -> tuple[list[Found], Found]:
    """What a search tells on its way, and what it ends with."""
    told = []
    while True:
        try:
            told.append(next(work))
        except StopIteration as end:
            return [found for found in told if found], end.value


@pytest.fixture
def gan():
    return tiny_model("gan").requires_grad_(False)


def test_a_picture_of_the_model_is_found_again(gan):
    x = gan.decode(torch.from_numpy(latents(9, 3, (3,))))
    told, found = ended(invert(gan.decode, x, CANDIDATES, pull=0.0))
    assert found.z.shape == (3, 1, 3) and found.errors.shape == (3, 1) and found.pictures.shape == (3, 1, 1, 8, 8)
    assert torch.allclose(pixel_error(gan.decode(found.z[:, 0]), x), found.errors[:, 0], atol=1e-7)
    assert found.errors.mean() < 0.1 * told[0].errors.mean()


def test_what_is_told_on_the_way_counts_the_steps_never_gets_worse_and_shows_what_it_found(gan):
    x = torch.rand(2, 1, 8, 8) * 2 - 1
    told, last = ended(invert(gan.decode, x, CANDIDATES, steps=20))
    assert [(found.step, found.steps) for found in told] == [(step, 20) for step in range(1, 21)]
    assert all((later.errors <= earlier.errors).all() for earlier, later in zip(told, told[1:], strict=False))
    assert torch.allclose(told[7].pictures[:, 0], gan.decode(told[7].z[:, 0]), atol=1e-5) and torch.equal(told[-1].z, last.z)


def test_what_is_found_for_a_picture_does_not_depend_on_its_neighbours(gan):
    x = gan.decode(torch.from_numpy(latents(9, 3, (3,))))
    together = ended(invert(gan.decode, x, CANDIDATES, steps=30))[1].z
    alone = [ended(invert(gan.decode, x[k:k + 1], CANDIDATES, steps=30))[1].z for k in range(3)]
    assert torch.allclose(together, torch.cat(alone), atol=1e-2)


def test_descent_starts_at_the_candidates_that_look_most_alike(gan):
    x = gan.decode(CANDIDATES[[5, 40]])
    found = ended(invert(gan.decode, x, CANDIDATES, starts=1, steps=1))[1]
    assert torch.equal(found.z[:, 0], CANDIDATES[[5, 40]]) and found.errors.max() < 1e-10


def test_a_guess_of_ones_own_goes_before_the_candidates(gan):
    hidden = torch.from_numpy(latents(9, 2, (3,)))
    x = gan.decode(hidden)
    found = ended(invert(gan.decode, x, CANDIDATES, guesses=hidden[:, None], starts=2, steps=1))[1]
    assert torch.equal(found.z[:, 0], hidden) and found.errors.max() < 1e-10
    guessed = ended(invert(gan.decode, x, CANDIDATES, guesses=hidden[:, None] + 0.3, starts=1, steps=60, rate=0.05, pull=0.0))[1]
    assert (guessed.errors[:, 0] < 0.1 * pixel_error(gan.decode(hidden + 0.3), x)).all()


def test_each_picture_is_sought_under_its_own_condition():
    gan = tiny_model("gan", conditions=DIGITS).requires_grad_(False)
    y = torch.eye(10)[[3, 7, 3]]
    x = gan.decode(torch.from_numpy(latents(9, 3, (3,))), y)
    right = ended(invert(gan.decode, x, CANDIDATES, y, steps=40))[1].errors
    wrong = ended(invert(gan.decode, x, CANDIDATES, torch.eye(10)[[4, 1, 0]], steps=40))[1].errors
    assert right.mean() < wrong.mean()


def test_the_pull_keeps_latents_where_the_prior_has_its_mass(gan):
    x = torch.from_numpy(np.random.default_rng(0).uniform(-1, 1, (4, 1, 8, 8)).astype(np.float32))
    lengths = [ended(invert(gan.decode, x, CANDIDATES, pull=pull, steps=40))[1].z.norm(dim=2).mean() for pull in (0.0, 0.1)]
    assert lengths[1] < lengths[0]


# From what is known


def test_a_hidden_half_does_not_count(gan):
    mask = torch.zeros(8, 8, dtype=torch.bool)
    mask[:4] = True
    x = gan.decode(torch.from_numpy(latents(9, 1, (3,))))
    spoilt = torch.where(mask, x, 1.0)
    clean, dirty = (ended(invert(gan.decode, one, CANDIDATES, sees=known_pixels(mask), steps=30))[1] for one in (x, spoilt))
    assert torch.equal(clean.z, dirty.z) and clean.errors.item() < 1e-3
    assert pixel_error(known_pixels(mask)(clean.pictures[:, 0]), known_pixels(mask)(x)).item() == pytest.approx(clean.errors.item(), abs=1e-7)


def test_a_small_picture_is_compared_with_the_means_of_blocks(gan):
    x = gan.decode(torch.from_numpy(latents(9, 1, (3,))))
    found = ended(invert(gan.decode, x, CANDIDATES, sees=block_means(2), steps=60, pull=0.0))[1]
    assert block_means(2)(x).shape == (1, 1, 4, 4)
    assert pixel_error(block_means(2)(found.pictures[:, 0]), block_means(2)(x)).item() == pytest.approx(found.errors.item(), abs=1e-7)
    assert found.errors.item() < 1e-3


def test_several_answers_come_sorted_and_are_pushed_apart(gan):
    mask = torch.zeros(8, 8, dtype=torch.bool)
    mask[0, :2] = True  # little is known, so that much can be true
    x = gan.decode(torch.from_numpy(latents(9, 2, (3,))))
    differ = []
    for push in (0.0, 3.0):
        found = ended(invert(gan.decode, x, CANDIDATES, sees=known_pixels(mask), answers=3, push=push, steps=60))[1]
        assert found.z.shape == (2, 3, 3) and (found.errors[:, 1:] >= found.errors[:, :-1]).all()
        differ.append(float(torch.cdist(found.pictures.flatten(2), found.pictures.flatten(2)).sum()))
    assert differ[1] > differ[0] and APART > 0


def test_what_an_encoder_is_shown_holds_nothing_that_is_not_known():
    x, mask = torch.rand(2, 3, 8, 8) * 2 - 1, torch.rand(8, 8) > 0.5
    hidden = torch.where(mask, x, 5.0)
    assert torch.equal(filled(hidden, mask, 1), filled(x, mask, 1)) and torch.equal(filled(x, mask, 1)[:, :, mask], x[:, :, mask])
    assert torch.allclose(block_means(4)(filled(x, None, 4)), block_means(4)(x), atol=1e-6) and torch.equal(filled(x, None, 1), x)
    assert torch.equal(seen_by(None, 1)(x), x) and seen_by(mask, 1)(x).shape == (2, 3, int(mask.sum())) and seen_by(None, 2)(x).shape == (2, 3, 4, 4)


def test_an_error_is_that_of_shown_pixels_from_nought_to_one():
    assert torch.equal(pixel_error(torch.tensor([[[[3.0]]], [[[0.0]]]]), torch.tensor([[[[1.0]]], [[[-1.0]]]])), torch.tensor([0.0, 0.25]))
