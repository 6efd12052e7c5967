"""The Hub's client with patience: names, what is read and brought is what was listed, a cut goes on, a stop is quick, a token is never shown."""

import threading
import time

import pytest
from huggingface_hub.errors import HTTPError

from genmodels import client
from genmodels.client import Hub, Repository, Stopped, address

from .hub_kit import TOKEN, assert_sentence, with_ada

REPO = "ada/small"
FILES = {"config.json": b'{"a": 1}', "unet/weights.safetensors": bytes(range(256)) * 1600}  # 409,600 bytes: seven pieces
SIZES = {path: len(content) for path, content in FILES.items()}


@pytest.fixture
def hub(hub):
    hub.add("models", REPO, FILES)
    return with_ada(hub)


@pytest.fixture
def repository(hub):
    """The repository, asked by nobody in particular, its files listed."""
    def repository(token=False, **settings):
        return Repository(Hub(hub.url, token=token), REPO, **settings)
    return repository


@pytest.fixture
def bring(hub, repository, tmp_path):
    """Bring all files into one folder, by a new conversation each time."""
    def bring(**settings):
        asked = repository(**settings)
        commit, sizes = asked.files()
        return asked.bring(commit, sizes, tmp_path / "files")
    return bring


@pytest.mark.parametrize("text, name, revision", [
    ("google/ddpm-cifar10-32", "google/ddpm-cifar10-32", None), (" a/b ", "a/b", None), ("a/b@main", "a/b", "main"),
    ("a/b@refs/pr/7", "a/b", "refs/pr/7"), ("A.1/b_c.d@v1.0", "A.1/b_c.d", "v1.0")])
def test_an_address_is_a_name_with_or_without_a_revision(text, name, revision):
    assert address(text) == (name, revision)


@pytest.mark.parametrize("text", ["", "a", "a/b/c", "../b", "a/..", "a/b..c", "a//b", "/a/b", "a/b@", "a/b@../../x", "a/b@-x", "a/b@a..b", "a\nb/c", "a/b c",
                                  "a/" + "b" * 97, "ä/b", "https://huggingface.co/a", "a/b@" + "/".join("abcde"), "C:\\a/b", "a/b@a@b"])
def test_whatever_else_is_refused_in_words(text):
    with pytest.raises(ValueError) as caught:
        address(text)
    assert_sentence(caught.value, "is no")


def test_the_address_of_a_page_is_answered_with_the_name_in_it():
    with pytest.raises(ValueError, match="type google/ddpm-cifar10-32"):
        address("https://huggingface.co/google/ddpm-cifar10-32/tree/main")


def test_a_token_is_not_shown_and_one_that_is_none_is_not_repeated():
    assert TOKEN not in repr(Hub(token=TOKEN))
    for wrong in ("two words", "line\nbreak", "ünicode", ""):
        with pytest.raises(ValueError) as caught:
            Hub(token=wrong)
        assert "no token" in str(caught.value) and (not wrong or wrong not in str(caught.value))


def test_a_commit_is_known_once_and_its_files_are_read_and_brought_as_they_are(hub, repository, bring):
    asked = repository()
    commit, sizes = asked.files()
    assert commit == hub.repositories["models", REPO].commit and sizes == SIZES
    hub.add("models", REPO, {"config.json": b"newer"})
    assert asked.read(commit, {"config.json": sizes["config.json"]}) == {"config.json": FILES["config.json"]}
    assert repository().files(commit) == (commit, SIZES) and repository().files("main")[1] == {"config.json": 5}


def test_files_are_brought_under_their_paths_with_true_progress(bring):
    seen = []
    brought = bring(progress=lambda *told: seen.append(told))
    assert {path: file.read_bytes() for path, file in brought.items()} == FILES
    total = sum(SIZES.values())
    assert seen[-1] == (total, total, "bytes") and [done for done, *_ in seen] == sorted(done for done, *_ in seen)


def test_what_came_before_a_cut_is_not_fetched_again(hub, bring, tmp_path):
    part = tmp_path / "files" / "unet" / "weights.safetensors"
    part.parent.mkdir(parents=True)
    part.write_bytes(FILES["unet/weights.safetensors"][:200_000])
    seen = []
    hub.play("slow", "get")
    assert bring(progress=lambda *told: seen.append(told))["unet/weights.safetensors"].read_bytes() == FILES["unet/weights.safetensors"]
    assert 200_000 < min(done for done, *_ in seen if done > SIZES["config.json"])  # it begins where it ended
    hub.requests.clear()
    bring()
    assert not [request for request in hub.requests if "resolve" in request]  # and what is whole is not asked for


def test_a_download_that_is_cut_goes_on_by_itself(hub, bring):
    hub.play("cut once", "get")
    assert bring()["unet/weights.safetensors"].read_bytes() == FILES["unet/weights.safetensors"]


def test_a_stop_takes_less_than_a_second_and_the_next_try_goes_on(hub, bring, tmp_path):
    hub.play("slow", "get")
    stopped, began = threading.Event(), []

    def after_some(done, total, unit):
        if done > 70_000 and not began:
            began.append(time.monotonic())
            stopped.set()

    with pytest.raises(Stopped):
        bring(progress=after_some, stopped=stopped)
    assert time.monotonic() - began[0] < 1
    hub.play("")
    assert bring()["unet/weights.safetensors"].read_bytes() == FILES["unet/weights.safetensors"]


UNLIKE = [("html", "get"), ("html of the same size", "get"), ("wrong size", "get"), ("wrong size", "api"), ("commit changes", "get"), ("commit changes", "api")]


@pytest.mark.parametrize("failure, at", UNLIKE, ids=[" at ".join(row) for row in UNLIKE])
def test_what_is_not_what_was_listed_is_refused_and_not_kept(hub, bring, failure, at):
    hub.play(failure, at)
    with pytest.raises(ValueError) as caught:
        bring()
    assert_sentence(caught.value, "is not what the Hub says it has")
    hub.play("")
    assert {path: file.read_bytes() for path, file in bring().items()} == FILES


@pytest.mark.parametrize("path", ["../outside.json", "/etc/passwd", "a/../../b.json", "C:/x.json", "a\\b.json", "a/./../b"])
def test_a_path_that_leads_elsewhere_is_never_written(hub, repository, tmp_path, path):
    hub.add("models", REPO, {path: b"{}"})
    asked = repository()
    commit, sizes = asked.files()
    with pytest.raises(ValueError) as caught:
        asked.bring(commit, sizes, tmp_path / "files")
    assert_sentence(caught.value, "no name for a file")
    assert not [file for file in tmp_path.rglob("*") if file.is_file()]


def test_a_file_that_lies_on_another_machine_comes_from_there_and_the_token_does_not_go_there(hub, bring):
    hub.play("elsewhere", "get")
    assert {path: file.read_bytes() for path, file in bring(token=TOKEN).items()} == FILES
    there = [token for request, token in zip(hub.requests, hub.tokens, strict=True) if "elsewhere" in request]
    assert len(there) == len(FILES) and set(there) == {""} and TOKEN in hub.tokens


def test_a_private_repository_is_seen_by_whom_it_belongs_to_alone(hub, bring):
    hub.repositories["models", REPO].private = True
    with pytest.raises(FileNotFoundError) as caught:
        bring()
    assert_sentence(caught.value, "or it is private")
    assert {path: file.read_bytes() for path, file in bring(token=TOKEN).items()} == FILES
    with pytest.raises(PermissionError) as caught:
        bring(token="nobody-has-this")
    assert_sentence(caught.value, "does not accept your login")


def test_a_revision_that_is_not_there_is_a_sentence(repository):
    for revision in ("nothing-of-the-kind", "0" * 40):
        with pytest.raises(FileNotFoundError) as caught:
            repository().files(revision)
        assert_sentence(caught.value, "no such revision")


def test_no_room_on_the_disk_is_told_before_a_byte_comes(hub, bring, monkeypatch):
    monkeypatch.setattr(client, "SPARE", 10**18)
    with pytest.raises(OSError) as caught:
        bring()
    assert_sentence(caught.value, "are free")
    assert not [request for request in hub.requests if "resolve" in request]


def test_what_nobody_waits_for_asks_the_hub_nothing_more(hub, repository):
    asked, stopped, over = repository(), threading.Event(), threading.Event()
    asked.stopped = stopped

    def two_questions():
        api = asked.hub.api()
        api.model_info(REPO)
        stopped.set()
        while not asked.meter.abandoned:
            time.sleep(0.01)
        try:
            api.model_info(REPO)
        finally:
            over.set()

    with pytest.raises(Stopped):
        asked.ask(two_questions)
    assert over.wait(30) and len(hub.requests) == 1


def test_an_error_that_quotes_a_token_is_told_without_it(repository):
    error = repository().in_words(HTTPError(f"Illegal header value b'Bearer {TOKEN}'"))
    assert_sentence(error, "cannot be reached")


def test_an_error_that_is_not_the_hubs_stays_what_it_is(repository):
    def broken():
        raise RuntimeError("ours")
    with pytest.raises(RuntimeError) as caught:
        repository().ask(broken)
    assert caught.value.__cause__ is None
