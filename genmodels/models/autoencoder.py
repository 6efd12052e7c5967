"""Autoencoder: linear (which is PCA), tied, convolutional, denoising, under- or overcomplete, by its config.

With a corruption it is the denoising autoencoder of Vincent et al. 2008: the code of a corrupted picture
has to bring back the clean one. Its codes follow no prior. It keeps their mean and scale, so that latents look like N(0, I) from
outside; that they do not fill that ball is what the VAE was invented for.
"""

from dataclasses import dataclass
from math import prod

import torch
from sklearn.decomposition import PCA
from torch import Tensor, nn
from torch.nn import functional as F

from ..corruptions import ANY, CORRUPTIONS, corrupted
from ..knobs import knob
from ..nets import ConvDecoder, ConvEncoder, mlp, start_dim
from ._base import LatentModel, check_square

LARGEST_COVARIANCE = 4096  # pixels of pictures whose covariance is taken apart as a whole


@dataclass(frozen=True)
class Config:
    image_shape: tuple[int, int, int] = knob((1, 28, 28), "channels, height and width of a picture", 1, 256)
    latent_dim: int = knob(2, "numbers in the code; more than the picture has pixels is overcomplete", 1, 4096)
    net: str = knob("conv", "linear (the same as PCA), fully connected, or convolutional", choices=("linear", "mlp", "conv"))
    tied: bool = knob(False, "the decoder uses the encoder's weights, transposed (linear and mlp only)")
    width: int = knob(24, "channels of the convolutions", 4, 256)
    depth: int = knob(1, "residual blocks in each half", 0, 8)
    hidden: int = knob(128, "units of the hidden layer", 8, 2048)
    error: str = knob("squared", "what the loss measures between picture and reconstruction", choices=("squared", "cross-entropy"))
    corruption: str = knob("none", "what is done to pictures that it encodes while it learns to give back the clean ones; any is all in turn",
                           choices=("none", *CORRUPTIONS, ANY))
    noise_level: float = knob(0.5, "the highest level of that, each picture has its own; of Gaussian noise its standard deviation, white is 1", 0, 1)
    conditions: tuple[str, ...] = ()

    def __post_init__(self):
        check_square("autoencoder", self.image_shape)
        if self.tied and self.net == "conv":
            raise ValueError("autoencoder config: tied weights need net = linear or mlp; a convolutional decoder is no transpose of its encoder.")
        if self.net == "linear" and self.error == "cross-entropy":
            raise ValueError("autoencoder config: cross-entropy needs pictures between black and white; a linear net overshoots. Use error = squared.")
        if self.conditions:
            raise ValueError("autoencoder config: an autoencoder takes no conditions; use a VAE for that.")


class Autoencoder(LatentModel):
    Config = Config

    def __init__(self, config: Config):
        super().__init__(config)
        self.latent_shape = (config.latent_dim,)
        pixels = prod(config.image_shape)
        if config.net == "conv":
            shared = (config.image_shape, config.width, config.depth, config.hidden)
            self.encoder, self.decoder = ConvEncoder(*shared, config.latent_dim), ConvDecoder(*shared, config.latent_dim)
        else:
            sizes = [pixels, config.latent_dim] if config.net == "linear" else [pixels, config.hidden, config.latent_dim]
            self.encoder = mlp(*sizes)
            self.decoder = TransposedMLP(self.encoder) if config.tied else mlp(*sizes[::-1])
            if config.net == "mlp" and not config.tied:
                start_dim(self.decoder[-1])
        self.register_buffer("mean", torch.zeros(config.latent_dim))
        self.register_buffer("scale", torch.ones(config.latent_dim))

    def encode(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return (self._code(x) - self.mean) / self.scale

    def decode(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        out = self._out(z * self.scale + self.mean)
        return out if self.config.net == "linear" else (out / 2).tanh()

    def loss(self, x: Tensor, y: Tensor | None = None, player: str = "model") -> dict[str, Tensor]:
        seen = corrupted(x, self.config.corruption, self.config.noise_level)
        out, pixels = self._out(self._code(seen)), (x + 1) / 2
        if self.config.error == "cross-entropy":
            return {"loss": F.binary_cross_entropy_with_logits(out, pixels)}
        picture = (out + 1) / 2 if self.config.net == "linear" else out.sigmoid()
        return {"loss": (picture - pixels).square().mean()}

    @torch.no_grad()
    def refresh(self, x: Tensor, y: Tensor | None = None) -> None:
        codes = torch.cat([self._code(part) for part in x.split(1000)])
        self.mean.copy_(codes.mean(0))
        spread = codes.std(0)
        self.scale.copy_(torch.where(spread > 1e-6, spread, torch.ones_like(spread)))  # a dead unit keeps scale one

    @torch.no_grad()
    def solve(self, x: Tensor, y: Tensor | None = None) -> None:
        """The optimum of the linear autoencoder, which is PCA (Baldi & Hornik 1989)."""
        if self.config.net != "linear":
            raise ValueError("Only the linear autoencoder has a closed form; train this one by gradient steps.")
        pixels = x.flatten(1).cpu().numpy()
        solver = "covariance_eigh" if pixels.shape[1] <= LARGEST_COVARIANCE else "randomized"
        pca = PCA(self.config.latent_dim, svd_solver=solver, iterated_power=7, random_state=0).fit(pixels)
        axes, centre = (torch.as_tensor(a, dtype=x.dtype, device=x.device) for a in (pca.components_, pca.mean_))
        encoder = self.encoder[0]
        encoder.weight.copy_(axes)
        encoder.bias.copy_(-axes @ centre)
        if self.config.tied:
            self.decoder.biases[0].copy_(centre)
        else:
            self.decoder[0].weight.copy_(axes.T)
            self.decoder[0].bias.copy_(centre)
        self.refresh(x)

    def _code(self, x: Tensor) -> Tensor:
        return self.encoder(x if self.config.net == "conv" else x.flatten(1)).float()

    def _out(self, code: Tensor) -> Tensor:
        return self.decoder(code).float().view(-1, *self.image_shape)


class TransposedMLP(nn.Module):
    """An mlp run backwards through the transposed weights of its forward twin, with biases of its own."""

    def __init__(self, forward_twin: nn.Sequential):
        super().__init__()
        self._twin = [forward_twin]  # in a list, so that its weights are registered once, over there
        sizes = [layer.in_features for layer in reversed(forward_twin) if isinstance(layer, nn.Linear)]
        self.biases = nn.ParameterList([torch.zeros(size) for size in sizes])

    def forward(self, code: Tensor) -> Tensor:
        layers = [layer for layer in reversed(self._twin[0]) if isinstance(layer, nn.Linear)]
        for k, (layer, bias) in enumerate(zip(layers, self.biases, strict=True)):
            code = F.linear(F.silu(code) if k else code, layer.weight.T, bias)
        return code
