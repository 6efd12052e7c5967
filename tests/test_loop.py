"""The training loop: it resumes exactly, averages, survives bad losses and little memory."""

import json
from dataclasses import dataclass, replace

import pytest
import torch
from sklearn.decomposition import PCA
from torch import nn

from genmodels.datasets import DATASETS
from genmodels.datasets._base import Images
from genmodels.models import MODELS, Trainable
from genmodels.train.loop import CannotGoOn, Diverged, Trainer, has_bfloat16
from genmodels.train.recipe import Recipe, Stage, plan_from
from genmodels.train.state import load_state, save_state

from .conftest import DIGITS

PICTURES = DATASETS["digits"].load("train")
TWO_STAGES = Recipe((Stage(steps=14, rate=3e-3), Stage(steps=10, rate=1e-3, schedule="constant")), batch=100, precision="float32")


def autoencoder(**config) -> Trainable:
    torch.manual_seed(0)
    return MODELS["autoencoder"](MODELS["autoencoder"].Config(image_shape=(1, 8, 8), width=4, hidden=8, **config))


def vae(**config) -> Trainable:
    torch.manual_seed(0)
    return MODELS["vae"](MODELS["vae"].Config(image_shape=(1, 8, 8), width=4, hidden=8, conditions=DIGITS, **config))


def losses(trainer: Trainer, steps: int | None = None) -> list[float]:
    found = []
    for progress in trainer:
        found.append(float(progress.losses["loss"]))
        if len(found) == steps:
            break
    return found


@dataclass(frozen=True)
class Config:
    image_shape: tuple[int, ...] = (1, 8, 8)
    conditions: tuple[str, ...] = ()


class Normed(Trainable):
    """A tiny net with batch norm, whose loss can be made to fail at chosen steps."""

    Config = Config

    def __init__(self):
        super().__init__(Config())
        self.net = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(64), nn.Linear(64, 1))
        self.calls, self.bad, self.fits = 0, (), 10_000

    def loss(self, x, y=None, player="model"):
        if len(x) > self.fits:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        self.calls += 1
        loss = (self.net(x) - 1).square().mean()
        return {"loss": loss * float("nan") if self.calls in self.bad else loss}


def normed(**changes) -> Normed:
    torch.manual_seed(0)
    model = Normed()
    vars(model).update(changes)
    return model


PRECISIONS = ["float32", pytest.param("bfloat16", marks=pytest.mark.skipif(
    not has_bfloat16(torch.device("cpu")), reason="this processor has no bfloat16"))]


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("make", [autoencoder, vae])
@pytest.mark.parametrize("stopped_at", [1, 13, 14, 15, 20])  # an epoch ends within step 14, a stage after it
def test_a_resumed_training_has_the_loss_curve_of_an_uninterrupted_one(make, stopped_at, precision, tmp_path):
    recipe = replace(TWO_STAGES, precision=precision)
    whole = losses(Trainer(make(), PICTURES, recipe))
    first = Trainer(make(), PICTURES, recipe)
    begun = losses(first, stopped_at)
    save_state(tmp_path / "state", first)
    torch.rand(7)  # somebody else uses the generator
    second = Trainer(make(), PICTURES, recipe)
    assert load_state(tmp_path / "state", second) and second.step == stopped_at and second.half == (precision == "bfloat16")
    assert begun + losses(second) == pytest.approx(whole, abs=1e-6) and len(whole) == 24


@pytest.mark.parametrize("precision", PRECISIONS)
def test_resumed_weights_and_averages_equal_uninterrupted_ones(precision, tmp_path):
    whole, first, second = (Trainer(vae(), PICTURES, replace(TWO_STAGES, precision=precision)) for _ in range(3))
    losses(whole)
    losses(first, 5)
    save_state(tmp_path / "state", first)
    load_state(tmp_path / "state", second)
    losses(second)
    for part in ("model", "average"):
        resumed = getattr(second, part).state_dict()
        for name, tensor in getattr(whole, part).state_dict().items():
            torch.testing.assert_close(resumed[name], tensor, atol=1e-6, rtol=1e-5)


def test_a_damaged_state_falls_back_to_the_older_one(tmp_path):
    trainer = Trainer(autoencoder(), PICTURES, TWO_STAGES)
    for steps in (3, 2, 2):
        losses(trainer, steps)
        save_state(tmp_path / "state", trainer)
    older, newer = sorted((tmp_path / "state").iterdir())
    newer.write_bytes(newer.read_bytes()[:-100] + bytes(100))
    resumed = Trainer(autoencoder(), PICTURES, TWO_STAGES)
    assert load_state(tmp_path / "state", resumed) and resumed.step == 5 and not newer.exists()  # else it would be the older one of the next
    older.write_bytes(b"")
    assert not load_state(tmp_path / "state", resumed)


def test_the_averaged_model_follows_weights_and_buffers():
    trainer = Trainer(normed(), PICTURES, Recipe((Stage(steps=30, rate=1e-2),), batch=50, averaging=0.5))
    start = {name: tensor.clone() for name, tensor in trainer.average.state_dict().items()}
    losses(trainer)
    average, model = trainer.snapshot().state_dict(), trainer.model.state_dict()
    for name in ("net.1.running_mean", "net.1.running_var", "net.2.weight"):
        assert not torch.allclose(average[name], start[name], atol=1e-3)
        assert (average[name] - model[name]).abs().max() < (start[name] - model[name]).abs().max()
    assert average["net.1.num_batches_tracked"] == model["net.1.num_batches_tracked"] == 30


def test_an_average_of_zero_is_the_model_itself():
    trainer = Trainer(autoencoder(), PICTURES, Recipe((Stage(steps=3),), averaging=0.0))
    losses(trainer)
    torch.testing.assert_close(trainer.average.decoder.state_dict(), trainer.model.decoder.state_dict())


def test_the_closed_form_stage_reconstructs_like_pca():
    trainer = Trainer(autoencoder(net="linear", latent_dim=6), PICTURES, Recipe((Stage(steps=1, method="closed form"),)))
    *_, last = trainer
    x = PICTURES.floats(slice(None))
    with torch.no_grad():
        ours = trainer.snapshot().decode(trainer.average.encode(x)).flatten(1)
    pca = PCA(6, svd_solver="full").fit(x.flatten(1).double().numpy())
    theirs = torch.from_numpy(pca.inverse_transform(pca.transform(x.flatten(1).double().numpy()))).float()
    torch.testing.assert_close(ours, theirs, atol=2e-4, rtol=0)
    assert last.step == 1


def test_every_picture_comes_once_per_epoch_in_an_order_of_its_own():
    few = Images(PICTURES.pixels[:30], PICTURES.labels[:30], PICTURES.classes)
    trainer = Trainer(autoencoder(), few, Recipe((Stage(steps=6),), batch=10))
    epochs = []
    for first in (0, 3):
        drawn = []
        for trainer.step in range(first, first + 3):
            drawn += trainer._batch().tolist()
        epochs.append(drawn)
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(30)) and epochs[0] != epochs[1]


def test_one_or_two_bad_losses_are_skipped():
    trainer = Trainer(normed(bad=(3, 4)), PICTURES, Recipe((Stage(steps=6),)))
    before = {}
    for progress in trainer:
        weights = trainer.model.net[2].weight.detach().clone()
        assert progress.step not in (3, 4) or torch.equal(weights, before[progress.step - 1])
        before[progress.step] = weights
    assert trainer.step == 6 and not torch.equal(before[5], before[4])


def test_bad_losses_that_are_read_late_end_the_loop_too():
    trainer = Trainer(normed(bad=(4, 5, 6)), PICTURES, Recipe((Stage(steps=6),)))
    read = trainer._read
    trainer._read = lambda late: read(1 if trainer.step < 6 else late)  # as on a GPU: the last step is looked at when the loop ends
    with pytest.raises(Diverged, match="smaller learning rate"):
        losses(trainer)
    assert trainer.step == 6


def test_three_bad_losses_in_a_row_end_the_loop_with_advice():
    trainer = Trainer(normed(bad=(3, 4, 5)), PICTURES, Recipe((Stage(steps=9),)))
    with pytest.raises(Diverged, match="smaller learning rate"):
        losses(trainer)


def test_weights_that_are_not_numbers_are_never_saved(tmp_path):
    trainer = Trainer(autoencoder(), PICTURES, TWO_STAGES)
    with torch.no_grad():
        next(trainer.model.parameters()).fill_(float("nan"))
    with pytest.raises(Diverged):
        save_state(tmp_path / "state", trainer)
    assert not (tmp_path / "state").exists()


def test_a_batch_that_does_not_fit_goes_through_in_halves_with_the_same_result():
    def net(fits):
        torch.manual_seed(0)
        model = autoencoder()
        whole = model.loss

        def loss(x, y=None, player="model"):
            if len(x) > fits:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            return whole(x, y, player)

        model.loss = loss
        return model

    recipe = Recipe((Stage(steps=5),), batch=64, precision="float32")
    assert losses(Trainer(net(32), PICTURES, recipe)) == pytest.approx(losses(Trainer(net(64), PICTURES, recipe)), rel=1e-4)
    with pytest.raises(CannotGoOn, match="not enough memory"):
        losses(Trainer(net(16), PICTURES, recipe))


@pytest.mark.parametrize("change, sentence", [
    ({"recipe": []}, "stages must be a list"),
    ({"recipe": {"stages": []}}, "at least one"),
    ({"recipe": {"stages": [{"method": "closed form"}]}}, "no closed-form"),
    ({"recipe": {"stages": [{"rate": float("nan")}]}}, "rate must be a number"),
    ({"licence": 7}, "short name"),
])
def test_a_bad_recipe_gets_a_sentence(change, sentence):
    good = {"format": 1, "family": "vae", "dataset": "digits", "model": {"image_shape": [1, 8, 8]}}
    assert plan_from(json.loads(json.dumps(plan_from(good).to_json()))) == plan_from(good)
    with pytest.raises(ValueError, match=sentence):
        plan_from(good | change)


def test_an_unknown_player_gets_a_sentence():
    with pytest.raises(ValueError, match="no player 'critic'.* model"):
        losses(Trainer(autoencoder(), PICTURES, Recipe((Stage(players=("critic",)),))))


def test_a_stage_builds_on_the_averaged_weights_of_the_one_before():
    trainer = Trainer(autoencoder(), PICTURES, replace(TWO_STAGES, averaging=0.9))
    for progress in trainer:
        weights = [[t.clone() for t in module.parameters()] for module in (trainer.model, trainer.average)]
        same = all(torch.equal(a, b) for a, b in zip(*weights, strict=True))
        assert same == (progress.step == 14), progress.step


def test_mirrored_pictures_are_seen_as_often_as_others():
    x = torch.zeros(100, 1, 8, 8, dtype=torch.uint8)
    x[..., 0] = 255  # a bright left edge
    seen = []

    class Looking(Normed):
        def loss(self, x, y=None, player="model"):
            seen.append(x)
            return super().loss(x, y, player)

    for _ in Trainer(Looking(), Images(x, torch.zeros(100, dtype=torch.int64), ("a", "b")), Recipe((Stage(steps=3),), batch=100, flip=True)):
        pass
    left = (torch.cat(seen)[:, 0, :, 0] > 0).all(1).float().mean()
    assert 0.35 < left < 0.65
