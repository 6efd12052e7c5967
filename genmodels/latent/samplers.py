"""Samplers make a generator of any autoencoder: each fits a cloud to the codes of training pictures and draws new codes from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

import numpy as np
from sklearn.mixture import GaussianMixture

from ..normal import hashed, latents

COMPONENTS = 10  # of the mixture
SEED = 0  # with which scikit-learn starts the mixture
LEAST = 1e-6  # variance that every direction is given, so that a dead dimension does no harm
CHOICES = 0xFFFFFFFF  # a counter that no latent uses: the seed of the components that rows are drawn from


@dataclass(frozen=True, eq=False)
class Sampler:
    """Draws codes. The same seed gives the same draws everywhere, and row i is the same however many are drawn.

    Every kind has `fit(codes [N, *shape])`, `draw(seed, n)` -> float32 [n, *shape], and `arrays()`, all that it has learned as
    float32, from which `from_arrays(arrays, shape)` makes it again (ValueError says which array does not fit).
    """

    shape: tuple[int, ...]

    @classmethod
    def fit(cls, codes: np.ndarray) -> "Sampler":
        raise NotImplementedError

    @classmethod
    def sizes(cls, d: int) -> dict[str, tuple[int | None, ...]]:
        """The arrays by name with their shapes for codes of d numbers; None is any size, the same in all."""
        return {}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], shape: tuple[int, ...]) -> "Sampler":
        sizes = cls.sizes(prod(shape))
        if strangers := sorted(set(sizes) ^ set(arrays)):
            raise ValueError(f"a {cls.__name__.lower()} sampler has the arrays {', '.join(sizes) or 'none'}; look at {strangers[0]!r:.40}.")
        many = max((array.shape[0] for array in arrays.values() if array.ndim), default=0)
        for name, array in arrays.items():
            size = tuple(many if one is None else one for one in sizes[name])
            if array.dtype != np.float32 or array.shape != size or not array.size or not np.isfinite(array).all():
                raise ValueError(f"{name} must be finite float32 numbers {_written(sizes[name])}, not {array.dtype} {list(array.shape)}.")
        sampler = cls(tuple(shape), **{name: _mirrored(array) if name.startswith("covariance") else array for name, array in arrays.items()})
        try:
            sampler.draw(SEED, 1)
        except np.linalg.LinAlgError:
            raise ValueError("a covariance is not one: it must have no negative variance in any direction.") from None
        return sampler

    def arrays(self) -> dict[str, np.ndarray]:
        return {name: getattr(self, name) for name in self.sizes(prod(self.shape))}

    def draw(self, seed: int, n: int) -> np.ndarray:
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class Standard(Sampler):
    """N(0, I), what every model's latents should look like."""

    @classmethod
    def fit(cls, codes: np.ndarray) -> "Standard":
        return cls(codes.shape[1:])

    def draw(self, seed: int, n: int) -> np.ndarray:
        return latents(seed, n, self.shape)


@dataclass(frozen=True, eq=False)
class Gaussian(Sampler):
    """The Gaussian with the mean and the full covariance of the codes."""

    mean: np.ndarray
    covariance: np.ndarray

    @classmethod
    def sizes(cls, d: int) -> dict[str, tuple[int | None, ...]]:
        return {"mean": (d,), "covariance": (d, d)}

    @classmethod
    def fit(cls, codes: np.ndarray) -> "Gaussian":
        flat = codes.reshape(len(codes), -1).astype(np.float64)
        covariance = np.cov(flat, rowvar=False).reshape(flat.shape[1], -1)
        return cls(codes.shape[1:], flat.mean(0).astype(np.float32), covariance.astype(np.float32))

    def draw(self, seed: int, n: int) -> np.ndarray:
        noise = latents(seed, n, (self.mean.size,)).astype(np.float64)
        return (self.mean + noise @ _root(self.covariance).T).astype(np.float32).reshape(n, *self.shape)


@dataclass(frozen=True, eq=False)
class Mixture(Sampler):
    """A mixture of ten Gaussians with full covariances, fitted by scikit-learn."""

    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray

    def __post_init__(self):
        if self.weights.min() < 0 or abs(self.weights.sum() - 1) > 1e-3:
            raise ValueError("the weights of a mixture must be shares that add up to one.")

    @classmethod
    def sizes(cls, d: int) -> dict[str, tuple[int | None, ...]]:
        return {"weights": (None,), "means": (None, d), "covariances": (None, d, d)}

    @classmethod
    def fit(cls, codes: np.ndarray, components: int = COMPONENTS) -> "Mixture":
        flat = codes.reshape(len(codes), -1).astype(np.float64)
        found = GaussianMixture(components, random_state=SEED, reg_covar=LEAST).fit(flat)
        return cls(codes.shape[1:], *(array.astype(np.float32) for array in (found.weights_, found.means_, found.covariances_)))

    def draw(self, seed: int, n: int) -> np.ndarray:
        noise = latents(seed, n, (self.means.shape[1],)).astype(np.float64)
        key = hashed(seed, CHOICES)
        uniform = np.array([hashed(key, row) for row in range(n)]) / 2**32
        shares = self.weights.astype(np.float64).cumsum()
        chosen = np.searchsorted(shares / shares[-1], uniform, side="right")
        roots = np.stack([_root(covariance) for covariance in self.covariances])
        codes = self.means[chosen] + np.einsum("nij,nj->ni", roots[chosen], noise)
        return codes.astype(np.float32).reshape(n, *self.shape)


SAMPLERS: dict[str, type[Sampler]] = {"normal": Standard, "gaussian": Gaussian, "mixture": Mixture}


def packed(samplers: Mapping[str, Sampler]) -> dict[str, np.ndarray]:
    """The arrays of several samplers under one roof, each named KIND.ARRAY: what samplers.npz holds. Of covariances the lower half is enough."""
    return {f"{kind}.{name}": np.tril(array) if name.startswith("covariance") else array
            for kind, sampler in samplers.items() for name, array in sampler.arrays().items()}


def unpacked(arrays: Mapping[str, np.ndarray], shape: tuple[int, ...]) -> dict[str, Sampler]:
    """All samplers by kind from what `packed` gave, N(0, I) among them. ValueError says in words what does not fit."""
    kinds: dict[str, dict[str, np.ndarray]] = {"normal": {}}
    for key, array in arrays.items():
        kind, _, name = key.partition(".")
        kinds.setdefault(kind, {})[name] = array
    if strangers := sorted(set(kinds) - set(SAMPLERS)):
        raise ValueError(f"there is no sampler {strangers[0]!r:.40}; there are {', '.join(SAMPLERS)}.")
    return {kind: SAMPLERS[kind].from_arrays(kinds[kind], shape) for kind in SAMPLERS if kind in kinds}


def _mirrored(covariances: np.ndarray) -> np.ndarray:
    """Covariances [..., D, D] whole, from their lower halves."""
    return np.tril(covariances) + np.swapaxes(np.tril(covariances, -1), -1, -2)


def _root(covariance: np.ndarray) -> np.ndarray:
    """The Cholesky factor of a covariance [D, D], float64."""
    return np.linalg.cholesky(covariance.astype(np.float64) + LEAST * np.eye(len(covariance)))


def _written(size: tuple[int | None, ...]) -> str:
    return "[" + ", ".join("N" if one is None else str(one) for one in size) + "]"
