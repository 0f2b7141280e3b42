"""What only the chapter's page needs: what its figures show, checks of its exercises."""

from collections.abc import Mapping
from typing import Any

from whyresnets import exercises
from whyresnets.chapters.within_reach import CHAPTER, arms, effects
from whyresnets.claims.quantities import CHANCE, training_loss
from whyresnets.report import Words, mean_losses
from whyresnets.training.runs import Runs

# --- What the figures show ----------------------------------------------------------------------

BEFORE, AFTER = "Before training", "Trained from there"
READINGS = {BEFORE: effects.grown_loss, AFTER: training_loss}
_LINES = {
    "plain": {noise: arms.grown("plain", noise) for noise in arms.NOISES if noise},
    "residual": {noise: arms.grown("residual", noise) for noise in arms.RESIDUAL_NOISES if noise},
}
BY_NOISE = {BEFORE: _LINES, AFTER: _LINES}  # title -> label -> noise -> arm
_TRAINED = {condition: arms.conditioned(condition) for condition in arms.CONDITIONS}
_FROZEN = {condition: f"{arms.conditioned(condition)}, frozen" for condition in (1, 1000)}
BY_CONDITION = {"Trained": {"S x + f(x)": _TRAINED}, "Branches never trained": {"the same, frozen": _FROZEN}}


def marks(recorded: Mapping[str, Runs]) -> dict[str, float]:
    """Name -> loss of what a grown net is held against, in nats: the shallow net's and chance."""
    return {"plain shallow net": mean_losses(recorded, f"plain-{arms.SHALLOW}")[0], "chance": CHANCE}


def answer(recorded: Mapping[str, Runs]) -> Words:
    """The chapter's answer, with the numbers of the record."""
    nets = arms.PLAIN, arms.grown("plain", 0.0), f"plain-{arms.SHALLOW}", arms.ORTHOGONAL, arms.STRETCHED
    searched, built, shallow, orthogonal, stretched = mean_losses(recorded, *nets)
    return Words(
        f"**Containing a solution is not having it within reach.** The plain net of {arms.UNITS} units ends at "
        f"{searched:.2f} nats; started at the solution of {arms.SHALLOW} units ({shallow:.2f}), the same net goes on "
        f"to {built:.2f}. And what a shortcut must be is well conditioned, not the identity: a fixed rotation in its "
        f"place ends at {orthogonal:.2f}, a matrix of the same norm with condition number 1,000 at {stretched:.2f}."
    )


def noise_in_words(recorded: Mapping[str, Runs]) -> Words:
    """What the figure of the noise shows, with the numbers of the record."""
    shallow, *_ = mean_losses(recorded, f"plain-{arms.SHALLOW}")
    noisy = {noise: recorded[arms.grown("plain", noise)] for noise in (0.1, 0.3, 1.0)}
    start = {noise: float(effects.grown_loss(runs).mean()) for noise, runs in noisy.items()}
    end = {noise: float(training_loss(runs).mean()) for noise, runs in noisy.items()}
    return Words(
        f"The function is lost long before the way to it. Noise of 0.1 of a drawn weight lifts the loss from "
        f"{shallow:.2f} to {start[0.1]:.2f} nats, noise of 0.3 to {start[0.3]:.2f} (a guess: {CHANCE:.2f}); from both "
        f"places training ends far below the shallow net, at {end[0.1]:.2f} and {end[0.3]:.2f}. Only noise as large as "
        f"a drawn weight puts it out of reach: {end[1.0]:.2f}. So a ball of good starts surrounds the solution, and "
        "weights as they are drawn lie outside."
    )


def shortcuts_in_words(recorded: Mapping[str, Runs]) -> Words:
    """What the figure of the shortcuts shows, with the numbers of the record."""
    nets = arms.IDENTITY, arms.ORTHOGONAL, arms.STRETCHED, arms.PLAIN, arms.ONE_HIDDEN, f"{arms.ORTHOGONAL}, frozen"
    identity, orthogonal, stretched, plain, hidden, frozen = mean_losses(recorded, *nets)
    return Words(
        f"Rotations do not do worse than the identity, as the first story says, but better: {orthogonal:.2f} against "
        f"{identity:.2f} nats. From there on the loss rises with the condition number alone, to {stretched:.2f} at "
        f"1,000: no better than no shortcut ({plain:.2f}), and worse than one hidden layer ({hidden:.2f}). And it is "
        f"the blocks that train: around branches that stay as they were drawn, rotations end at {frozen:.2f}."
    )


# --- Self-checks of the exercises ---------------------------------------------------------------


def check_product(answer: Any) -> str:
    """Exercise 1: log10 of how much 16 shortcuts of condition number 1,000 could stretch one direction; a sentence."""
    right = "aligned, 16 matrices multiply to a condition number of ten to the {:.0f}."
    return exercises.check_number(answer, 48, 0.5, right, "condition numbers multiply at most. Take log10.")


def check_condition(answer: Any) -> str:
    """Exercise 2: runs of the fixed shortcut with condition number 5, otherwise like that of 3; a sentence back."""
    recorded = CHAPTER.recorded()
    spec = recorded["condition 3"].spec.but(skip_condition=5.0)
    ends = {f"a condition number of {c}": recorded[arms.conditioned(c)] for c in (3, 10)}
    return exercises.check_between(answer, spec, "skip_condition to 5.0", ends)


def check_design(answer: Any) -> str:
    """Exercise 3: which one number of the shortcut to keep while its condition number changes; a sentence back."""
    why = "it is 1 for one vector only. What says how much of all directions together is handed on?"
    return exercises.check_choice(answer, "norm", {"largest singular value": why})
