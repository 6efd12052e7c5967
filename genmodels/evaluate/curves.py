"""Curves as a small picture for a model card: one line for each name, both axes logarithmic."""

from collections.abc import Mapping, Sequence
from math import floor, log10

from PIL import Image, ImageDraw, ImageFont

from .. import card

WIDE, HIGH, FINER = 640, 320, 3  # pixels; drawn so many times larger, so that lines are smooth
LEFT, RIGHT, TOP, BOTTOM = 56, 96, 34, 44  # room for words around the lines
INKS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")  # told apart by the colour-blind (Okabe & Ito 2008)
PAPER, INK, FAINT = "#ffffff", "#444444", "#e2e2e2"
COLOURS = 64


def curves(lines: Mapping[str, Sequence[tuple[float, float]]], across: str, up: str) -> bytes:
    """A WebP of lines of points (x, y), all positive; each ends at its name. ValueError where there is nothing to draw."""
    xs, ys = ([point[k] for line in lines.values() for point in line] for k in (0, 1))
    if not xs or min(xs) <= 0 or min(ys) <= 0:
        raise ValueError("Curves on logarithmic axes need points, and all of them positive.")
    picture = Image.new("RGB", (FINER * WIDE, FINER * HIGH), PAPER)
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(FINER * 12)
    place = _places((min(xs), max(xs)), _around(min(ys), max(ys)))
    for y in _ticks(*_around(min(ys), max(ys))):
        level = place(min(xs), y)[1]
        pen.line((FINER * LEFT, level, FINER * (WIDE - RIGHT), level), FAINT, FINER)
        pen.text((FINER * (LEFT - 8), level), f"{y:g}", INK, font, anchor="rm")
    for x in sorted(set(xs)):
        pen.text((place(x, min(ys))[0], FINER * (HIGH - BOTTOM + 8)), f"{x:g}", INK, font, anchor="mt")
    pen.text((FINER * (WIDE - RIGHT + LEFT) // 2, FINER * (HIGH - 8)), across, INK, font, anchor="mb")
    pen.text((FINER * 10, FINER * 8), up, INK, font, anchor="lt")
    names = _apart({name: place(*line[-1])[1] for name, line in lines.items()}, FINER * 15)
    for (name, line), ink in zip(lines.items(), INKS, strict=False):
        dots = [place(*point) for point in line]
        pen.line(dots, ink, 2 * FINER, joint="curve")
        for x, y in dots:
            pen.ellipse((x - 4 * FINER, y - 4 * FINER, x + 4 * FINER, y + 4 * FINER), ink)
        pen.text((FINER * (WIDE - RIGHT + 12), names[name]), name, ink, font, anchor="lm")
    return card.webp(picture.resize((WIDE, HIGH), Image.Resampling.LANCZOS), colours=COLOURS)


def _places(across: tuple[float, float], up: tuple[float, float]):
    """From a point to its pixel."""
    def share(value: float, least: float, most: float) -> float:
        return (log10(value) - log10(least)) / (log10(most) - log10(least)) if most > least else 0.5

    return lambda x, y: (FINER * (LEFT + share(x, *across) * (WIDE - LEFT - RIGHT)), FINER * (TOP + (1 - share(y, *up)) * (HIGH - TOP - BOTTOM)))


def _around(least: float, most: float) -> tuple[float, float]:
    """The nearest of 1, 2, 5, 10, 20 ... below and above."""
    steps = sorted(k * 10.0**power for power in range(floor(log10(least)) - 1, floor(log10(most)) + 2) for k in (1, 2, 5))
    return max(step for step in steps if step < least), min(step for step in steps if step > most)


def _ticks(least: float, most: float) -> list[float]:
    """1, 2 and 5 of every power of ten between the ends; where these are many, the powers alone."""
    found = [k * 10.0**power for power in range(floor(log10(least)), floor(log10(most)) + 1) for k in (1, 2, 5) if least <= k * 10.0**power <= most * 1.001]
    powers = [value for value in found if abs(log10(value) - round(log10(value))) < 1e-9]
    return found if len(found) <= 8 or len(powers) < 2 else powers


def _apart(levels: Mapping[str, float], least: float) -> dict[str, float]:
    """Levels moved down until no two words lie on each other, the lowest staying inside."""
    found, last = {}, 0.0
    for name, level in sorted(levels.items(), key=lambda item: item[1]):
        found[name] = last = max(level, last + least)
    over = max(0.0, last - FINER * (HIGH - BOTTOM + 4))
    return {name: level - over for name, level in found.items()}
