"""The bars that the bundled checkpoints must clear, and a table of how they stand: python -m bench.scores"""

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from genmodels.checkpoint import Checkpoint, find

FOLDER_BYTES = 1_000_000  # each bundled checkpoint, all its files together


@dataclass(frozen=True)
class Bar:
    """A measure in metrics.json and the value it must reach: "at most" or "at least"."""

    name: str
    measure: str
    side: str
    value: float
    beside: str = ""

    def met_by(self, measured: float) -> bool:
        return measured <= self.value if self.side == "at most" else measured >= self.value


BARS = (
    Bar("mnist-pca-2d", "mse", "at most", 0.0556, "the optimum of a linear model"),
    Bar("mnist-pca-16d", "mse", "at most", 0.0255, "the optimum of a linear model"),
    Bar("mnist-ae-2d", "mse", "at most", 0.034, "plain convolutional net, an epoch or two: 0.0377"),
    Bar("mnist-ae-2d", "label_kept", "at least", 0.78, "the same: 62 %"),
    Bar("mnist-vae-2d", "nelbo", "at most", 138, "the same: 148"),
    Bar("mnist-vae-2d", "label_kept", "at least", 0.70, "the same: 51 %"),
    Bar("mnist-ae-16d", "mse", "at most", 0.0058, "the same: 0.0071; Pythae's 17 M net after 6 minutes: 0.0148"),
    Bar("mnist-ae-16d", "label_kept", "at least", 0.98, "the same: 97.5 %"),
    Bar("mnist-vae-16d", "nelbo", "at most", 96.5, "the same: 98.8; MLP VAE of 20 dimensions after 10 epochs: 105.2"),
    Bar("mnist-classifier", "accuracy", "at least", 0.994),
    Bar("fashion-classifier", "accuracy", "at least", 0.92),
)
BUNDLED = tuple(dict.fromkeys([bar.name for bar in BARS] + ["mnist-cvae-16d", "fashion-vae-16d", "shapes-vae"]))


def rows(found: Mapping[str, Checkpoint]) -> list[tuple[str, str, str, str, str, str]]:
    """(checkpoint, measure, value, bar, verdict, beside) for every bar and every folder's size."""
    table = []
    for bar in BARS:
        value, verdict = "-", "missing"
        if bar.name in found:
            metrics = found[bar.name].metrics()
            if bar.measure in metrics:
                value, verdict = f"{metrics[bar.measure]:g}", "met" if bar.met_by(metrics[bar.measure]) else "MISSED"
            if metrics and metrics.get("weights") != found[bar.name].hash:
                verdict = "measured on other weights"
        table.append((bar.name, bar.measure, value, f"{bar.side} {bar.value:g}", verdict, bar.beside))
    for name in BUNDLED:
        size = sum(file.stat().st_size for file in found[name].folder.iterdir() if file.is_file()) if name in found else None
        verdict = "missing" if size is None else "met" if size <= FOLDER_BYTES else "MISSED"
        table.append((name, "folder, bytes", "-" if size is None else f"{size:,}", f"at most {FOLDER_BYTES:,}", verdict, ""))
    return table


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.scores", description="Compare metrics.json of all checkpoints with the bars. "
                                     "The exit status is 1 if one is missed or missing.")
    parser.add_argument("--checkpoints", type=Path, default=Path("checkpoints"), help="where checkpoint folders lie")
    table = rows(find(parser.parse_args(arguments).checkpoints))
    shown = [("checkpoint", "measure", "value", "bar", "verdict", "beside"), *table]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    for row in shown:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return int(any(row[4] != "met" for row in table))


if __name__ == "__main__":
    sys.exit(main())
