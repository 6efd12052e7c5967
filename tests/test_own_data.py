"""Own pictures as a data set: what a zip or an .npz becomes, what is left out of it and said, hostile files, and whose they are."""

import io
import json
import stat
import struct
import time
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image

from genmodels.datasets import OwnSets, dataset, is_own
from genmodels.datasets._unpacked import FEWEST, MOST, unpacked
from genmodels.train.recipe import plan_from
from genmodels.train.sets import BROUGHT_KEPT, Sets, own_sets
from genmodels.train.worker import Service

RNG = np.random.default_rng(0)


def picture(side: int = 40, colour: bool = False, kind: str = "PNG", value: int | None = None, width: int | None = None) -> bytes:
    shape = (side, width or side, 3) if colour else (side, width or side)
    pixels = RNG.integers(0, 256, shape, np.uint8) if value is None else np.full(shape, value, np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def packed(files: dict[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", how) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


def arrays(**named) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **named)
    return file.getvalue()


@pytest.fixture(scope="module")
def cats_and_dogs() -> dict[str, bytes]:
    return {f"pets/{name}/{k}.png": picture(value=value) for name, value in (("dog", 40), ("cat", 200)) for k in range(40)}


# What pictures become


def test_folders_are_classes_and_pictures_keep_to_theirs(cats_and_dogs):
    found = unpacked(packed(cats_and_dogs))
    assert found.classes == ("cat", "dog") and found.pixels.shape == (80, 32, 32, 1) and found.pixels.dtype == np.uint8
    assert (found.pixels[found.labels == 0] == 200).all() and (found.pixels[found.labels == 1] == 40).all() and (found.labels == 0).sum() == 40
    assert found.account[0] == "80 pictures, cut to their middle square and made 32x32 grey; every tenth is kept for testing."
    assert found.account[1] == "Classes: cat, dog."


def test_a_flat_zip_has_no_classes_and_most_pictures_decide_about_colour():
    flat = {f"{k}.jpg": picture(20, colour=k % 3 > 0, kind="JPEG") for k in range(66)}
    found = unpacked(packed(flat))
    assert found.classes == ("picture",) and not found.labels.any() and found.pixels.shape == (66, 28, 28, 3) and "There are no classes." in found.account


@pytest.mark.parametrize(("side", "becomes"), [(12, 28), (28, 28), (31, 28), (32, 32), (63, 32), (64, 64), (300, 64)])
def test_the_size_is_that_of_most_pictures_and_never_blurred_by_much(side, becomes):
    assert unpacked(packed({f"{k}.png": picture(side) for k in range(FEWEST)})).pixels.shape[1:3] == (becomes, becomes)


def test_a_person_may_choose_the_size_among_those_there_are(cats_and_dogs):
    assert unpacked(packed(cats_and_dogs), 64).pixels.shape[1:] == (64, 64, 1)
    with pytest.raises(ValueError, match="28, 32 or 64 pixels wide, not 40"):
        unpacked(packed(cats_and_dogs), 40)


def test_the_middle_square_is_taken():
    wide = np.zeros((30, 90), np.uint8)
    wide[:, 30:60] = 255
    file = io.BytesIO()
    Image.fromarray(wide).save(file, "PNG")
    assert (unpacked(packed({f"{k}.png": file.getvalue() for k in range(FEWEST)})).pixels == 255).all()


def test_of_too_many_pictures_some_are_taken_evenly():
    many = {f"{k // 2600}/{k}.png": b"" for k in range(5200)}
    one = {0: picture(8, value=0), 1: picture(8, value=255)}
    found = unpacked(packed({name: one[int(name[0])] for name in many}))
    assert len(found.pixels) == MOST and abs(int(found.labels.sum()) - MOST // 2) <= 1 and "5,000 of its 5,200 pictures are taken, evenly." in found.account


def test_what_is_no_picture_is_left_out_and_said_and_what_programs_leave_behind_is_not(cats_and_dogs):
    more = {"notes.txt": b"hello", "cat/broken.png": b"\x89PNG no", "cat/page.jpg": b"<html>", "__MACOSX/cat/._1.png": b"x", ".DS_Store": b"x"}
    account = unpacked(packed(cats_and_dogs | more)).account
    assert "1 left out: it is no picture by its name." in account
    assert any(sentence.startswith("2 left out: cannot be read, such as cat/broken.png") for sentence in account)
    assert len(account) == 4


def test_arrays_with_labels_become_a_data_set_too():
    x, y = RNG.integers(0, 256, (70, 28, 28), np.uint8), np.arange(70) % 3 + 4
    found = unpacked(arrays(x=x, y=y))
    assert (found.pixels[..., 0] == x).all() and found.classes == ("4", "5", "6") and (found.labels == y - 4).all()
    colour = unpacked(arrays(x_train=RNG.random((70, 3, 40, 40), np.float32)))
    assert colour.pixels.shape == (70, 32, 32, 3) and colour.pixels.max() > 150 and colour.classes == ("picture",)


# Files that mean harm, or are none


def bomb() -> bytes:
    return packed({f"{k}.png": bytes(7 << 20) for k in range(40)})


def giant() -> dict[str, bytes]:
    """Each picture says that it is 20,000 pixels wide and high, in a few bytes."""
    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 0, 0, 0, 0)
    chunk = b"IHDR" + header
    return {f"{k}.png": b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk)) for k in range(70)}


def linked(files: dict[str, bytes]) -> bytes:
    file = io.BytesIO(packed(files))
    with zipfile.ZipFile(file, "a") as archive:
        link = zipfile.ZipInfo("cat/passwd.png")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    return file.getvalue()


def overstated() -> bytes:
    """An array whose head says that it is a hundred gigabytes."""
    head = str({"descr": "|u1", "fortran_order": False, "shape": (10**6, 320, 320)}).encode()
    head += b" " * (118 - len(head) - 1) + b"\n"
    return packed({"x.npy": b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + bytes(100)})


@pytest.mark.parametrize(("content", "said"), [
    (b"", "no readable zip"), (b"hello", "no readable zip"), (picture(), "no readable zip"), (packed({}), "There are 0 pictures"),
    (packed({f"{k}.png": picture(8) for k in range(9)}), "There are 9 pictures that can be read; at least 60 are needed."),
    (packed(giant()), "70 left out: cannot be read"), (overstated(), "larger than its file"),
    (arrays(x=np.array([{}] * 70, object)), "x.npy cannot be read"), (arrays(x=np.zeros((70, 2, 2), np.uint8)), "4 to 4,096 pixels"),
    (arrays(x=np.full((70, 9, 9), np.nan)), "must lie between 0 and 1"), (arrays(q=np.zeros(3)), "has an array x"),
    (arrays(x=np.zeros((70, 9, 9), np.uint8), y=np.zeros(3, int)), "for each of 70 pictures"),
], ids=["empty", "text", "one picture", "empty zip", "few", "giants", "overstated", "objects", "tiny", "not finite", "no x", "labels"])
def test_a_file_that_is_no_set_of_pictures_is_refused_in_a_sentence(content, said):
    with pytest.raises(ValueError, match=said):
        unpacked(content)


def test_what_unpacks_to_very_much_is_refused_before_it_is_unpacked():
    content = bomb()
    assert len(content) < 1 << 20
    with pytest.raises(ValueError, match="unpacks to 280 MB, more than the 256 MB"):
        unpacked(content)


def test_too_many_entries_are_refused_before_the_list_is_read(monkeypatch):
    content = packed({f"{k}": b"" for k in range(20_001)}, zipfile.ZIP_STORED)
    monkeypatch.setattr(zipfile, "ZipFile", lambda *_: pytest.fail("the list was read"))
    with pytest.raises(ValueError, match="20,000 files; this one has more"):
        unpacked(content)


def test_too_many_megapixels_are_refused_before_they_are_unpacked(monkeypatch):
    monkeypatch.setattr("genmodels.datasets._unpacked.square", lambda *_: pytest.fail("a picture was unpacked"))
    large = picture(4800, value=0)
    with pytest.raises(ValueError, match="2,000 megapixels together"):
        unpacked(packed({f"{k}.png": large for k in range(100)}))


def test_links_paths_that_lead_out_and_passwords_are_left_out_and_said(cats_and_dogs):
    content = bytearray(linked(cats_and_dogs | {"../../evil.png": picture(), "/etc/cat/evil.png": picture()}))
    account = unpacked(bytes(content)).account
    assert "1 left out: it is a link." in account and "2 left out: its path leads out of the zip." in account
    locked = bytearray(packed(cats_and_dogs | {"cat/secret.png": picture()}))
    place = locked.rindex(b"PK\x01\x02")  # the last line of the list
    locked[place + 8] |= 1
    assert "1 left out: it has a password." in unpacked(bytes(locked)).account


def test_a_damaged_entry_is_left_out_and_the_others_are_kept(cats_and_dogs):
    content = bytearray(packed(cats_and_dogs, zipfile.ZIP_STORED))
    content[content.index(b"IDAT") + 8] ^= 0xFF
    found = unpacked(bytes(content))
    assert len(found.pixels) == 79 and any("1 left out: cannot be read, such as pets/dog/0.png" in sentence for sentence in found.account)


# Whose they are


def test_a_set_is_kept_loaded_by_its_id_and_split_in_two(tmp_path, cats_and_dogs):
    sets = OwnSets(tmp_path / "datasets")
    about = sets.add(packed(cats_and_dogs), "anna", "  My\npets ")
    assert is_own(about["id"]) and about["title"] == "My pets" and about["image_shape"] == [1, 32, 32] and about["count"] == 80
    data = dataset(about["id"], (1, 32, 32))
    train, test = (data.load(split, sets.folder) for split in ("train", "test"))
    assert (len(train), len(test)) == (72, 8) and train.classes == ("cat", "dog") and set(test.labels.tolist()) == {0, 1}
    assert tuple(train.pixels.shape[1:]) == (1, 32, 32) and list(train.account) == about["account"]
    told = dataset(about["id"], (1, 32, 32), ("cat", "dog")).load("train", sets.folder)
    assert told.one_hot(slice(None)).shape == (72, 2)


def test_what_a_model_wants_otherwise_is_refused_in_words(tmp_path, cats_and_dogs):
    sets = OwnSets(tmp_path)
    name = sets.add(packed(cats_and_dogs), "anna")["id"]
    with pytest.raises(ValueError, match=r"are \[1, 32, 32\], the model wants \[3, 64, 64\]"):
        dataset(name, (3, 64, 64)).load("train", tmp_path)
    with pytest.raises(ValueError, match="The classes of these pictures are cat, dog"):
        dataset(name, (1, 32, 32), ("dog", "cat")).load("train", tmp_path)
    for bad in ("own:", "own:../../etc", "own:ABCDEF0123456789", f"{name}0"):
        with pytest.raises(ValueError, match="sixteen letters"):
            dataset(bad, (1, 32, 32))


def test_a_set_is_its_owners_alone_and_gone_when_they_say_so(tmp_path, cats_and_dogs):
    sets, content = OwnSets(tmp_path), packed(cats_and_dogs)
    mine, hers = sets.add(content, "anna", "mine"), sets.add(content, "berta", "hers")
    assert [about["id"] for about in sets.of("anna")] == [mine["id"]] and sets.about(hers["id"], "berta") == hers
    for refused in (sets.about, sets.remove):
        for name in (hers["id"], "own:0123456789abcdef", "own:../x", "mnist"):
            with pytest.raises(LookupError, match="not here"):
                refused(name, "anna")
    sets.remove(mine["id"], "anna")
    assert sets.of("anna") == [] and sets.of("berta") == [hers]
    with pytest.raises(FileNotFoundError, match="not here"):
        dataset(mine["id"], (1, 32, 32)).load("train", tmp_path)


def test_nothing_is_written_down_by_which_an_owner_could_be_played(tmp_path, cats_and_dogs):
    sets = OwnSets(tmp_path)
    sets.add(packed(cats_and_dogs), "a-secret-token")
    [file] = [path for path in tmp_path.rglob("*") if path.is_file()]
    with np.load(file) as kept:
        about = json.loads(bytes(kept["about"]))
    assert "a-secret-token" not in json.dumps(about) and "owner" not in sets.of("a-secret-token")[0]


def test_a_bad_file_leaves_nothing_behind_and_nobody_keeps_more_than_six(tmp_path, cats_and_dogs):
    sets, content = OwnSets(tmp_path / "datasets"), packed(cats_and_dogs)
    with pytest.raises(ValueError, match="no readable zip"):
        sets.add(b"nothing", "anna")
    assert not sets.folder.exists()
    for _ in range(6):
        sets.add(content, "anna")
    with pytest.raises(ValueError, match="6 sets of pictures here already"):
        sets.add(content, "anna")
    assert sets.add(content, "berta")["count"] == 80 and len(sets.of("anna")) == 6


# What is trained on them


def plan(name: str, **model):
    return plan_from({"format": 1, "family": "vae", "dataset": name, "model": {"image_shape": [1, 32, 32], "width": 4, "hidden": 8} | model,
                      "recipe": {"stages": [{"steps": 2}]}})


def test_only_their_owner_may_train_on_pictures(tmp_path, cats_and_dogs, monkeypatch):
    service = Service(tmp_path / "runs", device="cpu")
    monkeypatch.setattr(service.keeper, "warm", lambda: None)
    name = service.own.add(packed(cats_and_dogs), "anna")["id"]
    run = service.start(plan(name), "anna")
    assert run.plan.dataset == name and service.own.folder == tmp_path / "datasets"
    with pytest.raises(LookupError, match="not here"):
        service.start(plan(name), "berta")
    assert "not here" in service.estimate(plan(name), "berta")["problem"] and service.rows("berta") == []


def test_the_worker_finds_them_beside_the_runs_and_says_when_they_are_gone(tmp_path, cats_and_dogs):
    own = own_sets(tmp_path / "runs")
    name = own.add(packed(cats_and_dogs), "anna")["id"]
    train, test = Sets(None, "cpu", own=own.folder).now(plan(name, conditions=["cat", "dog"]))
    assert (len(train), len(test)) == (72, 8)
    own.remove(name, "anna")
    with pytest.raises(FileNotFoundError, match="taken them away"):
        Sets(None, "cpu", own=own.folder).now(plan(name))


def test_few_sets_of_people_stay_in_memory(tmp_path, cats_and_dogs):
    own, loaded = own_sets(tmp_path / "runs"), []
    names = [own.add(packed(cats_and_dogs), f"owner {k}")["id"] for k in range(BROUGHT_KEPT + 2)]
    sets = Sets(None, "cpu", own=own.folder)
    for name in names:
        loaded.append(sets.now(plan(name)))
        assert sum(key[0].startswith("own:") for key in sets._sets) <= BROUGHT_KEPT
    assert sets.now(plan(names[-1])) is loaded[-1] and len(sets.now(plan(names[0]))[0]) == 72


def test_more_people_than_sets_are_kept_all_get_theirs(tmp_path, cats_and_dogs):
    """As the worker asks: for each of those who wait, again and again, until its training has them."""
    own = own_sets(tmp_path / "runs")
    waiting = [plan(own.add(packed(cats_and_dogs), f"owner {k}")["id"]) for k in range(BROUGHT_KEPT + 3)]
    sets, end = Sets(None, "cpu", own=own.folder), time.monotonic() + 60
    while waiting and time.monotonic() < end:
        waiting = [one for one in waiting if not sets.get(one)]
        time.sleep(0.01)
    assert not waiting
