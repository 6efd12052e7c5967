"""Publishing: all is shown first, private unless said otherwise, one commit, one sentence per failure, no word of the token, and back again as it was."""

import json
import logging
import threading
import traceback

import numpy as np
import pytest

from genmodels import client
from genmodels.checkpoint import Checkpoint
from genmodels.engine import Engine
from genmodels.hub import Hub, Shelf, Stopped, publishing
from genmodels.hub.__main__ import main
from genmodels.hub.publishing import LICENCES, draft, licences, publish
from genmodels.normal import latents

from .hub_kit import TOKEN, assert_sentence, tiny_checkpoint, with_ada
from .hub_stand_in import Person

REPO = "ada/small"


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Checkpoint:
    """A checkpoint with what an evaluation leaves beside it."""
    small = tiny_checkpoint(tmp_path_factory.mktemp("made") / "small")
    (small.folder / "samples.webp").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    np.savez(small.folder / "atlas.npz", codes=np.zeros((4, 3), np.float16))
    (small.folder / "metrics.json").write_text(json.dumps({"pictures": 100, "mse": 0.125}))
    (small.folder / "notes.txt").write_text("my diary")
    return small


@pytest.fixture
def hub(hub):
    return with_ada(hub)


@pytest.fixture
def ada(hub) -> Hub:
    return Hub(hub.url, token=TOKEN)


@pytest.fixture(scope="module")
def whole(small):
    return draft(small, REPO, licence="mit", title="My first model", words="It dreams of **digits**.", onnx=b"a twin")


def published(hub) -> dict[str, bytes]:
    """What lies in the repository, but for what the Hub puts into every one."""
    return {path: content for path, content in hub.repositories["models", REPO].files.items() if path != ".gitattributes"}


# The draft

def test_a_draft_holds_all_that_will_be_sent_and_nothing_private(whole, small):
    assert set(whole.files) == {"config.json", "model.safetensors", "metrics.json", "atlas.npz", "samples.webp", "decoder.onnx", "README.md"}
    assert whole.files["README.md"].decode() == whole.card and whole.files["decoder.onnx"] == b"a twin"
    assert whole.files["model.safetensors"] == (small.folder / "model.safetensors").read_bytes()
    assert json.loads(whole.files["config.json"]) == small.about | {"licence": "mit"}


def test_a_card_begins_with_front_matter_and_says_how_to_load_it(whole):
    front, card = whole.card.removeprefix("---\n").split("\n---\n", 1)
    assert front.splitlines()[0] == "license: mit" and {"library_name: pytorch", "tags:", "- latent-playground", "- vae"} <= set(front.splitlines())
    assert "pipeline_tag: unconditional-image-generation" in front
    assert card.startswith("# My first model\n\nIt dreams of **digits**.\n")
    for words in (f'load("{REPO}")', f"type `{REPO}`", "![A sheet of pictures made by the model.](samples.webp)", "`decoder.onnx`", "mean squared error",
                  "given under mit"):
        assert words in card
    assert "notes.txt" not in card


def test_a_title_stays_one_line_and_cannot_reach_the_front_matter(small):
    card = draft(small, REPO, licence="mit", title="a\n---\nlicense: none", words="---\nlicense: none\n---").card
    assert card.split("\n---\n")[0].count("license:") == 1 and "# a --- license: none\n" in card


@pytest.mark.parametrize("asked, words", [
    ({"repo": "small"}, "type owner/name"), ({"repo": "ada/../x"}, "type owner/name"), ({"licence": "mine"}, "there are apache-2.0"),
    ({"licence": "mit\ntags: x"}, "no licence"), ({"title": "x" * 121}, "A title may have"), ({"words": "x" * 4001}, "the words about a model")])
def test_what_cannot_be_published_is_said_before_anything_is_sent(hub, small, asked, words):
    with pytest.raises(ValueError) as caught:
        draft(small, **{"repo": REPO, "licence": "mit"} | asked)
    assert_sentence(caught.value, words)
    assert not hub.requests


def test_data_without_commercial_use_leaves_no_licence_that_allows_it(small, monkeypatch):
    assert licences(small) == LICENCES
    monkeypatch.setattr(publishing.card, "terms", lambda checkpoint: ("Faces", "for non-commercial research and education only"))
    assert set(licences(small)) == {"cc-by-nc-4.0", "cc-by-nc-sa-4.0", "other"}
    with pytest.raises(ValueError) as caught:
        draft(small, REPO, licence="mit")
    assert_sentence(caught.value, "without commercial use")
    assert draft(small, REPO, licence="cc-by-nc-4.0").card


def test_a_broken_model_and_somebody_elses_are_not_published(hub, ada, whole, tmp_path):
    broken = tiny_checkpoint(tmp_path / "broken")
    (broken.folder / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(ValueError) as caught:
        draft(broken, REPO, licence="mit")
    assert_sentence(caught.value, "broken: ")
    publish(whole, ada)
    shelf = Shelf(tmp_path / "fetched", ada)
    with pytest.raises(ValueError) as caught:
        draft(Checkpoint(shelf.folder / shelf.fetch(REPO).name), REPO, licence="mit")
    assert_sentence(caught.value, "stays theirs to publish")


# Sending

def test_what_was_drafted_lies_on_the_hub_byte_for_byte_private_unless_said_otherwise(hub, ada, whole):
    seen = []
    done = publish(whole, ada, progress=lambda *told: seen.append(told))
    repository = hub.repositories["models", REPO]
    assert published(hub) == whole.files and repository.private
    assert done.url == f"{hub.url}/{REPO}" and done.commit == repository.commit and not done.late
    total = sum(map(len, whole.files.values()))
    assert seen[-1] == (total, total, "publishing") and [sent for sent, *_ in seen] == sorted(sent for sent, *_ in seen)
    large = sum(len(whole.files[name]) for name in ("model.safetensors", "atlas.npz", "samples.webp", "decoder.onnx"))
    assert (large, total, "bytes") in seen  # the small ones go with the commit


def test_public_is_public_and_an_organisation_may_own_it(hub, ada, small):
    publish(draft(small, "lab/small", licence="mit"), ada, private=False)
    assert not hub.repositories["models", "lab/small"].private


def test_a_published_model_comes_back_with_the_same_pictures(hub, ada, whole, small, tmp_path):
    publish(whole, ada)
    shelf = Shelf(tmp_path / "fetched", ada)
    one = shelf.fetch(REPO)
    back = Checkpoint(shelf.folder / one.name)
    assert back.hash == small.hash and back.about == small.about | {"licence": "mit"}
    engine = Engine(small.folder.parent, shelf.folder, device="cpu")
    z = latents(7, 3, (3,))
    assert np.array_equal(engine.decode("small", z), engine.decode(one.name, z)) and engine.decode(one.name, z).dtype == np.uint8
    engine.close()


def test_an_old_repository_gets_a_commit_on_top_once_that_was_said(hub, ada, whole, small):
    publish(whole, ada)
    first = hub.repositories["models", REPO].commit
    hub.add("models", REPO, hub.repositories["models", REPO].files | {"thoughts.md": b"mine"})
    again = draft(small, REPO, licence="cc0-1.0")
    with pytest.raises(FileExistsError) as caught:
        publish(again, ada)
    assert_sentence(caught.value, f"{REPO} exists already, private, with 9 files")
    done = publish(again, ada, over=True)
    repository = hub.repositories["models", REPO]
    assert done.commit == repository.commit and first in repository.commits
    assert published(hub) == again.files | {"thoughts.md": b"mine"}  # decoder.onnx was that of the older one


def test_a_public_repository_is_never_taken_for_a_private_one(hub, ada, whole):
    hub.add("models", REPO, {".gitattributes": b""})
    with pytest.raises(FileExistsError) as caught:
        publish(whole, ada)
    assert_sentence(caught.value, "exists already, public")


def test_an_empty_repository_that_an_earlier_try_left_is_filled(hub, ada, whole):
    hub.play("503", "verify")
    with pytest.raises(ConnectionError):
        publish_without_patience(whole, ada)
    hub.play("")
    publish(whole, ada)
    assert published(hub) == whole.files


def publish_without_patience(whole, hub, **settings):
    """The client's own retries sleep for seconds; here they do not."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)
        return publish(whole, hub, **settings)


FAILURES = {"401": PermissionError, "403": PermissionError, "429": ConnectionError, "503": ConnectionError, "cut": ConnectionError,
            "html": (ValueError, ConnectionError)}
STEPS = [(failure, at) for at in ("whoami", "api", "create", "preupload", "batch", "put", "verify", "commit") for failure in FAILURES
         if (failure, at) not in (("html", "put"), ("html", "verify"))  # there the client reads the status alone
         and (failure not in ("403", "429") or at in ("create", "commit"))]


@pytest.mark.parametrize("failure, at", STEPS, ids=[" at ".join(step) for step in STEPS])
def test_every_failure_at_every_step_is_a_sentence_without_the_token_and_publishes_nothing(hub, ada, whole, failure, at, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    hub.play(failure, at)
    with pytest.raises(FAILURES[failure]) as caught:
        publish_without_patience(whole, ada)
    assert_sentence(caught.value, "")
    assert TOKEN in hub.tokens and TOKEN not in "".join(traceback.format_exception(caught.value)) + caplog.text + "".join(capfd.readouterr())
    assert set(published(hub) if ("models", REPO) in hub.repositories else ()) == set()
    hub.play("")
    assert publish(whole, ada).commit and published(hub) == whole.files


@pytest.mark.parametrize("failure, at, kind, words", [
    ("409", "create", FileExistsError, "choose another name"), ("412", "commit", ConnectionError, "at the same moment"),
    ("403", "create", PermissionError, "the right to write"), ("503", "put", ConnectionError, "is there and still empty"),
    ("cut", "commit", ConnectionError, "may be published all the same")])
def test_a_failure_says_how_things_stand(hub, ada, whole, failure, at, kind, words):
    hub.play(failure, at)
    with pytest.raises(kind) as caught:
        publish_without_patience(whole, ada)
    assert_sentence(caught.value, words)


@pytest.mark.parametrize("at", ["whoami", "create", "preupload", "batch", "put", "commit"])
def test_a_hub_that_hangs_is_left(hub, ada, whole, monkeypatch, at):
    monkeypatch.setattr(client, "SILENCE", 0.5)
    hub.play("hang", at)
    with pytest.raises(TimeoutError) as caught:
        publish(whole, ada)
    assert_sentence(caught.value, "in time")


def test_nobody_somebody_else_and_a_reading_token_publish_nothing(hub, whole, monkeypatch):
    monkeypatch.setattr("huggingface_hub.hf_api.get_token", lambda: None)
    with pytest.raises(PermissionError) as caught:
        publish(whole, Hub(hub.url))
    assert_sentence(caught.value, "Nobody is logged in")
    hub.people |= {"token-of-bob": Person("bob"), "reading-token": Person("ada", writes=False)}
    with pytest.raises(PermissionError) as caught:
        publish(whole, Hub(hub.url, token="token-of-bob"))
    assert_sentence(caught.value, "You are logged in as bob: what you publish is called bob/…")
    with pytest.raises(PermissionError) as caught:
        publish(whole, Hub(hub.url, token="reading-token"))
    assert_sentence(caught.value, "the right to write")
    assert not hub.repositories


@pytest.mark.parametrize("at", ["whoami", "create", "put", "verify"])
def test_a_stop_before_the_commit_publishes_nothing(hub, ada, whole, at):
    hub.play("hang", at)
    stopped = threading.Event()
    threading.Timer(0.5, stopped.set).start()
    with pytest.raises(Stopped) as caught:
        publish(whole, ada, stopped=stopped)
    assert str(caught.value).endswith(".") and ("empty" in str(caught.value)) == (at in ("put", "verify"))
    assert not [request for request in hub.requests if "/commit/" in request]


def test_a_stop_after_the_commit_is_too_late_and_says_so(hub, ada, whole):
    stopped = threading.Event()
    done = publish(whole, ada, progress=lambda done, total, stage: stage == "publishing" and stopped.set(), stopped=stopped)
    assert done.late and done.commit == hub.repositories["models", REPO].commit


def test_the_token_stands_in_no_log_and_no_file(hub, ada, whole, caplog, capfd, tmp_path):
    caplog.set_level(logging.DEBUG)
    publish(whole, ada)
    Shelf(tmp_path / "fetched", ada).fetch(REPO)
    assert caplog.records and TOKEN in hub.tokens and TOKEN not in caplog.text + "".join(capfd.readouterr())
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]


# The command line

@pytest.fixture
def command(hub, tmp_path, monkeypatch, capsys):
    """python -m genmodels.hub, as ada; gives the exit status and what was printed to either side."""
    monkeypatch.setattr("genmodels.hub.__main__.Hub", lambda: Hub(hub.url, token=TOKEN))

    def command(*arguments: str) -> tuple[int, str, str]:
        return main(["--shelf", str(tmp_path / "fetched"), *arguments]), *capsys.readouterr()
    return command


def test_commands_publish_look_fetch_list_and_delete(command, hub, small):
    status, said, _ = command("publish", str(small.folder), REPO, "--licence", "mit", "--title", "Mine", "--yes", "--public")
    assert status == 0 and "# Mine" in said and "model.safetensors" in said and hub.url in said
    assert not hub.repositories["models", REPO].private and "decoder.onnx" in published(hub)
    commit = hub.repositories["models", REPO].commit
    assert commit in command("look", REPO)[1]
    status, said, _ = command("fetch", REPO)
    assert status == 0 and commit in said
    assert "here already" in command("fetch", REPO)[1]
    name = f"ada--small--{commit[:12]}"
    assert name in command("list")[1]
    assert command("delete", name)[0] == 0 and "0 fetched" in command("list")[1]


def test_a_command_that_cannot_be_done_says_so_and_returns_2(command, small, hub):
    for arguments in (("look", "nobody/nothing"), ("fetch", "no name"), ("delete", "nothing"), ("publish", "nothing", REPO, "--licence", "mit"),
                      ("publish", str(small.folder), "bob/x", "--licence", "mit", "--yes", "--no-onnx")):
        status, _, error = command(*arguments)
        assert status == 2 and error.endswith(".\n") and "Traceback" not in error and TOKEN not in error
    assert not hub.repositories


@pytest.mark.parametrize("answer, status", [("n", 1), ("", 1), ("y", 0), (EOFError, 1)])
def test_publishing_asks_first(command, hub, small, monkeypatch, answer, status):
    def asked(question):
        if answer is EOFError:
            raise EOFError
        return answer
    monkeypatch.setattr("builtins.input", asked)
    assert command("publish", str(small.folder), REPO, "--licence", "mit", "--no-onnx")[0] == status
    assert bool(hub.repositories) == (status == 0)
