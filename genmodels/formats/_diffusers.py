"""Repositories that diffusers writes: their weights and configs, read with care, and the library itself, which builds their nets."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ._base import Listing
from ._weights import chosen

WEIGHTS = ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.fp16.safetensors", "diffusion_pytorch_model.bin")
HARMLESS = ("force_upcast",)  # changes no picture, as nothing that begins with _ does
OLD_NAMES = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}  # of attention, before diffusers 0.17
CORE = 120e9  # floating point operations that a processor core does in a second: 155e9 of a decoder took 1.3


class MissingLibrary(ImportError, ValueError):
    """diffusers is not installed; the message says how it is."""


def library():
    """The package diffusers, which only these models need."""
    try:
        import diffusers
    except ImportError:
        raise MissingLibrary("This model is built with the package diffusers, which is not installed: "
                             "run .venv/bin/pip install --no-deps -r requirements-diffusers.txt, then start again.") from None
    return diffusers


def weights_in(listing: Listing, folder: str, kind: str) -> str:
    """The file of weights in a folder ("" or "unet/"), safetensors before a pickle. ValueError in words where there is none."""
    found = chosen(listing.sizes, *(f"{folder}{name}" for name in WEIGHTS))
    if found is None:
        raise ValueError(f"{listing.name} has the config of a model ({kind}) and no weights that this program reads; it looks for {' or '.join(WEIGHTS)}.")
    return found


def values_in(config: dict, kind: str, known: Mapping[str, Any], harmless: tuple[str, ...]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The known keys of a config, each as it stands there or as diffusers takes it otherwise, and sentences on the rest.

    ValueError names a key that nobody here knows: it could change the pictures.
    """
    harmless = (*HARMLESS, *harmless)
    for key, value in config.items():
        if key not in known and key not in harmless and value is not None and not key.startswith("_"):
            raise ValueError(f"The config of this {kind} says {key!r:.40}: {value!r:.60}, which this program does not know; "
                             "it could change the pictures, so the model is not read.")
    unsaid = [key for key in known if config.get(key) is None and known[key] is not None]
    unused = [key for key in harmless if key in config]
    sentences = [f"Not said in its config and taken as diffusers does: {', '.join(f'{key} = {known[key]}' for key in unsaid)}." if unsaid else "",
                 f"In its config, without effect here: {', '.join(unused)}." if unused else ""]
    return {key: config[key] if config.get(key) is not None else value for key, value in known.items()}, tuple(filter(None, sentences))


def channels_of(values: dict[str, Any], kind: str) -> int:
    """Channels of its pictures; ValueError unless they go in and come out as 1 or 3."""
    if values["in_channels"] != values["out_channels"] or values["in_channels"] not in (1, 3):
        raise ValueError(f"This {kind} takes pictures of {values['in_channels']!r:.20} channels and gives {values['out_channels']!r:.20}; "
                         "this program shows pictures of 1 or 3.")
    return values["in_channels"]


def renamed(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Attention by its present names, and its 1x1 convolutions as the matrices that they are."""
    found = {}
    for name, tensor in weights.items():
        *before, part, last = name.rsplit(".", 2)
        if ".attentions." in name and part in OLD_NAMES:
            name = ".".join([*before, OLD_NAMES[part], last])
            tensor = tensor.flatten(1) if tensor.ndim == 4 else tensor
        found[name] = tensor
    return found
