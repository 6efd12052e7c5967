"""The map, the picture under the hand, sliders and pins."""

from ._base import Live


class Explore(Live):
    MODULE = "explore"
