"""Datasets by their name on the Hub: which pictures are taken out of a stranger's files and what is said of it, when all is well and when not."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from PIL import Image

from genmodels import card
from genmodels.checkpoint import Checkpoint
from genmodels.client import Hub
from genmodels.datasets import BadPicture, _named, dataset, square
from genmodels.datasets._named import named
from genmodels.train.recipe import plan_from

CIFAR, BUTTERFLIES = "uoft-cs/cifar10", "huggan/smithsonian_butterflies_subset"
ANIMALS = ("airplane", "automobile", "bird")
RANDOM = np.random.default_rng(0)
SMALL = RANDOM.integers(0, 256, (60, 16, 16, 3), np.uint8)
FILES = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def packed(picture, kind: str = "PNG", **options) -> bytes:
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def table(columns: dict, names: dict[str, tuple[str, ...]] | None = None) -> bytes:
    """A parquet file with columns of picture files (lists that begin with bytes) and others, and what the library `datasets` writes beside them."""
    arrays = {name: pa.array([{"bytes": data, "path": None} for data in values], FILES) if isinstance(values[0], bytes) else pa.array(values)
              for name, values in columns.items()}
    features = {name: {"_type": "ClassLabel", "names": list(names[name])} if name in (names or {}) else {"_type": "Value"} for name in columns}
    whole = pa.table(arrays)
    if names is not None:
        whole = whole.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    buffer = io.BytesIO()
    parquet.write_table(whole, buffer)
    return buffer.getvalue()


def cifar(count: int = 40) -> dict[str, bytes]:
    train = table({"img": [packed(picture) for picture in SMALL[:count]], "label": [k % 3 for k in range(count)]}, {"label": ANIMALS})
    return {"plain_text/train-00000-of-00001.parquet": train, "plain_text/test-00000-of-00001.parquet": b"never asked for", "README.md": b"about"}


def butterflies() -> dict[str, bytes]:
    """Large photographs, one of them turned by its camera, in a table of many columns."""
    photo = np.zeros((300, 500, 3), np.uint8)
    photo[:, :, 0], photo[:150, :, 1] = 200, 100
    turned = Image.Exif()
    turned[0x0112] = 6  # to be turned a quarter clockwise
    pictures = [packed(photo, "JPEG", quality=95) for _ in range(19)] + [packed(photo, "JPEG", quality=95, exif=turned)]
    columns = {"image_url": ["https://x"] * 20, "image": pictures, "name": ["Monarch"] * 20, "sim_score": [0.5] * 20}
    return {"data/train-00000-of-00001.parquet": table(columns, {})}


@pytest.fixture
def hub(hub):
    hub.add("datasets", CIFAR, cifar())
    return hub


@pytest.fixture
def load(hub, tmp_path, monkeypatch):
    """named from the stand-in, into a cache that was empty; twenty pictures are enough here."""
    monkeypatch.setattr(_named, "FEWEST", 20)

    def load(name=CIFAR, size=16, split="train", channels=None, address=hub.url, **more):
        return named(name, size, split, channels, hub=Hub(address, tmp_path / "cache"), **more)
    return load


def refused(load, words: str, *asked, kind=ValueError) -> str:
    """One sentence or two for a person, in which these words stand."""
    with pytest.raises(kind) as caught:
        load(*asked)
    text = str(caught.value)
    assert words in text and text.endswith(".") and "\n" not in text and "http://" not in text and len(text) < 500, text
    return text


def test_pictures_and_names_of_classes_are_found_and_every_tenth_is_kept_for_testing(load):
    train, test = load(), load(split="test")
    assert np.array_equal(test.pixels.permute(0, 2, 3, 1).numpy(), SMALL[9:40:10])
    assert np.array_equal(train.pixels.permute(0, 2, 3, 1).numpy(), np.delete(SMALL[:40], np.s_[9::10], 0))
    assert train.classes == test.classes == ANIMALS and test.labels.tolist() == [k % 3 for k in (9, 19, 29, 39)]
    assert "column img of plain_text/train" in train.account[0] and "Classes are those of column label." in train.account


def test_large_photographs_become_small_squares_turned_as_the_camera_says(hub, load):
    hub.add("datasets", BUTTERFLIES, butterflies())
    [upright, turned] = load(BUTTERFLIES, 32, "test").pixels.float()
    assert upright.shape == (3, 32, 32) and abs(upright[:, 4, 16] - upright.new_tensor([200, 100, 0])).max() < 6
    assert abs(upright[:, 28, 16] - upright.new_tensor([200, 0, 0])).max() < 6  # the lower half
    assert abs(turned[:, 16, 28] - turned.new_tensor([200, 100, 0])).max() < 6  # what was above is on the right
    images = load(BUTTERFLIES, 32)
    assert len(images) == 18 and images.classes == ("picture",) and "There are no classes." in images.account


def test_only_files_that_are_needed_are_downloaded_and_only_the_first_pictures_read(hub, load, monkeypatch):
    monkeypatch.setattr(_named, "MOST", 30)
    shards = [table({"image": [packed(picture) for picture in SMALL[20 * k:20 * k + 20]]}) for k in range(3)]
    hub.add("datasets", CIFAR, {f"data/train-0000{k}-of-00003.parquet": shard for k, shard in enumerate(shards)} | {"a/train-00000-of-00001.parquet": b""})
    seen = []
    images = load(progress=lambda *told: seen.append(told))
    fetched = [request.rsplit("/", 1)[1] for request in hub.requests if request.startswith("GET /datasets/")]
    assert fetched == ["train-00000-of-00003.parquet", "train-00001-of-00003.parquet"]
    assert len(images) == 27 and np.array_equal(images.pixels[-1].permute(1, 2, 0).numpy(), SMALL[28])
    assert "The first 30 pictures were read and no more." in images.account
    size = len(shards[0]) + len(shards[1])
    assert (size, size, "bytes") in seen and seen[-1] == (30, 30, "pictures")


def test_what_is_cached_is_read_without_a_question_even_with_no_hub(hub, load):
    first, asked = load(), len(hub.requests)
    again = load(split="test", address="http://127.0.0.1:9")
    assert len(hub.requests) == asked and len(again) == 4 and again.classes == first.classes


def test_a_revision_is_that_commit_and_no_other(hub, load):
    before = hub.repositories["datasets", CIFAR].commit
    hub.add("datasets", CIFAR, cifar(20))
    assert (len(load()), len(load(f"{CIFAR}@{before}"))) == (18, 36)


@pytest.mark.parametrize("modes, channels, shape", [("LLR", None, 1), ("LRR", None, 3), ("RRR", 1, 1), ("LLL", 3, 3)])
def test_what_most_pictures_are_or_what_is_asked_for_decides_about_colour(hub, load, modes, channels, shape):
    pictures = [packed(SMALL[k] if modes[k % 3] == "R" else SMALL[k, :, :, 0]) for k in range(30)]
    hub.add("datasets", CIFAR, {"data/train-00000-of-00001.parquet": table({"image": pictures})})
    images = load(channels=channels)
    assert images.pixels.shape[1:] == (shape, 16, 16)
    if modes == "RRR":
        assert np.array_equal(images.pixels[0, 0].numpy(), np.asarray(Image.fromarray(SMALL[0]).convert("L")))


def test_names_of_classes_come_from_the_readme_where_the_table_has_none(hub, load):
    readme = ("---\ndataset_info:\n- config_name: other\n- config_name: plain_text\n  features:\n  - name: img\n    dtype: image\n  - name: label\n    dtype:\n"
              "      class_label:\n        names:\n" + "".join(f"          '{k}': {name}\n" for k, name in enumerate(ANIMALS)) + "---\n# About\n")
    bare = table({"img": [packed(picture) for picture in SMALL[:40]], "label": [k % 3 for k in range(40)]})
    hub.add("datasets", CIFAR, {"data/train-00000-of-00001.parquet": bare, "README.md": readme.encode()})
    assert load().classes == ANIMALS
    assert load(split="test", address="http://127.0.0.1:9").classes == ANIMALS
    for readme in (b"---\n[: no yaml\n---\n", b"---\ndataset_info: 5\n---\n", b"---\ndataset_info:\n  features:\n  - 5\n---\n"):
        hub.add("datasets", "a/b", {"data/train-00000-of-00001.parquet": bare, "README.md": readme})
        images = load(f"a/b@{hub.repositories['datasets', 'a/b'].commit}")
        assert images.classes == ("0", "1", "2") and "Classes are those of column label, which have no names." in images.account


def test_one_of_several_columns_of_pictures_can_be_named(hub, load):
    black, white = (packed(np.full((8, 8), shade, np.uint8)) for shade in (0, 255))
    hub.add("datasets", CIFAR, {"data/train-00000-of-00001.parquet": table({"image": [black] * 20, "mask": [white] * 20})})
    assert load().pixels.max() == 0 and f"There are more columns of pictures: {CIFAR}#image, {CIFAR}#mask." in load().account
    assert load(f"{CIFAR}#mask").pixels.min() == 255
    refused(load, f"no column of pictures 'maks'; there is {CIFAR}#image, {CIFAR}#mask", f"{CIFAR}#maks")
    hub.add("datasets", "a/b", {"data/train-00000-of-00001.parquet": table({"left": [black] * 20, "right": [white] * 20})})
    refused(load, "several columns of pictures. Say which: a/b#left, a/b#right", "a/b")


def test_broken_pictures_are_counted_and_left_out_with_their_labels(hub, load):
    pictures = [packed(picture) for picture in SMALL[:40]]
    pictures[0], pictures[1], pictures[2] = b"<html>", None, pictures[2][:100]
    hub.add("datasets", CIFAR, {"data/train-00000-of-00001.parquet": table({"image": pictures, "label": [k % 3 for k in range(40)]}, {"label": ANIMALS})})
    images = load()
    assert len(images) == len(images.labels) == 33 and images.labels[0] == 0
    assert images.account[-1] == ("3 pictures are left out, for they cannot be read. "
                                  "The first: This is a web page, which is no readable picture; it must be a whole PNG, JPEG or WEBP.")
    hub.add("datasets", "a/b", {"data/train-00000-of-00001.parquet": table({"image": [b"x"] * 30})})
    refused(load, "a/b has 30 pictures to read, of which 0 can be used to train with, and the first one says: This is no readable picture", "a/b")


@pytest.mark.parametrize("labels, names", [([5] * 40, ANIMALS), ([None] * 40, ANIMALS), ([-1] * 40, None), ([700] * 40, None), ([2**64 - 1] * 40, None)])
def test_classes_that_cannot_be_true_are_left_out_and_that_is_said(hub, load, labels, names):
    columns = {"image": [packed(picture) for picture in SMALL[:40]], "label": pa.array(labels, pa.uint64() if labels[0] and labels[0] > 0 else pa.int64())}
    hub.add("datasets", CIFAR, {"data/train-00000-of-00001.parquet": table(columns, {"label": names} if names else None)})
    images = load()
    assert images.classes == ("picture",) and not images.labels.any()
    assert "The classes of label are left out: not every picture has one of at most 255." in images.account


@pytest.mark.parametrize("files, words", [
    ({"data.csv": b"a,b"}, "has no parquet files of pictures such as data/train-00000-of-00001.parquet"),
    ({"data/train-00000-of-00001.parquet": table({"text": ["a"] * 30})}, "holds no pictures: its columns are text"),
    ({"data/train-00000-of-00001.parquet": table({"image": [packed(SMALL[0])] * 5})}, "has 5 pictures to read"),
    ({"data/train-00000-of-00001.parquet": b"PAR1 and no more"}, "cannot be read: it is not a readable parquet file"),
], ids=["no parquet", "no pictures", "few", "damaged"])
def test_what_is_no_set_of_pictures_is_refused_in_a_sentence(hub, load, files, words):
    hub.add("datasets", "a/b", files)
    assert words in refused(load, words, "a/b")


def test_a_damaged_file_does_not_stay_in_the_cache(hub, load):
    whole = cifar()
    hub.add("datasets", CIFAR, whole | {"plain_text/train-00000-of-00001.parquet": whole["plain_text/train-00000-of-00001.parquet"][:-50]})
    refused(load, "It has been removed from the cache; try again.")
    hub.add("datasets", CIFAR, whole)
    assert len(load()) == 36


def test_too_large_files_are_refused_before_a_byte_of_them_comes_and_later_ones_left_out(hub, load, monkeypatch):
    shard = cifar()["plain_text/train-00000-of-00001.parquet"]
    hub.add("datasets", CIFAR, {f"data/train-0000{k}-of-00003.parquet": shard for k in range(3)})
    monkeypatch.setattr(_named, "LIMIT", len(shard) - 1)
    refused(load, "The first file of uoft-cs/cifar10 weighs")
    assert not [request for request in hub.requests if request.startswith("GET /datasets/")]
    monkeypatch.setattr(_named, "LIMIT", 2 * len(shard))
    images = load()
    assert len(images) == 72 and any(sentence.startswith("1 of its 3 files were left out") for sentence in images.account)


@pytest.mark.parametrize("failure, kind, words", [("gated", PermissionError, "gated"), ("404", FileNotFoundError, "has no uoft-cs/cifar10"),
                                                  ("503", ConnectionError, "503"), ("html", ValueError, "not the Hub")])
def test_a_hub_that_fails_is_one_sentence_and_the_next_try_works(hub, load, failure, kind, words):
    hub.play(failure)
    refused(load, words, kind=kind)
    hub.play("")
    assert len(load()) == 36


def test_a_hub_that_fails_at_the_readme_does_not_cost_the_pictures(hub, load):
    bare = table({"img": [packed(picture) for picture in SMALL[:40]], "label": [k % 3 for k in range(40)]})
    hub.add("datasets", CIFAR, {"data/train-00000-of-00001.parquet": bare, "README.md": b"x" * 100})

    def until_the_pictures_are_there(done, total, unit):
        if done == total:
            hub.play("gated", "get")

    with pytest.raises(PermissionError):
        load(progress=until_the_pictures_are_there)
    hub.play("")
    assert len(load()) == 36


@pytest.mark.parametrize("name", ["nope", "http://x/y", "a/b/c", "../x", "a/..", "a/b@../../x", "a/" + "b" * 90, "", 5, None])
def test_what_is_no_name_of_a_dataset_is_refused_before_anybody_is_asked(name):
    with pytest.raises(ValueError, match=r"^[^\n]*\.$"):
        dataset(name, (3, 32, 32))


@pytest.mark.parametrize("shape", [(3, 32, 16), (2, 32, 32), (3, 512, 512), (3, 4, 4), (32, 32), (3, True, True)])
def test_shapes_that_pictures_of_the_hub_are_not_made_to_are_refused(shape):
    with pytest.raises(ValueError, match=r"are made"):
        dataset(CIFAR, shape)


def test_a_model_must_be_told_the_classes_that_there_are(hub, tmp_path):
    hub.add("datasets", CIFAR, cifar(60))
    asked = Hub(hub.url, tmp_path / "cache")
    assert _named.Named(CIFAR, (3, 16, 16), ANIMALS, asked).load().classes == ANIMALS
    with pytest.raises(ValueError, match="The classes of uoft-cs/cifar10 are airplane, automobile, bird; the conditions of the model must be these"):
        _named.Named(CIFAR, (3, 16, 16), ("cat", "dog"), asked).load()


# A stranger's picture


def shaded(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.tile(np.arange(width, dtype=np.uint8), (height, 1)))


def test_the_middle_is_cut_out_and_averaged_over_areas():
    wide = np.zeros((8, 24), np.uint8)
    wide[:, 8:16:2] = 200  # the middle: stripes whose mean is 100
    pixels, grey = square(packed(wide), 4)
    assert grey and pixels.shape == (4, 4, 3) and (pixels == 100).all()


def test_what_is_transparent_becomes_white_and_many_bits_are_scaled():
    clear = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    assert (square(packed(clear), 8)[0] == 255).all()
    palette = Image.new("P", (8, 8), 3)
    palette.putpalette([9, 8, 7] * 256)
    assert (square(packed(palette), 8)[0] == [9, 8, 7]).all()
    deep, grey = square(packed(np.linspace(1000, 60000, 64).reshape(8, 8).astype(np.uint16)), 8)
    assert grey and deep.min() == 0 and deep.max() == 255
    assert (square(packed(Image.new("CMYK", (8, 8), (0, 0, 0, 0)), "JPEG"), 8)[0] > 250).all()


@pytest.mark.parametrize("data, words", [
    (b"", "no readable picture"), (b"%!PS-Adobe-3.0 EPSF-3.0\n", "no readable picture"), (packed(SMALL[0], "GIF"), "no readable picture"),
    (packed(SMALL[0])[:200], "no readable picture"), (packed(Image.new("1", (5000, 5000))), "24 megapixels"),
    (packed(Image.new("1", (210, 10))), "20 times"), (b"x" * (9 << 20), "8 MB")], ids=["nothing", "eps", "gif", "cut", "vast", "long", "heavy"])
def test_files_that_are_no_pictures_or_too_large_are_refused_in_a_sentence(data, words):
    with pytest.raises(BadPicture, match=words) as caught:
        square(data, 8)
    assert str(caught.value).endswith(".") and "_io" not in str(caught.value)


# Training on one


RECIPE = {"format": 1, "family": "vae", "dataset": CIFAR, "model": {"image_shape": [3, 16, 16], "latent_dim": 2, "width": 4, "hidden": 8},
          "recipe": {"stages": [{"steps": 5}], "batch": 8, "precision": "float32"}}


def test_a_recipe_may_name_a_dataset_of_the_hub_and_is_trained_on_it_and_measured(hub, tmp_path):
    """In a process of its own, for the Hub's client reads its address from the environment once."""
    hub.add("datasets", CIFAR, cifar(60))
    (tmp_path / "small.json").write_text(json.dumps(RECIPE))
    surroundings = os.environ | {"HF_ENDPOINT": hub.url, "HF_HUB_CACHE": str(tmp_path / "cache"), "HF_HUB_DISABLE_XET": "1", "NO_PROXY": "127.0.0.1"}
    out = str(tmp_path / "checkpoints")
    train = [str(tmp_path / "small.json"), "--runs", str(tmp_path / "runs"), "--out", out, "--device", "cpu"]
    measure = ["small", "--quick", "--checkpoints", out, "--device", "cpu"]
    code = (f"from genmodels.train.__main__ import main as train; from genmodels.evaluate.__main__ import main as measure; "
            f"assert train({train}) == 0; assert measure({measure}) == 0")
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[1], env=surroundings, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert "54 pictures to train with, from column img of plain_text/train" in done.stdout and "mean squared error" in done.stdout
    checkpoint = Checkpoint(Path(out) / "small")
    assert checkpoint.load().image_shape == (3, 16, 16) and checkpoint.about["dataset"] == CIFAR
    assert f"datasets:\n- {CIFAR}\n" in card.front_matter(checkpoint, "mit") and card.terms(checkpoint)[0] == CIFAR


def test_a_recipe_with_a_name_that_cannot_be_is_refused_in_a_sentence():
    for changes in ({"dataset": "a/b/c"}, {"dataset": "nope"}, {"model": RECIPE["model"] | {"image_shape": [1, 12, 8]}}):
        with pytest.raises(ValueError, match=r"\.$"):
            plan_from(RECIPE | changes)
    assert plan_from(RECIPE | {"dataset": f"{CIFAR}@main#img"}).dataset == f"{CIFAR}@main#img"
