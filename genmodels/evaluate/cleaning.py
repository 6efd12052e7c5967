"""How well a model takes away what was done to pictures: mean PSNR over the level of every corruption, beside median and non-local means."""

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from ..corruptions import CORRUPTIONS
from ..datasets import Images, floats
from ..filters import SETTINGS, Filter
from ..models import LatentModel
from ..normal import latents
from .judge import BATCH, as_shown, some
from .subject import Subject, balanced

LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
BAR = ("gaussian", 0.5)  # where the margin over the filters is taken
TUNED = 40  # training pictures on which the settings of the filters are chosen
MOST_NUMBERS = 8_000_000  # of test pictures: all small ones, some of the large ones, for the filters take long
SEED = 5  # of the noise
BEST = 60.0  # decibels of two pictures that are the same


def can_clean(model: LatentModel) -> bool:
    """Whether a picture can go through a model's code and back, and may come out as another: an exact inverse gives the noise back as well."""
    return model.can("encode") and not (model.can("path") or model.can("log_prob") or model.HEAVY)


def how_clean(subject: Subject, train: Images, most: int) -> dict:
    """Numbers for metrics.json under "cleaning", of at most `most` test pictures; nothing for a model that cannot clean.

    "levels", and by the name of each corruption the mean PSNR at each level: "model", and "noisy", the picture left as it is. For a model that learned to
    denoise also each filter, with the settings that were best on training pictures, and "margin", by how many decibels the model is better than
    the best of the filters at BAR. Pictures are corrupted, rounded to 8 bits, cleaned, and rounded again.
    """
    if not can_clean(subject.model) or not most:
        return {}
    count = min(most, max(1, MOST_NUMBERS // subject.x[0].numel()))
    chosen = torch.from_numpy(np.sort(balanced(subject.labels, count)))
    pixels = subject.test.pixels[chosen]
    learned = getattr(subject.model.config, "corruption", "none") != "none"
    found: dict = {"pictures": len(pixels), "levels": list(LEVELS), "model": {}, "noisy": {}}
    if learned:
        found |= {"settings": best_settings(train.pixels[some(train, TUNED)])} | {name: {} for name in SETTINGS}
    for kind in tqdm(CORRUPTIONS, desc="cleaning", leave=False):
        for level in LEVELS:
            dirty = spoiled(pixels, kind, level)
            made = {"noisy": _rows(dirty), "model": _rows(_through(subject, dirty))}
            if learned:
                made |= {name: map(SETTINGS[name][found["settings"][name][kind][LEVELS.index(level)]], _rows(dirty)) for name in SETTINGS}
            for name, cleaned in made.items():
                found[name].setdefault(kind, []).append(mean_psnr(cleaned, _rows(pixels)))
    return found | ({"margin": margin(found)} if learned else {})


def margin(found: dict) -> float:
    """Decibels by which the model is above the best of the filters at BAR."""
    kind, level = BAR
    at = found["levels"].index(level)
    return found["model"][kind][at] - max(found[name][kind][at] for name in SETTINGS)


def best_settings(pixels: Tensor) -> dict[str, dict[str, list[str]]]:
    """For each filter, corruption and level the setting with the highest mean PSNR on pictures uint8 [N, C, H, W]."""
    best: dict[str, dict[str, list[str]]] = {name: {kind: [] for kind in CORRUPTIONS} for name in SETTINGS}
    for kind in CORRUPTIONS:
        for level in LEVELS:
            dirty = spoiled(pixels, kind, level)

            def quality(one: Filter, dirty: Tensor = dirty) -> float:
                return mean_psnr(map(one, _rows(dirty)), _rows(pixels))

            for name, settings in SETTINGS.items():
                best[name][kind].append(max(settings, key=lambda setting: quality(settings[setting])))
    return best


def spoiled(pixels: Tensor, kind: str, level: float) -> Tensor:
    """Pictures uint8 [N, C, H, W] after a corruption, as the page shows them; picture number k gets latent number k of SEED as its noise."""
    parts = []
    for first in range(0, len(pixels), BATCH):
        x = floats(pixels[first:first + BATCH])
        noise = torch.from_numpy(latents(SEED, len(x), tuple(x.shape[1:]), first))
        parts.append(as_shown(CORRUPTIONS[kind](x, torch.full((len(x), 1, 1, 1), level), noise)))
    return torch.cat(parts)


def mean_psnr(made: Iterable[np.ndarray], clean: Iterable[np.ndarray]) -> float:
    """The mean over pairs of pictures uint8 of their peak signal-to-noise ratio in decibels; BEST where they are the same."""
    errors = np.array([np.square((a.astype(np.float32) - b) / 255).mean() for a, b in zip(made, clean, strict=True)])
    return float(np.minimum(BEST, -10 * np.log10(errors.clip(min=1e-12))).mean())


def _through(subject: Subject, pixels: Tensor) -> Tensor:
    """What a model makes of pictures uint8 [N, C, H, W], a conditional one without being told their class."""
    model = subject.model
    return torch.cat([as_shown(subject.batched(lambda x: model.decode(model.encode(x)), floats(part))) for part in pixels.split(BATCH)])


def _rows(pixels: Tensor) -> Iterator[np.ndarray]:
    """Pictures uint8 [N, C, H, W] one after the other, [H, W, C] each."""
    return iter(pixels.permute(0, 2, 3, 1).numpy())
