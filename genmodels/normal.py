"""Counter-based normal numbers: normal(seed, index) is the same here, on every device and in the browser.

A random latent is named by its seed alone, so a link can carry it. The twin is assets/js/normal.js.
"""

import numpy as np


def _mix(x: np.ndarray) -> np.ndarray:
    """A 32-bit integer hash with low bias (C. Wellons, 'Prospecting for hash functions', 2018)."""
    x = x ^ (x >> np.uint32(16))
    x = x * np.uint32(0x7FEB352D)
    x = x ^ (x >> np.uint32(15))
    x = x * np.uint32(0x846CA68B)
    return x ^ (x >> np.uint32(16))


def hashed(seed: int, counter: int) -> int:
    """One well-mixed 32-bit number for each (seed, counter): a seed for other generators."""
    return int(_bits(seed, np.array([counter & 0xFFFFFFFF], np.uint32))[0])


def _bits(seed: int, counter: np.ndarray) -> np.ndarray:
    """32 random bits for each uint32 counter."""
    key = np.array([seed & 0xFFFFFFFF], np.uint32)
    first, second = _mix(key), _mix(key ^ np.uint32(0x9E3779B9))
    return _mix(_mix(counter + first) ^ second)


def _uniform(seed: int, counter: np.ndarray) -> np.ndarray:
    return (_bits(seed, counter).astype(np.float64) + 0.5) / 2**32


def normal(seed: int, index: np.ndarray) -> np.ndarray:
    """Standard normal float32 numbers, one for each index (0 to 2^31 - 1), by Box and Muller (1958)."""
    counter = np.asarray(index).astype(np.uint32) * np.uint32(2)
    radius = np.sqrt(-2 * np.log(_uniform(seed, counter)))
    return (radius * np.cos(2 * np.pi * _uniform(seed, counter + np.uint32(1)))).astype(np.float32)


def latents(seed: int, n: int, shape: tuple[int, ...], first: int = 0) -> np.ndarray:
    """Latents number `first` to `first + n - 1` of a seed: float32 [n, *shape]."""
    size = int(np.prod(shape))
    return normal(seed, np.arange(first * size, (first + n) * size)).reshape(n, *shape)
