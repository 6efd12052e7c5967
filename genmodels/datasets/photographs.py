"""Photographs that come with scikit-image: nine free pictures whole, and 32x32 pieces of them to train on."""

from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..pictures import square
from ._base import Images, check_split

TITLE = "Photographs (scikit-image)"
TERMS = ("Public domain (astronaut and stars: NASA; rocket: SpaceX) or CC0 (cat: S. van der Walt, coffee: R. Michetti, photographer: L. Varshney, "
         "retina: M. Haggstrom, bricks and gravel: CC0Textures), as scikit-image 0.26 says")
IMAGE_SHAPE = (3, 32, 32)
CLASSES = ("astronaut", "cat", "coffee", "rocket", "stars", "photographer", "retina", "bricks", "gravel")
FILES = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg", "hubble_deep_field.jpg", "camera.png", "retina.jpg", "brick.png", "gravel.png")
COUNT = {"train": 200, "test": 40}  # pieces of each photograph
SEED = {"train": 1, "test": 2}
FROM, LEAST = 160, 56  # pixels: the side of the photographs that pieces are cut from, and of the smallest piece


def load(split: str = "train", source: Path | None = None) -> Images:
    """1,800 square pieces to train on or 360 to test with, always the same ones. `source` is not needed, the files are in the package."""
    check_split(split)
    random, side = np.random.default_rng(SEED[split]), IMAGE_SHAPE[-1]
    photographs = [Image.fromarray(picture) for picture in whole(FROM).permute(0, 2, 3, 1).numpy()]
    labels = np.tile(np.arange(len(CLASSES)), COUNT[split])
    pixels = np.empty((len(labels), side, side, 3), np.uint8)
    for k, label in enumerate(labels):
        wide = random.uniform(LEAST, FROM)
        left, top = random.uniform(0, FROM - wide, 2)
        piece = np.asarray(photographs[label].resize((side, side), Image.Resampling.BOX, box=(left, top, left + wide, top + wide)))
        pixels[k] = piece[:, ::-1] if random.random() < 0.5 else piece
    return Images(torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous(), torch.from_numpy(labels), CLASSES)


@cache
def whole(side: int) -> Tensor:
    """The photographs in the order of CLASSES, their middles cropped square: uint8 [9, 3, side, side]."""
    folder = files("skimage.data")
    pictures = [square(folder.joinpath(name).read_bytes(), side)[0] for name in FILES]
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous()
