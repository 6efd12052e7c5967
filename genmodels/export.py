"""ONNX twins of decoders and classifiers, so that a browser can run them; checked against PyTorch as they are made."""

import io
import warnings

import numpy as np
import onnx
import torch
from onnx.reference import ReferenceEvaluator
from torch import Tensor, nn

from .classifier import Classifier
from .models import LatentModel, Trainable
from .normal import latents

FORMAT = 1  # goes up when the exported graph changes, so that no cache serves an old one
OPSET = 17  # read by every onnxruntime since 1.12
TOLERANCE = 1e-4  # of pixels and probabilities in [0, 1]


def to_onnx(model: Trainable) -> bytes:
    """The model as an ONNX file whose first dimension, the batch, is free.

    A latent model: `z` [N, *latent_shape] (and `y` [N, K] where it has conditions) to `x` [N, C, H, W] in [0, 1].
    A classifier: `x` [N, C, H, W] in [0, 1] to `p` [N, K], probabilities.
    All float32. RuntimeError if the twin differs from PyTorch by more than 1e-4 in any number, ValueError for a model of many steps.
    """
    check(model)
    twin = _Naming(model) if isinstance(model, Classifier) else _Decoding(model)
    inputs, output = twin.example(2), "p" if isinstance(model, Classifier) else "x"
    file = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore", DeprecationWarning)  # the newer exporter needs one more package, onnxscript
        warnings.simplefilter("ignore", torch.jit.TracerWarning)  # sizes taken as constants: `_compare` tries other batches
        warnings.filterwarnings("ignore", "Exporting a model to ONNX with a batch_size other than 1")  # of an LSTM, for the same reason
        torch.onnx.export(twin.eval(), tuple(inputs.values()), file, dynamo=False, opset_version=OPSET,
                          input_names=list(inputs), output_names=[output],
                          dynamic_axes={name: {0: "n"} for name in (*inputs, output)})
    _compare(twin, file.getvalue())
    return file.getvalue()


def check(model: Trainable) -> None:
    """ValueError in words for a model that has no ONNX twin. A blueprint without weights is enough to tell."""
    if isinstance(model, LatentModel) and model.can("path"):
        raise ValueError(f"A {type(model).__name__} makes a picture in many steps, so no single net can go to the browser; the server computes it.")
    if isinstance(model, LatentModel) and model.HEAVY:
        raise ValueError("A picture of this model is a second's work for a processor, too much for a browser; the server computes it.")


class _Decoding(nn.Module):
    def __init__(self, model: LatentModel):
        super().__init__()
        self.model = model

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return ((self.model.decode(z, y) + 1) / 2).clamp(0, 1)

    def example(self, n: int) -> dict[str, Tensor]:
        inputs = {"z": torch.from_numpy(latents(0, n, self.model.latent_shape))}
        classes = len(self.model.conditions)
        return inputs | ({"y": torch.eye(classes)[torch.arange(n) % classes]} if classes else {})


class _Naming(nn.Module):
    def __init__(self, model: Classifier):
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        return self.model.probabilities(2 * x - 1)

    def example(self, n: int) -> dict[str, Tensor]:
        return {"x": torch.from_numpy(latents(0, n, self.model.image_shape)).sigmoid()}


@torch.no_grad()
def _compare(twin: nn.Module, content: bytes) -> None:
    evaluator = ReferenceEvaluator(onnx.load_from_string(content))
    for n in (1, 3):
        inputs = twin.example(n)
        [found] = evaluator.run(None, {name: value.numpy() for name, value in inputs.items()})
        expected = twin(*inputs.values()).numpy()
        difference = np.abs(found - expected).max() if found.shape == expected.shape else np.inf
        if not difference <= TOLERANCE:
            raise RuntimeError(f"The exported {type(twin.model).__name__} differs from PyTorch by {difference:.1e} on {n} inputs; "
                               f"at most {TOLERANCE:.0e} is allowed, so the browser cannot run this model.")
