"""Pictures per second when 50 threads each ask the engine for one at a time, beside the model called on full batches."""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported, as app.py does it

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch

from bench.beside import training
from genmodels.checkpoint import save_checkpoint
from genmodels.engine import Engine
from genmodels.models import MODELS
from genmodels.normal import latents
from genmodels.train.recipe import Plan

BAR = 0.7


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, help="a folder of checkpoints; without it a convolutional VAE for 28x28 pictures is made")
    parser.add_argument("--name", default="vae", help="which of them")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--threads", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="for each measurement of a round")
    parser.add_argument("--training", action="store_true", help="while a training runs beside")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = args.root or _untrained(Path(folder))
        engine = Engine(root, device=args.device, cache=Path(folder))
        ways = {
            "plain model, batches of 256": _bare(engine, args.name, 256, False),
            "channels last, batches of 32": _bare(engine, args.name, 32, True),
            f"engine, {args.threads} threads, one each": _crowd(engine, args.name, args.threads),
        }
        rates: dict[str, list[float]] = {way: [] for way in ways}
        with training(Path(folder)) if args.training else threading.Lock():
            for way in ways.values():
                way(0.3)  # everything is loaded and warm
            for _ in range(args.rounds):
                for name, way in ways.items():
                    rates[name].append(way(args.seconds))
        engine.close()
    *bare, ours = [median(values) for values in rates.values()]
    for name, values in rates.items():
        print(f"{name:32} {median(values):8.0f} pictures/s   rounds: {' '.join(f'{value:.0f}' for value in values)}")
    ratios = [ours / rate for rate in bare]
    beside = "a training beside" if args.training else "nothing beside"
    print(f"engine beside bare: {ratios[0]:.2f} and {ratios[1]:.2f} (bar {BAR} of the faster one, {beside})")
    return 0 if min(ratios) >= BAR else 1


def _untrained(folder: Path) -> Path:
    config = MODELS["vae"].Config(latent_dim=16, depth=2, hidden=160)
    save_checkpoint(MODELS["vae"](config), folder / "checkpoints" / "vae", Plan("vae", "mnist", config).to_json())
    return folder / "checkpoints"


def _bare(engine: Engine, name: str, batch: int, channels_last: bool) -> Callable[[float], float]:
    """Pictures per second of the model alone, called in a thread of its own, as the engine calls it."""
    model = engine.checkpoint(name).load().to(engine.mode)
    if channels_last:
        model = model.to(memory_format=torch.channels_last)
    z = torch.from_numpy(latents(0, batch, model.latent_shape)).to(engine.mode)

    def measure(seconds: float) -> float:
        rate = []

        @torch.inference_mode()
        def work() -> None:
            torch.set_num_threads(1)
            began, count = time.perf_counter(), 0
            while time.perf_counter() - began < seconds:
                model.decode(z).cpu()
                count += batch
            rate.append(count / (time.perf_counter() - began))

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        return rate[0]

    return measure


def _crowd(engine: Engine, name: str, size: int) -> Callable[[float], float]:
    """Pictures per second that so many threads get together, each asking for the next one when it has the last."""
    z = engine.prior(name, size, 0)

    def measure(seconds: float) -> float:
        counts, began = [0] * size, time.perf_counter()

        def person(k: int) -> None:
            while time.perf_counter() - began < seconds:
                engine.decode(name, z[k:k + 1])
                counts[k] += 1

        people = [threading.Thread(target=person, args=(k,)) for k in range(size)]
        for thread in people:
            thread.start()
        for thread in people:
            thread.join()
        return sum(counts) / (time.perf_counter() - began)

    return measure


if __name__ == "__main__":
    sys.exit(main())
