"""What a picture shows: a small convolutional classifier of classes or attributes, whose features also measure how good samples are."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .knobs import knob
from .models import Trainable, check_square


@dataclass(frozen=True)
class Config:
    image_shape: tuple[int, int, int] = knob((1, 28, 28), "channels, height and width of a picture", 1, 256)
    conditions: tuple[str, ...] = knob((), "names of the classes or attributes", 1, 60)
    kind: str = knob("classes", "whether a picture has one of the names, or any number of them", choices=("classes", "attributes"))
    width: int = knob(24, "channels of the first convolutions", 4, 128)
    features: int = knob(64, "numbers that describe a picture before it is named", 8, 512)
    shift: float = knob(0.07, "training pictures move by up to this share of their side", 0, 0.5)
    turn: float = knob(12.0, "training pictures turn by up to so many degrees", 0, 45)
    scale: float = knob(0.1, "training pictures grow or shrink by up to this share", 0, 0.5)
    mirror: bool = knob(False, "training pictures are mirrored at random")
    smoothing: float = knob(0.0, "label smoothing", 0, 0.5)

    def __post_init__(self):
        check_square("classifier", self.image_shape, least=8)  # it halves them three times


LARGEST = 32  # pixels of a side at which convolutions begin; larger pictures are halved first
RAREST = 0.05  # share of pictures that an attribute is taken to have at least, so that none weighs too much


class Classifier(Trainable):
    """Pictures [B, C, H, W] in [-1, 1] to logits [B, K] (`forward`), probabilities [B, K] and features [B, F] (`describe`).

    Of attributes each is judged by itself, and positives weigh as much as negatives: at a probability of one half it is as likely to be
    wrong about a picture that has the attribute as about one that lacks it, however rare it is.
    """

    Config = Config

    def __init__(self, config: Config):
        super().__init__(config)
        w, side, first = config.width, config.image_shape[-1], []
        while side > LARGEST:
            first.append(nn.Conv2d(first[-1].out_channels if first else config.image_shape[0], w, 4, 2, 1))
            side //= 2
        self.grid = nn.Sequential(
            *first, _block(w if first else config.image_shape[0], w), _block(w, w), nn.MaxPool2d(2),
            _block(w, 2 * w), _block(2 * w, 2 * w), nn.MaxPool2d(2),
            _block(2 * w, 4 * w), nn.MaxPool2d(2), nn.Flatten(),
        )
        self.describe_head = nn.Linear(4 * w * (side // 8) ** 2, config.features)
        self.name_head = nn.Linear(config.features, len(config.conditions))
        if config.kind == "attributes":
            self.register_buffer("share", torch.full((len(config.conditions),), 0.5))  # of the pictures that have each attribute

    def describe(self, x: Tensor) -> Tensor:
        return F.silu(self.describe_head(self.grid(x)))

    def forward(self, x: Tensor) -> Tensor:
        return self.name_head(F.dropout(self.describe(x), 0.25, self.training))

    def probabilities(self, x: Tensor) -> Tensor:
        """[B, K]: of classes they sum to one; of attributes each is between zero and one."""
        return self.named(self(x))

    def named(self, logits: Tensor) -> Tensor:
        """Logits [B, K] as probabilities."""
        return logits.softmax(1) if self.config.kind == "classes" else logits.sigmoid()

    def loss(self, x: Tensor, y: Tensor | None = None, player: str = "model") -> dict[str, Tensor]:
        """Cross-entropy; y [B, K] is one-hot, or +1, -1 and 0 for an attribute that is not known and does not count."""
        logits = self(self._moved(x) if self.training else x).float()
        if self.config.kind == "attributes":
            return self._loss_of_attributes(logits, y)
        right = (logits.argmax(1) == y.argmax(1)).float().mean()
        return {"loss": F.cross_entropy(logits, y.argmax(1), label_smoothing=self.config.smoothing), "accuracy": right}

    def _loss_of_attributes(self, logits: Tensor, y: Tensor) -> dict[str, Tensor]:
        known, has = (y != 0).float(), (y > 0).float()
        if self.training:
            with torch.no_grad():
                seen = known.sum(0)
                self.share.lerp_(torch.where(seen > 0, has.sum(0) / seen.clamp_min(1), self.share), 0.01)
        share = self.share.clamp(RAREST, 1 - RAREST)
        weights = known * torch.where(has > 0, 0.5 / share, 0.5 / (1 - share))
        wanted = has * (1 - self.config.smoothing) + self.config.smoothing / 2
        loss = F.binary_cross_entropy_with_logits(logits, wanted, weights, reduction="sum") / known.sum().clamp_min(1)
        return {"loss": loss, "accuracy": (known * ((logits > 0) == (y > 0))).sum() / known.sum().clamp_min(1)}

    def _moved(self, x: Tensor) -> Tensor:
        """Each picture turned, scaled, shifted and perhaps mirrored by an amount of its own."""
        c, n = self.config, len(x)
        angle, size, dx, dy = (torch.rand(4, n, device=x.device) * 2 - 1)
        angle, size = angle * torch.pi * c.turn / 180, 1 + size * c.scale
        flip = 1 - 2 * (torch.rand(n, device=x.device) < 0.5).float() * c.mirror
        rows = [size * angle.cos() * flip, -size * angle.sin(), 2 * c.shift * dx, size * angle.sin() * flip, size * angle.cos(), 2 * c.shift * dy]
        grid = F.affine_grid(torch.stack(rows, 1).view(n, 2, 3), list(x.shape), align_corners=False)
        return F.grid_sample(x + 1, grid, align_corners=False) - 1  # zero, what lies outside, is black


def _block(a: int, b: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.SiLU())
