"""A checkpoint of this program, published: config.json, model.safetensors, and what was measured of it."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

from ..knobs import from_dict
from ..models import MODELS
from ._archives import check_unpacked
from ._base import Found, Listing, Order
from ._weights import LARGEST, read_weights

TITLE = "Latent Playground checkpoint"
FIELDS = ("format", "family", "dataset", "model", "recipe", "licence")
CONFIG, WEIGHTS = "config.json", "model.safetensors"
COMPANIONS = {  # what comes along, and the bytes that it may have
    "metrics.json": 1 << 20, "atlas.npz": 4 << 20, "samplers.npz": 16 << 20, "typical.npz": 1 << 20, "features.npz": 4 << 20, "README.md": 256 << 10,
}
SHEET, LARGEST_SHEET, MOST_SHEETS = re.compile(r"[a-z0-9][a-z0-9-]{0,40}\.(png|webp)"), 512 << 10, 8


def recognise(listing: Listing) -> Order | None:
    config = listing.texts.get(CONFIG)
    if not isinstance(config, dict) or not {"format", "family", "model"} <= set(config):
        return None
    _check(listing.name, config)
    if WEIGHTS not in listing.sizes:
        raise ValueError(f"{listing.name} has the config of a checkpoint of this program and no {WEIGHTS}.")
    account = [f"A checkpoint of this program: {_in_words(config)}."]
    along = [name for name, most in COMPANIONS.items() if listing.sizes.get(name, most + 1) <= most]
    along += sorted(name for name, size in listing.sizes.items() if SHEET.fullmatch(name) and size <= LARGEST_SHEET)[:MOST_SHEETS]
    if large := [name for name, most in COMPANIONS.items() if listing.sizes.get(name, 0) > most]:
        account.append(f"Too large to come along: {', '.join(large)}.")
    return Order("own", (CONFIG, WEIGHTS, *along), tuple(account))


def read(order: Order, files: Mapping[str, Path]) -> Found:
    try:
        config = json.loads(files[CONFIG].read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"config.json cannot be read ({error!s:.100}).") from None
    _check("The repository", config)
    weights, account = read_weights(files[WEIGHTS], LARGEST)
    beside, left = {}, []
    for name in order.files:
        if name not in (CONFIG, WEIGHTS):
            try:
                _check_companion(files[name])
                beside[name] = files[name]
            except ValueError as error:
                left.append(f"{name} was left out: {error}.")
    return Found(config["family"], config["dataset"], config["licence"], config["model"], weights, (*order.account, *account, *left), beside,
                 config["recipe"])


def _check(name: str, config: dict) -> None:
    """ValueError in words, before anything large is fetched; the checkpoint's own rules are asked again once it is here."""
    from . import FAMILIES
    if config.get("format") != 1:
        raise ValueError(f"{name} is a checkpoint of format {config.get('format')!r:.40}; this version reads format 1. Take a newer version of this program.")
    if wrong := sorted(set(FIELDS) ^ set(config)):
        raise ValueError(f"{name} is no sound checkpoint: config.json must have exactly the keys {', '.join(FIELDS)}; look at {wrong[0]!r:.60}.")
    known = {**MODELS, **FAMILIES}
    if not isinstance(config["family"], str) or config["family"] not in (*known, "classifier"):
        raise ValueError(f"{name} is of the family {config['family']!r:.60}, which this version does not have; there are {', '.join(known)}.")
    if config["family"] in known:
        from_dict(known[config["family"]].Config, config["model"])
    for key in ("dataset", "licence"):
        if not isinstance(config[key], str) or len(config[key]) > 80:
            raise ValueError(f"{name}: {key} in config.json must be a short name, not {config[key]!r:.80}.")
    if not isinstance(config["recipe"], dict):
        raise ValueError(f"{name}: recipe in config.json must be a JSON object.")


def _in_words(config: dict) -> str:
    return f"family {config['family']}, trained on {config['dataset'] or 'pictures that it does not name'}"


def _check_companion(path: Path) -> None:
    """ValueError if a file could do harm to who opens it: one that unpacks to very much, or that is not what its name says."""
    if path.suffix == ".npz":
        check_unpacked(path)
    elif path.suffix == ".json":
        try:
            sound = isinstance(json.loads(path.read_text(encoding="utf-8")), dict)
        except (ValueError, RecursionError):
            sound = False
        if not sound:
            raise ValueError("it is no JSON object")
    elif path.suffix == ".png" and path.read_bytes()[:8] != b"\x89PNG\r\n\x1a\n":
        raise ValueError("it is no PNG")
    elif path.suffix == ".webp" and (path.read_bytes()[:4], path.read_bytes()[8:12]) != (b"RIFF", b"WEBP"):
        raise ValueError("it is no WebP")
