"""What a model can be asked to do: tasks that are over in one step, and long ones, generators that stop after each of theirs."""

import warnings
from collections import deque
from collections.abc import Callable, Generator
from functools import lru_cache, partial
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from ..answers import GREY_LEVEL, answers_of
from ..classifier import Classifier
from ..latent.inversion import Found, invert, pixel_error
from ..latent.repair import filled, seen_by
from ..models import LatentModel, Trainable
from ..normal import latents
from ._asked import Sampling, Search
from ._ways import PICTURES, mask_of, pictures, walk_of, walked, walks, with_errors

CANDIDATES, STARTS, STEPS = 512, 4, 150  # of a descent: latents of the prior to start from, how many of these are taken, how far it goes
GUESSED = 3, 0.05  # starts where there is an encoder's guess, itself the first, and the rate of a descent from there
USUAL = 0.01  # error that a found picture leaves; with it the pull towards the prior weighs as much as the prior does beside the pixels (Bayes' rule)
DEAREST = 1.2e11  # floating point operations of a descent for one picture: seconds of a processor core, and no more of larger models
FEW_HEAVY = 8  # pictures of a heavy model in one step on a GPU
TRIED = 4  # pictures, and steps of each, by which bfloat16 is judged where they are dear


def _describe(model: Classifier, pixels: Tensor) -> Tensor:
    features = model.describe(pictures(pixels))
    return torch.cat([model.named(model.name_head(features)), features], 1)


def _encode_and_compare(model: LatentModel, pixels: Tensor, y: Tensor | None = None) -> Tensor:
    x = pictures(pixels)
    z = model.encode(x, y)
    return with_errors(z, pixel_error(model.decode(z, y), x))


TASKS: dict[str, Callable[..., Tensor]] = {
    "decode": lambda model, z, y=None: model.decode(z, y),
    "encode": lambda model, pixels, y=None: model.encode(pictures(pixels), y),
    "invert": _encode_and_compare,  # [N, D + 1], the last column the error
    "score": lambda model, pixels, y=None: model.score(pictures(pixels), y),
    "classify": lambda model, pixels: model.probabilities(pictures(pixels)),
    "describe": _describe,  # [N, K + F], probabilities and features
}
OF_A_CLASSIFIER = ("classify", "describe")


# Long tasks


def is_long(task: str, family: type[Trainable]) -> bool:
    """Whether a task takes many steps, between which other requests are answered."""
    if task in ("decode", "encode", "invert"):
        return is_dear(family) or task == "invert" and not family.can("encode")
    return task == "search" or walks(task, family)


def is_dear(family: type[Trainable]) -> bool:
    """Whether its pictures take many steps, or one step that takes a second."""
    return family.HEAVY or family.can("path")


def _one_by_one(task: str, model: LatentModel, rows: Tensor, y: Tensor | None, mode) -> Generator[None, None, Tensor]:
    """A task of one step, a few rows at a time where each is a second's work; on a processor one."""
    answers, few = [], 1 if rows.device.type == "cpu" else FEW_HEAVY
    for k in range(0, rows.shape[0], few):
        with torch.inference_mode(), mode():
            answers.append(TASKS[task](model, rows[k:k + few], None if y is None else y[k:k + few]))
        yield
    return torch.cat(answers)


def _searched(model: LatentModel, pixels: Tensor, y: Tensor | None, options: Search | None, mode) -> Generator[Found | None, None, Tensor]:
    """Codes by descent, [N, A * (D + 1)]: of each answer the code and its error. The best so far is yielded after every step."""
    options, x = options or Search(), pictures(pixels)
    mask = mask_of(options.known, x) if options.known else None
    guesses = model.encode(filled(x, mask, options.shrunk), y)[:, None].clone() if options.guess and model.can("encode") else None
    candidates, starts, steps = effort(model, guesses is not None, options.answers)
    drawn = torch.from_numpy(latents(0, candidates, model.latent_shape)).to(x.device)
    found = yield from invert(model.decode, x, drawn, y, guesses=guesses, sees=seen_by(mask, options.shrunk), answers=options.answers,
                              starts=starts, steps=steps, rate=0.2 if guesses is None or options.answers > 1 else GUESSED[1],
                              pull=USUAL * prod(model.latent_shape) / prod(model.image_shape))
    return torch.cat([found.z.flatten(2), found.errors[:, :, None]], 2).flatten(1)


def effort(model: LatentModel, guessed: bool = False, answers: int = 1) -> tuple[int, int, int]:
    """Candidates, starts and steps of a descent: of a larger model fewer, so that one picture costs no more than DEAREST."""
    evaluations = DEAREST / flops(model)  # of the decoder; a step there and back is three
    starts = max(answers, GUESSED[0] if guessed else STARTS)
    steps = int(min(STEPS, max(STEPS / 3, evaluations / (4 * starts))))
    starts = max(answers, 1, min(starts, int(evaluations / (4 * steps))))
    return int(min(CANDIDATES, max(CANDIDATES / 16, evaluations / 4))), starts, steps


def long_work(task: str, model: LatentModel, rows: Tensor, y: Tensor | None, options: Sampling | Search | None, mode) -> Generator[Any, None, Tensor]:
    """The steps of a long task, its answer at the end."""
    if walks(task, type(model)):
        return walked(walk_of(task, model, rows, y, options), model, mode)
    return _one_by_one(task, model, rows, y, mode) if model.HEAVY else _searched(model, rows, y, options, mode)


# What long work costs


@lru_cache(64)
@torch.no_grad()
def flops(model: LatentModel) -> int:
    """Floating point operations of one step to one picture, counted on a model without weights: nothing is computed."""
    with model.device, FlopCounterMode(display=False) as counter:
        z = torch.zeros(1, *model.latent_shape)
        if model.can("path"):
            deque(model.path(z, steps=1, guidance=1.0), 1)
        else:
            model.decode(z)
    return counter.get_total_flops()


def work(task: str, model: LatentModel, options: Sampling | Search | None) -> float:
    """Floating point operations of a long task for one row, about. The model is one without weights."""
    if model.can("path"):
        asked = options or Sampling()
        there = (asked.steps or model.config.steps) * (asked.given.repeats if asked.given else 1) * (2 if model.conditions else 1)  # told and untold
        back = (asked.steps if task == "noise" else 0) or model.STEPS_BACK
        return flops(model) * ((there if task in (*PICTURES, "invert") else 0) + (back if task not in PICTURES else 0))
    if task == "search" or task == "invert" and not model.can("encode"):
        candidates, starts, steps = effort(model, task == "search" and model.can("encode"))
        return flops(model) * (candidates + 3 * starts * steps)
    if task == "invert":
        return flops(model) * 2
    return flops(model)


# Twins and precision


def traced(model: Trainable, task: str, example: list[Tensor]) -> Callable[..., Tensor]:
    """A frozen TorchScript twin of a task, for tensors whose first dimension is free; the task itself where a twin would differ.

    A model whose Python decides by its input, or that is random, cannot be traced: the twin is tried on other rows, more of them.
    """
    function = partial(TASKS[task], model)
    more = [torch.cat([values, values.flip(0), values[:1]]) for values in example]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what a trace may get wrong is tried here
        try:
            twin = torch.jit.freeze(torch.jit.trace(_Task(model, task).eval(), tuple(example), check_trace=False))
            same = all(torch.allclose(twin(*rows), function(*rows), atol=1e-5, equal_nan=True) for rows in (example, more))
        except RuntimeError:
            return function
    return twin if same else function


class _Task(nn.Module):
    def __init__(self, model: Trainable, task: str):
        super().__init__()
        self.model, self.task = model, TASKS[task]

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.task(self.model, *inputs)


@torch.inference_mode()
def half_fits(model: LatentModel) -> bool:
    """Whether bfloat16 inside the nets moves no pixel of 64 pictures, nor of 64 for given classes, by more than one grey level.

    Of a model whose pictures are dear, of TRIED pictures in TRIED steps: every pixel is judged, and rounding that matters shows in few of
    them. Steps add to it (the bundled diffusion models: 38 and 49 grey levels of error in 4 steps, 65 and 93 in their own number), so of a
    path a quarter of a grey level is the most.
    """
    n, steps = (TRIED, TRIED) if is_dear(type(model)) else (64, 0)
    with torch.autocast(model.device.type, torch.bfloat16):
        rough = answers_of(model, n, steps=steps)
    most = GREY_LEVEL / 4 if model.can("path") else GREY_LEVEL
    return all(bool((a - b).abs().max() <= most)
               for (kind, a), (_, b) in zip(rough, answers_of(model, n, steps=steps), strict=True) if kind == "pictures")
