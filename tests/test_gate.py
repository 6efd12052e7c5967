"""The gate, the launch options and the clean end, seen from outside a real page that is served on this machine."""

import asyncio
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import gradio as gr
import pytest

from genmodels.ui.gate import LARGEST_BODY, Gate
from genmodels.ui.serve import launch

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
    try:
        status, headers, text = ask(path, "POST", iter(pieces), Content_Type=kind, **how)
    except (ConnectionResetError, BrokenPipeError):  # the server has answered and hung up while we were still sending
        assert not chunked
        status, headers, text = ask(path, "POST", b"", Content_Type=kind, **how)
    assert status == 413 and text == "This is too large: a request may have 8 MB." and headers["Connection"] == "close"


def test_a_body_just_below_the_limit_comes_through(ask):
    body = json.dumps({"data": ["x" * (8 << 20)]}).encode()
    assert len(body) < LARGEST_BODY and ask("/gradio_api/call/shout", "POST", body, Content_Type="application/json")[0] != 413


@pytest.mark.parametrize("path", ["/gradio_api/file=http://127.0.0.1:1/x", "/gradio_api/file=https://evil.example", "/gradio_api/file/http://127.0.0.1:1/x",
                                  "/gradio_api/proxy=http://127.0.0.1:1/x", "/proxy=x", "/gradio_api/file%3Dhttp%3A//x", "/gradio_api/FILE=HTTP://x",
                                  "/gradio_api/%70roxy=x", "/gradio_api/%2570roxy=x", "/?file=http://127.0.0.1:1/x", "/?a=%252Fproxy%253Dx"])
def test_nobody_makes_the_server_fetch_an_address(ask, path):
    assert ask(path)[0::2] == (400, "This server does not fetch addresses for anybody.")


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


PROGRAM = """
import sys, time
from pathlib import Path
import gradio as gr
from genmodels.ui.serve import serve

with gr.Blocks(analytics_enabled=False) as blocks:
    gr.Textbox()

class Engine:
    def close(self):
        print("engine closed", flush=True)

def save():
    print("saved", flush=True)
    {more}

serve(blocks, Engine(), host="127.0.0.1", port=0, data_dir=Path(sys.argv[1]), on_stop=[save])
print("end", flush=True)
"""


@pytest.fixture
def program(tmp_path):
    """A started program that serves a page, and the port that it serves."""
    started = []

    def program(more="pass"):
        process = subprocess.Popen([sys.executable, "-c", PROGRAM.format(more=more), str(tmp_path)], cwd=ROOT, text=True,
                                   env=os.environ | {"GRADIO_DEBUG": "1"}, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        started.append(process)
        return process, int(re.search(r":(\d+)/", process.stdout.readline())[1])

    yield program
    for process in started:
        process.kill()
        process.wait()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals between processes")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["TERM", "INT"])
def test_a_signal_saves_stops_and_ends_with_zero_within_ten_seconds(program, number):
    process, port = program()
    watcher = http.client.HTTPConnection("127.0.0.1", port, timeout=20)  # an open page: its heartbeat must not hold us up
    watcher.request("GET", "/gradio_api/heartbeat/abc")
    assert watcher.getresponse().status == 200
    began = time.monotonic()
    process.send_signal(number)
    out, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    assert time.monotonic() - began < 10
    assert [line for line in out.splitlines() if line in ("saved", "engine closed", "end")] == ["saved", "engine closed", "end"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals between processes")
def test_a_second_signal_ends_a_slow_stop_at_once(program):
    process, _ = program("time.sleep(60)")
    process.send_signal(signal.SIGTERM)
    while process.stdout.readline() != "saved\n":
        pass
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 128 + signal.SIGTERM and time.monotonic() - began < 2


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals between processes")
def test_a_stop_that_fails_still_stops_the_rest_and_says_so(program):
    process, _ = program("raise OSError('disk full')")
    process.send_signal(signal.SIGTERM)
    out, errors = process.communicate(timeout=30)
    assert process.returncode == 1 and "engine closed" in out and "disk full" in errors
