"""The road to the Hub below /live/hub: looks, fetches and deletions, who may do which, and publishing."""

import asyncio
import json
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from genmodels.engine import Engine
from genmodels.hub import Hub, Shelf
from genmodels.train.runs import Run
from genmodels.ui.live import catalogue
from genmodels.ui.live.routes import LiveRoutes
from genmodels.ui.live.shelf import CLASS, NAMELESS, NOT_HERE, NOT_YOURS, SIGN_IN, ShelfRoad, token_of
from genmodels.ui.visitors import COOKIE, Visitors, asking

from .conftest import digits_plan, save_tiny, tiny_model
from .format_kit import files_of
from .hub_stand_in import HubStandIn, Person
from .live_kit import model, page_files

HOME, ADA, BEN = ("127.0.0.1", 4000), ("192.168.0.7", 4000), ("192.168.0.8", 4000)
PATIENCE = 30.0  # seconds
REPO, TOKEN, TRAINED = "somebody/digits", "token-of-ada", "digits-vae-0123456789abcdef"


@pytest.fixture(scope="module")
def repository(tmp_path_factory) -> dict[str, bytes]:
    """A model of ours as it lies on the Hub."""
    folder = tmp_path_factory.mktemp("repository") / "vae"
    save_tiny(tiny_model("vae"), folder)
    return files_of(folder)


@pytest.fixture
def hub(repository):
    with HubStandIn() as hub:
        hub.add("models", REPO, repository)
        hub.people[TOKEN] = Person("ada")
        yield hub


@pytest.fixture
def shelf(hub, tmp_path) -> Shelf:
    return Shelf(tmp_path / "fetched", Hub(endpoint=hub.url, cache=tmp_path / "hub", token=TOKEN))


@pytest.fixture
def may() -> set[str]:
    """The keys of those who may use the model of somebody's training."""
    return set()


@pytest.fixture
def road(shelf, tmp_path, may):
    """A function that opens the roads and gives browsers that have been there before, by their address."""
    save_tiny(tiny_model("autoencoder"), tmp_path / "own" / "mine")
    save_tiny(tiny_model("vae"), Run.create(tmp_path / "runs" / TRAINED, digits_plan(), "somebody").folder / "checkpoint")
    engine = Engine(tmp_path / "own", shelf.folder, device="cpu", cache=tmp_path / "cache", runs=tmp_path / "runs",
                    may=lambda name: (who := asking()) is not None and who.key in may)
    made = []

    def opened(session: dict | None = None, **settings):
        made.append(ShelfRoad(shelf, engine, **settings))
        app = LiveRoutes(PlainTextResponse("the page"), engine=engine, assets=page_files(tmp_path / f"assets{len(made)}"), roads={"hub": made[-1]})

        async def signed_in(scope, receive, send):  # as Gradio's middleware on a Space
            await app(scope | ({"session": session} if session else {}), receive, send)

        there, browsers = Visitors(signed_in), {}

        def visit(address, cookie=True):
            if not cookie:
                return TestClient(there, client=address)
            if address not in browsers:
                browsers[address] = TestClient(there, client=address)
                browsers[address].get("/")
            return browsers[address]

        return visit

    yield opened
    for one in made:
        one.close()
    engine.close()


def asked(client: TestClient, path: str, **values) -> dict:
    answer = client.post(f"/live/hub/{path}", json=values)
    assert answer.status_code == 200, answer.text
    return answer.json()


def until(state, client: TestClient) -> dict:
    """The errand, once it is in that state."""
    end = time.monotonic() + PATIENCE
    while (errand := client.get("/live/hub/errand").json())["state"] != state:
        assert time.monotonic() < end and errand["state"] in ("waiting", "working", "stopping"), errand
        time.sleep(0.02)
    return errand


def fetched(client: TestClient) -> str:
    """The name of the model, once it has been fetched."""
    asked(client, "fetch", text=REPO)
    return until("done", client)["outcome"]["name"]


# Look, fetch, delete


def test_a_look_says_what_it_is_and_brings_nothing(road, shelf, hub):
    found = asked(road()(HOME), "look", text=REPO)
    assert found["repo"] == REPO and found["commit"] == hub.repositories["models", REPO].commit and found["name"].startswith("somebody--digits--")
    assert found["account"] and found["bytes"] > 0 and shelf.fetched() == []


def test_a_fetched_model_is_listed_used_and_deleted(road, hub):
    client = road()(HOME)
    name = fetched(client)
    entry = model(client, name)
    assert entry["origin"] == "fetched" and entry["title"] == "digits" and entry["source"]["repo"] == REPO and entry["source"]["account"]
    assert entry["source"]["commit"] == hub.repositories["models", REPO].commit and "by" not in entry["source"]
    [row] = client.get("/live/hub/state").json()["fetched"]
    assert row["name"] == name and row["bytes"] > 0 and row["delete"] is True and "by" not in row
    assert client.post(f"/live/decode/{name}?n=1", content=bytes(12)).status_code == 200
    assert client.delete(f"/live/hub/models/{name}").json() == {"deleted": name}
    state = client.get("/live/hub/state").json()
    assert state["fetched"] == [] and state["errand"] is None
    gone = client.post(f"/live/decode/{name}?n=1", content=bytes(12))
    assert gone.status_code == 404 and name in gone.text and gone.text.endswith(".")
    assert client.delete(f"/live/hub/models/{name}").status_code == 404


@pytest.mark.parametrize("failure, words", [("404", "has no"), ("gated", "gated"), ("503", "problem of its own"), ("html", "not the Hub")])
def test_what_the_hub_refuses_is_one_sentence_and_no_failure_of_this_server(road, hub, failure, words):
    hub.play(failure)
    client = road()(HOME)
    assert words in asked(client, "look", text=REPO)["problem"]
    asked(client, "fetch", text=REPO)
    errand = until("failed", client)
    assert words in errand["sentence"] and errand["sentence"].count("\n") == 0
    assert client.delete("/live/hub/errand").json() is None and client.get("/live/hub/errand").json() is None


def test_a_wrong_name_says_how_a_right_one_looks(road):
    assert "google/ddpm-cifar10-32" in asked(road()(HOME), "look", text="../../etc/passwd")["problem"]


def test_a_fetch_is_stopped_and_its_visitor_is_free_again(road, hub, shelf):
    hub.play("hang", at="get")
    client = road()(HOME)
    asked(client, "fetch", text=REPO)
    until("working", client)
    assert client.delete("/live/hub/errand").json()["state"] in ("stopping", "stopped")
    until("stopped", client)
    hub.play("")
    assert fetched(client) == shelf.fetched()[0].name


def test_progress_counts_the_bytes(road, hub, repository):
    hub.play("slow", at="get")
    client = road()(HOME)
    total = asked(client, "look", text=REPO)["bytes"]
    asked(client, "fetch", text=REPO)
    errand = until("done", client)
    assert errand["total"] == total and errand["done"] == total


# Who may


def test_in_a_class_only_home_fetches_and_deletes_and_the_others_are_told_why(road):
    visit = road(classroom=True)
    name = fetched(visit(HOME))
    ada = visit(ADA)
    state = ada.get("/live/hub/state").json()
    assert (state["fetch"], state["publish"], state["licences"]) == (CLASS["fetch"], CLASS["publish"], {})
    assert state["fetched"][0]["delete"] == CLASS["delete"] and visit(HOME).get("/live/hub/state").json()["fetch"] is True
    refused = [ada.post("/live/hub/look", json={"text": REPO}), ada.post("/live/hub/fetch", json={"text": REPO}), ada.delete(f"/live/hub/models/{name}"),
               ada.post("/live/hub/draft", json={"model": "mine", "repo": "ada/x"}), ada.post("/live/hub/publish", json={"model": "mine", "repo": "ada/x"})]
    assert [answer.status_code for answer in refused] == [403] * 5 and {answer.text for answer in refused} == set(CLASS.values())


def test_elsewhere_visitors_delete_what_they_fetched_and_home_deletes_all(road):
    visit = road()
    name = fetched(visit(ADA))
    assert visit(ADA).get("/live/hub/state").json()["fetched"][0]["delete"] is True
    assert visit(BEN).delete(f"/live/hub/models/{name}").text == NOT_YOURS
    assert visit(BEN).get("/live/hub/errand").json() is None  # nor does anybody see what others do
    assert visit(ADA).delete(f"/live/hub/models/{name}").status_code == 200
    name = fetched(visit(ADA))
    assert visit(HOME).delete(f"/live/hub/models/{name}").status_code == 200


def test_who_keeps_no_name_of_their_own_has_nothing_that_others_at_that_address_could_take(road):
    visit = road()
    nobody = visit(ADA, cookie=False)
    assert nobody.get("/live/hub/state").json()["fetch"] == NAMELESS
    refused = TestClient(nobody.app, client=ADA).post("/live/hub/fetch", json={"text": REPO})
    assert refused.status_code == 403 and refused.text == NAMELESS
    name = fetched(visit(ADA))
    assert TestClient(nobody.app, client=ADA).delete(f"/live/hub/models/{name}").status_code == 403


def test_looks_at_a_hub_that_hangs_hold_up_nothing_else(road, hub):
    hub.play("hang")
    app = road()(HOME).app

    async def both():
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))  # as many as there may be looks, in a small machine
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app, client=HOME), base_url="http://localhost") as client:
            look = asyncio.create_task(client.post("/live/hub/look", json={"text": REPO}))
            while not hub.requests:
                await asyncio.sleep(0.01)
            state = await asyncio.wait_for(client.get("/live/hub/state"), PATIENCE / 2)
            assert state.status_code == 200 and not look.done()
            look.cancel()

    asyncio.run(both())


def test_one_visitor_has_two_looks_or_drafts_at_a_time(road, hub):
    hub.play("hang")
    app = road()(HOME).app

    async def three():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app, client=HOME), base_url="http://localhost") as client:
            looks = [asyncio.create_task(client.post("/live/hub/look", json={"text": REPO})) for _ in range(2)]
            while len(hub.requests) < 2:
                await asyncio.sleep(0.01)
            refused = await client.post("/live/hub/draft", json=WORDS)
            assert refused.status_code == 503 and refused.text.endswith("try again in a moment.")
            for look in looks:
                look.cancel()

    asyncio.run(three())


def test_only_home_fetches_with_the_login_of_this_machine(road, hub):
    visit = road()
    asked(visit(ADA), "look", text=REPO)
    assert set(hub.tokens) == {""}
    asked(visit(HOME), "look", text=REPO)
    assert TOKEN in hub.tokens


@pytest.mark.parametrize("body, status, words", [
    (b"[]", 400, "JSON object"), (b"{", 400, "JSON object"), (b'{"text": 3}', 400, "text of at most"),
    (json.dumps({"text": "x" * 301}).encode(), 400, "text of at most"),
    (b" " * 40_000, 413, "longer"),
])
def test_a_body_that_is_none_is_a_sentence(road, body, status, words):
    answer = road()(HOME).post("/live/hub/look", content=body)
    assert answer.status_code == status and words in answer.text


def test_what_is_not_there_is_said(road):
    client = road()(HOME)
    assert client.get("/live/hub/nothing").status_code == 404 and client.put("/live/hub/state").status_code == 405


# Publish


WORDS = {"model": "mine", "repo": "ada/mine", "licence": "apache-2.0", "title": "Tiny digits", "words": "Only for trying."}


def test_a_draft_is_shown_and_what_is_published_is_that_and_private(road, hub):
    client = road()(HOME)
    assert "apache-2.0" in client.get("/live/hub/state").json()["licences"]["mine"]
    shown = asked(client, "draft", **WORDS)
    assert "Tiny digits" in shown["card"] and "Only for trying." in shown["card"]
    assert {"README.md", "config.json", "model.safetensors", "decoder.onnx"} <= {file["path"] for file in shown["files"]}
    assert ("models", "ada/mine") not in hub.repositories
    asked(client, "publish", **WORDS)
    assert until("done", client)["outcome"]["url"] == f"{hub.url}/ada/mine"
    there = hub.repositories["models", "ada/mine"]
    assert there.private and there.files["README.md"].decode() == shown["card"]
    asked(client, "publish", **WORDS)
    again = until("failed", client)
    assert again["outcome"] == {"exists": True} and "exists already" in again["sentence"]
    asked(client, "publish", **WORDS, over=True)
    until("done", client)


def test_a_draft_that_cannot_be_is_a_sentence(road):
    client = road()(HOME)
    assert "owner/name" in asked(client, "draft", **WORDS | {"repo": "mine"})["problem"]
    assert "licence" in asked(client, "draft", **WORDS | {"licence": "mine, all mine"})["problem"]


def test_on_a_space_one_publishes_under_the_name_that_one_signed_in_with(road, hub, shelf, caplog):
    hub.people["token-of-ben"] = Person("ben")
    signed = {"oauth_info": {"access_token": "token-of-ben", "expires_at": time.time() + 60}}
    assert road(sign_in=True)(BEN).post("/live/hub/draft", json=WORDS).text == SIGN_IN
    assert road()(BEN).post("/live/hub/draft", json=WORDS).text == NOT_HERE
    client = road(session=signed, sign_in=True)(BEN)
    refused = client.post("/live/hub/publish", json=WORDS | {"repo": "ben/mine"})
    assert refused.status_code == 403 and "not yours to publish" in refused.text
    hub.tokens.clear()


def test_bundled_models_may_be_published_by_all_who_signed_in(road, hub, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("genmodels.ui.live.catalogue.BUNDLED", tmp_path / "own")
    hub.people["token-of-ben"] = Person("ben")
    client = road(session={"oauth_info": {"access_token": "token-of-ben", "expires_at": time.time() + 60}}, sign_in=True)(BEN)
    assert list(client.get("/live/hub/state").json()["licences"]) == ["mine"]
    asked(client, "publish", **WORDS | {"repo": "ben/mine"})
    until("done", client)
    assert ("models", "ben/mine") in hub.repositories and TOKEN not in hub.tokens
    assert "token-of-ben" not in client.get("/live/hub/state").text + caplog.text


def test_a_trained_model_is_published_by_whoever_trained_it_and_by_no_other_visitor(road, hub, may):
    hub.people["token-of-ben"] = Person("ben")
    owners = []
    visit = road(session={"oauth_info": {"access_token": "token-of-ben", "expires_at": time.time() + 60}}, sign_in=True,
                 trained=lambda key: [TRAINED] if key in owners else [])
    ben, words = visit(BEN), WORDS | {"model": TRAINED, "repo": "ben/mine"}
    assert TRAINED not in ben.get("/live/hub/state").json()["licences"] and "not yours" in ben.post("/live/hub/publish", json=words).text
    owners.append(ben.cookies[COOKIE].split(".")[0])
    may.update(owners)
    assert ben.get("/live/hub/state").json()["licences"][TRAINED][0]
    assert {"README.md", "config.json", "model.safetensors", "decoder.onnx"} <= {file["path"] for file in asked(ben, "draft", **words)["files"]}
    asked(ben, "publish", **words)
    until("done", ben)
    assert {"config.json", "model.safetensors"} <= set(hub.repositories["models", "ben/mine"].files) and TOKEN not in hub.tokens
    ada = visit(ADA)  # knows the name, and is shown the model
    may.add(ada.cookies[COOKIE].split(".")[0])
    assert "not yours to publish" in ada.post("/live/hub/publish", json=words).text


def test_whoever_sits_at_this_machine_publishes_a_trained_model_that_is_shared_with_them(road, hub, may):
    client, words = road()(HOME), WORDS | {"model": TRAINED}
    assert client.post("/live/hub/publish", json=words).status_code == 403
    may.add(client.cookies[COOKIE].split(".")[0])
    asked(client, "publish", **words)
    assert until("done", client)["outcome"]["url"] == f"{hub.url}/ada/mine"


@pytest.mark.parametrize("info", [{"access_token": "t", "expires_at": 1}, {"expires_at": 9e12}, None, "t"])
def test_a_sign_in_that_has_expired_or_is_none_is_none(info):
    assert token_of({"session": {"oauth_info": info}}) is None and token_of({}) is None


def test_what_came_from_the_hub_is_not_published_again(road):
    client = road()(HOME)
    name = fetched(client)
    assert name not in client.get("/live/hub/state").json()["licences"]
    assert "not yours to publish" in client.post("/live/hub/draft", json=WORDS | {"model": name}).text


def test_a_damaged_source_is_still_a_fetched_model(road, shelf: Shelf):
    client = road()(HOME)
    name = fetched(client)
    Path(shelf.folder / name / "source.json").write_text("[")
    (shelf.folder / name / "metrics.json").write_text("{}")  # so that the engine looks again
    entry = model(client, name)
    assert entry["origin"] == "fetched" and entry["source"] is None


# What the cards say


def test_a_model_that_is_deleted_while_all_are_listed_costs_the_others_nothing(tmp_path, monkeypatch):
    engine = Engine(tmp_path / "models", device="cpu", cache=tmp_path / "cache")
    for name in ("goes", "stays"):
        save_tiny(tiny_model("autoencoder"), tmp_path / "models" / name)
    engine.rescan()
    listed = catalogue._model

    def delete_first(engine, name):
        if name == "goes":
            shutil.rmtree(tmp_path / "models" / name)
            engine.rescan()
        return listed(engine, name)

    monkeypatch.setattr(catalogue, "_model", delete_first)
    assert [one["name"] for one in catalogue.catalogue(engine)["models"]] == ["stays"]
    engine.close()


def test_scores_are_those_of_pictures_made_from_the_prior(client, roots):
    (roots / "gan" / "metrics.json").write_text('{"mse": 0.1, "generated": {"normal": {"fd_ratio": 0.5, "sure": 0.9, "fd": 12.0}}}')
    assert model(client, "gan")["metrics"] == {"mse": 0.1, "fd_ratio": 0.5, "sure": 0.9}
    (roots / "vae" / "metrics.json").write_text('{"generated": {"normal": {"sure": "very"}}}')
    assert "sure in metrics.json" in model(client, "vae")["error"]


def test_models_whose_pictures_have_another_shape_are_grouped_apart(client, roots):
    save_tiny(tiny_model("gan", image_shape=(1, 16, 16)), roots / "larger")
    assert model(client, "gan")["dataset"] == "digits" and model(client, "gan")["origin"] == "own"
    larger = model(client, "larger")
    assert larger["dataset"] == "digits-16x16x1" and larger["dataset_title"] == "Small digits, 16 × 16 grey"
