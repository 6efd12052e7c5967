"""A run is a folder: what was asked, what happened, frames to look at, a checkpoint, a state to go on from.

run.json      asked (the plan), owner, created, queued, state, step, seconds and why; parent: the run whose weights it began with
label.json    what its owner calls it: title, group, and whether it is shared
events.jsonl  one line per report: step, seconds of training, losses (null where one was not a number)
fixed.npz     the test pictures that all frames show, and the labels of those whose codes they keep
frames/       at most 200 .npz: pictures of fixed latents, reconstructions, codes of fixed pictures, readouts
checkpoint/   the averaged model, a checkpoint like any other, once the run has paused, stopped or finished
onnx/         its decoder for other programs, where somebody has asked for it
state/        two resumable states, the older one in case the newer is damaged
begin/        the weights that it begins with, where these are another run's
lock          held by the process that trains: it alone writes run.json, everyone else reads
stop, pause   empty files that ask for it; anyone may put them there
rate          a number that asks for this multiple of the learning rate

The state is waiting, running, paused, stopped, finished or failed.
"""

import json
import os
import time
from pathlib import Path

from ..checkpoint import Checkpoint, save_checkpoint, write_whole
from ..models import Trainable
from .events import Events, standing
from .frames import Frames
from .recipe import Plan, plan_from

UNFINISHED = ("waiting", "running")
ENDS = {"stop": "stopped", "pause": "paused"}  # by the wish that brings a run there
LONGEST_TITLE = 80


class Run:
    def __init__(self, folder: Path):
        self.folder = Path(folder)

    @classmethod
    def create(cls, folder: Path, plan: Plan, owner: str = "", title: str = "", group: str = "", parent: str = "") -> "Run":
        """A new run folder that asks for a plan. FileExistsError if there is one already; one that was never whole is begun again."""
        run = cls(folder)
        if (run.folder / "run.json").exists():
            raise FileExistsError(f"{run.folder} holds a run already; choose another folder, or remove it.")
        (run.folder / "frames").mkdir(parents=True, exist_ok=True)
        if title or group:
            run.call(title=title, group=group)
        now = time.time()
        run._write_about({"asked": plan.to_json(), "state": "waiting", "owner": owner, "why": "", "created": now, "queued": now, "parent": parent})
        return run

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def about(self) -> dict:
        return json.loads((self.folder / "run.json").read_text(encoding="utf-8"))

    @property
    def plan(self) -> Plan:
        return plan_from(self.about["asked"])

    @property
    def label(self) -> dict:
        """title, group and shared, as far as somebody has said them."""
        try:
            return json.loads((self.folder / "label.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}

    def call(self, **changes) -> None:
        """Change entries of label.json. Only one thread of one process may at a time; it needs no lock, since nobody trains by it."""
        write_whole(self.folder / "label.json", json.dumps(self.label | changes).encode())

    def write(self, **changes) -> None:
        """Change entries of run.json. Only the process that holds the lock may."""
        self._write_about(self.about | changes)

    def ask(self, wish: str) -> None:
        """Ask for a "stop" or a "pause"."""
        (self.folder / wish).touch()

    def asked(self) -> str | None:
        """Which of these is asked for; a stop goes before a pause."""
        return next((wish for wish in ENDS if (self.folder / wish).exists()), None)

    def ask_for_rate(self, factor: float) -> None:
        write_whole(self.folder / "rate", repr(float(factor)).encode())

    def asked_rate(self) -> float | None:
        """The multiple of the learning rate that is asked for, None where nobody has asked since it was taken."""
        try:
            return float((self.folder / "rate").read_text())
        except FileNotFoundError:
            return None

    def take_rate(self) -> float | None:
        """The same, and take the wish away: whoever trains fulfils it now."""
        taken = self.folder / "rate.taken"
        try:
            os.replace(self.folder / "rate", taken)  # a newer wish that comes just now stays
            return float(taken.read_text())
        except FileNotFoundError:
            return None

    def ended(self, state: str, **changes) -> None:
        """Write the state a run ends in; a wish to end it is fulfilled."""
        self.write(state=state, **changes)
        for wish in ENDS:
            (self.folder / wish).unlink(missing_ok=True)

    def events(self) -> list[dict]:
        """All reports so far. Left out: a last line cut off by a crash, and what a training that went back did again."""
        return standing(Events(self.folder / "events.jsonl").lines())

    @property
    def frames(self) -> Frames:
        return Frames(self.folder / "frames")

    # What only the process that trains calls

    def note(self, step: int, seconds: float, values: dict) -> None:
        Events(self.folder / "events.jsonl").note(step, seconds, values)

    def go_on_from(self, step: int) -> None:
        """Forget a report that a crash cut off, and the frames of steps that will be done again."""
        Events(self.folder / "events.jsonl").go_on_from(step)
        self.frames.forget_after(step)

    def publish(self, model: Trainable, halve: bool = True) -> Checkpoint:
        """Make the checkpoint of a model (see `save_checkpoint`); what was said of weights before is taken away."""
        folder = self.folder / "checkpoint"
        for path in folder.glob("*.npz"):
            path.unlink()
        return save_checkpoint(model, folder, self.about["asked"], halve)

    def _write_about(self, about: dict) -> None:
        write_whole(self.folder / "run.json", json.dumps(about, indent=2).encode())
