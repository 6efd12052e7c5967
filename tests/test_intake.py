"""Own pictures come in: strangers' files become the right picture or one sentence, faces and their eyes are found, and nobody takes all places."""

import base64
import io
import json
import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from skimage.data import astronaut
from starlette.applications import Starlette
from starlette.testclient import TestClient

from bench.alignment import ASTRONAUT, measured, photographed
from genmodels.datasets import faces as celeba
from genmodels.intake import BadPicture, opened
from genmodels.intake.eyes import Eyes, features, found, patches
from genmodels.intake.faces import faces_in
from genmodels.models import MODELS
from genmodels.train.recipe import Plan
from genmodels.ui.live.intake import ALL, EACH, Intake
from genmodels.ui.live.routes import LiveRoutes

from .conftest import tiny_config
from .live_kit import page_files

RAMP = np.linspace(0, 255, 60 * 40).reshape(40, 60).astype(np.uint8)  # dark above, light below: which way is up can be seen
COLOUR = Image.merge("RGB", [Image.fromarray(RAMP), Image.fromarray(RAMP[:, ::-1].copy()), Image.new("L", (60, 40), 80)])


def packed(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def turned(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    sideways = {6: Image.Transpose.ROTATE_90, 3: Image.Transpose.ROTATE_180, 8: Image.Transpose.ROTATE_270}[orientation]
    return packed(COLOUR.transpose(sideways), "JPEG", exif=exif, quality=95)


def see(data: bytes) -> tuple[np.ndarray, tuple[str, ...]]:
    """The picture as the page gets it, uint8 [H, W, 3], and what is said of it."""
    result = opened(data, look_for_faces=False)
    picture = np.asarray(Image.open(io.BytesIO(result.file)).convert("RGB"))
    assert picture.shape[:2] == (result.height, result.width)
    return picture, result.done


def veiled(colour, alpha) -> Image.Image:
    """Left half of a colour, right half transparent."""
    image = Image.new("RGBA", (40, 40), (*colour, 255))
    image.paste((*colour, alpha), (20, 0, 40, 40))
    return image


def png_claiming(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it is enormous."""
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head)) + packed(Image.new("L", (4, 4)))[33:]


# Whole pictures


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP"])
def test_every_format_that_is_offered_is_read(kind):
    picture, done = see(packed(COLOUR, kind))
    assert np.abs(picture.astype(int) - np.asarray(COLOUR)).mean() < 12 and done == ()


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_a_photo_is_turned_as_its_camera_says(orientation):
    picture, done = see(turned(orientation))
    assert np.abs(picture.astype(int) - np.asarray(COLOUR)).mean() < 12 and "turned upright" in done[0]


def test_sixteen_bits_are_scaled_by_their_range_and_not_clipped():
    picture, done = see(packed(Image.fromarray((RAMP.astype(np.uint16) + 300) * 2)))
    assert np.abs(picture[..., 0].astype(int) - RAMP).max() <= 1 and "16 bits" in done[0]


def test_printing_colours_become_those_of_a_screen():
    picture, done = see(packed(COLOUR.convert("CMYK"), "JPEG", quality=95))
    assert np.abs(picture.astype(int) - np.asarray(COLOUR)).mean() < 12 and "printing colours" in done[0]


@pytest.mark.parametrize("colour, behind", [((30, 30, 30), 255), ((250, 250, 250), 0)])
def test_what_is_transparent_is_put_on_what_lets_the_rest_be_seen(colour, behind):
    picture, done = see(packed(veiled(colour, 0)))
    assert (picture[20, 30] == behind).all() and (picture[20, 5] == colour).all() and f"on {'white' if behind else 'black'}" in done[0]


def test_a_palette_with_a_transparent_colour_is_composed_too():
    picture, done = see(packed(veiled((200, 30, 30), 0).quantize(8), "PNG"))
    assert (picture[20, 30] == 255).all() and picture[20, 5, 0] > 180 and "transparent" in done[0]


def test_an_alpha_channel_that_hides_nothing_is_not_worth_a_word():
    assert see(packed(COLOUR.convert("RGBA")))[1] == ()


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_of_a_film_the_first_picture_is_taken(kind):
    first, rest = Image.new("RGB", (32, 32), "red"), [Image.new("RGB", (32, 32), colour) for colour in ("blue", "green")]
    picture, done = see(packed(first, kind, save_all=True, append_images=rest, duration=50))
    assert picture[16, 16, 0] > 240 and picture[16, 16, 2] < 20 and "first" in done[0]


def test_a_large_picture_is_made_smaller_and_that_is_said():
    result = opened(packed(Image.effect_noise((3000, 1500), 60).convert("RGB"), "JPEG"), False)
    assert (result.width, result.height) == (1024, 512) and result.kind == "image/jpeg" and "smaller" in result.done[-1]


def test_a_small_picture_comes_back_as_it_was_to_the_last_bit():
    small = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    assert (see(packed(small))[0] == np.asarray(small)).all()


def test_the_name_of_a_file_does_not_matter_but_its_content():
    assert opened(packed(COLOUR, "JPEG"), False).width == 60  # no name is ever sent


# What is no picture


REFUSED = {
    "empty": (b"", "the file is empty"), "text": (b"hello", "no readable picture; it must be a whole PNG, JPEG, WEBP, GIF or BMP"),
    "svg": (b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "an SVG drawing"),
    "web page": (b"<!DOCTYPE html><html></html>", "a web page"), "pdf": (b"%PDF-1.7 ...", "a PDF document"),
    "heic": (b"\0\0\0\x18ftypheic\0\0\0\0", "a HEIC photo"), "avif": (b"\0\0\0\x18ftypavif\0\0\0\0", "an AVIF picture"),
    "mp4": (b"\0\0\0\x18ftypisom\0\0\0\0", "a film"),
    "tiff": (packed(COLOUR, "TIFF"), "a TIFF picture"),
    "eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n", "a PostScript document"), "zip": (b"PK\x03\x04....", "a zip archive"),
    "half a PNG": (packed(COLOUR)[:200], "no readable picture"), "half a JPEG": (packed(COLOUR, "JPEG")[:400], "no readable picture"),
    "half a GIF": (packed(COLOUR, "GIF")[:60], "no readable picture"), "a bomb": (packed(Image.new("1", (6000, 6000))), "24 megapixels"),
    "a claim": (png_claiming(60_000, 60_000), "no readable picture"), "a thread": (packed(Image.new("L", (2100, 100))), "20 times as long"),
    "too large a file": (b"\x89PNG" + bytes(9 << 20), "may have 8 MB, not 9.0"),
}


@pytest.mark.parametrize("data, words", REFUSED.values(), ids=REFUSED)
def test_what_is_no_picture_is_told_in_one_sentence(data, words):
    with pytest.raises(BadPicture) as caught:
        opened(data, True)
    said = str(caught.value)
    assert words in said and said.endswith(".") and "\n" not in said and len(said) < 200


# Eyes


def test_eyes_of_a_face_that_was_turned_moved_scaled_and_packed_are_found():
    random = np.random.default_rng(1)
    errors = [measured(*photographed(Image.fromarray(astronaut()), ASTRONAUT, random))[0] for _ in range(5)]
    assert None not in errors and np.median(errors) < 0.1


def test_eyes_of_faces_of_the_test_set_are_found(data_folder):
    random, images = np.random.default_rng(2), celeba.load("test", data_folder).pixels[:16].permute(0, 2, 3, 1).numpy()
    errors = [measured(*photographed(Image.fromarray(one), np.array(celeba.EYES) + 0.5, random))[0] for one in images]
    there = [error for error in errors if error is not None]
    assert len(there) >= 11 and np.median(there) < 0.08


def test_the_faces_of_two_people_are_both_found_and_the_ground_between_them_is_none():
    face = Image.fromarray(astronaut()).crop((130, 20, 320, 210))
    pair = Image.new("RGB", (460, 230), (120, 120, 120))
    pair.paste(face, (20, 20))
    pair.paste(face.resize((150, 150)), (270, 40))
    assert len(faces_in(pair)) == 2


@pytest.mark.parametrize("picture", [Image.new("RGB", (400, 300), "grey"), Image.new("RGB", (1, 1)), Image.new("RGB", (900, 46)),
                                     Image.effect_noise((300, 300), 80).convert("RGB")])
def test_where_there_is_no_face_none_is_found(picture):
    assert faces_in(picture) == []


def test_a_move_leads_to_where_it_was_reckoned_to():
    random = np.random.default_rng(3)
    one, other = (Eyes(random.normal(30, 4, (6, 2)), random.normal(0, 1, (6, 2)) + [14, 0]) for _ in range(2))
    assert np.allclose(one.moved(one.towards(other)).points, other.points) and np.allclose(one.error(one), 0)


def test_looks_do_not_depend_on_light_and_contrast():
    grey = np.asarray(Image.fromarray(astronaut()).convert("L").resize((180, 180)), np.float64)
    eyes = Eyes.of([np.array(ASTRONAUT) * 180 / 512])
    assert np.allclose(features(patches(grey, eyes)), features(patches(0.5 * grey + 40, eyes)), atol=1e-3)
    assert found(grey, eyes)[1][0] > 0.25 > found(grey, Eyes(eyes.middle + [40, 90], eyes.across))[1][0]


# The road


@pytest.fixture
def own(made, tmp_path):
    """The road over tiny models, one of faces among them, and a client of it."""
    import shutil

    from genmodels.checkpoint import save_checkpoint
    from genmodels.engine import Engine
    roots = shutil.copytree(made, tmp_path / "checkpoints")
    config = tiny_config("vae", image_shape=(3, 64, 64))
    save_checkpoint(MODELS["vae"](config).eval(), roots / "faces", Plan("vae", "faces", config).to_json())
    engine = Engine(roots, device="cpu", cache=tmp_path / "cache")
    intake = Intake(engine)
    yield TestClient(LiveRoutes(Starlette(), engine=engine, assets=page_files(tmp_path / "assets"), roads={"own": intake})), intake
    intake.close()
    engine.close()


def test_a_face_comes_back_with_its_eyes_for_a_model_of_faces_alone(own):
    client, _ = own
    data = packed(Image.fromarray(astronaut()), "JPEG", quality=90)
    answer = client.post("/live/own/prepare/faces", content=data).json()
    kind, _, content = answer["picture"].partition(",")
    assert kind == "data:image/jpeg;base64" and Image.open(io.BytesIO(base64.b64decode(content))).size == (answer["width"], answer["height"]) == (512, 512)
    assert Eyes.of([answer["faces"][0]["eyes"]]).error(Eyes.of([ASTRONAUT]))[0] < 0.15
    assert client.post("/live/own/prepare/vae", content=data).json()["faces"] == []


@pytest.mark.parametrize("method, path, status", [
    ("GET", "prepare/vae", 405), ("POST", "astronaut.png", 405), ("POST", "prepare/nothing", 404), ("POST", "prepare/digits-classifier", 400),
    ("POST", "prepare", 404), ("GET", "elsewhere", 404)])
def test_the_road_says_what_it_does_not_answer(own, method, path, status):
    answer = own[0].request(method, f"/live/own/{path}", content=b"x" if method == "POST" else None)
    assert answer.status_code == status and answer.text.endswith(".")


def test_a_bad_file_and_a_large_one_are_sentences_and_the_next_one_is_read(own):
    client, _ = own
    bad, large = client.post("/live/own/prepare/vae", content=b"<svg></svg>"), client.post("/live/own/prepare/vae", content=bytes((8 << 20) + 1))
    assert (bad.status_code, large.status_code) == (400, 413) and "SVG" in bad.text and "8 MB" in large.text
    assert client.post("/live/own/prepare/vae", content=packed(COLOUR)).json()["width"] == 60


def test_nobody_has_more_than_two_files_opened_at_a_time(own):
    _, intake = own
    with intake.waiting.answering("one", 1), intake.waiting.answering("one", 1):
        with pytest.raises(Exception, match="waiting already"), intake.waiting.answering("one", 1):
            pass
        with intake.waiting.answering("other", 1):
            assert intake.waiting.all == 3 <= ALL and EACH == 2


def test_the_portrait_is_a_free_one_that_scikit_image_brings(own):
    answer = own[0].get("/live/own/astronaut.png")
    assert answer.headers["content-type"] == "image/png" and (np.asarray(Image.open(io.BytesIO(answer.content))) == astronaut()).all()


def test_the_catalogue_says_in_which_form_pictures_are_taken(own):
    models = {model["name"]: model["own"] for model in json.loads(own[0].get("/live/catalogue.json").content)["models"]}
    assert models["faces"] == {"eyes": [[24.5, 32.0], [39.0, 32.0]]} and models["vae"]["drawn"] == "strokes"
