"""What a page asks of the engine, by request or by web socket: a body of numbers in, a body of numbers out, refusals in words."""

import asyncio
import logging
from collections.abc import Awaitable
from dataclasses import dataclass
from math import prod
from typing import TypeVar

import numpy as np
from starlette.datastructures import QueryParams
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from ...engine import MOST, BadCheckpoint, Engine, Sampling
from ...models import Trainable
from ..visitors import visitor
from .again import Again
from .waiting import Refused, Waiting

T = TypeVar("T")
LARGEST_BODY = 4 << 20
BYTES = "application/octet-stream"
OF_PICTURES = ("encode", "invert", "score", "classify", "describe")  # tasks whose rows are pictures
TASKS = ("decode", *OF_PICTURES)
TALKS = ("decode", "classify")  # tasks that a web socket is open for
MOST_UNANSWERED = 4  # messages of one socket that wait for their answers
PAUSE = 0.1  # seconds that a socket is not read after it was told that its visitor asks too much


@dataclass(frozen=True)
class Body:
    """What the body for one picture holds: so many bytes, and then so many of conditions, which may be left out or not."""

    rows: int
    told: int
    optional: bool
    what: str

    def fits(self, size: int, n: int) -> bool:
        return size == n * (self.rows + self.told) or self.optional and size == n * self.rows

    def sizes(self, n: int) -> str:
        return f"{n * self.rows} or {n * (self.rows + self.told)} bytes" if self.optional and self.told else f"{n * (self.rows + self.told)} bytes"


class Asking:
    """Answers are little-endian: uint8 [n, H, W, C] of decode, float32 of everything else (see the methods of `Engine`).

    Bodies: float32 latents [n, D] for decode, uint8 pictures [n, H, W, C] for the rest; where the model is conditional float32
    conditions [n, K] follow, which may be missing behind pictures: then nothing is said.
    """

    def __init__(self, engine: Engine):
        self.engine, self.waiting, self.again = engine, Waiting(), Again()

    async def post(self, request: Request, task: str, name: str) -> Response:
        """TASK/NAME?n=N; decode takes the fields of `Sampling` too. Whoever leaves is computed for no longer."""
        await self.look(name)
        n, body, options = _count(request.query_params), self._body(task, name), _sampling(task, request.query_params)
        key = visitor(request.scope).key
        with self.waiting.answering(key, n):
            content = await received(request, body, n)
            same = self.again.key(name, self.engine.checkpoint(name).hash, n, options, content) if task == "decode" else None
            if (out := self.again.get(same)) is None:
                out = (await unless_left(request, self._computed(task, name, body, n, content, options, key))).tobytes()
                if same:
                    self.again.keep(same, out)
        return Response(out, media_type=BYTES, headers={"Cache-Control": "no-store"})

    async def prior(self, request: Request, name: str) -> Response:
        """prior/NAME?n=N&seed=S&sampler=KIND: latents float32 [n, D]."""
        query = request.query_params
        n, seed = _count(query), whole(query, "seed", 2**32 - 1)
        await self.look(name)
        self.blueprint(name)
        try:
            with self.waiting.answering(visitor(request.scope).key, n):
                out = await asyncio.to_thread(self.engine.prior, name, n, seed, query.get("sampler") or "normal")
        except ValueError as error:
            raise Refused(400, str(error)) from None
        return Response(out.astype("<f4").tobytes(), media_type=BYTES, headers={"Cache-Control": "no-store"})

    async def converse(self, socket: WebSocket, task: str, name: str) -> None:
        """The hand's own road: a message with the body of POST TASK/NAME?n=1 is answered as that would be, or by a sentence.

        A browser needs several milliseconds to set up a request, and next to none for a message. Options of sampling stand in the
        socket's address. Messages are answered in their order; when the page leaves, nothing is computed for it any more.
        """
        await socket.accept()
        try:
            with self.waiting.talking(visitor(socket.scope).key):
                await self._talk(socket, task, name)
        except Refused as refusal:
            await socket.close(1013, str(refusal))

    async def _talk(self, socket: WebSocket, task: str, name: str) -> None:
        messages: asyncio.Queue[bytes] = asyncio.Queue(MOST_UNANSWERED)
        answering = asyncio.create_task(self._answer_all(socket, messages, task, name))
        try:
            while True:
                await messages.put(await socket.receive_bytes())
        except (WebSocketDisconnect, KeyError):  # KeyError: a message of text, which this program never sends
            return
        finally:
            answering.cancel()

    async def _answer_all(self, socket: WebSocket, messages: asyncio.Queue[bytes], task: str, name: str) -> None:
        key = visitor(socket.scope).key
        while True:
            content = await messages.get()
            try:
                await self.look(name)
                body = self._body(task, name)
                if not body.fits(len(content), 1):
                    raise Refused(400, f"A message must be 1 {body.what}, {body.sizes(1)}, not {len(content)}.")
                with self.waiting.answering(key, 1):
                    out = await self._computed(task, name, body, 1, content, _sampling(task, socket.query_params), key)
                await socket.send_bytes(out.tobytes())
            except Refused as refusal:
                await socket.send_text(str(refusal))
                if refusal.status == 429:
                    await asyncio.sleep(PAUSE)
            except WebSocketDisconnect:
                return
            except Exception:
                logging.exception("%s by %s failed", task, name)
                await socket.send_text("The server could not answer this; its log says why.")

    async def look(self, name: str) -> None:
        """To look at a new model takes seconds, if it is large or brings its own library: nobody else waits for that."""
        if not self.engine.looked_at(name):
            await asyncio.to_thread(self.engine.look, name)

    def blueprint(self, name: str) -> Trainable:
        try:
            return self.engine.blueprint(name)
        except KeyError as error:
            raise Refused(404, f"There is {error.args[0]}.") from None
        except BadCheckpoint as error:
            raise Refused(404, str(error)) from None

    def _body(self, task: str, name: str) -> Body:
        model, told = self.blueprint(name), 0
        if task in OF_PICTURES:
            channels, height, width = model.image_shape
            if hasattr(model, "latent_shape"):
                told = len(model.conditions)
            behind = f" and {told} conditions (float32) behind them" if told else ""
            return Body(height * width * channels, 4 * told, True, f"pictures of {height} x {width} x {channels} bytes{behind}")
        if not hasattr(model, "latent_shape"):
            raise Refused(400, f"{name} is a classifier: it has no latent space.")
        latent, told = prod(model.latent_shape), len(model.conditions)
        return Body(4 * latent, 4 * told, False, f"x ({latent} latents + {told} conditions) float32 numbers")

    async def _computed(self, task: str, name: str, body: Body, n: int, content: bytes, options: Sampling | None, key: str) -> np.ndarray:
        model, end = self.blueprint(name), n * body.rows
        y = np.frombuffer(content, "<f4", offset=end).reshape(n, -1) if len(content) > end else None
        if task in OF_PICTURES:
            channels, height, width = model.image_shape
            return await self.asked(task, name, np.frombuffer(content, np.uint8, end).reshape(n, height, width, channels), y, None, key)
        return await self.asked(task, name, np.frombuffer(content, "<f4", end // 4).reshape(n, *model.latent_shape), y, options, key)

    async def asked(self, *asked) -> np.ndarray:
        """The engine's answer. Nothing here waits in the event loop: the engine's thread resolves the future."""
        try:
            if asked[0] == "describe":
                await asyncio.to_thread(self.engine.has_features, asked[1])  # reads a file, once
            return await asyncio.wrap_future(self.engine.submit(*asked))
        except (ValueError, FloatingPointError) as error:
            raise Refused(400, str(error)) from None
        except MemoryError as error:
            logging.warning("%s by %s failed: %s", *asked[:2], error)
            raise Refused(503, str(error) or "The memory of this computer does not suffice; ask for fewer pictures.") from None
        except RuntimeError as error:
            logging.warning("%s by %s failed: %s", *asked[:2], error)
            raise Refused(503, "The engine cannot answer now; try again in a moment.") from None


# What stands in an address


def whole(query: QueryParams, key: str, most: int) -> int:
    """A whole number from 0 on; 0 where it is not given."""
    text = query.get(key) or "0"
    if not (text.isascii() and text.isdigit() and len(text) < 12 and int(text) <= most):
        raise Refused(400, f"?{key}= must be a whole number from 0 to {most}, not {text!r:.40}.")
    return int(text)


def _count(query: QueryParams) -> int:
    text = query.get("n", "")
    if not (text.isascii() and text.isdigit() and len(text) < 9 and 1 <= int(text) <= MOST):
        raise Refused(400, f"?n= must say how many pictures, from 1 to {MOST}.")
    return int(text)


def number(query: QueryParams, key: str, otherwise: float | None) -> float | None:
    if not (text := query.get(key)):
        return otherwise
    try:
        return float(text)
    except ValueError:
        raise Refused(400, f"?{key}= must be a number, not {text!r:.40}.") from None


def _sampling(task: str, query: QueryParams) -> Sampling | None:
    """What an address says of the way to a picture; None if nothing."""
    if task != "decode" or not query:
        return None
    options = Sampling(query.get("sampler", ""), whole(query, "steps", 10**6), number(query, "eta", 0.0), number(query, "guidance", None),
                       whole(query, "seed", 2**32 - 1))
    return options if options.said() else None


# What comes, and who goes


async def received(request: Request, body: Body, n: int) -> bytes:
    """The body, of exactly one of the sizes that fit."""
    most = n * (body.rows + body.told)
    if most > LARGEST_BODY:
        raise Refused(413, f"{n} {body.what} are more than {LARGEST_BODY >> 20} MB; ask for fewer at a time.")
    content = bytearray()
    async for part in request.stream():
        content += part
        if len(content) > most:
            break
    if not body.fits(len(content), n):
        raise Refused(400, f"The body must be {n} {body.what}, {body.sizes(n)}, not {'more' if len(content) > most else len(content)}.")
    return bytes(content)


async def unless_left(request: Request, answer: Awaitable[T]) -> T:
    """The answer. ClientDisconnect as soon as the client is gone, and the answer is not worked on any more."""
    answering, leaving = asyncio.ensure_future(answer), asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait((answering, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not answering.done():
            raise ClientDisconnect
        return answering.result()
    finally:
        answering.cancel()
        leaving.cancel()


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
