"""The Hugging Face Hub's own client, called with patience: deadlines, progress, a way to stop, and every failure as one sentence."""

import hashlib
import io
import re
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import BinaryIO, TypeVar

from huggingface_hub import HfApi, RepoFile, constants, hf_hub_download, hf_hub_url
from huggingface_hub.errors import EntryNotFoundError, FileMetadataError, HfHubHTTPError, HTTPError, OfflineModeIsEnabled
from huggingface_hub.file_download import http_get
from huggingface_hub.utils import build_hf_headers

from ._meter import Meter, Unlike, attend

Progress = Callable[[int, int, str], None]  # done, total, "bytes"

SPARE = 100 * 10**6  # bytes that stay free on the disk
SILENCE = 30.0  # seconds without a sign of life; the client's own five retries take 23
DEADLINE = 900.0  # seconds for one conversation in all, and more for many bytes:
SLOWEST = 100_000  # bytes a second, of a line that is still waited for

COMMIT = re.compile(r"[0-9a-f]{40}")
WORD = r"[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?!\.)){0,95}"
NAME = re.compile(rf"{WORD}/{WORD}")
REVISION = re.compile(rf"{WORD}(?:/{WORD}){{0,3}}")  # a branch, a tag, refs/pr/7 or a commit
PATH = re.compile(r'[^/\\:*?"<>|\x00-\x1f]{1,200}(?:/[^/\\:*?"<>|\x00-\x1f]{1,200}){0,9}')  # of a file in a repository, on any system
T = TypeVar("T")


class Stopped(Exception):
    """The person did not want to wait any longer."""


@dataclass(frozen=True)
class Hub:
    """Which Hub, where the client keeps its files, and who asks. What is None is the client's own: HF_ENDPOINT, HF_HOME, HF_TOKEN or login.

    A token of False is nobody. It is never shown: not by repr, and ValueError for one that no header could carry does not repeat it.
    """

    endpoint: str | None = None
    cache: Path | None = None
    token: str | bool | None = field(default=None, repr=False)

    def __post_init__(self):
        if isinstance(self.token, str) and not re.fullmatch(r"[\x21-\x7e]{1,4096}", self.token):  # the client would quote it in its error
            raise ValueError("That is no token of the Hub: it must be one word without blanks or line breaks. Copy it again.")

    def api(self) -> HfApi:
        return HfApi(endpoint=self.endpoint, token=self.token)

    @property
    def folder(self) -> Path:
        return Path(self.cache or constants.HF_HUB_CACHE)


def address(text: str) -> tuple[str, str | None]:
    """"owner/name" or "owner/name@revision" as name and revision. ValueError in words for anything else, addresses of pages among it."""
    name, at, revision = text.strip().partition("@")
    if not NAME.fullmatch(name):
        path = re.search(rf"//[^/]+/(?:models/)?({WORD}/{WORD})", text)
        instead = f"type {path[1]}" if path else "type owner/name, for example google/ddpm-cifar10-32"
        raise ValueError(f"{text.strip()!r:.80} is not the name of a repository: {instead}.")
    if at and not REVISION.fullmatch(revision):
        raise ValueError(f"{revision!r:.60} is no revision: behind the @ stands a branch, a tag or a commit.")
    return name, revision or None


class Repository:
    """A repository on the Hub, asked with patience. `advice` ends every sentence about a failure; `stopped` ends a conversation early.

    Errors are one sentence: ConnectionError and TimeoutError (no Hub, no answer, cut), PermissionError (401, 403), FileNotFoundError
    (404), ValueError (what answered is no Hub), OSError (disk); and `Stopped`.
    """

    def __init__(self, hub: Hub, name: str, kind: str = "model", advice: str = "", progress: Progress | None = None,
                 stopped: threading.Event | None = None):
        self.hub, self.name, self.kind, self.advice = hub, name, kind, advice
        self.progress, self.stopped = progress or (lambda *_: None), stopped or threading.Event()
        self.meter, self.sums = Meter(), {}

    def files(self, revision: str | None = None) -> tuple[str, dict[str, int]]:
        """The commit that a revision means now, and the size in bytes of every file at it. `read` and `bring` hold files to what was said here."""
        return self.ask(lambda: self._files(revision))

    def _files(self, revision: str | None) -> tuple[str, dict[str, int]]:
        api = self.hub.api()
        commit = api.resolve_revision(self.name, repo_type=self.kind, revision=revision, cache_dir=self.hub.cache).resolved
        if not COMMIT.fullmatch(commit):
            raise ValueError(f"{commit!r:.60} is no commit")
        tree = api.list_repo_tree(self.name, repo_type=self.kind, revision=commit, recursive=True)
        files = {entry.path: entry for entry in tree if isinstance(entry, RepoFile)}
        self.sums = {path: entry.lfs.sha256 if entry.lfs else entry.blob_id for path, entry in files.items()}
        return commit, {path: entry.size for path, entry in files.items()}

    def download(self, commit: str, sizes: Mapping[str, int]) -> list[Path]:
        """Files of known sizes at one commit, into the client's cache. OSError before a byte comes if the disk is too small for them."""
        total = sum(sizes.values())
        self.check_disk(self.hub.folder, total)
        self.meter = Meter(total)
        return self.ask(lambda: [self._file(name, commit) for name in sizes])

    def check_disk(self, folder: Path, size: int) -> None:
        """OSError unless so many bytes fit into a folder, which need not be there yet."""
        folder = folder.absolute()
        free = shutil.disk_usage(next(parent for parent in (folder, *folder.parents) if parent.exists())).free
        if free < size + SPARE:
            raise OSError(f"{self.name} needs {(size + SPARE) / 1e6:.0f} MB in {folder}, where {free / 1e6:.0f} MB are free. "
                          "Make room there, or keep such files on a larger disk.")

    def _file(self, name: str, commit: str) -> Path:
        return Path(hf_hub_download(self.name, name, repo_type=self.kind, revision=commit, cache_dir=self.hub.cache, endpoint=self.hub.endpoint,
                                    token=self.hub.token, tqdm_class=self.meter.bars()))

    def read(self, commit: str, sizes: Mapping[str, int]) -> dict[str, bytes]:
        """Small files of known sizes at one commit, as bytes."""
        self.meter = Meter(sum(sizes.values()))
        return self.ask(lambda: {path: self._into(io.BytesIO(), path, commit, size).getvalue() for path, size in sizes.items()})

    def bring(self, commit: str, sizes: Mapping[str, int], folder: Path) -> dict[str, Path]:
        """Files of known sizes at one commit, into a folder of their own, each under its path. What an earlier try left there goes on."""
        self.check_disk(folder, sum(sizes.values()))
        self.meter = Meter(sum(sizes.values()))
        return self.ask(lambda: {path: self._onto(folder / PurePosixPath(path), path, commit, size) for path, size in sizes.items()})

    def _onto(self, target: Path, path: str, commit: str, size: int) -> Path:
        if not PATH.fullmatch(path) or ".." in path.split("/"):
            raise Unlike(f"{path!r:.80} is no name for a file")
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(target, "a+b") as file:
            try:
                self._into(file, path, commit, size)
            except Unlike:
                file.truncate(0)  # else the next try would go on with it
                raise
        return target

    def _into(self, file: BinaryIO, path: str, commit: str, size: int) -> BinaryIO:
        """The rest of a file, appended to what is there of it, and the whole held to what the Hub said of it."""
        before, there = self.meter.done, file.seek(0, io.SEEK_END)
        url = hf_hub_url(self.name, path, repo_type=self.kind, revision=commit, endpoint=self.hub.endpoint)
        if there < size:
            http_get(url, file, resume_size=there, headers=build_hf_headers(token=self.hub.token), displayed_filename=path, tqdm_class=self.meter.bars())
        self.meter.done = before + size
        if (came := file.tell()) != size:
            raise Unlike(f"{path} has {came:,} bytes instead of {size:,}")
        if _sum(file, size, like=self.sums[path]) != self.sums[path]:
            raise Unlike(f"{path} has other content")
        return file

    def ask(self, call: Callable[[], T]) -> T:
        """What call() returns. It runs in a thread of its own: the client may retry, or sleep as a server tells it, longer than anyone waits."""
        future: Future[T] = Future()

        def work() -> None:
            attend(meter)
            try:
                future.set_result(call())
            except BaseException as error:  # goes to the thread that waits
                future.set_exception(error)

        meter, shown = self.meter, None
        meter.heard = time.monotonic()
        threading.Thread(target=work, daemon=True, name=f"hub {self.name}").start()
        try:
            while not wait([future], timeout=0.05).done:
                self._still_patient(meter)
                if meter.total and meter.done != shown:
                    shown = meter.done
                    self.progress(shown, meter.total, "bytes")
        finally:
            meter.abandoned = not future.done()
        if error := future.exception():
            words = self.in_words(error)
            raise words from (error if words is not error else error.__cause__)
        if meter.total:
            self.progress(meter.done, meter.total, "bytes")
        return future.result()

    def _still_patient(self, meter: "Meter") -> None:
        if self.stopped.is_set():
            raise Stopped
        now = time.monotonic()
        if now - meter.heard > SILENCE or now - meter.began > DEADLINE + meter.total / SLOWEST:
            raise TimeoutError(f"The Hub gave no {'answer' if not meter.total else 'more bytes'} about {self.name} in time "
                               f"({now - meter.heard:.0f} s of silence, {now - meter.began:.0f} s in all). {self._advised('Try again later.')}")

    def _advised(self, advice: str) -> str:
        return f"{advice} {self.advice}".strip()

    def in_words(self, error: BaseException) -> BaseException:
        """An exception of the client as one sentence. What is no failure of the Hub, the network or the disk stays what it is."""
        name, begun, chain = self.name, self.meter.total > 0, [error]
        while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None:
            chain.append(cause)
        for cause in chain:
            if isinstance(cause, HfHubHTTPError) and cause.response is not None:
                return self.refusal(cause.response.status_code, cause.response.headers.get("X-Error-Code", ""))
        if any(isinstance(cause, OfflineModeIsEnabled) for cause in chain):
            return ConnectionError(f"{name} is not in the cache and HF_HUB_OFFLINE forbids asking the Hub. {self._advised('Unset it once.')}")
        if isinstance(error, Unlike):
            return ValueError(f"What came for {name} is not what the Hub says it has: {error}. {self._advised('It was not kept; try again.')}")
        if isinstance(error, (ValueError, KeyError, TypeError, AttributeError, AssertionError, EntryNotFoundError, FileMetadataError)):
            return ValueError(f"What answered for {name} is not the Hub ({_short(error)}). {self._advised('Is a login page or a proxy in between?')}")
        if any(isinstance(cause, HTTPError) for cause in chain) or begun and isinstance(error, OSError) and not error.errno:
            what = f"The download of {name} broke off" if begun else f"The Hub cannot be reached for {name}"
            return ConnectionError(f"{what} ({_short(chain[-1])}). {self._advised('Check the network and try again.')}")
        if isinstance(error, OSError):
            return OSError(f"{name} could not be stored ({_short(error)}). {self.advice}".strip())
        return error

    def refusal(self, status: int, code: str) -> OSError:
        name = self.name
        if code == "GatedRepo" or status == 403:
            return PermissionError(f"{name} is gated: accept its terms on the Hub and log in with `hf auth login`. {self.advice}".strip())
        if code == "RevisionNotFound":
            return FileNotFoundError(f"The Hub's {name} has no such revision. {self._advised('Check what stands behind the @.')}")
        if code in ("RepoNotFound", "EntryNotFound") or status == 404:
            return FileNotFoundError(f"The Hub has no {name}, or it is private. {self._advised('Check the name.')}")
        if status == 401:
            return PermissionError(f"The Hub does not accept your login for {name}: renew it with `hf auth login` or unset HF_TOKEN. {self.advice}".strip())
        if status == 429:
            return ConnectionError("The Hub says that too many requests come from here (429). "
                                   + self._advised(f"Wait some minutes and try {name} again."))
        return ConnectionError(f"The Hub has a problem of its own with {name} ({status}). {self._advised('Try again later.')}")


def _short(error: BaseException) -> str:
    first = f"{type(error).__name__}: {error}".splitlines()[0]
    return re.sub(r"\S+://\S+|Bearer \S+", "…", first)[:160]


def _sum(file: BinaryIO, size: int, like: str) -> str:
    """The name of a whole file's content: SHA-256 as the Hub names large files, or that of a git blob, where the one to be `like` is so short."""
    file.seek(0)
    if len(like) == 64:
        return hashlib.file_digest(file, "sha256").hexdigest()
    return hashlib.sha1(b"blob %d\0" % size + file.read(), usedforsecurity=False).hexdigest()
