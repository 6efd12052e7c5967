"""What models make of a person's own picture, below /live/own: read it, search its code step by step, repair what is missing of it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import ExitStack
from math import log10, prod
from typing import Any

import numpy as np
from PIL import Image
from scipy.stats import chi2
from skimage.metrics import structural_similarity
from skimage.restoration import inpaint_biharmonic
from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket

from ...engine import Engine, Search, Sought
from ...latent import hashing
from ...models import LatentModel
from ..visitors import visitor
from .asking import Asking, Body, received, unless_left
from .lines import Lines, line, text
from .packing import packed
from .sent import json_answer
from .waiting import Refused

NEAREST = 6  # codes of the atlas
ANSWERS = 3  # of a repair
FACTORS = (2, 4)  # by which pictures are enlarged
PAUSE = 0.12  # seconds between two lines of a search: a page draws no faster
LONG = 256  # numbers in a code, beyond which codes are noise and none of them is near to another


class OwnPicture:
    """POST read/NAME, refine/NAME and repair/NAME, each with the picture uint8 [H, W, C] as the model takes it.

    read: JSON, what the model makes of the picture, or of a code float32 [D] that stands behind it. refine: lines of JSON, the best code so far
    by descent. repair: the same with ANSWERS, of the pixels that a mask of H x W bits behind the picture says are known, or with ?factor=2 or 4
    of its small version; the first line has what simpler methods make of that. A search ends when the page hangs up.
    """

    def __init__(self, engine: Engine):
        self.engine, self.asking = engine, Asking(engine)

    async def talk(self, socket: WebSocket, parts: list[str]) -> None:
        await socket.close(1008)

    async def answer(self, request: Request, parts: list[str]) -> Response:
        if len(parts) != 2 or parts[0] not in ("read", "refine", "repair"):
            raise Refused(404, "There is nothing at this address.")
        if request.method != "POST":
            raise Refused(405, f"{request.method} is not answered here.")
        what, name = parts
        await self.asking.look(name)
        model = self.asking.blueprint(name)
        if not isinstance(model, LatentModel):
            raise Refused(400, f"{name} is a classifier: it has no latent space.")
        return await {"read": self._read, "refine": self._refine, "repair": self._repair}[what](request, name, model)

    # Read

    async def _read(self, request: Request, name: str, model: LatentModel) -> Response:
        size = prod(model.latent_shape)
        pixels, behind = await _picture(request, model, 4 * size, f"a code of {size} float32 numbers")
        key = visitor(request.scope).key
        with self.asking.waiting.answering(key, 1):
            return json_answer(await unless_left(request, self._made_of(name, model, pixels, behind, key)))

    async def _made_of(self, name: str, model: LatentModel, pixels: np.ndarray, behind: bytes, key: str) -> dict[str, Any]:
        told, y = await self._told(name, model, pixels, key)
        if behind:
            code = np.frombuffer(behind, "<f4").reshape(1, *model.latent_shape)
        elif model.can("encode"):
            code = await self.asking.asked("encode", name, pixels, y, None, key)
        else:
            return {"code": None, "told": told}
        made = (await self.asking.asked("decode", name, code, y, None, key))[0]
        return await asyncio.to_thread(self._measured, name, pixels[0], code, made) | {"told": told}

    async def _told(self, name: str, model: LatentModel, pixels: np.ndarray, key: str) -> tuple[str | None, np.ndarray | None]:
        """What a conditional model is told of a picture: the class that the classifier takes it for, and its number; nothing where there is no classifier."""
        classifier = self.engine.classifier_for(name) if model.conditions else None
        if classifier is None or getattr(self.engine.blueprint(classifier).config, "kind", "classes") != "classes":
            return None, None
        seen = int((await self.asking.asked("classify", classifier, pixels, None, None, key)).argmax())
        return str(seen), np.eye(len(model.conditions), dtype=np.float32)[[seen]]

    def _measured(self, name: str, pixels: np.ndarray, code: np.ndarray, made: np.ndarray) -> dict[str, Any]:
        """All that is said of a picture, its code [1, *latent_shape] and what the model makes of that."""
        error = _error(made, pixels)
        return {"code": text(code.astype("<f4")), "picture": text(made), **_quality(made, pixels), "bytes": 2 * code.size,
                "files": [{"format": one.format, "bytes": one.bytes, "shrunk": one.shrunk, "picture": text(one.pixels), **_quality(one.pixels, pixels)}
                          for one in packed(pixels, 2 * code.size)],
                "length": _length(code), "typical": self._typical(name, code, error), "near": self._near(name, code)}

    def _typical(self, name: str, code: np.ndarray, error: float) -> dict[str, Any] | None:
        """Distance, error and score, each with the share of test pictures that have less, and the threshold that few of them exceed."""
        if (usual := self.engine.typical(name)) is None:
            return None
        values = {"distance": float(usual.distance(code)[0]), "error": error, "score": float(usual.score(code, np.array([error]))[0])}
        return {"among": usual.among} | {what: {"value": value, "exceeds": usual.exceeds(what, value), "threshold": usual.threshold(what)}
                                         for what, value in values.items()}

    def _near(self, name: str, code: np.ndarray) -> dict[str, Any] | None:
        """The nearest codes of the atlas, by their numbers and by their bits."""
        book = self.engine.codebook(name)
        if book is None or code.size > LONG:
            return None
        apart = np.linalg.norm(book.codes - code.reshape(1, -1), axis=1)[None]
        [rows] = hashing.nearest(apart, NEAREST)
        found: dict[str, Any] = {"among": len(book.codes), "drawn": book.drawn, "codes": [{"row": int(row), "apart": float(apart[0, row])} for row in rows]}
        if book.hash is not None:
            bits = book.hash.bits(code)
            differ = hashing.apart(bits, book.bits)
            [rows] = hashing.nearest(differ, NEAREST)
            found |= {"bits": "".join(map(str, bits[0].astype(int))), "hashed": [{"row": int(row), "apart": int(differ[0, row])} for row in rows]}
        return found

    # Search

    async def _refine(self, request: Request, name: str, model: LatentModel) -> Response:
        pixels, _ = await _picture(request, model, 0, "")
        return await self._searching(request, name, model, pixels, Search())

    async def _repair(self, request: Request, name: str, model: LatentModel) -> Response:
        _, height, width = model.image_shape
        pixels, known = await _picture(request, model, -(-height * width // 8), f"{height} x {width} bits that say which pixels are known")
        factor = request.query_params.get("factor", "1")
        if not known and factor not in map(str, FACTORS):
            raise Refused(400, f"Say which pixels are known, or ?factor= {' or '.join(map(str, FACTORS))}.")
        options = Search(known, int(factor) if not known else 1, ANSWERS)
        return await self._searching(request, name, model, pixels, options, lambda: beside(pixels[0], options))

    async def _searching(self, request: Request, name: str, model: LatentModel, pixels: np.ndarray, options: Search,
                         first: Callable[[], list[dict[str, Any]]] | None = None) -> Response:
        """Lines of JSON: what stands beside, then the best so far, at last {"over": true}, or {"problem": sentence}."""
        key, stack, loop, told = visitor(request.scope).key, ExitStack(), asyncio.get_running_loop(), _Told()
        try:
            stack.enter_context(self.asking.waiting.answering(key, 1))
            label, y = await self._told(name, model, pixels, key)
            future = self.engine.submit("search", name, pixels, y, options, key, lambda _, found: loop.call_soon_threadsafe(told.hear, found))
            stack.callback(future.cancel)
            opening: dict[str, Any] = {"told": label} | ({"beside": await asyncio.to_thread(first)} if first else {})
        except ValueError as error:
            stack.close()
            raise Refused(400, str(error)) from None
        except BaseException:
            stack.close()
            raise
        return Lines(_lines(opening, future, told, pixels[0]), stack)


class _Told:
    """What a search told last, until it is asked for. Used in the event loop alone."""

    def __init__(self):
        self.last: Sought | None = None
        self.news = asyncio.Event()

    def hear(self, found: Sought) -> None:
        self.last = found
        self.news.set()


async def _lines(opening: dict[str, Any], future: Future, told: _Told, pixels: np.ndarray) -> AsyncIterator[bytes]:
    yield line(opening)
    ended = asyncio.wrap_future(future)
    while not ended.done():
        hearing = asyncio.ensure_future(told.news.wait())
        await asyncio.wait((ended, hearing), return_when=asyncio.FIRST_COMPLETED)
        hearing.cancel()
        if told.news.is_set() and not ended.done():
            told.news.clear()
            yield line(_said(told.last, pixels))
            await asyncio.wait((ended,), timeout=PAUSE)
    try:
        ended.result()
        await asyncio.sleep(0)  # what was told last may still be on its way
        yield line((_said(told.last, pixels) if told.last else {}) | {"over": True})
    except (ValueError, FloatingPointError, MemoryError, RuntimeError) as error:
        yield line({"problem": str(error)})


def _said(found: Sought, pixels: np.ndarray) -> dict[str, Any]:
    """One line of a search: of each answer its code, its picture, the error of what is known, and how near it comes to the whole picture."""
    return {"step": found.step, "steps": found.steps, "answers": [
        {"code": text(code.astype("<f4")), "picture": text(made), "known": float(error), **_quality(made, pixels)}
        for code, made, error in zip(found.codes, found.pictures, found.errors, strict=True)]}


def beside(pixels: np.ndarray, options: Search) -> list[dict[str, Any]]:
    """What `simple` makes of a picture, and how near each comes to it."""
    return [{"title": title, "picture": text(made), **_quality(made, pixels)} for title, made in simple(pixels, options).items()]


def simple(pixels: np.ndarray, options: Search) -> dict[str, np.ndarray]:
    """What is known of a picture uint8 [H, W, C], and what methods without a model make of that: nearest and bicubic, or biharmonic inpainting."""
    height, width, _ = pixels.shape
    if options.known:
        mask = np.unpackbits(np.frombuffer(options.known, np.uint8), count=height * width).astype(bool).reshape(height, width)
        middle = (inpaint_biharmonic(pixels / 255, ~mask, channel_axis=2) * 255).clip(0, 255).round().astype(np.uint8)
        return {"What is known": np.where(mask[..., None], pixels, 127).astype(np.uint8), "Biharmonic": middle}
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    small = picture.resize((width // options.shrunk, height // options.shrunk), Image.Resampling.BOX)
    return {title: np.asarray(small.resize((width, height), how)).reshape(pixels.shape)
            for title, how in (("Nearest", Image.Resampling.NEAREST), ("Bicubic", Image.Resampling.BICUBIC))}


async def _picture(request: Request, model: LatentModel, behind: int, what: str) -> tuple[np.ndarray, bytes]:
    """The picture uint8 [1, H, W, C] of a body, and the bytes behind it: none, or so many."""
    channels, height, width = model.image_shape
    size = height * width * channels
    told = f"picture of {height} x {width} x {channels} bytes" + (f" and perhaps {what}" if behind else "")
    content = await received(request, Body(size, behind, True, told), 1)
    return np.frombuffer(content, np.uint8, size).reshape(1, height, width, channels), content[size:]


def _length(code: np.ndarray) -> dict[str, float]:
    """The length of a code [1, *latent_shape], the usual one of as many numbers of N(0, I), and the share of draws that are shorter (chi-squared)."""
    squared = float(np.square(code.astype(float)).sum())
    return {"value": squared**0.5, "usual": float(chi2.median(code.size)) ** 0.5, "exceeds": float(chi2.cdf(squared, code.size))}


def _error(made: np.ndarray, pixels: np.ndarray) -> float:
    """Mean squared error of pixels in [0, 1]."""
    return float(np.square((made.astype(float) - pixels) / 255).mean())


def _quality(made: np.ndarray, pixels: np.ndarray) -> dict[str, float | None]:
    """error: mean squared, of pixels in [0, 1]; psnr in decibels, None for the very same picture; ssim (Wang et al. 2004), 1 for that."""
    error, side = _error(made, pixels), min(7, *(length - 1 + length % 2 for length in pixels.shape[:2]))
    ssim = float(structural_similarity(made, pixels, channel_axis=2, win_size=side)) if side >= 3 else None
    return {"error": error, "psnr": -10 * log10(error) if error else None, "ssim": ssim}
