"""Autoencoders whose codes are small pictures, as diffusers writes them: read, compared with diffusers' own, asked by the engine, refused in words."""

import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load

from genmodels import formats
from genmodels.checkpoint import Checkpoint, find, save_foreign
from genmodels.datasets import floats, photographs
from genmodels.engine import Engine
from genmodels.export import check
from genmodels.first_atlas import first_atlas, keep_first_atlas
from genmodels.formats import _spatial, autoencoder_kl, autoencoder_tiny
from genmodels.hub import Hub, Shelf
from genmodels.models import to_pixels

from . import format_kit as kit

SMALL = {"sample_size": 32, "scaling_factor": 0.5, "shift_factor": 0.1}
REPOSITORIES = {  # files, how diffusers' own class is called, and what its latents are called
    "kl": (lambda: kit.autoencoder_kl(**SMALL), "AutoencoderKL"),
    "kl, old": (lambda: kit.autoencoder_kl(old=True, **SMALL), "AutoencoderKL"),
    "kl, plainer": (lambda: kit.autoencoder_kl(mid_block_add_attention=False, use_quant_conv=False, use_post_quant_conv=False, **SMALL), "AutoencoderKL"),
    "tiny": (lambda: kit.autoencoder_tiny(scaling_factor=0.5), "AutoencoderTiny"),
}


def read(files: dict[str, bytes], folder: Path):
    """What this program makes of a repository: the account of the order, and the checkpoint of what was found."""
    order = formats.recognise(kit.listing(files))
    found = formats.read(order, kit.laid({name: files[name] for name in order.files}, folder / "files"))
    return found, save_foreign(found, folder / "model")


def pictures(n: int, side: int) -> np.ndarray:
    """uint8 [n, side, side, 3] of photographs."""
    return photographs.whole(side)[:n].permute(0, 2, 3, 1).contiguous().numpy()


@pytest.fixture
def engine(tmp_path) -> Iterator[Engine]:
    read(kit.autoencoder_kl(**SMALL), tmp_path)
    keep_first_atlas(Checkpoint(tmp_path / "model"))
    engine = Engine(tmp_path, device="cpu", cache=tmp_path / "cache")
    yield engine
    engine.close()


@pytest.mark.parametrize("case", REPOSITORIES)
def test_pictures_and_codes_are_those_of_diffusers(case, tmp_path):
    made, kind = REPOSITORIES[case]
    files = made()
    theirs = getattr(kit.library("diffusers"), kind).from_pretrained(kit.laid(files, tmp_path / "theirs")["config.json"].parent).eval()
    model = read(files, tmp_path)[1].load()
    x = floats(photographs.whole(model.image_shape[-1])[:2])
    scale, shift = theirs.config.scaling_factor, theirs.config.shift_factor or 0.0
    with torch.no_grad():
        encoded = theirs.encode(x)
        code = encoded.latent_dist.mean if kind == "AutoencoderKL" else encoded.latents
        z = model.encode(x)
        assert z.shape == (2, *model.latent_shape) and torch.allclose(z, (code - shift) * scale, atol=1e-5)
        ours, wanted = (to_pixels(made).astype(int) for made in (model.decode(z), theirs.decode(code).sample))
    assert abs(ours - wanted).max() <= 2 and wanted.std() > 1


def test_codes_are_about_as_wide_as_the_posterior_says(tmp_path):
    model = read(kit.autoencoder_kl(**SMALL), tmp_path)[1].load()
    theirs = model.net.encode(x := floats(photographs.whole(32)[:1])).latent_dist
    assert torch.allclose(model.posterior(x).stddev, theirs.std * 0.5) and torch.equal(model.posterior(x).mean, model.encode(x))


@pytest.mark.parametrize("said, side", [(16, 16), ([24, 24], 24), (100, 100), (101, 100), (4096, 256), (None, 256)])
def test_the_size_is_the_one_it_is_made_for_up_to_a_limit(said, side):
    files = kit.autoencoder_kl(sample_size=16)
    files = kit.changed(files, "config.json", sample_size=said)
    config, account = autoencoder_kl._described(json.loads(files["config.json"]))
    assert config.image_shape == (3, side, side)
    assert any(f"{side}x{side}" in sentence and (side == said or "here" in sentence or said == [24, 24]) for sentence in account)


def test_a_large_model_gets_pictures_that_a_processor_keeps_up_with():
    config = {**kit.TINY_KL, "_class_name": "AutoencoderKL", "sample_size": 256, "norm_num_groups": 32, "block_out_channels": [128, 256, 512, 512],
              "layers_per_block": 2, "down_block_types": ["DownEncoderBlock2D"] * 4, "up_block_types": ["UpDecoderBlock2D"] * 4}
    kit.library("diffusers")
    order = formats.recognise(kit.listing({"config.json": json.dumps(config).encode(), "diffusion_pytorch_model.safetensors": b""}))
    told = " ".join(order.account)
    assert "83.7 million parameters: pictures of 3x128x128 become codes of 4x16x16" in told and "made for 256x256" in told
    assert "scaling_factor = 0.18215" in told, "the one that diffusers takes where none is said"
    assert _spatial.work_of(autoencoder_kl.Model, autoencoder_kl._described(config)[0]) <= _spatial.WORK


def test_a_pipeline_lends_its_autoencoder_alone(tmp_path):
    files = {f"vae/{name}": content for name, content in kit.autoencoder_kl(**SMALL).items() if name != "README.md"}
    others = {"model_index.json": b'{"_class_name": "StableDiffusionPipeline"}', "unet/diffusion_pytorch_model.safetensors": b"x"}
    found, checkpoint = read(files | others, tmp_path)
    assert found.family == "autoencoder_kl" and "only its autoencoder" in found.account[0] and checkpoint.load().latent_shape == (4, 16, 16)


def test_other_files_of_a_repository_are_left_where_they_are():
    files = kit.autoencoder_tiny() | {"taesd_decoder.safetensors": b"x", "taesd_encoder.onnx": b"x", "taesd_encoder.pth": b"x"}
    order = formats.recognise(kit.listing(files))
    assert order.files == ("config.json", "diffusion_pytorch_model.safetensors")
    assert "Not needed and not fetched: taesd_decoder.safetensors, taesd_encoder.onnx, taesd_encoder.pth." in order.account


REFUSED = {
    "an unknown key": (kit.autoencoder_kl, {"use_magic": 3}, "'use_magic': 3, which this program does not know; it could change the pictures"),
    "other blocks": (kit.autoencoder_kl, {"down_block_types": ["AttnDownEncoderBlock2D"] * 2}, "whose down_block_types are all DownEncoderBlock2D"),
    "too few blocks": (kit.autoencoder_kl, {"up_block_types": ["UpDecoderBlock2D"]}, "names 1 up_block_types and 2 block_out_channels"),
    "four channels": (kit.autoencoder_kl, {"in_channels": 4}, "takes pictures of 4 channels and gives 3"),
    "groups that do not fit": (kit.autoencoder_kl, {"norm_num_groups": 5}, r"channels \[8, 16\] cannot be normalised in 5 groups"),
    "too wide": (kit.autoencoder_kl, {"block_out_channels": [8, 10**6]}, "channels must be between 1 and 1024"),
    "words for numbers": (kit.autoencoder_kl, {"layers_per_block": "many"}, "layers must be a whole number"),
    "another way up": (kit.autoencoder_tiny, {"upsample_fn": "bilinear"}, "double their sides by the nearest pixel"),
    "uneven scales": (kit.autoencoder_tiny, {"num_decoder_blocks": [1, 1, 1]}, "the same 1 to 6 scales"),
    "no width": (kit.autoencoder_tiny, {"scaling_factor": 0}, "scaling_factor must be between"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_config_that_would_change_the_pictures_is_refused_in_words(case):
    made, values, words = REFUSED[case]
    with pytest.raises(ValueError, match=words) as caught:
        formats.recognise(kit.listing(kit.changed(made(), "config.json", **values)))
    assert str(caught.value).endswith(".")


def test_weights_of_another_model_do_not_load(tmp_path):
    files = kit.autoencoder_kl(**SMALL) | {"config.json": kit.autoencoder_kl(latent_channels=8, **SMALL)["config.json"]}
    with pytest.raises(ValueError, match="has the shape"):
        read(files, tmp_path)[1].load()


def test_a_repository_without_weights_says_what_is_looked_for():
    files = kit.autoencoder_kl()
    del files["diffusion_pytorch_model.safetensors"]
    with pytest.raises(ValueError, match="no weights that this program reads; it looks for diffusion_pytorch_model.safetensors"):
        formats.recognise(kit.listing(files))


def test_without_the_library_it_is_said_what_to_install(monkeypatch):
    files = kit.autoencoder_kl()
    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(ValueError, match="requirements-diffusers.txt"):
        formats.recognise(kit.listing(files))


def test_weights_keep_the_names_of_the_library(tmp_path):
    found, _ = read(files := kit.autoencoder_tiny(), tmp_path)
    assert set(found.weights) == {f"net.{name}" for name in load(files["diffusion_pytorch_model.safetensors"])}


# In the engine


def test_the_engine_encodes_and_decodes_one_by_one_as_together(engine):
    x = pictures(3, 32)
    z = engine.encode("model", x)
    together = engine.decode("model", z)
    assert z.shape == (3, 4, 16, 16) and together.shape == x.shape
    assert all(np.array_equal(together[k], engine.decode("model", z[k:k + 1])[0]) for k in range(3))
    found, errors = engine.invert("model", x)
    assert np.allclose(found, z, atol=1e-5) and errors.shape == (3,) and (errors > 0).all()


def test_no_random_latents_are_given_and_the_sentence_says_why(engine):
    with pytest.raises(ValueError, match="decodes to static") as caught:
        engine.prior("model", 2, 0)
    assert str(caught.value) == autoencoder_kl.Model.PRIOR == autoencoder_tiny.Model.PRIOR and str(caught.value).count(".") == 1


def test_it_has_no_twin_for_a_browser(engine):
    with pytest.raises(ValueError, match="too much for a browser; the server computes it"):
        engine.onnx("model")
    with pytest.raises(ValueError, match="too much for a browser"):
        check(engine.blueprint("model"))


# Something to stand on


def test_a_first_atlas_holds_the_codes_of_the_photographs_and_what_the_model_makes_of_them(engine):
    atlas = engine.checkpoint("model").atlas()
    count = len(photographs.CLASSES)
    assert atlas["codes"].shape == (count, 4, 16, 16) and atlas["labels"].tolist() == list(range(count)) and atlas["pictures"].shape == (count, 32, 32, 3)
    x = pictures(count, 32)
    assert abs(atlas["codes"].astype(np.float32) - engine.encode("model", x)).max() < 0.01
    assert abs(atlas["pictures"].astype(int) - engine.decode("model", atlas["codes"].astype(np.float32))).max() <= 1
    flat = atlas["codes"].reshape(count, -1).astype(np.float32)
    assert np.allclose((flat - atlas["centre"]) @ atlas["axes"].T, atlas["xy"], atol=0.05)


def test_a_model_with_a_prior_needs_no_first_atlas(tmp_path):
    from .conftest import save_tiny, tiny_model
    checkpoint = save_tiny(tiny_model("vae"), tmp_path / "vae")
    assert first_atlas(checkpoint) is None
    keep_first_atlas(checkpoint)
    assert not (tmp_path / "vae" / "atlas.npz").exists()


def test_a_first_atlas_that_is_stopped_is_not_written(tmp_path):
    _, checkpoint = read(kit.autoencoder_kl(**SMALL), tmp_path)
    (stopped := threading.Event()).set()
    keep_first_atlas(checkpoint, stopped)
    assert not (checkpoint.folder / "atlas.npz").exists()


def test_a_grey_model_stands_on_grey_photographs(tmp_path):
    _, checkpoint = read(kit.autoencoder_kl(in_channels=1, out_channels=1, **SMALL), tmp_path)
    assert first_atlas(checkpoint)["pictures"].shape == (len(photographs.CLASSES), 32, 32, 1)


# On the roads


def test_the_page_is_told_that_there_is_no_random_and_the_pictures_that_there_are(engine, tmp_path):
    from starlette.testclient import TestClient

    from genmodels.ui.live.routes import LiveRoutes

    from .live_kit import model, page_files
    client = TestClient(LiveRoutes(None, engine=engine, assets=page_files(tmp_path / "assets")))
    entry = model(client, "model")
    assert entry["abilities"]["random"] == autoencoder_kl.Model.PRIOR and entry["heavy"] and (entry["onnx"], entry["browser"]) == (None, False)
    assert entry["classes"] == list(photographs.CLASSES) and entry["dataset"] == "photographs"
    refused = client.get("/live/prior/model?n=1&seed=0")
    assert (refused.status_code, refused.text) == (400, autoencoder_kl.Model.PRIOR)
    sent = client.get(entry["atlas"]).content
    [pictured] = [array for array in json.loads(sent[:sent.index(10)])["arrays"] if array["name"] == "pictures"]
    kept = np.load(tmp_path / "model" / "atlas.npz")["pictures"]
    assert pictured["shape"] == list(kept.shape) and sent[pictured["offset"]:pictured["offset"] + kept.size] == kept.tobytes()


def test_one_that_is_fetched_from_the_hub_has_something_to_stand_on(hub, tmp_path):
    hub.add("models", "somebody/vae", kit.autoencoder_kl(**SMALL))
    shelf = Shelf(tmp_path / "fetched", Hub(hub.url, token=False))
    one = shelf.fetch("somebody/vae")
    assert any("pictures of 3x32x32 become codes of 4x16x16" in sentence for sentence in one.account)
    atlas = find(shelf.folder)[one.name].atlas()
    assert atlas["pictures"].shape == (len(photographs.CLASSES), 32, 32, 3)
