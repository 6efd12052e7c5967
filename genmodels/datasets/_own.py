"""Data sets of people's own pictures: each in a folder of its own, known by an id that nobody can guess, and private to its owner."""

import hashlib
import io
import json
import re
import secrets
import shutil
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..whole import write_whole
from ._base import Images, Progress, check_split
from ._unpacked import unpacked

PREFIX = "own:"
ID = re.compile(r"own:([0-9a-f]{16})")
FILE = "pictures.npz"  # pixels uint8 [N, S, S, C], labels uint8 [N], and about: JSON as bytes
TESTED = 10  # every tenth is kept for testing
PER_OWNER, MOST = 6, 200  # sets that are kept of one person, and of everybody
LONGEST_TITLE = 60
GONE = "These pictures are not here: whoever brought them has taken them away, or they are somebody else's."


def is_own(name: Any) -> bool:
    """Whether a data set's name is that of somebody's own pictures."""
    return isinstance(name, str) and name.startswith(PREFIX)


@dataclass(frozen=True)
class Own:
    """Somebody's pictures in the shape that a model wants; asked like the modules beside this one. Where they lie is said when they are loaded."""

    name: str
    IMAGE_SHAPE: tuple[int, ...]
    CLASSES: tuple[str, ...] = ()

    def __post_init__(self):
        if not ID.fullmatch(self.name):
            raise ValueError(f"One's own pictures are named own: and sixteen letters of 0-9 and a-f, not {self.name!r:.40}.")

    TITLE = "Pictures of one's own"
    TERMS = "the pictures of whoever trained on them, who knows what may be done with them"

    def load(self, split: str = "train", source: Path | None = None, progress: Progress | None = None) -> Images:
        """`source` is the folder of all own sets (see `OwnSets`). FileNotFoundError where they are gone; ValueError where a model wants others."""
        check_split(split)
        arrays, about = _read(Path(source or ".") / _hex(self.name))
        pixels = torch.from_numpy(arrays["pixels"]).permute(0, 3, 1, 2)
        if tuple(pixels.shape[1:]) != tuple(self.IMAGE_SHAPE):
            raise ValueError(f"These pictures are {list(pixels.shape[1:])}, the model wants {list(self.IMAGE_SHAPE)} (channels, rows, columns).")
        if self.CLASSES and tuple(about["classes"]) != tuple(self.CLASSES):
            raise ValueError(f"The classes of these pictures are {', '.join(about['classes'])}; the conditions of the model must be these, in this order.")
        tested = torch.arange(len(pixels)) % TESTED == TESTED - 1
        chosen = tested if split == "test" else ~tested
        labels = torch.from_numpy(arrays["labels"].astype(np.int64))
        return Images(pixels[chosen].contiguous(), labels[chosen], tuple(about["classes"]), account=tuple(about["account"]))


class OwnSets:
    """All own sets below one folder. Owners are tokens, of which only the hash is written down.

    What is said of a set: {"id", "title", "image_shape", "classes", "account": sentences, "count", "created"}. LookupError, in words, for one
    that is not there or is somebody else's.
    """

    def __init__(self, folder: Path):
        self.folder, self._guard = Path(folder), threading.Lock()

    def add(self, data: bytes, owner: str, title: str = "", side: int | None = None) -> dict[str, Any]:
        """Keep what `unpacked` makes of a zip or .npz. ValueError in one sentence for a bad file, and where there are too many sets."""
        self._check_place(owner)
        found = unpacked(data, side)
        about = {"id": PREFIX + secrets.token_hex(8), "title": " ".join(title.split())[:LONGEST_TITLE] or "Own pictures",
                 "image_shape": [found.pixels.shape[-1], *found.pixels.shape[1:3]], "classes": list(found.classes), "account": list(found.account),
                 "count": len(found.pixels), "created": time.time()}
        file = io.BytesIO()
        np.savez_compressed(file, pixels=found.pixels, labels=found.labels, about=_bytes(about | {"owner": hidden(owner)}))
        with self._guard:
            self._check_place(owner)  # others may have come while this one was unpacked
            folder = self.folder / _hex(about["id"])
            folder.mkdir(parents=True)
            write_whole(folder / FILE, file.getvalue())
        return about

    def of(self, owner: str) -> list[dict[str, Any]]:
        """One's own sets, oldest first."""
        return sorted((_public(about) for about in self._all() if about["owner"] == hidden(owner)), key=lambda about: about["created"])

    def about(self, name: str, owner: str) -> dict[str, Any]:
        if (about := self._about(name)) is None or about["owner"] != hidden(owner):
            raise LookupError(GONE)
        return _public(about)

    def remove(self, name: str, owner: str) -> None:
        self.about(name, owner)
        shutil.rmtree(self.folder / _hex(name))

    def _all(self) -> list[dict[str, Any]]:
        found = (self._about(PREFIX + path.name) for path in self.folder.iterdir()) if self.folder.is_dir() else ()
        return [about for about in found if about]

    def _about(self, name: str) -> dict[str, Any] | None:
        """What is known of a set; nothing of one that is not there, or of a folder that is none."""
        if not isinstance(name, str) or not ID.fullmatch(name):
            return None
        try:
            with np.load(self.folder / _hex(name) / FILE, allow_pickle=False) as arrays:
                return json.loads(bytes(arrays["about"]))
        except (OSError, ValueError, KeyError):
            return None

    def _check_place(self, owner: str) -> None:
        kept = self._all()
        if sum(about["owner"] == hidden(owner) for about in kept) >= PER_OWNER:
            raise ValueError(f"You have {PER_OWNER} sets of pictures here already. Take one away before you bring another.")
        if len(kept) >= MOST:
            raise ValueError("This server keeps no more pictures; ask whoever runs it to make room.")


def _read(folder: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    try:
        with np.load(folder / FILE, allow_pickle=False) as arrays:
            return {key: arrays[key] for key in ("pixels", "labels")}, json.loads(bytes(arrays["about"]))
    except FileNotFoundError:
        raise FileNotFoundError(GONE) from None


def _hex(name: str) -> str:
    return name.removeprefix(PREFIX)


def _public(about: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in about.items() if key != "owner"}


def _bytes(about: dict[str, Any]) -> np.ndarray:
    return np.frombuffer(json.dumps(about).encode(), np.uint8)


def hidden(owner: str) -> str:
    """What is kept of an owner's token: enough to know it again, too little to use it."""
    if not isinstance(owner, str) or not owner:
        raise ValueError("There has to be an owner: a random token that the browser keeps.")
    return hashlib.sha256(owner.encode()).hexdigest()[:16]
