"""DCGAN generators of PyTorch's example (Radford et al. 2015), such as huggan/dcgan-mnist, read from the shapes of their weights alone."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from ..knobs import knob
from ..models import LatentModel
from ._base import Found, Listing, Order, some
from ._transposed import Layer, generator_in, shapes_for, side_after
from ._weights import SAFE, read_weights

TITLE = "DCGAN generator (PyTorch)"
LARGEST = 256 << 20  # bytes of a file that may hold a generator
KINDS = (SAFE, ".bin", ".pth", ".pt")
PLAIN = ("model", "pytorch_model", "weights")  # names of files that say nothing of what is in them
GENERATOR, CRITIC = re.compile(r"gan|generator|netg|(^|[_.-])g([_.-]|$)"), re.compile(r"discriminator|critic|netd|(^|[_.-])d([_.-]|$)")
SIZES = {  # keys by which people say the sizes of a DCGAN, and no other model
    "num_channels", "latent_dim", "hidden_size", "image_size", "img_size", "nz", "ngf", "ndf", "nc", "ngpu", "num_gpu", "z_dim", "latent_size",
    "noise_dim", "channels", "img_channels", "image_channels", "feature_maps", "features_g", "features"}


@dataclass(frozen=True)
class Config:
    image_shape: tuple[int, int, int] = knob((3, 64, 64), "channels, height and width of a picture", 1, 512)
    latent_dim: int = knob(100, "numbers in the latent", 1, 1024)
    channels: tuple[int, ...] = knob((512, 256, 128, 64, 3), "channels that each transposed convolution gives", 1, 4096)
    kernels: tuple[int, ...] = knob((4, 4, 4, 4, 4), "sides of their kernels", 1, 16)
    strides: tuple[int, ...] = knob((1, 2, 2, 2, 2), "their strides", 1, 4)
    paddings: tuple[int, ...] = knob((0, 1, 1, 1, 1), "what is cut off each edge", 0, 8)
    extra: tuple[int, ...] = knob((0, 0, 0, 0, 0), "rows and columns that are added at one edge", 0, 3)
    normed: tuple[bool, ...] = knob((True, True, True, True, False), "which of them are followed by batch normalisation")
    biased: tuple[bool, ...] = knob((False,) * 5, "which of them have a bias")
    conditions: tuple[str, ...] = ()

    def __post_init__(self):
        per_layer = (self.channels, self.kernels, self.strides, self.paddings, self.extra, self.normed, self.biased)
        if len({len(values) for values in per_layer}) != 1 or not 2 <= len(self.channels) <= 10:
            raise ValueError("dcgan config: channels, kernels, strides, paddings, extra, normed and biased must be those of the same 2 to 10 layers.")
        if any(extra >= stride for extra, stride in zip(self.extra, self.strides, strict=True) if extra):
            raise ValueError("dcgan config: extra rows must be fewer than the stride.")
        side = side_after(zip(self.kernels, self.strides, self.paddings, self.extra, strict=True))
        if (self.channels[-1], side, side) != self.image_shape:
            raise ValueError(f"dcgan config: its layers give pictures of {[self.channels[-1], side, side]}, image_shape says {list(self.image_shape)}.")
        if self.conditions:
            raise ValueError("dcgan config: this generator takes no conditions.")


class Model(LatentModel):
    Config = Config

    def __init__(self, config: Config):
        super().__init__(config)
        self.latent_shape = (config.latent_dim,)
        self.layers, self.norms = nn.ModuleList(), nn.ModuleList()
        wide = config.latent_dim
        for k, channels in enumerate(config.channels):
            self.layers.append(nn.ConvTranspose2d(wide, channels, config.kernels[k], config.strides[k], config.paddings[k], config.extra[k],
                                                  bias=config.biased[k]))
            self.norms.append(nn.BatchNorm2d(channels) if config.normed[k] else nn.Identity())
            wide = channels

    def decode(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        x = z[:, :, None, None]
        for k, (layer, norm) in enumerate(zip(self.layers, self.norms, strict=True)):
            x = norm(layer(x))
            x = x.relu() if k < len(self.layers) - 1 else x
        return x.float().tanh()


def recognise(listing: Listing) -> Order | None:
    """Weights alone, with a config that says nothing but the sizes of a DCGAN, or without one: what they are is told once they are here."""
    config = listing.texts.get("config.json")
    others = any(name.startswith(("tokenizer", "vocab", "adapter")) or name == "model_index.json" for name in listing.sizes)
    if others or "config.json" in listing.sizes and not (isinstance(config, dict) and config and _may_be(config)):
        return None
    files = [name for name in listing.sizes if name.endswith(KINDS) and "/" not in name and listing.sizes[name] <= LARGEST]
    stems = {name: name.rpartition(".")[0].lower() for name in files}
    generators = [name for name in files if GENERATOR.search(stems[name]) and not CRITIC.search(stems[name])]
    fitting = generators or [name for name in files if stems[name] in PLAIN]
    if not fitting:
        return None
    weights = min(fitting, key=lambda name: (KINDS.index(next(kind for kind in KINDS if name.endswith(kind))), "ema" not in stems[name], name))
    left = set(files) - {weights}
    return Order("dcgan", (weights, *(["config.json"] if config else [])), (
        f"Weights in {weights}, {'and a config with sizes as DCGANs have them' if config else 'without a config'}: "
        "whether they are a DCGAN generator, and of which size, their shapes say once they are here.",
        *([f"Not needed and not fetched: {some(left)}."] if left else [])))


def _may_be(config: dict) -> bool:
    """Whether a config may be a DCGAN's: nothing but the sizes of one, or a name that says so."""
    named = " ".join(str(config.get(key, "")) for key in ("model_type", "architecture", "architectures", "_class_name", "model_name")).lower()
    return "dcgan" in named or set(config) <= SIZES


def read(order: Order, files: Mapping[str, Path]) -> Found:
    tensors, account = read_weights(files[order.files[0]], LARGEST)
    layers, found = generator_in(tensors)
    config = json.loads(files["config.json"].read_text(encoding="utf-8")) if "config.json" in order.files else {}
    said = config.get("image_size", config.get("img_size"))
    shapes, sizes = shapes_for(layers, said if isinstance(said, int) and not isinstance(said, bool) else None)
    kernels, strides, paddings, extra = ([shape[k] for shape in shapes] for k in range(4))
    side, channels = side_after(shapes), [layer.channels for layer in layers]
    model = {"image_shape": [channels[-1], side, side], "latent_dim": layers[0].weight.shape[0], "channels": channels, "kernels": kernels,
             "strides": strides, "paddings": paddings, "extra": extra,
             "normed": [layer.norm is not None for layer in layers], "biased": [layer.bias is not None for layer in layers]}
    return Found("dcgan", "", "", model, _named(layers), (*order.account, *account, *found, *sizes))


def _named(layers: list[Layer]) -> dict[str, Tensor]:
    """The weights by the names of `Model`."""
    out = {}
    for k, layer in enumerate(layers):
        out |= {f"layers.{k}.weight": layer.weight} | ({} if layer.bias is None else {f"layers.{k}.bias": layer.bias})
        out |= {f"norms.{k}.{name}": tensor for name, tensor in (layer.norm or {}).items()}
    return out
