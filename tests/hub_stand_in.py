"""A stand-in for the Hugging Face Hub on this machine: repositories in memory, served to the real client, with every failure it may meet.

    with HubStandIn() as hub:
        hub.add("datasets", "ylecun/mnist", {"mnist/train-00000-of-00001.parquet": content})
        hub.play("hang", at="get")          # from now on, every download hangs
        load_parquet("ylecun/mnist", ..., endpoint=hub.url, cache=tmp_path)

The client reads HF_ENDPOINT once, when it is imported. So tests hand `endpoint` and `cache` to the code under test, which passes them to
the client as its own public arguments: no patching, no order of imports to mind. One test in a process of its own covers the variables.
"""

import hashlib
import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

KINDS = ("models", "datasets", "spaces")
CHUNK = 1 << 14
LOGIN_PAGE = b"<!doctype html><title>Welcome to our wireless network</title><p>Please log in.</p>"
REFUSALS = {  # failure: status, X-Error-Code, X-Error-Message, as the Hub gives them
    "401": (401, None, "Invalid credentials in Authorization header"),
    "gated": (403, "GatedRepo", "Access to this repository is restricted."),
    "404": (404, "RepoNotFound", "Repository not found"),
    "429": (429, None, "You have been rate limited"),
    "503": (503, None, "Service unavailable"),
}
OTHERS = ("hang", "slow", "cut", "cut once", "html", "html of the same size")
ROUTES = ("api", "head", "get")  # what is asked about a repository; what is asked about a file; the file


class Repository:
    """Files by path, at one commit."""

    def __init__(self, files: dict[str, bytes]):
        self.files = files
        self.commit = hashlib.sha1(repr([(name, hashlib.sha256(data).hexdigest()) for name, data in sorted(files.items())]).encode()).hexdigest()

    def about(self, name: str) -> dict:
        return {"id": name, "sha": self.commit, "private": False, "gated": False, "disabled": False, "downloads": 0, "likes": 0, "tags": [],
                "siblings": [{"rfilename": path} for path in sorted(self.files)]}

    def tree(self) -> list[dict]:
        return [{"type": "file", "path": path, "size": len(data), "oid": hashlib.sha1(data).hexdigest(),
                 "lfs": {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}}
                for path, data in sorted(self.files.items())]


class HubStandIn:
    """A server in threads of this process. `requests` lists what it was asked, as "METHOD /path"."""

    def __init__(self):
        self.repositories: dict[tuple[str, str], Repository] = {}
        self.requests: list[str] = []
        self.failure, self.at, self.headers = "", "", {}
        self.closing = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> "HubStandIn":
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()

    def add(self, kind: str, name: str, files: dict[str, bytes]) -> Repository:
        """Put a repository, or a new commit of it, on the Hub."""
        assert kind in KINDS
        self.repositories[kind, name] = Repository(files)
        return self.repositories[kind, name]

    def play(self, failure: str, at: str = "api", **headers: str) -> None:
        """Fail from now on at one of ROUTES, with more headers where given (`Retry_After="60"`); "" ends it."""
        assert failure in ("", *REFUSALS, *OTHERS) and at in ROUTES
        self.failure, self.at, self.headers = failure, at, {name.replace("_", "-"): value for name, value in headers.items()}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                hub.requests.append(f"{self.command} {self.path}")
                try:
                    _answer(hub, self)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True  # the client went away, which is what some tests want

            do_HEAD = do_GET

            def log_message(self, *_) -> None:
                """Nothing is written to the terminal."""

        return Handler


def _answer(hub: HubStandIn, request: BaseHTTPRequestHandler) -> None:
    """The five routes: revision and repository, tree, HEAD and GET of a file."""
    parts = [unquote(part) for part in urlsplit(request.path).path.strip("/").split("/")]
    if parts[0] == "api":
        route, kind, name, rest = "api", parts[1], "/".join(parts[2:4]), parts[4:]
    else:
        kind = parts.pop(0) if parts[0] in KINDS else "models"
        route, name, rest = request.command.lower(), "/".join(parts[:2]), parts[2:]
    repository = hub.repositories.get((kind, name))
    failure = hub.failure if hub.at == route else ""
    if failure == "hang":
        hub.closing.wait(60)
        request.close_connection = True
    elif failure in REFUSALS:
        _refuse(request, *REFUSALS[failure], **hub.headers)
    elif failure == "html":
        _send(request, LOGIN_PAGE, {"Content-Type": "text/html"})
    elif repository is None:
        _refuse(request, *REFUSALS["404"])
    elif route == "api":
        answer = repository.tree() if rest[:1] == ["tree"] else repository.about(name)
        _send(request, json.dumps(answer).encode(), {"Content-Type": "application/json"})
    elif rest[0] != "resolve" or rest[1] not in ("main", repository.commit) or (path := "/".join(rest[2:])) not in repository.files:
        _refuse(request, 404, "EntryNotFound", "Entry not found")
    else:
        _send_file(hub, request, repository, path, failure)


def _send_file(hub: HubStandIn, request: BaseHTTPRequestHandler, repository: Repository, path: str, failure: str) -> None:
    data = repository.files[path]
    headers = {"ETag": f'"{hashlib.sha256(data).hexdigest()}"', "X-Repo-Commit": repository.commit, "Accept-Ranges": "bytes"}
    if failure == "html of the same size":
        data = LOGIN_PAGE.ljust(len(data))[:len(data)]
    start, status = 0, 200
    if asked := request.headers.get("Range"):
        start, status = int(asked.removeprefix("bytes=").split("-")[0]), 206
        headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
    sent = data[start:]
    if failure == "cut once":
        hub.play("")
    if failure in ("cut", "cut once"):
        _send(request, sent, headers, status, only=0 if start else len(sent) // 2)
        request.close_connection = True
    elif failure == "slow":
        _send(request, sent, headers, status, between=lambda: time.sleep(0.05))
    else:
        _send(request, sent, headers, status)


def _refuse(request: BaseHTTPRequestHandler, status: int, code: str | None, message: str, **headers: str) -> None:
    body = json.dumps({"error": message}).encode()
    _send(request, body, {"X-Error-Message": message, **({"X-Error-Code": code} if code else {}), **headers}, status)


def _send(request: BaseHTTPRequestHandler, body: bytes, headers: dict[str, str], status: int = 200, only: int | None = None,
          between: Callable[[], None] | None = None) -> None:
    """An answer that announces all of its body, and sends all or only some bytes of it, with a call between the pieces."""
    request.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        request.send_header(name, value)
    request.end_headers()
    if request.command == "HEAD":
        return
    body = body[:only]
    for start in range(0, len(body), CHUNK):
        request.wfile.write(body[start:start + CHUNK])
        if between:
            between()
