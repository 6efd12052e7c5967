"""A picture of one's own: drawn, chosen, pasted or photographed, and what models make of it."""

from ._base import Live


class YourImage(Live):
    MODULE = "yourimage"
