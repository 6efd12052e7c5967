"""Something to stand on: the atlas of a model without a prior that nobody has measured, made of the free photographs."""

import threading

import numpy as np
import torch
from torch.nn.functional import interpolate

from .checkpoint import Checkpoint, write_whole
from .datasets import floats, photographs
from .kept import npz
from .latent import measures
from .models import LatentModel, to_pixels


def keep_first_atlas(checkpoint: Checkpoint, stopped: threading.Event | None = None) -> None:
    """Write atlas.npz into the folder of a model that needs one to stand on; nothing if it is stopped before that."""
    if arrays := first_atlas(checkpoint, stopped):
        write_whole(checkpoint.folder / "atlas.npz", npz(arrays))


@torch.no_grad()
def first_atlas(checkpoint: Checkpoint, stopped: threading.Event | None = None) -> dict[str, np.ndarray] | None:
    """The arrays of atlas.npz (see `kept.read_atlas`) with the photographs' codes, and in `pictures` what the model decodes them to.

    None for a model that needs none: its latents are drawn from N(0, I), or it has no encoder. Takes about a second for a picture,
    after each of which it may be `stopped`: then None, too.
    """
    if not issubclass(checkpoint.family, LatentModel) or not checkpoint.family.PRIOR or not checkpoint.family.can("encode"):
        return None
    model = checkpoint.load()
    channels, height, width = model.image_shape
    x = floats(photographs.whole(max(height, width)))
    x = interpolate(x, (height, width), mode="area") if height != width else x
    x = x.mean(1, keepdim=True) if channels == 1 else x
    coded, made = [], []
    for one in x.split(1):
        if stopped and stopped.is_set():
            return None
        coded.append(model.encode(one).half().float())  # as it is kept
        made.append(to_pixels(model.decode(coded[-1])))
    codes, pictures = torch.cat(coded), np.concatenate(made)
    flat = codes.flatten(1).numpy()
    axes, centre = measures.linear_axes(flat)
    xy = (flat - centre) @ axes.T
    return {"codes": codes.numpy().astype(np.float16), "labels": np.arange(len(x), dtype=np.uint8), "xy": xy.astype(np.float16), "axes": axes,
            "centre": centre, "reach": np.float32(measures.reach(xy)), "pictures": pictures}
