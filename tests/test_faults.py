"""The bench of what training promises, small: a killed server, a flipped byte, a full disk; and that a broken promise is seen."""

import sys

import pytest

from bench import faults
from bench.faults import Table, main


def test_a_promise_that_is_broken_is_said_and_remembered(capsys):
    table = Table()
    table.line("stopped within", 0.5, "s", 1.0)
    table.all("went on", 3, 3)
    assert table.fine
    table.line("the share of two", 0.3, "", 0.4, least=True)
    assert not table.fine and capsys.readouterr().out.count("reached") == 2
    other = Table()
    other.all("went on", 2, 3)
    assert not other.fine and "2 of 3 MISSED" in capsys.readouterr().out


@pytest.mark.skipif(sys.platform != "linux", reason="it finds processes in /proc")
@pytest.mark.parametrize("part", ["server", "disk", "byte"])
def test_training_survives(part, monkeypatch, capsys):
    monkeypatch.setattr(faults, "PATIENCE", 400.0)
    assert main(["--parts", part, "--times", "1", "--seconds", "3", "--within", "30"]) == 0
    assert "MISSED" not in capsys.readouterr().out
