"""One file per model family. MODELS maps the file name to the class inside it."""

import sys
from types import ModuleType

from ..registry import modules_in
from ._base import ABILITIES, LatentModel, Level, Step, Trainable, bits_per_dimension, check_square, dequantised, to_pixels
from ._denoising import Denoiser, cosine_betas
from ._known import Known, step_forward
from ._path import Look, PathModel, Walk, together


def the_model_in(module: ModuleType) -> type[LatentModel]:
    [model] = [
        value for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, LatentModel) and value.__module__ == module.__name__
    ]
    return model


MODELS = {name: the_model_in(module) for name, module in modules_in(sys.modules[__name__]).items()}
