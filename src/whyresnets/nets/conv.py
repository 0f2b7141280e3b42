"""The convolutional nets of He et al. 2015, section 4.2, and 2016, computed."""

import functools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from whyresnets import checks
from whyresnets.nets.architecture import Conv
from whyresnets.nets.network import Network, Normaliser, Params, normalisation, nudged, random_rotation
from whyresnets.nets.rules import join
from whyresnets.nets.vectors import linear, times


@dataclass(frozen=True)
class ConvNet(Conv, Network):
    """A :class:`whyresnets.nets.architecture.Conv` for inputs of some ``channels``, with ``outputs`` classes.

    The inputs have two ``dimensions``, as images do, or one, as signals do: (B, channels, height, width) or
    (B, channels, length). A signal is an image one pixel high: kernels are 1x3, and states (B, channels, 1, length).

    Its parameters may be those of one net, or of several with the nets as first axis: then the inputs are, too, and the
    channels of the nets stand side by side in the states, (B, nets x channels, height, width).
    """

    channels: int = 3
    outputs: int = 10
    dimensions: int = 2

    def __post_init__(self):
        super().__post_init__()
        checks.whole("channels", self.channels, least=1)
        checks.whole("outputs", self.outputs, least=1)
        if type(self.dimensions) is not int or self.dimensions not in (1, 2):
            raise ValueError(f"dimensions {self.dimensions!r} are impossible: choose 1 for signals, 2 for images")

    def initial(self, generator: torch.Generator, dtype: torch.dtype = torch.float32) -> tuple[Params, Params]:
        """Fresh parameters and running statistics, drawn from ``generator`` only.

        Weights are (width, channels before, 3, 3), or in one dimension (width, channels before, 1, 3), and
        (classes, width); all others (width,) or (classes,).
        Convolutions: normal with variance 2 / fan-in (He et al. 2015, "Delving deep into
        rectifiers", as in the residual paper), and 1 / fan-in where no ReLU comes before in the order "pre"
        (Zaeemzadeh et al. 2021, their code); those of the units as ``weights`` says. Normalisation:
        scale 1, shift 0. Linear layer: variance 1 / fan-in, bias 0 (chosen by us).
        """
        params: Params = {}
        running: Params = {}
        post = self.order == "post"

        def convolution(name: str, before: int, width: int, side: int = 3, variance: float = 2.0):
            kernel = [1 if self.dimensions == 1 else side, side]
            draw = torch.randn(width, before, *kernel, generator=generator, dtype=dtype)
            params[f"{name}.weight"] = self.gain * draw * (variance / (math.prod(kernel) * before)) ** 0.5

        def normalised(name: str, width: int, kind: str, scale: float = 1.0):
            normalisation(params, running, name, width, dtype, kind, scale)

        within = "none" if self.norm == "sum" else self.norm
        convolution("stem", self.channels, self.widths[0], variance=2.0 if post else 1.0)
        if post:
            normalised("stem", self.widths[0], within)
        for name, before, width, stride in self.units:
            if stride == 2 and not post:
                convolution(name, before, width, side=1, variance=1.0)
                continue
            convolution(f"{name}.a", before, width)
            normalised(f"{name}.a", width if post else before, within)
            convolution(f"{name}.b", width, width)
            normalised(f"{name}.b", width, within, scale=0.0 if self.zero_init_residual else 1.0)
            if self.norm == "sum":
                normalised(f"{name}.sum", width, "batch")
            if self.alpha is not None:
                params[f"{name}.alpha"] = torch.tensor(self.alpha, dtype=dtype)
        if not post:
            normalised("last", self.widths[-1], self._last_norm)
        draw = torch.randn(self.outputs, self.widths[-1], generator=generator, dtype=dtype)
        params["head.weight"] = draw * self.widths[-1] ** -0.5
        params["head.bias"] = torch.zeros(self.outputs, dtype=dtype)
        self._arrange(params, generator)
        return params, running

    def _arrange(self, params: Params, generator: torch.Generator) -> None:
        """Kernels of the units as ``weights`` says, made of what was drawn; and the orders of a permuted skip."""
        if self.weights != "he":
            for name in [name for name in params if name.endswith((".a.weight", ".b.weight"))]:
                drawn, middle = params[name], MIDDLES[self.weights]
                params[name] = self.gain * in_the_middle(middle(drawn[..., 0, 0]), drawn.shape)
        if self.skip == "permuted":
            for name, *_ in self.units:
                drawn = torch.randint(2**20, (), generator=generator)
                params[f"{name}.shuffle.fixed"] = drawn.to(params["head.weight"].dtype)

    def walk(
        self,
        params: Params,
        x: Tensor,
        normalise: Normaliser,
        nudges: Sequence[Tensor] | None = None,
        responses: list[Tensor] | None = None,
    ) -> Iterator[Tensor]:
        """The states one after the other, (B, channels, height, width); see ``states``."""
        layers = _Layers(self, params, normalise, responses)
        x = self._as_images(x, layers.nets)
        unit = self._post if self.order == "post" else self._pre
        # ReLU in place: the same numbers, and 12% less time at CIFAR size, where memory is the bottleneck.
        first = layers.post("stem", x).relu_() if self.order == "post" else layers.responding("stem", x)
        yield (h := nudged(first, nudges, 0))
        for i, (name, before, width, stride) in enumerate(self.units, start=1):
            yield (h := nudged(unit(layers, name, h, width - before, stride), nudges, i))

    def _as_images(self, x: Tensor, nets: int) -> Tensor:
        """Inputs as (B, channels, height, width), those of several nets side by side."""
        if nets:
            x = x.transpose(0, 1).flatten(1, 2)
        return x if self.dimensions == 2 else x.unsqueeze(-2).contiguous(memory_format=torch.channels_last)

    def _post(self, layers: "_Layers", name: str, h: Tensor, more: int, stride: int) -> Tensor:
        """A unit with normalisation and ReLU after each convolution, and a last ReLU after the sum."""
        inner = layers.post(f"{name}.a", h, stride).relu_()
        branch = layers.scaled(name, layers.post(f"{name}.b", inner))
        return join(self.rule, layers.around(name, option_a(h, more, stride, layers.nets)), branch).relu_()

    def _pre(self, layers: "_Layers", name: str, h: Tensor, more: int, stride: int) -> Tensor:
        """A unit with normalisation and ReLU before each convolution; or, at stride 2, a transition."""
        if stride == 2:
            return layers.convolved(name, h, stride=stride)
        branch = layers.scaled(name, layers.pre(f"{name}.b", layers.pre(f"{name}.a", h)))
        return layers.normalise(f"{name}.sum", join(self.rule, layers.around(name, h), branch))

    def head(self, params: Params, state: Tensor, running: Params | None = None, training: bool = True) -> Tensor:
        """Class scores (B, outputs): average pooling, then linear (He et al. 2015, section 4.2).

        In the order "pre", one more normalisation and ReLU come first (He et al. 2016, "Identity Mappings").
        """
        if self.order == "pre":
            state = self.normaliser(params, running, training)("last", state).relu()
        pooled, weight = state.mean((2, 3)), params["head.weight"]
        if weight.ndim == 3:
            pooled = pooled.unflatten(1, (len(weight), -1)).transpose(0, 1).contiguous()
        return linear(pooled, weight, params["head.bias"])


@dataclass(frozen=True)
class _Layers:
    """The layers of one pass through a net, by name; what they put out goes into ``responses``, if there are any."""

    net: ConvNet
    params: Params
    normalise: Normaliser
    responses: list[Tensor] | None

    @property
    def nets(self) -> int:
        """How many nets stand side by side; 0: the parameters are those of one."""
        weight = self.params["head.weight"]
        return len(weight) if weight.ndim == 3 else 0

    def convolution(self, name: str, h: Tensor, stride: int = 1) -> Tensor:
        border = (1, 1) if self.net.dimensions == 2 else (0, 1)
        if self.net.padding == "circular":
            return self.convolved(name, F.pad(h, (1, 1, border[0], border[0]), mode="circular"), stride=stride)
        return self.convolved(name, h, stride=stride, padding=border)

    def convolved(self, name: str, h: Tensor, **how: Any) -> Tensor:
        """A convolution, of each net with its own kernels."""
        weight = self.params[f"{name}.weight"]
        if self.nets:
            weight, how = weight.flatten(0, 1), how | {"groups": self.nets}
        return F.conv2d(h, weight, **how)

    def around(self, name: str, h: Tensor) -> Tensor:
        """What goes around the branch: the state, or its pixels in the fixed order of each net and unit."""
        if self.net.skip == "identity":
            return h
        seeds = self.params[f"{name}.shuffle.fixed"].flatten().tolist()
        pixels = h.flatten(2).unflatten(1, (len(seeds), -1))
        order = torch.stack([shuffle(int(seed), pixels.shape[-1]) for seed in seeds]).to(h.device)
        return pixels.gather(-1, order.unsqueeze(1).expand_as(pixels)).view_as(h)

    def scaled(self, name: str, branch: Tensor) -> Tensor:
        """The branch times its learnable scalar (De and Smith 2020, SkipInit), where there is one."""
        if self.net.alpha is None:
            return branch
        alpha = self.params[f"{name}.alpha"]
        return times(alpha.repeat_interleave(branch.shape[1] // self.nets) if self.nets else alpha, branch)

    def responding(self, name: str, h: Tensor) -> Tensor:
        """A convolution alone."""
        return self._kept(self.convolution(name, h))

    def post(self, name: str, h: Tensor, stride: int = 1) -> Tensor:
        """A convolution and its normalisation."""
        return self._kept(self.normalise(name, self.convolution(name, h, stride)))

    def pre(self, name: str, h: Tensor) -> Tensor:
        """Normalisation, ReLU, convolution."""
        return self._kept(self.convolution(name, self.normalise(name, h).relu()))

    def _kept(self, h: Tensor) -> Tensor:
        if self.responses is not None:
            self.responses.append(h.clone())  # a copy: in the order "post" a ReLU follows that works in place
        return h


def dirac(draw: Tensor) -> Tensor:
    """A matrix (width, before) that hands each channel on, over and over where ``width`` is larger.

    >>> dirac(torch.randn(4, 2)).tolist()
    [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]
    """
    width, before = draw.shape
    return torch.eye(before, dtype=draw.dtype)[torch.arange(width) % before]


def orthogonal(draw: Tensor) -> Tensor:
    """A matrix (width, before) with orthogonal columns (rows, if there are fewer), from a standard normal one.

    Its entries have the mean square 2 / ``before``, as He et al.'s. Source: Xiao et al. 2018, for ReLU.
    """
    width, before = draw.shape
    matrix = random_rotation(draw) if width >= before else random_rotation(draw.T).T
    return matrix * math.sqrt(2 * max(1, width / before))


MIDDLES = {"dirac": dirac, "orthogonal": orthogonal}  # by the ``weights`` of a net: what its middle pixels start as


def in_the_middle(matrix: Tensor, shape: Sequence[int]) -> Tensor:
    """Kernels of that ``shape`` that are 0 but for the ``matrix`` (width, before) at their middle pixel."""
    kernels = matrix.new_zeros(shape)
    kernels[..., shape[-2] // 2, shape[-1] // 2] = matrix
    return kernels


@functools.cache
def shuffle(seed: int, pixels: int) -> Tensor:
    """A random order of so many ``pixels``, (pixels,); the same for one seed."""
    return torch.randperm(pixels, generator=torch.Generator().manual_seed(seed))


def option_a(h: Tensor, more: int, stride: int, nets: int = 0) -> Tensor:
    """The parameter-free shortcut: every ``stride``-th pixel, ``more`` channels of zeros appended to those of each net.

    Source: He et al. 2015, section 3.3, option A. Shape (B, channels, height, width).
    """
    if stride == 1 and more == 0:
        return h
    kept, zeros = h[..., ::stride, ::stride], (0, 0, 0, 0, 0, more)
    return F.pad(kept.unflatten(1, (nets, -1)), zeros).flatten(1, 2) if nets else F.pad(kept, zeros)
