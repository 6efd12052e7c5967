"""Models that come into memory: others are answered meanwhile, what does not fit is refused in words, and a step has as many rows as are quick."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import wait

import numpy as np
import pytest
import torch

from genmodels.checkpoint import BadCheckpoint, Checkpoint
from genmodels.engine import Engine, Sampling, _known, _memory
from genmodels.engine._device import STEP
from genmodels.engine._jobs import Job
from genmodels.engine._memory import free_memory
from genmodels.models.diffusion import Diffusion

from .conftest import save_tiny, tiny_model
from .engine_kit import close_to

ONE = np.zeros((1, 3))


@pytest.fixture
def slow(engine, monkeypatch) -> Iterator[threading.Event]:
    """The model "autoencoder" is not loaded before this is set; `slow.loads` counts how often that is tried."""
    load, slow = Checkpoint.load, threading.Event()
    slow.loads = 0

    def slowly(self):
        if self.name == "autoencoder":
            slow.loads += 1
            slow.wait(10)
        return load(self)

    monkeypatch.setattr(Checkpoint, "load", slowly)
    yield slow
    slow.set()


def test_sliders_are_answered_while_a_large_model_is_loaded(engine, slow):
    large = engine.submit("decode", "autoencoder", ONE)
    for _ in range(3):
        assert engine.submit("decode", "vae", ONE).result(5).shape == (1, 8, 8, 1)
    assert not large.done() and slow.loads == 1
    slow.set()
    assert large.result(10).shape == (1, 8, 8, 1)


def test_whoever_asks_for_a_model_on_its_way_waits_for_the_same(engine, slow):
    z = engine.prior("autoencoder", 4, 0)
    asked = [engine.submit("decode", "autoencoder", z[k:k + 1]) for k in range(4)] + [engine.submit("encode", "autoencoder", np.zeros((1, 8, 8, 1), np.uint8))]
    engine.decode("vae", ONE)
    slow.set()
    assert not wait(asked, 10).not_done and slow.loads == 1
    assert close_to(np.concatenate([one.result() for one in asked[:4]]), engine.decode("autoencoder", z))


def test_a_model_that_left_for_another_makes_nobody_wait_when_it_comes_again(engine, slow):
    slow.set()
    engine.decode("autoencoder", ONE), engine.decode("vae", ONE)
    slow.clear()
    memory = engine._device.memory
    del memory.loaded[next(key for key in memory.loaded if key[0].name == "autoencoder")]
    again = engine.submit("decode", "autoencoder", ONE)
    assert engine.submit("decode", "vae", ONE).result(5).shape == (1, 8, 8, 1) and not again.done()
    slow.set()
    assert again.result(10).shape == (1, 8, 8, 1) and slow.loads == 2


def test_a_model_that_nobody_waits_for_any_more_is_kept_within_the_budget_all_the_same(engine, slow):
    asked = engine.submit("decode", "autoencoder", ONE)
    engine.decode("vae", ONE)
    assert asked.cancel()
    slow.set()
    assert engine.decode("autoencoder", ONE).shape == (1, 8, 8, 1) and slow.loads == 1


def test_a_failure_reaches_everybody_who_waited_and_the_next_request_tries_anew(engine, slow, monkeypatch):
    load = Checkpoint.load

    def damaged(self):
        load(self)
        raise BadCheckpoint(f"{self.name}: damaged.")

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "load", damaged)
        asked = [engine.submit("decode", "autoencoder", ONE) for _ in range(3)]
        slow.set()
        for one in asked:
            with pytest.raises(BadCheckpoint, match="autoencoder: damaged"):
                one.result(10)
    assert engine.decode("autoencoder", ONE).shape == (1, 8, 8, 1)


def test_a_closing_engine_does_not_wait_for_a_model(engine, slow):
    asked = engine.submit("decode", "autoencoder", ONE)
    engine.decode("vae", ONE)
    engine.close()
    with pytest.raises(RuntimeError, match="closed"):
        asked.result(0)


def test_no_slider_waits_for_a_step_that_takes_long(tmp_path, monkeypatch):
    monkeypatch.setattr(_known, "SLOW", 0)
    save_tiny(tiny_model("diffusion", steps=4), tmp_path / "diffusion")
    save_tiny(tiny_model("vae"), tmp_path / "vae")
    engine, begun, release = Engine(tmp_path, device="cpu"), threading.Event(), threading.Event()
    expected, predict = engine.decode("diffusion", engine.prior("diffusion", 2, 0)), Diffusion.predict_noise
    monkeypatch.setattr(Diffusion, "predict_noise", lambda *asked: begun.set() or release.wait(10) and predict(*asked))
    slow = engine.submit("decode", "diffusion", engine.prior("diffusion", 2, 0))
    assert begun.wait(10)
    for _ in range(3):
        assert engine.submit("decode", "vae", ONE).result(5).shape == (1, 8, 8, 1)
    assert not slow.done()
    release.set()
    assert close_to(slow.result(10), expected)
    engine.close()


# Memory


def test_a_model_larger_than_the_budget_is_refused_in_words_and_drops_no_other(tmp_path):
    size = sum(t.nbytes for t in save_tiny(tiny_model("vae"), tmp_path / "vae").load().state_dict().values())
    save_tiny(tiny_model("vae", hidden=400), tmp_path / "large")
    engine = Engine(tmp_path, device="cpu", budget=2 * size)
    engine.decode("vae", ONE)
    with pytest.raises(MemoryError, match="large needs [0-9]+ MB for its weights, and 0 MB are kept for models here"):
        engine.decode("large", ONE)
    assert [folder.name for folder, _ in engine._device.memory.loaded] == ["vae"]
    engine.close()


def test_a_model_larger_than_the_free_memory_is_refused_in_words(engine, monkeypatch):
    monkeypatch.setattr(_memory, "LARGE", 0)
    engine.decode("vae", ONE)
    monkeypatch.setattr(_memory, "free_memory", lambda: 5 << 20)
    monkeypatch.setattr(_memory, "COPIES", 4000)
    with pytest.raises(MemoryError, match="To load autoencoder takes [0-9,]+ MB of memory, and 5 MB are free here"):
        engine.decode("autoencoder", ONE)
    assert not engine._device.memory.loaded  # the other one was dropped to make room
    monkeypatch.undo()
    assert engine.decode("vae", ONE).shape == (1, 8, 8, 1)


def test_memory_that_runs_out_while_loading_is_said(engine, monkeypatch):
    def full(self):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(Checkpoint, "load", full)
    with pytest.raises(MemoryError, match="does not suffice for vae"):
        engine.decode("vae", ONE)


def test_free_memory_is_the_machines_or_what_the_container_leaves(tmp_path):
    proc, groups = tmp_path / "meminfo", tmp_path / "cgroup"
    assert free_memory(proc, groups) == float("inf")
    proc.write_text("MemTotal: 9000 kB\nMemAvailable: 5000 kB\n")
    assert free_memory(proc, groups) == 5000 * 1024
    groups.mkdir()
    (groups / "memory.max").write_text("max\n"), (groups / "memory.current").write_text("100\n")
    assert free_memory(proc, groups) == 5000 * 1024
    (groups / "memory.max").write_text("1000\n"), (groups / "memory.stat").write_text("anon 90\ninactive_file 10\n")
    assert free_memory(proc, groups) == 1000 - 100 + 10
    assert free_memory() > 1 << 20


# Rows in a step


@pytest.fixture
def paths(tmp_path) -> Iterator[Engine]:
    save_tiny(tiny_model("diffusion", steps=4), tmp_path / "diffusion")
    engine = Engine(tmp_path, device="cpu")
    yield engine
    engine.close()


@pytest.mark.parametrize("each, rows", [(2 * STEP, [1] * 6), (0.4 * STEP, [1, 2, 2, 1]), (0.0, [1, 4, 1])], ids=("dear", "middling", "cheap"))
def test_a_step_has_as_many_rows_as_are_quick_and_at_first_one(paths, monkeypatch, each, rows):
    predict, looks = Diffusion.predict_noise, []

    def working(self, x, *rest):
        until = time.thread_time() + each * (len(x) - 0.1)  # of the processor, whoever else uses it
        while time.thread_time() < until:
            pass
        if threading.current_thread().name == "engine":
            looks.append(len(x))
        return predict(self, x, *rest)

    monkeypatch.setattr(Diffusion, "predict_noise", working)
    assert paths.decode("diffusion", paths.prior("diffusion", 6, 0), options=Sampling(steps=5)).shape == (6, 8, 8, 1)
    assert looks == [count for count in rows for _ in range(5)]


def test_what_was_learned_of_many_rows_is_not_forgotten_for_a_few(paths):
    paths.decode("diffusion", paths.prior("diffusion", 4, 0))
    [loaded], device = paths._device.memory.loaded.values(), paths._device
    job = Job(paths.checkpoint("diffusion"), "decode", paths.prior("diffusion", 1, 0), long=True, walks=True)
    device.learn(job, 1, [STEP / 4] * 8)
    assert device.room(job) == 4
    device.learn(job, 1, [STEP / 2] * 8)
    assert device.room(job) == 4
    device.learn(job, 4, [STEP * 2] * 8)
    assert device.room(job) == 2 and list(loaded.rows.values()) == [2]
