"""When the server goes and comes back: everybody is told, it ends in time, and open pages go on by themselves."""

import asyncio
import http.client
import multiprocessing
import os
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from bench.wire import Hung, Line
from genmodels.engine import Engine
from genmodels.ui.serve import serve

from .explore_page import PICTURE, at, pixels, settle

BUNDLED = Path(__file__).parents[1] / "checkpoints"
MODELS = "mnist-vae-2d", "mnist-classifier", "mnist-diffusion"
AWAY = '[data-testid="away"]'

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no signals between processes")


def program(folder: Path, port: int) -> None:
    """The page over a folder of models, as app.py serves it; what it says goes to files."""
    from starlette.middleware import Middleware

    from genmodels.ui import page
    from genmodels.ui.live.routes import LiveRoutes
    from genmodels.ui.theme import ASSETS, look
    for number, name in ((1, "said"), (2, "errors")):
        os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    engine = Engine(folder / "models", device="cpu", cache=folder / "cache")
    serve(page(engine, MODELS[0]), engine, host="127.0.0.1", port=port, data_dir=folder,
          middleware=[Middleware(LiveRoutes, engine=engine, assets=ASSETS)], look=look())


def nothing() -> None:
    """A process that only shows that the others can be started."""


class Server:
    """A program on a port of its own, that can be stopped, killed and started again."""

    def __init__(self, context, folder: Path):
        self.context, self.folder, self.process = context, folder, None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self) -> "Server":
        self.process = self.context.Process(target=program, args=(self.folder, self.port))
        self.process.start()
        deadline = time.monotonic() + 60
        while not self.healthy():
            assert self.process.is_alive() and time.monotonic() < deadline, (self.folder / "errors").read_text()
            time.sleep(0.05)
        return self

    def healthy(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def signal(self, number: int) -> None:
        os.kill(self.process.pid, number)

    def ended(self) -> int:
        self.process.join(60)
        return self.process.exitcode


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("served")
    for name in MODELS:
        shutil.copytree(BUNDLED / name, folder / "models" / name)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "genmodels.ui.live.routes"])
    context.Process(target=nothing).start()
    server = Server(context, folder)
    yield server
    if server.process and server.process.is_alive():
        server.process.kill()
        server.process.join()


@pytest.fixture
def running(server) -> Server:
    """The server, as it may have been left by another test, or started."""
    return server if server.process and server.process.is_alive() and server.healthy() else server.start()


@pytest.fixture
def open_page(running, browser) -> Iterator[Callable]:
    """An open view of the page. It may not fail; what the browser itself says of connections that break is no failure."""
    contexts, failures = [], []

    def view(query: str):
        contexts.append(browser.new_context(viewport={"width": 1280, "height": 900}))
        page = contexts[-1].new_page()
        page.set_default_timeout(60000)
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.goto(f"{running.url}/?{query}")
        page.wait_for_selector(f'{PICTURE}:not([data-ms="0"])')
        settle(page)
        return page

    yield view
    for context in contexts:
        context.close()
    assert not failures


# Everybody is told


def test_a_stop_tells_everybody_and_ends_with_zero_while_all_are_busy(running):
    address = "127.0.0.1", running.port

    async def busy():
        talks = [await Line(*address).talk("/live/decode/mnist-vae-2d") for _ in range(5)]
        slow = asyncio.create_task(Line(*address).ask("/live/decode/mnist-diffusion?n=40&steps=1000", "POST", np.zeros(40 * 794, "<f4").tobytes()))
        uploading, uploader = await asyncio.open_connection(*address)
        uploader.write(f"POST /gradio_api/upload HTTP/1.1\r\nHost: 127.0.0.1:{address[1]}\r\nContent-Type: multipart/form-data; boundary=b\r\n"
                       "Content-Length: 100000\r\n\r\n--b\r\n".encode())
        stream, listener = await asyncio.open_connection(*address)
        listener.write(f"GET /gradio_api/heartbeat/abc HTTP/1.1\r\nHost: 127.0.0.1:{address[1]}\r\n\r\n".encode())
        await stream.readuntil(b"\r\n\r\n")
        talks[0].send(bytes(8))
        assert len(await talks[0].receive()) == 784
        running.signal(signal.SIGTERM)
        ends = []
        for talk in talks:
            with pytest.raises(Hung) as end:
                await talk.receive()
            ends.append((end.value.code, end.value.reason))
        answers = await slow, (await uploading.read()).decode()
        uploader.close()
        listener.close()
        return ends, answers

    ends, (slow, upload) = asyncio.run(asyncio.wait_for(busy(), 60))
    sentence = "The server is restarting. This page goes on by itself as soon as it is back."
    assert ends == [(1012, sentence)] * 5
    assert (slow.status, slow.body.decode()) == (503, sentence) and slow.headers["retry-after"] == "2"
    assert upload.startswith("HTTP/1.1 503") and upload.endswith(sentence)
    assert running.ended() == 0, (running.folder / "errors").read_text()  # 1 where it takes longer than eight seconds


# Open pages recover


def restart(server: Server, number: int = signal.SIGTERM) -> None:
    server.signal(number)
    server.ended()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["TERM", "KILL"])
def test_a_page_says_that_the_server_is_away_and_its_next_move_works_when_it_is_back(open_page, running, number):
    page = open_page("model=mnist-vae-2d&road=server")
    before = pixels(page)
    restart(running, number)
    page.mouse.move(*at(page, 0.15, 0.2))
    page.wait_for_selector(AWAY)
    assert "goes on by itself" in page.locator(AWAY).inner_text() and page.locator("text=Connection Lost").count() == 0
    heard = []
    page.on("websocket", lambda talk: talk.on("framereceived", lambda frame: heard.append(frame)))
    running.start()
    page.wait_for_selector(AWAY, state="detached")
    page.wait_for_selector("text=The server is back.")
    page.mouse.move(*at(page, 0.8, 0.75))
    settle(page)
    assert np.abs(pixels(page) - before).mean() > 5
    for k in range(600):
        page.mouse.move(*at(page, 0.2 + 0.03 * (k % 20), 0.5))
        page.wait_for_timeout(50)
        if heard:
            break
    assert heard  # the quick road is open again


def test_a_network_that_is_lost_for_a_while_costs_nothing(open_page):
    page = open_page("model=mnist-vae-2d&road=server")
    before = pixels(page)
    page.context.set_offline(True)
    page.wait_for_selector(AWAY)
    assert "no network" in page.locator(AWAY).inner_text()
    page.context.set_offline(False)
    page.wait_for_selector(AWAY, state="detached")
    page.mouse.move(*at(page, 0.15, 0.2))
    settle(page)
    assert np.abs(pixels(page) - before).mean() > 5


def test_a_considered_request_is_repeated_when_the_server_is_back(open_page, running):
    page = open_page("model=mnist-vae-2d&road=server")
    restart(running)
    page.evaluate("""async () => {
      const modules = performance.getEntriesByType('resource').map(e => e.name), at = (name) => modules.find(one => one.endsWith(`/js/${name}.js`));
      const { prior } = await import(at('considered')), { modelNamed } = await import(at('catalogue'));
      prior(modelNamed('mnist-vae-2d'), 3, 7, 'normal').then(z => { window.found = [...z]; });
    }""")
    page.wait_for_selector(AWAY)
    running.start()
    page.wait_for_function("window.found")
    expected = Engine(running.folder / "models", device="cpu", cache=running.folder / "cache").prior("mnist-vae-2d", 3, 7)
    assert np.allclose(page.evaluate("window.found"), expected.ravel())


def test_a_page_from_before_an_update_offers_to_be_loaded_again(open_page, running):
    page = open_page("model=mnist-vae-2d&road=server")
    restart(running)
    page.wait_for_selector(AWAY)
    weights = running.folder / "models" / "mnist-vae-2d" / "model.safetensors"
    save_file({name: values * 1.01 for name, values in load_file(weights).items()}, weights)
    page.evaluate("window.before = true")
    running.start()
    button = page.locator(".lp-say button", has_text="Reload")
    button.wait_for()
    assert "this page was updated" in page.locator(".lp-says").inner_text()
    button.click()
    page.wait_for_function("!window.before")
    page.wait_for_selector(f'{PICTURE}:not([data-ms="0"])')
    settle(page)
