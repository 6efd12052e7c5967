"""Attributes that are read off a latent by thresholds, as often and as much together as in the data: a Gaussian copula."""

import numpy as np
import torch
from scipy.optimize import brentq
from scipy.stats import multivariate_normal, norm
from torch import Tensor, nn

LEAST = 1e-3  # share of an eigenvalue that a matrix of estimated correlations is brought up to, so that it is one of correlations
STRONGEST = 0.98  # correlation between two attributes of which one hardly ever comes without the other
FEWEST = 0.002  # share that an attribute has at least


class Copula(nn.Module):
    """Thresholds on projections of z ~ N(0, I): attribute k is there where axes[k] . z > thresholds[k].

    axes float32 [K, D] of length one, whose products are the tetrachoric correlations of the attributes (Pearson 1900); thresholds float32 [K].
    A push of two along an axis moves the reading by two, whatever the attribute.
    """

    def __init__(self, attributes: int, latent_dim: int):
        super().__init__()
        self.register_buffer("axes", torch.eye(attributes, latent_dim))
        self.register_buffer("thresholds", torch.zeros(attributes))

    def forward(self, z: Tensor) -> Tensor:
        """Latents [B, D] to attributes [B, K] of +1 and -1."""
        return torch.where(z @ self.axes.T > self.thresholds, 1.0, -1.0)

    @torch.no_grad()
    def fit(self, y: Tensor) -> None:
        """To labels [N, K] of +1, -1 and 0 for what is not known."""
        labels = y.cpu().numpy()
        counts = np.maximum(1, (labels != 0).sum(0))
        shares = np.clip((labels > 0).sum(0) / counts, FEWEST, 1 - FEWEST)
        thresholds = norm.isf(shares)
        axes = np.linalg.cholesky(_correlations(labels, thresholds))
        self.axes.zero_()
        self.axes[:, :len(axes)] = torch.from_numpy(axes).to(self.axes)
        self.thresholds.copy_(torch.from_numpy(thresholds))


def _correlations(labels: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Tetrachoric correlations [K, K] of attributes, made a matrix that some normal variables have."""
    size = labels.shape[1]
    found = np.eye(size)
    for i in range(size):
        for j in range(i):
            known = (labels[:, i] != 0) & (labels[:, j] != 0)
            together = ((labels[known, i] > 0) & (labels[known, j] > 0)).mean() if known.any() else None
            found[i, j] = found[j, i] = 0.0 if together is None else _tetrachoric(together, thresholds[i], thresholds[j])
    values, vectors = np.linalg.eigh(found)
    positive = (vectors * np.maximum(values, LEAST)) @ vectors.T
    scale = np.sqrt(np.diag(positive))
    return positive / scale[:, None] / scale


def _tetrachoric(together: float, a: float, b: float) -> float:
    """The correlation at which two standard normal variables are above a and b so often together."""
    def missing(correlation: float) -> float:
        return float(multivariate_normal.cdf([-a, -b], cov=[[1, correlation], [correlation, 1]])) - together

    if missing(-STRONGEST) >= 0:
        return -STRONGEST
    if missing(STRONGEST) <= 0:
        return STRONGEST
    return brentq(missing, -STRONGEST, STRONGEST, xtol=1e-3)
