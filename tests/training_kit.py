"""What the tests of the road of trainings share: the road over a real service, browsers of visitors, and patience."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from genmodels.engine import Engine
from genmodels.train.worker import Service
from genmodels.ui.live.routes import LiveRoutes
from genmodels.ui.live.taking import Taking
from genmodels.ui.live.training import TrainRoad, open_to_asker
from genmodels.ui.visitors import Visitors

from .conftest import save_tiny, tiny_model
from .live_kit import page_files

PATIENCE = 300.0  # seconds: a worker process imports torch first
Visit = Callable[..., TestClient]


@contextmanager
def training(folder: Path) -> Iterator[tuple[Visit, Service, Engine]]:
    """The roads over a service of their own and one public model. The function that is given opens the browser of an address that has been there before."""
    save_tiny(tiny_model("autoencoder"), folder / "public" / "autoencoder")
    service = Service(folder / "data" / "runs", device="cpu")
    engine = Engine(folder / "public", device="cpu", cache=folder / "cache", runs=service.folder, may=open_to_asker(service))
    road = TrainRoad(service, engine)
    app = Visitors(LiveRoutes(PlainTextResponse("the page"), engine=engine, assets=page_files(folder / "assets"),
                              roads={"train": road, "take": Taking(engine)}))
    browsers: dict[str, TestClient] = {}

    def visit(address: str, cookie: bool = True) -> TestClient:
        if not cookie:
            return TestClient(app, client=(address, 1))
        if address not in browsers:
            browsers[address] = TestClient(app, client=(address, 1))
            browsers[address].get("/live/catalogue.json")
        return browsers[address]

    yield visit, service, engine
    road.close()
    engine.close()


def plan(steps: int = 20, family: str = "vae", **recipe) -> dict:
    """The JSON of a tiny plan for the small digits."""
    return {"format": 1, "family": family, "dataset": "digits", "model": {"image_shape": [1, 8, 8], "width": 4, "hidden": 8},
            "recipe": {"stages": [{"steps": steps}], "batch": 50, "precision": "float32"} | recipe}


def started(client: TestClient, said: dict | None = None, **more) -> str:
    answer = client.post("/live/train/start", json={"plan": said or plan()} | more)
    assert answer.status_code == 200, answer.text
    return answer.json()["name"]


def row(client: TestClient, name: str) -> dict:
    [found] = [one for one in client.get("/live/train/runs").json()["runs"] if one["name"] == name]
    return found


def until(client: TestClient, name: str, *states: str, step: int = 0) -> dict:
    """The row of a run, once it is in one of these states and has come to this step."""
    end = time.monotonic() + PATIENCE
    while (found := row(client, name))["state"] not in states or found["step"] < step:
        assert time.monotonic() < end and found["state"] != "failed", found
        time.sleep(0.05)
    return found


def asked(client: TestClient, what: str, **values) -> dict:
    """What the road answers; asked again as long as the worker process is busy, as on a machine that does much else."""
    end = time.monotonic() + PATIENCE
    while "is busy" in (answer := client.post(f"/live/train/{what}", json=values)).text and time.monotonic() < end:
        time.sleep(0.5)
    assert answer.status_code == 200, answer.text
    return answer.json()


def changed(client: TestClient, name: str, what: str, **values) -> dict:
    return asked(client, f"runs/{name}/{what}", **values)


def arrays_of(content: bytes) -> dict[str, np.ndarray]:
    """Arrays as the page reads them."""
    head = json.loads(content[:content.index(b"\n")])
    return {one["name"]: np.frombuffer(content, one["dtype"], int(np.prod(one["shape"])), one["offset"]).reshape(one["shape"]) for one in head["arrays"]}


