"""The roads of paths: every step as a line while it is taken, repairs, the way back, hanging up, and refusals in words."""

import asyncio
import json
from base64 import b64decode

import numpy as np
import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from genmodels.engine import Engine, Given, Sampling
from genmodels.ui.live.path import NoiseRoad, PathRoad
from genmodels.ui.live.routes import LiveRoutes

from .conftest import DIGITS, save_tiny, tiny_model
from .engine_kit import close_to, idle
from .live_kit import page_files

PICTURE = np.random.default_rng(1).integers(0, 256, (8, 8, 1), np.uint8)
TOP = np.packbits(np.arange(64) < 32).tobytes()  # the upper half is known
NAN = np.full(64, np.nan, "<f4").tobytes()
ONE = bytes(256)


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    folder = tmp_path_factory.mktemp("paths")
    save_tiny(tiny_model("diffusion", steps=3), folder / "checkpoints" / "diffusion")
    save_tiny(tiny_model("diffusion", steps=3, conditions=DIGITS, guidance=2.0), folder / "checkpoints" / "cdiffusion")
    save_tiny(tiny_model("flow_matching", steps=3), folder / "checkpoints" / "flow")
    save_tiny(tiny_model("vae"), folder / "checkpoints" / "vae")
    engine = Engine(folder / "checkpoints", device="cpu", cache=folder / "cache")
    yield LiveRoutes(PlainTextResponse("the page"), engine=engine, assets=page_files(folder / "assets"),
                     roads={"path": PathRoad(engine), "noise": NoiseRoad(engine)})
    engine.close()


@pytest.fixture(scope="module")
def asked(live):
    client = TestClient(live)

    def ask(where: str, *body: bytes | np.ndarray):
        answer = client.post(f"/live/{where}", content=b"".join(part if isinstance(part, bytes) else part.tobytes() for part in body))
        return [json.loads(one) for one in answer.text.splitlines()] if answer.is_success else answer

    return ask


def pixels(text: str) -> np.ndarray:
    return np.frombuffer(b64decode(text), np.uint8).reshape(-1, 8, 8, 1)


def test_every_step_is_a_line_and_the_last_has_the_picture(asked, live):
    z = live.engine.prior("diffusion", 1, 3)
    first, *steps, last = asked("path/diffusion?steps=5&sampler=ddim&eta=0.5&noise=4", z)
    assert first == {"steps": 5, "n": 1} and last["done"] is True and [step["step"] for step in steps] == [1, 2, 3, 4, 5]
    assert close_to(pixels(last["x"]), live.engine.decode("diffusion", z, options=Sampling("ddim", 5, 0.5, seed=4)))
    for step, after in zip(steps, steps[1:], strict=False):
        assert step["next"] == {key: after[key] for key in ("t", "alpha", "sigma")} and step["t"] > after["t"] and step["spread"] > 0
        assert step["alpha"] ** 2 + step["sigma"] ** 2 == pytest.approx(1) and {"mean", "fresh"} <= set(step)
    assert steps[-1]["next"] == {"t": 0, "alpha": 1, "sigma": 0} and close_to(pixels(steps[-1]["mean"]), pixels(last["x"]))
    assert close_to(pixels(steps[0]["x"]), (z.clip(-1, 1) * 127.5 + 128).astype(np.uint8).reshape(1, 8, 8, 1))


def test_several_pictures_take_their_steps_in_lines_together(asked, live):
    z, y = live.engine.prior("cdiffusion", 6, 5), np.eye(10, dtype="<f4")[[1, 2, 3, 4, 5, 6]]
    first, *steps, last = asked("path/cdiffusion?guidance=3", z, y)
    assert first == {"steps": 3, "n": 6} and len(steps) == 3 and "mean" not in steps[0]
    assert all(pixels(step[what]).shape == (6, 8, 8, 1) for step in steps for what in ("x", "x0", "noise"))
    assert close_to(pixels(last["x"]), live.engine.decode("cdiffusion", z, y, Sampling(guidance=3.0)))


def test_a_family_without_chance_has_steps_too(asked, live):
    z = live.engine.prior("flow", 2, 5)
    first, *steps, last = asked("path/flow", z)
    assert first == {"steps": 3, "n": 2} and [step["t"] for step in steps] == [1000, 667, 333]
    assert close_to(pixels(last["x"]), live.engine.decode("flow", z))


def test_a_repair_keeps_what_is_known(asked, live):
    z = live.engine.prior("diffusion", 3, 5)
    first, *steps, last = asked("path/diffusion?mask=1&repeats=2&steps=4", z, PICTURE, TOP)
    assert first["steps"] == len(steps) == 7 and np.array_equal(pixels(last["x"])[:, :4], np.stack([PICTURE[:4]] * 3))
    options = Sampling(steps=4, given=Given(PICTURE.tobytes(), TOP, repeats=2))
    assert close_to(pixels(last["x"]), live.engine.decode("diffusion", z, options=options))


def test_a_small_picture_and_one_to_begin_from_are_taken(asked, live):
    z = live.engine.prior("diffusion", 1, 5)
    *_, last = asked("path/diffusion?shrunk=2&steps=4", z, PICTURE)
    assert close_to(pixels(last["x"]), live.engine.decode("diffusion", z, options=Sampling(steps=4, given=Given(PICTURE.tobytes(), shrunk=2))))
    *_, near = asked("path/diffusion?start=0.01&steps=4", z, PICTURE)
    assert np.abs(pixels(near["x"]).astype(int) - PICTURE).mean() < 12 < np.abs(pixels(last["x"]).astype(int) - PICTURE).mean()


def test_the_way_back_is_told_and_ends_with_the_noise(asked, live):
    *steps, last = asked("noise/diffusion?steps=6", PICTURE)
    assert [(step["step"], step["of"]) for step in steps] == [(k, 6) for k in range(1, 7)]
    assert all(a["t"] < b["t"] for a, b in zip(steps, steps[1:], strict=False)) and pixels(steps[0]["x"]).shape == (1, 8, 8, 1)
    z = np.frombuffer(b64decode(last["z"]), "<f4").reshape(1, 1, 8, 8)
    assert last["done"] is True and np.allclose(z, live.engine.submit("noise", "diffusion", PICTURE[None], options=Sampling(steps=6)).result(), atol=1e-3)
    told = asked("noise/cdiffusion?steps=2", PICTURE, np.eye(10, dtype="<f4")[3])
    assert len(told) == 3 and told[-1]["done"]


def test_numbers_that_cannot_be_pictures_are_a_line_that_says_so(asked):
    [problem] = asked("path/diffusion", np.full(64, 3e38, "<f4"))[-1:]
    assert "not finite" in problem["problem"]


@pytest.mark.parametrize("where, body, status, sentence", [
    ("path/vae", bytes(12), 400, "one step"), ("noise/vae", PICTURE.tobytes(), 400, "one step"), ("path/nobody", ONE, 404, "no checkpoint 'nobody'"),
    ("path/diffusion", ONE[:-1], 400, "1 to 16 times 64 float32 numbers, not 255 bytes"), ("path/diffusion", ONE * 17, 400, "1 to 16 times"),
    ("path/diffusion", b"", 400, "1 to 16 times"), ("path/diffusion?steps=1001", ONE, 400, "1 to 1000 steps"),
    ("path/diffusion?steps=x", ONE, 400, "whole number"),
    ("path/diffusion?sampler=euler", ONE, 400, "no sampler 'euler'"), ("path/diffusion?eta=2", ONE, 400, "eta"), ("path/diffusion?eta=nan", ONE, 400, "eta"),
    ("path/diffusion", NAN, 400, "finite"), ("path/diffusion?start=0.5", ONE, 400, "and 64 bytes of a picture"),
    ("path/diffusion?start=0", ONE + bytes(64), 400, "above 0"), ("path/diffusion?start=nan", ONE + bytes(64), 400, "above 0"),
    ("path/diffusion?mask=1", ONE + bytes(72), 400, "Nothing of the picture is known"),
    ("path/diffusion?mask=1&shrunk=2", ONE + bytes(64) + TOP, 400, "not both"),
    ("path/diffusion?shrunk=3", ONE + bytes(64), 400, "cannot be shrunk 3"), ("path/diffusion?mask=1&repeats=21", ONE + bytes(64) + TOP, 400, "1 to 20 times"),
    ("path/diffusion?mask=1&repeats=20&steps=100", ONE + bytes(64) + TOP, 400, "at most 1000 steps"),
    ("path/diffusion/more", ONE, 404, "nothing at this address"),
    ("noise/diffusion", bytes(63), 400, "a picture of 64 bytes, not 63"), ("noise/cdiffusion", bytes(65), 400, "perhaps 10 float32 numbers"),
    ("noise/diffusion?steps=1001", bytes(64), 400, "1 to 1000 steps"),
], ids=lambda value: str(value)[:30])
def test_what_cannot_be_is_refused_in_words(asked, where, body, status, sentence):
    answer = asked(where, body)
    assert answer.status_code == status and sentence in answer.text


def test_only_posts_are_answered(live):
    assert TestClient(live).get("/live/path/diffusion").status_code == 405


@pytest.mark.parametrize("road, where, body", [(PathRoad, b"steps=500&sampler=ddim", ONE), (NoiseRoad, b"steps=500", PICTURE.tobytes())])
def test_a_page_that_hangs_up_ends_the_path_and_is_not_counted_as_waiting_any_more(live, road, where, body):
    road = road(live.engine)

    async def hang_up() -> list[bytes]:
        scope, seen, sent = {"type": "http", "method": "POST", "query_string": where, "headers": [], "client": ("127.0.0.1", 1), "path": "/"}, [], []

        async def receive():
            if not sent:
                sent.append(True)
                return {"type": "http.request", "body": body, "more_body": False}
            await asyncio.Event().wait()

        async def send(message):
            if message["type"] == "http.response.body":
                seen.append(message["body"])
                if len(seen) >= 3:
                    raise OSError("gone")

        answer = await road.answer(Request(scope, receive), ["diffusion"])
        with pytest.raises(ClientDisconnect):
            await answer(scope | {"asgi": {"spec_version": "2.4"}}, receive, send)
        return seen

    seen = asyncio.run(hang_up())
    assert json.loads(seen[2])["step"] < 500 and idle(live.engine) and road.asking.waiting.all == 0
