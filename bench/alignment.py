"""How near the eyes are found: faces re-photographed (turned, moved, scaled, JPEG), beside the places that the detector's box says."""

import argparse
import io
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

from genmodels.datasets import faces as celeba
from genmodels.intake.eyes import Eyes
from genmodels.intake.faces import faces_in

BAR = 0.08  # of the distance between the eyes; 1.2 pixels of an aligned picture
CANVAS = 480  # pixels of the larger picture that a face is put into
ASTRONAUT = ((203.5, 101.0), (247.0, 103.0))  # its eyes, as seen by a person


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.alignment", description=__doc__)
    parser.add_argument("--data", type=Path, help="celeba_64.npz or the folder that holds it; without it, the astronaut alone")
    parser.add_argument("--faces", type=int, default=200)
    asked = parser.parse_args()
    random = np.random.default_rng(0)
    rows = [("astronaut, 20 times", [measured(*photographed(astronaut(), ASTRONAUT, random)) for _ in range(20)])]
    if asked.data:
        try:
            images = celeba.load("test", asked.data).pixels[: asked.faces].permute(0, 2, 3, 1).numpy()
        except (OSError, ValueError) as error:
            print(error, file=sys.stderr)
            return 2
        eyes = np.array(celeba.EYES) + 0.5
        rows.append((f"{len(images)} faces of CelebA's test set", [measured(*photographed(Image.fromarray(one), eyes, random)) for one in images]))
    for name, results in rows:
        print(line(name, results), flush=True)
    return int(any(np.median([error for error, _ in results if error is not None]) > BAR for _, results in rows))


def astronaut() -> Image.Image:
    from skimage.data import astronaut
    return Image.fromarray(astronaut())


def photographed(image: Image.Image, eyes, random: np.random.Generator) -> tuple[Image.Image, Eyes]:
    """A picture turned by up to 20 degrees, scaled so that the eyes are 25 to 80 pixels apart, moved, and saved as JPEG; and where the eyes are then."""
    truth, turn, apart = np.array(eyes), np.radians(random.uniform(-20, 20)), random.uniform(25, 80)
    scale = apart / np.hypot(*(truth[1] - truth[0]))
    way = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    target = random.uniform(0.4, 0.6, 2) * CANVAS
    move = target - way @ truth.mean(0)
    back = np.linalg.inv(way)
    fill = tuple(int(value) for value in np.asarray(image)[:4].reshape(-1, 3).mean(0))
    origin = -back @ move
    sheet = image.transform((CANVAS, CANVAS), Image.Transform.AFFINE, [*back[0], origin[0], *back[1], origin[1]], Image.Resampling.BICUBIC, fillcolor=fill)
    file = io.BytesIO()
    sheet.save(file, "JPEG", quality=int(random.integers(60, 95)))
    return Image.open(file).convert("RGB"), Eyes.of([truth @ way.T + move])


def measured(image: Image.Image, truth: Eyes) -> tuple[float | None, float]:
    """The error of the face that is nearest to the true one, None where none was found; and the seconds that it took."""
    since = time.perf_counter()
    errors = [Eyes.of([face.eyes]).error(truth)[0] for face in faces_in(image)]
    return min(errors, default=None), time.perf_counter() - since


def line(name: str, results) -> str:
    errors = np.array([error for error, _ in results if error is not None])
    if not len(errors):
        return f"{name}: none found"
    return (f"{name}: found {len(errors)} of {len(results)}, median error {np.median(errors):.3f} of the distance between the eyes (bar {BAR}), "
            f"90 % below {np.quantile(errors, 0.9):.3f}, {np.median([seconds for _, seconds in results]):.2f} s each")


if __name__ == "__main__":
    sys.exit(main())
