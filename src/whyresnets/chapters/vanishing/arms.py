"""The nets of the chapter: 54 units on MNIST-1D with and without BN, ReLU and sigmoid, and He et al.'s on digits.

Those that are trained have linear first and last layers and the best rate of a grid; the others are read at the start.
"""

from whyresnets import bed
from whyresnets.chapter import Arm, Seeds, larger
from whyresnets.nets.architecture import Conv
from whyresnets.spec import SGD, Readings, Spec

UNITS = 54  # with first and last layer as deep as the nets of He et al. with 56 layers
SOON, END = 40, bed.STEPS  # steps: when the warm-up has just ended, and at the end (chosen by us)
FOLLOW = (0, SOON, END)

PLAIN, RESIDUAL = "plain", "residual"
ORTHOGONAL = "ReLU, orthogonal"  # plain, with BN
SIGMOID, GAUSSIAN, BARE = "sigmoid, orthogonal", "sigmoid, Gaussian", "sigmoid, orthogonal, no BN"
LINEAR, ONE_HIDDEN = "linear", "one hidden layer"
SATURATING = "sigmoid, no BN"
SMALL, OPEN = "small weights, no BN", "residual, BN before the last layer only"
BALANCED, AGAIN = "plain, equal relative steps", "plain, drawn again"
FIRST_GAIN = 124.0  # with it all units of the plain net move by the same share at first (chosen on tuning seeds)
FLAT = "plain, BN before the last layer only"  # ReLU, and nothing explodes; shown, and in no claim


def counted(arm: str) -> str:
    """The name of the arm that is ``arm`` before training, of which directions are counted."""
    return f"{arm}, before training"


def frozen(arm: str) -> str:
    """The name of the arm with the units of ``arm`` as they were drawn."""
    return f"{arm}, frozen"


# --- Trained: name -> kind and net --------------------------------------------------------------

_ROTATED = {"activation": "sigmoid", "weights": "orthogonal"}
NETS: dict[str, tuple[str, Spec]] = {
    PLAIN: ("plain", bed.on_the_bed(UNITS, "plain", 0.1).but(follow=FOLLOW)),
    RESIDUAL: ("residual", bed.on_the_bed(UNITS, "residual", 0.1).but(follow=FOLLOW)),
    ORTHOGONAL: ("plain, orthogonal", bed.on_the_bed(UNITS, "plain", 0.1, weights="orthogonal").but(follow=(0,))),
    SIGMOID: ("sigmoid, BN, orthogonal", bed.on_the_bed(UNITS, "plain", 0.1, **_ROTATED).but(follow=FOLLOW)),
    GAUSSIAN: ("sigmoid, BN", bed.on_the_bed(UNITS, "plain", 0.1, activation="sigmoid").but(follow=(0,))),
    FLAT: ("plain, head BN", bed.on_the_bed(UNITS, "plain", 0.1, norm="none", head_norm="batch").but(follow=(0,))),
    BARE: ("sigmoid", bed.on_the_bed(UNITS, "plain", 0.1, **_ROTATED, norm="none")),
}
NETS[BALANCED] = ("plain, equal steps", NETS[PLAIN][1].but(first_gain=FIRST_GAIN))
NETS |= {
    frozen(SIGMOID): ("frozen branches", bed.frozen(NETS[SIGMOID][1]).but(follow=())),
    LINEAR: ("linear model", bed.linear(NETS[PLAIN][1])),
    ONE_HIDDEN: ("one hidden layer", bed.one_hidden(NETS[PLAIN][1])),
}
RATES = {
    PLAIN: (0.01, 0.03, 0.1),
    RESIDUAL: (0.03, 0.1, 0.3),
    ORTHOGONAL: (0.003, 0.01, 0.03, 0.1, 0.3),
    SIGMOID: (0.003, 0.01, 0.03),
    GAUSSIAN: (0.003, 0.01, 0.03, 0.1),
    FLAT: (0.03, 0.1, 0.3),
    BARE: (0.03, 0.1, 0.3),
    frozen(SIGMOID): (0.03, 0.1, 0.3, 1.0),
    LINEAR: (0.03, 0.1, 0.3),
    ONE_HIDDEN: (0.3, 1.0, 3.0),
}
GRID = {name: tuple(NETS[name][1].but(rate=rate, follow=()) for rate in rates) for name, rates in RATES.items()}
# The best of the grid by mean training loss, and not at its edge; of those without BN each ends at chance.
BEST = {
    **dict.fromkeys(NETS, 0.1),
    **dict.fromkeys((ORTHOGONAL, SIGMOID, GAUSSIAN), 0.01),
    PLAIN: 0.03,
    frozen(SIGMOID): 0.3,
    ONE_HIDDEN: 1.0,
}
TRAINED = (
    *(Arm(name, spec.but(rate=BEST[name]), kind) for name, (kind, spec) in NETS.items()),
    Arm(AGAIN, NETS[PLAIN][1].but(rate=BEST[PLAIN], follow=(), draw=1), "plain"),
)

# --- Read at the start --------------------------------------------------------------------------

_READ = {"steps": 0, "follow": (0,)}
HE = Spec(Conv(56), optimiser=SGD(steps=0), readings=Readings(follow=(0,)))  # on digits, images of 8 by 8 pixels
HE_PLAIN, HE_RESIDUAL = "plain, 56 layers", "residual, 56 layers"
HE_BARE, HE_CIRCULAR = "plain, 56 layers, no BN", "plain, 56 layers, no BN, circular padding"
START = (
    Arm(
        SATURATING,
        bed.on_the_bed(UNITS, "plain", 0.1, activation="sigmoid", norm="none", gain=4.0).but(**_READ),
        "sigmoid",
    ),
    Arm(SMALL, bed.on_the_bed(UNITS, "plain", 0.1, norm="none", gain=0.8).but(**_READ), "plain, no BN, small weights"),
    Arm(OPEN, bed.on_the_bed(UNITS, "residual", 0.1, norm="none", head_norm="batch").but(**_READ), "residual, head BN"),
    Arm(HE_PLAIN, HE, "plain"),
    Arm(HE_RESIDUAL, HE.but(rule="residual"), "residual"),
    Arm(HE_BARE, HE.but(norm="none"), "plain, no norm"),
    Arm(HE_CIRCULAR, HE.but(norm="none", padding="circular"), "plain, no norm"),
)
COUNTED = tuple(
    Arm(counted(name), NETS[name][1].but(steps=0, follow=(), directions=(0,)), NETS[name][0])
    for name in (PLAIN, BALANCED, ORTHOGONAL, FLAT, GAUSSIAN, SIGMOID, RESIDUAL)
)
LAPTOP = (*TRAINED, *START, *COUNTED)
SEEDS = {arm.name: Seeds(printed=20, unseen=0, tuning=5) for arm in COUNTED}  # they are in no claim

# --- On CIFAR-10 --------------------------------------------------------------------------------

EPOCH = 400  # steps
_UNTRAINED = larger(HE.but(follow=(), signals=True), "workstation")  # of these the gradients at the states were read
_WATCHED = larger(Spec(Conv(56), optimiser=SGD(rate=0.03)), "workstation").but(signals=True, watch=(0, SOON, EPOCH))
PLAIN_EPOCH, RESIDUAL_EPOCH = "plain, 56 layers, an epoch", "residual, 56 layers, an epoch"
WORKSTATION = (
    Arm(HE_PLAIN, _UNTRAINED, "plain"),
    Arm(HE_RESIDUAL, _UNTRAINED.but(rule="residual"), "residual"),
    Arm(HE_BARE, _UNTRAINED.but(norm="none"), "plain, no norm"),
    Arm(PLAIN_EPOCH, _WATCHED, "plain"),
    Arm(RESIDUAL_EPOCH, _WATCHED.but(rule="residual", rate=0.1), "residual"),
)
