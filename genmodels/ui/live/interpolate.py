"""Stops of a walk, one slider, and a row of pictures for every model."""

from ._base import Live


class Interpolate(Live):
    MODULE = "interpolate"
