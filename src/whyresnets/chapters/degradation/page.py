"""What only the chapter's page needs: what its figures show, the numbers in its sentences, checks of its exercises."""

from collections.abc import Mapping
from typing import Any

from whyresnets import exercises, report
from whyresnets.chapter import Chapter
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
from whyresnets.claims.quantities import training_loss
from whyresnets.report import NOT_RUN, Table, Words, mean_losses
from whyresnets.training.runs import Runs

# --- What the figures show ----------------------------------------------------------------------


BAR = DEPTH_WORKS  # nats: a net that ends below trains


def _depths(net: str) -> dict[int, str]:
    return {depth: called(net, depth) for depth in (SHALLOW, DEEP)}


PANELS = {"Plain": _depths("plain"), "Residual": _depths("residual")}  # title -> layers -> arm
IDENTITY = "identity kernels"  # a plain net of which all kernels start as Dirac kernels
BUDGETS = {  # label -> layers -> steps -> arm
    label: {depth: {times * STEPS: called(net, depth, times) for times in arms.BUDGETS[net]} for depth in depths}
    for label, net, depths in (
        ("plain", "plain", (SHALLOW, DEEP)),
        (IDENTITY, "Dirac", (DEEP,)),
        ("residual", "residual", (SHALLOW, DEEP)),
    )
}
BY_NET = {  # label -> layers -> arm
    "plain": _depths("plain"),
    "plain, rotation\nkernels": _depths("delta-orthogonal"),
    "plain, identity\nkernels": _depths("Dirac"),
    "shortcut:\nidentity": _depths("residual"),
    "shortcut: pixels\nreordered": _depths("permuted"),
    "shortcut: of\nanother sample": _depths("shuffled"),
}
BY_DEPTH = {  # label -> layers -> arm, of the slider
    "plain": {depth: called("plain", depth) for depth in arms.DEPTHS},
    "residual": {depth: called("residual", depth) for depth in arms.DEPTHS},
    f"plain, {IDENTITY}": _depths("Dirac"),
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
    frozen = {"residual, frozen": FROZEN["residual"], f"{IDENTITY}, frozen": FROZEN["Dirac"]}
    names = {"linear model": LINEAR, "one hidden layer": ONE_HIDDEN} | frozen
    return dict(zip(names, mean_losses(recorded, *names.values()), strict=True))


# --- Numbers in sentences -----------------------------------------------------------------------


def rise(recorded: Mapping[str, Runs], net: str, times: int = 1) -> float:
    """Degradation: how far the mean training loss rises from 20 to 56 layers, in nats."""
    shallow, deep = mean_losses(recorded, *(called(net, depth, times) for depth in (SHALLOW, DEEP)))
    return deep - shallow


def ratio(recorded: Mapping[str, Runs], net: str) -> float:
    """The mean training loss of 56 layers, as a multiple of that of 20."""
    shallow, deep = mean_losses(recorded, *(called(net, depth) for depth in (SHALLOW, DEEP)))
    return deep / shallow


def answer(recorded: Mapping[str, Runs]) -> Words:
    """The chapter's answer, with the numbers of the record."""
    plain, dirac, residual = (rise(recorded, net) for net in ("plain", "Dirac", "residual"))
    return Words(
        f"**In large part because of where training starts.** After {STEPS} steps the training loss of the plain net "
        f"of {DEEP} layers is {plain:.2f} nats higher than that of {SHALLOW} layers: this is the *rise*. With "
        f"shortcuts it is {residual:.2f}. Without shortcuts, but with kernels that start as the identity, it is "
        f"{dirac:.2f}. So of {plain:.2f} nats the shortcut removes {plain - residual:.2f}, and a start in "
        f"its place {plain - dirac:.2f}."
    )


def rises(recorded: Mapping[str, Runs]) -> Table:
    """Degradation of plain nets, of those with identity kernels and of residual ones, by steps, in nats."""
    names = {"plain": "plain", "Dirac": f"plain, {IDENTITY}", "residual": "residual"}

    def missing(net: str, times: int) -> str:
        return NOT_RUN if times in arms.BUDGETS[net] else ""

    head = ("rise from 20 to 56 layers, nats", *(f"{times * STEPS:,} steps" for times in TIMES))
    rows = [
        (name, *(f"{rise(recorded, net, t):.2f}" if t in _run(recorded, net) else missing(net, t) for t in TIMES))
        for net, name in names.items()
    ]
    return Table(head, rows)


def run_in_words(recorded: Mapping[str, Runs]) -> Words:
    """What the figure of the run and the table of rises show, with the numbers of the record."""
    shallow = mean_losses(recorded, *(called("plain", SHALLOW, times) for times in TIMES))
    deep = mean_losses(recorded, *(called("plain", DEEP, times) for times in TIMES))
    (floor,) = mean_losses(recorded, called("residual", SHALLOW, TIMES[1]))
    before, after = mean_losses(recorded, called(STUCK, SHALLOW), called(STUCK, SHALLOW, TIMES[-1]))
    worst = training_loss(recorded[called("residual", DEEP)]).max()
    return Words(
        f"(The bar of the residual net of {DEEP} layers is so long because one recorded seed ended at {worst:.2f}.) "
        f"The plain nets' rise grows first, because {SHALLOW} layers come down faster (from {shallow[0]:.2f} to "
        f"{shallow[1]:.2f}) than {DEEP} (from {deep[0]:.2f} to {deep[1]:.2f}). At the end {SHALLOW} layers have "
        f"{shallow[2]:.3f} left, so the rise can be no more than the {deep[2]:.2f} of the deep net itself. Residual "
        f"nets of {SHALLOW} layers are down to {floor:.2f} after {TIMES[1] * STEPS} steps: there both depths are at "
        f"the floor. So a start removes most of the rise; shortcuts remove more, and after {TIMES[1] * STEPS} steps "
        f"all of it.\n\n"
        f"Is the deep plain net stuck? Its loss still falls, to {deep[2]:.2f}. But so does that of the net which was "
        f"to show what stuck looks like, {SHALLOW} layers with another sample's shortcut: from {before:.2f} to "
        f"{after:.2f} after {TIMES[-1] * STEPS:,} steps. This cannot tell slow from stuck [HE1-6c].\n\n"
        f"From here on, a net *trains* if it ends below {BAR} nats: one hidden layer does not get there."
    )


def _run(recorded: Mapping[str, Runs], net: str) -> list[int]:
    """The budgets at which a net was run at both depths, as multiples of the usual steps."""
    return [t for t in TIMES if all(called(net, depth, t) in recorded for depth in (SHALLOW, DEEP))]


def control_in_words(recorded: Mapping[str, Runs]) -> Words:
    """What the figure of the controls shows, with the numbers of the record."""
    nets = "plain", "delta-orthogonal", "Dirac", "residual", "permuted"
    plain, orthogonal, dirac, residual, permuted = (rise(recorded, net) for net in nets)
    times, _, dirac_times, residual_times, permuted_times = (ratio(recorded, net) for net in nets)
    frozen, hidden, good = mean_losses(recorded, FROZEN["Dirac"], ONE_HIDDEN, "Dirac-20")
    deep, shallow = mean_losses(recorded, "permuted-56", "permuted-20")
    stuck, stuck_shallow = mean_losses(recorded, "shuffled-56", "shuffled-20")
    return Words(
        f"*The start.* The rise is {plain:.2f} nats from He's start, {orthogonal:.2f} with rotation kernels, "
        f"{dirac:.2f} with identity kernels. There the layers must learn: with kernels, BN scales and BN shifts "
        f"frozen, the net ends at {frozen:.2f}, above one hidden layer ({hidden:.2f}).\n\n"
        f"*The shortcut.* The identity leaves a rise of {residual:.2f}, reordered pixels {permuted:.2f}; but there "
        f"both depths are worse ({shallow:.2f} and {deep:.2f}). With another sample's shortcut nothing trains "
        f"({stuck_shallow:.2f} and {stuck:.2f}). Two equal losses are no rise, and would pass "
        "for a cure if a claim did not also ask that the deep net trains.\n\n"
        f"*The scale.* In nats, most of the rise goes. As a ratio, {DEEP} layers end at {times:.1f} times the loss of "
        f"{SHALLOW} in plain nets, {dirac_times:.1f} times with identity kernels, {permuted_times:.1f} with reordered "
        f"pixels, {residual_times:.1f} with shortcuts: identity kernels help {SHALLOW} layers, too (they end at "
        f"{good:.2f})."
    )


def open_controls(chapter: Chapter) -> Words:
    """Which controls did not fail although the prediction came true, at each scale: a sentence."""
    found = [
        f"{control.says} ({verdict.scale}) [{claim.id}]"
        for claim in chapter.told
        for scale in ("laptop", *chapter.larger_claims)
        if (verdict := chapter.printed(claim, scale))
        for control, measured in zip(verdict.claim.controls, verdict.role("control"), strict=True)
        if all(m.status == "met" for m in verdict.predicted) and not any(m.status == "not met" for m in measured)
    ]
    return Words(f"Where a control did not fail, it is: {'; '.join(found)}." if found else "Every control failed.")


def horizons(chapter: Chapter) -> Words:
    """What the claims that the page tells say after more steps, as far as that is recorded: a sentence."""
    found = [
        f"{report.word(later)} after {later.steps:,} steps, {report.shown(later.effect)} [{claim.id}]"
        for claim in chapter.told
        if (verdict := chapter.printed(claim))
        for later in verdict.later
    ]
    return Words(f"With more steps: {'; '.join(found)}.")


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
