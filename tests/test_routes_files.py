"""The page's files on the short roads: only those of the page, under addresses that name their content, compressed."""

import gzip
import time

import brotli
import pytest
from starlette.testclient import TestClient

from genmodels.ui.live.compressed import Compressed, chosen

from .live_kit import catalogue, page_files, roads


@pytest.fixture
def assets(tmp_path):
    return page_files(tmp_path / "assets")


@pytest.fixture
def client(assets, tmp_path):
    with roads(tmp_path / "checkpoints", assets, tmp_path / "cache") as live:
        yield TestClient(live)


def raw(client, address: str, accept: str):
    """Status, headers and body as they travel, nothing unpacked."""
    with client.stream("GET", address, headers={"accept-encoding": accept}) as answer:
        return answer.status_code, answer.headers, b"".join(answer.iter_raw())


def test_scripts_have_the_type_a_module_needs_and_addresses_of_their_content(client, assets):
    before = catalogue(client)["assets"]
    answer = client.get(f"{before}/js/map.js")
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8" and "immutable" in answer.headers["cache-control"]
    (assets / "js" / "map.js").write_text("export const map = 2;")
    after = catalogue(client)["assets"]
    assert before != after and client.get(f"{after}/js/map.js").text == "export const map = 2;"
    old = client.get(f"{before}/js/map.js")
    assert old.text == "export const map = 2;" and old.headers["cache-control"] == "no-cache"  # never kept under a name that is not its own


@pytest.mark.parametrize("path", ["secret.py", "../outside.js", "js/../../outside.js", "%2e%2e/outside.js", "..%2foutside.js", "js", "", "nope.js"])
def test_nothing_else_is_served(client, path):
    answer = client.get(f"{catalogue(client)['assets']}/{path}")
    assert "never served" not in answer.text
    assert answer.status_code == 404 or answer.text == "the page"  # the client has shortened the path itself


def test_the_runtime_keeps_its_address_when_a_script_changes(client, assets):
    (assets / "vendor" / "onnxruntime-web").mkdir(parents=True)
    (assets / "vendor" / "onnxruntime-web" / "ort.wasm").write_bytes(bytes(5000))
    before = catalogue(client)
    assert before["runtime"].endswith("/vendor/onnxruntime-web/")
    answer = client.get(before["runtime"] + "ort.wasm")
    assert answer.headers["content-type"] == "application/wasm" and answer.content == bytes(5000)
    (assets / "look.css").write_text("body {}")
    after = catalogue(client)
    assert (after["assets"] != before["assets"], after["runtime"]) == (True, before["runtime"])
    assert client.get(before["runtime"].replace("vendor/onnxruntime-web/", "look.css")).status_code == 404


@pytest.mark.parametrize("accept, encoding", [
    ("gzip, deflate, br", "br"), ("gzip, deflate", "gzip"), ("br;q=0, gzip;q=0.5", "gzip"), ("", "identity"), ("identity", "identity"), ("zstd", "identity"),
])
def test_a_client_gets_the_best_encoding_it_accepts(client, accept, encoding):
    assert chosen(accept) == encoding
    plain = ("export const map = 1;\n" * 100).encode()
    status, headers, body = raw(client, f"{catalogue(client)['assets']}/js/map.js", accept)
    unpack = {"br": brotli.decompress, "gzip": gzip.decompress, "identity": bytes}[encoding]
    assert status == 200 and unpack(body) == plain and headers["vary"] == "Accept-Encoding"
    assert headers.get("content-encoding", "identity") == encoding and int(headers["content-length"]) == len(body)


def test_a_better_copy_takes_the_place_of_the_quick_one(tmp_path):
    compressed = Compressed(tmp_path)
    content = b"".join(b"line %d of something that repeats\n" % (k * k % 97) for k in range(3000))
    quick = compressed.get("key", "br", lambda: content)
    until = time.monotonic() + 20
    while not (tmp_path / "key.best.br").exists() and time.monotonic() < until:
        time.sleep(0.02)
    best = compressed.get("key", "br", lambda: pytest.fail("the copy was not used"))
    assert brotli.decompress(quick) == brotli.decompress(best) == content
    assert len(best) < len(quick)


def test_a_folder_that_cannot_be_written_does_not_keep_the_page_from_loading(tmp_path, caplog):
    (tmp_path / "cache").write_text("a file where a folder should be")
    assert gzip.decompress(Compressed(tmp_path / "cache").get("key", "gzip", lambda: b"content")) == b"content"
    assert "is not kept" in caplog.text
