"""Nearest training pictures: found by their pixels where the data lies on this computer, and said to be missing where it does not."""

import asyncio
import threading
from base64 import b64decode

import numpy as np
import pytest
import torch
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from genmodels.datasets import DATASETS, Images
from genmodels.ui.live import neighbours
from genmodels.ui.live.neighbours import SHOWN, Known, Neighbours
from genmodels.ui.live.routes import LiveRoutes

from .live_kit import page_files


@pytest.fixture
def ask(engine, tmp_path_factory):
    """Ask for the neighbours of a picture under a model; with a folder of training pictures, or none."""
    assets = page_files(tmp_path_factory.mktemp("assets"))

    def asked(pixels: np.ndarray | bytes, name: str = "vae", source=None, method: str = "POST"):
        routes = LiveRoutes(PlainTextResponse("the page"), engine=engine, assets=assets, roads={"neighbours": Neighbours(engine, source)})
        return TestClient(routes).request(method, f"/live/neighbours/{name}", content=pixels if isinstance(pixels, bytes) else pixels.tobytes())

    return asked


def test_a_training_picture_is_its_own_nearest_with_its_class(ask):
    data = DATASETS["digits"].load("train")
    found = ask(data.pixels[77].permute(1, 2, 0).contiguous().numpy()).json()
    first = found["pictures"][0]
    assert found["among"] == len(data) and len(found["pictures"]) == SHOWN
    assert first["apart"] == 0 and first["names"] == [data.classes[int(data.labels[77])]]
    assert np.array_equal(np.frombuffer(b64decode(first["picture"]), np.uint8), data.pixels[77].numpy().ravel())
    assert [one["apart"] for one in found["pictures"]] == sorted(one["apart"] for one in found["pictures"])


def test_the_distance_is_the_root_mean_square_of_small_pictures():
    pixels = torch.zeros(3, 1, 32, 32, dtype=torch.uint8)
    pixels[1], pixels[2] = 51, 255
    known = Known.of(Images(pixels, torch.tensor([0, 1, 1]), ("dark", "light")))
    found = known.near(np.zeros((1, 32, 32), np.uint8))
    assert [one["row"] for one in found["pictures"]] == [0, 1, 2]
    assert [one["apart"] for one in found["pictures"]] == pytest.approx([0, 0.2, 1])


def test_of_attributes_those_are_named_that_a_picture_has():
    images = Images(torch.zeros(1, 3, 16, 16, dtype=torch.uint8), torch.tensor([0]), ("Smiling", "Hat", "Young"), attributes=torch.tensor([[1.0, -1.0, 0.0]]))
    assert Known.of(images).near(np.zeros((3, 16, 16), np.uint8))["pictures"][0]["names"] == ["Smiling"]


def test_where_the_data_is_not_here_it_says_how_to_bring_it(ask, monkeypatch, tmp_path):
    monkeypatch.setattr(DATASETS["digits"], "FILE", "digits.npz", raising=False)
    picture = np.zeros((8, 8, 1), np.uint8)
    assert "PICTURES=FOLDER" in ask(picture).json()["why"]


def test_a_file_that_cannot_be_read_is_said_and_tried_again(engine, ask, monkeypatch, tmp_path):
    loads = []

    def load(split, source=None):
        loads.append(source)
        raise ValueError(f"{source} holds nothing.")

    monkeypatch.setattr(DATASETS["digits"], "FILE", "digits.npz", raising=False)
    monkeypatch.setattr(DATASETS["digits"], "load", load)
    road = Neighbours(engine, tmp_path)
    for _ in range(2):
        with pytest.raises(ValueError, match="holds nothing"):
            road._of("digits").result(10)
    assert loads == [tmp_path] * 2


@pytest.mark.parametrize(("body", "name", "method", "status"), [
    (b"123", "vae", "POST", 400), (bytes(64), "nobody", "POST", 404), (bytes(64), "vae", "PUT", 405)])
def test_anything_else_is_refused_in_words(ask, body, name, method, status):
    answer = ask(body, name, method=method)
    assert answer.status_code == status and answer.text.endswith(".")


def test_many_pictures_are_compared_piece_by_piece(monkeypatch):
    monkeypatch.setattr(neighbours, "PIECE", 2)
    pixels = torch.arange(5, dtype=torch.uint8).view(5, 1, 1, 1).expand(5, 1, 16, 16).contiguous()
    assert Known.of(Images(pixels, torch.zeros(5, dtype=torch.long), ())).near(np.full((1, 16, 16), 4, np.uint8))["pictures"][0]["row"] == 4


def test_who_leaves_takes_nothing_from_those_who_still_wait(engine, monkeypatch):
    """One load serves everybody who asks meanwhile; that the first one went away does not end it."""
    digits, may = DATASETS["digits"], threading.Event()
    load = digits.load
    monkeypatch.setattr(digits, "load", lambda *which: may.wait(30) and load(*which))
    road, pixels = Neighbours(engine, None), load("train").pixels[3].numpy()

    async def two() -> dict:
        first, second = (asyncio.create_task(road._near("digits", pixels)) for _ in range(2))
        await asyncio.sleep(0.05)
        first.cancel()
        await asyncio.sleep(0.05)
        may.set()
        return await second

    assert asyncio.run(two())["pictures"][0]["row"] == 3
