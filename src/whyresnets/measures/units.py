"""One layer of a fully connected net: states or activations (B, D), or weights into units (D, before)."""

import torch
import torch.nn.functional as F
from torch import Tensor

from whyresnets.measures.losses import loss_and_error
from whyresnets.measures.signals import state_gradient_norm
from whyresnets.nets.dense import DenseNet
from whyresnets.nets.network import Params


def size(h: Tensor) -> Tensor:
    """Root mean square of a state (B, D), () (ours: for a signal that vanishes, is kept or explodes)."""
    return h.square().mean().sqrt()


def active_share(a: Tensor) -> Tensor:
    """Share of activations (B, D) that are not 0, ().

    Source: the "active" units of Orhan and Pitkow 2018, as recalled.
    """
    return (a != 0).to(a.dtype).mean()


def silent_share(a: Tensor) -> Tensor:
    """Share of units whose activation (B, D) is 0 for every example, ().

    Source: ours, for the elimination singularities of Orhan and Pitkow 2018; its own weights learn nothing, but a
    skip may lead around it.
    """
    return (a == 0).all(0).to(a.dtype).mean()


def constant_share(h: Tensor) -> Tensor:
    """Share of units whose state (B, D), skip and all, is the same for every example, ().

    Source: ours, for the elimination singularities of Orhan and Pitkow 2018: the weights out of it say nothing.
    """
    return (h == h[0]).all(0).to(h.dtype).mean()


def varying_share(h: Tensor) -> Tensor:
    """Share of a state's mean square (B, D) that differs between examples, () (ours).

    0: every example gives the same state, whatever its size.
    """
    return (h - h.mean(0)).square().mean() / h.square().mean()


def independent_share(a: Tensor) -> Tensor:
    """Over how many dimensions states (B, D) spread, as a share of D, ().

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
    """Mean Euclidean norm of the weights into the units, the rows of ``w`` (D, before), ().

    Source: the distance from elimination of Orhan and Pitkow 2018, as recalled.
    """
    return w.norm(dim=1).mean()


def weight_overlap(w: Tensor) -> Tensor:
    """Mean |cosine| between the weights into two units, the rows of ``w`` (D, before), over all pairs, ().

    1: all lie on one line. Source: the nearness to overlap of Orhan and Pitkow 2018, as recalled
    (they may take correlations).
    """
    unit = F.normalize(w, dim=1)
    cosines = (unit @ unit.T).abs()
    return (cosines.sum() - cosines.trace()) / (len(w) * (len(w) - 1))


def by_layer(net: DenseNet, params: Params, x: Tensor, y: Tensor) -> dict[str, Tensor]:
    """What a :class:`whyresnets.nets.dense.DenseNet` of the order "post" keeps at one step, (L,) each, in 64 bits.

    Losses in nats, gradients in nats per unit. The measures of one layer above,
    "gradient_norm" (:func:`whyresnets.measures.signals.state_gradient_norm`), and "loss" and "error" over all
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
