"""A whole dataset in memory."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

SPLITS = ("train", "test")


@dataclass(frozen=True)
class Images:
    """Pixels uint8 [N, C, H, W], labels int64 [N], a name per label; factors float32 [N, F] where the truth is known."""

    pixels: Tensor
    labels: Tensor
    classes: tuple[str, ...]
    factors: Tensor | None = None
    factor_names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.pixels)

    def to(self, device: torch.device) -> "Images":
        return Images(self.pixels.to(device), self.labels.to(device), self.classes, self.factors, self.factor_names)

    def floats(self, index: Tensor | slice) -> Tensor:
        """Pictures [B, C, H, W] in [-1, 1]."""
        return self.pixels[index].float() / 127.5 - 1

    def one_hot(self, index: Tensor | slice) -> Tensor:
        """Classes as conditions [B, K] float32."""
        return F.one_hot(self.labels[index], len(self.classes)).float()


def check_split(split: str) -> None:
    if split not in SPLITS:
        raise ValueError(f"There is no split {split!r}; there are {' and '.join(SPLITS)}.")
