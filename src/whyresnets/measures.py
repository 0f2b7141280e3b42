"""What we read off a network: pure functions of (net, params, x, y).

One function, one equation, one source. Nothing is registered on the network and nothing is left
behind. Batch normalisation uses the statistics of ``x`` itself, unless running statistics are given.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from whyresnets.models import Net, Params


def mean_loss(outputs: Tensor, y: Tensor) -> Tensor:
    """Mean cross-entropy in nats where ``y`` are classes (B,); half the mean squared distance where it is (B, outputs).

    Shape (). Source: He et al. 2015, section 4; the second is the usual loss of a student and its teacher.
    """
    if y.is_floating_point():
        return (outputs - y).square().sum(-1).mean() / 2
    return F.cross_entropy(outputs, y)


@torch.no_grad()
def loss_and_error(
    net: Net, params: Params, x: Tensor, y: Tensor, running: Params | None = None
) -> tuple[float, float]:
    """Mean cross-entropy in nats and share of wrong answers (dimensionless) over all of ``x``, in one batch.

    Where ``y`` are a teacher's outputs: half the mean squared distance, and the share of their variance not explained.
    With ``running``, evaluation mode: its means and variances normalise instead of the batch's own.
    Source: the loss and the "training error" of He et al. 2015, Figure 1; one batch chosen by us.
    """
    logits = net.logits(params, x, running=running, training=running is None)
    if y.is_floating_point():
        error = (logits - y).square().mean() / (y - y.mean(0)).square().mean()
    else:
        error = (logits.argmax(1) != y).float().mean()
    return mean_loss(logits, y).item(), error.item()


@torch.no_grad()
def response_std(net: Net, params: Params, x: Tensor, y: Tensor) -> Tensor:
    """Standard deviation of each 3x3 layer's output, before ReLU or addition; of each branch, in a dense net.

    After normalisation, where it follows the layer. Shape (3x3 layers,), input first; dimensionless. Source:
    He et al. 2015, section 4.2, "Analysis of layer responses". The labels ``y`` are not used.
    """
    responses: list[Tensor] = []
    net.states(params, x, responses=responses)
    return torch.stack([r.std(correction=0) for r in responses])


@torch.no_grad()
def state_std(net: Net, params: Params, x: Tensor, y: Tensor) -> Tensor:
    """Standard deviation of the state after the stem and after each unit.

    Shape (L + 1,), input first; dimensionless. Source: ours, as :func:`response_std` for the sums that
    shortcuts carry on. The labels ``y`` are not used.
    """
    return torch.stack([h.std(correction=0) for h in net.states(params, x)])


@torch.no_grad()
def state_cosine(net: Net, params: Params, x: Tensor, y: Tensor) -> Tensor:
    """Mean cosine between the states of two different images, each with the next, after the stem and each unit.

    1: the net cannot tell its inputs apart any more, whatever their size. Shape (L + 1,), input first;
    dimensionless. Source: ours, for the correlations of Balduzzi et al. 2017 (theirs are of gradients). The
    labels ``y`` are not used.
    """
    flat = [h.flatten(1) for h in net.states(params, x)]
    return torch.stack([F.cosine_similarity(h, h.roll(1, dims=0)).mean() for h in flat])


def state_gradient_norm(net: Net, params: Params, x: Tensor, y: Tensor) -> Tensor:
    """Norm ||dE/dx_l|| of the loss's gradient at the state after the stem and after each unit.

    E is the mean cross-entropy over ``x``; the norm runs over batch, channels and pixels. Shape
    (L + 1,), input first; nats per unit of x_l. Source: the "backward propagated gradients" of He
    et al. 2015, section 4.1 (their equation is not given; this one is ours).
    """
    with torch.no_grad():
        shapes = [h.shape for h in net.states(params, x)]
    # A zero added to each state changes nothing, and its gradient is the gradient at that state:
    # all of them come from one backward pass, without hooks.
    nudges = [x.new_zeros(shape, requires_grad=True) for shape in shapes]
    states = net.states(params, x, nudges=nudges)
    loss = F.cross_entropy(net.head(params, states[-1]), y)
    return torch.stack([g.norm() for g in torch.autograd.grad(loss, nudges)])


@torch.no_grad()
def singular_values(weight: Tensor, grid: int = 1) -> Tensor:
    """All singular values of a convolution on a ``grid`` x ``grid`` map, largest first, dimensionless.

    Shape (D,), D = grid^2 times the smaller number of channels. Exact for circular padding and stride 1 (Sedghi, Gupta
    and Long 2019), where the Fourier transform makes one small matrix of each frequency; a 1x1 kernel has the
    same one at every frequency and, at stride 2, all the others 0: for it, ``grid`` 1 says everything.
    """
    k = torch.fft.fft2(weight, s=(grid, grid)).permute(2, 3, 0, 1)
    return torch.linalg.svdvals(k).flatten().sort(descending=True).values


@torch.no_grad()
def condition_number(net: Net, params: Params) -> Tensor:
    """Largest over smallest singular value of each transition convolution, shape (transitions,), dimensionless.

    1: it keeps the norm of every vector in its row space. Source: Zaeemzadeh et al. 2021, who set all to one value.
    """
    values = [singular_values(params[name]) for name in net.kernels("transitions")]
    return torch.stack([v[0] / v[-1] for v in values])
