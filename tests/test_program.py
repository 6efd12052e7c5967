"""Programs use the models too: by name, folder or the Hub, NumPy in and out, the same pictures as in the page, and no page."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import genmodels
from genmodels import load
from genmodels.client import Hub
from genmodels.engine import Engine
from genmodels.latent import points
from genmodels.models import MODELS
from genmodels.normal import latents
from genmodels.program import Model

from .conftest import DIGITS, save_tiny, tiny_model

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def engine(made):
    engine = Engine(made, device="cpu", batch=4)
    yield engine
    engine.close()


@pytest.fixture(scope="module", params=["vae", "autoencoder", "gan", "diffusion", "cvae"])
def model(request, engine):
    return Model(engine, request.param)


@pytest.fixture
def conditional(roots):
    """A model that is told the digit, with an atlas of two rows: a three and a five."""
    rows = np.array([[0, 1, 2], [3, 4, 5]], np.float16)
    np.savez(roots / "cvae" / "atlas.npz", codes=rows, labels=np.array([3, 5], np.uint8), xy=rows[:, :2], axes=np.eye(2, 3, dtype=np.float32),
             centre=np.zeros(3, np.float32), reach=np.float32(2))
    with load(roots / "cvae", device="cpu") as model:
        yield model


def programs() -> list[str]:
    """The blocks of Python in the README's section for programs."""
    _, _, rest = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Use it from a program\n")
    return re.findall(r"```python\n(.*?)```", rest.partition("\n## ")[0], re.DOTALL)


def test_the_program_in_the_readme_runs_as_it_stands_there_without_gradio(tmp_path):
    [first, *_] = programs()
    code = "import sys; sys.modules['gradio'] = None\n" + first + "\nassert 'genmodels.ui' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr


def test_a_seed_and_a_point_are_the_same_picture_as_in_the_page(engine, model):
    z = latents(7, 3, model.latent_shape)
    page = engine.decode(model.name, z)
    assert np.array_equal(model.sample(3, seed=7), page) and page.dtype == np.uint8 and page.shape == (3, *model.picture_shape)
    assert np.array_equal(model.decode(z), page)
    assert np.array_equal(model.picture("seed:7"), page[0])
    assert np.array_equal(model.decode(["seed:7", "seed:8"])[1], model.sample(1, seed=8)[0])
    mixed = points.resolve("mix(seed:1, seed:2, 0.25)", lambda kind, key: latents(key, 1, model.latent_shape)[0])
    assert np.array_equal(model.picture("mix(seed:1, seed:2, 0.25)"), engine.decode(model.name, mixed[None])[0])


def test_it_says_what_it_is(engine, model):
    about = model.about
    assert about["dataset"] == "digits" and about["model"]["image_shape"] == [1, 8, 8]
    about["model"]["image_shape"].clear()
    assert model.about["model"]["image_shape"]  # a copy: nobody changes the model by it
    assert model.can("encode") == MODELS[about["family"]].can("encode")
    assert model.conditions == (DIGITS if model.name == "cvae" else ())
    assert (model.steps, bool(model.solvers)) == ((2, True) if model.name == "diffusion" else (1, False))


def test_codes_of_pictures_lead_back_and_a_walk_may_begin_at_a_picture(engine):
    model = Model(engine, "autoencoder")
    picture = model.picture("seed:1")
    codes = model.encode(picture)
    assert codes.shape == (1, 3) and codes.dtype == np.float32 and np.array_equal(codes, engine.encode("autoencoder", picture[None]))
    walk = model.interpolate(picture, "seed:2", frames=5)
    assert np.array_equal(walk[0], model.decode(codes)[0]) and np.array_equal(walk[-1], model.picture("seed:2"))


@pytest.mark.parametrize("name, suits", [("vae", "straight"), ("autoencoder", "straight"), ("gan", "arc"), ("diffusion", "arc")])
def test_a_walk_goes_the_way_that_suits_the_model(engine, name, suits):
    model = Model(engine, name)
    walks = {walk: model.interpolate("seed:1", "seed:2", 5, walk) for walk in ("auto", "straight", "arc")}
    assert np.array_equal(walks["auto"], walks[suits]) and len(walks["auto"]) == 5
    assert all(np.array_equal(walk[[0, -1]], model.decode(["seed:1", "seed:2"])) for walk in walks.values())
    assert not np.array_equal(walks["straight"], walks["arc"])


def test_labels_tell_a_model_the_class_and_a_row_of_the_atlas_tells_its_own(conditional):
    z, told = np.array([[0.0, 1, 2], [3, 4, 5]], np.float32), np.eye(10, dtype=np.float32)[[3, 5]]
    page = conditional._engine.decode("cvae", z, told)
    assert np.array_equal(conditional.decode(["atlas:0", "atlas:1"]), page)
    assert np.array_equal(conditional.decode(z, ["3", "5"]), page)
    assert np.array_equal(conditional.decode(z), conditional._engine.decode("cvae", z)) and not np.array_equal(conditional.decode(z), page)
    walk = conditional.interpolate("atlas:0", "atlas:1", 3)
    assert np.array_equal(walk[1], conditional._engine.decode("cvae", z[:1] / 2 + z[1:] / 2, told[:1] / 2 + told[1:] / 2)[0])
    assert np.array_equal(conditional.interpolate("atlas:0", "atlas:1", 3, label="7")[0], conditional.picture("atlas:0", "7"))


def test_how_a_model_of_many_steps_goes_is_chosen_by_keyword(engine):
    model = Model(engine, "diffusion")
    few, more = model.sample(1, seed=3, steps=1, solver="ddim"), model.sample(1, seed=3, steps=20, solver="ddim")
    assert not np.array_equal(few, more) and np.array_equal(few, model.picture("seed:3", steps=1, solver="ddim")[None])
    assert not np.array_equal(model.sample(1, solver="ddpm", noise=1), model.sample(1, solver="ddpm", noise=2))
    with pytest.raises(ValueError, match="in one step: there is no steps to choose"):
        Model(engine, "vae").sample(1, steps=3)


def test_points_on_the_round_map_of_long_latents_are_understood(engine, tmp_path):
    model = Model(engine, "diffusion")  # its latents are like pictures
    across, up = (model.latents(f"0*seed:1 + {name}").ravel() for name in ("across", "up"))
    assert np.allclose([across @ across, up @ up, across @ up], [1, 1, 0], atol=1e-5)
    with pytest.raises(ValueError, match="vae has no direction across; it has none."):
        Model(engine, "vae").picture("seed:1 + across")


@pytest.mark.parametrize("ask, words", [
    (lambda model: model.decode([[1, 2]]), "must have the shape [N, 3]"), (lambda model: model.decode([[1, 2, 3], [1]]), "must be numbers [N, 3]"),
    (lambda model: model.decode([[True, False, True]]), "must be numbers"), (lambda model: model.decode([[1, 2, np.nan]]), "finite"),
    (lambda model: model.decode(None), "must be numbers"), (lambda model: model.decode(["seed:1", 2]), "A point is a text"),
    (lambda model: model.picture("seed:-1"), "seed: needs"), (lambda model: model.picture("A"), "A is a pin"),
    (lambda model: model.picture("atlas:99"), "no atlas 99"),
    (lambda model: model.sample(0), "n must be a whole number from 1 to 4096"), (lambda model: model.sample(True), "n must be"),
    (lambda model: model.sample(1, seed=2**32), "seed must be"), (lambda model: model.sample(1, sampler="mixture"), "has no mixture sampler"),
    (lambda model: model.sample(1, label="3"), "takes no label"), (lambda model: model.encode(np.zeros((8, 8, 1))), "must be uint8"),
    (lambda model: model.interpolate("seed:1", "seed:2", 1), "frames must be"), (lambda model: model.interpolate("seed:1", "seed:2", 3, "zigzag"), "no walk"),
    (lambda model: model.interpolate("seed:1", [[1, 2, 3], [4, 5, 6]]), "An end of a walk is one latent [3]")])
def test_what_does_not_fit_is_a_sentence(engine, ask, words):
    with pytest.raises(ValueError, match=re.escape(words)) as caught:
        ask(Model(engine, "vae"))
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)


@pytest.mark.parametrize("label, words", [("eleven", "has no label 'eleven'; there are 0, 1"),
                                          (["3"], "There are 1 labels for 2"), (3, "not int"), ([3, 4], "no label 3")])
def test_a_label_that_there_is_not_is_a_sentence(conditional, label, words):
    with pytest.raises(ValueError, match=words):
        conditional.decode(["seed:1", "seed:2"], label)


def test_a_model_of_ones_own_is_found_by_its_name_and_by_its_folder(made, tmp_path, monkeypatch):
    save_tiny(tiny_model("vae"), tmp_path / "data" / "checkpoints" / "my-vae")
    monkeypatch.chdir(tmp_path)
    with load("my-vae") as by_name, load("data/checkpoints/my-vae") as by_folder, load(tmp_path / "data" / "checkpoints" / "my-vae") as by_path:
        first = by_name.picture("seed:1")
        assert np.array_equal(first, by_folder.picture("seed:1")) and np.array_equal(first, by_path.picture("seed:1"))
        assert repr(by_name) == "<my-vae: latents [3], pictures [8, 8, 1]>"
    with pytest.raises(RuntimeError):
        by_name.picture("seed:1")  # closed


@pytest.mark.parametrize("name, kind, words", [
    ("nope", FileNotFoundError, "There is no model 'nope'; there are .*mnist-vae-2d"), ("mnist-classifier", ValueError, "is a classifier"),
    ("./nope", FileNotFoundError, "no config.json"), ("empty/folder", FileNotFoundError, "no config.json"),
    ("a/b/c", ValueError, "not the name of a repository"),
    ("odd name", ValueError, "Rename the folder 'odd name'"), ("broken", ValueError, "broken: config.json cannot be read")])
def test_what_cannot_be_loaded_is_a_sentence(tmp_path, monkeypatch, name, kind, words):
    (tmp_path / "empty" / "folder").mkdir(parents=True)
    for folder in ("odd name", "broken"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "config.json").write_text("{")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(kind, match=words):
        load(name)


def test_a_model_on_the_hub_is_fetched_once_and_opens_offline_afterwards(hub, made, tmp_path):
    hub.add("models", "ada/tiny-vae", {path.name: path.read_bytes() for path in (made / "vae").iterdir()})
    told = []
    with load("ada/tiny-vae", data=tmp_path, hub=Hub(hub.url, tmp_path / "cache"), progress=lambda *seen: told.append(seen)) as fetched:
        picture = fetched.picture("seed:1")
    asked = len(hub.requests)
    with load("ada/tiny-vae", data=tmp_path, hub=Hub("http://127.0.0.1:9")) as again, load(made / "vae") as original:
        assert np.array_equal(picture, again.picture("seed:1")) and np.array_equal(picture, original.picture("seed:1"))
    assert told and len(hub.requests) == asked
    with pytest.raises(FileNotFoundError, match="The Hub has no ada/nothing"):
        load("ada/nothing", data=tmp_path, hub=Hub(hub.url))


def test_the_package_itself_brings_nothing_along_until_it_is_asked():
    code = "import sys, genmodels; print([name for name in ('torch', 'numpy', 'gradio') if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True).stdout.strip() == "[]"
    with pytest.raises(AttributeError, match="has no attribute 'lode'"):
        genmodels.lode  # noqa: B018
