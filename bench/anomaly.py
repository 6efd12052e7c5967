"""A class held out: a model of a checkpoint's recipe learns without it, and how well that class stands out is kept in the card: python -m bench.anomaly NAME"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import torch

from genmodels import card
from genmodels.checkpoint import Checkpoint, find, write_whole
from genmodels.datasets import DATASETS, Images
from genmodels.evaluate import metrics_text
from genmodels.evaluate.own import found, outliers
from genmodels.evaluate.subject import Subject
from genmodels.latent.typical import Typical
from genmodels.train.loop import Trainer
from genmodels.train.recipe import plan_from


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.anomaly", description=__doc__)
    parser.add_argument("names", nargs="+", metavar="NAME", help="checkpoints with an encoder, measured by genmodels.evaluate before")
    parser.add_argument("--without", default="8", help="the class that is held out")
    parser.add_argument("--steps", type=int, default=1500, help="training steps, of the recipe's first stage")
    parser.add_argument("--data", type=Path, help="an .npz or a folder of them; without it the data sets come from the Hub")
    parser.add_argument("--checkpoints", type=Path, default=Path("checkpoints"), help="where checkpoint folders lie")
    args = parser.parse_args(arguments)
    try:
        there = find(args.checkpoints)
        for name in args.names:
            if name not in there:
                raise ValueError(f"There is no checkpoint {name!r:.80} in {args.checkpoints}.")
            _report(there[name], args)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _report(checkpoint: Checkpoint, args: argparse.Namespace) -> None:
    """Measure, print, and write it into metrics.json and the card."""
    data, metrics = DATASETS[checkpoint.about["dataset"]], checkpoint.metrics()
    if "own" not in metrics or not checkpoint.family.can("encode") or checkpoint.config.conditions:
        raise ValueError(f"{checkpoint.name} needs an encoder, no conditions, and python -m genmodels.evaluate {checkpoint.name} --own before.")
    train, test = (data.load(split, args.data) for split in ("train", "test"))
    measured = held_out(checkpoint, train, test, args.without, args.steps)
    metrics["own"]["held_out"] = {key: float(f"{value:.6g}") if isinstance(value, float) else value for key, value in measured.items()}
    readme = checkpoint.folder / "README.md"
    text = card.renewed(readme.read_text(encoding="utf-8"), checkpoint, metrics, len(train))
    for path, content in ((checkpoint.folder / "metrics.json", metrics_text(metrics)), (readme, text)):
        write_whole(path, content.encode())
    print(f"{checkpoint.name} without {args.without}: " + ", ".join(f"{key} {measured[key]:.4f}" for key in ("error", "distance", "score", "caught")))


def held_out(checkpoint: Checkpoint, train: Images, test: Images, name: str, steps: int) -> dict:
    """Areas under ROC of test pictures of a class that a model never saw against those of the others, as `outliers` gives them."""
    if name not in test.classes:
        raise ValueError(f"There is no class {name!r:.40}; there are {', '.join(test.classes)}.")
    kept, left = (images.some(images.labels != test.classes.index(name)) for images in (train, test))
    plan = plan_from({key: checkpoint.about[key] for key in ("format", "family", "dataset", "model", "recipe")})
    recipe = replace(plan.recipe, stages=(replace(plan.recipe.stages[0], steps=steps),))
    torch.manual_seed(recipe.seed)
    trainer = Trainer(checkpoint.family(plan.model), kept, recipe)
    for _ in trainer:
        pass
    subject = Subject(trainer.snapshot().eval(), left)
    codes, errors = found(subject, subject.x, subject.y)
    usual = Typical.fit(codes, errors, subject.x[0].numel())
    stranger = test.some(test.labels == test.classes.index(name))
    return {"title": name, "steps": steps} | outliers(subject, usual, codes[1::2], errors[1::2], stranger)


if __name__ == "__main__":
    sys.exit(main())
