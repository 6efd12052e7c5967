"""What the worker process does for the server besides training: steps by hand, and measurements, each when it is asked for."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from ..checkpoint import FAMILIES
from .errands import Answer
from .events import finite
from .hand import check_players
from .lock import held
from .measuring import noise, step_seconds
from .recipe import Plan, longer, plan_from
from .runs import UNFINISHED, Run
from .sets import Sets
from .training import Training

NOISE = 2000  # pictures that steps are measured on where there are no others in memory


class Desk:
    """Its tasks by name; each takes JSON and gives JSON and arrays. later(kind, values): has one done at another time."""

    def __init__(self, folder: Path, sets: Sets, device: str, later: Callable[[str, dict], Any]):
        self.folder, self.sets, self.device, self.later = folder, sets, device, later
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
        """One step by hand of a run that is paused, stopped or finished; one that has come to its end becomes a step longer."""
        run = Run(self.folder / values["name"])
        about = run.about
        if about["state"] in UNFINISHED:
            raise ValueError("This training runs by itself. Pause it, to make a step by hand.")
        if about.get("step", 0) >= run.plan.recipe.steps:
            check_players(values["players"], run.plan.recipe.stages[-1])
            with held(run.folder / "lock"):
                run.write(asked=longer(about["asked"], about["step"], 1, "constant"))
        hand = self._opened(run, run.plan, about["state"]).by_hand(values["players"], values["rate"])
        arrays = {str(number): value.numpy() for number, (*_, value) in enumerate(hand.quantities)}
        return {"step": hand.step, "quantities": [[player, name] for player, name, _ in hand.quantities],
                "parts": finite(hand.parts), "after": finite(hand.after),
                "update": {player: finite(numbers) for player, numbers in hand.update.items()}}, arrays

    def publish(self, values: dict) -> Answer:
        """Make the checkpoint of a run that has failed, or was ended while nobody trained it, as its last saved state is."""
        run = Run(self.folder / values["name"])
        if not run.folder.exists() or (state := run.about["state"]) in UNFINISHED:  # deleted, or resumed, meanwhile
            return {}, {}
        if self.sets.get(run.plan):
            self._opened(run, run.plan, state).stop(state)
        else:
            self.later("publish", values)  # nobody waits for the answer, so it is asked again until the pictures are here
        return {}, {}

    def _opened(self, run: Run, plan: Plan, state: str) -> Training:
        return Training(run, *self.sets.now(plan), self.device, self.sets.classifier(plan), state, thorough=False)

