"""The Attributes page beyond its rows: strips and films, starts and pins, models side by side, slow models, telephones"""

import io
import shutil

import numpy as np
import pytest
from PIL import Image

from genmodels.engine import Engine
from genmodels.normal import latents

from .attributes_page import (
    BESIDE,
    GAN,
    PICTURE,
    PIXELS,
    ROOT,
    START,
    VAE,
    address,
    begin,
    decoded,
    gone,
    push,
    pushed,
    pushes,
    row,
    shown,
    value,
    with_directions,
)
from .explore_page import served
from .interpolate_page import ask

THICK = [{"name": "Thickness", "sigmas": 2}]
THIRD = {"model": GAN, "point": "seed:3", "label": ""}


@pytest.fixture
def attributes(url, browser):
    with pushes(browser, url) as open_view:
        yield open_view


@pytest.fixture(scope="module")
def page(url, browser):
    """One page for all tests, each of which begins with a view of its own."""
    with pushes(browser, url) as open_view:
        yield open_view(START)


@pytest.fixture
def z() -> np.ndarray:
    return latents(7, 1, (16,))[0]


# The strip, films, files


def test_the_strip_shows_the_pushes_from_minus_three_to_three_and_a_press_goes_there(page, bundled, z):
    begin(page, along="Slant", push=[{"name": "Thickness", "sigmas": 1}])
    page.wait_for_selector('[data-testid="attributes-strip"][aria-busy="false"]', timeout=60_000)
    tiles = page.locator('[data-testid="attributes-strip"] canvas')
    for k, sigmas in ((0, -3), (6, 3)):
        goal = decoded(bundled, VAE, pushed(bundled, VAE, z, {"Thickness": 1, "Slant": sigmas}))
        assert np.abs(np.array(tiles.nth(k).evaluate(PIXELS)) - goal).max() <= 2
    tiles.nth(5).click()
    assert address(page, "Slant:2")["push"] == "Thickness:1,Slant:2"


def test_a_picture_goes_there_and_back_by_itself(page):
    begin(page, along="Slant")
    page.get_by_test_id("attributes-play").click()
    page.wait_for_function("() => Math.abs(document.querySelector('[data-testid=push-Slant]').value) > 0.3", timeout=60_000)
    page.get_by_test_id("attributes-play").click()
    rested = value(page, "Slant")
    assert address(page, "push=Slant:")["push"] == f"Slant:{rested:g}"


def test_the_way_along_a_direction_is_saved_as_a_film_and_as_a_strip(page):
    begin(page, along="Thickness", beside=[THIRD])
    with page.expect_download(timeout=60_000) as download:
        page.get_by_test_id("attributes-save-gif").click()
    film = Image.open(io.BytesIO(download.value.path().read_bytes()))
    assert film.n_frames == 80 and download.value.suggested_filename.startswith("Thickness-mnist")
    first = np.asarray(film.convert("L"), int)
    film.seek(40)
    assert np.asarray(film.convert("L"), int).mean() != pytest.approx(first.mean(), abs=0.5)
    with page.expect_download(timeout=60_000) as download:
        page.get_by_test_id("attributes-save-png").click()
    assert "beside=mnist-gan@seed:3&along=Thickness" in Image.open(download.value.path()).text["Source"]


# Starts, pins, other models


def test_a_random_picture_keeps_the_pushes(page):
    begin(page, push=THICK)
    before = shown(page)
    page.keyboard.press("r")
    gone(page, "seed:7")
    assert address(page)["push"] == "Thickness:2" and np.abs(shown(page) - before).mean() > 3


def test_a_pin_is_the_picture_as_it_is_pushed(page):
    begin(page, push=THICK)
    before = shown(page)
    page.locator(f"{ROOT} .lp-pinthis").click()
    assert address(page, "pins=A@")["pins"] == f"A@{VAE}@seed:7 + 2*Thickness"
    page.locator(f"{ROOT} [aria-label='Go to pin A']").click()
    gone(page, "push=")
    assert np.abs(shown(page) - before).max() <= 2
    page.locator(".lp-attributesright").get_by_role("button", name="Open in Explore").click()
    page.wait_for_selector('[data-testid="latent-picture"]:visible', timeout=60_000)
    assert address(page)["point"] == "seed:7 + 2*Thickness"


def test_models_side_by_side_are_pushed_alike_each_from_its_own_start(page, bundled):
    begin(page, beside=[THIRD])
    start = latents(3, 1, bundled.blueprint(GAN).latent_shape)[0]
    assert np.abs(shown(page, BESIDE) - decoded(bundled, GAN, start)).max() <= 2
    push(page, "Thickness", 2)
    address(page, "push=Thickness:2")
    assert np.abs(shown(page, BESIDE) - decoded(bundled, GAN, pushed(bundled, GAN, start, {"Thickness": 2}))).max() <= 2
    missing = row(page, "From_1_to_8")
    assert "lacking" in missing.get_attribute("class") and "GAN has no direction for From 1 to 8" in missing.locator(".lp-pushname").get_attribute("title")
    push(page, "From_1_to_8", 1)
    page.wait_for_selector(".lp-lacks:has-text('no direction for From 1 to 8')", timeout=60_000)
    page.get_by_label("Remove this model").click()
    gone(page, "beside=")
    assert page.locator(BESIDE).count() == 0


def test_a_model_beside_takes_the_same_picture_over(page):
    begin(page, beside=[{"model": "mnist-ae-16d", "point": "", "label": ""}])
    apart = np.abs(shown(page, BESIDE) - shown(page)).mean()
    page.get_by_label("Start from the first model's picture").click()
    address(page, "beside=mnist-ae-16d@z:")
    assert np.abs(shown(page, BESIDE) - shown(page)).mean() < apart / 2
    page.get_by_test_id("attributes-beside").select_option("mnist-gan")
    assert address(page, ";mnist-gan")["beside"].startswith("mnist-ae-16d@z:")


# Models of many steps, and models without directions


@pytest.fixture(scope="module")
def tiny(made, chromium, tmp_path_factory):
    """A page over tiny models, of which the VAE and the diffusion model have two directions each."""
    folder = tmp_path_factory.mktemp("tiny")
    roots = shutil.copytree(made, folder / "checkpoints")
    for name in ("vae", "diffusion"):
        with_directions(roots / name)
    engine = Engine(roots, device="cpu", cache=folder / "cache")
    with served(engine, "vae", folder / "data") as address:
        yield address
    engine.close()


@pytest.fixture
def tiny_attributes(tiny, browser):
    with pushes(browser, tiny) as open_view:
        yield open_view


def test_a_model_without_directions_says_so_and_offers_others(tiny_attributes):
    page = tiny_attributes("model=gan&push=Round:1")
    assert "There is nothing to push" in page.get_by_test_id("attributes-none").inner_text() and page.locator(".lp-pushrow").count() == 0
    gone(page, "push=")
    page.get_by_test_id("attributes-none").get_by_role("button", name="VAE").click()
    address(page, "model=vae", "tab=attributes")
    page.wait_for_selector(".lp-pushrow", timeout=60_000)
    assert not page.get_by_test_id("attributes-none").is_visible()


def test_a_slow_model_waits_until_the_hand_rests_and_then_computes_the_true_picture(tiny_attributes):
    page = tiny_attributes("model=diffusion&point=seed:2")
    before = shown(page)
    assert page.locator(f"{ROOT} .lp-made").first.inner_text() == "2 steps"
    row(page, "Round").locator("input").evaluate("input => { input.value = 2; input.dispatchEvent(new Event('input', { bubbles: true })); }")
    assert page.locator(f"{ROOT} .lp-made").first.inner_text() == "waits until the hand rests"
    after = shown(page)
    assert np.abs(after - before).mean() > 1 and page.locator(PICTURE).get_attribute("data-road") == "server"
    assert page.get_by_role("button", name="Compute all 7 pictures").is_visible()
    page.get_by_role("button", name="Compute all 7 pictures").click()
    page.wait_for_selector('[data-testid="attributes-strip"][aria-busy="false"]', timeout=60_000)
    assert not page.get_by_role("button", name="Compute all 7 pictures").is_visible()


def test_a_strip_along_one_direction_does_not_pass_for_one_along_another(tiny_attributes):
    page, held = tiny_attributes("model=diffusion&point=seed:2&along=Round"), []
    compute, strip = page.get_by_role("button", name="Compute all 7 pictures"), '[data-testid="attributes-strip"]'
    page.route("**/live/decode/**", lambda route: route.continue_() if held else held.append(route))
    compute.click()
    page.wait_for_function("selector => document.querySelector(selector).getAttribute('aria-busy') === 'true'", arg=strip)
    ask(page, "const { choose } = await load('store.js'); choose({ along: 'Large' }, false);")
    page.get_by_role("heading", name="Along Large").wait_for(timeout=60_000)
    while not held:
        page.wait_for_timeout(50)
    held[0].continue_()
    page.wait_for_selector(f'{strip}[aria-busy="false"]', timeout=60_000)
    assert not any(any(page.locator(f"{strip} canvas").nth(k).evaluate(PIXELS)) for k in range(7))
    compute.click()
    page.wait_for_function("([strip]) => document.querySelector(strip).getAttribute('aria-busy') === 'false'", arg=[strip], timeout=60_000)
    assert all(any(page.locator(f"{strip} canvas").nth(k).evaluate(PIXELS)) for k in range(7)) and not compute.is_visible()


def test_a_model_beside_without_directions_stays_where_it_is_and_says_so(tiny_attributes):
    page = tiny_attributes("model=vae&point=seed:2&beside=gan")
    before, own = shown(page, BESIDE), shown(page)
    push(page, "Round", 2)
    page.wait_for_selector(".lp-lacks:has-text('no direction for Round')", timeout=60_000)
    assert np.array_equal(shown(page, BESIDE), before) and not np.array_equal(shown(page), own)


# Telephones


@pytest.mark.parametrize(("scheme", "query"), [("light", START), ("dark", f"{START}&beside={GAN};mnist-flow;mnist-ae-16d&before=1&push=Thickness:2")])
def test_a_phone_scrolls_nothing_sideways_and_keeps_the_picture_in_sight(attributes, scheme, query):
    page = attributes(query, width=390, height=844, color_scheme=scheme)
    reach = """Math.max(document.documentElement.scrollWidth, ...[...document.querySelectorAll(
        '.lp-attributes :is(.lp-card, .lp-row, .lp-pushrow, .lp-pushedlist, .lp-pushed canvas)')].map(one => one.getBoundingClientRect().right))"""
    assert page.evaluate(reach) <= 390
    row(page, "Height").scroll_into_view_if_needed()
    box, under = page.locator(PICTURE).bounding_box(), row(page, "Height").bounding_box()
    assert 0 <= box["y"] and box["y"] + box["height"] < under["y"]
    low = "all => all.filter(one => one.getBoundingClientRect().height < 44).map(one => one.outerHTML)"
    assert page.locator(".lp-pushrow:visible :is(button, input)").evaluate_all(low) == []
