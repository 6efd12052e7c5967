"""The checkpoint folders as they were when last looked at: what is wrong with them, and what lies beside their weights."""

import logging
from dataclasses import dataclass
from functools import cached_property
from math import prod
from pathlib import Path

import numpy as np

from ..checkpoint import BadCheckpoint, Checkpoint
from ..latent.hashing import Hash
from ..latent.samplers import Sampler
from ..latent.typical import Typical
from ..models import LatentModel
from ._tasks import flops, is_dear

SLOW = 5e9  # floating point operations: about a tenth of a second of a processor core
WATCHED = ("config.json", "model.safetensors", "metrics.json", "atlas.npz", "samplers.npz", "features.npz", "typical.npz",
           "directions.json", "directions.safetensors")


@dataclass(frozen=True, eq=False)
class Reference:
    """Features float32 [M, F] of test pictures, as a classifier describes them, and the distance that counts as one."""

    features: np.ndarray
    reach: float


@dataclass(frozen=True, eq=False)
class Codebook:
    """The codes float32 [M, D] of an atlas; drawn: whether they are draws of the prior, not codes of test pictures.

    hash and bits bool [M, B]: what short codes are by semantic hashing; None where no hash was fitted.
    """

    codes: np.ndarray
    drawn: bool
    hash: Hash | None
    bits: np.ndarray | None


class Known:
    """A checkpoint folder as it was when last looked at; what was read of it is kept."""

    def __init__(self, checkpoint: Checkpoint, stamp: tuple):
        self.checkpoint, self.stamp = checkpoint, stamp

    @cached_property
    def problem(self) -> str | None:
        """Why the folder cannot be used, in one sentence; None where it can."""
        try:
            self.checkpoint.check(), self.checkpoint.hash  # asked for what they raise
            if issubclass(self.checkpoint.family, LatentModel):
                self.slow  # noqa: B018  so that it is known, too
        except BadCheckpoint as error:
            return str(error)
        except Exception as error:  # whatever a stranger's folder does, it spoils itself alone
            logging.exception("checkpoint %s cannot be used", self.checkpoint.name)
            return f"{self.checkpoint.name}: the folder cannot be used ({type(error).__name__}: {error!s:.150})."
        return None

    @cached_property
    def slow(self) -> bool:
        """Whether a single step to a single picture of this latent model takes a processor longer than a hand may wait."""
        if not is_dear(self.checkpoint.family):
            return False
        model = self.checkpoint.blueprint
        most = 2 * sum(p.numel() for p in model.parameters()) * prod(model.image_shape[1:])  # if every weight met every pixel; to count takes a second
        return most > SLOW and flops(model) > SLOW

    @property
    def looked_at(self) -> bool:
        """Whether what takes a while to find out is known: to read large weights, or to import what a foreign model needs."""
        return "problem" in vars(self)

    @cached_property
    def samplers(self) -> dict[str, Sampler]:
        """What draws latents for this model, by kind. BadCheckpoint if the file cannot be read."""
        return self.checkpoint.samplers()

    @cached_property
    def typical(self) -> Typical | None:
        """What evaluate kept of test pictures. BadCheckpoint if the file cannot be read."""
        return self.checkpoint.typical()

    @cached_property
    def codebook(self) -> Codebook | None:
        """The codes of the atlas with their bits. BadCheckpoint if a file cannot be read."""
        if not (atlas := self.checkpoint.atlas()):
            return None
        codes, found = np.asarray(atlas["codes"], np.float32), self.checkpoint.hash_of_codes()
        codes = codes.reshape(len(codes), -1)
        return Codebook(codes, "seed" in atlas, found, found.bits(codes) if found else None)

    @cached_property
    def reference(self) -> Reference | None:
        """What a classifier compares pictures with, where its folder brings it. BadCheckpoint if the file cannot be read."""
        stored = self.checkpoint.features()
        return Reference(stored["features"].astype(np.float32), float(stored["reach"])) if stored else None


def stamp(folder: Path) -> tuple:
    """Changes when one of the checkpoint's files does."""
    return str(folder), *[_state(folder / name) for name in WATCHED]


def _state(path: Path) -> tuple[int, int] | None:
    try:
        state = path.stat()
    except OSError:  # what else it is that stands in the way is said when the file is read
        return None
    return state.st_mtime_ns, state.st_size
