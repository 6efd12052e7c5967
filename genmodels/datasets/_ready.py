"""Whether the pictures of a data set are at hand, so that a training on them begins at once."""

from pathlib import Path

from ._base import SPLITS

ELSEWHERE = "Its pictures are not on this computer. Whoever starts it can name a folder that holds {}: PICTURES=FOLDER."


def is_fetched(module) -> bool:
    """Whether its pictures can be had from the Hub by whoever asks for them."""
    return hasattr(module, "HUB")


def ready(module, source: Path | None) -> str:
    """"" for a data set whose pictures are embedded, lie in the folder `source`, or in the cache of the Hub's client where there is no such folder.

    Else a sentence that says what is missing. module: one of DATASETS. No picture is read.
    """
    file = getattr(module, "FILE", f"{module.HUB.split('/')[-1]}.npz" if is_fetched(module) else "")
    if not file or source is not None and (Path(source) / file).is_file():
        return ""
    if source is not None or not is_fetched(module):
        return ELSEWHERE.format(file)
    from ._hub import cached  # pyarrow and the Hub's client are needed on this road only
    if all(cached(module.HUB, split) for split in SPLITS):
        return ""
    return f"Its pictures come from {module.HUB} on the Hugging Face Hub when a training asks for them for the first time."
