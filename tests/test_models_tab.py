"""The Models page under the hand of a person, in a real Chromium: cards, fetching from a stand-in Hub, deleting, publishing"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from genmodels.normal import latents

from .conftest import save_tiny, tiny_model, watched
from .explore_page import PICTURE
from .format_kit import files_of
from .hub_stand_in import HubStandIn, Person
from .interpolate_page import CANVAS, PATIENCE

REPO, TOKEN = "somebody/digits", "token-of-ada"
SAYS, PUBLISHED = '[data-testid="fetch-says"]', '[data-testid="publish-says"]'
REACH = """Math.max(document.documentElement.scrollWidth, ...[...document.querySelectorAll(
    '.lp-card, .lp-modelspage .lp-row, .lp-samples, .lp-modelspage .lp-bar, .lp-field')].map(one => one.getBoundingClientRect().right))"""


@pytest.fixture(scope="module")
def hub(tmp_path_factory) -> Iterator[HubStandIn]:
    folder = tmp_path_factory.mktemp("repository") / "vae"
    save_tiny(tiny_model("vae"), folder)
    with HubStandIn() as hub:
        hub.add("models", REPO, files_of(folder))
        hub.people[TOKEN] = Person("ada")
        yield hub


@contextmanager
def serving(hub, data: Path, first_model: str) -> Iterator[tuple]:
    """The address of a page over the checkpoints in a folder, its shelf, engine and road."""
    from starlette.middleware import Middleware

    from genmodels.engine import Engine
    from genmodels.hub import Hub, Shelf
    from genmodels.ui import page
    from genmodels.ui.live.routes import LiveRoutes
    from genmodels.ui.live.shelf import ShelfRoad
    from genmodels.ui.serve import launch
    from genmodels.ui.theme import ASSETS, look
    (data / "checkpoints").mkdir(exist_ok=True)
    shelf = Shelf(data / "fetched", Hub(endpoint=hub.url, cache=data / "hub", token=TOKEN))
    engine = Engine(data / "checkpoints", shelf.folder, device="cpu", cache=data / "cache")
    road = ShelfRoad(shelf, engine)
    running = launch(page(engine, first_model), port=0, data_dir=data,
                     middleware=[Middleware(LiveRoutes, engine=engine, assets=ASSETS, roads={"hub": road})], look=look())
    yield running.url.rstrip("/"), shelf, engine, road
    running.close()
    road.close()
    engine.close()


@pytest.fixture(scope="module")
def served(hub, tmp_path_factory, chromium) -> Iterator[tuple]:
    """A page with two models, one that cannot be used, and a shelf."""
    data = tmp_path_factory.mktemp("data")
    save_tiny(tiny_model("gan"), data / "checkpoints" / "small-gan")
    save_tiny(tiny_model("autoencoder"), data / "checkpoints" / "small-ae")
    (data / "checkpoints" / "broken").mkdir()
    (data / "checkpoints" / "broken" / "config.json").write_text("[]")
    with serving(hub, data, "small-gan") as served:
        yield served


@pytest.fixture
def open_models(browser, served, hub) -> Iterator:
    """A function that opens a view of the Models page; nothing is fetched at the beginning."""
    url, shelf, engine, road = served
    hub.play("")
    for one in shelf.fetched():
        shelf.delete(one.name)
    road.errands.last.clear()
    with watched(browser) as open_page:
        def open_view(query="", tab="models", **options):
            page = open_page(f"{url}/?" + (f"tab={tab}&" if tab else "") + query, **options)
            page.set_default_timeout(PATIENCE)
            return page

        yield open_view


def look(page, text: str = REPO) -> None:
    page.get_by_test_id("fetch-field").fill(text)
    page.get_by_test_id("fetch-field").press("Enter")


def fetch(page) -> None:
    look(page)
    page.get_by_role("button", name="Fetch").click()
    page.wait_for_selector(f"{SAYS}.done")


def card(page, name: str):
    return page.locator(f'.lp-model[data-model="{name}"]')


def asked(page) -> dict[str, str]:
    return {key: values[0] for key, values in parse_qs(urlsplit(page.url).query).items()}


# Cards


def test_every_model_has_a_card_with_pictures_that_it_makes_itself(open_models, served):
    page = open_models()
    made = card(page, "small-gan").locator(".lp-sample.made")
    made.nth(5).wait_for()
    shown = np.array(made.nth(0).locator("canvas").evaluate(CANVAS))
    assert np.abs(shown - served[2].decode("small-gan", latents(1, 1, (3,)))[0].ravel()).max() <= 2
    assert card(page, "small-ae").locator(".lp-sample.made").count() == 6
    assert "GAN" in card(page, "small-gan").inner_text() and "3 numbers" in card(page, "small-gan").inner_text()


def test_a_model_that_cannot_be_used_says_why(open_models):
    page = open_models()
    assert "reads checkpoints of format 1" in card(page, "broken").inner_text()
    assert card(page, "broken").get_by_role("button").count() == 0


def test_a_sample_opens_its_place_in_explore(open_models):
    page = open_models()
    card(page, "small-ae").locator(".lp-sample.made").nth(2).click()
    page.wait_for_url("**point=seed:3**")
    assert asked(page)["model"] == "small-ae" and "tab" not in asked(page)


def test_a_search_is_in_the_address_and_a_filter_that_nothing_has_is_said(open_models):
    page = open_models("find=autoencoder")
    card(page, "small-ae").wait_for()
    assert page.locator(".lp-model").count() == 1
    page.get_by_test_id("find").fill("gan")
    card(page, "small-gan").wait_for()
    page.wait_for_url("**find=gan**")
    page.get_by_test_id("find").fill("nothing like it")
    page.get_by_text("No model fits").wait_for()
    other = open_models("kind=poetry")
    other.locator(".lp-say", has_text="family “poetry”").wait_for()
    card(other, "small-gan").wait_for()
    other.wait_for_function("!location.search.includes('kind=')")
    assert other.locator(".lp-model").count() == 3


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_nothing_is_wider_than_the_page(open_models, width, scheme):
    page = open_models(width=width, height=800, color_scheme=scheme)
    card(page, "small-gan").locator(".lp-sample.made").nth(5).wait_for()
    look(page)
    page.get_by_role("button", name="Fetch").wait_for()
    page.locator(".lp-publish summary").click()
    page.get_by_test_id("publish-repo").wait_for()
    assert page.evaluate(REACH) <= width


# Fetching


def test_a_look_comes_first_and_the_fetched_model_is_everywhere_without_a_reload(open_models, served):
    page = open_models()
    page.get_by_text("Nothing fetched yet").wait_for()
    look(page)
    page.locator(f"{SAYS}.found", has_text=f"{REPO} at").wait_for()
    assert served[1].fetched() == []
    page.get_by_role("button", name="Fetch").click()
    page.wait_for_selector(f"{SAYS}.done")
    [one] = served[1].fetched()
    page.locator(f'[data-testid="model-picker"] [data-model="{one.name}"]').wait_for()
    card(page, one.name).locator(".lp-sample.made").nth(5).wait_for()
    assert "1 fetched" in page.locator(".lp-modelspage .lp-end").inner_text()
    card(page, one.name).get_by_text("What was found").click()
    assert one.account[0] in card(page, one.name).inner_text()
    page.get_by_role("button", name="Open in Explore").click()
    page.wait_for_url(f"**model={one.name}**")
    assert asked(page)["fetch"] == f"{REPO}@{one.commit}"  # whoever follows this link can fetch it as well


def test_a_failure_is_one_sentence_beside_the_field(open_models, hub):
    page = open_models()
    look(page, "somebody/nothing")
    page.locator(f"{SAYS}.problem", has_text="The Hub has no somebody/nothing").wait_for()
    assert page.get_by_test_id("fetch-field").get_attribute("aria-invalid") == "true"
    hub.play("gated")
    look(page)
    page.locator(f"{SAYS}.problem", has_text="accept its terms on the Hub").wait_for()


def test_a_fetch_goes_on_through_a_refresh_and_is_stopped_by_hand(open_models, hub, served):
    page = open_models()
    look(page)
    page.get_by_role("button", name="Fetch").wait_for()
    hub.play("hang", at="get")
    page.get_by_role("button", name="Fetch").click()
    page.get_by_role("button", name="Cancel").wait_for()
    page.reload()
    page.get_by_role("button", name="Cancel").click()
    page.locator(f"{SAYS}.stopped", has_text="was stopped").wait_for()
    assert served[1].fetched() == []
    hub.play("")
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("button", name="Fetch").click()
    page.wait_for_selector(f"{SAYS}.done")


def test_recent_names_are_offered_again(open_models):
    page = open_models()
    look(page)
    page.get_by_role("button", name="Fetch").wait_for()
    page.reload()
    page.locator(".lp-suggestions").get_by_text(REPO).click()
    page.get_by_role("button", name="Fetch").wait_for()
    assert page.get_by_test_id("fetch-field").input_value() == REPO


def test_deleting_asks_once_and_an_open_model_gives_way_to_another_with_a_sentence(open_models, served):
    page = open_models()
    fetch(page)
    [one] = served[1].fetched()
    page.locator(f'[data-testid="model-picker"] [data-model="{one.name}"]').click()
    page.wait_for_url(f"**model={one.name}**")
    card(page, one.name).get_by_role("button", name="Delete").click()
    card(page, one.name).get_by_role("button", name="Keep").click()
    card(page, one.name).get_by_role("button", name="Delete").click()
    card(page, one.name).get_by_role("button", name="Delete").click()
    page.locator(".lp-say", has_text="was deleted; this is Small GAN").wait_for()
    card(page, one.name).wait_for(state="detached")
    assert served[1].fetched() == []
    page.wait_for_url("**model=small-gan**")
    page.get_by_text("Nothing fetched yet").wait_for()


def test_a_page_of_somebody_else_says_that_its_model_was_deleted_and_goes_to_another(open_models, served):
    page = open_models()
    fetch(page)
    [one] = served[1].fetched()
    other = page.context.new_page()  # whose console may say that what it asks for is not there
    other.set_default_timeout(PATIENCE)
    other.goto(f"{served[0]}/?model={one.name}&road=server")
    other.wait_for_selector(f'{PICTURE}:not([data-ms="0"])')
    card(page, one.name).get_by_role("button", name="Delete").click()
    card(page, one.name).get_by_role("button", name="Delete").click()
    card(page, one.name).wait_for(state="detached")
    other.get_by_role("button", name="Random", exact=True).click()
    other.locator(".lp-say", has_text="was deleted; this is Small GAN").wait_for()
    other.wait_for_url("**model=small-gan**")
    assert "no checkpoint" not in other.locator(".lp-says").inner_text()


def test_a_page_without_any_model_opens_where_one_is_fetched_and_begins_with_it(hub, browser, tmp_path):
    hub.play("")
    with serving(hub, tmp_path, "") as (url, shelf, _, _), watched(browser) as open_page:
        page = open_page(f"{url}/")
        page.set_default_timeout(PATIENCE)
        page.get_by_text("There is no model here yet.").wait_for()
        page.get_by_role("tab", name="Explore").click()
        page.get_by_text("There is no model to show yet.").first.wait_for()
        page.get_by_role("tab", name="Models").click()
        fetch(page)
        page.get_by_role("button", name="Open in Explore").click()
        page.wait_for_url(lambda url: "fetch=" in url)  # written at the end of a move, which may be after its picture
        assert asked(page)["fetch"].startswith(REPO) and [one.repo for one in shelf.fetched()] == [REPO]
        page.wait_for_selector(f'{PICTURE}:not([data-ms="0"])')


def test_a_link_to_a_model_that_is_not_here_offers_to_fetch_it_and_opens_after_that(open_models, hub):
    commit = hub.repositories["models", REPO].commit
    name = f"somebody--digits--{commit[:12]}"
    page = open_models(f"model={name}&point=seed:5&fetch={REPO}@{commit}", tab="")
    page.locator(".lp-say", has_text="has not been fetched here").get_by_role("button", name="Fetch it").click()
    page.get_by_role("button", name="Fetch", exact=False).and_(page.locator(".main")).last.click()
    page.wait_for_selector(f"{SAYS}.done")
    page.get_by_role("button", name="Open the link").click()
    page.wait_for_selector(f'[data-testid="model-picker"] [data-model="{name}"][aria-checked="true"]')
    assert asked(page)["point"] == "seed:5"


def test_a_visitor_from_elsewhere_in_a_class_is_told_who_fetches(open_models, served):
    served[3].classroom = True
    try:
        page = open_models(extra_http_headers={"X-Forwarded-For": "10.0.0.7"})
        page.get_by_text("In a class only the teacher's own computer fetches models").wait_for()
        assert not page.get_by_test_id("fetch-field").is_visible()
    finally:
        served[3].classroom = False


# Publishing


def test_the_card_and_the_files_are_shown_before_anything_is_sent(open_models, hub):
    page = open_models("model=small-ae")
    page.locator(".lp-publish summary").click()
    assert page.get_by_test_id("publish-model").input_value() == "small-ae"
    page.get_by_test_id("publish-repo").fill("ada/small")
    page.get_by_label("Title").fill("A very small autoencoder")
    page.get_by_role("button", name="Show what would be sent").click()
    shown = page.locator(".lp-cardtext")
    assert "A very small autoencoder" in shown.inner_text() and "model.safetensors" in page.locator(".lp-files").inner_text()
    assert ("models", "ada/small") not in hub.repositories
    page.get_by_role("button", name="Publish", exact=True).click()
    link = page.locator(f"{PUBLISHED} a")
    assert link.get_attribute("href") == f"{hub.url}/ada/small" and hub.repositories["models", "ada/small"].private
