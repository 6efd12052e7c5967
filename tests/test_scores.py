"""The bars of the bundled models: met, missed, missing, and not met by numbers that belong to other weights."""

import json
import shutil
from pathlib import Path

import pytest

from bench import scores
from genmodels.checkpoint import find

from .conftest import save_tiny, tiny_model


@pytest.fixture
def measured(tmp_path) -> Path:
    """Two checkpoints with a measure each."""
    for name, family, found in (("pca", "autoencoder", {"mse": 0.05}), ("vae", "vae", {"label_kept": 0.9})):
        checkpoint = save_tiny(tiny_model(family), tmp_path / "checkpoints" / name)
        (checkpoint.folder / "metrics.json").write_text(json.dumps(found | {"weights": checkpoint.hash}))
    return tmp_path / "checkpoints"


def test_a_bar_is_met_missed_or_missing(measured, monkeypatch, capsys):
    bars = [scores.Bar("pca", "mse", "at most", value) for value in (0.05, 0.025)]
    bars += [scores.Bar("vae", "label_kept", "at least", 0.2), scores.Bar("nobody", "mse", "at most", 1)]
    monkeypatch.setattr(scores, "BARS", tuple(bars))
    monkeypatch.setattr(scores, "BUNDLED", ("pca",))
    assert [row[4] for row in scores.rows(find(measured))] == ["met", "MISSED", "met", "missing", "met", "met"]
    assert scores.main(["--checkpoints", str(measured)]) == 1
    assert "MISSED" in capsys.readouterr().out
    monkeypatch.setattr(scores, "BARS", (bars[0], bars[2]))
    assert scores.main(["--checkpoints", str(measured)]) == 0


def test_a_bar_may_be_another_measure_and_lie_inside_a_row():
    found = {"generated": {"normal": {"fd": 3.0}}, "other": 2.0}
    assert scores.Bar("x", "generated.normal.fd", "at least", "other").verdict(found) == ("3", "at least other, 2", "met")
    assert scores.Bar("x", "generated.normal.fd", "at most", 2.5).verdict(found) == ("3", "at most 2.5", "MISSED")
    for key in ("generated.mixture.fd", "other.fd", "nothing"):
        assert scores.Bar("x", key, "at most", 1).verdict(found)[2] == "missing"
    assert scores.Bar("x", "other", "at most", "nothing").verdict(found)[2] == "missing"


def test_numbers_measured_on_other_weights_do_not_count(measured, monkeypatch):
    shutil.copy(measured / "vae" / "model.safetensors", measured / "pca" / "model.safetensors")
    monkeypatch.setattr(scores, "BARS", (scores.Bar("pca", "mse", "at most", 1),))
    assert scores.rows(find(measured))[0][4] == "measured on other weights"
