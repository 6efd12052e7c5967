"""The direction workshop, seen from the server: directions of marked codes, how far pushes move every attribute, and refusals in words."""

import asyncio
import base64
import json

import numpy as np
import pytest

from genmodels.kept import Kept, directions_files
from genmodels.latent.directions import Direction, project_off
from genmodels.latent.showing import Showing
from genmodels.normal import latents
from genmodels.ui.live.workshop import MOST_MARKED, SAMPLES, SEED, Workshop, doubt

from .engine_kit import idle
from .test_routes_asking import ask

D = 3
RANDOM = np.random.default_rng(5)
SCALES = (0.5, 1.0, 2.0)
NAMES = ("From 0 to 1", "Slant", "7")


@pytest.fixture
def workshop(live):
    live.roads["directions"] = Workshop(live.engine)
    return live.roads["directions"]


@pytest.fixture
def directed(roots, workshop, live) -> str:
    """A model that has directions: the three axes of its latent space, of different scales."""
    found = tuple(Direction(f"To {name}" if len(name) < 2 else name, vector, scale, 0.0, 0.9, "learned", "Made up for tests.")
                  for name, vector, scale in zip(NAMES, np.eye(D, dtype=np.float32), SCALES, strict=True))
    for file, content in directions_files(Kept(found), live.engine.checkpoint("vae").hash).items():
        (roots / "vae" / file).write_bytes(content)
    live.engine.rescan()
    return "vae"


def fit(client, plus: np.ndarray, minus: np.ndarray, name="vae"):
    return client.post(f"/live/directions/fit/{name}?plus={len(plus)}&minus={len(minus)}", content=np.concatenate([plus, minus]).astype("<f4").tobytes())


def lines(answer) -> list[dict]:
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def leak(client, query: str, own: np.ndarray | None = None, name="vae") -> list[dict]:
    return lines(client.post(f"/live/directions/leakage/{name}?{query}", content=b"" if own is None else own.astype("<f4").tobytes()))


def test_codes_that_can_be_parted_give_the_direction_between_them(client, workshop):
    z = RANDOM.normal(size=(400, D))
    found = fit(client, z[z[:, 1] > 1][:10], z[z[:, 1] < -1][:10]).json()
    step = np.frombuffer(base64.b64decode(found["step"]), "<f4")
    assert found["accuracy"] > 0.95 and not found["doubt"]
    assert step[1] / np.linalg.norm(step) > 0.9
    assert np.isclose(np.linalg.norm(step), found["scale"]) and np.isclose(found["scale"], 1, atol=1e-3)


def test_marks_without_sense_are_told_to_be_no_better_than_a_coin(client, workshop):
    z = RANDOM.normal(size=(80, D))
    found = fit(client, z[:40], z[40:]).json()
    assert found["accuracy"] < 0.65 and "coin" in found["doubt"]


def test_few_marks_are_told_to_be_few():
    assert "Only 4" in doubt(0.9, 4, 12) and doubt(0.9, 12, 10) == ""
    assert "coin" in doubt(0.5, 3, 3) and "Only 3" in doubt(0.5, 3, 3)


REFUSED = {
    "too few marks": ("POST", "fit/vae?plus=2&minus=9", 11 * D, 400, "at least 3"),
    "no number of marks": ("POST", "fit/vae?plus=many&minus=9", 9 * D, 400, "at least 3"),
    "too many marks": ("POST", f"fit/vae?plus={MOST_MARKED}&minus=9", 9, 400, "the most"),
    "another size": ("POST", "fit/vae?plus=5&minus=5", 10 * D + 1, 400, "body must be"),
    "an unknown model": ("POST", "fit/nobody?plus=5&minus=5", 10 * D, 404, "no checkpoint"),
    "a classifier": ("POST", "fit/digits-classifier?plus=5&minus=5", 10 * D, 400, "no latent space"),
    "another method": ("GET", "fit/vae?plus=5&minus=5", 0, 405, "not answered"),
    "another address": ("POST", "forge/vae", 0, 404, "nothing at this address"),
    "an unknown direction": ("POST", "leakage/vae?push=Nose", 0, 400, "no direction Nose"),
    "a name that is none": ("POST", "leakage/vae?push=a*b", 0, 400, "no name"),
    "the same twice": ("POST", "leakage/vae?push=Nose,Nose", 0, 400, "each once"),
    "a step that is missing": ("POST", "leakage/vae?own=Nose&push=Nose", 0, 400, "body must be"),
    "nothing to push": ("POST", "leakage/vae", 0, 400, "no directions yet"),
    "a slow model": ("POST", "leakage/diffusion", 0, 400, "too long"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_asked_is_refused_in_a_sentence(client, workshop, what):
    method, path, count, status, said = REFUSED[what]
    answer = client.request(method, f"/live/directions/{path}", content=np.ones(count, "<f4").tobytes())
    assert (answer.status_code, said in answer.text, answer.text[-1]) == (status, True, "."), answer.text


def test_numbers_that_are_not_finite_are_refused(client, workshop):
    z = np.ones((10, D), np.float32)
    z[3, 1] = np.nan
    assert "NaN" in fit(client, z[:5], z[5:]).text
    assert "same codes" in fit(client, np.ones((5, D)), np.ones((5, D))).text


def test_a_model_without_a_classifier_is_told_so(client, workshop, roots, live):
    (roots / "digits-classifier" / "config.json").unlink()
    live.engine.rescan()
    answer = client.post("/live/directions/leakage/vae?own=Nose", content=np.ones(D, "<f4").tobytes())
    assert answer.status_code == 400 and "No classifier" in answer.text


# How far pushes move every attribute


def directly(engine, step: np.ndarray) -> np.ndarray:
    """The mean change of the classifier's probabilities by a step, and of a pair of classes, from the engine's own answers."""
    def seen(z):
        return engine.classify("digits-classifier", engine.decode("vae", z)).astype(np.float64)
    z = latents(SEED, SAMPLES, (D,))
    before, after = seen(z), seen((z + step).astype(np.float32))
    return np.array([(p[:, 1] / (p[:, 0] + p[:, 1])).mean() for p in (before, after)]) @ [-1, 1]


def test_leakage_is_the_mean_change_of_what_is_seen(client, directed, live):
    first, *rows = leak(client, "")
    assert first == {"attributes": ["From 0 to 1", "Slant"], "pushes": ["From_0_to_1", "Slant", "To_7"], "samples": SAMPLES}
    for row, axis, scale in zip(rows, np.eye(D), SCALES, strict=True):
        assert np.isclose(row["moved"][0], directly(live.engine, scale * axis), atol=1e-5) and row["left"] == 1


def test_a_lock_takes_away_what_lies_along_it_and_leaves_itself_alone(client, directed, live):
    own = np.array([[1.0, 1.0, 0.0]])
    _, mine, locked = leak(client, "push=Mine,Slant&keep=Slant&own=Mine", own)
    assert np.isclose(mine["left"], np.sqrt(0.5), atol=1e-4) and locked["left"] == 1
    assert np.isclose(mine["moved"][0], directly(live.engine, project_off(own, np.eye(D)[1:2])[0]), atol=1e-5)


def test_of_a_push_inside_of_what_is_locked_nothing_is_left(client, directed):
    _, mine = leak(client, "push=Mine&keep=From_0_to_1,Slant,To_7&own=Mine", np.ones((1, D)))
    assert mine["left"] < 1e-6 and np.abs(mine["moved"]).max() < 1e-9


def test_without_directions_all_that_the_classifier_knows_is_looked_at(client, workshop):
    first, row = leak(client, "own=Mine", np.ones((1, D)))
    assert first["attributes"] == list("0123456789") and len(row["moved"]) == 10


def test_what_evaluate_measured_is_read_from_the_checkpoint(client, directed, roots, live):
    assert client.get("/live/directions/leakage/gan").json() == {}
    about = json.loads((roots / "vae" / "directions.json").read_text())
    about["leakage"] = {"names": ["Slant"], "samples": 256, "before": [[0.5]], "after": [[0.25]], "cosines": [[1.0]]}
    (roots / "vae" / "directions.json").write_text(json.dumps(about))
    live.engine.rescan()
    found = client.get("/live/directions/leakage/vae").json()
    assert found["before"] == [[0.5]] and found["after"] == [[0.25]] and found["names"] == ["Slant"]


def test_whoever_leaves_is_measured_for_no_longer(workshop, directed, live):
    async def asked():
        leaving = asyncio.Event()
        answering = asyncio.create_task(ask(live, "POST", f"/live/directions/leakage/{directed}", leaving=leaving))
        async with asyncio.timeout(20):
            while not workshop.measures.all:
                await asyncio.sleep(0)
        leaving.set()
        await asyncio.wait_for(answering, 20)
        return workshop.measures.all

    assert asyncio.run(asked()) == 0 and idle(live.engine)


def test_a_visitor_measures_a_few_things_at_once_and_no_more(workshop, client, directed):
    with workshop.measures.answering("testclient", 1), workshop.measures.answering("testclient", 1), workshop.measures.answering("testclient", 1):
        answer = client.post("/live/directions/leakage/vae")
    assert answer.status_code == 429 and client.post("/live/directions/leakage/vae").status_code == 200


# What pictures show


def test_names_are_read_as_what_they_mean():
    chances = np.array([[0.6, 0.2, 0.2], [0.1, 0.1, 0.8]])
    pixels = np.zeros((2, 8, 8, 1), np.uint8)
    pixels[:, 2:6, 3:5] = 255
    pixels[1, 2:6, 3:7] = 255
    showing = Showing(["b", "From a to b", "Thickness", "Nobody"], ("a", "b", "c"))
    values = showing.values(chances, pixels)
    assert showing.names == ["b", "From a to b", "Thickness"]
    assert np.allclose(values[:, :2], [[0.2, 0.25], [0.1, 0.5]]) and values[1, 2] > values[0, 2]
    assert np.allclose(showing.moved(values[:1], values[1:]), [-0.1, 0.25, 1])
