"""The roads of a person's own picture: what models make of it, searches that are told step by step, repairs, and refusals in words."""

import asyncio
import json
import shutil
from base64 import b64decode
from pathlib import Path

import numpy as np
import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from genmodels.engine import Engine, Search, _tasks
from genmodels.kept import npz
from genmodels.latent import hashing, typical
from genmodels.ui.live.ownpicture import ANSWERS, NEAREST, OwnPicture
from genmodels.ui.live.packing import packed
from genmodels.ui.live.routes import LiveRoutes

from .engine_kit import idle
from .live_kit import CODES, page_files

PICTURE = np.random.default_rng(1).integers(0, 256, (8, 8, 1), np.uint8)
B = PICTURE.tobytes()
TOP = np.packbits(np.arange(64) < 32).tobytes()  # the upper half is known


@pytest.fixture(scope="module")
def own(made, tmp_path_factory):
    """The roads over tiny models, of which the VAE knows what is typical."""
    roots = shutil.copytree(made, tmp_path_factory.mktemp("own") / "checkpoints")
    keep_typical(roots / "vae")
    engine = Engine(roots, device="cpu", cache=roots.parent / "cache")
    yield LiveRoutes(PlainTextResponse("the page"), engine=engine, assets=page_files(roots.parent / "assets"), roads={"own": OwnPicture(engine)})
    engine.close()


def keep_typical(folder: Path) -> None:
    """typical.npz of a model with codes of three numbers: usual codes are draws of N(0, I), usual errors lie from 0 to 1."""
    random = np.random.default_rng(2)
    usual = typical.Typical.fit(random.normal(size=(400, 3)), random.uniform(size=400), 64)
    (folder / "typical.npz").write_bytes(npz(typical.packed(usual) | hashing.packed(hashing.Hash.fit(CODES))))


@pytest.fixture(scope="module")
def asked(own):
    client = TestClient(own)

    def ask(what: str, name: str, body: bytes = PICTURE.tobytes()):
        answer = client.post(f"/live/own/{what.format(name)}" if "{}" in what else f"/live/own/{what}/{name}", content=body)
        if not answer.is_success:
            return answer
        return answer.json() if what == "read" else [json.loads(line) for line in answer.text.splitlines()]

    return ask


def numbers(text: str, kind: str) -> np.ndarray:
    return np.frombuffer(b64decode(text), kind)


def test_a_picture_is_read_by_the_models_own_encoder(asked, own):
    found = asked("read", "vae")
    code = own.engine.encode("vae", PICTURE[None])
    assert np.allclose(numbers(found["code"], "<f4"), code, atol=1e-5)
    made = numbers(found["picture"], np.uint8).reshape(8, 8, 1)
    assert np.array_equal(made, own.engine.decode("vae", code)[0])
    error = np.square((made.astype(float) - PICTURE) / 255).mean()
    assert found["error"] == pytest.approx(error) and found["psnr"] == pytest.approx(-10 * np.log10(error)) and -1 <= found["ssim"] <= 1


def test_distance_error_and_score_stand_beside_those_of_test_pictures(asked, own):
    found = asked("read", "vae")["typical"]
    usual = own.engine.typical("vae")
    assert found["among"] == 200 and found["distance"]["value"] == pytest.approx(usual.distance(own.engine.encode("vae", PICTURE[None]))[0], rel=1e-4)
    assert 0 <= found["distance"]["exceeds"] <= 1 and found["error"]["threshold"] == pytest.approx(0.95, abs=0.05)
    assert asked("read", "autoencoder")["typical"] is None


def test_a_code_far_out_is_said_to_be_far_out(asked):
    near, far = (asked("read", "vae", PICTURE.tobytes() + np.full(3, value, "<f4").tobytes()) for value in (0, 30))
    assert near["typical"]["distance"]["exceeds"] < 0.3 and far["typical"]["distance"]["exceeds"] == 1
    assert far["typical"]["score"]["value"] > near["typical"]["score"]["value"]


def test_the_length_of_a_code_stands_beside_that_of_random_latents(asked):
    usual, far = (asked("read", "vae", PICTURE.tobytes() + np.array(code, "<f4").tobytes())["length"] for code in ([1, 1, 0.6], [3, 4, 0]))
    assert far["value"] == pytest.approx(5) and far["usual"] == pytest.approx(1.538, abs=1e-3), "the median of chi with three degrees of freedom"
    assert 0.45 < usual["exceeds"] < 0.55 and far["exceeds"] > 0.999


def test_the_nearest_of_the_atlas_are_found_by_code_and_by_bits(asked, own):
    wanted = np.float32(np.float16(CODES[7]))
    found = asked("read", "vae", PICTURE.tobytes() + wanted.tobytes())["near"]
    assert found["among"] == 20 and not found["drawn"] and len(found["codes"]) == len(found["hashed"]) == NEAREST
    assert found["codes"][0] == {"row": 7, "apart": 0.0} and 7 in [one["row"] for one in found["hashed"] if one["apart"] == 0]
    assert set(found["bits"]) <= {"0", "1"} and len(found["bits"]) == hashing.BITS


def test_a_file_of_as_many_bytes_as_the_code_stands_beside(asked):
    found = asked("read", "vae")
    assert found["bytes"] == 6 and [one["format"] for one in found["files"]] == ["JPEG", "WEBP"]
    assert all(one["bytes"] > 6 and len(numbers(one["picture"], np.uint8)) == 64 for one in found["files"])  # a header alone has more
    ramp = np.tile(np.arange(0, 256, 4, dtype=np.uint8), (64, 1))[..., None].repeat(3, 2)
    small, large = packed(ramp, 700)[1], packed(ramp, 3000)[1]
    assert small.bytes <= 700 and large.bytes <= 3000
    assert np.square(large.pixels.astype(float) - ramp).mean() <= np.square(small.pixels.astype(float) - ramp).mean() < 200


def test_a_model_without_an_encoder_has_no_code_until_it_is_searched_for(asked):
    assert asked("read", "gan")["code"] is None
    lines = asked("refine", "gan")
    found = asked("read", "gan", PICTURE.tobytes() + b64decode(lines[-1]["answers"][0]["code"]))
    assert found["error"] == pytest.approx(lines[-1]["answers"][0]["error"], abs=2e-3) and found["code"] == lines[-1]["answers"][0]["code"]


def test_a_conditional_model_is_told_what_the_classifier_sees(asked, own):
    seen = int(own.engine.classify("digits-classifier", PICTURE[None]).argmax())
    assert asked("read", "cvae")["told"] == str(seen) and asked("read", "vae")["told"] is None
    expected = own.engine.encode("cvae", PICTURE[None], np.eye(10, dtype=np.float32)[[seen]])
    assert np.allclose(numbers(asked("read", "cvae")["code"], "<f4"), expected, atol=1e-5)


@pytest.mark.parametrize("name", ["vae", "gan"])
def test_a_search_says_step_by_step_what_it_has_found_and_never_gets_worse(asked, name):
    first, *lines = asked("refine", name)
    assert first == {"told": None} and lines[-1]["over"] and lines[-1]["step"] == lines[-1]["steps"]
    steps, errors = ([line["step"] for line in lines], [line["answers"][0]["known"] for line in lines])
    assert steps == sorted(steps) and errors == sorted(errors, reverse=True)
    assert len(numbers(lines[-1]["answers"][0]["picture"], np.uint8)) == 64


def test_refining_comes_nearer_than_the_encoders_guess(asked):
    assert asked("refine", "vae")[-1]["answers"][0]["error"] < asked("read", "vae")["error"]


def test_a_hidden_half_is_repaired_in_several_ways_from_what_is_known_alone(asked):
    spoilt = PICTURE.copy()
    spoilt[4:] = 255 - spoilt[4:]
    clean, dirty = (asked("repair", "vae", picture.tobytes() + TOP) for picture in (PICTURE, spoilt))
    assert [one["title"] for one in clean[0]["beside"]] == ["What is known", "Biharmonic"] and len(clean[-1]["answers"]) == ANSWERS
    assert [one["code"] for one in clean[-1]["answers"]] == [one["code"] for one in dirty[-1]["answers"]]
    made = numbers(clean[-1]["answers"][0]["picture"], np.uint8).reshape(8, 8, 1)
    known = np.square((made[:4].astype(float) - PICTURE[:4]) / 255).mean()
    assert clean[-1]["answers"][0]["known"] == pytest.approx(known, abs=2e-3)


def test_a_small_picture_is_enlarged_beside_nearest_and_bicubic(asked):
    lines = asked("repair/{}?factor=2", "vae")
    assert [one["title"] for one in lines[0]["beside"]] == ["Nearest", "Bicubic"] and len(lines[-1]["answers"]) == ANSWERS
    nearest = numbers(lines[0]["beside"][0]["picture"], np.uint8).reshape(8, 8)
    assert np.array_equal(nearest[::2], nearest[1::2]) and np.array_equal(nearest[:, ::2], nearest[:, 1::2])


class Leaves(OwnPicture):
    """Hangs up after some lines, as a page does whose stop was pressed."""

    async def hang_up(self, name: str, lines: int) -> list[bytes]:
        scope = {"type": "http", "method": "POST", "path": "", "query_string": b"", "headers": [], "client": ("test", 1)}
        body = [{"type": "http.request", "body": PICTURE.tobytes()}]

        async def receive():
            return body.pop() if body else await asyncio.sleep(3600)

        seen = []

        async def send(message):
            if message["type"] == "http.response.body":
                seen.append(message["body"])
                if len(seen) >= lines:
                    raise OSError("gone")

        answer = await self.answer(Request(scope, receive), ["refine", name])
        with pytest.raises(ClientDisconnect):
            await answer(scope | {"asgi": {"spec_version": "2.4"}}, receive, send)
        return seen


def test_a_page_that_hangs_up_ends_the_search_and_is_not_counted_as_waiting_any_more(own, monkeypatch):
    monkeypatch.setattr(_tasks, "STEPS", 100_000)  # more than any test waits for
    road = Leaves(own.engine)
    seen = asyncio.run(road.hang_up("gan", 2))
    assert json.loads(seen[1])["answers"][0]["code"] and idle(own.engine) and road.asking.waiting.all == 0


@pytest.mark.parametrize("what, name, body, status, sentence", [
    ("read", "vae", B[:-1], 400, "64 or 76 bytes, not 63"), ("read", "vae", B + b"\0" * 8, 400, "64 or 76 bytes"),
    ("read", "vae", B + np.full(3, np.nan, "<f4").tobytes(), 400, "finite"), ("read", "nope", B, 404, "no checkpoint 'nope'"),
    ("read", "vae", B + np.full(3, 3e38, "<f4").tobytes(), 400, "not finite"), ("read", "digits-classifier", B, 400, "is a classifier"),
    ("refine", "diffusion", B, 400, "many steps"), ("refine", "vae", B * 2, 400, "64 bytes"),
    ("repair", "vae", B, 400, "Say which pixels are known"), ("repair", "vae", B + bytes(8), 400, "Nothing of the picture is known"),
    ("repair/{}?factor=3", "vae", B, 400, "2 or 4"), ("repair/{}?factor=2", "vae", B + TOP[:3], 400, "bytes"),
    ("paint", "vae", B, 404, "nothing at this address"),
], ids=lambda value: str(value)[:24])
def test_what_cannot_be_is_refused_in_words(asked, what, name, body, status, sentence):
    answer = asked(what, name, body)
    assert answer.status_code == status and sentence in answer.text


def test_a_search_with_options_that_cannot_be_is_refused_by_the_engine(own):
    refused = {Search(b"1"): "8 bytes", Search(shrunk=3): "cannot be shrunk", Search(TOP, 2): "not both", Search(answers=9): "1 to 8 answers"}
    for options, sentence in refused.items():
        with pytest.raises(ValueError, match=sentence):
            own.engine.submit("search", "vae", PICTURE[None], options=options)


def test_neighbours_in_a_search_change_nothing(own):
    pixels = np.stack([PICTURE, 255 - PICTURE, PICTURE // 2])
    codes, errors = own.engine.search("gan", pixels, options=Search(answers=2))
    assert codes.shape == (3, 2, 3) and errors.shape == (3, 2)
    alone = [own.engine.search("gan", pixels[k:k + 1], options=Search(answers=2))[0] for k in range(3)]
    assert np.allclose(codes, np.concatenate(alone), atol=1e-2)
