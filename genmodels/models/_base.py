"""The one interface every model speaks."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import log, prod
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributions import Normal

ABILITIES = {  # what a model may offer beyond decode, and what the page says where it does not
    "encode": "This family has no encoder: it makes pictures from latents but cannot turn a picture into a latent.",
    "posterior": "This family gives one code per picture, not a distribution of codes.",
    "log_likelihood": "This family does not say how likely a picture is, so there is no ELBO to measure.",
    "log_prob": "This family has no exact density of pictures, so there are no bits per dimension to measure.",
    "score": "This family has no critic that judges how real a picture looks.",
    "path": "This family makes a picture in one step, so there is no path of steps to watch.",
    "solve": "This family has no closed-form solution; it is trained by gradient steps.",
}


class Trainable(nn.Module):
    """A module with a config, players, and a loss that teaches them."""

    Config: type
    step: int = 0  # updates that are done, of this training; its loop says so before each

    def __init__(self, config: Any):
        super().__init__()
        self.config = config
        self.image_shape: tuple[int, ...] = tuple(config.image_shape)
        self.conditions: tuple[str, ...] = tuple(config.conditions)
        self.labels: tuple[str, ...] = tuple(getattr(config, "reads", ())) or self.conditions  # what its loss is told of training pictures

    def loss(self, x: Tensor, y: Tensor | None = None, player: str = "model") -> dict[str, Tensor]:
        """Loss terms of one player on pictures x [B, C, H, W] in [-1, 1] with labels y [B, K].

        The key "loss" is minimised, the others are only plotted.
        """
        raise NotImplementedError

    @classmethod
    def learns(cls) -> bool:
        """Whether it has a loss. A model that came from elsewhere makes pictures as it was taught there, and cannot be taught here."""
        return cls.loss is not Trainable.loss

    def players(self) -> dict[str, Iterable[nn.Parameter]]:
        """Who is trained against which loss. Most models have one player."""
        return {"model": self.parameters()}

    def teams(self) -> dict[str, tuple[str, ...]]:
        """Players that can also learn together, against one loss: the name that `loss` is then given, and who they are. Most families have none."""
        return {}

    def taught(self) -> dict[str, list[nn.Parameter]]:
        """The parameters of every player and of every team: whom a stage of a recipe may name."""
        players = {name: list(parameters) for name, parameters in self.players().items()}
        return players | {team: [one for name in names for one in players[name]] for team, names in self.teams().items()}

    def meet(self, parts: Iterable[Tensor]) -> None:
        """Take from all training pictures what `readout` compares with, before the training: parts [N, C, H, W] in [-1, 1], made as they are asked for."""

    def refresh(self, x: Tensor, y: Tensor | None = None) -> None:
        """Bring buffers that describe the data (such as the scale of the codes) up to date with the weights."""

    def let_go(self) -> None:
        """Drop the parts that only training needs: a checkpoint does not hold them."""

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device


@dataclass(frozen=True)
class Level:
    """A moment of the process: number t of T, and how much of the picture (alpha) and of the noise (sigma) is left."""

    t: int
    alpha: float
    sigma: float


@dataclass(frozen=True)
class Step:
    """One moment of a path: time t, the picture x [B, C, H, W], and what led to the next one.

    x0 is the clean picture predicted from x, noise the predicted noise; mean is where the step
    leads before the fresh noise is added (zero for a deterministic sampler), of which spread is
    the standard deviation. now and then are the moments from which and to which it leads; it is
    step `number` of `of`. The picture at the end is a step from t = 0 to itself.
    """

    t: float
    x: Tensor
    x0: Tensor
    noise: Tensor
    mean: Tensor
    fresh: Tensor
    now: Level
    then: Level
    spread: float
    number: int
    of: int


class LatentModel(Trainable):
    """A map from latents z ~ N(0, I) to pictures.

    Pictures x are [B, C, H, W] in [-1, 1], latents z [B, *latent_shape], conditions y [B, K]
    float32: one-hot for a class, +1/-1 per attribute, 0 for "not said"; y=None says nothing.
    `decode` is required, and `loss` of what is trained here. The rest is optional, and `can` says what a family offers.
    A family with a `path` names its SAMPLERS; the first is the one that `decode` uses. Where N(0, I) does not decode to
    pictures PRIOR says why, in one sentence. HEAVY: one picture takes a processor core about a second, so it is made
    alone, and by the engine only. DRAWN: its decoder was taught on latents drawn at random, not on codes of pictures. ABOUT: what
    the family shows, in one sentence. STAGES: what a training of it does unless somebody says otherwise, as stages of a recipe;
    none is one stage of all players.
    """

    SAMPLERS: tuple[str, ...] = ()
    PRIOR: str = ""
    HEAVY: bool = False
    DRAWN: bool = False
    ABOUT: str = ""
    STAGES: tuple[dict[str, Any], ...] = ()

    def __init__(self, config: Any):
        super().__init__(config)
        self.latent_shape: tuple[int, ...] = self.image_shape

    def decode(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Latents [B, *latent_shape] to pictures [B, C, H, W], in [-1, 1]; a linear model may overshoot, an exact flow does by its margin."""
        raise NotImplementedError

    def encode(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Pictures to latents [B, *latent_shape], scaled so that codes of the data look like N(0, I)."""
        raise NotImplementedError

    def posterior(self, x: Tensor, y: Tensor | None = None) -> Normal:
        """The distribution q(z | x) that a picture's code is drawn from."""
        raise NotImplementedError

    def log_likelihood(self, x: Tensor, z: Tensor, y: Tensor | None = None) -> Tensor:
        """log p(x | z) [B] in nats, of pictures x given their latents z."""
        raise NotImplementedError

    def log_prob(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """log p(x) [B] in nats: the exact density of pictures in [-1, 1]. `bits_per_dimension` says it in bits."""
        raise NotImplementedError

    def score(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """The critic's judgement [B]; higher looks more real to it."""
        raise NotImplementedError

    def path(self, z: Tensor, y: Tensor | None = None, **how) -> Iterator[Step]:
        """The steps from noise z to the picture, the last one included; for `how` see `PathModel.path`."""
        raise NotImplementedError

    def back(self, x: Tensor, y: Tensor | None = None, steps: int = 0) -> Iterator[Tensor]:
        """`encode` a step at a time, the latents last; in one go where a family does not say how."""
        yield self.encode(x, y)

    def solve(self, x: Tensor, y: Tensor | None = None) -> None:
        """Set what has a closed form to its best for pictures x, and for their labels y, in one go."""
        raise NotImplementedError

    def readout(self, x: Tensor, y: Tensor | None = None) -> dict[str, Tensor]:
        """Numbers that prove what the family shows, measured on pictures x, in eval mode and without gradients: scalars, and vectors [K].

        Their names say what they are, with the unit. A family that proves nothing in particular has none.
        """
        return {}

    def by_hand(self, x: Tensor, y: Tensor | None = None, player: str = "model") -> list[tuple[str, Tensor]]:
        """What a training step of a player computes on a few pictures, by name and in order: pictures [B, C, H, W], and numbers [B, K].

        Random numbers come from torch's generator, as in `loss`.
        """
        shown = [("x", x)]
        if self.can("encode"):
            z = self.encode(x, y)
            shown += [("code", z.flatten(1) if z.shape[1:] != x.shape[1:] else z), ("reconstruction", self.decode(z, y))]
        return shown

    @classmethod
    def can(cls, ability: str) -> bool:
        """Whether the family offers an ability. A class method: asking loads no weights."""
        return getattr(cls, ability) is not getattr(LatentModel, ability)

    def said(self, y: Tensor | None, rows: Tensor) -> Tensor | None:
        """y as the nets take it, beside rows [B, ...]: zeros where nothing is said, None where the model has no conditions."""
        if not self.conditions:
            return None
        return rows.new_zeros(rows.shape[0], len(self.conditions)) if y is None else y

    def partly_said(self, y: Tensor | None, rows: Tensor) -> Tensor | None:
        """`said`; while training, a share of the rows (`unsaid` in the config) says nothing, so that the model works without, too."""
        y = self.said(y, rows)
        if y is None or not self.training:
            return y
        return y * (torch.rand(y.shape[0], 1, device=y.device) >= self.config.unsaid)


def check_square(family: str, image_shape: tuple[int, ...], least: int = 1) -> None:
    """ValueError unless pictures are square and at least `least` pixels wide: the nets here halve and double both sides alike."""
    _, height, width = image_shape
    if height != width or width < least:
        small = f" and at least {least}x{least}" if height == width else ""
        raise ValueError(f"{family} config: image_shape must be that of square pictures{small}, not {height}x{width}.")


def dequantised(x: Tensor) -> Tensor:
    """8-bit pictures in [-1, 1] as real numbers in (-1, 1): each pixel anywhere in its grey level, 2 / 256 wide (Theis et al. 2016)."""
    return (255 * (x + 1) / 2 + torch.rand_like(x)) / 128 - 1


def bits_per_dimension(density: Tensor, image_shape: tuple[int, ...]) -> Tensor:
    """Nats [B] of a density at dequantised pictures in [-1, 1] as bits per number of their 8-bit originals: -log2(p (2 / 256)^D) / D.

    Its mean over the places in their grey levels is an upper bound of the bits that the 8-bit pictures themselves take.
    """
    numbers = prod(image_shape)
    return (log(128) - density / numbers) / log(2)


def to_pixels(x: Tensor) -> np.ndarray:
    """Pictures [B, C, H, W] in [-1, 1] to uint8 [B, H, W, C], rounded; what overshoots is clipped."""
    return (x.float() * 127.5 + 128).clamp(0, 255).byte().permute(0, 2, 3, 1).cpu().numpy()
