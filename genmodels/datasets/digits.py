"""8x8 handwritten digits that come with scikit-learn, so that everything works offline."""

from pathlib import Path

import torch

from ._base import Images, check_split

TITLE = "Small digits (8x8)"
TERMS = "UCI Optical Recognition of Handwritten Digits (Alpaydin & Kaynak 1998), CC BY 4.0"
IMAGE_SHAPE = (1, 8, 8)
CLASSES = tuple("0123456789")
OWN = {"drawn": "strokes", "box": 8, "centre": "box"}  # how a person's own picture becomes one of these
TRAIN = 1400  # of 1,797; the writers of the last pictures are not those of the first


def load(split: str = "train", source: Path | None = None) -> Images:
    """The digits; `source` is not needed, they are embedded."""
    check_split(split)
    from sklearn.datasets import load_digits  # half the time that importing all datasets would take
    data = load_digits()
    part = slice(None, TRAIN) if split == "train" else slice(TRAIN, None)
    pixels = torch.from_numpy(data.images[part] * (255 / 16)).round().byte()[:, None]
    return Images(pixels, torch.from_numpy(data.target[part]).long(), CLASSES)
