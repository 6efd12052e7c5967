"""One file per dataset. Each has TITLE, TERMS, IMAGE_SHAPE, CLASSES and load(split, source) -> Images.

One that can come from the Hugging Face Hub has HUB, its name there, and load(split, source, progress): progress(done, total,
"bytes" or "pictures") is called while it comes.
"""

import sys

from ..registry import modules_in
from ._base import Images, floats

DATASETS = modules_in(sys.modules[__name__])
