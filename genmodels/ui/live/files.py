"""The page's own files (scripts, styles, icons, the browser's runtime) under addresses that name their content."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

TYPES = {
    ".js": "text/javascript; charset=utf-8", ".mjs": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml", ".wasm": "application/wasm", ".onnx": "application/octet-stream", ".json": "application/json",
    ".png": "image/png", ".ico": "image/x-icon", ".webp": "image/webp", ".woff2": "font/woff2",
}
SQUEEZABLE = {".js", ".mjs", ".css", ".svg", ".wasm", ".json"}
RUNTIME = "vendor/onnxruntime-web/"


@dataclass(frozen=True)
class File:
    path: Path
    stamp: tuple[int, int]
    hash: str

    @property
    def type(self) -> str:
        return TYPES[self.path.suffix]

    @property
    def squeezable(self) -> bool:
        return self.path.suffix in SQUEEZABLE


class Files:
    """The files of a folder whose type a page can use; nothing else is ever served, wherever a path points.

    `hash` names all of them; `runtime_hash` those of the runtime alone, so that a changed script does not make browsers load 14 MB again.
    """

    def __init__(self, folder: Path):
        self.folder = Path(folder)
        self.all: dict[str, File] = {}
        self.hashes: set[str] = set()  # of this folder since the start, so that a page from before a change still finds its scripts
        self.scan()

    def scan(self) -> None:
        """Look at the folder again; only files whose time or size has changed are read."""
        found = {}
        for path in sorted(self.folder.rglob("*")):
            if path.suffix in TYPES and "node_modules" not in path.parts and path.is_file():
                name, state = path.relative_to(self.folder).as_posix(), path.stat()
                stamp = state.st_mtime_ns, state.st_size
                known = self.all.get(name)
                found[name] = known if known and known.stamp == stamp else File(path, stamp, sha256(path.read_bytes()).hexdigest()[:16])
        self.all = found
        self.hash = _hash_of(found)
        self.hashes.add(self.hash)
        self.runtime_hash = _hash_of({name: file for name, file in found.items() if name.startswith(RUNTIME)})

    @property
    def address(self) -> str:
        """Where the folder is served: scripts below it import each other by relative paths."""
        return f"/live/assets/{self.hash}"

    @property
    def runtime(self) -> str | None:
        """Where onnxruntime-web is served, with a slash at the end; None where it is not installed."""
        installed = any(name.startswith(RUNTIME) and name.endswith(".wasm") for name in self.all)
        return f"/live/assets/{self.runtime_hash}/{RUNTIME}" if installed else None

    def find(self, hash: str, name: str) -> tuple[File | None, bool]:
        """The file of that name, if the folder has or had that hash, and whether the hash still names this content."""
        current = hash == self.hash or (hash == self.runtime_hash and name.startswith(RUNTIME))
        return self.all.get(name) if current or hash in self.hashes else None, current


def _hash_of(files: dict[str, File]) -> str:
    return sha256("\n".join(f"{name} {file.hash}" for name, file in files.items()).encode()).hexdigest()[:16]
