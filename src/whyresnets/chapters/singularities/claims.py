"""The claims. Thresholds were fixed after trials on tuning seeds and before the record was made."""

from whyresnets.chapters.singularities.arms import CONTROL_AT, FAR, FASTER, INCOMING, NEAR, NOWHERE, SKIPS, start
from whyresnets.chapters.singularities.effects import (
    AS_GOOD_AS_ZERO,
    early_gauss_newton,
    early_gauss_newton_zeros,
    early_hessian,
    early_negative,
    gauss_newton_at_the_start,
    hessian_zeros,
    late_gauss_newton,
    left,
    loss_after_five_epochs,
    negative_at_the_start,
    slowing,
)
from whyresnets.claims.effects import Condition, Effect, decades, eigenvalues, nats, of_all, of_seeds
from whyresnets.claims.quantities import gauss_newton_zeros
from whyresnets.claims.verdicts import Claim, Test
from whyresnets.nets.architecture import SINGULARITIES

HALF_A_MODE = 0.5 * eigenvalues  # counts are whole numbers: none or at least one
ALL_FOUR = 3.5 * eigenvalues  # one for each of the four weights out of a unit, not one less
ONE_STAYS = 1.5 * eigenvalues  # at elimination, that of the bias stays with any skip
HALF_OF_THEM = 4.0 * eigenvalues  # eight units can be rescaled
SLOWER = 0.1 * decades  # what a start a hundred times nearer must add to the way out, 26% (chosen by us)
A_TENTH = 0.1 * nats  # of training loss: as fast (chosen by us)
A_TENTH_OF_ALL = 0.1 * of_all  # a difference of two nets (chosen by us)
MORE = 0.15 * of_all  # a difference of two nets that we call one (chosen by us)
ANY = 0.0 * of_all  # the sign alone
HALF = 0.5 * of_seeds  # (chosen by us)
MANY = 20  # seeds of a reader's own run, where a seed takes a moment (chosen by us)


def _removed(point: str, net: str) -> Condition:
    """Zero modes at a point that a skip removes."""
    return gauss_newton_zeros[f"plain, {point}"] - gauss_newton_zeros[f"{net}, {point}"] > ALL_FOUR


def _slower(net: str, point: str) -> Effect:
    return slowing[start(net, point, FAR), start(net, point, NEAR)]


def _rescaled(which: str) -> Condition:
    """Zero modes of units that can be rescaled, which a skip ends."""
    return gauss_newton_zeros[f"plain, {which}"] - gauss_newton_zeros[f"residual, {which}"] > HALF_OF_THEM


def _leaves(net: str, point: str) -> Condition:
    return left[start(net, point, NEAR)] > HALF


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
        premise=Test(
            "elsewhere there are none, and each incomplete skip fails at one kind of point alone",
            (
                *(gauss_newton_zeros[f"{net}, {NOWHERE}"] < HALF_A_MODE for net in SKIPS),
                *(
                    gauss_newton_zeros[f"{net}, {point}"] < ONE_STAYS
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
        conditions=tuple(hessian_zeros[f"plain, {point}"] > HALF_A_MODE for point in ("elimination", "overlap")),
        controls=(Test("neither dead nor a double", hessian_zeros[f"plain, {NOWHERE}"] > HALF_A_MODE),),
        assay=Test(
            "the same units at a point without error: OP-1c",
            tuple(hessian_zeros[f"plain, {point}, no error"] > HALF_A_MODE for point in ("elimination", "overlap")),
        ),
        not_shown="That the paper means it so: it may mean critical points, see OP-1c.",
        seeds=MANY,
    ),
    Claim(
        id="OP-1c",
        source="ours, beside orhan2018skip, section 2.1",
        says="At a critical point, here one without error, a dead, double or mirrored unit makes the Hessian singular.",
        conditions=tuple(hessian_zeros[f"plain, {point}, no error"] > HALF_A_MODE for point in SINGULARITIES),
        controls=(
            Test("the same points with an error", hessian_zeros["plain, overlap"] > HALF_A_MODE),
            Test("no error, at no such point", hessian_zeros[f"plain, {NOWHERE}, no error"] > HALF_A_MODE),
        ),
        not_shown="Critical points with an error, such as a smaller net's optimum with a unit doubled.",
        seeds=MANY,
    ),
    Claim(
        id="OP-1r",
        source="ours, after orhan2018skip, section 2.1",
        says="A plain ReLU net has such directions everywhere, as units can be rescaled; an identity skip ends that.",
        conditions=_rescaled("ReLU"),
        controls=(Test("tanh, which cannot be rescaled", _rescaled(NOWHERE)),),
        not_shown="Whether such directions slow anything.",
        seeds=MANY,
    ),
    Claim(
        id="OP-2",
        source="orhan2018skip, abstract; our protocol",
        says="A plain net leaves singular points slowly, the slower the nearer it starts; with a skip it does not.",
        conditions=(
            *(c for p in SINGULARITIES for c in (_slower("plain", p) > SLOWER, _slower("residual", p) < SLOWER)),
            *(_leaves("residual", point) for point in SINGULARITIES),  # never leaving is no less slow
        ),
        controls=tuple(
            Test(f"{CONTROL_AT[point]}, near {point}", _slower(CONTROL_AT[point], point) < SLOWER)
            for point in SINGULARITIES
        ),
        premise=Test("what turns the claim leaves at all", tuple(_leaves(INCOMING, p) for p in SINGULARITIES)),
        fails_when=Test(
            "only the weights into the unit are near, those out of it are not",
            tuple(_slower(INCOMING, point) > SLOWER for point in SINGULARITIES),
        ),
        not_shown="That an ordinary start is near, or that a net learns better for leaving: the teachers are plain.",
        seeds=MANY,
    ),
    Claim(
        id="OP-3",
        source=RECALLED,
        says="Early in training a plain net is more degenerate than a residual one: Gauss-Newton matrix.",
        conditions=early_gauss_newton["plain"] - early_gauss_newton["residual"] > MORE,
        controls=(
            Test(
                "the slowness removed, and not by a skip: a start near the identity",
                early_gauss_newton["plain, near-identity"] - early_gauss_newton["residual"] > MORE,
            ),
        ),
        premise=Test(
            "that net trains as fast",
            loss_after_five_epochs["plain, near-identity"] - loss_after_five_epochs["residual"] < A_TENTH,
        ),
        fails_when=Test(
            f"eigenvalues below {AS_GOOD_AS_ZERO:g} of the largest, and the residual net at its own best rate",
            early_gauss_newton_zeros["plain"] - early_gauss_newton_zeros[FASTER] > MORE,
        ),
        not_shown="That the missing skip is the cause: the control has none either.",
        live=False,
    ),
    Claim(
        id="OP-3y",
        source=RECALLED,
        says="Early in training a residual net is more degenerate than a hyper-residual one: Gauss-Newton matrix.",
        conditions=early_gauss_newton["residual"] - early_gauss_newton["hyper-residual"] > MORE,
        controls=(
            Test(
                "the same nets before training",
                gauss_newton_at_the_start["residual"] - gauss_newton_at_the_start["hyper-residual"] > MORE,
            ),
        ),
        assay=Test(
            "a plain net against the residual one: OP-3",
            early_gauss_newton["plain"] - early_gauss_newton["residual"] > MORE,
        ),
        not_shown="That the order is the other way round: a smaller difference would not count here.",
        live=False,
    ),
    Claim(
        id="OP-3h",
        source=RECALLED,
        says="Early in training a plain net is more degenerate than a residual one: Hessian, the paper's matrix.",
        conditions=early_hessian["plain"] - early_hessian["residual"] > MORE,
        controls=(
            Test(
                "the slowness removed, and not by a skip: a start near the identity",
                early_hessian["plain, near-identity"] - early_hessian["residual"] > MORE,
            ),
        ),
        assay=Test(
            "the residual net against that start near the identity",
            early_hessian["residual"] - early_hessian["plain, near-identity"] > MORE,
        ),
        not_shown="Other thresholds: see the figure, from 1e-1 to 1e-13.",
        live=False,
    ),
    Claim(
        id="OP-3n",
        source=RECALLED,
        says="A residual net's Hessian has early the larger share of negative eigenvalues.",
        conditions=early_negative["residual"] - early_negative["plain"] > A_TENTH_OF_ALL,
        controls=(
            Test(
                "the same nets before training",
                negative_at_the_start["residual"] - negative_at_the_start["plain"] > A_TENTH_OF_ALL,
            ),
        ),
        not_shown="Other thresholds.",
        live=False,
    ),
    Claim(
        id="OP-3x",
        source=RECALLED,
        says="Late in training the order crosses over: then the residual net is the more degenerate one.",
        conditions=late_gauss_newton["residual"] - late_gauss_newton["plain"] > ANY,
        controls=(Test("early", early_gauss_newton["residual"] - early_gauss_newton["plain"] > ANY),),
        not_shown="Longer training: after 36 epochs the plain net still learns.",
        live=False,
    ),
)
