"""What only the chapter's page needs: the law of its mechanism, groups of nets for figures, checks of its exercises."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from whyresnets import exercises
from whyresnets.chapters.norm_preservation import CHAPTER
from whyresnets.chapters.norm_preservation.arms import BLOCKS, SEARCH, START
from whyresnets.claims.quantities import gradient_distance, gradient_ratios
from whyresnets.training.runs import Runs

# Kind -> number of blocks -> arm; and label -> arm of the nets that were searched.
BY_BLOCKS = {
    kind: {arm.spec.net.depth - 2: arm.name for arm in START if arm.kind == kind}
    for kind in ("residual", "residual, small start", "residual, no BN", "plain")
}
SEARCHED = {label: arm.name for label, arm in SEARCH.items()}


def law(recorded: Mapping[str, Runs]) -> np.ndarray:
    """What the three lines of the chapter predict: r_l = sqrt(1 + c / l), of the longest net (L,).

    c is what a layer without a skip does to the squared norm: the mean of r^2 in the recorded plain net of 128 blocks.
    Source: ours, from the variance of a residual net with normalised branches (De & Smith 2020).
    """
    layer = float(np.square(gradient_ratios(recorded["plain, 128 blocks"])).mean())
    return np.sqrt(1 + layer / np.arange(1, max(BLOCKS) + 1))


def last_cosine(runs: Runs) -> np.ndarray:
    """Mean cosine between the last states of two images (S,); 1: the net cannot tell them apart.

    Source: ours, see :func:`whyresnets.measures.signals.state_cosine`.
    """
    return runs["state_cosine"][:, -1]


def check_growth(answer: Any) -> str:
    """Exercise 1: log10 of the end-to-end growth that the law predicts at 128 blocks, in decades; a sentence back."""
    recorded = CHAPTER.recorded()
    layer = float(law(recorded)[0] ** 2 - 1)
    measured = float(gradient_distance(recorded["residual, 128 blocks"]).mean())
    right = f"{{:.2f}} decades predicted, {measured:.2f} measured in the record."
    hint = "c is the mean of r squared in the plain net; the product of all r is about L to the power c / 2."
    return exercises.check_number(answer, layer / 2 * math.log10(128), 0.1, right, hint)


def check_folding(answer: Any) -> str:
    """Exercise 2: runs of the folding net with 22 layers, else like "fold, preserved-66"; a sentence back."""
    recorded = CHAPTER.recorded()
    ends = {f"{depth} layers": recorded[f"fold, preserved-{depth}"] for depth in (10, 66)}
    spec = CHAPTER.specs()["fold, preserved-66"].but(depth=22)
    return exercises.check_between(answer, spec, "the depth to 22", ends)


def check_design(answer: Any) -> str:
    """Exercise 3: what to change, "fewer folds" or "gentle rotations"; a sentence back."""
    why = "with fewer folds both sides predict that it trains. Keep their number; change how fast angles close."
    return exercises.check_choice(answer, "gentle rotations", {"fewer folds": why})
