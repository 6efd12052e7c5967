"""Fashion-MNIST: 70,000 pieces of clothing, 28x28 grey."""

from pathlib import Path

from ._base import Images, Progress
from ._sources import load_grey_set

TITLE = "Clothes (Fashion-MNIST)"
TERMS = "Zalando SE, MIT licence (Xiao, Rasul and Vollgraf 2017)"
IMAGE_SHAPE = (1, 28, 28)
CLASSES = ("T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
HUB = "zalando-datasets/fashion_mnist"
OWN = {"drawn": "shades", "box": 28, "centre": "box"}  # how a person's own picture becomes one of these (Xiao et al. 2017)


def load(split: str = "train", source: Path | None = None, progress: Progress | None = None) -> Images:
    """60,000 or 10,000 pictures from `source` (an .npz, or a folder with fashion_mnist.npz in it), else from the Hub."""
    return load_grey_set("fashion_mnist", HUB, CLASSES, split, source, progress)
