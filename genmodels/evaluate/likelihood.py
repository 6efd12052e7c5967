"""How likely a model finds the test pictures: ELBO and importance-weighted bound of a VAE, exact bits per dimension of a flow."""

from math import log

import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence
from tqdm import tqdm

from ..models import bits_per_dimension, dequantised
from ..normal import hashed, latents
from .judge import SEED
from .subject import Subject, balanced

DRAWS = 4  # codes drawn from each posterior for the ELBO


def likelihood(subject: Subject, pictures: int, draws: int) -> dict[str, float]:
    """What the model can say of how likely pictures are; nothing where it cannot.

    The importance-weighted bound takes `draws` codes for each of so many test pictures.
    """
    found = {}
    if subject.model.can("posterior") and subject.model.can("log_likelihood"):
        found |= _elbo(subject) | _importance_weighted(subject, pictures, draws)
    if subject.model.can("log_prob"):
        with torch.random.fork_rng([]):
            torch.manual_seed(SEED)
            somewhere = dequantised(subject.x)
        density = subject.batched(lambda x, y: subject.model.log_prob(x, subject.told(y)), somewhere, subject.y)
        found["bits_per_dim"] = float(bits_per_dimension(density.double(), subject.model.image_shape).mean())
    return found


def _elbo(subject: Subject) -> dict[str, float]:
    """Negative ELBO in nats with weight one on the KL term, the mean of DRAWS codes per picture (Kingma & Welling 2013, eq. 3)."""
    model = subject.model

    def terms(x: Tensor, y: Tensor, index: Tensor) -> Tensor:
        told = subject.told(y)
        q = model.posterior(x, told)
        noise = torch.from_numpy(latents(SEED, len(x) * DRAWS, model.latent_shape, first=int(index[0]) * DRAWS)).to(x.device)
        drawn = [q.mean + q.stddev * part for part in noise.unflatten(0, (len(x), DRAWS)).unbind(1)]
        reconstruction = -torch.stack([model.log_likelihood(x, z, told) for z in drawn]).mean(0)
        return torch.stack([reconstruction, kl_divergence(q, Normal(0.0, 1.0)).flatten(1).sum(1)], 1)

    parts = subject.batched(terms, subject.x, subject.y, torch.arange(len(subject.x)))
    reconstruction, kl = parts.double().mean(0).tolist()
    return {"nelbo": reconstruction + kl, "reconstruction": reconstruction, "kl": kl}


def _importance_weighted(subject: Subject, pictures: int, draws: int) -> dict[str, float]:
    """The negative importance-weighted bound in nats (Burda et al. 2016, eq. 8), and how much tighter it is than the ELBO of the same draws."""
    model, seed = subject.model, hashed(SEED, 1)
    chosen = torch.from_numpy(balanced(subject.labels, pictures))
    pairs, bounds = list(zip(subject.x[chosen], subject.y[chosen], strict=True)), []
    for number, (x, y) in enumerate(tqdm(pairs, "importance-weighted bound", leave=False, mininterval=1)):
        noise = torch.from_numpy(latents(seed, draws, model.latent_shape, first=number * draws))

        def log_weight(noise: Tensor, x: Tensor = x, y: Tensor = y) -> Tensor:
            x, told = x.to(noise.device)[None], subject.told(y.to(noise.device)[None])
            q = model.posterior(x, told)
            z = q.mean + q.stddev * noise
            many = [None if one is None else one.expand(len(z), *one.shape[1:]) for one in (x, told)]
            return model.log_likelihood(many[0], z, many[1]) + (Normal(0.0, 1.0).log_prob(z) - q.log_prob(z)).flatten(1).sum(1)

        weights = subject.batched(log_weight, noise).double()
        bounds.append(torch.stack([weights.logsumexp(0) - log(draws), weights.mean()]))
    bound, elbo = torch.stack(bounds).mean(0).tolist()
    return {"iwae": -bound, "iwae_gain": bound - elbo, "bounded": len(chosen), "draws": draws}
