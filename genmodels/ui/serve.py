"""Launching the page: every option said aloud, the gate in front, and a clean end when the machine asks for one."""

import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from gradio import processing_utils
from gradio.utils import get_upload_folder
from starlette.middleware import Middleware

try:
    import resource
except ImportError:  # Windows, which has no such limit
    resource = None

from .gate import Gate
from .leaving import Farewell, Leaving
from .ready import Ready
from .shares import Shares
from .visitors import Visitors, kept_secret

FAREWELL = 8.0  # seconds that stopping may take before the process ends anyway
GRACEFUL = 2  # of them for connections that do not close by themselves
LARGEST_MESSAGE, MESSAGES = 4 << 20, 2  # bytes of a web socket's message, and how many may wait in the server: of pictures 3 MB are the most
MANY = 4096  # files that may be open: a class of a hundred browsers has a thousand connections
LOOK = {"theme", "css", "css_paths", "js", "head", "head_paths", "favicon_path", "i18n"}  # the options of launch() that are the page's
SWITCHES = ("GRADIO_ALLOWED_PATHS", "GRADIO_DEBUG")  # Gradio prefers these to our [] and False; everything else we say wins

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Running:
    """A page that is being served."""

    url: str
    port: int
    blocks: gr.Blocks
    leaving: Leaving

    def close(self) -> None:
        self.blocks.close(verbose=False)


class Health:
    """Answers /health with 200 and "ok", for whoever watches the process."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] != "http" or scope["path"] != "/health":
            await self.app(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain"), (b"cache-control", b"no-store")]})
        await send({"type": "http.response.body", "body": b"ok"})


def launch(blocks: gr.Blocks, *, host: str = "127.0.0.1", port: int = 7860, data_dir: Path, hosts: Iterable[str] = (), framed: bool = False, home: bool = True,
           middleware: Iterable[Middleware] = (), look: Mapping[str, Any] | None = None, root_path: str = "") -> Running:
    """Serve a page from threads of this process and return at once.

    host: an address of this machine; "0.0.0.0" serves the network. port: 0 takes any free one. data_dir: runs and saved work, never
    readable by URL. hosts: more names under which browsers reach it (a proxy, a Space). framed: other sites may show
    it in a frame. home: somebody may sit at this machine, and may do everything (see `visitors`); never so on a Space. look: theme, css, js, head and the like.
    OSError if the port is taken, ValueError if Gradio's own folder and data_dir lie in each other.
    """
    if unknown := set(look or {}) - LOOK:
        raise ValueError(f"look may have {', '.join(sorted(LOOK))}; not {', '.join(sorted(unknown))}.")
    data_dir = Path(data_dir).resolve()
    _keep_apart(data_dir, Path(get_upload_folder()).resolve())
    port = _free(host, port)
    processing_utils.async_ssrf_protected_download = processing_utils.async_ssrf_protected_get = _fetch_nothing
    for name in SWITCHES:
        if os.environ.pop(name, None) is not None:
            log.warning("%s is set and left out: this page decides that itself.", name)
    blocks.queue(max_size=256, default_concurrency_limit=2, api_open=False, status_update_rate="auto")
    leaving = Leaving()
    gates = [Middleware(Gate, bound=host, hosts=tuple(hosts), framed=framed), Middleware(Farewell, leaving=leaving), Middleware(Health),
             Middleware(Visitors, home=home, secret=kept_secret(data_dir)), Middleware(Ready, cache=data_dir / "cache" / "compressed"), *middleware,
             Middleware(Shares, blocks=blocks)]
    _, url, _ = blocks.launch(
        server_name=host, server_port=port, root_path=root_path, prevent_thread_lock=True,
        share=False, inline=False, inbrowser=False, debug=False, quiet=True, show_error=False,
        auth=None, auth_message=None, auth_dependency=None, ssl_keyfile=None, ssl_certfile=None, ssl_keyfile_password=None, ssl_verify=True,
        max_threads=16, max_file_size="8mb", state_session_capacity=512, num_workers=0,
        allowed_paths=[], blocked_paths=[str(data_dir)], strict_cors=True,
        enable_monitoring=False, ssr_mode=False, node_server_name=None, node_port=None, pwa=False, mcp_server=False,
        run_history=False, footer_links=[],
        app_kwargs={"middleware": gates, "docs_url": None, "redoc_url": None, "openapi_url": None}, **(look or {}))
    told = blocks.server.config  # Gradio makes it; every connection reads it anew
    told.ws_max_size, told.ws_max_queue = LARGEST_MESSAGE, MESSAGES
    told.ws_per_message_deflate = False  # pictures of a kilobyte take longer to pack than to send
    told.timeout_graceful_shutdown = GRACEFUL
    return Running(url, port, blocks, leaving)


def serve(blocks: gr.Blocks, engine: Any = None, *, host: str, port: int, data_dir: Path, middleware: Iterable[Middleware] = (),
          on_open: Iterable[Callable[[], None]] = (), on_stop: Iterable[Callable[[], None]] = (), **options: Any) -> None:
    """Serve a page, call `on_open` once it is served, and at SIGTERM or Ctrl-C `on_stop` (and the engine's `close`, if it has one) and stop serving.

    The last thing a program does, in its main thread: a stop that takes longer than FAREWELL seconds ends the process. Exit code 0, or 1
    if something could not be stopped in order. A second signal ends it at once. `options` go to `launch`.
    """
    signals: list[int] = []

    def asked(number: int, _frame) -> None:
        if signals:
            os._exit(128 + number)
        signals.append(number)

    _allow_many_connections()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, asked)
    running = launch(blocks, host=host, port=port, data_dir=data_dir, middleware=middleware, **options)
    print(f"Latent Playground is open at {running.url}  (Ctrl-C ends it)", flush=True)
    for step in on_open:
        step()
    while not signals:
        time.sleep(0.1)  # a signal is answered between two naps, on Windows too
    running.leaving.begin()
    print("Stopping: saving what runs ...", flush=True)
    stopped, failed = threading.Event(), False
    last_call = threading.Timer(FAREWELL, lambda: os._exit(0 if stopped.is_set() else 1))
    last_call.daemon = True
    last_call.start()
    closing = [engine.close] if hasattr(engine, "close") else []
    for step in (*on_stop, *closing, running.close):
        try:
            step()
        except Exception:  # the others must still be saved
            log.exception("Something could not be stopped in order.")
            failed = True
    if failed:
        sys.exit(1)
    stopped.set()


async def _fetch_nothing(url: str, *_: Any) -> None:
    """In place of what Gradio does where a program sends it an address as a file: any handler's input may be one."""
    raise ValueError("This server does not fetch addresses for anybody.")


def _allow_many_connections() -> None:
    """Many systems give a program 256 or 1,024 open files until it asks for more."""
    if resource is None:
        return
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MANY if most == resource.RLIM_INFINITY else min(MANY, most)
    if now != resource.RLIM_INFINITY and now < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def _keep_apart(data_dir: Path, uploads: Path) -> None:
    """Everything in Gradio's folder can be read by URL."""
    if data_dir.is_relative_to(uploads) or uploads.is_relative_to(data_dir):
        raise ValueError(f"DATA_DIR ({data_dir}) and GRADIO_TEMP_DIR ({uploads}) must not lie in each other: "
                         "every file in the second can be read by URL. Choose another DATA_DIR.")


def _free(host: str, port: int) -> int:
    """The port, or any free one for 0. OSError if it is taken or the host is not an address of this machine."""
    name = host.strip("[]")
    try:
        with socket.socket(socket.AF_INET6 if ":" in name else socket.AF_INET) as probe:
            if os.name != "nt":  # there it would let two programs share a port
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((name, port))
            return probe.getsockname()[1]
    except OverflowError:
        raise OSError(f"There is no port {port}; ports go from 1 to 65535.") from None
    except socket.gaierror:
        raise OSError(f"{host!r} is not an address of this machine; 127.0.0.1 is for this machine alone, 0.0.0.0 for the network.") from None
    except OSError as error:
        raise OSError(f"Port {port} on {host} cannot be opened ({error.strerror}): another program may have it. "
                      "Set PORT to another number, for example 7861.") from error
