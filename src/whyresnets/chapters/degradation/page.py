"""What only the chapter's page needs: groups of nets for figures, checks of its exercises."""

import math

from whyresnets import exercises
from whyresnets.chapters.degradation import CHAPTER
from whyresnets.chapters.degradation.arms import TUNED
from whyresnets.training.runs import Runs

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


def check_attenuation(answer: float | None) -> str:
    """Exercise 1: log10 of what 27 halved shortcuts leave of the input; a sentence back."""
    if answer is None:
        return "Not answered yet."
    if abs(answer - 27 * math.log10(0.5)) < 0.05:
        return "Right: 27 factors of one half leave less than a hundred-millionth."
    return "Not yet: a 56-layer net has 27 units, and each multiplies its shortcut by one half. Take log10."


def check_between(answer: Runs | None) -> str:
    """Exercise 2: runs of a plain net of 32 layers, otherwise like plain-20; a sentence back."""
    recorded = CHAPTER.recorded()
    spec, ends = CHAPTER.specs()["plain-20"].but(depth=32, extend_to=()), (recorded["plain-20"], recorded["plain-56"])
    return exercises.check_between(answer, spec, "the depth to 32 and extend_to to ()", ends)


def check_design(answer: str | None) -> str:
    """Exercise 3: what to permute in the shortcut, "pixels" or "channels"; a sentence back."""
    why = "relabel the channels of each layer, and it is the residual net again. What cannot be relabelled?"
    return exercises.check_choice(answer, "pixels", {"channels": why})
