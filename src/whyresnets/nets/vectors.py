"""Layers of fully connected nets, for one net (B, D) and for several at once (S, B, D), each with its own parameters.

Several nets are one batch of matrices: a layer costs one product for all of them, where one net a process would spend
most of its time between products.
"""

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable


def as_vectors(x: Tensor, weight: Tensor) -> Tensor:
    """Examples as vectors, (B, features) or (S, B, features), for the ``weight`` of the first layer.

    >>> as_vectors(torch.zeros(7, 1, 8, 8), torch.zeros(32, 64)).shape
    torch.Size([7, 64])
    """
    return x.reshape(*x.shape[: weight.ndim - 1], -1)


def linear(h: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """The layer ``h`` W' + b: ``weight`` (after, before), ``bias`` (after,), or with the nets S before these axes."""
    if weight.ndim == 2:
        return F.linear(h, weight, bias)
    product = torch.bmm(h, weight.mT)
    return product if bias is None else product + bias.unsqueeze(-2)


def times(factor: Tensor, h: Tensor) -> Tensor:
    """Each net's states times its own number: ``factor`` () or (S,)."""
    return factor[..., None, None] * h


def standardised(h: Tensor, axis: int, eps: float) -> tuple[Tensor, Tensor, Tensor]:
    """States with mean 0 and variance 1 along an axis, and that mean and variance, which have no gradient.

    Along -2, over the batch, it is what BN does before scale and shift (Ioffe and Szegedy 2015); along -1, over the
    units, what layer normalisation does (Ba et al. 2016). Written out, because PyTorch's own BN of several nets rounds
    differently when they are grouped differently.
    """
    if h.ndim == 3:
        return _Standardised.apply(h, axis, eps)
    mean = h.mean(axis, keepdim=True)
    centred = h - mean
    var = centred.square().mean(axis, keepdim=True)
    return centred * (var + eps).rsqrt(), mean.detach(), var.detach()


class _Standardised(torch.autograd.Function):
    """Of several nets, with the gradient in closed form: half the time of what autograd makes of the three lines."""

    @staticmethod
    def forward(ctx, h: Tensor, axis: int, eps: float) -> tuple[Tensor, Tensor, Tensor]:
        mean = h.mean(axis, keepdim=True)
        normal = h - mean
        var = normal.square().mean(axis, keepdim=True)
        inverse = (var + eps).rsqrt()
        normal.mul_(inverse)
        ctx.save_for_backward(normal, inverse)
        ctx.axis = axis
        ctx.mark_non_differentiable(mean, var)
        return normal, mean, var

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor, _mean, _var) -> tuple[Tensor, None, None]:
        normal, inverse = ctx.saved_tensors
        along = (gradient * normal).mean(ctx.axis, keepdim=True)
        centred = gradient - gradient.mean(ctx.axis, keepdim=True)
        return centred.addcmul_(normal, along, value=-1).mul_(inverse), None, None


def bn_relu_linear(h: Tensor, scale: Tensor, shift: Tensor, weight: Tensor, eps: float) -> tuple[Tensor, ...]:
    """W ReLU(BN(h)) of several nets, (S, B, D), and the batch's means and variances (S, 1, D), without gradient.

    ``scale`` and ``shift`` are (S, D), ``weight`` (S, D, D). The same as :func:`standardised`, a ReLU and
    :func:`linear`, but one state a layer is kept for the way back instead of three: the time goes into memory.
    """
    return _Branch.apply(h, scale.unsqueeze(1), shift.unsqueeze(1), weight, eps)


class _Branch(torch.autograd.Function):
    """Keeps the normalised state; on the way back what the ReLU let through is computed again, in the same bits."""

    @staticmethod
    def forward(ctx, h: Tensor, scale: Tensor, shift: Tensor, weight: Tensor, eps: float) -> tuple[Tensor, ...]:
        mean = h.mean(1, keepdim=True)
        normal = h - mean
        scratch = normal.square()
        var = scratch.mean(1, keepdim=True)
        inverse = (var + eps).rsqrt()
        normal.mul_(inverse)
        active = torch.addcmul(shift, normal, scale, out=scratch).relu_()
        ctx.save_for_backward(normal, inverse, scale, shift, weight)
        ctx.mark_non_differentiable(mean, var)
        return torch.bmm(active, weight.mT), mean, var

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor, _mean, _var) -> tuple[Tensor | None, ...]:
        normal, inverse, scale, shift, weight = ctx.saved_tensors
        active = torch.addcmul(shift, normal, scale).relu_()
        of_weight = torch.bmm(gradient.mT, active)
        back = torch.bmm(gradient, weight)
        torch.ops.aten.threshold_backward(back, active, 0, grad_input=back)
        of_scale = torch.mul(back, normal, out=active).sum(1, keepdim=True)
        of_shift = back.sum(1, keepdim=True)
        examples = normal.shape[1]
        back.sub_(of_shift / examples).addcmul_(normal, of_scale / examples, value=-1).mul_(inverse * scale)
        return back, of_scale, of_shift, of_weight, None
