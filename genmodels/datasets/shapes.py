"""32x32 colour pictures of one shape in a landscape, drawn here, so that every true factor is known."""

import colorsys
from pathlib import Path

import numpy as np
import torch

from ._base import Images, check_split

TITLE = "Shapes in a landscape"
TERMS = "Drawn by this project; no restriction"
IMAGE_SHAPE = (3, 32, 32)
CLASSES = ("circle", "square", "triangle")
FACTORS = ("x", "y", "size", "hue", "daylight")  # x, y in [-1, 1] of the picture; the others in [0, 1]
COUNT = {"train": 12000, "test": 2000}
SEED = {"train": 1, "test": 2}

SIDE, SHARP = 32, 3  # edges are averaged over SHARP x SHARP points a pixel
DAY_TOP, DAY_LOW, DAY_GROUND = np.array([[86, 160, 235], [205, 230, 250], [120, 160, 92]], np.float32)
NIGHT_TOP, NIGHT_LOW, NIGHT_GROUND = np.array([[8, 10, 32], [44, 40, 84], [22, 32, 40]], np.float32)
HORIZON = 24  # rows of sky


def load(split: str = "train", source: Path | None = None) -> Images:
    """12,000 pictures to train on or 2,000 to test with; always the same ones. `source` is not needed."""
    check_split(split)
    random = np.random.default_rng(SEED[split])
    count = COUNT[split]
    kinds = random.integers(0, len(CLASSES), count)
    factors = random.uniform([-0.6, -0.5, 0, 0, 0], [0.6, 0.5, 1, 1, 1], (count, 5)).astype(np.float32)
    pixels = np.concatenate([draw(kinds[i:i + 500], factors[i:i + 500]) for i in range(0, count, 500)])
    return Images(torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous(), torch.from_numpy(kinds), CLASSES,
                  torch.from_numpy(factors), FACTORS)


def draw(kinds: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Class numbers [N] and factors [N, 5] to pictures uint8 [N, 32, 32, 3]."""
    x, y, size, hue, day = factors.T[:, :, None, None]
    day = day[..., None]
    top, low, ground = (night + day * (noon - night) for night, noon in
                        ((NIGHT_TOP, DAY_TOP), (NIGHT_LOW, DAY_LOW), (NIGHT_GROUND, DAY_GROUND)))
    row = np.arange(SIDE, dtype=np.float32)[None, :, None, None]
    landscape = np.where(row < HORIZON, top + row / HORIZON * (low - top), ground)

    ticks = ((np.arange(SIDE * SHARP) + 0.5) / (SIDE * SHARP) * 2 - 1).astype(np.float32)
    radius = 0.18 + 0.2 * size
    inside = _inside(kinds[:, None, None], (ticks[None, None, :] - x) / radius, (ticks[None, :, None] - y) / radius)
    covered = inside.reshape(-1, SIDE, SHARP, SIDE, SHARP).mean((2, 4), dtype=np.float32)[..., None]
    colour = np.array([colorsys.hsv_to_rgb(h * 0.85, 0.75, 0.95) for h in hue.ravel()], np.float32).reshape(-1, 1, 1, 3) * 255
    return (landscape + covered * (colour * (0.45 + 0.55 * day) - landscape)).round().astype(np.uint8)


def _inside(kind: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Whether points (u, v) lie in the shape of radius one around the origin."""
    circle = u**2 + v**2 < 1
    square = np.maximum(abs(u), abs(v)) < 0.85
    triangle = (v < 0.8) & (v > 2 * abs(u) - 1.1)
    return np.choose(kind, [circle, square, triangle])
