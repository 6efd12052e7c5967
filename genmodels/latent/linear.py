"""Linear classifiers of codes: the plane that parts those with an attribute from those without, what goes together balanced before."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression

STRENGTH = 0.1  # inverse strength of the penalty on the normal, for a thousand codes
TOGETHER = 0.2  # correlation from which another attribute is balanced
MOST_BALANCED = 6  # others at once
LEAST_CELL = 30  # codes with and without another attribute on each side, below which it cannot be balanced
ROUNDS, HEAVIEST = 20, 20.0  # of balancing; a code weighs at most so many times the mean of its side
EXTREMES = 0.5  # share of each side that is kept for the second fit: those farthest from the plane, on their own side
RIDGE, WIDE = 1e-3, 1e3  # share of the mean variance that is added to each; so many times as much where codes are longer than they are many
PARTS = 5  # of five codes one tells how good the plane is, one which of two fits is taken, three are fitted to


@dataclass(frozen=True, eq=False)
class Plane:
    """A unit normal [D], float64, and where along it the border lies: codes with code @ normal + intercept > 0 have the attribute."""

    normal: np.ndarray
    intercept: float

    def margins(self, codes: np.ndarray) -> np.ndarray:
        """Signed distances [N] of codes [N, D] from the plane."""
        return codes @ self.normal + self.intercept

    def accuracy(self, codes: np.ndarray, y: np.ndarray) -> float:
        """Balanced accuracy on codes [N, D] of +1 and -1: the mean of the shares of both sides that lie where they belong."""
        right = self.margins(codes) * y > 0
        return float((right[y > 0].mean() + right[y < 0].mean()) / 2)


def parted(codes: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None, strength: float = STRENGTH) -> Plane:
    """The plane of a logistic regression between codes [N, D] of +1 and of -1 [N]; both sides weigh the same in all.

    weights [N] are those of codes within their side. Of codes that are longer than they are many the inner products are enough: the
    normal is a sum of codes (the representer theorem), so that the fit takes as many numbers as there are codes.
    """
    n, size = codes.shape
    weights = np.ones(n) if weights is None else weights
    shares = np.where(y > 0, weights / weights[y > 0].sum(), weights / weights[y < 0].sum()) * n / 2
    seen, back = inner(codes) if size > n else (codes, None)
    found = LogisticRegression(C=strength * 1000 / n, tol=1e-3, max_iter=200).fit(seen, y > 0, shares)
    slope = found.coef_[0].astype(np.float64)
    slope = slope if back is None else slope @ back
    length = max(np.linalg.norm(slope), 1e-12)
    return Plane(slope / length, float(found.intercept_[0]) / length)


def learned(codes: np.ndarray, y: np.ndarray, others: np.ndarray) -> tuple[Plane, float, list[int]]:
    """The plane, its balanced accuracy on codes that it has not seen, and which of the other attributes were balanced.

    codes [N, D]; y [N] and others [N, K] of +1, -1 and 0 for what is not known. Fitted twice, the second time to the extremes, and the
    better one is taken.
    """
    known = np.flatnonzero(y)
    codes, y, others = codes[known], y[known], others[known]
    part = np.arange(len(y)) % PARTS
    fitted, chosen, unseen = part > 1, part == 1, part == 0
    together = _together(y[fitted], others[fitted])
    weights = _balance(y[fitted], others[fitted][:, together])
    first = parted(codes[fitted], y[fitted], weights)
    kept = _extremes(first, codes[fitted], y[fitted])
    second = parted(codes[fitted][kept], y[fitted][kept], weights[kept])
    best = max((first, second), key=lambda plane: plane.accuracy(codes[chosen], y[chosen]))
    return best, best.accuracy(codes[unseen], y[unseen]), together


def regression(codes: np.ndarray) -> Callable[[np.ndarray], tuple[np.ndarray, float]]:
    """Linear regression from codes [N, D]: a function from values [N] to slope [D] and offset. A little ridge keeps dead dimensions quiet."""
    codes = codes.astype(np.float64)
    centre = codes.mean(0)
    off, wide = codes - centre, len(codes) < codes.shape[1]
    gram = off @ off.T if wide else off.T @ off
    gram[np.diag_indices_from(gram)] += RIDGE * (WIDE if wide else 1) * max(np.trace(gram) / len(gram), 1e-12)
    turned = np.linalg.solve(gram, off).T if wide else np.linalg.solve(gram, off.T)  # [D, N]

    def fit(values: np.ndarray) -> tuple[np.ndarray, float]:
        slope = turned @ (values - values.mean())
        return slope, float(values.mean() - centre @ slope)

    return fit


def _extremes(plane: Plane, codes: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Which codes [N] lie farthest on their own side: a share of each."""
    margins = plane.margins(codes) * y
    kept = np.zeros(len(y), bool)
    for side in (y > 0, y < 0):
        kept |= side & (margins >= np.quantile(margins[side], 1 - EXTREMES))
    return kept


def _together(y: np.ndarray, others: np.ndarray) -> list[int]:
    """Which other attributes [N, K] go with this one [N], the strongest first, and can be balanced: each side has some with and without."""
    known = (others != 0).astype(np.float64)
    n = np.maximum(known.sum(0), 1)
    mean_y, mean_o = (y @ known) / n, others.sum(0) / n
    covariance = (y @ others) / n - mean_y * mean_o
    spread = np.sqrt(np.maximum((1 - mean_y**2) * (known.sum(0) / n - mean_o**2), 1e-12))
    strength = abs(covariance / spread)
    cells = np.array([(y == side).astype(float) @ (others == value) for side in (1, -1) for value in (1, -1)]).min(0)
    order = np.argsort(-strength, kind="stable")
    return [int(k) for k in order if strength[k] >= TOGETHER and cells[k] >= LEAST_CELL][:MOST_BALANCED]


def _balance(y: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Weights [N] with which each of the other attributes [N, J] is as frequent as not on both sides of y [N], by raking."""
    weights = np.ones(len(y))
    cells = [(side, column) for side in (y > 0, y < 0) for column in others.T]
    for _ in range(ROUNDS if cells else 0):
        for side, column in cells:
            half = weights[side & (column != 0)].sum() / 2
            for value in (1, -1):
                cell = side & (column == value)
                weights[cell] *= half / weights[cell].sum()
        for side in (y > 0, y < 0):
            weights[side] = np.minimum(weights[side] / weights[side].mean(), HEAVIEST)
    return weights


def inner(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Codes [N, D] in axes of their own span, [N, R], and these axes [R, D]: what is done to them there is done to the codes."""
    values, vectors = np.linalg.eigh(codes @ codes.T)
    good = values > values[-1] * 1e-8
    roots = np.sqrt(values[good])
    return vectors[:, good] * roots, (vectors[:, good] / roots).T @ codes
