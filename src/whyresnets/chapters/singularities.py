"""What singularities are (Orhan & Pitkow 2018, first half): where is the loss flat, what do skips change there?

Exact counts in tiny nets, escape from the singular points in a net of two units, exact spectra through training. The
body of the paper was not at hand: what it is recalled to claim is marked as recalled, and every protocol is ours.
Thresholds were fixed after trials on tuning seeds and before the record was made.
"""

import numpy as np
import torch

from whyresnets import curvature, data, report, sweeps, training
from whyresnets.claims import Chapter, Claim, Condition, Effect, Test, eigenvalue_share, gauss_newton_zeros
from whyresnets.models import SINGULARITIES
from whyresnets.training import Runs, Spec

HALF_A_MODE = 0.5  # eigenvalues; counts are whole numbers: none or at least one
ALL_FOUR = 3.5  # eigenvalues: one for each of the four weights out of a unit, not one less
ONE_STAYS = 1.5  # eigenvalues: at elimination, that of the bias stays with any skip
HALF_OF_THEM = 4.0  # eigenvalues: eight units can be rescaled
ESCAPED = 0.1  # distance from the manifold at which a run has left it: beyond every start but the first (chosen by us)
SLOWER = 0.1  # decades: what a start a hundred times nearer must add to the way out, 26% (chosen by us)
A_TENTH = 0.1  # of all eigenvalues; of a nat of training loss: as fast (chosen by us)
MORE = 0.15  # of all eigenvalues: a difference of two nets that we call one (chosen by us)
MANY = 20  # seeds of a reader's own run, where a seed takes a moment (chosen by us)
AS_GOOD_AS_ZERO = 1e-10  # of the largest eigenvalue: another such threshold (chosen by us)

# --- The arms: counts at singular points --------------------------------------------------------

NOWHERE = "nowhere near"  # a singular point: an ordinary start
TINY = Spec(
    "plain",
    3,
    steps=0,
    data="gaussian-4",
    family="skip",
    widths=(4,),
    norm="none",
    activation="tanh",
    weights="orthogonal",
    gain=2.0,
    targets="teacher",
    precision="float64",
    spectra=(0,),
)
SKIPS: dict[str, dict] = {
    "plain": {},
    "residual": {"rule": "residual"},
    "spared unit": {"rule": "residual", "skip": "spared"},
    "common skip": {"rule": "residual", "skip": "common"},
    "opposite skips": {"rule": "residual", "skip": "opposite"},
}
CONTROL_AT = {"elimination": "spared unit", "overlap": "common skip", "mirror": "opposite skips"}
COUNTS = {
    f"{net}, {point or NOWHERE}": TINY.but(point=point, **change)
    for net, change in SKIPS.items()
    for point in ("", *SINGULARITIES)
}
CRITICAL = {
    f"plain, {point or NOWHERE}, no error": TINY.but(point=point, targets="own") for point in ("", *SINGULARITIES)
}
RELU = {f"{net}, ReLU": TINY.but(activation="relu", **SKIPS[net]) for net in ("plain", "residual")}

# --- The arms: the way out ----------------------------------------------------------------------

DISTANCES = (1e-1, 1e-2, 1e-3, 1e-4)  # from the singular point, at the start
FAR = DISTANCES[1]  # the two starts that are compared
NEAR = DISTANCES[3]  # a hundred times nearer
TWO = Spec(
    "plain",
    2,
    rate=0.3,
    steps=600,
    data="gaussian-2",
    family="skip",
    widths=(2,),
    norm="none",
    activation="tanh",
    weights="orthogonal",
    gain=2.0,
    targets="teacher",
    precision="float64",
    batch=256,
    momentum=0.0,
    weight_decay=0.0,
    schedule="constant",
    warmup=0.0,
)


def start(net: str, point: str, distance: float) -> str:
    """The name of the arm of two units that starts at a ``distance`` from a singular point."""
    return f"{net}, {distance:g} from {point}"


INCOMING = "plain, incoming only"
WAYS = {
    start(net, point, distance): TWO.but(point=point, distance=distance, whole=True, **SKIPS[net])
    for point in SINGULARITIES
    for net in ("plain", "residual", CONTROL_AT[point])
    for distance in DISTANCES
} | {
    start(INCOMING, point, distance): TWO.but(point=point, distance=distance)
    for point in SINGULARITIES
    for distance in DISTANCES
}

# --- The arms: spectra through training ---------------------------------------------------------

READ_AT = (0, 25, 100, 800)  # steps: the start, one epoch, five, thirty-six
EARLY = 1  # of those, counted from 0
FIVE_EPOCHS = -2  # of those: the last but one
LATE = -1  # of those: the last
DEEP = Spec(
    "plain",
    11,
    steps=800,
    data="digits-4x4",
    family="skip",
    widths=(10,),
    norm="none",
    weights="glorot",
    weight_decay=0.0,
    schedule="constant",
    warmup=0.0,
    spectra=READ_AT,
)
DEEP_KINDS: dict[str, dict] = {  # one rate for all: the best of the recorded grid for all but the residual net
    "plain": {"rate": 0.01},
    "residual": {"rule": "residual", "rate": 0.01},
    "hyper-residual": {"rule": "hyper", "rate": 0.01},
    "plain, near-identity": {"weights": "identity", "rate": 0.01},
}
FASTER = "residual, faster"  # at its own best rate
DEEP_ARMS = {kind: DEEP.but(**change) for kind, change in DEEP_KINDS.items()} | {
    FASTER: DEEP.but(rule="residual", rate=0.03)
}
OWN_BEST = ("plain", FASTER, "hyper-residual", "plain, near-identity")
GRID_RATES = (0.003, 0.01, 0.03, 0.1)

LAPTOP = {**COUNTS, **CRITICAL, **RELU, **WAYS, **DEEP_ARMS}

# --- Readings -----------------------------------------------------------------------------------


def hessian_zeros(runs: Runs) -> np.ndarray:
    """Eigenvalues of the Hessian that are 0 but for rounding, at the first reading, dimensionless (S,).

    Source: Orhan and Pitkow 2018, section 2.1: "singular".
    """
    return np.where(runs.finished, runs["hessian_zeros"][:, 0], np.nan)


def escape_steps(runs: Runs) -> np.ndarray:
    """The step, counted from 1, that first begins at a distance beyond :data:`ESCAPED`, (S,), dimensionless.

    A run that never leaves scores all its steps, which understates; a diverged one NaN. Source: ours.
    """
    away = runs["distance"] > ESCAPED
    steps = np.where(away.any(1), away.argmax(1), away.shape[1] - 1) + 1.0
    return np.where(runs.finished, steps, np.nan)


def left(runs: Runs) -> np.ndarray:
    """Whether a run gets away from its singular point at all, by more than :data:`ESCAPED`, (S,) of bool (ours)."""
    return (runs["distance"] > ESCAPED).any(1) & runs.finished


def slowing(far: Runs, near: Runs) -> np.ndarray:
    """log10 of the ratio of :func:`escape_steps` from ``near`` over ``far``, in decades, dimensionless (S,).

    0: a nearer start takes no longer. Source: ours, for the learning that "slows down" near singularities (Orhan and
    Pitkow 2018, abstract).
    """
    return np.log10(escape_steps(near) / escape_steps(far))


def early_gauss_newton(runs: Runs) -> np.ndarray:
    """Degenerate share of the Gauss-Newton matrix after one epoch, dimensionless (S,) (ours)."""
    return eigenvalue_share(runs, "gauss_newton_degenerate")[:, EARLY]


def early_gauss_newton_zeros(runs: Runs) -> np.ndarray:
    """The same at :data:`AS_GOOD_AS_ZERO`, dimensionless (S,) (ours)."""
    return eigenvalue_share(runs, "gauss_newton_degenerate", AS_GOOD_AS_ZERO)[:, EARLY]


def loss_after_five_epochs(runs: Runs) -> np.ndarray:
    """Cross-entropy over all training examples at step 100, in nats (S,) (ours)."""
    return np.where(runs.finished, runs["spectra_loss"][:, FIVE_EPOCHS], np.nan)


def negative_at_the_start(runs: Runs) -> np.ndarray:
    """Negative share of the Hessian before training, dimensionless (S,) (ours)."""
    return eigenvalue_share(runs, "hessian_negative")[:, 0]


def gauss_newton_at_the_start(runs: Runs) -> np.ndarray:
    """Degenerate share of the Gauss-Newton matrix before training, dimensionless (S,) (ours)."""
    return eigenvalue_share(runs, "gauss_newton_degenerate")[:, 0]


def early_hessian(runs: Runs) -> np.ndarray:
    """Degenerate share of the Hessian after one epoch, dimensionless (S,) (ours)."""
    return eigenvalue_share(runs, "hessian_degenerate")[:, EARLY]


def early_negative(runs: Runs) -> np.ndarray:
    """Negative share of the Hessian after one epoch, dimensionless (S,) (ours)."""
    return eigenvalue_share(runs, "hessian_negative")[:, EARLY]


def late_gauss_newton(runs: Runs) -> np.ndarray:
    """Degenerate share of the Gauss-Newton matrix after 36 epochs, dimensionless (S,) (ours)."""
    return eigenvalue_share(runs, "gauss_newton_degenerate")[:, LATE]


# --- What the claims predict --------------------------------------------------------------------


def _removed(point: str, net: str) -> Condition:
    says = f"zero modes at {point} that a skip removes: plain - {net}"
    arms = f"plain, {point}", f"{net}, {point}"
    return Condition(Effect(says, arms[:1], arms[1:], gauss_newton_zeros), ">", ALL_FOUR, "eigenvalues")


def _zeros(arm: str, side: str = ">", reading=gauss_newton_zeros, limit: float = HALF_A_MODE) -> Condition:
    matrix = "Gauss-Newton" if reading is gauss_newton_zeros else "Hessian"
    effect = Effect(f"zero modes of the {matrix} matrix, {arm}", (arm,), (), reading)
    return Condition(effect, side, limit, "eigenvalues")


def _rescalings(plain: str, residual: str) -> Condition:
    says = "zero modes of the Gauss-Newton matrix"
    effect = Effect(f"{says}: {plain} - {residual}", (plain,), (residual,), gauss_newton_zeros)
    return Condition(effect, ">", HALF_OF_THEM, "eigenvalues")


def _slow(net: str, point: str, side: str = ">") -> Condition:
    pair = start(net, point, FAR), start(net, point, NEAR)
    says = f"way out of {point} from {NEAR:g} over {FAR:g}, {net}"
    return Condition(Effect(says, (pair,), (), slowing), side, SLOWER, "decades")


def _as_fast(first: str, second: str) -> Condition:
    says = f"training loss after five epochs: {first} - {second}"
    return Condition(Effect(says, (first,), (second,), loss_after_five_epochs), "<", A_TENTH)


def _leaves(net: str, point: str) -> Condition:
    arm = start(net, point, NEAR)
    return Condition(Effect(f"runs that leave, {arm}", (arm,), (), left), ">", 0.5, "of seeds")


def _more(first: str, second: str, reading, what: str, threshold: float = MORE) -> Condition:
    return Condition(Effect(f"{what}: {first} - {second}", (first,), (second,), reading), ">", threshold, "of all")


GN_EARLY = "degenerate share of the Gauss-Newton matrix after an epoch"
GN_START = "degenerate share of the Gauss-Newton matrix before training"
N_START = "negative share of the Hessian before training"
H_EARLY = "degenerate share of the Hessian after an epoch"
N_EARLY = "negative share of the Hessian after an epoch"
GN_LATE = "degenerate share of the Gauss-Newton matrix after 36 epochs"
RECALLED = "orhan2018skip, as recalled; our protocol"

CLAIMS = (
    Claim(
        id="OP-1",
        source="orhan2018skip, abstract and section 2.1; our protocol",
        says="At dead, double or mirrored units four directions, weights out, change nothing; identity skips end it.",
        conditions=tuple(_removed(point, "residual") for point in SINGULARITIES),
        controls=tuple(
            Test(f"{says}, at {point}", (_removed(point, CONTROL_AT[point]),))
            for point, says in {
                "elimination": "a skip around all units but that one",
                "overlap": "a skip that is the same for all units",
                "mirror": "skips that are opposite for the two units",
            }.items()
        ),
        given=Test(
            "elsewhere there are none, and each incomplete skip fails at one kind of point alone",
            (
                *(_zeros(f"{net}, {NOWHERE}", "<") for net in SKIPS),
                *(
                    _zeros(f"{net}, {point}", "<", limit=ONE_STAYS)
                    for at, net in CONTROL_AT.items()
                    for point in SINGULARITIES
                    if point != at
                ),
            ),
        ),
        not_shown="That training comes near such points: they were built.",
        seeds=MANY,
    ),
    Claim(
        id="OP-1h",
        source="orhan2018skip, section 2.1 of versions 5 to 7, taken at its word",
        says="The Hessian of the loss is singular wherever a unit of a plain net is dead or a double.",
        conditions=tuple(_zeros(f"plain, {point}", reading=hessian_zeros) for point in ("elimination", "overlap")),
        controls=(Test("neither dead nor a double", (_zeros(f"plain, {NOWHERE}", reading=hessian_zeros),)),),
        not_shown="That the paper means it so: it may mean critical points, see OP-1c.",
        seeds=MANY,
    ),
    Claim(
        id="OP-1c",
        source="ours, beside orhan2018skip, section 2.1",
        says="At a critical point, here one without error, a dead, double or mirrored unit makes the Hessian singular.",
        conditions=tuple(_zeros(f"plain, {point}, no error", reading=hessian_zeros) for point in SINGULARITIES),
        controls=(
            Test("the same points with an error", (_zeros("plain, overlap", reading=hessian_zeros),)),
            Test("no error, at no such point", (_zeros(f"plain, {NOWHERE}, no error", reading=hessian_zeros),)),
        ),
        not_shown="Critical points with an error, such as a smaller net's optimum with a unit doubled.",
        seeds=MANY,
    ),
    Claim(
        id="OP-1r",
        source="ours, after orhan2018skip, section 2.1",
        says="A plain ReLU net has such directions everywhere, as units can be rescaled; an identity skip ends that.",
        conditions=(_rescalings("plain, ReLU", "residual, ReLU"),),
        controls=(Test("tanh, which cannot be rescaled", (_rescalings(f"plain, {NOWHERE}", f"residual, {NOWHERE}"),)),),
        not_shown="Whether such directions slow anything.",
        seeds=MANY,
    ),
    Claim(
        id="OP-2",
        source="orhan2018skip, abstract; our protocol",
        says="A plain net leaves singular points slowly, the slower the nearer it starts; with a skip it does not.",
        conditions=(
            *(c for point in SINGULARITIES for c in (_slow("plain", point), _slow("residual", point, "<"))),
            *(_leaves("residual", point) for point in SINGULARITIES),  # never leaving is no less slow
        ),
        controls=tuple(
            Test(f"{CONTROL_AT[point]}, near {point}", (_slow(CONTROL_AT[point], point, "<"),))
            for point in SINGULARITIES
        ),
        given=Test(
            "what turns the claim leaves at all",
            tuple(_leaves(INCOMING, point) for point in SINGULARITIES),
        ),
        turns_when=Test(
            "only the weights into the unit are near, those out of it are not",
            tuple(_slow(INCOMING, point) for point in SINGULARITIES),
        ),
        not_shown="That an ordinary start is near, or that a net learns better for leaving: the teachers are plain.",
        seeds=MANY,
    ),
    Claim(
        id="OP-3",
        source=RECALLED,
        says="Early in training a plain net is more degenerate than a residual one: Gauss-Newton matrix.",
        conditions=(_more("plain", "residual", early_gauss_newton, GN_EARLY),),
        controls=(
            Test(
                "the slowness removed, and not by a skip: a start near the identity",
                (_more("plain, near-identity", "residual", early_gauss_newton, GN_EARLY),),
            ),
        ),
        given=Test("that net trains as fast", (_as_fast("plain, near-identity", "residual"),)),
        turns_when=Test(
            f"eigenvalues below {AS_GOOD_AS_ZERO:g} of the largest, and the residual net at its own best rate",
            (_more("plain", FASTER, early_gauss_newton_zeros, GN_EARLY),),
        ),
        not_shown="That the missing skip is the cause: the control has none either.",
        live=False,
    ),
    Claim(
        id="OP-3y",
        source=RECALLED,
        says="Early in training a residual net is more degenerate than a hyper-residual one: Gauss-Newton matrix.",
        conditions=(_more("residual", "hyper-residual", early_gauss_newton, GN_EARLY),),
        controls=(
            Test(
                "the same nets before training",
                (_more("residual", "hyper-residual", gauss_newton_at_the_start, GN_START),),
            ),
        ),
        not_shown="That the order is the other way round: a smaller difference would not count here.",
        live=False,
    ),
    Claim(
        id="OP-3h",
        source=RECALLED,
        says="Early in training a plain net is more degenerate than a residual one: Hessian, the paper's matrix.",
        conditions=(_more("plain", "residual", early_hessian, H_EARLY),),
        controls=(
            Test(
                "the slowness removed, and not by a skip: a start near the identity",
                (_more("plain, near-identity", "residual", early_hessian, H_EARLY),),
            ),
        ),
        not_shown="Other thresholds: see the figure, from 1e-1 to 1e-13.",
        live=False,
    ),
    Claim(
        id="OP-3n",
        source=RECALLED,
        says="A residual net's Hessian has early the larger share of negative eigenvalues.",
        conditions=(_more("residual", "plain", early_negative, N_EARLY, A_TENTH),),
        controls=(
            Test(
                "the same nets before training",
                (_more("residual", "plain", negative_at_the_start, N_START, A_TENTH),),
            ),
        ),
        not_shown="Other thresholds.",
        live=False,
    ),
    Claim(
        id="OP-3x",
        source=RECALLED,
        says="Late in training the order crosses over: then the residual net is the more degenerate one.",
        conditions=(_more("residual", "plain", late_gauss_newton, GN_LATE, threshold=0.0),),
        controls=(Test("early", (_more("residual", "plain", early_gauss_newton, GN_EARLY, threshold=0.0),)),),
        not_shown="Longer training: after 36 epochs the plain net still learns.",
        live=False,
    ),
)

# --- What the figures show ----------------------------------------------------------------------

COLUMNS = (NOWHERE, *SINGULARITIES)
COUNTED = {
    "Gauss-Newton matrix": (gauss_newton_zeros, {net: [f"{net}, {point}" for point in COLUMNS] for net in SKIPS}),
    "Hessian": (
        hessian_zeros,
        {
            "plain": [f"plain, {point}" for point in COLUMNS],
            "plain, no error": [f"plain, {point}, no error" for point in COLUMNS],
        },
    ),
}
BY_DISTANCE = {
    f"Near {point}": {
        net: {distance: start(net, point, distance) for distance in DISTANCES}
        for net in ("plain", CONTROL_AT[point], "residual", INCOMING)
    }
    for point in SINGULARITIES
}
PATHS = {
    title: [start(net, "overlap", distance) for distance in DISTANCES]
    for title, net in {
        "Plain": "plain",
        "With a skip": "residual",
        "The same skip for both units": "common skip",
    }.items()
}
SPECTRA = {"Gauss-Newton matrix": "gauss_newton_degenerate", "Hessian": "hessian_degenerate"}
GRID = torch.linspace(-1.2, 1.2, 25, dtype=torch.float64)  # units of the axes of a plane (chosen by us)


def plane(point: str, net: str, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """The loss around a singular point of the net of two units, (G, G), and downhill on that plane, (G, G, 2).

    First axis: the second unit's weights in, away from the point; second: its weight out. Half squared units, and those
    per unit of weight; shapes with the grid's G points on either axis. Source: ours.
    """
    spec = TWO.but(point=point, whole=True, **SKIPS[net])
    at = training.begin(spec, seed, data.load(spec.data))
    axes = tuple({name: torch.zeros_like(p) for name, p in at.params.items()} for _ in range(2))
    # Into the point's own plane: what the two units do differently, and where one is to be dead, that one alone.
    sign = SINGULARITIES[point]
    turned = at.params["0.weight"][0].roll(1) * torch.tensor([1.0, -1.0], dtype=torch.float64)
    for unit, part in ((1, 1.0), (0, -float(sign))):
        axes[0]["0.weight"][unit] = part * turned / (turned.norm() * (1 + sign**2) ** 0.5)
        axes[1]["head.weight"][0, unit] = part / (1 + sign**2) ** 0.5
    loss, downhill = curvature.slope(at.net, at.params, *at.train_set, axes, GRID)
    return loss.numpy(), downhill.numpy()


DROPPED: tuple[str, ...] = ()


@sweeps.one_thread()
def silent_units() -> report.Table:
    """How many hidden units are 0 on every training image, before training and after one epoch; means of 20 seeds.

    Trained anew, in a moment: no reading of the runs says so.
    """
    rows = []
    for kind, spec in DEEP_ARMS.items():
        counts = []
        for steps in (0, READ_AT[EARLY]):
            cut, known = spec.but(steps=steps, spectra=()), data.load(spec.data)
            starts = [training.begin(cut, seed, known) for seed in range(MANY)]
            training.descend_together(cut, starts)
            counts.append(np.mean([_silent(begun) for begun in starts]))
        rows.append((kind, *(f"{count:.0f}" for count in counts)))
    units = DEEP.widths[0] * (DEEP.depth - 1)
    return report.Table(("net", f"silent units of {units}, untrained", "after one epoch"), rows)


def _silent(begun: training.Start) -> int:
    branches: list[torch.Tensor] = []
    begun.net.states(begun.params, begun.train_set[0], responses=branches)
    return sum(int((branch == 0).all(0).sum()) for branch in branches)


CHAPTER = Chapter(
    name="singularities",
    title="What singularities are",
    builds_on="eigenvalues of a symmetric matrix, second derivatives",
    claims=CLAIMS,
    laptop=LAPTOP,
    shown=(*COUNTS, *WAYS),
    probes=tuple(DEEP_KINDS),
    dropped=DROPPED,
    compact=True,
    grid={kind: tuple(DEEP_ARMS[kind].but(rate=rate, spectra=()) for rate in GRID_RATES) for kind in OWN_BEST},
)

# --- Self-checks of the exercises ---------------------------------------------------------------


def check_count(answer: int | None) -> str:
    """Exercise 1: zero modes at overlap with one hidden layer and three outputs; a sentence back."""
    if answer is None:
        return "Not answered yet."
    if answer == data.OUTPUTS[TINY.data]:
        return f"Right: {answer}, one for each weight out of the doubled unit."
    return "Not yet: how many weights lead out of one hidden unit, if the outputs come next?"


def check_way(answer: Runs | None) -> str:
    """Exercise 2: runs of the plain net of two units from 1e-5 of overlap; a sentence back."""
    if answer is None:
        return "Not answered yet."
    asked = WAYS[start("plain", "overlap", NEAR)].but(distance=1e-5)
    if answer.spec != asked:
        return "Not yet: the Spec should be that of the arm, with the distance changed to 1e-5 and nothing else."
    recorded = CHAPTER.recorded()
    far, near = (
        escape_steps(recorded[start("plain", "overlap", distance)])[: len(answer.seeds)].mean()
        for distance in (FAR, NEAR)
    )
    yours = escape_steps(answer).mean()
    a_decade = (near - far) / 2
    if abs(yours - near - a_decade) < a_decade / 2:
        return f"Right: {yours:.0f} steps; {near:.0f} from {NEAR:g}, and {a_decade:.0f} for every decade."
    return f"Your {yours:.0f} steps are far from {near + a_decade:.0f}, where a straight line leads: look at each seed."


def check_design(answer: str | None) -> str:
    """Exercise 3: which biases inside the activation remove the wait, "different" or "equal"; a sentence back."""
    why = "with equal ones the two units can still be exchanged. Then what could part them?"
    return report.check_choice(answer, "different", {"equal": why})


@sweeps.one_thread()
def large(kind: str, matrix: str, seed: int = 0) -> np.ndarray:
    """The hundred largest eigenvalues after an epoch of a net as deep as ours and three times as wide, (100,).

    Of the "hessian" or "gauss_newton" matrix of one seed, by falling size, in nats per unit squared, see
    :func:`whyresnets.curvature.largest`. Source: ours, after Orhan and Pitkow 2018, as recalled.
    """
    spec = DEEP_ARMS[kind].cut(READ_AT[EARLY]).but(widths=(32,))
    begun = training.begin(spec, seed, data.load(spec.data))
    training.descend_together(spec.but(spectra=()), [begun])
    exact = {name: p.double() for name, p in begun.params.items()}
    x, y = (part[: curvature.EXAMPLES] for part in begun.train_set)
    return curvature.largest(begun.net, exact, x.double(), y, matrix, 100).numpy()
