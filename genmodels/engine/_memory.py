"""The models in memory: brought in by threads of their own, kept up to a budget of bytes, the least recently used dropped first."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..checkpoint import Checkpoint
from ..models import LatentModel, Trainable
from ..nets import out_of_memory
from ._captured import Captured
from ._tasks import half_fits

LARGE = 64 << 20  # bytes of weights from which on models are loaded one after the other
COPIES = 3  # of the weights while they are loaded: the file, what is unpacked of it, and the model
CONTAINER = (("memory.max", "memory.current"), ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"))  # cgroups 2 and 1


@dataclass(eq=False)
class Loaded:
    """A model on the device. half: whether bfloat16 is good enough for its pictures; size: bytes of its weights.

    traces: its tasks as TorchScript. captured: its steps as graphs, without and with bfloat16. rows: how many pictures a step of its long tasks
    may have, by kind.
    """

    model: Trainable
    half: bool
    size: int
    traces: dict[str, Callable[..., Tensor]] = field(default_factory=dict)
    captured: dict[bool, Captured] = field(default_factory=dict)
    rows: dict[tuple, int] = field(default_factory=dict)


class Memory:
    """All of it belongs to the thread that computes; only the loading itself happens elsewhere. Long work holds its own model until it ends."""

    def __init__(self, place: torch.device, budget: int):
        self.place, self.budget = place, budget
        self.loaded: OrderedDict[tuple[Path, str], Loaded] = OrderedDict()  # least recently used first
        self.alone = threading.Lock()  # for large models

    def get(self, checkpoint: Checkpoint) -> Loaded:
        """The model, loaded here and now if nobody has brought it. Errors as in `bring`."""
        key = checkpoint.folder, checkpoint.hash
        if key not in self.loaded:
            self._clear_for(size_of(checkpoint))
            self.keep(checkpoint, self._load(checkpoint))
        self.loaded.move_to_end(key)
        return self.loaded[key]

    def peek(self, checkpoint: Checkpoint) -> Loaded | None:
        """The model if it is here."""
        return self.loaded.get((checkpoint.folder, checkpoint.hash))

    def bring(self, checkpoint: Checkpoint, tell: Callable[[Future], Any]) -> None:
        """Load a model in a thread of its own, which at its end calls `tell` with what can be kept.

        That raises BadCheckpoint, or MemoryError in words for a model that is larger than the budget or the free memory.
        """
        self._clear_for(size := size_of(checkpoint))
        coming: Future[Loaded] = Future()
        coming.add_done_callback(tell)

        def work() -> None:
            if self.place.type == "cpu":
                torch.set_num_threads(1)
            try:
                if size < LARGE:
                    coming.set_result(self._load(checkpoint))
                    return
                with self.alone:
                    loaded = self._load(checkpoint)
                coming.set_result(loaded)
            except Exception as error:
                coming.set_exception(error)

        threading.Thread(target=work, name="engine-loading", daemon=True).start()

    def keep(self, checkpoint: Checkpoint, model: Loaded) -> None:
        """Put a model among those that are here, in the place of others where that is necessary."""
        self.make_room(model.size)
        self.loaded[checkpoint.folder, checkpoint.hash] = model

    def make_room(self, size: int) -> None:
        """Drop models until `size` more bytes fit the budget."""
        while self.loaded and size + sum(one.size for one in self.loaded.values()) > self.budget:
            self.loaded.popitem(last=False)
        if self.place.type == "cuda":
            torch.cuda.empty_cache()

    def _clear_for(self, size: int) -> None:
        """Drop what stands in the way of a model that is about to be loaded; nothing for one that will not be."""
        if size > self.budget:
            return
        self.make_room(size)
        while self.loaded and size >= LARGE and COPIES * size > free_memory():
            self.loaded.popitem(last=False)

    def _load(self, checkpoint: Checkpoint) -> Loaded:
        size = size_of(checkpoint)
        if size > self.budget:
            raise MemoryError(f"{checkpoint.name} needs {size >> 20:,} MB for its weights, and {self.budget >> 20:,} MB are kept for models here. "
                              "Take a smaller model.")
        if size >= LARGE and COPIES * size > (free := free_memory()):
            raise MemoryError(f"To load {checkpoint.name} takes {COPIES * size >> 20:,} MB of memory, and {int(free) >> 20:,} MB are free here. "
                              "Close other programs, or take a smaller model.")
        try:
            model = checkpoint.load().to(self.place, memory_format=torch.channels_last)
            if self.place.type != "cuda":
                return Loaded(model, False, size)
            torch.set_float32_matmul_precision("high")  # TF32; convolutions use it anyway
            return Loaded(model, isinstance(model, LatentModel) and half_fits(model), size)
        except RuntimeError as error:
            if not out_of_memory(error):
                raise
            said = str(error)
        raise MemoryError(f"The memory of the device does not suffice for {checkpoint.name} ({said:.100}).")


def size_of(checkpoint: Checkpoint) -> int:
    """Bytes of a model's weights in memory; no file is read."""
    return sum(tensor.nbytes for tensor in checkpoint.blueprint.state_dict().values())


def free_memory(proc: Path = Path("/proc/meminfo"), groups: Path = Path("/sys/fs/cgroup")) -> float:
    """Bytes that this machine, and the container around this process, have left; infinite where the system does not say."""
    left = [inf]
    if proc.exists():
        left += [1024 * int(line.split()[1]) for line in proc.read_text().splitlines() if line.startswith("MemAvailable:")]
    for most, used in CONTAINER:
        if (groups / most).exists() and (limit := (groups / most).read_text().strip()) != "max":
            cached = (groups / most).with_name("memory.stat")
            spare = [int(line.split()[1]) for line in cached.read_text().splitlines() if line.startswith("inactive_file ")] if cached.exists() else []
            left.append(int(limit) - int((groups / used).read_text()) + sum(spare))
    return max(0, min(left))
