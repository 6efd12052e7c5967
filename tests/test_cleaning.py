"""Cleaning: what evaluate measures of it and writes, the road that cleans a noisy picture for the page, and refusals in words."""

import json
import shutil

import numpy as np
import pytest
import torch
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from genmodels import card
from genmodels.checkpoint import Checkpoint, save_checkpoint
from genmodels.corruptions import CORRUPTIONS
from genmodels.engine import Engine
from genmodels.evaluate import Effort, evaluate, evaluate_cleaning, metrics_text
from genmodels.evaluate.__main__ import main
from genmodels.evaluate.cleaning import BAR, can_clean, how_clean, mean_psnr, spoiled
from genmodels.evaluate.subject import Subject
from genmodels.filters import SETTINGS
from genmodels.models.autoencoder import Autoencoder
from genmodels.train.recipe import Plan
from genmodels.ui.live.catalogue import catalogue, checked_metrics
from genmodels.ui.live.cleaning import Cleaning
from genmodels.ui.live.routes import LiveRoutes

from .conftest import save_tiny, tiny_model
from .evaluate_kit import TEST, TRAIN, effort, taught
from .live_kit import page_files

PICTURE = np.random.default_rng(1).integers(0, 256, (8, 8, 1), np.uint8)
SENT = PICTURE.tobytes()
FEW, LEVELS = 40, (0.1, 0.5, 1.0)  # test pictures; levels


@pytest.fixture(scope="module", autouse=True)
def _little():
    """Three levels instead of all, and settings chosen on few pictures."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("genmodels.evaluate.cleaning.LEVELS", LEVELS)
        patch.setattr("genmodels.evaluate.cleaning.TUNED", 4)
        yield


@pytest.fixture(scope="module")
def denoiser() -> Autoencoder:
    torch.manual_seed(0)
    return taught(Autoencoder(Autoencoder.Config(image_shape=(1, 8, 8), latent_dim=24, net="mlp", hidden=96, corruption="any", noise_level=0.8)), 300)


@pytest.fixture(scope="module")
def found(denoiser) -> dict:
    return how_clean(Subject(denoiser, TEST), TRAIN, FEW)


@pytest.fixture
def saved(denoiser, tmp_path) -> Checkpoint:
    """A checkpoint of the denoiser, measured without its cleaning."""
    checkpoint = save_checkpoint(denoiser, tmp_path / "digits-dae", Plan("autoencoder", "digits", denoiser.config).to_json())
    evaluate(checkpoint, TRAIN, TEST, effort=Effort(samples=100, by_steps=20, bounded=5, draws=2, labelled=0, cleaned=0))
    return Checkpoint(tmp_path / "digits-dae")


def test_every_way_has_a_number_for_every_corruption_and_level_and_more_noise_is_worse(found):
    assert found["pictures"] == FEW and found["levels"] == list(LEVELS)
    for way in ("model", "noisy", *SETTINGS):
        assert set(found[way]) == set(CORRUPTIONS) and all(len(row) == len(LEVELS) for row in found[way].values())
    for row in found["noisy"].values():
        assert row[0] > row[1] > row[2]


def test_what_is_measured_is_what_a_direct_count_gives(found, denoiser):
    kind, level = BAR
    at = LEVELS.index(level)
    chosen = Subject(denoiser, TEST).test
    several = how_clean(Subject(denoiser, chosen.first(30)), TRAIN, 30)
    dirty = spoiled(chosen.pixels[:30], kind, level)
    made = denoiser.decode(denoiser.encode(dirty.float() / 127.5 - 1)).clamp(-1, 1)
    errors = ((made - TEST.floats(slice(0, 30))) / 2).square().mean((1, 2, 3))
    assert several["model"][kind][at] == pytest.approx(float((-10 * errors.log10()).mean()), abs=0.05)  # but for the rounding to 8 bits
    best = max(several[name][kind][at] for name in SETTINGS)
    assert several["margin"] == pytest.approx(several["model"][kind][at] - best)
    setting = several["settings"]["median"][kind][at]
    again = mean_psnr((SETTINGS["median"][setting](row) for row in dirty.permute(0, 2, 3, 1).numpy()), chosen.pixels[:30].permute(0, 2, 3, 1).numpy())
    assert several["median"][kind][at] == pytest.approx(again)


def test_the_settings_of_the_filters_are_the_best_on_training_pictures(found):
    kind = "saltpepper"
    pixels = TRAIN.pixels[:60]
    rows = list(pixels.permute(0, 2, 3, 1).numpy())

    def quality(setting: str, level: float) -> float:
        return mean_psnr((SETTINGS["median"][setting](row) for row in spoiled(pixels, kind, level).permute(0, 2, 3, 1).numpy()), rows)

    assert found["settings"]["median"][kind][0] == "3"  # little noise: few pixels
    assert quality("3", LEVELS[0]) > quality("7", LEVELS[0])


def test_one_that_learned_to_clean_is_better_than_the_noise_and_than_one_that_did_not(found):
    plain = how_clean(Subject(taught(Autoencoder(Autoencoder.Config(image_shape=(1, 8, 8), latent_dim=24, net="mlp", hidden=96)), 300), TEST), TRAIN, FEW)
    at = LEVELS.index(0.5)
    assert found["model"]["gaussian"][at] > found["noisy"]["gaussian"][at] + 1
    assert found["model"]["gaussian"][at] > plain["model"]["gaussian"][at] + 0.5
    assert "median" not in plain and "margin" not in plain  # the filters stand beside those that learned to clean


@pytest.mark.parametrize(("family", "cleans"), [("vae", True), ("autoencoder", True), ("gan", False), ("flow", False), ("diffusion", False)])
def test_only_models_with_a_code_that_leaves_something_out_are_measured(family, cleans):
    assert can_clean(tiny_model(family)) == cleans


def test_the_same_pictures_count_as_sixty_decibels_and_not_as_infinitely_many():
    assert mean_psnr([PICTURE], [PICTURE]) == 60


def test_cleaning_alone_is_measured_again_and_everything_else_stays(saved, capsys):
    before, text = saved.metrics(), (saved.folder / "README.md").read_text(encoding="utf-8")
    assert "cleaning" not in before and "missing block" not in text
    with effort(samples=100, by_steps=20, bounded=5, draws=2, cleaned=20):
        assert main(["digits-dae", "--cleaning", "--checkpoints", str(saved.folder.parent)]) == 0
    after = saved.metrics()
    assert after["cleaning"]["pictures"] == 20 and {**after, "cleaning": 0} == {**before, "cleaning": 0}
    assert "a missing block" in capsys.readouterr().out
    text = (saved.folder / "README.md").read_text(encoding="utf-8")
    [heading, *rows] = card.cleaned(after)
    assert len(rows) == len(CORRUPTIONS) and "| " + " | ".join(heading) + " |" in text and "best on training pictures" in text


def test_metrics_are_written_with_a_list_of_numbers_on_one_line_and_read_again_as_they_were():
    metrics = {"levels": [0.1, 0.25], "empty": [], "left_out": ["one, and", "a [bracket]"], "names": [{"r": 1}, None], "deep": {"rows": [[1, 2], [3]]}}
    written = metrics_text(metrics)
    assert json.loads(written) == metrics and ' "levels": [0.1, 0.25],\n' in written and "[1, 2]" in written
    with pytest.raises(ValueError):
        metrics_text({"mse": float("nan")})


def test_a_model_that_cannot_clean_is_refused_in_a_sentence(tmp_path):
    save_tiny(tiny_model("gan"), tmp_path / "gan")
    (tmp_path / "gan" / "metrics.json").write_text(json.dumps({"weights": "x"}))
    with pytest.raises(ValueError, match="no code that leaves noise out"):
        evaluate_cleaning(Checkpoint(tmp_path / "gan"), TRAIN, TEST)


# What the page is told of it


def test_the_catalogue_says_who_learned_to_clean_and_what_was_measured(made, found, tmp_path):
    roots = shutil.copytree(made, tmp_path / "checkpoints")
    save_tiny(tiny_model("autoencoder", corruption="masking", noise_level=0.4), roots / "dae")
    (roots / "dae" / "metrics.json").write_text(json.dumps({"cleaning": found}))
    engine = Engine(roots, device="cpu", cache=tmp_path / "cache")
    try:
        listed = {model["name"]: model for model in catalogue(engine)["models"]}
    finally:
        engine.close()
    assert listed["dae"]["denoises"] == {"corruption": "masking", "level": 0.4} and listed["dae"]["metrics"]["cleaning"] == found
    assert listed["autoencoder"]["denoises"] is None and listed["gan"]["denoises"] is None


@pytest.mark.parametrize("change", [
    {"levels": [0.1]}, {"levels": "many"}, {"model": {}}, {"noisy": None}, {"settings": {"median": {}}}, {"settings": 3},
    {"model": {kind: ["x"] * len(LEVELS) for kind in CORRUPTIONS}}, {"median": {kind: [1.0] for kind in CORRUPTIONS}},
])
def test_numbers_of_cleaning_that_no_page_could_draw_are_refused(found, change):
    assert checked_metrics({"cleaning": found}, 24)["cleaning"] is found
    with pytest.raises(ValueError, match="cleaning in metrics.json"):
        checked_metrics({"cleaning": found | change}, 24)


# The road


@pytest.fixture(scope="module")
def roads(made, tmp_path_factory):
    roots = shutil.copytree(made, tmp_path_factory.mktemp("clean") / "checkpoints")
    save_tiny(tiny_model("autoencoder", image_shape=(1, 16, 16)), roots / "larger")
    engine = Engine(roots, device="cpu", cache=roots.parent / "cache")
    yield LiveRoutes(PlainTextResponse("the page"), engine=engine, assets=page_files(roots.parent / "assets"), roads={"clean": Cleaning(engine)})
    engine.close()


@pytest.fixture(scope="module")
def clean(roads):
    client = TestClient(roads)
    return lambda name="vae", by="vae", body=SENT: client.post(f"/live/clean/{name}?by={by}", content=body)


def test_models_clean_through_their_codes_and_filters_by_their_settings_in_the_order_asked(clean, roads):
    made = np.frombuffer(clean(by="cvae,median:5,autoencoder,nlm:3-3-0.1").content, np.uint8).reshape(4, 8, 8, 1)
    for k, name in ((0, "cvae"), (2, "autoencoder")):
        assert np.array_equal(made[k], roads.engine.decode(name, roads.engine.encode(name, PICTURE[None]))[0])
    assert np.array_equal(made[1], SETTINGS["median"]["5"](PICTURE)) and np.array_equal(made[3], SETTINGS["nlm"]["3-3-0.1"](PICTURE))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", SETTINGS)
def test_filters_take_away_noise_from_grey_and_coloured_pictures(name, channels):
    flat = np.full((16, 16, channels), 120, np.uint8)
    noisy = (flat + np.random.default_rng(0).normal(0, 20, flat.shape)).clip(0, 255).astype(np.uint8)
    best = max(mean_psnr([one(noisy)], [flat]) for one in SETTINGS[name].values())
    assert best > mean_psnr([noisy], [flat]) + 5


@pytest.mark.parametrize(("asked", "status", "sentence"), [
    ({"by": ""}, 400, "?by= must name what cleans"), ({"by": ",".join(["vae"] * 5)}, 400, "1 to 4"), ({"by": "median:9999"}, 400, "There is no filter"),
    ({"by": "sharpen:3"}, 400, "There is no filter"), ({"by": "gan"}, 400, "gan cannot clean"), ({"by": "diffusion"}, 400, "cannot clean"),
    ({"by": "nobody"}, 404, "There is no"), ({"by": "digits-classifier"}, 400, "is a classifier"), ({"name": "digits-classifier"}, 400, "is a classifier"),
    ({"by": "larger"}, 400, "larger takes pictures of (1, 16, 16)"), ({"body": b"123"}, 400, "The body must be"),
    ({"name": "a/b"}, 404, "nothing at this address"),
])
def test_what_cannot_be_cleaned_is_refused_in_a_sentence(clean, asked, status, sentence):
    answer = clean(**asked)
    assert answer.status_code == status and sentence in answer.text


def test_only_a_picture_that_is_sent_is_cleaned(roads):
    assert TestClient(roads).get("/live/clean/vae?by=vae").status_code == 405
