"""Every view has an address: what a link, a refresh, a pin and a saved file carry, and what a bad link is told"""

import csv
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

from genmodels.latent.points import BadPoint, resolve
from genmodels.normal import latents

from .explore_page import PICTURE, at, pixels, point_of, settle


def test_pressing_keeps_the_point_and_the_same_link_gives_the_same_picture_elsewhere(visit):
    page = visit("model=mnist-vae-2d")
    page.mouse.move(*at(page, 0.2, 0.7))
    page.mouse.down()
    page.mouse.move(*at(page, 0.35, 0.3), steps=5)
    page.mouse.up()
    page.mouse.move(5, 5)
    kept = pixels(page)
    assert point_of(page).startswith("z:")
    other = visit(urlsplit(page.url).query.replace("&road=server", ""))
    assert np.array_equal(pixels(other), kept)
    page.reload()
    page.wait_for_selector(f'{PICTURE}:not([data-ms="0"])')
    assert np.array_equal(pixels(page), kept)


def test_pins_keep_places_and_travel_in_the_link(visit):
    page = visit("model=mnist-vae-16d&point=seed:1")
    first = pixels(page)
    page.keyboard.press("p")
    for seed in (2, 3):
        page.get_by_label("Seed").fill(str(seed))
        page.get_by_label("Seed").press("Enter")
        settle(page)
        page.get_by_role("button", name="Pin this").click()
    page.get_by_label("Go to pin A").click()
    assert np.array_equal(pixels(page), first)
    page.get_by_test_id("plane").select_option("pins")
    page.wait_for_timeout(200)
    other = visit(urlsplit(page.url).query.replace("&road=server", ""))
    assert other.locator(".lp-pin").count() == 3
    assert [other.get_by_test_id(f"plane-{k}").input_value() for k in range(3)] == ["A", "B", "C"]


def test_pins_that_name_pins_are_a_sentence_and_never_a_cycle(visit):
    page = visit("model=mnist-vae-2d&point=A&pins=A@mnist-vae-2d@B;B@mnist-vae-2d@A")
    assert "There is no pin" in page.locator(".lp-says").inner_text()
    assert point_of(page) == ""


def test_a_link_for_others_leaves_out_what_is_this_browsers_own(visit):
    page = visit("__theme=dark&model=mnist-vae-16d&point=seed:3", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy link").click()
    page.wait_for_selector(".lp-say")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert "point=seed:3" in copied and "__theme" not in copied and "road" not in copied
    assert "road=server" in page.url


@pytest.mark.parametrize("query, words", [
    ("model=nope", "is not here"), ("point=seed:-1", "needs a whole number"), ("point=((", "cannot be read"), ("plane=dims:0,99", "dimensions 0 to"),
    ("point=atlas:99999999", "There is no atlas"), ("road=tunnel", "auto, browser and server"), ("pins=A@nope@seed:1", "pins of the link"),
])
def test_a_bad_value_in_a_link_gets_a_sentence_and_its_default(visit, query, words):
    page = visit(query, road=None if "road" in query else "server")
    assert words in page.locator(".lp-says").inner_text()


def test_unknown_keys_of_a_link_are_ignored(visit):
    page = visit("utm_source=x&future=1")
    assert page.locator(".lp-say").count() == 0


def test_ten_people_never_see_each_others_points(visit, bundled):
    names = [name for name in bundled.names() if name.startswith("mnist")]
    pages = [(visit(f"model={names[k % len(names)]}&point=seed:{k}"), names[k % len(names)], k) for k in range(10)]
    for page, name, k in pages:
        z = latents(k, 1, bundled.blueprint(name).latent_shape)
        assert np.abs(pixels(page) - bundled.decode(name, z)[0].ravel()).max() <= 2


def test_a_refresh_keeps_also_what_undo_would_bring_back(visit):
    page = visit("model=mnist-vae-16d&point=seed:3")
    before = pixels(page)
    page.keyboard.press("0")
    assert np.abs(pixels(page) - before).mean() > 1
    point_of(page)
    page.reload()
    page.wait_for_selector(f'{PICTURE}:not([data-ms="0"])')
    settle(page)
    page.get_by_role("button", name="Undo").click()
    assert np.array_equal(pixels(page), before)


def test_a_saved_picture_carries_its_link_and_the_codes_are_a_table(visit, bundled):
    page = visit("model=mnist-vae-16d&point=seed:3")
    with page.expect_download() as saving:
        page.get_by_role("button", name="Save picture").click()
    with Image.open(saving.value.path()) as picture:
        picture.load()
        assert picture.width >= 400
        assert "model=mnist-vae-16d" in picture.text["Source"] and "point=seed:3" in picture.text["Source"]
    with page.expect_download() as saving:
        page.get_by_role("button", name="Codes as CSV").click()
    rows = list(csv.DictReader(saving.value.path().read_text().splitlines()))
    atlas = bundled.checkpoint("mnist-vae-16d").atlas()
    assert len(rows) == 1 + len(atlas["labels"])
    assert np.allclose([float(rows[0][f"z{k}"]) for k in range(16)], latents(3, 1, (16,))[0], atol=1e-4)
    assert np.allclose([float(rows[5][f"z{k}"]) for k in range(16)], atlas["codes"][4], atol=1e-3)


def test_the_javascript_normals_and_points_are_those_of_python(visit):
    page = visit()
    base = page.evaluate("performance.getEntriesByType('resource').map(e => e.name).find(n => n.endsWith('/js/picker.js')).replace('picker.js', '')")
    seeds = [0, 1, 7, 123456, 4294967295]
    script = "async ([base, seeds]) => { const { latent } = await import(base + 'normal.js'); return seeds.map(s => [...latent(s, 500)]); }"
    theirs = page.evaluate(script, [base, seeds])
    ours = [latents(seed, 1, (500,))[0] for seed in seeds]
    assert np.array_equal(np.float32(theirs), np.array(ours))

    texts = ["seed:7", "atlas:3", "mix(A, B, 0.4)", "seed:7 + 2*A - 0.5*B", "-A", "mix(mix(A, B, 0.5), seed:2, -0.25)", "z:AACAPwAAAMA", "2*seed:1",
             "seed:-1", "seed:", "mix(A, B)", "A B", "2 A", "", "q", "z:AAAA", "z:", "mix(A, B, 1", "1000*A", "Q", "atlas:99", "A +", "Smiling", "é"]
    known = {("pin", "A"): [1.0, 2.0], ("pin", "B"): [-0.5, 0.25], ("atlas", 3): [3.0, 4.0]}

    def python(text):
        try:
            return resolve(text, lambda kind, key: latents(key, 1, (2,))[0] if kind == "seed" else known.get((kind, key)), (2,)).tolist()
        except BadPoint:
            return None
    script = """async ([base, texts, known]) => {
        const { resolve, BadPoint } = await import(base + 'points.js'), { latent } = await import(base + 'normal.js');
        const lookup = (kind, key) => kind === 'seed' ? latent(key, 2) : known[`${kind} ${key}`] ?? null;
        return texts.map((text) => {
            try { return [...resolve(text, lookup, 2)]; } catch (error) { if (error instanceof BadPoint) return null; throw error; }
        });
    }"""
    answers = page.evaluate(script, [base, texts, {f"{kind} {key}": value for (kind, key), value in known.items()}])
    assert answers == [python(text) for text in texts]
    assert sum(answer is None for answer in answers) > 10
