"""The form of a training as JSON: families, data sets, presets and sizes, every field drawn from the knobs that check it."""

from collections.abc import Sequence
from dataclasses import MISSING, Field, fields
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, get_args, get_origin

from ...datasets import DATASETS, is_fetched, ready
from ...models import MODELS
from ...train import caps
from ...train.presets import presets
from ...train.recipe import Recipe, Stage
from ...train.runs import LONGEST_TITLE
from ...train.sizes import SIZES, sizes
from ...train.usual import players, usual
from ...train.worker import FACTORS
from .catalogue import FAMILIES, title

OF_THE_DATA = ("image_shape", "conditions", "reads")  # fields that a data set answers: the size of its pictures, and the names of its classes
KINDS = {bool: "bool", int: "int", float: "float", str: "str"}
MOST = {"steps": caps.MOST_STEPS, "parameters": caps.MOST_PARAMETERS, "runs": caps.MOST_RUNS, "unfinished": caps.PER_OWNER, "people": caps.OWNERS,
        "title": LONGEST_TITLE, "rate": list(FACTORS)}


def form(data: Path | None, device: str, own: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    """All that the page needs to ask for a training. data: the folder with pictures, None where they come from the Hub; own: data sets of whoever asks."""
    families = {name: model for name, model in MODELS.items() if model.learns()}
    return {"families": [_family(name) for name in sorted(families, key=_place)],
            "datasets": [*(_dataset(name, one, data) for name, one in DATASETS.items()), *own], "stage": drawn(Stage),
            "recipe": drawn(Recipe), "presets": presets("digits" if ready(DATASETS["mnist"], data) else "mnist"), "device": device, "most": MOST,
            "sizes": {size: {name: sizes(model)[size] for name, model in families.items()} for size in SIZES}}


def drawn(config: type) -> list[dict[str, Any]]:
    """The fields of a config as a form shows them; those without a default or a knob of their own are not for a form.

    kind: int, float, bool, str, choice, or list, of which "items" says the kind of each and "length" how many, null for any number. low and high
    are inclusive; of a list they bound each entry, of text its length. log: spaced evenly by ratio. data: what the data set answers.
    """
    return [_field(field) for field in fields(config) if field.init and field.default is not MISSING and field.metadata]


def _field(field: Field) -> dict[str, Any]:
    said = field.metadata
    shown = {"name": field.name, "kind": _kind(field.type, said["choices"]), "default": field.default, "help": said["help"], "low": said["low"],
             "high": said["high"], "choices": said["choices"], "log": said["log"], "data": field.name in OF_THE_DATA}
    if get_origin(field.type) is tuple:
        items = get_args(field.type)
        shown |= {"items": _kind(items[0], said["choices"]), "length": None if Ellipsis in items else len(items)}
    return shown


def _kind(kind: Any, choices: tuple | None) -> str:
    return "list" if get_origin(kind) is tuple else "choice" if choices else KINDS[kind]


@cache
def _family(name: str) -> dict[str, Any]:
    """What is asked of a family, who learns in it as it is by default, and the stages in which it usually does."""
    model = MODELS[name]
    return {"id": name, "title": FAMILIES.get(name, title(name)), "about": model.ABOUT, "fields": drawn(model.Config), "players": list(players(model)),
            "stages": usual(model)}


def _place(name: str) -> tuple[int, str]:
    """The order of the families on the page: that of their titles, those without one behind."""
    return list(FAMILIES).index(name) if name in FAMILIES else len(FAMILIES), name


def _dataset(name: str, module: ModuleType, data: Path | None) -> dict[str, Any]:
    """ready: true, or a sentence; where "fetched" is true, a training may begin all the same, and its pictures come meanwhile."""
    why = ready(module, data)
    return {"id": name, "title": module.TITLE, "terms": module.TERMS, "image_shape": list(module.IMAGE_SHAPE), "classes": list(module.CLASSES),
            "ready": why or True, "fetched": bool(why) and data is None and is_fetched(module)}
