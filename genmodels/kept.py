"""The arrays that evaluate keeps in a checkpoint's folder, checked as they are read: the atlas and a classifier's features."""

import io

import numpy as np

from .normal import latents

LONGEST_ATLAS = 10_000  # latents


def read_atlas(arrays: dict[str, np.ndarray], latent_shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    """The arrays of atlas.npz, with the codes made where their seed was kept. ValueError says what is wrong with that.

    codes float16 [N, *latent_shape], labels uint8 [N], xy float16 [N, 2] = (codes - centre) @ axes.T, axes float32 [2, D],
    centre float32 [D], reach float32 [] (half the side of the map, in sigmas), and std float16 [N, *latent_shape] where the model
    has a posterior. An atlas of random latents has their seed, int64 [], as well: its codes are float32. One of a heavy model may
    have what it makes of its codes, too: pictures uint8 [N, H, W, C].
    """
    if "seed" not in arrays:
        return arrays
    seed, labels = arrays["seed"], arrays.get("labels", np.zeros(0))
    if seed.shape or seed.dtype != np.int64 or not 0 <= seed < 2**32 or labels.ndim != 1 or len(labels) > LONGEST_ATLAS:
        raise ValueError(f"it must have a seed from 0 to {2**32 - 1} and at most {LONGEST_ATLAS:,} labels.")
    return arrays | {"codes": latents(int(seed), len(labels), latent_shape)}


def npz(arrays: dict[str, np.ndarray]) -> bytes:
    """Arrays as a compressed .npz file."""
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def read_features(arrays: dict[str, np.ndarray], size: int) -> dict[str, np.ndarray]:
    """The arrays of features.npz: features float32 [N, size], labels uint8 [N], reach float32 [].

    They are what a classifier sees in test pictures; reach is the median distance of one of them to its nearest other. ValueError
    says what is wrong with them.
    """
    wanted = {"features": ("f", 2), "labels": ("u", 1), "reach": ("f", 0)}
    if set(arrays) != set(wanted) or any((arrays[key].dtype.kind, arrays[key].ndim) != kind for key, kind in wanted.items()):
        raise ValueError("it must hold features [N, F], labels [N] and one reach.")
    shape, labels = arrays["features"].shape, arrays["labels"].shape
    if not shape[0] or labels != shape[:1] or shape[1] != size:
        raise ValueError(f"features {list(shape)} and labels {list(labels)} do not fit a classifier of {size} features.")
    features = arrays["features"].astype(np.float32)
    if not np.isfinite(features).all() or not 0 < arrays["reach"] < np.inf:
        raise ValueError("it holds numbers that are not finite, or a reach that is not above zero.")
    return arrays | {"features": features}
