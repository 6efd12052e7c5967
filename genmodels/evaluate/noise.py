"""What a model of many steps has learned of noise: its error at every moment, the way back to the noise and forth again, a picture as each moment sees it."""

from collections import deque

import numpy as np
import torch
from torch import Tensor

from .. import card
from ..latent.measures import GREY_LEVELS
from ..models import to_pixels
from ..models._denoising import DARKEST
from ..normal import latents
from .judge import SEED
from .subject import Subject, balanced

MOMENTS = 20  # at which the net is asked
ROUND_TRIPS = (5, 10, 20, 50, 100)  # steps back, and as many forth
FEWER = 4  # for one test picture that makes them, so many are drowned
COLUMNS, MADE = 10, 7  # of learned.webp, and which latent of the seed its picture grows from
SAME = 1e-10  # mean squared error below which two pictures are the same


def of_noise(subject: Subject, pictures: int) -> tuple[dict, dict[str, bytes]]:
    """Numbers of so many test pictures for metrics.json under "noise", and learned.webp; of a model of one step nothing.

    times: T. by_t: of a net that predicts noise, at about MOMENTS moments t how far the predicted noise is from the true one (mean squared,
    the noise has variance 1), and the predicted picture (mean squared, pixels in [0, 1]). round_trip: by steps the mean PSNR in decibels and
    the mean absolute error in grey levels of test pictures that went back to their noise and came forth again by the model's first-order way.
    """
    model = subject.model
    if not model.can("path"):
        return {}, {}
    numbers = {"round_trip": round_trips(subject, pictures // FEWER)} if model.can("encode") else {}
    if not hasattr(model, "predict_noise"):
        return numbers, {}
    return {"times": len(model.levels()) - 1, "by_t": by_moment(subject, pictures)} | numbers, {"learned.webp": learned(subject)}


def by_moment(subject: Subject, most: int) -> dict:
    """Errors of `most` test pictures under the same noise at every moment, without guidance: {"pictures", "t", "noise", "x0"}, a number for each t."""
    x, y = _some(subject, most)
    noise = torch.from_numpy(latents(SEED, len(x), subject.model.image_shape))
    found = {"pictures": len(x), "t": _moments(subject, MOMENTS), "noise": [], "x0": []}
    for t in found["t"]:
        said, x0 = (subject.batched(lambda x, noise, y, k=k, t=t: _predicted(subject, x, noise, y, t)[k], x, noise, y) for k in (0, 1))
        found["noise"].append(float((said - noise).double().square().mean()))
        found["x0"].append(float(((x0 - x) / 2).double().square().mean()))
    return found


def round_trips(subject: Subject, most: int) -> dict:
    """{"pictures", "sampler", "by_steps": {steps: {"psnr", "error"}}}: back to the noise and forth again, told the class or attributes, without guidance."""
    model, (x, y) = subject.model, _some(subject, most)
    sampler = "ddim" if "ddim" in model.SAMPLERS else model.SAMPLERS[0]

    def trip(x: Tensor, y: Tensor, steps: int) -> Tensor:
        z = model.encode(x, subject.told(y), steps=steps)
        return deque(model.path(z, subject.told(y), sampler=sampler, steps=steps, guidance=1.0), 1)[0].x

    found = {"pictures": len(x), "sampler": sampler, "by_steps": {}}
    for steps in ROUND_TRIPS:
        apart = ((subject.batched(lambda x, y, steps=steps: trip(x, y, steps), x, y) - x) / 2).double().flatten(1)
        psnr = -10 * apart.square().mean(1).clamp_min(SAME).log10()
        found["by_steps"][str(steps)] = {"psnr": float(psnr.mean()), "error": float(apart.abs().mean() * 2 * GREY_LEVELS)}
    return found


def learned(subject: Subject) -> bytes:
    """A picture that the model made, drowned at COLUMNS moments from noise on, and below each what the net takes for the picture in it."""
    model = subject.model
    z, y = torch.from_numpy(latents(SEED, 1, model.latent_shape, first=MADE)), subject.turns(MADE + 1)[MADE:]
    made = subject.decode(z, y).clamp(-1, 1)
    noise = torch.from_numpy(latents(SEED, 1, model.image_shape, first=MADE + 1))
    rows = [subject.batched(lambda x, noise, y, k=k, t=t: _predicted(subject, x, noise, y, t)[k], made, noise, y)
            for k in (2, 1) for t in reversed(_moments(subject, COLUMNS))]
    return card.contact_sheet(to_pixels(torch.cat(rows)), COLUMNS)


def _predicted(subject: Subject, x: Tensor, noise: Tensor, y: Tensor, t: int) -> tuple[Tensor, Tensor, Tensor]:
    """The noise that the net sees in pictures drowned up to t, the picture that it takes for theirs, and what it was shown."""
    model, level = subject.model, subject.model.levels()[t]
    shown = level.alpha * x + level.sigma * noise
    said = model.predict_noise(shown, torch.full((len(x),), t, device=x.device), subject.told(y))
    return said, model.cut((shown - level.sigma * said) / level.alpha), shown


def _moments(subject: Subject, count: int) -> list[int]:
    """Moments from 1 to the last at which there is a picture to be predicted, evenly."""
    last = max(level.t for level in subject.model.levels() if level.alpha**2 >= DARKEST)
    return sorted(set(np.linspace(1, last, count).round().astype(int).tolist()))


def _some(subject: Subject, most: int) -> tuple[Tensor, Tensor]:
    """Test pictures, the classes in equal shares, and what they are."""
    chosen = torch.from_numpy(balanced(subject.labels, most))
    return subject.x[chosen], subject.y[chosen]
