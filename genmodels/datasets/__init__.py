"""One file per dataset. Each has TITLE, TERMS, IMAGE_SHAPE, CLASSES and load(split, source) -> Images."""

import sys

from ..registry import modules_in
from ._base import Images

DATASETS = modules_in(sys.modules[__name__])
