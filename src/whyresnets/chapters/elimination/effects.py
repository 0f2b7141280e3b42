"""What the chapter reads off its nets: how fast they learn, how large their signal is, how close to singular points.

Sources: Orhan and Pitkow 2018, as recalled, where a function names them; else ours.
"""

import math

import numpy as np

from whyresnets.chapters.elimination.arms import END, EPOCH, START
from whyresnets.claims.effects import Quantity, Unit, decades, dimensionless, nats, of_all, quantity
from whyresnets.claims.quantities import eigenvalue_share
from whyresnets.training.runs import Runs

of_units, of_activations = Unit("of all units"), Unit("of activations")
rank_correlation = Unit("rank correlation")

WHEN = {START: "before training", EPOCH: "after an epoch", END: "at the end"}
MEASURES = {  # of whyresnets.measures.units.by_layer: in words, and the unit
    "incoming_norm": ("mean norm of incoming weights", dimensionless),
    "silent_share": ("silent branches", of_units),
    "weight_overlap": ("mean |cosine| of two units' weights", dimensionless),
    "independent_share": ("independent share of states", dimensionless),
    "constant_share": ("constant units", of_units),
    "active_share": ("active share", of_activations),
    "gradient_norm": ("gradient norm", dimensionless),
}


@quantity("mean loss on the way", nats)
def mean_loss(runs: Runs) -> np.ndarray:
    """Mean of the mini-batch loss over all steps, none counted above chance (S,).

    Low where a net learns fast, and far; a diverged seed is at chance from there on. Source: the "mean training
    accuracy" over training of Orhan and Pitkow 2018, as recalled; the cap is ours.
    """
    return runs["watched_capped_curve"][:, END].astype(float)


def tuning_loss(runs: Runs) -> np.ndarray:
    """:func:`mean_loss`, infinite for a diverged seed (S,): a rate at which a seed is lost is never the best."""
    return np.where(runs.finished, mean_loss(runs), np.inf)


def log10_growth(runs: Runs) -> np.ndarray:
    """log10 of the last state's size, its root mean square, over the first's, before training (S,)."""
    sizes = runs["watched_size"][:, START].astype(float)
    return np.log10(sizes[:, -1] / sizes[:, 0])


@quantity("|log10 of size, last over first state|", decades)
def off_size(runs: Runs) -> np.ndarray:
    """|:func:`log10_growth`|: how far the size is from being preserved (S,)."""
    return np.abs(log10_growth(runs))


@quantity("log10 of gradient norm, first over last state", decades)
def log10_gradient(runs: Runs) -> np.ndarray:
    """log10 of ||dE/dx|| at the first state over the last, before training (S,); below 0 it decays on its way back.

    Source: the gradient norms of Orhan and Pitkow 2018, as recalled.
    """
    norms = runs["watched_gradient_norm"][:, START].astype(float)
    return np.log10(norms[:, 0] / norms[:, -1])


@quantity("|log10 of gradient norm, first over last state|", decades)
def off_gradient(runs: Runs) -> np.ndarray:
    """|:func:`log10_gradient`|: how far the gradient is from flat (S,)."""
    return np.abs(log10_gradient(runs))


def over_layers(what: str, when: int) -> Quantity:
    """One of :data:`MEASURES`, mean over the layers, NaN where a seed diverged (S,).

    ``when`` is one of :data:`WHEN`.
    """
    says, unit = MEASURES[what]

    @quantity(f"{says} {WHEN[when]}", unit)
    def measure(runs: Runs) -> np.ndarray:
        """Mean over the layers at one reading, NaN where a seed diverged (S,)."""
        return np.where(runs.finished, runs[f"watched_{what}"][:, when].mean(1).astype(float), np.nan)

    return measure


constant_units = over_layers("constant_share", EPOCH)
independent_share = over_layers("independent_share", EPOCH)


@quantity("log10 of the largest difference in ten steps, in nats,", nothing=-math.inf)
def log10_apart(first: Runs, second: Runs) -> np.ndarray:
    """log10 of the largest difference, in nats, of two loss curves over the first ten steps (S,).

    Curves that are equal to the last bit count as one rounding in 64 bits apart.
    """
    apart = np.abs(first["curve"][:, :10] - second["curve"][:, :10]).max(1)
    return np.log10(np.maximum(apart, np.finfo(float).eps))


@quantity("degenerate share of the Gauss-Newton matrix after an epoch", of_all)
def degenerate_share(runs: Runs) -> np.ndarray:
    """Share of the Gauss-Newton matrix's eigenvalues that are close to 0, at the first reading (S,).

    Source: see :func:`whyresnets.claims.quantities.eigenvalue_share`.
    """
    return eigenvalue_share(runs, "gauss_newton_degenerate")[:, 0]


def linked(what: str, when: int, exchanged: bool = False) -> Quantity:
    """How the mean losses of many arms go with one of :data:`MEASURES` over the layers (S,).

    One number a seed, the mean over its draws of the product of two standardised ranks among all nets, so that
    the mean over the seeds is Spearman's rank correlation over all of them; above 0: nets with more of it learn worse.
    ``exchanged``: each net's loss beside what the other draws of its seed have, on average: labels of runs exchanged
    within a seed, so that what the order of examples does remains. Source: Orhan and Pitkow 2018 compare their best and
    worst runs, as recalled; ranks are ours.
    """
    measure = over_layers(what, when)

    @quantity(f"link of mean loss with {measure.says}{', runs exchanged,' if exchanged else ''}", rank_correlation)
    def link(*runs: Runs) -> np.ndarray:
        losses = _ranks(np.stack([mean_loss(r) for r in runs], 1))
        values = _ranks(np.stack([measure(r) for r in runs], 1))
        if exchanged:
            values = (values.sum(1, keepdims=True) - values) / (len(runs) - 1)
        return (losses * values).mean(1)

    return link


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks among all, standardised; NaN everywhere where one is missing."""
    from scipy.stats import rankdata

    if not np.isfinite(values).all():
        return np.full_like(values, np.nan)
    ranks = rankdata(values).reshape(values.shape)
    return (ranks - ranks.mean()) / ranks.std()
