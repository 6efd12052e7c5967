"""The Train page under the hand of a person, in a real Chromium and on a real service: presets, the form, runs that go on, models that open elsewhere"""

import io
import json
import re
import zipfile
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image
from starlette.middleware import Middleware

from genmodels.ui.live import trainform

from .conftest import digits_plan, save_tiny, tiny_model, watched

PATIENCE = 120_000  # milliseconds: a worker process imports torch first
LONG = 100_000  # steps: a run that does not come to its end while a test lasts
PAGE, RUN, OWNED = "train-page", '[data-testid="run"]', '[data-testid="owned"]'
REACH = """Math.max(document.documentElement.scrollWidth, ...[...document.querySelectorAll(
    '.lp-train .lp-card, .lp-trainright .lp-row, .lp-knob, .lp-trainlist li')].map(one => one.getBoundingClientRect().right))"""


def preset(id: str, *titles: str, steps: int) -> dict:
    plan = json.loads(json.dumps(digits_plan(steps).to_json()))
    return {"id": id, "title": f"Lecture {id}", "watch": "The loss falls.", "runs": [{"title": title, "plan": plan} for title in titles], "readout": ""}


@pytest.fixture(scope="module")
def served(tmp_path_factory, chromium) -> Iterator[tuple]:
    """The address of a page with one public model of small digits, and its service. Its lectures are a long training and a pair of short ones."""
    from genmodels.engine import Engine
    from genmodels.train.worker import Service
    from genmodels.ui import page
    from genmodels.ui.live.routes import LiveRoutes
    from genmodels.ui.live.training import TrainRoad, open_to_asker
    from genmodels.ui.serve import launch
    from genmodels.ui.theme import ASSETS, look
    data = tmp_path_factory.mktemp("data")
    save_tiny(tiny_model("autoencoder"), data / "checkpoints" / "digits-ae")
    service = Service(data / "runs", device="cpu")
    engine = Engine(data / "checkpoints", device="cpu", cache=data / "cache", runs=service.folder, may=open_to_asker(service))
    road = TrainRoad(service, engine)
    said, trainform.presets = trainform.presets, lambda data: [preset("long", "One long", steps=LONG), preset("pair", "First", "Second", steps=30)]
    roads = Middleware(LiveRoutes, engine=engine, assets=ASSETS, roads={"train": road})
    running = launch(page(engine, "digits-ae"), port=0, data_dir=data, look=look(), middleware=[roads])
    yield running.url.rstrip("/"), service
    running.close()
    road.close()
    engine.close()
    trainform.presets = said


@pytest.fixture
def come(served, browser) -> Iterator:
    """Open a view of the page; each call is a browser of somebody else."""
    with watched(browser) as open_page:
        def come(query="tab=train", **options):
            page = open_page(f"{served[0]}/?{query}", **options)
            page.set_default_timeout(PATIENCE)
            if "tab=train" in query:
                page.get_by_test_id(PAGE).locator(".lp-trainsets .lp-chip").first.wait_for()
            return page

        yield come


def state(page, name: str) -> None:
    """Until the open run is in this state."""
    page.wait_for_selector(f'{RUN}[data-state="{name}"]')


def begun(page, id: str = "long") -> str:
    """Press a lecture's card, wait until its run has come some steps, and say its name."""
    page.locator(f'[data-preset="{id}"]').click()
    page.wait_for_url(re.compile(r"run="))
    page.wait_for_function("/[1-9][\\d,]* of/.test(document.querySelector('.lp-trainstands')?.textContent)")
    return re.search(r"run=([\w.-]+)", page.url)[1]


def stopped(page, id: str = "long") -> str:
    name = begun(page, id)
    page.locator(RUN).get_by_role("button", name="Stop").click()
    state(page, "stopped")
    page.wait_for_selector(f"{OWNED} button:has-text('Explore'):not(:disabled)")
    return name


def press(page, text: str) -> None:
    page.locator(OWNED).get_by_role("button", name=text, exact=True).first.click()


def gone(page) -> None:
    """Delete the open run, so that the next test finds room, once no tab asks for its pictures any more."""
    before = page.locator(".lp-trainlist li").count()
    page.wait_for_load_state("networkidle")
    press(page, "Delete")
    page.locator('[data-asks="delete"]').get_by_role("button", name="Delete").click()
    page.wait_for_function("(before) => document.querySelectorAll('.lp-trainlist li').length < before", arg=before)
    page.get_by_text("The training and its model are deleted.").first.wait_for()


def test_a_newcomer_is_told_what_to_press_and_how_long_it_will_take(come):
    page = come()
    empty = page.get_by_test_id("train-empty")
    empty.get_by_text("Watch a model learn").wait_for()
    assert empty.get_by_role("button").is_enabled() and not page.get_by_test_id("runs").is_visible()
    estimate = page.get_by_test_id("train-estimate")
    estimate.locator("strong", has_text="bout").wait_for()
    assert re.search(r"nobody is before you\. [\d,]+ steps, [\d.]+ [kM] numbers to learn", estimate.text_content())


def test_a_preset_runs_at_one_press_stops_by_hand_and_its_model_opens_in_explore(come):
    page = come()
    name = begun(page)
    state(page, "running")
    assert page.locator(f"{RUN} >> text=The loss falls.").is_visible() and page.locator(OWNED).get_by_role("button", name="Explore").is_disabled()
    page.locator(RUN).get_by_role("button", name="Stop").click()
    state(page, "stopped")
    page.wait_for_selector(f"{OWNED} button:has-text('Explore'):not(:disabled)")
    press(page, "Explore")
    page.wait_for_selector('[data-testid=latent-picture]:not([data-ms="0"])')
    assert f"model={name}" in page.url
    chip = page.locator(f'.lp-picker [data-model="{name}"]')
    assert chip.get_attribute("aria-checked") == "true" and chip.text_content() == "One longyours"
    assert "Trained by you" in page.locator(".lp-about").text_content()
    page.get_by_role("tab", name="Train").click()
    gone(page)
    assert page.locator(f'.lp-picker [data-model="{name}"]').count() == 0
    page.locator('.lp-picker [data-model="digits-ae"][aria-checked="true"]').wait_for()


def test_a_run_is_interpolated_beside_the_bundled_model(come):
    page = come()
    name = stopped(page)
    press(page, "Interpolate")
    page.wait_for_selector('.lp-interpolate[aria-busy="false"]')
    assert f"rows={name},digits-ae,crossfade" in page.url.replace("%2C", ",")
    page.get_by_role("tab", name="Train").click()
    gone(page)


def test_a_moment_of_a_run_is_in_the_address_and_comes_back_with_it(come):
    page = come()
    stopped(page)
    page.wait_for_function("document.querySelector('[data-testid=run-time]').max > 1")
    page.get_by_test_id("run-time").focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_url(re.compile(r"[?&]after=\d+"))
    there, value = page.url, page.get_by_test_id("run-time").input_value()
    page.reload()
    page.wait_for_function("value => document.querySelector('[data-testid=run-time]')?.value === value", arg=value)
    assert page.get_by_test_id("run-now").get_attribute("aria-pressed") == "false" and page.url == there
    page.get_by_test_id("run-now").click()
    page.wait_for_url(re.compile(r"^((?!after=).)*$"))
    gone(page)


def test_a_second_run_of_the_same_name_is_numbered(come):
    page = come()
    for title in ("One long", "One long (2)"):
        stopped(page)
        assert page.locator(".lp-runtitle").inner_text() == title
    gone(page)
    gone(page)


def test_who_follows_a_teacher_keeps_the_own_run_and_takes_on_the_form(come):
    page = come("tab=train&run=mine&after=7")
    own = page.evaluate("""async () => { const store = performance.getEntriesByType('resource').find(({ name }) => name.endsWith('/js/store.js')).name;
        const { adopt, chosen } = await import(store);
        adopt('?tab=train&run=theirs&after=9&over=a,b&kin=autoencoder', { models: ['digits-ae'], firstModel: 'digits-ae' }, true);
        const { run, after, over, kin } = chosen();
        return [run, after, over, kin]; }""")
    assert own == ["mine", "7", "", "autoencoder"]


def test_a_refresh_comes_back_to_the_run_and_the_form(come):
    page = come("tab=train&learn=digits&kin=vae&size=medium&knobs=latent_dim:3")
    long = page.locator('[data-knob="latent_dim"] .lp-text')
    assert long.input_value() == "3" and page.get_by_test_id("train-size").locator('[aria-checked="true"]').text_content() == "Medium"
    name = begun(page)
    page.reload()
    page.wait_for_selector(f'[data-run="{name}"][aria-current="true"]')
    state(page, "running")
    assert long.input_value() == "3"
    page.locator(RUN).get_by_role("button", name="Stop").click()
    state(page, "stopped")
    gone(page)


def zipped(folder) -> str:
    """The path of a zip of 80 pictures in two folders."""
    with zipfile.ZipFile(path := folder / "marbles.zip", "w") as archive:
        for k in range(80):
            file = io.BytesIO()
            Image.fromarray(np.random.default_rng(k).integers(128 * (k % 2), 128 + 127 * (k % 2), (30, 30, 3), np.uint8)).save(file, "png")
            archive.writestr(f"{('dark', 'light')[k % 2]}/{k}.png", file.getvalue())
    return str(path)


def test_pictures_of_ones_own_are_brought_learned_from_and_taken_away_again(come, tmp_path):
    page = come("tab=train&kin=autoencoder")
    page.get_by_test_id("train-own").click()
    page.get_by_test_id("train-file").set_input_files(zipped(tmp_path))
    chip = page.locator('.lp-trainsets [aria-checked="true"]', has_text="marbles")
    chip.wait_for()
    page.wait_for_url(re.compile("learn=own"))
    says = page.locator(".lp-bringsays")
    assert "80 pictures" in says.inner_text() and "dark, light" in says.inner_text() and "Reading" not in says.inner_text()
    assert page.locator(".lp-say").count() == 0
    page.get_by_test_id("train").click()
    page.wait_for_function("/[1-9][\\d,]* of/.test(document.querySelector('.lp-trainstands')?.textContent)")
    assert "marbles" in page.locator(".lp-trainlist").inner_text()
    page.locator(RUN).get_by_role("button", name="Stop").click()
    state(page, "stopped")
    gone(page)
    says.get_by_role("button", name="Take these pictures away again").click()
    says.get_by_text("They are gone from here.").wait_for()
    page.locator('.lp-trainsets [aria-checked="true"]').wait_for()
    assert chip.count() == 0


def test_a_data_set_of_the_hub_stays_chosen_once_it_is_named(come):
    page = come()
    page.get_by_test_id("train-own").click()
    page.get_by_test_id("train-hub").fill("somebody/pictures")
    page.get_by_test_id("train-hub").press("Enter")
    page.locator('.lp-trainsets [data-key="somebody/pictures"][aria-checked="true"]').wait_for()
    page.wait_for_url(re.compile("learn=somebody(/|%2F)pictures"))
    page.wait_for_timeout(500)
    assert page.locator('.lp-trainsets [aria-checked="true"]').get_attribute("data-key") == "somebody/pictures"


def test_a_training_is_private_until_its_link_is_shared(come, served):
    page = come()
    name = stopped(page)
    other = come(f"tab=train&run={name}")
    other.get_by_test_id("train-empty").get_by_text("not yours, or was deleted").wait_for()
    assert other.locator(f'[data-model="{name}"]').count() == 0 and not other.get_by_test_id("runs").is_visible()
    press(page, "Share …")
    page.get_by_role("button", name="Share it, and copy the link").click()
    link = page.get_by_test_id("share-link").input_value()
    assert link == f"{served[0]}/?model={name}"
    guest = come(f"model={name}")
    guest.wait_for_selector('[data-testid=latent-picture]:not([data-ms="0"])')
    assert f"model={name}" in guest.url and "Shared with you" in guest.locator(".lp-about").text_content()
    guest.close()  # or it would go on asking for pictures
    page.get_by_role("button", name="Share no more").click()
    page.locator(OWNED).get_by_role("button", name="Share …", exact=True).wait_for()
    late = come(f"model={name}")
    late.get_by_text("which is not here").wait_for()
    gone(page)


def test_several_runs_lie_over_each_other_and_what_differs_is_said(come):
    page = come()
    page.locator('[data-preset="pair"]').click()
    compare = page.get_by_test_id("compare")
    compare.get_by_text("Their settings are the same.").wait_for()
    assert compare.locator("tbody tr").count() == 2 and page.locator(".lp-traintick input:checked").count() == 2
    page.wait_for_function("document.querySelectorAll('.lp-trainlist li[data-state=finished]').length === 2")
    page.wait_for_function("[...document.querySelectorAll('[data-testid=compare-table] tbody tr')].every((row) => /\\d/.test(row.children[1].textContent))")
    page.locator(".lp-traintick input").first.uncheck()
    compare.wait_for(state="hidden")
    for _ in range(2):
        page.locator(".lp-trainrow").first.click()
        gone(page)
    assert not page.get_by_test_id("runs").is_visible()


def test_the_form_trains_what_is_set_and_refuses_in_words_what_does_not_fit(come, served):
    page = come("tab=train&learn=digits&kin=autoencoder&knobs=width:4;hidden:8;stage.steps:20")
    page.get_by_test_id("train-all").locator("summary").click()
    steps = page.locator('[data-knob="stage.steps"]')
    steps.locator(".lp-text").fill("-3")
    steps.locator(".lp-text").press("Tab")
    assert "whole number" in steps.get_by_role("alert").text_content()
    steps.locator(".lp-text").fill("25")
    steps.locator(".lp-text").press("Tab")
    page.wait_for_url("**stage.steps:25**")
    page.get_by_test_id("train").click()
    page.wait_for_selector('.lp-trainlist li[data-state="finished"]')
    name = re.search(r"run=([\w.-]+)", page.url)[1]
    asked = json.loads((served[1].folder / name / "run.json").read_text())["asked"]
    assert asked["model"]["width"] == 4 and asked["recipe"]["stages"][0]["steps"] == 25 and asked["model"]["image_shape"] == [1, 8, 8]
    press(page, "Rename")
    page.get_by_label("New title").fill("My <b>first</b>")
    page.keyboard.press("Enter")
    page.locator(".lp-trainrow b", has_text="My <b>first</b>").wait_for()
    gone(page)


def test_a_fork_begins_with_the_weights_of_its_parent(come, served):
    page = come()
    parent = stopped(page)
    press(page, "Fork")
    page.locator(".lp-trainfrom", has_text="One long").wait_for()
    page.get_by_test_id("train").click()
    page.wait_for_function("document.querySelectorAll('.lp-trainlist li').length === 2")
    page.wait_for_url(re.compile(rf"run=(?!{parent})"))
    fork = served[1].folder / re.search(r"run=([\w.-]+)", page.url)[1]
    assert json.loads((fork / "run.json").read_text())["parent"] == parent and (fork / "begin" / "state.safetensors").exists()
    page.locator(RUN).get_by_role("button", name="Stop").click()
    state(page, "stopped")
    gone(page)
    page.locator(f'[data-run="{parent}"]').click()
    gone(page)


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_reaches_beyond_the_page(come, width):
    page = come("tab=train", width=width, height=844)
    page.get_by_test_id("train-all").locator("summary").click()
    page.get_by_test_id("train-own").click()
    assert page.evaluate(REACH) <= width


def test_a_link_with_bad_values_is_refused_in_words(come):
    page = come("tab=train&size=huge&kin=nonsense&run=%3Cb%3E")
    for said in "there are small, medium and large", "There is no family “nonsense” here", "which is no name":
        page.locator(".lp-say", has_text=said).wait_for()
    page.get_by_test_id("train-size").locator('[aria-checked="true"]', has_text="Small").wait_for()
