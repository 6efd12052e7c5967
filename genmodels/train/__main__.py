"""Train a recipe from the command line: python -m genmodels.train recipes/mnist-vae-2d.json --data FOLDER"""

import argparse
import shutil
import sys
from pathlib import Path

import torch
from tqdm import tqdm

from ..checkpoint import find
from ..datasets import DATASETS
from .recipe import load_plan
from .runs import Run, follow, trainer_for


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m genmodels.train", description="Train a recipe. Started again, it goes on where it stopped.")
    parser.add_argument("recipe", type=Path, help="a file in recipes/")
    parser.add_argument("--data", type=Path, help="an .npz or a folder of them; without it the dataset comes from the Hub")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where run folders lie")
    parser.add_argument("--out", type=Path, help="copy the finished checkpoint into this folder, e.g. checkpoints")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, help="processor threads to use")
    args = parser.parse_args(arguments)
    if args.threads:
        torch.set_num_threads(args.threads)
    try:
        plan = load_plan(args.recipe)
        run = Run(args.runs / args.recipe.stem)
        if not (run.folder / "run.json").exists():
            run = Run.create(run.folder, plan)
        elif run.about["asked"] != _through_json(plan):
            raise ValueError(f"{run.folder} holds a run of another recipe; remove it or choose another --runs.")
        dataset = DATASETS[plan.dataset]
        trainer = trainer_for(run, dataset.load("train", args.data), args.device)
        test = dataset.load("test", args.data)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    steps = follow(run, trainer, test)
    try:
        with tqdm(total=plan.recipe.steps, initial=trainer.step, unit="step", desc=run.name, mininterval=0.5) as bar:
            for progress in steps:
                bar.update(progress.step - bar.n)
                if progress.step % 100 == 0:
                    bar.set_postfix({name: f"{float(value):.4g}" for name, value in progress.losses.items()})
    except KeyboardInterrupt:
        steps.close()
        print(f"Stopped at step {trainer.step} and saved. The same command goes on from here.")
        return 130
    if args.out:
        target = args.out / run.name
        target.mkdir(parents=True, exist_ok=True)
        for name in ("model.safetensors", "config.json"):  # config last: its presence means whole
            shutil.copy2(run.folder / "checkpoint" / name, target / name)
        print(f"{target}: {find(args.out)[run.name].hash}")
    return 0


def _through_json(plan) -> dict:
    """The plan as it comes back from run.json, where tuples have become lists."""
    import json
    return json.loads(json.dumps(plan.to_json()))


if __name__ == "__main__":
    sys.exit(main())
