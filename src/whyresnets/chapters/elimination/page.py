"""What only the chapter's page needs: which nets its figures show, its tables, checks of its exercises."""

from collections.abc import Mapping
from typing import Any

from whyresnets import exercises
from whyresnets.chapters.elimination import CHAPTER, arms, effects
from whyresnets.chapters.elimination.arms import END, EPOCH, START
from whyresnets.report import Table
from whyresnets.training.runs import Runs

# --- What the figures show: title -> label -> arm -----------------------------------------------

CROSSED = {
    title: {net: f"{net}, {size}" for net in arms.NETS if f"{net}, {size}" in CHAPTER.kinds}
    for size, title in {
        "vanishing": "The size of the signal vanishes",
        "preserved": "The size of the signal is preserved",
        "exploding": "The size of the signal explodes",
        "as it comes": "As it comes (plain: it vanishes; identity: it explodes)",
    }.items()
}
_EQUAL = {
    "No skip": ("plain, preserved", "small weights, plain", "near-identity, plain"),
    "Identity skip": ("identity, preserved", "small branches", "cancelled, preserved", "next taken off, preserved"),
    "Other skips": (
        "one skip for all",
        "1 distinct",
        "4 distinct",
        "4 distinct, turned",
        "4 distinct, whitened",
        "16 distinct",
        "gaussian",
        "orthogonal, preserved",
    ),
    "tanh in place of ReLU": ("plain, tanh", "identity, tanh", "orthogonal, tanh"),
    "Normalised": tuple(arm.name for arm in arms.NORMALISED),
}
AT_EQUAL_SIZE = {title: {arm: arm for arm in names} for title, names in _EQUAL.items()}
_TARGETS = {
    "BiasL2": "pulled to 0 (BiasL2)",
    "targets about zero": "to targets about 0",
    "BiasReg": "to positive targets (BiasReg)",
    "equal targets": "to one positive target",
}
PULLED = {
    f"Plain nets, size of the signal {size}": {
        "biases left alone": f"plain, {size}",
        **{label: f"{target}, {size}" for target, label in _TARGETS.items()},
    }
    for size in ("as it comes", "preserved")
}

# Name of a measure -> the measure, and label -> arms.
NORM_AND_LOSS = {
    f"{effects.MEASURES['incoming_norm'][0]}\n{net}: {effects.WHEN[when]}": (
        effects.over_layers("incoming_norm", when),
        {net: arms.HUNDRED[net]},
    )
    for net, when in ((arms.PLAIN, EPOCH), (arms.PLAIN, END), ("plain, preserved", END), ("identity, preserved", END))
}
_COMPARED = {
    **{net: (f"{net}, preserved",) for net in ("plain", "identity")},
    "small branches": ("small branches",),
    "orthogonal": ("orthogonal, preserved",),
    **{arm.name: (arm.name,) for arm in arms.NORMALISED},
}
NEARNESS = {
    effects.MEASURES[what][0]: (effects.over_layers(what, EPOCH), _COMPARED)
    for what in ("constant_share", "silent_share", "weight_overlap", "independent_share")
}
COUNT_ROWS = {net: [f"{net} at {point}" for point in arms.POINTS] for net in arms.COUNTED}

# --- Tables -------------------------------------------------------------------------------------

BEFORE = (
    arms.PLAIN,
    "identity, as it comes",
    "plain, preserved",
    "identity, preserved",
    "small branches",
    "orthogonal, preserved",
    "one skip for all",
    "cancelled, preserved",
    "next taken off, preserved",
    "near-identity, plain",
    "plain, tanh",
    "identity, tanh",
    "BN, plain",
    "BN, identity",
)


def before_training(runs: Mapping[str, Runs]) -> Table:
    """What some nets are like before the first step: sizes, gradients, what tells images apart; means."""
    rows = []
    for arm in BEFORE:
        last = runs[arm]["watched_varying_share"][:, START, -1].mean()
        active, silent = (
            effects.over_layers(what, START)(runs[arm]).mean() for what in ("active_share", "silent_share")
        )
        growth = (
            f"{read(runs[arm]).mean().round(1) + 0.0:+.1f}" for read in (effects.log10_growth, effects.log10_gradient)
        )
        rows.append((arm, *growth, f"{last:.2f}", f"{active:.2f}", f"{silent:.2f}"))
    head = "net", "size, last over first", "gradient, first over last", "varying", "active", "silent"
    note = "The first two in decades (factors of ten); shares of the last state, of activations, of branches."
    return Table(head, rows, note)


def degenerate_shares(runs: Mapping[str, Runs]) -> Table:
    """Degenerate share of the Gauss-Newton matrix of small nets after an epoch, mean and range of seeds."""
    found = {net: effects.degenerate_share(runs[arm.name]) for net, arm in arms.SPECTRA.items()}
    rows = [(net, f"{shares.mean():.2f}", f"{shares.min():.2f} to {shares.max():.2f}") for net, shares in found.items()]
    return Table(("small net", "degenerate share", "range"), rows)


def links(runs: Mapping[str, Runs]) -> Table:
    """Rank correlation of the mean loss with each measure of closeness, a hundred nets a row."""
    measures = "incoming_norm", "silent_share", "weight_overlap", "independent_share"
    rows = []
    for net, names in arms.HUNDRED.items():
        for when in (EPOCH, END):
            found = (effects.linked(what, when)(*(runs[name] for name in names)).mean() for what in measures)
            rows.append((net, effects.WHEN[when], *(f"{link:+.2f}" for link in found)))
    note = "Of one sign with the paper: weights and independent share below 0, the other two above 0."
    return Table(("100 nets", "read", *(effects.MEASURES[what][0] for what in measures)), rows, note)


# --- Self-checks of the exercises ---------------------------------------------------------------


def check_decades(answer: Any) -> str:
    """Exercise 1: by how many decades the signal shrinks on its way through a plain net; a sentence back."""
    measured = float(-effects.log10_growth(CHAPTER.recorded()[arms.PLAIN]).mean())
    right = f"{{:.1f}} decades; measured {measured:.1f}."
    hint = "each layer halves the mean square. What does that do to its root, in 19 layers?"
    return exercises.check_number(answer, measured, 0.5, right, hint)


def check_gain(answer: Any) -> str:
    """Exercise 2: runs of the orthogonal skip at a gain of 0.85 a layer; a sentence back."""
    recorded = CHAPTER.recorded()
    kept, shrunk = (recorded[f"orthogonal, {size}"] for size in ("preserved", "vanishing"))
    ends = {"a gain of 1": kept, "a gain of 0.7": shrunk}
    spec = kept.spec.but(forward_gain=0.85)
    return exercises.check_between(answer, spec, "forward_gain to 0.85", ends, effects.mean_loss)


def check_design(answer: Any) -> str:
    """Exercise 3: the arm that the experiment must not leave out, "small branches" or "plain"; a sentence back."""
    why = "that is the net in question. Leaky units may speed up any net: which arm would show that?"
    return exercises.check_choice(answer, "plain", {"small branches": why})
