"""Fair turns: nobody's hundred requests delay another's one, nobody gets another's picture, and who asks too much is told so at once."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
from starlette.middleware import Middleware

from bench.students import drag, open_pages
from bench.wire import Hung, Line
from genmodels.engine import Engine, Sampling
from genmodels.engine._paths import Paths
from genmodels.ui.live.routes import LiveRoutes
from genmodels.ui.live.waiting import ALL, EACH, TALKS_EACH
from genmodels.ui.serve import launch
from genmodels.ui.shares import EACH as CALLS_EACH

from .engine_kit import close_to, holding
from .live_kit import page_files

STUDENTS, VALUES = 30, 50


@pytest.fixture
def held(engine):
    """The engine, held inside its first batch; a batch has room for three rows."""
    with holding(engine) as held:
        yield held


def ask(held, whose: str | None, rows: int, name: str = "vae"):
    return held.engine.submit("decode", name, np.zeros((rows, 3)), whose=whose)


def order(held, *futures) -> list[int]:
    """Which of these futures were answered, in that order."""
    seen, all_done = [], threading.Event()
    for k, future in enumerate(futures):
        future.add_done_callback(lambda _, k=k: (seen.append(k), len(seen) == len(futures) and all_done.set()))
    held.release.set()
    assert all_done.wait(20)
    return seen


# Turns in the engine


def test_forty_requests_of_one_do_not_delay_one_of_another(held):
    first = ask(held, "greedy", 1)
    held.entered.wait(10)
    greedy = [ask(held, "greedy", 3) for _ in range(40)]
    polite = ask(held, "polite", 1)
    assert order(held, first, *greedy, polite).index(41) <= 2
    assert held.batches[1] == ("vae", 3)  # and the rest of that batch was not left empty


def test_requests_for_other_models_are_no_way_around_the_turn(held):
    first = ask(held, "greedy", 1)
    held.entered.wait(10)
    greedy = [ask(held, "greedy", 6, name) for name in ("vae", "autoencoder") * 4]
    polite = ask(held, "polite", 1, "autoencoder")
    order(held, first, *greedy, polite)
    assert [name for name, _ in held.batches[:3]].count("autoencoder") >= 1
    assert order(held, polite, greedy[0]) and polite.done()


def test_everybody_has_a_turn_before_anybody_has_two(held):
    first = ask(held, "a", 1)
    held.entered.wait(10)
    jobs = [ask(held, whose, 3) for whose in ("a", "a", "a", "b", "b", "c")]
    seen = order(held, first, *jobs)
    a, b, c = (seen.index(k) for k in (1, 4, 6))
    assert max(b, c) < seen.index(2) and a < seen.index(3)


def test_requests_of_nobody_in_particular_each_have_their_turn(held):
    first = ask(held, None, 1)
    held.entered.wait(10)
    large, small = ask(held, None, 30), ask(held, None, 1)
    assert order(held, first, large, small) == [0, 2, 1]


def test_long_work_of_one_in_many_kinds_leaves_half_of_the_rows_to_another(live, monkeypatch):
    engine, z, begun, taken = live.engine, live.engine.prior("diffusion", 4, 1), threading.Event(), []
    engine.decode("diffusion", z)  # so that the model is there, and it is known how many rows are quick
    engine.decode("diffusion", z)
    moved = Paths._moved

    def counted(self, journey, piece, answer):
        begun.wait(10)
        taken.append((journey.job.whose, piece.rows))
        return moved(self, journey, piece, answer)

    monkeypatch.setattr(Paths, "_moved", counted)
    greedy = [engine.submit("decode", "diffusion", z, None, Sampling("ddim", 20 + k), "greedy") for k in range(12)]
    polite = engine.submit("decode", "diffusion", z[:1], None, Sampling("ddim", 10), "polite")
    begun.set()
    polite.result(30)
    for future in greedy:
        future.cancel()
    until = max(k for k, (whose, _) in enumerate(taken) if whose == "polite")
    assert taken[:until + 1].count(("polite", 1)) == 10 and len(taken[:until]) <= 2 * 10 + 8  # hardly more steps of the greedy one's went before


# Over real sockets


@pytest.fixture(scope="module")
def served(made, tmp_path_factory) -> Iterator:
    """The roads over tiny models on a real port, with a function of Gradio's that waits until it may go on."""
    folder, may_go, made_of = tmp_path_factory.mktemp("served"), threading.Event(), []

    class Roads(LiveRoutes):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            made_of.append(self)

    engine = Engine(made, device="cpu", cache=folder / "cache")
    def wait() -> bool:
        return may_go.wait(30)

    with gr.Blocks(analytics_enabled=False) as blocks:
        gr.api(wait, concurrency_limit=1)
    running = launch(blocks, port=0, data_dir=folder, middleware=[Middleware(Roads, engine=engine, assets=page_files(folder / "assets"))])
    yield SimpleNamespace(port=running.port, engine=engine, may_go=may_go, waiting=lambda: made_of[0].asking.waiting)
    may_go.set()
    running.close()
    engine.close()


async def arrived(served) -> Line:
    """A browser that has its cookie."""
    line = Line("127.0.0.1", served.port)
    assert (await line.ask("/live/catalogue.json")).status == 200 and line.cookie
    return line


def test_thirty_students_values_never_cross(served):
    z = served.engine.prior("vae", STUDENTS * VALUES, 5)
    expected = served.engine.decode("vae", z)
    assert len({picture.tobytes() for picture in expected}) > 0.9 * len(expected)

    async def student(k: int) -> int:
        line, wrong = await arrived(served), 0
        talk = await line.talk("/live/decode/vae")
        for n in range(k, len(z), STUDENTS):
            if n % 5:
                talk.send(z[n].tobytes())
                answer = await talk.receive()
            else:
                answer = (await line.ask("/live/decode/vae?n=1", "POST", z[n].tobytes())).body
            wrong += not close_to(np.frombuffer(answer, np.uint8).reshape(1, 8, 8, 1), expected[n:n + 1])
        talk.close()
        line.close()
        return wrong

    async def lesson():
        return await asyncio.gather(*map(student, range(STUDENTS)))

    assert sum(asyncio.run(lesson())) == 0


def test_a_greedy_visitor_is_refused_at_once_and_a_polite_one_is_answered(served):
    z = served.engine.prior("vae", 1, 99).tobytes()

    async def both():
        greedy, polite = await arrived(served), await arrived(served)
        with holding(served.engine) as held:
            lines = [Line("127.0.0.1", served.port, greedy.cookie) for _ in range(EACH)]
            waiting = [asyncio.create_task(line.ask("/live/decode/vae?n=1", "POST", served.engine.prior("vae", 1, 100 + k).tobytes()))
                       for k, line in enumerate(lines)]
            await asyncio.to_thread(held.entered.wait, 10)
            while sum(served.waiting().requests.values()) < EACH:
                await asyncio.sleep(0.01)
            talk = await greedy.talk("/live/decode/vae")
            talk.send(z)
            refused = [await talk.receive(), await Line("127.0.0.1", served.port, greedy.cookie).ask("/live/decode/vae?n=1", "POST", z)]
            asked = asyncio.create_task(polite.ask("/live/decode/vae?n=1", "POST", z))
            held.release.set()
            return refused, await asked, [(await each).status for each in waiting]

    (by_talk, by_post), polite, others = asyncio.run(both())
    assert by_post.status == 429 and by_post.body.decode() == by_talk == f"{EACH} of your requests are waiting already; " \
        "let some of them be answered before you ask for more."
    assert polite.status == 200 and others == [200] * EACH


def test_a_full_queue_refuses_in_a_sentence_at_once(served):
    async def full():
        line = await arrived(served)
        with ExitStack() as everybody:
            for k in range(ALL):
                everybody.enter_context(served.waiting().answering(f"visitor {k}", 1))
            began = time.monotonic()
            answer = await line.ask("/live/decode/vae?n=1", "POST", bytes(12))
            return answer, time.monotonic() - began, (await line.ask("/live/catalogue.json")).status

    answer, seconds, elsewhere = asyncio.run(full())
    assert answer.status == 503 and "try again in a moment" in answer.body.decode() and "retry-after" not in answer.headers
    assert seconds < 5 and elsewhere == 200


def test_one_visitor_may_have_only_so_many_sockets(served):
    async def many():
        line = await arrived(served)
        talks = [await Line("127.0.0.1", served.port, line.cookie).talk("/live/decode/vae") for _ in range(TALKS_EACH + 1)]
        with pytest.raises(Hung) as end:
            await talks[-1].receive()
        talks[0].send(bytes(12))
        answered = await talks[0].receive()
        for talk in talks:
            talk.close()
        return end.value, answered

    end, answered = asyncio.run(many())
    assert (end.code, "close a tab" in end.reason, len(answered)) == (1013, True, 64)


def test_gradios_queue_has_a_share_for_everybody(served):
    async def calls():
        greedy, polite = await arrived(served), await arrived(served)
        made = [await greedy.ask("/gradio_api/call/wait", "POST", b'{"data": []}', "application/json") for _ in range(CALLS_EACH + 1)]
        other = await polite.ask("/gradio_api/call/wait", "POST", b'{"data": []}', "application/json")
        served.may_go.set()
        return made, other

    made, other = asyncio.run(calls())
    assert [answer.status for answer in made] == [200] * CALLS_EACH + [429] and other.status == 200
    assert json.loads(made[-1].body) == {"detail": f"{CALLS_EACH} of your calls are waiting already; let some of them be answered before you make more."}


# The benchmark that measures this


def test_the_benchmark_counts_a_picture_that_is_another(served):
    z = served.engine.prior("vae", 6, 11)
    right = served.engine.decode("vae", z)
    wrong = np.where(np.arange(6)[:, None, None, None] == 3, 255 - right, right)
    for expected, found in ((right, 0), (wrong, 2)):
        dragged = asyncio.run(drag(served.port, "vae", z, expected, 2, 0.6, 10.0, False))
        assert (len(dragged.seconds), dragged.wrong, dragged.lost) == (12, found, 0) and min(dragged.seconds) > 0


def test_the_benchmark_opens_pages_as_browsers_do_and_says_what_failed(served):
    requests = [("GET", "/live/catalogue.json", b""), ("POST", "/live/decode/vae?n=1", bytes(12)), ("GET", "/live/nothing", b"")]
    seconds, errors = asyncio.run(open_pages(served.port, requests, ["/live/decode/vae"], 3, 0.1))
    assert len(seconds) == 3 and errors == ["404 /live/nothing"] * 3
