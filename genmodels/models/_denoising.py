"""Sampling with a net that predicts noise: DDPM (Ho et al. 2020), DDIM (Song et al. 2020) and DPM-Solver++ (Lu et al. 2022)."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from ..normal import latents
from ._base import Step
from ._path import PathModel

DARKEST = 1e-3  # share of the picture's variance below which a step is left out: there is nothing to predict a picture from


def cosine_betas(times: int) -> np.ndarray:
    """The variance of the noise added at t = 1 .. T as by Nichol & Dhariwal 2021, float64 [T]."""
    left = np.cos((np.arange(times + 1) / times + 0.008) / 1.008 * np.pi / 2) ** 2
    return np.minimum(1 - left[1:] / left[:-1], 0.999)


@dataclass(frozen=True)
class Level:
    """A moment of the process: number t of T, and how much of the picture (alpha) and of the noise (sigma) is left; alpha^2 + sigma^2 = 1."""

    t: int
    alpha: float
    sigma: float


def levels_of(betas: np.ndarray) -> tuple[Level, ...]:
    """All moments, from t = 0, the picture itself, to T."""
    left = np.concatenate([[1.0], np.cumprod(1 - betas)])
    return tuple(Level(t, float(alpha), float(sigma)) for t, (alpha, sigma) in enumerate(zip(np.sqrt(left), np.sqrt(1 - left), strict=True)))


@dataclass(frozen=True)
class Seen:
    """What the net predicts at a level for x: the picture, cut to what pictures can be, the noise that then remains, and the noise as the net said it."""

    level: Level
    x: Tensor
    x0: Tensor
    noise: Tensor
    said: Tensor


# Samplers: from what is seen at one level to the mean at the next, and the spread of the fresh noise there

Update = Callable[[Seen, Level, Seen | None, float], tuple[Tensor, float]]


def ddim(seen: Seen, then: Level, earlier: Seen | None, eta: float) -> tuple[Tensor, float]:
    """Song et al. 2020, equation 12, with the spread of equation 16."""
    now = seen.level
    spread = eta * then.sigma / now.sigma * max(0.0, 1 - (now.alpha / then.alpha) ** 2) ** 0.5
    return then.alpha * seen.x0 + max(0.0, then.sigma**2 - spread**2) ** 0.5 * seen.noise, spread


def ddpm(seen: Seen, then: Level, earlier: Seen | None, eta: float) -> tuple[Tensor, float]:
    """Ho et al. 2020, equation 7, which is DDIM with all of the fresh noise."""
    return ddim(seen, then, earlier, 1.0)


def dpm(seen: Seen, then: Level, earlier: Seen | None, eta: float) -> tuple[Tensor, float]:
    """DPM-Solver++(2M), Lu et al. 2022, algorithm 2: second order from the prediction before; the first and the last step are DDIM."""
    if earlier is None or not then.t:
        return ddim(seen, then, earlier, 0.0)
    before, now, next_ = (np.log(level.alpha / level.sigma) for level in (earlier.level, seen.level, then))
    lead = (next_ - now) / (2 * (now - before))
    x0 = (1 + lead) * seen.x0 - lead * earlier.x0
    return then.sigma / seen.level.sigma * seen.x - then.alpha * float(np.expm1(now - next_)) * x0, 0.0


UPDATES: dict[str, Update] = {"dpm++": dpm, "ddim": ddim, "ddpm": ddpm}


class Denoiser(PathModel):
    """A model that says what noise is in a picture. The latent is the noise that a picture grows from; latent_shape is image_shape."""

    UPDATES: ClassVar[Mapping[str, Update]] = UPDATES
    SAMPLERS = tuple(UPDATES)

    def __init__(self, config: Any, betas: np.ndarray):
        super().__init__(config)
        self._levels = levels_of(betas)
        self.register_buffer("shares", torch.tensor([(level.alpha, level.sigma) for level in self._levels]), persistent=False)

    def levels(self) -> tuple[Level, ...]:
        """All moments, from t = 0, the picture itself, to T."""
        return self._levels

    def predict_noise(self, x: Tensor, t: Tensor, y: Tensor | None = None, guidance: float = 1.0) -> Tensor:
        """The noise [B, C, H, W] that the net sees in x at moments t [B] (1 .. T)."""
        raise NotImplementedError

    def cut(self, x0: Tensor) -> Tensor:
        """A predicted picture, kept to what pictures can be: between black and white."""
        return x0.clamp(-1, 1)

    def back(self, x: Tensor, y: Tensor | None = None, steps: int = 0) -> Iterator[Tensor]:
        """The way to the noise that x grows from: DDIM run backwards, each step with the prediction at its start (Song et al., section 5.4)."""
        for now, then in pairwise(self._schedule(steps or self.STEPS_BACK)[::-1]):
            seen = self._look(x, now if now.t else self.levels()[1], y, 1.0, cut=False)
            x = then.alpha * seen.x0 + then.sigma * seen.noise
            yield x

    def path(self, z: Tensor, y: Tensor | None = None, *, sampler: str = "", steps: int = 0, eta: float = 0.0,
             guidance: float | None = None, seed: int = 0) -> Iterator[Step]:
        """The steps from noise z to the picture: `steps` of them, and the picture itself as the last.

        sampler is one of SAMPLERS ("" the first; steps 0 and guidance None are the config's); eta is DDIM's share of fresh
        noise, which is drawn from z and seed.
        """
        sampler = sampler or self.SAMPLERS[0]
        update, x, earlier = self.UPDATES[sampler], z, None
        keys = _keys(z, seed) if sampler == "ddpm" or eta else None
        levels, times = self._schedule(steps or self.config.steps, sampler), len(self.levels()) - 1
        guidance = self.config.guidance if guidance is None else guidance
        for number, (now, then) in enumerate(pairwise(levels)):
            seen = self._look(x, now, y, guidance)
            mean, spread = update(seen, then, earlier, eta)
            fresh = spread * _draw(keys, number, x) if keys and spread else torch.zeros_like(x)
            yield Step(now.t / times, x, seen.x0, seen.noise, mean, fresh)
            x, earlier = mean + fresh, seen
        x = x.clamp(-1, 1)
        yield Step(0.0, x, x, torch.zeros_like(x), x, torch.zeros_like(x))

    def _schedule(self, steps: int, sampler: str = "ddim") -> list[Level]:
        """The moments that so many steps visit, from the first at which a picture can be predicted down to t = 0.

        They lie evenly in t; for DPM-Solver++ evenly in log(alpha / sigma), as its authors advise, down to a hundredth of T.
        """
        levels = self.levels()
        first = max(level.t for level in levels if level.alpha**2 >= DARKEST)
        if sampler == "dpm++":
            logs = np.array([np.log(level.alpha / level.sigma) for level in levels[1:first + 1]])
            wanted = np.linspace(logs[-1], logs[max(1, min(first, (len(levels) - 1) // 100)) - 1], steps)
            moments = [0, *(1 + abs(logs - value).argmin() for value in wanted)]
        else:
            moments = np.linspace(0, first, steps + 1).round().astype(int)
        return [levels[t] for t in np.unique(moments)[::-1]]

    def _look(self, x: Tensor, level: Level, y: Tensor | None, guidance: float, cut: bool = True) -> Seen:
        """The predictions at a level. A picture stays within its bounds, and the noise is then what remains of x."""
        said = noise = self.predict_noise(x, torch.full((x.shape[0],), level.t, device=x.device), y, guidance)
        x0 = (x - level.sigma * noise) / level.alpha
        if cut:
            x0 = self.cut(x0)
            noise = (x - level.alpha * x0) / level.sigma
        return Seen(level, x, x0, noise, said)


def _keys(z: Tensor, seed: int) -> list[int]:
    """A seed for each latent's fresh noise: the picture depends on z and seed alone, not on who stands beside it."""
    return [int.from_bytes(sha256(row.tobytes() + seed.to_bytes(8, "little")).digest()[:4], "little") for row in z.detach().float().cpu().numpy()]


def _draw(keys: list[int], number: int, x: Tensor) -> Tensor:
    """Fresh noise [B, C, H, W] of step `number`."""
    return torch.from_numpy(np.concatenate([latents(key, 1, x.shape[1:], first=number) for key in keys])).to(x)
