"""The model that a page is for, where it lies on the Hub: fetched behind the open page, which asks how far it is."""

import threading

from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket

from ...hub import Shelf
from .asking import Refused
from .errands import Errand
from .sent import json_answer


class Wish:
    """GET /live/wish: {text, state, done, total, unit, sentence, name}; see `Errand`. It ends "done" or, with a sentence, "failed".

    text: "owner/name" or "owner/name@revision". The name is that of the checkpoint, "" while there is none; one that was fetched
    before is there at once, without a network.
    """

    def __init__(self, shelf: Shelf, text: str):
        self.errand = Errand("fetch", text, lambda errand: {"name": shelf.fetch(text, errand.progress, errand.stopped).name})

    def start(self) -> None:
        """Begin to fetch, in a thread of its own."""
        self.errand.reached = "working"
        threading.Thread(target=self.errand.run, name=f"wish {self.errand.text}", daemon=True).start()

    def close(self) -> None:
        self.errand.stopped.set()

    async def answer(self, request: Request, parts: list[str]) -> Response:
        if parts or request.method != "GET":
            raise Refused(404 if parts else 405, "There is nothing at this address.")
        said = {key: getattr(self.errand, key) for key in ("text", "state", "done", "total", "unit", "sentence")}
        return json_answer(said | {"name": self.errand.outcome.get("name", "")})

    async def talk(self, socket: WebSocket, parts: list[str]) -> None:
        await socket.close(1008)
