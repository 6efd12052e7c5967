"""Noise: taken away by autoencoders, added step by step, and led back to pictures by diffusion models."""

from ._base import Live


class Denoise(Live):
    MODULE = "denoise"
