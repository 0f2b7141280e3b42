"""The claims that the first edition judged on digits, and at larger scales, with the thresholds that it fixed."""

from whyresnets.chapters.degradation.effects import added_by_extension
from whyresnets.chapters.degradation.first_edition import TUNED
from whyresnets.claims.effects import Amount, Condition, nats
from whyresnets.claims.quantities import FINITE, TRAINED, start_loss, training_loss
from whyresnets.claims.verdicts import Claim, Test

HALF_A_NAT = 0.5 * nats  # the smallest difference that matters (chosen by us)
A_HUNDREDTH = 0.01 * nats  # what "deeper is better" must gain at least (chosen by us)
STARTED = 2.0  # nats: a net below this after 30 steps has started to learn; chance is 2.3 (chosen by us)
LEARNT = 1.7  # nats: a net that ends below has learnt something in an epoch of CIFAR-10 (chosen on tuning seeds)
AFTER_AN_EPOCH = 0.3 * nats  # what matters of degradation then (chosen on tuning seeds)
AFTER_64K = 0.02 * nats  # the same after 64,000 iterations (chosen by us, before any run of that size)

# --- Warm-up, on digits --------------------------------------------------------------------------


def _too_hot(start: str) -> tuple[Condition, ...]:
    """A rate of 0.1 in place of 0.01 costs 110 layers half a nat, and half a nat more than it costs 20."""
    deep = start_loss[f"{start}-110 at 0.1"] - start_loss[f"{start}-110 at 0.01"]
    shallow = start_loss[f"{start}-20 at 0.1"] - start_loss[f"{start}-20 at 0.01"]
    return deep - shallow > HALF_A_NAT, deep > HALF_A_NAT


def _needs_warmup(depth: int) -> tuple[Condition, ...]:
    without, with_ = training_loss[f"{depth} without warm-up"], training_loss[f"{depth} with warm-up"]
    return with_ < TRAINED * nats, without - with_ > HALF_A_NAT


def _all(bar: float, *arms: str) -> tuple[tuple[str, float], ...]:
    return tuple((arm, bar) for arm in arms)


WARM_UP = (
    Claim(
        id="HE1-7",
        source="he2016deep, section 4.2",
        says="A rate of 0.1 suits 20 residual layers at the start and is too large for 110.",
        conditions=_too_hot("start"),
        controls=(Test("branches zero at the start (last BN scale 0)", _too_hot("zero-init")),),
        trains=(
            *_all(STARTED, "start-20 at 0.01", "start-20 at 0.1", "start-110 at 0.01"),
            *_all(STARTED, "zero-init-20 at 0.1", "zero-init-110 at 0.1"),
            *_all(FINITE, "zero-init-20 at 0.01", "zero-init-110 at 0.01"),
        ),
        not_shown="Whether the final loss suffers: see HE1-7b.",
        live=False,
    ),
    Claim(
        id="HE1-7b",
        source="ours, after he2016deep, section 4.2, whose warm-up is longer (about 400 steps)",
        says="A short warm-up is what 110 residual layers need to train at a rate of 0.1.",
        conditions=_needs_warmup(110),
        controls=(Test("20 layers", _needs_warmup(20)),),
        trains=_all(TRAINED, "20 with warm-up", "20 without warm-up"),
        assay=Test("110 residual layers at their best rate", training_loss[TUNED.name] < TRAINED * nats),
        not_shown="A longer warm-up, such as He et al.'s: ours is linear over a tenth of 100 steps.",
        live=False,
    ),
)

# --- Depth and shortcuts, at larger scales ---------------------------------------------------------


def _deeper_is_worse(rule: str, by: Amount) -> Condition:
    return training_loss[f"{rule}-56"] - training_loss[f"{rule}-20"] > by


def _removes(rule: str, gap: Amount, bar: float) -> tuple[Condition, ...]:
    """The rule takes degradation away, and the deep net itself trains."""
    removed = training_loss["plain-56"] - training_loss["plain-20"]
    removed = removed - (training_loss[f"{rule}-56"] - training_loss[f"{rule}-20"])
    return removed > gap, training_loss[f"{rule}-56"] < bar * nats


def _gains(rule: str) -> Condition:
    return training_loss[f"{rule}-20"] - training_loss[f"{rule}-56"] > A_HUNDREDTH


def _depth_and_skip(gap: Amount, bar: float, budget: str) -> tuple[Claim, ...]:
    """What is said of depth and shortcuts after a ``budget`` of steps.

    From ``gap`` up degradation is worth a word, and a net that ends below ``bar`` nats trains.
    """
    built = "constructed solution: plain-20 with identity layers up to 56"
    return (
        Claim(
            id="HE1-1",
            source="he2016deep, sections 1 and 4.2",
            says="Plain nets train worse when they get deeper, on the training set itself: from 20 to 56 layers.",
            conditions=_deeper_is_worse("plain", gap),
            controls=(
                Test(built, added_by_extension(56)["plain-20"] > gap),
                Test("the shortcut put back", _deeper_is_worse("residual", gap)),
            ),
            trains=_all(bar, "plain-20", "residual-20", "residual-56"),
            not_shown=f"A rise after {budget}, not at convergence.",
        ),
        Claim(
            id="HE1-2",
            source="he2016deep, section 4.2",
            says="Identity shortcuts, which add no parameter, remove degradation.",
            conditions=_removes("residual", gap, bar),
            controls=(
                Test("shortcut times 0.5", _removes("half", gap, bar)),
                Test("shortcut of another sample", _removes("shuffled", gap, bar)),
            ),
            trains=_all(bar, "plain-20", "residual-20", "half-20"),
            not_shown="That the skip is the only cure.",
        ),
        Claim(
            id="HE1-2b",
            source="he2016deep, section 4.2, Table 6",
            says="Deeper residual nets end at a lower training loss: 56 layers below 20.",
            conditions=_gains("residual"),
            controls=(Test("shortcut times 0.5", _gains("half")),),
            trains=_all(bar, "residual-20"),
            live=False,
            not_shown=f"What happens after more than {budget}.",
        ),
    )


LARGER = {
    "workstation": _depth_and_skip(AFTER_AN_EPOCH, LEARNT, "an epoch"),
    "paper": _depth_and_skip(AFTER_64K, TRAINED, "64,000 iterations"),
}
