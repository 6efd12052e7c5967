"""Corruptions: nothing at level zero, as much as their level says, the same in the page, and what an autoencoder learns to take away."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from genmodels.corruptions import ANY, CORRUPTIONS, corrupted
from genmodels.datasets import floats
from genmodels.models import to_pixels
from genmodels.models.autoencoder import Autoencoder
from genmodels.normal import latents

from .conftest import tiny_config
from .evaluate_kit import TEST, taught

JS = Path(__file__).parents[1] / "assets" / "js"
GREY = torch.full((1, 3, 64, 64), 0.2)
PICTURES = np.random.default_rng(0).integers(0, 256, (2, 12, 10, 3), np.uint8)
kinds = pytest.mark.parametrize("kind", CORRUPTIONS)


def spoil(kind: str, x: torch.Tensor, level: float, seed: int = 3) -> torch.Tensor:
    noise = torch.from_numpy(latents(seed, len(x), tuple(x.shape[1:])))
    return CORRUPTIONS[kind](x, torch.full((len(x), 1, 1, 1), level), noise)


@kinds
def test_level_zero_changes_nothing_and_no_level_leaves_the_range_of_pictures(kind):
    x = TEST.floats(slice(0, 20))
    assert torch.equal(spoil(kind, x, 0.0), x)
    for level in (0.3, 1.0):
        made = spoil(kind, x, level)
        assert made.shape == x.shape and made.abs().max() <= 1 and not torch.equal(made, x)


def test_gaussian_noise_has_the_standard_deviation_of_its_level_where_black_is_0_and_white_1():
    error = (spoil("gaussian", GREY, 0.1) - GREY) / 2
    assert float(error.std()) == pytest.approx(0.1, rel=0.03) and abs(float(error.mean())) < 0.003


@pytest.mark.parametrize("level", [0.2, 0.6])
def test_shares_of_pixels_and_of_the_area_are_those_of_the_level(level):
    peppered, masked, blocked = (spoil(kind, GREY, level) for kind in ("saltpepper", "masking", "block"))
    for value in (-1, 1):
        assert float((peppered[:, 0] == value).float().mean()) == pytest.approx(level / 2, abs=0.03)
    assert float((masked[:, 0] == -1).float().mean()) == pytest.approx(level, abs=0.03)
    assert float((blocked[:, 0] == 0).float().mean()) == pytest.approx(level, abs=0.02)
    assert all(torch.equal(made[:, 0], made[:, 2]) for made in (peppered, masked, blocked))  # a pixel goes with all its channels


def test_a_block_is_one_square_and_lies_elsewhere_for_another_draw():
    rows, columns = ((spoil("block", GREY, 0.25)[0, 0] == 0).any(1 - axis).nonzero().flatten() for axis in (0, 1))
    assert len(rows) == len(columns) == 32 and rows[-1] - rows[0] == columns[-1] - columns[0] == 31
    assert len({tuple(spoil("block", GREY, 0.25, seed)[0, 0].eq(0).nonzero()[0].tolist()) for seed in range(9)}) > 5


def test_a_blur_leaves_flat_pictures_flat_and_spreads_a_point_over_its_width():
    assert torch.allclose(spoil("blur", GREY, 1.0), GREY, atol=1e-5)
    point = torch.full((1, 1, 28, 28), -1.0)
    point[..., 14, 14] = 1
    spread = (spoil("blur", point, 0.5)[0, 0] + 1) / 2
    across = ((torch.arange(28) - 14).square() * spread.sum(0)).sum() / spread.sum()
    assert float(across.sqrt()) == pytest.approx(1.5, rel=0.02)


def test_pictures_for_training_get_levels_of_their_own_up_to_the_highest_and_kinds_in_turn():
    x = torch.full((50, 1, 16, 16), 0.2)
    assert corrupted(x, "none", 1.0) is x
    shares = (corrupted(x, "masking", 0.5) == -1).float().mean((1, 2, 3))
    assert float(shares.max()) < 0.65 and float(shares.std()) > 0.08
    turn = corrupted(x, ANY, 0.5).split(10)
    assert (turn[3] == 0).any() and not (turn[1] == 0).any()  # blocks are grey
    assert torch.allclose(turn[4], x[:10], atol=1e-5)  # a flat picture stays as it is when blurred


def test_the_loss_compares_what_comes_of_the_corrupted_picture_with_the_clean_one():
    model = Autoencoder(tiny_config("autoencoder", corruption="masking", noise_level=1.0))
    x = TEST.floats(slice(0, 40))
    torch.manual_seed(1)
    loss = model.loss(x)["loss"]
    torch.manual_seed(1)
    seen = corrupted(x, "masking", 1.0)
    again = model.decode(model.encode(seen))
    assert float(loss.detach()) == pytest.approx(float(((again.detach() - x) / 2).square().mean()), rel=1e-4)
    assert not torch.equal(seen, x)


def test_one_that_learned_to_denoise_cleans_better_than_one_that_did_not():
    x, errors = TEST.floats(slice(None)), {}
    for kind in ("none", "gaussian"):
        torch.manual_seed(0)
        model = taught(Autoencoder(Autoencoder.Config(image_shape=(1, 8, 8), latent_dim=24, net="mlp", hidden=96, corruption=kind, noise_level=0.6)), 500)
        errors[kind] = float(((model.decode(model.encode(spoil("gaussian", x, 0.5))) - x) / 2).square().mean())
    assert errors["gaussian"] < 0.8 * errors["none"]


def run(code: str):
    """What node prints, as JSON."""
    node = shutil.which("node") or shutil.which("node", path=str(Path(sys.executable).parent))
    if not node:
        pytest.skip("there is no node here")
    done = subprocess.run([node, "--input-type=module", "-e", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_page_makes_the_same_noisy_pictures():
    asked = [(kind, level, seed) for kind in CORRUPTIONS for level in (0.0, 0.05, 0.5, 1.0) for seed in (1, 77)]
    made = run(f"import {{ corrupted }} from {json.dumps((JS / 'corruption.js').as_uri())};"
               f"const pixels = Uint8Array.from({PICTURES[0].ravel().tolist()});"
               f"console.log(JSON.stringify({json.dumps(asked)}.map(([kind, level, seed]) => [...corrupted(kind, pixels, [3, 12, 10], level, seed)])));")
    x = floats(torch.from_numpy(PICTURES[:1]).permute(0, 3, 1, 2))
    for (kind, level, seed), there in zip(asked, made, strict=True):
        here = to_pixels(spoil(kind, x, level, seed))[0].astype(int)
        differ = np.abs(here - np.array(there).reshape(12, 10, 3))
        assert differ.max() <= 1 and (differ > 0).mean() < 0.02, f"{kind} at {level}, draw {seed}"


def test_the_page_measures_pictures_as_scikit_image_does():
    a, b = PICTURES
    found = run(f"import {{ psnr, ssim }} from {json.dumps((JS / 'likeness.js').as_uri())};"
                f"const [a, b] = {PICTURES.reshape(2, -1).tolist()}.map((row) => Uint8Array.from(row));"
                "console.log(JSON.stringify([psnr(a, b), psnr(a, a), ssim(a, b, [3, 12, 10]), ssim(a, a, [3, 12, 10]), ssim(a, b, [90, 2, 2])]));")
    error = np.square((a.astype(float) - b) / 255).mean()
    assert found[0] == pytest.approx(-10 * np.log10(error)) and found[1] is None
    assert found[2] == pytest.approx(structural_similarity(a, b, channel_axis=2)) and found[3] == pytest.approx(1) and found[4] is None
