"""What is particular to one family: the autoencoder is PCA where it is linear, the VAE's loss is the ELBO."""

from math import log, pi

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from torch.distributions import Bernoulli, Normal, kl_divergence

from genmodels.datasets import DATASETS
from genmodels.models import LatentModel
from genmodels.normal import latents
from genmodels.train.loop import Trainer
from genmodels.train.recipe import Recipe, Stage

from .conftest import DIGITS, tiny_model


@pytest.fixture(scope="module")
def digits():
    return DATASETS["digits"].load("train")


def trained(model: LatentModel, digits, steps: int, rate: float = 3e-3) -> LatentModel:
    recipe = Recipe((Stage(steps=steps, rate=rate),), batch=128, averaging=0.9, precision="float32")
    trainer = Trainer(model, digits, recipe)
    for _ in trainer:
        pass
    return trainer.snapshot()


@torch.no_grad()
def error_of(model: LatentModel, digits) -> float:
    """Mean squared error of reconstructions, pixels in [0, 1]."""
    x = digits.floats(slice(None))
    return float(((model.decode(model.encode(x)) - x) / 2).square().mean())


def variance(digits) -> float:
    """What a model that always shows the mean picture would get."""
    x = digits.floats(slice(None)) / 2
    return float((x - x.mean(0)).square().mean())


# Autoencoder


@pytest.mark.parametrize("tied", [False, True], ids=["untied", "tied"])
def test_the_solved_linear_autoencoder_is_pca(digits, tied):
    model = tiny_model("autoencoder", net="linear", latent_dim=5, tied=tied)
    x = digits.floats(slice(None))
    model.solve(x)
    flat = x.flatten(1).double().numpy()
    pca = PCA(5).fit(flat)
    best = pca.inverse_transform(pca.transform(flat))
    assert np.abs(model.decode(model.encode(x)).detach().flatten(1).numpy() - best).max() < 1e-3


def test_training_the_linear_autoencoder_approaches_pca(digits):
    model, best = tiny_model("autoencoder", net="linear", latent_dim=5), tiny_model("autoencoder", net="linear", latent_dim=5)
    best.solve(digits.floats(slice(None)))
    assert error_of(best, digits) - 1e-6 <= error_of(trained(model, digits, 600, 5e-2), digits) < 1.1 * error_of(best, digits)


def test_only_the_linear_autoencoder_has_a_closed_form(digits):
    with pytest.raises(ValueError, match="closed form"):
        tiny_model("autoencoder", net="mlp").solve(digits.floats(slice(0, 10)))


@pytest.mark.parametrize("net", ["linear", "mlp"])
def test_a_tied_autoencoder_has_each_weight_once(net):
    tied, untied = (tiny_model("autoencoder", net=net, tied=tied) for tied in (True, False))
    matrices = [p for p in tied.parameters() if p.ndim == 2]
    assert len(matrices) == sum(p.ndim == 2 for p in untied.parameters()) / 2
    if net == "linear":
        with torch.no_grad():
            tied.encoder[0].weight.zero_()
        z = torch.from_numpy(latents(0, 2, (3,)))
        assert torch.equal(*tied.decode(z))  # without the encoder's weights the decoder has none


def test_an_overcomplete_autoencoder_trains(digits):
    model = tiny_model("autoencoder", net="mlp", latent_dim=100, hidden=100)
    assert model.latent_shape[0] > 8 * 8
    assert error_of(trained(model, digits, 200), digits) < 0.6 * variance(digits)


@pytest.mark.parametrize(("net", "error"), [("mlp", "squared"), ("mlp", "cross-entropy"), ("conv", "squared")])
def test_an_autoencoder_learns_with_either_error(digits, net, error):
    model = tiny_model("autoencoder", net=net, error=error, hidden=32, latent_dim=8)
    assert error_of(trained(model, digits, 200), digits) < 0.8 * variance(digits)


def test_cross_entropy_is_least_where_the_pixels_are_right(digits):
    model = tiny_model("autoencoder", error="cross-entropy")
    x = digits.floats(slice(0, 16))
    pixels = (x + 1) / 2
    entropy = Bernoulli(pixels.clamp(1e-6, 1 - 1e-6)).entropy().mean()
    assert model.loss(x)["loss"] > entropy


# VAE


def elbo_parts(model: LatentModel, x: torch.Tensor, z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Reconstruction and KL in nats per picture, from the definitions."""
    q = model.posterior(x)
    pixels, mean = ((x + 1) / 2).flatten(1).double(), ((model.decode(z) + 1) / 2).flatten(1).double()
    if model.config.likelihood == "bernoulli":
        likelihood = pixels * mean.log() + (1 - pixels) * (1 - mean).log()
    else:
        likelihood = Normal(mean, model.log_std.double().exp()).log_prob(pixels)
    kl = 0.5 * (q.mean**2 + q.stddev**2 - 1 - 2 * q.stddev.log()).sum(1)
    return -likelihood.sum(1).mean(), kl.mean()


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("beta", [0.0, 1.0, 4.0])
def test_the_loss_is_the_negative_elbo_with_its_kl_weighed_by_beta(digits, likelihood, beta):
    model = tiny_model("vae", likelihood=likelihood, beta=beta)
    x = digits.floats(slice(0, 16))
    with torch.no_grad():
        torch.manual_seed(3)
        terms = model.loss(x)
        torch.manual_seed(3)
        reconstruction, kl = elbo_parts(model, x, model.posterior(x).rsample())
    assert float(terms["reconstruction"]) == pytest.approx(float(reconstruction), rel=1e-4)
    assert float(terms["kl"]) == pytest.approx(float(kl), rel=1e-4)
    assert float(terms["loss"]) == pytest.approx(float(reconstruction + beta * kl), rel=1e-4)


def test_a_gaussian_likelihood_is_a_density_of_pixel_values(digits):
    model = tiny_model("vae", likelihood="gaussian")
    x, z = digits.floats(slice(0, 4)), torch.zeros(4, 3)
    with torch.no_grad():
        model.log_std.fill_(log(0.5))
    error = (model.decode(z) - x) / 2
    expected = (-error**2 / (2 * 0.25) - log(0.5 * (2 * pi) ** 0.5)).flatten(1).sum(1)
    assert torch.allclose(model.log_likelihood(x, z), expected, rtol=1e-4)


@pytest.mark.parametrize("size", [1, 2, 1024])
def test_a_vae_has_any_latent_size(digits, size):
    model = tiny_model("vae", latent_dim=size)
    x = digits.floats(slice(0, 2))
    assert model.encode(x).shape == (2, size) and model.decode(torch.zeros(2, size)).shape == x.shape
    assert model.loss(x)["loss"].isfinite()


def test_a_larger_beta_leaves_less_in_the_code(digits):
    def kl(beta: float) -> float:
        model = tiny_model("vae", beta=beta)
        posterior = trained(model, digits, 100).posterior(digits.floats(slice(None)))
        return float(kl_divergence(posterior, Normal(0.0, 1.0)).sum(1).mean().detach())

    assert kl(20.0) < 0.5 * kl(0.1)


def test_withheld_conditions_are_withheld_only_while_training(digits):
    model = tiny_model("vae", conditions=DIGITS, unsaid=1.0)
    x, y = digits.floats(slice(0, 8)), digits.one_hot(slice(0, 8))

    def loss(said: torch.Tensor) -> float:
        torch.manual_seed(0)
        return float(model.loss(x, said)["loss"].detach())

    assert loss(y) != pytest.approx(loss(torch.zeros_like(y)), abs=1e-6)
    model.train()
    assert loss(y) == pytest.approx(loss(torch.zeros_like(y)), abs=1e-6)
