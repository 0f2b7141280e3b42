"""CIFAR-10 at He et al.'s widths, ten epochs mostly: nets, rates, what is read on the way. A run takes up to an hour.

The batch, augmentation, momentum and weight decay of He et al. 2015, section 4.2; a rate annealed to zero by a cosine
without warm-up, because ten epochs are all (theirs: about 164, in steps of ten).
"""

from typing import Any, NamedTuple

from whyresnets.chapter import Arm
from whyresnets.nets.architecture import Conv
from whyresnets.spec import SGD, Readings, Spec, Task

EPOCH = 390  # steps: 50,000 images in batches of 128
EPOCHS = 10  # after which public logs of these nets are apart, see the page (chosen by us)
TUNED_FOR = 2  # epochs
RATES = (0.03, 0.1, 0.3)
WIDTHS = (16, 32, 64)
FIRST = (("plain", 20), ("plain", 56), ("residual", 20), ("residual", 56))
HE_RATE = 0.1


def trained(net: Conv, rate: float, epochs: int, precision: str = "bfloat16") -> Spec:
    """A net after so many epochs, followed from the start: before any step, after 40 and 400, and after each epoch."""
    steps = epochs * EPOCH
    early = {0, *(step for step in (40, 400) if step < steps)}
    return Spec(
        net,
        Task("cifar10", batch=128, augment=True),
        SGD(rate, steps, warmup=0.0, precision=precision),
        Readings(follow=tuple(sorted(early | set(range(EPOCH, steps + 1, EPOCH))))),
    )


class Run(NamedTuple):
    """A net of the study: its ``kind``, for how many ``epochs`` it is trained, and the arm whose best rate it has."""

    kind: str
    net: Conv
    epochs: int
    rate_of: str


def _net(rule: str, depth: int, **how: Any) -> Conv:
    return Conv(depth, rule, WIDTHS, **how)


def _named(rule: str, depth: int, epochs: int = EPOCHS) -> str:
    return f"{rule}-{depth}, {epochs} epochs"


# --- Degradation at this budget -----------------------------------------------------------------

DEEPER = {_named(*one): Run(one[0], _net(*one), EPOCHS, _named(*one)) for one in FIRST}

# --- Then: is the lag of residual-56 the order, or the size of the branch? ----------------------

LAG = {
    "pre-activation-58, 10 epochs": Run(
        "residual", _net("residual", 58, order="pre"), EPOCHS, "residual-56, 10 epochs"
    ),
    "zero scalar-56, 10 epochs": Run(
        "BN, small scalar", _net("residual", 56, alpha=0.0), EPOCHS, "residual-56, 10 epochs"
    ),
}

# --- Then: is plain-56 slow, or stuck? ----------------------------------------------------------

BUDGETS = {
    _named("plain", depth, epochs): Run("plain", _net("plain", depth), epochs, _named("plain", depth))
    for epochs in (2, 30)
    for depth in (20, 56)
}

# --- Then: without BN anywhere, in pre-activation order -----------------------------------------

BLOCKS = 27  # of 58 layers in the order "pre"
SHORTER = 5  # epochs
WITHOUT_BN = {
    f"{name}, {SHORTER} epochs": Run(kind, _net(rule, 58, order="pre", norm=norm, alpha=alpha), SHORTER, name)
    for name, kind, rule, norm, alpha in (
        ("pre-activation with BN", "residual", "residual", "batch", None),
        ("no BN, SkipInit 0", "SkipInit, no BN at all", "residual", "none", 0.0),
        ("no BN, 1/sqrt(d)", "SkipInit, no BN at all", "residual", "none", BLOCKS**-0.5),
        ("no BN, rescaled", "rescaled", "rescaled", "none", None),
        ("no BN", "residual, no norm", "residual", "none", None),
    )
}

# --- Rates --------------------------------------------------------------------------------------

# Name -> one Spec a rate, of which the best by mean training loss is taken; recorded with seeds from 10000.
GRID = {
    name: tuple(trained(run.net, rate, TUNED_FOR).but(follow=()) for rate in RATES) for name, run in DEEPER.items()
} | {
    run.rate_of: tuple(trained(run.net, rate, 1).but(follow=()) for rate in (0.01, *RATES))
    for run in WITHOUT_BN.values()
}
# The best rate of the grid, once it is recorded: an arm without one is not planned yet.
BEST: dict[str, float] = {}
ARMS = tuple(
    Arm(name, trained(run.net, BEST[run.rate_of], run.epochs), run.kind)
    for name, run in (DEEPER | LAG | BUDGETS | WITHOUT_BN).items()
    if run.rate_of in BEST
)
# Whether half the bits change what an epoch does to 56 layers, through which gradients grow by decades.
PRECISION = tuple(
    Arm(f"{rule}-56, 1 epoch, {precision}", trained(_net(rule, 56), HE_RATE, 1, precision), rule)
    for rule in ("plain", "residual")
    for precision in ("bfloat16", "float32")
)
