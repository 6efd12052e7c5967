"""Frames: what a model shows at one moment of its training, always of the same latents and the same test pictures."""

from collections.abc import Generator, Iterator
from math import sqrt
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..checkpoint import write_whole
from ..classifier import Classifier
from ..datasets import Images
from ..evaluate.subject import LONGEST, balanced
from ..kept import npz
from ..latent import measures
from ..models import LatentModel, Trainable, to_pixels
from ..normal import latents

FRAMES = 200  # kept
FIXED = 16  # latents and pictures that the frames show
MAPPED = 500  # test pictures whose codes the frames keep
READ = 200  # of these, for readouts: they come in one piece, for which a stop has to wait
COUNTED = 200  # samples whose classes are counted
PART = 100  # pictures at a time
STEPS = 8  # of a path, in the frames of a model of many steps

Shown = dict[str, np.ndarray]


class Camera:
    """Takes frames of models that learn from one data set. A classifier of it, where there is one, tells the classes of samples."""

    def __init__(self, test: Images, classifier: Classifier | None = None):
        self.some = test.some(torch.from_numpy(balanced(test.labels.cpu().numpy(), MAPPED)))  # a data set may be sorted by class
        self.classifier = classifier

    def fixed(self) -> Shown:
        """What stays the same in all frames: pictures uint8 [16, H, W, C] and labels uint8 [up to 500]."""
        pictures = self.some.pixels[:FIXED].permute(0, 2, 3, 1).cpu().numpy()
        return {"pictures": pictures, "labels": self.some.labels.cpu().numpy().astype(np.uint8)}

    @torch.no_grad()
    def take(self, model: Trainable) -> Generator[None, None, Shown]:
        """A frame of a model in eval mode, a piece of work at a time: yields after each, and returns the arrays.

        samples uint8 [16, H, W, C] of fixed latents, reconstructions uint8 [16, H, W, C], codes float16 [up to 500, D] (of long ones their
        place on the two principal axes), classes float32 [K]: the share of each among 200 samples, and `readout/NAME` float32 for each of
        the model's readouts. What a family cannot give is left out; so are codes of a model of many steps, whose way back is too long,
        and samples where N(0, I) does not decode to pictures.
        """
        shown: Shown = {}
        if not isinstance(model, LatentModel):
            return shown
        some = self.some.to(model.device)
        if not model.PRIOR:
            shown["samples"] = to_pixels((yield from self._made(model, FIXED)))
            if self.classifier is not None and not model.can("path"):
                shown["classes"] = yield from self._shares(model)
        if model.can("encode") and not model.can("path"):
            z = yield from _in_parts(lambda part: model.encode(some.floats(part), _told(model, some, part)), len(some))
            first = slice(0, FIXED)
            shown["reconstructions"] = to_pixels(model.decode(z[first], _told(model, some, first)))
            shown["codes"] = _mapped(z.flatten(1).float().cpu().numpy())
            yield
        few = slice(0, READ)
        for name, value in (model.readout(some.floats(few), _told(model, some, few)) if model.can("readout") else {}).items():
            shown[f"readout/{name}"] = value.detach().float().cpu().numpy()
        return shown

    @torch.no_grad()
    def _made(self, model: LatentModel, count: int) -> Generator[None, None, Tensor]:
        """Pictures [count, C, H, W] of the first latents of a fixed seed; a conditional model is told the classes in turn."""
        z = torch.from_numpy(latents(0, count, model.latent_shape)).to(model.device)
        y = self._turns(count).to(model.device) if model.conditions else None
        if not model.can("path"):
            return (yield from _in_parts(lambda part: model.decode(z[part], None if y is None else y[part]), count))
        x = z
        for step in model.path(z, y, steps=STEPS):
            x = step.x
            yield
        return x

    @torch.no_grad()
    def _shares(self, model: LatentModel) -> Generator[None, None, np.ndarray]:
        """The share [K] of samples that show each class, or each attribute."""
        made = yield from self._made(model, COUNTED)
        seen = yield from _in_parts(lambda part: self.classifier.probabilities(made[part].clamp(-1, 1)), COUNTED)
        has = seen > 0.5 if self.classifier.config.kind == "attributes" else torch.nn.functional.one_hot(seen.argmax(1), seen.shape[1])
        return has.float().mean(0).cpu().numpy()

    def _turns(self, count: int) -> Tensor:
        """Conditions [count, K]: the classes in turn, or the attributes of one test picture after the other."""
        if self.some.attributes is not None:
            return self.some.attributes[torch.arange(count) % len(self.some)]
        return torch.eye(len(self.some.classes))[torch.arange(count) % len(self.some.classes)]


class Frames:
    """The frames of one run, a .npz each, named by their steps. At most 200 stay, evenly spread over the root of the steps."""

    def __init__(self, folder: Path):
        self.folder = Path(folder)

    def files(self) -> list[Path]:
        """In the order of their steps."""
        return sorted(self.folder.glob("*.npz"))

    def steps(self) -> list[int]:
        return [int(path.stem) for path in self.files()]

    def read(self, step: int) -> Shown:
        """The arrays of one frame, codes as float32. LookupError where there is none of this step (any more)."""
        try:
            with np.load(self.folder / f"{step:09d}.npz", allow_pickle=False) as arrays:
                return {key: arrays[key].astype(np.float32) if key == "codes" else arrays[key] for key in arrays.files}
        except FileNotFoundError:
            raise LookupError(f"There is no frame of step {step}; of a long training every second one goes. Ask for the frames again.") from None

    def keep(self, step: int, shown: Shown) -> None:
        """Write a frame, and remove the one that is missed least where there are too many."""
        write_whole(self.folder / f"{step:09d}.npz", npz(shown))
        steps = self.steps()
        while len(steps) > FRAMES:
            roots = [sqrt(step) for step in steps]  # early on a model changes faster
            least = min(range(1, len(steps) - 1), key=lambda k: roots[k + 1] - roots[k - 1])
            (self.folder / f"{steps.pop(least):09d}.npz").unlink()

    def forget_after(self, step: int) -> None:
        """Remove the frames of steps that will be done again."""
        for path in self.files():
            if int(path.stem) > step:
                path.unlink()


def _told(model: LatentModel, some: Images, part: slice) -> Tensor | None:
    """What a conditional model hears of test pictures."""
    return some.one_hot(part) if model.conditions else None


def _mapped(codes: np.ndarray) -> np.ndarray:
    """Codes [N, D] as they are kept: float16, long ones as their place on their two principal axes."""
    if codes.shape[1] > LONGEST:
        axes, centre = measures.linear_axes(codes)
        codes = (codes - centre) @ axes.T
    return codes.clip(-60_000, 60_000).astype(np.float16)


def _in_parts(function, count: int) -> Generator[None, None, Tensor]:
    """function of all slices of so many rows, one after the other; yields after each."""
    found = []
    for start in range(0, count, PART):
        found.append(function(slice(start, min(start + PART, count))))
        yield
    return torch.cat(found)


def at_once(pieces: Iterator) -> Shown:
    """What a generator of pieces returns, all its work done at once."""
    while True:
        try:
            next(pieces)
        except StopIteration as end:
            return end.value
