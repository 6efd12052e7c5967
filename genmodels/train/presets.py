"""The trainings of the lectures, one press each: what is trained, and what to look at while it learns."""

from typing import Any

ANGLE = "largest angle to the PCA subspace of the training pictures, degrees"
KL, FAKE = "KL of all dimensions, nats", "mean of D(G(z))"


def presets() -> list[dict[str, Any]]:
    """For the form: id, title, watch (one sentence), runs (each a title and a plan as JSON), readout (the number that proves it, by its name, or "").

    No more runs than one person may have under way at once (`caps.PER_OWNER`). All learn from MNIST, so that their models stand beside the bundled ones.
    """
    return [
        _preset("linear", "Linear = PCA", "A linear autoencoder finds the plane of PCA by itself: watch the angle between the two fall below 5 degrees.",
                {"Linear autoencoder": _plan("autoencoder", 1500, rate=3e-2, net="linear", latent_dim=2)}, ANGLE),
        _preset("size", "Too small, too big", "Two numbers keep the digit and lose its style; with more numbers than pixels everything is copied and nothing is learned.",
                {"2 numbers": _plan("autoencoder", 2500, net="mlp", latent_dim=2), "1,000 numbers": _plan("autoencoder", 2500, net="mlp", latent_dim=1000)}),
        _preset("sample", "Sample from AE and from VAE", "Random codes: of the autoencoder's most are no digits, for nothing asked its codes to fill the space; the VAE's was asked.",
                {"Autoencoder": _plan("autoencoder", 3000, latent_dim=8, width=12, hidden=64), "VAE": _plan("vae", 3000, latent_dim=8, width=12, hidden=64)}),
        _preset("beta", "Beta from 0 to 10", "Each picture is a ball of codes. At 0 the balls are points far apart; at 1 they touch; at 10 they merge, and dimensions collapse.",
                {f"Beta {beta}": _plan("vae", 2500, latent_dim=2, width=12, hidden=64, beta=float(beta)) for beta in (0, 1, 10)}, KL),
        _preset("error", "Cross-entropy or squared error", "The same net, two ways to count mistakes: look at the reconstructions, how black they are and how blurred.",
                {"Cross-entropy": _plan("autoencoder", 2500, latent_dim=8, width=12, hidden=64, error="cross-entropy"),
                 "Squared error": _plan("autoencoder", 2500, latent_dim=8, width=12, hidden=64)}),
        _preset("collapse", "Make a GAN collapse", "Nothing holds this critic back, and it learns too fast: watch the spread over the classes shrink until all samples look alike.",
                {"GAN without a penalty": _plan("gan", 3000, rate=4e-3, momentum=0.9, width=8, r1=0.0)}, FAKE),
        _preset("dcgan", "DCGAN at 1,000, 3,000, 10,000 steps", "Stains, then strokes, then digits: move the slider of time to 1,000, 3,000 and 10,000 steps.",
                {"DCGAN": _plan("gan", 10_000, rate=1e-3, momentum=0.0, width=8)}, FAKE),
        _preset("ddpm", "DDPM in five minutes", "A small net learns to take a little noise away; done again and again, that makes digits. Samples get clearer every minute.",
                {"DDPM": _plan("diffusion", 4000, width=8)}),
        _preset("rows", "Row by row", "A picture is read into one small memory and written again from it: watch how much of the code is known after each row.",
                {"Recurrent autoencoder": _plan("recurrent", 1500, rate=4e-3, hidden=64, writer_hidden=96)}, "squared error"),
        _preset("alphabet", "A picture in 49 signs", "Each place of a 7x7 grid takes one of 64 learned codes: watch how many of them come into use.",
                {"VQ": _plan("vq", 1000, rate=4e-3, width=12)}, "perplexity, codes"),
        _preset("dreams", "What a machine dreams", "One machine dreams a moment from each picture, the other on and on: each hidden unit becomes a filter.",
                {"Dreams begin at the data": _plan("rbm", 1500, rate=3e-3), "Dreams go on": _plan("rbm", 1500, rate=3e-3, persistent=True)},
                "pseudo-likelihood, nats per pixel"),
    ]


def _preset(id: str, title: str, watch: str, runs: dict[str, dict], readout: str = "") -> dict[str, Any]:
    return {"id": id, "title": title, "watch": watch, "runs": [{"title": name, "plan": plan} for name, plan in runs.items()], "readout": readout}


def _plan(family: str, steps: int, rate: float = 2e-3, momentum: float = 0.9, **model) -> dict[str, Any]:
    players = ("critic", "generator") if family == "gan" else ("model",)
    stage = {"players": players, "steps": steps, "rate": rate, "momentum": momentum}
    return {"format": 1, "family": family, "dataset": "mnist", "model": {"image_shape": (1, 28, 28)} | model,
            "recipe": {"stages": [stage], "batch": 128, "averaging": 0.995}, "licence": "apache-2.0"}
