"""A class on one laptop: the address that students open, and the web sockets over which their pages follow the teacher's."""

import asyncio
import json
import secrets
import sys
from dataclasses import dataclass, field
from hmac import compare_digest
from io import BytesIO
from typing import Any, TextIO

import segno
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from .addresses import network_addresses
from .live.asking import Refused
from .visitors import COOKIE, visitor

MOST_PAGES, EACH = 400, 64  # pages of students open at once, in all and by one visitor
LONGEST_VIEW = 64 << 10  # characters of an address: 26 pins of 256 numbers fit
LONGEST_CODE = 1200  # characters of an address as a QR code that a telephone reads from a projector
PATIENCE = 30.0  # seconds that a teacher's page may be away, for a reload, before it leads no more


@dataclass(eq=False)
class Page:
    """An open page. What it is told merges until it can be sent, so that a slow one gets the newest and delays nobody."""

    socket: WebSocket
    teacher: bool
    whose: str = ""
    follows: bool = True
    news: dict[str, Any] = field(default_factory=dict)
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, **news: Any) -> None:
        self.news |= news
        self.woken.set()

    async def send_news(self) -> None:
        while True:
            await self.woken.wait()
            self.woken.clear()
            news, self.news = self.news, {}
            try:
                await self.socket.send_json(news)
            except WebSocketDisconnect:
                return


class Classroom:
    """Serves /live/class: GET qr.svg?text=..., DELETE visitor (whoever asks is somebody new to the server from then on), and the web
    socket follow. Everything runs in the server's event loop.

    Teachers are those who sit at this machine and those whose address carries `key`. A page is told `teacher`, `start` and `resets` at once,
    then what changes: `view` (the query of the page that leads; null when none does), `leads`, `reset` (a query to begin again with), and a
    teacher's page `addresses`, `pages` and `following`. It says {"follows": bool}; a teacher's page also {"lead": its key, "view": query,
    "take": true to begin}, {"stop": true} and {"reset": query}.
    """

    host = "0.0.0.0"  # the gate then answers to every address of this machine, and to its name

    def __init__(self, port: int, patience: float = PATIENCE):
        self.port, self.patience = port, patience
        self.key, self.start, self.resets, self.first = secrets.token_urlsafe(9), secrets.token_hex(4), 0, ""
        self.pages: set[Page] = set()
        self.leading: Page | None = None  # None also while the page that leads is being reloaded
        self.leader, self.view = "", None  # the key of the page that leads, and what it shows
        self.giving_up: asyncio.TimerHandle | None = None

    def addresses(self) -> list[str]:
        """What students may type, the likeliest first; none where this machine is in no network."""
        return [f"http://{address}{'' if self.port == 80 else f':{self.port}'}" for address in network_addresses()]

    # The terminal

    def invite(self, stream: TextIO | None = None) -> None:
        """Print the addresses, and the first as a QR code where the terminal can show one."""
        stream = stream or sys.stdout
        addresses, here = self.addresses(), f"http://127.0.0.1:{self.port}"
        if not addresses:
            print("This machine is in no network, so nobody else can open the page. Join one, or let it make one (a hotspot).\n"
                  f"You open {here}", file=stream)
            return
        print(f"\n  Students open  {'  or  '.join(addresses)}\n  You open       {here}  (there “Class” shows this code large)\n"
              f"  You, elsewhere {addresses[0]}/?teacher={self.key}  (whoever has this leads)\n", file=stream)
        if _writes_blocks(stream):
            code = segno.make(addresses[0], error="m", micro=False)
            code.terminal(stream, compact=True)
        print(f"  If it does not open there: same network? Does this machine's firewall let port {self.port} in?\n"
              "  Some networks of schools keep devices apart; a hotspot does not.\n", file=stream, flush=True)

    # The road /live/class

    async def answer(self, request: Request, parts: list[str]) -> Response:
        match (request.method, *parts):
            case ("GET", "qr.svg"):
                if not self._may_teach(request):
                    raise Refused(403, "Only the teacher's page asks for codes.")
                code = _code(request.query_params.get("text", ""))
                return Response(code, media_type="image/svg+xml", headers={"Cache-Control": "no-store"})
            case ("DELETE", "visitor"):
                answer = Response(status_code=204)
                answer.delete_cookie(COOKIE)
                return answer
        raise Refused(404, "There is nothing at this address.")

    async def talk(self, socket: WebSocket, parts: list[str]) -> None:
        page = Page(socket, self._may_teach(socket), visitor(socket.scope).key)
        if parts != ["follow"] or not page.teacher and self._is_full(page.whose):
            await socket.close(1013, "Too many pages are open.")
            return
        await socket.accept()
        self._greet(page)
        sending = asyncio.create_task(page.send_news())
        try:
            while (wrong := self._hear(page, await socket.receive_text())) is None:
                pass
            await socket.close(1008, wrong)
        except (WebSocketDisconnect, KeyError):  # KeyError: a message of bytes, which this program never sends
            return
        finally:
            sending.cancel()
            self._leave(page)

    def _is_full(self, whose: str) -> bool:
        """Whether there is no room for one more page of this student; there always is for a teacher's."""
        students = [page.whose for page in self.pages if not page.teacher]
        return len(students) >= MOST_PAGES or students.count(whose) >= EACH

    def _may_teach(self, asked: HTTPConnection) -> bool:
        key = asked.query_params.get("teacher", "")
        return visitor(asked.scope).home or compare_digest(key.encode(), self.key.encode())

    # Pages come, speak and go

    def _greet(self, page: Page) -> None:
        self.pages.add(page)
        page.tell(teacher=page.teacher, start=self.start, resets=self.resets, first=self.first, view=self.view, leads=False)
        if page.teacher:
            page.tell(addresses=self.addresses())
        self._count()

    def _hear(self, page: Page, text: str) -> str | None:
        """Do what a page says; a sentence where it says what it may not, which ends the conversation."""
        said = _read(text)
        if said is None:
            return "This is no message of this page."
        if isinstance(follows := said.get("follows"), bool) and follows != page.follows:
            page.follows = follows
            self._count()
        if not said.keys() & {"lead", "stop", "reset"}:
            return None
        if not page.teacher:
            return "Only the teacher's page leads."
        match said:
            case {"lead": str(key), "view": str(view)} if key:
                self._lead(page, key, view, said.get("take") is True)
            case {"stop": True}:
                self._end()
            case {"reset": str(first)}:
                self._reset(first)
        return None

    def _leave(self, page: Page) -> None:
        self.pages.discard(page)
        if page is self.leading:
            self.leading = None
            self.giving_up = asyncio.get_running_loop().call_later(self.patience, self._end)
        self._count()

    def _count(self) -> None:
        students = [page for page in self.pages if not page.teacher]
        for page in self.pages:
            if page.teacher:
                page.tell(pages=len(students), following=sum(one.follows for one in students))

    # Leading

    def _lead(self, page: Page, key: str, view: str, take: bool) -> None:
        """The page's view is the class's from now on, if it begins to lead, leads already, or is the reloaded one that did."""
        if not take and self.leader not in ("", key):
            page.tell(leads=False)
            return
        if page is not self.leading:
            self._wait_no_more()
            if self.leading:
                self.leading.tell(leads=False, view=view)
            self.leading, self.leader = page, key
            page.tell(leads=True)
        self.view = view
        for other in self.pages - {page}:
            other.tell(view=view)

    def _end(self) -> None:
        self._wait_no_more()
        self.leading, self.leader, self.view = None, "", None
        for page in self.pages:
            page.tell(view=None, leads=False)

    def _wait_no_more(self) -> None:
        if self.giving_up:
            self.giving_up.cancel()
        self.giving_up = None

    def _reset(self, first: str) -> None:
        """The next class: all pages of students begin again, also those that sleep now and wake later."""
        self._end()
        self.resets, self.first = self.resets + 1, first
        for page in self.pages:
            page.tell(resets=self.resets, first=first)


def _read(text: str) -> dict[str, Any] | None:
    if len(text) > LONGEST_VIEW:
        return None
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None


def _code(text: str) -> bytes:
    """An address as a QR code, black on white in either light: SVG of one unit per module."""
    if not text.startswith("http://") and not text.startswith("https://") or len(text) > LONGEST_CODE:
        raise Refused(400, f"A QR code holds an address of at most {LONGEST_CODE} characters; this one has {len(text)}.")
    out = BytesIO()
    segno.make(text, error="m" if len(text) < 200 else "l", micro=False).save(out, kind="svg", light="#fff", omitsize=True, border=3)
    return out.getvalue()


def _writes_blocks(stream: TextIO) -> bool:
    try:
        "█▀▄".encode(getattr(stream, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
