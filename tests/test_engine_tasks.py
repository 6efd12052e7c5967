"""What the engine answers, task by task, and what it refuses in words."""

import numpy as np
import pytest
import torch

from genmodels.engine import MOST, Engine
from genmodels.latent.samplers import SAMPLERS, packed
from genmodels.models import to_pixels
from genmodels.normal import latents

from .conftest import DIGITS, save_tiny, tiny_model
from .engine_kit import close_to, save_classifier, save_features


def test_the_prior_is_named_by_its_seed(engine):
    assert np.array_equal(engine.prior("vae", 5, 7), latents(7, 5, (3,)))


def test_a_picture_is_what_the_model_decodes(engine):
    z = engine.prior("vae", 7, 1)
    with torch.no_grad():
        assert close_to(engine.decode("vae", z), to_pixels(tiny_model("vae").decode(torch.from_numpy(z))))


def test_codes_of_decoded_pictures_have_the_shape_of_latents(engine):
    pixels = engine.decode("autoencoder", engine.prior("autoencoder", 4, 1))
    codes = engine.encode("autoencoder", pixels)
    with torch.no_grad():
        expected = tiny_model("autoencoder").encode(torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1)
    assert codes.dtype == np.float32
    assert np.allclose(codes, expected, atol=0.02)  # the weights are kept as float16


def test_a_classifier_gives_probabilities(engine, tmp_path):
    save_classifier(tmp_path / "digits-classifier")
    p = engine.classify("digits-classifier", np.random.default_rng(0).integers(0, 256, (5, 8, 8, 1), np.uint8))
    assert p.shape == (5, 10)
    assert np.allclose(p.sum(1), 1, atol=1e-5)


def test_conditions_reach_the_model(tmp_path):
    save_tiny(tiny_model("vae", conditions=DIGITS), tmp_path / "cvae")
    engine = Engine(tmp_path, device="cpu")
    z = engine.prior("cvae", 1, 0)
    pictures = [engine.decode("cvae", z, y) for y in (None, np.eye(10)[:1], np.eye(10)[3:4])]
    engine.close()
    assert not np.array_equal(pictures[1], pictures[2])
    assert not np.array_equal(pictures[0], pictures[1])


@pytest.mark.parametrize("z, sentence", [
    (np.zeros((2, 4)), r"shape \[N, 3\], not \[2, 4\]"),
    (np.zeros(3), "shape"),
    (np.zeros((0, 3)), f"1 to {MOST} pictures, not 0"),
    (np.zeros((MOST + 1, 3)), f"1 to {MOST} pictures"),
    (np.array([[0, np.nan, 0]]), "finite"),
    (np.array([[0, 1e39, 0]]), "finite"),
    (np.array([["a", "b", "c"]]), "numbers"),
])
def test_latents_that_do_not_fit_are_refused_in_words(engine, z, sentence):
    with pytest.raises(ValueError, match=sentence):
        engine.decode("vae", z)


def test_a_class_may_be_said_or_not_from_one_request_to_the_next(tmp_path):
    model = tiny_model("vae", conditions=DIGITS)
    save_tiny(model, tmp_path / "cvae")
    engine = Engine(tmp_path, device="cpu", cache=tmp_path)
    pixels, y = np.full((2, 8, 8, 1), 90, np.uint8), np.eye(10, dtype=np.float32)[[3, 7]]
    x = torch.full((2, 1, 8, 8), 90 / 127.5 - 1)
    for said in (None, y, None):
        expected = model.encode(x, None if said is None else torch.from_numpy(said)).detach().numpy()
        assert np.allclose(engine.encode("cvae", pixels, said), expected, atol=1e-2)  # kept as float16
    assert not np.allclose(engine.encode("cvae", pixels), engine.encode("cvae", pixels, y), atol=1e-3)
    engine.close()


def test_pictures_and_conditions_that_do_not_fit_are_refused_in_words(engine):
    with pytest.raises(ValueError, match="must be uint8"):
        engine.encode("vae", np.zeros((1, 8, 8, 1)))
    with pytest.raises(ValueError, match=r"shape \[N, 8, 8, 1\]"):
        engine.encode("vae", np.zeros((1, 9, 8, 1), np.uint8))
    with pytest.raises(ValueError, match="vae takes no conditions"):
        engine.decode("vae", np.zeros((1, 3)), np.eye(10)[:1])
    with pytest.raises(ValueError, match="not 5000"):
        engine.prior("vae", 5000, 0)


@pytest.fixture
def classified(tmp_path):
    """An engine over a classifier, and the folder of that classifier."""
    save_classifier(tmp_path / "digits-classifier")
    engine = Engine(tmp_path, device="cpu", batch=3)
    yield engine, tmp_path / "digits-classifier"
    engine.close()


NOISE = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 1), np.uint8)


def test_a_description_ends_with_the_distance_to_the_nearest_known_features(classified):
    engine, folder = classified
    known = save_features(folder).astype(np.float32)
    engine.rescan()
    seen = engine.describe("digits-classifier", NOISE)
    with torch.no_grad():
        features = engine.checkpoint("digits-classifier").load().describe(torch.from_numpy(NOISE).permute(0, 3, 1, 2).float() / 127.5 - 1).numpy()
    nearest = np.linalg.norm(features[:, None] - known[None], axis=2).min(1)
    assert seen.shape == (5, 11) and np.allclose(seen[:, :10], engine.classify("digits-classifier", NOISE), atol=1e-5)
    assert np.allclose(seen[:, 10], nearest / 0.5, rtol=1e-3)
    assert engine.has_features("digits-classifier")


def test_a_classifier_without_known_features_describes_by_probabilities_alone(classified):
    engine, _ = classified
    assert not engine.has_features("digits-classifier")
    assert np.array_equal(engine.describe("digits-classifier", NOISE), engine.classify("digits-classifier", NOISE))


def test_only_a_classifier_describes(engine):
    with pytest.raises(ValueError, match="vae is no classifier"):
        engine.describe("vae", NOISE)


def test_samplers_beside_the_weights_draw_latents(engine, tmp_path):
    codes = 2 + np.random.default_rng(0).normal(size=(300, 3)) * np.float32([1, 0.1, 3])
    fitted = {kind: SAMPLERS[kind].fit(codes) for kind in ("gaussian", "mixture")}
    np.savez_compressed(tmp_path / "vae" / "samplers.npz", **packed(fitted))
    engine.rescan()
    for kind, sampler in fitted.items():
        assert np.allclose(engine.prior("vae", 200, 5, kind), sampler.draw(5, 200), atol=1e-5)
    assert np.array_equal(engine.prior("vae", 4, 5, "normal"), engine.prior("vae", 4, 5))


def test_a_sampler_that_is_not_there_is_refused_in_words(engine):
    with pytest.raises(ValueError, match="autoencoder has no mixture sampler"):
        engine.prior("autoencoder", 1, 0, "mixture")
    with pytest.raises(ValueError, match="no sampler of latents 'nope'; there are normal, gaussian, mixture"):
        engine.prior("vae", 1, 0, "nope")


def test_a_critic_judges_pictures(tmp_path):
    save_tiny(tiny_model("gan", conditions=DIGITS), tmp_path / "gan")
    engine = Engine(tmp_path, device="cpu", batch=3)
    y = np.eye(10, dtype=np.float32)[:5]
    judged = engine.score("gan", NOISE, y)
    with torch.no_grad():
        expected = engine.checkpoint("gan").load().score(torch.from_numpy(NOISE).permute(0, 3, 1, 2).float() / 127.5 - 1, torch.from_numpy(y))
    assert judged.shape == (5,) and np.allclose(judged, expected, atol=1e-4)
    engine.close()


def test_a_model_without_a_critic_says_so(engine):
    with pytest.raises(ValueError, match="no critic"):
        engine.score("vae", NOISE)


def test_an_encoder_inverts_and_its_error_is_measured(engine):
    z, errors = engine.invert("vae", NOISE)
    assert np.allclose(z, engine.encode("vae", NOISE), atol=1e-5) and errors.shape == (5,)
    with torch.no_grad():
        made = (tiny_model("vae").decode(torch.from_numpy(z)).permute(0, 2, 3, 1).numpy() + 1) / 2
    assert np.allclose(errors, np.square(made - NOISE / 255).mean((1, 2, 3)), rtol=0.02)


def test_a_task_that_nobody_knows_is_refused(engine):
    with pytest.raises(ValueError, match="no task 'paint'"):
        engine.submit("paint", "vae", NOISE)
