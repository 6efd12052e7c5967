"""What tests of the Interpolate page share: opening a walk, its rows, and the pictures that they show."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

import numpy as np

from .conftest import watched

ROOT, SLIDER = '[data-testid="interpolate"]', '[data-testid="interpolate-slider"]'
PATIENCE = 60_000  # milliseconds, on a machine that does other things as well
CANVAS = "c => Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data).filter((_, i) => i % 4 === 0)"


@contextmanager
def views(browser, url, tab: str, settle: Callable) -> Iterator:
    """A function that opens a view of a tab and lets it settle; at the end it fails if the page complained in the console."""
    with watched(browser) as open_page:
        def open_view(query="", road="server", **options):
            page = open_page(f"{url}/?tab={tab}&{query}" + (f"&road={road}" if road else ""), **options)
            settle(page)
            return page

        yield open_view


def walks(browser, url):
    """`views` of the Interpolate page."""
    return views(browser, url, "interpolate", settle)


def settle(page) -> None:
    """Until all rows have all their frames."""
    page.wait_for_selector(f'{ROOT}[aria-busy="false"]', timeout=PATIENCE)


def row(page, model: str):
    """The row of a model, or of "crossfade"."""
    return page.locator(f'.lp-walkrow[data-model="{model}"]')


def shown(page, model: str) -> np.ndarray:
    """The red channel of a row's present picture."""
    return np.array(row(page, model).locator("canvas.lp-now").evaluate(CANVAS))


def stop(page, k: int) -> np.ndarray:
    """The red channel of a stop's picture."""
    return np.array(page.locator(f'canvas[data-stop="{k}"]').evaluate(CANVAS))


def scrub(page, place: float) -> None:
    """Move the slider as a hand does, without letting go of it."""
    page.locator(SLIDER).evaluate("(input, place) => { input.value = place; input.dispatchEvent(new Event('input', { bubbles: true })); }", place)


def address(page) -> dict[str, str]:
    """What the address holds."""
    page.wait_for_timeout(150)  # it is written a moment after the release
    return {key: values[0] for key, values in parse_qs(urlsplit(page.url).query).items()}


def modules(page) -> str:
    """Where the page's own modules are."""
    return page.evaluate("performance.getEntriesByType('resource').map(e => e.name).find(n => n.endsWith('/js/store.js')).replace('store.js', '')")


def ask(page, script: str, *values):
    """Run a body of JavaScript that may `await load("gif.js")` and return what JSON can say; values are `given`."""
    return page.evaluate("async ([base, given]) => { const load = (name) => import(base + name); " + script + " }", [modules(page), list(values)])
