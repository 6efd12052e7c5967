"""The road to one's own picture, below /live/own: a file is opened, turned upright, and looked at for faces; what models make of it is asked behind."""

import asyncio
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket

from ...datasets import DATASETS
from ...engine import Engine
from ...intake import LARGEST_FILE, BadPicture, opened
from ...models import LatentModel
from ..visitors import visitor
from .asking import unless_left
from .ownpicture import OwnPicture
from .sent import content_of, json_answer
from .waiting import Refused, Waiting

AT_ONCE = 2  # files that are unpacked at the same time: each may take 200 MB for a moment
EACH, ALL = 2, 32  # files that one visitor, and everybody together, may wait for
EXAMPLE = "astronaut.png"  # Eileen Collins by NASA, public domain, inside scikit-image
A_DAY = "public, max-age=86400"


class Intake:
    """POST prepare/NAME with a picture's file: JSON {"picture": an address of data, "width", "height", "done": sentences, "faces": [{"eyes", "sure"}]}.

    Faces are looked for where the model NAME is one of faces; their eyes are [column, row] in pixels of the picture. GET astronaut.png is a
    free portrait. Nothing is kept. Everything else below /live/own is for `OwnPicture`.
    """

    def __init__(self, engine: Engine):
        self.engine, self.made_of, self.waiting = engine, OwnPicture(engine), Waiting(EACH, EACH, 1, ALL)
        self.pool = ThreadPoolExecutor(AT_ONCE, "intake")

    def close(self) -> None:
        self.pool.shutdown(wait=False, cancel_futures=True)

    async def talk(self, socket: WebSocket, parts: list[str]) -> None:
        await self.made_of.talk(socket, parts)

    async def answer(self, request: Request, parts: list[str]) -> Response:
        match (request.method, *parts):
            case ("POST", "prepare", name):
                return await self._prepared(request, name)
            case ("GET" | "HEAD", "astronaut.png"):
                portrait = await asyncio.to_thread(files("skimage.data").joinpath(EXAMPLE).read_bytes)
                return Response(portrait, media_type="image/png", headers={"Cache-Control": A_DAY})
            case (method, "prepare", _) | (method, "astronaut.png"):
                raise Refused(405, f"{method} is not answered here.")
        return await self.made_of.answer(request, parts)

    async def _prepared(self, request: Request, name: str) -> Response:
        await self.made_of.asking.look(name)
        model = self.made_of.asking.blueprint(name)
        if not isinstance(model, LatentModel):
            raise Refused(400, f"{name} is a classifier: it takes no picture of yours.")
        known = DATASETS.get(str(self.engine.checkpoint(name).about["dataset"]))
        of_faces = "eyes" in getattr(known, "OWN", {})
        with self.waiting.answering(visitor(request.scope).key, 1):
            data = await content_of(request, LARGEST_FILE, f"A picture's file may have {LARGEST_FILE >> 20} MB; this one has more.")
            try:
                found = await unless_left(request, asyncio.get_running_loop().run_in_executor(self.pool, opened, data, of_faces))
            except BadPicture as error:
                raise Refused(400, str(error)) from None
        answer: dict[str, Any] = {
            "picture": f"data:{found.kind};base64,{b64encode(found.file).decode()}", "width": found.width, "height": found.height,
            "done": found.done, "faces": [{"eyes": face.eyes, "sure": face.sure} for face in found.faces]}
        return json_answer(answer)
