"""The claims. Thresholds were fixed after trials on tuning seeds and before the record was made."""

from collections.abc import Callable
from dataclasses import replace

from whyresnets.chapters.degradation import first_edition_claims
from whyresnets.chapters.degradation.arms import BUDGETS, DEEP, SHALLOW, STUCK, TIMES, called
from whyresnets.chapters.degradation.effects import added_by_extension
from whyresnets.claims.effects import Condition, Effect, nats
from whyresnets.claims.quantities import FINITE, training_loss
from whyresnets.claims.verdicts import Claim, Test

MATTERS = 0.5 * nats  # the smallest difference that matters (chosen by us)
NONE = 0.0 * nats
A_HUNDREDTH = 0.01 * nats  # what "deeper is better" must gain at least (chosen by us)
OFF_THE_FLOOR = 0.1 * nats  # a loss from which so much can be gained (chosen by us)
# What a net of this chapter must end below to count as trained: what has no depth, and the deep nets whose units stay
# as they were drawn, all end above, which a test asserts (chosen on tuning seeds).
DEPTH_WORKS = 1.25


def degradation(net: str, times: int = 1) -> Effect:
    """The rise of the training loss from 20 to 56 layers."""
    return training_loss[called(net, DEEP, times)] - training_loss[called(net, SHALLOW, times)]


def _removes(net: str, times: int = 1) -> tuple[Condition, ...]:
    """The net has less of the plain net's degradation: by what matters, and less than half; and its deep net trains."""
    left = degradation(net, times)
    removed = degradation("plain", times) - left
    return removed > MATTERS, removed - left > NONE, training_loss[called(net, DEEP, times)] < DEPTH_WORKS * nats


def _falls(net: str, depth: int) -> Condition:
    return training_loss[called(net, depth)] - training_loss[called(net, depth, TIMES[-1])] > MATTERS


def _gains(net: str, times: int = 1) -> Condition:
    return training_loss[called(net, SHALLOW, times)] - training_loss[called(net, DEEP, times)] > A_HUNDREDTH


def _put_back(times: int = 1) -> Test:
    return Test("the shortcut put back", degradation("residual", times) > MATTERS)


def _alive(*nets: str, times: int = 1) -> tuple[tuple[str, float], ...]:
    """These nets must train at both depths."""
    return tuple((called(net, depth, times), DEPTH_WORKS) for net in nets for depth in (SHALLOW, DEEP))


def _deeper_is_worse(times: int = 1) -> Claim:
    """HE1-1 at so many times the steps; of the longer runs nothing is built."""
    built = f"constructed solution: plain-{SHALLOW} with identity layers up to {DEEP}"
    by_hand = (Test(built, added_by_extension(DEEP)[called("plain", SHALLOW)] > MATTERS),) if times == 1 else ()
    return Claim(
        id="HE1-1",
        source="he2016deep, sections 1 and 4.2",
        says="Plain nets train worse when they get deeper, on the training set itself: from 20 to 56 layers.",
        conditions=degradation("plain", times) > MATTERS,
        controls=(*by_hand, _put_back(times)),
        trains=((called("plain", SHALLOW, times), DEPTH_WORKS), *_alive("residual", times=times)),
        not_shown="That no longer training would remove it: see what it says after 3 and 10 times the steps.",
    )


def _deeper_is_better(times: int = 1) -> Claim:
    return Claim(
        id="HE1-2b",
        source="he2016deep, section 4.2, Table 6",
        says="Deeper residual nets end at a lower training loss: 56 layers below 20.",
        conditions=_gains("residual", times),
        controls=(Test("plain nets", _gains("plain", times)),),
        premise=Test(
            "the loss of 20 layers is off its floor",
            training_loss[called("residual", SHALLOW, times)] > OFF_THE_FLOOR,
        ),
        trains=_alive("residual", times=times),
        live=False,
        not_shown="Whether deeper nets are better in test error or on harder data, which is what the paper reports.",
    )


def _a_start_removes_most(times: int = 1) -> Claim:
    """HE1-8 at so many times the steps."""
    return Claim(
        id="HE1-8",
        source="ours, after zagoruyko2017diracnets, whose kernels it starts from",
        says="Without any shortcut, identity kernels at the start remove most of the plain nets' rise in nats.",
        conditions=_removes("Dirac", times),
        controls=(Test("kernels that start as rotations (delta-orthogonal)", _removes("delta-orthogonal", times)),),
        trains=tuple((called(net, SHALLOW, times), DEPTH_WORKS) for net in ("plain", "Dirac")),
        live=False,
        not_shown="That all its layers learn: in trials six of them, with stem, head and BN, did most of it. That a "
        "start does all that a shortcut does, at greater depth, without BN, or on images.",
    )


def _later(claim_at: Callable[..., Claim], *budgets: int) -> Claim:
    """A claim that is also judged at the longer ``budgets``, in multiples of the usual steps."""
    return replace(claim_at(), later=tuple((times, claim_at(times)) for times in budgets))


CLAIMS = (
    _later(_deeper_is_worse, *TIMES[1:]),
    Claim(
        id="HE1-2",
        source="he2016deep, section 4.2",
        says="Identity shortcuts, which add no parameter, remove most of the plain nets' rise in nats.",
        conditions=_removes("residual"),
        controls=(Test("shortcut of another sample", _removes("shuffled")),),
        trains=((called("plain", SHALLOW), DEPTH_WORKS), (called("residual", SHALLOW), DEPTH_WORKS)),
        live=False,
        not_shown="That the shortcut is the only cure: see HE1-8, where there is none. That another sample's shortcut "
        "trains at no rate: its rate has no grid.",
    ),
    _later(_a_start_removes_most, *BUDGETS["Dirac"][1:]),
    Claim(
        id="HE1-9",
        source="ours, after he2016identity, section 3 (shortcuts that are not the identity)",
        says="A shortcut that carries its pixels in another order removes most of the plain nets' rise in nats.",
        conditions=_removes("permuted"),
        controls=(Test("shortcut of another sample", _removes("shuffled")),),
        trains=((called("plain", SHALLOW), DEPTH_WORKS), (called("permuted", SHALLOW), DEPTH_WORKS)),
        live=False,
        not_shown="That a shortcut need only lose nothing. Both depths are worse than with the identity. In trials a "
        "random rotation of the pixels, which loses nothing either, missed the bar, and a shift by one pixel ended far "
        "below it. A reordering keeps each channel's mean, which is what the head reads.",
    ),
    Claim(
        id="HE1-6c",
        source="ours, after he2016deep, section 4.1 (conjecture: exponentially low convergence rates)",
        says="Ten times the steps lower the loss of the deep plain net, but not that of a net that is stuck.",
        conditions=_falls("plain", DEEP),
        controls=(Test("a net that is stuck: 20 layers, shortcut of another sample", _falls(STUCK, SHALLOW)),),
        trains=((called("plain", DEEP), FINITE),),
        live=False,
        not_shown="That the rate of convergence is exponentially low in depth: that would need more depths.",
    ),
    _later(_deeper_is_better, *TIMES[1:]),
    *first_edition_claims.WARM_UP,
)
ASIDE = ("HE1-2b", *(claim.id for claim in first_edition_claims.WARM_UP))  # on the evidence page alone
LARGER_CLAIMS = first_edition_claims.LARGER
