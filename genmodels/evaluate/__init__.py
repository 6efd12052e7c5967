"""How good a model is: measures a checkpoint on all test pictures and writes metrics.json, atlas.npz and the card."""

import io
import json

import numpy as np
import torch

from .. import card
from ..checkpoint import Checkpoint, write_whole
from ..classifier import Classifier
from ..datasets import Images
from ..models import LatentModel, to_pixels
from ..normal import latents
from .atlas import atlas, chosen_pictures, points_of_interest
from .subject import SEED, Subject, measure, measure_classifier

NEED_CLASSIFIER = ("label_kept", "midpoint_certainty", "crossfade_certainty")
STYLES = 5  # on the sheet of a conditional model
MANIFOLD = 2.5  # sigmas to each side on the sheet of a plane


def evaluate(checkpoint: Checkpoint, test: Images, classifier: Classifier | None, train_size: int, device: str = "cpu") -> dict:
    """Measure a checkpoint on test pictures and write metrics.json, README.md and, for a generative model, atlas.npz and sheets.

    Returns the metrics. `train_size`, the number of training pictures, is for the card. A card that is there
    already keeps its words; what it says of the measures, the training and the settings is written again.
    """
    model = checkpoint.load().to(device)
    size = (checkpoint.folder / "model.safetensors").stat().st_size
    about = {"parameters": sum(p.numel() for p in model.parameters()), "bytes": size, "pictures": len(test), "weights": checkpoint.hash}
    files: dict[str, bytes] = {}
    pictures: dict[str, str] = {}
    if isinstance(model, LatentModel):
        subject = Subject(model, test, classifier)
        chosen = chosen_pictures(subject)
        arrays = atlas(subject, chosen)
        metrics = measure(subject) | {"gallery": points_of_interest(subject, chosen, arrays["codes"])} | about
        if classifier is None:
            metrics["left_out"] = [f"Left out, for want of a classifier of this data set: {', '.join(NEED_CLASSIFIER)}."]
        made = sheets(subject)
        pictures = {name: text for name, (_, text) in made.items()}
        file = io.BytesIO()
        np.savez_compressed(file, **arrays)
        files = {"atlas.npz": file.getvalue()} | {name: content for name, (content, _) in made.items()}
    else:
        metrics = measure_classifier(model, test) | about
    metrics = _rounded(metrics)
    files["metrics.json"] = json.dumps(metrics, indent=1, allow_nan=False).encode()
    readme = checkpoint.folder / "README.md"
    text = card.renewed(readme.read_text(encoding="utf-8"), checkpoint, metrics, train_size) if readme.exists() else \
        card.card(checkpoint, metrics, pictures, train_size)
    for name, content in (files | {"README.md": text.encode()}).items():  # all together, once nothing can be refused any more
        write_whole(checkpoint.folder / name, content)
    return metrics


def sheets(subject: Subject) -> dict[str, tuple[bytes, str]]:
    """Pictures for the card, all made by the model: file name -> PNG and alternative text."""
    model, classes = subject.model, len(subject.test.classes)
    if model.conditions:
        columns, text = classes, "one random style per row, one class per column"
        z = torch.from_numpy(latents(SEED, STYLES, model.latent_shape)).repeat_interleave(classes, 0)
    else:
        columns, text = 8, "random samples"
        z = torch.from_numpy(latents(SEED, 64, model.latent_shape))
    pixels = to_pixels(subject.decode(z, torch.eye(classes)[torch.arange(len(z)) % classes]))
    made = {"samples.png": (card.contact_sheet(pixels, columns), f"A sheet of pictures made by the model: {text}.")}
    if model.latent_shape == (2,) and not model.conditions:
        ticks = torch.linspace(-MANIFOLD, MANIFOLD, 11)
        grid = torch.cartesian_prod(ticks.flip(0), ticks).flip(1)  # rows from top to bottom, each from left to right
        pixels = to_pixels(subject.decode(grid, torch.zeros(len(grid), classes)))
        made["manifold.png"] = card.contact_sheet(pixels, 11), f"The plane of codes from -{MANIFOLD} to {MANIFOLD} sigmas, decoded."
    return made


def _rounded(value):
    """Numbers to six significant digits, wherever they stand."""
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value
