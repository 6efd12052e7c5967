"""Start here: python app.py opens the playground. The only reader of environment variables."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: a decode in a server thread starves otherwise
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

import sys
from pathlib import Path

from starlette.middleware import Middleware

from genmodels.engine import Engine
from genmodels.ui import page
from genmodels.ui.live.routes import LiveRoutes
from genmodels.ui.serve import serve
from genmodels.ui.theme import ASSETS, look

CHECKPOINTS = Path(__file__).parent / "checkpoints"


def main() -> int:
    """Settings: PORT (7860), GRADIO_SERVER_NAME (127.0.0.1), MODEL (the first model shown), DATA_DIR (own checkpoints, caches),
    HOSTS (more names under which browsers reach the page, with commas between; a Space says its own in SPACE_HOST)."""
    data = Path(os.environ.get("DATA_DIR", "data")).resolve()
    try:
        port = int(os.environ.get("PORT", "7860"))
    except ValueError:
        print(f"PORT must be a number, not {os.environ['PORT']!r}.", file=sys.stderr)
        return 2
    engine = Engine(CHECKPOINTS, data / "checkpoints", cache=data / "cache")
    model = os.environ.get("MODEL", "mnist-vae-2d")
    if model not in engine.names() and "MODEL" in os.environ:
        print(f"There is no model {model!r}; there are {', '.join(engine.names())}.", file=sys.stderr)
        return 2
    hosts = [name.strip() for name in f"{os.environ.get('HOSTS', '')},{os.environ.get('SPACE_HOST', '')}".split(",") if name.strip()]
    try:
        serve(page(engine, model), engine, host=os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1"), port=port, data_dir=data, hosts=hosts,
              middleware=[Middleware(LiveRoutes, engine=engine, assets=ASSETS)], look=look())
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
