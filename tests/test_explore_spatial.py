"""Explore and Interpolate with models whose places are pictures: no map, no sliders, nothing random, and a hand between what they were shown."""

from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from genmodels import formats
from genmodels.checkpoint import save_foreign
from genmodels.datasets import photographs
from genmodels.engine import Engine
from genmodels.first_atlas import keep_first_atlas

from . import format_kit as kit
from .conftest import save_tiny, tiny_model
from .explore_page import EVERYWHERE, PICTURE, PLACES, WAIT, places_fit, served, shown, views, whole
from .interpolate_page import ROOT, ask, row, walks


@pytest.fixture(scope="module")
def spatial(tmp_path_factory):
    """An engine over an autoencoder with spatial latents that was shown the photographs, one that was shown nothing, and a VAE."""
    root = tmp_path_factory.mktemp("spatial")
    files = kit.autoencoder_kl(sample_size=32, scaling_factor=0.5)
    order = formats.recognise(kit.listing(files))
    found = formats.read(order, kit.laid(files, tmp_path_factory.mktemp("files")))
    keep_first_atlas(save_foreign(found, root / "spatial"))
    save_foreign(found, root / "blind")
    save_tiny(tiny_model("vae"), root / "vae")
    engine = Engine(root, device="cpu", cache=tmp_path_factory.mktemp("spatial-cache"))
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def url(spatial, tmp_path_factory, chromium):
    """The page over these models."""
    with served(spatial, "spatial", tmp_path_factory.mktemp("spatial-data")) as address:
        yield address


@pytest.fixture
def visit(url, browser):
    with views(browser, url, "spatial") as open_view:
        yield open_view


def to(page, x: float, y: float) -> tuple[float, float]:
    """Where on the screen a place is, in pictures from the upper left: (0.5, 0) is between the first two."""
    box = page.locator(PLACES).bounding_box()
    return box["x"] + box["width"] * (x + 0.5) / 3, box["y"] + box["height"] * (y + 0.5) / 3


def point_of(page, is_it) -> str:
    """The point in the address, once it is as wanted."""
    page.wait_for_url(lambda address: is_it(parse_qs(urlsplit(address).query).get("point", [""])[0]), timeout=WAIT)
    return parse_qs(urlsplit(page.url).query).get("point", [""])[0]


def test_it_opens_on_its_first_picture_without_a_question_to_the_server(visit, spatial):
    asked = []
    page = visit()
    page.on("request", lambda request: "/decode/" in request.url and asked.append(request.url))
    assert page.get_attribute(PICTURE, "data-road") == "kept" and page.locator(f"{PLACES} figure").count() == 9
    kept = spatial.checkpoint("spatial").atlas()["pictures"]
    assert abs(shown(page) - kept[0].astype(int)).max() <= 1
    assert page.locator(f"{PLACES} figcaption").all_inner_texts() == list(photographs.CLASSES)
    for k in (4, 8):
        page.mouse.click(*to(page, k % 3, k // 3))
        point_of(page, f"atlas:{k}".__eq__)
        assert abs(whole(page) - kept[k].astype(int)).max() <= 1
    assert not asked


def test_there_is_no_map_no_slider_and_nothing_random_and_the_page_says_why(visit, spatial):
    page, why = visit(), spatial.blueprint("spatial").PRIOR
    assert not page.locator('[data-testid="latent-map"]').is_visible() and not page.locator(".lp-explore .lp-bar").is_visible()
    assert page.locator(".lp-sliders input").count() == 0 and why in page.inner_text(".lp-latents")
    random = page.get_by_role("button", name="Random", exact=True)
    assert random.get_attribute("aria-disabled") == "true" and random.get_attribute("title") == why
    page.keyboard.press("r")
    page.wait_for_selector(f'.lp-say[data-sentence="{why}"]', timeout=WAIT)
    assert page.locator(".lp-seed").is_disabled() and "point=" not in page.url


def test_between_two_pictures_the_pixels_are_mixed_at_once_and_the_latents_when_the_hand_rests(visit, spatial):
    page = visit()
    page.evaluate("""() => { window.roads = []; window.addEventListener("latent-road", ({ detail }) => window.roads.push(detail.road)); }""")
    page.mouse.move(*to(page, 0.5, 0))
    page.wait_for_function("window.roads.at(-1) === 'server'", timeout=WAIT)
    assert page.evaluate("window.roads[0]") == "mosaic", "a stand-in came first"
    codes = spatial.checkpoint("spatial").atlas()["codes"].astype(np.float32)
    true = spatial.decode("spatial", 0.5 * (codes[:1] + codes[1:2]))[0]
    assert abs(whole(page) - true.astype(int)).max() <= 4, "the place is rounded to a hundredth of the way"


def test_a_press_keeps_a_place_that_a_link_brings_back(visit):
    page = visit()
    page.mouse.click(*to(page, 1.5, 0.5))
    point = point_of(page, lambda text: text.startswith("mix(mix(atlas:1, atlas:2, 0.5"))
    assert "mix(atlas:4, atlas:5, 0.5" in point
    page.mouse.move(5, 5)
    there = whole(page)
    again = visit(urlsplit(page.url).query)
    assert abs(whole(again) - there).max() <= 1 and again.locator(f"{PLACES} .lp-placehand").is_visible()
    page.keyboard.press("z")
    point_of(page, "".__eq__)
    page.get_by_role("button", name="Redo").click()
    point_of(page, point.__eq__)


def test_arrow_keys_walk_and_enter_stays(visit):
    page = visit()
    page.focus(PLACES)
    for _ in range(8):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    point_of(page, "atlas:1".__eq__)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    point_of(page, lambda text: text.startswith("mix(atlas:1, atlas:4, 0."))
    page.keyboard.press("0")
    assert point_of(page, lambda text: text == "atlas:0") == "atlas:0"


def test_a_place_is_pinned_and_found_again(visit):
    page = visit()
    page.mouse.click(*to(page, 2, 1))
    point_of(page, "atlas:5".__eq__)
    page.get_by_role("button", name="Pin this").click()
    page.mouse.click(*to(page, 0, 0))
    point_of(page, "atlas:0".__eq__)
    page.get_by_role("button", name="Go to pin A").click()
    point_of(page, "atlas:5".__eq__)
    assert page.locator(f"{PLACES} figure.at figcaption").inner_text() == photographs.CLASSES[5]


@pytest.mark.parametrize(("query", "words"), [("point=seed:7", "The link's random point was left out."), ("plane=dims:0,1", "its places are pictures")])
def test_a_link_to_what_it_has_not_is_told_so(visit, query, words):
    page = visit(f"model=spatial&{query}")
    page.wait_for_selector(f'.lp-say:has-text("{words}")', timeout=WAIT)
    assert page.locator(f"{PLACES} figure.at figcaption").all_inner_texts() == ["astronaut"]


def test_a_model_that_was_shown_nothing_says_so_instead_of_static(visit):
    page = visit("model=blind")
    assert "has been shown no picture yet" in page.inner_text(PLACES) and page.locator(f"{PLACES} figure").count() == 0
    assert not page.locator(f"{PLACES} .lp-placehand").is_visible()


def test_a_model_with_a_map_gets_it_back(visit):
    page = visit("model=vae")
    assert page.locator('[data-testid="latent-map"]').is_visible() and not page.locator(PLACES).is_visible()
    page.get_by_role("button", name="Photographs").click()
    page.wait_for_selector(f"{PLACES}:not([hidden])", timeout=WAIT)
    assert not page.locator('[data-testid="latent-map"]').is_visible()
    page.get_by_role("button", name="Small digits").click()
    page.wait_for_selector('[data-testid="latent-map"]:not([hidden])', timeout=WAIT)
    assert page.locator(".lp-explore .lp-bar").is_visible() and page.locator(".lp-sliders input").count() == 3


@EVERYWHERE
def test_nothing_reaches_beyond_the_page(visit, width, scheme):
    places_fit(visit(width=width, color_scheme=scheme), width)


def test_a_walk_goes_from_picture_to_picture(browser, url, spatial):
    with walks(browser, url) as open_walk:
        page = open_walk("model=spatial", road="")
        assert page.locator(".lp-stop strong").all_inner_texts() == ["astronaut", "cat"]
        assert row(page, "spatial").get_attribute("data-frames") == "33", "fewer frames where each is a second's work"
        page.click('[data-testid="interpolate-stop-1"]')
        page.click('[data-testid="interpolate-class-3"]')
        page.wait_for_selector('.lp-stop strong:text("rocket")', timeout=WAIT)
        page.click('.lp-chooser >> text="Any picture"')
        page.wait_for_function("""names => { const now = document.querySelectorAll(".lp-stop strong")[1]; return now && names.includes(now.textContent); }""",
                               arg=list(photographs.CLASSES), timeout=WAIT)
        page.wait_for_selector(f'{ROOT}[aria-busy="false"]', timeout=WAIT)
        assert page.locator(".lp-chooser h4", has_text="A picture").count() == 1


def test_shares_of_a_point_add_up(visit):
    page = visit()
    texts = ["atlas:3", "mix(atlas:0, atlas:1, 0.25)", "mix(mix(atlas:0, atlas:1, 0.5), mix(atlas:3, atlas:4, 0.5), 0.50)",
             "mix(atlas:0, mix(atlas:3, atlas:4, 0.5), 0.2)", "seed:4", "mix(A, atlas:1, 0.5)"]
    found = ask(page, """const { sharesOf } = await load("places.js");
        return given[0].map((text) => { const all = sharesOf(text); return all && [...all]; });""", texts)
    assert [found[0], found[4], found[5]] == [[[3, 1]], None, None]
    assert dict(map(tuple, found[1])) == pytest.approx({0: 0.75, 1: 0.25})
    assert dict(map(tuple, found[2])) == pytest.approx(dict.fromkeys((0, 1, 3, 4), 0.25))
    assert dict(map(tuple, found[3])) == pytest.approx({0: 0.8, 3: 0.1, 4: 0.1})
