"""Singular values of convolutions."""

import torch
from torch import Tensor

from whyresnets.nets.network import Network, Params


@torch.no_grad()
def singular_values(weight: Tensor, grid: int = 1) -> Tensor:
    """All singular values of a convolution on a ``grid`` x ``grid`` map or on a line of ``grid`` places, largest first.

    Shape (D,), D = grid^2 (or grid) times the smaller number of channels. Exact for circular padding and stride 1
    (Sedghi, Gupta and Long 2019), where the Fourier transform makes one small matrix of each frequency; a 1x1 kernel
    has the same one at every frequency and, at stride 2, all the others 0: for it, ``grid`` 1 says everything.
    """
    axes = tuple(range(2, weight.ndim))
    k = torch.fft.fftn(weight, len(axes) * (grid,), axes).movedim((0, 1), (-2, -1))
    return torch.linalg.svdvals(k).flatten().sort(descending=True).values


@torch.no_grad()
def condition_number(net: Network, params: Params) -> Tensor:
    """Largest over smallest singular value of each transition convolution, shape (transitions,).

    1: it keeps the norm of every vector in its row space. Source: Zaeemzadeh et al. 2021, who set all to one value.
    """
    values = [singular_values(params[name]) for name in net.kernels("transitions")]
    return torch.stack([v[0] / v[-1] for v in values])
