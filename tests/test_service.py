"""The training service: what people can do with their runs, and nobody else; with a worker in a thread."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from genmodels.checkpoint import Checkpoint
from genmodels.datasets import DATASETS, hidden
from genmodels.models import MODELS
from genmodels.train import caps
from genmodels.train.caps import Refused
from genmodels.train.lock import Lock
from genmodels.train.measuring import step_seconds
from genmodels.train.runs import Run
from genmodels.train.worker import Service

from .train_kit import served, small_plan, wait_for

ENDLESS, SHORT = small_plan(), small_plan(steps=12)


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    with served(tmp_path_factory.mktemp("runs")) as service:
        yield service


@pytest.fixture
def service(one):
    yield one
    for row in one.rows("ann"):
        one.delete(row["name"], "ann")


@pytest.fixture
def asleep(tmp_path, monkeypatch):
    """A service whose worker never begins: its runs wait."""
    service = Service(tmp_path, device="cpu")
    monkeypatch.setattr(service.keeper, "warm", lambda: None)
    return service


def begun(service, plan=ENDLESS, steps: int = 5, **words) -> Run:
    run = service.start(plan, "ann", **words)
    wait_for(lambda: service.row(run.name, "ann")["step"] >= steps)
    return run


def state(service, run: Run) -> str:
    return service.row(run.name, "ann")["state"]


# To steer

def test_a_paused_run_is_a_model_gives_up_its_turn_and_goes_on_where_it_was(service):
    run, second = begun(service), service.start(ENDLESS, "ann")
    service.pause(run.name, "ann")
    row = service.row(run.name, "ann")
    assert row["state"] == "paused" and row["checkpoint"] and Checkpoint(run.folder / "checkpoint").load().can("encode")
    Lock(run.folder / "lock").release()
    wait_for(lambda: state(service, second) == "running")
    service.resume(run.name, "ann")
    assert (state(service, run), service.row(run.name, "ann")["ahead"]) == ("waiting", 1)  # it stands in line again, behind the other
    service.stop(second.name, "ann")
    wait_for(lambda: service.row(run.name, "ann")["step"] > row["step"])
    assert not any("went_back" in line for line in service.news(run.name, "ann")["events"])


def test_a_waiting_run_can_be_paused_stopped_and_deleted(asleep):
    runs = [asleep.start(SHORT, "ann") for _ in range(3)]
    asleep.pause(runs[0].name, "ann")
    asleep.stop(runs[1].name, "ann")
    asleep.delete(runs[2].name, "ann")
    assert [row["state"] for row in asleep.rows("ann")] == ["paused", "stopped"] and not runs[2].folder.exists()
    assert not asleep.rows("ann")[0]["checkpoint"]


def test_the_rate_is_changed_while_it_runs_and_kept_over_a_pause(service):
    run = begun(service)
    service.rate(run.name, "ann", 0.5)
    assert service.row(run.name, "ann")["rate_factor"] == 0.5  # at once, before the worker has heard of it
    note = wait_for(lambda: next((line for line in service.news(run.name, "ann")["events"] if "note" in line), None))
    assert note["rate_factor"] == 0.5 and note["note"] == "The learning rate is 0.5 times the planned one from here."
    service.pause(run.name, "ann")
    service.rate(run.name, "ann", 2)
    service.resume(run.name, "ann")
    wait_for(lambda: run.about.get("rate_factor") == 2)
    for wrong in (0, 11, float("nan"), "1", True):
        with pytest.raises(Refused, match="can be multiplied by 0.01 to 10"):
            service.rate(run.name, "ann", wrong)


def test_more_steps_are_a_stage_like_the_last_one(service):
    run = service.start(SHORT, "ann")
    wait_for(lambda: state(service, run) == "finished")
    with pytest.raises(Refused, match="come to its end"):
        service.resume(run.name, "ann")
    service.more(run.name, "ann", 5)
    wait_for(lambda: state(service, run) == "finished")
    row = service.row(run.name, "ann")
    assert row["step"] == row["steps"] == 17 and [stage["steps"] for stage in row["recipe"]["stages"]] == [12, 5]
    assert Checkpoint(run.folder / "checkpoint").about["recipe"] == row["recipe"]
    with pytest.raises(Refused, match="200,000 steps at most"):
        service.more(run.name, "ann", 200_000)


def test_more_steps_of_a_stopped_run_begin_where_it_stopped(service):
    run = begun(service)
    service.stop(run.name, "ann")
    done = service.row(run.name, "ann")["step"]
    service.more(run.name, "ann", 3)
    wait_for(lambda: state(service, run) == "finished")
    assert service.row(run.name, "ann")["step"] == service.row(run.name, "ann")["steps"] == done + 3


def test_a_fork_begins_with_the_weights_of_its_parent_and_may_have_another_plan(service):
    parent = begun(service, title="First", group="both")
    service.pause(parent.name, "ann")
    other = replace(SHORT, model=replace(SHORT.model, beta=4.0))
    fork = service.fork(parent.name, "ann", plan=other)
    wait_for(lambda: state(service, fork) == "finished")
    row = service.row(fork.name, "ann")
    assert (row["parent"], row["group"], row["title"], row["model"]["beta"]) == (parent.name, "both", "First, again", 4.0)
    codes = [service.frame(run.name, "ann", step)["codes"] for run, step in ((parent, service.news(parent.name, "ann")["frames"][-1]), (fork, 0))]
    assert np.allclose(*codes, atol=0.02)  # its first frame shows what its parent knew
    with pytest.raises(Refused, match="None of that training's weights fits"):
        service.fork(parent.name, "ann", plan=small_plan("gan"))
    assert state(service, parent) == "paused"


def test_a_run_that_has_not_begun_cannot_be_forked(asleep):
    with pytest.raises(Refused, match="has not begun"):
        asleep.fork(asleep.start(SHORT, "ann").name, "ann")


def test_a_training_that_runs_can_be_deleted_and_nothing_of_it_stays(service):
    run = begun(service)
    service.delete(run.name, "ann")
    assert not run.folder.exists() and not service.rows("ann")
    with pytest.raises(LookupError):
        service.row(run.name, "ann")
    again = begun(service, SHORT)  # and the worker goes on
    assert again.folder.exists()


def test_a_step_by_hand_is_shown_counts_and_is_kept(service):
    run = begun(service, small_plan("gan"))
    with pytest.raises(ValueError, match="Pause it"):
        service.hand(run.name, "ann")
    service.pause(run.name, "ann")
    before, weights = service.row(run.name, "ann"), Checkpoint(run.folder / "checkpoint").hash
    hand = service.hand(run.name, "ann", ["generator"], 0.01)
    row = service.row(run.name, "ann")
    assert hand["step"] == row["step"] == before["step"] + 1 and row["state"] == "paused" and row["frames"] == before["frames"] + 1
    assert list(hand["update"]) == ["generator"] and hand["update"]["generator"]["rate"] == 0.01
    assert Checkpoint(run.folder / "checkpoint").hash != weights
    [*_, last] = service.news(run.name, "ann")["events"]
    assert last["step"] == hand["step"] and last["generator loss"] == pytest.approx(hand["parts"]["generator loss"])
    picture = next(one for one in hand["quantities"] if one["kind"] == "picture")
    assert picture["values"].shape == (16, 8, 8, 1) and picture["values"].dtype == np.uint8
    for players, rate, sentence in ((["nobody"], None, "does not learn"), ("x", None, "in a list"), (None, 2.0, "at most 1")):
        with pytest.raises(ValueError, match=sentence):
            service.hand(run.name, "ann", players, rate)
    assert service.row(run.name, "ann")["step"] == hand["step"]


def test_a_finished_training_becomes_longer_with_steps_by_hand(service):
    run = service.start(SHORT, "ann")
    wait_for(lambda: state(service, run) == "finished")
    assert [service.hand(run.name, "ann")["step"] for _ in range(2)] == [13, 14]
    row = service.row(run.name, "ann")
    assert (row["state"], row["step"], row["steps"]) == ("finished", 14, 14) and len(row["recipe"]["stages"]) == 2


# To look at

def test_news_are_what_came_since_and_tell_of_a_way_back(service):
    run = begun(service)
    service.pause(run.name, "ann")
    all_of_it = service.news(run.name, "ann")
    assert all_of_it["frames"][0] == 0 and all_of_it["row"]["state"] == "paused" and all_of_it["went_back"] is None
    count = len(all_of_it["events"])
    assert service.news(run.name, "ann", count, all_of_it["frames"][-1]) == all_of_it | {"events": [], "frames": []}
    run.go_on_from(1)
    later = service.news(run.name, "ann", count, all_of_it["frames"][-1])
    assert later["went_back"] == 1 and len(later["events"]) == 1


def test_a_frame_comes_with_its_labels_and_what_all_share(service):
    run = begun(service)
    frame, fixed = service.frame(run.name, "ann", 0), service.fixed(run.name, "ann")
    assert frame["codes"].shape == (397, 2) and frame["codes"].dtype == np.float32 and (frame["labels"] == fixed["labels"]).all()
    assert fixed["pictures"].shape == (16, 8, 8, 1)
    with pytest.raises(LookupError, match="no frame of step 999999"):
        service.frame(run.name, "ann", 999_999)


def test_a_stopped_run_can_be_walked_in_at_once(service):
    run = begun(service)
    service.stop(run.name, "ann")
    atlas = Checkpoint(run.folder / "checkpoint").atlas()
    assert atlas["codes"].shape == (397, 2) and atlas["std"].shape == (397, 2) and set(atlas["labels"].tolist()) == set(range(10))


def test_a_finished_one_has_samplers_too_and_loses_what_was_said_of_other_weights(service):
    run = service.start(SHORT, "ann")
    wait_for(lambda: state(service, run) == "finished")
    assert set(Checkpoint(run.folder / "checkpoint").samplers()) == {"normal", "gaussian", "mixture"}
    service.more(run.name, "ann", 100_000)
    wait_for(lambda: state(service, run) == "running")
    service.stop(run.name, "ann")
    assert sorted(path.name for path in (run.folder / "checkpoint").iterdir()) == ["atlas.npz", "config.json", "model.safetensors"]


def test_titles_and_groups_are_one_line_of_text(asleep):
    run = asleep.start(SHORT, "ann", " My\nfirst\tone ", "g" * 100)
    row = asleep.row(run.name, "ann")
    assert (row["title"], row["group"]) == ("My first one", "g" * 80)
    asleep.rename(run.name, "ann", "Better")
    assert asleep.row(run.name, "ann")["title"] == "Better"
    assert asleep.row(asleep.start(SHORT, "ann").name, "ann")["title"] == "vae of digits"
    for wrong in ("", "\n", None, "x" * 1000):
        with pytest.raises(Refused):
            asleep.rename(run.name, "ann", wrong)


def test_names_cannot_be_guessed(asleep):
    names = {asleep.start(SHORT, f"person {k}").name for k in range(3)}
    assert len(names) == 3 and all(name.startswith("digits-vae-") and len(name) == len("digits-vae-") + 16 for name in names)


# Whose it is

def test_everything_about_a_run_is_its_owners_alone(asleep):
    run = asleep.start(SHORT, "ann")
    for ask in (asleep.row, asleep.news, asleep.fixed, asleep.pause, asleep.stop, asleep.resume, asleep.delete, asleep.hand, asleep.fork,
                lambda name, owner: asleep.rate(name, owner, 1), lambda name, owner: asleep.rename(name, owner, "x"),
                lambda name, owner: asleep.share(name, owner, True), lambda name, owner: asleep.more(name, owner, 5),
                lambda name, owner: asleep.frame(name, owner, 0)):
        for name, owner in ((run.name, "bob"), ("../runs", "ann"), (7, "ann"), ("digits-vae-0000000000000000", "ann")):
            with pytest.raises(LookupError, match="You have no training called"):
                ask(name, owner)
    assert not asleep.rows("bob") and '"ann"' not in (run.folder / "run.json").read_text() and run.folder.exists()


def test_a_model_is_open_to_its_owner_and_to_others_while_it_is_shared(asleep, tmp_path):
    run = asleep.start(SHORT, "ann")
    people = ("ann", "bob", None)
    assert [asleep.open_to(run.name, who) for who in people] == [True, False, False]
    asleep.share(run.name, "ann", True)
    assert [asleep.open_to(run.name, who) for who in people] == [True, True, True] and asleep.row(run.name, "ann")["shared"]
    asleep.share(run.name, "ann", False)
    assert [asleep.open_to(run.name, who) for who in people] == [True, False, False]
    Run.create(tmp_path / "by-command", SHORT)  # of the command line: nobody's
    assert not any(asleep.open_to(name, "ann") for name in ("by-command", "nothing", "../x", None))


# How much

def test_one_may_keep_so_many_and_is_told_why_no_more(asleep, monkeypatch):
    assert asleep.may("ann") is True
    for _ in range(caps.PER_OWNER):
        asleep.start(SHORT, "ann")
    assert "two wait already" in asleep.may("ann") and asleep.may("bob") is True
    for row in asleep.rows("ann"):
        asleep.stop(row["name"], "ann")
    monkeypatch.setattr(caps, "MOST_RUNS", 3)
    assert "Delete some" in asleep.may("ann")
    with pytest.raises(Refused, match="Delete some"):
        asleep.start(SHORT, "ann")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 0))
    assert "almost full" in asleep.may("bob")


def test_resuming_takes_a_place_like_starting(asleep):
    first = asleep.start(SHORT, "ann")
    asleep.pause(first.name, "ann")
    for _ in range(caps.PER_OWNER):
        asleep.start(SHORT, "ann")
    with pytest.raises(Refused, match="two wait already"):
        asleep.resume(first.name, "ann")
    assert asleep.row(first.name, "ann")["state"] == "paused"


def test_how_long_it_takes_is_measured_once_for_each_kind_of_plan(service, monkeypatch):
    first = service.estimate(ENDLESS, "ann")
    assert first["seconds"] == pytest.approx(first["per_step"] * 200_000) and first["per_step"] > 0 and first["steps"] == 200_000
    assert first["parameters"] == sum(one.numel() for one in MODELS["vae"](ENDLESS.model).parameters())
    monkeypatch.setattr(service, "_ask", None)
    monkeypatch.setattr(service._estimates, "_ask", None)  # from here on nobody can be asked
    half = service.estimate(small_plan(steps=100_000), "ann")
    assert half["seconds"] == pytest.approx(first["seconds"] / 2) and half["sharing"] == half["ahead"] == 0
    assert "200,000 steps at most" in service.estimate(small_plan(steps=300_000), "ann")["problem"]


def test_a_label_that_cannot_be_read_or_a_run_that_vanishes_hurts_nobody_else(asleep):
    gone, stays = asleep.start(SHORT, "ann"), asleep.start(SHORT, "ann")
    shutil.rmtree(gone.folder)
    assert [row["name"] for row in asleep.rows("ann")] == [stays.name] and not asleep.open_to(gone.name, "ann")
    assert json.loads((stays.folder / "run.json").read_text())["owner"] == hidden("ann")


def test_a_stage_that_solves_in_one_go_is_measured_whatever_its_length():
    digits = DATASETS["digits"].load("train")
    solved = {"method": "closed form", "steps": 3000}
    [step] = step_seconds(small_plan("autoencoder", model={"net": "linear"}, stages=[solved]), digits, "cpu")
    assert 0 < step < 0.01  # a share of all: the whole is solved in a moment
    both = step_seconds(small_plan("autoencoder", model={"net": "linear"}, stages=[solved, {"steps": 2}]), digits, "cpu")
    assert len(both) == 2 and all(0 < one < 1 for one in both)


@pytest.mark.parametrize("stages, sentence", [
    ([{"steps": 2}] * (caps.MOST_STAGES + 1), "64 stages at most"), ([{"steps": 5, "players": ["layer9"]}], "must learn, not layer9")])
def test_stages_that_nobody_could_learn_in_or_that_are_too_many_are_refused_at_once(asleep, stages, sentence):
    with pytest.raises(ValueError, match=sentence):
        asleep.start(small_plan(stages=stages), "ann")
    assert sentence in asleep.estimate(small_plan(stages=stages), "ann")["problem"] and asleep.rows("ann") == []
