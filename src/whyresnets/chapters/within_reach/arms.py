"""The nets of the chapter: 16 units on MNIST-1D with other shortcuts, other starts, and grown from 4 units.

Every net has BN and linear first and last layers. How many directions of a signal a start keeps is counted before
training.
"""

from whyresnets import bed
from whyresnets.chapter import Arm, Seeds
from whyresnets.spec import Readings, Spec

UNITS, SHALLOW = 16, 4  # chosen by us, on tuning seeds: plain nets of 4 train, of 16 do not
CONDITIONS = (1, 3, 10, 30, 100, 1000)  # of the shortcut's matrices, all directions spread; 1: rotations
SMALL = ((1, 10), (1, 1000), (56, 10))  # of 64 directions so many are small, by that factor
NOISES = (0.0, 0.1, 0.3, 1.0, 3.0)  # relative to a weight as it is drawn
RATES = (0.03, 0.1, 0.3, 1.0)
TWICE = 2 * bed.STEPS  # what a grown net has had in all

PLAIN, IDENTITY, ORTHOGONAL, STRETCHED = "plain", "identity", "orthogonal", "condition 1,000"
LINEAR, ONE_HIDDEN = "linear", "one hidden layer"
SHALLOW_NET, SHALLOW_TWICE, SHALLOW_AGAIN = "plain-4", "plain-4, 600 steps", "plain-4, trained again"


def conditioned(condition: int) -> str:
    """The name of the arm whose shortcuts have that condition number, all directions spread."""
    return ORTHOGONAL if condition == 1 else f"condition {condition:,}"


def lowered(count: int, factor: int) -> str:
    """The name of the arm whose shortcuts make so many of the 64 directions small, by that factor."""
    return f"{count} of 64 at 1/{factor:,}"


def grown(noise: float) -> str:
    """The name of the plain arm that is grown from the trained shallow net, with that noise."""
    return f"grown, noise {noise:g}"


def untaught(noise: float) -> str:
    """The name of the plain arm whose units start as the identity, with that noise, and get as many steps in all."""
    return f"identity start, noise {noise:g}, 600 steps"


def longer(arm: str, times: int) -> str:
    """The name of the arm that is trained so many times as long."""
    return arm if times == 1 else f"{arm}, {times * bed.STEPS:,} steps"


def _skip(condition: int, small: int = 0) -> Spec:
    how = {"skip": "orthogonal", "skip_condition": float(condition), "skip_small": small}
    return bed.on_the_bed(UNITS, "residual", 0.1, **how)


# --- Shortcuts, starts and lengths: name -> kind and net -----------------------------------------

_plain, _shallow = bed.on_the_bed(UNITS, "plain", 0.1), bed.on_the_bed(SHALLOW, "plain", 0.1)
_start = bed.on_the_bed(UNITS, "plain", 0.1, weights="identity")
NETS: dict[str, tuple[str, Spec]] = {
    PLAIN: ("plain", _plain),
    SHALLOW_NET: ("shallow plain", _shallow),
    SHALLOW_TWICE: ("shallow plain", _shallow.but(steps=TWICE)),
    "plain, 600 steps": ("plain", _plain.but(steps=TWICE)),
    "identity start": ("identity start", _start),
    IDENTITY: ("residual", bed.on_the_bed(UNITS, "residual", 0.1)),
    ORTHOGONAL: ("rotated shortcut", _skip(1)),
    **{conditioned(c): ("stretched shortcut", _skip(c)) for c in CONDITIONS[1:]},
    **{lowered(count, factor): ("lowered shortcut", _skip(factor, count)) for count, factor in SMALL},
}
NETS |= {
    longer(arm, times): (NETS[arm][0], NETS[arm][1].but(steps=times * bed.STEPS))
    for times in (3, 10)
    for arm in (PLAIN, SHALLOW_NET)
}
NETS |= {
    f"{name}, frozen": ("frozen branches", bed.frozen(NETS[name][1]))
    for name in (PLAIN, IDENTITY, ORTHOGONAL, STRETCHED, lowered(1, 1000), lowered(56, 10))
}
NETS |= {
    LINEAR: ("linear model", bed.linear(NETS[IDENTITY][1])),
    ONE_HIDDEN: ("one hidden layer", bed.one_hidden(NETS[IDENTITY][1])),
    untaught(0.0): ("identity start", _start.but(steps=TWICE)),
}
# Best at another rate than 0.1: lowest mean training loss of the grid, and not at its edge.
_FASTER = (ORTHOGONAL, "condition 3", *(f"{name}, frozen" for name in (IDENTITY, ORTHOGONAL, lowered(1, 1000))))
BEST = {
    **dict.fromkeys(NETS, 0.1),
    **dict.fromkeys((*_FASTER, lowered(1, 10), lowered(1, 1000)), 0.3),
    **dict.fromkeys((SHALLOW_TWICE, f"{lowered(56, 10)}, frozen"), 0.3),
    "plain, 600 steps": 0.03,
    ONE_HIDDEN: 1.0,
}
_GRIDS = {
    ONE_HIDDEN: (0.3, 1.0, 3.0),
    "plain, 600 steps": (0.01, 0.03, 0.1),
    **{name: RATES for name in (IDENTITY, *_FASTER, *(lowered(*few) for few in SMALL))},
    **dict.fromkeys((SHALLOW_TWICE, f"{lowered(56, 10)}, frozen"), RATES),
}
# The shallow nets that are trained for longer still have the rate that is best for 300 steps: they end near 0.
_AS_BEFORE = tuple(longer(SHALLOW_NET, times) for times in (3, 10))
GRID = {
    name: tuple(spec.but(rate=rate) for rate in _GRIDS.get(name, RATES[:3]))
    for name, (_, spec) in NETS.items()
    if name not in _AS_BEFORE
}

# --- With noise on the start, and grown: trained at the shallow net's best rate before growing and after ----------

NOISY = tuple(
    Arm(untaught(noise), NETS[untaught(0.0)][1].but(rate=BEST[untaught(0.0)], noise=noise), "identity start")
    for noise in NOISES[1:]
)
GROWN = tuple(
    Arm(grown(noise), _plain.but(rate=BEST[SHALLOW_NET], grown_from=SHALLOW + 2, noise=noise), "grown plain")
    for noise in NOISES
)
AGAIN = Arm(SHALLOW_AGAIN, _shallow.but(rate=BEST[SHALLOW_NET], grown_from=SHALLOW + 2), "shallow plain")
for arm in (GROWN[2], *NOISY[1:3]):
    GRID[arm.name] = tuple(arm.spec.but(rate=rate) for rate in RATES[:3])

# --- All, with the directions counted where the page shows them ----------------------------------

COUNTED = (PLAIN, SHALLOW_NET, "identity start", untaught(0.0), IDENTITY, *(conditioned(c) for c in CONDITIONS))
COUNTED += (*(lowered(*few) for few in SMALL), *(arm.name for arm in GROWN), *(arm.name for arm in NOISY))
_ALL = (*(Arm(name, spec.but(rate=BEST[name]), kind) for name, (kind, spec) in NETS.items()), *NOISY, *GROWN, AGAIN)
REDRAWN = Arm(f"{IDENTITY}, drawn again", NETS[IDENTITY][1].but(rate=BEST[IDENTITY], draw=1), "residual")
LAPTOP = (
    *(
        Arm(arm.name, arm.spec.but(readings=Readings(directions=(0,))) if arm.name in COUNTED else arm.spec, arm.kind)
        for arm in _ALL
    ),
    REDRAWN,
)

# --- Seeds ---------------------------------------------------------------------------------------

# What stands in the figures alone, or says what a claim does after more steps, is not run again from seed 1000 up.
_ONCE = (
    "identity start",
    *(conditioned(condition) for condition in CONDITIONS[1:-1]),
    *(longer(arm, times) for times in (3, 10) for arm in (PLAIN, SHALLOW_NET)),
    *(named(noise) for named in (grown, untaught) for noise in NOISES[1:]),
)
SEEDS = {arm.name: Seeds(20, 0, 3 if arm.spec.optimiser.steps > 500 else 5) for arm in LAPTOP if arm.name in _ONCE}
