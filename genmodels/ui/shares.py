"""Gradio's queue, a share of it for every visitor: it is one line for all, and whoever has enough in it is refused at once."""

import gradio as gr
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from .visitors import visitor

EACH = 4  # calls of one visitor that wait or run
DOORS = ("/gradio_api/queue/join", "/gradio_api/call/", "/gradio_api/run/", "/gradio_api/api/")


class Shares:
    """ASGI middleware: 429 with a sentence (as Gradio writes it, {"detail": ...}) for a visitor with EACH calls in the queue of `blocks`."""

    def __init__(self, app: ASGIApp, blocks: gr.Blocks):
        self.app, self.blocks = app, blocks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"].startswith(DOORS) and (n := self._calls(visitor(scope).key)) >= EACH:
            sentence = f"{n} of your calls are waiting already; let some of them be answered before you make more."
            await JSONResponse({"detail": sentence}, 429)(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def _calls(self, key: str) -> int:
        queue = self.blocks._queue
        lines = [line.queue for line in queue.event_queue_per_concurrency_id.values()]
        return sum(visitor(event.request.scope).key == key for events in (*lines, *filter(None, queue.active_jobs)) for event in events)
