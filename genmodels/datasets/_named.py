"""A dataset by its name on the Hub: a column of pictures is found, cut to squares of one size, and at most 5,000 of them are read."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet
import torch
from huggingface_hub import metadata_load, snapshot_download
from huggingface_hub.errors import LocalEntryNotFoundError

from ..client import Hub, Repository, address
from ..pictures import BadPicture, grey, square
from ._base import Images, Progress, check_split
from ._columns import classes_of, picture_column
from ._hub import SHARD, Bars
from ._parquet import BadPictures, damage_in_words

MOST = 5000  # pictures that are read
FEWEST = 60
TESTED = 10  # every tenth is kept for testing
MOST_CLASSES = 255
LAST_LABEL = 2**63 - 1  # of int64: a column may hold larger ones, which are no classes
ONE_CLASS = ("picture",)  # of a set without classes
SIZES = (8, 128)  # pixels of a side
LIMIT = 10**9  # bytes that may be downloaded
README_LIMIT = 1 << 20
ADVICE = "Or name another dataset."
BATCH = 16  # rows in memory at a time: a photograph may have megabytes


@dataclass(frozen=True)
class Named:
    """A dataset of the Hub in the shape that a model wants; asked like the modules beside this one."""

    name: str
    IMAGE_SHAPE: tuple[int, ...]
    CLASSES: tuple[str, ...] = ()
    hub: Hub = Hub()

    def __post_init__(self):
        parsed(self.name)
        if len(self.IMAGE_SHAPE) != 3 or self.IMAGE_SHAPE[0] not in (1, 3) or self.IMAGE_SHAPE[1] != self.IMAGE_SHAPE[2]:
            raise ValueError(f"Pictures of {self.name} are made square, [1 or 3, S, S], not {list(self.IMAGE_SHAPE)}.")
        _check_size(self.IMAGE_SHAPE[1])

    @property
    def HUB(self) -> str:
        return parsed(self.name)[0]

    @property
    def TITLE(self) -> str:
        return self.HUB

    @property
    def TERMS(self) -> str:
        return f"the terms of huggingface.co/datasets/{self.HUB}"

    def load(self, split: str = "train", source: Path | None = None, progress: Progress | None = None) -> Images:
        """As `named`; `source` is not needed. ValueError where a model is told other classes than these pictures have."""
        images = named(self.name, self.IMAGE_SHAPE[1], split, self.IMAGE_SHAPE[0], progress, self.hub)
        if self.CLASSES and images.classes != self.CLASSES:
            there = "are not to be found" if images.classes == ONE_CLASS else f"are {', '.join(images.classes)}"
            raise ValueError(f"The classes of {self.name} {there}; the conditions of the model must be these, in this order.")
        return images


def parsed(name: str) -> tuple[str, str | None, str]:
    """"owner/name[@revision][#column]" as repository, revision and column. ValueError in words."""
    text, _, column = name.partition("#")
    return *address(text), column


def named(name: str, size: int, split: str = "train", channels: int | None = None, progress: Progress | None = None, hub: Hub | None = None) -> Images:
    """Pictures [N, C, size, size] of a dataset on the Hub, with their classes where it has any; `account` says what was done.

    name: "owner/name", with "@revision" and "#column" where there are several. size: 8 to 128. channels: 1, 3, or None for what most of the
    pictures are. The first 5,000 pictures are read, from as few files as hold them; every tenth is "test", the others are "train".
    Files come into the client's cache and are read from there ever after. Errors are those of `client.Repository`, and ValueError in
    one sentence for a set without pictures, too large files, or a choice that only a person can make.
    """
    check_split(split)
    _check_size(size)
    repo, revision, column = parsed(name)
    progress = progress or Bars()
    files = _Files(Repository(hub or Hub(), repo, "dataset", ADVICE), revision, progress)
    reader, file = _Reader(files, size, split, column, progress), None
    try:
        for file in files:
            reader.look(file)
            with damage_in_words():
                reader.read(file)
            if reader.rows == MOST:
                break
        return reader.images(channels)
    except BadPictures as error:
        file.resolve().unlink(missing_ok=True)  # else the cache would bring it back for ever
        file.unlink(missing_ok=True)
        raise ValueError(f"A file of {repo} cannot be read: {error} It has been removed from the cache; try again. {ADVICE}") from error


def _check_size(size: int) -> None:
    if isinstance(size, bool) or not isinstance(size, int) or not SIZES[0] <= size <= SIZES[1]:
        raise ValueError(f"Pictures from the Hub are made {SIZES[0]} to {SIZES[1]} pixels wide, not {size!r:.40}.")


class _Files:
    """The parquet files of a repository that hold its pictures to train on, at one commit; each is downloaded when its turn comes."""

    def __init__(self, repository: Repository, revision: str | None, progress: Progress):
        self.repository, self.name, self.progress, self.sizes, self.left = repository, repository.name, progress, {}, 0
        repository.progress = lambda done, total, unit: progress(self.brought + done, self.brought + total, unit)
        self.brought = 0  # bytes of files before
        try:
            self.folder = Path(snapshot_download(self.name, repo_type="dataset", revision=revision, cache_dir=repository.hub.cache,
                                                 local_files_only=True, allow_patterns="*.parquet"))
            self.names = _first_set(path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*train-*.parquet"))
        except LocalEntryNotFoundError:
            self.names = []
        if self.names:
            self.commit = self.folder.name
        else:  # what else may be in the cache is no sign of what the repository has
            self.folder, self.commit = None, self._listed(revision)

    def __iter__(self) -> Iterator[Path]:
        for number, name in enumerate(self.names):
            if not (path := self._cached(name)):
                size = self._size(name)
                if self.brought + size > LIMIT:
                    self.left = len(self.names) - number
                    break
                [path] = self.repository.download(self.commit, {name: size})
                self.brought += size
            yield path
        if self.left == len(self.names):
            raise ValueError(f"The first file of {self.name} weighs {self._size(self.names[0]) / 1e6:,.0f} MB, the limit is {LIMIT / 1e6:,.0f} MB. {ADVICE}")

    @cached_property
    def readme(self) -> dict:
        """What stands in the front matter of its README; nothing where there is none that can be read."""
        path = self._cached("README.md")
        if not path and self.brought and 0 < self._size("README.md") <= README_LIMIT:  # with the first file or never: later there may be no Hub
            [path] = self.repository.download(self.commit, {"README.md": self._size("README.md")})
        try:
            return metadata_load(path) or {} if path else {}
        except Exception:  # a stranger's YAML fails in many ways; then the classes have no names, which is said
            return {}

    def _cached(self, name: str) -> Path | None:
        path = self.folder / name if self.folder else None
        return path if path and path.is_file() else None

    def _size(self, name: str) -> int:
        """0 where there is no such file."""
        if not self.sizes:
            self._listed(self.commit)
        return self.sizes.get(name, 0)

    def _listed(self, revision: str | None) -> str:
        commit, self.sizes = self.repository.files(revision)
        self.names = [name for name in _first_set(self.sizes) if name in self.sizes]
        if not self.names:
            raise ValueError(f"The Hub's {self.name} has no parquet files of pictures such as data/train-00000-of-00001.parquet. {ADVICE}")
        return commit


def _first_set(names) -> list[str]:
    """All files of the set to train on, as the name of its first file says; of several sets that of the plainest folder."""
    first = [match for match in map(SHARD.fullmatch, names) if match and int(match["index"]) == 0 < int(match["count"])]
    if not first:
        return []
    best = min(first, key=lambda match: (match["split"] != "train", (match["folder"] or "data") not in ("data", "default"), match.string))
    start = best.string.removesuffix(f"-00000-of-{best['count']}.parquet")
    return [f"{start}-{index:05d}-of-{best['count']}.parquet" for index in range(int(best["count"]))]


class _Reader:
    """Takes pictures and labels of one split out of files, until there are enough."""

    def __init__(self, files: _Files, size: int, split: str, column: str, progress: Progress):
        self.files, self.size, self.split, self.column, self.progress = files, size, split, column, progress
        self.pixels: list[np.ndarray] = []
        self.kept: list[int] = []  # their rows
        self.labels: list[int | None] = []  # of all rows, so that both splits have the same classes
        self.grey = self.broken = self.known = 0
        self.why, self.account, self.label, self.classes = "", [], "", ()

    @property
    def rows(self) -> int:
        return len(self.labels)

    def look(self, file: Path) -> None:
        """Find out from the first file which columns to read."""
        if not self.rows:
            with damage_in_words():
                schema = parquet.read_schema(file)
            self.column, said = picture_column(self.files.name, schema, self.column)
            self.label, self.classes, about = classes_of(schema, lambda: self.files.readme)
            self.account = said + about

    def read(self, file: Path) -> None:
        with parquet.ParquetFile(file) as table:
            self.known += table.metadata.num_rows
            columns = [f"{self.column}.bytes", *([self.label] if self.label else [])]
            for batch in table.iter_batches(BATCH, columns=columns):
                batch = batch.slice(0, MOST - self.rows)
                pictures, first = batch.column(self.column).field("bytes"), self.rows
                for row in range(first, first + len(batch)):
                    if (row % TESTED == TESTED - 1) == (self.split == "test"):
                        self._take(pictures[row - first].as_py(), row)
                self.labels += batch.column(self.label).to_pylist() if self.label else [0] * len(batch)
                self.progress(self.rows, min(self.known, MOST), "pictures")
                if self.rows == MOST:
                    break

    def _take(self, data: bytes | None, row: int) -> None:
        try:
            pixels, grey = square(data or b"", self.size)
        except BadPicture as error:
            self.broken, self.why = self.broken + 1, self.why or str(error)
            return
        self.pixels.append(pixels)
        self.kept.append(row)
        self.grey += grey

    def images(self, channels: int | None) -> Images:
        name, found = self.files.name, len(self.pixels)
        if self.rows < FEWEST or not found:
            first = f", and the first one says: {self.why}" if self.why else "."
            raise ValueError(f"{name} has {self.rows} pictures to read, of which {found} can be used to {self.split} with{first} "
                             f"At least {FEWEST} are needed. {ADVICE}")
        channels = channels or (1 if 2 * self.grey > found else 3)
        pixels = np.stack(self.pixels)
        pixels = grey(pixels)[..., None] if channels == 1 else pixels
        labels, classes = self._labelled()
        return Images(torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous(), torch.from_numpy(labels), classes, account=self._account(channels))

    def _labelled(self) -> tuple[np.ndarray, tuple[str, ...]]:
        """Labels int64 [N] of the pictures that were kept, and the classes; all of ONE_CLASS where there are none."""
        if self.label:
            labels = np.array([-1 if label is None else min(label, LAST_LABEL) for label in self.labels], np.int64)
            classes = self.classes or tuple(map(str, range(min(int(labels.max()), MOST_CLASSES) + 1)))
            if labels.min() >= 0 and labels.max() < len(classes) <= MOST_CLASSES:
                return labels[self.kept], classes
            self.account.append(f"The classes of {self.label} are left out: not every picture has one of at most {MOST_CLASSES}.")
        return np.zeros(len(self.kept), np.int64), ONE_CLASS

    def _account(self, channels: int) -> tuple[str, ...]:
        files, colour = self.files, "grey" if channels == 1 else "colour"
        where = files.names[0].rsplit("-00000-of-", 1)[0]
        sentences = [f"{files.name} at {files.commit[:12]}: {len(self.pixels):,} pictures to {self.split} with, from column {self.column} of {where}, "
                     f"cut to their middle square and made {self.size}x{self.size} {colour}; every tenth is kept for testing.", *self.account]
        if self.rows == MOST:
            sentences.append(f"The first {MOST:,} pictures were read and no more.")
        elif files.left:
            sentences.append(f"{files.left} of its {len(files.names)} files were left out: together they weigh more than {LIMIT / 1e6:,.0f} MB.")
        if self.broken:
            sentences.append(f"{self.broken:,} pictures are left out, for they cannot be read. The first: {self.why}")
        return tuple(sentences)
