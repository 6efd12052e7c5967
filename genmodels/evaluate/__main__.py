"""Measure checkpoints from the command line: python -m genmodels.evaluate NAME --data FOLDER"""

import argparse
import sys
from functools import lru_cache
from pathlib import Path

import torch

from .. import card
from ..checkpoint import Checkpoint, find
from ..classifier import Classifier
from ..datasets import dataset
from ..models import LatentModel
from . import FULL, QUICK, evaluate, examine
from .judge import Judge


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m genmodels.evaluate", description="Measure checkpoints on their test pictures again "
                                     "and write metrics.json, their atlas, samplers or features, and the card into their folders.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="checkpoints to measure")
    parser.add_argument("--all", action="store_true", help="measure every checkpoint of the folder")
    parser.add_argument("--quick", action="store_true", help="a first impression: fewer samples and draws, nothing is written")
    parser.add_argument("--table", action="store_true", help="print the numbers of all checkpoints in one table (last)")
    parser.add_argument("--data", type=Path, help="an .npz or a folder of them; without it the data sets come from the Hub")
    parser.add_argument("--checkpoints", type=Path, default=Path("checkpoints"), help="where checkpoint folders lie")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args(arguments)
    found = find(args.checkpoints)
    if not (args.names or args.all or args.table):
        parser.error("name a checkpoint, or say --all or --table")
    try:
        for name in sorted(found) if args.all else args.names:
            _measure(name, found, args)
    except (ValueError, OSError, KeyError) as error:
        print(error.args[0] if isinstance(error, KeyError) else error, file=sys.stderr)
        return 2
    if args.table:
        print(card.overview(found))
    return 0


def _measure(name: str, found: dict[str, Checkpoint], args: argparse.Namespace) -> None:
    """Measure one checkpoint and print its tables."""
    if name not in found:
        raise KeyError(f"There is no checkpoint {name!r:.80}; there are {', '.join(sorted(found)) or 'none'}.")
    checkpoint = found[name]
    train, test = (_load(_dataset(checkpoint), split, args.data) for split in ("train", "test"))
    judge, classifier = None, f"{checkpoint.about['dataset']}-classifier"
    if classifier in found and issubclass(checkpoint.family, LatentModel):
        judge = _judge(found[classifier], args.data, args.device, (QUICK if args.quick else FULL).samples)
    if args.quick:
        metrics, *_ = examine(checkpoint, train, test, judge, args.device, QUICK)
    else:
        metrics = evaluate(checkpoint, train, test, judge, args.device)
    print(f"\n{name}" + (": a first impression, nothing is written" if args.quick else ""))
    for what, value in card.measured(metrics):
        print(f"  {value:>10}  {what}")
    for rows in (card.generated(metrics), card.by_steps(metrics)):
        if rows:
            print("\n" + "\n".join("  " + "  ".join(f"{cell:<{width}}" for cell, width in zip(row, card.widths(rows), strict=True)).rstrip() for row in rows))
    for why in metrics.get("left_out", []):
        print(f"  {why}")


def _dataset(checkpoint: Checkpoint):
    """What a model learned from. ValueError in words where this program does not have it."""
    name, config = checkpoint.about["dataset"], checkpoint.config
    if not checkpoint.family.learns():
        raise ValueError(f"{checkpoint.name} comes from elsewhere, and the pictures that it learned from are not known here: it cannot be measured.")
    try:
        return dataset(name, config.image_shape, config.conditions)
    except ValueError as error:
        raise ValueError(f"{checkpoint.name}: {error}") from None


_load = lru_cache(4)(lambda data, split, source: data.load(split, source))


@lru_cache(2)
def _judge(checkpoint: Checkpoint, data: Path | None, device: str, samples: int) -> Judge:
    """The judge of a data set, kept while one after the other of its models is measured."""
    model = checkpoint.load()
    if not isinstance(model, Classifier):
        raise ValueError(f"{checkpoint.name} is a {checkpoint.about['family']}, not a classifier; rename it or remove it.")
    train, test = (_load(_dataset(checkpoint), split, data) for split in ("train", "test"))
    return Judge(model.to(device), train, test, samples)


if __name__ == "__main__":
    sys.exit(main())
