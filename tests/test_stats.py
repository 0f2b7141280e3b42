"""Intervals and bands against their closed forms; what they cover is in test_simulation.py."""

import math

import numpy as np
import pytest
from scipy import special
from scipy import stats as scipy_stats

from whyresnets.stats import (
    BAND,
    CONFIDENCE,
    Interval,
    fraction_band,
    loss_band,
    prediction_band,
    t_interval,
    wilson_interval,
)

VALUES = np.array([0.3, 0.1, 0.4, 0.1, 0.5, 0.9, 0.2])


def test_the_t_interval_of_the_numbers_one_to_five_is_that_of_the_tables():
    found = t_interval(np.arange(1.0, 6.0))
    half = 2.776 * math.sqrt(2.5 / 5)  # Student's t at 97.5%, 4 degrees of freedom, as printed in any table
    assert (found.mean, found.n) == (3, 5)
    assert (found.low, found.high) == pytest.approx((3 - half, 3 + half), rel=1e-3)


def test_the_t_interval_is_scipys():
    theirs = scipy_stats.ttest_1samp(VALUES, 0).confidence_interval(CONFIDENCE)
    ours = t_interval(VALUES)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high))


def test_one_seed_says_nothing_about_the_mean():
    assert t_interval(np.array([2.0])) == Interval(2.0, -math.inf, math.inf, 1)


def test_what_is_not_finite_stays_so():
    found = t_interval(np.array([1.0, math.nan, 2.0]))
    assert math.isnan(found.mean) and math.isnan(found.low) and math.isnan(found.high) and found.n == 3


def test_seeds_that_agree_have_an_interval_without_width():
    assert t_interval(np.full(5, 0.25)) == Interval(0.25, 0.25, 0.25, 5)


@pytest.mark.parametrize("new", [1, 5])
def test_the_prediction_band_is_students(new):
    n, t = len(VALUES), scipy_stats.t.ppf((1 + BAND) / 2, len(VALUES) - 1)
    half = t * math.sqrt(VALUES.var(ddof=1) * (1 / n + 1 / new))
    low, high = prediction_band(VALUES, new)
    assert (low, high) == pytest.approx((VALUES.mean() - half, VALUES.mean() + half))


def test_bands_have_the_shape_of_what_a_seed_leaves():
    curves = np.random.default_rng(0).lognormal(size=(5, 3, 2))
    for band in (prediction_band, loss_band):
        low, high = band(curves)
        assert low.shape == high.shape == (3, 2) and (low < high).all()
        assert (low[1, 1], high[1, 1]) == pytest.approx(band(curves[:, 1, 1]))


def test_a_band_of_losses_is_never_below_zero():
    low, high = loss_band(VALUES)
    assert 0 < low < VALUES.min() and high > VALUES.max()
    assert prediction_band(VALUES)[0] < 0
    assert np.log((low, high)) == pytest.approx(prediction_band(np.log(VALUES)))


@pytest.mark.parametrize(("successes", "n"), [(0, 5), (1, 5), (5, 5), (16, 20), (20, 20)])
def test_wilsons_interval_is_his_formula(successes, n):
    z, p = scipy_stats.norm.ppf((1 + CONFIDENCE) / 2), successes / n
    middle, half = p + z**2 / (2 * n), z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    ends = (middle - half) / (1 + z**2 / n), (middle + half) / (1 + z**2 / n)
    found = wilson_interval(successes, n)
    assert (found.mean, found.n) == (p, n) and (found.low, found.high) == pytest.approx(ends, abs=1e-12)


def test_the_interval_of_no_success_ends_at_zero_and_of_no_failure_at_one():
    assert wilson_interval(0, 7).low == 0 and wilson_interval(7, 7).high == 1


def test_a_band_of_a_fraction_leaves_room_for_a_first_failure():
    low, high = fraction_band(np.ones(20, bool), 5)
    assert 0 < low < 1 and high == 1
    assert fraction_band(np.zeros(20, bool), 5) == pytest.approx((0, 1 - low))


@pytest.mark.parametrize("successes", range(11))
def test_a_band_of_a_fraction_is_the_narrowest_with_half_a_percent_beyond_each_end(successes):
    """Under the prior Beta(1/2, 1/2), k of ``new`` have probability C(new, k) B(a + k, b + new - k) / B(a, b)."""
    new, k = 20, np.arange(21)
    a, b = successes + 0.5, 10 - successes + 0.5
    sums = np.cumsum(special.comb(new, k) * special.beta(a + k, b + new - k) / special.beta(a, b))
    ends = [np.flatnonzero(sums >= share)[0] / new for share in (0.005, 0.995)]
    assert fraction_band(np.arange(10) < successes, new) == pytest.approx(ends)
