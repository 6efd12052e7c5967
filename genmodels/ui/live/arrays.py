"""Arrays in a form that a browser reads without unpacking, such as the atlas of a model."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

FORMAT = b"2"  # goes up when something else is written here, so that no browser keeps an old atlas
MOST_CODES = 10_000  # in an atlas
HEADER = 1024  # bytes that list the arrays are padded to a multiple of this, so that the arrays are aligned
ARRAYS = {"codes": "<f4", "seed": "<u4", "labels": "u1", "xy": "<f4", "axes": "<f4", "centre": "<f4", "std": "<f4", "reach": "<f4",
          "pictures": "u1"}  # of an atlas


def as_one_file(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Arrays of kinds that a browser has (uint8, uint32, float32, little-endian) as one file.

    A line of JSON, {"arrays": [{name, dtype, shape, offset}]}, padded with blanks to a multiple of HEADER bytes, then the arrays. An offset counts
    from the start of the file and is a multiple of 8.
    """
    entries = [{"name": name, "dtype": array.dtype.name, "shape": list(array.shape)} for name, array in arrays.items()]
    room = HEADER
    while True:
        offset = room
        for entry, array in zip(entries, arrays.values(), strict=True):
            entry["offset"] = offset
            offset += array.nbytes + -array.nbytes % 8
        head = json.dumps({"arrays": entries}).encode("ascii")
        if len(head) < room:
            break
        room += HEADER  # and the offsets move
    return head.ljust(room - 1) + b"\n" + b"".join(array.tobytes() + bytes(-array.nbytes % 8) for array in arrays.values())


def for_browser(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The same arrays in kinds that a browser has: floats as float32, bytes and truths as uint8, other whole numbers as uint32."""
    kinds = {"f": "<f4", "b": "u1", "u": "<u4", "i": "<u4"}
    return {name: array if array.dtype == np.uint8 else array.astype(kinds[array.dtype.kind]) for name, array in arrays.items()}


def atlas_for_browser(path: Path, name: str = "") -> bytes:
    """atlas.npz of the model `name` (its folder's, if not said) as `as_one_file` writes it: float16 widened to float32, pictures as uint8 [N, H, W, C].

    Codes that are draws of a seed stay the seed: the browser draws them itself. ValueError if the file is not an atlas.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name].astype(kind) for name, kind in ARRAYS.items() if name in stored.files}
    except Exception as error:  # a foreign zip fails in many ways
        raise ValueError(f"{name or path.parent.name}: atlas.npz cannot be read ({error}).") from None
    _check_atlas(name or path.parent.name, arrays)
    return as_one_file(arrays)


def _check_atlas(name: str, arrays: dict[str, np.ndarray]) -> None:
    """ValueError in words if a page could not draw these arrays."""
    if missing := set(ARRAYS) - {"std", "pictures", "codes" if "seed" in arrays else "seed"} - set(arrays):
        raise ValueError(f"{name}: atlas.npz has no {min(missing)}.")
    shape = arrays["codes"].shape if "codes" in arrays else (arrays["labels"].size, arrays["centre"].size)
    count, size = (shape[0], int(np.prod(shape[1:]))) if len(shape) > 1 else (0, 0)
    shapes = {"labels": (count,), "xy": (count, 2), "axes": (min(2, size), size), "centre": (size,), "reach": (), "std": shape, "seed": (),
              "pictures": (count, *arrays["pictures"].shape[1:]) if "pictures" in arrays else ()}
    if not 1 <= count <= MOST_CODES:
        raise ValueError(f"{name}: atlas.npz must hold 1 to {MOST_CODES} codes.")
    for key, shape in shapes.items():
        if key in arrays and arrays[key].shape != shape:
            raise ValueError(f"{name}: {key} in atlas.npz must have the shape {list(shape)}, not {list(arrays[key].shape)}.")
    if not all(np.isfinite(array).all() for array in arrays.values()) or arrays["reach"] <= 0:
        raise ValueError(f"{name}: atlas.npz has numbers that no map can show.")
