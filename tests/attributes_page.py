"""What tests of the Attributes page share: opening a view, its rows, and the pictures that a model makes after pushes."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np

from genmodels.checkpoint import Checkpoint
from genmodels.kept import Kept, directions_files
from genmodels.latent.directions import Direction, project_off

from .interpolate_page import ask, views

VAE, GAN = "mnist-vae-16d", "mnist-gan"
START = f"model={VAE}&point=seed:7"
FIRST = {"tab": "attributes", "model": VAE, "point": "seed:7", "label": "", "push": [], "keep": [], "beside": [], "along": "", "before": 0, "pins": []}
ROOT, PICTURE, BESIDE = '[data-testid="attributes"]', '[data-testid="attributes-picture"]', '[data-testid="attributes-picture-beside"]'
PATIENCE = 60_000  # milliseconds, on a machine that does other things as well
PIXELS = "c => Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data).filter((_, i) => i % 4 === 0)"
DRAWN = """selector => [...document.querySelectorAll(selector)].every(c => c.dataset.ms !== '0' && c.getAttribute('aria-busy') === 'false')"""


def pushes(browser, url):
    """`views` of the Attributes page."""
    return views(browser, url, "attributes", settle)


def settle(page) -> None:
    """Until what is chosen is shown: in all models, for the newest place of the hand."""
    page.wait_for_selector(f'{ROOT}[aria-busy="false"]', timeout=PATIENCE)
    page.wait_for_function(DRAWN, arg=f"{PICTURE}, {BESIDE}", timeout=PATIENCE)


def shown(page, selector=PICTURE) -> np.ndarray:
    """The red channel of a picture, row by row."""
    settle(page)
    return np.array(page.locator(selector).evaluate(PIXELS))


def begin(page, **changes) -> None:
    """Bring an open page to a view, as a link would, without loading it again."""
    ask(page, "const { choose } = await load('store.js'); choose(given[0], false);", FIRST | changes)
    settle(page)


def row(page, name: str):
    return page.locator(f'[data-direction="{name}"]')


def value(page, name: str) -> float:
    """Where a row's slider stands."""
    return float(row(page, name).locator("input").input_value())


def push(page, name: str, sigmas: float) -> None:
    """Move a row's slider as a hand does, and let it go."""
    row(page, name).locator("input").evaluate("""(input, sigmas) => { input.value = sigmas; input.dispatchEvent(new Event('input', { bubbles: true }));
        input.dispatchEvent(new Event('change', { bubbles: true })); }""", sigmas)


def pushed(engine, model: str, z: np.ndarray, sigmas: dict[str, float], locked: tuple[str, ...] = ()) -> np.ndarray:
    """Where Python says that a latent [D] stands after pushes while others are locked."""
    known = {one.word: one for one in engine.checkpoint(model).directions}
    for name, many in sigmas.items():
        step = known[name].step[None]
        z = z + many * (project_off(step, np.stack([known[one].vector for one in locked])) if locked else step)[0]
    return z.astype(np.float32)


def decoded(engine, model: str, z: np.ndarray) -> np.ndarray:
    """The red channel of what a model makes of a latent [D]."""
    return engine.decode(model, z[None])[0][..., 0].ravel().astype(int)


def address(page, *holds: str) -> dict[str, str]:
    """What the address holds, once it holds these texts."""
    for text in holds:
        page.wait_for_function("text => decodeURIComponent(location.search).includes(text)", arg=text, timeout=PATIENCE)
    return {key: values[0] for key, values in parse_qs(urlsplit(page.url).query).items()}


def gone(page, text: str) -> None:
    """Until the address no longer holds a text."""
    page.wait_for_function("text => !decodeURIComponent(location.search).includes(text)", arg=text, timeout=PATIENCE)


def with_directions(folder: Path) -> None:
    """Give a checkpoint two directions, Round and Large, along the first two numbers of its latents."""
    checkpoint = Checkpoint(folder)
    rows = np.eye(2, int(np.prod(checkpoint.blueprint.latent_shape)), dtype=np.float32)
    found = tuple(Direction(name, vector, 1.0, 0.0, 0.9, "learned", "Made for a test.") for name, vector in zip(("Round", "Large"), rows, strict=True))
    for name, content in directions_files(Kept(found), checkpoint.hash).items():
        (folder / name).write_bytes(content)
