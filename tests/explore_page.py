"""What tests in a browser share: a page over an engine, where the picture, the map and the places of Explore are, and how to wait for what they show."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from .conftest import watched

WAIT = 60_000  # milliseconds, on a machine that does other things as well
PICTURE, MAP, PLACES = '[data-testid="latent-picture"]', '[data-testid="latent-map"]', '[data-testid="latent-places"]'
EVERYWHERE = pytest.mark.parametrize(("width", "scheme"), [(width, scheme) for width in (390, 1280) for scheme in ("light", "dark")])
PIXELS = f"""() => {{ const c = document.querySelector('{PICTURE}');
    return Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data).filter((_, i) => i % 4 === 0); }}"""
COLOURS = f"() => {{ const c = document.querySelector('{PICTURE}'); return Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data); }}"


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
    try:
        yield running.url.rstrip("/")
    finally:
        running.close()


@contextmanager
def views(browser, url: str, model: str) -> Iterator[Callable]:
    """A function that opens a view of Explore, of that model unless the query names another, and waits until its picture is whole."""
    with watched(browser) as open_page:
        def open_view(query=f"model={model}", **options):
            page = open_page(f"{url}/?{query}", **options)
            whole(page)
            return page

        yield open_view


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


def whole(page) -> np.ndarray:
    """The large picture [H, H, 3] once it is the true one."""
    page.wait_for_selector('.lp-grid[aria-busy="false"]', timeout=WAIT)
    page.wait_for_selector(f'{PICTURE}:not([data-road="mosaic"]):not([data-ms="0"])[aria-busy="false"]', timeout=WAIT)
    return shown(page)


def shown(page) -> np.ndarray:
    """The large picture [H, H, 3] as it is now."""
    rgba = np.array(page.evaluate(COLOURS)).reshape(-1, 4)
    return rgba.reshape(int(len(rgba) ** 0.5), -1, 4)[..., :3]


def until_address(page, **expected: str) -> None:
    """Wait until the address holds these, "" for what it does not hold; it is written a moment after the choice."""
    def holds(address: str) -> bool:
        said = parse_qs(urlsplit(address).query)
        return all(said.get(key, [""]) == [value] for key, value in expected.items())

    page.wait_for_url(holds, timeout=WAIT)


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


def places_fit(page, width: int) -> None:
    """The places lie within a page of that width, each as large as a thumb, and nothing beside them reaches beyond it."""
    assert page.locator(PLACES).bounding_box()["width"] <= width
    box = page.locator(f"{PLACES} figure").last.bounding_box()
    assert box["x"] + box["width"] <= width + 1 and min(box["width"], box["height"]) >= 44
    assert reach(page) <= width + 60, "the head of the page is tested elsewhere"
