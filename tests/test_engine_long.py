"""Long work: models of many steps and inversion, between whose steps everybody else is answered."""

import threading

import numpy as np
import pytest
import torch

from genmodels.engine import Engine, Sampling
from genmodels.engine._asked import checked_sampling
from genmodels.models import to_pixels
from genmodels.models.diffusion import Diffusion

from .conftest import DIGITS, save_tiny, tiny_model
from .engine_kit import close_to, idle

LONG = Sampling(steps=500)  # more than any test waits for


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A VAE, a GAN and diffusion models, one of them conditional."""
    folder = tmp_path_factory.mktemp("checkpoints")
    for name in ("vae", "gan"):
        save_tiny(tiny_model(name), folder / name)
    save_tiny(tiny_model("diffusion", steps=4), folder / "diffusion")
    save_tiny(tiny_model("diffusion", steps=4, conditions=DIGITS, guidance=2.0), folder / "cdiffusion")
    return folder


@pytest.fixture
def engine(folder):
    engine = Engine(folder, device="cpu")
    yield engine
    engine.close()


@pytest.fixture
def looks(engine, monkeypatch):
    """How many pictures the diffusion net looked at, step by step; `looks.begun` is set at the first, the models being loaded."""
    class Looks(list):
        begun = threading.Event()

    predict, looks = Diffusion.predict_noise, Looks()
    for name in ("vae", "gan", "diffusion", "cdiffusion"):
        engine.decode(name, engine.prior(name, 1, 0))

    def counted(self, x, *rest):
        looks.append(len(x))
        looks.begun.set()
        return predict(self, x, *rest)

    monkeypatch.setattr(Diffusion, "predict_noise", counted)
    return looks


def test_a_picture_is_the_end_of_the_models_own_path(engine):
    z, model = engine.prior("cdiffusion", 3, 1), engine.checkpoint("cdiffusion").load()
    y = np.eye(10, dtype=np.float32)[[3, 7, 1]]
    with torch.no_grad():
        assert close_to(engine.decode("cdiffusion", z, y), to_pixels(model.decode(torch.from_numpy(z), torch.from_numpy(y))))
        *_, last = model.path(torch.from_numpy(z), torch.from_numpy(y), sampler="ddim", steps=7, eta=0.5, guidance=3.0, seed=4)
    assert close_to(engine.decode("cdiffusion", z, y, Sampling("ddim", 7, 0.5, 3.0, 4)), to_pixels(last.x))


def test_codes_are_those_of_the_models_encoder(engine):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 1), np.uint8)
    with torch.no_grad():
        expected = engine.checkpoint("diffusion").load().encode(torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1)
    assert np.allclose(engine.encode("diffusion", pixels), expected, atol=1e-3)


@pytest.mark.parametrize("options", [Sampling(), Sampling("ddpm", seed=3), Sampling("ddim", eta=1.0)], ids=str)
def test_neighbours_change_no_picture_of_many_steps(engine, options):
    z = engine.prior("diffusion", 7, 1)
    alone = np.concatenate([engine.decode("diffusion", z[k:k + 1], options=options) for k in range(7)])
    assert close_to(engine.decode("diffusion", z, options=options), alone)


def test_requests_of_one_moment_run_in_one_batch_each_with_its_own_way(engine, looks):
    z, y = engine.prior("cdiffusion", 4, 1), np.eye(10, dtype=np.float32)[[3, 7, 1, 4]]
    ways = [Sampling("ddim", 20), Sampling("ddpm", 21, seed=5), Sampling("dpm++", 22, guidance=1.0), Sampling("ddim", 23, 0.7, 3.5, 6)]
    for _ in range(3):  # so that it is known how many rows are quick
        engine.decode("cdiffusion", z, y, Sampling(steps=9))
    alone = np.concatenate([engine.decode("cdiffusion", z[k:k + 1], y[k:k + 1], ways[k]) for k in range(4)])
    looks.clear()
    asked = [engine.submit("decode", "cdiffusion", z[k:k + 1], y[k:k + 1], ways[k]) for k in range(4)]
    assert close_to(np.concatenate([future.result(30) for future in asked]), alone)
    assert sum(looks) == 20 + 21 + 22 + 23 and looks.count(4) >= 10 and max(looks) == 4


def test_a_request_joins_paths_that_are_under_way_and_tasks_go_together(engine, looks):
    z, pixels = engine.prior("diffusion", 2, 1), np.full((1, 8, 8, 1), 90, np.uint8)
    alone = engine.decode("diffusion", z[:1], options=Sampling(steps=30)), engine.encode("diffusion", pixels)
    engine.decode("diffusion", engine.prior("diffusion", 4, 1))
    long = engine.submit("decode", "diffusion", z[1:], options=LONG)
    looks.clear()
    others = engine.submit("decode", "diffusion", z[:1], options=Sampling(steps=30)), engine.submit("encode", "diffusion", pixels)
    assert close_to(others[0].result(30), alone[0]) and np.allclose(others[1].result(30), alone[1], atol=1e-3)
    assert not long.done() and long.cancel() and looks.count(3) > 20


def test_a_slider_is_answered_before_a_long_request_ends(engine, looks):
    long = engine.submit("decode", "diffusion", engine.prior("diffusion", 4, 0), options=LONG)
    looks.begun.wait(10)
    before = len(looks)
    assert engine.decode("vae", np.zeros((1, 3))).shape == (1, 8, 8, 1)
    assert not long.done() and len(looks) - before < 50
    assert long.cancel()


def test_one_long_request_does_not_wait_for_the_end_of_another(engine, looks):
    long = engine.submit("decode", "diffusion", engine.prior("diffusion", 4, 0), options=LONG)
    looks.begun.wait(10)
    assert engine.decode("cdiffusion", engine.prior("cdiffusion", 1, 0), options=Sampling(steps=3)).shape == (1, 8, 8, 1)
    assert not long.done() and long.cancel()


def test_long_work_goes_on_while_sliders_never_stop(engine, looks):
    stop = threading.Event()

    def slide():
        while not stop.is_set():
            engine.decode("vae", np.zeros((1, 3)))

    people = [threading.Thread(target=slide) for _ in range(8)]
    for thread in people:
        thread.start()
    try:
        pictures = engine.submit("decode", "diffusion", engine.prior("diffusion", 2, 0), options=Sampling(steps=10)).result(30)
    finally:
        stop.set()
        for thread in people:
            thread.join(10)
    assert pictures.shape == (2, 8, 8, 1) and not any(thread.is_alive() for thread in people)


def test_a_cancelled_request_stops_within_a_step(engine, looks):
    long = engine.submit("decode", "diffusion", engine.prior("diffusion", 4, 0), options=LONG)
    looks.begun.wait(10)
    assert long.cancel()
    counted = len(looks)
    assert idle(engine) and len(looks) <= counted + 1


def test_a_neighbour_that_leaves_takes_nobody_along(engine, looks):
    z = engine.prior("diffusion", 2, 0)
    hindrance = engine.submit("decode", "diffusion", z, options=LONG)
    looks.begun.wait(10)
    leaves, stays = (engine.submit("decode", "diffusion", z[k:k + 1], options=Sampling(steps=100)) for k in range(2))
    assert leaves.cancel() and hindrance.cancel()
    assert close_to(stays.result(30), engine.decode("diffusion", z[1:], options=Sampling(steps=100)))


def test_a_long_request_of_many_pictures_goes_piece_by_piece(engine, looks):
    z = engine.prior("diffusion", 10, 1)
    assert engine.decode("diffusion", z, options=Sampling(steps=2)).shape == (10, 8, 8, 1)
    assert looks == [4, 4, 4, 4, 2, 2]


def test_an_error_of_long_work_reaches_its_own_cause_only(engine, looks):
    hindrance = engine.submit("decode", "diffusion", engine.prior("diffusion", 1, 0), options=Sampling(steps=60))
    looks.begun.wait(10)
    options = Sampling(steps=60)  # they go together
    bad = engine.submit("decode", "diffusion", np.full((1, 1, 8, 8), 3e38), options=options)
    good = engine.submit("decode", "diffusion", engine.prior("diffusion", 1, 7), options=options)
    with pytest.raises(FloatingPointError, match="not finite"):
        bad.result(30)
    assert good.result(30).shape == hindrance.result(30).shape == (1, 8, 8, 1)
    assert 2 in looks


def test_a_closing_engine_does_not_wait_for_long_work(engine, looks):
    long = engine.submit("decode", "diffusion", engine.prior("diffusion", 4, 0), options=LONG)
    looks.begun.wait(10)
    engine.close()
    with pytest.raises(RuntimeError, match="closed"):
        long.result(0)


# Inversion


def test_a_model_without_an_encoder_is_inverted_by_descent(engine):
    z = engine.prior("gan", 6, 3)
    pixels = engine.decode("gan", z)
    found, errors = engine.invert("gan", pixels)
    assert found.shape == (6, 3) and found.dtype == errors.dtype == np.float32 and errors.shape == (6,)
    again = engine.decode("gan", found)
    assert np.allclose(np.square(again / 255 - pixels / 255).mean((1, 2, 3)), errors, atol=1e-4)
    assert errors.mean() < 1e-3 < np.square(engine.decode("gan", engine.prior("gan", 6, 4)) / 255 - pixels / 255).mean()


def test_a_model_of_many_steps_is_inverted_by_its_encoder(engine):
    pixels = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 1), np.uint8)
    found, errors = engine.invert("diffusion", pixels)
    assert found.shape == (2, 1, 8, 8) and np.allclose(found, engine.encode("diffusion", pixels), atol=1e-4)
    made = engine.decode("diffusion", found)
    assert np.allclose(np.square(made / 255 - pixels / 255).mean((1, 2, 3)), errors, atol=5e-3)


def test_a_slider_is_answered_during_an_inversion_which_can_be_cancelled(engine, looks):
    long = engine.submit("invert", "gan", np.zeros((64, 8, 8, 1), np.uint8))
    engine.decode("vae", np.zeros((1, 3)))
    assert engine.decode("vae", np.zeros((1, 3))).shape == (1, 8, 8, 1) and not long.done()
    assert long.cancel() and idle(engine)


# Ways of sampling


@pytest.mark.parametrize("options, sentence", [
    (Sampling("euler"), r"no sampler 'euler'; there are dpm\+\+, ddim, ddpm"), (Sampling(steps=1001), "1 to 1000 steps, not 1001"),
    (Sampling(steps=-1), "steps"), (Sampling(steps=2.5), "steps"), (Sampling(eta=1.5), "eta must be a number from 0"), (Sampling(eta=float("nan")), "eta"),
    (Sampling(guidance=20.5), "guidance must be a number from 0 to 20"), (Sampling(guidance=-1.0), "guidance"), (Sampling(seed=-1), "A seed must be"),
    (Sampling(seed=2**32), "A seed must be"),
], ids=str)
def test_a_way_of_sampling_that_does_not_exist_is_refused_in_words(engine, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        engine.submit("decode", "diffusion", engine.prior("diffusion", 1, 0), options=options)


def test_a_model_of_one_step_has_no_way_to_choose(engine):
    with pytest.raises(ValueError, match="vae makes a picture in one step: there is no sampler or steps to choose"):
        engine.decode("vae", np.zeros((1, 3)), options=Sampling("ddim", 10))
    assert checked_sampling("vae", tiny_model("vae"), Sampling()) is None  # joined with requests that say nothing
    with pytest.raises(ValueError, match="for decode alone"):
        engine.submit("encode", "diffusion", np.zeros((1, 8, 8, 1), np.uint8), options=Sampling(steps=3))
