"""Knobs: what a config field takes, in words, also for values that came from a stranger's file."""

import json
from dataclasses import dataclass, fields

import pytest

from genmodels.knobs import check, from_dict, knob


@dataclass(frozen=True)
class Config:
    size: int = knob(4, "how many", 1, 10)
    weight: float = knob(0.5, "how much", 0, 1)
    kind: str = knob("red", "which", choices=("red", "blue"))
    loud: bool = knob(False, "whether")
    name: str = knob("ann", "who", 1, 5)
    shape: tuple[int, int] = knob((2, 3), "sides", 1, 9)
    tags: tuple[str, ...] = knob((), "words", 1, 4)


@pytest.mark.parametrize("values", [{}, {"size": 1}, {"size": 10, "weight": 0}, {"weight": 1.0, "kind": "blue"}, {"shape": [9, 1]}, {"tags": ["a", "b"]}])
def test_values_in_their_range_are_taken(values):
    config = from_dict(Config, values)
    assert all(getattr(config, name) == (tuple(value) if isinstance(value, list) else value) for name, value in values.items())


@pytest.mark.parametrize(("values", "said"), [
    ({"size": 0}, "size must be between 1 and 10, not 0"),
    ({"size": 11}, "size must be between 1 and 10, not 11"),
    ({"size": 2.5}, "size must be a whole number, not 2.5"),
    ({"size": True}, "size must be a whole number, not True"),
    ({"size": None}, "size must be a whole number, not None"),
    ({"weight": float("nan")}, "weight must be a number, not nan"),
    ({"weight": float("inf")}, "weight must be a number, not inf"),
    ({"weight": 10**400}, "weight must be a number, not 1000"),
    ({"size": 10**400}, "size must be between 1 and 10, not 1000"),
    ({"weight": "0.5"}, "weight must be a number, not '0.5'"),
    ({"kind": "green"}, "kind must be one of red, blue, not 'green'"),
    ({"kind": ["red"]}, "kind must be text"),
    ({"loud": 1}, "loud must be true or false, not 1"),
    ({"name": ""}, "name must be between 1 and 5 characters long"),
    ({"name": "a" * 10_000}, "name must be between 1 and 5 characters long"),
    ({"shape": [1]}, "shape must have 2 entries, not 1"),
    ({"shape": [1, 99]}, "shape must be between 1 and 9, not 99"),
    ({"shape": 3}, "shape must be a list, not 3"),
    ({"shape": {"0": 1}}, "shape must be a list"),
    ({"tags": "abc"}, "tags must be a list"),
    ({"tags": ["a", "long one"]}, "tags must be between 1 and 4 characters long"),
    ({"tags": ["a", 1]}, "tags must be text, not 1"),
    ({"colour": 1}, "has no field 'colour'; there are size, weight, kind"),
    (None, "must be a JSON object, not NoneType"),
    ([1], "must be a JSON object, not list"),
])
def test_anything_else_is_refused_in_one_sentence(values, said):
    with pytest.raises(ValueError) as caught:
        from_dict(Config, values)
    sentence = str(caught.value)
    assert said in sentence and sentence.endswith(".") and "\n" not in sentence and len(sentence) < 250


def test_a_field_without_default_must_be_there():
    @dataclass(frozen=True)
    class Strict:
        size: int

    with pytest.raises(ValueError, match="needs the field 'size'"):
        from_dict(Strict, {})
    assert from_dict(Strict, {"size": 3}).size == 3


def test_check_returns_the_config_itself():
    config = Config(size=3)
    assert check(config) is config


def test_a_config_survives_json():
    config = Config(size=3, shape=(1, 2), tags=("x",))
    assert from_dict(Config, json.loads(json.dumps({f.name: getattr(config, f.name) for f in fields(config)}))) == config


def test_a_knob_keeps_what_a_form_needs():
    meta = {f.name: f.metadata for f in fields(Config)}
    assert meta["size"]["help"] == "how many" and (meta["size"]["low"], meta["size"]["high"]) == (1, 10)
    assert meta["kind"]["choices"] == ("red", "blue") and meta["weight"]["log"] is False


def test_a_whole_number_becomes_a_float_where_the_field_has_one():
    config = from_dict(Config, json.loads('{"weight": 0, "size": 2}'))
    assert type(config.weight) is float and type(config.size) is int
