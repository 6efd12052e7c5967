"""Measure checkpoints from the command line: python -m genmodels.evaluate NAME --data FOLDER"""

import argparse
import sys
from functools import lru_cache
from pathlib import Path

import torch

from .. import card
from ..checkpoint import Checkpoint, find
from ..classifier import Classifier
from ..datasets import DATASETS
from . import evaluate


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m genmodels.evaluate", description="Measure checkpoints on their test pictures again "
                                     "and write metrics.json, atlas.npz and the card into their folders.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="checkpoints to measure")
    parser.add_argument("--all", action="store_true", help="measure every checkpoint of the folder")
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
            _measure(name, found, args.data, args.device)
    except (ValueError, OSError, KeyError) as error:
        print(error.args[0] if isinstance(error, KeyError) else error, file=sys.stderr)
        return 2
    if args.table:
        print(card.overview(found))
    return 0


def _measure(name: str, found: dict[str, Checkpoint], data: Path | None, device: str) -> None:
    """Measure one checkpoint and print its table."""
    if name not in found:
        raise KeyError(f"There is no checkpoint {name!r:.80}; there are {', '.join(sorted(found)) or 'none'}.")
    dataset = found[name].about["dataset"]
    if dataset not in DATASETS:
        raise KeyError(f"{name}: there is no data set {dataset!r:.80}; there are {', '.join(DATASETS)}.")
    classifier = _classifier(found.get(f"{dataset}-classifier"), device)
    metrics = evaluate(found[name], _load(dataset, "test", data), classifier, len(_load(dataset, "train", data)), device)
    print(f"\n{name}")
    for what, value in card.measured(metrics):
        print(f"  {value:>10}  {what}")
    for why in metrics.get("left_out", []):
        print(f"  {why}")


_load = lru_cache(4)(lambda dataset, split, data: DATASETS[dataset].load(split, data))


def _classifier(checkpoint: Checkpoint | None, device: str) -> Classifier | None:
    if checkpoint is None:
        return None
    model = checkpoint.load()
    if not isinstance(model, Classifier):
        raise ValueError(f"{checkpoint.name} is a {checkpoint.about['family']}, not a classifier; rename it or remove it.")
    return model.to(device)


if __name__ == "__main__":
    sys.exit(main())
