import pytest
import torch
import torch.nn.functional as F
from written_out import drawn

from whyresnets.measures.convolution import singular_values
from whyresnets.nets.build import parameter_count
from whyresnets.nets.conv import ConvNet
from whyresnets.nets.surgery import identity_extension, procrustes


def matrix_of(weight, grid, stride=1, circular=True):
    """The explicit matrix of a convolution on a ``grid`` x ``grid`` map, column by column."""
    _, before, side, _ = weight.shape
    columns = []
    for i in range(before * grid * grid):
        image = torch.zeros(before * grid * grid, dtype=weight.dtype)
        image[i] = 1
        image = image.view(1, before, grid, grid)
        if side == 3:
            image = F.pad(image, (1, 1, 1, 1), mode="circular" if circular else "constant")
        columns.append(F.conv2d(image, weight, stride=stride).flatten())
    return torch.stack(columns, 1)


def kernel(after, before, side):
    return torch.randn(after, before, side, side, generator=torch.Generator().manual_seed(7), dtype=torch.float64)


@pytest.mark.parametrize("stride", [1, 2])
def test_a_projected_transition_keeps_norms_exactly(stride):
    """1x1 at stride 2: the explicit matrix has n_in ones times sqrt(n_out / n_in) a kept pixel, and zeros else."""
    projected = procrustes(kernel(6, 3, 1))
    values = torch.linalg.svdvals(matrix_of(projected, 4, stride))
    kept = 3 * (4 // stride) ** 2
    assert torch.allclose(values[:kept], torch.full((kept,), 2**0.5, dtype=torch.float64), atol=1e-12)
    assert (values[kept:] < 1e-12).all()


def test_the_projection_is_the_closest_kernel_that_keeps_norms():
    """Procrustes: no other such kernel, near it or anywhere, is closer to the one that was projected."""
    weight, generator = kernel(6, 3, 1), torch.Generator().manual_seed(0)
    best = (procrustes(weight) - weight).norm()
    for size in (1e-3, 0.1, 1.0, 100.0):
        for _ in range(50):
            noise = size * torch.randn(weight.shape, generator=generator, dtype=torch.float64)
            other = procrustes(procrustes(weight) + noise)
            assert (other - weight).norm() >= best - 1e-12


def test_a_3x3_kernel_is_projected_exactly_where_nothing_is_cut_and_roughly_elsewhere():
    """On a 3x3 map, circular and of stride 1, the kernel has as many taps as the map has pixels."""
    weight = kernel(4, 4, 3)
    exact = torch.linalg.svdvals(matrix_of(procrustes(weight, grid=3), 3))
    assert torch.allclose(exact, torch.ones_like(exact), atol=1e-12)
    before, after = (torch.linalg.svdvals(matrix_of(w, 8)).log().std() for w in (weight, procrustes(weight, grid=8)))
    assert 0.05 < after < 0.7 * before


def test_spread_sets_the_condition_number_and_keeps_the_size():
    weight = kernel(6, 3, 1)
    even, spread = procrustes(weight, size=1.5), procrustes(weight, size=1.5, spread=100.0)
    values = torch.linalg.svdvals(spread[:, :, 0, 0])
    assert (values[0] / values[-1]).item() == pytest.approx(100)
    assert spread.norm().item() == pytest.approx(even.norm().item())
    assert torch.allclose(procrustes(weight[:, :, 0, 0], size=1.5), even[:, :, 0, 0])


def test_a_kernel_of_one_dimension_is_projected_exactly_where_nothing_is_cut():
    """On a ring of three places: the explicit matrix, column by column."""
    weight = torch.randn(4, 4, 3, generator=torch.Generator().manual_seed(7), dtype=torch.float64)

    def ring(w):
        images = torch.eye(12, dtype=w.dtype).view(12, 4, 3)
        return F.conv1d(F.pad(images, (1, 1), mode="circular"), w).flatten(1)

    values = torch.linalg.svdvals(ring(procrustes(weight, grid=3)))
    assert torch.allclose(values, torch.ones_like(values), atol=1e-12)
    assert torch.allclose(singular_values(weight, 3), torch.linalg.svdvals(ring(weight)), atol=1e-12)
    assert torch.allclose(procrustes(weight[:, :, :1])[:, :, 0], procrustes(weight[:, :, 0]))


@pytest.mark.parametrize("dimensions", [1, 2])
@pytest.mark.parametrize("training", [True, False], ids=["batch statistics", "running statistics"])
def test_the_identity_extension_computes_the_same_function(training, dimensions):
    net = ConvNet(8, widths=(3, 4, 5), channels=1, eps=0.01, dimensions=dimensions)
    params, running, x = drawn(net, batch=32)
    x = x if dimensions == 2 else x.flatten(2)
    for _ in range(3):
        net.logits(params, x, running=running)  # running statistics that are not the batch's
    deep, deep_params, deep_running = identity_extension(net, params, running, 26, x)
    assert deep.depth == 26 and parameter_count(deep) > parameter_count(net)

    def logits(net, params, running):
        return net.logits(params, x, running=None if training else running, training=training)

    assert torch.allclose(logits(net, params, running), logits(deep, deep_params, deep_running), atol=1e-10)


def test_the_identity_extension_needs_a_plain_normalised_shallower_net():
    for net, depth in (
        (ConvNet(20, "residual"), 56),
        (ConvNet(20, norm="none"), 56),
        (ConvNet(20, alpha=1.0), 56),
        (ConvNet(20), 8),
    ):
        params, running = net.initial(torch.Generator())
        with pytest.raises(ValueError, match="starts from a shallower plain net"):
            identity_extension(net, params, running, depth, torch.zeros(4, 3, 8, 8))
