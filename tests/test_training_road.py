"""The road of trainings below /live/train: a form from knobs, runs that start, are watched and steered, models that are taken away; by their owners alone."""

import io
import json
import subprocess
import sys
import time
import zipfile
from base64 import b64decode

import numpy as np
import pytest

from genmodels.ui.live.trainasked import CHANGES, MOST_NAMES, NAMELESS
from genmodels.ui.live.training import LARGEST_BODY, finite

from .test_readme import ROOT
from .training_kit import arrays_of, asked, changed, plan, row, started, training, until

ADA, BEN, HOME = "192.168.0.7", "192.168.0.8", "127.0.0.1"
LONG = 100_000  # steps: a run that does not come to its end while a test lasts


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    with training(tmp_path_factory.mktemp("training")) as opened:
        yield opened


@pytest.fixture(scope="module")
def visit(opened):
    return opened[0]


@pytest.fixture
def ada(visit):
    """A visitor without runs that wait or run: those of the test before are deleted."""
    client = visit(ADA)
    yield client
    for one in client.get("/live/train/runs").json()["runs"]:
        if one["state"] in ("waiting", "running"):
            assert client.delete(f"/live/train/runs/{one['name']}").status_code == 200


@pytest.fixture(scope="module")
def done(visit) -> str:
    """A finished run of Ada's."""
    name = started(visit(ADA), plan(60), title="Balls that merge", group="beta")
    until(visit(ADA), name, "finished")
    return name


def paused_run(client) -> str:
    name = started(client, plan(LONG))
    until(client, name, "running", step=1)
    assert changed(client, name, "pause")["state"] == "paused"
    return name


@pytest.fixture
def paused(ada) -> str:
    return paused_run(ada)


@pytest.fixture(scope="module")
def standing(visit) -> str:
    """A paused run that no test changes."""
    return paused_run(visit(ADA))


# Watched


def test_a_run_is_started_and_comes_to_its_end(ada, done):
    found = row(ada, done)
    assert (found["title"], found["group"], found["step"], found["steps"]) == ("Balls that merge", "beta", 60, 60)
    assert found["checkpoint"] and found["mine"] and not found["shared"] and found["family"] == "vae" and found["model"]["width"] == 4
    assert ada.get("/live/train/runs").json()["may"] is True


def test_news_say_what_happened_since_and_nothing_twice(ada, done):
    news = ada.get(f"/live/train/runs/{done}/news?events=0&frames=-1").json()
    assert news["row"]["name"] == done and news["events"][-1]["step"] == 60 and news["events"][-1]["loss"] > 0 and news["frames"][-1] == 60
    assert news["frames"] == sorted(news["frames"]) and news["went_back"] is None
    later = ada.get(f"/live/train/runs/{done}/news?events={len(news['events']) - 1}&frames=59").json()
    assert later["events"] == news["events"][-1:] and later["frames"] == [60] and later["row"] == news["row"]


def test_a_frame_is_arrays_that_a_browser_reads(ada, done):
    answer = ada.get(f"/live/train/runs/{done}/frames/60.bin")
    frame, fixed = arrays_of(answer.content), arrays_of(ada.get(f"/live/train/runs/{done}/fixed.bin").content)
    assert answer.headers["cache-control"] == "no-store" and frame["samples"].shape == frame["reconstructions"].shape == (16, 8, 8, 1)
    assert frame["samples"].dtype == fixed["pictures"].dtype == np.uint8 and fixed["pictures"].shape == (16, 8, 8, 1)
    assert frame["codes"].dtype == np.float32 and frame["codes"].shape == (len(fixed["labels"]), 2) and len(set(fixed["labels"].tolist())) == 10
    assert {array.dtype.kind for name, array in frame.items() if name.startswith("readout/")} <= {"f"}


def test_its_model_is_there_at_once_beside_all_others_for_its_owner_alone(visit, ada, done):
    [mine] = [one for one in ada.get("/live/train/models.json").json()["models"] if one["name"] == done]
    assert (mine["origin"], mine["title"], mine["mine"], mine["run"]["step"], mine["family"]) == ("trained", "Balls that merge", True, 60, "vae")
    assert "error" not in mine and mine["abilities"]["encode"] is True and mine["latent_dim"] == 2
    assert ada.post(f"/live/decode/{done}?n=1", content=bytes(8)).status_code == 200 and ada.get(mine["atlas"]).status_code == 200
    ben = visit(BEN)
    assert ben.get(f"/live/train/models.json?names={done}").json() == {"models": []}
    assert ben.post(f"/live/decode/{done}?n=1", content=bytes(8)).status_code == 404
    assert done not in ben.get("/live/catalogue.json").text and done not in ada.get("/live/catalogue.json").text


def test_a_shared_model_opens_by_its_name_until_it_is_shared_no_longer(visit, ada, done):
    ben = visit(BEN)
    assert changed(ada, done, "share", shared=True)["shared"]
    [theirs] = ben.get(f"/live/train/models.json?names={done},nope,..,autoencoder").json()["models"]
    assert (theirs["name"], theirs["title"], theirs["mine"], theirs["run"]["shared"]) == (done, "Balls that merge", False, True)
    assert ben.get("/live/train/models.json").json() == {"models": []} and ben.get("/live/train/runs").json()["runs"] == []
    assert ben.get(theirs["atlas"]).status_code == 200 and ben.get(f"/live/take/{done}.zip").status_code == 200
    assert visit(BEN, cookie=False).post(f"/live/decode/{done}?n=1", content=bytes(8)).status_code == 200
    changed(ada, done, "share", shared=False)
    assert ben.get(f"/live/train/models.json?names={done}").json() == {"models": []} and ben.get(theirs["atlas"]).status_code == 404


ALL = [("GET", "news"), ("GET", "frames/60.bin"), ("GET", "fixed.bin"), ("DELETE", ""), ("POST", "fork"), ("POST", "hand"), *(("POST", one) for one in CHANGES)]
VALUES = {"title": "Mine now", "factor": 0.5, "shared": True, "steps": 10, "players": []}


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("method, what", ALL, ids=[one[1] or "delete" for one in ALL])
def test_what_a_run_does_is_its_owners_to_see_and_to_change_shared_or_not(visit, ada, done, method, what, shared):
    changed(ada, done, "share", shared=shared)
    body = {"json": VALUES} if method == "POST" else {}
    answer = visit(BEN).request(method, f"/live/train/runs/{done}/{what}".rstrip("/"), **body)
    assert answer.status_code == 404 and answer.text == f"You have no training called '{done}'."
    changed(ada, done, "share", shared=False)
    assert row(ada, done)["title"] == "Balls that merge"


def test_somebody_at_this_machine_owns_runs_without_a_cookie_and_somebody_elsewhere_does_not(visit):
    nameless = visit(ADA, cookie=False)
    assert nameless.get("/live/train/runs").json() == {"runs": [], "may": NAMELESS}
    nameless.cookies.clear()
    refused = nameless.post("/live/train/start", json={"plan": plan()})
    assert refused.status_code == 403 and refused.text == NAMELESS
    home = visit(HOME, cookie=False)
    name = home.post("/live/train/start", json={"plan": plan()}, headers={"cookie": ""}).json()["name"]
    home.cookies.clear()
    assert [one["name"] for one in home.get("/live/train/runs").json()["runs"]] == [name]
    home.cookies.clear()
    assert home.delete(f"/live/train/runs/{name}").status_code == 200


def test_a_page_that_is_opened_begins_no_training_process(tmp_path):
    with training(tmp_path) as (visit, service, _):
        ada = visit(ADA)
        assert ada.get("/live/train/models.json?names=nope").json() == {"models": []} and ada.get("/live/train/form.json").status_code == 200
        assert service.keeper.process is None


# Steered


def test_a_stop_is_heard_within_seconds_and_leaves_a_model(ada):
    name = started(ada, plan(LONG))
    until(ada, name, "running", step=1)
    began = time.monotonic()
    assert changed(ada, name, "stop")["state"] == "stopped" and time.monotonic() - began < 10
    end = time.monotonic() + 120  # a worker that did not listen was ended, and the next one makes the model of what was saved
    while not row(ada, name)["checkpoint"] and time.monotonic() < end:
        time.sleep(0.2)
    assert [one["name"] for one in ada.get("/live/train/models.json").json()["models"] if one["name"] == name]


def test_a_pause_a_step_by_hand_and_on(ada, paused):
    before = row(ada, paused)
    assert before["by_hand"]
    hand = changed(ada, paused, "hand", players=["model"], rate=0.01)
    assert hand["step"] == before["step"] + 1 and hand["parts"]["loss"] > 0 and hand["after"]["loss"] > 0 and hand["update"]["model"]["gradient"] > 0
    for one in hand["quantities"]:
        values = np.frombuffer(b64decode(one["data"]), "u1" if one["kind"] == "picture" else "<f4").reshape(one["shape"])
        assert np.isfinite(values.astype(float)).all()
    assert {one["name"] for one in hand["quantities"]} >= {"x", "mean", "noise", "z"} and hand["quantities"][0]["shape"][1:] == [8, 8, 1]
    assert row(ada, paused)["step"] == hand["step"]
    changed(ada, paused, "resume")
    until(ada, paused, "running", step=hand["step"] + 1)


def test_a_run_is_called_otherwise_slowed_down_and_forked(ada, paused):
    assert changed(ada, paused, "rename", title="  Slow\n one ")["title"] == "Slow one"
    assert changed(ada, paused, "rate", factor=0.25)["rate_factor"] == 0.25
    child = changed(ada, paused, "fork", title="Another", plan=plan(50))
    assert child["parent"] == paused and child["title"] == "Another" and child["name"] != paused and child["steps"] == 50
    assert until(ada, child["name"], "finished")["step"] == 50


def test_a_finished_run_takes_more_steps(ada):
    name = started(ada, plan(20))
    until(ada, name, "finished")
    assert changed(ada, name, "more", steps=15)["steps"] == 35
    assert until(ada, name, "finished")["step"] == 35


def test_what_is_deleted_is_gone_with_its_model(ada):
    name = started(ada, plan(20))
    until(ada, name, "finished")
    assert ada.delete(f"/live/train/runs/{name}").json() == {"deleted": name}
    assert ada.delete(f"/live/train/runs/{name}").status_code == 404 and ada.post(f"/live/decode/{name}?n=1", content=bytes(8)).status_code == 404
    assert name not in [one["name"] for one in ada.get("/live/train/models.json").json()["models"]]


def test_a_fourth_training_is_refused_with_the_reason_and_may_says_so_before(visit):
    cem = visit("192.168.0.9")
    names = [started(cem, plan(LONG)) for _ in range(3)]
    refused = cem.post("/live/train/start", json={"plan": plan()})
    assert refused.status_code == 409 and "two wait already" in refused.text and cem.get("/live/train/runs").json()["may"] == refused.text
    assert sorted(row(cem, name)["ahead"] for name in names) == [0, 1, 2]
    for name in names:
        cem.delete(f"/live/train/runs/{name}")


def test_an_estimate_is_measured_and_says_what_does_not_fit(ada):
    found = asked(ada, "estimate", plan=plan(1000))
    assert found["steps"] == 1000 and found["parameters"] > 0 and found["seconds"] == pytest.approx(1000 * found["per_step"]) and found["per_step"] > 0
    wrong = plan() | {"model": {"image_shape": [1, 28, 28]}}
    assert "pictures of digits are" in ada.post("/live/train/estimate", json={"plan": wrong}).json()["problem"]
    assert "steps at most" in ada.post("/live/train/estimate", json={"plan": plan(9_000_000)}).json()["problem"]


# Pictures of one's own


def squares() -> bytes:
    """An .npz of bright and dark pictures, 28x28."""
    file, labels = io.BytesIO(), np.arange(80) % 2
    np.savez(file, x=(labels[:, None, None] * 200 + np.random.default_rng(0).integers(0, 50, (80, 28, 28))).astype(np.uint8), y=labels)
    return file.getvalue()


def test_own_pictures_are_a_data_set_of_their_owners_form_and_models_of_them_say_so(visit, ada):
    brought = ada.post("/live/train/data?title=Light", content=squares())
    assert brought.status_code == 200, brought.text
    name, own = brought.json()["id"], plan(10) | {"dataset": brought.json()["id"], "model": {"image_shape": [1, 28, 28], "width": 4, "hidden": 8}}
    [listed] = [one for one in ada.get("/live/train/form.json").json()["datasets"] if one["id"] == name]
    assert (listed["title"], listed["ready"], listed["image_shape"], len(listed["classes"])) == ("Light", True, [1, 28, 28], 2)
    ben = visit(BEN)
    assert name not in ben.get("/live/train/form.json").text and ben.post("/live/train/start", json={"plan": own}).status_code == 404
    run = started(ada, own)
    until(ada, run, "finished")
    [model] = [one for one in ada.get("/live/train/models.json").json()["models"] if one["name"] == run]
    assert (model["dataset_title"], model["classes"]) == ("Light", listed["classes"])
    changed(ada, run, "share", shared=True)
    [model] = ben.get(f"/live/train/models.json?names={run}").json()["models"]
    assert "Light" not in str(model) and model["classes"] == []
    assert ben.delete(f"/live/train/data/{name}").status_code == 404 and ada.delete(f"/live/train/data/{name}").json() == {"deleted": name}
    assert name not in ada.get("/live/train/form.json").text


def test_whoever_keeps_no_name_brings_no_pictures(visit):
    nameless = visit(ADA, cookie=False)
    assert nameless.post("/live/train/data", content=squares()).text == NAMELESS


# Forged


def test_what_is_no_number_any_more_is_said_as_none():
    assert finite({"loss": float("nan"), "update": {"model": {"gradient": float("inf"), "rate": 0.1}}, "step": 3, "names": ["a"]}) == {
        "loss": None, "update": {"model": {"gradient": None, "rate": 0.1}}, "step": 3, "names": ["a"]}


def forged(**changes) -> dict:
    return {"plan": plan() | changes}


@pytest.mark.parametrize("body", [
    {}, {"plan": []}, {"plan": None}, {"plan": plan(), "title": 5}, {"plan": plan(), "group": ["a"]}, {"plan": plan(), "title": "x" * 1000}, forged(family=[]),
    forged(family="classifier"), forged(family="dcgan"), forged(family="../vae"), forged(dataset={}), forged(dataset="/etc/passwd"), forged(format=2),
    forged(model=[]), forged(model={"image_shape": [1, 8, 8], "width": "4"}), forged(model={"image_shape": [1, 8, 8], "width": True}),
    forged(model={"image_shape": [1, 8, 8], "beta": 10**400}), forged(model={"image_shape": [1, 8, 8], "nope": 1}), forged(model={"image_shape": 8}),
    forged(recipe={"stages": []}), forged(recipe={"stages": [{"steps": 0}]}), forged(recipe={"stages": [{"rate": -1}]}), forged(recipe={"batch": 1.5}),
    forged(recipe={"stages": [{"steps": 200_001}]}), forged(recipe=None), forged(licence=["x"]), forged(secret=1)], ids=lambda body: str(body)[:60])
def test_a_forged_start_is_a_sentence(ada, body):
    answer = ada.post("/live/train/start", json=body)
    assert answer.status_code in (400, 409), (answer.status_code, answer.text)
    assert answer.text.endswith(".") and len(answer.text) < 500 and "\n" not in answer.text and "Error" not in answer.text


@pytest.mark.parametrize("content, status", [
    (b'{"plan": NaN}', 400), (b'{"factor": Infinity}', 400), (b"[]", 400), (b"nonsense", 400), (b"\xff\xfe", 400), (b"[" * 50_000, 400),
    (b" " * (LARGEST_BODY + 1), 413)],
    ids=["nan", "infinity", "list", "nonsense", "bytes", "deep", "long"])
@pytest.mark.parametrize("where", ["start", "estimate", "runs/{}/rate", "runs/{}/hand", "runs/{}/fork"])
def test_what_is_no_json_object_is_refused_everywhere(ada, done, where, content, status):
    assert ada.post(f"/live/train/{where.format(done)}", content=content).status_code == status


@pytest.mark.parametrize("what, values", [
    ("rate", {"factor": 11}), ("rate", {"factor": 0}), ("rate", {"factor": "1"}), ("rate", {"factor": True}), ("rate", {}), ("share", {"shared": 1}),
    ("share", {}), ("rename", {"title": ""}), ("rename", {"title": None}), ("rename", {"title": "x" * 1000}), ("more", {"steps": 0}), ("more", {"steps": 1.5}),
    ("more", {"steps": 10**30}), ("fork", {"plan": {}}), ("fork", {"title": 1}), ("hand", {"players": "model"}), ("hand", {"players": [1]}),
    ("hand", {"rate": "x"}), ("hand", {"rate": -1}), ("hand", {"players": ["critic"]})], ids=str)
def test_a_forged_change_is_a_sentence_and_changes_nothing(ada, standing, what, values):
    before, end = row(ada, standing), time.monotonic() + 60
    while "is busy" in (answer := ada.post(f"/live/train/runs/{standing}/{what}", json=values)).text and time.monotonic() < end:
        time.sleep(0.5)
    assert answer.status_code in (400, 409) and answer.text.endswith("."), answer.text
    assert row(ada, standing) == before


@pytest.mark.parametrize("method, path, status", [
    ("GET", "", 404), ("GET", "start", 404), ("POST", "form.json", 404), ("PUT", "runs", 405), ("GET", "runs/{}", 404), ("GET", "runs/{}/frames/9999.bin", 204),
    ("GET", "runs/{}/frames/x.bin", 404), ("GET", "runs/{}/frames/..bin", 404), ("GET", "runs/{}/news?events=-1", 400), ("GET", "runs/{}/news?frames=x", 400),
    ("GET", "runs/..%2F..%2Fsecret/news", 404), ("PATCH", "runs/{}", 405), ("GET", "models.json?names=" + ",".join(map(str, range(MOST_NAMES + 1))), 400)])
def test_an_address_that_leads_nowhere_says_so_and_a_frame_that_is_gone_is_none(ada, done, method, path, status):
    assert ada.request(method, f"/live/train/{path.format(done)}").status_code == status


# Taken away


def test_the_snippet_runs_beside_the_folder_that_is_taken_away(ada, done, tmp_path):
    name = done
    changed(ada, name, "rename", title='Quotes """ and \\ and #')
    with zipfile.ZipFile(io.BytesIO(ada.get(f"/live/train/runs/{name}/take.zip").content)) as archive:
        assert {f"{name}/config.json", f"{name}/model.safetensors"} <= set(archive.namelist())
        archive.extractall(tmp_path)
    assert json.loads((tmp_path / name / "config.json").read_text())["family"] == "vae"
    answer = ada.get(f"/live/train/runs/{name}/snippet.py")
    assert answer.text.startswith('# Quotes """ and \\ and #\n') and f'filename="{name}.py"' in answer.headers["content-disposition"]
    (tmp_path / "draw.py").write_bytes(answer.content)
    settings = {"PYTHONPATH": str(ROOT), "PATH": "", "OMP_NUM_THREADS": "1"}
    ran = subprocess.run([sys.executable, "draw.py"], cwd=tmp_path, env=settings, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert len(list(tmp_path.glob("*.png"))) == 16
    changed(ada, name, "rename", title="Balls that merge")


def test_the_decoder_is_onnx_and_one_of_many_steps_has_none(ada, done):
    import onnxruntime
    answer = ada.get(f"/live/train/runs/{done}/decoder.onnx")
    session = onnxruntime.InferenceSession(answer.content)
    assert session.run(None, {"z": np.zeros((1, 2), np.float32)})[0].shape[1:] == (1, 8, 8)


@pytest.mark.parametrize("what", ["take.zip", "decoder.onnx", "snippet.py"])
def test_others_take_away_what_is_shared_and_nothing_else(visit, ada, done, what):
    ben = visit(BEN)
    assert ben.get(f"/live/train/runs/{done}/{what}").status_code == 404
    changed(ada, done, "share", shared=True)
    assert ben.get(f"/live/train/runs/{done}/{what}").status_code == 200
    changed(ada, done, "share", shared=False)
    assert ben.get(f"/live/train/runs/{done}/{what}").status_code == 404
