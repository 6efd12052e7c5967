"""Ways to walk from one latent to another, and through several."""

from collections.abc import Sequence

import torch
from torch import Tensor

STRAIGHT_BELOW = 1e-4  # sine of the angle under which an arc has no direction of its own


def lerp(a: Tensor, b: Tensor, n: int) -> Tensor:
    """n latents [n, *shape] on the straight line from a to b [*shape], both included."""
    t = torch.linspace(0, 1, n, device=a.device).view(-1, *[1] * a.ndim)
    return a + t * (b - a)


def slerp(a: Tensor, b: Tensor, n: int) -> Tensor:
    """n latents [n, *shape] on the great arc from a to b, both included (Shoemake 1985).

    It keeps the length that Gaussian latents have, which a straight line does not: halfway between two latents
    of many dimensions a line comes about 30 % closer to the origin. Where there is no one arc (a or b is zero,
    or they lie on one line through the origin) it is the straight line.
    """
    lengths = a.norm() * b.norm()
    angle = ((a * b).sum() / lengths).clamp(-1, 1).acos() if lengths > 0 else torch.zeros((), device=a.device)
    if angle.sin() < STRAIGHT_BELOW:
        return lerp(a, b, n)
    t = torch.linspace(0, 1, n, device=a.device).view(-1, *[1] * a.ndim)
    return (((1 - t) * angle).sin() * a + (t * angle).sin() * b) / angle.sin()


WALKS = {"straight": lerp, "arc": slerp}


def through(stops: Sequence[Tensor], n: int, kind: str = "straight") -> Tensor:
    """A walk of that kind through all stops [*shape], n latents from each to the next: [(len(stops) - 1) * (n - 1) + 1, *shape].

    Every stop is on it once. ValueError if there are fewer than two stops or n is less than two.
    """
    if len(stops) < 2 or n < 2:
        raise ValueError(f"A walk needs at least two stops and two latents from each to the next, not {len(stops)} and {n}.")
    legs = [WALKS[kind](a, b, n) for a, b in zip(stops, stops[1:], strict=False)]
    return torch.cat([legs[0], *[leg[1:] for leg in legs[1:]]])
