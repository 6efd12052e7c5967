"""What models make of one's own picture, in Chromium: cards, error maps, a search that is stopped, the ways on, and repairs."""

import base64
import re
import shutil
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from genmodels.engine import Engine, _tasks
from genmodels.latent.points import resolve
from genmodels.ui.live.neighbours import Neighbours
from genmodels.ui.live.ownpicture import OwnPicture

from .conftest import watched
from .explore_page import PICTURE, served
from .test_own import PICTURE as OWN
from .test_own import keep_typical

HERE = """async ({ shape, pixels }) => {
    const store = performance.getEntriesByType('resource').find(({ name }) => name.endsWith('/js/store.js')).name;
    const { mountOwnResults } = await import(store.replace('store.js', 'ownresults.js'));
    const place = document.querySelector('#own-here') ?? document.createElement('div');
    if (!place.id) {
        Object.assign(place, { id: 'own-here', className: 'lp' });
        document.querySelector('.lp-explore').before(place);
        mountOwnResults(place);
    }
    const { setOwnPicture } = await import(store.replace('store.js', 'ownstate.js'));
    setOwnPicture({ shape, pixels: Uint8Array.from(atob(pixels), (letter) => letter.charCodeAt(0)), what: 'picture', sentences: [] });
}"""
SHOWN = """name => { const canvas = document.querySelector(name), data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    return [canvas.width, canvas.height, Array.from(data)]; }"""


@pytest.fixture(scope="module")
def engine(made, tmp_path_factory):
    roots = shutil.copytree(made, tmp_path_factory.mktemp("own-page") / "checkpoints")
    keep_typical(roots / "vae")
    engine = Engine(roots, device="cpu", cache=roots.parent / "cache")
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def address(engine, tmp_path_factory, chromium):
    with served(engine, "vae", tmp_path_factory.mktemp("data"), {"own": OwnPicture(engine), "neighbours": Neighbours(engine, None)}) as url:
        yield url


@pytest.fixture
def show(address, browser):
    """The page with cards of a VAE and a GAN for the picture of noise."""
    with watched(browser) as open_page:
        def open_view(query="through=vae,gan", **options):
            page = open_page(f"{address}/?{query}", **options)
            page.wait_for_selector(f'{PICTURE}:not([data-ms="0"])', timeout=60_000)
            page.evaluate(HERE, {"shape": [1, 8, 8], "pixels": base64.b64encode(OWN.tobytes()).decode()})
            page.wait_for_selector(card("vae", "read"), timeout=60_000)
            return page

        yield open_view


def card(name: str, state: str = "", inside: str = "") -> str:
    return f'.lp-owncard[data-model="{name}"]' + (f'[data-state="{state}"]' if state else "") + f" {inside}".rstrip()


def test_a_picture_comes_in_and_its_reconstruction_its_errors_and_how_far_it_lies_come_out(show, engine):
    page = show()
    code = engine.encode("vae", OWN[None])
    width, height, made = page.evaluate(SHOWN, card("vae", "", '[data-picture="Its version"]'))
    assert (width, height) == (8, 8)
    assert np.array_equal(np.array(made).reshape(8, 8, 4)[..., 0], engine.decode("vae", code)[0, ..., 0])
    *_, differ = page.evaluate(SHOWN, card("vae", "", '[data-picture="Difference"]'))
    worst, best = (np.array(differ).reshape(64, 4)[at] for at in (np.abs(np.subtract(made[::4], OWN.flatten().astype(int))).argsort()[[-1, 0]]))
    assert worst[0] > best[0] and worst[2] < best[2]  # yellow is far from it, blue is the same
    words = page.text_content(card("vae", "", '[data-testid="own-words"]'))
    assert re.search(r"Its code lies (farther out than|in the middle)", words)
    assert page.locator(card("vae", "", ".lp-gauge")).count() == 3 and page.locator(card("vae", "", ".lp-ownfile")).count() == 2


def test_a_model_without_an_encoder_offers_to_search_and_then_goes_on_from_there(show):
    page = show()
    page.wait_for_selector(card("gan", "unknown"))
    assert page.is_disabled(card("gan", "", '[data-do="Explore"]'))
    page.click(card("gan", "", '[data-do="Refine"]'))
    page.wait_for_selector(card("gan", "found", '[data-do="Explore"]:not([disabled])'), timeout=60_000)


def test_a_stopped_search_says_so_and_shows_the_best_so_far(show, monkeypatch):
    page = show()
    monkeypatch.setattr(_tasks, "STEPS", 1_000_000)  # it never ends by itself
    page.wait_for_selector(card("gan", "unknown"))
    page.click(card("gan", "", '[data-do="Refine"]'))
    page.wait_for_function("name => /Searching: step [1-9]/.test(document.querySelector(name).textContent)", timeout=60_000,
                           arg=card("gan", "", '[data-testid="own-words"]'))
    page.click(card("gan", "", '[data-do="Refine"]'))
    page.wait_for_function("name => document.querySelector(name)?.textContent.startsWith('Stopped; this is the best so far')", timeout=60_000,
                           arg=card("gan", "stopped", '[data-testid="own-words"]'))
    assert any(page.evaluate(SHOWN, card("gan", "", '[data-picture="Its version"]'))[2])
    assert page.is_enabled(card("gan", "", '[data-do="Explore"]'))


def test_explore_opens_at_the_pictures_code_and_a_pin_keeps_it(show, engine):
    page = show()
    code = engine.encode("vae", OWN[None])[0]
    page.click(card("vae", "", '[data-do="Pin"]'))
    page.wait_for_url(re.compile(r"pins=A"))
    page.click(card("vae", "", '[data-do="Explore"]'))
    page.wait_for_url(re.compile(r"point=z"))
    asked = parse_qs(urlsplit(page.url).query)
    assert asked["model"] == ["vae"] and asked["pins"] == [f"A@vae@{asked['point'][0]}"]
    assert np.allclose(resolve(asked["point"][0], lambda *_: None), code, atol=1e-5)


def test_a_walk_starts_at_the_picture(show):
    page = show()
    page.click(card("vae", "", '[data-do="Interpolate"]'))
    page.wait_for_url(re.compile(r"ends=vae"))
    assert re.match(r"vae@z:[\w-]+;vae@atlas:0$", parse_qs(urlsplit(page.url).query)["ends"][0])


def test_which_models_look_is_chosen_and_stands_in_the_address(show):
    page = show("through=vae")
    assert page.locator(".lp-owncard").count() == 1
    page.click('.lp-ownmodels [data-key="autoencoder"]')
    page.wait_for_selector(card("autoencoder", "read"), timeout=60_000)
    page.wait_for_url(re.compile(r"through=vae,autoencoder"))


def test_alike_codes_are_found_and_open_in_explore(show):
    page = show()
    page.click(card("vae", "", "summary"))
    page.wait_for_selector(card("vae", "", ".lp-found .lp-tile"))
    assert page.locator(card("vae", "", ".lp-found")).count() == 2 and page.locator(card("vae", "", ".lp-bits i")).count() == 32
    row = page.get_attribute(card("vae", "", ".lp-found .lp-tile"), "data-row")
    page.click(card("vae", "", ".lp-found .lp-tile"))
    page.wait_for_url(re.compile(f"point=atlas:{row}(&|$)"))


@pytest.mark.parametrize("way, beside", [("block", "Biharmonic"), ("2", "Bicubic")])
def test_a_repair_gives_three_answers_beside_what_simpler_methods_make(show, way, beside):
    page = show()
    page.click(f'[data-way="{way}"]')
    page.click('[data-testid="repair-go"]')
    page.wait_for_selector('[data-testid="repair"][data-state="found"]', timeout=60_000)
    titles = page.locator('[data-testid="repair-answers"] b').all_text_contents()
    assert titles[:3] == ["Answer 1", "Answer 2", "Answer 3"] and beside in titles and titles[-1] == "Your picture"


def test_what_is_painted_over_is_hidden_and_can_be_shown_again(show):
    page = show()
    hidden = "() => { const c = document.querySelector('[data-testid=\"repair-canvas\"]'), d = c.getContext('2d').getImageData(0, 0, 8, 8).data;" \
             "return d.reduce((n, _, i) => n + (i % 4 === 0 && d[i] === 236 && d[i + 1] === 72), 0); }"
    page.click(".lp-repairleft .lp-quiet")
    assert page.evaluate(hidden) == 0 and page.is_disabled('[data-testid="repair-go"]')
    page.click('[data-way="brush"]')
    box = page.locator('[data-testid="repair-canvas"]').bounding_box()
    page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 0.5 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 0.5 * box["height"], steps=4)
    page.mouse.up()
    assert page.evaluate(hidden) >= 10 and page.is_enabled('[data-testid="repair-go"]')


def test_on_a_phone_nothing_reaches_beyond_the_edge(show):
    page = show(width=390, height=844)
    reach = "Math.max(...[...document.querySelectorAll('.lp-owncard, .lp-owncard *, .lp-repair *')].map(one => one.getBoundingClientRect().right))"
    assert page.evaluate(reach) <= 390


def test_the_nearest_training_pictures_stand_below_with_their_classes(show):
    page = show()
    page.wait_for_selector('[data-testid="neighbours"][aria-busy="false"] figure', timeout=60_000)
    shown = page.locator('[data-testid="neighbours"] figcaption').all_text_contents()
    assert len(shown) == 6 and set("".join(shown)) <= set("0123456789")
    assert "A person is not looked for" in page.text_content('[data-testid="neighbours"] p')
