"""The direction workshop under the hand of a person, in a real Chromium: marks become a row, sums become pictures, numbers are those of Python."""

import json
from contextlib import contextmanager

import numpy as np
import pytest

from genmodels.latent import points
from genmodels.latent.directions import arithmetic
from genmodels.normal import latents
from genmodels.ui.live.workshop import Workshop

from .conftest import watched
from .explore_page import point_of, served

MODEL, PLAIN, D = "mnist-vae-16d", "mnist-vae-2d", 16
MARKING, FITTED = '[data-testid="marking"]', '[data-testid="fitted"]'
CELLS = """() => [...document.querySelectorAll('[data-testid="leakmap"] tbody tr')].map(row => [row.querySelector('th').textContent,
    [...row.querySelectorAll('td')].map(cell => cell.textContent)])"""


@pytest.fixture(scope="module")
def address(bundled, tmp_path_factory, chromium):
    """The whole page with the workshop's road."""
    with served(bundled, MODEL, tmp_path_factory.mktemp("workshop"), {"directions": Workshop(bundled)}) as url:
        yield url


@contextmanager
def opened(browser, address):
    """A function that opens a view of the Attributes page and scrolls down to its workshop."""
    with watched(browser) as open_page:
        def visit(query="", model=MODEL, url="", **options):
            page = open_page(url or f"{address}/?model={model}&tab=attributes&road=server{query}", **options)
            page.set_default_timeout(60_000)
            page.wait_for_selector('[data-testid="attributes"][aria-busy="false"]')
            page.locator(".lp-workshop").scroll_into_view_if_needed()
            page.wait_for_selector(f'{MARKING}[aria-busy="false"] button')
            return page

        yield visit


def mark(page, plus, minus) -> None:
    tiles = page.locator(f"{MARKING} button")
    for k in plus:
        tiles.nth(k).click()
    for k in minus:
        tiles.nth(k).click(click_count=1)
        tiles.nth(k).click(click_count=1)
    page.wait_for_selector(f'{FITTED}:has-text("{len(plus)} marked +, {len(minus)} −")')


def kept_as(page, name: str) -> None:
    page.fill('[data-testid="fitted-name"]', name)
    page.click('[data-testid="fitted-keep"]')


def test_marks_become_a_direction_that_is_kept_and_goes_into_a_link(browser, address):
    with opened(browser, address) as visit:
        page = visit(model=PLAIN, permissions=["clipboard-read", "clipboard-write"])
        assert not page.locator('[data-direction="Big_ears"]').count()
        mark(page, range(5), range(8, 13))
        kept_as(page, "a*b")
        page.wait_for_selector('.lp-result [role="alert"]:has-text("2 to 40 letters")')
        kept_as(page, "Big ears")
        page.wait_for_selector('[data-own="Big ears"]:has-text("5 + and 5 −")')
        page.wait_for_selector('[data-direction="Big_ears"]')
        page.reload()
        page.wait_for_selector('[data-direction="Big_ears"]')
        page.locator(".lp-workshop").scroll_into_view_if_needed()
        page.click('[data-own="Big ears"] [data-key="link Big ears"]')
        page.wait_for_selector('.lp-say:has-text("The link is copied")')
        link = page.evaluate("navigator.clipboard.readText()")

        other = visit(url=link)
        other.wait_for_selector('[data-direction="Big_ears"]')
        other.click('[data-own="Big ears"] [data-key="keep Big ears"]')
        other.wait_for_selector('[data-own="Big ears"] [data-key="delete Big ears"]')
        other.click('[data-key="delete Big ears"]')
        other.wait_for_selector('[data-direction="Big_ears"]', state="detached")
        other.click('.lp-say:has-text("deleted") .lp-button')
        other.wait_for_selector('[data-direction="Big_ears"]')


def test_the_keys_mark_too_and_more_pictures_keep_the_marks(browser, address):
    with opened(browser, address) as visit:
        page = visit(model=PLAIN)
        page.locator(f"{MARKING} button").first.focus()
        for key in ("+", "ArrowRight", "-", "ArrowDown", "+", "0"):
            page.keyboard.press(key)
        marked = "[...document.querySelectorAll('.lp-mark')].map(one => one.className.replace('lp-mark', '').trim())"
        assert [one for one in page.evaluate(marked) if one] == ["plus", "minus"]
        page.click('[data-testid="marking-more"]')
        page.wait_for_function(f"!({marked}).some(Boolean)")
        assert page.locator(".lp-markedstrip .lp-tile").count() == 2


def test_a_file_of_other_weights_is_refused_and_a_saved_one_is_taken(browser, address, tmp_path, bundled):
    good = {"kind": "latent-playground direction", "format": 1, "model": bundled.checkpoint(PLAIN).hash, "model_name": PLAIN, "name": "Mine",
            "step": [0.6, -0.8], "accuracy": 0.9, "plus": 10, "minus": 9, "about": "Made by hand."}
    bad = {"other.json": ({"model": "0" * 16}, "made with other weights"), "long.json": ({"step": [1.0] * 3}, "has 2 numbers; this one has 3"),
           "kind.json": ({"kind": "recipe"}, "holds no direction"), "zero.json": ({"step": [0, 0]}, "nothing but zeros")}
    with opened(browser, address) as visit:
        page = visit(model=PLAIN)
        for name, (change, said) in bad.items():
            (tmp_path / name).write_text(json.dumps(good | change))
            page.set_input_files('[data-testid="own-file"]', tmp_path / name)
            page.wait_for_selector(f'.lp-say:has-text("{said}")')
        assert not page.locator("[data-own]").count()
        (tmp_path / "good.json").write_text(json.dumps(good))
        page.set_input_files('[data-testid="own-file"]', tmp_path / "good.json")
        page.wait_for_selector('[data-own="Mine"]:has-text("90 % right, 10 + and 9 −")')
        with page.expect_download() as saved:
            page.click('[data-key="save Mine"]')
        again = json.loads(saved.value.path().read_text())
        assert np.allclose(again["step"], good["step"], atol=1e-7) and again["model"] == good["model"]


def test_the_heat_map_shows_what_evaluate_measured_and_measures_what_is_missing(browser, address, bundled):
    table = bundled.checkpoint(MODEL).found_directions.leakage
    with opened(browser, address) as visit:
        page = visit()
        page.wait_for_function(f"({CELLS})()[0][1][0] !== ''")
        for view, key in (("before", "before"), ("after", "after")):
            page.click(f'[data-view="{view}"]')
            for (name, row), expected in zip(page.evaluate(CELLS), table[key], strict=True):
                shown = [float(text.replace("−", "-")) for text in row]
                assert name in table["names"] and np.allclose(shown, 100 * np.array(expected), atol=0.51)
        page.click('[data-view="cosines"]')
        cosines = [[float(text.replace("−", "-")) for text in row] for _, row in page.evaluate(CELLS)]
        assert np.allclose(cosines, table["cosines"], atol=0.011)
        page.keyboard.press("ArrowLeft")
        assert page.get_attribute('[data-view="after"]', "aria-checked") == "true"
        page.locator('[data-testid="leakmap"] td[data-row="0"][data-column="0"]').focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_selector(f'.lp-leakwords:has-text("One sigma of {table["names"][0]}"):has-text("{table["names"][1]}")')


def test_of_own_directions_the_missing_row_is_measured_by_the_server(browser, address, bundled):
    step = np.zeros(D)
    step[3] = 1
    own = {"name": "Mine", "step": step.tolist(), "accuracy": None, "plus": 0, "minus": 0, "about": "One axis."}
    with opened(browser, address) as visit:
        page = visit()
        page.evaluate("([place, own]) => localStorage.setItem(place, JSON.stringify([own]))",
                      [f"latent-playground-directions:{MODEL}:{bundled.checkpoint(MODEL).hash}", own])
        page.reload()
        page.locator(".lp-workshop").scroll_into_view_if_needed()
        page.click('[data-testid="leak-start"]:has-text("the 1 that is missing")')
        page.wait_for_function(f"({CELLS})().at(-1)[1].every(Boolean)")
        name, row = page.evaluate(CELLS)[-1]
        known = bundled.checkpoint(MODEL).found_directions.leakage["names"]
        pair = known.index("From 3 to 5")

        def sure(z):
            chances = bundled.classify("mnist-classifier", bundled.decode(MODEL, z.astype(np.float32))).astype(np.float64)
            return (chances[:, 5] / (chances[:, 3] + chances[:, 5])).mean()
        z = latents(0, 256, (D,))
        assert name == "Mine" and abs(float(row[pair].replace("−", "-")) - 100 * (sure(z + step) - sure(z))) < 0.51


def test_the_sum_is_a_less_b_and_c_and_its_point_leads_to_it(browser, address):
    sets = ([1, 2], [3], [5, 8, 13])
    text = ";".join("|".join(f"seed:{seed}" for seed in seeds) for seeds in sets)
    with opened(browser, address) as visit:
        page = visit(f"&sum={text}")
        page.wait_for_selector('[data-testid="arithmetic"][aria-busy="false"]')
        assert page.locator(".lp-sumplace .lp-strip .lp-tile").count() == 6
        page.click('[data-testid="sum-use"]')
        page.wait_for_url("**point=*")
        found = points.resolve(point_of(page), lambda kind, seed: latents(seed, 1, (D,))[0] if kind == "seed" else None)
        right = arithmetic(*[np.stack([latents(seed, 1, (D,))[0] for seed in seeds]) for seeds in sets])["A - B + C"]
        assert np.allclose(found, right, atol=1e-4)


def test_a_preset_fills_the_three_places_with_pictures_that_it_looked_for(browser, address):
    with opened(browser, address) as visit:
        page = visit()
        page.wait_for_selector('[data-testid="sum-note"]:has-text("A, B and C are still empty")')
        page.click('.lp-sumpresets button:has-text("thick 3")')
        page.wait_for_function("document.querySelectorAll('.lp-sumplace .lp-strip .lp-tile').length === 9")
        page.wait_for_selector('[data-testid="arithmetic"][aria-busy="false"]')
        ink = """name => Array.from(document.querySelector(`[data-testid="sum-${name}"]`).getContext('2d').getImageData(0, 0, 28, 28).data)
            .reduce((sum, value, k) => sum + (k % 4 === 0 ? value : 0), 0)"""
        assert page.evaluate(ink, "A") > 1.5 * page.evaluate(ink, "B") and page.evaluate(ink, "result") > page.evaluate(ink, "C")
