"""GAN with an encoder that learns, once the generator stands, to find the latents of pictures (in-domain inversion, Zhu et al. 2020)."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..knobs import knob
from ..nets import ConvEncoder
from . import _adversarial


@dataclass(frozen=True)
class Config(_adversarial.Config):
    encoder_width: int = knob(32, "channels of the encoder's convolutions", 4, 256)
    encoder_hidden: int = knob(256, "units between the encoder's grid and the latent", 8, 2048)
    faithful: float = knob(10.0, "weight of the pixels, beside that of the latents, in what the encoder learns", 0, 1000)


class EncodedGAN(_adversarial.Adversarial):
    """Train `critic` and `generator` in a first stage and `encoder` in a second; the critic is left behind then."""

    Config = Config

    def __init__(self, config: Config):
        super().__init__(config)
        self.encoder = ConvEncoder(config.image_shape, config.encoder_width, 1, config.encoder_hidden, config.latent_dim, len(config.conditions))

    def players(self) -> dict[str, Iterable[nn.Parameter]]:
        return super().players() | {"encoder": self.encoder.parameters()}

    def let_go(self) -> None:
        del self.critic

    def encode(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """A guess at the latent of a picture; descent from there brings it nearer (`latent.inversion`)."""
        return self.encoder(x, self.said(y, x)).float()

    def loss(self, x: Tensor, y: Tensor | None = None, player: str = "generator") -> dict[str, Tensor]:
        return self._loss_of_encoder(x, y) if player == "encoder" else super().loss(x, y, player)

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
