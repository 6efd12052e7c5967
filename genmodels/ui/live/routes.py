"""The short roads of the instant page: models, the page's files, and decodes without a word lost, all below /live."""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from ...engine import Engine
from ..visitors import asked_by, visitor
from .arrays import atlas_for_browser
from .asking import BYTES, TALKS, TASKS, Asking, Refused
from .catalogue import address, catalogue, directions_for_browser
from .compressed import SMALL, Compressed, chosen
from .files import Files

FOR_EVER = "public, max-age=31536000, immutable"


class Road(Protocol):
    """Answers what is below /live/NAME. `Refused` says no; a road without web sockets refuses to talk."""

    async def answer(self, request: Request, parts: list[str]) -> Response: ...

    async def talk(self, socket: WebSocket, parts: list[str]) -> None: ...


class LiveRoutes:
    """ASGI middleware: answers what is below /live and passes everything else on.

    GET catalogue.json, models/NAME/HASH/FILE, assets/HASH/PATH, prior/NAME?n=N&seed=S&sampler=KIND; POST TASK/NAME?n=N for decode,
    encode, invert, score, classify and describe; web sockets at decode/NAME and classify/NAME. `roads` adds more, by the name they begin with.

    What any of them does is done for whoever asks (see `visitors.asking`): to others the engine does not find the model of somebody's training.
    """

    def __init__(self, app: ASGIApp, engine: Engine, assets: Path, roads: Mapping[str, Road] | None = None):
        self.roads = dict(roads or {})
        self.app, self.engine, self.asking = app, engine, Asking(engine)
        self.files = Files(assets)
        self.compressed = Compressed(engine.cache / "compressed")
        self.listed: tuple[tuple, bytes] | None = None  # the catalogue, and what it was made of
        self.listing = asyncio.Lock()
        for file in sorted(self.files.all.values(), key=lambda file: file.stamp[1]):
            if file.squeezable and file.stamp[1] > SMALL:
                self.compressed.improve(file.hash, file.path.read_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "").removeprefix(scope.get("root_path", "").rstrip("/"))
        if scope["type"] not in ("http", "websocket") or not path.startswith("/live/"):
            await self.app(scope, receive, send)
            return
        with asked_by(visitor(scope)):
            await self._lead(path, scope, receive, send)

    async def _lead(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" and path.startswith(tuple(f"/live/{task}/" for task in TALKS)):
            await self.asking.converse(WebSocket(scope, receive, send), *path.split("/")[2:4])
            return
        if scope["type"] == "websocket" and path.startswith(tuple(f"/live/{name}/" for name in self.roads)):
            await self.roads[path.split("/")[2]].talk(WebSocket(scope, receive, send), path.split("/")[3:])
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            answer = await self._answer(request, path.split("/")[2:])
        except Refused as refusal:
            answer = Response(str(refusal), refusal.status, media_type="text/plain", headers={"Cache-Control": "no-store"})
        except ClientDisconnect:
            return
        except Exception:
            logging.exception("%s failed", path)
            answer = Response("The server could not answer this; its log says why.", 500, media_type="text/plain", headers={"Cache-Control": "no-store"})
        answer.headers["X-Content-Type-Options"] = "nosniff"
        await answer(scope, receive, send)

    async def _answer(self, request: Request, parts: list[str]) -> Response:
        road = request.method if request.method != "HEAD" else "GET"
        match (road, *parts):
            case ("GET", "catalogue.json"):
                return await self._catalogue(request)
            case ("GET", "models", name, hash, file):
                return await self._model_file(request, name, hash, file)
            case ("GET", "assets", hash, *path):
                return await self._asset(request, hash, "/".join(path))
            case ("GET", "prior", name):
                return await self.asking.prior(request, name)
            case ("POST", task, name) if task in TASKS:
                return await self.asking.post(request, task, name)
            case (_, name, *rest) if name in self.roads:
                return await self.roads[name].answer(request, rest)
            case (_, "catalogue.json") | (_, "models" | "assets", *_):
                raise Refused(405, f"{request.method} is not answered here.")
            case (_, task, _) if task in ("prior", *TASKS):
                raise Refused(405, f"{request.method} is not answered here.")
        raise Refused(404, "There is nothing at this address.")

    # What is read

    async def _catalogue(self, request: Request) -> Response:
        async with self.listing:  # a class that opens its pages while a new model is looked at must not take all threads
            content = await asyncio.to_thread(self._list)
        return await self._immutable(request, sha256(content).hexdigest()[:16], "application/json", lambda: content, keep=False)

    def _list(self) -> bytes:
        """The catalogue as JSON; made again when something in the folders has changed."""
        self.files.scan()
        made_of = self.engine.rescan(), self.files.hash
        if self.listed is None or self.listed[0] != made_of:
            values = catalogue(self.engine) | {"runtime": self.files.runtime, "assets": self.files.address, "roads": sorted(self.roads)}
            self.listed = made_of, json.dumps(values, allow_nan=False).encode()
        return self.listed[1]

    async def _model_file(self, request: Request, name: str, hash: str, file: str) -> Response:
        await self.asking.look(name)
        self.asking.blueprint(name)
        if await asyncio.to_thread(address, self.engine, name, file) != f"/live/models/{name}/{hash}/{file}":
            raise Refused(404, f"{name} has no {file} with this content any more; reload the page.")
        contents = {"atlas.bin": lambda: atlas_for_browser(self.engine.checkpoint(name).folder / "atlas.npz", name),
                    "directions.bin": lambda: directions_for_browser(self.engine, name)}
        private = self.engine.is_run(name)
        try:
            path = await asyncio.to_thread(self.engine.onnx, name) if file not in contents else None
            answer = await self._immutable(request, hash, BYTES, path.read_bytes if path else contents[file], squeeze=not private)
        except ValueError as error:
            raise Refused(404, str(error)) from None
        if private:  # nobody on the way keeps it, and a browser asks whether it may still use it
            answer.headers["Cache-Control"] = "private, no-cache"
        return answer

    async def _asset(self, request: Request, hash: str, name: str) -> Response:
        file, current = self.files.find(hash, name)
        if file is None:
            raise Refused(404, "There is no such file, or the page is from before an update; reload it.")
        return await self._immutable(request, file.hash, file.type, file.path.read_bytes, squeeze=file.squeezable, keep=current)

    async def _immutable(self, request: Request, key: str, kind: str, content: Callable[[], bytes], squeeze: bool = True, keep: bool = True) -> Response:
        """Content that `key` names for ever, compressed as the client likes it. keep=False: the address may get other content."""
        encoding = chosen(request.headers.get("accept-encoding", "")) if squeeze else "identity"
        tag = f'"{key}-{encoding}"'
        headers = {"ETag": tag, "Vary": "Accept-Encoding", "Cache-Control": FOR_EVER if keep else "no-cache"}
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        if encoding != "identity":
            headers["Content-Encoding"] = encoding
        body = await asyncio.to_thread(self.compressed.get, key, encoding, content)
        return Response(body, headers=headers, media_type=kind)
