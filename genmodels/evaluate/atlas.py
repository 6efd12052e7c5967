"""The atlas of a model: up to 2,000 test pictures' codes with their map, and its gallery of interesting points."""

import numpy as np
import torch

from ..latent import measures
from ..latent.gallery import gallery
from ..models import to_pixels
from .subject import Subject, balanced

MOST, FEWEST = 2000, 500  # test pictures
PLACES = 30  # test pictures, where places are pictures that lie side by side
NUMBERS = 8000  # in all codes together, so that a checkpoint of 16 dimensions stays under 1 MB with its samplers
GRID = 64  # codes are kept to 1/64 sigma, far below what an eye can tell, which halves the file


def chosen_pictures(subject: Subject) -> np.ndarray:
    """Which test pictures an atlas shows: up to 2,000, fewer where codes are long; a few by class where they are all places that there are."""
    if subject.placed:
        few = balanced(subject.labels, PLACES)
        return few[np.argsort(subject.labels[few], kind="stable")]
    return balanced(subject.labels, min(MOST, max(FEWEST, NUMBERS // subject.codes[0].numel())))


def atlas(subject: Subject, chosen: np.ndarray) -> dict[str, np.ndarray]:
    """The codes of the chosen test pictures and a linear map of them, as atlas.npz holds it.

    codes float16 [N, *latent_shape], labels uint8 [N], xy float16 [N, 2] = (codes - centre) @ axes.T, axes float32
    [2, D], centre float32 [D], reach float32 (half the side of the map, in sigmas), and where the model has a
    posterior, its std float16 [N, *latent_shape]. Where places are pictures, `pictures` uint8 [N, H, W, C] is what the model makes of the codes.
    """
    codes = (subject.codes[chosen] * GRID).round() / GRID
    flat = codes.flatten(1).numpy()
    axes, centre = measures.linear_axes(flat)
    xy = (flat - centre) @ axes.T
    arrays = {"codes": codes.numpy().astype(np.float16), "labels": subject.labels[chosen].astype(np.uint8), "xy": xy.astype(np.float16),
              "axes": axes, "centre": centre, "reach": np.float32(measures.reach(xy))}
    if subject.placed:
        arrays["pictures"] = to_pixels(subject.decode(codes.half().float(), subject.y[chosen]))
    if subject.model.can("posterior"):
        std = subject.batched(lambda x, y: subject.model.posterior(x, subject.told(y)).stddev, subject.x[chosen], subject.y[chosen])
        share, power = np.frexp(std.numpy())
        arrays["std"] = np.ldexp((share * 16).round() / 16, power).astype(np.float16)  # within 6 %, which an ellipse does not show
    return arrays


def points_of_interest(subject: Subject, chosen: np.ndarray, codes: np.ndarray) -> list[dict[str, str]]:
    """The gallery of a model: points of its atlas, whose rows are the chosen pictures, with a sentence each."""
    if subject.placed:  # too few to say of one that it is the farthest out
        return []
    flat = codes.astype(np.float32).reshape(len(codes), -1)
    labels, conditional = subject.labels[chosen], bool(subject.model.conditions)
    if subject.classifier is None:
        return gallery(flat, labels, subject.test.classes, conditional=conditional)

    def look(codes: np.ndarray) -> np.ndarray:
        z = torch.from_numpy(codes).view(len(codes), *subject.model.latent_shape)
        return subject.seen(subject.decode(z, subject.y[chosen][:len(codes)]))  # the classes are used by a conditional model alone

    return gallery(flat, labels, subject.test.classes, look=look, real=subject.seen(subject.x[chosen]), conditional=conditional)
