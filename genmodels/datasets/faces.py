"""Faces of CelebA: 38,459 aligned faces, 64x64 colour, with up to 21 yes-or-no attributes that can be seen."""

import io
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from PIL import Image

from ._base import Images, Progress, check_split
from ._sources import named_file

TITLE = "Faces (CelebA)"
TERMS = "Liu, Luo, Wang and Tang 2015; non-commercial research and education only"
FILE = "celeba_64.npz"
IMAGE_SHAPE = (3, 64, 64)
SEEN = {  # our name of an attribute -> CelebA's, with a minus where that says the contrary
    "Smiling": "Smiling", "Eyeglasses": "Eyeglasses", "Male": "Male", "Young": "Young", "Bangs": "Bangs", "Beard": "-No_Beard", "Goatee": "Goatee",
    "Mustache": "Mustache", "Sideburns": "Sideburns", "Blond hair": "Blond_Hair", "Black hair": "Black_Hair", "Brown hair": "Brown_Hair",
    "Gray hair": "Gray_Hair", "Bald": "Bald", "Hat": "Wearing_Hat", "Mouth open": "Mouth_Slightly_Open", "Pale skin": "Pale_Skin",
    "Wavy hair": "Wavy_Hair", "Makeup": "Heavy_Makeup", "Earrings": "Wearing_Earrings", "Necktie": "Wearing_Necktie",
}
CLASSES = tuple(SEEN)
GROUPS = tuple(CLASSES.index(name) for name in ("Blond hair", "Black hair", "Brown hair", "Gray hair", "Bald", "Hat"))
EYES = (24.5, 32.0), (39.0, 32.0)  # where the eyes lie in every picture: (column, row) of the pixels
OWN = {"eyes": EYES}  # how a person's own picture becomes one of these
BIAS = (
    "The faces are of celebrities, mostly young, mostly light-skinned, and smile for a camera: so do the faces that are made here.",
    "The attributes are what people were asked to tick. \"Male\" and \"Young\" are such labels, not facts about a person, and what goes together in "
    "the pictures (make-up with one label, neckties with the other) goes together in what is learned from them.",
    "For research and education only, not commercially. Not for judging, finding or imitating a person.",
)
ARRAYS = {"webp": "u", "offsets": "iu", "attrs": "i", "attr_names": "U", "split": "iu"}  # their kinds of numbers, as NumPy says them


def load(split: str = "train", source: Path | None = None, progress: Progress | None = None) -> Images:
    """35,556 (training and validation) or 2,903 faces from celeba_64.npz, which `source` names or holds.

    Its arrays: webp uint8 [B] and offsets [N + 1], where picture i is the WebP file webp[offsets[i]:offsets[i + 1]]; attrs int8 [N, A] of 1,
    0 and -1 (not known), attr_names [A], split uint8 [N] (0 and 1 to train on, 2 to test on). CelebA may not be passed on, so it comes
    from no Hub by itself. ValueError or OSError say in words what is wrong with a source.
    """
    check_split(split)
    path = named_file(FILE, source, "CelebA may not be passed on, so its faces are not fetched by themselves.")
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in ARRAYS}
    except (KeyError, ValueError, TypeError, EOFError, OSError, BadZipFile) as error:
        raise ValueError(f"{path} is not an .npz file of faces with the arrays {', '.join(ARRAYS)} ({error}).") from None
    _check(path, arrays)
    chosen = np.flatnonzero((arrays["split"] == 2) == (split == "test"))
    attributes = torch.from_numpy(_attributes(arrays, chosen))
    return Images(_pictures(path, arrays, chosen, progress), _labels(attributes), CLASSES, attributes=attributes, groups=GROUPS)


def _check(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """ValueError in words unless the arrays fit each other."""
    for name, kinds in ARRAYS.items():
        if arrays[name].dtype.kind not in kinds:
            raise ValueError(f"{path}: {name} must not be {arrays[name].dtype}.")
    offsets, count = arrays["offsets"].astype(np.int64), len(arrays["split"])
    if offsets.shape != (count + 1,) or (np.diff(offsets) <= 0).any() or offsets[0] < 0 or offsets[-1] > len(arrays["webp"]):
        raise ValueError(f"{path}: offsets must be {count + 1} growing places in webp, one picture between each two.")
    names = arrays["attr_names"].tolist()
    if missing := [name for name in SEEN.values() if name.lstrip("-") not in names]:
        raise ValueError(f"{path}: attr_names lacks {missing[0].lstrip('-')}.")
    if arrays["attrs"].shape != (count, len(names)):
        raise ValueError(f"{path}: attrs must be {[count, len(names)]}, not {list(arrays['attrs'].shape)}.")


def _attributes(arrays: dict[str, np.ndarray], chosen: np.ndarray) -> np.ndarray:
    """What is SEEN as +1, -1 and 0 for not known, float32 [N, K]."""
    names, told = arrays["attr_names"].tolist(), arrays["attrs"][chosen].astype(np.float32)
    told = np.where(told < 0, 0, 2 * told - 1)
    return np.stack([told[:, names.index(name.lstrip("-"))] * (-1 if name[0] == "-" else 1) for name in SEEN.values()], 1)


def _labels(attributes: torch.Tensor) -> torch.Tensor:
    """Of GROUPS the first that a picture has, else brown hair: int64 [N]."""
    has = attributes[:, GROUPS] > 0
    first = torch.where(has.any(1), has.float().argmax(1), GROUPS.index(CLASSES.index("Brown hair")))
    return torch.tensor(GROUPS)[first]


def _pictures(path: Path, arrays: dict[str, np.ndarray], chosen: np.ndarray, progress: Progress | None) -> torch.Tensor:
    """The chosen pictures, uint8 [N, 3, 64, 64]."""
    data, offsets, height, width = arrays["webp"].tobytes(), arrays["offsets"].astype(np.int64), *IMAGE_SHAPE[1:]
    pixels = np.empty((len(chosen), height, width, 3), np.uint8)
    for k, i in enumerate(chosen):
        try:
            with Image.open(io.BytesIO(data[offsets[i]:offsets[i + 1]]), formats=["WEBP"]) as picture:
                if picture.size != (width, height):
                    raise ValueError(f"{path}: picture {i} is {picture.width}x{picture.height}, not {width}x{height}.")
                pixels[k] = np.asarray(picture.convert("RGB"))
        except (OSError, SyntaxError) as error:
            raise ValueError(f"{path}: picture {i} is no readable WebP ({str(error):.80}).") from None
        if progress and k % 500 == 0:
            progress(k, len(chosen), "pictures")
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous()
