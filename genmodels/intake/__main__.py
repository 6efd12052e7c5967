"""Learns where the eyes of faces are: python -m genmodels.intake --data FOLDER writes eyes.npz from the faces of CelebA."""

import argparse
import sys
from pathlib import Path

import numpy as np

from ..datasets import faces, photographs
from .eyes import LEARNED, Eyes, features, patches

STEPS, STARTS, RIDGE, COUNT = 5, 3, 300.0, 4500  # linear steps; guesses for each face; penalty; faces, each of them mirrored as well
NEAR = 0.15  # distances between the eyes: from there on they count as found
PHOTOGRAPH = 160  # pixels of a photograph without faces
OFF, LARGER, TURNED = 0.12, 0.12, np.radians(12)  # standard deviations of a guess: in distances between the eyes, as a logarithm, in radians


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m genmodels.intake", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="celeba_64.npz or the folder that holds it")
    try:
        images = faces.load("train", parser.parse_args().data)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    chosen = images.pixels[:: max(1, len(images.pixels) // COUNT)][:COUNT].float().mean(1).numpy()
    np.savez(LEARNED, **learned(chosen, lambda line: print(line, flush=True)))
    return 0


def learned(grey: np.ndarray, say=lambda line: None, seed: int = 0) -> dict[str, np.ndarray]:
    """From aligned faces float [N, 64, 64] what `eyes.learned` reads, in float16."""
    eyes = np.array(faces.EYES) + 0.5
    mirrored = np.stack([grey.shape[2] - eyes[::-1, 0], eyes[:, 1]], 1)
    grey, random = np.concatenate([grey, grey[:, :, ::-1]]), np.random.default_rng(seed)
    which = np.tile(np.arange(len(grey)), STARTS)
    truth = Eyes.of(np.repeat(np.stack([eyes, mirrored]), len(grey) // 2, 0)[which])
    eyes, steps = guesses(truth, random), []
    for _ in range(STEPS):
        seen = features(patches(grey[which], eyes)).astype(np.float32)
        steps.append(solved(seen, eyes.towards(truth)))
        eyes = eyes.moved(seen.astype(np.float64) @ steps[-1])
        say(f"step {len(steps)}: the median error is {np.median(eyes.error(truth)):.4f} of the distance between the eyes")
    good = eyes.error(truth) < NEAR
    yes = features(patches(grey[which[good]], Eyes(eyes.middle[good], eyes.across[good])))[:: STARTS]
    no = elsewhere(steps, len(yes), random)
    face = solved(np.concatenate([yes, no]), np.repeat([1.0, -1.0], [len(yes), len(no)])[:, None])[:, 0]
    say(f"{(yes @ face > 0).mean():.1%} of the faces are told to be some, and {(no @ face > 0).mean():.1%} of the places in photographs without any")
    return {"steps": np.stack(steps), "face": face}


def solved(seen: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The linear map with a small penalty, float16 [features, targets]."""
    seen = seen.astype(np.float32)
    return np.linalg.solve(seen.T @ seen + RIDGE * np.eye(seen.shape[1], dtype=np.float32), seen.T @ wanted.astype(np.float32)).astype(np.float16)


def elsewhere(steps: list[np.ndarray], count: int, random: np.random.Generator) -> np.ndarray:
    """What the same steps find in free photographs without faces."""
    grey = photographs.whole(PHOTOGRAPH)[1:].float().mean(1).numpy()  # the first is the astronaut
    which, apart, turn = random.integers(0, len(grey), count), random.uniform(8, 24, count), random.uniform(-0.4, 0.4, count)
    eyes = Eyes(random.uniform(0.1, 0.9, (count, 2)) * PHOTOGRAPH, apart[:, None] * np.stack([np.cos(turn), np.sin(turn)], 1))
    for step in steps:
        eyes = eyes.moved(features(patches(grey[which], eyes)) @ step)
    return features(patches(grey[which], eyes))


def guesses(truth: Eyes, random: np.random.Generator) -> Eyes:
    """As far from the truth as a detector's box on a face that is turned a little."""
    n, around = len(truth.middle), lambda size, *shape: random.normal(0, size, shape)
    scale, angle = np.exp(around(LARGER, n)), around(TURNED, n)
    return truth.moved(np.concatenate([around(OFF, n, 2), (scale * np.cos(angle) - 1)[:, None], (scale * np.sin(angle))[:, None]], 1))


if __name__ == "__main__":
    sys.exit(main())
