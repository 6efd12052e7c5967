"""The worker process: turns, stops, deaths and what it says. One service serves most of these tests."""

import os
import shutil
import signal
import time

import pytest

from genmodels.train.lock import Lock, Locked
from genmodels.train.queue import Queue
from genmodels.train.recipe import plan_from
from genmodels.train.runs import Run
from genmodels.train.worker import PER_OWNER, Refused, Service


def digits_plan(steps, **recipe):
    return plan_from({
        "format": 1, "family": "autoencoder", "dataset": "digits", "model": {"image_shape": [1, 8, 8], "width": 4, "hidden": 8},
        "recipe": {"stages": [{"steps": steps}], "batch": 50, "precision": "float32"} | recipe})


ENDLESS, SHORT = digits_plan(200_000), digits_plan(30)


def wait_for(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not (met := condition()):
        assert time.monotonic() < deadline, "it did not come to pass in time"
        time.sleep(0.02)
    return met


def last_step(run: Run) -> int:
    return run.events()[-1]["step"] if run.events() else 0


def newest_state(run: Run) -> int:
    return max(int(path.name[:9]) for path in (run.folder / "state").glob("*.safetensors"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def warm(folder):
    """A service whose worker is up."""
    service = Service(folder, device="cpu")
    run = service.start(SHORT, "first")
    wait_for(lambda: run.about["state"] == "finished")
    yield service
    service.close()


@pytest.fixture
def service(warm):
    yield warm
    for owner in ("ann", "bob"):
        for row in warm.list(owner):
            warm.stop(row["name"], owner)


def test_a_run_is_trained_to_its_end(warm):
    [row] = warm.list("first")
    assert (row["state"], row["step"], row["steps"], row["why"]) == ("finished", 30, 30, "")


def test_two_owners_are_served_in_turns(service):
    a, b = service.start(ENDLESS, "ann"), service.start(ENDLESS, "bob")
    wait_for(lambda: last_step(a) and last_step(b))
    moved, previous, deadline = [], (last_step(a), last_step(b)), time.monotonic() + 60
    while len(moved) < 5 and time.monotonic() < deadline:
        now = last_step(a), last_step(b)
        for owner, (before, after) in zip("ab", zip(previous, now, strict=True), strict=True):
            if after > before and moved[-1:] != [owner]:
                moved.append(owner)
        previous = now
        time.sleep(0.05)
    assert "".join(moved) in ("ababa", "babab")
    seconds = [run.events()[-1]["seconds"] for run in (a, b)]
    assert max(seconds) - min(seconds) < 4  # at most one slice apart, and a report that is not written yet
    assert service.list("ann")[-1]["sharing"] == 2


def test_a_stop_is_done_within_a_second_also_out_of_turn(service):
    a, b = service.start(ENDLESS, "ann"), service.start(ENDLESS, "bob")
    wait_for(lambda: last_step(a) and last_step(b))
    pid = service._process.pid
    for run, owner in ((a, "ann"), (b, "bob")):
        began = time.monotonic()
        service.stop(run.name, owner)
        assert time.monotonic() - began < 1.0 and run.about["state"] == "stopped"
        assert (run.folder / "checkpoint" / "config.json").exists()
    assert service._process.pid == pid  # nobody was killed for it


def test_one_run_is_trained_and_two_wait_and_a_fourth_is_refused(service):
    runs = [service.start(ENDLESS, "ann") for _ in range(PER_OWNER)]
    with pytest.raises(Refused, match="two wait already"):
        service.start(SHORT, "ann")
    service.start(SHORT, "bob")
    wait_for(lambda: last_step(runs[0]))
    rows = [row for row in service.list("ann") if row["state"] in ("waiting", "running")]
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
    assert run.name not in [row["name"] for row in service.list("bob")]
    assert "ann" not in (run.folder / "run.json").read_text()


def test_what_cannot_be_trained_says_why_and_the_next_run_works(service):
    impossible = plan_from({"format": 1, "family": "autoencoder", "dataset": "digits",
                            "model": {"image_shape": [1, 8, 8], "net": "mlp"}, "recipe": {"stages": [{"method": "closed form"}]}})
    bad, good = service.start(impossible, "ann"), service.start(SHORT, "ann")
    wait_for(lambda: good.about["state"] == "finished")
    assert bad.about["state"] == "failed" and "Only the linear autoencoder" in bad.about["why"]


def test_too_many_steps_are_refused(service):
    with pytest.raises(Refused, match="200,000 steps at most"):
        service.start(digits_plan(200_001), "ann")


def test_a_run_survives_the_death_of_its_worker(service):
    run = service.start(ENDLESS, "ann")
    reached = wait_for(lambda: last_step(run))
    os.kill(service._process.pid, signal.SIGKILL)
    saved = newest_state(run)
    run.write(asked=digits_plan(reached + 50).to_json())  # so that the test need not wait for 200,000 steps
    wait_for(lambda: run.about["state"] == "finished")
    assert run.about["step"] == last_step(run) == reached + 50 and run.about["deaths"] == 1
    assert saved <= reached and newest_state(run) == reached + 50
    steps = [event["step"] for event in run.events()]
    assert steps == sorted(set(steps))


def test_a_closed_service_leaves_runs_that_the_next_one_finishes(tmp_path):
    first = Service(tmp_path, device="cpu")
    run = first.start(ENDLESS, "ann")
    reached = wait_for(lambda: last_step(run))
    began = time.monotonic()
    first.close()
    assert time.monotonic() - began < 8 and first._process.returncode == 0
    assert run.about["state"] == "running" and (saved := newest_state(run)) >= reached
    Lock(run.folder / "lock").release()  # nobody holds it any more
    run.write(asked=digits_plan(saved + 20).to_json())
    deadly = Run.create(tmp_path / "deadly", SHORT, "somebody")
    deadly.write(state="running", deaths=3)
    second = Service(tmp_path, device="cpu")
    wait_for(lambda: run.about["state"] == "finished" and deadly.about["state"] == "failed")
    second.close()
    assert run.about["step"] == saved + 20 and not run.about.get("deaths")
    assert "died 3 times" in deadly.about["why"] and not deadly.events()


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
