"""The gate, the launch options and the clean end, seen from outside a real page that is served on this machine."""

import asyncio
import http.client
import http.server
import json
import multiprocessing
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import gradio as gr
import pytest
from gradio import processing_utils

from genmodels.ui.gate import LARGEST_BODY, Gate
from genmodels.ui.serve import launch, serve

ROOT = Path(__file__).parents[1]


def page() -> gr.Blocks:
    with gr.Blocks(analytics_enabled=False) as blocks:
        text = gr.Textbox()
        gr.Button("Shout").click(str.upper, text, text, api_name="shout")
    return blocks


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_ALLOWED_PATHS", str(ROOT))  # must not open anything
        running = launch(page(), port=0, data_dir=tmp_path_factory.mktemp("data"), hosts=["lab.school.example"])
    yield running
    running.close()


@pytest.fixture
def ask(running):
    """Status, headers and text of a request to the page."""
    def ask(path="/", method="GET", body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=20)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, named, encode_chunked=named.get("Transfer-Encoding") == "chunked")
        answer = connection.getresponse()
        text = answer.read().decode("utf-8", "replace")
        connection.close()
        return answer.status, answer.headers, text
    return ask


def test_the_page_and_its_health_are_served_with_careful_headers(ask):
    status, headers, text = ask("/")
    assert status == 200 and "gradio" in text
    assert headers["X-Content-Type-Options"] == "nosniff" and headers["Referrer-Policy"] == "same-origin"
    assert ask("/health")[0::2] == (200, "ok")


@pytest.mark.parametrize("host", ["localhost:{port}", "127.0.0.1:{port}", "[::1]:{port}", "LOCALHOST", "lab.school.example"])
def test_our_own_names_are_served(ask, running, host):
    host = host.format(port=running.port)
    assert ask("/config", Host=host)[0] == 200
    assert ask("/config", Host=host, Origin=f"http://{host}")[0] == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:7860", "localhost.evil.example", "192.168.1.7", "127.0.0.1.evil.example", "", "[::2]"])
def test_a_foreign_host_is_refused_in_a_sentence(ask, host):
    status, headers, text = ask("/config", Host=host)
    assert status == 403 and text.endswith("Open it under its own address.") and headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:1", "http://127.0.0.1.evil.example", "file://", "http://[", "evil"])
def test_a_foreign_origin_is_refused_also_for_uploads(ask, origin):
    for method, path in (("GET", "/config"), ("POST", "/gradio_api/upload"), ("POST", "/gradio_api/queue/join")):
        status, _, text = ask(path, method, Origin=origin)
        assert status == 403 and text.endswith("may not talk to this server.")


def test_a_page_behind_a_named_proxy_may_talk_to_us(ask):
    assert ask("/config", Origin="https://lab.school.example")[0] == 200


@pytest.mark.parametrize("chunked", [False, True], ids=["counted", "chunked"])
@pytest.mark.parametrize("path", ["/gradio_api/queue/join", "/gradio_api/upload", "/gradio_api/component_server", "/gradio_api/call/shout"])
def test_a_body_that_is_too_large_gets_413(ask, path, chunked):
    upload = path.endswith("upload")
    kind = "multipart/form-data; boundary=b" if upload else "application/json"
    start = b'--b\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n' if upload else b'{"data": ["'
    pieces = [start, *[b"x" * (1 << 20)] * 9]
    how = {"Transfer_Encoding": "chunked"} if chunked else {"Content_Length": str(sum(map(len, pieces)))}
    for body in ([iter(pieces) for _ in range(5)] if chunked else [iter(pieces), b""]):
        try:
            status, headers, text = ask(path, "POST", body, Content_Type=kind, **how)
            break
        except (ConnectionResetError, BrokenPipeError):  # the server has answered and hung up while we were still sending
            continue
    else:
        pytest.fail("never was the answer read before the server hung up")
    assert status == 413 and text == "This is too large: a request may have 8 MB." and headers["Connection"] == "close"


def test_pictures_to_learn_from_may_be_larger(ask):
    body = bytes(9 << 20)
    assert ask("/live/train/data", "POST", body)[0] != 413 and ask("/live/train/data/x", "POST", b"", Content_Length=str(len(body)))[0] == 413
    status, _, text = ask("/live/train/data", "POST", b"", Content_Length=str(65 << 20))
    assert status == 413 and text == "This is too large: a request may have 64 MB."


def test_a_body_just_below_the_limit_comes_through(ask):
    body = json.dumps({"data": ["x" * (8 << 20)]}).encode()
    assert len(body) < LARGEST_BODY and ask("/gradio_api/call/shout", "POST", body, Content_Type="application/json")[0] != 413


@pytest.mark.parametrize("path", ["/gradio_api/file=http://127.0.0.1:1/x", "/gradio_api/file=https://evil.example", "/gradio_api/file/http://127.0.0.1:1/x",
                                  "/gradio_api/proxy=http://127.0.0.1:1/x", "/proxy=x", "/gradio_api/file%3Dhttp%3A//x", "/gradio_api/FILE=HTTP://x",
                                  "/gradio_api/%70roxy=x", "/gradio_api/%2570roxy=x", "/?file=http://127.0.0.1:1/x", "/?a=%252Fproxy%253Dx"])
def test_nobody_makes_the_server_fetch_an_address(ask, path):
    assert ask(path)[0::2] == (400, "This server does not fetch addresses for anybody.")



def test_an_address_that_is_sent_as_a_file_is_not_fetched_either(ask):
    asked = []

    class Elsewhere(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

    with http.server.HTTPServer(("127.0.0.1", 0), Elsewhere) as elsewhere, pytest.MonkeyPatch.context() as patch:
        threading.Thread(target=elsewhere.serve_forever, daemon=True).start()
        patch.setattr(processing_utils, "PUBLIC_HOSTNAME_WHITELIST", ["127.0.0.1"])  # as Gradio treats any address of the internet
        file = {"path": f"http://127.0.0.1:{elsewhere.server_port}/x", "meta": {"_type": "gradio.FileData"}}
        event = json.loads(ask("/gradio_api/call/shout", "POST", json.dumps({"data": [file]}), Content_Type="application/json")[2])["event_id"]
        assert "error" in ask(f"/gradio_api/call/shout/{event}")[2]
        elsewhere.shutdown()
    assert asked == []


def test_a_message_that_no_page_sends_is_not_kept_in_memory(running):
    config = running.blocks.server.config
    assert config.ws_max_size * config.ws_max_queue <= 8 << 20

@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json", "/gradio_api/openapi.json", "/monitoring", "/monitoring/summary",
                                  "/gradio_api/vibe-code", "/gradio_api/runs", f"/gradio_api/file={ROOT}/LICENSE"])
def test_what_no_page_of_ours_needs_is_not_served(ask, path):
    assert ask(path)[0] in (403, 404)


def test_the_queue_cannot_be_skipped_and_errors_show_nothing(ask, running):
    assert ask("/gradio_api/api/shout", "POST", b'{"data": ["a"]}', Content_Type="application/json")[0] != 200
    config = json.loads(ask("/config")[2])
    assert not config["show_error"] and not config["footer_links"] and not running.blocks.share and not running.blocks.allowed_paths


def test_bound_to_the_network_an_address_is_ours_and_a_foreign_name_is_not():
    gate = Gate(None, bound="0.0.0.0")
    seen = {host: gate.refusal({"path": "/", "headers": [(b"host", host.encode())]}) for host in
            ("192.168.1.7:7860", "[fe80::1]:7860", socket.gethostname(), "localhost", "evil.example", "192.168.1.7.evil.example")}
    assert [bool(refused) for refused in seen.values()] == [False, False, False, False, True, True]
    assert gate.refusal({"path": "/", "headers": [(b"host", b"192.168.1.7:7860"), (b"origin", b"http://192.168.1.8:7860")]})[0] == 403
    assert gate.refusal({"path": "/", "headers": []})[0] == 400


@pytest.mark.parametrize("origin, expected", [("http://localhost", "inside"), ("http://evil.example", "websocket.close")])
def test_a_websocket_passes_the_same_gate(origin, expected):
    async def inside(scope, receive, send):
        await send({"type": "inside"})

    async def connect():
        return {"type": "websocket.connect"}

    said = []

    async def send(message):
        said.append(message["type"])

    scope = {"type": "websocket", "path": "/", "headers": [(b"host", b"localhost"), (b"origin", origin.encode())]}
    asyncio.run(Gate(inside)(scope, connect, send))
    assert said == [expected]


def test_a_taken_port_and_a_wrong_host_are_sentences(running, tmp_path):
    with pytest.raises(OSError, match=rf"Port {running.port} on 127.0.0.1 cannot be opened .* Set PORT to another number"):
        launch(page(), port=running.port, data_dir=tmp_path)
    with pytest.raises(OSError, match="is not an address of this machine"):
        launch(page(), host="no-such-name.invalid", port=0, data_dir=tmp_path)
    with pytest.raises(OSError, match="ports go from"):
        launch(page(), port=70000, data_dir=tmp_path)


@pytest.mark.parametrize("data, uploads", [("x", "x/uploads"), ("x/uploads/runs", "x/uploads"), ("x", "x")])
def test_saved_work_and_uploads_must_not_lie_in_each_other(tmp_path, monkeypatch, data, uploads):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / uploads))
    with pytest.raises(ValueError, match="must not lie in each other"):
        launch(page(), port=0, data_dir=tmp_path / data)


def test_only_options_of_looks_are_passed_on(tmp_path):
    with pytest.raises(ValueError, match="not share"):
        launch(page(), port=0, data_dir=tmp_path, look={"share": True})


# The clean end, of programs in processes of their own

signals_between_processes = pytest.mark.skipif(os.name == "nt", reason="Windows has no signals between processes")


class ClosingEngine:
    def close(self) -> None:
        print("engine closed", flush=True)


def nothing_more() -> None:
    """A stop that is quick."""


def take_a_minute() -> None:
    time.sleep(60)


def fail() -> None:
    raise OSError("disk full")


def program(folder: Path, more: Callable[[], None]) -> None:
    """Serve a page as app.py does; what it says goes to files."""
    for number, name in ((1, "said"), (2, "errors")):
        os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT), number)

    def save() -> None:
        print("saved", flush=True)
        more()

    serve(page(), ClosingEngine(), host="127.0.0.1", port=0, data_dir=folder, on_stop=[save])
    print("end", flush=True)


@pytest.fixture(scope="module")
def processes():
    """Starts processes that have imported this file already, so that each test need not wait for that."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_DEBUG", "1")  # must not keep it open
        context.Process(target=nothing_more).start()
    return context


class Served:
    """A started program and what it has said so far."""

    def __init__(self, process, folder: Path):
        self.process, self.folder = process, folder

    def wait_for(self, words: str) -> str:
        deadline = time.monotonic() + 60
        while not (said := self.folder / "said").exists() or not re.search(words, said.read_text()):
            assert self.process.is_alive() and time.monotonic() < deadline, self.errors()
            time.sleep(0.02)
        return re.search(words, said.read_text())[0]

    def ends(self) -> list[str]:
        """Wait for the end, and give the lines of what was done."""
        self.process.join(60)
        return [line for line in (self.folder / "said").read_text().splitlines() if line in ("saved", "engine closed", "end")]

    def errors(self) -> str:
        return (self.folder / "errors").read_text()


@pytest.fixture
def start(processes, tmp_path):
    started = []

    def start(more: Callable[[], None] = nothing_more) -> Served:
        process = processes.Process(target=program, args=(tmp_path, more))
        process.start()
        started.append(process)
        return Served(process, tmp_path)

    yield start
    for process in started:
        process.kill()
        process.join()


@signals_between_processes
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["TERM", "INT"])
def test_a_signal_saves_stops_and_ends_with_zero(start, number):
    served = start()
    port = int(served.wait_for(r"(?<=:)\d+(?=/)"))
    watcher = http.client.HTTPConnection("127.0.0.1", port, timeout=60)  # an open page: its heartbeat must not hold us up
    watcher.request("GET", "/gradio_api/heartbeat/abc")
    assert watcher.getresponse().status == 200
    os.kill(served.process.pid, number)
    assert served.ends() == ["saved", "engine closed", "end"]
    assert served.process.exitcode == 0, served.errors()  # 1 where it took longer than FAREWELL


@signals_between_processes
def test_a_second_signal_ends_a_slow_stop_at_once(start):
    served = start(take_a_minute)
    served.wait_for("is open at")
    os.kill(served.process.pid, signal.SIGTERM)
    served.wait_for("saved")
    os.kill(served.process.pid, signal.SIGTERM)
    assert served.ends() == ["saved"]
    assert served.process.exitcode == 128 + signal.SIGTERM  # 1 where FAREWELL ended it


@signals_between_processes
def test_a_stop_that_fails_still_stops_the_rest_and_says_so(start):
    served = start(fail)
    served.wait_for("is open at")
    os.kill(served.process.pid, signal.SIGTERM)
    assert served.ends() == ["saved", "engine closed"]
    assert served.process.exitcode == 1 and "disk full" in served.errors()
