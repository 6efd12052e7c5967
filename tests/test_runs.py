"""The run folder and the command line: what is kept, what is said, and that the same command goes on."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

import genmodels.whole
from genmodels.checkpoint import find
from genmodels.datasets import DATASETS
from genmodels.train import training as training_module
from genmodels.train.__main__ import main
from genmodels.train.lock import Lock, Locked
from genmodels.train.loop import CannotGoOn
from genmodels.train.runs import Run
from genmodels.train.training import Training

from .conftest import digits_plan

TRAIN, TEST = DATASETS["digits"].load("train"), DATASETS["digits"].load("test")
ROOT = Path(__file__).resolve().parents[1]


def begin(folder, **plan) -> Training:
    return Training(Run.create(folder, digits_plan(**plan)), TRAIN, TEST)


def steps_of(training: Training, steps: int) -> None:
    last = training.trainer.step + steps
    for progress in training:
        if progress.step == last:
            return


def break_losses(training: Training, *steps: int) -> None:
    """Make the loss not a number when these steps are made, each time they are made."""
    whole, trainer = training.trainer.model.loss, training.trainer
    trainer.model.loss = lambda x, y=None, player="model": {
        name: value * (float("nan") if trainer.step in steps else 1) for name, value in whole(x, y, player).items()}


def test_a_finished_run_has_a_checkpoint_a_curve_and_frames(tmp_path, monkeypatch):
    monkeypatch.setattr(training_module, "REPORT_EVERY", 0.0)
    monkeypatch.setattr(training_module, "EARLY_SHARE", 1e9)
    training = begin(tmp_path / "tiny", steps=12)
    assert training.run.about["state"] == "running"
    *_, last = training
    run = Run(tmp_path / "tiny")
    assert run.about["state"] == "finished" and run.about["step"] == last.step == 12
    assert [event["step"] for event in run.events()] == list(range(1, 13))
    assert run.events()[-1]["loss"] < run.events()[0]["loss"]
    assert run.frames.steps() == list(range(13))
    frame = run.frames.read(12)
    assert frame["samples"].shape == (16, 8, 8, 1) and frame["samples"].dtype == np.uint8
    assert frame["codes"].shape == (397, 2) and frame["reconstructions"].shape == (16, 8, 8, 1)
    model = find(tmp_path / "tiny")["checkpoint"].load()
    z = torch.randn(5, 2)
    torch.testing.assert_close(model.decode(z), training.trainer.average.decode(z), atol=1e-2, rtol=0)


def test_a_stopped_run_is_usable_and_goes_on(tmp_path):
    training = begin(tmp_path / "tiny")
    steps_of(training, 7)
    training.stop()
    run = Run(tmp_path / "tiny")
    assert run.about["state"] == "stopped" and find(run.folder)["checkpoint"].load().can("encode")
    again = Training(run, TRAIN, TEST)
    assert again.trainer.step == 7
    *_, last = again
    assert last.step == 20 and run.about["state"] == "finished"


def test_a_suspended_run_still_says_that_it_is_running(tmp_path):
    training = begin(tmp_path / "tiny")
    steps_of(training, 3)
    training.suspend()
    assert training.run.about["state"] == "running" and Training(training.run, TRAIN).trainer.step == 3


def test_only_one_process_trains_a_run(tmp_path):
    training = begin(tmp_path / "tiny")
    with pytest.raises(Locked, match="in use by another process"):
        Training(training.run, TRAIN, TEST)
    training.stop()
    Lock(training.run.folder / "lock").release()


def test_a_divergence_goes_back_once_and_halves_the_rate(tmp_path, monkeypatch):
    monkeypatch.setattr(training_module, "SAVE_EVERY", 0.0)
    training = begin(tmp_path / "tiny")
    steps_of(training, 5)
    whole = training.trainer.model.loss
    break_losses(training, 5, 6, 7)
    seen = []
    for progress in training:
        seen += [progress.step] if progress.step not in seen[-1:] else []  # a frame that took long gives a step again
        if progress.step == 7:  # the third bad loss comes next; what follows it is sound
            training.trainer.model.loss = lambda *a, **k: whole(*a, **k) if training.trainer.rate_factor < 1 else {
                "loss": whole(*a, **k)["loss"] * float("nan")}
    assert seen == list(range(6, 21)) and training.trainer.rate_factor == 0.5  # steps 6 and 7, skipped, were saved: sound weights
    assert training.run.about["state"] == "finished" and "half the rate" in training.run.about["why"]


def test_a_second_divergence_ends_with_advice_and_the_last_sound_state(tmp_path):
    training = begin(tmp_path / "tiny")
    steps_of(training, 5)
    training.suspend()
    training = Training(training.run, TRAIN, TEST)
    break_losses(training, 8, 9, 10)
    with pytest.raises(CannotGoOn, match="smaller learning rate"):
        list(training)
    run = Run(tmp_path / "tiny")
    assert run.about["state"] == "failed" and "smaller learning rate" in run.about["why"]
    resumed = Training(run, TRAIN, TEST)
    assert resumed.trainer.step == 5 and all(t.isfinite().all() for t in resumed.trainer.model.state_dict().values())


def test_a_stop_while_the_weights_are_not_numbers_keeps_the_last_sound_ones(tmp_path):
    training = begin(tmp_path / "tiny")
    steps_of(training, 4)
    with torch.no_grad():
        next(training.trainer.model.parameters()).fill_(float("nan"))
    training.stop()
    assert find(training.run.folder)["checkpoint"].load().can("decode") and training.trainer.step == 0


def test_a_loss_that_is_not_a_number_is_null_in_the_events(tmp_path, monkeypatch):
    monkeypatch.setattr(training_module, "REPORT_EVERY", 0.0)
    training = begin(tmp_path / "tiny")
    break_losses(training, 2)
    list(training)
    events = {event["step"]: event["loss"] for event in training.run.events()}
    assert events[3] is None and events[2] > 0 and events[4] > 0


def test_a_full_disk_pauses_with_a_sentence_and_keeps_the_last_state(tmp_path, monkeypatch):
    training = begin(tmp_path / "tiny")
    steps_of(training, 6)
    training.suspend()

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    training = Training(training.run, TRAIN, TEST)
    monkeypatch.setattr(training_module, "SAVE_EVERY", 0.0)
    with monkeypatch.context() as patched:
        patched.setattr(genmodels.whole.os, "fsync", full)
        with pytest.raises(CannotGoOn, match="The disk is full.*free some space"):
            list(training)
        with pytest.raises(CannotGoOn, match="cannot begin"):
            Training(training.run, TRAIN, TEST)
    assert not list(tmp_path.rglob(".*"))  # nothing half written is left
    again = Training(training.run, TRAIN, TEST)
    assert again.trainer.step == 6
    list(again)
    assert again.run.about["state"] == "finished"


def test_a_report_cut_off_by_a_crash_is_forgotten(tmp_path):
    run = Run.create(tmp_path / "tiny", digits_plan())
    run.note(1, 0.1, {"loss": 1.0})
    run.note(2, 0.2, {"loss": 0.5})
    with open(run.folder / "events.jsonl", "a") as file:
        file.write('{"step": 3, "sec')
    assert [event["step"] for event in run.events()] == [1, 2]
    run.go_on_from(1)
    run.note(2, 0.3, {"loss": 0.4})
    assert [(event["step"], event["loss"]) for event in run.events()] == [(1, 1.0), (2, 0.4)]


def test_damaged_states_begin_again_and_say_so(tmp_path):
    training = begin(tmp_path / "tiny")
    steps_of(training, 4)
    training.suspend()
    for path in (training.run.folder / "state").iterdir():
        path.write_bytes(b"nothing")
    again = Training(training.run, TRAIN, TEST)
    assert again.trainer.step == 0 and "damaged" in again.run.about["why"]


def test_a_run_folder_that_was_never_whole_is_begun_again_and_a_whole_one_is_kept(tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(genmodels.whole.os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            Run.create(tmp_path / "tiny", digits_plan())
    assert Run.create(tmp_path / "tiny", digits_plan()).about["state"] == "waiting"
    with pytest.raises(FileExistsError, match="holds a run already"):
        Run.create(tmp_path / "tiny", digits_plan(steps=3))
    assert Run(tmp_path / "tiny").plan == digits_plan()


# The command line

def test_ctrl_c_saves_says_so_and_the_same_command_finishes(tmp_path, capsys):
    recipe, run = tmp_path / "tiny.json", Run(tmp_path / "runs" / "tiny")
    recipe.write_text(json.dumps(digits_plan(steps=100_000).to_json()))
    arguments = [str(recipe), "--runs", str(run.folder.parent), "--out", str(tmp_path / "out"), "--device", "cpu"]
    first = subprocess.Popen([sys.executable, "-m", "genmodels.train", *arguments], cwd=ROOT, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=os.environ | {"OMP_NUM_THREADS": "1"})
    deadline = time.monotonic() + 240
    while not run.events() and time.monotonic() < deadline:
        time.sleep(0.05)
    first.send_signal(signal.SIGINT)
    said, _ = first.communicate(timeout=60)
    stopped_at = run.about["step"]
    assert first.returncode == 130 and f"Stopped at step {stopped_at} and saved" in said and run.about["state"] == "stopped"
    almost_done = digits_plan(steps=stopped_at + 3).to_json()  # so that the test need not wait for 100,000 steps
    recipe.write_text(json.dumps(almost_done))
    run.write(asked=almost_done)
    assert main(arguments) == 0
    assert run.about["state"] == "finished" and run.events()[-1]["step"] == stopped_at + 3
    assert find(tmp_path / "out")["tiny"].hash in capsys.readouterr().out


def test_a_model_that_replaces_another_takes_away_what_was_measured_on_that_one(tmp_path):
    recipe, target = tmp_path / "tiny.json", tmp_path / "out" / "tiny"
    arguments = [str(recipe), "--out", str(target.parent), "--device", "cpu", "--runs"]
    recipe.write_text(json.dumps(digits_plan(steps=3).to_json()))
    assert main([*arguments, str(tmp_path / "first")]) == 0
    weights, measured = (target / "model.safetensors").read_bytes(), ("metrics.json", "atlas.npz", "samples.webp", "manifold.webp", "README.md")
    for name in measured:
        (target / name).write_text("true of the first")
    assert main([*arguments, str(tmp_path / "first")]) == 0  # the same weights again: all of it is still true
    assert all((target / name).exists() for name in measured)
    recipe.write_text(json.dumps(digits_plan(steps=4).to_json()))
    assert main([*arguments, str(tmp_path / "second")]) == 0
    assert sorted(path.name for path in target.iterdir()) == ["config.json", "model.safetensors"]
    assert (target / "model.safetensors").read_bytes() != weights and find(target.parent)["tiny"].about["recipe"]["stages"][0]["steps"] == 4


def test_another_recipe_in_the_same_run_folder_is_refused(tmp_path, capsys):
    recipe = tmp_path / "tiny.json"
    recipe.write_text(json.dumps(digits_plan(steps=3).to_json()))
    assert main([str(recipe), "--runs", str(tmp_path)]) == 0
    recipe.write_text(json.dumps(digits_plan(steps=4).to_json()))
    assert main([str(recipe), "--runs", str(tmp_path)]) == 2
    assert "holds a run of another recipe" in capsys.readouterr().err


def test_a_recipe_that_is_not_there_gets_a_sentence(tmp_path, capsys):
    assert main([str(tmp_path / "none.json")]) == 2
    assert "There is no recipe" in capsys.readouterr().err
