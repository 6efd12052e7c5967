"""The Explore page under the hand of a person, in a real Chromium, on the bundled models"""

from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from genmodels.normal import latents
from genmodels.ui.live.asking import LARGEST_BODY

from .explore_page import EVERYWHERE, MAP, PICTURE, PIXELS, at, pixels, point_of, reach, settle

WIDEST = """Math.max(...[...document.querySelectorAll('.lp-top, .lp-top > *, .lp-right > *, .lp-morelist > *, .lp-about')]
    .map(one => one.getBoundingClientRect().right))"""
SMALL = """[...document.querySelectorAll('.lp button, .lp select, .lp input, .lp summary')].filter(one => one.checkVisibility())
    .map(one => [one.className || one.ariaLabel || one.tagName, one.getBoundingClientRect()])
    .filter(([, box]) => box.width < 43.5 || box.height < 43.5).map(([name, box]) => `${name} ${box.width} x ${box.height}`)"""


def test_hovering_shows_and_leaving_goes_back(visit):
    page = visit()
    before = pixels(page)
    page.mouse.move(*at(page, 0.1, 0.15))
    over = pixels(page)
    assert np.abs(over - before).mean() > 5
    page.mouse.move(5, 5)
    page.wait_for_timeout(200)
    assert np.array_equal(pixels(page), before)
    assert point_of(page) == ""


def test_a_seed_gives_the_picture_that_the_engine_gives(visit, bundled):
    page = visit("model=mnist-vae-16d&point=seed:41")
    z = latents(41, 1, (16,))
    assert np.abs(pixels(page) - bundled.decode("mnist-vae-16d", z)[0].ravel()).max() <= 2


def test_a_slider_moves_the_picture_and_undo_and_redo_bring_it_back(visit):
    page = visit("model=mnist-vae-16d&point=seed:3")
    before, slider = pixels(page), page.get_by_test_id("latent-slider-0")
    slider.fill("2.5")
    slider.dispatch_event("change")
    after = pixels(page)
    assert np.abs(after - before).mean() > 3
    page.get_by_role("button", name="Undo").click()
    assert np.array_equal(pixels(page), before)
    page.get_by_role("button", name="Redo").click()
    assert np.array_equal(pixels(page), after)


def test_the_map_is_moved_by_arrow_keys(visit):
    page = visit()
    before = pixels(page)
    page.locator(MAP).focus()
    for _ in range(4):
        page.keyboard.press("Shift+ArrowRight")
    assert np.abs(pixels(page) - before).mean() > 2
    for _ in range(4):
        page.keyboard.press("z")
    assert np.array_equal(pixels(page), before)


def test_the_picker_changes_the_model_and_a_second_one_stands_beside(visit):
    page = visit("model=mnist-vae-2d")
    page.get_by_test_id("model-picker").locator('[data-model="mnist-pca-2d"]').click()
    page.wait_for_url("**model=mnist-pca-2d**")
    settle(page)
    page.get_by_test_id("second-model").select_option("mnist-vae-2d")
    page.wait_for_selector('[data-testid="latent-picture-2"]:not([data-ms="0"])')
    second = page.locator('[data-testid="latent-picture-2"]')
    before = second.evaluate("c => c.toDataURL()")
    page.mouse.move(*at(page, 0.15, 0.2))
    page.wait_for_timeout(300)
    assert second.evaluate("c => c.toDataURL()") != before


def test_both_hands_can_share_the_picture_instead_of_the_place(visit, bundled):
    page = visit("model=mnist-vae-2d&second=mnist-pca-2d&hand=picture&point=atlas:7")
    page.wait_for_selector('[data-testid="latent-picture-2"]:not([data-ms="0"])')
    page.wait_for_timeout(500)
    shown = page.evaluate(PIXELS.replace("latent-picture", "latent-picture-2"))
    expected = bundled.decode("mnist-pca-2d", bundled.checkpoint("mnist-pca-2d").atlas()["codes"][7:8].astype(np.float32))
    assert np.abs(np.array(shown) - expected.ravel()).max() <= 2


def test_a_conditional_model_shows_one_style_in_all_classes(visit):
    page = visit("model=mnist-cvae-16d&point=seed:5&label=3")
    before = pixels(page)
    page.wait_for_selector('[data-testid="latent-class-9"]')
    page.get_by_test_id("latent-class-8").click()
    assert np.abs(pixels(page) - before).mean() > 3
    assert "label=8" in page.evaluate("new Promise(r => setTimeout(() => r(location.search), 150))")


def test_what_is_released_on_a_conditional_model_is_what_was_seen(visit):
    page = visit("model=mnist-cvae-16d&point=atlas:3")
    slider = page.get_by_test_id("latent-slider-0")
    slider.evaluate("input => { input.value = 1.7; input.dispatchEvent(new Event('input', { bubbles: true })); }")
    seen = pixels(page)
    slider.dispatch_event("change")
    assert np.array_equal(pixels(page), seen)
    page.keyboard.press("p")
    page.keyboard.press("0")
    settle(page)
    page.get_by_label("Go to pin A").click()
    assert np.array_equal(pixels(page), seen)


def test_the_focus_stays_on_what_was_pressed(visit):
    page = visit("model=mnist-cvae-16d")
    page.wait_for_selector('[data-testid="latent-class-9"]')
    page.get_by_test_id("latent-class-4").press("Enter")
    page.wait_for_selector('[data-testid="latent-class-4"][aria-pressed="true"]')
    assert page.evaluate("document.activeElement.dataset.testid") == "latent-class-4"
    page.get_by_test_id("latent-class-4").press("Enter")
    page.wait_for_selector('[data-testid="latent-class-4"][aria-pressed="false"]')
    assert "label=none" in page.evaluate("new Promise(r => setTimeout(() => r(location.search), 150))")


@EVERYWHERE
@pytest.mark.parametrize("query", ["model=mnist-vae-16d", "model=fashion-vae-16d", "model=mnist-vae-2d&second=mnist-pca-2d"])
def test_nothing_overflows(visit, width, scheme, query):
    page = visit(query, width=width, color_scheme=scheme)
    assert reach(page) <= width
    assert page.evaluate("document.body.classList.contains('dark')") == (scheme == "dark")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_one_button_holds_what_the_head_has_no_room_for(visit, scheme):
    page = visit("model=mnist-vae-16d&road=server", road="", width=390, height=844, color_scheme=scheme)
    more, road = page.get_by_test_id("more"), page.get_by_test_id("road")
    assert page.evaluate(WIDEST) <= 390 and page.evaluate("document.querySelector('h1').getBoundingClientRect().left") < 16
    assert more.is_visible() and not road.is_visible()
    more.click()
    assert page.evaluate(WIDEST) <= 390
    page.get_by_label("Light or dark").click()
    assert page.evaluate("document.body.classList.contains('dark')") == (scheme == "light")
    road.select_option("browser")
    page.wait_for_selector(f'{PICTURE}[data-road="browser"]')
    page.keyboard.press("Escape")
    assert not road.is_visible() and page.evaluate("document.activeElement.dataset.testid") == "more"


def test_a_finger_finds_every_control_of_a_phone(visit):
    assert visit("model=mnist-cvae-16d&second=mnist-vae-16d", width=390, height=844, has_touch=True).evaluate(SMALL) == []


def test_what_stays_in_sight_takes_little_of_a_phone_and_hides_nothing_that_gets_the_focus(visit):
    page = visit("model=mnist-vae-16d", width=390, height=844)
    page.mouse.move(200, 600)
    page.keyboard.press("End")
    page.locator(".lp-save button").first.scroll_into_view_if_needed()
    bottom = "document.querySelector('.lp-sticky').getBoundingClientRect().bottom"
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    page.wait_for_function(f"{bottom} > 0 && {bottom} < 120")
    for element in (page.get_by_test_id("latent-slider-0"), page.get_by_role("button", name="Random", exact=True)):
        element.focus()
        assert element.bounding_box()["y"] >= page.evaluate(bottom)


def test_more_latents_than_one_request_may_carry_go_in_several(visit):
    """As 256 x 256 colours are that are noise before they are a picture."""
    page, sizes = visit("model=mnist-vae-2d"), []

    def answer(route):
        sizes.append(len(route.request.post_data_buffer))
        route.fulfill(body=bytes([len(sizes)]) * int(parse_qs(urlsplit(route.request.url).query)["n"][0]), content_type="application/octet-stream")
    page.route("**/live/decode/large*", answer)
    shades = page.evaluate("""async () => {
        const roads = performance.getEntriesByType("resource").find(({ name }) => name.endsWith("/roads.js")).name;
        const { decodeBehind } = await import(roads), D = 3 * 256 * 256;
        const model = { name: "large", image_shape: [1, 1, 1], latent_shape: [3, 256, 256], conditions: [], browser: false };
        return [...await decodeBehind(model, new Float32Array(12 * D), null, 12)].map((shade) => Math.round(255 * shade));
    }""")
    assert max(sizes) <= LARGEST_BODY and sum(sizes) == 4 * 12 * 3 * 256 * 256
    assert len(shades) == 12 and shades == sorted(shades) and set(shades) == set(range(1, len(sizes) + 1))
