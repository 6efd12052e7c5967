"""Pushes along learned directions, judged by a classifier that nothing was fitted to: does what is pushed appear, and what else moves?"""

import numpy as np
import torch

from ..classifier import Classifier
from ..latent import directions as found
from ..latent.directions import Direction
from ..models import LatentModel
from ..normal import latents
from .directions import logits_of
from .judge import SEED
from .samples import painted
from .subject import Subject

SAMPLES = 256  # that lack what is pushed
DRAWN = 2048  # among which they are looked for
SIGMAS = 2.0  # of the codes' projection on the direction


def can_be_pushed(model: LatentModel) -> bool:
    """Whether a picture is made in one step, so that the thousands that are judged can be made."""
    return not model.can("path")


def pushes_of(subject: Subject, directions: tuple[Direction, ...], judge: Classifier, samples: int = SAMPLES, drawn: int = DRAWN) -> dict:
    """For metrics.json: "samples" at most, "sigmas", and under "attributes" a row for each learned direction that the judge knows.

    Samples of N(0, I) that lack it (the judge finds it less likely than not) are pushed by two sigmas. present: the share in which it is
    then more likely than not; others: by how much the judge's probability of another attribute changes, the mean over all others. Both
    again with all other directions locked, as a page does it (present_locked, others_locked: what is left of a step is shorter) and as far
    as without a lock (present_as_far, others_as_far); lacking: how many samples there were.
    ValueError where the judge is none of attributes, or knows none of the directions.
    """
    names = {found.readable(name): k for k, name in enumerate(judge.conditions)}
    pushed = [one for one in directions if one.source == "learned" and one.name in names]
    if judge.config.kind != "attributes" or not pushed:
        raise ValueError("Pushes are judged by a classifier of attributes, of which the model has learned directions.")
    z = latents(SEED, drawn, subject.model.latent_shape).reshape(drawn, -1)
    start, steps, rows = _probabilities(subject, judge, z), np.stack([one.step for one in pushed]), {}
    for i, one in enumerate(pushed):
        k = names[one.name]
        lacking = np.flatnonzero(start[:, k] < 0.5)[:samples]
        if not len(lacking):
            continue
        alone = found.project_off(steps[i:i + 1], np.delete(steps, i, 0))[0]
        as_far = alone * np.linalg.norm(steps[i]) / max(np.linalg.norm(alone), 1e-6)
        row = {"lacking": len(lacking)}
        for way, step in (("", steps[i]), ("_locked", alone), ("_as_far", as_far)):
            seen = _probabilities(subject, judge, z[lacking] + SIGMAS * step)
            row[f"present{way}"], row[f"others{way}"] = _moved(start[lacking], seen, k)
        rows[one.name] = row
    moved = {key: float(np.mean([row[key] for row in rows.values()])) for key in ("others", "others_locked", "others_as_far")}
    ratio = moved["others_locked"] / max(moved["others"], 1e-12)
    return {"samples": samples, "sigmas": SIGMAS, "attributes": rows} | moved | {"others_ratio": ratio}


def _moved(before: np.ndarray, after: np.ndarray, k: int) -> tuple[float, float]:
    """In what share attribute k is present after a push, and how far the others have moved on average; probabilities [N, K]."""
    return float((after[:, k] > 0.5).mean()), float(abs(np.delete(after - before, k, 1)).mean())


def _probabilities(subject: Subject, judge: Classifier, z: np.ndarray) -> np.ndarray:
    """What the judge sees [N, K] in the pictures of latents [N, D]."""
    flat = torch.from_numpy(np.ascontiguousarray(z, np.float32)).view(-1, *subject.model.latent_shape)
    unsaid = torch.zeros(len(z), len(subject.model.conditions)) if subject.model.conditions else None
    pixels = painted(subject, flat, "pushed samples", unsaid)
    return 1 / (1 + np.exp(-np.clip(logits_of(judge, pixels), -50, 50)))
