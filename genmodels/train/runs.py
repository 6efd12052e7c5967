"""A run is a folder: what was asked, what happened, frames to look at, a checkpoint, a state to go on from.

run.json      asked (the plan), state (running, stopped, finished, failed), and why
events.jsonl  one line per report: step, seconds, losses
frames/       at most 200 .npz: pictures of fixed latents, reconstructions, codes of fixed pictures
checkpoint/   the averaged model so far, a checkpoint like any other
state/        two resumable states, the older one in case the newer is damaged
The process that trains writes and holds the lock; everyone else reads.
"""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from ..checkpoint import FAMILIES, save_checkpoint, write_whole
from ..datasets import Images
from ..models import LatentModel
from ..normal import latents
from .loop import Diverged, Progress, Trainer
from .recipe import Plan, plan_from

SAVE_EVERY = 10.0  # seconds of training that a crash may lose
REPORT_EVERY = 0.5  # seconds between lines in events.jsonl
FRAMES = 200  # kept; when there are more, every second one goes
FIXED = 16  # latents and pictures that the frames show
MAPPED = 500  # test pictures whose codes the frames keep


class Run:
    def __init__(self, folder: Path):
        self.folder = Path(folder)

    @classmethod
    def create(cls, folder: Path, plan: Plan, owner: str = "") -> "Run":
        """A new run folder that asks for a plan. FileExistsError if there is one already."""
        run = cls(folder)
        (run.folder / "frames").mkdir(parents=True)
        run.write(asked=plan.to_json(), state="waiting", owner=owner, why="")
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
        """Change entries of run.json."""
        about = self.about if (self.folder / "run.json").exists() else {}
        write_whole(self.folder / "run.json", json.dumps(about | changes, indent=2).encode())

    def events(self) -> list[dict]:
        """All reports so far. A last line that was cut off by a crash is left out."""
        path = self.folder / "events.jsonl"
        lines = path.read_text(encoding="utf-8").split("\n")[:-1] if path.exists() else []
        return [json.loads(line) for line in lines]

    def frames(self) -> list[Path]:
        return sorted((self.folder / "frames").glob("*.npz"))

    # State to resume from

    def save_state(self, trainer: Trainer) -> None:
        """Write the trainer's whole state beside the last one; a state that is not finite is never written."""
        tensors = {f"model/{k}": v for k, v in trainer.model.state_dict().items()}
        tensors |= {f"average/{k}": v for k, v in trainer.average.state_dict().items()}
        for player, optimizer in trainer.optimizers.items():
            for index, values in optimizer.state_dict()["state"].items():
                tensors |= {f"optimizer/{player}/{index}/{key}": value for key, value in values.items()}
        if not all(t.isfinite().all() for t in tensors.values()):
            return
        content = save({k: v.detach().cpu().contiguous() for k, v in tensors.items()},
                       {"step": str(trainer.step), "rate_factor": repr(trainer.rate_factor)})
        folder = self.folder / "state"
        folder.mkdir(exist_ok=True)
        write_whole(folder / f"{trainer.step:09d}-{hashlib.sha256(content).hexdigest()[:32]}.safetensors", content)
        for old in sorted(folder.glob("*.safetensors"))[:-2]:
            old.unlink()

    def load_state(self, trainer: Trainer) -> bool:
        """Set the trainer to the newest whole state. False where there is none."""
        for path in sorted((self.folder / "state").glob("*.safetensors"), reverse=True):
            content = path.read_bytes()
            if hashlib.sha256(content).hexdigest()[:32] != path.stem.split("-")[1]:
                continue  # damaged: the older one serves
            try:
                tensors = load(content)
            except SafetensorError:
                continue
            _restore(trainer, tensors, _metadata(content))
            return True
        return False

    # What the page and the reader of a run look at

    def note(self, trainer: Trainer, losses: dict[str, float], seconds: float) -> None:
        with open(self.folder / "events.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps({"step": trainer.step, "seconds": round(seconds, 2), **losses}) + "\n")

    @torch.no_grad()
    def frame(self, trainer: Trainer, test: Images) -> None:
        """Pictures of fixed latents, reconstructions and codes of fixed test pictures, by the averaged model."""
        model = trainer.snapshot()
        if not isinstance(model, LatentModel):
            return
        some = test.to(model.device)
        y = some.one_hot(slice(0, FIXED)) if model.conditions else None
        z = torch.from_numpy(latents(0, FIXED, model.latent_shape)).to(model.device)
        shown = {"samples": to_pixels(model.decode(z, y))}
        if model.can("encode"):
            x, every = some.floats(slice(0, FIXED)), some.one_hot(slice(0, MAPPED)) if model.conditions else None
            shown["reconstructions"] = to_pixels(model.decode(model.encode(x, y), y))
            shown["codes"] = model.encode(some.floats(slice(0, MAPPED)), every).cpu().numpy().astype(np.float16)
        path = self.folder / "frames" / f"{trainer.step:09d}.npz"
        np.savez_compressed(path.with_suffix(".part.npz"), **shown)
        os.replace(path.with_suffix(".part.npz"), path)
        if len(frames := self.frames()) > FRAMES:
            for old in frames[1:-1:2]:
                old.unlink()

    def publish(self, trainer: Trainer) -> None:
        save_checkpoint(trainer.snapshot(), self.folder / "checkpoint", self.about["asked"])


def follow(run: Run, trainer: Trainer, test: Images | None = None) -> Iterator[Progress]:
    """Train, step by step, and keep the run folder up to date. Closing it saves the state and the checkpoint.

    After a divergence it goes back to the last saved state once, with half the rate.
    """
    began = saved = reported = time.monotonic()
    earlier = run.events()[-1]["seconds"] if run.events() else 0.0
    framed, sums, count = trainer.step, {}, 0
    run.write(state="running", why="")
    outcome, why = "stopped", ""
    try:
        steps = iter(trainer)
        while True:
            try:
                progress = next(steps)
            except StopIteration:
                outcome = "finished"
                return
            except Diverged as error:
                if trainer.rate_factor < 1 or not run.load_state(trainer):
                    raise
                trainer.rate_factor /= 2
                why = f"{error} Went back to step {trainer.step} with half the learning rate."
                run.write(why=why)
                steps = iter(trainer)
                continue
            for name, value in progress.losses.items():
                sums[name] = sums.get(name, 0) + value
            count += 1
            yield progress
            now = time.monotonic()
            if now - reported > REPORT_EVERY:
                run.note(trainer, {name: float(value) / count for name, value in sums.items()}, earlier + now - began)
                reported, sums, count = now, {}, 0
            if now - saved > SAVE_EVERY:
                if test is not None and trainer.step - framed >= trainer.recipe.steps / FRAMES:
                    run.frame(trainer, test)
                    framed = trainer.step
                run.save_state(trainer)
                saved = time.monotonic()
    except Diverged as error:
        outcome, why = "failed", str(error)
        raise
    finally:
        if outcome != "failed":
            run.save_state(trainer)
            run.publish(trainer)
            if test is not None:
                run.frame(trainer, test)
        run.write(state=outcome, why=why, step=trainer.step)


def trainer_for(run: Run, images: Images, device: torch.device | str = "cpu") -> Trainer:
    """A trainer for the run's plan, set to its newest state where it has one."""
    plan = run.plan
    torch.manual_seed(plan.recipe.seed)
    trainer = Trainer(FAMILIES[plan.family](plan.model), images, plan.recipe, device)
    run.load_state(trainer)
    return trainer


def remove(run: Run) -> None:
    shutil.rmtree(run.folder)


def to_pixels(x: torch.Tensor) -> np.ndarray:
    """Pictures [B, C, H, W] in [-1, 1] to uint8 [B, H, W, C]."""
    return (x * 127.5 + 128).clamp(0, 255).byte().permute(0, 2, 3, 1).cpu().numpy()


def _metadata(content: bytes) -> dict[str, str]:
    size = int.from_bytes(content[:8], "little")
    return json.loads(content[8:8 + size])["__metadata__"]


def _restore(trainer: Trainer, tensors: dict[str, torch.Tensor], metadata: dict[str, str]) -> None:
    trainer.step, trainer.rate_factor, trainer.bad = int(metadata["step"]), float(metadata["rate_factor"]), 0
    for part, module in (("model", trainer.model), ("average", trainer.average)):
        module.load_state_dict({k.removeprefix(f"{part}/"): v for k, v in tensors.items() if k.startswith(f"{part}/")})
    stage, _ = trainer._stage_at(max(0, trainer.step - 1))
    trainer.start(stage)
    for player, optimizer in trainer.optimizers.items():
        state: dict[int, dict] = {}
        for name, value in tensors.items():
            if name.startswith(f"optimizer/{player}/"):
                *_, index, key = name.split("/")
                state.setdefault(int(index), {})[key] = value
        optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
