"""Quantities that several chapters read off runs: one number a seed, or one a seed and block."""

import math

import numpy as np

from whyresnets.claims.effects import decades, eigenvalues, nats, of_seeds, quantity
from whyresnets.measures.thresholds import THRESHOLDS
from whyresnets.training.runs import Runs

CHANCE = math.log(10)  # nats: the loss of ten equal guesses
TRAINED = 0.5  # nats: the training loss below which a net counts as trained (chosen by us)
DEGENERATE = 1e-4  # of the largest eigenvalue: nearer to 0 counts as degenerate (chosen by us)
FINITE = math.inf  # nats: the bar of an arm that need not train, but whose divergence would be no result


@quantity("training loss", nats)
def training_loss(runs: Runs) -> np.ndarray:
    """Cross-entropy over all training examples, batch statistics, in nats (S,); a diverged seed scores chance.

    Source: the quantity that rises in He et al. 2015, Figure 1 (they plot errors); the score is ours.
    """
    return np.where(runs.finished, runs["train_loss"], CHANCE)


@quantity("fraction of seeds that train", of_seeds)
def trained(runs: Runs) -> np.ndarray:
    """Whether a seed's training loss ends below :data:`TRAINED`, (S,) of bool; a diverged seed's does not.

    Source: ours, for "does it train".
    """
    return training_loss(runs) < TRAINED


@quantity("loss after the first steps", nats)
def start_loss(runs: Runs) -> np.ndarray:
    """Mean mini-batch loss over the last ten steps, in nats (S,); a diverged seed scores chance.

    Source: ours, for He et al. 2015, section 4.2, where a net "starts converging".
    """
    late = runs["curve"][:, -10:]
    return np.where(np.isfinite(late).all(1), late.mean(1), CHANCE)


@quantity("log10 of gradient norm, first over last state", decades)
def log10_gradient_ratio(runs: Runs) -> np.ndarray:
    """log10 of ||dE/dx|| at the first state over the last (S,); above 0: it grows on its way back.

    Source: ours, for the "healthy norms" of He et al. 2015, section 4.1, who give no equation.
    """
    norms = runs["state_gradient_norm"]
    return np.log10(norms[:, 0] / norms[:, -1])


@quantity("|log10 of gradient norm, first over last state|", decades)
def gradient_distance(runs: Runs) -> np.ndarray:
    """|log10 of the gradient ratio|: decades away from a norm that is kept (S,).

    Source: ours, see :func:`log10_gradient_ratio`.
    """
    return np.abs(log10_gradient_ratio(runs))


def gradient_ratios(runs: Runs, reading: int = -1) -> np.ndarray:
    """r_l = ||dE/dx_(l-1)|| / ||dE/dx_l|| of each block (S, L); 1: the block keeps the norm.

    Of an untrained net, or at the ``reading``-th watched step: -1 is the end, 0 the start. Source: ours, for
    the "norm of the gradient" that blocks preserve (Zaeemzadeh et al. 2021, abstract).
    """
    watched = "watched_gradient_norm" in runs.arrays
    norms = runs["watched_gradient_norm"][:, reading] if watched else runs["state_gradient_norm"]
    return norms[:, :-1] / norms[:, 1:]


@quantity("largest |log10 of a layer's output std|", decades)
def response_distance(runs: Runs) -> np.ndarray:
    """Largest |log10 of a layer's response std|: decades away from a kept forward signal (S,).

    Source: ours, from the layer responses of He et al. 2015, section 4.2.
    """
    return np.abs(np.log10(runs["response_std"])).max(1)


@quantity("zero modes of the Gauss-Newton matrix", eigenvalues)
def gauss_newton_zeros(runs: Runs) -> np.ndarray:
    """Eigenvalues of the Gauss-Newton matrix that are 0 but for rounding, at the first reading (S,).

    Source: ours, for the "singular" of Orhan and Pitkow 2018, section 2.1.
    """
    return np.where(runs.finished, runs["gauss_newton_zeros"][:, 0], np.nan)


def eigenvalue_share(runs: Runs, reading: str, threshold: float = DEGENERATE) -> np.ndarray:
    """A share of eigenvalues at every step of ``spectra`` (S, K).

    ``reading`` is one of "gauss_newton_degenerate", "hessian_degenerate", "hessian_negative"; see
    :mod:`whyresnets.measures.curvature`. Source: Orhan and Pitkow 2018, as recalled; the threshold is ours.
    """
    (where,) = np.flatnonzero(np.isclose(THRESHOLDS, threshold, rtol=1e-6, atol=0))
    return np.where(runs.finished[:, None], runs[reading][:, :, where], np.nan)
