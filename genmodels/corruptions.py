"""Corruptions of pictures: Gaussian noise, salt and pepper, masking, a missing block and blur, each from nothing to all by one level.

The twin is assets/js/corruption.js: what is drawn at random comes in as normal numbers, so that the same numbers give the same picture there.
"""

from collections.abc import Callable

import torch
from torch import Tensor

WIDEST = 3 / 28  # standard deviation of the widest blur, as a share of a picture's side

Corruption = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(x, level, noise) -> pictures of the same shape.

x: [B, C, H, W] in [-1, 1], and so is what comes out; level: [B, 1, 1, 1] in [0, 1], where 0 changes nothing; noise: standard normal
numbers of the shape of x.
"""


def gaussian(x: Tensor, level: Tensor, noise: Tensor) -> Tensor:
    """Normal noise on every number of a picture; the level is its standard deviation where black is 0 and white 1. Clipped, as it is shown."""
    return (x + 2 * level * noise).clamp(-1, 1)


def saltpepper(x: Tensor, level: Tensor, noise: Tensor) -> Tensor:
    """The level's share of the pixels becomes black or white, as many of each."""
    drawn = evenly(noise[:, :1])
    return x.masked_fill(drawn < level / 2, -1.0).masked_fill(drawn > 1 - level / 2, 1.0)


def masking(x: Tensor, level: Tensor, noise: Tensor) -> Tensor:
    """The level's share of the pixels becomes black: the noise of Vincent et al. 2008."""
    return x.masked_fill(evenly(noise[:, :1]) < level, -1.0)


def block(x: Tensor, level: Tensor, noise: Tensor) -> Tensor:
    """A grey square anywhere, of the level's share of the area."""
    height, width = x.shape[2:]
    down, across = (torch.arange(length, device=x.device) for length in (height, width))
    inside = []
    for at, (places, which) in enumerate(((down.view(1, 1, -1, 1), height), (across.view(1, 1, 1, -1), width))):
        side = (which * level.sqrt() + 0.5).floor()
        first = (evenly(noise[:, :1, :1, at:at + 1]) * (which - side + 1)).floor()
        inside.append((places >= first) & (places < first + side))
    return x.masked_fill(inside[0] & inside[1], 0.0)


def blur(x: Tensor, level: Tensor, noise: Tensor) -> Tensor:
    """A Gaussian blur, at the full level with a standard deviation of WIDEST sides; at the border over what is there."""
    def rows(length: int) -> Tensor:
        places = torch.arange(length, device=x.device, dtype=x.dtype)
        apart = (places[:, None] - places).square()
        return (-apart / (2 * (level.view(-1, 1, 1) * WIDEST * length).clamp(min=1e-3).square())).softmax(2)[:, None]

    with torch.autocast(x.device.type, enabled=False):
        return rows(x.shape[2]) @ x @ rows(x.shape[3]).transpose(2, 3)


def evenly(noise: Tensor) -> Tensor:
    """Standard normal numbers as numbers that are spread evenly over (0, 1): their distribution function, within 0.0002 (Bowling et al. 2009)."""
    return torch.sigmoid(1.5976 * noise + 0.07056 * noise**3)


CORRUPTIONS: dict[str, Corruption] = {one.__name__: one for one in (gaussian, saltpepper, masking, block, blur)}
ANY = "any"  # as many pictures by each of them


def corrupted(x: Tensor, kind: str, most: float) -> Tensor:
    """Pictures [B, C, H, W] in [-1, 1], each at a level of its own between 0 and `most`, all drawn from torch's generator. "none" changes nothing."""
    if kind == "none":
        return x
    level, noise = most * torch.rand(len(x), 1, 1, 1, device=x.device), torch.randn_like(x)
    kinds = list(CORRUPTIONS.values()) if kind == ANY else [CORRUPTIONS[kind]]
    parts = zip(kinds, *(values.tensor_split(len(kinds)) for values in (x, level, noise)), strict=True)
    return torch.cat([one(*part) for one, *part in parts])
