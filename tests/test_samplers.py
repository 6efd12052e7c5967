"""Samplers recover the cloud that they were fitted to, draw the same again for the same seed, and are read back only if they fit."""

import numpy as np
import pytest

from genmodels.checkpoint import BadCheckpoint
from genmodels.latent.samplers import SAMPLERS, Gaussian, Mixture, packed, unpacked
from genmodels.normal import latents

from .conftest import save_tiny, tiny_model

RANDOM = np.random.default_rng(0)
MODES = np.array([[-6.0, 0, 0], [6, 0, 2], [0, 8, 0]])
LABELS = RANDOM.choice(3, 3000, p=[0.5, 0.3, 0.2])
CODES = (MODES[LABELS] + RANDOM.normal(size=(3000, 3)) * [1, 0.3, 2]).astype(np.float32)


@pytest.fixture(params=SAMPLERS)
def sampler(request):
    return SAMPLERS[request.param].fit(CODES)


def test_the_same_seed_draws_the_same_and_a_longer_draw_begins_with_a_shorter_one(sampler):
    drawn = sampler.draw(7, 50)
    assert drawn.dtype == np.float32 and drawn.shape == (50, 3) and np.isfinite(drawn).all()
    assert (sampler.draw(7, 50) == drawn).all() and (sampler.draw(7, 20) == drawn[:20]).all()
    assert abs(sampler.draw(8, 50) - drawn).min() > 0


def test_codes_keep_their_shape(sampler):
    grids = np.repeat(CODES, 4, 1).reshape(-1, 3, 2, 2) + latents(1, len(CODES), (3, 2, 2))
    assert type(sampler).fit(grids).draw(0, 5).shape == (5, 3, 2, 2)


def test_a_gaussian_has_the_mean_and_covariance_of_the_codes():
    drawn = Gaussian.fit(CODES).draw(1, 20_000)
    assert np.allclose(drawn.mean(0), CODES.mean(0), atol=0.15)
    assert np.allclose(np.cov(drawn.T), np.cov(CODES.T), rtol=0.05, atol=0.5)


def test_a_mixture_draws_from_every_mode_in_its_share():
    sampler = Mixture.fit(CODES, components=3)
    drawn = sampler.draw(1, 20_000)
    nearest = np.linalg.norm(drawn[:, None] - MODES, axis=2).argmin(1)
    for mode in range(3):
        mine, theirs = drawn[nearest == mode], CODES[LABELS == mode]
        assert np.mean(nearest == mode) == pytest.approx(np.mean(LABELS == mode), abs=0.02)
        assert np.allclose(mine.mean(0), theirs.mean(0), atol=0.2) and np.allclose(mine.std(0), theirs.std(0), rtol=0.15)
    assert np.allclose(np.cov(drawn.T), np.cov(CODES.T), rtol=0.05, atol=0.5)
    between = np.linalg.norm(Gaussian.fit(CODES).draw(1, 20_000)[:, None, :2] - MODES[:, :2], axis=2).min(1)
    assert np.mean(between > 3.5) > 0.1 > 0.01 > np.mean(np.linalg.norm(drawn[:, None, :2] - MODES[:, :2], axis=2).min(1) > 3.5)


def test_the_choice_of_a_component_says_nothing_about_the_place_within_it():
    sampler = Mixture((1,), np.array([0.5, 0.5], np.float32), np.array([[-100], [100]], np.float32), np.ones((2, 1, 1), np.float32))
    drawn = sampler.draw(3, 20_000)[:, 0]
    chosen = drawn > 0
    within = drawn - np.where(chosen, 100, -100)
    assert within[chosen].mean() == pytest.approx(within[~chosen].mean(), abs=0.05)
    assert within[chosen].std() == pytest.approx(1, abs=0.03) == pytest.approx(within[~chosen].std(), abs=0.03)


def test_a_dead_dimension_does_no_harm():
    codes = CODES.copy()
    codes[:, 1] = 0
    for kind in SAMPLERS.values():
        assert np.isfinite(kind.fit(codes).draw(0, 100)).all()
    assert abs(Gaussian.fit(codes).draw(0, 100)[:, 1]).max() < 0.01


def test_what_is_packed_is_unpacked_again():
    fitted = {kind: sampler.fit(CODES) for kind, sampler in SAMPLERS.items()}
    arrays = packed(fitted)
    assert set(arrays) == {"gaussian.mean", "gaussian.covariance", "mixture.weights", "mixture.means", "mixture.covariances"}
    assert {array.dtype for array in arrays.values()} == {np.dtype(np.float32)} and arrays["mixture.covariances"].shape == (10, 3, 3)
    again = unpacked(arrays, (3,))
    assert list(again) == list(SAMPLERS)
    assert all((again[kind].draw(5, 9) == fitted[kind].draw(5, 9)).all() for kind in SAMPLERS)
    assert list(unpacked({}, (3,))) == ["normal"]


BROKEN = {
    "there is no sampler": {"nobody.mean": np.zeros(3, np.float32)},
    "has the arrays mean, covariance": {"gaussian.mean": np.zeros(3, np.float32)},
    "covariance must be finite float32 numbers [3, 3]": {"gaussian.mean": np.zeros(3, np.float32), "gaussian.covariance": np.eye(2, dtype=np.float32)},
    "mean must be finite float32": {"gaussian.mean": np.full(3, np.nan, np.float32), "gaussian.covariance": np.eye(3, dtype=np.float32)},
    "a covariance is not one": {"gaussian.mean": np.zeros(3, np.float32), "gaussian.covariance": -np.eye(3, dtype=np.float32)},
    "means must be finite float32 numbers [N, 3]": {
        "mixture.weights": np.full(2, 0.5, np.float32), "mixture.means": np.zeros((1, 3), np.float32), "mixture.covariances": np.ones((2, 3, 3), np.float32)},
    "shares that add up to one": {
        "mixture.weights": np.ones(2, np.float32), "mixture.means": np.zeros((2, 3), np.float32),
        "mixture.covariances": np.stack([np.eye(3, dtype=np.float32)] * 2)},
}


@pytest.mark.parametrize("why", BROKEN)
def test_a_file_of_samplers_that_does_not_fit_is_refused_in_a_sentence(why, tmp_path):
    checkpoint = save_tiny(tiny_model("autoencoder"), tmp_path / "model")
    assert list(checkpoint.samplers()) == ["normal"]
    np.savez(tmp_path / "model" / "samplers.npz", **BROKEN[why])
    with pytest.raises(BadCheckpoint, match="model: samplers.npz cannot be read") as error:
        checkpoint.samplers()
    assert why in str(error.value)


def test_a_file_that_is_no_file_of_arrays_is_refused_in_a_sentence(tmp_path):
    checkpoint = save_tiny(tiny_model("autoencoder"), tmp_path / "model")
    (tmp_path / "model" / "samplers.npz").write_bytes(b"nothing of the kind")
    with pytest.raises(BadCheckpoint, match="samplers.npz cannot be read"):
        checkpoint.samplers()
