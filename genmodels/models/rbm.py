"""Restricted Boltzmann machine, taught by contrastive divergence (Hinton 2002) or by chains that go on from step to step (Tieleman 2008)."""

from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..knobs import knob
from ._base import check_square
from ._coded import Coded, flat_pixels


@dataclass(frozen=True)
class Config:
    image_shape: tuple[int, int, int] = knob((1, 28, 28), "channels, height and width of a picture", 1, 256)
    hidden: int = knob(128, "hidden units, each a filter of the picture", 1, 4096)
    gibbs: int = knob(1, "steps of the chain that dreams, in every update (the k of CD-k)", 1, 100)
    persistent: bool = knob(False, "whether dreams go on from where the last update left them, rather than from the data")
    chains: int = knob(100, "dreams that go on, where they do", 1, 1000)
    conditions: tuple[str, ...] = ()

    def __post_init__(self):
        check_square("rbm", self.image_shape)
        if self.conditions:
            raise ValueError("rbm config: a Boltzmann machine takes no conditions here; use a VAE for that.")


class RBM(Coded):
    """Pixels v in [0, 1] and hidden units h, with the energy E(v, h) = -b v - c h - h W v.

    The code of a picture is what its hidden units are told, c + W v, brought to mean 0 and spread 1; decoding is one pass down by their probabilities.
    """

    Config = Config
    STAGES = ({"players": ("model",), "steps": 1500, "rate": 3e-3},)
    ABOUT = "Nothing is copied and no error is sent back: pictures get a low energy, and what the machine dreams up by itself a high one."

    def __init__(self, config: Config):
        super().__init__(config, config.hidden)
        pixels = prod(config.image_shape)
        self.weight = nn.Parameter(torch.randn(config.hidden, pixels) / pixels**0.5)
        self.visible_bias = nn.Parameter(torch.zeros(pixels))
        self.hidden_bias = nn.Parameter(torch.zeros(config.hidden))
        if config.persistent:
            self.register_buffer("dreams", torch.zeros(config.chains, pixels, dtype=torch.uint8))  # black and white pixels

    def free_energy(self, v: Tensor) -> Tensor:
        """-log of the sum over h of exp(-E(v, h)) [B], of pixels v [B, D] in [0, 1]."""
        return -v @ self.visible_bias - F.softplus(self._told(v)).sum(1)

    def loss(self, x: Tensor, y: Tensor | None = None, player: str = "model") -> dict[str, Tensor]:
        """-log pseudo-likelihood of a pixel in nats, with the gradients of contrastive divergence.

        Those are the gradients of a difference of free energies, of data and dreams, which says nothing of how far the machine is: it stays near zero.
        """
        with torch.autocast(x.device.type, enabled=False):
            v = flat_pixels(x.float()).bernoulli()
            dreamt = self._dreamt(v)
            gap = self.free_energy(v).mean() - self.free_energy(dreamt).mean()
            unlikely = self._unlikely(v)
        return {"loss": gap + (unlikely - gap).detach(), "free energy of data less that of dreams": gap}

    def let_go(self) -> None:
        if self.config.persistent:
            del self.dreams

    def readout(self, x: Tensor, y: Tensor | None = None) -> dict[str, Tensor]:
        """Of pictures as black and white as they are likely to be: how well each pixel is foretold by all others, and how busy each hidden unit is."""
        v = (x.flatten(1) > 0).float()
        active = self._told(v).sigmoid()
        again = self._pixels(active)
        each = active.mean(0)
        return {"pseudo-likelihood, nats per pixel": -self._unlikely(v, torch.Generator().manual_seed(0)), "squared error": (again - v).square().mean(),
                "mean activity of the hidden units": each.mean(), "share of hidden units that say something": (active.std(0) > 0.05).float().mean(),
                "mean activity of each hidden unit": each}

    def by_hand(self, x: Tensor, y: Tensor | None = None, player: str = "model") -> list[tuple[str, Tensor]]:
        v = flat_pixels(x).bernoulli()
        likely = self._told(v).sigmoid()
        h = likely.bernoulli()
        down = self._pixels(h)
        dreams = self._dreamt(v)
        dreamt = dreams[torch.arange(len(v), device=v.device) % len(dreams)]  # dreams that go on may be fewer
        with torch.autocast(x.device.type, enabled=False):  # as in the loss: a difference of large numbers
            energies = [self.free_energy(one.float())[:, None] for one in (v, dreamt)]
        busiest = self.weight.norm(dim=1).argsort(descending=True)[torch.arange(len(x), device=x.device) % self.config.hidden]
        filters = self.weight[busiest]
        return [("x", x), ("pixels drawn", self._picture(v)), ("probabilities of the hidden units", likely), ("hidden units drawn", h),
                ("probabilities of the pixels", self._picture(down)), ("dreamt", self._picture(dreamt)),
                ("free energy of the pixels", energies[0]), ("free energy of the dream", energies[1]),
                ("the strongest filters", self._picture(0.5 + filters / (2 * filters.abs().amax(1, keepdim=True).clamp(min=1e-12))))]

    def _code(self, x: Tensor) -> Tensor:
        return self._told(flat_pixels(x))

    def _out(self, code: Tensor) -> Tensor:
        """The probabilities of the pixels [B, C H W] in one pass down, which have been squashed already."""
        return self._pixels(code.sigmoid())

    def _shown(self, out: Tensor) -> Tensor:
        return self._picture(out)

    def _told(self, v: Tensor) -> Tensor:
        """What hidden units hear of pixels: the logits of their probabilities [B, hidden]."""
        return v @ self.weight.T + self.hidden_bias

    def _pixels(self, h: Tensor) -> Tensor:
        """Probabilities of pixels [B, D] given the hidden units."""
        return (h @ self.weight + self.visible_bias).sigmoid()

    def _picture(self, v: Tensor) -> Tensor:
        return (2 * v - 1).float().view(-1, *self.image_shape)

    @torch.no_grad()
    def _gibbs(self, v: Tensor) -> Tensor:
        """Black and white pixels after `gibbs` steps up and down from pixels v."""
        for _ in range(self.config.gibbs):
            v = self._pixels(self._told(v).sigmoid().bernoulli()).bernoulli()
        return v

    @torch.no_grad()
    def _dreamt(self, v: Tensor) -> Tensor:
        """What the machine makes up: from the data on, or on from its last dreams, which begin as data."""
        if not self.config.persistent:
            return self._gibbs(v)
        begun = self.dreams.any().bool()
        first = v[torch.arange(self.config.chains, device=v.device) % len(v)]
        dreamt = self._gibbs(torch.where(begun, self.dreams.float(), first))
        if self.training:
            self.dreams.copy_(dreamt)
        return dreamt

    @torch.no_grad()
    def _unlikely(self, v: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """-log p of one pixel of each picture given all others, the mean over pictures in nats: a scalar (Besag 1975; which pixel is drawn)."""
        flipped, which = v.clone(), torch.randint(v.shape[1], (len(v), 1), generator=generator).to(v.device)
        flipped.scatter_(1, which, 1 - v.gather(1, which))
        return F.softplus(self.free_energy(v) - self.free_energy(flipped)).mean()
