"""Contractive autoencoder (Rifai et al. 2011): codes that move little when the picture does, but along the few ways in which digits differ.

Its loss adds the squared Frobenius norm of the Jacobian of the code. Of one layer that has a closed form (equation 7 there); of
deeper encoders it is estimated by projections on random directions (Hutchinson 1989), whose mean it is. The decoder uses the encoder's
weights transposed, so that codes cannot be made small on the way in and large again on the way out, which would cheat the penalty.
"""

from dataclasses import dataclass
from itertools import pairwise
from math import prod

import torch
from torch import Tensor, nn

from ..knobs import knob
from ._base import check_square
from ._coded import ACTIVATIONS, Coded, TransposedMLP, flat_pixels

GAIN = {"sigmoid": 4.0, "tanh": 1.0}  # of first weights: a sigmoid is four times as flat as what it is given (Glorot & Bengio 2010)
LOOKED_AT, LARGEST = 64, 1 << 22  # pictures whose Jacobians are taken apart, and numbers in all of these


@dataclass(frozen=True)
class Config:
    image_shape: tuple[int, int, int] = knob((1, 28, 28), "channels, height and width of a picture", 1, 256)
    latent_dim: int = knob(32, "numbers in the code", 1, 4096)
    hidden: int = knob(0, "units of a hidden layer before the code; with none the penalty is exact", 0, 2048)
    activation: str = knob("tanh", "what a unit does to its sum; its slope is what contracts", choices=("tanh", "sigmoid"))
    weight: float = knob(0.1, "weight of the squared Jacobian norm beside the squared error of a picture; 0 is a plain autoencoder", 0, 1000)
    projections: int = knob(1, "random directions by which the norm is estimated where there is a hidden layer", 1, 64)
    conditions: tuple[str, ...] = ()

    def __post_init__(self):
        check_square("contractive", self.image_shape)
        if self.conditions:
            raise ValueError("contractive config: a contractive autoencoder takes no conditions; use a VAE for that.")


class Contractive(Coded):
    """Latents are the sums of the code's units in units of their mean and spread; the code itself is the activation of these sums."""

    Config = Config
    ABOUT = "A code that is taught to move little when the picture does: only along the few ways in which pictures differ."
    SIZES = {"small": {"latent_dim": 16}, "medium": {"latent_dim": 32}, "large": {"latent_dim": 64, "hidden": 256}}

    def __init__(self, config: Config):
        super().__init__(config, config.latent_dim)
        sizes = [prod(config.image_shape), *([config.hidden] if config.hidden else []), config.latent_dim]
        self.encoder = nn.Sequential(*[nn.Linear(a, b) for a, b in pairwise(sizes)])
        self.decoder = TransposedMLP(self.encoder, config.activation)
        for layer in self.encoder:
            nn.init.xavier_normal_(layer.weight, GAIN[config.activation])
            nn.init.zeros_(layer.bias)
        nn.init.constant_(self.decoder.biases[-1], -1.0)  # pictures begin dim, as everywhere here
        self.activation = ACTIVATIONS[config.activation]

    def loss(self, x: Tensor, y: Tensor | None = None, player: str = "model") -> dict[str, Tensor]:
        pixels = flat_pixels(x)
        error = (self._out(self._sums(pixels)).sigmoid().flatten(1) - pixels).square().sum(1).mean()
        norm = self.jacobian_norm(x).mean()
        return {"loss": error + self.config.weight * norm, "error": error, "Jacobian": norm}

    def jacobian_norm(self, x: Tensor) -> Tensor:
        """The squared Frobenius norm [B] of the Jacobian of the code by pixels in [0, 1], for pictures [B, C, H, W]: exact, or an estimate."""
        with torch.autocast(x.device.type, enabled=False), torch.enable_grad():
            return self._exact(x) if len(self.encoder) == 1 else self._estimated(x)

    def _exact(self, x: Tensor) -> Tensor:
        """Of one layer: the slope of each unit, squared, times its squared weights."""
        return self._slope(self._sums(flat_pixels(x))).square() @ self.encoder[0].weight.square().sum(1)

    def _estimated(self, x: Tensor) -> Tensor:
        """The mean squared length of J^T v over random v ~ N(0, I), which is the squared norm of J."""
        pixels = flat_pixels(x).detach().requires_grad_()
        code, found = self.activation(self._sums(pixels)), 0
        for _ in range(self.config.projections):
            [row] = torch.autograd.grad((code * torch.randn_like(code)).sum(), pixels, create_graph=True)
            found = found + row.square().sum(1)
        return found / self.config.projections

    def jacobian(self, x: Tensor) -> Tensor:
        """The Jacobian [B, D, C H W] of the code by pixels in [0, 1], layer by layer as the chain rule has it."""
        shown, found = flat_pixels(x), None
        for layer in self.encoder:
            sums = layer(shown)
            found = self._slope(sums)[:, :, None] * (layer.weight if found is None else layer.weight @ found)
            shown = self.activation(sums)
        return found

    def readout(self, x: Tensor, y: Tensor | None = None) -> dict[str, Tensor]:
        spread = self.activation(self._code(x)).std(0).clamp(min=1e-6)
        found = self.jacobian(x[:max(1, min(LOOKED_AT, LARGEST // (self.config.latent_dim * prod(self.image_shape))))])
        values = torch.linalg.svdvals(found)
        error = (self._out(self._code(x)).sigmoid() - (x + 1) / 2).square().mean()
        return {"mean norm of the Jacobian": values.square().sum(1).sqrt().mean(), "squared error": error,
                "mean norm of the Jacobian in units of the codes' spread": (found / spread[:, None]).flatten(1).norm(dim=1).mean(),
                "spectrum of the Jacobian, mean singular values": values.mean(0)}

    def _slope(self, sums: Tensor) -> Tensor:
        """The derivative of the activation."""
        said = self.activation(sums)
        return said * (1 - said) if self.config.activation == "sigmoid" else 1 - said.square()

    def _sums(self, pixels: Tensor) -> Tensor:
        for k, layer in enumerate(self.encoder):
            pixels = layer(self.activation(pixels) if k else pixels)
        return pixels

    def _code(self, x: Tensor) -> Tensor:
        return self._sums(flat_pixels(x)).float()

    def _out(self, code: Tensor) -> Tensor:
        return self.decoder(self.activation(code)).float().view(-1, *self.image_shape)
