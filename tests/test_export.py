"""ONNX twins: what a browser computes is what PyTorch computes."""

import warnings

import numpy as np
import onnx
import pytest
import torch

from genmodels import export
from genmodels.classifier import Classifier
from genmodels.export import OPSET, to_onnx
from genmodels.models import MODELS
from genmodels.normal import latents

from .conftest import DIGITS, takes_conditions, tiny_config, tiny_model

ort = pytest.importorskip("onnxruntime", reason="onnxruntime is a dependency of the tests")


IN_ONE_STEP = [family for family, kind in MODELS.items() if not kind.can("path")]  # all others have no twin


@pytest.fixture(params=IN_ONE_STEP)
def family(request) -> str:
    return request.param


@pytest.fixture(params=filter(takes_conditions, IN_ONE_STEP))
def conditional(request):
    return tiny_model(request.param, conditions=DIGITS)


def run(content: bytes, **inputs: np.ndarray) -> np.ndarray:
    return ort.InferenceSession(content, providers=["CPUExecutionProvider"]).run(None, inputs)[0]


def shapes(values) -> dict:
    return {value.name: [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim] for value in values}


@pytest.mark.parametrize("n", [1, 2, 7])
def test_a_decoder_gives_the_same_pictures_in_onnxruntime(model, n):
    z = latents(1, n, model.latent_shape)
    with torch.no_grad():
        expected = ((model.decode(torch.from_numpy(z)) + 1) / 2).clamp(0, 1).numpy()
    assert np.abs(run(to_onnx(model), z=z) - expected).max() < 1e-4


def test_a_conditional_decoder_takes_its_conditions(conditional):
    z, y = latents(1, 3, conditional.latent_shape), np.eye(10, dtype=np.float32)[[4, 0, 9]]
    content = to_onnx(conditional)
    with torch.no_grad():
        expected = ((conditional.decode(torch.from_numpy(z), torch.from_numpy(y)) + 1) / 2).clamp(0, 1).numpy()
        unsaid = ((conditional.decode(torch.from_numpy(z)) + 1) / 2).clamp(0, 1).numpy()
    assert np.abs(run(content, z=z, y=y) - expected).max() < 1e-4
    assert np.abs(run(content, z=z, y=np.zeros_like(y)) - unsaid).max() < 1e-4


@pytest.mark.parametrize("net, tied", [("linear", False), ("linear", True), ("mlp", True)])
def test_every_net_of_the_autoencoder_can_be_exported(net, tied):
    model = MODELS["autoencoder"](tiny_config("autoencoder", net=net, tied=tied)).eval()
    z = 5 * latents(1, 4, model.latent_shape)  # far enough out that a linear model overshoots
    with torch.no_grad():
        expected = ((model.decode(torch.from_numpy(z)) + 1) / 2).clamp(0, 1).numpy()
    found = run(to_onnx(model), z=z)
    assert np.abs(found - expected).max() < 1e-4
    assert found.min() >= 0 and found.max() <= 1


@pytest.mark.parametrize("side", [8, 28])
def test_a_classifier_gives_the_same_probabilities(side):
    torch.manual_seed(0)
    model = Classifier(Classifier.Config(image_shape=(1, side, side), conditions=DIGITS, width=4, features=8)).eval()
    pixels = torch.rand(5, 1, side, side)
    with torch.no_grad():
        expected = model(2 * pixels - 1).softmax(1).numpy()
    assert np.abs(run(to_onnx(model), x=pixels.numpy()) - expected).max() < 1e-4


def test_the_file_names_its_inputs_and_leaves_the_batch_free(conditional):
    graph = onnx.load_from_string(to_onnx(conditional))
    assert shapes(graph.graph.input) == {"z": ["n", *conditional.latent_shape], "y": ["n", 10]}
    assert [value.name for value in graph.graph.output] == ["x"]
    assert {(entry.domain, entry.version) for entry in graph.opset_import} == {("", OPSET)}


def test_the_encoder_stays_at_home(model):
    if not any(name.startswith("encoder") for name, _ in model.named_parameters()):
        pytest.skip("all of this family decodes")
    decoder = sum(p.numel() for name, p in model.named_parameters() if not name.startswith("encoder"))
    assert len(to_onnx(model)) < 4 * decoder + 12_000


def test_exporting_says_nothing(model, capfd):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        to_onnx(model)
    assert capfd.readouterr() == ("", "")


def test_a_twin_that_differs_is_never_handed_out(model, monkeypatch):
    decode = type(model).decode
    calls = []

    def unsteady(self, z, y=None):
        calls.append(1)
        return decode(self, z, y) * (1 if len(calls) == 1 else 0.5)  # traced as one thing, compared with another

    monkeypatch.setattr(type(model), "decode", unsteady)
    with pytest.raises(RuntimeError, match="differs from PyTorch"):
        export.to_onnx(model)


@pytest.mark.parametrize("family", sorted(set(MODELS) - set(IN_ONE_STEP)))
def test_a_model_of_many_steps_has_no_twin_and_says_why(model):
    with pytest.raises(ValueError, match="makes a picture in many steps"):
        to_onnx(model)
