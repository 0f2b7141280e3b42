"""Identity bias (De & Smith 2020): does batch normalisation make residual blocks small, and is that why depth works?

And an equivalence that only normalised nets have (Li & Arora 2020). Thresholds were fixed after trials on tuning
seeds and before the record was made. What changed after it, and why, stands in the chapter.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from whyresnets import report
from whyresnets.claims import (
    CHANCE,
    TRAINED,
    Chapter,
    Claim,
    Condition,
    Effect,
    Test,
    gradient_ratios,
    larger,
    trained,
    training_loss,
)
from whyresnets.training import Runs, Spec

HALF = 0.5  # of seeds (chosen by us)
A_TENTH = 0.1  # of a doubling, of an exponent, of a deviation: close enough to call it the law (chosen by us)
A_FIFTH = 0.2  # of the predicted slope: the same where 64 units and one seed leave more noise (chosen by us)
FACTOR_TWO = 0.3  # decades: the smallest difference of two rates that we call one (chosen by us)
BEYOND_A_STEP = 0.4  # decades, a factor of 2.5: more than a step of the grid of rates (chosen by us)
EXACT = -10.0  # log10 of nats: what is left is rounding in 64 bits (chosen by us)
FINITE = math.inf  # nats: an arm that need not train, but whose divergence would be no result

# --- The arms: untrained ------------------------------------------------------------------------

MANY = 128  # blocks: more would overflow 32 bits without normalisation
WIDE = Spec("residual", MANY + 2, steps=0, family="dense", widths=(64,), signals=True)
MAPS = Spec("residual", 28, steps=0, order="pre", norm="none", widths=(64, 64, 64), signals=True)
START = {
    "residual, BN, untrained": WIDE,
    "residual, no norm, untrained": WIDE.but(norm="none"),
    "BN after the sum, untrained": WIDE.but(norm="sum"),
    "BN, rescaled, untrained": WIDE.but(rule="rescaled"),
    "plain, BN, untrained": WIDE.but(rule="plain"),
    "plain, no norm, untrained": WIDE.but(rule="plain", norm="none"),
    "convolutions, circular padding, untrained": MAPS.but(padding="circular"),
    "convolutions, zero padding, untrained": MAPS,
}

# --- The arms: who trains at which depth? -------------------------------------------------------

STEPS = 100  # optimiser steps (as in the chapters before)
LONGER = 5  # times as many, to tell slow from stuck
DENSE = Spec("residual", steps=STEPS, family="dense", widths=(32,), head_norm="batch")
CONVOLUTIONAL = Spec("residual", 10, steps=STEPS, order="pre", head_norm="batch")
KINDS: dict[str, dict] = {
    "residual, BN": {},
    "frozen BN": {"norm": "frozen"},
    "SkipInit 0": {"norm": "none", "alpha": 0.0},
    "SkipInit 1/sqrt(d)": {"norm": "none", "power": 1 / 2},
    "SkipInit d^-1/4": {"norm": "none", "power": 1 / 4},
    "SkipInit d^-3/8": {"norm": "none", "power": 3 / 8},
    "SkipInit 1/d": {"norm": "none", "power": 1},
    "BN, d^-1/4": {"power": 1 / 4},
    "residual, head BN only": {"norm": "none"},
    "rescaled": {"norm": "none", "rule": "rescaled"},
    "BN, rescaled": {"rule": "rescaled"},
    "BN after the sum": {"norm": "sum", "head_norm": "none"},
    "plain, BN": {"rule": "plain"},
    "plain, head BN only": {"rule": "plain", "norm": "none"},
    "SkipInit 0, no BN at all": {"norm": "none", "alpha": 0.0, "head_norm": "none"},
    "SkipInit 1/sqrt(d), no BN at all": {"norm": "none", "power": 1 / 2, "head_norm": "none"},
    "SkipInit 1, no BN at all": {"norm": "none", "alpha": 1.0, "head_norm": "none"},
    "residual, no BN at all": {"norm": "none", "head_norm": "none"},
    "rescaled, no BN at all": {"norm": "none", "rule": "rescaled", "head_norm": "none"},
}


def net(kind: str, blocks: int) -> Spec:
    """A kind of fully connected net with so many blocks d; a power p says that alpha starts at d^(-p)."""
    changes = dict(KINDS[kind])
    if "power" in changes:
        changes["alpha"] = float(blocks) ** -changes.pop("power")
    return DENSE.but(depth=blocks + 2, **changes)


def convolutional(kind: str, blocks: int) -> Spec:
    """The same with convolutions, two in a block: three stages, between them a transition of one layer; no powers."""
    return CONVOLUTIONAL.but(depth=2 * blocks + 4, **KINDS[kind])


# Kind -> blocks -> best rate of the recorded grid, by mean training loss; a test compares. Where every rate ends at
# chance the rate does not matter.
RATES: dict[str, dict[int, float]] = {
    "residual, BN": {4: 0.3, 16: 0.3, 64: 0.3, 256: 0.3, 1000: 0.3},
    "frozen BN": {16: 0.1, 64: 0.1, 256: 0.1},
    "SkipInit 0": {4: 0.3, 16: 0.3, 64: 0.1, 256: 0.03, 1000: 0.01},
    "SkipInit 1/sqrt(d)": {64: 0.1, 256: 0.03},
    "SkipInit d^-1/4": {64: 0.1, 256: 0.1},
    "SkipInit d^-3/8": {64: 0.1, 256: 0.03},
    "SkipInit 1/d": {64: 0.1, 256: 0.03},
    "BN, d^-1/4": {256: 0.3},
    "residual, head BN only": {4: 0.3, 16: 0.1, 64: 0.03},
    "rescaled": {16: 0.1, 64: 0.1, 256: 0.1},
    "BN, rescaled": {4: 0.3, 16: 0.1, 64: 0.1, 256: 0.1},
    "BN after the sum": {4: 0.3, 16: 0.1, 64: 0.1},
    "plain, BN": {4: 0.1, 16: 0.1, 64: 0.03},
    "plain, head BN only": {4: 0.3, 16: 0.3, 64: 0.1, 256: 0.1},
    "SkipInit 0, no BN at all": {4: 0.1, 16: 0.1, 64: 0.03, 256: 0.01, 1000: 0.003},
    "SkipInit 1/sqrt(d), no BN at all": {64: 0.03, 1000: 0.003},
    "SkipInit 1, no BN at all": {16: 0.001, 64: 0.001},
    "residual, no BN at all": {4: 0.03, 16: 0.001, 64: 0.001},
    "rescaled, no BN at all": {4: 0.1, 16: 0.03, 64: 0.03},
}
DEPTHS = {f"{kind}-{d}": net(kind, d).but(rate=rate) for kind, best in RATES.items() for d, rate in best.items()}
READ = {  # the exponent of the branch's share, before and after training
    "residual, BN-64": DEPTHS["residual, BN-64"].but(signals=True),
    "residual, BN-64, untrained": DEPTHS["residual, BN-64"].but(signals=True, steps=0),
}
SLOW = {
    f"{arm} x{LONGER}": DEPTHS[arm].but(steps=LONGER * STEPS, rate=rate)
    for arm, rate in {"rescaled-64": 0.3, "BN, rescaled-64": 0.1, "plain, BN-64": 0.003}.items()
}
MAPPED = {
    "convolutional residual, BN-99": convolutional("residual, BN", 99).but(rate=0.3),
    "convolutional SkipInit 0-99": convolutional("SkipInit 0", 99).but(rate=0.1),
    "convolutional rescaled-15": convolutional("rescaled", 15).but(rate=0.1),
    "convolutional rescaled-99": convolutional("rescaled", 99).but(rate=0.1),
}

USUAL = (0.03, 0.1, 0.3, 1.0)
MIDDLE = (0.01, 0.03, 0.1, 0.3)
LOW = (0.003, 0.01, 0.03, 0.1)
LOWEST = (0.0003, 0.001, 0.003, 0.01)
GRID_RATES = {
    **{arm: USUAL for arm in DEPTHS if arm.endswith(("-4", "-16")) or arm.startswith("residual, BN")},
    **{
        arm: MIDDLE
        for arm in DEPTHS
        if arm.endswith(("-64", "-256")) and arm.startswith(("SkipInit", "residual, no", "residual, head"))
    },
    **{arm: MIDDLE for arm in (*DEPTHS, *SLOW, *MAPPED) if arm.startswith(("frozen", "plain", "rescaled"))},
    "plain, BN-4": USUAL,
    "plain, head BN only-4": USUAL,
    "plain, head BN only-16": USUAL,
    "plain, BN-64 x5": (0.001, *LOW),
    "rescaled-64": USUAL,
    "residual, head BN only-16": MIDDLE,
    "BN, rescaled-64": USUAL,
    "BN, rescaled-256": (0.03, 0.1, 0.3),
    "BN, d^-1/4-256": USUAL,
    "BN after the sum-64": USUAL,
    "SkipInit 0-1000": LOW,
    "SkipInit 0, no BN at all-4": MIDDLE,
    "SkipInit 0, no BN at all-16": MIDDLE,
    "SkipInit 0, no BN at all-256": LOW,
    "SkipInit 0, no BN at all-1000": LOWEST,
    "SkipInit 1/sqrt(d), no BN at all-1000": LOWEST,
    "SkipInit 1, no BN at all-16": LOWEST,
    "SkipInit 1, no BN at all-64": LOWEST,
    "residual, no BN at all-4": LOW,
    "residual, no BN at all-16": LOWEST,
    "residual, no BN at all-64": LOWEST,
    "rescaled, no BN at all-16": LOW,
    "rescaled, no BN at all-64": LOW,
    "rescaled-64 x5": USUAL,
    "BN, rescaled-64 x5": USUAL,
    "convolutional residual, BN-99": USUAL,
    "convolutional SkipInit 0-99": (0.03, 0.1, 0.3),
    "convolutional rescaled-15": USUAL,
    "convolutional rescaled-99": (0.01, 0.03, 0.1),
}
TUNED = {**DEPTHS, **SLOW, **MAPPED}

# --- The arms: learning rate and batch size -----------------------------------------------------

EPOCHS = 16  # over the 1,400 digits (chosen by us: with 4, rates at small batches hardly differed from the largest)
SMALL = 14  # examples a step; divides 1,400 (chosen by us)
LARGE = 350  # the same
BATCH_RATES = {  # batch -> rates, in steps of two: the best of every net is inside
    SMALL: tuple(0.005 * 2**k for k in range(7)),
    70: tuple(0.02 * 2**k for k in range(8)),
    LARGE: tuple(0.08 * 2**k for k in range(8)),
}
RATED = {
    "BN": ("residual, BN", tuple(BATCH_RATES)),
    "SkipInit": ("SkipInit 0", tuple(BATCH_RATES)),
    "SkipInit, no BN at all": ("SkipInit 0, no BN at all", tuple(BATCH_RATES)),
    "frozen BN": ("frozen BN", (LARGE,)),
}
RATE_ARMS = {
    f"{name}, batch {batch}, rate {rate:g}": net(kind, 8).but(batch=batch, steps=EPOCHS * 1400 // batch, rate=rate)
    for name, (kind, batches) in RATED.items()
    for batch in batches
    for rate in BATCH_RATES[batch]
}


def rates_of(name: str, batch: int) -> tuple[str, ...]:
    """The arms of one net at one batch size, from the smallest rate to the largest."""
    return tuple(f"{name}, batch {batch}, rate {rate:g}" for rate in BATCH_RATES[batch])


# --- The arms: an exponential rate --------------------------------------------------------------

DECAY = 5e-3  # weight decay of the equality (chosen by us: large, so that the rate must grow eightfold)
INVARIANT = Spec(
    "residual",
    18,
    0.1,
    2 * STEPS,
    family="dense",
    widths=(64,),
    warmup=0.0,
    schedule="constant",
    untrained=("affine", "head"),
    precision="float64",
    eps=1e-30,  # so that the loss does not depend on the size of the weights at all
    weight_decay=DECAY,
)


def roots(spec: Spec) -> tuple[float, float]:
    """Both roots of x^2 - (1 + momentum - decay rate) x + momentum = 0, larger first (Li & Arora 2020).

    Dimensionless.

    Raises
    ------
    ValueError
        If decay times rate exceeds (1 - sqrt(momentum))^2, where the roots are no real numbers.
    """
    half = (1 + spec.momentum - spec.weight_decay * spec.rate) / 2
    if (square := half**2 - spec.momentum) < 0:
        raise ValueError(f"weight_decay {spec.weight_decay:g} has no equivalent at rate {spec.rate:g}: choose less")
    return half + math.sqrt(square), half - math.sqrt(square)


def exponential(spec: Spec, root: float) -> Spec:
    """The run that has no weight decay, and a rate that grows by root^-2 at each step instead (Li & Arora 2020).

    Its weights are those of ``spec`` over root^step, at every step, so it must start as if it had come from
    weights root times those that it has: hence the momentum at the start.
    """
    return spec.but(
        weight_decay=0.0,
        rate=spec.rate / root,
        growth=root**-2,
        momentum_start=-(1 - root) / (root * spec.rate),
    )


UNFROZEN = INVARIANT.but(untrained=("affine",))
GROWING = INVARIANT.but(precision="float32", eps=1e-5, weight_decay=0.0, growth=1.1)
EQUALITY = {
    "decay": INVARIANT,
    "exponential": exponential(INVARIANT, max(roots(INVARIANT))),
    "exponential, smaller root": exponential(INVARIANT, min(roots(INVARIANT))),
    "exponential, formula without momentum": exponential(INVARIANT, 1 - INVARIANT.rate * DECAY),
    "constant": INVARIANT.but(weight_decay=0.0),
    "decay, head trained": UNFROZEN,
    "exponential, head trained": exponential(UNFROZEN, max(roots(UNFROZEN))),
    "growing": GROWING,
    "growing, all trained": GROWING.but(untrained=()),
    "growing, SkipInit, no BN at all": GROWING.but(norm="none", alpha=0.0),
    "not growing": GROWING.but(growth=1.0),
    "not growing, all trained": GROWING.but(growth=1.0, untrained=()),
    "not growing, SkipInit, no BN at all": GROWING.but(growth=1.0, norm="none", alpha=0.0),
}

LAPTOP = {**START, **TUNED, **READ, **RATE_ARMS, **EQUALITY}

# --- The readings: one number a seed, shape (S,) ------------------------------------------------


def variance(runs: Runs) -> np.ndarray:
    """Variance of the state before the first block and after each, over units and images, dimensionless (S, L + 1).

    Source: the quantity of De & Smith 2020, abstract; over all units chosen by us.
    """
    return np.square(runs["state_std"])


def growth(runs: Runs) -> np.ndarray:
    """Factor by which each block multiplies the variance, transitions too, dimensionless (S, L); 2: it doubles.

    Source: ours, for the law of De & Smith 2020.
    """
    v = variance(runs)
    return v[:, 1:] / v[:, :-1]


def doubling_distance(runs: Runs) -> np.ndarray:
    """|mean of log2 of the growth over the blocks that are no transitions - 1|, dimensionless (S,).

    0: the variance doubles in every block. Source: ours, see :func:`growth`.
    """
    blocks = np.delete(np.log2(growth(runs)), runs.spec.net((1, 8, 8)).transitions, axis=1)
    return np.abs(blocks.mean(1) - 1)


def adding_distance(runs: Runs) -> np.ndarray:
    """Mean over blocks of |variance after block l over (l + 1) - 1|, dimensionless (S,); 0: every block adds one.

    Source: ours, for the law of De & Smith 2020.
    """
    v = variance(runs)
    return np.abs(v[:, 1:] / np.arange(2, v.shape[1] + 1) - 1).mean(1)


def branch_over_skip(runs: Runs) -> np.ndarray:
    """Standard deviation of each branch over that of the state it is added to, dimensionless (S, L); dense nets only.

    Source: De & Smith 2020, abstract: the residual branch "relative to the skip connection".
    """
    return runs["response_std"] / runs["state_std"][:, :-1]


def exponent(runs: Runs) -> np.ndarray:
    """Slope of log(branch over skip) against log(l), least squares over all blocks, dimensionless (S,).

    Source: ours; l^(-1/2) follows from the law of De & Smith 2020.
    """
    log_ratio = np.log(branch_over_skip(runs))
    log_l = np.log(np.arange(1, log_ratio.shape[1] + 1))
    return (log_ratio * (log_l - log_l.mean())).sum(1) / np.square(log_l - log_l.mean()).sum()


def exponent_distance(runs: Runs) -> np.ndarray:
    """|exponent + 1/2|, dimensionless (S,). Source: ours, see :func:`exponent`."""
    return np.abs(exponent(runs) + 0.5)


def predicted_ratios(residual: Runs, plain: Runs, even: bool = False) -> np.ndarray:
    """Gradient-norm ratio of each block from forward sizes: sqrt(1 + c q^2), dimensionless (S, L).

    q is branch over skip in the residual net; c, what a layer without a skip does to the squared norm of the
    gradient, is the mean of r^2 over the blocks of the plain net of the same normalisation and seed. ``even``: the
    same mean of q^2 in every block. Source: ours, from the law of De & Smith 2020.
    """
    layer = np.square(gradient_ratios(plain)).mean(1, keepdims=True)
    small = np.square(branch_over_skip(residual))
    return np.sqrt(1 + layer * (np.full_like(small, 1) * small.mean(1, keepdims=True) if even else small))


def ratio_error(residual: Runs, plain: Runs, even: bool = False) -> np.ndarray:
    """How far prediction and measurement drift apart on the way, as a share of all that is predicted, (S,).

    Largest |sum of log r - log predicted r over blocks 1 to l|, for any l, over the sum of log predicted r; 0: the
    prediction is right block by block. Dimensionless. Source: ours, see :func:`predicted_ratios`.
    """
    predicted = np.log(predicted_ratios(residual, plain, even))
    apart = np.cumsum(np.log(gradient_ratios(residual)) - predicted, axis=1)
    return np.abs(apart).max(1) / predicted.sum(1)


def even_ratio_error(residual: Runs, plain: Runs) -> np.ndarray:
    """The same where every block has the same branch over skip, dimensionless (S,). Source: ours, see above."""
    return ratio_error(residual, plain, even=True)


def growth_so_far(runs: Runs) -> np.ndarray:
    """Norm of the gradient at the first state over that after each block, dimensionless (S, L). Source: ours."""
    norm = runs["state_gradient_norm"]
    return norm[:, :1] / norm[:, 1:]


def root_distance(runs: Runs) -> np.ndarray:
    """|log10 of the gradient's growth from end to end - log10 of sqrt(L)|, decades (S,). Source: ours."""
    grown = growth_so_far(runs)
    return np.abs(np.log10(grown[:, -1]) - 0.5 * np.log10(grown.shape[1]))


def log10_best_rate(*runs: Runs) -> np.ndarray:
    """log10 of the rate with the least training loss, one seed at a time, decades (S,); one Runs a rate, rising.

    Between the rates of the grid: where a parabola through the best one and its neighbours, on logarithms of both, is
    lowest; it does not leave the half steps around the best one. Where the next rate no longer trains, the decimals
    say little. NaN where a seed trains at none. Of three rates or more, in equal steps. Source: ours, for the
    "optimal learning rate" of De & Smith 2020.
    """
    rates, losses = _rates_and_losses(runs)
    seeds, best = np.arange(losses.shape[1]), losses.argmin(0)
    inside = np.clip(best, 1, len(rates) - 2)
    below, here, above = (losses[inside + k, seeds] for k in (-1, 0, 1))
    with np.errstate(divide="ignore", invalid="ignore"):  # no parabola where the best rate is at an end
        step = 0.5 * (below - above) / (below - 2 * here + above) * (rates[1] - rates[0])
    found = rates[best] + np.where(best == inside, np.nan_to_num(step), 0.0)
    return np.where(losses.min(0) < math.log(TRAINED), found, np.nan)


def log10_largest_rate(*runs: Runs) -> np.ndarray:
    """log10 of the largest rate at which a seed trains, decades (S,); one Runs a rate, rising.

    Between the rates of the grid: where a straight line, on logarithms, from the last rate at which it trains to the
    next one crosses the loss that counts as trained; NaN where it trains at none. Of rates in equal steps. Source:
    ours, for the "largest stable" rate of De & Smith 2020.
    """
    rates, losses = _rates_and_losses(runs)
    step, trains = rates[1] - rates[0], losses < math.log(TRAINED)
    seeds, top = np.arange(losses.shape[1]), len(rates) - 1
    last = top - trains[::-1].argmax(0)
    here, above = losses[last, seeds], losses[np.minimum(last + 1, top), seeds]
    crossed = (math.log(TRAINED) - here) / np.where(above > here, above - here, np.inf)
    return np.where(trains.any(0), rates[last] + step * np.where(last < top, crossed, 0.0), np.nan)


def _rates_and_losses(runs: Sequence[Runs]) -> tuple[np.ndarray, np.ndarray]:
    """log10 of the rates (R,) and log of the training losses (R, S)."""
    return np.log10([r.spec.rate for r in runs]), np.log(np.stack([training_loss(r) for r in runs]))


def log10_difference(first: Runs, second: Runs) -> np.ndarray:
    """log10 of the largest |difference| of two loss curves over all steps, of nats, (S,). Source: ours.

    No smaller than 64 bits can show, and no larger than a loss at chance, which a diverged seed scores.
    """
    apart = np.nan_to_num(np.abs(first["curve"] - second["curve"]), nan=CHANCE, posinf=CHANCE)
    return np.log10(np.clip(apart.max(1), np.finfo(np.float64).eps, CHANCE))


# --- The claims ---------------------------------------------------------------------------------


def _is(says: str, arm: str | tuple[str, ...], reading: Callable, side: str, threshold: float, unit: str = ""):
    return Condition(Effect(says, (arm,), (), reading), side, threshold, unit)


def _train(*arms: str) -> tuple[Condition, ...]:
    return tuple(_is(f"fraction of seeds below {TRAINED:g} nats, {a}", a, trained, ">", HALF, "of seeds") for a in arms)


def _fail(arm: str) -> Condition:
    return _is(f"fraction of seeds below {TRAINED:g} nats, {arm}", arm, trained, "<", HALF, "of seeds")


def _doubles(arm: str) -> tuple[Condition, ...]:
    return (_is(f"|log2 of the variance's growth a block - 1|, {arm}", arm, doubling_distance, "<", A_FIFTH),)


def _adds(arm: str) -> tuple[Condition, ...]:
    return (_is(f"|variance over (l + 1) - 1|, mean over blocks, {arm}", arm, adding_distance, "<", A_FIFTH),)


def _falls(arm: str) -> tuple[Condition, ...]:
    return (_is(f"|exponent of branch over skip + 1/2|, {arm}", arm, exponent_distance, "<", A_TENTH),)


def _predicts(residual: str, plain: str, reading: Callable = ratio_error) -> tuple[Condition, ...]:
    says = f"drift of measured from predicted ratios, {residual}"
    return (_is(says, (residual, plain), reading, "<", A_TENTH),)


def _root(arm: str) -> tuple[Condition, ...]:
    return (_is(f"|log10 of the gradient's growth over sqrt(L)|, {arm}", arm, root_distance, "<", A_TENTH, "decades"),)


def _rate_gap(
    says: str, pair: tuple[str, str], batch: int, reading: Callable, side: str, gap: float = FACTOR_TWO
) -> Condition:
    terms = tuple(rates_of(name, batch) for name in pair)
    says = f"log10 of the {says} rate at batch {batch}, {pair[0]} over {pair[1]}"
    return Condition(Effect(says, terms[:1], terms[1:], reading), side, gap, "decades")


def _larger_best(pair: tuple[str, str]) -> tuple[Condition, ...]:
    return (_rate_gap("best", pair, LARGE, log10_best_rate, ">"),)


def _larger_stable(name: str) -> tuple[Condition, ...]:
    return (_rate_gap("largest", (name, "SkipInit"), LARGE, log10_largest_rate, ">", BEYOND_A_STEP),)


def _larger_only_at_large_batch(pair: tuple[str, str]) -> tuple[Condition, ...]:
    return (
        *_larger_best(pair),
        _rate_gap("best", pair, SMALL, log10_best_rate, "<"),
        _rate_gap("best", pair, SMALL, log10_best_rate, ">", -FACTOR_TWO),
    )


def _equal(pair: tuple[str, str]) -> tuple[Condition, ...]:
    says = f"log10 of the largest difference of losses, {pair[0]} and {pair[1]}"
    return (_is(says, pair, log10_difference, "<", EXACT),)


def _finite(arms: Iterable[str]) -> tuple[tuple[str, float], ...]:
    return tuple((arm, FINITE) for arm in arms)


ABSTRACT = "de2020batch, abstract"
BN_START = "residual, BN, untrained"
SUM_START = "BN after the sum, untrained"
BARE_START = "residual, no norm, untrained"
PLAIN_START = "plain, BN, untrained"
BARE_PLAIN_START = "plain, no norm, untrained"
ZEROS = "convolutions, zero padding, untrained"
CIRCULAR = "convolutions, circular padding, untrained"
NOTHING_IN_THE_BLOCKS = "nothing done about the branches: (x + f(x))/sqrt(2), no BN in the blocks"

CLAIMS = (
    Claim(
        id="DS-1n",
        source="de2020batch, our derivation and protocol",
        says="Before training and without normalisation, every block doubles the variance on the skip path.",
        conditions=(*_doubles(BARE_START), *_doubles(CIRCULAR)),
        controls=(Test("the skip removed", _doubles(BARE_PLAIN_START)),),
        turns_when=Test("convolutions on small maps with zero padding", _doubles(ZEROS)),
        trains=_finite((BARE_START, BARE_PLAIN_START, ZEROS, CIRCULAR)),
        not_shown="Weights other than He's, and non-linearities other than ReLU.",
    ),
    Claim(
        id="DS-1b",
        source="de2020batch, our derivation and protocol",
        says="Before training, with BN in the branches, every block adds one to it: l + 1 after l blocks.",
        conditions=_adds(BN_START),
        controls=(Test("BN after the addition", _adds(SUM_START)),),
        trains=_finite((BN_START, SUM_START)),
        not_shown="What happens once the weights have moved: see DS-2.",
    ),
    Claim(
        id="DS-2",
        source=f"{ABSTRACT}; our protocol",
        says="With BN in the branches, branch over skip starts out falling with the block's number l, as l^(-1/2).",
        conditions=(*_falls(BN_START), *_falls("residual, BN-64, untrained")),
        controls=(
            Test("BN after the addition", _falls(SUM_START)),
            Test("no normalisation", _falls(BARE_START)),
        ),
        trains=_finite((BN_START, SUM_START, BARE_START, "residual, BN-64, untrained")),
        not_shown="How long it stays so; and that small branches are why the net trains: see DS-3b.",
    ),
    Claim(
        id="DS-2r",
        source=f"ours, after {ABSTRACT}, and zaeemzadeh2021norm, abstract",
        says="Branch over skip, q, makes the block ratios of norm preservation: r = sqrt(1 + c q^2), block by block.",
        conditions=(*_predicts(BN_START, PLAIN_START), *_predicts(BARE_START, BARE_PLAIN_START)),
        controls=(Test("the same q in every block", _predicts(BN_START, PLAIN_START, even_ratio_error)),),
        trains=_finite((BN_START, PLAIN_START, BARE_START, BARE_PLAIN_START)),
        not_shown="Trained nets.",
    ),
    Claim(
        id="DS-2e",
        source=f"common reading of {ABSTRACT}, ours",
        says="From end to end, the gradient of that net grows as its forward signal does, like sqrt(L).",
        conditions=_root(BN_START),
        controls=(Test("no normalisation", _root(BARE_START)),),
        trains=_finite((BN_START, BARE_START)),
        not_shown="That this growth does any harm.",
    ),
    Claim(
        id="DS-3",
        source=f"{ABSTRACT}; our protocol",
        says="1,000 blocks train with BN in them, and with SkipInit instead, under the same head or with no BN at all.",
        conditions=_train(
            "residual, BN-1000",
            "SkipInit 0-1000",
            "SkipInit 0, no BN at all-1000",
            "SkipInit 1/sqrt(d), no BN at all-1000",
        ),
        controls=(
            Test(f"{NOTHING_IN_THE_BLOCKS}; already at 256", _train("rescaled-256")),
            Test("BN kept, branches as large as the skip; already at 256", _train("BN, rescaled-256")),
        ),
        trains=_finite(("BN, rescaled-256",)),
        not_shown="That 1,000 blocks are better than 64.",
        live=False,
    ),
    Claim(
        id="DS-3c",
        source=f"{ABSTRACT}; our protocol",
        says="99 convolutional blocks train with BN in them, and with SkipInit (alpha = 0) instead; the same head.",
        conditions=_train("convolutional residual, BN-99", "convolutional SkipInit 0-99"),
        controls=(Test(NOTHING_IN_THE_BLOCKS, _train("convolutional rescaled-99")),),
        trains=(("convolutional rescaled-15", TRAINED), ("convolutional rescaled-99", FINITE)),
        not_shown="CIFAR-10, and accuracy. The control was tried at three rates, and stayed at chance at each.",
        live=False,
    ),
    Claim(
        id="DS-3v",
        source=f"common reading, ours, after {ABSTRACT}",
        says="It is enough to keep the variance: 64 blocks with (x + f(x))/sqrt(2), no BN at all, train in 100 steps.",
        conditions=_train("rescaled, no BN at all-64"),
        controls=(Test("the variance not kept: x + f(x)", _train("residual, no BN at all-64")),),
        trains=(("rescaled, no BN at all-4", TRAINED),),
        not_shown="That it never trains.",
    ),
    Claim(
        id="DS-3b",
        source="common reading of de2020batch, ours",
        says="BN in every block is enough: 64 blocks train in 100 steps, even if branches are as large as the skip.",
        conditions=_train("BN, rescaled-64"),
        controls=(Test("BN removed from the blocks", _train("rescaled-64")),),
        trains=(("BN, rescaled-16", TRAINED), ("residual, BN-64", TRAINED)),
        not_shown="That it never trains: with five times the steps its loss is lower.",
    ),
    Claim(
        id="DS-3f",
        source=f"ours, after {ABSTRACT}",
        says="BN need not adapt: measured once before training and then frozen, it lets 256 blocks train.",
        conditions=_train("frozen BN-256"),
        controls=(Test(NOTHING_IN_THE_BLOCKS, _train("rescaled-256")),),
        not_shown="That adapting is of no use: see DS-5m.",
    ),
    Claim(
        id="DS-4",
        source=f"{ABSTRACT}; our protocol",
        says="SkipInit must start at about d^(-1/2) or below: at 256 blocks that trains, and d^(-1/4) does not.",
        conditions=(
            *_train("SkipInit 1/sqrt(d)-256", "SkipInit 1/d-256", "SkipInit 0-256"),
            _fail("SkipInit d^-1/4-256"),
        ),
        controls=(Test("BN in the blocks as well: d^(-1/4) does not train", (_fail("BN, d^-1/4-256"),)),),
        turns_when=Test("closer to the threshold: d^(-3/8) does not train", (_fail("SkipInit d^-3/8-256"),)),
        not_shown="The limit of infinite depth, where theory puts the threshold at the power 1/2.",
    ),
    Claim(
        id="DS-X",
        source="ours, after a public review of de2020batch",
        says="One BN, before the classifier, is enough for a residual net of 16 blocks, x + f(x), to train.",
        conditions=_train("residual, head BN only-16"),
        controls=(Test("that BN removed", _train("residual, no BN at all-16")),),
        turns_when=Test("64 blocks, 100 steps", _train("residual, head BN only-64")),
        rival=Test("no skip: a plain net of 16 with that BN", _train("plain, head BN only-16")),
        not_shown="What more steps would do.",
        live=False,
    ),
    Claim(
        id="BN-1",
        source="common reading, ours; beside de2020batch, abstract",
        says="BN alone makes depth trainable: a plain net of 64 blocks with BN trains in 100 steps.",
        conditions=_train("plain, BN-64"),
        controls=(Test("BN removed from its blocks", _train("plain, head BN only-64")),),
        trains=(("residual, BN-64", TRAINED),),
        not_shown="That no plain net trains: orthogonal ones do (ZA-4).",
    ),
    Claim(
        id="BN-2",
        source="common reading, ours; beside de2020batch, abstract",
        says="Residual nets need BN: without any, and with SkipInit instead, 64 blocks do not train.",
        conditions=(_fail("SkipInit 0, no BN at all-64"),),
        controls=(Test("BN given back", (_fail("residual, BN-64"),)),),
        trains=(("residual, BN-64", TRAINED),),
        not_shown="That they train as fast, or generalise as well.",
    ),
    Claim(
        id="DS-5",
        source=f"{ABSTRACT}; our protocol",
        says="BN's best rate is twice SkipInit's or more at a large batch, and about the same at a small one.",
        conditions=_larger_only_at_large_batch(("BN", "SkipInit, no BN at all")),
        controls=(
            Test(
                "BN taken out of the blocks, and left before the classifier",
                _larger_best(("SkipInit", "SkipInit, no BN at all")),
            ),
        ),
        not_shown="ImageNet, and test accuracy.",
        live=False,
    ),
    Claim(
        id="DS-5h",
        source=f"ours, after {ABSTRACT}",
        says="The same under the same head: one BN before the classifier in both nets.",
        conditions=_larger_only_at_large_batch(("BN", "SkipInit")),
        controls=(Test("BN frozen before training", _larger_best(("frozen BN", "SkipInit"))),),
        not_shown="Other depths than 8 blocks.",
        live=False,
    ),
    Claim(
        id="DS-5m",
        source=f"ours, after {ABSTRACT}",
        says="At a large batch and under the same head, BN lets the net train at 2.5 times the rate or more.",
        conditions=_larger_stable("BN"),
        controls=(Test("BN frozen before training", _larger_stable("frozen BN")),),
        not_shown="That a net gains by such rates: see DS-5h.",
        live=False,
    ),
    Claim(
        id="LA-1",
        source="li2020exponential, abstract; our protocol",
        says="On a normalised net, SGD with weight decay equals SGD without it under an exponentially growing rate.",
        conditions=_equal(("decay", "exponential")),
        controls=(
            Test("the head trained, which no BN follows", _equal(("decay, head trained", "exponential, head trained"))),
            Test("a growth that is no root", _equal(("decay", "exponential, formula without momentum"))),
        ),
        rival=Test("the smaller root of the same equation", _equal(("decay", "exponential, smaller root"))),
        trains=(
            ("decay", 1.0),
            ("exponential", 1.0),
            *_finite(arm for arm in EQUALITY if "," in arm and "growing" not in arm),
        ),
        not_shown="Nets whose scales, shifts and head are trained, as usual: there it holds only about.",
    ),
    Claim(
        id="LA-3",
        source="li2020exponential, abstract; our protocol",
        says="A normalised net trains while its rate grows by a tenth at every step, 100-million-fold in 200 steps.",
        conditions=_train("growing"),
        controls=(
            Test("scales, shifts and head trained, too", _train("growing, all trained")),
            Test("no normalisation anywhere: SkipInit", _train("growing, SkipInit, no BN at all")),
        ),
        trains=tuple((arm, TRAINED) for arm in EQUALITY if arm.startswith("not growing")),
        not_shown="That it is a good idea.",
    ),
)

# --- What the figures show ----------------------------------------------------------------------

LINES = {"BN in the branch": BN_START, "BN after the sum": SUM_START, "BN, rescaled": "BN, rescaled, untrained"}
PADDED = {
    "residual": BARE_START,
    "plain (control)": BARE_PLAIN_START,
    "convolutions, circular padding": CIRCULAR,
    "convolutions, zero padding": ZEROS,
}
DOUBLING = {"Factor of the variance, first 14 blocks": (growth, {"2": lambda _: 2.0})}
_PANELS = {
    "BN in the blocks, or the skip": (
        "residual, BN",
        "residual, head BN only",
        "plain, BN",
        "plain, head BN only",
    ),
    "Instead of BN": ("frozen BN", "SkipInit 0", "SkipInit 0, no BN at all"),
    "No small branches": ("BN, rescaled", "BN after the sum", "rescaled"),
}
BY_DEPTH = {
    title: {kind: {blocks: f"{kind}-{blocks}" for blocks in RATES[kind]} for kind in kinds}
    for title, kinds in _PANELS.items()
}
BY_START = {
    "256 blocks, SkipInit: the scalar starts at": {
        "0": "SkipInit 0-256",
        "1/d": "SkipInit 1/d-256",
        "d^-1/2": "SkipInit 1/sqrt(d)-256",
        "d^-3/8": "SkipInit d^-3/8-256",
        "d^-1/4": "SkipInit d^-1/4-256",
        "d^-1/4, BN in the branch": "BN, d^-1/4-256",
    },
    "64 blocks, 100 steps or (x5) 500": {arm.replace("-64", ""): arm for slow in SLOW for arm in (slow[:-3], slow)},
    "Convolutional": {f"{arm[14:].replace('-', ', ')} blocks": arm for arm in MAPPED},
}
BY_RATE = {
    f"Batches of {batch}": {
        name: dict(zip(rates, rates_of(name, batch), strict=True))
        for name, (_, batches) in RATED.items()
        if batch in batches
    }
    for batch, rates in BATCH_RATES.items()
}
CURVES = {
    "constant rate": "not growing",
    "the rate grows by a tenth a step": "growing",
    "the same, all trained": "growing, all trained",
}
PAIRS = {
    "larger root": ("decay", "exponential"),
    "smaller root": ("decay", "exponential, smaller root"),
    "no root: the formula without momentum": ("decay", "exponential, formula without momentum"),
    "no decay, constant rate": ("decay", "constant"),
    "larger root, head trained": ("decay, head trained", "exponential, head trained"),
}


def laws(recorded: Mapping[str, Runs]) -> dict[str, tuple[Callable, dict[str, Callable]]]:
    """Four readings of an untrained net, each with its law, a function of the block l, dimensionless (L,).

    Title -> reading, and label -> law; c is that of the recorded plain net. Source: ours, from De & Smith 2020.
    """
    c = float(np.square(gradient_ratios(recorded[PLAIN_START])).mean())
    return {
        "Variance on the skip": (variance, {"l + 1": lambda block: block + 1}),
        "Branch over skip, q": (branch_over_skip, {"1/√l": lambda block: block**-0.5}),
        "Gradient ratio r": (gradient_ratios, {"√(1 + c/l)": lambda block: np.sqrt(1 + c / block)}),
        "Growth so far": (growth_so_far, {"√(l + 1)": lambda block: np.sqrt(block + 1)}),
    }


# --- Larger scales: planned; the rates are those of the laptop, not tuned there -----------------

# Claims on training would need budgets and bars of their own, but for the convolutional nets at the papers' size.
AT_START = tuple(claim for claim in CLAIMS if not any(LAPTOP[arm].steps for arm in claim.arms))
DEEP = tuple(claim for claim in CLAIMS if claim.id == "DS-3c")
LARGER_CLAIMS = {"workstation": AT_START, "paper": (*AT_START, *DEEP)}
LARGER = {
    scale: {arm: larger(LAPTOP[arm], scale) for claim in some for arm in claim.arms}
    for scale, some in LARGER_CLAIMS.items()
}

DROPPED = (
    "DS-2 had a place where it turns, the same exponent after 100 steps of training. In the record that came out on its"
    " threshold, so that 20 seeds could not decide it. The claim is about the start; the chapter prints the exponent.",
)

CHAPTER = Chapter(
    name="identity_bias",
    title="Identity bias",
    builds_on="{doc}`degradation`; the variance of a sum",
    claims=CLAIMS,
    laptop=LAPTOP,
    larger=LARGER,
    larger_claims=LARGER_CLAIMS,
    shown=("constant", "BN, rescaled, untrained"),
    dropped=DROPPED,
    compact=True,
    # What must be equal to the last bits; and what is read before training, where sizes go beyond 32 bits.
    whole=tuple(arm for arm, spec in LAPTOP.items() if spec.precision == "float64" or not spec.steps),
    probes=("SkipInit 0, no BN at all-1000",),
    grid={arm: tuple(TUNED[arm].but(rate=rate, signals=False) for rate in rates) for arm, rates in GRID_RATES.items()},
)

# --- Self-checks of the exercises ---------------------------------------------------------------


def check_variance(answer: float | None) -> str:
    """Exercise 1: log10 of the variance that 256 blocks with alpha = 256^(-1/4) make of 1; a sentence back."""
    if answer is None:
        return "Not answered yet."
    if abs(answer - 256 * math.log10(1 + 256**-0.5)) < 0.1:
        return f"Right: {answer:.2f} decades of variance; with the power 1/2 it would be {math.log10(math.e):.2f}."
    return "Not yet: each block multiplies the variance by 1 + alpha^2, and there are 256 of them."


def check_half(answer: Runs | None) -> str:
    """Exercise 2: runs of "BN, rescaled" with 32 blocks, otherwise like 64; a sentence back."""
    recorded = CHAPTER.recorded()
    ends = recorded["BN, rescaled-16"], recorded["BN, rescaled-64"]
    return report.check_between(answer, LAPTOP["BN, rescaled-64"].but(depth=34), "the depth to 34", ends)


def check_design(answer: str | None) -> str:
    """Exercise 3: which of the two nets is worth running, "small branches" or "whole shortcuts"; a sentence back."""
    why = "every reader of its sum begins with BN, so in what does it differ from BN, rescaled?"
    return report.check_choice(answer, "small branches", {"whole shortcuts": why})
