"""A checkpoint is a folder: save it, find it, check it, load it.

config.json        what it is; written last, so its presence means that the folder is whole
model.safetensors  averaged weights, the matrices among them float16 where no picture changes by more than one grey level and no code by 1/64 sigma
metrics.json, atlas.npz, samplers.npz, features.npz, README.md   what evaluate adds
"""

import hashlib
import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor
from torch.overrides import TorchFunctionMode

from .classifier import Classifier
from .kept import read_atlas, read_features
from .knobs import from_dict
from .latent.samplers import Sampler, unpacked
from .models import MODELS, LatentModel, Trainable
from .nets import out_of_memory
from .normal import latents

FAMILIES: dict[str, type[Trainable]] = {**MODELS, "classifier": Classifier}
FIELDS = {"format", "family", "dataset", "model", "recipe", "licence"}
GREY_LEVEL = 2 / 255  # of pictures in [-1, 1]
CODE_STEP = 1 / 64  # sigmas: codes that differ by less look the same
FLOATS = (torch.float16, torch.bfloat16, torch.float32)  # that weights may be kept in
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
        """The model without weights, on the device "meta": shapes, conditions, number of parameters."""
        with torch.device("meta"), _Undrawn():
            return self.family(self.config)

    @cached_property
    def hash(self) -> str:
        """Names the weights, wherever they lie: 16 hex digits of their SHA-256."""
        return _named(self._bytes())

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

    def features(self) -> dict[str, np.ndarray]:
        """Of a classifier what `read_features` says, or nothing where that was not kept. BadCheckpoint if the file cannot be read."""
        return self._arrays("features.npz", lambda arrays: read_features(arrays, self.config.features) if arrays else {})

    def _arrays(self, file: str, read: Callable[[dict[str, np.ndarray]], dict]) -> dict:
        """The arrays of an .npz in the folder (none where it is not there), as they are read."""
        path = self.folder / file
        try:
            if not path.exists():
                return read({})
            with np.load(path, allow_pickle=False) as arrays:
                return read({key: arrays[key] for key in arrays.files})
        except Exception as error:  # a foreign zip fails in many ways
            raise BadCheckpoint(f"{self.name}: {file} cannot be read ({error}).") from None

    def check(self) -> None:
        """BadCheckpoint unless the config fits and the weights have its names, shapes and kinds of numbers. No number is looked at."""
        self._weights(self.blueprint.state_dict(), self._bytes())

    def load(self) -> Trainable:
        """The model, ready to use and tried once. BadCheckpoint says what is wrong: names, shapes, numbers, or a file that has changed."""
        expected, content = self.blueprint.state_dict(), self._bytes()
        if _named(content) != self.hash:
            raise BadCheckpoint(f"{self.name}: the weights have changed on the disk; reload the page.")
        weights = {name: tensor.to(expected[name].dtype) for name, tensor in self._weights(expected, content).items()}
        for name, tensor in weights.items():
            if not tensor.isfinite().all():
                raise BadCheckpoint(f"{self.name}: {name} holds numbers that are not finite.")
        model = self.family(self.config)
        model.load_state_dict(weights, strict=True)
        self._try(model.eval().requires_grad_(False))
        return model

    def _bytes(self) -> bytes:
        path = self.folder / "model.safetensors"
        try:
            if path.stat().st_size > LARGEST:
                raise BadCheckpoint(f"{self.name}: the weights are larger than {LARGEST >> 20} MB.")
            return path.read_bytes()
        except OSError as error:
            raise BadCheckpoint(f"{self.name}: model.safetensors cannot be read ({error}).") from None

    def _weights(self, expected: dict[str, Tensor], content: bytes) -> dict[str, Tensor]:
        """The tensors in a safetensors file, if they have the expected names, shapes and kinds of numbers."""
        try:
            found = load(content)
        except (SafetensorError, KeyError) as error:  # KeyError: a kind of number that PyTorch does not have
            raise BadCheckpoint(f"{self.name}: model.safetensors cannot be read ({error}).") from None
        for name in sorted(set(expected) ^ set(found)):
            raise BadCheckpoint(f"{self.name}: the weights {'lack' if name in expected else 'have an unknown'} tensor {name!r:.80}.")
        for name, tensor in found.items():
            wanted = expected[name]
            if tensor.shape != wanted.shape:
                raise BadCheckpoint(f"{self.name}: {name} has the shape {list(tensor.shape)}, the config asks for {list(wanted.shape)}.")
            kinds = FLOATS if wanted.is_floating_point() else (wanted.dtype,)
            if tensor.dtype not in kinds:
                raise BadCheckpoint(f"{self.name}: {name} holds {tensor.dtype}, it must be {' or '.join(map(str, kinds))}.")
        return found

    def _try(self, model: Trainable) -> None:
        """One dry run: a model that cannot answer is never offered."""
        try:
            answers = answers_of(model, 1)
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            if out_of_memory(error):
                raise
            why = " ".join(str(error).split())
            raise BadCheckpoint(f"{self.name}: the model cannot work as its config describes it ({why:.150}).") from None
        for kind, answer in answers:
            wanted = {"pictures": model.image_shape, "codes": getattr(model, "latent_shape", None), "names": (len(model.conditions),)}[kind]
            if answer.shape != (1, *wanted):
                raise BadCheckpoint(f"{self.name}: its {kind} come out as {list(answer.shape[1:])}, the config says {list(wanted)}.")
            if not answer.isfinite().all():
                raise BadCheckpoint(f"{self.name}: its {kind} are not finite numbers.")


def save_checkpoint(model: Trainable, folder: Path, about: dict) -> Checkpoint:
    """Write weights and config.json (`about`, as `Plan.to_json` gives it). The folder is whole once config.json is there.

    New weights of the same config replace the old ones at one stroke: where that fails, the old ones are still there.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    half = {name: tensor.half() if tensor.is_floating_point() and tensor.ndim > 1 else tensor for name, tensor in weights.items()}
    content, config = save(half if _same_answers(model, half) else weights), json.dumps(about, indent=2).encode()
    path = folder / "config.json"
    if path.exists() and path.read_bytes() != config:
        path.unlink()  # it does not describe the new weights
    write_whole(folder / "model.safetensors", content)
    write_whole(path, config)  # last: its presence means whole
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


def _named(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


@torch.no_grad()
def answers_of(model: Trainable, n: int, x: Tensor | None = None) -> list[tuple[str, Tensor]]:
    """All that a model can be asked for, asked once.

    Of a latent model, "pictures" [n, C, H, W] of fixed latents and, where it has an encoder, "codes" [n, *latent_shape] of the
    pictures x [n, C, H, W], its own where none are given; each without conditions and, where it takes some, with every class in
    turn. Of a classifier "names", probabilities [n, K] for fixed noise.
    """
    def fixed(shape: tuple[int, ...]) -> Tensor:
        return torch.from_numpy(latents(0, n, shape)).to(model.device)

    if not isinstance(model, LatentModel):
        return [("names", model(fixed(model.image_shape)).softmax(1))]
    z, classes = fixed(model.latent_shape), len(model.conditions)
    said = [None, torch.eye(classes, device=model.device)[torch.arange(n) % classes]] if classes else [None]
    answers = [("pictures", model.decode(z, y)) for y in said]
    if model.can("encode"):
        x = answers[-1][1].clamp(-1, 1) if x is None else x
        answers += [("codes", model.encode(x, y)) for y in said]
    return answers


@torch.no_grad()
def _same_answers(model: Trainable, weights: dict[str, Tensor]) -> bool:
    """Whether other weights give the same pictures and probabilities within one grey level, and the same codes within CODE_STEP.

    Of a model of many steps that is asked of a picture's mean, of others of every pixel.
    """
    twin = type(model)(model.config).to(model.device).eval()
    kinds = {name: tensor.dtype for name, tensor in twin.state_dict().items()}
    twin.load_state_dict({name: tensor.to(kinds[name]) for name, tensor in weights.items()})
    was, model = model.training, model.eval()
    many_steps = isinstance(model, LatentModel) and model.can("path")  # each multiplies what rounding did to the one before
    n = 8 if many_steps else 64
    ours = answers_of(model, n)
    shown = next((answer.clamp(-1, 1) for kind, answer in ours[::-1] if kind == "pictures"), None)
    theirs = answers_of(twin, n, shown)
    model.train(was)
    finite = all(tensor.isfinite().all() for tensor in weights.values())  # the largest number of float16 is 65504
    furthest = (lambda change: change.flatten(1).mean(1).max()) if many_steps else torch.max
    return finite and all(bool(furthest((a - b).abs()) <= (CODE_STEP if kind == "codes" else GREY_LEVEL))
                          for (kind, a), (_, b) in zip(ours, theirs, strict=True))
