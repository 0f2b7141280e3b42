"""What only the chapter's page needs: what its figures show, what they say in words, checks of its exercises."""

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

from whyresnets import exercises
from whyresnets.chapters.vanishing import CHAPTER, arms, effects
from whyresnets.claims.effects import Quantity
from whyresnets.report import Words, mean_losses
from whyresnets.training.runs import Runs

Recorded = Mapping[str, Runs]
A_LAYER = math.sqrt(math.pi / (math.pi - 1))  # the factor of the mean-field theory: Yang et al. 2019, BN and ReLU

# --- What the figures show ----------------------------------------------------------------------

_AT_START = {
    "residual, no BN": arms.OPEN,
    "plain, BN": arms.PLAIN,
    "residual, BN": arms.RESIDUAL,
    "small weights, no BN": arms.SMALL,
    "sigmoids, no BN": arms.SATURATING,
}
STATES, WEIGHTS = "At the states", "Of the weights"
PICTURE = {
    STATES: {label: (arm, partial(effects.state_gradients, steps=0)) for label, arm in _AT_START.items()},
    WEIGHTS: {label: (arm, partial(effects.weight_gradients, steps=0)) for label, arm in _AT_START.items()},
}
_WHEN = {"at the start": 0, f"after {arms.SOON}": arms.SOON, f"after {arms.END}": arms.END}
ON_THE_WAY = {
    title: {label: (arm, partial(effects.relative_steps, steps=steps)) for label, steps in _WHEN.items()}
    for title, arm in {
        "Plain, BN": arms.PLAIN,
        "Residual, BN": arms.RESIDUAL,
        "Plain, BN, no explosion": arms.SIGMOID,
    }.items()
}

# --- In words, with the numbers of a record -----------------------------------------------------


def mean(recorded: Recorded, quantity: Quantity, arm: str) -> float:
    """The mean over all recorded seeds of a quantity of one arm, in its unit."""
    return float(quantity(recorded[arm]).mean())


def both(recorded: Recorded, arm: str, steps: int = 0) -> str:
    """How many decades lie between first and last layer, at the states and of the weights: "+4.4 and +4.2", say."""
    return " and ".join(_decades(recorded, of(steps), arm) for of in (effects.at_states, effects.of_weights))


def answer(recorded: Recorded) -> Words:
    """The chapter's answer."""
    factor = 10 ** (mean(recorded, effects.at_states(0), arms.PLAIN) / arms.UNITS)
    grown = 10 ** mean(recorded, effects.growth(arms.SOON), arms.PLAIN)
    small = 10 ** -mean(recorded, effects.relative(arms.SOON), arms.PLAIN)
    plain, residual, without = mean_losses(recorded, arms.PLAIN, arms.RESIDUAL, arms.SIGMOID)
    return Words(
        f"**No. With BN the gradient of a deep plain net explodes at the start, by a factor of {factor:.2f} a layer.** "
        f"{arms.SOON} steps later that is gone, and has left its mark: the first weights are {grown:.0f} times as "
        f"large, and a step moves them, relative to their size, {small:,.0f} times less than the last ones. That net "
        f"of {arms.UNITS} units ends at {plain:.2f} nats, the residual one at {residual:.2f}, and a plain one with BN "
        f"but no explosion at {without:.2f}."
    )


def start_in_words(recorded: Recorded) -> Words:
    """What the picture shows."""
    factor = 10 ** (mean(recorded, effects.at_states(0), arms.PLAIN) / arms.UNITS)
    return Words(
        "Decades (factors of ten) from the last layer to the first, at the states and of the weights. **Plain, BN: "
        f"{both(recorded, arms.PLAIN)}**, a factor of {factor:.2f} a layer, as derived ({A_LAYER:.2f}). Residual, BN: "
        f"{both(recorded, arms.RESIDUAL)}. So both gradients explode where BN stands, and far less with shortcuts. The "
        f"other three warn: small weights without BN have the textbook's vanishing gradient at the states, and none of "
        f"the weights ({both(recorded, arms.SMALL)}); full branches without BN explode at the states alone "
        f"({both(recorded, arms.OPEN)}). Of the weights it vanishes only with sigmoids "
        f"({both(recorded, arms.SATURATING)}).\n\n"
        f"He et al.'s own nets of 56 layers, on digits: plain with BN {both(recorded, arms.HE_PLAIN)}, residual with "
        f"BN {both(recorded, arms.HE_RESIDUAL)}, plain without BN {both(recorded, arms.HE_BARE)}. The last is the "
        f"border's doing: with circular padding instead of zeros it is {both(recorded, arms.HE_CIRCULAR)}."
    )


def way_in_words(recorded: Recorded, larger: Recorded) -> Words:
    """What happens on the way, on CIFAR-10 (the ``larger`` scale), too; and what the control shows."""
    grown, kept = (10 ** mean(recorded, effects.growth(arms.SOON), arm) for arm in (arms.PLAIN, arms.RESIDUAL))
    before, after = (_decades(recorded, effects.relative(steps), arms.PLAIN) for steps in (0, arms.SOON))
    skipped = [_decades(recorded, effects.relative(steps), arms.RESIDUAL) for steps in (0, arms.SOON)]
    names = arms.SIGMOID, arms.RESIDUAL, arms.frozen(arms.SIGMOID), arms.ONE_HIDDEN, arms.LINEAR
    sigmoid, residual, frozen, hidden, linear = mean_losses(recorded, *names)
    relu, bare, gaussian = mean_losses(recorded, arms.ORTHOGONAL, arms.BARE, arms.GAUSSIAN)
    plain, flat = mean_losses(recorded, arms.PLAIN, arms.FLAT)
    return Words(
        f"*Plain.* After {arms.SOON} steps first and last layer differ by {both(recorded, arms.PLAIN, arms.SOON)} "
        f"decades: healthy, as He et al. say. But the first weights have become {grown:.0f} times as large, and the "
        f"relative step has gone from {before} to {after}. *Residual:* weights times {kept:.2f}, relative step "
        f"{skipped[0]} and {skipped[1]}. On CIFAR-10, at the states, in one epoch: "
        f"{_then(larger, arms.PLAIN_EPOCH)}, with shortcuts {_then(larger, arms.RESIDUAL_EPOCH)}.\n\n"
        f"*No explosion.* The plain net with sigmoids ({both(recorded, arms.SIGMOID)} at the start) ends at "
        f"**{sigmoid:.2f} nats**, the residual net at {residual:.2f}. Its depth does the work: with frozen units "
        f"{frozen:.2f}, one hidden layer {hidden:.2f}, a linear model {linear:.2f}. With ReLUs in the sigmoids' place "
        f"the explosion is back ({both(recorded, arms.ORTHOGONAL)}), and {relu:.2f}; without BN, {bare:.2f}.\n\n"
        f"*And yet healthy norms are not enough.* With Gaussian instead of orthogonal weights nothing explodes either "
        f"({both(recorded, arms.GAUSSIAN)}), and the net ends at {gaussian:.2f}, where frozen units end, too. And with "
        f"ReLUs, Gaussian weights and a BN before the last layer only ({both(recorded, arms.FLAT)}) a net ends at "
        f"{flat:.2f}: {plain - flat:.1f} nats below the one that explodes, and above one hidden layer."
    )


def _then(larger: Recorded, arm: str) -> str:
    """Decades at the states at the start and after some steps, of an arm that was watched."""
    return " and then ".join(_decades(larger, effects.watched(steps), arm) for steps in (0, arms.SOON))


def _decades(recorded: Recorded, quantity: Quantity, arm: str) -> str:
    return f"{mean(recorded, quantity, arm):+z.1f}".replace("-", "\u2212")


# --- Self-checks of the exercises ---------------------------------------------------------------


def check_growth(answer: Any) -> str:
    """Exercise 1: log10 of what a factor of sqrt(pi / (pi - 1)) a layer makes over 54 units; a sentence back."""
    right = "{:.1f} decades. The picture has a little less: 64 units are not infinitely many."
    hint = f"multiply {arms.UNITS} by log10 of sqrt(pi / (pi - 1))."
    return exercises.check_number(answer, arms.UNITS * math.log10(A_LAYER), 0.05, right, hint)


def check_tanh(answer: Any) -> str:
    """Exercise 2: runs of the net without explosion, with tanh in place of the sigmoid; a sentence back."""
    recorded = CHAPTER.recorded()
    spec = CHAPTER.specs()[arms.SIGMOID].but(activation="tanh")
    ends = {"sigmoids": recorded[arms.SIGMOID], "ReLUs": recorded[arms.ORTHOGONAL]}
    return exercises.check_between(answer, spec, 'activation to "tanh"', ends)


def check_design(answer: Any) -> str:
    """Exercise 3: which number of a layer says how far a step moves it, whatever the size of its weights."""
    why = "before BN the size of a matrix does not count. By which share of itself does a step move it?"
    return exercises.check_choice(answer, "relative", {"states": why, "weights": why})
