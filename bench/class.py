"""A class on one server: a hundred pages opened, fifty hands dragging, four browsers that need no server, one greedy student; also while a training runs."""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported, as app.py does it

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from playwright.sync_api import sync_playwright

from bench.beside import training
from bench.hand import Served, free_port, served
from bench.students import Request, apart, drag, open_pages, refusal
from tests.conftest import BROWSERS, QUIET

ROOT = Path(__file__).parents[1]
PARTS = "pages", "drag", "browser", "greedy", "full"
WITHIN, RATE, POLITE, BROWSERS_OPEN, PLACES = 10.0, 10.0, 10, 4, 1000
BARS = {"page": 6.0, "move": 0.150, "refusal": 0.2}  # seconds
EACH, ALL = 16, 512  # requests that may wait, of one visitor and in all
READY = '[data-testid="latent-picture"]:not([data-ms="0"])'
DRAG = """seconds => { window.dragging = (async () => {
  const map = document.querySelector('[data-testid="latent-map"]'), picture = document.querySelector('[data-testid="latent-picture"]');
  const box = map.getBoundingClientRect(), at = (k) => ({ bubbles: true, pointerId: 1, button: 0,
    clientX: box.left + box.width * (0.5 + 0.4 * Math.sin(k / 23)), clientY: box.top + box.height * (0.5 + 0.4 * Math.cos(k / 31)) });
  let drawn = 0;
  new MutationObserver(() => drawn++).observe(picture, { attributeFilter: ['data-ms'] });
  map.dispatchEvent(new PointerEvent('pointerdown', at(0)));
  for (let k = 1; k < seconds * 30; k++) {
    map.dispatchEvent(new PointerEvent('pointermove', at(k)));
    await new Promise((rest) => setTimeout(rest, 33));
  }
  map.dispatchEvent(new PointerEvent('pointerup', at(seconds * 30)));
  return drawn;
})(); }"""


class Table:
    """Lines with bars; whether all were reached."""

    def __init__(self):
        self.fine = True

    def line(self, what: str, value: float, unit: str, bar: float | None = None, least: bool = False) -> None:
        said = f"  {what:66} {value:10.4g} {unit}"
        if bar is not None:
            reached = value >= bar if least else value <= bar
            said += f" (bar: at {'least' if least else 'most'} {bar:g}) {'reached' if reached else 'MISSED'}"
            self.fine &= reached
        print(said, flush=True)


def late(seconds: list[float]) -> float:
    """What 95 of 100 are not slower than."""
    return float(np.quantile(seconds, 0.95)) if seconds else float("inf")


class Lesson:
    """The parts of the measurement, over one running server."""

    def __init__(self, args: argparse.Namespace, port: int, server: Served, browser, table: Table):
        self.args, self.port, self.server, self.browser, self.table = args, port, server, browser, table
        self.url = f"http://127.0.0.1:{port}"
        self.places: tuple[np.ndarray, np.ndarray] | None = None

    def pages(self) -> None:
        requests, talks = self._recorded()
        pages = self.args.pages
        before = self.server.cpu()
        seconds, errors = apart(open_pages, self.port, requests, talks, pages, WITHIN * min(1, pages / 100))
        spent = (self.server.cpu() - before) / pages
        self.table.line(f"{pages} pages of {len(requests)} requests opened within {WITHIN * min(1, pages / 100):g} s, p95", late(seconds), "s", BARS["page"])
        self.table.line("errors", len(errors), "", 0)
        self.table.line("of the server's processor for a page", 1000 * spent, "ms")
        print(*(f"    {error}" for error in sorted(set(errors))[:5]), sep="\n", end="\n" if errors else "")

    def drag(self) -> None:
        self._dragged(f"{self.args.students} students, {RATE:g} moves a second for {self.args.seconds:g} s, p95", self.args.students, False)

    def greedy(self) -> None:
        found = self._dragged(f"{POLITE} students beside one who asks for all, p95", POLITE, True)
        self.table.line("refusals that the greedy one was told", found.refusals, "", 1, least=True)
        self.table.line("pictures that the greedy one got", found.pictures, "")

    def full(self) -> None:
        model = "mnist-diffusion"
        body = self._latents(model, 4).tobytes()
        answer, seconds = apart(refusal, self.port, f"/live/decode/{model}?n=4&steps=1000", body, ALL // EACH, EACH)
        self.table.line(f"a request when {ALL} wait: {answer.status} {answer.body.decode('utf-8', 'replace')[:60]!r}", seconds, "s", BARS["refusal"])
        self.table.line("it was refused", float(answer.status == 503), "", 1, least=True)

    def browser_road(self) -> None:
        pages, asked = [], []
        for _ in range(BROWSERS_OPEN):
            page = self.browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
            page.goto(f"{self.url}/?model={self.args.name}&road=browser")
            page.wait_for_selector(f'{READY}[data-road="browser"]')
            page.wait_for_timeout(2500)  # the mosaic is drawn
            page.on("request", lambda request: asked.append(request.url))
            page.on("websocket", lambda talk: asked.append(talk.url))
            pages.append(page)
        before = self.server.cpu()
        for page in pages:
            page.evaluate(DRAG, min(10, self.args.seconds))
        drawn = [page.evaluate("window.dragging") for page in pages]
        self.table.line(f"{BROWSERS_OPEN} browsers dragging by themselves: requests", len(asked), "", 0)
        self.table.line("pictures that each of them drew, at least", min(drawn), "", 1, least=True)
        self.table.line("of the server's processor meanwhile", 1000 * (self.server.cpu() - before), "ms")
        print(*(f"    {url}" for url in asked[:5]), sep="\n", end="\n" if asked else "")
        for page in pages:
            page.context.close()

    def _dragged(self, what: str, students: int, greedy: bool):
        self.places = self.places or self._expected()
        before = self.server.cpu()
        found = apart(drag, self.port, self.args.name, *self.places, students, self.args.seconds, RATE, greedy)
        spent = self.server.cpu() - before
        self.table.line(what, 1000 * late(found.seconds), "ms", 1000 * BARS["move"])
        self.table.line("wrong answers, and moves without one", found.wrong + found.lost, "", 0)
        if not greedy:
            self.table.line("of the server's processor for a move", 1000 * spent / max(1, len(found.seconds)), "ms")
        return found

    def _recorded(self) -> tuple[list[Request], list[str]]:
        """What a real browser with nothing in its cache asks for, in its order."""
        context, asked, talks = self.browser.new_context(viewport={"width": 1280, "height": 900}), [], []
        page = context.new_page()
        page.on("requestfinished", lambda request: asked.append(request))
        page.on("websocket", lambda talk: talks.append(talk.url.split(str(self.port), 1)[1]))
        page.goto(f"{self.url}/?model={self.args.name}")
        page.wait_for_selector(READY)
        page.wait_for_timeout(5000)
        own = sorted((request for request in asked if request.url.startswith(self.url)), key=lambda request: request.timing["startTime"])
        requests = [(request.method, request.url.removeprefix(self.url), request.post_data_buffer or b"") for request in own]
        context.close()
        return requests, talks

    def _latents(self, model: str, n: int) -> np.ndarray:
        from genmodels.engine import Engine
        engine = Engine(self.args.root)
        z = engine.prior(model, n, 3).reshape(n, -1)
        conditions = len(engine.blueprint(model).conditions)
        return np.concatenate([z.ravel(), np.zeros(n * conditions, np.float32)])

    def _expected(self) -> tuple[np.ndarray, np.ndarray]:
        """Places to drag over, and the pictures that must be seen there, made in one go."""
        from genmodels.engine import Engine
        engine = Engine(self.args.root)
        z = engine.prior(self.args.name, PLACES, 3)
        pictures = engine.decode(self.args.name, z)
        engine.close()
        return z.reshape(PLACES, -1), pictures


def _settled(server: Served) -> None:
    """Until the server has nothing to do: at its first start it packs the page's files for a minute, at the lowest priority."""
    for _ in range(100):
        before = server.cpu()
        time.sleep(2)
        if server.cpu() - before < 0.1:
            return


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--pages", type=int, default=100)
    parser.add_argument("--students", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60.0, help="of dragging")
    parser.add_argument("--name", default="mnist-vae-2d", help="an unconditional model")
    parser.add_argument("--root", type=Path, default=ROOT / "checkpoints")
    parser.add_argument("--training", choices=("no", "yes", "both"), default="both", help="whether a training runs beside")
    args = parser.parse_args(argv)
    table, port = Table(), free_port()
    chromium = next(filter(None, map(shutil.which, BROWSERS)), None)
    if not chromium:
        raise SystemExit("There is no Chromium here, from which the requests of a page are learned; install it with the system's package manager.")
    with tempfile.TemporaryDirectory() as folder, \
            served([sys.executable, str(ROOT / "app.py")], port, PORT=str(port), DATA_DIR=folder, MODEL=args.name) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        _settled(server)
        lesson = Lesson(args, port, server, browser, table)
        parts: dict[str, Callable[[], None]] = {"pages": lesson.pages, "drag": lesson.drag, "browser": lesson.browser_road,
                                                "greedy": lesson.greedy, "full": lesson.full}
        for beside in {"no": (False,), "yes": (True,), "both": (False, True)}[args.training]:
            print(f"{args.name}, {'while a training runs beside' if beside else 'nothing beside'}:")
            with training(Path(folder)) if beside else nullcontext():
                for part in args.parts:
                    parts[part]()
        browser.close()
    return 0 if table.fine else 1


if __name__ == "__main__":
    sys.exit(main())
