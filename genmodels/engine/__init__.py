"""The engine: the only gate to weights. It owns the device, the loaded models and the batching; NumPy in, NumPy out."""

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch

from .. import export
from ..checkpoint import BadCheckpoint, Checkpoint, find, write_whole
from ..classifier import Classifier
from ..latent.samplers import SAMPLERS
from ..latent.typical import Typical
from ..models import ABILITIES, LatentModel, Trainable
from ..normal import latents
from ._asked import MOST, Given, Sampling, Search, check_count, checked_conditions, checked_numbers, checked_sampling, checked_search, checked_way_back
from ._borrowed import Borrowed
from ._captured import CudaGraphs
from ._device import Device
from ._jobs import Job, Sought, Taken
from ._known import Codebook, Known, stamp
from ._queue import Queue
from ._runs import Runs
from ._tasks import OF_A_CLASSIFIER, TASKS, is_dear, is_long
from ._ways import ALONG_A_PATH, PICTURES, walks

__all__ = ["MOST", "BadCheckpoint", "Engine", "Given", "Sampling", "Search", "Sought", "Taken"]

PIECE = 32  # pictures at a time on a processor: more leave its caches (half the rate at 256) and make a slider wait
FEW = 4  # the most in one step of long work there: 32 would take a small net a quarter less time for each picture, and make a slider wait for 180 ms


class Engine:
    """Answers from the checkpoints in some folders; safe to call from any thread.

    device: "cpu", "cuda" or "zero" (ZeroGPU: the processor, and a borrowed card for what would take it long); None takes CUDA where there
    is one. runs: a folder of trainings, whose models are found by name, never listed, and only where `may(name)` says so to whoever asks.
    cache: where exported models are kept. budget: bytes of weights that stay loaded, of quick models and of slow ones; a model that
    alone has more is refused. batch: pictures at a time on a GPU. graphs: whether steps of small nets are captured as graphs, in the mode "cuda" alone.
    """

    def __init__(self, *roots: Path, device: str | None = None, cache: Path | None = None, budget: int = 1 << 30, batch: int = 256,
                 runs: Path | None = None, may: Callable[[str], bool] = lambda name: True, graphs: bool = True):
        self.mode = device or ("cuda" if torch.cuda.is_available() else "cpu")
        if self.mode not in ("cpu", "cuda", "zero"):
            raise ValueError(f"The device must be cpu, cuda or zero, not {device!r}.")
        self.roots = tuple(Path(root) for root in roots)
        self.cache = Path(cache) if cache else Path.home() / ".cache" / "latent-playground"
        card, processor = ("cuda", budget, batch, batch), ("cpu", budget, min(batch, PIECE), FEW)
        self._device = Device(*card, CudaGraphs if graphs else None) if self.mode == "cuda" else Device(*processor)
        self._queue = Queue(self._device)
        self._slow = Queue(Device(*processor)) if self.mode != "cuda" else self._queue
        self._borrowed = Borrowed(self._in_line, Device(*card)) if self.mode == "zero" else None
        self._known: dict[str, Known] = {}
        self._runs = Runs(runs, may) if runs else None
        self._exporting = threading.Lock()
        self.rescan()

    # What there is

    def rescan(self) -> tuple:
        """Look at the folders again, reading no file. Returns a value that differs when anything in them has changed."""
        if self._runs:
            self._runs.look_again()
        found = {name: (checkpoint, stamp(checkpoint.folder)) for name, checkpoint in find(*self.roots).items()}
        known = self._known
        self._known = {name: known[name] if name in known and known[name].stamp == now else Known(checkpoint, now)
                       for name, (checkpoint, now) in found.items()}
        return tuple(now for _, now in found.values())

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

    def looked_at(self, name: str) -> bool:
        """Whether everything here answers at once for this name: a checkpoint that is new may be large, so `look` at it in another thread."""
        known = self._known.get(name) or self._runs and self._runs.find(name)
        return known is not None and known.looked_at

    def look(self, name: str) -> None:
        """Look at a checkpoint, and at all others that are listed, if there is no such run."""
        known = self._runs.find(name) if self._runs and name not in self._known else None
        if known is None or known.problem:
            self.folders()

    def is_run(self, name: str) -> bool:
        """Whether this is the model of a training that whoever asks may use."""
        return bool(self._runs) and name not in self._known and self._runs.find(name) is not None

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

    def has_features(self, name: str) -> bool:
        """Whether this classifier knows the features of test pictures, so that `describe` can say how far others are from them."""
        return self._find(name).reference is not None

    def typical(self, name: str) -> Typical | None:
        """What evaluate kept of the codes and errors of test pictures; None where it kept nothing. BadCheckpoint if the file cannot be read."""
        return self._find(name).typical

    def codebook(self, name: str) -> Codebook | None:
        """The codes of the atlas, among which others are looked up; None for a model without an atlas. BadCheckpoint if it cannot be read."""
        return self._find(name).codebook

    @property
    def device_name(self) -> str:
        """Where pictures are made, as a person says it: "CPU", "H200", "CPU, with ZeroGPU for long work"."""
        return {"cpu": "CPU", "zero": "CPU, with ZeroGPU for long work"}.get(self.mode) or torch.cuda.get_device_name().removeprefix("NVIDIA ")

    # What it does

    def prior(self, name: str, n: int, seed: int, sampler: str = "normal") -> np.ndarray:
        """Latents float32 [n, *latent_shape] from N(0, I), or as a sampler of the model draws them ("gaussian", "mixture").

        The same seed gives the same numbers everywhere, those of N(0, I) also in the browser. ValueError says why where such
        latents do not decode to pictures.
        """
        check_count(n)
        model = self._latent_model(name)
        if model.PRIOR:
            raise ValueError(model.PRIOR)
        if sampler == "normal":
            return latents(seed, n, model.latent_shape)
        if sampler not in SAMPLERS:
            raise ValueError(f"There is no sampler of latents {sampler!r:.40}; there are {', '.join(SAMPLERS)}.")
        if (found := self._find(name).samplers.get(sampler)) is None:
            raise ValueError(f"{name} has no {sampler} sampler: nobody has fitted one to its codes, so it draws from N(0, I) only.")
        return found.draw(seed, n)

    def decode(self, name: str, z: np.ndarray, y: np.ndarray | None = None, options: Sampling | None = None) -> np.ndarray:
        """Latents [N, *latent_shape] and conditions [N, K] to pictures uint8 [N, H, W, C], by a model of many steps as `options` say."""
        return self.submit("decode", name, z, y, options).result()

    def encode(self, name: str, pixels: np.ndarray, y: np.ndarray | None = None) -> np.ndarray:
        """Pictures uint8 [N, H, W, C] to latents float32 [N, *latent_shape]."""
        return self.submit("encode", name, pixels, y).result()

    def invert(self, name: str, pixels: np.ndarray, y: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The latents float32 [N, *latent_shape] that come nearest to pictures uint8 [N, H, W, C], and the errors float32 [N] they leave.

        By the encoder where there is one, else by descent (see `latent.inversion`): seconds, not milliseconds. An error is the mean
        squared one of pixels in [0, 1].
        """
        found = self.submit("invert", name, pixels, y).result()
        return found[:, :-1].reshape(len(found), *self._latent_model(name).latent_shape), found[:, -1]

    def search(self, name: str, pixels: np.ndarray, y: np.ndarray | None = None,
               options: Search | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Codes float32 [N, A, *latent_shape] by descent from the encoder's guess, or for what is known of pictures, and their errors float32 [N, A].

        An error is that of the known pixels. It takes seconds; `submit` with `told` says after each step what has been found so far, and
        cancelling that leaves what was told last as the best.
        """
        found, shape = self.submit("search", name, pixels, y, options).result(), self._latent_model(name).latent_shape
        each = found.reshape(len(found), (options or Search()).answers, -1)
        return each[:, :, :-1].reshape(*each.shape[:2], *shape), each[:, :, -1]

    def score(self, name: str, pixels: np.ndarray, y: np.ndarray | None = None) -> np.ndarray:
        """The critic's judgement float32 [N] of pictures uint8 [N, H, W, C]; higher looks more real to it."""
        return self.submit("score", name, pixels, y).result()

    def classify(self, name: str, pixels: np.ndarray) -> np.ndarray:
        """Pictures uint8 [N, H, W, C] to probabilities float32 [N, K] by the classifier of that name."""
        return self.submit("classify", name, pixels).result()

    def describe(self, name: str, pixels: np.ndarray) -> np.ndarray:
        """As `classify` [N, K + 1], the last column the distance of the picture's features to those of the nearest test picture.

        In units of the distance that is usual among test pictures. A classifier without known features (see `has_features`) gives
        the K probabilities alone.
        """
        return self.submit("describe", name, pixels).result()

    def submit(self, task: str, name: str, x: np.ndarray, y: np.ndarray | None = None, options: Sampling | Search | None = None,
               whose: Hashable = None, told: Callable[[int, Sought | Taken], None] | None = None) -> Future:
        """Ask without waiting: task is the name of one of the methods above, the rest as in that method; or "path", which is decode by a
        model of many steps, or "noise", its encode in as many steps as `options` say.

        whose: people have turns, however many requests each of them has; a request of nobody in particular is a person of its own.
        told(row, found) hears of every step of a "search", a "path" or a "noise", in the thread that computes: it must be quick. "invert" gives
        latents and error in one array [N, D + 1], "search" one behind the other for each answer, [N, A * (D + 1)]. Raises here and now: KeyError
        for an unknown name, ValueError with one sentence for what does not fit. The future may raise BadCheckpoint, FloatingPointError if the
        answer is not finite, or MemoryError in words for a model that does not fit into memory.
        Cancelling it takes it out of the queue, or ends the work for it after the step that is being computed.
        """
        model = self._model_for(task, name)
        if task in PICTURES:
            x = checked_numbers(f"Latents of {name}", x, np.float32, model.latent_shape)
            options = checked_sampling(name, model, options)
        elif options is not None and task not in ("search", "noise"):
            raise ValueError("Ways of sampling are chosen for decode alone.")
        else:
            channels, height, width = model.image_shape
            x = checked_numbers(f"Pictures for {name}", x, np.uint8, (height, width, channels))
        y = checked_conditions(name, model, y, len(x))
        if task == "search":
            options = checked_search(model, options)
        if task == "noise":
            options = checked_way_back(options)
        if task == "describe" and (options := self._find(name).reference) is None:
            task = "classify"
        job = Job(self.checkpoint(name), task, x, y, options, is_long(task, type(model)), walks(task, type(model)), whose, told)
        return self._borrowed.submit(job) if self._borrowed and job.long and not told else self._in_line(job)  # a card tells nothing on the way

    def onnx(self, name: str) -> Path:
        """The decoder or classifier as an ONNX file (see `export.to_onnx`), made on first use and kept in the cache, of a run beside its model.

        ValueError in words for a model of many steps, which has none.
        """
        kept = self.checkpoint(name).folder.parent / "onnx" if self.is_run(name) else self.cache  # what is private goes with its run
        path = kept / f"{self.onnx_hash(name)}.onnx"
        with self._exporting:
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                write_whole(path, export.to_onnx(self.checkpoint(name).load()))
        return path

    def onnx_hash(self, name: str) -> str:
        """Names what `onnx` gives without making it: 16 hex digits for the weights, the config and the form of the export."""
        export.check(self.blueprint(name))
        checkpoint = self.checkpoint(name)
        content = (checkpoint.hash, checkpoint.about["family"], checkpoint.config, export.FORMAT, export.OPSET)
        return sha256(repr(content).encode()).hexdigest()[:16]

    def close(self) -> None:
        """Stop the threads. What still waits fails with a RuntimeError."""
        for one in (self._borrowed, self._queue, self._slow):
            if one:
                one.close()

    def _in_line(self, job: Job) -> Future:
        """On a processor, models of which one step takes long have a line and a thread of their own, so that no slider waits for that step."""
        return (self._slow if job.long and self._find(job.checkpoint.name).slow else self._queue).submit(job)

    def _find(self, name: str) -> Known:
        if name not in self._known and self._runs and (run := self._runs.find(name)):
            return run
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

    def _model_for(self, task: str, name: str) -> Trainable:
        """The blueprint of a model that can do this task; else ValueError says why it cannot."""
        if task not in (known := (*TASKS, "search", *ALONG_A_PATH)):
            raise ValueError(f"There is no task {task!r:.40}; there are {', '.join(known)}.")
        if task in OF_A_CLASSIFIER:
            if not isinstance(model := self.blueprint(name), Classifier):
                raise ValueError(f"{name} is no classifier.")
            return model
        model = self._latent_model(name)
        if task == "invert":
            if model.can("path") and not model.can("encode"):
                raise ValueError(f"{name} makes a picture in many steps and has no encoder, so the latent of a given picture cannot be found.")
        elif task == "search":
            if is_dear(type(model)):
                why = "many steps" if model.can("path") else "about a second"
                raise ValueError(f"{name} takes {why} for one picture, so no code is searched for by descent.")
        elif not model.can(ability := "path" if task in ALONG_A_PATH else task):
            raise ValueError(ABILITIES[ability])
        return model
