"""Repair by diffusion beside simpler methods, on test pictures: python -m bench.repair mnist-diffusion faces-diffusion --data FOLDER

A block is hidden, or pictures are made 2 and 4 times smaller. Three answers of the model stand beside what the page shows with them: nearest and
bicubic, or biharmonic inpainting, and the code of an autoencoder that fits best what is known; all in one run, of the same pictures. "PSNR" and
"SSIM" compare with the whole picture. "seen alike": how often the classifier says of an answer what it says of the whole picture. "edges": the
mean step between neighbouring pixels as a share of the whole picture's; 1 is as sharp. "fits": the error of what is known, in grey levels.
"apart": by how many grey levels the three answers differ, where they are free to.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported, as app.py does it

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from skimage.metrics import structural_similarity

from genmodels.checkpoint import find
from genmodels.datasets import dataset
from genmodels.engine import Engine, Given, Sampling, Search
from genmodels.evaluate.subject import balanced
from genmodels.ui.live.ownpicture import simple

ANSWERS, SEED = 3, 1
BLOCK = (0.25, 0.55, 0.75, 0.9)  # left, top, right and bottom of what is hidden to begin with, as assets/js/damage.js has it
TASKS = {"block": 0, "2": 2, "4": 4}  # how many times smaller; 0 hides the block
USED = {"block": {"steps": 25, "repeats": 5}, "2": {"steps": 25, "repeats": 3}, "4": {"steps": 25, "repeats": 3}}  # as assets/js/noiserepair.js has it
HEAD = ("", "PSNR", "SSIM", "seen alike", "edges", "fits")


@dataclass(frozen=True)
class Damage:
    """What is left of pictures [H, W, C]: the known pixels, bool [H, W], or means of blocks `factor` pixels wide."""

    known: np.ndarray
    factor: int

    def given(self, picture: np.ndarray, repeats: int) -> Given:
        return Given(picture.tobytes(), self.bits, self.factor or 1, repeats)

    @property
    def bits(self) -> bytes:
        return b"" if self.factor else np.packbits(self.known).tobytes()

    @property
    def search(self) -> Search:
        return Search(self.bits, self.factor or 1, ANSWERS)

    def seen(self, pictures: np.ndarray) -> np.ndarray:
        """What is known of pictures [N, H, W, C], float."""
        if not self.factor:
            return pictures[:, self.known].astype(float)
        n, height, width, channels = pictures.shape
        return pictures.reshape(n, height // self.factor, self.factor, width // self.factor, self.factor, channels).mean((2, 4))


def damage_of(task: str, height: int, width: int) -> Damage:
    known = np.ones((height, width), bool)
    left, top, right, bottom = (int(share * side + 0.5) for share, side in zip(BLOCK, (width, height) * 2, strict=True))
    known[top:bottom, left:right] = False
    return Damage(known, TASKS[task])


@dataclass(frozen=True)
class Case:
    """One model, the pictures uint8 [N, H, W, C], and what is done to them."""

    engine: Engine
    name: str
    pictures: np.ndarray
    damage: Damage

    def answers(self, sampler: str, eta: float, steps: int, repeats: int) -> np.ndarray:
        """The model's, uint8 [N, ANSWERS, H, W, C], told nothing of what the picture shows."""
        z = self.engine.prior(self.name, ANSWERS, SEED)
        ways = [Sampling(sampler, steps, eta, None, SEED, 1.0, self.damage.given(one, repeats)) for one in self.pictures]
        asked: list[Future] = [self.engine.submit("decode", self.name, z, None, way, whose=0) for way in ways]
        return np.stack([one.result() for one in asked])

    def beside(self) -> dict[str, np.ndarray]:
        """What simpler methods make of it, uint8 [N, H, W, C] each, and an autoencoder, where there is one."""
        found = [simple(one, self.damage.search) for one in self.pictures]
        rows = {title: np.stack([one[title] for one in found]) for title in found[0]}
        if (reader := autoencoder(self.engine, self.name)) is not None:
            codes, errors = self.engine.search(reader, self.pictures, None, self.damage.search)
            best = codes[np.arange(len(codes)), errors.argmin(1)]
            rows[f"The code of {reader}"] = self.engine.decode(reader, best)
        return rows

    def numbers(self, made: np.ndarray) -> tuple[float, ...]:
        """PSNR, SSIM, seen alike, edges and fits of pictures uint8 [N, H, W, C], means."""
        errors = np.square((made.astype(float) - self.pictures) / 255).mean((1, 2, 3))
        ssim = [structural_similarity(a, b, channel_axis=2) for a, b in zip(made, self.pictures, strict=True)]
        fits = np.abs(self.damage.seen(made) - self.damage.seen(self.pictures)).mean()
        return (float(-10 * np.log10(errors.clip(1e-6)).mean()), float(np.mean(ssim)), self._alike(made), edges(made) / edges(self.pictures), float(fits))

    def _alike(self, made: np.ndarray) -> float:
        """The share of a classifier's verdicts that are the same; not a number where there is none."""
        if (judge := self.engine.classifier_for(self.name)) is None:
            return float("nan")
        seen = [self.engine.classify(judge, pictures) for pictures in (made, self.pictures)]
        if self.engine.blueprint(judge).config.kind == "attributes":
            return float(np.mean((seen[0] > 0.5) == (seen[1] > 0.5)))
        return float(np.mean(seen[0].argmax(1) == seen[1].argmax(1)))

    def apart(self, answers: np.ndarray) -> float:
        """By how many grey levels answers [N, A, H, W, C] to one picture differ, in what is hidden or, of small pictures, everywhere."""
        pairs = np.stack([np.abs(answers[:, a].astype(float) - answers[:, b]) for a, b in combinations(range(answers.shape[1]), 2)])
        return float((pairs if self.damage.factor else pairs[:, :, ~self.damage.known]).mean())


def edges(pictures: np.ndarray) -> float:
    """The mean difference of neighbours in pictures [N, H, W, C]."""
    values = pictures.astype(float)
    return float(np.abs(np.diff(values, axis=1)).mean() + np.abs(np.diff(values, axis=2)).mean())


def autoencoder(engine: Engine, name: str) -> str | None:
    """The model whose answer the page puts beside: of those that read such pictures the best one, no linear one if there is another."""
    data = engine.checkpoint(name).about["dataset"]
    able = [one for one in engine.names("encode") if engine.checkpoint(one).about["dataset"] == data
            and not (engine.blueprint(one).can("path") or engine.blueprint(one).can("log_prob"))]
    rank = {one: (getattr(engine.blueprint(one).config, "net", "") == "linear", engine.checkpoint(one).metrics().get("mse", np.inf)) for one in able}
    return min(able, key=rank.__getitem__, default=None)


def table(case: Case, ways: Sequence[dict]) -> Iterator[tuple[str, ...]]:
    """A row for each simple method, and two for each way of the model: its answers one by one, and the mean of the three."""
    for title, made in case.beside().items():
        yield row(title, case.numbers(made))
    for way in ways:
        answers = case.answers(**way)
        each = [case.numbers(answers[:, k]) for k in range(ANSWERS)]
        said = " ".join(f"{key} {value:g}" if isinstance(value, float) else f"{key} {value}" for key, value in way.items())
        yield row(f"An answer: {said}", tuple(np.mean(each, 0)), f"three are {case.apart(answers):.1f} apart")
        yield row("  the mean of three", case.numbers(answers.mean(1).round().astype(np.uint8)))


def row(title: str, numbers: Sequence[float], more: str = "") -> tuple[str, ...]:
    psnr, ssim, alike, sharp, fits = numbers
    return (title, f"{psnr:.2f}", f"{ssim:.3f}", "-" if np.isnan(alike) else f"{alike:.1%}", f"{sharp:.2f}", f"{fits:.1f}", more)


def ways_of(model, task: str, sweep: bool) -> list[dict]:
    """The page's way; for a sweep others too."""
    chance = "ddim" if "ddim" in model.SAMPLERS else model.SAMPLERS[0]
    own = {"sampler": chance, "eta": 1.0 if chance == "ddim" else 0.0, **USED[task]}
    if not sweep:
        return [own]
    tried = [{"eta": 0.0}, {"eta": 0.5}, *({"steps": steps} for steps in (15, 50)), *({"repeats": many} for many in (1, 3, 10)),
             *({"steps": steps, "repeats": 1} for steps in (50, 100))]
    ways = [own] + [own | other for other in tried]
    return [way for k, way in enumerate(ways) if way not in ways[:k]]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.repair", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+", metavar="NAME", help="models of many steps")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=tuple(TASKS), metavar="TASK", help="some of " + ", ".join(TASKS))
    parser.add_argument("--pictures", type=int, default=32, help="test pictures, of all classes alike")
    parser.add_argument("--sweep", action="store_true", help="other steps, repeats and shares of fresh noise too")
    parser.add_argument("--data", type=Path, help="an .npz or a folder of them; without it the data sets come from the Hub")
    parser.add_argument("--checkpoints", type=Path, default=Path("checkpoints"), help="where checkpoint folders lie")
    args = parser.parse_args(arguments)
    there = find(args.checkpoints)
    if strangers := [name for name in args.names if name not in there or not there[name].family.can("path")]:
        parser.error(f"{strangers[0]} is no model of many steps in {args.checkpoints}.")
    with tempfile.TemporaryDirectory() as cache:
        engine = Engine(args.checkpoints, device="cpu", cache=Path(cache))
        try:
            for name in args.names:
                report(engine, name, args)
        finally:
            engine.close()
    return 0


def report(engine: Engine, name: str, args: argparse.Namespace) -> None:
    model, about = engine.blueprint(name), engine.checkpoint(name).about
    test = dataset(about["dataset"], model.image_shape, model.conditions).load("test", args.data)
    chosen = test.pixels[balanced(np.asarray(test.labels), args.pictures)].permute(0, 2, 3, 1).numpy()
    for task in args.tasks:
        case = Case(engine, name, np.ascontiguousarray(chosen), damage_of(task, *chosen.shape[1:3]))
        print(f"\n{name}, {'a block is hidden' if task == 'block' else f'made {task} times smaller'}, {len(chosen)} test pictures")
        print("  " + "  ".join(cell.ljust(46) if not k else cell.rjust(10) for k, cell in enumerate(HEAD)))
        for cells in table(case, ways_of(model, task, args.sweep)):
            print("  " + "  ".join(cell.ljust(46) if not k else cell.rjust(10) for k, cell in enumerate(cells)).rstrip(), flush=True)


if __name__ == "__main__":
    sys.exit(main())
