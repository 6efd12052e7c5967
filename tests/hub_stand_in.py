"""A stand-in for the Hugging Face Hub on this machine: repositories in memory, served to the real client, with every failure it may meet.

    with HubStandIn() as hub:
        hub.add("datasets", "ylecun/mnist", {"mnist/train-00000-of-00001.parquet": content})
        hub.play("hang", at="get")          # from now on, every download hangs
        load_parquet("ylecun/mnist", ..., endpoint=hub.url, cache=tmp_path)

The client reads HF_ENDPOINT once, when it is imported. So tests hand `endpoint` and `cache` to the code under test, which passes them to
the client as its own public arguments: no patching, no order of imports to mind. One test in a process of its own covers the variables.

`hub.people["token-of-ada"] = Person("ada")` lets somebody publish: what is asked then stands in hub_stand_in_publishing.py.
"""

import hashlib
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

KINDS = ("models", "datasets", "spaces")
CHUNK = 1 << 14
LOGIN_PAGE = b"<!doctype html><title>Welcome to our wireless network</title><p>Please log in.</p>"
REFUSALS = {  # failure: status, X-Error-Code, X-Error-Message, as the Hub gives them
    "401": (401, None, "Invalid credentials in Authorization header"),
    "403": (403, None, "Forbidden: you must use a write token to do that"),
    "gated": (403, "GatedRepo", "Access to this repository is restricted."),
    "404": (404, "RepoNotFound", "Repository not found"),
    "409": (409, None, "You already created this model repo"),
    "412": (412, None, "A commit has happened since. Please refresh and try again."),
    "429": (429, None, "You have been rate limited"),
    "503": (503, None, "Service unavailable"),
}
OTHERS = ("hang", "slow", "cut", "cut once", "html", "html of the same size", "wrong size", "commit changes", "elsewhere")
ASKED = ("api", "head", "get")  # what is asked about a repository; what is asked about a file; the file
TOLD = ("whoami", "create", "yaml", "preupload", "batch", "put", "verify", "commit")  # the steps of publishing
ROUTES = ASKED + TOLD


@dataclass(frozen=True)
class Person:
    """Whose token it is, the organisations they may publish for, and whether the token may write at all."""

    name: str
    organisations: tuple[str, ...] = ()
    writes: bool = True

    def owns(self, repository: str) -> bool:
        return repository.split("/")[0] in (self.name, *self.organisations)


class Repository:
    """Files by path, at several commits. `private`: only whom it belongs to may see that it is there."""

    def __init__(self, files: dict[str, bytes], private: bool = False):
        self.private, self.commits = private, {}
        self.put(files)

    def put(self, files: dict[str, bytes]) -> None:
        """Add a commit and let it be the one that main means."""
        self.files = files
        self.commit = hashlib.sha1(repr([(name, hashlib.sha256(data).hexdigest()) for name, data in sorted(files.items())]).encode()).hexdigest()
        self.commits[self.commit] = files

    def at(self, revision: str) -> str:
        """The commit that a revision means, "" if there is none."""
        return self.commit if revision == "main" else revision if revision in self.commits else ""

    def about(self, name: str, commit: str) -> dict:
        return {"id": name, "sha": commit, "private": self.private, "gated": False, "disabled": False, "downloads": 0, "likes": 0, "tags": [],
                "siblings": [{"rfilename": path} for path in sorted(self.commits[commit])]}

    def tree(self, commit: str) -> list[dict]:
        return [described(path, data) for path, data in sorted(self.commits[commit].items())]


def is_small(path: str) -> bool:
    """Whether the Hub keeps a file in git itself, not beside it."""
    return path.endswith((".json", ".md", ".gitattributes", ".txt"))


def blob_sum(data: bytes) -> str:
    """git's own name for a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def described(path: str, data: bytes) -> dict:
    """A file as the Hub lists it."""
    entry = {"type": "file", "path": path, "size": len(data), "oid": blob_sum(data)}
    return entry if is_small(path) else entry | {"lfs": {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}}


class HubStandIn:
    """A server in threads of this process. `requests` lists what it was asked, as "METHOD /path"; `tokens` who asked, or ""."""

    def __init__(self):
        self.repositories: dict[tuple[str, str], Repository] = {}
        self.people: dict[str, Person] = {}
        self.stored: dict[str, bytes] = {}  # uploaded and not yet committed, by SHA-256
        self.requests: list[str] = []
        self.tokens: list[str] = []
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

    def add(self, kind: str, name: str, files: dict[str, bytes], private: bool = False) -> Repository:
        """Put a repository, or a new commit of it, on the Hub."""
        assert kind in KINDS
        if repository := self.repositories.get((kind, name)):
            repository.put(files)
        else:
            self.repositories[kind, name] = Repository(files, private)
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
                self.token = self.headers.get("Authorization", "").removeprefix("Bearer ")
                hub.tokens.append(self.token)
                try:
                    self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                    _answer(hub, self)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True  # the client went away, which is what some tests want

            do_HEAD = do_POST = do_PUT = do_GET

            def log_message(self, *_) -> None:
                """Nothing is written to the terminal."""

        return Handler


def _answer(hub: HubStandIn, request: BaseHTTPRequestHandler) -> None:
    from .hub_stand_in_publishing import place_of, publish
    parts = [unquote(part) for part in urlsplit(request.path).path.strip("/").split("/")]
    route, kind, name, rest = place_of(parts) or _asked(request, parts)
    failure = hub.failure if hub.at == route else ""
    if failure == "hang":
        hub.closing.wait(60)
        request.close_connection = True
    elif failure == "cut" and route != "get":
        request.close_connection = True
    elif failure in REFUSALS:
        refuse(request, failure, **hub.headers)
    elif failure == "html":
        send(request, LOGIN_PAGE, {"Content-Type": "text/html"})
    elif hub.people and request.token and request.token not in hub.people:
        refuse(request, "401")
    elif route in TOLD:
        publish(hub, request, route, (kind, name), rest)
    elif (repository := hub.repositories.get((kind, name))) is None or not _visible(hub, request, name, repository):
        refuse(request, "404")
    else:
        _tell(hub, request, repository, route, name, rest, failure)


def _asked(request: BaseHTTPRequestHandler, parts: list[str]) -> tuple[str, str, str, list[str]]:
    """Route, kind and name of the repository, and what follows, of the five requests that a download needs."""
    if parts[0] == "api":
        return "api", parts[1], "/".join(parts[2:4]), parts[4:]
    kind = parts.pop(0) if parts[0] in KINDS else "models"
    return request.command.lower(), kind, "/".join(parts[:2]), parts[2:]


def _visible(hub: HubStandIn, request: BaseHTTPRequestHandler, name: str, repository: Repository) -> bool:
    return not repository.private or request.token in hub.people and hub.people[request.token].owns(name)


def _tell(hub: HubStandIn, request: BaseHTTPRequestHandler, repository: Repository, route: str, name: str, rest: list[str], failure: str) -> None:
    """Revision and repository, tree, HEAD and GET of a file."""
    commit = repository.at(rest[1] if rest else "main")
    if not commit:
        _refuse(request, 404, "RevisionNotFound", "Invalid rev id")
    elif route != "api":
        if rest[0] != "resolve" or (path := "/".join(rest[2:])) not in repository.commits[commit]:
            _refuse(request, 404, "EntryNotFound", "Entry not found")
        else:
            _send_file(hub, request, repository.commits[commit][path], path, commit, failure)
    elif rest[:1] == ["tree"]:
        tree = repository.tree(commit)
        if failure == "commit changes":  # what is listed is a newer commit than the one that was asked for
            tree = [described(path, data[::-1]) for path, data in sorted(repository.commits[commit].items())]
        if failure == "wrong size":
            tree = [entry | {"size": entry["size"] + 1} for entry in tree]
        send_json(request, tree)
    else:
        send_json(request, repository.about(name, commit))


def _send_file(hub: HubStandIn, request: BaseHTTPRequestHandler, data: bytes, path: str, commit: str, failure: str) -> None:
    headers = {"ETag": f'"{blob_sum(data) if is_small(path) else hashlib.sha256(data).hexdigest()}"', "X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
    if failure == "html of the same size":
        data = LOGIN_PAGE.ljust(len(data))[:len(data)]
    if failure == "commit changes":
        data = data[::-1]
    if failure == "wrong size":
        data += b"and more"
    if failure == "elsewhere" and "?elsewhere" not in request.path:  # large files lie on other machines than the Hub's own
        send(request, b"", {"Location": f"http://localhost:{hub.server.server_port}{request.path}?elsewhere"}, 302)
        return
    start, status = 0, 200
    if asked := request.headers.get("Range"):
        start, status = int(asked.removeprefix("bytes=").split("-")[0]), 206
        headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
    sent = data[start:]
    if failure == "cut once":
        hub.play("")
    if failure in ("cut", "cut once"):
        send(request, sent, headers, status, only=0 if start else len(sent) // 2)
        request.close_connection = True
    elif failure == "slow":
        send(request, sent, headers, status, between=lambda: time.sleep(0.05))
    else:
        send(request, sent, headers, status)


def refuse(request: BaseHTTPRequestHandler, failure: str, **headers: str) -> None:
    """Answer with one of REFUSALS."""
    _refuse(request, *REFUSALS[failure], **headers)


def _refuse(request: BaseHTTPRequestHandler, status: int, code: str | None, message: str, **headers: str) -> None:
    body = json.dumps({"error": message}).encode()
    send(request, body, {"X-Error-Message": message, **({"X-Error-Code": code} if code else {}), **headers}, status)


def send_json(request: BaseHTTPRequestHandler, answer: dict | list, status: int = 200) -> None:
    send(request, json.dumps(answer).encode(), {"Content-Type": "application/json"}, status)


def send(request: BaseHTTPRequestHandler, body: bytes, headers: dict[str, str], status: int = 200, only: int | None = None,
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
