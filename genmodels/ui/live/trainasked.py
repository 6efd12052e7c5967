"""What is asked of the road of trainings, and by whom: all that a page sends is looked at here, before anything is done."""

from typing import Any

from starlette.requests import Request

from ...models import MODELS
from ...train.recipe import Plan, plan_from
from ..visitors import visitor
from .waiting import Refused

MOST_NAMES = 32  # of models that an address asks for
MOST_PLAYERS, LONGEST_PLAYER = 40, 40  # who learn in a step by hand, and letters of their names
NAMELESS = ("Your browser keeps no cookie of this page, so that your trainings could not be told from those of others. "
            "Allow its cookie, or open the page in a tab of its own.")
TAKES = {"rename": ("title", str, "a text"), "rate": ("factor", int | float, "a number"), "share": ("shared", bool, "true or false"),
         "more": ("steps", int, "a whole number")}  # what a change of a run takes
CHANGES = ("pause", "stop", "resume", *TAKES)


def name_of(request: Request) -> str | None:
    """By which name one's trainings are known, see `Visitor.owner`."""
    return visitor(request.scope).owner


def owner_of(request: Request) -> str:
    """The same name. Refused (403) where there is none."""
    if (name := name_of(request)) is None:
        raise Refused(403, NAMELESS)
    return name


def plan_of(values: Any) -> Plan:
    """A plan from what a page sent; ValueError in words where it does not fit, or trains no model that makes pictures."""
    plan = plan_from(values)
    if plan.family not in MODELS:
        raise ValueError(f"A {plan.family} makes no pictures; it is trained from the command line.")
    return plan


def named(request: Request) -> list[str]:
    """The names of models in the address."""
    names = [name for name in request.query_params.get("names", "").split(",") if name]
    if len(names) > MOST_NAMES:
        raise Refused(400, f"?names= takes at most {MOST_NAMES} names of models, with commas between.")
    return names


def whole_from(request: Request, key: str, least: int) -> int:
    """A whole number in the address; the least where it is not given."""
    text = request.query_params.get(key) or str(least)
    if not text.isascii() or not text.removeprefix("-").isdigit() or len(text) > 12 or int(text) < least:
        raise Refused(400, f"?{key}= must be a whole number from {least} on, not {text!r:.40}.")
    return int(text)


def text(sent: dict[str, Any], key: str) -> str:
    """A text in what was sent, "" where there is none."""
    if not isinstance(sent.get(key, ""), str):
        raise Refused(400, f"{key} must be a text.")
    return sent.get(key, "")


def change(what: str, sent: dict[str, Any]) -> list[Any]:
    """What one of CHANGES takes, from what was sent: a value or none."""
    if what not in TAKES:
        return []
    key, kind, said = TAKES[what]
    value = sent.get(key)
    if not isinstance(value, kind) or isinstance(value, bool) and kind is not bool:
        raise Refused(400, f"{what} takes {key}, {said}.")
    return [value]


def by_hand(sent: dict[str, Any]) -> tuple[list[str], float | None]:
    """Who learns in a step by hand, none being all of them, and at what rate, None being the planned one."""
    players, rate = sent.get("players") or [], sent.get("rate")
    if not isinstance(players, list) or len(players) > MOST_PLAYERS or not all(
            isinstance(player, str) and len(player) <= LONGEST_PLAYER for player in players):
        raise Refused(400, "players must be a list of names.")
    if rate is not None and (isinstance(rate, bool) or not isinstance(rate, int | float)):
        raise Refused(400, "rate must be a number.")
    return players, rate
