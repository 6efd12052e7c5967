"""Who asks: a name that tells visitors apart for as long as their browser keeps it, and whether somebody sits at this very machine."""

import hmac
import ipaddress
import logging
import os
import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "latent-playground"
KEPT = 180 * 24 * 3600  # seconds that a browser keeps it after it has opened the page
SECRET = "secret"  # the file in the data folder by which cookies are known again
LONG = 32  # bytes in it
FORWARDED = {b"x-forwarded-for", b"forwarded", b"x-real-ip", b"cf-connecting-ip"}
GIVEN = re.compile(rf"(?:^|;) ?{COOKIE}=([\w-]{{22}})\.([\w-]{{22}})(?:;|$)".encode())


@dataclass(frozen=True)
class Visitor:
    """key: tells visitors apart, never logged. home: asks from this machine itself, through no proxy. named: the key is a name of their own,
    kept by a cookie, and may say what is theirs; else it is an address, which many may share."""

    key: str
    home: bool
    named: bool = False

    @property
    def owner(self) -> str | None:
        """By which name what they train is known: None for somebody who shares an address with others and keeps no cookie."""
        return self.key if self.named or self.home else None


def visitor(scope: Mapping[str, Any]) -> Visitor:
    """Whose request (ASGI scope, http or websocket) this is: as `Visitors` has found out, else by the address alone."""
    return scope.get("visitor") or Visitor(_address(scope), _is_home(scope))


_asking: ContextVar[Visitor | None] = ContextVar("asking", default=None)


def asking() -> Visitor | None:
    """For whom this work is done, in whatever thread that took the context along; None where nobody was named."""
    return _asking.get()


@contextmanager
def asked_by(who: Visitor) -> Iterator[None]:
    """What is done inside is done for this visitor."""
    before = _asking.set(who)
    try:
        yield
    finally:
        _asking.reset(before)


def kept_secret(folder: Path) -> bytes:
    """What cookies are signed with in this data folder, made at the first time. Its file is for the eyes of this program's user alone.

    Where it cannot be kept, that is logged, and visitors are known until this program ends.
    """
    path = Path(folder) / SECRET
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size != LONG:
            logging.warning("%s is damaged and is made anew: visitors get new names.", path)
            path.unlink()
        if not path.exists():
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(secrets.token_bytes(LONG))
        path.chmod(0o600)
        return path.read_bytes()
    except OSError as error:
        logging.warning("The names of visitors are not kept: %s", error)
        return secrets.token_bytes(LONG)


class Visitors:
    """ASGI middleware: gives every browser a cookie with a random name, and tells those behind it whose request this is (see `visitor`).

    The cookie is signed: a name that somebody made up is none, so that whoever throws the cookie away, or changes it with every request,
    is counted by the address. A browser keeps it for KEPT seconds from the last time that it opened the page, over restarts too where the
    secret is kept (see `kept_secret`); None is one that ends with this process. On https it may live in a frame of another site
    (a Space in the Hub's page), in a jar for that site alone. home=False: nobody sits at this machine, whatever address they come from.
    """

    def __init__(self, app: ASGIApp, home: bool = True, secret: bytes | None = None):
        self.app, self.home, self.secret = app, home, secret or secrets.token_bytes(LONG)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        name = self._name(scope)
        scope["visitor"] = Visitor(name or _address(scope), self.home and _is_home(scope), bool(name))
        if name and scope["path"].removeprefix(scope.get("root_path", "").rstrip("/")) != "/":  # whoever opens the page keeps the name for longer
            await self.app(scope, receive, send)
            return

        async def giving(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.accept") and not _is_public(message):
                message["headers"] = [*message.get("headers", ()), (b"set-cookie", self._cookie(scope, name))]
            await send(message)

        await self.app(scope, receive, giving)

    def _name(self, scope: Scope) -> str | None:
        """What the request's cookie says, if it is one of ours."""
        for header, value in scope["headers"]:
            if header == b"cookie" and (found := GIVEN.search(value)) and hmac.compare_digest(self._signed(found[1]), found[2]):
                return found[1].decode()
        return None

    def _signed(self, name: bytes) -> bytes:
        return urlsafe_b64encode(hmac.digest(self.secret, name, "sha256")[:16]).rstrip(b"=")

    def _cookie(self, scope: Scope, name: str | None) -> bytes:
        """The cookie with this name, or with a new one."""
        said = (name or secrets.token_urlsafe(16)).encode()
        secure = scope.get("scheme") in ("https", "wss") or (b"x-forwarded-proto", b"https") in scope["headers"]
        kept = b"SameSite=None; Secure; Partitioned" if secure else b"SameSite=Lax"
        return b"%s=%s.%s; Path=/; Max-Age=%d; HttpOnly; %s" % (COOKIE.encode(), said, self._signed(said), KEPT, kept)


def _is_public(message: Message) -> bool:
    """Whether caches on the way may keep the answer, and with it the cookie."""
    return any(name.lower() == b"cache-control" and b"public" in value for name, value in message.get("headers", ()))


def _address(scope: Mapping[str, Any]) -> str:
    return (scope.get("client") or ("", 0))[0]


def _is_home(scope: Mapping[str, Any]) -> bool:
    return _is_loopback(_address(scope)) and not any(name in FORWARDED for name, _ in scope.get("headers", ()))


@lru_cache(1024)
def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
