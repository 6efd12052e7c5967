"""A Hugging Face Space: its front matter, its check, what it would lose, and the model that it is for"""

import io
import json
import re
import sys
import threading
import time
import zipfile

import pytest
from huggingface_hub import SpaceCard
from starlette.testclient import TestClient

from genmodels.hub import Stopped
from genmodels.ui.live.head import Place
from genmodels.ui.live.taking import Taking
from genmodels.ui.live.wish import Wish

from .conftest import watched
from .explore_page import PICTURE
from .space_check import DEVICES, SPACE, checks
from .space_kit import TITLE, serving
from .test_house import requirements
from .test_readme import README, ROOT

COLOURS = ("red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray")


# The front matter

def test_the_front_matter_is_what_a_space_reads():
    card = SpaceCard.load(README).data
    assert (card.sdk, card.app_file, card.license) == ("gradio", "app.py", "apache-2.0") and (ROOT / card.app_file).exists()
    assert f"gradio=={card.sdk_version}" in requirements("requirements.txt")
    assert card.python_version == "3.12"  # a text: as a number 3.10 would be 3.1
    assert card.hf_oauth is True and card.hf_oauth_scopes == ["contribute-repos"]
    assert card.colorFrom in COLOURS and card.colorTo in COLOURS and card.title and card.emoji and card.tags
    assert 10 < len(card.short_description) <= 60
    assert card.models and all(re.fullmatch(r"[\w.-]+/[\w.-]+", name) for name in card.models)


def test_the_range_of_torch_has_versions_that_zerogpu_has():
    [line] = [line for line in requirements("requirements.txt") if line.startswith("torch")]
    least, most = re.fullmatch(r"torch>=2\.(\d+),<2\.(\d+)", line).groups()
    assert int(least) <= 8 and int(most) > 11  # ZeroGPU has 2.8 to 2.11


# Run as a Space

@pytest.mark.parametrize("mode", DEVICES)
def test_app_runs_as_a_space_in_every_mode_that_needs_no_gpu(mode, tmp_path, browser):
    failed = [sentence for sentence, holds in checks(sys.executable, mode, tmp_path, browser) if not holds]
    assert not failed, (tmp_path / "said").read_text()


# A model that the page is for

class Fetching:
    """A shelf that fetches as far as it is told."""

    def __init__(self, problem: Exception | None = None):
        self.problem, self.begun, self.go_on = problem, threading.Event(), threading.Event()

    def fetch(self, text, progress, stopped):
        progress(40, 100, "bytes")
        self.begun.set()
        while not self.go_on.wait(0.01):
            if stopped.is_set():
                raise Stopped
        if self.problem:
            raise self.problem
        return type("Fetched", (), {"name": "vae"})


@pytest.fixture
def wished(live):
    """A wish that is under way, what it hangs on, and a way to ask for it."""
    def wished(problem: Exception | None = None):
        shelf = Fetching(problem)
        wish = live.roads["wish"] = Wish(shelf, "owner/name@main")
        wish.start()
        assert shelf.begun.wait(10)
        return wish, shelf, TestClient(live)
    return wished


def ended(client) -> dict:
    until = time.monotonic() + 10
    while (said := client.get("/live/wish").json())["state"] in ("working", "stopping") and time.monotonic() < until:
        time.sleep(0.01)
    return said


def test_a_wish_says_how_far_it_is_and_then_its_name(wished):
    _, shelf, client = wished()
    said = client.get("/live/wish").json()
    assert (said["text"], said["state"], said["done"], said["total"], said["name"]) == ("owner/name@main", "working", 40, 100, "")
    shelf.go_on.set()
    assert ended(client)["name"] == "vae"
    assert client.post("/live/wish").status_code == 405 and client.get("/live/wish/more").status_code == 404


def test_a_wish_that_cannot_be_is_a_sentence(wished):
    _, shelf, client = wished(FileNotFoundError("The Hub has no owner/name."))
    shelf.go_on.set()
    said = ended(client)
    assert (said["state"], said["sentence"], said["name"]) == ("failed", "The Hub has no owner/name.", "")


def test_a_wish_ends_with_the_page(wished):
    wish, _, client = wished()
    wish.close()
    assert ended(client)["state"] == "stopped"


# What it would lose

def test_a_model_is_taken_away_as_its_folder(live):
    live.roads["take"] = Taking(live.engine)
    client = TestClient(live)
    answer = client.get("/live/take/vae.zip")
    folder = live.engine.checkpoint("vae").folder
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == {f"vae/{path.name}": path.read_bytes() for path in folder.iterdir()}
    assert "vae.zip" in answer.headers["Content-Disposition"]
    assert [client.get(f"/live/take/{name}").status_code for name in ("nope.zip", "../vae.zip", "", "vae/config.json")] == [404] * 4
    assert client.post("/live/take/vae.zip").status_code == 405


def test_what_is_taken_away_does_not_say_who_fetched_it(live):
    live.roads["take"] = Taking(live.engine)
    folder = live.engine.checkpoint("vae").folder
    said = {"repo": "a/b", "revision": "", "commit": "0" * 40, "format": "own", "account": ["Found."],
            "fetched": "2026-01-01T00:00:00+00:00", "by": "192.168.0.7"}
    (folder / "source.json").write_text(json.dumps(said))
    try:
        with zipfile.ZipFile(io.BytesIO(TestClient(live).get("/live/take/vae.zip").content)) as archive:
            assert json.loads(archive.read("vae/source.json")) == said | {"by": ""}
    finally:
        (folder / "source.json").unlink()


# In a browser

@pytest.fixture(scope="module")
def serve(bundled, tmp_path_factory):
    with serving(bundled, tmp_path_factory.mktemp("data")) as serve:
        yield serve


def test_a_page_with_one_tab_has_no_list_of_tabs(serve, browser):
    with watched(browser) as visit:
        page = visit(f"{serve(tabs=['interpolate'])}/")
        page.wait_for_selector(".lp-interpolate", timeout=60_000)
        assert not page.locator("[role=tablist]").is_visible() and not page.locator(".lp-say").count()
        assert page.locator("h1").inner_text() == TITLE


def test_the_wished_model_is_shown_once_it_is_here(serve, browser):
    shelf = Fetching()
    shelf.fetch = lambda text, progress, stopped: (progress(3, 9, "bytes"), shelf.go_on.wait(60), type("Fetched", (), {"name": "mnist-vae-16d"}))[-1]
    wish = Wish(shelf, "owner/name")
    wish.start()
    url = serve(Place(SPACE, keeps=True, wish="owner/name"), roads={"wish": wish})
    with watched(browser) as visit:
        page, stays = visit(f"{url}/"), visit(f"{url}/?model=mnist-ae-2d")
        for one in (page, stays):
            one.wait_for_selector(f'{PICTURE}:not([data-ms="0"])', timeout=60_000)
            assert "33 %" in one.get_by_test_id("wish").inner_text()
        shelf.go_on.set()
        page.wait_for_selector('[data-model="mnist-vae-16d"][aria-checked="true"]', timeout=60_000)
        stays.get_by_role("button", name="Show it").click(timeout=60_000)
        stays.wait_for_selector('[data-model="mnist-vae-16d"][aria-checked="true"]', timeout=60_000)
        assert stays.get_by_test_id("wish").count() == 0


def test_a_wish_that_failed_is_said_in_the_page(serve, browser):
    shelf = Fetching(FileNotFoundError("The Hub has no owner/name."))
    shelf.go_on.set()
    wish = Wish(shelf, "owner/name")
    wish.start()
    with watched(browser) as visit:
        page = visit(f"{serve(Place(SPACE, wish='owner/name'), roads={'wish': wish})}/")
        page.wait_for_function("document.querySelector('[data-testid=wish]')?.textContent.includes('The Hub has no owner/name.')", timeout=60_000)
        page.wait_for_selector(f'{PICTURE}:not([data-ms="0"])', timeout=60_000)
        assert "The Hub has no owner/name." in page.get_by_test_id("wish").inner_text()
