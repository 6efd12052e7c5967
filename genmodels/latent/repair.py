"""Repair: what is known of a damaged or a small picture, in the form in which inversion compares pictures with it."""

import torch
from torch import Tensor
from torch.nn import functional as F

from .inversion import Sees, everything


def known_pixels(mask: Tensor) -> Sees:
    """Pictures [N, C, H, W] as the pixels [N, C, P] that a mask bool [H, W] says are known: for inpainting."""
    return lambda x: x[:, :, mask]


def block_means(factor: int) -> Sees:
    """Pictures [N, C, H, W] as the means [N, C, H / factor, W / factor] of their blocks: for super-resolution."""
    return lambda x: F.avg_pool2d(x, factor)


def seen_by(mask: Tensor | None, factor: int) -> Sees:
    """What is known of a picture: some pixels, block means, or everything."""
    return known_pixels(mask) if mask is not None else block_means(factor) if factor > 1 else everything


def filled(x: Tensor, mask: Tensor | None, factor: int) -> Tensor:
    """Pictures [N, C, H, W] without what is not known, for an encoder's guess: unknown pixels as the mean of known ones, blocks as their means."""
    if mask is not None:
        middle = x[:, :, mask].mean(2)[:, :, None, None]
        return torch.where(mask, x, middle)
    return F.interpolate(F.avg_pool2d(x, factor), scale_factor=factor) if factor > 1 else x
