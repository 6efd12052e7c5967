"""What the engine knows of the checkpoints in its folders, and what it does when they change or are damaged."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from genmodels.checkpoint import Checkpoint
from genmodels.engine import BadCheckpoint
from genmodels.models import MODELS

from .conftest import save_tiny, tiny_model
from .engine_kit import save_classifier


def test_names_answer_without_loading_weights(engine, monkeypatch):
    monkeypatch.setattr("genmodels.checkpoint.Checkpoint.load", lambda self: pytest.fail("weights were loaded"))
    assert engine.names() == ["autoencoder", "vae"]
    assert engine.names("posterior") == ["vae"]


def test_a_classifier_is_no_latent_model(engine, tmp_path):
    save_classifier(tmp_path / "digits-classifier")
    assert engine.names() == ["autoencoder", "vae"]
    assert engine.classifier_for("vae") == "digits-classifier"
    with pytest.raises(ValueError, match="digits-classifier is a classifier"):
        engine.decode("digits-classifier", np.zeros((1, 3)))


def test_a_model_without_a_classifier_of_its_data_has_none(engine):
    assert engine.classifier_for("vae") is None


def test_an_unknown_model_is_named_in_the_error(engine):
    with pytest.raises(KeyError, match=r"no checkpoint 'nope'; there are \['autoencoder', 'vae'\]"):
        engine.decode("nope", np.zeros((1, 3)))


def test_a_checkpoint_that_appears_is_found(engine, tmp_path):
    assert "late" not in engine.names()
    before = engine.rescan()
    save_tiny(tiny_model("vae"), tmp_path / "late")
    assert engine.rescan() != before
    assert engine.decode("late", engine.prior("vae", 1, 0)).shape == (1, 8, 8, 1)


def test_a_retrained_checkpoint_is_loaded_again(engine, tmp_path):
    z = engine.prior("vae", 2, 0)
    before = engine.decode("vae", z)
    torch.manual_seed(5)
    save_tiny(MODELS["vae"](tiny_model("vae").config).eval(), tmp_path / "vae")
    engine.rescan()
    assert np.abs(engine.decode("vae", z).astype(int) - before).max() > 2


def test_one_bad_folder_leaves_the_others_usable(engine, tmp_path):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text('{"format": 1}')
    assert engine.names() == ["autoencoder", "vae"]
    assert "must have exactly the keys" in engine.folders()["broken"]
    with pytest.raises(BadCheckpoint, match="broken"):
        engine.decode("broken", np.zeros((1, 3)))


@pytest.mark.parametrize("model, sentence", [({"beta": 10**400}, "beta must be a number"), ({"image_shape": [1, 8, 16]}, "square")])
def test_a_strangers_config_spoils_itself_alone(engine, tmp_path, model, sentence):
    config = tmp_path / "vae" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"model": model}))
    assert engine.names() == ["autoencoder"]
    assert sentence in engine.folders()["vae"]


@pytest.mark.parametrize("error", [RuntimeError("odd"), OverflowError("odd"), RecursionError("odd"), KeyError("odd"), MemoryError("odd")])
def test_a_folder_that_fails_in_a_new_way_is_a_sentence_and_is_logged(engine, monkeypatch, caplog, error):
    check = Checkpoint.check

    def fails(self):
        if self.name == "vae":
            raise error
        check(self)

    monkeypatch.setattr(Checkpoint, "check", fails)
    assert engine.names() == ["autoencoder"]
    assert engine.folders()["vae"].startswith("vae: the folder cannot be used") and "odd" in caplog.text


def test_a_model_with_damaged_weights_is_not_offered(engine, tmp_path):
    path = tmp_path / "vae" / "model.safetensors"
    weights = load_file(path)
    save_file(weights | {"decoder.head.0.bias": torch.zeros(17)}, path)
    assert engine.names() == ["autoencoder"] and "has the shape [17]" in engine.folders()["vae"]
    save_file(weights, path)
    assert engine.names() == ["autoencoder", "vae"]
    path.write_bytes(path.read_bytes()[:-8])
    assert engine.names() == ["autoencoder"] and "cannot be read" in engine.folders()["vae"]


def test_weights_that_are_too_large_are_refused_before_they_are_read(engine, monkeypatch):
    monkeypatch.setattr("genmodels.checkpoint.LARGEST", 1000)
    monkeypatch.setattr("pathlib.Path.read_bytes", lambda path: pytest.fail(f"{path} was read"))
    assert engine.names() == []
    assert all("larger than" in problem for problem in engine.folders().values())


def test_new_weights_are_never_taken_for_the_old_ones(engine, tmp_path):
    assert engine.names() == ["autoencoder", "vae"]
    old = engine.onnx_hash("vae")
    torch.manual_seed(5)
    save_tiny(MODELS["vae"](tiny_model("vae").config).eval(), tmp_path / "vae")
    for ask in (lambda: engine.decode("vae", np.zeros((1, 3))), lambda: engine.onnx("vae")):
        with pytest.raises(BadCheckpoint, match="vae: the weights have changed on the disk; reload the page"):
            ask()
    engine.rescan()
    assert engine.decode("vae", np.zeros((1, 3))).shape == (1, 8, 8, 1) and engine.onnx_hash("vae") != old


def test_weights_that_are_not_whole_fail_in_words_and_spare_the_others(engine, tmp_path):
    path = tmp_path / "vae" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(BadCheckpoint, match="vae: model.safetensors cannot be read"):
        engine.decode("vae", np.zeros((1, 3)))
    assert engine.decode("autoencoder", np.zeros((1, 3))).shape == (1, 8, 8, 1)
