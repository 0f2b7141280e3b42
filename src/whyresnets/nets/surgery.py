"""Operations on trained nets: deeper by identity units, and projection to kernels that keep norms."""

import math
from dataclasses import replace

import torch
from torch import Tensor

from whyresnets.nets.conv import ConvNet
from whyresnets.nets.dense import DenseNet
from whyresnets.nets.network import Params


def identity_extension(
    net: ConvNet, params: Params, running: Params, depth: int, x: Tensor
) -> tuple[ConvNet, Params, Params]:
    """A deeper plain net that computes the same function: ``net`` with identity units appended to each stage.

    The net, its parameters and running statistics, of the shape of :meth:`whyresnets.nets.conv.ConvNet.initial`'s.

    This is the "solution by construction" of He et al. 2015, section 1. An appended convolution
    passes each channel through (a Dirac kernel). Its normalisation divides by the standard
    deviation of the full batch ``x``, so its scale is set to that deviation and its shift to the
    mean; the running statistics get the same two numbers, which makes it exact in both modes, with batch statistics
    if ``x`` is the batch. The ReLU changes nothing, because a state is never negative.

    Raises
    ------
    ValueError
        If ``net`` is not plain with batch normalisation and without scalars, or ``depth`` is smaller than its own.
    """
    if (net.rule, net.norm, net.alpha) != ("plain", "batch", None) or depth < net.depth:
        raise ValueError("the identity extension starts from a shallower plain net with batch normalisation")
    deep = replace(net, depth=depth)
    old, shallow_states = {unit[0] for unit in net.units}, net.states(params, x)
    ends = {unit[0].split(".")[0]: state for unit, state in zip(net.units, shallow_states[1:], strict=True)}
    params, running, kernel = dict(params), dict(running), params["stem.weight"].shape[2:]
    for name, _, width, _ in deep.units:
        if name in old:
            continue
        # The last state of the stage, which every appended unit hands on.
        state = ends[name.split(".")[0]]
        var, mean = torch.var_mean(state, dim=(0, *range(2, state.ndim)), correction=0)
        for half in (f"{name}.a", f"{name}.b"):
            params[f"{half}.weight"] = torch.nn.init.dirac_(state.new_empty(width, width, *kernel))
            params[f"{half}.scale"], params[f"{half}.shift"] = (var + net.eps).sqrt(), mean.clone()
            running[f"{half}.mean"], running[f"{half}.var"] = mean.clone(), var.clone()
    return deep, params, running


def deepened(net: DenseNet, params: Params, running: Params, depth: int, x: Tensor) -> tuple[DenseNet, Params, Params]:
    """A deeper fully connected net that computes the same function: ``net`` with units that hand on its states.

    The net, its parameters and running statistics, of the shape of :meth:`whyresnets.nets.dense.DenseNet.initial`'s,
    like :func:`identity_extension` after the "solution by construction" of He et al. 2015, section 1. In a residual net
    the units come last, and their weights are 0. In a plain net they stand between the last ReLU and the weights that
    follow it: their weights are the identity, their scale is the standard deviation of what comes in and their shift
    its mean, over the full batch ``x``; the ReLU changes nothing, because what comes in is never negative.
    """
    deep, last = replace(net, depth=depth), len(net.units) - 1
    made, statistics = deep.initial(torch.Generator(), x.dtype)
    made = {name: params.get(name, p.to(x.device)) for name, p in made.items()}
    statistics = {name: running.get(name, r.to(x.device)) for name, r in statistics.items()}
    *_, before, after = net.states(params, x)
    handed = after if net.rule == "residual" else net.normaliser(params)(str(last), before).relu()
    var, mean = torch.var_mean(handed, dim=0, correction=0)
    for unit in range(last + 1, depth - 2):
        made[f"{unit}.weight"] = torch.zeros_like(params[f"{last}.weight"])
        if net.norm == "batch":
            statistics[f"{unit}.mean"], statistics[f"{unit}.var"] = mean.clone(), var.clone()
        if net.rule == "plain" and net.norm == "batch":
            made[f"{unit}.scale"], made[f"{unit}.shift"] = (var + net.eps).sqrt(), mean.clone()
    if net.rule == "plain" and deep.depth > net.depth:
        for unit in range(last, depth - 3):
            made[f"{unit}.weight"] = torch.eye(net.width, dtype=x.dtype, device=x.device)
        made[f"{depth - 3}.weight"] = params[f"{last}.weight"]
    return deep, made, statistics


def procrustes(weight: Tensor, grid: int = 8, size: float = 1.0, spread: float = 1.0) -> Tensor:
    """The kernel whose convolution keeps norms, closest to ``weight``: orthogonal Procrustes, shape of ``weight``.

    A circular convolution of stride 1 on a ``grid`` x ``grid`` map is, frequency by frequency, one matrix
    K (channels after, channels before); its singular values together are those of the convolution (Sedghi et al.
    2019). Each K = U S V* is replaced by U V*, the closest matrix whose singular values are equal (Zaeemzadeh et
    al. 2021, their code), times ``size`` sqrt(after / before). A 1x1 kernel has one K for all
    frequencies, so the result is exact, at any stride and for any padding of 0. A 3x3 kernel is cut back to its support
    afterwards, as in their code, so the result is approximate, and one pass may even spread the values: only passes
    after every step bring them together.

    Parameters
    ----------
    weight : (after, before, side, side), (after, before, side) or (after, before); at stride 2 a 1x1 kernel acts on
        every second pixel
    grid : pixels a side, at least those of the kernel; 8: the size of a digit, on smaller and larger maps, too
        (chosen by us; their code takes the size of each map)
    size : of the singular values, relative to sqrt(after / before), their value in Zaeemzadeh et al.
    spread : ratio of the largest to the smallest singular value (1 keeps norms; more is our control: same mean
        square, evenly spaced on the logarithm, in the order that they had)
    """
    after, before, *kernel = weight.shape
    flat, exact = math.prod(kernel) == 1, weight.double()  # in 32 bits LAPACK may not converge for equal values
    axes, places = tuple(range(2, weight.ndim)), len(kernel) * (grid,)
    k = exact.reshape(after, before) if flat else torch.fft.rfftn(exact, places, axes).movedim((0, 1), (-2, -1))
    u, _, vh = torch.linalg.svd(k, full_matrices=False)
    values = torch.logspace(0, -math.log10(spread), u.shape[-1], dtype=exact.dtype, device=weight.device)
    values = values * size * math.sqrt(after / before) / values.square().mean().sqrt()
    k = (u * values) @ vh
    if flat:
        return k.reshape(weight.shape).to(weight.dtype)
    whole = torch.fft.irfftn(k.movedim((-2, -1), (0, 1)), places, axes)
    return whole[(..., *(slice(side) for side in kernel))].contiguous().to(weight.dtype)
