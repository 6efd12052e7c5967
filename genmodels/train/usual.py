"""How a family is usually trained: the stages that a form begins with."""

from typing import Any

import torch

from ..models import Trainable

STEPS = 3000  # enough for a small net on digits to show what it is about
RATE = 2e-3


def usual(family: type[Trainable]) -> list[dict[str, Any]]:
    """Stages of a recipe as JSON, of which each names at least its players. A game of two is steadier without momentum.

    A family that knows better says so itself, in the same form, as STAGES: that it learns in several stages, or slower.
    """
    if said := getattr(family, "STAGES", None):
        return [{"rate": RATE, **stage} for stage in said]
    with torch.device("meta"):
        players = list(family(family.Config()).players())
    game = {"momentum": 0.0, "rate": RATE / 2} if "critic" in players else {"rate": RATE}
    return [{"players": players, "steps": STEPS, **game}]
