"""One file per dataset. Each has TITLE, TERMS, IMAGE_SHAPE, CLASSES and load(split, source) -> Images.

One that can come from the Hugging Face Hub has HUB, its name there, and load(split, source, progress): progress(done, total,
"bytes" or "pictures") is called while it comes. One that comes from a file alone has FILE, its name, and takes progress as well. A dataset
that is none of these modules is named as the Hub names it, or "own:" and an id: somebody's own pictures (see OwnSets), which are loaded
from the folder that they are kept in.
"""

import sys

from ..pictures import BadPicture, square
from ..registry import modules_in
from ._base import Images, floats
from ._own import Own, OwnSets, hidden, is_own
from ._ready import is_fetched, ready
from ._unpacked import LARGEST as LARGEST_UPLOAD

DATASETS = modules_in(sys.modules[__name__])
LONGEST_NAME = 80  # characters, also in config.json


def dataset(name: str, image_shape: tuple[int, ...], classes: tuple[str, ...] = ()):
    """One of DATASETS, or one on the Hub, "owner/name[@revision][#column]", or somebody's own pictures; [C, H, W] = image_shape.

    classes: those that a model is told, () where it is told none; the Hub's must be these. What comes back is asked for TITLE, TERMS,
    IMAGE_SHAPE, CLASSES and load, wherever it comes from. ValueError in one sentence for what is neither.
    """
    if isinstance(name, str) and name in DATASETS:
        return DATASETS[name]
    if is_own(name):
        return Own(name, tuple(image_shape), tuple(classes))
    if not isinstance(name, str) or "/" not in name or len(name) > LONGEST_NAME:
        raise ValueError(f"There is no dataset {name!r:.80}; there are {', '.join(DATASETS)}, and those of the Hub, such as uoft-cs/cifar10.")
    from ._named import Named  # pyarrow and the Hub's client are needed on this road only
    return Named(name, tuple(image_shape), tuple(classes))
