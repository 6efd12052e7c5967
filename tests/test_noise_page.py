"""Noise as a latent, repair and what the network learned, in Chromium: each streams in by itself, has its address, and says what it cannot do."""

import re
import time
from concurrent.futures import Future
from contextlib import closing
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from PIL import Image

from genmodels.engine import Engine
from genmodels.models.diffusion import Diffusion
from genmodels.ui.live.ownpicture import OwnPicture
from genmodels.ui.live.path import NoiseRoad, PathRoad

from .conftest import watched
from .explore_page import served, until_address

PATIENCE = 60_000
ONE_WAY, EDGE, GAP, FOOT, LABELS, ACROSS = 41, 112, 10, 22, 170, 11  # frames of an animation, pixels, and pictures of a strip
TO_THE_END = "one => { one.value = 1; one.dispatchEvent(new Event('input')); one.dispatchEvent(new Event('change')); }"
PIXELS = """name => { const canvas = document.querySelector(name), data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    return [canvas.width, canvas.height, Array.from(data)]; }"""


@pytest.fixture(scope="module")
def address(made, tmp_path_factory, chromium):
    with closing(Engine(made, device="cpu", cache=tmp_path_factory.mktemp("noise-page"))) as engine:
        roads = {"own": OwnPicture(engine), "path": PathRoad(engine), "noise": NoiseRoad(engine)}
        with served(engine, "vae", tmp_path_factory.mktemp("data"), roads) as url:
            yield url


@pytest.fixture
def show(address, browser):
    """A part of Denoise for the tiny diffusion model."""
    with watched(browser) as open_page:
        yield lambda part, more="", **options: open_page(f"{address}/?model=diffusion&tab=denoise&part={part}{more}", **options)


def chooses(page, **changes) -> None:
    """What a person chooses elsewhere on the page, told to its store."""
    page.evaluate("""async (changes) => { const { name } = performance.getEntriesByType('resource').find(({ name }) => name.endsWith('/js/store.js'));
        (await import(name)).choose(changes, false); }""", changes)


def done(page, *names) -> None:
    for name in names:
        page.wait_for_selector(f'[data-testid="{name}-words"][data-state="done"]', timeout=PATIENCE)


def drawn(page, name: str) -> list:
    return page.evaluate(PIXELS, f'[data-testid="{name}"]')


def saved(page, name: str, kind: str) -> Image.Image:
    """What a card is saved as, read again; its name says what it is of."""
    with page.expect_download(timeout=PATIENCE) as saving:
        page.click(f'[data-testid="{name}-save-{kind}"]')
    assert saving.value.suggested_filename.endswith(f"-diffusion.{kind}")
    return Image.open(saving.value.path())


def is_strip(page, name: str, rows: int) -> np.ndarray:
    """The strip of a card has so many rows and the link inside; its pixels."""
    with saved(page, name, "png") as strip:
        assert strip.size == (LABELS + ACROSS * (EDGE // 2 + 3) + GAP, rows * (EDGE // 2 + 3) + FOOT + GAP) and "tab=denoise" in strip.text["Source"]
        return np.asarray(strip.convert("L"), float)


def film(page, name: str, kind: str, rows: int, frames: int = ONE_WAY) -> list[np.ndarray]:
    """The frames of an animation of so many rows, side by side, or in two lines where they are many."""
    across, down = (rows, 1) if rows <= 6 else (-(-rows // 2), 2)
    with saved(page, name, kind) as moving:
        assert moving.format.lower() == kind and moving.n_frames == frames and moving.info["loop"] == 0
        assert moving.size == (across * (EDGE + GAP) + GAP, down * (EDGE + FOOT) + GAP + 4)
        found = []
        for k in range(frames):
            moving.seek(k)
            found.append(np.asarray(moving.convert("L"), float))
        return found


def tile(frame: np.ndarray, k: int, across: int) -> np.ndarray:
    """The picture of row k in a frame, as the small picture that it was."""
    top, left = GAP + k // across * (EDGE + FOOT), GAP + k % across * (EDGE + GAP)
    return frame[top:top + EDGE, left:left + EDGE].reshape(8, EDGE // 8, 8, EDGE // 8).mean((1, 3))


def red(page, name: str) -> np.ndarray:
    width, height, data = drawn(page, name)
    return np.array(data, float).reshape(height, width, 4)[..., 0]


def alike(one: np.ndarray, other: np.ndarray) -> bool:
    """But for what a film loses, which is drawn larger and softly: grey levels where there is little contrast, sharp edges where there is much."""
    return bool(np.abs(one - other).mean() < 4 or np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.9)


def test_a_picture_goes_to_its_noise_and_back_and_the_way_scrubs(show):
    page = show("noise", "&trip=5")
    done(page, "trip")
    slider = page.locator('[data-testid="trip-slider"]')
    assert int(slider.get_attribute("max")) >= 10 and "5 steps back and 5 forth" in page.inner_text('[data-testid="trip-words"]')
    end = drawn(page, "trip-way")
    slider.evaluate("one => { one.value = 3; one.dispatchEvent(new Event('input')); }")
    assert end[:2] == [8, 8] and drawn(page, "trip-way") != end and slider.get_attribute("aria-valuetext").startswith("back, t = ")
    assert re.search(r"mean -?\d\.\d\d, spread \d\.\d\d", page.inner_text('[data-testid="trip"]'))
    page.select_option('[data-testid="trip-steps"]', "10")
    until_address(page, trip="10")


def test_part_of_the_way_gives_four_pictures_and_other_noise_gives_others(show):
    page = show("noise", "&strength=0.35&trip=5")
    done(page, "partway")
    tiles = page.locator('[data-testid="partway"] .lp-answer')
    assert tiles.count() == 6 and "35 % of the way" in page.inner_text('[data-testid="partway-words"]')
    assert [tiles.nth(k).locator("b").inner_text() for k in (2, 5)] == ["Seed 1", "Seed 4"] and " dB from it" in tiles.nth(2).inner_text()
    page.click('[data-testid="partway-other"]')
    until_address(page, noise="5")
    page.locator('[data-testid="partway"] .lp-answer b').get_by_text("Seed 5", exact=True).wait_for(timeout=PATIENCE)
    done(page, "partway")
    page.locator('[data-testid="strength"]').evaluate(TO_THE_END)
    until_address(page, strength="1")


def test_what_was_chosen_elsewhere_is_computed_on_coming_back_and_nothing_else(show):
    page = show("noise", "&trip=5&steps=4&from=seed:4&to=seed:9")
    done(page, "trip", "partway", "noisewalk")
    chooses(page, part="reverse")
    chooses(page, trip=10)
    chooses(page, part="noise")
    page.locator('[data-testid="trip-words"]', has_text="10 steps back and 10 forth").wait_for(timeout=PATIENCE)
    done(page, "partway", "noisewalk")
    page.evaluate("for (const one of document.querySelectorAll('.lp-trip, .lp-partway')) one.firstChild.dataset.kept = ''")
    chooses(page, tab="explore")
    chooses(page, tab="denoise")
    assert page.locator(":is(.lp-trip, .lp-partway) > [data-kept]").count() == 2, "nothing is drawn anew"


def test_a_walk_between_noises_stands_in_a_row_and_goes_on_in_interpolate(show):
    page = show("noise", "&trip=5&from=seed:4&to=seed:9&at=0")
    done(page, "noisewalk")
    strip = page.locator('[data-testid="noisewalk-strip"] canvas')
    first = drawn(page, "noisewalk-picture")
    assert strip.count() == 11 and strip.first.get_attribute("class") == "at"
    page.locator('[data-testid="noisewalk-slider"]').evaluate(TO_THE_END)
    assert drawn(page, "noisewalk-picture") != first
    until_address(page, at="1")
    page.click('[data-testid="walk-interpolate"]')
    until_address(page, tab="interpolate")
    assert parse_qs(urlsplit(page.url).query)["ends"] == ["diffusion@seed:4;diffusion@seed:9"]


def test_a_repair_gives_three_answers_beside_simple_ones_and_an_autoencoders(show):
    page = show("repair", "&repeats=1&steps=4")
    done(page, "noiserepair")
    answers = page.locator('[data-testid="noiserepair-answers"] .lp-answer')
    assert answers.count() == 4 and all(" dB" in answers.nth(k).inner_text() for k in (1, 2, 3))
    page.wait_for_selector('[data-testid="noiserepair-beside"] .lp-answer:nth-child(3):not(.empty)', timeout=PATIENCE)
    assert page.locator('[data-testid="noiserepair-beside"] b').all_text_contents()[:2] == ["What is known", "Biharmonic"]


def test_answers_of_a_repair_stay_while_another_tab_is_open(show):
    page = show("repair", "&repeats=1&steps=4")
    done(page, "noiserepair")
    answers = page.locator('[data-testid="noiserepair-answers"] .lp-answer')
    before = answers.all_inner_texts()
    chooses(page, tab="explore")
    chooses(page, tab="denoise")
    assert answers.all_inner_texts() == before and page.locator('[data-testid="noiserepair-answers"] .empty').count() == 0


def test_a_search_that_leaving_ended_begins_again_on_coming_back(show):
    page, held = show("forward"), []
    page.wait_for_selector('[data-testid="forward"][data-ready="true"]', timeout=PATIENCE)
    page.route("**/live/own/repair/**", lambda route: route.continue_() if held else held.append(route))
    chooses(page, part="repair", repeats=1, steps=4)
    page.locator('.lp-simpleanswers', has_text="searches its code").wait_for(timeout=PATIENCE)
    chooses(page, part="forward")
    chooses(page, part="repair")
    page.wait_for_selector('[data-testid="noiserepair-beside"] .lp-answer:nth-child(3):not(.empty)', timeout=PATIENCE)


def test_what_the_hand_hides_is_in_the_address_and_comes_back_with_it(show, address):
    page = show("repair", "&repeats=1&steps=4")
    done(page, "noiserepair")
    page.focus('[data-testid="noiserepair-canvas"]')
    page.keyboard.press("ArrowUp")
    page.wait_for_url(re.compile(r"mask=[\w-]{11}(&|$)"), timeout=PATIENCE)
    pink = drawn(page, "noiserepair-canvas")
    page.reload()
    done(page, "noiserepair")
    assert drawn(page, "noiserepair-canvas") == pink
    page.click('.lp-damage [data-way="2"]')
    until_address(page, damage="2")
    done(page, "noiserepair")
    page.wait_for_function("""() => document.querySelector('[data-testid="noiserepair-beside"] b')?.textContent === 'Nearest'""", timeout=PATIENCE)


def test_what_the_net_sees_at_each_moment_stands_in_a_row(show):
    page = show("learned", "&t=500")
    done(page, "learned")
    assert page.locator('[data-testid="learned-row"] .lp-learnedpair').count() == 12 and page.locator(".lp-learnedpair.at").get_attribute("data-t") == "500"
    before = drawn(page, "learned-x")
    page.click('.lp-learnedpair[data-t="20"]')
    until_address(page, t="20")
    assert drawn(page, "learned-x") != before and page.inner_text('[data-testid="learned-says"]').startswith("t = 20 of 1000")
    assert page.locator('[data-testid="learned-loss"]').is_hidden() and page.locator('[data-testid="learned-steps"]').is_hidden()  # never measured


@pytest.mark.parametrize("part", ["noise", "repair", "learned"])
def test_a_model_of_one_step_says_so_and_leads_to_one_of_many(address, browser, part):
    with watched(browser) as open_page:
        page = open_page(f"{address}/?model=vae&tab=denoise&part={part}")
        place = page.locator(f"#lp-place-{part}")
        place.locator('[data-testid="to-path"]').click(timeout=PATIENCE)
        until_address(page, model="diffusion")
        place.locator(".lp-noisegrid").wait_for(timeout=PATIENCE)
        assert place.locator('[data-testid="no-path"]').is_hidden()


def test_bad_values_of_a_link_are_refused_in_words(show):
    page = show("noise", "&trip=3&strength=2&from=there&to=seed&damage=fire&mask=!&repeats=0")
    page.wait_for_selector(".lp-say", timeout=PATIENCE)
    said = " ".join(page.locator(".lp-say").all_inner_texts())
    for words in ("steps to the noise; it is a whole number from 5 to 200", "strength “2”", "a walk from “there”", "a walk to “seed”", "the damage “fire”",
                  "hides of the picture", "repeats of a step"):
        assert words in said, words


def test_a_mask_for_pictures_of_another_size_is_left_out_and_said(show):
    page = show("repair", "&mask=AAAA&repeats=1&steps=4")
    page.locator(".lp-say", has_text="another size").wait_for(timeout=PATIENCE)
    done(page, "noiserepair")
    until_address(page, mask="")


def test_noise_as_a_latent_is_taken_away_as_strips_and_films(show):
    page = show("noise", "&trip=5&steps=4&from=seed:4&to=seed:9&at=1")
    done(page, "trip", "partway", "noisewalk")
    for name, rows in (("trip", 1), ("partway", 5), ("noisewalk", 1)):
        strip = is_strip(page, name, rows)
        assert strip[5:5 + EDGE // 2, LABELS:LABELS + EDGE // 2].mean() < 250, f"no picture in the strip of {name}"
    trip = film(page, "trip", "gif", 1)
    assert alike(tile(trip[-1], 0, 1), red(page, "trip-way")) and not alike(tile(trip[ONE_WAY // 2], 0, 1), red(page, "trip-way"))
    walk = film(page, "noisewalk", "webp", 1, 2 * ONE_WAY - 2)
    assert alike(tile(walk[ONE_WAY - 1], 0, 1), red(page, "noisewalk-picture")) and np.abs(walk[10] - walk[70]).mean() < 1
    partway = film(page, "partway", "gif", 5)
    assert alike(tile(partway[0], 0, 5), red(page, "subject-picture")) and alike(tile(partway[0], 0, 5), tile(partway[-1], 0, 5)), "it stands still"
    assert all(np.abs(tile(partway[0], k, 5) - tile(partway[-1], k, 5)).mean() > 5 for k in range(1, 5)), "these move"


def test_a_repair_is_taken_away_with_what_was_seen_and_what_stands_beside_it(show):
    page = show("repair", "&repeats=1&steps=4&damage=2")
    done(page, "noiserepair")
    page.wait_for_selector('[data-testid="noiserepair-beside"] .lp-answer:nth-child(3):not(.empty)', timeout=PATIENCE)
    rows = 2 + 3 + 3  # the picture, what is seen of it, three answers, and nearest, bicubic and an autoencoder
    strip = is_strip(page, "noiserepair", rows)
    step = EDGE // 2 + 3
    second = strip[5:5 + EDGE // 2, LABELS + step:LABELS + step + EDGE // 2]
    assert np.ptp(second) == 0, "what stands still is there once"
    frames = film(page, "noiserepair", "gif", rows)
    whole, seen = tile(frames[0], 0, 4), tile(frames[0], 1, 4)
    assert alike(whole, red(page, "subject-picture")) and np.abs(seen[::2, ::2] - seen[1::2, 1::2]).max() <= 1
    assert np.abs(seen[::2, ::2] - whole.reshape(4, 2, 4, 2).mean((1, 3))).max() <= 2, "blocks keep their means"


def test_what_it_learned_is_taken_away_from_coarse_to_fine(show):
    page = show("learned", "&t=20")
    done(page, "learned")
    is_strip(page, "learned", 3)
    frames = film(page, "learned", "webp", 3)
    assert alike(tile(frames[-1], 0, 3), red(page, "learned-x")) and alike(tile(frames[-1], 1, 3), red(page, "learned-x0"))
    assert alike(tile(frames[0], 2, 3), red(page, "subject-picture"))


def test_what_is_not_there_yet_is_not_saved_and_that_is_said(show):
    page, saved = show("noise", "&trip=200&steps=200"), []
    page.on("download", lambda file: saved.append(file))
    page.wait_for_selector('[data-testid="trip-save-gif"]', timeout=PATIENCE)
    page.click('[data-testid="noisewalk-save-gif"]')
    page.locator(".lp-say", has_text="nothing to save yet").wait_for(timeout=PATIENCE)
    page.wait_for_timeout(500)  # a file would come a moment after the words
    assert not saved


TOGETHER = 4  # pictures of a walk that are asked for at once
STREAMS = {"reverse": "reverse-stop", "noise": "trip-go partway-go noisewalk-go", "repair": "noiserepair-go", "learned": "learned-go"}
STOPPED = """names => { const at = Date.now();
    for (const name of names) { const button = document.querySelector(`[data-testid="${name}"]`); if (button.textContent === 'Stop') button.click(); }
    return [at, names.map((name) => document.querySelector(`[data-testid="${name}"]`).textContent)]; }"""


@pytest.fixture
def asked(monkeypatch) -> list[tuple[float, Future]]:
    """A net that takes its time, and what the parts of Denoise ask of it, with the moment at which they did; what the hidden map asks does not count."""
    found, look, submit = [], Diffusion.look, Engine.submit

    def slowly(*what):
        time.sleep(0.2)
        return look(*what)

    def remembered(self, task, name, x, *more, **named):
        future = submit(self, task, name, x, *more, **named)
        if task in ("path", "noise") or task == "decode" and len(x) == TOGETHER:
            future.ended = None
            future.add_done_callback(lambda one: setattr(one, "ended", time.time()))
            found.append((time.time(), future))
        return future

    monkeypatch.setattr(Diffusion, "look", slowly)
    monkeypatch.setattr(Engine, "submit", remembered)
    return found


def over_within_a_second(asked, moment: float) -> bool:
    """Whether nothing is computed for them any more, and nothing was asked for later."""
    return all(future.ended and future.ended < moment + 1 and begun < moment + 0.5 for begun, future in asked)


@pytest.mark.parametrize("part", STREAMS)
def test_stop_and_a_closed_page_end_what_streams_within_a_second_on_the_server_too(show, asked, part):
    names, running = STREAMS[part].split(), "names => names.every(name => document.querySelector(`[data-testid='${name}']`)?.textContent === 'Stop')"
    page = show(part, "&trip=200&steps=200&repeats=5&from=seed:1")
    page.wait_for_function(running, arg=names, timeout=PATIENCE)
    while len(asked) < len(names):
        page.wait_for_timeout(20)
    clicked, texts = page.evaluate(STOPPED, names)
    assert "Stop" not in texts, "a button that was pressed says so at once"
    page.wait_for_timeout(1500)
    assert over_within_a_second(asked, clicked / 1000), "the server computes on"
    asked.clear()
    page.evaluate("names => { for (const name of names) document.querySelector(`[data-testid='${name}']`).click(); }", names)
    while len(asked) < len(names):
        page.wait_for_timeout(20)
    closed = time.time()
    page.goto("about:blank")
    page.wait_for_timeout(1500)
    assert over_within_a_second(asked, closed), "nobody looks any more"
