"""How long a training would take on this machine: a few of its steps, made and timed."""

import time
from collections.abc import Iterator

import torch

from ..checkpoint import FAMILIES
from ..datasets import Images
from .loop import Trainer
from .recipe import Plan, Stage

WARM = 2  # steps that are not counted: the first ones make room in memory
MOST = 5  # steps of each stage that are
LONGEST = 1.2  # seconds after which no other step is begun


def step_seconds(plan: Plan, images: Images, device: torch.device | str) -> list[float]:
    """Seconds that a step of each stage takes, the median of a few. The training is thrown away; the caller's random numbers are not kept."""
    torch.manual_seed(plan.recipe.seed)
    trainer = Trainer(FAMILIES[plan.family](plan.model), images, plan.recipe, device)
    end, found = time.monotonic() + LONGEST, []
    for stage in plan.recipe.stages:
        times: list[float] = []
        for seconds in _timed(trainer, stage):
            times.append(seconds)
            if len(times) == WARM + MOST or time.monotonic() > end and len(times) > 1:
                break
        counted = sorted(times[min(WARM, len(times) - 1):])
        found.append(counted[len(counted) // 2])
    return found


def _timed(trainer: Trainer, stage: Stage) -> Iterator[float]:
    """Seconds of each step of a stage, from its beginning."""
    stages = trainer.recipe.stages
    first = sum(one.steps for one in stages[:[one is stage for one in stages].index(True)])
    trainer.step, steps = first, iter(trainer)
    for _ in range(stage.steps):
        began = time.monotonic()
        progress = next(steps)
        float(progress.losses.get("loss", 0.0))  # on a GPU a step is over when its numbers are there
        yield time.monotonic() - began


def noise(image_shape: tuple[int, ...], classes: tuple[str, ...], count: int) -> Images:
    """Pictures of noise: how long a step takes does not depend on what is seen."""
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (count, *image_shape), dtype=torch.uint8, generator=generator)
    return Images(pixels, torch.randint(len(classes), (count,), generator=generator), classes)
