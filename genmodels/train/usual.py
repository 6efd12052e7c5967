"""How a family is usually trained: who learns in it, and the stages that a form begins with."""

from functools import cache
from typing import Any

import torch

from ..checkpoint import Undrawn
from ..models import Trainable

STEPS = 3000  # enough for a small net on digits to show what it is about
RATE = 2e-3


@cache
def players(family: type[Trainable]) -> tuple[str, ...]:
    """Who learns in a family, as it is by default."""
    with torch.device("meta"), Undrawn():
        return tuple(family(family.Config()).players())


def usual(family: type[Trainable]) -> list[dict[str, Any]]:
    """Stages of a recipe as JSON, of which each names at least its players. A game of two is steadier without momentum.

    A family that knows better says so itself, in the same form, as STAGES: that it learns in several stages, or slower.
    """
    if said := getattr(family, "STAGES", None):
        return [{"rate": RATE, **stage} for stage in said]
    game = {"momentum": 0.0, "rate": RATE / 2} if "critic" in players(family) else {"rate": RATE}
    return [{"players": list(players(family)), "steps": STEPS, **game}]
