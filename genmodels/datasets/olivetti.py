"""Olivetti faces: 400 grey pictures of 40 people, 64x64, for a model that is trained in a lesson."""

from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch

from ._base import Images, Progress, check_split
from ._sources import named_file

TITLE = "Grey faces (Olivetti)"
TERMS = "AT&T Laboratories Cambridge; Samaria and Harter 1994; please give credit"
FILE = "olivetti.npz"
IMAGE_SHAPE = (1, 64, 64)
OWN = {"eyes": ((16.0, 16.0), (47.5, 16.0))}  # how a person's own picture becomes one of these: with its eyes where theirs are on average, (column, row)
PEOPLE, EACH, TRAINED_ON = 40, 10, 8
CLASSES = tuple(f"Person {k + 1}" for k in range(PEOPLE))


def load(split: str = "train", source: Path | None = None, progress: Progress | None = None) -> Images:
    """320 or 80 pictures, eight or two of each of the 40 people, from olivetti.npz, which `source` names or holds.

    Its arrays: images uint8 [400, 64, 64] and person uint8 [400]. ValueError or OSError say in words what is wrong with a source.
    """
    check_split(split)
    path = named_file(FILE, source)
    try:
        with np.load(path, allow_pickle=False) as stored:
            images, person = stored["images"], stored["person"]
    except (KeyError, ValueError, TypeError, EOFError, OSError, BadZipFile) as error:
        raise ValueError(f"{path} is not an .npz file with the arrays images and person ({error}).") from None
    if images.dtype != np.uint8 or images.shape != (PEOPLE * EACH, *IMAGE_SHAPE[1:]) or not np.array_equal(np.bincount(person.astype(int)), [EACH] * PEOPLE):
        raise ValueError(f"The Olivetti faces are uint8 [400, 64, 64], ten of each of {PEOPLE} people; these are {images.dtype} {list(images.shape)}.")
    number = np.array([(person[:i] == one).sum() for i, one in enumerate(person)])  # of a picture among those of its person
    chosen = (number < TRAINED_ON) == (split == "train")
    return Images(torch.from_numpy(images[chosen])[:, None].contiguous(), torch.from_numpy(person[chosen].astype(np.int64)), CLASSES)
