"""From an architecture and the shape of its data to a network that computes."""

import math
from collections.abc import Sequence
from typing import Any

import torch

from whyresnets.nets.architecture import Architecture
from whyresnets.nets.conv import ConvNet
from whyresnets.nets.dense import DenseNet
from whyresnets.nets.network import CONSTANTS, Network

NETS: dict[str, Any] = {"conv": ConvNet, "dense": DenseNet}


def build(architecture: Architecture, shape: Sequence[int], outputs: int = 10) -> Network:
    """The network of that ``architecture`` for inputs of that ``shape``: channels, height, width; or channels, length.

    >>> from whyresnets.nets.architecture import Conv
    >>> parameter_count(build(Conv(20, widths=(16, 32, 64)), (3, 32, 32)))
    269722
    >>> parameter_count(build(Conv(20, widths=(16, 32, 64)), (1, 40)))
    91162
    """
    data = {"features": math.prod(shape)}
    if architecture.family == "conv":
        data = {"channels": shape[0], "dimensions": len(shape) - 1}
    return NETS[architecture.family](**vars(architecture), **data, outputs=outputs)


def parameter_count(net: Network) -> int:
    """Number of trained parameters (He et al. 2015, Table 6)."""
    params, _ = net.initial(torch.Generator().manual_seed(0))
    return sum(p.numel() for name, p in params.items() if not name.endswith(CONSTANTS))
