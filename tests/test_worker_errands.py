"""What the server asks of the worker process: answered once, refused in words, and never asked again after a death."""

import threading
import time

import numpy as np
import pytest

from genmodels.checkpoint import Checkpoint
from genmodels.datasets import DATASETS
from genmodels.train import errands as errands_module
from genmodels.train.bell import Bell
from genmodels.train.desk import Desk
from genmodels.train.errands import Errands, NotAnswered
from genmodels.train.runs import Run
from genmodels.train.sets import Sets
from genmodels.train.training import Training

from .train_kit import PATIENCE, small_plan


def asked(errands: Errands, tasks: dict, kind: str = "double", values: dict | None = None):
    """Ask, while another thread answers."""
    def ring() -> None:
        threading.Thread(target=errands.serve, args=(tasks,)).start()

    return errands.ask(kind, values or {}, PATIENCE, ring)


def test_an_errand_brings_json_and_arrays_and_leaves_nothing_behind(tmp_path):
    errands = Errands(tmp_path)
    said, arrays = asked(errands, {"double": lambda values: ({"of": values["x"]}, {"twice/0": np.full(3, 2 * values["x"])})}, values={"x": 4})
    assert said == {"of": 4} and arrays["twice/0"].tolist() == [8, 8, 8] and not list(errands.folder.iterdir())


def test_what_is_refused_or_goes_wrong_is_said_to_whoever_asked(tmp_path):
    def refuse(_):
        raise ValueError("Not today.")

    for tasks, sentence in (({"double": refuse}, "Not today."), ({}, "log of the server says why")):
        with pytest.raises(ValueError, match=sentence):
            asked(Errands(tmp_path), tasks)


def test_an_errand_that_kills_the_process_is_not_done_again(tmp_path):
    errands = Errands(tmp_path)

    def die(_):
        raise KeyboardInterrupt

    errands.leave("double", {})
    with pytest.raises(KeyboardInterrupt):
        errands.serve({"double": die})
    assert not errands.waiting()


def test_who_is_gone_waits_no_longer_and_the_question_goes_too(tmp_path):
    errands, looks = Errands(tmp_path), iter([False, True])
    with pytest.raises(NotAnswered):
        errands.ask("double", {}, 60.0, lambda: None, lambda: next(looks))
    assert not errands.waiting()


def test_nobody_waits_for_ever_and_answers_that_nobody_fetched_go(tmp_path, monkeypatch):
    errands = Errands(tmp_path)
    with pytest.raises(NotAnswered, match="did not answer"):
        errands.ask("double", {}, 0.05, lambda: None)
    assert not errands.waiting()
    errands.leave("double", {})
    (errands.folder / "broken.json").write_text("{")
    errands.serve({"double": lambda values: ({}, {})})
    assert len(list(errands.folder.glob("*.npz"))) == 1
    monkeypatch.setattr(errands_module, "STALE", -1.0)
    errands.serve({})
    assert not list(errands.folder.glob("*.npz"))


def test_a_bell_is_heard_once_for_all_that_rang(tmp_path):
    bell, other = Bell(tmp_path), Bell(tmp_path)
    assert not bell.heard()
    for _ in range(3):
        other.ring()
        time.sleep(0.01)
    assert bell.heard() and not bell.heard()


@pytest.mark.parametrize("state", ["failed", "stopped"])
def test_a_run_that_ended_without_a_checkpoint_gets_one_of_its_last_saved_state(tmp_path, state):
    run = Run.create(tmp_path / "lost", small_plan(steps=50))
    training = Training(run, DATASETS["digits"].load("train"), DATASETS["digits"].load("test"))
    for progress in training:
        if progress.step == 7:
            break
    training.suspend()
    run.write(state=state, why="It broke off.")
    sets, errands = Sets(None, "cpu"), Errands(tmp_path)
    desk = Desk(tmp_path, sets, "cpu", errands.leave)
    desk.publish({"name": "lost"})  # its pictures are not here yet, so it is asked again
    assert errands.waiting() and not (run.folder / "checkpoint").exists()
    sets.now(run.plan)
    errands.serve(desk.tasks)
    assert Checkpoint(run.folder / "checkpoint").load().can("encode") and (run.folder / "checkpoint" / "atlas.npz").exists()
    assert (run.about["state"], run.about["why"], run.about["step"]) == (state, "It broke off.", 7)


def test_what_is_asked_of_a_run_that_was_deleted_meanwhile_is_nothing(tmp_path, capfd):
    errands = Errands(tmp_path)
    errands.leave("publish", {"name": "gone"})
    errands.serve(Desk(tmp_path, Sets(None, "cpu"), "cpu", errands.leave).tasks)
    assert not errands.waiting() and capfd.readouterr().err == ""
