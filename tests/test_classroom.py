"""A class on one laptop, seen from the server: its addresses, its codes, who may lead, and what every page is told"""

import asyncio
import http.client
import io
import re
import socket
from contextlib import ExitStack

import gradio as gr
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from genmodels.engine import Engine
from genmodels.ui import addresses, classroom
from genmodels.ui.classroom import Classroom, Page
from genmodels.ui.serve import _free

from .class_kit import WAIT, outside, page, served
from .live_kit import page_files

HOME = "127.0.0.1"
PATIENCE = 0.3  # seconds, of the class in these tests


@pytest.fixture(scope="module")
def there(made, tmp_path_factory):
    """A classroom that is served."""
    folder = tmp_path_factory.mktemp("class")
    engine = Engine(made, device="cpu", cache=folder / "cache")
    with gr.Blocks(analytics_enabled=False) as blocks:
        gr.Markdown("The page")
    with served(blocks, engine, _free("0.0.0.0", 0), folder / "data", page_files(folder / "assets"), patience=PATIENCE) as (room, _):
        yield room
    engine.close()


@pytest.fixture
def room(there):
    yield there
    with page(HOME, there.port) as teacher:  # the next test finds nobody leading
        teacher.says(stop=True)
        teacher.hears(view=None)


def ask(room, host, path, method="GET"):
    connection = http.client.HTTPConnection(host, room.port, timeout=WAIT)
    connection.request(method, f"/live/class/{path}")
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, answer.headers, text


# Addresses and codes


def test_every_address_of_the_machine_is_one_that_answers():
    with socket.create_server(("0.0.0.0", 0)) as server:
        for address in addresses.network_addresses():
            assert not address.startswith(("127.", "169.254."))
            socket.create_connection((address, server.getsockname()[1]), timeout=WAIT).close()


def test_without_a_way_out_the_interfaces_still_tell(monkeypatch):
    known = outside()
    monkeypatch.setattr(addresses, "_way_out", lambda: None)
    assert known in addresses.network_addresses()


def test_a_machine_in_no_network_says_so_and_what_to_do(monkeypatch):
    monkeypatch.setattr(classroom, "network_addresses", lambda: [])
    out = io.StringIO()
    Classroom(7860).invite(out)
    assert "no network" in out.getvalue() and "http://127.0.0.1:7860" in out.getvalue() and "hotspot" in out.getvalue()


@pytest.mark.parametrize("encoding, drawn", [("utf-8", True), ("ascii", False), ("cp1252", False)])
def test_the_terminal_gets_address_key_and_a_code_that_it_can_write(encoding, drawn, monkeypatch):
    monkeypatch.setattr(classroom, "network_addresses", lambda: ["192.168.1.5", "10.0.0.7"])
    raw = io.BytesIO()
    room, out = Classroom(7860), io.TextIOWrapper(raw, encoding=encoding, errors="replace" if not drawn else "strict")
    room.invite(out)
    text = raw.getvalue().decode(encoding)
    assert "http://192.168.1.5:7860  or  http://10.0.0.7:7860" in text and f"?teacher={room.key}" in text
    assert ("█" in text) == drawn


def test_port_80_is_not_said(monkeypatch):
    monkeypatch.setattr(classroom, "network_addresses", lambda: ["192.168.1.5"])
    assert Classroom(80).addresses() == ["http://192.168.1.5"]


def test_a_teachers_page_gets_codes_and_a_students_does_not(room):
    status, headers, text = ask(room, HOME, "qr.svg?text=http%3A%2F%2F192.168.1.5%3A7860%2F")
    assert status == 200 and headers["Content-Type"] == "image/svg+xml" and text.count("<path") == 2
    assert ask(room, outside(), "qr.svg?text=http%3A%2F%2F192.168.1.5%3A7860%2F")[0] == 403
    assert ask(room, outside(), f"qr.svg?text=http%3A%2F%2F192.168.1.5%3A7860%2F&teacher={room.key}")[0] == 200


@pytest.mark.parametrize("text", ["", "javascript:alert(1)", "http://a/?" + 1300 * "x"])
def test_a_code_of_anything_but_a_short_address_is_refused_in_a_sentence(room, text):
    status, _, said = ask(room, HOME, f"qr.svg?text={text}")
    assert status == 400 and said.startswith("A QR code holds an address of at most")


# Leading and following


def test_the_view_of_the_teacher_reaches_those_there_and_those_who_come_late(room):
    with page(HOME, room.port) as teacher, page(outside(), room.port) as early:
        assert early.knows["view"] is None and early.knows["teacher"] is False and "addresses" not in early.knows
        assert teacher.knows["teacher"] is True and teacher.knows["addresses"] == room.addresses()
        teacher.leads("model=a", take=True)
        teacher.hears(leads=True)
        early.hears(view="model=a")
        with page(outside(), room.port) as late:
            late.hears(view="model=a")
            teacher.leads("model=b")
            for student in early, late:
                assert student.hears(view="model=b")["leads"] is False


def test_forty_students_get_one_message_for_one_view(room):
    with ExitStack() as stack:
        students = [stack.enter_context(page(outside(), room.port)) for _ in range(40)]
        teacher = stack.enter_context(page(HOME, room.port))
        teacher.hears(pages=40, following=40)
        before = [len(student.messages) for student in students]
        teacher.leads("model=a", take=True)
        for student, many in zip(students, before, strict=True):
            student.hears(view="model=a")
            assert len(student.messages) == many + 1 and student.messages[-1] == {"view": "model=a"}


def test_a_page_that_reads_slowly_gets_the_newest_and_not_the_way_there():
    class Socket:
        sent = []

        async def send_json(self, news):
            self.sent.append(news)
            await asyncio.sleep(0)

    async def told_faster_than_it_reads():
        one = Page(Socket(), teacher=False)
        for k in range(100):
            one.tell(view=f"point=seed:{k}")
        task = asyncio.create_task(one.send_news())
        while not Socket.sent:
            await asyncio.sleep(0)
        task.cancel()

    asyncio.run(told_faster_than_it_reads())
    assert Socket.sent == [{"view": "point=seed:99"}]


def test_the_teacher_is_told_how_many_are_open_and_how_many_follow(room):
    with page(HOME, room.port) as teacher:
        teacher.hears(pages=0, following=0)
        with page(outside(), room.port) as student, page(outside(), room.port):
            teacher.hears(pages=2, following=2)
            student.says(follows=False)
            teacher.hears(pages=2, following=1)
            assert "pages" not in student.knows
        teacher.hears(pages=0, following=0)


@pytest.mark.parametrize("message", [{"lead": "k", "view": "model=evil", "take": True}, {"stop": True}, {"reset": ""}])
def test_a_student_cannot_lead_stop_or_reset(room, message):
    resets = room.resets
    with page(HOME, room.port) as teacher, page(outside(), room.port) as student, page(outside(), room.port) as other:
        teacher.leads("model=a", take=True)
        student.hears(view="model=a")
        student.says(**message)
        with pytest.raises(ConnectionClosed, match="Only the teacher's page leads"):
            student.hears(view="never")
        teacher.leads("model=b")
        assert other.hears(view="model=b")["resets"] == resets


def test_the_printed_key_lets_another_machine_lead(room):
    with page(outside(), room.port, f"?teacher={room.key}") as teacher, page(outside(), room.port) as student:
        assert teacher.knows["teacher"] is True
        teacher.leads("model=c", take=True)
        student.hears(view="model=c")
    with page(outside(), room.port, "?teacher=wrong") as stranger:
        assert stranger.knows["teacher"] is False


def test_when_the_teacher_stops_the_students_are_told_that_nobody_leads(room):
    with page(HOME, room.port) as teacher, page(outside(), room.port) as student:
        teacher.leads("model=a", take=True)
        student.hears(view="model=a")
        teacher.says(stop=True)
        student.hears(view=None)
        teacher.leads("model=b", key="k")  # a page that leads goes on after a break of the server's
        assert student.hears(view="model=b")["view"] == "model=b"


def test_a_reloaded_teachers_page_leads_on_and_one_that_stays_away_does_not(room):
    with page(outside(), room.port) as student:
        with page(HOME, room.port) as teacher:
            teacher.leads("model=a", key="mine", take=True)
            student.hears(view="model=a")
        with page(HOME, room.port) as teacher:
            teacher.hears(view="model=a")
            teacher.leads("model=b", key="mine")
            teacher.hears(leads=True)
            student.hears(view="model=b")
        assert student.hears(view=None)["view"] is None  # after PATIENCE


def test_of_two_teachers_the_one_who_asked_last_leads(room):
    with page(HOME, room.port) as first, page(HOME, room.port) as second, page(outside(), room.port) as student:
        first.leads("model=a", key="one", take=True)
        first.hears(leads=True)
        second.leads("model=x", key="two")  # does not ask to take over
        second.hears(leads=False, view="model=a")
        second.leads("model=b", key="two", take=True)
        assert first.hears(leads=False)["view"] == "model=b"
        first.leads("model=c", key="one")
        second.leads("model=d", key="two")
        student.hears(view="model=d")
        assert "model=c" not in [message.get("view") for message in student.messages]


@pytest.mark.parametrize("text", ["no json", "[]", '{"view": "' + 70_000 * "x" + '"}', 20_000 * "["])
def test_what_is_no_message_of_the_page_ends_the_conversation_of_that_page_alone(room, text):
    with page(outside(), room.port) as student, page(HOME, room.port) as teacher:
        student.socket.send(text)
        with pytest.raises(ConnectionClosed, match="no message of this page"):
            student.hears(view="never")
        teacher.hears(pages=0)


def test_a_page_of_another_site_is_not_let_in(room):
    with pytest.raises(InvalidStatus), page(HOME, room.port, origin="http://evil.example"):
        pass


@pytest.mark.parametrize("limit", ["MOST_PAGES", "EACH"])
def test_more_pages_than_there_is_room_for_are_refused_but_the_teachers_is_not(room, monkeypatch, limit):
    monkeypatch.setattr(classroom, limit, 1)
    with page(outside(), room.port), page(HOME, room.port), page(outside(), room.port, f"?teacher={room.key}") as teacher:
        assert teacher.hears(pages=1)
        with pytest.raises(InvalidStatus), page(outside(), room.port):
            pass


# The next class


def test_a_reset_tells_every_page_and_ends_leading(room):
    before = room.resets
    with page(HOME, room.port) as teacher, page(outside(), room.port) as student:
        teacher.leads("model=a", take=True)
        student.hears(view="model=a")
        start = student.knows["start"]
        teacher.says(reset="model=b&hide=tabs")
        assert student.hears(resets=before + 1, first="model=b&hide=tabs")["view"] is None
    with page(outside(), room.port) as woken:  # a page that slept through it can tell that it did
        assert woken.knows["resets"] == before + 1 and woken.knows["start"] == start and woken.knows["first"] == "model=b&hide=tabs"


def test_a_page_that_begins_again_is_another_visitor(room):
    status, headers, _ = ask(room, outside(), "visitor", method="DELETE")
    assert status == 204 and re.search(r"latent-playground=.*Max-Age=0", headers["Set-Cookie"])
    assert ask(room, HOME, "visitor")[0] == 404
