"""Where a fetched checkpoint came from: source.json, beside its config.json."""

import json
import os
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

from .survey import Look

SOURCE = "source.json"


@dataclass(frozen=True)
class Fetched:
    """A model on the shelf. fetched: when, ISO 8601 in UTC. by: who asked first, a key that is shown to nobody. bytes: on the disk."""

    name: str
    repo: str
    revision: str
    commit: str
    format: str
    account: tuple[str, ...]
    bytes: int
    fetched: str
    by: str


def write(folder: Path, look: Look, account: tuple[str, ...], by: str) -> None:
    """Say in a checkpoint's folder that it came from there, now."""
    said = {"repo": look.repo, "revision": look.revision, "commit": look.commit, "format": look.format, "account": list(account),
            "fetched": datetime.now(UTC).isoformat(timespec="seconds"), "by": by}
    (folder / SOURCE).write_text(json.dumps(said, indent=2), encoding="utf-8")


def read(folder: Path) -> Fetched:
    """What such a folder says of itself; of a damaged one no more than its name and size."""
    size = size_of(folder)
    try:
        said = json.loads((folder / SOURCE).read_text(encoding="utf-8"))
        texts = {field.name: said[field.name] for field in fields(Fetched) if field.name not in ("name", "bytes", "account")}
        account = tuple(said["account"])
        if not all(isinstance(text, str) for text in (*texts.values(), *account)):
            raise TypeError
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return Fetched(folder.name, "", "", "", "", (f"{SOURCE} is damaged: where it came from is not known.",), size, "", "")
    return Fetched(name=folder.name, bytes=size, account=account, **texts)


def to_give_away(folder: Path) -> bytes:
    """source.json as others may have it: without the key of whoever asked."""
    said = asdict(read(folder)) | {"by": ""}
    return json.dumps({key: value for key, value in said.items() if key not in ("name", "bytes")}, indent=2).encode()


def size_of(folder: Path) -> int:
    """Bytes of all files in a folder, in which others may be at work."""
    return sum(_size(os.path.join(place, name)) for place, _, names in os.walk(folder) for name in names)


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:  # it has just gone
        return 0
