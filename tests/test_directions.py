"""Directions of latent spaces: learned from labels, measured, made by hand and found; locked off each other; kept in a folder, or refused."""

import json
import re
import shutil

import numpy as np
import pytest
import torch
from safetensors.numpy import save

from genmodels.checkpoint import BadCheckpoint, Checkpoint
from genmodels.kept import Kept, directions_files
from genmodels.latent import linear
from genmodels.latent.directions import Direction, arithmetic, by_hand, leakage, learn, measured, principal, project_off, readable, sefa
from genmodels.latent.points import BadPoint
from genmodels.program import load

from .conftest import save_tiny, tiny_model
from .live_kit import model

D = 12
RANDOM = np.random.default_rng(0)
CODES = RANDOM.normal(size=(4000, D)).astype(np.float32)
SIDES = np.eye(D)


def signs(values: np.ndarray) -> np.ndarray:
    return np.where(values > 0, 1.0, -1.0)


def direction(name: str, vector=None, scale: float = 1.0) -> Direction:
    vector = np.eye(3)[0] if vector is None else np.asarray(vector)
    return Direction(name, (vector / np.linalg.norm(vector)).astype(np.float32), scale, 0.25, 0.9, "learned", "Made for a test.")


# Learned


def test_a_direction_is_the_normal_of_the_plane_that_parts_the_codes():
    truth = (SIDES[0] + 2 * SIDES[3]) / 5**0.5
    [found], missed = learn(CODES, {"Smiling": signs(CODES @ truth + 0.2 * RANDOM.normal(size=len(CODES)))})
    assert found.vector @ truth > 0.99 and abs(np.linalg.norm(found.vector) - 1) < 1e-5 and not missed
    assert found.accuracy > 0.9 and found.source == "learned" and found.scale == pytest.approx((CODES @ found.vector).std())
    assert np.allclose(found.step, found.scale * found.vector) and "2," in found.about or "1," in found.about


def test_accuracy_is_that_of_codes_that_were_not_fitted_to():
    y = signs(RANDOM.normal(size=300))
    codes = RANDOM.normal(size=(300, 250)).astype(np.float32)
    _, accuracy, _ = linear.learned(codes, y, np.zeros((300, 0)))
    assert accuracy < 0.7  # what was fitted to would be told apart without a mistake
    assert linear.parted(codes, y).accuracy(codes, y) == 1


def test_what_goes_together_is_balanced_before_fitting():
    male = signs(CODES[:, 0])
    beard = np.where(male > 0, signs(CODES[:, 1]), signs(CODES[:, 1] - 1.5))
    labels = {"Male": male, "Beard": beard}
    alone = learn(CODES, {"Beard": beard})[0][0].vector
    found = {one.name: one for one in learn(CODES, labels)[0]}
    assert abs(found["Beard"].vector[0]) < abs(alone[0]) / 2 and found["Beard"].vector[1] > 0.95
    assert "Male was balanced" in found["Beard"].about


def test_what_is_not_known_does_not_count():
    y = signs(CODES[:, 2])
    y[1000:] = 0
    [found], _ = learn(CODES, {"Hat": y})
    assert found.vector[2] > 0.97
    assert f"{(y > 0).sum():,} pictures with it and {(y < 0).sum():,} without" in found.about


def test_what_could_not_be_learned_is_said():
    rare = np.full(len(CODES), -1.0)
    rare[:7] = 1
    found, missed = learn(CODES, {"Bald": rare, "Odd": signs(RANDOM.normal(size=len(CODES)))})
    assert not found and "7 pictures with it" in missed["Bald"] and "50 of each are needed" in missed["Bald"]
    assert "half of them it would guess" in missed["Odd"]


def test_codes_that_are_longer_than_they_are_many_are_fitted_by_their_inner_products():
    codes = RANDOM.normal(size=(60, 500)).astype(np.float32)
    y = signs(codes[:, 0])
    wide = linear.parted(codes, y)
    tall = linear.parted(np.concatenate([codes] * 10), np.concatenate([y] * 10))  # the same fit without that way: the penalty is for a thousand codes
    assert wide.normal @ tall.normal > 0.999 and wide.intercept == pytest.approx(tall.intercept, abs=0.02)
    y = signs(RANDOM.normal(size=400))
    [found], _ = learn((RANDOM.normal(size=(400, 500)) + 4 * y[:, None] * np.eye(500)[7]).astype(np.float32), {"Hat": y})
    assert found.vector.argmax() == 7 and found.vector[7] > 0.9 and found.accuracy > 0.95 and found.vector.shape == (500,)


def test_a_direction_leaves_alone_what_the_codes_never_use():
    codes = CODES * np.where(np.arange(D) < 6, 1, 1e-3).astype(np.float32)
    [found], _ = learn(codes, {"Young": signs(CODES[:, 0] + CODES[:, 9])})
    assert abs(found.vector[6:]).max() < 0.01 and found.vector[0] > 0.99


# Measured, made by hand, found


def test_what_is_measured_grows_along_its_direction():
    [found], missed = measured(CODES, {"Thickness": 3 + 2 * CODES[:, 4] + 0.3 * RANDOM.normal(size=len(CODES)), "Flat": np.ones(len(CODES))})
    assert found.vector[4] > 0.99 and found.accuracy > 0.9 and found.source == "measured" and "explains 9" in found.about
    assert list(missed) == ["Flat"]


def test_a_direction_made_by_hand_says_how_well_it_tells_others():
    plus, minus = (RANDOM.normal(size=(10, 100)) + side * 2 * np.eye(100)[5] for side in (1, -1))
    found = by_hand(plus, minus)
    assert found.vector @ (plus.mean(0) - minus.mean(0)) > 0 and found.vector.argmax() == 5
    assert 0.7 < found.accuracy <= 1 and found.source == "by hand" and found.scale == pytest.approx(1)
    assert by_hand(plus, minus, 2.0).scale == pytest.approx(2)
    noise = [by_hand(*RANDOM.normal(size=(2, 10, 100))).accuracy for _ in range(20)]
    assert 0.35 < np.mean(noise) < 0.65  # cross-validated: the same ten that were marked would be told apart


@pytest.mark.parametrize(("plus", "minus", "said"), [
    (np.ones((2, 4)), np.zeros((9, 4)), "at least 3 pictures marked \\+"), (np.ones((4, 4)), np.ones((4, 4)), "same codes"),
    (np.ones((4, 4)), np.zeros((4, 5)), "one model"), (np.full((4, 4), np.nan), np.zeros((4, 4)), "finite"),
])
def test_marks_that_make_no_direction_are_refused(plus, minus, said):
    with pytest.raises(ValueError, match=said):
        by_hand(plus, minus)


def test_principal_axes_are_those_of_the_codes_or_of_what_a_decoder_makes_of_them():
    codes = CODES * np.linspace(3, 1, D)
    assert [one.name for one in principal(codes, 2)] == ["Axis 1", "Axis 2"]
    assert abs(principal(codes, 2)[0].vector[0]) > 0.99 and principal(codes, 1)[0].scale == pytest.approx(3, rel=0.1)
    features = np.tanh(CODES @ RANDOM.normal(size=(D, 40))) + 5 * CODES[:, 7:8]
    assert principal(CODES, 1, features)[0].vector[7] > 0.99


def test_sefa_is_what_the_first_layer_answers_most():
    weight = RANDOM.normal(size=(30, D)) @ np.diag(np.linspace(1, 5, D))
    values, vectors = np.linalg.eigh(weight.T @ weight)
    found = sefa(weight, 3)
    assert abs(found[0].vector @ vectors[:, -1]) > 0.999 and len(found) == 3 and found[0].scale == 1
    assert all(one.vector[abs(one.vector).argmax()] > 0 for one in found)


# Locks


def test_what_is_locked_does_not_move_and_its_order_does_not_matter():
    vectors, locked = RANDOM.normal(size=(2, 4, D)).astype(np.float32)
    left = project_off(vectors, locked)
    assert abs(left @ locked.T).max() < 1e-5 and np.allclose(left, project_off(vectors, locked[::-1]), atol=1e-6)
    assert left.dtype == np.float32 and np.allclose(left, project_off(left, locked), atol=1e-6)


def test_locked_directions_that_depend_on_each_other_do_no_harm():
    locked = RANDOM.normal(size=(3, D)).astype(np.float32)
    again = np.concatenate([locked[:1], 2 * locked[:1], locked, locked[:1] + locked[1:2], np.zeros((1, D), np.float32)])
    vectors = RANDOM.normal(size=(5, D)).astype(np.float32)
    assert np.allclose(project_off(vectors, locked), project_off(vectors, again), atol=1e-5)
    assert not project_off(locked[:2] + 3 * locked[1:], locked).any()  # nothing is left, not even rounding
    assert np.array_equal(project_off(vectors, np.empty((0, D))), vectors)


def test_leakage_is_the_mean_movement_of_every_attribute():
    before, after = RANDOM.normal(size=(2, 256, 5))
    assert np.allclose(leakage(before, after), (after - before).mean(0))


def test_arithmetic_shows_every_step_and_averages_several():
    a, b, c = CODES[:3], CODES[3:4], CODES[4:9]
    steps = arithmetic(a, b, c)
    assert list(steps) == ["A", "B", "A - B", "C", "A - B + C"]
    assert np.allclose(steps["A - B + C"], a.mean(0) - b[0] + c.mean(0), atol=1e-6) and np.allclose(steps["A"], a.mean(0), atol=1e-6)


# Kept in a folder


@pytest.fixture
def saved(tmp_path) -> Checkpoint:
    checkpoint = save_tiny(tiny_model("vae"), tmp_path / "small")
    found = Kept((direction("Blond hair", [1, 2, 3]), direction("Slant", [0, 1, 0], 0.5)), {"Bald": "Too few."},
                 {"names": ["Blond hair", "Slant"], "cosines": [[1, 0.5], [0.5, 1]]})
    for name, content in directions_files(found, checkpoint.hash).items():
        (checkpoint.folder / name).write_bytes(content)
    return checkpoint


def test_directions_come_back_as_they_were_kept(saved):
    blond, slant = Checkpoint(saved.folder).directions
    assert (blond.name, blond.word, blond.accuracy, blond.intercept) == ("Blond hair", "Blond_hair", 0.9, 0.25)
    assert np.allclose(blond.vector, np.array([1, 2, 3]) / 14**0.5, atol=1e-3) and abs(np.linalg.norm(blond.vector) - 1) < 1e-6
    assert np.allclose(slant.step, [0, 0.5, 0]) and slant.step.dtype == np.float32
    found = Checkpoint(saved.folder).found_directions
    assert found.unlearned == {"Bald": "Too few."} and found.leakage["cosines"] == [[1, 0.5], [0.5, 1]]


def test_a_model_that_nobody_asked_has_none(tmp_path):
    assert save_tiny(tiny_model("vae"), tmp_path / "small").directions == ()


def written(saved: Checkpoint, vectors=None, **changes) -> str:
    """What a folder is refused with whose directions somebody has changed."""
    path = saved.folder / "directions.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    if vectors is not None:
        (saved.folder / "directions.safetensors").write_bytes(save({"vectors": vectors}))
    with pytest.raises(BadCheckpoint, match="small: its directions cannot be used: ") as caught:
        Checkpoint(saved.folder).directions  # noqa: B018  asked for what it raises
    sentence = str(caught.value)
    assert sentence.endswith(".") and "\n" not in sentence and len(sentence) < 300
    return sentence


ROW = {"name": "Slant", "source": "learned", "accuracy": 0.9, "scale": 1.0, "intercept": 0.0, "about": "."}


@pytest.mark.parametrize(("changes", "said"), [
    ({"model": "0" * 16}, "other weights"), ({"format": 2}, "format 1"), ({"space": "w"}, "space z"), ({"directions": 7}, "must list"),
    ({"directions": [ROW | {"name": "<b>"}, ROW]}, "must list"), ({"directions": [ROW | {"scale": float("inf")}, ROW]}, "must list"),
    ({"directions": [ROW | {"scale": -1}, ROW]}, "must list"), ({"directions": [ROW | {"source": "magic"}, ROW]}, "must list"),
    ({"directions": [ROW, ROW]}, "same name"), ({"directions": [ROW]}, "float16 \\[1, 3\\]"), ({"not learned": [1]}, "not learned"),
    ({"leakage": {"names": ["Hat"]}}, "must name its directions"), ({"leakage": {"names": ["Slant"], "cosines": [[1, 2]]}}, "1 x 1 finite"),
    ({"leakage": {"names": ["Slant"], "before": [[float("nan")]]}}, "1 x 1 finite"), ({"directions": [ROW] * 65}, "at most 64"),
])
def test_directions_that_do_not_fit_are_refused_in_one_sentence(saved, changes, said):
    assert re.search(said, written(saved, **changes))


@pytest.mark.parametrize("vectors", [
    np.zeros((2, 3), np.float16), np.full((2, 3), np.nan, np.float16), np.eye(2, 4, dtype=np.float16), np.eye(2, 3, dtype=np.float32),
    np.eye(3, dtype=np.float16),
])
def test_vectors_that_do_not_fit_are_refused(saved, vectors):
    assert "directions" in written(saved, vectors)


def test_damaged_files_are_refused_and_the_model_goes_on(saved):
    (saved.folder / "directions.safetensors").write_bytes(b"\xff" * 50)
    written(saved)
    (saved.folder / "directions.safetensors").unlink()
    written(saved)
    assert Checkpoint(saved.folder).load().decode(torch.zeros(1, 3)).shape == (1, 1, 8, 8)


def test_directions_of_other_weights_are_never_used(saved, tmp_path):
    torch.manual_seed(5)
    other = tiny_model("vae", hidden=20)
    save_tiny(other, tmp_path / "other")
    shutil.copy(saved.folder / "directions.json", tmp_path / "other")
    shutil.copy(saved.folder / "directions.safetensors", tmp_path / "other")
    with pytest.raises(BadCheckpoint, match="other weights; measure the model again"):
        Checkpoint(tmp_path / "other").directions  # noqa: B018


def test_names_become_words_of_the_grammar():
    assert readable("T-shirt/top") == "T shirt top" and direction("From 4 to 9").word == "From_4_to_9"


# Offered to pages and programs


@pytest.fixture
def directed(roots):
    """The folder of models, in which the VAE has directions."""
    checkpoint = Checkpoint(roots / "vae")
    found = Kept((direction("Blond hair", [1, 2, 3]), direction("Slant", [0, 1, 0], 0.5)), {"Bald": "Too few."})
    for name, content in directions_files(found, checkpoint.hash).items():
        (checkpoint.folder / name).write_bytes(content)
    return roots


def test_the_catalogue_lists_directions_and_their_steps_are_a_file(directed, client):
    entry = model(client, "vae")
    assert [one["name"] for one in entry["directions"]["list"]] == ["Blond hair", "Slant"] and entry["undirected"] == ""
    assert set(entry["directions"]["list"][0]) == {"name", "source", "accuracy", "scale", "about"} and entry["directions"]["unlearned"] == {"Bald": "Too few."}
    answer = client.get(entry["directions"]["file"])
    steps = np.frombuffer(answer.content, "<f4").reshape(2, 3)
    assert np.array_equal(steps, np.stack([one.step for one in Checkpoint(directed / "vae").directions]))
    assert "immutable" in answer.headers["cache-control"]
    assert client.get(entry["directions"]["file"].replace("/live/models/vae/", "/live/models/vae/0")).status_code == 404


def test_a_model_without_directions_says_why(directed, client):
    assert model(client, "gan")["directions"] is None and "python -m genmodels.evaluate gan --directions" in model(client, "gan")["undirected"]
    (directed / "vae" / "directions.json").write_text((directed / "vae" / "directions.json").read_text().replace("Slant", "<script>"))
    entry = model(client, "vae")  # seen without a restart
    assert entry["directions"] is None and "vae: its directions cannot be used" in entry["undirected"] and "error" not in entry


def test_a_program_names_directions_in_points(directed):
    with load(directed / "vae") as vae:
        assert list(vae.directions) == ["Blond_hair", "Slant"]
        steps = [one.step for one in Checkpoint(directed / "vae").directions]
        z = vae.latents("seed:1 + 2*Slant - 0.5*Blond_hair")[0]
        assert np.allclose(z, vae.latents("seed:1")[0] + 2 * steps[1] - 0.5 * steps[0], atol=1e-6)
        assert np.array_equal(vae.picture("seed:1 + 2*Slant"), vae.decode(vae.latents("seed:1") + 2 * steps[1])[0])
        with pytest.raises(BadPoint, match="vae has no direction Smiling; it has Blond_hair, Slant."):
            vae.picture("seed:1 + 2*Smiling")
        sums = vae.arithmetic(["seed:1", "seed:2"], "seed:3", "atlas:4")
        assert sums["A - B + C"].shape == (3,)
        assert np.allclose(sums["A - B + C"], vae.latents("0.5*seed:1 + 0.5*seed:2 - seed:3 + atlas:4")[0], atol=1e-5)
    (directed / "vae" / "directions.safetensors").unlink()
    with load(directed / "vae") as vae, pytest.raises(BadPoint, match="its directions cannot be used"):
        vae.latents("Slant")
