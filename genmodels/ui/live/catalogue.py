"""What the page knows about every model, and a model's atlas in a form that a browser reads without unpacking."""

import json
import logging
from hashlib import sha256
from math import prod
from pathlib import Path

import numpy as np

from ...datasets import DATASETS
from ...engine import Engine
from ...models import ABILITIES, LatentModel

LARGEST = 8 << 20  # bytes of weights that are sent to a browser
ACRONYMS = {"mnist", "pca", "ae", "vae", "cvae", "gan"}
FORMAT = b"1"  # goes up when atlas_for_browser writes something else, so that no browser keeps an old one
HEADER = 1024  # bytes of the atlas that list its arrays; a multiple of 8, so that the arrays are aligned
ARRAYS = {"codes": "<f4", "labels": "u1", "xy": "<f4", "axes": "<f4", "centre": "<f4", "std": "<f4", "reach": "<f4"}


def catalogue(engine: Engine) -> dict:
    """Models and classifiers by what their folders say. One that cannot be used is listed with a sentence under "error"."""
    models, classifiers = [], {}
    for name, problem in engine.folders().items():
        try:
            if problem:
                raise ValueError(problem)
            if isinstance(engine.blueprint(name), LatentModel):
                models.append(_model(engine, name))
            else:
                classifiers[name] = _classifier(engine, name)
        except (ValueError, OSError) as error:
            logging.warning("checkpoint %s is left out: %s", name, error)
            models.append({"name": name, "title": title(name), "error": str(error)})
    return {"models": models, "classifiers": classifiers, "device": engine.device_name}


def title(name: str) -> str:
    """A checkpoint's name as a person reads it: mnist-vae-16d is "MNIST VAE 16-D"."""
    words = [word.upper() if word in ACRONYMS else word[:-1] + "-D" if word[:-1].isdigit() and word[-1] == "d" else word for word in name.split("-")]
    return " ".join([words[0][:1].upper() + words[0][1:], *[word.upper() if len(word) == 1 else word for word in words[1:]]])


def _model(engine: Engine, name: str) -> dict:
    checkpoint, model = engine.checkpoint(name), engine.blueprint(name)
    about, metrics = checkpoint.about, checkpoint.metrics()
    json.dumps([about, metrics], allow_nan=False)  # a NaN in one folder would make the whole list unreadable
    size = (checkpoint.folder / "model.safetensors").stat().st_size
    dataset = DATASETS.get(str(about["dataset"]))
    return {
        "name": name, "title": title(name), "family": about["family"], "dataset": about["dataset"],
        "dataset_title": dataset.TITLE if dataset else str(about["dataset"]),
        "latent_dim": prod(model.latent_shape), "latent_shape": list(model.latent_shape), "image_shape": list(model.image_shape),
        "conditions": list(model.conditions), "classes": list(dataset.CLASSES) if dataset else [],
        "abilities": {"decode": True} | {ability: model.can(ability) or why for ability, why in ABILITIES.items()},
        "parameters": sum(p.numel() for p in model.parameters()), "bytes": size, "licence": about["licence"], "hash": checkpoint.hash,
        "metrics": metrics, "classifier": engine.classifier_for(name),
        "onnx": address(engine, name, "decoder.onnx"), "atlas": address(engine, name, "atlas.bin"),
        "browser": size <= LARGEST and len(model.latent_shape) == 1,
    }


def _classifier(engine: Engine, name: str) -> dict:
    return {"classes": list(engine.blueprint(name).conditions), "hash": engine.checkpoint(name).hash,
            "onnx": address(engine, name, "classifier.onnx")}


def address(engine: Engine, name: str, file: str) -> str | None:
    """Where a file of a model is served: the hash in it names the file's content. None for what the model does not have."""
    if file == "atlas.bin":
        path = engine.checkpoint(name).folder / "atlas.npz"
        content = sha256(FORMAT + path.read_bytes()).hexdigest()[:16] if path.exists() else None
    else:
        kind = "decoder.onnx" if isinstance(engine.blueprint(name), LatentModel) else "classifier.onnx"
        content = engine.onnx_hash(name) if file == kind else None
    return f"/live/models/{name}/{content}/{file}" if content else None


def atlas_for_browser(path: Path) -> bytes:
    """atlas.npz as 1,024 bytes of JSON, {"arrays": [{name, dtype, shape, offset}]} and a line's end, then the arrays.

    Little-endian, float16 widened to float32; an offset counts from the start of the file and is a multiple of 8.
    ValueError if the file is not an atlas.
    """
    entries, parts, offset = [], [], HEADER
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name].astype(kind) for name, kind in ARRAYS.items() if name in stored.files}
    except Exception as error:  # a foreign zip fails in many ways
        raise ValueError(f"{path.parent.name}: atlas.npz cannot be read ({error}).") from None
    if missing := {"codes", "labels", "xy"} - set(arrays):
        raise ValueError(f"{path.parent.name}: atlas.npz has no {min(missing)}.")
    for name, array in arrays.items():
        content = array.tobytes()
        entries.append({"name": name, "dtype": array.dtype.name, "shape": list(array.shape), "offset": offset})
        parts.append(content + bytes(-len(content) % 8))
        offset += len(parts[-1])
    return json.dumps({"arrays": entries}).ljust(HEADER - 1).encode("ascii") + b"\n" + b"".join(parts)
