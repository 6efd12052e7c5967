"""What a training reports: read on from where one stopped, whole lines only, and a way back is told."""

import json

from genmodels.train.events import Events, back_to, finite, standing


def events(path, *steps):
    log = Events(path)
    for step in steps:
        log.note(step, step / 10, {"loss": 1 / step})
    return log


def test_a_second_look_reads_only_what_is_new(tmp_path):
    log = events(tmp_path / "events.jsonl", 1, 2)
    reader = Events(tmp_path / "events.jsonl")
    assert [line["step"] for line in reader.lines()] == [1, 2]
    content = (tmp_path / "events.jsonl").read_bytes()
    (tmp_path / "events.jsonl").write_bytes(b"x" * (len(content) - 1) + b"\n")  # the same file: whoever read it again would fail
    log.note(3, 0.3, {"loss": 0.1})
    assert [line["step"] for line in reader.lines()] == [1, 2, 3]


def test_a_line_that_is_not_whole_waits(tmp_path):
    log = events(tmp_path / "events.jsonl", 1)
    reader = Events(tmp_path / "events.jsonl")
    with open(log.path, "a") as file:
        file.write('{"step": 2, "sec')
    assert len(reader.lines()) == 1
    with open(log.path, "a") as file:
        file.write('onds": 1}\n')
    assert reader.lines()[-1] == {"step": 2, "seconds": 1}


def test_a_file_that_is_another_one_is_read_from_its_beginning(tmp_path):
    reader = events(tmp_path / "events.jsonl", 1, 2)
    assert len(reader.lines()) == 2
    (tmp_path / "events.jsonl").unlink()
    assert reader.lines() == []
    events(tmp_path / "events.jsonl", 5)
    assert [line["step"] for line in reader.lines()] == [5]


def test_a_training_that_goes_back_says_so_and_what_came_after_no_longer_stands(tmp_path):
    log = events(tmp_path / "events.jsonl", 2, 4, 6)
    log.go_on_from(4)
    assert back_to(log.lines()) == 4 and back_to(log.lines()[:3]) is None
    log.note(5, 0.9, {"loss": 0.2})
    assert [line["step"] for line in standing(log.lines())] == [2, 4, 5]
    assert len(log.lines()) == 5  # all that was written is still there to be counted


def test_going_on_from_where_it_was_is_no_way_back(tmp_path):
    log = events(tmp_path / "events.jsonl", 2, 4)
    log.go_on_from(4)
    log.go_on_from(9)
    assert back_to(log.lines()) is None and len(log.lines()) == 2


def test_a_change_of_the_rate_stands_beside_the_report_of_its_step(tmp_path):
    log = events(tmp_path / "events.jsonl", 3)
    log.note(3, 0.3, {"rate_factor": 0.5, "note": "Half the rate."})
    log.note(4, 0.4, {"loss": 1.0})
    assert [("note" in line, line["step"]) for line in standing(log.lines())] == [(False, 3), (True, 3), (False, 4)]


def test_numbers_that_are_none_are_null():
    assert finite({"a": 1.0, "b": float("nan"), "c": float("-inf")}) == {"a": 1.0, "b": None, "c": None}
    json.dumps(finite({"a": float("nan")}), allow_nan=False)
