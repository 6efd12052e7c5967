"""What a foreign repository holds, what is to be fetched of it, and what was found in it: the words that every format speaks."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor


def some(names: Iterable[str], most: int = 5) -> str:
    """Names in a sentence, the first of them where a stranger has very many."""
    shown = sorted(names)
    return ", ".join(name[:80] for name in shown[:most]) + (f" and {len(shown) - most} more" if len(shown) > most else "")


@dataclass(frozen=True)
class Listing:
    """What lies in a repository before anything large is fetched.

    sizes: bytes by path. texts: its small JSON files, read, by path (config.json, model_index.json, scheduler/scheduler_config.json ...).
    licence: as the repository's card says it, "" where it does not.
    """

    name: str
    sizes: Mapping[str, int]
    texts: Mapping[str, Any] = field(default_factory=dict)
    licence: str = ""


@dataclass(frozen=True)
class Order:
    """What to fetch, and which format reads it. account: plain sentences for a person, on what was found and what was inferred."""

    format: str
    files: tuple[str, ...]
    account: tuple[str, ...] = ()
    licence: str = ""


@dataclass(frozen=True)
class Found:
    """A model as it was read: family and config as `config.json` has them, weights by the names of that family's state dict.

    beside: files of the repository that go into the checkpoint's folder as they are, by their name there. recipe: how it was
    trained, where it was trained here.
    """

    family: str
    dataset: str
    licence: str
    model: Mapping[str, Any]
    weights: Mapping[str, Tensor]
    account: tuple[str, ...] = ()
    beside: Mapping[str, Path] = field(default_factory=dict)
    recipe: Mapping[str, Any] = field(default_factory=dict)
