"""What codes are worth: effects of dimensions, neighbours, names, readable factors, and the two axes of a map."""

from collections.abc import Callable, Mapping

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor

GREY_LEVELS = 127.5  # grey levels of 0..255 in one unit of pictures in [-1, 1]
LARGEST_COVARIANCE = 4096  # pixels of pictures whose covariance is taken apart as a whole
NARROWEST = 3.0  # sigmas that a map shows at least to each side


def pixel_axes(pixels: np.ndarray, size: int) -> PCA:
    """PCA of `size` dimensions, fitted to pictures [N, D]; of large pictures by randomised projections (Halko et al. 2011), always the same."""
    solver = "covariance_eigh" if pixels.shape[1] <= LARGEST_COVARIANCE else "randomized"
    return PCA(size, svd_solver=solver, iterated_power=4, random_state=0).fit(pixels)


def effects(decode: Callable[[Tensor], Tensor], z: Tensor) -> Tensor:
    """Mean absolute change of the picture, in grey levels of 0..255, per sigma of each dimension: [D].

    `decode` takes all latents z [B, *latent_shape] at once and gives pictures in [-1, 1]; each dimension is
    moved by one sigma in all, half to each side of z.
    """
    flat = z.flatten(1)
    half = torch.eye(flat.shape[1], dtype=z.dtype, device=z.device) / 2
    changes = [(decode((flat + step).view_as(z)) - decode((flat - step).view_as(z))).abs().mean() for step in half]
    return torch.stack(changes) * GREY_LEVELS


def neighbour_accuracy(codes: np.ndarray, labels: np.ndarray, k: int = 5) -> float:
    """Share of codes [N, D] whose k nearest others, by vote, have their label [N] (each is left out of its own vote)."""
    guesses = KNeighborsClassifier(k).fit(codes, labels).predict(None)
    return float((guesses == labels).mean())


def readable(codes: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """R2 of a linear regression from codes [N, D] to each known factor [N, F]: [F].

    Fitted on every second picture, measured on the others.
    """
    guesses = LinearRegression().fit(codes[::2], factors[::2]).predict(codes[1::2])
    truth = factors[1::2]
    return 1 - np.square(guesses - truth).sum(0) / np.square(truth - truth.mean(0)).sum(0)


def strokes(pixels: np.ndarray) -> dict[str, np.ndarray]:
    """Properties [N] of light strokes on dark ground, from grey pictures [N, H, W] in [0, 1].

    By moments, in the spirit of Morpho-MNIST (Castro et al. 2019): `slant` is the tangent of the lean to the
    right; `width` and `height`, in shares of the side, are those of an even bar with the same spread once the
    slant is taken out; `thickness`, in pixels, is twice the area over the length of the outline; `ink` is the
    mean pixel.
    """
    n, rows, columns = pixels.shape
    area = np.maximum(pixels.sum((1, 2)), 1e-6)
    weight = pixels / area[:, None, None]
    y, x = np.mgrid[0:rows, 0:columns]
    dx, dy = (axis - (weight * axis).sum((1, 2))[:, None, None] for axis in (x, -y))
    xx, xy, yy = ((weight * product).sum((1, 2)) for product in (dx * dx, dx * dy, dy * dy))
    slant = xy / np.maximum(yy, 1e-6)
    down, right = (np.diff(pixels, axis=axis, append=0) for axis in (1, 2))
    outline = np.maximum(np.hypot(down, right).sum((1, 2)), 1e-6)
    return {
        "slant": slant,
        "thickness": 2 * pixels.sum((1, 2)) / outline,
        "width": np.sqrt(12 * np.maximum(xx - slant * xy, 0)) / columns,
        "height": np.sqrt(12 * yy) / rows,
        "ink": pixels.mean((1, 2)),
    }


def names(codes: np.ndarray, properties: Mapping[str, np.ndarray], least: float = 0.6) -> list[dict | None]:
    """For each dimension of codes [N, D] the property [N] that goes with it best: {"name", "r"}, or None.

    r is Spearman's rank correlation; its sign says which way. Below `least` a dimension stays without a name.
    """
    ranked = {name: _standard_ranks(values) for name, values in properties.items()}
    named: list[dict | None] = []
    for code in codes.T:
        ranks = _standard_ranks(code)
        r = {name: float((ranks * values).mean()) for name, values in ranked.items()}
        best = max(r, key=lambda name: abs(r[name]), default=None)
        named.append({"name": best, "r": round(r[best], 2)} if best is not None and abs(r[best]) >= least else None)
    return named


def linear_axes(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Axes float32 [2, D] and centre float32 [D] of a map of codes [N, D]; a code lies at (code - centre) @ axes.T.

    A plane is its own map. Otherwise the axes are the two principal ones: orthonormal rows, each signed so that
    its largest entry is positive.
    """
    size = codes.shape[1]
    if size <= 2:
        return np.eye(2, size, dtype=np.float32), np.zeros(size, np.float32)
    pca = PCA(2, svd_solver="covariance_eigh" if len(codes) > size else "full").fit(codes.astype(np.float64))
    largest = np.take_along_axis(pca.components_, abs(pca.components_).argmax(1)[:, None], axis=1)
    return (pca.components_ * np.sign(largest)).astype(np.float32), pca.mean_.astype(np.float32)


def reach(xy: np.ndarray) -> float:
    """Half the side of the square around the middle that holds 99 % of the points [N, 2]; at least 3."""
    return max(NARROWEST, float(np.quantile(abs(xy).max(1), 0.99)))


def _standard_ranks(values: np.ndarray) -> np.ndarray:
    """Ranks [N] with mean zero and deviation one, equal values sharing theirs; zeros where all are equal."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (counts.cumsum() - (counts - 1) / 2)[place]
    spread = ranks.std()
    return (ranks - ranks.mean()) / spread if spread > 0 else np.zeros(len(ranks))
