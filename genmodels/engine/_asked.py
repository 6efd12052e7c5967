"""What may be asked of the engine: numbers, conditions and ways of sampling are checked here, and refused in words."""

from dataclasses import dataclass, fields
from math import isfinite
from typing import Any

import numpy as np

from ..classifier import Classifier
from ..models import LatentModel, Trainable

MOST = 4096  # pictures in one request
MOST_STEPS = 1000
STRONGEST = 20.0  # guidance
MOST_ANSWERS = 8
MOST_REPEATS = 20  # of each step of a repair


@dataclass(frozen=True)
class Given:
    """What is given of the picture that a path is to make (see `models.Known`).

    picture: uint8 [H, W, C] as bytes. mask: which pixels of it are known, H x W bits as `np.packbits` gives them; empty for none. shrunk: only the
    means of blocks so many pixels wide are known. repeats: how often each step is taken, 1 to 20.
    """

    picture: bytes
    mask: bytes = b""
    shrunk: int = 1
    repeats: int = 1


@dataclass(frozen=True)
class Sampling:
    """How a model of many steps goes from noise to a picture. What is left empty (as it is here) is the model's own choice.

    sampler: one of its family's SAMPLERS. steps: 1 to 1000, of the way back as well. eta: DDIM's share of fresh noise, 0 to 1. guidance: how far
    beyond the condition's own answer, 0 to 20. seed: of the fresh noise, 0 to 2^32 - 1. start: the share of the way at which to begin, above 0;
    below 1 from the given picture.
    """

    sampler: str = ""
    steps: int = 0
    eta: float = 0.0
    guidance: float | None = None
    seed: int = 0
    start: float = 1.0
    given: Given | None = None

    def said(self) -> dict[str, Any]:
        """What is not left empty, by name."""
        return {field.name: value for field in fields(self) if (value := getattr(self, field.name)) != field.default}


@dataclass(frozen=True)
class Search:
    """How the codes of pictures are searched for by descent (see `latent.inversion`). What is left empty is known whole, and answered once.

    known: which pixels are known, H x W bits as `np.packbits` gives them. shrunk: only the means of blocks so many pixels wide are known.
    answers: how many different ones, 1 to 8. guess: whether it sets out from the encoder's guess, where there is an encoder.
    """

    known: bytes = b""
    shrunk: int = 1
    answers: int = 1
    guess: bool = True


def check_count(n: int) -> None:
    if not 1 <= n <= MOST:
        raise ValueError(f"One request may be for 1 to {MOST} pictures, not {n}.")


def checked_numbers(what: str, values, kind: type, shape: tuple[int, ...]) -> np.ndarray:
    """A copy of the values as an array of one kind of number and [N, *shape], or ValueError in words."""
    values = np.asarray(values)
    if values.shape[1:] != shape or values.ndim != len(shape) + 1:
        raise ValueError(f"{what} must have the shape [N, {', '.join(map(str, shape))}], not {list(values.shape)}.")
    check_count(len(values))
    if kind is np.uint8 and values.dtype != np.uint8:
        raise ValueError(f"{what} must be uint8, from 0 to 255, not {values.dtype}.")
    if values.dtype.kind not in "fiub":
        raise ValueError(f"{what} must be numbers, not {values.dtype}.")
    if values.dtype == kind:
        values = values.copy(order="C")
    else:
        with np.errstate(over="ignore"):  # said below
            values = np.array(values, kind, order="C")
    if not np.isfinite(values).all():
        raise ValueError(f"{what} must be finite numbers; there is a NaN or an infinity among them.")
    return values


def checked_conditions(name: str, model: Trainable, y, n: int) -> np.ndarray | None:
    if y is None:
        return None
    if not model.conditions or isinstance(model, Classifier):
        raise ValueError(f"{name} takes no conditions.")
    y = checked_numbers(f"The conditions of {name}", y, np.float32, (len(model.conditions),))
    if len(y) != n:
        raise ValueError(f"There are conditions for {len(y)} pictures and input for {n}.")
    return y


def checked_search(model: LatentModel, options: Search | None) -> Search:
    """The options that codes of a model are searched with, or ValueError in words."""
    options = options or Search()
    _check_known(model, options.known, options.shrunk)
    if not (_whole(options.answers) and 1 <= options.answers <= MOST_ANSWERS):
        raise ValueError(f"There are 1 to {MOST_ANSWERS} answers, not {options.answers!r:.40}.")
    return options


def _check_known(model: LatentModel, mask: bytes, shrunk: int) -> None:
    """ValueError in words unless the known pixels, or the blocks of which the means are known, are those of a picture of the model."""
    _, height, width = model.image_shape
    if mask and not (isinstance(mask, bytes) and len(mask) == -(-height * width // 8)):
        raise ValueError(f"The known pixels must be {height} x {width} bits, {-(-height * width // 8)} bytes.")
    if mask and not np.unpackbits(np.frombuffer(mask, np.uint8), count=height * width).any():
        raise ValueError("Nothing of the picture is known; leave some of it, so that there is something to go by.")
    if not (_whole(shrunk) and shrunk >= 1 and height % shrunk == width % shrunk == 0 and shrunk < height):
        raise ValueError(f"A picture of {height} x {width} pixels cannot be shrunk {shrunk!r:.40} times.")
    if mask and shrunk > 1:
        raise ValueError("Either some pixels are known or the picture is small; not both.")


def checked_sampling(name: str, model: LatentModel, options: Sampling | None) -> Sampling | None:
    """The options that a model of many steps is sampled with; None for a model of one step, which has none to choose."""
    if not model.can("path"):
        if options and options.said():
            raise ValueError(f"{name} makes a picture in one step: there is no {' or '.join(options.said())} to choose.")
        return None
    options = options or Sampling()
    if options.sampler and options.sampler not in model.SAMPLERS:
        raise ValueError(f"{name} has no sampler {options.sampler!r:.40}; there are {', '.join(model.SAMPLERS)}.")
    _check_steps(options.steps)
    if not (_number(options.eta) and 0 <= options.eta <= 1):
        raise ValueError(f"eta must be a number from 0 (no fresh noise) to 1, not {options.eta!r:.40}.")
    if options.guidance is not None and not (_number(options.guidance) and 0 <= options.guidance <= STRONGEST):
        raise ValueError(f"guidance must be a number from 0 to {STRONGEST:.0f}, not {options.guidance!r:.40}.")
    if not (_whole(options.seed) and 0 <= options.seed < 2**32):
        raise ValueError(f"A seed must be a whole number from 0 to {2**32 - 1}, not {options.seed!r:.40}.")
    if not (_number(options.start) and 0 < options.start <= 1):
        raise ValueError(f"A path begins at a share of the way above 0 (the picture) and up to 1 (the noise), not {options.start!r:.40}.")
    if options.given is None and options.start < 1:
        raise ValueError("A path that begins later than at the noise needs a picture to begin from.")
    if options.given:
        _check_given(model, options)
    return options


def _check_given(model: LatentModel, options: Sampling) -> None:
    given, (channels, height, width) = options.given, model.image_shape
    if not (isinstance(given.picture, bytes) and len(given.picture) == height * width * channels):
        raise ValueError(f"The given picture must be {height} x {width} x {channels} bytes.")
    _check_known(model, given.mask, given.shrunk)
    if not given.mask and given.shrunk == 1 and options.start == 1:
        raise ValueError("Say which pixels of the picture are known, or how small it is, or begin later than at the noise.")
    if not (_whole(given.repeats) and 1 <= given.repeats <= MOST_REPEATS):
        raise ValueError(f"A step is taken 1 to {MOST_REPEATS} times, not {given.repeats!r:.40}.")
    if (options.steps or model.config.steps) * given.repeats > MOST_STEPS:
        raise ValueError(f"With its repetitions a path has at most {MOST_STEPS} steps; take fewer of either.")


def checked_way_back(options: Sampling | None) -> Sampling:
    """The options of the way back to the noise, of which the number of steps is all that can be chosen."""
    options = options or Sampling()
    if options != Sampling(steps=options.steps):
        raise ValueError("Of the way back to the noise the number of steps is all that can be chosen.")
    _check_steps(options.steps)
    return options


def _check_steps(steps: int) -> None:
    if steps != 0 and not (_whole(steps) and 1 <= steps <= MOST_STEPS):
        raise ValueError(f"A path has 1 to {MOST_STEPS} steps, not {steps!r:.40}.")


def _whole(value) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value) -> bool:
    return isinstance(value, int | float) and isfinite(value)
