"""The worker process: turns, stops, deaths and what it says. One service serves most of these tests."""

import os
import shutil
import signal
import threading
import time
from dataclasses import fields, replace
from itertools import pairwise
from types import SimpleNamespace

import pytest

from genmodels.datasets import DATASETS, hidden
from genmodels.models import MODELS
from genmodels.train import caps, endings, process, training, turns
from genmodels.train.caps import PER_OWNER, Refused
from genmodels.train.lock import Lock, Locked
from genmodels.train.queue import Queue
from genmodels.train.recipe import Plan, Recipe
from genmodels.train.runs import Run
from genmodels.train.turns import Worker
from genmodels.train.worker import Service

from .conftest import digits_plan, tiny_config

ENDLESS, SHORT = digits_plan(200_000), digits_plan(30)


def wait_for(condition, seconds=240):
    deadline = time.monotonic() + seconds
    while not (met := condition()):
        assert time.monotonic() < deadline, "it did not come to pass in time"
        time.sleep(0.02)
    return met


def last_step(run: Run) -> int:
    return run.events()[-1]["step"] if run.events() else 0


def newest_state(run: Run) -> int:
    return max(int(path.name[:9]) for path in (run.folder / "state").glob("*.safetensors"))


class Watched(Worker):
    """A worker in this process, which notes whose turn it was and leaves when `enough` says so."""

    def __init__(self, folder, enough):
        super().__init__(folder, None, "cpu", threading.Event())
        self.enough, self.seen = enough, []

    def _slice(self, training, steps):
        more = super()._slice(training, steps)
        self.seen.append(training.run.name)
        self._leave_if_enough()
        return more

    def _look(self):
        super()._look()
        self._leave_if_enough()

    def _leave_if_enough(self):
        if self.enough(self):
            self.leaving.set()


@pytest.fixture(scope="module")
def left(tmp_path_factory):
    """A folder that an earlier worker left: `begun` with three steps done, and `deadly`, which took the process down three times."""
    folder = tmp_path_factory.mktemp("runs")
    begun = Run.create(folder / "begun", SHORT, hidden("first"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(turns, "SLICE", 0.0)
        patch.setattr(training, "BREATH", 1e9)  # a step a turn, however long the first frame takes
        Watched(folder, lambda worker: len(worker.seen) == 3).serve()
    assert begun.about["state"] == "running" and newest_state(begun) == 3
    Lock(begun.folder / "lock").release()  # nobody holds it any more
    Run.create(folder / "deadly", SHORT, hidden("somebody")).write(state="running", deaths=3)
    return folder


@pytest.fixture(scope="module")
def warm(left):
    """A service on that folder. Nobody asked it for anything: what was left behind is why its worker begins."""
    with pytest.MonkeyPatch.context() as patch:
        for module, name in ((endings, "TERM_AFTER"), (endings, "KILL_AFTER"), (process, "CLOSE_WITHIN")):
            patch.setattr(module, name, 5 * getattr(module, name))  # a busy machine is no worker that does not listen
        service = Service(left, device="cpu")
        yield service
        service.close()


@pytest.fixture
def service(warm):
    yield warm
    for owner in ("ann", "bob"):
        for row in warm.rows(owner):
            warm.stop(row["name"], owner)


def test_what_an_earlier_worker_left_is_finished_but_not_what_killed_it(warm, left):
    begun, deadly = Run(left / "begun"), Run(left / "deadly")
    wait_for(lambda: begun.about["state"] == "finished" and deadly.about["state"] == "failed")
    [row] = warm.rows("first")
    assert (row["state"], row["step"], row["steps"], row["why"]) == ("finished", 30, 30, "") and not begun.about.get("deaths")
    assert "died 3 times" in deadly.about["why"] and not deadly.events()


def together(seen: list[str]) -> list[str]:
    """The steps since both runs had their pictures, which come in threads of their own."""
    return seen[max(map(seen.index, "ab")):] if {"a", "b"} <= set(seen) else []


def test_two_owners_are_served_in_turns(tmp_path, monkeypatch):
    monkeypatch.setattr(turns, "SLICE", 0.0)  # one step each
    monkeypatch.setattr(training, "BREATH", 1e9)
    a, b = Run.create(tmp_path / "a", ENDLESS, "ann"), Run.create(tmp_path / "b", ENDLESS, "bob")
    worker = Watched(tmp_path, lambda worker: len(together(worker.seen)) >= 8)
    worker.serve()
    assert all(one != other for one, other in pairwise(together(worker.seen)))
    assert (newest_state(a), newest_state(b)) == (worker.seen.count("a"), worker.seen.count("b"))
    assert a.about["state"] == b.about["state"] == "running"


def test_a_turn_ends_early_where_another_is_asked_to_stop(tmp_path, monkeypatch):
    runs = [Run.create(tmp_path / name, ENDLESS, owner) for name, owner in (("a", "ann"), ("b", "bob"))]
    worker = Watched(tmp_path, lambda worker: any(run.about["state"] == "stopped" for run in runs))
    monkeypatch.setattr(turns, "SLICE", 1e9)
    monkeypatch.setattr(turns, "GLANCE", 0.0)
    wait_for(lambda: worker._sets.get(ENDLESS))  # so that both begin with the first look
    whole = worker._slice

    def ask_during_the_slice(training, steps):
        for other, _ in worker.turns.values():
            other.run.ask("stop")
        return whole(training, steps)

    worker._slice = ask_during_the_slice
    wait = threading.Timer(60, worker.leaving.set)
    wait.start()
    worker.serve()
    wait.cancel()
    assert sorted(run.about["state"] for run in runs) == ["running", "stopped"]


def test_a_stop_is_listened_to_also_out_of_turn(service):
    a, b = service.start(ENDLESS, "ann"), service.start(ENDLESS, "bob")
    wait_for(lambda: last_step(a) and last_step(b))
    assert service.rows("ann")[-1]["sharing"] == 2
    pid = service.keeper.process.pid
    for run, owner in ((a, "ann"), (b, "bob")):
        service.stop(run.name, owner)
        assert run.about["state"] == "stopped" and (run.folder / "checkpoint" / "config.json").exists()
    assert service.keeper.process.pid == pid  # nobody was ended for it


def test_one_run_is_trained_and_two_wait_and_a_fourth_is_refused(service):
    runs = [service.start(ENDLESS, "ann") for _ in range(PER_OWNER)]
    with pytest.raises(Refused, match="two wait already"):
        service.start(SHORT, "ann")
    service.start(SHORT, "bob")
    wait_for(lambda: last_step(runs[0]))
    rows = [row for row in service.rows("ann") if row["state"] in ("waiting", "running")]
    assert [(row["state"], row["ahead"]) for row in rows] == [("running", 0), ("waiting", 1), ("waiting", 2)]
    service.stop(runs[1].name, "ann")
    service.stop(runs[0].name, "ann")
    wait_for(lambda: runs[2].about["state"] == "running")
    assert runs[1].about["state"] == "stopped" and not runs[1].events()


def test_a_training_is_private_to_its_owner(service):
    run = service.start(SHORT, "ann")
    with pytest.raises(LookupError, match="no training called"):
        service.stop(run.name, "bob")
    with pytest.raises(LookupError):
        service.stop("../" + run.name, "ann")
    assert run.name not in [row["name"] for row in service.rows("bob")]
    assert "ann" not in (run.folder / "run.json").read_text()


def test_what_cannot_be_trained_says_why_and_the_next_run_works(service):
    closed_form = replace(SHORT.recipe.stages[0], method="closed form")
    impossible = replace(digits_plan(net="mlp"), recipe=replace(SHORT.recipe, stages=(closed_form,)))
    bad, good = service.start(impossible, "ann"), service.start(SHORT, "ann")
    wait_for(lambda: good.about["state"] == "finished")
    assert bad.about["state"] == "failed" and "Only the linear autoencoder" in bad.about["why"]


def test_too_many_steps_are_refused(service):
    with pytest.raises(Refused, match="200,000 steps at most"):
        service.start(digits_plan(200_001), "ann")


def test_a_run_survives_the_death_of_its_worker(service):
    run = service.start(ENDLESS, "ann")
    reached = wait_for(lambda: last_step(run))
    os.kill(service.keeper.process.pid, signal.SIGKILL)
    saved = newest_state(run)
    run.write(asked=digits_plan(reached + 50).to_json())  # so that the test need not wait for 200,000 steps
    wait_for(lambda: run.about["state"] == "finished")
    assert run.about["step"] == last_step(run) == reached + 50 and run.about["deaths"] == 1
    assert saved <= reached and newest_state(run) == reached + 50
    steps = [event["step"] for event in run.events()]
    assert steps == sorted(set(steps))


@pytest.mark.parametrize("change, sentence", [
    ({"width": 256, "depth": 8}, "may have 4,000,000 parameters, not"),
    ({"width": 64, "depth": 2}, "billion operations; here it may take 50"),
])
def test_a_net_that_would_hold_up_everybody_is_refused(tmp_path, change, sentence):
    service = Service(tmp_path, device="cpu")
    config = MODELS["vae"].Config(image_shape=(1, 28, 28), **change)
    with pytest.raises(Refused, match=sentence) as caught:
        service.start(Plan("vae", "mnist", config, Recipe(batch=512)), "ann")
    assert str(caught.value).endswith(".") and not list(tmp_path.iterdir()) and service.keeper.process is None


def test_an_update_of_every_family_can_be_counted_and_grows_with_the_net(family):
    wider = {"width": 32, "hidden": 32, "sizes": (256, 128)}
    knob = next(name for name in wider if name in {field.name for field in fields(MODELS[family].Config)})
    small, large = (caps.work_per_picture(MODELS[family](tiny_config(family, **size))) for size in ({}, {knob: wider[knob]}))
    assert 0 < small < large


def slow_dataset(monkeypatch, load) -> None:
    """Let the small digits come as if from the Hub."""
    monkeypatch.setattr(DATASETS["digits"], "HUB", "somebody/digits", raising=False)
    monkeypatch.setattr(DATASETS["digits"], "load", load)


def test_pictures_that_are_long_in_coming_hold_up_nobody_else(tmp_path, monkeypatch):
    ready, whole = threading.Event(), DATASETS["digits"].load

    def load(split, source, progress):
        progress(3_000_000, 9_500_000, "bytes")
        assert ready.wait(60)
        return whole(split)

    slow_dataset(monkeypatch, load)
    embedded = SimpleNamespace(load=lambda split, source: whole(split), IMAGE_SHAPE=(1, 8, 8), CLASSES=DATASETS["digits"].CLASSES)
    monkeypatch.setitem(DATASETS, "quick", embedded)
    monkeypatch.setattr(turns, "TELL_EVERY", 0.0)
    late, next_one = Run.create(tmp_path / "late", SHORT, "ann"), Run.create(tmp_path / "next", SHORT, "ann")
    quick = Run.create(tmp_path / "quick", replace(SHORT, dataset="quick"), "bob")
    told = []

    def enough(worker):
        told.append(late.about["why"])
        if quick.about["state"] == "finished" and "3.0 of 9.5 MB" in told[-1]:
            assert late.about["state"] == next_one.about["state"] == "waiting"
            assert set((tmp_path / ".turn").read_text().split()) >= {"late"}  # a suspect, should the process die of it
            ready.set()
        return next_one.about["state"] == "finished"

    Watched(tmp_path, enough).serve()
    assert late.about["state"] == "finished" and late.about["why"] == "" and ready.is_set()
    assert not (tmp_path / ".turn").exists()


def test_pictures_that_do_not_come_end_the_run_in_words_and_are_asked_for_again(tmp_path, monkeypatch):
    tries, whole = [], DATASETS["digits"].load

    def load(split, source, progress):
        tries.append(split)
        if len(tries) == 1:
            raise ConnectionError("The Hub cannot be reached.")
        return whole(split)

    slow_dataset(monkeypatch, load)
    first, second = Run.create(tmp_path / "a", SHORT, "ann"), Run.create(tmp_path / "b", SHORT, "ann")
    Watched(tmp_path, lambda worker: second.about["state"] == "finished").serve()
    assert first.about["state"] == "failed" and first.about["why"] == "The Hub cannot be reached." and tries == ["train", "train", "test"]


def test_the_queue_reads_what_changed_and_leaves_out_what_is_gone(tmp_path):
    queue = Queue(tmp_path)
    a, b = Run.create(tmp_path / "a", SHORT, "x"), Run.create(tmp_path / "b", SHORT, "y")
    Run.create(tmp_path / "from-the-command-line", SHORT)
    assert [run.name for run, _ in queue.unfinished()] == ["a", "b"] and [run.name for run, _ in queue.runs("y")] == ["b"]
    a.write(state="finished")
    assert [run.name for run, _ in queue.unfinished()] == ["b"]
    shutil.rmtree(b.folder)
    assert not queue.unfinished() and len(queue.runs()) == 1


def test_a_lock_dies_with_its_holder(tmp_path):
    lock = Lock(tmp_path / "lock")
    with pytest.raises(Locked):
        Lock(tmp_path / "lock")
    if hasattr(os, "fork"):
        assert os.get_inheritable(lock._file.fileno()) is False
    lock.release()
    Lock(tmp_path / "lock").release()


def test_a_closed_service_leaves_its_runs_running_and_saved(service):  # the last test: it closes the service of the others
    run = service.start(ENDLESS, "ann")
    reached = wait_for(lambda: last_step(run))
    service.close()
    assert service.keeper.process.returncode == 0  # it was not killed
    assert run.about["state"] == "running" and newest_state(run) >= reached
    Lock(run.folder / "lock").release()  # nobody holds it any more
