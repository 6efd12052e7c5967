"""The vector-quantised autoencoder: nearest codes, a gradient past the choice, codes that follow their pictures, and dead ones that begin anew."""

from math import log

import pytest
import torch

from genmodels.checkpoint import Checkpoint
from genmodels.datasets import DATASETS
from genmodels.knobs import from_dict
from genmodels.models import MODELS
from genmodels.models.vq import perplexity
from genmodels.train.loop import Trainer
from genmodels.train.recipe import Recipe, Stage

from .conftest import save_tiny, tiny_model


@pytest.fixture(scope="module")
def digits():
    return DATASETS["digits"].load("train")


def trained(digits, steps: int = 200, **changes):
    model = tiny_model("vq", **({"codes": 16, "halvings": 1} | changes))
    for _ in Trainer(model, digits, Recipe((Stage(steps=steps, rate=3e-3),), batch=64, averaging=0, precision="float32")):
        pass
    return model.eval()


@pytest.fixture(scope="module")
def model(digits):
    """One that has learned for a moment."""
    return trained(digits)


def test_each_place_takes_the_nearest_code(model, digits):
    with torch.no_grad():
        code = model._encoded(digits.floats(slice(0, 20)))
        numbers = model.numbers(code)
    apart = torch.cdist(code.permute(0, 2, 3, 1).flatten(0, 2), model.codebook)
    assert torch.equal(apart.argmin(1).view(20, 4, 4), numbers)
    assert torch.equal(model._codes_at(numbers)[3, :, 2, 1], model.codebook[numbers[3, 2, 1]])


def test_decoding_quantises_so_that_codes_nearby_make_the_same_picture(model, digits):
    with torch.no_grad():
        z = model.encode(digits.floats(slice(0, 10)))
        exact = (model._codes_at(model.numbers(model._encoded(digits.floats(slice(0, 10))))) - model.mean[:, None, None]) / model.scale[:, None, None]
        assert torch.allclose(model.decode(z), model.decode(exact), atol=1e-5)
        assert torch.allclose(model.decode(exact), model.decode(exact + 1e-4), atol=1e-6)


def test_between_two_pictures_every_place_changes_its_code_at_some_moment(model, digits):
    with torch.no_grad():
        a, b = model.encode(digits.floats(slice(0, 2)))
        made = [model.decode((a + (b - a) * t)[None]) for t in (0.0, 0.25, 0.5, 0.75, 1.0)]
    steps = [float((one - other).abs().max()) for one, other in zip(made, made[1:], strict=False)]
    assert sum(step > 0.01 for step in steps) >= 2, "it is no jump at one moment"


def test_a_gradient_runs_past_the_choice_to_the_encoder(digits):
    model, x = tiny_model("vq", halvings=1, commitment=0.0).train(), digits.floats(slice(0, 8))
    model.loss(x)["loss"].backward()
    assert all(p.grad.abs().max() > 0 for p in model.encoder[-1].parameters())
    z = model.eval().encode(x).detach().requires_grad_()
    model.decode(z).sum().backward()
    assert z.grad.abs().max() > 0


def test_codes_are_drawn_from_the_data_before_the_first_step(digits):
    model, x = tiny_model("vq", halvings=1, codes=8, decay=0.9999).train(), digits.floats(slice(0, 64))
    with torch.no_grad():
        encoded = model._encoded(x).permute(0, 2, 3, 1).flatten(0, 2)
        model.loss(x)
    assert torch.cdist(model.codebook, encoded).min(1).values.max() < 0.01


def test_codes_follow_the_mean_of_what_they_stand_for(digits):
    model, x = tiny_model("vq", halvings=1, codes=4, decay=0.5, restarts=False).train(), digits.floats(slice(0, 64))
    with torch.no_grad():
        for _ in range(60):
            model.loss(x)
        code = model._encoded(x)
        numbers, flat = model.numbers(code).flatten(), code.permute(0, 2, 3, 1).flatten(0, 2)
        means = torch.stack([flat[numbers == k].mean(0) for k in range(4)])
    assert torch.allclose(model.codebook, means, atol=0.02)


def test_a_dead_code_begins_anew_unless_it_may_not_and_the_same_way_in_every_training(digits):
    x = digits.floats(slice(0, 64))
    found = {}
    for restarts in (True, False):
        model = tiny_model("vq", halvings=1, restarts=restarts).train()
        with torch.no_grad():
            model.loss(x)
            model.codebook[5] = model.sums[5] = 100.0
            model.used[5] = 1e-3
            torch.manual_seed(3)
            model.loss(x)
            found[restarts] = model.codebook[5].clone()
    assert found[True].abs().max() < 20 < found[False].abs().max()
    again = [trained(digits, steps=20).codebook for _ in range(2)]
    assert torch.equal(*again)


def test_measuring_moves_no_code(model, digits):
    before = model.codebook.clone()
    with torch.no_grad():
        model.loss(digits.floats(slice(0, 64)))
        model.by_hand(digits.floats(slice(0, 4)))
        model.readout(digits.floats(slice(0, 64)))
    assert torch.equal(model.codebook, before)


def test_a_readout_tells_how_many_codes_are_used_and_how_evenly(model, digits):
    x = digits.floats(slice(0, 300))
    with torch.no_grad():
        found, numbers = model.readout(x), model.numbers(model._encoded(x))
    use = found["use of each code, most used first"]
    assert use.shape == (16,) and use.sum() == pytest.approx(1, abs=1e-5) and (use.diff() <= 0).all()
    assert found["share of dead codes"] == pytest.approx(1 - len(numbers.unique()) / 16)
    assert 1 < found["perplexity, codes"] <= 16 and found["squared error"] < 0.05


def test_perplexity_counts_codes_that_are_used_alike():
    assert perplexity(torch.tensor([0.25, 0.25, 0.25, 0.25, 0.0])) == pytest.approx(4)
    assert perplexity(torch.tensor([1.0, 0.0])) == pytest.approx(1)
    assert perplexity(torch.tensor([0.5, 0.25, 0.25])).log() == pytest.approx(1.5 * log(2))


def test_restarts_leave_fewer_codes_dead(digits):
    dead = {}
    for restarts in (True, False):
        model = trained(digits, codes=64, restarts=restarts)
        with torch.no_grad():
            dead[restarts] = model.readout(digits.floats(slice(0, 500)))["share of dead codes"].item()
    assert dead[True] < 0.25 and dead[True] <= dead[False]


def test_a_stored_model_chooses_the_same_codes(digits, tmp_path):
    model, x = trained(digits, steps=60), digits.floats(slice(0, 200))
    model.refresh(x)
    loaded = Checkpoint(save_tiny(model, tmp_path / "vq").folder).load()
    with torch.no_grad():
        assert torch.equal(loaded.codebook, model.codebook) and not hasattr(loaded, "used")
        changed = loaded.numbers(loaded._encoded(x)) != model.numbers(model._encoded(x))
    assert changed.float().mean() < 0.01


@pytest.mark.parametrize("values", [{"halvings": 3}, {"image_shape": [1, 30, 30]}, {"codes": 1}, {"conditions": ["a"]}])
def test_a_bad_config_gets_a_sentence(values):
    with pytest.raises(ValueError, match=r"^vq config.*\.$"):
        from_dict(MODELS["vq"].Config, values)
