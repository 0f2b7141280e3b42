"""What the first edition trained on digits and still stands in the ledger, and the larger scales that grew from it."""

from whyresnets.chapter import Arm, Published, larger
from whyresnets.nets.architecture import Conv
from whyresnets.spec import SGD, Readings, Spec, Task

# --- Digits: the warm-up -------------------------------------------------------------------------

FIRST_STEPS = SGD(steps=30, warmup=0.0, schedule="constant")


def _start(label: str, kind: str, zero_init: bool) -> tuple[Arm, ...]:
    """The first 30 steps at a constant rate, without warm-up."""
    net = Spec(Conv(20, "residual", zero_init_residual=zero_init), optimiser=FIRST_STEPS)
    return tuple(
        Arm(f"{label}-{depth} at {rate}", net.but(depth=depth, rate=rate), kind)
        for depth in (20, 110)
        for rate in (0.01, 0.1)
    )


# 110 layers at the best rate of their grid, (0.003, 0.01, 0.03, 0.1, 0.3, 1).
TUNED = Arm("110 at its best rate", Spec(Conv(110, "residual"), optimiser=SGD(rate=0.01)), "residual")
TUNED_GRID = {TUNED.name: tuple(TUNED.spec.but(rate=rate) for rate in (0.003, 0.01, 0.03, 0.1, 0.3, 1.0))}
WARM_UP = (
    *_start("start", "residual", zero_init=False),
    *_start("zero-init", "zero-init residual", zero_init=True),
    *(
        Arm(f"{depth} {word} warm-up", Spec(Conv(depth, "residual"), optimiser=SGD(warmup=share)), "residual")
        for depth in (20, 110)
        for word, share in (("with", 0.1), ("without", 0.0))
    ),
    TUNED,
)

# --- CIFAR-10: an epoch at half the widths, and He et al.'s 64,000 iterations ----------------------

# Name of an arm -> the rates of its grid at workstation scale. The best is of two seeds only; the shuffled nets', which
# do not train, was chosen by us.
WORKSTATION_GRID = {
    **dict.fromkeys(("plain-20", "residual-20", "half-20", "residual-56"), (0.03, 0.1, 0.3)),
    **dict.fromkeys(("plain-56", "half-56"), (0.01, 0.03, 0.1)),
}
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
EXTENDED = Readings(extend_to=(56, 110))
DIGITS = {
    f"{rule}-{depth}": Arm(
        f"{rule}-{depth}",
        Spec(Conv(depth, rule), readings=EXTENDED if (rule, depth) == ("plain", 20) else Readings()),
        rule,
    )
    for rule in ("plain", "residual", "half", "shuffled")
    for depth in (20, 56)
}
LARGER_GRID = {
    name: tuple(larger(DIGITS[name].spec, "workstation").but(extend_to=(), rate=rate) for rate in rates)
    for name, rates in WORKSTATION_GRID.items()
}


def at_scale(arm: Arm, scale: str) -> Arm:
    """The arm at a larger scale, where signals are read before training, early on and at the end."""
    spec = larger(arm.spec, scale)
    steps = spec.optimiser.steps
    spec = spec.but(signals=True, watch=(0, steps // 10, steps))
    if scale == "workstation":
        return Arm(arm.name, spec.but(rate=WORKSTATION_RATE[arm.name]), arm.kind)
    # He et al. 2015, section 4.2: one rate for all.
    return Arm(arm.name, spec.but(rate=0.1, schedule="step", warmup=0.0), arm.kind)


HE = Spec(
    Conv(20, "residual", (16, 32, 64)),
    Task("cifar10", batch=128, augment=True),
    SGD(0.1, 64_000, warmup=0.0, schedule="step"),
)
PUBLISHED = (
    Published("residual-20", "ResNet-20", "8.75", "he2016deep, Table 6", HE),
    Published("residual-56", "ResNet-56", "6.97", "he2016deep, Table 6", HE.but(depth=56)),
)
