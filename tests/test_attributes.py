"""The Attributes page under the hand of a person: rows that push a picture, locks, presets, undo, links"""

from urllib.parse import urlsplit

import numpy as np
import pytest

from genmodels.latent.points import resolve
from genmodels.normal import latents

from .attributes_page import PIXELS, ROOT, START, VAE, address, begin, decoded, gone, push, pushed, pushes, row, settle, shown, value
from .interpolate_page import ask


@pytest.fixture
def attributes(url, browser):
    with pushes(browser, url) as open_view:
        yield open_view


@pytest.fixture(scope="module")
def opened(url, browser):
    with pushes(browser, url) as open_view:
        yield open_view(START)


@pytest.fixture
def page(opened):
    """One page for all tests, each of which begins with the same view."""
    begin(opened)
    return opened


@pytest.fixture
def z() -> np.ndarray:
    return latents(7, 1, (16,))[0]


# Rows


def test_a_row_pushes_the_picture_by_its_sigmas_and_the_address_keeps_it(page, bundled, z):
    assert np.abs(shown(page) - decoded(bundled, VAE, z)).max() <= 2
    push(page, "Thickness", 2)
    assert address(page, "push=Thickness:2")["point"] == "seed:7"
    push(page, "From_4_to_9", -1.5)
    address(page, "From_4_to_9:-1.5")
    goal = decoded(bundled, VAE, pushed(bundled, VAE, z, {"Thickness": 2, "From_4_to_9": -1.5}))
    assert np.abs(shown(page) - goal).max() <= 2 and np.abs(goal - decoded(bundled, VAE, z)).mean() > 5


def test_plus_and_minus_move_by_half_a_sigma_and_a_double_click_takes_back(page):
    for label, goal in (("More", 0.5), ("More", 1), ("Less", 0.5)):
        row(page, "Slant").get_by_label(label).click()
        assert value(page, "Slant") == goal
    address(page, "push=Slant:0.5")
    row(page, "Slant").locator("input").dblclick(position={"x": 3, "y": 10})
    assert value(page, "Slant") == 0
    gone(page, "push=")


def test_groups_begin_with_what_was_learned_and_fold_what_was_found_without_labels(page):
    order = page.locator(".lp-pushrow").evaluate_all("rows => rows.map(row => row.dataset.direction)")
    assert order.index("From_4_to_9") < order.index("Thickness") < order.index("Axis_1") < order.index("SeFa_1")
    assert page.locator(".lp-found").first.get_attribute("open") is None and not row(page, "SeFa_1").is_visible()


def test_a_row_tells_its_source_and_its_accuracy_on_unseen_pictures(page, bundled):
    [direction] = [one for one in bundled.checkpoint(VAE).directions if one.word == "From_4_to_9"]
    facts = row(page, "From_4_to_9").locator(".lp-pushname").get_attribute("title")
    assert f"{round(100 * direction.accuracy)} % right" in facts and direction.about in facts
    row(page, "From_4_to_9").locator(".lp-pushname").click()
    page.wait_for_selector(".lp-alongcard h2:text('From 4 to 9')")
    assert f"{round(100 * direction.accuracy)} % right" in page.locator(".lp-alongcard").inner_text()


def test_the_labels_male_and_young_say_what_they_mean(page):
    said = ask(page, """const { createAttributeRows } = await load("attributerows.js"), made = createAttributeRows({});
        const about = { source: "learned", accuracy: 0.9, scale: 1, about: "" };
        made.of([{ name: "Male", ...about }, { name: "Young", ...about }, { name: "Smiling", ...about }], ["Smiling", "Male", "Young"], { Bald: "too few." });
        made.show(new Map([["Smiling", 1]]), new Set(["Male"]), "Smiling");
        made.judge(Float32Array.of(0.97, 0.02, 0.5));
        const one = (name, what) => made.element.querySelector(`[data-direction=${name}] ${what}`);
        return [one("Male", "details").textContent, one("Young", "details").textContent, one("Smiling", "details"), one("Smiling", ".lp-chance").textContent,
            one("Male", "input").disabled, one("Male", "input").title, made.element.textContent];""")
    male, young, none, chance, disabled, why, everything = said
    assert "celebrities" in male and "does not say what a man or a woman is" in male and "nobody's age" in young and none is None
    assert chance == "97 %" and disabled and "Unlock it" in why and "Bald too few." in everything


# Locks


def test_a_locked_direction_is_projected_off_every_push(page, bundled, z):
    push(page, "Thickness", 2.5)
    free = shown(page)
    row(page, "Width").locator(".lp-keep").click()
    assert address(page, "keep=Width")["push"] == "Thickness:2.5"
    goal = pushed(bundled, VAE, z, {"Thickness": 2.5}, ("Width",))
    assert np.abs(shown(page) - decoded(bundled, VAE, goal)).max() <= 2 and np.abs(shown(page) - free).mean() > 1
    assert row(page, "Width").locator("input").is_disabled() and "cannot be pushed itself" in row(page, "Width").locator("input").get_attribute("title")
    page.keyboard.press("p")  # the pin is a point that everybody can read
    [pin] = address(page, "pins=A")["pins"].split(";")
    known = {one.word: one for one in bundled.checkpoint(VAE).directions}
    there = resolve(pin.split("@")[2], lambda kind, key: latents(key, 1, (16,))[0] if kind == "seed" else known[key].step, (16,))
    assert abs((there - z) @ known["Width"].vector) < 1e-3 and np.abs(there - goal).max() < 1e-3
    row(page, "Width").locator(".lp-keep").click()
    gone(page, "keep=")
    assert np.abs(shown(page) - free).max() <= 2


# Back and forth


def test_undo_redo_and_reset(page):
    before = shown(page)
    push(page, "Thickness", 3)
    address(page, "push=Thickness:3")
    after = shown(page)
    page.keyboard.press("z")
    gone(page, "push=")
    assert np.array_equal(shown(page), before) and value(page, "Thickness") == 0
    page.keyboard.press("Shift+Z")
    address(page, "push=Thickness:3")
    assert np.array_equal(shown(page), after)
    page.keyboard.press("0")
    gone(page, "push=")
    assert np.array_equal(shown(page), before) and page.get_by_role("button", name="Reset all").is_disabled()


def test_holding_c_shows_the_start_and_letting_go_brings_the_push_back(page):
    start = shown(page)
    push(page, "Thickness", 3)
    after = shown(page)
    page.keyboard.down("c")
    page.wait_for_selector(f"{ROOT}.peeking")
    assert np.array_equal(shown(page), start) and not np.array_equal(start, after)
    page.keyboard.up("c")
    assert np.array_equal(shown(page), after)
    address(page, "push=Thickness:3")


def test_the_start_stands_beside_the_present_picture(page):
    start = shown(page)
    push(page, "Thickness", 3)
    page.get_by_test_id("attributes-before").click()
    address(page, "before=1")
    page.wait_for_function("() => document.querySelector('.lp-before canvas').width === 28", timeout=60_000)
    assert np.abs(np.array(page.locator(".lp-before canvas").evaluate(PIXELS)) - start).max() <= 2 and np.abs(shown(page) - start).mean() > 5


def test_a_link_restores_rows_locks_and_the_picture(page, attributes):
    push(page, "From_3_to_5", 2)
    row(page, "Slant").locator(".lp-keep").click()
    address(page, "keep=Slant", "push=From_3_to_5:2")
    other = attributes(urlsplit(page.url).query.replace("tab=attributes&", "").replace("&road=server", ""))
    assert np.array_equal(shown(other), shown(page)) and value(other, "From_3_to_5") == 2
    assert row(other, "Slant").locator(".lp-keep").get_attribute("aria-pressed") == "true" and other.locator(".lp-say").count() == 0


@pytest.mark.parametrize(("query", "all_words"), [
    (f"{START}&push=Thickness:9,Slant&keep=a b&beside={VAE};nope&along=@@&before=2", (
        "sigmas from −3 to 3", "no names of directions", "beside the first", "no name of a direction", "it is 1 or 0")),
    (f"{START}&push=Nonsense:1,Slant:1&keep=Strange_thing&beside=fashion-vae-16d", ("has no direction Nonsense, Strange thing, so these were left out",)),
])
def test_bad_values_in_a_link_get_a_sentence_each_and_their_defaults(attributes, query, all_words):
    page = attributes(query)
    said = page.locator(".lp-says").inner_text()
    assert [words for words in all_words if words not in said] == []
    assert page.locator(".lp-pushrow.kept").count() == 0 and page.locator(".lp-pushed").count() == 1
    assert value(page, "Thickness") == 0 and value(page, "Slant") == (1 if "Slant:1" in query else 0)


# Presets


def test_a_preset_pushes_and_pressed_again_takes_back(page):
    before = shown(page)
    thick = page.get_by_test_id("preset-strokes-thick")
    thick.click()
    assert address(page, "push=Thickness:2.5") and thick.get_attribute("aria-pressed") == "true"
    assert shown(page).mean() > before.mean() + 3
    page.get_by_test_id("preset-strokes-thin").click()
    address(page, "push=Thickness:-2.5")
    page.get_by_test_id("preset-strokes-thin").click()
    gone(page, "push=")
    assert np.array_equal(shown(page), before)
    row(page, "Thickness").locator(".lp-keep").click()
    assert address(page, "keep=Thickness") and thick.is_disabled() and "unlock its row" in thick.get_attribute("title")


def test_one_colour_of_hair_takes_the_place_of_another(page):
    first, second, pressed = ask(page, """const { createPresets } = await load("presets.js"), asked = [],
            made = createPresets((pushes) => asked.push([...pushes]));
        made.of(["Blond_hair", "Black_hair", "Smiling"]);
        const press = (text) => [...made.element.querySelectorAll("button")].find((one) => one.textContent === text).click();
        made.show(new Map([["Smiling", 1]]), new Set());
        press("Blond");
        made.show(new Map(asked[0]), new Set());
        press("Black");
        return [...asked, [...made.element.querySelectorAll("[aria-pressed=true]")].map((one) => one.textContent)];""")
    assert first == [["Smiling", 1], ["Blond_hair", 2.5]] and second == [["Smiling", 1], ["Black_hair", 2.5]] and pressed == ["Blond"]


# What the classifier says, lessons, classes


def test_one_line_says_how_pure_a_push_is(page):
    push(page, "From_4_to_9", 0.1)
    page.wait_for_selector('[data-testid="attributes-purity"]:has-text("The classifier saw")', timeout=60_000)
    told = ask(page, """const { purityOf } = await load("purity.js"), of = { kind: "attributes", classes: ["Smiling", "Blond hair", "Male"] };
        const say = (after, ...names) => purityOf([0.1, 0.2, 0.9], after, of, names);
        return [say([0.9, 0.25, 0.85], "Smiling"), say([0.8, 0.2, 0.4], "Smiling"), say([0.1, 0.9, 0.9], "Blond_hair"), say([0.1, 0.2, 0.9])];""")
    pure, leaks, blond, none = told
    assert pure == "The classifier sees Smiling +80 %; nothing else changes by 10 % or more." and none == ""
    assert "Smiling +70 %; beside it Male −50 %" in leaks and blond.startswith("The classifier sees Blond hair +70 %")


def test_a_lesson_locks_pushes_and_hides_presets(attributes):
    page = attributes(f"{START}&push=Thickness:1&lock=push&hide=presets,start")
    before = shown(page)
    assert not page.locator(".lp-presets").is_visible() and not page.get_by_role("button", name="Hold: start").is_visible()
    row(page, "Slant").get_by_label("More").click(force=True)
    page.locator(".lp-says").get_by_text("How far a picture is pushed is fixed in this lesson.").wait_for()
    page.keyboard.press("0")
    page.keyboard.down("c")
    assert np.array_equal(shown(page), before) and value(page, "Thickness") == 1
    page.keyboard.up("c")


def test_a_class_sees_a_push_before_it_is_put_down(page):
    page.evaluate("() => { window.told = []; addEventListener('latent-hand', ({ detail }) => window.told.push(detail())); }")
    row(page, "Height").locator("input").evaluate("input => { input.value = 1.2; input.dispatchEvent(new Event('input', { bubbles: true })); }")
    assert page.evaluate("window.told.at(-1)") == {"push": [{"name": "Height", "sigmas": 1.2}]} and "Height" not in page.url
    page.keyboard.press("0")
    settle(page)
