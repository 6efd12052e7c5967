"""The Interpolate page under the hand of a person: two pictures, one slider, a row for every model"""

from urllib.parse import urlsplit

import numpy as np
import pytest
import torch

from genmodels.latent.walks import WALKS, through
from genmodels.normal import latents

from .interpolate_page import ROOT, SLIDER, address, ask, row, scrub, settle, shown, stop, walks

ENDS = "model=mnist-vae-16d&ends=mnist-vae-16d@atlas:3;mnist-vae-16d@seed:8&rows=crossfade,mnist-pca-16d,mnist-vae-16d,mnist-cvae-16d"
MODELS = ("crossfade", "mnist-pca-16d", "mnist-vae-16d", "mnist-cvae-16d")


@pytest.fixture
def walk(url, browser):
    with walks(browser, url) as open_view:
        yield open_view


@pytest.fixture(scope="module")
def page(url, browser):
    """One walk for all tests that only look at it and move its slider."""
    with walks(browser, url) as open_view:
        yield open_view(ENDS)


def test_a_walk_opens_by_itself_with_both_baselines_and_other_models(walk):
    page = walk("model=mnist-vae-2d")
    assert page.locator(f"{ROOT}").is_visible()
    kinds = page.locator(".lp-walkrows > section").evaluate_all("rows => rows.map(row => row.dataset.testid)")
    assert kinds[:2] == ["interpolate-row-crossfade", "interpolate-row-pca"] and "interpolate-row-vae" in kinds and len(kinds) >= 4
    assert np.abs(stop(page, 0) - stop(page, 1)).mean() > 10
    assert all("steps vary by" in text for text in page.locator(".lp-walksum").all_inner_texts())


def test_one_slider_moves_all_rows_and_asks_the_network_nothing(page):
    scrub(page, 0.25)
    before = {name: shown(page, name) for name in MODELS}
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    for place in np.linspace(0, 1, 41):
        scrub(page, float(place))
    scrub(page, 0.75)
    assert not asked
    assert all(np.abs(shown(page, name) - before[name]).mean() > 2 for name in MODELS)
    assert {row(page, name).get_attribute("data-frame") for name in MODELS} == {"48"}


def test_the_rows_stand_under_each_other_and_the_slider_over_their_middle_line(page):
    strips = page.locator(".lp-frames").evaluate_all("all => all.map(one => one.getBoundingClientRect()).map(box => [box.left, box.width])")
    assert len(strips) == 4 and len({tuple(box) for box in strips}) == 1
    left, width = strips[0]
    slider = page.locator(SLIDER).bounding_box()
    thumb = 8  # pixels from the end of a slider to the middle of its thumb
    assert abs(slider["x"] + thumb - (left + width / 22)) < 2 and abs(slider["x"] + slider["width"] - thumb - (left + width * 21 / 22)) < 2
    for place in (0, 0.3, 1):
        scrub(page, place)
        cursors = page.locator(".lp-cursor > i").evaluate_all("all => all.map(one => one.getBoundingClientRect().left)")
        assert np.allclose(cursors, left + width * (1 / 22 + place * 20 / 22), atol=2)


def test_a_row_begins_and_ends_with_the_pictures_of_the_model_that_made_them(page, bundled):
    for place, z in ((0, bundled.checkpoint("mnist-vae-16d").atlas()["codes"][3:4].astype(np.float32)), (1, latents(8, 1, (16,)))):
        scrub(page, place)
        assert np.abs(shown(page, "mnist-vae-16d") - bundled.decode("mnist-vae-16d", z)[0].ravel()).max() <= 2
        assert np.array_equal(shown(page, "mnist-vae-16d"), stop(page, place))
        assert np.abs(shown(page, "crossfade") - stop(page, place)).max() <= 1


def test_halfway_is_the_middle_of_the_pixels_in_one_row_and_of_the_latents_in_another(page, bundled):
    scrub(page, 0.5)
    assert np.abs(shown(page, "crossfade") - (stop(page, 0) + stop(page, 1)) / 2).max() <= 2
    z = (bundled.checkpoint("mnist-vae-16d").atlas()["codes"][3:4].astype(np.float32) + latents(8, 1, (16,))) / 2
    assert np.abs(shown(page, "mnist-vae-16d") - bundled.decode("mnist-vae-16d", z)[0].ravel()).max() <= 3
    page.get_by_test_id("interpolate-way").select_option("circle")
    settle(page)
    assert np.abs(shown(page, "mnist-vae-16d") - bundled.decode("mnist-vae-16d", z)[0].ravel()).max() > 8
    assert address(page)["walk"] == "circle" and "great circle" in row(page, "mnist-vae-16d").inner_text()
    page.get_by_role("button", name="Undo").last.click()
    settle(page)
    assert "walk" not in address(page)


def test_a_foreign_picture_is_encoded_and_each_row_says_how_it_got_its_ends(page):
    assert "both ends are its own points" in row(page, "mnist-vae-16d").inner_text()
    for name, alike in (("mnist-pca-16d", 0.6), ("mnist-cvae-16d", 0.85)):
        assert "both pictures encoded" in row(page, name).inner_text()
        for place in (0, 1):
            scrub(page, place)
            assert np.corrcoef(shown(page, name), stop(page, place))[0, 1] > alike


def test_the_address_holds_stops_rows_way_and_place_and_gives_them_back(walk):
    page = walk(f"{ENDS}&at=0.3&walk=line")
    assert page.locator(SLIDER).input_value() == "0.3"
    scrub(page, 0.625)
    page.locator(SLIDER).dispatch_event("change")
    held = address(page)
    assert held["at"] == "0.625" and held["tab"] == "interpolate" and held["ends"].count("@") == 2
    other = walk(urlsplit(page.url).query.replace("tab=interpolate&", "").replace("&road=server", ""))
    assert all(np.array_equal(shown(other, name), shown(page, name)) for name in MODELS)
    assert other.locator(".lp-say").count() == 0


def test_ends_are_chosen_swapped_and_brought_back_by_undo(walk):
    page = walk(ENDS)
    first, last = stop(page, 0), stop(page, 1)
    page.get_by_role("button", name="Swap the ends").click()
    settle(page)
    assert np.array_equal(stop(page, 0), last) and np.array_equal(stop(page, 1), first)
    page.get_by_test_id("interpolate-stop-1").click()
    page.get_by_test_id("interpolate-class-5").click()
    settle(page)
    assert page.get_by_test_id("interpolate-stop-1").inner_text().split("\n")[1] == "5"
    assert address(page)["ends"].split(";")[1].startswith("mnist-vae-16d@atlas:")
    page.get_by_role("button", name="Random").last.click()
    settle(page)
    assert "@seed:" in address(page)["ends"].split(";")[1]
    for _ in range(3):
        page.get_by_role("button", name="Undo").last.click()
        settle(page)
    assert np.array_equal(stop(page, 0), first) and np.array_equal(stop(page, 1), last)


def test_pins_and_the_place_of_the_map_are_stops_and_a_walk_meets_them_all(walk, bundled):
    page = walk("model=mnist-vae-16d&point=seed:4&rows=crossfade,mnist-vae-16d&pins=A@mnist-vae-16d@seed:1;B@mnist-pca-16d@seed:2"
                "&ends=mnist-vae-16d@seed:1;mnist-vae-16d@seed:2;mnist-vae-16d@seed:3")
    page.get_by_test_id("interpolate-stop-1").click()
    page.get_by_test_id("interpolate-pin-B").click()
    settle(page)
    page.get_by_test_id("interpolate-stop-2").click()
    page.get_by_test_id("interpolate-map").click()
    settle(page)
    assert address(page)["ends"] == "mnist-vae-16d@seed:1;mnist-pca-16d@seed:2;mnist-vae-16d@seed:4"
    assert np.abs(stop(page, 1) - bundled.decode("mnist-pca-16d", latents(2, 1, (16,)))[0].ravel()).max() <= 2
    assert "2 encoded; 1, 3 its own" in row(page, "mnist-vae-16d").inner_text()
    for k in range(3):
        scrub(page, k / 2)
        assert np.abs(shown(page, "crossfade") - stop(page, k)).max() <= 1
    page.get_by_role("button", name="Add a stop after Stop 1").click()
    settle(page)
    assert page.locator(".lp-stop").count() == 4
    page.get_by_role("button", name="Remove Stop 3").click()
    settle(page)
    assert page.locator(".lp-stop").count() == 3


def test_rows_come_and_go(walk):
    page = walk(ENDS)
    page.get_by_test_id("interpolate-add").select_option("mnist-ae-16d")
    settle(page)
    assert row(page, "mnist-ae-16d").get_attribute("data-frames") == "65"
    page.get_by_label("Remove the row PCA 16-D").click()
    settle(page)
    assert row(page, "mnist-pca-16d").count() == 0 and address(page)["rows"] == "crossfade,mnist-vae-16d,mnist-cvae-16d,mnist-ae-16d"


def test_another_model_keeps_the_pictures_and_other_data_brings_its_own(walk):
    page = walk("model=mnist-vae-16d")
    before = stop(page, 0)
    page.get_by_test_id("model-picker").locator('[data-model="mnist-ae-16d"]').click()
    settle(page)
    assert np.array_equal(stop(page, 0), before) and row(page, "mnist-ae-16d").count() == 1
    page.get_by_role("button", name="Shapes in a landscape").click()
    page.wait_for_selector('[data-model="shapes-vae"].lp-walkrow')
    settle(page)
    assert {name for name in page.locator(".lp-walkrow[data-model]").evaluate_all("rows => rows.map(row => row.dataset.model)")} == {"crossfade", "shapes-vae"}
    assert page.locator(".lp-keys .sure").is_hidden()


def test_the_verdict_of_a_row_is_the_classifiers(page, bundled):
    scrub(page, 0)
    picture = shown(page, "mnist-vae-16d").reshape(1, 28, 28, 1).astype(np.uint8)
    chances = bundled.classify("mnist-classifier", picture)[0]
    label, share = row(page, "mnist-vae-16d").locator(".lp-verdict").inner_text().split(" · ")
    assert label == str(chances.argmax()) and abs(int(share.split()[0]) - 100 * chances.max()) < 2
    assert row(page, "mnist-vae-16d").locator(".lp-sureness").get_attribute("d").count("L") == 64


def test_the_distance_to_test_pictures_is_drawn_where_the_classifier_knows_them(walk):
    def with_distances(route):
        answer = route.fetch()
        seen = np.frombuffer(answer.body(), "<f4").reshape(int(route.request.url.split("n=")[1]), -1)[:, :10]
        route.fulfill(body=np.hstack([seen, np.full((len(seen), 1), 1.5, np.float32)]).tobytes(), content_type="application/octet-stream")
    page = walk("model=mnist-vae-2d&rows=crossfade")
    page.route("**/live/describe/**", with_distances)
    page.get_by_test_id("interpolate-add").select_option("mnist-vae-2d")
    settle(page)
    heights = {point.split()[1] for point in row(page, "mnist-vae-2d").locator(".lp-far").get_attribute("d")[1:].split("L")}
    assert len(heights) == 1 and "farthest 1.5 at" in row(page, "mnist-vae-2d").inner_text()
    assert page.locator(".lp-keys .far").is_visible()


def test_keys_move_and_space_plays(page):
    scrub(page, 0.5)
    page.locator(SLIDER).focus()
    page.keyboard.press("ArrowRight")
    assert abs(float(page.locator(SLIDER).input_value()) - 0.5 - 1 / 64) < 0.002
    page.keyboard.press("Home")
    assert float(page.locator(SLIDER).input_value()) == 0
    page.keyboard.press(" ")
    page.wait_for_function(f"+document.querySelector('{SLIDER}').value > 0.02", timeout=60_000)
    page.keyboard.press(" ")
    rested = page.locator(SLIDER).input_value()
    page.wait_for_timeout(200)
    assert page.locator(SLIDER).input_value() == rested and address(page)["at"] == rested


def test_a_strip_is_a_slider_too(page):
    box = row(page, "mnist-pca-16d").locator(".lp-frames").bounding_box()
    page.mouse.move(box["x"] + box["width"] * (1 / 22 + 0.8 * 20 / 22), box["y"] + 20)
    page.mouse.down()
    page.mouse.up()
    assert abs(float(page.locator(SLIDER).input_value()) - 0.8) < 0.01 and abs(float(address(page)["at"]) - 0.8) < 0.01


def test_a_grid_has_the_stops_in_its_corners(walk):
    page = walk("model=mnist-vae-16d&view=grid&ends=" + ";".join(f"mnist-vae-16d@seed:{seed}" for seed in range(1, 5)))
    tiles = page.locator(".lp-board canvas")
    assert tiles.count() == 81 and tiles.evaluate_all("all => all.every(one => one.dataset.frame >= 0)")
    corner = "c => Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data).filter((_, i) => i % 4 === 0)"
    for tile, k in ((0, 0), (8, 1), (72, 2), (80, 3)):
        assert np.abs(np.array(tiles.nth(tile).evaluate(corner)) - stop(page, k)).max() <= 2
    tiles.nth(8).hover()
    large = page.get_by_test_id("interpolate-grid-large")
    assert np.array_equal(np.array(large.evaluate(corner)), np.array(tiles.nth(8).evaluate(corner)))
    page.wait_for_function("document.querySelector('.lp-gridwords').textContent.includes('across 1.00, down 0.00')", timeout=60_000)


def test_the_present_picture_goes_on_in_explore(walk, bundled):
    page = walk(f"{ENDS}&at=1")
    row(page, "mnist-vae-16d").get_by_role("button", name="Explore").click()
    page.wait_for_selector('[data-testid="latent-picture"]:visible')
    held = address(page)
    assert "tab" not in held and held["model"] == "mnist-vae-16d" and held["point"].startswith("z:")


def test_bad_values_in_a_link_get_a_sentence_each_and_their_defaults(walk):
    page = walk("model=mnist-vae-2d&ends=nope@seed:1;mnist-vae-2d@seed:2&rows=crossfade,nope&at=7&walk=zigzag&view=pie&steps=0&truncation=x")
    said = page.locator(".lp-says").inner_text()
    for words in ("two to 8 stops", "rows of the link", "the place on the walk; it is a number from 0 to 1", "auto, line and circle", "rows and grid",
                  "whole number from 1 to 200", "0.1 to 1.5"):
        assert words in said
    assert page.locator(".lp-stop").count() == 2 and page.locator(SLIDER).input_value() == "0.5"
    assert page.locator(".lp-walkrow[data-model]").evaluate_all("rows => rows.map(row => row.dataset.model)") == ["crossfade"]


def test_a_link_to_a_tab_that_is_not_there_opens_the_first(visit):
    page = visit("tab=nowhere")
    assert "does not have" in page.locator(".lp-says").inner_text() and "tab" not in address(page)


def test_a_stop_that_cannot_be_read_is_a_sentence_on_the_page(walk):
    page = walk("model=mnist-vae-2d&rows=crossfade&ends=mnist-vae-2d@atlas:99999999;mnist-vae-2d@seed:2")
    assert "There is no atlas" in page.locator(f"{ROOT} [role=status]:visible").first.inner_text()


@pytest.mark.parametrize(("scheme", "query"), [("light", ENDS), ("dark", "model=fashion-vae-16d")])
def test_a_phone_scrolls_nothing_sideways(walk, scheme, query):
    page = walk(f"{query}&at=1", width=390, color_scheme=scheme)
    wide = ("Math.max(document.documentElement.scrollWidth, ...[...document.querySelectorAll("
            "'.lp-interpolate :is(.lp-card, .lp-bar, .lp-row, .lp-track, canvas)')].map(one => one.getBoundingClientRect().right))")
    assert page.evaluate(wide) <= 390
    assert row(page, "crossfade").locator(".lp-frames canvas").count() == 5
    assert page.evaluate("document.body.classList.contains('dark')") == (scheme == "dark")
    page.get_by_role("button", name="Grid").click()
    settle(page)
    assert page.evaluate(wide) <= 390 and page.get_by_test_id("interpolate-grid").is_visible()


def test_the_javascript_walks_are_those_of_python(page):
    stops = torch.randn(4, 6, generator=torch.Generator().manual_seed(5))
    twins = {"straight": "line", "arc": "circle"}
    for kind, stops in [*((kind, stops) for kind in WALKS), ("arc", torch.tensor([[0.0, 0], [1, 2], [2, 4], [-1, -2], [-1, -2]]))]:
        theirs = ask(page, "const { through } = await load('walks.js'); "
                           "return through(given[0].map(one => Float32Array.from(one)), 9, given[1]).map(one => [...one]);",
                     stops.tolist(), twins[kind])
        assert np.allclose(theirs, through(list(stops), 9, kind), atol=2e-5)


def test_frames_are_made_coarse_first_each_once(page):
    order = ask(page, "const { coarseToFine } = await load('frames.js'); return coarseToFine(33, 8);")
    assert order[0] == [0, 8, 16, 24, 32] and max(map(len, order)) <= 8
    assert sorted(k for part in order for k in part) == list(range(33))
