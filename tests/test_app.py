"""What app.py reads from the environment, and what it says about settings that cannot be."""

import subprocess
import sys
from pathlib import Path

import pytest

import app

from .test_readme import ROOT

NAMES = ("SPACE_ID", "SPACE_HOST", "GRADIO_SERVER_NAME", "PORT", "HOSTS", "DATA_DIR", "MODEL", "TITLE", "TABS", "OAUTH_CLIENT_ID", "SPACES_ZERO_GPU")


@pytest.fixture
def told(monkeypatch):
    """Settings from nothing but the given variables."""
    def told(**variables: str) -> app.Settings:
        for name in NAMES:
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return app.settings()
    return told


def test_alone_it_listens_to_this_machine_only(told):
    asked = told()
    assert (asked.host, asked.port, asked.hosts, asked.space, asked.sign_in) == ("127.0.0.1", 7860, (), "", False)
    assert asked.data == Path("data").resolve() and asked.model == app.FIRST and asked.tabs == ()


def test_a_space_listens_where_spaces_are_asked_under_all_its_names(told):
    asked = told(SPACE_ID="a/b", SPACE_HOST="a-b.hf.space,demo.example")
    assert (asked.host, asked.port, asked.hosts) == ("0.0.0.0", 7860, ("a-b.hf.space", "demo.example"))


def test_bought_storage_of_a_space_is_used_and_a_named_folder_before_it(told, tmp_path, monkeypatch):
    monkeypatch.setattr(app, "STORAGE", tmp_path)
    assert told(SPACE_ID="a/b").data == tmp_path / "latent-playground"
    assert told(SPACE_ID="a/b", DATA_DIR=str(tmp_path / "mine")).data == tmp_path / "mine"
    assert told().data == Path("data").resolve()
    monkeypatch.setattr(app, "STORAGE", tmp_path / "none")
    assert told(SPACE_ID="a/b").data == Path("data").resolve()


def test_people_sign_in_only_where_a_space_lets_them(told):
    assert not told(SPACE_ID="a/b").sign_in and not told(OAUTH_CLIENT_ID="c").sign_in
    assert told(SPACE_ID="a/b", OAUTH_CLIENT_ID="c").sign_in


def test_cards_are_lent_where_a_space_says_so(told):
    assert told(SPACE_ID="a/b", SPACES_ZERO_GPU="true").lent and not told(SPACE_ID="a/b").lent and not told(SPACES_ZERO_GPU="false").lent


def test_lists_may_have_blanks(told):
    assert told(TABS=" explore, interpolate,,").tabs == ("explore", "interpolate") and told(HOSTS="x.example , y.example").hosts == ("x.example", "y.example")


@pytest.mark.parametrize("variables, words", [
    ({"PORT": "abc"}, "PORT must be a number, not 'abc'."),
    ({"TABS": "explore,games"}, "There is no tab 'games'; there are explore, interpolate"),
    ({"MODEL": "nope"}, "There is no model 'nope'; there are "),
])
def test_a_setting_that_cannot_be_is_a_sentence_and_exit_code_2(told, capsys, monkeypatch, tmp_path, variables, words):
    told(DATA_DIR=str(tmp_path), **variables) if "PORT" not in variables else monkeypatch.setenv("PORT", "abc")
    monkeypatch.setattr(sys, "argv", ["app.py"])
    monkeypatch.setattr(app, "serve", lambda *_, **__: pytest.fail("it was served all the same"))
    assert app.main() == 2
    said = capsys.readouterr().err
    assert words in said and said.count("\n") == 1


def test_what_lends_cards_is_imported_before_torch(tmp_path):
    (tmp_path / "spaces.py").write_text("import sys; sys.exit('torch' in sys.modules)")
    done = subprocess.run([sys.executable, "-c", "import app"], cwd=ROOT, env={"PATH": "", "PYTHONPATH": str(tmp_path), "SPACES_ZERO_GPU": "true"})
    assert done.returncode == 0
