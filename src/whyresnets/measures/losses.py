"""Losses and errors of a network on a set of examples."""

import torch
import torch.nn.functional as F
from torch import Tensor

from whyresnets.nets.network import Network, Params

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
    net: Network, params: Params, x: Tensor, y: Tensor, running: Params | None = None
) -> tuple[float, float]:
    """Mean cross-entropy in nats and share of wrong answers  over all of ``x``.

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
