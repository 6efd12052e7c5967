"""A model under examination, and all the numbers that are measured on it."""

from collections.abc import Callable
from functools import cached_property

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from ..classifier import Classifier
from ..datasets import Images
from ..latent import measures
from ..models import LatentModel
from ..normal import latents

SEED = 0
BATCH = 500
DRAWS = 4  # codes drawn from each posterior
PAIRS = 2000  # of test pictures, whose midpoints are looked at
PRIOR = 256  # latents on which the effect of each dimension is measured


class Subject:
    """A model under examination: the test pictures, their codes, and what it makes of them."""

    def __init__(self, model: LatentModel, test: Images, classifier: Classifier | None = None):
        """ValueError says in words which of the three do not belong together."""
        if tuple(test.pixels.shape[1:]) != model.image_shape:
            raise ValueError(f"The model takes pictures of {model.image_shape}, the test pictures are {tuple(test.pixels.shape[1:])}.")
        if classifier is not None and tuple(classifier.conditions) != tuple(test.classes):
            raise ValueError(f"The classifier knows {', '.join(classifier.conditions)}; the data set has {', '.join(test.classes)}.")
        self.model, self.test, self.classifier = model, test, classifier
        self.x, self.y = test.floats(slice(None)), test.one_hot(slice(None))
        self.labels = test.labels.numpy()

    @cached_property
    def codes(self) -> Tensor:
        """[N, *latent_shape]; a conditional model is told each picture's class."""
        return self.batched(lambda x, y: self.model.encode(x, self.told(y)), self.x, self.y)

    @cached_property
    def again(self) -> Tensor:
        """The reconstructions [N, C, H, W]."""
        return self.decode(self.codes, self.y)

    def decode(self, z: Tensor, y: Tensor) -> Tensor:
        return self.batched(lambda z, y: self.model.decode(z, self.told(y)), z, y)

    def seen(self, x: Tensor) -> np.ndarray:
        """The classifier's probabilities [N, K] for pictures as a person sees them, cut to black and white."""
        return self.batched(lambda x: self.classifier(x.clamp(-1, 1)).softmax(1), x).numpy()

    def batched(self, function: Callable[..., Tensor], *tensors: Tensor) -> Tensor:
        """function of all rows, computed on the model's device BATCH at a time, on the CPU again."""
        with torch.inference_mode():
            return torch.cat([function(*(t.to(self.model.device) for t in part)).cpu()
                              for part in zip(*(t.split(BATCH) for t in tensors), strict=True)])

    def told(self, y: Tensor) -> Tensor | None:
        """What the model hears of the classes y [B, K]: nothing, unless it is conditional."""
        return y if self.model.conditions else None


def measure(subject: Subject) -> dict:
    """All numbers of a generative model, for metrics.json; the card says what each key means."""
    flat = subject.codes.flatten(1).numpy()
    test = subject.test
    metrics = {"mse": _squared_error(subject.again.clamp(-1, 1), subject.x)}
    if subject.again.abs().max() > 1:  # a linear model overshoots black and white
        metrics["mse_unclipped"] = _squared_error(subject.again, subject.x)
    metrics |= _elbo(subject)
    if subject.classifier is not None:
        metrics["label_kept"] = float((subject.seen(subject.again).argmax(1) == subject.labels).mean())
    metrics["knn_accuracy"] = measures.neighbour_accuracy(flat, subject.labels)
    if subject.classifier is not None:
        metrics |= _midpoints(subject)
    if test.factors is not None:
        properties = dict(zip(test.factor_names, test.factors.numpy().T, strict=True))
        metrics["factors"] = dict(zip(properties, measures.readable(flat, test.factors.numpy()).tolist(), strict=True))
    else:
        properties = measures.strokes(test.pixels.double().mean(1).numpy() / 255)
    z = torch.from_numpy(latents(SEED, PRIOR, subject.model.latent_shape))
    y = torch.eye(len(test.classes))[torch.arange(PRIOR) % len(test.classes)]
    metrics["effects"] = measures.effects(lambda z: subject.decode(z, y).clamp(-1, 1), z).tolist()
    return metrics | {"names": measures.names(flat, properties)}


def _squared_error(a: Tensor, b: Tensor) -> float:
    """Mean per pixel of pictures in [-1, 1], in units of pixels in [0, 1]."""
    return float(((a - b) / 2).double().square().mean())


def _elbo(subject: Subject) -> dict:
    """Negative ELBO in nats with weight one on the KL term, the mean of DRAWS codes per picture (Kingma & Welling 2013, eq. 3)."""
    model = subject.model
    if not (model.can("posterior") and model.can("log_likelihood")):
        return {}

    def terms(x: Tensor, y: Tensor, index: Tensor) -> Tensor:
        told = subject.told(y)
        q = model.posterior(x, told)
        noise = torch.from_numpy(latents(SEED, len(x) * DRAWS, model.latent_shape, first=int(index[0]) * DRAWS)).to(x.device)
        drawn = [q.mean + q.stddev * part for part in noise.unflatten(0, (len(x), DRAWS)).unbind(1)]
        reconstruction = -torch.stack([model.log_likelihood(x, z, told) for z in drawn]).mean(0)
        return torch.stack([reconstruction, kl_divergence(q, Normal(0.0, 1.0)).flatten(1).sum(1)], 1)

    parts = subject.batched(terms, subject.x, subject.y, torch.arange(len(subject.x)))
    reconstruction, kl = parts.double().mean(0).tolist()
    return {"nelbo": reconstruction + kl, "reconstruction": reconstruction, "kl": kl}


def _midpoints(subject: Subject) -> dict:
    """How sure the classifier is of pictures halfway between two test pictures: of codes (and conditions), and of pixels."""
    random, n = np.random.default_rng(SEED), len(subject.x)
    a = random.integers(0, n, PAIRS)
    b = (a + random.integers(1, n, PAIRS)) % n  # never the same picture twice
    z, y, x = ((t[a] + t[b]) / 2 for t in (subject.codes, subject.y, subject.x))
    return {"midpoint_certainty": float(subject.seen(subject.decode(z, y)).max(1).mean()),
            "crossfade_certainty": float(subject.seen(x).max(1).mean())}


def measure_classifier(classifier: Classifier, test: Images) -> dict:
    """Accuracy, share of each class that is recognised, and mean certainty on the test pictures."""
    with torch.inference_mode():
        parts = test.floats(slice(None)).split(BATCH)
        probabilities = torch.cat([classifier(part.to(classifier.device)).softmax(1).cpu() for part in parts])
    certainty, seen = probabilities.max(1)
    right = seen == test.labels
    return {"accuracy": float(right.double().mean()), "certainty": float(certainty.double().mean()),
            "recall": {name: float(right[test.labels == k].double().mean()) for k, name in enumerate(test.classes)}}
