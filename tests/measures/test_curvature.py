import numpy as np
import pytest
import torch
import torch.nn.functional as F
from written_out import orhan_net

from whyresnets.measures import curvature
from whyresnets.nets.dense import DenseNet


def problem(kind):
    """A small net in float64, its parameters, and data of either kind."""
    draw = torch.Generator().manual_seed(1)
    net = {
        "labels": orhan_net(4, "hyper", 5, features=3, outputs=4, activation="tanh"),
        "teacher": orhan_net(3, "residual", 4, features=4, outputs=2, activation="tanh"),
        "batch norm": DenseNet(4, "residual", 4, features=3, outputs=3),
    }[kind]
    params, _ = net.initial(draw, torch.float64)
    x = torch.randn(20, net.features, generator=draw, dtype=torch.float64)
    if kind == "teacher":
        return net, params, x, torch.randn(20, net.outputs, generator=draw, dtype=torch.float64)
    return net, params, x, torch.randint(0, 3, (20,), generator=draw)


def apart(net, params):
    """The trained parameters as tensors, and the net as a function of them."""
    names = [name for name in params if not name.endswith(".fixed")]

    def outputs(*values, x):
        return net.logits({**params, **dict(zip(names, values, strict=True))}, x)

    return tuple(params[name] for name in names), outputs


def whole(blocks, sizes):
    """Blocks of second derivatives as one matrix."""
    rows = [
        torch.cat([b.reshape(n, m) for b, m in zip(row, sizes, strict=True)], 1)
        for row, n in zip(blocks, sizes, strict=True)
    ]
    return torch.cat(rows)


@pytest.mark.parametrize("kind", ["labels", "teacher", "batch norm"])
def test_the_hessian_equals_autograd_twice(kind):
    net, params, x, y = problem(kind)
    values, outputs = apart(net, params)

    def loss(*values):
        o = outputs(*values, x=x)
        return ((o - y) ** 2).sum() / (2 * len(x)) if kind == "teacher" else F.cross_entropy(o, y)

    slow = whole(torch.autograd.functional.hessian(loss, values), [v.numel() for v in values])
    fast = curvature.hessian(net, params, x, y)
    assert torch.allclose(fast, slow, rtol=0, atol=1e-12 * float(slow.abs().max()))
    assert torch.equal(fast, fast.T) and slow.abs().max() > 1e-3


@pytest.mark.parametrize("kind", ["labels", "teacher", "batch norm"])
def test_the_gauss_newton_matrix_equals_its_sum_over_examples(kind):
    net, params, x, y = problem(kind)
    values, outputs = apart(net, params)
    jacobians = torch.autograd.functional.jacobian(lambda *v: outputs(*v, x=x), values)
    j = torch.cat([part.flatten(2) for part in jacobians], 2)  # (B, outputs, P)
    slow = torch.zeros(j.shape[2], j.shape[2], dtype=torch.float64)
    for rows, o in zip(j, net.logits(params, x), strict=True):
        p = o.softmax(0)
        inner = torch.eye(len(o), dtype=torch.float64) if kind == "teacher" else torch.diag(p) - torch.outer(p, p)
        slow += rows.T @ inner @ rows / len(x)
    fast = curvature.gauss_newton(net, params, x, y)
    assert torch.allclose(fast, slow, rtol=0, atol=1e-12 * float(slow.abs().max()))


def test_without_error_both_matrices_are_one():
    net, params, x, _ = problem("teacher")
    y = net.logits(params, x)
    assert torch.allclose(curvature.hessian(net, params, x, y), curvature.gauss_newton(net, params, x, y), atol=1e-12)


def test_zeros_and_shares_count():
    values = torch.tensor([-2.0, -1e-3, -1e-12, 0.0, 1e-5, 0.5, 4.0], dtype=torch.float64)
    assert curvature.zeros(values) == 2  # up to 4e-12
    thresholds = (1e-1, 1e-3, 1e-13)
    assert curvature.degenerate_share(values, thresholds).tolist() == pytest.approx([4 / 7, 4 / 7, 1 / 7])
    assert curvature.negative_share(values, thresholds).tolist() == pytest.approx([1 / 7, 1 / 7, 3 / 7])


def test_zeros_are_zero_to_the_last_digits():
    for point in ("elimination", "overlap", "mirror"):
        for seed in range(5):
            net = orhan_net(3, "plain", 4, features=4, outputs=3, activation="tanh")
            draw = torch.Generator().manual_seed(seed)
            params, _ = net.initial(draw, torch.float64)
            net.place(params, point, 0.0, False, draw)
            x = torch.randn(256, 4, generator=draw, dtype=torch.float64)
            y = torch.zeros(256, 3, dtype=torch.float64)
            values = curvature.eigenvalues(curvature.gauss_newton(net, params, x, y)).abs()
            small = values[values < curvature.ZERO * values.max()]
            assert len(small) == (5 if point == "elimination" else 4)
            assert small.max() < 1e-14 * values.max()


def test_the_slope_on_a_plane_equals_differences():
    net, params, x, y = problem("teacher")
    draw = torch.Generator().manual_seed(2)
    axes = tuple({n: torch.randn(p.shape, generator=draw, dtype=p.dtype) for n, p in params.items()} for _ in range(2))
    grid = torch.tensor([-0.5, 0.0, 0.7], dtype=torch.float64)
    loss, downhill = curvature.slope(net, params, x, y, axes, grid)

    def at(a, b):
        moved = {n: p + a * axes[0][n] + b * axes[1][n] for n, p in params.items()}
        return float(((net.logits(moved, x) - y) ** 2).sum() / (2 * len(x)))

    for i, a in enumerate(grid):
        for j, b in enumerate(grid):
            assert float(loss[i, j]) == pytest.approx(at(a, b), rel=1e-12)
            numeric = [-(at(a + 1e-6, b) - at(a - 1e-6, b)) / 2e-6, -(at(a, b + 1e-6) - at(a, b - 1e-6)) / 2e-6]
            assert downhill[i, j].tolist() == pytest.approx(numeric, rel=1e-5, abs=1e-7)


def test_reading_a_spectrum_changes_nothing():
    net, params, x, y = problem("labels")
    before = {name: p.clone() for name, p in params.items()}
    found = curvature.read(net, params, x, y)
    assert all(torch.equal(params[name], p) and p.grad is None for name, p in before.items())
    assert found["hessian_degenerate"].shape == (len(curvature.THRESHOLDS),)
    assert np.isclose(curvature.THRESHOLDS[0], 0.1) and np.isclose(curvature.THRESHOLDS[-1], 1e-13)


@pytest.mark.parametrize("kind", ["labels", "teacher", "batch norm"])
@pytest.mark.parametrize("matrix", ["hessian", "gauss_newton"])
def test_lanczos_finds_the_largest_of_the_dense_matrix(kind, matrix):
    net, params, x, y = problem(kind)
    dense = curvature.eigenvalues(getattr(curvature, matrix)(net, params, x, y))
    dense = dense[dense.abs().argsort(descending=True)][:10]
    found = curvature.largest(net, params, x, y, matrix, 10)
    assert torch.allclose(found, dense, rtol=0, atol=1e-10 * float(dense.abs().max()))


# --- An independent oracle ----------------------------------------------------------------------


class Functional(torch.nn.Module):
    """A net as a module that owns its trained parameters, as curvlinops wants it."""

    def __init__(self, net, params):
        super().__init__()
        self.net, self.fixed = net, {n: p for n, p in params.items() if n.endswith(".fixed")}
        self.names = [n for n in params if n not in self.fixed]
        for name in self.names:
            self.register_parameter(name.replace(".", "_"), torch.nn.Parameter(params[name].clone()))

    def forward(self, x):
        params = {name: getattr(self, name.replace(".", "_")) for name in self.names}
        return self.net.logits(params | self.fixed, x)


@pytest.mark.filterwarnings("ignore::FutureWarning")  # of torch's own script, as it is imported there
@pytest.mark.parametrize("kind", ["labels", "teacher"])
def test_both_matrices_are_those_of_curvlinops(kind):
    """A library that is tested against brute force, and that we did not write."""
    from curvlinops import GGNLinearOperator, HessianLinearOperator

    net, params, x, y = problem(kind)
    module = Functional(net, params)
    # The mean over examples of half the sum of squares is so many times PyTorch's mean over both.
    loss, times = (torch.nn.CrossEntropyLoss(), 1) if kind == "labels" else (torch.nn.MSELoss(), net.outputs / 2)
    for ours, operator in ((curvature.hessian, HessianLinearOperator), (curvature.gauss_newton, GGNLinearOperator)):
        theirs = operator(module, loss, list(module.parameters()), [(x, y)])
        matrix = times * (theirs @ torch.eye(theirs.shape[1], dtype=x.dtype))
        assert torch.allclose(ours(net, params, x, y), matrix, atol=1e-10)
