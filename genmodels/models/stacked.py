"""Stacked autoencoder: layers that learn one after the other, each to give back what the one below it says, and then all together.

Hinton & Salakhutdinov 2006 and Bengio et al. 2007, with autoencoders for layers: a stage of the recipe for each, and one that trains the
whole ("fine-tuning"). Each layer gives back its input through its own weights, transposed, so that the layers put on top of each other are
the whole net already.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from math import prod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..knobs import knob
from ._base import check_square
from ._coded import ACTIVATIONS, Coded, flat_pixels

MOST_LAYERS = 8


@dataclass(frozen=True)
class Config:
    image_shape: tuple[int, int, int] = knob((1, 28, 28), "channels, height and width of a picture", 1, 256)
    sizes: tuple[int, ...] = knob((128, 64, 16), "units of each layer from the picture to the code; the last are the numbers in the code", 1, 4096)
    activation: str = knob("silu", "what each layer but the last does to its sums", choices=("silu", "tanh", "sigmoid", "relu"))
    masked: float = knob(0.0, "share of its inputs that a layer is not shown while it learns alone, and has to fill in", 0, 0.9)
    conditions: tuple[str, ...] = ()

    def __post_init__(self):
        check_square("stacked", self.image_shape)
        if not 1 <= len(self.sizes) <= MOST_LAYERS:
            raise ValueError(f"stacked config: sizes must have between 1 and {MOST_LAYERS} entries, one for each layer, not {len(self.sizes)}.")
        if self.conditions:
            raise ValueError("stacked config: a stacked autoencoder takes no conditions; use a VAE for that.")


class Layer(nn.Module):
    """An autoencoder of one layer, a to b units and back through the transposed weights."""

    def __init__(self, a: int, b: int):
        super().__init__()
        self.up = nn.Linear(a, b)
        self.bias_down = nn.Parameter(torch.zeros(a))
        nn.init.xavier_normal_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def down(self, said: Tensor) -> Tensor:
        """What it said, [B, b], back to the size of its input, [B, a], before any activation."""
        return F.linear(said, self.up.weight.T, self.bias_down)


class Stacked(Coded):
    """Its players are layer1, layer2, ...; together they are the team "model"."""

    Config = Config
    ABOUT = "Layers that learn one after the other, each what the one below says, and then all together: what deep nets began with."
    STAGES = tuple({"players": (player,), "steps": steps, "rate": 3e-3} for player, steps in
                   (("layer1", 600), ("layer2", 600), ("layer3", 600), ("model", 2000)))
    SIZES = {"small": {"sizes": (64, 32, 8)}, "medium": {"sizes": (128, 64, 16)}, "large": {"sizes": (512, 128, 32)}}

    def __init__(self, config: Config):
        super().__init__(config, config.sizes[-1])
        self.layers = nn.ModuleList([Layer(a, b) for a, b in pairwise((prod(config.image_shape), *config.sizes))])
        nn.init.constant_(self.layers[0].bias_down, -2.0)  # pictures begin dim, as everywhere here
        self.activation = ACTIVATIONS[config.activation]

    def players(self) -> dict[str, Iterable[nn.Parameter]]:
        return {f"layer{k}": layer.parameters() for k, layer in enumerate(self.layers, 1)}

    def teams(self) -> dict[str, tuple[str, ...]]:
        return {"model": tuple(self.players())}

    def loss(self, x: Tensor, y: Tensor | None = None, player: str = "model") -> dict[str, Tensor]:
        """The squared error of one layer, which sees what those below it say, or of the whole net."""
        if player == "model":
            return {"loss": (self._out(self._code(x)).sigmoid() - (x + 1) / 2).square().mean()}
        k = int(player.removeprefix("layer")) - 1
        with torch.no_grad():
            below = self.below(x, k)
        return {"loss": (self._given_back(self._said(self._masked(below), k), k) - below).square().mean()}

    def by_hand(self, x: Tensor, y: Tensor | None = None, player: str = "model") -> list[tuple[str, Tensor]]:
        if player == "model":
            return super().by_hand(x, y, player)
        k = int(player.removeprefix("layer")) - 1
        below = self.below(x, k)
        code = self._said(below, k)
        return [("x", x), ("what the layer is shown", below), ("what it says", code), ("what it gives back", self._given_back(code, k))]

    def below(self, x: Tensor, k: int) -> Tensor:
        """What layer number k, counted from 0, is shown of pictures [B, C, H, W]: pixels in [0, 1] or what the layer below says, [B, a]."""
        shown = flat_pixels(x)
        for j in range(k):
            shown = self._said(shown, j)
        return shown

    def _said(self, below: Tensor, k: int) -> Tensor:
        """What layer number k says of what it is shown: its sums [B, b], activated unless they are the code."""
        sums = self.layers[k].up(below)
        return sums if k == len(self.layers) - 1 else self.activation(sums)

    def _given_back(self, said: Tensor, k: int) -> Tensor:
        """What layer number k takes its input [B, a] to be from what it said."""
        out = self.layers[k].down(said)
        return self.activation(out) if k else out.sigmoid()

    def _masked(self, below: Tensor) -> Tensor:
        """What is left to see for a layer that learns alone."""
        hidden = self.training and self.config.masked
        return below * (torch.rand_like(below) >= self.config.masked) if hidden else below

    def _code(self, x: Tensor) -> Tensor:
        return self.below(x, len(self.layers)).float()

    def _out(self, code: Tensor) -> Tensor:
        return self._down(code, len(self.layers) - 1)

    def _down(self, said: Tensor, k: int) -> Tensor:
        """What layer number k said, all the way down to pictures [B, C, H, W] before any squashing."""
        for j in range(k, 0, -1):
            said = self._given_back(said, j)
        return self.layers[0].down(said).float().view(-1, *self.image_shape)

    def readout(self, x: Tensor, y: Tensor | None = None) -> dict[str, Tensor]:
        pixels = (x + 1) / 2
        errors = [(self._down(self.below(x, k + 1), k).sigmoid() - pixels).square().mean() for k in range(len(self.layers))]
        return {"error of pictures that go up to each layer and back, per pixel": torch.stack(errors)}
