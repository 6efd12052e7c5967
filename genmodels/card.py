"""The model card of a checkpoint, README.md with the Hub's front matter: what it is, how it was made, what was measured."""

import inspect
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from math import prod

import numpy as np
from PIL import Image

from .checkpoint import Checkpoint
from .datasets import dataset
from .models import LatentModel

PARTS = ("measured", "trained")  # of a card, that every evaluation writes again; the rest is a person's to change
LARGEST_PICTURE = 10_000  # bytes; two of them beside the weights must fit into a checkpoint of 1 MB
SHOWN = 7  # moments of those that were measured
LARGE, LARGEST_LARGE = 48, 40_000  # pixels of a side from which on a sheet may be larger, and by how much
COLOURS = (256, 128, 64, 32, 16, 8, 4)  # of small ones
QUALITIES = (85, 80, 75, 70, 60, 50, 40, 30, 20)  # of WebP, for large pictures
MEASURES = {  # key in metrics.json -> what it says, and how it is written
    "mse": ("mean squared error per pixel of pictures as they are shown, pixels in [0, 1]", "{:.5f}"),
    "mse_unclipped": ("the same, where the model overshoots black and white left as it is", "{:.5f}"),
    "encoded": ("test pictures encoded for what has to do with codes", "{:,}"),
    "nelbo": ("negative ELBO, nats per picture", "{:.2f}"),
    "reconstruction": ("of which reconstruction", "{:.2f}"),
    "kl": ("of which KL divergence from the prior", "{:.2f}"),
    "iwae": ("negative importance-weighted bound, nats per picture ({bounded:,} pictures, {draws} draws each)", "{:.2f}"),
    "iwae_gain": ("by so much it is tighter than the ELBO of the same pictures and draws", "{:.2f}"),
    "bits_per_dim": ("exact negative log-likelihood, bits per dimension", "{:.3f}"),
    "label_kept": ("reconstructions in which the classifier sees the true label", "{:.1%}"),
    "attributes_kept": ("attributes on which the classifier says the same of a picture and of its reconstruction", "{:.1%}"),
    "knn_accuracy": ("5-neighbour accuracy on test codes, each left out of its own vote", "{:.1%}"),
    "midpoint_certainty": ("certainty of the classifier halfway between two test pictures' codes", "{:.1%}"),
    "crossfade_certainty": ("the same for a cross-fade of the pictures' pixels", "{:.1%}"),
    "accuracy": ("accuracy on the test set", "{:.2%}"),
    "balanced_accuracy": ("balanced accuracy on the test set, mean over the attributes", "{:.1%}"),
    "certainty": ("mean certainty on the test set", "{:.1%}"),
    "parameters": ("parameters", "{:,}"),
    "bytes": ("bytes of weights", "{:,}"),
}
MADE = {  # key in a row of "generated" or "beside" -> what it says, and how it is written
    "fd": ("Frechet distance to the test pictures; less is better", "{:.2f}"),
    "fd_ratio": ("the same as a multiple of PCA-16 with a mixture", "{:.3f}"),
    "sure": ("pictures of which the classifier is at least 90 % sure", "{:.1%}"),
    "precision": ("precision: pictures that lie among test pictures", "{:.3f}"),
    "recall": ("recall: test pictures that lie among these pictures", "{:.3f}"),
    "attribute_gap": ("share of pictures with an attribute: how far from that of test pictures, mean over the attributes", "{:.1%}"),
    "spread": ("spread over the classes: entropy, 1 is even", "{:.3f}"),
    "least_class": ("share of the rarest class", "{:.1%}"),
    "neighbours": ("distance to the nearest training picture, by features; that of test pictures is 1", "{:.3f}"),
    "neighbours_pixels": ("the same by pixels, where a blurred picture is near to many", "{:.3f}"),
}
ONE_CODE = "Each picture has exactly one code."
WAYS = {  # row of "generated" or "beside" -> its title; {} are its own settings
    "normal": "N(0, I)", "gaussian": "full Gaussian", "mixture": "mixture of Gaussians", "shortened": "latents x {length:g}",
    "halves": "two halves of the test set", "train": "training pictures", "pca": "PCA-{size}, Gaussian", "pca_mixture": "PCA-{size}, mixture",
}
CLEANED = 0.5  # the level of corruption that is told
SPOILED = {"gaussian": "Gaussian noise", "saltpepper": "salt and pepper", "masking": "masking", "block": "a missing block", "blur": "blur"}
GROUPS = {  # keys that hold one number per name
    "balanced": ("balanced accuracy of {}", "{:.1%}"),
    "recall": ("share of the class {} that is recognised", "{:.1%}"),
    "factors": ("{} read from codes by a linear regression, R2", "{:.3f}"),
}


def measured(metrics: Mapping) -> list[tuple[str, str]]:
    """What was measured as rows of text: (measure, value)."""
    silent = {"encoded"} if metrics.get("encoded") == metrics["pictures"] else set()
    rows = [(what.format(**metrics), form.format(metrics[key])) for key, (what, form) in MEASURES.items() if key in metrics and key not in silent]
    for key, (what, form) in GROUPS.items():
        rows += [(what.format(name), form.format(value)) for name, value in metrics.get(key, {}).items()]
    return rows


def of_own_pictures(metrics: Mapping) -> list[tuple[str, str]]:
    """How pictures from elsewhere are told apart and found again, as rows of text: (measure, value)."""
    own, rows = metrics.get("own", {}), []
    alone = "the class {title}, by a model of this recipe that learned without it, {steps:,} steps"
    for found, whom in [(own.get("stranger"), "{title}"), (own.get("held_out"), alone)]:
        if found:
            rows.append((f"area under ROC, test pictures against {whom.format(**found)}: by the error of the reconstruction", f"{found['error']:.4f}"))
            rows += [("the same by the distance of the code", f"{found['distance']:.4f}"), ("the same by both, the anomaly score", f"{found['score']:.4f}")]
            rows.append(("of these, above the score that 5 % of the test pictures exceed", f"{found['caught']:.1%}"))
    if found := own.get("retrieval"):
        rows.append((f"precision at {found['at']}: of the nearest of {found['among']:,} test pictures by code, the same class", f"{found['codes']:.1%}"))
        rows += [(f"the same by {what.format(**found)}", f"{found[key]:.1%}") for key, what in
                 (("bits", "{how_many_bits} bits of a semantic hash"), ("pca", "codes of PCA-{pca_size}"), ("pixels", "pixels"))]
    return rows


def generated(metrics: Mapping) -> list[list[str]]:
    """How good made pictures are, beside others, as rows of text: a heading, then a measure each; empty where that was not measured."""
    ways = {**metrics.get("generated", {}), **metrics.get("beside", {})}
    if not ways:
        return []
    titles = [WAYS[way].format(**row) + (", {steps} steps of {sampler}".format(**row) if "steps" in row else "") for way, row in ways.items()]
    return [["measure", *titles]] + [[what, *(form.format(row[key]) if key in row else "-" for row in ways.values())]
                                     for key, (what, form) in MADE.items() if any(key in row for row in ways.values())]


def by_steps(metrics: Mapping) -> list[list[str]]:
    """The Frechet distance by the number of steps as rows of text: a heading, then a sampler each; empty where there are no steps."""
    rows = {sampler: row for sampler, row in metrics.get("fd_by_steps", {}).items() if sampler != "samples"}
    if not rows:
        return []
    steps = sorted({count for row in rows.values() for count in row}, key=int)
    form = MADE["fd_ratio"][1]
    return [["steps", *steps]] + [[sampler, *(form.format(row[count]["fd_ratio"]) if count in row else "-" for count in steps)]
                                  for sampler, row in rows.items()]


def by_moment(metrics: Mapping) -> list[list[str]]:
    """How well a net predicts at some moments of t, as rows of text: a heading, then noise and picture; empty where that was not measured."""
    if not (found := metrics.get("noise", {}).get("by_t")):
        return []
    shown = sorted({round(k * (len(found["t"]) - 1) / (SHOWN - 1)) for k in range(SHOWN)})
    return [["t", *(str(found["t"][k]) for k in shown)], ["mean squared error of the noise", *(f"{found['noise'][k]:.3g}" for k in shown)],
            ["of the picture, pixels in [0, 1]", *(f"{found['x0'][k]:.3g}" for k in shown)]]


def round_trips(metrics: Mapping) -> list[list[str]]:
    """What is lost on the way to the noise and back, as rows of text: a heading, then a measure each; empty where that was not measured."""
    rows = metrics.get("noise", {}).get("round_trip", {}).get("by_steps", {})
    return [["steps back, and as many forth", *rows], ["PSNR, dB", *(f"{row['psnr']:.1f}" for row in rows.values())],
            ["mean absolute error, grey levels", *(f"{row['error']:.2f}" for row in rows.values())]] if rows else []


def cleaned(metrics: Mapping) -> list[list[str]]:
    """What is left of noise at CLEANED as rows of text: a heading, then a corruption each; empty where that was not measured."""
    if not (found := metrics.get("cleaning")):
        return []
    at, ways = found["levels"].index(CLEANED), {"noisy": "left as it is", "model": "by the model", "median": "median", "nlm": "non-local means"}
    return [["mean PSNR, dB", *(title for way, title in ways.items() if way in found)],
            *([SPOILED[kind], *(f"{found[way][kind][at]:.2f}" for way in ways if way in found)] for kind in found["model"])]


def shown(metrics: Mapping) -> list[list[str]]:
    """What the family proves of itself as rows of text: a heading, then a measure each, of lists the ends and the middle; empty where it proves nothing."""
    rows = []
    for name, found in metrics.get("shown", {}).get("numbers", {}).items():
        if isinstance(found, list):
            order = sorted(found)
            rows.append([f"{name} ({len(found):,})", f"{order[-1]:.4g} at most, {order[len(found) // 2]:.4g} in the middle, {order[0]:.4g} at least"])
        else:
            rows.append([name, f"{found:.4g}"])
    return [["readout", "value"], *rows] if rows else []


def pushed(metrics: Mapping) -> list[list[str]]:
    """What pushes along learned directions do as rows of text: a heading, then an attribute each; empty where that was not measured."""
    found = metrics.get("pushes", {}).get("attributes", {})
    keys = ("present", "present_locked", "present_as_far", "others", "others_locked", "others_as_far")
    rows = [[name, str(row["lacking"]), *(f"{row[key]:.1%}" for key in keys)] for name, row in found.items()]
    heading = ["pushed", "samples that lack it", "then it is present", "others locked", "locked, as far", "others move by", "others locked", "locked, as far"]
    return [heading, *rows] if rows else []


def widths(rows: Sequence[Sequence[str]]) -> list[int]:
    """How wide the columns of a table are in characters."""
    return [max(map(len, column)) for column in zip(*rows, strict=True)]


def table(metrics: Mapping) -> str:
    """The measured tables in Markdown, with a line for each measure that was left out."""
    parts = [f"Measured on the {metrics['pictures']:,} test pictures.", _markdown([["measure", "value"], *measured(metrics)])]
    if rows := of_own_pictures(metrics):
        parts += ["Pictures from elsewhere, and pictures found again by their codes:", _markdown([["measure", "value"], *rows])]
    if rows := shown(metrics):
        parts += [f"What this family is to show, on {metrics['shown']['pictures']:,} test pictures:", _markdown(rows)]
    if rows := generated(metrics):
        parts += [f"{metrics['samples']:,} pictures made in each way (conditional models are told the classes in turn), as a person sees them, beside what "
                  "others reach, by the features of the data set's own classifier. What it cannot see, these numbers do not tell, and each alone "
                  "can be had cheaply: noise can look sure, and copies are precise.", _markdown(rows)]
    if rows := by_steps(metrics):
        few = metrics["fd_by_steps"]["samples"]
        parts += ["The Frechet distance as a multiple of PCA-16 with a mixture, by sampler and number of steps "
                  f"({few:,} pictures each, which makes it larger than above).", _markdown(rows)]
        parts += ["![Frechet distance by the number of steps, a line for each sampler.](steps.webp)"] if "noise" in metrics else []
    if rows := by_moment(metrics):
        noise = metrics["noise"]
        parts += [f"What the net predicts of {noise['by_t']['pictures']:,} test pictures drowned in noise up to t of {noise['times']:,}, without guidance:",
                  _markdown(rows), "![A made picture under ever less noise, and below what the net takes for the picture in it.](learned.webp)"]
    if rows := round_trips(metrics):
        parts += [f"Of {metrics['noise']['round_trip']['pictures']:,} test pictures that went back to their noise and came forth again "
                  f"({metrics['noise']['round_trip']['sampler']}, without guidance):", _markdown(rows)]
    if rows := cleaned(metrics):
        found = metrics["cleaning"]
        beside = "Median and non-local means are those of scikit-image, each with the settings that were best on training pictures."
        parts += [f"{found['pictures']:,} test pictures, corrupted at the level {CLEANED:g} and cleaned. The level is the standard deviation of Gaussian "
                  "noise where black is 0 and white 1, cut to what can be shown; else the share of the pixels, of the area, or of the widest blur. "
                  + (beside if "margin" in found else "The model did not learn to clean."), _markdown(rows)]
    if rows := pushed(metrics):
        found = metrics["pushes"]
        parts += [f"Random pictures that lack an attribute, after a push of {found['sigmas']:g} sigmas along its direction, as a second classifier judges that "
                  "nothing was fitted to. Others move by so much: the mean change of its probability of each other attribute. Locked: the push is "
                  f"projected off all other directions, which leaves {found['others_ratio']:.0%} of that movement, and less of a step; as far: stretched to "
                  "its length again.", _markdown(rows)]
    return "\n\n".join(parts + metrics.get("left_out", []))


def card(checkpoint: Checkpoint, metrics: Mapping, pictures: Mapping[str, str], train_size: int) -> str:
    """The whole README.md. `pictures` are file names in the folder with their alternative text."""
    about, (title, data_terms) = checkpoint.about, terms(checkpoint)
    shown = "\n\n".join(f"![{text}]({name})" for name, text in pictures.items())
    parts = _parts(checkpoint, metrics, train_size)
    return f"""{front_matter(checkpoint, about["licence"])}
# {checkpoint.name}

{what(checkpoint)}

{shown}

## What was measured

{parts["measured"]}

## How it was trained

{parts["trained"]}

## Data and terms

{title}: {data_terms}. No picture of the data set is in this folder; what is shown above was made by the model.
The weights are given under {about["licence"]}.

## Limits

{limits(checkpoint)}

## Citation

```bibtex
@software{{latent_playground,
  title = {{Latent Playground: small generative models under the hand}},
  note = {{Checkpoint {checkpoint.name}}}
}}
```
Please cite the data set as well: {data_terms}.
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
    """One line of numbers for each checkpoint, in columns; of made pictures those from N(0, I)."""
    keys = ["mse", "nelbo", "label_kept", "knn_accuracy", "fd_ratio", "sure", "precision", "recall", "accuracy", "parameters", "bytes"]
    rows = [["checkpoint", *keys]]
    for name, checkpoint in sorted(found.items()):
        metrics = checkpoint.metrics()
        made = metrics.get("generated", {}).get("normal", {})
        rows.append([name, *(MADE[key][1].format(made[key]) if key in made else MEASURES[key][1].format(metrics[key])
                             if key in metrics and key in MEASURES else "-" for key in keys)])
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths(rows), strict=True)).rstrip() for row in rows)


def contact_sheet(pixels: np.ndarray, columns: int) -> bytes:
    """Pictures uint8 [N, H, W, C] in rows of `columns` as a WebP of at most 10 kB, small ones without loss but in fewer colours where that needs it.

    Pictures of 48 pixels and more have 40 kB, and less quality where that needs it. ValueError for what does not fit even so.
    """
    n, h, w, c = pixels.shape
    rows = n // columns
    sheet = pixels[:rows * columns].reshape(rows, columns, h, w, c).transpose(0, 2, 1, 3, 4).reshape(rows * h, columns * w, c)
    most = LARGEST_PICTURE if w < LARGE else LARGEST_LARGE
    picture = Image.fromarray(sheet[..., 0] if c == 1 else sheet)
    ways = (webp(picture, colours=colours) for colours in COLOURS) if w < LARGE else (webp(picture, quality=quality) for quality in QUALITIES)
    for content in ways:
        if len(content) <= most:
            return content
    raise ValueError(f"A sheet of {n} pictures of {h}x{w} does not fit into {most:,} bytes; show fewer.")


def webp(picture: Image.Image, *, colours: int = 0, quality: int = 0) -> bytes:
    """A picture as WebP: in so many colours and without further loss, or of this quality up to 100."""
    file = io.BytesIO()
    if colours:
        picture.quantize(colours, dither=Image.Dither.NONE).convert("RGB").save(file, "WEBP", lossless=True, method=4)
    else:
        picture.convert("RGB").save(file, "WEBP", quality=quality, method=6)
    return file.getvalue()


def front_matter(checkpoint: Checkpoint, licence: str) -> str:
    """What the Hub reads of a card: licence, library, task, tags, data."""
    about, makes = checkpoint.about, issubclass(checkpoint.family, LatentModel)
    lines = ["---", f"license: {licence}", "library_name: pytorch",
             f"pipeline_tag: {'unconditional-image-generation' if makes else 'image-classification'}",
             "tags:", "- latent-playground", f"- {about['family']}", "- safetensors"]
    if hub := getattr(_data(checkpoint), "HUB", None):
        lines += ["datasets:", f"- {hub}"]
    return "\n".join([*lines, "---"])


def terms(checkpoint: Checkpoint) -> tuple[str, str]:
    """Title and terms of the data that a model learned from; of data that this program does not know, its name and "not known here"."""
    data = _data(checkpoint)
    return (data.TITLE, data.TERMS) if data else (checkpoint.about["dataset"] or "unnamed data", "not known here")


def _data(checkpoint: Checkpoint):
    """What a model learned from; None where this program cannot have it."""
    try:
        return dataset(checkpoint.about["dataset"], checkpoint.config.image_shape, checkpoint.config.conditions)
    except ValueError:
        return None


def what(checkpoint: Checkpoint) -> str:
    """Plain words: what goes in and out, and the first line of the family's file."""
    config, family, (title, _) = checkpoint.config, checkpoint.family, terms(checkpoint)
    channels, height, width = config.image_shape
    sort = f"{height}x{width} {'grey' if channels == 1 else 'colour'} pictures like those of \"{title}\""
    kind = f"Family `{checkpoint.about['family']}`: {inspect.getmodule(family).__doc__.splitlines()[0]}"
    if not issubclass(family, LatentModel):
        return f"It names {sort}: {', '.join(config.conditions)}.\n\n{kind}"
    count = prod(checkpoint.blueprint.latent_shape)
    told = ""
    if config.conditions:
        told = " It is told the class of the picture, so the code is left to carry the style."
    if family.can("path"):
        way = f"It makes {sort} out of noise, {count} numbers, in many small steps"
        way += ", and goes the same way back from a picture to its noise." if family.can("encode") else "."
    elif not family.can("encode"):
        way = f"It makes {sort} out of {count} random numbers, the latent. No picture can be turned into its latent directly."
    else:
        way = f"It turns {sort} into {count} numbers, the code, and any {count} numbers into a picture. "
        own = "Each picture has a small cloud of codes, and random codes make new pictures." if family.can("posterior") else ONE_CODE
        way += family.PRIOR or own
    return f"{way}{told}\n\n{kind}"


def _parts(checkpoint: Checkpoint, metrics: Mapping, train_size: int) -> dict[str, str]:
    """The PARTS of a card by name, each between its marks."""
    written = {"measured": table(metrics), "trained": _trained(checkpoint, train_size)}
    return {name: f"{marks(name)[0]}\n{written[name]}\n{marks(name)[1]}" for name in PARTS}


def _trained(checkpoint: Checkpoint, train_size: int) -> str:
    """How a model came about: the training in words, the commands that repeat it, and every setting with its meaning."""
    return f"""{_training(checkpoint.about["recipe"], train_size)} Whole recipe: `config.json`.

```
python -m genmodels.train recipes/{checkpoint.name}.json --out checkpoints
python -m genmodels.evaluate {checkpoint.name}
```

{settings(checkpoint)}"""


def settings(checkpoint: Checkpoint) -> str:
    """Every setting of a model with its meaning, as a table."""
    rows = [[f.name, _text(getattr(checkpoint.config, f.name)), f.metadata.get("help", "")] for f in fields(checkpoint.config) if f.name != "conditions"]
    return _markdown([["setting", "value", "meaning"], *rows])


def _training(recipe: Mapping, train_size: int) -> str:
    """One sentence per stage of a recipe."""
    def words(stage: Mapping) -> str:
        if stage["method"] == "closed form":
            return f"Solved in one go, in closed form, from all {train_size:,} training pictures."
        epochs = stage["steps"] * recipe["batch"] / train_size
        return (f"{stage['steps']:,} steps of {recipe['batch']} pictures ({epochs:.1f} epochs of {train_size:,} training pictures) "
                f"with Adam, rate {stage['rate']:g}, {stage['schedule']} schedule, weights averaged with decay {recipe['averaging']:g}.")
    return " ".join(map(words, recipe["stages"]))


def limits(checkpoint: Checkpoint) -> str:
    """What not to expect of a model."""
    title, _ = terms(checkpoint)
    bias = [f"* {words}" for words in getattr(_data(checkpoint), "BIAS", ())]
    lines = [f"* It knows pictures like those of \"{title}\" and nothing else; any other picture is read as one of them."]
    if not issubclass(checkpoint.family, LatentModel):
        lines.append("* Its certainty is a number that a net gives, not a promise: it can be sure and wrong, mostly on pictures of something else.")
        return "\n".join([*lines, *bias])
    family = checkpoint.family
    if family.can("path"):
        lines.append("* A picture takes many steps: it is made while one waits, not while the hand moves.")
    elif not family.can("encode"):
        lines.append("* It learned to make pictures that its critic takes for real; nothing made it learn every kind of them. "
                     "What it leaves out shows in recall and in the rarest class above.")
    elif not (family.can("posterior") or family.can("log_prob") or family.PRIOR):
        lines.append("* Nothing in its training asked codes to fill the space evenly: random latents may decode to pictures of nothing.")
    return "\n".join([*lines, *bias, "* Meant for looking, teaching and trying; small nets give simpler pictures than large ones."])


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    """A table whose first row is the heading."""
    heading, *others = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([heading, "|" + "---|" * len(rows[0]), *others])


def _text(value) -> str:
    return re.sub(r"[\[\]()]", "", str(value)) if isinstance(value, tuple) else str(value)
