"""How good a model is: measures a checkpoint on all test pictures and writes metrics.json, its arrays and the card."""

import json
from dataclasses import dataclass

import numpy as np
import torch

from .. import card
from ..checkpoint import Checkpoint, write_whole
from ..classifier import Classifier
from ..datasets import Images
from ..kept import npz
from ..latent.samplers import packed
from ..models import LatentModel
from ..normal import latents
from .atlas import atlas, chosen_pictures, points_of_interest
from .classified import features, measure_classifier
from .judge import SEED, Judge
from .likelihood import likelihood
from .samples import fitted, generated, painted
from .seeded import MOST, labels_of, seeded_atlas, seeded_gallery
from .sheets import sheets
from .subject import Subject, measure

NEED_CLASSIFIER = ("label_kept", "midpoint_certainty", "crossfade_certainty", "Frechet distance", "sure", "precision", "recall", "spread",
                   "least_class", "neighbours")


@dataclass(frozen=True)
class Effort:
    """How much is computed: pictures made for each comparison, and at each number of steps; pictures and draws of the importance-weighted bound."""

    samples: int
    by_steps: int
    bounded: int
    draws: int


FULL = Effort(5000, 1000, 500, 500)  # what metrics.json holds
QUICK = Effort(500, 200, 50, 20)  # a first impression


def evaluate(checkpoint: Checkpoint, train: Images, test: Images, judge: Judge | None = None, device: str = "cpu") -> dict:
    """Measure a checkpoint on test pictures and write metrics.json, README.md and, as far as they belong to it, the other files.

    Those are atlas.npz, samplers.npz and sheets of a generative model, features.npz of a classifier. Returns the metrics. `judge` has
    the classifier of the data set. A card that is there already keeps its words; what it says of the measures, the training and the
    settings is written again.
    """
    metrics, files, pictures = examine(checkpoint, train, test, judge, device, FULL)
    files["metrics.json"] = json.dumps(metrics, indent=1, allow_nan=False).encode()
    readme = checkpoint.folder / "README.md"
    text = card.renewed(readme.read_text(encoding="utf-8"), checkpoint, metrics, len(train)) if readme.exists() else \
        card.card(checkpoint, metrics, pictures, len(train))
    for name, content in (files | {"README.md": text.encode()}).items():  # all together, once nothing can be refused any more
        write_whole(checkpoint.folder / name, content)
    return metrics


def examine(checkpoint: Checkpoint, train: Images, test: Images, judge: Judge | None = None, device: str = "cpu",
            effort: Effort = QUICK) -> tuple[dict, dict[str, bytes], dict[str, str]]:
    """Measure a checkpoint and write nothing: its metrics, the other files by name, and the pictures' alternative text."""
    model = checkpoint.load().to(device, memory_format=torch.channels_last)
    size = (checkpoint.folder / "model.safetensors").stat().st_size
    about = {"parameters": sum(p.numel() for p in model.parameters()), "bytes": size, "pictures": len(test), "weights": checkpoint.hash}
    if isinstance(model, Classifier):
        return _rounded(measure_classifier(model, test) | about), {"features.npz": npz(features(model, test))}, {}
    subject = Subject(model, test, judge.classifier if judge else None)
    metrics, arrays = _measured(subject, train, judge, effort)
    made = sheets(subject)
    files = {f"{name}.npz": npz(content) for name, content in arrays.items()} | {name: content for name, (content, _) in made.items()}
    return _rounded(metrics | about), files, {name: text for name, (_, text) in made.items()}


def _measured(subject: Subject, train: Images, judge: Judge | None, effort: Effort) -> tuple[dict, dict[str, dict[str, np.ndarray]]]:
    """All numbers of a generative model, and the arrays of its atlas and samplers."""
    metrics = measure(subject) | likelihood(subject, effort.bounded, effort.draws)
    samplers, plain = fitted(subject, train), None
    if judge is None:
        metrics["left_out"] = [f"Left out, for want of a classifier of this data set: {', '.join(NEED_CLASSIFIER)}."]
    else:
        made, plain = generated(subject, judge, samplers, effort.by_steps)
        metrics |= made | {"beside": judge.beside(subject.size)}
    if subject.coded:
        chosen = chosen_pictures(subject)
        arrays = atlas(subject, chosen)
        metrics["gallery"] = points_of_interest(subject, chosen, arrays["codes"])
    else:
        pixels = painted(subject, torch.from_numpy(latents(SEED, MOST, subject.model.latent_shape)), "atlas") if plain is None else plain.pixels
        labels = labels_of(subject, pixels, plain, train)
        arrays = seeded_atlas(subject, pixels, labels)
        metrics["gallery"] = seeded_gallery(labels, plain, pixels, subject.test.classes, bool(subject.model.conditions))
    return metrics, {"atlas": arrays} | ({"samplers": packed(samplers)} if samplers else {})


def _rounded(value):
    """Numbers to six significant digits, wherever they stand."""
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value
