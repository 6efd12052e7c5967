"""The road of own pictures: a zip comes in, is in one's own form, is trained on, and goes; others never see it, and bad files get a sentence."""

import pytest

from genmodels.datasets import LARGEST_UPLOAD

from .test_own_data import packed, picture
from .training_kit import plan, training, until


@pytest.fixture(scope="module")
def roads(tmp_path_factory):
    with training(tmp_path_factory.mktemp("own")) as found:
        yield found


@pytest.fixture(scope="module")
def pets() -> bytes:
    return packed({f"{name}/{k}.png": picture(28, value=value + k) for name, value in (("cat", 10), ("dog", 120)) for k in range(40)})


def own_sets(client) -> list[dict]:
    return [one for one in client.get("/live/train/form.json").json()["datasets"] if one["id"].startswith("own:")]


def test_a_zip_becomes_a_data_set_of_ones_own_and_is_trained_on(roads, pets):
    visit, *_ = roads
    anna, berta = visit("10.0.0.1"), visit("10.0.0.2")
    answer = anna.post("/live/train/data?title=My%20pets&side=28", content=pets)
    said = answer.json()
    assert answer.status_code == 200 and said["title"] == "My pets" and said["count"] == 80 and said["image_shape"] == [1, 28, 28]
    assert said["account"][1] == "Classes: cat, dog." and "owner" not in said
    [listed] = own_sets(anna)
    assert listed["id"] == said["id"] and listed["ready"] is True and listed["classes"] == ["cat", "dog"] and own_sets(berta) == []
    wanted = plan(3) | {"dataset": said["id"]}
    wanted["model"] |= {"image_shape": [1, 28, 28], "conditions": ["cat", "dog"]}
    refused = berta.post("/live/train/start", json={"plan": wanted})
    assert refused.status_code == 404 and "somebody else's" in refused.text
    run = anna.post("/live/train/start", json={"plan": wanted, "title": "pets"}).json()["name"]
    assert until(anna, run, "finished")["dataset"] == said["id"]
    assert berta.delete(f"/live/train/data/{said['id']}").status_code == 404
    assert anna.delete(f"/live/train/data/{said['id']}").json() == {"deleted": said["id"]} and own_sets(anna) == []
    assert anna.post("/live/train/start", json={"plan": wanted}).status_code == 404


@pytest.mark.parametrize(("address", "content", "status", "said"), [
    ("data", b"nothing", 400, "no readable zip or .npz"), ("data?side=40", b"PK", 400, "28, 32 or 64 pixels"), ("data?side=x", b"", 400, "must be a number"),
    ("data", bytes(LARGEST_UPLOAD + 1), 413, "may have 64 MB"), ("data/own:0123456789abcdef", b"", 405, "not answered here"),
], ids=["no zip", "size", "no size", "large", "address"])
def test_what_cannot_be_taken_in_is_refused_in_a_sentence(roads, address, content, status, said):
    visit, *_ = roads
    answer = visit("10.0.0.3").post(f"/live/train/{address}", content=content)
    assert answer.status_code == status and said in answer.text and "Traceback" not in answer.text


def test_who_has_no_name_brings_no_pictures(roads, pets):
    visit, *_ = roads
    answer = visit("10.0.0.4", cookie=False).post("/live/train/data", content=pets)
    assert answer.status_code == 403 and "cookie" in answer.text


def test_a_full_disk_is_said(roads, pets, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("genmodels.datasets._own.write_whole", full)
    answer = roads[0]("10.0.0.5").post("/live/train/data", content=pets)
    assert answer.status_code == 507 and "disk" in answer.text
