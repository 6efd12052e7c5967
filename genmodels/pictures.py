"""A stranger's picture file: checked before it is unpacked, turned as its camera says, eight bits of red, green and blue; also as a small square."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from PIL import Image, ImageOps

T = TypeVar("T")
FORMATS = ("PNG", "JPEG", "WEBP")
LARGEST_FILE = 8 << 20  # bytes
LARGEST = 24_000_000  # pixels
LONGEST = 20  # times as long as wide, or as wide as long
WIDE = ("I", "I;16", "I;16B", "I;16L", "I;16N")  # modes with more than eight bits
GREY = ("1", "L", "LA", *WIDE)  # modes without colour
ORIENTATION = 0x0112  # EXIF: how the camera was held; 1 is upright
LUMA = np.array([299, 587, 114], np.uint32)  # parts in 1,000 (ITU-R BT.601)
LIGHT = 0.6  # from this mean lightness on, what is visible of a transparent picture is put on black
FOREIGN = {  # what else comes under the name of a picture: where a mark stands in the file, and the name of what has it
    (4, b"ftypheic"): "a HEIC photo", (4, b"ftypheix"): "a HEIC photo", (4, b"ftypmif1"): "a HEIF photo", (4, b"ftypavif"): "an AVIF picture",
    (4, b"ftyp"): "a film", (0, b"%PDF"): "a PDF document", (0, b"II*\0"): "a TIFF picture or a raw photo", (0, b"MM\0*"): "a TIFF picture or a raw photo",
    (0, b"8BPS"): "a Photoshop file", (0, b"PK\x03\x04"): "a zip archive or a document", (0, b"%!PS"): "a PostScript document", (0, b"\x1aE\xdf\xa3"): "a film",
}


class BadPicture(ValueError):
    """A file that is no picture, or one that is too large; the message says why in one sentence."""


@dataclass(frozen=True)
class Upright:
    """A picture as a person sees it. image: mode RGB; grey: whether the file has no colour; done: sentences that say what was done to it."""

    image: Image.Image
    grey: bool
    done: tuple[str, ...]


def square(data: bytes, side: int, formats: tuple[str, ...] = FORMATS) -> tuple[np.ndarray, bool]:
    """A picture file (PNG, JPEG or WEBP) as uint8 [side, side, 3], and whether it has no colour.

    The middle is cut out and averaged over areas; what is transparent becomes white, more than eight bits are scaled from the picture's
    darkest to its brightest number. At most 8 MB, 24 megapixels and 20 times as long as wide; else BadPicture.
    """
    found = upright(data, (2 * side, 2 * side), formats, ground="white")
    return np.asarray(middle(found.image, side)), found.grey


def size(data: bytes, formats: tuple[str, ...] = FORMATS) -> tuple[int, int]:
    """Width and height as a picture file says them, without unpacking it. BadPicture as for `upright`."""
    return _opened(data, formats, lambda image: image.size)


def grey(pixels: np.ndarray) -> np.ndarray:
    """The lightness uint8 [...] of pixels uint8 [..., 3] (ITU-R BT.601)."""
    return ((pixels @ LUMA + 500) // 1000).astype(np.uint8)


def upright(data: bytes, least: tuple[int, int], formats: tuple[str, ...], ground: str = "") -> Upright:
    """A picture file of one of `formats` as its first picture, upright, in eight bits of red, green and blue.

    A large JPEG is unpacked at a half, a quarter or an eighth, but not below `least` (width, height). What is transparent is put on `ground`;
    where none is named, on white, or on black where the rest is light. BadPicture says in one sentence what is wrong with a file; nothing
    of it is unpacked before its size is known.
    """
    return _opened(data, formats, lambda image: _plain(image, least, ground))


def _opened(data: bytes, formats: tuple[str, ...], look: Callable[[Image.Image], T]) -> T:
    """look(picture), of a file that is small enough; whatever fails is the file's fault."""
    if len(data) > LARGEST_FILE:
        raise BadPicture(f"A picture's file may have {LARGEST_FILE >> 20} MB, not {len(data) / 2**20:.1f}.")
    try:
        with Image.open(io.BytesIO(data), formats=formats) as image:
            width, height = image.size
            if width * height > LARGEST or max(width, height) > LONGEST * min(width, height):
                raise BadPicture(f"A picture may have {LARGEST // 10**6} megapixels and be {LONGEST} times as long as wide, not {width}x{height}.")
            return look(image)
    except BadPicture:
        raise
    except Exception as error:  # a foreign picture fails in many ways
        raise BadPicture(_why_not(data, formats)) from error


def _plain(image: Image.Image, least: tuple[int, int], ground: str) -> Upright:
    """What was opened, unpacked; whatever fails here is the file's fault."""
    grey, done = image.mode in GREY, []
    if getattr(image, "is_animated", False):
        done.append("It holds several pictures; this is the first.")
    image.draft(None, least)
    turned = image.getexif().get(ORIENTATION, 1) in range(2, 9)
    if turned:
        done.append("It was turned upright, as its camera says.")
    if image.mode == "CMYK":
        done.append("Its printing colours became red, green and blue.")
    image = ImageOps.exif_transpose(image) if turned else image
    if image.mode in WIDE:
        values = np.asarray(image, np.float64)
        low, high = values.min(), values.max()
        image = Image.fromarray(((values - low) * (255 / max(high - low, 1e-12))).round().astype(np.uint8))
        done.append("Its 16 bits were scaled to 8, from its darkest to its brightest number.")
    if not image.has_transparency_data:
        return Upright(image.convert("RGB"), grey, tuple(done))
    image, ground = _composed(image.convert("RGBA"), ground)
    return Upright(image, grey, (*done, f"What is transparent in it was put on {ground}.") if ground else tuple(done))


def _composed(image: Image.Image, ground: str) -> tuple[Image.Image, str]:
    """An RGBA picture on a ground, and which that was; "" where nothing is transparent."""
    share = np.asarray(image.getchannel("A"), np.float32) / 255
    if share.min() == 1:
        return image.convert("RGB"), ""
    lightness = float((np.asarray(image.convert("L"), np.float32) * share).sum() / max(255 * share.sum(), 1e-6))
    ground = ground or ("black" if lightness > LIGHT else "white")
    return Image.alpha_composite(Image.new("RGBA", image.size, ground), image).convert("RGB"), ground


def _why_not(data: bytes, formats: tuple[str, ...]) -> str:
    """One sentence: what the file is instead, or that it is not whole."""
    known = f"{', '.join(formats[:-1])} or {formats[-1]}"
    start = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    text = "an SVG drawing" if b"<svg" in start else "a web page" if start.startswith((b"<!doctype html", b"<html")) else ""
    if not data:
        return "This is no readable picture: the file is empty."
    if what := text or next((name for (place, mark), name in FOREIGN.items() if data[place:].startswith(mark)), ""):
        return f"This is {what}, which is no readable picture; it must be a whole {known}."
    return f"This is no readable picture; it must be a whole {known}."


def middle(image: Image.Image, side: int) -> Image.Image:
    """The middle square of a picture, side x side: averaged over areas where that is smaller."""
    short = min(image.size)
    left, top = (image.width - short) / 2, (image.height - short) / 2
    way = Image.Resampling.BOX if short >= side else Image.Resampling.BICUBIC
    return image.resize((side, side), way, box=(left, top, left + short, top + short))
