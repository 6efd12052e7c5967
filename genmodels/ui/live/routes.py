"""The short roads of the instant page: models, the page's files, and decodes without a word lost, all below /live."""

import asyncio
import json
import logging
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import numpy as np
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from ...engine import MOST, BadCheckpoint, Engine
from ...models import Trainable
from .catalogue import address, atlas_for_browser, catalogue
from .compressed import SMALL, Compressed, chosen
from .files import Files

LARGEST_BODY = 4 << 20
FOR_EVER = "public, max-age=31536000, immutable"
BYTES = "application/octet-stream"


class Refused(Exception):
    """An answer other than the one asked for: a status and one sentence."""

    def __init__(self, status: int, sentence: str):
        super().__init__(sentence)
        self.status = status


class LiveRoutes:
    """ASGI middleware: answers what is below /live and passes everything else on.

    GET catalogue.json, models/NAME/HASH/FILE, assets/HASH/PATH; POST decode/NAME?n=N, classify/NAME?n=N; and web sockets at decode/NAME and classify/NAME.
    """

    def __init__(self, app: ASGIApp, engine: Engine, assets: Path):
        self.app, self.engine = app, engine
        self.files = Files(assets)
        self.compressed = Compressed(engine.cache / "compressed")
        self.listed: tuple[tuple, bytes] | None = None  # the catalogue, and what it was made of
        for file in sorted(self.files.all.values(), key=lambda file: file.stamp[1]):
            if file.squeezable and file.stamp[1] > SMALL:
                self.compressed.improve(file.hash, file.path.read_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "").removeprefix(scope.get("root_path", "").rstrip("/"))
        if scope["type"] == "websocket" and path.startswith(("/live/decode/", "/live/classify/")):
            await self._converse(WebSocket(scope, receive, send), *path.split("/")[2:4])
            return
        if scope["type"] != "http" or not path.startswith("/live/"):
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
            case ("POST", "decode" | "classify" as task, name):
                return await self._considered(request, task, name)
            case (_, "catalogue.json") | (_, "models" | "assets", *_) | (_, "decode" | "classify", _):
                raise Refused(405, f"{request.method} is not answered here.")
        raise Refused(404, "There is nothing at this address.")

    # What is read

    async def _catalogue(self, request: Request) -> Response:
        content = await asyncio.to_thread(self._list)
        return await self._immutable(request, sha256(content).hexdigest()[:16], "application/json", lambda: content, keep=False)

    def _list(self) -> bytes:
        """The catalogue as JSON; made again when something in the folders has changed."""
        self.files.scan()
        made_of = self.engine.rescan(), self.files.hash
        if self.listed is None or self.listed[0] != made_of:
            values = catalogue(self.engine) | {"runtime": self.files.runtime, "assets": self.files.address}
            self.listed = made_of, json.dumps(values, allow_nan=False).encode()
        return self.listed[1]

    async def _model_file(self, request: Request, name: str, hash: str, file: str) -> Response:
        self._blueprint(name)
        if await asyncio.to_thread(address, self.engine, name, file) != f"/live/models/{name}/{hash}/{file}":
            raise Refused(404, f"{name} has no {file} with this content any more; reload the page.")
        if file == "atlas.bin":
            path = self.engine.checkpoint(name).folder / "atlas.npz"
            try:
                return await self._immutable(request, hash, BYTES, lambda: atlas_for_browser(path))
            except ValueError as error:
                raise Refused(404, str(error)) from None
        path = await asyncio.to_thread(self.engine.onnx, name)
        return await self._immutable(request, hash, BYTES, path.read_bytes)

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

    # What is asked of the engine

    async def _considered(self, request: Request, task: str, name: str) -> Response:
        n = _count(request)
        size, what = self._size(task, name)
        out = await self._computed(task, name, n, await _body(request, n * size, f"{n} {what}"))
        return Response(out.tobytes(), media_type=BYTES, headers={"Cache-Control": "no-store"})

    async def _converse(self, socket: WebSocket, task: str, name: str) -> None:
        """The hand's own road: a message with the body of POST TASK/NAME?n=1 is answered as that would be, or by a sentence.

        A browser needs several milliseconds to set up a request, and next to none for a message.
        """
        await socket.accept()
        try:
            while True:
                body = await socket.receive_bytes()
                try:
                    size, what = self._size(task, name)
                    if len(body) != size:
                        raise Refused(400, f"A message must be 1 {what}, {size} bytes, not {len(body)}.")
                    await socket.send_bytes((await self._computed(task, name, 1, body)).tobytes())
                except Refused as refusal:
                    await socket.send_text(str(refusal))
        except (WebSocketDisconnect, KeyError):  # KeyError: a message of text, which this program never sends
            return

    def _size(self, task: str, name: str) -> tuple[int, str]:
        """Bytes of one row of a task's body, and what they are."""
        model = self._blueprint(name)
        if task == "classify":
            channels, height, width = model.image_shape
            return height * width * channels, f"pictures of {height} x {width} x {channels} bytes"
        if not hasattr(model, "latent_shape"):
            raise Refused(400, f"{name} is a classifier: it has no latent space.")
        latent, told = int(np.prod(model.latent_shape)), len(model.conditions)
        return 4 * (latent + told), f"x ({latent} latents + {told} conditions) float32 numbers"

    async def _computed(self, task: str, name: str, n: int, body: bytes) -> np.ndarray:
        model = self._blueprint(name)
        if task == "classify":
            channels, height, width = model.image_shape
            return await self._asked(task, name, np.frombuffer(body, np.uint8).reshape(n, height, width, channels))
        numbers, told = np.frombuffer(body, "<f4"), len(model.conditions)
        latents = len(numbers) - n * told
        return await self._asked(task, name, numbers[:latents].reshape(n, *model.latent_shape), numbers[latents:].reshape(n, told) if told else None)

    async def _asked(self, task: str, name: str, x: np.ndarray, y: np.ndarray | None = None) -> np.ndarray:
        """The engine's answer. Nothing here waits in the event loop: the engine's thread resolves the future."""
        try:
            return await asyncio.wrap_future(self.engine.submit(task, name, x, y))
        except (ValueError, FloatingPointError) as error:
            raise Refused(400, str(error)) from None
        except (MemoryError, RuntimeError) as error:
            logging.warning("%s by %s failed: %s", task, name, error)
            raise Refused(503, "The engine cannot answer now; try again in a moment.") from None

    def _blueprint(self, name: str) -> Trainable:
        try:
            return self.engine.blueprint(name)
        except KeyError as error:
            raise Refused(404, f"There is {error.args[0]}.") from None
        except BadCheckpoint as error:
            raise Refused(404, str(error)) from None


def _count(request: Request) -> int:
    n = request.query_params.get("n", "")
    if not (n.isascii() and n.isdigit() and len(n) < 9 and 1 <= int(n) <= MOST):
        raise Refused(400, f"?n= must say how many pictures, from 1 to {MOST}.")
    return int(n)


async def _body(request: Request, size: int, what: str) -> bytes:
    """The body, of exactly this size."""
    if size > LARGEST_BODY:
        raise Refused(413, f"{what} are more than {LARGEST_BODY >> 20} MB; ask for fewer at a time.")
    content = bytearray()
    async for part in request.stream():
        content += part
        if len(content) > size:
            break
    if len(content) != size:
        raise Refused(400, f"The body must be {what}, {size} bytes, not {'more' if len(content) > size else len(content)}.")
    return bytes(content)
