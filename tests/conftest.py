"""What several tests share: a tiny model of every family, an engine, real data where it lies, and a real browser."""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported: a second thread only waits for tiny nets

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import torch

from genmodels.checkpoint import save_checkpoint
from genmodels.models import MODELS, LatentModel
from genmodels.train.recipe import Plan, plan_from

torch.set_num_threads(1)

TINY = {"image_shape": (1, 8, 8), "latent_dim": 3, "width": 8, "hidden": 16, "depth": 1}
DIGITS = tuple("0123456789")
CI = bool(os.environ.get("CI"))
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync")


def tiny_config(family: str, **changes):
    """A family's config for pictures of 8x8 pixels, of the fields that it has."""
    known = {f.name for f in fields(MODELS[family].Config)}
    return MODELS[family].Config(**{name: value for name, value in TINY.items() if name in known} | changes)


def tiny_model(family: str, **changes) -> LatentModel:
    """A real model, small and untrained, the same every time."""
    torch.manual_seed(0)
    return MODELS[family](tiny_config(family, **changes)).eval()


def takes_conditions(family: str) -> bool:
    """Whether a family's config accepts the names of classes."""
    try:
        return bool(tiny_config(family, conditions=DIGITS).conditions)
    except (TypeError, ValueError):
        return False


def save_tiny(model: LatentModel, folder: Path):
    """A checkpoint of a model of the small digits."""
    [family] = [name for name, kind in MODELS.items() if isinstance(model, kind)]
    return save_checkpoint(model, folder, Plan(family, "digits", model.config).to_json())


def digits_plan(steps: int = 20, rate: float = 1e-3, net: str = "conv", **recipe) -> Plan:
    """A plan for a tiny autoencoder of the small digits, quick to train."""
    return plan_from({
        "format": 1, "family": "autoencoder", "dataset": "digits",
        "model": {"image_shape": [1, 8, 8], "width": 4, "hidden": 8, "net": net},
        "recipe": {"stages": [{"steps": steps, "rate": rate}], "batch": 50, "precision": "float32"} | recipe})


def pytest_collection_modifyitems(items) -> None:
    """Tests in a browser come last: while it is driven, no other event loop can run in this thread."""
    items.sort(key=lambda item: "chromium" in getattr(item, "fixturenames", ()))


@pytest.fixture(params=MODELS)
def family(request) -> str:
    return request.param


@pytest.fixture
def model(family) -> LatentModel:
    return tiny_model(family)


@pytest.fixture(params=[family for family in MODELS if takes_conditions(family)])
def conditional(request) -> LatentModel:
    """A model that is told the digit, of every family that can be."""
    return tiny_model(request.param, conditions=DIGITS)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator:
    """An engine over two tiny checkpoints, `autoencoder` and `vae`, that decodes at most three pictures at once."""
    from genmodels.engine import Engine
    for name in ("autoencoder", "vae"):
        save_tiny(tiny_model(name), tmp_path / name)
    engine = Engine(tmp_path, device="cpu", batch=3)
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> Path:
    """A folder of tiny checkpoints that nobody changes."""
    from .live_kit import checkpoints
    return checkpoints(tmp_path_factory.mktemp("made"))


@pytest.fixture
def roots(made, tmp_path) -> Path:
    """A copy of it, to be changed."""
    return shutil.copytree(made, tmp_path / "checkpoints")


@pytest.fixture
def live(roots, tmp_path) -> Iterator:
    """The short roads over that folder."""
    from .live_kit import page_files, roads
    with roads(roots, page_files(tmp_path / "assets"), tmp_path / "cache") as live:
        yield live


@pytest.fixture
def client(live):
    from starlette.testclient import TestClient
    return TestClient(live)


@pytest.fixture
def hub(monkeypatch) -> Iterator:
    """A stand-in for the Hugging Face Hub with nothing on it, which the real client reaches without a proxy."""
    import huggingface_hub

    from .hub_stand_in import HubStandIn
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    huggingface_hub.close_session()  # so that the next one sees NO_PROXY
    with HubStandIn() as hub:
        yield hub
    huggingface_hub.close_session()


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder with mnist.npz and the other real data."""
    named = os.environ.get("PLAYGROUND_DATA")
    folder = Path(named) if named else Path(__file__).parents[1] / ".." / "shared" / "data"
    if not (folder / "mnist.npz").is_file():
        pytest.skip("no real data here; PLAYGROUND_DATA can name the folder that holds mnist.npz")
    return folder.resolve()


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium. Without one the test is skipped, except in CI, where that is a failure."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if not found:
        (pytest.fail if CI else pytest.skip)("there is no Chromium here; install it with the system's package manager")
    return found


@pytest.fixture(scope="session")
def browser(chromium) -> Iterator:
    """A running Chromium, driven by playwright's synchronous interface; each test opens a context of its own."""
    from playwright.sync_api import sync_playwright
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        yield running
        running.close()


@pytest.fixture(scope="session")
def bundled(tmp_path_factory) -> Iterator:
    """An engine over the models that the repository brings."""
    from genmodels.engine import Engine
    engine = Engine(Path(__file__).parents[1] / "checkpoints", device="cpu", cache=tmp_path_factory.mktemp("cache"))
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def url(bundled, tmp_path_factory, chromium) -> Iterator[str]:
    """The address of the whole page, served from this process."""
    from .explore_page import served
    with served(bundled, "mnist-vae-2d", tmp_path_factory.mktemp("data")) as url:
        yield url


_rested: dict[str, list] = {}  # contexts that nobody uses now, by what they are like: a new one costs a second at every page


def _context(browser, options: dict) -> tuple[str, object]:
    """A browser of one's own, as if new, and what it is like."""
    like = json.dumps([id(browser), options], sort_keys=True)
    free = _rested.setdefault(like, [])
    return like, free.pop() if free else browser.new_context(**options)


def _give_back(like: str, context) -> None:
    """Close its pages and forget all that they kept, but for the files of the page."""
    for page in context.pages:
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(page.url))
        context.new_cdp_session(page).send("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "all"})
        page.close()
    if "permissions" in like:
        return context.close()
    context.clear_permissions()
    context.clear_cookies()
    return _rested[like].append(context)


@contextmanager
def watched(browser) -> Iterator[Callable]:
    """A function that opens an address in a browser of its own; at the end it fails if a page complained in the console."""
    contexts, complaints = [], []

    def open_page(address: str, width=1280, height=900, **options):
        contexts.append(_context(browser, options | {"viewport": {"width": width, "height": height}}))
        page = contexts[-1][1].new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: message.type == "error" and complaints.append(f"{message.text} {message.location.get('url', '')}".strip()))
        page.goto(address)
        return page

    yield open_page
    for like, context in contexts:
        _give_back(like, context)
    assert not [text for text in complaints if "manifest" not in text]


@pytest.fixture
def visit(url, browser) -> Iterator[Callable]:
    """Open a view of the Explore page and wait for its picture; the test fails at its end if the page complained."""
    from .explore_page import PICTURE, settle
    with watched(browser) as open_page:
        def open_view(query="", road="server", **options):
            page = open_page(f"{url}/?{query}" + (f"&road={road}" if road else ""), **options)
            taken = f'[data-road="{road}"]' if road else ""
            page.wait_for_selector(f'{PICTURE}{taken}:not([data-ms="0"])')
            settle(page)
            return page

        yield open_view
