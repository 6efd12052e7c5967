"""How good a classifier is, and what it says of test pictures: the features that made pictures are compared with."""

import numpy as np
import torch

from ..classifier import Classifier
from ..datasets import Images
from ..latent.distances import to_others
from .judge import BATCH
from .subject import balanced

MOST = 1000  # test pictures whose features are kept
DIGITS = 7  # binary digits of a feature after its first: within 0.4 %, in fewer bytes


def measure_classifier(classifier: Classifier, test: Images) -> dict:
    """Accuracy, share of each class that is recognised, and mean certainty on the test pictures; of attributes their balanced accuracy."""
    with torch.inference_mode():
        parts = test.floats(slice(None)).split(BATCH)
        probabilities = torch.cat([classifier.probabilities(part.to(classifier.device)).cpu() for part in parts])
    if test.attributes is not None:
        return _of_attributes(probabilities > 0.5, test)
    certainty, seen = probabilities.max(1)
    right = seen == test.labels
    return {"accuracy": float(right.double().mean()), "certainty": float(certainty.double().mean()),
            "recall": {name: float(right[test.labels == k].double().mean()) for k, name in enumerate(test.classes)}}


def _of_attributes(seen: torch.Tensor, test: Images) -> dict:
    """The mean of the shares of pictures that have an attribute, and that lack it, which are recognised: of each, and of all."""
    found = {}
    for k, name in enumerate(test.classes):
        sides = [seen[test.attributes[:, k] == side, k] == (side > 0) for side in (1, -1)]
        if all(len(side) for side in sides):
            found[name] = float(sum(side.double().mean() for side in sides) / 2)
    return {"balanced_accuracy": sum(found.values()) / len(found), "balanced": found}


def features(classifier: Classifier, test: Images) -> dict[str, np.ndarray]:
    """Features of test pictures as features.npz holds them.

    features float16 [N, F] to DIGITS, N up to 1,000, the classes in equal shares; labels uint8 [N]; reach float32 [], the median distance of one of
    them to its nearest other: a made picture no farther from the nearest than that looks as real as they do.
    """
    chosen = torch.from_numpy(balanced(test.labels.numpy(), MOST))
    with torch.inference_mode():
        described = torch.cat([classifier.describe(part.to(classifier.device)).float().cpu() for part in test.floats(chosen).split(BATCH)])
    kept = _rounded(described.half())
    return {"features": kept.numpy(), "labels": test.labels[chosen].numpy().astype(np.uint8),
            "reach": np.float32(to_others(kept.float()).median())}


def _rounded(numbers: torch.Tensor) -> torch.Tensor:
    """float16 numbers to DIGITS, which a .npz packs better."""
    step = 1 << 10 - DIGITS  # of the ten that float16 has
    return ((numbers.view(torch.int16).int() + step // 2) // step * step).to(torch.int16).view(torch.float16)
