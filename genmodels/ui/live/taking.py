"""Models to take away: GET /live/take/NAME.zip is the folder of a checkpoint, for those that a Space would lose."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.websockets import WebSocket

from ...engine import Engine
from ...hub.source import SOURCE, to_give_away
from .asking import Refused

PIECE = 1 << 20  # bytes


class Taking:
    """Unpacked into DATA_DIR/checkpoints of another copy, the folder is a model there."""

    def __init__(self, engine: Engine):
        self.engine = engine

    async def answer(self, request: Request, parts: list[str]) -> Response:
        if request.method != "GET":
            raise Refused(405, f"{request.method} is not answered here.")
        name = "/".join(parts).removesuffix(".zip")
        if name not in self.engine.folders() and not self.engine.is_run(name):
            raise Refused(404, f"There is no model {name!r:.100} here any more.")
        headers = {"Content-Disposition": f'attachment; filename="{name}.zip"', "Cache-Control": "no-store"}
        return StreamingResponse(zipped(self.engine.checkpoint(name).folder, name), media_type="application/zip", headers=headers)

    async def talk(self, socket: WebSocket, parts: list[str]) -> None:
        await socket.close(1008)


def zipped(folder: Path, name: str) -> Iterator[bytes]:
    """A folder's files as a zip file, below a folder of that name, piece by piece: weights do not get smaller, so nothing is compressed."""
    pieces = _Pieces()
    with zipfile.ZipFile(pieces, "w") as archive:
        for path in sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")):
            if path.name == SOURCE:
                archive.writestr(f"{name}/{SOURCE}", to_give_away(folder))
                continue
            with path.open("rb") as source, archive.open(zipfile.ZipInfo.from_file(path, f"{name}/{path.name}"), "w") as target:
                while content := source.read(PIECE):
                    target.write(content)
                    yield pieces.taken()
    yield pieces.taken()


class _Pieces:
    """What was written and nobody has taken yet."""

    def __init__(self):
        self.waiting: list[bytes] = []

    def write(self, content: bytes) -> int:
        self.waiting.append(bytes(content))
        return len(content)

    def flush(self) -> None:
        """Nothing is held back."""

    def taken(self) -> bytes:
        content, self.waiting = b"".join(self.waiting), []
        return content
