"""The file of a checkpoint's weights: its name by content, and whether it holds what a model expects, told from its header or read whole."""

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load
from torch import Tensor

FLOATS = (torch.float16, torch.bfloat16, torch.float32)  # that weights may be kept in
KINDS = {"F16": torch.float16, "BF16": torch.bfloat16, "F32": torch.float32, "F64": torch.float64, "I64": torch.int64}  # as safetensors says them


class BadWeights(ValueError):
    """The rest of a sentence that begins with whose weights they are."""


def digest(path: Path, most: int) -> str:
    """Names the weights, wherever they lie: 16 hex digits of the file's SHA-256. BadWeights over so many bytes, and if it cannot be read."""
    with _opened(path, most) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def check(path: Path, most: int, expected: Mapping[str, Tensor]) -> None:
    """BadWeights unless the file's tensors have the expected names, shapes and kinds of numbers. No number is read."""
    with _opened(path, most), _sound(path), safe_open(path, "pt") as file:
        pieces = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118, it is no mapping
        _compare(expected, {name: (piece.get_shape(), KINDS.get(piece.get_dtype(), piece.get_dtype())) for name, piece in pieces.items()})


def read(path: Path, most: int, expected: Mapping[str, Tensor], named: str) -> dict[str, Tensor]:
    """The tensors in the file as the expected kinds of numbers. BadWeights if they are others than `named` before, do not fit, or are not finite."""
    with _opened(path, most) as file:
        content = file.read()
    if hashlib.sha256(content).hexdigest()[:16] != named:
        raise BadWeights("the weights have changed on the disk; reload the page.")
    with _sound(path):
        found = load(content)
    _compare(expected, {name: (list(tensor.shape), tensor.dtype) for name, tensor in found.items()})
    weights = {name: tensor.to(expected[name].dtype) for name, tensor in found.items()}
    for name, tensor in weights.items():
        if not tensor.isfinite().all():
            raise BadWeights(f"{name} holds numbers that are not finite.")
    return weights


@contextmanager
def _opened(path: Path, most: int) -> Iterator[BinaryIO]:
    try:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size > most:
                raise BadWeights(f"the weights are larger than {most >> 20} MB.")
            yield file
    except OSError as error:
        raise BadWeights(f"{path.name} cannot be read ({error}).") from None


@contextmanager
def _sound(path: Path) -> Iterator[None]:
    try:
        yield
    except (SafetensorError, KeyError) as error:  # KeyError: a kind of number that PyTorch does not have
        raise BadWeights(f"{path.name} cannot be read ({error}).") from None


def _compare(expected: Mapping[str, Tensor], found: Mapping[str, tuple[list[int], torch.dtype | str]]) -> None:
    for name in sorted(set(expected) ^ set(found)):
        raise BadWeights(f"the weights {'lack' if name in expected else 'have an unknown'} tensor {name!r:.80}.")
    for name, (shape, dtype) in found.items():
        wanted = expected[name]
        if shape != list(wanted.shape):
            raise BadWeights(f"{name} has the shape {shape}, the config asks for {list(wanted.shape)}.")
        kinds = FLOATS if wanted.is_floating_point() else (wanted.dtype,)
        if dtype not in kinds:
            raise BadWeights(f"{name} holds {dtype}, it must be {' or '.join(map(str, kinds))}.")
