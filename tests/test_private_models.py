"""The model of somebody's training: found by its owner on every road, by others only while it is shared, and listed nowhere."""

import asyncio
from collections.abc import Iterator

import gradio as gr
import numpy as np
import pytest
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from genmodels.engine import Engine
from genmodels.train.runs import Run
from genmodels.ui.endpoints import endpoints
from genmodels.ui.live.cleaning import Cleaning
from genmodels.ui.live.intake import Intake
from genmodels.ui.live.neighbours import Neighbours
from genmodels.ui.live.path import NoiseRoad, PathRoad
from genmodels.ui.live.routes import LiveRoutes
from genmodels.ui.live.taking import Taking
from genmodels.ui.live.workshop import Workshop
from genmodels.ui.ready import Ready
from genmodels.ui.serve import launch
from genmodels.ui.visitors import Visitors, asked_by, asking, visitor

from .conftest import digits_plan, save_tiny, tiny_model
from .engine_kit import save_classifier
from .live_kit import CODES, catalogue, page_files

NAME, STEPPED, NOBODYS = "digits-vae-0123456789abcdef", "digits-diffusion-0123456789abcdef", "mine"
Z, PIXELS = np.zeros(3, "<f4").tobytes(), bytes(64)


class Owners:
    """Who may use which run: its owner, and everybody while it is shared."""

    def __init__(self):
        self.owner, self.shared = "", False

    def may(self, name: str) -> bool:
        who = asking()
        return name in (NAME, STEPPED) and (self.shared or who is not None and who.key == self.owner)


@pytest.fixture(scope="module")
def owners() -> Owners:
    return Owners()


@pytest.fixture(scope="module")
def engine(owners, tmp_path_factory) -> Iterator[Engine]:
    """A public model and a classifier, two runs of people, and one that somebody trains by hand in the same folder."""
    folder = tmp_path_factory.mktemp("private")
    save_tiny(tiny_model("autoencoder"), folder / "public" / "autoencoder")
    save_classifier(folder / "public" / "digits-classifier")
    for name, family in ((NAME, "vae"), (STEPPED, "diffusion"), (NOBODYS, "vae")):
        run = Run.create(folder / "runs" / name, digits_plan(), owner="somebody" if name != NOBODYS else "")
        save_tiny(tiny_model(family, **({"steps": 2} if family == "diffusion" else {})), run.folder / "checkpoint")
        np.savez(run.folder / "checkpoint" / "atlas.npz", codes=CODES.astype(np.float16), labels=np.arange(20, dtype=np.uint8) % 10,
                 xy=CODES[:, :2].astype(np.float16), axes=np.eye(2, 3, dtype=np.float32), centre=np.zeros(3, np.float32), reach=np.float32(2.5))
    engine = Engine(folder / "public", device="cpu", cache=folder / "cache", runs=folder / "runs", may=owners.may)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def app(engine, tmp_path_factory):
    own = Intake(engine)
    roads = {"take": Taking(engine), "directions": Workshop(engine), "own": own, "clean": Cleaning(engine), "neighbours": Neighbours(engine, None),
             "path": PathRoad(engine), "noise": NoiseRoad(engine)}
    folder = tmp_path_factory.mktemp("page")
    yield Visitors(Ready(LiveRoutes(PlainTextResponse("the page"), engine=engine, assets=page_files(folder / "assets"), roads=roads), folder / "ready"))
    own.close()


@pytest.fixture
def ada(app, owners) -> TestClient:
    """The browser of whoever trained them."""
    browser = TestClient(app, client=("192.168.0.7", 1))
    owners.owner, owners.shared = browser.get("/live/catalogue.json").cookies["latent-playground"].split(".")[0], False
    return browser


@pytest.fixture
def ben(app) -> TestClient:
    browser = TestClient(app, client=("192.168.0.8", 1))
    browser.get("/live/catalogue.json")
    return browser


ROADS = {
    "prior": lambda c, name: c.get(f"/live/prior/{name}?n=1&seed=1"),
    "decode": lambda c, name: c.post(f"/live/decode/{name}?n=1", content=Z),
    "encode": lambda c, name: c.post(f"/live/encode/{name}?n=1", content=PIXELS),
    "invert": lambda c, name: c.post(f"/live/invert/{name}?n=1", content=PIXELS),
    "take": lambda c, name: c.get(f"/live/take/{name}.zip"),
    "leakage": lambda c, name: c.get(f"/live/directions/leakage/{name}"),
    "fit": lambda c, name: c.post(f"/live/directions/fit/{name}?plus=3&minus=3", content=np.random.default_rng(0).normal(size=18).astype("<f4").tobytes()),
    "prepare": lambda c, name: c.post(f"/live/own/prepare/{name}", content=c.get("/live/own/astronaut.png").content),
    "read": lambda c, name: c.post(f"/live/own/read/{name}", content=PIXELS),
    "refine": lambda c, name: c.post(f"/live/own/refine/{name}", content=PIXELS),
    "repair": lambda c, name: c.post(f"/live/own/repair/{name}?factor=2", content=PIXELS),
    "clean": lambda c, name: c.post(f"/live/clean/{name}?by=median:3", content=PIXELS),
    "clean by": lambda c, name: c.post(f"/live/clean/autoencoder?by={name}", content=PIXELS),
    "neighbours": lambda c, name: c.post(f"/live/neighbours/{name}", content=PIXELS),
}
MANY_STEPS = {
    "path": lambda c, name: c.post(f"/live/path/{name}?steps=2", content=np.zeros(64, "<f4").tobytes()),
    "noise": lambda c, name: c.post(f"/live/noise/{name}?steps=2", content=PIXELS),
}
EVERY = [(road, ask, NAME) for road, ask in ROADS.items()] + [(road, ask, STEPPED) for road, ask in MANY_STEPS.items()]


@pytest.mark.parametrize("ask, name", [row[1:] for row in EVERY], ids=[row[0] for row in EVERY])
def test_others_get_a_404_as_if_it_were_not_there_until_it_is_shared_and_again_afterwards(ask, name, ada, ben, owners):
    assert ask(ada, name).status_code == 200
    refused, unknown = ask(ben, name), ask(ben, "digits-vae-fedcba9876543210")
    assert refused.status_code == unknown.status_code == 404
    assert refused.text == unknown.text.replace("digits-vae-fedcba9876543210", name) and NAME not in unknown.text
    owners.shared = True
    assert ask(ben, name).status_code == 200
    owners.shared = False
    assert ask(ben, name).status_code == 404 and ask(ada, name).status_code == 200


def files(engine: Engine) -> list[str]:
    from genmodels.ui.live.catalogue import address
    return [address(engine, NAME, file) for file in ("atlas.bin", "decoder.onnx")]


def test_its_files_are_kept_by_nobody_on_the_way_and_asked_for_each_time(ada, ben, engine, owners):
    owners.shared = True
    addresses = files(engine)
    for place in addresses:
        answer = ben.get(place)
        assert answer.status_code == 200 and answer.headers["cache-control"] == "private, no-cache"
        assert ben.get(place, headers={"If-None-Match": answer.headers["etag"]}).status_code == 304
    owners.shared = False
    for place in addresses:
        assert ben.get(place, headers={"If-None-Match": answer.headers["etag"]}).status_code == 404
        assert ada.get(place).status_code == 200


def test_a_web_socket_is_answered_as_long_as_its_visitor_may(ada, ben, owners):
    owners.shared = True
    with ben.websocket_connect(f"/live/decode/{NAME}") as socket:
        socket.send_bytes(Z)
        assert len(socket.receive_bytes()) == 64
        owners.shared = False
        socket.send_bytes(Z)
        assert NAME in socket.receive_text()
    with ada.websocket_connect(f"/live/decode/{NAME}") as socket:
        socket.send_bytes(Z)
        assert len(socket.receive_bytes()) == 64


def test_it_is_listed_nowhere(ada, engine, owners):
    owners.shared = True
    assert [model["name"] for model in catalogue(ada)["models"]] == ["autoencoder"]
    assert engine.names() == ["autoencoder"] and set(engine.folders()) == {"autoencoder", "digits-classifier"}
    with pytest.raises(KeyError, match="no checkpoint 'nope'; there are") as said:
        engine.checkpoint("nope")
    assert "0123456789abcdef" not in str(said.value)


def test_a_run_without_an_owner_is_nobodys_to_use(ada, owners):
    owners.shared = True
    assert ROADS["decode"](ada, NOBODYS).status_code == 404


@pytest.mark.parametrize("name", ["..", "../runs/" + NAME, NAME + "/checkpoint", "checkpoint", "", ".errands", "x" * 97])
def test_only_a_name_is_a_name(name, engine, owners):
    owners.shared = True
    with pytest.raises(KeyError):
        engine.checkpoint(name)


def test_it_is_called_by_the_name_of_its_run(engine, owners):
    owners.shared = True
    checkpoint = engine.checkpoint(NAME)
    assert checkpoint.name == NAME and checkpoint.folder.name == "checkpoint" and engine.is_run(NAME) and not engine.is_run("autoencoder")
    assert engine.classifier_for(NAME) == "digits-classifier"


def test_new_weights_of_a_run_answer_once_they_are_looked_at(engine, owners):
    owners.shared = True
    before, z = engine.checkpoint(NAME).hash, np.ones((1, 3), np.float32)
    old = engine.decode(NAME, z)
    model = tiny_model("vae")
    for weights in model.parameters():
        weights.data *= 1.5
    save_tiny(model, engine.checkpoint(NAME).folder)
    engine.rescan()  # as the list of one's models does
    assert engine.checkpoint(NAME).hash != before and (engine.decode(NAME, z) != old).any()


def test_programs_are_answered_alike(engine, owners, tmp_path):
    with gr.Blocks() as blocks:
        endpoints(engine)
    running = launch(blocks, port=0, data_dir=tmp_path / "data", middleware=[Middleware(LiveRoutes, engine=engine, assets=page_files(tmp_path / "assets"))])
    try:
        owners.shared = False
        assert "There is no model" in asyncio.run(decoded(running.url))
        owners.shared = True
        assert "complete" in asyncio.run(decoded(running.url))
    finally:
        running.close()


async def decoded(url: str) -> str:
    """What Gradio says to a program that asks for a picture."""
    import httpx
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as client:
        call = (await client.post("/gradio_api/call/decode", json={"data": [NAME, "seed:7", None, 0, "", None]})).json()["event_id"]
        return (await client.get(f"/gradio_api/call/decode/{call}")).text


def test_work_in_another_thread_is_done_for_whoever_asked_for_it(engine, owners):
    owners.shared, owners.owner = False, "192.168.0.7"

    async def asked() -> str:
        with asked_by(visitor({"client": ("192.168.0.7", 1), "headers": []})):
            return (await asyncio.to_thread(engine.checkpoint, NAME)).name

    assert asyncio.run(asked()) == NAME
    with pytest.raises(KeyError):
        engine.checkpoint(NAME)
