"""The claims. Thresholds were fixed after trials on tuning seeds and before the record was made."""

from whyresnets.bed import trains_above_baselines
from whyresnets.chapters.within_reach.arms import (
    IDENTITY,
    LINEAR,
    ONE_HIDDEN,
    ORTHOGONAL,
    PLAIN,
    STRETCHED,
    grown,
)
from whyresnets.chapters.within_reach.effects import grown_loss, shallow_loss
from whyresnets.claims.effects import Condition, nats
from whyresnets.claims.quantities import FINITE, training_loss
from whyresnets.claims.verdicts import Claim, Test

MATTERS = 0.25 * nats  # the smallest difference that matters (chosen on tuning seeds)
BETTER = 0.05 * nats  # by which training from the constructed solution must improve on it (chosen on tuning seeds)
LOST = 1.0 * nats  # a function that is so much worse is lost (chosen by us)
SAME = 0.001 * nats  # within rounding and batches of 2,000: the same function (chosen by us)
BUILT = grown("plain", 0.0)


def _worse(arm: str, than: str) -> Condition:
    return training_loss[arm] - training_loss[than] > MATTERS


def _goes_on(arm: str) -> Condition:
    return shallow_loss[BUILT] - training_loss[arm] > BETTER


def _trains(arm: str) -> Test:
    return trains_above_baselines(arm, f"{arm}, frozen", LINEAR, ONE_HIDDEN)


def _missed(arm: str) -> Condition:
    """The search ends above the solution that was built."""
    return training_loss[arm] - shallow_loss[BUILT] > MATTERS


CLAIMS = (
    Claim(
        id="WR-1",
        source="he2016deep, section 1",
        says="A deeper plain net contains the shallower one's solution, and training does not find one as good.",
        conditions=(
            _missed(PLAIN),
            grown_loss[BUILT] - shallow_loss[BUILT] < SAME,
        ),
        controls=(Test("the shortcut put back", _missed(IDENTITY)),),
        trains=((IDENTITY, 0.5), (PLAIN, FINITE), (BUILT, FINITE)),
        not_shown="That a longer search would not find it: see the 600 steps of WR-2.",
    ),
    Claim(
        id="WR-2",
        source="ours, after he2016deep, section 1",
        says="Started at the solution by construction, the deep plain net goes on below the shallow net.",
        conditions=_goes_on(BUILT),
        controls=(Test("as many steps in all from weights as they are drawn", _goes_on("plain, 600 steps")),),
        trains=((BUILT, 0.5), ("plain, 600 steps", FINITE)),
        not_shown="How to get there without having trained the shallow net.",
    ),
    Claim(
        id="WR-3",
        source="ours, after he2016deep, section 1",
        says="Noise of 0.3 of a drawn weight on all weights loses the function, and training still finds its way back.",
        conditions=(
            _goes_on(grown("plain", 0.3)),
            grown_loss[grown("plain", 0.3)] - shallow_loss[grown("plain", 0.3)] > LOST,
        ),
        controls=(Test("noise as large as a drawn weight", _goes_on(grown("plain", 1.0))),),
        trains=((grown("plain", 0.3), 0.5), (grown("plain", 1.0), FINITE), (BUILT, FINITE)),
        not_shown="The shape of what lies around the solution: noise is one direction a seed.",
    ),
    Claim(
        id="WR-4",
        source="common reading of he2016deep, section 3.1: what must be easy is the identity",
        says="A shortcut helps because a block at weights of 0 is the identity: through a rotation it helps less.",
        conditions=_worse(ORTHOGONAL, IDENTITY),
        controls=(Test("the identity, drawn again", _worse(f"{IDENTITY}, drawn again", IDENTITY)),),
        assay=Test("a shortcut of condition number 1,000 is worse", _worse(STRETCHED, IDENTITY)),
        trains=((IDENTITY, 0.5), (ORTHOGONAL, FINITE), (STRETCHED, FINITE), (f"{IDENTITY}, drawn again", FINITE)),
        not_shown="Another reading: a rotation is undone by the last layer, so the map of the net stays easy.",
    ),
    Claim(
        id="WR-5",
        source="ours, after the orthogonal skips of orhan2018skip",
        says="A fixed shortcut that is a rotation trains; of the same norm with condition number 1,000 it does not.",
        conditions=(_worse(STRETCHED, ORTHOGONAL), *_trains(ORTHOGONAL).conditions),
        controls=(
            Test("condition number 3", _worse("condition 3", ORTHOGONAL)),
            Test("the plain net in the rotation's place", _trains(PLAIN).conditions),
            Test("condition number 1,000 in the rotation's place", _trains(STRETCHED).conditions),
        ),
        trains=(
            (ORTHOGONAL, 0.5),
            *((arm, FINITE) for arm in (STRETCHED, PLAIN, "condition 3", LINEAR, ONE_HIDDEN)),
            *((f"{arm}, frozen", FINITE) for arm in (ORTHOGONAL, STRETCHED, PLAIN)),
        ),
        seeds=10,
        not_shown="That the condition number of one matrix is all: the product of 16 of them is far worse.",
    ),
)
