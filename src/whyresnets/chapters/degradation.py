"""Degradation (He et al. 2015): deeper plain nets train worse, and the skip removes that.

Thresholds were fixed after trials on tuning seeds and before the record was made.
"""

import math
from collections.abc import Callable

import numpy as np

from whyresnets import report
from whyresnets.claims import (
    TRAINED,
    Chapter,
    Claim,
    Condition,
    Effect,
    Published,
    Test,
    gradient_distance,
    larger,
    log10_gradient_ratio,
    response_distance,
    start_loss,
    training_loss,
)
from whyresnets.training import Runs, Spec

HALF_A_NAT = 0.5  # the smallest difference that matters (chosen by us)
A_QUARTER = 0.25  # nats: what must be left of degradation after ten times the steps (chosen by us)
STARTED = 2.0  # nats: a net below this after 30 steps has started to learn; chance is 2.3 (chosen by us)
A_DECADE = 1.0  # of gradient norm: within a factor of ten over the whole depth is "healthy" (chosen by us)
A_HUNDREDTH = 0.01  # nats: what "deeper is better" must gain at least, this close to the floor (chosen by us)
FINITE = math.inf  # nats: an arm that need not train, but whose divergence would be no result

# --- The arms ---------------------------------------------------------------------------------

LENGTHS = {"": 100, "x3": 300, "x10": 1000}  # optimiser steps

# The learning-rate grids, in steps of about 3: recorded with seeds from 10000 (`whyresnets record --grid --all`).
GRID_RATES = {
    **dict.fromkeys(("plain-8", "plain-20", "plain-56", "plain-110"), (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)),
    **dict.fromkeys(("residual-8", "residual-20", "residual-56", "residual-110"), (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)),
    **dict.fromkeys(("half-20", "half-56", "stranger-20", "stranger-56"), (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)),
    **dict.fromkeys(("plain-20 x3", "plain-56 x3", "residual-20 x3", "residual-56 x3"), (0.003, 0.01, 0.03, 0.1, 0.3)),
    **dict.fromkeys(("plain-20 x10", "residual-20 x10"), (0.03, 0.1, 0.3, 1.0)),
    "plain-56 x10": (0.003, 0.01, 0.03, 0.1),
    "residual-56 x10": (0.003, 0.01, 0.03, 0.1, 0.3),
    "stranger-56 x10": (0.1, 0.3, 1.0),
}
# The best rate on the recorded grid, arm by arm, by mean training loss, and not at its edge; a test compares.
# Where every rate ends at chance (plain-110 and the strangers), the rate does not matter.
BEST_RATE = {
    "plain-8": 0.3,
    "plain-20": 0.1,
    "plain-56": 0.03,
    "plain-110": 0.01,
    "residual-8": 0.3,
    "residual-20": 0.1,
    "residual-56": 0.03,
    "residual-110": 0.01,
    "half-20": 0.1,
    "half-56": 0.01,
    "stranger-20": 0.3,
    "stranger-56": 0.1,
    "plain-20 x3": 0.1,
    "plain-56 x3": 0.1,
    "residual-20 x3": 0.1,
    "residual-56 x3": 0.03,
    "plain-20 x10": 0.3,
    "plain-56 x10": 0.01,
    "residual-20 x10": 0.1,
    "residual-56 x10": 0.1,
    "stranger-56 x10": 0.3,
}


def _trained(arm: str, rate: float) -> Spec:
    """The Spec of an arm called "rule-depth" or "rule-depth x3"."""
    name, _, times = arm.partition(" ")
    rule, depth = name.split("-")
    extend = (56, 110) if arm == "plain-20" else ()
    return Spec(rule, int(depth), rate, LENGTHS[times], extend_to=extend)


def _at_start(depth: int, rate: float, silent: bool = False) -> Spec:
    """The first 30 steps at a constant rate, without warm-up."""
    return Spec("residual", depth, rate, 30, warmup=0.0, schedule="constant", silent=silent)


def _signals(rule: str, norm: str, padding: str) -> Spec:
    """A 56-layer net as it is initialised, with its signals read."""
    return Spec(rule, 56, steps=0, norm=norm, padding=padding, signals=True)


SIGNALS = {
    f"{rule}, {norm}, {padding} padding": _signals(
        rule, {"BN": "batch", "no BN": "none"}[norm], {"zero": "zeros", "circular": "circular"}[padding]
    )
    for rule in ("plain", "residual")
    for norm in ("BN", "no BN")
    for padding in ("zero", "circular")
}
START = {f"start-{depth} at {rate}": _at_start(depth, rate) for depth in (20, 110) for rate in (0.01, 0.1)}
SILENT = {
    f"silent-{depth} at {rate}": _at_start(depth, rate, silent=True) for depth in (20, 110) for rate in (0.01, 0.1)
}
WARMUP = {
    f"{depth} {word} warm-up": Spec("residual", depth, 0.1, warmup=share)
    for depth in (20, 110)
    for word, share in (("with", 0.1), ("without", 0.0))
}
LAPTOP = {
    **{arm: _trained(arm, rate) for arm, rate in BEST_RATE.items()},
    **SIGNALS,
    **START,
    **SILENT,
    **WARMUP,
}

# --- The claims -------------------------------------------------------------------------------


def extension_rise(depth: int) -> Callable[[Runs], np.ndarray]:
    """A reading: how much higher the training loss is after extending plain-20 by identity units, in nats (S,).

    Source: the "solution by construction" of He et al. 2015, section 1.
    """

    def rise(runs: Runs) -> np.ndarray:
        return runs[f"extension_{depth}_train_loss"] - training_loss(runs)

    return rise


def _degradation(deep: str, shallow: str, threshold: float = HALF_A_NAT) -> Condition:
    return Condition(Effect(f"training loss of {deep} minus {shallow}", (deep,), (shallow,)), ">", threshold)


def _put_back(depth: int, times: str = "", threshold: float = HALF_A_NAT) -> Test:
    """Control: the same nets, with their shortcuts."""
    return Test("the shortcut put back", (_degradation(f"residual-{depth}{times}", f"residual-20{times}", threshold),))


def _all_train(*arms: str) -> tuple[tuple[str, float], ...]:
    return tuple((arm, TRAINED) for arm in arms)


def _falls(arm: str) -> Condition:
    effect = Effect(f"training loss of {arm} minus {arm} x10", (arm,), (f"{arm} x10",))
    return Condition(effect, ">", HALF_A_NAT)


def _built(depth: int, threshold: float) -> Test:
    """Control: the same depth and parameters, but built from the shallow net instead of searched for."""
    effect = Effect(f"loss of plain-20 extended to {depth} minus plain-20", ("plain-20",), (), extension_rise(depth))
    return Test(
        f"constructed solution: plain-20 with identity layers up to {depth}", (Condition(effect, ">", threshold),)
    )


def _removes(rule: str, gap: float, bar: float) -> tuple[Condition, ...]:
    """The joining rule takes degradation away, and the deep net itself trains."""
    deep, shallow = f"{rule}-56", f"{rule}-20"
    removed = Effect(
        f"degradation of plain (56 minus 20) minus that of {rule}", ("plain-56", shallow), ("plain-20", deep)
    )
    return (
        Condition(removed, ">", gap),
        Condition(Effect(f"training loss of {deep}", (deep,)), "<", bar),
    )


def _gains(rule: str) -> tuple[Condition, ...]:
    effect = Effect(f"training loss of {rule}-20 minus {rule}-56", (f"{rule}-20",), (f"{rule}-56",))
    return (Condition(effect, ">", A_HUNDREDTH),)


def _healthy(arm: str) -> tuple[Condition, ...]:
    backward = Effect(f"{arm}: |log10 of gradient norm, first over last unit|", (arm,), (), gradient_distance)
    forward = Effect(f"{arm}: largest |log10 of a layer's output std|", (arm,), (), response_distance)
    return Condition(backward, "<", A_DECADE, "decades"), Condition(forward, "<", A_DECADE, "decades")


def _vanishes(arm: str) -> tuple[Condition, ...]:
    effect = Effect(f"{arm}: log10 of gradient norm, first over last unit", (arm,), (), log10_gradient_ratio)
    return (Condition(effect, "<", -A_DECADE, "decades"),)


def _too_hot(arm: str) -> tuple[Condition, ...]:
    hot, mild = f"{arm}-110 at 0.1", f"{arm}-110 at 0.01"
    interaction = Effect(
        f"what rate 0.1 costs against 0.01 after 30 steps, {arm}-110 minus {arm}-20",
        (hot, f"{arm}-20 at 0.01"),
        (mild, f"{arm}-20 at 0.1"),
        start_loss,
    )
    alone = Effect(f"what it costs {arm}-110 alone", (hot,), (mild,), start_loss)
    return Condition(interaction, ">", HALF_A_NAT), Condition(alone, ">", HALF_A_NAT)


def _needs_warmup(depth: int) -> tuple[Condition, ...]:
    without, with_ = f"{depth} without warm-up", f"{depth} with warm-up"
    helps = Effect(f"loss of residual-{without} minus with", (without,), (with_,))
    return (
        Condition(Effect(f"training loss of residual-{with_}", (with_,)), "<", TRAINED),
        Condition(helps, ">", HALF_A_NAT),
    )


def _depth_and_skip(gap: float, bar: float, budget: str) -> tuple[Claim, ...]:
    """What is judged at every scale, after a ``budget`` of steps.

    From ``gap`` nats up degradation is worth a word, and a net that ends below ``bar`` nats trains.
    """

    def trains(*arms: str) -> tuple[tuple[str, float], ...]:
        return tuple((arm, bar) for arm in arms)

    return (
        Claim(
            id="HE1-1",
            source="he2016deep, sections 1 and 4.2",
            says="Plain nets train worse when they get deeper, on the training set itself: from 20 to 56 layers.",
            conditions=(_degradation("plain-56", "plain-20", gap),),
            controls=(_built(56, gap), _put_back(56, threshold=gap)),
            trains=trains("plain-20", "residual-20", "residual-56"),
            not_shown=f"A rise after {budget}, not at convergence.",
        ),
        Claim(
            id="HE1-1b",
            source="he2016deep, section 4.2",
            says="The same from 20 to 110 layers.",
            conditions=(_degradation("plain-110", "plain-20", gap),),
            controls=(_built(110, gap), _put_back(110, threshold=gap)),
            trains=trains("plain-20", "residual-20", "residual-110"),
            not_shown="At 110 layers the loss may sit at chance, where it cannot rise any further.",
            live=False,
        ),
        Claim(
            id="HE1-2",
            source="he2016deep, section 4.2",
            says="Identity shortcuts, which add no parameter, remove degradation.",
            conditions=_removes("residual", gap, bar),
            controls=(
                Test("shortcut times 0.5", _removes("half", gap, bar)),
                Test("shortcut of another sample", _removes("stranger", gap, bar)),
            ),
            trains=trains("plain-20", "residual-20", "half-20"),
            not_shown="That the skip is the only cure: initialisation may be another (not tried here).",
        ),
        Claim(
            id="HE1-2b",
            source="he2016deep, section 4.2, Table 6",
            says="Deeper residual nets end at a lower training loss: 56 layers below 20.",
            conditions=_gains("residual"),
            controls=(Test("shortcut times 0.5", _gains("half")),),
            trains=trains("residual-20"),
            live=False,
            not_shown=f"What happens after more than {budget}. On digits 20 layers already come close to a loss of 0.",
        ),
    )


CLAIMS = (
    *_depth_and_skip(HALF_A_NAT, TRAINED, "100 steps on small images"),
    Claim(
        id="HE1-3",
        source="he2016deep, section 4.1",
        says="In plain nets with BN, forward signals stay alive and gradients have healthy norms.",
        conditions=_healthy("plain, BN, zero padding"),
        controls=(Test("the same net without BN", _healthy("plain, no BN, zero padding")),),
        not_shown="Only the state at initialisation; the authors give no figure for their norms.",
    ),
    Claim(
        id="HE1-3v",
        source="common explanation, disputed in he2016deep, section 4.1",
        says="In deep plain nets with BN, gradients vanish on their way back to the first layers.",
        conditions=_vanishes("plain, BN, zero padding"),
        controls=(Test("the residual net", _vanishes("residual, BN, zero padding")),),
        not_shown="Nets without BN, or with saturating units, where gradients can vanish.",
    ),
    Claim(
        id="HE1-6",
        source="he2016deep, section 4.1, footnote 3",
        says="Degradation survives three times the steps.",
        conditions=(_degradation("plain-56 x3", "plain-20 x3"),),
        controls=(_put_back(56, " x3"),),
        trains=_all_train("plain-20 x3", "residual-20 x3", "residual-56 x3"),
        not_shown="What happens after that: see HE1-6b and HE1-6c.",
    ),
    Claim(
        id="HE1-6b",
        source="ours, after he2016deep, section 4.1, footnote 3 (three times)",
        says="Degradation survives ten times the steps.",
        conditions=(_degradation("plain-56 x10", "plain-20 x10", A_QUARTER),),
        controls=(_put_back(56, " x10", A_QUARTER),),
        trains=_all_train("plain-20 x10", "residual-20 x10", "residual-56 x10"),
        not_shown="Convergence: the loss of the deep net may still be falling.",
        live=False,
    ),
    Claim(
        id="HE1-6c",
        source="ours, after he2016deep, section 4.1 (conjecture: exponentially low convergence rates)",
        says="The deep plain net is slow, not stuck: ten times the steps lower its loss.",
        conditions=(_falls("plain-56"),),
        controls=(
            Test(
                "a net that is stuck: the shortcut of another sample",
                (_falls("stranger-56"),),
            ),
        ),
        trains=(("plain-56", FINITE),),
        not_shown="That the rate of convergence is exponentially low in depth: that would need more depths.",
        live=False,
    ),
    Claim(
        id="HE1-7",
        source="he2016deep, section 4.2",
        says="A rate of 0.1 suits 20 residual layers at the start and is too large for 110.",
        conditions=_too_hot("start"),
        controls=(Test("branches silent at the start (last BN scale 0)", _too_hot("silent")),),
        trains=(
            *((arm, STARTED) for arm in ("start-20 at 0.01", "start-20 at 0.1", "start-110 at 0.01")),
            *((arm, STARTED) for arm in ("silent-20 at 0.1", "silent-110 at 0.1")),
            *((arm, FINITE) for arm in ("silent-20 at 0.01", "silent-110 at 0.01")),
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
        trains=_all_train("20 with warm-up", "20 without warm-up"),
        not_shown="A longer warm-up, such as He et al.'s: ours is linear over a tenth of 100 steps.",
        live=False,
    ),
)

# --- Larger scales ------------------------------------------------------------------------------

LEARNT = 1.7  # nats: a net that ends below has learnt something in an epoch of CIFAR-10 (chosen on tuning seeds)
AFTER_AN_EPOCH = 0.3  # nats: what matters of degradation then (chosen on tuning seeds)
AFTER_64K = 0.02  # nats: the same after 64,000 iterations (chosen by us, before any run of that size)

WORKSTATION_GRID = {
    **dict.fromkeys(("plain-20", "residual-20", "half-20", "residual-56"), (0.03, 0.1, 0.3)),
    **dict.fromkeys(("plain-56", "half-56"), (0.01, 0.03, 0.1)),
}
# The best rate on that grid, of two seeds only; the strangers', which do not train, chosen by us.
WORKSTATION_RATE = {
    "plain-20": 0.1,
    "plain-56": 0.03,
    "residual-20": 0.1,
    "residual-56": 0.1,
    "half-20": 0.1,
    "half-56": 0.03,
    "stranger-20": 0.1,
    "stranger-56": 0.1,
}


def _larger(arm: str, scale: str) -> Spec:
    """The arm at a larger scale; where it is trained, signals are read before, early on and at the end."""
    spec = larger(LAPTOP[arm], scale)
    if arm not in BEST_RATE:
        return spec
    spec = spec.but(signals=True, watch=(0, spec.steps // 10, spec.steps))
    if scale == "workstation":
        return spec.but(rate=WORKSTATION_RATE[arm])
    # He et al. 2015, section 4.2: one rate for all, and a gentle start for 110 layers alone.
    return spec.but(rate=0.1, schedule="step", warmup=WARMED_UP if spec.depth == 110 else 0.0)


WARMED_UP = 400 / 64_000  # of the steps: He et al. 2015, section 4.2 (theirs at a tenth of the rate, ours linear)
AT_START = tuple(claim for claim in CLAIMS if claim.id in ("HE1-3", "HE1-3v"))
LARGER_CLAIMS = {  # at the workstation without 110 layers, whose rates were not tuned there
    "workstation": tuple(c for c in _depth_and_skip(AFTER_AN_EPOCH, LEARNT, "an epoch") if c.id != "HE1-1b"),
    "paper": _depth_and_skip(AFTER_64K, TRAINED, "64,000 iterations"),
}
LARGER_CLAIMS = {scale: (*some, *AT_START) for scale, some in LARGER_CLAIMS.items()}
LARGER = {
    scale: {arm: _larger(arm, scale) for claim in some for arm in claim.arms} for scale, some in LARGER_CLAIMS.items()
}

HE = Spec("residual", 20, 0.1, 64_000, data="cifar10", widths=(16, 32, 64), batch=128, augment=True)
HE = HE.but(schedule="step", warmup=0.0)
HE_110 = HE.but(depth=110, warmup=WARMED_UP)  # layers
PUBLISHED = (
    Published("residual-20", "ResNet-20", "8.75", "he2016deep, Table 6", HE),
    Published("residual-56", "ResNet-56", "6.97", "he2016deep, Table 6", HE.but(depth=56)),
    Published("residual-110", "ResNet-110", "6.43 (best of 5; mean 6.61)", "he2016deep, Table 6", HE_110),
    Published("plain-110", "plain, 110 layers", "above 60", "he2016deep, section 4.2", HE_110.but(rule="plain")),
)

CHAPTER = Chapter(
    name="degradation",
    title="Degradation",
    builds_on="gradient descent, convolutions, batch normalisation",
    claims=CLAIMS,
    laptop=LAPTOP,
    larger=LARGER,
    published=PUBLISHED,
    larger_claims=LARGER_CLAIMS,
    larger_grid={
        "workstation": {
            arm: tuple(larger(_trained(arm, rate), "workstation").but(extend_to=()) for rate in rates)
            for arm, rates in WORKSTATION_GRID.items()
        },
    },
    shown=("plain-8", "residual-8", *SIGNALS),
    probes=("plain-110", "residual-110", "plain-20 x10", "start-20 at 0.1"),
    grid={arm: tuple(_trained(arm, rate) for rate in rates) for arm, rates in GRID_RATES.items()},
)

# --- Self-checks of the exercises ---------------------------------------------------------------


def check_attenuation(answer: float | None) -> str:
    """Exercise 1: log10 of what 27 halved shortcuts leave of the input, dimensionless; a sentence back."""
    if answer is None:
        return "Not answered yet."
    if abs(answer - 27 * math.log10(0.5)) < 0.05:
        return "Right: 27 factors of one half leave less than a hundred-millionth."
    return "Not yet: a 56-layer net has 27 units, and each multiplies its shortcut by one half. Take log10."


def check_between(answer: Runs | None) -> str:
    """Exercise 2: runs of a plain net of 32 layers, otherwise like plain-20; a sentence back."""
    recorded = CHAPTER.recorded()
    spec, ends = LAPTOP["plain-20"].but(depth=32, extend_to=()), (recorded["plain-20"], recorded["plain-56"])
    return report.check_between(answer, spec, "the depth to 32 and extend_to to ()", ends)


def check_design(answer: str | None) -> str:
    """Exercise 3: what to permute in the shortcut, "pixels" or "channels"; a sentence back."""
    why = "relabel the channels of each layer, and it is the residual net again. What cannot be relabelled?"
    return report.check_choice(answer, "pixels", {"channels": why})
