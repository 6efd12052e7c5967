"""Generative adversarial network (Goodfellow et al. 2014) in the shape of DCGAN (Radford et al. 2015), with four losses to choose from."""

from dataclasses import dataclass

from torch import Tensor

from . import _adversarial


@dataclass(frozen=True)
class Config(_adversarial.Config):
    """What both players are, and what they play for."""


class GAN(_adversarial.Adversarial):
    """Its latents come from nowhere but the prior: a picture's latent is found by descent (`latent.inversion`)."""

    Config = Config
    ABOUT = "A generator makes pictures of noise, a critic tells them from real ones, and each learns from the other: where neither wins, D says a half."

    def score(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return self.judged(x, self.said(y, x))
