"""The training pictures nearest to one's own, below /live/neighbours, where they lie on this computer."""

import asyncio
import threading
from base64 import b64encode
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import Response

from ...datasets import DATASETS, Images
from ...engine import Engine
from ..visitors import visitor
from .asking import Body, received, unless_left
from .posted import Posted
from .sent import json_answer

SHOWN = 6
SIDE = 16  # pixels of the small pictures that are compared: what is alike may lie a pixel aside
PIECE = 4096  # pictures shrunk at a time
NOT_HERE = "The training pictures of {} are not on this computer. Whoever starts it can name a folder that holds them: PICTURES=FOLDER."


@dataclass(frozen=True)
class Known:
    """Training pictures, and small ones of them [N, pixels] as uint8."""

    images: Images
    small: np.ndarray

    @classmethod
    def of(cls, images: Images) -> "Known":
        return cls(images, np.concatenate([_small(part.numpy()) for part in images.pixels.split(PIECE)]))

    def near(self, pixels: np.ndarray) -> dict[str, Any]:
        """The nearest to a picture uint8 [C, H, W], with how far they are: root mean square of the small pictures' pixels in [0, 1]."""
        wanted = _small(pixels[None])[0].astype(np.float32)
        squared = np.concatenate([np.square(part.astype(np.float32) - wanted).mean(1) for part in np.array_split(self.small, -(-len(self.small) // PIECE))])
        rows = np.argpartition(squared, min(SHOWN, len(squared) - 1))[:SHOWN]
        return {"among": len(squared), "pictures": [self._told(int(row), float(squared[row]) ** 0.5 / 255) for row in rows[squared[rows].argsort()]]}

    def _told(self, row: int, apart: float) -> dict[str, Any]:
        picture = self.images.pixels[row].permute(1, 2, 0).contiguous().numpy()
        if self.images.attributes is None:
            names = [self.images.classes[int(self.images.labels[row])]] if self.images.classes else []
        else:
            names = [name for name, said in zip(self.images.classes, self.images.attributes[row], strict=True) if said > 0]
        return {"row": row, "apart": apart, "names": names, "picture": b64encode(picture.tobytes()).decode()}


class Neighbours(Posted):
    """POST NAME with a picture uint8 [H, W, C] as that model takes it: JSON {"among", "pictures": [{"row", "apart", "names", "picture"}]}.

    Where the data set of the model is neither in the folder `source` nor embedded, {"why": sentence}. It is loaded when it is first asked for,
    in a thread of its own.
    """

    def __init__(self, engine: Engine, source: Path | None):
        super().__init__(engine)
        self.source = source
        self._loading = threading.Lock()
        self._known: dict[str, Future[Known]] = {}

    async def posted(self, request: Request, name: str) -> Response:
        model = self.asking.blueprint(name)
        channels, height, width = model.image_shape
        with self.asking.waiting.answering(visitor(request.scope).key, 1):
            content = await received(request, Body(height * width * channels, 0, False, f"picture of {height} x {width} x {channels} bytes"), 1)
            pixels = np.frombuffer(content, np.uint8).reshape(height, width, channels).transpose(2, 0, 1)
            found = await unless_left(request, self._near(str(self.engine.checkpoint(name).about["dataset"]), pixels))
        return json_answer(found)

    async def _near(self, name: str, pixels: np.ndarray) -> dict[str, Any]:
        data = DATASETS.get(name)
        embedded = data is not None and not hasattr(data, "HUB") and not hasattr(data, "FILE")
        if data is None or self.source is None and not embedded:
            return {"why": NOT_HERE.format(getattr(data, "TITLE", name))}
        try:
            known = await asyncio.shield(asyncio.wrap_future(self._of(name)))  # others wait for it too
        except (OSError, ValueError) as error:
            return {"why": str(error)}
        if known.images.pixels.shape[1:] != pixels.shape:
            return {"why": f"The training pictures of {name} have another size."}
        return await asyncio.to_thread(known.near, pixels)

    def _of(self, name: str) -> "Future[Known]":
        """The training pictures of a data set, once they are there. What could not be loaded is tried again when it is asked for again."""
        with self._loading:
            known = self._known.get(name)
            if known is None or known.done() and known.exception():
                known = self._known[name] = Future()
                threading.Thread(target=self._load, args=(name, known), daemon=True, name=f"load {name}").start()
            return known

    def _load(self, name: str, known: "Future[Known]") -> None:
        try:
            data = DATASETS[name]
            external = hasattr(data, "HUB") or hasattr(data, "FILE")
            known.set_result(Known.of(data.load("train", self.source) if external else data.load("train")))
        except BaseException as error:  # goes to whoever asks
            known.set_exception(error)


def _small(pixels: np.ndarray) -> np.ndarray:
    """Pictures uint8 [N, C, H, W] shrunk to about SIDE x SIDE by whole means, each a row [N, pixels] of uint8."""
    n, channels, height, width = pixels.shape
    by = max(1, min(height, width) // SIDE)
    blocks = pixels[:, :, : height // by * by, : width // by * by].reshape(n, channels, height // by, by, width // by, by)
    return blocks.mean((3, 5), dtype=np.float32).round().astype(np.uint8).reshape(n, -1)
