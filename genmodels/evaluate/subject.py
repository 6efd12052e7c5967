"""A model under examination: the test pictures, their codes, what it makes of them, and the numbers measured on these."""

from collections.abc import Callable
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from ..classifier import Classifier
from ..datasets import Images
from ..latent import measures
from ..models import LatentModel
from ..normal import latents
from .judge import BATCH, SEED

PAIRS = 2000  # of test pictures, whose midpoints are looked at
PRIOR = 256  # latents on which the effect of each dimension is measured
NAMED = 2000  # made pictures that name the dimensions where no picture can be encoded
LONGEST = 256  # numbers in a short latent
STEPWISE, LARGE_STEPWISE = 500, 100  # test pictures, and pairs of them, that a model of many steps is tried on; of large pictures fewer
LARGE = 48  # pixels of a side from which on they are


class Subject:
    """A model under examination: the test pictures (some of them for a model of many steps), their codes, and what it makes of them."""

    def __init__(self, model: LatentModel, test: Images, classifier: Classifier | None = None):
        """ValueError says in words which of the three do not belong together."""
        if tuple(test.pixels.shape[1:]) != model.image_shape:
            raise ValueError(f"The model takes pictures of {model.image_shape}, the test pictures are {tuple(test.pixels.shape[1:])}.")
        if classifier is not None and tuple(classifier.conditions) != tuple(test.classes):
            raise ValueError(f"The classifier knows {', '.join(classifier.conditions)}; the data set has {', '.join(test.classes)}.")
        self.attributes = test.attributes  # of all test pictures, as often as they are among these
        if model.can("path"):
            test = test.some(torch.from_numpy(balanced(test.labels.numpy(), STEPWISE if test.pixels.shape[-1] < LARGE else LARGE_STEPWISE)))
        self.model, self.test, self.classifier = model, test, classifier
        self.x, self.y = test.floats(slice(None)), test.one_hot(slice(None))
        self.labels = test.labels.numpy()

    @property
    def size(self) -> int:
        """How many numbers a latent has."""
        return int(np.prod(self.model.latent_shape))

    @property
    def short(self) -> bool:
        """Whether a latent is a short list, each number worth a look of its own, and not a grid of noise that a picture grows from."""
        return len(self.model.latent_shape) == 1 and self.size <= LONGEST

    @property
    def coded(self) -> bool:
        """Whether pictures have short codes, which can be kept. Otherwise the model is looked at through latents drawn by seed."""
        return self.model.can("encode") and self.short

    @property
    def placed(self) -> bool:
        """Whether it is looked at through codes of pictures alone, since N(0, I) decodes to nothing that it was taught."""
        return bool(self.model.PRIOR) and self.model.can("encode")

    @property
    def mapped(self) -> bool:
        """Whether its atlas holds codes of test pictures. Of people's faces it holds random latents instead: those decode to nobody."""
        return (self.coded or self.placed) and self.test.attributes is None

    @cached_property
    def codes(self) -> Tensor:
        """[N, *latent_shape]; a conditional model is told each picture's class."""
        return self.encode(self.x, self.y)

    @cached_property
    def again(self) -> Tensor:
        """The reconstructions [N, C, H, W]."""
        return self.decode(self.codes, self.y)

    def encode(self, x: Tensor, y: Tensor) -> Tensor:
        return self.batched(lambda x, y: self.model.encode(x, self.told(y)), x, y)

    def decode(self, z: Tensor, y: Tensor) -> Tensor:
        return self.batched(lambda z, y: self.model.decode(z, self.told(y)), z, y)

    def seen(self, x: Tensor) -> np.ndarray:
        """The classifier's probabilities [N, K] for pictures as a person sees them, cut to black and white."""
        return self.batched(lambda x: self.classifier.probabilities(x.clamp(-1, 1)), x).numpy()

    def batched(self, function: Callable[..., Tensor], *tensors: Tensor) -> Tensor:
        """function of all rows, computed on the model's device BATCH at a time, on the CPU again."""
        with torch.inference_mode():
            return torch.cat([function(*(t.to(self.model.device) for t in part)).cpu()
                              for part in zip(*(t.split(BATCH) for t in tensors), strict=True)])

    def told(self, y: Tensor) -> Tensor | None:
        """What the model hears of the classes y [B, K]: nothing, unless it is conditional."""
        return y if self.model.conditions else None

    def turns(self, n: int) -> Tensor:
        """Conditions [n, K]: the classes in turn, or what is known of the attributes of one test picture after the other.

        Of all of them: those of which everything is known are no fair choice, since it is certain attributes that nobody could tell.
        """
        if self.attributes is not None:
            return self.attributes[torch.arange(n) % len(self.attributes)]
        classes = len(self.test.classes)
        return torch.eye(classes)[torch.arange(n) % classes]


def balanced(labels: np.ndarray, most: int) -> np.ndarray:
    """Numbers of at most `most` pictures, drawn by seed, the classes taking turns as long as they have pictures."""
    order = np.random.default_rng(SEED).permutation(len(labels))
    turn = np.empty(len(labels), int)
    for label in np.unique(labels):
        turn[labels[order] == label] = np.arange((labels == label).sum())
    return order[np.lexsort((labels[order], turn))][:most]


def measure(subject: Subject) -> dict:
    """The numbers that hang on codes and single dimensions, for metrics.json; the card says what each key means."""
    metrics: dict = {}
    if subject.model.can("encode"):
        metrics |= _through_codes(subject)
    if subject.short and not subject.placed:
        z = torch.from_numpy(latents(SEED, PRIOR, subject.model.latent_shape))
        y = subject.turns(PRIOR)
        metrics["effects"] = measures.effects(lambda z: subject.decode(z, y).clamp(-1, 1), z).tolist()
        metrics["names"] = _names(subject)
    return metrics


def _through_codes(subject: Subject) -> dict:
    """What is lost on the way through the codes, and how the codes of test pictures lie."""
    flat, test = subject.codes.flatten(1).numpy(), subject.test
    metrics = {"mse": _squared_error(subject.again.clamp(-1, 1), subject.x), "encoded": len(test)}
    if subject.again.abs().max() > 1:  # a linear model overshoots black and white
        metrics["mse_unclipped"] = _squared_error(subject.again, subject.x)
    if test.attributes is not None:
        if subject.classifier is not None:
            metrics["attributes_kept"] = float(((subject.seen(subject.again) > 0.5) == (subject.seen(subject.x) > 0.5)).mean())
    else:
        if subject.classifier is not None:
            metrics["label_kept"] = float((subject.seen(subject.again).argmax(1) == subject.labels).mean())
            metrics |= _midpoints(subject)
        metrics["knn_accuracy"] = measures.neighbour_accuracy(flat, subject.labels)
    if test.factors is not None:
        found = measures.readable(flat, test.factors.numpy()).tolist()
        metrics["factors"] = dict(zip(test.factor_names, found, strict=True))
    return metrics


def _names(subject: Subject) -> list[dict | None]:
    """What goes with each dimension: in test pictures and their codes, or in made pictures and their latents."""
    if subject.test.attributes is not None:
        if subject.classifier is None:
            return [None] * subject.size
        z = torch.from_numpy(latents(SEED, NAMED, subject.model.latent_shape))
        seen = subject.seen(subject.decode(z, subject.turns(NAMED)))
        return measures.names(z.flatten(1).numpy(), dict(zip(subject.test.classes, seen.T, strict=True)))
    if not subject.model.can("encode"):
        z = torch.from_numpy(latents(SEED, NAMED, subject.model.latent_shape))
        pixels = (subject.decode(z, subject.turns(NAMED)).clamp(-1, 1) + 1) / 2
        return measures.names(z.flatten(1).numpy(), measures.strokes(pixels.double().mean(1).numpy()))
    test, flat = subject.test, subject.codes.flatten(1).numpy()
    if test.factors is None:
        return measures.names(flat, measures.strokes(test.pixels.double().mean(1).numpy() / 255))
    return measures.names(flat, dict(zip(test.factor_names, test.factors.numpy().T, strict=True)))


def _squared_error(a: Tensor, b: Tensor) -> float:
    """Mean per pixel of pictures in [-1, 1], in units of pixels in [0, 1]."""
    return float(((a - b) / 2).double().square().mean())


def _midpoints(subject: Subject) -> dict:
    """How sure the classifier is of pictures halfway between two test pictures: of codes (and conditions), and of pixels.

    Long codes that N(0, I) fills are noise: halfway between two of them means halfway on the great arc, for the mean of two is shorter than any.
    """
    random, n = np.random.default_rng(SEED), len(subject.x)
    pairs = STEPWISE if subject.model.can("path") else PAIRS
    a = random.integers(0, n, pairs)
    b = (a + random.integers(1, n, pairs)) % n  # never the same picture twice
    z, y, x = ((t[a] + t[b]) / 2 for t in (subject.codes, subject.y, subject.x))
    if not (subject.short or subject.placed):
        length = (subject.codes[a].flatten(1).norm(dim=1) + subject.codes[b].flatten(1).norm(dim=1)) / 2
        z = z * (length / z.flatten(1).norm(dim=1)).view(-1, *[1] * (z.ndim - 1))
    return {"midpoint_certainty": float(subject.seen(subject.decode(z, y)).max(1).mean()),
            "crossfade_certainty": float(subject.seen(x).max(1).mean())}
