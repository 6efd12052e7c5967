"""Faces in a picture: found by scikit-image's cascade, looked at upright and tilted, each with its eyes; what is no face is left out."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image
from skimage.data import lbp_frontal_face_cascade_filename
from skimage.feature import Cascade

from .eyes import SEEN_AT, Eyes, found

SEEN_SIDE, LEAST_SIDE = 480, 256  # pixels of the longer side that the detector looks at, at most and at least
SMALLEST = 40  # pixels of a face there
TILTS = (0, 25, -25)  # degrees that the picture is turned by, until a face is found
BOX_EYES = 0.494, 0.349, 0.378  # of the detector's box: where the middle between the eyes is, across and down, and how far apart they are (medians on CelebA)
SURE = 0.25  # how sure it must be that something is a face
APART = 0.7  # of two faces: the least distance of their middles, in distances between the eyes
MOST = 12


@dataclass(frozen=True)
class Face:
    """eyes: ((column, row) of the one on the left, of the other), pixels from the picture's corner; sure: how sure it is a face, around 1 for faces."""

    eyes: tuple[tuple[float, float], tuple[float, float]]
    sure: float


def faces_in(image: Image.Image) -> list[Face]:
    """The faces of an RGB picture, the surest first, at most twelve; those that look at the camera and are tilted by less than about 40 degrees."""
    scale = min(max(1.0, LEAST_SIDE / max(image.size)), 8) if max(image.size) < SEEN_SIDE else SEEN_SIDE / max(image.size)
    small = image.resize([max(1, round(side * scale)) for side in image.size], Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC)
    grey = np.asarray(image, np.float32).mean(2)
    for tilt in TILTS:
        faces = _seen(grey, [guess / scale for guess in _boxes(small, tilt)])
        if faces:
            return faces
    return []


def _boxes(small: Image.Image, tilt: float) -> list[np.ndarray]:
    """Where the detector's boxes expect eyes, each [2, 2] in pixels of the picture before it is tilted."""
    fill = tuple(int(value) for value in np.asarray(small).reshape(-1, 3).mean(0))
    tilted = small.rotate(tilt, Image.Resampling.BILINEAR, expand=True, fillcolor=fill) if tilt else small
    if min(tilted.size) <= SMALLEST:
        return []
    boxes = _cascade().detect_multi_scale(np.asarray(tilted), 1.15, 1, (SMALLEST, SMALLEST), tilted.size[::-1], min_neighbor_number=3)
    turn = np.radians(tilt)
    back = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])  # rows grow downwards
    across, down, wide = BOX_EYES
    eyes = []
    for box in boxes:
        middle = np.array([box["c"] + across * box["width"], box["r"] + down * box["height"]])
        points = np.stack([middle - [wide * box["width"] / 2, 0], middle + [wide * box["width"] / 2, 0]])
        eyes.append((points - np.array(tilted.size) / 2) @ back.T + np.array(small.size) / 2)
    return eyes


def _seen(grey: np.ndarray, guesses: list[np.ndarray]) -> list[Face]:
    """Those guesses that are faces once their eyes are found, no face twice."""
    faces: list[Face] = []
    for guess in guesses:
        start = Eyes.of(guess[None])
        near = min(1.0, SEEN_AT / start.distance[0])
        size = [max(2, round(side * near)) for side in grey.shape[::-1]]
        picture = grey if near == 1 else np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.BOX))
        ratio = np.array(picture.shape[::-1]) / grey.shape[::-1]
        eyes, sure = found(picture, Eyes(start.middle * ratio, start.across * ratio))
        if sure[0] > SURE:
            left, right = (eyes.points[0] / ratio).tolist()
            faces.append(Face((tuple(left), tuple(right)), round(float(sure[0]), 3)))
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: -face.sure):
        one = Eyes.of([face.eyes])
        if all(np.hypot(*(one.middle - Eyes.of([other.eyes]).middle)[0]) > APART * one.distance[0] for other in kept):
            kept.append(face)
    return kept[:MOST]


@cache
def _cascade() -> Cascade:
    return Cascade(lbp_frontal_face_cascade_filename())
