"""The engine: one gate to all weights, for many callers at once."""

import json
import sys
import threading
from concurrent.futures import CancelledError, wait
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from genmodels.checkpoint import Checkpoint, save_checkpoint
from genmodels.classifier import Classifier
from genmodels.engine import MOST, BadCheckpoint, Engine
from genmodels.engine._device import Device, half_fits
from genmodels.engine._queue import shares
from genmodels.models import MODELS, to_pixels
from genmodels.normal import latents
from genmodels.train.recipe import Plan

from .conftest import DIGITS, save_tiny, tiny_model


def save_classifier(folder):
    torch.manual_seed(0)
    config = Classifier.Config(image_shape=(1, 8, 8), conditions=DIGITS, width=4, features=8)
    return save_checkpoint(Classifier(config), folder, Plan("classifier", "digits", config).to_json())


@pytest.fixture
def close_to():
    """Pictures that may differ by the rounding of another batch, and no more."""
    return lambda a, b: a.shape == b.shape and np.abs(a.astype(int) - b.astype(int)).max() <= 2


@pytest.fixture
def held(engine, monkeypatch):
    """The engine, held inside its first batch until `release` is set; `batches` lists what it was given."""
    run, batches, entered, release = engine._device.run, [], threading.Event(), threading.Event()

    def slow(checkpoint, task, x, y=None):
        batches.append((checkpoint.name, len(x)))
        entered.set()
        release.wait(10)
        return run(checkpoint, task, x, y)

    monkeypatch.setattr(engine._device, "run", slow)
    yield SimpleNamespace(engine=engine, batches=batches, entered=entered, release=release)
    release.set()


# What there is


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


# What it does


def test_the_prior_is_named_by_its_seed(engine):
    assert np.array_equal(engine.prior("vae", 5, 7), latents(7, 5, (3,)))


def test_a_picture_is_what_the_model_decodes(engine, close_to):
    z = engine.prior("vae", 7, 1)
    with torch.no_grad():
        assert close_to(engine.decode("vae", z), to_pixels(tiny_model("vae").decode(torch.from_numpy(z))))


def test_codes_of_decoded_pictures_have_the_shape_of_latents(engine):
    pixels = engine.decode("autoencoder", engine.prior("autoencoder", 4, 1))
    codes = engine.encode("autoencoder", pixels)
    with torch.no_grad():
        expected = tiny_model("autoencoder").encode(torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1)
    assert codes.dtype == np.float32
    assert np.allclose(codes, expected, atol=0.02)  # the weights are kept as float16


def test_a_classifier_gives_probabilities(engine, tmp_path):
    save_classifier(tmp_path / "digits-classifier")
    p = engine.classify("digits-classifier", np.random.default_rng(0).integers(0, 256, (5, 8, 8, 1), np.uint8))
    assert p.shape == (5, 10)
    assert np.allclose(p.sum(1), 1, atol=1e-5)


def test_conditions_reach_the_model(tmp_path):
    save_tiny(tiny_model("vae", conditions=DIGITS), tmp_path / "cvae")
    engine = Engine(tmp_path, device="cpu")
    z = engine.prior("cvae", 1, 0)
    pictures = [engine.decode("cvae", z, y) for y in (None, np.eye(10)[:1], np.eye(10)[3:4])]
    engine.close()
    assert not np.array_equal(pictures[1], pictures[2])
    assert not np.array_equal(pictures[0], pictures[1])


@pytest.mark.parametrize("z, sentence", [
    (np.zeros((2, 4)), r"shape \[N, 3\], not \[2, 4\]"),
    (np.zeros(3), "shape"),
    (np.zeros((0, 3)), f"1 to {MOST} pictures, not 0"),
    (np.zeros((MOST + 1, 3)), f"1 to {MOST} pictures"),
    (np.array([[0, np.nan, 0]]), "finite"),
    (np.array([[0, 1e39, 0]]), "finite"),
    (np.array([["a", "b", "c"]]), "numbers"),
])
def test_latents_that_do_not_fit_are_refused_in_words(engine, z, sentence):
    with pytest.raises(ValueError, match=sentence):
        engine.decode("vae", z)


def test_a_class_may_be_said_or_not_from_one_request_to_the_next(tmp_path):
    model = tiny_model("vae", conditions=DIGITS)
    save_tiny(model, tmp_path / "cvae")
    engine = Engine(tmp_path, device="cpu", cache=tmp_path)
    pixels, y = np.full((2, 8, 8, 1), 90, np.uint8), np.eye(10, dtype=np.float32)[[3, 7]]
    x = torch.full((2, 1, 8, 8), 90 / 127.5 - 1)
    for said in (None, y, None):
        expected = model.encode(x, None if said is None else torch.from_numpy(said)).detach().numpy()
        assert np.allclose(engine.encode("cvae", pixels, said), expected, atol=1e-2)  # kept as float16
    assert not np.allclose(engine.encode("cvae", pixels), engine.encode("cvae", pixels, y), atol=1e-3)
    engine.close()


def test_pictures_and_conditions_that_do_not_fit_are_refused_in_words(engine):
    with pytest.raises(ValueError, match="must be uint8"):
        engine.encode("vae", np.zeros((1, 8, 8, 1)))
    with pytest.raises(ValueError, match=r"shape \[N, 8, 8, 1\]"):
        engine.encode("vae", np.zeros((1, 9, 8, 1), np.uint8))
    with pytest.raises(ValueError, match="vae takes no conditions"):
        engine.decode("vae", np.zeros((1, 3)), np.eye(10)[:1])
    with pytest.raises(ValueError, match="not 5000"):
        engine.prior("vae", 5000, 0)


def test_a_picture_that_is_not_finite_is_an_error_for_its_caller_only(held):
    first = held.engine.submit("decode", "vae", np.zeros((1, 3)))
    held.entered.wait(10)
    bad = held.engine.submit("decode", "autoencoder", np.full((1, 3), 3e38))
    good = held.engine.submit("decode", "autoencoder", np.zeros((1, 3)))
    held.release.set()
    with pytest.raises(FloatingPointError, match="not finite"):
        bad.result(10)
    assert good.result(10).shape == first.result(10).shape == (1, 8, 8, 1)


# Batching


def test_neighbours_in_a_batch_change_no_picture(engine, close_to):
    z = engine.prior("vae", 7, seed=1)  # the fixture's batch is 3
    assert close_to(engine.decode("vae", z), np.concatenate([engine.decode("vae", z[i:i + 1]) for i in range(7)]))


def test_what_arrives_while_the_device_is_busy_is_decoded_together(held, close_to):
    z = held.engine.prior("vae", 4, 0)
    first = held.engine.submit("decode", "vae", z[:1])
    held.entered.wait(10)
    others = [held.engine.submit("decode", "vae", z[k:k + 1]) for k in (1, 2, 3)]
    held.release.set()
    pictures = [future.result(10) for future in (first, *others)]
    assert held.batches == [("vae", 1), ("vae", 3)]
    assert close_to(np.concatenate(pictures), held.engine.decode("vae", z))


def test_a_small_request_does_not_wait_behind_a_large_one(held):
    large = held.engine.submit("decode", "vae", np.zeros((30, 3)))
    held.entered.wait(10)
    small = held.engine.submit("decode", "vae", np.zeros((1, 3)))
    seen, told = [], threading.Event()
    large.add_done_callback(lambda _: (seen.append(small.done()), told.set()))
    held.release.set()
    assert large.result(10).shape[0] == 30 and told.wait(10)
    assert seen == [True]


def test_models_take_turns(held):
    many = held.engine.submit("decode", "vae", np.zeros((12, 3)))
    held.entered.wait(10)
    other = held.engine.submit("decode", "autoencoder", np.zeros((1, 3)))
    held.release.set()
    many.result(10), other.result(10)
    assert [name for name, _ in held.batches].index("autoencoder") <= 2


def test_shares_are_even_and_fill_the_batch():
    assert shares([1], 32) == [1]
    assert shares([4096, 1, 5], 32) == [26, 1, 5]
    assert shares([100, 100], 32) == [16, 16]
    assert shares([1] * 50, 32) == [1] * 32
    assert all(shares([4096, *[1] * 60], 32))


def test_a_cancelled_request_is_never_decoded(held):
    first = held.engine.submit("decode", "vae", np.zeros((1, 3)))
    held.entered.wait(10)
    unwanted = held.engine.submit("decode", "autoencoder", np.zeros((1, 3)))
    assert unwanted.cancel()
    held.release.set()
    first.result(10)
    held.engine.decode("vae", np.zeros((1, 3)))
    assert ("autoencoder", 1) not in held.batches
    with pytest.raises(CancelledError):
        unwanted.result(0)


def test_a_request_can_be_cancelled_until_its_own_batch_begins(engine, monkeypatch):
    run, batches, entered, go = engine._device.run, [], threading.Semaphore(0), threading.Semaphore(0)

    def stepwise(checkpoint, task, x, y=None):
        batches.append(len(x))
        entered.release()
        go.acquire(timeout=10)
        return run(checkpoint, task, x, y)

    monkeypatch.setattr(engine._device, "run", stepwise)
    first = engine.submit("decode", "vae", np.zeros((1, 3)))
    entered.acquire(timeout=10)
    others = [engine.submit("decode", "vae", np.zeros((1, 3))) for _ in range(5)]
    go.release()
    entered.acquire(timeout=10)  # three of the five are in the batch that has begun
    assert [future.cancel() for future in others] == [False, False, False, True, True]
    go.release(10)
    assert all(future.result(10).shape == (1, 8, 8, 1) for future in (first, *others[:3]))
    assert engine.decode("vae", np.zeros((1, 3))).shape == (1, 8, 8, 1)
    assert batches == [1, 3, 1] and wait(others, 10).not_done == set()


def test_fifty_threads_each_get_their_own_pictures(engine, close_to):
    z = {name: engine.prior(name, 50, 3) for name in ("vae", "autoencoder")}
    expected = {name: engine.decode(name, z[name]) for name in z}
    wrong = []

    def person(k):
        for turn in range(4):
            name = ("vae", "autoencoder")[(k + turn) % 2]
            if not close_to(engine.decode(name, z[name][k:k + 1]), expected[name][k:k + 1]):
                wrong.append((k, name))

    people = [threading.Thread(target=person, args=(k,)) for k in range(50)]
    for thread in people:
        thread.start()
    for thread in people:
        thread.join(30)
    assert not any(thread.is_alive() for thread in people)
    assert not wrong


def test_an_answer_holds_no_memory_of_its_neighbours(engine):
    futures = [engine.submit("decode", "vae", engine.prior("vae", 1, seed)) for seed in range(3)]
    assert all(future.result(10).base is None for future in futures)


def test_one_thread_computes_with_one_core(engine, monkeypatch):
    run, seen = engine._device.run, []
    monkeypatch.setattr(engine._device, "run", lambda *a: seen.append((threading.current_thread().name, torch.get_num_threads())) or run(*a))
    torch.set_num_threads(2)
    try:
        engine.decode("vae", np.zeros((5, 3)))
    finally:
        torch.set_num_threads(1)
    assert set(seen) == {("engine", 1)}


def test_a_closed_engine_says_so(held):
    first = held.engine.submit("decode", "vae", np.zeros((1, 3)))
    held.entered.wait(10)
    waiting = held.engine.submit("decode", "autoencoder", np.zeros((1, 3)))
    threading.Timer(0.1, held.release.set).start()
    held.engine.close()
    assert first.result(0).shape == (1, 8, 8, 1)
    for ask in (lambda: waiting.result(0), lambda: held.engine.decode("vae", np.zeros((1, 3)))):
        with pytest.raises(RuntimeError, match="closed"):
            ask()


# Memory and device


def test_models_leave_the_least_recently_used_first(tmp_path):
    size = 0
    for name in "abc":
        size = sum(t.nbytes for t in save_tiny(tiny_model("vae"), tmp_path / name).load().state_dict().values())
    engine = Engine(tmp_path, device="cpu", budget=2 * size)
    for name in "abac":
        engine.decode(name, np.zeros((1, 3)))
    assert [folder.name for folder, _ in engine._device.loaded] == ["a", "c"]
    engine.close()


def test_a_model_larger_than_the_budget_is_used_all_the_same(tmp_path):
    save_tiny(tiny_model("vae"), tmp_path / "vae")
    engine = Engine(tmp_path, device="cpu", budget=1)
    assert engine.decode("vae", np.zeros((2, 3))).shape == (2, 8, 8, 1)
    engine.close()


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("no room"), RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")])
def test_when_memory_is_short_the_batch_is_halved(engine, monkeypatch, close_to, error):
    compute, sizes = Device._compute, []
    z = engine.prior("vae", 7, 2)
    expected = engine.decode("vae", z)

    def small(self, checkpoint, task, x, y):
        sizes.append(len(x))
        if len(x) > 1:
            raise error
        return compute(self, checkpoint, task, x, y)

    monkeypatch.setattr(Device, "_compute", small)
    assert close_to(engine.decode("vae", z), expected)
    assert sizes[0] == 3
    assert engine._device.rows == 1


def test_one_picture_that_does_not_fit_is_said(engine, monkeypatch):
    def never(*_):
        raise torch.OutOfMemoryError("no room")
    with monkeypatch.context() as patch:
        patch.setattr(Device, "_compute", never)
        with pytest.raises(MemoryError, match="one picture of vae"):
            engine.decode("vae", np.zeros((1, 3)))
    assert engine.decode("vae", np.zeros((1, 3))).shape == (1, 8, 8, 1)


def test_half_precision_is_used_only_where_pictures_stay():
    model = tiny_model("vae")
    assert half_fits(model)
    with torch.no_grad():
        for tensor in model.decoder.parameters():
            tensor.mul_(8)
    assert not half_fits(model)


def test_half_precision_is_tried_with_conditions_too():
    model = tiny_model("vae", conditions=DIGITS)
    assert half_fits(model)
    with torch.no_grad():
        model.decoder.head[0].weight[:, 3:].mul_(100)  # what is seen only where a class is said
    assert not half_fits(model)


def test_an_unknown_device_is_refused(tmp_path):
    with pytest.raises(ValueError, match="cpu, cuda or zero, not 'tpu'"):
        Engine(tmp_path, device="tpu")


def test_a_lent_card_is_asked_for_each_piece_with_things_that_can_travel(tmp_path, monkeypatch, close_to):
    import pickle
    borrowed = []

    def lend(duration):
        def around(function):
            def call(*args):
                borrowed.append(duration)
                return pickle.loads(pickle.dumps(function(*pickle.loads(pickle.dumps(args)))))
            return call
        return around

    monkeypatch.setitem(sys.modules, "spaces", SimpleNamespace(GPU=lend))
    save_tiny(tiny_model("vae"), tmp_path / "vae")
    lent, own = Engine(tmp_path, device="zero", batch=3), Engine(tmp_path, device="cpu")
    lent._device.place = torch.device("cpu")  # there is no card here
    z = own.prior("vae", 7, 0)
    assert (lent.mode, lent.device_name) == ("zero", "ZeroGPU")
    assert close_to(lent.decode("vae", z), own.decode("vae", z))
    assert len(borrowed) == 3
    lent.close(), own.close()


# ONNX


def test_an_exported_model_is_made_once_and_named_by_its_content(engine, tmp_path):
    own = Engine(tmp_path, device="cpu", cache=tmp_path / "cache")
    path = own.onnx("vae")
    made = path.stat().st_mtime_ns
    assert (path.parent, path.stem) == (tmp_path / "cache", own.onnx_hash("vae"))
    assert own.onnx("vae").stat().st_mtime_ns == made
    assert own.onnx_hash("vae") != own.onnx_hash("autoencoder")
