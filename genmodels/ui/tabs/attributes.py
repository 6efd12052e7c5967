"""Attributes: push a picture along directions that have names, and lock what should stay."""

from ...engine import Engine
from ..live.attributes import Attributes

TITLE, ORDER = "Attributes", 30


def build(engine: Engine) -> None:
    """Pushing is instant, so all of it lives in the browser; the engine decodes what a browser cannot, and encodes what is carried over."""
    Attributes()
