"""The nets of the chapter: plain and residual at four depths and three lengths, their controls, and how they start."""

from typing import NamedTuple

from whyresnets.chapter import Arm, Published, larger
from whyresnets.nets.architecture import Conv
from whyresnets.spec import SGD, Readings, Spec, Task

# --- Trained at the best rate of a grid ---------------------------------------------------------

# Learning-rate grids, in steps of about 3: recorded with seeds from 10000 (`whyresnets record --grid --all`).
WIDE = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
LONG = (0.003, 0.01, 0.03, 0.1, 0.3)
HIGH = (0.03, 0.1, 0.3, 1.0)


class Tuned(NamedTuple):
    """A net by rule and depth, the ``best`` of the ``rates`` of its grid, and how many ``times`` 100 steps it gets.

    Best by mean training loss, and not at the edge of the grid. Where every rate ends at chance (plain-110 and the
    shuffled nets), the rate does not matter.
    """

    rule: str
    depth: int
    best: float
    rates: tuple[float, ...] = WIDE
    times: int = 1

    @property
    def name(self) -> str:
        """Rule and depth, and how many times the usual steps."""
        return f"{self.rule}-{self.depth}" + (f" x{self.times}" if self.times > 1 else "")

    def at(self, rate: float) -> Spec:
        """The net at some rate."""
        extended = Readings(extend_to=(56, 110) if self.name == "plain-20" else ())
        return Spec(Conv(self.depth, self.rule), optimiser=SGD(rate, 100 * self.times), readings=extended)

    @property
    def arm(self) -> Arm:
        """The net at its best rate."""
        return Arm(self.name, self.at(self.best), self.rule)


TUNED = (
    Tuned("plain", 8, 0.3),
    Tuned("plain", 20, 0.1),
    Tuned("plain", 56, 0.03),
    Tuned("plain", 110, 0.01),
    Tuned("residual", 8, 0.3),
    Tuned("residual", 20, 0.1),
    Tuned("residual", 56, 0.03),
    Tuned("residual", 110, 0.01),
    Tuned("half", 20, 0.1),
    Tuned("half", 56, 0.01),
    Tuned("shuffled", 20, 0.3),
    Tuned("shuffled", 56, 0.1),
    Tuned("plain", 20, 0.1, LONG, times=3),
    Tuned("plain", 56, 0.1, LONG, times=3),
    Tuned("residual", 20, 0.1, LONG, times=3),
    Tuned("residual", 56, 0.03, LONG, times=3),
    Tuned("plain", 20, 0.3, HIGH, times=10),
    Tuned("plain", 56, 0.01, WIDE[:4], times=10),
    Tuned("residual", 20, 0.1, HIGH, times=10),
    Tuned("residual", 56, 0.1, LONG, times=10),
    Tuned("shuffled", 56, 0.3, (0.1, 0.3, 1.0), times=10),
)
# Those of the longest runs stand by depth, as in the table of the page.
GRID = {
    net.name: tuple(net.at(rate) for rate in net.rates)
    for net in sorted(TUNED, key=lambda net: net.depth if net.times == 10 else 0)
}

# --- How they start ---------------------------------------------------------------------------

FIRST_STEPS = SGD(steps=30, warmup=0.0, schedule="constant")


def _start(label: str, kind: str, zero_init: bool) -> tuple[Arm, ...]:
    """The first 30 steps at a constant rate, without warm-up."""
    net = Spec(Conv(20, "residual", zero_init_residual=zero_init), optimiser=FIRST_STEPS)
    return tuple(
        Arm(f"{label}-{depth} at {rate}", net.but(depth=depth, rate=rate), kind)
        for depth in (20, 110)
        for rate in (0.01, 0.1)
    )


START = _start("start", "residual", zero_init=False)
ZERO_INIT = _start("zero-init", "zero-init residual", zero_init=True)
WARMUP = tuple(
    Arm(f"{depth} {word} warm-up", Spec(Conv(depth, "residual"), optimiser=SGD(warmup=share)), "residual")
    for depth in (20, 110)
    for word, share in (("with", 0.1), ("without", 0.0))
)
LAPTOP = (*(net.arm for net in TUNED), *START, *ZERO_INIT, *WARMUP)

# --- Larger scales ------------------------------------------------------------------------------

WORKSTATION_GRID = {
    **dict.fromkeys(("plain-20", "residual-20", "half-20", "residual-56"), (0.03, 0.1, 0.3)),
    **dict.fromkeys(("plain-56", "half-56"), (0.01, 0.03, 0.1)),
}
# The best rate on that grid, of two seeds only; the shuffled nets', which do not train, chosen by us.
WORKSTATION_RATE = {
    "plain-20": 0.1,
    "plain-56": 0.03,
    "residual-20": 0.1,
    "residual-56": 0.1,
    "half-20": 0.1,
    "half-56": 0.03,
    "shuffled-20": 0.1,
    "shuffled-56": 0.1,
}
_BY_NAME = {net.name: net for net in TUNED}
LARGER_GRID = {
    name: tuple(larger(_BY_NAME[name].at(rate), "workstation").but(extend_to=()) for rate in rates)
    for name, rates in WORKSTATION_GRID.items()
}
WARMED_UP = 400 / 64_000  # of the steps: He et al. 2015, section 4.2 (theirs at a tenth of the rate, ours linear)


def at_scale(arm: Arm, scale: str) -> Arm:
    """The arm at a larger scale; where it is trained, signals are read before, early on and at the end."""
    spec = larger(arm.spec, scale)
    if not spec.optimiser.steps:
        return Arm(arm.name, spec, arm.kind)
    steps = spec.optimiser.steps
    spec = spec.but(signals=True, watch=(0, steps // 10, steps))
    if scale == "workstation":
        return Arm(arm.name, spec.but(rate=WORKSTATION_RATE[arm.name]), arm.kind)
    # He et al. 2015, section 4.2: one rate for all, and a gentle start for 110 layers alone.
    warmup = WARMED_UP if spec.net.depth == 110 else 0.0
    return Arm(arm.name, spec.but(rate=0.1, schedule="step", warmup=warmup), arm.kind)


HE = Spec(
    Conv(20, "residual", (16, 32, 64)),
    Task("cifar10", batch=128, augment=True),
    SGD(0.1, 64_000, warmup=0.0, schedule="step"),
)
HE_110 = HE.but(depth=110, warmup=WARMED_UP)
PUBLISHED = (
    Published("residual-20", "ResNet-20", "8.75", "he2016deep, Table 6", HE),
    Published("residual-56", "ResNet-56", "6.97", "he2016deep, Table 6", HE.but(depth=56)),
    Published("residual-110", "ResNet-110", "6.43 (best of 5; mean 6.61)", "he2016deep, Table 6", HE_110),
    Published("plain-110", "plain, 110 layers", "above 60", "he2016deep, section 4.2", HE_110.but(rule="plain")),
)
