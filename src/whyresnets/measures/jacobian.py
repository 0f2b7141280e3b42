"""How a net's last state hangs on its first: the Jacobian from end to end, and how many directions survive."""

import torch
from torch import Tensor

from whyresnets.nets.network import Network, Params


def end_to_end(net: Network, params: Params, x: Tensor, example: int = 0) -> Tensor:
    """The Jacobian of the last state of one ``example`` with respect to its first state, (D_L, D_0).

    States are flattened. Batch normalisation uses the statistics of ``x`` and hangs on them: they move with the
    example. Source: the input-output Jacobian of Saxe et al. 2014, between states.
    """
    zeros = [torch.zeros_like(h) for h in net.states(params, x)]

    def last(nudge: Tensor) -> Tensor:
        first = torch.zeros_like(zeros[0])
        first[example] = nudge
        return net.states(params, x, nudges=[first, *zeros[1:]])[-1][example].flatten()

    return torch.autograd.functional.jacobian(last, zeros[0][example]).flatten(1)


def directions(net: Network, params: Params, x: Tensor, examples: int = 4) -> Tensor:
    """How many directions of the first state reach the last one, (); the mean over the first ``examples`` of ``x``.

    With s_i the singular values of :func:`end_to_end`: (sum of s_i^2)^2 / sum of s_i^4, the participation ratio of
    their squares. D if all are equal, 1 if one of them outweighs all others, 0 if nothing arrives. In float64.
    Source: ours, after the dynamical isometry of Saxe et al. 2014.
    """
    exact = {name: p.double() for name, p in params.items()}
    return torch.stack([participation(end_to_end(net, exact, x.double(), i)) for i in range(examples)]).mean()


def participation(matrix: Tensor) -> Tensor:
    """The participation ratio of the squared singular values of a matrix, (); 0 if all are 0.

    >>> participation(torch.diag(torch.tensor([3.0, 3.0, 0.0])))
    tensor(2.)
    """
    squares = matrix.T @ matrix
    fourth = squares.square().sum()
    return torch.where(fourth > 0, squares.trace().square() / fourth, fourth)
