"""Old pickled weights become safetensors: in a process of their own with little memory, little time, and no way to run code."""

import json
import math
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

TABLES = ("state_dict", "model_state_dict", "generator", "netG")  # where a state dict may lie inside a file that holds more
KINDS = (torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.bool)
LONGEST_NAME, MOST_AXES = 200, 8
ADVICE = "Ask its author for a .safetensors file."


@dataclass(frozen=True)
class Limits:
    """What one conversion may take. file, pickle and memory (beyond what an empty process has) in bytes, cpu and wall in seconds."""

    file: int = 1 << 30
    pickle: int = 16 << 20
    memory: int = 3 << 30
    tensors: int = 10_000
    cpu: int = 120
    wall: float = 180.0


def convert(source: Path, target: Path, limits: Limits | None = None) -> tuple[str, ...]:
    """Write the tensors of a file that torch.save wrote (.bin, .pt, .pth) into a safetensors file. Returns what there is to say about it.

    A process without this one's environment reads it, as `torch.load(weights_only=True)`; where the system has limits for processes
    (memory on Linux, computing time and file size on any POSIX) they hold it, and everywhere its time is up after `limits.wall`.
    ValueError in one sentence for a file that asks for anything but tensors, claims more than it holds, or breaks a limit.
    """
    limits = limits or Limits()
    command = [sys.executable, "-P", __file__, str(source), str(target), json.dumps(asdict(limits))]
    bare = {"OMP_NUM_THREADS": "1"} if os.name == "posix" else None  # Windows starts nothing without its own variables
    try:
        child = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=bare, timeout=limits.wall)
        answer = _answer(child)
    except subprocess.TimeoutExpired:
        answer = {"refused": f"took more than {limits.wall:g} seconds to read. {ADVICE}"}
    if "refused" in answer:
        target.unlink(missing_ok=True)
        raise ValueError(f"{source.name} {answer['refused']}")
    return tuple(answer["account"])


def _answer(child: subprocess.CompletedProcess) -> dict[str, Any]:
    """What the process said last; a process that was ended says nothing."""
    if child.returncode == 0:
        return json.loads(child.stdout)
    said = "computing time" if os.name == "posix" and child.returncode in (-24, -9) else "memory"  # SIGXCPU, SIGKILL
    return {"refused": f"took more {said} than such a file may, and reading it was ended. {ADVICE}"}


# From here on in the process that reads


class Refused(Exception):
    """The rest of a sentence that begins with the file's name."""


def _main(source: str, target: str, limits: str) -> None:
    bounds = Limits(**json.loads(limits))
    try:
        _bound(bounds)
        answer = {"account": _converted(Path(source), Path(target), bounds)}
    except Refused as error:
        answer = {"refused": str(error)}
    except MemoryError:
        answer = {"refused": f"takes more memory than such a file may. {ADVICE}"}
    except OSError as error:
        answer = {"refused": f"could not be converted ({error.strerror})."}
    print(json.dumps(answer))


def _bound(limits: Limits) -> None:
    """The system ends this process, or denies it memory, beyond the limits. Windows and macOS know fewer of them."""
    if os.name != "posix":
        return
    import resource
    used = math.ceil(sum(resource.getrusage(resource.RUSAGE_SELF)[:2]))
    resource.setrlimit(resource.RLIMIT_CPU, (used + limits.cpu, used + limits.cpu))
    resource.setrlimit(resource.RLIMIT_FSIZE, (limits.file + limits.pickle, limits.file + limits.pickle))
    if sys.platform == "linux":  # the only one that keeps to it
        now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (now + limits.memory, now + limits.memory))


def _converted(source: Path, target: Path, limits: Limits) -> list[str]:
    _check_archive(source, limits)
    table, account = _table(_unpickled(source))
    weights = _checked(table, limits)
    if doubled := [name for name, tensor in weights.items() if tensor.dtype == torch.float64]:
        weights |= {name: weights[name].float() for name in doubled}
        account.append(f"{len(doubled)} tensors of float64 were rounded to float32.")
    try:
        save_file(weights, target)
    except Exception as error:  # the library has errors of its own for a full disk
        raise Refused(f"could not be converted ({error!s:.100}).") from None
    return account


def _check_archive(source: Path, limits: Limits) -> None:
    """Refused unless this is a zip archive as torch.save writes it: nothing compressed, so that nothing grows when it is unpacked."""
    if (size := source.stat().st_size) > limits.file:
        raise Refused(f"is {size >> 20:,} MB large; at most {limits.file >> 20:,} MB are read.")
    try:
        with zipfile.ZipFile(source) as archive:
            pieces = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        with source.open("rb") as file:
            begun = file.read(4) == b"PK\x03\x04"
        raise Refused("is damaged or was cut off. Fetch it again." if begun else
                      f"is not in the format that PyTorch has written since version 1.6; older pickles are not read. {ADVICE}") from None
    names = [piece.filename for piece in pieces]
    if len(names) > limits.tensors + 100:
        raise Refused(f"holds {len(names):,} pieces; a model has at most {limits.tensors:,} tensors.")
    if any(piece.compress_type != zipfile.ZIP_STORED for piece in pieces) or sum(piece.file_size for piece in pieces) > size:
        raise Refused("would unpack to more than it weighs, which no file of PyTorch does.")
    if any("/code/" in name for name in names):
        raise Refused(f"is a TorchScript program, not weights, and no code from a file is ever run here. {ADVICE}")
    if max((piece.file_size for piece in pieces if piece.filename.endswith(".pkl")), default=0) > limits.pickle:
        raise Refused(f"has a list of contents of more than {limits.pickle >> 20} MB.")


def _unpickled(source: Path) -> Any:
    try:
        return torch.load(source, map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception as error:  # what a stranger's pickle brings about is nothing but its own fault
        if "DefaultCPUAllocator" in str(error):
            raise MemoryError from None
        if asked := re.search(r"(?:GLOBAL|class) ([\w.]+)", str(error)):
            raise Refused(f"asks for {asked[1]:.80} while it is read: it is more than weights, and no code from a file is ever run here. {ADVICE}") from None
        raise Refused(f"cannot be read as weights. {ADVICE}") from None


def _table(content: Any) -> tuple[Mapping[str, Tensor], list[str]]:
    """The state dict in a file, which may lie one level down, and what is to be said about that."""
    if _is_table(content):
        return content, []
    inside = content if isinstance(content, Mapping) else {}
    for key in TABLES:
        if _is_table(inside.get(key)):
            return inside[key], [f"The weights lay under {key!r} in the file; what lay beside them was left out."]
    raise Refused(f"holds no table of tensors by name. {ADVICE}")


def _is_table(content: Any) -> bool:
    return isinstance(content, Mapping) and len(content) > 0 and all(isinstance(tensor, Tensor) for tensor in content.values())


def _checked(table: Mapping[str, Tensor], limits: Limits) -> dict[str, Tensor]:
    """Plain, finite tensors that have the numbers which their shapes claim, none of them sharing memory."""
    if len(table) > limits.tensors:
        raise Refused(f"holds {len(table):,} tensors; a model has at most {limits.tensors:,}.")
    found, total, seen = {}, 0, set()
    for name, tensor in table.items():
        if not isinstance(name, str) or not name.isprintable() or len(name) > LONGEST_NAME:
            raise Refused(f"has a tensor whose name is no plain text of at most {LONGEST_NAME} characters.")
        if type(tensor) not in (Tensor, nn.Parameter) or tensor.layout != torch.strided or tensor.device.type != "cpu" or tensor.dtype not in KINDS:
            raise Refused(f"holds {name} as {tensor.dtype}, {tensor.layout} on {tensor.device}; only plain tensors of numbers are read.")
        size = tensor.numel() * tensor.element_size()
        total += size
        if size > tensor.untyped_storage().nbytes() or total > limits.file or tensor.ndim > MOST_AXES:
            raise Refused(f"claims more numbers than it holds: {name} says that its shape is {list(tensor.shape)!s:.80}.")
        if not tensor.detach().isfinite().all():
            raise Refused(f"holds numbers that are not finite in {name}.")
        own = tensor.detach().contiguous()
        found[name] = own.clone() if own.untyped_storage().data_ptr() in seen or own.untyped_storage().nbytes() > size else own
        seen.add(own.untyped_storage().data_ptr())
    return found


if __name__ == "__main__":
    _main(*sys.argv[1:])
