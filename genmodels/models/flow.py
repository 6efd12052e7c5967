"""Normalizing flow: an exact two-way map between pictures and noise (RealNVP, Dinh et al. 2017; Glow, Kingma & Dhariwal 2018)."""

from dataclasses import dataclass
from math import log, pi, prod

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..knobs import knob
from ..nets import Residual
from ..normal import latents
from ._base import LatentModel, bits_per_dimension, check_square, dequantised


@dataclass(frozen=True)
class Config:
    image_shape: tuple[int, int, int] = knob((1, 28, 28), "channels, height and width of a picture", 1, 256)
    couplings: tuple[int, ...] = knob((0, 16), "couplings at each scale, finest first; every scale halves the side, 0 only folds", 0, 64)
    width: int = knob(32, "channels of the nets that say how a coupling shifts and stretches", 4, 256)
    depth: int = knob(1, "residual blocks in each of these nets", 0, 8)
    bound: float = knob(1.5, "largest logarithm by which one coupling stretches or shrinks", 0.1, 5)
    margin: float = knob(0.05, "room beyond black and white, in shares of the range; less keeps noise out of the black", 0.001, 0.25)
    noise: float = knob(0.3, "noise added to the logits of pixels while training; more smooths the density, 0 fits each grey level", 0, 3)
    temperature: float = knob(0.8, "spread of the latents on their way to a picture; below 1 is cleaner and less varied", 0.1, 2)
    conditions: tuple[str, ...] = knob((), "names of the classes or attributes that it is told", 1, 60)
    unsaid: float = knob(0.1, "share of training pictures whose condition is withheld", 0, 1)

    def __post_init__(self):
        check_square("flow", self.image_shape)
        folds = len(self.couplings)
        if not folds or not self.couplings[-1] or self.image_shape[-1] % 2**folds:
            raise ValueError(f"flow config: couplings must end with at least one, and {folds} scales need a side that can be halved {folds} "
                             f"times; {self.image_shape[-1]} with couplings {list(self.couplings)} does not fit.")


class Flow(LatentModel):
    """z and x have the same shape: a scale folds 2x2 pixels into channels, takes its steps, and hands half the channels on to the next.

    Pixels leave as logits with a margin, so decoded pictures may overshoot black and white by margin / (1 - 2 margin) of the range:
    cut there, they could not be told apart again, and nothing would be exact.

    It learns from noisy pictures at temperature 1. Codes of clean ones spread less, so a lower temperature (Kingma & Dhariwal 2018,
    section 5) fits them better; it is part of the model: of codes, pictures and density alike.
    """

    Config = Config

    def __init__(self, config: Config):
        super().__init__(config)
        self.start = Table(config.image_shape)
        self.scale = Scale(config, config.image_shape, config.couplings)

    def encode(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return self._to_noise(self._logits(x), self.said(y, x))[0] / self.config.temperature

    def decode(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Pictures [B, C, H, W] in [-1, 1], but for an overshoot of at most 2 margin / (1 - 2 margin)."""
        h = self.start.inverse(self.scale.inverse(z * self.config.temperature, self.said(y, z)), None)
        return (2 * h.sigmoid() - 1) / (1 - 2 * self.config.margin)

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return self._log_prob(self._logits(x), self.said(y, x), self.config.temperature)

    def loss(self, x: Tensor, y: Tensor | None = None, player: str = "model") -> dict[str, Tensor]:
        """Bits per dimension of noisy pictures, at temperature 1."""
        h = self._logits(dequantised(x))
        density = self._log_prob(h + self.config.noise * torch.randn_like(h), self.partly_said(y, x), 1.0)
        return {"loss": bits_per_dimension(density, self.image_shape).mean()}

    def _logits(self, x: Tensor) -> Tensor:
        return (0.5 + (0.5 - self.config.margin) * x.float()).logit()

    def _log_prob(self, h: Tensor, y: Tensor | None, temperature: float) -> Tensor:
        """Nats [B] of the density over pictures x, at their logits h."""
        z, volume = self._to_noise(h, y)
        into_logits = F.softplus(h) + F.softplus(-h) + log(0.5 - self.config.margin)  # log dh / dx
        return (into_logits - ((z / temperature).square() + log(2 * pi)) / 2 - log(temperature)).flatten(1).sum(1) + volume

    def _to_noise(self, h: Tensor, y: Tensor | None) -> tuple[Tensor, Tensor]:
        """Latents of logits, and log |det dz / dh| [B]."""
        h, volume = self.start(h, None)
        z, more = self.scale(h, y)
        return z, volume + more


# Parts: each takes grids [B, C, H, W] towards the noise and says log |det| [B]; `inverse` takes them back


class Scale(nn.Module):
    """2x2 pixels become channels, the steps are taken, half the channels turn into noise here and half on the next scale."""

    def __init__(self, config: Config, shape: tuple[int, int, int], steps: tuple[int, ...]):
        super().__init__()
        channels, side = 4 * shape[0], shape[1] // 2
        self.steps = nn.ModuleList([Step(config, channels, side, seed) for seed in range(steps[0])])
        self.split = CouplingNet(config, channels // 2, channels) if steps[0] and steps[1:] else None
        inner = (channels // 2 if self.split else channels, side, side)
        self.inner = Scale(config, inner, steps[1:]) if steps[1:] else Table(inner, len(config.conditions))

    def forward(self, h: Tensor, y: Tensor | None) -> tuple[Tensor, Tensor]:
        h, volume = F.pixel_unshuffle(h, 2), h.new_zeros(h.shape[0])
        for step in self.steps:
            h, more = step(h, y)
            volume = volume + more
        if self.split is None:
            h, more = self.inner(h, y)
            return F.pixel_shuffle(h, 2), volume + more
        h, kept = h.chunk(2, dim=1)
        shift, stretch = self.split(h, y)
        h, more = self.inner(h, y)
        kept = (kept + shift) * stretch.exp()
        return F.pixel_shuffle(torch.cat([h, kept], dim=1), 2), volume + more + stretch.flatten(1).sum(1)

    def inverse(self, z: Tensor, y: Tensor | None) -> Tensor:
        z = F.pixel_unshuffle(z, 2)
        if self.split is None:
            h = self.inner.inverse(z, y)
        else:
            z, kept = z.chunk(2, dim=1)
            h = self.inner.inverse(z, y)
            shift, stretch = self.split(h, y)
            h = torch.cat([h, kept * (-stretch).exp() - shift], dim=1)
        for step in reversed(self.steps):
            h = step.inverse(h, y)
        return F.pixel_shuffle(h, 2)


class Step(nn.Module):
    """A fixed rotation of the channels, a shift and stretch of each, and a coupling: half of them say what becomes of the others.

    The rotation is drawn once for all models rather than learned: its inverse is its transpose, and no training can make it singular.
    """

    def __init__(self, config: Config, channels: int, side: int, seed: int):
        super().__init__()
        rotation, _ = np.linalg.qr(latents(seed, channels, (channels,)).astype(np.float64))
        self.register_buffer("rotation", torch.from_numpy(rotation.astype(np.float32)), persistent=False)  # half precision would bend it
        self.shift, self.stretch = nn.Parameter(torch.zeros(channels, 1, 1)), nn.Parameter(torch.zeros(channels, 1, 1))
        self.net = CouplingNet(config, channels // 2, channels)
        self.area = side * side

    def forward(self, h: Tensor, y: Tensor | None) -> tuple[Tensor, Tensor]:
        h = (_turned(h, self.rotation) + self.shift) * self.stretch.exp()
        a, b = h.chunk(2, dim=1)
        shift, stretch = self.net(a, y)
        return torch.cat([a, (b + shift) * stretch.exp()], dim=1), stretch.flatten(1).sum(1) + self.stretch.sum() * self.area

    def inverse(self, h: Tensor, y: Tensor | None) -> Tensor:
        a, b = h.chunk(2, dim=1)
        shift, stretch = self.net(a, y)
        h = torch.cat([a, b * (-stretch).exp() - shift], dim=1)
        return _turned(h * (-self.stretch).exp() - self.shift, self.rotation.T)


class Table(nn.Module):
    """A shift and a stretch of its own for every number of a grid and, where there are conditions, for each of them."""

    def __init__(self, shape: tuple[int, int, int], conditions: int = 0):
        super().__init__()
        self.shape = shape
        self.both = nn.Parameter(torch.zeros(2 * prod(shape)))
        self.told = nn.Parameter(0.01 * torch.randn(conditions, 2 * prod(shape))) if conditions else None

    def forward(self, h: Tensor, y: Tensor | None) -> tuple[Tensor, Tensor]:
        shift, stretch = self._entries(y)
        return (h + shift) * stretch.exp(), stretch.flatten(1).sum(1)

    def inverse(self, z: Tensor, y: Tensor | None) -> Tensor:
        shift, stretch = self._entries(y)
        return z * (-stretch).exp() - shift

    def _entries(self, y: Tensor | None) -> tuple[Tensor, Tensor]:
        with torch.autocast(self.both.device.type, enabled=False):
            entries = self.both[None] if self.told is None else self.both + y.float() @ self.told
        return entries.view(-1, 2, *self.shape).unbind(1)


class CouplingNet(nn.Module):
    """Half the channels [B, a, H, W] and conditions y [B, K] to shift and stretch [B, b / 2, H, W] of the other half, zero at first.

    Only in here may numbers be rounded to bfloat16: what it says need not be exact, only the same both ways (which rounding
    keeps but for a few last digits of the input).
    """

    def __init__(self, config: Config, a: int, b: int):
        super().__init__()
        self.bound = config.bound
        self.first = nn.Conv2d(a, config.width, 3, padding=1)
        self.tell = nn.Linear(len(config.conditions), 2 * config.width, bias=False) if config.conditions else None
        blocks = [Residual(config.width) for _ in range(config.depth)]
        self.last = nn.Sequential(*blocks, nn.SiLU(), nn.Conv2d(config.width, b, 3, padding=1))
        nn.init.zeros_(self.last[-1].weight)
        nn.init.zeros_(self.last[-1].bias)

    def forward(self, h: Tensor, y: Tensor | None) -> tuple[Tensor, Tensor]:
        h = self.first(h)
        if self.tell is not None:
            scale, shift = self.tell(y)[:, :, None, None].chunk(2, dim=1)
            h = h * (1 + scale) + shift
        shift, stretch = self.last(h).float().chunk(2, dim=1)
        return shift, self.bound * (stretch / self.bound).tanh()


def _turned(h: Tensor, rotation: Tensor) -> Tensor:
    """Channels [B, C, H, W] times a matrix [C, C], exact also where nets may round."""
    with torch.autocast(h.device.type, enabled=False):
        return (h.permute(0, 2, 3, 1) @ rotation).permute(0, 3, 1, 2)
