"""Models of many steps: a picture is the end of a path from noise, and the noise of a picture the end of the way back."""

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from ..normal import latents
from ._base import LatentModel, Level, Step
from ._known import Known


@dataclass(frozen=True, eq=False)
class Look:
    """What a walk asks of the net: x [B, C, H, W] at time t, conditions y [B, K] or None, and the guidance to answer with."""

    x: Tensor
    t: float
    y: Tensor | None
    guidance: float


Walk = Generator[Look | Step, Tensor | None, None]  # is sent the net's answer to each Look, and nothing for a Step


class PathModel(LatentModel):
    """A family whose `walk` and `walk_back` ask of the net what they need to know; `path`, `back`, `decode` and `encode` answer one walk alone.

    A walk computes nothing but its own updates, so whoever holds several of them may answer them together (`answer`): they need
    not be alike. The config names the `steps` and `guidance` to use unless asked.
    """

    STEPS_BACK = 50  # of the way back, unless others are asked for

    def walk(self, z: Tensor, y: Tensor | None = None, *, sampler: str = "", steps: int = 0, eta: float = 0.0, guidance: float | None = None,
             seed: int = 0, start: float = 1.0, known: Known | None = None) -> Walk:
        """`path` as a walk."""
        raise NotImplementedError

    def walk_back(self, x: Tensor, y: Tensor | None = None, steps: int = 0) -> Walk:
        """The way to the noise that pictures x come from, each Step with x where that has led, the noise itself last; 0 steps are STEPS_BACK."""
        raise NotImplementedError

    def look(self, x: Tensor, t: Tensor, y: Tensor | None, guidance: float | Tensor) -> Tensor:
        """The net's answer [B, C, H, W] to x at times t [B], with one guidance for all or one for each [B]."""
        raise NotImplementedError

    def path(self, z: Tensor, y: Tensor | None = None, *, sampler: str = "", steps: int = 0, eta: float = 0.0, guidance: float | None = None,
             seed: int = 0, start: float = 1.0, known: Known | None = None) -> Iterator[Step]:
        """The steps from noise z to the picture: `steps` of them, and the picture itself as the last.

        sampler is one of SAMPLERS ("" the first; steps 0 and guidance None are the config's); eta is DDIM's share of fresh noise, which
        is drawn from z and seed. start: the share of the way at which to begin, 1 at the noise; below it z is the noise that is put on the
        known picture. known: see `Known`; its repeats take every step but the last so many times.
        """
        return self.along(self.walk(z, y, sampler=sampler, steps=steps, eta=eta, guidance=guidance, seed=seed, start=start, known=known))

    def back(self, x: Tensor, y: Tensor | None = None, steps: int = 0) -> Iterator[Tensor]:
        """The way to the noise that pictures x come from, the noise itself last; 0 steps are STEPS_BACK."""
        return (step.x for step in self.along(self.walk_back(x, y, steps)))

    def decode(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return deque(self.path(z, y), 1)[0].x  # a thousand steps are not kept

    def encode(self, x: Tensor, y: Tensor | None = None, steps: int = 0) -> Tensor:
        return deque(self.back(x, y, steps), 1)[0]

    def along(self, walk: Walk) -> Iterator[Step]:
        """The steps of a walk that goes alone."""
        said = next(walk, None)
        while said is not None:
            if isinstance(said, Look):
                said = walk.send(self.look(*together([said])))
            else:
                yield said
                said = next(walk, None)


def together(looks: Sequence[Look]) -> tuple[Tensor, Tensor, Tensor | None, float | Tensor]:
    """Several looks as the one that `PathModel.look` takes: each row keeps its time, its conditions (none are zeros) and its guidance."""
    x = torch.cat([look.x for look in looks]) if len(looks) > 1 else looks[0].x
    t = torch.cat([torch.full((look.x.shape[0],), look.t, device=x.device) for look in looks])
    told = next((look.y for look in looks if look.y is not None), None)
    y = None if told is None else torch.cat([told.new_zeros(look.x.shape[0], told.shape[1]) if look.y is None else look.y for look in looks])
    if len({look.guidance for look in looks}) == 1:
        return x, t, y, looks[0].guidance
    return x, t, y, torch.cat([torch.full((look.x.shape[0],), float(look.guidance), device=x.device) for look in looks])


def guided(net: nn.Module, x: Tensor, t: Tensor, y: Tensor | None, guidance: float | Tensor) -> Tensor:
    """A net's answer to x [B, C, H, W] at times t [B], `guidance` times as far from the one without conditions (Ho & Salimans 2022).

    One guidance for all or one for each row [B]. Rows that are told nothing, or whose guidance is 1, are looked at once.
    """
    if y is None or isinstance(guidance, float | int) and guidance == 1:
        return net(x, t, y).float()
    share = torch.as_tensor(guidance, dtype=torch.float32, device=x.device).expand(x.shape[0])
    rows = ((share != 1) & y.any(1)).nonzero()[:, 0]
    if not len(rows):
        return net(x, t, y).float()
    told, untold = net(torch.cat([x, x[rows]]), torch.cat([t, t[rows]]), torch.cat([y, torch.zeros_like(y[rows])])).float().split([x.shape[0], len(rows)])
    return told.index_copy(0, rows, untold + share[rows].view(-1, 1, 1, 1) * (told[rows] - untold))


def turns(levels: Sequence[Level], known: Known | None) -> list[tuple[Level, Level, bool]]:
    """The steps from level to level, and whether x is noised again after one, to take it once more; the last step is taken once."""
    more = known.repeats - 1 if known else 0
    return [(now, then, k < last) for now, then in pairwise(levels) for last in [more if then.sigma else 0] for k in range(last + 1)]


class Chance:
    """Noise for latents z [B, ...], drawn again and again: a row's depends on it, the seed and the purpose alone, not on who stands beside it."""

    def __init__(self, z: Tensor, seed: int, purpose: bytes = b""):
        self.z, self.seed, self.purpose = z, seed, purpose
        self.keys: list[int] = []
        self.drawn = 0

    def __call__(self) -> Tensor:
        """The next noise from N(0, I), of the shape of z."""
        if not self.keys:
            end = self.seed.to_bytes(8, "little") + self.purpose
            self.keys = [int.from_bytes(sha256(row.tobytes() + end).digest()[:4], "little") for row in self.z.detach().float().cpu().numpy()]
        noise = np.concatenate([latents(key, 1, self.z.shape[1:], first=self.drawn) for key in self.keys])
        self.drawn += 1
        return torch.from_numpy(noise).to(self.z)
