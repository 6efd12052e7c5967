"""Which data sets are at hand: embedded ones, those whose file lies in a named folder, and what the Hub's client keeps."""

import pytest

from genmodels.datasets import DATASETS, is_fetched, ready

EMBEDDED = [name for name, one in DATASETS.items() if not hasattr(one, "HUB") and not hasattr(one, "FILE")]
FILES = [name for name in DATASETS if name not in EMBEDDED]


@pytest.fixture(autouse=True)
def empty_cache(monkeypatch, tmp_path):
    """The cache of the Hub's client, with nothing in it."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.mark.parametrize("name", EMBEDDED)
def test_an_embedded_one_is_ready_anywhere(name, tmp_path):
    assert ready(DATASETS[name], None) == ready(DATASETS[name], tmp_path) == ""


@pytest.mark.parametrize("name", FILES)
def test_the_file_that_would_make_it_ready_is_the_one_that_is_read(name, tmp_path):
    said = ready(DATASETS[name], tmp_path)
    with pytest.raises(FileNotFoundError) as missing:
        DATASETS[name].load("train", tmp_path)
    file = next(word for word in said.replace(":", "").split() if word.endswith(".npz"))
    assert said.endswith("PICTURES=FOLDER.") and str(tmp_path / file) in str(missing.value)
    (tmp_path / file).touch()
    assert ready(DATASETS[name], tmp_path) == ""


@pytest.mark.parametrize("name", FILES)
def test_without_a_folder_it_comes_from_the_hub_where_it_may(name):
    said = ready(DATASETS[name], None)
    assert ("Hugging Face Hub" in said) == is_fetched(DATASETS[name]) and said.endswith(".")
