"""What a walk is saved as: a strip, a GIF, a WebP and a video, read again by another program"""

import io

import numpy as np
import pytest
from PIL import Image

from .interpolate_page import ask, scrub, settle, shown, walks

VIEW = "model=mnist-vae-16d&ends=mnist-vae-16d@atlas:3;mnist-vae-16d@seed:8&rows=crossfade,mnist-vae-16d"
ONE_WAY, EDGE, GAP = 41, 112, 10  # frames of an animation, and pixels


@pytest.fixture(scope="module")
def page(url, browser):
    """One walk, slow and there and back, for all tests."""
    with walks(browser, url) as open_view:
        yield open_view(VIEW)


@pytest.fixture
def fast(page):
    """The same, one way at double speed."""
    page.get_by_role("button", name="There and back").click()
    page.get_by_label("Speed").select_option("2")
    yield page
    page.get_by_role("button", name="There and back").click()
    page.get_by_label("Speed").select_option("1")


def saved(page, kind: str):
    with page.expect_download(timeout=60_000) as saving:
        page.get_by_test_id(f"interpolate-save-{kind}").click()
    return saving.value


def test_a_strip_has_all_rows_and_the_link_inside(page):
    file = saved(page, "png")
    with Image.open(file.path()) as strip:
        strip.load()
        assert file.suggested_filename == "walk-mnist.png"
        assert "ends=mnist-vae-16d" in strip.text["Source"] and "road" not in strip.text["Source"]
        pixels = np.asarray(strip.convert("L"), float)
    edge, step, left = EDGE // 2, EDGE // 2 + 3, 170
    assert pixels.shape == (2 * step + 22 + GAP, left + 11 * step + GAP)
    scrub(page, 0)
    first = shown(page, "mnist-vae-16d").reshape(28, 28)
    tile = pixels[5 + step:5 + step + edge, left:left + edge].reshape(28, 2, 28, 2).mean((1, 3))
    assert np.corrcoef(tile.ravel(), first.ravel())[0, 1] > 0.97


@pytest.mark.parametrize("kind", ["gif", "webp"])
def test_an_animation_goes_there_and_back_and_shows_what_the_page_shows(page, kind):
    with Image.open(saved(page, kind).path()) as film:
        assert film.format.lower() == kind and film.n_frames == 2 * ONE_WAY - 2
        assert film.size == (2 * (EDGE + GAP) + GAP, EDGE + 22 + GAP + 4) and film.info["loop"] == 0
        durations, frames = [], []
        for k in range(film.n_frames):
            film.seek(k)
            film.load()
            durations.append(film.info["duration"])
            frames.append(np.asarray(film.convert("L"), float))
    assert sum(durations) == 100 * (2 * ONE_WAY - 2)
    corner = (slice(GAP, GAP + EDGE), slice(GAP + EDGE + GAP, GAP + 2 * EDGE + GAP))
    for k, place in ((0, 0), (20, 0.5), (40, 1), (60, 0.5)):
        scrub(page, place)
        picture = frames[k][corner].reshape(28, 4, 28, 4).mean((1, 3))
        assert np.corrcoef(picture.ravel(), shown(page, "mnist-vae-16d"))[0, 1] > 0.97
    assert np.abs(frames[10] - frames[70]).mean() < 1


def test_one_way_is_half_the_film_and_speed_shortens_it(fast):
    with Image.open(saved(fast, "gif").path()) as film:
        assert film.n_frames == ONE_WAY and film.info["duration"] == 50


def test_a_video_is_recorded_and_plays(fast):
    content = saved(fast, "video").path().read_bytes()
    assert content[:4] == bytes.fromhex("1a45dfa3") and len(content) > 5000
    size = fast.evaluate("""async (bytes) => {
        const video = document.createElement('video');
        video.muted = true;
        video.src = URL.createObjectURL(new Blob([Uint8Array.from(bytes)], { type: 'video/webm' }));
        await new Promise((done, failed) => { video.onloadeddata = done; video.onerror = () => failed(video.error.message); });
        return [video.videoWidth, video.videoHeight];
    }""", list(content))
    assert size == [2 * (EDGE + GAP) + GAP, EDGE + 22 + GAP + 4]


def test_what_a_browser_cannot_write_is_greyed_out_with_the_reason(page):
    lacking = ask(page, """const { createTakeaway } = await load('takeaway.js'), { MediaRecorder } = window;
        delete window.MediaRecorder;
        const { element } = createTakeaway(() => null), button = element.querySelector('[data-testid=interpolate-save-video]');
        window.MediaRecorder = MediaRecorder;
        return [button.getAttribute('aria-disabled'), button.title];""")
    assert lacking == ["true", "This browser has no recorder for videos; take the GIF."]


def test_a_grid_is_no_film_and_says_so(page):
    page.get_by_role("button", name="Grid").click()
    page.get_by_test_id("interpolate-save-gif").click()
    assert "A grid does not move" in page.locator(".lp-says").inner_text()
    page.get_by_role("button", name="Rows").click()
    settle(page)


def picture_of(kind: str, size: int) -> np.ndarray:
    """RGBA [H, W, 4] of several kinds of content."""
    random = np.random.default_rng(0)
    out = np.full((size, size + 3, 4), 255, np.uint8)
    if kind == "noise":
        out[..., :3] = random.integers(0, 256, (size, size + 3, 1))
    elif kind == "colours":
        across, down = np.meshgrid(np.linspace(0, 255, size + 3), np.linspace(0, 255, size))
        out[..., :3] = np.stack([across, down, (across + down) / 2], -1)
    elif kind == "flat":
        out[..., :3] = 200
    return out


@pytest.mark.parametrize(("kind", "most"), [("noise", 0), ("flat", 0), ("colours", 24)])
def test_the_gif_writer_keeps_greys_exactly_and_colours_nearly(page, kind, most):
    frames = [picture_of(kind, size) for size in (80, 80)]
    frames[1] = frames[1][::-1]
    content = ask(page, """const { createGif, paletteOf } = await load('gif.js'), [width, height, frames] = given;
        const rgba = frames.map(one => Uint8ClampedArray.from(one));
        const gif = createGif(width, height, paletteOf(rgba), 'a comment');
        for (const one of rgba) gif.add(one, 120);
        return [...new Uint8Array(await gif.blob().arrayBuffer())];""", 83, 80, [frame.ravel().tolist() for frame in frames])
    with Image.open(io.BytesIO(bytes(content))) as film:
        assert film.n_frames == 2 and film.info["comment"] == b"a comment"
        for k, frame in enumerate(frames):
            film.seek(k)
            assert film.info["duration"] == 120
            difference = np.abs(np.asarray(film.convert("RGB"), int) - frame[..., :3])
            assert difference.max() <= most


def test_the_webp_writer_puts_still_pictures_into_one_file(page):
    stills = []
    for level in (0, 90, 255):
        buffer = io.BytesIO()
        Image.fromarray(np.full((31, 17, 3), level, np.uint8)).save(buffer, "WEBP", lossless=True)
        stills.append(list(buffer.getvalue()))
    content = ask(page, """const { animatedWebp } = await load('webp.js');
        return [...new Uint8Array(await animatedWebp(given[0].map(one => Uint8Array.from(one)), 17, 31, 70).arrayBuffer())];""", stills)
    with Image.open(io.BytesIO(bytes(content))) as film:
        assert film.n_frames == 3 and film.size == (17, 31)
        for k, level in enumerate((0, 90, 255)):
            film.seek(k)
            film.load()
            assert film.info["duration"] == 70 and np.all(np.asarray(film.convert("L")) == level)
