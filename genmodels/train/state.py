"""The saved state that a training goes on from: step, weights, averages and optimizers, in two whole files."""

import hashlib
import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save
from torch import nn

from ..checkpoint import write_whole
from .loop import Diverged, Trainer


def packed(trainer: Trainer) -> bytes:
    """The trainer's whole state as a safetensors file. Diverged if it is not finite."""
    tensors = {f"model/{k}": v for k, v in trainer.model.state_dict().items()}
    tensors |= {f"average/{k}": v for k, v in trainer.average.state_dict().items()}
    for player, optimizer in trainer.optimizers.items():
        for index, values in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer/{player}/{index}/{key}": value for key, value in values.items()}
    if not all(t.isfinite().all() for t in tensors.values()):
        raise Diverged("The weights are no longer numbers. A smaller learning rate usually helps.")
    return save({k: v.detach().cpu().contiguous() for k, v in tensors.items()},
                {"step": str(trainer.step), "rate_factor": repr(trainer.rate_factor)})


def save_state(folder: Path, trainer: Trainer) -> None:
    """Write the trainer's whole state and keep the one before it. Diverged, and nothing written, if it is not finite."""
    content = packed(trainer)
    folder.mkdir(exist_ok=True)
    path = folder / f"{trainer.step:09d}-{_digest(content)}.safetensors"
    write_whole(path, content)
    older = sorted(p for p in folder.glob("*.safetensors") if p.name < path.name)
    for other in set(folder.iterdir()) - {path, *older[-1:]}:  # also what a crash left, or a future that was rolled back
        other.unlink()


def load_state(folder: Path, trainer: Trainer) -> bool:
    """Set the trainer to the newest whole state, and remove a damaged one, which must not stand for the older one later. False where there is none."""
    damaged: list[Path] = []
    for path in sorted(folder.glob("*.safetensors"), reverse=True):
        content = path.read_bytes()
        if path.stem.split("-")[-1] != _digest(content):
            damaged.append(path)  # the older one serves
            continue
        try:
            restore(trainer, content)
        except SafetensorError:
            continue
        for other in damaged:
            other.unlink()
        return True
    return False


def newest(folder: Path) -> Path | None:
    """The file of the newest whole state, None where there is none."""
    return next((path for path in sorted(folder.glob("*.safetensors"), reverse=True)
                 if path.stem.split("-")[-1] == _digest(path.read_bytes())), None)


def fitting(path: Path, model: nn.Module) -> int:
    """How many of a model's weights (its parameters alone) have the same name and shape in a state."""
    found = shapes(path)
    return sum(found.get(f"model/{name}") == tuple(one.shape) for name, one in model.named_parameters())


def shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """The shapes of a state's tensors by name; no number is read."""
    with safe_open(path, "pt") as file:
        return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118  a safetensors file is no dict


def begin_with(path: Path, trainer: Trainer) -> None:
    """Give a trainer that has made no step the weights of another training's state, where names and shapes are the same.

    It learns as from the start otherwise: no step counts, and its optimizers know nothing. Both begin with the averaged weights, which are
    what was shown of that training.
    """
    with safe_open(path, "pt") as file:
        for module in (trainer.model, trainer.average):
            own = module.state_dict()
            for name in file.keys():  # noqa: SIM118
                part, _, key = name.partition("/")
                if part == "average" and key in own and tuple(file.get_slice(name).get_shape()) == tuple(own[key].shape):
                    own[key].copy_(file.get_tensor(name))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]


def _metadata(content: bytes) -> dict[str, str]:
    """The text entries in a safetensors header, which `load` does not return."""
    size = int.from_bytes(content[:8], "little")
    return json.loads(content[8:8 + size])["__metadata__"]


def restore(trainer: Trainer, content: bytes) -> None:
    """Set a trainer to a packed state. SafetensorError where it is none."""
    tensors, metadata = load(content), _metadata(content)
    trainer.step, trainer.rate_factor, trainer.bad = int(metadata["step"]), float(metadata["rate_factor"]), 0
    trainer.unread.clear()
    for part, module in (("model", trainer.model), ("average", trainer.average)):
        module.load_state_dict({k.removeprefix(f"{part}/"): v for k, v in tensors.items() if k.startswith(f"{part}/")})
    stage, _ = trainer.stage_at(max(0, trainer.step - 1))
    trainer.start(stage)
    for player, optimizer in trainer.optimizers.items():
        state: dict[int, dict] = {}
        for name, value in tensors.items():
            if name.startswith(f"optimizer/{player}/"):
                *_, index, key = name.split("/")
                state.setdefault(int(index), {})[key] = value
        optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
        for parameter, values in optimizer.state.items():
            # A fused optimizer walks parameter and moments side by side in memory, so both need one layout (channels last).
            values |= {k: torch.empty_like(parameter).copy_(v) for k, v in values.items() if v.shape == parameter.shape and v.ndim > 1}
