"""What may be asked of the engine: numbers, conditions and ways of sampling are checked here, and refused in words."""

from dataclasses import asdict, dataclass, fields
from math import isfinite

import numpy as np

from ..classifier import Classifier
from ..models import LatentModel, Trainable

MOST = 4096  # pictures in one request
MOST_STEPS = 1000
STRONGEST = 20.0  # guidance
MOST_ANSWERS = 8


@dataclass(frozen=True)
class Sampling:
    """How a model of many steps goes from noise to a picture. What is left empty (as it is here) is the model's own choice.

    sampler: one of its family's SAMPLERS. steps: 1 to 1000. eta: DDIM's share of fresh noise, 0 to 1. guidance: how far beyond the
    condition's own answer, 0 to 20. seed: of the fresh noise, 0 to 2^32 - 1.
    """

    sampler: str = ""
    steps: int = 0
    eta: float = 0.0
    guidance: float | None = None
    seed: int = 0

    def said(self) -> dict[str, str | float | int]:
        """What is not left empty, by name."""
        return {field.name: value for field, value in zip(fields(self), asdict(self).values(), strict=True) if value != field.default}


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
    options, (_, height, width) = options or Search(), model.image_shape
    if options.known and not (isinstance(options.known, bytes) and len(options.known) == -(-height * width // 8)):
        raise ValueError(f"The known pixels must be {height} x {width} bits, {-(-height * width // 8)} bytes.")
    if options.known and not np.unpackbits(np.frombuffer(options.known, np.uint8), count=height * width).any():
        raise ValueError("Nothing of the picture is known; leave some of it, so that there is something to go by.")
    if not (_whole(options.shrunk) and options.shrunk >= 1 and height % options.shrunk == width % options.shrunk == 0 and options.shrunk < height):
        raise ValueError(f"A picture of {height} x {width} pixels cannot be shrunk {options.shrunk!r:.40} times.")
    if options.known and options.shrunk > 1:
        raise ValueError("Either some pixels are known or the picture is small; not both.")
    if not (_whole(options.answers) and 1 <= options.answers <= MOST_ANSWERS):
        raise ValueError(f"There are 1 to {MOST_ANSWERS} answers, not {options.answers!r:.40}.")
    return options


def checked_sampling(name: str, model: LatentModel, options: Sampling | None) -> Sampling | None:
    """The options that a model of many steps is sampled with; None for a model of one step, which has none to choose."""
    if not model.can("path"):
        if options and options.said():
            raise ValueError(f"{name} makes a picture in one step: there is no {' or '.join(options.said())} to choose.")
        return None
    options = options or Sampling()
    if options.sampler and options.sampler not in model.SAMPLERS:
        raise ValueError(f"{name} has no sampler {options.sampler!r:.40}; there are {', '.join(model.SAMPLERS)}.")
    if options.steps != 0 and not (_whole(options.steps) and 1 <= options.steps <= MOST_STEPS):
        raise ValueError(f"A path has 1 to {MOST_STEPS} steps, not {options.steps!r:.40}.")
    if not (_number(options.eta) and 0 <= options.eta <= 1):
        raise ValueError(f"eta must be a number from 0 (no fresh noise) to 1, not {options.eta!r:.40}.")
    if options.guidance is not None and not (_number(options.guidance) and 0 <= options.guidance <= STRONGEST):
        raise ValueError(f"guidance must be a number from 0 to {STRONGEST:.0f}, not {options.guidance!r:.40}.")
    if not (_whole(options.seed) and 0 <= options.seed < 2**32):
        raise ValueError(f"A seed must be a whole number from 0 to {2**32 - 1}, not {options.seed!r:.40}.")
    return options


def _whole(value) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value) -> bool:
    return isinstance(value, int | float) and isfinite(value)
