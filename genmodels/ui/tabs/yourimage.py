"""Your image: draw or bring a picture, see it as the models get it, and what they make of it."""

from ...engine import Engine
from ..live.yourimage import YourImage

TITLE, ORDER = "Your image", 40


def build(engine: Engine) -> None:
    """The page cuts and draws by itself; the engine's road opens files, finds faces, and looks at pictures through models."""
    YourImage()
