"""What is measured of noise: errors at every moment as a direct computation says, round trips that shrink with steps, plots, and a card that shows them."""

import io
import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from genmodels.checkpoint import Checkpoint
from genmodels.evaluate import QUICK, evaluate_noise
from genmodels.evaluate.__main__ import main
from genmodels.evaluate.curves import curves
from genmodels.evaluate.noise import by_moment, of_noise, round_trips
from genmodels.evaluate.samples import by_steps
from genmodels.evaluate.subject import Subject
from genmodels.models.diffusion import Diffusion

from .conftest import DIGITS, save_tiny, tiny_model
from .evaluate_kit import TEST, TRAIN, taught


@pytest.fixture(scope="module")
def diffusion() -> Diffusion:
    """A small diffusion model of the small digits that has learned something."""
    torch.manual_seed(0)
    return taught(Diffusion(Diffusion.Config(image_shape=(1, 8, 8), width=8, conditions=DIGITS, steps=5)), 60)


@pytest.fixture(scope="module")
def subject(diffusion) -> Subject:
    return Subject(diffusion, TEST)


@pytest.fixture
def checkpoint(diffusion, tmp_path) -> Checkpoint:
    """One that was measured before, in words of a person and at some numbers of steps."""
    kept = save_tiny(diffusion, tmp_path / "digits-diffusion")
    before = {"pictures": 10, "weights": kept.hash, "fd_by_steps": {"samples": 40, "ddim": {"5": {"fd": 7.0, "fd_ratio": 2.0}}}}
    (kept.folder / "metrics.json").write_text(json.dumps(before))
    marks = [f"<!-- {part}: written by python -m genmodels.evaluate -->\n<!-- end of {part} -->" for part in ("measured", "trained")]
    (kept.folder / "README.md").write_text("My words.\n" + "\n".join(marks))
    return kept


def test_the_error_of_the_noise_is_what_a_direct_computation_says(subject):
    found, model = by_moment(subject, 30), subject.model
    assert found["pictures"] == 30 and found["t"] == sorted(found["t"]) and len(found["t"]) == len(found["noise"]) == len(found["x0"]) == 20
    k = 10
    level = model.levels()[found["t"][k]]
    torch.manual_seed(0)
    x, y = subject.x[:300], subject.y[:300]
    noise = torch.randn_like(x)
    with torch.inference_mode():
        said = model.predict_noise(level.alpha * x + level.sigma * noise, torch.full((300,), level.t), y)
    assert float((said - noise).square().mean()) == pytest.approx(found["noise"][k], rel=0.25)


def test_a_net_knows_more_of_the_picture_where_there_is_less_noise(subject):
    found = by_moment(subject, 30)
    assert found["x0"][0] < found["x0"][10] < found["x0"][-1] and found["x0"][0] < 1e-3


def test_the_way_to_the_noise_and_back_loses_less_in_more_steps(subject):
    rows = round_trips(subject, 10)["by_steps"]
    assert list(rows) == ["5", "10", "20", "50", "100"]
    assert rows["5"]["psnr"] < rows["100"]["psnr"] and rows["5"]["error"] > rows["100"]["error"] > 0


def test_one_made_picture_is_shown_under_ever_less_noise(subject):
    numbers, files = of_noise(subject, 20)
    sheet = np.asarray(Image.open(io.BytesIO(files["learned.webp"])).convert("L"), float)
    assert sheet.shape == (16, 80) and numbers["times"] == 1000
    columns = sheet.reshape(2, 8, 10, 8).transpose(0, 2, 1, 3)
    apart = np.abs(columns[0] - columns[1]).mean((1, 2))  # of what is shown and what is predicted
    assert apart[-1] < 4 < apart[0]
    assert not any(np.array_equal(columns[0, -1], picture) for picture in TEST.pixels[:, 0].numpy())


def test_models_of_one_step_have_nothing_to_measure_and_flow_matching_only_the_way_back():
    assert of_noise(Subject(tiny_model("vae"), TEST), 20) == ({}, {})
    numbers, files = of_noise(Subject(tiny_model("flow_matching"), TEST), 20)
    assert not files and set(numbers) == {"round_trip"} and numbers["round_trip"]["sampler"] == "heun"


class Counting:
    """A judge that counts what it looks at."""

    looked = 0

    def look(self, pixels):
        self.looked += 1
        return pixels

    def distance(self, pixels):
        return {"fd": float(pixels.float().mean()), "fd_ratio": 1.0}


def test_distances_that_are_there_are_not_made_again_unless_of_other_pictures(subject):
    known, judge = {"samples": 4, "ddim": {"5": {"fd": 7.0, "fd_ratio": 2.0}}}, Counting()
    *some, found = by_steps(subject, judge, 4, 10, known)
    assert found["ddim"]["5"] == known["ddim"]["5"] and judge.looked == len(some) == 5
    assert set(found) == {"samples", *subject.model.SAMPLERS} and all(list(found[name]) == ["5", "10"] for name in subject.model.SAMPLERS)
    *_, other = by_steps(subject, judge, 3, 5, known)
    assert other["ddim"]["5"] != known["ddim"]["5"] and judge.looked == 8


def test_a_measurement_that_is_stopped_goes_on_where_it_was(subject):
    first, second = Counting(), Counting()
    halfway = next(by_steps(subject, first, 4, 10, {}))
    *_, whole = by_steps(subject, second, 4, 10, halfway)
    *_, other = by_steps(subject, Counting(), 4, 10, {})
    assert first.looked == 1 and second.looked == 5 and whole == other


def test_only_what_has_to_do_with_noise_is_written_and_the_card_shows_it(checkpoint):
    weights = (checkpoint.folder / "model.safetensors").read_bytes()
    metrics = evaluate_noise(checkpoint, TRAIN, TEST, effort=QUICK)
    assert metrics["pictures"] == 10 and metrics["fd_by_steps"]["ddim"] == {"5": {"fd": 7.0, "fd_ratio": 2.0}} and checkpoint.metrics() == metrics
    assert (checkpoint.folder / "model.safetensors").read_bytes() == weights
    card = (checkpoint.folder / "README.md").read_text()
    assert card.startswith("My words.") and all(f"({name})" in card and (checkpoint.folder / name).exists() for name in ("learned.webp", "steps.webp"))
    assert "steps back, and as many forth" in card and f"{metrics['noise']['round_trip']['by_steps']['50']['psnr']:.1f}" in card


def test_noise_of_what_has_none_is_refused_in_words(checkpoint, tmp_path, capsys):
    save_tiny(tiny_model("vae"), tmp_path / "digits-vae")
    shutil.copytree(checkpoint.folder, tmp_path / "new")
    (tmp_path / "new" / "metrics.json").unlink()
    for name in ("digits-vae", "new"):
        assert main([name, "--noise", "--checkpoints", str(tmp_path), "--device", "cpu"]) == 2
        assert f"{name} was never measured, or makes a picture in one step" in capsys.readouterr().err


def test_curves_draw_a_line_for_each_name_and_refuse_what_no_logarithm_has():
    picture = Image.open(io.BytesIO(curves({"one": [(5, 3.0), (200, 1.0)], "two": [(5, 9.0), (50, 4.0)]}, "steps", "distance"))).convert("RGB")
    assert picture.size == (640, 320) and len(picture.getcolors()) > 8
    inks = {colour for _, colour in picture.getcolors()}
    assert any(b > r + 60 for r, g, b in inks) and any(r > b + 100 for r, g, b in inks)
    for nothing in ({}, {"one": [(5, 0.0)]}):
        with pytest.raises(ValueError, match="all of them positive"):
            curves(nothing, "steps", "distance")
