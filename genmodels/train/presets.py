"""The trainings of the lectures, one press each: what is trained, and what to look at while it learns."""

from typing import Any

ANGLE = "largest angle to the PCA subspace of the training pictures, degrees"
KL, FAKE = "KL of all dimensions, nats", "mean of D(G(z))"
SHAPES = {"mnist": (1, 28, 28), "digits": (1, 8, 8)}  # the pictures that they may learn from
CRITIC_FIRST = ("critic", "generator")


def presets(data: str = "mnist") -> list[dict[str, Any]]:
    """For the form: id, title, watch (one sentence), runs (each a title and a plan as JSON), readout (the number that proves it, by its name, or "").

    data: "mnist", beside whose bundled models theirs then stand, or "digits", the small ones that are always at hand: these are quicker and need
    fewer steps. No more runs than one person may have under way at once (`caps.PER_OWNER`). KeyError for other data.
    """
    small, written = data == "digits", Written(data)
    plan, game = written.plan, written.game
    return [
        _preset("linear", "Linear = PCA",
                "A linear autoencoder finds the plane of PCA by itself: watch the angle between the two fall below 5 degrees.",
                {"Linear autoencoder": plan("autoencoder", 1500, 3e-2, net="linear", latent_dim=2)}, ANGLE),
        _preset("size", "Too small, too big",
                "Two numbers keep the digit and lose its style; with more numbers than pixels everything is copied and nothing is learned.",
                {"2 numbers": plan("autoencoder", 1500, net="mlp", latent_dim=2),
                 "More numbers than pixels": plan("autoencoder", 1500, net="mlp", latent_dim=100 if small else 1000)}),
        _preset("sample", "Sample from AE and from VAE",
                "Random codes: of the autoencoder's most are no digits, for nothing asked its codes to fill the space; the VAE's was asked.",
                {"Autoencoder": plan("autoencoder", 1500, latent_dim=8, width=8, hidden=64), "VAE": plan("vae", 1500, latent_dim=8, width=8, hidden=64)}),
        _preset("beta", "Beta from 0 to 10",
                "Each picture is a ball of codes. At 0 the balls are points far apart; at 1 they touch; at 10 they merge, and dimensions collapse.",
                {f"Beta {beta}": plan("vae", 1500, latent_dim=2, width=8, hidden=64, beta=float(beta)) for beta in (0, 1, 10)}, KL),
        _preset("error", "Cross-entropy or squared error",
                "The same net, two ways to count mistakes: look at the reconstructions, how black they are and how blurred.",
                {"Cross-entropy": plan("autoencoder", 1500, latent_dim=8, width=8, hidden=64, error="cross-entropy"),
                 "Squared error": plan("autoencoder", 1500, latent_dim=8, width=8, hidden=64)}),
        _preset("collapse", "Make a GAN collapse",
                "Nothing holds this critic back, and it learns too fast: watch the spread over the classes shrink until all samples look alike.",
                {"Held back": game(1500, 1e-3, 0.0), "Not held back": game(1500, 4e-3, 0.9, r1=0.0)}, FAKE),
        _preset("dcgan", "DCGAN at 1,000, 3,000, 10,000 steps",
                "Stains, then strokes, then digits: move the slider of time to 1,000, 3,000 and 10,000 steps.",
                {"DCGAN": game(10_000, 1e-3, 0.0)}, FAKE),
        _preset("ddpm", "DDPM in five minutes",
                "A small net learns to take a little noise away; done again and again, that makes digits. Samples get clearer every minute.",
                {"DDPM": plan("diffusion", 1500, width=8)}),
        _preset("sparse", "Sparse codes",
                "Both have more units than they need. Where activity costs something, few of them speak for each picture: watch the share of active units.",
                {"Activity costs": plan("sparse", 1500, 3e-3, latent_dim=80, penalty="l1", weight=0.6),
                 "Activity is free": plan("sparse", 1500, 3e-3, latent_dim=80, penalty="l1", weight=0.0)}, "share of active units"),
        _preset("contractive", "Contractive codes",
                "A code that should move little when the picture does: watch the spectrum of its Jacobian lose all but the directions in which digits differ.",
                {"Contractive": plan("contractive", 1500, 3e-3, latent_dim=24, hidden=96, activation="tanh", weight=0.05),
                 "Not contractive": plan("contractive", 1500, 3e-3, latent_dim=24, hidden=96, activation="tanh", weight=0.0)}, "mean norm of the Jacobian"),
        _preset("stacked", "Layer by layer",
                "Each layer learns to give back the one below, then all learn together: watch the reconstructions lose at each new layer and gain at the end.",
                {"Stacked": written.stages("stacked", [(("layer1",), 400), (("layer2",), 400), (("layer3",), 400), (("model",), 1500)], 3e-3,
                                           sizes=(48, 24, 8) if small else (96, 48, 16))}),
        _preset("recurrent", "Row by row",
                "It reads a picture row by row into a memory and writes it out again: watch how much of the code is known after each row.",
                {"Recurrent": plan("recurrent", 1500, 4e-3, latent_dim=16, hidden=64, writer_hidden=96)}),
        _preset("vq", "A codebook",
                "Every place of a picture is one of 64 codes. Where codes that nobody uses begin anew, more of them are in use: watch the perplexity.",
                {"Codes begin anew": plan("vq", 600, 4e-3, codes=64, code_dim=4, width=12, halvings=1 if small else 2),
                 "Codes that die stay dead": plan("vq", 600, 4e-3, codes=64, code_dim=4, width=12, halvings=1 if small else 2, restarts=False)},
                "perplexity, codes"),
        _preset("rbm", "A Boltzmann machine",
                "It learns by telling pictures from its own dreams: watch the dreams become digits, and the pseudo-likelihood rise.",
                {"Dreams begin at the data": plan("rbm", 1500, 3e-3, hidden=64 if small else 128),
                 "Dreams go on": plan("rbm", 1500, 3e-3, hidden=64 if small else 128, persistent=True)}, "pseudo-likelihood, nats per pixel"),
    ]


class Written:
    """Plans as JSON for one set of pictures."""

    def __init__(self, data: str):
        self.data, self.shape = data, SHAPES[data]

    def plan(self, family: str, steps: int, rate: float = 2e-3, **model) -> dict[str, Any]:
        return self.stages(family, [(("model",), steps)], rate, **model)

    def game(self, steps: int, rate: float, momentum: float, **model) -> dict[str, Any]:
        """A game of critic and generator."""
        return self.stages("gan", [(CRITIC_FIRST, steps)], rate, momentum, width=8, **model)

    def stages(self, family: str, stages: list[tuple[tuple[str, ...], int]], rate: float, momentum: float = 0.9, **model) -> dict[str, Any]:
        """Stages are who learns, and for how many steps."""
        told = [{"players": players, "steps": steps, "rate": rate, "momentum": momentum} for players, steps in stages]
        return {"format": 1, "family": family, "dataset": self.data, "model": {"image_shape": self.shape} | model,
                "recipe": {"stages": told, "batch": 100, "averaging": 0.99}, "licence": "apache-2.0"}


def _preset(id: str, title: str, watch: str, runs: dict[str, dict], readout: str = "") -> dict[str, Any]:
    return {"id": id, "title": title, "watch": watch, "runs": [{"title": name, "plan": plan} for name, plan in runs.items()], "readout": readout}
