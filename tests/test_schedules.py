"""How noise grows, in the browser: betas and shares are those of the models, and the closed form and the chain lead to the same mean and variance."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from genmodels.models._denoising import levels_of
from genmodels.models.diffusion import Config, betas
from genmodels.normal import latents

from .conftest import tiny_config
from .live_kit import model

JS = Path(__file__).parents[1] / "assets" / "js"


@pytest.fixture(scope="module")
def run():
    """A function that runs a body of JavaScript over the page's own modules in Node and returns what it returns."""
    node = shutil.which("node") or shutil.which("node", path=str(Path(sys.executable).parent))
    if not node:
        pytest.skip("there is no node here; the page's own tests look at the same in a browser")

    def run(body: str):
        code = f"const load = (name) => import({json.dumps(JS.as_uri())} + '/' + name);\n" \
               f"console.log(JSON.stringify(await (async () => {{ {body} }})()));"
        done = subprocess.run([node, "--input-type=module", "-e", code], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


@pytest.mark.parametrize("kind, times", [("cosine", 1000), ("linear", 1000), ("cosine", 50), ("linear", 250), ("linear", 10)])
def test_betas_and_shares_in_the_browser_are_those_of_the_model(run, kind, times):
    ours = run(f"""const {{ createSchedule, sharesAt }} = await load('schedules.js'), one = createSchedule('{kind}', {times});
        return {{ betas: [...one.betas], shares: Array.from(one.left, (_, t) => sharesAt(one, t)) }};""")
    truth = betas(Config(times=times, betas=kind))
    assert ours["betas"][0] == 0 and np.allclose(ours["betas"][1:], truth, rtol=1e-9, atol=1e-12)
    assert np.allclose(ours["shares"], [(level.alpha, level.sigma) for level in levels_of(truth)], rtol=1e-7, atol=1e-9)


def test_signal_to_noise_falls_with_every_step_and_is_the_ratio_of_the_variances(run):
    ratios = run("""const { createSchedule, signalToNoise } = await load('schedules.js'), one = createSchedule('cosine', 100);
        return Array.from({ length: 99 }, (_, k) => signalToNoise(one, k + 1));""")
    levels = levels_of(betas(Config(times=100)))[1:100]
    assert np.all(np.diff(ratios) < 0) and np.allclose(ratios, [(level.alpha / level.sigma) ** 2 for level in levels], rtol=1e-6)


def test_the_closed_form_is_that_of_the_model_with_the_same_noise(run):
    clean = np.linspace(-1, 1, 12, dtype=np.float32)
    ours = run(f"""const {{ createSchedule }} = await load('schedules.js'), {{ closedForm, noiseOf }} = await load('noising.js');
        return [...closedForm(Float32Array.from({clean.tolist()}), createSchedule('linear'), 400, noiseOf(5, 24))];""")
    level = levels_of(betas(Config(betas="linear")))[400]
    assert np.allclose(ours, np.tile(level.alpha * clean, 2) + level.sigma * latents(5, 1, (24,))[0], atol=2e-6)


@pytest.mark.parametrize("kind, t", [("cosine", 120), ("linear", 300)])
def test_the_chain_and_the_closed_form_agree_in_mean_and_variance_as_the_formula_foretells(run, kind, t):
    """Over 16 draws of 784 pixels: means within five standard errors, standard deviations within three hundredths."""
    found = run(f"""const {{ createSchedule }} = await load('schedules.js');
        const {{ closedForm, createChain, foretold, measured, noiseOf }} = await load('noising.js');
        const clean = Float32Array.from({{ length: 784 }}, (_, i) => (i % 28 > 9 && i % 28 < 18 ? 1 : -1)), one = createSchedule('{kind}');
        const chain = createChain(clean, one, 3), closed = closedForm(clean, one, {t}, noiseOf(3, 16 * 784)), share = one.left[{t}];
        while (!chain.walk({t}, 1000));
        const left = (x) => measured(x.map((value, i) => (value - Math.sqrt(share) * clean[i % 784]) / Math.sqrt(1 - share)));
        return {{ law: foretold(clean, one, {t}), closed: measured(closed), chain: measured(chain.x), ratio: [left(closed), left(chain.x)], t: chain.t }};""")
    assert found["t"] == t
    for way in ("closed", "chain"):
        assert abs(found[way]["mean"] - found["law"]["mean"]) < 5 / (16 * 784) ** 0.5
        assert abs(found[way]["spread"] - found["law"]["spread"]) < 0.03
    for noise in found["ratio"]:  # what is left when the picture's share is taken away is N(0, 1)
        assert abs(noise["mean"]) < 0.05 and abs(noise["spread"] - 1) < 0.03
    assert found["closed"]["mean"] != found["chain"]["mean"]  # their noise is not the same


def test_the_chain_goes_back_to_the_same_pictures(run):
    same = run("""const { createSchedule } = await load('schedules.js'), { createChain } = await load('noising.js');
        const clean = Float32Array.from({ length: 16 }, (_, i) => i / 8 - 1), chain = createChain(clean, createSchedule('cosine'), 1);
        const go = (t) => { while (!chain.walk(t, 1000)); return [...chain.x]; }, alike = (a, b) => b.every((value, i) => value === a[i]);
        const there = go(70), far = go(180), again = go(70), start = go(0);
        return { same: alike(there, again), other: !alike(there, far), clean: alike(start, [...clean]), t: chain.t };""")
    assert same == {"same": True, "other": True, "clean": True, "t": 0}


def test_the_catalogue_says_of_which_process_a_model_of_many_steps_is(client):
    known = tiny_config("diffusion")
    said = model(client, "diffusion")["steps"]
    assert (said["times"], said["betas"], said["predicts"]) == (known.times, known.betas, known.predicts)
