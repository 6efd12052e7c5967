"""The two roads to a picture: the same pictures, small downloads, and nothing lost where one of them is closed"""

import numpy as np
import pytest

from genmodels.ui.theme import ASSETS

from .explore_page import PICTURE, at, pixels, settle

RUNTIME = ASSETS / "vendor" / "onnxruntime-web"


def test_both_roads_give_the_same_picture(visit):
    if not RUNTIME.is_dir():
        pytest.skip("onnxruntime-web is not installed in assets/vendor")
    server, browser = (visit("model=mnist-vae-16d&point=seed:7", road=road) for road in ("server", "browser"))
    assert np.abs(pixels(server) - pixels(browser)).max() <= 2
    assert float(browser.get_attribute(PICTURE, "data-ms")) > 0


def test_the_page_does_not_wait_for_the_runtime(url, browser):
    context = browser.new_context()
    context.route("**/onnxruntime-web/**", lambda route: None)  # never answered
    page = context.new_page()
    page.goto(f"{url}/?model=mnist-vae-2d&second=mnist-pca-2d")
    page.wait_for_selector('[data-testid="latent-picture-2"][data-road="server"]:not([data-ms="0"])')
    settle(page)
    assert page.locator(".lp-gallery .lp-tile").count() > 3
    context.close()


def test_an_atlas_that_does_not_arrive_leaves_a_map_without_codes(url, browser):
    context = browser.new_context()
    context.route("**/atlas.bin", lambda route: route.abort())
    page = context.new_page()
    page.goto(f"{url}/?model=mnist-vae-2d&road=server")
    page.wait_for_selector(f'{PICTURE}:not([data-ms="0"])')
    settle(page)
    assert "could not be loaded" in page.locator(".lp-says").inner_text()
    before = pixels(page)
    page.mouse.move(*at(page, 0.1, 0.15))
    assert np.abs(pixels(page) - before).mean() > 5
    context.close()


def test_with_everything_beyond_the_own_host_blocked_all_works(url, browser):
    context, foreign = browser.new_context(), []

    def gate(route):
        own = route.request.url.startswith((url, "data:", "blob:"))
        if not own:
            foreign.append(route.request.url)
        route.continue_() if own else route.abort()

    context.route("**/*", gate)
    page = context.new_page()
    page.goto(f"{url}/?model=mnist-vae-2d")
    page.wait_for_selector(f'{PICTURE}:not([data-ms="0"])')
    settle(page)
    context.close()
    assert foreign == []


def test_without_the_runtime_the_server_serves_and_nothing_is_said(visit, url, browser):
    context, complaints = browser.new_context(), []
    context.route("**/onnxruntime-web/**", lambda route: route.abort())
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{url}/?model=mnist-vae-2d")
    page.wait_for_selector(f'{PICTURE}[data-road="server"]:not([data-ms="0"])')
    before = pixels(page)
    page.mouse.move(*at(page, 0.1, 0.15))
    assert np.abs(pixels(page) - before).mean() > 5
    assert page.locator(".lp-say").count() == 0 and complaints == []
    context.close()


def test_the_runtime_travels_small_and_once(url, browser):
    if not RUNTIME.is_dir():
        pytest.skip("onnxruntime-web is not installed in assets/vendor")
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{url}/?model=mnist-vae-2d")
    page.wait_for_selector(f'{PICTURE}[data-road="browser"]')
    sizes = """() => performance.getEntriesByType('resource').filter(e => e.name.includes('onnxruntime-web'))
        .map(e => [e.encodedBodySize, e.decodedBodySize, e.transferSize])"""
    first = np.array(page.evaluate(sizes)).sum(0)
    assert first[0] < 0.4 * first[1]  # compressed on the way
    page.reload()
    page.wait_for_selector(f'{PICTURE}[data-road="browser"]')
    assert np.array(page.evaluate(sizes)).sum(0)[2] == 0  # from the browser's own cache
    context.close()
