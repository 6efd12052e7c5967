"""Paths of models of many steps, told step by step while they are computed: from noise to a picture, and from a picture back to its noise."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from math import prod
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import Response

from ...engine import Given, Sampling, Taken
from ...models import LatentModel, Level
from ..visitors import visitor
from .asking import LARGEST_BODY, number, whole
from .lines import Lines, line, text
from .posted import Posted
from .sent import content_of
from .waiting import Refused

MOST = 16  # pictures on one path, of small pictures; of larger ones so many that a line stays within LARGEST numbers of each kind
LARGEST = 8 * 64 * 64 * 3
Said = Callable[[list[Taken]], Iterator[dict[str, Any]]]  # what is said of a step, from those of all pictures


class PathRoad(Posted):
    """POST NAME?sampler=&steps=&eta=&guidance=&noise=&start=&repeats=&shrunk=&mask=: lines of JSON, as the steps are taken.

    The body holds latents float32 [n, D], conditions float32 [n, K] where the model takes some, the picture uint8 [H, W, C] where start is below
    1, shrunk above 1 or mask 1, and with mask=1 the H x W bits of its known pixels. noise is the seed of fresh noise.
    The first line is {"steps", "n"}; then for every step {"step", "t", "alpha", "sigma", "next": {"t", "alpha", "sigma"}, "spread", "x", "x0", "noise"},
    pictures uint8 [n, H, W, C] in base64 (see `Taken`), with "mean" and "fresh" too where n is 1; the last {"done": true, "x"}, or {"problem": sentence}.
    It ends when the page hangs up.
    """

    async def posted(self, request: Request, name: str) -> Response:
        model = self.asking.blueprint(name)
        if not isinstance(model, LatentModel):
            raise Refused(400, f"{name} is a classifier: it has no latent space.")
        content = await content_of(request, LARGEST_BODY, f"More than {LARGEST_BODY >> 20} MB are not taken at a time.")
        return await self.told(request, name, model, content)

    async def told(self, request: Request, name: str, model: LatentModel, content: bytes) -> Response:
        query, size, numbers = request.query_params, prod(model.image_shape), prod(model.latent_shape) + len(model.conditions)
        start, shrunk, masked = number(query, "start", 1.0), whole(query, "shrunk", 64) or 1, query.get("mask") == "1"
        behind = (size if start != 1 or shrunk > 1 or masked else 0) + (-(-model.image_shape[1] * model.image_shape[2] // 8) if masked else 0)
        n, rest = divmod(len(content) - behind, 4 * numbers)
        most = max(1, min(MOST, LARGEST // size))
        if rest or not 1 <= n <= most:
            raise Refused(400, f"The body must be 1 to {most} times {numbers} float32 numbers" + (f" and {behind} bytes of a picture" if behind else "")
                          + f", not {len(content)} bytes.")
        z, y = _latents(content, n, model)
        given = None
        if behind:
            picture = content[-behind:][:size]
            given = Given(picture, content[-behind + size:] if masked else b"", shrunk, whole(query, "repeats", 1000) or 1)
        options = Sampling(query.get("sampler", ""), whole(query, "steps", 10**6), number(query, "eta", 0.0), number(query, "guidance", None),
                           whole(query, "noise", 2**32 - 1), start, given)
        return await self.followed(request, n, ("path", name, z, y, options), _step, "x")

    async def followed(self, request: Request, n: int, asked: tuple, said: Said, what: str) -> Response:
        """What is asked of the engine: a line that `said` makes of each step of all n pictures, and at last the answer by the name `what`."""
        key, loop, news = visitor(request.scope).key, asyncio.get_running_loop(), asyncio.Queue()

        def tell(*heard) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(news.put_nowait, heard)

        with ExitStack() as held:
            held.enter_context(self.asking.waiting.answering(key, n))
            try:
                future = self.engine.submit(*asked, whose=key, told=tell)
            except ValueError as error:
                raise Refused(400, str(error)) from None
            held.callback(future.cancel)
            future.add_done_callback(lambda ended: tell(None, ended))
            return Lines(_lines(news, n, said, what), held.pop_all())


class NoiseRoad(PathRoad):
    """POST NAME?steps= with a picture uint8 [H, W, C], and behind it conditions float32 [K] where the model takes some: the way back to its noise.

    Lines of JSON: {"step", "of", "t", "x"}, x uint8 [H, W, C] in base64 where the way has led, and at last {"done": true, "z"}, z float32 [D] in base64.
    """

    async def told(self, request: Request, name: str, model: LatentModel, content: bytes) -> Response:
        channels, height, width = model.image_shape
        size, said = prod(model.image_shape), 4 * len(model.conditions)
        if len(content) not in (size, size + said):
            raise Refused(400, f"The body must be a picture of {size} bytes" + (f", and perhaps {said // 4} float32 numbers behind it" if said else "")
                          + f", not {len(content)} bytes.")
        pixels = np.frombuffer(content, np.uint8, size).reshape(1, height, width, channels)
        y = np.frombuffer(content, "<f4", offset=size).reshape(1, -1) if len(content) > size else None
        return await self.followed(request, 1, ("noise", name, pixels, y, Sampling(steps=whole(request.query_params, "steps", 10**6))), _back, "z")


def _latents(content: bytes, n: int, model: LatentModel) -> tuple[np.ndarray, np.ndarray | None]:
    size, told = n * prod(model.latent_shape), n * len(model.conditions)
    z = np.frombuffer(content, "<f4", size).reshape(n, *model.latent_shape)
    return z, np.frombuffer(content, "<f4", told, 4 * size).reshape(n, -1) if told else None


async def _lines(news: asyncio.Queue, n: int, said: Said, what: str) -> AsyncIterator[bytes]:
    rows: dict[int, dict[int, Taken]] = defaultdict(dict)
    while (told := await news.get())[0] is not None:
        row, taken = told
        rows[taken.step][row] = taken
        if len(rows[taken.step]) == n:
            all_ = rows.pop(taken.step)
            for value in said([all_[row] for row in range(n)]):
                yield line(value)
    try:
        yield line({"done": True, what: text(told[1].result())})
    except (ValueError, FloatingPointError, MemoryError, RuntimeError) as error:
        yield line({"problem": str(error)})


def _step(taken: list[Taken]) -> Iterator[dict[str, Any]]:
    first = taken[0]
    if first.step == 1:
        yield {"steps": first.steps, "n": len(taken)}
    shown = ("x", "x0", "noise", "mean", "fresh") if len(taken) == 1 else ("x", "x0", "noise")
    yield {"step": first.step, **_moment(first.now), "next": _moment(first.then), "spread": first.spread,
           **{what: text(np.stack([getattr(one, what) for one in taken])) for what in shown}}


def _back(taken: list[Taken]) -> Iterator[dict[str, Any]]:
    [one] = taken
    yield {"step": one.step, "of": one.steps, "t": one.then.t, "x": text(one.x)}


def _moment(level: Level) -> dict[str, Any]:
    return {"t": level.t, "alpha": level.alpha, "sigma": level.sigma}
