"""Captured graphs of nets of many steps: the same pictures by the same path, fixed sizes, and a graph that is wrong is found out and not used."""

import numpy as np
import pytest
import torch

from genmodels.engine import Engine, Given, Sampling
from genmodels.engine._captured import ROWS, Captured

from .conftest import DIGITS, save_tiny, tiny_model

ASKED = [Sampling("ddim", 4, guidance=3.0), Sampling("dpm++", 5), Sampling("ddpm", 3, guidance=1.0, seed=2)]


class Again:
    """What a card's graph does, without a card: the run once more, its answer written over the one before."""

    def __init__(self):
        self.made = self.replayed = 0

    def __call__(self, run):
        self.made += 1
        out = run()

        def replay():
            self.replayed += 1
            out.copy_(run())

        return replay, out


def deaf(run):
    """A graph that never looks at its inputs again."""
    out = run()
    return (lambda: None), out


def broken(run):
    raise RuntimeError("operation not permitted when stream is capturing")


@pytest.fixture(scope="module")
def roots(tmp_path_factory):
    root = tmp_path_factory.mktemp("captured")
    torch.manual_seed(5)
    save_tiny(tiny_model("diffusion", conditions=DIGITS, steps=4, guidance=2.0), root / "told")
    save_tiny(tiny_model("flow_matching", steps=3), root / "flow")
    return root


@pytest.fixture
def pair(roots, tmp_path):
    """An engine as it is on a processor, and one whose device captures by a function."""
    engines = []

    def made(capture=None):
        engine = Engine(roots, device="cpu", cache=tmp_path)
        engine._device.capturing = engine._slow.device.capturing = capture and (lambda: capture)
        engines.append(engine)
        return engine

    yield made
    for engine in engines:
        engine.close()


def pictures(engine, name="told") -> list[np.ndarray]:
    """Answers to several people at once, told and not, guided by several strengths, one of them given a picture."""
    z, y = engine.prior(name, 3, 1), np.eye(10, dtype=np.float32)[[1, 7, 7]]
    if name == "flow":
        return [engine.submit("decode", name, z[:n], None, Sampling(steps=3), whose=n).result() for n in (1, 2, 3)]
    given = Given(np.full((8, 8, 1), 90, np.uint8).tobytes(), shrunk=2)
    asked = [engine.submit("decode", name, z, y, way, whose=k) for k, way in enumerate(ASKED)]
    asked += [engine.submit("decode", name, z[:1], None, Sampling(steps=4, given=given), whose=9),
              engine.submit("noise", name, engine.decode(name, z[:1], y[:1]), y[:1])]
    return [one.result().astype(float) for one in asked]


@pytest.mark.parametrize("name", ["told", "flow"])
def test_graphs_give_the_pictures_of_the_net_and_are_made_once_for_each_size(pair, name):
    again = Again()
    plain, captured = pictures(pair(), name), pair(again)
    for _ in range(2):
        for one, other in zip(plain, pictures(captured, name), strict=True):
            assert np.abs(one - other).max() <= (1 if one.dtype == np.uint8 or one.max() > 50 else 0.02)
    assert again.replayed > 2 * again.made > 0
    made = again.made
    pictures(captured, name)
    assert again.made <= made + 2, "every request makes graphs anew"


@pytest.mark.parametrize("capture", [deaf, broken])
def test_a_graph_that_is_wrong_or_cannot_be_made_is_not_used_and_that_is_said(pair, capture):
    plain, captured = pictures(pair()), pair(capture)
    with pytest.warns(UserWarning, match="not run by captured graphs .*only slower"):
        found = pictures(captured)
    assert all(np.abs(one - other).max() <= 1 for one, other in zip(plain[:-1], found[:-1], strict=True))
    assert not any(one.works or one.graphs for device in (captured._device, captured._slow.device) for loaded in device.memory.loaded.values()
                   for one in loaded.captured.values())


@torch.inference_mode()
def test_rows_of_other_requests_and_those_behind_change_no_answer():
    torch.manual_seed(1)
    model = tiny_model("diffusion", conditions=DIGITS).eval()
    looked, x, y = Captured(model, False, Again()), torch.randn(5, 1, 8, 8), torch.eye(10)[:5]
    t, share = torch.tensor([900, 500, 300, 20, 1]), torch.tensor([1.0, 3.0, 0.0, 2.0, 1.0])
    y[3] = 0  # told nothing: then guidance changes nothing
    together = looked(x, t, y, share)
    assert torch.allclose(together, model.look(x, t, y, share), atol=1e-5)
    looked(torch.full((8, 1, 8, 8), 50.0), torch.full((8,), 999), torch.ones(8, 10), torch.full((8,), 9.0))
    for row in range(5):
        assert torch.allclose(looked(x[row:row + 1], t[row:row + 1], y[row:row + 1], share[row:row + 1]), together[row:row + 1], atol=1e-5)
    assert torch.allclose(looked(x, t, y, share), together, atol=1e-6)


@torch.inference_mode()
def test_moments_between_whole_numbers_have_graphs_of_their_own_and_too_many_rows_have_none():
    model = tiny_model("flow_matching").eval()
    looked, x = Captured(model, False, Again()), torch.randn(2, 1, 8, 8)
    for t in (torch.tensor([1, 0]), torch.tensor([0.5, 0.25])):
        assert torch.allclose(looked(x, t, None, 1.0), model.look(x, t, None, 1.0), atol=1e-5)
    assert len(looked.graphs) == 2
    assert looked(torch.zeros(ROWS[-1] + 1, 1, 8, 8), torch.ones(ROWS[-1] + 1), None, 1.0) is None and looked.works


def test_a_processor_captures_nothing(pair):
    engine = pair()
    assert engine._device.capturing is None and engine._slow.device.capturing is None
