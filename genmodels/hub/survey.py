"""What a repository on the Hub is, told from its list of files and a few small ones, before anything large comes."""

import json
import re
from dataclasses import dataclass
from typing import Any

from .. import formats
from ..client import Repository
from ..formats._base import Listing, Order

TEXTS = re.compile(r"(?:[^/]+/)?(?:config|model_index|scheduler_config)\.json")
LARGEST_TEXT = 256 << 10  # bytes of such a file that is read
LARGEST_CARD = 64 << 10
MOST_TEXTS = 12
LICENCE = re.compile(r"^licen[sc]e(_name)?:[ \t]*(?:\n[ \t]*-[ \t]*)?[\"']?([\w.+-][\w .+-]{0,59})", re.MULTILINE)
LONGEST_NAME = 96  # characters of a checkpoint's name


@dataclass(frozen=True)
class Look:
    """A repository as it was found. revision: what was asked for, "" for the newest. commit: 40 hex digits, what that means now.

    format and title: of `formats.FORMATS`. account: plain sentences on what was found and inferred. licence: as its card says it, or "".
    bytes: of what would be fetched. name: of the checkpoint that it would be here.
    """

    repo: str
    revision: str
    commit: str
    format: str
    title: str
    account: tuple[str, ...]
    licence: str
    bytes: int
    name: str


@dataclass(frozen=True)
class Survey:
    """A look, and what is needed to go on from it: which files of which sizes, and the sums that they must have."""

    look: Look
    order: Order
    sizes: dict[str, int]
    sums: dict[str, str]


def survey(repository: Repository, revision: str | None) -> Survey:
    """Look at a repository: three kinds of small requests. ValueError says what it is where no format reads it; else as in `client.Repository`."""
    commit, sizes = repository.files(revision)
    texts = sorted((path for path, size in sizes.items() if TEXTS.fullmatch(path) and size <= LARGEST_TEXT), key=lambda path: (path.count("/"), path))
    cards = [path for path in ("README.md",) if sizes.get(path, LARGEST_CARD + 1) <= LARGEST_CARD]
    read = repository.read(commit, {path: sizes[path] for path in (*texts[:MOST_TEXTS], *cards)})
    licence = licence_in(read.pop("README.md", b""))
    order = formats.recognise(Listing(repository.name, sizes, {path: _json(repository.name, path, content) for path, content in read.items()}, licence))
    look = Look(repository.name, revision or "", commit, order.format, formats.FORMATS[order.format].TITLE, order.account, licence,
                sum(sizes[path] for path in order.files), name_of(repository.name, commit))
    return Survey(look, order, {path: sizes[path] for path in order.files}, repository.sums)


def name_of(repo: str, commit: str) -> str:
    """The name of a fetched checkpoint: owner--name--0123456789ab."""
    tail = f"--{commit[:12]}"
    return repo.replace("/", "--")[:LONGEST_NAME - len(tail)] + tail


def licence_in(card: bytes) -> str:
    """The licence that the front matter of a card names, "" where it names none."""
    front = re.match(r"---\s*\n(.*?)\n---", card.decode("utf-8", "replace").replace("\r\n", "\n"), re.DOTALL)
    said = dict(LICENCE.findall(front[1])) if front else {}
    return (said.get("_name") or said.get("") or "").strip()


def _json(repo: str, path: str, content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} of {repo} is no readable JSON ({str(error).splitlines()[0]:.100}); its owner has to mend that.") from None
