"""A checkpoint is a folder: save it, find it, check it, load it.

config.json        what it is; written last, so its presence means that the folder is whole
model.safetensors  averaged weights, float16 where no picture changes by more than one grey level
metrics.json, atlas.npz, README.md   what evaluate adds
"""

import hashlib
import json
import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor
from torch.overrides import TorchFunctionMode

from .classifier import Classifier
from .knobs import from_dict
from .models import MODELS, LatentModel, Trainable
from .normal import latents

FAMILIES: dict[str, type[Trainable]] = {**MODELS, "classifier": Classifier}
FIELDS = {"format", "family", "dataset", "model", "recipe", "licence"}
GREY_LEVEL = 2 / 255  # of pictures in [-1, 1]
LARGEST = 64 * 2**20  # bytes of weights that are read at all
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}")


class BadCheckpoint(ValueError):
    """A folder that is not a checkpoint this program can trust; the message says why in one sentence."""


class _Undrawn(TorchFunctionMode):
    """Leaves first weights undrawn: on the device "meta" the first random number costs seconds, for it imports sympy."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        return args[0] if function in (Tensor.normal_, Tensor.uniform_) else function(*args, **(kwargs or {}))


@dataclass(frozen=True)
class Checkpoint:
    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

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
        """The model without weights, on the device "meta": shapes, conditions, number of parameters."""
        with torch.device("meta"), _Undrawn():
            return self.family(self.config)

    @cached_property
    def hash(self) -> str:
        """Names the weights, wherever they lie: 16 hex digits of their SHA-256."""
        return hashlib.sha256((self.folder / "model.safetensors").read_bytes()).hexdigest()[:16]

    def metrics(self) -> dict:
        path = self.folder / "metrics.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}

    def atlas(self) -> dict[str, np.ndarray]:
        """Codes [N, *latent_shape] float16, labels [N] uint8, xy [N, 2] on two linear axes; empty where there is none."""
        path = self.folder / "atlas.npz"
        if not path.exists():
            return {}
        with np.load(path, allow_pickle=False) as arrays:
            return {key: arrays[key] for key in arrays.files}

    def load(self) -> Trainable:
        """The model, ready to use. BadCheckpoint says what is wrong with names, shapes or numbers."""
        weights = self._read({name: tensor.shape for name, tensor in self.blueprint.state_dict().items()})
        model = self.family(self.config)
        model.load_state_dict({name: tensor.to(model.state_dict()[name].dtype) for name, tensor in weights.items()}, strict=True)
        return model.eval().requires_grad_(False)

    def _read(self, expected: dict[str, torch.Size]) -> dict[str, Tensor]:
        path = self.folder / "model.safetensors"
        try:
            if path.stat().st_size > LARGEST:
                raise BadCheckpoint(f"{self.name}: the weights are larger than {LARGEST >> 20} MB.")
            with safe_open(path, framework="pt") as file:
                found = {name: torch.Size(file.get_slice(name).get_shape()) for name in file.keys()}
                for name in sorted(set(expected) ^ set(found)):
                    raise BadCheckpoint(f"{self.name}: the weights {'lack' if name in expected else 'have an unknown'} tensor {name!r:.80}.")
                for name, shape in found.items():
                    if shape != expected[name]:
                        raise BadCheckpoint(f"{self.name}: {name} has the shape {list(shape)}, the config asks for {list(expected[name])}.")
                weights = {name: file.get_tensor(name) for name in found}
        except (OSError, SafetensorError) as error:
            raise BadCheckpoint(f"{self.name}: model.safetensors cannot be read ({error}).") from None
        for name, tensor in weights.items():
            if not tensor.isfinite().all():
                raise BadCheckpoint(f"{self.name}: {name} holds numbers that are not finite.")
        return weights


def save_checkpoint(model: Trainable, folder: Path, about: dict) -> Checkpoint:
    """Write weights and config.json (`about`, as `Plan.to_json` gives it). The folder is whole once config.json is there."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").unlink(missing_ok=True)
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    half = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in weights.items()}
    write_whole(folder / "model.safetensors", save(half if _same_pictures(model, half) else weights))
    write_whole(folder / "config.json", json.dumps(about, indent=2).encode())  # last: its presence means whole
    return Checkpoint(folder)


def find(*roots: Path) -> dict[str, Checkpoint]:
    """The checkpoints in some folders by name; the first folder that has a name wins."""
    return {path.parent.name: Checkpoint(path.parent) for root in reversed(roots)
            for path in sorted(Path(root).glob("*/config.json")) if NAME.fullmatch(path.parent.name)}


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that a reader, or a crash, finds either the old one or the new one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    if os.name == "posix":  # the new name, too, must survive a power cut; Windows cannot open a folder
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


@torch.no_grad()
def _same_pictures(model: Trainable, weights: dict[str, Tensor]) -> bool:
    """Whether other weights give the same pictures (or, for a classifier, the same logits) within one grey level."""
    twin = type(model)(model.config).to(model.device).eval()
    twin.load_state_dict({name: tensor.to(twin.state_dict()[name].dtype) for name, tensor in weights.items()})
    shape = model.latent_shape if isinstance(model, LatentModel) else model.image_shape
    z = torch.from_numpy(latents(0, 64, shape)).to(model.device)
    was, model = model.training, model.eval()
    run = (lambda m: m.decode(z)) if isinstance(model, LatentModel) else (lambda m: m(z).softmax(1))
    difference = (run(model) - run(twin)).abs().max()
    model.train(was)
    return bool(difference <= GREY_LEVEL)
