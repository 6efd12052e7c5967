"""Explore with a GAN and with models of many steps: truncation, stand-ins, round maps, and what a family cannot do with its reason"""

from urllib.parse import urlsplit

import numpy as np
import pytest
import torch

from genmodels.checkpoint import save_checkpoint
from genmodels.datasets import DATASETS
from genmodels.engine import Engine, Sampling
from genmodels.normal import latents
from genmodels.train.loop import Trainer
from genmodels.train.recipe import Plan, Recipe, Stage
from genmodels.ui.live.arrays import atlas_for_browser
from genmodels.ui.live.catalogue import catalogue

from .conftest import DIGITS, save_tiny, tiny_config, tiny_model
from .explore_page import EVERYWHERE, MAP, PICTURE, at, pixels, point_of, reach, served, settle

SEED, CODES = 5, 40  # of the small atlases
WAIT = 60_000  # milliseconds that a busy machine may take for a map


def trained(family: str, players: tuple[str, ...], updates: int, **changes):
    """A tiny model that has seen the small digits for a moment: enough for pictures that differ."""
    model = tiny_model(family, **changes).train()
    recipe = Recipe((Stage(players, steps=updates, rate=2e-3),), batch=32, averaging=0.0, precision="float32")
    for _ in Trainer(model, DATASETS["digits"].load("train"), recipe):
        pass
    return model.eval()


def with_atlas(checkpoint) -> None:
    """An atlas as models have it whose codes are draws of a seed."""
    shape, random = checkpoint.blueprint.latent_shape, np.random.default_rng(0)
    size = int(np.prod(shape))
    axes = np.linalg.qr(random.normal(size=(size, 2)))[0].T.astype(np.float32)
    flat = latents(SEED, CODES, (size,))
    np.savez(checkpoint.folder / "atlas.npz", seed=np.uint32(SEED), labels=np.arange(CODES, dtype=np.uint8) % 10, xy=(flat @ axes.T).astype(np.float16),
             axes=axes, centre=np.zeros(size, np.float32), reach=np.float32(3))


@pytest.fixture(scope="session")
def zoo(tmp_path_factory):
    """An engine over a GAN, three diffusion models, one that is told the class and one whose noise is long, and a VAE. Only what must be is trained."""
    root = tmp_path_factory.mktemp("zoo")
    with_atlas(save_tiny(trained("gan", ("critic", "generator"), 30, latent_dim=20), root / "gan"))
    with_atlas(save_tiny(tiny_model("diffusion", steps=6), root / "diffusion"))
    save_tiny(trained("diffusion", ("model",), 30, steps=6, guidance=2.0, conditions=DIGITS), root / "told")
    config = tiny_config("diffusion", image_shape=(1, 24, 24), steps=3)
    torch.manual_seed(0)
    with_atlas(save_checkpoint(type(tiny_model("diffusion"))(config).eval(), root / "long", Plan("diffusion", "mnist", config).to_json()))
    save_tiny(tiny_model("vae"), root / "vae")
    engine = Engine(root, device="cpu", cache=tmp_path_factory.mktemp("zoo-cache"))
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def url(zoo, tmp_path_factory, chromium):
    """The page over these models."""
    with served(zoo, "gan", tmp_path_factory.mktemp("zoo-data")) as address:
        yield address


def drawn(page):
    """Until the map is whole."""
    page.wait_for_selector(f"{MAP} .lp-drawing[hidden]", state="attached", timeout=WAIT)
    return page


def module(page, name: str) -> str:
    """The address of one of the page's own modules: importing it again gives the one that runs."""
    return page.evaluate("name => performance.getEntriesByType('resource').map(e => e.name).find(n => n.endsWith(`/js/${name}.js`))", name)


# The catalogue


def test_the_catalogue_says_what_each_family_offers(zoo):
    models = {model["name"]: model for model in catalogue(zoo)["models"]}
    assert models["vae"]["steps"] is None and models["vae"]["scaled"] is None and models["vae"]["browser"]
    assert models["gan"]["scaled"] == "Truncation" and models["gan"]["browser"] and models["gan"]["family_title"] == "GAN"
    for name in ("diffusion", "told"):
        assert models[name]["onnx"] is None and models[name]["browser"] is False
    assert models["diffusion"]["steps"] == {"samplers": ["dpm++", "ddim", "ddpm"], "default": 6, "guidance": None,
                                            "times": 1000, "betas": "cosine", "predicts": "noise"}
    assert models["told"]["steps"]["guidance"] == 2.0
    assert all("normal" in model["samplers"] for model in models.values())


def test_codes_that_are_draws_travel_as_their_seed(zoo):
    content = atlas_for_browser(zoo.checkpoint("long").folder / "atlas.npz")
    assert b'"seed"' in content[:1024] and b'"codes"' not in content[:1024]
    assert len(content) < 10 * 576 * 4  # the axes and the centre; the codes would take four times as much


def test_the_browser_draws_the_codes_that_python_draws(visit):
    page = visit("model=long")
    script = """async ([catalogue]) => { const { loadAtlas, modelNamed } = await import(catalogue), atlas = await loadAtlas(modelNamed('long'));
        return [[...atlas.code(3)], [...atlas.codes.slice(3 * 576, 4 * 576)]]; }"""
    one, of_all = page.evaluate(script, [module(page, "catalogue")])
    assert np.array_equal(np.float32(one), latents(SEED, 1, (576,), first=3)[0]) and one == of_all


# GANs


def test_truncation_scales_the_latent_of_what_is_seen(visit, zoo):
    page = visit("model=gan&point=seed:3&truncation=0.5")
    z = latents(3, 1, (20,))
    assert np.abs(pixels(page) - zoo.decode("gan", z / 2)[0].ravel()).max() <= 2
    slider = page.get_by_test_id("truncation")
    slider.evaluate("input => { input.value = 1.5; input.dispatchEvent(new Event('input', { bubbles: true })); }")
    assert np.abs(pixels(page) - zoo.decode("gan", 1.5 * z)[0].ravel()).max() <= 2
    assert "truncation=0.5" in page.url
    slider.dispatch_event("change")
    page.wait_for_function("location.search.includes('truncation=1.5')")


def test_a_gan_has_a_flat_map_and_sliders_for_its_strongest_dimensions(visit):
    page = drawn(visit("model=gan&point=seed:3"))
    before = pixels(page)
    page.mouse.move(*at(page, 0.1, 0.15))
    assert np.abs(pixels(page) - before).mean() > 1
    sliders = page.locator(".lp-sliders label:visible")
    assert sliders.count() == 8
    page.get_by_role("button", name="Show 16 of 20 dimensions").click()
    assert sliders.count() == 16


@pytest.mark.parametrize("model, where, words", [
    ("gan", '[data-layer="s"]', "not a distribution of codes"), ("gan", '.lp-making label:has([data-testid="steps"])', "in one step"),
    ("diffusion", '[data-layer="c"]', "right angles"), ("diffusion", '.lp-making label:has([data-testid="guidance"])', "told no class"),
    ("diffusion", '.lp-making label:has([data-testid="truncation"])', "full strength"),
])
def test_what_a_family_cannot_do_says_why(visit, model, where, words):
    page = visit(f"model={model}&point=seed:3")
    control = page.locator(where)
    assert words in control.get_attribute("title")
    control.click(force=True)
    assert words in page.locator(".lp-says").inner_text()


def test_noise_has_no_sliders_and_no_neighbours_but_a_sentence(visit):
    page = visit("model=diffusion&point=seed:3")
    assert page.locator(".lp-sliders label").count() == 0
    assert "64 numbers of which none means anything alone" in page.locator(".lp-explore").inner_text()
    assert not page.locator(".lp-near").is_visible()


def test_what_random_points_are_drawn_from_is_greyed_where_there_is_one_choice(visit):
    kinds = visit("model=gan").get_by_test_id("random")
    assert kinds.is_disabled() and "N(0, I)" in kinds.get_attribute("title")


# Models of many steps


def test_at_rest_the_picture_is_the_true_one(visit, zoo):
    page = visit("model=diffusion&point=seed:3")
    assert np.abs(pixels(page) - zoo.decode("diffusion", latents(3, 1, (1, 8, 8)))[0].ravel()).max() <= 2
    assert page.locator(f"{PICTURE} ~ .lp-made").inner_text() == "6 steps"


def test_a_moving_hand_sees_a_stand_in_and_a_resting_one_the_true_picture(visit):
    page = drawn(visit("model=diffusion&point=seed:3"))
    moves = """([map, picture]) => {
        const element = document.querySelector(map), canvas = document.querySelector(picture), box = element.getBoundingClientRect();
        return Array.from({ length: 8 }, (_, k) => {
            element.dispatchEvent(new PointerEvent('pointermove', { clientX: box.left + box.width * (0.1 + k / 10), clientY: box.top + box.height * 0.3 }));
            return [canvas.dataset.road, canvas.getAttribute('aria-busy'), canvas.nextSibling.textContent]; }); }"""
    assert page.evaluate(moves, [MAP, PICTURE]) == [["mosaic", "true", "stand-in"]] * 8  # in the moment of the move, not later
    settle(page)
    assert page.get_attribute(PICTURE, "data-road") == "server"


def test_the_newest_of_many_requests_is_shown(visit, zoo):
    page = visit("model=diffusion&point=seed:3")
    for seed in (11, 12, 13, 14):
        page.get_by_label("Seed", exact=True).fill(str(seed))
        page.get_by_label("Seed", exact=True).press("Enter")
    page.wait_for_function("location.search.includes('seed:14')")
    assert np.abs(pixels(page) - zoo.decode("diffusion", latents(14, 1, (1, 8, 8)))[0].ravel()).max() <= 2


def test_steps_sampler_and_guidance_reach_the_server(visit, zoo):
    page = visit("model=told&point=seed:3&label=4&steps=3&sampler=ddim&guidance=5")
    z, four = latents(3, 1, (1, 8, 8)), np.eye(10, dtype=np.float32)[4:5]
    asked, weaker, plain = (zoo.decode("told", z, four, options)[0].ravel().astype(int)
                            for options in (Sampling("ddim", 3, guidance=5.0), Sampling("ddim", 3, guidance=1.0), None))
    assert np.abs(pixels(page) - asked).max() <= 2
    assert np.abs(asked - weaker).max() > 4 and np.abs(asked - plain).max() > 4
    page.get_by_test_id("steps").fill("6")
    page.get_by_test_id("guidance").fill("2")
    page.get_by_test_id("sampler").select_option("dpm++")
    assert np.abs(pixels(page) - plain).max() <= 2
    page.wait_for_function("!/steps|sampler|guidance/.test(location.search)")  # the model's own are not in the address


def test_an_unknown_sampler_in_a_link_is_a_sentence_and_the_models_own(visit, zoo):
    page = visit("model=diffusion&point=seed:3&sampler=euler")
    assert "has no sampler" in page.locator(".lp-says").inner_text()
    assert np.abs(pixels(page) - zoo.decode("diffusion", latents(3, 1, (1, 8, 8)))[0].ravel()).max() <= 2


# Round maps


def test_a_round_map_stays_on_the_sphere_and_leads_back(visit):
    page = visit("model=diffusion")
    script = """async ([plane, normal]) => {
        const { coordinates, moved, orthonormal, roundPlane, sphereOfPoints } = await import(plane), { latent } = await import(normal), D = 784;
        const norm = (a) => Math.hypot(...a), unit = (v) => { const by = norm(v); return v.map((x) => x / by); }, minus = (a, b) => a.map((x, i) => x - b[i]);
        const map = roundPlane(orthonormal(latent(1, D), latent(2, D))), z = moved(map, latent(3, D), 4, -7), r = map.reach;
        const beyond = moved(map, z, 9 * r, 0), corner = moved(map, z, r, r), [a, b, c] = [4, 5, 6].map((seed) => latent(seed, D));
        const through = sphereOfPoints(a, b, c), place = coordinates(through, b);
        return { norms: [z, corner, beyond].map(norm), at: coordinates(map, z), spread: norm(coordinates(map, beyond)),
          back: norm(minus(moved(map, corner, 4, -7), z)), off: norm(minus(unit(moved(through, a, ...place)), unit(b))),
          inside: Math.max(...place.map(Math.abs)) / through.reach, none: sphereOfPoints(a, a, c) }; }"""
    found = page.evaluate(script, [module(page, "plane"), module(page, "normal")])
    assert np.allclose(found["norms"], 28, atol=1e-3) and np.allclose(found["at"], [4, -7], atol=1e-4)
    assert found["spread"] < 28 and found["back"] < 1e-3
    assert found["off"] < 0.1 and found["inside"] <= 1 and found["none"] is None  # pins lie almost, not quite, on the sphere


def test_a_place_on_a_round_map_is_a_link_and_a_pin(visit):
    page = drawn(visit("model=long&point=seed:3"))
    page.mouse.click(*at(page, 0.3, 0.2))
    page.mouse.move(5, 5)
    kept = pixels(page)
    point = point_of(page)
    assert point.count("seed:3") == 1 and "*across" in point and "*up" in point
    page.mouse.click(*at(page, 0.6, 0.7))
    page.mouse.move(5, 5)
    assert np.abs(pixels(page) - kept).max() > 2 and point_of(page).count("seed:3") == 1  # sums do not grow
    page.keyboard.press("p")
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("button", name="Undo").click()
    assert np.abs(pixels(page) - kept).max() <= 2
    other = visit(urlsplit(page.url).query.replace("&road=server", ""))
    assert np.array_equal(pixels(other), pixels(page))


@EVERYWHERE
@pytest.mark.parametrize("query", ["model=gan", "model=told&label=3", "model=diffusion&second=gan"])
def test_nothing_overflows(visit, width, scheme, query):
    page = visit(query, width=width, color_scheme=scheme)
    assert reach(page) <= width


def test_a_latent_that_still_waits_goes_to_no_other_model(visit):
    """The hand had moved on over one model when another one was taken, whose latents are longer."""
    page, held = visit("model=vae&point=seed:1"), []
    page.route_web_socket("**/live/decode/vae", lambda socket: socket.close())  # so that every move is a request
    page.reload()
    settle(page)
    page.route("**/live/decode/vae?n=1", lambda route: held.append(route))
    for k in (0.3, 0.4, 0.5):  # one is asked for, and the newest of the others waits
        page.mouse.move(*at(page, k, k))
        page.wait_for_timeout(50)
    assert len(held) == 1
    page.evaluate("async address => (await import(address)).choose({ model: 'diffusion', point: '' })", module(page, "store"))
    page.locator(".lp-name", has_text="diffusion").first.wait_for(state="attached", timeout=WAIT)
    held[0].continue_()
    settle(drawn(page))
    assert len(held) == 1, "nobody asks for it any more"
