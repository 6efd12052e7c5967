"""A dataset on the Hugging Face Hub: the files of one split, fetched by the Hub's own client."""

import re
from collections.abc import Iterable
from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import LocalEntryNotFoundError
from tqdm import tqdm

from ..client import Hub, Repository
from ._base import Images, Progress, check_split
from ._parquet import BadPictures, read

LIMIT = 200 * 10**6  # bytes that one split may weigh
SHARD = re.compile(r"(?:(?P<folder>.+)/)?(?P<split>[a-z]+)-(?P<index>\d{5})-of-(?P<count>\d{5})\.parquet")
OTHERWISE = "Or name an .npz file instead."


def load_parquet(repo: str, classes: tuple[str, ...], split: str, progress: Progress | None = None, *,
                 cache: Path | None = None, endpoint: str | None = None) -> Images:
    """Pictures and labels of a split. What the client's cache holds is read from there and nobody is asked.

    progress(done, total, "bytes" or "pictures") is called as it goes on; without it there are bars in a terminal.
    cache and endpoint are the client's own (HF_HOME, HF_ENDPOINT) where not given. Errors are those of `client.Repository`, and
    ValueError for what is too large, or not pictures [H, W] or [H, W, 3] with one label each.
    """
    check_split(split)
    progress = progress or Bars()
    files = cached(repo, split, cache) or _download(Repository(Hub(endpoint, cache), repo, "dataset", OTHERWISE, progress), split)
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


def _download(repository: Repository, split: str) -> list[Path]:
    commit, there = repository.files()
    sizes = {name: there[name] for name in shards(there, split)}
    if not sizes:
        raise ValueError(f"The Hub's {repository.name} has no whole set of {split} parquet files. {OTHERWISE}")
    if (total := sum(sizes.values())) > LIMIT:
        raise ValueError(f"The {split} pictures of {repository.name} weigh {total / 1e6:.0f} MB, the limit is {LIMIT / 1e6:.0f} MB. {OTHERWISE}")
    return repository.download(commit, sizes)


class Bars:
    """Progress as bars in a terminal, none where there is no terminal."""

    def __init__(self):
        self.bars: dict[str, tqdm] = {}

    def __call__(self, done: int, total: int, unit: str) -> None:
        bar = self.bars.get(unit)
        if bar is None or bar.total != total:  # another file, which nobody knew of
            bar = tqdm(total=total, initial=done, unit=unit[0].upper() if unit == "bytes" else " pictures", unit_scale=True, disable=None)
            self.bars[unit] = bar
        bar.update(done - bar.n)
        if done >= total:
            bar.close()
