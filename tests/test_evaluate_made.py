"""Evaluation of made pictures: every family is measured from start to end, and each measure is what a direct computation says."""

import math
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.distributions import Normal

from genmodels import card
from genmodels.checkpoint import BadCheckpoint, Checkpoint, save_checkpoint
from genmodels.classifier import Classifier
from genmodels.datasets import floats
from genmodels.evaluate.__main__ import main
from genmodels.evaluate.judge import Judge, as_shown
from genmodels.evaluate.likelihood import likelihood
from genmodels.evaluate.samples import BY_STEPS, STEPS, fitted, painted
from genmodels.evaluate.seeded import plane
from genmodels.evaluate.subject import STEPWISE, Subject
from genmodels.latent.distances import frechet, precision_recall
from genmodels.models import LatentModel, bits_per_dimension
from genmodels.models.gan import GAN
from genmodels.models.vae import VAE
from genmodels.normal import latents
from genmodels.train.recipe import Plan

from .conftest import DIGITS, save_tiny, tiny_model
from .evaluate_kit import SMALL, TEST, TRAIN, effort, metrics, taught

LITTLE = {"samples": 200, "by_steps": 20, "bounded": 10, "draws": 50, "longest": 20, "noisy": 8}


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    torch.manual_seed(0)
    return taught(Classifier(Classifier.Config(image_shape=(1, 8, 8), conditions=DIGITS, width=8, features=16)), 150)


@pytest.fixture(scope="module")
def judge(classifier) -> Judge:
    return Judge(classifier, TRAIN, TEST, 300)


@pytest.fixture(scope="module")
def measured(classifier, tmp_path_factory) -> Path:
    """Tiny models of several families beside a classifier, after evaluation."""
    root = tmp_path_factory.mktemp("made")
    torch.manual_seed(0)
    models = {"gan": tiny_model("gan"), "cgan": tiny_model("gan", conditions=DIGITS), "flow": tiny_model("flow"),
              "diffusion": tiny_model("diffusion"), "matching": tiny_model("flow_matching", conditions=DIGITS),
              "vae": taught(VAE(VAE.Config(**SMALL, latent_dim=3)), 40)}
    with torch.no_grad():
        for weight in models["gan"].generator.parameters():
            weight *= 2  # untrained it would make one picture again and again
    for name, model in models.items():
        save_tiny(model, root / name)
    save_checkpoint(classifier, root / "digits-classifier", Plan("classifier", "digits", classifier.config).to_json())
    with effort(**LITTLE):
        assert main(["--all", "--checkpoints", str(root), "--device", "cpu"]) == 0
    return root


def test_every_family_has_a_row_for_each_way_to_sample_and_the_same_four_beside(measured):
    ways = {"gan": {"normal", "shortened"}, "cgan": {"normal", "shortened"}, "flow": {"normal", "shortened"}, "diffusion": {"normal"},
            "matching": {"normal"}, "vae": {"normal", "gaussian", "mixture"}}
    for name, expected in ways.items():
        found = metrics(measured, name)
        assert set(found["generated"]) == expected and set(found["beside"]) == {"halves", "train", "pca", "pca_mixture"}
        for row in found["generated"].values():
            assert set(card.MADE) - {"attribute_gap"} <= set(row) and 0 <= row["sure"] <= 1 and row["fd"] > 0
        beside = found["beside"]
        assert beside["pca_mixture"] == metrics(measured, "vae")["beside"]["pca_mixture"] and beside["pca_mixture"]["fd_ratio"] == 1
        assert beside["train"]["fd_ratio"] < beside["pca"]["fd_ratio"] and beside["train"]["recall"] > beside["pca"]["recall"]
        assert beside["pca"]["size"] == min(64, math.prod(Checkpoint(measured / name).blueprint.latent_shape))
        text = (measured / name / "README.md").read_text()
        assert "PCA-16, mixture" in text and card.MADE["recall"][0] in text


def test_measures_through_codes_are_left_out_where_no_picture_can_be_encoded(measured):
    for name in ("gan", "cgan"):
        found = metrics(measured, name)
        assert not {"mse", "knn_accuracy", "label_kept", "midpoint_certainty", "nelbo", "bits_per_dim"} & set(found)
        assert len(found["effects"]) == len(found["names"]) == 3
        assert "No picture can be turned into its latent" in (measured / name / "README.md").read_text()
    for name in ("diffusion", "matching", "flow"):
        found = metrics(measured, name)
        assert found["mse"] > 0 and found["encoded"] <= STEPWISE and "effects" not in found


def test_distances_by_steps_are_there_for_models_of_many_steps_alone(measured):
    found = metrics(measured, "diffusion")["fd_by_steps"]
    assert set(found) == {"samples", "ddim", "dpm++", "ddpm"} and found["samples"] == 20
    short = [str(steps) for steps in BY_STEPS if steps <= 20]
    assert list(found["dpm++"]) == short and list(found["ddim"]) == [*short, str(STEPS)], "those of DDIM with STEPS were made for the row of samples"
    assert found["ddim"]["5"]["fd"] != found["dpm++"]["5"]["fd"]
    assert metrics(measured, "diffusion")["generated"]["normal"]["sampler"] == "ddim"
    assert len(metrics(measured, "matching")["fd_by_steps"]) >= 2
    assert "fd_by_steps" not in metrics(measured, "gan")
    readme = (measured / "diffusion" / "README.md").read_text()
    assert "| steps | 5 | 10 | 15 | 20 |" in readme and "N(0, I), 50 steps of ddim" in readme and "(path.webp)" in readme
    assert Image.open(measured / "diffusion" / "path.webp").size == (80, 48)


def test_the_same_command_writes_the_same_bytes(measured, tmp_path):
    for name in ("gan", "diffusion", "vae", "digits-classifier"):
        shutil.copytree(measured / name, tmp_path / name)
    with effort(**LITTLE):
        assert main(["gan", "diffusion", "vae", "digits-classifier", "--checkpoints", str(tmp_path), "--device", "cpu"]) == 0
    for path in tmp_path.glob("*/*"):
        assert path.read_bytes() == (measured / path.parent.name / path.name).read_bytes(), path


def test_a_quick_look_writes_nothing(measured, tmp_path, capsys):
    shutil.copytree(measured / "gan", tmp_path / "gan")
    (tmp_path / "gan" / "metrics.json").unlink()
    before = {path.name: path.read_bytes() for path in (tmp_path / "gan").iterdir()}
    assert main(["gan", "--quick", "--checkpoints", str(tmp_path), "--device", "cpu"]) == 0
    assert "nothing is written" in capsys.readouterr().out
    assert {path.name: path.read_bytes() for path in (tmp_path / "gan").iterdir()} == before


def test_an_atlas_of_random_latents_keeps_their_seed_and_shows_them_on_a_plane(measured):
    for name in ("gan", "cgan", "flow", "diffusion", "matching"):
        checkpoint = Checkpoint(measured / name)
        with np.load(measured / name / "atlas.npz") as stored:
            assert "codes" not in stored.files and stored["seed"].dtype == np.int64
        atlas, shape = checkpoint.atlas(), checkpoint.blueprint.latent_shape
        assert (atlas["codes"] == latents(int(atlas["seed"]), 200, shape)).all()
        flat, size = atlas["codes"].reshape(200, -1), math.prod(shape)
        assert np.allclose(atlas["axes"] @ atlas["axes"].T, np.eye(2), atol=1e-5) and not atlas["centre"].any()
        assert np.allclose(atlas["xy"], flat @ atlas["axes"].T, atol=0.01)
        assert atlas["reach"] == pytest.approx(0.7 * size**0.5)
        if checkpoint.config.conditions:
            assert (atlas["labels"] == np.arange(200) % 10).all()


def test_the_labels_of_an_unconditional_atlas_are_what_the_classifier_sees(measured, classifier):
    checkpoint = Checkpoint(measured / "gan")
    atlas, model = checkpoint.atlas(), checkpoint.load()
    seen = classifier(floats(as_shown(model.decode(torch.from_numpy(atlas["codes"]))))).argmax(1)
    assert (atlas["labels"] == seen.numpy()).mean() > 0.97 and len(set(atlas["labels"])) > 1


def test_a_seed_that_no_atlas_can_have_is_refused_in_a_sentence(measured, tmp_path):
    shutil.copytree(measured / "gan", tmp_path / "gan")
    np.savez(tmp_path / "gan" / "atlas.npz", seed=np.int64(-1), labels=np.zeros(9, np.uint8))
    with pytest.raises(BadCheckpoint, match="gan: atlas.npz cannot be read .it must have a seed from 0"):
        Checkpoint(tmp_path / "gan").atlas()


def test_the_gallery_of_random_pictures_has_a_typical_one_of_each_class_and_the_ends_of_certainty(measured):
    for name in ("gan", "cgan", "diffusion"):
        gallery, atlas = metrics(measured, name)["gallery"], Checkpoint(measured / name).atlas()
        present = set(atlas["labels"].tolist())
        assert len(present) + 1 <= len(gallery) <= len(present) + 2
        for entry in gallery:
            number = int(entry["point"].removeprefix("atlas:"))
            assert 0 <= number < len(atlas["labels"]) and entry["why"].endswith(".")
            assert entry.get("condition") == (DIGITS[atlas["labels"][number]] if name == "cgan" else None)
            if entry["why"].startswith("A typical"):
                assert entry["why"].split()[2] == DIGITS[atlas["labels"][number]]


def test_the_plane_of_short_latents_is_that_of_the_first_layer():
    for conditions in ((), DIGITS):
        torch.manual_seed(0)
        model = GAN(GAN.Config(image_shape=(1, 8, 8), latent_dim=6, width=8, conditions=conditions)).eval()
        with torch.no_grad():
            model.generator.first.weight[:, 1] *= 20
            model.generator.first.weight[:, 4] *= 10
        axes = plane(Subject(model, TEST), latents(0, 10, (6,)), torch.zeros(10, 1, 8, 8, dtype=torch.uint8), np.arange(10))
        assert abs(axes[0, 1]) > 0.95 and abs(axes[1, 4]) > 0.95


def test_the_plane_of_noise_is_spanned_by_noise():
    subject = Subject(tiny_model("diffusion", image_shape=(1, 8, 8)), TEST)
    axes = plane(subject, latents(0, 10, (64,)), torch.zeros(10, 1, 8, 8, dtype=torch.uint8), np.arange(10))
    assert np.allclose(axes @ axes.T, np.eye(2), atol=1e-5)
    assert (abs(axes.mean(1)) < 3 / 64).all() and (abs(axes) < 4 / 8).all()  # no even brightness, no single pixel: 64 numbers of N(0, 1 / 64)


def test_samplers_are_fitted_to_the_codes_of_training_pictures(measured):
    checkpoint = Checkpoint(measured / "vae")
    codes = checkpoint.load().encode(TRAIN.floats(slice(None))).numpy()
    samplers = checkpoint.samplers()
    assert list(samplers) == ["normal", "gaussian", "mixture"]
    assert np.allclose(samplers["gaussian"].mean, codes.mean(0), atol=1e-3)
    assert np.allclose(samplers["gaussian"].covariance, np.cov(codes.T), atol=1e-2)
    assert not (measured / "gan" / "samplers.npz").exists() and list(Checkpoint(measured / "gan").samplers()) == ["normal"]
    assert fitted(Subject(tiny_model("autoencoder", latent_dim=65), TEST), TRAIN) == {}


def test_a_classifier_keeps_the_features_of_test_pictures(measured, classifier, tmp_path):
    kept = Checkpoint(measured / "digits-classifier").features()
    everyone = torch.cdist(torch.from_numpy(kept["features"]), classifier.describe(TEST.floats(slice(None))))
    assert everyone.min(1).values.max() < 0.05 * kept["reach"] and kept["features"].shape == (len(TEST), 16)
    others = torch.cdist(*[torch.from_numpy(kept["features"])] * 2).fill_diagonal_(math.inf).min(1).values
    assert kept["reach"] == pytest.approx(float(others.median()), rel=1e-2)
    assert np.bincount(kept["labels"]).tolist() == torch.bincount(TEST.labels).tolist()
    assert Checkpoint(measured / "vae").features() == {}
    shutil.copytree(measured / "digits-classifier", tmp_path / "one")
    for broken in ({"reach": np.float32(0)}, {"features": kept["features"][:, :3]}, {"labels": kept["labels"][1:]}, {"more": np.zeros(1)}):
        np.savez(tmp_path / "one" / "features.npz", **kept | broken)
        with pytest.raises(BadCheckpoint, match="one: features.npz cannot be read"):
            Checkpoint(tmp_path / "one").features()


def test_the_judge_says_what_its_parts_say(judge, classifier):
    noisy = (TEST.pixels.float() + 60 * torch.randn(TEST.pixels.shape, generator=torch.Generator().manual_seed(0))).clamp(0, 255).byte()[:300]
    found, real = judge.judge(judge.look(noisy)), classifier.describe(TEST.floats(slice(None)))
    features, seen = classifier.describe(floats(noisy)), classifier(floats(noisy)).softmax(1)
    assert found["fd"] == pytest.approx(frechet(features, real), rel=1e-3)
    assert found["fd_ratio"] == pytest.approx(found["fd"] / judge.beside(16)["pca_mixture"]["fd"], rel=1e-4)
    some = real[np.random.default_rng(0).permutation(len(TEST))[:300]]
    assert (found["precision"], found["recall"]) == pytest.approx(precision_recall(features, some), abs=0.01)
    assert found["sure"] == pytest.approx(float((seen.amax(1) >= 0.9).float().mean()), abs=0.005)
    shares = np.bincount(seen.argmax(1), minlength=10) / 300
    assert found["least_class"] == pytest.approx(shares.min(), abs=0.005)
    assert found["spread"] == pytest.approx(-(shares[shares > 0] * np.log(shares[shares > 0])).sum() / np.log(10), abs=0.01)
    def near(x: torch.Tensor) -> float:
        return float(torch.cdist(x.flatten(1), TRAIN.floats(slice(None)).flatten(1)).min(1).values.median())
    chosen = np.random.default_rng(0).permutation(len(TEST))[:300]
    assert found["neighbours_pixels"] == pytest.approx(near(floats(noisy)) / near(TEST.floats(torch.from_numpy(chosen))), rel=1e-3)


def test_one_who_gives_training_pictures_back_is_told_from_one_who_makes_new_ones(judge):
    copied, new = judge.judge(judge.look(TRAIN.pixels[:300])), judge.judge(judge.look(TEST.pixels[:300]))
    assert copied["neighbours"] < 0.1 and copied["neighbours_pixels"] < 0.1
    assert new["neighbours"] == pytest.approx(1, abs=0.1) and new["neighbours_pixels"] == pytest.approx(1, abs=0.1)
    assert new["fd"] < judge.judge(judge.look(TEST.pixels.flip(3)[:300]))["fd"] / 3


def test_samples_are_judged_as_a_person_sees_them():
    x = torch.tensor([-1.7, -1, -0.001, 0.5, 1, 3]).view(1, 1, 1, 6)
    assert as_shown(x).flatten().tolist() == [0, 0, 127, 191, 255, 255]


def test_a_conditional_model_is_told_the_classes_in_turn():
    model = tiny_model("gan", conditions=DIGITS)
    z = torch.from_numpy(latents(0, 230, (3,)))
    told = torch.eye(10)[torch.arange(230) % 10]
    made = painted(Subject(model, TEST), z, "samples")
    assert (made.int() - as_shown(model.decode(z, told)).int()).abs().max() <= 1
    assert not torch.equal(made, as_shown(model.decode(z, told.roll(1, 0))))


@dataclass(frozen=True)
class Config:
    image_shape: tuple = (1, 8, 8)
    conditions: tuple = ()


class Noisy(LatentModel):
    """x = z + noise: p(x) = N(0, 2) in each of 64 pixels, p(z | x) = N(x / 2, 1 / 2)."""

    Config = Config
    spread = 1.0  # of the posterior, as a multiple of the true one

    def __init__(self):
        super().__init__(Config())
        self.unused = torch.nn.Parameter(torch.zeros(1))

    def posterior(self, x, y=None):
        return Normal(x / 2, torch.full_like(x, self.spread * 0.5**0.5))

    def log_likelihood(self, x, z, y=None):
        return Normal(z, 1.0).log_prob(x).flatten(1).sum(1)


def test_the_importance_weighted_bound_is_exact_for_the_true_posterior_and_between_for_another():
    model = Noisy()
    subject = Subject(model, TEST)
    exact = -Normal(0.0, 2**0.5).log_prob(subject.x).flatten(1).sum(1)
    found = likelihood(subject, len(TEST), 20)
    assert found["iwae"] == pytest.approx(float(exact.mean()), rel=1e-4) and found["iwae_gain"] == pytest.approx(0, abs=1e-3)
    assert found["nelbo"] == pytest.approx(float(exact.mean()), rel=1e-2)
    model.spread = 1.3
    wide = likelihood(subject, len(TEST), 20)
    assert float(exact.mean()) < wide["iwae"] < wide["iwae"] + wide["iwae_gain"] and wide["iwae_gain"] > 1
    assert wide["iwae"] + wide["iwae_gain"] == pytest.approx(wide["nelbo"], rel=1e-2)


def test_bits_per_dimension_are_those_of_the_exact_density(measured):
    checkpoint = Checkpoint(measured / "flow")
    model, x = checkpoint.load(), TEST.pixels.double()
    bits = [bits_per_dimension(model.log_prob(((x + torch.rand(x.shape, generator=torch.Generator().manual_seed(k))) / 128 - 1).float()), (1, 8, 8)).mean()
            for k in range(5)]
    assert metrics(measured, "flow")["bits_per_dim"] == pytest.approx(float(torch.stack(bits).mean()), rel=5e-3)
    assert "bits per dimension" in (measured / "flow" / "README.md").read_text()
