"""For programs: a model by its name, pictures in and out as NumPy arrays, without a page."""

import re
from collections.abc import Hashable, Sequence
from copy import deepcopy
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .checkpoint import NAME, find
from .client import Hub, Progress
from .engine import MOST, Engine, Sampling
from .latent import points
from .latent.directions import arithmetic
from .latent.walks import WALKS, through
from .models import LatentModel
from .normal import latents

BUNDLED = Path(__file__).parents[1] / "checkpoints"
AXES = ("across", "up")  # of the map of a model whose latents are like pictures, or longer than ROUND
ROUND = 256
MOST_SAID = 12  # names in one sentence


def load(name: str | Path, *, data: str | Path = "data", device: str | None = None, hub: Hub | None = None,
         progress: Progress | None = None) -> "Model":
    """A model that is ready to use.

    name: a bundled model ("mnist-vae-2d") or one of your own in DATA/checkpoints, the path of a checkpoint folder, or
    "owner/name[@revision]" on the Hugging Face Hub, which is fetched once into DATA/fetched and is read from there ever after; the app
    keeps its models in the same two folders of its DATA_DIR. device: "cpu" or "cuda"; None takes CUDA where there is one. hub: None is the
    one that HF_ENDPOINT and HF_TOKEN name. progress(done, total, "bytes") is called while a model is fetched.

    Raises, each with one sentence: FileNotFoundError where there is no such model, ValueError where it cannot be used (BadCheckpoint
    among them), and what `genmodels.client` says of a Hub that does not answer.
    """
    root, name = _found(str(name), Path(data), hub, progress)
    engine = Engine(*([root] if root else [BUNDLED, Path(data) / "checkpoints", Path(data) / "fetched"]), device=device)
    try:
        return Model(engine, name)
    except BaseException:
        engine.close()
        raise


def _found(name: str, data: Path, hub: Hub | None, progress: Progress | None) -> tuple[Path | None, str]:
    """The folder in which the model lies and its name there; no folder where it is known by its name alone."""
    folder, is_path = Path(name).resolve(), Path(name).name != name
    if (folder / "config.json").exists():
        if not NAME.fullmatch(folder.name):
            raise ValueError(f"Rename the folder {folder.name!r:.100}: a checkpoint's name has letters, digits and . _ - only.")
        return folder.parent, folder.name
    if folder.is_dir() and is_path or Path(name).is_absolute() or name.startswith("."):
        raise FileNotFoundError(f"{name} is no checkpoint: there is no config.json in such a folder.")
    if not is_path:
        return None, name
    from .hub import Shelf  # the Hub's client is needed on this road only
    shelf = Shelf(data / "fetched", hub or Hub())
    return shelf.folder, shelf.fetch(name, progress).name


class Model:
    """A model of an engine under its name. Safe to call from any thread; use it in a `with`, or `close` it, to let its thread go.

    Wherever latents are asked for there may stand: an array [N, *latent_shape], one latent [*latent_shape], a point as the page's
    address has it ("seed:7", "seed:7 + 2*Slant", "mix(seed:1, seed:2, 0.5)"), or a list of points. The same seed and the same point are the same
    picture as in the page. ValueError says in one sentence what does not fit.

    label: a name of `conditions`, or one for each picture; None says nothing, but for a row of the atlas its own class.
    how: for models of many steps, by keyword, `steps`, `solver` (a name of `solvers`), `eta` (DDIM's share of fresh noise, 0 to 1),
    `noise` (that noise's seed) and `guidance` (0 to 20); what is not given is the model's own choice.
    whose: who asks, for an engine whose time many share (see `Engine.submit`).
    """

    def __init__(self, engine: Engine, name: str, whose: Hashable = None):
        try:
            blueprint = engine.blueprint(name)
        except KeyError:
            raise FileNotFoundError(f"There is no model {name!r:.100}; there are {', '.join(find(*engine.roots))}. "
                                    "A folder is named by its path, a model on the Hub as owner/name.") from None
        if not isinstance(blueprint, LatentModel):
            raise ValueError(f"{name} is a classifier: it has no latent space.")
        self._engine, self._blueprint, self._whose, self.name = engine, blueprint, whose, name
        self.latent_shape: tuple[int, ...] = tuple(blueprint.latent_shape)
        channels, height, width = blueprint.image_shape
        self.picture_shape: tuple[int, int, int] = (height, width, channels)
        self.conditions: tuple[str, ...] = tuple(blueprint.conditions)  # what `label` may be
        self.solvers: tuple[str, ...] = tuple(blueprint.SAMPLERS)  # of a model of many steps, its own choice first
        self.steps: int = getattr(blueprint.config, "steps", 50) if self.can("path") else 1  # to a picture, unless told otherwise

    def __repr__(self) -> str:
        return f"<{self.name}: latents {list(self.latent_shape)}, pictures {list(self.picture_shape)}>"

    def __enter__(self) -> "Model":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        """Let its thread and its weights go."""
        self._engine.close()

    @property
    def about(self) -> dict[str, Any]:
        """What config.json says: family, dataset, model (every setting), recipe, licence."""
        return deepcopy(self._engine.checkpoint(self.name).about)

    def can(self, ability: str) -> bool:
        """Whether it offers "encode", "path" (it makes pictures in many steps) or another of `genmodels.models.ABILITIES`."""
        return self._blueprint.can(ability)

    def sample(self, n: int, seed: int = 0, sampler: str = "normal", label=None, **how) -> np.ndarray:
        """n new pictures uint8 [n, H, W, C], the same for the same seed (0 to 4294967295). n is 1 to 4096.

        sampler: "normal" draws latents from N(0, I); "gaussian" and "mixture" from what was fitted to the codes of training pictures.
        """
        check_whole("n", n, 1, MOST)
        check_whole("seed", seed, 0, points.LAST_SEED)
        return self.decode(self._engine.prior(self.name, n, seed, sampler), label, **how)

    def decode(self, z, label=None, **how) -> np.ndarray:
        """Latents to pictures uint8 [N, H, W, C]. `how` is said above."""
        rows = self.latents(z)
        return self._decoded(rows, self._told(label, z, len(rows)), **how)

    def encode(self, pictures, label=None) -> np.ndarray:
        """Pictures uint8 [N, H, W, C], or one [H, W, C], to latents float32 [N, *latent_shape]."""
        pictures = np.asarray(pictures)
        pictures = pictures[None] if pictures.ndim == len(self.picture_shape) else pictures
        return self._engine.submit("encode", self.name, pictures, self._told(label, None, len(pictures)), whose=self._whose).result()

    def picture(self, point: str, label=None, **how) -> np.ndarray:
        """The picture uint8 [H, W, C] at a point."""
        return self.decode([point], label, **how)[0]

    def interpolate(self, a, b, frames: int = 9, walk: str = "auto", label=None, **how) -> np.ndarray:
        """The pictures uint8 [frames, H, W, C] on the way from a to b, both included. An end is a point, a latent, or a picture
        uint8 [H, W, C] that the model can encode; label is one name, or one for each end, and what is said goes over from one to the other.

        walk: "straight", "arc" (along the sphere on which random latents lie), or "auto", which is the one that suits the model. frames
        is 2 to 4096.
        """
        check_whole("frames", frames, 2, MOST)
        if walk not in ("auto", *WALKS):
            raise ValueError(f"There is no walk {walk!r:.40}; there are auto, {', '.join(WALKS)}.")
        drawn = not self.can("encode") or self.can("path") or self.can("log_prob")  # its latents are draws of N(0, I), which lie on a sphere
        kind = ("arc" if drawn else "straight") if walk == "auto" else walk
        labels = [label, label] if label is None or isinstance(label, str) else label
        told = self._told(labels if label is not None else None, [a, b], 2)
        z = through([torch.from_numpy(self._end(end)) for end in (a, b)], frames, kind)
        y = None if told is None else through(list(torch.from_numpy(told)), frames).numpy()
        return self._decoded(z.numpy(), y, **how)

    @property
    def directions(self) -> dict[str, str]:
        """The directions that a point may name, as in "seed:7 + 2*Slant", each with a sentence on how it came about."""
        return {one.word: one.about for one in self._engine.checkpoint(self.name).directions}

    def arithmetic(self, a, b, c) -> dict[str, np.ndarray]:
        """A - B + C: the latents [*latent_shape] of every step, "A", "B", "A - B", "C" and "A - B + C". Where several latents stand for
        one of the three, their mean is taken."""
        steps = arithmetic(*(self.latents(z) for z in (a, b, c)))
        return {name: z.reshape(self.latent_shape) for name, z in steps.items()}

    def latents(self, z) -> np.ndarray:
        """What stands for latents as numbers [N, *latent_shape]."""
        if texts := _texts(z):
            return np.stack([points.resolve(points.parse(text), self._lookup, self.latent_shape) for text in texts])
        try:
            z = np.asarray(z)
        except ValueError:  # rows of different lengths
            z = np.empty(0, object)
        if z.dtype.kind not in "fiu":
            raise ValueError(f"Latents of {self.name} must be numbers [N, {', '.join(map(str, self.latent_shape))}] or points such as seed:7.")
        return z[None] if z.shape == self.latent_shape else z

    def _decoded(self, z: np.ndarray, y: np.ndarray | None, *, steps: int = 0, solver: str = "", eta: float = 0.0,
                 guidance: float | None = None, noise: int = 0) -> np.ndarray:
        return self._engine.submit("decode", self.name, z, y, Sampling(solver, steps, eta, guidance, noise), self._whose).result()

    def _end(self, end) -> np.ndarray:
        """One latent [*latent_shape]."""
        if isinstance(end, np.ndarray) and end.dtype == np.uint8:
            return self.encode(end)[0]
        z = self.latents(end)
        if z.shape != (1, *self.latent_shape):
            raise ValueError(f"An end of a walk is one latent {list(self.latent_shape)}, a point, or a picture {list(self.picture_shape)} "
                             f"of uint8, not {z.dtype} {list(z.shape)}.")
        return z[0].astype(np.float32)

    def _lookup(self, kind: str, key: int | str) -> np.ndarray | None:
        if kind == "seed":
            return latents(int(key), 1, self.latent_shape)[0]
        if kind == "atlas":
            codes = self._atlas.get("codes", ())
            return codes[int(key)].reshape(self.latent_shape) if int(key) < len(codes) else None
        if key in AXES and (len(self.latent_shape) > 1 or self.latent_shape[0] > ROUND):
            return self._axes[AXES.index(key)].reshape(self.latent_shape)
        if kind == "direction":
            return self._step(str(key))
        raise points.BadPoint(f"{key} is a {kind}, which this model does not know; write the point that stands for it.")

    def _step(self, word: str) -> np.ndarray:
        """One sigma of a direction [*latent_shape]. BadPoint where the model has none of that name."""
        try:
            steps = {one.word: one.step for one in self._engine.checkpoint(self.name).directions}
        except ValueError as error:
            raise points.BadPoint(str(error)) from None
        if word not in steps:
            more = f" and {len(steps) - MOST_SAID} more" if len(steps) > MOST_SAID else ""
            raise points.BadPoint(f"{self.name} has no direction {word:.40}; it has {', '.join(list(steps)[:MOST_SAID]) or 'none'}{more}.")
        return steps[word].reshape(self.latent_shape)

    @cached_property
    def _atlas(self) -> dict[str, np.ndarray]:
        return self._engine.checkpoint(self.name).atlas()

    @cached_property
    def _axes(self) -> np.ndarray:
        """The two directions [2, D] of the page's map of a model with long latents, which its links name."""
        if "axes" in self._atlas:
            return self._atlas["axes"]
        u, v = (latents(seed, 1, self.latent_shape).ravel().astype(np.float64) for seed in (1, 2))
        u /= np.linalg.norm(u)
        v -= (v @ u) * u
        return np.stack([u, v / np.linalg.norm(v)])

    def _told(self, label: str | Sequence[str | None] | None, z, n: int) -> np.ndarray | None:
        """Labels as conditions float32 [n, K]: one where something is said, else zero. Unsaid, a row of the atlas says its own."""
        if label is None:
            labels = [self._own_label(text) for text in _texts(z)] if self.conditions else []
            return self._rows(labels) if any(labels) else None
        if not self.conditions:
            raise ValueError(f"{self.name} takes no label: it was trained without.")
        if not isinstance(label, str | Sequence | np.ndarray):
            raise ValueError(f"A label is a name or a list of names, not {type(label).__name__}.")
        labels = [label] * n if isinstance(label, str) else list(label)
        if len(labels) != n:
            raise ValueError(f"There are {len(labels)} labels for {n}.")
        for one in labels:
            if one is not None and (not isinstance(one, str) or one not in self.conditions):
                raise ValueError(f"{self.name} has no label {one!r:.40}; there are {', '.join(self.conditions)}.")
        return self._rows(labels)

    def _rows(self, labels: Sequence[str | None]) -> np.ndarray:
        return np.array([[one == name for name in self.conditions] for one in labels], np.float32)

    def _own_label(self, text) -> str | None:
        """The label of a row of the atlas that a text names and nothing else, as the page tells it."""
        row = re.fullmatch(r"atlas:(\d{1,10})", text) if isinstance(text, str) else None
        labels = self._atlas.get("labels", ()) if row else ()
        return self.conditions[labels[int(row[1])]] if row and int(row[1]) < len(labels) and labels[int(row[1])] < len(self.conditions) else None


def _texts(z) -> list:
    """The points in what stands for latents, or for two ends; none where that is numbers."""
    return [z] if isinstance(z, str) else list(z) if isinstance(z, list | tuple) and any(isinstance(one, str) for one in z) else []


def check_whole(what: str, value, least: int, most: int) -> None:
    """ValueError unless the value is a whole number in this range."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not least <= value <= most:
        raise ValueError(f"{what} must be a whole number from {least} to {most}, not {value!r:.40}.")
