"""What the chapter reads off its nets: variances on the skip, branch over skip, gradients, rates, equal runs.

Sources: the laws follow from De & Smith 2020; the quantities are ours unless they say otherwise.
"""

import math
from collections.abc import Sequence

import numpy as np

from whyresnets.claims.effects import decades, quantity
from whyresnets.claims.quantities import CHANCE, TRAINED, gradient_ratios, training_loss
from whyresnets.training.runs import Runs


def variance(runs: Runs) -> np.ndarray:
    """Variance of the state before the first block and after each, over units and images (S, L + 1).

    Source: the quantity of De & Smith 2020, abstract; over all units chosen by us.
    """
    return np.square(runs["state_std"])


def growth(runs: Runs) -> np.ndarray:
    """Factor by which each block multiplies the variance, transitions too (S, L); 2: it doubles.

    Source: ours, for the law of De & Smith 2020.
    """
    v = variance(runs)
    return v[:, 1:] / v[:, :-1]


@quantity("|log2 of the variance's growth a block - 1|")
def doubling_distance(runs: Runs) -> np.ndarray:
    """|mean of log2 of the growth over the blocks that are no transitions - 1| (S,).

    0: the variance doubles in every block. Source: ours, see :func:`growth`.
    """
    blocks = np.delete(np.log2(growth(runs)), runs.spec.net.transitions, axis=1)
    return np.abs(blocks.mean(1) - 1)


@quantity("mean over blocks of |variance over (l + 1) - 1|")
def adding_distance(runs: Runs) -> np.ndarray:
    """Mean over blocks of |variance after block l over (l + 1) - 1| (S,); 0: every block adds one.

    Source: ours, for the law of De & Smith 2020.
    """
    v = variance(runs)
    return np.abs(v[:, 1:] / np.arange(2, v.shape[1] + 1) - 1).mean(1)


def branch_over_skip(runs: Runs) -> np.ndarray:
    """Standard deviation of each branch over that of the state it is added to (S, L); dense nets only.

    Source: De & Smith 2020, abstract: the residual branch "relative to the skip connection".
    """
    return runs["response_std"] / runs["state_std"][:, :-1]


def exponent(runs: Runs) -> np.ndarray:
    """Slope of log(branch over skip) against log(l), least squares over all blocks (S,).

    Source: ours; l^(-1/2) follows from the law of De & Smith 2020.
    """
    log_ratio = np.log(branch_over_skip(runs))
    log_l = np.log(np.arange(1, log_ratio.shape[1] + 1))
    return (log_ratio * (log_l - log_l.mean())).sum(1) / np.square(log_l - log_l.mean()).sum()


@quantity("|exponent of branch over skip + 1/2|")
def exponent_distance(runs: Runs) -> np.ndarray:
    """|exponent + 1/2| (S,). Source: ours, see :func:`exponent`."""
    return np.abs(exponent(runs) + 0.5)


def predicted_ratios(residual: Runs, plain: Runs, even: bool = False) -> np.ndarray:
    """Gradient-norm ratio of each block from forward sizes: sqrt(1 + c q^2) (S, L).

    q is branch over skip in the residual net; c, what a layer without a skip does to the squared norm of the
    gradient, is the mean of r^2 over the blocks of the plain net of the same normalisation and seed. ``even``: the
    same mean of q^2 in every block. Source: ours, from the law of De & Smith 2020.
    """
    layer = np.square(gradient_ratios(plain)).mean(1, keepdims=True)
    small = np.square(branch_over_skip(residual))
    return np.sqrt(1 + layer * (np.full_like(small, 1) * small.mean(1, keepdims=True) if even else small))


def _drift(residual: Runs, plain: Runs, even: bool) -> np.ndarray:
    """How far prediction and measurement drift apart on the way, as a share of all that is predicted, (S,).

    Largest |sum of log r - log predicted r over blocks 1 to l|, for any l, over the sum of log predicted r; 0: the
    prediction is right block by block. Source: ours, see :func:`predicted_ratios`.
    """
    predicted = np.log(predicted_ratios(residual, plain, even))
    apart = np.cumsum(np.log(gradient_ratios(residual)) - predicted, axis=1)
    return np.abs(apart).max(1) / predicted.sum(1)


@quantity("drift of measured from predicted ratios")
def ratio_error(residual: Runs, plain: Runs) -> np.ndarray:
    """The drift where each block has its own branch over skip (S,)."""
    return _drift(residual, plain, even=False)


@quantity("drift from ratios predicted with the same q in every block")
def even_ratio_error(residual: Runs, plain: Runs) -> np.ndarray:
    """The same where every block has the same branch over skip (S,)."""
    return _drift(residual, plain, even=True)


def growth_so_far(runs: Runs) -> np.ndarray:
    """Norm of the gradient at the first state over that after each block (S, L). Source: ours."""
    norm = runs["state_gradient_norm"]
    return norm[:, :1] / norm[:, 1:]


@quantity("|log10 of the gradient's growth over sqrt(L)|", decades)
def root_distance(runs: Runs) -> np.ndarray:
    """|log10 of the gradient's growth from end to end - log10 of sqrt(L)|, decades (S,). Source: ours."""
    grown = growth_so_far(runs)
    return np.abs(np.log10(grown[:, -1]) - 0.5 * np.log10(grown.shape[1]))


@quantity("log10 of the best rate", decades)
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


@quantity("log10 of the largest rate", decades)
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
    return np.log10([r.spec.optimiser.rate for r in runs]), np.log(np.stack([training_loss(r) for r in runs]))


@quantity("log10 of the largest difference of losses", nothing=-math.inf)
def log10_difference(first: Runs, second: Runs) -> np.ndarray:
    """log10 of the largest |difference| of two loss curves over all steps, of nats, (S,). Source: ours.

    No smaller than 64 bits can show, and no larger than a loss at chance, which a diverged seed scores.
    """
    apart = np.nan_to_num(np.abs(first["curve"] - second["curve"]), nan=CHANCE, posinf=CHANCE)
    return np.log10(np.clip(apart.max(1), np.finfo(np.float64).eps, CHANCE))
