"""The models of trainings as the page knows them beside all others, and a program that draws with one."""

from typing import Any

import numpy as np

from ...engine import Engine
from ...train.runs import Run
from .catalogue import entry

SNIPPET = '''# {title}
"""Draws pictures by a model that was trained in Latent Playground.

Unpack {name}.zip beside this file, and run it in a copy of the program whose requirements are installed.
"""

from PIL import Image

from genmodels import load

with load("./{name}") as model:
    pictures = {pictures}  # uint8 [{shape}]
for number, picture in enumerate(pictures):
    Image.fromarray(picture.squeeze()).save(f"{{number:02d}}.png")
'''


def trained(engine: Engine, name: str, mine: bool) -> dict[str, Any]:
    """What the catalogue says of a model, and under "run" how far it is trained and what its last frame proves of it.

    KeyError where whoever asks may not know of it.
    """
    run = Run(engine.checkpoint(name).folder.parent)
    about, label = run.about, run.label
    said = {"step": about.get("step", 0), "seconds": about.get("seconds", 0.0), "created": about["created"], "state": about["state"],
            "shared": bool(label.get("shared")), "readout": _proof(run)}
    return entry(engine, name) | {"title": label.get("title") or name, "mine": mine, "run": said}


def snippet(engine: Engine, name: str) -> str:
    """A Python program that loads the model from its folder and draws sixteen pictures."""
    model, checkpoint = engine.blueprint(name), engine.checkpoint(name)
    channels, height, width = model.image_shape
    drawn = "model.sample(16, seed=0)"
    if model.PRIOR:  # N(0, I) does not decode to pictures: codes of test pictures do
        drawn = 'model.decode([f"atlas:{number}" for number in range(16)])'
    title = Run(checkpoint.folder.parent).label.get("title") or name
    return SNIPPET.format(title=" ".join(title.split()), name=name, pictures=drawn, shape=f"16, {height}, {width}, {channels}")


def _proof(run: Run) -> dict[str, float]:
    """The readouts of the last frame that are one number each."""
    for step in run.frames.steps()[-1:]:
        shown = run.frames.read(step)
        return {key.removeprefix("readout/"): float(value) for key, value in shown.items()
                if key.startswith("readout/") and value.ndim == 0 and np.isfinite(value)}
    return {}
