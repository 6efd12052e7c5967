"""What the training loop costs: images per second of Trainer beside a bare PyTorch loop and beside Pythae's trainer, in turns.

python bench/training.py                          all nets: ours as the bundled ones are trained, and Pythae's own for MNIST
python bench/training.py --nets vae gan           some of them; only Pythae's need what requirements-bench.txt names
python bench/training.py --nets vae --side 8 --width 4   the smallest net, where every microsecond of the loop shows

Trainer and the bare loop draw from the same tensor with the same net, loss, optimizer, precision and averaged weights,
and each step has the same random numbers in both, so that a lazy gradient penalty falls on the same steps. Pythae's
trainer has its own data loader and no averaged weights; its progress bar and its saving are left out. Over one of
Pythae's nets all three run in float32, and ours once more as it does by default. It may be slower by 10 % at most.
"""

import argparse
import copy
import logging
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench.race import Bar, Contestant, race, report
from genmodels.datasets._base import Images
from genmodels.models import MODELS, Trainable
from genmodels.normal import hashed
from genmodels.train.loop import Trainer
from genmodels.train.recipe import Recipe, Stage, load_plan

ROOT = Path(__file__).parents[1]
LEAST = 0.9  # of another loop's images per second
RECIPES = {"vae": "mnist-vae-16d", "gan": "mnist-gan", "diffusion": "mnist-diffusion"}
FOREIGN = ("pythae-ae", "pythae-vae")
STEPS, STEPS_FOREIGN = 40, 4  # Pythae's nets have 17 million weights
ENDLESS = 10_000_000


def bare(model: Trainable, images: Images, recipe: Recipe, half: bool) -> Iterator[None]:
    """The loop that one would write in a notebook; yields after every step."""
    device, stage = images.pixels.device, recipe.stages[0]
    model = model.to(device, memory_format=torch.channels_last).train()
    average = copy.deepcopy(model)
    owned = model.players()
    optimizers = {player: torch.optim.Adam(owned[player], stage.rate, betas=(stage.momentum, 0.99), fused=True) for player in stage.players}
    ours, theirs = [[t for t in (*m.parameters(), *m.buffers()) if t.is_floating_point()] for m in (average, model)]
    step = 0
    while True:
        order = torch.randperm(len(images), device=device)
        for index in order[:len(order) // recipe.batch * recipe.batch].split(recipe.batch):
            torch.default_generator.manual_seed(hashed(recipe.seed, step))
            x = (images.pixels[index].float() / 127.5 - 1).to(memory_format=torch.channels_last)
            y = F.one_hot(images.labels[index], len(images.classes)).float() if model.conditions else None
            for player, optimizer in optimizers.items():
                with torch.autocast(device.type, torch.bfloat16, enabled=half):
                    loss = model.loss(x, y, player)["loss"]
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                optimizer.step()
            with torch.no_grad():
                torch._foreach_lerp_(ours, theirs, 1 - recipe.averaging)
            step += 1
            yield


def stepping(loop: Iterator) -> Contestant:
    def work(steps: int) -> None:
        for _ in range(steps):
            next(loop)
    return work


class OfPythae(Trainable):
    """One of Pythae's models with its own forward pass and loss, for pictures in [0, 1], as our loop trains it."""

    def __init__(self, net: nn.Module):
        super().__init__(SimpleNamespace(image_shape=net.input_dim, conditions=()))
        self.net = net

    def loss(self, x: Tensor, y: Tensor | None = None, player: str = "model") -> dict[str, Tensor]:
        return {"loss": self.net({"data": (x + 1) / 2}).loss}


def pythae_net(kind: str) -> nn.Module:
    """Pythae's AE or VAE with 16 latents and its own convolutional nets for MNIST."""
    from pythae.models import AE, VAE, AEConfig, VAEConfig
    from pythae.models.nn.benchmarks import mnist
    model, config, encoder = {"pythae-ae": (AE, AEConfig, mnist.Encoder_Conv_AE_MNIST),
                              "pythae-vae": (VAE, VAEConfig, mnist.Encoder_Conv_VAE_MNIST)}[kind]
    config = config(input_dim=(1, 28, 28), latent_dim=16)
    torch.manual_seed(0)
    return model(config, encoder(config), mnist.Decoder_Conv_AE_MNIST(config))


def pythae_trainer(net: nn.Module, images: Images, recipe: Recipe) -> Contestant:
    """The steps of an epoch of Pythae's trainer, over as many pictures as the steps need."""
    from pythae.data.datasets import BaseDataset
    from pythae.trainers import BaseTrainer, BaseTrainerConfig
    from pythae.trainers.training_callbacks import CallbackHandler
    logging.getLogger(BaseTrainer.__module__).setLevel(logging.WARNING)  # it reports on every beginning
    config = BaseTrainerConfig(per_device_train_batch_size=recipe.batch, learning_rate=recipe.stages[0].rate,
                               no_cuda=images.pixels.device.type == "cpu")
    pixels = images.pixels.cpu().float() / 255
    trainer = BaseTrainer(net, BaseDataset(pixels, images.labels.cpu()), training_config=config)
    trainer.set_optimizer()
    trainer.callback_handler = CallbackHandler([], net)

    def work(steps: int) -> None:
        part = slice(steps * recipe.batch)
        trainer.train_loader = trainer.get_train_dataloader(BaseDataset(pixels[part], images.labels.cpu()[part]))
        trainer.train_step(epoch=1)
    return work


def own(net: str, images: Images, args: argparse.Namespace) -> tuple[dict[str, Contestant], list[Bar]]:
    """Our two loops over the net of a bundled recipe."""
    plan = load_plan(ROOT / "recipes" / f"{RECIPES[net]}.json")
    config = replace(plan.model, image_shape=tuple(images.pixels.shape[1:]), width=args.width or plan.model.width)
    recipe = replace(plan.recipe, stages=(replace(plan.recipe.stages[0], steps=ENDLESS),), batch=args.batch)

    def made() -> Trainable:
        torch.manual_seed(0)
        return MODELS[plan.family](config)

    trainer = Trainer(made(), images, recipe, images.pixels.device)
    loops = {"Trainer": iter(trainer), "bare loop": bare(made(), images, recipe, trainer.half)}
    return {name: stepping(loop) for name, loop in loops.items()}, [Bar("Trainer", "bare loop", LEAST)]


def foreign(net: str, images: Images, args: argparse.Namespace) -> tuple[dict[str, Contestant], list[Bar]]:
    """Our two loops and Pythae's trainer over the same net of Pythae's."""
    recipe = Recipe((Stage(steps=ENDLESS),), batch=args.batch, precision="float32")
    ours, notebook, theirs = "Trainer, float32", "bare loop, float32", "Pythae's trainer, float32"
    contestants = {ours: stepping(iter(Trainer(OfPythae(pythae_net(net)), images, recipe, images.pixels.device))),
                   notebook: stepping(bare(OfPythae(pythae_net(net)), images, recipe, half=False)),
                   theirs: pythae_trainer(pythae_net(net), images, recipe)}
    bars = [Bar(ours, notebook, LEAST), Bar(ours, theirs, LEAST)]
    usual = Trainer(OfPythae(pythae_net(net)), images, replace(recipe, precision="auto"), images.pixels.device)
    if usual.half:  # else it is the first contestant again
        contestants["Trainer, bfloat16"] = stepping(iter(usual))
        bars.append(Bar("Trainer, bfloat16", theirs, LEAST))
    return contestants, bars


def pictures(side: int, count: int, device: torch.device) -> Images:
    """Grey noise of ten classes: how fast a step is does not depend on what is seen."""
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (count, 1, side, side), dtype=torch.uint8, generator=generator)
    return Images(pixels, torch.randint(10, (count,), generator=generator), tuple("0123456789")).to(device)


def asked(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nets", nargs="+", choices=(*RECIPES, *FOREIGN), default=(*RECIPES, *FOREIGN), metavar="NET",
                        help="some of " + ", ".join((*RECIPES, *FOREIGN)))
    parser.add_argument("--side", type=int, default=28, help="of the pictures, for our nets")
    parser.add_argument("--width", type=int, help="of our nets, instead of the bundled one's")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--steps", type=int, help=f"per round and loop; {STEPS}, and {STEPS_FOREIGN} for Pythae's nets, unless said")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, help="processor threads to use")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args(arguments)
    if set(args.nets) & set(FOREIGN) and not find_spec("pythae"):
        parser.error("pythae is not installed here: pip install --no-deps -r requirements-diffusers.txt -r requirements-bench.txt, "
                     "or leave it out with --nets " + " ".join(RECIPES))
    return args


def main(arguments: list[str] | None = None) -> int:
    """0 where all bars are reached, else 1."""
    args, reached = asked(arguments), True
    if args.threads:
        torch.set_num_threads(args.threads)
    for net in args.nets:
        steps, side = (args.steps or STEPS_FOREIGN, 28) if net in FOREIGN else (args.steps or STEPS, args.side)
        images = pictures(side, max(20_000, steps * args.batch), torch.device(args.device))
        contestants, bars = (foreign if net in FOREIGN else own)(net, images, args)
        rates = race(contestants, units=steps, pictures=args.batch, rounds=args.rounds, warm=min(5, steps))
        where = f"{torch.get_num_threads()} threads" if args.device == "cpu" else torch.cuda.get_device_name()
        reached &= report(f"{net}: {side}x{side}, batches of {args.batch}, {args.rounds} rounds of {steps} steps, {where}", rates, bars)
    return int(not reached)


if __name__ == "__main__":
    sys.exit(main())
