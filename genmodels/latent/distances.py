"""How far two clouds of pictures lie apart, told from their features: Frechet distance, precision and recall, nearest neighbours."""

import torch
from torch import Tensor

ROWS = 1000  # whose distances to all others are held at once


def frechet(a: Tensor, b: Tensor) -> float:
    """Squared Frechet distance between the Gaussians that fit features a [N, F] and b [M, F] (Heusel et al. 2017, eq. 6).

    |mean_a - mean_b|^2 + tr(A + B - 2 (A B)^(1/2)) with the covariances A and B. Few rows make it larger: their
    covariance is noisy.
    """
    a, b = a.double(), b.double()
    first, second = torch.cov(a.T), torch.cov(b.T)
    values, vectors = torch.linalg.eigh(first)
    root = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
    cross = torch.linalg.eigvalsh(root @ second @ root).clamp_min(0).sqrt().sum()  # A B has the eigenvalues of A^(1/2) B A^(1/2)
    apart = (a.mean(0) - b.mean(0)).square().sum() + first.trace() + second.trace() - 2 * cross
    return max(0.0, float(apart))


def precision_recall(made: Tensor, real: Tensor, k: int = 3) -> tuple[float, float]:
    """Precision and recall (Kynkaanniemi et al. 2019) of features made [N, F] against real [M, F].

    A cloud covers the balls around its points that reach to their k-th nearest other. Precision is the share of `made`
    that `real` covers, recall the share of `real` that `made` covers. Both grow with the number of covering points:
    compare clouds of equal size only.
    """
    return _covered(made, real, k), _covered(real, made, k)


def nearest(a: Tensor, b: Tensor) -> Tensor:
    """Euclidean distance [N] of every row of a [N, ...] to the nearest row of b [M, ...]."""
    a, b = a.flatten(1), b.flatten(1)
    lengths, found = b.square().sum(1), []
    for rows in a.split(ROWS):
        beside = torch.addmm(lengths, rows, b.T, alpha=-2)  # all squares of a row less its own length
        found.append(beside.min(1).values + rows.square().sum(1))
    return torch.cat(found).clamp_min(0).sqrt()


def to_others(a: Tensor, k: int = 1) -> Tensor:
    """Euclidean distance [N] of every row of a [N, ...] to its k-th nearest other."""
    flat = a.flatten(1)
    found = []
    for first, rows in zip(range(0, flat.shape[0], ROWS), flat.split(ROWS), strict=True):
        squares = _squares(rows, flat)
        here = torch.arange(rows.shape[0], device=flat.device)
        squares[here, here + first] = torch.inf  # not itself
        found.append(squares.kthvalue(k, 1).values)
    return torch.cat(found).sqrt()


def _covered(points: Tensor, cloud: Tensor, k: int) -> float:
    """Share of points that lie in one of the balls around a cloud's points."""
    radii = to_others(cloud, k).square()
    inside = [(_squares(rows, cloud.flatten(1)) <= radii).any(1) for rows in points.flatten(1).split(ROWS)]
    return float(torch.cat(inside).double().mean())


def _squares(a: Tensor, b: Tensor) -> Tensor:
    """Squared distances [N, M] of rows, by the product of matrices: tens of times quicker than row by row."""
    return (a.square().sum(1)[:, None] + b.square().sum(1) - 2 * a @ b.T).clamp_min(0)
