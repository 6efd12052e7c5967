"""AutoencoderKL of diffusers, such as stabilityai/sd-vae-ft-mse: the autoencoder of latent diffusion (Rombach et al. 2022)."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor
from torch.distributions import Normal

from ..knobs import from_dict, knob
from ._base import Found, Listing, Order
from ._diffusers import channels_of, library, renamed, values_in
from ._spatial import SMALLEST, SpatialModel, order_for, read_as, sized

TITLE = "AutoencoderKL (diffusers)"
KIND = "AutoencoderKL"
DOWN, UP = "DownEncoderBlock2D", "UpDecoderBlock2D"
KNOWN: dict[str, Any] = {  # keys of its config that change an answer, and what diffusers takes where one is not said
    "in_channels": 3, "out_channels": 3, "down_block_types": [DOWN], "up_block_types": [UP], "block_out_channels": [64],
    "layers_per_block": 1, "act_fn": "silu", "latent_channels": 4, "norm_num_groups": 32, "sample_size": None,
    "scaling_factor": 0.18215, "shift_factor": None, "use_quant_conv": True, "use_post_quant_conv": True, "mid_block_add_attention": True,
}
UNUSED = ("latents_mean", "latents_std")  # for pipelines; diffusers' encode and decode do without them


@dataclass(frozen=True)
class Config:
    image_shape: tuple[int, int, int] = knob((3, 256, 256), "channels, height and width of a picture", 1, 512)
    latent_channels: int = knob(4, "channels of a code", 1, 64)
    channels: tuple[int, ...] = knob((64,), "channels of each scale, the finest first; every scale after it halves the side", 1, 1024)
    layers: int = knob(1, "residual blocks of each scale", 1, 8)
    groups: int = knob(32, "groups of the normalisation", 1, 64)
    activation: str = knob("silu", "between the convolutions", choices=("silu", "swish", "mish", "gelu", "relu"))
    scaling_factor: float = knob(0.18215, "what a code is multiplied with, so that codes are about as wide as N(0, 1)", 1e-4, 1e4)
    shift_factor: float = knob(0.0, "what is taken off a code before that", -1e4, 1e4)
    quantised: tuple[bool, ...] = knob((True, True), "whether a 1x1 convolution follows the encoder, and comes before the decoder")
    attention: bool = knob(True, "whether the middle has attention")
    conditions: tuple[str, ...] = ()

    @property
    def reduction(self) -> int:
        """How much smaller the sides of a code are."""
        return 2 ** (len(self.channels) - 1)

    def __post_init__(self):
        if not 1 <= len(self.channels) <= 6 or len(self.quantised) != 2:
            raise ValueError("autoencoder_kl config: channels are those of 1 to 6 scales, and quantised says yes or no twice.")
        if any(side % self.reduction or not side for side in self.image_shape[1:]):
            raise ValueError(f"autoencoder_kl config: the sides of a picture must be multiples of {self.reduction}, not {self.image_shape[1:]}.")
        if any(wide % self.groups for wide in self.channels):
            raise ValueError(f"autoencoder_kl config: channels {list(self.channels)} cannot be normalised in {self.groups} groups.")
        if self.conditions:
            raise ValueError("autoencoder_kl config: an autoencoder takes no conditions.")


class Model(SpatialModel):
    Config = Config

    def __init__(self, config: Config):
        scales = len(config.channels)
        super().__init__(config, library().AutoencoderKL(
            in_channels=config.image_shape[0], out_channels=config.image_shape[0], latent_channels=config.latent_channels,
            down_block_types=(DOWN,) * scales, up_block_types=(UP,) * scales, block_out_channels=config.channels,
            layers_per_block=config.layers, norm_num_groups=config.groups, act_fn=config.activation, sample_size=config.image_shape[1],
            use_quant_conv=config.quantised[0], use_post_quant_conv=config.quantised[1], mid_block_add_attention=config.attention))

    def posterior(self, x: Tensor, y: Tensor | None = None) -> Normal:
        found = self.net.encode(x).latent_dist
        return Normal(self.to_code(found.mean), (found.std * self.config.scaling_factor).float().clamp(min=1e-12))

    def encode(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return self.posterior(x).mean


def recognise(listing: Listing) -> Order | None:
    return order_for(listing, "autoencoder_kl", KIND, _described)


def read(order: Order, files: Mapping[str, Path]) -> Found:
    return read_as(order, files, _described, renamed)


def _described(said: dict) -> tuple[Config, tuple[str, ...]]:
    """The config as ours, and what to tell a person about it. ValueError in words for what this program does not read."""
    values, sentences = values_in(said, KIND, KNOWN, UNUSED)
    for key, block in (("down_block_types", DOWN), ("up_block_types", UP)):
        if not isinstance(values[key], list) or set(values[key]) != {block}:
            raise ValueError(f"This {KIND} is built of {values[key]!r:.80}; this program reads those whose {key} are all {block}.")
    channels = channels_of(values, KIND)
    config = from_dict(Config, {
        "image_shape": [channels, SMALLEST, SMALLEST], "latent_channels": values["latent_channels"], "channels": values["block_out_channels"],
        "layers": values["layers_per_block"], "groups": values["norm_num_groups"], "activation": values["act_fn"],
        "scaling_factor": values["scaling_factor"], "shift_factor": values["shift_factor"] or 0.0,
        "quantised": [values["use_quant_conv"], values["use_post_quant_conv"]], "attention": values["mid_block_add_attention"]})
    for key in ("down_block_types", "up_block_types"):
        if len(values[key]) != len(config.channels):
            raise ValueError(f"This {KIND} names {len(values[key])} {key} and {len(config.channels)} block_out_channels; there must be as many.")
    config, what = sized(Model, KIND, config, values["sample_size"])
    return config, (*what, f"Codes are multiplied with {config.scaling_factor:g}, so that they are about as wide as N(0, 1).", *sentences)
