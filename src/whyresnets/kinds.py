"""Kinds of nets, a row each: how an arm of that kind is called, drawn, and written as a formula.

Colours are seaborn's colour-blind palette. An arm names its kind; no name is ever parsed.
"""

from dataclasses import dataclass

BLUE, ORANGE, GREEN, VERMILION, PURPLE = "#0173b2", "#de8f05", "#029e73", "#d55e00", "#cc78bc"
BROWN, PINK, GREY, YELLOW, SKY = "#ca9161", "#fbafe4", "#949494", "#ece133", "#56b4e9"
COLOURS = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, BROWN, PINK, GREY, YELLOW, SKY)  # in seaborn's order


@dataclass(frozen=True)
class Kind:
    """What arms of one kind share.

    Attributes
    ----------
    label : the kind in words
    colour : of its lines and marks
    formula : what a block computes, f the branch and x what comes in; "" where there is no block to speak of
    """

    label: str
    colour: str
    formula: str = ""


class UnknownKind(ValueError):
    """A kind that has no row in :data:`KINDS`; the message says what to do."""


KINDS = {
    "plain": Kind("plain", VERMILION, "f(x)"),
    "residual": Kind("residual", BLUE, "x + f(x)"),
    "half": Kind("half the shortcut", ORANGE, "x / 2 + f(x)"),
    "shuffled": Kind("another image's shortcut", PURPLE, "x' + f(x)"),
    "zero-init residual": Kind("residual, last BN scale 0 at the start", GREEN, "x + f(x), f = 0 at the start"),
    "plain, Dirac start": Kind("plain, identity kernels", GREEN, "f(x), identity kernels at the start"),
    "plain, delta-orthogonal start": Kind("plain, rotation kernels", ORANGE, "f(x), rotation kernels at the start"),
    "permuted shortcut": Kind("shortcut with its pixels in another order", SKY, "P x + f(x), P a permutation"),
    # Within reach
    "rotated shortcut": Kind("shortcut through a rotation", GREEN, "Q x + f(x), Q orthogonal"),
    "stretched shortcut": Kind("shortcut of a condition number", PURPLE, "M x + f(x), M of the norm of a rotation"),
    "lowered shortcut": Kind("shortcut that makes some directions small", SKY, "M x + f(x), M of one norm"),
    "shallow plain": Kind("shallow plain net", BROWN, "f(x)"),
    "identity start": Kind("plain, units start as the identity", ORANGE, "f(x), W = I at the start"),
    "grown plain": Kind("plain, grown from a shallow net", VERMILION, "f(x), f = x at the start, and noise"),
    "frozen branches": Kind("branches never trained", GREY, "S x + f(x), f fixed"),
    "linear model": Kind("linear model", BROWN),
    "one hidden layer": Kind("one hidden layer", ORANGE),
    # Vanishing
    "plain, equal steps": Kind("plain, weights scaled for equal relative steps", PURPLE, "f(x)"),
    "plain, orthogonal": Kind("plain, BN, ReLU, orthogonal weights", BROWN, "f(x)"),
    "plain, no BN, small weights": Kind("plain, no BN, small weights", GREY, "f(x), f without BN"),
    "sigmoid": Kind("plain, no BN, sigmoid", PURPLE, "f(x), f without BN"),
    "sigmoid, BN": Kind("plain, BN, sigmoid", SKY, "f(x)"),
    "sigmoid, BN, orthogonal": Kind("plain, BN, sigmoid, orthogonal weights", GREEN, "f(x)"),
    # Norm preservation
    "residual, no BN": Kind("residual, no BN", ORANGE, "x + f(x), f without BN"),
    "residual, small start": Kind("residual, branches small at the start", GREEN, "x + f(x), f of size 1/sqrt(L)"),
    "residual, no BN, small start": Kind("residual without BN, small at the start", GREEN, "x + f(x), f without BN"),
    "projected": Kind("transitions projected", GREEN, "x + f(x)"),
    "ordinary projected": Kind("ordinary kernels projected", ORANGE, "x + f(x)"),
    "uneven": Kind("transitions projected to uneven singular values", YELLOW, "x + f(x)"),
    "ordinary uneven": Kind("ordinary kernels projected to uneven singular values", YELLOW, "x + f(x)"),
    "rotation": Kind("orthogonal layers", SKY, "W x, W orthogonal"),
    "folding": Kind("orthogonal layers and absolute values", PURPLE, "W |x|, W orthogonal"),
    "folding, uneven": Kind("the same with uneven singular values", PURPLE, "W |x|"),
    # Identity bias
    "convolutional residual": Kind("convolutional residual, BN", BLUE, "x + f(x)"),
    "convolutional SkipInit": Kind("convolutional SkipInit", GREEN, "x + alpha f(x)"),
    "convolutional rescaled": Kind("convolutional, rescaled", PURPLE, "(x + f(x)) / sqrt(2)"),
    "circular convolutions": Kind("convolutions, circular padding", BLUE, "x + f(x)"),
    "zero-padded convolutions": Kind("convolutions, zero padding", VERMILION, "x + f(x)"),
    "residual, no norm": Kind("residual, no normalisation", ORANGE, "x + f(x)"),
    "residual, head BN": Kind("residual, BN before the head only", ORANGE, "x + f(x), f without BN"),
    "plain, no norm": Kind("plain, no normalisation", GREY, "f(x), f without BN"),
    "plain, head BN": Kind("plain, BN before the head only", GREY, "f(x), f without BN"),
    "frozen BN": Kind("BN measured once and frozen", SKY, "x + f(x), BN constant"),
    "SkipInit": Kind("SkipInit", GREEN, "x + alpha f(x), f without BN"),
    "SkipInit, no BN at all": Kind("SkipInit, no BN at all", BROWN, "x + alpha f(x), no BN anywhere"),
    "BN, small scalar": Kind("BN and a scalar", BLUE, "x + alpha f(x)"),
    "rescaled": Kind("rescaled", PURPLE, "(x + f(x)) / sqrt(2), f without BN"),
    "BN, rescaled": Kind("BN, rescaled", VERMILION, "(x + f(x)) / sqrt(2)"),
    "BN after the sum": Kind("BN after the sum", GREY, "BN(x + f(x))"),
    "decay": Kind("weight decay", BLUE, "x + f(x)"),
    "exponential": Kind("exponential rate", ORANGE, "x + f(x)"),
    "exponential, smaller root": Kind("exponential rate, smaller root", GREEN, "x + f(x)"),
    "exponential, formula": Kind("exponential rate, no root", VERMILION, "x + f(x)"),
    "exponential, head trained": Kind("exponential rate, head trained", PURPLE, "x + f(x)"),
    "constant rate": Kind("constant rate", GREY, "x + f(x)"),
    "growing": Kind("growing rate", BLUE, "x + f(x)"),
    "growing, all trained": Kind("growing rate, all trained", VERMILION, "x + f(x)"),
    # Singularities and elimination: x is the state, a layer stands where a branch does
    "spared": Kind("identity skip around all units but one", PURPLE, "phi(W x) + S x"),
    "common": Kind("the same skip for all units", PURPLE, "phi(W x) + s sum(x)"),
    "opposite": Kind("skips of opposite sign", PURPLE, "phi(W x) + S x"),
    "plain, incoming only": Kind("plain, only weights in are near", ORANGE, "phi(W x)"),
    "near-identity": Kind("plain, a start near the identity", ORANGE, "phi(W x), W near I at the start"),
    "hyper-residual": Kind("hyper-residual", GREEN, "phi(W x) + x + mean of Q_k x_k"),
    "residual, faster": Kind("residual at its own best rate", SKY, "phi(W x) + x"),
    "identity": Kind("identity skip", BLUE, "phi(W x) + x"),
    "orthogonal": Kind("orthogonal skip", GREEN, "phi(W x) + Q x"),
    "small branches": Kind("identity skip, small branches", SKY, "phi(W x) + x, W at 0.3 of its size"),
    "small weights": Kind("plain, small weights", GREY, "phi(W x), W at 0.3 of its size"),
    "cancelled": Kind("identity skip, cancelled at the start", PURPLE, "phi((W - I) x) + x"),
    "cancelled inside": Kind("skip inside the activation, cancelled", GREEN, "phi((W - I) x + x)"),
    "next taken off": Kind("another unit's skip taken off", PURPLE, "phi((W - P) x) + x"),
    "copies": Kind("repeated skip vectors", BROWN, "phi(W x) + C x"),
    "turned copies": Kind("repeated skip vectors after a rotation", BROWN, "phi(W x) + Q C x"),
    "whitened": Kind("repeated skip vectors, whitened", GREEN, "phi(W x) + C x"),
    "gaussian": Kind("Gaussian skip", GREEN, "phi(W x) + G x"),
    "BiasL2": Kind("biases pulled to 0", GREY, "phi(W x + b)"),
    "BiasReg": Kind("biases pulled to targets", ORANGE, "phi(W x + b)"),
    "equal targets": Kind("biases pulled to one target", ORANGE, "phi(W x + b)"),
    "targets about zero": Kind("biases pulled to targets about 0", ORANGE, "phi(W x + b)"),
    "BN, plain": Kind("plain with BN", GREY, "phi(BN(W x))"),
    "LN, plain": Kind("plain with LN", PURPLE, "phi(LN(W x))"),
    "BN, identity": Kind("identity skip with BN", BROWN, "phi(BN(W x)) + x"),
}


def kind(name: str) -> Kind:
    """The :class:`Kind` called ``name``.

    >>> kind("residual").formula
    'x + f(x)'

    Raises
    ------
    UnknownKind
        If there is none.
    """
    if name not in KINDS:
        raise UnknownKind(f"unknown kind {name!r}: choose one of {', '.join(KINDS)}, or give it a row in kinds.KINDS")
    return KINDS[name]
