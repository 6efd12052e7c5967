"""What one person may ask of a server that many share; the sentences that refuse more."""

import json
import shutil
from pathlib import Path

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from ..checkpoint import FAMILIES
from ..models import Trainable
from .recipe import Plan, plan_from

PER_OWNER = 3  # unfinished runs: one is trained, two wait
OWNERS = 16  # who train at the same time, each with a model in memory
MOST_RUNS = 40  # that one keeps
ROOM = 500 << 20  # bytes that must be free on the disk for another run
MOST_STEPS, MOST_STAGES = 200_000, 64  # updates that one run may ask for, and stages
MOST_PARAMETERS = 4_000_000  # all of them are saved every few seconds, several times
MOST_WORK = {"cpu": 5e10, "cuda": 5e12}  # floating-point operations of one update, which nobody can interrupt; about a second


class Refused(ValueError):
    """The service does not do this; the message says why and when it would."""


def checked(plan: Plan, device: str) -> Plan:
    """The same plan, every range checked: a form can be forged. ValueError and Refused say what is too much or does not fit."""
    plan = plan_from(json.loads(json.dumps(plan.to_json())))
    check_steps([stage.steps for stage in plan.recipe.stages])
    _check_size(plan, MOST_WORK[device])
    return plan


def check_steps(stages: list[int]) -> None:
    """Of so many steps each."""
    if (steps := sum(stages)) > MOST_STEPS:
        raise Refused(f"A training here may take {MOST_STEPS:,} steps at most, not {steps:,}.")
    if len(stages) > MOST_STAGES:
        raise Refused(f"A training here may have {MOST_STAGES} stages at most, not {len(stages):,}.")


def check_place(unfinished: list[dict], runs: int, owner: str, folder: Path) -> None:
    """Refused where this owner has as many runs as may be, or there is no place for another person, or no room on the disk."""
    mine = [about for about in unfinished if about["owner"] == owner]
    if len(mine) >= PER_OWNER:
        raise Refused("One of your trainings runs and two wait already. Stop one, or start this one when the first is done.")
    if not mine and len({about["owner"] for about in unfinished}) >= OWNERS:
        raise Refused(f"{OWNERS} people are training here already. Please try again when one of them is done.")
    if runs >= MOST_RUNS:
        raise Refused(f"You keep {MOST_RUNS} trainings here, which is all there is room for. Delete some that you no longer need.")
    if shutil.disk_usage(folder).free < ROOM:
        raise Refused("The disk of this server is almost full, so no training can begin. Deleting old ones makes room.")


def _check_size(plan: Plan, most_work: float) -> None:
    """Refused where a net or an update is too large: a stop, and everybody else's turn, wait until an update is done; ValueError where nobody could learn."""
    family = FAMILIES[plan.family]
    with torch.device("meta"):
        blank = family(plan.model)
    parameters, players = sum(p.numel() for p in blank.parameters()), blank.taught()
    for stage in plan.recipe.stages:
        if stage.method == "adam" and (not stage.players or not set(stage.players) <= set(players)):
            raise ValueError(f"In each stage one or more of {', '.join(players)} must learn, not {', '.join(stage.players) or 'nobody'!s:.80}.")
    if parameters > MOST_PARAMETERS:
        raise Refused(f"A net that is trained here may have {MOST_PARAMETERS:,} parameters, not {parameters:,}. Fewer channels or blocks help.")
    work = work_per_picture(family(plan.model)) * plan.recipe.batch
    if work > most_work:
        raise Refused(f"One update of this training takes {work / 1e9:.3g} billion operations; here it may take {most_work / 1e9:.3g}. "
                      "A smaller batch or a smaller net helps.")


def work_per_picture(model: Trainable) -> float:
    """Floating-point operations of an update of all players for each picture of the batch, counted while two go through."""
    x = torch.zeros(2, *model.image_shape)
    y = torch.zeros(2, len(model.labels)) if model.labels else None
    with _Operations() as counted:
        for player in model.players():
            model.loss(x, y, player)["loss"].backward()
    return counted.total / len(x)


class _Operations(TorchDispatchMode):
    """Adds up the floating-point operations of what is computed inside. torch's own FlopCounterMode cannot take losses with gradients inside, such as R1."""

    def __init__(self):
        super().__init__()
        self.total = 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        found = operation(*args, **(kwargs or {}))
        if count := flop_registry.get(operation._overloadpacket):
            self.total += count(*args, **(kwargs or {}), out_val=found)
        return found
