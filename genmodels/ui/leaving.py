"""The server's farewell: when it stops, whoever is still waiting or comes now is told so, and may come again."""

import asyncio
from dataclasses import dataclass, field

from starlette.types import ASGIApp, Message, Receive, Scope, Send

SENTENCE = "The server is restarting. This page goes on by itself as soon as it is back."
GRACE = 1.0  # seconds in which answers that are under way may still be finished
RESTART = 1012  # what a web socket's end says (IANA): service restart
HEADERS = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(SENTENCE)).encode()), (b"cache-control", b"no-store"),
           (b"retry-after", b"2"), (b"connection", b"close")]


@dataclass
class Leaving:
    """Whether the server is about to stop, and what it is still answering: by the task of each request whether it is a web socket."""

    begun: bool = False
    open: dict[asyncio.Task, bool] = field(default_factory=dict)
    loop: asyncio.AbstractEventLoop | None = None

    def begin(self) -> None:
        """Tell everybody; from any thread. Web sockets end at once, answers that are not finished after GRACE with a sentence."""
        self.begun = True
        if self.loop:
            self.loop.call_soon_threadsafe(self._end, True)
            self.loop.call_soon_threadsafe(self.loop.call_later, GRACE, self._end, False)

    def _end(self, talks: bool) -> None:
        for task, is_talk in list(self.open.items()):
            if is_talk == talks:
                task.cancel()


class Farewell:
    """ASGI middleware: answers 503 with a sentence, and ends web sockets with code 1012, once `leaving` has begun."""

    def __init__(self, app: ASGIApp, leaving: Leaving):
        self.app, self.leaving = app, leaving

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        task, begun, cut = asyncio.current_task(), None, False

        async def watched(message: Message) -> None:
            nonlocal begun, cut
            if cut or self.leaving.begun and message.get("status", 0) >= 500:
                cut = True  # an engine that was closed, say: the reason is ours
                return
            if message["type"] in ("http.response.start", "websocket.accept"):
                begun = message
            await send(message)

        if not self.leaving.begun:
            self.leaving.loop = asyncio.get_running_loop()
            self.leaving.open[task] = scope["type"] == "websocket"
            try:
                await self.app(scope, receive, watched)
            except asyncio.CancelledError:
                cut = self.leaving.begun
                if not cut:
                    raise
            finally:
                self.leaving.open.pop(task, None)
            if not cut:
                return
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": RESTART, "reason": SENTENCE})
        elif begun is None:
            await send({"type": "http.response.start", "status": 503, "headers": HEADERS})
            await send({"type": "http.response.body", "body": SENTENCE.encode()})
        elif not any(name.lower() == b"content-length" for name, _ in begun.get("headers", ())):
            await send({"type": "http.response.body", "body": b""})  # the end of a stream
