"""What roads have in common to which a page posts something for one model: nothing else is answered there, and nobody talks."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket

from ...engine import Engine
from .asking import Asking
from .waiting import Refused


class Posted:
    """POST NAME, which `posted` answers once the model has been looked at."""

    def __init__(self, engine: Engine):
        self.engine, self.asking = engine, Asking(engine)

    async def talk(self, socket: WebSocket, parts: list[str]) -> None:
        await socket.close(1008)

    async def answer(self, request: Request, parts: list[str]) -> Response:
        if len(parts) != 1:
            raise Refused(404, "There is nothing at this address.")
        if request.method != "POST":
            raise Refused(405, f"{request.method} is not answered here.")
        await self.asking.look(parts[0])
        return await self.posted(request, parts[0])

    async def posted(self, request: Request, name: str) -> Response:
        raise NotImplementedError
