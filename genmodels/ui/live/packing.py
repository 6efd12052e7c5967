"""A picture in as few bytes as a code: the best JPEG and the best WebP of so many bytes, by Pillow."""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

FORMATS = {"JPEG": {"optimize": True}, "WEBP": {"method": 4}}
QUALITIES = (1, 5, 10, 20, 35, 50, 70, 90)
SHRUNK = (1, 2, 4, 8, 16)  # a picture may be sent small and enlarged again


@dataclass(frozen=True)
class Packed:
    """pixels uint8 [H, W, C] as they come out of a file of so many bytes, which held the picture shrunk so many times."""

    format: str
    bytes: int
    shrunk: int
    pixels: np.ndarray


def packed(pixels: np.ndarray, most: int) -> list[Packed]:
    """The file of each format with the least error among those of at most so many bytes; where none is so small, the smallest."""
    found = []
    for kind in FORMATS:
        all_ = [_through(pixels, kind, quality, shrunk) for shrunk in SHRUNK if min(pixels.shape[:2]) >= shrunk for quality in QUALITIES]
        fitting = [one for one in all_ if one.bytes <= most]
        found.append(min(fitting or all_, key=lambda one: (0 if fitting else one.bytes, _error(one.pixels, pixels))))
    return found


def _through(pixels: np.ndarray, kind: str, quality: int, shrunk: int) -> Packed:
    height, width = pixels.shape[:2]
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    file = io.BytesIO()
    picture.resize((width // shrunk, height // shrunk), Image.Resampling.BOX).save(file, kind, quality=quality, **FORMATS[kind])
    again = Image.open(file, formats=[kind]).convert(picture.mode).resize((width, height), Image.Resampling.BICUBIC)
    return Packed(kind, file.tell(), shrunk, np.asarray(again).reshape(pixels.shape))


def _error(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.square(a.astype(float) - b).mean())
