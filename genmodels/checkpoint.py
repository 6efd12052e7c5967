"""A checkpoint is a folder: save it, find it, check it, load it.

config.json        what it is; written last, so its presence means that the folder is whole
model.safetensors  averaged weights, the matrices among them float16 where no picture changes by more than one grey level and no code by 1/64 sigma
metrics.json, atlas.npz, samplers.npz, typical.npz, features.npz, directions.json, directions.safetensors, README.md   what evaluate adds

A model that came from elsewhere is such a folder too: its weights are as they came, its family is one of `formats.FAMILIES`.
"""

import copy
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from math import prod
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load as load_arrays
from safetensors.torch import save, save_file
from torch import Tensor
from torch.overrides import TorchFunctionMode

from . import formats, weights
from .answers import answers_of, same_answers
from .classifier import Classifier
from .formats import Found
from .formats._archives import check_unpacked
from .kept import LARGEST_DIRECTIONS, Kept, read_atlas, read_directions, read_features
from .knobs import from_dict
from .latent import hashing
from .latent import typical as usual
from .latent.directions import Direction
from .latent.samplers import Sampler, unpacked
from .models import MODELS, Trainable
from .nets import out_of_memory
from .whole import replaced, write_whole

OWN: dict[str, type[Trainable]] = {**MODELS, "classifier": Classifier}
FAMILIES: dict[str, type[Trainable]] = {**OWN, **formats.FAMILIES}
FIELDS = {"format", "family", "dataset", "model", "recipe", "licence"}
WEIGHTS = "model.safetensors"
LARGEST = 64 * 2**20  # bytes of weights of our own families that are read at all; of foreign ones formats.LARGEST
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}")


class BadCheckpoint(ValueError):
    """A folder that is not a checkpoint this program can trust; the message says why in one sentence."""


class Undrawn(TorchFunctionMode):
    """Leaves first weights undrawn: on the device "meta" the first random number costs seconds, for it imports sympy."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        return args[0] if function in (Tensor.normal_, Tensor.uniform_) else function(*args, **(kwargs or {}))


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint folder. called: its name, where that is not the folder's."""

    folder: Path
    called: str = ""

    @property
    def name(self) -> str:
        return self.called or self.folder.name

    @cached_property
    def about(self) -> dict:
        """config.json, with its keys checked."""
        try:
            about = json.loads((self.folder / "config.json").read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise BadCheckpoint(f"{self.name}: config.json cannot be read ({error}).") from None
        if not isinstance(about, dict) or about.get("format") != 1:
            raise BadCheckpoint(f"{self.name}: this program reads checkpoints of format 1.")
        if wrong := sorted(FIELDS ^ set(about)):
            raise BadCheckpoint(f"{self.name}: config.json must have exactly the keys {', '.join(sorted(FIELDS))}; look at {wrong[0]!r}.")
        if not isinstance(about["family"], str) or about["family"] not in FAMILIES:
            raise BadCheckpoint(f"{self.name}: there is no family {about['family']!r:.80}; there are {', '.join(FAMILIES)}.")
        for key in ("dataset", "licence"):
            if not isinstance(about[key], str) or len(about[key]) > 80:
                raise BadCheckpoint(f"{self.name}: {key} in config.json must be a short name, not {about[key]!r:.80}.")
        if not isinstance(about["recipe"], dict):
            raise BadCheckpoint(f"{self.name}: recipe in config.json must be a JSON object, not {about['recipe']!r:.80}.")
        return about

    @cached_property
    def config(self):
        """The family's Config, every field checked against its range."""
        try:
            return from_dict(self.family.Config, self.about["model"])
        except ValueError as error:
            raise BadCheckpoint(f"{self.name}: {error}") from None

    @property
    def family(self) -> type[Trainable]:
        return FAMILIES[self.about["family"]]

    @cached_property
    def blueprint(self) -> Trainable:
        """The model without weights, on the device "meta": shapes, conditions, number of parameters.

        BadCheckpoint if it cannot be built: its config does not hold together, or a library that it needs is not installed.
        """
        try:
            with torch.device("meta"):
                return self._built()
        except BadCheckpoint:
            raise
        except Exception as error:  # a foreign net is built by its own library, which fails in many ways
            raise BadCheckpoint(f"{self.name}: {error}" if isinstance(error, ImportError) else
                                f"{self.name}: no model can be built as its config describes it ({_short(error)}).") from None

    @cached_property
    def hash(self) -> str:
        """Names the weights, wherever they lie: 16 hex digits of their SHA-256."""
        with self._saying():
            return weights.digest(self.folder / WEIGHTS, self._most)

    def metrics(self) -> dict:
        """What was measured, as evaluate wrote it; empty where nothing was. BadCheckpoint if the file cannot be read."""
        path = self.folder / "metrics.json"
        try:
            metrics = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        except (OSError, ValueError, RecursionError) as error:
            raise BadCheckpoint(f"{self.name}: metrics.json cannot be read ({error}).") from None
        if not isinstance(metrics, dict):
            raise BadCheckpoint(f"{self.name}: metrics.json must be a JSON object.")
        return metrics

    def atlas(self) -> dict[str, np.ndarray]:
        """What `read_atlas` says, or nothing where there is no atlas. BadCheckpoint if the file cannot be read."""
        return self._arrays("atlas.npz", lambda arrays: read_atlas(arrays, self.blueprint.latent_shape) if arrays else {})

    def samplers(self) -> dict[str, Sampler]:
        """What evaluate fitted to the codes of training pictures, by kind, N(0, I) always among them. BadCheckpoint if the file cannot be read."""
        return self._arrays("samplers.npz", lambda arrays: unpacked(arrays, self.blueprint.latent_shape))

    def typical(self) -> usual.Typical | None:
        """What evaluate kept of the codes and errors of test pictures, None where it did not. BadCheckpoint if the file cannot be read."""
        return self._arrays("typical.npz", lambda arrays: usual.unpacked(arrays, self.blueprint.latent_shape, prod(self.blueprint.image_shape)))

    def hash_of_codes(self) -> hashing.Hash | None:
        """What makes bits of codes, None where nobody has fitted it. BadCheckpoint if the file cannot be read."""
        return self._arrays("typical.npz", lambda arrays: hashing.unpacked(arrays, prod(self.blueprint.latent_shape)))

    def features(self) -> dict[str, np.ndarray]:
        """Of a classifier what `read_features` says, or nothing where that was not kept. BadCheckpoint if the file cannot be read."""
        return self._arrays("features.npz", lambda arrays: read_features(arrays, self.config.features) if arrays else {})

    @property
    def directions(self) -> tuple[Direction, ...]:
        """The directions of its latent space that evaluate found; none where it was not asked. BadCheckpoint if they cannot be used."""
        return self.found_directions.directions

    @cached_property
    def found_directions(self) -> Kept:
        """The same with what could not be learned, and how far each moves the others. BadCheckpoint if a file is damaged or of other weights."""
        paths = [self.folder / file for file in LARGEST_DIRECTIONS]
        if not paths[0].exists():
            return Kept()
        try:
            for path, most in zip(paths, LARGEST_DIRECTIONS.values(), strict=True):
                if path.stat().st_size > most:
                    raise ValueError(f"{path.name} is larger than {most >> 20} MB")
            about, arrays = json.loads(paths[0].read_text(encoding="utf-8")), load_arrays(paths[1].read_bytes())
            return read_directions(about, arrays, self.hash, prod(self.blueprint.latent_shape))
        except BadCheckpoint:
            raise
        except Exception as error:  # a stranger's file fails in many ways
            raise BadCheckpoint(f"{self.name}: its directions cannot be used: {_short(error).rstrip('.')}.") from None

    def _arrays(self, file: str, read: Callable[[dict[str, np.ndarray]], dict]) -> dict:
        """The arrays of an .npz in the folder (none where it is not there), as they are read."""
        path = self.folder / file
        try:
            if not path.exists():
                return read({})
            check_unpacked(path)
            with np.load(path, allow_pickle=False) as arrays:
                return read({key: arrays[key] for key in arrays.files})
        except Exception as error:  # a foreign zip fails in many ways
            raise BadCheckpoint(f"{self.name}: {file} cannot be read ({error}).") from None

    def check(self) -> None:
        """BadCheckpoint unless the config fits and the weights have its names, shapes and kinds of numbers. No number is read."""
        expected = self.blueprint.state_dict()
        with self._saying():
            weights.check(self.folder / WEIGHTS, self._most, expected)

    def load(self) -> Trainable:
        """The model, ready to use and tried once. BadCheckpoint says what is wrong: names, shapes, numbers, or a file that has changed."""
        with self._saying():
            found = weights.read(self.folder / WEIGHTS, self._most, self.blueprint.state_dict(), self.hash)
        model = self._built()
        model.load_state_dict(found, strict=True)
        self._try(model.eval().requires_grad_(False))
        return model

    def _built(self) -> Trainable:
        """The model as a checkpoint holds it; what is drawn at first is written over."""
        with Undrawn():
            model = self.family(self.config)
        model.let_go()
        return model

    @property
    def _most(self) -> int:
        """Bytes that its weights may have."""
        return LARGEST if self.about["family"] in OWN else formats.LARGEST

    @contextmanager
    def _saying(self) -> Iterator[None]:
        """What is wrong with the weights is said of this checkpoint."""
        try:
            yield
        except weights.BadWeights as error:
            raise BadCheckpoint(f"{self.name}: {error}") from None

    def _try(self, model: Trainable) -> None:
        """One dry run: a model that cannot answer is never offered."""
        try:
            answers = answers_of(model, 1, steps=1)
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            if out_of_memory(error):
                raise
            raise BadCheckpoint(f"{self.name}: the model cannot work as its config describes it ({_short(error)}).") from None
        for kind, answer in answers:
            wanted = {"pictures": model.image_shape, "codes": getattr(model, "latent_shape", None), "names": (len(model.conditions),)}[kind]
            if answer.shape != (1, *wanted):
                raise BadCheckpoint(f"{self.name}: its {kind} come out as {list(answer.shape[1:])}, the config says {list(wanted)}.")
            if not answer.isfinite().all():
                raise BadCheckpoint(f"{self.name}: its {kind} are not finite numbers.")


def save_checkpoint(model: Trainable, folder: Path, about: dict, halve: bool = True) -> Checkpoint:
    """Write weights and config.json (`about`, as `Plan.to_json` gives it). The folder is whole once config.json is there.

    New weights of the same config replace the old ones at one stroke: where that fails, the old ones are still there. halve=False writes
    them as they are, and does not ask whether float16 would do, which takes a model of many steps seconds.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    model = copy.deepcopy(model)
    model.let_go()
    whole = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    half = {name: tensor.half() if tensor.is_floating_point() and tensor.ndim > 1 else tensor for name, tensor in whole.items()}
    content, config = save(half if halve and same_answers(model, half) else whole), json.dumps(about, indent=2).encode()
    path = folder / "config.json"
    if path.exists() and path.read_bytes() != config:
        path.unlink()  # it does not describe the new weights
    write_whole(folder / WEIGHTS, content)
    write_whole(path, config)  # last: its presence means whole
    return Checkpoint(folder)


def save_foreign(found: Found, folder: Path) -> Checkpoint:
    """Write a model that came from elsewhere, its weights as they came. The folder is whole once config.json is there.

    Nothing is checked: `Checkpoint.load` does that, and until it has, the folder must not be one that is offered.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with replaced(folder / WEIGHTS) as temporary:
        save_file({name: tensor.contiguous() for name, tensor in found.weights.items()}, temporary)
    for name, path in found.beside.items():
        write_whole(folder / name, path.read_bytes())
    about = {"format": 1, "family": found.family, "dataset": found.dataset, "model": dict(found.model), "recipe": dict(found.recipe),
             "licence": found.licence}
    write_whole(folder / "config.json", json.dumps(about, indent=2).encode())  # last
    return Checkpoint(folder)


def find(*roots: Path) -> dict[str, Checkpoint]:
    """The checkpoints in some folders by name; the first folder that has a name wins."""
    return {path.parent.name: Checkpoint(path.parent) for root in reversed(roots)
            for path in sorted(Path(root).glob("*/config.json")) if NAME.fullmatch(path.parent.name)}


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:150]
