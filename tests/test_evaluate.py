"""Evaluation says what a direct computation says, writes it all into the checkpoint's folder, and says it again the next time."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.decomposition import PCA
from torch.nn import functional as F

from genmodels import card
from genmodels.checkpoint import Checkpoint
from genmodels.classifier import Classifier
from genmodels.datasets import DATASETS
from genmodels.evaluate import evaluate
from genmodels.evaluate.__main__ import main
from genmodels.evaluate.atlas import chosen_pictures
from genmodels.evaluate.judge import Judge
from genmodels.evaluate.subject import Subject, balanced, measure
from genmodels.models.vae import VAE

from .conftest import DIGITS
from .evaluate_kit import SMALL, TEST, TRAIN, effort, metrics, solved_pca, taught, with_recipe

X, Y = TEST.floats(slice(None)), TEST.one_hot(slice(None))


@pytest.fixture(scope="module", autouse=True)
def _little():
    with effort(samples=300, by_steps=100, bounded=40, draws=200):
        yield


@pytest.fixture(scope="module")
def models() -> dict:
    torch.manual_seed(0)
    return {
        "digits-pca": solved_pca(),
        "digits-vae": taught(VAE(VAE.Config(**SMALL, latent_dim=3)), 80),
        "digits-cvae": taught(VAE(VAE.Config(**SMALL, latent_dim=2, conditions=DIGITS)), 40),
        "digits-classifier": taught(Classifier(Classifier.Config(image_shape=(1, 8, 8), conditions=DIGITS, width=8, features=16)), 60),
    }


@pytest.fixture(scope="module")
def saved(models, tmp_path_factory) -> Path:
    """A folder with the checkpoints, not yet measured."""
    root = tmp_path_factory.mktemp("checkpoints")
    for name, model in models.items():
        with_recipe(model, root / name)
    return root


@pytest.fixture(scope="module")
def measured(saved, tmp_path_factory) -> Path:
    """The same folder after `--all`."""
    root = tmp_path_factory.mktemp("measured") / "checkpoints"
    shutil.copytree(saved, root)
    assert main(["--all", "--checkpoints", str(root), "--device", "cpu"]) == 0
    return root


def test_the_error_of_the_linear_model_is_that_of_pca(measured):
    train, test = (images.pixels.flatten(1).numpy() / 255 for images in (TRAIN, TEST))
    pca = PCA(2).fit(train)
    again = pca.inverse_transform(pca.transform(test))
    found = metrics(measured, "digits-pca")
    assert found["mse"] == pytest.approx(np.square(again.clip(0, 1) - test).mean(), rel=1e-3)
    assert found["mse_unclipped"] == pytest.approx(np.square(again - test).mean(), rel=1e-3)
    assert found["mse"] < found["mse_unclipped"]


def test_a_conditional_model_is_told_the_class_of_every_picture(measured, models):
    model = models["digits-cvae"]
    told, untold = (float(((model.decode(model.encode(X, y), y) - X) / 2).square().mean()) for y in (Y, None))
    assert metrics(measured, "digits-cvae")["mse"] == pytest.approx(told, rel=1e-2)
    assert abs(told - untold) > 0.02 * told


def test_the_negative_elbo_is_that_of_many_fresh_draws(measured, models):
    model = models["digits-vae"]
    q = model.posterior(X)
    kl = (q.mean**2 + q.stddev**2 - 1 - 2 * q.stddev.log()).sum(1).mean() / 2
    torch.manual_seed(3)
    pictures = [(model.decode(q.sample()) + 1) / 2 for _ in range(50)]
    reconstruction = sum(F.binary_cross_entropy(p.clamp(1e-6, 1 - 1e-6), (X + 1) / 2, reduction="sum") for p in pictures) / 50 / len(X)
    found = metrics(measured, "digits-vae")
    assert found["kl"] == pytest.approx(float(kl), rel=5e-3)
    assert found["reconstruction"] == pytest.approx(float(reconstruction), rel=5e-3)
    assert found["nelbo"] == pytest.approx(found["kl"] + found["reconstruction"], rel=1e-5)
    assert "nelbo" not in metrics(measured, "digits-pca")


def test_a_label_is_kept_where_the_classifier_sees_it_in_the_reconstruction(measured, models):
    for name in ("digits-pca", "digits-vae"):
        model = models[name]
        seen = models["digits-classifier"](model.decode(model.encode(X)).clamp(-1, 1)).argmax(1)
        kept = float((seen == TEST.labels).float().mean())
        assert metrics(measured, name)["label_kept"] == pytest.approx(kept, abs=0.006)
        assert 0.1 < kept < 1


def test_midpoints_are_decoded_between_pairs_of_test_pictures_beside_a_cross_fade(measured, models):
    random = np.random.default_rng(0)
    a = random.integers(0, len(X), 2000)
    b = (a + random.integers(1, len(X), 2000)) % len(X)
    assert (a != b).all()
    model, sure = models["digits-vae"], lambda x: float(models["digits-classifier"](x).softmax(1).amax(1).mean())
    z, found = model.encode(X), metrics(measured, "digits-vae")
    assert found["midpoint_certainty"] == pytest.approx(sure(model.decode((z[a] + z[b]) / 2)), rel=5e-3)
    assert found["crossfade_certainty"] == pytest.approx(sure((X[a] + X[b]) / 2), rel=5e-3)


def test_a_classifier_is_measured_by_what_it_gets_right(measured, models):
    probabilities = models["digits-classifier"](X).softmax(1)
    right = probabilities.argmax(1) == TEST.labels
    found = metrics(measured, "digits-classifier")
    assert found["accuracy"] == pytest.approx(float(right.float().mean()), abs=0.003) and found["accuracy"] > 0.5
    assert found["recall"]["3"] == pytest.approx(float(right[TEST.labels == 3].float().mean()), abs=0.03)
    assert found["certainty"] == pytest.approx(float(probabilities.amax(1).mean()), rel=5e-3)
    assert not (measured / "digits-classifier" / "atlas.npz").exists()


def test_every_dimension_has_an_effect_and_a_name_or_none(measured):
    for name, size in (("digits-pca", 2), ("digits-vae", 3)):
        found = metrics(measured, name)
        assert len(found["effects"]) == len(found["names"]) == size and min(found["effects"]) > 0
        assert all(entry is None or abs(entry["r"]) >= 0.6 for entry in found["names"])


def test_known_factors_are_read_from_codes_and_name_dimensions(models):
    ink, noise = TEST.pixels.float().mean((1, 2, 3)), torch.rand(len(TEST), generator=torch.Generator().manual_seed(0))
    lean = models["digits-pca"].encode(X)[:, 1] * 0.5
    known = replace(TEST, factors=torch.stack([ink, noise, lean], 1), factor_names=("ink", "noise", "lean"))
    found = measure(Subject(models["digits-pca"], known))
    assert list(found["factors"]) == ["ink", "noise", "lean"]
    assert found["factors"]["lean"] == pytest.approx(1, abs=1e-4) and found["factors"]["noise"] < 0.1
    assert found["names"][1] == {"name": "lean", "r": 1.0}


def test_the_same_command_writes_the_same_bytes(saved, measured, tmp_path):
    again = tmp_path / "checkpoints"
    shutil.copytree(saved, again)
    assert main(["digits-vae", "--checkpoints", str(again), "--device", "cpu"]) == 0
    files = sorted(path.name for path in (again / "digits-vae").iterdir())
    assert files == ["README.md", "atlas.npz", "config.json", "directions.json", "directions.safetensors", "metrics.json", "model.safetensors",
                     "samplers.npz", "samples.webp", "typical.npz"]
    for name in files:
        assert (again / "digits-vae" / name).read_bytes() == (measured / "digits-vae" / name).read_bytes(), name


def test_the_atlas_holds_the_codes_of_test_pictures_and_a_linear_map_of_them(measured):
    for name in ("digits-pca", "digits-vae", "digits-cvae"):
        checkpoint = Checkpoint(measured / name)
        model, atlas = checkpoint.load(), checkpoint.atlas()
        chosen = balanced(TEST.labels.numpy(), 2000)
        codes = model.encode(X[chosen], Y[chosen] if model.conditions else None).numpy()
        assert np.allclose(atlas["codes"], codes, atol=0.015) and atlas["codes"].dtype == np.float16
        assert (atlas["labels"] == TEST.labels.numpy()[chosen]).all() and atlas["labels"].dtype == np.uint8
        assert np.allclose(atlas["xy"], (atlas["codes"] - atlas["centre"]) @ atlas["axes"].T, atol=0.005)
        assert atlas["xy"].shape == (len(codes), 2)
        assert np.mean(abs(atlas["xy"]).max(1) <= atlas["reach"] + 0.01) >= 0.985 and atlas["reach"] >= 3
        assert ("std" in atlas) == model.can("posterior")
    assert np.allclose(atlas["std"], model.posterior(X[chosen], Y[chosen]).stddev, rtol=0.07)


def test_classes_take_turns_in_the_atlas_as_long_as_they_have_pictures():
    labels = np.repeat([0, 1, 2], [500, 300, 4])
    chosen = balanced(labels, 100)
    assert np.bincount(labels[chosen]).tolist() == [48, 48, 4] and len(set(chosen)) == 100
    assert (chosen == balanced(labels, 100)).all()
    assert labels[chosen[:6]].tolist() == [0, 1, 2, 0, 1, 2]


def test_an_atlas_of_long_codes_has_fewer_pictures():
    codes = {2: 2000, 8: 1000, 16: 500, 256: 500}
    for size, most in codes.items():
        subject = SimpleNamespace(codes=torch.zeros(1, size), placed=False, labels=np.arange(3000) % 10)
        assert np.bincount(subject.labels[chosen_pictures(subject)]).tolist() == [most // 10] * 10


def test_the_gallery_points_at_rows_of_the_atlas_with_one_sentence_each(measured):
    for name in ("digits-pca", "digits-vae", "digits-cvae"):
        gallery, rows = metrics(measured, name)["gallery"], len(Checkpoint(measured / name).atlas()["codes"])
        assert 4 <= len(gallery) <= 8
        for entry in gallery:
            numbers = [int(part.split(":")[1]) for part in entry["point"].removeprefix("mix(").split(",")[:2] if "atlas:" in part]
            assert numbers and all(0 <= number < rows for number in numbers)
            assert entry["why"].endswith(".") and ("condition" in entry) == (name == "digits-cvae")


def test_the_table_of_the_card_says_what_metrics_json_says(measured):
    for name in ("digits-pca", "digits-vae", "digits-classifier"):
        found, text = metrics(measured, name), (measured / name / "README.md").read_text()
        begin, end = card.marks("measured")
        table = text.split(begin)[1].split(end)[0]
        own = 1 + len(card.of_own_pictures(found)) if card.of_own_pictures(found) else 0
        for key in set(found) & set(card.MEASURES) - {"encoded"}:
            what, form = card.MEASURES[key]
            assert f"| {what.format(**found)} | {form.format(found[key])} |" in table
        assert table.count("\n| ") == 1 + len(card.measured(found)) + len(card.generated(found)) + own + len(card.cleaned(found)) + len(card.shown(found)) > 4
    assert "| share of the class 3 that is recognised |" in table


def test_the_card_has_what_the_hub_asks_for_and_how_to_make_the_model_again(measured):
    text = (measured / "digits-vae" / "README.md").read_text()
    assert text.startswith("---\nlicense: apache-2.0\n") and "pipeline_tag: unconditional-image-generation" in text
    assert "python -m genmodels.train recipes/digits-vae.json" in text and "python -m genmodels.evaluate digits-vae" in text
    assert "700 steps of 128 pictures (64.0 epochs of 1,400 training pictures)" in text
    assert DATASETS["digits"].TERMS in text and "![" in text
    assert "closed form" in (measured / "digits-pca" / "README.md").read_text()


def test_the_card_of_a_retrained_model_says_how_it_was_trained_now(measured, tmp_path):
    shutil.copytree(measured / "digits-vae", tmp_path / "digits-vae")
    config, readme = (tmp_path / "digits-vae" / name for name in ("config.json", "README.md"))
    about = json.loads(config.read_text())
    about["recipe"]["stages"][0]["steps"], about["model"]["beta"] = 900, 3.5
    config.write_text(json.dumps(about))
    assert main(["digits-vae", "--checkpoints", str(tmp_path), "--device", "cpu"]) == 0
    text = readme.read_text()
    assert "900 steps of 128" in text and "700 steps" not in text
    assert "| beta | 3.5 |" in text and "| beta | 1.0 |" not in text


def test_a_checkpoint_of_no_data_set_is_a_sentence(saved, tmp_path, capsys):
    shutil.copytree(saved / "digits-pca", tmp_path / "digits-pca")
    config = tmp_path / "digits-pca" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"dataset": ["x"]}))
    assert main(["digits-pca", "--checkpoints", str(tmp_path), "--device", "cpu"]) == 2
    assert capsys.readouterr().err == "digits-pca: dataset in config.json must be a short name, not ['x'].\n"


def test_the_sheets_are_small_pictures_made_by_the_model(measured, models):
    sheet = measured / "digits-pca" / "samples.webp"
    assert Image.open(sheet).size == (64, 64) and sheet.stat().st_size <= card.LARGEST_PICTURE
    assert Image.open(measured / "digits-pca" / "manifold.webp").size == (88, 88)
    assert Image.open(measured / "digits-cvae" / "samples.webp").size == (80, 40)
    assert not (measured / "digits-vae" / "manifold.webp").exists()
    plane = np.asarray(Image.open(measured / "digits-pca" / "manifold.webp").convert("L")).astype(int)
    corner = models["digits-pca"].decode(torch.tensor([[2.5, 2.5]]))[0, 0]  # up and to the right
    assert abs(plane[:8, -8:] - ((corner + 1) * 127.5).clamp(0, 255).numpy()).max() <= 3


def test_an_unknown_name_is_a_sentence(saved, capsys):
    assert main(["nope", "--checkpoints", str(saved), "--device", "cpu"]) == 2
    assert capsys.readouterr().err == \
        "There is no checkpoint 'nope'; there are digits-classifier, digits-cvae, digits-pca, digits-vae.\n"


def test_without_a_classifier_its_measures_are_left_out_and_it_is_said(saved, tmp_path, capsys):
    shutil.copytree(saved / "digits-pca", tmp_path / "digits-pca")
    assert main(["digits-pca", "--checkpoints", str(tmp_path), "--device", "cpu"]) == 0
    found = metrics(tmp_path, "digits-pca")
    assert not {"label_kept", "midpoint_certainty", "crossfade_certainty"} & set(found) and "mse" in found
    for said in (found["left_out"][0], capsys.readouterr().out, (tmp_path / "digits-pca" / "README.md").read_text()):
        assert "for want of a classifier" in said and "label_kept" in said


def test_models_pictures_and_classifiers_that_do_not_belong_together_are_refused(models):
    with pytest.raises(ValueError, match="The model takes pictures of"):
        Subject(models["digits-pca"], DATASETS["shapes"].load("test"))
    with pytest.raises(ValueError, match="The classifier knows 0, 1"):
        Subject(models["digits-pca"], replace(TEST, classes=tuple("abcdefghij")), models["digits-classifier"])


def test_one_table_shows_all_checkpoints(measured, capsys):
    assert main(["--table", "--checkpoints", str(measured)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["checkpoint", "digits-classifier", "digits-cvae", "digits-pca", "digits-vae"]
    assert f"{metrics(measured, 'digits-pca')['mse']:.5f}" in lines[3]


def test_metrics_are_returned_as_they_are_written(saved, models, tmp_path):
    shutil.copytree(saved / "digits-pca", tmp_path / "digits-pca")
    checkpoint = Checkpoint(tmp_path / "digits-pca")
    assert evaluate(checkpoint, TRAIN, TEST, Judge(models["digits-classifier"], TRAIN, TEST, 300)) == checkpoint.metrics()
