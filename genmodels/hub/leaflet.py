"""The card of a published model: front matter, the person's own words, what it is, how to load it, its files, numbers and terms."""

from collections.abc import Iterable

from .. import card
from ..checkpoint import Checkpoint

MEMBERS = {  # what is published of a checkpoint's folder where it is there, and what is said of it
    "config.json": "what the model is: family, every setting, recipe, licence",
    "model.safetensors": "its weights",
    "metrics.json": "what was measured",
    "atlas.npz": "codes with their map and gallery",
    "samplers.npz": "samplers fitted to codes of training pictures",
    "typical.npz": "what is typical of test pictures: where their codes lie, how well they are rebuilt",
    "features.npz": "what the classifier sees in test pictures, reduced to features",
    "directions.safetensors": "directions of attributes",
    "directions.json": "what they are called and how good they are",
    "samples.webp": "A sheet of pictures made by the model.",
    "manifold.webp": "The plane of codes, decoded.",
    "walks.webp": "From one random picture to the next, a walk a row.",
    "again.webp": "Above pictures made by the model, below what comes back of them through their codes.",
    "path.webp": "From noise to picture.",
    "learned.webp": "What the net takes for the picture under ever less noise.",
    "steps.webp": "Frechet distance by the number of steps.",
}
ONNX = "decoder.onnx"
ONNX_SAYS = "the model for onnxruntime, also in a browser: latents `z` (and `y` where it is told classes) to pictures `x` in [0, 1]; a classifier `x` to `p`"


def leaflet(checkpoint: Checkpoint, repo: str, licence: str, title: str, words: str, files: Iterable[str]) -> str:
    """README.md for a repository that will hold these files. title is one line, words are the person's own Markdown."""
    files = [*files, "README.md"]
    said = MEMBERS | {ONNX: ONNX_SAYS, "README.md": "this card"}
    measured = _measured(checkpoint)
    pictures = "\n\n".join(f"![{said[name]}]({name})" for name in files if name.endswith(".webp") and f"({name})" not in measured)
    data, terms = card.terms(checkpoint)
    sections = {
        "": "\n\n".join(part for part in (words, card.what(checkpoint), pictures) if part),
        "How to load it": _loading(checkpoint, repo),
        "Files": "\n".join(f"* `{name}`: {said[name]}" for name in sorted(files)),
        "What was measured": measured,
        "How it was made": f"Whole recipe: `config.json`.\n\n{card.settings(checkpoint)}",
        "Data and terms": f"{data}: {terms}. No picture of the data is in this repository; what is shown was made by the model. "
                          f"The weights are given under {licence}.",
        "Limits": card.limits(checkpoint),
    }
    head = f"{card.front_matter(checkpoint, licence)}\n# {title or checkpoint.name}"
    return "\n\n".join([head, *(f"## {name}\n\n{text}" if name else text for name, text in sections.items() if text)]) + "\n"


def _loading(checkpoint: Checkpoint, repo: str) -> str:
    page = f"In Latent Playground's page: open *Models*, type `{repo}`, and the model is under your hand in every tab that suits it."
    if not hasattr(checkpoint.blueprint, "latent_shape"):
        return page
    return f"""```python
from genmodels import load

model = load("{repo}")
pictures = model.sample(16, seed=7)  # uint8 [16, height, width, channels]
```

{page}"""


def _measured(checkpoint: Checkpoint) -> str:
    metrics = checkpoint.metrics()
    return card.table(metrics) if "pictures" in metrics else ""
