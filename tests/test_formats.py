"""Foreign repositories: told by what their files are, read with care, refused in one sentence, and from then on a checkpoint like any other."""

import io
import sys
import zipfile
from dataclasses import fields
from itertools import islice

import numpy as np
import pytest
import torch

from genmodels import checkpoint, formats, weights
from genmodels.checkpoint import BadCheckpoint, Checkpoint, find, save_foreign
from genmodels.engine import Engine, Sampling
from genmodels.formats import FAMILIES, recognise
from genmodels.formats._base import Listing
from genmodels.knobs import check
from genmodels.models import ABILITIES
from genmodels.normal import latents
from genmodels.train.recipe import plan_from

from .checkpoint_kit import change_config, change_weights, refusal
from .conftest import save_tiny, tiny_model
from .format_kit import changed, diffusion, files_of, laid, library, listing, pickled, pipeline_of_several_parts, tiny_unet

CIFAR = {  # config.json and scheduler_config.json of google/ddpm-cifar10-32
    "_class_name": "UNet2DModel", "_diffusers_version": "0.0.4", "act_fn": "silu", "attention_head_dim": None, "block_out_channels": [128, 256, 256, 256],
    "center_input_sample": False, "down_block_types": ["DownBlock2D", "AttnDownBlock2D", "DownBlock2D", "DownBlock2D"], "downsample_padding": 0,
    "flip_sin_to_cos": False, "freq_shift": 1, "in_channels": 3, "layers_per_block": 2, "mid_block_scale_factor": 1, "norm_eps": 1e-06,
    "norm_num_groups": 32, "out_channels": 3, "sample_size": 32, "time_embedding_type": "positional",
    "up_block_types": ["UpBlock2D", "UpBlock2D", "AttnUpBlock2D", "UpBlock2D"],
}
CIFAR_STEPS = {
    "_class_name": "DDPMScheduler", "_diffusers_version": "0.1.1", "beta_end": 0.02, "beta_schedule": "linear", "beta_start": 0.0001,
    "clip_sample": True, "num_train_timesteps": 1000, "trained_betas": None, "variance_type": "fixed_large",
}
CELEBA = CIFAR | {
    "sample_size": 256, "block_out_channels": [128, 128, 256, 256, 512, 512],
    "down_block_types": ["DownBlock2D"] * 4 + ["AttnDownBlock2D", "DownBlock2D"],
    "up_block_types": ["UpBlock2D", "AttnUpBlock2D"] + ["UpBlock2D"] * 4,
}


def fetched(files, folder, name: str = "small") -> Checkpoint:
    """What a repository's files become: recognised, read, saved as a checkpoint of ours."""
    order = recognise(listing(files))
    there = laid({path: files[path] for path in order.files}, folder / "repository")
    return save_foreign(formats.read(order, there), folder / "models" / name)


def refused(files) -> str:
    """The sentence with which a repository is refused."""
    with pytest.raises(ValueError) as caught:
        recognise(listing(files))
    sentence = str(caught.value)
    assert sentence.endswith(".") and "\n" not in sentence and len(sentence) < 400
    return sentence


def noise(n: int, seed: int = 0, shape=(1, 8, 8)) -> torch.Tensor:
    return torch.from_numpy(latents(seed, n, shape))


def last(model, z: torch.Tensor, **settings) -> torch.Tensor:
    *_, step = model.path(z, **settings)
    return step.x


# Our own


@pytest.fixture
def published(tmp_path) -> dict[str, bytes]:
    """A checkpoint of ours with all that evaluate and a person add, as a repository."""
    saved = save_tiny(tiny_model("vae"), tmp_path / "mine" / "small")
    np.savez_compressed(saved.folder / "atlas.npz", codes=np.zeros((2, 3), np.float16))
    (saved.folder / "metrics.json").write_text('{"mse": 0.1}')
    (saved.folder / "README.md").write_text("# Mine")
    (saved.folder / "samples.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return files_of(saved.folder) | {"decoder.onnx": b"made anew", "evil.py": b"boom", "notes/more.png": b"\x89PNG\r\n\x1a\n"}


def test_a_published_checkpoint_comes_back_the_same_with_its_name_for_the_weights(published, tmp_path):
    before, after = Checkpoint(tmp_path / "mine" / "small"), fetched(published, tmp_path)
    assert after.about == before.about and after.hash == before.hash and after.metrics() == {"mse": 0.1}
    z = noise(4, shape=(3,))
    assert torch.equal(after.load().decode(z), before.load().decode(z))


def test_only_what_belongs_to_a_checkpoint_comes_along(published, tmp_path):
    saved = fetched(published, tmp_path)
    assert set(files_of(saved.folder)) == {"config.json", "model.safetensors", "atlas.npz", "metrics.json", "README.md", "samples.png"}


def test_what_is_too_large_or_not_what_its_name_says_is_left_out_and_said(published, tmp_path):
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("codes.npy", bytes(65 << 20))
    files = published | {"samplers.npz": bomb.getvalue(), "metrics.json": b"[1]", "samples.png": b"GIF89a", "README.md": bytes(1 << 20)}
    order = recognise(listing(files))
    assert "README.md" not in order.files and any("Too large to come along: README.md" in sentence for sentence in order.account)
    found = formats.read(order, laid({path: files[path] for path in order.files}, tmp_path / "there"))
    assert set(found.beside) == {"atlas.npz"}
    for name, why in {"samplers.npz": "unpacks to 65 MB", "metrics.json": "no JSON object", "samples.png": "no PNG"}.items():
        assert any(name in sentence and why in sentence for sentence in found.account)


@pytest.mark.parametrize(("changes", "said"), [
    ({"format": 2}, "format 2"), ({"auto_map": "evil.py"}, "look at 'auto_map'"), ({"family": "os.system"}, "does not have"),
    ({"family": ["vae"]}, "does not have"), ({"model": {"latent_dim": 10**9}}, "latent_dim must be between"), ({"model": {"code": "x"}}, "has no field 'code'"),
    ({"dataset": 3}, "must be a short name"), ({"licence": "x" * 100}, "must be a short name"), ({"recipe": []}, "recipe in config.json"),
])
def test_a_published_config_outside_the_schema_is_refused_before_its_weights_come(published, changes, said):
    assert said in refused(changed(published, "config.json", **changes))


def test_a_config_without_weights_is_refused(published):
    assert "no model.safetensors" in refused({path: content for path, content in published.items() if path != "model.safetensors"})


def test_weights_that_do_not_fit_a_published_config_are_never_offered(published, tmp_path):
    saved = change_weights(fetched(published, tmp_path), lambda weights: weights["decoder.head.0.bias"].fill_(float("nan")))
    assert "not finite" in refusal(saved)


def test_a_foreign_model_that_was_published_again_is_read_again(tmp_path):
    first = fetched(diffusion(), tmp_path)
    again = fetched(files_of(first.folder), tmp_path / "again")
    assert again.about == first.about and again.hash == first.hash
    assert again.load().decode(noise(1)).shape == (1, 1, 8, 8)


# UNet2DModel


@pytest.mark.parametrize(("layout", "old"), [("flat", False), ("flat", True), ("folders", False), ("folders", True), ("bare", False)])
def test_a_diffusion_model_is_read_in_every_layout_and_answers_as_in_diffusers(layout, old, tmp_path):
    model = fetched(diffusion(layout, old=old), tmp_path).load()
    x, t = noise(2), torch.tensor([1, 700])
    with torch.no_grad():
        assert torch.allclose(model.predict_noise(x, t), tiny_unet()(x, t - 1).sample, atol=1e-6)


def test_what_was_found_is_said_and_only_what_is_needed_is_fetched():
    order = recognise(listing(diffusion("folders") | {"unet/diffusion_pytorch_model.bin": b"old", "samples/1.png": b""}, licence="apache-2.0"))
    assert order.files == ("unet/config.json", "unet/diffusion_pytorch_model.safetensors", "scheduler/scheduler_config.json")
    assert order.format == "unet2d" and order.licence == "apache-2.0"
    assert "pictures of 1x8x8" in order.account[0] and any("DDPMScheduler: 1000 moments, linear betas" in sentence for sentence in order.account)
    assert any("without effect here: dropout" in sentence for sentence in order.account)


@pytest.mark.parametrize(("config", "millions"), [(CIFAR, "35.7 million"), (CELEBA, "113.7 million")])
def test_the_layouts_of_the_published_models_are_read(config, millions):
    library("diffusers")
    order = recognise(Listing("google/ddpm", {"diffusion_pytorch_model.bin": 1}, {"config.json": config, "scheduler_config.json": CIFAR_STEPS}))
    assert order.files == ("config.json", "diffusion_pytorch_model.bin", "scheduler_config.json") and millions in order.account[0]
    assert any("fixed_large" in sentence for sentence in order.account)


@pytest.mark.parametrize("changes", [
    {"down_block_types": ("ResnetDownsampleBlock2D", "DownBlock2D"), "up_block_types": ("UpBlock2D", "ResnetUpsampleBlock2D")},
    {"attention_head_dim": None, "downsample_padding": 0, "flip_sin_to_cos": False, "freq_shift": 1}, {"time_embedding_dim": 24, "act_fn": "mish"},
    {"resnet_time_scale_shift": "scale_shift", "downsample_type": "resnet", "upsample_type": "resnet"}, {"mid_block_type": None},
    {"center_input_sample": True, "mid_block_scale_factor": 1.4, "add_attention": False}, {"sample_size": (8, 8), "in_channels": 3, "out_channels": 3},
    {"time_embedding_type": "learned", "num_train_timesteps": 1000},
], ids=str)
def test_every_field_of_a_net_is_the_one_that_diffusers_was_given(changes, tmp_path):
    model = fetched(diffusion(unet=changes), tmp_path).load()
    x, t = noise(1, shape=model.image_shape), torch.tensor([300])
    with torch.no_grad():
        assert torch.allclose(model.predict_noise(x, t), tiny_unet(**changes)(x, t - 1).sample, atol=1e-6)


@pytest.mark.parametrize("betas", [
    {}, {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012}, {"beta_schedule": "squaredcos_cap_v2"},
    {"prediction_type": "v_prediction"}, {"prediction_type": "sample"}, {"clip_sample": False}, {"clip_sample_range": 0.5},
    {"timestep_spacing": "trailing"}, {"steps_offset": 1}, {"num_train_timesteps": 200},
], ids=str)
def test_ddim_gives_the_pictures_that_diffusers_gives(betas, tmp_path):
    diffusers, z = library("diffusers"), noise(2)
    model = fetched(diffusion(scheduler="DDIMScheduler", **betas), tmp_path).load()
    ours = last(model, z, sampler="ddim", steps=10)
    steps, theirs, net = diffusers.DDIMScheduler(**betas), z, tiny_unet()
    steps.set_timesteps(10)
    with torch.no_grad():
        for t in steps.timesteps:
            theirs = steps.step(net(theirs, t).sample, t, theirs).prev_sample
    assert (ours - theirs.clamp(-1, 1)).abs().max() <= 2 * 2 / 255


def test_ddim_gives_the_pictures_of_diffusers_own_pipeline(tmp_path, monkeypatch):
    diffusers, z = library("diffusers"), noise(2)
    pipeline = diffusers.DDIMPipeline(tiny_unet(), diffusers.DDIMScheduler())
    pipeline.set_progress_bar_config(disable=True)
    monkeypatch.setattr(sys.modules[diffusers.DDIMPipeline.__module__], "randn_tensor", lambda *_, **__: z)
    theirs = pipeline(batch_size=2, num_inference_steps=20, output_type="np").images
    ours = (last(fetched(diffusion(), tmp_path).load(), z, sampler="ddim", steps=20) + 1) / 2
    assert np.abs(ours.permute(0, 2, 3, 1).numpy() - theirs).max() <= 2 / 255


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample"])
def test_the_mean_of_a_ddpm_step_is_that_of_diffusers(prediction, tmp_path):
    diffusers = library("diffusers")
    model = fetched(diffusion(prediction_type=prediction), tmp_path).load()
    steps = diffusers.DDPMScheduler(prediction_type=prediction)
    steps._get_variance = lambda t, **_: torch.zeros(())
    with torch.no_grad():
        for step in islice(model.path(noise(2), sampler="ddpm", steps=1000), 3):
            t = round(step.t * 1000) - 1
            assert torch.allclose(step.mean, steps.step(tiny_unet()(step.x, t).sample, t, step.x).prev_sample, atol=2e-4)


def test_the_way_back_leads_to_noise_that_makes_the_picture_again(tmp_path):
    model, spread = fetched(diffusion(), tmp_path).load(), 0.2

    def exact(x, t, y=None, guidance=1.0):  # the best prediction where pixels are independently N(0, spread^2)
        alpha, sigma = model.shares[t].view(-1, 2, 1, 1, 1).unbind(1)
        return sigma * x / (alpha**2 * spread**2 + sigma**2)

    model.predict_noise, x = exact, spread * noise(2)
    z = model.encode(x, steps=200)
    assert (last(model, z, sampler="ddim", steps=200) - x).abs().mean() < 0.01 and z.std() == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize(("changes", "said"), [
    ({"num_class_embeds": 10}, "must be told a class"), ({"class_embed_type": "timestep"}, "must be told a class"),
    ({"time_embedding_type": "fourier"}, "time_embedding_type must be one of positional, learned"),
    ({"in_channels": 4, "out_channels": 4}, "pictures of 1 or 3"), ({"out_channels": 2}, "gives 2"), ({"sample_size": [8, 16]}, "sample_size must be"),
    ({"sample_size": 100_000}, "sample_size must be between"), ({"sample_size": None}, "sample_size"), ({"block_out_channels": [8]}, "as many blocks"),
    ({"block_out_channels": "wide"}, "block_out_channels must be a list"), ({"block_out_channels": [8, 18]}, "cannot be normalised"),
    ({"down_block_types": ["DownBlock2D", "os.system"]}, "down_block_types must be one of"), ({"layers_per_block": 10**9}, "layers_per_block must be"),
    ({"novel_key": 3}, "which this program does not know"), ({"norm_eps": float("nan")}, "norm_eps must be a number"), ({"act_fn": ["silu"]}, "act_fn must be"),
    ({"block_out_channels": [1024] * 2, "sample_size": 512, "norm_num_groups": 32}, "operations for one step"),
], ids=str)
def test_a_net_that_this_program_does_not_build_is_refused_in_words(changes, said):
    assert said in refused(changed(diffusion(), "config.json", **changes))


@pytest.mark.parametrize(("changes", "said"), [
    ({"trained_betas": [0.1]}, "trained_betas"), ({"thresholding": True}, "thresholding"), ({"rescale_betas_zero_snr": True}, "rescale_betas_zero_snr"),
    ({"variance_type": "learned_range"}, "variance_type"), ({"beta_schedule": "sigmoid"}, "beta_schedule must be one of"),
    ({"prediction_type": "flow"}, "prediction_type must be one of"), ({"_class_name": "ScoreSdeVeScheduler"}, "Its scheduler is 'ScoreSdeVeScheduler'"),
    ({"novel_key": 3}, "which this program does not know"), ({"num_train_timesteps": 10**9}, "num_train_timesteps must be"),
    ({"beta_end": 2}, "beta_end must be"),
], ids=str)
def test_a_scheduler_that_would_change_the_pictures_is_refused_in_words(changes, said):
    assert said in refused(changed(diffusion(), "scheduler_config.json", **changes))


def test_a_diffusion_model_on_the_codes_of_another_is_refused():
    files = diffusion("folders")
    assert "codes of another model" in refused(changed(files, "model_index.json", vqvae=["diffusers", "VQModel"]))


def test_a_config_without_its_weights_is_refused():
    assert "no weights that this program reads" in refused({"config.json": diffusion()["config.json"]})


@pytest.mark.parametrize("text", [[], "text", 3, None, {"_class_name": ["UNet2DModel"]}, {"_class_name": "UNet2DModel", "sample_size": {}}])
def test_no_json_of_a_stranger_is_more_than_a_sentence(text):
    with pytest.raises(ValueError, match=r"\.$"):
        recognise(Listing("a/b", {"config.json": 9, "diffusion_pytorch_model.bin": 9}, {"config.json": text, "model_index.json": text}))


def test_weights_that_do_not_fit_a_foreign_config_are_refused(tmp_path):
    files = diffusion()
    other = diffusion(unet={"block_out_channels": (8, 24)})["diffusion_pytorch_model.safetensors"]
    assert "has the shape" in refusal(fetched(files | {"diffusion_pytorch_model.safetensors": other}, tmp_path))


def test_a_foreign_pickle_that_would_run_code_is_refused(tmp_path):
    files = diffusion(old=True) | {"diffusion_pytorch_model.bin": pickled(torch.nn.Linear(2, 2))}
    with pytest.raises(ValueError, match="no code from a file is ever run"):
        fetched(files, tmp_path)
    assert not (tmp_path / "models").exists()


# A checkpoint like any other


@pytest.fixture
def saved(tmp_path) -> Checkpoint:
    return fetched(diffusion(), tmp_path)


def test_a_foreign_model_is_a_checkpoint_that_every_part_can_use(saved):
    assert saved.about["family"] == "unet2d" and saved.about["dataset"] == "hub" and saved.about["licence"] == "mit" and saved.about["recipe"] == {}
    engine = Engine(saved.folder.parent, device="cpu")
    try:
        assert engine.names() == engine.names("path") == engine.names("encode") == ["small"] and engine.folders() == {"small": None}
        pixels = engine.decode("small", engine.prior("small", 2, 7), options=Sampling("ddim", 3))
        assert pixels.shape == (2, 8, 8, 1) and engine.encode("small", pixels[:1]).shape == (1, 1, 8, 8)
    finally:
        engine.close()


def test_a_foreign_model_without_its_library_is_listed_with_one_sentence(saved, monkeypatch):
    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(BadCheckpoint, match=r"small: .*not installed.*requirements-diffusers.txt.*\.$"):
        Checkpoint(saved.folder).check()
    engine = Engine(saved.folder.parent, device="cpu")
    try:
        assert "requirements-diffusers.txt" in engine.folders()["small"] and engine.names() == []
    finally:
        engine.close()


def test_loading_a_model_of_many_steps_takes_one_of_them(saved, monkeypatch):
    looks = []
    look = FAMILIES["unet2d"].look
    monkeypatch.setattr(FAMILIES["unet2d"], "look", lambda self, *given, **more: looks.append(1) or look(self, *given, **more))
    saved.load()
    assert len(looks) == 1


def test_checking_large_weights_reads_their_header_alone(saved, monkeypatch):
    monkeypatch.setattr(weights, "load", lambda content: pytest.fail("all of it was read"))
    saved.check()
    assert len(saved.hash) == 16


def test_foreign_weights_may_be_larger_than_our_own(saved, monkeypatch):
    monkeypatch.setattr(checkpoint, "LARGEST", 1000)
    saved.check()
    monkeypatch.setattr(formats, "LARGEST", 1000)
    assert "larger than" in refusal(Checkpoint(saved.folder))


def test_a_foreign_config_that_was_changed_by_hand_is_refused(saved):
    assert "cannot be normalised" in refusal(change_config(saved, model=saved.about["model"] | {"norm_num_groups": 5}))


def test_config_json_is_written_last(tmp_path, monkeypatch):
    def full(path, content):
        raise OSError("No space left on device")

    monkeypatch.setattr(checkpoint, "write_whole", full)
    with pytest.raises(OSError, match="No space"):
        fetched(diffusion(), tmp_path)
    assert find(tmp_path / "models") == {}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_foreign_family_keeps_the_promises_of_a_family(family):
    config = FAMILIES[family].Config
    assert check(config()) == config() and not FAMILIES[family].learns()
    assert all(f.metadata.get("help") or f.name == "conditions" for f in fields(config))
    assert {ability: FAMILIES[family].can(ability) for ability in ABILITIES}["solve"] is False


def test_a_foreign_family_is_refused_as_a_training(saved):
    with pytest.raises(ValueError, match="comes ready from elsewhere and cannot be trained"):
        plan_from(saved.about | {"dataset": "digits"})


# Strangers


@pytest.mark.parametrize(("files", "said"), [
    ({"tf_model.h5": b"x", "config.json": b"{}"}, "Keras or TensorFlow"), ({"model.keras": b"x"}, "Keras or TensorFlow"),
    ({"saved_model.pb": b"x", "variables/variables.index": b"x"}, "Keras or TensorFlow"), ({"flax_model.msgpack": b"x"}, "Flax"),
    ({"model.onnx": b"x"}, "ONNX files alone"), ({"network-snapshot.pkl": b"x"}, "as StyleGAN does"),
    ({"adapter_config.json": b"{}", "adapter_model.safetensors": b"x"}, "LoRA adapter"), ({"pytorch_lora_weights.safetensors": b"x"}, "LoRA adapter"),
    ({"config.json": b'{"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]}', "model.safetensors": b"x"}, "transformers ('gpt2')"),
    ({"llama.Q4.gguf": b"x"}, "GGUF"), ({"train.parquet": b"x"}, "holds data"), ({"README.md": b"x", "picture.png": b"x"}, "no model yet"), ({}, "is empty"),
    ({"config.json": b'{"_class_name": "VQModel"}', "diffusion_pytorch_model.bin": b"x"}, "is a VQModel of diffusers"),
    ({"one.ckpt": b"x", "two.ckpt": b"x"}, "no config"),
    ({"thing.xyz": b"x"}, "none of the formats"), (pipeline_of_several_parts(), "pipeline of several models"),
], ids=lambda value: ",".join(value) if isinstance(value, dict) else None)
def test_a_stranger_is_called_what_it_is(files, said):
    sentence = refused(files)
    assert said in sentence and sentence.startswith("somebody/something ")


def test_the_formats_are_told_by_their_files_and_not_by_their_names(published):
    for name in ("google/ddpm-cifar10-32", "stabilityai/sd-vae-ft-mse"):
        assert recognise(listing(published, name)).format == "own"
        assert recognise(listing(diffusion(), name)).format == "unet2d"
