"""What the chapter reads off its nets: gradients at the states and of the weights, first layer against last, and when.

"At the states": ||dE/dx_l||, after the first layer and each unit. "Of the weights": ||dE/dW_l|| of each unit; first and
last layer of the net are left out, as their matrices have another shape. All logarithms are to base 10, so one decade
is a factor of ten; the number of steps is that before which something is read.
"""

import functools
from bisect import bisect_left
from collections.abc import Sequence

import numpy as np

from whyresnets.claims.effects import Quantity, decades, quantity
from whyresnets.training.runs import Runs


def at_states(steps: int) -> Quantity:
    """log10 of ||dE/dx|| at the first state over that at the last, after so many ``steps``, decades (S,).

    Above 0: it grows on its way back. Source: ours, for the "healthy norms" of He et al. 2015, section 4.1, who give no
    equation and no date.
    """
    return _first_over_last("gradient at the states", steps, state_gradients)


def of_weights(steps: int) -> Quantity:
    """log10 of ||dE/dW|| of the first unit over that of the last, after so many ``steps``, decades (S,); ours."""
    return _first_over_last("gradient of the weights", steps, weight_gradients)


def relative(steps: int) -> Quantity:
    """log10 of ||dE/dW|| / ||W|| of the first unit over that of the last, after so many ``steps``, decades (S,).

    Times the rate, which all layers share, it is the share of itself by which a step of gradient descent moves a
    matrix: the same in every gauge twin, whose rates move with the scales. Source: ours, after the effective learning
    rates of nets with normalisation.
    """
    return _first_over_last("relative step", steps, relative_steps)


def state_distance(steps: int) -> Quantity:
    """|:func:`at_states`|: decades away from a norm that is kept (S,)."""
    return _size_of("gradient at the states", at_states(steps), steps)


def weight_distance(steps: int) -> Quantity:
    """|:func:`of_weights`|: decades away from a norm that is kept (S,)."""
    return _size_of("gradient of the weights", of_weights(steps), steps)


def step_distance(steps: int) -> Quantity:
    """|:func:`relative`|: decades away from steps that are alike (S,)."""
    return _size_of("relative step", relative(steps), steps)


@functools.cache
def growth(steps: int) -> Quantity:
    """log10 of ||W|| of the first unit after so many ``steps`` over that at the start, decades (S,). Source: ours."""

    @quantity(f"growth of the first unit's weights in {steps} steps", decades)
    def grown(runs: Runs) -> np.ndarray:
        norms = runs["followed_weight_norm"]
        return np.log10(norms[:, reading(runs, steps), 1] / norms[:, 0, 1])

    return grown


@functools.cache
def watched(steps: int) -> Quantity:
    """:func:`at_states`, of runs in which nothing but the states was watched, decades (S,)."""

    @quantity(f"gradient at the states after {steps} steps, first over last", decades)
    def ratio(runs: Runs) -> np.ndarray:
        norms = runs["watched_gradient_norm"][:, _reached(runs.spec.readings.watch, steps)]
        return np.log10(norms[:, 0] / norms[:, -1])

    return ratio


# --- Layer by layer, as the figures show them ---------------------------------------------------


def state_gradients(runs: Runs, steps: int) -> np.ndarray:
    """||dE/dx_l|| over that at the last state (S, L + 1), from the first layer on, after so many ``steps``."""
    norms = runs["followed_state_gradient_norm"][:, reading(runs, steps)]
    return norms / norms[:, -1:]


def weight_gradients(runs: Runs, steps: int) -> np.ndarray:
    """||dE/dW_l|| over that of the last unit (S, L), or as many as its units have matrices, after so many ``steps``."""
    norms = _of_units(runs, "followed_weight_gradient_norm", steps)
    return norms / norms[:, -1:]


def relative_steps(runs: Runs, steps: int) -> np.ndarray:
    """||dE/dW_l|| / ||W_l|| over that of the last unit (S, L), after so many ``steps``."""
    steps_of = _of_units(runs, "followed_weight_gradient_norm", steps) / _of_units(runs, "followed_weight_norm", steps)
    return steps_of / steps_of[:, -1:]


def reading(runs: Runs, steps: int) -> int:
    """Which reading on the way was made after so many ``steps``; of runs that were cut short, the last."""
    return _reached(runs.spec.readings.follow, steps)


def _reached(read: Sequence[int], steps: int) -> int:
    """The position of the first of some rising steps that is no fewer than ``steps``; the last, if all are fewer."""
    return min(bisect_left(read, steps), len(read) - 1)


def _of_units(runs: Runs, name: str, steps: int) -> np.ndarray:
    return runs[name][:, reading(runs, steps), 1:-1]


@functools.cache
def _first_over_last(says, steps, by_layer) -> Quantity:
    @quantity(f"{says} {_when(steps)}, first over last", decades)
    def ratio(runs: Runs) -> np.ndarray:
        return np.log10(by_layer(runs, steps)[:, 0])

    return ratio


@functools.cache
def _size_of(says: str, ratio: Quantity, steps: int) -> Quantity:
    return quantity(f"|{says} {_when(steps)}, first over last|", decades)(lambda runs: np.abs(ratio(runs)))


def _when(steps: int) -> str:
    return f"after {steps} steps" if steps else "at the start"
