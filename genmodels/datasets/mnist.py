"""MNIST: 70,000 handwritten digits, 28x28 grey."""

from pathlib import Path

from ._base import Images, Progress
from ._sources import load_grey_set

TITLE = "Handwritten digits (MNIST)"
TERMS = "LeCun, Cortes and Burges; commonly given as CC BY-SA 3.0"
IMAGE_SHAPE = (1, 28, 28)
CLASSES = tuple("0123456789")
HUB = "ylecun/mnist"
OWN = {"drawn": "strokes", "box": 20, "centre": "mass"}  # how a person's own picture becomes one of these (LeCun et al. 1998)


def load(split: str = "train", source: Path | None = None, progress: Progress | None = None) -> Images:
    """60,000 or 10,000 pictures from `source` (an .npz, or a folder with mnist.npz in it), else from the Hub."""
    return load_grey_set("mnist", HUB, CLASSES, split, source, progress)
