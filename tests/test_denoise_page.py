"""The Forward and Reverse parts of the Denoise page, in Chromium: moments in closed form, ways that stream in, stop, are gone through, and are opened."""

import re

import numpy as np
import pytest
import torch

from genmodels.checkpoint import save_checkpoint
from genmodels.classifier import Classifier
from genmodels.engine import Engine, Sampling
from genmodels.models._denoising import levels_of
from genmodels.models.diffusion import Config, betas
from genmodels.normal import latents
from genmodels.train.recipe import Plan
from genmodels.ui.live.path import PathRoad

from .conftest import DIGITS, save_tiny, tiny_model, watched
from .engine_kit import save_classifier
from .explore_page import served, until_address
from .interpolate_page import CANVAS, PATIENCE, ask

TRAITS, LONG = ("Tall", "Wide hat"), 1000
SIZE = 64  # numbers of a picture
READY, DONE = '[data-testid="forward"][data-ready="true"]', '[data-testid="reverse"][aria-busy="false"]'


def save_traits(root) -> None:
    """A diffusion model that is told traits, each yes, no or nothing, and a classifier that knows that they are such."""
    model = tiny_model("diffusion", conditions=TRAITS, steps=3)
    save_checkpoint(model, root / "traits", Plan("diffusion", "shapes", model.config).to_json())
    torch.manual_seed(0)
    config = Classifier.Config(image_shape=(1, 8, 8), conditions=TRAITS, width=4, features=8, kind="attributes")
    save_checkpoint(Classifier(config), root / "shapes-classifier", Plan("classifier", "shapes", config).to_json())


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    root = tmp_path_factory.mktemp("denoise")
    save_tiny(tiny_model("vae"), root / "vae")
    save_tiny(tiny_model("diffusion", conditions=DIGITS, steps=6), root / "diffusion")
    save_tiny(tiny_model("diffusion", steps=LONG), root / "long")
    save_classifier(root / "digits-classifier")
    save_traits(root)
    engine = Engine(root, device="cpu", cache=root / "cache")
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def here(engine, tmp_path_factory, chromium):
    with served(engine, "diffusion", tmp_path_factory.mktemp("data"), {"path": PathRoad(engine)}) as url:
        yield url


@pytest.fixture
def opened(here, browser):
    """A function that opens a part of the page, and waits until it shows all that was asked for."""
    with watched(browser) as open_page:
        def part(name: str, query: str = "", ready: str | None = None, **options):
            page = open_page(f"{here}/?tab=denoise&part={name}&{query}", **options)
            page.wait_for_selector(ready or {"forward": READY, "reverse": DONE}[name], timeout=PATIENCE)
            return page

        yield part


def pixels(page, test_id: str) -> np.ndarray:
    """The red channel of a canvas."""
    return np.array(page.locator(f'canvas[data-testid="{test_id}"]').evaluate(CANVAS))


def slide(page, test_id: str, value: float) -> None:
    """Move a slider as a hand does, and let it go."""
    page.locator(f'[data-testid="{test_id}"]').evaluate("""(input, value) => { input.value = value;
        for (const kind of ['input', 'change']) input.dispatchEvent(new Event(kind, { bubbles: true })); }""", value)


def asked_for(page) -> list[str]:
    """The queries of all paths that the page has asked the server for."""
    return page.evaluate("performance.getEntriesByType('resource').map(e => e.name).filter(n => n.includes('/live/path/'))")


# Forward


def test_the_picture_at_a_moment_is_the_closed_form_with_counted_noise(opened):
    page = opened("forward", "t=300&noise=5")
    for kind in ("cosine", "linear"):
        clean, level = pixels(page, "subject-picture") / 127.5 - 1, levels_of(betas(Config(betas=kind)))[300]
        expected = np.clip(127.5 * (level.alpha * clean + level.sigma * latents(5, 16, (SIZE,))[0] + 1), 0, 255)
        assert np.abs(pixels(page, f"forward-{kind}") - expected).max() <= 1
        numbers = page.get_by_test_id(f"forward-{kind}-numbers").text_content()
        assert f"{level.alpha:.3f}" in numbers and f"{level.sigma:.3f}" in numbers and "300" in numbers
    page.get_by_test_id("forward-noise").click()
    until_address(page, noise="6")
    assert np.abs(pixels(page, "forward-linear") - expected).max() > 20


def test_a_moment_is_chosen_by_slider_key_plot_and_strip_and_stands_in_the_address(opened):
    page = opened("forward")
    slide(page, "forward-t", 450)
    until_address(page, t="450")
    page.locator("body").press("ArrowRight")
    until_address(page, t="451")
    page.get_by_role("button", name="To t = 857").click()
    until_address(page, t="857")
    box = page.locator(".lp-plotfield").first.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 4, box["y"] + 20)
    page.wait_for_function("""() => Math.abs(document.querySelector('[data-testid="forward"]').dataset.t - 250) <= 3""")


def test_the_chain_walks_after_the_closed_form_and_what_is_measured_agrees(opened):
    page = opened("forward", "t=200&grows=linear", ready='[data-testid="chain"][aria-busy="false"]')
    assert "stands at t = 200" in page.get_by_test_id("chain-stands").text_content()
    rows = [[float(cell.replace("−", "-")) for cell in row.split("\n")] for row in page.locator('[data-testid="chain-measured"] tbody tr').evaluate_all(
        "rows => rows.map(row => [...row.querySelectorAll('td')].map(cell => cell.textContent).join('\\n'))")]
    (mean, spread), closed, chain = rows
    assert spread > 0.5 and all(abs(one[0] - mean) < 0.15 and abs(one[1] - spread) < 0.12 for one in (closed, chain))
    assert f"{(1 - betas(Config(betas='linear'))[199]) ** 0.5:.4f}" in page.get_by_test_id("chain-numbers").text_content()


def test_a_picture_of_other_data_is_gone_at_once(opened):
    page = opened("forward", "model=diffusion")
    assert ask(page, """const { choose } = await load('store.js');
        choose({ model: 'traits' }, false);
        return document.querySelector('[data-testid="forward"]').dataset.ready;""") == "false"
    page.wait_for_selector(READY, timeout=PATIENCE)


def test_what_an_address_may_not_say_is_refused_in_words(opened):
    wrong = {"t=2000": "from 0 to 1000", "grows=fast": "cosine and linear", "seeds=9": "from 1 to 4", "eta=3": "from 0 (no fresh noise) to 1",
             "moment=2": "from 0 to 1", "versus=ddpm,0,0,1": "such as ddpm,50,1,1.5", "tell=%3Cb%3E": "names of attributes", "opened=yes": "it is 1 or 0"}
    page = opened("forward", "&".join(wrong))
    said = page.locator(".lp-say.problem").all_text_contents()
    assert [key for key, sentence in wrong.items() if not any(sentence in one for one in said)] == []
    assert page.get_by_test_id("forward").get_attribute("data-t") == "300"


# Reverse


def test_a_way_begins_by_itself_and_ends_in_the_engines_own_picture(opened, engine):
    page = opened("reverse", "point=seed:3&label=4")
    track = page.get_by_test_id("reverse-track")
    assert track.get_attribute("data-frames") == "7" and page.get_by_test_id("reverse-track-state").get_attribute("data-state") == "done"
    made = engine.submit("decode", "diffusion", latents(3, 1, (1, 8, 8)), np.eye(10, dtype=np.float32)[[4]], Sampling()).result()
    assert np.abs(pixels(page, "reverse-track-x-0") - made.ravel()).max() <= 2


def test_going_through_it_asks_the_server_for_nothing(opened):
    page = opened("reverse", "sampler=ddim&steps=8")
    last, paths = pixels(page, "reverse-track-x-0"), len(asked_for(page))
    slide(page, "reverse-slider", 0)
    until_address(page, moment="0")
    noise = np.clip(127.5 * (latents(7, 1, (SIZE,))[0] + 1), 0, 255)
    assert np.abs(pixels(page, "reverse-track-x-0") - noise).max() <= 1 and np.any(pixels(page, "reverse-track-x0-0") != last)
    page.locator("body").press("ArrowRight")
    until_address(page, moment="0.125")
    assert page.get_by_test_id("reverse-track").get_attribute("data-frame") == "1"
    page.locator("body").press("End")
    until_address(page, moment="")
    assert np.array_equal(pixels(page, "reverse-track-x-0"), last) and len(asked_for(page)) == paths == 1


def test_other_settings_stand_beside_it_aligned_by_their_moment(opened):
    page = opened("reverse", "sampler=ddim&steps=10&moment=0.5")
    page.get_by_test_id("versus").click()
    page.wait_for_selector('[data-testid="reverse-versus-state"][data-state="done"]', timeout=PATIENCE)
    until_address(page, versus="ddpm,10,0,1")
    slide(page, "versus-steps", 20)
    page.wait_for_selector('[data-testid="reverse-versus"][data-frames="21"]', timeout=PATIENCE)
    first, second = (page.get_by_test_id(name).locator(".lp-trackt").text_content() for name in ("reverse-track", "reverse-versus"))
    moment, other = (int(re.search(r"\d+$", text.replace(" ", ""))[0]) for text in (first, second))
    assert page.get_by_test_id("reverse-track").get_attribute("data-frame") == "5" and abs(moment - other) <= 30
    assert sum("steps=10" in query and "sampler=ddim" in query for query in asked_for(page)) == 1, "the first way was computed anew"


def test_several_seeds_go_their_ways_at_once(opened, engine):
    page = opened("reverse", "point=seed:3&label=none&seeds=4")
    made = engine.submit("decode", "diffusion", np.stack([latents(seed, 1, (1, 8, 8))[0] for seed in range(3, 7)]), None, Sampling()).result()
    for k in range(4):
        assert np.abs(pixels(page, f"reverse-track-x-{k}") - made[k].ravel()).max() <= 2
    assert len(asked_for(page)) == 1


def test_stop_ends_it_and_what_is_there_stays(opened):
    page = opened("reverse", "model=long", ready='[data-testid="reverse-track"]:not([data-frames="0"]):not([data-frames="1"])')
    page.get_by_test_id("reverse-stop").click()
    page.wait_for_selector(DONE, timeout=1000)
    state, track = page.get_by_test_id("reverse-track-state"), page.get_by_test_id("reverse-track")
    frames = int(track.get_attribute("data-frames"))
    assert state.get_attribute("data-state") == "stopped" and 2 <= frames < LONG and f"stopped after {frames} of " in state.text_content()
    page.locator("body").press("ArrowLeft")
    assert int(track.get_attribute("data-frame")) == frames - 2 and page.get_by_test_id("reverse-stop").text_content() == "Go on"


def test_the_equation_of_an_opened_step_gives_what_the_server_computed(opened):
    """x, the mean and the next x of every step, from the page's equations, beside the pictures that the server sent: within their rounding."""
    page = opened("reverse")
    apart = ask(page, """
        const { Trajectory } = await load('trajectory.js'), { updateAt } = await load('stepequations.js'), { latent } = await load('normal.js');
        const { modelNamed } = await load('catalogue.js'), model = modelNamed('diffusion');
        const inside = (byte) => byte > 0 && byte < 255, off = (value, byte) => (inside(byte) ? Math.abs(value - (byte / 127.5 - 1)) : 0);
        const worst = ({ values, shown }) => Math.max(...values.map((value, i) => off(value, shown[i]))), names = ['x', 'mean', 'next'];
        return Promise.all(given.map(async ([sampler, steps, eta]) => {
          const track = new Trajectory({ model, z: latent(5, 64), y: null, n: 1, manner: { sampler, steps, eta, guidance: 1 } }, () => {});
          await track.run();
          return Array.from({ length: steps }, (_, k) => updateAt(track, k, 0).quantities.filter(({ name }) => names.includes(name)).map(worst));
        }));""", ["ddim", 6, 0.5], ["ddpm", 6, 0], ["dpm++", 6, 0])
    assert np.shape(apart) == (3, 6, 3) and np.max(apart) < 0.06, apart


def test_an_opened_step_shows_every_quantity_and_follows_the_scrubber(opened):
    page = opened("reverse", "sampler=ddpm&moment=0.5&opened=1")
    step = page.get_by_test_id("step")
    assert step.get_attribute("data-step") == "4" and "equation 7" in step.text_content()
    assert step.locator("figure").evaluate_all("all => all.map(one => one.dataset.name)") == ["x", "noise", "x0", "mean", "fresh", "next"]
    assert all(re.fullmatch(r"−?\d\.\d{3}", text) for text in step.locator(".lp-pixelvalue").all_text_contents())
    page.locator("body").press("ArrowRight")
    page.wait_for_selector('[data-testid="step"][data-step="5"]')
    page.locator("body").press("o")
    until_address(page, opened="")
    assert step.is_hidden()


def test_one_of_several_seeds_is_opened_by_going_alone_once_more(opened):
    page = opened("reverse", "seeds=2&moment=0.5&opened=1")
    page.wait_for_selector('[data-testid="step"][data-step="4"]', timeout=PATIENCE)
    page.get_by_test_id("reverse-track-x-1").click()
    page.wait_for_function("""() => document.querySelector('[data-testid="step"] h2').textContent.includes('seed number 2')""", timeout=PATIENCE)
    shown = np.array(page.locator('[data-testid="step-x"] canvas').evaluate(CANVAS))
    assert np.abs(shown - pixels(page, "reverse-track-x-1")).max() <= 2


def test_attributes_are_yes_no_or_not_said(opened, engine):
    page = opened("reverse", "model=traits&point=seed:2")
    chip = page.locator('[data-told="Wide_hat"]')
    for tell, mark in (("Wide_hat", "+ Wide hat"), ("-Wide_hat", "− Wide hat")):
        chip.click()
        until_address(page, tell=tell)
        assert chip.text_content() == mark
    page.wait_for_function("() => performance.getEntriesByType('resource').filter(e => e.name.includes('/live/path/')).length === 3")
    page.wait_for_selector(DONE)
    made = engine.submit("decode", "traits", latents(2, 1, (1, 8, 8)), np.array([[0, -1]], np.float32), Sampling()).result()
    assert np.abs(pixels(page, "reverse-track-x-0") - made.ravel()).max() <= 2
    page.get_by_role("button", name="Say nothing").click()
    until_address(page, tell="")


def test_what_a_link_says_of_another_model_is_left_out_in_words(opened):
    page = opened("reverse", "model=traits&tell=Tall,Beard&sampler=heun&versus=euler,5,0,1")
    said = " ".join(page.locator(".lp-say.problem").all_text_contents())
    assert "“Beard”" in said and "no sampler “heun”" in said and "“euler”" in said
    until_address(page, tell="Tall", sampler="", versus="")


def test_a_way_is_kept_while_another_part_is_open(opened):
    page = opened("reverse", "moment=0.5")
    before = pixels(page, "reverse-track-x-0")
    page.locator('[data-part="forward"]').click()
    page.wait_for_selector(READY, timeout=PATIENCE)
    page.locator('[data-part="reverse"]').click()
    page.wait_for_selector(f"{DONE}:visible")
    assert np.array_equal(pixels(page, "reverse-track-x-0"), before) and len(asked_for(page)) == 1


def test_a_model_without_a_path_leads_to_one_that_has_one(opened):
    page = opened("reverse", "model=vae", ready='[data-testid="no-path"]:not([hidden])')
    assert "one step" in page.get_by_test_id("no-path").text_content()
    page.get_by_test_id("to-path").click()
    page.wait_for_selector(DONE, timeout=PATIENCE)
    page.wait_for_selector('[data-testid="reverse-track-state"][data-state="done"]', timeout=PATIENCE)


def test_the_way_is_taken_away_as_a_moving_picture(opened):
    page = opened("reverse", "steps=4")
    with page.expect_download() as saved:
        page.get_by_test_id("reverse-save-gif").click()
    assert saved.value.suggested_filename == "denoise-diffusion.gif" and saved.value.path().read_bytes()[:6] == b"GIF89a"


@pytest.mark.parametrize(("part", "query"), [("forward", ""), ("reverse", "opened=1&seeds=4&versus=ddpm,8,0,1&moment=0.5")])
def test_on_a_telephone_nothing_is_too_wide_too_low_or_without_a_name(opened, part, query):
    page = opened(part, query, width=390, color_scheme="dark")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    nameless = page.locator(f"#lp-place-{part}").evaluate("""place => [...place.querySelectorAll('button, input, select, canvas[role=img]')]
        .filter(one => one.checkVisibility() && !(one.textContent.trim() || one.getAttribute('aria-label') || one.labels?.length)).map(one => one.outerHTML)""")
    assert not nameless
    low = page.locator(f"#lp-place-{part}").evaluate("""place => [...place.querySelectorAll('button')].filter(one => one.checkVisibility()
        && one.getBoundingClientRect().height < 43.5).map(one => one.outerHTML)""")
    assert not low
