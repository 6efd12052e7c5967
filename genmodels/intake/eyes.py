"""Where the eyes of a face are: from a first guess, in a few learned linear steps (supervised descent; Xiong and De la Torre 2013)."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

LEARNED = Path(__file__).with_name("eyes.npz")  # from CelebA: non-commercial research and education only
SIDE = 24  # pixels of the patch that is looked at
REACH, ABOVE = 1.1, 0.8  # of the patch, in distances between the eyes: to either side of their middle, and above it
SEEN_AT = 15.0  # pixels between the eyes in the picture that the patch is taken from; more of them only bring noise


@dataclass(frozen=True)
class Eyes:
    """Faces by their eyes: middle [N, 2] between them, across [N, 2] from the one on the left of the picture to the other.

    In pixels, (column, row) from the picture's corner, so that the middle of its first pixel is (0.5, 0.5).
    """

    middle: np.ndarray
    across: np.ndarray

    @classmethod
    def of(cls, points) -> "Eyes":
        """points [N, 2, 2]: of each face the eye on the left of the picture, and the other."""
        points = np.asarray(points, np.float64)
        return cls(points.mean(1), points[:, 1] - points[:, 0])

    @property
    def points(self) -> np.ndarray:
        return np.stack([self.middle - self.across / 2, self.middle + self.across / 2], 1)

    @property
    def distance(self) -> np.ndarray:
        """Pixels from eye to eye, [N]."""
        return np.hypot(*self.across.T)

    def moved(self, by: np.ndarray) -> "Eyes":
        """by [N, 4]: of the middle along and across, of the distance and the direction, all in distances between the eyes."""
        along, (right, down, longer, turned) = self.across, by.T[:, :, None]
        side = np.stack([-along[:, 1], along[:, 0]], 1)
        return Eyes(self.middle + right * along + down * side, (1 + longer) * along + turned * side)

    def towards(self, other: "Eyes") -> np.ndarray:
        """What `moved` must be given to come to the other ones, [N, 4]."""
        along, square = self.across, (self.across**2).sum(1)
        side = np.stack([-along[:, 1], along[:, 0]], 1)
        shift = other.middle - self.middle
        by = [(shift * along).sum(1), (shift * side).sum(1), (other.across * along).sum(1) - square, (other.across * side).sum(1)]
        return np.stack(by, 1) / square[:, None]

    def error(self, truth: "Eyes") -> np.ndarray:
        """Mean distance of both eyes from the true ones, in true distances between the eyes, [N]."""
        return np.hypot(*(self.points - truth.points).transpose(2, 0, 1)).mean(1) / truth.distance


def found(grey: np.ndarray, guess: Eyes) -> tuple[Eyes, np.ndarray]:
    """The eyes of the faces of which `guess` is near, and how sure it is that they are faces, [N]: around 1 for faces, -1 for what is none.

    grey: float [H, W] in which the eyes are about SEEN_AT pixels apart, or [N, H, W], one picture for each guess.
    """
    steps, face = learned()
    eyes = guess
    for step in steps:
        eyes = eyes.moved(features(patches(grey, eyes)) @ step)
    return eyes, features(patches(grey, eyes)) @ face


def patches(grey: np.ndarray, eyes: Eyes) -> np.ndarray:
    """What lies around the eyes, upright and of one size: [N, SIDE, SIDE]. Beyond the picture's edge the edge goes on."""
    pictures = grey if grey.ndim == 3 else np.broadcast_to(grey, (len(eyes.middle), *grey.shape))
    grid = (np.arange(SIDE) + 0.5) * (2 * REACH / SIDE)
    right, down = np.meshgrid(grid - REACH, grid - ABOVE)
    (x, y), (along, below) = eyes.middle.T[:, :, None, None], eyes.across.T[:, :, None, None]
    column, row = x + right * along - down * below - 0.5, y + right * below + down * along - 0.5
    height, width = pictures.shape[1:]
    column, row = column.clip(0, width - 1.001), row.clip(0, height - 1.001)
    left, top = column.astype(int), row.astype(int)
    across, under, k = column - left, row - top, np.arange(len(pictures))[:, None, None]
    upper = pictures[k, top, left] * (1 - across) + pictures[k, top, left + 1] * across
    lower = pictures[k, top + 1, left] * (1 - across) + pictures[k, top + 1, left + 1] * across
    return upper * (1 - under) + lower * under


def features(looks: np.ndarray) -> np.ndarray:
    """Patches without their light and contrast, the strengths of their edges in four directions at half the size, and a one: [N, 2 * SIDE * SIDE + 1]."""
    even = looks - looks.mean((1, 2), keepdims=True)
    even /= even.std((1, 2), keepdims=True) + 1e-3
    down, right = np.gradient(even, axis=(1, 2))
    strength, half = np.hypot(down, right) + 1e-3, SIDE // 2
    ways = [np.clip(right * np.cos(way) + down * np.sin(way), 0, None) ** 2 / strength for way in np.arange(4) * np.pi / 2]
    edges = np.stack(ways, 1).reshape(len(looks), 4, half, 2, half, 2).mean((3, 5))
    return np.concatenate([even.reshape(len(looks), -1), edges.reshape(len(looks), -1), np.ones((len(looks), 1))], 1)


@cache
def learned() -> tuple[np.ndarray, np.ndarray]:
    """steps [S, features, 4], which `Eyes.moved` is given one after the other, and face [features], which tells faces from what is none."""
    with np.load(LEARNED, allow_pickle=False) as kept:
        return kept["steps"].astype(np.float64), kept["face"].astype(np.float64)
