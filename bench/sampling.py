"""Sampling by diffusion: DDIM beside diffusers, seconds through the engine, people who ask at once, and the steps that the second-order solver needs.

python bench/sampling.py                      all six parts
python bench/sampling.py --parts people steps some of them; nets and loops need what requirements-diffusers.txt names

nets    our U-Net and our sampler beside UNet2DModel and DDIMPipeline, from noise to pixels: the same scales and channels, about as many
        weights. diffusers runs as it is made, and channels last, as its guide to speed advises.
loops   the same UNet2DModel in both samplers, so that only their loops differ; said as the ratio of our loop to diffusers'.
graphs  on a CUDA card: a bundled model's pictures for one person and for sixteen, with captured graphs beside without.
engine  a bundled model, asked through the engine for sixteen pictures of given classes in 20 steps, with the guidance of its config.
people  1, 4 and 16 people ask the engine at once, each for one picture with a class, a number of steps, a sampler and a guidance of their own,
        beside the same requests one after another.
steps   what `python -m genmodels.evaluate` measured: the least steps of DPM-Solver++ that are as good as 50 of DDIM.

nets, loops and people run in turns within one run, in float32, with the same threads: OMP_NUM_THREADS says how many, 1 unless it is set.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported, as app.py does it

import argparse
import sys
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import wait
from importlib.util import find_spec
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from bench.race import Bar, Contestant, race, report
from genmodels.card import by_steps, widths
from genmodels.checkpoint import find
from genmodels.engine import Engine, Sampling
from genmodels.models import MODELS, LatentModel, to_pixels

ROOT = Path(__file__).parents[1]
LEAST = 1.0  # of diffusers' pictures per second
NOISE = 0.03  # by how much two runs of one loop differ
PEOPLE = (1, 4, 16)
CAPTURED = 2.0  # times as fast as without graphs
SECONDS, ASKED_STEPS, ASKED = 3.0, 20, 16  # for so many steps and pictures through the engine
MOST_STEPS, COMPARED_STEPS = 15, "50"  # of the second-order solver, to be as good as so many of DDIM
SIDE, TIMES, CHANNELS = 28, 1000, (16, 32, 64)
THEIRS, THEIRS_LAST = "diffusers", "diffusers, channels last"


def our_model() -> LatentModel:
    """The diffusion family as it is bundled, but that it is told nothing; laid out in memory as the engine does it."""
    torch.manual_seed(0)
    config = MODELS["diffusion"].Config(image_shape=(1, SIDE, SIDE), width=CHANNELS[0], depth=1, times=TIMES)
    return MODELS["diffusion"](config).eval().to(memory_format=torch.channels_last)


def their_net() -> nn.Module:
    """UNet2DModel with our scales and channels: a residual block on each on the way down, attention with four heads at the lowest."""
    from diffusers import UNet2DModel
    torch.manual_seed(0)
    blocks = len(CHANNELS)
    return UNet2DModel(
        sample_size=SIDE, in_channels=1, out_channels=1, block_out_channels=CHANNELS, layers_per_block=1, norm_num_groups=8,
        attention_head_dim=CHANNELS[-1] // 4, down_block_types=("DownBlock2D",) * blocks, up_block_types=("UpBlock2D",) * blocks).eval()


def our_sampling(model: LatentModel, args: argparse.Namespace) -> Contestant:
    @torch.inference_mode()
    def work(times: int) -> None:
        for _ in range(times):
            z = torch.randn(args.batch, *model.latent_shape)
            *_, last = model.path(z, sampler="ddim", steps=args.steps, guidance=1.0)
            to_pixels(last.x)
    return work


def their_sampling(net: nn.Module, args: argparse.Namespace) -> Contestant:
    from diffusers import DDIMPipeline, DDIMScheduler
    pipeline = DDIMPipeline(net, DDIMScheduler(num_train_timesteps=TIMES, beta_schedule="squaredcos_cap_v2"))
    pipeline.set_progress_bar_config(disable=True)

    def work(times: int) -> None:
        for _ in range(times):
            pipeline(batch_size=args.batch, num_inference_steps=args.steps, output_type="np")
    return work


class OfDiffusers(nn.Module):
    """UNet2DModel in the place of our U-Net, whose times run from 0 to 1."""

    def __init__(self, net: nn.Module):
        super().__init__()
        self.net = net

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        return self.net(x, t * TIMES).sample


def size(net: nn.Module) -> str:
    """Weights, and multiplications of one evaluation for one picture."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        net(torch.zeros(1, 1, SIDE, SIDE), torch.zeros(1))
    return f"{sum(p.numel() for p in net.parameters()) / 1e6:.2f} M weights, {counter.get_total_flops() / 2e6:.1f} M multiplications"


def nets(args: argparse.Namespace) -> bool:
    model, net, net_last = our_model(), their_net(), their_net().to(memory_format=torch.channels_last)
    rates = race({"ours": our_sampling(model, args), THEIRS: their_sampling(net, args), THEIRS_LAST: their_sampling(net_last, args)},
                 units=1, pictures=args.batch, rounds=args.rounds)
    title = f"nets: {_said(args)}\n  ours      {size(model.net)}\n  diffusers {size(net)}"
    return report(title, rates, [Bar("ours", THEIRS, LEAST), Bar("ours", THEIRS_LAST, LEAST)])


def loops(args: argparse.Namespace) -> bool:
    model = our_model()
    model.net = OfDiffusers(net := their_net())
    contestants = {"our loop": our_sampling(model, args), "diffusers' loop": their_sampling(net, args)}
    rates = race(contestants, units=1, pictures=args.batch, rounds=args.rounds)
    return report(f"loops: {_said(args)}, UNet2DModel in both", rates, [Bar("our loop", "diffusers' loop", LEAST - NOISE)])


def _said(args: argparse.Namespace) -> str:
    return f"DDIM, {args.steps} steps, batches of {args.batch}, float32, {torch.get_num_threads()} threads"


def engine(args: argparse.Namespace) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        running = Engine(args.checkpoints, device="cpu", cache=Path(folder))
        try:
            z = running.prior(args.name, ASKED, 0)
            kinds = len(running.blueprint(args.name).conditions)
            y = np.eye(kinds, dtype=np.float32)[np.arange(ASKED) % kinds] if kinds else None
            took = []
            for _ in range(args.rounds + 1):
                began = time.perf_counter()
                running.decode(args.name, z, y, Sampling(steps=ASKED_STEPS))
                took.append(time.perf_counter() - began)
        finally:
            running.close()
    first, *others = took  # the first one also loads the weights
    reached = median(others) <= SECONDS
    print(f"engine: {ASKED} pictures of {args.name} in {ASKED_STEPS} steps\n  {median(others):.2f} s, the first time {first:.2f} s "
          f"(bar: at most {SECONDS:g} s) {'reached' if reached else 'MISSED'}")
    return reached


def people(args: argparse.Namespace) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        running = Engine(args.checkpoints, device=args.device, cache=Path(folder))
        try:
            return all([report(f"people: {count} at once on {running.device_name}, each for one picture of {args.name} in their own way",
                               race(askers(running, args.name, count), units=1, pictures=count, rounds=args.rounds),
                               [Bar("at once", "one after another", LEAST - NOISE)]) for count in PEOPLE])
        finally:
            running.close()


def graphs(args: argparse.Namespace) -> bool:
    if not torch.cuda.is_available():
        print("graphs: there is no CUDA card here, so nothing was measured.")
        return True
    with tempfile.TemporaryDirectory() as folder:
        engines = {title: Engine(args.checkpoints, device="cuda", cache=Path(folder) / title, graphs=title == "captured") for title in ("captured", "plain")}
        try:
            fine = True
            for count in (1, ASKED):
                contestants = {title: of_one(running, args.name, count) for title, running in engines.items()}
                rates = race(contestants, units=4, pictures=count, rounds=args.rounds)
                fine &= report(f"graphs: {count} pictures of {args.name} at once, {ASKED_STEPS} steps", rates, [Bar("captured", "plain", CAPTURED)])
            return fine
        finally:
            for running in engines.values():
                running.close()


def of_one(running: Engine, name: str, count: int) -> Contestant:
    """One person who asks for so many pictures, again and again."""
    z, kinds = running.prior(name, count, 0), len(running.blueprint(name).conditions)
    y = np.eye(kinds, dtype=np.float32)[np.arange(count) % kinds] if kinds else None

    def work(times: int) -> None:
        for _ in range(times):
            running.decode(name, z, y, Sampling(steps=ASKED_STEPS))
    return work


def askers(running: Engine, name: str, count: int) -> dict[str, Contestant]:
    """The same requests of so many people, each after the answer to the one before, and all of them at once."""
    z, kinds, samplers = running.prior(name, count, 0), len(running.blueprint(name).conditions), running.blueprint(name).SAMPLERS
    y = np.eye(kinds, dtype=np.float32)[np.arange(count) % kinds] if kinds else None
    ways = [Sampling(samplers[k % len(samplers)], ASKED_STEPS - 5 + k % 11, guidance=1.0 + k % 3 if kinds else None) for k in range(count)]

    def ask(k: int):
        return running.submit("decode", name, z[k:k + 1], None if y is None else y[k:k + 1], ways[k], whose=k)

    def after(times: int) -> None:
        for k in list(range(count)) * times:
            ask(k).result()

    def at_once(times: int) -> None:
        for _ in range(times):
            wait([ask(k) for k in range(count)])

    return {"one after another": after, "at once": at_once}


def steps(args: argparse.Namespace) -> bool:
    metrics = find(args.checkpoints)[args.name].metrics()
    if not (rows := by_steps(metrics)):
        sys.exit(f"metrics.json of {args.name} does not say fd_by_steps; python -m genmodels.evaluate {args.name} measures it.")
    print(f"steps: Frechet distance of {args.name}'s samples beside that of PCA's, by sampler and steps")
    for row in rows:
        print("  " + "  ".join(cell.rjust(width) for cell, width in zip(row, widths(rows), strict=True)))
    least = least_steps(metrics["fd_by_steps"])
    found, reached = f"with {least} steps" if least else "with none of these", least is not None and least <= MOST_STEPS
    print(f"  dpm++ {found} is as good as ddim with {COMPARED_STEPS} (bar: at most {MOST_STEPS}) {'reached' if reached else 'MISSED'}")
    return reached


def least_steps(measured: Mapping[str, Mapping[str, Mapping[str, float]]]) -> int | None:
    """The least steps with which DPM-Solver++'s distance is not above that of 50 steps of DDIM; None where no measured number is enough."""
    good = measured["ddim"][COMPARED_STEPS]["fd_ratio"]
    return min((int(count) for count, row in measured["dpm++"].items() if row["fd_ratio"] <= good), default=None)


PARTS = {"nets": nets, "loops": loops, "graphs": graphs, "engine": engine, "people": people, "steps": steps}
BESIDE, BUNDLED = {"nets", "loops"}, {"graphs", "engine", "people", "steps"}


def asked(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=tuple(PARTS), metavar="PART", help="some of " + ", ".join(PARTS))
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=50, help="of DDIM")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where people's pictures are made")
    parser.add_argument("--checkpoints", type=Path, default=ROOT / "checkpoints", help="where checkpoint folders lie")
    parser.add_argument("--name", default="mnist-diffusion", help="the bundled model that is asked")
    args = parser.parse_args(arguments)
    if BESIDE & set(args.parts) and not find_spec("diffusers"):
        parser.error("diffusers is not installed here: pip install --no-deps -r requirements-diffusers.txt, "
                     "or leave it out with --parts engine people steps")
    if BUNDLED & set(args.parts) and args.name not in find(args.checkpoints):
        parser.error(f"there is no model {args.name} in {args.checkpoints}; leave it out with --parts nets loops")
    return args


def main(arguments: list[str] | None = None) -> int:
    """0 where all bars are reached, else 1."""
    args = asked(arguments)
    return int(not all([PARTS[part](args) for part in args.parts]))


if __name__ == "__main__":
    sys.exit(main())
