"""What only the chapter's page needs: what its figures show, checks of its exercises."""

from collections.abc import Mapping
from typing import Any

from whyresnets import exercises
from whyresnets.chapters.within_reach import CHAPTER, arms, effects
from whyresnets.claims.quantities import training_loss
from whyresnets.report import Words, mean_losses
from whyresnets.training.runs import Runs

Recorded = Mapping[str, Runs]

# --- What the figures show ----------------------------------------------------------------------

BEFORE, AFTER = "Before training", "After 600 steps in all"
READINGS = {BEFORE: effects.grown_loss, AFTER: training_loss}
_GROWN = {noise: arms.grown(noise) for noise in arms.NOISES if noise}
_UNTAUGHT = {noise: arms.untaught(noise) for noise in arms.NOISES if noise}
WITH, WITHOUT = "grown from the solution", "identity start, no solution"
BY_NOISE = {BEFORE: {WITH: _GROWN}, AFTER: {WITH: _GROWN, WITHOUT: _UNTAUGHT}}  # title -> label -> noise -> arm

_SHORTCUTS = {
    "all directions spread": [arms.conditioned(condition) for condition in arms.CONDITIONS],
    "some directions small": [arms.lowered(*few) for few in arms.SMALL],
    "identity": [arms.IDENTITY],
    "no shortcut": [arms.PLAIN],
    "no shortcut, W = I at the start": ["identity start"],
}
_STARTS = {WITH: [arms.grown(noise) for noise in arms.NOISES], WITHOUT: [arms.untaught(n) for n in arms.NOISES]}


def kept(recorded: Recorded, *names: str) -> list[float]:
    """Mean number of directions that reach the last state before training, of the arms called ``names``, of 64."""
    return [float(effects.directions(recorded[name]).mean()) for name in names]


def by_directions(recorded: Recorded) -> dict[str, dict[str, dict[float, str]]]:
    """Title -> label -> directions that a start keeps (mean over seeds) -> arm."""
    panels = {"300 steps": _SHORTCUTS, AFTER: _STARTS}
    return {
        title: {label: dict(sorted(zip(kept(recorded, *names), names, strict=True))) for label, names in lines.items()}
        for title, lines in panels.items()
    }


def marks(recorded: Recorded) -> dict[str, float]:
    """Name -> loss of what the nets are held against, in nats."""
    shallow, hidden = mean_losses(recorded, arms.SHALLOW_NET, arms.ONE_HIDDEN)
    return {"4 units, 300 steps": shallow, "one hidden layer": hidden}


# --- What the page says of the record ---------------------------------------------------------------


def answer(recorded: Recorded) -> Words:
    """The chapter's answer, with the numbers of the record."""
    deep, shallow, late = mean_losses(recorded, arms.PLAIN, arms.SHALLOW_NET, arms.longer(arms.PLAIN, 10))
    plain, identity, rotated = kept(recorded, arms.PLAIN, arms.IDENTITY, arms.ORTHOGONAL)
    return Words(
        f"**It finds it late, because its start lets too little through.** After 300 steps the plain net of "
        f"{arms.UNITS} units ends at a training loss of {deep:.2f} nats, that of {arms.SHALLOW} units at "
        f"{shallow:.2f}; after 3,000 steps the deep one is at {late:.3f}. Its first state can change in 64 directions. "
        f"Before training, {plain:.1f} of them reach the last state of the plain net, {identity:.1f} with identity "
        f"shortcuts, {rotated:.1f} with random rotations in their place."
    )


def starts_in_words(recorded: Recorded) -> Words:
    """What the figure of the starts shows, with the numbers of the record."""
    built, again, once = mean_losses(recorded, arms.grown(0.0), arms.SHALLOW_AGAIN, arms.SHALLOW_TWICE)
    untaught, noisy, drawn = mean_losses(recorded, arms.untaught(0.0), arms.untaught(0.3), "plain, 600 steps")
    with_1, without_1 = mean_losses(recorded, arms.grown(1.0), arms.untaught(1.0))
    lost = float(effects.grown_loss(recorded[arms.grown(0.3)]).mean())
    shallow, back = mean_losses(recorded, arms.SHALLOW_NET, arms.grown(0.3))
    return Words(
        f"Noise of 0.3 of a drawn weight destroys the function, from {shallow:.2f} to {lost:.2f} nats, and training "
        f"ends at {back:.2f} all the same. So was it near enough to the solution? With that noise, units that start "
        f"as the identity and have no solution anywhere end at {noisy:.2f}. Without noise the two end at {built:.2f} "
        f"(grown) and {untaught:.2f} (no solution), and weights as they are drawn at {drawn:.2f} after as many "
        f"steps. With noise of 1 the solution is even worth less than none ({with_1:.2f} against {without_1:.2f}). "
        "And it does not make the deep net better than the shallow one: 4 units that are trained on for as long end "
        f"at {again:.2f}, in one run of 600 steps at {once:.2f}."
    )


def directions_in_words(recorded: Recorded) -> Words:
    """What the figure of the directions shows, and what trained branches add, with the numbers of the record."""
    most, few = arms.lowered(1, 1000), arms.lowered(56, 10)
    nets = arms.ORTHOGONAL, arms.IDENTITY, most, few, arms.STRETCHED, arms.PLAIN
    (rotated, identity, one, many, spread, plain), counts = mean_losses(recorded, *nets), kept(recorded, *nets)
    baselines = f"{most}, frozen", f"{few}, frozen", arms.LINEAR, arms.ONE_HIDDEN
    frozen, frozen_too, linear, hidden = mean_losses(recorded, *baselines)
    return Words(
        f"From right to left the loss rises: rotations keep {counts[0]:.1f} directions and end at {rotated:.2f} nats, "
        f"the identity {counts[1]:.1f} and {identity:.2f}, singular values spread over a factor of 1,000 "
        f"{counts[4]:.1f} and {spread:.2f}, the plain net {counts[5]:.1f} and {plain:.2f}. And it is not the condition "
        f"number: 1,000 does no harm where one direction of 64 is small ({counts[2]:.1f} directions, {one:.2f} nats), "
        f"and 10 ruins the net where 56 are ({counts[3]:.1f}, {many:.2f}).\n\n"
        f"With one small direction, branches that are never trained end at {frozen:.2f} nats, a linear model at "
        f"{linear:.2f}, one hidden layer at {hidden:.2f}: all above {one:.2f}. With 56 small ones the net that trains "
        f"({many:.2f}) is not below one hidden layer; untrained branches end at {frozen_too:.2f}."
    )


# --- Self-checks of the exercises ---------------------------------------------------------------


def check_participation(answer: Any) -> str:
    """Exercise 1: how many directions a matrix with 56 of 64 singular values at 1/10 of the others keeps."""
    squares = [1.0] * 8 + [0.01] * 56
    right = sum(squares) ** 2 / sum(s * s for s in squares)
    said = "56 small directions count for about one in all; one small direction of 64 costs one."
    return exercises.check_number(answer, right, 0.1, said, "square the singular values first: 8 are 1, 56 are 0.01.")


def check_between(answer: Any) -> str:
    """Exercise 2: runs of the shortcut with 32 of 64 directions at 1/10; a sentence back."""
    recorded, few = CHAPTER.recorded(), arms.lowered(56, 10)
    spec = recorded[few].spec.but(skip_small=32)
    ends = {f"{count} small directions": recorded[arms.lowered(count, 10)] for count in (1, 56)}
    return exercises.check_between(answer, spec, "skip_small to 32", ends)


def check_design(answer: Any) -> str:
    """Exercise 3: which one number of the shortcut to keep while its singular values change; a sentence back."""
    why = "it is 1 for one vector only. What says how much of all directions together is handed on?"
    return exercises.check_choice(answer, "norm", {"largest singular value": why})
