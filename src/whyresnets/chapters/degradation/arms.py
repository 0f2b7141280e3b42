"""The nets of the chapter: He et al.'s family in one dimension, at their widths, with other starts and shortcuts.

Every net has the best rate of a grid, except another sample's shortcut, which has none. What the first edition trained
on digits and still stands in the ledger (the warm-up, and an epoch of CIFAR-10) is in ``first_edition``.
"""

from dataclasses import replace
from typing import NamedTuple

from whyresnets import bed
from whyresnets.chapter import Arm, Seeds
from whyresnets.chapters.degradation import first_edition
from whyresnets.nets.architecture import Conv
from whyresnets.spec import SGD, Readings, Spec, Task

WIDTHS = (16, 32, 64)  # channels of He et al. 2015, section 4.2
TASK = Task("mnist1d", batch=64)
STEPS = 150  # (chosen by us: five seeds of five nets are a live run)
TIMES = (1, 3, 10)  # budgets, as multiples of those steps
DEPTHS = (8, 20, 56)
SHALLOW, DEEP = 20, 56


class Net(NamedTuple):
    """A net: its ``kind``, its joining rule, and the fields of :class:`Conv` that set it apart."""

    kind: str
    rule: str
    fields: tuple[tuple[str, str], ...] = ()


# How an arm is called -> what it is. The first three differ in their start alone, the others in their shortcut.
NETS = {
    "plain": Net("plain", "plain"),
    "Dirac": Net("plain, Dirac start", "plain", (("weights", "dirac"),)),
    "delta-orthogonal": Net("plain, delta-orthogonal start", "plain", (("weights", "orthogonal"),)),
    "residual": Net("residual", "residual"),
    "permuted": Net("permuted shortcut", "residual", (("skip", "permuted"),)),
    "shuffled": Net("shuffled", "shuffled"),
}


def called(net: str, depth: int, times: int = 1) -> str:
    """The name of an arm: the net, its layers, and how many times the usual steps it gets."""
    return f"{net}-{depth}" + (f" x{times}" if times > 1 else "")


def _spec(net: str, depth: int, times: int = 1) -> Spec:
    """A net at a rate to be chosen; ``plain-20`` is also read after it is extended to the depth of the deep one."""
    known = NETS[net]
    extended = Readings(extend_to=(DEEP,) if (net, depth, times) == ("plain", SHALLOW, 1) else ())
    made = Conv(depth, known.rule, WIDTHS, **dict(known.fields))
    return Spec(made, TASK, SGD(0.1, times * STEPS), extended)


# --- Every net at every budget: name -> kind and Spec ---------------------------------------------

ENDS: dict[str, tuple[str, Spec]] = {
    called(net, depth): (known.kind, _spec(net, depth))
    for net, known in NETS.items()
    for depth in (DEPTHS if net in ("plain", "residual") else (SHALLOW, DEEP))
}
STUCK = "shuffled"  # of 20 layers, because the deep one would be trained for as long as all others
BUDGETS = {"plain": TIMES, "residual": TIMES, "Dirac": TIMES[:2], "delta-orthogonal": TIMES[:2]}  # net -> multiples
LONGER: dict[str, tuple[str, Spec]] = {
    called(net, depth, times): (NETS[net].kind, _spec(net, depth, times))
    for net, budgets in BUDGETS.items()
    for times in budgets[1:]
    for depth in (SHALLOW, DEEP)
} | {called(STUCK, SHALLOW, TIMES[-1]): (NETS[STUCK].kind, _spec(STUCK, SHALLOW, TIMES[-1]))}
FROZEN = {net: f"{called(net, DEEP)}, frozen" for net in ("residual", "Dirac")}
LINEAR, ONE_HIDDEN = "linear", "one hidden layer"
_DEEP = _spec("residual", DEEP)
BASELINES: dict[str, tuple[str, Spec]] = {
    **{name: ("frozen branches", bed.frozen(_spec(net, DEEP))) for net, name in FROZEN.items()},
    LINEAR: ("linear model", bed.linear(_DEEP)),
    ONE_HIDDEN: ("one hidden layer", bed.one_hidden(_DEEP)),
}
TRAINED = ENDS | LONGER | BASELINES

# --- Learning rates ------------------------------------------------------------------------------

# Steps of about 3, recorded with seeds from 10000 (`whyresnets record degradation --grid`).
_LOW, _MIDDLE, _HIGH, _WIDE = (0.003, 0.01, 0.03), (0.01, 0.03, 0.1), (0.03, 0.1, 0.3), (0.03, 0.1, 0.3, 1.0)
RATES: dict[str, tuple[float, ...]] = {
    **{called(net, 8): _WIDE for net in ("plain", "residual")},
    **{called(net, SHALLOW): _WIDE for net in ("plain", "Dirac", "delta-orthogonal")},
    called("residual", SHALLOW): (0.01, *_WIDE),
    called("plain", DEEP): _MIDDLE,
    called("Dirac", DEEP): _HIGH,
    called("delta-orthogonal", DEEP): (*_MIDDLE, 0.3),
    called("residual", DEEP): (*_LOW, 0.1),
    called("permuted", SHALLOW): _MIDDLE,
    called("permuted", DEEP): (*_LOW, 0.1),
    FROZEN["residual"]: (0.01, *_WIDE),
    FROZEN["Dirac"]: (*_WIDE, 3.0),
    LINEAR: (0.03, 0.1, 0.3, 1.0),
    ONE_HIDDEN: (0.1, 0.3, 1.0, 3.0),
}
# The best of the grid by mean training loss, and not at its edge. What is trained longer has the rate that was best for
# the usual steps, and another sample's shortcut one of ours: it ends at chance.
BEST: dict[str, float] = {
    **{called(net, DEPTHS[0]): 0.3 for net in ("plain", "residual")},
    **{called(net, SHALLOW): 0.1 for net in ("plain", "Dirac", "delta-orthogonal")},
    called("plain", DEEP): 0.03,
    called("Dirac", DEEP): 0.1,
    called("delta-orthogonal", DEEP): 0.1,
    **{called(net, depth): 0.03 for net in ("residual", "permuted") for depth in (SHALLOW, DEEP)},
    FROZEN["residual"]: 0.03,
    FROZEN["Dirac"]: 1.0,
    LINEAR: 0.1,
    ONE_HIDDEN: 0.3,
}
BEST |= {
    called(net, depth, times): BEST[called(net, depth)]
    for net, budgets in BUDGETS.items()
    for times in budgets[1:]
    for depth in (SHALLOW, DEEP)
}
GRID = {name: tuple(TRAINED[name][1].but(rate=rate, extend_to=()) for rate in rates) for name, rates in RATES.items()}
GRID |= first_edition.TUNED_GRID
LAPTOP = (
    *(Arm(name, spec.but(rate=BEST.get(name, 0.1)), kind) for name, (kind, spec) in TRAINED.items()),
    *first_edition.WARM_UP,
)

# --- Seeds ---------------------------------------------------------------------------------------

# Fewer than usual, because there are many nets, and a run of the deep ones takes ten seconds.
FEW = Seeds(printed=10, unseen=5, tuning=3)
ONCE = replace(FEW, unseen=0)  # what only stands beside the others
LONG, WAITING = Seeds(printed=5, unseen=0, tuning=3), Seeds(printed=0, unseen=0, tuning=3)
SEEDS = {
    **dict.fromkeys(ENDS, FEW),
    **dict.fromkeys((called("plain", 8), called("residual", 8), LINEAR, ONE_HIDDEN), ONCE),
    **dict.fromkeys(FROZEN.values(), replace(ONCE, tuning=2)),
    **dict.fromkeys(LONGER, LONG),
    **{called("residual", depth, TIMES[-1]): WAITING for depth in (SHALLOW, DEEP)},
}
