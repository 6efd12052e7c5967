"""Blocks of nets: shapes on the way down and up, signals that keep their size, depth that starts as nothing."""

import pytest
import torch
from torch import nn

from genmodels.nets import ConvDecoder, ConvEncoder, Residual, activated, grid_sides, joined, mlp


@pytest.mark.parametrize(("side", "sides"), [(8, [8]), (28, [28, 14, 7]), (32, [32, 16, 8]), (64, [64, 32, 16, 8]), (9, [9]), (18, [18, 9])])
def test_a_picture_is_halved_until_its_side_is_small_or_odd(side, sides):
    assert grid_sides(side) == sides


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 28), (3, 32, 32), (3, 64, 64), (2, 18, 18)])
@pytest.mark.parametrize("conditions", [0, 4])
def test_encoder_and_decoder_fit_each_other(shape, conditions):
    encoder, decoder = ConvEncoder(shape, 8, 1, 16, 5, conditions), ConvDecoder(shape, 8, 1, 16, 5, conditions)
    x, y = torch.randn(2, *shape), torch.randn(2, conditions) if conditions else None
    z = encoder(x, y)
    assert z.shape == (2, 5) and decoder(z, y).shape == x.shape


def test_an_mlp_has_an_activation_between_its_layers_and_none_after():
    net = mlp(3, 4, 5, 2)
    assert [type(layer) for layer in net] == [nn.Linear, nn.SiLU, nn.Linear, nn.SiLU, nn.Linear]
    assert net(torch.zeros(7, 3)).shape == (7, 2)


def test_a_deep_net_neither_drowns_nor_blows_up_its_signal():
    torch.manual_seed(0)
    net = activated(*[nn.Linear(64, 64) for _ in range(8)])
    out = net(torch.randn(200, 64)).std()
    assert 0.05 < out < 5


def test_a_residual_block_starts_as_nothing_and_can_learn():
    block, x = Residual(4), torch.randn(2, 4, 6, 6)
    assert torch.equal(block(x), x)
    block(x).square().mean().backward()
    assert block.second.weight.grad.abs().max() > 0


def test_conditions_stand_beside_the_features():
    x, y = torch.zeros(2, 3), torch.ones(2, 4)
    assert joined(x, None) is x
    assert torch.equal(joined(x, y)[0], torch.tensor([0.0, 0, 0, 1, 1, 1, 1]))
