"""Quantities that several chapters read, on numbers small enough to compute by hand."""

import math

import numpy as np
import pytest
from made import made

from whyresnets.claims.effects import decades, eigenvalues, nats, of_seeds
from whyresnets.claims.quantities import (
    CHANCE,
    DEGENERATE,
    FINITE,
    TRAINED,
    eigenvalue_share,
    gauss_newton_zeros,
    gradient_distance,
    gradient_ratios,
    log10_gradient_ratio,
    response_distance,
    start_loss,
    trained,
    training_loss,
)
from whyresnets.measures.thresholds import THRESHOLDS


def test_chance_is_the_loss_of_ten_equal_guesses():
    assert pytest.approx(-math.log(1 / 10)) == CHANCE and TRAINED < CHANCE < FINITE


@pytest.mark.parametrize("lost", [math.nan, math.inf, -math.inf])
def test_a_diverged_seed_scores_chance_and_counts_as_untrained(lost):
    runs = made([0.1, lost, 0.6, TRAINED])
    assert training_loss(runs).tolist() == [0.1, CHANCE, 0.6, TRAINED]
    assert trained(runs).dtype == bool and trained(runs).tolist() == [True, False, False, False]
    on_the_way = made([0.1, 0.2], curve=[[2.0, 1.0], [lost, 1.0]])
    assert training_loss(on_the_way).tolist() == [0.1, CHANCE] and trained(on_the_way).tolist() == [True, False]


def test_the_loss_after_the_first_steps_is_the_mean_of_the_last_ten():
    curve = np.tile(np.arange(12.0), (3, 1))
    curve[1, 1] = math.nan  # before the last ten: the seed came back
    curve[2, 5] = math.inf
    assert start_loss(made([0.1] * 3, curve=curve)).tolist() == [6.5, 6.5, CHANCE]
    assert start_loss(made([0.1], curve=[[1.0, 3.0]])).tolist() == [2.0]


NORMS = np.array([[0.01, 0.1, 1.0], [8.0, 4.0, 0.8], [5.0, 1.0, 5.0]])


def test_the_gradient_ratio_is_the_first_over_the_last():
    runs = made([0.1] * 3, state_gradient_norm=NORMS)
    assert log10_gradient_ratio(runs) == pytest.approx([-2, 1, 0])
    assert gradient_distance(runs) == pytest.approx([2, 1, 0])


def test_the_ratios_of_the_blocks_multiply_to_that_of_the_net():
    runs = made([0.1] * 3, state_gradient_norm=NORMS)
    assert gradient_ratios(runs) == pytest.approx(np.array([[0.1, 0.1], [2, 5], [5, 0.2]]))
    assert np.log10(gradient_ratios(runs).prod(1)) == pytest.approx(log10_gradient_ratio(runs))


def test_of_a_watched_net_the_ratios_are_read_at_one_of_its_steps():
    watched = np.stack([NORMS, NORMS[:, ::-1]], 1)  # (S, K, L + 1)
    runs = made([0.1] * 3, watched_gradient_norm=watched, state_gradient_norm=np.ones((3, 3)))
    assert gradient_ratios(runs, 0) == pytest.approx(NORMS[:, :-1] / NORMS[:, 1:])
    assert gradient_ratios(runs) == pytest.approx(NORMS[:, :0:-1] / NORMS[:, -2::-1])


def test_the_response_distance_is_that_of_the_farthest_layer_on_either_side():
    runs = made([0.1] * 3, response_std=np.array([[1.0, 10.0, 0.5], [1.0, 0.001, 10.0], [1.0, 1.0, 1.0]]))
    assert response_distance(runs) == pytest.approx([1, 3, 0])


def test_zero_modes_are_those_of_the_first_reading_and_none_where_a_seed_diverged():
    runs = made([0.1, math.nan, 0.2], gauss_newton_zeros=np.array([[3, 0], [4, 0], [5, 1]]))
    assert gauss_newton_zeros(runs) == pytest.approx([3, math.nan, 5], nan_ok=True)


@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_a_share_of_eigenvalues_is_that_below_its_threshold(threshold):
    shares = np.arange(2 * 3 * len(THRESHOLDS)).reshape(2, 3, -1) / 200  # (S, K, E)
    runs = made([0.1, math.nan], hessian_degenerate=shares)
    found = eigenvalue_share(runs, "hessian_degenerate", threshold)
    assert found[0].tolist() == shares[0, :, THRESHOLDS.index(threshold)].tolist() and np.isnan(found[1]).all()


def test_the_usual_threshold_is_one_of_those_that_were_read():
    shares = np.zeros((1, 1, len(THRESHOLDS)))
    shares[..., 6] = 0.25  # 10^-4 is the seventh, from 10^-1 on in half decades
    assert eigenvalue_share(made([0.1], gauss_newton_degenerate=shares), "gauss_newton_degenerate") == 0.25
    assert pytest.approx(THRESHOLDS[6]) == DEGENERATE


def test_each_quantity_has_its_unit():
    assert {training_loss.unit, start_loss.unit} == {nats} and trained.unit == of_seeds
    assert {log10_gradient_ratio.unit, gradient_distance.unit, response_distance.unit} == {decades}
    assert gauss_newton_zeros.unit == eigenvalues
