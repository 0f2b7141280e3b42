"""The nets of the chapter: untrained ones, kinds of nets by depth, learning rates by batch, and an exponential rate."""

import math
from typing import Any, NamedTuple

from whyresnets.chapter import Arm
from whyresnets.nets.architecture import Conv, Dense
from whyresnets.spec import SGD, Readings, Spec, Task

# --- Untrained ----------------------------------------------------------------------------------

MANY = 128  # blocks: more would overflow 32 bits without normalisation
AS_INITIALISED = {"optimiser": SGD(steps=0), "readings": Readings(signals=True)}
WIDE = Spec(Dense(MANY + 2, "residual", width=64), **AS_INITIALISED)
MAPS = Spec(Conv(28, "residual", (64, 64, 64), order="pre", norm="none"), **AS_INITIALISED)
START = (
    Arm("residual, BN, untrained", WIDE, "residual"),
    Arm("residual, no norm, untrained", WIDE.but(norm="none"), "residual, no norm"),
    Arm("BN after the sum, untrained", WIDE.but(norm="sum"), "BN after the sum"),
    Arm("BN, rescaled, untrained", WIDE.but(rule="rescaled"), "BN, rescaled"),
    Arm("plain, BN, untrained", WIDE.but(rule="plain"), "plain"),
    Arm("plain, no norm, untrained", WIDE.but(rule="plain", norm="none"), "plain, no norm"),
    Arm("convolutions, circular padding, untrained", MAPS.but(padding="circular"), "circular convolutions"),
    Arm("convolutions, zero padding, untrained", MAPS, "zero-padded convolutions"),
)

# --- Who trains at which depth? -----------------------------------------------------------------

STEPS = 100  # optimiser steps (as in the chapters before)
LONGER = 5  # times as many, to tell slow from stuck
DENSE = Spec(Dense(3, "residual", head_norm="batch"), optimiser=SGD(steps=STEPS))
CONVOLUTIONAL = Spec(Conv(10, "residual", order="pre", head_norm="batch"), optimiser=SGD(steps=STEPS))

# Learning-rate grids, in steps of about 3: recorded with seeds from 10000 (`whyresnets record --grid --all`).
USUAL = (0.03, 0.1, 0.3, 1.0)
MIDDLE = (0.01, 0.03, 0.1, 0.3)
LOW = (0.003, 0.01, 0.03, 0.1)
LOWEST = (0.0003, 0.001, 0.003, 0.01)
FEW = (0.03, 0.1, 0.3)


class Net(NamedTuple):
    """A kind of net by depth.

    ``changes`` to a residual net with BN; a ``power`` p says that alpha starts at d^(-p), for d blocks; ``tuned`` maps
    d -> the best rate of the recorded grid, by mean training loss, and that grid. Where every rate ends at chance the
    rate does not matter.
    """

    kind: str
    changes: dict[str, Any]
    tuned: dict[int, tuple[float, tuple[float, ...]]]
    power: float | None = None

    def spec(self, blocks: int) -> Spec:
        """The fully connected net with so many blocks d."""
        scalar = {} if self.power is None else {"alpha": float(blocks) ** -self.power}
        return DENSE.but(depth=blocks + 2, **self.changes, **scalar)

    def convolutional(self, blocks: int) -> Spec:
        """The same with convolutions, two in a block: three stages, between them a transition of one layer."""
        return CONVOLUTIONAL.but(depth=2 * blocks + 4, **self.changes)


BARE = {"norm": "none"}  # no BN in the blocks
NO_BN = {"norm": "none", "head_norm": "none"}  # nor before the classifier
NETS = {
    "residual, BN": Net("residual", {}, {d: (0.3, USUAL) for d in (4, 16, 64, 256, 1000)}),
    "frozen BN": Net("frozen BN", {"norm": "frozen"}, {16: (0.1, MIDDLE), 64: (0.1, MIDDLE), 256: (0.1, MIDDLE)}),
    "SkipInit 0": Net(
        "SkipInit",
        {**BARE, "alpha": 0.0},
        {4: (0.3, USUAL), 16: (0.3, USUAL), 64: (0.1, MIDDLE), 256: (0.03, MIDDLE), 1000: (0.01, LOW)},
    ),
    "SkipInit 1/sqrt(d)": Net("SkipInit", BARE, {64: (0.1, MIDDLE), 256: (0.03, MIDDLE)}, power=1 / 2),
    "SkipInit d^-1/4": Net("SkipInit", BARE, {64: (0.1, MIDDLE), 256: (0.1, MIDDLE)}, power=1 / 4),
    "SkipInit d^-3/8": Net("SkipInit", BARE, {64: (0.1, MIDDLE), 256: (0.03, MIDDLE)}, power=3 / 8),
    "SkipInit 1/d": Net("SkipInit", BARE, {64: (0.1, MIDDLE), 256: (0.03, MIDDLE)}, power=1),
    "BN, d^-1/4": Net("BN, small scalar", {}, {256: (0.3, USUAL)}, power=1 / 4),
    "residual, head BN only": Net("residual, head BN", BARE, {4: (0.3, USUAL), 16: (0.1, MIDDLE), 64: (0.03, MIDDLE)}),
    "rescaled": Net(
        "rescaled", {**BARE, "rule": "rescaled"}, {16: (0.1, MIDDLE), 64: (0.1, USUAL), 256: (0.1, MIDDLE)}
    ),
    "BN, rescaled": Net(
        "BN, rescaled",
        {"rule": "rescaled"},
        {4: (0.3, USUAL), 16: (0.1, USUAL), 64: (0.1, USUAL), 256: (0.1, FEW)},
    ),
    "BN after the sum": Net(
        "BN after the sum",
        {"norm": "sum", "head_norm": "none"},
        {4: (0.3, USUAL), 16: (0.1, USUAL), 64: (0.1, USUAL)},
    ),
    "plain, BN": Net("plain", {"rule": "plain"}, {4: (0.1, USUAL), 16: (0.1, MIDDLE), 64: (0.03, MIDDLE)}),
    "plain, head BN only": Net(
        "plain, head BN",
        {**BARE, "rule": "plain"},
        {4: (0.3, USUAL), 16: (0.3, USUAL), 64: (0.1, MIDDLE), 256: (0.1, MIDDLE)},
    ),
    "SkipInit 0, no BN at all": Net(
        "SkipInit, no BN at all",
        {**NO_BN, "alpha": 0.0},
        {4: (0.1, MIDDLE), 16: (0.1, MIDDLE), 64: (0.03, MIDDLE), 256: (0.01, LOW), 1000: (0.003, LOWEST)},
    ),
    "SkipInit 1/sqrt(d), no BN at all": Net(
        "SkipInit, no BN at all", NO_BN, {64: (0.03, MIDDLE), 1000: (0.003, LOWEST)}, power=1 / 2
    ),
    "SkipInit 1, no BN at all": Net(
        "SkipInit, no BN at all", {**NO_BN, "alpha": 1.0}, {16: (0.001, LOWEST), 64: (0.001, LOWEST)}
    ),
    "residual, no BN at all": Net(
        "residual, no norm", NO_BN, {4: (0.03, LOW), 16: (0.001, LOWEST), 64: (0.001, LOWEST)}
    ),
    "rescaled, no BN at all": Net(
        "rescaled", {**NO_BN, "rule": "rescaled"}, {4: (0.1, MIDDLE), 16: (0.03, LOW), 64: (0.03, LOW)}
    ),
}


class Tuned(NamedTuple):
    """An arm at its best rate, and the ``rates`` of its grid."""

    arm: Arm
    rates: tuple[float, ...]


def name_of(net: str, blocks: int) -> str:
    """The name of the arm of a net with so many blocks."""
    return f"{net}-{blocks}"


READ = name_of("residual, BN", 64)  # the exponent of the branch's share is read, after training and before
DEPTHS = tuple(
    Tuned(Arm(name, net.spec(d).but(rate=rate, signals=name == READ), net.kind), rates)
    for label, net in NETS.items()
    for d, (rate, rates) in net.tuned.items()
    for name in (name_of(label, d),)
)


def _longer(net: str, rate: float, rates: tuple[float, ...]) -> Tuned:
    spec = NETS[net].spec(64).but(steps=LONGER * STEPS, rate=rate)
    return Tuned(Arm(f"{name_of(net, 64)} x{LONGER}", spec, NETS[net].kind), rates)


SLOW = {  # net -> its 64 blocks, trained longer
    net: _longer(net, rate, rates)
    for net, rate, rates in (
        ("rescaled", 0.3, USUAL),
        ("BN, rescaled", 0.1, USUAL),
        ("plain, BN", 0.003, (0.001, *LOW)),
    )
}


def _mapped(net: str, kind: str, blocks: int, rate: float, rates: tuple[float, ...]) -> Tuned:
    spec = NETS[net].convolutional(blocks).but(rate=rate)
    return Tuned(Arm(f"convolutional {name_of(net, blocks)}", spec, kind), rates)


MAPPED = {  # net, blocks -> the same with convolutions
    (net, blocks): _mapped(net, kind, blocks, rate, rates)
    for net, kind, blocks, rate, rates in (
        ("residual, BN", "convolutional residual", 99, 0.3, USUAL),
        ("SkipInit 0", "convolutional SkipInit", 99, 0.1, FEW),
        ("rescaled", "convolutional rescaled", 15, 0.1, USUAL),
        ("rescaled", "convolutional rescaled", 99, 0.1, (0.01, 0.03, 0.1)),
    )
}
TUNED = (*DEPTHS, *SLOW.values(), *MAPPED.values())
GRID = {arm.name: tuple(arm.spec.but(rate=rate, signals=False) for rate in rates) for arm, rates in TUNED}
UNTRAINED = f"{READ}, untrained"
READ_BEFORE = tuple(Arm(UNTRAINED, arm.spec.but(steps=0), arm.kind) for arm, _ in DEPTHS if arm.name == READ)

# --- Learning rate and batch size ---------------------------------------------------------------

EPOCHS = 16  # over the 1,400 digits (chosen by us: with 4, rates at small batches hardly differed from the largest)
SMALL = 14  # examples a step; divides 1,400 (chosen by us)
LARGE = 350  # the same
BATCH_RATES = {  # batch -> rates, in steps of two: the best of every net is inside
    SMALL: tuple(0.005 * 2**k for k in range(7)),
    70: tuple(0.02 * 2**k for k in range(8)),
    LARGE: tuple(0.08 * 2**k for k in range(8)),
}
RATED = {  # net -> as in NETS, its batches
    "BN": ("residual, BN", tuple(BATCH_RATES)),
    "SkipInit": ("SkipInit 0", tuple(BATCH_RATES)),
    "SkipInit, no BN at all": ("SkipInit 0, no BN at all", tuple(BATCH_RATES)),
    "frozen BN": ("frozen BN", (LARGE,)),
}


def rates_of(net: str, batch: int) -> tuple[str, ...]:
    """The arms of one net at one batch size, from the smallest rate to the largest."""
    return tuple(f"{net}, batch {batch}, rate {rate:g}" for rate in BATCH_RATES[batch])


RATE_ARMS = tuple(
    Arm(name, NETS[of].spec(8).but(batch=batch, steps=EPOCHS * 1400 // batch, rate=rate), NETS[of].kind)
    for net, (of, batches) in RATED.items()
    for batch in batches
    for name, rate in zip(rates_of(net, batch), BATCH_RATES[batch], strict=True)
)

# --- An exponential rate ------------------------------------------------------------------------

DECAY = 5e-3  # weight decay of the equality (chosen by us: large, so that the rate must grow eightfold)
INVARIANT = Spec(
    # So small an eps that the loss does not depend on the size of the weights at all.
    Dense(18, "residual", width=64, eps=1e-30),
    Task(),
    SGD(
        0.1,
        2 * STEPS,
        warmup=0.0,
        schedule="constant",
        weight_decay=DECAY,
        untrained=("affine", "head"),
        precision="float64",
    ),
)


def roots(spec: Spec) -> tuple[float, float]:
    """Both roots of x^2 - (1 + momentum - decay rate) x + momentum = 0, larger first (Li & Arora 2020).

    Raises
    ------
    ValueError
        If decay times rate exceeds (1 - sqrt(momentum))^2, where the roots are no real numbers.
    """
    sgd = spec.optimiser
    half = (1 + sgd.momentum - sgd.weight_decay * sgd.rate) / 2
    if (square := half**2 - sgd.momentum) < 0:
        raise ValueError(f"weight_decay {sgd.weight_decay:g} has no equivalent at rate {sgd.rate:g}: choose less")
    return half + math.sqrt(square), half - math.sqrt(square)


def exponential(spec: Spec, root: float) -> Spec:
    """The run that has no weight decay, and a rate that grows by root^-2 at each step instead (Li & Arora 2020).

    Its weights are those of ``spec`` over root^step, at every step, so it must start as if it had come from
    weights root times those that it has: hence the momentum at the start.
    """
    rate = spec.optimiser.rate
    changes = {"weight_decay": 0.0, "rate": rate / root, "growth": root**-2}
    return spec.but(**changes, momentum_start=-(1 - root) / (root * rate))


UNFROZEN = INVARIANT.but(untrained=("affine",))
GROWING = INVARIANT.but(precision="float32", eps=1e-5, weight_decay=0.0, growth=1.1)
STEADY = GROWING.but(growth=1.0)
SKIP_INIT = {"norm": "none", "alpha": 0.0}
DECAYING = (
    Arm("decay", INVARIANT, "decay"),
    Arm("exponential", exponential(INVARIANT, max(roots(INVARIANT))), "exponential"),
    Arm("exponential, smaller root", exponential(INVARIANT, min(roots(INVARIANT))), "exponential, smaller root"),
    Arm(
        "exponential, formula without momentum",
        exponential(INVARIANT, 1 - INVARIANT.optimiser.rate * DECAY),
        "exponential, formula",
    ),
    Arm("constant", INVARIANT.but(weight_decay=0.0), "constant rate"),
    Arm("decay, head trained", UNFROZEN, "decay"),
    Arm("exponential, head trained", exponential(UNFROZEN, max(roots(UNFROZEN))), "exponential, head trained"),
)
GROWN = (
    Arm("growing", GROWING, "growing"),
    Arm("growing, all trained", GROWING.but(untrained=()), "growing, all trained"),
    Arm("growing, SkipInit, no BN at all", GROWING.but(**SKIP_INIT), "growing"),
)
NOT_GROWN = (
    Arm("not growing", STEADY, "constant rate"),
    Arm("not growing, all trained", STEADY.but(untrained=()), "constant rate"),
    Arm("not growing, SkipInit, no BN at all", STEADY.but(**SKIP_INIT), "constant rate"),
)
LAPTOP = (
    *START,
    *(tuned.arm for tuned in TUNED),
    *READ_BEFORE,
    *RATE_ARMS,
    *DECAYING,
    *GROWN,
    *NOT_GROWN,
)
