"""Networks with no idea what they are used for."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FINEST_GRID = 8  # convolutional nets halve a picture until its side is at most this


def activated(*layers: nn.Module) -> nn.Sequential:
    """The layers with SiLU between them (none after the last), scaled so that a signal keeps its size."""
    for layer in layers:
        for part in layer.modules():
            if isinstance(part, nn.Linear | nn.Conv2d):
                nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
                nn.init.zeros_(part.bias)
    return nn.Sequential(*[part for layer in layers for part in (layer, nn.SiLU())][:-1])


def mlp(*sizes: int) -> nn.Sequential:
    """Linear layers of these sizes with SiLU between them."""
    return activated(*[nn.Linear(a, b) for a, b in pairwise(sizes)])


class Residual(nn.Module):
    """x + f(x) with two 3x3 convolutions. f starts at zero, so depth costs nothing at first."""

    def __init__(self, channels: int):
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(F.silu(self.first(F.silu(x))))


def grid_sides(side: int) -> list[int]:
    """The sides a picture has on its way down: 28 -> [28, 14, 7], 64 -> [64, 32, 16, 8]."""
    sides = [side]
    while sides[-1] > FINEST_GRID and sides[-1] % 2 == 0:
        sides.append(sides[-1] // 2)
    return sides


class ConvEncoder(nn.Module):
    """Pictures [B, C, H, H] and conditions y [B, K] to features [B, out]."""

    def __init__(self, image_shape: Sequence[int], width: int, depth: int, hidden: int, out: int, conditions: int = 0):
        super().__init__()
        sides, wide, narrow = grid_sides(image_shape[-1]), 2 * width, width // 2
        channels = [image_shape[0], *[width] * (len(sides) - 2), wide] if len(sides) > 1 else []
        halvings = [nn.Conv2d(a, b, 4, 2, 1) for a, b in pairwise(channels)]
        first = halvings or [nn.Conv2d(image_shape[0], wide, 3, padding=1)]
        self.grid = nn.Sequential(
            activated(*first), *[Residual(wide) for _ in range(depth)], nn.SiLU(), nn.Conv2d(wide, narrow, 1), nn.SiLU(),
        )
        self.head = mlp(narrow * sides[-1] ** 2 + conditions, hidden, out)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return self.head(joined(self.grid(x).flatten(1), y))


class ConvDecoder(nn.Module):
    """Codes [B, D] and conditions y [B, K] to pictures [B, C, H, H] before any squashing."""

    def __init__(self, image_shape: Sequence[int], width: int, depth: int, hidden: int, latent_dim: int, conditions: int = 0):
        super().__init__()
        sides, wide, narrow = grid_sides(image_shape[-1])[::-1], 2 * width, width // 2
        self.head = mlp(latent_dim + conditions, hidden, hidden, narrow * sides[0] ** 2)
        channels = [wide, *[width] * (len(sides) - 2), narrow] if len(sides) > 1 else [wide]
        doublings = [nn.Sequential(nn.Conv2d(a, 4 * b, 3, padding=1), nn.PixelShuffle(2)) for a, b in pairwise(channels)]
        last = nn.Conv2d(channels[-1], image_shape[0], 3, padding=1)
        self.grid = nn.Sequential(
            nn.Unflatten(1, (narrow, sides[0], sides[0])), nn.SiLU(), nn.Conv2d(narrow, wide, 3, padding=1),
            *[Residual(wide) for _ in range(depth)], nn.SiLU(), activated(*doublings, last),
        )
        start_dim(last)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return self.grid(self.head(joined(z, y)))


@torch.no_grad()
def start_dim(last: nn.Linear | nn.Conv2d) -> None:
    """Let a net begin with dim, nearly even pictures.

    From bright noise every weight is pushed towards black at once, so hard that a sigmoid with a
    squared error saturates there and learns nothing more.
    """
    last.weight.mul_(0.3)
    last.bias.fill_(-2.0)


def out_of_memory(error: Exception) -> bool:
    """Whether a computation failed for want of memory, on a GPU or on a processor, which has no error class of its own for it."""
    return isinstance(error, torch.OutOfMemoryError) or "DefaultCPUAllocator" in str(error)


def joined(x: Tensor, y: Tensor | None) -> Tensor:
    """x [B, D] with the conditions y [B, K] beside it, where there are any."""
    return x if y is None else torch.cat([x, y], dim=1)
