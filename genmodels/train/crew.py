"""Who trains together: one process alone, or several that accelerate has launched, each with its share of every batch; the first of them decides and writes."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch import distributed as together

from ..normal import hashed

if TYPE_CHECKING:
    from .loop import Trainer

MISSING = "Several processes train together by accelerate, which is not here: pip install --no-deps -r requirements-many.txt"
END, STEP, STATE = range(3)  # what the first process says to the others


class Alone:
    """One process: everything is its own. The methods are those that a `Crew` fills."""

    first = True

    def share(self, index: Tensor) -> Tensor:
        """Which of the pictures [B] of this step this process looks at."""
        return index

    def seed(self, seed: int) -> int:
        """With what this process draws its random numbers."""
        return seed

    def goes_on(self, trainer: "Trainer") -> bool:
        """Whether another step is made, now that everybody is ready for it."""
        return True

    def agreed(self, parameters: Iterable[nn.Parameter], losses: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The losses of the whole batch; gradients become those of the whole batch."""
        return dict(losses)

    def alike(self, tensors: Iterable[Tensor]) -> None:
        """Give everybody the numbers of the first process."""

    def tell(self, trainer: "Trainer") -> None:
        """Give everybody the state of the first process."""

    def dismiss(self) -> None:
        """Nothing more will be done together."""


class Crew(Alone):
    """Several processes, each with a device of its own. Call it where `is_launched`; ImportError in words where accelerate is not installed.

    Each takes an even share of every batch, so that a batch stays as large as the recipe says; what is made of the shares is averaged by their sizes.
    """

    def __init__(self, device: str):
        try:
            from accelerate import PartialState
        except ImportError:
            raise ImportError(MISSING) from None
        state = PartialState(cpu=device == "cpu")
        self.device, self.rank, self.size, self.first = state.device, state.process_index, state.num_processes, state.is_main_process
        self.weight, self.over = 1 / self.size, False

    def share(self, index: Tensor) -> Tensor:
        if len(index) < self.size:
            raise ValueError(f"A batch of {len(index)} pictures cannot be shared by {self.size} processes; make it larger, or launch fewer.")
        mine = index.tensor_split(self.size)[self.rank]
        self.weight = len(mine) / len(index)
        return mine

    def seed(self, seed: int) -> int:
        return seed if self.first else hashed(seed, self.rank)  # else all would draw the same noise for their shares

    def goes_on(self, trainer: "Trainer") -> bool:
        if self.first:
            self._say(STEP, trainer.rate_factor)
            return True
        while (said := self._heard()) and said[0] == STATE:
            self._take(trainer, int(said[1]))
        trainer.rate_factor = said[1]
        self.over = said[0] == END
        return not self.over

    def agreed(self, parameters: Iterable[nn.Parameter], losses: Mapping[str, Tensor]) -> dict[str, Tensor]:
        gradients = [one.grad for one in parameters if one.grad is not None]
        flat = torch.cat([*(one.flatten() for one in gradients), *(losses[name].detach().reshape(1) for name in losses)]) * self.weight
        together.all_reduce(flat)
        *parts, ends = flat.split([*(one.numel() for one in gradients), len(losses)])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))
        return dict(zip(losses, ends, strict=True))

    def alike(self, tensors: Iterable[Tensor]) -> None:
        for one in tensors:
            whole = one.detach().contiguous()
            together.broadcast(whole, 0)
            one.detach().copy_(whole)

    def tell(self, trainer: "Trainer") -> None:
        from .state import packed
        content = packed(trainer)
        self._say(STATE, len(content))
        together.broadcast(torch.frombuffer(bytearray(content), dtype=torch.uint8).to(self.device), 0)

    def dismiss(self) -> None:
        if self.first and not self.over:
            self.over = True
            with suppress(RuntimeError):  # somebody has died: the launcher ends the others
                self._say(END, 0)

    def follow(self, trainer: "Trainer") -> None:
        """What every process but the first one does: begin with its state, make its steps, go back with it, until it has come to its end."""
        from .loop import Diverged
        while True:
            said = self._heard()
            if said[0] == END:
                return
            self._take(trainer, int(said[1]))
            with suppress(Diverged):  # the first process has noticed, too, and says where to go on
                for _ in trainer:
                    pass
            if self.over:
                return

    def _say(self, what: int, number: float) -> None:
        together.broadcast(torch.tensor([what, number], dtype=torch.float64, device=self.device), 0)

    def _heard(self) -> list[float]:
        said = torch.zeros(2, dtype=torch.float64, device=self.device)
        together.broadcast(said, 0)
        return said.tolist()

    def _take(self, trainer: "Trainer", size: int) -> None:
        from .state import restore
        content = torch.empty(size, dtype=torch.uint8, device=self.device)
        together.broadcast(content, 0)
        restore(trainer, content.cpu().numpy().tobytes())


def is_launched() -> bool:
    """Whether this process is one of several that `accelerate launch` (or torchrun) has begun."""
    return together.is_available() and together.is_torchelastic_launched()
