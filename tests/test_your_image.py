"""The Your image page under the hand of a person, in Chromium: drawing, bringing pictures, eyes and squares, what is kept and what a link carries."""

import base64
import io
import shutil
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from PIL import Image, ImageDraw
from skimage.data import astronaut

from genmodels.checkpoint import save_checkpoint
from genmodels.datasets import mnist
from genmodels.engine import Engine
from genmodels.models import MODELS
from genmodels.train.recipe import Plan
from genmodels.ui.live.intake import Intake
from genmodels.ui.live.neighbours import Neighbours

from .conftest import tiny_config, watched
from .explore_page import reach, served
from .interpolate_page import ask

PATIENCE = 60_000
KEPT = "JSON.parse(sessionStorage.getItem('latent-playground-own') ?? '{}')"
SEVEN = [(0.3, 0.25), (0.7, 0.25), (0.45, 0.8)]
EYES = (203.5, 101.0), (247.0, 103.0)
PICTURE, FILE, SAYS = '[data-testid="own-picture"]', '[data-testid="file"]', ".lp-say"


@pytest.fixture(scope="module")
def engine(tmp_path_factory, chromium):
    """A bundled model of digits, and tiny ones of faces and landscapes."""
    roots = tmp_path_factory.mktemp("your-image") / "checkpoints"
    shutil.copytree(Path(__file__).parents[1] / "checkpoints" / "mnist-vae-16d", roots / "mnist-vae-16d")
    for name, data, side in (("faces", "faces", 64), ("land", "shapes", 32)):
        config = tiny_config("vae", image_shape=(3, side, side))
        save_checkpoint(MODELS["vae"](config).eval(), roots / name, Plan("vae", data, config).to_json())
    engine = Engine(roots, device="cpu", cache=roots.parent / "cache")
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def address(engine, tmp_path_factory):
    intake = Intake(engine)
    with served(engine, "mnist-vae-16d", tmp_path_factory.mktemp("data"), {"own": intake, "neighbours": Neighbours(engine, None)}) as url:
        yield url
    intake.close()


@pytest.fixture
def tab(address, browser):
    with watched(browser) as open_page:
        def open_tab(model="mnist-vae-16d", query="", **options):
            page = open_page(f"{address}/?tab=yourimage&model={model}&{query}", **options)
            page.wait_for_selector('[data-testid="yourimage"]', timeout=PATIENCE)
            return page
        yield open_tab


def draw(page, points=SEVEN) -> None:
    """One stroke by the mouse, as a hand does it."""
    box = page.locator('[data-testid="pad"]').bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=8)
    page.mouse.up()


def own(page, data: str = "mnist") -> np.ndarray:
    """The picture that models get, once there is one: uint8 [H, W, C]."""
    page.wait_for_function(f"{KEPT}['picture:{data}']", timeout=PATIENCE)
    kept = page.evaluate(f"{KEPT}['picture:{data}']")
    channels, height, width = kept["shape"]
    return np.frombuffer(base64.b64decode(kept["pixels"]), np.uint8).reshape(height, width, channels)


def seen(page) -> np.ndarray:
    """What is shown as the models get it, uint8 [H, W, 3]."""
    shown = page.locator(PICTURE).evaluate("c => [c.height, c.width, Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data)]")
    return np.array(shown[2], np.uint8).reshape(shown[0], shown[1], 4)[..., :3]


def upload(page, image: Image.Image, kind: str = "PNG") -> None:
    file = io.BytesIO()
    image.save(file, kind)
    page.locator(FILE).set_input_files([{"name": "picture", "mimeType": f"image/{kind.lower()}", "buffer": file.getvalue()}])


def told(page) -> str:
    return page.locator('[data-testid="own-done"]').inner_text()


def paper() -> Image.Image:
    """A seven in dark ink on light paper with a shadow and a speck."""
    shade = np.linspace(235, 150, 300)[None].repeat(300, 0).astype(np.uint8)
    image = Image.fromarray(shade)
    pen = ImageDraw.Draw(image)
    pen.line([(90, 80), (210, 80), (135, 235)], fill=40, width=26, joint="curve")
    pen.ellipse((30, 270, 34, 274), fill=60)
    return image


def middle(picture: np.ndarray) -> np.ndarray:
    """The centre of mass, (row, column) from the picture's corner."""
    weights = picture.astype(float).reshape(*picture.shape[:2], -1).mean(2)
    return np.array([(weights.sum(axis) * (np.arange(weights.shape[1 - axis]) + 0.5)).sum() for axis in (1, 0)]) / weights.sum()


# Drawing


def test_a_drawn_digit_is_scaled_and_centred_as_mnist_does(tab):
    page = tab()
    draw(page)
    picture = own(page)
    rows, columns = np.flatnonzero(picture.any((1, 2))), np.flatnonzero(picture.any((0, 2)))
    assert picture.shape == (28, 28, 1) and max(np.ptp(rows), np.ptp(columns)) == 19 and picture.max() == 255
    assert (np.floor(middle(picture)) == 14).all() and (seen(page)[..., 0] == picture[..., 0]).all()
    page.wait_for_selector('[data-testid="own-cards"] article', timeout=PATIENCE)


def test_what_is_drawn_can_be_undone_erased_and_cleared(tab):
    page = tab()
    draw(page)
    whole = own(page)
    page.keyboard.press("z")
    page.wait_for_function(f"!{KEPT}['picture:mnist']")
    assert not seen(page).any()
    page.keyboard.press("Shift+Z")
    assert (own(page) == whole).all()
    page.get_by_role("button", name="Eraser").click()
    draw(page, [(0.3, 0.25), (0.7, 0.25)])
    page.wait_for_function(f"{KEPT}['strokes:mnist'].length === 2")
    assert (own(page) != whole).any()
    page.get_by_role("button", name="Clear").click()
    page.wait_for_function(f"!{KEPT}['picture:mnist']")
    page.get_by_role("button", name="Pen").click()
    page.get_by_label("Thickness of the pen").fill("0.18")
    draw(page)
    assert own(page).sum(dtype=int) > 1.3 * whole.sum(dtype=int), "a thicker pen leaves more ink"


def test_digits_of_mnist_come_back_as_they_are(tab, data_folder):
    page, digits = tab(), mnist.load("test", data_folder).pixels[:20, 0].numpy()
    large = [np.kron(digit, np.ones((10, 10))) / 255 for digit in digits]
    again = ask(page, """const { formed } = await load("inked.js");
        return given.map((ink) => Array.from(formed(Float32Array.from(ink), 280, { box: 20, centre: "mass" }, 28)));""",
                *[ink.ravel().tolist() for ink in large])
    errors = np.abs(np.array(again).reshape(-1, 28, 28) - digits).mean((1, 2))
    assert np.median(errors) < 0.1 and errors.max() < 2 < digits.mean()


def test_drawing_works_with_a_finger(tab):
    page = tab(width=390, height=844, has_touch=True)
    box = page.locator('[data-testid="pad"]').bounding_box()
    touch = page.context.new_cdp_session(page)

    def point(kind, *share):
        at = [{"x": box["x"] + share[0] * box["width"], "y": box["y"] + share[1] * box["height"]}] if share else []
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})
    point("touchStart", *SEVEN[0])
    for place in SEVEN[1:]:
        point("touchMove", *place)
    point("touchEnd")
    assert own(page).max() == 255


# Pictures


def test_a_digit_on_paper_is_inverted_and_cleaned_and_that_is_said(tab):
    page = tab()
    page.locator('[data-mode="picture"]').click()
    upload(page, paper())
    page.wait_for_selector('[data-testid="use"]', timeout=PATIENCE)
    page.wait_for_function("document.querySelector('[data-testid=own-done]').innerText.includes('inverted')")
    assert not page.evaluate(f"{KEPT}['picture:mnist']"), "it is shown before it is used"
    page.locator('[data-testid="use"]').click()
    picture = own(page)[..., 0]
    assert (np.floor(middle(picture)) == 14).all() and picture.max() == 255 and (picture == 0).mean() > 0.7
    assert max(np.ptp(np.flatnonzero(picture.any(axis))) for axis in (0, 1)) == 19, "the speck is not part of the digit"


def test_a_face_is_aligned_by_its_eyes_and_waits_until_it_is_used(tab):
    page = tab("faces")
    upload(page, Image.fromarray(astronaut()), "JPEG")
    page.wait_for_selector('[data-testid="eye-left"]', timeout=PATIENCE)
    page.wait_for_selector('[data-testid="use"]')
    aligned, image, found = seen(page), page.locator(".lp-sheetimage").bounding_box(), page.evaluate(f"{KEPT}.source.faces[0].eyes")
    for name, (x, y), truth in zip(("left", "right"), found, EYES, strict=True):
        ring = page.locator(f'[data-testid="eye-{name}"]').bounding_box()
        there = np.array([ring["x"] + ring["width"] / 2 - image["x"], ring["y"] + ring["height"] / 2 - image["y"]]) * 512 / image["width"]
        assert np.abs(there - (x, y)).max() < 1 and np.abs(there - truth).max() < 8, "the rings lie on the eyes, as large as the picture is shown"
    assert image["width"] > 1.5 * page.locator('[data-testid="sheet"]').bounding_box()["width"], "the small face is seen from close by"
    assert aligned.shape == (64, 64, 3) and not page.evaluate(f"{KEPT}['picture:faces']")
    eye = page.locator('[data-testid="eye-right"]').bounding_box()
    page.mouse.move(eye["x"] + eye["width"] / 2, eye["y"] + eye["height"] / 2)
    page.mouse.down()
    page.mouse.move(eye["x"] + 70, eye["y"] + 40, steps=4)
    page.mouse.up()
    assert (seen(page) != aligned).any(), "the picture follows the eye"
    page.locator('[data-testid="use"]').click()
    assert (own(page, "faces") == seen(page)).all() and "eyes are 14.5 pixels apart" in told(page)
    page.locator('[data-testid="eye-right"]').press("ArrowLeft")
    page.wait_for_function("before => JSON.parse(sessionStorage.getItem('latent-playground-own'))['picture:faces'].pixels !== before",
                           arg=base64.b64encode(own(page, "faces").tobytes()).decode())


def test_where_no_face_is_found_two_clicks_say_where_the_eyes_are(tab):
    page = tab("faces")
    upload(page, Image.fromarray(np.random.default_rng(0).integers(60, 190, (200, 200, 3), dtype=np.uint8)))
    page.wait_for_function("document.querySelector('[data-testid=eyes-help]')?.innerText.includes('No face was found')", timeout=PATIENCE)
    box = page.locator('[data-testid="sheet"]').bounding_box()
    for share in (0.6, 0.4):  # in whichever order
        page.mouse.click(box["x"] + share * box["width"], box["y"] + box["height"] / 2)
    page.locator('[data-testid="use"]').click()
    assert own(page, "faces").shape == (64, 64, 3)


def test_of_several_faces_another_one_can_be_picked(tab):
    face = Image.fromarray(astronaut()).crop((130, 20, 320, 210))
    pair = Image.new("RGB", (460, 230), (120, 120, 120))
    pair.paste(face, (20, 20))
    pair.paste(face.transpose(Image.Transpose.FLIP_LEFT_RIGHT), (250, 20))
    page = tab("faces")
    upload(page, pair)
    page.wait_for_selector('[data-testid="other-face"]', timeout=PATIENCE)
    before = seen(page)
    page.locator('[data-testid="other-face"]').first.click()
    assert (seen(page) != before).any() and page.locator('[data-testid="other-face"]').count() == 1


def test_other_pictures_are_cut_by_a_square_that_moves(tab):
    page = tab("land")
    wide = Image.new("RGB", (300, 150), "red")
    wide.paste((0, 0, 255), (150, 0, 300, 150))
    upload(page, wide)
    frame = page.locator('[data-testid="crop"]')
    frame.wait_for(timeout=PATIENCE)
    page.wait_for_selector('[data-testid="use"]')
    half = seen(page)
    assert half[:, 4, 0].min() > 240 and half[:, -4, 2].min() > 240
    for _ in range(6):
        frame.press("Shift+ArrowRight")
    page.locator('[data-testid="use"]').click()
    picture = own(page, "shapes")
    assert picture.shape == (32, 32, 3) and picture[..., 2].min() > 240 and "A square of 150 pixels" in told(page)


@pytest.mark.parametrize("way", ["paste", "drop"])
def test_pictures_are_pasted_and_dropped_anywhere_on_the_tab(tab, way):
    page, file = tab(), io.BytesIO()
    paper().save(file, "PNG")
    page.evaluate("""([way, content]) => {
        const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0)), transfer = new DataTransfer();
        transfer.items.add(new File([bytes], 'a.png', { type: 'image/png' }));
        document.body.dispatchEvent(way === 'paste' ? new ClipboardEvent('paste', { clipboardData: transfer, bubbles: true, cancelable: true })
            : new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true }));
    }""", [way, base64.b64encode(file.getvalue()).decode()])
    page.wait_for_selector('[data-testid="crop"]', timeout=PATIENCE)
    assert page.locator('[data-mode="picture"]').get_attribute("aria-pressed") == "true"


def test_a_file_that_is_no_picture_is_a_sentence_on_the_page(address, browser):
    page = browser.new_page()  # the browser's console notes the refused request, as it should
    page.goto(f"{address}/?tab=yourimage&model=faces")
    page.wait_for_selector('[data-testid="astronaut"]', timeout=PATIENCE)
    for content, words in ((b"<svg xmlns='http://www.w3.org/2000/svg'></svg>", "SVG"), (b"%PDF-1.7", "PDF"), (b"", "empty")):
        page.locator(FILE).set_input_files([{"name": "a.png", "mimeType": "image/png", "buffer": content}])
        page.wait_for_selector(f"{SAYS}:has-text('{words}')", timeout=PATIENCE)
        assert page.locator(SAYS).last.inner_text().count(".") == 1, "one sentence"
    page.close()


def test_a_page_without_a_camera_says_why(tab):
    page = tab("faces")
    page.add_init_script("Object.defineProperty(navigator, 'mediaDevices', { value: undefined })")
    page.reload()
    page.locator('[data-testid="camera"]').click(timeout=PATIENCE)
    page.wait_for_selector(SAYS)
    assert "camera" in page.locator(SAYS).inner_text() and page.get_by_role("button", name="Choose a file").is_visible()


def test_pictures_that_the_model_makes_can_be_tried(tab):
    page = tab("faces")
    page.locator('[data-testid="sample"]').nth(2).click(timeout=PATIENCE)
    assert own(page, "faces").shape == (64, 64, 3) and "seed 3" in told(page)


def test_eyes_come_to_lie_where_those_of_the_data_do(tab):
    page = tab()
    image = Image.new("RGB", (512, 512))
    pen = ImageDraw.Draw(image)
    for (x, y), colour in zip(((180, 260), (290, 220)), ("red", "lime"), strict=True):
        pen.ellipse((x - 12, y - 12, x + 12, y + 12), fill=colour)
    cut = ask(page, """const { cut, squareOfEyes } = await load("cut.js"), [data, eyes] = given;
        return Array.from(cut({ data: Uint8ClampedArray.from(data), width: 512, height: 512 }, squareOfEyes(eyes, [[24.5, 32], [39, 32]], 64), 64, 3));""",
              np.asarray(image.convert("RGBA")).ravel().tolist(), [[180.5, 260.5], [290.5, 220.5]])
    picture = np.array(cut).reshape(64, 64, 3)
    for channel, eye in ((0, (32, 24.5)), (1, (32, 39))):
        assert np.abs(middle(picture[..., channel:channel + 1]) - 0.5 - eye).max() < 0.1


# What is kept, and where


def test_a_picture_survives_a_refresh_and_stands_in_no_address(tab):
    page = tab("mnist-vae-16d")
    draw(page)
    before = own(page)
    page.reload()
    page.wait_for_selector('[data-testid="own-cards"] article', timeout=PATIENCE)
    assert (own(page) == before).all() and (seen(page)[..., 0] == before[..., 0]).all()
    assert "own" not in parse_qs(urlsplit(page.url).query) and len(page.url) < 300
    page.locator('[data-testid="forget"]').click()
    page.wait_for_function("!(sessionStorage.getItem('latent-playground-own') ?? '').includes('pixels')")
    assert not seen(page).any()


def test_each_kind_of_data_has_a_picture_of_its_own(tab):
    page = tab()
    draw(page)
    digit = own(page)
    page.locator(".lp-set", has_text="Faces").click()
    page.locator('[data-testid="sample"]').first.click(timeout=PATIENCE)
    own(page, "faces")
    page.locator(".lp-set", has_text="Handwritten").click()
    page.wait_for_selector('[data-testid="pad"]')
    page.wait_for_function(f"document.querySelector('{PICTURE}').width === 28")
    assert (own(page) == digit).all() and (seen(page)[..., 0] == digit[..., 0]).all()


def test_a_link_carries_the_code_and_says_so_and_shows_what_the_model_makes_of_it(tab, engine):
    page = tab(permissions=["clipboard-read", "clipboard-write"])
    draw(page)
    picture = own(page)
    page.locator('[data-testid="own-link"]').click()
    page.wait_for_selector(f"{SAYS}:has-text('16 numbers')", timeout=PATIENCE)
    link = page.evaluate("navigator.clipboard.readText()")
    code = parse_qs(urlsplit(link).query)["own"][0]
    assert code.startswith("z:")
    page.close()
    other = tab(query=urlsplit(link).query)
    other.wait_for_function("document.querySelector('[data-testid=own-done]').innerText.includes('came with the link')", timeout=PATIENCE)
    made = engine.decode("mnist-vae-16d", engine.encode("mnist-vae-16d", picture[None]))[0]
    assert np.abs(own(other).astype(int) - made).max() <= 2


def test_a_bad_code_in_a_link_is_a_sentence(tab):
    page = tab(query="own=nonsense(")
    page.wait_for_selector(f"{SAYS}:has-text('cannot be shown')", timeout=PATIENCE)
    page.wait_for_function("!location.search.includes('own=')")
    assert not page.evaluate(f"{KEPT}['picture:mnist']")


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_nothing_is_wider_than_the_page(tab, width, scheme):
    page = tab("faces", width=width, color_scheme=scheme)
    upload(page, Image.fromarray(astronaut()).resize((256, 256)))
    page.wait_for_selector('[data-testid="eye-left"]', timeout=PATIENCE)
    assert reach(page) <= width
    small = page.evaluate("""[...document.querySelectorAll('.lp-yourimage .lp-yourcard button, .lp-gotcard button')].filter(one => one.offsetParent
        && one.getBoundingClientRect().height < (innerWidth < 861 ? 43 : 20)).map(one => one.outerHTML)""")
    assert small == [], "a finger needs 44 pixels"
