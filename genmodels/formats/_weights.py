"""The weights of a repository as tensors: safetensors as they are, pickles by way of the guarded converter."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from ._pickled import Limits, convert

SAFE = ".safetensors"
LARGEST = 1 << 30  # bytes of a foreign model's weights
LARGEST_HEADER = 8 << 20  # of the list of tensors in them: a thousand tensors take some 100 KB


def chosen(sizes: Mapping[str, int], *names: str) -> str | None:
    """The first of some files that is there, safetensors before all others."""
    return next((name for name in sorted(names, key=lambda name: not name.endswith(SAFE)) if name in sizes), None)


def read_weights(path: Path, largest: int = LARGEST) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Tensors by name on the CPU, and what there is to say about them. ValueError in one sentence for what cannot be trusted.

    Their names, shapes and numbers are the checkpoint's to check.
    """
    if (size := path.stat().st_size) > largest:
        raise ValueError(f"{path.name} is {size >> 20:,} MB large; at most {largest >> 20:,} MB are read.")
    if path.suffix == SAFE:
        return _loaded(path), ()
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:  # where room was asked for, and whoever clears up after a kill finds it
        safe = Path(folder) / "weights.safetensors"
        account = convert(path, safe, Limits(file=largest))
        return _loaded(safe), (f"{path.name} is an old pickle; its tensors alone were taken over, in a process of its own.", *account)


def _loaded(path: Path) -> dict[str, Tensor]:
    with path.open("rb") as file:
        if int.from_bytes(file.read(8), "little") > LARGEST_HEADER:
            raise ValueError(f"{path.name} cannot be read: its list of tensors is larger than {LARGEST_HEADER >> 20} MB.")
    try:
        return load(path.read_bytes())
    except (SafetensorError, KeyError) as error:  # KeyError: a kind of number that PyTorch does not have
        raise ValueError(f"{path.name} cannot be read ({error!s:.150}).") from None
