"""Pictures for the card, all made by the model: a sheet of samples, the plane of codes, a path from noise to picture."""

from itertools import pairwise

import numpy as np
import torch

from .. import card
from ..latent.walks import slerp
from ..models import to_pixels
from ..normal import latents
from .judge import SEED
from .samples import STEPS
from .subject import Subject, balanced

STYLES = 5  # on the sheet of a conditional model
MANIFOLD = 2.5  # sigmas to each side on the sheet of a plane
MOMENTS = 10  # of a path
PATHS, FEWER = 3, 2  # where pictures are large
WALKS, PLACES = 5, 9  # from one random picture to the next, where pictures are large enough to look at one by one
AGAIN = 8  # made pictures, and what comes back of them through their codes


def sheets(subject: Subject) -> dict[str, tuple[bytes, str]]:
    """File name -> WebP and alternative text."""
    model, classes = subject.model, len(subject.test.classes)
    if subject.placed:
        return {"walks.webp": (_between_codes(subject), "From what the model makes of one test picture to what it makes of another, a walk a row.")}
    many = 64 if model.image_shape[-1] < card.LARGE else 40
    if subject.test.attributes is not None and model.conditions:
        columns, text = 8, "random samples, each told the attributes of a real picture"
        z = torch.from_numpy(latents(SEED, many, model.latent_shape))
    elif model.conditions:
        columns, text = classes, "one random style per row, one class per column"
        z = torch.from_numpy(latents(SEED, STYLES, model.latent_shape)).repeat_interleave(classes, 0)
    else:
        columns, text = 8, "random samples"
        z = torch.from_numpy(latents(SEED, many, model.latent_shape))
    pixels = to_pixels(subject.decode(z, subject.turns(len(z))))
    made = {"samples.webp": (card.contact_sheet(pixels, columns), f"A sheet of pictures made by the model: {text}.")}
    if model.latent_shape == (2,) and not model.conditions:
        ticks = torch.linspace(-MANIFOLD, MANIFOLD, 11)
        grid = torch.cartesian_prod(ticks.flip(0), ticks).flip(1)  # rows from top to bottom, each from left to right
        pixels = to_pixels(subject.decode(grid, torch.zeros(len(grid), classes)))
        made["manifold.webp"] = card.contact_sheet(pixels, 11), f"The plane of codes from -{MANIFOLD} to {MANIFOLD} sigmas, decoded."
    if pixels.shape[1] >= card.LARGE and subject.short:
        made["walks.webp"] = _walks(subject), "From one random picture to the next, a walk a row."
        if model.can("encode"):
            made["again.webp"] = _again(subject), "Above pictures made by the model, below what comes back of them through their codes."
    if model.can("path"):
        made["path.webp"] = _path(subject), "From noise to picture: above what the model has, below the picture that it expects."
    return made


def _walks(subject: Subject) -> bytes:
    """WALKS between random latents on great arcs, PLACES pictures each."""
    ends = torch.from_numpy(latents(SEED, WALKS + 1, subject.model.latent_shape))
    rows = [slerp(a, b, PLACES) for a, b in pairwise(ends)]
    return card.contact_sheet(to_pixels(subject.decode(torch.cat(rows), subject.turns(WALKS * PLACES))), PLACES)


def _between_codes(subject: Subject) -> bytes:
    """Straight WALKS between codes of test pictures, PLACES pictures each."""
    ends = subject.codes[balanced(subject.labels, WALKS + 1)]
    shares = torch.linspace(0, 1, PLACES).view(-1, *[1] * (ends.ndim - 1))
    return card.contact_sheet(to_pixels(subject.decode(torch.cat([a.lerp(b, shares) for a, b in pairwise(ends)]), subject.turns(WALKS * PLACES))), PLACES)


def _again(subject: Subject) -> bytes:
    """Two times AGAIN made pictures, below each row what comes back."""
    z, y = torch.from_numpy(latents(SEED, 2 * AGAIN, subject.model.latent_shape)), subject.turns(2 * AGAIN)
    made = subject.decode(z, y).clamp(-1, 1)
    again = subject.decode(subject.encode(made, y), y)
    rows = torch.stack([x.clamp(-1, 1).unflatten(0, (2, AGAIN)) for x in (made, again)], 1)
    return card.contact_sheet(to_pixels(rows.flatten(0, 2)), AGAIN)


def _path(subject: Subject) -> bytes:
    """PATHS paths (FEWER of large pictures) of two rows each: the picture at MOMENTS from noise on, and below it the clean picture that is predicted."""
    model = subject.model
    many = PATHS if model.image_shape[-1] < card.LARGE else FEWER
    z = torch.from_numpy(latents(SEED, many, model.latent_shape)).to(model.device)
    with torch.inference_mode():
        steps = list(model.path(z, subject.told(subject.turns(many).to(model.device)), sampler=model.SAMPLERS[0], steps=STEPS))
    shown = [steps[i] for i in np.linspace(0, len(steps) - 1, MOMENTS).round().astype(int)]
    rows = torch.stack([torch.stack([step.x, step.x0], 1) for step in shown], 2)  # [many, 2, MOMENTS, C, H, W]
    return card.contact_sheet(to_pixels(rows.flatten(0, 2)), MOMENTS)
