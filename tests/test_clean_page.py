"""The Clean part of Denoise under the hand of a person, in a real Chromium: noise at once, answers side by side, numbers that are true, links and refusals."""

import json
import shutil
from contextlib import closing
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from genmodels.corruptions import CORRUPTIONS
from genmodels.datasets import floats
from genmodels.engine import Engine
from genmodels.filters import SETTINGS
from genmodels.models import to_pixels
from genmodels.normal import latents
from genmodels.ui.live.cleaning import Cleaning

from .conftest import save_tiny, tiny_model, watched
from .explore_page import served, until_address

LEVELS = [0.1, 0.5, 1.0]
MEASURED = {"pictures": 397, "levels": LEVELS, "margin": 3.2, "settings": {
    "median": {kind: ["3", "5", "7"] for kind in CORRUPTIONS}, "nlm": {kind: ["3-3-0.1"] * 3 for kind in CORRUPTIONS}}} | {
        way: {kind: [20.0 - k, 15.0 - k, 10.0 - k] for kind in CORRUPTIONS} for k, way in enumerate(("model", "noisy", "median", "nlm"))}
SHOWN = """way => { const canvas = document.querySelector(`.lp-cleantile[data-way="${way}"] canvas`);
    return Array.from(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data).filter((_, k) => k % 4 === 0); }"""
SLIDE = """level => { const slider = document.querySelector('[data-testid="level"]'); slider.value = level;
    slider.dispatchEvent(new Event('input', { bubbles: true })); }"""
READY = """key => ['noisy', 'denoiser', 'plain', 'median', 'nlm'].every(way =>
    document.querySelector(`.lp-cleantile[data-way='${way}'][data-state='ready']`)?.dataset.of === key)"""


@pytest.fixture(scope="module")
def engine(made, tmp_path_factory):
    roots = shutil.copytree(made, tmp_path_factory.mktemp("clean-page") / "checkpoints")
    torch.manual_seed(3)
    save_tiny(tiny_model("autoencoder", latent_dim=5, corruption="gaussian", noise_level=0.6), roots / "dae")
    (roots / "dae" / "metrics.json").write_text(json.dumps({"cleaning": MEASURED}))
    engine = Engine(roots, device="cpu", cache=roots.parent / "cache")
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def address(engine, tmp_path_factory, chromium):
    with served(engine, "vae", tmp_path_factory.mktemp("data"), {"clean": Cleaning(engine)}) as url:
        yield url


@pytest.fixture
def show(address, browser):
    with watched(browser) as open_page:
        def open_view(query="", ready="median", **options):
            page = open_page(f"{address}/?tab=denoise&{query}", **options)
            page.set_default_timeout(60_000)
            if ready:
                page.wait_for_selector(tile(ready, "ready"))
            return page

        yield open_view


def tile(way: str, state: str = "", inside: str = "") -> str:
    return f'.lp-cleantile[data-way="{way}"]' + (f'[data-state="{state}"]' if state else "") + f" {inside}".rstrip()


def shown(page, way: str) -> np.ndarray:
    return np.array(page.evaluate(SHOWN, way), np.uint8).reshape(8, 8, 1)


def all_ready(page, key: str) -> None:
    """Wait until every way has answered to the same noise."""
    page.wait_for_function(READY, arg=key)


def test_a_picture_its_noise_and_what_takes_it_away_stand_side_by_side_with_true_numbers(show, engine):
    page = show("corrupt=gaussian&level=0.4&noise=9")
    all_ready(page, "gaussian,0.4,9")
    clean, noisy = shown(page, "clean"), shown(page, "noisy")
    x, noise = floats(torch.from_numpy(clean.transpose(2, 0, 1)[None].copy())), torch.from_numpy(latents(9, 1, (1, 8, 8)))
    there = to_pixels(CORRUPTIONS["gaussian"](x, torch.full((1, 1, 1, 1), 0.4), noise))[0]
    assert np.abs(noisy.astype(int) - there).max() <= 1
    for way, name in (("denoiser", "dae"), ("plain", "autoencoder")):
        assert np.array_equal(shown(page, way), engine.decode(name, engine.encode(name, noisy[None]))[0])
    assert np.array_equal(shown(page, "median"), SETTINGS["median"]["5"](noisy))  # the setting that was best at the nearest level
    assert np.array_equal(shown(page, "nlm"), SETTINGS["nlm"]["3-3-0.1"](noisy))
    for way in ("noisy", "denoiser", "median"):
        made = shown(page, way)
        psnr = -10 * np.log10(np.square((made.astype(float) - clean) / 255).mean())
        said = page.inner_text(tile(way, "", ".lp-waynumbers"))
        assert f"{psnr:.1f} dB" in said and f"SSIM {structural_similarity(made, clean, channel_axis=2):.2f}" in said
    said = page.inner_text(tile("denoiser"))
    assert "DAE" in said and "gaussian, up to 0.6" in said and "never saw noise" in page.inner_text(tile("plain"))


def test_the_slider_the_kinds_and_a_new_draw_change_the_noise_and_the_address(show):
    page = show("noise=2")
    all_ready(page, "gaussian,0.5,2")
    before = shown(page, "noisy")
    page.evaluate(SLIDE, "0.2")
    assert not np.array_equal(shown(page, "noisy"), before)  # within the same event: nothing is waited for
    all_ready(page, "gaussian,0.2,2")
    until_address(page, level="0.2")
    page.click('[data-kind="block"]')
    all_ready(page, "block,0.2,2")
    assert "A grey square over 20 % of the area" in page.inner_text('[data-testid="level-says"]')
    page.click('[data-testid="new-noise"]')
    until_address(page, noise="3")
    until_address(page, corrupt="block")
    page.click('[data-kind="blur"]')
    assert page.is_disabled('[data-testid="new-noise"]')
    page.evaluate(SLIDE, "0")
    all_ready(page, "blur,0,3")
    assert np.array_equal(shown(page, "noisy"), shown(page, "clean")) and "the very same" in page.inner_text(tile("noisy"))


def test_another_plain_model_is_chosen_and_stays_in_the_link(show, engine):
    page = show()
    assert page.eval_on_selector_all('[data-testid="plain"] option', "options => options.map(({ value }) => value)") == ["autoencoder", "cvae", "vae"]
    page.select_option('[data-testid="plain"]', "vae")
    until_address(page, plain="vae")
    page.wait_for_function("() => document.querySelector('[data-testid=\"curve-says\"]').textContent.includes('vae')")
    all_ready(page, "gaussian,0.5,1")
    page.wait_for_function("""([way, wanted]) => { const canvas = document.querySelector(`.lp-cleantile[data-way="${way}"] canvas`);
        return Array.from(canvas.getContext('2d').getImageData(0, 0, 8, 8).data).filter((_, k) => k % 4 === 0).join() === wanted; }""",
        arg=["plain", ",".join(map(str, engine.decode("vae", engine.encode("vae", shown(page, "noisy")[None])).ravel()))])


def test_curves_are_those_of_the_metrics_with_the_pictures_points_on_them_and_a_press_sets_the_level(show):
    page = show("level=0.5")
    all_ready(page, "gaussian,0.5,1")
    for drawn in ("path.line", "circle"):
        ways = page.eval_on_selector_all(f".lp-cleanplot {drawn}", "all => all.map(one => one.dataset.way)")
        assert sorted(ways) == ["denoiser", "median", "nlm", "noisy"]
    said = page.inner_text('[data-testid="curve-says"]')
    assert "397 test pictures" in said and "measured autoencoder" in said
    dot = page.eval_on_selector(".lp-cleanplot circle", "dot => +dot.getAttribute('cx')")
    box = page.locator(".lp-cleanplot").bounding_box()
    page.mouse.click(box["x"] + 0.9 * box["width"], box["y"] + 0.5 * box["height"])
    page.wait_for_function("() => +new URLSearchParams(location.search).get('level') > 0.8")
    assert page.eval_on_selector(".lp-cleanplot circle", "dot => +dot.getAttribute('cx')") > dot


def test_a_drawing_is_cleaned_while_it_is_drawn_and_no_link_holds_it(show):
    page = show()
    before = shown(page, "clean")
    page.evaluate("""async () => {
        const store = performance.getEntriesByType('resource').find(({ name }) => name.endsWith('/js/store.js')).name;
        const { setOwnPicture } = await import(store.replace('store.js', 'ownstate.js'));
        setOwnPicture({ shape: [1, 8, 8], pixels: Uint8Array.from({ length: 64 }, (_, i) => 4 * i), what: 'drawing', sentences: [] });
    }""")
    page.click('[data-way="own"]')
    page.wait_for_function("() => document.querySelector('[data-testid=\"subject-says\"]').textContent.startsWith('Your drawing')")
    assert np.array_equal(shown(page, "clean").ravel(), 4 * np.arange(64)) and not np.array_equal(before, shown(page, "clean"))
    until_address(page, subject="own")
    assert set(parse_qs(urlsplit(page.url).query)) <= {"tab", "model", "subject"}
    page.click('[data-way="another"]')
    page.wait_for_function("() => new URLSearchParams(location.search).get('subject')?.startsWith('seed:')")


def test_bad_values_of_a_link_are_refused_in_words_and_the_defaults_stand_also_for_somebodys_own_picture(show):
    page = show("corrupt=rain&level=7&noise=x&subject=own&plain=gan", ready="")
    for part in ("the noise “rain”", "the noise level “7”", "the draw “x”", "gan is no plain model", "stays in the browser"):
        page.wait_for_selector(f'.lp-say.problem:has-text("{part}")')  # each goes away by itself after a while
    assert "Made by" in page.inner_text('[data-testid="subject-says"]')
    all_ready(page, "gaussian,0.5,1")


def test_pictures_of_seeds_and_codes_are_the_models_own_and_the_link_brings_them_back(show, engine):
    page = show("subject=seed:5")
    first = shown(page, "clean")
    page.click('[data-way="test"]')
    page.wait_for_function("() => new URLSearchParams(location.search).get('subject')?.startsWith('atlas:')")
    page.wait_for_function("() => document.querySelector('[data-testid=\"subject-says\"]').textContent.startsWith('A test picture')")
    address, second = page.url, shown(page, "clean")
    assert not np.array_equal(first, second)
    again = show("&".join(urlsplit(address).query.split("&")))
    assert np.array_equal(shown(again, "clean"), second)


def test_it_fits_a_phone_and_every_control_can_be_reached_by_keyboard_and_by_thumb(show):
    page = show(width=390, color_scheme="dark")
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    page.focus('[data-testid="level"]')
    page.keyboard.press("ArrowRight")
    until_address(page, level="0.51")
    page.focus('[data-kind="masking"]')
    page.keyboard.press("Enter")
    until_address(page, corrupt="masking")
    low = """all => all.filter(one => one.offsetParent && one.getBoundingClientRect().height < 44).map(one => one.textContent || one.type)"""
    assert page.eval_on_selector_all(".lp-clean button, .lp-clean select, .lp-clean input[type=range]", low) == []


def test_where_no_model_learned_to_clean_one_sentence_says_so_and_the_others_are_shown(made, browser, chromium, tmp_path):
    with closing(Engine(made, device="cpu", cache=tmp_path / "cache")) as engine, served(engine, "vae", tmp_path, {"clean": Cleaning(engine)}) as url:
        with watched(browser) as open_page:
            page = open_page(f"{url}/?tab=denoise")
            page.wait_for_selector(tile("plain", "ready"), timeout=60_000)
            assert "No model of these data was trained to clean" in page.inner_text('[data-testid="no-denoiser"]')
            assert page.is_hidden(tile("denoiser")) and page.is_visible(tile("median"))
