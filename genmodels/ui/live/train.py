"""Training one's own models: a form, the list of one's runs, and a run as it learns."""

from ._base import Live


class Train(Live):
    MODULE = "train"
