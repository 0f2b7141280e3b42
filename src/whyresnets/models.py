"""Families of networks, as pure functions of their parameters: convolutional and fully connected.

A network is a frozen description (:class:`ConvNet`, :class:`DenseNet`, :class:`SkipNet`). It makes its parameters,
and it is called with them: nothing is stored on it, so a measure cannot leave anything behind. All families
answer to the same names: ``units``, ``initial``, ``states``, ``head``, ``logits``, ``kernels``.

Axis letters: B batch, D width, L units (the residual blocks, or their plain counterparts).
"""

import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

Params = dict[str, Tensor]

RULES = ("plain", "residual", "half", "stranger", "rescaled")
NORMS = ("batch", "frozen", "sum", "none")
HEAD_NORMS = ("", "batch", "none")
PADDINGS = ("zeros", "circular")
ORDERS = ("post", "pre")
ACTIVATIONS = ("relu", "abs", "linear")
WEIGHTS = ("he", "orthogonal")
KERNELS = ("transitions", "ordinary", "units")
SKIP_RULES = ("plain", "residual", "hyper", "inside")
DRAWN_SKIPS = ("orthogonal", "gaussian", "copies", "whitened", "turned")  # their matrices are drawn, one for each layer
SKIPS = ("identity", "common", "opposite", "spared", *DRAWN_SKIPS)
SKIP_NORMS = ("none", "batch", "layer")
CANCELLED = ("", "own", "next")
SKIP_ACTIVATIONS = ("relu", "tanh")
SKIP_WEIGHTS = ("glorot", "he", "orthogonal", "identity")
SINGULARITIES = {"elimination": 0, "overlap": 1, "mirror": -1}  # the second unit is so many times the first
NEAR = 0.1  # of Glorot's size: what is added to an identity at the start (chosen by us)
STAGES = 3  # each with its width: He et al. 2015, section 4.2
STATISTICS = (".mean", ".var")  # how their names end; where normalisation is frozen, they stand among the parameters
CONSTANTS = (*STATISTICS, ".fixed")  # how the names of those parameters end that are never trained
BN_EPS = 1e-5  # PyTorch's default
BN_MOMENTUM = 0.1  # PyTorch's default, for the running statistics


def join(rule: str, shortcut: Tensor, branch: Tensor) -> Tensor:
    """How shortcut and branch become one: the sum of a unit, shape of ``branch``, dimensionless.

    "half": He et al. 2016 ("Identity Mappings"), Table 1, constant scaling of the shortcut.
    "rescaled": Balduzzi et al. 2017, the sum over sqrt(2), which keeps the size of the signal.
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
        case "rescaled":  # control: the sum, no larger than its parts
            return math.sqrt(0.5) * (shortcut + branch)
    raise ValueError(f"unknown rule {rule!r}: choose one of {', '.join(RULES)}")


@dataclass(frozen=True)
class Normaliser:
    """Batch normalisation by name; where ``params`` has none of that name, nothing happens.

    Attributes
    ----------
    params : scales and shifts among others
    running : running means and variances, or None
    training : normalise with the batch's own statistics, and update the running ones in place; otherwise with those
    eps : added to each variance
    measuring : set the frozen means and variances to those of this batch, in place
    """

    params: Params
    running: Params | None = None
    training: bool = True
    eps: float = BN_EPS
    measuring: bool = False

    def __call__(self, name: str, h: Tensor) -> Tensor:
        if f"{name}.scale" not in self.params:
            return h
        scale, shift = self.params[f"{name}.scale"], self.params[f"{name}.shift"]
        if f"{name}.mean" in self.params:  # frozen: constants of the network
            kept = self.params[f"{name}.mean"], self.params[f"{name}.var"]
            return F.batch_norm(h, *kept, scale, shift, self.measuring, 1.0, self.eps)
        kept = (self.running[f"{name}.mean"], self.running[f"{name}.var"]) if self.running else (None, None)
        return F.batch_norm(h, *kept, scale, shift, self.training, BN_MOMENTUM, self.eps)


class Network:
    """What all families share: how states, one after the other, become a list or scores."""

    eps: float
    norm: str
    head_norm: str
    alpha: float | None

    def normaliser(self, params: Params, running: Params | None = None, training: bool = True) -> Normaliser:
        """Its :class:`Normaliser`, with this network's epsilon; dimensionless (Ioffe and Szegedy 2015)."""
        return Normaliser(params, running, training, self.eps)

    @torch.no_grad()
    def measure_frozen(self, params: Params, x: Tensor) -> None:
        """Set all frozen means (D,) and variances (D,) to those of ``x``, in place, from the first layer to the last.

        Dimensionless; variances as for running ones, over n - 1. Batch normalisation measured once and kept for ever
        (ours: what BN does at the start, only).
        """
        measuring = Normaliser(params, eps=self.eps, measuring=True)
        (last,) = deque(self.walk(params, x, measuring), maxlen=1)
        measuring("last", last)

    @property
    def _last_norm(self) -> str:
        """How the last state is normalised; where every sum is, there is no need."""
        return self.head_norm or ("none" if self.norm == "sum" else self.norm)

    def _scaled(self, params: Params, name: str, branch: Tensor) -> Tensor:
        """The branch times its learnable scalar (De and Smith 2020, SkipInit), where there is one."""
        return branch if self.alpha is None else params[f"{name}.alpha"] * branch

    def states(
        self,
        params: Params,
        x: Tensor,
        running: Params | None = None,
        training: bool = True,
        nudges: Sequence[Tensor] | None = None,
        responses: list[Tensor] | None = None,
    ) -> list[Tensor]:
        """The state after the first layer and after each unit: L + 1 tensors, dimensionless.

        Shapes (B, channels, height, width) in a convolutional network, (B, D) in a fully connected one.

        Parameters
        ----------
        running : running means and variances. With ``training`` they are updated in place
            (left out: nothing is kept); without it they normalise in place of the batch's own.
        nudges : L + 1 tensors added to the states. Zeros change no value, but the gradient with
            respect to them is the gradient at the states, all in one backward pass.
        responses : a list that receives the output of every 3x3 layer, before ReLU or addition and, in the
            order "post", after normalisation (He et al. 2015, section 4.2, "layer responses"); of a fully
            connected unit, the branch.
        """
        return list(self.walk(params, x, self.normaliser(params, running, training), nudges, responses))

    def logits(self, params: Params, x: Tensor, running: Params | None = None, training: bool = True, **how) -> Tensor:
        """Class scores (B, classes), dimensionless; arguments as for :meth:`states` (He et al. 2015)."""
        walk = self.walk(params, x, self.normaliser(params, running, training), **how)
        (last,) = deque(walk, maxlen=1)  # one state at a time: a large batch need not keep them all
        return self.head(params, last, running, training)


def _nudged(h: Tensor, nudges: Sequence[Tensor] | None, i: int) -> Tensor:
    return h if nudges is None else h + nudges[i]


@dataclass(frozen=True)
class ConvNet(Network):
    """One member of the family of He et al. 2015, section 4.2: depth = 6 n + 2 layers, or of its successor.

    A 3x3 convolution, three stages of n units of two 3x3 convolutions each, global
    average pooling, one linear layer. In the order "post", normalisation and ReLU follow a convolution,
    the last ReLU the sum, and shortcuts across stages are parameter-free (option A). In the order "pre",
    they precede it (He et al. 2016, "Identity Mappings"), so that nothing stands between one sum
    and the next, and between two stages stands a unit of its own, a 1x1 convolution of
    stride 2 (Zaeemzadeh et al. 2021, their code): depth = 6 n + 4. All rules have the same parameters.

    Attributes
    ----------
    depth : weighted layers: 8, 14, 20, ..., 6 n + 2, or 10, 16, 22, ..., 6 n + 4
    rule : how shortcut and branch are joined, one of :data:`RULES` (see :func:`join`)
    widths : channels in the three stages; He et al. use (16, 32, 64)
    channels, classes : of the data
    norm : of the units, one of :data:`NORMS`: "batch" (before or after each convolution, see ``order``) or "none"; in
        the order "pre" also "frozen" (statistics measured once, before training) or "sum" (after each addition)
    head_norm : of the last state, in the order "pre": "batch", "none", or "": as the units
    alpha : initial value of a learnable scalar at the end of each branch (De and Smith 2020: SkipInit); None: no scalar
    eps : added to each variance; 1e-5 is PyTorch's default
    padding : "zeros" (He et al.) or "circular" (no border, so no loss of signal at it)
    silent : if true, the last normalisation of each unit starts at scale 0, so that each
        residual unit starts as the identity (Goyal et al. 2017, section 5.1); in the order "post" only
    gain : factor on the initial weights of every convolution; 1 is He initialisation
    order : "post" or "pre"

    Raises
    ------
    ValueError
        If a field has no such value.
    """

    depth: int
    rule: str = "plain"
    widths: tuple[int, ...] = (16, 32, 64)
    channels: int = 3
    classes: int = 10
    norm: str = "batch"
    padding: str = "zeros"
    silent: bool = False
    gain: float = 1.0
    order: str = "post"
    head_norm: str = ""
    alpha: float | None = None
    eps: float = BN_EPS

    def __post_init__(self):
        for value, choices in (
            (self.rule, RULES),
            (self.norm, NORMS if self.order == "pre" else ("batch", "none")),
            (self.head_norm, HEAD_NORMS if self.order == "pre" else ("",)),
            (self.padding, PADDINGS),
            (self.order, ORDERS),
        ):
            _one_of(value, choices)
        more = self._transitions + 2  # layers outside the units
        if not isinstance(self.depth, int) or self.depth < 6 + more or (self.depth - more) % 6:
            depths = ", ".join(str(6 * n + more) for n in (1, 3, 9))
            raise ValueError(f"depth {self.depth!r} is impossible: choose 6 n + {more}, such as {depths}")
        if len(self.widths) != STAGES:
            raise ValueError(f"widths {self.widths} are impossible: choose {STAGES} of them")
        _sizes(*self.widths, self.channels, self.classes)
        _numbers(self.gain, self.alpha, self.eps)
        if self.silent and (self.norm == "none" or self.order == "pre"):  # before a ReLU, 0 would stay 0 for ever
            raise ValueError("silent branches need a last normalisation at scale 0: choose norm='batch', order='post'")

    @property
    def _transitions(self) -> int:
        return 2 if self.order == "pre" else 0

    @property
    def units(self) -> list[tuple[str, int, int, int]]:
        """Name, input channels, output channels and stride of each unit; L entries."""
        n, before, units = (self.depth - 2 - self._transitions) // 6, self.widths[0], []
        for stage, width in enumerate(self.widths):
            if stage and self.order == "pre":
                units.append((f"{stage}.transition", before, width, 2))
                before = width
            for i in range(n):
                units.append((f"{stage}.{i}", before, width, 2 if stage and i == 0 and self.order == "post" else 1))
                before = width
        return units

    @property
    def transitions(self) -> list[int]:
        """Which units halve the map: their indices among :attr:`units`, dimensionless."""
        return [i for i, (*_, stride) in enumerate(self.units) if stride == 2]

    def kernels(self, which: str) -> list[str]:
        """Names of the parameters that a projection may act on.

        "transitions": the 1x1 convolutions between stages, in the order "pre"; "ordinary": as many others, the last
        3x3 convolution before each (chosen by us); "units": every convolution of a unit.

        Raises
        ------
        ValueError
            If this network has no such kernels.
        """
        _one_of(which, KERNELS)
        if which == "transitions" and self.order == "post":
            raise ValueError("only networks of the order 'pre' have transition convolutions: choose order='pre'")
        names = [unit[0] for unit in self.units]
        if which == "transitions":
            return [f"{names[i]}.weight" for i in self.transitions]
        if which == "ordinary":
            return [f"{names[i - 1]}.b.weight" for i in self.transitions]
        return [f"{n}.{half}.weight" for i, n in enumerate(names) if i not in self.transitions for half in "ab"]

    def initial(self, generator: torch.Generator, dtype: torch.dtype = torch.float32) -> tuple[Params, Params]:
        """Fresh parameters and running statistics, dimensionless, drawn from ``generator`` only.

        Weights are (width, channels before, 3, 3) and (classes, width), all others (width,) or (classes,).
        Convolutions: normal with variance 2 / fan-in (He et al. 2015, "Delving deep into
        rectifiers", as in the residual paper), and 1 / fan-in where no ReLU comes before in the order "pre"
        (Zaeemzadeh et al. 2021, their code). Normalisation: scale 1, shift 0. Linear layer:
        variance 1 / fan-in, bias 0 (chosen by us).
        """
        params, running = {}, {}
        post = self.order == "post"

        def convolution(name: str, before: int, width: int, side: int = 3, variance: float = 2.0):
            draw = torch.randn(width, before, side, side, generator=generator, dtype=dtype)
            params[f"{name}.weight"] = self.gain * draw * (variance / (side * side * before)) ** 0.5

        def normalisation(name: str, width: int, kind: str, scale: float = 1.0):
            _normalisation(params, running, name, width, dtype, kind, scale)

        within = "none" if self.norm == "sum" else self.norm
        convolution("stem", self.channels, self.widths[0], variance=2.0 if post else 1.0)
        if post:
            normalisation("stem", self.widths[0], within)
        for name, before, width, stride in self.units:
            if stride == 2 and not post:
                convolution(name, before, width, side=1, variance=1.0)
                continue
            convolution(f"{name}.a", before, width)
            normalisation(f"{name}.a", width if post else before, within)
            convolution(f"{name}.b", width, width)
            normalisation(f"{name}.b", width, within, scale=0.0 if self.silent else 1.0)
            if self.norm == "sum":
                normalisation(f"{name}.sum", width, "batch")
            if self.alpha is not None:
                params[f"{name}.alpha"] = torch.tensor(self.alpha, dtype=dtype)
        if not post:
            normalisation("last", self.widths[-1], self._last_norm)
        draw = torch.randn(self.classes, self.widths[-1], generator=generator, dtype=dtype)
        params["head.weight"] = draw * self.widths[-1] ** -0.5
        params["head.bias"] = torch.zeros(self.classes, dtype=dtype)
        return params, running

    def walk(
        self,
        params: Params,
        x: Tensor,
        normalise: Normaliser,
        nudges: Sequence[Tensor] | None = None,
        responses: list[Tensor] | None = None,
    ) -> Iterator[Tensor]:
        """The states one after the other, (B, channels, height, width), dimensionless; as ``states`` (ours)."""

        def convolution(name: str, h: Tensor, stride: int = 1) -> Tensor:
            if self.padding == "circular":
                return F.conv2d(F.pad(h, (1, 1, 1, 1), mode="circular"), params[f"{name}.weight"], stride=stride)
            return F.conv2d(h, params[f"{name}.weight"], stride=stride, padding=1)

        def responding(h: Tensor) -> Tensor:
            if responses is not None:
                responses.append(h.clone())  # a copy: in the order "post" a ReLU follows that works in place
            return h

        def post(name: str, h: Tensor, stride: int = 1) -> Tensor:
            return responding(normalise(name, convolution(name, h, stride)))

        def pre(name: str, h: Tensor) -> Tensor:
            return responding(convolution(name, normalise(name, h).relu()))

        # ReLU in place: the same numbers, and 12% less time at CIFAR size, where memory is the bottleneck.
        first = post("stem", x).relu_() if self.order == "post" else responding(convolution("stem", x))
        yield (h := _nudged(first, nudges, 0))
        for i, (name, before, width, stride) in enumerate(self.units, start=1):
            if self.order == "post":
                branch = self._scaled(params, name, post(f"{name}.b", post(f"{name}.a", h, stride).relu_()))
                h = join(self.rule, option_a(h, width - before, stride), branch).relu_()
            elif stride == 2:
                h = F.conv2d(h, params[f"{name}.weight"], stride=stride)
            else:
                branch = self._scaled(params, name, pre(f"{name}.b", pre(f"{name}.a", h)))
                h = normalise(f"{name}.sum", join(self.rule, h, branch))
            yield (h := _nudged(h, nudges, i))

    def head(self, params: Params, state: Tensor, running: Params | None = None, training: bool = True) -> Tensor:
        """Class scores (B, classes), dimensionless: average pooling, then linear (He et al. 2015, section 4.2).

        In the order "pre", one more normalisation and ReLU come first (He et al. 2016, "Identity Mappings").
        """
        if self.order == "pre":
            state = self.normaliser(params, running, training)("last", state).relu()
        return F.linear(state.mean((2, 3)), params["head.weight"], params["head.bias"])


class FullyConnected(Network):
    """What fully connected families share: square layers, no map that shrinks."""

    width: int

    @property
    def _square(self) -> range:
        """The numbers of the layers that are as wide as their input."""
        raise NotImplementedError

    @property
    def units(self) -> list[tuple[str, int, int, int]]:
        """Name, input width, output width and stride (1) of each unit."""
        return [(str(i), self.width, self.width, 1) for i in self._square]

    @property
    def transitions(self) -> list[int]:
        """Which units halve a map: none; as for :attr:`ConvNet.transitions`, dimensionless."""
        return []

    def kernels(self, which: str) -> list[str]:
        """Names of the parameters that a projection may act on: "units", all their weights.

        Raises
        ------
        ValueError
            If this network has no such kernels.
        """
        if which != "units":
            raise ValueError(f"a fully connected net has no kernels called {which!r}: choose 'units'")
        return [f"{name}.weight" for name, *_ in self.units]


@dataclass(frozen=True)
class DenseNet(FullyConnected):
    """A fully connected net: a linear layer, L units of one layer each, a linear layer; depth = L + 2.

    A unit normalises, rectifies, multiplies: branch(x) = W phi(BN(x)), joined to x by the ``rule``; so
    nothing stands between one sum and the next. No map shrinks and no border eats signal:
    here depth is nothing but depth. All rules have the same parameters. The form is ours, after the
    pre-activation of He et al. 2016 ("Identity Mappings").

    Attributes
    ----------
    depth : weighted layers, L + 2, from 3 up
    rule : how shortcut and branch are joined, one of :data:`RULES` (see :func:`join`)
    width : D, of every state
    features, classes : of the data
    norm : of the units, one of :data:`NORMS`: "batch" (BN before the ReLU), "frozen" (the same with statistics
        measured once, before training), "sum" (BN after each addition) or "none"
    head_norm : of the last state: "batch", "none", or "": as the units
    alpha : initial value of a learnable scalar at the end of each branch (De and Smith 2020: SkipInit); None: no scalar
    eps : added to each variance; 1e-5 is PyTorch's default
    activation : phi, one of :data:`ACTIVATIONS`: "relu", "abs" (the absolute value), "linear" (none)
    weights : of the units: "he" (normal) or "orthogonal"
    gain : factor on the initial weights of the units

    Raises
    ------
    ValueError
        If a field has no such value.
    """

    depth: int
    rule: str = "plain"
    width: int = 32
    features: int = 64
    classes: int = 10
    norm: str = "batch"
    activation: str = "relu"
    weights: str = "he"
    gain: float = 1.0
    head_norm: str = ""
    alpha: float | None = None
    eps: float = BN_EPS

    def __post_init__(self):
        for value, choices in (
            (self.rule, RULES),
            (self.norm, NORMS),
            (self.head_norm, HEAD_NORMS),
            (self.activation, ACTIVATIONS),
            (self.weights, WEIGHTS),
        ):
            _one_of(value, choices)
        if not isinstance(self.depth, int) or self.depth < 3:
            raise ValueError(f"depth {self.depth!r} is impossible: choose 3 or more")
        _sizes(self.width, self.features, self.classes)
        _numbers(self.gain, self.alpha, self.eps)

    @property
    def _square(self) -> range:
        return range(self.depth - 2)

    def initial(self, generator: torch.Generator, dtype: torch.dtype = torch.float32) -> tuple[Params, Params]:
        """Fresh parameters and running statistics, dimensionless, drawn from ``generator`` only.

        Weights are (D, features), (D, D) and (classes, D), all others (D,) or (classes,). Units: variance
        2 / D under a ReLU (He et al. 2015, "Delving deep into rectifiers"), 1 / D otherwise; the orthogonal ones
        have the same mean square. First and last layer: 1 / fan-in, bias 0 (chosen by us).
        """
        params, running = {}, {}

        def draw(rows: int, columns: int) -> Tensor:
            return torch.randn(rows, columns, generator=generator, dtype=dtype)

        size = self.gain * math.sqrt(2 if self.activation == "relu" else 1)
        params["stem.weight"] = draw(self.width, self.features) * self.features**-0.5
        for name, *_ in self.units:
            weight = draw(self.width, self.width)
            weight = _rotation(weight) if self.weights == "orthogonal" else weight * self.width**-0.5
            params[f"{name}.weight"] = size * weight
            if self.norm == "sum":
                _normalisation(params, running, f"{name}.sum", self.width, dtype, "batch")
            else:
                _normalisation(params, running, name, self.width, dtype, self.norm)
            if self.alpha is not None:
                params[f"{name}.alpha"] = torch.tensor(self.alpha, dtype=dtype)
        _normalisation(params, running, "last", self.width, dtype, self._last_norm)
        params["head.weight"] = draw(self.classes, self.width) * self.width**-0.5
        params["head.bias"] = torch.zeros(self.classes, dtype=dtype)
        return params, running

    def walk(
        self,
        params: Params,
        x: Tensor,
        normalise: Normaliser,
        nudges: Sequence[Tensor] | None = None,
        responses: list[Tensor] | None = None,
    ) -> Iterator[Tensor]:
        """The states one after the other, (B, D), dimensionless; see :meth:`Network.states` (ours)."""
        yield (h := _nudged(F.linear(x.flatten(1), params["stem.weight"]), nudges, 0))
        for i, (name, *_) in enumerate(self.units, start=1):
            branch = F.linear(self._phi(normalise(name, h)), params[f"{name}.weight"])
            branch = self._scaled(params, name, branch)
            if responses is not None:
                responses.append(branch)
            h = normalise(f"{name}.sum", join(self.rule, h, branch))
            yield (h := _nudged(h, nudges, i))

    def head(self, params: Params, state: Tensor, running: Params | None = None, training: bool = True) -> Tensor:
        """Class scores (B, classes), dimensionless: normalised and rectified as in a unit, then linear (ours)."""
        last = self._phi(self.normaliser(params, running, training)("last", state))
        return F.linear(last, params["head.weight"], params["head.bias"])

    def _phi(self, h: Tensor) -> Tensor:
        return h.relu() if self.activation == "relu" else h.abs() if self.activation == "abs" else h


@dataclass(frozen=True)
class SkipNet(FullyConnected):
    """A fully connected net after Orhan and Pitkow 2018: L hidden layers and a linear one; depth = L + 1.

    Hidden layer i computes x_i = phi(W_i x_(i-1) + b_i), and a skip is added after the activation wherever a layer is
    as wide as its input, the first one too. So around one layer, outside its activation: neither He et al.'s block of
    two nor one of their orders. The body of that paper was not at hand: what is recalled of its nets is "our form"
    here. All rules have the same trained parameters.

    Normalisation comes before the activation; its shift takes the place of the bias. No statistics run along: it always
    uses those of the batch at hand.

    Attributes
    ----------
    depth : weighted layers, L + 1, from 2 up
    rule : "plain" (no skip), "residual" (one from the layer before), "hyper" (besides, the sum over all layers before
        that, each through a fixed orthogonal matrix of its own, over their number plus one: hyper-residual) or
        "inside" (the skip is added before the activation: phi((W + S) x + b))
    width : D, of every hidden layer
    features, outputs : of the data
    skip : what a unit receives around its layer: "identity" (from the unit of the same number), "common" (all the same:
        the sum over all units, over sqrt(D)), "opposite" (the same with alternating sign), "spared" (as
        identity, but the second unit receives nothing), or through a fixed matrix, drawn for each layer: "orthogonal"
        (evenly distributed), "gaussian" (independent entries, of the same expected size), "copies" (only ``distinct``
        skip vectors, its rows, each repeated as often as fits, with a tenth of noise), "whitened" (the orthogonal
        matrix nearest to those copies) or "turned" (the copies after a rotation: no vector is repeated, the singular
        values are the same)
    activation : phi, one of :data:`SKIP_ACTIVATIONS`
    weights : of hidden layers: "glorot", "he", "orthogonal", or "identity" (with a tenth of Glorot's noise)
    gain : factor on the initial weights of the hidden layers
    norm : "none", "batch" (BN) or "layer" (layer normalisation, Ba et al. 2016)
    distinct : how many skip vectors are repeated
    cancelled : what is taken off the initial weights wherever there is a skip: nothing (""), the skip's matrix S
        ("own") or S with its rows moved on by one ("next": from each unit the skip of another). Under "inside" the net
        with "own" is the plain one, and stays so under gradient descent without weight decay; under the other rules a
        layer is phi((W - S) x + b) + S x, cancelled where a unit is active
    forward_gain : None (states come as large as they come), or: the root mean square of the first state at the start
        is 1, that of each later one so many times the one before, by a constant factor on each layer's output

    Raises
    ------
    ValueError
        If a field has no such value.
    """

    depth: int
    rule: str = "plain"
    width: int = 10
    features: int = 16
    outputs: int = 10
    skip: str = "identity"
    activation: str = "relu"
    weights: str = "glorot"
    gain: float = 1.0
    norm: str = "none"
    distinct: int = 1
    cancelled: str = ""
    forward_gain: float | None = None

    eps = BN_EPS
    head_norm = ""
    alpha = None

    def __post_init__(self):
        for value, choices in (
            (self.rule, SKIP_RULES),
            (self.skip, SKIPS),
            (self.activation, SKIP_ACTIVATIONS),
            (self.weights, SKIP_WEIGHTS),
            (self.norm, SKIP_NORMS),
            (self.cancelled, CANCELLED),
        ):
            _one_of(value, choices)
        if not isinstance(self.depth, int) or self.depth < 2:
            raise ValueError(f"depth {self.depth!r} is impossible: choose 2 or more")
        if self.rule == "plain" and self.skip != "identity":
            raise ValueError(f"a plain net has no skip {self.skip!r}: choose the rule 'residual', or leave it")
        if self.rule == "plain" and self.cancelled:
            raise ValueError("a plain net has no skip to be cancelled: choose the rule 'residual' or 'inside'")
        _sizes(self.width, self.features, self.outputs)
        _numbers(self.gain, None, self.eps)
        if self.forward_gain is not None and not (
            isinstance(self.forward_gain, int | float) and 0 < self.forward_gain < math.inf
        ):
            raise ValueError(f"forward_gain {self.forward_gain!r} is impossible: choose a positive number, or None")
        if not isinstance(self.distinct, int) or not 1 <= self.distinct <= self.width:
            raise ValueError(f"distinct {self.distinct!r} is impossible: choose 1 to {self.width}, the width")
        if self.distinct > 1 and self.skip not in ("copies", "whitened", "turned"):
            raise ValueError(f"a skip {self.skip!r} repeats no vectors: choose 'copies', or leave distinct at 1")

    @property
    def _square(self) -> range:
        return range(1, self.depth - 1)

    def initial(self, generator: torch.Generator, dtype: torch.dtype = torch.float32) -> tuple[Params, Params]:
        """Fresh parameters and (no) running statistics, dimensionless, drawn from ``generator`` only.

        Weights are (D, features), (D, D) and (outputs, D), biases (D,) and (outputs,), all 0. Variances: 2 / (before +
        after) (Glorot and Bengio 2010), also of the last layer; 2 / before (He et al. 2015, "Delving deep into
        rectifiers"); orthogonal ones have the mean square of the latter under a ReLU, half of it under tanh.
        Normalisation: scale 1, shift 0.
        """
        params: Params = {}
        before = self.features
        for i in range(self.depth - 1):
            weight = torch.randn(self.width, before, generator=generator, dtype=dtype)
            params[f"{i}.weight"] = self.gain * self._sized(weight)
            if self.norm != "none":
                params[f"{i}.scale"] = torch.ones(self.width, dtype=dtype)
            params[self._offset(i)] = torch.zeros(self.width, dtype=dtype)
            before = self.width
        weight = torch.randn(self.outputs, self.width, generator=generator, dtype=dtype)
        params["head.weight"] = weight * math.sqrt(2 / (self.width + self.outputs))
        params["head.bias"] = torch.zeros(self.outputs, dtype=dtype)
        if self.rule == "hyper":
            for i in range(self.depth - 3):
                params[f"{i}.fixed"] = _rotation(torch.randn(self.width, self.width, generator=generator, dtype=dtype))
        skipped = [] if self.rule == "plain" else [i for i in range(self.depth - 1) if self._has_skip(i)]
        if self.skip in DRAWN_SKIPS:
            for i in skipped:
                params[f"{i}.skip.fixed"] = self._drawn(generator, dtype)
        if self.cancelled:
            for i in skipped:
                params[f"{i}.weight"] -= self._matrix(params, i).roll(1 if self.cancelled == "next" else 0, 0)
        if self.forward_gain is not None:
            for i in range(self.depth - 1):
                params[f"{i}.size.fixed"] = torch.ones((), dtype=dtype)
        return params, {}

    @torch.no_grad()
    def measure_size(self, params: Params, x: Tensor) -> None:
        """Set the constant factors so that the states of ``x`` have the sizes of ``forward_gain``, in place (ours).

        Dimensionless; from the first layer to the last. A state that is 0 everywhere makes its factor infinite, and
        the run is lost.
        """
        if self.forward_gain is None:
            return
        # The walk is lazy: a state that is changed in place is the one that the next layer receives.
        for i, state in enumerate(self.walk(params, x, self.normaliser(params))):
            factor = self.forward_gain**i / state.square().mean().sqrt()
            params[f"{i}.size.fixed"].mul_(factor)
            state.mul_(factor)

    def incoming(self, params: Params, i: int) -> Tensor:
        """The weights into the units of hidden layer ``i``, rows of (D, before), dimensionless.

        Under the rule "inside" with the skip's (ours: they are what a unit receives its input through).
        """
        weight = params[f"{i}.weight"]
        return weight + self._matrix(params, i) if self.rule == "inside" and self._has_skip(i) else weight

    def _matrix(self, params: Params, i: int) -> Tensor:
        """The skip's matrix S around layer ``i``, (D, D)."""
        weight = params[f"{i}.weight"]
        return self._skip(params, i, torch.eye(self.width, dtype=weight.dtype, device=weight.device)).T

    def _has_skip(self, i: int) -> bool:
        return i > 0 or self.features == self.width

    def _offset(self, i: int) -> str:
        """What is added to a layer's units before the activation: its bias, or the shift of its normalisation."""
        return f"{i}.bias" if self.norm == "none" else f"{i}.shift"

    def _drawn(self, generator: torch.Generator, dtype: torch.dtype) -> Tensor:
        """A fixed matrix (D, D) of the kind ``skip``, whose rows are the skip vectors, of length 1 or nearly so."""
        noise = torch.randn(self.width, self.width, generator=generator, dtype=dtype)
        if self.skip == "gaussian":
            return noise * self.width**-0.5
        rotation = _rotation(noise)
        if self.skip == "orthogonal":
            return rotation
        noise = torch.randn(self.width, self.width, generator=generator, dtype=dtype) * self.width**-0.5
        copies = rotation[torch.arange(self.width) % self.distinct] + NEAR * noise
        if self.skip == "copies":
            return copies
        if self.skip == "turned":
            return _rotation(torch.randn(self.width, self.width, generator=generator, dtype=dtype)) @ copies
        u, _, vh = torch.linalg.svd(copies.double())
        return (u @ vh).to(dtype)

    def _sized(self, weight: Tensor) -> Tensor:
        """Standard normal ``weight`` (after, before), made into initial weights."""
        after, before = weight.shape
        glorot = weight * math.sqrt(2 / (after + before))
        if self.weights == "identity" and after == before:
            return torch.eye(after, dtype=weight.dtype) + NEAR * glorot
        if self.weights == "orthogonal":
            longer = weight if after >= before else weight.T
            rotation = _rotation(longer) * math.sqrt(len(longer) / before * (2 if self.activation == "relu" else 1))
            return rotation if after >= before else rotation.T
        return glorot if self.weights == "glorot" else weight * math.sqrt(2 / before)

    def walk(
        self,
        params: Params,
        x: Tensor,
        normalise: Normaliser,
        nudges: Sequence[Tensor] | None = None,
        responses: list[Tensor] | None = None,
    ) -> Iterator[Tensor]:
        """The hidden layers' outputs one after the other, (B, D), dimensionless; see :meth:`Network.states` (ours)."""
        h, passed = x.flatten(1), []
        for i in range(self.depth - 1):
            skip = self._skip(params, i, h) if self.rule != "plain" and self._has_skip(i) else None
            into = F.linear(h, params[f"{i}.weight"], params.get(f"{i}.bias"))
            if self.rule == "inside" and skip is not None:
                into, skip = into + skip, None
            branch = self._phi(self._normalised(params, i, into))
            if responses is not None:
                responses.append(branch)
            state = branch if skip is None else branch + skip
            if self.rule == "hyper" and i > 1:
                state = state + sum(F.linear(early, params[f"{k}.fixed"]) for k, early in enumerate(passed[:-1])) / i
            if self.forward_gain is not None:
                state = params[f"{i}.size.fixed"] * state
            yield (h := _nudged(state, nudges, i))
            passed.append(h)

    def head(self, params: Params, state: Tensor, running: Params | None = None, training: bool = True) -> Tensor:
        """The output layer, (B, outputs), dimensionless: linear (ours, as in most nets)."""
        return F.linear(state, params["head.weight"], params["head.bias"])

    def _phi(self, h: Tensor) -> Tensor:
        return h.relu() if self.activation == "relu" else h.tanh()

    def _normalised(self, params: Params, i: int, into: Tensor) -> Tensor:
        """Mean 0 and variance 1 over the batch, or over the layer's units, then scale and shift.

        Written out, because PyTorch's own BN, mapped over seeds, rounds differently when they are grouped differently.
        """
        if self.norm == "none":
            return into
        over = 0 if self.norm == "batch" else 1
        centred = into - into.mean(over, keepdim=True)
        normal = centred * (centred.square().mean(over, keepdim=True) + self.eps).rsqrt()
        return normal * params[f"{i}.scale"] + params[f"{i}.shift"]

    def _skip(self, params: Params, i: int, h: Tensor) -> Tensor:
        """What goes around layer ``i``, (B, D): the fixed matrix S of the field ``skip`` times ``h``."""
        if self.skip in DRAWN_SKIPS:
            return F.linear(h, params[f"{i}.skip.fixed"])
        units = torch.arange(self.width, device=h.device)
        match self.skip:
            case "identity":
                return h
            case "spared":
                return h * (units != 1)
            case "common":
                signs = torch.ones_like(units, dtype=h.dtype)
            case "opposite":
                signs = 1.0 - 2.0 * (units % 2).to(h.dtype)
        return h.sum(-1, keepdim=True) * self.width**-0.5 * signs

    def _unit(self, params: Params, unit: int, whole: bool) -> Tensor:
        """The weights into a unit of the first layer and its bias or shift; ``whole``: those out of it, too."""
        after = "1.weight" if self.depth > 2 else "head.weight"
        incoming = [params["0.weight"][unit], params[self._offset(0)][unit : unit + 1]]
        return torch.cat([*incoming, params[after][:, unit]] if whole else incoming)

    def place(self, params: Params, point: str, distance: float, whole: bool, generator: torch.Generator) -> None:
        """Move the second unit of the first layer, in place, to a ``distance`` from a singular point, in any direction.

        Its weights and bias (or shift) become 0 ("elimination"), those of the first unit ("overlap") or their negatives
        ("mirror": under tanh the two units are linearly dependent), plus a vector of that length; dimensionless.
        ``whole``: the weights out of the unit, too. Source: the singularities of Orhan and Pitkow 2018; the mirror, for
        the third, is our choice.
        """
        _one_of(point, tuple(SINGULARITIES))
        direction = torch.randn(len(self._unit(params, 1, whole)), generator=generator, dtype=params["0.weight"].dtype)
        new = SINGULARITIES[point] * self._unit(params, 0, whole) + distance * direction / direction.norm()
        params["0.weight"][1], params[self._offset(0)][1] = new[: self.features], new[self.features]
        if whole:
            params["1.weight" if self.depth > 2 else "head.weight"][:, 1] = new[self.features + 1 :]

    def distance(self, params: Params, point: str, whole: bool) -> Tensor:
        """Euclidean distance of the second unit's weights from a singular point, see :meth:`place`; () dimensionless.

        Source: ours.
        """
        return (self._unit(params, 1, whole) - SINGULARITIES[point] * self._unit(params, 0, whole)).norm()


Net = ConvNet | DenseNet | SkipNet


def _rotation(weight: Tensor) -> Tensor:
    """Orthonormal columns from a standard normal ``weight``, evenly distributed over all rotations and reflections."""
    q, r = torch.linalg.qr(weight)
    return q * r.diagonal().sign()


def _one_of(value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{value!r} is not one of {', '.join(choices)}")


def _sizes(*sizes: int) -> None:
    if not all(isinstance(size, int) and size > 0 for size in sizes):
        raise ValueError(f"sizes {sizes} are impossible: choose widths, inputs and classes of 1 or more")


def _numbers(gain: float, alpha: float | None, eps: float) -> None:
    for name, value in (("gain", gain), ("alpha", 0.0 if alpha is None else alpha), ("eps", eps)):
        if not (isinstance(value, int | float) and math.isfinite(value)):
            raise ValueError(f"{name} {value!r} is impossible: choose a finite number")
    if eps <= 0:
        raise ValueError(f"eps {eps!r} is impossible: choose a positive number, such as 1e-5")


def _normalisation(
    params: Params, running: Params, name: str, width: int, dtype: torch.dtype, kind: str, scale: float = 1.0
) -> None:
    """Enter a fresh normalisation called ``name``: its statistics run beside the parameters, or are frozen in them."""
    if kind == "none":
        return
    params[f"{name}.scale"] = torch.full((width,), scale, dtype=dtype)
    params[f"{name}.shift"] = torch.zeros(width, dtype=dtype)
    statistics = params if kind == "frozen" else running
    statistics[f"{name}.mean"] = torch.zeros(width, dtype=dtype)
    statistics[f"{name}.var"] = torch.ones(width, dtype=dtype)


def option_a(h: Tensor, more: int, stride: int) -> Tensor:
    """The parameter-free shortcut: every ``stride``-th pixel, ``more`` channels of zeros appended.

    Source: He et al. 2015, section 3.3, option A. Shapes (B, channels, height, width), dimensionless.
    """
    if stride == 1 and more == 0:
        return h
    return F.pad(h[:, :, ::stride, ::stride], (0, 0, 0, 0, 0, more))


def parameter_count(net: Net) -> int:
    """Number of trained parameters, dimensionless (He et al. 2015, Table 6)."""
    params, _ = net.initial(torch.Generator().manual_seed(0))
    return sum(p.numel() for name, p in params.items() if not name.endswith(CONSTANTS))


def identity_extension(
    net: ConvNet, params: Params, running: Params, depth: int, x: Tensor
) -> tuple[ConvNet, Params, Params]:
    """A deeper plain net that computes the same function: ``net`` with identity units appended to each stage.

    The net, its parameters and running statistics, dimensionless, of the shape of :meth:`ConvNet.initial`'s.

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
            params[f"{half}.scale"], params[f"{half}.shift"] = (var + net.eps).sqrt(), mean.clone()
            running[f"{half}.mean"], running[f"{half}.var"] = mean.clone(), var.clone()
    return deep, params, running


def procrustes(weight: Tensor, grid: int = 8, size: float = 1.0, spread: float = 1.0) -> Tensor:
    """The kernel whose convolution keeps norms, closest to ``weight``: orthogonal Procrustes, shape of ``weight``.

    A circular convolution of stride 1 on a ``grid`` x ``grid`` map is, frequency by frequency, one matrix
    K (channels after, channels before); its singular values together are those of the convolution (Sedghi et al.
    2019). Each K = U S V* is replaced by U V*, the closest matrix whose singular values are equal (Zaeemzadeh et
    al. 2021, their code), times ``size`` sqrt(after / before). A 1x1 kernel has one K for all
    frequencies, so the result is exact, at any stride and for any padding of 0. A 3x3 kernel is cut back to its support
    afterwards, as in their code, so the result is approximate, and one pass may even spread the values: only passes
    after every step bring them together. Dimensionless.

    Parameters
    ----------
    weight : (after, before, side, side) or (after, before); at stride 2 a 1x1 kernel acts on every second pixel
    grid : pixels a side, at least those of the kernel; 8: the size of a digit, on smaller and larger maps, too
        (chosen by us; their code takes the size of each map)
    size : of the singular values, relative to sqrt(after / before), their value in Zaeemzadeh et al.
    spread : ratio of the largest to the smallest singular value (1 keeps norms; more is our control: same mean
        square, evenly spaced on the logarithm, in the order that they had)
    """
    after, before, side = *weight.shape[:2], (weight.shape[2] if weight.ndim == 4 else 1)
    flat, exact = side == 1, weight.double()  # in 32 bits LAPACK may not converge when singular values are equal
    k = exact.reshape(after, before) if flat else torch.fft.rfft2(exact, s=(grid, grid)).permute(2, 3, 0, 1)
    u, _, vh = torch.linalg.svd(k, full_matrices=False)
    values = torch.logspace(0, -math.log10(spread), u.shape[-1], dtype=exact.dtype, device=weight.device)
    values = values * size * math.sqrt(after / before) / values.square().mean().sqrt()
    k = (u * values) @ vh
    if flat:
        return k.reshape(weight.shape).to(weight.dtype)
    return torch.fft.irfft2(k.permute(2, 3, 0, 1), s=(grid, grid))[:, :, :side, :side].contiguous().to(weight.dtype)
