"""The form of a training: every knob of every family is there by itself, with the range that is enforced; data sets, sizes, presets."""

import json
from dataclasses import dataclass, fields

import pytest
import torch

from genmodels.datasets import DATASETS
from genmodels.knobs import knob
from genmodels.models import MODELS
from genmodels.train import caps
from genmodels.train.caps import MOST_PARAMETERS, MOST_STEPS, PER_OWNER
from genmodels.train.loop import Trainer
from genmodels.train.measuring import noise
from genmodels.train.presets import SHAPES, presets
from genmodels.train.recipe import Recipe, Stage, plan_from
from genmodels.train.sizes import SIZES, sizes
from genmodels.ui.live.trainform import drawn, form

LEARNS = [name for name, model in MODELS.items() if model.learns()]


@pytest.fixture(scope="module")
def said(tmp_path_factory) -> dict:
    """The form as a page gets it, of a server whose folder of pictures is empty."""
    return json.loads(json.dumps(form(tmp_path_factory.mktemp("pictures"), "CPU"), allow_nan=False))


def family(said: dict, name: str) -> dict:
    [found] = [one for one in said["families"] if one["id"] == name]
    return found


@pytest.mark.parametrize("name", LEARNS)
def test_every_knob_of_every_family_is_a_field_with_its_help_and_range(said, name):
    shown = {field["name"]: field for field in family(said, name)["fields"]}
    knobs = [field for field in fields(MODELS[name].Config) if field.metadata]  # what has none is not for a person to choose
    assert list(shown) == [field.name for field in knobs]
    for field in knobs:
        one = shown[field.name]
        assert one["help"] and (one["low"], one["high"]) == (field.metadata["low"], field.metadata["high"])
        assert one["default"] == (list(field.default) if isinstance(field.default, tuple) else field.default)
        assert one["kind"] in ("int", "float", "bool", "str", "choice", "list") and (one["kind"] != "choice" or one["default"] in one["choices"])
        assert one["data"] == (field.name in ("image_shape", "conditions", "reads"))


@pytest.mark.parametrize("name", LEARNS)
def test_a_family_says_its_title_who_learns_and_a_plan_of_its_defaults_is_one(said, name):
    found = family(said, name)
    assert found["title"] and found["players"]
    model = {field["name"]: field["default"] for field in found["fields"]}
    stage = {field["name"]: field["default"] for field in said["stage"]} | {"players": found["players"]}
    recipe = {field["name"]: field["default"] for field in said["recipe"]} | {"stages": [stage]}
    assert plan_from({"format": 1, "family": name, "dataset": "mnist", "model": model, "recipe": recipe}).family == name


def test_a_new_knob_is_a_field_at_once():
    @dataclass(frozen=True)
    class Config:
        sides: tuple[int, ...] = knob((4, 8), "of each", 1, 9)
        kind: str = knob("a", "which", choices=("a", "b"))
        rate: float = knob(0.1, "how fast", 0.01, 1, log=True)
        plain: int = 3

    assert [field["name"] for field in drawn(Config)] == ["sides", "kind", "rate"]
    sides, kind, rate = drawn(Config)
    assert (sides["kind"], sides["items"], sides["length"], sides["default"]) == ("list", "int", None, (4, 8))
    assert (kind["kind"], kind["choices"]) == ("choice", ("a", "b")) and (rate["kind"], rate["log"]) == ("float", True)


def test_stages_and_recipes_are_drawn_too(said):
    assert [field["name"] for field in said["stage"]] == [field.name for field in fields(Stage)]
    assert [field["name"] for field in said["recipe"]] == [field.name for field in fields(Recipe) if field.name != "stages"]


def test_data_sets_say_whether_their_pictures_are_at_hand(said, tmp_path):
    found = {one["id"]: one for one in said["datasets"]}
    assert set(found) == set(DATASETS) and found["digits"]["ready"] is True and found["digits"]["image_shape"] == [1, 8, 8]
    assert found["mnist"]["ready"].endswith("PICTURES=FOLDER.") and not found["mnist"]["fetched"] and found["mnist"]["classes"] == list("0123456789")
    (tmp_path / "mnist.npz").touch()
    assert {one["id"]: one["ready"] for one in form(tmp_path, "CPU")["datasets"]}["mnist"] is True


def test_without_a_folder_pictures_may_come_from_the_hub(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    found = {one["id"]: one for one in form(None, "CPU")["datasets"]}
    assert found["mnist"]["fetched"] and "ylecun/mnist" in found["mnist"]["ready"] and not found["faces"]["fetched"]


@pytest.mark.parametrize("name", LEARNS)
def test_a_larger_size_is_a_larger_net_that_may_be_trained_here(name):
    counts = []
    for size in SIZES:
        with torch.device("meta"):
            counts.append(sum(one.numel() for one in MODELS[name](MODELS[name].Config(**sizes(MODELS[name])[size])).parameters()))
    assert 0 < counts[0] < counts[1] < counts[2] <= MOST_PARAMETERS


def test_a_family_may_say_its_sizes_itself():
    class Own(MODELS["vae"]):
        SIZES = {"small": {"width": 4}, "medium": {"width": 8}, "large": {"width": 99}}

    assert sizes(Own)["large"] == {"width": 99}


def test_the_stages_of_a_stack_are_one_for_each_layer_and_one_for_all(said):
    [*layers, last] = stages = family(said, "stacked")["stages"]
    assert [stage["players"] for stage in layers] == [[player] for player in family(said, "stacked")["players"]] and last["players"] == ["model"]
    plan = {"format": 1, "family": "stacked", "dataset": "digits", "model": {"image_shape": [1, 8, 8]}, "recipe": {"stages": stages}}
    assert plan_from(plan).recipe.steps == sum(stage["steps"] for stage in stages)


@pytest.mark.parametrize("data", SHAPES)
def test_presets_are_whole_and_can_be_asked_for(data):
    for preset in presets(data):
        assert preset["id"] and preset["title"] and preset["watch"].endswith(".") and isinstance(preset["readout"], str) and preset["runs"]
        for run in preset["runs"]:
            plan = caps.checked(plan_from(json.loads(json.dumps(run["plan"]))), "cpu")
            assert run["title"] and plan.dataset == data and {player for stage in plan.recipe.stages for player in stage.players}


@pytest.mark.parametrize("preset", presets("digits"), ids=lambda preset: preset["id"])
def test_the_number_that_a_preset_shows_is_one_that_its_models_tell(preset):
    for run in preset["runs"] if preset["readout"] else ():
        plan = plan_from(json.loads(json.dumps(run["plan"])))
        images = noise(plan.model.image_shape, tuple("0123456789"), 200)
        trainer = Trainer(MODELS[plan.family](plan.model), images, plan.recipe)
        next(iter(trainer))
        told = trainer.snapshot().readout(images.floats(slice(0, 50)))
        assert preset["readout"] in told, list(told)


def test_what_a_step_takes_can_be_told_also_where_a_penalty_comes_and_goes():
    game, found = MODELS["gan"](MODELS["gan"].Config(image_shape=(1, 8, 8), width=4)), []
    for seed in range(40):
        torch.manual_seed(seed)
        found.append(caps.work_per_picture(game))
    assert len(set(found)) == 2 and min(found) > 0  # without R1, and with it


def test_presets_learn_from_mnist_where_it_is_and_from_the_small_digits_elsewhere(said, tmp_path):
    assert said["presets"] == json.loads(json.dumps(presets("digits")))
    (tmp_path / "mnist.npz").touch()
    assert form(tmp_path, "CPU")["presets"] == presets("mnist")
    assert [one["id"] for one in presets("mnist")] == [one["id"] for one in presets("digits")]


def test_what_is_allowed_is_said(said):
    assert said["device"] == "CPU" and said["most"]["steps"] == MOST_STEPS and said["most"]["parameters"] == MOST_PARAMETERS


@pytest.mark.parametrize("name", LEARNS)
def test_every_family_begins_with_stages_in_which_all_its_players_learn(said, name):
    stages = family(said, name)["stages"]
    plan = plan_from({"format": 1, "family": name, "dataset": "digits" if name != "recurrent" else "mnist",
                      "model": {"image_shape": [1, 8, 8] if name != "recurrent" else [1, 28, 28]}, "recipe": {"stages": stages}})
    with torch.device("meta"):
        players = set(MODELS[name](plan.model).players())
    assert players <= {player for stage in stages for player in stage["players"]} and plan.recipe.steps <= MOST_STEPS
    assert all(stage.momentum < 0.5 for stage in plan.recipe.stages if "critic" in stage.players)


def test_a_preset_says_what_to_look_at_and_no_person_has_to_wait_to_begin_it(said):
    assert len(said["presets"]) == len({one["id"] for one in said["presets"]}) >= 8
    for preset in said["presets"]:
        assert 1 <= len(preset["runs"]) <= PER_OWNER and 20 < len(preset["watch"]) < 200
        assert len({run["title"] for run in preset["runs"]}) == len(preset["runs"])
