"""Semantic hashing: codes as a few bits, so that alike pictures differ in few of them (Salakhutdinov & Hinton 2009)."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

BITS = 32
ROUNDS = 50  # of turning the axes
SEED = 0
LEAST = 1e-9  # spread below which a direction tells nothing


@dataclass(frozen=True, eq=False)
class Hash:
    """Bit k of a code is whether axis k of it lies above that axis's median. axes float16 [B, D], medians float32 [B]."""

    axes: np.ndarray
    medians: np.ndarray

    @classmethod
    def fit(cls, codes: np.ndarray, bits: int = BITS) -> "Hash":
        """From codes [N, *shape] of pictures: principal axes, turned until the bits lose least (iterative quantisation, Gong & Lazebnik 2011).

        Codes of fewer numbers than bits are turned several times, each time from elsewhere. ValueError for fewer than two codes.
        """
        if len(codes) < 2:
            raise ValueError(f"A hash is fitted to at least 2 codes, not to {len(codes)}.")
        flat = codes.reshape(len(codes), -1).astype(np.float64)
        centred = flat - flat.mean(0)
        _, spread, principal = np.linalg.svd(centred, full_matrices=False)
        principal = principal[:min(bits, int((spread > LEAST).sum()) or 1)]
        along, random = centred @ principal.T, np.random.default_rng(SEED)
        turns = [_turned(along, np.linalg.qr(random.normal(size=(len(principal),) * 2))[0]) for _ in range(0, bits, len(principal))]
        axes = (np.concatenate([turn.T for turn in turns])[:bits] @ principal).astype(np.float16)
        return cls(axes, np.median(flat @ axes.astype(np.float64).T, axis=0).astype(np.float32))

    def bits(self, codes: np.ndarray) -> np.ndarray:
        """Codes [N, *shape] as bool [N, B]."""
        return codes.reshape(len(codes), -1).astype(np.float64) @ self.axes.astype(np.float64).T > self.medians


def _turned(along: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """A turn [K, K] of coordinates [N, K] that brings them nearer to the corners of a cube, from a first one on."""
    for _ in range(ROUNDS):
        left, _, right = np.linalg.svd(along.T @ np.sign(along @ turn))
        turn = left @ right
    return turn


def apart(bits: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The Hamming distance [N, M] of bits [N, B] to others [M, B]: in how many they differ."""
    a, b = (2 * each.astype(np.float32) - 1 for each in (bits, others))
    return np.rint((a.shape[1] - a @ b.T) / 2).astype(int)


def nearest(distances: np.ndarray, k: int) -> np.ndarray:
    """The numbers [N, k] of the nearest by distances [N, M], the nearest first; of equally near ones those that come first."""
    return np.argsort(distances, axis=1, kind="stable")[:, :k]


def precision(distances: np.ndarray, agree: np.ndarray, k: int = 10) -> float:
    """Precision at k: what share of the k nearest by distances [N, M] agree [N, M] with what was asked for, averaged."""
    return float(np.take_along_axis(agree, nearest(distances, k), axis=1).mean())


def packed(found: Hash) -> dict[str, np.ndarray]:
    """As typical.npz holds it."""
    return {"hash_axes": found.axes, "hash_medians": found.medians}


def unpacked(arrays: Mapping[str, np.ndarray], size: int) -> Hash | None:
    """What `packed` gave, for codes of so many numbers; None where there is none. ValueError says what does not fit."""
    if "hash_axes" not in arrays:
        return None
    axes, medians = arrays["hash_axes"], arrays.get("hash_medians", np.zeros(0))
    if axes.ndim != 2 or not 1 <= len(axes) <= BITS or axes.shape[1] != size or medians.shape != axes.shape[:1]:
        raise ValueError(f"a hash must have axes [B, {size}] with as many medians, B at most {BITS}.")
    if any(array.dtype.kind != "f" or not np.isfinite(array).all() for array in (axes, medians)):
        raise ValueError("a hash must be made of finite numbers.")
    return Hash(axes, medians)
