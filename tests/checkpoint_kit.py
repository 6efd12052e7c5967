"""What tests of checkpoints share: a folder whose files somebody has changed, and the sentence that it is refused with."""

import json

import pytest
from safetensors.torch import load_file, save_file

from genmodels.checkpoint import BadCheckpoint, Checkpoint


def change_config(saved: Checkpoint, **changes) -> Checkpoint:
    path = saved.folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return Checkpoint(saved.folder)


def change_weights(saved: Checkpoint, change) -> Checkpoint:
    weights = load_file(saved.folder / "model.safetensors")
    change(weights)
    save_file(weights, saved.folder / "model.safetensors")
    return Checkpoint(saved.folder)


def refusal(saved: Checkpoint) -> str:
    """What a checkpoint is refused with: one sentence that names it."""
    with pytest.raises(BadCheckpoint) as caught:
        saved.load()
    sentence = str(caught.value)
    assert sentence.startswith("small: ") and sentence.endswith(".") and "\n" not in sentence and len(sentence) < 400
    return sentence
