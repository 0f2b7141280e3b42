"""A prediction that is written with operators is the condition that its sentence says."""

import itertools
import math
import re

import numpy as np
import pytest
from made import EVERY_CLAIM, conditions, made, recorded

from whyresnets.claims.effects import (
    Condition,
    Unit,
    all_of,
    decades,
    dimensionless,
    eigenvalues,
    nats,
    of_seeds,
    quantity,
)
from whyresnets.claims.quantities import gauss_newton_zeros, log10_gradient_ratio, trained, training_loss
from whyresnets.stats import Interval, t_interval, wilson_interval


@quantity("share")
def share(runs):
    return runs["share"]


@quantity("error ratio")
def ratio(first, second):
    return first["train_loss"] / second["train_loss"]


@quantity("rank", Unit("places"))
def rank(*runs):
    return np.sum([r["train_loss"] for r in runs], 0)


ARMS = {name: made([value] * 5) for name, value in zip("abcd", (1.0, 10.0, 100.0, 1000.0), strict=True)}

# --- Sentences ------------------------------------------------------------------------------------

SENTENCES = [
    (training_loss["a"] < 0.5 * nats, "<", 0.5, "nats", "training loss of a < 0.5 nats"),
    (training_loss["a"] - training_loss["b"] > 0.5 * nats, ">", 0.5, "nats", "training loss: a - b > 0.5 nats"),
    (0.5 * nats < training_loss["a"], ">", 0.5, "nats", "training loss of a > 0.5 nats"),
    (2 * nats > -training_loss["a"], "<", 2, "nats", "training loss: -a < 2 nats"),
    (log10_gradient_ratio["a"] < -(0.3 * decades), "<", -0.3, "decades",
     "log10 of gradient norm, first over last state of a < -0.3 decades"),
    (trained["a"] > 0.5 * of_seeds, ">", 0.5, "of seeds", "fraction of seeds that train of a > 0.5 of seeds"),
    (gauss_newton_zeros["a"] - gauss_newton_zeros["b"] > 3 * eigenvalues, ">", 3, "eigenvalues",
     "zero modes of the Gauss-Newton matrix: a - b > 3 eigenvalues"),
    (share["a"] < 0.1, "<", 0.1, "", "share of a < 0.1"),
    (share["a"] < 0.1 * dimensionless, "<", 0.1, "", "share of a < 0.1"),
    (share["a"] - ratio["b", "c"] > 0, ">", 0, "", "share of a - error ratio of b and c > 0"),
    (ratio["a", "b"] > 1, ">", 1, "", "error ratio of a and b > 1"),
    (rank["a", "b", "c"] > 2 * Unit("places"), ">", 2, "places", "rank of a and b and c > 2 places"),
    (rank["a", "b", "c", "d"] > 2 * Unit("places"), ">", 2, "places", "rank of a and 3 more > 2 places"),
    (training_loss["a"] - (training_loss["b"] - training_loss["c"]) - training_loss["d"] < 1e-4 * nats, "<", 1e-4,
     "nats", "training loss: a - b + c - d < 0.0001 nats"),
]  # fmt: skip


@pytest.mark.parametrize(("condition", "side", "threshold", "unit", "sentence"), SENTENCES, ids=lambda part: str(part))
def test_a_prediction_has_the_side_threshold_unit_and_sentence_that_were_written(
    condition, side, threshold, unit, sentence
):
    assert (condition.side, condition.threshold, condition.unit) == (side, threshold, unit)
    assert str(condition) == sentence


def test_a_quantity_is_still_the_function_that_it_was_made_of():
    assert training_loss(ARMS["b"]).tolist() == [10.0] * 5
    assert training_loss.__name__ == "training_loss" and "Cross-entropy" in training_loss.__doc__


# --- Values ---------------------------------------------------------------------------------------


def test_an_effect_is_the_sum_of_its_terms_with_their_signs():
    """All sixteen sums of four arms, against a sum by hand."""
    for signs in itertools.product((1, -1), repeat=4):
        terms = [training_loss[arm] if sign > 0 else -training_loss[arm] for arm, sign in zip(ARMS, signs, strict=True)]
        effect = terms[0] + terms[1] + terms[2] + terms[3]
        assert effect.arms == ("a", "b", "c", "d")
        assert effect.values(ARMS).tolist() == [sum(s * 10**i for i, s in enumerate(signs))] * 5


def test_the_sentence_says_which_arms_are_added_and_which_are_taken_off():
    for signs in itertools.product((1, -1), repeat=4):
        terms = [training_loss[arm] if sign > 0 else -training_loss[arm] for arm, sign in zip(ARMS, signs, strict=True)]
        said = re.findall(r"(-?) ?([abcd])\b", str(terms[0] + terms[1] + terms[2] + terms[3]).partition(": ")[2])
        assert [(-1 if minus else 1, arm) for minus, arm in said] == list(zip(signs, ARMS, strict=True))


def test_arms_are_paired_by_seed():
    runs = {"deep": made([1.0, 2.0, 3.0]), "shallow": made([0.5, 0.25, 0.125])}
    assert (training_loss["deep"] - training_loss["shallow"]).values(runs).tolist() == [0.5, 1.75, 2.875]
    runs["shallow"] = runs["shallow"].some([2, 1, 0])
    with pytest.raises(ValueError, match="deep, shallow must have the same seeds to be paired"):
        (training_loss["deep"] - training_loss["shallow"]).values(runs)


def test_arms_that_are_read_together_keep_their_order():
    effect = ratio["a", "b"] - ratio["d", "c"]
    assert effect.arms == ("a", "b", "d", "c") and effect.values(ARMS).tolist() == [0.1 - 10] * 5


def test_a_quantity_that_is_true_or_false_is_a_fraction_only_if_it_stands_alone():
    runs = {"deep": made([0.1, 2.0, 0.1]), "shallow": made([0.1, 0.1, 3.0])}
    alone, minus, difference = trained["deep"], -trained["deep"], trained["deep"] - trained["shallow"]
    assert alone.values(runs).dtype == bool and alone.values(runs).tolist() == [True, False, True]
    assert minus.values(runs).tolist() == [-1, 0, -1]
    assert difference.values(runs).dtype != bool and difference.values(runs).tolist() == [0, -1, 1]


def test_effects_are_computed_in_64_bits():
    """A logarithm in 32 bits has other last digits on other processors."""
    norms = np.float32([[0.1, 0.3], [0.7, 0.9]])
    found = log10_gradient_ratio["a"].values({"a": made([0.0, 0.0], state_gradient_norm=norms)})
    assert found.dtype == np.float64 and (found == np.log10(np.float64(norms[:, 0]) / np.float64(norms[:, 1]))).all()


# --- Status ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("low", "high", "above", "below"),
    [
        (1.1, 2.0, "met", "not met"),
        (0.1, 0.9, "not met", "met"),
        (0.9, 1.1, "open", "open"),
        (1.0, 2.0, "open", "open"),  # an end on the threshold is not past it
        (0.0, 1.0, "open", "open"),
        (-math.inf, math.inf, "open", "open"),
        (math.nan, math.nan, "open", "open"),
    ],
)
def test_a_condition_is_met_or_not_with_the_whole_interval(low, high, above, below):
    interval = Interval((low + high) / 2, low, high, 5)
    assert (training_loss["a"] > 1 * nats).status(interval) == above
    assert (training_loss["a"] < 1 * nats).status(interval) == below


@pytest.mark.parametrize(
    ("successes", "status"), [(5, "met"), (4, "open"), (3, "open"), (2, "open"), (1, "open"), (0, "not met")]
)
def test_five_seeds_decide_a_fraction_only_if_they_agree(successes, status):
    condition = trained["a"] > 0.5 * of_seeds
    values = condition.effect.values({"a": made([0.1] * successes + [2.0] * (5 - successes))})
    assert values.sum() == successes and condition.status(wilson_interval(successes, 5)) == status


# --- What is refused ------------------------------------------------------------------------------

loss, part = training_loss["a"], share["a"]
REFUSED = [
    (lambda: loss > 0.5, TypeError, "training loss of a cannot be compared with 0.5: choose a number of nats"),
    (lambda: loss > 0.5 * decades, TypeError, "compared with 0.5 decades: choose a number of nats"),
    (lambda: loss < 50 * of_seeds, TypeError, "compared with 50 of seeds: choose a number of nats"),
    (lambda: part > 0.5 * nats, TypeError, "share of a cannot be compared with 0.5 nats: choose a plain number"),
    (lambda: loss > training_loss["b"], TypeError, "compared with training loss of b: choose a number of nats"),
    (lambda: part > share["b"], ValueError, "is impossible: choose a finite number"),
    (lambda: part > "0.5", ValueError, "threshold '0.5' is impossible: choose a finite number"),
    (lambda: part > True, ValueError, "threshold True is impossible: choose a finite number"),
    (lambda: loss - log10_gradient_ratio["a"], TypeError, "adds decades and nats: choose quantities of one unit"),
    (lambda: loss + part, TypeError, "adds nats and plain numbers: choose quantities of one unit"),
    (lambda: loss > math.nan * nats, ValueError, "threshold nan is impossible: choose a finite number"),
    (lambda: loss < math.inf * nats, ValueError, "threshold inf is impossible: choose a finite number"),
    (lambda: part > math.nan, ValueError, "threshold nan is impossible: choose a finite number"),
    (lambda: Condition(loss, ">=", 0.5), ValueError, "side '>=' is impossible: choose one of >, <"),
    (lambda: Condition(loss, "", 0.5), ValueError, "side '' is impossible: choose one of >, <"),
    (lambda: Condition(loss, None, 0.5), ValueError, "side None is impossible: choose one of >, <"),
    (lambda: bool(loss > 0.5 * nats), TypeError, "a condition is data, neither true nor false"),
    (lambda: 1 if loss > 0.5 * nats else 0, TypeError, "a condition is data, neither true nor false"),
    (lambda: 0 * nats < loss < 1 * nats, TypeError, "write two of them, not one between two bounds"),
    (lambda: (loss > 0 * nats) and (loss < 1 * nats), TypeError, "write two of them"),
    (lambda: all_of(()), TypeError, "predicts nothing: choose conditions"),
    (lambda: all_of((part > 0, loss)), TypeError, "predicts nothing: choose conditions"),
    (lambda: all_of(loss == 0.5 * nats), TypeError, "False predicts nothing: choose conditions"),
]


@pytest.mark.parametrize(("write", "error", "says"), REFUSED, ids=[says for _, _, says in REFUSED])
def test_what_is_no_prediction_is_refused_in_one_line(write, error, says):
    with pytest.raises(error, match=re.escape(says)) as caught:
        write()
    assert "\n" not in str(caught.value)


def test_one_condition_is_a_group_of_one():
    one, other = part > 0, loss < 1 * nats
    assert all_of(one) == (one,) and all_of((one, other)) == (one, other)


def test_conditions_that_say_the_same_are_equal():
    assert (training_loss["a"] > 1 * nats) == (1 * nats < training_loss["a"])
    assert (training_loss["a"] > 1 * nats) != (training_loss["b"] > 1 * nats)


# --- The conditions of the book -------------------------------------------------------------------

PREDICTED = [(chapter, condition) for chapter, claim in EVERY_CLAIM for condition in conditions(claim)]


def test_every_sentence_of_the_book_ends_with_its_threshold_and_unit_and_names_its_arms():
    for _, condition in PREDICTED:
        sentence, effect = str(condition), condition.effect
        assert sentence.endswith(f" {condition.side} {condition.threshold:g} {condition.unit}".rstrip()), sentence
        for term in effect.terms:
            assert term.quantity.says in sentence
            assert all(arm in sentence for arm in (term.arms if len(term.arms) <= 3 else term.arms[:1]))


def test_an_effect_of_the_book_takes_nothing_off_again_that_it_adds():
    """A term may count twice (what is left against what was taken away), but not once with each sign."""
    for _, condition in PREDICTED:
        terms = {(term.quantity, term.arms, term.sign) for term in condition.effect.terms}
        assert not any((what, arms, -sign) in terms for what, arms, sign in terms), str(condition)
        assert all(len(set(arms)) == len(arms) for _, arms, _ in terms), str(condition)


def test_an_effect_of_the_book_has_one_finite_number_a_seed():
    for chapter, condition in PREDICTED:
        runs = {arm: recorded(chapter)[arm] for arm in condition.effect.arms}
        fewest = min(len(one.seeds) for one in runs.values())
        values = condition.effect.values({arm: one.first(fewest) for arm, one in runs.items()})
        assert values.shape == (fewest,)
        assert values.dtype in (bool, np.float64, np.int64) and math.isfinite(t_interval(values).high), str(condition)
