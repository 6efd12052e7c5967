"""Datasets from the Hub: the real client against a stand-in on this machine, when all is well and in every failure."""

import io
import os
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import huggingface_hub
import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from PIL import Image

from genmodels import client
from genmodels.datasets import _hub
from genmodels.datasets._hub import load_parquet

from .conftest import DIGITS
from .hub_kit import assert_sentence

REPO = "ylecun/mnist"
PICTURES = np.random.default_rng(0).integers(0, 256, (40, 28, 28), np.uint8)
LABELS = np.arange(40) % 10


def png(picture: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return buffer.getvalue()


def table(pictures, labels=LABELS, encode=png) -> bytes:
    """A parquet file as the Hub has them: image is a struct of bytes and path, label is int64."""
    images = [{"bytes": encode(picture), "path": f"{index}.png"} for index, picture in enumerate(pictures)]
    columns = {"image": pa.array(images, pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
               "label": pa.array(labels[:len(images)], pa.int64())}
    buffer = io.BytesIO()
    parquet.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


def files(folder: str = "mnist") -> dict[str, bytes]:
    return {f"{folder}/train-00000-of-00001.parquet": table(PICTURES[:30]),
            f"{folder}/test-00000-of-00001.parquet": table(PICTURES[30:], LABELS[30:]), "README.md": b"about"}


@pytest.fixture
def hub(hub):
    hub.add("datasets", REPO, files())
    return hub


@pytest.fixture
def load(hub, tmp_path):
    """load_parquet from the stand-in, into an empty cache."""
    def load(split="train", repo=REPO, **more):
        return load_parquet(repo, DIGITS, split, **{"cache": tmp_path / "cache", "endpoint": hub.url, **more})
    return load


def test_both_layouts_give_the_pictures_that_went_in(hub, load):
    hub.add("datasets", "zalando-datasets/fashion_mnist", files("fashion_mnist"))
    for repo in (REPO, "zalando-datasets/fashion_mnist"):
        train, test = load("train", repo), load("test", repo)
        assert np.array_equal(train.pixels[:, 0].numpy(), PICTURES[:30]) and np.array_equal(test.pixels[:, 0].numpy(), PICTURES[30:])
        assert train.labels.tolist() == LABELS[:30].tolist() and train.classes == DIGITS


def test_shards_are_joined_in_order_and_colour_stays_colour(hub, load):
    colour = np.random.default_rng(1).integers(0, 256, (6, 8, 9, 3), np.uint8)
    hub.add("datasets", REPO, {f"data/train-0000{i}-of-00003.parquet": table(colour[2 * i:2 * i + 2], LABELS[2 * i:2 * i + 2]) for i in (2, 0, 1)})
    train = load()
    assert np.array_equal(train.pixels.permute(0, 2, 3, 1).numpy(), colour) and train.labels.tolist() == [0, 1, 2, 3, 4, 5]


def test_only_the_split_that_is_asked_for_is_downloaded_and_at_one_commit(hub, load):
    commit = hub.repositories["datasets", REPO].commit
    load("test")
    downloads = [request for request in hub.requests if request.startswith("GET /datasets/")]
    assert downloads == [f"GET /datasets/{REPO}/resolve/{commit}/mnist/test-00000-of-00001.parquet"]


def test_what_is_cached_is_loaded_without_a_question_even_with_no_hub(hub, load):
    first = load()
    asked = len(hub.requests)
    assert (load().pixels == first.pixels).all() and len(hub.requests) == asked
    assert (load(endpoint="http://127.0.0.1:9").pixels == first.pixels).all()


def test_progress_counts_bytes_then_pictures_to_the_end(hub, load):
    seen = []
    load(progress=lambda *told: seen.append(told))
    size = len(files()["mnist/train-00000-of-00001.parquet"])
    assert (size, size, "bytes") in seen and seen[-1] == (30, 30, "pictures")
    again = []
    load(progress=lambda *told: again.append(told))
    assert again[-1] == (30, 30, "pictures") and {unit for *_, unit in again} == {"pictures"}  # from the cache


REFUSED = [("401", PermissionError, "login"), ("gated", PermissionError, "gated"), ("404", FileNotFoundError, "has no ylecun/mnist"),
           ("429", ConnectionError, "too many requests"), ("503", ConnectionError, "503"), ("html", (ValueError, ConnectionError), "")]


AT = [(at, *row) for row in REFUSED for at in ("api", "head", "get") if (row[0], at) != ("429", "get")]  # that one the client tries again itself


@pytest.mark.parametrize("at, failure, kind, words", AT, ids=[f"{row[1]} {row[0]}" for row in AT])
def test_a_refusal_is_one_sentence_and_leaves_nothing_behind(hub, load, at, failure, kind, words):
    hub.play(failure, at)
    with pytest.raises(kind) as caught:
        load()
    assert_sentence(caught.value, words)
    assert not isinstance(caught.value, TimeoutError)  # the answer itself was understood
    hub.play("")
    assert len(load()) == 30  # and the next try works


@pytest.mark.parametrize("at, failure", [("api", "hang"), ("head", "hang"), ("get", "hang"), ("get", "429")])
def test_a_hub_that_keeps_us_waiting_is_left_after_our_own_deadline(hub, load, monkeypatch, at, failure):
    monkeypatch.setattr(client, "SILENCE", 0.5)
    hub.play(failure, at, Retry_After="600")
    with pytest.raises(TimeoutError) as caught:
        load()
    assert_sentence(caught.value, "in time")


def test_a_download_that_trickles_on_for_ever_is_left_too(hub, load, monkeypatch):
    hub.add("datasets", REPO, {"mnist/train-00000-of-00001.parquet": b"x" * 2_000_000})
    hub.play("slow", "get")
    monkeypatch.setattr(client, "SLOWEST", 10**12)
    with pytest.raises(TimeoutError, match="more bytes"):
        load(progress=lambda done, total, unit: monkeypatch.setattr(client, "DEADLINE", 0.0))  # over as soon as bytes come


def test_a_slow_hub_that_keeps_sending_is_waited_for(hub, load, monkeypatch):
    monkeypatch.setattr(client, "SILENCE", 10.0)
    hub.play("slow", "get")
    assert len(load()) == 30


def test_a_download_cut_once_goes_on_and_one_cut_for_ever_is_a_sentence(hub, load, monkeypatch):
    patient = huggingface_hub.file_download.time
    monkeypatch.setattr(huggingface_hub.file_download, "time", SimpleNamespace(**vars(patient) | {"sleep": lambda seconds: None}))
    hub.play("cut once", "get")
    assert np.array_equal(load().pixels[:, 0].numpy(), PICTURES[:30])
    hub.play("cut", "get")
    with pytest.raises(ConnectionError) as caught:
        load("test")
    assert_sentence(caught.value, "broke off")


def test_a_login_page_as_large_as_the_file_is_found_out_and_not_kept(hub, load):
    hub.play("html of the same size", "get")
    with pytest.raises(ValueError) as caught:
        load()
    assert_sentence(caught.value, "not a readable parquet file")
    hub.play("")
    assert len(load()) == 30


def test_no_network_is_a_sentence(load):
    with socket.socket() as nobody:  # bound, but not listening
        nobody.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectionError) as caught:
            load(endpoint=f"http://127.0.0.1:{nobody.getsockname()[1]}")
    assert_sentence(caught.value, "cannot be reached")


def test_size_is_asked_first_and_too_large_or_no_room_is_refused_before_a_byte_comes(hub, load, monkeypatch):
    monkeypatch.setattr(_hub, "LIMIT", 100)
    with pytest.raises(ValueError) as caught:
        load()
    assert_sentence(caught.value, "the limit is")
    monkeypatch.setattr(_hub, "LIMIT", 10**9)
    monkeypatch.setattr(client, "SPARE", 10**18)
    with pytest.raises(OSError) as caught:
        load()
    assert_sentence(caught.value, "are free")
    assert not [request for request in hub.requests if request.startswith("GET /datasets/")]


@pytest.mark.parametrize("names", [["mnist/train-00001-of-00002.parquet"], ["a/train-00000-of-00001.parquet", "b/train-00000-of-00001.parquet"],
                                   ["train.parquet"], ["mnist/test-00000-of-00001.parquet"]])
def test_a_repository_without_one_whole_set_is_refused(hub, load, names):
    hub.add("datasets", REPO, {name: table(PICTURES[:3]) for name in names})
    with pytest.raises(ValueError) as caught:
        load()
    assert_sentence(caught.value, "no whole set")


def jpeg(picture: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG")
    return buffer.getvalue()


WRONG = {
    "no column": (lambda: _written(pa.table({"picture": [1]})), "columns picture"),
    "pictures as text": (lambda: _written(pa.table({"image": ["x"], "label": [1]})), "columns image"),
    "labels as text": (lambda: table(PICTURES[:2]).replace(b"label", b"lapel"), ""),
    "label too high": (lambda: table(PICTURES[:2], np.array([3, 10])), "10 classes"),
    "label negative": (lambda: table(PICTURES[:2], np.array([3, -1])), "10 classes"),
    "no pictures": (lambda: table(PICTURES[:0]), "0 pictures"),
    "not a PNG": (lambda: table(PICTURES[:2], encode=jpeg), "no readable PNG"),
    "a cut PNG": (lambda: table(PICTURES[:2], encode=lambda picture: png(picture)[:-30]), "no readable PNG"),
    "shapes differ": (lambda: table([PICTURES[0], PICTURES[1, :5]]), "the first one was"),
    "a huge picture": (lambda: table([np.zeros((2000, 2), np.uint8)]), "2x2000"),
    "sixteen bits": (lambda: table([PICTURES[0].astype(np.uint16)]), "mode I;16"),
}


def _written(columns: pa.Table) -> bytes:
    buffer = io.BytesIO()
    parquet.write_table(columns, buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("case", WRONG)
def test_wrong_content_is_a_sentence(hub, load, case):
    content, words = WRONG[case]
    hub.add("datasets", REPO, {"mnist/train-00000-of-00001.parquet": content()})
    with pytest.raises(ValueError) as caught:
        load()
    assert_sentence(caught.value, words)


PROGRAM = """
import os, sys
from genmodels.datasets import DATASETS
print(len(DATASETS["mnist"].load("test")), flush=True)
os.environ["HF_HUB_OFFLINE"] = sys.stdin.readline().strip()
for name in [name for name in sys.modules if name.startswith("huggingface_hub") or name in ("genmodels.client", "genmodels.datasets._hub")]:
    del sys.modules[name]  # the client reads its variables when it is imported
for split in ("test", "train"):
    try:
        print(len(DATASETS["mnist"].load(split)))
    except ConnectionError as error:
        print(error)
"""


def test_the_clients_own_variables_lead_to_the_hub_and_then_to_the_cache_alone(hub, tmp_path):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    variables = clean | {"HF_HOME": str(tmp_path), "NO_PROXY": "127.0.0.1", "OMP_NUM_THREADS": "1", "HF_ENDPOINT": hub.url}
    with subprocess.Popen([sys.executable, "-c", PROGRAM], env=variables, cwd=Path(__file__).parents[1],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout.readline() == "10\n"
        asked = len(hub.requests)
        cached, missing = program.communicate("1\n", timeout=120)[0].splitlines()
    assert asked and cached == "10" and len(hub.requests) == asked
    assert missing.startswith("ylecun/mnist is not in the cache and HF_HUB_OFFLINE forbids")
