"""Denoise: from picture to noise and back, one step at a time."""

from ...engine import Engine
from ..live.denoise import Denoise

TITLE, ORDER = "Denoise", 50


def build(engine: Engine) -> None:
    """What goes forward is computed in the page; what comes back streams from the engine step by step, and then plays in the page."""
    Denoise()
