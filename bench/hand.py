"""Hand to pixel in a real browser: our two roads beside a plain Gradio slider with gr.Image over the same decoder; and frames a second."""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported, as app.py does it

import argparse
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1]))

from playwright.sync_api import Page, sync_playwright

from bench.beside import training
from tests.conftest import BROWSERS, QUIET

ROOT = Path(__file__).parents[1]
MOVES, ROUNDS, DRAG = 40, 5, 5.0
BARS = {"browser": 15, "server": 5, "frames": 55}  # times faster than the plain app; pictures a second
WHILE_TRAINING = {"browser": 16, "server": 50}  # milliseconds
INTERACTIVE = 10  # seconds from python app.py to a page that follows the hand

MOVE = """async ([moves, slider, watched]) => {
  const input = document.querySelector(slider), changed = HOW, times = [];
  for (let k = 0; k < moves; k++) {
    const drawn = changed(document.querySelector(watched)), began = performance.now();
    input.value = Math.sin(k * 0.7) * 2.5;
    input.dispatchEvent(new Event('input', { bubbles: true }));
    times.push(await drawn - began);
    await new Promise((rest) => setTimeout(rest, 60));
  }
  return times;
}"""

OURS = """(picture) => new Promise((done) => new MutationObserver((_, watch) => { watch.disconnect(); done(performance.now()); })
  .observe(picture, { attributeFilter: ['data-ms'] }))"""

PLAIN = """(box) => new Promise((done) => {
  const before = box.querySelector('img')?.src;
  new MutationObserver(async (_, watch) => {
    const image = box.querySelector('img');
    if (!image || image.src === before) return;
    watch.disconnect();
    await image.decode().catch(() => {});
    done(performance.now());
  }).observe(box, { subtree: true, childList: true, attributes: true });
})"""

FRAMES = """async (seconds) => {
  const map = document.querySelector('[data-testid="latent-map"]'), picture = document.querySelector('[data-testid="latent-picture"]');
  const box = map.getBoundingClientRect(), at = (k) => ({ bubbles: true, pointerId: 1, button: 0,
    clientX: box.left + box.width * (0.5 + 0.4 * Math.sin(k / 23)), clientY: box.top + box.height * (0.5 + 0.4 * Math.cos(k / 31)) });
  let drawn = 0, shown = 0, fresh = false, k = 0;
  const watch = new MutationObserver(() => { drawn++; fresh = true; });
  watch.observe(picture, { attributeFilter: ['data-ms'] });
  map.dispatchEvent(new PointerEvent('pointerdown', at(0)));
  const began = performance.now();
  await new Promise((done) => requestAnimationFrame(function frame() {
    if (fresh) shown++;
    fresh = false;
    if (performance.now() - began > seconds * 1000) return done();
    map.dispatchEvent(new PointerEvent('pointermove', at(++k)));
    requestAnimationFrame(frame);
  }));
  const passed = (performance.now() - began) / 1000;
  map.dispatchEvent(new PointerEvent('pointerup', at(k)));
  watch.disconnect();
  return shown / passed;
}"""


def plain(root: Path, name: str, port: int) -> None:
    """The app that people write first: one slider, one gr.Image, a decoder in between."""
    import gradio as gr
    import numpy as np
    import torch

    from genmodels.checkpoint import Checkpoint
    from genmodels.models import to_pixels
    torch.set_num_threads(1)
    model = Checkpoint(root / name).load()

    def decode(value):
        torch.set_num_threads(1)
        z = torch.zeros(1, *model.latent_shape)
        z[0, 0] = value
        with torch.inference_mode():
            return np.squeeze(to_pixels(model.decode(z))[0])

    with gr.Blocks() as blocks:
        slider, picture = gr.Slider(-3, 3, value=0, step=0.01), gr.Image(elem_id="plain-picture", show_label=False)
        slider.input(decode, slider, picture, trigger_mode="always_last", show_progress="hidden")
    blocks.launch(server_port=port, quiet=True)


@dataclass(frozen=True)
class Served:
    """A program that serves a page, and the seconds until its first answer."""

    pid: int
    seconds: float

    def cpu(self) -> float:
        """Seconds of a processor that it has used so far (Linux; 0 elsewhere)."""
        if not (said := Path(f"/proc/{self.pid}/stat")).exists():
            return 0.0
        user, system = said.read_text().rsplit(")", 1)[1].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


@contextmanager
def served(command: list[str], port: int, **variables):
    """A program that serves a page, from its first answer to its end."""
    began = time.monotonic()
    process = subprocess.Popen(command, env=os.environ | variables, stdout=subprocess.DEVNULL)
    try:
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=1).read()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() - began > 300:
                    raise SystemExit(f"{' '.join(command)} did not start.") from None
                time.sleep(0.05)
        yield Served(process.pid, time.monotonic() - began)
    finally:
        process.terminate()
        process.wait(15)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def opened(browser, address: str, ready: str) -> tuple[Page, float]:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(180_000)  # a busy machine opens pages late, which is no reason not to measure ratios on it
    began = time.monotonic()
    page.goto(address)
    page.wait_for_selector(ready)
    return page, time.monotonic() - began


def measure(args) -> bool:
    chromium = next(filter(None, map(shutil.which, BROWSERS)))
    ours, other = free_port(), free_port()
    with tempfile.TemporaryDirectory() as folder, \
            served([sys.executable, str(ROOT / "app.py")], ours, PORT=str(ours), DATA_DIR=folder, MODEL=args.name) as started, \
            served([sys.executable, __file__, "--plain", str(other), "--name", args.name, "--root", str(args.root)], other), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        pages, seconds = {}, {}
        for road in ("browser", "server"):
            address = f"http://127.0.0.1:{ours}/?model={args.name}&road={road}&point=seed:1"
            pages[road], seconds[road] = opened(browser, address, f'[data-testid="latent-picture"][data-road="{road}"]')
            pages[road].wait_for_timeout(2500)  # the mosaic is drawn
        plain_page, _ = opened(browser, f"http://127.0.0.1:{other}/", "input[type=range]")
        plain_page.wait_for_timeout(1500)
        results: dict[str, list[float]] = {"plain": [], "browser": [], "server": [], "frames": []}
        with training(Path(folder)) if args.training else nullcontext():
            ours_is = '[data-testid="latent-slider-0"]', '[data-testid="latent-picture"]', OURS
            plain_is = "input[type=range]", "#plain-picture", PLAIN
            for _ in range(ROUNDS):
                for name, page, (*where, how) in (("plain", plain_page, plain_is), ("browser", pages["browser"], ours_is),
                                                  ("server", pages["server"], ours_is)):
                    page.bring_to_front()
                    results[name] += page.evaluate(MOVE.replace("HOW", how), [MOVES, *where])
                pages["browser"].bring_to_front()
                results["frames"].append(pages["browser"].evaluate(FRAMES, DRAG))
        browser.close()
    return report(results, started.seconds + seconds["browser"], args)


def report(results: dict[str, list[float]], interactive: float, args) -> bool:
    """Print the medians beside the bars; whether all are met."""
    def line(what: str, value: str, met: bool, bar: str) -> bool:
        print(f"  {what:34} {value:>26}   bar {bar:28} {'met' if met else 'MISSED'}")
        return met

    base = median(results["plain"])
    print(f"{args.name}, median of {ROUNDS} x {MOVES} moves{', while a training runs beside' if args.training else ''}:")
    print(f"  {'plain Gradio app, hand to pixel':34} {f'{base:.2f} ms':>26}")
    fine = True
    for road in ("browser", "server"):
        ms = median(results[road])
        fine &= line(f"{road} road, hand to pixel", f"{ms:.2f} ms, {base / ms:.1f} times", base / ms >= BARS[road], f"{BARS[road]} times faster")
        if args.training:
            fine &= line(f"{road} road while training", f"{ms:.2f} ms", ms <= WHILE_TRAINING[road], f"{WHILE_TRAINING[road]} ms")
    frames = median(results["frames"])
    fine &= line("dragging over the map", f"{frames:.1f} pictures/s", frames >= BARS["frames"], f"{BARS['frames']}, median of {ROUNDS} x {DRAG:.0f} s")
    return fine & line("python app.py to following the hand", f"{interactive:.1f} s", interactive <= INTERACTIVE, f"{INTERACTIVE} s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", default="mnist-vae-2d")
    parser.add_argument("--root", type=Path, default=ROOT / "checkpoints")
    parser.add_argument("--training", action="store_true", help="while a training runs beside")
    parser.add_argument("--plain", type=int, help="serve only the plain app on this port")
    args = parser.parse_args()
    if args.plain:
        plain(args.root, args.name, args.plain)
    else:
        sys.exit(0 if measure(args) else 1)
