"""Variational autoencoder (Kingma & Welling 2013); beta-VAE (Higgins et al. 2017) when beta is not 1, VAE/GAN (Larsen et al. 2016) with a critic."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import log, pi

import torch
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence
from torch.nn import functional as F

from ..knobs import knob
from ..nets import ConvDecoder, ConvEncoder
from . import _adversarial
from ._base import LatentModel, check_square

COLLAPSED = 0.01  # nats: a dimension of the code that says less than this says nothing


@dataclass(frozen=True)
class Config:
    image_shape: tuple[int, int, int] = knob((1, 28, 28), "channels, height and width of a picture", 1, 256)
    latent_dim: int = knob(2, "numbers in the code", 1, 1024)
    width: int = knob(24, "channels of the convolutions", 4, 256)
    depth: int = knob(1, "residual blocks in each half; with a critic, in the encoder alone", 0, 8)
    hidden: int = knob(128, "units between the grid and the code; with a critic, in the encoder alone", 8, 2048)
    beta: float = knob(1.0, "weight of the KL term; higher is tidier and blurrier", 0, 100)
    free_bits: float = knob(0.0, "nats of each dimension of the code that the KL term does not punish (Kingma et al. 2016); keeps dimensions in use", 0, 10)
    annealing: int = knob(0, "steps over which the weight of the KL term rises from 0 to beta (Bowman et al. 2016)", 0, 10_000_000)
    likelihood: str = knob("bernoulli", "how pixels scatter around the decoded picture", choices=("bernoulli", "gaussian"))
    standardised: bool = knob(False, "whether latents are codes in units of their mean and spread over the data; a beta above 1 leaves these below the prior's")
    realism: float = knob(0.0, "nats that a critic's opinion of decoded pictures weighs; above 0 they are sharper, made by a generator as in a GAN", 0, 100_000)
    critic_width: int = knob(24, "channels of the critic's finest convolutions, where there is one", 4, 256)
    conditions: tuple[str, ...] = knob((), "names of the classes or attributes that both halves are told", 1, 60)
    unsaid: float = knob(0.1, "share of training pictures whose condition is withheld", 0, 1)

    def __post_init__(self):
        check_square("vae", self.image_shape)


class VAE(LatentModel):
    Config = Config
    STAGES = ({"players": ("model",), "steps": 3000, "rate": 4e-3},)
    ABOUT = "A picture becomes a cloud of codes, and the clouds of all pictures together fill N(0, I): so a code drawn at random makes a picture."

    def __init__(self, config: Config):
        super().__init__(config)
        self.latent_shape = (config.latent_dim,)
        shared = (config.image_shape, config.width, config.depth, config.hidden)
        self.encoder = ConvEncoder(*shared, 2 * config.latent_dim, len(config.conditions))
        self.decoder = _adversarial.Generator(config) if config.realism else ConvDecoder(*shared, config.latent_dim, len(config.conditions))
        if config.likelihood == "gaussian":
            self.log_std = nn.Parameter(torch.tensor(-1.0))  # one for all pixels (sigma-VAE, Rybkin et al. 2021)
        if config.standardised:
            self.register_buffer("middle", torch.zeros(config.latent_dim))
            self.register_buffer("spread", torch.ones(config.latent_dim))
        if config.realism:
            self.critic = _adversarial.Critic(_adversarial.Config(config.image_shape, width=config.critic_width))

    def players(self) -> dict[str, Iterable[nn.Parameter]]:
        """With a critic there are two: what the critic learns from, and the critic."""
        if not self.config.realism:
            return super().players()
        critic = list(self.critic.parameters())
        return {"model": [one for one in self.parameters() if all(one is not other for other in critic)], "critic": critic}

    def let_go(self) -> None:
        if self.config.realism:
            del self.critic

    @torch.no_grad()
    def refresh(self, x: Tensor, y: Tensor | None = None) -> None:
        """Fit a Gaussian to the codes of the data (ex-post density estimation, Ghosh et al. 2020); its axes are those of the code.

        A decoder that plays against a critic is normalised by batches, like every generator here.
        """
        if self.config.standardised:
            y = self.said(y, x)
            parts = [self._posterior(*part) for part in zip(x.split(500), [None] * len(x) if y is None else y.split(500), strict=False)]
            means, variances = (torch.cat([getattr(part, name) for part in parts]) for name in ("mean", "variance"))
            self.middle.copy_(means.mean(0))
            self.spread.copy_((means.var(0) + variances.mean(0)).sqrt())
        if self.config.realism:
            _adversarial.measure_norms(self.decoder, self.decode, self.config.latent_dim, y, self.device)

    def posterior(self, x: Tensor, y: Tensor | None = None) -> Normal:
        q = self._posterior(x, y)
        return Normal((q.mean - self.middle) / self.spread, q.stddev / self.spread) if self.config.standardised else q

    def _posterior(self, x: Tensor, y: Tensor | None) -> Normal:
        """Of codes as they are trained."""
        mean, log_std = self.encoder(x, self.said(y, x)).float().chunk(2, dim=1)
        return Normal(mean, log_std.clamp(-7, 4).exp())

    def encode(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return self.posterior(x, y).mean

    def decode(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return (self.decoder(self._code(z), self.said(y, z)).float() / 2).tanh()

    def log_likelihood(self, x: Tensor, z: Tensor, y: Tensor | None = None) -> Tensor:
        """log p(x | z) in nats [B], with pixels in [0, 1] taken as probabilities (Bernoulli) or as values (Gaussian)."""
        return self._likely(x, self.decoder(self._code(z), self.said(y, z)).float())

    def _code(self, z: Tensor) -> Tensor:
        """Latents as the decoder takes them."""
        return z * self.spread + self.middle if self.config.standardised else z

    def _likely(self, x: Tensor, out: Tensor) -> Tensor:
        """log p(x | z) [B], where `out` is what the decoder says of z."""
        pixels = (x + 1) / 2
        if self.config.likelihood == "bernoulli":
            return -F.binary_cross_entropy_with_logits(out, pixels, reduction="none").flatten(1).sum(1)
        error = (out.sigmoid() - pixels) / self.log_std.exp()
        return -(error.square() / 2 + self.log_std + log(2 * pi) / 2).flatten(1).sum(1)

    def loss(self, x: Tensor, y: Tensor | None = None, player: str = "model") -> dict[str, Tensor]:
        y = self.partly_said(y, x)
        if player == "critic":
            return self._loss_of_critic(x, y)
        q = self._posterior(x, y)
        out = self.decoder(q.rsample(), self.said(y, x)).float()
        reconstruction = -self._likely(x, out).mean()
        each = kl_divergence(q, Normal(0.0, 1.0)).mean(0)
        terms = {"reconstruction": reconstruction, "kl": each.sum()}
        if self.config.realism:
            made = torch.cat([(out / 2).tanh(), self.decode(self._drawn(x), y)])
            terms["doubt"] = F.softplus(-self.critic(made).float()).mean()  # of the critic
        if self.config.annealing:
            terms["weight of the kl"] = x.new_tensor(self._beta())
        punished = self._beta() * each.clamp(min=self.config.free_bits).sum()
        return {"loss": reconstruction + punished + self.config.realism * terms.get("doubt", 0)} | terms

    def _beta(self) -> float:
        """The weight of the KL term at this step of a training."""
        risen = min(1.0, self.step / self.config.annealing) if self.training and self.config.annealing else 1.0
        return self.config.beta * risen

    def readout(self, x: Tensor, y: Tensor | None = None) -> dict[str, Tensor]:
        q = self._posterior(x, y)
        each = kl_divergence(q, Normal(0.0, 1.0)).mean(0)
        again = (self.decoder(q.mean, self.said(y, x)).float() / 2).tanh()
        return {"KL of each dimension, nats": each, "KL of all dimensions, nats": each.sum(),
                "share of collapsed dimensions": (each < COLLAPSED).float().mean(), "squared error": ((again - x) / 2).square().mean()}

    def by_hand(self, x: Tensor, y: Tensor | None = None, player: str = "model") -> list[tuple[str, Tensor]]:
        y = self.partly_said(y, x)
        if player == "critic":
            z, made = self._made(x, y)
            return [("x", x), ("z", z), ("decoded", made), *((f"D({name})", self.critic(one).float().sigmoid()[:, None]) for name, one in
                                                            (("x", x), ("decoded", made)))]
        q = self._posterior(x, y)
        noise = torch.randn_like(q.mean)
        z = q.mean + q.stddev * noise
        again = (self.decoder(z, self.said(y, x)).float() / 2).tanh()
        return [("x", x), ("mean", q.mean), ("log variance", 2 * q.stddev.log()), ("noise", noise), ("z", z), ("reconstruction", again),
                ("KL of each dimension, nats", kl_divergence(q, Normal(0.0, 1.0)))]

    def _loss_of_critic(self, x: Tensor, y: Tensor | None) -> dict[str, Tensor]:
        """To tell pictures from what comes of codes, both of pictures and of N(0, I)."""
        _, made = self._made(x, y)
        on_real, on_made = self.critic(torch.cat([x, made])).float().chunk(2)
        loss = (F.softplus(-on_real) + F.softplus(on_made)).mean()
        return {"loss": loss + _adversarial.r1(self.critic, x, self.training), "on real": on_real.detach().mean(), "on made": on_made.detach().mean()}

    @torch.no_grad()
    def _made(self, x: Tensor, y: Tensor | None) -> tuple[Tensor, Tensor]:
        """Latents, half of them codes of the pictures x and half of N(0, I), and what comes of them."""
        half = len(x) // 2
        z = torch.cat([self.posterior(x, y).sample()[:half], self._drawn(x)[half:]])
        return z, self.decode(z, y)

    def _drawn(self, x: Tensor) -> Tensor:
        """As many latents as there are pictures."""
        return torch.randn(len(x), *self.latent_shape, device=x.device)
