"""A checkpoint folder that cannot be trusted is refused in one sentence."""

import pickle
from pathlib import Path

import pytest
import torch

from genmodels import checkpoint
from genmodels.checkpoint import BadCheckpoint, Checkpoint, save_checkpoint
from genmodels.classifier import Classifier
from genmodels.classifier import Config as ClassifierConfig
from genmodels.models.vae import VAE
from genmodels.train.recipe import Plan

from .checkpoint_kit import change_config, change_weights, refusal
from .conftest import DIGITS, save_tiny, tiny_model


@pytest.fixture
def saved(tmp_path) -> Checkpoint:
    return save_tiny(tiny_model("vae"), tmp_path / "small")


@pytest.mark.parametrize(("text", "said"), [
    ("{", "config.json cannot be read"), ("", "config.json cannot be read"), ("[]", "format 1"), ("null", "format 1"), ("{}", "format 1"),
    ('{"format": 2}', "format 1"), ('{"format": 1}', "must have exactly the keys"), ("[" * 100_000, "config.json cannot be read"),
])
def test_a_bad_config_file_is_refused(saved, text, said):
    (saved.folder / "config.json").write_text(text)
    assert said in refusal(Checkpoint(saved.folder))


@pytest.mark.parametrize(("changes", "said"), [
    ({"family": "stylegan"}, "there is no family 'stylegan'; there are autoencoder"),
    ({"family": "os.system"}, "there is no family"),
    ({"family": ["vae"]}, "there is no family"),
    ({"auto_map": "evil.py"}, "look at 'auto_map'"),
    ({"model": {"latent_dim": 10**9}}, "latent_dim must be between 1 and 1024"),
    ({"model": {"image_shape": [1, 8, 8], "code": "import os"}}, "has no field 'code'"),
    ({"model": []}, "must be a JSON object"),
    ({"model": None}, "must be a JSON object"),
    ({"model": {"image_shape": [1, 8, 16]}}, "square pictures, not 8x16"),
    ({"model": {"image_shape": 3}}, "image_shape must be a list"),
    ({"model": {"beta": 10**400}}, "beta must be a number"),
    ({"family": "classifier", "model": {"image_shape": [1, 4, 4]}}, "square pictures and at least 8x8, not 4x4"),
    ({"dataset": ["x"]}, "dataset in config.json must be a short name"),
    ({"licence": {}}, "licence in config.json must be a short name"),
    ({"recipe": []}, "recipe in config.json must be a JSON object"),
])
def test_a_config_outside_the_schema_is_refused(saved, changes, said):
    assert said in refusal(change_config(saved, **changes))


@pytest.mark.parametrize(("change", "said"), [
    (lambda w: w.pop("decoder.head.0.bias"), "lack tensor 'decoder.head.0.bias'"),
    (lambda w: w.update(extra=torch.zeros(1)), "have an unknown tensor 'extra'"),
    (lambda w: w.update({f"t{k}": torch.zeros(0) for k in range(2000)}), "have an unknown tensor"),
    (lambda w: w.update({"decoder.head.0.bias": torch.zeros(17)}), "decoder.head.0.bias has the shape [17], the config asks for [16]"),
    (lambda w: w["decoder.head.0.bias"].fill_(float("nan")), "decoder.head.0.bias holds numbers that are not finite"),
    (lambda w: w["decoder.head.0.bias"].fill_(float("inf")), "decoder.head.0.bias holds numbers that are not finite"),
])
def test_weights_that_do_not_fit_are_refused(saved, change, said):
    assert said in refusal(change_weights(saved, change))


@pytest.mark.parametrize("kind", [torch.float64, torch.float8_e4m3fn, torch.complex64, torch.bool, torch.int64])
def test_weights_of_a_foreign_kind_are_refused(saved, kind):
    def change(weights):
        weights["decoder.head.0.bias"] = torch.full((16,), 1e300, dtype=torch.float64) if kind == torch.float64 else torch.ones(16).to(kind)

    assert f"decoder.head.0.bias holds {kind}" in refusal(change_weights(saved, change))


def test_a_whole_number_among_the_weights_stays_one(tmp_path):
    model = Classifier(ClassifierConfig(image_shape=(1, 8, 8), conditions=DIGITS, width=8))
    saved = save_checkpoint(model, tmp_path / "small", Plan("classifier", "digits", model.config).to_json())
    count = next(name for name in model.state_dict() if name.endswith("num_batches_tracked"))
    assert "it must be torch.int64" in refusal(change_weights(saved, lambda weights: weights.update({count: torch.tensor(1.5)})))


def test_weights_of_another_size_are_refused(saved):
    assert "has the shape" in refusal(change_config(saved, model={"image_shape": [1, 8, 8], "latent_dim": 2, "width": 8, "hidden": 16}))


class Trap:
    """Unpickling it leaves a mark."""

    def __reduce__(self):
        return Path.touch, (Path("sprung"),)


def test_pickled_weights_are_refused_and_never_run(saved, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (saved.folder / "model.safetensors").write_bytes(pickle.dumps(Trap()))
    assert "cannot be read" in refusal(saved)
    (saved.folder / "atlas.npz").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(BadCheckpoint, match="small: atlas.npz cannot be read"):
        saved.atlas()
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("content", [b"", b"\xff" * 8, b"\xff" * 100, b"\x10" + b"\x00" * 7 + b"not json at all!", b"\x02" + b"\x00" * 7 + b"{}"])
def test_damaged_weights_are_refused(saved, content):
    (saved.folder / "model.safetensors").write_bytes(content)
    said = refusal(saved)
    assert "cannot be read" in said or "lack tensor" in said


def test_missing_weights_are_refused(saved):
    (saved.folder / "model.safetensors").unlink()
    assert "cannot be read" in refusal(saved)


def test_weights_cut_off_by_a_lost_connection_are_refused(saved):
    path = saved.folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    assert "cannot be read" in refusal(saved)


def test_weights_that_are_too_large_are_refused_before_they_are_read(saved, monkeypatch):
    monkeypatch.setattr(checkpoint, "LARGEST", 1000)
    assert "larger than" in refusal(saved)


def test_weights_that_changed_since_they_were_named_are_refused(saved):
    assert saved.hash
    change_weights(saved, lambda weights: weights["decoder.head.0.bias"].add_(1))
    assert "have changed on the disk; reload the page" in refusal(saved)


def test_a_model_whose_pictures_have_another_shape_is_refused(saved, monkeypatch):
    decode = VAE.decode
    monkeypatch.setattr(VAE, "decode", lambda self, z, y=None: decode(self, z, y)[..., :4])
    monkeypatch.setattr(VAE, "encode", lambda self, x, y=None: torch.zeros(len(x), 3))
    assert "its pictures come out as [1, 8, 4], the config says [1, 8, 8]" in refusal(saved)


def test_a_model_that_cannot_work_is_refused(saved, monkeypatch):
    monkeypatch.setattr(VAE, "decode", lambda self, z, y=None: z @ torch.zeros(5, 5))
    assert "cannot work as its config describes it" in refusal(saved)


def test_a_model_whose_pictures_are_not_finite_is_refused(tmp_path):
    saved = save_tiny(tiny_model("autoencoder", net="linear"), tmp_path / "small")
    steep = change_weights(saved, lambda weights: [tensor.mul_(0).add_(6e4) for tensor in weights.values()])
    assert steep.load().config == saved.config  # steep, but finite
    huge = change_weights(saved, lambda weights: weights.update({name: torch.full(tensor.shape, 3e38) for name, tensor in weights.items()}))
    assert "its pictures are not finite numbers" in refusal(huge)


@pytest.mark.parametrize("text", ["{", "[" * 100_000, "[]"])
def test_metrics_that_cannot_be_read_are_a_sentence(saved, text):
    (saved.folder / "metrics.json").write_text(text)
    with pytest.raises(BadCheckpoint, match=r"^small: metrics.json .*\.$"):
        saved.metrics()
