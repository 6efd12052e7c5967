"""What is known of the picture that a path is to make: a picture to begin from, some of its pixels, or a small version of it."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from ._base import Level


def step_forward(x: Tensor, before: Level, level: Level, noise: Tensor) -> Tensor:
    """x at `level` from x at `before`, a moment with less noise, and noise [B, C, H, W] from N(0, I).

    For neighbours it is a step of the forward process (Ho et al. 2020, equation 2), otherwise as many as lie between them; from t = 0
    its closed form (equation 4).
    """
    kept = level.alpha / before.alpha
    return kept * x + max(0.0, level.sigma**2 - (kept * before.sigma) ** 2) ** 0.5 * noise


@dataclass(frozen=True, eq=False)
class Known:
    """picture: float32 [C, H, W] in [-1, 1], of which a path that begins later than at the noise sets out (SDEdit, Meng et al. 2022).

    mask: bool [H, W], the pixels that are known; None where none are (RePaint, Lugmayr et al. 2022). shrunk: how many times smaller the
    version is of which the block means are known; 1 where it is not. repeats: how often each step is taken, the picture being noised
    again in between, so that what is made comes to fit what is known (RePaint's resampling).
    """

    picture: Tensor
    mask: Tensor | None = None
    shrunk: int = 1
    repeats: int = 1

    def begun(self, z: Tensor, level: Level) -> Tensor:
        """x [B, C, H, W] at the level at which a path sets out, with z as its noise."""
        return level.alpha * self.picture + level.sigma * z

    def matched(self, x0: Tensor) -> Tensor:
        """Pictures [B, C, H, W] in [-1, 1] with exactly the block means that are known; pictures as they were where none are.

        As by DDNM (Wang et al. 2022), but that a block is drawn towards white or black by as much as its mean is off, and not shifted:
        so it stays what a picture can be.
        """
        if self.shrunk == 1:
            return x0
        x0 = x0.clamp(-1, 1)
        mean, wanted = F.avg_pool2d(x0, self.shrunk), F.avg_pool2d(self.picture, self.shrunk)
        edge = torch.where(wanted > mean, 1.0, -1.0)
        share = (wanted - mean) / (edge - mean + 1e-7 * edge)
        share, edge = (F.interpolate(part, scale_factor=self.shrunk) for part in (share, edge))
        return x0 + share * (edge - x0)

    def onward(self, x: Tensor, now: Level, then: Level, again: bool, draw: Callable[[], Tensor]) -> Tensor:
        """Where a path goes on that has come from `now` to x at `then`: known pixels are put in, as noisy as it is there.

        `again`: back to `now` by the forward process (RePaint, algorithm 1). draw gives noise [B, C, H, W].
        """
        if self.mask is not None:
            x = x.where(~self.mask, then.alpha * self.picture + then.sigma * draw() if then.sigma else self.picture)
        return step_forward(x, then, now, draw()) if again else x
