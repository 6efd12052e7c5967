"""What evaluate keeps in a checkpoint's folder, checked as it is read: the atlas, a classifier's features, and directions."""

import io
import json
import math
from dataclasses import dataclass, field

import numpy as np
from safetensors.numpy import save

from .latent.directions import NAME, SOURCES, Direction, word
from .normal import latents

LONGEST_ATLAS = 10_000  # latents
MOST_DIRECTIONS = 64
LARGEST_DIRECTIONS = {"directions.json": 2 << 20, "directions.safetensors": 16 << 20}  # bytes that are read at all
TOLD = ("name", "source", "accuracy", "scale", "intercept", "about")  # what directions.json says of each
MATRICES = ("cosines", "before", "after", "logits_before", "logits_after")  # of its leakage


def read_atlas(arrays: dict[str, np.ndarray], latent_shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    """The arrays of atlas.npz, with the codes made where their seed was kept. ValueError says what is wrong with that.

    codes float16 [N, *latent_shape], labels uint8 [N], xy float16 [N, 2] = (codes - centre) @ axes.T, axes float32 [2, D],
    centre float32 [D], reach float32 [] (half the side of the map, in sigmas), and std float16 [N, *latent_shape] where the model
    has a posterior. An atlas of random latents has their seed, int64 [], as well: its codes are float32. One of a heavy model may
    have what it makes of its codes, too: pictures uint8 [N, H, W, C].
    """
    if "seed" not in arrays:
        return arrays
    seed, labels = arrays["seed"], arrays.get("labels", np.zeros(0))
    if seed.shape or seed.dtype != np.int64 or not 0 <= seed < 2**32 or labels.ndim != 1 or len(labels) > LONGEST_ATLAS:
        raise ValueError(f"it must have a seed from 0 to {2**32 - 1} and at most {LONGEST_ATLAS:,} labels.")
    return arrays | {"codes": latents(int(seed), len(labels), latent_shape)}


def npz(arrays: dict[str, np.ndarray]) -> bytes:
    """Arrays as a compressed .npz file."""
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def read_features(arrays: dict[str, np.ndarray], size: int) -> dict[str, np.ndarray]:
    """The arrays of features.npz: features float32 [N, size], labels uint8 [N], reach float32 [].

    They are what a classifier sees in test pictures; reach is the median distance of one of them to its nearest other. ValueError
    says what is wrong with them.
    """
    wanted = {"features": ("f", 2), "labels": ("u", 1), "reach": ("f", 0)}
    if set(arrays) != set(wanted) or any((arrays[key].dtype.kind, arrays[key].ndim) != kind for key, kind in wanted.items()):
        raise ValueError("it must hold features [N, F], labels [N] and one reach.")
    shape, labels = arrays["features"].shape, arrays["labels"].shape
    if not shape[0] or labels != shape[:1] or shape[1] != size:
        raise ValueError(f"features {list(shape)} and labels {list(labels)} do not fit a classifier of {size} features.")
    features = arrays["features"].astype(np.float32)
    if not np.isfinite(features).all() or not 0 < arrays["reach"] < np.inf:
        raise ValueError("it holds numbers that are not finite, or a reach that is not above zero.")
    return arrays | {"features": features}

@dataclass(frozen=True, eq=False)
class Kept:
    """What evaluate keeps of directions: those that it found, a sentence for each that it did not, and how far each moves the others.

    leakage is empty, or has `names`, `cosines` [K, K] and, where a classifier or a measure could judge, `samples`, `before` and `after`
    [K, K]: by how much the thing in the column changes, signed, when the direction in the row is pushed by one sigma, as it is and with
    all others locked; in shares of probability, of what is measured in shares of rank. `logits_before` and `logits_after` say the same
    in logits, of what is measured in standard deviations.
    """

    directions: tuple[Direction, ...] = ()
    unlearned: dict[str, str] = field(default_factory=dict)
    leakage: dict = field(default_factory=dict)


def directions_files(kept: Kept, weights: str) -> dict[str, bytes]:
    """directions.json and directions.safetensors of a model whose weights have this hash."""
    rows = [{key: getattr(one, key) for key in TOLD} for one in kept.directions]
    about = {"format": 1, "model": weights, "space": "z", "directions": rows, "not learned": kept.unlearned, "leakage": kept.leakage}
    about = short(about)
    vectors = np.stack([one.vector for one in kept.directions]).astype(np.float16) if rows else np.zeros((0, 0), np.float16)
    return {"directions.json": json.dumps(about, allow_nan=False, separators=(",", ":")).encode(), "directions.safetensors": save({"vectors": vectors})}


def short(value):
    """JSON with its numbers to four significant digits, which is more than was measured."""
    if isinstance(value, dict):
        return {key: short(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [short(item) for item in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value


def read_directions(about: dict, arrays: dict[str, np.ndarray], weights: str, size: int) -> Kept:
    """What `directions_files` wrote for these weights and latents of `size` numbers. ValueError says what is wrong with it."""
    if not isinstance(about, dict) or about.get("format") != 1 or about.get("space") != "z":
        raise ValueError("it must be a JSON object of format 1 in the space z.")
    if about.get("model") != weights:
        raise ValueError("it belongs to other weights; measure the model again with python -m genmodels.evaluate.")
    rows, unlearned, leakage = about.get("directions"), about.get("not learned", {}), about.get("leakage", {})
    if not isinstance(rows, list) or len(rows) > MOST_DIRECTIONS or not all(map(_is_row, rows)):
        raise ValueError(f"it must list at most {MOST_DIRECTIONS} directions, each with name, source, accuracy, scale, intercept and about.")
    if len({word(row["name"]) for row in rows}) < len(rows):
        raise ValueError("two of its directions have the same name.")
    if not isinstance(unlearned, dict) or not all(isinstance(text, str) for text in unlearned.values()):
        raise ValueError("what was not learned must be names with a sentence each.")
    vectors = np.asarray(arrays.get("vectors", ()))
    if set(arrays) != {"vectors"} or vectors.dtype != np.float16 or vectors.shape != ((len(rows), size) if rows else (0, 0)):
        raise ValueError(f"directions.safetensors must hold vectors float16 [{len(rows)}, {size}] and nothing else.")
    vectors = vectors.astype(np.float64)
    lengths = np.linalg.norm(vectors, axis=1)
    if not (np.isfinite(lengths) & (abs(lengths - 1) < 0.01)).all():
        raise ValueError("its vectors must be finite and of length one.")
    unit = (vectors / lengths[:, None]).astype(np.float32)
    return Kept(tuple(Direction(vector=vector, **{key: row[key] for key in TOLD}) for row, vector in zip(rows, unit, strict=True)),
                unlearned, _checked_leakage(leakage, {row["name"] for row in rows}))


def _is_row(row) -> bool:
    """Whether this says of a direction what must be said, in the ranges that it can have."""
    if not isinstance(row, dict) or not set(TOLD) <= set(row) or not all(isinstance(row[key], str) for key in ("name", "source", "about")):
        return False
    numbers = [row["scale"], row["intercept"], *([] if row["accuracy"] is None else [row["accuracy"]])]
    return (NAME.fullmatch(row["name"]) is not None and row["source"] in SOURCES and len(row["about"]) <= 400
            and all(isinstance(one, int | float) and not isinstance(one, bool) and math.isfinite(one) and abs(one) < 1e6 for one in numbers)
            and row["scale"] >= 0 and (row["accuracy"] is None or 0 <= row["accuracy"] <= 1))


def _checked_leakage(leakage, known: set[str]) -> dict:
    """What is said of leakage, or nothing. ValueError unless it is of these directions, each matrix square and of finite numbers."""
    if leakage == {}:
        return {}
    names = leakage.get("names") if isinstance(leakage, dict) else None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names) or not set(names) <= known:
        raise ValueError("its leakage must name its directions.")
    found: dict = {"names": names} | ({"samples": leakage["samples"]} if isinstance(leakage.get("samples"), int) else {})
    for key in MATRICES:
        if key in leakage:
            try:
                matrix = np.array(leakage[key], np.float64)
            except (ValueError, TypeError):  # rows of different lengths, or no numbers
                matrix = np.zeros(0)
            if matrix.shape != (len(names), len(names)) or not np.isfinite(matrix).all():
                raise ValueError(f"{key} in its leakage must be {len(names)} x {len(names)} finite numbers.")
            found[key] = leakage[key]
    return found
