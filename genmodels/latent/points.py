"""A point is an expression: a short text that names a latent, read into a small tree and resolved to numbers.

The grammar, shared with its twin in assets/js. Spaces may stand between any two words; the text is written with those shown
(and z: needs one after it before a minus, which is also a digit of base64url):

    point  = [ "-" ] term { ( " + " | " - " ) term }
    term   = [ number "*" ] place
    place  = "seed:" whole        the first latent of that seed, 0 to 4294967295
           | "atlas:" whole       that row of the model's atlas, from 0
           | "z:" base64url       1 to 256 float32 numbers, little-endian, without padding
           | "mix(" point ", " point ", " [ "-" ] number ")"     a + t (b - a), the straight line also beyond its ends
           | pin                  one capital letter
           | direction            two or more of A-Z a-z 0-9 _, at least one of them a letter; a step of one sigma
    number = up to 3 digits, and up to 6 after a point
    whole  = up to 10 digits

`seed:7`, `mix(A, B, 0.4)` and `seed:7 + 2*Smiling - 0.5*Young` are points. A factor of 1 is not written, numbers lose their
closing zeros, so that equal trees have equal texts: str(parse(text)) is text again once it is written so.
Sums are computed from left to right in float64 and rounded to float32 once.
"""

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

LONGEST = 4096  # characters of a text
DEEPEST = 8  # mixes inside each other
TERMS = 64  # places in a whole text
NUMBERS = 256  # raw numbers that one text may carry in a row
LAST_SEED = 2**32 - 1

TOKEN = re.compile(r"""\s*(?:
    (?P<raw>z:[A-Za-z0-9_-]*) | (?P<source>(?:seed|atlas):-?[\w.]*) | (?P<mix>mix\s*\()
    | (?P<name>[\d_]*[A-Za-z]\w*(?![\w:])) | (?P<number>\d+(?:\.\d+)?) | (?P<sign>[-+*,)])
)""", re.VERBOSE | re.ASCII)

Lookup = Callable[[str, int | str], np.ndarray | None]


class BadPoint(ValueError):
    """A text that is no point, or one that cannot be resolved here; the message says why in one sentence."""


@dataclass(frozen=True)
class Source:
    """A latent that somebody else knows: kind is seed, atlas, pin or direction, key its number or name."""

    kind: str
    key: int | str

    def __str__(self) -> str:
        return f"{self.kind}:{self.key}" if self.kind in ("seed", "atlas") else str(self.key)


@dataclass(frozen=True)
class Raw:
    """The numbers themselves, each exactly a float32."""

    numbers: tuple[float, ...]

    def __str__(self) -> str:
        return "z:" + base64.urlsafe_b64encode(np.asarray(self.numbers, "<f4").tobytes()).decode().rstrip("=")


@dataclass(frozen=True)
class Mix:
    """The share t of the way from a to b on the straight line."""

    a: "Point"
    b: "Point"
    t: float

    def __str__(self) -> str:
        return f"mix({self.a}, {self.b}, {_decimal(self.t)})"


@dataclass(frozen=True)
class Sum:
    """Places with a factor each, added up; never a single place with the factor one."""

    terms: tuple[tuple[float, "Source | Raw | Mix"], ...]

    def __str__(self) -> str:
        text = "".join(f" {'-' if factor < 0 else '+'} {'' if abs(factor) == 1 else _decimal(abs(factor)) + '*'}{place}"
                       for factor, place in self.terms)
        return text[3:] if self.terms[0][0] >= 0 else "-" + text[3:]


Point = Source | Raw | Mix | Sum


def parse(text: str) -> Point:
    """A text as a tree. BadPoint says in one sentence what is wrong with it."""
    if not isinstance(text, str):
        raise BadPoint(f"A point is a text such as seed:7, not {type(text).__name__}.")
    if len(text) > LONGEST:
        raise BadPoint(f"A point has at most {LONGEST} characters, not {len(text)}.")
    reader = _Reader(_tokens(text))
    point = reader.point(0)
    if reader.next:
        raise BadPoint(f"A point ends before {reader.next[1]!r:.40}; one such as seed:7 + 2*Smiling goes on with + or -.")
    return point


def resolve(point: Point | str, lookup: Lookup, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """The latent that a point names: float32 [*shape].

    `lookup(kind, key)` gives the latent of a seed, an atlas row, a pin or one sigma of a direction, or None where there is
    none. Pins are latents here, so that they cannot name each other. Without `shape` raw numbers are taken as [D].
    BadPoint if something is unknown, if the parts differ in shape, or if the sum is not finite.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # said in words below
        latent = _resolve(parse(point) if isinstance(point, str) else point, lookup, shape).astype(np.float32)
    if not np.isfinite(latent).all():
        raise BadPoint(f"The point {point!s:.60} has numbers that are not finite.")
    return latent


def _resolve(point: Point, lookup: Lookup, shape: tuple[int, ...] | None) -> np.ndarray:
    if isinstance(point, Mix):
        a, b = _alike([_resolve(end, lookup, shape) for end in (point.a, point.b)])
        return a + point.t * (b - a)
    if isinstance(point, Sum):
        parts = _alike([_resolve(place, lookup, shape) for _, place in point.terms])
        return sum(factor * part for (factor, _), part in zip(point.terms, parts, strict=True))
    if isinstance(point, Raw):
        found = np.asarray(point.numbers, np.float64)
        if shape is not None and len(found) == int(np.prod(shape)):
            found = found.reshape(shape)
    else:
        found = lookup(point.kind, point.key)
        if found is None:
            raise BadPoint(f"There is no {point.kind} {point.key!s:.60} here.")
        found = np.asarray(found, np.float64)
    if shape is not None and found.shape != tuple(shape):
        raise BadPoint(f"{point!s:.60} has {found.size} numbers, the model's latents have {int(np.prod(shape))}.")
    return found


def _alike(parts: list[np.ndarray]) -> list[np.ndarray]:
    for part in parts:
        if part.shape != parts[0].shape:
            raise BadPoint(f"A latent of {parts[0].size} numbers and one of {part.size} cannot be combined; they belong to different models.")
    return parts


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens, at, text = [], 0, text.rstrip()
    while at < len(text):
        match = TOKEN.match(text, at)
        if not match:
            raise BadPoint(f"A point cannot be read from {text[at:].strip()!r:.40}; it looks like seed:7, mix(A, B, 0.4) or seed:7 + 2*Smiling.")
        tokens.append((match.lastgroup, match[match.lastgroup]))
        at = match.end()
    return tokens


class _Reader:
    """Reads tokens from left to right, one method per line of the grammar."""

    def __init__(self, tokens: list[tuple[str, str]]):
        self.tokens, self.at, self.places = tokens, 0, 0

    @property
    def next(self) -> tuple[str, str] | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def take(self, text: str) -> bool:
        """Whether the next token is this sign; if so it is read."""
        taken = self.next == ("sign", text)
        self.at += taken
        return taken

    def point(self, depth: int) -> Point:
        terms = [self.term(-1.0 if self.take("-") else 1.0, depth)]
        while self.next in (("sign", "+"), ("sign", "-")):
            terms.append(self.term(1.0 if self.take("+") else -1.0 * self.take("-"), depth))
        return terms[0][1] if len(terms) == 1 and terms[0][0] == 1 else Sum(tuple(terms))

    def term(self, sign: float, depth: int) -> tuple[float, "Source | Raw | Mix"]:
        factor = 1.0
        if self.next and self.next[0] == "number":
            factor = self.number()
            if not self.take("*"):
                raise BadPoint("A number in a point needs * and a place after it, as in 2*Smiling.")
        return sign * factor or 0.0, self.place(depth)

    def place(self, depth: int) -> "Source | Raw | Mix":
        if not self.next:
            raise BadPoint("A point is missing where the text ends; write one such as seed:7.")
        kind, text = self.next
        self.at, self.places = self.at + 1, self.places + 1
        if self.places > TERMS:
            raise BadPoint(f"A point has at most {TERMS} parts.")
        if kind == "mix":
            return self.mix(depth + 1)
        if kind == "raw":
            return _raw(text[2:])
        if kind == "source":
            return _source(*text.split(":"))
        if kind == "name":
            if len(text) == 1 and not text.isupper():
                raise BadPoint(f"A pin is one capital letter, not {text!r}.")
            return Source("pin" if len(text) == 1 else "direction", text)
        raise BadPoint(f"A point cannot go on with {text!r:.40}; write seed:7, a pin such as A, or a direction such as 2*Smiling.")

    def mix(self, depth: int) -> Mix:
        if depth > DEEPEST:
            raise BadPoint(f"Mixes stand inside each other at most {DEEPEST} deep.")
        a = self.point(depth)
        if not self.take(","):
            raise BadPoint("A mix names two points and a share, as in mix(A, B, 0.4).")
        b = self.point(depth)
        if not self.take(","):
            raise BadPoint("A mix names two points and a share, as in mix(A, B, 0.4).")
        sign = -1 if self.take("-") else 1
        t = sign * self.number() or 0.0
        if not self.take(")"):
            raise BadPoint("A mix ends with its share and ), as in mix(A, B, 0.4).")
        return Mix(a, b, t)

    def number(self) -> float:
        kind, text = self.next or ("", "")
        if kind != "number":
            raise BadPoint(f"A mix needs a number for its share, not {text!r:.40}, as in mix(A, B, 0.4).")
        if not re.fullmatch(r"\d{1,3}(\.\d{1,6})?", text):
            raise BadPoint(f"A number in a point has at most 3 digits and 6 after the point, not {text:.40}.")
        self.at += 1
        return float(text)


def _source(kind: str, text: str) -> Source:
    if not re.fullmatch(r"\d{1,10}", text, re.ASCII) or int(text) > LAST_SEED:
        raise BadPoint(f"{kind}: needs a whole number from 0 to {LAST_SEED}, not {text!r:.40}.")
    return Source(kind, int(text))


def _raw(text: str) -> Raw:
    try:
        content = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        content = b""
    if not content or len(content) % 4:
        raise BadPoint("z: needs numbers of four bytes each in base64url.")
    if len(content) > 4 * NUMBERS:
        raise BadPoint(f"z: carries at most {NUMBERS} numbers, not {len(content) // 4}.")
    numbers = np.frombuffer(content, "<f4")
    if not np.isfinite(numbers).all():
        raise BadPoint("z: has numbers that are not finite.")
    return Raw(tuple(numbers.astype(float).tolist()))


def _decimal(number: float) -> str:
    return f"{number:.6f}".rstrip("0").rstrip(".")
