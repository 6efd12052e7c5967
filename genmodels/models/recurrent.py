"""Recurrent autoencoder: an LSTM reads a picture row by row, another writes it again from what the first one kept (Srivastava et al. 2015)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..knobs import knob
from ._base import check_square
from ._coded import Coded


@dataclass(frozen=True)
class Config:
    image_shape: tuple[int, int, int] = knob((1, 28, 28), "channels, height and width of a picture", 1, 256)
    latent_dim: int = knob(16, "numbers in the code", 1, 1024)
    hidden: int = knob(96, "units of the memory that reads", 4, 1024)
    writer_hidden: int = knob(128, "units of the memory that writes", 4, 1024)
    along: str = knob("rows", "what it reads one after another; columns are the moments of a drawn time series", choices=("rows", "columns"))
    error: str = knob("squared", "what the loss measures between picture and reconstruction", choices=("squared", "cross-entropy"))
    conditions: tuple[str, ...] = ()

    def __post_init__(self):
        check_square("recurrent", self.image_shape)
        if self.conditions:
            raise ValueError("recurrent config: an autoencoder takes no conditions; use a VAE for that.")


class Recurrent(Coded):
    """What the reader keeps after the last row is all that the writer is given."""

    Config = Config
    STAGES = ({"players": ("model",), "steps": 2000, "rate": 4e-3},)
    ABOUT = "A picture is read as a sequence, row after row, into one small memory, and written again from that: each row tells a little more of the code."

    def __init__(self, config: Config):
        super().__init__(config, config.latent_dim)
        channels, _, side = config.image_shape
        self.encoder = nn.LSTM(channels * side, config.hidden)
        self.encoder_head = nn.Linear(config.hidden, config.latent_dim)
        self.begin = nn.Linear(config.latent_dim, 2 * config.writer_hidden)  # the writer's memory before the first row
        self.decoder = nn.LSTM(config.latent_dim, config.writer_hidden)
        self.decoder_head = nn.Linear(config.writer_hidden, channels * side)
        self._start()

    @torch.no_grad()
    def _start(self) -> None:
        """First weights with which a signal keeps its size from row to row, and which forget nothing yet (Jozefowicz et al. 2015); pictures begin dim.

        With those of PyTorch, a third as large, it makes the mean of all pictures for hundreds of steps.
        """
        for memory in (self.encoder, self.decoder):
            for ours, others in zip(memory.weight_hh_l0.chunk(4), memory.weight_ih_l0.chunk(4), strict=True):  # the four gates
                nn.init.orthogonal_(ours)
                nn.init.xavier_normal_(others)
            memory.bias_hh_l0.zero_()
            memory.bias_ih_l0.zero_()[memory.hidden_size:2 * memory.hidden_size] = 1.0
        for head, size in ((self.encoder_head, 2.0), (self.begin, 1.0), (self.decoder_head, 2.0)):
            nn.init.normal_(head.weight, std=size / head.in_features**0.5)
            nn.init.zeros_(head.bias)
        self.decoder_head.bias.fill_(-2.0)

    def loss(self, x: Tensor, y: Tensor | None = None, player: str = "model") -> dict[str, Tensor]:
        out, pixels = self._out(self._code(x)), (x + 1) / 2
        if self.config.error == "cross-entropy":
            return {"loss": F.binary_cross_entropy_with_logits(out, pixels)}
        return {"loss": (out.sigmoid() - pixels).square().mean()}

    def readout(self, x: Tensor, y: Tensor | None = None) -> dict[str, Tensor]:
        """The error of each row with pixels in [0, 1], and how well the code that would be given after each row foretells the one after the last."""
        step = self.config.along[:-1]
        codes = self._codes(x)
        wrong = self._sequence((self.decode((codes[-1] - self.mean) / self.scale) - x) / 2).square().mean((1, 2))
        apart, last = codes - codes.mean(1, keepdim=True), codes[-1] - codes[-1].mean(0)
        together, alone, whole = (apart * last).sum(1), apart.square().sum(1), last.square().sum(0)
        known = (together.square() / alone.clamp(min=1e-12)).sum(1) / whole.sum().clamp(min=1e-12)  # squared correlations, weighed by spread
        return {"squared error": wrong.mean(), f"squared error of each {step}": wrong, f"share of the code known after each {step}": known.clamp(max=1)}

    def by_hand(self, x: Tensor, y: Tensor | None = None, player: str = "model") -> list[tuple[str, Tensor]]:
        rows, step = self._sequence(x), self.config.along[:-1]
        states, _ = self.encoder(rows)
        code = self._code(x)
        memory, _ = self.decoder(code.expand(len(rows), *code.shape), self._memory(code))
        middle = len(rows) // 2
        return [("x", x), (f"{step} {middle}", rows[middle - 1]), (f"memory after {step} {middle}", states[middle - 1].float()),
                (f"memory after the last {step}", states[-1].float()), ("code", code), (f"writing memory at {step} {middle}", memory[middle - 1].float()),
                ("reconstruction", self._shown(self._picture(self.decoder_head(memory).float())))]

    def _code(self, x: Tensor) -> Tensor:
        return self._codes(x)[-1]

    def _codes(self, x: Tensor) -> Tensor:
        """The code [T, B, D] that pictures would be given after each row; the last is theirs."""
        return self.encoder_head(self.encoder(self._sequence(x))[0]).float()

    def _out(self, code: Tensor) -> Tensor:
        """The writer is told the code at every row."""
        told = code.expand(self.image_shape[-1], *code.shape)
        return self._picture(self.decoder_head(self.decoder(told, self._memory(code))[0]).float())

    def _memory(self, code: Tensor) -> tuple[Tensor, Tensor]:
        """State and cell of the writer, [1, B, units] each, before its first row."""
        state, cell = self.begin(code).tanh().chunk(2, dim=1)
        return state[None].contiguous(), cell[None].contiguous()

    def _sequence(self, x: Tensor) -> Tensor:
        """Pictures [B, C, H, H] as sequences [H, B, C * H], time first."""
        return (x.permute(2, 0, 1, 3) if self.config.along == "rows" else x.permute(3, 0, 1, 2)).flatten(2)

    def _picture(self, sequence: Tensor) -> Tensor:
        """`_sequence` backwards."""
        channels, side, _ = self.image_shape
        parts = sequence.unflatten(2, (channels, side))
        return parts.permute(1, 2, 0, 3) if self.config.along == "rows" else parts.permute(1, 2, 3, 0)
