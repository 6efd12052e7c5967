"""What tests of Spaces and frames share: the page, served from this process as a Space."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from starlette.middleware import Middleware

from genmodels.ui import page
from genmodels.ui.live.head import Place
from genmodels.ui.live.routes import LiveRoutes
from genmodels.ui.serve import launch
from genmodels.ui.theme import ASSETS, look

from .space_check import HOST, SPACE

FORGETFUL = Place(SPACE, keeps=False)
TITLE = "Digits by hand"


@contextmanager
def serving(engine, data: Path) -> Iterator[Callable[..., str]]:
    """A function that serves a page and gives its address; all are closed at the end."""
    running = []

    def serve(place=FORGETFUL, tabs=(), roads=None) -> str:
        running.append(launch(page(engine, "mnist-vae-2d", TITLE, tabs, place), port=0, data_dir=data, hosts=[HOST], framed=True, look=look(),
                              middleware=[Middleware(LiveRoutes, engine=engine, assets=ASSETS, roads=roads or {})]))
        return running[-1].url.rstrip("/")

    yield serve
    for one in running:
        one.close()
