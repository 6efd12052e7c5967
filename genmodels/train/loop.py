"""The training loop: a generator of steps, so that a test, a script and a page share it."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from math import cos, pi

import torch
from torch import Tensor, nn

from ..datasets import Images
from ..models import Trainable
from ..nets import out_of_memory
from ..normal import hashed
from .crew import Alone
from .recipe import Recipe, Stage

WARMUP = 100  # steps over which the rate rises
REFRESH_ON = 10_000  # pictures that the data-describing buffers are measured on
PATIENCE = 3  # non-finite losses in a row before the training gives up


class CannotGoOn(RuntimeError):
    """A training had to end; the message says why and what helps."""


class Diverged(CannotGoOn):
    """The loss or the weights stopped being numbers."""


@dataclass(frozen=True)
class Progress:
    """What one update gave. Losses stay tensors: whoever needs numbers reads them, once for many steps."""

    step: int
    losses: dict[str, Tensor]


class Trainer:
    """Trains a model in place; iterate over it to go on. It can be closed at any step and goes on from there.

    Every random number is drawn from (seed, step), so a resumed training draws what an uninterrupted one
    draws, whoever used the generator in between. Iterating raises Diverged after three losses in a row that
    are not numbers (such a step is skipped), and CannotGoOn when even half a batch does not fit into memory.
    crew: the processes that train this model together.
    """

    def __init__(self, model: Trainable, images: Images, recipe: Recipe, device: torch.device | str = "cpu", crew: Alone | None = None):
        self.device, self.crew = torch.device(device), crew or Alone()
        self.model = model.to(self.device, memory_format=torch.channels_last).train()
        self.average = copy.deepcopy(model).eval().requires_grad_(False)
        self.images = images.to(self.device)
        self.average.meet(self.images.parts())
        self.recipe = recipe
        self.half = recipe.precision == "bfloat16" or recipe.precision == "auto" and has_bfloat16(self.device)
        self.step = 0
        self.rate_factor = 1.0  # set by a person, and halved after a divergence
        self.bad = 0  # steps in a row whose loss was not a number
        self.unread: list[Tensor] = []  # whether the last steps were bad: read one step late on a GPU, which need not wait then
        self.parts = 1  # two where a whole batch does not fit into memory
        self.stage: Stage | None = None
        self.optimizers: dict[str, torch.optim.Optimizer] = {}
        self._followed = [[t for t in _tensors(module) if t.is_floating_point()] for module in (self.average, self.model)]
        self._copied = [[t for t in _tensors(module) if not t.is_floating_point()] for module in (self.average, self.model)]
        self._order: tuple[int, Tensor] = (-1, torch.empty(0))

    def __iter__(self) -> Iterator[Progress]:
        steps = self.recipe.steps
        while self.step < steps:
            if not self.crew.goes_on(self):
                return
            stage, done = self.stage_at(self.step)
            if stage is not self.stage:
                self.start(stage)
            if stage.method == "closed form":
                self.model.solve(self.images.floats(slice(None)), self._labels(slice(None)))
                self.average.load_state_dict(self.model.state_dict())
                self.step += stage.steps
                yield Progress(self.step, {})
                continue
            self.reseed()
            losses = self._update(stage, done)
            self.advance(stage, done)
            yield Progress(self.step, losses)
        self._read(0)

    def start(self, stage: Stage) -> None:
        """Make the optimizers of a stage. Called by the loop, and before a state is loaded."""
        owned = self.model.taught()
        if stage.method == "adam" and (unknown := sorted(set(stage.players) - set(owned))):
            raise ValueError(f"This family has no player {unknown[0]!r:.40}; a stage can train {', '.join(owned)}.")
        self.optimizers = {} if stage.method == "closed form" else {
            player: torch.optim.Adam(owned[player], stage.rate, betas=(stage.momentum, 0.99), fused=True)
            for player in stage.players}
        self.stage = stage

    def stage_at(self, step: int) -> tuple[Stage, int]:
        """The stage that a step belongs to, and how many of its steps are done."""
        for stage in self.recipe.stages:
            if step < stage.steps:
                return stage, step
            step -= stage.steps
        return self.recipe.stages[-1], self.recipe.stages[-1].steps

    @torch.no_grad()
    def snapshot(self, measured_on: int = REFRESH_ON) -> Trainable:
        """The averaged model, its data-describing buffers measured on so many training pictures."""
        part = slice(None, measured_on)
        for target, source in zip(*self._copied, strict=True):  # counters cannot be averaged
            target.copy_(source)
        self.average.refresh(self.images.floats(part), self._labels(part))
        return self.average

    def rate(self, stage: Stage, done: int) -> float:
        """The learning rate of step number `done` of a stage."""
        return stage.rate * self.rate_factor * _share(stage, done)

    def _update(self, stage: Stage, done: int) -> dict[str, Tensor]:
        x, y = self.pictures()
        losses, bad = {}, torch.zeros((), device=self.device)
        for player in self.optimizers:
            terms = self.learn(player, x, y, self.rate(stage, done))
            bad += self.optimizers[player].found_inf
            losses |= terms if len(self.optimizers) == 1 else {f"{player} {name}": value for name, value in terms.items()}
        self.unread.append(bad)
        self._read(1 if self.device.type == "cuda" else 0)
        self.follow()
        return losses

    def pictures(self, few: int | None = None) -> tuple[Tensor, Tensor | None]:
        """The pictures of this step, or the first few of them, and their labels."""
        index = self.crew.share(self._batch()[:few])
        x = self.images.floats(index).to(memory_format=torch.channels_last)
        if self.recipe.flip:
            x = torch.where(torch.rand(len(x), 1, 1, 1, device=x.device) < 0.5, x, x.flip(3))
        return x, self._labels(index)

    def learn(self, player: str, x: Tensor, y: Tensor | None, rate: float) -> dict[str, Tensor]:
        """One player's part of a step: its loss terms. Its parameters hold their gradients until another player learns."""
        optimizer, self.model.step = self.optimizers[player], self.step
        terms = self.crew.agreed((one for group in optimizer.param_groups for one in group["params"]), self._gradients(player, optimizer, x, y))
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.found_inf = (~terms["loss"].isfinite()).float()  # where it is 1, a fused optimizer leaves out the step itself
        optimizer.step()
        return terms

    @torch.no_grad()
    def follow(self) -> None:
        """Let the averaged model come after the trained one."""
        self.crew.alike(one for one in self.model.buffers() if one.is_floating_point())  # measured on one's own share
        decay = min(self.recipe.averaging, (1 + self.step) / (10 + self.step))
        torch._foreach_lerp_(*self._followed, 1 - decay)

    def advance(self, stage: Stage, done: int) -> None:
        """Count a step. Where it is the last of its stage, the next one builds on what would be kept of this one."""
        self.step += 1
        if done + 1 == stage.steps and self.step < self.recipe.steps:
            self.model.load_state_dict(self.snapshot().state_dict())
            self.crew.alike(_tensors(self.model))

    def _labels(self, index: Tensor | slice) -> Tensor | None:
        """What the model is told of training pictures; None where it takes nothing."""
        return self.images.one_hot(index) if self.model.labels else None

    def _read(self, late: int) -> None:
        """Look at how the steps went, all but the latest few. Diverged where too many in a row were bad."""
        while len(self.unread) > late:
            self.bad = self.bad + 1 if self.unread.pop(0) > 0 else 0
            if self.bad >= PATIENCE:
                self.unread.clear()
                raise Diverged("The loss was not a number three times in a row. A smaller learning rate usually helps.")

    def _gradients(self, player: str, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor | None) -> dict[str, Tensor]:
        """Loss terms of a player, whose parameters now hold the gradients. What does not fit at once goes through in two halves."""
        try:
            return self._backward(player, optimizer, x, y)
        except RuntimeError as error:
            if not out_of_memory(error):
                raise
            if self.parts == 2 or len(x) == 1:
                raise CannotGoOn("There is not enough memory for this training. A smaller batch or a smaller net helps.") from None
        self.parts = 2  # after the except block, because the error keeps the tensors of the failed attempt alive
        optimizer.zero_grad(set_to_none=True)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        return self._gradients(player, optimizer, x, y)

    def _backward(self, player: str, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor | None) -> dict[str, Tensor]:
        """Add up the gradients and the loss terms of the parts of a batch, each by its share."""
        optimizer.zero_grad(set_to_none=True)
        total: dict[str, Tensor] = {}
        for xs, ys in zip(x.chunk(self.parts), [None] * self.parts if y is None else y.chunk(self.parts), strict=False):
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
                terms = {name: value * (len(xs) / len(x)) for name, value in self.model.loss(xs, ys, player).items()}
            terms["loss"].backward()
            total = {name: value.detach() + total.get(name, 0) for name, value in terms.items()}
        return total

    def reseed(self) -> None:
        seed = self.crew.seed(hashed(self.recipe.seed, self.step))
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would also write a stack trace for a GPU not yet used
        if self.device.type == "cuda":
            torch.cuda.manual_seed(seed)

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


def has_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 is faster than float32 on this device."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    supported = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None)
    return device.type == "cpu" and torch.backends.cpu.get_cpu_capability() == "AVX512" and bool(supported and supported())


def _share(stage: Stage, done: int) -> float:
    """The share of the highest rate that step number `done` of a stage uses."""
    warm = min(1.0, (done + 1) / min(WARMUP, stage.steps))
    return warm if stage.schedule == "constant" else warm * (1 + cos(pi * done / stage.steps)) / 2


def _tensors(module: nn.Module) -> list[Tensor]:
    return [*module.parameters(), *module.buffers()]
