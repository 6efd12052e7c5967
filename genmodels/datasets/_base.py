"""A whole dataset in memory."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

SPLITS = ("train", "test")
Progress = Callable[[int, int, str], None]  # done, total, "bytes" or "pictures"


@dataclass(frozen=True)
class Images:
    """Pixels uint8 [N, C, H, W], labels int64 [N], a name per label; factors float32 [N, F] where the truth is known.

    account: plain sentences on what was found and what was done with it, where the pictures are a stranger's.
    """

    pixels: Tensor
    labels: Tensor
    classes: tuple[str, ...]
    factors: Tensor | None = None
    factor_names: tuple[str, ...] = ()
    account: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.pixels)

    def to(self, device: torch.device) -> "Images":
        return replace(self, pixels=self.pixels.to(device), labels=self.labels.to(device))

    def first(self, count: int) -> "Images":
        """The first pictures alone."""
        return replace(self, pixels=self.pixels[:count], labels=self.labels[:count],
                       factors=None if self.factors is None else self.factors[:count])

    def floats(self, index: Tensor | slice) -> Tensor:
        """Pictures [B, C, H, W] in [-1, 1]."""
        return floats(self.pixels[index])

    def one_hot(self, index: Tensor | slice) -> Tensor:
        """Classes as conditions [B, K] float32."""
        return F.one_hot(self.labels[index], len(self.classes)).float()


def floats(pixels: Tensor) -> Tensor:
    """Pixels uint8 as numbers in [-1, 1]."""
    return pixels.float() / 127.5 - 1


def check_split(split: str) -> None:
    if split not in SPLITS:
        raise ValueError(f"There is no split {split!r}; there are {' and '.join(SPLITS)}.")
