"""Who may use the model of a run: what its files say, as soon as they say it, and nothing of what is no run."""

import shutil

import pytest

from genmodels.train.access import Access
from genmodels.train.runs import Run

from .conftest import digits_plan

NAME = "digits-vae-0123456789abcdef"


@pytest.fixture
def run(tmp_path) -> Run:
    return Run.create(tmp_path / NAME, digits_plan(), owner="ada")


def test_its_owner_always_and_others_while_it_is_shared(run, tmp_path):
    access = Access(tmp_path)
    for shared in (False, True, False):
        run.call(shared=shared)
        assert [access.is_open(NAME, who) for who in ("ada", "ben", None)] == [True, shared, shared]


def test_what_is_deleted_and_what_is_damaged_is_nobodys(run, tmp_path):
    access = Access(tmp_path)
    assert access.is_open(NAME, "ada")
    (run.folder / "run.json").write_text("{")
    assert not access.is_open(NAME, "ada")
    shutil.rmtree(run.folder)
    assert not access.is_open(NAME, "ada") and not access.is_open("another", "ada")


def test_a_run_of_the_command_line_has_no_owner_and_is_open_to_nobody(tmp_path):
    Run.create(tmp_path / "mine", digits_plan()).call(shared=True)
    assert [Access(tmp_path).is_open("mine", who) for who in ("", None, "ada")] == [False, False, False]


def test_files_that_have_not_changed_are_not_read_again(run, tmp_path, monkeypatch):
    access = Access(tmp_path)
    assert access.is_open(NAME, "ada")
    monkeypatch.setattr("genmodels.train.access.Run", None)
    assert access.is_open(NAME, "ada") and not access.is_open(NAME, "ben")
