"""Signals by layer, forwards and backwards: pure functions of (net, params, x, y).

Batch normalisation uses the statistics of ``x`` itself.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from whyresnets.measures.losses import mean_loss
from whyresnets.nets.network import Network, Params

WEIGHT = ".weight"  # how the names of kernels and matrices end


@torch.no_grad()
def response_std(net: Network, params: Params, x: Tensor, y: Tensor) -> Tensor:
    """Standard deviation of each 3x3 layer's output, before ReLU or addition; of each branch, in a dense net.

    After normalisation, where it follows the layer. Shape (3x3 layers,), input first. Source:
    He et al. 2015, section 4.2, "Analysis of layer responses". The labels ``y`` are not used.
    """
    responses: list[Tensor] = []
    net.states(params, x, responses=responses)
    return torch.stack([r.std(correction=0) for r in responses])


@torch.no_grad()
def state_std(net: Network, params: Params, x: Tensor, y: Tensor) -> Tensor:
    """Standard deviation of the state after the stem and after each unit.

    Shape (L + 1,), input first. Source: ours, as :func:`response_std` for the sums that
    shortcuts carry on. The labels ``y`` are not used.
    """
    return torch.stack([h.std(correction=0) for h in net.states(params, x)])


@torch.no_grad()
def state_cosine(net: Network, params: Params, x: Tensor, y: Tensor) -> Tensor:
    """Mean cosine between the states of two different images, each with the next, after the stem and each unit.

    1: the net cannot tell its inputs apart any more, whatever their size. Shape (L + 1,), input first;
    Source: ours, for the correlations of Balduzzi et al. 2017 (theirs are of gradients). The
    labels ``y`` are not used.
    """
    flat = [h.flatten(1) for h in net.states(params, x)]
    return torch.stack([F.cosine_similarity(h, h.roll(1, dims=0)).mean() for h in flat])


def state_gradient_norm(net: Network, params: Params, x: Tensor, y: Tensor) -> Tensor:
    """Norm ||dE/dx_l|| of the loss's gradient at the state after the stem and after each unit.

    E is the mean loss over ``x``; the norm runs over batch, channels and pixels. Shape
    (L + 1,), input first; nats per unit of x_l. Source: the "backward propagated gradients" of He
    et al. 2015, section 4.1 (their equation is not given; this one is ours).
    """
    with torch.no_grad():
        shapes = [h.shape for h in net.states(params, x)]
    # A zero added to each state changes nothing, and its gradient is the gradient at that state:
    # all of them come from one backward pass, without hooks.
    nudges = [x.new_zeros(shape, requires_grad=True) for shape in shapes]
    states = net.states(params, x, nudges=nudges)
    loss = mean_loss(net.head(params, states[-1]), y)
    return torch.stack([g.norm() for g in torch.autograd.grad(loss, nudges)])


def weight_gradient_norm(net: Network, params: Params, x: Tensor, y: Tensor) -> Tensor:
    """Norm ||dE/dW|| of the loss's gradient with respect to each kernel or matrix of weights.

    E is the mean loss over ``x``. Shape (weights,), in the order of ``params``: from the first layer to the last; nats
    per unit of W. What training feels: a gradient at a state may vanish while that of a weight does not, because a
    weight's has the size of the state before it as a factor. Source: ours.
    """
    weights = {name: p.detach().requires_grad_() for name, p in params.items() if name.endswith(WEIGHT)}
    loss = mean_loss(net.logits(params | weights, x), y)
    return torch.stack([g.norm() for g in torch.autograd.grad(loss, list(weights.values()))])


def weight_norm(net: Network, params: Params, x: Tensor, y: Tensor) -> Tensor:
    """Norm of each kernel or matrix of weights, as :func:`weight_gradient_norm` lists them; shape (weights,)."""
    return torch.stack([p.norm() for name, p in params.items() if name.endswith(WEIGHT)])


def scale_rms(net: Network, params: Params, x: Tensor, y: Tensor) -> Tensor:
    """Root mean square over the channels of each normalisation's trained scale, gamma; shape (normalisations,).

    Source: Ioffe and Szegedy 2015; 1 at the start. In the order of ``params``, from the first layer to the last.
    """
    scales = [p.square().mean().sqrt() for name, p in params.items() if name.endswith(".scale")]
    return torch.stack(scales) if scales else x.new_empty(0)


def multiplier(net: Network, params: Params, x: Tensor, y: Tensor) -> Tensor:
    """The trained scalar at the end of each branch (De and Smith 2020: alpha), (blocks,); none where there is none."""
    scalars = [p for name, p in params.items() if name.endswith(".alpha")]
    return torch.stack(scalars) if scalars else x.new_empty(0)
