"""Interpolate: walk from one picture to another with several models at once."""

from ...engine import Engine
from ..live.interpolate import Interpolate

TITLE, ORDER = "Interpolate", 20


def build(engine: Engine) -> None:
    """Scrubbing is instant, so all of it lives in the browser; the engine encodes, inverts and describes over the live routes."""
    Interpolate()
