"""What a plain DCGAN reaches on faces in the same processor time as ours: the Frechet distance of its samples, at several times of one training.

python -m bench.dcgan --data FOLDER                        at 10, 20, 40 and 60 minutes of one core
python -m bench.dcgan --data FOLDER --minutes 5 10 20      at others

Generator and critic as Radford et al. 2015 describe them (transposed convolutions, batch normalisation in both, Adam at 0.0002 with momentum
0.5, binary cross-entropy), 40 channels wide, and with averaged weights and mirrored pictures, since ours have them. Its samples are judged as
`python -m genmodels.evaluate` judges ours, on the features of the bundled classifier; the seconds are those that the training itself computes.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported

import argparse
import copy
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genmodels.checkpoint import find
from genmodels.datasets import Images, faces
from genmodels.evaluate.judge import Judge, as_shown
from genmodels.train.loop import has_bfloat16

ROOT = Path(__file__).parents[1]
LATENT, WIDTH, BATCH, RATE, MOMENTUM, AVERAGING = 100, 40, 64, 2e-4, 0.5, 0.999
PIECE = 100  # samples made at a time


def generator() -> nn.Sequential:
    """Latents [B, LATENT, 1, 1] to pictures [B, 3, 64, 64] in [-1, 1]."""
    steps = [8 * WIDTH, 4 * WIDTH, 2 * WIDTH, WIDTH]
    layers = [nn.ConvTranspose2d(LATENT, steps[0], 4, 1, 0, bias=False)]
    for a, b in zip(steps, steps[1:], strict=False):
        layers += [nn.BatchNorm2d(a), nn.ReLU(), nn.ConvTranspose2d(a, b, 4, 2, 1, bias=False)]
    return _begun(nn.Sequential(*layers, nn.BatchNorm2d(WIDTH), nn.ReLU(), nn.ConvTranspose2d(WIDTH, 3, 4, 2, 1, bias=False), nn.Tanh()))


def critic() -> nn.Sequential:
    """Pictures [B, 3, 64, 64] to logits of "real" [B, 1, 1, 1]."""
    steps = [WIDTH, 2 * WIDTH, 4 * WIDTH, 8 * WIDTH]
    layers = [nn.Conv2d(3, WIDTH, 4, 2, 1, bias=False), nn.LeakyReLU(0.2)]
    for a, b in zip(steps, steps[1:], strict=False):
        layers += [nn.Conv2d(a, b, 4, 2, 1, bias=False), nn.BatchNorm2d(b), nn.LeakyReLU(0.2)]
    return _begun(nn.Sequential(*layers, nn.Conv2d(steps[-1], 1, 4, 1, 0, bias=False)))


def _begun(net: nn.Sequential) -> nn.Sequential:
    """Weights from N(0, 0.02), as the paper begins."""
    for part in net:
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(part.weight, 0, 0.02)
        elif isinstance(part, nn.BatchNorm2d):
            nn.init.normal_(part.weight, 1, 0.02)
    return net.to(memory_format=torch.channels_last)


def training(images: Images) -> Iterator[nn.Sequential]:
    """One update of both players after the other; the generator with averaged weights after each."""
    torch.manual_seed(0)
    makes, judges = generator(), critic()
    averaged = copy.deepcopy(makes).requires_grad_(False)
    adam = [torch.optim.Adam(net.parameters(), RATE, betas=(MOMENTUM, 0.999), fused=True) for net in (judges, makes)]
    while True:
        for index in torch.randperm(len(images)).split(BATCH)[:-1]:
            x = images.floats(index).to(memory_format=torch.channels_last)
            x = torch.where(torch.rand(len(x), 1, 1, 1) < 0.5, x, x.flip(3))
            with torch.autocast("cpu", torch.bfloat16, enabled=has_bfloat16(torch.device("cpu"))):
                made = makes(torch.randn(len(x), LATENT, 1, 1))
                on_real, on_made = judges(x), judges(made.detach())
                _step(adam[0], _wrong(on_real, 1.0) + _wrong(on_made, 0.0))
                _step(adam[1], _wrong(judges(made), 1.0))
            with torch.no_grad():
                torch._foreach_lerp_(list(averaged.parameters()), list(makes.parameters()), 1 - AVERAGING)
            yield averaged


def _wrong(logits: Tensor, wanted: float) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits.float(), torch.full_like(logits.float(), wanted))


def _step(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


@torch.no_grad()
def samples(makes: nn.Sequential, count: int) -> Tensor:
    """Pictures uint8 [count, 3, 64, 64]; the batch statistics of averaged weights are measured first, for they cannot be averaged."""
    makes, random = copy.deepcopy(makes), torch.Generator().manual_seed(0)

    def drawn() -> Tensor:
        return torch.randn(PIECE, LATENT, 1, 1, generator=random)

    for part in makes.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.reset_running_stats()
            part.momentum = None
    makes.train()
    for _ in range(50):
        makes(drawn())
    makes.eval()
    return as_shown(torch.cat([makes(drawn()) for _ in range(-(-count // PIECE))])[:count])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.dcgan", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="celeba_64_small.npz, celeba_64.npz or the folder that holds one")
    parser.add_argument("--minutes", type=float, nargs="+", default=[10, 20, 40, 60], help="of training, of one core")
    parser.add_argument("--samples", type=int, default=1500)
    asked = parser.parse_args()
    try:
        train, test = (faces.load(part, asked.data) for part in ("train", "test"))
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    torch.set_num_threads(1)
    judge = Judge(find(ROOT / "checkpoints")["faces-classifier"].load(), train, test, asked.samples)
    marks, spent, steps, began = sorted(asked.minutes), 0.0, 0, time.thread_time()
    for makes in training(train):
        steps += 1
        if (now := spent + time.thread_time() - began) < 60 * marks[0]:
            continue
        found = judge.judge(judge.look(samples(makes, asked.samples)))
        said = ", ".join(f"{name} {found[key]:.{digits}f}" for name, key, digits in (("FD", "fd", 1), ("precision", "precision", 2), ("recall", "recall", 2)))
        print(f"{marks.pop(0):g} minutes, {steps} steps of {BATCH}: {said}", flush=True)
        if not marks:
            return 0
        spent, began = now, time.thread_time()
    return 1


if __name__ == "__main__":
    sys.exit(main())
