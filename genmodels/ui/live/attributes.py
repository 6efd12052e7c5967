"""Pictures that are pushed along directions, rows with a lock on each, models side by side."""

from ._base import Live


class Attributes(Live):
    MODULE = "attributes"
