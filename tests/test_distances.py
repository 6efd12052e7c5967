"""Distances of clouds: the Frechet distance is that of the Gaussians, and precision and recall tell copies, strangers and gaps apart."""

import math

import pytest
import torch

from genmodels.latent.distances import frechet, nearest, precision_recall, to_others


def cloud(n: int, size: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, size, generator=torch.Generator().manual_seed(seed))


def test_the_frechet_distance_of_gaussians_is_that_of_the_closed_form():
    whole = torch.linalg.qr(cloud(4000, 4))[0] * math.sqrt(3999)  # covariance very nearly I, mean nearly zero
    whole = (whole - whole.mean(0)) @ torch.linalg.inv(torch.linalg.cholesky(torch.cov(whole.T))).T  # exactly so
    a = whole @ torch.diag(torch.tensor([1.0, 2, 3, 4])) + torch.tensor([1.0, 0, 0, 0])
    b = whole @ torch.diag(torch.tensor([2.0, 2, 1, 0.5])) + torch.tensor([0.0, 2, 0, 0])
    expected = 1 + 4 + (1 - 2) ** 2 + 0 + (3 - 1) ** 2 + (4 - 0.5) ** 2  # commuting covariances: the deviations' squared differences
    assert frechet(a, b) == pytest.approx(expected, rel=1e-4) == frechet(b, a)


def test_the_frechet_distance_takes_covariances_that_do_not_commute():
    turn = torch.tensor([[0.6, -0.8], [0.8, 0.6]])
    a, b = cloud(500, 2) @ torch.diag(torch.tensor([1.0, 3.0])), cloud(500, 2, 1) @ torch.diag(torch.tensor([2.0, 1.0])) @ turn
    first, second = torch.cov(a.double().T), torch.cov(b.double().T)
    product = torch.linalg.eigvals(first @ second).real.sqrt().sum()  # tr (A B)^(1/2), straight from the formula
    expected = (a.double().mean(0) - b.double().mean(0)).square().sum() + first.trace() + second.trace() - 2 * product
    assert frechet(a, b) == pytest.approx(float(expected), rel=1e-6)


def test_a_cloud_has_no_distance_to_itself_and_a_dead_feature_does_no_harm():
    a = cloud(300, 5)
    a[:, 2] = 0
    assert frechet(a, a) == pytest.approx(0, abs=1e-6)
    assert frechet(a, a + 2) == pytest.approx(4 * 5, rel=1e-5)


def test_copies_are_precise_and_recall_all_and_strangers_do_neither():
    real = cloud(400, 3)
    assert precision_recall(real.clone(), real) == (1, 1)
    assert precision_recall(real + 100, real) == (0, 0)


def test_half_of_the_modes_keep_precision_and_lose_recall():
    modes = torch.tensor([[-10.0, 0], [10.0, 0]])
    real = cloud(600, 2) + modes[torch.arange(600) % 2]
    made = cloud(600, 2, 1) + modes[0]
    precision, recall = precision_recall(made, real)
    assert precision > 0.85 and 0.4 < recall <= 0.5
    wide, whole = precision_recall(cloud(600, 2, 2) * 6, real)
    assert wide < 0.5 < whole + 0.3


def test_the_ball_of_a_point_reaches_to_its_third_neighbour():
    line = torch.arange(6.0)[:, None]
    assert to_others(line, 3).tolist() == [3, 2, 2, 2, 2, 3]
    assert to_others(line).tolist() == [1] * 6
    made = torch.tensor([[-2.9], [-3.1], [8.1], [2.5]])
    assert precision_recall(torch.cat([made, made]), line, 3)[0] == 0.5  # -2.9 and 2.5 lie in a ball


def test_nearest_says_what_a_search_one_by_one_says():
    a, b = cloud(1200, 6), cloud(70, 6, 1).view(70, 2, 3)
    expected = torch.cdist(a, b.flatten(1)).min(1).values
    assert torch.allclose(nearest(a, b), expected, atol=1e-4)
    assert float(nearest(b, b).max()) < 1e-2
    everyone = torch.cdist(a, a).fill_diagonal_(math.inf)
    assert torch.allclose(to_others(a, 2), everyone.kthvalue(2, 1).values, atol=1e-3)
