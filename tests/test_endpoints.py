"""Programs may ask the page: what `gradio_client` is told there is, what it gets, and the sentence in which it is refused."""

import base64
import io
import json
import urllib.error
import urllib.request
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from PIL import Image

from genmodels.engine import Engine
from genmodels.program import Model
from genmodels.ui.endpoints import MOST, endpoints
from genmodels.ui.serve import launch

from .test_program import programs

HIDDEN = "has not enabled verbose error reporting"  # what the client says where it was told nothing


@pytest.fixture(scope="module")
def engine(made):
    engine = Engine(made, device="cpu")
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def address(engine, tmp_path_factory):
    with gr.Blocks(analytics_enabled=False) as blocks:
        endpoints(engine)
    running = launch(blocks, port=0, data_dir=tmp_path_factory.mktemp("data"))
    yield running.url
    running.close()


@pytest.fixture(scope="module")
def ask(address):
    client = Client(address, verbose=False)
    return lambda name, *values, **named: client.predict(*values, **named, api_name=f"/{name}")


def pixels(png: str) -> np.ndarray:
    """uint8 [H, W, C] of a PNG in base64."""
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(png)), formats=["PNG"]))
    return picture.reshape(*picture.shape[:2], -1)


def raw(address: str, path: str, body: str) -> str:
    """What plain JSON gets, without the client."""
    request = urllib.request.Request(f"{address}gradio_api/call/{path}", body.encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        event = json.load(answer)["event_id"]
    with urllib.request.urlopen(f"{address}gradio_api/call/{path.split('/')[-1]}/{event}", timeout=60) as answer:
        return answer.read().decode()


def test_the_page_tells_a_client_which_four_calls_there_are(url):
    client = Client(url, verbose=False)
    told = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert set(told) == {"/decode", "/encode", "/interpolate", "/sample"}
    assert [parameter["parameter_name"] for parameter in told["/encode"]["parameters"]] == ["model", "pictures", "label"]
    assert all(len(about["description"]) > 60 and about["description"].endswith(".") for about in told.values())


def test_the_program_in_the_readme_runs_as_it_stands_there(url, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    [_, second] = programs()
    assert "http://127.0.0.1:7860" in second
    found = {}
    exec(second.replace("http://127.0.0.1:7860", url), found)
    assert len(found["walk"]) == 5 and pixels(base64.b64encode(Path("again.png").read_bytes()).decode()).shape == (28, 28, 1)


def test_a_program_gets_the_pictures_that_the_engine_makes(engine, ask):
    model = Model(engine, "vae")
    z = [[0.5, -1, 2], [0, 0, 1e-3]]
    assert np.array_equal(np.stack([pixels(png) for png in ask("decode", "vae", z)]), model.decode(np.float32(z)))
    assert np.array_equal(pixels(*ask("decode", "vae", "mix(seed:1, seed:2, 0.5)")), model.picture("mix(seed:1, seed:2, 0.5)"))
    assert [pixels(png).tolist() for png in ask("decode", "vae", ["seed:1", "seed:2"])] == model.decode(["seed:1", "seed:2"]).tolist()
    assert [pixels(png).tolist() for png in ask("sample", "cvae", 2, 7, label="4")] == Model(engine, "cvae").sample(2, 7, label="4").tolist()
    walk = ask("interpolate", "vae", "seed:1", z[0], frames=4)
    assert [pixels(png).tolist() for png in walk] == model.interpolate("seed:1", np.float32(z[0]), 4).tolist()
    assert ask("sample", "diffusion", steps=1, solver="ddim") != ask("sample", "diffusion", steps=9, solver="ddim")


def test_pictures_are_encoded_from_files_from_addresses_and_from_numbers(engine, ask):
    model = Model(engine, "vae")
    pictures = model.sample(2)
    codes = model.encode(pictures)
    files = ask("sample", "vae", 2)
    for sent in (files, [f"data:image/png;base64,{file}" for file in files], pictures.tolist()):
        assert np.array_equal(np.float32(ask("encode", "vae", sent)), codes)
    assert np.allclose(ask("encode", "vae", files[0]), codes[:1], atol=1e-6)
    large = io.BytesIO()
    Image.fromarray(np.repeat(np.repeat(pictures[0], 8, 0), 8, 1).repeat(3, 2)).save(large, "PNG")
    assert np.allclose(ask("encode", "vae", base64.b64encode(large.getvalue()).decode()), codes[:1], atol=1e-6)


REFUSED = [
    ("decode", ("nope", "seed:1"), "There is no model 'nope'; there are "), ("decode", ("../vae", "seed:1"), "There is no model '../vae'"),
    ("decode", (["vae"], "seed:1"), "model must be the name"), ("decode", ("digits-classifier", "seed:1"), "is a classifier"),
    ("decode", ("vae", [[True, 1, 2]]), "there is True among them"), ("decode", ("vae", [["1", 1, 2]]), "there is '1' among them"),
    ("decode", ("vae", [[10**400, 1, 2]]), "must be 1 to 64 rows"), ("decode", ("vae", [[1, 2]]), "not a list of 2 at depth 1"),
    ("decode", ("vae", [1, 2, 3]), "not int at depth 1"), ("decode", ("vae", []), "not a list of 0"),
    ("decode", ("vae", {"a": 1}), "not dict"), ("decode", ("vae", None), "not NoneType"),
    ("decode", ("vae", [[0, 0, 0]] * (MOST + 1)), "not a list of 65"),
    ("decode", ("vae", ["seed:1"] * (MOST + 1)), "1 to 64 pictures, not 65"), ("decode", ("vae", "seed"), "direction"),
    ("decode", ("vae", "x" * 5000), "4096 characters"), ("decode", ("vae", "seed:1", "3"), "takes no label"),
    ("decode", ("cvae", "seed:1", "ten"), "has no label 'ten'"), ("decode", ("cvae", "seed:1", {}), "not dict"),
    ("decode", ("diffusion", ["seed:1"] * 64, None, 1000), "4,000 steps"),
    ("decode", ("diffusion", "seed:1", None, 1001), "1 to 1000 steps"),
    ("decode", ("diffusion", "seed:1", None, 1, "no"), "has no sampler 'no'"),
    ("decode", ("diffusion", "seed:1", None, 1, [1]), "solver must be a name"),
    ("decode", ("diffusion", "seed:1", None, 1, "", "much"), "guidance must be"),
    ("decode", ("vae", "seed:1", None, 3), "no steps to choose"), ("encode", ("gan", [[[[0]] * 8] * 8]), "no encoder"),
    ("encode", ("vae", "not base64!"), "must be a file in base64"),
    ("encode", ("vae", base64.b64encode(b"%!PS-Adobe-3.0 EPSF-3.0").decode()), "no readable picture"),
    ("encode", ("vae", [[[[256]] * 8] * 8]), "from 0 to 255"), ("encode", ("vae", [[[[0.5]] * 8] * 8]), "whole numbers"),
    ("encode", ("vae", [[[[0]] * 8] * 7]), "not a list of 7 at depth 1"), ("encode", ("vae", 5), "not int"),
    ("encode", ("vae", ["AAAA"] * (MOST + 1)), "1 to 64"), ("encode", ("vae", "A" * 7_000_000), "no readable picture"),
    ("sample", ("vae", 65), "1 to 64 pictures, not 65"), ("sample", ("vae", True), "not True"), ("sample", ("vae", 1, -1), "seed must be"),
    ("sample", ("vae", 1, 1.5), "seed must be"), ("sample", ("vae", 1, 0, "no"), "no sampler of latents"),
    ("sample", ("vae", 1, 0, []), "sampler must be a name"), ("interpolate", ("vae", "seed:1", "seed:2", 1), "frames must be"),
    ("interpolate", ("vae", "seed:1", "seed:2", 65), "1 to 64"), ("interpolate", ("vae", "seed:1", "seed:2", 3, "zigzag"), "no walk"),
    ("interpolate", ("vae", "seed:1", [[1, 2, 3]], 3), "at depth 1"), ("interpolate", ("vae", "seed:1", ["seed:2"], 3), "rows of numbers"),
]


@pytest.mark.parametrize("name, asked, words", REFUSED, ids=[f"{name} {words}" for name, _, words in REFUSED])
def test_what_does_not_fit_reaches_the_program_as_a_sentence(ask, made, name, asked, words):
    with pytest.raises(AppError) as caught:
        ask(name, *asked)
    text = str(caught.value)
    assert words in text and text.endswith(".") and "\n" not in text and len(text) < 500 and str(made) not in text and HIDDEN not in text


def test_numbers_that_are_no_numbers_are_refused_in_plain_json_too(address):
    for number in ("NaN", "Infinity", "-Infinity", "1e999"):
        said = raw(address, "decode", f'{{"data": ["vae", [[{number}, 1, 2]], null, 0, "", null]}}')
        assert said.startswith("event: error") and "must be 1 to 64 rows of numbers shaped [3]" in said
    assert raw(address, "v2/decode", '{"model": "vae", "latents": "seed:1"}').startswith("event: complete")


def test_a_broken_model_names_no_folder_of_this_machine(roots, tmp_path, caplog):
    engine = Engine(roots, device="cpu")
    (roots / "vae" / "model.safetensors").unlink()
    engine.rescan()
    with gr.Blocks(analytics_enabled=False) as blocks:
        endpoints(engine)
    running = launch(blocks, port=0, data_dir=tmp_path / "data")
    try:
        with pytest.raises(AppError, match=r"^vae cannot be used; the server's log says why\.$"):
            Client(running.url, verbose=False).predict("vae", api_name="/sample")
        assert "model.safetensors cannot be read" in caplog.text
    finally:
        running.close()
        engine.close()


def test_the_queue_cannot_be_skipped_by_a_program(address):
    body = b'{"data": ["vae", "seed:1", null, 0, "", null]}'
    request = urllib.request.Request(f"{address}gradio_api/run/decode", body, {"Content-Type": "application/json"})
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(request, timeout=60)
