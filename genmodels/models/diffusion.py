"""Denoising diffusion (DDPM, Ho et al. 2020), sampled by DDPM, DDIM (Song et al. 2020) or DPM-Solver++ (Lu et al. 2022)."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ..knobs import knob
from ..nets import UNet
from ._base import check_square
from ._denoising import Denoiser, cosine_betas
from ._path import guided


@dataclass(frozen=True)
class Config:
    image_shape: tuple[int, int, int] = knob((1, 28, 28), "channels, height and width of a picture", 1, 256)
    width: int = knob(16, "channels of the first convolutions", 8, 256)
    depth: int = knob(1, "residual blocks on each scale", 1, 4)
    patch: int = knob(1, "side of the squares of pixels that the net sees as one place; 2 takes a quarter of the time", 1, 4)
    times: int = knob(1000, "moments of the forward process, T", 10, 4000)
    betas: str = knob("cosine", "how the noise grows", choices=("cosine", "linear"))
    predicts: str = knob("noise", "what the net says of a noisy picture; velocity is learned sooner on large pictures", choices=("noise", "velocity"))
    conditions: tuple[str, ...] = knob((), "names of the classes or attributes that the net is told", 1, 60)
    unsaid: float = knob(0.1, "share of training pictures whose condition is withheld, so that guidance works", 0, 1)
    steps: int = knob(20, "steps from noise to picture, unless others are asked for", 1, 1000)
    guidance: float = knob(1.0, "how far beyond the condition's own answer to go; 1 is the plain answer", 0, 20)

    def __post_init__(self):
        check_square("diffusion", self.image_shape, least=8)
        if self.patch not in (1, 2, 4) or self.image_shape[-1] % self.patch:
            raise ValueError("diffusion config: patch must be 1, 2 or 4 and a divisor of the side of the pictures, "
                             f"{self.image_shape[-1]}, not {self.patch!r:.20}.")


def betas(config: Config) -> np.ndarray:
    """The variance of the noise added at t = 1 .. T, float64 [T]: linear as by Ho et al., for any T; cosine as by Nichol & Dhariwal 2021."""
    if config.betas == "linear":
        return np.linspace(1e-4, 0.02, config.times) * min(1000 / config.times, 40)
    return cosine_betas(config.times)


class Diffusion(Denoiser):
    """The latent is the noise that a picture grows from; latent_shape is image_shape."""

    Config = Config

    def __init__(self, config: Config):
        super().__init__(config, betas(config))
        self.net = UNet(config.image_shape, config.width, config.depth, len(config.conditions), config.patch)

    def add_noise(self, x: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """x_t of pictures x [B, C, H, W] at moments t [B] (0 .. T), in closed form (Ho et al., equation 4)."""
        alpha, sigma = self._shares(t)
        return alpha * x + sigma * noise

    def predict_noise(self, x: Tensor, t: Tensor, y: Tensor | None = None, guidance: float | Tensor = 1.0) -> Tensor:
        """The noise [B, C, H, W] that the net sees in x at moments t [B], guided as by Ho & Salimans 2022, all alike or each row by its own [B]."""
        said = guided(self.net, x, t.float() / self.config.times, self.said(y, x), guidance)
        if self.config.predicts == "noise":
            return said
        alpha, sigma = self._shares(t)
        return sigma * x + alpha * said

    def loss(self, x: Tensor, y: Tensor | None = None, player: str = "model") -> dict[str, Tensor]:
        """Squared error of the noise (Ho et al., equation 14) or of the velocity alpha noise - sigma x (Salimans & Ho 2022)."""
        y = self.partly_said(y, x)
        t = (torch.rand(len(x), device=x.device) * self.config.times).long() + 1
        noise = torch.randn_like(x)
        alpha, sigma = self._shares(t)
        wanted = noise if self.config.predicts == "noise" else alpha * noise - sigma * x
        return {"loss": F.mse_loss(guided(self.net, self.add_noise(x, t, noise), t.float() / self.config.times, y, 1.0), wanted)}

    def _shares(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """How much of picture and noise there is at moments t [B], each [B, 1, 1, 1]."""
        return self.shares[t].view(-1, 2, 1, 1, 1).unbind(1)
