"""GAN with an encoder that learns, once the generator stands, to find the latents of pictures (in-domain inversion, Zhu et al. 2020)."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..knobs import knob
from ..nets import ConvEncoder
from . import _adversarial
from ._copula import Copula


@dataclass(frozen=True)
class Config(_adversarial.Config):
    encoder_width: int = knob(32, "channels of the encoder's convolutions", 4, 256)
    encoder_hidden: int = knob(256, "units between the encoder's grid and the latent", 8, 2048)
    faithful: float = knob(10.0, "weight of the pixels, beside that of the latents, in what the encoder learns", 0, 1000)
    reads: tuple[str, ...] = knob((), "names of the attributes that the latent itself decides, each by a threshold on a direction of its own", 1, 60)


class EncodedGAN(_adversarial.Adversarial):
    """Train `critic` and `generator` in a first stage and `encoder` in a second; the critic is left behind then.

    Where it `reads` attributes, a stage in closed form comes before: it fits thresholds on directions of the latent to the labels. The critic is told
    the labels of a real picture, and of a made one those that are read off its latent; so the generator learns to show what its latent says, and a
    push along such a direction changes the attribute. It is an auxiliary label (Mirza & Osindero 2014) that needs no input of its own.
    """

    Config = Config
    ABOUT = "A GAN whose pictures can be found again: once the generator stands, an encoder learns which latent makes which picture."
    STAGES = ({"players": ("critic", "generator"), "steps": 3000, "rate": 1e-3, "momentum": 0.0}, {"players": ("encoder",), "steps": 1500})

    def __init__(self, config: Config):
        if config.reads and config.conditions:
            raise ValueError("encoded_gan config: attributes are either said to the model (conditions) or read off the latent (reads), not both.")
        if len(config.reads) > config.latent_dim:
            raise ValueError(f"encoded_gan config: {len(config.reads)} attributes cannot be read off a latent of {config.latent_dim} numbers.")
        super().__init__(config)
        if config.reads:
            self.copula = Copula(len(config.reads), config.latent_dim)
        self.encoder = ConvEncoder(config.image_shape, config.encoder_width, 1, config.encoder_hidden, config.latent_dim, len(config.conditions))

    def players(self) -> dict[str, Iterable[nn.Parameter]]:
        return super().players() | {"encoder": self.encoder.parameters()}

    def let_go(self) -> None:
        del self.critic
        if self.config.reads:
            del self.copula

    def solve(self, x: Tensor, y: Tensor | None = None) -> None:
        """Thresholds and directions of the attributes, from labels y."""
        if not self.config.reads:
            raise ValueError("This GAN reads no attributes off its latents, so nothing of it has a closed form.")
        self.copula.fit(y)

    def _told(self, x: Tensor, y: Tensor | None, z: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """The labels of x, and what is read off z; of both the same is left unsaid."""
        if not self.config.reads:
            return super()._told(x, y, z)
        y = x.new_zeros(len(x), len(self.labels)) if y is None else y
        known = (y != 0).float()
        if self.training:
            known = known * (torch.rand(len(y), 1, device=y.device) >= self.config.unsaid)
        return y * known, self.copula(z) * known

    def encode(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """A guess at the latent of a picture; descent from there brings it nearer (`latent.inversion`)."""
        return self.encoder(x, self.said(y, x)).float()

    def loss(self, x: Tensor, y: Tensor | None = None, player: str = "generator") -> dict[str, Tensor]:
        return self._loss_of_encoder(x, y) if player == "encoder" else super().loss(x, y, player)

    def by_hand(self, x: Tensor, y: Tensor | None = None, player: str = "generator") -> list[tuple[str, Tensor]]:
        if player != "encoder":
            return super().by_hand(x, y, player)
        told, z = self.said(y, x), torch.randn(x.shape[0], self.config.latent_dim, device=x.device)
        made = self.decode(z, told)
        found, of_real = self.encode(made, told), self.encode(x, told)
        return [("x", x), ("z", z), ("G(z)", made), ("E(G(z))", found), ("E(x)", of_real), ("G(E(x))", self.decode(of_real, told))]

    def _loss_of_encoder(self, x: Tensor, y: Tensor | None) -> dict[str, Tensor]:
        """Squared errors: of the latents of made pictures, and of the pixels of made and of real pictures that come back from their latents."""
        told = self.said(y, x)
        self.generator.eval()  # its batch statistics are those that it makes pictures with
        z = torch.randn(x.shape[0], self.config.latent_dim, device=x.device)
        with torch.no_grad():
            made = self.decode(z, told)
        pictures = torch.cat([made, x])
        said = None if told is None else told.repeat(2, 1)
        found = self.encoder(pictures, said).float()
        again = self.decode(found, said)
        latents, (of_made, of_real) = F.mse_loss(found[:len(z)], z), (F.mse_loss(*pair) for pair in zip(again.chunk(2), (made, x), strict=True))
        typical = (found[len(z):].square().mean(1) - 1).square().mean()  # as long as latents of the prior are
        return {"loss": latents + self.config.faithful * (of_made + of_real) + typical, "latents": latents, "of made": of_made, "of real": of_real}
