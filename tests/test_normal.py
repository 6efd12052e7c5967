"""Counter-based normal numbers: normal, independent, and the same in Python and in the browser."""

import json
import shutil
import subprocess
import sys
from math import erf, sqrt
from pathlib import Path

import numpy as np
import pytest

from genmodels.normal import hashed, latents, normal

TWIN = Path(__file__).parents[1] / "assets" / "js" / "normal.js"
GOLDEN = {  # (seed, first index): four numbers, once computed; they are in people's links
    (0, 0): [0.6718401, 0.4863337, 0.9851825, -1.4106872],
    (7, 0): [-0.0554555, 1.2713556, -1.1641704, 0.0067829],
    (2**31 - 1, 5): [1.1018251, -1.6429467, -0.9144313, 0.8333073],
    (2**32 - 1, 2**31 - 4): [1.313893, 1.680999, 0.7268658, 0.2212159],
}
PLACES = [(seed, index) for seed in (0, 1, 7, 12345, 2**31, 2**32 - 1) for index in (0, 1, 2, 783, 10**6, 2**31 - 1)]


def test_the_numbers_of_a_seed_never_change():
    for (seed, first), expected in GOLDEN.items():
        assert normal(seed, np.arange(first, first + 4)) == pytest.approx(expected, abs=1e-6)


def test_mean_variance_and_tails_are_those_of_a_normal_distribution():
    numbers = normal(1, np.arange(400_000)).astype(float)
    assert abs(numbers.mean()) < 0.008 and abs(numbers.var() - 1) < 0.012  # five standard errors
    assert abs((numbers**3).mean()) < 0.05 and abs((numbers**4).mean() - 3) < 0.1
    for bound in (-3, -1, 0, 0.5, 2, 3.5):
        below = (1 + erf(bound / sqrt(2))) / 2
        assert abs((numbers < bound).mean() - below) < 5 * sqrt(below * (1 - below) / len(numbers))


def test_neighbouring_seeds_and_neighbouring_indices_are_independent():
    numbers = np.stack([normal(seed, np.arange(5000)) for seed in (0, 1, 2, 3, 2**31)])
    assert np.abs(np.corrcoef(numbers) - np.eye(5)).max() < 0.07
    for lag in (1, 2, 3, 16):
        assert abs(np.corrcoef(numbers[0, lag:], numbers[0, :-lag])[0, 1]) < 0.07


def test_first_numbers_of_many_seeds_are_normal_too():
    numbers = np.array([normal(seed, np.arange(2)) for seed in range(4000)])
    assert np.abs(numbers.mean(0)).max() < 0.08 and np.abs(numbers.var(0) - 1).max() < 0.12
    assert len(np.unique(numbers[:, 0])) == 4000


def test_a_number_depends_on_its_place_and_not_on_what_is_asked_beside_it():
    whole = latents(3, 10, (4, 2))
    assert whole.shape == (10, 4, 2) and whole.dtype == np.float32
    assert np.array_equal(latents(3, 4, (4, 2), first=6), whole[6:])
    assert normal(3, np.array([17]))[0] == whole.ravel()[17]


def test_hashed_numbers_are_32_bits_and_differ():
    numbers = {hashed(seed, counter) for seed in range(50) for counter in range(50)}
    assert len(numbers) == 2500 and all(0 <= number < 2**32 for number in numbers)


# The twin in the browser


def same_in_javascript(numbers: list[float]) -> bool:
    expected = [float(normal(seed, np.array([index]))[0]) for seed, index in PLACES]
    return np.allclose(numbers, expected, rtol=0, atol=2e-6)


def test_javascript_gives_the_same_numbers():
    node = shutil.which("node") or shutil.which("node", path=str(Path(sys.executable).parent))
    if not node:
        pytest.skip("there is no node here; the same is tested in a browser")
    code = f"import {{ normal }} from {json.dumps(TWIN.as_uri())};\n" \
           f"console.log(JSON.stringify({json.dumps(PLACES)}.map(([seed, index]) => normal(seed, index))));"
    done = subprocess.run([node, "--input-type=module", "-e", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert same_in_javascript(json.loads(done.stdout))


def test_a_browser_gives_the_same_numbers(browser):
    page = browser.new_page()
    try:
        page.set_content("<title>normal</title>")
        numbers = page.evaluate("""async ([source, places]) => {
            const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
            const { normal } = await import(address);
            return places.map(([seed, index]) => normal(seed, index));
        }""", [TWIN.read_text(encoding="utf-8"), PLACES])
    finally:
        page.close()
    assert same_in_javascript(numbers)
