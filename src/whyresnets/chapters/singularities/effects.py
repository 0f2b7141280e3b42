"""What the chapter reads off its nets: zeros of spectra, the way out of a point, shares of eigenvalues.

Sources: Orhan and Pitkow 2018, as recalled; thresholds and steps are ours.
"""

import numpy as np

from whyresnets.chapters.singularities.arms import EARLY, FIVE_EPOCHS, LATE
from whyresnets.claims.effects import Quantity, decades, eigenvalues, nats, of_all, of_seeds, quantity
from whyresnets.claims.quantities import DEGENERATE, eigenvalue_share
from whyresnets.training.runs import Runs

ESCAPED = 0.1  # distance from the manifold at which a run has left it: beyond every start but the first (chosen by us)
AS_GOOD_AS_ZERO = 1e-10  # of the largest eigenvalue: another threshold of degeneracy (chosen by us)


@quantity("zero modes of the Hessian", eigenvalues)
def hessian_zeros(runs: Runs) -> np.ndarray:
    """Eigenvalues of the Hessian that are 0 but for rounding, at the first reading (S,): "singular"."""
    return np.where(runs.finished, runs["hessian_zeros"][:, 0], np.nan)


def escape_steps(runs: Runs) -> np.ndarray:
    """The step, counted from 1, that first begins at a distance beyond :data:`ESCAPED` (S,).

    A run that never leaves scores all its steps, which understates; a diverged one NaN.
    """
    away = runs["distance"] > ESCAPED
    steps = np.where(away.any(1), away.argmax(1), away.shape[1] - 1) + 1.0
    return np.where(runs.finished, steps, np.nan)


@quantity("fraction of seeds that leave", of_seeds)
def left(runs: Runs) -> np.ndarray:
    """Whether a run gets away from its singular point at all, by more than :data:`ESCAPED` (S,)."""
    return (runs["distance"] > ESCAPED).any(1) & runs.finished


@quantity("log10 of the ratio of the ways out, near over far,", decades)
def slowing(far: Runs, near: Runs) -> np.ndarray:
    """log10 of the ratio of :func:`escape_steps` from ``near`` over ``far`` (S,); 0: a nearer start takes no longer."""
    return np.log10(escape_steps(near) / escape_steps(far))


@quantity("training loss after five epochs", nats)
def loss_after_five_epochs(runs: Runs) -> np.ndarray:
    """Cross-entropy over all training examples at step 100 (S,)."""
    return np.where(runs.finished, runs["spectra_loss"][:, FIVE_EPOCHS], np.nan)


def _share(says: str, reading: str, when: int, threshold: float = DEGENERATE) -> Quantity:
    """A share of eigenvalues at one of the steps (S,), see :func:`whyresnets.claims.quantities.eigenvalue_share`."""

    @quantity(says, of_all)
    def share(runs: Runs) -> np.ndarray:
        """Share of the eigenvalues at one reading (S,)."""
        return eigenvalue_share(runs, reading, threshold)[:, when]

    return share


_GAUSS_NEWTON, _HESSIAN = "degenerate share of the Gauss-Newton matrix", "degenerate share of the Hessian"
gauss_newton_at_the_start = _share(f"{_GAUSS_NEWTON} before training", "gauss_newton_degenerate", 0)
early_gauss_newton = _share(f"{_GAUSS_NEWTON} after an epoch", "gauss_newton_degenerate", EARLY)
early_gauss_newton_zeros = _share(
    f"share of the Gauss-Newton matrix below {AS_GOOD_AS_ZERO:g} after an epoch",
    "gauss_newton_degenerate",
    EARLY,
    AS_GOOD_AS_ZERO,
)
late_gauss_newton = _share(f"{_GAUSS_NEWTON} after 36 epochs", "gauss_newton_degenerate", LATE)
early_hessian = _share(f"{_HESSIAN} after an epoch", "hessian_degenerate", EARLY)
negative_at_the_start = _share("negative share of the Hessian before training", "hessian_negative", 0)
early_negative = _share("negative share of the Hessian after an epoch", "hessian_negative", EARLY)
