"""Frames: what every family shows of itself while it learns, and which of them stay."""

import numpy as np
import pytest
import torch

from genmodels.classifier import Classifier
from genmodels.classifier import Config as ClassifierConfig
from genmodels.datasets import DATASETS, Images
from genmodels.models import MODELS
from genmodels.train import frames as frames_module
from genmodels.train.frames import FIXED, Camera, Frames, at_once

from .conftest import DIGITS, tiny_model

TEST = DATASETS["digits"].load("test")


def shot(model, camera=None) -> dict:
    return at_once((camera or Camera(TEST)).take(model))


def classifier(kind: str = "classes") -> Classifier:
    torch.manual_seed(0)
    return Classifier(ClassifierConfig((1, 8, 8), DIGITS, kind, width=4, features=8)).eval()


def test_every_family_can_be_looked_at(model):
    shown = shot(model)
    assert bool(model.PRIOR) != ("samples" in shown)
    for name in {"samples", "reconstructions"} & set(shown):
        assert shown[name].shape == (FIXED, 8, 8, 1) and shown[name].dtype == np.uint8
    if model.can("encode") and not model.can("path"):
        assert shown["codes"].shape[0] == len(TEST) and shown["codes"].dtype == np.float16 and "reconstructions" in shown
    readouts = [name for name in shown if name.startswith("readout/")]
    with torch.no_grad():
        told = model.readout(TEST.floats(slice(0, 50)), TEST.one_hot(slice(0, 50)) if model.conditions else None)
    assert readouts == [f"readout/{name}" for name in told]
    assert all(shown[name].dtype == np.float32 and shown[name].ndim <= 1 and shown[name].size <= 4096 for name in readouts)


def test_a_frame_shows_the_same_latents_and_pictures_every_time_and_leaves_the_model_as_it_was(model):
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    first, second = shot(model), shot(model)
    assert set(first) == set(second) and all(np.array_equal(first[name], second[name], equal_nan=True) for name in first)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items()) and not model.training


def test_work_on_a_frame_comes_in_pieces_and_turns_no_gradients_off_for_others():
    pieces, seen = Camera(TEST, classifier()).take(tiny_model("vae")), []
    with pytest.raises(StopIteration):
        while True:
            next(pieces)
            seen.append(torch.is_grad_enabled())
    assert len(seen) > 5 and all(seen)


def test_a_model_that_is_told_classes_shows_them_in_turn(monkeypatch):
    model, told = tiny_model("vae", conditions=DIGITS), []
    whole = model.decode
    monkeypatch.setattr(model, "decode", lambda z, y=None: told.append(y) or whole(z, y))
    shot(model)
    assert told[0].argmax(1).tolist() == [k % 10 for k in range(FIXED)]


def test_the_classes_of_samples_are_shares():
    assert shot(tiny_model("vae"), Camera(TEST, classifier()))["classes"].sum() == pytest.approx(1)
    each = shot(tiny_model("vae"), Camera(TEST, classifier("attributes")))["classes"]
    assert each.shape == (10,) and (0 <= each).all() and (each <= 1).all()
    assert "classes" not in shot(tiny_model("vae"))


def test_pictures_that_are_sorted_by_class_are_shown_from_every_class():
    order = TEST.labels.argsort()
    fixed = Camera(Images(TEST.pixels[order], TEST.labels[order], TEST.classes)).fixed()
    assert fixed["pictures"].shape == (FIXED, 8, 8, 1) and sorted(set(fixed["labels"][:FIXED].tolist())) == list(range(10))
    assert len(fixed["labels"]) == len(TEST)


def test_long_codes_are_kept_as_their_place_on_a_plane():
    model = MODELS["autoencoder"](MODELS["autoencoder"].Config(image_shape=(1, 8, 8), latent_dim=300, net="mlp", hidden=16)).eval()
    assert shot(model)["codes"].shape == (len(TEST), 2)


def test_the_frames_that_stay_are_spread_evenly_and_the_first_and_last_stay(tmp_path, monkeypatch):
    monkeypatch.setattr(frames_module, "FRAMES", 10)
    frames = Frames(tmp_path)
    for step in range(0, 4000, 7):
        frames.keep(step, {"samples": np.zeros(1, np.uint8)})
    steps = frames.steps()
    gaps = np.diff(np.sqrt(steps))
    assert len(steps) == 10 and steps[0] == 0 and steps[-1] == 3997 and gaps[:-1].max() < 2.5 * gaps[:-1].min()


def test_a_frame_that_is_gone_gets_a_sentence(tmp_path):
    frames = Frames(tmp_path)
    frames.keep(3, {"codes": np.ones((2, 2), np.float16)})
    frames.keep(5, {})
    assert frames.read(3)["codes"].dtype == np.float32
    frames.forget_after(3)
    with pytest.raises(LookupError, match="no frame of step 5"):
        frames.read(5)
