"""Flow matching (Lipman et al. 2022; rectified flow, Liu et al. 2022): a net learns the straight way from noise to picture."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional as F

from ..knobs import knob
from ..nets import UNet
from ._base import Step, check_square
from ._path import PathModel, guided


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

Look = Callable[[Tensor, float], Tensor]  # the velocity at x and t


def heun(look: Look, x: Tensor, v: Tensor, now: float, then: float) -> Tensor:
    """The mean of the velocities at both ends: second order, two looks at the net."""
    return (v + look(x + (then - now) * v, then)) / 2


def midpoint(look: Look, x: Tensor, v: Tensor, now: float, then: float) -> Tensor:
    """The velocity halfway: second order, two looks at the net."""
    half = (then - now) / 2
    return look(x + half * v, now + half)


def euler(look: Look, x: Tensor, v: Tensor, now: float, then: float) -> Tensor:
    """The velocity at the start: first order, one look at the net."""
    return v


SOLVERS: dict[str, Callable[[Look, Tensor, Tensor, float, float], Tensor]] = {"heun": heun, "midpoint": midpoint, "euler": euler}


class FlowMatching(PathModel):
    """Pictures at t = 0, noise at t = 1, and x_t = (1 - t) x0 + t noise between them; latent_shape is image_shape."""

    Config = Config
    SAMPLERS = tuple(SOLVERS)
    STEPS_BACK = 25

    def __init__(self, config: Config):
        super().__init__(config)
        self.net = UNet(config.image_shape, config.width, config.depth, len(config.conditions))

    def velocity(self, x: Tensor, t: Tensor, y: Tensor | None = None, guidance: float = 1.0) -> Tensor:
        """dx / dt [B, C, H, W] at times t [B] in [0, 1]: the mean of noise - x0 over all ways through x."""
        return guided(self.net, x, t, self.said(y, x), guidance)

    def loss(self, x: Tensor, y: Tensor | None = None, player: str = "model") -> dict[str, Tensor]:
        noise, t = torch.randn_like(x), torch.rand(x.shape[0], device=x.device)
        if self.config.times == "middle":
            t = torch.randn_like(t).sigmoid()  # logit-normal (Esser et al. 2024)
        way = t.view(-1, 1, 1, 1)
        return {"loss": F.mse_loss(self.velocity((1 - way) * x + way * noise, t, self.partly_said(y, x)), noise - x)}

    def back(self, x: Tensor, y: Tensor | None = None, steps: int = 0) -> Iterator[Tensor]:
        """The way to the noise that x comes from: the same equation in the other direction, without guidance."""
        for _, _, reached in self._steps(x, y, self.SAMPLERS[0], _times(steps or self.STEPS_BACK)[::-1], 1.0):
            yield reached

    def path(self, z: Tensor, y: Tensor | None = None, *, sampler: str = "", steps: int = 0, eta: float = 0.0,
             guidance: float | None = None, seed: int = 0) -> Iterator[Step]:
        """The steps from noise z to the picture: `steps` of them, and the picture itself as the last.

        sampler is one of SAMPLERS ("" the first; steps 0 and guidance None are the config's). An equation without
        chance draws nothing, so eta and seed change nothing.
        """
        times, x, nothing = _times(steps or self.config.steps), z, torch.zeros_like(z)
        for now, v, mean in self._steps(z, y, sampler or self.SAMPLERS[0], times, self.config.guidance if guidance is None else guidance):
            yield Step(now, x, x - now * v, x + (1 - now) * v, mean, nothing)
            x = mean
        x = x.clamp(-1, 1)
        yield Step(0.0, x, x, nothing, x, nothing)

    def _steps(self, x: Tensor, y: Tensor | None, sampler: str, times: list[float],
               guidance: float) -> Iterator[tuple[float, Tensor, Tensor]]:
        """At each time but the last: the time, the velocity there, and where it leads."""
        def look(x: Tensor, t: float) -> Tensor:
            return self.velocity(x, x.new_full((x.shape[0],), t), y, guidance)

        for now, then in pairwise(times):
            v = look(x, now)
            x = x + (then - now) * SOLVERS[sampler](look, x, v, now, then)
            yield now, v, x


def _times(steps: int) -> list[float]:
    """From noise to picture in equal steps."""
    return [1 - k / steps for k in range(steps)] + [0.0]
