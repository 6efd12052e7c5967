"""The page inside another one: embedded views, the frame of a Space, and the address around it, in a real Chromium"""

from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.testclient import TestClient

from genmodels.ui.gate import Gate

from .conftest import watched
from .explore_page import EVERYWHERE, PICTURE, reach, settle
from .space_check import SPACE
from .space_kit import serving

OUTER = """<!doctype html><title>The page around</title><iframe src="%s" style="width: 1000px; height: 700px" allow="clipboard-write"></iframe>
<script>addEventListener("message", ({ data, origin }) => { if (data.queryString !== undefined) window.told = { ...data, origin }; });</script>"""


@pytest.mark.parametrize("framed, query, free", [(False, b"", False), (False, b"model=x&embed=true", True), (False, b"embed=false", False), (True, b"", True),
                                                (False, b"embed=false&embed=true", False), (False, b"embed&embed=true", False),
                                                (False, b"x=1&%65mbed=false&embed=true", False)])
def test_other_sites_may_frame_embedded_views_and_spaces_only(framed, query, free):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    client = TestClient(Gate(app, framed=framed), base_url="http://localhost")
    assert ("content-security-policy" not in client.get(f"/?{query.decode()}").headers) == free


@pytest.fixture(scope="module")
def space_url(bundled, tmp_path_factory, chromium):
    with serving(bundled, tmp_path_factory.mktemp("data")) as serve:
        yield serve()


@pytest.fixture
def open_space(space_url, browser):
    """Open a view of the Space and wait for its picture."""
    with watched(browser) as visit:
        def open_space(query="", **options):
            page = visit(f"{space_url}/?{query}&road=server", **options)
            page.wait_for_selector(f'{PICTURE}:not([data-ms="0"])', timeout=60_000)
            settle(page)
            return page
        yield open_space


@EVERYWHERE
def test_an_embedded_view_has_one_line_instead_of_head_and_tabs(open_space, width, scheme):
    page = open_space("embed=true&model=mnist-vae-16d&point=seed:3", width=width, color_scheme=scheme)
    assert page.locator(".lp-embedline strong").inner_text() == "MNIST VAE 16-D"
    for gone in ("h1", "[data-testid=model-picker]", "[role=tablist]", ".lp-about", "[data-testid=keeping]"):
        assert not page.locator(gone).first.is_visible()
    assert page.locator(PICTURE).is_visible() and reach(page) <= width
    assert page.evaluate("document.body.classList.contains('dark')") == (scheme == "dark")


def test_an_embedded_view_leads_to_the_whole_and_stays_embedded(open_space):
    page = open_space("embed=true&model=mnist-vae-16d&point=seed:3")
    page.keyboard.press("p")
    page.wait_for_function("location.search.includes('pins=')", timeout=60_000)
    assert "embed=true" in page.url
    asked = urlsplit(page.get_by_test_id("whole").get_attribute("href"))
    assert f"{asked.netloc}{asked.path}" == f"huggingface.co/spaces/{SPACE}"
    assert parse_qs(asked.query)["model"] == ["mnist-vae-16d"] and "embed" not in parse_qs(asked.query) and "pins" in parse_qs(asked.query)


def test_the_page_gives_the_code_that_embeds_it(open_space, space_url):
    page = open_space("model=mnist-vae-16d&point=seed:3", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_label("Copy the code").click()
    page.wait_for_selector(".lp-say", timeout=60_000)
    code = page.evaluate("navigator.clipboard.readText()")
    address = page.evaluate("code => new DOMParser().parseFromString(code, 'text/html').querySelector('iframe').src", code)
    assert address.startswith(f"{space_url}/?embed=true&") and "point=seed:3" in address


def test_what_is_managed_is_not_done_in_an_embedded_view(open_space):
    page = open_space("embed=true&tab=models")
    assert "on the whole page" in page.locator(".lp-says").inner_text()
    assert page.locator(PICTURE).is_visible()


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_a_space_says_what_it_forgets(open_space, width, scheme):
    page = open_space(width=width, color_scheme=scheme)
    note = page.get_by_test_id("keeping")
    if width < 500:
        page.get_by_test_id("more").click()
    note.locator("summary").click()
    assert "its disk is emptied" in note.inner_text() and "always here" in note.inner_text()
    assert reach(page) <= width and page.evaluate("document.documentElement.scrollWidth") <= width
    page.keyboard.press("Escape")
    assert not note.locator(".lp-card").is_visible()


def test_the_address_around_a_space_is_kept_in_step(space_url, browser):
    """Two real pages: one at huggingface.co, played by this test, which frames the other."""
    with watched(browser) as visit:
        page = visit("about:blank")
        page.context.grant_permissions(["local-network-access"])  # a page of the network frames this machine
        outer = OUTER % f"{space_url}/?model=mnist-vae-16d&amp;point=seed:3&amp;road=server"
        page.route("https://huggingface.co/**", lambda route: route.fulfill(body=outer, content_type="text/html"))
        page.goto(f"https://huggingface.co/spaces/{SPACE}?model=mnist-vae-16d")
        inner = page.frame_locator("iframe")
        inner.locator(f'{PICTURE}:not([data-ms="0"])').wait_for(timeout=60_000)
        inner.get_by_role("button", name="Pin this").click()
        page.wait_for_function("window.told?.queryString.includes('pins=')", timeout=60_000)
        told = page.evaluate("window.told")
        assert told["origin"] == space_url and parse_qs(told["queryString"])["point"] == ["seed:3"] and "road" not in told["queryString"]
        frame = page.frames[1]
        frame.evaluate("document.body.scrollTo(0, 400)")  # where the frame may not scroll, the page does, and the picker stays
        assert frame.evaluate("document.body.scrollTop") > 100
        assert frame.evaluate("document.querySelector('[data-testid=model-picker]').getBoundingClientRect().top") >= 0
