"""What a network is: frozen descriptions that refuse what is impossible. No tensors: they work where torch is absent.

A description says everything about a network but the shape of its data. ``nets.build`` makes it compute.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from whyresnets import checks
from whyresnets.nets.rules import RULES

NORMS = ("batch", "frozen", "sum", "none")
HEAD_NORMS = ("", "batch", "none")
HEAD_ACTIVATIONS = ("", "linear")
KERNELS = ("transitions", "ordinary", "units")
DRAWN_SKIPS = ("orthogonal", "gaussian", "copies", "whitened", "turned")  # their matrices are drawn, one for each layer
SKIPS = ("identity", "common", "opposite", "spared", *DRAWN_SKIPS)
CONV_SKIPS = ("identity", "permuted")
CONV_WEIGHTS = ("he", "dirac", "orthogonal")
REPEATED = ("copies", "whitened", "turned")  # skips that are made of a few vectors
SINGULARITIES = {"elimination": 0, "overlap": 1, "mirror": -1}  # the second unit is so many times the first
STAGES = 3  # each with its width: He et al. 2015, section 4.2
BN_EPS = 1e-5  # PyTorch's default


@dataclass(frozen=True)
class Conv:
    """A convolutional net of He et al. 2015, section 4.2: depth = 6 n + 2 layers, or of its successor, 6 n + 4.

    A 3x3 convolution, three stages of n units of two 3x3 convolutions each, global average pooling, one linear layer.
    In the order "post", normalisation and ReLU follow a convolution, the last ReLU the sum, and shortcuts across stages
    are parameter-free (option A). In the order "pre" they precede it (He et al. 2016, "Identity Mappings"), so that
    nothing stands between one sum and the next, and between two stages stands a unit of its own, a 1x1 convolution of
    stride 2 (Zaeemzadeh et al. 2021, their code). All rules have the same parameters.

    Attributes
    ----------
    depth : weighted layers: 8, 14, 20, ..., 6 n + 2, or 10, 16, 22, ..., 6 n + 4
    rule : how shortcut and branch are joined, one of :data:`whyresnets.nets.rules.RULES`
    widths : channels in the three stages; half of He et al.'s (chosen by us: digits are small)
    norm : of the units: "batch" (before or after each convolution, see ``order``) or "none"; in the order "pre" also
        "frozen" (statistics measured once, before training) or "sum" (after each addition)
    head_norm : of the last state, in the order "pre": "batch", "none", or "": as the units
    alpha : initial value of a learnable scalar at the end of each branch (De and Smith 2020: SkipInit); None: no scalar
    eps : added to each variance
    gain : factor on the initial weights of every convolution; 1 is He initialisation
    padding : "zeros" (He et al.) or "circular" (no border, so no loss of signal at it)
    zero_init_residual : if true, the last normalisation of each unit starts at scale 0, so that each residual unit
        starts as the identity (Goyal et al. 2017, section 5.1); in the order "post" only
    order : "post" or "pre"
    weights : the initial kernels of the units: "he" (normal), "dirac" (the middle pixel hands each channel on, repeated
        where there are more channels after than before: without BN a plain net is then the identity after its first
        layer; Zagoruyko and Komodakis 2017, "DiracNets", use such kernels as a parametrisation) or "orthogonal" (the
        middle pixel alone, an orthogonal matrix of the size of He's: "delta-orthogonal", Xiao et al. 2018)
    skip : what goes around a branch: "identity", or "permuted": its pixels in a fixed order that is drawn for each unit
        anew, so that nothing is lost and nothing is at its place (our control)

    Raises
    ------
    ValueError
        If a field has no such value.
    """

    family: ClassVar[str] = "conv"

    depth: int
    rule: str = "plain"
    widths: tuple[int, ...] = (8, 16, 32)
    norm: str = "batch"
    head_norm: str = ""
    alpha: float | None = None
    eps: float = BN_EPS
    gain: float = 1.0
    padding: str = "zeros"
    zero_init_residual: bool = False
    order: str = "post"
    weights: str = "he"
    skip: str = "identity"

    def __post_init__(self):
        checks.keep(self, checks.one_of, "order", choices=("post", "pre"))
        pre = self.order == "pre"
        checks.keep(self, checks.one_of, "rule", choices=tuple(RULES))
        checks.keep(self, checks.one_of, "norm", choices=NORMS if pre else ("batch", "none"))
        checks.keep(self, checks.one_of, "head_norm", choices=HEAD_NORMS if pre else ("",))
        checks.keep(self, checks.one_of, "padding", choices=("zeros", "circular"))
        checks.keep(self, checks.one_of, "weights", choices=CONV_WEIGHTS)
        checks.keep(self, checks.one_of, "skip", choices=CONV_SKIPS)
        checks.keep(self, checks.yes_or_no, "zero_init_residual")
        checks.keep(self, checks.whole, "depth")
        more = 2 + self._transitions  # layers outside the units
        if self.depth < 6 + more or (self.depth - more) % 6:
            depths = ", ".join(str(6 * n + more) for n in (1, 3, 9))
            raise ValueError(f"depth {self.depth} is impossible: choose 6 n + {more}, such as {depths}")
        checks.keep(self, checks.several, "widths", of=checks.whole, least=1)
        if len(self.widths) != STAGES:
            raise ValueError(f"widths {self.widths} are impossible: choose {STAGES} of them")
        checks.keep(self, checks.number, "gain")
        checks.keep(self, checks.number, "eps", above=0)
        checks.keep(self, checks.number_or_none, "alpha")
        if self.zero_init_residual and (self.norm == "none" or self.order == "pre"):
            # Before a ReLU, 0 would stay 0 for ever.
            raise ValueError("zero_init_residual needs a last normalisation: choose norm='batch', order='post'")
        if self.rule == "plain" and self.skip != "identity":
            raise ValueError(f"a plain net has no skip {self.skip!r}: choose the rule 'residual', or leave it")

    @property
    def _transitions(self) -> int:
        return STAGES - 1 if self.order == "pre" else 0

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
        """Which units halve the map: their indices among :attr:`units`.

        >>> Conv(22, order="pre").transitions
        [3, 7]
        """
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
        checks.one_of("kernels", which, KERNELS)
        if which == "transitions" and self.order == "post":
            raise ValueError("only networks of the order 'pre' have transition convolutions: choose order='pre'")
        names = [unit[0] for unit in self.units]
        if which == "transitions":
            return [f"{names[i]}.weight" for i in self.transitions]
        if which == "ordinary":
            return [f"{names[i - 1]}.b.weight" for i in self.transitions]
        return [f"{n}.{half}.weight" for i, n in enumerate(names) if i not in self.transitions for half in "ab"]


@dataclass(frozen=True)
class Dense:
    """A fully connected net, in one of two orders. No map shrinks, no border eats signal: depth is nothing but depth.

    All rules have the same trained parameters.

    "pre": a linear layer, L units of one layer each, a linear layer; depth = L + 2. A unit normalises, rectifies,
    multiplies: branch(x) = W phi(BN(x)), joined to S x by the ``rule``; so nothing stands between one sum and the next.
    The form is ours, after the pre-activation of He et al. 2016 ("Identity Mappings"). Before the last layer stands
    what a unit begins with, so that a net without units (depth 2) has one hidden layer; with ``head_activation``
    "linear" it is a linear model.

    "post", after Orhan and Pitkow 2018: L hidden layers and a linear one; depth = L + 1. Hidden layer i computes
    x_i = phi(BN(W_i x_(i-1) + b_i)), and a skip is added after the activation wherever a layer is as wide as its input,
    the first one too. So around one layer, outside its activation: neither He et al.'s block of two nor one of their
    orders. The body of that paper was not at hand: what is recalled of its nets is "our form" here. The shift of a
    normalisation takes the place of the bias. No statistics run along: it always uses those of the batch at hand.

    Attributes
    ----------
    depth : weighted layers, from 2 up
    rule : how shortcut and branch are joined: in the order "pre" one of :data:`whyresnets.nets.rules.RULES`; in the
        order "post" "plain" (no skip), "residual" (one from the layer before), "hyper" (besides, the sum over all
        layers before that, each through a fixed orthogonal matrix of its own, over their number plus one:
        hyper-residual) or "inside" (the skip is added before the activation: phi((W + S) x + b))
    width : D, of every state
    norm : "batch" (BN before the activation) or "none"; in the order "pre" also "frozen" (the same with statistics
        measured once, before training) or "sum" (BN after each addition); in the order "post" also "layer" (layer
        normalisation, Ba et al. 2016)
    head_norm : of the last state, in the order "pre": "batch", "none", or "": as the units
    head_activation : of the last state, in the order "pre": "linear" (none), or "": as the units
    alpha : initial value of a learnable scalar at the end of each branch (De and Smith 2020: SkipInit), in the order
        "pre"; None: no scalar
    eps : added to each variance
    gain : factor on the initial weights of the units or hidden layers
    activation : phi: "relu", "tanh", "sigmoid", "abs" (the absolute value) or "linear" (none)
    weights : of the units or hidden layers: "he" (normal), "orthogonal" or "identity" (in the order "post" with a tenth
        of Glorot's noise); in the order "post" also "glorot"
    order : "pre" or "post"
    skip : what a unit receives around its layer, S x: "identity" (from the unit of the same number), "common" (all the
        same: the sum over all units, over sqrt(D)), "opposite" (the same with alternating sign), "spared" (as
        identity, but the second unit receives nothing), or through a fixed matrix, drawn for each layer: "orthogonal"
        (evenly distributed), "gaussian" (independent entries, of the same expected size), "copies" (only ``distinct``
        skip vectors, its rows, each repeated as often as fits, with a tenth of noise), "whitened" (the orthogonal
        matrix nearest to those copies) or "turned" (the copies after a rotation: no vector is repeated, the singular
        values are the same)
    skip_condition : condition number of the matrices of the skip "orthogonal", of singular values between two random
        rotations, of mean square 1; 1: a rotation
    skip_small : how many of these singular values are small: they are 1 / ``skip_condition`` of the others; 0: all are
        evenly spaced on the logarithm
    distinct : how many skip vectors are repeated
    cancelled : in the order "post", what is taken off the initial weights wherever there is a skip: nothing (""), the
        skip's matrix S ("own") or S with its rows moved on by one ("next": from each unit the skip of another). Under
        "inside" the net with "own" is the plain one, and stays so under gradient descent without weight decay; under
        the other rules a layer is phi((W - S) x + b) + S x, cancelled where a unit is active
    forward_gain : in the order "post": None (states come as large as they come), or: the root mean square of the first
        state at the start is 1, that of each later one so many times the one before, by a constant factor on each
        layer's output

    Raises
    ------
    ValueError
        If a field has no such value.
    """

    family: ClassVar[str] = "dense"

    depth: int
    rule: str = "plain"
    width: int = 32
    norm: str = "batch"
    head_norm: str = ""
    head_activation: str = ""
    alpha: float | None = None
    eps: float = BN_EPS
    gain: float = 1.0
    activation: str = "relu"
    weights: str = "he"
    order: str = "pre"
    skip: str = "identity"
    skip_condition: float = 1.0
    skip_small: int = 0
    distinct: int = 1
    cancelled: str = ""
    forward_gain: float | None = None

    def __post_init__(self):
        checks.keep(self, checks.one_of, "order", choices=("pre", "post"))
        checks.keep(self, checks.whole, "depth", least=2)
        checks.keep(self, checks.whole, "width", "distinct", least=1)
        checks.keep(self, checks.one_of, "activation", choices=("relu", "tanh", "sigmoid", "abs", "linear"))
        checks.keep(self, checks.one_of, "head_norm", choices=HEAD_NORMS)
        checks.keep(self, checks.one_of, "head_activation", choices=HEAD_ACTIVATIONS)
        checks.keep(self, checks.one_of, "skip", choices=SKIPS)
        checks.keep(self, checks.one_of, "cancelled", choices=("", "own", "next"))
        checks.keep(self, checks.number, "gain")
        checks.keep(self, checks.number, "eps", above=0)
        checks.keep(self, checks.number, "skip_condition", least=1)
        checks.keep(self, checks.whole, "skip_small")
        checks.keep(self, checks.number_or_none, "alpha")
        checks.keep(self, checks.number_or_none, "forward_gain", above=0)
        self._refuse_in_pre() if self.order == "pre" else self._refuse_in_post()
        self._refuse_skips()

    def _refuse_skips(self) -> None:
        if self.rule == "plain" and self.skip != "identity":
            raise ValueError(f"a plain net has no skip {self.skip!r}: choose the rule 'residual', or leave it")
        if self.distinct > self.width:
            raise ValueError(f"distinct {self.distinct} is impossible: choose 1 to {self.width}, the width")
        if self.distinct > 1 and self.skip not in REPEATED:
            raise ValueError(f"a skip {self.skip!r} repeats no vectors: choose 'copies', or leave distinct at 1")
        if self.skip_condition > 1 and self.skip != "orthogonal":
            raise ValueError(f"a skip {self.skip!r} has the condition number it has: choose 'orthogonal', or leave it")
        if self.skip_small and (self.skip_condition == 1 or self.skip_small >= self.width):
            raise ValueError(f"skip_small {self.skip_small}: choose a skip_condition > 1, and fewer than {self.width}")

    def _refuse_in_pre(self) -> None:
        checks.keep(self, checks.one_of, "rule", choices=tuple(RULES))
        checks.keep(self, checks.one_of, "norm", choices=NORMS)
        checks.keep(self, checks.one_of, "weights", choices=("he", "orthogonal", "identity"))
        if (self.cancelled, self.forward_gain) != ("", None):
            raise ValueError("cancelled skips and sizes belong to another order: choose order='post'")

    def _refuse_in_post(self) -> None:
        checks.keep(self, checks.one_of, "rule", choices=("plain", "residual", "hyper", "inside"))
        checks.keep(self, checks.one_of, "norm", choices=("none", "batch", "layer"))
        checks.keep(self, checks.one_of, "weights", choices=("glorot", "he", "orthogonal", "identity"))
        if self.head_norm or self.head_activation or self.alpha is not None:
            raise ValueError("head_norm, head_activation, alpha belong to the order 'pre': choose that, or leave them")
        if self.rule == "plain" and self.cancelled:
            raise ValueError("a plain net has no skip to be cancelled: choose the rule 'residual' or 'inside'")

    @property
    def units(self) -> list[tuple[str, int, int, int]]:
        """Name, input width, output width and stride (1) of each unit, or hidden layer as wide as its input."""
        numbers = range(self.depth - 2) if self.order == "pre" else range(1, self.depth - 1)
        return [(str(i), self.width, self.width, 1) for i in numbers]

    @property
    def transitions(self) -> list[int]:
        """Which units halve a map: none; as for :attr:`Conv.transitions`."""
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


Architecture = Conv | Dense
FAMILIES: dict[str, type[Architecture]] = {"conv": Conv, "dense": Dense}


def skips_layers(net: Architecture) -> bool:
    """Whether it is a fully connected net in the order "post": its skips lead around single layers."""
    return isinstance(net, Dense) and net.order == "post"


def after_orhan(depth: int, rule: str = "plain", width: int = 10, **how: Any) -> Dense:
    """A :class:`Dense` in the order "post" as Orhan and Pitkow 2018 begin: Glorot's weights, no normalisation.

    >>> after_orhan(3, "residual", activation="tanh").order
    'post'
    """
    return Dense(depth, rule, width, **{"norm": "none", "weights": "glorot", "order": "post", **how})
