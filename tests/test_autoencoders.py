"""What is particular to the sparse, contractive, stacked, linear and stochastic autoencoders: each does what it is named for, and its readout proves it."""

import json

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from torch.autograd.functional import jacobian

from genmodels import card
from genmodels.checkpoint import save_checkpoint
from genmodels.datasets import DATASETS, Images
from genmodels.evaluate.__main__ import main
from genmodels.evaluate.shown import shown
from genmodels.evaluate.subject import Subject
from genmodels.models import LatentModel
from genmodels.models._subspace import Scatter, largest_angle
from genmodels.normal import latents
from genmodels.train.loop import Trainer
from genmodels.train.recipe import Plan, Recipe, Stage

from .conftest import tiny_config, tiny_model
from .evaluate_kit import TEST, TRAIN, solved_pca, with_recipe


@pytest.fixture(scope="module")
def digits() -> Images:
    return DATASETS["digits"].load("train")


@pytest.fixture(scope="module")
def pictures(digits) -> torch.Tensor:
    return digits.floats(slice(0, 300))


def trained(model: LatentModel, digits: Images, *stages: Stage) -> LatentModel:
    trainer = Trainer(model, digits, Recipe(stages, batch=64, averaging=0.9, precision="float32"))
    for _ in trainer:
        pass
    return trainer.snapshot()


def read(model: LatentModel, x: torch.Tensor, begin: str) -> torch.Tensor:
    """The number of a readout whose name begins so."""
    with torch.no_grad():
        [found] = [value for name, value in model.readout(x).items() if name.startswith(begin)]
    return found


@torch.no_grad()
def error_of(model: LatentModel, x: torch.Tensor) -> float:
    """Mean squared error of reconstructions, pixels in [0, 1]."""
    return float(((model.decode(model.encode(x)) - x) / 2).square().mean())


# Sparse


@pytest.mark.parametrize("penalty", ["l1", "kl"])
def test_a_penalty_puts_units_to_sleep_and_the_picture_stays_known(digits, pictures, penalty):
    awake, stage = {}, Stage(steps=400, rate=1e-2)
    for weight in (0.0, 0.5):
        model = trained(tiny_model("sparse", latent_dim=40, penalty=penalty, weight=weight), digits, stage)
        awake[weight] = float(read(model, pictures, "share of active units"))
    mean_picture = float(((pictures - pictures.mean(0)) / 2).square().mean())
    assert awake[0.5] < 0.7 * awake[0.0] and error_of(model, pictures) < 0.6 * mean_picture


def test_kl_holds_the_mean_activity_of_units_at_the_target(digits, pictures):
    model = trained(tiny_model("sparse", latent_dim=40, penalty="kl", weight=20.0, target=0.1), digits, Stage(steps=400, rate=1e-2))
    assert (read(model, pictures, "mean activity") - 0.1).abs().mean() < 0.03


@pytest.mark.parametrize("penalty", ["l1", "kl"])
def test_a_random_latent_wakes_about_as_many_units_as_a_picture_does(digits, penalty):
    model = trained(tiny_model("sparse", latent_dim=40, penalty=penalty, weight=0.5), digits, Stage(steps=200, rate=1e-2))
    z = torch.from_numpy(latents(0, 1000, (40,)))
    with torch.no_grad():
        both = model._code(digits.floats(slice(None))), z * model.scale + model.mean
        of_pictures, of_random = (float(model._activity(sums).sum(1).mean()) for sums in both)
    assert of_random == pytest.approx(of_pictures, rel=0.25)


def test_a_sleeping_unit_adds_nothing_and_a_waking_one_its_stroke(digits):
    model = tiny_model("sparse", latent_dim=6)
    model.refresh(digits.floats(slice(None)))
    asleep = (-model.mean / model.scale)[None] - 0.1
    with torch.no_grad():
        deeper, awake = asleep - 2, asleep.clone()
        awake[0, 2] += 2
        assert torch.equal(model.decode(asleep), model.decode(deeper)) and (model.decode(awake) - model.decode(asleep)).abs().max() > 0.05


def test_with_an_l1_penalty_all_strokes_stay_equally_long(digits):
    model = trained(tiny_model("sparse", latent_dim=10, weight=1.0), digits, Stage(steps=100, rate=1e-2))
    with torch.no_grad():
        one = model._out(torch.eye(10)).flatten(1) - model._out(-torch.ones(1, 10)).flatten(1)
    assert torch.allclose(one.norm(dim=1), torch.tensor(float(model.length)).expand(10), rtol=1e-4)


def test_a_deeper_sparse_autoencoder_looks_with_a_hidden_layer(pictures):
    model = tiny_model("sparse", latent_dim=5, hidden=16)
    assert model.encode(pictures).shape == (300, 5) and len(list(model.looks.parameters())) == 4


# Contractive


def by_autograd(model: LatentModel, x: torch.Tensor) -> torch.Tensor:
    """The Jacobian [B, D, C H W] of the code by pixels in [0, 1], as autograd finds it."""
    return torch.stack([2 * jacobian(lambda one: model.activation(model._code(one[None]))[0], picture).flatten(1) for picture in x])


@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
@pytest.mark.parametrize("hidden", [0, 12], ids=["one layer", "two layers"])
def test_the_jacobian_is_that_of_autograd(pictures, hidden, activation):
    model = tiny_model("contractive", latent_dim=6, hidden=hidden, activation=activation)
    expected = by_autograd(model, pictures[:4])
    assert torch.allclose(model.jacobian(pictures[:4]), expected, atol=1e-5)
    values = read(model, pictures[:4], "spectrum")
    assert torch.allclose(values, torch.linalg.svdvals(expected).mean(0), atol=1e-4) and (values.diff() <= 0).all()
    norm = model.readout(pictures[:4])["mean norm of the Jacobian"]
    assert torch.allclose(norm, expected.flatten(1).norm(dim=1).mean(), rtol=1e-4)


@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_the_penalty_of_one_layer_is_exact_and_so_is_its_gradient(pictures, activation):
    model = tiny_model("contractive", latent_dim=6, hidden=0, activation=activation)
    found, expected = model.jacobian_norm(pictures[:8]), model.jacobian(pictures[:8]).square().sum((1, 2))
    assert torch.allclose(found, expected, rtol=1e-4)
    ours, theirs = (torch.autograd.grad(norm.sum(), model.encoder[0].weight)[0] for norm in (found, expected))
    assert torch.allclose(ours, theirs, rtol=1e-3, atol=1e-5) and torch.allclose(expected, by_autograd(model, pictures[:8]).square().sum((1, 2)), rtol=1e-3)


def test_random_projections_estimate_the_penalty_of_more_layers_and_its_gradient(pictures):
    torch.manual_seed(0)
    model = tiny_model("contractive", latent_dim=6, hidden=12, projections=64)
    estimates = torch.stack([model.jacobian_norm(pictures[:4]) for _ in range(30)])
    expected = model.jacobian(pictures[:4]).square().sum((1, 2))
    assert torch.allclose(estimates.mean(0), expected, rtol=0.05) and (estimates.std(0) / expected).max() < 0.3
    ours, theirs = (torch.autograd.grad(norm.sum(), model.encoder[0].weight)[0] for norm in (estimates.mean(0), expected))
    assert (ours - theirs).norm() < 0.1 * theirs.norm()


@pytest.mark.parametrize("hidden", [0, 24], ids=["exact", "estimated"])
def test_contraction_makes_the_jacobian_small_and_pictures_stay_known(digits, pictures, hidden):
    norm, error = {}, {}
    for weight in (0.0, 0.05):
        model = tiny_model("contractive", latent_dim=16, hidden=hidden, weight=weight, activation="tanh")
        model = trained(model, digits, Stage(steps=400, rate=1e-2))
        norm[weight], error[weight] = float(model.readout(pictures)["mean norm of the Jacobian"]), error_of(model, pictures)
    assert norm[0.05] < 0.7 * norm[0.0] and error[0.05] < error[0.0] + 0.02


# Stacked

GREEDY = tuple(Stage((f"layer{k}",), steps=150, rate=1e-2) for k in (1, 2, 3))
TOGETHER = Stage(("model",), steps=150, rate=1e-2)


def stacked(**changes) -> LatentModel:
    return tiny_model("stacked", sizes=(24, 12, 6), **changes)


def test_a_stage_trains_its_layer_alone_and_fine_tuning_all(digits):
    model = stacked()
    before = [[p.clone() for p in layer.parameters()] for layer in model.layers]
    trained(model, digits, Stage(("layer2",), steps=3))
    changed = [any(not torch.equal(a, b) for a, b in zip(layer.parameters(), old, strict=True)) for layer, old in zip(model.layers, before, strict=True)]
    assert changed == [False, True, False]
    trained(model, digits, Stage(("model",), steps=3))
    assert all(not torch.equal(layer.up.weight, old[0]) for layer, old in zip(model.layers, before, strict=True))


def test_a_layer_learns_from_those_below_it_and_from_no_other(pictures):
    model = stacked()
    terms = model.loss(pictures, None, "layer2")
    terms["loss"].backward()
    assert all(p.grad is None for k in (0, 2) for p in model.layers[k].parameters()) and model.layers[1].up.weight.grad.abs().max() > 0
    with torch.no_grad():
        model.layers[2].up.weight.zero_()
        assert torch.equal(model.loss(pictures, None, "layer2")["loss"], terms["loss"].detach())
        model.layers[0].up.weight.zero_()
        assert not torch.equal(model.loss(pictures, None, "layer2")["loss"], terms["loss"].detach())


def test_layer_after_layer_and_then_together_knows_pictures_better_than_any_before(digits, pictures):
    model, errors = stacked(), []
    for stages in (GREEDY[:1], GREEDY[1:2], GREEDY[2:], (TOGETHER,)):
        errors.append(error_of(model, pictures))
        by_layer = read(model, pictures, "error of pictures")
        model = trained(model.requires_grad_(), digits, *stages)
    before, after = errors[-1], error_of(model, pictures)
    assert before < 0.5 * errors[0] and after < before
    assert len(by_layer) == 3 and np.isclose(float(by_layer[-1]), before, rtol=1e-3) and by_layer[0] < by_layer[-1]


def test_one_recipe_holds_all_stages_and_goes_on_from_the_middle_of_any(digits):
    recipe = Recipe((*(Stage((f"layer{k}",), steps=3) for k in (1, 2, 3)), Stage(("model",), steps=3)), batch=20, precision="float32")
    whole = Trainer(stacked(), digits, recipe)
    for _ in whole:
        pass
    parts = Trainer(stacked(), digits, recipe)
    for _ in range(4):
        for k, _ in enumerate(parts):
            if k == 2:
                break
    for _ in parts:
        pass
    assert parts.step == 12 and all(torch.equal(a, b) for a, b in zip(whole.model.parameters(), parts.model.parameters(), strict=True))


def test_a_stage_for_nobody_is_refused_with_the_names_of_players_and_teams(digits):
    with pytest.raises(ValueError, match=r"no player 'layer4'.* layer1, layer2, layer3, model\.$"):
        next(iter(Trainer(stacked(), digits, Recipe((Stage(("layer4",)),)))))


def test_a_team_is_made_of_players_and_owns_what_they_own():
    model = stacked()
    [(team, names)] = model.teams().items()
    assert set(names) <= set(model.players()) and {id(p) for p in model.taught()[team]} == {id(p) for p in model.parameters()}


def test_a_masked_layer_is_shown_less_only_while_it_learns(pictures):
    model = stacked(masked=0.5)
    assert model.loss(pictures, None, "layer1")["loss"] == model.loss(pictures, None, "layer1")["loss"]
    model.train()
    assert model.loss(pictures, None, "layer1")["loss"] != model.loss(pictures, None, "layer1")["loss"]


@pytest.mark.parametrize("sizes", [[], [4] * 9])
def test_a_stack_of_no_layers_or_of_too_many_is_refused_in_words(sizes):
    with pytest.raises(ValueError, match=r"^stacked config: sizes must have .*\.$"):
        tiny_config("stacked", sizes=tuple(sizes))


# Linear, beside PCA


def angle(model: LatentModel, x: torch.Tensor) -> float:
    return float(read(model, x, "largest angle"))


@pytest.mark.parametrize("tied", [False, True], ids=["untied", "tied"])
def test_the_angle_to_pca_is_none_once_solved_and_large_before(digits, tied):
    model, x = tiny_model("autoencoder", net="linear", latent_dim=4, tied=tied), digits.floats(slice(None))
    before = angle(model, x)
    model.solve(x)
    assert before > 30 and angle(model, x) < 0.05


def test_gradient_steps_reach_the_subspace_of_pca_of_all_training_pictures(digits, pictures):
    model = trained(tiny_model("autoencoder", net="linear", latent_dim=3), digits, Stage(steps=1000, rate=3e-2))
    assert "of the training pictures" in next(iter(model.readout(pictures))) and angle(model, pictures) < 5
    model.main_axes = None  # as in a checkpoint: nothing is known but the pictures at hand
    assert "of these pictures" in next(iter(model.readout(pictures)))


def test_axes_from_parts_are_those_of_scikit_learn(digits):
    x = digits.floats(slice(None))
    axes = Scatter(64).of(x.split(100)).axes(5)
    expected = PCA(5).fit(x.flatten(1).double().numpy()).components_
    assert largest_angle(axes, torch.from_numpy(expected.T).float()) < 0.05


def test_the_angle_between_subspaces_is_the_known_one_whatever_their_bases():
    a, b = torch.eye(5)[:, :2], torch.eye(5)[:, :2].clone()
    b[:, 1] = torch.tensor([0, np.cos(0.001), np.sin(0.001), 0, 0])
    assert largest_angle(a, a @ torch.tensor([[2.0, 1], [0, 3]])) < 1e-4
    assert np.isclose(float(largest_angle(a, b @ torch.tensor([[1.0, 4], [1, -1]]))), np.rad2deg(0.001), rtol=1e-3)


def test_what_it_knows_of_the_training_pictures_stays_out_of_checkpoints(digits, tmp_path):
    model = trained(tiny_model("autoencoder", net="linear"), digits, Stage(steps=1))
    assert not any("axes" in name for name in model.state_dict())
    assert save_checkpoint(model, tmp_path / "linear", Plan("autoencoder", "digits", model.config).to_json()).load().main_axes is None


# With a stochastic decoder


@pytest.mark.parametrize("error", ["gaussian", "cross-entropy"])
def test_a_stochastic_decoder_learns_how_far_pictures_scatter_around_what_it_says(digits, pictures, error):
    model = trained(tiny_model("autoencoder", error=error, net="mlp"), digits, Stage(steps=400, rate=5e-3))
    torch.manual_seed(0)
    with torch.no_grad():
        said, found, drawn = model.readout(pictures).values()
    if error == "gaussian":
        assert found == pytest.approx(float(said), rel=0.2) and 0.6 < drawn / said < 1  # draws are cut to black and white
    else:
        assert drawn == pytest.approx(float(said), rel=0.1) and found < said  # grey pixels are no coins


def test_a_decoder_is_surer_of_pixels_that_are_always_black(digits, pictures):
    model = trained(tiny_model("autoencoder", error="gaussian"), digits, Stage(steps=300, rate=3e-3))
    with torch.no_grad():
        _, spread = model._distribution(model._code(pictures))
    truth = pictures.std(0).flatten()
    assert spread.mean(0).flatten()[truth < 0.05].mean() < 0.5 * spread.mean(0).flatten()[truth > 0.5].mean()


def test_pictures_are_drawn_around_the_mean_and_decode_gives_the_mean():
    torch.manual_seed(0)
    z = torch.from_numpy(latents(0, 1, (3,)))
    coins, gauss = (tiny_model("autoencoder", error=error) for error in ("cross-entropy", "gaussian"))
    with torch.no_grad():
        many = coins.drawn(z.expand(4000, 3))
        assert set(many.unique().tolist()) == {-1.0, 1.0} and (many.mean(0) - coins.decode(z)[0]).abs().max() < 0.1
        assert torch.equal(gauss.decode(z), gauss.decode(z)) and not torch.equal(gauss.drawn(z), gauss.drawn(z))


def test_a_step_by_hand_shows_what_the_decoder_is_unsure_of_and_a_draw(pictures):
    names = [name for name, _ in tiny_model("autoencoder", error="gaussian").by_hand(pictures[:3])]
    assert names[-2:] == ["spread of each pixel, white is 1", "drawn"]
    assert [name for name, _ in tiny_model("autoencoder", corruption="gaussian").by_hand(pictures[:3])] == ["x", "corrupted", "code", "reconstruction"]


@pytest.mark.parametrize("values", [{"tied": True, "net": "mlp"}, {"net": "linear"}])
def test_a_decoder_that_cannot_say_two_numbers_of_a_pixel_is_refused_in_words(values):
    with pytest.raises(ValueError, match=r"two numbers of each pixel.*\.$"):
        tiny_config("autoencoder", error="gaussian", **values)
    with pytest.raises(ValueError, match="cross-entropy or gaussian"):
        tiny_model("autoencoder").drawn(torch.zeros(1, 3))


# What evaluation keeps of it


def test_what_a_family_shows_is_measured_on_test_pictures_and_told_in_the_card():
    model = tiny_model("sparse", latent_dim=7)
    model.refresh(TRAIN.floats(slice(None)))
    found = shown(Subject(model, TEST), TRAIN)
    assert found["pictures"] == len(TEST) and len(found["numbers"]["mean activity of each unit"]) == 7
    share = float(read(model, TEST.floats(slice(None)), "share of active units"))
    assert np.isclose(found["numbers"]["share of active units"], share, rtol=1e-5)
    heading, first, _, third, _ = card.shown({"shown": found})
    assert heading == ["readout", "value"] and first == ["share of active units", f"{share:.4g}"]
    assert third[0].endswith("each unit is active (7)") and "in the middle" in third[1]
    assert shown(Subject(tiny_model("autoencoder"), TEST), TRAIN) == {} and card.shown({}) == []


def test_evaluation_lets_a_linear_model_meet_the_training_pictures():
    [name] = shown(Subject(solved_pca(), TEST), TRAIN)["numbers"]
    assert "of the training pictures" in name


def test_what_a_family_shows_is_measured_alone_once_the_rest_is(tmp_path, capsys):
    checkpoint = with_recipe(solved_pca(), tmp_path / "digits-pca")
    assert main(["digits-pca", "--shown", "--checkpoints", str(tmp_path), "--device", "cpu"]) == 2
    assert "was never measured" in capsys.readouterr().err
    (checkpoint.folder / "metrics.json").write_text(json.dumps({"mse": 0.5, "pictures": 10, "weights": checkpoint.hash}))
    begin, end = card.marks("measured")
    (checkpoint.folder / "README.md").write_text("\n".join([begin, end, *card.marks("trained")]))
    assert main(["digits-pca", "--shown", "--checkpoints", str(tmp_path), "--device", "cpu"]) == 0
    found = checkpoint.metrics()
    assert found["mse"] == 0.5 and found["shown"]["pictures"] == len(TEST)
    assert "largest angle to the PCA subspace" in (checkpoint.folder / "README.md").read_text() and "largest angle" in capsys.readouterr().out
