"""Subspaces that pictures lie near: the main axes of PCA from pictures that come in parts, and angles between two subspaces."""

from collections.abc import Iterable

import torch
from torch import Tensor


class Scatter:
    """Sums over pictures from which their covariance follows."""

    def __init__(self, pixels: int):
        self.pixels, self.count = pixels, 0

    def of(self, parts: Iterable[Tensor]) -> "Scatter":
        """Pictures [N, C, H, W], part after part. The first part's mean is taken off all, so that no digits are lost."""
        for part in parts:
            flat = part.flatten(1).float()
            if not self.count:
                self.shift = flat.mean(0)
                self.sum, self.squares = (self.shift.new_zeros(size, dtype=torch.float64) for size in (self.pixels, (self.pixels, self.pixels)))
            flat = flat - self.shift
            self.sum += flat.sum(0)
            self.squares += flat.T @ flat
            self.count += len(flat)
        return self

    def axes(self, many: int) -> Tensor:
        """The first main axes as columns [pixels, many], float32: the directions in which the pictures vary most."""
        mean = self.sum / self.count
        covariance = self.squares / self.count - mean[:, None] * mean
        return torch.linalg.eigh(covariance).eigenvectors.flip(1)[:, :many].float()


def few_axes(x: Tensor, many: int) -> Tensor:
    """The same from few pictures [N, C, H, W] of many pixels, many < N, without their covariance."""
    flat = x.flatten(1).float()
    return torch.linalg.svd(flat - flat.mean(0), full_matrices=False).Vh[:many].T


def largest_angle(a: Tensor, b: Tensor) -> Tensor:
    """The largest principal angle in degrees, a scalar, between the spans of the columns of a [P, K] and b [P, K] (Bjorck & Golub 1973).

    From the sine, for the cosine of a small angle is one but for rounding.
    """
    a, b = (torch.linalg.qr(one.double()).Q for one in (a, b))
    sines = torch.linalg.svdvals(b - a @ (a.T @ b))
    return sines.max().clamp(max=1).asin().rad2deg().float()
