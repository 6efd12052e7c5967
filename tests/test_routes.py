"""The short roads below /live: the catalogue, the models' files, and what stays the page's own."""

import json

import numpy as np
import pytest
from starlette.testclient import TestClient

from genmodels.models import ABILITIES, MODELS
from genmodels.ui.live.catalogue import title

from .conftest import DIGITS, save_tiny, tiny_model
from .live_kit import CODES, catalogue, model


def test_the_catalogue_says_what_a_page_needs_to_know(client):
    entry = model(client, "vae")
    assert entry["latent_dim"] == 3 and entry["latent_shape"] == [3] and entry["image_shape"] == [1, 8, 8]
    assert entry["abilities"] == ABILITIES | dict.fromkeys(("decode", "random", "encode", "posterior", "log_likelihood"), True)
    assert entry["dataset_title"] == "Small digits (8x8)" and entry["licence"] == "apache-2.0"
    assert entry["metrics"] == {"label_kept": 0.9} and entry["classifier"] == "digits-classifier" and entry["browser"] is True
    assert entry["parameters"] == sum(p.numel() for p in tiny_model("vae").parameters())
    assert model(client, "cvae")["conditions"] == list(DIGITS)
    assert model(client, "autoencoder")["atlas"] is None and model(client, "autoencoder")["metrics"] == {}
    whole = catalogue(client)
    assert list(whole["classifiers"]) == ["digits-classifier"] and whole["classifiers"]["digits-classifier"]["classes"] == list(DIGITS)
    assert whole["device"] == "CPU" and whole["runtime"] is None


def test_a_model_of_many_steps_is_never_sent_to_a_browser(client):
    entry = model(client, "diffusion")
    assert (entry["onnx"], entry["browser"]) == (None, False) and entry["steps"]["samplers"] == list(MODELS["diffusion"].SAMPLERS)
    assert model(client, "gan")["onnx"] and model(client, "gan")["steps"] is None
    answer = client.get("/live/models/diffusion/0123456789abcdef/decoder.onnx")
    assert (answer.status_code, "diffusion has no decoder.onnx" in answer.text) == (404, True)


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


def test_everything_else_belongs_to_the_page(client):
    assert [client.get(path).text for path in ("/", "/config", "/lively", "/live")] == ["the page"] * 4


def test_a_page_below_a_root_path_finds_its_roads(live):
    client = TestClient(live, root_path="/class")
    assert client.get("/class/live/catalogue.json").status_code == 200
