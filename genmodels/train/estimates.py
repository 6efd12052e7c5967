"""How long trainings would take: each kind is measured once, in the worker process, and remembered."""

import json
import threading
from collections.abc import Callable

from .caps import Refused
from .errands import NotAnswered
from .recipe import Plan
from .training import FRAME_SHARE

WITHIN = 30.0  # seconds that the worker has to answer, its own beginning included
REMEMBERED = 500
LOOK_EVERY = 0.1  # seconds, whether who asks is gone
UNTIMED = ("rate", "momentum", "schedule", "steps", "data")  # what takes no time to differ in


class Estimates:
    """ask(kind, values, within, gone): has the worker do an errand. fetch: whether pictures may be brought into memory before the start."""

    def __init__(self, ask: Callable, fetch: bool):
        self._ask, self._fetch = ask, fetch
        self._known: dict[str, dict] = {}
        self._one = threading.Semaphore(2)  # at a time

    def of(self, plan: Plan, gone: Callable[[], bool]) -> dict:
        """{"seconds" of the whole run alone, "per_step", "steps", "parameters"}. Refused where the worker cannot tell just now, or who asks is gone."""
        key = _kind(plan)
        if key not in self._known:
            while not self._one.acquire(timeout=LOOK_EVERY):
                if gone():
                    raise Refused("Nobody waits for this any more.")
            try:
                said, _ = self._ask("measure", {"plan": plan.to_json(), "fetch": self._fetch}, WITHIN, gone)
            except NotAnswered as error:
                raise Refused(f"How long it takes could not be measured. {error}") from None
            finally:
                self._one.release()
            if len(self._known) >= REMEMBERED:
                self._known.pop(next(iter(self._known)))
            self._known[key] = said
        found, steps = self._known[key], plan.recipe.steps
        seconds = sum(stage.steps * each for stage, each in zip(plan.recipe.stages, found["per_step"], strict=True)) * (1 + FRAME_SHARE)
        return {"seconds": seconds, "per_step": seconds / steps, "steps": steps, "parameters": found["parameters"]}


def _kind(plan: Plan) -> str:
    """The same for plans whose steps take the same time."""
    about = plan.to_json()
    recipe = about["recipe"] | {"seed": 0, "averaging": 0, "stages": [_timed(stage) for stage in about["recipe"]["stages"]]}
    return json.dumps([about["family"], about["model"], recipe], sort_keys=True)


def _timed(stage: dict) -> dict:
    """What of a stage takes time; of one that solves in one go each step is a share of that."""
    return {key: value for key, value in stage.items() if key not in UNTIMED or key == "steps" and stage["method"] == "closed form"}
