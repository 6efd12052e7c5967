"""Foreign checkpoints: one file per format, each with its own model, chosen by what a repository's files are.

A format has TITLE, `recognise(listing) -> Order | None`, which refuses in words what is of its kind and cannot be read, and
`read(order, files) -> Found`; and, unless it is our own, the class `Model` that its checkpoints are of from then on.
"""

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ..registry import modules_in
from ._base import Found, Listing, Order
from ._strangers import stranger
from ._weights import LARGEST

DATASET = "hub"  # of models whose pictures nobody here knows
FORMATS = modules_in(sys.modules[__name__])
FAMILIES = {name: module.Model for name, module in FORMATS.items() if hasattr(module, "Model")}


def recognise(listing: Listing) -> Order:
    """What a repository holds and what to fetch of it. ValueError in one sentence says what it is where nobody reads it, and what to do."""
    for name, module in FORMATS.items():
        try:
            order = module.recognise(listing)
        except (TypeError, KeyError, AttributeError, IndexError, ZeroDivisionError, OverflowError, RecursionError, RuntimeError) as error:
            # whatever a stranger's JSON brings about is said of it
            raise ValueError(f"{listing.name} looks like a model of the kind {name} and its config is not that of one ({error!s:.100}).") from None
        if order:
            return replace(order, licence=listing.licence)
    raise ValueError(stranger(listing, [module.TITLE for module in FORMATS.values()]))


def read(order: Order, files: Mapping[str, Path]) -> Found:
    """The model in the files of an order, by their paths in the repository. ValueError in one sentence for what cannot be trusted."""
    found = FORMATS[order.format].read(order, files)
    return replace(found, dataset=found.dataset or DATASET, licence=(found.licence or order.licence or "unknown")[:80])
