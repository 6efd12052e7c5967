"""The road of the direction workshop, below /live/directions: a direction from marked pictures, and how far pushes move every attribute."""

import asyncio
import json
import re
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import dataclass
from math import prod

import numpy as np
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from ...engine import BadCheckpoint, Engine
from ...kept import Kept
from ...latent.directions import FEWEST_BY_HAND, by_hand, project_off, readable
from ...latent.showing import Showing
from ...models import LatentModel
from ..visitors import visitor
from .asking import Asking, Body, received
from .sent import json_answer
from .waiting import Refused, Waiting

MOST_MARKED = 200  # pictures
FEW = 5  # marked pictures on a side, below which an accuracy says little
COIN = 0.65  # balanced accuracy up to which a coin would do nearly as well
SAMPLES, SEED = 256, 0  # latents from N(0, I) that are pushed, the same as when a model is evaluated
MOST_PUSHED = 64  # directions in one question
AT_ONCE = 2  # fits of everybody together, each for a part of a second
NAME = re.compile(r"(?=.*[A-Za-z])\w{2,40}", re.ASCII)
NO_STORE = {"Cache-Control": "no-store"}


@dataclass(frozen=True)
class Pushes:
    """Directions as they are asked for: steps of one sigma [D] by name, those that may not be moved along, and what is looked at in the pictures."""

    steps: dict[str, np.ndarray]
    showing: Showing
    push: list[str]
    keep: list[str]

    def kept(self, name: str) -> np.ndarray:
        """What of a step is left when it may not move along those that are kept. A direction is never kept from itself."""
        locked = [self.steps[other] for other in self.keep if other != name]
        step = self.steps[name]
        return project_off(step[None], np.stack(locked))[0] if locked else step


class Workshop:
    """POST fit/NAME?plus=P&minus=M: codes float32 [P + M, D] become JSON, as `_fitted` says. GET leakage/NAME: what
    evaluate measured of it (`kept.Kept.leakage`), an empty object where it did not.

    POST leakage/NAME?push=A,B&keep=C,D&own=B,D: the body has the steps float32 [own, D] of directions that only the asker has; no push is
    all there are. Lines of JSON: {attributes, pushes, samples}, then {push, moved, left} for each as soon as it is measured, or {problem}.
    `moved` is the mean change of each attribute's probability when SAMPLES latents go one step along, `left` what share of the step is
    left after it is projected off those in keep.
    """

    def __init__(self, engine: Engine):
        self.engine, self.asking = engine, Asking(engine)
        self.fits, self.measures, self.fitting = Waiting(each=4), Waiting(each=3, most=64), asyncio.Semaphore(AT_ONCE)

    async def answer(self, request: Request, parts: list[str]) -> Response:
        if len(parts) != 2 or parts[0] not in ("fit", "leakage"):
            raise Refused(404, "There is nothing at this address.")
        if request.method != "POST" and (parts[0] == "fit" or request.method != "GET"):
            raise Refused(405, f"{request.method} is not answered here.")
        await self.asking.look(parts[1])
        model = self.asking.blueprint(parts[1])
        if not isinstance(model, LatentModel):
            raise Refused(400, f"{parts[1]} is a classifier: it has no latent space.")
        if request.method == "GET":
            return json_answer((await self._kept(parts[1])).leakage)
        return await (self._fit if parts[0] == "fit" else self._leakage)(request, parts[1], prod(model.latent_shape))

    async def talk(self, socket: WebSocket, parts: list[str]) -> None:
        await socket.close(1008)

    # A direction from marked pictures

    async def _fit(self, request: Request, name: str, size: int) -> Response:
        plus, minus = (_marked(request, side) for side in ("plus", "minus"))
        if plus + minus > MOST_MARKED:
            raise Refused(400, f"{plus + minus} pictures are marked; {MOST_MARKED} are the most.")
        with self.fits.answering(visitor(request.scope).key, 1):
            codes = _numbers(await received(request, Body(4 * size, 0, False, f"x {size} float32 numbers"), plus + minus), size)
            async with self.fitting:
                found = await asyncio.to_thread(_fitted, codes[:plus], codes[plus:])
        return json_answer(found)

    # How far pushes move every attribute

    async def _leakage(self, request: Request, name: str, size: int) -> Response:
        judge = self.engine.classifier_for(name)
        if judge is None:
            raise Refused(400, f"No classifier knows the pictures of {name}, so nobody can say what a push changes in them.")
        if (model := self.engine.blueprint(name)).can("path") or model.HEAVY:
            raise Refused(400, f"{name} takes long for one picture; {SAMPLES} of them for every direction would take too long.")
        if model.PRIOR:
            raise Refused(400, model.PRIOR)
        pushes = await self._pushes(request, name, size)
        with ExitStack() as turn:
            turn.enter_context(self.measures.answering(visitor(request.scope).key, 1))
            lines = self._lines(name, judge, pushes, visitor(request.scope).key)
            return _InTurn(lines, turn.pop_all())

    async def _pushes(self, request: Request, name: str, size: int) -> Pushes:
        """Refused in words where a direction is not there, or is none."""
        own = _names(request, "own")
        mine = _numbers(await received(request, Body(4 * size, 0, False, f"x {size} float32 numbers"), len(own)), size)
        found = (await self._kept(name)).directions
        steps = {one.word: one.step for one in found} | dict(zip(own, mine, strict=True))
        push, keep = _names(request, "push") or list(steps)[:MOST_PUSHED], _names(request, "keep")
        for wanted in (*push, *keep):
            if wanted not in steps:
                raise Refused(400, f"{name} has no direction {wanted}; there are {', '.join(steps) or 'none yet'}.")
        if not push:
            raise Refused(400, f"{name} has no directions yet; make one of marked pictures first.")
        judge = self.engine.blueprint(self.engine.classifier_for(name)).conditions
        showing = Showing([one.name for one in found], judge)
        return Pushes(steps, showing if showing.names else Showing([readable(one) for one in judge], judge), push, keep)

    async def _lines(self, name: str, judge: str, pushes: Pushes, key: str) -> AsyncIterator[bytes]:
        """First what is measured, then a line for each direction. Whoever leaves is computed for no longer."""
        try:
            start = self.engine.prior(name, SAMPLES, SEED)
            y = self._told(name, judge)
            before = await self._shown(name, judge, pushes.showing, start, y, key)
            yield _line({"attributes": pushes.showing.names, "pushes": pushes.push, "samples": SAMPLES})
            for push in pushes.push:
                kept = pushes.kept(push)
                after = await self._shown(name, judge, pushes.showing, start + kept.reshape(start.shape[1:]), y, key)
                yield _line({"push": push, "moved": pushes.showing.moved(before, after).tolist(), "left": _share(kept, pushes.steps[push])})
        except Refused as refusal:
            yield _line({"problem": str(refusal)})

    async def _shown(self, name: str, judge: str, showing: Showing, z: np.ndarray, y: np.ndarray | None, key: str) -> np.ndarray:
        """What is seen in the pictures of latents: [N, attributes]."""
        pixels = await self.asking.asked("decode", name, z.astype(np.float32), y, None, key)
        chances = await self.asking.asked("classify", judge, pixels, None, None, key)
        return await asyncio.to_thread(showing.values, chances, pixels)

    def _told(self, name: str, judge: str) -> np.ndarray | None:
        """What a conditional model is told of the samples: every class in turn, so that all of them are among the samples; of attributes nothing."""
        classes = len(self.engine.blueprint(name).conditions)
        if not classes or self.engine.blueprint(judge).config.kind == "attributes":
            return None
        return np.eye(classes, dtype=np.float32)[np.arange(SAMPLES) % classes]

    async def _kept(self, name: str) -> Kept:
        """What evaluate found of directions."""
        try:
            return await asyncio.to_thread(lambda: self.engine.checkpoint(name).found_directions)
        except BadCheckpoint as error:
            raise Refused(404, str(error)) from None


class _InTurn(StreamingResponse):
    """Lines of JSON; whatever ends them, the asker's turn ends with them."""

    def __init__(self, lines: AsyncIterator[bytes], turn: ExitStack):
        super().__init__(lines, media_type="application/x-ndjson", headers=NO_STORE)
        self.turn = turn

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self.turn:
            await super().__call__(scope, receive, send)


def _line(values: dict) -> bytes:
    return json.dumps(values, allow_nan=False).encode() + b"\n"


def _share(kept: np.ndarray, step: np.ndarray) -> float:
    """How much of a step's length is left, 0 to 1."""
    return float(np.linalg.norm(kept) / max(np.linalg.norm(step), 1e-12))


def _fitted(plus: np.ndarray, minus: np.ndarray) -> dict:
    """The direction between two sets of codes as the page keeps it: a step of one sigma (float32, base64), how far it is to be believed, in words too."""
    try:
        found = by_hand(plus, minus)
    except ValueError as error:
        raise Refused(400, str(error)) from None
    return {"step": b64encode(found.step.astype("<f4").tobytes()).decode(), "scale": found.scale, "intercept": found.intercept, "accuracy": found.accuracy,
            "plus": len(plus), "minus": len(minus), "about": found.about, "doubt": doubt(found.accuracy, len(plus), len(minus))}


def doubt(accuracy: float | None, plus: int, minus: int) -> str:
    """Why a direction is not to be believed, in a sentence or two; empty where nothing speaks against it."""
    sentences = []
    if accuracy is not None and accuracy <= COIN:
        sentences.append("That is near a half, what a coin would reach: mark more pictures, or one trait that is clearly there or not.")
    if (fewer := min(plus, minus)) < FEW:
        sentences.append(f"Only {fewer} marked on one side, so the number may be luck: about ten of each make a direction that holds.")
    return " ".join(sentences)


# What stands in an address, and behind it


def _marked(request: Request, side: str) -> int:
    text = request.query_params.get(side, "")
    if not (text.isascii() and text.isdigit() and len(text) < 5 and int(text) >= FEWEST_BY_HAND):
        raise Refused(400, f"A direction needs at least {FEWEST_BY_HAND} pictures marked on each side; ?{side}= says {text!r:.40}.")
    return int(text)


def _names(request: Request, key: str) -> list[str]:
    names = [name for name in request.query_params.get(key, "").split(",") if name]
    if len(names) > MOST_PUSHED or len(set(names)) < len(names):
        raise Refused(400, f"?{key}= may name {MOST_PUSHED} directions, each once.")
    if bad := next((name for name in names if not NAME.fullmatch(name)), None):
        raise Refused(400, f"{bad!r:.40} is no name of a direction: letters, digits and _ , 2 to 40 of them, at least one a letter.")
    return names


def _numbers(content: bytes, size: int) -> np.ndarray:
    """Rows of finite numbers float32 [N, size]."""
    rows = np.frombuffer(content, "<f4").reshape(-1, size).astype(np.float32)
    if not np.isfinite(rows).all():
        raise Refused(400, "There is a NaN or an infinity among the numbers.")
    return rows
