"""Autoencoders as diffusers keeps them, whose codes are small pictures: what both kinds of them share."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from ..models import LatentModel
from ._base import Found, Listing, Order, some
from ._diffusers import weights_in
from ._weights import read_weights

DATASET = "photographs"  # what there is to stand on, until somebody brings pictures of their own
SMALLEST = 64  # a side that every number of scales divides: configs begin with it, and `sized` finds the true one
SIDE = 256  # of the largest pictures that are worked on
WORK = 160e9  # floating point operations that one picture may take: 155e9 of them took a processor core 1.3 seconds


class SpatialModel(LatentModel):
    """Pictures to codes [B, channels, H / f, W / f] and back; `net` is one of diffusers' own, used as its pipelines do."""

    PRIOR = ("A code of this model is itself a small picture, in which neighbours go together: N(0, I) decodes to static, "
             "so places come from pictures that were encoded and from the walks between them.")
    HEAVY = True

    def __init__(self, config: Any, net: nn.Module):
        super().__init__(config)
        self.net = net
        _, height, width = config.image_shape
        self.latent_shape = (config.latent_channels, height // config.reduction, width // config.reduction)

    def decode(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return self.net.decode(z / self.config.scaling_factor + self.config.shift_factor).sample.float()

    def to_code(self, numbers: Tensor) -> Tensor:
        """What the net encodes to, shifted and scaled so that it is about as wide as N(0, 1)."""
        return ((numbers - self.config.shift_factor) * self.config.scaling_factor).float()


def order_for(listing: Listing, format: str, kind: str, described: Callable[[dict], tuple[Any, tuple[str, ...]]]) -> Order | None:
    """What to fetch where a repository, or the folder vae of a pipeline, holds this kind of model; None where it does not."""
    for folder in ("", "vae/"):
        config = listing.texts.get(f"{folder}config.json")
        if not isinstance(config, dict) or config.get("_class_name") != kind:
            continue
        weights = weights_in(listing, folder, kind)
        _, account = described(config)
        if folder:
            account = ("A pipeline of several models; only its autoencoder, in the folder vae, is fetched.", *account)
        left = [name for name in listing.sizes if name.startswith(folder) and "/" not in name[len(folder):]
                and name.endswith((".safetensors", ".bin", ".onnx", ".pth", ".pt", ".ckpt")) and name != weights]
        if left:
            account = (*account, f"Not needed and not fetched: {some(left)}.")
        return Order(format, (f"{folder}config.json", weights), account)
    return None


def read_as(order: Order, files: Mapping[str, Path],
            described: Callable[[dict], tuple[Any, tuple[str, ...]]], renamed: Callable[[dict[str, Tensor]], dict[str, Tensor]]) -> Found:
    """Config and weights of an order that `order_for` made; `renamed` gives old names of tensors their present ones."""
    place, file = order.files
    config, _ = described(json.loads(files[place].read_text(encoding="utf-8")))
    weights, account = read_weights(files[file])
    found = {f"net.{name}": tensor for name, tensor in renamed(weights).items()}
    return Found(order.format, DATASET, "", json.loads(json.dumps(asdict(config))), found, (*order.account, *account))


def sized(model: type[SpatialModel], kind: str, config: Any, wanted: Any) -> tuple[Any, tuple[str, ...]]:
    """The config for pictures of the size to work on, and two sentences: what the model is, and why this size.

    That is the size it is made for (`wanted`, as its config says it), halved until one processor core keeps up.
    """
    at, least = (lambda side: replace(config, image_shape=(config.image_shape[0], side, side))), 2 * config.reduction
    made_for = wanted[0] if isinstance(wanted, list) and wanted else wanted
    made_for = made_for if isinstance(made_for, int) and made_for > 0 else None
    side = max(least, min(made_for or SIDE, SIDE) // config.reduction * config.reduction)
    while work_of(model, at(side)) > WORK and side // 2 >= least:
        side = side // 2 // config.reduction * config.reduction
    why = f"Pictures are {side}x{side}, the size it is made for." if side == made_for else (
        f"Pictures are {side}x{side} here ({f'it is made for {made_for}x{made_for}' if made_for else 'its config names no size'}), "
        "a size that one processor core decodes in about a second.")
    with torch.device("meta"):
        return at(side), (_in_words(model(at(side)), kind), why)


def work_of(model: type[SpatialModel], config: Any) -> float:
    """Floating point operations of decoding one picture, counted without computing it."""
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        built = model(config)
        built.decode(torch.zeros(1, *built.latent_shape))
    return counter.get_total_flops()


def _in_words(model: SpatialModel, kind: str) -> str:
    """One sentence on what such a model is."""
    of, code = ("x".join(map(str, shape)) for shape in (model.image_shape, model.latent_shape))
    count = sum(p.numel() for p in model.parameters())
    size = f"{count / 1e6:.1f} million" if count >= 1e5 else f"{count:,}"
    return f"{kind} with {size} parameters: pictures of {of} become codes of {code}, and codes pictures."
