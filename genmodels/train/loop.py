"""The training loop: a generator of steps, so that a test, a script and a page share it."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from math import cos, pi

import torch
from torch import Tensor, nn

from ..datasets import Images
from ..models import Trainable
from ..normal import hashed
from .recipe import Recipe, Stage

WARMUP = 100  # steps over which the rate rises
REFRESH_ON = 10_000  # pictures that the data-describing buffers are measured on
PATIENCE = 3  # non-finite losses in a row before the training gives up


class Diverged(RuntimeError):
    """The loss stopped being a number."""


@dataclass(frozen=True)
class Progress:
    """What one update gave. Losses stay tensors: reading them makes a GPU wait, so the reader decides when."""

    step: int
    losses: dict[str, Tensor]


class Trainer:
    """Trains a model in place; iterate over it to go on. It can be closed at any step and goes on from there.

    Every random number is drawn from (seed, step), so a resumed training draws what an uninterrupted one
    draws, whoever used the generator in between.
    """

    def __init__(self, model: Trainable, images: Images, recipe: Recipe, device: torch.device | str = "cpu"):
        self.device = torch.device(device)
        self.model = model.to(self.device, memory_format=torch.channels_last).train()
        self.average = copy.deepcopy(model).eval().requires_grad_(False)
        self.images = images.to(self.device)
        self.recipe = recipe
        self.half = recipe.precision == "bfloat16" or recipe.precision == "auto" and has_bfloat16(self.device)
        self.step = 0
        self.rate_factor = 1.0  # halved after a divergence, or changed by a person while it runs
        self.bad = 0
        self.stage: Stage | None = None
        self.optimizers: dict[str, torch.optim.Optimizer] = {}
        self._tensors = _float_tensors(self.average), _float_tensors(self.model)
        self._order: tuple[int, Tensor] = (-1, torch.empty(0))

    def __iter__(self) -> Iterator[Progress]:
        while self.step < self.recipe.steps:
            stage, done = self._stage_at(self.step)
            if stage is not self.stage:
                self.start(stage)
            if stage.method == "closed form":
                self.model.solve(self.images.floats(slice(None)))
                self.average.load_state_dict(self.model.state_dict())
                self.step += stage.steps
                yield Progress(self.step, {})
                continue
            torch.manual_seed(hashed(self.recipe.seed, self.step))
            losses = self._update(stage, done)
            self.step += 1
            yield Progress(self.step, losses)

    def start(self, stage: Stage) -> None:
        """Make the optimizers of a stage. Called by the loop, and before a state is loaded."""
        owned = self.model.players()
        self.optimizers = {} if stage.method == "closed form" else {
            player: torch.optim.Adam(owned[player], stage.rate, betas=(0.9, 0.99), fused=True) for player in stage.players}
        self.stage = stage

    def snapshot(self) -> Trainable:
        """The averaged model, its data-describing buffers brought up to date."""
        part = slice(None, REFRESH_ON)
        self.average.refresh(self.images.floats(part), self.images.one_hot(part) if self.model.conditions else None)
        return self.average

    def _update(self, stage: Stage, done: int) -> dict[str, Tensor]:
        index = self._batch()
        x = self.images.floats(index).to(memory_format=torch.channels_last)
        y = self.images.one_hot(index) if self.model.conditions else None
        losses = {}
        for player, optimizer in self.optimizers.items():
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
                terms = self.model.loss(x, y, player)
            optimizer.zero_grad(set_to_none=True)
            terms["loss"].backward()
            for group in optimizer.param_groups:
                group["lr"] = stage.rate * self.rate_factor * _rate(stage, done)
            if self._finite(terms["loss"]):
                optimizer.step()
            losses |= {name if len(self.optimizers) == 1 else f"{player} {name}": value.detach() for name, value in terms.items()}
        decay = min(self.recipe.averaging, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            torch._foreach_lerp_(*self._tensors, 1 - decay)
        return losses

    def _finite(self, loss: Tensor) -> bool:
        self.bad = 0 if bool(loss.isfinite()) else self.bad + 1
        if self.bad >= PATIENCE:
            raise Diverged("The loss was not a number three times in a row. A smaller learning rate usually helps.")
        return self.bad == 0

    def _batch(self) -> Tensor:
        """Indices of the next pictures: every picture once per epoch, in an order of its own each time."""
        count, size = len(self.images), self.recipe.batch
        at, end, parts = self.step * size, (self.step + 1) * size, []
        while at < end:
            epoch, offset = divmod(at, count)
            parts.append(self._epoch(epoch)[offset:offset + end - at])
            at += len(parts[-1])
        return torch.cat(parts)

    def _epoch(self, epoch: int) -> Tensor:
        if self._order[0] != epoch:
            generator = torch.Generator().manual_seed(hashed(self.recipe.seed + 1, epoch))
            self._order = epoch, torch.randperm(len(self.images), generator=generator).to(self.device)
        return self._order[1]

    def _stage_at(self, step: int) -> tuple[Stage, int]:
        """The stage that a step belongs to, and how many of its steps are done."""
        for stage in self.recipe.stages:
            if step < stage.steps:
                return stage, step
            step -= stage.steps
        return self.recipe.stages[-1], self.recipe.stages[-1].steps


def has_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 is faster than float32 on this device."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    supported = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None)
    return device.type == "cpu" and torch.backends.cpu.get_cpu_capability() == "AVX512" and bool(supported and supported())


def _rate(stage: Stage, done: int) -> float:
    """The share of the highest rate that step number `done` of a stage uses."""
    warm = min(1.0, (done + 1) / min(WARMUP, stage.steps))
    return warm if stage.schedule == "constant" else warm * (1 + cos(pi * done / stage.steps)) / 2


def _float_tensors(module: nn.Module) -> list[Tensor]:
    return [t for t in (*module.parameters(), *module.buffers()) if t.is_floating_point()]
