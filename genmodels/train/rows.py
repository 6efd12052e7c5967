"""What is said of runs: a row for a list, and the news since somebody last looked."""

from collections import OrderedDict

from .events import Events, back_to, standing
from .hand import can_be_made
from .runs import UNFINISHED, Run

REMEMBERED = 64  # runs whose reports are kept in memory


class Rows:
    """Rows and news of runs. It remembers what it has read, so that many may ask twice a second."""

    def __init__(self):
        self._logs: OrderedDict[str, Events] = OrderedDict()

    def row(self, run: Run, about: dict, ahead: int = 0, sharing: int = 0) -> dict:
        """All that is said of a run, as JSON. ahead: own runs before it; sharing: people who take turns now."""
        label, asked = run.label, about["asked"]
        running = about["state"] in UNFINISHED
        last = standing(self._lines(run))[-1:] if running or "seconds" not in about else []
        step, steps = max([about.get("step", 0), *(line["step"] for line in last)]), sum(stage["steps"] for stage in asked["recipe"]["stages"])
        return {"name": run.name, "title": label.get("title", run.name), "group": label.get("group", ""), "state": about["state"], "why": about["why"],
                "step": step, "steps": steps, "seconds": last[0]["seconds"] if last else about.get("seconds", 0.0), "created": about["created"],
                "ahead": ahead, "sharing": sharing, "family": asked["family"], "dataset": asked["dataset"], "model": asked["model"],
                "recipe": asked["recipe"], "rate_factor": _rate(run, about), "shared": label.get("shared", False), "mine": True,
                "checkpoint": not running and (run.folder / "checkpoint" / "config.json").exists(), "parent": about.get("parent", ""),
                "frames": len(run.frames.steps()), "by_hand": can_be_made(asked["recipe"], step)}

    def news(self, run: Run, events: int, frames: int) -> dict:
        """The lines of events.jsonl from number `events` on (see `Events.lines`), and the steps of frames after step `frames`.

        Where a training went back meanwhile, "went_back" is the step it went back to: what is known of later steps, reports and frames,
        no longer holds. The line that says so is among the events.
        """
        fresh = self._lines(run)[max(0, events):]
        went_back = back_to(fresh) if events > 0 else None
        since = frames if went_back is None else min(frames, went_back)
        return {"events": fresh, "frames": [step for step in run.frames.steps() if step > since], "went_back": went_back}

    def forget(self, run: Run) -> None:
        self._logs.pop(run.name, None)

    def _lines(self, run: Run) -> list[dict]:
        log = self._logs.pop(run.name, None) or Events(run.folder / "events.jsonl")
        self._logs[run.name] = log  # the newest is the last
        while len(self._logs) > REMEMBERED:
            self._logs.popitem(last=False)
        return log.lines()


def _rate(run: Run, about: dict) -> float:
    """What the learning rate is multiplied by, or will be as soon as it is heard."""
    asked = run.asked_rate()
    return about.get("rate_factor", 1.0) if asked is None else asked
