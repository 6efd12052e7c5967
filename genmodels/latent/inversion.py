"""Inversion: the latents whose pictures come nearest to given ones, or to what is known of them, found by descent through a decoder."""

from collections.abc import Callable, Generator
from dataclasses import dataclass

import torch
from torch import Tensor

TOGETHER = 64  # candidates that are decoded at once
VARIED = 8  # candidates for each answer, among which those are chosen that differ most
APART = 0.03  # mean squared difference of two answers' pixels in [0, 1] beyond which they are no longer pushed apart

Decode = Callable[[Tensor, Tensor | None], Tensor]
Sees = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Found:
    """The best so far, after `step` of `steps`: for each of N pictures A answers, the nearest first.

    z [N, A, *latent_shape], errors [N, A], pictures [N, A, C, H, W] in [-1, 1].
    """

    step: int
    steps: int
    z: Tensor
    errors: Tensor
    pictures: Tensor


Search = Generator[Found | None, None, Found]


def everything(x: Tensor) -> Tensor:
    """All pixels of a picture are known."""
    return x


def invert(decode: Decode, x: Tensor, candidates: Tensor, y: Tensor | None = None, *, guesses: Tensor | None = None, sees: Sees = everything,
           answers: int = 1, starts: int = 4, steps: int = 150, rate: float = 0.2, pull: float = 2e-3, push: float = 0.5) -> Search:
    """Latents for pictures x [N, C, H, W] in [-1, 1] with conditions y [N, K], and the errors that they leave.

    `decode(z, y)` gives pictures in [-1, 1] of latents z ~ N(0, I), with gradients for z. Each picture sets out from its own guesses
    [N, G, *latent_shape], where there are some, and from those of the candidates [M, *latent_shape] whose pictures are nearest to it, `starts`
    in all; Adam then lowers the squared error of the pixels plus `pull` times the mean square of the latent, which keeps it where the
    prior has its mass (Zhu et al. 2016; Creswell & Bharath 2018). The best latent met on the way is kept. No picture changes what is found
    for another.

    `sees(pictures)` is what is known of pictures (see `repair`): errors are told from that alone (Bora et al. 2017). answers: how many are
    wanted; each then has one start of its own, candidates that differ are taken, and `push` drives answers apart until they differ by APART.

    A generator: it yields None while candidates are looked at, then the best so far after every step, and returns it at its end. An error
    is the mean squared one of known pixels in [0, 1].
    """
    wanted = sees(x)
    z = yield from _set_out(decode, wanted, candidates, y, guesses, sees, max(answers, starts if answers == 1 else 0), answers)
    n, starts = z.shape[:2]
    z = z.flatten(0, 1).clone().requires_grad_()
    wanted, said = wanted.repeat_interleave(starts, 0), None if y is None else y.repeat_interleave(starts, 0)
    best, least, shown = z.detach().clone(), torch.full((n * starts,), torch.inf, device=x.device), x.repeat_interleave(starts, 0)
    descent = torch.optim.Adam([z], lr=rate)
    slower = torch.optim.lr_scheduler.CosineAnnealingLR(descent, steps)
    found = None
    for step in range(1, steps + 1):
        with torch.enable_grad():
            made = decode(z, said)
            error = pixel_error(sees(made), wanted)
            loss = (error + pull * z.flatten(1).square().mean(1)).sum()
            if answers > 1:
                loss = loss + push * _crowded(made.unflatten(0, (n, starts)))
            [descent_of_z] = torch.autograd.grad(loss, [z])
        better = error.detach() < least
        best[better], least[better], shown[better] = z.detach()[better], error.detach()[better], made.detach()[better].to(shown.dtype)
        z.grad = descent_of_z
        descent.step()
        slower.step()
        found = _sorted(step, steps, best.unflatten(0, (n, starts)), least.view(n, starts), shown.unflatten(0, (n, starts)), answers)
        yield found
    return found


def pixel_error(made: Tensor, x: Tensor) -> Tensor:
    """Mean squared error [N] of pictures made [N, ...] against x, both in [-1, 1] (what overshoots is not shown), for pixels in [0, 1]."""
    return ((made.clamp(-1, 1) - x) / 2).square().flatten(1).mean(1)


def _sorted(step: int, steps: int, z: Tensor, errors: Tensor, pictures: Tensor, answers: int) -> Found:
    """The best answers of all starts [N, S, ...]."""
    order = errors.argsort(1)[:, :answers]
    rows = torch.arange(order.shape[0], device=order.device)[:, None]
    return Found(step, steps, z[rows, order], errors[rows, order], pictures[rows, order])


def _crowded(made: Tensor) -> Tensor:
    """By how much the answers [N, A, C, H, W] of each picture fall short of being APART, summed over their pairs."""
    shown = made.clamp(-1, 1).flatten(2)
    differ = ((shown[:, :, None] - shown[:, None]) / 2).square().mean(3)
    first, second = torch.triu_indices(*differ.shape[1:], offset=1, device=made.device)
    return (APART - differ[:, first, second]).clamp_min(0).sum()


def _set_out(decode: Decode, wanted: Tensor, candidates: Tensor, y: Tensor | None, guesses: Tensor | None, sees: Sees, starts: int,
             answers: int) -> Generator[None, None, Tensor]:
    """Where each picture's descent begins [N, S, *latent_shape]: at its guesses, and at candidates."""
    own = 0 if guesses is None else guesses.shape[1]
    if own >= starts:
        return guesses[:, :starts]
    wish = min((starts - own) * (VARIED if answers > 1 else 1), candidates.shape[0])
    numbers = yield from _nearest(decode, wanted, candidates, y, sees, wish)
    if answers > 1:
        numbers = torch.stack([row[_far_apart(candidates[row], min(starts - own, wish))] for row in numbers])
    chosen = candidates[numbers]
    return chosen if guesses is None else torch.cat([guesses, chosen], 1)


def _far_apart(z: Tensor, k: int) -> Tensor:
    """The first of some latents [M, ...] and k - 1 more, each as far as can be from those before it."""
    apart, chosen = torch.cdist(z.flatten(1), z.flatten(1)), [0]
    while len(chosen) < k:
        chosen.append(int(apart[:, chosen].amin(1).argmax()))
    return torch.tensor(chosen, device=z.device)


def _nearest(decode: Decode, wanted: Tensor, candidates: Tensor, y: Tensor | None, sees: Sees, k: int) -> Generator[None, None, Tensor]:
    """For each picture, with its conditions, the numbers [N, k] of the candidates that look most like what is known of it."""
    n = wanted.shape[0]
    apart = torch.full((n, candidates.shape[0]), torch.inf, device=wanted.device)
    told, group = (None, torch.zeros(n, dtype=torch.long, device=wanted.device)) if y is None else torch.unique(y, dim=0, return_inverse=True)
    for number in range(1 if told is None else told.shape[0]):
        mine = (group == number).nonzero().flatten()
        for first in range(0, candidates.shape[0], TOGETHER):
            some = candidates[first:first + TOGETHER]
            with torch.no_grad():
                made = sees(decode(some, None if told is None else told[number].expand(some.shape[0], -1)).clamp(-1, 1))
            apart[mine, first:first + TOGETHER] = torch.cdist(wanted[mine].flatten(1), made.flatten(1))
            yield None
    return apart.topk(k, largest=False).indices
