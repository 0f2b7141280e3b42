"""What only the chapter's page needs: groups of nets for figures, checks of its exercises."""

import math
from typing import Any

from whyresnets import exercises
from whyresnets.chapters.degradation import CHAPTER
from whyresnets.chapters.degradation.arms import TUNED

DEPTHS = (8, 20, 56, 110)
# Label -> depth -> arm, of those that train for 100 steps.
BY_DEPTH = {
    label: {net.depth: net.name for net in TUNED if net.rule == rule and net.times == 1}
    for label, rule in {
        "plain": "plain",
        "residual": "residual",
        "half the shortcut": "half",
        "another image's shortcut": "shuffled",
    }.items()
}


def check_attenuation(answer: Any) -> str:
    """Exercise 1: log10 of what 27 halved shortcuts leave of the input; a sentence back."""
    right = "27 factors of one half leave less than a hundred-millionth."
    hint = "a 56-layer net has 27 units, and each multiplies its shortcut by one half. Take log10."
    return exercises.check_number(answer, 27 * math.log10(0.5), 0.05, right, hint)


def check_between(answer: Any) -> str:
    """Exercise 2: runs of a plain net of 32 layers, otherwise like plain-20; a sentence back."""
    recorded = CHAPTER.recorded()
    spec = CHAPTER.specs()["plain-20"].but(depth=32, extend_to=())
    ends = {f"{depth} layers": recorded[f"plain-{depth}"] for depth in (20, 56)}
    return exercises.check_between(answer, spec, "the depth to 32 and extend_to to ()", ends)


def check_design(answer: Any) -> str:
    """Exercise 3: what to permute in the shortcut, "pixels" or "channels"; a sentence back."""
    why = "relabel the channels of each layer, and it is the residual net again. What cannot be relabelled?"
    return exercises.check_choice(answer, "pixels", {"channels": why})
