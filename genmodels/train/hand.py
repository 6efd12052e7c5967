"""One training step by hand: only chosen players learn, from a few pictures, and every quantity on the way is kept."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import torch
from torch import Tensor

from ..models import LatentModel
from .loop import Diverged, Trainer
from .recipe import Stage

T = TypeVar("T")
FEW = 16  # pictures
AFTER = ", after the step"  # behind the names of what the new weights make of the same pictures and noise


@dataclass
class Hand:
    """What a step by hand showed. The losses before and after are of the same pictures and the same noise.

    Behind what a player computes stands again, named ", after the step", what it would compute now: pictures, and single numbers of
    them, that the step has changed.

    Loss terms are named as in the reports: by their own names where one player learns in the stage, else with the player's before them.
    """

    step: int  # after it
    quantities: list[tuple[str, str, Tensor]] = field(default_factory=list)  # player, name, value: pictures [B, C, H, W], other things [B, K]
    parts: dict[str, float] = field(default_factory=dict)  # loss terms
    update: dict[str, dict[str, float]] = field(default_factory=dict)  # by player "gradient" and "change", norms over all its parameters, and "rate"
    after: dict[str, float] = field(default_factory=dict)  # the same terms with the new weights


def by_hand(trainer: Trainer, players: Sequence[str] = (), rate: float | None = None, few: int = FEW) -> Hand:
    """Let these players (all of the stage where none are named) make the next step, with the first few pictures of its batch.

    It counts as a step like any other. rate: a learning rate instead of the stage's. ValueError where there is no such step: the
    training is done, its stage solves in one go, or has no such player; Diverged for a loss that is not a number.
    """
    stage, done = trainer.stage_at(trainer.step)
    if trainer.step >= trainer.recipe.steps:
        raise ValueError("This training is done. Let it go on for more steps, and pause it, to make a step by hand.")
    if stage.method == "closed form":
        raise ValueError("This stage solves its model in one go, so there is no single step to make by hand.")
    check_players(players, stage)
    if stage is not trainer.stage:
        trainer.start(stage)
    trainer.reseed()
    x, y = trainer.pictures(few)
    hand = Hand(trainer.step + 1)
    for player in [player for player in stage.players if not players or player in players]:
        _watched(trainer, hand, player, x, y, trainer.rate(stage, done) if rate is None else rate)
    trainer.follow()
    trainer.advance(stage, done)
    return hand


def check_players(players: Sequence[str], stage: Stage) -> None:
    """ValueError in words where one of them does not learn in a stage."""
    if unknown := [player for player in players if player not in stage.players]:
        raise ValueError(f"{unknown[0]!r:.40} does not learn in this stage; {' and '.join(stage.players)} can.")


def _watched(trainer: Trainer, hand: Hand, player: str, x: Tensor, y: Tensor | None, rate: float) -> None:
    """One player's part, put down: what it computes, its loss, how long its gradient and its change are, and its loss afterwards."""
    model, owned, noise = trainer.model, trainer.optimizers[player].param_groups[0]["params"], _noise(trainer)
    seen = _quantities(trainer, noise, player, x, y)
    hand.quantities += seen
    before = [one.detach().clone() for one in owned]
    losses = trainer.learn(player, x, y, rate)
    if trainer.optimizers[player].found_inf:
        raise Diverged("The loss of this step is not a number, so nothing was learned from it. A smaller learning rate usually helps.")
    prefix = "" if len(trainer.optimizers) == 1 else f"{player} "
    hand.parts |= {prefix + name: float(value) for name, value in losses.items()}
    hand.update[player] = {"gradient": _length([one.grad for one in owned if one.grad is not None]),
                           "change": _length([one.detach() - old for one, old in zip(owned, before, strict=True)]), "rate": rate}
    after = _looked(trainer, noise, lambda: model.loss(x, y, player))
    hand.after |= {prefix + name: float(value.detach()) for name, value in after.items()}
    hand.quantities += [(player, name + AFTER, value) for (_, name, value), (_, _, old) in zip(_quantities(trainer, noise, player, x, y), seen, strict=True)
                        if value.shape[1:] in (x.shape[1:], (1,)) and not torch.equal(value, old)]


@torch.no_grad()
def _quantities(trainer: Trainer, noise: list[Tensor], player: str, x: Tensor, y: Tensor | None) -> list[tuple[str, str, Tensor]]:
    """What the model tells of its step, as it is now."""
    if not isinstance(trainer.model, LatentModel):
        return []
    seen = _looked(trainer, noise, lambda: trainer.model.by_hand(x, y, player))
    return [(player, name, value.detach().float().cpu()) for name, value in seen]


def _looked(trainer: Trainer, noise: list[Tensor], look: Callable[[], T]) -> T:
    """What a look at the model gives with this noise; it leaves no trace in running means, and none in the random numbers that follow."""
    kept = {name: buffer.clone() for name, buffer in trainer.model.named_buffers()}
    now = _noise(trainer)
    _set_noise(trainer, noise)
    with torch.autocast(trainer.device.type, torch.bfloat16, enabled=trainer.half):
        found = look()
    _set_noise(trainer, now)
    with torch.no_grad():
        for name, buffer in trainer.model.named_buffers():
            buffer.copy_(kept[name])
    return found


def _noise(trainer: Trainer) -> list[Tensor]:
    """Where torch's random numbers have come."""
    return [torch.get_rng_state(), *([torch.cuda.get_rng_state(trainer.device)] if trainer.device.type == "cuda" else [])]


def _set_noise(trainer: Trainer, noise: list[Tensor]) -> None:
    torch.set_rng_state(noise[0])
    if trainer.device.type == "cuda":
        torch.cuda.set_rng_state(noise[1], trainer.device)


def _length(tensors: list[Tensor]) -> float:
    """The norm of all numbers together."""
    return float(torch.stack([tensor.float().norm() for tensor in tensors]).norm()) if tensors else 0.0


def can_be_made(recipe: dict, step: int) -> bool:
    """Whether a training by this recipe, as JSON, that has come to this step can make a step by hand: its stage must not solve in one go."""
    for stage in recipe["stages"]:
        if step < stage["steps"]:
            break
        step -= stage["steps"]
    return stage["method"] != "closed form"
