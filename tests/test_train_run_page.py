"""The view of one training, in Chromium and on a made-up run: it follows, scrubs, asks for what is pressed, and says its numbers aloud."""

import mimetypes
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from PIL import Image
from starlette.middleware import Middleware

from genmodels.engine import Engine
from genmodels.train.worker import Service
from genmodels.ui import page as whole_page
from genmodels.ui.live.routes import LiveRoutes
from genmodels.ui.live.training import TrainRoad, open_to_asker
from genmodels.ui.serve import launch
from genmodels.ui.theme import ASSETS, look

from .conftest import watched
from .training_kit import PATIENCE, plan

PLACE = "http://run.test"
ROAD = (Path(__file__).parent / "run_stand_in.js").read_text(encoding="utf-8")
PAGE = """<!doctype html><html lang=en><head><meta name=viewport content="width=device-width"><style>%s</style></head><body>
<div class=gradio-container id=place></div>
<script type=module>%s
import { createRunView } from "/live/assets/x/js/trainrun.js";
window.view = createRunView(window.road);
document.querySelector("#place").append(view.element);
view.show({ ...row }, window.preset ?? {});
</script></body></html>"""
SET = """([one, value]) => { const input = document.querySelector(one); input.value = value;
    for (const event of ['input', 'change']) input.dispatchEvent(new Event(event)); }"""
PIXELS = """() => { const one = document.querySelector('[data-testid=run-map]'), { data } = one.getContext('2d').getImageData(0, 0, one.width, one.height);
    return data.reduce((sum, value) => (sum * 31 + value) % 1e9, 7); }"""
OTHER = """() => { // a second run, "other", which has losses and no pictures yet; frames are kept, as the road does
    const { frame, news } = road, kept = new Map();
    road.frame = (name, step) => { if (!kept.has(step)) kept.set(step, frame(name, step)); return kept.get(step); };
    road.news = async (name, ...more) => {
        const found = await news(name, ...more);
        return name === 'run' ? found : { ...found, row: { ...row, name }, frames: [] };
    };
    window.go = (name) => view.show({ ...row, name }, {}); }"""
TOPS = """() => ['run-losses', 'run-map', 'run-samples', 'run-pairs'].map((name) =>
    Math.round(document.querySelector(`[data-testid=${name}]`).getBoundingClientRect().top + scrollY))"""


@pytest.fixture
def open_run(browser):
    """The view of a made-up run; `begin` is JavaScript that changes what it is like."""
    def answer(route):
        path = urlsplit(route.request.url).path
        if path.startswith("/live/assets/x/"):
            file = ASSETS / path.removeprefix("/live/assets/x/")
            route.fulfill(body=file.read_text(encoding="utf-8"), content_type=mimetypes.guess_type(file.name)[0] or "text/javascript")
        else:
            whole = path == "/"
            route.fulfill(body=PAGE % (look()["css"], begun + ROAD) if whole else "{}",
                          content_type="text/html; charset=utf-8" if whole else "application/json")

    with watched(browser) as open_page:
        begun = ""

        def show(begin: str = "", frame: int = 40, **options):
            nonlocal begun
            begun = begin
            page = open_page("about:blank", **options)
            page.route("**/*", answer)
            page.goto(PLACE)
            page.wait_for_selector(f'[data-testid="run"][data-frame="{frame}"]')
            return page

        yield show


def aloud(page, name: str) -> str:
    """What a screen reader says of a picture or a chart."""
    page.wait_for_timeout(80)
    return page.get_attribute(f'[data-testid="{name}"]', "aria-label")


def asked(page, what: str) -> list:
    return [values for name, *values in page.evaluate("asked") if name == what]


def scrub(page, step: int) -> None:
    page.evaluate(SET, ['[data-testid="run-time"]', step])
    page.wait_for_timeout(80)


def test_losses_stand_by_part_and_end_at_the_present(open_run):
    page = open_run()
    assert "At step 40: loss 1" in aloud(page, "run-losses") and "kl 5." in aloud(page, "run-losses")
    assert page.locator('[data-testid="run-losses"]').locator("xpath=../..").locator(".lp-chartkey span").all_inner_texts() == ["loss", "reconstruction", "kl"]
    page.evaluate(SET, ['[data-testid="run-smooth"]', 0])
    assert "loss 10, reconstruction 5, kl 5" in aloud(page, "run-losses")


def test_the_slider_goes_through_the_history_without_asking_again(open_run):
    page = open_run()
    page.wait_for_function("asked.filter(([what]) => what === 'frame').length === 5")
    for step, shown in ((10, 10), (25, 20), (1, 1)):
        scrub(page, step)
        assert page.get_attribute('[data-testid="run"]', "data-frame") == str(shown)
        assert page.get_attribute('[data-testid="run-samples"]', "data-step") == str(shown)
        assert f"At step {step}:" in aloud(page, "run-losses")
    assert len(asked(page, "frame")) == 5


def test_a_frame_that_was_thinned_out_is_asked_for_once_and_left_out(open_run):
    page = open_run("window.thinned = [20];")
    page.wait_for_function("asked.filter(([what]) => what === 'frame').length === 5")
    scrub(page, 25)
    page.wait_for_selector('[data-testid="run"][data-frame="10"]')
    page.wait_for_timeout(300)
    assert len(asked(page, "frame")) == 5


def test_it_stays_at_now_until_it_is_moved_and_comes_back_to_it(open_run):
    page = open_run()
    page.evaluate("() => { told.events.push({ step: 50, seconds: 25, loss: 4 }); told.frames.push(50); row.step = 50; }")
    page.wait_for_selector('[data-testid="run"][data-frame="50"]')
    scrub(page, 20)
    assert page.get_attribute('[data-testid="run-now"]', "aria-pressed") == "false"
    page.evaluate("() => { told.frames.push(60); row.step = 60; }")
    page.wait_for_function("asked.some(([what, step]) => what === 'frame' && step === 60)")
    assert page.get_attribute('[data-testid="run"]', "data-frame") == "20"
    page.click('[data-testid="run-now"]')
    page.wait_for_selector('[data-testid="run"][data-frame="60"]')


def test_it_goes_to_the_moment_that_the_address_says(open_run):
    page = open_run()
    for after, frame, now in (("20", 20, "false"), ("", 40, "true")):
        page.evaluate("after => view.to(after)", after)
        page.wait_for_selector(f'[data-testid="run"][data-frame="{frame}"]')
        assert page.get_attribute('[data-testid="run-now"]', "aria-pressed") == now


def test_arrow_keys_go_from_moment_to_moment_and_space_plays(open_run):
    page = open_run()
    page.focus('[data-testid="run-time"]')
    for key, step in (("ArrowLeft", 30), ("ArrowLeft", 20), ("ArrowRight", 30)):
        page.keyboard.press(key)
        page.wait_for_selector(f'[data-testid="run"][data-frame="{step}"]')
    page.keyboard.press("Space")
    page.wait_for_function("document.querySelector('[data-testid=run-play]').textContent.includes('Pause')")
    page.wait_for_selector('[data-testid="run"]:not([data-frame="30"])')
    page.keyboard.press("Space")
    page.wait_for_function("document.querySelector('[data-testid=run-play]').textContent.includes('Play')")


def test_pause_resume_and_stop_are_asked_for_and_answered_at_once(open_run):
    page = open_run()
    assert not page.is_visible('[data-testid="run-resume"]')
    page.click('[data-testid="run-pause"]')
    page.wait_for_selector('[data-testid="run"][data-state="paused"]', timeout=1000)
    assert not page.is_visible('[data-testid="run-pause"]') and page.inner_text('[data-testid="run-state"]') == "Paused"
    page.click('[data-testid="run-resume"]')
    page.wait_for_selector('[data-testid="run"][data-state="running"]', timeout=1000)
    page.click('[data-testid="run-stop"]')
    page.wait_for_selector('[data-testid="run"][data-state="stopped"]', timeout=1000)
    page.select_option('[data-testid="run-steps"]', "500")
    page.click('[data-testid="run-more"]')
    page.wait_for_function("asked.some(([what]) => what === 'more')")
    assert asked(page, "more") == [[{"steps": 500}]]


def test_a_finished_run_is_not_asked_after_again(open_run):
    page = open_run('window.more = { state: "finished", step: 40, steps: 40 };')
    page.wait_for_timeout(1400)
    assert len(asked(page, "news")) == 1


def test_the_rate_is_sent_on_release_and_marked_in_the_chart(open_run):
    page = open_run()
    page.evaluate("() => { const one = document.querySelector('[data-testid=run-rate]'); one.value = -0.5; one.dispatchEvent(new Event('input')); }")
    assert not asked(page, "rate") and "×0.32" in page.inner_text(".lp-runrate")
    page.evaluate(SET, ['[data-testid="run-rate"]', -0.5])
    page.wait_for_function("asked.some(([what, events]) => what === 'news' && events === 21)")
    assert asked(page, "rate") == [[{"factor": 0.32}]]
    box = page.locator('[data-testid="run-losses"]').bounding_box()
    reading = page.locator('[data-testid="run-losses"]').locator("xpath=../..").locator(".lp-chartreading")
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 40)
    assert re.match(r"step \d+", reading.inner_text())


def test_what_is_done_again_replaces_what_it_had(open_run):
    page = open_run()
    page.evaluate(SET, ['[data-testid="run-smooth"]', 0])
    page.evaluate("""() => { told.events.push({ step: 20, seconds: 20, went_back: true }, { step: 24, seconds: 22, loss: 7, reconstruction: 3, kl: 4 });
        told.frames = [1, 10, 20]; row.step = 24; }""")
    page.wait_for_function("asked.some(([what, events]) => what === 'news' && events === 22)")
    assert "At step 24: loss 7, reconstruction 3, kl 4" in aloud(page, "run-losses")
    page.wait_for_selector('[data-testid="run"][data-frame="20"]')


def test_who_comes_back_to_a_run_sees_its_pictures_again(open_run):
    page = open_run('window.more = { state: "paused" };')
    page.evaluate(OTHER)
    for name, how in (("other", ".empty"), ("run", ":not(.empty)"), ("other", ".empty"), ("run", ":not(.empty)")):
        page.evaluate("name => go(name)", name)
        for card in ("samplescard", "pairscard"):
            page.wait_for_selector(f".lp-{card}{how}", state="attached", timeout=5000)


def test_a_line_that_is_hidden_in_one_run_is_there_in_the_next(open_run):
    page = open_run('window.more = { state: "paused" };')
    page.evaluate(OTHER)
    kl = page.locator(".lp-losscard .lp-chartkey", has_text="kl")
    kl.click()
    page.evaluate("go('other')")
    page.wait_for_function("[...document.querySelectorAll('.lp-losscard .lp-chartkey')].filter((one) => one.ariaPressed === 'true').length === 3")
    kl.click()
    assert kl.get_attribute("aria-pressed") == "false", "a press hides it, for it was there"


def test_of_curves_beside_each_other_what_was_done_again_is_cut_and_a_note_is_no_end(open_run):
    page = open_run()
    page.evaluate("""async () => {
        told.events.push({ step: 20, seconds: 20, went_back: true }, { step: 24, seconds: 22, loss: 7, reconstruction: 3, kl: 4 },
            { step: 24, seconds: 22, rate_factor: 0.5, note: 'rate x0.5' });
        const [{ createCompare }, { choose }] = await Promise.all(['traincompare', 'store'].map((name) => import(`/live/assets/x/js/${name}.js`)));
        choose({ tab: 'train', over: 'a,b' }, false);
        const both = { ...road, row: (name) => ({ ...row, name, title: name }), listen: (listener) => listener() };
        document.body.append(createCompare(both, () => {}).element); }""")
    page.wait_for_function("document.querySelector('[data-testid=compare-which]').value === 'loss'")
    page.evaluate(SET, ['[aria-label="Smoothing of the curves"]', 0])
    page.wait_for_function("/a 7, b 7/.test(document.querySelector('[data-testid=compare-curves]').ariaLabel)")


def test_of_two_looks_at_the_models_the_later_one_counts(open_run):
    page = open_run()
    assert page.evaluate("""async () => {
        const { allModels, reloadCatalogue } = await import('/live/assets/x/js/catalogue.js'), waiting = [];
        const answer = (name) => new Response(JSON.stringify({ models: [{ name }], roads: [], classifiers: {} }));
        window.fetch = () => new Promise((done) => waiting.push((name) => done(answer(name))));
        const looks = [reloadCatalogue(), reloadCatalogue()];
        waiting[1]('later');
        await looks[1];
        waiting[0]('earlier');
        await looks[0];
        return allModels().map(({ name }) => name); }""") == ["later"]


def test_a_finger_that_scrolls_over_a_chart_leaves_the_moment_and_one_that_taps_picks_it(open_run):
    page = open_run('window.more = { state: "paused" };', width=390, has_touch=True)
    page.locator('[data-testid="run-losses"]').scroll_into_view_if_needed()
    box, finger, now = page.locator('[data-testid="run-losses"]').bounding_box(), page.context.new_cdp_session(page), '[data-testid="run-now"]'
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    for kind, by in (("touchStart", 0), ("touchMove", 20), ("touchMove", 60), ("touchMove", 120), ("touchEnd", None)):
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [] if by is None else [{"x": x, "y": y - by}]})
        page.wait_for_timeout(50)
    assert page.evaluate("scrollY") > 0 and page.get_attribute(now, "aria-pressed") == "true"
    box = page.locator('[data-testid="run-losses"]').bounding_box()
    page.touchscreen.tap(x, box["y"] + box["height"] / 2)
    page.wait_for_selector(f'{now}[aria-pressed="false"]')


def test_what_the_server_may_have_begun_is_not_asked_for_twice(open_run):
    page = open_run()
    asked, said = page.evaluate("""async () => {
        const { fetched } = await import('/live/assets/x/js/away.js'), { fetch } = window;
        let asked = 0;
        window.fetch = (address, ...more) => {
            if (!String(address).endsWith('/start')) return fetch(address, ...more);
            asked += 1;
            return Promise.reject(new TypeError('broken'));
        };
        const said = await fetched('/live/train/start', { method: 'POST', once: true }).catch((error) => error.message);
        return [asked, said]; }""")
    assert asked == 1 and "before an answer came" in said


def test_codes_move_on_axes_that_stay_and_say_how_well_classes_come_apart(open_run):
    page = open_run('window.dims = 5;')
    page.wait_for_function("document.querySelector('[data-testid=run-map]').getAttribute('aria-label').includes('% lie among')")
    assert "A linear view of 5 numbers" in page.inner_text(".lp-motioncard")
    page.wait_for_timeout(700)
    end = page.evaluate(PIXELS)
    scrub(page, 35)
    page.wait_for_function(f"before => ({PIXELS})() !== before", arg=end)
    between = page.evaluate(PIXELS)
    scrub(page, 30)
    page.wait_for_function(f"before => ({PIXELS})() !== before", arg=between)
    assert page.evaluate(PIXELS) != end
    scrub(page, 40)
    page.wait_for_function(f"end => ({PIXELS})() === end", arg=end)


def test_readouts_of_any_family_stand_as_curves_and_bars(open_run):
    page = open_run('window.dims = 4; window.preset = { watch: "Look at the units.", readout: "share of active units" };')
    assert "KL of each dimension, nats at step 40: number 1 4, number 2 5, number 3 6, number 4 7" in aloud(page, "run-bars")
    scrub(page, 20)
    assert "number 1 2, number 2 3" in aloud(page, "run-bars")
    assert page.locator(".lp-readout").first.get_attribute("data-readout") == "share of active units"
    assert "Look at the units." in page.inner_text('[data-testid="run-watch"]') and "Share of active units: 0.5" in page.inner_text('[data-testid="run-watch"]')


def test_of_a_gan_both_players_are_shown_and_how_many_classes_its_samples_have(open_run):
    page = open_run("window.players = 1;")
    assert "critic loss" in aloud(page, "run-losses") and "critic on real" not in aloud(page, "run-losses")
    assert "critic on real −1" in aloud(page, "run-beside")
    believes = aloud(page, "run-scalar")
    assert "D(x), of test pictures 0.9" in believes and "D(G(z)), of samples 0.4" in believes
    assert "3 of 3 classes are there" in aloud(page, "run-classes") and "cat 0.5, dog 0.1, owl 0.4" in aloud(page, "run-classes")
    assert not page.is_visible('[data-testid="run-map"]') and not page.is_visible('[data-testid="run-pairs"]')


def test_a_step_by_hand_waits_for_a_pause_and_shows_every_quantity_in_order(open_run):
    page = open_run()
    assert page.is_disabled('[data-testid="hand-model"]') and "Pause the training first" in page.inner_text('[data-testid="hand-words"]')
    page.click('[data-testid="run-pause"]')
    page.click('[data-testid="hand-model"]')
    page.wait_for_selector('[data-testid="hand-flow"] .lp-handtile')
    tiles = page.locator('[data-testid="hand-flow"] .lp-handtile')
    assert page.locator(".lp-handafter canvas").count() == 3
    assert [tiles.nth(k).get_attribute("data-name") for k in range(5)] == ["x", "mean", "noise", "z", "reconstruction"] and tiles.count() == 7
    assert "0.500" in tiles.nth(1).inner_text() and "−0.250" in tiles.nth(1).inner_text() and tiles.locator("math").count() >= 10
    assert page.inner_text('[data-testid="hand-parts"]').split() == ["loss", "21.5", "reconstruction", "11.5", "kl", "5"]
    assert "21.5 before, 20.25 after the step (less by 1.25)" in page.inner_text('[data-testid="hand-after"]')
    assert asked(page, "hand") == [[{"players": ["model"]}]]


def test_a_step_of_one_run_is_not_painted_into_another_and_has_the_rate_of_its_stage(open_run):
    page = open_run("""window.more = { state: "paused", recipe: {
        stages: [{ players: ["model"], steps: 100, rate: 0.001 }, { players: ["model"], steps: 100, rate: 0.5 }] } };""")
    page.evaluate(OTHER)
    page.evaluate("() => { const { hand } = road; road.hand = (...step) => new Promise((done) => { window.answer = () => done(hand(...step)); }); }")
    page.select_option('[data-testid="hand-far"]', "10")
    page.click('[data-testid="hand-model"]')
    page.evaluate("() => { go('other'); answer(); }")
    page.wait_for_function("!document.querySelector('[data-testid=hand-model]').disabled")
    assert page.locator('[data-testid="hand-flow"] .lp-handtile').count() == 0
    assert asked(page, "hand") == [[{"players": ["model"], "rate": 0.01}]]


def test_of_a_gan_either_player_can_learn_alone(open_run):
    page = open_run("""window.more = { state: "paused", recipe: { stages: [{ players: ["critic", "generator"], steps: 100, rate: 0.001 }] } };""")
    assert page.locator(".lp-handbuttons button").all_inner_texts() == ["Only the critic D", "Only the generator G", "Both"]
    page.select_option('[data-testid="hand-far"]', "10")
    for name in ("critic", "critic-generator"):
        page.click(f'[data-testid="hand-{name}"]')
        page.wait_for_selector('[data-testid="hand-flow"] .lp-handtile')
        page.wait_for_function("name => !document.querySelector(`[data-testid=hand-${name}]`).disabled", arg=name)
    assert asked(page, "hand") == [[{"players": ["critic"], "rate": 0.01}], [{"players": ["critic", "generator"], "rate": 0.01}]]


def test_why_a_run_ended_stands_there_and_no_run_says_what_to_do(open_run):
    page = open_run('window.more = { state: "failed", why: "The loss was not a number three times in a row." };')
    assert page.inner_text('[data-testid="run-why"]') == "The loss was not a number three times in a row."
    page.evaluate("view.show(null)")
    assert page.is_visible('[data-testid="run-none"]') and not page.is_visible('[data-testid="run-losses"]')


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_stands_out_of_the_page_or_moves_when_the_pictures_come(open_run, width):
    page = open_run("window.later = 1;", width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    before = page.evaluate(TOPS)
    scrub(page, 1)
    assert page.evaluate(TOPS) == before


def test_the_history_is_saved_as_an_animation(open_run, tmp_path):
    page = open_run()
    with page.expect_download() as got:
        page.click('[data-testid="run-gif"]')
    got.value.save_as(tmp_path / "run.gif")
    with Image.open(tmp_path / "run.gif") as picture:
        assert picture.n_frames == 5 and picture.size == (708, 374)
    assert got.value.suggested_filename == "A-made-up-run.gif"


@pytest.fixture
def trains(made, tmp_path, browser):
    """The whole page over a real training process, opened at a training of tiny digits."""
    service = Service(tmp_path / "data" / "runs", device="cpu")
    engine = Engine(made, device="cpu", cache=tmp_path / "cache", runs=service.folder, may=open_to_asker(service))
    road = TrainRoad(service, engine)
    running = launch(whole_page(engine, "vae"), port=0, data_dir=tmp_path / "data", look=look(),
                     middleware=[Middleware(LiveRoutes, engine=engine, assets=ASSETS, roads={"train": road})])
    begin = "async (plan) => (await (await fetch('/live/train/start', { method: 'POST', body: JSON.stringify({ plan }) })).json()).name"

    def show(said: dict):
        page = open_page(f"{running.url}?tab=train")
        page.set_default_timeout(1000 * PATIENCE)
        page.wait_for_selector('[data-testid="train-page"]')
        page.goto(f"{running.url}?tab=train&run={page.evaluate(begin, said)}")
        return page

    with watched(browser) as open_page:
        yield show
    running.close()
    road.close()
    engine.close()


def test_a_real_training_is_watched_and_paused_in_the_whole_page(trains):
    page = trains(plan(steps=200_000))
    page.wait_for_selector('[data-testid="run"][data-state="running"]')
    page.wait_for_function("+document.querySelector('[data-testid=run-time]').max > 100")
    assert re.search(r"loss \d", aloud(page, "run-losses")) and "pictures that the model makes" in aloud(page, "run-samples")
    page.click('[data-testid="run-pause"]')
    page.wait_for_selector('[data-testid="run"][data-state="paused"]')
    assert page.is_enabled('[data-testid="hand-model"]') and page.is_visible('[data-testid="run-resume"]')
