"""The nets of the chapter: 16 units on MNIST-1D with other shortcuts, and grown from 4 units, with noise on that.

Every net has BN, linear first and last layers, and the best rate of a grid.
"""

from whyresnets import bed
from whyresnets.chapter import Arm
from whyresnets.spec import Spec

UNITS, SHALLOW = 16, 4  # chosen by us, on tuning seeds: plain nets of 4 train, of 16 do not
CONDITIONS = (1, 3, 10, 30, 100, 1000)  # of the shortcut's matrices; 1: rotations
NOISES = (0.0, 0.03, 0.1, 0.3, 1.0, 3.0)  # on a grown plain net, relative to a weight as it is drawn
RESIDUAL_NOISES = (0.0, 0.3, 1.0, 3.0)
RATES = (0.03, 0.1, 0.3, 1.0)

PLAIN, IDENTITY, ORTHOGONAL, STRETCHED = "plain", "identity", "orthogonal", "condition 1,000"
LINEAR, ONE_HIDDEN = "linear", "one hidden layer"


def conditioned(condition: int) -> str:
    """The name of the arm whose shortcuts have that condition number."""
    return ORTHOGONAL if condition == 1 else f"condition {condition:,}"


def grown(rule: str, noise: float) -> str:
    """The name of the arm that is grown from a shallow net by that rule, with that noise."""
    return f"{rule}, grown, noise {noise:g}"


def _skip(condition: int) -> Spec:
    return bed.on_the_bed(UNITS, "residual", 0.1, skip="orthogonal", skip_condition=float(condition))


# --- Shortcuts: name -> kind and net -----------------------------------------------------

NETS: dict[str, tuple[str, Spec]] = {
    PLAIN: ("plain", bed.on_the_bed(UNITS, "plain", 0.1)),
    f"plain-{SHALLOW}": ("plain", bed.on_the_bed(SHALLOW, "plain", 0.1)),
    "plain, 600 steps": ("plain", bed.on_the_bed(UNITS, "plain", 0.1).but(steps=2 * bed.STEPS)),
    IDENTITY: ("residual", bed.on_the_bed(UNITS, "residual", 0.1)),
    ORTHOGONAL: ("rotated shortcut", _skip(1)),
    **{conditioned(c): ("stretched shortcut", _skip(c)) for c in CONDITIONS[1:]},
}
NETS |= {
    f"{name}, frozen": ("frozen branches", bed.frozen(NETS[name][1]))
    for name in (PLAIN, IDENTITY, ORTHOGONAL, STRETCHED)
}
NETS |= {
    LINEAR: ("linear model", bed.linear(NETS[IDENTITY][1])),
    ONE_HIDDEN: ("one hidden layer", bed.one_hidden(NETS[IDENTITY][1])),
}
FAST = (ORTHOGONAL, "condition 3", f"{IDENTITY}, frozen", f"{ORTHOGONAL}, frozen")  # best at 0.3
_GRIDS = {
    ONE_HIDDEN: (0.3, 1.0, 3.0),
    "plain, 600 steps": (0.01, 0.03, 0.1),
    **dict.fromkeys((IDENTITY, *FAST), RATES),
}
GRID = {name: tuple(spec.but(rate=rate) for rate in _GRIDS.get(name, RATES[:3])) for name, (_, spec) in NETS.items()}
# The best of the grid by mean training loss, and not at its edge.
BEST = {**dict.fromkeys(NETS, 0.1), **dict.fromkeys(FAST, 0.3), ONE_HIDDEN: 1.0, "plain, 600 steps": 0.03}
SHORTCUTS = tuple(Arm(name, spec.but(rate=BEST[name]), kind) for name, (kind, spec) in NETS.items())

# --- Grown: trained at the shallow net's best rate before growing and after ----------------------

GROWN = tuple(
    Arm(
        grown(rule, noise),
        bed.on_the_bed(UNITS, rule, BEST[f"plain-{SHALLOW}"]).but(grown_from=SHALLOW + 2, noise=noise),
        f"grown {rule}",
    )
    for rule, noises in (("plain", NOISES), ("residual", RESIDUAL_NOISES))
    for noise in noises
)
_NOISY = grown("plain", 0.3)
GRID[_NOISY] = tuple(arm.spec.but(rate=rate) for arm in GROWN if arm.name == _NOISY for rate in RATES[:3])
AGAIN = Arm(f"{IDENTITY}, drawn again", NETS[IDENTITY][1].but(rate=BEST[IDENTITY], draw=1), "residual")
LAPTOP = (*SHORTCUTS, *GROWN, AGAIN)
