"""Inversion: the latents whose pictures come nearest to given ones, found by descent through a decoder that has no encoder."""

from collections.abc import Callable, Generator

import torch
from torch import Tensor

TOGETHER = 64  # candidates that are decoded at once

Decode = Callable[[Tensor, Tensor | None], Tensor]


def invert(decode: Decode, x: Tensor, candidates: Tensor, y: Tensor | None = None, *, starts: int = 4, steps: int = 150,
           rate: float = 0.2, pull: float = 2e-3) -> Generator[tuple[int, float], None, tuple[Tensor, Tensor]]:
    """Latents [N, *latent_shape] for pictures x [N, C, H, W] in [-1, 1] with conditions y [N, K], and the errors [N] they leave.

    `decode(z, y)` gives pictures in [-1, 1] of latents z ~ N(0, I), with gradients for z. Each picture sets out from the
    `starts` candidates [M, *latent_shape] whose pictures are nearest to it; Adam then lowers the squared error of the pixels plus
    `pull` times the mean square of the latent, which keeps it where the prior has its mass (Zhu et al. 2016; Creswell & Bharath 2018).
    The best latent met on the way is kept. No picture changes what is found for another.

    A generator: it yields (step, error of the best so far, averaged over the pictures), with step 0 while candidates are
    looked at, and returns latents and errors at its end. An error is the mean squared one of pixels in [0, 1].
    """
    chosen = yield from _nearest(decode, x, candidates, y, min(starts, candidates.shape[0]))
    n, starts = chosen.shape
    z = candidates[chosen.flatten()].clone().requires_grad_()
    wanted, said = x.repeat_interleave(starts, 0), None if y is None else y.repeat_interleave(starts, 0)
    best, least = z.detach().clone(), torch.full((n * starts,), torch.inf, device=x.device)
    descent = torch.optim.Adam([z], lr=rate)
    slower = torch.optim.lr_scheduler.CosineAnnealingLR(descent, steps)
    for step in range(1, steps + 1):
        with torch.enable_grad():
            error = pixel_error(decode(z, said), wanted)
            [descent_of_z] = torch.autograd.grad((error + pull * z.flatten(1).square().mean(1)).sum(), [z])
        better = error.detach() < least
        best[better], least[better] = z.detach()[better], error.detach()[better]
        z.grad = descent_of_z
        descent.step()
        slower.step()
        yield step, float(least.view(n, starts).amin(1).mean())
    winners = least.view(n, starts).argmin(1) + starts * torch.arange(n, device=x.device)
    return best[winners], least[winners]


def pixel_error(made: Tensor, x: Tensor) -> Tensor:
    """Mean squared error [N] of pictures made [N, C, H, W] against x, both in [-1, 1] (what overshoots is not shown), for pixels in [0, 1]."""
    return ((made.clamp(-1, 1) - x) / 2).square().flatten(1).mean(1)


def _nearest(decode: Decode, x: Tensor, candidates: Tensor, y: Tensor | None, k: int) -> Generator[tuple[int, float], None, Tensor]:
    """For each picture, with its conditions, the numbers [N, k] of the candidates that look most like it."""
    n = x.shape[0]
    apart = torch.full((n, candidates.shape[0]), torch.inf, device=x.device)
    told, group = (None, torch.zeros(n, dtype=torch.long, device=x.device)) if y is None else torch.unique(y, dim=0, return_inverse=True)
    for number in range(1 if told is None else told.shape[0]):
        mine = (group == number).nonzero().flatten()
        for first in range(0, candidates.shape[0], TOGETHER):
            some = candidates[first:first + TOGETHER]
            with torch.no_grad():
                made = decode(some, None if told is None else told[number].expand(some.shape[0], -1)).clamp(-1, 1)
            apart[mine, first:first + TOGETHER] = torch.cdist(x[mine].flatten(1), made.flatten(1)).square() / (4 * made[0].numel())
            yield 0, float(apart.amin(1).mean())
    return apart.topk(k, largest=False).indices
