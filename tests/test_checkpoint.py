"""A checkpoint comes back as it was saved, and is found by its name."""

import os
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from genmodels import checkpoint
from genmodels.answers import GREY_LEVEL, same_answers
from genmodels.checkpoint import Checkpoint, find, save_checkpoint
from genmodels.classifier import Classifier
from genmodels.classifier import Config as ClassifierConfig
from genmodels.normal import latents
from genmodels.train.recipe import Plan, plan_from

from .checkpoint_kit import change_weights
from .conftest import DIGITS, save_tiny, tiny_model


@pytest.fixture
def saved(tmp_path) -> Checkpoint:
    return save_tiny(tiny_model("vae"), tmp_path / "small")


def z(model) -> torch.Tensor:
    return torch.from_numpy(latents(0, 16, model.latent_shape))


# There and back


def test_a_model_comes_back_with_the_same_pictures(model, tmp_path):
    loaded = save_tiny(model, tmp_path / "m").load()
    assert (loaded.decode(z(model)) - model.decode(z(model))).abs().max() <= GREY_LEVEL
    assert not loaded.training and not any(p.requires_grad for p in loaded.parameters())


def test_a_conditional_model_comes_back_with_its_classes(conditional, tmp_path):
    loaded = save_tiny(conditional, tmp_path / "m").load()
    assert loaded.conditions == DIGITS and loaded.config == conditional.config


def test_what_config_json_holds_is_a_recipe_that_can_be_trained_again(saved):
    assert plan_from(saved.about) == Plan("vae", "digits", tiny_model("vae").config)


def test_a_classifier_is_a_checkpoint_too(tmp_path):
    torch.manual_seed(0)
    model = Classifier(ClassifierConfig(image_shape=(1, 8, 8), conditions=DIGITS, width=8)).eval()
    loaded = save_checkpoint(model, tmp_path / "c", Plan("classifier", "digits", model.config).to_json()).load()
    x = torch.randn(4, 1, 8, 8)
    assert torch.allclose(loaded(x).softmax(1), model(x).softmax(1), atol=GREY_LEVEL)


def test_matrices_are_halved_where_no_picture_changes(saved):
    kept = load_file(saved.folder / "model.safetensors").values()
    assert all(t.dtype == (torch.float16 if t.ndim > 1 else torch.float32) for t in kept)


def test_weights_stay_whole_where_halving_would_show(tmp_path):
    model = tiny_model("autoencoder", net="linear")
    with torch.no_grad():
        model.mean.fill_(4097)  # float16 knows 4096 and 4100
        model.decoder[0].bias -= model.decoder[0].weight.sum(1) * 4097
    saved = save_tiny(model, tmp_path / "m")
    assert load_file(saved.folder / "model.safetensors")["mean"].dtype == torch.float32
    assert torch.allclose(saved.load().decode(z(model)), model.decode(z(model)), atol=1e-5)


def test_the_hash_follows_the_weights_and_not_the_folder(saved, tmp_path):
    shutil.copytree(saved.folder, tmp_path / "elsewhere" / "other")
    assert Checkpoint(tmp_path / "elsewhere" / "other").hash == saved.hash
    before = saved.hash
    assert change_weights(saved, lambda weights: weights["decoder.head.0.bias"].add_(1)).hash != before


def altered(model, name: str, columns: slice, by: float) -> dict[str, torch.Tensor]:
    weights = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    weights[name][..., columns] += by
    return weights


def test_weights_are_compared_by_codes_and_by_pictures_of_each_class_too():
    model = tiny_model("vae", conditions=DIGITS)
    classes = altered(model, "decoder.head.0.weight", slice(3, None), 0.5)  # the first three columns are the code's
    assert torch.equal(tiny_with(model, classes).decode(z(model)), model.decode(z(model)))
    assert not same_answers(model, classes)
    assert not same_answers(model, altered(model, "encoder.head.2.bias", slice(0, 3), 0.1))
    assert same_answers(model, model.state_dict())


def tiny_with(model, weights: dict[str, torch.Tensor]):
    other = tiny_model("vae", conditions=model.conditions)
    other.load_state_dict(weights)
    return other


def test_weights_that_float16_cannot_hold_stay_whole(tmp_path):
    model = tiny_model("vae")
    with torch.no_grad():
        model.encoder.head[0].weight[0, 0] = 7e4  # no picture shows it: only the encoder would break
    saved = save_tiny(model, tmp_path / "m")
    assert load_file(saved.folder / "model.safetensors")["encoder.head.0.weight"].dtype == torch.float32
    assert saved.load().encoder.head[0].weight[0, 0] == 7e4


# Finding


def test_checkpoints_are_found_by_name_and_the_first_folder_wins(tmp_path):
    for root, beta in (("a", 1.0), ("b", 2.0)):
        save_tiny(tiny_model("vae", beta=beta), tmp_path / root / "twin")
    save_tiny(tiny_model("vae"), tmp_path / "b" / "single")
    found = find(tmp_path / "a", tmp_path / "b", tmp_path / "nowhere")
    assert set(found) == {"twin", "single"} and found["twin"].config.beta == 1.0


def test_a_half_written_folder_is_not_found(saved):
    assert set(find(saved.folder.parent)) == {"small"}
    (saved.folder / "config.json").unlink()
    assert find(saved.folder.parent) == {}


def test_saving_again_leaves_no_moment_with_new_weights_and_an_old_config(saved, monkeypatch):
    def full(path: Path, content: bytes) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(checkpoint, "write_whole", full)
    with pytest.raises(OSError, match="No space"):
        save_tiny(tiny_model("vae", latent_dim=2), saved.folder)
    assert find(saved.folder.parent) == {}


def test_saving_again_on_a_full_disk_keeps_what_was_there(saved, monkeypatch):
    def full(path: Path, content: bytes) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(checkpoint, "write_whole", full)
    with pytest.raises(OSError, match="No space"):
        save_tiny(tiny_model("vae"), saved.folder)
    [kept] = find(saved.folder.parent).values()
    assert kept.load().config == saved.config


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "file"
    checkpoint.write_whole(path, b"old")

    def fails(source, target):
        raise OSError("crash")

    monkeypatch.setattr(os, "replace", fails)
    with pytest.raises(OSError, match="crash"):
        checkpoint.write_whole(path, b"new")
    assert path.read_bytes() == b"old" and [p.name for p in tmp_path.iterdir()] == ["file"]


def test_odd_folder_names_are_not_models(saved):
    for name in (".hidden", "with space", "a" * 200, "ünder"):
        shutil.copytree(saved.folder, saved.folder.parent / name)
    assert set(find(saved.folder.parent)) == {"small"}
