"""Long work for visitors: one at a time each, a few at once in all, the others in a line; stopped, failed, forgotten."""

import threading
import time
from contextlib import contextmanager

import pytest

from genmodels.hub import Stopped
from genmodels.ui.live.asking import Refused
from genmodels.ui.live.errands import OURS_TO_LOG, Errand, Errands

PATIENCE = 30.0  # seconds


@contextmanager
def held():
    """Work that goes on until it is let go, or stopped."""
    go = threading.Event()

    def work(errand):
        while not go.wait(0.01):
            if errand.stopped.is_set():
                raise Stopped("Nothing has happened.")
        return {"went": errand.text}

    yield work, go
    go.set()


def wait_for(condition) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_two_are_worked_on_at_once_and_the_others_see_their_place():
    errands = Errands(at_once=2)
    with held() as (work, go):
        all_four = [errands.start(visitor, "fetch", visitor, work) for visitor in "abcd"]
        assert [one.state for one in all_four] == ["working", "working", "waiting", "waiting"]
        assert [errands.ahead(one) for one in all_four] == [0, 0, 0, 1]
        errands.stop("c")
        assert all_four[2].state == "stopped" and errands.ahead(all_four[3]) == 0
        go.set()
        wait_for(lambda: all_four[3].state == "done")
        assert all_four[3].outcome == {"went": "d"}


def test_a_visitor_has_one_at_a_time_and_the_line_is_not_endless():
    errands = Errands(at_once=1, line=2)
    with held() as (work, _):
        errands.start("a", "fetch", "one/model", work)
        with pytest.raises(Refused, match="one/model is still on its way"):
            errands.start("a", "fetch", "another/model", work)
        errands.start("b", "fetch", "x/y", work), errands.start("c", "fetch", "x/y", work)
        with pytest.raises(Refused, match="Many others wait"):
            errands.start("d", "fetch", "x/y", work)


def test_one_that_ends_at_the_moment_of_its_stop_has_ended(monkeypatch):
    errands, asked = Errands(), Errand.under_way.fget
    with held() as (work, go), monkeypatch.context() as patch:
        errand = errands.start("a", "fetch", "x/y", work)

        def late(errand):
            before = asked(errand)
            go.set()
            wait_for(lambda: errand.state == "done")
            return before

        patch.setattr(Errand, "under_way", property(late))
        errands.stop("a")
    assert errand.state == "done" and not errand.under_way
    errands.stop("a")
    assert errands.of("a") is None


def test_closing_stops_all_that_goes_on():
    errands = Errands()
    with held() as (work, _):
        errand = errands.start("a", "fetch", "x/y", work)
        errands.close()
        wait_for(lambda: errand.state == "stopped")
        assert errand.sentence == "Nothing has happened."


def test_a_failure_without_words_goes_to_the_log(caplog):
    errands = Errands()
    errand = errands.start("a", "fetch", "x/y", lambda errand: {}["a secret"])
    wait_for(lambda: errand.state == "failed")
    assert errand.sentence == OURS_TO_LOG and "a secret" in caplog.text


def test_ended_errands_of_many_visitors_are_forgotten():
    errands = Errands(at_once=1)
    for k in range(300):
        errand = errands.start(str(k), "fetch", "x/y", lambda errand: {})
        wait_for(lambda errand=errand: not errand.under_way)
    assert len(errands.last) <= 257 and errands.of("299") and errands.of("0") is None
