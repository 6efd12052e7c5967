"""Sparse autoencoder: many units, of which each picture wakes few; every unit adds a stroke of its own.

A picture is a sum of the strokes of the units that are awake (Olshausen & Field 1996), squashed to between black and white; one layer,
or a deeper one, says which are. What keeps them asleep is an L1 penalty on their activity, or the KL divergence of each unit's mean
activity from a small target (Ng, CS294A lecture notes on sparse autoencoders, section 3). With L1 all strokes have one fixed length, or
activity would become small and strokes large instead; KL, which pulls a mean activity below its target up again, lets each unit learn
the length of its stroke.
"""

from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..knobs import knob
from ..nets import mlp
from ._base import check_square
from ._coded import Coded, flat_pixels

AWAKE = 0.1  # of what it does at three sigmas: from here on a unit counts as active
EMPTY_PICTURE = -2.0  # what the first picture without any strokes is, before it is squashed: dim


@dataclass(frozen=True)
class Config:
    image_shape: tuple[int, int, int] = knob((1, 28, 28), "channels, height and width of a picture", 1, 256)
    latent_dim: int = knob(100, "units of the code; more than the picture has pixels is overcomplete", 1, 4096)
    hidden: int = knob(0, "units of a hidden layer that looks at the picture first; with none the strokes look for themselves", 0, 2048)
    penalty: str = knob("l1", "what keeps units asleep: l1 counts their activity, kl holds the mean activity of each at the target",
                        choices=("l1", "kl"))
    weight: float = knob(0.5, "weight of that beside the squared error of a picture; 0 is a plain autoencoder", 0, 1000)
    target: float = knob(0.05, "mean activity that kl holds each unit at, of 1", 0.001, 0.9)
    conditions: tuple[str, ...] = ()

    def __post_init__(self):
        check_square("sparse", self.image_shape)
        if self.conditions:
            raise ValueError("sparse config: a sparse autoencoder takes no conditions; use a VAE for that.")


class Sparse(Coded):
    """Latents are the units' sums before they decide to be awake, in units of their mean and spread over pictures.

    So a random latent wakes about as many units as a picture does, though not units that belong together, and a slider leaves its
    unit asleep until it has come as far as the pictures that wake it.
    """

    Config = Config
    ABOUT = "Many units, of which each picture wakes only a few: every unit becomes a stroke of its own."
    SIZES = {"small": {"latent_dim": 64}, "medium": {"latent_dim": 100}, "large": {"latent_dim": 1000}}

    def __init__(self, config: Config):
        super().__init__(config, config.latent_dim)
        pixels = prod(config.image_shape)
        self.looks = mlp(pixels, config.hidden, config.latent_dim) if config.hidden else None
        self.strokes = nn.Parameter(F.normalize(torch.randn(config.latent_dim, pixels)))
        self.wakes = nn.Parameter(torch.zeros(config.latent_dim) if config.penalty == "l1" else torch.full((config.latent_dim,), -2.0))
        self.empty = nn.Parameter(torch.full((pixels,), EMPTY_PICTURE))
        length = pixels ** 0.5 / 4
        self.length = nn.Parameter(torch.full((config.latent_dim,), length)) if config.penalty == "kl" else length

    def loss(self, x: Tensor, y: Tensor | None = None, player: str = "model") -> dict[str, Tensor]:
        sums = self._code(x)
        activity, error = self._activity(sums), (self._out(sums).sigmoid() - (x + 1) / 2).flatten(1).square().sum(1).mean()
        if self.config.penalty == "l1":
            penalty = activity.sum(1).mean()
        else:
            mean, rho = activity.mean(0).clamp(1e-4, 1 - 1e-4), self.config.target
            penalty = (rho * (rho / mean).log() + (1 - rho) * ((1 - rho) / (1 - mean)).log()).sum()
        return {"loss": error + self.config.weight * penalty, "error": error, "penalty": penalty}

    def readout(self, x: Tensor, y: Tensor | None = None) -> dict[str, Tensor]:
        sums = self._code(x)
        activity = self._activity(sums)
        awake = activity > AWAKE * self._activity(self.mean + 3 * self.scale)
        error = (self._out(sums).sigmoid() - (x + 1) / 2).square().mean()
        return {"share of active units": awake.float().mean(), "squared error": error,
                "share of the pictures in which each unit is active": awake.float().mean(0),
                "mean activity of each unit": activity.mean(0)}

    def _code(self, x: Tensor) -> Tensor:
        """The sum of each unit, [B, D], before it decides to be awake."""
        if self.looks is not None:
            return (self.looks(x.flatten(1)) + self.wakes).float()
        return F.linear(flat_pixels(x), F.normalize(self.strokes), self.wakes).float()

    def _activity(self, sums: Tensor) -> Tensor:
        """[B, D]: none below zero (L1), or between 0 and 1 (KL)."""
        return sums.relu() if self.config.penalty == "l1" else sums.sigmoid()

    def _out(self, code: Tensor) -> Tensor:
        strokes = F.normalize(self.strokes).T
        return F.linear(self.length * self._activity(code), strokes, self.empty).float().view(-1, *self.image_shape)
