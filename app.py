"""Start here: python app.py opens the playground. The only reader of environment variables."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: a decode in a server thread starves otherwise
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
if os.environ.get("SPACES_ZERO_GPU"):
    import spaces  # noqa: F401  before torch, which it changes where cards are lent

import argparse
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from starlette.middleware import Middleware

from genmodels.engine import Engine
from genmodels.hub import Shelf
from genmodels.train.worker import Service
from genmodels.ui import TITLE, page
from genmodels.ui.classroom import Classroom
from genmodels.ui.live.cleaning import Cleaning
from genmodels.ui.live.head import Place
from genmodels.ui.live.intake import Intake
from genmodels.ui.live.neighbours import Neighbours
from genmodels.ui.live.path import NoiseRoad, PathRoad
from genmodels.ui.live.routes import LiveRoutes
from genmodels.ui.live.shelf import ShelfRoad
from genmodels.ui.live.taking import Taking
from genmodels.ui.live.training import TrainRoad, open_to_asker
from genmodels.ui.live.wish import Wish
from genmodels.ui.live.workshop import Workshop
from genmodels.ui.serve import serve
from genmodels.ui.theme import ASSETS, look

ROOT = Path(__file__).parent
CHECKPOINTS = ROOT / "checkpoints"
FIRST = "mnist-vae-2d"
STORAGE = Path("/data")  # of a Space that has bought one: it outlives a sleep


@dataclass(frozen=True)
class Settings:
    """What the environment says; a Space says some of it by itself."""

    host: str
    port: int
    hosts: tuple[str, ...]
    data: Path
    pictures: Path | None
    model: str
    title: str
    tabs: tuple[str, ...]
    space: str
    lent: bool
    sign_in: bool


def settings() -> Settings:
    """ValueError in words for a PORT that is none. See the README's table."""
    space = os.environ.get("SPACE_ID", "")
    try:
        port = int(os.environ.get("PORT", "7860"))
    except ValueError:
        raise ValueError(f"PORT must be a number, not {os.environ['PORT']!r}.") from None
    kept = STORAGE / "latent-playground" if space and os.access(STORAGE, os.W_OK) else Path("data")
    return Settings(
        host=os.environ.get("GRADIO_SERVER_NAME", "0.0.0.0" if space else "127.0.0.1"), port=port,
        hosts=_names(os.environ.get("HOSTS", "")) + _names(os.environ.get("SPACE_HOST", "")),
        data=Path(os.environ.get("DATA_DIR") or kept).resolve(), pictures=Path(pictures).resolve() if (pictures := os.environ.get("PICTURES")) else None,
        model=os.environ.get("MODEL") or FIRST, title=os.environ.get("TITLE") or TITLE, tabs=_names(os.environ.get("TABS", "")),
        space=space, lent=os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true"), sign_in=bool(space and os.environ.get("OAUTH_CLIENT_ID")))


def main() -> int:
    """0 after a clean end, 2 with a sentence for a setting that cannot be."""
    in_class = arguments().parse_args().in_class
    try:
        return run(settings(), in_class)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=f"{TITLE}: opens the page. Settings are environment variables; the README lists them.")
    parser.add_argument("--class", dest="in_class", action="store_true", help="let a class in: listen on the local network and show its address as a QR code")
    return parser


def run(asked: Settings, in_class: bool) -> int:
    """Build engine, page and roads, and serve them until somebody ends it."""
    if asked.space:
        furnish()
    if asked.pictures and not asked.pictures.is_dir():
        raise ValueError(f"PICTURES must name a folder with data sets such as mnist.npz, not {asked.pictures}.")
    shelf = Shelf(asked.data / "fetched")
    service = Service(asked.data / "runs", asked.pictures, "cpu" if asked.lent else None, CHECKPOINTS)  # a card is lent for moments only
    engine = Engine(CHECKPOINTS, asked.data / "checkpoints", shelf.folder, device="zero" if asked.lent else None, cache=asked.data / "cache",
                    runs=service.folder, may=open_to_asker(service))
    on_the_hub, host, on_open = "/" in asked.model, asked.host, []
    if not on_the_hub and asked.model not in (FIRST, *engine.names()):
        raise ValueError(f"There is no model {asked.model!r}; there are {', '.join(engine.names())}. One on the Hugging Face Hub is named owner/name.")
    place = Place(asked.space, asked.data.is_relative_to(STORAGE), asked.model if on_the_hub else "")
    blocks = page(engine, FIRST if on_the_hub else asked.model, asked.title, asked.tabs, place)
    train = TrainRoad(service, engine, asked.pictures)
    hub = ShelfRoad(shelf, engine, classroom=in_class, sign_in=asked.sign_in, trained=service.models)
    roads = {"hub": hub, "train": train, "take": Taking(engine), "directions": Workshop(engine), "own": (own := Intake(engine)), "clean": Cleaning(engine),
             "neighbours": Neighbours(engine, asked.pictures), "path": PathRoad(engine), "noise": NoiseRoad(engine)}
    on_stop = [hub.close, own.close, train.close]
    if on_the_hub:
        wish = roads["wish"] = Wish(shelf, asked.model)
        wish.start()
        on_stop.append(wish.close)
    if in_class:
        classroom = roads["class"] = Classroom(asked.port)
        host = classroom.host
        on_open.append(classroom.invite)
    serve(blocks, engine, host=host, port=asked.port, data_dir=asked.data, hosts=asked.hosts, framed=bool(asked.space), home=not asked.space, look=look(),
          middleware=[Middleware(LiveRoutes, engine=engine, assets=ASSETS, roads=roads)], on_open=on_open, on_stop=on_stop)
    return 0


def furnish() -> None:
    """Bring what make brings elsewhere, since a Space installs requirements.txt and nothing else. Without it the page works too."""
    if find_spec("diffusers") is None:
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--retries", "1", "--no-deps", "-r", ROOT / "requirements-diffusers.txt"])
    subprocess.Popen([sys.executable, ASSETS / "install.py"])  # the browser's runtime; the page does not wait for it


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


if __name__ == "__main__":
    sys.exit(main())
