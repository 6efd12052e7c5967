"""The judge of made pictures: measures them on the classifier's features against test and training pictures."""

from dataclasses import dataclass
from functools import cached_property
from math import log, prod

import numpy as np
import torch
from torch import Tensor

from ..classifier import Classifier
from ..datasets import Images, floats
from ..latent import distances, measures
from ..latent.samplers import Gaussian, Mixture, Sampler

SEED = 0
BATCH = 100  # pictures at a time: more leave a processor's caches
FITTED = 20_000  # training pictures that samplers are fitted to
SURE = 0.9
K = 3  # neighbours whose distance is the radius of a ball
REFERENCE = 16  # dimensions of the PCA whose mixture every distance is compared with
LARGEST_PCA = 1024


@dataclass(frozen=True)
class Looked:
    """Pictures uint8 [N, C, H, W], their features [N, F] and the classifier's probabilities [N, K]."""

    pixels: Tensor
    features: Tensor
    seen: Tensor


class Judge:
    """A classifier with the pictures that others are compared with. What it finds out about them it remembers."""

    def __init__(self, classifier: Classifier, train: Images, test: Images, samples: int = 5000):
        """samples: how many pictures are made for each comparison. ValueError if classifier and pictures do not belong together."""
        if tuple(classifier.conditions) != tuple(test.classes):
            raise ValueError(f"The classifier knows {', '.join(classifier.conditions)}; the data set has {', '.join(test.classes)}.")
        if classifier.image_shape != tuple(test.pixels.shape[1:]):
            raise ValueError(f"The classifier takes pictures of {classifier.image_shape}, the test pictures are {tuple(test.pixels.shape[1:])}.")
        self.classifier, self.train, self.test, self.samples = classifier, train, test, samples
        self._pca: dict[int, dict[str, float]] = {}

    def look(self, pixels: Tensor) -> Looked:
        """What the classifier makes of pictures uint8 [N, C, H, W]."""
        with torch.inference_mode():
            features = torch.cat([self.classifier.describe(floats(part.to(self.classifier.device))).float().cpu() for part in pixels.split(BATCH)])
            return Looked(pixels, features, self.classifier.named(self.classifier.name_head(features.to(self.classifier.device))).cpu())

    def judge(self, made: Looked) -> dict[str, float]:
        """All measures of made pictures; the card says what each key means."""
        return self.distance(made) | self._measures(made) | self._memorised(made)

    def distance(self, made: Looked) -> dict[str, float]:
        """The Frechet distance FD of made pictures to all test pictures, and as a multiple of FD_pca, that of PCA-16 with a mixture."""
        fd = distances.frechet(made.features, self._test.features)
        return {"fd": fd, "fd_ratio": fd / self.fd_pca}

    def beside(self, size: int) -> dict[str, dict[str, float]]:
        """What others reach, measured in the same way.

        halves: one half of the test pictures beside the other; train: as many training pictures; pca: PCA of `size` dimensions with a
        Gaussian; pca_mixture: PCA-16 with a mixture of ten.
        """
        size = min(size, LARGEST_PCA, self._most_axes)
        if prod(self.train.pixels.shape[1:]) > measures.LARGEST_COVARIANCE:
            size = min(size, LARGEST_PCA // 4)
        if size not in self._pca:
            self._pca[size] = self.judge(self._pca_samples(size, Gaussian)) | {"size": size}
        halves = {"fd": self._halves, "fd_ratio": self._halves / self.fd_pca}
        return {"halves": halves, "train": self._ceiling, "pca": self._pca[size], "pca_mixture": self._reference_row}

    @cached_property
    def fd_pca(self) -> float:
        """The Frechet distance of the reference: PCA of 16 dimensions with a mixture of ten Gaussians."""
        return distances.frechet(self._reference.features, self._test.features)

    def _measures(self, made: Looked) -> dict[str, float]:
        n = min(len(made.pixels), len(self._some_test))  # of both as many: more points cover more
        precision, recall = distances.precision_recall(made.features[:n], self._test.features[self._some_test[:n]], K)
        near = {"precision": precision, "recall": recall}
        if self.test.attributes is not None:
            gaps = ((made.seen > 0.5).double().mean(0) - (self._test.seen > 0.5).double().mean(0)).abs()
            return near | {"attribute_gap": float(gaps.mean())}
        shares = made.seen.argmax(1).bincount(minlength=made.seen.shape[1]).double() / len(made.seen)
        entropy = float(-(shares * shares.clamp_min(1e-12).log()).sum())
        return {"sure": float((made.seen.amax(1) >= SURE).double().mean()), **near, "spread": entropy / log(len(shares)), "least_class": float(shares.min())}

    def _memorised(self, made: Looked) -> dict[str, float]:
        """Median distance to the nearest training picture, as a multiple of that of test pictures: below one is nearer than they are."""
        return {key: value / self._test_to_train[key] for key, value in self._to_train(made).items()}

    def _to_train(self, looked: Looked) -> dict[str, float]:
        device = self.classifier.device
        pairs = {"neighbours": (looked.features, self._train.features), "neighbours_pixels": (floats(looked.pixels), floats(self.train.pixels))}
        return {key: float(distances.nearest(a.to(device), b.to(device)).median()) for key, (a, b) in pairs.items()}

    @cached_property
    def _test(self) -> Looked:
        return self.look(self.test.pixels)

    @cached_property
    def _train(self) -> Looked:
        return self.look(self.train.pixels)

    @cached_property
    def _some_test(self) -> Tensor:
        return some(self.test, self.samples)

    @cached_property
    def _test_to_train(self) -> dict[str, float]:
        chosen = self._some_test
        return self._to_train(Looked(self.test.pixels[chosen], self._test.features[chosen], self._test.seen[chosen]))

    @cached_property
    def _ceiling(self) -> dict[str, float]:
        training = self.look(self.train.pixels[some(self.train, self.samples)])
        return self.distance(training) | self._measures(training)  # each is its own nearest training picture

    @cached_property
    def _halves(self) -> float:
        order = torch.from_numpy(np.random.default_rng(SEED).permutation(len(self.test)))
        return distances.frechet(*(self._test.features[half] for half in order.tensor_split(2)))

    @cached_property
    def _reference(self) -> Looked:
        return self._pca_samples(REFERENCE, Mixture)

    @cached_property
    def _reference_row(self) -> dict[str, float]:
        return self.judge(self._reference) | {"size": min(REFERENCE, self._most_axes)}

    @property
    def _most_axes(self) -> int:
        return min(prod(self.train.pixels.shape[1:]), min(len(self.train), FITTED) - 1)

    def _pca_samples(self, size: int, kind: type[Sampler]) -> Looked:
        """Pictures that a sampler draws in the space of PCA."""
        chosen = self.train.pixels[some(self.train, FITTED)]
        flat = floats(chosen).flatten(1).numpy()
        pca = measures.pixel_axes(flat, min(size, self._most_axes))
        drawn = kind.fit(pca.transform(flat)).draw(SEED, self.samples)
        return self.look(as_shown(torch.from_numpy(pca.inverse_transform(drawn)).view(-1, *chosen.shape[1:])))


def some(images: Images, most: int) -> Tensor:
    """Numbers of at most so many pictures, drawn by seed."""
    return torch.from_numpy(np.random.default_rng(SEED).permutation(len(images))[:most])


def as_shown(x: Tensor) -> Tensor:
    """Pictures [N, C, H, W] uint8 as a person sees them: cut to black and white, rounded to 8 bits."""
    return (x * 127.5 + 128).clamp(0, 255).byte()
