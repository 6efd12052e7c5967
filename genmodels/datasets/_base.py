"""A whole dataset in memory."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

SPLITS = ("train", "test")
Progress = Callable[[int, int, str], None]  # done, total, "bytes" or "pictures"
PART = 5_000  # pictures that are numbers at once where all are gone through: they take four times the memory of pixels


@dataclass(frozen=True)
class Images:
    """Pixels uint8 [N, C, H, W], labels int64 [N], a name per label; factors float32 [N, F] where the truth is known.

    attributes: where pictures have any number of the classes, float32 [N, K] of +1, -1 and 0 for what is not known, in their order. Labels
    are then those of `groups`, the classes of which a picture has about one, by which maps are coloured.
    account: plain sentences on what was found and what was done with it, where the pictures are a stranger's.
    """

    pixels: Tensor
    labels: Tensor
    classes: tuple[str, ...]
    factors: Tensor | None = None
    factor_names: tuple[str, ...] = ()
    account: tuple[str, ...] = ()
    attributes: Tensor | None = None
    groups: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.pixels)

    def to(self, device: torch.device) -> "Images":
        return self._with(lambda values: values.to(device))

    def first(self, count: int) -> "Images":
        """The first pictures alone."""
        return self.some(slice(None, count))

    def some(self, index: Tensor | slice) -> "Images":
        """Some of the pictures, with all that is known of them."""
        return self._with(lambda values: values[index])

    def _with(self, change: Callable[[Tensor], Tensor]) -> "Images":
        fields = {name: getattr(self, name) for name in ("pixels", "labels", "factors", "attributes")}
        return replace(self, **{name: None if values is None else change(values) for name, values in fields.items()})

    def floats(self, index: Tensor | slice) -> Tensor:
        """Pictures [B, C, H, W] in [-1, 1]."""
        return floats(self.pixels[index])

    def parts(self) -> Iterator[Tensor]:
        """All pictures in [-1, 1] in their order, PART at a time."""
        return (self.floats(slice(k, k + PART)) for k in range(0, len(self), PART))

    def one_hot(self, index: Tensor | slice) -> Tensor:
        """Classes as conditions [B, K] float32: one-hot, or the attributes."""
        if self.attributes is not None:
            return self.attributes[index]
        return F.one_hot(self.labels[index], len(self.classes)).float()


def floats(pixels: Tensor) -> Tensor:
    """Pixels uint8 as numbers in [-1, 1]."""
    return pixels.float() / 127.5 - 1


def check_split(split: str) -> None:
    if split not in SPLITS:
        raise ValueError(f"There is no split {split!r}; there are {' and '.join(SPLITS)}.")
