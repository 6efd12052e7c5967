"""What tests of the Explore page share: where its picture and map are, and how to wait for what they show."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

PICTURE, MAP = '[data-testid="latent-picture"]', '[data-testid="latent-map"]'
EVERYWHERE = pytest.mark.parametrize(("width", "scheme"), [(width, scheme) for width in (390, 1280) for scheme in ("light", "dark")])
PIXELS = f"""() => {{ const c = document.querySelector('{PICTURE}');
    return Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data).filter((_, i) => i % 4 === 0); }}"""


@contextmanager
def served(engine, first_model: str, data_dir: Path, roads=None) -> Iterator[str]:
    """The address of the whole page over an engine, served from this process; `roads` are more of them below /live."""
    from starlette.middleware import Middleware

    from genmodels.ui import page
    from genmodels.ui.live.routes import LiveRoutes
    from genmodels.ui.serve import launch
    from genmodels.ui.theme import ASSETS, look
    running = launch(page(engine, first_model), port=0, data_dir=data_dir, look=look(),
                     middleware=[Middleware(LiveRoutes, engine=engine, assets=ASSETS, roads=roads)])
    yield running.url.rstrip("/")
    running.close()


def settle(page) -> None:
    """Until what was chosen is shown and the picture has not changed for a while."""
    page.wait_for_selector('.lp-grid[aria-busy="false"]')
    page.wait_for_selector(f'{PICTURE}[aria-busy="false"]')
    before = None
    for _ in range(180):
        now = page.evaluate(PIXELS)
        if now == before and any(now):
            return
        before = now
        page.wait_for_timeout(50)
    raise AssertionError("the picture never came to rest")


def pixels(page) -> np.ndarray:
    """The red channel of the large picture once it is at rest, row by row."""
    settle(page)
    return np.array(page.evaluate(PIXELS))


def point_of(page) -> str:
    """The point in the address."""
    page.wait_for_timeout(150)  # the address is written a moment after the release
    return parse_qs(urlsplit(page.url).query).get("point", [""])[0]


def at(page, x: float, y: float) -> tuple[float, float]:
    """Where on the screen a share of the map's width and height is."""
    box = page.locator(MAP).bounding_box()
    return box["x"] + box["width"] * x, box["y"] + box["height"] * y


def reach(page) -> float:
    """How far to the right anything on the page reaches, in CSS pixels."""
    return page.evaluate("""Math.max(document.documentElement.scrollWidth,
        ...[...document.querySelectorAll('.lp-sets, .lp-bar, .lp-card, .lp-row')].map(one => one.getBoundingClientRect().right))""")
