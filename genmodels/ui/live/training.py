"""The road of trainings, below /live/train: ask for one, watch it, steer it, take its model away; who may do which."""

import asyncio
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from contextvars import copy_context
from math import isfinite
from pathlib import Path
from threading import Event
from typing import Any, TypeVar

import numpy as np
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.websockets import WebSocket

from ...engine import Engine
from ...train.worker import Refused as NotNow
from ...train.worker import Service
from ..visitors import asking, visitor
from .arrays import as_one_file, for_browser
from .asking import BYTES, unless_left
from .errands import in_words
from .owndata import OwnData
from .sent import json_answer, json_object
from .taking import zipped
from .trainasked import CHANGES, NAMELESS, by_hand, change, name_of, named, owner_of, plan_of, text, whole_from
from .trained import snippet, trained
from .trainform import form
from .waiting import REFUSALS, Refused, Waiting, refusing

T = TypeVar("T")
LARGEST_BODY = 64 << 10  # bytes of what a page asks for here; a plan has some two thousand
THREADS = 16  # some of which wait for a training to stop
LONG_EACH, LONG_ALL = 3, 12  # what takes seconds, of one visitor and of everybody: estimates, steps by hand, stops


def open_to_asker(service: Service) -> Callable[[str], bool]:
    """For the engine: whether whoever asks right now may use the model of a run: its owner, and everybody while it is shared."""
    def may(name: str) -> bool:
        who = asking()
        return service.open_to(name, who.owner if who else None)

    return may


class TrainRoad:
    """GET form.json, models.json?names=A,B, runs, runs/NAME/news, runs/NAME/frames/STEP.bin, runs/NAME/fixed.bin; POST estimate, start,
    runs/NAME/CHANGE, runs/NAME/fork, runs/NAME/hand; DELETE runs/NAME. See `Service` for what each says; a frame that is gone is an answer
    without content (204). Below data: see `OwnData`.

    GET runs/NAME/take.zip, decoder.onnx and snippet.py are for whoever may use the model, everything else of a run for its owner alone:
    the visitor, by the name that a cookie keeps. data: the folder with pictures.
    """

    def __init__(self, service: Service, engine: Engine, data: Path | None = None):
        self.service, self.engine, self.data = service, engine, data
        self.waiting, self.long = Waiting(), Waiting(each=LONG_EACH, most=LONG_ALL)
        self.threads, self.own = ThreadPoolExecutor(THREADS, "trainings"), OwnData(service.own)
        self.threads.submit(form, data, "", [])  # what it finds out about the families is kept: no page waits for it

    def close(self) -> None:
        """Let go of what waits here, and have all that is trained saved."""
        self.threads.shutdown(wait=False, cancel_futures=True)
        self.own.close()
        self.service.close()

    async def talk(self, socket: WebSocket, parts: list[str]) -> None:
        await socket.close(1008)

    async def answer(self, request: Request, parts: list[str]) -> Response:
        with self.waiting.answering(visitor(request.scope).key, 1):
            match (request.method, *parts):
                case ("GET", "form.json"):
                    device = "CPU" if self.service.device == "cpu" else self.engine.device_name
                    return json_answer(await self._away(lambda: form(self.data, device, self.own.entries(name_of(request)))))
                case ("GET", "models.json"):
                    return json_answer(await self._away(self._models, named(request), name_of(request)))
                case ("GET", "runs"):
                    return json_answer(await self._away(self._runs, name_of(request)))
                case ("POST", "estimate"):
                    return json_answer(await self._estimate(request, await json_object(request, LARGEST_BODY)))
                case ("POST", "start"):
                    return json_answer({"name": await self._start(request, await json_object(request, LARGEST_BODY))})
                case (_, "data", *rest):
                    return await self.own.answer(request, owner_of(request), rest)
                case (method, "runs", name, *rest):
                    return await self._of_run(request, method, name, rest)
        raise Refused(404 if request.method in ("GET", "POST", "DELETE") else 405, "There is nothing at this address.")

    async def _of_run(self, request: Request, method: str, name: str, rest: list[str]) -> Response:
        match (method, *rest):
            case ("GET", "news"):
                asked = [whole_from(request, "events", 0), whole_from(request, "frames", -1)]
                return json_answer(await self._away(self.service.news, name, owner_of(request), *asked))
            case ("GET", "frames", file) if file.endswith(".bin") and file[:-4].isdecimal() and len(file) < 16:
                frame = await self._away(self._frame, name, owner_of(request), int(file[:-4]))
                return Response(status_code=204) if frame is None else _bytes(frame)
            case ("GET", "fixed.bin"):
                return _bytes(await self._away(self.service.fixed, name, owner_of(request)))
            case ("GET", "take.zip" | "decoder.onnx" | "snippet.py" as what):
                return await self._taken(name, what)
            case ("POST", what) if what in CHANGES:
                return json_answer(await self._changed(request, name, what, await json_object(request, LARGEST_BODY)))
            case ("POST", "fork"):
                return json_answer(await self._forked(request, name, await json_object(request, LARGEST_BODY)))
            case ("POST", "hand"):
                return json_answer(await self._by_hand(request, name, await json_object(request, LARGEST_BODY)))
            case ("DELETE",):
                await self._long(request, self.service.delete, name, owner_of(request))
                return json_answer({"deleted": name})
        raise Refused(404 if method in ("GET", "POST", "DELETE") else 405, "There is nothing at this address.")

    # What there is

    def _runs(self, owner: str | None) -> dict[str, Any]:
        """One's own runs, and whether one may start another: true, or a sentence that says why not."""
        if owner is None:
            return {"runs": [], "may": NAMELESS}
        return {"runs": self.service.rows(owner), "may": self.service.may(owner)}

    def _frame(self, name: str, owner: str, step: int) -> dict[str, np.ndarray] | None:
        """One's own frame of this step; None where it is gone: of a long training every second one goes, which is no mistake of the page."""
        self.service.find(name, owner)
        try:
            return self.service.frame(name, owner, step)
        except LookupError:
            return None

    def _models(self, names: list[str], owner: str | None) -> dict[str, Any]:
        """The models of one's own runs, and those among `names` that one may use; what is neither is left out without a word."""
        self.engine.rescan()  # what has just been paused has other weights than before
        own = self.service.models(owner) if owner else []
        found = []
        for name in dict.fromkeys([*own, *filter(self.engine.is_run, names)]):
            try:
                found.append(trained(self.engine, name, name in own) | self.own.said_of(self.engine.checkpoint(name).about["dataset"], owner))
            except (LookupError, OSError):  # somebody has just deleted it, or shares it no longer
                continue
        return {"models": found}

    # Ask, and steer

    async def _estimate(self, request: Request, sent: dict[str, Any]) -> dict[str, Any]:
        """What a plan would take; of one that does not fit {"problem": sentence}."""
        owner = owner_of(request)
        try:
            plan = await self._away(plan_of, sent.get("plan"))
        except Refused as refusal:
            return {"problem": str(refusal)}
        gone = Event()
        try:
            return await unless_left(request, self._long(request, self.service.estimate, plan, owner, gone.is_set))
        finally:
            gone.set()

    async def _start(self, request: Request, sent: dict[str, Any]) -> str:
        owner, said = owner_of(request), [text(sent, "title"), text(sent, "group")]
        run = await self._away(lambda: self.service.start(plan_of(sent.get("plan")), owner, *said))
        return run.name

    async def _changed(self, request: Request, name: str, what: str, sent: dict[str, Any]) -> dict[str, Any]:
        """A change of a run, and its row after it."""
        owner, values = owner_of(request), change(what, sent)
        await self._long(request, getattr(self.service, what), name, owner, *values)
        return await self._away(self.service.row, name, owner)

    async def _forked(self, request: Request, name: str, sent: dict[str, Any]) -> dict[str, Any]:
        owner, title = owner_of(request), text(sent, "title")

        def forked() -> dict[str, Any]:
            plan = None if sent.get("plan") is None else plan_of(sent["plan"])
            return self.service.row(self.service.fork(name, owner, title, plan).name, owner)

        return await self._long(request, forked)

    async def _by_hand(self, request: Request, name: str, sent: dict[str, Any]) -> dict[str, Any]:
        """What a step by hand showed: its quantities with their shapes, and their numbers (uint8 or float32) in base64."""
        found = await self._long(request, self.service.hand, name, owner_of(request), *by_hand(sent))
        return finite({key: value for key, value in found.items() if key != "quantities"}) | {"quantities": [_quantity(one) for one in found["quantities"]]}

    # Take away

    async def _taken(self, name: str, what: str) -> Response:
        """The model as a folder, as a decoder for other programs, or as a program."""
        if not self.engine.is_run(name):
            raise Refused(404, f"There is no model {name!r:.100} here.")
        headers = {"Content-Disposition": f'attachment; filename="{name}.{what.split(".")[-1]}"', "Cache-Control": "no-store"}
        if what == "take.zip":
            return StreamingResponse(zipped(self.engine.checkpoint(name).folder, name), media_type="application/zip", headers=headers)
        made = {"snippet.py": lambda: snippet(self.engine, name), "decoder.onnx": lambda: self.engine.onnx(name).read_bytes()}
        return Response(await self._away(made[what]), media_type="text/x-python" if what == "snippet.py" else BYTES, headers=headers)

    # How it is done

    async def _away(self, work: Callable[..., T], *values: Any) -> T:
        """work(*values) in a thread of this road's own, for whoever asks; what it refuses comes as `Refused`."""
        return await asyncio.wrap_future(self._submitted(work, *values))

    def _submitted(self, work: Callable[..., T], *values: Any) -> "Future[T]":
        return self.threads.submit(copy_context().run, _done, work, *values)

    async def _long(self, request: Request, work: Callable[..., T], *values: Any) -> T:
        """The same of what may take seconds, fewer at a time. It is done also for those who do not wait for it, and counted until it is done."""
        loop = asyncio.get_running_loop()
        with ExitStack() as counted:
            counted.enter_context(self.long.answering(visitor(request.scope).key, 1))
            working = self._submitted(work, *values)
            done = counted.pop_all().close
        working.add_done_callback(lambda _: loop.is_closed() or loop.call_soon_threadsafe(done))
        return await asyncio.wrap_future(working)


def _done(work: Callable[..., T], *values: Any) -> T:
    """work(*values) with its refusals, also of the service, of the disk and of a process that does not answer."""
    try:
        return refusing(work, *values, known={NotNow: 409} | REFUSALS)
    except (OSError, MemoryError) as error:
        raise Refused(503, in_words(error)) from None
    except RuntimeError as error:
        raise Refused(503, str(error)) from None


def _quantity(one: dict[str, Any]) -> dict[str, Any]:
    values: np.ndarray = one["values"]
    data = np.ascontiguousarray(values, "u1" if one["kind"] == "picture" else "<f4").tobytes()
    return {key: value for key, value in one.items() if key != "values"} | {"shape": list(values.shape), "data": b64encode(data).decode()}


def finite(value: Any) -> Any:
    """The same with None for every number that is none: JSON has no word for it."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    return None if isinstance(value, float) and not isfinite(value) else value


def _bytes(arrays: dict[str, np.ndarray]) -> Response:
    return Response(as_one_file(for_browser(arrays)), media_type=BYTES, headers={"Cache-Control": "no-store"})
