"""What the page knows about every model."""

import logging
from hashlib import sha256
from math import prod
from pathlib import Path

import numpy as np

from ...corruptions import CORRUPTIONS
from ...datasets import DATASETS, Own, is_own
from ...engine import Engine
from ...filters import SETTINGS
from ...hub.source import SOURCE, read
from ...kept import LARGEST_DIRECTIONS
from ...models import ABILITIES, LatentModel
from ..theme import ASSETS
from .arrays import FORMAT

LARGEST = 16 << 20  # bytes of weights that are sent to a browser, as float32
ACRONYMS = {"mnist", "pca", "ae", "dae", "vae", "cvae", "gan", "cgan", "vq", "rbm"}
FAMILIES = {"autoencoder": "Autoencoder", "sparse": "Sparse autoencoder", "contractive": "Contractive autoencoder", "stacked": "Stacked autoencoder",
            "vae": "Variational autoencoder", "gan": "GAN", "encoded_gan": "GAN with an encoder", "diffusion": "Diffusion model",
            "flow": "Normalizing flow", "flow_matching": "Flow matching", "dcgan": "DCGAN generator",
            "unet2d": "Diffusion U-Net", "autoencoder_kl": "Spatial autoencoder (KL)",
            "autoencoder_tiny": "Spatial autoencoder (tiny)",
            "recurrent": "Recurrent autoencoder", "vq": "Vector-quantised autoencoder", "rbm": "Restricted Boltzmann machine"}  # any other by its own name
SCALED = {**dict.fromkeys(("gan", "encoded_gan", "dcgan"), "Truncation"),  # whose latents may be scaled, and the word for it
          **dict.fromkeys(("flow", "flow_matching"), "Temperature")}
BUNDLED = ASSETS.parent / "checkpoints"
OF_SAMPLES = ("fd_ratio", "sure", "precision", "recall")  # measured on pictures that the model makes
UNKNOWN = {"hub": "From the Hub"}  # what models are grouped as whose data nobody here knows
MOST_LEVELS = 32  # of a corruption, at which cleaning was measured
MOST_PLACES = 32  # in a gallery


def catalogue(engine: Engine) -> dict:
    """Models and classifiers by what their folders say. One that cannot be used is listed with a sentence under "error"."""
    models, classifiers = [], {}
    for name, problem in engine.folders().items():
        try:
            if not problem and not isinstance(engine.blueprint(name), LatentModel):
                classifiers[name] = _classifier(engine, name)
            else:
                models.append(entry(engine, name))
        except Exception as error:  # whatever a stranger's folder does, the others are listed
            if name in engine.folders():  # nobody has just deleted it
                models.append(_broken(engine, name, error))
    return {"models": models, "classifiers": classifiers, "device": engine.device_name}


def entry(engine: Engine, name: str) -> dict:
    """What the page knows about a model that makes pictures. KeyError where there is none of that name."""
    try:
        return _model(engine, name)
    except Exception as error:  # whatever a folder does, it spoils itself alone
        return _broken(engine, name, error)


def _broken(engine: Engine, name: str, error: Exception) -> dict:
    logging.warning("checkpoint %s is left out: %s", name, error)
    said = str(error) if str(error).startswith(name) else f"{name} cannot be used: {error}"
    return {"name": name, "title": title(name), "error": said} | _whence(engine, name)


def title(name: str) -> str:
    """A checkpoint's name as a person reads it: mnist-vae-16d is "MNIST VAE 16-D"."""
    words = [word.upper() if word in ACRONYMS else word[:-1] + "-D" if word[:-1].isdigit() and word[-1] == "d" else word for word in name.split("-")]
    return " ".join([words[0][:1].upper() + words[0][1:], *[word.upper() if len(word) == 1 else word for word in words[1:]]])


def _model(engine: Engine, name: str) -> dict:
    checkpoint, model = engine.checkpoint(name), engine.blueprint(name)
    about, metrics = checkpoint.about, checked_metrics(_with_samples(checkpoint.metrics()), int(np.prod(model.latent_shape)))
    size = (checkpoint.folder / "model.safetensors").stat().st_size
    dataset, steps, parameters = DATASETS.get(str(about["dataset"])), _steps(model), sum(p.numel() for p in model.parameters())
    onnx = address(engine, name, "decoder.onnx")
    return {
        "name": name, "title": title(name), "family": about["family"], "family_title": FAMILIES.get(about["family"], title(about["family"])),
        **_pictures(about["dataset"], model.image_shape),
        "latent_dim": prod(model.latent_shape), "latent_shape": list(model.latent_shape), "image_shape": list(model.image_shape),
        "conditions": list(model.conditions), "classes": list(dataset.CLASSES if dataset else model.conditions),
        "abilities": {"decode": True, "random": not model.PRIOR or model.PRIOR} | {ability: model.can(ability) or why for ability, why in ABILITIES.items()},
        "heavy": model.HEAVY, "parameters": parameters, "bytes": size, "licence": about["licence"], "hash": checkpoint.hash,
        "terms": dataset.TERMS if dataset else "",
        "denoises": _denoises(model.config), "metrics": metrics, "classifier": engine.classifier_for(name), "samplers": list(checkpoint.samplers()),
        "steps": steps, "scaled": SCALED.get(about["family"]), "linear": getattr(model.config, "net", "") == "linear",
        "onnx": onnx, "atlas": address(engine, name, "atlas.bin"), **_directions(engine, name),
        "browser": bool(onnx) and 4 * parameters <= LARGEST,
    } | _whence(engine, name)


def _denoises(config) -> dict | None:
    """What was done to the pictures that a model learned to give back clean, and up to which level; None where nothing was."""
    kind = getattr(config, "corruption", "none")
    return None if kind == "none" else {"corruption": kind, "level": config.noise_level}


def _directions(engine: Engine, name: str) -> dict:
    """What a model's points may be pushed along: "directions" with their list and files, or None and under "undirected" the sentence why."""
    try:
        kept = engine.checkpoint(name).found_directions
    except ValueError as error:
        return {"directions": None, "undirected": str(error)}
    if not kept.directions:
        return {"directions": None, "undirected": f"Nobody has looked for directions in {title(name)} yet: "
                                                  f"python -m genmodels.evaluate {name} --directions finds them."}
    told = [{key: getattr(one, key) for key in ("name", "source", "accuracy", "scale", "about")} for one in kept.directions]
    return {"undirected": "", "directions": {"list": told, "unlearned": kept.unlearned, "file": address(engine, name, "directions.bin")}}


def directions_for_browser(engine: Engine, name: str) -> bytes:
    """One sigma along each direction, float32 [K, D], little-endian."""
    return b"".join(one.step.astype("<f4").tobytes() for one in engine.checkpoint(name).directions)


def _pictures(name: str, shape: tuple[int, ...]) -> dict:
    """The data set as the page groups models by it: only those whose pictures are of one shape stand side by side."""
    known, (channels, height, width) = DATASETS.get(name), shape
    if known and tuple(known.IMAGE_SHAPE) == tuple(shape):
        return {"dataset": name, "dataset_title": known.TITLE, "own": getattr(known, "OWN", None)}
    base = known.TITLE.split(" (")[0] if known else Own.TITLE if is_own(name) else UNKNOWN.get(name, name)
    return {"dataset": f"{name}-{height}x{width}x{channels}", "dataset_title": f"{base}, {height} × {width}" + (" grey" if channels == 1 else ""), "own": None}


def _whence(engine: Engine, name: str) -> dict:
    """Where a model comes from: "bundled", "own", "trained", or "fetched" with its source on the Hub and the account of what was found there."""
    folder = engine.checkpoint(name).folder
    came = origin(folder)
    source = read(folder) if came == "fetched" else None
    if source is None or not source.repo:  # not from the Hub, or its source is damaged
        return {"origin": came, "source": None}
    return {"origin": came, "title": source.repo.split("/")[-1],
            "source": {"repo": source.repo, "revision": source.revision, "commit": source.commit, "account": list(source.account)}}


def origin(folder: Path) -> str:
    """"fetched" from the Hub, "bundled" with this program, "trained" here by somebody, or the "own" of whoever runs it."""
    if folder.name == "checkpoint" and (folder.parent / "run.json").exists():
        return "trained"
    return "fetched" if (folder / SOURCE).exists() else "bundled" if folder.parent == BUNDLED else "own"


def _steps(model: LatentModel) -> dict | None:
    """How a model of many steps makes a picture, unless a person says otherwise; None for a model of one step.

    samplers: the names, the model's own first; default: how many steps; guidance: by how much, None where nothing can be told. times: moments of the
    forward process, None where time is no whole number; betas: how the noise grows, and predicts: what the net says, "" where that is not chosen.
    """
    if not model.can("path"):
        return None
    config, levels = model.config, getattr(model, "levels", None)
    return {"samplers": list(model.SAMPLERS), "default": getattr(config, "steps", 50),
            "guidance": getattr(config, "guidance", 1.0) if model.conditions else None,
            "times": len(levels()) - 1 if levels else None, "betas": getattr(config, "betas", ""), "predicts": getattr(config, "predicts", "")}


def _with_samples(metrics):
    """The numbers of pictures made from N(0, I) beside the others, where they were measured."""
    made = metrics.get("generated") if isinstance(metrics, dict) else None
    normal = made.get("normal") if isinstance(made, dict) else None
    return metrics | {key: normal[key] for key in OF_SAMPLES if key in normal} if isinstance(normal, dict) else metrics


def checked_metrics(metrics, size: int) -> dict:
    """What the page shows of metrics.json, for latents of `size` numbers; ValueError names the entry that does not fit."""
    if not isinstance(metrics, dict):
        raise ValueError("metrics.json must hold a JSON object.")
    fits = {
        **dict.fromkeys(("mse", "nelbo", "bits_per_dim", "label_kept", "attributes_kept", *OF_SAMPLES), _is_number),
        "effects": lambda value: isinstance(value, list) and len(value) == size and all(map(_is_number, value)),
        "names": lambda value: isinstance(value, list) and len(value) == size and all(
            one is None or isinstance(one, dict) and isinstance(one.get("name"), str) and _is_number(one.get("r")) for one in value),
        "gallery": lambda value: isinstance(value, list) and len(value) <= MOST_PLACES and all(
            isinstance(one, dict) and isinstance(one.get("point"), str) and isinstance(one.get("why"), str) for one in value),
        "cleaning": _is_cleaning, "noise": _is_noise, "fd_by_steps": _is_by_steps,
    }
    for key, test in fits.items():
        if key in metrics and not test(metrics[key]):
            raise ValueError(f"{key} in metrics.json is not what this program writes there; measure the model again with python -m genmodels.evaluate.")
    return {key: metrics[key] for key in fits if key in metrics}


def _is_cleaning(value) -> bool:
    """What evaluate/cleaning.py writes: for each way and corruption a number at every level, and a setting of each filter that was measured."""
    levels, settings = (value.get("levels"), value.get("settings", {})) if isinstance(value, dict) else (None, None)
    if not isinstance(levels, list) or not 2 <= len(levels) <= MOST_LEVELS or not all(map(_is_number, levels)) or not isinstance(settings, dict):
        return False

    def fits(rows, test) -> bool:
        return isinstance(rows, dict) and set(rows) == set(CORRUPTIONS) and all(
            isinstance(row, list) and len(row) == len(levels) and all(map(test, row)) for row in rows.values())

    filters = [name for name in SETTINGS if name in value]
    return set(settings) == set(filters) and all(fits(value.get(way), _is_number) for way in ("model", "noisy", *filters)) and all(
        fits(settings[name], lambda one, known=SETTINGS[name]: isinstance(one, str) and one in known) for name in filters)


def _is_noise(value) -> bool:
    """What evaluate/noise.py writes: errors at moments t, and what is lost on the way to the noise and back by its steps."""
    if not isinstance(value, dict):
        return False
    moments, trips = value.get("by_t", {"t": []}), value.get("round_trip", {"by_steps": {}})
    return isinstance(moments, dict) and all(isinstance(row, list) and len(row) == len(moments["t"]) and all(map(_is_number, row)) for row in
                                             (moments.get(key) for key in (("t", "noise", "x0") if "by_t" in value else ("t",)))) and \
        isinstance(trips, dict) and _is_by_count(trips.get("by_steps"), ("psnr", "error"))


def _is_by_steps(value) -> bool:
    """What evaluate/samples.py writes: for each sampler the Frechet distance by steps, beside the number of samples."""
    return isinstance(value, dict) and all(_is_number(row) if name == "samples" else _is_by_count(row, ("fd",)) for name, row in value.items())


def _is_by_count(rows, keys: tuple[str, ...]) -> bool:
    """Numbers of these names for each of some counts, which are written as text."""
    return isinstance(rows, dict) and all(count.isdigit() and isinstance(row, dict) and all(_is_number(row.get(key)) for key in keys)
                                          for count, row in rows.items())


def _is_number(value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e12


def _classifier(engine: Engine, name: str) -> dict:
    return {"classes": list(engine.blueprint(name).conditions), "kind": engine.blueprint(name).config.kind, "hash": engine.checkpoint(name).hash,
            "onnx": address(engine, name, "classifier.onnx")}


def address(engine: Engine, name: str, file: str) -> str | None:
    """Where a file of a model is served: the hash in it names the file's content. None for what the model does not have."""
    if file == "atlas.bin":
        path = engine.checkpoint(name).folder / "atlas.npz"
        content = sha256(FORMAT + path.read_bytes()).hexdigest()[:16] if path.exists() else None
    elif file == "directions.bin":
        paths = [engine.checkpoint(name).folder / kept for kept in LARGEST_DIRECTIONS]
        content = sha256(FORMAT + b"".join(path.read_bytes() for path in paths)).hexdigest()[:16] if all(path.exists() for path in paths) else None
    else:
        model = engine.blueprint(name)
        kind = "classifier.onnx" if not isinstance(model, LatentModel) else None if model.can("path") or model.HEAVY else "decoder.onnx"
        content = engine.onnx_hash(name) if file == kind else None
    return f"/live/models/{name}/{content}/{file}" if content else None
