"""What only the chapter's page needs: what its figures show, what they say in words, checks of its exercises."""

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

from whyresnets import exercises
from whyresnets.chapters.vanishing import CHAPTER, arms, effects
from whyresnets.claims.effects import Quantity
from whyresnets.claims.quantities import CHANCE
from whyresnets.report import Table, Words, mean_losses
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
        "Plain, BN, equal steps": arms.BALANCED,
        "Residual, BN": arms.RESIDUAL,
    }.items()
}
_NETS = {  # formula of the branch -> arm, in the order of their losses
    "plain, ReLU, Gaussian": arms.PLAIN,
    "the same, equal steps": arms.BALANCED,
    "plain, ReLU, orthogonal": arms.ORTHOGONAL,
    "plain, ReLU, Gaussian, BN before the last layer only": arms.FLAT,
    "plain, sigmoid, Gaussian": arms.GAUSSIAN,
    "residual, ReLU, Gaussian": arms.RESIDUAL,
    "plain, sigmoid, orthogonal": arms.SIGMOID,
}

# --- In words, with the numbers of a record -----------------------------------------------------


def mean(recorded: Recorded, quantity: Quantity, arm: str) -> float:
    """The mean over all recorded seeds of a quantity of one arm, in its unit."""
    return float(quantity(recorded[arm]).mean())


def both(recorded: Recorded, arm: str, steps: int = 0) -> str:
    """How many decades lie between first and last layer, at the states and of the weights: "+4.4 and +4.2", say."""
    return " and ".join(_decades(recorded, of(steps), arm) for of in (effects.at_states, effects.of_weights))


def reaching(recorded: Recorded, arm: str) -> float:
    """The mean number of directions of the first state that reach the last before training, of 64."""
    return float(recorded[arms.counted(arm)]["directions"].mean())


def answer(recorded: Recorded) -> Words:
    """The chapter's answer."""
    factor = 10 ** (mean(recorded, effects.at_states(0), arms.PLAIN) / arms.UNITS)
    nets = arms.PLAIN, arms.BALANCED, arms.RESIDUAL, arms.SIGMOID
    plain, balanced, residual, sigmoid = mean_losses(recorded, *nets)
    few, _, some, many = (reaching(recorded, arm) for arm in nets)
    return Words(
        f"**No. With BN the gradient of a deep plain net explodes at the start, by a factor of {factor:.2f} a layer; "
        f"and that is not why it fails either.** The net of {arms.UNITS} units ends at {plain:.2f} nats, where a guess "
        f"costs {CHANCE:.2f}. With its weights scaled so that all units move by the same share, the very same function "
        f"ends at {balanced:.2f}. Of the 64 directions of its first state {few:.1f} reach the last; in the residual "
        f"net, which ends at {residual:.2f}, {some:.1f}, and in a plain net of sigmoids with BN {many:.1f}: that one "
        f"ends at {sigmoid:.2f}."
    )


def start_in_words(recorded: Recorded) -> Words:
    """What the picture shows."""
    factor = 10 ** (mean(recorded, effects.at_states(0), arms.PLAIN) / arms.UNITS)
    return Words(
        "Decades (factors of ten) from the last layer to the first, at the states and of the weights. **Plain, BN: "
        f"{both(recorded, arms.PLAIN)}**, a factor of {factor:.2f} a layer, as derived ({A_LAYER:.2f}). Residual, "
        f"BN: {both(recorded, arms.RESIDUAL)}. So both gradients explode where BN stands in the units, and far less "
        "with shortcuts. The other three warn: small weights without BN have the textbook's vanishing gradient at "
        f"the states, and none of the weights ({both(recorded, arms.SMALL)}); a residual net whose only BN stands "
        f"before the last layer explodes at the states alone ({both(recorded, arms.OPEN)}). Of the weights it "
        f"vanishes only with sigmoids ({both(recorded, arms.SATURATING)}).\n\n"
        f"He et al.'s own nets of 56 layers, on digits: plain with BN {both(recorded, arms.HE_PLAIN)}, residual with "
        f"BN {both(recorded, arms.HE_RESIDUAL)}, plain without BN {both(recorded, arms.HE_BARE)}. The last is the "
        f"border's doing: with circular padding instead of zeros it is {both(recorded, arms.HE_CIRCULAR)}."
    )


def way_in_words(recorded: Recorded, larger: Recorded) -> Words:
    """What happens on the way, on CIFAR-10 (the ``larger`` scale), too; and what equal steps change."""
    grown, kept = (10 ** mean(recorded, effects.growth(arms.SOON), arm) for arm in (arms.PLAIN, arms.RESIDUAL))
    before, after = (_decades(recorded, effects.relative(steps), arms.PLAIN) for steps in (0, arms.SOON))
    share = 2 * mean(recorded, effects.growth(arms.SOON), arms.PLAIN)
    equal = _decades(recorded, effects.relative(0), arms.BALANCED)
    plain, balanced = mean_losses(recorded, arms.PLAIN, arms.BALANCED)
    return Words(
        f"*Plain.* After {arms.SOON} steps first and last layer differ by {both(recorded, arms.PLAIN, arms.SOON)} "
        f"decades: healthy, as He et al. say. But the first weights have become {grown:.0f} times as large "
        f"(residual: {kept:.2f}), and the relative step has gone from {before} to {after} decades; of that fall the "
        f"growth alone explains {share:.1f}. On CIFAR-10 the gradient at the states goes the same way in an epoch: "
        f"{_then(larger, arms.PLAIN_EPOCH)}, with shortcuts {_then(larger, arms.RESIDUAL_EPOCH)}.\n\n"
        f"*Equal steps.* Scaled, the same function starts with relative steps that differ by {equal} decades (the "
        f"raw gradients of its weights still do, as the weights do). It ends at {balanced:.2f} nats, the net as it "
        f"is drawn at {plain:.2f}. So the explosion, and the mark it leaves, are signs of a net that fails, and not "
        "the reason."
    )


def nets_in_words(recorded: Recorded) -> Words:
    """A table of nets: norms at the start, directions that arrive, losses; and what it shows."""
    rows = [
        (name, both(recorded, arm), f"{reaching(recorded, arm):.1f}", f"{mean_losses(recorded, arm)[0]:.2f}")
        for name, arm in _NETS.items()
    ]
    head = ("54 units", "decades, states and weights", "directions, of 64", "ends at, nats")
    frozen, hidden, linear, bare = mean_losses(
        recorded, arms.frozen(arms.SIGMOID), arms.ONE_HIDDEN, arms.LINEAR, arms.BARE
    )
    note = (
        f"A net trains by its depth if it ends below one hidden layer ({hidden:.2f}), a linear model ({linear:.2f}) "
        f"and itself with units that are never trained (the last one: {frozen:.2f}). Two do, and they let most "
        "directions through. Norms do not tell: sigmoids are as healthy with Gaussian weights as with orthogonal "
        "ones. Nor does the count order all: the ReLU net with one BN, before its last layer, learns more than the "
        f"plain one with as few directions. Sigmoids without BN end at {bare:.2f}."
    )
    return Words(Table(head, rows, note)._repr_markdown_())


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
