"""Faces from a file: attributes as they are named here, groups that colour maps, and wrong files as sentences."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from genmodels.datasets import faces, olivetti

NAMES = [name.lstrip("-") for name in faces.SEEN.values()]


def face(colour: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 64), (colour, colour // 2, 0)).save(file, "WEBP", lossless=True)
    return file.getvalue()


def arrays(n: int = 6) -> dict[str, np.ndarray]:
    pictures = [face(20 * k + 40) for k in range(n)]
    attrs = np.full((n, len(NAMES)), -1, np.int8)
    attrs[0] = 0
    attrs[0, NAMES.index("No_Beard")] = 1
    attrs[1, NAMES.index("Smiling")], attrs[1, NAMES.index("Gray_Hair")] = 1, 1
    return {"webp": np.frombuffer(b"".join(pictures), np.uint8), "offsets": np.cumsum([0, *map(len, pictures)]), "attrs": attrs,
            "attr_names": np.array(NAMES), "split": np.array([0, 0, 1, 2, 2, 2][:n], np.uint8)}


def written(folder, **changes):
    np.savez(folder / "celeba_64.npz", **{name: value for name, value in (arrays() | changes).items() if value is not None})
    return folder


def test_attributes_are_plus_minus_or_not_known_and_a_beard_is_the_contrary_of_no_beard(tmp_path):
    train = faces.load("train", written(tmp_path))
    assert len(train) == 3 and train.classes == faces.CLASSES and train.attributes.dtype == torch.float32
    of = dict(zip(faces.CLASSES, train.attributes.T.tolist(), strict=True))
    assert of["Beard"] == [-1, 0, 0] and of["Smiling"] == [-1, 1, 0] and of["Mouth open"] == [-1, 0, 0]
    assert torch.equal(train.one_hot(slice(0, 2)), train.attributes[:2])


def test_labels_are_the_groups_by_which_a_map_is_coloured(tmp_path):
    train = faces.load("train", written(tmp_path))
    assert [faces.CLASSES[k] for k in train.labels.tolist()] == ["Brown hair", "Gray hair", "Brown hair"]
    assert train.groups == faces.GROUPS


def test_the_test_split_has_its_own_pictures(tmp_path):
    test = faces.load("test", written(tmp_path))
    assert test.pixels[:, 0, 0, 0].tolist() == pytest.approx([100, 120, 140], abs=3) and test.pixels.shape == (3, 3, 64, 64)


def test_progress_is_told_in_pictures(tmp_path):
    told = []
    faces.load("train", written(tmp_path), lambda *now: told.append(now))
    assert told[0] == (0, 3, "pictures")


@pytest.mark.parametrize("changes, words", [
    ({"attrs": None}, "is not an .npz file of faces"), ({"offsets": np.array([0, 5, 3, 9, 10, 11, 12])}, "offsets must be 7 growing places"),
    ({"attr_names": np.array([*NAMES[1:], "x"])}, "attr_names lacks Smiling"), ({"attrs": np.zeros((6, 3), np.int8)}, "attrs must be"),
    ({"webp": np.zeros(10_000, np.uint8)}, "picture 0 is no readable WebP"), ({"split": np.zeros(6, np.float32)}, "split must not be float32"),
], ids=["missing", "offsets", "names", "shape", "damaged", "kind"])
def test_a_wrong_file_is_a_sentence(tmp_path, changes, words):
    with pytest.raises(ValueError, match=words):
        faces.load("train", written(tmp_path, **changes))


def test_faces_are_not_fetched_by_themselves():
    with pytest.raises(FileNotFoundError, match="CelebA may not be passed on.*Name the celeba_64.npz"):
        faces.load("train")


def test_eight_of_ten_pictures_of_each_person_are_trained_on(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (400, 64, 64), np.uint8)
    np.savez(tmp_path / "olivetti.npz", images=noise, person=np.repeat(np.arange(40, dtype=np.uint8), 10))
    train, test = (olivetti.load(split, tmp_path) for split in ("train", "test"))
    assert len(train) == 320 and len(test) == 80 and test.labels.bincount().tolist() == [2] * 40
    np.savez(tmp_path / "olivetti.npz", images=np.zeros((3, 64, 64), np.uint8), person=np.zeros(3, np.uint8))
    with pytest.raises(ValueError, match="ten of each of 40 people"):
        olivetti.load("train", tmp_path)
