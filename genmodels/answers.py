"""All that a model can be asked for, asked once; and whether other weights give the same answers to the eye."""

import copy
from collections import deque

import torch
from torch import Tensor

from .models import LatentModel, Trainable
from .normal import latents

GREY_LEVEL = 2 / 255  # of pictures in [-1, 1]
CODE_STEP = 1 / 64  # sigmas: codes that differ by less look the same


@torch.no_grad()
def answers_of(model: Trainable, n: int, x: Tensor | None = None, steps: int = 0) -> list[tuple[str, Tensor]]:
    """All that a model can be asked for, asked once.

    Of a latent model, "pictures" [n, C, H, W] of fixed latents and, where it has an encoder, "codes" [n, *latent_shape] of the
    pictures x [n, C, H, W], its own where none are given; each without conditions and, where it takes some, with every class in
    turn. Of a classifier "names", probabilities [n, K] for fixed noise. With `steps`, a model of many steps makes
    its pictures in so few and is asked for no codes, which the same net would give.
    """
    def fixed(shape: tuple[int, ...]) -> Tensor:
        return torch.from_numpy(latents(0, n, shape)).to(model.device)

    if not isinstance(model, LatentModel):
        return [("names", model.probabilities(fixed(model.image_shape)))]
    z, classes = fixed(model.latent_shape), len(model.conditions)
    said = [None, torch.eye(classes, device=model.device)[torch.arange(n) % classes]] if classes else [None]
    if steps and model.can("path"):
        return [("pictures", deque(model.path(z, y, steps=steps), 1)[0].x) for y in said]
    answers = [("pictures", model.decode(z, y)) for y in said]
    if model.can("encode"):
        x = answers[-1][1].clamp(-1, 1) if x is None else x
        answers += [("codes", model.encode(x, y)) for y in said]
    return answers


@torch.no_grad()
def same_answers(model: Trainable, weights: dict[str, Tensor]) -> bool:
    """Whether other weights give the same pictures and probabilities within one grey level, and the same codes within CODE_STEP.

    Of a model of many steps that is asked of a picture's mean, of others of every pixel.
    """
    twin = copy.deepcopy(model).eval()
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
