"""Who asks: a cookie that tells visitors apart, an address for those who throw it away, and a cap on what each of them may wait for."""

import os
import re

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient

from genmodels.ui.live.waiting import Refused, Waiting
from genmodels.ui.visitors import COOKIE, KEPT, SECRET, Visitors, asked_by, asking, kept_secret, visitor


async def who(request: Request) -> JSONResponse:
    seen = visitor(request.scope)
    return JSONResponse([seen.key, seen.home, seen.named])


async def file(request: Request) -> PlainTextResponse:
    return PlainTextResponse("the same for everybody", headers={"Cache-Control": "public, max-age=31536000, immutable"})


async def talk(socket) -> None:
    await socket.accept()
    await socket.send_text(visitor(socket.scope).key)
    await socket.close()


@pytest.fixture(scope="module")
def app():
    return Visitors(Starlette(routes=[Route("/", who), Route("/who", who), Route("/file", file), WebSocketRoute("/talk", talk)]))


@pytest.fixture
def arrive(app):
    """A browser that has not been here, at an address."""
    return lambda address="192.168.1.7", scheme="http": TestClient(app, f"{scheme}://testserver", client=(address, 50000))


def key(client: TestClient, **headers: str) -> str:
    return client.get("/", headers=headers).json()[0]


def test_the_first_answer_gives_a_cookie_and_the_second_knows_whose_it_is(arrive):
    browser = arrive()
    first = browser.get("/")
    assert first.json()[0] == "192.168.1.7"  # nobody yet: whoever throws the cookie away stays at this
    assert re.fullmatch(rf"{COOKIE}=[\w.-]+; Path=/; Max-Age={KEPT}; HttpOnly; SameSite=Lax", first.headers["set-cookie"])
    second = browser.get("/who")
    assert "set-cookie" not in second.headers and second.json()[0] == key(browser) != "192.168.1.7"
    assert [first.json()[2], second.json()[2]] == [False, True]


def test_whoever_opens_the_page_again_keeps_the_same_name_for_longer(arrive):
    browser = arrive()
    first = browser.get("/").headers["set-cookie"]
    assert browser.get("/").headers["set-cookie"] == first and "set-cookie" not in browser.get("/file").headers


def test_the_secret_outlives_the_program_and_is_for_its_user_alone(tmp_path):
    def started() -> TestClient:
        return TestClient(Visitors(Starlette(routes=[Route("/", who)]), secret=kept_secret(tmp_path / "data")), client=("192.168.1.7", 1))

    first, second = started(), started()
    cookie = first.get("/").cookies[COOKIE]
    assert second.get("/", headers={"cookie": f"{COOKIE}={cookie}"}).json() == [cookie.split(".")[0], False, True]
    path = tmp_path / "data" / SECRET
    assert len(path.read_bytes()) == 32 and (os.name == "nt" or path.stat().st_mode & 0o777 == 0o600)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_a_secret_that_others_could_read_is_closed_again(tmp_path):
    said = kept_secret(tmp_path)
    (tmp_path / SECRET).chmod(0o644)
    assert kept_secret(tmp_path) == said and (tmp_path / SECRET).stat().st_mode & 0o777 == 0o600


def test_a_damaged_secret_and_a_folder_that_keeps_nothing_are_logged_and_the_page_works(tmp_path, caplog):
    (tmp_path / SECRET).write_bytes(b"")
    assert len(kept_secret(tmp_path)) == 32 and "damaged" in caplog.text
    (tmp_path / "file").write_text("no folder")
    assert len(kept_secret(tmp_path / "file")) == 32 and "not kept" in caplog.text


def test_what_is_done_for_somebody_is_known_to_be(arrive):
    one = visitor({"client": ("127.0.0.1", 1), "headers": []})
    assert asking() is None
    with asked_by(one):
        assert asking() is one
    assert asking() is None


def test_two_browsers_at_one_address_are_two_visitors(arrive):
    one, other = arrive(), arrive()
    assert key(one) == key(other) == "192.168.1.7"
    assert len({key(one), key(other), "192.168.1.7"}) == 3


def test_over_https_the_cookie_lives_in_another_sites_frame(arrive):
    for said in (arrive(scheme="https").get("/"), arrive().get("/", headers={"X-Forwarded-Proto": "https"})):
        assert said.headers["set-cookie"].endswith("; HttpOnly; SameSite=None; Secure; Partitioned")


def test_a_web_socket_carries_the_cookie_or_brings_it(arrive):
    browser = arrive()
    with browser.websocket_connect("/talk") as socket:
        assert socket.receive_text() == "192.168.1.7"
        assert dict(socket.extra_headers)[b"set-cookie"].startswith(COOKIE.encode())
    browser.get("/")
    with browser.websocket_connect("/talk") as socket:
        assert socket.receive_text() == key(browser) != "192.168.1.7"


@pytest.mark.parametrize("change", [lambda cookie: "x" * 22 + "." + "y" * 22, lambda cookie: cookie[:-1] + ("A" if cookie[-1] != "A" else "E"),
                                    lambda cookie: "yx"[cookie[0] != "x"] + cookie[1:], lambda cookie: cookie.split(".")[0], lambda cookie: "",
                                    lambda cookie: '"\\;'])
def test_a_cookie_that_somebody_made_up_is_none(arrive, change):
    browser = arrive()
    real = browser.get("/").cookies[COOKIE]
    browser.cookies.clear()
    assert key(browser, cookie=f"{COOKIE}={change(real)}") == "192.168.1.7"
    browser.cookies.clear()
    assert key(browser, cookie=f"other=1; {COOKIE}={real}; more=2") == real.split(".")[0]


def test_what_caches_may_keep_brings_no_cookie(arrive):
    assert "set-cookie" not in arrive().get("/file").headers


@pytest.mark.parametrize("address, headers, home", [
    ("127.0.0.1", {}, True), ("::1", {}, True), ("192.168.1.7", {}, False), ("testclient", {}, False),
    ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, False), ("127.0.0.1", {"Forwarded": "for=127.0.0.1"}, False)])
def test_at_home_is_who_sits_at_this_machine_and_comes_through_no_proxy(arrive, address, headers, home):
    assert arrive(address).get("/", headers=headers).json()[1] is home


def test_where_nobody_sits_at_the_machine_nobody_is_at_home_from_whatever_address():
    space = TestClient(Visitors(Starlette(routes=[Route("/", who)]), home=False), client=("127.0.0.1", 50000))
    assert [space.get("/").json()[1] for _ in range(2)] == [False, False]


# Caps


def test_beyond_the_own_cap_it_is_refused_at_once_and_nobody_else_is():
    waiting = Waiting(each=2)
    with waiting.answering("a", 1), waiting.answering("a", 1):
        with pytest.raises(Refused, match="2 of your requests are waiting") as refusal, waiting.answering("a", 1):
            raise AssertionError
        assert refusal.value.status == 429
        with waiting.answering("b", 1):
            pass
    with waiting.answering("a", 1):
        pass


def test_rows_are_capped_as_well_but_one_request_may_have_them_all():
    waiting = Waiting(rows=10)
    with waiting.answering("a", 10):
        with pytest.raises(Refused, match="waiting for 10 pictures already; 10 at a time"), waiting.answering("a", 1):
            raise AssertionError
    with waiting.answering("a", 10):
        pass


def test_a_full_queue_is_a_503_for_everybody():
    waiting = Waiting(each=2, most=3)
    with waiting.answering("a", 1), waiting.answering("a", 1), waiting.answering("b", 1):
        with pytest.raises(Refused, match="try again in a moment") as refusal, waiting.answering("c", 1):
            raise AssertionError
        assert refusal.value.status == 503


def test_what_is_over_is_forgotten_also_after_an_accident():
    waiting = Waiting()
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), waiting.talking("a"), waiting.answering("a", 5):
            raise ZeroDivisionError
    assert not waiting.requests and not waiting.rows and not waiting.talks and waiting.all == 0
