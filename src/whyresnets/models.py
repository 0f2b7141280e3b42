"""He et al.'s (2015) convolutional family for small images, as pure functions of their parameters.

A network is a frozen description (:class:`ConvNet`). It makes its parameters, and it is
called with them: nothing is stored on it, so a measure cannot leave anything behind.

Axis letters: B batch, L units (the residual blocks, or their plain counterparts).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

Params = dict[str, Tensor]

RULES = ("plain", "residual", "half", "stranger")
NORMS = ("batch", "none")
PADDINGS = ("zeros", "circular")
STAGES = 3  # each with its width: He et al. 2015, section 4.2
BN_EPS = 1e-5  # PyTorch's default
BN_MOMENTUM = 0.1  # PyTorch's default, for the running statistics


def join(rule: str, shortcut: Tensor, branch: Tensor) -> Tensor:
    """What enters a unit's last ReLU; shapes (B, channels, height, width), dimensionless.

    "half": He et al. 2016 ("Identity Mappings"), Table 1, constant scaling of the shortcut.
    """
    match rule:
        case "plain":
            return branch
        case "residual":
            return shortcut + branch
        case "half":  # control: too little of it
            return 0.5 * shortcut + branch
        case "stranger":  # control: another sample's, the next in the batch
            return shortcut.roll(1, dims=0) + branch
    raise ValueError(f"unknown rule {rule!r}: choose one of {', '.join(RULES)}")


@dataclass(frozen=True)
class ConvNet:
    """One member of the family of He et al. 2015, section 4.2: depth = 6 n + 2 layers.

    A 3x3 convolution, three stages of n units of two 3x3 convolutions each, global
    average pooling, one linear layer. Shortcuts are parameter-free (option A), so all
    rules have the same parameters.

    Attributes
    ----------
    depth : weighted layers: 8, 14, 20, ..., 6 n + 2
    rule : how shortcut and branch are joined, one of :data:`RULES` (see :func:`join`)
    widths : channels in the three stages; He et al. use (16, 32, 64)
    channels, classes : of the data
    norm : "batch" (after each convolution, before the ReLU) or "none"
    padding : "zeros" (He et al.) or "circular" (no border, so no loss of signal at it)
    silent : if true, the last normalisation of each unit starts at scale 0, so that each
        residual unit starts as the identity (Goyal et al. 2017, section 5.1)
    gain : factor on the initial weights of every convolution; 1 is He initialisation

    Raises
    ------
    ValueError
        If a field has no such value.
    """

    depth: int
    rule: str = "plain"
    widths: tuple[int, int, int] = (16, 32, 64)
    channels: int = 3
    classes: int = 10
    norm: str = "batch"
    padding: str = "zeros"
    silent: bool = False
    gain: float = 1.0

    def __post_init__(self):
        if not isinstance(self.depth, int) or self.depth < 8 or (self.depth - 2) % 6:
            raise ValueError(f"depth {self.depth!r} is impossible: choose 6 n + 2, such as 8, 20, 56 or 110")
        sizes = (*self.widths, self.channels, self.classes)
        if len(self.widths) != STAGES or not all(isinstance(size, int) and size > 0 for size in sizes):
            raise ValueError(f"sizes {sizes} are impossible: choose {STAGES} widths, channels and classes of 1 or more")
        if not (isinstance(self.gain, int | float) and math.isfinite(self.gain)):
            raise ValueError(f"gain {self.gain!r} is impossible: choose a finite number")
        for value, choices in ((self.rule, RULES), (self.norm, NORMS), (self.padding, PADDINGS)):
            if value not in choices:
                raise ValueError(f"{value!r} is not one of {', '.join(choices)}")
        if self.silent and self.norm == "none":
            raise ValueError("silent branches need a normalisation whose scale starts at 0: choose norm='batch'")

    @property
    def units(self) -> list[tuple[str, int, int, int]]:
        """Name, input channels, output channels and stride of each unit; L entries."""
        n, before, units = (self.depth - 2) // 6, self.widths[0], []
        for stage, width in enumerate(self.widths):
            for i in range(n):
                units.append((f"{stage}.{i}", before, width, 2 if stage and i == 0 else 1))
                before = width
        return units

    def initial(self, generator: torch.Generator, dtype: torch.dtype = torch.float32) -> tuple[Params, Params]:
        """Fresh parameters and running statistics, dimensionless, drawn from ``generator`` only.

        Weights are (width, channels before, 3, 3) and (classes, width), all others (width,) or (classes,).
        Convolutions: normal with variance 2 / fan-in (He et al. 2015, "Delving deep into
        rectifiers", as in the residual paper). Normalisation: scale 1, shift 0. Linear layer:
        variance 1 / fan-in, bias 0 (chosen by us).
        """
        params, running = {}, {}

        def convolution(name: str, before: int, width: int, scale: float = 1.0):
            draw = torch.randn(width, before, 3, 3, generator=generator, dtype=dtype)
            params[f"{name}.weight"] = self.gain * draw * (2 / (9 * before)) ** 0.5
            if self.norm == "batch":
                params[f"{name}.scale"] = torch.full((width,), scale, dtype=dtype)
                params[f"{name}.shift"] = torch.zeros(width, dtype=dtype)
                running[f"{name}.mean"] = torch.zeros(width, dtype=dtype)
                running[f"{name}.var"] = torch.ones(width, dtype=dtype)

        convolution("stem", self.channels, self.widths[0])
        for name, before, width, _ in self.units:
            convolution(f"{name}.a", before, width)
            convolution(f"{name}.b", width, width, scale=0.0 if self.silent else 1.0)
        draw = torch.randn(self.classes, self.widths[-1], generator=generator, dtype=dtype)
        params["head.weight"] = draw * self.widths[-1] ** -0.5
        params["head.bias"] = torch.zeros(self.classes, dtype=dtype)
        return params, running

    def states(
        self,
        params: Params,
        x: Tensor,
        running: Params | None = None,
        training: bool = True,
        nudges: Sequence[Tensor] | None = None,
        responses: list[Tensor] | None = None,
    ) -> list[Tensor]:
        """The state after the stem and after each unit: L + 1 tensors (B, channels, height, width), dimensionless.

        Parameters
        ----------
        running : running means and variances. With ``training`` they are updated in place
            (left out: nothing is kept); without it they normalise in place of the batch's own.
        nudges : L + 1 tensors added to the states. Zeros change no value, but the gradient with
            respect to them is the gradient at the states, all in one backward pass.
        responses : a list that receives the output of every 3x3 layer, after normalisation and
            before ReLU or addition (He et al. 2015, section 4.2, "layer responses").
        """

        def layer(name: str, h: Tensor, stride: int = 1) -> Tensor:
            if self.padding == "circular":
                h = F.conv2d(F.pad(h, (1, 1, 1, 1), mode="circular"), params[f"{name}.weight"], stride=stride)
            else:
                h = F.conv2d(h, params[f"{name}.weight"], stride=stride, padding=1)
            if self.norm == "batch":
                kept = (running[f"{name}.mean"], running[f"{name}.var"]) if running else (None, None)
                scale, shift = params[f"{name}.scale"], params[f"{name}.shift"]
                h = F.batch_norm(h, *kept, scale, shift, training, BN_MOMENTUM, BN_EPS)
            if responses is not None:
                responses.append(h.clone())  # a copy: the ReLU below works in place
            return h

        def nudged(h: Tensor) -> Tensor:
            return h if nudges is None else h + nudges[len(states)]

        # ReLU in place: the same numbers, and 12% less time at CIFAR size, where memory is the bottleneck.
        states: list[Tensor] = []
        states.append(nudged(layer("stem", x).relu_()))
        for name, before, width, stride in self.units:
            h = states[-1]
            branch = layer(f"{name}.b", layer(f"{name}.a", h, stride).relu_())
            shortcut = option_a(h, width - before, stride)
            states.append(nudged(join(self.rule, shortcut, branch).relu_()))
        return states

    def logits(self, params: Params, x: Tensor, **how) -> Tensor:
        """Class scores (B, classes), dimensionless; keyword arguments as for :meth:`states` (He et al. 2015)."""
        return self.head(params, self.states(params, x, **how)[-1])

    def head(self, params: Params, state: Tensor) -> Tensor:
        """Class scores (B, classes), dimensionless: average pooling, then linear (He et al. 2015, section 4.2)."""
        return F.linear(state.mean((2, 3)), params["head.weight"], params["head.bias"])


def option_a(h: Tensor, more: int, stride: int) -> Tensor:
    """The parameter-free shortcut: every ``stride``-th pixel, ``more`` channels of zeros appended.

    Source: He et al. 2015, section 3.3, option A. Shapes (B, channels, height, width), dimensionless.
    """
    if stride == 1 and more == 0:
        return h
    return F.pad(h[:, :, ::stride, ::stride], (0, 0, 0, 0, 0, more))


def parameter_count(net: ConvNet) -> int:
    """Number of trained parameters, dimensionless (He et al. 2015, Table 6)."""
    params, _ = net.initial(torch.Generator().manual_seed(0))
    return sum(p.numel() for p in params.values())


def identity_extension(
    net: ConvNet, params: Params, running: Params, depth: int, x: Tensor
) -> tuple[ConvNet, Params, Params]:
    """A deeper plain net that computes the same function: ``net`` with identity units appended to each stage.

    The net, its parameters and running statistics, dimensionless, of the shape of :meth:`ConvNet.initial`'s.

    This is the "solution by construction" of He et al. 2015, section 1. An appended convolution
    passes each channel through (a Dirac kernel). Its normalisation divides by the standard
    deviation of the full batch ``x``, so its scale is set to that deviation and its shift to the
    mean; the running statistics get the same two numbers, which makes it exact in both modes. The ReLU
    changes nothing, because a state is never negative.

    Raises
    ------
    ValueError
        If ``net`` is not plain with batch normalisation, or ``depth`` is smaller than its own.
    """
    if net.rule != "plain" or net.norm != "batch" or depth < net.depth:
        raise ValueError("the identity extension starts from a shallower plain net with batch normalisation")
    deep = ConvNet(**{**vars(net), "depth": depth})
    old, shallow_states = {unit[0] for unit in net.units}, net.states(params, x)
    ends = {unit[0].split(".")[0]: state for unit, state in zip(net.units, shallow_states[1:], strict=True)}
    params, running = dict(params), dict(running)
    for name, _, width, _ in deep.units:
        if name in old:
            continue
        # The last state of the stage, which every appended unit hands on.
        state = ends[name.split(".")[0]]
        var, mean = torch.var_mean(state, dim=(0, 2, 3), correction=0)
        for half in (f"{name}.a", f"{name}.b"):
            params[f"{half}.weight"] = torch.nn.init.dirac_(state.new_empty(width, width, 3, 3))
            params[f"{half}.scale"], params[f"{half}.shift"] = (var + BN_EPS).sqrt(), mean.clone()
            running[f"{half}.mean"], running[f"{half}.var"] = mean.clone(), var.clone()
    return deep, params, running
