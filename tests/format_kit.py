"""Tiny foreign repositories for tests, made by the libraries that such repositories are made by: files by path, as bytes."""

import importlib
import io
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor

from genmodels.formats._base import Listing

CARD = b"---\nlicense: mit\n---\n# A model\n"
LETTERS = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}  # how attention was spelled before 2023, and is now
TINY_UNET = {
    "sample_size": 8, "in_channels": 1, "out_channels": 1, "block_out_channels": (8, 16), "layers_per_block": 1, "norm_num_groups": 4,
    "attention_head_dim": 4, "down_block_types": ("DownBlock2D", "AttnDownBlock2D"), "up_block_types": ("AttnUpBlock2D", "UpBlock2D"),
}
TINY_KL = {
    "sample_size": 16, "in_channels": 3, "out_channels": 3, "latent_channels": 4, "block_out_channels": (8, 16), "layers_per_block": 1,
    "norm_num_groups": 4, "down_block_types": ("DownEncoderBlock2D",) * 2, "up_block_types": ("UpDecoderBlock2D",) * 2,
}
TINY_TAESD = {
    "in_channels": 3, "out_channels": 3, "latent_channels": 4, "encoder_block_out_channels": (8, 8), "decoder_block_out_channels": (8, 8),
    "num_encoder_blocks": (1, 1), "num_decoder_blocks": (1, 1),
}


def library(name: str) -> ModuleType:
    """An optional library. Without it the test is skipped, except in CI, where that is a failure."""
    try:
        return importlib.import_module(name)
    except ImportError:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{name} is not installed; requirements-diffusers.txt names what it needs")


def files_of(folder: Path) -> dict[str, bytes]:
    """What lies in a folder, by path: a checkpoint's folder is a repository of our own."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def listing(files: Mapping[str, bytes], name: str = "somebody/something", licence: str = "mit") -> Listing:
    """What a repository of these files looks like before anything large is fetched."""
    texts = {path: json.loads(content) for path, content in files.items() if path.endswith(".json") and len(content) < 1 << 20}
    return Listing(name, {path: len(content) for path, content in files.items()}, texts, licence)


def laid(files: Mapping[str, bytes], folder: Path) -> dict[str, Path]:
    """The same files on the disk, by their path in the repository, as a format's `read` takes them."""
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return {path: folder / path for path in files}


def pickled(content: Any) -> bytes:
    """What torch.save writes: an old .bin."""
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


def changed(files: Mapping[str, bytes], path: str, *without: str, **values: Any) -> dict[str, bytes]:
    """The same files, where one JSON file has other values and lacks some."""
    kept = {key: value for key, value in json.loads(files[path]).items() if key not in without}
    return dict(files) | {path: json.dumps(kept | values).encode()}


def old_names(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The names that attention had when the first models were published."""
    def old(name: str) -> str:
        for before, now in LETTERS.items():
            name = name.replace(f".{now}.", f".{before}.")
        return name

    return {old(name): tensor for name, tensor in weights.items()}


def _saved(*parts: tuple[Any, str], old: bool = False) -> dict[str, bytes]:
    """What the real save_pretrained of each part writes into its subfolder; old: attention's old names, in a .bin."""
    with tempfile.TemporaryDirectory() as folder:
        for part, where in parts:
            part.save_pretrained(Path(folder, where), safe_serialization=True)
            weights = Path(folder, where, "diffusion_pytorch_model.safetensors")
            if old and weights.exists():
                weights.unlink()
                torch.save(old_names(part.state_dict()), weights.with_suffix(".bin"))
        return files_of(Path(folder)) | {"README.md": CARD}


def tiny_unet(seed: int = 0, **changes: Any):
    """A UNet2DModel of diffusers for pictures of 8x8 pixels."""
    torch.manual_seed(seed)
    return library("diffusers").UNet2DModel(**TINY_UNET | changes).eval()


def diffusion(layout: str = "flat", *, old: bool = False, unet: Mapping[str, Any] = {}, scheduler: str = "DDPMScheduler",  # noqa: B006
              **betas: Any) -> dict[str, bytes]:
    """A diffusion model with its scheduler. layout: "flat", as google/ddpm-cifar10-32; "folders", as a pipeline is saved; "bare", no scheduler."""
    diffusers = library("diffusers")
    net, steps = tiny_unet(**unet), getattr(diffusers, scheduler)(**betas)
    if layout == "bare":
        return _saved((net, ""), old=old)
    if layout == "folders":
        return _saved((net, "unet"), (steps, "scheduler"), old=old) | _index(scheduler)
    return _saved((net, ""), (steps, ""), old=old) | _index(scheduler)


def _index(scheduler: str) -> dict[str, bytes]:
    parts = {"scheduler": ["diffusers", scheduler], "unet": ["diffusers", "UNet2DModel"]}
    return {"model_index.json": json.dumps({"_class_name": "DDPMPipeline", "_diffusers_version": "0.1.1"} | parts).encode()}


def autoencoder_kl(*, old: bool = False, **changes: Any) -> dict[str, bytes]:
    """The autoencoder of a latent diffusion model, as stabilityai/sd-vae-ft-mse."""
    torch.manual_seed(0)
    return _saved((library("diffusers").AutoencoderKL(**TINY_KL | changes), ""), old=old)


def autoencoder_tiny(**changes: Any) -> dict[str, bytes]:
    """A small autoencoder with the same latents, as madebyollin/taesd."""
    torch.manual_seed(0)
    return _saved((library("diffusers").AutoencoderTiny(**TINY_TAESD | changes), ""))


def pipeline_of_several_parts() -> dict[str, bytes]:
    """The names that a text-to-image pipeline has; nothing of it is fetched."""
    index = {"_class_name": "StableDiffusionPipeline", "unet": ["diffusers", "UNet2DConditionModel"], "vae": ["diffusers", "AutoencoderKL"],
             "text_encoder": ["transformers", "CLIPTextModel"], "scheduler": ["diffusers", "PNDMScheduler"]}
    parts = ("unet/diffusion_pytorch_model.bin", "vae/diffusion_pytorch_model.bin", "text_encoder/pytorch_model.bin")
    return {"model_index.json": json.dumps(index).encode(), "README.md": CARD, **dict.fromkeys(parts, b"large")}
