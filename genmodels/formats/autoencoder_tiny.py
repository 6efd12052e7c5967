"""AutoencoderTiny of diffusers, such as madebyollin/taesd: a small twin of a large autoencoder, quick on a processor."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from ..knobs import from_dict, knob
from ._base import Found, Listing, Order
from ._diffusers import channels_of, library, values_in
from ._spatial import SMALLEST, SpatialModel, order_for, read_as, sized

TITLE = "AutoencoderTiny (diffusers)"
KIND = "AutoencoderTiny"
KNOWN: dict[str, Any] = {  # keys of its config that change an answer, and what diffusers takes where one is not said
    "in_channels": 3, "out_channels": 3, "encoder_block_out_channels": [64] * 4, "decoder_block_out_channels": [64] * 4, "act_fn": "relu",
    "upsample_fn": "nearest", "latent_channels": 4, "upsampling_scaling_factor": 2, "num_encoder_blocks": [1, 3, 3, 3],
    "num_decoder_blocks": [3, 3, 3, 1], "scaling_factor": 1.0, "shift_factor": None, "sample_size": None,
}
UNUSED = ("latent_magnitude", "latent_shift", "block_out_channels")  # how codes are kept as 8-bit pictures; a copy of another key


@dataclass(frozen=True)
class Config:
    image_shape: tuple[int, int, int] = knob((3, 256, 256), "channels, height and width of a picture", 1, 512)
    latent_channels: int = knob(4, "channels of a code", 1, 64)
    encoder_channels: tuple[int, ...] = knob((64,) * 4, "channels of each scale of the encoder, the finest first", 1, 512)
    decoder_channels: tuple[int, ...] = knob((64,) * 4, "channels of each scale of the decoder, the coarsest first", 1, 512)
    encoder_blocks: tuple[int, ...] = knob((1, 3, 3, 3), "residual blocks of each scale of the encoder", 1, 12)
    decoder_blocks: tuple[int, ...] = knob((3, 3, 3, 1), "residual blocks of each scale of the decoder", 1, 12)
    activation: str = knob("relu", "between the convolutions", choices=("silu", "swish", "mish", "gelu", "relu"))
    scaling_factor: float = knob(1.0, "what a code is multiplied with, so that codes are about as wide as N(0, 1)", 1e-4, 1e4)
    shift_factor: float = knob(0.0, "what is taken off a code before that", -1e4, 1e4)
    conditions: tuple[str, ...] = ()

    @property
    def reduction(self) -> int:
        """How much smaller the sides of a code are."""
        return 2 ** (len(self.encoder_channels) - 1)

    def __post_init__(self):
        sizes = {len(part) for part in (self.encoder_channels, self.decoder_channels, self.encoder_blocks, self.decoder_blocks)}
        if len(sizes) != 1 or not 1 <= min(sizes) <= 6:
            raise ValueError("autoencoder_tiny config: channels and blocks must be those of the same 1 to 6 scales, down and up.")
        if any(side % self.reduction or not side for side in self.image_shape[1:]):
            raise ValueError(f"autoencoder_tiny config: the sides of a picture must be multiples of {self.reduction}, not {self.image_shape[1:]}.")
        if self.conditions:
            raise ValueError("autoencoder_tiny config: an autoencoder takes no conditions.")


class Model(SpatialModel):
    Config = Config

    def __init__(self, config: Config):
        super().__init__(config, library().AutoencoderTiny(
            in_channels=config.image_shape[0], out_channels=config.image_shape[0], latent_channels=config.latent_channels,
            encoder_block_out_channels=config.encoder_channels, decoder_block_out_channels=config.decoder_channels,
            num_encoder_blocks=config.encoder_blocks, num_decoder_blocks=config.decoder_blocks, act_fn=config.activation))

    def encode(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return self.to_code(self.net.encode(x).latents)


def recognise(listing: Listing) -> Order | None:
    return order_for(listing, "autoencoder_tiny", KIND, _described)


def read(order: Order, files: Mapping[str, Path]) -> Found:
    return read_as(order, files, _described, dict)


def _described(said: dict) -> tuple[Config, tuple[str, ...]]:
    """The config as ours, and what to tell a person about it. ValueError in words for what this program does not read."""
    values, sentences = values_in(said, KIND, KNOWN, UNUSED)
    if values["upsample_fn"] != "nearest" or values["upsampling_scaling_factor"] != 2:
        raise ValueError(f"This {KIND} grows by {values['upsampling_scaling_factor']!r:.20} ({values['upsample_fn']!r:.20}); "
                         "this program reads those that double their sides by the nearest pixel.")
    channels = channels_of(values, KIND)
    config = from_dict(Config, {
        "image_shape": [channels, SMALLEST, SMALLEST], "latent_channels": values["latent_channels"],
        "encoder_channels": values["encoder_block_out_channels"], "decoder_channels": values["decoder_block_out_channels"],
        "encoder_blocks": values["num_encoder_blocks"], "decoder_blocks": values["num_decoder_blocks"], "activation": values["act_fn"],
        "scaling_factor": values["scaling_factor"], "shift_factor": values["shift_factor"] or 0.0})
    config, what = sized(Model, KIND, config, values["sample_size"])
    return config, (*what, *sentences)
