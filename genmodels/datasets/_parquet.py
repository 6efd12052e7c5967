"""Parquet files of labelled pictures, as datasets on the Hub have them."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import torch
from PIL import Image

from ._base import Images, Progress

DECODED = 2 * 10**9  # bytes that the pictures may fill in memory
SIDE = 1024  # pixels of the longest side of a picture
BATCH = 512


class BadPictures(ValueError):
    """Files that are not what they should be; the message says why."""


def read(files: list[Path], classes: tuple[str, ...], progress: Progress) -> Images:
    """All pictures of some files with the columns `image` (struct of bytes and path, PNG, grey or RGB) and `label` (integer).

    BadPictures says what is wrong with them; OSError if a file cannot be opened.
    """
    with damage_in_words():
        total = sum(parquet.read_metadata(file).num_rows for file in files)
        pixels, labels, done = np.empty(0, np.uint8), np.empty(total, np.int64), 0
        for file in files:
            with parquet.ParquetFile(file) as table:
                _check_columns(table.schema_arrow)
                for batch in table.iter_batches(BATCH, columns=["image", "label"]):
                    labels[done:done + len(batch)] = batch.column("label").to_numpy(zero_copy_only=False)
                    for data in batch.column("image").field("bytes").to_pylist():
                        picture = _picture(data)
                        if not done:
                            pixels = _room(total, picture.shape)
                        if picture.shape != pixels.shape[1:]:
                            raise BadPictures(f"picture {done} is {picture.shape}, the first one was {pixels.shape[1:]}.")
                        pixels[done] = picture
                        done += 1
                    progress(done, total, "pictures")
    if not total or labels.min() < 0 or labels.max() >= len(classes):
        raise BadPictures(f"{total} pictures, and not every label is one of the {len(classes)} classes.")
    return Images(torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous(), torch.from_numpy(labels), classes)


@contextmanager
def damage_in_words() -> Iterator[None]:
    """BadPictures for what Arrow cannot read inside; OSError if a file cannot be opened."""
    try:
        yield
    except pa.ArrowException as error:
        raise BadPictures(f"it is not a readable parquet file ({str(error).splitlines()[0]:.120}).") from error
    except OSError as error:
        if error.errno:
            raise
        raise BadPictures(f"it is damaged ({str(error).splitlines()[0]:.120}).") from error  # how Arrow reports bad compression


def _check_columns(schema: pa.Schema) -> None:
    wanted = {"image", "label"} <= set(schema.names)
    if not wanted or not pa.types.is_struct(schema.field("image").type) or not pa.types.is_integer(schema.field("label").type):
        raise BadPictures(f"it has the columns {', '.join(schema.names)!s:.120}, not a picture `image` and an integer `label`.")


def _room(count: int, shape: tuple[int, ...]) -> np.ndarray:
    if count * np.prod(shape) > DECODED:
        raise BadPictures(f"{count} pictures of {shape} do not fit into {DECODED / 1e9:.0f} GB.")
    return np.empty((count, *shape), np.uint8)


def _picture(data: bytes | None) -> np.ndarray:
    """A PNG file to uint8 [H, W, 1] or [H, W, 3]; its size is looked at before it is unpacked."""
    try:
        with Image.open(io.BytesIO(data or b""), formats=["PNG"]) as image:
            if max(image.size) > SIDE or image.mode not in ("L", "RGB"):
                raise BadPictures(f"a picture is {image.width}x{image.height} in mode {image.mode}.")
            return np.asarray(image).reshape(image.height, image.width, -1)
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise BadPictures(f"a picture is no readable PNG ({str(error):.80}).") from error
