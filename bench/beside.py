"""A training that runs beside a measurement, at the priority and on the cores that the worker has."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

RECIPE = {"format": 1, "family": "vae", "dataset": "digits", "model": {"image_shape": [1, 8, 8], "width": 64, "depth": 2},
          "recipe": {"stages": [{"steps": 10_000_000}], "batch": 512}}


@contextmanager
def training(folder: Path) -> Iterator[None]:
    """Train on the embedded digits until the measurement is over. RuntimeError if the training did not live all the while."""
    (folder / "beside.json").write_text(json.dumps(RECIPE))
    threads = str(max(1, (os.cpu_count() or 2) - 1))
    command = [sys.executable, "-m", "genmodels.train", str(folder / "beside.json"), "--runs", str(folder), "--device", "cpu", "--threads", threads]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[1], stderr=subprocess.DEVNULL, env=os.environ | {"OMP_NUM_THREADS": threads},
                               preexec_fn=(lambda: os.nice(10)) if hasattr(os, "nice") else None)
    try:
        while not (folder / "beside" / "events.jsonl").exists():
            if process.poll() is not None:
                raise RuntimeError("The training beside did not start; run it alone to see why: " + " ".join(command))
            time.sleep(0.2)
        yield
        if process.poll() is not None:
            raise RuntimeError("The training beside ended before the measurement did.")
    finally:
        process.terminate()
        process.wait()
