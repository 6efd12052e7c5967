"""The page as a person uses it, in a real Chromium, on the bundled models."""

import csv
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from PIL import Image
from starlette.middleware import Middleware

from genmodels.engine import Engine
from genmodels.normal import latents
from genmodels.ui import page as build_page
from genmodels.ui.live.routes import LiveRoutes
from genmodels.ui.serve import launch
from genmodels.ui.theme import ASSETS, look

ROOT = Path(__file__).parents[1]
RUNTIME = ASSETS / "vendor" / "onnxruntime-web"
PICTURE, MAP = '[data-testid="latent-picture"]', '[data-testid="latent-map"]'
PIXELS = f"""() => {{ const c = document.querySelector('{PICTURE}');
    return Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data).filter((_, i) => i % 4 === 0); }}"""


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    engine = Engine(ROOT / "checkpoints", device="cpu", cache=tmp_path_factory.mktemp("cache"))
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def url(engine, tmp_path_factory, chromium):
    running = launch(build_page(engine, "mnist-vae-2d"), port=0, data_dir=tmp_path_factory.mktemp("data"),
                     middleware=[Middleware(LiveRoutes, engine=engine, assets=ASSETS)], look=look())
    yield running.url.rstrip("/")
    running.close()


@pytest.fixture
def visit(url, browser):
    """Open a view in a browser of its own; says at the end what the page complained about."""
    contexts, complaints = [], []

    def open_view(query="", road="server", width=1280, height=900, **options):
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: message.type == "error" and complaints.append(message.text))
        forced = f"&road={road}" if road else ""
        page.goto(f"{url}/?{query}{forced}")
        page.wait_for_selector(f'{PICTURE}[data-road="{road or "server"}"]:not([data-ms="0"])')
        settle(page)
        return page

    yield open_view
    for context in contexts:
        context.close()
    assert not [text for text in complaints if "favicon" not in text and "manifest" not in text]


def settle(page):
    """Until what was chosen is shown and the picture has not changed for a while."""
    page.wait_for_selector('.lp-grid[aria-busy="false"]')
    page.wait_for_selector(f'{PICTURE}[aria-busy="false"]')
    before = None
    for _ in range(60):
        now = page.evaluate(PIXELS)
        if now == before and any(now):
            return
        before = now
        page.wait_for_timeout(150)
    raise AssertionError("the picture never came to rest")


def pixels(page) -> np.ndarray:
    settle(page)
    return np.array(page.evaluate(PIXELS))


def point_of(page) -> str:
    page.wait_for_timeout(150)  # the address is written a moment after the release
    return parse_qs(urlsplit(page.url).query).get("point", [""])[0]


def at(page, x, y):
    box = page.locator(MAP).bounding_box()
    return box["x"] + box["width"] * x, box["y"] + box["height"] * y


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


def test_both_roads_give_the_same_picture(visit):
    if not RUNTIME.is_dir():
        pytest.skip("onnxruntime-web is not installed in assets/vendor")
    server, browser = (visit("model=mnist-vae-16d&point=seed:7", road=road) for road in ("server", "browser"))
    assert np.abs(pixels(server) - pixels(browser)).max() <= 2
    assert float(browser.get_attribute(PICTURE, "data-ms")) > 0


def test_a_seed_gives_the_picture_that_the_engine_gives(visit, engine):
    page = visit("model=mnist-vae-16d&point=seed:41")
    z = latents(41, 1, (16,))
    assert np.abs(pixels(page) - engine.decode("mnist-vae-16d", z)[0].ravel()).max() <= 2


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


def test_both_hands_can_share_the_picture_instead_of_the_place(visit, engine):
    page = visit("model=mnist-vae-2d&second=mnist-pca-2d&hand=picture&point=atlas:7")
    page.wait_for_selector('[data-testid="latent-picture-2"]:not([data-ms="0"])')
    page.wait_for_timeout(500)
    shown = page.evaluate(PIXELS.replace("latent-picture", "latent-picture-2"))
    expected = engine.decode("mnist-pca-2d", engine.checkpoint("mnist-pca-2d").atlas()["codes"][7:8].astype(np.float32))
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


def test_the_focus_stays_on_what_was_pressed(visit):
    page = visit("model=mnist-cvae-16d")
    page.wait_for_selector('[data-testid="latent-class-9"]')
    page.get_by_test_id("latent-class-4").press("Enter")
    page.wait_for_selector('[data-testid="latent-class-4"][aria-pressed="true"]')
    assert page.evaluate("document.activeElement.dataset.testid") == "latent-class-4"
    page.get_by_test_id("latent-class-4").press("Enter")
    page.wait_for_selector('[data-testid="latent-class-4"][aria-pressed="false"]')
    assert "label=none" in page.evaluate("new Promise(r => setTimeout(() => r(location.search), 150))")


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


def test_ten_people_never_see_each_others_points(visit, engine):
    names = [name for name in engine.names() if name.startswith("mnist")]
    pages = [(visit(f"model={names[k % len(names)]}&point=seed:{k}"), names[k % len(names)], k) for k in range(10)]
    for page, name, k in pages:
        z = latents(k, 1, (engine.checkpoint(name).config.latent_dim,))
        assert np.abs(pixels(page) - engine.decode(name, z)[0].ravel()).max() <= 2


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


def test_a_saved_picture_carries_its_link_and_the_codes_are_a_table(visit, engine):
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
    atlas = engine.checkpoint("mnist-vae-16d").atlas()
    assert len(rows) == 1 + len(atlas["labels"])
    assert np.allclose([float(rows[0][f"z{k}"]) for k in range(16)], latents(3, 1, (16,))[0], atol=1e-4)
    assert np.allclose([float(rows[5][f"z{k}"]) for k in range(16)], atlas["codes"][4], atol=1e-3)


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


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("query", ["model=mnist-vae-16d", "model=fashion-vae-16d", "model=mnist-vae-2d&second=mnist-pca-2d"])
def test_nothing_overflows(visit, width, scheme, query):
    page = visit(query, width=width, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("document.body.classList.contains('dark')") == (scheme == "dark")


def test_the_javascript_normals_and_points_are_those_of_python(visit):
    from genmodels.latent.points import BadPoint, resolve
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
