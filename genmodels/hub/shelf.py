"""The shelf: models fetched from the Hub, each once and as a checkpoint folder of ours, so that it opens offline like any other."""

import os
import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from huggingface_hub.utils import WeakFileLock

from .. import formats
from ..checkpoint import NAME, Checkpoint, save_foreign
from ..client import Hub, Progress, Repository, Stopped, address
from ..first_atlas import keep_first_atlas
from . import source
from .shared import Shared
from .source import SOURCE, Fetched, size_of
from .survey import Look, Survey, survey

COMING = ".coming"  # below the shelf: what is not whole yet; no checkpoint's name begins with a dot
MADE, FILES = "made", "files"  # below that and a name: of no use to anybody but who made it; and what has come of a download
ADVICE = "Or take one of the models that are here."


@dataclass(frozen=True)
class Shelf:
    """Checkpoints below `folder`, fetched from `hub`: each of at most `largest` bytes, all together of at most `room`.

    Errors are one sentence each: those of `client.Repository`, ValueError for what is no name, no model, too large, damaged or does
    not fit on the shelf any more, FileNotFoundError for a name that is not on it.
    """

    folder: Path
    hub: Hub = Hub()
    largest: int = 1 << 30
    room: int = 8 << 30
    shared: Shared = field(default_factory=Shared, repr=False, compare=False)  # one for all copies of a shelf with another token

    def look(self, text: str, stopped: threading.Event | None = None) -> Look:
        """What "owner/name[@revision]" is, if it could be fetched. Nothing but names and a few small files is asked for."""
        return self._survey(text, stopped).look

    def fetch(self, text: str, progress: Progress | None = None, stopped: threading.Event | None = None, by: str = "") -> Fetched:
        """Fetch a model, convert it into a checkpoint, check and try it, and only then put it on the shelf.

        What is there already is answered at once, with no question to the Hub; a newer commit of it comes by its name, or after `delete`.
        progress(done, total, "bytes"), at last with "checking" in place of "bytes". `stopped` ends it within a second by raising
        `Stopped`; what has come of a file stays then, and the next try goes on with it. Whoever asks for what is on its way already
        waits for the same, and it is stopped when nobody waits any more.
        """
        repo, revision = address(text)
        if there := self._there(repo, revision):
            return there
        stopped = stopped or threading.Event()
        found = self._survey(text, stopped)
        if self._has(found.look.name):
            return source.read(self.folder / found.look.name)
        return self.shared.join(found.look.name, lambda *told: self._bring(found, by, *told), progress, stopped)

    def fetched(self) -> list[Fetched]:
        """What is on the shelf, the newest first. A folder whose source.json is damaged is listed by its name alone: it can be deleted."""
        folders = [path.parent for path in self.folder.glob(f"*/{SOURCE}") if NAME.fullmatch(path.parent.name)]
        return sorted(map(source.read, folders), key=lambda one: (one.fetched, one.name), reverse=True)

    def delete(self, name: str) -> None:
        """Take a model off the shelf, at one stroke for those who read it. FileNotFoundError for a name that is not there."""
        if name not in (names := [one.name for one in self.fetched()]):
            raise FileNotFoundError(f"There is no fetched model {name!r:.100}; there are {', '.join(names) or 'none'}.")
        with self._alone(name):
            gone = self._coming / name / MADE
            gone.mkdir(parents=True, exist_ok=True)
            os.replace(self.folder / name, gone / name)
            shutil.rmtree(gone, ignore_errors=True)  # what it leaves, the next sweep takes

    @property
    def _coming(self) -> Path:
        return self.folder / COMING

    def _has(self, name: str) -> bool:
        return (self.folder / name / SOURCE).exists()

    def _there(self, repo: str, revision: str | None) -> Fetched | None:
        """The newest of a repository that answers for a revision, from the disk alone."""
        return next((one for one in self.fetched() if one.repo == repo and (revision is None or revision in (one.revision, one.commit))), None)

    def _survey(self, text: str, stopped: threading.Event | None) -> Survey:
        """A look at what would fit."""
        repo, revision = address(text)
        hub = replace(self.hub, cache=self._coming)  # there the client notes which commit a branch meant
        repository = Repository(hub, repo, advice=ADVICE, stopped=stopped)
        found = survey(repository, revision)
        if not self._has(found.look.name):
            self._check_room(found.look)
            repository.check_disk(self.folder, 2 * found.look.bytes)  # as it comes, and as it is kept
        return found

    def _check_room(self, look: Look) -> None:
        if look.bytes > self.largest:
            raise ValueError(f"{look.repo} needs {readable(look.bytes)}, and a fetched model may have {readable(self.largest)}. {ADVICE}")
        there = sorted(self.fetched(), key=lambda one: one.bytes, reverse=True)
        if (used := sum(one.bytes for one in there)) + look.bytes > self.room:
            largest = ", ".join(f"{one.name} ({readable(one.bytes)})" for one in there[:3])
            raise ValueError(f"{look.repo} needs {readable(look.bytes)}, and fetched models fill {readable(used)} of {readable(self.room)}. "
                             + (f"Delete one of them first, for example {largest}." if largest else ADVICE))

    def _bring(self, found: Survey, by: str, progress: Progress, stopped: threading.Event) -> Fetched:
        """Download, convert, check, offer."""
        look, home = found.look, self._coming / found.look.name
        with self._alone(look.name, stopped):
            self._sweep(look)
            if self._has(look.name):  # another process was faster
                return source.read(self.folder / look.name)
            repository = Repository(self.hub, look.repo, advice=ADVICE, progress=progress, stopped=stopped)
            repository.sums = found.sums
            paths = repository.bring(look.commit, found.sizes, home / FILES)
            progress(look.bytes, look.bytes, "checking")
            made = home / MADE / look.name  # its last part is the name that sentences about it speak of
            try:
                _make(made, found, paths, by, stopped)
                os.replace(made, self.folder / look.name)
            except (OSError, Stopped) as error:
                shutil.rmtree(home / MADE, ignore_errors=True)  # what it leaves, the next sweep takes
                raise error if isinstance(error, Stopped) else OSError(f"{look.repo} could not be stored ({error}). {ADVICE}") from error
            except Exception:
                shutil.rmtree(home, ignore_errors=True)  # all of it is here and of no use, now and the next time
                raise
            shutil.rmtree(home, ignore_errors=True)  # it is on the shelf, whatever still holds its files open here
        return source.read(self.folder / look.name)

    @contextmanager
    def _alone(self, name: str, stopped: threading.Event | None = None, patience: float = float("inf")) -> Iterator[None]:
        """Of all processes only this one has to do with a name below `.coming`. TimeoutError if another one does for so many seconds."""
        self._coming.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            while True:
                try:
                    stack.enter_context(WeakFileLock(self._coming / f"{name}.lock", timeout=0.1))
                    break
                except TimeoutError:
                    patience -= 0.1
                    if stopped and stopped.is_set():
                        raise Stopped from None
                    if patience < 0:
                        raise
            yield

    def _sweep(self, look: Look) -> None:
        """Clear what killed processes left half made, and where the room is short what others downloaded and never finished."""
        tight = size_of(self.folder) + look.bytes > self.room
        for left in [path for path in self._coming.iterdir() if (path / MADE).is_dir() or (path / FILES).is_dir()]:
            if left.name == look.name:
                shutil.rmtree(left / MADE, ignore_errors=True)
                continue
            try:
                with self._alone(left.name, patience=0):
                    shutil.rmtree(left if tight else left / MADE, ignore_errors=True)
            except TimeoutError:
                continue  # it is on its way, in this process or another


def _make(folder: Path, found: Survey, paths: Mapping[str, Path], by: str, stopped: threading.Event) -> None:
    """A checkpoint folder of what was downloaded, tried once. ValueError in words, BadCheckpoint among them, if it cannot be one."""
    read = formats.read(found.order, paths)
    for step in (lambda: save_foreign(read, folder), lambda: Checkpoint(folder).load(),
                 lambda: keep_first_atlas(Checkpoint(folder), stopped), lambda: source.write(folder, found.look, read.account, by)):
        if stopped.is_set():
            raise Stopped
        step()


def readable(size: int) -> str:
    """Bytes for a person: 921 kB, 35.8 MB, 1,074 MB."""
    return f"{size / 1e3:,.0f} kB" if size < 1e6 else f"{size / 1e6:,.1f} MB" if size < 1e8 else f"{size / 1e6:,.0f} MB"
