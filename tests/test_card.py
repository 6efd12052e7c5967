"""A model card keeps what a person wrote, is left alone where it has no place for numbers, and its sheets stay small."""

import io

import numpy as np
import pytest
from PIL import Image

from genmodels import card
from genmodels.evaluate.__main__ import main

from .evaluate_kit import solved_pca, with_recipe


def test_a_card_keeps_a_persons_words_when_it_is_measured_again(tmp_path):
    with_recipe(solved_pca(), tmp_path / "digits-pca")
    readme = tmp_path / "digits-pca" / "README.md"
    (measured, measured_end), (trained, trained_end) = map(card.marks, card.PARTS)
    readme.write_text(f"My own words.\n{measured}\nold\n{measured_end}\nAnd these.\n{trained}\nold\n{trained_end}\nAnd the last.\n")
    assert main(["digits-pca", "--checkpoints", str(tmp_path), "--device", "cpu"]) == 0
    text = readme.read_text()
    assert text.startswith("My own words.\n") and "\nAnd these.\n" in text and text.endswith("\nAnd the last.\n")
    assert "old" not in text and "mean squared error" in text and "in closed form" in text


def test_a_card_without_a_place_for_its_parts_is_left_alone_and_says_so(tmp_path, capsys):
    with_recipe(solved_pca(), tmp_path / "digits-pca")
    (tmp_path / "digits-pca" / "README.md").write_text("Nothing of the kind.")
    before = {path.name: path.read_bytes() for path in (tmp_path / "digits-pca").iterdir()}
    assert main(["digits-pca", "--checkpoints", str(tmp_path), "--device", "cpu"]) == 2
    assert "The card of digits-pca lacks the lines" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in (tmp_path / "digits-pca").iterdir()} == before


def test_a_sheet_uses_fewer_colours_rather_than_more_bytes():
    noise = np.random.default_rng(0).integers(0, 256, (64, 24, 24, 1), np.uint8)
    sheet = Image.open(io.BytesIO(card.contact_sheet(noise, 8)))
    assert sheet.fp.getbuffer().nbytes <= card.LARGEST_PICTURE and 4 <= len(sheet.getcolors()) < 128
    with pytest.raises(ValueError, match="show fewer"):
        card.contact_sheet(np.random.default_rng(0).integers(0, 256, (256, 32, 32, 3), np.uint8), 16)
