"""Cards that are lent: what the processor does without one, what borrows one and for how long, and what happens where there is none."""

import pickle
import sys
from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from genmodels.engine import Engine, Sampling, _borrowed
from genmodels.engine._memory import Memory

from .conftest import save_tiny, tiny_model
from .engine_kit import close_to, save_classifier

LONG = Sampling(steps=5)


@pytest.fixture
def lent(tmp_path, monkeypatch) -> Iterator[SimpleNamespace]:
    """An engine that borrows cards from a stand-in of `spaces`, which asks for seconds and sends what it gets to another process, as that does.

    `seconds` lists what was asked for; `refusing` is what is raised instead of lending. There is no card, so a processor is lent.
    """
    lent = SimpleNamespace(seconds=[], refusing=None)

    def lend(duration):
        def around(function):
            def call(*args):
                lent.seconds.append(duration(*args))
                if lent.refusing:
                    raise lent.refusing
                return pickle.loads(pickle.dumps(function(*pickle.loads(pickle.dumps(args)))))
            return call
        return around

    monkeypatch.setitem(sys.modules, "spaces", SimpleNamespace(GPU=lend))
    for name in ("vae", "gan"):
        save_tiny(tiny_model(name), tmp_path / name)
    save_tiny(tiny_model("diffusion", steps=6), tmp_path / "diffusion")
    save_classifier(tmp_path / "digits-classifier")
    lent.engine, lent.own = Engine(tmp_path, device="zero", batch=3), Engine(tmp_path, device="cpu")
    card = lent.engine._borrowed.device
    card.place, card.memory = torch.device("cpu"), Memory(torch.device("cpu"), 1 << 30)
    yield lent
    lent.engine.close(), lent.own.close()


@pytest.fixture
def impatient(lent, monkeypatch):
    """The same, which borrows a card for any long work."""
    monkeypatch.setattr(_borrowed, "PATIENCE", 0.0)
    return lent


def test_what_a_processor_answers_well_borrows_no_card(impatient):
    engine, own = impatient.engine, impatient.own
    z, pixels = own.prior("vae", 7, 0), np.full((2, 8, 8, 1), 90, np.uint8)
    assert close_to(engine.decode("vae", z), own.decode("vae", z))
    assert np.allclose(engine.encode("vae", pixels), own.encode("vae", pixels), atol=1e-4)
    assert engine.invert("vae", pixels)[0].shape == (2, 3)
    assert np.allclose(engine.classify("digits-classifier", pixels), own.classify("digits-classifier", pixels), atol=1e-5)
    assert impatient.seconds == []


def test_long_work_that_takes_a_processor_seconds_borrows_none_either(lent):
    z = lent.own.prior("diffusion", 4, 0)
    assert close_to(lent.engine.decode("diffusion", z, options=LONG), lent.own.decode("diffusion", z, options=LONG))
    assert lent.seconds == []


def test_long_work_borrows_a_card_for_each_piece_with_things_that_can_travel(impatient):
    z = impatient.own.prior("diffusion", 7, 0)
    assert close_to(impatient.engine.decode("diffusion", z, options=LONG), impatient.own.decode("diffusion", z, options=LONG))
    assert len(impatient.seconds) == 3  # three pictures at a time, all steps in one call


def test_an_inversion_by_descent_borrows_a_card(impatient):
    found, errors = impatient.engine.invert("gan", np.full((1, 8, 8, 1), 90, np.uint8))
    assert found.shape == (1, 3) and errors.shape == (1,) and len(impatient.seconds) == 1


def test_a_card_is_borrowed_for_as_long_as_the_work_will_take_and_no_longer_than_a_minute(impatient, monkeypatch):
    asked = []
    monkeypatch.setattr(_borrowed, "CARD", 1e6)
    for rows, steps in ((1, 5), (2, 5), (2, 50), (3, 1000)):
        z = np.zeros((rows, 1, 8, 8), np.float32)
        asked.append(impatient.engine._borrowed.seconds(impatient.own.checkpoint("diffusion"), "decode", z, None, Sampling(steps=steps)))
    assert _borrowed.START < asked[0] < asked[1] < asked[2] <= asked[3] == _borrowed.LONGEST


def test_so_many_pictures_go_to_a_card_at_once_as_it_makes_in_its_time(impatient, monkeypatch):
    monkeypatch.setattr(_borrowed, "CARD", 1e5)  # one picture takes most of it
    assert impatient.engine.decode("diffusion", np.zeros((3, 1, 8, 8)), options=LONG).shape == (3, 8, 8, 1)
    assert len(impatient.seconds) == 3 and max(impatient.seconds) <= _borrowed.LONGEST


def test_where_no_card_is_to_be_had_the_processor_does_it_and_asks_for_none_for_a_while(impatient, caplog):
    impatient.refusing = Exception("Space app has reached its GPU limit.")
    z = impatient.own.prior("diffusion", 7, 0)
    for _ in range(2):
        assert close_to(impatient.engine.decode("diffusion", z, options=LONG), impatient.own.decode("diffusion", z, options=LONG))
    assert len(impatient.seconds) == 1 and "reached its GPU limit" in caplog.text
    impatient.engine._borrowed.again, impatient.refusing = 0.0, None
    impatient.engine.decode("diffusion", z[:1], options=LONG)
    assert len(impatient.seconds) == 2


def test_a_card_that_is_taken_away_midway_leaves_the_rest_to_the_processor(impatient, monkeypatch):
    queue, z = impatient.engine._borrowed, impatient.own.prior("diffusion", 7, 0)
    run = queue.run
    monkeypatch.setattr(queue, "run", lambda *asked: 1 / 0 if len(impatient.seconds) == 2 else run(*asked))
    assert close_to(impatient.engine.decode("diffusion", z, options=LONG), impatient.own.decode("diffusion", z, options=LONG))
    assert len(impatient.seconds) == 2


def test_an_error_on_a_card_is_said_in_its_own_words(impatient):
    with pytest.raises(FloatingPointError, match="diffusion gives numbers that are not finite"):
        impatient.engine.decode("diffusion", np.full((1, 1, 8, 8), 3e38))
    assert len(impatient.seconds) == 1


def test_nothing_is_borrowed_for_whom_nobody_waits(impatient):
    cancelled = impatient.engine.submit("invert", "gan", np.zeros((40, 8, 8, 1), np.uint8))
    cancelled.cancel()
    impatient.engine.decode("diffusion", np.zeros((1, 1, 8, 8)), options=LONG)
    impatient.engine.close()
    assert len(impatient.seconds) <= 3  # of fourteen pieces at most the one that was begun, and one of another request


def test_where_pictures_are_made_is_said_truthfully(lent):
    assert (lent.engine.mode, lent.engine.device_name) == ("zero", "CPU, with ZeroGPU for long work")
