"""What adversarial models share: generator and critic in the shape of DCGAN (Radford et al. 2015), the games they play, and how they are kept in balance."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..knobs import knob
from ..nets import grid_sides, joined
from ..normal import latents
from ._base import LatentModel, check_square

LAZINESS = 8  # gradient penalties are taken at one step in so many, so many times as strong (Karras et al. 2020, section 3.1)
REFRESHED_ON = 32, 256  # batches of so many latents, on which the averaged generator's batch statistics are measured


@dataclass(frozen=True)
class Config:
    image_shape: tuple[int, int, int] = knob((1, 28, 28), "channels, height and width of a picture", 1, 256)
    latent_dim: int = knob(64, "numbers in the latent", 1, 1024)
    width: int = knob(16, "channels of the finest convolutions", 4, 256)
    loss: str = knob("non-saturating", "what generator and critic play for", choices=("non-saturating", "minimax", "hinge", "wasserstein"))
    r1: float = knob(1.0, "weight of R1, which keeps the critic flat around real pictures; 0 leaves it out", 0, 1000)
    penalty: float = knob(10.0, "weight of the gradient penalty, with the wasserstein loss only", 0, 1000)
    augment: float = knob(0.0, "how much pictures are shifted and recoloured before the critic sees them", 0, 1)
    conditions: tuple[str, ...] = knob((), "names of the classes or attributes that both players are told", 1, 60)
    unsaid: float = knob(0.1, "share of training pictures whose condition is withheld", 0, 1)

    def __post_init__(self):
        check_square(type(self).__module__.rpartition(".")[2], self.image_shape, least=8)


class Adversarial(LatentModel):
    """A generator and the critic that teaches it."""

    DRAWN = True

    def __init__(self, config: Config):
        super().__init__(config)
        self.latent_shape = (config.latent_dim,)
        self.generator = Generator(config)
        self.critic = Critic(config, len(self.labels))

    def players(self) -> dict[str, Iterable[nn.Parameter]]:
        return {"critic": self.critic.parameters(), "generator": self.generator.parameters()}

    def decode(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return self.generator(z, self.said(y, z)).float().tanh()

    def judged(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """The critic's logit of "real" [B], or its Wasserstein potential, given what it is told; higher looks more real to it."""
        return self.critic(x, y).float()

    def loss(self, x: Tensor, y: Tensor | None = None, player: str = "generator") -> dict[str, Tensor]:
        z = torch.randn(x.shape[0], self.config.latent_dim, device=x.device)
        of_real, of_fake = self._told(x, y, z)
        critic_loss, generator_loss = GAMES[self.config.loss]
        if player == "generator":
            return {"loss": generator_loss(self.judged(self._shown(self.decode(z, of_fake)), of_fake)).mean()}
        with torch.no_grad():
            fake = self.decode(z, of_fake)
        on_real, on_fake = self.judged(self._shown(torch.cat([x, fake])), None if of_real is None else torch.cat([of_real, of_fake])).chunk(2)
        loss = critic_loss(on_real, on_fake).mean()
        if strength := _lazily(self.training):
            loss = loss + strength * self._penalty(x, fake, of_real)
        return {"loss": loss, "on real": on_real.detach().mean(), "on fake": on_fake.detach().mean()}

    def readout(self, x: Tensor, y: Tensor | None = None) -> dict[str, Tensor]:
        """What the critic says of pictures x and of as many made ones, always of the same latents; {} where it has been left behind."""
        if not hasattr(self, "critic"):
            return {}
        z = torch.from_numpy(latents(0, len(x), self.latent_shape)).to(x.device)
        of_real, of_fake = self._told(x, y, z)
        on_real, on_fake = self.judged(x, of_real), self.judged(self.decode(z, of_fake), of_fake)
        if self.config.loss in LOGITS:
            return {"mean of D(x)": on_real.sigmoid().mean(), "mean of D(G(z))": on_fake.sigmoid().mean()}
        return {"mean of the critic's number of x": on_real.mean(), "mean of the critic's number of G(z)": on_fake.mean()}

    def by_hand(self, x: Tensor, y: Tensor | None = None, player: str = "generator") -> list[tuple[str, Tensor]]:
        z = torch.randn(x.shape[0], self.config.latent_dim, device=x.device)
        of_real, of_fake = self._told(x, y, z)
        made = self.decode(z, of_fake)
        shown = [("x", x), ("z", z), ("G(z)", made)]
        if player == "critic":
            shown.append(self._opinion("x", x, of_real))
        return [*shown, self._opinion("G(z)", made, of_fake)]

    def _opinion(self, name: str, x: Tensor, y: Tensor | None) -> tuple[str, Tensor]:
        """What the critic says of pictures, [B, 1]: the probability that they are real, or its number where the game has no probabilities."""
        judged = self.judged(x, y)[:, None]
        return (f"D({name})", judged.sigmoid()) if self.config.loss in LOGITS else (f"critic's number of {name}", judged)

    def _told(self, x: Tensor, y: Tensor | None, z: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """What the critic is told of real pictures x with labels y and of those made of latents z: here of both the same, and the generator too."""
        y = self.partly_said(y, x)
        return y, y

    def _shown(self, x: Tensor) -> Tensor:
        """Pictures as the critic sees them while it learns."""
        return augmented(x, self.config.augment) if self.training and self.config.augment else x

    def _penalty(self, x: Tensor, fake: Tensor, y: Tensor | None) -> Tensor:
        """R1 (Mescheder et al. 2018, equation 9) and, for Wasserstein, the gradient penalty (Gulrajani et al. 2017, equation 3)."""
        found = x.new_zeros(())
        if self.config.r1:
            found = found + self.config.r1 / 2 * steepness(lambda x: self.judged(x, y), x).square().mean()
        if self.config.loss == "wasserstein" and self.config.penalty:
            between = x.lerp(fake, torch.rand(x.shape[0], 1, 1, 1, device=x.device))
            found = found + self.config.penalty * (steepness(lambda x: self.judged(x, y), between) - 1).square().mean()
        return found

    @torch.no_grad()
    def refresh(self, x: Tensor, y: Tensor | None = None) -> None:
        """Measure the batch statistics of the generator with its present weights, since those of averaged weights cannot be averaged."""
        measure_norms(self.generator, self.decode, self.config.latent_dim, y, self.device)


def measure_norms(generator: nn.Module, decode: Callable[[Tensor, Tensor | None], Tensor], latent_dim: int, y: Tensor | None, device: torch.device) -> None:
    """Batch statistics of a generator on latents of N(0, I), told what is said in y [N, K], batch after batch. It is in eval mode afterwards."""
    norms = [part for part in generator.modules() if isinstance(part, nn.BatchNorm2d)]
    kept = [part.momentum for part in norms]
    for part in norms:
        part.reset_running_stats()
        part.momentum = None  # a plain mean over all batches
    generator.train()
    batches, size = REFRESHED_ON
    random = torch.Generator().manual_seed(0)
    for k in range(batches):
        told = None if y is None else y[torch.arange(k * size, (k + 1) * size, device=y.device) % len(y)]
        decode(torch.randn(size, latent_dim, generator=random).to(device), told)
    generator.eval()
    for part, momentum in zip(norms, kept, strict=True):
        part.momentum = momentum


def steepness(judge: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """The norm of a critic's gradient at each picture [B], in float32: it is differentiated once more."""
    with torch.autocast(x.device.type, enabled=False), torch.enable_grad():
        x = x.detach().requires_grad_()
        [slope] = torch.autograd.grad(judge(x).sum(), x, create_graph=True)
    return (slope.flatten(1).square().sum(1) + 1e-12).sqrt()


def r1(judge: Callable[[Tensor], Tensor], x: Tensor, training: bool, weight: float = 1.0) -> Tensor:
    """The penalty R1 of a critic at real pictures x (Mescheder et al. 2018, equation 9): a scalar, zero at most steps of a training."""
    strength = _lazily(training)
    return strength * weight / 2 * steepness(judge, x).square().mean() if strength else x.new_zeros(())


def _lazily(training: bool) -> int:
    """How strongly a penalty counts at this step: while training at one in LAZINESS, and as much as all of them."""
    return 1 if not training else LAZINESS if torch.rand(()) * LAZINESS < 1 else 0


# The games: critic's loss on (real, fake) and generator's loss on (fake), each [B]

GAMES: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], Callable[[Tensor], Tensor]]] = {
    "non-saturating": (lambda real, fake: F.softplus(-real) + F.softplus(fake), lambda fake: F.softplus(-fake)),
    "minimax": (lambda real, fake: F.softplus(-real) + F.softplus(fake), lambda fake: -F.softplus(fake)),
    "hinge": (lambda real, fake: F.relu(1 - real) + F.relu(1 + fake), lambda fake: -fake),
    "wasserstein": (lambda real, fake: fake - real, lambda fake: -fake),
}

LOGITS = ("non-saturating", "minimax")  # games in which the critic's number is the logit of a probability


def _channels(config: Config) -> list[int]:
    """Channels of each scale, from the finest down."""
    return [config.width * min(8, 2**k) for k, _ in enumerate(grid_sides(config.image_shape[-1]))]


class Generator(nn.Module):
    """Latents [B, D] and conditions [B, K] to pictures [B, C, H, H] before any squashing; each scale doubles the side."""

    def __init__(self, config: Config):
        super().__init__()
        side, channels = grid_sides(config.image_shape[-1])[-1], _channels(config)[::-1]
        self.first = nn.Linear(config.latent_dim + len(config.conditions), channels[0] // 2 * side**2)
        layers = [nn.Unflatten(1, (channels[0] // 2, side, side)), *_normed(channels[0] // 2), nn.Conv2d(channels[0] // 2, channels[0], 3, padding=1)]
        for a, b in pairwise(channels):
            layers += [*_normed(a), nn.ConvTranspose2d(a, b, 4, 2, 1), *_normed(b), nn.Conv2d(b, b, 3, padding=1)]
        self.grid = nn.Sequential(*layers, *_normed(channels[-1]), nn.Conv2d(channels[-1], config.image_shape[0], 3, padding=1))

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return self.grid(self.first(joined(z, y)))


class Critic(nn.Module):
    """Pictures [B, C, H, H] to one number each [B]; so many labels are judged by projection (Miyato & Koyama 2018).

    Without batch normalisation, which a penalty on single gradients forbids (Gulrajani et al. 2017, section 4).
    """

    def __init__(self, config: Config, labels: int = 0):
        super().__init__()
        channels = _channels(config)
        steps = [config.image_shape[0], *channels[1:], 2 * channels[-1]]
        layers = [part for a, b in pairwise(steps) for part in (nn.Conv2d(a, b, 4, 2, 1), nn.LeakyReLU(0.2))]
        side = grid_sides(config.image_shape[-1])[-1] // 2
        self.grid = nn.Sequential(*layers, nn.Conv2d(steps[-1], steps[-1] // 2, 1), nn.LeakyReLU(0.2), nn.Flatten())
        self.judge = nn.Linear(steps[-1] // 2 * side**2, 1)
        self.told = nn.Linear(labels, self.judge.in_features, bias=False) if labels else None

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        seen = self.grid(x)
        judged = self.judge(seen)[:, 0]
        return judged if self.told is None else judged + (self.told(y) * seen).sum(1) / seen.shape[1] ** 0.5


def augmented(x: Tensor, strength: float) -> Tensor:
    """Pictures [B, C, H, W] in other brightness, saturation, contrast and place, each in its own (Zhao et al. 2020, DiffAugment).

    At strength 1 brightness moves by half of the way from grey to white, saturation and contrast go from nothing to double and from a half to one
    and a half, and the place moves by up to an eighth of the side. Differentiable, so that a generator learns through it.
    """
    def drawn() -> Tensor:
        return strength * (2 * torch.rand(x.shape[0], 1, 1, 1, device=x.device) - 1)

    x = x + drawn() / 2
    grey = x.mean(1, keepdim=True)
    x = (x - grey) * (1 + drawn()) + grey
    mean = x.mean((1, 2, 3), keepdim=True)
    x = (x - mean) * (1 + drawn() / 2) + mean
    reach = max(1, round(x.shape[-1] / 8 * strength))
    return _shifted(x, torch.randint(-reach, reach + 1, (2, x.shape[0]), device=x.device))


def _shifted(x: Tensor, by: Tensor) -> Tensor:
    """Each picture moved by whole pixels (rows, columns) [2, B]; what comes in from outside is zero."""
    n, _, height, width = x.shape
    reach = int(by.abs().max())
    x = F.pad(x, [reach] * 4)
    rows = torch.arange(height, device=x.device)[None] + reach + by[0, :, None]
    columns = torch.arange(width, device=x.device)[None] + reach + by[1, :, None]
    moved = x.permute(0, 2, 3, 1)[torch.arange(n, device=x.device)[:, None, None], rows[:, :, None], columns[:, None, :]]
    return moved.permute(0, 3, 1, 2)


def _normed(channels: int) -> tuple[nn.Module, nn.Module]:
    return nn.BatchNorm2d(channels), nn.ReLU()
