"""Asking the engine over the short roads: by request and by web socket, answered as the engine would or refused in a sentence."""

import asyncio
import logging
import shutil
import threading
import time

import numpy as np
import pytest

from genmodels.checkpoint import Checkpoint
from genmodels.engine import MOST, Sampling
from genmodels.latent.samplers import SAMPLERS, packed

from .conftest import save_tiny, tiny_model
from .engine_kit import idle, save_features
from .live_kit import model


async def ask(live, method: str, path: str, body: bytes = b"", query: bytes = b"", leaving: asyncio.Event | None = None) -> int | None:
    """The status of an answer, None where the client left at `leaving`."""
    status, sent = [], asyncio.Event()

    async def receive():
        if not sent.is_set():
            sent.set()
            return {"type": "http.request", "body": body, "more_body": False}
        await (leaving or asyncio.Event()).wait()
        return {"type": "http.disconnect"}

    async def send(message):
        status.append(message.get("status"))

    await live({"type": "http", "method": method, "path": path, "query_string": query, "headers": []}, receive, send)
    return status[0] if status else None


def floats(answer) -> np.ndarray:
    assert answer.status_code == 200, answer.text
    return np.frombuffer(answer.content, "<f4")


PIXELS = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 1), np.uint8)
TOLD = np.eye(10, dtype=np.float32)[[3, 7, 1]]


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
    ("decode/vae?n=1&steps=5", bytes(12), 400, "vae makes a picture in one step: there is no steps to choose"),
    ("decode/diffusion?n=1&sampler=moon", bytes(256), 400, "no sampler 'moon'; there are"),
    ("decode/diffusion?n=1&steps=many", bytes(256), 400, "?steps= must be a whole number"),
    ("decode/diffusion?n=1&steps=2000", bytes(256), 400, "1 to 1000 steps"),
    ("decode/diffusion?n=1&eta=nan", bytes(256), 400, "eta must be a number from 0"),
    ("decode/diffusion?n=1&guidance=some", bytes(256), 400, "?guidance= must be a number"),
    ("encode/gan?n=1", bytes(64), 400, "no encoder"),
    ("encode/cvae?n=1", bytes(65), 400, "64 or 104 bytes, not 65"),
    ("encode/vae?n=1", bytes(104), 400, "64 bytes, not more"),
    ("encode/digits-classifier?n=1", bytes(64), 400, "is a classifier"),
    ("score/vae?n=1", bytes(64), 400, "no critic"),
    ("describe/vae?n=1", bytes(64), 400, "vae is no classifier"),
    ("invert/nope?n=1", bytes(64), 404, "no checkpoint 'nope'"),
    ("prior/vae?n=1", b"", 405, "POST"),
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


def test_a_new_model_that_takes_long_to_look_at_holds_up_nobody_else(live, roots, monkeypatch):
    check, release = Checkpoint.check, threading.Event()
    monkeypatch.setattr(Checkpoint, "check", lambda self: (self.name != "new" or release.wait(10)) and check(self))

    async def together():
        await ask(live, "GET", "/live/catalogue.json")
        shutil.copytree(roots / "vae", roots / "new")
        new = [asyncio.create_task(ask(live, "POST", "/live/decode/new", bytes(12), b"n=1")),
               *[asyncio.create_task(ask(live, "GET", "/live/catalogue.json")) for _ in range(20)]]
        await asyncio.sleep(0.05)
        known = await asyncio.wait_for(ask(live, "POST", "/live/decode/vae", bytes(12), b"n=1"), 5)
        file = await asyncio.wait_for(ask(live, "GET", "/live/prior/vae", query=b"n=1"), 5)
        waiting = not any(one.done() for one in new)
        release.set()
        return known, file, waiting, set(await asyncio.gather(*new))

    assert asyncio.run(together()) == (200, 200, True, {200})


def test_a_model_that_memory_does_not_hold_is_said_in_words(live, client, monkeypatch):
    monkeypatch.setattr(live.engine._device.memory, "budget", 1)
    answer = client.post("/live/decode/vae?n=1", content=bytes(12))
    assert answer.status_code == 503 and "vae needs" in answer.text and "Take a smaller model" in answer.text


def test_a_busy_engine_does_not_hold_up_the_other_roads(live, monkeypatch):
    steps, release = live.engine._device.steps, threading.Event()
    monkeypatch.setattr(live.engine._device, "steps", lambda *a: release.wait(10) and steps(*a))

    async def both():
        decode = asyncio.create_task(ask(live, "POST", "/live/decode/vae", bytes(12), b"n=1"))
        await asyncio.sleep(0.05)
        listed = await asyncio.wait_for(ask(live, "GET", "/live/catalogue.json"), 10)
        waiting = not decode.done()
        release.set()
        return listed, waiting, await asyncio.wait_for(decode, 10)

    assert asyncio.run(both()) == (200, True, 200)


def test_an_address_says_how_a_model_of_many_steps_samples(client, live):
    z = live.engine.prior("diffusion", 2, 1)
    for query, options in (("", None), ("&sampler=&steps=0", None), ("&sampler=dpm%2B%2B&steps=4", Sampling("dpm++", 4)),
                           ("&sampler=ddim&steps=3&eta=0.5&guidance=2&seed=9", Sampling("ddim", 3, 0.5, 2.0, 9))):
        answer = client.post(f"/live/decode/diffusion?n=2{query}", content=z.tobytes())
        assert np.array_equal(np.frombuffer(answer.content, np.uint8).reshape(2, 8, 8, 1), live.engine.decode("diffusion", z, options=options))


def test_pictures_become_codes_with_conditions_or_without(client, live):
    assert np.array_equal(floats(client.post("/live/encode/vae?n=3", content=PIXELS.tobytes())).reshape(3, 3), live.engine.encode("vae", PIXELS))
    for told in (None, TOLD):
        answer = client.post("/live/encode/cvae?n=3", content=PIXELS.tobytes() + (b"" if told is None else told.tobytes()))
        assert np.array_equal(floats(answer).reshape(3, 3), live.engine.encode("cvae", PIXELS, told))


def test_an_inversion_ends_with_its_error(client, live):
    for name in ("gan", "vae"):
        found = floats(client.post(f"/live/invert/{name}?n=3", content=PIXELS.tobytes())).reshape(3, 4)
        z, errors = live.engine.invert(name, PIXELS)
        assert np.allclose(found[:, :3], z, atol=1e-5) and np.allclose(found[:, 3], errors, atol=1e-6)


def test_a_description_has_one_number_more_where_features_are_known(client, live, roots):
    assert floats(client.post("/live/describe/digits-classifier?n=3", content=PIXELS.tobytes())).size == 30
    save_features(roots / "digits-classifier")
    live.engine.rescan()
    found = floats(client.post("/live/describe/digits-classifier?n=3", content=PIXELS.tobytes())).reshape(3, 11)
    assert np.array_equal(found, live.engine.describe("digits-classifier", PIXELS))


def test_features_that_are_none_are_said(client, live, roots):
    (roots / "digits-classifier" / "features.npz").write_bytes(b"no zip")
    live.engine.rescan()
    answer = client.post("/live/describe/digits-classifier?n=3", content=PIXELS.tobytes())
    assert (answer.status_code, "features.npz" in answer.text) == (400, True)


def test_a_critics_judgement_is_a_number_for_each_picture(client, live):
    assert np.array_equal(floats(client.post("/live/score/gan?n=3", content=PIXELS.tobytes())), live.engine.score("gan", PIXELS))


def test_latents_are_drawn_by_seed_and_sampler(client, live, roots):
    assert np.array_equal(floats(client.get("/live/prior/vae?n=4&seed=7")).reshape(4, 3), live.engine.prior("vae", 4, 7))
    codes = np.random.default_rng(0).normal(size=(100, 3))
    np.savez_compressed(roots / "vae" / "samplers.npz", **packed({"gaussian": SAMPLERS["gaussian"].fit(codes)}))
    live.engine.rescan()
    drawn = floats(client.get("/live/prior/vae?n=4&seed=7&sampler=gaussian")).reshape(4, 3)
    assert np.array_equal(drawn, live.engine.prior("vae", 4, 7, "gaussian"))


@pytest.mark.parametrize("address, status, sentence", [
    ("prior/nope?n=1", 404, "no checkpoint 'nope'"), ("prior/vae?n=1&sampler=mixture", 400, "vae has no mixture sampler"),
    ("prior/vae?n=1&sampler=moon", 400, "no sampler of latents 'moon'"), ("prior/vae?n=1&seed=-1", 400, "?seed="), ("prior/vae", 400, "?n="),
    ("prior/digits-classifier?n=1", 400, "is a classifier"), ("encode/vae?n=1", 405, "GET"),
])
def test_draws_that_make_no_sense_get_a_sentence(client, address, status, sentence):
    answer = client.get(f"/live/{address}")
    assert (answer.status_code, sentence in answer.text) == (status, True), answer.text


def test_who_leaves_is_computed_for_no_longer(live):
    async def leave() -> int | None:
        leaving = asyncio.Event()
        asked = asyncio.create_task(ask(live, "POST", "/live/decode/diffusion", bytes(4 * 64), b"n=1&steps=1000", leaving))
        while not live.engine._queue.under_way:
            await asyncio.sleep(0.01)
        leaving.set()
        return await asyncio.wait_for(asked, 10)

    assert asyncio.run(leave()) is None
    assert idle(live.engine)


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


def test_a_socket_that_closes_stops_the_work_for_it(client, live):
    with client.websocket_connect("/live/decode/diffusion?steps=1000&sampler=ddpm") as socket:
        socket.send_bytes(bytes(4 * 64))
        while not live.engine._queue.under_way:
            time.sleep(0.01)
    assert idle(live.engine)


def test_a_sockets_address_says_how_it_samples(client, live):
    z = live.engine.prior("diffusion", 1, 1)
    with client.websocket_connect("/live/decode/diffusion?steps=3") as socket:
        for _ in range(2):
            socket.send_bytes(z.tobytes())
        answers = [socket.receive_bytes() for _ in range(2)]
    assert answers == [live.engine.decode("diffusion", z, options=Sampling(steps=3)).tobytes()] * 2
    with client.websocket_connect("/live/decode/diffusion?steps=some") as socket:
        socket.send_bytes(z.tobytes())
        assert "?steps= must be a whole number" in socket.receive_text()
