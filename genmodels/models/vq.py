"""Vector-quantised autoencoder (van den Oord et al. 2017, VQ-VAE): a picture is written with the few signs of a learned alphabet."""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from ..knobs import knob
from ..nets import Residual, activated, start_dim
from ._base import LatentModel, check_square
from ._coded import scale_of

DEAD = 0.02  # of the mean use: a code that is used less is put where a code is wanted


@dataclass(frozen=True)
class Config:
    image_shape: tuple[int, int, int] = knob((1, 28, 28), "channels, height and width of a picture", 1, 256)
    codes: int = knob(64, "codes in the codebook", 2, 4096, log=True)
    code_dim: int = knob(4, "numbers in each code", 1, 256)
    halvings: int = knob(2, "how often the sides of a picture are halved on the way to its grid of codes", 0, 5)
    width: int = knob(24, "channels of the convolutions", 4, 256)
    depth: int = knob(1, "residual blocks in each half", 0, 8)
    commitment: float = knob(0.25, "weight of the distance between what is encoded and its code", 0, 10)
    decay: float = knob(0.99, "how slowly codes follow the mean of what they stand for", 0.5, 0.9999)
    restarts: bool = knob(True, "whether a code that hardly anything uses begins anew at something that was just encoded")
    conditions: tuple[str, ...] = ()

    def __post_init__(self):
        check_square("vq", self.image_shape)
        if isinstance(self.halvings, int) and self.image_shape[1] % 2**self.halvings:
            raise ValueError(f"vq config: halvings must be so few that a side of {self.image_shape[1]} pixels can be halved so often.")
        if self.conditions:
            raise ValueError("vq config: an autoencoder takes no conditions; use a VAE for that.")


class VQ(LatentModel):
    """Latents [code_dim, H / f, H / f] are what is encoded before it is quantised, scaled to unit spread; `decode` takes the nearest code at each place."""

    Config = Config
    PRIOR = ("A picture of this model is a grid of codes, in which neighbours go together: codes drawn at random make no picture, "
             "so places come from pictures that were encoded and from the walks between them.")
    STAGES = ({"players": ("model",), "steps": 1500, "rate": 4e-3},)
    ABOUT = "A picture becomes a small grid of codes from a learned codebook, as a text is made of letters: how many codes are used, and how many are dead?"

    def __init__(self, config: Config):
        super().__init__(config)
        side = config.image_shape[1] // 2**config.halvings
        self.latent_shape = (config.code_dim, side, side)
        wide, channels = 2 * config.width, config.image_shape[0]
        steps = [channels, *[config.width] * (config.halvings - 1), wide] if config.halvings else [channels, wide]
        down = [nn.Conv2d(a, b, 4, 2, 1) if config.halvings else nn.Conv2d(a, b, 3, padding=1) for a, b in pairwise(steps)]
        self.encoder = nn.Sequential(activated(*down), *[Residual(wide) for _ in range(config.depth)], nn.SiLU(), nn.Conv2d(wide, config.code_dim, 1))
        steps = [wide, *[config.width] * config.halvings]
        up = [nn.Sequential(nn.Conv2d(a, 4 * b, 3, padding=1), nn.PixelShuffle(2)) for a, b in pairwise(steps)]
        last = nn.Conv2d(steps[-1], channels, 3, padding=1)
        self.decoder = nn.Sequential(nn.Conv2d(config.code_dim, wide, 3, padding=1), *[Residual(wide) for _ in range(config.depth)], nn.SiLU(),
                                     activated(*up, last))
        start_dim(last)
        self.register_buffer("codebook", torch.randn(config.codes, config.code_dim))
        self.register_buffer("used", torch.zeros(config.codes))  # places of a batch that a code stands for, a moving mean
        self.register_buffer("sums", torch.zeros(config.codes, config.code_dim))  # of what stands there, likewise
        self.register_buffer("mean", torch.zeros(config.code_dim))
        self.register_buffer("scale", torch.ones(config.code_dim))

    def encode(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return (self._encoded(x) - self.mean[:, None, None]) / self.scale[:, None, None]

    def decode(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        code = z * self.scale[:, None, None] + self.mean[:, None, None]
        nearest = self._codes_at(self.numbers(code))
        return (self._out(code + (nearest - code).detach() if z.requires_grad else nearest) / 2).tanh()  # a gradient runs past the choice

    def numbers(self, code: Tensor) -> Tensor:
        """Which code of the codebook is nearest at each place: [B, code_dim, h, h], as the encoder gives them, to int64 [B, h, h]."""
        with torch.autocast(code.device.type, enabled=False):  # rounded distances would choose another
            return (self.codebook.square().sum(1) - 2 * code.permute(0, 2, 3, 1).float() @ self.codebook.T).argmin(3)

    def loss(self, x: Tensor, y: Tensor | None = None, player: str = "model") -> dict[str, Tensor]:
        code = self._encoded(x)
        if self.training:
            self._learn_codes(code.detach())
        numbers = self.numbers(code.detach())
        nearest = self._codes_at(numbers)
        wrong = (self._out(code + (nearest - code).detach()).sigmoid() - (x + 1) / 2).square().mean()
        distance = (code - nearest).square().mean()
        return {"loss": wrong + self.config.commitment * distance, "reconstruction": wrong, "commitment": distance,
                "perplexity": perplexity(self._shares(numbers))}

    @torch.no_grad()
    def refresh(self, x: Tensor, y: Tensor | None = None) -> None:
        codes = torch.cat([self._encoded(part) for part in x.split(1000)])
        self.codebook.copy_(self.codebook.half())  # as a checkpoint may keep them: otherwise a place between two codes would fall to the other
        self.mean.copy_(codes.mean((0, 2, 3)))
        self.scale.copy_(scale_of(codes, (0, 2, 3)))

    def let_go(self) -> None:
        del self.used, self.sums

    def readout(self, x: Tensor, y: Tensor | None = None) -> dict[str, Tensor]:
        code = self._encoded(x)
        numbers = self.numbers(code)
        shares, again = self._shares(numbers), (self._out(self._codes_at(numbers)) / 2).tanh()
        return {"perplexity, codes": perplexity(shares), "share of dead codes": (shares == 0).float().mean(),
                "squared error": ((again - x) / 2).square().mean(), "use of each code, most used first": shares.sort(descending=True).values}

    def by_hand(self, x: Tensor, y: Tensor | None = None, player: str = "model") -> list[tuple[str, Tensor]]:
        code = self._encoded(x)
        numbers = self.numbers(code)
        nearest = self._codes_at(numbers)
        return [("x", x), ("encoded", code.flatten(1)), ("number of the nearest code at each place", numbers.flatten(1).float()),
                ("codes", nearest.flatten(1)), ("distance to them at each place", (code - nearest).norm(dim=1).flatten(1)),
                ("reconstruction", (self._out(nearest) / 2).tanh())]

    def _encoded(self, x: Tensor) -> Tensor:
        return self.encoder(x).float()

    def _out(self, code: Tensor) -> Tensor:
        """Pictures before any squashing."""
        return self.decoder(code).float()

    def _codes_at(self, numbers: Tensor) -> Tensor:
        """Their codes [B, code_dim, h, h]."""
        return self.codebook[numbers].permute(0, 3, 1, 2)

    def _shares(self, numbers: Tensor) -> Tensor:
        """The share of places [K] at which each code stands."""
        counts = torch.zeros(self.config.codes, device=numbers.device).index_add_(0, numbers.flatten(), torch.ones_like(numbers.flatten(), dtype=torch.float32))
        return counts / counts.sum()

    @torch.no_grad()
    def _learn_codes(self, code: Tensor) -> None:
        """Codes move to the mean of what they stand for (appendix A.1 of the paper), dead ones to something that was just encoded.

        Before the first step all are dead, so that they begin among what is encoded.
        """
        flat, decay = code.permute(0, 2, 3, 1).flatten(0, 2), self.config.decay
        wanted = len(flat) / self.config.codes  # places for each code if all were used alike
        fresh = flat[torch.randint(len(flat), (self.config.codes,), device=flat.device)]
        begins = (self.used == 0).all()
        dead = begins | (self.used < DEAD * wanted) if self.config.restarts else begins.expand_as(self.used)
        self.used.copy_(torch.where(dead, wanted, self.used))
        self.sums.copy_(torch.where(dead[:, None], wanted * fresh, self.sums))
        self.codebook.copy_(torch.where(dead[:, None], fresh, self.codebook))
        numbers = self.numbers(code).flatten()
        self.used.mul_(decay).index_add_(0, numbers, torch.ones_like(flat[:, 0]), alpha=1 - decay)
        self.sums.mul_(decay).index_add_(0, numbers, flat, alpha=1 - decay)
        self.codebook.copy_(self.sums / self.used.clamp(min=1e-6)[:, None])


def perplexity(shares: Tensor) -> Tensor:
    """How many codes, used alike, would be as hard to guess as these with their shares [K] that add up to one: a scalar."""
    return torch.special.entr(shares).sum().exp()
