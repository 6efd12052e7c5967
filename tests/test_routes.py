"""The short roads below /live: what a page can fetch and ask, and what it is told when it asks for nonsense."""

import asyncio
import gzip
import json
import logging
import threading
import time

import brotli
import numpy as np
import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from genmodels.engine import MOST, Engine
from genmodels.models import ABILITIES
from genmodels.ui.live.catalogue import title
from genmodels.ui.live.compressed import Compressed, chosen
from genmodels.ui.live.routes import LiveRoutes

from .conftest import DIGITS, save_tiny, tiny_model
from .test_engine import save_classifier

CODES = np.random.default_rng(0).normal(size=(20, 3))


@pytest.fixture
def roots(tmp_path):
    """Checkpoints: an autoencoder, a VAE with an atlas, a conditional VAE, a classifier of their data."""
    roots = tmp_path / "checkpoints"
    for name in ("autoencoder", "vae"):
        save_tiny(tiny_model(name), roots / name)
    save_tiny(tiny_model("vae", conditions=DIGITS), roots / "cvae")
    save_classifier(roots / "digits-classifier")
    (roots / "vae" / "metrics.json").write_text('{"label_kept": 0.9}')
    np.savez_compressed(roots / "vae" / "atlas.npz", codes=CODES.astype(np.float16), labels=np.arange(20, dtype=np.uint8) % 10,
                        xy=CODES[:, :2].astype(np.float16), axes=np.eye(2, 3, dtype=np.float32), centre=np.zeros(3, np.float32),
                        reach=np.float32(2.5))
    return roots


@pytest.fixture
def assets(tmp_path):
    assets = tmp_path / "assets"
    (assets / "js").mkdir(parents=True)
    (assets / "js" / "map.js").write_text("export const map = 1;\n" * 100)
    (assets / "look.css").write_text("body { margin: 0 }")
    (assets / "package.json").write_text("{}")
    (assets / "secret.py").write_text("never served")
    (tmp_path / "outside.js").write_text("never served")
    return assets


@pytest.fixture
def live(roots, assets, tmp_path):
    engine = Engine(roots, device="cpu", cache=tmp_path / "cache")
    yield LiveRoutes(PlainTextResponse("the page"), engine=engine, assets=assets)
    engine.close()


@pytest.fixture
def client(live):
    return TestClient(live)


def catalogue(client) -> dict:
    return client.get("/live/catalogue.json").json()


def model(client, name: str) -> dict:
    [entry] = [entry for entry in catalogue(client)["models"] if entry["name"] == name]
    return entry


def raw(client, address: str, accept: str):
    """Status, headers and body as they travel, nothing unpacked."""
    with client.stream("GET", address, headers={"accept-encoding": accept}) as answer:
        return answer.status_code, answer.headers, b"".join(answer.iter_raw())


# The catalogue


def test_the_catalogue_says_what_a_page_needs_to_know(client):
    entry = model(client, "vae")
    assert entry["latent_dim"] == 3 and entry["latent_shape"] == [3] and entry["image_shape"] == [1, 8, 8]
    assert entry["abilities"] == dict.fromkeys(("decode", "encode", "posterior", "log_likelihood"), True) | \
        {ability: ABILITIES[ability] for ability in ("score", "path", "solve")}
    assert entry["dataset_title"] == "Small digits (8x8)" and entry["licence"] == "apache-2.0"
    assert entry["metrics"] == {"label_kept": 0.9} and entry["classifier"] == "digits-classifier" and entry["browser"] is True
    assert entry["parameters"] == sum(p.numel() for p in tiny_model("vae").parameters())
    assert model(client, "cvae")["conditions"] == list(DIGITS)
    assert model(client, "autoencoder")["atlas"] is None and model(client, "autoencoder")["metrics"] == {}
    whole = catalogue(client)
    assert list(whole["classifiers"]) == ["digits-classifier"] and whole["classifiers"]["digits-classifier"]["classes"] == list(DIGITS)
    assert whole["device"] == "CPU" and whole["runtime"] is None


def test_a_name_is_a_title():
    assert [title(name) for name in ("mnist-pca-2d", "fashion-vae-16d", "shapes-vae", "faces")] == \
        ["MNIST PCA 2-D", "Fashion VAE 16-D", "Shapes VAE", "Faces"]


def test_the_catalogue_is_asked_for_again_and_sent_only_if_it_changed(client, roots):
    first = client.get("/live/catalogue.json")
    assert first.headers["cache-control"] == "no-cache"
    same = client.get("/live/catalogue.json", headers={"if-none-match": first.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")
    save_tiny(tiny_model("vae"), roots / "late")
    assert "late" in client.get("/live/catalogue.json", headers={"if-none-match": first.headers["etag"]}).text


@pytest.mark.parametrize("file, content, sentence", [
    ("config.json", '{"format": 1, "family": ["x"]}', "keys"),
    ("config.json", json.dumps(dict.fromkeys(("dataset", "model", "recipe", "licence"), {}) | {"format": 1, "family": ["x"]}), "family"),
    ("config.json", "no json", "cannot be read"),
    ("metrics.json", '{"nelbo": NaN}', "nelbo in metrics.json"),
    ("metrics.json", '{"effects": [1]}', "effects in metrics.json"),
    ("metrics.json", '{"gallery": [{"point": 3}]}', "gallery in metrics.json"),
    ("metrics.json", "null", "JSON object"),
    ("metrics.json", "[" * 100_000, "metrics.json cannot be read"),
    ("metrics.json", "{", "metrics.json cannot be read"),
    ("model.safetensors", None, "cannot be read"),
])
def test_a_bad_folder_is_listed_with_a_sentence_and_spoils_nothing(client, roots, file, content, sentence):
    (roots / "autoencoder" / file).unlink(missing_ok=True)
    if content is not None:
        (roots / "autoencoder" / file).write_text(content)
    entry = model(client, "autoencoder")
    assert sentence in entry["error"]
    assert "error" not in model(client, "vae")


# Files of models


def test_a_decoder_is_made_on_first_use_and_may_be_kept_for_ever(client):
    ort = pytest.importorskip("onnxruntime", reason="onnxruntime is a dependency of the tests")
    answer = client.get(model(client, "vae")["onnx"])
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert ort.InferenceSession(answer.content).run(None, {"z": np.zeros((2, 3), np.float32)})[0].shape == (2, 1, 8, 8)
    again = client.get(model(client, "vae")["onnx"], headers={"if-none-match": answer.headers["etag"]})
    assert again.status_code == 304


def test_the_classifier_is_served_too(client):
    address = catalogue(client)["classifiers"]["digits-classifier"]["onnx"]
    assert address.endswith("/classifier.onnx") and client.get(address).status_code == 200


def test_an_old_address_is_gone_rather_than_wrong(client, roots):
    address = model(client, "vae")["onnx"]
    assert client.get(address.replace("/live/models/vae/", "/live/models/vae/0")).status_code == 404
    save_tiny(tiny_model("vae", latent_dim=2), roots / "vae")
    assert model(client, "vae")["onnx"] != address
    assert "reload the page" in client.get(address).text


def test_the_atlas_arrives_as_arrays_a_browser_can_read(client):
    content = client.get(model(client, "vae")["atlas"]).content
    end = content.index(b"\n")
    arrays = {entry["name"]: np.frombuffer(content, entry["dtype"], int(np.prod(entry["shape"])), entry["offset"]).reshape(entry["shape"])
              for entry in json.loads(content[:end].decode("ascii"))["arrays"]}
    assert all(entry["offset"] % 8 == 0 and entry["offset"] > end for entry in json.loads(content[:end])["arrays"])
    assert arrays["codes"].dtype == np.float32 and np.allclose(arrays["codes"], CODES, atol=2e-3)
    assert arrays["labels"].dtype == np.uint8 and list(arrays["labels"][:11]) == [*range(10), 0]
    assert arrays["xy"].shape == (20, 2) and arrays["axes"].shape == (2, 3) and arrays["reach"] == 2.5
    assert "std" not in arrays


def test_an_atlas_that_is_none_is_said(client, roots):
    (roots / "vae" / "atlas.npz").write_bytes(b"no zip")
    answer = client.get(model(client, "vae")["atlas"])
    assert (answer.status_code, "atlas.npz cannot be read" in answer.text) == (404, True)


@pytest.mark.parametrize("changes, words", [
    ({"axes": None}, "has no axes"), ({"centre": np.zeros(2, np.float32)}, "centre"), ({"xy": np.full((20, 2), np.nan, np.float16)}, "no map can show"),
    ({"reach": np.float32(0)}, "no map can show"), ({"codes": np.zeros((0, 3), np.float16)}, "1 to"),
])
def test_an_atlas_that_no_map_can_show_is_said(client, roots, changes, words):
    path = roots / "vae" / "atlas.npz"
    with np.load(path) as stored:
        arrays = dict(stored) | changes
    np.savez_compressed(path, **{name: array for name, array in arrays.items() if array is not None})
    answer = client.get(model(client, "vae")["atlas"])
    assert answer.status_code == 404 and words in answer.text


# Files of the page


def test_scripts_have_the_type_a_module_needs_and_addresses_of_their_content(client, live, assets):
    before = catalogue(client)["assets"]
    answer = client.get(f"{before}/js/map.js")
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8" and "immutable" in answer.headers["cache-control"]
    (assets / "js" / "map.js").write_text("export const map = 2;")
    after = catalogue(client)["assets"]
    assert before != after and client.get(f"{after}/js/map.js").text == "export const map = 2;"
    old = client.get(f"{before}/js/map.js")
    assert old.text == "export const map = 2;" and old.headers["cache-control"] == "no-cache"  # never kept under a name that is not its own


@pytest.mark.parametrize("path", ["secret.py", "../outside.js", "js/../../outside.js", "%2e%2e/outside.js", "..%2foutside.js", "js", "", "nope.js"])
def test_nothing_else_is_served(client, path):
    answer = client.get(f"{catalogue(client)['assets']}/{path}")
    assert "never served" not in answer.text
    assert answer.status_code == 404 or answer.text == "the page"  # the client has shortened the path itself


def test_the_runtime_keeps_its_address_when_a_script_changes(client, assets):
    (assets / "vendor" / "onnxruntime-web").mkdir(parents=True)
    (assets / "vendor" / "onnxruntime-web" / "ort.wasm").write_bytes(bytes(5000))
    before = catalogue(client)
    assert before["runtime"].endswith("/vendor/onnxruntime-web/")
    answer = client.get(before["runtime"] + "ort.wasm")
    assert answer.headers["content-type"] == "application/wasm" and answer.content == bytes(5000)
    (assets / "look.css").write_text("body {}")
    after = catalogue(client)
    assert (after["assets"] != before["assets"], after["runtime"]) == (True, before["runtime"])
    assert client.get(before["runtime"].replace("vendor/onnxruntime-web/", "look.css")).status_code == 404


# Compression


@pytest.mark.parametrize("accept, encoding", [
    ("gzip, deflate, br", "br"), ("gzip, deflate", "gzip"), ("br;q=0, gzip;q=0.5", "gzip"), ("", "identity"), ("identity", "identity"), ("zstd", "identity"),
])
def test_a_client_gets_the_best_encoding_it_accepts(client, accept, encoding):
    assert chosen(accept) == encoding
    plain = ("export const map = 1;\n" * 100).encode()
    status, headers, body = raw(client, f"{catalogue(client)['assets']}/js/map.js", accept)
    unpack = {"br": brotli.decompress, "gzip": gzip.decompress, "identity": bytes}[encoding]
    assert status == 200 and unpack(body) == plain and headers["vary"] == "Accept-Encoding"
    assert headers.get("content-encoding", "identity") == encoding and int(headers["content-length"]) == len(body)


def test_a_better_copy_takes_the_place_of_the_quick_one(tmp_path):
    compressed = Compressed(tmp_path)
    content = b"".join(b"line %d of something that repeats\n" % (k * k % 97) for k in range(3000))
    quick = compressed.get("key", "br", lambda: content)
    until = time.monotonic() + 20
    while not (tmp_path / "key.best.br").exists() and time.monotonic() < until:
        time.sleep(0.02)
    best = compressed.get("key", "br", lambda: pytest.fail("the copy was not used"))
    assert brotli.decompress(quick) == brotli.decompress(best) == content
    assert len(best) < len(quick)


def test_a_folder_that_cannot_be_written_does_not_keep_the_page_from_loading(tmp_path, caplog):
    (tmp_path / "cache").write_text("a file where a folder should be")
    assert gzip.decompress(Compressed(tmp_path / "cache").get("key", "gzip", lambda: b"content")) == b"content"
    assert "is not kept" in caplog.text


# Asking the engine


def test_a_decode_is_what_the_engine_decodes(client, live):
    z = live.engine.prior("vae", 5, 1)
    answer = client.post("/live/decode/vae?n=5", content=z.tobytes())
    assert answer.headers["content-type"] == "application/octet-stream" and answer.headers["cache-control"] == "no-store"
    assert np.array_equal(np.frombuffer(answer.content, np.uint8).reshape(5, 8, 8, 1), live.engine.decode("vae", z))


def test_conditions_follow_the_latents(client, live):
    z, y = live.engine.prior("cvae", 2, 1), np.eye(10, dtype=np.float32)[[3, 7]]
    answer = client.post("/live/decode/cvae?n=2", content=z.tobytes() + y.tobytes())
    assert np.array_equal(np.frombuffer(answer.content, np.uint8).reshape(2, 8, 8, 1), live.engine.decode("cvae", z, y))


def test_a_classifier_answers_with_probabilities(client, live):
    pixels = live.engine.decode("vae", live.engine.prior("vae", 3, 1))
    answer = client.post("/live/classify/digits-classifier?n=3", content=pixels.tobytes())
    assert np.array_equal(np.frombuffer(answer.content, "<f4").reshape(3, 10), live.engine.classify("digits-classifier", pixels))


@pytest.mark.parametrize("address, body, status, sentence", [
    ("decode/nope?n=1", bytes(12), 404, "There is no checkpoint 'nope'; there are ['autoencoder'"),
    ("decode/vae?n=1", bytes(11), 400, "1 x (3 latents + 0 conditions) float32 numbers, 12 bytes, not 11"),
    ("decode/vae?n=1", bytes(16), 400, "12 bytes, not more"),
    ("decode/cvae?n=1", bytes(12), 400, "52 bytes, not 12"),
    ("decode/vae?n=1", np.full(3, np.nan, np.float32).tobytes(), 400, "finite"),
    ("decode/autoencoder?n=1", np.full(3, 3e38, np.float32).tobytes(), 400, "not finite"),
    ("decode/vae", bytes(12), 400, "?n="),
    ("decode/vae?n=0", b"", 400, "?n="),
    (f"decode/vae?n={MOST + 1}", b"", 400, f"1 to {MOST}"),
    ("decode/vae?n=²", b"", 400, "?n="),
    ("decode/digits-classifier?n=1", bytes(12), 400, "is a classifier"),
    ("classify/vae?n=1", bytes(64), 400, "vae is no classifier"),
    ("classify/digits-classifier?n=2", bytes(64), 400, "2 pictures of 8 x 8 x 1 bytes, 128 bytes, not 64"),
    ("nothing", b"", 404, "nothing at this address"),
    ("catalogue.json", b"", 405, "POST"),
])
def test_nonsense_gets_a_sentence(client, address, body, status, sentence):
    answer = client.post(f"/live/{address}", content=body)
    assert (answer.status_code, sentence in answer.text) == (status, True), answer.text
    assert answer.headers["content-type"].startswith("text/plain")


def test_a_body_may_be_four_megabytes_at_most(client, roots):
    save_tiny(tiny_model("vae", latent_dim=1000), roots / "wide")
    answer = client.post(f"/live/decode/wide?n={MOST}", content=b"")
    assert (answer.status_code, "more than 4 MB" in answer.text) == (413, True)


def test_broken_weights_are_a_sentence(client, roots):
    path = roots / "vae" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-8])
    answer = client.post("/live/decode/vae?n=1", content=bytes(12))
    assert (answer.status_code, "cannot be read" in answer.text) == (404, True)


def test_weights_that_change_behind_the_page_ask_for_a_reload(client, roots):
    assert "error" not in model(client, "vae")
    save_tiny(tiny_model("vae", likelihood="gaussian"), roots / "vae")
    answer = client.post("/live/decode/vae?n=1", content=bytes(12))
    assert (answer.status_code, "reload the page" in answer.text) == (400, True)
    assert "error" not in model(client, "vae")
    assert client.post("/live/decode/vae?n=1", content=bytes(12)).status_code == 200


def test_an_accident_is_logged_and_shows_no_trace(client, live, monkeypatch, caplog):
    monkeypatch.setattr(live.engine, "submit", lambda *_: 1 / 0)
    with caplog.at_level(logging.ERROR):
        answer = client.post("/live/decode/vae?n=1", content=bytes(12))
    assert (answer.status_code, "ZeroDivisionError" in answer.text, "ZeroDivisionError" in caplog.text) == (500, False, True)


def test_everything_else_belongs_to_the_page(client):
    assert [client.get(path).text for path in ("/", "/config", "/lively", "/live")] == ["the page"] * 4


def test_a_page_below_a_root_path_finds_its_roads(live):
    client = TestClient(live, root_path="/class")
    assert client.get("/class/live/catalogue.json").status_code == 200


def test_a_busy_engine_does_not_hold_up_the_other_roads(live, monkeypatch):
    run, release = live.engine._device.run, threading.Event()
    monkeypatch.setattr(live.engine._device, "run", lambda *a: release.wait(10) and run(*a))

    async def ask(method: str, path: str, body: bytes = b"", query: bytes = b"") -> int:
        status = []

        async def receive():
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message):
            status.append(message.get("status"))

        await live({"type": "http", "method": method, "path": path, "query_string": query, "headers": []}, receive, send)
        return status[0]

    async def both():
        decode = asyncio.create_task(ask("POST", "/live/decode/vae", bytes(12), b"n=1"))
        await asyncio.sleep(0.05)
        listed = await asyncio.wait_for(ask("GET", "/live/catalogue.json"), 10)
        waiting = not decode.done()
        release.set()
        return listed, waiting, await asyncio.wait_for(decode, 10)

    assert asyncio.run(both()) == (200, True, 200)


# The hand's own road


def test_a_socket_answers_as_a_request_does(client):
    z = np.float32([0.5, -1.0, 2.0])
    asked = client.post("/live/decode/vae?n=1", content=z.tobytes()).content
    with client.websocket_connect("/live/decode/vae") as socket:
        for _ in range(2):
            socket.send_bytes(z.tobytes())
            assert socket.receive_bytes() == asked
    with client.websocket_connect("/live/classify/digits-classifier") as socket:
        socket.send_bytes(asked)
        assert socket.receive_bytes() == client.post("/live/classify/digits-classifier?n=1", content=asked).content


def test_a_socket_says_what_is_wrong_and_goes_on(client):
    with client.websocket_connect("/live/decode/vae") as socket:
        for body, words in ((b"12", "12 bytes, not 2"), (np.float32([1, np.nan, 0]).tobytes(), "finite")):
            socket.send_bytes(body)
            assert words in socket.receive_text()
        socket.send_bytes(np.zeros(3, np.float32).tobytes())
        assert len(socket.receive_bytes()) == 64
    with client.websocket_connect("/live/decode/nobody") as socket:
        socket.send_bytes(b"")
        assert "no checkpoint 'nobody'" in socket.receive_text()
