"""What the chapter reads off its nets: how far r = ||dE/dx_(l-1)|| / ||dE/dx_l|| of the blocks is from 1.

Sources: Zaeemzadeh et al. 2021, whose abstract speaks of the norm of the gradient; the quantities are ours.
"""

import numpy as np

from whyresnets.claims.effects import Quantity, decades, nats, quantity
from whyresnets.claims.quantities import gradient_ratios
from whyresnets.training.runs import Runs


@quantity("mean |r - 1|")
def mean_distance(runs: Runs) -> np.ndarray:
    """Mean of |r - 1| over blocks (S,)."""
    return np.abs(gradient_ratios(runs) - 1).mean(1)


@quantity("largest |r - 1|")
def largest_distance(runs: Runs) -> np.ndarray:
    """Maximum of |r - 1| over blocks (S,)."""
    return np.abs(gradient_ratios(runs) - 1).max(1)


def distances(runs: Runs) -> np.ndarray:
    """|r - 1| of each block at each of the K watched steps (S, K, L)."""
    norms = runs["watched_gradient_norm"]
    return np.abs(norms[..., :-1] / norms[..., 1:] - 1)


@quantity("largest |r - 1| at any watched step")
def watched_distance(runs: Runs) -> np.ndarray:
    """Maximum of |r - 1| over blocks and all watched steps (S,)."""
    return distances(runs).max((1, 2))


def distance_through(runs: Runs) -> np.ndarray:
    """Mean of |r - 1| over the blocks that are no transitions, at each of the K watched steps (S, K).

    Transitions have no skip in either kind of net, and weigh more in a shallow one.
    """
    return np.delete(distances(runs), runs.spec.net.transitions, axis=2).mean(2)


@quantity("mean |r - 1| without transitions, after training")
def trained_distance(runs: Runs) -> np.ndarray:
    """The last of :func:`distance_through` (S,)."""
    return distance_through(runs)[:, -1]


@quantity("mean |r - 1| at the transitions, after training")
def transition_distance(runs: Runs) -> np.ndarray:
    """Mean of |r - 1| over the transitions at the end of training (S,)."""
    return distances(runs)[:, -1, runs.spec.net.transitions].mean(1)


def _log10_of(distance: Quantity) -> Quantity:
    """The same on a logarithm: a difference is a ratio."""

    @quantity(f"log10 of {distance.says}", decades)
    def log10_distance(runs: Runs) -> np.ndarray:
        """log10 of a distance (S,)."""
        return np.log10(distance(runs))

    return log10_distance


log10_mean_distance = _log10_of(mean_distance)
log10_largest_distance = _log10_of(largest_distance)
log10_trained_distance = _log10_of(trained_distance)


def _outlying(reading: int, when: str) -> Quantity:
    @quantity(f"log10 of |r - 1| at transitions over |r - 1| elsewhere, {when} training", decades)
    def log10_outlying(runs: Runs) -> np.ndarray:
        """log10 of mean |r - 1| over the transitions, relative to the other blocks (S,)."""
        distance, there = distances(runs)[:, reading], runs.spec.net.transitions
        return np.log10(distance[:, there].mean(1) / np.delete(distance, there, axis=1).mean(1))

    return log10_outlying


outlying_before = _outlying(0, "before")
outlying_after = _outlying(-1, "after")


@quantity("|log10 of gradient norm, first over last state| after training", decades)
def end_to_end(runs: Runs) -> np.ndarray:
    """|log10 of the product of all r| at the end of training (S,)."""
    return np.abs(np.log10(gradient_ratios(runs)).sum(1))


@quantity("mean loss over the run", nats)
def mean_loss(runs: Runs) -> np.ndarray:
    """Mini-batch loss, mean over the whole run (S,): small if the net learns early."""
    return runs["curve"].mean(1)
