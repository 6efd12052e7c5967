"""What the training loop costs: images per second of Trainer beside a bare PyTorch loop over the same net, in turns.

python bench/training.py                     an MNIST-sized convolutional VAE, as the bundled ones are trained
python bench/training.py --side 8 --width 4  the smallest net, where every microsecond of the loop shows

Both draw the same batches from the same tensor with the same optimizer, precision and averaged weights. Each round
runs both for the same number of steps, and which one begins alternates. The loop may cost 10 % at most.
"""

import argparse
import copy
import sys
import time
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from torch.nn import functional as F

from genmodels.datasets._base import Images
from genmodels.models import MODELS
from genmodels.train.loop import Trainer
from genmodels.train.recipe import Recipe, Stage

BAR = 0.9  # of the bare loop's images per second


def bare(model, images: Images, recipe: Recipe, half: bool):
    """The loop that one would write in a notebook; yields after every step."""
    device = images.pixels.device
    average = copy.deepcopy(model)
    optimizer = torch.optim.Adam(model.parameters(), recipe.stages[0].rate, betas=(0.9, 0.99), fused=True)
    ours, theirs = [[t for t in (*m.parameters(), *m.buffers()) if t.is_floating_point()] for m in (average, model)]
    while True:
        order = torch.randperm(len(images), device=device)
        for index in order[:len(order) // recipe.batch * recipe.batch].split(recipe.batch):
            x = (images.pixels[index].float() / 127.5 - 1).to(memory_format=torch.channels_last)
            y = F.one_hot(images.labels[index], len(images.classes)).float() if model.conditions else None
            with torch.autocast(device.type, torch.bfloat16, enabled=half):
                loss = model.loss(x, y)["loss"]
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                torch._foreach_lerp_(ours, theirs, 1 - recipe.averaging)
            yield


def rate(steps, count: int, batch: int, device: torch.device) -> float:
    """Images per second over so many steps."""
    began = time.perf_counter()
    for _ in range(count):
        next(steps)
    if device.type == "cuda":
        torch.cuda.synchronize()
    return count * batch / (time.perf_counter() - began)


def main() -> int:
    """0 where the bar is reached, else 1."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=28)
    parser.add_argument("--width", type=int, default=24)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--steps", type=int, default=40, help="per round and loop")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, help="processor threads to use")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    device = torch.device(args.device)
    shape = (1, args.side, args.side)
    pixels = torch.randint(256, (20_000, *shape), dtype=torch.uint8)
    images = Images(pixels, torch.randint(10, (20_000,)), tuple("0123456789")).to(device)
    recipe = Recipe((Stage(steps=10_000_000),), batch=args.batch)

    def net():
        torch.manual_seed(0)
        return MODELS["vae"](MODELS["vae"].Config(image_shape=shape, latent_dim=16, width=args.width))

    trainer = Trainer(net(), images, recipe, device)
    plain = net().to(device, memory_format=torch.channels_last).train()
    loops = {"Trainer": iter(trainer), "bare loop": bare(plain, images, recipe, trainer.half)}
    for steps in loops.values():  # warm both up
        rate(steps, 5, args.batch, device)
    rates: dict[str, list[float]] = {name: [] for name in loops}
    for turn in range(args.rounds):
        for name in sorted(loops, reverse=bool(turn % 2)):
            rates[name].append(rate(loops[name], args.steps, args.batch, device))
    ratio = median(a / b for a, b in zip(rates["Trainer"], rates["bare loop"], strict=True))
    for name, values in rates.items():
        print(f"{name:10} {median(values):10,.0f} images/s, median of {len(values)} rounds of {args.steps} steps")
    print(f"ratio      {ratio:10.3f} (bar: at least {BAR}) {'reached' if ratio >= BAR else 'MISSED'}")
    return int(ratio < BAR)


if __name__ == "__main__":
    sys.exit(main())
