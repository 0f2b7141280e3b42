"""What only the chapter's page needs: what its figures show, the numbers in its sentences, checks of its exercises."""

from collections.abc import Mapping, Sequence
from typing import Any

from whyresnets import exercises
from whyresnets.chapters.degradation import CHAPTER, arms
from whyresnets.chapters.degradation.arms import (
    DEEP,
    FROZEN,
    LINEAR,
    ONE_HIDDEN,
    SHALLOW,
    STEPS,
    STUCK,
    TIMES,
    called,
)
from whyresnets.chapters.degradation.claims import DEPTH_WORKS
from whyresnets.chapters.degradation.on_cifar10 import LOG
from whyresnets.report import Words, mean_losses
from whyresnets.training.runs import Runs

# --- What the figures show ----------------------------------------------------------------------


BAR = DEPTH_WORKS  # nats: a net that ends below trains


def _depths(net: str) -> dict[int, str]:
    return {depth: called(net, depth) for depth in (SHALLOW, DEEP)}


PANELS = {"Plain": _depths("plain"), "Residual": _depths("residual")}  # title -> layers -> arm
BUDGETS = {  # label -> layers -> steps -> arm
    net: {depth: {times * STEPS: called(net, depth, times) for times in TIMES} for depth in (SHALLOW, DEEP)}
    for net in ("plain", "residual")
}
BY_NET = {  # label -> layers -> arm
    "plain": _depths("plain"),
    "plain, starts\nas rotations": _depths("delta-orthogonal"),
    "plain, starts as\nthe identity": _depths("Dirac"),
    "shortcut:\nidentity": _depths("residual"),
    "shortcut: pixels\nreordered": _depths("permuted"),
    "shortcut: of\nanother sample": _depths("shuffled"),
}
BY_DEPTH = {  # label -> layers -> arm, of the slider
    "plain": {depth: called("plain", depth) for depth in arms.DEPTHS},
    "residual": {depth: called("residual", depth) for depth in arms.DEPTHS},
    "plain, starts as the identity": _depths("Dirac"),
    "shortcut with reordered pixels": _depths("permuted"),
}


def recorded_budgets(recorded: Mapping[str, Runs]) -> dict[str, dict[int, dict[int, str]]]:
    """:data:`BUDGETS` without what was not run yet."""
    return {
        label: {
            depth: {steps: arm for steps, arm in by_steps.items() if arm in recorded}
            for depth, by_steps in depths.items()
        }
        for label, depths in BUDGETS.items()
    }


def marks(recorded: Mapping[str, Runs]) -> dict[str, float]:
    """Name -> loss, in nats, of what has no depth to train: below all of these a deep net trains."""
    names = {"linear model": LINEAR, "one hidden layer": ONE_HIDDEN, "residual, frozen": FROZEN["residual"]}
    return dict(zip(names, mean_losses(recorded, *names.values()), strict=True))


# --- Numbers in sentences -----------------------------------------------------------------------


def rise(recorded: Mapping[str, Runs], net: str, times: int = 1) -> float:
    """Degradation: how far the mean training loss rises from 20 to 56 layers, in nats."""
    shallow, deep = mean_losses(recorded, *(called(net, depth, times) for depth in (SHALLOW, DEEP)))
    return deep - shallow


def answer(recorded: Mapping[str, Runs]) -> Words:
    """The chapter's answer, with the numbers of the record."""
    deep, shallow, dirac = mean_losses(recorded, "plain-56", "plain-20", "Dirac-56")
    return Words(
        f"**Because of where training starts, and not of what the net can do.** After {STEPS} steps the plain net of "
        f"{DEEP} layers ends {rise(recorded, 'plain'):.2f} nats above that of {SHALLOW} ({deep:.2f} and "
        f"{shallow:.2f}); shortcuts leave {rise(recorded, 'residual'):.2f} of this. But the very same plain net, "
        f"without any shortcut, ends at {dirac:.2f} if its layers start by handing on what they receive."
    )


def run_in_words(recorded: Mapping[str, Runs]) -> Words:
    """What the figure of the run shows, with the numbers of the record."""
    told = {
        net: listed([f"{rise(recorded, net, t):.2f} nats after {t * STEPS:,} steps" for t in _run(recorded, net)])
        for net in BUDGETS
    }
    not_run = [net for net in BUDGETS if len(_run(recorded, net)) < len(TIMES)]
    deep = [times for times in TIMES if called("plain", DEEP, times) in recorded]
    ends = [f"{end:.2f}" for end in mean_losses(recorded, *(called("plain", DEEP, times) for times in deep))]
    before, after = mean_losses(recorded, called(STUCK, SHALLOW), called(STUCK, SHALLOW, TIMES[-1]))
    waiting = (
        f" (Not run yet for {TIMES[-1] * STEPS:,} steps: {listed(not_run)} nets of both depths.)" if not_run else ""
    )
    return Words(
        f"In plain nets degradation is {told['plain']}; in residual ones {told['residual']}. The loss of the deep "
        f"plain net itself is {listed(ends)} after {listed([f'{t * STEPS:,}' for t in deep])} steps: it is not stuck. "
        f"But nor is the net that was to show what stuck looks like, {SHALLOW} layers with another sample's shortcut: "
        f"{before:.2f} before and {after:.2f} with {TIMES[-1]} times the steps. So this control did not fail "
        f"[HE1-6c].{waiting}"
    )


def _run(recorded: Mapping[str, Runs], net: str) -> list[int]:
    """The budgets at which a net was run at both depths, as multiples of the usual steps."""
    return [t for t in TIMES if all(called(net, depth, t) in recorded for depth in (SHALLOW, DEEP))]


def listed(items: Sequence[str]) -> str:
    """Some items as in a sentence.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    *others, last = items
    return f"{', '.join(others)} and {last}" if others else last


def control_in_words(recorded: Mapping[str, Runs]) -> Words:
    """What the figure of the controls shows, with the numbers of the record."""
    nets = "plain", "delta-orthogonal", "Dirac", "residual", "permuted"
    plain, orthogonal, dirac, residual, permuted = (rise(recorded, net) for net in nets)
    frozen, hidden = mean_losses(recorded, FROZEN["Dirac"], ONE_HIDDEN)
    deep, shallow = mean_losses(recorded, "permuted-56", "permuted-20")
    stuck, stuck_shallow = mean_losses(recorded, "shuffled-56", "shuffled-20")
    return Words(
        f"*The start.* Degradation is {plain:.2f} nats from He's start, {orthogonal:.2f} if each layer starts as a "
        f"rotation of the channels, {dirac:.2f} if it starts as the identity. Its layers do learn: with their kernels "
        f"kept as they start, that net ends at {frozen:.2f}, and one hidden layer at {hidden:.2f}.\n\n"
        f"*The shortcut.* The identity leaves {residual:.2f} nats of degradation, the same pixels in another order "
        f"{permuted:.2f}; there the net of {SHALLOW} layers is worse, too ({shallow:.2f}; {DEEP} layers: {deep:.2f}). "
        f"With another sample's shortcut nothing trains in {STEPS} steps ({stuck_shallow:.2f} and {stuck:.2f}): a rise "
        "of 0 that is worth nothing, which is why a claim also asks that the deep net trains."
    )


# --- Self-checks of the exercises ---------------------------------------------------------------


def check_shrinking(answer: Any) -> str:
    """Exercise 1: by what factor the public log's plain rise shrinks from epoch 10 to the last; a sentence back."""
    rises = {epoch: errors[1] - errors[0] for epoch, errors in LOG.errors.items()}
    factor = rises[10] / rises[max(rises)]
    right = "a factor of {:.0f}, and it is still there."
    return exercises.check_number(answer, factor, 1.0, right, "divide the rise of one row by that of another.")


def check_between(answer: Any) -> str:
    """Exercise 2: runs of a plain net of 32 layers, otherwise like plain-20; a sentence back."""
    recorded = CHAPTER.recorded()
    spec = CHAPTER.specs()["plain-20"].but(depth=32, extend_to=())
    ends = {f"{depth} layers": recorded[called("plain", depth)] for depth in (SHALLOW, DEEP)}
    return exercises.check_between(answer, spec, "the depth to 32 and extend_to to ()", ends)


def check_design(answer: Any) -> str:
    """Exercise 3: what to reorder in the shortcut, "pixels" or "channels"; a sentence back."""
    why = "relabel the channels of each layer, and it is the residual net again. What cannot be relabelled?"
    return exercises.check_choice(answer, "pixels", {"channels": why})
