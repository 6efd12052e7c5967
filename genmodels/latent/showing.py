"""What pictures show of the things that directions are called after: an attribute, one class rather than another, or a measured stroke."""

from collections.abc import Sequence

import numpy as np

from .directions import leakage, readable
from .measures import strokes

LEAST = 1e-40  # probability: what is neither of two classes is still rather one of them, unless both are zero
STROKES = ("thickness", "slant", "width", "height")


class Showing:
    """Reads `names` out of pictures and of what a classifier of `classes` says of them; `names` without a meaning for it are left out.

    "Smiling" is the probability of that class or attribute, "From 3 to 5" that of 5 where it is one of the two, "Slant" the measure of the
    strokes, which counts by its rank among the pictures before.
    """

    def __init__(self, names: Sequence[str], classes: Sequence[str]):
        columns = {readable(name): k for k, name in enumerate(classes)}
        pairs = {readable(f"From {a} to {b}"): (i, j) for i, a in enumerate(classes) for j, b in enumerate(classes) if i != j}
        self.columns = {name: columns[name] for name in names if name in columns}
        self.pairs = {name: pairs[name] for name in names if name in pairs}
        self.strokes = {name: name.lower() for name in names if name.lower() in STROKES and name not in columns}
        self.names = [name for name in names if name in self.columns | self.pairs | self.strokes]

    def values(self, chances: np.ndarray, pixels: np.ndarray) -> np.ndarray:
        """[N, names] of probabilities [N, classes] and pictures uint8 [N, H, W, C]."""
        measured = strokes(pixels.mean(3) / 255) if self.strokes else {}
        out = np.empty((len(chances), len(self.names)))
        for k, name in enumerate(self.names):
            if name in self.pairs:
                a, b = (chances[:, one].astype(np.float64) + LEAST for one in self.pairs[name])
                out[:, k] = b / (a + b)
            else:
                out[:, k] = measured[self.strokes[name]] if name in self.strokes else chances[:, self.columns[name]]
        return out

    def moved(self, before: np.ndarray, after: np.ndarray) -> np.ndarray:
        """By how much each name changes on average [names], from -1 to 1, between values [N, names]."""
        first, then = before.copy(), after.copy()
        for k, name in enumerate(self.names):
            if name in self.strokes:
                order = np.sort(before[:, k])
                first[:, k], then[:, k] = (np.searchsorted(order, values[:, k]) / len(order) for values in (before, after))
        return leakage(first, then)
