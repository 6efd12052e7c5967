"""What a family proves of itself, its readout, measured on test pictures."""

import torch

from ..datasets import Images
from .subject import Subject, balanced

READ = 2000  # test pictures that are looked at, the classes in turn


def shown(subject: Subject, train: Images) -> dict:
    """The readout of a model for metrics.json: "pictures", how many were looked at, and under "numbers" numbers and lists by their names.

    Empty for a family that proves nothing in particular.
    """
    model, device = subject.model, subject.model.device
    if not model.can("readout"):
        return {}
    model.meet(part.to(device) for part in train.parts())
    chosen = torch.from_numpy(balanced(subject.labels, READ))
    with torch.random.fork_rng([]), torch.no_grad():
        torch.manual_seed(0)
        found = model.readout(subject.x[chosen].to(device), subject.told(subject.y[chosen].to(device)))
    return {"pictures": len(chosen), "numbers": {name: value.tolist() for name, value in found.items()}} if found else {}
