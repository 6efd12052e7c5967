"""Answers that are the same for everybody, ready in memory: the page's frame, and files under addresses that name their content."""

import asyncio
import re
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .live.compressed import SMALL, Compressed, chosen

ROOM = 96 << 20  # bytes of bodies; the page's own files are 10 MB
LARGEST = 16 << 20  # of one of them
FOR_EVER = b"public, max-age=31536000, immutable"
NAMED = re.compile(r"/assets/[\w.-]+-[\w-]{8,}\.(?:js|css)$")  # Gradio's files whose names hold a hash of their content
FRAMES = ("/static/", "/theme.css")  # Gradio's other files
FRAME = "/"  # the page itself, which says where it was asked for
SAYS_WHERE = (b"host", b"x-forwarded-host", b"x-forwarded-proto", b"x-gradio-server")
SQUEEZABLE = (b"text/", b"application/javascript", b"application/json", b"image/svg")
KEPT_HEADERS = (b"content-type", b"content-encoding", b"etag", b"cache-control", b"vary", b"x-content-type-options")


@dataclass(frozen=True)
class Kept:
    """A whole answer: its headers, and the tag that names its content."""

    headers: list[tuple[bytes, bytes]]
    body: bytes
    tag: bytes


class Ready:
    """ASGI middleware: answers GET from memory what it has seen answered before, if that can never change while this process runs.

    That is what the app marks as immutable, and Gradio's own page, scripts and styles, which Gradio would read, render and compress
    anew for everybody. Where a hundred browsers come at once, they wait for the work that is done for each of them.
    """

    def __init__(self, app: ASGIApp, cache: Path):
        self.app, self.compressed = app, Compressed(cache)
        self.kept: OrderedDict[tuple, Kept] = OrderedDict()  # least recently asked for first
        self.size = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET" or (key := _key(scope)) is None:
            await self.app(scope, receive, send)
            return
        if (kept := self.kept.get(key)) is None:
            if (kept := await self._fetched(scope, receive, send, key)) is None:
                return
        else:
            self.kept.move_to_end(key)
        same = kept.tag and _header(scope, b"if-none-match") == kept.tag
        headers = kept.headers if not same else [header for header in kept.headers if header[0] != b"content-length"]
        await send({"type": "http.response.start", "status": 304 if same else 200, "headers": list(headers)})
        await send({"type": "http.response.body", "body": b"" if same else kept.body})

    async def _fetched(self, scope: Scope, receive: Receive, send: Send, key: tuple) -> Kept | None:
        """The app's answer, to be kept; None where it must not be, and has been passed on as it came."""
        frame = _is_gradios(scope["path"])
        if frame:  # compressed here, once; and asked for whole, whatever this browser has of it
            scope = scope | {"headers": [header for header in scope["headers"] if header[0] not in (b"accept-encoding", b"if-none-match", b"range")]}
        started: Message | None = None
        body = bytearray()

        async def keeping(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start" and _may_be_kept(message, frame):
                started = message
            elif started:
                body.extend(message.get("body", b""))
            else:
                await send(message)

        await self.app(scope, receive, keeping)
        if started is None:
            return None
        found = {name.lower(): value for name, value in started["headers"]}
        headers, content = {name: found[name] for name in KEPT_HEADERS if name in found}, bytes(body)
        if frame:
            content = await self._framed(scope["path"], headers, content, key[-1])
        kept = Kept([*headers.items(), (b"content-length", str(len(content)).encode())], content, headers.get(b"etag", b""))
        self._keep(key, kept)
        return kept

    async def _framed(self, path: str, headers: dict[bytes, bytes], content: bytes, encoding: str) -> bytes:
        """Gradio's answer compressed, with headers that say how long it may be kept."""
        name = sha256(content).hexdigest()[:16]
        headers |= {b"etag": f'"{name}-{encoding}"'.encode(), b"vary": b"Accept-Encoding",
                    b"cache-control": FOR_EVER if NAMED.search(path) else b"no-cache"}
        if encoding == "identity" or len(content) < SMALL or not headers[b"content-type"].startswith(SQUEEZABLE):
            return content
        headers[b"content-encoding"] = encoding.encode()
        return await asyncio.to_thread(self.compressed.get, name, encoding, lambda: content)

    def _keep(self, key: tuple, kept: Kept) -> None:
        if len(kept.body) > LARGEST or key in self.kept:
            return
        self.kept[key] = kept
        self.size += len(kept.body)
        while self.size > ROOM:
            self.size -= len(self.kept.popitem(last=False)[1].body)


def _is_gradios(path: str) -> bool:
    return path == FRAME or path.startswith(FRAMES) or bool(NAMED.match(path))


def _key(scope: Scope) -> tuple | None:
    """What an answer depends on; None for a request whose answer is not the same for everybody, or not always."""
    path: str = scope["path"]
    encoding = chosen(_header(scope, b"accept-encoding").decode("latin-1"))
    if path == FRAME:
        if b"deep_link" in scope["query_string"] or b"page=" in scope["query_string"]:
            return None
        return path, *(_header(scope, name) for name in SAYS_WHERE), scope.get("scheme"), encoding
    if path.startswith(("/live/assets/", "/live/models/")) or _is_gradios(path):
        return path, encoding
    return None


def _header(scope: Scope, wanted: bytes) -> bytes:
    return next((value for name, value in scope["headers"] if name == wanted), b"")


def _may_be_kept(start: Message, frame: bool) -> bool:
    said = {name.lower(): value for name, value in start["headers"]}
    return start["status"] == 200 and b"set-cookie" not in said and b"private" not in said.get(b"cache-control", b"") and (
        frame or b"immutable" in said.get(b"cache-control", b""))
