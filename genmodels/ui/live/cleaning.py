"""A noisy picture, cleaned, below /live/clean: by models, through their codes and back, and by the filters of scikit-image."""

import asyncio

import numpy as np
from starlette.requests import Request
from starlette.responses import Response

from ...filters import SETTINGS
from ...models import LatentModel
from ..visitors import visitor
from .asking import BYTES, Body, received, unless_left
from .posted import Posted
from .waiting import Refused

MOST = 4  # models and filters of one request


class Cleaning(Posted):
    """POST NAME?by=A,B with the noisy picture uint8 [H, W, C] as NAME takes it answers uint8 [n, H, W, C]: what each of those makes of it.

    Each is the name of a model of such pictures with an encoder, or a filter with one of its settings, as in median:3 and nlm:5-6-0.2.
    """

    async def posted(self, request: Request, name: str) -> Response:
        shape = (await self._model(name)).image_shape
        ways = [way for way in request.query_params.get("by", "").split(",") if way]
        if not 1 <= len(ways) <= MOST:
            raise Refused(400, f"?by= must name what cleans, 1 to {MOST} models or filters, with commas between.")
        for way in ways:
            await self._check(way, shape)
        channels, height, width = shape
        content = await received(request, Body(height * width * channels, 0, False, f"picture of {height} x {width} x {channels} bytes"), 1)
        pixels, key = np.frombuffer(content, np.uint8).reshape(1, height, width, channels), visitor(request.scope).key
        with self.asking.waiting.answering(key, len(ways)):
            made = await unless_left(request, asyncio.gather(*(self._cleaned(way, pixels, key) for way in ways)))
        return Response(b"".join(picture.tobytes() for picture in made), media_type=BYTES, headers={"Cache-Control": "no-store"})

    async def _model(self, name: str) -> LatentModel:
        await self.asking.look(name)
        model = self.asking.blueprint(name)
        if not isinstance(model, LatentModel):
            raise Refused(400, f"{name} is a classifier: it makes no pictures.")
        return model

    async def _check(self, way: str, shape: tuple[int, ...]) -> None:
        """Refused, unless this is something that cleans pictures of this shape."""
        name, colon, setting = way.partition(":")
        if colon:
            if setting not in SETTINGS.get(name, {}):
                known = ", ".join(f"{one}:{next(iter(settings))}" for one, settings in SETTINGS.items())
                raise Refused(400, f"There is no filter {way!r:.40}; there are {known} and the like.")
            return
        model = await self._model(name)
        if not model.can("encode") or model.can("path"):
            raise Refused(400, f"{name} cannot clean a picture: it has no encoder, or takes many steps.")
        if model.image_shape != shape:
            raise Refused(400, f"{name} takes pictures of {model.image_shape}, not of {shape}.")

    async def _cleaned(self, way: str, pixels: np.ndarray, key: str) -> np.ndarray:
        """uint8 [H, W, C]; a conditional model is not told what the picture shows."""
        name, colon, setting = way.partition(":")
        if colon:
            return await asyncio.to_thread(SETTINGS[name][setting], pixels[0])
        code = await self.asking.asked("encode", name, pixels, None, None, key)
        return (await self.asking.asked("decode", name, code, None, None, key))[0]
