"""The nets of the chapter: untrained, trained at the best rate of a grid, and the trained ones before training."""

from typing import Any, NamedTuple

from whyresnets.chapter import Arm
from whyresnets.nets.architecture import Conv, Dense
from whyresnets.spec import SGD, Readings, Spec

# --- Untrained ----------------------------------------------------------------------------------

BLOCKS = (8, 32, 128, 512)
UNTRAINED = Spec(Dense(10, "residual", width=64), optimiser=SGD(steps=0), readings=Readings(signals=True))


def _start(label: str, kind: str, blocks: int, **changes: Any) -> Arm:
    return Arm(f"{label}, {blocks} blocks", UNTRAINED.but(depth=blocks + 2, **changes), kind)


FOLDING = {"rule": "plain", "norm": "none", "activation": "abs", "weights": "orthogonal"}
START = (
    *(_start("residual", "residual", blocks) for blocks in BLOCKS),
    *(_start("residual, small start", "residual, small start", blocks, gain=blocks**-0.5) for blocks in BLOCKS),
    # Without BN the signal doubles its variance in every block: at 512 it is more than 32 bits hold.
    *(_start("residual, no BN", "residual, no BN", blocks, norm="none") for blocks in BLOCKS[:-1]),
    *(_start("plain", "plain", blocks, rule="plain") for blocks in BLOCKS),
    *(_start("fold", "folding", blocks, **FOLDING) for blocks in BLOCKS),
)

# --- Trained ------------------------------------------------------------------------------------

STEPS = 100  # optimiser steps of convolutional and very deep nets (as in the first chapter)
LONGER = 200  # of fully connected nets of 66 layers (chosen on tuning seeds)
WATCH = (0, 5, 10, 20, 50, 100)  # steps at which the gradients are read
WORST = 1000.0  # largest over smallest singular value: a perturbation that shows (chosen on tuning seeds)

CONV = Spec(Conv(22, "residual", order="pre"), optimiser=SGD(steps=STEPS), readings=Readings(watch=WATCH))
PROJECTED, ORDINARY = CONV.but(project="transitions"), CONV.but(project="ordinary")
DENSE = Spec(Dense(66, norm="none"), optimiser=SGD(steps=LONGER), readings=Readings(watch=(0, 20, 100, LONGER)))
ROTATION = {"activation": "linear", "weights": "orthogonal"}
PRESERVED = DENSE.but(**FOLDING, project="units")
DEEPEST = DENSE.but(depth=1002, steps=STEPS, watch=(0, STEPS))

# Learning-rate grids, in steps of about 3: recorded with seeds from 10000 (`whyresnets record --grid --all`).
LOW = (0.00003, 0.0001, 0.0003, 0.001)
FINE = (0.001, 0.003, 0.01, 0.03, 0.1)
MIDDLE = (0.003, 0.01, 0.03, 0.1, 0.3)
COARSE = (0.03, 0.1, 0.3, 1.0)
WIDE = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)


class Tuned(NamedTuple):
    """A net, the ``best`` of the ``rates`` of its grid, by mean training loss, and its ``kind`` ("": its ``label``).

    Where every rate ends at chance the rate does not matter.
    """

    label: str
    spec: Spec
    best: float
    rates: tuple[float, ...] = COARSE
    kind: str = ""

    @property
    def arm(self) -> Arm:
        """The net at its best rate, called after its label, its depth, and how many times as long it is trained."""
        longer = self.spec.optimiser.steps // LONGER
        name = f"{self.label}-{self.spec.net.depth}" + (f" x{longer}" if longer > 1 else "")
        return Arm(name, self.spec.but(rate=self.best), self.kind or self.label)


TUNED = (
    *(Tuned("residual", CONV.but(depth=depth), 0.3) for depth in (10, 22, 58, 112)),
    *(Tuned("plain", CONV.but(depth=depth, rule="plain"), 0.1) for depth in (10, 22)),
    Tuned("plain", CONV.but(depth=58, rule="plain"), 0.01, MIDDLE),
    *(Tuned("projected", PROJECTED.but(depth=depth), 0.3) for depth in (22, 58)),
    Tuned("uneven", PROJECTED.but(spread=WORST), 0.3),
    Tuned("ordinary projected", ORDINARY, 0.3),
    Tuned("ordinary uneven", ORDINARY.but(spread=WORST), 0.3),
    Tuned("residual", DEEPEST.but(rule="residual", norm="batch"), 0.3),
    Tuned("plain", DEEPEST.but(norm="batch"), 0.01, (0.001, 0.01, 0.1)),
    Tuned("plain, no BN", DEEPEST, 0.01, (0.0001, 0.001, 0.01, 0.1), "plain, no norm"),
    Tuned("rotate", DEEPEST.but(**ROTATION), 0.0003, LOW, "rotation"),
    Tuned("rotate", DENSE.but(**ROTATION), 0.003, FINE, "rotation"),
    Tuned("rotate, preserved", DENSE.but(**ROTATION, project="units"), 0.03, FINE, "rotation"),
    Tuned("fold", DENSE.but(**FOLDING), 0.01, FINE, "folding"),
    Tuned("fold, preserved", PRESERVED.but(depth=10), 0.03, MIDDLE, "folding"),
    Tuned("fold, preserved", PRESERVED, 0.1, MIDDLE, "folding"),
    Tuned("fold, preserved", PRESERVED.but(steps=5 * LONGER, watch=(0, 5 * LONGER)), 0.1, MIDDLE[1:], "folding"),
    Tuned("fold, uneven", PRESERVED.but(spread=10.0), 0.01, FINE, "folding, uneven"),
    Tuned("plain, He", DENSE, 0.01, FINE, "plain, no norm"),
    Tuned("plain, orthogonal", DENSE.but(weights="orthogonal"), 0.03, FINE, "plain, no norm"),
    Tuned("residual, rescaled", DENSE.but(rule="rescaled"), 0.03, FINE, "rescaled"),
    Tuned(
        "residual, no BN, small start",
        DENSE.but(rule="residual", gain=0.125),
        0.01,
        FINE,
        "residual, no BN, small start",
    ),
    Tuned("residual, BN", DENSE.but(rule="residual", norm="batch"), 0.3, kind="residual"),
    Tuned("plain, BN", DENSE.but(norm="batch"), 0.3, WIDE, "plain"),
)
GRID = {
    net.arm.name: tuple(net.spec.but(rate=rate) for rate in net.rates)
    for net in sorted(TUNED, key=lambda net: net.spec.optimiser.steps)
}

# The nets of 66 layers that were searched for one that preserves its norms and does not train, and one of 10, by label;
# and what each does to its inputs before it is trained.
_DEEP = [t for t in TUNED if (t.spec.net.depth, t.spec.optimiser.steps, t.spec.optimiser.spread) == (66, LONGER, 1)]
_SHALLOW = [t for t in TUNED if t.spec.net == PRESERVED.but(depth=10).net]
SEARCH = {t.label: t.arm for t in _DEEP} | {f"{t.label}, 10 layers": t.arm for t in _SHALLOW}
AT_START = tuple(
    Arm(f"{arm.name}, untrained", arm.spec.but(steps=0, watch=(), signals=True), arm.kind) for arm in SEARCH.values()
)
SAME_RATE = Arm("residual-22 at 0.1", CONV.but(rate=0.1), "residual")  # the claim fixes the rate
LAPTOP = (*START, *(net.arm for net in TUNED), SAME_RATE, *AT_START)
