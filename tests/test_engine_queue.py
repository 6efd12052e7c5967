"""Many callers at once: what is answered together, who goes first, and that neighbours change nothing."""

import threading
from concurrent.futures import CancelledError, wait

import numpy as np
import pytest
import torch

from genmodels.engine._jobs import shares

from .engine_kit import close_to, holding


@pytest.fixture
def held(engine):
    """The engine, held inside its first batch."""
    with holding(engine) as held:
        yield held


def test_a_picture_that_is_not_finite_is_an_error_for_its_caller_only(held):
    first = held.engine.submit("decode", "vae", np.zeros((1, 3)))
    held.entered.wait(10)
    bad = held.engine.submit("decode", "autoencoder", np.full((1, 3), 3e38))
    good = held.engine.submit("decode", "autoencoder", np.zeros((1, 3)))
    held.release.set()
    with pytest.raises(FloatingPointError, match="not finite"):
        bad.result(10)
    assert good.result(10).shape == first.result(10).shape == (1, 8, 8, 1)


# Batching


def test_neighbours_in_a_batch_change_no_picture(engine):
    z = engine.prior("vae", 7, seed=1)  # the fixture's batch is 3
    assert close_to(engine.decode("vae", z), np.concatenate([engine.decode("vae", z[i:i + 1]) for i in range(7)]))


def test_what_arrives_while_the_device_is_busy_is_decoded_together(held):
    z = held.engine.prior("vae", 4, 0)
    first = held.engine.submit("decode", "vae", z[:1])
    held.entered.wait(10)
    others = [held.engine.submit("decode", "vae", z[k:k + 1]) for k in (1, 2, 3)]
    held.release.set()
    pictures = [future.result(10) for future in (first, *others)]
    assert held.batches == [("vae", 1), ("vae", 3)]
    assert close_to(np.concatenate(pictures), held.engine.decode("vae", z))


def test_a_small_request_does_not_wait_behind_a_large_one(held):
    large = held.engine.submit("decode", "vae", np.zeros((30, 3)))
    held.entered.wait(10)
    small = held.engine.submit("decode", "vae", np.zeros((1, 3)))
    seen, told = [], threading.Event()
    large.add_done_callback(lambda _: (seen.append(small.done()), told.set()))
    held.release.set()
    assert large.result(10).shape[0] == 30 and told.wait(10)
    assert seen == [True]


def test_models_take_turns(held):
    many = held.engine.submit("decode", "vae", np.zeros((12, 3)))
    held.entered.wait(10)
    other = held.engine.submit("decode", "autoencoder", np.zeros((1, 3)))
    held.release.set()
    many.result(10), other.result(10)
    assert [name for name, _ in held.batches].index("autoencoder") <= 2


def test_shares_are_even_and_fill_the_batch():
    assert shares([1], 32) == [1]
    assert shares([4096, 1, 5], 32) == [26, 1, 5]
    assert shares([100, 100], 32) == [16, 16]
    assert shares([1] * 50, 32) == [1] * 32
    assert all(shares([4096, *[1] * 60], 32))


def test_a_cancelled_request_is_never_decoded(held):
    first = held.engine.submit("decode", "vae", np.zeros((1, 3)))
    held.entered.wait(10)
    unwanted = held.engine.submit("decode", "autoencoder", np.zeros((1, 3)))
    assert unwanted.cancel()
    held.release.set()
    first.result(10)
    held.engine.decode("vae", np.zeros((1, 3)))
    assert ("autoencoder", 1) not in held.batches
    with pytest.raises(CancelledError):
        unwanted.result(0)


def test_a_request_can_be_cancelled_until_it_has_its_answer(held):
    first = held.engine.submit("decode", "vae", np.zeros((7, 3)))
    held.entered.wait(10)
    neighbour, other = (held.engine.submit("decode", "vae", np.zeros((1, 3))) for _ in range(2))
    assert first.cancel() and neighbour.cancel()
    held.release.set()
    assert other.result(10).shape == (1, 8, 8, 1) and wait([first, neighbour], 10).not_done == set()
    assert held.engine.decode("vae", np.zeros((1, 3))).shape == (1, 8, 8, 1)
    assert held.batches == [("vae", 3), ("vae", 1), ("vae", 1)]  # the other four rows of the first were never begun
    assert not other.cancel()


def test_fifty_threads_each_get_their_own_pictures(engine):
    z = {name: engine.prior(name, 50, 3) for name in ("vae", "autoencoder")}
    expected = {name: engine.decode(name, z[name]) for name in z}
    wrong = []

    def person(k):
        for turn in range(4):
            name = ("vae", "autoencoder")[(k + turn) % 2]
            if not close_to(engine.decode(name, z[name][k:k + 1]), expected[name][k:k + 1]):
                wrong.append((k, name))

    people = [threading.Thread(target=person, args=(k,)) for k in range(50)]
    for thread in people:
        thread.start()
    for thread in people:
        thread.join(30)
    assert not any(thread.is_alive() for thread in people)
    assert not wrong


def test_an_answer_holds_no_memory_of_its_neighbours(engine):
    futures = [engine.submit("decode", "vae", engine.prior("vae", 1, seed)) for seed in range(3)]
    assert all(future.result(10).base is None for future in futures)


def test_one_thread_computes_with_one_core(engine, monkeypatch):
    steps, seen = engine._device.steps, []
    monkeypatch.setattr(engine._device, "steps", lambda *a: seen.append((threading.current_thread().name, torch.get_num_threads())) or steps(*a))
    torch.set_num_threads(2)
    try:
        engine.decode("vae", np.zeros((5, 3)))
    finally:
        torch.set_num_threads(1)
    assert set(seen) == {("engine", 1)}


def test_a_closed_engine_says_so(held):
    first = held.engine.submit("decode", "vae", np.zeros((1, 3)))
    held.entered.wait(10)
    waiting = held.engine.submit("decode", "autoencoder", np.zeros((1, 3)))
    threading.Timer(0.1, held.release.set).start()
    held.engine.close()
    assert first.result(0).shape == (1, 8, 8, 1)
    for ask in (lambda: waiting.result(0), lambda: held.engine.decode("vae", np.zeros((1, 3)))):
        with pytest.raises(RuntimeError, match="closed"):
            ask()
