"""Evaluation finds directions in codes or in labelled samples, says what it could not learn, and measures pushes by a judge that saw nothing of them."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from genmodels import card
from genmodels.checkpoint import Checkpoint
from genmodels.classifier import Classifier
from genmodels.evaluate import evaluate_pushes
from genmodels.evaluate.__main__ import main
from genmodels.evaluate.directions import directions_of
from genmodels.evaluate.pushes import pushes_of
from genmodels.evaluate.subject import Subject
from genmodels.kept import Kept, directions_files
from genmodels.models.autoencoder import Autoencoder
from genmodels.normal import latents

from .conftest import DIGITS, tiny_model
from .engine_kit import save_classifier
from .evaluate_kit import TEST, TRAIN, solved_pca, with_recipe

NAMES = ("Top heavy", "Leaning left", "Odd")


def with_attributes(images):
    """The small digits, with two things that can be seen of them and one that cannot."""
    x = images.pixels.float().mean(1)
    seen = [x[:, :4].sum((1, 2)) > x[:, 4:].sum((1, 2)), x[..., :4].sum((1, 2)) > x[..., 4:].sum((1, 2))]
    odd = torch.rand(len(x), generator=torch.Generator().manual_seed(0)) > 0.5
    attributes = torch.stack([*seen, odd], 1).float() * 2 - 1
    attributes[::10] = 0
    return replace(images, labels=(attributes[:, 0] > 0).long(), classes=NAMES, attributes=attributes, groups=(0,))


FACED, FACED_TEST = with_attributes(TRAIN), with_attributes(TEST)


def attributes_classifier(seed: int) -> Classifier:
    torch.manual_seed(seed)
    model = Classifier(Classifier.Config(image_shape=(1, 8, 8), conditions=NAMES, kind="attributes", width=8, features=16, shift=0.0, turn=0.0, scale=0.0))
    optimizer = torch.optim.Adam(model.train().parameters(), 5e-3)
    for _ in range(80):
        index = torch.randint(len(FACED), (128,))
        optimizer.zero_grad()
        model.loss(FACED.floats(index), FACED.one_hot(index))["loss"].backward()
        optimizer.step()
    return model.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return attributes_classifier(0)


@pytest.fixture(scope="module")
def judge() -> Classifier:
    return attributes_classifier(1)


@pytest.fixture(scope="module")
def pca() -> Autoencoder:
    """PCA of eight dimensions, as a linear autoencoder."""
    model = Autoencoder(Autoencoder.Config(image_shape=(1, 8, 8), latent_dim=8, net="linear")).requires_grad_(False).eval()
    model.solve(TRAIN.floats(slice(None)))
    model.refresh(TRAIN.floats(slice(None)))
    return model


@pytest.fixture(scope="module")
def found(pca, classifier) -> Kept:
    return directions_of(Subject(pca, FACED_TEST, classifier), FACED, 1000)


def test_attributes_are_learned_from_codes_and_what_cannot_be_is_said(found):
    learned = {one.name: one for one in found.directions if one.source == "learned"}
    assert set(learned) == {"Top heavy", "Leaning left"} and all(one.accuracy > 0.75 for one in learned.values())
    assert "half of them it would guess" in found.unlearned["Odd"]
    assert [one.name for one in found.directions if one.source in ("principal", "sefa")] == [f"{kind} {k}" for kind in ("Axis", "SeFa") for k in range(1, 5)]


def test_leakage_has_a_row_for_what_is_pushed_and_a_column_for_what_moves(found):
    table = found.leakage
    before, after, cosines = (np.array(table[key]) for key in ("before", "after", "cosines"))
    assert table["names"] == ["Top heavy", "Leaning left"] and table["samples"] == 256 and before.shape == after.shape == cosines.shape == (2, 2)
    assert (np.diag(before) > 0.03).all() and np.allclose(np.diag(cosines), 1, atol=1e-3) and np.allclose(cosines, cosines.T)
    assert (np.diag(np.array(table["logits_before"])) > 0).all()


def test_a_model_taught_on_random_latents_learns_from_samples_that_the_classifier_labels(classifier):
    gan = tiny_model("gan")
    torch.manual_seed(3)
    with torch.no_grad():
        for weight in gan.generator.parameters():
            weight *= 3  # untrained it would make one picture again and again
    found = directions_of(Subject(gan, FACED_TEST, classifier), FACED, 1500)
    assert "samples that the classifier labelled" in " ".join(one.about for one in found.directions) + " ".join(found.unlearned.values())
    assert {"principal", "sefa"} <= {one.source for one in found.directions}
    assert "GANSpace" in next(one.about for one in found.directions if one.source == "principal")


def test_sefa_of_a_model_is_that_of_its_first_layer():
    gan = tiny_model("gan")
    found = directions_of(Subject(gan, TEST), TRAIN, 300)
    values, vectors = np.linalg.eigh((gan.generator.first.weight.T @ gan.generator.first.weight).detach().double().numpy())
    [first] = [one for one in found.directions if one.name == "SeFa 1"]
    assert abs(first.vector @ vectors[:, -1]) > 0.999


def test_classes_become_pairs_and_strokes_are_measured():
    found = directions_of(Subject(solved_pca(), TEST), TRAIN, 100)
    pairs = [one.name for one in found.directions if one.source == "classes"] + [name for name in found.unlearned if name.startswith("From")]
    assert len(pairs) == 6 and all(name.split()[1] in DIGITS and name.split()[3] in DIGITS for name in pairs)
    assert max(sum(digit in name.split() for name in pairs) for digit in DIGITS) <= 2
    assert {"Thickness", "Slant", "Width", "Height"} <= {one.name for one in found.directions} | set(found.unlearned)
    assert "before" not in found.leakage and "cosines" in found.leakage  # nobody is there to judge the pairs


def test_a_model_that_is_told_the_class_has_no_pairs_and_says_so():
    found = directions_of(Subject(tiny_model("gan", conditions=DIGITS), TEST), TRAIN, 300)
    assert "choose the class itself" in found.unlearned["Classes"] and not any(one.source == "classes" for one in found.directions)


# Pushes


def test_pushes_are_judged_on_samples_that_lack_the_attribute(pca, found, judge):
    metrics = pushes_of(Subject(pca, FACED_TEST), found.directions, judge, samples=100, drawn=400)
    assert set(metrics["attributes"]) == {"Top heavy", "Leaning left"} and metrics["sigmas"] == 2
    for row in metrics["attributes"].values():
        assert 0 < row["lacking"] <= 100 and row["present"] > 0.3 and row["present_as_far"] >= row["present_locked"] - 0.02
    assert metrics["others_ratio"] == pytest.approx(metrics["others_locked"] / metrics["others"])

    [top] = [one for one in found.directions if one.name == "Top heavy"]
    z = torch.from_numpy(latents(0, 400, (8,)))
    shown = [(pca.decode(one).clamp(-1, 1) * 127.5 + 128).byte().float() / 127.5 - 1 for one in (z, z + 2 * torch.from_numpy(top.step))]
    decoded = [judge.probabilities(x) for x in shown]
    lacking = (decoded[0][:, 0] < 0.5).nonzero()[:100, 0]
    row = metrics["attributes"]["Top heavy"]
    assert row["lacking"] == len(lacking) and row["present"] == pytest.approx(float((decoded[1][lacking, 0] > 0.5).float().mean()), abs=0.011)
    assert row["others"] == pytest.approx(float((decoded[1] - decoded[0])[lacking][:, 1:].abs().mean()), abs=0.005)


def test_a_judge_of_classes_is_refused(pca, found):
    config = Classifier.Config(image_shape=(1, 8, 8), conditions=DIGITS, width=4, features=8)
    with pytest.raises(ValueError, match="a classifier of attributes"):
        pushes_of(Subject(pca, TEST), found.directions, Classifier(config))


# The command line, and what is written


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """PCA of the small digits, measured, beside a classifier."""
    monkeypatch.setattr("genmodels.evaluate.pushes.DRAWN", 300)
    with_recipe(solved_pca(), tmp_path / "digits-pca")
    save_classifier(tmp_path / "digits-classifier")
    return tmp_path


def files(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_directions_alone_write_their_two_files(folder, capsys):
    before = files(folder / "digits-pca")
    assert main(["digits-pca", "--directions", "--checkpoints", str(folder), "--device", "cpu"]) == 0
    after = files(folder / "digits-pca")
    assert set(after) - set(before) == {"directions.json", "directions.safetensors"} and before.items() <= after.items()
    kept = Checkpoint(folder / "digits-pca").directions
    assert kept and all(f"{one.name}: {one.about}" in capsys.readouterr().out for one in kept[:1])
    assert main(["digits-pca", "--directions", "--checkpoints", str(folder), "--device", "cpu"]) == 0
    assert files(folder / "digits-pca") == after  # it says the same again
    assert main(["digits-classifier", "--directions", "--checkpoints", str(folder), "--device", "cpu"]) == 2
    assert "no latent space" in capsys.readouterr().err


def test_pushes_need_a_judge_of_the_data_set(folder, capsys):
    assert main(["digits-pca", "--pushes", "--checkpoints", str(folder), "--device", "cpu"]) == 2
    assert "There is no digits-judge" in capsys.readouterr().err


def test_pushes_go_into_the_metrics_and_the_card(pca, found, judge, tmp_path):
    checkpoint = with_recipe(pca, tmp_path / "small")
    with pytest.raises(ValueError, match="never measured"):
        evaluate_pushes(checkpoint, FACED, FACED_TEST, judge)
    for name, content in directions_files(found, checkpoint.hash).items():
        (checkpoint.folder / name).write_bytes(content)
    plain = {"weights": checkpoint.hash, "pictures": 10}
    (checkpoint.folder / "metrics.json").write_text(json.dumps(plain))
    (checkpoint.folder / "README.md").write_text(card.card(checkpoint, plain, {}, len(FACED)))
    metrics = evaluate_pushes(checkpoint, FACED, FACED_TEST, judge)
    assert Checkpoint(checkpoint.folder).metrics() == metrics and plain.items() <= metrics.items()
    rows, text = card.pushed(metrics), (checkpoint.folder / "README.md").read_text()
    assert [row[0] for row in rows] == ["pushed", "Top heavy", "Leaning left"] and all(len(row) == 8 for row in rows)
    assert "| Leaning left |" in text and "a second classifier" in text and card.pushed(plain) == []
