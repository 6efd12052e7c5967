"""Train a recipe from the command line: python -m genmodels.train recipes/mnist-vae-2d.json --data FOLDER"""

import argparse
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from tqdm import tqdm

from ..checkpoint import FAMILIES, Checkpoint, write_whole
from ..datasets import Images, dataset
from .crew import Alone, Crew, is_launched
from .lock import Locked
from .loop import CannotGoOn, Trainer
from .recipe import Plan, load_plan
from .runs import Run
from .training import Training

WHOLE = ("model.safetensors", "config.json")  # in this order: config.json says that the folder is whole
MEASURED = ("metrics.json", "atlas.npz", "samplers.npz", "typical.npz", "features.npz",  # what is said about some weights, and untrue of others
            "samples.webp", "manifold.webp", "walks.webp", "again.webp", "path.webp", "learned.webp", "steps.webp", "README.md")


def main(arguments: list[str] | None = None) -> int:
    """Train; 0 when finished, 128 + the signal's number when stopped by one (130 is Ctrl-C), 1 or 2 when it cannot go on or begin."""
    args = _parse(arguments)
    if args.threads:
        torch.set_num_threads(args.threads)
    crew = Alone()
    try:
        if is_launched():
            crew = Crew(args.device)
            args.device = crew.device
        if not crew.first:
            return _follow(args, crew)
        run, training = _open(args, crew)
        with _signals() as received:
            for progress in _with_bar(training):
                if received:
                    training.stop()
                    print(f"Stopped at step {progress.step} and saved. The same command goes on from here.")
                    return 128 + received[0]
        if args.out:
            _copy_checkpoint(run, args.out)
    except (ValueError, OSError, ImportError, Locked) as error:
        print(error, file=sys.stderr)
        return 2
    except CannotGoOn as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped at once; what was saved last is kept.", file=sys.stderr)
        return 130
    finally:
        crew.dismiss()
    return 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m genmodels.train", description="Train a recipe. Started again, it goes on where it stopped.")
    parser.add_argument("recipe", type=Path, help="a file in recipes/")
    parser.add_argument("--data", type=Path, help="an .npz or a folder of them; without it the dataset comes from the Hub, "
                        "as one always does that the recipe names as the Hub does, such as uoft-cs/cifar10")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where run folders lie")
    parser.add_argument("--out", type=Path, help="copy the finished checkpoint into this folder, e.g. checkpoints")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, help="processor threads to use")
    return parser.parse_args(arguments)


def _follow(args: argparse.Namespace, crew: Crew) -> int:
    """Train along with the first process, which alone writes, reports, and says when to stop."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    plan = load_plan(args.recipe)
    train, _ = _pictures(plan, args.data)
    crew.follow(Trainer(FAMILIES[plan.family](plan.model), train, plan.recipe, args.device, crew))
    return 0


def _open(args: argparse.Namespace, crew: Alone) -> tuple[Run, Training]:
    """The run of a recipe, begun or continued."""
    plan = load_plan(args.recipe)
    run = Run(args.runs / args.recipe.stem)
    if not (run.folder / "run.json").exists():
        run = Run.create(run.folder, plan)
    elif run.plan != plan:
        raise ValueError(f"{run.folder} holds a run of another recipe; remove it or choose another --runs.")
    train, test = _pictures(plan, args.data)
    for sentence in train.account:
        print(sentence)
    return run, Training(run, train, test, args.device, crew=crew)


def _pictures(plan: Plan, source: Path | None) -> tuple[Images, Images]:
    """What to train on, and what to test with."""
    data = dataset(plan.dataset, plan.model.image_shape, plan.model.conditions)
    return data.load("train", source), data.load("test", source)


def _with_bar(training: Training) -> Iterator:
    """The training's steps, drawn as a bar in the terminal."""
    trainer = training.trainer
    with tqdm(total=trainer.recipe.steps, initial=trainer.step, unit="step", desc=training.run.name, mininterval=0.5) as bar:
        for progress in training:
            bar.update(progress.step - bar.n)
            if progress.step % 100 == 0:
                bar.set_postfix({name: f"{float(value):.4g}" for name, value in progress.losses.items()})
            yield progress


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Signals to stop, collected so that a step is never cut in two. A second Ctrl-C does not wait any longer."""
    received: list[int] = []

    def note(number: int, _) -> None:
        if number in received:  # a launcher of several processes passes Ctrl-C on as another signal
            raise KeyboardInterrupt
        received.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _copy_checkpoint(run: Run, out: Path) -> None:
    """Put the finished checkpoint below out. Where it replaces another, nothing that was said about that one stays."""
    target = out / run.name
    target.mkdir(parents=True, exist_ok=True)
    new = {name: (run.folder / "checkpoint" / name).read_bytes() for name in WHOLE}
    if any(not (target / name).exists() or (target / name).read_bytes() != content for name, content in new.items()):
        for name in ("config.json", *MEASURED):
            (target / name).unlink(missing_ok=True)
        for name, content in new.items():
            write_whole(target / name, content)
    print(f"{target}: {Checkpoint(target).hash}")


if __name__ == "__main__":
    sys.exit(main())
