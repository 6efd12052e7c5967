"""32x32 pictures of drawn time series, one column a moment, so that every true factor of a curve is known."""

from pathlib import Path

import numpy as np
import torch

from ._base import Images, check_split

TITLE = "Drawn time series"
TERMS = "Drawn by this project; no restriction"
IMAGE_SHAPE = (1, 32, 32)
CLASSES = ("sine", "square", "triangle", "sawtooth", "chirp", "damped", "steps", "random walk")
FACTORS = ("frequency", "phase", "amplitude")  # periods in the picture (of steps: treads); share of a period; share of half the height
LOW, HIGH = (1.0, 0.0, 0.35), (4.0, 1.0, 0.95)
COUNT = {"train": 12000, "test": 2000}
SEED = {"train": 1, "test": 2}

SIDE, SHARP = 32, 8  # a curve is followed at SHARP moments in each column
THICK = 0.75  # pixels from the middle of the line to its edge
MARGIN = 1.5  # pixels above and below the largest curve
TREADS = 12  # heights that steps may need: four periods, two treads each, and what the phase cuts


def load(split: str = "train", source: Path | None = None) -> Images:
    """12,000 curves to train on or 2,000 to test with; always the same ones. `source` is not needed."""
    check_split(split)
    random = np.random.default_rng(SEED[split])
    count = COUNT[split]
    kinds = random.integers(0, len(CLASSES), count)
    factors = random.uniform(LOW, HIGH, (count, len(FACTORS))).astype(np.float32)
    chance = random.standard_normal((count, SIDE)).astype(np.float32)
    pixels = np.concatenate([draw(kinds[i:i + 500], factors[i:i + 500], chance[i:i + 500]) for i in range(0, count, 500)])
    return Images(torch.from_numpy(pixels[:, None]), torch.from_numpy(kinds), CLASSES, torch.from_numpy(factors), FACTORS)


def draw(kinds: np.ndarray, factors: np.ndarray, chance: np.ndarray) -> np.ndarray:
    """Class numbers [N], factors [N, 3] and what chance brings [N, 32], of N(0, 1), to pictures uint8 [N, 32, 32], light on dark."""
    heights = curves(kinds, factors, chance)
    middle = SIDE / 2 - heights * (SIDE / 2 - MARGIN)  # rows from above, [N, moments]
    columns = middle.reshape(len(kinds), SIDE, SHARP)
    nearest = np.concatenate([columns, np.roll(columns[:, :, :1], -1, 1)], 2)  # up to where the next column begins, so that no line is broken
    nearest[:, -1, -1] = columns[:, -1, -1]
    top, bottom = nearest.min(2)[:, None], nearest.max(2)[:, None]
    row = np.arange(SIDE, dtype=np.float32)[None, :, None] + 0.5
    outside = np.maximum(np.maximum(top - row, row - bottom), 0)
    return (255 * np.clip(THICK + 0.5 - outside, 0, 1)).round().astype(np.uint8)


def curves(kinds: np.ndarray, factors: np.ndarray, chance: np.ndarray) -> np.ndarray:
    """Heights [N, 32 * SHARP] of the curves in [-1, 1], at most as far from zero as their amplitude."""
    frequency, phase, amplitude = factors.T[:, :, None]
    t = ((np.arange(SIDE * SHARP, dtype=np.float32) + 0.5) / (SIDE * SHARP))[None]
    turns = frequency * t + phase  # periods gone by
    wave = np.select([kinds[:, None] == k for k in range(len(CLASSES))], [
        np.sin(2 * np.pi * turns),
        np.where(turns % 1 < 0.5, 1.0, -1.0),
        1 - 4 * abs((turns + 0.25) % 1 - 0.5),
        2 * (turns % 1) - 1,
        np.sin(2 * np.pi * (frequency * t * (0.4 + 1.2 * t) + phase)),  # from four tenths to nearly three times the frequency
        np.exp(-3 * t) * np.sin(2 * np.pi * turns) / 0.85,
        _steps(turns, chance),
        _walk(frequency, phase, chance),
    ])
    return (amplitude * np.clip(wave, -1, 1)).astype(np.float32)


def _steps(turns: np.ndarray, chance: np.ndarray) -> np.ndarray:
    """Two treads a period, each at a height of its own."""
    heights = np.tanh(chance[:, :TREADS])
    return np.take_along_axis(heights, (2 * turns).astype(int) % TREADS, 1)


def _walk(frequency: np.ndarray, phase: np.ndarray, chance: np.ndarray) -> np.ndarray:
    """A step a column, the larger the higher the frequency; it begins as high as the phase says and turns back where it would leave."""
    begin = 2 * phase - 1
    places = begin + np.cumsum(chance * frequency / 16, 1)
    places = np.concatenate([begin, places], 1)
    moments = np.arange(SIDE * SHARP) / SHARP
    left = moments.astype(int)
    share = moments - left
    walked = places[:, left] * (1 - share) + places[:, left + 1] * share
    return 1 - abs((walked + 3) % 4 - 2)  # folded into [-1, 1]
