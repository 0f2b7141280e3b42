"""The claims. Thresholds were fixed after trials on tuning seeds and before the record was made."""

from dataclasses import replace

from whyresnets.bed import trains_above_baselines
from whyresnets.chapters.within_reach.arms import (
    IDENTITY,
    LINEAR,
    ONE_HIDDEN,
    ORTHOGONAL,
    PLAIN,
    REDRAWN,
    SHALLOW_AGAIN,
    SHALLOW_NET,
    SHALLOW_TWICE,
    STRETCHED,
    grown,
    longer,
    lowered,
    untaught,
)
from whyresnets.chapters.within_reach.effects import grown_loss, shallow_loss
from whyresnets.claims.effects import Condition, nats
from whyresnets.claims.quantities import FINITE, training_loss
from whyresnets.claims.verdicts import Claim, Test

MATTERS = 0.25 * nats  # the smallest difference that matters (chosen on tuning seeds)
BETTER = 0.05 * nats  # by which the deep net must end below the shallow one that was trained as long (chosen by us)
AS_LOW = 0.1 * nats  # two nets whose losses differ by less end as low (chosen by us)
SAME = 0.001 * nats  # within rounding and batches of 2,000: the same function (chosen by us)
BUILT, MOST, FEW = grown(0.0), lowered(1, 1000), lowered(56, 10)


def _worse(arm: str, than: str) -> Condition:
    return training_loss[arm] - training_loss[than] > MATTERS


def _gains(deep: str, shallow: str) -> Condition:
    return training_loss[shallow] - training_loss[deep] > BETTER


def _as_low(arm: str) -> Condition:
    return training_loss[arm] - training_loss[BUILT] < AS_LOW


def _trains(arm: str) -> Test:
    return trains_above_baselines(arm, f"{arm}, frozen", LINEAR, ONE_HIDDEN)


def _again(claim: Claim, times: int) -> Claim:
    """WR-1 on nets that got so many times the steps."""
    deep, shallow = longer(PLAIN, times), longer(SHALLOW_NET, times)
    return replace(
        claim,
        conditions=_worse(deep, shallow),
        controls=(Test("units that start as the identity, 600 steps", _worse(untaught(0.0), shallow)),),
        trains=((shallow, 0.5), (untaught(0.0), 0.5), (deep, FINITE)),
    )


CONTAINED = Claim(
    id="WR-1",
    source="he2016deep, section 1",
    says="A deeper plain net contains the shallower one's solution, and training does not find one as good.",
    conditions=(_worse(PLAIN, SHALLOW_NET), grown_loss[BUILT] - shallow_loss[BUILT] < SAME),
    controls=(Test("the shortcut put back", _worse(IDENTITY, SHALLOW_NET)),),
    trains=((IDENTITY, 0.5), (SHALLOW_NET, 0.5), (PLAIN, FINITE), (BUILT, FINITE)),
    not_shown="Other depths and tasks; and what the horizons say, that more steps find it.",
)
CLAIMS = (
    replace(CONTAINED, later=tuple((times, _again(CONTAINED, times)) for times in (3, 10))),
    Claim(
        id="WR-6",
        source="common reading of he2016deep, section 1: the larger class is at least as good",
        says="Started at the shallow net's solution, the deep plain net ends below the shallow net trained as long.",
        conditions=_gains(BUILT, SHALLOW_AGAIN),
        controls=(Test("weights as they are drawn, as many steps in all", _gains("plain, 600 steps", SHALLOW_TWICE)),),
        assay=Test(
            "300 further steps help the shallow net", training_loss[SHALLOW_NET] - training_loss[SHALLOW_AGAIN] > BETTER
        ),
        trains=(
            (BUILT, 0.5),
            (SHALLOW_AGAIN, 0.5),
            (SHALLOW_TWICE, 0.5),
            (SHALLOW_NET, 0.5),
            ("plain, 600 steps", FINITE),
        ),
        not_shown="Tasks for which 4 units are too few: here they end near 0, too.",
    ),
    Claim(
        id="WR-7",
        source="ours, after he2016deep, section 1",
        says="Units that start as the identity need no solution: with as many steps they end as low as the grown net.",
        conditions=_as_low(untaught(0.0)),
        controls=(Test("weights as they are drawn", _as_low("plain, 600 steps")),),
        trains=((untaught(0.0), 0.5), (BUILT, 0.5), ("plain, 600 steps", FINITE)),
        not_shown="That no other start does as well: what they share is counted on the page, and is no claim here.",
    ),
    Claim(
        id="WR-4",
        source="common reading of he2016deep, section 3.1: what must be easy is the identity",
        says="A shortcut helps because a block at weights of 0 is the identity: through a rotation it helps less.",
        conditions=_worse(ORTHOGONAL, IDENTITY),
        controls=(Test("the identity, drawn again", _worse(REDRAWN.name, IDENTITY)),),
        assay=Test("a shortcut of condition number 1,000 is worse", _worse(STRETCHED, IDENTITY)),
        trains=((IDENTITY, 0.5), (ORTHOGONAL, FINITE), (STRETCHED, FINITE), (REDRAWN.name, FINITE)),
        not_shown="Rotate the coordinates of each block, and rotations are identities: only BN and ReLU see them.",
    ),
    Claim(
        id="WR-8",
        source="ours, after the orthogonal skips of orhan2018skip",
        says="A shortcut must keep most directions, not be well conditioned: 1 of 64 at 1/1,000 is harmless.",
        conditions=(_worse(FEW, MOST), *_trains(MOST).conditions),
        controls=(
            Test("one direction small in both, by 10 and by 1,000", _worse(lowered(1, 10), MOST)),
            Test("56 of 64 at 1/10 in its place", _trains(FEW).conditions),
        ),
        assay=Test("all directions spread over a factor of 1,000 are worse", _worse(STRETCHED, MOST)),
        trains=(
            (MOST, 0.5),
            (STRETCHED, FINITE),
            *((arm, FINITE) for arm in (FEW, lowered(1, 10), LINEAR, ONE_HIDDEN, f"{MOST}, frozen", f"{FEW}, frozen")),
        ),
        not_shown="How many directions are enough: three matrices are no curve.",
    ),
)
