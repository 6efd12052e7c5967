"""What the worker process does for the server besides training: steps by hand, and measurements, each when it is asked for."""

from pathlib import Path

import torch

from ..checkpoint import FAMILIES
from .errands import Answer
from .measuring import noise, step_seconds
from .recipe import Plan, plan_from
from .runs import UNFINISHED, Run
from .sets import Sets
from .training import Training

NOISE = 2000  # pictures that steps are measured on where there are no others in memory


class Desk:
    """Its tasks by name; each takes JSON and gives JSON and arrays."""

    def __init__(self, folder: Path, sets: Sets, device: str):
        self.folder, self.sets, self.device = folder, sets, device
        self.tasks = {"measure": self.measure, "hand": self.hand, "publish": self.publish}

    def measure(self, values: dict) -> Answer:
        """Seconds per step of each stage of a plan, and its parameters; its pictures come into memory meanwhile."""
        plan = plan_from(values["plan"])
        if values.get("fetch"):
            self.sets.get(plan)
        images = noise(plan.model.image_shape, plan.model.conditions or ("0",), max(NOISE, plan.recipe.batch))
        with torch.device("meta"):
            parameters = sum(one.numel() for one in FAMILIES[plan.family](plan.model).parameters())
        return {"per_step": step_seconds(plan, images, self.device), "parameters": parameters}, {}

    def hand(self, values: dict) -> Answer:
        """One step by hand of a run that is paused or stopped."""
        run = Run(self.folder / values["name"])
        state, plan = run.about["state"], run.plan
        if state in UNFINISHED:
            raise ValueError("This training runs by itself. Pause it, to make a step by hand.")
        hand = self._opened(run, plan, state).by_hand(values["players"], values["rate"])
        arrays = {f"{number:03d}": value.numpy() for number, (*_, value) in enumerate(hand.quantities)}
        return {"step": hand.step, "quantities": [[player, name] for player, name, _ in hand.quantities],
                "parts": _finite(hand.parts), "update": _finite(hand.update), "after": _finite(hand.after)}, arrays

    def publish(self, values: dict) -> Answer:
        """Make the checkpoint of a run that was ended while nobody trained it, as its last saved state is."""
        run = Run(self.folder / values["name"])
        if (state := run.about["state"]) not in UNFINISHED:
            self._opened(run, run.plan, state).stop(state)
        return {}, {}

    def _opened(self, run: Run, plan: Plan, state: str) -> Training:
        return Training(run, *self.sets.now(plan), self.device, self.sets.classifier(plan), state, thorough=False)


def _finite(rows: dict[str, dict[str, float]]) -> dict:
    """Numbers as JSON knows them: None where one is none."""
    return {player: {name: value if abs(value) < float("inf") else None for name, value in row.items()} for player, row in rows.items()}
