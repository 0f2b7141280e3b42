"""Intervals for means and fractions of seeds, and prediction bands for new ones: NumPy and SciPy alone."""

import math
from dataclasses import dataclass

import numpy as np

CONFIDENCE = 0.95  # of intervals (chosen by us, as usual)
BAND = 0.99  # of prediction intervals: what a reader's own run is judged against (chosen by us)


@dataclass(frozen=True)
class Interval:
    """A ``mean`` over ``n`` seeds with its interval from ``low`` to ``high``; same unit as the values."""

    mean: float
    low: float
    high: float
    n: int


def t_interval(values: np.ndarray) -> Interval:
    """95% Student's t interval for the mean of ``values`` (S,), in the same unit (Student 1908).

    NaN in, NaN out; infinite with one seed. It covers 95% for normal values; skew takes about
    skew^2 / 4 n from that (tests/test_simulation.py has the recorded effects, one by one).
    """
    n, mean = len(values), float(np.mean(values))
    half = _t(CONFIDENCE, n) * float(np.std(values, ddof=1)) / math.sqrt(n) if n > 1 else math.inf
    return Interval(mean, mean - half, mean + half, n)


def prediction_band(values: np.ndarray, new: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """99% prediction interval for the mean of ``new`` further seeds, from recorded ``values``, seeds first.

    Returns (low, high), each of the shape of ``values`` without the seeds; same unit. Source: Student's t
    of a difference of two means with one variance (Student 1908), so exact for normal values.
    """
    n = len(values)
    half = _t(BAND, n) * np.std(values, axis=0, ddof=1) * math.sqrt(1 / n + 1 / new)
    return np.mean(values, axis=0) - half, np.mean(values, axis=0) + half


def loss_band(losses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """99% prediction interval for one new seed's loss, from recorded losses, seeds first; in nats.

    Returns (low, high), each of the shape of ``losses`` without the seeds. Computed on the logarithm (chosen
    by us): losses are positive and skewed towards large ones, the more so near 0.
    """
    low, high = prediction_band(np.log(losses))
    return np.exp(low), np.exp(high)


def fraction_band(successes: np.ndarray, new: int) -> tuple[float, float]:
    """99% prediction interval for the fraction of ``new`` seeds that succeed, from recorded ones (S,) of bool.

    Low and high. Source: the beta-binomial predictive distribution after Jeffreys' prior, which
    leaves room for a first failure where the record has none.
    """
    from scipy.stats import betabinom

    hits, n = int(successes.sum()), len(successes)
    predicted = betabinom(new, hits + 0.5, n - hits + 0.5)
    return float(predicted.ppf((1 - BAND) / 2)) / new, float(predicted.ppf((1 + BAND) / 2)) / new


def wilson_interval(successes: int, n: int) -> Interval:
    """Wilson's 95% interval for a fraction of seeds (Wilson 1927)."""
    from scipy.stats import binomtest

    bounds = binomtest(successes, n).proportion_ci(CONFIDENCE, method="wilson")
    return Interval(successes / n, bounds.low, bounds.high, n)


def _t(confidence: float, n: int) -> float:
    from scipy.stats import t

    return float(t.ppf((1 + confidence) / 2, n - 1))
