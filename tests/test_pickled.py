"""Old pickled weights: honest ones become safetensors, hostile ones a sentence, and no code from a file ever runs."""

import io
import os
import time
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from genmodels.formats._pickled import Limits, Refused, _converted, convert
from genmodels.formats._weights import chosen, read_weights

from .format_kit import pickled

GIGABYTE = 1 << 30


class Calls:
    """Unpickling it calls a function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def weights() -> dict[str, torch.Tensor]:
    return {"a.weight": torch.arange(6.0).view(2, 3), "a.count": torch.tensor(3)}


def put(folder: Path, content: bytes) -> Path:
    path = folder / "model.bin"
    path.write_bytes(content)
    return path


def refusal(folder: Path, content: bytes, **limits) -> str:
    """The one sentence that a file is refused with, and nothing is left of the attempt."""
    with pytest.raises(ValueError) as caught:
        convert(put(folder, content), folder / "model.safetensors", Limits(**limits))
    return plain(folder, str(caught.value))


def refused_here(folder: Path, content: bytes, **limits) -> str:
    """The same, found in this process, where nothing that could do harm is at stake: a process of its own takes a second to start."""
    with pytest.raises(Refused) as caught:
        _converted(put(folder, content), folder / "model.safetensors", Limits(**limits))
    return plain(folder, f"model.bin {caught.value}")


def plain(folder: Path, sentence: str) -> str:
    assert sentence.startswith("model.bin ") and sentence.endswith(".") and "\n" not in sentence and len(sentence) < 300
    assert not (folder / "model.safetensors").exists()
    return sentence


def compressed(content: bytes, **changes: bytes) -> bytes:
    """The same archive, compressed, with some of its pieces replaced."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as after:
        for name in before.namelist():
            after.writestr(name, changes.get(name.replace("/", "_"), before.read(name)))
    return file.getvalue()


# Honest files


def test_a_state_dict_comes_through_unchanged(tmp_path):
    found, account = read_weights(put(tmp_path, pickled(weights())))
    assert set(found) == set(weights()) and all(torch.equal(found[name], tensor) for name, tensor in weights().items())
    assert "old pickle" in account[0]


@pytest.mark.parametrize("key", ["state_dict", "generator"])
def test_a_state_dict_one_level_down_is_found_and_said(tmp_path, key):
    account = convert(put(tmp_path, pickled({key: weights(), "epoch": 7, "optimizer": {"lr": 0.1}})), tmp_path / "out.safetensors")
    assert set(load_file(tmp_path / "out.safetensors")) == set(weights()) and repr(key) in account[0]


def test_parameters_views_and_shared_memory_come_out_as_plain_tensors(tmp_path):
    whole = torch.arange(12.0).view(3, 4)
    given = {"turned": whole.t(), "part": whole[1], "again": whole, "parameter": nn.Parameter(torch.ones(2)), "double": torch.ones(2).double()}
    account = convert(put(tmp_path, pickled(given)), tmp_path / "out.safetensors")
    found = load_file(tmp_path / "out.safetensors")
    assert torch.equal(found["turned"], whole.t()) and torch.equal(found["part"], whole[1]) and torch.equal(found["again"], whole)
    assert found["double"].dtype == torch.float32 and "float64" in account[0]


def test_safetensors_are_taken_before_pickles():
    assert chosen({"w.bin": 1, "w.safetensors": 1}, "w.bin", "w.safetensors") == "w.safetensors"
    assert chosen({"w.bin": 1}, "w.safetensors", "w.bin") == "w.bin" and chosen({}, "w.bin") is None


# Hostile files


def test_a_pickle_that_would_run_code_is_refused_and_runs_nothing(tmp_path):
    mark = tmp_path / "sprung"
    said = refusal(tmp_path, pickled({"a": Calls(os.system, f"touch {mark}")}))
    assert "system" in said and "no code from a file is ever run" in said and not mark.exists()


def test_an_object_of_a_class_is_refused(tmp_path):
    assert "asks for" in refused_here(tmp_path, pickled(nn.Linear(2, 2)))


def test_a_small_file_that_claims_a_huge_tensor_is_refused(tmp_path):
    content = pickled({"a": torch.zeros(1).as_strided((10**6, 10**6), (0, 0))})
    assert len(content) < 2000 and "claims more numbers than it holds" in refusal(tmp_path, content)


def test_many_tensors_of_one_memory_may_not_add_up_to_too_much(tmp_path):
    shared = torch.zeros(1000, 100)
    assert "claims more" in refused_here(tmp_path, pickled({f"t{k}": shared for k in range(50)}), file=1 << 20)


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path):
    content = compressed(pickled({"a": torch.zeros(1 << 22)}))
    assert len(content) < 1 << 17 and "unpack to more than it weighs" in refusal(tmp_path, content)


@pytest.mark.parametrize(("content", "said"), [
    (lambda whole: whole[:-100], "cut off"), (lambda whole: whole[:200], "cut off"), (lambda whole: b"", "since version 1.6"),
    (lambda whole: b"\x80\x02}q\x00.", "since version 1.6"), (lambda whole: b"<!doctype html>" * 20, "since version 1.6"),
])
def test_what_is_no_whole_archive_is_refused(tmp_path, content, said):
    assert said in refused_here(tmp_path, content(pickled(weights())))


def test_an_archive_with_a_damaged_list_of_contents_is_refused(tmp_path):
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(pickled(weights()))) as before, zipfile.ZipFile(file, "w") as after:
        for name in before.namelist():
            after.writestr(name, b"\x80\x02nonsense" if name.endswith(".pkl") else before.read(name))
    assert "cannot be read as weights" in refused_here(tmp_path, file.getvalue())


def test_twenty_thousand_tensors_are_refused_however_they_are_kept(tmp_path):
    shared = torch.zeros(1)
    assert "20,006 pieces" in refused_here(tmp_path, pickled({f"t{k}": torch.zeros(0) for k in range(20_000)}))
    assert "20,000 tensors" in refused_here(tmp_path, pickled({f"t{k}": shared for k in range(20_000)}))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite_are_refused(tmp_path, bad):
    assert "not finite in b" in refused_here(tmp_path, pickled({"a": torch.zeros(2), "b": torch.tensor([0.0, bad])}))


@pytest.mark.parametrize("content", [
    [torch.zeros(2)], {"a": 1}, {"a": {"b": {"c": torch.zeros(1)}}}, {}, torch.zeros(3), {"state_dict": {"a": torch.zeros(1), "b": "text"}},
], ids=repr)
def test_what_is_no_table_of_tensors_is_refused(tmp_path, content):
    assert "no table of tensors" in refused_here(tmp_path, pickled(content))


@pytest.mark.parametrize("tensor", [torch.zeros(2, 2).to_sparse(), torch.zeros(2, dtype=torch.complex64), torch.zeros(2, device="meta")], ids=str)
def test_only_plain_tensors_are_taken(tmp_path, tensor):
    assert "only plain tensors" in refused_here(tmp_path, pickled({"a": tensor}))


@pytest.mark.parametrize("name", ["a" * 300, "a\nb", 7])
def test_only_plain_names_are_taken(tmp_path, name):
    assert "no plain text" in refused_here(tmp_path, pickled({name: torch.zeros(1)}))


def test_a_file_over_the_limit_is_refused_unread(tmp_path):
    assert "at most 1 MB" in refused_here(tmp_path, pickled({"a": torch.zeros(1 << 20)}), file=1 << 20)
    with pytest.raises(ValueError, match="at most 0 MB are read"):
        read_weights(put(tmp_path, pickled(weights())), largest=100)


# A process that goes wrong


@pytest.mark.skipif(os.name != "posix", reason="only POSIX systems limit processes")
def test_a_file_that_eats_memory_is_ended(tmp_path):
    assert "memory" in refusal(tmp_path, pickled({"a": Calls(bytearray, 64 * GIGABYTE)}), memory=GIGABYTE)


@pytest.mark.skipif(os.name != "posix", reason="only POSIX systems limit processes")
def test_a_file_that_computes_for_ever_is_ended(tmp_path):
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(pickled(weights()))) as before, zipfile.ZipFile(file, "w") as after:
        for name in before.namelist():
            after.writestr(name, b"\x80\x02(" + b"N" * (15 << 20) + b"t." if name.endswith(".pkl") else before.read(name))
    assert "more computing time" in refusal(tmp_path, file.getvalue(), cpu=1)


def test_a_process_that_hangs_is_ended_in_time(tmp_path):
    began = time.monotonic()
    assert "took more than 0.2 seconds" in refusal(tmp_path, pickled(weights()), wall=0.2)
    assert time.monotonic() - began < 30
