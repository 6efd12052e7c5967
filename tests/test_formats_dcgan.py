"""DCGAN generators from the shapes of their weights alone: the pictures of the nets that wrote them, sizes inferred and told, strangers refused."""

import json
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save
from torch import Tensor, nn

from genmodels import formats
from genmodels.checkpoint import save_foreign
from genmodels.engine import Engine
from genmodels.formats import dcgan
from genmodels.formats._transposed import generator_in, shapes_for, side_after

from . import format_kit as kit

USUAL = [(4, 1, 0), (4, 2, 1), (4, 2, 1), (4, 2, 1)]  # kernel, stride, padding of each layer: pictures of 32x32


def generator(layers=USUAL, latent: int = 10, width: int = 4, channels: int = 1, bias: bool = False, norm=nn.BatchNorm2d, prefix: str = "main") -> nn.Module:
    """A generator as PyTorch's example writes it, with statistics of batches that it has seen."""
    torch.manual_seed(0)
    wide = [latent, *[width * 2 ** (len(layers) - 2 - k) for k in range(len(layers) - 1)], channels]
    parts = []
    for k, shape in enumerate(layers):
        last = k == len(layers) - 1
        behind = [nn.Tanh()] if last else [*([norm(wide[k + 1])] if norm else []), nn.ReLU(True)]
        parts += [nn.ConvTranspose2d(wide[k], wide[k + 1], *shape, bias=bias), *behind]
    net = nn.Sequential(*parts)
    for part in net.modules():
        part.momentum = 1.0  # all that a normalisation has seen is the next batch
    net(torch.randn(64, latent, 1, 1))
    whole = nn.Module()
    for name in reversed(prefix.split(".")):
        whole = nn.Module()
        whole.add_module(name, net)
        net = whole
    return whole.eval()


def made_by(whole: nn.Module, z: Tensor) -> Tensor:
    """What the net inside makes of latents [B, D]."""
    [net] = [part for part in whole.modules() if isinstance(part, nn.Sequential)]
    with torch.no_grad():
        return net(z[:, :, None, None])


def read(files: dict[str, bytes], folder: Path):
    """What was found, and the checkpoint of it."""
    order = formats.recognise(kit.listing(files))
    found = formats.read(order, kit.laid({name: files[name] for name in order.files}, folder / "files"))
    return found, save_foreign(found, folder / "model")


def bare(weights) -> dict[str, bytes]:
    """A repository with nothing but these weights and a card."""
    return {"model.safetensors": save({name: tensor.contiguous() for name, tensor in weights.items()}), "README.md": kit.CARD}


NETS = {
    "as in PyTorch's example": {},
    "colour, 64x64": {"layers": [*USUAL, (4, 2, 1)], "channels": 3, "prefix": "model"},
    "with biases": {"bias": True, "prefix": "net"},
    "without normalisation": {"norm": None, "bias": True},
    "deep prefix": {"prefix": "module.generator.layers"},
    "28x28 from 7x7": {"layers": [(7, 1, 0), (4, 2, 1), (4, 2, 1)]},
    "28x28 by a kernel of 3": {"layers": [(4, 1, 0), (3, 2, 1), (4, 2, 1), (4, 2, 1)]},
    "28x28 by cropping 32x32": {"layers": [*USUAL, (1, 1, 2)]},
    "a last layer of 3x3": {"layers": [*USUAL, (3, 1, 1)]},
    "kernels of 2 and 6": {"layers": [(4, 1, 0), (2, 2, 0), (6, 2, 2), (4, 2, 1)]},
}


@pytest.mark.parametrize("case", NETS)
def test_pictures_are_those_of_the_net_that_wrote_the_weights(case, tmp_path):
    whole = generator(**NETS[case])
    found, checkpoint = read(bare(whole.state_dict()), tmp_path)
    model, z = checkpoint.load(), torch.randn(3, 10)
    wanted = made_by(whole, z)
    assert model.image_shape == tuple(wanted.shape[1:]) and model.latent_shape == (10,)
    assert torch.allclose(model.decode(z), wanted, atol=1e-6) and wanted.std() > 1e-3
    told = " ".join(found.account)
    assert "latents of 10 numbers" in told and f"{wanted.shape[-1]}x{wanted.shape[-1]}" in told and "weights do not say them" in told


def test_the_published_layout_is_read(tmp_path):
    """huggan/dcgan-mnist: one pytorch_model.bin without a config, 100 numbers, 512 to 64 channels, 64x64."""
    whole = generator([*USUAL, (4, 2, 1)], latent=100, width=64, channels=3, prefix="model")
    files = {"pytorch_model.bin": kit.pickled(whole.state_dict()), "README.md": kit.CARD, "pipeline.py": b"print()"}
    assert 14_300_000 < len(files["pytorch_model.bin"]) < 14_400_000, "as large as the published one"
    found, _ = read(files, tmp_path)
    assert found.model["latent_dim"] == 100 and found.model["channels"] == [512, 256, 128, 64, 3] and found.model["image_shape"] == [3, 64, 64]
    assert found.account[0].startswith("Weights in pytorch_model.bin, without a config") and any("old pickle" in sentence for sentence in found.account)


def test_another_size_that_fits_is_named_and_a_config_decides(tmp_path):
    layers, _ = generator_in(generator().state_dict())
    shapes, told = shapes_for(layers)
    assert side_after(shapes) == 32 and "could also give 28x28" in told[0]
    shapes, told = shapes_for(layers, 28)
    assert side_after(shapes) == 28 and "taken were stride" in told[0] and "since its config says 28x28" in told[0]
    found, checkpoint = read({"model.safetensors": save(generator().state_dict()), "config.json": json.dumps({"nz": 10, "image_size": 28}).encode()}, tmp_path)
    assert checkpoint.load().image_shape == (1, 28, 28) == tuple(found.model["image_shape"])
    assert "Its config says 500x500, which these layers cannot give." in shapes_for(layers, 500)[1]


def test_a_critic_in_the_same_file_is_left_out_and_said(tmp_path):
    whole = generator()
    critic = nn.Sequential(nn.Conv2d(1, 4, 4, 2, 1), nn.LeakyReLU(), nn.Conv2d(4, 1, 4))
    both = {f"netG.{name}": tensor for name, tensor in whole.state_dict().items()} | {f"netD.{name}": tensor for name, tensor in critic.state_dict().items()}
    found, checkpoint = read({"dcgan.safetensors": save(both)}, tmp_path)
    assert any("Left out of the same file: netD" in sentence for sentence in found.account)
    z = torch.randn(2, 10)
    assert torch.allclose(checkpoint.load().decode(z), made_by(whole, z), atol=1e-6)


def test_of_two_generators_the_averaged_one_is_taken():
    plain, averaged = generator(), generator(width=8)
    both = {f"G.{name}": tensor for name, tensor in plain.state_dict().items()} | {f"G_ema.{name}": tensor for name, tensor in averaged.state_dict().items()}
    layers, told = generator_in(both)
    assert layers[0].channels == 32 and "Left out of the same file: G (a critic, or" in " ".join(told)


def test_layers_of_ten_and_more_keep_their_order():
    whole = generator([*USUAL, (4, 2, 1), (4, 2, 1)])
    weights = whole.state_dict()
    assert "main.15.weight" in weights
    layers, _ = generator_in(OrderedDict(sorted(weights.items())))
    assert [layer.name for layer in layers] == [f"main.{k}" for k in (0, 3, 6, 9, 12, 15)]


def test_names_with_gaps_and_normalisations_apart_are_understood():
    weights = generator().state_dict()
    place = {"0": "conv1", "1": "bn1", "3": "conv2", "4": "bn2", "6": "conv3", "7": "bn3", "9": "conv10"}
    renamed = {f"{place[name.split('.')[1]]}.{name.split('.')[2]}": tensor for name, tensor in weights.items()}
    layers, _ = generator_in(renamed)
    assert [layer.name for layer in layers] == ["conv1", "conv2", "conv3", "conv10"] and [bool(layer.norm) for layer in layers] == [True] * 3 + [False]


def test_a_normalisation_without_weights_of_its_own_still_works(tmp_path):
    whole = generator(norm=lambda wide: nn.BatchNorm2d(wide, affine=False))
    z = torch.randn(2, 10)
    assert torch.allclose(read(bare(whole.state_dict()), tmp_path)[1].load().decode(z), made_by(whole, z), atol=1e-6)


def linear_first() -> dict[str, Tensor]:
    return {"fc.weight": torch.zeros(64, 10), "fc.bias": torch.zeros(64)} | generator().state_dict()


def stack(*layers: nn.Module) -> dict[str, Tensor]:
    return nn.Sequential(*layers).state_dict()


REFUSED = {
    "a normalisation by the batch": (lambda: generator(norm=lambda wide: nn.BatchNorm2d(wide, track_running_stats=False)).state_dict(),
                                     "without running statistics: it would answer by what else is in the batch"),
    "a linear layer": (linear_first, "fc is a linear layer or an embedding"),
    "a critic alone": (lambda: stack(nn.Conv2d(1, 4, 4), nn.Conv2d(4, 1, 4)), "0 is no transposed convolution"),
    "four channels": (lambda: generator(channels=4).state_dict(), "its pictures would have 4 channels; there must be 1 or 3"),
    "one layer": (lambda: stack(nn.ConvTranspose2d(10, 3, 4)), "no stack of transposed convolutions"),
    "kernels that are not square": (lambda: stack(nn.ConvTranspose2d(10, 4, 4), nn.ConvTranspose2d(4, 1, (4, 3))), "with a square kernel"),
    "spectral normalisation": (lambda: stack(nn.utils.spectral_norm(nn.ConvTranspose2d(10, 4, 4)), nn.ConvTranspose2d(4, 1, 4)), "is made of"),
    "a gap in the channels": (lambda: stack(nn.ConvTranspose2d(10, 8, 4), nn.ConvTranspose2d(4, 1, 4)), "0 gives 8 channels and 1 takes 4"),
    "a normalisation too many": (lambda: generator().state_dict() | {"x.running_mean": torch.zeros(5), "x.running_var": torch.ones(5)}, "fits behind none"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_other_weights_are_refused_in_words(case, tmp_path):
    made, words = REFUSED[case]
    with pytest.raises(ValueError, match=words) as caught:
        read(bare(made()), tmp_path)
    assert "no DCGAN generator" in str(caught.value) and str(caught.value).endswith(".")


def test_very_many_tensors_are_refused_before_anybody_looks_through_them(tmp_path):
    many = {f"a{k}{'.a' * 90}.weight": torch.zeros(1) for k in range(3000)}
    with pytest.raises(ValueError, match="they are 3,000 tensors, and one has at most 500"):
        read(bare(many), tmp_path)


def test_a_list_of_tensors_that_is_endless_is_not_read(tmp_path):
    header = b'{"__metadata__": {"x": "' + b"x" * (9 << 20) + b'"}}'
    with pytest.raises(ValueError, match="its list of tensors is larger than 8 MB"):
        read({"model.safetensors": len(header).to_bytes(8, "little") + header, "README.md": kit.CARD}, tmp_path)


def test_an_account_names_some_files_of_very_many():
    files = {"generator.pth": b""} | {f"discriminator-{k}.pth": b"" for k in range(1000)}
    [_, left] = dcgan.recognise(kit.listing(files)).account
    assert left.endswith("and 995 more.") and len(left) < 300


@pytest.mark.parametrize("files", [
    {"pytorch_model.bin": b"", "config.json": b'{"model_type": "bert", "hidden_size": 768}'}, {"pytorch_model.bin": b"", "tokenizer.json": b"{}"},
    {"model.safetensors": b"", "config.json": b'["a list"]'}, {"something.safetensors": b""}, {"README.md": b"", "sub/generator.pth": b""},
], ids=["a language model", "a tokenizer", "no object", "an unknown name", "in a folder"])
def test_what_cannot_be_a_generator_is_left_to_others(files):
    assert dcgan.recognise(kit.listing(files)) is None


@pytest.mark.parametrize("names, taken", [
    (("netG.pth", "netD.pth"), "netG.pth"), (("generator.bin", "generator.safetensors", "discriminator.safetensors"), "generator.safetensors"),
    (("G.pt", "G_ema.pt", "D.pt"), "G_ema.pt"), (("pytorch_model.bin", "model.safetensors"), "model.safetensors"), (("dcgan_mnist.pth",), "dcgan_mnist.pth"),
])
def test_the_file_of_the_generator_is_chosen(names, taken):
    order = dcgan.recognise(kit.listing(dict.fromkeys(names, b"")))
    assert order.files == (taken,) and all(name in order.account[-1] for name in names if name != taken)


def test_a_config_that_does_not_fit_its_own_layers_is_refused():
    with pytest.raises(ValueError, match=r"its layers give pictures of \[3, 64, 64\], image_shape says \[3, 32, 32\]"):
        dcgan.Config(image_shape=(3, 32, 32))
    with pytest.raises(ValueError, match="of the same 2 to 10 layers"):
        dcgan.Config(kernels=(4, 4))


# In the engine


@pytest.fixture
def engine(tmp_path) -> Iterator[Engine]:
    read(bare(generator().state_dict()), tmp_path)
    engine = Engine(tmp_path, device="cpu", cache=tmp_path / "cache")
    yield engine
    engine.close()


def test_it_runs_in_a_browser_as_on_the_server(engine):
    onnxruntime = kit.library("onnxruntime")
    z = engine.prior("model", 3, 7)
    twin = onnxruntime.InferenceSession(engine.onnx("model").read_bytes())
    [pictures] = twin.run(None, {"z": z})
    assert abs((pictures * 255).round().transpose(0, 2, 3, 1) - engine.decode("model", z).astype(float)).max() <= 1


def test_neighbours_in_a_batch_change_nothing(engine):
    z = engine.prior("model", 4, 3)
    alone = np.concatenate([engine.decode("model", row[None]) for row in z])
    assert abs(engine.decode("model", z).astype(int) - alone).max() <= 1
