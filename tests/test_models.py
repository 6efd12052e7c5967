"""What every model family promises; a new file in models/ is tested here without a new test."""

import json
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from torch.distributions import Normal

import genmodels.models
from genmodels.datasets import DATASETS
from genmodels.knobs import check, from_dict
from genmodels.models import ABILITIES, MODELS, LatentModel, the_model_in
from genmodels.normal import latents
from genmodels.registry import modules_in
from genmodels.train.loop import Trainer
from genmodels.train.recipe import Recipe, Stage

from .conftest import DIGITS, tiny_config, tiny_model


def prior(model: LatentModel, n: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(latents(seed, n, model.latent_shape))


def pictures(n: int = 8) -> torch.Tensor:
    return DATASETS["digits"].load("train").floats(slice(0, n))


def one_hot(n: int) -> torch.Tensor:
    return torch.eye(10)[torch.arange(n) % 10]


# Decoding


def test_decode_gives_a_picture_for_each_latent(model):
    for n in (1, 5):
        x = model.decode(prior(model, n))
        assert x.shape == (n, *model.image_shape) and x.dtype == torch.float32


def test_decoded_pictures_stay_between_black_and_white(model):
    if getattr(model.config, "net", "") == "linear" or model.can("log_prob"):
        pytest.skip("a linear model may overshoot, and an exact one must, by its margin: what is cut off cannot be encoded again")
    x = model.decode(10 * prior(model, 64))
    assert x.min() >= -1 and x.max() <= 1


def test_the_same_latent_gives_the_same_picture_whoever_stands_beside_it(model):
    z = prior(model, 6)
    alone = torch.cat([model.decode(z[k:k + 1]) for k in range(6)])
    assert torch.allclose(model.decode(z), alone, atol=1e-5)


def test_another_latent_gives_another_picture(model):
    a, b = model.decode(prior(model, 2))
    assert (a - b).abs().max() > 1e-4


# Learning


def test_every_parameter_has_a_player_and_a_gradient(model):
    model.train()
    owned = [id(p) for parameters in model.players().values() for p in parameters]
    assert len(owned) == len(set(owned)) and set(owned) == {id(p) for p in model.parameters()}
    for player in model.players():
        model.zero_grad()
        model.loss(pictures(), one_hot(8) if model.conditions else None, player)["loss"].backward()
        for p in model.players()[player]:
            assert p.grad is not None and p.grad.isfinite().all()


def test_teams_are_made_of_players_and_a_family_s_own_stages_name_whom_it_has(model):
    assert all(set(names) <= set(model.players()) for names in model.teams().values())
    assert all(set(stage["players"]) <= set(model.taught()) for stage in model.STAGES)


def test_the_loss_is_one_finite_number_with_named_parts(model):
    for player in model.players():
        terms = model.loss(pictures(), None, player)
        assert "loss" in terms and all(value.ndim == 0 and value.isfinite() for value in terms.values())


def test_training_lowers_the_loss(family):
    model = tiny_model(family)
    recipe = Recipe((Stage(tuple(model.players()), steps=60, rate=3e-3),), batch=64, averaging=0.9, precision="float32")
    losses = [progress.losses for progress in Trainer(model, DATASETS["digits"].load("train"), recipe)]
    assert np.isfinite([float(value) for terms in losses for value in terms.values()]).all() and len(losses) == 60
    if len(model.players()) == 1:  # players in a game need not go down
        first, last = ([float(terms["loss"]) for terms in part] for part in (losses[:10], losses[-10:]))
        assert np.mean(last) < 0.9 * np.mean(first)


# Encoding


def test_codes_and_posteriors_have_the_shape_of_latents(model):
    x = pictures(3)
    if model.can("encode"):
        assert model.encode(x).shape == (3, *model.latent_shape)
    if model.can("posterior"):
        q = model.posterior(x)
        assert isinstance(q, Normal) and q.mean.shape == q.stddev.shape == (3, *model.latent_shape) and (q.stddev > 0).all()
        assert torch.equal(model.encode(x), q.mean)


def test_a_refreshed_autoencoder_has_codes_of_unit_scale_and_dead_units_stay_at_one():
    model = tiny_model("autoencoder")
    with torch.no_grad():
        model.encoder.head[-1].weight[1] = 0  # unit 1 says the same of every picture
    x = pictures(500)
    model.refresh(x)
    codes = model.encode(x)
    assert torch.allclose(codes.mean(0), torch.zeros(3), atol=1e-3)
    assert torch.allclose(codes.std(0), torch.tensor([1.0, 0.0, 1.0]), atol=1e-3) and model.scale[1] == 1


def test_refreshing_changes_no_reconstruction(model):
    if model.can("encode"):
        x = pictures(64)
        if any(isinstance(part, torch.nn.BatchNorm2d) for part in model.modules()):
            model.refresh(x)  # batch statistics are measured once; measured again with the same weights they are the same
        before = model.decode(model.encode(x))
        model.refresh(x)
        assert torch.allclose(model.decode(model.encode(x)), before, atol=1e-4)


# What a family offers


def test_abilities_are_asked_of_the_class_and_load_nothing(family):
    answers = {ability: MODELS[family].can(ability) for ability in ABILITIES}
    assert set(answers.values()) <= {True, False}
    model = tiny_model(family)
    x, z = pictures(2), prior(model, 2)
    for ability, given in {"encode": (x,), "posterior": (x,), "log_likelihood": (x, z), "log_prob": (x,), "score": (x,)}.items():
        if not answers[ability]:
            with pytest.raises(NotImplementedError):
                getattr(model, ability)(*given)


def test_a_likelihood_is_one_number_for_each_picture(model):
    if model.can("log_likelihood"):
        found = model.log_likelihood(pictures(3), prior(model, 3))
        assert found.shape == (3,) and found.isfinite().all()
    if model.can("log_prob"):
        found = model.log_prob(pictures(3))
        assert found.shape == (3,) and found.isfinite().all()


def test_readouts_are_finite_scalars_and_vectors_with_names(model):
    with torch.no_grad():
        found = model.readout(pictures(32), one_hot(32) if model.conditions else None)
    assert all(name and value.ndim <= 1 and value.isfinite().all() for name, value in found.items())


def test_a_step_by_hand_shows_the_pictures_first_and_then_finite_quantities_of_each(model):
    x = pictures(4)
    for player in model.players():
        (name, first), *rest = model.by_hand(x, None, player)
        assert name and torch.equal(first, x) and (rest or not model.can("encode"))
        assert all(name and len(value) == 4 and value.ndim in (2, 4) and value.isfinite().all() for name, value in rest)


def test_what_a_family_cannot_do_has_a_sentence():
    assert all(sentence.endswith(".") and len(sentence.split()) > 5 for sentence in ABILITIES.values())


def test_a_new_file_in_models_is_a_family(tmp_path, monkeypatch):
    (tmp_path / "newcomer.py").write_text("from genmodels.models._base import LatentModel\nclass Newcomer(LatentModel): ...\n")
    monkeypatch.setattr(genmodels.models, "__path__", [*genmodels.models.__path__, str(tmp_path)])
    found = {name: the_model_in(module).__name__ for name, module in modules_in(genmodels.models).items()}
    assert found["newcomer"] == "Newcomer" and set(found) == {*MODELS, "newcomer"}


# Conditions


def test_a_condition_changes_the_picture(conditional):
    z = prior(conditional, 1).expand(2, *conditional.latent_shape)
    three, seven = conditional.decode(z, one_hot(10)[[3, 7]])
    assert (three - seven).abs().max() > 1e-5


def test_a_conditional_model_works_when_nothing_is_said(conditional):
    z = prior(conditional, 4)
    assert torch.allclose(conditional.decode(z), conditional.decode(z, torch.zeros(4, 10)), atol=1e-6)
    conditional.train()
    assert conditional.loss(pictures(), None)["loss"].isfinite()


def test_an_unconditional_model_ignores_what_is_said(model):
    z = prior(model, 4)
    assert torch.equal(model.decode(z), model.decode(z, one_hot(4)))


# Configs


def test_every_field_of_a_config_has_help_and_a_default_that_fits(family):
    config = MODELS[family].Config()
    assert check(config) == config
    for f in fields(config):
        assert f.metadata.get("help") or f.name == "conditions", f"{family}: {f.name} has no help"


def test_a_config_comes_back_from_json(family):
    config = tiny_config(family)
    assert from_dict(MODELS[family].Config, json.loads(json.dumps({f.name: getattr(config, f.name) for f in fields(config)}))) == config


def test_numbers_outside_their_range_are_refused_in_words(family):
    config, tried = tiny_config(family), 0
    for f in fields(config):
        if f.type in (int, float):
            for bad in (f.metadata["high"] + 1, f.metadata["low"] - 1, float("nan"), "many", True, None):
                with pytest.raises(ValueError, match=f"{f.name} must be .*\\.$"):
                    check(replace(config, **{f.name: bad}))
                tried += 1
    assert tried


@pytest.mark.parametrize("values", [{"net": "cubic"}, {"latent_dim": 10**6}, {"image_shape": [1, 8]}, {"image_shape": [1, 8, 10**5]},
                                    {"nonsense": 1}, [], {"tied": 1}, {"tied": True, "net": "conv"}, {"net": "linear", "error": "cross-entropy"},
                                    {"conditions": ["a"]}])
def test_a_bad_autoencoder_config_gets_a_sentence(values):
    with pytest.raises(ValueError, match=r"^autoencoder config.*\.$"):
        from_dict(MODELS["autoencoder"].Config, values)


@pytest.mark.parametrize("values", [{"beta": -1}, {"latent_dim": 1025}, {"likelihood": "poisson"}, {"conditions": "cat"}, {"conditions": [3]}])
def test_a_bad_vae_config_gets_a_sentence(values):
    with pytest.raises(ValueError, match=r"^vae config.*\.$"):
        from_dict(MODELS["vae"].Config, values)


def test_pictures_that_are_not_square_get_a_sentence(family):
    with pytest.raises(ValueError, match=rf"^{family} config: image_shape must be .* square pictures, not 8x16\.$"):
        from_dict(MODELS[family].Config, {"image_shape": [1, 8, 16]})


def test_the_classes_of_a_dataset_can_be_conditions(conditional):
    assert conditional.conditions == DIGITS == DATASETS["digits"].CLASSES
