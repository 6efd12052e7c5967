"""What is typical, what stands out, what is found again: percentiles that hold on fresh pictures, bits that keep neighbours, numbers in the card."""

import json
import shutil

import numpy as np
import pytest
import torch

from bench import anomaly
from genmodels import card
from genmodels.checkpoint import BadCheckpoint, Checkpoint
from genmodels.datasets import Images
from genmodels.evaluate import evaluate_own, examine
from genmodels.evaluate.own import own_pictures
from genmodels.evaluate.subject import Subject
from genmodels.kept import npz
from genmodels.latent import hashing, typical
from genmodels.models.gan import GAN
from genmodels.models.vae import VAE

from .conftest import tiny_config
from .evaluate_kit import SMALL, TEST, TRAIN, taught, with_recipe

NOISE = Images(torch.randint(0, 256, (60, 1, 8, 8), generator=torch.Generator().manual_seed(0)).byte(), torch.arange(60) % 2, ("a", "b"))
RANDOM = np.random.default_rng(0)


@pytest.fixture(scope="module")
def vae():
    return taught(VAE(VAE.Config(**SMALL, latent_dim=3)), 80)


@pytest.fixture(scope="module")
def measured(vae, tmp_path_factory) -> Checkpoint:
    """A checkpoint that was measured quickly, and then in what own pictures need."""
    checkpoint = with_recipe(vae, tmp_path_factory.mktemp("own") / "digits-vae")
    metrics, _, pictures = examine(checkpoint, TRAIN, TEST)
    (checkpoint.folder / "metrics.json").write_text(json.dumps(metrics))
    (checkpoint.folder / "README.md").write_text(card.card(checkpoint, metrics, pictures, len(TRAIN)))
    evaluate_own(checkpoint, TRAIN, TEST, stranger=("Noise", NOISE))
    return checkpoint


def test_a_twentieth_of_fresh_pictures_exceeds_the_threshold():
    codes, errors = RANDOM.normal(size=(4000, 5)) @ RANDOM.normal(size=(5, 5)) + 3, RANDOM.gamma(3, 1, 4000)
    usual = typical.Typical.fit(codes[:2000], errors[:2000], 64)
    white = np.linalg.solve(np.linalg.cholesky(np.cov(codes.T)), (codes[2000:] - 3).T)
    assert np.allclose(usual.distance(codes[2000:]), np.linalg.norm(white, axis=0), rtol=0.15, atol=0.3)
    for what, values in (("error", errors[2000:]), ("distance", usual.distance(codes[2000:])), ("score", usual.score(codes[2000:], errors[2000:]))):
        assert (values > usual.threshold(what)).mean() == pytest.approx(0.05, abs=0.02)
        assert usual.exceeds(what, float(np.median(values))) == pytest.approx(0.5, abs=0.05)
    assert usual.exceeds("error", -1.0) == 0 and usual.exceeds("distance", 1e9) == 1


def test_codes_of_many_numbers_are_told_by_their_variances():
    usual = typical.Typical.fit(RANDOM.normal(size=(200, 1, 20, 20)) * 2, np.ones(200), 400)
    assert usual.whitening.shape == (400,) and usual.distance(np.full((1, 1, 20, 20), 2.0))[0] == pytest.approx(20, rel=0.05)


def test_what_was_kept_is_read_again_and_what_does_not_fit_is_refused(tmp_path, measured):
    usual = measured.typical()
    assert usual.among == len(TEST) // 2 and measured.hash_of_codes().axes.shape == (hashing.BITS, 3)
    shutil.copytree(measured.folder, tmp_path / "copy")
    good = dict(np.load(measured.folder / "typical.npz"))
    for change in ({"mean": np.zeros(4, np.float32)}, {"whitening": np.full((3, 3), np.nan, np.float16)}, {"quantiles": good["quantiles"][:, ::-1]},
                   {"usual": np.array([1, 7, 100], np.float32)}):
        (tmp_path / "copy" / "typical.npz").write_bytes(npz(good | change))
        with pytest.raises(BadCheckpoint, match="typical.npz cannot be read"):
            Checkpoint(tmp_path / "copy").typical()
    (tmp_path / "copy" / "typical.npz").write_bytes(npz(good | {"hash_axes": np.ones((2, 5), np.float16)}))
    with pytest.raises(BadCheckpoint, match="a hash must have axes"):
        Checkpoint(tmp_path / "copy").hash_of_codes()


def test_bits_keep_neighbours_better_than_chance_and_halve_every_axis():
    middles = RANDOM.normal(size=(5, 8)) * 3
    labels = np.arange(500) % 5
    codes = middles[labels] + RANDOM.normal(size=(500, 8))
    bits = hashing.Hash.fit(codes).bits(codes)
    assert bits.shape == (500, hashing.BITS) and np.allclose(bits.mean(0), 0.5, atol=0.02)
    agree, apart = labels[:, None] == labels[None], hashing.apart(bits, bits)
    assert (np.diag(apart) == 0).all() and apart[0, 1] == (bits[0] != bits[1]).sum()
    assert hashing.precision(apart, agree) > 0.8 > hashing.precision(RANDOM.normal(size=agree.shape), agree)


def test_strangers_stand_out_and_the_card_says_by_how_much(measured):
    found = measured.metrics()["own"]
    assert found["stranger"]["title"] == "Noise" and found["stranger"]["error"] > 0.9 and 0.5 < found["stranger"]["score"] <= 1
    assert set(found["retrieval"]) >= {"codes", "bits", "pca", "pixels"} and 0.1 < found["retrieval"]["bits"] < found["retrieval"]["pixels"] <= 1
    text = (measured.folder / "README.md").read_text()
    assert "area under ROC, test pictures against Noise" in text and "precision at 10" in text


def test_a_class_that_was_held_out_is_measured_and_stays_when_the_rest_is_measured_again(measured, capsys):
    digits = {"main": ["digits-vae", "--without", "1", "--steps", "30", "--checkpoints", str(measured.folder.parent)]}
    assert anomaly.main(digits["main"]) == 0 and "digits-vae without 1" in capsys.readouterr().out
    before = Checkpoint(measured.folder).metrics()["own"]["held_out"]
    assert before["title"] == "1" and 0 <= before["error"] <= 1 and before["steps"] == 30
    assert evaluate_own(Checkpoint(measured.folder), TRAIN, TEST)["own"]["held_out"] == before
    assert "the class 1, by a model of this recipe that learned without it, 30 steps" in (measured.folder / "README.md").read_text()
    assert anomaly.main(["digits-vae", "--without", "x", "--checkpoints", str(measured.folder.parent)]) == 2 and "no class 'x'" in capsys.readouterr().err


def test_a_model_without_an_encoder_is_measured_by_descent(monkeypatch):
    monkeypatch.setattr("genmodels.evaluate.own.INVERTED", 12)
    monkeypatch.setattr("genmodels.evaluate.own.CANDIDATES", 16)
    torch.manual_seed(0)
    gan = GAN(tiny_config("gan")).eval().requires_grad_(False)
    numbers, arrays = own_pictures(Subject(gan, TEST), TRAIN)
    assert numbers["typical"]["pictures"] == 6 and arrays["mean"].shape == (3,) and "hash_axes" not in arrays
