"""The trainings of the lectures, each run to its end: what it is to show, the number that proves it, and the time that it took: python -m bench.presets"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from genmodels.checkpoint import FAMILIES, find
from genmodels.datasets import Images, dataset
from genmodels.models import LatentModel
from genmodels.normal import latents
from genmodels.train.loop import Trainer
from genmodels.train.presets import ANGLE, presets
from genmodels.train.recipe import Plan, plan_from

ROOT = Path(__file__).resolve().parents[1]
MADE, SURE, THERE = 500, 0.9, 0.01  # samples, when a picture is surely something, and the share from which on a class is there
LOOK = {"dcgan": (1000, 3000), "beta": ()}  # steps at which a run is looked at as well
MAP_AT = (5, 10, 20, 45, 90)  # seconds of processor time at which a map is looked at
PLANE = 2.5  # sigmas to each side of a map


class Judge:
    """What pictures show: the bundled classifier of the data, or a linear one for the small digits."""

    def __init__(self, data: str, train: Images):
        found = find(ROOT / "checkpoints").get(f"{data}-classifier")
        self.net = found.load() if found else None
        self.linear = None if found else LogisticRegression(max_iter=300).fit(train.pixels.flatten(1).numpy() / 255, train.labels.numpy())

    def seen(self, x: Tensor) -> np.ndarray:
        """Probabilities [N, K] of pictures in [-1, 1]."""
        x = x.clamp(-1, 1)
        return self.net.probabilities(x).numpy() if self.net else self.linear.predict_proba(((x + 1) / 2).flatten(1).numpy())

    def look(self, x: Tensor) -> dict[str, float]:
        seen = self.seen(x)
        shares = np.bincount(seen.argmax(1), minlength=seen.shape[1]) / len(seen)
        some = shares[shares > 0]
        return {"sure": float((seen.max(1) >= SURE).mean()), "classes": int((shares >= THERE).sum()),
                "spread": float(-(some * np.log(some)).sum() / np.log(len(shares)))}


@torch.no_grad()
def numbers(model: LatentModel, test: Images, judge: Judge) -> dict[str, float]:
    """Everything that is measured of a model: its readouts, its reconstructions, its samples, and a map of two numbers."""
    x, labels = test.floats(slice(0, 500)), test.labels[:500].numpy()
    found = {name: float(value) for name, value in model.readout(x).items() if value.ndim == 0} if model.can("readout") else {}
    if model.can("encode") and not model.can("path"):
        again = model.decode(model.encode(x))
        found |= {"mse": float(((again.clamp(-1, 1) - x) / 2).square().mean()), "grey": float((again.clamp(-1, 1).abs() < 0.6).float().mean()),
                  "kept": float((judge.seen(again).argmax(1) == labels).mean())}
    if not model.PRIOR:
        z = torch.from_numpy(latents(0, 100 if model.can("path") else MADE, model.latent_shape))
        made = [*model.path(z, steps=20)][-1].x if model.can("path") else model.decode(z)
        found |= judge.look(made)
        if model.latent_shape == (2,):
            ticks = torch.linspace(-PLANE, PLANE, 11)
            found |= {f"map {key}": value for key, value in judge.look(model.decode(torch.cartesian_prod(ticks, ticks))).items()}
    return found


def trained(id: str, plan: Plan, train: Images, test: Images, judge: Judge) -> Iterator[tuple[int, float, float, dict[str, float]]]:
    """(step, processor seconds, seconds by the clock, numbers) at the moments of LOOK, of a map at MAP_AT, and at the end. Looking takes no time."""
    torch.manual_seed(plan.recipe.seed)
    trainer = Trainer(FAMILIES[plan.family](plan.model), train, plan.recipe)
    busy = clock = 0.0
    wanted = [*MAP_AT] if getattr(plan.model, "latent_dim", 0) == 2 else []
    began = time.process_time(), time.monotonic()
    for progress in trainer:
        now = busy + time.process_time() - began[0], clock + time.monotonic() - began[1]
        last = progress.step == plan.recipe.steps
        if last or progress.step in LOOK.get(id, ()) or wanted and now[0] >= wanted[0]:
            busy, clock = now
            wanted = [at for at in wanted if at > busy]
            yield progress.step, busy, clock, numbers(trainer.snapshot(), test, judge)
            began = time.process_time(), time.monotonic()


PROOFS = {  # by preset, what must hold of the last numbers of its runs, in words and as a test
    "linear": [("the angle to PCA's plane is under 5 degrees", lambda a: a[ANGLE] < 5)],
    "size": [("two numbers lose more of the picture", lambda few, many: few["mse"] > 3 * many["mse"])],
    "sample": [("more of the VAE's random pictures are surely digits", lambda ae, vae: vae["sure"] > ae["sure"])],
    "beta": [("the KL falls with beta", lambda a, b, c: a["KL of all dimensions, nats"] > b["KL of all dimensions, nats"] > c["KL of all dimensions, nats"]),
             ("the map at 1 holds at least 6 digits", lambda a, b, c: b["map classes"] >= 6)],
    "error": [("cross-entropy gives fewer half-grey pixels", lambda a, b: a["grey"] < b["grey"])],
    "collapse": [("classes are lost", lambda held, free: free["classes"] < held["classes"] or free["spread"] < held["spread"] - 0.1)],
    "dcgan": [("most pictures are surely digits, and nearly all digits are there", lambda a: a["sure"] > 0.5 and a["classes"] >= 8)],
    "ddpm": [("most pictures are surely digits", lambda a: a["sure"] > 0.5)],
    "sparse": [("fewer units are active", lambda a, b: a["share of active units"] < b["share of active units"])],
    "contractive": [("the Jacobian is smaller", lambda a, b: _like(a, "Jacobian") < _like(b, "Jacobian"))],
    "stacked": [("reconstructions show the digit", lambda a: a["kept"] > 0.7)],
    "recurrent": [("reconstructions show the digit", lambda a: a["kept"] > 0.7)],
    "vq": [("more codes are in use", lambda a, b: a["perplexity, codes"] > b["perplexity, codes"])],
    "rbm": [("pixels are foretold better than by a coin", lambda *all: min(_like(one, "pseudo") for one in all) > -0.5)],
}


def _like(numbers: dict[str, float], word: str) -> float:
    return next(value for name, value in numbers.items() if word in name)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.presets", description=__doc__)
    parser.add_argument("ids", nargs="*", help="some of the presets alone")
    parser.add_argument("--data", type=Path, help="a folder with mnist.npz; without it the small digits serve")
    args = parser.parse_args()
    data = "mnist" if args.data else "digits"
    torch.set_num_threads(1)
    train, test = (dataset(data, (1, 28, 28)).load(split, args.data) for split in ("train", "test"))
    judge, missed = Judge(data, train), 0
    for preset in presets(data):
        if args.ids and preset["id"] not in args.ids:
            continue
        print(f"\n{preset['title']} ({data}): {preset['watch']}", flush=True)
        ends = []
        for run in preset["runs"]:
            for step, busy, clock, found in trained(preset["id"], plan_from(json.loads(json.dumps(run["plan"]))), train, test, judge):
                told = ", ".join(f"{name} {value:.3g}" for name, value in found.items())
                print(f"  {run['title']}, step {step:,} after {busy:.0f} s of one core ({clock:.0f} s by the clock): {told}", flush=True)
            ends.append(found)
        for words, holds in PROOFS[preset["id"]]:
            met = bool(holds(*ends))
            missed += not met
            print(f"  {'met' if met else 'MISSED'}: {words}", flush=True)
    return min(missed, 1)


if __name__ == "__main__":
    sys.exit(main())
