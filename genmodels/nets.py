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


@torch.no_grad()
def start_small(last: nn.Conv2d) -> None:
    """Let a branch begin as next to nothing, so that what runs past it arrives unchanged."""
    last.weight.mul_(0.1)
    last.bias.zero_()


def out_of_memory(error: Exception) -> bool:
    """Whether a computation failed for want of memory, on a GPU or on a processor, which has no error class of its own for it."""
    return isinstance(error, torch.OutOfMemoryError) or "DefaultCPUAllocator" in str(error)


def joined(x: Tensor, y: Tensor | None) -> Tensor:
    """x [B, D] with the conditions y [B, K] beside it, where there are any."""
    return x if y is None else torch.cat([x, y], dim=1)


class UNet(nn.Module):
    """Noisy pictures x [B, C, H, H], times t [B] in [0, 1] and conditions y [B, K] to something of the shape of x (Ronneberger et al. 2015).

    Residual blocks on every scale, attention at the lowest (Ho et al. 2020); the channels double from scale to scale, up to
    four times the width. The output starts near zero.
    """

    def __init__(self, image_shape: Sequence[int], width: int, depth: int, conditions: int = 0, patch: int = 1):
        super().__init__()
        channels, told = [width * min(4, 2**k) for k, _ in enumerate(grid_sides(image_shape[-1] // patch))], 4 * width
        self.patch = patch
        self.time = nn.Sequential(TimeEmbedding(2 * width), mlp(2 * width, told, told))
        self.said = nn.Linear(conditions, told, bias=False) if conditions else None
        self.first = nn.Conv2d(image_shape[0] * patch**2, width, 3, padding=1)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        for k, (above, here) in enumerate(zip([width, *channels], channels, strict=False)):
            narrower = nn.Conv2d(above, here, 3, 2, 1) if k else nn.Identity()
            self.down.append(nn.ModuleList([narrower, *[Told(here, here, told) for _ in range(depth)]]))
            wider = nn.Sequential(nn.Conv2d(here, 4 * above, 3, padding=1), nn.PixelShuffle(2)) if k else nn.Identity()
            self.up.insert(0, nn.ModuleList([*[Told(2 * here, here, told) for _ in range(depth)], wider]))
        self.middle = nn.ModuleList([Told(channels[-1], channels[-1], told), Attention(channels[-1]), Told(channels[-1], channels[-1], told)])
        self.last = nn.Sequential(ChannelNorm(width), nn.SiLU(), nn.Conv2d(width, image_shape[0] * patch**2, 3, padding=1))
        start_small(self.last[-1])

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        told = self.time(t)
        if self.said is not None and y is not None:
            told = told + self.said(y)
        told = F.silu(told)
        x, kept = self.first(F.pixel_unshuffle(x, self.patch) if self.patch > 1 else x), []
        for narrower, *blocks in self.down:
            x = narrower(x)
            for block in blocks:
                x = block(x, told)
                kept.append(x)
        before, attention, after = self.middle
        x = after(attention(before(x, told)), told)
        for *blocks, wider in self.up:
            for block in blocks:
                x = block(torch.cat([x, kept.pop()], dim=1), told)
            x = wider(x)
        x = self.last(x)
        return F.pixel_shuffle(x, self.patch) if self.patch > 1 else x


class TimeEmbedding(nn.Module):
    """Times [B] in [0, 1] as sines and cosines [B, size] of frequencies from 1 to 10,000 (Vaswani et al. 2017)."""

    def __init__(self, size: int):
        super().__init__()
        self.size = size

    def forward(self, t: Tensor) -> Tensor:
        frequencies = torch.logspace(0, 4, self.size // 2, device=t.device)
        angles = t.float()[:, None] * frequencies / 10
        return torch.cat([angles.sin(), angles.cos()], dim=1)


class Told(nn.Module):
    """A residual block that is told something [B, told]: it scales and shifts the channels between the convolutions."""

    def __init__(self, a: int, b: int, told: int):
        super().__init__()
        self.norm = ChannelNorm(a)
        self.first, self.second = nn.Conv2d(a, b, 3, padding=1), nn.Conv2d(b, b, 3, padding=1)
        self.tell = nn.Linear(told, 2 * b)
        self.past = nn.Conv2d(a, b, 1) if a != b else nn.Identity()
        start_small(self.second)

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        scale, shift = self.tell(told)[:, :, None, None].chunk(2, dim=1)
        inner = self.first(F.silu(self.norm(x))) * (1 + scale) + shift
        return self.past(x) + self.second(F.silu(inner))


class Attention(nn.Module):
    """Every place of a grid [B, C, H, W] looks at every other."""

    def __init__(self, channels: int, heads: int = 4):
        super().__init__()
        self.heads, self.norm = heads, ChannelNorm(channels)
        self.ask, self.answer = nn.Conv2d(channels, 3 * channels, 1), nn.Conv2d(channels, channels, 1)
        start_small(self.answer)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (part.flatten(2).unflatten(1, (self.heads, -1)).transpose(2, 3) for part in self.ask(self.norm(x)).chunk(3, dim=1))
        seen = (q @ k.transpose(2, 3) * q.shape[-1] ** -0.5).softmax(3).to(v.dtype) @ v  # on so few places quicker than the fused one
        return x + self.answer(seen.transpose(2, 3).flatten(1, 2).view_as(x))


class ChannelNorm(nn.LayerNorm):
    """Layer normalisation of the channels of each place: a third of the time of group normalisation on a processor."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
