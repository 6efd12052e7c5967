"""A run is a folder: what was asked, what happened, frames to look at, a checkpoint, a state to go on from.

run.json      asked (the plan), owner, created, state (waiting, running, stopped, finished, failed), step and why
events.jsonl  one line per report: step, seconds of training, losses (null where one was not a number)
frames/       at most 200 .npz: pictures of fixed latents, reconstructions, codes of fixed pictures
checkpoint/   the averaged model, a checkpoint like any other, once the run has stopped or finished
state/        two resumable states, the older one in case the newer is damaged
lock          held by the process that trains: it alone writes, everyone else reads
stop          an empty file that asks for a stop; anyone may put it there
"""

import json
import time
from io import BytesIO
from pathlib import Path

import numpy as np
import torch

from ..checkpoint import save_checkpoint, write_whole
from ..datasets import Images
from ..models import LatentModel, Trainable, to_pixels
from ..normal import latents
from .recipe import Plan, plan_from

FRAMES = 200  # kept; when there are more, every second one goes
FIXED = 16  # latents and pictures that the frames show
MAPPED = 500  # test pictures whose codes the frames keep


class Run:
    def __init__(self, folder: Path):
        self.folder = Path(folder)

    @classmethod
    def create(cls, folder: Path, plan: Plan, owner: str = "") -> "Run":
        """A new run folder that asks for a plan. FileExistsError if there is one already; one that was never whole is begun again."""
        run = cls(folder)
        if (run.folder / "run.json").exists():
            raise FileExistsError(f"{run.folder} holds a run already; choose another folder, or remove it.")
        (run.folder / "frames").mkdir(parents=True, exist_ok=True)
        run._write_about({"asked": plan.to_json(), "state": "waiting", "owner": owner, "why": "", "created": time.time()})
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

    def write(self, **changes) -> None:
        """Change entries of run.json. Only the process that holds the lock may."""
        self._write_about(self.about | changes)

    def ask_to_stop(self) -> None:
        (self.folder / "stop").touch()

    def asked_to_stop(self) -> bool:
        return (self.folder / "stop").exists()

    def ended(self, state: str, **changes) -> None:
        """Write the state a run ends in; a wish to stop it is fulfilled."""
        self.write(state=state, **changes)
        (self.folder / "stop").unlink(missing_ok=True)

    def events(self) -> list[dict]:
        """All reports so far. Left out: a last line cut off by a crash, and what a training that went back did again."""
        path, events = self.folder / "events.jsonl", []
        for line in path.read_text(encoding="utf-8").split("\n")[:-1] if path.exists() else []:
            event = json.loads(line)
            while events and events[-1]["step"] >= event["step"]:
                events.pop()
            events.append(event)
        return events

    def frames(self) -> list[Path]:
        """The frames' files in the order of their steps."""
        return sorted((self.folder / "frames").glob("*.npz"))

    # What only the process that trains calls

    def go_on_from(self, step: int) -> None:
        """Forget a report that a crash cut off, and the frames of steps that will be done again."""
        path = self.folder / "events.jsonl"
        if path.exists():
            with open(path, "rb+") as file:
                file.truncate(file.read().rfind(b"\n") + 1)
        for frame in self.frames():
            if int(frame.stem) > step:
                frame.unlink()

    def note(self, step: int, seconds: float, losses: dict[str, float | None]) -> None:
        with open(self.folder / "events.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, "seconds": round(seconds, 2), **losses}, allow_nan=False) + "\n")

    @torch.no_grad()
    def frame(self, step: int, model: Trainable, test: Images) -> None:
        """Keep pictures of fixed latents, reconstructions and codes of fixed test pictures, as the model makes them now."""
        if not isinstance(model, LatentModel):
            return
        some = test.first(MAPPED).to(model.device)
        y = some.one_hot(slice(0, FIXED)) if model.conditions else None
        z = torch.from_numpy(latents(0, FIXED, model.latent_shape)).to(model.device)
        shown = {"samples": to_pixels(model.decode(z, y))}
        if model.can("encode"):
            x, every = some.floats(slice(0, FIXED)), some.one_hot(slice(None)) if model.conditions else None
            shown["reconstructions"] = to_pixels(model.decode(model.encode(x, y), y))
            shown["codes"] = model.encode(some.floats(slice(None)), every).cpu().numpy().astype(np.float16)
        content = BytesIO()
        np.savez_compressed(content, **shown)
        write_whole(self.folder / "frames" / f"{step:09d}.npz", content.getvalue())
        if len(frames := self.frames()) > FRAMES:
            for old in frames[1:-1:2]:
                old.unlink()

    def publish(self, model: Trainable) -> None:
        save_checkpoint(model, self.folder / "checkpoint", self.about["asked"])

    def _write_about(self, about: dict) -> None:
        write_whole(self.folder / "run.json", json.dumps(about, indent=2).encode())
