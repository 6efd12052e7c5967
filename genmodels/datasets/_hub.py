"""A dataset on the Hugging Face Hub: the files of one split, fetched by the Hub's own client."""

import re
import shutil
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, wait
from pathlib import Path
from typing import TypeVar

from huggingface_hub import HfApi, constants, get_hf_file_metadata, hf_hub_download, hf_hub_url, snapshot_download
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, HTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled
from tqdm import tqdm

from ._base import Images, Progress, check_split
from ._parquet import BadPictures, read

LIMIT = 200 * 10**6  # bytes that one split may weigh
SPARE = 100 * 10**6  # bytes that stay free on the disk
SILENCE = 30.0  # seconds without a sign of life; the client's own five retries take 23
DEADLINE = 900.0  # seconds for one split in all

SHARD = re.compile(r"(?:(?P<folder>.+)/)?(?P<split>[a-z]+)-(?P<index>\d{5})-of-(?P<count>\d{5})\.parquet")
COMMIT = re.compile(r"[0-9a-f]{40}")
OTHERWISE = "Or name an .npz file instead."
T = TypeVar("T")


def load_parquet(repo: str, classes: tuple[str, ...], split: str, progress: Progress | None = None, *,
                 cache: Path | None = None, endpoint: str | None = None) -> Images:
    """Pictures and labels of a split. What the client's cache holds is read from there and nobody is asked.

    progress(done, total, "bytes" or "pictures") is called as it goes on; without it there are bars in a terminal.
    cache and endpoint are the client's own (HF_HOME, HF_ENDPOINT) where not given. Errors are one sentence: ConnectionError and
    TimeoutError (no Hub, no answer, cut), PermissionError (401, 403), FileNotFoundError (404), ValueError (too large, or not
    pictures [H, W] or [H, W, 3] with one label each), OSError (disk).
    """
    check_split(split)
    progress = progress or _Bars()
    files = cached(repo, split, cache) or _download(repo, split, progress, cache, endpoint)
    try:
        return read(files, classes, progress)
    except BadPictures as error:
        for file in files:  # else the cache would bring it back for ever
            file.resolve().unlink(missing_ok=True)
            file.unlink(missing_ok=True)
        raise ValueError(f"What came from {repo} is not a set of labelled pictures: {error} "
                         f"It has been removed from the cache; try again. {OTHERWISE}") from error


def cached(repo: str, split: str, cache: Path | None = None) -> list[Path]:
    """The parquet files of a split in the client's cache; none unless all of them are there."""
    try:
        folder = Path(snapshot_download(repo, repo_type="dataset", cache_dir=cache, local_files_only=True,
                                        allow_patterns=f"*{split}-*.parquet"))
    except LocalEntryNotFoundError:
        return []
    return [folder / name for name in shards((path.relative_to(folder).as_posix() for path in folder.rglob("*.parquet")), split)]


def shards(names: Iterable[str], split: str) -> list[str]:
    """The files of a split, in order: FOLDER/SPLIT-00000-of-00002.parquet and so on. None unless they are one whole set."""
    found = sorted((match for match in map(SHARD.fullmatch, names) if match and match["split"] == split), key=lambda match: match["index"])
    sets = {(match["folder"], int(match["count"])) for match in found}
    whole = len(sets) == 1 and [int(match["index"]) for match in found] == list(range(int(found[0]["count"])))
    return [match.string for match in found] if whole else []


def _download(repo: str, split: str, progress: Progress, cache: Path | None, endpoint: str | None) -> list[Path]:
    meter = _Meter()
    commit, sizes = _patiently(lambda: _ask(repo, split, cache, endpoint), repo, meter, progress)
    if not sizes:
        raise ValueError(f"The Hub's {repo} has no whole set of {split} parquet files. {OTHERWISE}")
    total = sum(sizes.values())
    if total > LIMIT:
        raise ValueError(f"The {split} pictures of {repo} weigh {total / 1e6:.0f} MB, the limit is {LIMIT / 1e6:.0f} MB. {OTHERWISE}")
    folder = Path(cache or constants.HF_HUB_CACHE)
    free = shutil.disk_usage(next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())).free
    if free < total + SPARE:
        raise OSError(f"{repo} needs {(total + SPARE) / 1e6:.0f} MB in {folder}, where {free / 1e6:.0f} MB are free. "
                      "Make room, or set HF_HOME to a larger disk.")
    meter.total = total
    return _patiently(lambda: [Path(hf_hub_download(repo, name, repo_type="dataset", revision=commit, cache_dir=cache, endpoint=endpoint,
                                                    tqdm_class=meter.bars())) for name in sizes], repo, meter, progress)


def _ask(repo: str, split: str, cache: Path | None, endpoint: str | None) -> tuple[str, dict[str, int]]:
    """The commit of today, and the size of each file of a split in bytes."""
    api = HfApi(endpoint=endpoint)
    commit = api.resolve_revision(repo, repo_type="dataset", cache_dir=cache).resolved
    if not COMMIT.fullmatch(commit):
        raise ValueError(f"{commit!r:.60} is no commit")
    names = shards(api.list_repo_files(repo, repo_type="dataset", revision=commit), split)
    urls = {name: hf_hub_url(repo, name, repo_type="dataset", revision=commit, endpoint=endpoint) for name in names}
    told = {name: get_hf_file_metadata(url, timeout=SILENCE, endpoint=endpoint) for name, url in urls.items()}
    for name, file in told.items():
        if file.commit_hash != commit or not file.size:
            raise ValueError(f"the answer about {name} has no commit or no size")
    return commit, {name: file.size for name, file in told.items()}


class _Meter:
    """Bytes so far, and when the last one came."""

    def __init__(self):
        self.began = self.heard = time.monotonic()
        self.done = self.total = 0
        self.abandoned = False

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


def _patiently(call: Callable[[], T], repo: str, meter: _Meter, progress: Progress) -> T:
    """What call() returns. It runs in a thread of its own: the client may retry, or sleep as a server tells it, longer than anyone waits."""
    future: Future[T] = Future()

    def work() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # goes to the thread that waits
            future.set_exception(error)

    meter.heard, shown = time.monotonic(), None
    threading.Thread(target=work, daemon=True, name=f"hub {repo}").start()
    try:
        while not wait([future], timeout=0.05).done:
            now = time.monotonic()
            if now - meter.heard > SILENCE or now - meter.began > DEADLINE:
                raise TimeoutError(f"The Hub gave no {'answer' if not meter.total else 'more bytes'} about {repo} in time "
                                   f"({now - meter.heard:.0f} s of silence, {now - meter.began:.0f} s in all). Try again later. {OTHERWISE}")
            if meter.total and meter.done != shown:
                shown = meter.done
                progress(shown, meter.total, "bytes")
    finally:
        meter.abandoned = not future.done()
    if error := future.exception():
        raise _in_words(error, repo, begun=meter.total > 0) from error
    if meter.total:
        progress(meter.done, meter.total, "bytes")
    return future.result()


def _in_words(error: BaseException, repo: str, begun: bool) -> BaseException:
    """An exception of the client as one sentence. What is no failure of the Hub, the network or the disk stays what it is."""
    chain = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(cause)
    for cause in chain:
        if isinstance(cause, HfHubHTTPError) and cause.response is not None:
            return _refusal(cause.response.status_code, cause.response.headers.get("X-Error-Code", ""), repo)
    if any(isinstance(cause, OfflineModeIsEnabled) for cause in chain):
        return ConnectionError(f"{repo} is not in the cache and HF_HUB_OFFLINE forbids asking the Hub. Unset it once. {OTHERWISE}")
    if any(isinstance(cause, HTTPError) for cause in chain) or begun and isinstance(error, OSError) and not error.errno:
        what = f"The download of {repo} broke off" if begun else f"The Hub cannot be reached for {repo}"
        return ConnectionError(f"{what} ({_short(chain[-1])}). Check the network and try again. {OTHERWISE}")
    if isinstance(error, (ValueError, KeyError, TypeError, AttributeError, AssertionError, EntryNotFoundError)):
        return ValueError(f"What answered for {repo} is not the Hub ({_short(error)}). Is a login page or a proxy in between? {OTHERWISE}")
    if isinstance(error, OSError):
        return OSError(f"{repo} could not be stored ({_short(error)}). {OTHERWISE}")
    return error


def _refusal(status: int, code: str, repo: str) -> OSError:
    if code == "GatedRepo" or status == 403:
        return PermissionError(f"{repo} is gated: accept its terms on the Hub and log in with `hf auth login`. {OTHERWISE}")
    if code in ("RepoNotFound", "RevisionNotFound", "EntryNotFound") or status == 404:
        return FileNotFoundError(f"The Hub has no {repo}, or it is private. Check the name. {OTHERWISE}")
    if status == 401:
        return PermissionError(f"The Hub does not accept your login for {repo}: renew it with `hf auth login` or unset HF_TOKEN. {OTHERWISE}")
    if status == 429:
        return ConnectionError(f"The Hub says that too many requests come from here (429). Wait some minutes and try {repo} again. {OTHERWISE}")
    return ConnectionError(f"The Hub has a problem of its own with {repo} ({status}). Try again later. {OTHERWISE}")


def _short(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:160]


class _Bars:
    """Progress as bars in a terminal, none where there is no terminal."""

    def __init__(self):
        self.bars: dict[str, tqdm] = {}

    def __call__(self, done: int, total: int, unit: str) -> None:
        if unit not in self.bars:
            self.bars[unit] = tqdm(total=total, unit=unit[0].upper() if unit == "bytes" else " pictures", unit_scale=True, disable=None)
        bar = self.bars[unit]
        bar.update(done - bar.n)
        if done >= total:
            bar.close()
