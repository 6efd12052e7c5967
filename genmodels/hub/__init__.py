"""Models from the Hugging Face Hub and to it: looked at, fetched once onto a shelf of checkpoints, deleted again, published."""

from ..client import Hub, Stopped
from .shelf import Fetched, Shelf
from .survey import Look

__all__ = ["Fetched", "Hub", "Look", "Shelf", "Stopped"]
