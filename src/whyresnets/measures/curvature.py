"""The curvature of the loss over the trained parameters: Hessian, Gauss-Newton matrix, and what their spectra say.

Exact and dense: one column a parameter, in float64, so for nets of a few thousand parameters. Of larger ones SciPy's
Lanczos iteration finds the largest eigenvalues (:func:`largest`), for a picture.

Axis letters: P trained parameters, B examples, E thresholds.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.func import grad, vjp, vmap

from whyresnets.measures.losses import mean_loss
from whyresnets.measures.thresholds import THRESHOLDS
from whyresnets.nets.network import CONSTANTS, Network, Params

EXAMPLES = 350  # of the training set, for spectra: 9 directions each, so more than the parameters (chosen by us)
ZERO = 1e-12  # of the largest: an eigenvalue below it is rounding in 64 bits (chosen by us; tests look for a gap)
COLUMNS = 128  # of a matrix at a time: fastest of 32 to 1,270 where it was tried (chosen by us)


def _vector(params: Params) -> Tensor:
    return torch.cat([p.flatten() for name, p in params.items() if not name.endswith(CONSTANTS)])


def _like(vector: Tensor, params: Params) -> Params:
    """``vector`` (P,) cut into parameters; what is never trained is taken from ``params``."""
    made, i = {}, 0
    for name, p in params.items():
        made[name] = p if name.endswith(CONSTANTS) else vector[i : i + p.numel()].view(p.shape)
        i += 0 if name.endswith(CONSTANTS) else p.numel()
    return made


def _forward(function: Callable[[Tensor], Tensor], at: Tensor) -> tuple[Callable, Callable]:
    """J times a vector, and J' times one, for the derivative J of ``function`` ``at`` a vector.

    Both from reverse mode: u -> J' u is linear, and its transpose is J. PyTorch's forward mode would do in one step,
    but warns of its own code when it is first used.
    """
    value, pull = vjp(function, at)
    _, push = vjp(lambda u: pull(u)[0], torch.zeros_like(value))
    return lambda d: push(d)[0], lambda u: pull(u)[0]


def hessian(net: Network, params: Params, x: Tensor, y: Tensor) -> Tensor:
    """Second derivatives of the mean loss over ``x`` by the trained parameters, (P, P); nats per unit squared.

    Half squared units instead of nats where ``y`` are numbers (see :func:`whyresnets.measures.losses.mean_loss`).
    Source: Orhan and Pitkow 2018 estimate its spectrum, as we recall; exact here.
    """
    v = _vector(params)
    _, row = vjp(grad(lambda v: mean_loss(net.logits(_like(v, params), x), y)), v)
    h = vmap(lambda direction: row(direction)[0], chunk_size=COLUMNS)(torch.eye(len(v), dtype=v.dtype, device=v.device))
    return ((h + h.T) / 2).detach()


def gauss_newton(net: Network, params: Params, x: Tensor, y: Tensor) -> Tensor:
    """The Gauss-Newton matrix of the mean loss over ``x``: J' A J / B, (P, P); same unit as :func:`hessian`.

    J holds the derivatives of the outputs by the parameters, A the second derivatives of an example's loss by its
    outputs: diag(p) - p p' for the cross-entropy with probabilities p, the identity for half the squared error. It is
    the Hessian without the term in which the net itself bends (Schraudolph 2002), equal to the Fisher matrix for these
    losses (Amari 1998), never negative, and 0 in every direction in which no output changes to first order.
    """
    v = _vector(params)

    def outputs(v: Tensor) -> Tensor:
        return net.logits(_like(v, params), x)

    directions = torch.eye(len(v), dtype=v.dtype, device=v.device)
    j = vmap(_forward(outputs, v)[0], chunk_size=COLUMNS)(directions)  # (P, B, outputs)
    if not y.is_floating_point():
        p = net.logits(params, x).softmax(1)
        j = p.sqrt() * (j - (p * j).sum(-1, keepdim=True))
    j = j.flatten(1)
    return (j @ j.T / len(x)).detach()


def eigenvalues(matrix: Tensor) -> Tensor:
    """All eigenvalues of a symmetric matrix (P, P), rising, (P,), in the unit of the matrix (LAPACK, through PyTorch).

    NaN where the matrix is not finite: a run that diverges.
    """
    return torch.linalg.eigvalsh(matrix) if matrix.isfinite().all() else torch.full_like(matrix[0], torch.nan)


def zeros(values: Tensor) -> Tensor:
    """How many eigenvalues are 0 but for rounding, (): up to :data:`ZERO` times the largest (ours)."""
    found = (values.abs() <= ZERO * values.abs().max()).sum()
    return torch.where(values.isnan().any(), torch.nan, found.to(values.dtype))


def degenerate_share(values: Tensor, thresholds=THRESHOLDS) -> Tensor:
    """Share of eigenvalues nearer to 0 than each threshold times the largest in size, (E,).

    Source: the "degenerate" eigenvalues of Orhan and Pitkow 2018, as recalled; the thresholds are ours.
    """
    return _share(values, values.abs() <= _limits(values, thresholds))


def negative_share(values: Tensor, thresholds=THRESHOLDS) -> Tensor:
    """Share of eigenvalues below minus each threshold times the largest in size, (E,).

    Source: the "negative" eigenvalues of Orhan and Pitkow 2018, as recalled; the thresholds are ours.
    """
    return _share(values, values < -_limits(values, thresholds))


def _limits(values: Tensor, thresholds) -> Tensor:
    return torch.tensor(thresholds, dtype=values.dtype, device=values.device)[:, None] * values.abs().max()


def _share(values: Tensor, found: Tensor) -> Tensor:
    """The mean of ``found`` (..., P) over the eigenvalues, (...,); NaN where those are."""
    return torch.where(values.isnan().any(), torch.nan, found.to(values.dtype).mean(-1))


def read(net: Network, params: Params, x: Tensor, y: Tensor) -> dict[str, Tensor]:
    """What a run keeps of both spectra at one step, () or (E,): zeros and shares (ours)."""
    found = {}
    for matrix in (hessian, gauss_newton):
        values, name = eigenvalues(matrix(net, params, x, y)), matrix.__name__
        found[f"{name}_zeros"] = zeros(values)
        found[f"{name}_degenerate"] = degenerate_share(values)
        found[f"{name}_negative"] = negative_share(values)
    return found


def largest(net: Network, params: Params, x: Tensor, y: Tensor, matrix: str, count: int) -> Tensor:
    """The ``count`` eigenvalues largest in size of the "hessian" or "gauss_newton" matrix, by falling size, (count,).

    Same unit as the matrix. Without the matrix, only products with it: the restarted Lanczos iteration of ARPACK
    (Lehoucq, Sorensen and Yang 1998), through SciPy.
    """
    from scipy.sparse.linalg import LinearOperator, eigsh

    v = _vector(params)

    def outputs(v: Tensor) -> Tensor:
        return net.logits(_like(v, params), x)

    def loss(v: Tensor) -> Tensor:
        return mean_loss(outputs(v), y)

    push, pull = _forward(outputs, v)
    _, bend = vjp(grad(lambda o: mean_loss(o, y)), outputs(v))
    _, row = vjp(grad(loss), v)

    def product(direction) -> Tensor:
        d = torch.as_tensor(direction, dtype=v.dtype).flatten()
        return (row(d)[0] if matrix == "hessian" else pull(bend(push(d))[0])).detach().numpy()

    first = torch.randn(len(v), generator=torch.Generator().manual_seed(0), dtype=v.dtype).numpy()
    operator = LinearOperator((len(v), len(v)), matvec=product, dtype=first.dtype)
    values = torch.from_numpy(eigsh(operator, count, v0=first, which="LM", return_eigenvectors=False).copy())
    return values[values.abs().argsort(descending=True)]


def slope(net: Network, params: Params, x: Tensor, y: Tensor, axes: tuple[Params, Params], grid: Tensor) -> tuple:
    """The loss on a plane through ``params``, (G, G) in its unit, and downhill on it, (G, G, 2) per unit of the axes.

    The point (i, j) is params + grid[i] * axes[0] + grid[j] * axes[1]; downhill is minus the gradient's components
    along the axes, which should be orthonormal. Source: ours.
    """
    at, one, two = (_vector(p) for p in (params, *axes))

    def loss(point: Tensor) -> Tensor:
        return mean_loss(net.logits(_like(at + point[0] * one + point[1] * two, params), x), y)

    points = torch.cartesian_prod(grid, grid)
    downhill = -vmap(grad(loss))(points)
    return vmap(loss)(points).view(len(grid), -1), downhill.view(len(grid), len(grid), 2)
