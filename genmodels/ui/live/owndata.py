"""The road of people's own pictures to learn from, below /live/train/data: a zip or an .npz comes, becomes a data set, and is taken away again."""

import asyncio
import errno
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from ...datasets import LARGEST_UPLOAD, Own, OwnSets, is_own
from ..visitors import visitor
from .asking import unless_left
from .sent import content_of, json_answer
from .waiting import Refused, Waiting, refusing

T = TypeVar("T")
EACH, ALL = 1, 6  # files that one visitor, and everybody together, may have under way: each is held in memory


class OwnData:
    """POST data?title=TEXT&side=PIXELS with the file as the body: what `OwnSets.add` says of the new set. DELETE data/ID. Both of the owner that they name.

    One file is unpacked at a time, the next ones wait; whoever hangs up is not waited for.
    """

    def __init__(self, sets: OwnSets):
        self.sets, self.waiting = sets, Waiting(EACH, EACH, 1, ALL)
        self.pool = ThreadPoolExecutor(1, "own data")

    def close(self) -> None:
        self.pool.shutdown(wait=False, cancel_futures=True)

    def entries(self, owner: str | None) -> list[dict[str, Any]]:
        """One's own sets as the form of a training lists data sets."""
        return [about | {"terms": Own.TERMS, "ready": True, "fetched": False, "own": True} for about in (self.sets.of(owner) if owner else ())]

    def said_of(self, name: str, owner: str | None) -> dict[str, Any]:
        """What the catalogue says of one's own pictures that a model learned from; nothing of other sets, and of somebody else's."""
        try:
            about = self.sets.about(name, owner) if owner and is_own(name) else {}
        except LookupError:
            about = {}
        return {"dataset_title": about["title"], "classes": about["classes"]} if about else {}

    async def answer(self, request: Request, owner: str, parts: list[str]) -> Response:
        match (request.method, *parts):
            case ("POST",):
                with self.waiting.answering(visitor(request.scope).key, 1):
                    title, side = request.query_params.get("title", ""), _side(request.query_params.get("side", ""))
                    data = await content_of(request, LARGEST_UPLOAD, f"A file of pictures may have {LARGEST_UPLOAD >> 20} MB; this one has more.")
                    return json_answer(await unless_left(request, self._away(self.sets.add, data, owner, title, side)))
            case ("DELETE", name):
                await self._away(self.sets.remove, name, owner)
                return json_answer({"deleted": name})
        raise Refused(405 if len(parts) < 2 else 404, f"{request.method} is not answered here.")

    async def _away(self, work: Callable[..., T], *values: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self.pool, _kept, work, *values)


def _kept(work: Callable[..., T], *values: Any) -> T:
    """work(*values) with its refusals, that of a full disk among them (507)."""
    try:
        return refusing(work, *values)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise Refused(507, "The disk of this server is full, so your pictures could not be kept.") from None


def _side(text: str) -> int | None:
    if text and not (text.isascii() and text.isdigit() and len(text) < 5):
        raise Refused(400, f"?side= must be a number of pixels, not {text!r:.20}.")
    return int(text) if text else None
