"""The bundled models: each clears its bars, is what its recipe says, and holds nothing else; every recipe can be read."""

import json

import pytest

from bench.scores import BUNDLED, OPEN, rows
from genmodels.checkpoint import find
from genmodels.train.recipe import load_plan, plan_from

from .test_readme import ROOT, files

FOUND = find(ROOT / "checkpoints")
FORMAT = {"config.json", "model.safetensors", "metrics.json", "atlas.npz", "samplers.npz", "features.npz", "typical.npz",
          "directions.json", "directions.safetensors", "README.md"}
SHEETS = {f"{name}.{kind}" for name in ("samples", "manifold", "walks", "again", "path", "learned", "steps") for kind in ("webp", "png")}
RECIPES = sorted((ROOT / "recipes").glob("*.json"))


@pytest.mark.parametrize("row", rows(FOUND), ids=lambda row: f"{row[0]} {row[1]}")
def test_a_bundled_model_clears_its_bar_or_is_known_not_to(row):
    name, measure, value, bar, verdict, _ = row
    wanted = "MISSED" if (name, measure) in OPEN else "met"
    assert verdict == wanted, f"{name}: {measure} is {value}, {bar}: {verdict}; bench/scores.py knows it as {wanted}"


@pytest.mark.parametrize("name", BUNDLED)
def test_a_bundled_model_is_what_its_recipe_says(name):
    plan = load_plan(ROOT / "recipes" / f"{name}.json")
    config = json.loads((ROOT / "checkpoints" / name / "config.json").read_text(encoding="utf-8"))
    assert plan_from(config) == plan  # an older config leaves out what had its default then


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.stem)
def test_every_recipe_can_be_read_and_names_a_model_that_can_be_made(recipe):
    assert load_plan(recipe).recipe.steps >= 1


def test_there_are_no_other_models_and_every_one_has_a_recipe():
    assert sorted(FOUND) == sorted(BUNDLED) and set(BUNDLED) <= {recipe.stem for recipe in RECIPES}


def test_a_bundled_folder_holds_the_files_of_the_format_and_sheets_alone():
    strangers = [path.as_posix() for path in files() if path.parts[0] == "checkpoints"
                 and (len(path.parts) != 3 or path.parts[1] not in BUNDLED or path.name not in FORMAT | SHEETS)]
    assert not strangers
