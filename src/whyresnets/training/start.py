"""Everything that a seed draws before training: weights, the order of the examples, targets, and a place to start."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from whyresnets import data
from whyresnets.nets.build import build
from whyresnets.nets.network import Params
from whyresnets.spec import Spec

TARGET = ".target.fixed"  # how the names of those parameters end to which biases are pulled

Examples = tuple[Tensor, Tensor]
Net = Any  # a Network, with the methods that only its family has


def generator(seed: int, purpose: str) -> torch.Generator:
    """A generator for one seed and one purpose, so that no draw depends on how many others there are."""
    digest = hashlib.sha256(f"{purpose} {seed}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))


def batches(seed: int, examples: int, batch: int, steps: int) -> Tensor:
    """Indices (T, B) of the examples of each step: epochs in fresh order, an incomplete last batch left out.

    Depends on the seed alone, not on the network: every arm of a seed sees the same data in the same order.

    >>> batches(seed=0, examples=4, batch=2, steps=3).shape
    torch.Size([3, 2])

    Raises
    ------
    ValueError
        If ``batch`` exceeds ``examples``.
    """
    if batch > examples:
        raise ValueError(f"a batch of {batch} is more than the {examples} training examples: choose a smaller one")
    source, per_epoch = generator(seed, "order"), examples // batch
    epochs = [
        torch.randperm(examples, generator=source)[: per_epoch * batch].view(per_epoch, batch)
        for _ in range(-(-steps // per_epoch))
    ]
    return torch.cat(epochs)[:steps] if epochs else torch.empty(0, batch, dtype=torch.int64)


@dataclass(frozen=True)
class Start:
    """A run before its first step: the network and its data on the device, the order, and what is left to draw.

    Attributes
    ----------
    net : the network
    params, running : its parameters and running statistics; training changes them in place
    train_set, test_set : images (examples, channels, height, width), or signals (examples, channels, length), and class
        numbers (examples,)
    order : indices (T, B) of the examples of each step
    draws : the generator of the augmentation
    rate : learning rate after warm-up, its own where several are trained together
    """

    net: Net
    params: Params
    running: Params
    train_set: Examples
    test_set: Examples
    order: Tensor
    draws: torch.Generator
    rate: float


def begin(spec: Spec, seed: int, known: data.Dataset, device: str = "cpu") -> Start:
    """Everything drawn from ``seed`` before training, and all of it on the device.

    Raises
    ------
    ValueError
        If the batch exceeds the training set.
    """
    net = build(spec.net, known.x_train.shape[1:], data.DATASETS[spec.task.data].outputs)
    dtype = torch.float64 if spec.optimiser.precision == "float64" else torch.float32
    x_train, x_test = (x.to(device, dtype, memory_format=_layout(x)) for x in (known.x_train, known.x_test))
    params, running = _initial(spec, seed, net, x_train)
    y_train, y_test = known.y_train.to(device), known.y_test.to(device)
    if spec.task.targets != "labels":
        y_train, y_test = (_taught(spec, seed, net, params, x) for x in (x_train, x_test))
    return Start(
        net,
        params,
        {name: r.to(device) for name, r in running.items()},
        (x_train, y_train),
        (x_test, y_test),
        batches(seed, len(known.x_train), spec.task.batch, spec.optimiser.steps).to(device),
        generator(seed, "augmentation"),
        spec.optimiser.rate,
    )


def _initial(spec: Spec, seed: int, net: Net, x: Tensor) -> tuple[Params, Params]:
    """Parameters on the device of ``x``, moved to where training starts, and running statistics."""
    task = spec.task
    purpose = f"initialisation {task.draw}" if task.draw else "initialisation"
    params, running = net.initial(generator(seed, purpose), x.dtype)
    if task.point:
        net.place(params, task.point, task.distance, task.whole, generator(seed, "point"))
    params = {name: p.to(x.device, memory_format=_layout(p)) for name, p in params.items()}
    if net.norm == "frozen":
        net.measure_frozen(params, x)
    if getattr(net, "forward_gain", None) is not None:
        net.measure_size(params, x)
    if task.first_gain != 1:
        scale_units(net, params, task.first_gain)
    if task.noise and not task.grown_from:
        add_noise(net, params, task.noise, seed)
    if spec.optimiser.bias_pull:
        params |= _bias_targets(spec, seed, params)
    return params, running


def add_noise(net: Net, params: Params, noise: float, seed: int) -> None:
    """Add, in place, to each weight of the units ``noise`` times what is drawn there for a ReLU (He et al. 2015)."""
    drawn, size = generator(seed, "noise"), noise * net.gain * math.sqrt(2 / net.width)
    for name, *_ in net.units:
        weight = params[f"{name}.weight"]
        params[f"{name}.weight"] = weight + size * torch.randn(weight.shape, generator=drawn, dtype=weight.dtype).to(
            weight.device
        )


def scale_units(net: Net, params: Params, first: float) -> None:
    """Multiply, in place, the weights of the first unit by ``first``, of the last by 1, evenly on the logarithm."""
    units = [name for name, *_ in net.units]
    for i, name in enumerate(reversed(units)):
        params[f"{name}.weight"] = params[f"{name}.weight"] * first ** (i / max(1, len(units) - 1))


def _layout(p: Tensor) -> torch.memory_format:
    """Of images and their kernels, channels last: 1.1 times as fast as contiguous."""
    return torch.channels_last if p.ndim == 4 else torch.preserve_format


def _bias_targets(spec: Spec, seed: int, params: Params) -> Params:
    """To which value each hidden bias is pulled: constants beside the parameters."""
    optimiser, drawn = spec.optimiser, generator(seed, "bias targets")
    targets = {}
    for name in [f"{i}.bias" for i in range(spec.net.depth - 1)]:
        bias = params[name]
        noise = torch.randn(bias.shape, generator=drawn, dtype=bias.dtype).to(bias.device)
        targets[name + TARGET] = optimiser.bias_mean + optimiser.bias_spread * noise
    return targets


@torch.no_grad()
def _taught(spec: Spec, seed: int, net: Net, params: Params, x: Tensor) -> Tensor:
    """The outputs to be learnt at ``x``, (B, outputs)."""
    if spec.task.targets == "own":
        return net.logits(params, x)
    same = {"norm": "none", "distinct": 1, "cancelled": "", "forward_gain": None}
    plain = replace(net, rule="plain", skip="identity", **same)
    teacher, _ = plain.initial(generator(seed, "teacher"), x.dtype)
    teacher["head.weight"].sign_()
    return plain.logits({name: p.to(x.device) for name, p in teacher.items()}, x)


def some(part: Examples, count: int) -> Examples:
    """The first ``count`` examples of a set."""
    return part[0][:count], part[1][:count]


def stacked(nets: Sequence[Params]) -> Params:
    """The parameters of several nets of one architecture, or their running statistics, the nets S as first axis."""
    return {name: torch.stack([net[name] for net in nets]) for name in nets[0]}
