"""The nets of the chapter: tiny ones at singular points, of two units near them, and deep ones through training."""

from whyresnets.chapter import Arm
from whyresnets.nets.architecture import SINGULARITIES, after_orhan
from whyresnets.spec import SGD, Readings, Spec, Task

# --- Counts at singular points ------------------------------------------------------------------

NOWHERE = "nowhere near"  # a singular point: an ordinary start
POINTS = {NOWHERE: "", **{point: point for point in SINGULARITIES}}
TINY = Spec(
    after_orhan(3, width=4, activation="tanh", weights="orthogonal", gain=2.0),
    Task("gaussian-4", "teacher"),
    SGD(steps=0, precision="float64"),
    Readings(spectra=(0,)),
)
# Net -> its kind, and what its rule and its skip are.
SKIPS: dict[str, tuple[str, dict[str, str]]] = {
    "plain": ("plain", {}),
    "residual": ("residual", {"rule": "residual"}),
    "spared unit": ("spared", {"rule": "residual", "skip": "spared"}),
    "common skip": ("common", {"rule": "residual", "skip": "common"}),
    "opposite skips": ("opposite", {"rule": "residual", "skip": "opposite"}),
}
CONTROL_AT = {"elimination": "spared unit", "overlap": "common skip", "mirror": "opposite skips"}
COUNTS = tuple(
    Arm(f"{net}, {name}", TINY.but(point=point, **change), kind)
    for net, (kind, change) in SKIPS.items()
    for name, point in POINTS.items()
)
CRITICAL = tuple(
    Arm(f"plain, {name}, no error", TINY.but(point=point, targets="own"), "plain") for name, point in POINTS.items()
)
RELU = tuple(
    Arm(f"{net}, ReLU", TINY.but(activation="relu", **change), kind)
    for net, (kind, change) in SKIPS.items()
    if net in ("plain", "residual")
)

# --- The way out --------------------------------------------------------------------------------

DISTANCES = (1e-1, 1e-2, 1e-3, 1e-4)  # from the singular point, at the start
FAR = DISTANCES[1]  # the two starts that are compared
NEAR = DISTANCES[3]  # a hundred times nearer
INCOMING = "plain, incoming only"
TWO = Spec(
    after_orhan(2, width=2, activation="tanh", weights="orthogonal", gain=2.0),
    Task("gaussian-2", "teacher", batch=256),
    SGD(0.3, 600, warmup=0.0, schedule="constant", momentum=0.0, weight_decay=0.0, precision="float64"),
)


def start(net: str, point: str, distance: float) -> str:
    """The name of the arm of two units that starts at a ``distance`` from a singular point."""
    return f"{net}, {distance:g} from {point}"


WAYS = (
    *(
        Arm(start(net, point, d), TWO.but(point=point, distance=d, whole=True, **SKIPS[net][1]), SKIPS[net][0])
        for point in SINGULARITIES
        for net in ("plain", "residual", CONTROL_AT[point])
        for d in DISTANCES
    ),
    *(
        Arm(start(INCOMING, point, d), TWO.but(point=point, distance=d), INCOMING)
        for point in SINGULARITIES
        for d in DISTANCES
    ),
)

# --- Spectra through training -------------------------------------------------------------------

READ_AT = (0, 25, 100, 800)  # steps: the start, one epoch, five, thirty-six
EARLY = 1  # of those, counted from 0
FIVE_EPOCHS = -2  # of those: the last but one
LATE = -1  # of those: the last
FASTER = "residual, faster"  # at its own best rate
# One rate for all: the best of the recorded grid for all but the residual net.
DEEP = Spec(
    after_orhan(11, width=10),
    Task("digits-4x4"),
    SGD(0.01, 800, warmup=0.0, schedule="constant", weight_decay=0.0),
    Readings(spectra=READ_AT),
)
DEEP_ARMS = (
    Arm("plain", DEEP, "plain"),
    Arm("residual", DEEP.but(rule="residual"), "residual"),
    Arm("hyper-residual", DEEP.but(rule="hyper"), "hyper-residual"),
    Arm("plain, near-identity", DEEP.but(weights="identity"), "near-identity"),
    Arm(FASTER, DEEP.but(rule="residual", rate=0.03), FASTER),
)
GRID_RATES = (0.003, 0.01, 0.03, 0.1)
_DEEP = {arm.name: arm.spec for arm in DEEP_ARMS}
GRID = {
    name: tuple(_DEEP[name].but(rate=rate, spectra=()) for rate in GRID_RATES)
    for name in ("plain", FASTER, "hyper-residual", "plain, near-identity")  # each at its own best
}
LAPTOP = (*COUNTS, *CRITICAL, *RELU, *WAYS, *DEEP_ARMS)
