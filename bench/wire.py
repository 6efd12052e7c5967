"""A bare client: HTTP/1.1 and web sockets straight on sockets, so that no library of requests is what is measured."""

import asyncio
import os
import zlib
from base64 import b64encode
from dataclasses import dataclass

ROOM = 4 << 20  # bytes that may lie unread in a connection: a whole runtime for nets
# Over plain http in a school's network browsers offer no br.
BROWSER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
           "Accept": "*/*", "Accept-Encoding": "gzip, deflate", "Accept-Language": "en-GB,en;q=0.9", "Sec-Fetch-Mode": "cors",
           "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "empty"}
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
DEFLATED = 0x40  # the bit of a frame that permessage-deflate has packed
TAIL = b"\0\0\xff\xff"  # what a packed message leaves out (RFC 7692)


class Hung(ConnectionError):
    """The other side has closed. code and reason: of a web socket's end, 1006 and empty where it did not say goodbye."""

    def __init__(self, code: int = 1006, reason: str = ""):
        super().__init__(f"closed with {code} {reason}")
        self.code, self.reason = code, reason


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Line:
    """One kept-alive connection. `cookie` is sent along, and kept as the server gives it."""

    host: str
    port: int
    cookie: str = ""
    streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, path: str, method: str = "GET", body: bytes = b"", kind: str = "application/octet-stream") -> Answer:
        """A request and its whole answer, as a browser asks for it: not decompressed."""
        reader, writer = await self._open()
        more = {"Content-Length": str(len(body)), "Content-Type": kind} if method != "GET" else {}
        writer.write(self._head(method, path, BROWSER | more) + body)
        try:
            answer = await _answer(reader)
        except (asyncio.IncompleteReadError, ConnectionError):
            self.close()
            raise Hung from None
        if given := answer.headers.get("set-cookie"):
            self.cookie = given.split(";")[0]
        if answer.headers.get("connection") == "close":
            self.close()
        return answer

    async def talk(self, path: str) -> "Talk":
        """A web socket, offered what browsers offer. Hung if the server does not want one."""
        reader, writer = await self._open()
        self.streams = None
        writer.write(self._head("GET", path, {
            "Origin": f"http://{self.host}:{self.port}", "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": b64encode(os.urandom(16)).decode(), "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"}))
        head = await _head(reader)
        if head[0] != 101:
            writer.close()
            raise Hung
        return Talk(reader, writer, zlib.decompressobj(-15) if "deflate" in head[1].get("sec-websocket-extensions", "") else None)

    def close(self) -> None:
        if self.streams:
            self.streams[1].close()
        self.streams = None

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self.streams is None or self.streams[0].at_eof():
            self.close()
            self.streams = await asyncio.open_connection(self.host, self.port, limit=ROOM)
        return self.streams

    def _head(self, method: str, path: str, headers: dict[str, str]) -> bytes:
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.host}:{self.port}", *(f"{name}: {value}" for name, value in headers.items())]
        if self.cookie:
            lines.append(f"Cookie: {self.cookie}")
        return "\r\n".join([*lines, "", ""]).encode()


@dataclass
class Talk:
    """An open web socket."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    inflate: "zlib._Decompress | None"

    def send(self, message: bytes, kind: int = BINARY) -> None:
        """A message of less than 64 KB, under the mask 0, which changes no byte."""
        size = len(message)
        length = bytes([128 | size]) if size < 126 else bytes([128 | 126]) + size.to_bytes(2, "big")
        self.writer.write(bytes([128 | kind]) + length + bytes(4) + message)

    async def receive(self) -> bytes | str:
        """The next message, str for one of text. Hung where the server has said goodbye, or is gone."""
        while True:
            try:
                kind, content = await self._frame()
            except (asyncio.IncompleteReadError, ConnectionError):
                raise Hung from None
            if kind == CLOSE:
                self.close()
                raise Hung(int.from_bytes(content[:2], "big") if content else 1005, content[2:].decode())
            if kind == PING:
                self.send(content, PONG)
            elif kind in (TEXT, BINARY):
                return content.decode() if kind == TEXT else content

    def close(self) -> None:
        self.writer.close()

    async def _frame(self) -> tuple[int, bytes]:
        first, size = await self.reader.readexactly(2)
        if size > 125:
            size = int.from_bytes(await self.reader.readexactly(2 if size == 126 else 8), "big")
        content = await self.reader.readexactly(size)
        if first & DEFLATED and self.inflate:
            content = self.inflate.decompress(content + TAIL)
        return first & 15, content


async def _head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]
    return int(first.split()[1]), {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}


async def _answer(reader: asyncio.StreamReader) -> Answer:
    status, headers = await _head(reader)
    if headers.get("transfer-encoding") != "chunked":
        return Answer(status, headers, await reader.readexactly(0 if status == 304 else int(headers.get("content-length", 0))))
    body = bytearray()
    while size := int(await reader.readuntil(b"\r\n"), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readexactly(2)
    return Answer(status, headers, bytes(body))
