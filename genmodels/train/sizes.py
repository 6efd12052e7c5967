"""One dial of size for all families: small, medium and large nets, by the fields of a family's config."""

from dataclasses import fields

from ..models import Trainable

SIZES = {"small": 0.5, "medium": 1, "large": 2}  # by how much a net is as wide as its family makes it by itself
WIDE = ("width", "hidden")  # how the names of fields end that say how wide a net is
LONG = 16  # numbers in the code of a large net, if its family takes fewer


def sizes(family: type[Trainable]) -> dict[str, dict[str, int | tuple[int, ...]]]:
    """For each size the fields of the family's config that it sets, within the ranges of their knobs.

    A family that knows better says so itself, in the same form, as SIZES.
    """
    return getattr(family, "SIZES", None) or {size: _settings(family, factor) for size, factor in SIZES.items()}


def _settings(family: type[Trainable], factor: float) -> dict[str, int | tuple[int, ...]]:
    settings = {}
    for field in fields(family.Config):
        least, most, usual = field.metadata.get("low"), field.metadata.get("high"), field.default
        if field.name.endswith(WIDE) and _is_width(usual):
            each = [_scaled(one, factor, least, most) for one in (usual if isinstance(usual, tuple) else (usual,))]
            settings[field.name] = tuple(each) if isinstance(usual, tuple) else each[0]
        elif field.name == "depth" and _is_width(usual):
            settings[field.name] = min(usual + (factor > 1), most)
        elif field.name == "latent_dim" and _is_width(usual):
            settings[field.name] = max(usual, LONG) if factor > 1 else usual
    return settings


def _is_width(value) -> bool:
    return all(type(one) is int for one in (value if isinstance(value, tuple) else (value,)))


def _scaled(value: int, factor: float, least: int | None, most: int | None) -> int:
    """A width in steps of four, which every net here can divide as it needs to."""
    scaled = max(4, 4 * round(value * factor / 4))
    return min(max(scaled, least if least is not None else scaled), most if most is not None else scaled)
