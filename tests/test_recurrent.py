"""The recurrent autoencoder: it reads and writes in order, knows more with every row, and learns time series column by column."""

import numpy as np
import pytest
import torch

from genmodels.datasets import DATASETS
from genmodels.knobs import from_dict
from genmodels.models import MODELS
from genmodels.train.loop import Trainer
from genmodels.train.recipe import Recipe, Stage

from .conftest import tiny_model


@pytest.fixture(scope="module")
def digits():
    return DATASETS["digits"].load("train")


@pytest.fixture(scope="module")
def trained(digits):
    """A reader of the small digits that has learned for a moment."""
    model = tiny_model("recurrent", latent_dim=8, hidden=32, writer_hidden=32)
    for _ in Trainer(model, digits, Recipe((Stage(steps=400, rate=1e-2),), batch=64, averaging=0, precision="float32")):
        pass
    model.eval().refresh(digits.floats(slice(None)))
    return model


@pytest.mark.parametrize("along, axis", [("rows", 2), ("columns", 3)])
def test_the_code_after_some_rows_hangs_on_these_alone(digits, along, axis):
    model, x = tiny_model("recurrent", along=along), digits.floats(slice(0, 4))
    changed = x.index_fill(axis, torch.arange(5, 8), 0.3)
    with torch.no_grad():
        before, after = model._codes(x), model._codes(changed)
    assert torch.equal(before[:5], after[:5]) and not torch.allclose(before[-1], after[-1])


@pytest.mark.parametrize("along", ["rows", "columns"])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_taken_apart_is_put_together_again(along, channels):
    model, x = tiny_model("recurrent", along=along, image_shape=(channels, 8, 8)), torch.rand(2, channels, 8, 8)
    assert torch.equal(model._picture(model._sequence(x)), x)
    first = x[:, :, 0] if along == "rows" else x[:, :, :, 0]
    assert torch.equal(model._sequence(x)[0], first.flatten(1))


def test_it_brings_digits_back_better_than_their_mean(trained, digits):
    x = digits.floats(slice(0, 500))
    with torch.no_grad():
        found = trained.readout(x)
    blind = ((x - x.mean(0)) / 2).square().mean()
    assert found["squared error"] < 0.5 * blind
    assert found["squared error"] == pytest.approx(float(((trained.decode(trained.encode(x)) - x) / 2).square().mean()), rel=1e-4)
    assert found["squared error of each row"].shape == (8,)
    assert float(found["squared error of each row"].mean()) == pytest.approx(float(found["squared error"]), rel=1e-4)


def test_every_row_tells_a_little_more_of_the_code(trained, digits):
    with torch.no_grad():
        known = trained.readout(digits.floats(slice(0, 500)))["share of the code known after each row"]
    assert known.shape == (8,) and known[0] < 0.3 and known[-1] == pytest.approx(1, abs=1e-4)
    assert known[3] < known[5] < known[7] and ((known >= 0) & (known <= 1)).all()


def test_its_codes_have_unit_scale_and_a_dead_unit_stays_at_one(digits):
    model, x = tiny_model("recurrent"), digits.floats(slice(0, 300))
    with torch.no_grad():
        model.encoder_head.weight[1] = 0
        model.refresh(x)
        codes = model.encode(x)
    assert torch.allclose(codes.mean(0), torch.zeros(3), atol=1e-3) and torch.allclose(codes.std(0), torch.tensor([1.0, 0.0, 1.0]), atol=1e-3)
    assert model.scale[1] == 1


def test_a_step_by_hand_shows_what_is_remembered_on_the_way(digits):
    model, x = tiny_model("recurrent"), digits.floats(slice(0, 5))
    with torch.no_grad():
        shown = dict(model.by_hand(x))
        again = model.decode(model.encode(x))
    assert list(shown) == ["x", "row 4", "memory after row 4", "memory after the last row", "code", "writing memory at row 4", "reconstruction"]
    assert torch.equal(shown["row 4"], x[:, 0, 3]) and torch.allclose(shown["reconstruction"], again, atol=1e-5)
    assert shown["memory after row 4"].shape == (5, 16)


def test_it_learns_drawn_time_series_moment_by_moment():
    series = DATASETS["series"].load("test")
    model = tiny_model("recurrent", image_shape=(1, 32, 32), along="columns", latent_dim=8, hidden=32, writer_hidden=32)
    losses = [float(progress.losses["loss"]) for progress in
              Trainer(model, series, Recipe((Stage(steps=120, rate=1e-2),), batch=64, averaging=0, precision="float32"))]
    assert np.mean(losses[-10:]) < 0.92 * np.mean(losses[:10])
    with torch.no_grad():
        found = model.eval().readout(series.floats(slice(0, 100)))
    assert found["squared error of each column"].shape == found["share of the code known after each column"].shape == (32,)


@pytest.mark.parametrize("values", [{"along": "diagonals"}, {"conditions": ["a"]}, {"hidden": 2}])
def test_a_bad_config_gets_a_sentence(values):
    with pytest.raises(ValueError, match=r"^recurrent config.*\.$"):
        from_dict(MODELS["recurrent"].Config, values)
