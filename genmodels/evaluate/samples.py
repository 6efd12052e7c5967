"""The pictures that a model makes for the judge: from every sampler, from latents cut short, or by a path of steps."""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor
from tqdm import tqdm

from ..datasets import Images
from ..latent.samplers import SAMPLERS, Sampler
from ..models import LatentModel
from ..normal import latents
from .judge import BATCH, FITTED, SEED, Judge, Looked, as_shown, some
from .subject import Subject

STEPS = 50  # of a path
BY_STEPS = (5, 10, 15, 20, 50, 200)  # at each of which the quality of every sampler is measured
SHORT = 0.7  # the share of a latent's length that is left where it is cut short
LARGEST_FIT = 64  # numbers in a code to which samplers are fitted


def fitted(subject: Subject, train: Images) -> dict[str, Sampler]:
    """A sampler of each kind for the codes of training pictures; nothing where there are none, or where codes are long."""
    if not subject.coded or subject.size > LARGEST_FIT:
        return {}
    chosen = some(train, FITTED)
    codes = subject.encode(train.floats(chosen), train.one_hot(chosen)).numpy()
    return {kind: sampler.fit(codes) for kind, sampler in SAMPLERS.items()}


def generated(subject: Subject, judge: Judge, samplers: dict[str, Sampler], of_each: int, longest: int) -> tuple[dict, Looked]:
    """The judge's measures of every way to sample, for metrics.json, and the pictures from plain latents.

    Under "generated" a row for N(0, I) and one for every other sampler, or for shortened latents. A model of many steps
    takes STEPS of DDIM (or of its own first sampler), and has its row of `by_steps` under "fd_by_steps", where `of_each` is not 0.
    """
    model, n = subject.model, judge.samples
    z = torch.from_numpy(latents(SEED, n, model.latent_shape))
    how = {"sampler": _steady(model), "steps": STEPS} if model.can("path") else {}
    plain = judge.look(painted(subject, z, "samples", **how))
    rows = {"normal": judge.judge(plain) | how}
    for kind in samplers:
        if kind != "normal":
            drawn = torch.from_numpy(samplers[kind].draw(SEED, n))
            rows[kind] = judge.judge(judge.look(painted(subject, drawn, f"samples, {kind}")))
    if not samplers and not how:
        rows["shortened"] = judge.judge(judge.look(painted(subject, SHORT * z, "samples, shortened"))) | {"length": SHORT}
    metrics = {"samples": n, "generated": rows}
    if how and of_each:
        steady = {how["sampler"]: {str(STEPS): judge.distance(judge.look(plain.pixels[:of_each]))}} if n >= of_each else {}
        *_, metrics["fd_by_steps"] = by_steps(subject, judge, of_each, longest, {"samples": of_each} | steady)
    return metrics, plain


def by_steps(subject: Subject, judge: Judge, n: int, longest: int, known: Mapping) -> Iterator[dict]:
    """The Frechet distance of n pictures from every sampler with each number of BY_STEPS up to the longest, as metrics.json holds it.

    known: such a row that was measured before; what it says of as many pictures is not made again. What there is so far comes after each
    number that was missing, and at the end: it takes long, and who stops it loses one number.
    """
    z = torch.from_numpy(latents(SEED, n, subject.model.latent_shape))
    known = known if known.get("samples") == n else {}
    found = {"samples": n} | {sampler: dict(known.get(sampler, {})) for sampler in subject.model.SAMPLERS}
    missing = [(sampler, steps) for steps in BY_STEPS if steps <= longest for sampler in subject.model.SAMPLERS if str(steps) not in found[sampler]]
    for sampler, steps in missing:
        found[sampler][str(steps)] = judge.distance(judge.look(painted(subject, z, f"{sampler}, {steps} steps", sampler=sampler, steps=steps)))
        yield _sorted(found)
    yield _sorted(found)


def _sorted(rows: dict) -> dict:
    """Each row by its number of steps."""
    return {name: row if name == "samples" else dict(sorted(row.items(), key=lambda item: int(item[0]))) for name, row in rows.items()}


def painted(subject: Subject, z: Tensor, what: str, y: Tensor | None = None, **how) -> Tensor:
    """Latents [N, *latent_shape] as pictures uint8 [N, C, H, W], told y [N, K], or the classes in turn; `how` is for the path of a model that has one."""
    y, made = subject.turns(len(z)) if y is None else y, []
    with tqdm(total=len(z), desc=what, unit="picture", leave=False, mininterval=1) as bar, torch.inference_mode():
        for part, told in zip(z.split(BATCH), y.split(BATCH), strict=True):
            part, told = part.to(subject.model.device), subject.told(told.to(subject.model.device))
            made.append(as_shown(_ended(subject.model, part, told, how) if how else subject.model.decode(part, told)).cpu())
            bar.update(len(part))
    return torch.cat(made)


def _ended(model: LatentModel, z: Tensor, y: Tensor | None, how: dict) -> Tensor:
    """Where a path ends; the steps before are not kept."""
    for step in model.path(z, y, **how):
        last = step
    return last.x


def _steady(model: LatentModel) -> str:
    """DDIM where the model has it, so that models compare; else the model's first sampler."""
    return "ddim" if "ddim" in model.SAMPLERS else model.SAMPLERS[0]
