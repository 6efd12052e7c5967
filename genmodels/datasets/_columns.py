"""Which column of a stranger's table holds the pictures, and which one their classes."""

import json
from collections.abc import Callable

import pyarrow as pa

USUAL = ("image", "img")
LABELS = ("label", "labels")


def picture_column(name: str, schema: pa.Schema, wanted: str) -> tuple[str, list[str]]:
    """The column of pictures (a struct with bytes), and a sentence where another could have been meant. ValueError where there is none."""
    found = [field.name for field in schema if _holds_files(field.type)]
    choices = ", ".join(f"{name}#{column}" for column in found)
    if wanted:
        if wanted not in found:
            raise ValueError(f"{name} has no column of pictures {wanted!r:.60}; there {'is ' + choices if found else 'is none'}.")
        return wanted, []
    if not found:
        raise ValueError(f"{name} holds no pictures: its columns are {', '.join(schema.names)!s:.160}, and none is a struct with bytes.")
    usual = [column for column in USUAL if column in found]
    if len(found) > 1 and not usual:
        raise ValueError(f"{name} has several columns of pictures. Say which: {choices}.")
    return (usual or found)[0], [f"There are more columns of pictures: {choices}."] if len(found) > 1 else []


def classes_of(schema: pa.Schema, readme: Callable[[], dict]) -> tuple[str, tuple[str, ...], list[str]]:
    """The column of labels, the names of its classes, and a sentence about them; "" where there are no labels, () where they have no names.

    Names are looked for in what the table says of itself, then in the front matter of the README.
    """
    whole = [field.name for field in schema if pa.types.is_integer(field.type)]
    if not whole:
        return "", (), ["There are no classes."]
    for names in (lambda: _named_in_table(schema), lambda: _named_in_readme(readme())):
        named = names()
        if columns := [column for column in (*LABELS, *named) if column in named and column in whole]:
            return columns[0], named[columns[0]], [f"Classes are those of column {columns[0]}."]
    if columns := [column for column in LABELS if column in whole]:
        return columns[0], (), [f"Classes are those of column {columns[0]}, which have no names."]
    return "", (), ["There are no classes."]


def _holds_files(kind: pa.DataType) -> bool:
    if not pa.types.is_struct(kind) or (at := kind.get_field_index("bytes")) < 0:
        return False
    return pa.types.is_binary(kind.field(at).type) or pa.types.is_large_binary(kind.field(at).type)


def _named_in_table(schema: pa.Schema) -> dict[str, tuple[str, ...]]:
    """Names of classes by column, as the library `datasets` writes them into a table."""
    try:
        features = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))["info"]["features"]
        return {column: tuple(about["names"]) for column, about in features.items() if about.get("_type") == "ClassLabel" and _names(about["names"])}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):  # a stranger's JSON: no names in it
        return {}


def _named_in_readme(readme: dict) -> dict[str, tuple[str, ...]]:
    """The same, as `dataset_info` in a README has them: one set of features, or a list with one for each configuration."""
    found = {}
    info = readme.get("dataset_info") if isinstance(readme, dict) else None
    for part in info if isinstance(info, list) else [info]:
        for feature in (part.get("features") if isinstance(part, dict) else None) or []:
            try:
                names = feature["dtype"]["class_label"]["names"]
                names = [names[key] for key in sorted(names, key=int)] if isinstance(names, dict) else names
                if _names(names):
                    found.setdefault(str(feature["name"]), tuple(names))
            except (ValueError, KeyError, TypeError):  # a feature without classes
                continue
    return found


def _names(value) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(name, str) and 0 < len(name) <= 80 for name in value) and len(set(value)) == len(value)
