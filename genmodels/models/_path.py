"""Models of many steps: a picture is the end of a path from noise, and the noise of a picture the end of the way back."""

from collections import deque
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from ._base import LatentModel


class PathModel(LatentModel):
    """A family with `path` and `back`, of which `decode` and `encode` are the ends. Its config names the `steps` and `guidance` to use unless asked."""

    STEPS_BACK = 50  # of the way back, unless others are asked for

    def decode(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return deque(self.path(z, y), 1)[0].x  # a thousand steps are not kept

    def encode(self, x: Tensor, y: Tensor | None = None, steps: int = 0) -> Tensor:
        return deque(self.back(x, y, steps), 1)[0]

    def back(self, x: Tensor, y: Tensor | None = None, steps: int = 0) -> Iterator[Tensor]:
        """The way to the noise that pictures x come from, the noise itself last; 0 steps are STEPS_BACK."""
        raise NotImplementedError


def guided(net: nn.Module, x: Tensor, t: Tensor, y: Tensor | None, guidance: float) -> Tensor:
    """A net's answer to x [B, C, H, W] at times t [B], `guidance` times as far from the one without conditions (Ho & Salimans 2022)."""
    if y is None or guidance == 1 or not y.any():
        return net(x, t, y).float()
    told, untold = net(x.repeat(2, 1, 1, 1), t.repeat(2), torch.cat([y, torch.zeros_like(y)])).float().chunk(2)
    return untold + guidance * (told - untold)
