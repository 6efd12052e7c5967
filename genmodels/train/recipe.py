"""A recipe: which model learns from which data, in which stages. Its JSON is the schema of config.json."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ..checkpoint import FAMILIES, FIELDS
from ..datasets import dataset
from ..knobs import check, from_dict, knob
from ..models import ABILITIES, LatentModel


@dataclass(frozen=True)
class Stage:
    players: tuple[str, ...] = knob(("model",), "who learns, in this order within a step", 1, 40)
    steps: int = knob(1000, "updates", 1, 10_000_000, log=True)
    data: str = knob("train", "what it learns from", choices=("train",))
    rate: float = knob(1e-3, "learning rate at its highest", 1e-6, 1e-1, log=True)
    schedule: str = knob("cosine", "how the rate goes down", choices=("cosine", "constant"))
    momentum: float = knob(0.9, "how much of its last direction a step keeps (Adam's beta 1); a game is steadier without", 0, 0.999)
    method: str = knob("adam", "how it learns", choices=("adam", "closed form"))


@dataclass(frozen=True)
class Recipe:
    stages: tuple[Stage, ...] = (Stage(),)
    batch: int = knob(128, "pictures per update", 1, 4096, log=True)
    averaging: float = knob(0.999, "how slowly the averaged weights follow; 0 does not average", 0, 0.99999)
    precision: str = knob("auto", "numbers used inside the nets; auto is bfloat16 where the processor has it",
                          choices=("auto", "float32", "bfloat16"))
    flip: bool = knob(False, "whether pictures are also shown mirrored")
    seed: int = knob(0, "the same seed gives the same training", 0, 2**31 - 1)

    @property
    def steps(self) -> int:
        return sum(stage.steps for stage in self.stages)


@dataclass(frozen=True)
class Plan:
    """All that a training needs to know, checked. `to_json` is what recipes/ and config.json hold."""

    family: str
    dataset: str
    model: Any  # the family's Config
    recipe: Recipe = Recipe()
    licence: str = "apache-2.0"

    def to_json(self) -> dict:
        return {"format": 1} | asdict(self)


def plan_from(values: dict) -> Plan:
    """A plan from JSON. ValueError says in one sentence what does not fit."""
    if not isinstance(values, dict) or set(values) - FIELDS:
        raise ValueError(f"A recipe has the keys {', '.join(sorted(FIELDS))} and no others.")
    if values.get("format") != 1:
        raise ValueError(f"This program reads format 1, not {values.get('format')!r}.")
    family, name = values.get("family"), values.get("dataset")
    if not isinstance(family, str) or family not in FAMILIES:
        raise ValueError(f"There is no family {family!r:.80}; there are {', '.join(FAMILIES)}.")
    if not FAMILIES[family].learns():
        raise ValueError(f"A model of the family {family} comes ready from elsewhere and cannot be trained here.")
    recipe = _recipe_from(values.get("recipe", {}))
    if not isinstance(licence := values.get("licence", "apache-2.0"), str) or len(licence) > 80:
        raise ValueError("The licence must be a short name such as apache-2.0.")
    model = from_dict(FAMILIES[family].Config, values.get("model", {}))
    data = dataset(name, model.image_shape, model.conditions)
    if tuple(model.image_shape) != tuple(data.IMAGE_SHAPE):
        raise ValueError(f"The pictures of {name} are {data.IMAGE_SHAPE}, the model expects {tuple(model.image_shape)}.")
    for labels in (model.conditions, getattr(model, "reads", ())):
        if labels and tuple(labels) != tuple(data.CLASSES):
            raise ValueError(f"The conditions must be the classes of {name}: {', '.join(data.CLASSES)}.")
    for stage in recipe.stages:
        if stage.method == "closed form" and not (issubclass(FAMILIES[family], LatentModel) and FAMILIES[family].can("solve")):
            raise ValueError(ABILITIES["solve"])
    return Plan(family, name, model, recipe, licence)


def _recipe_from(values: Any) -> Recipe:
    if not isinstance(values, dict) or not isinstance(stages := values.get("stages", [{}]), list) or not stages:
        raise ValueError("A recipe's stages must be a list of at least one JSON object.")
    rest = from_dict(Recipe, {key: value for key, value in values.items() if key != "stages"})
    return check(replace(rest, stages=tuple(from_dict(Stage, stage) for stage in stages)))


def longer(plan: dict, done: int, steps: int, schedule: str = "") -> dict:
    """A plan, as JSON, cut off where a training has come and continued for so many steps, by a stage like the last one or the last one itself.

    ValueError where that stage solves its model in one go.
    """
    stages: list[dict] = []
    for stage in plan["recipe"]["stages"]:
        if done > 0:
            stages.append(stage | {"steps": min(done, stage["steps"])})
            done -= stage["steps"]
    like = stages[-1] if stages else plan["recipe"]["stages"][0]
    if like["method"] == "closed form":
        raise ValueError("Its last stage solves the model in one go, so more steps would change nothing.")
    like = like | {"schedule": schedule or like["schedule"]}
    if stages and like == stages[-1] and like["schedule"] == "constant":  # nothing tells where the one would end and the other begin
        steps += stages.pop()["steps"]
    return plan | {"recipe": plan["recipe"] | {"stages": [*stages, like | {"steps": steps}]}}


def load_plan(path: Path) -> Plan:
    """Read a recipe file."""
    try:
        return plan_from(json.loads(Path(path).read_text()))
    except FileNotFoundError:
        raise FileNotFoundError(f"There is no recipe {path}.") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is not JSON: {error}.") from None
