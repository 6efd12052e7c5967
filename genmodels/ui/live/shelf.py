"""The road to the Hub, below /live/hub: look at a repository, fetch its model, delete it again, publish one; who may do which, and how far it is."""

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import asdict, replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket

from ...engine import Engine
from ...hub import Hub, Shelf
from ...hub.publishing import Draft, draft, licences, publish
from ...models import LatentModel
from ..visitors import Visitor, visitor
from .asking import Refused, unless_left
from .catalogue import origin
from .errands import Errand, Errands, in_words
from .models import can_sign_in
from .sent import json_answer, json_object

LARGEST_BODY = 32 << 10  # bytes of what a page asks for here
LOOKS, LOOKS_EACH = 8, 2  # and drafts, at the same time, in all and by one visitor
ASKED = {"text": 300, "model": 96, "repo": 200, "licence": 80, "title": 120, "words": 4000}  # characters
CLASS = {
    "fetch": "In a class only the teacher's own computer fetches models, from the page that is open there.",
    "delete": "In a class only the teacher's own computer deletes models.",
    "publish": "In a class only the teacher's own computer publishes models.",
}
NOT_YOURS = "Somebody else fetched this model; whoever fetched it, or the computer that serves this page, can delete it."
NAMELESS = ("Your browser keeps no cookie of this page, so that what you fetch could not be told from what others fetch. "
            "Allow its cookie, or open the page in a tab of its own.")
SIGN_IN = "Sign in with Hugging Face first: a model is published under your own name."
NOT_HERE = "Publishing uses the login of the computer that serves this page, so it is possible only in the page that is open there."


class ShelfRoad:
    """GET state and errand; POST look, fetch, draft and publish with a JSON object; DELETE errand (stop it, or forget its end) and models/NAME.

    home: may do everything (see `visitors`). Others: nothing in a class; elsewhere they fetch, delete what they fetched, and publish
    under their own name after signing in; what they may follows from a name of their own, not from an address that many may share.
    Their fetches are made without this machine's token, which might open what is private. trained(key): the names of the models that a visitor
    has trained here, which are theirs to publish.
    """

    def __init__(self, shelf: Shelf, engine: Engine, *, classroom: bool = False, sign_in: bool | None = None,
                 trained: Callable[[str], list[str]] = lambda key: []):
        self.shelf, self.engine, self.classroom, self.trained = shelf, engine, classroom, trained
        self.sign_in = can_sign_in() if sign_in is None else sign_in
        self.errands, self.looking = Errands(), []
        self.threads = ThreadPoolExecutor(LOOKS, "look")  # a Hub that hangs holds up nothing else of the page

    def close(self) -> None:
        self.errands.close()
        self.threads.shutdown(wait=False, cancel_futures=True)

    async def talk(self, socket: WebSocket, parts: list[str]) -> None:
        await socket.close(1008)

    async def answer(self, request: Request, parts: list[str]) -> Response:
        who = visitor(request.scope)
        match (request.method, *parts):
            case ("GET", "state"):
                return json_answer(await asyncio.to_thread(self._state, who, token_of(request.scope)))
            case ("GET", "errand"):
                return json_answer(self._errand(who))
            case ("POST", "look"):
                return json_answer(await self._look(request, who, await _asked(request, "text")))
            case ("POST", "fetch"):
                return json_answer(self._fetch(who, await _asked(request, "text")))
            case ("POST", "draft"):
                return json_answer(await self._draft(await _asked(request, "model", "repo", "licence", "title", "words"), who, request))
            case ("POST", "publish"):
                asked = await _asked(request, "model", "repo", "licence", "title", "words", private=True, over=False)
                return json_answer(self._publish(who, asked, request))
            case ("DELETE", "errand"):
                self.errands.stop(who.key)
                return json_answer(self._errand(who))
            case ("DELETE", "models", name):
                return json_answer(await asyncio.to_thread(self._delete, who, name))
        raise Refused(404 if request.method in ("GET", "POST", "DELETE") else 405, "There is nothing at this address.")

    # What there is

    def _state(self, who: Visitor, token: str | None) -> dict[str, Any]:
        """What was fetched, this visitor's errand, and for each thing true or the sentence that says why this visitor may not do it."""
        fetched = [{"name": one.name, "repo": one.repo, "revision": one.revision, "commit": one.commit, "account": list(one.account), "bytes": one.bytes,
                    "fetched": one.fetched, "delete": self._why_not(who, "delete", one.by) or True} for one in self.shelf.fetched()]
        return {"fetched": fetched, "errand": self._errand(who), "fetch": self._why_not(who, "fetch") or True,
                "publish": self._why_not_publish(who, token) or True, "licences": self._licences(who, token)}

    def _errand(self, who: Visitor) -> dict[str, Any] | None:
        if (errand := self.errands.of(who.key)) is None:
            return None
        return {key: getattr(errand, key) for key in ("kind", "text", "state", "done", "total", "unit", "sentence", "outcome")} \
            | {"ahead": self.errands.ahead(errand)}

    # Who may

    def _why_not(self, who: Visitor, what: str, by: str = "") -> str | None:
        if who.home:
            return None
        if self.classroom:
            return CLASS[what]
        if not who.named:
            return NAMELESS
        return NOT_YOURS if what == "delete" and by != who.key else None

    def _why_not_publish(self, who: Visitor, token: str | None) -> str | None:
        if who.home or self.classroom or token:
            return self._why_not(who, "publish")
        return SIGN_IN if self.sign_in else NOT_HERE

    # Look, fetch, delete

    def _for(self, who: Visitor) -> Shelf:
        return self.shelf if who.home else replace(self.shelf, hub=replace(self.shelf.hub, token=False))

    async def _look(self, request: Request, who: Visitor, asked: Mapping[str, Any]) -> dict[str, Any]:
        """What a repository is."""
        _refuse(self._why_not(who, "fetch"))
        return await self._apart(request, who, lambda stopped: asdict(self._for(who).look(asked["text"], stopped)))

    async def _apart(self, request: Request, who: Visitor, work: Callable[[threading.Event], dict[str, Any]]) -> dict[str, Any]:
        """What work(stopped) gives, as `_spoken`. A page that has gone, or asks for another one, is not worked for any longer."""
        if len(self.looking) >= LOOKS or self.looking.count(who.key) >= LOOKS_EACH:
            raise Refused(503, "Many people look at models right now; try again in a moment.")
        stopped = threading.Event()
        self.looking.append(who.key)
        working = self.threads.submit(copy_context().run, _spoken, lambda: work(stopped))
        working.add_done_callback(lambda _: self.looking.remove(who.key))  # not before: what was left may still take a while
        try:
            return await unless_left(request, asyncio.wrap_future(working))
        finally:
            stopped.set()

    def _fetch(self, who: Visitor, asked: Mapping[str, Any]) -> dict[str, Any] | None:
        _refuse(self._why_not(who, "fetch"))
        shelf, text = self._for(who), asked["text"].strip()

        def work(errand: Errand) -> dict[str, Any]:
            fetched = shelf.fetch(text, errand.progress, errand.stopped, by=who.key)
            return {"name": fetched.name, "repo": fetched.repo, "commit": fetched.commit}

        self.errands.start(who.key, "fetch", text, work)
        return self._errand(who)

    def _delete(self, who: Visitor, name: str) -> dict[str, Any]:
        [fetched] = [one for one in self.shelf.fetched() if one.name == name] or [None]
        if fetched is None:
            raise Refused(404, f"There is no fetched model {name!r:.100} here; perhaps it has been deleted already.")
        _refuse(self._why_not(who, "delete", fetched.by))
        answer = _spoken(lambda: self.shelf.delete(name) or {"deleted": name})
        if (errand := self.errands.of(who.key)) and errand.outcome.get("name") == name:
            self.errands.stop(who.key)  # that it came is no news any more
        self.engine.rescan()
        return answer

    # Publish

    async def _draft(self, asked: Mapping[str, Any], who: Visitor, request: Request) -> dict[str, Any]:
        """What would be sent: the card, and every file with its size."""
        self._may_publish(who, request, asked["model"])

        def made(_: threading.Event) -> dict[str, Any]:
            whole = self._drafted(asked)
            return {"repo": whole.repo, "card": whole.card, "files": [{"path": path, "bytes": len(content)} for path, content in sorted(whole.files.items())]}

        return await self._apart(request, who, made)

    def _publish(self, who: Visitor, asked: Mapping[str, Any], request: Request) -> dict[str, Any] | None:
        hub = self._may_publish(who, request, asked["model"])

        repo = asked["repo"].strip()

        def work(errand: Errand) -> dict[str, Any]:
            try:
                sent = publish(self._drafted(asked), hub, private=asked["private"], over=asked["over"], progress=errand.progress, stopped=errand.stopped)
            except FileExistsError:
                errand.outcome = {"exists": True}  # which the page offers to publish over
                raise
            return {"url": sent.url, "commit": sent.commit, "repo": repo, "late": sent.late}

        self.errands.start(who.key, "publish", repo, work)
        return self._errand(who)

    def _may_publish(self, who: Visitor, request: Request, model: str) -> Hub:
        """The Hub as this visitor: at home with this machine's login, elsewhere with what they signed in with."""
        token = token_of(request.scope)
        if why := self._why_not_publish(who, token):
            raise Refused(401 if why == SIGN_IN else 403, why)
        if model not in self._publishable(who) and not (who.home and self.engine.is_run(model)):
            raise Refused(403, f"{model!r:.100} is not yours to publish: everybody may publish what is bundled and what they have trained, and whoever "
                               "sits at the computer that serves this page what was trained on it; what came from the Hub stays its owner's.")
        return self.shelf.hub if who.home else replace(self.shelf.hub, token=token)

    def _publishable(self, who: Visitor) -> list[str]:
        """Never what came from the Hub: it stays its owner's to publish."""
        whence = ("bundled", "own") if who.home else ("bundled",)
        listed = [name for name in self.engine.names() if origin(self.engine.checkpoint(name).folder) in whence]
        return listed + [name for name in (self.trained(who.owner) if who.owner else []) if self.engine.is_run(name)]

    def _licences(self, who: Visitor, token: str | None) -> dict[str, list[str]]:
        """The models that this visitor may publish, each with the licences that its data allow."""
        if self._why_not_publish(who, token):
            return {}
        return {name: list(licences(self.engine.checkpoint(name))) for name in self._publishable(who)}

    def _drafted(self, asked: Mapping[str, Any]) -> Draft:
        name = asked["model"]
        model = self.engine.blueprint(name)
        onnx = self.engine.onnx(name).read_bytes() if isinstance(model, LatentModel) and not model.can("path") and not model.HEAVY else None
        return draft(self.engine.checkpoint(name), asked["repo"].strip(), licence=asked["licence"].strip(), title=asked["title"].strip(),
                     words=asked["words"].strip(), onnx=onnx)


def token_of(scope: Mapping[str, Any]) -> str | None:
    """What somebody signed in with, on a Space where Gradio keeps it in a signed cookie of theirs; None where nobody did, or it has expired."""
    info = (scope.get("session") or {}).get("oauth_info")
    if not isinstance(info, dict) or not isinstance(info.get("access_token"), str) or info.get("expires_at", 0) <= time.time():
        return None
    return info["access_token"]


def _refuse(why: str | None) -> None:
    if why:
        raise Refused(403, why)


def _spoken(work) -> dict[str, Any]:
    """What work() gives, or the sentence about its failure under "problem": a wrong name is no failure of this server."""
    try:
        return work()
    except Exception as error:
        return {"problem": in_words(error)}


async def _asked(request: Request, *texts: str, **switches: bool) -> dict[str, Any]:
    """The JSON object that a page sent: short texts, and switches with what they are where they are not given."""
    sent = await json_object(request, LARGEST_BODY)
    for key in texts:
        if not isinstance(sent.get(key, ""), str) or len(sent.get(key, "")) > ASKED[key]:
            raise Refused(400, f"{key} must be a text of at most {ASKED[key]} characters.")
    for key in switches:
        if not isinstance(sent.get(key, True), bool):
            raise Refused(400, f"{key} must be true or false.")
    return {key: sent.get(key, "") for key in texts} | {key: sent.get(key, usual) for key, usual in switches.items()}
