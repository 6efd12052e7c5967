"""Directions in the page: the numbers that a program gets, locks that leave alone what is locked, texts that lead back, and names nobody knows."""

import numpy as np
import pytest

from genmodels.latent.directions import project_off
from genmodels.program import Model

from .interpolate_page import ask

MODEL = "mnist-gan"
POINTS = ("seed:7 + 2*Slant", "-Slant + 0.5*From_4_to_9", "mix(seed:1, seed:2 - 3*Thickness, 0.25)", "atlas:3 + Axis_1 - 1.5*SeFa_2")


@pytest.fixture(scope="module")
def page(url, browser):
    """A page whose modules can be called."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{url}/?model={MODEL}&road=server")
    page.wait_for_selector('[data-testid="latent-picture"]:not([data-ms="0"])', timeout=60_000)
    yield page
    context.close()


def called(page, script: str, **values):
    """What a script returns that can import the page's modules by name: `const { place } = await load("place.js")`."""
    return ask(page, f"const {{ {', '.join(values)} }} = given[0]; {script}", values)


def test_a_point_with_a_direction_is_the_same_latent_in_the_page_and_in_a_program(page, bundled):
    script = """const { ground, place } = await load("place.js"), { modelNamed } = await load("catalogue.js"), model = modelNamed(name), made = [];
        for (const text of points) made.push([...place(model, await ground(model, text), text)]);
        return made;"""
    for name in (MODEL, "mnist-vae-16d"):
        theirs = np.array(called(page, script, name=name, points=list(POINTS)))
        assert np.abs(theirs - Model(bundled, name).latents(list(POINTS))).max() < 1e-6


def test_the_steps_are_those_of_the_checkpoint(page, bundled):
    script = """const { loadDirections } = await load("directions.js"), { modelNamed } = await load("catalogue.js");
        const found = await loadDirections(modelNamed(name));
        return [found.names, found.steps.map((step) => [...step]), found.list.map(({ source }) => source)];"""
    names, steps, sources = called(page, script, name=MODEL)
    kept = bundled.checkpoint(MODEL).directions
    assert names == [one.word for one in kept] and sources == [one.source for one in kept]
    assert np.array_equal(np.array(steps, np.float32), np.stack([one.step for one in kept]))
    assert called(page, script.replace("return", "return found && "), name="mnist-diffusion") is None


def test_a_lock_is_the_same_projection_as_in_python(page):
    random = np.random.default_rng(3)
    vectors, locked = random.normal(size=(2, 3, 16)).astype(np.float32)
    locked = np.concatenate([locked, locked[:1] + locked[1:2], np.zeros((1, 16), np.float32), 2 * locked[2:]])
    script = """const { projectedOff } = await load("directions.js"), floats = (rows) => rows.map((row) => Float32Array.from(row));
        return floats(vectors).map((vector) => [...projectedOff(vector, floats(locked))]);"""
    found = called(page, script, vectors=np.concatenate([vectors, locked[:2]]).tolist(), locked=locked.tolist())
    assert np.abs(np.array(found) - project_off(np.concatenate([vectors, locked[:2]]), locked)).max() < 1e-6
    assert np.abs(np.array(found[:3]) @ locked.T).max() < 1e-5 and not np.any(found[3:])


PUSHED = """const { applied, expression, loadDirections } = await load("directions.js"), { ground, place } = await load("place.js");
    const { modelNamed } = await load("catalogue.js"), model = modelNamed(name), directions = await loadDirections(model);
    const atlas = await ground(model, text), z = place(model, atlas, text);
    const all = new Map(Object.entries(pushes)), kept = new Set(locked), written = expression(text, directions, all, kept);
    return [[...z], [...applied(z, directions, all, kept)], written, [...place(model, atlas, written)]];"""


def test_pushes_leave_alone_what_is_locked_and_can_be_written_as_a_point(page, bundled):
    steps = {one.word: one.step for one in bundled.checkpoint(MODEL).directions}
    pushes, locked = {"Slant": 1.5, "From_4_to_9": -2, "Thickness": 0.5}, ["Thickness", "Width", "Height"]
    z, found, written, again = called(page, PUSHED, name=MODEL, text="seed:7", pushes=pushes, locked=locked)
    keep = np.stack([steps[name] for name in locked])
    free = project_off(np.stack([steps["Slant"], steps["From_4_to_9"]]), keep)
    assert np.abs(np.array(found) - (np.array(z) + 1.5 * free[0] - 2 * free[1] + 0.5 * steps["Thickness"])).max() < 1e-5
    assert written.startswith("seed:7 ") and "*Slant" in written and "Width" in written
    assert np.abs(np.array(again) - found).max() < 1e-5
    assert np.abs(Model(bundled, MODEL).latents(written)[0] - found).max() < 1e-5


def test_nothing_pushed_is_the_start_itself_and_unknown_names_push_nothing(page):
    z, found, written, _ = called(page, PUSHED, name=MODEL, text="seed:7", pushes={"Slant": 0, "Smiling": 3}, locked=["Width", "Hat"])
    assert found == z and written == "seed:7"


def test_a_direction_made_by_hand_is_written_as_its_numbers(page):
    script = """const { applied, expression } = await load("directions.js"), { resolve } = await load("points.js");
        const list = [{ source: "by hand" }, { source: "learned" }], steps = [[1, 2, 0], [0, 1, 1]].map((row) => Float32Array.from(row));
        const directions = { list, names: ["Big_ears", "Slant"], steps };
        const pushes = new Map([["Big_ears", 2]]), locked = new Set(["Slant"]), text = expression("z:AAAAAAAAAAAAAAAA", directions, pushes, locked);
        const lookup = (kind, key) => (key === "Slant" ? directions.steps[1] : null);
        return [text, [...resolve(text, lookup, 3)], [...applied(new Float32Array(3), directions, pushes, locked)],
          expression(Array(70).fill("A").join(" + "), directions, pushes, locked)];"""
    text, again, found, long = called(page, script)
    assert "2*z:" in text and "Big_ears" not in text and np.allclose(again, found, atol=1e-5) and np.allclose(found, [2, 2, -2])
    assert long is None


def test_a_link_may_name_a_direction_and_an_unknown_one_is_one_sentence(visit, bundled):
    page = visit(f"model={MODEL}&point=seed:7 %2B 2*Slant")
    shown = page.evaluate("document.querySelector('[data-testid=\"latent-picture\"]').toDataURL()")
    plain = visit(f"model={MODEL}&point=seed:7")
    assert shown != plain.evaluate("document.querySelector('[data-testid=\"latent-picture\"]').toDataURL()")
    page = visit(f"model={MODEL}&point=seed:7 %2B 2*Smiling")
    said = page.get_by_text(f"{bundled_title(page)} has no direction Smiling; it has ")
    said.wait_for(timeout=60_000)
    assert "Slant" in said.inner_text() and " and 6 more." in said.inner_text()


def bundled_title(page) -> str:
    return called(page, "return (await load('catalogue.js')).modelNamed(name).title;", name=MODEL)
