"""Autoencoder: linear (which is PCA), tied, convolutional, denoising, under- or overcomplete, with a stochastic decoder, by its config.

With a corruption it is the denoising autoencoder of Vincent et al. 2008: the code of a corrupted picture
has to bring back the clean one. Its codes follow no prior. It keeps their mean and scale, so that latents look like N(0, I) from
outside; that they do not fill that ball is what the VAE was invented for.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import log, pi, prod

import torch
from sklearn.decomposition import PCA
from torch import Tensor
from torch.nn import functional as F

from ..corruptions import ANY, CORRUPTIONS, corrupted
from ..knobs import knob
from ..nets import ConvDecoder, ConvEncoder, mlp, start_dim
from ._base import check_square
from ._coded import Coded, TransposedMLP
from ._subspace import Scatter, few_axes, largest_angle

LARGEST_COVARIANCE = 4096  # pixels of pictures whose covariance is taken apart as a whole
LARGEST_MET, FEW = 1024, 500  # pixels of pictures for which that is done before a training, in a moment; pictures that are looked at instead
LEAST_SPREAD = 0.02  # standard deviation of a pixel that a stochastic decoder may say, white is 1: without a least one, black pixels decide all


@dataclass(frozen=True)
class Config:
    image_shape: tuple[int, int, int] = knob((1, 28, 28), "channels, height and width of a picture", 1, 256)
    latent_dim: int = knob(2, "numbers in the code; more than the picture has pixels is overcomplete", 1, 4096)
    net: str = knob("conv", "linear (the same as PCA), fully connected, or convolutional", choices=("linear", "mlp", "conv"))
    tied: bool = knob(False, "the decoder uses the encoder's weights, transposed (linear and mlp only)")
    width: int = knob(24, "channels of the convolutions", 4, 256)
    depth: int = knob(1, "residual blocks in each half", 0, 8)
    hidden: int = knob(128, "units of the hidden layer", 8, 2048)
    error: str = knob("squared", "what the loss measures between picture and reconstruction; gaussian: the decoder also says how sure it is of each pixel",
                      choices=("squared", "cross-entropy", "gaussian"))
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
        if self.error == "gaussian" and (self.tied or self.net == "linear"):
            raise ValueError("autoencoder config: error = gaussian needs a decoder that says two numbers of each pixel: net = mlp or conv, not tied.")
        if self.conditions:
            raise ValueError("autoencoder config: an autoencoder takes no conditions; use a VAE for that.")


class Autoencoder(Coded):
    """Its decoder is a distribution over pictures (Goodfellow et al. 2016, section 14.4), of which `decode` gives the mean and `drawn` a draw:

    with the cross-entropy each pixel is white or black by chance, with the Gaussian error it scatters as far as the decoder says, and with
    the squared error all pixels scatter alike, so that the mean is all there is to say.
    """

    Config = Config
    ABOUT = "A picture through a narrow gate and back: what the code keeps. Linear, it finds the subspace of PCA."

    def __init__(self, config: Config):
        super().__init__(config, config.latent_dim)
        pixels, said = prod(config.image_shape), 2 if config.error == "gaussian" else 1
        if config.net == "conv":
            shared = (config.width, config.depth, config.hidden)
            self.encoder = ConvEncoder(config.image_shape, *shared, config.latent_dim)
            self.decoder = ConvDecoder((said * config.image_shape[0], *config.image_shape[1:]), *shared, config.latent_dim)
        else:
            sizes = [pixels, config.latent_dim] if config.net == "linear" else [pixels, config.hidden, config.latent_dim]
            self.encoder = mlp(*sizes)
            self.decoder = TransposedMLP(self.encoder) if config.tied else mlp(*sizes[:0:-1], said * pixels)
            if config.net == "mlp" and not config.tied:
                start_dim(self.decoder[-1])
        self.main_axes: Tensor | None = None  # of the training pictures, once it has met them

    def loss(self, x: Tensor, y: Tensor | None = None, player: str = "model") -> dict[str, Tensor]:
        code = self._code(corrupted(x, self.config.corruption, self.config.noise_level))
        pixels = (x + 1) / 2
        if self.config.error == "gaussian":
            mean, spread = self._distribution(code)
            surprise = ((mean - pixels) / spread).square() / 2 + spread.log() + log(2 * pi) / 2
            return {"loss": surprise.mean(), "error": (mean - pixels).square().mean()}
        out = self._out(code)
        if self.config.error == "cross-entropy":
            return {"loss": F.binary_cross_entropy_with_logits(out, pixels)}
        picture = (out + 1) / 2 if self.config.net == "linear" else out.sigmoid()
        return {"loss": (picture - pixels).square().mean()}

    def drawn(self, z: Tensor) -> Tensor:
        """Pictures [B, C, H, W] in [-1, 1] drawn from what the decoder says of latents [B, D], cut to black and white, by torch's generator.

        ValueError where the error is squared: such a decoder says no distribution.
        """
        if self.config.error == "squared":
            raise ValueError("With error = squared the decoder says one picture, not how pictures scatter around it. Use cross-entropy or gaussian.")
        code = z * self.scale + self.mean
        if self.config.error == "cross-entropy":
            return 2 * self._out(code).sigmoid().bernoulli() - 1
        mean, spread = self._distribution(code)
        return 2 * (mean + spread * torch.randn_like(mean)).clamp(0, 1) - 1

    def meet(self, parts: Iterable[Tensor]) -> None:
        if self.config.net == "linear" and prod(self.image_shape) <= LARGEST_MET:
            self.main_axes = Scatter(prod(self.image_shape)).of(parts).axes(self.config.latent_dim)

    def readout(self, x: Tensor, y: Tensor | None = None) -> dict[str, Tensor]:
        if self.config.net == "linear":
            return self._beside_pca(x)
        return {} if self.config.error == "squared" else self._scatter(x)

    def by_hand(self, x: Tensor, y: Tensor | None = None, player: str = "model") -> list[tuple[str, Tensor]]:
        seen = corrupted(x, self.config.corruption, self.config.noise_level)
        code = self._code(seen)
        shown = [("x", x)] + ([("corrupted", seen)] if seen is not x else []) + [("code", code), ("reconstruction", self._shown(self._out(code)))]
        if self.config.error == "gaussian":
            shown.append(("spread of each pixel, white is 1", 2 * self._distribution(code)[1].clamp(max=1) - 1))
        return shown if self.config.error == "squared" else [*shown, ("drawn", self.drawn((code - self.mean) / self.scale))]

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

    def _beside_pca(self, x: Tensor) -> dict[str, Tensor]:
        """The largest principal angle between what the linear decoder can say and what PCA can, of the training pictures or of x."""
        known, pixels, many = self.main_axes is not None, prod(self.image_shape), self.config.latent_dim
        if not known and pixels > LARGEST_MET and many >= len(x[:FEW]):
            return {}  # so few pictures do not tell
        axes = self.main_axes if known else Scatter(pixels).of([x]).axes(many) if pixels <= LARGEST_MET else few_axes(x[:FEW], many)
        weights = self.encoder[0].weight.T if self.config.tied else self.decoder[0].weight
        whose = "the training pictures" if known else "these pictures"
        return {f"largest angle to the PCA subspace of {whose}, degrees": largest_angle(weights, axes.to(weights))}

    def _scatter(self, x: Tensor) -> dict[str, Tensor]:
        """Whether pictures scatter around their reconstructions as far as the decoder says they do."""
        code, pixels = self._code(x), (x + 1) / 2
        if self.config.error == "gaussian":
            mean, spread = self._distribution(code)
        else:
            mean = self._out(code).sigmoid()
            spread = (mean * (1 - mean)).sqrt()
        error, drawn = mean - pixels, (self.drawn((code - self.mean) / self.scale) + 1) / 2
        return {"spread of pixels that the decoder says, grey levels": 255 * spread.square().mean().sqrt(),
                "spread of pixels around it, grey levels": 255 * error.square().mean().sqrt(),
                "spread of drawn pixels around it, grey levels": 255 * (drawn - mean).square().mean().sqrt()}

    def _distribution(self, code: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of each pixel in [0, 1], [B, C, H, W], as a Gaussian decoder says them."""
        mean, spread = self._said(code).chunk(2, dim=1)
        return mean.sigmoid(), LEAST_SPREAD + F.softplus(spread)

    def _shown(self, out: Tensor) -> Tensor:
        return out if self.config.net == "linear" else super()._shown(out)

    def _code(self, x: Tensor) -> Tensor:
        return self.encoder(x if self.config.net == "conv" else x.flatten(1)).float()

    def _out(self, code: Tensor) -> Tensor:
        return self._said(code)[:, :self.image_shape[0]]

    def _said(self, code: Tensor) -> Tensor:
        """All that the decoder says, [B, C or 2 C, H, W]."""
        channels = self.image_shape[0] * (2 if self.config.error == "gaussian" else 1)
        return self.decoder(code).float().view(-1, channels, *self.image_shape[1:])
