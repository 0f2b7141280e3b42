"""Blocks written out by hand or with torch.nn, to hold the nets against."""

import torch

from whyresnets.nets.architecture import after_orhan
from whyresnets.nets.dense import DenseNet


def orhan_net(depth, rule="plain", width=10, features=16, outputs=10, **how) -> DenseNet:
    return DenseNet(**vars(after_orhan(depth, rule, width, **how)), features=features, outputs=outputs)


def drawn(net, batch=6, size=8, dtype=torch.float64, seed=3):
    generator = torch.Generator().manual_seed(seed)
    params, running = net.initial(generator, dtype)
    return params, running, torch.randn(batch, net.channels, size, size, generator=generator, dtype=dtype)


JOINED = {
    "plain": lambda shortcut, branch: branch,
    "residual": lambda shortcut, branch: shortcut + branch,
    "half": lambda shortcut, branch: shortcut / 2 + branch,
    "shuffled": lambda shortcut, branch: torch.cat([shortcut[-1:], shortcut[:-1]]) + branch,
    "rescaled": lambda shortcut, branch: (shortcut + branch) / 2**0.5,
}


def batch_norm(params, name, h):
    """By torch.nn's module; by hand where the statistics are frozen; nothing where there is no such normalisation."""
    if f"{name}.scale" not in params:
        return h
    if f"{name}.mean" in params:
        shape = (1, -1, 1, 1)[: h.ndim]
        mean, var, scale, shift = (params[f"{name}.{part}"].view(shape) for part in ("mean", "var", "scale", "shift"))
        return (h - mean) / (var + 1e-5).sqrt() * scale + shift
    kind = torch.nn.BatchNorm2d if h.ndim == 4 else torch.nn.BatchNorm1d
    norm = kind(h.shape[1], dtype=h.dtype)
    norm.weight.data, norm.bias.data = params[f"{name}.scale"], params[f"{name}.shift"]
    return norm(h)


NORMALISED = {  # norm, head norm and alpha -> after which layers there must be a normalisation, in a net of three units
    ("batch", "", None): "units and head",
    ("none", "", None): "",
    ("batch", "none", 0.3): "units",
    ("none", "batch", 0.3): "head",
    ("sum", "", None): "sums",
    ("frozen", "", None): "units and head",
    ("frozen", "batch", -1.0): "units and head",
}


def stirred(net, params, x):
    """Scales, shifts and frozen statistics that are no ones and zeros any more, so that a wrong one would show."""
    if net.norm == "frozen":
        net.measure_frozen(params, x.roll(1, -1) + 0.1)
    generator = torch.Generator().manual_seed(8)
    for name, p in params.items():
        if name.endswith((".scale", ".shift")):
            p += 0.3 * torch.randn(p.shape, generator=generator, dtype=p.dtype)
