"""What is typical: how far a code lies from those of test pictures, and which score only a few test pictures exceed."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

import numpy as np

SHARES = np.linspace(0, 1, 41)  # at which the quantiles of test pictures are kept
RARE = 0.05  # of test pictures exceed the threshold
LONGEST = 256  # numbers in a code whose directions are told apart; of longer ones each number has a variance alone
LEAST = 1e-6  # variance that every direction is given, so that a dead dimension does no harm
KEPT = ("distance", "error", "score")


@dataclass(frozen=True, eq=False)
class Typical:
    """The codes and the errors of test pictures in short.

    mean float32 [D]. whitening float16 [D, D], or [D] where codes are long: it turns codes about their mean into N(0, I). quantiles float32
    [3, Q], rising, at SHARES: of distance, error and score of test pictures. usual: the mean error of test pictures (mean squared, pixels
    in [0, 1]). pixels: numbers in a picture. among: test pictures that the quantiles are of.
    """

    mean: np.ndarray
    whitening: np.ndarray
    quantiles: np.ndarray
    usual: float
    pixels: int
    among: int

    @classmethod
    def fit(cls, codes: np.ndarray, errors: np.ndarray, pixels: int) -> "Typical":
        """From codes [N, *shape] and errors [N] of test pictures: mean and whitening of every second one, quantiles of the others.

        So no code is judged by a cloud that it is part of. ValueError for fewer than four pictures.
        """
        if len(codes) < 4:
            raise ValueError(f"What is typical is told from at least 4 test pictures, not from {len(codes)}.")
        flat = codes.reshape(len(codes), -1).astype(np.float64)
        cloud, others = flat[::2], flat[1::2]
        mean = cloud.mean(0)
        if flat.shape[1] > LONGEST:
            whitening = 1 / np.sqrt(cloud.var(0) + LEAST)
        else:
            covariance = np.cov(cloud, rowvar=False).reshape(flat.shape[1], -1)
            whitening = np.linalg.inv(np.linalg.cholesky(covariance + LEAST * np.eye(flat.shape[1])))
        found = cls(mean.astype(np.float32), whitening.astype(np.float16), np.zeros((3, 2), np.float32), float(errors[1::2].mean()), pixels, len(others))
        measured = found.distance(others), errors[1::2], found.score(others, errors[1::2])
        quantiles = np.stack([np.quantile(values, SHARES) for values in measured]).astype(np.float32)
        return cls(found.mean, found.whitening, quantiles, found.usual, pixels, len(others))

    def distance(self, codes: np.ndarray) -> np.ndarray:
        """The Mahalanobis distance [N] of codes [N, *shape] from the middle of the test pictures' codes, in sigmas."""
        apart = codes.reshape(len(codes), -1).astype(np.float64) - self.mean
        whitening = self.whitening.astype(np.float64)
        return np.linalg.norm(apart @ whitening.T if whitening.ndim == 2 else apart * whitening, axis=1)

    def score(self, codes: np.ndarray, errors: np.ndarray) -> np.ndarray:
        """How odd pictures are [N], by their codes and the errors that these leave; about 1 for a usual one.

        The squared distance within the space of codes plus the squared distance from it, each in the variance that test pictures have
        there (Moghaddam & Pentland 1997, equation 12), for one number of code or picture.
        """
        within, beside = self.distance(codes) ** 2, self.pixels * np.asarray(errors) / max(self.usual, LEAST)
        return (within + beside) / (self.mean.size + self.pixels)

    def exceeds(self, what: str, value: float) -> float:
        """The share of test pictures, 0 to 1, whose "distance", "error" or "score" is less than this."""
        return float(np.interp(value, self.quantiles[KEPT.index(what)], SHARES, left=0.0, right=1.0))

    def threshold(self, what: str) -> float:
        """What RARE of the test pictures exceed."""
        return float(np.interp(1 - RARE, SHARES, self.quantiles[KEPT.index(what)]))


def packed(typical: Typical) -> dict[str, np.ndarray]:
    """As typical.npz holds it."""
    return {"mean": typical.mean, "whitening": typical.whitening, "quantiles": typical.quantiles,
            "usual": np.array([typical.usual, typical.pixels, typical.among], np.float32)}


def unpacked(arrays: Mapping[str, np.ndarray], shape: tuple[int, ...], pixels: int) -> Typical | None:
    """What `packed` gave, for codes of a shape and pictures of so many numbers; None for no arrays. ValueError says what does not fit."""
    if not arrays:
        return None
    size = prod(shape)
    wanted = {"mean": (size,), "whitening": (size,) if size > LONGEST else (size, size), "quantiles": (3, len(SHARES)), "usual": (3,)}
    for name, lengths in wanted.items():
        if name not in arrays or arrays[name].shape != lengths or arrays[name].dtype.kind != "f" or not np.isfinite(arrays[name]).all():
            raise ValueError(f"{name} must be finite numbers {list(lengths)}.")
    usual, numbers, among = map(float, arrays["usual"])
    if numbers != pixels or usual < 0 or among < 1 or (np.diff(arrays["quantiles"], axis=1) < 0).any():
        raise ValueError("what it says of test pictures does not hold together: quantiles rise, and pictures are those of the model.")
    return Typical(arrays["mean"], arrays["whitening"], arrays["quantiles"], usual, pixels, int(among))
