"""Own pictures on their way into a model: opened with care, and where they show faces, with their eyes found."""

import io
from dataclasses import dataclass

from PIL import Image

from ..pictures import LARGEST_FILE, BadPicture, upright
from .faces import Face, faces_in

__all__ = ["LARGEST_FILE", "BadPicture", "Opened", "opened"]

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
SHOWN = 1024  # pixels of the longer side of what is handed back: a face that fills a twentieth of it is still larger than a model's
EXACT = 300 * 300  # pixels up to which it is handed back without loss
QUALITY = 92


@dataclass(frozen=True)
class Opened:
    """A picture as a page shows it and cuts from it: file (PNG or JPEG, `kind` is its media type), size, what was done, faces, the surest first."""

    file: bytes
    kind: str
    width: int
    height: int
    done: tuple[str, ...]
    faces: tuple[Face, ...]


def opened(data: bytes, look_for_faces: bool) -> Opened:
    """A stranger's picture file (see `pictures.upright`), at most SHOWN pixels long. BadPicture says in one sentence why it cannot be had."""
    picture = upright(data, (2 * SHOWN, 2 * SHOWN), FORMATS)
    image, done = picture.image, list(picture.done)
    if max(image.size) > SHOWN:
        image.thumbnail((SHOWN, SHOWN), Image.Resampling.LANCZOS)
        done.append(f"It was made smaller, to {image.width} x {image.height} pixels.")
    image = image.convert("L") if picture.grey else image
    file, plain = io.BytesIO(), image.width * image.height <= EXACT
    image.save(file, "PNG") if plain else image.save(file, "JPEG", quality=QUALITY, subsampling=0)
    found = tuple(faces_in(image.convert("RGB"))) if look_for_faces else ()
    return Opened(file.getvalue(), "image/png" if plain else "image/jpeg", *image.size, tuple(done), found)
