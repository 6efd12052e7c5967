"""How long a training would take on this machine: a few of its steps, made and timed."""

import time
from collections.abc import Iterator
from dataclasses import replace

import torch

from ..checkpoint import FAMILIES
from ..datasets import Images
from .loop import Progress, Trainer
from .recipe import Plan

WARM = 2  # steps that are not counted: the first ones make room in memory
MOST = 5  # steps of each stage that are
LONGEST, PATIENCE = 1.2, 10.0  # seconds after which each stage has two steps, the first of which may be slow, and one alone


def step_seconds(plan: Plan, images: Images, device: torch.device | str) -> list[float]:
    """Seconds that a step of each stage takes, the median of a few; of a stage that solves in one go, its share of that.

    How many steps the plan has does not matter. The training is thrown away; the caller's random numbers are not kept.
    """
    torch.manual_seed(plan.recipe.seed)
    tried = [replace(stage, steps=1 if stage.method == "closed form" else WARM + MOST) for stage in plan.recipe.stages]
    trainer = Trainer(FAMILIES[plan.family](plan.model), images, replace(plan.recipe, stages=tuple(tried)), device)
    began, found, begins = time.monotonic(), [], 0
    for stage, asked in zip(tried, plan.recipe.stages, strict=True):
        trainer.step, steps, times = begins, iter(trainer), []
        while len(times) < stage.steps:
            times.append(_step(steps))
            if time.monotonic() - began > (LONGEST if len(times) > 1 else PATIENCE):
                break
        counted = sorted(times[min(WARM, len(times) - 1):])
        found.append(counted[len(counted) // 2] / (asked.steps if stage.method == "closed form" else 1))
        begins += stage.steps
    return found


def _step(steps: Iterator[Progress]) -> float:
    """Seconds of the next step."""
    began = time.monotonic()
    progress = next(steps)
    float(progress.losses.get("loss", 0.0))  # on a GPU a step is over when its numbers are there
    return time.monotonic() - began


def noise(image_shape: tuple[int, ...], classes: tuple[str, ...], count: int) -> Images:
    """Pictures of noise: how long a step takes does not depend on what is seen."""
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (count, *image_shape), dtype=torch.uint8, generator=generator)
    return Images(pixels, torch.randint(len(classes), (count,), generator=generator), classes)
