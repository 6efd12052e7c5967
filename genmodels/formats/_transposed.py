"""What the shapes of a generator's weights say: its transposed convolutions, and the strides and paddings that give a sensible picture."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import islice

import torch
from torch import Tensor

from ._base import some

MOST_TENSORS, DEEPEST = 500, 8  # in one file, a critic and other generators among them; names inside each other that may come before a generator's own
Shape = tuple[int, int, int, int]  # kernel, stride, padding, extra rows
STATISTICS = ("running_mean", "running_var")
USUAL = {28: 1.0, 32: 0.0, 64: 0.0, 128: 0.0, 256: 0.0, 512: 0.0, 16: 1.0, 48: 1.0, 96: 1.0}  # sides of pictures, and what is against them
GREY_28 = -1.5  # the same of grey pictures: MNIST and its kin
UNUSUAL, NEAR, SMALLEST = 8.0, 3.5, 8  # what is against any other side; how much more against one that is still named; pixels


@dataclass(frozen=True)
class Layer:
    """A transposed convolution, weight [in, out, k, k] and bias [out], and the batch normalisation behind it, by the names of PyTorch."""

    name: str
    weight: Tensor
    bias: Tensor | None = None
    norm: Mapping[str, Tensor] | None = None

    @property
    def channels(self) -> int:
        return self.weight.shape[1]

    @property
    def kernel(self) -> int:
        return self.weight.shape[-1]


# Which tensors are the generator


def generator_in(tensors: Mapping[str, Tensor]) -> tuple[list[Layer], tuple[str, ...]]:
    """The layers of the generator among some tensors, whatever its prefix, and sentences on what was found. ValueError if there is none."""
    if len(tensors) > MOST_TENSORS:
        raise ValueError(f"These weights are no DCGAN generator: they are {len(tensors):,} tensors, and one has at most {MOST_TENSORS}.")
    prefixes = {name[:at] for name in tensors for at in (0, *(dot.end() for dot in islice(re.finditer(r"\.", name), DEEPEST)))}
    found, reasons = {}, {}
    for prefix in sorted(prefixes, key=lambda prefix: (prefix.count("."), prefix)):
        if any(prefix.startswith(wider) for wider in found):
            continue
        try:
            found[prefix] = _layers({name[len(prefix):]: tensor for name, tensor in tensors.items() if name.startswith(prefix)})
        except ValueError as error:
            reasons[prefix] = str(error)
    if not found:
        raise ValueError(f"These weights are no DCGAN generator: {reasons['']}")
    prefix = min(found, key=lambda prefix: ("ema" not in prefix.lower(), list(found).index(prefix)))
    layers, left = found[prefix], _beside(tensors, prefix)
    if parts := [name for name, nets in left.items() if not nets]:
        raise ValueError(f"These weights are no DCGAN generator: {reasons.get('') or f'{parts[0]} belongs to no net of its own.'}")
    channels = ", ".join(str(layer.channels) for layer in layers[:-1])
    return layers, (
        f"A DCGAN generator{f' under the names {prefix}*' if prefix else ''}: latents of {layers[0].weight.shape[0]} numbers, "
        f"{len(layers)} transposed convolutions of {channels} channels, {'grey' if layers[-1].channels == 1 else 'colour'} pictures.",
        *([f"Left out of the same file: {some(left)} (a critic, or another generator)."] if left else []))


def _beside(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, bool]:
    """What lies beside the names that begin with a prefix, and whether it is a net of its own, with convolutions; single numbers do not count."""
    found: dict[str, bool] = {}
    for name, tensor in tensors.items():
        if name.startswith(prefix) or tensor.ndim == 0:
            continue
        parts, shared = name.split("."), 0
        while parts[:shared + 1] == prefix.split(".")[:shared + 1]:
            shared += 1
        group = ".".join(parts[:shared + 1])
        found[group] = found.get(group, False) or tensor.ndim == 4
    return found


def _layers(tensors: Mapping[str, Tensor]) -> list[Layer]:
    """These tensors as a generator, in the order of their names. ValueError says what speaks against it."""
    modules: dict[str, dict[str, Tensor]] = {}
    for name in sorted(tensors, key=_natural):
        modules.setdefault(name.rpartition(".")[0], {})[name.rpartition(".")[2]] = tensors[name]
    convolutions = {name: parts for name, parts in modules.items() if "weight" in parts and parts["weight"].ndim == 4}
    norms = {name: _norm(name, parts) for name, parts in modules.items() if name not in convolutions}
    layers = [_convolution(name, parts) for name, parts in convolutions.items()]
    if len(layers) < 2:
        raise ValueError("they hold no stack of transposed convolutions.")
    for one, other in zip(layers, layers[1:], strict=False):
        if one.channels != other.weight.shape[0]:
            raise ValueError(f"{one.name} gives {one.channels} channels and {other.name} takes {other.weight.shape[0]}.")
    if layers[-1].channels not in (1, 3):
        raise ValueError(f"its pictures would have {layers[-1].channels} channels; there must be 1 or 3.")
    return _with_norms(layers, norms)


def _natural(name: str) -> list:
    """main.2 comes before main.10."""
    return [(not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in re.split(r"(\d+)", name)]


def _convolution(name: str, parts: Mapping[str, Tensor]) -> Layer:
    weight, bias = parts["weight"], parts.get("bias")
    if set(parts) - {"weight", "bias"} or weight.shape[2] != weight.shape[3] or bias is not None and bias.shape != weight.shape[1:2]:
        raise ValueError(f"{name} is no transposed convolution with a square kernel ({list(weight.shape)}).")
    return Layer(name, weight, bias)


def _norm(name: str, parts: Mapping[str, Tensor]) -> dict[str, Tensor]:
    if not set(parts) <= {"weight", "bias", "num_batches_tracked", *STATISTICS} or any(part.ndim > 1 for part in parts.values()):
        kind = "a linear layer or an embedding" if any(part.ndim == 2 for part in parts.values()) else f"made of {', '.join(sorted(parts))}"
        raise ValueError(f"{name or next(iter(parts))} is {kind}, which a DCGAN generator has not.")
    if not set(STATISTICS) <= set(parts):
        raise ValueError(f"{name} is a normalisation without running statistics: it would answer by what else is in the batch, "
                         "so that one picture changes another.")
    mean = parts["running_mean"]
    unsaid = {"weight": torch.ones_like(mean), "bias": torch.zeros_like(mean), "num_batches_tracked": torch.zeros((), dtype=torch.int64)}
    filled = unsaid | dict(parts)
    if any(filled[key].shape != mean.shape for key in ("weight", "bias", "running_var")):
        raise ValueError(f"{name} is a normalisation whose parts are of different sizes.")
    return filled


def _with_norms(layers: list[Layer], norms: dict[str, dict[str, Tensor]]) -> list[Layer]:
    """Each normalisation behind the first layer that is as wide and has none; they come in the order of the layers."""
    waiting, out = list(norms.items()), []
    for layer in layers:
        fits = bool(waiting) and len(waiting[0][1]["running_mean"]) == layer.channels
        out.append(replace(layer, norm=waiting.pop(0)[1]) if fits else layer)
    if waiting:
        raise ValueError(f"{waiting[0][0]} is a normalisation that fits behind none of the convolutions.")
    return out


# Strides and paddings, which no weight says


def side_after(shapes: Iterable[Shape], side: int = 1) -> int:
    """The side of the picture that grows out of one pixel."""
    for kernel, stride, padding, extra in shapes:
        side = (side - 1) * stride - 2 * padding + kernel + extra
    return side


def shapes_for(layers: list[Layer], wanted: int | None = None) -> tuple[list[Shape], tuple[str, ...]]:
    """Kernel, stride, padding and extra rows of each layer, the most usual that come to a usual side (or to `wanted`), and sentences that say so.

    ValueError where they come to no picture of 8 to 512 pixels.
    """
    best: dict[int, tuple[float, list[Shape]]] = {1: (0.0, [])}  # by side: what is against the way there, and the way
    even = any(layer.kernel % 2 == 0 for layer in layers[1:])
    for place, layer in enumerate(layers):
        reached: dict[int, tuple[float, list[Shape]]] = {}
        for side, (against, way) in best.items():
            for more, *shape in _ways(layer.kernel, place == 0, place == len(layers) - 1, even):
                shape = (layer.kernel, *shape)
                there = side_after([shape], side)
                if 1 <= there <= 512 and against + more < reached.get(there, (1e9,))[0]:
                    reached[there] = against + more, [*way, shape]
        best = reached
    grey = layers[-1].channels == 1
    total = {side: against + (GREY_28 if grey and side == 28 else USUAL.get(side, UNUSUAL)) for side, (against, _) in best.items() if side >= SMALLEST}
    if not total:
        raise ValueError("These weights are no DCGAN generator: their kernels come to no picture of 8 to 512 pixels.")
    side = wanted if wanted in total else min(total, key=total.__getitem__)
    others = [one for one in sorted(total) if one != side and one in USUAL and total[one] <= total[side] + NEAR]
    return best[side][1], _on_size(layers, best[side][1], side, wanted, others)


def _ways(kernel: int, first: bool, last: bool, even: bool) -> list[tuple[float, int, int, int]]:
    """What is against each stride, padding and number of extra rows for a kernel in its place; `even`: whether others have even kernels, which double."""
    if first:
        return [(0.0, 1, 0, 0)]
    if kernel == 1:
        return [(0.0, 1, 0, 0), *([(0.5, 1, 2, 0)] if last else [])]  # a 1x1 kernel with padding crops 32 to 28
    half = (kernel - 1) // 2
    refines = last and even  # an odd kernel at the end of even ones keeps the side
    usual = [(0.0, 2, kernel // 2 - 1, 0)] if kernel % 2 == 0 else [(float(refines), 2, half, 1), (1.0, 2, half, 0), (float(not refines), 1, half, 0)]
    return [*usual, (2.0, 2, 0, 0), (2.0, 1, 0, 0), *([(3.0, 2, 3, 0)] if kernel == 4 and last else [])]


def _on_size(layers: list[Layer], way: list[Shape], side: int, wanted: int | None, others: list[int]) -> tuple[str, ...]:
    """What was taken, why, and what else the same weights could be."""
    usual = [_ways(layer.kernel, place == 0, False, False)[0][1:] for place, layer in enumerate(layers)]
    odd = [f"stride {shape[1]} and padding {shape[2]}{f' and {shape[3]} extra row' if shape[3] else ''} in layer {k}"
           for k, (shape, plain) in enumerate(zip(way, usual, strict=True), 1) if shape[1:] != plain]
    taken = f"taken were {', '.join(odd)} and the usual ones elsewhere" if odd else "the usual ones were taken"
    why = f", since its config says {side}x{side}" if wanted == side else f", which come to {side}x{side}{', a usual size' if side in USUAL else ''}"
    return (f"Strides and paddings are not in the weights: {taken}{why}."
            + (f" The same weights could also give {' or '.join(f'{one}x{one}' for one in others)}." if others else ""),
            *([f"Its config says {wanted}x{wanted}, which these layers cannot give."] if wanted and wanted != side else []),
            "ReLU between the layers, tanh at the end and latents from N(0, I) are taken as in PyTorch's example; weights do not say them.")
