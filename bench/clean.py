"""Hand to pixel on the Clean part of Denoise, in a real browser, beside the slider of Explore on the server's road: python -m bench.clean

All take turns in one run, so that their ratios mean something on a busy machine. A move of the noise slider is followed until the noisy picture
has changed, and until a picture of that very noise has come from the denoising autoencoder and from the median; then the slider is dragged, a
move in every frame, and the frames are counted in which the noisy picture followed the hand.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported, as app.py does it

import argparse
import shutil
import sys
import tempfile
from statistics import median

from playwright.sync_api import Page, sync_playwright

from bench.hand import MOVE, OURS, ROOT, free_port, opened, served
from tests.conftest import BROWSERS, QUIET

MOVES, DRAG = 20, 3.0
FRAME, FEWEST = 1000 / 60, 55  # milliseconds of a frame; frames a second in which the picture follows a drag
WAYS = ("noisy", "denoiser", "median")

CLEAN = """async ([moves, ways]) => {
  const slider = document.querySelector('[data-testid="level"]'), times = Object.fromEntries(ways.map((way) => [way, []]));
  for (let k = 0; k < moves; k++) {
    const level = Math.round(100 * (0.5 + 0.35 * Math.sin(k * 0.7 + 1))) / 100, before = slider.value;
    if (+before === level) continue;
    const drawn = ways.map((way) => new Promise((done) => {
      const tile = document.querySelector(`.lp-cleantile[data-way="${way}"]`);
      new MutationObserver((_, watch) => { if (tile.dataset.of.split(',')[1] === String(level)) { watch.disconnect(); done(performance.now()); } })
        .observe(tile, { attributeFilter: ['data-of'] });
    }));
    const began = performance.now();
    slider.value = level;
    slider.dispatchEvent(new Event('input', { bubbles: true }));
    (await Promise.all(drawn)).forEach((at, i) => times[ways[i]].push(at - began));
    await new Promise((rest) => setTimeout(rest, 60));
  }
  return times;
}"""

DRAGGED = """async (seconds) => {
  const slider = document.querySelector('[data-testid="level"]'), tile = document.querySelector('.lp-cleantile[data-way="noisy"]');
  let frames = -1, followed = 0, longest = 0, last = 0, k = 0, seen = tile.dataset.of;
  const began = performance.now();
  await new Promise((done) => requestAnimationFrame(function frame(now) {
    frames++;
    if (last) longest = Math.max(longest, now - last);
    last = now;
    if (tile.dataset.of !== seen) followed++;
    seen = tile.dataset.of;
    if (performance.now() - began > seconds * 1000) return done();
    slider.value = 0.5 + 0.4 * Math.sin(++k / 9) + 0.02 * (k % 2); // never the same twice
    slider.dispatchEvent(new Event('input', { bubbles: true }));
    requestAnimationFrame(frame);
  }));
  const passed = (performance.now() - began) / 1000;
  return { frames: frames / passed, followed: followed / passed, longest };
}"""


def measure(names: list[str], rounds: int) -> bool:
    chromium = next(filter(None, map(shutil.which, BROWSERS)))
    port = free_port()
    with tempfile.TemporaryDirectory() as folder, \
            served([sys.executable, str(ROOT / "app.py")], port, PORT=str(port), DATA_DIR=folder, MODEL="mnist-vae-2d"), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        address = f"http://127.0.0.1:{port}/"
        explore, _ = opened(browser, f"{address}?model=mnist-vae-2d&road=server&point=seed:1", '[data-testid="latent-picture"]:not([data-ms="0"])')
        cleaning = {name: opened(browser, f"{address}?tab=denoise&part=clean&model={name}", '.lp-cleantile[data-way="median"][data-state="ready"]')[0]
                    for name in names}
        times: dict[str, list[float]] = {}
        drags: dict[str, list[dict[str, float]]] = {name: [] for name in names}
        for page in (explore, *cleaning.values()):
            page.wait_for_timeout(2000)  # all that loads beside has come
        for _ in range(rounds):
            turn(explore, cleaning, times, drags)
        browser.close()
    return report(names, times, drags, rounds)


def turn(explore: Page, cleaning: dict[str, Page], times: dict[str, list[float]], drags: dict[str, list[dict[str, float]]]) -> None:
    """One round of all of them."""
    slider = '[data-testid="latent-slider-0"]', '[data-testid="latent-picture"]'
    explore.bring_to_front()
    times.setdefault("explore", []).extend(explore.evaluate(MOVE.replace("HOW", OURS), [MOVES, *slider]))
    for name, page in cleaning.items():
        page.bring_to_front()
        for way, took in page.evaluate(CLEAN, [MOVES, WAYS]).items():
            times.setdefault(f"{name} {way}", []).extend(took)
        drags[name].append(page.evaluate(DRAGGED, DRAG))


def report(names: list[str], times: dict[str, list[float]], drags: dict[str, list[dict[str, float]]], rounds: int) -> bool:
    """Print the medians and their ratios to Explore's server road; whether the noisy picture keeps up with the hand."""
    middle, load = {what: median(took) for what, took in times.items()}, os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    print(f"median of {rounds} x {MOVES} moves; {load:.1f} programs wanted one of {os.cpu_count()} cores")
    print(f"  {'Explore, server road':44} {middle['explore']:8.2f} ms")
    fine = True
    for name in names:
        for way in WAYS:
            took = middle[f"{name} {way}"]
            met = way != "noisy" or took <= FRAME
            print(f"  {f'{name}, {way}':44} {took:8.2f} ms   {took / middle['explore']:5.2f} of Explore's server road" + ("" if way != "noisy" else
                  f"   bar: a frame, {FRAME:.1f} ms: {'met' if met else 'MISSED'}"))
            fine &= met
        drag = {key: median(one[key] for one in drags[name]) for key in drags[name][0]}
        met = drag["followed"] >= min(FEWEST, 0.95 * drag["frames"])
        print(f"  {f'{name}, dragged':44} {drag['followed']:8.1f} of {drag['frames']:.1f} frames a second with a new picture, longest {drag['longest']:.0f} ms"
              f"   bar: {FEWEST}, or all but 5 % of those that there are: {'met' if met else 'MISSED'}")
        fine &= met
    return fine


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.clean", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=["mnist-dae", "faces-dae"], metavar="NAME", help="models whose data are cleaned: mnist-dae and faces-dae")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    sys.exit(0 if measure(args.names, args.rounds) else 1)
