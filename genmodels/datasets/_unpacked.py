"""Pictures out of a stranger's zip or .npz: squares of one size with their classes, and a sentence for everything that was done or left out."""

import io
import stat
import zipfile
import zlib
from collections import Counter
from dataclasses import dataclass
from pathlib import PurePosixPath
from statistics import median

import numpy as np
from PIL import Image

from ..pictures import LARGEST_FILE, BadPicture, grey, middle, size, square

MOST, FEWEST = 5000, 60  # pictures
LARGEST, UNPACKED = 64 << 20, 256 << 20  # bytes of the file, and of what is in it
ENTRIES = 20_000  # in an archive, pictures or not
MEGAPIXELS = 2000  # of all pictures together, about a minute of work
SIDES = (28, 32, 64)  # pixels that pictures are made
MOST_CLASSES, LONGEST_CLASS = 60, 40  # as many as a model can be told, and letters of a name
ONE_CLASS, LOOSE = "picture", "in no folder"
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp")
ENTRY = b"PK\x01\x02"  # begins every line of an archive's list of contents
PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
ARRAYS = {"x": ("x", "x_train", "images", "pictures", "pixels", "arr_0"), "y": ("y", "y_train", "labels", "arr_1")}


@dataclass(frozen=True)
class Unpacked:
    """pixels uint8 [N, S, S, C], labels uint8 [N], a name for each label, and plain sentences."""

    pixels: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    account: tuple[str, ...]


def unpacked(data: bytes, side: int | None = None) -> Unpacked:
    """60 to 5,000 pictures of a zip (its folders are the classes) or of an .npz with x uint8 [N, H, W] or [N, H, W, C] and y [N].

    side: 28, 32 or 64, else what suits most of them. They are cut to their middle square, grey or in colour as most of them are. At most 64 MB,
    256 MB unpacked; nothing is written anywhere. What cannot be read is left out and said; ValueError in one sentence where too little is left.
    """
    if side is not None and side not in SIDES:
        raise ValueError(f"Pictures are made {', '.join(map(str, SIDES[:-1]))} or {SIDES[-1]} pixels wide, not {side!r:.20}.")
    if len(data) > LARGEST:
        raise ValueError(f"A file of pictures may have {LARGEST >> 20} MB, not {len(data) / 2**20:.0f}.")
    if data.count(ENTRY) > ENTRIES:  # before the list is read: a million lines would fill the memory
        raise ValueError(f"An archive may hold {ENTRIES:,} files; this one has more.")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            if (total := sum(entry.file_size for entry in entries)) > UNPACKED:
                raise ValueError(f"This archive unpacks to {total >> 20:,} MB, more than the {UNPACKED >> 20} MB that are read.")
            of_arrays = any(entry.filename.endswith(".npy") for entry in entries)
            return _from_arrays(archive, entries, side) if of_arrays else _from_pictures(archive, entries, side)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError, zlib.error) as error:
        raise ValueError(f"This is no readable zip or .npz ({' '.join(str(error).split())[:100]}).") from None


# A zip of pictures


def _from_pictures(archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo], side: int | None) -> Unpacked:
    left: Counter[str] = Counter()
    found = [entry for entry in entries if _is_picture(entry, left)]
    account = []
    if len(found) > MOST:
        account.append(f"{MOST:,} of its {len(found):,} pictures are taken, evenly.")
        found = [found[place] for place in np.linspace(0, len(found) - 1, MOST).round().astype(int)]
    found, sizes = _sized(archive, found, left)
    side = side or _side(sizes)
    pixels, kept, greys = [], [], 0
    for entry in found:
        try:
            picture, is_grey = square(archive.read(entry), side, FORMATS)
        except (BadPicture, *_BROKEN) as error:
            left[f"cannot be read, such as {_short(entry)} ({_why(error)})"] += 1
            continue
        pixels.append(picture)
        kept.append(_class(entry))
        greys += is_grey
    account += [f"{number:,} left out: {why}." for why, number in _gathered(left)]
    _enough(len(pixels), account)
    labels, classes, said = _named(kept)
    array = np.stack(pixels)
    array = grey(array)[..., None] if 2 * greys > len(pixels) else array
    return Unpacked(array, labels, classes, (_summary(array), said, *account))


def _is_picture(entry: zipfile.ZipInfo, left: Counter) -> bool:
    """Whether an entry is worth opening; why not is counted, except of what other programs leave in every zip."""
    path = PurePosixPath(entry.filename.replace("\\", "/"))
    if any(part.startswith(".") and part != ".." or part == "__MACOSX" for part in path.parts) or path.name in ("Thumbs.db", "desktop.ini"):
        return False
    why = ("its path leads out of the zip" if path.is_absolute() or ".." in path.parts else
           "it is a link" if stat.S_ISLNK(entry.external_attr >> 16) else
           "it is no picture by its name" if path.suffix.lower() not in ENDINGS else
           "it has a password" if entry.flag_bits & 1 else
           "it is packed in a way that is not read here" if entry.compress_type not in PACKED else
           f"it has more than {LARGEST_FILE >> 20} MB" if entry.file_size > LARGEST_FILE else "")
    if why:
        left[why] += 1
    return not why


_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError)  # one entry, not the archive


def _sized(archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo], left: Counter) -> tuple[list[zipfile.ZipInfo], list[int]]:
    """The entries that are pictures, each name once, and their shorter sides, asked of the files without unpacking the pictures."""
    found, short, names, pixels = [], [], set(), 0
    for entry in entries:
        if entry.filename in names:
            left["two have the same name"] += 1
            continue
        try:
            width, height = size(archive.read(entry), FORMATS)
        except (BadPicture, *_BROKEN) as error:
            left[f"cannot be read, such as {_short(entry)} ({_why(error)})"] += 1
            continue
        found.append(entry)
        short.append(min(width, height))
        names.add(entry.filename)
        pixels += width * height
        if pixels > MEGAPIXELS * 10**6:
            raise ValueError(f"These pictures have more than {MEGAPIXELS:,} megapixels together; make them smaller first.")
    return found, short


def _class(entry: zipfile.ZipInfo) -> str:
    """The name of the folder that a picture lies in."""
    folder = PurePosixPath(entry.filename.replace("\\", "/")).parent.name
    return "".join(letter for letter in folder if letter.isprintable()).strip()[:LONGEST_CLASS] or LOOSE


# An .npz


def _from_arrays(archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo], side: int | None) -> Unpacked:
    there = {entry.filename.removesuffix(".npy"): entry for entry in entries}
    names = {key: next((name for name in choices if name in there), None) for key, choices in ARRAYS.items()}
    if names["x"] is None:
        raise ValueError(f"An .npz of pictures has an array x [N, H, W] or [N, H, W, C], and y [N] with their classes; this one has {', '.join(there)!s:.100}.")
    pixels = _laid(_array(archive, there[names["x"]]))
    scale = _scale(pixels)
    labels = _array(archive, there[names["y"]]) if names["y"] else np.zeros(len(pixels), np.uint8)
    account = []
    if labels.shape != pixels.shape[:1] or labels.dtype.kind not in "iuU":
        raise ValueError(f"{names['y']} must be one whole number or word for each of {len(pixels):,} pictures, not {labels.dtype} {list(labels.shape)}.")
    if len(pixels) > MOST:
        account.append(f"{MOST:,} of its {len(pixels):,} pictures are taken, evenly.")
        chosen = np.linspace(0, len(pixels) - 1, MOST).round().astype(int)
        pixels, labels = pixels[chosen], labels[chosen]
    _enough(len(pixels), account)
    pixels = pixels if scale is None else (pixels.astype(np.float32) * scale).round().astype(np.uint8)
    side = side or _side([min(pixels.shape[1:3])])
    words = [str(label)[:LONGEST_CLASS] for label in labels.tolist()]
    numbers, classes, said = _named(words if len(set(words)) > 1 else [LOOSE] * len(words), number=labels.dtype.kind != "U")
    rows = pixels.squeeze(-1) if pixels.shape[-1] == 1 else pixels
    array = np.stack([np.asarray(middle(Image.fromarray(np.ascontiguousarray(picture)), side)) for picture in rows])
    array = array.reshape(len(array), side, side, -1)
    return Unpacked(array, numbers, classes, (_summary(array), said, *account))


def _array(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> np.ndarray:
    """A plain array, once its head says no more than its file holds. ValueError in words."""
    try:
        with archive.open(entry) as file:
            version = np.lib.format.read_magic(file)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, _, kind = read(file)
        count = int(np.prod([int(length) for length in shape], dtype=object))
        if kind.hasobject or min(shape, default=0) < 0 or count * kind.itemsize > entry.file_size:
            raise ValueError("it is no plain array, or says that it is larger than its file")
        with archive.open(entry) as file:
            return np.lib.format.read_array(file, allow_pickle=False)
    except (*_BROKEN, ValueError, TypeError, SyntaxError, RecursionError) as error:
        raise ValueError(f"{entry.filename[:60]} cannot be read: {_why(error)}.") from None


def _laid(x: np.ndarray) -> np.ndarray:
    """Pictures as [N, H, W, 1 or 3], of whatever kind their numbers are. ValueError in words for anything else."""
    x = x[..., None] if x.ndim == 3 else x
    if x.ndim == 4 and x.shape[-1] not in (1, 3) and x.shape[1] in (1, 3):
        x = x.transpose(0, 2, 3, 1)
    if x.ndim != 4 or x.shape[-1] not in (1, 3) or not 4 <= min(x.shape[1:3]) or max(x.shape[1:3]) > 4096 or not len(x):
        raise ValueError(f"x must be pictures [N, H, W] or [N, H, W, 1 or 3] of 4 to 4,096 pixels a side, not {list(x.shape)}.")
    return x


def _scale(x: np.ndarray) -> int | None:
    """What makes the numbers of pictures bytes: 255 or 1, None where they are bytes. ValueError in words for other numbers."""
    if x.dtype == np.uint8:
        return None
    low, high = (float(x.min()), float(x.max())) if x.dtype.kind in "fiub" and x.size else (np.nan, np.nan)
    if not (0 <= low and high <= 255):
        raise ValueError(f"The numbers of x go from {low:g} to {high:g} ({x.dtype}); they must lie between 0 and 1, or 0 and 255.")
    return 255 if x.dtype.kind in "fb" and high <= 1 else 1


# Both


def _side(short: list[int]) -> int:
    """The size that suits most pictures: that of half of them, and rather too small than blurred."""
    half = median(short) if short else SIDES[0]
    return max((side for side in SIDES if side <= half), default=SIDES[0])


def _named(names: list[str], number: bool = False) -> tuple[np.ndarray, tuple[str, ...], str]:
    """Labels uint8 [N], the classes, and a sentence about them; one class where there are none or too many."""
    classes = sorted(set(names), key=int if number and set(names) != {LOOSE} else str)
    if 1 < len(classes) <= MOST_CLASSES:
        place = {name: k for k, name in enumerate(classes)}
        return np.array([place[name] for name in names], np.uint8), tuple(classes), f"Classes: {', '.join(classes)}."
    why = f"There are {len(classes)} classes; more than {MOST_CLASSES} are none." if len(classes) > 1 else "There are no classes."
    return np.zeros(len(names), np.uint8), (ONE_CLASS,), why


def _summary(array: np.ndarray) -> str:
    n, side, _, channels = array.shape
    return f"{n:,} pictures, cut to their middle square and made {side}x{side} {'grey' if channels == 1 else 'colour'}; every tenth is kept for testing."


def _enough(found: int, account: list[str]) -> None:
    if found < FEWEST:
        raise ValueError(" ".join([f"There are {found} pictures that can be read; at least {FEWEST} are needed.", *account]))


def _gathered(left: Counter) -> list[tuple[str, int]]:
    """Why things were left out, and how many; of those that cannot be read the first stands for all."""
    plain = [(why, number) for why, number in left.items() if not why.startswith("cannot")]
    broken = [(why, number) for why, number in left.items() if why.startswith("cannot")]
    return plain + ([(broken[0][0], sum(number for _, number in broken))] if broken else [])


def _short(entry: zipfile.ZipInfo) -> str:
    return "".join(letter for letter in entry.filename[-60:] if letter.isprintable())


def _why(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")[:120]
