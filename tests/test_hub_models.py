"""Models from the Hub: looked at before anything large comes, fetched whole or not at all, offered only when they work, in every failure of the Hub."""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load, save

from genmodels import client
from genmodels.checkpoint import Checkpoint, find
from genmodels.hub import Hub, Shelf, Stopped
from genmodels.hub import shelf as shelf_module
from genmodels.hub.source import size_of
from genmodels.hub.survey import licence_in

from . import format_kit
from .hub_kit import TOKEN, assert_sentence, files_of, tiny_checkpoint, with_ada

REPO = "ada/small"


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Checkpoint:
    return tiny_checkpoint(tmp_path_factory.mktemp("made") / "small")


@pytest.fixture
def hub(hub, small):
    hub.add("models", REPO, files_of(small))
    return with_ada(hub)


@pytest.fixture
def shelf(hub, tmp_path) -> Shelf:
    return Shelf(tmp_path / "fetched", Hub(hub.url, token=False))


def change(hub, **changes) -> None:
    """Another commit: files by name, with _ for the dot."""
    files = hub.repositories["models", REPO].files
    hub.add("models", REPO, files | {name.replace("_", "."): content for name, content in changes.items()})


def change_weights(hub, change_one) -> None:
    weights = load(hub.repositories["models", REPO].files["model.safetensors"])
    change_one(weights)
    change(hub, model_safetensors=save(weights))


def shift(weights) -> None:
    """Other weights that work."""
    min(weights.values(), key=torch.Tensor.numel).add_(0.25)


def large_downloads(hub) -> list[str]:
    return [request for request in hub.requests if request.endswith("model.safetensors")]


def assert_nothing_is_offered(shelf: Shelf) -> None:
    assert shelf.fetched() == [] and find(shelf.folder) == {}


# Looking

def test_a_look_tells_what_it_is_and_asks_for_small_files_alone(hub, shelf, small):
    look = shelf.look(f"{REPO}@main")
    repository = hub.repositories["models", REPO]
    assert (look.repo, look.revision, look.commit, look.licence, look.format) == (REPO, "main", repository.commit, "mit", "own")
    assert look.name == f"ada--small--{repository.commit[:12]}" and look.account and all(line.endswith(".") for line in look.account)
    assert look.bytes == sum(len(content) for content in repository.files.values())
    assert not large_downloads(hub)


def test_a_look_reads_no_more_than_a_few_small_files(hub, shelf, small):
    folders = {f"part{k}/config.json": b"{}" for k in range(30)}
    hub.add("models", REPO, files_of(small) | folders | {"model_index.json": b" " * (300 << 10), "README.md": b"#" * (65 << 10)})
    shelf.look(REPO)
    asked = [request for request in hub.requests if "resolve" in request]
    assert len(asked) == 12 and not [request for request in asked if "model_index" in request or "README" in request]


def test_a_look_at_what_nobody_reads_says_what_it_is(hub, shelf):
    hub.add("models", "ada/words", {"config.json": b'{"model_type": "bert"}', "model.safetensors": b"x" * 100})
    with pytest.raises(ValueError) as caught:
        shelf.look("ada/words")
    assert "ada/words" in str(caught.value) and str(caught.value).endswith(".") and not large_downloads(hub)


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[" * 100_000])
def test_a_config_that_is_no_json_is_a_sentence(hub, shelf, content):
    change(hub, config_json=content)
    with pytest.raises(ValueError) as caught:
        shelf.look(REPO)
    assert_sentence(caught.value, "config.json of ada/small is no readable JSON")


def test_the_licence_is_what_the_front_matter_names():
    def said(*lines: str) -> str:
        return licence_in("\n".join(["---", *lines, "---", "license: not-this"]).encode())
    assert said("license: apache-2.0") == said("tags:", "- x", "license:", "- apache-2.0") == said('license: "apache-2.0"') == "apache-2.0"
    assert said("license: other", "license_name: my-own") == "my-own"
    assert said("tags:", "- x") == licence_in(b"license: mit") == licence_in(b"") == licence_in(b"\xff") == ""
    assert said("license: " + "x" * 500) == "x" * 60


# Fetching

def test_a_fetched_model_is_a_checkpoint_like_any_other_and_says_where_it_came_from(hub, shelf, small):
    seen = []
    one = shelf.fetch(REPO, lambda *told: seen.append(told), by="somebody")
    total = shelf.look(REPO).bytes
    assert seen[-1] == (total, total, "checking") and [done for done, *_ in seen] == sorted(done for done, *_ in seen)
    there = find(shelf.folder)[one.name]
    assert there.hash == small.hash and there.load() and one.by == "somebody"
    assert [one] == shelf.fetched() and one.commit == hub.repositories["models", REPO].commit
    assert json.loads((there.folder / "source.json").read_text())["repo"] == REPO
    assert not list(shelf.folder.rglob("files"))  # what came is kept once, as a checkpoint


def test_what_is_there_is_answered_without_a_question_also_offline(hub, shelf):
    one = shelf.fetch(REPO)
    hub.requests.clear()
    away = replace(shelf, hub=Hub("http://127.0.0.1:9"))
    assert shelf.fetch(REPO) == one == away.fetch(f"{REPO}@{one.commit}") and not hub.requests


def test_a_newer_commit_comes_by_its_name_and_stands_beside_the_older(hub, shelf):
    old = shelf.fetch(REPO)
    change_weights(hub, shift)
    new = shelf.fetch(f"{REPO}@{shelf.look(REPO).commit}")
    assert new.commit != old.commit and {one.name for one in shelf.fetched()} == {old.name, new.name}
    assert shelf.fetch(f"{REPO}@{old.commit}") == old


def test_two_names_of_one_commit_are_one_model(hub, shelf):
    assert shelf.fetch(f"{REPO}@main").name == shelf.fetch(f"{REPO}@{hub.repositories['models', REPO].commit}").name
    assert shelf.fetch(REPO).name and len(shelf.fetched()) == 1


def test_two_people_who_fetch_the_same_wait_for_one_download(hub, shelf):
    hub.play("slow", "get")
    answers, told = [], [[], []]
    people = [threading.Thread(target=lambda k=k: answers.append(shelf.fetch(REPO, lambda *seen: told[k].append(seen), by=str(k)))) for k in (0, 1)]
    for person in people:
        person.start()
    for person in people:
        person.join(60)
    assert len(answers) == 2 and answers[0] == answers[1] and len(large_downloads(hub)) == 1
    assert all(seen[-1][2] == "checking" for seen in told)


def test_one_of_them_may_leave_and_the_other_still_gets_it(hub, shelf, small):
    change(hub, model_safetensors=files_of(small)["model.safetensors"], samples_png=b"\x89PNG\r\n\x1a\n" + bytes(400_000))
    hub.play("slow", "get")
    stopped, answers = threading.Event(), []
    stays = threading.Thread(target=lambda: answers.append(shelf.fetch(REPO)))

    def leave(done, total, stage):
        if not stays.is_alive() and not answers:
            stays.start()
        if large_downloads(hub) and len([one for one in hub.requests if "README" in one]) >= 2:  # the other one has looked as well
            stopped.set()

    with pytest.raises(Stopped):
        shelf.fetch(REPO, leave, stopped)
    stays.join(60)
    assert answers[0].repo == REPO and len(large_downloads(hub)) == 1


def test_a_stop_is_quick_offers_nothing_and_the_next_try_goes_on(hub, shelf, small):
    change(hub, samples_png=b"\x89PNG\r\n\x1a\n" + bytes(400_000))
    hub.play("slow", "get")
    stopped, began = threading.Event(), []

    def after_some(done, total, stage):
        if done > total // 2 and not began:
            began.append(time.monotonic())
            stopped.set()

    with pytest.raises(Stopped):
        shelf.fetch(REPO, after_some, stopped)
    assert time.monotonic() - began[0] < 1
    assert_nothing_is_offered(shelf)
    hub.play("")
    hub.requests.clear()
    assert shelf.fetch(REPO).repo == REPO
    assert not large_downloads(hub)  # it lay there whole


def test_a_stop_while_it_is_checked_offers_nothing(hub, shelf, monkeypatch):
    stopped, left = threading.Event(), threading.Event()
    monkeypatch.setattr(shelf_module, "save_foreign", lambda *_: (stopped.set(), left.wait(30)))
    began = time.monotonic()
    with pytest.raises(Stopped):
        shelf.fetch(REPO, None, stopped)
    assert time.monotonic() - began < 10
    left.set()
    assert_nothing_is_offered(shelf)


FOREIGN = {
    "diffusion, flat": (lambda: format_kit.diffusion("flat"), "unet2d"), "diffusion in folders": (lambda: format_kit.diffusion("folders"), "unet2d"),
    "diffusion, an old .bin": (lambda: format_kit.diffusion("flat", old=True), "unet2d"),
    "AutoencoderKL": (format_kit.autoencoder_kl, "autoencoder_kl"), "AutoencoderTiny": (format_kit.autoencoder_tiny, "autoencoder_tiny"),
}


@pytest.mark.parametrize("layout", FOREIGN)
def test_a_foreign_model_is_converted_once_and_is_a_checkpoint_from_then_on(hub, shelf, layout, monkeypatch):
    monkeypatch.setattr(shelf_module, "keep_first_atlas", lambda *_: None)  # its own tests are elsewhere, and it takes seconds
    make, family = FOREIGN[layout]
    hub.add("models", "somebody/foreign", make() | {"large.onnx": bytes(100), "notes/plan.txt": b"not asked for"})
    look, one = shelf.look("somebody/foreign"), shelf.fetch("somebody/foreign")
    there = find(shelf.folder)[one.name]
    assert there.about["family"] == one.format == look.format == family and there.load().image_shape
    assert (there.folder / "model.safetensors").exists() and not list(shelf.folder.rglob("*.bin")) and one.account[:len(look.account)] == look.account
    assert not [request for request in hub.requests if "large" in request or "notes" in request]


# What is refused

AT = [(failure, at) for failure in ("401", "gated", "404", "429", "503", "html", "cut") for at in ("api", "get")
      if (failure, at) not in (("429", "get"), ("cut", "get"))]  # those the client tries again for longer than a test
KINDS = {"401": (PermissionError, "login"), "gated": (PermissionError, "gated"), "404": (FileNotFoundError, "has no ada/small"),
         "429": (ConnectionError, "too many requests"), "503": (ConnectionError, "503"), "html": (ValueError, "not"), "cut": (ConnectionError, "")}


@pytest.mark.parametrize("failure, at", AT, ids=[" at ".join(row) for row in AT])
def test_every_failure_of_the_hub_is_one_sentence_and_offers_nothing(hub, shelf, failure, at, monkeypatch):
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)
    hub.play(failure, at)
    kind, words = KINDS[failure]
    with pytest.raises(kind) as caught:
        shelf.fetch(REPO)
    assert_sentence(caught.value, words)
    assert "models that are here" in str(caught.value)
    assert_nothing_is_offered(shelf)
    hub.play("")
    assert shelf.fetch(REPO).repo == REPO


@pytest.mark.parametrize("at", ["api", "get"])
def test_a_hub_that_hangs_is_left_after_our_own_deadline(hub, shelf, monkeypatch, at):
    monkeypatch.setattr(client, "SILENCE", 0.5)
    hub.play("hang", at)
    with pytest.raises(TimeoutError) as caught:
        shelf.fetch(REPO)
    assert_sentence(caught.value, "in time")


def test_no_network_is_a_sentence(shelf):
    with socket.socket() as nobody:  # bound, but not listening
        nobody.bind(("127.0.0.1", 0))
        away = replace(shelf, hub=Hub(f"http://127.0.0.1:{nobody.getsockname()[1]}"))
        with pytest.raises(ConnectionError) as caught:
            away.fetch(REPO)
    assert_sentence(caught.value, "cannot be reached")


@pytest.mark.parametrize("failure, at", [("wrong size", "api"), ("wrong size", "get"), ("commit changes", "api"), ("commit changes", "get"),
                                         ("html of the same size", "get")])
def test_bytes_that_are_not_those_that_were_listed_are_refused(hub, shelf, failure, at):
    hub.play(failure, at)
    with pytest.raises(ValueError) as caught:
        shelf.fetch(REPO)
    assert_sentence(caught.value, "is not what the Hub says it has")
    assert_nothing_is_offered(shelf)


def test_a_commit_that_comes_between_two_calls_changes_nothing(hub, shelf, small):
    """All is fetched at the commit that was looked at."""
    def newer(done, total, stage):
        if len(hub.repositories["models", REPO].commits) == 1:
            change(hub, model_safetensors=b"something else")
    before = hub.repositories["models", REPO].commit
    one = shelf.fetch(REPO, newer)
    assert one.commit == before and find(shelf.folder)[one.name].hash == small.hash


def test_a_private_repository_needs_its_token_and_nobody_without_one_gets_it(hub, shelf):
    hub.repositories["models", REPO].private = True
    with pytest.raises(FileNotFoundError) as caught:
        shelf.fetch(REPO)
    assert_sentence(caught.value, "or it is private")
    one = replace(shelf, hub=Hub(hub.url, token=TOKEN)).fetch(REPO)
    assert TOKEN not in (shelf.folder / one.name / "source.json").read_text()


def test_too_large_is_refused_before_anything_large_comes(hub, shelf):
    with pytest.raises(ValueError) as caught:
        replace(shelf, largest=1000).fetch(REPO)
    assert_sentence(caught.value, "a fetched model may have 1 kB")
    assert not large_downloads(hub)


def test_a_full_shelf_says_what_can_be_deleted_and_deleting_it_helps(hub, shelf):
    one = shelf.fetch(REPO)
    change_weights(hub, shift)
    small, newer = replace(shelf, room=one.bytes + 1000), f"{REPO}@main"
    hub.requests.clear()
    with pytest.raises(ValueError) as caught:
        small.fetch(newer)
    assert_sentence(caught.value, f"Delete one of them first, for example {one.name}")
    assert not large_downloads(hub)
    small.delete(one.name)
    assert small.fetch(newer).name != one.name


def test_a_short_disk_is_told_before_anything_large_comes(hub, shelf, monkeypatch):
    monkeypatch.setattr(client, "SPARE", 10**18)
    with pytest.raises(OSError) as caught:
        shelf.fetch(REPO)
    assert_sentence(caught.value, "are free")
    assert not large_downloads(hub)


def spoil_nan(weights):
    next(iter(weights.values())).fill_(torch.nan)


def spoil_shape(weights):
    name = next(iter(weights))
    weights[name] = torch.stack([weights[name]] * 2)


def spoil_names(weights):
    weights["more"] = torch.zeros(1)


@pytest.mark.parametrize("spoil", [spoil_nan, spoil_shape, spoil_names])
def test_weights_that_are_not_those_of_the_config_are_never_offered(hub, shelf, spoil):
    change_weights(hub, spoil)
    with pytest.raises(ValueError) as caught:
        shelf.fetch(REPO)
    assert_sentence(caught.value, "")
    assert_nothing_is_offered(shelf)
    assert not list(shelf.folder.rglob("model.safetensors"))


@pytest.mark.parametrize("content", [b"", b"\xff" * 8 + b"{}", b"\x80\x02}q\x00.", b"PK\x03\x04" + bytes(100)])
def test_weights_that_are_no_safetensors_are_never_offered(hub, shelf, content):
    change(hub, model_safetensors=content)
    with pytest.raises(ValueError) as caught:
        shelf.fetch(REPO)
    assert_sentence(caught.value, "")
    assert_nothing_is_offered(shelf)


# The shelf itself

def test_what_is_deleted_is_gone_and_only_what_was_fetched_can_be(hub, shelf):
    one = shelf.fetch(REPO)
    (shelf.folder / "mine").mkdir()
    (shelf.folder / "mine" / "config.json").write_text("{}")
    for name in ("mine", "..", "", f"../{shelf.folder.name}", ".coming", "nothing"):
        with pytest.raises(FileNotFoundError) as caught:
            shelf.delete(name)
        assert_sentence(caught.value, "no fetched model")
    shelf.delete(one.name)
    assert shelf.fetched() == [] and list(find(shelf.folder)) == ["mine"] and not list(shelf.folder.rglob("model.safetensors"))


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"repo": 3}'])
def test_a_damaged_note_is_listed_by_its_name_and_can_be_deleted(hub, shelf, content):
    one = shelf.fetch(REPO)
    (shelf.folder / one.name / "source.json").write_text(content)
    [damaged] = shelf.fetched()
    assert damaged.name == one.name and damaged.repo == "" and "damaged" in damaged.account[0]
    shelf.delete(damaged.name)
    assert shelf.fetched() == []


def test_sizes_are_added_up_while_others_are_at_work(tmp_path):
    (tmp_path / "stays").write_bytes(bytes(1000))
    done, failed = threading.Event(), []

    def come_and_go() -> None:
        while not done.is_set():
            for folder in (tmp_path / "goes" / str(k) for k in range(20)):
                folder.mkdir(parents=True)
                (folder / "file").write_bytes(b"")
            shutil.rmtree(tmp_path / "goes")

    others = threading.Thread(target=come_and_go)
    others.start()
    try:
        for _ in range(300):
            failed += [] if size_of(tmp_path) == 1000 else ["another size"]
    finally:
        done.set()
        others.join()
    assert not failed


def test_a_file_that_something_else_still_holds_open_does_not_cost_the_model(hub, shelf, monkeypatch):
    rmtree = shutil.rmtree

    def held(path, ignore_errors=False, **more):  # as on Windows, where a virus scanner reads what has just come
        if not ignore_errors:
            raise PermissionError(13, "The process cannot access the file", str(path))
        rmtree(path, ignore_errors=True, **more)

    monkeypatch.setattr(shutil, "rmtree", held)
    one = shelf.fetch(REPO)
    shelf.delete(one.name)
    assert shelf.fetched() == []


KILLED = """
import os, sys
from pathlib import Path
from genmodels.hub import Hub, Shelf, shelf
shelf.Checkpoint.load = lambda self: os._exit(9)
Shelf(Path(sys.argv[1]), Hub(sys.argv[2], token=False)).fetch(sys.argv[3])
"""


def test_what_a_killed_process_left_is_cleared_and_its_download_is_used(hub, shelf):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    done = subprocess.run([sys.executable, "-c", KILLED, str(shelf.folder), hub.url, REPO], cwd=Path(__file__).parents[1],
                          env=clean | {"NO_PROXY": "127.0.0.1", "OMP_NUM_THREADS": "1"}, timeout=120)
    assert done.returncode == 9 and list(shelf.folder.rglob("made/*/config.json"))
    assert_nothing_is_offered(shelf)
    hub.add("models", "ada/other", hub.repositories["models", REPO].files)
    shelf.fetch("ada/other")
    assert not list(shelf.folder.rglob("made/*"))
    hub.requests.clear()
    assert shelf.fetch(REPO).repo == REPO and not large_downloads(hub)


def test_where_the_room_is_short_unfinished_downloads_go_first(hub, shelf):
    left = shelf.folder / ".coming" / "ada--other--0123456789ab" / "files"
    left.mkdir(parents=True)
    (left / "model.safetensors").write_bytes(bytes(50_000))
    replace(shelf, room=90_000).fetch(REPO)
    assert not left.exists()


PROGRAM = """
import sys
from pathlib import Path
from genmodels.hub import Shelf
shelf = Shelf(Path(sys.argv[1]))
print(shelf.fetch("ada/small").repo)
try:
    shelf.fetch("ada/other")
except ConnectionError as error:
    print(error)
"""


def test_offline_what_is_there_opens_and_what_is_not_is_a_sentence(hub, shelf):
    shelf.fetch(REPO)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(shelf.folder)], cwd=Path(__file__).parents[1], capture_output=True, text=True,
                          env=clean | {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "1", "NO_PROXY": "127.0.0.1", "OMP_NUM_THREADS": "1"}, timeout=120)
    there, missing = done.stdout.splitlines()
    assert there == REPO and "ada/other is not" in missing and "HF_HUB_OFFLINE" in missing
