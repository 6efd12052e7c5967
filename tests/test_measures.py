"""What is measured on codes is what a direct count gives, and a gallery tells the truth about its points."""

import numpy as np
import pytest
import torch

from genmodels.latent.gallery import a, gallery
from genmodels.latent.measures import effects, linear_axes, names, neighbour_accuracy, reach, readable, strokes

RANDOM = np.random.default_rng(5)


def bar(slant: float = 0.0, thick: float = 3.0, side: int = 28) -> np.ndarray:
    """A picture of one upright bar, 20 pixels high, that leans to the right by `slant` pixels a row."""
    y, x = np.mgrid[0:side, 0:side] - (side - 1) / 2
    across = np.clip(thick / 2 + 0.5 - abs(x + slant * y), 0, 1)
    return across * (abs(y) < 10)


def test_the_effect_of_a_dimension_is_the_change_of_the_picture_per_sigma():
    weights = torch.randn(3, 2 * 4 * 4)
    measured = effects(lambda z: (z @ weights).view(-1, 2, 4, 4), torch.randn(7, 3))
    assert torch.allclose(measured, weights.abs().mean(1) * 127.5, rtol=1e-4)


def test_a_dimension_that_the_decoder_ignores_has_no_effect():
    measured = effects(lambda z: z[:, :1].tanh().view(-1, 1, 1, 1), torch.randn(9, 2))
    assert measured[0] > 10 and measured[1] == 0


def test_effects_of_spatial_latents_have_one_number_for_each_entry():
    measured = effects(lambda z: z[:, :1] * 2, torch.randn(5, 2, 3, 3))
    assert measured.shape == (18,) and torch.allclose(measured[:9], torch.full((9,), 2 * 127.5 / 9)) and not measured[9:].any()


def test_neighbours_vote_without_the_code_itself():
    codes, labels = RANDOM.normal(size=(60, 3)), RANDOM.integers(0, 3, 60)
    right = 0
    for i in range(60):
        distance = np.linalg.norm(codes - codes[i], axis=1)
        distance[i] = np.inf
        right += np.bincount(labels[distance.argsort()[:5]], minlength=3).argmax() == labels[i]
    assert neighbour_accuracy(codes, labels) == pytest.approx(right / 60)


def test_a_factor_is_readable_when_it_is_a_sum_of_codes_and_not_when_it_is_noise():
    codes = RANDOM.normal(size=(800, 4))
    factors = np.stack([codes @ [1, -2, 0, 3] + 5, RANDOM.normal(size=800)], 1)
    linear, noise = readable(codes, factors)
    assert linear == pytest.approx(1) and noise < 0.1


@pytest.mark.parametrize("slant", [-0.4, 0.0, 0.3])
def test_slant_is_the_lean_of_a_bar_to_the_right(slant):
    assert strokes(bar(slant)[None])["slant"][0] == pytest.approx(slant, abs=0.03)


@pytest.mark.parametrize("thick", [2.0, 4.0, 6.0])
def test_thickness_is_near_the_true_one_in_pixels(thick):
    assert strokes(bar(thick=thick)[None])["thickness"][0] == pytest.approx(thick, rel=0.25)


def test_height_and_width_are_those_of_the_bar_however_it_leans():
    for slant in (0.0, 0.5):
        found = strokes(bar(slant, thick=4.0)[None])
        assert found["height"][0] == pytest.approx(20 / 28, rel=0.03) and found["width"][0] == pytest.approx(4 / 28, rel=0.15)


def test_a_blank_picture_has_finite_properties():
    assert all(np.isfinite(values).all() for values in strokes(np.zeros((2, 8, 8))).values())


def test_a_dimension_is_named_after_what_it_follows_with_its_sign():
    size, ink = RANDOM.normal(size=(2, 500))
    codes = np.stack([-size, np.exp(3 * ink), RANDOM.normal(size=500), np.zeros(500)], 1)
    assert names(codes, {"size": size, "ink": ink}) == [{"name": "size", "r": -1.0}, {"name": "ink", "r": 1.0}, None, None]


def test_a_weak_relation_gives_no_name():
    size = RANDOM.normal(size=2000)
    codes = np.stack([size + 2 * RANDOM.normal(size=2000), size + 0.5 * RANDOM.normal(size=2000)], 1)
    assert [bool(entry) for entry in names(codes, {"size": size})] == [False, True]


def test_equal_values_share_their_rank():
    steps = np.repeat([0.0, 1.0], 50)
    [entry] = names(steps[:, None], {"same": steps * 7})
    assert entry == {"name": "same", "r": 1.0}


def test_the_axes_of_a_map_are_the_two_directions_of_most_spread():
    turn = np.linalg.qr(RANDOM.normal(size=(5, 5)))[0]
    codes = RANDOM.normal(size=(4000, 5)) * [9, 4, 1, 1, 1] @ turn.T + 3
    axes, centre = linear_axes(codes)
    assert axes.dtype == centre.dtype == np.float32
    assert np.allclose(axes @ axes.T, np.eye(2), atol=1e-5)
    assert np.allclose(abs(np.diag(axes @ turn[:, :2])), 1, atol=0.01)
    assert np.allclose(((codes - centre) @ axes.T).mean(0), 0, atol=1e-4)
    assert np.allclose(linear_axes(codes[::-1])[0], axes, atol=1e-5)
    assert all(axis[abs(axis).argmax()] > 0 for axis in axes)


@pytest.mark.parametrize("size", [1, 2])
def test_a_plane_is_its_own_map(size):
    codes = RANDOM.normal(size=(20, size)) + 7
    axes, centre = linear_axes(codes)
    assert np.allclose(((codes - centre) @ axes.T)[:, :size], codes)


def test_reach_holds_99_of_100_points_and_never_less_than_3_sigmas():
    wide = RANDOM.normal(size=(5000, 2)) * [1, 10]
    assert (abs(wide).max(1) <= reach(wide)).mean() == pytest.approx(0.99, abs=0.001)
    assert reach(wide / 100) == 3


def clusters() -> tuple[np.ndarray, np.ndarray]:
    """Three classes on a line, at 0, 4 and 20: the first tight, the last wide. Midway between the outer two, nearer to the middle one."""
    labels = np.arange(90) % 3
    spread, middle = np.array([0.1, 0.3, 0.9])[labels][:, None], np.array([[0, 0], [4, 0], [20, 0]])[labels]
    return RANDOM.normal(size=(90, 2)) * spread + middle, labels


def look_at(codes: np.ndarray) -> np.ndarray:
    """A classifier that sees by nearness: softly, class 0, 1 or 2 at 0, 4 and 20."""
    scores = -abs(codes[:, :1] - [[0, 4, 20]])
    return np.exp(scores) / np.exp(scores).sum(1, keepdims=True)


def test_a_gallery_without_a_classifier_says_what_distances_say():
    codes, labels = clusters()
    said = {entry["why"]: entry["point"] for entry in gallery(codes, labels, ("A", "B", "C"))}
    assert "A typical A: the pictures of no class lie closer together." in said
    assert "A typical C: the pictures of no class are spread wider." in said
    [far] = [point for why, point in said.items() if "farthest out" in why]
    assert far == f"atlas:{np.linalg.norm(codes, axis=1).argmax()}"
    [close] = [point for why, point in said.items() if why == "Halfway between an A and a B, the two classes that lie closest."]
    i, j = (int(number) for number in close.removeprefix("mix(atlas:").removesuffix(", 0.5)").split(", atlas:"))
    assert (labels[i], labels[j]) == (0, 1)


def test_a_gallery_finds_the_class_that_appears_halfway_between_two_others():
    codes, labels = clusters()
    entries = gallery(codes, labels, ("A", "B", "C"), look=look_at, real=look_at(codes))
    [surprise] = [entry for entry in entries if entry["why"].startswith("Halfway between an A and a C the classifier sees a B")]
    assert surprise["point"].startswith("mix(atlas:")


def test_a_gallery_shows_the_picture_that_comes_back_as_another_class():
    codes, labels = clusters()
    real = np.eye(3)[labels] * 0.9 + 0.05
    codes[3] = [20, 0]  # a picture of class 0 whose code lies among those of class 2
    entries = gallery(codes, labels, ("A", "B", "C"), look=look_at, real=real)
    assert {"point": "atlas:3", "why": "This was an A; the model gives it back as a C, 100% sure."} in entries


def test_a_conditional_gallery_says_the_class_and_stays_within_it():
    codes, labels = clusters()
    entries = gallery(codes, labels, ("A", "B", "C"), look=look_at, real=look_at(codes), conditional=True)
    assert entries and all(entry["point"].startswith("atlas:") for entry in entries)
    assert all(entry["condition"] == "ABC"[labels[int(entry["point"][6:])]] for entry in entries)


def test_no_point_is_shown_twice():
    codes, labels = np.array([[0.0, 0], [9, 9]]), np.array([0, 1])
    points = [entry["point"] for entry in gallery(codes, labels, ("A", "B"))]
    assert len(points) == len(set(points)) == 3


def test_articles_are_those_of_spoken_english():
    assert [a(name) for name in ("8", "1", "Ankle boot", "Dress")] == ["an 8", "a 1", "an Ankle boot", "a Dress"]
