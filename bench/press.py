"""From pressing Train to seeing something, as a person has it: a real page, a real browser, and a judge of what the map or the samples show by then."""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported, as app.py does it

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

import torch
from playwright.sync_api import Page, sync_playwright

from bench.hand import free_port, opened, served
from bench.presets import Judge, numbers
from genmodels.checkpoint import Checkpoint
from genmodels.datasets import dataset
from tests.conftest import BROWSERS, QUIET

ROOT = Path(__file__).resolve().parents[1]
READS = 6.0  # seconds that a person looks at the form before pressing
BARS = {"vae": [(20.0, "map classes", 5), (90.0, "map classes", 6), (90.0, "map sure", 0.3)], "gan": [(300.0, "classes", 8), (300.0, "sure", 0.5)]}
RUN, NEWEST = '[data-testid="run"]', "document.querySelector('[data-testid=run]')?.dataset.frame"


def pressed(page: Page) -> float:
    """Press Train; the moment of it."""
    page.locator('[data-testid="train-estimate"] strong', has_text="bout").wait_for()
    print(f"  said before: {page.inner_text('[data-testid=train-estimate]')!r}", flush=True)
    page.wait_for_timeout(1000 * READS)
    page.get_by_test_id("train").click()
    return time.monotonic()


def paused(page: Page, began: float, at: float, runs: Path) -> tuple[Checkpoint, float, int]:
    """The model as it is so many seconds after Train was pressed, the seconds that pausing took, and its steps."""
    page.wait_for_timeout(max(0.0, 1000 * (at - (time.monotonic() - began))))
    asked = time.monotonic()
    page.get_by_test_id("run-pause").click()
    page.wait_for_selector(f'{RUN}[data-state="paused"]')
    took = time.monotonic() - asked
    [folder] = runs.glob("*/checkpoint")
    return Checkpoint(folder), took, int("".join(filter(str.isdigit, page.inner_text(".lp-trainstands").split("of")[0])))


def measure(args) -> int:
    chromium, port, missed = next(filter(None, map(shutil.which, BROWSERS))), free_port(), 0
    train, test = (dataset("mnist", (1, 28, 28)).load(split, args.data) for split in ("train", "test"))
    judge = Judge("mnist", train)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright, \
            served([sys.executable, str(ROOT / "app.py")], port, PORT=str(port), DATA_DIR=folder, PICTURES=str(args.data.resolve())):
        browser = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        page, seconds = opened(browser, f"http://127.0.0.1:{port}/?tab=train&learn=mnist&kin={args.kin}", '[data-testid="train-estimate"]')
        print(f"the form of {args.kin} stands after {seconds:.1f} s", flush=True)
        began = pressed(page)
        page.wait_for_function(f"{NEWEST} !== undefined")
        print(f"  first pictures {time.monotonic() - began:.1f} s after Train was pressed", flush=True)
        for at in sorted({at for at, *_ in BARS[args.kin]}):
            checkpoint, took, steps = paused(page, began, at, Path(folder) / "runs")
            found = numbers(checkpoint.load(), test, judge)
            told = ", ".join(f"{name} {value:.3g}" for name, value in found.items())
            print(f"  {at:.0f} s after Train, {steps:,} steps, paused within {took:.2f} s: {told}", flush=True)
            for moment, name, bar in BARS[args.kin]:
                if moment == at:
                    missed += found[name] < bar
                    print(f"  {'met' if found[name] >= bar else 'MISSED'}: {name} at least {bar:g}", flush=True)
            paused_for = time.monotonic()
            page.get_by_test_id("run-resume").click()
            page.wait_for_selector(f'{RUN}[data-state="running"]')
            began += time.monotonic() - paused_for  # only time in which it may train counts
        browser.close()
    return min(missed, 1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.press", description=__doc__)
    parser.add_argument("kin", nargs="?", choices=BARS, default="vae", help="the family, with the form as it stands")
    parser.add_argument("--data", type=Path, required=True, help="the folder with mnist.npz")
    torch.set_num_threads(1)
    sys.exit(measure(parser.parse_args()))
