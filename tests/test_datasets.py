"""Every dataset keeps the same promises; the drawn shapes obey their factors; wrong .npz files are sentences."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from genmodels.datasets import DATASETS, Images, shapes
from genmodels.datasets._base import SPLITS

EMBEDDED = [name for name, module in DATASETS.items() if not (hasattr(module, "HUB") or hasattr(module, "FILE"))]


@cache
def loaded(name: str, split: str, source: Path | None = None) -> Images:
    """A split, read or drawn once for all tests."""
    return DATASETS[name].load(split, source)


@pytest.fixture(scope="module", params=DATASETS)
def dataset(request):
    """Every file in genmodels/datasets, with its two splits; those that are not embedded from real data where it lies."""
    source = None if request.param in EMBEDDED else request.getfixturevalue("data_folder")
    try:
        return DATASETS[request.param], {split: loaded(request.param, split, source) for split in SPLITS}
    except FileNotFoundError as missing:
        pytest.skip(str(missing))


def test_every_dataset_says_what_it_is_and_under_which_terms():
    for name, module in DATASETS.items():
        assert module.__doc__.endswith(".") and len(module.TITLE) > 5 and len(module.TERMS) > 20, name
        assert len(module.IMAGE_SHAPE) == 3 and module.IMAGE_SHAPE[0] in (1, 3), name
        assert len(set(module.CLASSES)) == len(module.CLASSES) >= 2 and all(isinstance(word, str) and word for word in module.CLASSES), name


def test_titles_and_terms_differ():
    assert len({module.TITLE for module in DATASETS.values()}) == len(DATASETS)


def test_a_split_has_pictures_of_the_promised_shape_and_labels_with_names(dataset):
    module, splits = dataset
    for images in splits.values():
        assert isinstance(images, Images) and len(images) == len(images.labels) >= 80
        assert images.pixels.dtype == torch.uint8 and tuple(images.pixels.shape[1:]) == module.IMAGE_SHAPE
        assert images.labels.dtype == torch.int64 and images.classes == module.CLASSES
        wanted = sorted(images.groups) if images.groups else list(range(len(module.CLASSES)))
        assert images.labels.unique().tolist() == wanted, "every class has pictures"
        assert images.pixels.max() > 200 and images.pixels.min() < 50, "the whole range of grey is used"


def test_train_and_test_share_next_to_no_picture(dataset):
    _, splits = dataset
    train = {picture.numpy().tobytes() for picture in splits["train"].pixels[:5000]}
    common = sum(picture.numpy().tobytes() in train for picture in splits["test"].pixels[:1000])
    assert common < 10


def test_floats_lie_in_minus_one_to_one_and_conditions_are_one_hot_or_attributes(dataset):
    module, splits = dataset
    images = splits["test"]
    x, y = images.floats(slice(0, 50)), images.one_hot(torch.arange(50))
    assert x.dtype == torch.float32 and -1 <= x.min() < -0.5 and 0.5 < x.max() <= 1
    assert torch.equal((x * 127.5 + 127.5).round().byte(), images.pixels[:50])
    assert y.shape == (50, len(module.CLASSES)) and y.dtype == torch.float32
    if images.attributes is None:
        assert torch.equal(y.argmax(1), images.labels[:50]) and (y.sum(1) == 1).all()
    else:
        assert torch.equal(y, images.attributes[:50]) and set(y.unique().tolist()) <= {-1.0, 0.0, 1.0}


def test_factors_come_with_names_or_not_at_all(dataset):
    for images in dataset[1].values():
        assert (images.factors is None) == (images.factor_names == ())
        if images.factors is not None:
            assert images.factors.shape == (len(images), len(images.factor_names)) and images.factors.dtype == torch.float32


def test_an_unknown_split_is_a_sentence():
    for module in DATASETS.values():
        with pytest.raises(ValueError, match="There is no split 'validation'; there are train and test."):
            module.load("validation", Path("nowhere"))


@pytest.mark.parametrize("name", EMBEDDED)
def test_embedded_datasets_give_the_same_pictures_every_time(name):
    first, again = loaded(name, "test"), DATASETS[name].load("test")
    assert torch.equal(first.pixels, again.pixels) and torch.equal(first.labels, again.labels)


def test_shapes_are_the_same_on_every_machine():
    images = loaded("shapes", "test")
    assert images.labels[:12].tolist() == [2, 0, 0, 0, 1, 2, 1, 0, 1, 1, 2, 2]
    assert images.pixels.float().mean().item() == pytest.approx(105.59, abs=0.05)  # of 255


def test_the_first_pictures_keep_their_labels_and_factors():
    images = loaded("shapes", "test")
    few = images.first(7)
    assert len(few) == len(few.factors) == 7 and torch.equal(few.pixels, images.pixels[:7]) and torch.equal(few.labels, images.labels[:7])
    assert loaded("digits", "test").first(3).factors is None


# The factors of the shapes

PLAIN = dict(zip(shapes.FACTORS, (0.0, 0.0, 0.5, 0.3, 1.0), strict=True))


def drawn(kind: int = 0, **factors: float) -> np.ndarray:
    """One picture [32, 32, 3] in float."""
    row = np.array([[(PLAIN | factors)[name] for name in shapes.FACTORS]], np.float32)
    return shapes.draw(np.array([kind]), row)[0].astype(np.float64)


def cover(kind: int = 0, **factors: float) -> np.ndarray:
    """How much of each pixel [32, 32] the shape changes, against the same landscape with the shape far away."""
    return abs(drawn(kind, **factors) - drawn(kind, **{**factors, "x": 9.0, "y": 9.0})).sum(2)


def centre(weight: np.ndarray) -> tuple[float, float]:
    """Centre of mass, x and y in [-1, 1]."""
    ticks = (np.arange(32) + 0.5) / 16 - 1
    return float((weight.sum(0) * ticks).sum() / weight.sum()), float((weight.sum(1) * ticks).sum() / weight.sum())


@pytest.mark.parametrize("kind", range(3), ids=shapes.CLASSES)
@pytest.mark.parametrize("axis", ["x", "y"])
def test_moving_the_factor_moves_the_centre_of_mass_as_far(kind, axis):
    index = "xy".index(axis)
    low, high = (centre(cover(kind, **{axis: place}) > 0)[index] for place in (-0.4, 0.4))
    assert high - low == pytest.approx(0.8, abs=0.06)
    still = [centre(cover(kind, **{axis: place}) > 0)[1 - index] for place in (-0.4, 0.4)]
    assert still[0] == pytest.approx(still[1], abs=0.05)


@pytest.mark.parametrize("kind", range(3), ids=shapes.CLASSES)
def test_size_grows_the_area(kind):
    areas = [(cover(kind, size=size) > 0).sum() for size in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert areas == sorted(areas) and areas[-1] > 3 * areas[0]


def test_daylight_brightens_sky_ground_and_shape():
    night, noon = drawn(daylight=0.0), drawn(daylight=1.0)
    for part in (np.s_[:3], np.s_[-3:], np.s_[15:17, 15:17]):
        assert noon[part].mean() > night[part].mean() + 40
    brightness = [drawn(daylight=light).mean() for light in np.linspace(0, 1, 7)]
    assert brightness == sorted(brightness)


def test_hue_colours_the_shape_and_nothing_else():
    red, blue = drawn(hue=0.0), drawn(hue=0.75)
    assert red[16, 16].argmax() == 0 and blue[16, 16].argmax() == 2
    changed = abs(red - blue).sum(2) > 0
    assert not changed[:, :4].any() and not changed[:4].any() and changed[16, 16]


def test_the_three_classes_have_three_outlines():
    circle, square, triangle = ((cover(kind, size=1.0) > 0) for kind in range(3))
    assert square.sum() > 0.85 * square[square.any(1)][:, square.any(0)].size, "a square fills its box"
    rows, columns = np.nonzero(circle)
    assert not circle[rows.min(), columns.min()] and circle[rows.min(), 16] and circle[16, columns.min()], "a circle leaves its box's corners free"
    widths = triangle[triangle.any(1)].sum(1)
    assert widths[0] <= 4 and widths[-1] >= 12, "a triangle stands on its base"


def test_drawn_pictures_belong_to_their_factors():
    images = loaded("shapes", "test")
    again = shapes.draw(images.labels[:20].numpy(), images.factors[:20].numpy())
    assert np.array_equal(again.transpose(0, 3, 1, 2), images.pixels[:20].numpy()) and images.factor_names == shapes.FACTORS


# Named files

GOOD = {"x_train": np.zeros((5, 28, 28), np.uint8), "y_train": np.arange(5, dtype=np.uint8),
        "x_test": np.zeros((3, 28, 28), np.uint8), "y_test": np.array([9, 0, 1])}
WRONG = {
    "a missing array": ({"x_train": None}, "must hold x_train and y_train"),
    "labels under another name": ({"y_train": None, "labels": GOOD["y_train"]}, "must hold x_train and y_train"),
    "objects": ({"x_train": np.array([{}, []], object)}, "not a readable .npz file of plain arrays"),
    "floats": ({"x_train": np.zeros((5, 28, 28), np.float32)}, r"must be uint8 pictures \[N, H, W\], not float32"),
    "flat pictures": ({"x_train": np.zeros((5, 784), np.uint8)}, r"not uint8 \[5, 784\]"),
    "too few labels": ({"y_train": np.arange(4)}, "one for each picture"),
    "labels as fractions": ({"y_train": np.arange(5) / 2}, "must be 5 whole numbers"),
    "a label too high": ({"y_train": np.array([0, 1, 2, 3, 10])}, "from 0 to 10; there are 10 classes"),
    "a label below zero": ({"y_train": np.array([0, 1, 2, 3, -1])}, "from -1 to 3"),
    "no pictures": ({"x_train": np.zeros((0, 28, 28), np.uint8), "y_train": np.arange(0)}, "must be 0 whole numbers"),
    "another size": ({"x_train": np.zeros((5, 32, 32), np.uint8)}, r"holds pictures of \[1, 32, 32\]; mnist has \[1, 28, 28\]"),
    "colour": ({"x_train": np.zeros((5, 28, 28, 3), np.uint8)}, r"holds pictures of \[3, 28, 28\]"),
}


def test_a_named_file_or_its_folder_gives_the_same_pictures(tmp_path):
    np.savez(tmp_path / "mnist.npz", **GOOD)
    for source in (tmp_path, tmp_path / "mnist.npz", str(tmp_path)):
        images = DATASETS["mnist"].load("test", source)
        assert images.pixels.shape == (3, 1, 28, 28) and images.labels.tolist() == [9, 0, 1]


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_file_is_a_sentence(tmp_path, case):
    change, words = WRONG[case]
    np.savez(tmp_path / "mnist.npz", **{name: array for name, array in (GOOD | change).items() if array is not None})
    with pytest.raises(ValueError, match=words) as caught:
        DATASETS["mnist"].load("train", tmp_path)
    assert str(caught.value).endswith(".") and "mnist" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"not a zip at all", b"PK\x03\x04 cut off", b"\x80\x04pickle."], ids=["empty", "text", "cut", "pickle"])
def test_a_file_that_is_no_npz_is_a_sentence(tmp_path, content):
    (tmp_path / "mnist.npz").write_bytes(content)
    with pytest.raises(ValueError, match="not a readable .npz file"):
        DATASETS["mnist"].load("train", tmp_path)


def test_a_single_array_is_no_npz(tmp_path):
    with open(tmp_path / "mnist.npz", "wb") as file:
        np.save(file, GOOD["x_train"])
    with pytest.raises(ValueError, match="not a readable .npz file"):
        DATASETS["mnist"].load("train", tmp_path)


def test_a_missing_file_says_what_to_name(tmp_path):
    with pytest.raises(FileNotFoundError, match="Name the fashion_mnist.npz itself or the folder that holds it."):
        DATASETS["fashion"].load("train", tmp_path)
