"""The drawn time series obey their factors: how often a curve swings, where it begins, how high it goes."""

import numpy as np
import pytest
import torch

from genmodels.datasets import series

CHANCE = np.zeros((1, series.SIDE), np.float32)
NUMBER = {name: k for k, name in enumerate(series.CLASSES)}
PERIODIC = ("sine", "square", "triangle", "sawtooth")


def curve(name: str, frequency: float = 2.0, phase: float = 0.1, amplitude: float = 0.8, chance: np.ndarray = CHANCE) -> np.ndarray:
    return series.curves(np.array([NUMBER[name]]), np.array([[frequency, phase, amplitude]], np.float32), chance)[0]


def picture(name: str, frequency: float = 2.0, phase: float = 0.1, amplitude: float = 0.8, chance: np.ndarray = CHANCE) -> np.ndarray:
    return series.draw(np.array([NUMBER[name]]), np.array([[frequency, phase, amplitude]], np.float32), chance)[0]


def walk(seed: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((1, series.SIDE)).astype(np.float32)


@pytest.mark.parametrize("name", PERIODIC)
@pytest.mark.parametrize("frequency", [1, 2, 4])
def test_a_periodic_curve_has_as_many_periods_as_its_frequency(name, frequency):
    heights = curve(name, frequency=frequency, phase=0.1)
    upward = ((heights[:-1] < 0) & (heights[1:] >= 0)).sum()
    assert upward == frequency
    period = series.SIDE * series.SHARP // frequency
    assert np.allclose(heights[:-period], heights[period:], atol=1e-4)


@pytest.mark.parametrize("name", PERIODIC)
def test_the_phase_moves_a_curve_to_the_left_by_a_share_of_its_period(name):
    whole = series.SIDE * series.SHARP
    assert np.allclose(curve(name, phase=0.35)[:whole // 2], curve(name, phase=0.1)[whole // 8:whole // 8 + whole // 2], atol=1e-4)


@pytest.mark.parametrize("name", series.CLASSES)
def test_a_curve_stays_within_its_amplitude_and_scales_with_it(name):
    large, small = (curve(name, amplitude=amplitude, chance=walk()) for amplitude in (0.9, 0.45))
    assert abs(large).max() <= 0.9 + 1e-6 and np.allclose(large, 2 * small, atol=1e-6) and np.ptp(large) > 0.2


def test_a_chirp_swings_quicker_and_quicker_and_a_damped_curve_less_and_less():
    crossed = np.flatnonzero(np.diff(np.sign(curve("chirp", frequency=3))))
    assert np.diff(crossed)[-1] < np.diff(crossed)[0] / 2
    half = series.SIDE * series.SHARP // 2
    damped = curve("damped", frequency=4)
    assert abs(damped[half:]).max() < 0.4 * abs(damped[:half]).max()


def test_steps_are_flat_two_in_each_period_and_a_walk_differs_by_chance():
    heights = curve("steps", frequency=2, phase=0.0, chance=walk())
    assert len(set(heights.tolist())) == 4
    assert not np.array_equal(picture("random walk", chance=walk(1)), picture("random walk", chance=walk(2)))
    assert np.array_equal(picture("sine", chance=walk(1)), picture("sine", chance=walk(2))), "chance has no part in a sine"


@pytest.mark.parametrize("name", series.CLASSES)
def test_a_picture_is_one_line_without_a_gap_light_on_dark(name):
    for frequency in (1.0, 2.3, 4.0):
        pixels = picture(name, frequency=frequency, chance=walk())
        lit = pixels > 60
        assert lit.any(0).all(), "every moment has a place"
        for before, after in zip(lit.T[:-1], lit.T[1:], strict=True):
            reach = before | np.roll(before, 1) | np.roll(before, -1)
            assert (reach & after).any(), "and it goes on where the last one was"
        assert not pixels[0].any() and not pixels[-1].any() and np.median(pixels) == 0


def test_the_middle_of_the_line_is_the_height_of_the_curve():
    pixels = picture("sine", frequency=1, phase=0, amplitude=0.9).astype(float)
    rows = (pixels * (np.arange(series.SIDE)[:, None] + 0.5)).sum(0) / pixels.sum(0)
    heights = curve("sine", frequency=1, phase=0, amplitude=0.9).reshape(series.SIDE, -1).mean(1)
    assert np.allclose(rows, series.SIDE / 2 - heights * (series.SIDE / 2 - series.MARGIN), atol=0.6)


def test_loaded_curves_belong_to_their_factors_and_are_the_same_on_every_machine():
    images = series.load("test")
    plain = images.labels < NUMBER["steps"]
    some = plain.nonzero()[:40, 0]
    again = series.draw(images.labels[some].numpy(), images.factors[some].numpy(), np.zeros((40, series.SIDE), np.float32))
    assert np.array_equal(again, images.pixels[some, 0].numpy()) and images.factor_names == series.FACTORS
    assert (images.factors >= torch.tensor(series.LOW)).all() and (images.factors <= torch.tensor(series.HIGH)).all()
    assert images.labels[:10].tolist() == [6, 2, 0, 2, 3, 6, 3, 0, 2, 4] and images.pixels.float().mean().item() == pytest.approx(31.19, abs=0.05)
