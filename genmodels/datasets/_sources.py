"""Where the pictures of a large dataset come from: a named .npz or folder, or the Hub."""

from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch

from ._base import Images, Progress, check_split

SHAPE = (1, 28, 28)


def load_grey_set(name: str, hub: str, classes: tuple[str, ...], split: str, source: Path | None, progress: Progress | None = None) -> Images:
    """28x28 grey pictures and labels of one split. ValueError or OSError say in words what is wrong with a source."""
    check_split(split)
    if source is None:
        from ._hub import load_parquet  # pyarrow and the Hub's client are needed on this road only
        images, where = load_parquet(hub, classes, split, progress), hub
    else:
        where = named_file(f"{name}.npz", source)
        images = from_npz(where, classes, split)
    if images.pixels.shape[1:] != SHAPE:
        raise ValueError(f"{where} holds pictures of {list(images.pixels.shape[1:])}; {name} has {list(SHAPE)} (channels, rows, columns).")
    return images


def named_file(name: str, source: Path | None, why: str = "") -> Path:
    """A file that `source` is, or holds. FileNotFoundError in words; `why` says why one must be named at all."""
    where = Path(name) if source is None else Path(source) / name if Path(source).is_dir() else Path(source)
    if not where.is_file():
        raise FileNotFoundError(f"{why} There is no file {where}. Name the {name} itself or the folder that holds it.".strip())
    return where


def from_npz(path: Path, classes: tuple[str, ...], split: str) -> Images:
    """x_train, y_train, x_test, y_test: pictures uint8 [N, H, W] (or [N, H, W, C]) and whole-number labels [N]."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            pixels, labels = arrays[f"x_{split}"], arrays[f"y_{split}"]
    except KeyError:
        raise ValueError(f"{path} must hold x_{split} and y_{split}.") from None
    except (ValueError, TypeError, EOFError, OSError, BadZipFile) as error:  # TypeError: a single array, not an .npz
        raise ValueError(f"{path} is not a readable .npz file of plain arrays ({error}).") from None
    if pixels.dtype != np.uint8 or pixels.ndim not in (3, 4):
        raise ValueError(f"{path}: x_{split} must be uint8 pictures [N, H, W], not {pixels.dtype} {list(pixels.shape)}.")
    if labels.dtype.kind not in "iu" or labels.shape != pixels.shape[:1] or not len(labels):
        raise ValueError(f"{path}: y_{split} must be {len(pixels)} whole numbers, one for each picture, not {labels.dtype} {list(labels.shape)}.")
    if labels.min() < 0 or labels.max() >= len(classes):
        raise ValueError(f"{path}: the labels go from {labels.min()} to {labels.max()}; there are {len(classes)} classes, from 0 on.")
    pixels = pixels[..., None] if pixels.ndim == 3 else pixels
    return Images(torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous(), torch.from_numpy(labels.astype(np.int64)), classes)
