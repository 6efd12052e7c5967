"""The model card of a checkpoint, README.md with the Hub's front matter: what it is, how it was made, what was measured."""

import inspect
import io
import re
from collections.abc import Mapping
from dataclasses import fields

import numpy as np
from PIL import Image

from .checkpoint import Checkpoint
from .datasets import DATASETS
from .models import LatentModel

PARTS = ("measured", "trained")  # of a card, that every evaluation writes again; the rest is a person's to change
LARGEST_PICTURE = 20_000  # bytes; two of them beside the weights must fit into a checkpoint of 1 MB
MEASURES = {  # key in metrics.json -> what it says, and how it is written
    "mse": ("mean squared error per pixel of pictures as they are shown, pixels in [0, 1]", "{:.5f}"),
    "mse_unclipped": ("the same, where the model overshoots black and white left as it is", "{:.5f}"),
    "nelbo": ("negative ELBO, nats per picture", "{:.2f}"),
    "reconstruction": ("of which reconstruction", "{:.2f}"),
    "kl": ("of which KL divergence from the prior", "{:.2f}"),
    "label_kept": ("reconstructions in which the classifier sees the true label", "{:.1%}"),
    "knn_accuracy": ("5-neighbour accuracy on test codes, each left out of its own vote", "{:.1%}"),
    "midpoint_certainty": ("certainty of the classifier halfway between two test pictures' codes", "{:.1%}"),
    "crossfade_certainty": ("the same for a cross-fade of the pictures' pixels", "{:.1%}"),
    "accuracy": ("accuracy on the test set", "{:.2%}"),
    "certainty": ("mean certainty on the test set", "{:.1%}"),
    "parameters": ("parameters", "{:,}"),
    "bytes": ("bytes of weights", "{:,}"),
}
GROUPS = {  # keys that hold one number per name
    "recall": ("share of the class {} that is recognised", "{:.1%}"),
    "factors": ("{} read from codes by a linear regression, R2", "{:.3f}"),
}


def measured(metrics: Mapping) -> list[tuple[str, str]]:
    """What was measured as rows of text: (measure, value)."""
    rows = [(what, form.format(metrics[key])) for key, (what, form) in MEASURES.items() if key in metrics]
    for key, (what, form) in GROUPS.items():
        rows += [(what.format(name), form.format(value)) for name, value in metrics.get(key, {}).items()]
    return rows


def table(metrics: Mapping) -> str:
    """The measured table in Markdown, with a line for each measure that was left out."""
    lines = [f"Measured on the {metrics['pictures']:,} test pictures.", "", "| measure | value |", "|---|---|"]
    lines += [f"| {what} | {value} |" for what, value in measured(metrics)]
    return "\n".join(lines + [f"\n{why}" for why in metrics.get("left_out", [])])


def card(checkpoint: Checkpoint, metrics: Mapping, pictures: Mapping[str, str], train_size: int) -> str:
    """The whole README.md. `pictures` are file names in the folder with their alternative text."""
    about, dataset = checkpoint.about, DATASETS[checkpoint.about["dataset"]]
    shown = "\n\n".join(f"![{text}]({name})" for name, text in pictures.items())
    parts = _parts(checkpoint, metrics, train_size)
    return f"""{_front_matter(checkpoint)}
# {checkpoint.name}

{_what(checkpoint, metrics)}

{shown}

## What was measured

{parts["measured"]}

## How it was trained

{parts["trained"]}

## Data and terms

{dataset.TITLE}: {dataset.TERMS}. No picture of the data set is in this folder; what is shown above was made by the model.
The weights are given under {about["licence"]}.

## Limits

{_limits(checkpoint)}

## Citation

```bibtex
@software{{latent_playground,
  title = {{Latent Playground: small generative models under the hand}},
  note = {{Checkpoint {checkpoint.name}}}
}}
```
Please cite the data set as well: {dataset.TERMS}.
"""


def renewed(text: str, checkpoint: Checkpoint, metrics: Mapping, train_size: int) -> str:
    """A card with its PARTS written again and every other word kept. ValueError if it lacks the marks of one."""
    for name, part in _parts(checkpoint, metrics, train_size).items():
        begin, end = marks(name)
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not found or not closed:
            raise ValueError(f"The card of {checkpoint.name} lacks the lines {begin} and {end}. "
                             f"Put them around what says how it was {name}, or remove the card to have it written anew.")
        text = before + part + after
    return text


def marks(part: str) -> tuple[str, str]:
    """The lines around one of PARTS."""
    return f"<!-- {part}: written by python -m genmodels.evaluate -->", f"<!-- end of {part} -->"


def overview(found: Mapping[str, Checkpoint]) -> str:
    """One line of numbers for each checkpoint, in columns."""
    keys = ["mse", "nelbo", "label_kept", "knn_accuracy", "midpoint_certainty", "crossfade_certainty", "accuracy", "parameters", "bytes"]
    rows = [["checkpoint", *keys]]
    for name, checkpoint in sorted(found.items()):
        metrics = checkpoint.metrics()
        rows.append([name, *(MEASURES[key][1].format(metrics[key]) if key in metrics else "-" for key in keys)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)


def contact_sheet(pixels: np.ndarray, columns: int) -> bytes:
    """Pictures uint8 [N, H, W, C] in rows of `columns` as a PNG of at most 20 kB, in fewer colours where that needs it."""
    n, h, w, c = pixels.shape
    rows = n // columns
    sheet = pixels[:rows * columns].reshape(rows, columns, h, w, c).transpose(0, 2, 1, 3, 4).reshape(rows * h, columns * w, c)
    picture = Image.fromarray(sheet[..., 0] if c == 1 else sheet)
    for colours in (256, 128, 64, 32, 16, 8):
        file = io.BytesIO()
        picture.quantize(colours, dither=Image.Dither.NONE).save(file, "PNG", optimize=True)
        if file.tell() <= LARGEST_PICTURE:
            return file.getvalue()
    raise ValueError(f"A sheet of {n} pictures of {h}x{w} does not fit into {LARGEST_PICTURE:,} bytes; show fewer.")


def _front_matter(checkpoint: Checkpoint) -> str:
    about, makes = checkpoint.about, issubclass(checkpoint.family, LatentModel)
    lines = ["---", f"license: {about['licence']}", "library_name: pytorch",
             f"pipeline_tag: {'unconditional-image-generation' if makes else 'image-classification'}",
             "tags:", "- latent-playground", f"- {about['family']}", "- safetensors"]
    if hub := getattr(DATASETS[about["dataset"]], "HUB", None):
        lines += ["datasets:", f"- {hub}"]
    return "\n".join([*lines, "---"])


def _what(checkpoint: Checkpoint, metrics: Mapping) -> str:
    """Plain words: what goes in and out, and the first line of the family's file."""
    config, family, title = checkpoint.config, checkpoint.family, DATASETS[checkpoint.about["dataset"]].TITLE
    channels, height, width = config.image_shape
    sort = f"{height}x{width} {'grey' if channels == 1 else 'colour'} pictures like those of \"{title}\""
    kind = f"Family `{checkpoint.about['family']}`: {inspect.getmodule(family).__doc__.splitlines()[0]}"
    if not issubclass(family, LatentModel):
        return f"It names {sort}: {', '.join(config.conditions)}.\n\n{kind}"
    count = len(metrics["effects"])
    told = " It is told the class of the picture, so the code is left to carry the style." if config.conditions else ""
    cloud = "Each picture has a small cloud of codes, and random codes make new pictures." if family.can("posterior") else \
        "Each picture has exactly one code."
    return f"It turns {sort} into {count} numbers, the code, and any {count} numbers into a picture. {cloud}{told}\n\n{kind}"


def _parts(checkpoint: Checkpoint, metrics: Mapping, train_size: int) -> dict[str, str]:
    """The PARTS of a card by name, each between its marks."""
    written = {"measured": table(metrics), "trained": _trained(checkpoint, train_size)}
    return {name: f"{marks(name)[0]}\n{written[name]}\n{marks(name)[1]}" for name in PARTS}


def _trained(checkpoint: Checkpoint, train_size: int) -> str:
    """How a model came about: the training in words, the commands that repeat it, and every setting with its meaning."""
    settings = "\n".join(f"| {f.name} | {_text(getattr(checkpoint.config, f.name))} | {f.metadata.get('help', '')} |"
                         for f in fields(checkpoint.config) if f.name != "conditions")
    return f"""{_training(checkpoint.about["recipe"], train_size)} Whole recipe: `config.json`.

```
python -m genmodels.train recipes/{checkpoint.name}.json --out checkpoints
python -m genmodels.evaluate {checkpoint.name}
```

| setting | value | meaning |
|---|---|---|
{settings}"""


def _training(recipe: Mapping, train_size: int) -> str:
    """One sentence per stage of a recipe."""
    def words(stage: Mapping) -> str:
        if stage["method"] == "closed form":
            return f"Solved in one go, in closed form, from all {train_size:,} training pictures."
        epochs = stage["steps"] * recipe["batch"] / train_size
        return (f"{stage['steps']:,} steps of {recipe['batch']} pictures ({epochs:.1f} epochs of {train_size:,} training pictures) "
                f"with Adam, rate {stage['rate']:g}, {stage['schedule']} schedule, weights averaged with decay {recipe['averaging']:g}.")
    return " ".join(map(words, recipe["stages"]))


def _limits(checkpoint: Checkpoint) -> str:
    title = DATASETS[checkpoint.about["dataset"]].TITLE
    lines = [f"* It knows pictures like those of \"{title}\" and nothing else; any other picture is read as one of them."]
    if not issubclass(checkpoint.family, LatentModel):
        lines.append("* Its certainty is a softmax, not a promise: it can be sure and wrong, mostly on pictures that show no class at all.")
        return "\n".join(lines)
    if not checkpoint.family.can("posterior"):
        lines.append("* Nothing in its training asked codes to fill the space evenly: random latents may decode to pictures of nothing.")
    return "\n".join([*lines, "* Meant for looking, teaching and trying; small nets give softer pictures than large ones."])


def _text(value) -> str:
    return re.sub(r"[\[\]()]", "", str(value)) if isinstance(value, tuple) else str(value)
