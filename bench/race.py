"""A race: contestants measured in turns within one run, and the table of their ratios."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import torch

Contestant = Callable[[int], None]  # does so many units of work


@dataclass(frozen=True)
class Bar:
    """The share of another contestant's rate that one must reach."""

    ours: str
    other: str
    least: float


def race(contestants: Mapping[str, Contestant], *, units: int, pictures: int, rounds: int, warm: int = 1) -> dict[str, list[float]]:
    """Pictures per second of each contestant in each round, which is `units` units of work of so many pictures.

    First all of them are warmed up. The order is turned round from one round to the next, so that a machine
    that slows down in between favours nobody.
    """
    for work in contestants.values():
        work(warm)
    rates: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(rounds):
        for name in list(contestants)[::-1 if turn % 2 else 1]:
            rates[name].append(units * pictures / _seconds(contestants[name], units))
    return rates


def report(title: str, rates: Mapping[str, Sequence[float]], bars: Sequence[Bar]) -> bool:
    """Print the rates, and the ratios beside their bars (each the median over the rounds); whether all bars are reached."""
    print(title)
    width = max(map(len, [*rates, *(_pair(bar) for bar in bars)]))
    for name, values in rates.items():
        print(f"  {name:{width}} {median(values):11,.1f} images/s   rounds: {' '.join(f'{value:.4g}' for value in values)}")
    return all([_verdict(f"{_pair(bar):{width}}", ratio(rates, bar.ours, bar.other), bar.least) for bar in bars])


def ratio(rates: Mapping[str, Sequence[float]], ours: str, other: str) -> float:
    """How many times as fast ours is: the median of the rounds' ratios."""
    return median(a / b for a, b in zip(rates[ours], rates[other], strict=True))


def _pair(bar: Bar) -> str:
    return f"{bar.ours} / {bar.other}"


def _verdict(what: str, found: float, least: float) -> bool:
    reached = found >= least
    print(f"  {what} {found:11.3f} (bar: at least {least:g}) {'reached' if reached else 'MISSED'}")
    return reached


def _seconds(work: Contestant, units: int) -> float:
    began = time.perf_counter()
    work(units)
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
    return time.perf_counter() - began
