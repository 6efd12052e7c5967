"""What autoencoders whose codes follow no prior have in common: latents are codes in units of their own mean and spread."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ._base import LatentModel

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"sigmoid": torch.sigmoid, "tanh": torch.tanh, "silu": F.silu, "relu": F.relu}


class Coded(LatentModel):
    """An autoencoder, or what serves as one: its family says how a picture becomes a code [B, D], as it is trained (`_code`), and a code a picture (`_out`).

    It keeps mean and scale of the codes, so that latents look like N(0, I) from outside; that they do not fill that ball is what the VAE
    was invented for.
    """

    def __init__(self, config, latent_dim: int):
        super().__init__(config)
        self.latent_shape = (latent_dim,)
        self.register_buffer("mean", torch.zeros(latent_dim))
        self.register_buffer("scale", torch.ones(latent_dim))

    def encode(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return (self._code(x) - self.mean) / self.scale

    def decode(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return self._shown(self._out(z * self.scale + self.mean))

    @torch.no_grad()
    def refresh(self, x: Tensor, y: Tensor | None = None) -> None:
        codes = torch.cat([self._code(part) for part in x.split(1000)])
        self.mean.copy_(codes.mean(0))
        self.scale.copy_(scale_of(codes))

    def _code(self, x: Tensor) -> Tensor:
        """Pictures [B, C, H, W] in [-1, 1] to codes [B, D] before they are standardised."""
        raise NotImplementedError

    def _out(self, code: Tensor) -> Tensor:
        """Such codes to what the decoder says of pictures, [B, C, H, W] before any squashing."""
        raise NotImplementedError

    def _shown(self, out: Tensor) -> Tensor:
        """That as pictures in [-1, 1]."""
        return (out / 2).tanh()


class TransposedMLP(nn.Module):
    """An mlp run backwards through the transposed weights of its forward twin, with biases of its own."""

    def __init__(self, forward_twin: nn.Sequential, activation: str = "silu"):
        super().__init__()
        self._twin = [forward_twin]  # in a list, so that its weights are registered once, over there
        sizes = [layer.in_features for layer in reversed(forward_twin) if isinstance(layer, nn.Linear)]
        self.biases = nn.ParameterList([torch.zeros(size) for size in sizes])
        self.activation = activation

    def forward(self, code: Tensor) -> Tensor:
        """Codes [B, D] to what the twin took."""
        layers = [layer for layer in reversed(self._twin[0]) if isinstance(layer, nn.Linear)]
        for k, (layer, bias) in enumerate(zip(layers, self.biases, strict=True)):
            code = F.linear(ACTIVATIONS[self.activation](code) if k else code, layer.weight.T, bias)
        return code


def scale_of(codes: Tensor, over: int | tuple[int, ...] = 0) -> Tensor:
    """The spread of codes over some of their dimensions, by which they are divided; one for a dead unit, which has none to divide by."""
    spread = codes.std(over)
    return torch.where(spread > 1e-6, spread, torch.ones_like(spread))


def flat_pixels(x: Tensor) -> Tensor:
    """Pictures [B, C, H, W] in [-1, 1] as rows of pixels [B, C H W] in [0, 1]."""
    return (x.flatten(1) + 1) / 2
