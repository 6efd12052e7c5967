"""Explore: move through a latent space by hand."""

from ...engine import Engine
from ..live.explore import Explore

TITLE, ORDER = "Explore", 10


def build(engine: Engine) -> None:
    """All of it is instant, so all of it lives in the browser; the engine answers over the live routes."""
    Explore()
