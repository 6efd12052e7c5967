"""Sparse autoencoder: many units, of which each picture wakes few; every unit adds a stroke of its own.

A picture is a sum of the strokes of the units that are awake (Olshausen & Field 1996), squashed to between black and white; one layer,
or a deeper one, says which are. What keeps them asleep is an L1 penalty on their activity, or the KL divergence of each unit's mean
activity from a small target (Ng, CS294A lecture notes on sparse autoencoders, section 3). Then strokes have one length, so that activity cannot be small and
strokes large instead.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.distributions import Normal
from torch.nn import functional as F

from ..knobs import knob
from ..nets import mlp
from ._base import LatentModel, check_square
from ._coded import flat_pixels, numbers

KNOTS = torch.linspace(-3, 3, 25)  # sigmas at which the distribution of each unit's sum is kept
LEAST_RISE = 1e-3  # from one knot to the next, so that every sum has its place
AWAKE = 0.1  # of its strongest activity: from here on a unit counts as active
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


class Sparse(LatentModel):
    """Latents are normal scores of the units' sums: z = -1 where a sum is as low as those of a sixth of the pictures.

    So a random latent wakes each unit as often as pictures do, and a slider leaves a unit asleep until it passes the share of pictures
    in which it sleeps.
    """

    Config = Config
    ABOUT = "Many units, of which each picture wakes only a few: every unit becomes a stroke of its own."

    def __init__(self, config: Config):
        super().__init__(config)
        self.latent_shape = (config.latent_dim,)
        pixels = numbers(config.image_shape)
        self.looks = mlp(pixels, config.hidden, config.latent_dim) if config.hidden else None
        self.strokes = nn.Parameter(F.normalize(torch.randn(config.latent_dim, pixels)))
        self.wakes = nn.Parameter(torch.zeros(config.latent_dim) if config.penalty == "l1" else torch.full((config.latent_dim,), -2.0))
        self.empty = nn.Parameter(torch.full((pixels,), EMPTY_PICTURE))
        length = pixels ** 0.5 / 4
        self.length = nn.Parameter(torch.full((config.latent_dim,), length)) if config.penalty == "kl" else length
        self.register_buffer("levels", KNOTS.repeat(config.latent_dim, 1))

    def encode(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return self._scores(self._sums(x))

    def decode(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return (self._out(self._activity(self._from_scores(z))) / 2).tanh()

    def loss(self, x: Tensor, y: Tensor | None = None, player: str = "model") -> dict[str, Tensor]:
        activity = self._activity(self._sums(x))
        error = (self._out(activity).sigmoid() - (x + 1) / 2).flatten(1).square().sum(1).mean()
        if self.config.penalty == "l1":
            penalty = activity.sum(1).mean()
        else:
            mean, rho = activity.mean(0).clamp(1e-4, 1 - 1e-4), self.config.target
            penalty = (rho * (rho / mean).log() + (1 - rho) * ((1 - rho) / (1 - mean)).log()).sum()
        return {"loss": error + self.config.weight * penalty, "error": error, "penalty": penalty}

    @torch.no_grad()
    def refresh(self, x: Tensor, y: Tensor | None = None) -> None:
        sums = torch.cat([self._sums(part) for part in x.split(1000)])
        places = Normal(0.0, 1.0).cdf(KNOTS.to(x)) * (len(sums) - 1)
        low, share = places.floor().long(), (places % 1)[:, None]
        ordered = sums.sort(0).values
        levels = ordered[low].lerp(ordered[(low + 1).clamp(max=len(sums) - 1)], share)
        self.levels.copy_((levels + LEAST_RISE * torch.arange(len(KNOTS), device=x.device)[:, None]).T)

    def readout(self, x: Tensor, y: Tensor | None = None) -> dict[str, Tensor]:
        activity = self._activity(self._sums(x))
        awake = activity > AWAKE * self._activity(self.levels[:, -1])
        return {"share of active units": awake.float().mean(),
                "share of the pictures in which each unit is active": awake.float().mean(0),
                "mean activity of each unit": activity.mean(0)}

    def _sums(self, x: Tensor) -> Tensor:
        """What each unit has to say of pictures, [B, D], before it decides to be awake."""
        if self.looks is not None:
            return (self.looks(2 * flat_pixels(x) - 1) + self.wakes).float()
        return F.linear(flat_pixels(x), F.normalize(self.strokes), self.wakes).float()

    def _activity(self, sums: Tensor) -> Tensor:
        """[B, D]: none below zero (L1), or between 0 and 1 (KL)."""
        return sums.relu() if self.config.penalty == "l1" else sums.sigmoid()

    def _out(self, activity: Tensor) -> Tensor:
        return F.linear(self.length * activity, F.normalize(self.strokes).T, self.empty).float().view(-1, *self.image_shape)

    def _scores(self, sums: Tensor) -> Tensor:
        """Where sums [B, D] lie among those of pictures, as sigmas of N(0, 1); beyond the outermost knots on straight lines."""
        place = torch.zeros_like(sums)
        for k, (low, high) in enumerate(self._pieces()):
            place = place + self._within((sums - low) / (high - low), k)
        return place * (KNOTS[1] - KNOTS[0]) + KNOTS[0]

    def _from_scores(self, z: Tensor) -> Tensor:
        """The sums that have these scores: the inverse of `_scores`."""
        place, sums = (z - KNOTS[0]) / (KNOTS[1] - KNOTS[0]), self.levels[:, 0]
        for k, (low, high) in enumerate(self._pieces()):
            sums = sums + (high - low) * self._within(place - k, k)
        return sums

    def _pieces(self):
        return zip(self.levels.T[:-1], self.levels.T[1:], strict=True)

    def _within(self, share: Tensor, k: int) -> Tensor:
        """How much of piece k lies below, between 0 and 1; the outer pieces go on."""
        low, high = (None if k == 0 else 0.0), (None if k == len(KNOTS) - 2 else 1.0)
        return share if low is None and high is None else share.clamp(low, high)
