"""The directions of a model: learned from labelled pictures or from its own labelled samples, measured, found; and how far each moves the others."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
from torch import Tensor

from ..classifier import Classifier
from ..datasets import Images
from ..kept import Kept
from ..latent import directions as found
from ..latent import measures
from ..latent.directions import Direction
from ..normal import latents
from .judge import SEED, some
from .samples import painted
from .subject import Subject

MOST_CODES = 20_000  # training pictures whose codes are learned from
FEW = 0.3  # of the samples of other models that a model of many steps makes
STEPS = 15  # of these
SURE = 0.8  # probability from which a sample counts as labelled, and below one less which as labelled not to have it
PUSHED, PUSHED_STEPWISE = 256, 64  # samples on which the leakage is measured
PAIRS, EACH = 6, 2  # pairs of classes, and in how many of them a class may be
UNLABELLED = 4  # principal axes, and as many of SeFa
BLURRED = 16  # side to which pictures are averaged before their principal axes are found
STROKES = ("thickness", "slant", "width", "height")
TOLD = "The model is told the class, so its codes do not hold it: choose the class itself."
UNJUDGED = "No classifier of this data set is there to label samples, or to say what a push moves."


@dataclass(frozen=True, eq=False)
class Labelled:
    """Codes [N, D] and what is known of their pictures.

    attributes: +1, -1 and 0 for what is not known [N], by name. classes [N]: -1 where nobody is sure, None where a model is told them.
    values: what is measured [N], by name. pixels uint8 [N, C, H, W]: the pictures, where the model made them itself.
    """

    codes: np.ndarray
    attributes: dict[str, np.ndarray]
    classes: np.ndarray | None
    values: dict[str, np.ndarray]
    pixels: Tensor | None


def directions_of(subject: Subject, train: Images, samples: int) -> Kept:
    """All directions of a model. `samples` are made where it was not taught on codes of pictures; fewer by a model of many steps."""
    labelled = _coded(subject, train) if subject.coded and not subject.model.DRAWN else _made(subject, train, samples)
    pictures = "pictures" if labelled.pixels is None else "samples that the classifier labelled"
    learned, missed = found.learn(labelled.codes, labelled.attributes, "learned", pictures)
    pairs, unpaired = found.learn(labelled.codes, _pairs(subject, labelled), "classes", pictures)
    measured, unmeasured = found.measured(labelled.codes, labelled.values)
    missed |= unpaired | unmeasured
    if subject.test.attributes is None and subject.model.conditions:
        missed["Classes"] = TOLD
    elif subject.classifier is None and labelled.pixels is not None:
        missed["Labels"] = UNJUDGED
    meant = [*learned, *pairs, *measured]
    leakage = _leakage(subject, meant) if meant else {}
    return Kept(tuple(meant + _unlabelled(subject, labelled)), missed, leakage)


# What is learned from


def _coded(subject: Subject, train: Images) -> Labelled:
    """The codes of labelled training pictures."""
    chosen = some(train, MOST_CODES)
    codes = torch.cat([subject.encode(train.floats(part), train.one_hot(part)) for part in chosen.split(1000)]).flatten(1).numpy()
    attributes = {} if train.attributes is None else _named(train.classes, train.attributes[chosen].numpy())
    classes = train.labels[chosen].numpy() if train.attributes is None and not subject.model.conditions else None
    if train.factors is not None:
        names = [name.capitalize() if len(name) > 1 else f"Position {name}" for name in train.factor_names]
        values = dict(zip(names, train.factors[chosen].numpy().T, strict=True))
    else:
        values = _strokes(train.pixels[chosen]) if train.attributes is None else {}
    return Labelled(codes, attributes, classes, values, None)


def _made(subject: Subject, train: Images, samples: int) -> Labelled:
    """Random latents, whose pictures the classifier labels where it is sure. Of attributes the model is told none."""
    how = {"sampler": subject.model.SAMPLERS[0], "steps": STEPS} if subject.model.can("path") else {}
    z = torch.from_numpy(latents(SEED, int(samples * FEW) if how else samples, subject.model.latent_shape))
    unsaid = torch.zeros(len(z), len(subject.model.conditions)) if train.attributes is not None else None
    pixels = painted(subject, z, "samples with labels", unsaid, **how)
    attributes, classes = {}, None
    if subject.classifier is not None:
        seen = _seen(subject, pixels)
        if train.attributes is not None:
            attributes = _named(train.classes, (seen > SURE).astype(np.float32) - (seen < 1 - SURE))
        elif not subject.model.conditions:
            classes = np.where(seen.max(1) > SURE, seen.argmax(1), -1)
    values = _strokes(pixels) if train.attributes is None and train.factors is None else {}
    return Labelled(z.flatten(1).numpy(), attributes, classes, values, pixels)


def _seen(subject: Subject, pixels: Tensor) -> np.ndarray:
    """The classifier's probabilities [N, K] of pictures uint8 [N, C, H, W]."""
    return np.concatenate([subject.seen(part.float() / 127.5 - 1) for part in pixels.split(1000)])


def _strokes(pixels: Tensor) -> dict[str, np.ndarray]:
    """What is measured of light pictures on dark ground uint8 [N, C, H, W] (Morpho-MNIST, Castro et al. 2019), by a direction's name."""
    values = measures.strokes(pixels.double().mean(1).numpy() / 255)
    return {name.capitalize(): values[name] for name in STROKES}


def _named(classes: tuple[str, ...], columns: np.ndarray) -> dict[str, np.ndarray]:
    return {found.readable(name): column for name, column in zip(classes, columns.T, strict=True)}


def _pairs(subject: Subject, labelled: Labelled) -> dict[str, np.ndarray]:
    """Labels of pairs of classes whose codes lie near each other, the nearest first: +1 in the one, -1 in the other, 0 elsewhere [N]."""
    if labelled.classes is None:
        return {}
    there = [k for k in range(len(subject.test.classes)) if (labelled.classes == k).sum() >= found.FEWEST]
    means = np.stack([labelled.codes[labelled.classes == k].mean(0) for k in there]) if there else np.zeros((0, 1))
    apart = np.linalg.norm(means[:, None] - means, axis=2)
    times, chosen = dict.fromkeys(there, 0), {}
    for i, j in sorted(combinations(range(len(there)), 2), key=lambda pair: apart[pair]):
        a, b = there[i], there[j]
        if len(chosen) < PAIRS and max(times[a], times[b]) < EACH:
            times[a], times[b] = times[a] + 1, times[b] + 1
            name = found.readable(f"From {subject.test.classes[a]} to {subject.test.classes[b]}")
            chosen[name] = (labelled.classes == b).astype(np.float32) - (labelled.classes == a)
    return chosen


# What needs no labels


def _unlabelled(subject: Subject, labelled: Labelled) -> list[Direction]:
    """Principal axes and SeFa, of short latents: of noise as long as a picture neither tells anything."""
    if not subject.short:
        return []
    few = min(UNLABELLED, subject.size // 2)
    features = None if labelled.pixels is None else _blurred(labelled.pixels)
    rows = found.principal(labelled.codes, few, features)
    weight = _first_layer(subject)
    return rows + ([] if weight is None else found.sefa(weight, few, labelled.codes))


def _first_layer(subject: Subject) -> np.ndarray | None:
    """What the first linear layer that the decoder runs does to latents, [out, D]; None where that is not linear in them."""
    z = torch.cat([torch.zeros(1, subject.size), torch.eye(subject.size), torch.full((1, subject.size), 2.0)])
    answers: list[Tensor] = []
    hooks = [layer.register_forward_hook(lambda layer, inputs, output: answers.append(output))
             for layer in subject.model.modules() if isinstance(layer, torch.nn.Linear)]
    with torch.inference_mode():
        subject.model.decode(z.to(subject.model.device), subject.told(torch.zeros(len(z), len(subject.test.classes), device=subject.model.device)))
    for hook in hooks:
        hook.remove()
    if not answers or answers[0].ndim != 2 or len(answers[0]) != len(z):
        return None
    moved = (answers[0] - answers[0][0]).double().cpu()[1:]
    return moved[:-1].T.numpy() if torch.allclose(moved[-1], 2 * moved[:-1].sum(0), rtol=1e-3, atol=1e-3) else None


def _blurred(pixels: Tensor) -> np.ndarray:
    """Pictures uint8 [N, C, H, W] as few numbers [N, F]: averaged to at most 16 x 16."""
    side = min(BLURRED, pixels.shape[-1])
    return torch.nn.functional.adaptive_avg_pool2d(pixels.float() / 127.5 - 1, side).flatten(1).numpy()


# How far a push moves everything


def _leakage(subject: Subject, directions: list[Direction]) -> dict:
    """How far each direction moves what the others name, as `Kept` says; cosines alone where nobody can judge."""
    vectors, steps = (np.stack(rows) for rows in ([one.vector for one in directions], [one.step for one in directions]))
    table = {"names": [one.name for one in directions], "cosines": _short(vectors @ vectors.T)}
    stepwise = subject.model.can("path")
    read = _reader(subject, directions)
    if read is None:
        return table
    z = latents(SEED, PUSHED_STEPWISE if stepwise else PUSHED, subject.model.latent_shape).reshape(-1, subject.size)
    start = read(z)
    alone = np.stack([found.project_off(steps[k:k + 1], np.delete(steps, k, 0))[0] for k in range(len(steps))])
    moved = {"before": [start.moved(read(z + step)) for step in steps], "after": [start.moved(read(z + step)) for step in alone]}
    for when, pairs in moved.items():
        shares, logits = zip(*pairs, strict=True)
        table |= {when: _short(np.stack(shares)), f"logits_{when}": _short(np.stack(logits))}
    return table | {"samples": len(z)}


@dataclass(frozen=True, eq=False)
class Read:
    """What pictures show of each direction, values [N, K]: logits, or, in the columns `ranked` [K], a measure in standard deviations."""

    values: np.ndarray
    ranked: np.ndarray

    def moved(self, after: "Read") -> tuple[np.ndarray, np.ndarray]:
        """By how much the mean share of probability, or of rank among these pictures, changes [K], and the mean value itself [K]."""
        def shares(values: np.ndarray) -> np.ndarray:
            ranks = np.stack([np.searchsorted(np.sort(mine), theirs) / len(mine) for mine, theirs in zip(self.values.T, values.T, strict=True)], 1)
            return np.where(self.ranked, ranks, 1 / (1 + np.exp(-np.clip(values, -50, 50))))

        return found.leakage(shares(self.values), shares(after.values)), found.leakage(self.values, after.values)


def _reader(subject: Subject, directions: list[Direction]) -> Callable[[np.ndarray], Read] | None:
    """Latents [N, D] to what their pictures show of each direction; None where that cannot be seen."""
    names = {found.readable(name): k for k, name in enumerate(subject.test.classes)}
    pairs = {found.readable(f"From {a} to {b}"): (names[found.readable(a)], names[found.readable(b)])
             for a in subject.test.classes for b in subject.test.classes}
    strokes = {name.capitalize(): name for name in STROKES}
    if not all(one.name in strokes or subject.classifier is not None and one.name in names.keys() | pairs.keys() for one in directions):
        return None
    how = {"sampler": subject.model.SAMPLERS[0], "steps": STEPS} if subject.model.can("path") else {}
    spread: dict[str, float] = {}

    def read(z: np.ndarray) -> Read:
        flat = torch.from_numpy(np.ascontiguousarray(z, np.float32)).view(-1, *subject.model.latent_shape)
        unsaid = torch.zeros(len(z), len(subject.model.conditions)) if subject.test.attributes is not None else None
        pixels = painted(subject, flat, "pushed samples", unsaid, **how)
        logits = None if subject.classifier is None else logits_of(subject.classifier, pixels)
        measured, columns = measures.strokes(pixels.double().mean(1).numpy() / 255), []
        for one in directions:
            if one.name in strokes:
                values = measured[strokes[one.name]]
                columns.append(values / spread.setdefault(one.name, max(float(values.std()), 1e-9)))
            elif one.name in pairs:
                a, b = pairs[one.name]
                columns.append(logits[:, b] - logits[:, a])
            else:
                columns.append(logits[:, names[one.name]])
        return Read(np.stack(columns, 1), np.array([one.name in strokes for one in directions]))

    return read


def logits_of(classifier: Classifier, pixels: Tensor) -> np.ndarray:
    """A classifier's logits [N, K], float64, of pictures uint8 [N, C, H, W]."""
    with torch.inference_mode():
        return torch.cat([classifier((part.float() / 127.5 - 1).to(classifier.device)).double().cpu() for part in pixels.split(100)]).numpy()


def _short(matrix: np.ndarray) -> list[list[float]]:
    return [[round(float(value), 3) for value in row] for row in matrix]
