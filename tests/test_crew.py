"""Several processes at one training: each sees its share of every batch, and together they come to the losses and the weights of one process."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from genmodels.train.crew import MISSING, Alone, Crew
from genmodels.train.runs import Run

from .conftest import digits_plan
from .crew_probe import BROKEN
from .test_readme import ROOT

STEPS = 40


def process_of(rank: int, size: int) -> Crew:
    """One of several processes, as far as it can be had without the others."""
    one = object.__new__(Crew)
    one.rank, one.size, one.first, one.weight = rank, size, rank == 0, 1 / size
    return one


@pytest.mark.parametrize(("batch", "size"), [(50, 2), (7, 2), (8, 3), (4, 4)])
def test_the_shares_of_a_batch_are_even_and_make_it_up(batch, size):
    index, crew = torch.randperm(batch), [process_of(rank, size) for rank in range(size)]
    shares = [one.share(index) for one in crew]
    assert torch.cat(shares).tolist() == index.tolist() and max(map(len, shares)) - min(map(len, shares)) <= 1
    assert sum(one.weight for one in crew) == pytest.approx(1)


def test_a_batch_with_fewer_pictures_than_processes_is_refused_in_words():
    with pytest.raises(ValueError, match="3 pictures cannot be shared by 4 processes"):
        process_of(0, 4).share(torch.arange(3))


def test_every_process_draws_noise_of_its_own_and_the_first_one_that_of_a_training_alone():
    seeds = [process_of(rank, 3).seed(77) for rank in range(3)]
    assert seeds[0] == Alone().seed(77) == 77 and len(set(seeds)) == 3


def test_without_accelerate_a_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "accelerate", None)
    with pytest.raises(ImportError) as refused:
        Crew("cpu")
    assert str(refused.value) == MISSING and "requirements-many.txt" in MISSING and (ROOT / "requirements-many.txt").exists()


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> dict[str, tuple[Run, list[dict]]]:
    """The same recipe by one process and by two: the run, and what each process noted."""
    pytest.importorskip("accelerate", reason="pip install --no-deps -r requirements-many.txt")
    folder = tmp_path_factory.mktemp("crew")
    recipe = folder / "digits.json"
    recipe.write_text(json.dumps(digits_plan(STEPS, rate=1e-2).to_json()))
    launch = ["-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--num_machines", "1", "--mixed_precision", "no",
              "--dynamo_backend", "no", "--main_process_port", "0"]
    found = {}
    for name, before in (("one", []), ("two", launch)):
        (folder / name).mkdir()
        done = subprocess.run([sys.executable, *before, "-m", "tests.crew_probe", str(folder / name), str(recipe), "--runs", str(folder / name / "runs"),
                               "--device", "cpu"], cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=900)
        assert done.returncode == 0, done.stderr[-3000:]
        notes = [json.loads(path.read_text()) for path in sorted((folder / name).glob("*.json"))]
        found[name] = Run(folder / name / "runs" / "digits"), notes
    return found


def test_each_of_two_processes_sees_its_half_of_every_batch(trained):
    [alone], (first, second) = trained["one"][1], trained["two"][1]
    assert len(alone["seen"]) == len(first["seen"]) == len(second["seen"]) > STEPS
    assert all(len(a) == len(b) == 25 and a + b == both for a, b, both in zip(first["seen"], second["seen"], alone["seen"], strict=True))


def test_losses_and_weights_are_those_of_one_process_with_the_whole_batch(trained):
    [alone], (first, second) = trained["one"][1], trained["two"][1]
    assert first["losses"] == pytest.approx(second["losses"], nan_ok=True)
    assert first["losses"] == pytest.approx(alone["losses"], rel=1e-3, nan_ok=True)
    weights = [load_file(Path(run.folder) / "checkpoint" / "model.safetensors") for run, _ in trained.values()]
    for name, values in weights[0].items():
        np.testing.assert_allclose(weights[1][name], values, atol=1e-3, err_msg=name)


def test_all_go_back_together_when_the_loss_is_no_number(trained):
    for run, notes in trained.values():
        assert "half the rate" in run.about["why"]
        for one in notes:
            bad = [place for place, loss in enumerate(one["losses"]) if np.isnan(loss)]
            assert bad == list(BROKEN) and len(one["losses"]) == len(BROKEN) + BROKEN[0] + STEPS


def test_there_is_one_run_folder_written_by_the_first_process(trained):
    run, _ = trained["two"]
    assert [path.name for path in run.folder.parent.iterdir()] == ["digits"]
    assert run.about["state"] == "finished" and run.about["step"] == STEPS and (run.folder / "checkpoint" / "config.json").exists()
    steps = [event["step"] for event in run.events() if "loss" in event]
    assert steps[-1] == STEPS and steps == sorted(set(steps))
