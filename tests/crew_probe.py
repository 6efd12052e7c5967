"""A training that notes what each process saw, and whose loss is no number for a while: python -m tests.crew_probe NOTES RECIPE ..., alone or launched."""

import json
import sys
from pathlib import Path

import torch

from genmodels.train import crew, loop, training
from genmodels.train.__main__ import main

BROKEN = (20, 21, 22)  # steps whose loss is no number, the first time


class Probe:
    def __init__(self):
        self.seen: list[list[int]] = []
        self.losses: list[float] = []
        self.broken = list(BROKEN)

    def __enter__(self):
        for owner in (crew.Alone, crew.Crew):
            owner.share = self.noting(owner.share)
        agreed, backward = loop.Trainer.learn, loop.Trainer._backward

        def learn(trainer, *values):
            terms = agreed(trainer, *values)
            self.losses.append(float(terms["loss"]))
            return terms

        def breaking(trainer, *values):
            terms = backward(trainer, *values)
            if trainer.step in self.broken:
                self.broken.remove(trainer.step)
                terms["loss"] = terms["loss"] * torch.nan
            return terms

        loop.Trainer.learn, loop.Trainer._backward = learn, breaking
        training.SAVE_FIRST = training.SAVE_EVERY = 1e9  # so that everybody goes back to the same step, however slow this machine is
        return self

    def noting(self, share):
        def noted(one, index):
            mine = share(one, index)
            self.seen.append(mine.tolist())
            return mine
        return noted

    def __exit__(self, *_):
        rank = torch.distributed.get_rank() if torch.distributed.is_initialized() else 0
        (Path(sys.argv[1]) / f"{rank}.json").write_text(json.dumps({"seen": self.seen, "losses": self.losses}))


if __name__ == "__main__":
    with Probe():
        code = main(sys.argv[2:])
    sys.exit(code)
