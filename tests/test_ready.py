"""What is ready in memory: the page's frame and its files, made once, the same for everybody, and never what may change."""

import gzip
import re
from collections.abc import Iterator
from pathlib import Path

import brotli
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from genmodels.ui.ready import Ready
from genmodels.ui.serve import launch

from .test_gate import page

BIG = "the same words over and over; " * 100


@pytest.fixture
def asked() -> list[str]:
    """The paths that reached the app."""
    return []


@pytest.fixture
def client(asked, tmp_path) -> TestClient:
    async def answer(request: Request) -> Response:
        asked.append(request.url.path)
        said = {"/live/assets/0/a.js": "public, max-age=31536000, immutable", "/live/assets/0/b.js": "no-cache",
                "/live/models/mine/0/decoder.onnx": "private, max-age=31536000, immutable"}.get(request.url.path)
        status = 404 if "missing" in request.url.path else 200
        kind = "text/html" if request.url.path == "/" else "image/png" if request.url.path.endswith(".png") else "text/css"
        return Response(f"{request.headers.get('host')} {BIG}", status, media_type=kind, headers={"Cache-Control": said} if said else {})

    return TestClient(Ready(Starlette(routes=[Route("/{path:path}", answer)]), tmp_path))


@pytest.mark.parametrize("path", ["/", "/assets/core-DonAqEks.css", "/static/fonts.css", "/live/assets/0/a.js", "/theme.css?v=1"])
def test_what_stays_the_same_is_made_once(client, asked, path):
    first, second = client.get(path), client.get(path)
    assert first.text == second.text == f"testserver {BIG}" and first.headers == second.headers and len(asked) == 1


@pytest.mark.parametrize("path", ["/live/assets/0/b.js", "/live/models/mine/0/decoder.onnx", "/live/catalogue.json", "/assets/missing-DonAqEks.css",
                                  "/config", "/?deep_link=abc", "/gradio_api/info"])
def test_what_may_change_is_made_each_time(client, asked, path):
    assert client.get(path).status_code == client.get(path).status_code and len(asked) == 2


@pytest.mark.parametrize("encoding, unpack", [("br", brotli.decompress), ("gzip", gzip.decompress), ("identity", bytes)])
def test_the_frame_is_packed_as_the_browser_likes_it(client, encoding, unpack):
    with client.stream("GET", "/", headers={"Accept-Encoding": encoding}) as answer:
        raw = b"".join(answer.iter_raw())
    assert unpack(raw).decode() == f"testserver {BIG}" and int(answer.headers["content-length"]) == len(raw)
    assert answer.headers.get("content-encoding", "identity") == encoding
    assert encoding == "identity" or len(raw) < 300


def test_a_picture_is_not_packed_again(client):
    assert "content-encoding" not in client.get("/static/logo.png", headers={"Accept-Encoding": "gzip"}).headers


def test_a_browser_that_has_it_is_told_so(client):
    tag = client.get("/").headers["etag"]
    again = client.get("/", headers={"If-None-Match": tag})
    assert again.status_code == 304 and again.content == b"" and again.headers["etag"] == tag
    assert client.get("/", headers={"If-None-Match": '"old"'}).status_code == 200


def test_the_frame_says_where_it_was_asked_for(client):
    assert client.get("/", headers={"Host": "school.example"}).text.startswith("school.example")
    assert client.get("/").text.startswith("testserver")


def test_memory_is_bounded(client, asked, monkeypatch):
    monkeypatch.setattr("genmodels.ui.ready.ROOM", 2 * len(BIG) + 100)
    for path in "/static/a.css", "/static/b.css", "/static/a.css", "/static/c.css", "/static/a.css", "/static/b.css":
        client.get(path, headers={"Accept-Encoding": "identity"})
    assert asked == ["/static/a.css", "/static/b.css", "/static/c.css", "/static/b.css"]


# Gradio's own page


@pytest.fixture(scope="module")
def gradio(tmp_path_factory) -> Iterator[TestClient]:
    folder: Path = tmp_path_factory.mktemp("data")
    running = launch(page(), port=0, data_dir=folder)
    yield TestClient(running.blocks.server.config.loaded_app, f"http://127.0.0.1:{running.port}")
    running.close()


def test_gradios_page_is_the_same_from_memory_and_names_files_that_are_kept_for_ever(gradio):
    first, second = gradio.get("/"), gradio.get("/")
    assert first.text == second.text and "window.gradio_config" in first.text
    script = re.search(r'src="\./(assets/index-[\w-]+\.js)"', first.text)[1]
    kept = gradio.get(f"/{script}", headers={"Accept-Encoding": "br"})
    assert kept.headers["cache-control"] == "public, max-age=31536000, immutable" and kept.headers["content-encoding"] == "br"
    assert "set-cookie" not in kept.headers and kept.headers["x-content-type-options"] == "nosniff"
