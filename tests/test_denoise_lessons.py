"""Lessons in Denoise, in Chromium: what a link hides is gone from every part and leaves no hole, and what it locks says why and moves by no hand or key."""

import re
from contextlib import closing
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from genmodels.engine import Engine
from genmodels.ui.live.cleaning import Cleaning
from genmodels.ui.live.ownpicture import OwnPicture
from genmodels.ui.live.path import NoiseRoad, PathRoad
from genmodels.ui.theme import ASSETS

from .conftest import watched
from .explore_page import served

PATIENCE = 60_000
PLACES = """async (kind) => {
    const file = performance.getEntriesByType('resource').map(({ name }) => name).find((name) => name.endsWith('/parts.js'));
    return Object.entries((await import(file))[kind]).map(([name, [, where]]) => [name, where]); }"""
OF_PARTS = {  # what there is to hide in each part, and what to wait for
    "clean": ({"parts", "subject", "noises", "cleaners", "testcurve"}, '[data-testid="clean"]'),
    "forward": ({"parts", "subject", "law", "plots", "moments", "chain"}, '[data-testid="forward"][data-ready="true"]'),
    "reverse": ({"parts", "seeds", "manner", "versus", "predicted", "opened", "random"}, '[data-testid="reverse"][aria-busy="false"]'),
    "noise": ({"parts", "subject", "trip", "partway", "noisewalk"}, '[data-testid="partway-words"][data-state="done"]'),
    "repair": ({"parts", "subject", "damage", "answers", "simple"}, '[data-testid="noiserepair-words"][data-state="done"]'),
    "learned": ({"parts", "subject", "coarse"}, '[data-testid="learned-words"][data-state="done"]'),
}
EMPTY = """part => [...document.querySelectorAll(`#lp-place-${part} .lp-card, #lp-place-${part} .lp-row`)]
    .filter((one) => one.offsetHeight && !one.innerText.trim() && !one.querySelector('canvas, input, select')).map((one) => one.outerHTML)"""
SHORT = "trip=5&steps=4&repeats=1"
LOCKS = {  # by part what its link locks: what is pressed then, and the words that are said
    "clean": {"corrupt": ('[data-kind="blur"]', "The kind of noise"), "level": (".lp-level output", "The level of the noise"),
              "noise": ('[data-testid="new-noise"]', "The draw of the noise"), "part": ('.lp-noiseparts [data-part="forward"]', "The part of Denoise"),
              "subject": ('[data-way="another"]', "The picture that is worked on")},
    "forward": {"t": (".lp-momentbutton", "The moment"), "grows": ('.lp-kinds2 [data-kind="linear"]', "The schedule of the chain")},
    "reverse": {"seeds": ('[data-seeds="3"]', "The number of seeds"), "moment": ('[data-testid="reverse-play"]', "The place on the way"),
                "opened": ('[data-testid="open-step"]', "The view of a step"), "versus": ('[data-testid="versus"]', "What stands beside it"),
                "steps": (".lp-steps output", "The number of steps")},
    "noise": {"trip": (".lp-tripsteps", "The number of steps to the noise"), "strength": (".lp-howfar", "The strength"),
              "to": ('[data-testid="walk-to-other"]', "The end of the walk")},
    "repair": {"damage": ('.lp-damageways [data-way="4"]', "The kind of damage"), "mask": ('[data-testid="noiserepair-canvas"]', "What is hidden"),
               "repeats": (".lp-repeats", "The number of repeats")},
    "learned": {"t": ('.lp-learnedpair[data-t="20"]', "The moment")},
}


def test_the_readme_names_all_that_a_lesson_can_hide_or_lock():
    hides, locks = (ASSETS / "js" / "parts.js").read_text().split("export const LOCKS")
    said = dict(re.findall(r"^\* `(hide|lock)=` (.*?)(?=^\*|^$)", (Path(__file__).parents[1] / "README.md").read_text(), re.M | re.S))
    for kind, text in (("hide", hides), ("lock", locks)):
        names = re.findall(r'(\w+): \["', text)
        assert len(names) > 20 and [name for name in names if f"`{name}`" not in said[kind]] == []


@pytest.fixture(scope="module")
def address(made, tmp_path_factory, chromium):
    with closing(Engine(made, device="cpu", cache=tmp_path_factory.mktemp("lessons"))) as engine:
        roads = {"own": OwnPicture(engine), "path": PathRoad(engine), "noise": NoiseRoad(engine), "clean": Cleaning(engine)}
        with served(engine, "vae", tmp_path_factory.mktemp("data"), roads) as url:
            yield url


@pytest.fixture
def lesson(address, browser):
    """A part of Denoise as a lesson's link wants it."""
    with watched(browser) as open_page:
        def open_part(part: str, more: str = "", wait: bool = True, **options):
            page = open_page(f"{address}/?model=diffusion&tab=denoise&part={part}&{SHORT}&{more}", **options)
            page.set_default_timeout(PATIENCE)
            if wait:
                page.wait_for_selector(OF_PARTS[part][1], state="attached")
            return page

        yield open_part


def said(page, words: str) -> None:
    page.locator(".lp-says").get_by_text(words).first.wait_for()


@pytest.mark.parametrize("part", OF_PARTS)
def test_hidden_parts_are_gone_were_there_before_and_leave_no_gap(lesson, part):
    names, _ = OF_PARTS[part]
    page = lesson(part, "opened=1&versus=ddim,4,0,1" if part == "reverse" else "")
    places = dict(page.evaluate(PLACES, "PARTS"))
    assert [name for name in names if not page.locator(f":is({places[name]}):visible").count()] == []
    page = lesson(part, f"hide={','.join(places)}" + ("&opened=1" if part == "reverse" else ""))
    assert [name for name in places if page.locator(f":is({places[name]}):visible").count()] == []
    assert page.evaluate(EMPTY, part) == [] and page.locator(".lp-say").count() == 0


def test_what_stays_takes_the_room_of_a_hidden_side(lesson):
    narrow = lesson("repair").locator(".lp-noisecards").last.bounding_box()["width"]
    wide = lesson("repair", "hide=subject,damage").locator(".lp-noisecards").last.bounding_box()["width"]
    assert wide > narrow + 250


@pytest.mark.parametrize("part", LOCKS)
def test_a_locked_choice_says_why_and_stays(lesson, part):
    page = lesson(part, f"lock={','.join(LOCKS[part])}")
    before = page.url
    for pressed, words in LOCKS[part].values():
        page.locator(f".lp-denoise :is({pressed}):visible").first.click(force=True)  # what is locked takes no pointer: the page around it does
        said(page, f"{words} is fixed in this lesson.")
    page.wait_for_timeout(200)  # the address is written a moment after a choice
    assert parse_qs(urlsplit(page.url).query) == parse_qs(urlsplit(before).query)


def test_keys_of_a_locked_or_hidden_part_do_nothing_and_say_why(lesson):
    page = lesson("forward", "lock=t")
    page.locator("body").press("ArrowRight")
    said(page, "The moment is fixed in this lesson.")
    assert page.get_by_test_id("forward").get_attribute("data-t") == "300"
    page = lesson("reverse", "lock=moment&hide=opened")
    frame = page.get_by_test_id("reverse-track").get_attribute("data-frame")
    page.locator("body").press("Home")
    said(page, "The place on the way is fixed in this lesson.")
    page.locator("body").press("o")
    assert page.get_by_test_id("reverse-track").get_attribute("data-frame") == frame and page.get_by_test_id("step").is_hidden()
    assert "opened=1" not in page.url
    page = lesson("clean", "lock=part")
    page.locator('[data-part="clean"]').focus()
    page.keyboard.press("ArrowRight")
    said(page, "The part of Denoise is fixed in this lesson.")
    assert page.locator('[data-part="clean"]').get_attribute("aria-selected") == "true"


def test_on_a_telephone_the_bar_of_parts_shows_the_open_one(lesson):
    page = lesson("learned", width=390)
    inside = """name => { const [bar, one] = ['.lp-noiseparts', `[data-part="${name}"]`].map((where) => document.querySelector(where).getBoundingClientRect());
        return one.left >= bar.left - 1 && one.right <= bar.right + 1; }"""
    page.wait_for_function(inside, arg="learned")
    assert not page.evaluate(inside, "clean") and page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator('[data-part="learned"]').focus()
    page.keyboard.press("ArrowRight")  # from the last to the first
    page.wait_for_function(inside, arg="clean")
