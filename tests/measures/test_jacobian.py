import pytest
import torch

from whyresnets.measures.jacobian import directions, end_to_end, participation
from whyresnets.nets.conv import ConvNet
from whyresnets.nets.dense import DenseNet

X = torch.randn(8, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def start(net):
    return net.initial(torch.Generator().manual_seed(1), torch.float64)[0]


@pytest.mark.parametrize("norm", ["none", "batch"])
def test_the_jacobian_is_what_finite_differences_say(norm):
    net = DenseNet(5, "residual", 4, norm, features=6, activation="tanh")
    params, step = start(net), 1e-6
    found = end_to_end(net, params, X, example=3)
    states = net.states(params, X)
    for i in range(4):
        nudges = [torch.zeros_like(h) for h in states]
        nudges[0][3, i] = step
        up = net.states(params, X, nudges=nudges)[-1][3]
        down = net.states(params, X, nudges=[-n for n in nudges])[-1][3]
        assert torch.allclose(found[:, i], (up - down) / (2 * step), atol=1e-7)


def test_of_a_linear_net_it_is_the_product_of_the_layers():
    net = DenseNet(5, "residual", 4, "none", features=6, activation="linear")
    params = start(net)
    product = torch.eye(4, dtype=torch.float64)
    for name, *_ in net.units:
        product = (torch.eye(4) + params[f"{name}.weight"]) @ product
    assert torch.allclose(end_to_end(net, params, X), product)


def test_of_a_convolutional_net_it_has_a_column_for_each_pixel_of_each_channel():
    net = ConvNet(8, "plain", (2, 3, 4), channels=1, dimensions=1)
    x = torch.randn(4, 1, 8, dtype=torch.float64)
    assert end_to_end(net, start(net), x).shape == (4 * 2, 2 * 8)


def test_directions_are_counted_by_the_participation_ratio_of_squared_singular_values():
    matrix = torch.randn(5, 7, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    squares = torch.linalg.svdvals(matrix).square()
    assert torch.allclose(participation(matrix), squares.sum() ** 2 / squares.square().sum())
    assert participation(torch.zeros(5, 7)) == 0


def test_rotations_keep_all_directions_and_a_stretched_matrix_few():
    def kept(condition):
        how = {"skip": "orthogonal", "skip_condition": condition, "gain": 0.0, "activation": "linear"}
        net = DenseNet(10, "residual", 16, "none", features=6, **how)
        return directions(net, start(net), X).item()

    assert kept(1.0) == pytest.approx(16) and kept(1000.0) < 3
