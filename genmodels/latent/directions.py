"""Directions of latent spaces: learned from labels, measured, made by hand or found without any; projected off each other; arithmetic."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA

from .linear import inner, learned, parted, regression

SOURCES = ("learned", "classes", "measured", "by hand", "principal", "sefa")
NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9_ ]{2,40}")
SIDES = {"learned": ("with it", "without"), "classes": ("of the class where it ends", "of that where it begins")}
FEWEST = 50  # codes on each side of what is learned
LEAST = 0.6  # balanced accuracy on unseen codes from which a direction counts as learned
FEWEST_BY_HAND = 3  # codes on each side
FOLDS, SHUFFLES = 5, 4  # of the cross-validation of what was made by hand
SOFT = 0.05  # strength of a fit to a handful of codes: nearly the difference of their means
DEPENDENT = 1e-5  # share of its length that a locked direction must add to the span of the others to count


@dataclass(frozen=True, eq=False)
class Direction:
    """A direction of a latent space: a step of one sigma is scale * vector.

    name: letters, digits, spaces and _, as a person reads it. vector: float32 [D], of length one. scale: the standard deviation of the
    codes' projection on it. intercept: codes with code @ vector + intercept > 0 have what it names. accuracy: balanced, on codes that were
    not fitted to; None where nothing was told apart. source: one of SOURCES. about: a sentence on how it came about.
    """

    name: str
    vector: np.ndarray
    scale: float
    intercept: float
    accuracy: float | None
    source: str
    about: str

    @property
    def word(self) -> str:
        """Its name in a point (`latent.points`)."""
        return word(self.name)

    @property
    def step(self) -> np.ndarray:
        """One sigma, float32 [D]."""
        return (self.scale * self.vector.astype(np.float64)).astype(np.float32)


def word(name: str) -> str:
    """A direction's name as it stands in a point: spaces are underscores."""
    return name.replace(" ", "_")


def readable(name: str) -> str:
    """Any name as one that a direction may have: "T-shirt/top" is "T shirt top"."""
    return re.sub(r"[^A-Za-z0-9_]+", " ", name).strip()[:40]


def learn(codes: np.ndarray, labels: Mapping[str, np.ndarray], source: str = "learned", pictures: str = "pictures") -> tuple[list[Direction], dict[str, str]]:
    """Directions of attributes, and a sentence for each that could not be learned.

    codes [N, D]; labels [N] of +1, -1 and 0 for what is not known. A direction is the normal of a linear classifier (as InterFaceGAN,
    Shen et al. 2020, has it) that sees both sides as often, and the attributes that go together with this one as often as not on each.
    It is taken where the codes have unit covariance: a push stays among codes, and leaves alone what they never use. `pictures` is what
    they are codes of, for the sentence about each.
    """
    codes = np.asarray(codes, np.float32)
    covariance = _covariance(codes)
    seen, back = inner(codes) if codes.shape[1] > len(codes) else (codes, None)
    table = np.stack([np.asarray(one, np.float64) for one in labels.values()], 1) if labels else np.zeros((len(codes), 0))
    found, missed = [], {}
    for k, name in enumerate(labels):
        has, lacks = int((table[:, k] > 0).sum()), int((table[:, k] < 0).sum())
        if min(has, lacks) < FEWEST:
            missed[name] = f"{has:,} {pictures} with it and {lacks:,} without are too few: {FEWEST} of each are needed."
            continue
        rest = [j for j in range(len(labels)) if j != k]
        plane, accuracy, together = learned(seen, table[:, k], table[:, rest])
        if accuracy < LEAST:
            missed[name] = f"A linear classifier of codes is right for {accuracy:.0%} of those it has not seen, and half of them it would guess."
            continue
        balanced = [list(labels)[rest[j]] for j in together]
        about = f"Learned from {has:,} {pictures} {SIDES[source][0]} and {lacks:,} {SIDES[source][1]}"
        about += f", among which {_listed(balanced)} {'were' if len(balanced) > 1 else 'was'} balanced." if balanced else "."
        row = np.dot(covariance, plane.normal if back is None else plane.normal @ back)
        ends = [float((codes[table[:, k] * side > 0] @ row).mean()) for side in (1, -1)]
        found.append(_direction(name, row, codes, -sum(ends) / 2 / np.linalg.norm(row), accuracy, source, about))
    return found, missed


def measured(codes: np.ndarray, values: Mapping[str, np.ndarray]) -> tuple[list[Direction], dict[str, str]]:
    """Directions along which measured values [N] of pictures with these codes [N, D] grow, and a sentence for each that do not follow the codes.

    As `learn`, with a linear regression in the classifier's place. Its accuracy is that of telling the larger half from the smaller one, on
    codes that were not fitted to.
    """
    codes = np.asarray(codes, np.float32)
    covariance, found, missed = _covariance(codes), [], {}
    fitted = regression(codes[::2])
    for name, one in values.items():
        one = np.asarray(one, np.float64)
        larger, truth = one[1::2] > np.median(one), one[1::2]
        if larger.all() or not larger.any():
            missed[name] = "It is the same in nearly all pictures."
            continue
        slope, offset = fitted(one[::2])
        guesses = codes[1::2] @ slope + offset
        right = (guesses > np.median(one)) == larger
        accuracy = float((right[larger].mean() + right[~larger].mean()) / 2)
        if accuracy < LEAST:
            missed[name] = f"A linear regression from codes tells the larger half from the smaller one for {accuracy:.0%}, and half it would guess."
            continue
        explained = max(0, 1 - np.square(guesses - truth).sum() / np.square(truth - truth.mean()).sum())
        about = f"Measured in {len(codes):,} pictures; a linear regression from codes explains {explained:.0%} of it."
        found.append(_direction(name, np.dot(covariance, slope), codes, None, accuracy, "measured", about))
    return found, missed


def by_hand(plus: np.ndarray, minus: np.ndarray, codes_scale: np.ndarray | float = 1.0, name: str = "By hand") -> Direction:
    """The direction from the codes minus [M, D] to the codes plus [P, D], with its cross-validated balanced accuracy.

    codes_scale: the standard deviation of the model's codes, one number or one for each dimension [D]; of N(0, I) it is one.
    ValueError where there are fewer than three codes on a side, or where both sides are the same.
    """
    plus, minus = (np.asarray(side, np.float32).reshape(len(side), -1) for side in (plus, minus))
    if min(len(plus), len(minus)) < FEWEST_BY_HAND:
        raise ValueError(f"A direction needs at least {FEWEST_BY_HAND} pictures marked + and {FEWEST_BY_HAND} marked -, not {len(plus)} and {len(minus)}.")
    if plus.shape[1] != minus.shape[1] or not (np.isfinite(plus).all() and np.isfinite(minus).all()):
        raise ValueError("The pictures marked + and - must be codes of one model, all of them finite numbers.")
    codes, y = np.concatenate([plus, minus]), np.repeat([1.0, -1.0], [len(plus), len(minus)])
    plane = parted(codes, y, strength=SOFT)
    if abs(plane.normal @ (plus.mean(0) - minus.mean(0))) < 1e-9:
        raise ValueError("The pictures marked + and those marked - have the same codes; mark others.")
    scale = float(np.linalg.norm(plane.normal * codes_scale))
    about = f"Made by hand from {len(plus)} pictures marked + and {len(minus)} marked -."
    return Direction(name, plane.normal.astype(np.float32), scale, plane.intercept, _cross_validated(codes, y), "by hand", about)


def principal(codes: np.ndarray, k: int, features: np.ndarray | None = None) -> list[Direction]:
    """The k directions along which codes [N, D] vary most, the widest first.

    With features [N, F] of a decoder's pictures, or of what it makes on the way there, the directions that change these most: the
    regression of codes on their principal coordinates (GANSpace, Härkönen et al. 2020, section 3.2).
    """
    codes = np.asarray(codes, np.float64)
    if features is None:
        count = min(k, codes.shape[1])
        rows, about = PCA(count, svd_solver="full").fit(codes).components_, "The principal axis {} of the codes."
    else:
        count = min(k, features.shape[1], codes.shape[1])
        coordinates = PCA(count, svd_solver="covariance_eigh" if features.shape[1] <= 2048 else "randomized", random_state=0).fit_transform(features)
        rows = (coordinates / coordinates.std(0)).T @ (codes - codes.mean(0))
        about = "The direction of the principal axis {} of what the decoder makes of random latents (GANSpace)."
    return [_direction(f"Axis {i}", row, codes, None, None, "principal", about.format(i)) for i, row in enumerate(_signed(rows), 1)]


def sefa(weight: np.ndarray, k: int, codes: np.ndarray | None = None) -> list[Direction]:
    """The k directions that a decoder's first layer, weight [out, D], answers most strongly: the top eigenvectors of A^T A (Shen & Zhou
    2021, equation 5). One sigma is that of the codes [N, D], without them that of N(0, I)."""
    _, _, rows = np.linalg.svd(np.asarray(weight, np.float64), full_matrices=False)
    return [_direction(f"SeFa {i}", row, codes, None, None, "sefa", f"The direction {i} in the order of what the decoder's first layer does with it (SeFa).")
            for i, row in enumerate(_signed(rows[:k]), 1)]


def project_off(vectors: np.ndarray, locked: np.ndarray) -> np.ndarray:
    """Vectors [K, D] less what they have in the span of the locked ones [L, D], float32: along them nothing locked moves.

    QR of the locked ones, whose order does not matter; those that lie in the span of others do no harm.
    """
    vectors, basis = np.asarray(vectors, np.float64), _basis(np.asarray(locked, np.float64))
    left = _less(_less(vectors, basis), basis)  # twice, for what rounding leaves
    left[np.linalg.norm(left, axis=1) <= DEPENDENT * np.linalg.norm(vectors, axis=1)] = 0
    return left.astype(np.float32)


def leakage(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """How far a push moves every attribute [A], signed: the mean over samples of what a judge says [N, A] after it less before it."""
    return (np.asarray(after, np.float64) - before).mean(0)


def arithmetic(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> dict[str, np.ndarray]:
    """A - B + C and every step on the way there, float32 [D] each. A, B and C are codes [N, D], of which several are averaged (Radford et
    al. 2015, section 6.3.2: single ones are unstable)."""
    a, b, c = (np.asarray(codes, np.float64).reshape(len(codes), -1).mean(0) for codes in (a, b, c))
    return {name: z.astype(np.float32) for name, z in (("A", a), ("B", b), ("A - B", a - b), ("C", c), ("A - B + C", a - b + c))}


def _direction(name: str, row: np.ndarray, codes: np.ndarray | None, intercept: float | None, accuracy: float | None, source: str, about: str) -> Direction:
    """A direction along a row [D] of any length; without an intercept its border lies in the middle of the codes [N, D]."""
    vector = (row / np.linalg.norm(row)).astype(np.float32)
    along = np.zeros(1) if codes is None else codes @ vector
    scale = 1.0 if codes is None else float(along.std())
    return Direction(name, vector, scale, float(-along.mean() if intercept is None else intercept), accuracy, source, about)


def _covariance(codes: np.ndarray) -> np.ndarray:
    """The covariance [D, D] of codes [N, D]; that of N(0, I), the number 1, where they are longer than they are many and cannot tell it."""
    n, size = codes.shape
    return np.cov(codes, rowvar=False).reshape(size, size) if n > size else np.ones(())


def _basis(locked: np.ndarray) -> np.ndarray:
    """Orthonormal rows [R, D] that span the locked ones [L, D], by Gram and Schmidt, which passes over those that add nothing."""
    rows: list[np.ndarray] = []
    for row in locked:
        length, basis = np.linalg.norm(row), np.reshape(rows, (-1, locked.shape[1]))
        left = _less(_less(row, basis), basis)
        if np.linalg.norm(left) > DEPENDENT * length:
            rows.append(left / np.linalg.norm(left))
    return np.reshape(rows, (-1, locked.shape[1]))


def _less(vectors: np.ndarray, basis: np.ndarray) -> np.ndarray:
    return vectors - (vectors @ basis.T) @ basis


def _signed(rows: np.ndarray) -> np.ndarray:
    """Each row [K, D] signed so that its largest entry is positive."""
    return rows * np.sign(np.take_along_axis(rows, abs(rows).argmax(1)[:, None], axis=1))


def _cross_validated(codes: np.ndarray, y: np.ndarray) -> float:
    """Balanced accuracy on codes left out, a fifth of each side at a time, over several shuffles."""
    random, scores = np.random.default_rng(0), []
    for _ in range(SHUFFLES):
        fold = np.empty(len(y), int)
        for side in (y > 0, y < 0):
            fold[side] = random.permutation(side.sum()) % min(FOLDS, side.sum())
        right = np.empty(len(y), bool)
        for k in range(fold.max() + 1):
            out = fold == k
            right[out] = parted(codes[~out], y[~out], strength=SOFT).margins(codes[out]) * y[out] > 0
        scores.append((right[y > 0].mean() + right[y < 0].mean()) / 2)
    return float(np.mean(scores))


def _listed(names: list[str]) -> str:
    return ", ".join(names[:-1]) + (" and " if names[1:] else "") + names[-1]
