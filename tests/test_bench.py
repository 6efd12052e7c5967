"""The speed benchmarks: fair turns, tables that say bars and verdicts, refusals in a sentence. No test asks how fast anything is."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from bench import repair, sampling, training
from bench.race import Bar, race, ratio, report
from genmodels.engine import Engine
from genmodels.models.gan import GAN

from .conftest import DIGITS, save_tiny, tiny_model

TINY = ["--side", "8", "--width", "8", "--batch", "4", "--steps", "2", "--rounds", "2"]


def lines(capsys) -> list[str]:
    return capsys.readouterr().out.splitlines()


def verdicts(said: list[str]) -> list[str]:
    return [line.split()[-1] for line in said if "(bar: " in line]


# Races


def test_contestants_take_turns_and_each_begins_as_often():
    done = []
    rates = race({name: lambda units, name=name: done.append((name, units)) for name in "ab"}, units=3, pictures=5, rounds=4, warm=2)
    assert done == [("a", 2), ("b", 2)] + 2 * [("a", 3), ("b", 3), ("b", 3), ("a", 3)]
    assert {name: len(values) for name, values in rates.items()} == {"a": 4, "b": 4} and min(map(min, rates.values())) > 0


def test_a_ratio_is_the_median_of_the_ratios_of_the_rounds():
    assert ratio({"ours": [2.0, 30.0, 4.0], "theirs": [1.0, 1.0, 4.0]}, "ours", "theirs") == 2


def test_a_report_says_every_verdict_and_is_false_when_one_bar_is_missed(capsys):
    rates = {"ours": [2.0], "slow": [1.0], "quick": [4.0]}
    assert report("a race", rates, [Bar("ours", "slow", 1)])
    assert not report("a race", rates, [Bar("ours", "quick", 0.9), Bar("ours", "slow", 1)])
    said = lines(capsys)
    assert verdicts(said) == ["reached", "MISSED", "reached"]
    assert "ours / quick" in said[-2] and "0.500" in said[-2] and "at least 0.9" in said[-2]


# Training


@pytest.mark.parametrize("net", training.RECIPES)
def test_the_table_shows_both_loops_over_each_of_our_nets(net, capsys):
    missed = training.main(["--nets", net, *TINY])
    said = lines(capsys)
    assert said[0].startswith(f"{net}: 8x8, batches of 4, 2 rounds of 2 steps") and "Trainer / bare loop" in said[-1]
    assert [line.split("  ")[1] for line in said[1:3]] == ["Trainer", "bare loop"]
    assert missed == int("MISSED" in verdicts(said))


def test_a_lazy_penalty_falls_on_the_same_steps_in_both_loops(monkeypatch):
    taken = []
    monkeypatch.setattr(GAN, "_penalty", lambda model, x, fake, y: taken.append(True) or fake.new_zeros(()))
    args = training.asked(["--nets", "gan", *TINY])
    contestants, _ = training.own("gan", training.pictures(8, 100, torch.device("cpu")), args)
    seen = {}
    for name, work in contestants.items():
        seen[name] = []
        for _ in range(30):
            taken.clear()
            work(1)
            seen[name].append(len(taken))
    assert seen["Trainer"] == seen["bare loop"] and 0 < sum(seen["Trainer"]) < 30


def test_pythaes_net_is_trained_by_our_loops_and_by_its_own(capsys):
    pytest.importorskip("pythae", reason="pythae is not installed; requirements-bench.txt names it")
    missed = training.main(["--nets", "pythae-vae", "--batch", "2", "--steps", "1", "--rounds", "1"])
    said = lines(capsys)
    assert [line.split("  ")[1] for line in said[1:4]] == ["Trainer, float32", "bare loop, float32", "Pythae's trainer, float32"]
    assert len(verdicts(said)) >= 2 and missed == int("MISSED" in verdicts(said))


def test_without_pythae_training_says_what_to_install_or_leave_out(monkeypatch, capsys):
    monkeypatch.setattr(training, "find_spec", lambda name: None)
    with pytest.raises(SystemExit):
        training.main([])
    said = capsys.readouterr()
    assert "requirements-bench.txt" in said.err and "--nets vae gan diffusion" in said.err and not said.out


# Sampling


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Path:
    """A folder with a tiny untrained mnist-diffusion."""
    folder = tmp_path_factory.mktemp("bundle")
    save_tiny(tiny_model("diffusion", conditions=DIGITS, steps=2), folder / "mnist-diffusion")
    return folder


def measured(bundle: Path, **metrics) -> list[str]:
    """The arguments that name a bundle whose model was measured so."""
    (bundle / "mnist-diffusion" / "metrics.json").write_text(json.dumps(metrics))
    return ["--checkpoints", str(bundle)]


def by_steps(**ratios: dict[str, float]) -> dict:
    """Distances by sampler and steps as evaluation writes them."""
    return {"samples": 10} | {sampler: {count: {"fd_ratio": ratio} for count, ratio in row.items()} for sampler, row in ratios.items()}


@pytest.mark.parametrize("second_order, least", [({"5": 3.0, "10": 2.0, "15": 1.0}, 10), ({"5": 2.5}, None), ({"20": 1.0, "50": 1.0}, 20)])
def test_the_least_steps_are_the_first_that_are_as_good_as_fifty_of_ddim(second_order, least):
    assert sampling.least_steps(by_steps(ddim={"10": 4.0, "50": 2.0}, **{"dpm++": second_order})) == least


@pytest.mark.parametrize("needed, missed", [("15", 0), ("20", 1)])
def test_sampling_says_how_long_the_engine_takes_and_how_many_steps_are_needed(needed, missed, bundle, capsys, monkeypatch):
    monkeypatch.setattr(sampling, "SECONDS", 600.0)
    where = measured(bundle, fd_by_steps=by_steps(ddim={needed: 9.0, "50": 2.0}, **{"dpm++": {needed: 2.0, "50": 1.0}}))
    assert sampling.main(["--parts", "engine", "steps", "--rounds", "1", *where]) == missed
    said = lines(capsys)
    assert "16 pictures of mnist-diffusion in 20 steps" in said[0] and " s, the first time " in said[1]
    assert said[3].split() == ["steps", needed, "50"] and said[4].split()[0] == "ddim" and f"dpm++ with {needed} steps" in said[-1]


def test_people_who_ask_at_once_stand_beside_the_same_one_after_another(bundle, capsys):
    missed = sampling.main(["--parts", "people", "--rounds", "1", "--checkpoints", str(bundle)])
    said = lines(capsys)
    assert [int(line.split()[1]) for line in said if line.startswith("people: ")] == [1, 4, 16] and "mnist-diffusion" in said[0]
    assert len(verdicts(said)) == 3 and all("at once / one after another" in line for line in said if "(bar: " in line)
    assert missed == int("MISSED" in verdicts(said))


def test_each_of_those_people_asks_in_a_way_of_their_own(bundle):
    engine, asked = Engine(bundle, device="cpu"), []
    submit = engine.submit
    engine.submit = lambda *given, whose: asked.append((whose, given[4])) or submit(*given, whose=whose)
    for work in sampling.askers(engine, "mnist-diffusion", 4).values():
        work(1)
    engine.close()
    assert asked[:4] == asked[4:] and len({options for _, options in asked}) == len({whose for whose, _ in asked}) == 4


def test_steps_that_were_never_measured_are_a_sentence(bundle):
    with pytest.raises(SystemExit, match="python -m genmodels.evaluate mnist-diffusion"):
        sampling.main(["--parts", "steps", *measured(bundle)])


def test_sampling_refuses_what_is_not_there_before_it_measures_anything(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sampling, "find_spec", lambda name: None)
    empty = ["--parts", "engine", "--checkpoints", str(tmp_path)]
    for arguments, advice in ((["--parts", "nets"], "requirements-diffusers.txt"), (empty, "no model mnist-diffusion")):
        with pytest.raises(SystemExit):
            sampling.main(arguments)
        said = capsys.readouterr()
        assert advice in said.err and not said.out


def test_sampling_beside_diffusers_is_over_nets_of_one_size_and_over_one_net(capsys):
    pytest.importorskip("diffusers", reason="diffusers is not installed; requirements-diffusers.txt names it")
    missed = sampling.main(["--parts", "nets", "loops", "--batch", "1", "--steps", "2", "--rounds", "1"])
    said = lines(capsys)
    ours, theirs = (sum(p.numel() for p in net.parameters()) for net in (sampling.our_model().net, sampling.their_net()))
    assert 0.9 < ours / theirs < 1.1 and said[1].split()[0] == "ours" and said[2].split()[0] == "diffusers"
    assert [line.split("  ")[1].split(" (")[0] for line in said if "(bar: " in line] == [
        "ours / diffusers", "ours / diffusers, channels last", "our loop / diffusers' loop"]
    assert missed == int("MISSED" in verdicts(said))


# Repair


def test_repair_is_measured_with_the_settings_of_the_page():
    page = (Path(__file__).parents[1] / "assets" / "js" / "noiserepair.js").read_text()
    steps, repeats = int(re.search(r"STEPS = (\d+)", page)[1]), dict(re.findall(r"(\w+): (\d+)", re.search(r"REPEATS = \{([^}]*)\}", page)[1]))
    assert {task: {"steps": steps, "repeats": int(repeats[task])} for task in repair.TASKS} == repair.USED
    first = re.search(r"FIRST = \[([^\]]*)\]", (Path(__file__).parents[1] / "assets" / "js" / "damage.js").read_text())[1]
    assert tuple(map(float, first.split(","))) == repair.BLOCK


def test_a_table_of_repairs_has_all_methods_side_by_side_and_what_is_known_is_kept(tmp_path):
    torch.manual_seed(2)
    save_tiny(tiny_model("diffusion", steps=3), tmp_path / "digits-diffusion")
    save_tiny(tiny_model("autoencoder"), tmp_path / "digits-ae")
    engine = Engine(tmp_path, device="cpu", cache=tmp_path / "cache")
    pictures = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 1), np.uint8)
    for task, simple in (("block", {"What is known", "Biharmonic"}), ("2", {"Nearest", "Bicubic"})):
        case = repair.Case(engine, "digits-diffusion", pictures, repair.damage_of(task, 8, 8))
        ways = repair.ways_of(engine.blueprint("digits-diffusion"), task, sweep=False)
        rows = list(repair.table(case, [way | {"steps": 2, "repeats": 1} for way in ways]))
        assert {row[0] for row in rows[:-2]} == simple | {"The code of digits-ae"} and rows[-1][0].strip() == "the mean of three"
        assert float(rows[-2][5]) <= 1 and rows[-2][6].startswith("three are ") and rows[-2][3] == "-", "an answer keeps what is known; there is no classifier"
    assert case.numbers(pictures)[0] == 60 and case.numbers(pictures)[1:4] == pytest.approx((1, float("nan"), 1), nan_ok=True)
    engine.close()
