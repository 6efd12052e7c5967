"""How much an archive of arrays unpacks to, told from its list of contents before anything is unpacked."""

import zipfile
from pathlib import Path

MOST = 64 << 20  # bytes of all arrays of one .npz


def check_unpacked(path: Path, most: int = MOST) -> None:
    """ValueError in words unless an .npz is a zip archive that unpacks to at most so many bytes: a few KB may hold gigabytes of zeros."""
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(piece.file_size for piece in archive.infolist())  # reading a piece ends there, whatever more comes out
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        raise ValueError(f"it is no archive of arrays ({error})") from None
    if size > most:
        raise ValueError(f"it unpacks to {size >> 20:,} MB, more than the {most >> 20} MB that are read")
