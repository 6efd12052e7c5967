"""A class in the page: students' pages follow the teacher's until they go their own way, lessons take controls away, projectors see large things"""

from itertools import pairwise

import numpy as np
import pytest

from genmodels.ui.serve import _free

from .class_kit import outside, served
from .conftest import watched
from .explore_page import MAP, PICTURE, at, pixels, point_of, reach, settle

NAMES = """async () => {
    const file = performance.getEntriesByType('resource').map(({ name }) => name).find((name) => name.endsWith('/parts.js'));
    const { PARTS, LOCKS } = await import(file), places = (names) => Object.entries(names).map(([name, [, where]]) => [name, where]);
    return { parts: places(PARTS), locks: places(LOCKS) }; }"""
EMPTY = """() => [...document.querySelectorAll('.lp-explore :is(.lp-card, .lp-bar, .lp-row, .lp-under)')]
    .filter((one) => one.offsetHeight && !one.querySelector('canvas')).map((one) => one.outerHTML)"""
SIZES = """() => [document.querySelector('[data-testid=latent-picture]').offsetWidth,
    parseFloat(getComputedStyle(document.querySelector('.lp-sliders label')).fontSize)]"""
LINE, SHEET = '[data-testid="class-line"]', "dialog.lp-class"


@pytest.fixture(scope="module")
def room(bundled, tmp_path_factory, chromium):
    from genmodels.ui import page
    from genmodels.ui.theme import look
    outside()
    with served(page(bundled, "mnist-vae-2d"), bundled, _free("0.0.0.0", 0), tmp_path_factory.mktemp("data"), look=look()) as (room, _):
        yield room


@pytest.fixture
def come(room, browser):
    """Open a page of the class as somebody who reaches this machine as a host."""
    with watched(browser) as open_page:
        def come(host, query="", **options):
            page = open_page(f"http://{host}:{room.port}/?{query}", **options)
            page.wait_for_selector(f'{PICTURE}:not([data-ms="0"])')
            settle(page)
            return page

        yield come


@pytest.fixture
def teacher(come):
    page = come("127.0.0.1")
    page.get_by_test_id("class").click()
    page.wait_for_selector(SHEET)
    yield page
    if page.locator(f"{LINE} button:has-text('Stop')").is_visible():
        page.locator(f"{LINE} button").click()


@pytest.fixture
def leading(teacher):
    teacher.get_by_test_id("class-lead").click()
    says(teacher, "You lead")
    return teacher


def says(page, words) -> None:
    page.locator(LINE, has_text=words).wait_for()


def shows(page, query) -> None:
    """Until the address of a page has this, and the page shows it."""
    page.wait_for_url(f"**{query}**")
    settle(page)


def go_to_seed(page, seed) -> None:
    page.locator(".lp-seed").fill(str(seed))
    page.locator(".lp-seed").press("Enter")
    settle(page)


# The teacher's sheet


def test_the_sheet_shows_address_and_code_to_the_teacher_alone(teacher, come, room):
    assert teacher.get_by_test_id("class-address").inner_text() == room.addresses()[0]
    teacher.wait_for_function("document.querySelector('.lp-code').naturalWidth > 20")
    student = come(outside())
    teacher.get_by_test_id("class-pages").get_by_text("1 page of students is open").wait_for()
    student.wait_for_function("document.querySelector('[data-testid=class-line]')")
    assert student.get_by_test_id("class").count() == 0 and not student.locator(LINE).is_visible()
    teacher.keyboard.press("Escape")
    teacher.wait_for_selector(SHEET, state="hidden")


def test_a_lesson_is_made_copied_without_https_and_opens_as_it_was_made(come, room):
    teacher = come(outside(), f"teacher={room.key}&model=mnist-vae-16d&point=seed:5")
    assert room.key not in teacher.url and not teacher.evaluate("isSecureContext")
    teacher.get_by_test_id("class").click()
    teacher.get_by_test_id("class-lesson").click()
    teacher.get_by_label("Sliders").check()
    teacher.get_by_label("The model", exact=True).check()
    link = teacher.get_by_test_id("lesson-link").input_value()
    assert link.startswith(f"{room.addresses()[0]}/?") and "hide=sliders" in link and "lock=model" in link and "point=seed:5" in link
    teacher.get_by_test_id("lesson-copy").click()
    teacher.get_by_text("The link is copied.").wait_for()
    assert teacher.evaluate("document.querySelector('.lp-code').alt") == "QR code of the lesson"
    student = come(outside(), link.split("?")[1])
    assert not student.locator(".lp-slidersbox").is_visible() and student.locator(".lp-randomrow").is_visible()
    assert point_of(student) == "seed:5"


# Following


def test_students_see_what_the_teacher_shows_until_they_go_their_own_way(leading, come):
    student = come(outside())
    says(student, "You see what the teacher shows")
    go_to_seed(leading, 8)
    shows(student, "point=seed:8")
    assert np.array_equal(pixels(student), pixels(leading))
    go_to_seed(student, 9)
    says(student, "You are on your own")
    leading.locator(LINE, has_text="0 of 1 page follow").wait_for()
    go_to_seed(leading, 10)
    assert point_of(student) == "seed:9"
    student.reload()
    says(student, "You are on your own")
    student.get_by_role("button", name="Follow again").click()
    shows(student, "point=seed:10")
    assert np.array_equal(pixels(student), pixels(leading))
    student.keyboard.press("z")
    shows(student, "point=seed:9")


def test_who_comes_late_sees_what_is_shown_and_a_teacher_who_reloads_leads_on(leading, come):
    leading.locator('[data-model="mnist-vae-16d"]').click()
    shows(leading, "model=mnist-vae-16d")
    go_to_seed(leading, 21)
    student = come(outside(), "model=mnist-pca-2d&hide=gallery")
    shows(student, "model=mnist-vae-16d&point=seed:21")
    assert "hide=gallery" in student.url and np.array_equal(pixels(student), pixels(leading))
    leading.reload()
    says(leading, "You lead: 1 of 1")
    settle(leading)
    go_to_seed(leading, 22)
    shows(student, "point=seed:22")
    leading.get_by_role("button", name="Stop").click()
    student.locator(LINE).wait_for(state="hidden")
    assert point_of(student) == "seed:22"


def test_the_hand_of_the_teacher_is_followed_before_it_is_put_down(leading, come):
    student = come(outside())
    before = pixels(student)
    leading.mouse.move(*at(leading, 0.1, 0.15))
    student.wait_for_url("**point=z:**")
    assert np.abs(pixels(student) - before).mean() > 5 and point_of(leading) == ""
    assert np.abs(pixels(student) - pixels(leading)).max() <= 2
    leading.mouse.move(5, 5)
    settle(leading)
    student.wait_for_function("!location.search.includes('point=z:')")
    assert np.array_equal(pixels(student), before)


def test_the_next_class_finds_nothing_of_this_one(teacher, come):
    student = come(outside(), "model=mnist-vae-16d&point=seed:3")
    student.keyboard.press("p")
    student.wait_for_selector(".lp-pin")
    teacher.get_by_test_id("class-reset").click()
    assert "goes back to the first view" in teacher.locator(".lp-sure-reset").inner_text()
    teacher.get_by_role("button", name="Leave them").click()
    assert student.locator(".lp-pin").count() == 1
    teacher.get_by_test_id("class-reset").click()
    teacher.get_by_test_id("class-reset-now").click()
    student.wait_for_function("!document.querySelector('.lp-pin') && document.querySelector('.lp-says')?.textContent.includes('begun again')")
    settle(student)
    assert point_of(student) == "" and student.locator('[data-model="mnist-vae-2d"]').get_attribute("aria-checked") == "true"
    assert student.get_by_role("button", name="Undo").first.is_disabled()
    assert student.evaluate("Object.keys(sessionStorage).filter(name => sessionStorage[name].includes('seed:3')).length") == 0


# Lessons


def test_every_name_of_a_lesson_is_a_place_on_the_page(visit):
    page = visit("model=mnist-cvae-16d&second=mnist-vae-16d")
    names = page.evaluate(NAMES)
    page.get_by_role("tab", name="Interpolate").click()
    page.wait_for_selector('.lp-interpolate[aria-busy="false"]')
    page.get_by_role("tab", name="Attributes").click()
    page.wait_for_selector('.lp-attributes[aria-busy="false"]')
    page.get_by_role("tab", name="Train").click()
    page.wait_for_selector(".lp-train")
    page.get_by_role("tab", name="Denoise").click()
    for part in ("forward", "reverse", "noise", "repair", "learned", "clean"):
        page.locator(f'.lp-noiseparts [data-part="{part}"]').click()
        page.wait_for_selector(f"#lp-place-{part} > :not(.lp-wait)", state="attached")
    for kind in "parts", "locks":
        assert [name for name, where in names[kind] if not page.locator(where).count()] == []


def test_all_parts_can_be_hidden_and_leave_no_hole(visit):
    parts = visit().evaluate(NAMES)["parts"]
    page = visit(f"model=mnist-cvae-16d&hide={','.join(name for name, _ in parts)}")
    assert [name for name, where in parts if page.locator(f":is({where}):visible").count()] == []
    assert page.locator(MAP).is_visible() and page.locator(PICTURE).is_visible() and page.locator(".lp-say").count() == 0
    assert page.evaluate(EMPTY) == [] and page.locator(MAP).bounding_box()["y"] < 120


def test_a_locked_control_says_why_and_moves_by_no_hand_or_key(visit):
    page = visit("model=mnist-vae-16d&point=seed:4&lock=model,point,plane,tab")
    before = pixels(page)
    said = page.locator(".lp-says")
    page.locator(".lp-picker").click(position={"x": 20, "y": 15})
    said.get_by_text("The model is fixed in this lesson.").wait_for()
    page.locator(".tab-wrapper").click(position={"x": 130, "y": 15})
    said.get_by_text("The tab is fixed in this lesson.").wait_for()
    page.mouse.move(*at(page, 0.2, 0.2))
    page.mouse.down()
    page.mouse.up()
    said.get_by_text("The point is fixed in this lesson.").wait_for()
    assert page.locator(".lp-mapcard").first.get_attribute("title") == "The point is fixed in this lesson."
    page.locator('[data-model="mnist-vae-16d"]').focus()
    page.keyboard.press("ArrowRight")
    page.get_by_test_id("latent-slider-0").focus()
    page.keyboard.press("ArrowRight")
    page.locator(MAP).focus()
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("r")
    page.get_by_test_id("plane").focus()
    page.keyboard.press("ArrowDown")
    said.get_by_text("The choice of the map is fixed in this lesson.").wait_for()
    assert np.array_equal(pixels(page), before)
    page.reload()
    settle(page)
    page.keyboard.press("0")
    assert np.array_equal(pixels(page), before) and "lock=model" in page.url


def test_what_is_not_locked_stays_free_and_undo_changes_nothing_that_is(visit):
    page = visit("model=mnist-vae-16d&point=seed:4&lock=point")
    page.locator('[data-model="mnist-pca-16d"]').click()
    shows(page, "model=mnist-pca-16d")
    assert point_of(page) == "seed:4"
    page.get_by_role("button", name="Undo").first.click()
    shows(page, "model=mnist-vae-16d")
    assert point_of(page) == "seed:4"


def test_a_hidden_verdict_is_kept_from_those_who_listen_too(visit):
    page = visit("model=mnist-vae-16d&point=seed:4&hide=verdict")
    page.wait_for_selector(".lp-near button")  # the hand rests: now a verdict would be said
    assert page.locator(PICTURE).get_attribute("aria-label") == "The decoded picture" and page.locator(".lp-aloud").first.text_content() == ""
    page = visit("model=mnist-vae-16d&point=seed:4")
    page.wait_for_selector(f'{PICTURE}[aria-label*="the classifier sees"]')


def test_the_key_of_a_hidden_part_does_nothing(visit):
    page = visit("model=mnist-vae-16d&point=seed:4&hide=random,pins")
    before = pixels(page)
    page.keyboard.press("r")
    page.keyboard.press("p")
    assert np.array_equal(pixels(page), before) and point_of(page) == "seed:4" and page.locator(".lp-pin").count() == 0


@pytest.mark.parametrize("query, words", [
    ("hide=sliders,nonsense", "asks to hide “nonsense”"), ("lock=everything", "asks to lock “everything”"), ("big=2", "big=1 is the size for a projector"),
])
def test_names_that_no_lesson_knows_get_a_sentence(visit, query, words):
    page = visit(query)
    assert words in page.locator(".lp-says").inner_text()


def test_a_lesson_travels_in_the_students_own_links(visit):
    page = visit("model=mnist-vae-16d&hide=gallery&lock=model&big=1", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_test_id("big").click()
    page.get_by_role("button", name="Copy link").first.click()
    page.wait_for_selector(".lp-say")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert "hide=gallery" in copied and "lock=model" in copied and "big" not in copied


# A projector


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (1920, 1080)])
def test_projector_size_has_the_whole_map_in_sight_and_larger_words(visit, width, height):
    page = visit("model=mnist-vae-16d", width=width, height=height)
    picture, letters = page.evaluate(SIZES)
    page.get_by_test_id("big").click()
    page.wait_for_url("**big=1**")
    settle(page)
    box, (larger, letters_now) = page.locator(MAP).bounding_box(), page.evaluate(SIZES)
    assert box["y"] + box["height"] <= height and box["height"] > 0.68 * height
    assert larger > 1.15 * picture and letters_now > 1.1 * letters and reach(page) <= width
    page.get_by_test_id("big").click()
    page.wait_for_function("!document.body.classList.contains('lp-big')")


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (1920, 1080)])
def test_two_models_stand_side_by_side_before_a_room(visit, width, height):
    page = visit("model=mnist-vae-16d&second=mnist-ae-16d&big=1", width=width, height=height)
    page.wait_for_selector('[data-testid="latent-picture-2"]:not([data-ms="0"])')
    boxes = [page.get_by_test_id(name).bounding_box() for name in ("latent-map", "latent-picture", "latent-map-2", "latent-picture-2")]
    assert all(box["y"] + box["height"] <= height for box in boxes)
    assert all(one["x"] + one["width"] < other["x"] for one, other in pairwise(boxes)) and reach(page) <= width


# A server that goes away


def test_pages_find_their_class_again_by_themselves(bundled, browser, tmp_path):
    from genmodels.ui import page
    from genmodels.ui.theme import look
    port, contexts = _free("0.0.0.0", 0), [browser.new_context() for _ in range(2)]
    teacher, student = [context.new_page() for context in contexts]
    with served(page(bundled, "mnist-vae-2d"), bundled, port, tmp_path, look=look()):
        teacher.goto(f"http://127.0.0.1:{port}")
        student.goto(f"http://{outside()}:{port}")
        teacher.get_by_test_id("class").click()
        teacher.get_by_test_id("class-lead").click()
        says(student, "You see what the teacher shows")
    says(student, "The connection to the teacher is lost")
    with served(page(bundled, "mnist-vae-2d"), bundled, port, tmp_path, look=look()):
        says(teacher, "You lead: 1 of 1 page follow")
        says(student, "You see what the teacher shows")
        go_to_seed(teacher, 12)
        shows(student, "point=seed:12")
        assert "point=seed:12" in student.url and "point=seed:12" in teacher.url
    for context in contexts:
        context.close()
