"""Sampling with a net that predicts noise: DDPM (Ho et al. 2020), DDIM (Song et al. 2020) and DPM-Solver++ (Lu et al. 2022)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from ._base import Level, Step
from ._known import Known
from ._path import Chance, Look, PathModel, Walk, turns

DARKEST = 1e-3  # share of the picture's variance below which a step is left out: there is nothing to predict a picture from


def cosine_betas(times: int) -> np.ndarray:
    """The variance of the noise added at t = 1 .. T as by Nichol & Dhariwal 2021, float64 [T]."""
    left = np.cos((np.arange(times + 1) / times + 0.008) / 1.008 * np.pi / 2) ** 2
    return np.minimum(1 - left[1:] / left[:-1], 0.999)


def levels_of(betas: np.ndarray) -> tuple[Level, ...]:
    """All moments, from t = 0, the picture itself, to T; alpha^2 + sigma^2 = 1."""
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

    def predict_noise(self, x: Tensor, t: Tensor, y: Tensor | None = None, guidance: float | Tensor = 1.0) -> Tensor:
        """The noise [B, C, H, W] that the net sees in x at moments t [B] (1 .. T)."""
        raise NotImplementedError

    def cut(self, x0: Tensor) -> Tensor:
        """A predicted picture, kept to what pictures can be: between black and white."""
        return x0.clamp(-1, 1)

    def look(self, x: Tensor, t: Tensor, y: Tensor | None, guidance: float | Tensor) -> Tensor:
        return self.predict_noise(x, t, y, guidance)

    def walk_back(self, x: Tensor, y: Tensor | None = None, steps: int = 0) -> Walk:
        """DDIM run backwards, each step with the prediction at its start (Song et al., section 5.4)."""
        levels = self._schedule(steps or self.STEPS_BACK)[::-1]
        for number, (now, then) in enumerate(pairwise(levels), 1):
            at = now if now.t else self.levels()[1]
            seen = self._seen(at, x, (yield Look(x, at.t, y, 1.0)), cut=False)
            x = then.alpha * seen.x0 + then.sigma * seen.noise
            yield Step(self._share(then), x, seen.x0, seen.noise, x, torch.zeros_like(x), now, then, 0.0, number, len(levels) - 1)

    def walk(self, z: Tensor, y: Tensor | None = None, *, sampler: str = "", steps: int = 0, eta: float = 0.0, guidance: float | None = None,
             seed: int = 0, start: float = 1.0, known: Known | None = None) -> Walk:
        sampler, guidance = sampler or self.SAMPLERS[0], self.config.guidance if guidance is None else guidance
        levels = self._schedule(steps or self.config.steps, sampler, start)
        chance, other, way = Chance(z, seed), Chance(z, seed, b"known"), turns(levels, known)
        x, earlier = z if known is None or start == 1 else known.begun(z, levels[0]), None
        for number, (now, then, again) in enumerate(way, 1):
            seen = self._seen(now, x, (yield Look(x, now.t, y, guidance)), known)
            mean, spread = self.UPDATES[sampler](seen, then, earlier, eta)
            fresh = spread * chance() if spread else torch.zeros_like(x)
            yield Step(self._share(now), x, seen.x0, seen.noise, mean, fresh, now, then, spread, number, len(way))
            x, earlier = mean + fresh, None if again else seen
            if known:
                x = known.onward(x, now, then, again, other)
        x, nothing = (known.matched(x) if known else x).clamp(-1, 1), torch.zeros_like(x)
        yield Step(0.0, x, x, nothing, x, nothing, levels[-1], levels[-1], 0.0, len(way), len(way))

    def _share(self, level: Level) -> float:
        return level.t / (len(self.levels()) - 1)

    def _schedule(self, steps: int, sampler: str = "ddim", start: float = 1.0) -> list[Level]:
        """The moments that so many steps visit, from `start` of all, or the first at which a picture can be predicted, down to t = 0.

        They lie evenly in t; for DPM-Solver++ evenly in log(alpha / sigma), as its authors advise, down to a hundredth of T.
        """
        levels = self.levels()
        times = len(levels) - 1
        first = min(max(level.t for level in levels if level.alpha**2 >= DARKEST), max(1, round(start * times)))
        if sampler == "dpm++":
            logs = np.array([np.log(level.alpha / level.sigma) for level in levels[1:first + 1]])
            wanted = np.linspace(logs[-1], logs[max(1, min(first, times // 100)) - 1], steps)
            moments = [0, *(1 + abs(logs - value).argmin() for value in wanted)]
        else:
            moments = np.linspace(0, first, steps + 1).round().astype(int)
        return [levels[t] for t in np.unique(moments)[::-1]]

    def _seen(self, level: Level, x: Tensor, said: Tensor, known: Known | None = None, cut: bool = True) -> Seen:
        """What a noise that the net says for x at a level means. A picture stays within its bounds and fits what is known of it; noise is what remains."""
        x0, noise = (x - level.sigma * said) / level.alpha, said
        if cut:
            x0 = self.cut(x0)
            x0 = known.matched(x0) if known else x0
            noise = (x - level.alpha * x0) / level.sigma
        return Seen(level, x, x0, noise, said)
