"""Measure checkpoints from the command line: python -m genmodels.evaluate NAME --data FOLDER"""

import argparse
import sys
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import torch

from .. import card
from ..checkpoint import Checkpoint, find
from ..classifier import Classifier
from ..datasets import DATASETS, Images, dataset
from ..kept import Kept
from ..models import LatentModel
from . import (
    FULL,
    QUICK,
    SECOND,
    Effort,
    evaluate,
    evaluate_cleaning,
    evaluate_directions,
    evaluate_noise,
    evaluate_own,
    evaluate_pushes,
    evaluate_shown,
    examine,
)
from .judge import Judge

FEWEST = 200  # pictures of which a Frechet distance says something


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m genmodels.evaluate", description="Measure checkpoints on their test pictures again "
                                     "and write metrics.json, their atlas, samplers or features, and the card into their folders.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="checkpoints to measure")
    parser.add_argument("--all", action="store_true", help="measure every checkpoint of the folder")
    parser.add_argument("--quick", action="store_true", help="a first impression: fewer samples and draws, nothing is written")
    parser.add_argument("--own", action="store_true", help="measure only what a person's own picture needs: typical.npz, outliers, retrieval")
    parser.add_argument("--shown", action="store_true", help="measure only what the family proves of itself: sparseness, a Jacobian, layers")
    parser.add_argument("--cleaning", action="store_true", help="measure only how well a model takes noise away, beside median and non-local means")
    parser.add_argument("--noise", action="store_true", help="measure only what a model of many steps has learned of noise, and its distances by "
                        "steps as far as they are missing; --samples then says how many pictures for each number of steps")
    parser.add_argument("--directions", action="store_true", help="find only the directions of the latent space again: directions.json")
    parser.add_argument("--pushes", action="store_true", help="measure only what pushes along its directions do, by the judge of the data set's attributes")
    parser.add_argument("--samples", type=int, metavar="N",
                        help=f"pictures made for each comparison, instead of {FULL.samples:,}; with fewer, all else that takes long is less, too")
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
    stranger = _stranger(checkpoint, args.data) if issubclass(checkpoint.family, LatentModel) else None
    judge, classifier = None, f"{checkpoint.about['dataset']}-classifier"
    if classifier in found and issubclass(checkpoint.family, LatentModel):
        judge = _judge(found[classifier], args.data, args.device, (FULL if args.noise else _effort(args)).samples)
    if args.directions:
        _tell(name, evaluate_directions(checkpoint, train, test, judge, args.device))
        return
    second = _second(checkpoint, found, args.device)
    if args.quick:
        metrics, *_ = examine(checkpoint, train, test, judge, args.device, QUICK, stranger)
    elif args.pushes:
        if second is None:
            raise KeyError(f"There is no {checkpoint.about['dataset']}{SECOND}, a second classifier of attributes, to measure pushes with.")
        metrics = evaluate_pushes(checkpoint, train, test, second, args.device)
    elif args.shown:
        metrics = evaluate_shown(checkpoint, train, test, args.device)
    elif args.cleaning:
        metrics = evaluate_cleaning(checkpoint, train, test, args.device, _effort(args))
    elif args.noise:
        metrics = evaluate_noise(checkpoint, train, test, judge, args.device, replace(_effort(args), by_steps=args.samples or FULL.by_steps))
    else:
        metrics = evaluate_own(checkpoint, train, test, judge, args.device, stranger) if args.own else \
            evaluate(checkpoint, train, test, judge, args.device, stranger, second, _effort(args))
    print(f"\n{name}" + (": a first impression, nothing is written" if args.quick else ""))
    for what, value in card.measured(metrics) + card.of_own_pictures(metrics):
        print(f"  {value:>10}  {what}")
    for rows in (card.generated(metrics), card.by_steps(metrics), card.by_moment(metrics), card.round_trips(metrics),
                 card.cleaned(metrics), card.shown(metrics), card.pushed(metrics)):
        if rows:
            print("\n" + "\n".join("  " + "  ".join(f"{cell:<{width}}" for cell, width in zip(row, card.widths(rows), strict=True)).rstrip() for row in rows))
    for why in metrics.get("left_out", []):
        print(f"  {why}")


def _effort(args: argparse.Namespace) -> Effort:
    """How much is computed; ValueError for a number of samples of which nothing can be said."""
    if args.quick or args.samples is None:
        return QUICK if args.quick else FULL
    if args.samples < 100:
        raise ValueError(f"--samples must be at least 100, not {args.samples}.")
    few = min(1.0, args.samples / FULL.samples)
    by_steps = round(few**2 * FULL.by_steps)
    smaller = (by_steps if by_steps >= FEWEST else 0, *(max(20, round(few**2 * number)) for number in (FULL.bounded, FULL.draws)))
    return Effort(args.samples, *smaller, max(1000, round(few * FULL.labelled)), cleaned=max(100, round(few * FULL.cleaned)))


def _tell(name: str, found: Kept) -> None:
    """Print which directions were found, and what could not be learned."""
    print(f"\n{name}")
    for one in found.directions:
        print(f"  {'-' if one.accuracy is None else f'{one.accuracy:.1%}':>6}  {one.name}: {one.about}")
    for what, why in found.unlearned.items():
        print(f"  {'none':>6}  {what}: {why}")


def _second(checkpoint: Checkpoint, found: dict[str, Checkpoint], device: str) -> Classifier | None:
    """The classifier of the data set's attributes to which nothing was fitted, where there is one."""
    name = f"{checkpoint.about['dataset']}{SECOND}"
    if name not in found or not issubclass(checkpoint.family, LatentModel):
        return None
    model = found[name].load()
    if not isinstance(model, Classifier):
        raise ValueError(f"{name} is a {found[name].about['family']}, not a classifier; rename it or remove it.")
    return model.to(device)


def _dataset(checkpoint: Checkpoint):
    """What a model learned from. ValueError in words where this program does not have it."""
    name, config = checkpoint.about["dataset"], checkpoint.config
    if not checkpoint.family.learns():
        raise ValueError(f"{checkpoint.name} comes from elsewhere, and the pictures that it learned from are not known here: it cannot be measured.")
    try:
        return dataset(name, config.image_shape, config.conditions)
    except ValueError as error:
        raise ValueError(f"{checkpoint.name}: {error}") from None


def _stranger(checkpoint: Checkpoint, data: Path | None) -> tuple[str, Images] | None:
    """Another data set with pictures of the same size, its title and test pictures; None where there is none at hand."""
    mine, shape = checkpoint.about["dataset"], tuple(checkpoint.config.image_shape)
    for name, other in DATASETS.items():
        if name != mine and tuple(other.IMAGE_SHAPE) == shape:
            try:
                return other.TITLE, _load(other, "test", data)
            except (OSError, ValueError) as error:
                print(f"{other.TITLE} is not at hand, so {checkpoint.name} is not tried on it: {error}", file=sys.stderr)
    return None


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
