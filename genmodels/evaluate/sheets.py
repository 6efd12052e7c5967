"""Pictures for the card, all made by the model: a sheet of samples, the plane of codes, a path from noise to picture."""

import numpy as np
import torch

from .. import card
from ..models import to_pixels
from ..normal import latents
from .judge import SEED
from .samples import STEPS
from .subject import Subject

STYLES = 5  # on the sheet of a conditional model
MANIFOLD = 2.5  # sigmas to each side on the sheet of a plane
MOMENTS = 10  # of a path
PATHS = 3


def sheets(subject: Subject) -> dict[str, tuple[bytes, str]]:
    """File name -> PNG and alternative text."""
    model, classes = subject.model, len(subject.test.classes)
    if model.conditions:
        columns, text = classes, "one random style per row, one class per column"
        z = torch.from_numpy(latents(SEED, STYLES, model.latent_shape)).repeat_interleave(classes, 0)
    else:
        columns, text = 8, "random samples"
        z = torch.from_numpy(latents(SEED, 64, model.latent_shape))
    pixels = to_pixels(subject.decode(z, subject.turns(len(z))))
    made = {"samples.png": (card.contact_sheet(pixels, columns), f"A sheet of pictures made by the model: {text}.")}
    if model.latent_shape == (2,) and not model.conditions:
        ticks = torch.linspace(-MANIFOLD, MANIFOLD, 11)
        grid = torch.cartesian_prod(ticks.flip(0), ticks).flip(1)  # rows from top to bottom, each from left to right
        pixels = to_pixels(subject.decode(grid, torch.zeros(len(grid), classes)))
        made["manifold.png"] = card.contact_sheet(pixels, 11), f"The plane of codes from -{MANIFOLD} to {MANIFOLD} sigmas, decoded."
    if model.can("path"):
        made["path.png"] = _path(subject), "From noise to picture: above what the model has, below the picture that it expects."
    return made


def _path(subject: Subject) -> bytes:
    """PATHS paths of two rows each: the picture at MOMENTS from noise on, and below it the clean picture that is predicted."""
    model = subject.model
    z = torch.from_numpy(latents(SEED, PATHS, model.latent_shape)).to(model.device)
    with torch.inference_mode():
        steps = list(model.path(z, subject.told(subject.turns(PATHS).to(model.device)), sampler=model.SAMPLERS[0], steps=STEPS))
    shown = [steps[i] for i in np.linspace(0, len(steps) - 1, MOMENTS).round().astype(int)]
    rows = torch.stack([torch.stack([step.x, step.x0], 1) for step in shown], 2)  # [PATHS, 2, MOMENTS, C, H, W]
    return card.contact_sheet(to_pixels(rows.flatten(0, 2)), MOMENTS)
