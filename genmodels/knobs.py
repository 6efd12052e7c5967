"""Config fields with their own help and range: they draw forms, read JSON and refuse what does not fit."""

from dataclasses import MISSING, field, fields
from math import isfinite
from typing import Any, get_args, get_origin


def knob(default, help: str, low=None, high=None, choices: tuple | None = None, log: bool = False):
    """A dataclass field that explains itself.

    low and high are inclusive; for a tuple they bound every number in it, for text its length.
    `log` says that a form should space the values evenly by ratio rather than by difference.
    """
    return field(default=default, metadata={"help": help, "low": low, "high": high, "choices": choices, "log": log})


def check(config):
    """The same config, or ValueError with one sentence that names the field and what it takes."""
    for f in fields(config):
        if f.init:
            _check_value(type(config), f, getattr(config, f.name))
    return config


def from_dict(config_class, values: Any):
    """A checked config from JSON, in which a browser writes 0.0 as 0. Unknown keys, missing keys and wrong types raise ValueError in words."""
    if not isinstance(values, dict):
        raise ValueError(f"{_owner(config_class)} must be a JSON object, not {type(values).__name__}.")
    known = {f.name: f for f in fields(config_class) if f.init}
    if unknown := sorted(set(values) - set(known)):
        raise ValueError(f"{_owner(config_class)} has no field {unknown[0]!r}; there are {', '.join(known)}.")
    missing = [name for name, f in known.items() if name not in values and f.default is MISSING and f.default_factory is MISSING]
    if missing:
        raise ValueError(f"{_owner(config_class)} needs the field {missing[0]!r}.")
    given = {name: _as_tuple(known[name].type, value) for name, value in values.items()}
    for name, value in given.items():  # before the class sees them: its own rules may then rely on their kinds
        _check_value(config_class, known[name], value)
    return config_class(**{name: float(value) if known[name].type is float and type(value) is int else value for name, value in given.items()})


def _owner(config_class) -> str:
    return f"{config_class.__module__.rsplit('.', 1)[-1]} {config_class.__name__.lower()}"


def _as_tuple(kind, value):
    """JSON has lists where a frozen config has tuples."""
    return tuple(value) if get_origin(kind) is tuple and isinstance(value, list) else value


def _check_value(config_class, f, value) -> None:
    where = f"{_owner(config_class)}: {f.name}"
    low, high, choices = (f.metadata.get(key) for key in ("low", "high", "choices"))
    if get_origin(f.type) is tuple:
        if not isinstance(value, tuple):
            raise ValueError(f"{where} must be a list, not {value!r:.80}.")
        args = get_args(f.type)
        if Ellipsis not in args and len(value) != len(args):
            raise ValueError(f"{where} must have {len(args)} entries, not {len(value)}.")
        for item in value:
            _check_item(where, args[0], item, low, high, choices)
    else:
        _check_item(where, f.type, value, low, high, choices)


def _is_finite(value: int | float) -> bool:
    try:
        return isfinite(value)
    except OverflowError:  # a whole number that no float can hold
        return False


def _check_item(where: str, kind, value, low, high, choices) -> None:
    wanted = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}.get(kind)
    if wanted is None:  # a nested config or a list of them checks itself
        return
    fits = isinstance(value, (int, float) if kind is float else kind) and (kind is bool or not isinstance(value, bool))
    if not fits or (kind is float and not _is_finite(value)):
        raise ValueError(f"{where} must be {wanted}, not {value!r:.80}.")
    if choices is not None and value not in choices:
        raise ValueError(f"{where} must be one of {', '.join(map(str, choices))}, not {value!r:.80}.")
    size, unit = (len(value), " characters long") if kind is str else (value, "")
    if low is not None and size < low or high is not None and size > high:
        raise ValueError(f"{where} must be between {low} and {high}{unit}, not {value!r:.80}.")
