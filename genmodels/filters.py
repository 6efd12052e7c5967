"""Filters that clean a picture without having learned anything: median and non-local means, as scikit-image has them, with the settings to choose among."""

from collections.abc import Callable
from functools import partial
from itertools import product

import numpy as np
from skimage.filters import median as median_filter
from skimage.restoration import denoise_nl_means

Filter = Callable[[np.ndarray], np.ndarray]  # one picture uint8 [H, W, C] to another


def median(picture: np.ndarray, side: int) -> np.ndarray:
    """Every number becomes the median of those around it in its channel, in a square of `side` pixels."""
    return median_filter(picture, np.ones((side, side, 1), bool), mode="nearest")


def nlm(picture: np.ndarray, patch: int, reach: int, strength: float) -> np.ndarray:
    """Non-local means (Buades et al. 2005): every pixel becomes a mean of those up to `reach` away, weighed by how alike the squares of `patch` pixels
    around them are; `strength` is the difference, black 0 and white 1, up to which they count as alike."""
    side = min(patch, *(length - 1 + length % 2 for length in picture.shape[:2]))
    seen, axis = (picture[..., 0], None) if picture.shape[2] == 1 else (picture, 2)  # one channel with an axis of its own is refused
    out = denoise_nl_means(seen / 255, patch_size=side, patch_distance=reach, h=strength, fast_mode=True, channel_axis=axis)
    return (out.clip(0, 1) * 255 + 0.5).astype(np.uint8).reshape(picture.shape)


SETTINGS: dict[str, dict[str, Filter]] = {  # by the name of a filter, and of its setting
    "median": {str(side): partial(median, side=side) for side in (3, 5, 7)},
    "nlm": {f"{patch}-{reach}-{strength:g}": partial(nlm, patch=patch, reach=reach, strength=strength)
            for patch, reach, strength in product((3, 5), (3, 6), (0.05, 0.1, 0.15, 0.2, 0.3, 0.5))},
}
