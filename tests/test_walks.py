"""Walks start at a, end at b, keep their character between, and go through every stop."""

import pytest
import torch

from genmodels.latent.walks import WALKS, through

each_walk = pytest.mark.parametrize("kind", WALKS)


@pytest.fixture
def ends():
    return torch.randn(2, 16, generator=torch.Generator().manual_seed(0))


@each_walk
def test_a_walk_starts_at_a_and_ends_at_b(kind, ends):
    path = WALKS[kind](*ends, 5)
    assert path.shape == (5, 16)
    assert torch.allclose(path[0], ends[0], atol=1e-5) and torch.allclose(path[-1], ends[1], atol=1e-5)


@each_walk
def test_latents_of_any_shape_can_be_walked(kind):
    a, b = torch.randn(2, 4, 3, 3, generator=torch.Generator().manual_seed(1))
    path = WALKS[kind](a, b, 7)
    assert path.shape == (7, 4, 3, 3) and torch.allclose(path[-1], b, atol=1e-5)


def test_a_straight_walk_goes_in_equal_steps(ends):
    steps = WALKS["straight"](*ends, 6).diff(dim=0)
    assert torch.allclose(steps, steps[0].expand_as(steps), atol=1e-5)


def test_an_arc_keeps_its_distance_from_the_origin_where_a_line_does_not():
    a, b = torch.nn.functional.normalize(torch.randn(2, 512, generator=torch.Generator().manual_seed(2)), dim=1)
    assert torch.allclose(WALKS["arc"](a, b, 9).norm(dim=1), torch.ones(9), atol=1e-4)
    assert WALKS["straight"](a, b, 9).norm(dim=1).min() < 0.8


def test_an_arc_turns_by_equal_angles():
    a, b = torch.tensor([3.0, 0.0]), torch.tensor([0.0, 3.0])
    path = WALKS["arc"](a, b, 4)
    angles = torch.rad2deg(torch.atan2(path[:, 1], path[:, 0]))
    assert torch.allclose(angles, torch.tensor([0.0, 30.0, 60.0, 90.0]), atol=1e-3)


@pytest.mark.parametrize(("a", "b"), [([0.0, 0.0], [1.0, 2.0]), ([1.0, 2.0], [0.0, 0.0]), ([0.0, 0.0], [0.0, 0.0]),
                                      ([1.0, 2.0], [1.0, 2.0]), ([1.0, 2.0], [2.0, 4.0]), ([1.0, 2.0], [-1.0, -2.0])])
def test_an_arc_without_a_direction_is_the_straight_line(a, b):
    a, b = torch.tensor(a), torch.tensor(b)
    assert torch.allclose(WALKS["arc"](a, b, 5), WALKS["straight"](a, b, 5), atol=1e-4)


@each_walk
def test_a_walk_through_several_stops_meets_each_of_them_once(kind):
    stops = torch.randn(4, 16, generator=torch.Generator().manual_seed(3))
    path = through(list(stops), 5, kind)
    assert path.shape == (13, 16)
    for index, stop in zip((0, 4, 8, 12), stops, strict=True):
        assert torch.allclose(path[index], stop, atol=1e-5)
        assert sum(torch.allclose(z, stop, atol=1e-3) for z in path) == 1


@pytest.mark.parametrize(("stops", "n"), [(0, 5), (1, 5), (3, 1)])
def test_a_walk_without_a_way_gets_a_sentence(stops, n):
    with pytest.raises(ValueError, match="at least two stops"):
        through([torch.zeros(2)] * stops, n)
