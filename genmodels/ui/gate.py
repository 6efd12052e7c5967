"""The gate before every request: whose page may ask, how much may be sent, and that nobody makes the server fetch an address."""

import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

LARGEST_BODY = (8 << 20) + (64 << 10)  # bytes: an upload of 8 MB and its form around it
LOOPBACK = ("localhost", "127.0.0.1", "::1")
LARGER = {"/live/train/data": (64 << 20) + (64 << 10)}  # where more may be sent: pictures to learn from
EVERYWHERE = ("0.0.0.0", "::", "")
FETCHES = ("file=http:", "file=https:", "/file/http:", "/file/https:", "/proxy=")
CLOSED = ("/gradio_api/openapi.json", "/gradio_api/vibe-", "/gradio_api/undo-vibe-", "/gradio_api/dev/", "/gradio_api/profiling",
          "/gradio_api/run-history", "/gradio_api/runs", "/monitoring")  # Gradio's own doors that no page of ours uses
HEADERS = ((b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"same-origin"))
UNFRAMED = (b"content-security-policy", b"frame-ancestors 'self'")


class Gate:
    """Pure ASGI middleware, for http and websocket. What it refuses is answered in one plain sentence: 400, 403, 404 or 413.

    A request needs a Host that is ours: this machine's loopback names, the bound host, `hosts`. Bound to every address, any IP address
    and this machine's name serve too: a foreign name server can give its own name our address, but it cannot make the browser
    send a bare address. An Origin must be the Host itself or one of `hosts`: another site, or another program on this machine, has no business here.
    Bodies are counted as they come, so that chunked ones are bounded as well. Other sites may frame embedded views (?embed=true), which
    lead to nothing that could be deleted or published by a click that was meant for something else; with `framed` (a Space), any page.
    """

    def __init__(self, app: App, *, bound: str = "127.0.0.1", hosts: Iterable[str] = (), framed: bool = False, largest_body: int = LARGEST_BODY):
        self.app, self.framed, self.largest_body = app, framed, largest_body
        self.extra = {_name(host) for host in hosts}
        self.names = self.extra | {*LOOPBACK, _name(bound)}
        self.everywhere = _name(bound) in EVERYWHERE
        if self.everywhere:
            machine = socket.gethostname().lower()
            self.names |= {machine, f"{machine.split('.')[0]}.local"}

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
        elif refusal := self.refusal(scope):
            await (_answer(send, *refusal) if scope["type"] == "http" else _hang_up(receive, send))
        elif scope["type"] == "websocket":
            await self.app(scope, receive, send)
        else:
            await self._bounded(scope, receive, send)

    def refusal(self, scope: MutableMapping[str, Any]) -> tuple[int, str] | None:
        """Status and sentence, from the head of a request alone; None lets it in."""
        headers = {name: [value.decode("latin-1") for key, value in scope["headers"] if key == name]
                   for name in (b"host", b"origin", b"content-length")}
        host, origin, length = headers.values()
        if len(host) != 1:
            return 400, "This request names no host."
        if not self._ours(_name(host[0])):
            return 403, f"This server does not answer to the name {_name(host[0])!r:.80}. Open it under its own address."
        if len(origin) > 1 or origin and not self._same(origin[0], host[0]):
            return 403, f"Pages from {origin[0]!r:.80} may not talk to this server."
        asked = _decoded(f"{scope['path']}?{scope.get('query_string', b'').decode('latin-1')}")
        if any(fetch in asked for fetch in FETCHES):
            return 400, "This server does not fetch addresses for anybody."
        if scope["path"].startswith(CLOSED):
            return 404, "There is nothing here."
        if length and (not length[0].isdecimal() or int(length[0]) > self._most(scope)):
            return self._too_large(scope)
        return None

    def _ours(self, name: str) -> bool:
        return name in self.names or self.everywhere and _is_address(name)

    def _same(self, origin: str, host: str) -> bool:
        try:
            parts = urlsplit(origin.lower())
        except ValueError:
            return False
        return parts.scheme in ("http", "https") and (parts.netloc == host.lower() or (parts.hostname or "") in self.extra)

    def _most(self, scope: MutableMapping[str, Any]) -> int:
        """Bytes that the body of a request may have."""
        return LARGER.get(scope["path"].removeprefix(scope.get("root_path", "").rstrip("/")), self.largest_body)

    def _too_large(self, scope: MutableMapping[str, Any]) -> tuple[int, str]:
        return 413, f"This is too large: a request may have {self._most(scope) / 2**20:.0f} MB."

    async def _bounded(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Let a request in, count its body, and answer in the app's place when it grows too large."""
        seen, started, most = 0, False, self._most(scope)
        headers = HEADERS if self.framed or _is_embedded(scope) else (*HEADERS, UNFRAMED)

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > most:
                raise _TooLarge
            return message

        async def guarded(message: Message) -> None:
            nonlocal started
            if seen > most and not started:
                return  # whatever the app says about its broken body: the answer is ours
            if message["type"] == "http.response.start":
                started = True
                said = {name.lower() for name, _ in message.get("headers", ())}
                message["headers"] = [*message.get("headers", ()), *(header for header in headers if header[0] not in said)]
            await send(message)

        try:
            await self.app(scope, counted, guarded)
        except Exception:
            if seen <= most:
                raise
        if seen > most and not started:
            await _answer(send, *self._too_large(scope))


class _TooLarge(Exception):
    """Ends the reading of a body; it never leaves the gate."""


def _name(host: str) -> str:
    """A host without its port and brackets, in small letters."""
    host = host.strip().lower()
    if host.startswith("["):
        return host[1:].split("]")[0]
    return host.split(":")[0] if host.count(":") == 1 else host


def _is_embedded(scope: MutableMapping[str, Any]) -> bool:
    """Whether the page will show the embedded view: of several it, too, takes the first."""
    said = parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
    return next((value for key, value in said if key == "embed"), "") == "true"


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _decoded(text: str) -> str:
    """Small letters, with everything that hides behind %25 unwrapped."""
    for _ in range(4):
        text = unquote(text)
    return text.lower()


async def _answer(send: Send, status: int, sentence: str) -> None:
    body = sentence.encode()
    await send({"type": "http.response.start", "status": status, "headers": [
        (b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode()), (b"connection", b"close"), *HEADERS]})
    await send({"type": "http.response.body", "body": body})


async def _hang_up(receive: Receive, send: Send) -> None:
    await receive()  # websocket.connect; closed before it is accepted, which a browser sees as 403
    await send({"type": "websocket.close", "code": 1008})
