"""What a model of many steps is asked to do: ways, which say what they want the net to look at, and return an answer at their end."""

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..datasets import floats
from ..latent.inversion import pixel_error
from ..models import Known, LatentModel, Look, PathModel, Step, Trainable, Walk, to_pixels, together
from ._asked import Sampling

Way = Generator[Look | Step, Tensor | None, Tensor]  # a walk (see `models.PathModel`) that returns the answer of a task


def pictures(pixels: Tensor) -> Tensor:
    """uint8 [N, H, W, C] to [N, C, H, W] in [-1, 1]."""
    return floats(pixels.permute(0, 3, 1, 2))


def with_errors(z: Tensor, errors: Tensor) -> Tensor:
    return torch.cat([z.flatten(1), errors[:, None]], 1)


def _picture_at_the_end(model: PathModel, z: Tensor, y: Tensor | None, options: Sampling | None) -> Way:
    return (yield from _ended(model.walk(z, y, **_how(model, options, z)))).x


def _noise_at_the_end(model: PathModel, pixels: Tensor, y: Tensor | None, options: Sampling | None) -> Way:
    return (yield from _ended(model.walk_back(pictures(pixels), y, options.steps if options else 0))).x


def _there_and_back(model: PathModel, pixels: Tensor, y: Tensor | None, options: None) -> Way:
    z = yield from _noise_at_the_end(model, pixels, y, None)
    return with_errors(z, pixel_error((yield from _picture_at_the_end(model, z, y, None)), pictures(pixels)))


WAYS: dict[str, Callable[..., Way]] = {
    "decode": _picture_at_the_end, "path": _picture_at_the_end, "encode": _noise_at_the_end, "noise": _noise_at_the_end, "invert": _there_and_back}
ALONG_A_PATH = ("path", "noise")  # tasks that only a model of many steps does: decode and encode, a step at a time
PICTURES = ("decode", "path")  # tasks whose answers are pictures


def walks(task: str, family: type[Trainable]) -> bool:
    """Whether a task is a path, which goes together with any other of its model."""
    return task in WAYS and family.can("path")


def walk_of(task: str, model: PathModel, rows: Tensor, y: Tensor | None, options: Sampling | None) -> Way:
    return WAYS[task](model, rows, y, options)


def _ended(walk: Walk) -> Generator[Look | Step, Tensor | None, Step]:
    """A walk from its beginning to its last step, which is returned."""
    answer, last = None, None
    while True:
        try:
            said = walk.send(answer)
        except StopIteration:
            return last
        if isinstance(said, Step):
            last = said
        answer = yield said


def _how(model: LatentModel, options: Sampling | None, z: Tensor) -> dict[str, Any]:
    """What is chosen of a way of sampling, by the names of `PathModel.path`; what is known of a picture as tensors where z is."""
    said = (options or Sampling()).said()
    if given := said.pop("given", None):
        channels, height, width = model.image_shape
        pixels = np.frombuffer(given.picture, np.uint8).reshape(1, height, width, channels)
        picture = pictures(torch.from_numpy(pixels.copy()).to(z.device))[0]
        said["known"] = Known(picture, mask_of(given.mask, picture) if given.mask else None, given.shrunk, given.repeats)
    return said


def walked(way: Way, model: PathModel, mode: Callable[[], AbstractContextManager]) -> Generator[None, None, Tensor]:
    """A way that goes alone; between its steps none of its modes is left on in the thread."""
    answer = None
    while True:
        with torch.inference_mode():
            try:
                said = way.send(answer)
                while isinstance(said, Step):
                    said = next(way)
            except StopIteration as end:
                return end.value
            with mode():
                answer = model.look(*together([said]))
        yield


# What comes in, and what goes out


def mask_of(known: bytes, x: Tensor) -> Tensor:
    """The known pixels as bool [H, W], where the pictures x [..., H, W] are."""
    bits = np.unpackbits(np.frombuffer(known, np.uint8), count=x.shape[-2] * x.shape[-1]).astype(bool)
    return torch.from_numpy(bits).view(x.shape[-2:]).to(x.device)


def answered(task: str, name: str, out: Tensor) -> np.ndarray:
    """A model's answer as NumPy has it: pictures as uint8 [N, H, W, C], else float32. FloatingPointError if a number of it is not finite."""
    if not out.isfinite().all():
        raise FloatingPointError(f"{name} gives numbers that are not finite here; try values closer to zero.")
    return to_pixels(out) if task in PICTURES else out.float().cpu().numpy()
