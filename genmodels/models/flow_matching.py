"""Flow matching (Lipman et al. 2022; rectified flow, Liu et al. 2022): a net learns the straight way from noise to picture."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional as F

from ..knobs import knob
from ..nets import UNet
from ._base import Level, Step, check_square
from ._known import Known
from ._path import Chance, Look, PathModel, Walk, guided, turns


@dataclass(frozen=True)
class Config:
    image_shape: tuple[int, int, int] = knob((1, 28, 28), "channels, height and width of a picture", 1, 256)
    width: int = knob(16, "channels of the first convolutions", 8, 256)
    depth: int = knob(1, "residual blocks on each scale", 1, 4)
    times: str = knob("uniform", "which moments it learns from: all alike, or more of those in the middle", choices=("uniform", "middle"))
    conditions: tuple[str, ...] = knob((), "names of the classes or attributes that the net is told", 1, 60)
    unsaid: float = knob(0.1, "share of training pictures whose condition is withheld, so that guidance works", 0, 1)
    steps: int = knob(10, "steps from noise to picture, unless others are asked for", 1, 1000)
    guidance: float = knob(1.0, "how far beyond the condition's own answer to go; 1 is the plain answer", 0, 20)

    def __post_init__(self):
        check_square("flow_matching", self.image_shape, least=8)


# Solvers: from x at t = now, where the velocity is v, the mean velocity on the way to t = then

Asking = Generator[Look, Tensor, Tensor]  # yields what is asked of the net, is sent its answer, and returns a velocity
Solver = Callable[[Callable[[Tensor, float], Asking], Tensor, Tensor, float, float], Asking]  # the first argument looks for the velocity at x and t


def heun(look, x: Tensor, v: Tensor, now: float, then: float) -> Asking:
    """The mean of the velocities at both ends: second order, two looks at the net."""
    return (v + (yield from look(x + (then - now) * v, then))) / 2


def midpoint(look, x: Tensor, v: Tensor, now: float, then: float) -> Asking:
    """The velocity halfway: second order, two looks at the net."""
    half = (then - now) / 2
    return (yield from look(x + half * v, now + half))


def euler(look, x: Tensor, v: Tensor, now: float, then: float) -> Asking:
    """The velocity at the start: first order, one look at the net."""
    yield from ()
    return v


SOLVERS: dict[str, Solver] = {"heun": heun, "midpoint": midpoint, "euler": euler}


class FlowMatching(PathModel):
    """Pictures at t = 0, noise at t = 1, and x_t = (1 - t) x0 + t noise between them; latent_shape is image_shape."""

    Config = Config
    SAMPLERS = tuple(SOLVERS)
    STEPS_BACK = 25

    def __init__(self, config: Config):
        super().__init__(config)
        self.net = UNet(config.image_shape, config.width, config.depth, len(config.conditions))

    def velocity(self, x: Tensor, t: Tensor, y: Tensor | None = None, guidance: float | Tensor = 1.0) -> Tensor:
        """dx / dt [B, C, H, W] at times t [B] in [0, 1]: the mean of noise - x0 over all ways through x."""
        return guided(self.net, x, t, self.said(y, x), guidance)

    def loss(self, x: Tensor, y: Tensor | None = None, player: str = "model") -> dict[str, Tensor]:
        noise, t = torch.randn_like(x), torch.rand(x.shape[0], device=x.device)
        if self.config.times == "middle":
            t = torch.randn_like(t).sigmoid()  # logit-normal (Esser et al. 2024)
        way = t.view(-1, 1, 1, 1)
        return {"loss": F.mse_loss(self.velocity((1 - way) * x + way * noise, t, self.partly_said(y, x)), noise - x)}

    def look(self, x: Tensor, t: Tensor, y: Tensor | None, guidance: float | Tensor) -> Tensor:
        return self.velocity(x, t, y, guidance)

    def walk_back(self, x: Tensor, y: Tensor | None = None, steps: int = 0) -> Walk:
        """The same equation in the other direction, without guidance."""
        times = _times(steps or self.STEPS_BACK)[::-1]
        for number, (now, then) in enumerate(pairwise(times), 1):
            v, mean = yield from self._solved(x, now, then, self.SAMPLERS[0], y, 1.0)
            x0, noise, x = x - now * v, x + (1 - now) * v, x + (then - now) * mean
            yield Step(then, x, x0, noise, x, torch.zeros_like(x), _level(now), _level(then), 0.0, number, len(times) - 1)

    def walk(self, z: Tensor, y: Tensor | None = None, *, sampler: str = "", steps: int = 0, eta: float = 0.0, guidance: float | None = None,
             seed: int = 0, start: float = 1.0, known: Known | None = None) -> Walk:
        """An equation without chance draws nothing, so eta changes nothing; seed is for what is known alone."""
        sampler, guidance = sampler or self.SAMPLERS[0], self.config.guidance if guidance is None else guidance
        levels = [_level(t) for t in _times(steps or self.config.steps, start)]
        way, chance, nothing = turns(levels, known), Chance(z, seed, b"known"), torch.zeros_like(z)
        x = z if known is None or start == 1 else known.begun(z, levels[0])
        for number, (now, then, again) in enumerate(way, 1):
            v, mean = yield from self._solved(x, now.sigma, then.sigma, sampler, y, guidance, known)
            mean = x + (then.sigma - now.sigma) * mean
            yield Step(now.sigma, x, x - now.sigma * v, x + now.alpha * v, mean, nothing, now, then, 0.0, number, len(way))
            x = known.onward(mean, now, then, again, chance) if known else mean
        x = (known.matched(x) if known else x).clamp(-1, 1)
        yield Step(0.0, x, x, nothing, x, nothing, levels[-1], levels[-1], 0.0, len(way), len(way))

    def _solved(self, x: Tensor, now: float, then: float, sampler: str, y: Tensor | None, guidance: float,
                known: Known | None = None) -> Generator[Look, Tensor, tuple[Tensor, Tensor]]:
        """The velocity at x, and the mean velocity from `now` to `then`."""
        look = partial(_velocity, y=y, guidance=guidance, known=known)
        v = yield from look(x, now)
        return v, (yield from SOLVERS[sampler](look, x, v, now, then))


def _velocity(x: Tensor, t: float, y: Tensor | None, guidance: float, known: Known | None) -> Asking:
    """The velocity at x and t, turned towards a picture that fits what is known."""
    v = yield Look(x, t, y, guidance)
    return (x - known.matched(x - t * v)) / t if known and t else v


def _times(steps: int, start: float = 1.0) -> list[float]:
    """From noise, or from `start` of the way, to the picture in equal steps."""
    return [start * (1 - k / steps) for k in range(steps)] + [0.0]


def _level(t: float) -> Level:
    """A time as a moment of a thousand."""
    return Level(round(1000 * t), 1 - t, t)
