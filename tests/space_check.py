"""Runs app.py as a Hugging Face Space would, and says what holds: python -m tests.space_check [PYTHON]; make space does it in a fresh environment."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from .conftest import BROWSERS, QUIET
from .explore_page import PICTURE

ROOT = Path(__file__).parents[1]
SPACE, HOST = "somebody/latent-playground", "somebody-latent-playground.hf.space"
PATIENCE = 120  # seconds until the page must be open
DEVICES = {"cpu": "CPU", "zero": "CPU, with ZeroGPU for long work"}  # engine mode -> what the page calls it
LENDING = '''"""Stands in for the package that ZeroGPU Spaces have: it lends the processor."""

import sys

if "torch" in sys.modules:
    raise RuntimeError("CUDA has been initialized before importing the `spaces` package.")


def GPU(duration):
    def around(function):
        def lent(*asked):
            function.__self__.place = type(function.__self__.place)("cpu")
            return function(*asked)
        return lent
    return around


def gradio_auto_wrap(function):
    return function
'''


def variables(mode: str, folder: Path, port: int) -> dict[str, str]:
    """All that the process is told: what every Space has, and what ZeroGPU adds. Nothing of the person's own environment."""
    told = {name: os.environ[name] for name in ("PATH", "LANG", "SYSTEMROOT", "CI") if name in os.environ}
    told |= {"HOME": str(folder), "SYSTEM": "spaces", "SPACE_ID": SPACE, "SPACE_HOST": HOST, "SPACE_AUTHOR_NAME": SPACE.split("/")[0],
             "SPACE_REPO_NAME": SPACE.split("/")[1], "SPACE_TITLE": "Latent Playground", "PORT": str(port)}
    if mode == "zero":
        (folder / "lent" / "spaces").mkdir(parents=True)
        (folder / "lent" / "spaces" / "__init__.py").write_text(LENDING)
        told |= {"SPACES_ZERO_GPU": "true", "PYTHONPATH": str(folder / "lent")}
    return told


@contextmanager
def space(python: str, mode: str, folder: Path) -> Iterator[tuple[subprocess.Popen, str, dict[str, str]]]:
    """app.py, started in an empty folder: the process, its address on this machine, and what it was told. What it says goes to `said`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    told = variables(mode, folder, port)
    with (folder / "said").open("w") as said:
        process = subprocess.Popen([Path(python).absolute(), ROOT / "app.py"], cwd=folder, env=told, stdout=said, stderr=subprocess.STDOUT)
    try:
        yield process, f"http://127.0.0.1:{port}", told
    finally:
        process.kill()
        process.wait()


def checks(python: str, mode: str, folder: Path, browser) -> Iterator[tuple[str, bool]]:
    """What must hold, one sentence at a time, with whether it does."""
    with space(python, mode, folder) as (process, url, told):
        yield "no secret is in its environment", not [name for name in told if re.search("TOKEN|SECRET|PASSWORD|OAUTH|KEY", name)]
        opened = opens(process, url)
        yield f"the page opens within {PATIENCE} s", opened
        if not opened:
            return
        yield "/health answers ok", ask(f"{url}/health") == (200, b"ok")
        yield "it answers to the name of the Space", ask(f"{url}/config", {"Host": HOST, "X-Forwarded-Proto": "https", "X-Forwarded-Host": HOST})[0] == 200
        yield "it answers to no other name", ask(f"{url}/config", {"Host": "elsewhere.example"})[0] == 403
        listed = json.loads(ask(f"{url}/live/catalogue.json")[1] or "{}")
        yield f"the engine computes on {DEVICES[mode]}", listed.get("device") == DEVICES[mode]
        yield "the bundled models are there", len([model for model in listed.get("models", []) if not model.get("error")]) >= 10
        status, pixels = ask(f"{url}/live/decode/mnist-vae-2d?n=1", body=np.zeros(2, np.float32).tobytes())
        yield "the server decodes a picture", status == 200 and len(pixels) == 28 * 28 and max(pixels, default=0) > 100
        yield from seen(url, browser)
        if os.name != "nt":
            process.send_signal(signal.SIGTERM)
            yield "it ends in order when the Space is stopped", process.wait(30) == 0


def opens(process: subprocess.Popen, url: str) -> bool:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None:
        if ask(f"{url}/health")[0] == 200:
            return True
        time.sleep(0.1)
    return False


def ask(url: str, headers: dict[str, str] | None = None, body: bytes | None = None) -> tuple[int, bytes]:
    """Status and body; 0 where nobody answers."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers or {}), timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError:
        return 0, b""


def seen(url: str, browser) -> Iterator[tuple[str, bool]]:
    """The same in a browser, and that nothing complains there."""
    complaints, context = [], browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: message.type == "error" and not about_badge(message) and complaints.append(f"{message.text} {message.location['url']}"))
    try:
        page.goto(f"{url}/?road=server")
        page.wait_for_selector(f'{PICTURE}:not([data-ms="0"])', timeout=60_000)
        yield "a picture is under the hand", page.locator(PICTURE).is_visible()
        note = page.get_by_test_id("keeping")
        note.locator("summary").click()
        yield "it says what is lost when it sleeps", "its disk is emptied" in note.inner_text()
        page.evaluate("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
        page.get_by_role("button", name="Copy link", exact=True).first.click()
        page.wait_for_function("window.copied", timeout=60_000)
        yield "a copied link is the Space's outer address", page.evaluate("window.copied").startswith(f"https://huggingface.co/spaces/{SPACE}?")
        heard = [text for text in complaints if "manifest" not in text]  # a Space has one, if it is to be installed as an app; this page has none
        yield " ".join(["the browser has nothing to complain of", *heard]), not heard
    finally:
        context.close()


def about_badge(message) -> bool:
    """Whether this is about the badge that Gradio shows on a Space's own address: it asks the Hub, which knows nothing of this one, and loads its fonts."""
    return message.location["url"].startswith(("https://huggingface.co/", "https://fonts.googleapis.com/")) or message.text == "Space not found"


def main(python: str) -> int:
    """Every check in every engine mode that needs no GPU: 0 if all hold, else 1 with what the page said."""
    from playwright.sync_api import sync_playwright
    found, failed = next(filter(None, map(shutil.which, BROWSERS)), None), 0
    if not found:
        print("There is no Chromium here, which the check needs; install it with the system's package manager.", file=sys.stderr)
        return 1
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=QUIET)
        for mode in DEVICES:
            with tempfile.TemporaryDirectory() as name:
                before = failed
                for sentence, holds in checks(python, mode, Path(name), browser):
                    print(f"{mode:5} {'ok  ' if holds else 'FAIL'} {sentence}", flush=True)
                    failed += not holds
                if failed > before:
                    print(Path(name, "said").read_text(), file=sys.stderr)
        browser.close()
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2] or [sys.executable]))
