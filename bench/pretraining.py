"""What learning without labels is worth: a classifier of 100 labels on stacked layers beside the same net drawn anew; layers one by one beside all at once."""

import argparse
import copy
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genmodels.checkpoint import FAMILIES, Checkpoint, find
from genmodels.datasets import DATASETS, Images
from genmodels.models.stacked import Stacked
from genmodels.train.loop import Trainer
from genmodels.train.recipe import Plan, Stage, plan_from

STEPS, RATE = 200, 1e-3  # on all labelled pictures at once
HEAD_RATE = 1e-2  # of the layer on top, which is new in every case


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.pretraining", description=__doc__)
    parser.add_argument("name", nargs="?", default="mnist-stacked", help="a checkpoint of the family stacked")
    parser.add_argument("--labels", type=int, default=100, help="pictures whose class is told, as many of each class")
    parser.add_argument("--seeds", type=int, default=5, help="draws of those pictures and of first weights")
    parser.add_argument("--at-once", action="store_true", help="also train the checkpoint's net in one stage of as many steps, and compare reconstructions")
    parser.add_argument("--data", type=Path, help="an .npz or a folder of them; without it the data sets come from the Hub")
    parser.add_argument("--checkpoints", type=Path, default=Path("checkpoints"), help="where checkpoint folders lie")
    args = parser.parse_args(arguments)
    try:
        if (checkpoint := find(args.checkpoints).get(args.name)) is None or checkpoint.about["family"] != "stacked":
            raise ValueError(f"There is no stacked autoencoder {args.name!r:.80} in {args.checkpoints}.")
        train, test = (DATASETS[checkpoint.about["dataset"]].load(split, args.data) for split in ("train", "test"))
        print(table(accuracies(checkpoint.load(), train, test, args.labels, args.seeds), args.labels))
        if args.at_once:
            for way, error in reconstructions(plan_from(checkpoint.about), checkpoint, train, test).items():
                print(f"{error:.5f}  mean squared error per pixel of test pictures, {way}")
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def table(found: dict[str, list[float]], labels: int) -> str:
    """Accuracies by way as lines of text."""
    lines = [f"accuracy on the test set with {labels} labels, mean and standard deviation of {len(next(iter(found.values())))} draws"]
    lines += [f"{np.mean(row):7.1%} +- {np.std(row):.1%}  {way}  {json.dumps([round(one, 4) for one in row])}" for way, row in found.items()]
    return "\n".join(lines)


def accuracies(model: Stacked, train: Images, test: Images, labels: int, seeds: int) -> dict[str, list[float]]:
    """Accuracy on the test set for each draw of labelled pictures: pretrained, pretrained and left as it is, and the same net drawn anew."""
    found: dict[str, list[float]] = {"with pretraining": [], "with pretraining, only the last layer learns": [], "without": []}
    for seed in range(seeds):
        x, told = some(train, labels, seed)
        for way, row in found.items():
            torch.manual_seed(seed)
            encoder = Stacked(model.config) if way == "without" else copy.deepcopy(model).requires_grad_()
            encoder.refresh(train.floats(slice(0, 1000)))  # codes of both in units of their spread
            row.append(accuracy(taught(encoder, x, told, frozen="only" in way), test))
    return found


def some(train: Images, count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Pictures [N, C, H, W] and their classes [N], as many of each, drawn by seed. ValueError where that cannot be."""
    classes = len(train.classes)
    if count < classes or count % classes:
        raise ValueError(f"--labels must be a multiple of {classes}, the classes, not {count}.")
    order = torch.from_numpy(np.random.default_rng(seed).permutation(len(train)))
    chosen = torch.cat([order[train.labels[order] == k][:count // classes] for k in range(classes)])
    return train.floats(chosen), train.labels[chosen]


def taught(encoder: Stacked, x: Tensor, labels: Tensor, frozen: bool) -> nn.Module:
    """A classifier on top of an encoder's code, after STEPS on all labelled pictures."""
    head = nn.Linear(encoder.latent_shape[0], int(labels.max()) + 1)
    learning = [{"params": head.parameters(), "lr": HEAD_RATE}] + ([] if frozen else [{"params": encoder.parameters(), "lr": RATE}])
    optimizer = torch.optim.Adam(learning)
    for _ in range(STEPS):
        optimizer.zero_grad()
        F.cross_entropy(head(encoder.encode(x)), labels).backward()
        optimizer.step()
    return nn.Sequential(_Encoding(encoder), head)


class _Encoding(nn.Module):
    def __init__(self, encoder: Stacked):
        super().__init__()
        self.encoder = encoder

    def forward(self, x: Tensor) -> Tensor:
        return self.encoder.encode(x)


@torch.no_grad()
def accuracy(classifier: nn.Module, test: Images) -> float:
    """The share of test pictures that are told right."""
    right = [(classifier(test.floats(slice(k, k + 2000))).argmax(1) == test.labels[k:k + 2000]).sum() for k in range(0, len(test), 2000)]
    return float(sum(right)) / len(test)


def reconstructions(plan: Plan, checkpoint: Checkpoint, train: Images, test: Images) -> dict[str, float]:
    """Errors of reconstructed test pictures: of the checkpoint, of its recipe without the last stage, and of its net trained in one stage."""
    recipe = plan.recipe
    at_once = Stage(steps=recipe.steps, rate=recipe.stages[-1].rate)
    ways = {"layer after layer, not yet together": recipe.stages[:-1], f"all at once, {recipe.steps:,} steps": (at_once,)}
    found = {"layer after layer, then together": error_of(checkpoint.load(), test)}
    for way, stages in ways.items():
        torch.manual_seed(recipe.seed)
        trainer = Trainer(FAMILIES[plan.family](plan.model), train, replace(recipe, stages=stages))
        for _ in trainer:
            pass
        found[way] = error_of(trainer.snapshot(), test)
    return found


@torch.no_grad()
def error_of(model: Stacked, test: Images) -> float:
    """Mean squared error per pixel in [0, 1]."""
    x = test.floats(slice(None))
    return float(((model.decode(model.encode(x)) - x) / 2).square().mean())


if __name__ == "__main__":
    sys.exit(main())
