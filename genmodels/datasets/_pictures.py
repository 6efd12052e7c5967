"""A stranger's picture file to a small square of pixels: checked before it is unpacked, turned as its camera says, cropped, resized."""

import io

import numpy as np
from PIL import Image, ImageOps

FORMATS = ("PNG", "JPEG", "WEBP")
LARGEST_FILE = 8 << 20  # bytes
LARGEST = 24_000_000  # pixels
LONGEST = 20  # times as long as wide, or as wide as long
WIDE = ("I", "I;16")  # modes with more than eight bits
GREY = ("1", "L", "LA", *WIDE)  # modes without colour


class BadPicture(ValueError):
    """A file that is no picture, or one that is too large; the message says why in one sentence."""


def square(data: bytes, side: int) -> tuple[np.ndarray, bool]:
    """A PNG, JPEG or WEBP file as uint8 [side, side, 3], and whether it has no colour.

    The middle is cut out and averaged over areas; what is transparent becomes white, more than eight bits are scaled from the picture's
    darkest to its brightest number. At most 8 MB, 24 megapixels and 20 times as long as wide.
    """
    if len(data) > LARGEST_FILE:
        raise BadPicture(f"A picture's file may have {LARGEST_FILE >> 20} MB, not {len(data) / 2**20:.1f}.")
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            width, height = image.size
            if width * height > LARGEST or max(width, height) > LONGEST * min(width, height):
                raise BadPicture(f"A picture may have {LARGEST // 10**6} megapixels and be {LONGEST} times as long as wide, not {width}x{height}.")
            grey = image.mode in GREY
            image.draft(None, (2 * side, 2 * side))  # a large JPEG is unpacked at a half, a quarter or an eighth
            return np.asarray(_cropped(_plain(ImageOps.exif_transpose(image)), side)), grey
    except BadPicture:
        raise
    except Exception as error:  # a foreign picture fails in many ways
        raise BadPicture(f"This is no readable picture; it must be a whole {', '.join(FORMATS[:-1])} or {FORMATS[-1]}.") from error


def _plain(image: Image.Image) -> Image.Image:
    """Eight bits of red, green and blue, on white."""
    if image.mode in WIDE:
        values = np.asarray(image, np.float64)
        low, high = values.min(), values.max()
        image = Image.fromarray(((values - low) * (255 / max(high - low, 1e-12))).round().astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")


def _cropped(image: Image.Image, side: int) -> Image.Image:
    short = min(image.size)
    left, top = (image.width - short) / 2, (image.height - short) / 2
    way = Image.Resampling.BOX if short >= side else Image.Resampling.BICUBIC
    return image.resize((side, side), way, box=(left, top, left + short, top + short))
