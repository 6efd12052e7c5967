"""Explore and Interpolate with a vector-quantised autoencoder: its places are test pictures by class, and the browser decodes between them."""

import numpy as np
import pytest
import torch

from genmodels.datasets import DATASETS
from genmodels.engine import Engine
from genmodels.train.quick import keep_atlas

from .conftest import save_tiny, tiny_model
from .explore_page import EVERYWHERE, PICTURE, PLACES, WAIT, places_fit, served, views, whole
from .interpolate_page import row, walks


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """An engine over a vector-quantised autoencoder that was shown the small digits, as a training leaves it behind."""
    root = tmp_path_factory.mktemp("places")
    torch.manual_seed(0)
    model, digits = tiny_model("vq", codes=16, halvings=1), DATASETS["digits"].load("test")
    model.train()
    with torch.no_grad():
        model.loss(digits.floats(slice(0, 200)))
    model.eval().refresh(digits.floats(slice(0, 200)))
    keep_atlas(save_tiny(model, root / "vq"), model, digits)
    engine = Engine(root, device="cpu", cache=tmp_path_factory.mktemp("places-cache"))
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def url(places, tmp_path_factory, chromium):
    with served(places, "vq", tmp_path_factory.mktemp("places-data")) as address:
        yield address


@pytest.fixture
def visit(url, browser):
    with views(browser, url, "vq") as open_view:
        yield open_view


def test_its_places_are_pictures_of_every_class_in_order(visit, places):
    page = visit()
    names = page.locator(f"{PLACES} figcaption").all_inner_texts()
    assert names == [digit for digit in "0123456789" for _ in range(3)]
    assert abs(whole(page) - places.checkpoint("vq").atlas()["pictures"][0].astype(int)).max() <= 1
    assert page.get_by_role("button", name="Random", exact=True).get_attribute("title") == places.blueprint("vq").PRIOR


@pytest.mark.parametrize("road", ["", "&road=server"])
def test_between_two_places_the_codes_are_mixed_and_quantised(visit, places, road):
    page = visit(f"model=vq&point=mix(atlas:3,%20atlas:9,%200.5){road}")
    codes = places.checkpoint("vq").atlas()["codes"].astype(np.float32)
    true = places.decode("vq", 0.5 * (codes[3:4] + codes[9:10]))[0]
    page.wait_for_selector(f'{PICTURE}:not([data-road="mosaic"])', timeout=WAIT)
    assert abs(whole(page) - true.astype(int)).max() <= 2


@EVERYWHERE
def test_nothing_reaches_beyond_the_page(visit, width, scheme):
    places_fit(visit(width=width, color_scheme=scheme), width)


def test_a_walk_goes_from_picture_to_picture(browser, url):
    with walks(browser, url) as open_walk:
        page = open_walk("model=vq", road="")
        assert len(page.locator(".lp-stop strong").all_inner_texts()) == 2
        assert row(page, "vq").get_attribute("data-frames")
