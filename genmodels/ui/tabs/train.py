"""Train: models of one's own, watched while they learn, and taken to every other tab."""

from ...engine import Engine
from ..live.train import Train

TITLE, ORDER = "Train", 60


def build(engine: Engine) -> None:
    """All of it goes over the road at /live/train; the page polls it while something of the visitor's own goes on."""
    Train()
