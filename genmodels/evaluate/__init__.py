"""How good a model is: measures a checkpoint on all test pictures and writes metrics.json, its arrays and the card."""

import json
import re
from dataclasses import dataclass

import numpy as np
import torch

from .. import card
from ..checkpoint import Checkpoint, write_whole
from ..classifier import Classifier
from ..datasets import Images
from ..kept import Kept, directions_files, npz
from ..latent.samplers import packed
from ..models import LatentModel
from ..normal import latents
from .atlas import atlas, chosen_pictures, points_of_interest
from .classified import features, measure_classifier
from .cleaning import can_clean, how_clean
from .curves import curves
from .directions import directions_of
from .judge import SEED, Judge
from .likelihood import likelihood
from .noise import of_noise
from .own import own_pictures
from .pushes import can_be_pushed, pushes_of
from .samples import by_steps, fitted, generated, painted
from .seeded import MOST, labels_of, seeded_atlas, seeded_gallery
from .sheets import sheets
from .shown import shown
from .subject import Subject, measure

SECOND = "-judge"  # ends the name of a classifier that only measures
NEED_CLASSIFIER = ("label_kept", "midpoint_certainty", "crossfade_certainty", "Frechet distance", "sure", "precision", "recall", "spread",
                   "least_class", "neighbours")


@dataclass(frozen=True)
class Effort:
    """How much is computed: pictures made for each comparison, and at each number of steps; pictures and draws of the importance-weighted bound;
    samples that directions are learned from where codes of pictures are not, none for no directions;
    the most steps that are tried; test pictures that are cleaned of noise, at most; test pictures that are drowned in noise."""

    samples: int
    by_steps: int
    bounded: int
    draws: int
    labelled: int = 20_000
    longest: int = 200
    cleaned: int = 10_000
    noisy: int = 200


FULL = Effort(5000, 1000, 500, 500)  # what metrics.json holds
QUICK = Effort(500, 200, 50, 20, 0, 50, 0, 40)  # a first impression


def evaluate(checkpoint: Checkpoint, train: Images, test: Images, judge: Judge | None = None, device: str = "cpu",
             stranger: tuple[str, Images] | None = None, second: Classifier | None = None, effort: Effort = FULL) -> dict:
    """Measure a checkpoint on test pictures and write metrics.json, README.md and, as far as they belong to it, the other files.

    Those are atlas.npz, samplers.npz, typical.npz, directions.json and .safetensors, and sheets of a generative model, features.npz of
    a classifier. Returns the metrics. `judge` has the classifier of the data set, `stranger` the title and the pictures of another one
    (see `own_pictures`). A card that is there already keeps its words; what it says of the measures, the training and the settings is
    written again.
    """
    metrics, files, pictures = examine(checkpoint, train, test, judge, device, effort, stranger, second)
    _keep_held_out(metrics, checkpoint)
    files["metrics.json"] = metrics_text(metrics).encode()
    readme = checkpoint.folder / "README.md"
    text = card.renewed(readme.read_text(encoding="utf-8"), checkpoint, metrics, len(train)) if readme.exists() else \
        card.card(checkpoint, metrics, pictures, len(train))
    _write(checkpoint, files, text)  # all together, once nothing can be refused any more
    return metrics


def examine(checkpoint: Checkpoint, train: Images, test: Images, judge: Judge | None = None, device: str = "cpu",
            effort: Effort = QUICK, stranger: tuple[str, Images] | None = None,
            second: Classifier | None = None) -> tuple[dict, dict[str, bytes], dict[str, str]]:
    """Measure a checkpoint and write nothing: its metrics, the other files by name, and the pictures' alternative text."""
    model = checkpoint.load().to(device, memory_format=torch.channels_last)
    size = (checkpoint.folder / "model.safetensors").stat().st_size
    about = {"parameters": sum(p.numel() for p in model.parameters()), "bytes": size, "pictures": len(test), "weights": checkpoint.hash}
    if isinstance(model, Classifier):
        files = {} if checkpoint.name.endswith(SECOND) else {"features.npz": npz(features(model, test))}  # which the page describes pictures by
        return _rounded(measure_classifier(model, test) | about), files, {}
    subject = Subject(model, test, judge.classifier if judge else None)
    metrics, arrays = _measured(subject, train, judge, effort)
    metrics["own"], kept = own_pictures(subject, train, stranger)
    metrics |= {"shown": found} if (found := shown(subject, train)) else {}
    arrays |= {"typical": kept} if kept else {}
    made, (noise, files) = sheets(subject), of_noise(subject, effort.noisy)
    metrics |= ({"noise": noise} if noise else {}) | ({"cleaning": cleaned} if (cleaned := how_clean(subject, train, effort.cleaned)) else {})
    files |= {f"{name}.npz": npz(content) for name, content in arrays.items()} | {name: content for name, (content, _) in made.items()} | _plots(metrics)
    if effort.labelled and not subject.placed:
        found = directions_of(subject, train, effort.labelled)
        files |= directions_files(found, checkpoint.hash)
        metrics |= {"pushes": pushes_of(subject, found.directions, second)} if second and can_be_pushed(subject.model) else {}
    return _rounded(metrics | about), files, {name: text for name, (_, text) in made.items()}


def evaluate_directions(checkpoint: Checkpoint, train: Images, test: Images, judge: Judge | None = None, device: str = "cpu") -> Kept:
    """Find the directions of a generative model again, and write nothing else: directions.json and directions.safetensors."""
    found = directions_of(_subject(checkpoint, test, judge, device), train, FULL.labelled)
    for name, content in directions_files(found, checkpoint.hash).items():
        write_whole(checkpoint.folder / name, content)
    return found


def evaluate_pushes(checkpoint: Checkpoint, train: Images, test: Images, second: Classifier, device: str = "cpu") -> dict:
    """Measure again only what pushes along the kept directions do: writes "pushes" in metrics.json, and the card. Returns the metrics.

    ValueError for a checkpoint that was not measured yet, for one of many steps, and where `second` knows none of its directions.
    """
    metrics, subject = checkpoint.metrics(), _subject(checkpoint, test, None, device)
    if "weights" not in metrics or not can_be_pushed(subject.model):
        raise ValueError(f"{checkpoint.name} was never measured, or takes many steps to a picture: pushes are measured of others.")
    return _with(checkpoint, {"pushes": _rounded(pushes_of(subject, checkpoint.directions, second))}, {}, len(train))


def _subject(checkpoint: Checkpoint, test: Images, judge: Judge | None, device: str) -> Subject:
    """A generative model under examination. ValueError for a classifier."""
    if not issubclass(checkpoint.family, LatentModel):
        raise ValueError(f"{checkpoint.name} is a classifier: it has no latent space.")
    return Subject(checkpoint.load().to(device, memory_format=torch.channels_last), test, judge.classifier if judge else None)


def evaluate_own(checkpoint: Checkpoint, train: Images, test: Images, judge: Judge | None = None, device: str = "cpu",
                 stranger: tuple[str, Images] | None = None) -> dict:
    """Measure again only what a person's own picture needs: writes typical.npz, "own" in metrics.json, and the card. Returns the metrics.

    ValueError for a classifier, and for a checkpoint that was not measured yet.
    """
    metrics = checkpoint.metrics()
    if "weights" not in metrics or not issubclass(checkpoint.family, LatentModel):
        raise ValueError(f"{checkpoint.name} is a classifier or was never measured; measure all of it first, without --own.")
    numbers, arrays = own_pictures(_subject(checkpoint, test, judge, device), train, stranger)
    found = {"own": _rounded(numbers)}
    _keep_held_out(found, checkpoint)
    return _with(checkpoint, found, {"typical.npz": npz(arrays)} if arrays else {}, len(train))


def evaluate_cleaning(checkpoint: Checkpoint, train: Images, test: Images, device: str = "cpu", effort: Effort = FULL) -> dict:
    """Measure again only how well a model takes noise away: writes "cleaning" in metrics.json, and the card. Returns the metrics.

    ValueError for a checkpoint that was not measured yet, and for a model that cannot clean.
    """
    metrics, subject = checkpoint.metrics(), _subject(checkpoint, test, None, device)
    if "weights" not in metrics or not can_clean(subject.model):
        raise ValueError(f"{checkpoint.name} was never measured, or has no code that leaves noise out: cleaning is measured of others.")
    return _with(checkpoint, {"cleaning": _rounded(how_clean(subject, train, effort.cleaned))}, {}, len(train))


def evaluate_shown(checkpoint: Checkpoint, train: Images, test: Images, device: str = "cpu") -> dict:
    """Measure again only what its family proves of itself: writes "shown" in metrics.json, and the card. Returns the metrics.

    ValueError for a checkpoint that was not measured yet, and for a family that proves nothing in particular.
    """
    subject = _subject(checkpoint, test, None, device)
    if "weights" not in checkpoint.metrics() or not (found := shown(subject, train)):
        raise ValueError(f"{checkpoint.name} was never measured, or its family has no readout: there is nothing that it shows by numbers.")
    return _with(checkpoint, {"shown": _rounded(found)}, {}, len(train))


def evaluate_noise(checkpoint: Checkpoint, train: Images, test: Images, judge: Judge | None = None, device: str = "cpu", effort: Effort = FULL) -> dict:
    """Measure again only what has to do with noise and steps: writes "noise" in metrics.json, learned.webp, steps.webp, and the card.

    Returns the metrics. With a judge the distances by steps are made that are not there yet of as many pictures, and written one by one. ValueError
    for a checkpoint that was not measured yet, and for a model of one step.
    """
    metrics, subject = checkpoint.metrics(), _subject(checkpoint, test, judge, device)
    if "weights" not in metrics or not subject.model.can("path"):
        raise ValueError(f"{checkpoint.name} was never measured, or makes a picture in one step: noise is measured of others.")
    numbers, files = of_noise(subject, effort.noisy)
    rows = by_steps(subject, judge, effort.by_steps, effort.longest, metrics.get("fd_by_steps", {})) if judge else [metrics.get("fd_by_steps", {})]
    for row in rows:
        found = _rounded({"noise": numbers} | ({"fd_by_steps": row} if row else {}))
        metrics = _with(checkpoint, found, files | _plots(found), len(train))
    return metrics


def _plots(metrics: dict) -> dict[str, bytes]:
    """steps.webp: the Frechet distance by steps, a line for each sampler, where that was measured."""
    rows = {sampler: row for sampler, row in metrics.get("fd_by_steps", {}).items() if sampler != "samples"}
    lines = {sampler: [(int(steps), found["fd"]) for steps, found in row.items()] for sampler, row in rows.items()}
    return {"steps.webp": curves(lines, "steps", "Frechet distance; less is better")} if lines else {}


def _with(checkpoint: Checkpoint, found: dict, files: dict[str, bytes], train_size: int) -> dict:
    """Write some of the metrics again, some files, and what the card says of it. Returns all metrics."""
    metrics, readme = checkpoint.metrics() | found, checkpoint.folder / "README.md"
    text = card.renewed(readme.read_text(encoding="utf-8"), checkpoint, metrics, train_size)
    _write(checkpoint, files | {"metrics.json": metrics_text(metrics).encode()}, text)
    return metrics


def _write(checkpoint: Checkpoint, files: dict[str, bytes], text: str) -> None:
    """Files, and the card. Sheets were PNGs once: one of those gives way, in the card as well."""
    before = {name.replace(".webp", ".png"): name for name in files if name.endswith(".webp")}
    for old, new in before.items():
        text = text.replace(f"({old})", f"({new})")
    for name, content in (files | {"README.md": text.encode()}).items():
        write_whole(checkpoint.folder / name, content)
    for old in before:
        (checkpoint.folder / old).unlink(missing_ok=True)


def metrics_text(metrics: dict) -> str:
    """Metrics as metrics.json holds them: indented JSON, each list of numbers on one line. ValueError for a number that is not finite."""
    lines = json.dumps(metrics, indent=1, allow_nan=False)
    return re.sub(r"\[\n\s+([^\[\]{}]*?)\n\s*\]", lambda found: "[" + re.sub(r",\n\s+", ", ", found[1]) + "]", lines)


def _keep_held_out(metrics: dict, checkpoint: Checkpoint) -> None:
    """What `python -m bench.anomaly` measured on models of this recipe stays."""
    if (before := checkpoint.metrics().get("own", {}).get("held_out")) and "own" in metrics:
        metrics["own"]["held_out"] = before


def _measured(subject: Subject, train: Images, judge: Judge | None, effort: Effort) -> tuple[dict, dict[str, dict[str, np.ndarray]]]:
    """All numbers of a generative model, and the arrays of its atlas and samplers."""
    metrics = measure(subject) | likelihood(subject, effort.bounded, effort.draws)
    samplers, plain = fitted(subject, train), None
    if judge is None:
        metrics["left_out"] = [f"Left out, for want of a classifier of this data set: {', '.join(NEED_CLASSIFIER)}."]
    elif not subject.placed:
        made, plain = generated(subject, judge, samplers, effort.by_steps, effort.longest)
        metrics |= made | {"beside": judge.beside(subject.size)}
    if subject.mapped:
        chosen = chosen_pictures(subject)
        arrays = atlas(subject, chosen)
        metrics["gallery"] = points_of_interest(subject, chosen, arrays["codes"])
    elif subject.placed:  # of people's faces no code is kept, and there is nothing else to stand on
        return metrics, {}
    else:
        pixels = painted(subject, torch.from_numpy(latents(SEED, MOST, subject.model.latent_shape)), "atlas") if plain is None else plain.pixels
        labels = labels_of(subject, pixels, plain, train)
        arrays = seeded_atlas(subject, pixels, labels)
        metrics["gallery"] = seeded_gallery(labels, plain, pixels, subject.test.classes, bool(subject.model.conditions),
                                            subject.test.attributes is not None)
    return metrics, {"atlas": arrays} | ({"samplers": packed(samplers)} if samplers else {})


def _rounded(value):
    """Numbers to six significant digits, wherever they stand."""
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value
