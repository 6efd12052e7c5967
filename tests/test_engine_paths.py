"""Paths in the engine: told step by step, side by side, in fair turns, together with any other of their model, and refused in words."""

import threading
from collections import Counter

import numpy as np
import pytest

from genmodels.engine import Engine, Given, Sampling
from genmodels.engine._paths import Paths, in_turn

from .conftest import DIGITS, save_tiny, tiny_model
from .engine_kit import close_to, idle

PICTURE = np.random.default_rng(1).integers(0, 256, (8, 8, 1), np.uint8)
B, TOP = PICTURE.tobytes(), np.packbits(np.arange(64) < 32).tobytes()


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    """An engine that knows how many rows are quick, with models of many steps and one of a single step."""
    folder = tmp_path_factory.mktemp("checkpoints")
    save_tiny(tiny_model("diffusion", steps=4, conditions=DIGITS, guidance=2.0), folder / "diffusion")
    save_tiny(tiny_model("flow_matching", steps=4), folder / "flow")
    save_tiny(tiny_model("vae"), folder / "vae")
    engine = Engine(folder, device="cpu")
    for name in ("diffusion", "diffusion", "flow"):
        engine.decode(name, engine.prior(name, 4, 0), None if name == "flow" else np.eye(10)[:4])
    yield engine
    engine.close()


def told(engine, name, z, y=None, options=None, task="path", whose=None) -> tuple[list, np.ndarray]:
    """What is heard of every row and step, in this order, and the answer."""
    heard = []
    answer = engine.submit(task, name, z, y, options, whose, lambda row, taken: heard.append((row, taken)))
    return heard, answer.result(30)


def test_every_step_of_every_row_is_told_and_the_answer_is_that_of_decode(engine):
    z, y = engine.prior("diffusion", 5, 3), np.eye(10, dtype=np.float32)[:5]
    heard, pictures = told(engine, "diffusion", z, y, Sampling("ddim", 6, 0.5))
    assert close_to(pictures, engine.decode("diffusion", z, y, Sampling("ddim", 6, 0.5)))
    assert Counter(row for row, _ in heard) == dict.fromkeys(range(5), 6)
    for row in range(5):
        steps = [taken for of, taken in heard if of == row]
        assert [taken.step for taken in steps] == list(range(1, 7)) and {taken.steps for taken in steps} == {6}
        assert all(a.then == b.now for a, b in zip(steps, steps[1:], strict=False)) and steps[-1].then.sigma == 0
        assert all(getattr(taken, what).shape == (8, 8, 1) and getattr(taken, what).dtype == np.uint8
                   for taken in steps for what in ("x", "x0", "noise", "mean", "fresh"))
        assert steps[-1].spread == 0 and (steps[-1].fresh == 128).all() and close_to(steps[-1].mean, pictures[row])


def test_rows_that_are_told_of_go_side_by_side(engine):
    heard, _ = told(engine, "flow", engine.prior("flow", 10, 3), options=Sampling(steps=5))
    ahead = Counter()
    for row, _ in heard:
        ahead[row] += 1
        if len(ahead) == 10:
            assert max(ahead.values()) - min(ahead.values()) <= 2
    assert set(ahead.values()) == {5}


def test_a_neighbour_of_another_kind_changes_no_picture(engine):
    z, y = engine.prior("diffusion", 6, 3), np.eye(10, dtype=np.float32)[[1, 2, 3, 4, 5, 6]]
    asked = [("decode", z[:1], y[:1], Sampling("ddpm", 12, seed=4)), ("path", z[1:2], y[1:2], Sampling("ddim", 9, guidance=4.0)),
             ("decode", z[2:5], y[2:5], Sampling("ddpm", 7, given=Given(B, TOP, repeats=2))), ("encode", PICTURE[None], y[5:], None),
             ("decode", z[5:], y[5:], Sampling("ddim", 8, start=0.5, given=Given(B))), ("noise", PICTURE[None], None, Sampling(steps=11))]
    alone = [engine.submit(task, "diffusion", x, y, options).result(30) for task, x, y, options in asked]
    together = [engine.submit(task, "diffusion", x, y, options) for task, x, y, options in asked]
    for future, expected in zip(together, alone, strict=True):
        found = future.result(30)
        assert np.allclose(found, expected, atol=1e-3) if found.dtype == np.float32 else close_to(found, expected)


def test_people_who_came_later_have_as_many_steps_as_those_who_fill_the_device(engine, monkeypatch):
    moved, taken, begun = Paths._moved, Counter(), threading.Event()

    def counted(self, journey, piece, answer):
        begun.wait(10)
        taken[journey.job.whose] += 1
        return moved(self, journey, piece, answer)

    monkeypatch.setattr(Paths, "_moved", counted)
    z = engine.prior("flow", 8, 1)
    first = engine.submit("decode", "flow", z, None, Sampling(steps=300), "first")
    begun.set()
    for whose in ("second", "third"):
        engine.submit("decode", "flow", z[:1], None, Sampling(steps=20), whose).result(30)
        assert taken[whose] == 40 and not first.done()  # two looks at each step
    assert first.cancel() and idle(engine)


def test_a_path_that_nobody_wants_any_more_is_told_of_no_more(engine):
    heard, begun = [], threading.Event()
    future = engine.submit("path", "flow", engine.prior("flow", 4, 0), None, Sampling(steps=900), None, lambda *step: (heard.append(step), begun.set()))
    assert begun.wait(10) and future.cancel() and idle(engine)
    steps = len(heard)
    engine.decode("flow", engine.prior("flow", 1, 0))
    assert len(heard) == steps < 4 * 900


def test_who_listens_badly_spoils_nothing_but_their_own(engine):
    def deaf(row, taken):
        raise RuntimeError("nobody listens")

    bad = engine.submit("path", "flow", engine.prior("flow", 3, 0), None, None, None, deaf)
    good = engine.submit("path", "flow", engine.prior("flow", 1, 0))
    with pytest.raises(RuntimeError, match="nobody listens"):
        bad.result(30)
    assert good.result(30).shape == (1, 8, 8, 1)


@pytest.mark.parametrize("task, name, options, sentence", [
    ("path", "vae", None, "one step"), ("noise", "vae", None, "one step"), ("walk", "flow", None, "no task 'walk'; there are decode, .*path, noise"),
    ("noise", "flow", Sampling("euler"), "number of steps is all"), ("noise", "flow", Sampling(steps=1001), "1 to 1000 steps"),
    ("path", "flow", Sampling(start=0.5), "needs a picture"),
    ("path", "flow", Sampling(start=0.0), "above 0"), ("path", "flow", Sampling(start=1.1), "above 0"),
    ("path", "flow", Sampling(given=Given(b"1", TOP)), "8 x 8 x 1 bytes"), ("path", "flow", Sampling(given=Given(B)), "Say which pixels"),
    ("path", "flow", Sampling(given=Given(B, b"1")), "8 bytes"), ("path", "flow", Sampling(given=Given(B, TOP, 2)), "not both"),
    ("path", "flow", Sampling(given=Given(B, shrunk=3)), "cannot be shrunk 3"), ("path", "flow", Sampling(given=Given(B, TOP, repeats=0)), "1 to 20 times"),
    ("path", "flow", Sampling(steps=51, given=Given(B, TOP, repeats=20)), "at most 1000 steps"),
], ids=lambda value: str(value)[:60])
def test_what_cannot_be_is_refused_in_words(engine, task, name, options, sentence):
    rows = PICTURE[None] if task == "noise" else engine.prior(name, 1, 0)
    with pytest.raises(ValueError, match=sentence):
        engine.submit(task, name, rows, options=options)


def test_a_step_takes_one_of_each_line_in_turn():
    assert list(in_turn([iter("abc"), iter(""), iter("d"), iter("ef")])) == list("adebfc")
