"""The engine: the only gate to weights. It owns the device, the loaded models and the batching; NumPy in, NumPy out."""

import logging
import threading
from concurrent.futures import Future
from functools import cached_property
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch

from .. import export
from ..checkpoint import BadCheckpoint, Checkpoint, find, write_whole
from ..classifier import Classifier
from ..models import ABILITIES, LatentModel, Trainable
from ..normal import latents
from ._device import Device
from ._queue import Borrowed, Job, Queue

__all__ = ["MOST", "BadCheckpoint", "Engine"]

MOST = 4096  # pictures in one request
PIECE = 32  # pictures at a time on a processor: more leave its caches (half the rate at 256) and make a slider wait
WATCHED = ("config.json", "model.safetensors", "metrics.json", "atlas.npz")


class Engine:
    """Answers from the checkpoints in some folders; safe to call from any thread.

    device: "cpu", "cuda" or "zero" (ZeroGPU); None takes CUDA where there is one. cache: where exported models are kept.
    budget: bytes of weights that stay loaded. batch: pictures at a time on a GPU.
    """

    def __init__(self, *roots: Path, device: str | None = None, cache: Path | None = None, budget: int = 1 << 30, batch: int = 256):
        self.mode = device or ("cuda" if torch.cuda.is_available() else "cpu")
        if self.mode not in ("cpu", "cuda", "zero"):
            raise ValueError(f"The device must be cpu, cuda or zero, not {device!r}.")
        self.roots = tuple(Path(root) for root in roots)
        self.cache = Path(cache) if cache else Path.home() / ".cache" / "latent-playground"
        self._device = Device("cpu" if self.mode == "cpu" else "cuda", budget, min(batch, PIECE) if self.mode == "cpu" else batch)
        self._queue = Queue(self._device) if self.mode != "zero" else Borrowed(self._device)
        self._known: dict[str, Known] = {}
        self._exporting = threading.Lock()
        self.rescan()

    # What there is

    def rescan(self) -> tuple:
        """Look at the folders again, reading no file. Returns a value that differs when anything in them has changed."""
        found = {name: (checkpoint, _stamp(checkpoint.folder)) for name, checkpoint in find(*self.roots).items()}
        known = self._known
        self._known = {name: known[name] if name in known and known[name].stamp == stamp else Known(checkpoint, stamp)
                       for name, (checkpoint, stamp) in found.items()}
        return tuple(stamp for _, stamp in found.values())

    def names(self, ability: str = "decode") -> list[str]:
        """The latent models that offer an ability, as the folders are now. No weights are loaded to answer."""
        self.rescan()
        return [name for name, known in self._known.items()
                if not known.problem and issubclass(known.checkpoint.family, LatentModel) and known.checkpoint.family.can(ability)]

    def folders(self) -> dict[str, str | None]:
        """Every checkpoint folder, with the sentence that says why it cannot be used, or None where it can."""
        self.rescan()
        return {name: known.problem for name, known in self._known.items()}

    def checkpoint(self, name: str) -> Checkpoint:
        """KeyError with one sentence if there is none of that name."""
        return self._find(name).checkpoint

    def blueprint(self, name: str) -> Trainable:
        """The model without its weights (on the device "meta"): shapes, conditions, number of parameters."""
        known = self._find(name)
        if known.problem:
            raise BadCheckpoint(known.problem)
        return known.checkpoint.blueprint

    def classifier_for(self, name: str) -> str | None:
        """The classifier that can look at this model's pictures."""
        known = self._known.get(f"{self.checkpoint(name).about['dataset']}-classifier")
        if known is None or known.problem or not isinstance(known.checkpoint.blueprint, Classifier):
            return None
        return known.checkpoint.name if known.checkpoint.blueprint.image_shape == self.blueprint(name).image_shape else None

    @property
    def device_name(self) -> str:
        """Where pictures are made, as a person says it: "CPU", "H200", "ZeroGPU"."""
        return {"cpu": "CPU", "zero": "ZeroGPU"}.get(self.mode) or torch.cuda.get_device_name().removeprefix("NVIDIA ")

    # What it does

    def prior(self, name: str, n: int, seed: int) -> np.ndarray:
        """Latents float32 [n, *latent_shape] from N(0, I); the same seed gives the same numbers everywhere, also in the browser."""
        _check_count(n)
        return latents(seed, n, self._latent_model(name).latent_shape)

    def decode(self, name: str, z: np.ndarray, y: np.ndarray | None = None) -> np.ndarray:
        """Latents [N, *latent_shape] and conditions [N, K] to pictures uint8 [N, H, W, C]."""
        return self.submit("decode", name, z, y).result()

    def encode(self, name: str, pixels: np.ndarray, y: np.ndarray | None = None) -> np.ndarray:
        """Pictures uint8 [N, H, W, C] to latents float32 [N, *latent_shape]."""
        return self.submit("encode", name, pixels, y).result()

    def classify(self, name: str, pixels: np.ndarray) -> np.ndarray:
        """Pictures uint8 [N, H, W, C] to probabilities float32 [N, K] by the classifier of that name."""
        return self.submit("classify", name, pixels).result()

    def submit(self, task: str, name: str, x: np.ndarray, y: np.ndarray | None = None) -> Future:
        """Ask without waiting: task is "decode", "encode" or "classify", the rest as in the methods of these names.

        Raises here and now: KeyError for an unknown name, ValueError with one sentence for what does not fit. The future
        may raise BadCheckpoint, or FloatingPointError if the answer is not finite. Cancelling it takes it out of the queue.
        """
        if task == "classify":
            model = self.blueprint(name)
            if not isinstance(model, Classifier):
                raise ValueError(f"{name} is no classifier.")
        else:
            model = self._latent_model(name)
            if not model.can(task):
                raise ValueError(ABILITIES[task])
        if task == "decode":
            x = _checked(f"Latents of {name}", x, np.float32, model.latent_shape)
        else:
            channels, height, width = model.image_shape
            x = _checked(f"Pictures for {name}", x, np.uint8, (height, width, channels))
        return self._queue.submit(Job(self.checkpoint(name), task, x, _checked_conditions(name, model, y, len(x))))

    def onnx(self, name: str) -> Path:
        """The decoder or classifier as an ONNX file (see `export.to_onnx`), made on first use and kept in the cache."""
        path = self.cache / f"{self.onnx_hash(name)}.onnx"
        with self._exporting:
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                write_whole(path, export.to_onnx(self.checkpoint(name).load()))
        return path

    def onnx_hash(self, name: str) -> str:
        """Names what `onnx` gives without making it: 16 hex digits for the weights, the config and the form of the export."""
        checkpoint = self.checkpoint(name)
        content = (checkpoint.hash, checkpoint.about["family"], checkpoint.config, export.FORMAT, export.OPSET)
        return sha256(repr(content).encode()).hexdigest()[:16]

    def close(self) -> None:
        """Stop the thread. What still waits fails with a RuntimeError."""
        self._queue.close()

    def _find(self, name: str) -> "Known":
        if name not in self._known:
            self.rescan()
        if (known := self._known.get(name)) is None:
            raise KeyError(f"no checkpoint {name!r:.100}; there are {sorted(self._known)}")
        return known

    def _latent_model(self, name: str) -> LatentModel:
        model = self.blueprint(name)
        if not isinstance(model, LatentModel):
            raise ValueError(f"{name} is a classifier: it has no latent space.")
        return model


class Known:
    """A checkpoint folder as it was when last looked at."""

    def __init__(self, checkpoint: Checkpoint, stamp: tuple):
        self.checkpoint, self.stamp = checkpoint, stamp

    @cached_property
    def problem(self) -> str | None:
        """Why the folder cannot be used, in one sentence; None where it can."""
        try:
            self.checkpoint.check(), self.checkpoint.hash  # asked for what they raise
        except BadCheckpoint as error:
            return str(error)
        except Exception as error:  # whatever a stranger's folder does, it spoils itself alone
            logging.exception("checkpoint %s cannot be used", self.checkpoint.name)
            return f"{self.checkpoint.name}: the folder cannot be used ({type(error).__name__}: {error!s:.150})."
        return None


def _stamp(folder: Path) -> tuple:
    """Changes when one of the checkpoint's files does."""
    return str(folder), *[_state(folder / name) for name in WATCHED]


def _state(path: Path) -> tuple[int, int] | None:
    try:
        state = path.stat()
    except OSError:  # what else it is that stands in the way is said when the file is read
        return None
    return state.st_mtime_ns, state.st_size


def _check_count(n: int) -> None:
    if not 1 <= n <= MOST:
        raise ValueError(f"One request may be for 1 to {MOST} pictures, not {n}.")


def _checked(what: str, values, kind: type, shape: tuple[int, ...]) -> np.ndarray:
    """A copy of the values as an array of one kind of number and [N, *shape], or ValueError in words."""
    values = np.asarray(values)
    if values.shape[1:] != shape or values.ndim != len(shape) + 1:
        raise ValueError(f"{what} must have the shape [N, {', '.join(map(str, shape))}], not {list(values.shape)}.")
    _check_count(len(values))
    if kind is np.uint8 and values.dtype != np.uint8:
        raise ValueError(f"{what} must be uint8, from 0 to 255, not {values.dtype}.")
    if values.dtype.kind not in "fiub":
        raise ValueError(f"{what} must be numbers, not {values.dtype}.")
    if values.dtype == kind:
        values = values.copy(order="C")
    else:
        with np.errstate(over="ignore"):  # said below
            values = np.array(values, kind, order="C")
    if not np.isfinite(values).all():
        raise ValueError(f"{what} must be finite numbers; there is a NaN or an infinity among them.")
    return values


def _checked_conditions(name: str, model: Trainable, y, n: int) -> np.ndarray | None:
    if y is None:
        return None
    if not model.conditions or isinstance(model, Classifier):
        raise ValueError(f"{name} takes no conditions.")
    y = _checked(f"The conditions of {name}", y, np.float32, (len(model.conditions),))
    if len(y) != n:
        raise ValueError(f"There are conditions for {len(y)} pictures and input for {n}.")
    return y
