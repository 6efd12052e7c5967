"""The Hugging Face Hub's own client, called with patience: deadlines, progress, a way to stop, and every failure as one sentence."""

import re
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from huggingface_hub import HfApi, RepoFile, constants, hf_hub_download
from huggingface_hub.errors import EntryNotFoundError, FileMetadataError, HfHubHTTPError, HTTPError, OfflineModeIsEnabled
from tqdm import tqdm

Progress = Callable[[int, int, str], None]  # done, total, "bytes"

SPARE = 100 * 10**6  # bytes that stay free on the disk
SILENCE = 30.0  # seconds without a sign of life; the client's own five retries take 23
DEADLINE = 900.0  # seconds for one conversation in all

COMMIT = re.compile(r"[0-9a-f]{40}")
WORD = r"[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?!\.)){0,95}"
NAME = re.compile(rf"{WORD}/{WORD}")
REVISION = re.compile(rf"{WORD}(?:/{WORD}){{0,3}}")  # a branch, a tag, refs/pr/7 or a commit
T = TypeVar("T")


class Stopped(Exception):
    """The person did not want to wait any longer."""


@dataclass(frozen=True)
class Hub:
    """Which Hub, where the client keeps its files, and who asks. What is None is the client's own: HF_ENDPOINT, HF_HOME, HF_TOKEN."""

    endpoint: str | None = None
    cache: Path | None = None
    token: str | bool | None = None

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
        self.meter = _Meter()

    def files(self, revision: str | None = None) -> tuple[str, dict[str, int]]:
        """The commit that a revision means now, and the size in bytes of every file at it."""
        return self.ask(lambda: self._files(revision))

    def _files(self, revision: str | None) -> tuple[str, dict[str, int]]:
        api = self.hub.api()
        commit = api.resolve_revision(self.name, repo_type=self.kind, revision=revision, cache_dir=self.hub.cache).resolved
        if not COMMIT.fullmatch(commit):
            raise ValueError(f"{commit!r:.60} is no commit")
        tree = api.list_repo_tree(self.name, repo_type=self.kind, revision=commit, recursive=True)
        return commit, {entry.path: entry.size for entry in tree if isinstance(entry, RepoFile)}

    def download(self, commit: str, sizes: Mapping[str, int]) -> list[Path]:
        """Files of known sizes at one commit, into the client's cache. OSError before a byte comes if the disk is too small for them."""
        total, folder = sum(sizes.values()), self.hub.folder.absolute()
        free = shutil.disk_usage(next(parent for parent in (folder, *folder.parents) if parent.exists())).free
        if free < total + SPARE:
            raise OSError(f"{self.name} needs {(total + SPARE) / 1e6:.0f} MB in {folder}, where {free / 1e6:.0f} MB are free. "
                          "Make room there, or keep such files on a larger disk.")
        self.meter = _Meter(total)
        return self.ask(lambda: [self._file(name, commit) for name in sizes])

    def _file(self, name: str, commit: str) -> Path:
        return Path(hf_hub_download(self.name, name, repo_type=self.kind, revision=commit, cache_dir=self.hub.cache, endpoint=self.hub.endpoint,
                                    token=self.hub.token, tqdm_class=self.meter.bars()))

    def ask(self, call: Callable[[], T]) -> T:
        """What call() returns. It runs in a thread of its own: the client may retry, or sleep as a server tells it, longer than anyone waits."""
        future: Future[T] = Future()

        def work() -> None:
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
            raise self._in_words(error) from error
        if meter.total:
            self.progress(meter.done, meter.total, "bytes")
        return future.result()

    def _still_patient(self, meter: "_Meter") -> None:
        if self.stopped.is_set():
            raise Stopped
        now = time.monotonic()
        if now - meter.heard > SILENCE or now - meter.began > DEADLINE:
            raise TimeoutError(f"The Hub gave no {'answer' if not meter.total else 'more bytes'} about {self.name} in time "
                               f"({now - meter.heard:.0f} s of silence, {now - meter.began:.0f} s in all). {self._advised('Try again later.')}")

    def _advised(self, advice: str) -> str:
        return f"{advice} {self.advice}".strip()

    def _in_words(self, error: BaseException) -> BaseException:
        """An exception of the client as one sentence. What is no failure of the Hub, the network or the disk stays what it is."""
        name, begun, chain = self.name, self.meter.total > 0, [error]
        while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None:
            chain.append(cause)
        for cause in chain:
            if isinstance(cause, HfHubHTTPError) and cause.response is not None:
                return self._refusal(cause.response.status_code, cause.response.headers.get("X-Error-Code", ""))
        if any(isinstance(cause, OfflineModeIsEnabled) for cause in chain):
            return ConnectionError(f"{name} is not in the cache and HF_HUB_OFFLINE forbids asking the Hub. {self._advised('Unset it once.')}")
        if isinstance(error, (ValueError, KeyError, TypeError, AttributeError, AssertionError, EntryNotFoundError, FileMetadataError)):
            return ValueError(f"What answered for {name} is not the Hub ({_short(error)}). {self._advised('Is a login page or a proxy in between?')}")
        if any(isinstance(cause, HTTPError) for cause in chain) or begun and isinstance(error, OSError) and not error.errno:
            what = f"The download of {name} broke off" if begun else f"The Hub cannot be reached for {name}"
            return ConnectionError(f"{what} ({_short(chain[-1])}). {self._advised('Check the network and try again.')}")
        if isinstance(error, OSError):
            return OSError(f"{name} could not be stored ({_short(error)}). {self.advice}".strip())
        return error

    def _refusal(self, status: int, code: str) -> OSError:
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


class _Meter:
    """Bytes so far of those that were announced (none were, with a total of 0), and when the last sign of life came."""

    def __init__(self, total: int = 0):
        self.began = self.heard = time.monotonic()
        self.done, self.total, self.abandoned = 0, total, False

    def bars(self) -> type[tqdm]:
        """A bar for the client that shows nothing and counts here; it ends a download that nobody waits for any more."""
        meter = self

        class Counting(tqdm):
            def __init__(self, *args, **settings):
                super().__init__(*args, **settings | {"disable": True})

            def update(self, n: float | None = 1) -> None:
                meter.done += int(n or 0)
                self.update_transfer()

            def update_transfer(self, n: float | None = 1) -> None:  # Xet: on the wire, not yet on the disk
                meter.heard = time.monotonic()
                if meter.abandoned:
                    raise TimeoutError("nobody waits for this download any more")

            def set_transfer_postfix_str(self, *args, **settings) -> None:
                """Nothing is shown."""

        return Counting


def _short(error: BaseException) -> str:
    first = f"{type(error).__name__}: {error}".splitlines()[0]
    return re.sub(r"\S+://\S+", "…", first)[:160]
