"""The nets of the chapter: skips crossed with the size of the signal, skips of other kinds, biases, normalisation.

20 hidden layers of 32 units on digits; each net that is compared has the best rate of a grid.
"""

from typing import Any

from whyresnets.chapter import Arm
from whyresnets.nets.architecture import after_orhan
from whyresnets.spec import SGD, Readings, Spec, Task

READ_AT = (0, 22, 300)  # steps: the start, one epoch, the end (chosen by us)
START, EPOCH, END = 0, 1, -1  # positions in it
BASE = Spec(
    after_orhan(21, width=32),
    optimiser=SGD(steps=READ_AT[END], weight_decay=0.0, schedule="constant", warmup=0.0),
    readings=Readings(watch=READ_AT),
)
EQUAL = BASE.but(forward_gain=1.0)  # all states of one size at the start
IDENTITY: dict[str, Any] = {"rule": "residual"}
ORTHOGONAL = {**IDENTITY, "skip": "orthogonal"}
BN, LN = {"norm": "batch"}, {"norm": "layer"}

# --- Skip crossed with the size of the signal ---------------------------------------------------

SIZES = {"vanishing": 0.7, "preserved": 1.0, "exploding": 1.4}  # of a state over the one before, at the start
NETS: dict[str, dict[str, Any]] = {"plain": {}, "identity": IDENTITY, "orthogonal": ORTHOGONAL}  # by kind
CROSS_RATES = {
    "plain": {"vanishing": 0.03, "preserved": 0.003, "exploding": 3e-5},
    "identity": {"vanishing": 0.3, "preserved": 0.03, "exploding": 1e-3},
    "orthogonal": {"vanishing": 0.1, "preserved": 0.03, "exploding": 1e-4},
}
PLAIN = "plain, as it comes"
CROSS = (
    *(
        Arm(f"{net}, {size}", BASE.but(rate=CROSS_RATES[net][size], forward_gain=gain, **change), net)
        for size, gain in SIZES.items()
        for net, change in NETS.items()
    ),
    Arm(PLAIN, BASE.but(rate=0.03), "plain"),
    Arm("identity, as it comes", BASE.but(**IDENTITY, rate=3e-4), "identity"),
)

# --- Other skips, and other starts --------------------------------------------------------------

SMALL = 0.3  # of Glorot's size: small branches (chosen by us)
COPIES: dict[str, Any] = {**IDENTITY, "skip": "copies"}
TANH = {"activation": "tanh"}
SKIPS = (
    Arm("small branches", EQUAL.but(**IDENTITY, gain=SMALL, rate=0.1), "small branches"),
    Arm("small weights, plain", EQUAL.but(gain=SMALL, rate=3e-4), "small weights"),
    Arm("near-identity, plain", EQUAL.but(weights="identity", rate=0.01), "near-identity"),
    Arm("one skip for all", EQUAL.but(**IDENTITY, skip="common", rate=0.3), "common"),
    *(
        Arm(f"{n} distinct", EQUAL.but(**COPIES, distinct=n, rate=rate), "copies")
        for n, rate in ((1, 3e-4), (4, 0.003), (16, 0.01))
    ),
    Arm("4 distinct, whitened", EQUAL.but(**IDENTITY, skip="whitened", distinct=4, rate=0.01), "whitened"),
    Arm("4 distinct, turned", EQUAL.but(**IDENTITY, skip="turned", distinct=4, rate=0.003), "turned copies"),
    Arm("gaussian", EQUAL.but(**IDENTITY, skip="gaussian", rate=0.01), "gaussian"),
    Arm("plain, tanh", EQUAL.but(**TANH, rate=0.003), "plain"),
    Arm("identity, tanh", EQUAL.but(**IDENTITY, **TANH, rate=0.03), "identity"),
    Arm("orthogonal, tanh", EQUAL.but(**ORTHOGONAL, **TANH, rate=0.03), "orthogonal"),
)

# --- A start that cancels the skip --------------------------------------------------------------

OWN, NEXT = {**IDENTITY, "cancelled": "own"}, {**IDENTITY, "cancelled": "next"}
CANCELLED = (
    Arm("cancelled, as it comes", BASE.but(**OWN, rate=0.03), "cancelled"),
    Arm("cancelled, preserved", EQUAL.but(**OWN, rate=0.1), "cancelled"),
    Arm("next taken off, preserved", EQUAL.but(**NEXT, rate=0.03), "next taken off"),
)
EXACT = tuple(
    Arm(f"{kind}, 64 bits", BASE.but(rate=0.03, precision="float64", **change), kind)
    for kind, change in (("plain", {}), ("cancelled inside", {**OWN, "rule": "inside"}), ("cancelled", OWN))
)

# --- Biases that break symmetries ---------------------------------------------------------------

PULL = 1.0  # of the squared distance of a bias from its target: it gets there within some steps (chosen by us)
TARGET = 0.3  # mean of the targets, and their spread, where they have one (chosen by us)
TARGETS = {  # kind, mean, spread; rate with the signal as it comes, and with its size preserved
    "BiasL2": ("BiasL2", 0.0, 0.0, 0.03, 0.003),
    "BiasReg": ("BiasReg", TARGET, TARGET, 0.01, 0.003),
    "equal targets": ("equal targets", TARGET, 0.0, 0.01, 0.003),
    "targets about zero": ("targets about zero", 0.0, TARGET, 0.03, 0.003),
}
BIASES = tuple(
    Arm(f"{name}, {size}", start.but(rate=rate, bias_pull=PULL, bias_mean=mean, bias_spread=spread), kind)
    for name, (kind, mean, spread, *rates) in TARGETS.items()
    for size, start, rate in zip(("as it comes", "preserved"), (BASE, EQUAL), rates, strict=True)
)

# --- Normalisation ------------------------------------------------------------------------------

NORMALISED = (
    Arm("BN, plain", EQUAL.but(**BN, rate=0.03), "BN, plain"),
    Arm("LN, plain", EQUAL.but(**LN, rate=0.003), "LN, plain"),
    Arm("BN, identity", EQUAL.but(**BN, **IDENTITY, rate=0.1), "BN, identity"),
)
TRAINED = (*CROSS, *SKIPS, *CANCELLED, *BIASES, *NORMALISED)

# --- A hundred nets: 20 seeds with other initialisations ----------------------------------------

DRAWS = 5  # of each seed; draw 0 is the net itself
HUNDRED = {
    net: (net, *(f"{net}, draw {draw}" for draw in range(1, DRAWS)))
    for net in (PLAIN, "plain, preserved", "identity, preserved")
}
_CROSS = {arm.name: arm for arm in CROSS}
DRAWN = tuple(
    Arm(name, _CROSS[net].spec.but(draw=draw), _CROSS[net].kind)
    for net, names in HUNDRED.items()
    for draw, name in enumerate(names)
    if draw
)

# --- Small nets: counts of zero modes at singular points, and spectra ---------------------------

NOWHERE = "nowhere near"
POINTS = (NOWHERE, "elimination", "overlap", "mirror")
TINY = Spec(
    after_orhan(3, width=4, activation="tanh", weights="orthogonal", gain=2.0),
    Task(data="gaussian-4", targets="teacher"),
    SGD(steps=0, precision="float64"),
    Readings(spectra=(0,)),
)
COUNTED: dict[str, dict[str, Any]] = {"plain": {}, "BN, plain": BN, "LN, plain": LN, "identity": IDENTITY}  # by kind
COUNTS = tuple(
    Arm(f"{net} at {point}", TINY.but(point="" if point == NOWHERE else point, **change), net)
    for net, change in COUNTED.items()
    for point in POINTS
)
DEEP = Spec(
    after_orhan(11, forward_gain=1.0),
    Task(data="digits-4x4"),
    SGD(rate=0.01, steps=25, weight_decay=0.0, schedule="constant", warmup=0.0),
    Readings(spectra=(25,)),
)
SPECTRA = {  # net -> the small net like it
    net: Arm(f"{net}: spectrum", DEEP.but(**change), kind)
    for net, kind, change in (
        ("plain, preserved", "plain", {}),
        ("identity, preserved", "identity", IDENTITY),
        ("orthogonal, preserved", "orthogonal", ORTHOGONAL),
        ("BN, plain", "BN, plain", BN),
        ("LN, plain", "LN, plain", LN),
    )
}

LAPTOP = (*TRAINED, *EXACT, *DRAWN, *COUNTS, *SPECTRA.values())
GRID_RATES = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1.0)


def _around(rate: float) -> tuple[float, ...]:
    """The rate, the next lower and the next higher."""
    at = GRID_RATES.index(rate)
    return GRID_RATES[max(at - 1, 0) : at + 2]


GRID = {arm.name: tuple(arm.spec.but(rate=rate) for rate in _around(arm.spec.optimiser.rate)) for arm in TRAINED}
