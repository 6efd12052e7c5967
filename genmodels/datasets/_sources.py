"""Where the pictures of a large dataset come from: a named .npz or folder, or the Hub."""

from pathlib import Path

import numpy as np
import torch

from ._base import Images, check_split


def load_grey_set(name: str, hub: str, classes: tuple[str, ...], split: str, source: Path | None) -> Images:
    """Pictures and labels of one split. ValueError or FileNotFoundError say in words what is wrong with a source."""
    check_split(split)
    if source is None:
        from ._hub import load_parquet  # pyarrow and the Hub's client are needed on this road only
        return load_parquet(hub, classes, split)
    path = Path(source)
    if path.is_dir():
        path = path / f"{name}.npz"
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}. Name the {name}.npz itself or the folder that holds it.")
    return from_npz(path, classes, split)


def from_npz(path: Path, classes: tuple[str, ...], split: str) -> Images:
    """x_train, y_train, x_test, y_test as uint8: pictures [N, H, W] (or [N, H, W, C]) and labels [N]."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            pixels, labels = arrays[f"x_{split}"], arrays[f"y_{split}"]
    except KeyError:
        raise ValueError(f"{path} must hold x_{split} and y_{split}.") from None
    except (ValueError, OSError) as error:
        raise ValueError(f"{path} is not a readable .npz file of plain arrays ({error}).") from None
    if pixels.dtype != np.uint8 or pixels.ndim not in (3, 4) or len(pixels) != len(labels):
        raise ValueError(f"{path}: x_{split} must be uint8 pictures [N, H, W] with one label each, not {pixels.dtype} {pixels.shape}.")
    if len(labels) and int(labels.max()) >= len(classes):
        raise ValueError(f"{path}: label {int(labels.max())} has no name; there are {len(classes)} classes.")
    pixels = pixels[..., None] if pixels.ndim == 3 else pixels
    return Images(torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous(), torch.from_numpy(labels.astype(np.int64)), classes)
