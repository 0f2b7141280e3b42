"""What we read off a network: pure functions of (net, params, x, y).

One function, one equation, one source. Nothing is registered on the network and nothing is left
behind. Batch normalisation uses the statistics of ``x`` itself, unless running statistics are given.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from whyresnets.models import Net, Params, SkipNet

AT_ONCE = 2000  # examples whose loss is read in one batch (chosen by us: more than all digits, and little memory)


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
    """Mean cross-entropy in nats and share of wrong answers (dimensionless) over all of ``x``.

    In one batch, or in as many of :data:`AT_ONCE` as it takes, the last one smaller, each with its own statistics.
    Where ``y`` are a teacher's outputs: half the mean squared distance, and the share of their variance not explained.
    With ``running``, evaluation mode: its means and variances normalise instead of the batch's own.
    Source: the loss and the "training error" of He et al. 2015, Figure 1; batches chosen by us.
    """
    loss = error = 0.0
    for some, answers in zip(x.split(AT_ONCE), y.split(AT_ONCE), strict=True):
        logits = net.logits(params, some, running=running, training=running is None)
        if y.is_floating_point():
            wrong = (logits - answers).square().mean() / (answers - answers.mean(0)).square().mean()
        else:
            wrong = (logits.argmax(1) != answers).float().mean()
        share = len(some) / len(x)
        loss += share * mean_loss(logits, answers).item()
        error += share * wrong.item()
    return loss, error


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


# --- One layer of a fully connected net: activations or states (B, D), or weights into units (D, before) -----


def size(h: Tensor) -> Tensor:
    """Root mean square of a state (B, D), (), dimensionless (ours: for a signal that vanishes, is kept or explodes)."""
    return h.square().mean().sqrt()


def active_share(a: Tensor) -> Tensor:
    """Share of activations (B, D) that are not 0, (), dimensionless.

    Source: the "active" units of Orhan and Pitkow 2018, as recalled.
    """
    return (a != 0).to(a.dtype).mean()


def silent_share(a: Tensor) -> Tensor:
    """Share of units whose activation (B, D) is 0 for every example, (), dimensionless.

    Source: ours, for the elimination singularities of Orhan and Pitkow 2018; its own weights learn nothing, but a
    skip may lead around it.
    """
    return (a == 0).all(0).to(a.dtype).mean()


def constant_share(h: Tensor) -> Tensor:
    """Share of units whose state (B, D), skip and all, is the same for every example, (), dimensionless.

    Source: ours, for the elimination singularities of Orhan and Pitkow 2018: the weights out of it say nothing.
    """
    return (h == h[0]).all(0).to(h.dtype).mean()


def varying_share(h: Tensor) -> Tensor:
    """Share of a state's mean square (B, D) that differs between examples, (), dimensionless (ours).

    0: every example gives the same state, whatever its size.
    """
    return (h - h.mean(0)).square().mean() / h.square().mean()


def independent_share(a: Tensor) -> Tensor:
    """Over how many dimensions states (B, D) spread, as a share of D, (), dimensionless.

    The participation ratio of the eigenvalues of their covariance, (sum)^2 / sum of squares, over D: 1 where all
    units vary alike and independently, 1 / D where all are proportional, 0 where nothing varies. Source: ours, for the
    linear dependence of Orhan and Pitkow 2018.
    """
    a = a - a[0]  # what does not vary is now 0 exactly, and no rounding is mistaken for one dimension
    a = a - a.mean(0)
    covariance = a.T @ a
    squares = covariance.square().sum()
    return torch.where(squares == 0, 0, covariance.trace().square() / squares) / len(covariance)


def incoming_norm(w: Tensor) -> Tensor:
    """Mean Euclidean norm of the weights into the units, the rows of ``w`` (D, before), (), dimensionless.

    Source: the distance from elimination of Orhan and Pitkow 2018, as recalled.
    """
    return w.norm(dim=1).mean()


def weight_overlap(w: Tensor) -> Tensor:
    """Mean |cosine| between the weights into two units, the rows of ``w`` (D, before), over all pairs, ().

    Dimensionless; 1: all lie on one line. Source: the nearness to overlap of Orhan and Pitkow 2018, as recalled
    (they may take correlations).
    """
    unit = F.normalize(w, dim=1)
    cosines = (unit @ unit.T).abs()
    return (cosines.sum() - cosines.trace()) / (len(w) * (len(w) - 1))


def by_layer(net: SkipNet, params: Params, x: Tensor, y: Tensor) -> dict[str, Tensor]:
    """What a :class:`whyresnets.models.SkipNet` keeps at one step, (L,) each, in 64 bits.

    Dimensionless, but for losses, in nats, and gradients, in nats per unit. The measures of one layer above,
    "gradient_norm" (:func:`state_gradient_norm`), and "loss" and "error" over all
    of ``x``, (). All NaN where the loss is not finite. Source: ours.
    """
    params = {name: p.double() for name, p in params.items()}
    x, y = x.double(), y.double() if y.is_floating_point() else y
    branches: list[Tensor] = []
    with torch.no_grad():
        states = net.states(params, x, responses=branches)
        weights = [net.incoming(params, i) for i in range(net.depth - 1)]
        found = {
            measure.__name__: torch.stack([measure(one) for one in layers])
            for measure, layers in (
                (size, states),
                (varying_share, states),
                (constant_share, states),
                (independent_share, states),
                (active_share, branches),
                (silent_share, branches),
                (incoming_norm, weights),
                (weight_overlap, weights),
            )
        }
    loss, error = (torch.tensor(value, dtype=torch.float64) for value in loss_and_error(net, params, x, y))
    found |= {"gradient_norm": state_gradient_norm(net, params, x, y), "loss": loss, "error": error}
    return found if loss.isfinite() else {name: torch.full_like(value, torch.nan) for name, value in found.items()}


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
