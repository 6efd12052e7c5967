"""A point is an expression: read, written the same again, resolved to a latent, or refused in one sentence."""

import base64
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from genmodels.latent.points import DEEPEST, LONGEST, TERMS, BadPoint, Mix, Raw, Source, Sum, parse, resolve
from genmodels.normal import latents

D = 4
PINS = {"A": np.array([1.0, 0, 0, 0], np.float32), "B": np.array([0, 2.0, 0, 0], np.float32)}
DIRECTIONS = {"Smiling": np.array([0, 0, 1.0, 0], np.float32), "5_o_Clock_Shadow": np.array([0, 0, 0, 1.0], np.float32)}
ATLAS = np.arange(8, dtype=np.float16).reshape(2, D)


def lookup(kind: str, key) -> np.ndarray | None:
    if kind == "seed":
        return latents(key, 1, (D,))[0]
    if kind == "atlas":
        return ATLAS[key] if key < len(ATLAS) else None
    return {"pin": PINS, "direction": DIRECTIONS}[kind].get(key)


TWIN = Path(__file__).parents[1] / "assets" / "js" / "points.js"


def raw(*numbers: float) -> str:
    return "z:" + base64.urlsafe_b64encode(np.array(numbers, "<f4").tobytes()).decode().rstrip("=")


# Reading and writing


@pytest.mark.parametrize(("text", "tree"), [
    ("seed:7", Source("seed", 7)),
    ("atlas:123", Source("atlas", 123)),
    ("A", Source("pin", "A")),
    ("2*Smiling", Sum(((2.0, Source("direction", "Smiling")),))),
    ("mix(A, B, 0.4)", Mix(Source("pin", "A"), Source("pin", "B"), 0.4)),
    ("seed:7 + 2*Smiling", Sum(((1.0, Source("seed", 7)), (2.0, Source("direction", "Smiling"))))),
    ("A - B", Sum(((1.0, Source("pin", "A")), (-1.0, Source("pin", "B"))))),
    ("z:AACAPwAAAMA", Raw((1.0, -2.0))),
])
def test_a_text_is_read_as_the_tree_it_means(text, tree):
    assert parse(text) == tree and str(tree) == text


@pytest.mark.parametrize("text", [
    "seed:0", "seed:4294967295", "seed:7 - 0.25*5_o_Clock_Shadow + Smiling", "-A + 0.5*B", "mix(mix(A, B, 0.5), seed:3, -0.125)",
    "mix(seed:1 + 2*Smiling, -2*A, 1.5)", "0.5*mix(A, B, 1) + 0.5*seed:9", "999.999999*A", "0*A", raw(0.1, -0.0, 1e-30, 3e38, 5) + " - A",
    "_x + a1",
])
def test_a_text_comes_back_as_it_was(text):
    assert str(parse(text)) == text


@pytest.mark.parametrize(("loose", "written"), [
    ("  seed:007 ", "seed:7"), ("mix( A,B , 0.40 )", "mix(A, B, 0.4)"), ("A+B", "A + B"), ("1*A", "A"), ("A-1.0*B", "A - B"),
    ("seed:7+2 * Smiling", "seed:7 + 2*Smiling"), ("- 0*A", "0*A"), ("mix(A,B,-0)", "mix(A, B, 0)"), ("01.50*A", "1.5*A"),
])
def test_loose_writing_is_tidied(loose, written):
    assert str(parse(loose)) == written == str(parse(written))


def test_raw_numbers_come_back_bit_for_bit():
    numbers = latents(5, 1, (256,))[0]
    assert np.array_equal(resolve(parse(raw(*numbers)), lookup), numbers)


# Resolving


def test_a_seed_and_an_atlas_row_are_looked_up():
    assert np.array_equal(resolve("seed:7", lookup), latents(7, 1, (D,))[0])
    assert np.array_equal(resolve("atlas:1", lookup), [4, 5, 6, 7])


def test_a_mix_is_that_share_of_the_straight_way():
    assert np.allclose(resolve("mix(A, B, 0.25)", lookup), [0.75, 0.5, 0, 0])
    assert np.allclose(resolve("mix(A, B, 0)", lookup), PINS["A"]) and np.allclose(resolve("mix(A, B, 1)", lookup), PINS["B"])


def test_directions_are_added_in_steps():
    assert np.allclose(resolve("A + 2*Smiling - 0.5*5_o_Clock_Shadow", lookup), [1, 0, 2, -0.5])


def test_latents_can_be_added_and_taken_away():
    assert np.allclose(resolve("-A + 0.5*B + atlas:0", lookup), [-1, 2, 2, 3])


def test_a_latent_is_float32_in_the_models_shape():
    z = resolve(raw(1, 2, 3, 4), lookup, (1, 2, 2))
    assert z.dtype == np.float32 and z.shape == (1, 2, 2)


# Refusing


@pytest.mark.parametrize(("text", "said"), [
    ("", "missing"), ("   ", "missing"), ("seed:", "seed: needs a whole number"), ("seed:-1", "seed: needs a whole number"),
    ("seed:1.5", "seed: needs a whole number"), ("seed:4294967296", "seed: needs a whole number"), ("seed:99999999999999", "whole number"),
    ("seed:x", "whole number"), ("atlas:", "atlas: needs"), ("atlas:-3", "atlas: needs"), ("seed:٣", "cannot be read"),
    ("a", "one capital letter"), ("A B", "ends before 'B'"), ("A +", "missing where the text ends"), ("A + + B", "cannot go on with '\\+'"),
    ("2", "needs \\*"), ("2*", "missing"), ("2*3*A", "cannot go on with '3'"), ("*A", "cannot go on"), ("2*A*B", "ends before"),
    ("mix(A, B)", "mix names two points"), ("mix(A, 0.4)", "needs \\*"), ("mix(A, B, C)", "number for its share"), ("mix(A, B, 0.4", "ends with its share"),
    ("mix(A, B, 0.4))", "ends before"), ("mix()", "cannot go on"), ("1000*A", "at most 3 digits"), ("0.1234567*A", "6 after the point"),
    ("1e5*A", "ends before"), ("nan*A", "ends before"), ("z:", "four bytes"), ("z:AAA", "four bytes"), ("z:AACAPw==", "cannot be read"),
    ("z:A", "four bytes"),
    ("mix", "no direction mix"), ("foo:7", "cannot be read"), ("__import__('os')", "cannot be read"), ("A; B", "cannot be read"), ("<b>", "cannot be read"),
    (raw(1, float("nan")), "not finite"), (raw(float("-inf")), "not finite"), (raw(*[0.0] * 257), "at most 256 numbers"),
    ("+".join(["A"] * (TERMS + 1)), f"at most {TERMS} parts"), ("A" * (LONGEST + 1), f"at most {LONGEST} characters"),
    ("mix(" * (DEEPEST + 1) + "A", f"at most {DEEPEST} deep"), ("mix(" * 1000 + "A", "deep"), (7, "not int"), (None, "not NoneType"),
])
def test_what_is_no_point_is_refused_in_one_sentence(text, said):
    with pytest.raises(BadPoint, match=said) as caught:
        resolve(parse(text), lookup)
    sentence = str(caught.value)
    assert sentence.endswith(".") and "\n" not in sentence and len(sentence) < 200


def test_mixes_may_be_as_deep_as_the_sentence_says():
    text = "A"
    for _ in range(DEEPEST):
        text = f"mix({text}, B, 0.5)"
    assert resolve(text, lookup)[0] == pytest.approx(0.5**DEEPEST)


@pytest.mark.parametrize(("text", "said"), [
    ("C", "There is no pin C here"), ("A + 2*Beard", "There is no direction Beard here"), ("atlas:5", "There is no atlas 5 here"),
    (raw(1, 2) + " + A", "2 numbers, the model's latents have 4"), ("mix(A, " + raw(1) + ", 0.5)", "1 numbers, the model's latents have 4"),
    ("999*" + raw(3e38, 0, 0, 0), "not finite"), (raw(3e38, 0, 0, 0) + " + " + raw(3e38, 0, 0, 0), "not finite"),
])
def test_what_cannot_be_resolved_here_is_refused_in_one_sentence(text, said):
    with pytest.raises(BadPoint, match=said) as caught:
        resolve(text, lookup, (D,))
    assert str(caught.value).endswith(".")


def test_parts_of_different_models_cannot_be_combined():
    with pytest.raises(BadPoint, match="4 numbers and one of 2"):
        resolve("A + " + raw(1, 2), lookup)


# The twin in the browser


def test_javascript_reads_the_same_points_and_refuses_the_same_texts():
    node = shutil.which("node") or shutil.which("node", path=str(Path(sys.executable).parent))
    if not node:
        pytest.skip("there is no node here")
    texts = ["seed:7", "A", "mix(A, B, 0.25)", " mix( A,B,-1.5 )", "A + 2*Smiling - 0.5*5_o_Clock_Shadow", "-A+0.5*B - atlas:1",
             "0.5*mix(mix(A, B, 0.1), seed:3, 0.7) + seed:4294967295", raw(0.1, -2, 3e-20, 4) + " - A",
             "", "seed:-1", "seed:4294967296", "a", "C", "A B", "A + + B", "2*", "2*3*A", "1000*A", "1e5*A", "mix(A, B)", "mix(A, B, 0.4", "z:", "z:AAA",
             "z:AACAPw==", "foo:7", "A; B", "atlas:9", raw(1, 2), raw(float("nan"), 0, 0, 0), "999*" + raw(3e38, 0, 0, 0), "mix(" * 9 + "A",
             "+".join(["A"] * 65), "A" * 4097]
    places = {f"seed {key}": lookup("seed", key) for key in (3, 7, 4294967295)} | {f"atlas {key}": row for key, row in enumerate(ATLAS)}
    places |= {f"pin {key}": z for key, z in PINS.items()} | {f"direction {key}": z for key, z in DIRECTIONS.items()}
    code = f"""
        import {{ resolve, BadPoint }} from {json.dumps(TWIN.as_uri())};
        const places = {json.dumps({key: z.astype(float).tolist() for key, z in places.items()})};
        const lookup = (kind, key) => (places[kind + " " + key] ? Float32Array.from(places[kind + " " + key]) : null);
        console.log(JSON.stringify({json.dumps(texts)}.map((text) => {{
            try {{ return Array.from(resolve(text, lookup, {D})); }}
            catch (error) {{ if (!(error instanceof BadPoint)) throw error; return error.message; }}
        }})));"""
    done = subprocess.run([node, "--input-type=module", "-e", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for text, theirs in zip(texts, json.loads(done.stdout), strict=True):
        try:
            ours = resolve(text, lookup, (D,))
        except BadPoint:
            assert isinstance(theirs, str) and theirs.endswith("."), f"{text!r} is refused here, there it is {theirs}"
        else:
            assert np.allclose(theirs, ours, atol=1e-6), text
