"""What the tests of the short roads share: checkpoints, the page's files, and the roads over both."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from genmodels.engine import Engine
from genmodels.ui.live.routes import LiveRoutes

from .conftest import DIGITS, save_tiny, tiny_model
from .engine_kit import save_classifier

CODES = np.random.default_rng(0).normal(size=(20, 3))


def checkpoints(roots: Path) -> Path:
    """An autoencoder, a VAE with an atlas, a conditional VAE, a GAN, a diffusion model, and a classifier of their data."""
    for name in ("autoencoder", "vae", "gan"):
        save_tiny(tiny_model(name), roots / name)
    save_tiny(tiny_model("diffusion", steps=2), roots / "diffusion")
    save_tiny(tiny_model("vae", conditions=DIGITS), roots / "cvae")
    save_classifier(roots / "digits-classifier")
    (roots / "vae" / "metrics.json").write_text('{"label_kept": 0.9}')
    np.savez_compressed(roots / "vae" / "atlas.npz", codes=CODES.astype(np.float16), labels=np.arange(20, dtype=np.uint8) % 10,
                        xy=CODES[:, :2].astype(np.float16), axes=np.eye(2, 3, dtype=np.float32), centre=np.zeros(3, np.float32),
                        reach=np.float32(2.5))
    return roots


def page_files(assets: Path) -> Path:
    """A script, a style, and what is never served."""
    (assets / "js").mkdir(parents=True)
    (assets / "js" / "map.js").write_text("export const map = 1;\n" * 100)
    (assets / "look.css").write_text("body { margin: 0 }")
    (assets / "package.json").write_text("{}")
    (assets / "secret.py").write_text("never served")
    (assets.parent / "outside.js").write_text("never served")
    return assets


@contextmanager
def roads(roots: Path, assets: Path, cache: Path) -> Iterator[LiveRoutes]:
    """The roads, with a page behind them, over an engine of their own."""
    engine = Engine(roots, device="cpu", cache=cache)
    yield LiveRoutes(PlainTextResponse("the page"), engine=engine, assets=assets)
    engine.close()


def catalogue(client: TestClient) -> dict:
    return client.get("/live/catalogue.json").json()


def model(client: TestClient, name: str) -> dict:
    """What the catalogue says of one model."""
    [entry] = [entry for entry in catalogue(client)["models"] if entry["name"] == name]
    return entry
