"""Self-checks of exercises: each answers any object with a sentence."""

from collections.abc import Mapping
from dataclasses import fields

import numpy as np

from whyresnets.claims.quantities import training_loss
from whyresnets.claims.verdicts import FEWEST_SEEDS
from whyresnets.spec import Readings, Spec
from whyresnets.training.runs import Runs


def check_between(answer: Runs | None, spec: Spec, change: str, ends: tuple[Runs, Runs]) -> str:
    """A self-check of an exercise: whether the loss of one's own runs lies between two recorded ones; a sentence back.

    ``answer`` should be runs of ``spec``, which ``change`` says in words how to reach; ``ends`` are the recorded arms
    with the lower and the higher mean training loss (nats).
    """
    if answer is None:
        return "Not answered yet."
    if not isinstance(answer, Runs):
        return 'Not yet: hand over the runs of one arm, such as sweeps.run(...)["mine"].'
    if answer.spec != spec:
        return f"Not yet: change {change}, and nothing else."
    if len(answer.seeds) < FEWEST_SEEDS:
        return "Not yet: fewer than five seeds say little. Run seeds 0 to 4."
    loss, low, high = (float(np.mean(training_loss(runs))) for runs in (answer, *ends))
    shallow, deep = (runs.spec.net.depth for runs in ends)
    if low < loss < high:
        return f"Right: {loss:.2f} nats, between {low:.2f} at {shallow} layers and {high:.2f} at {deep}."
    return f"Unexpected: {loss:.2f} nats is not between {shallow} and {deep} layers. Please report it."


def check_choice(answer: str | None, right: str, others: Mapping[str, str]) -> str:
    """A self-check of an exercise whose answer is one of a few words: ``right``, or one of ``others`` -> why not."""
    if answer is None:
        return "Not answered yet."
    word = answer.strip().lower() if isinstance(answer, str) else ""
    if word in others:
        return f"Not yet: {others[word]}"
    if word != right:
        return f"Not yet: answer with one of {', '.join(sorted([right, *others]))}."
    return f"Right: {right}. The solution says why; what would your next control be?"


def check_change(mine: Spec | None, given: Spec) -> str:
    """Whether a control changes one thing: in which fields ``mine`` differs from ``given``; a sentence back.

    The learning rate may differ, since each net deserves its best, and so may what is read.
    """
    if mine is None:
        return "Not answered yet."
    if not isinstance(mine, Spec):
        return "Not yet: hand over a Spec, such as given.but(rule=...)."
    free = {"rate", *(field.name for field in fields(Readings))}
    theirs, yours = given.flat(), mine.flat()
    changed = [name for name in theirs | yours if name not in free and theirs.get(name) != yours.get(name)]
    if len(changed) == 1:
        and_rate = " and its learning rate" if mine.optimiser.rate != given.optimiser.rate else ""
        return f"Right: it changes {changed[0]}{and_rate}, no more."
    if not changed:
        return "Not yet: it is the same net. Change one field of its Spec."
    return f"Not yet: it changes {' and '.join(changed)} at once. Which of them was it, if the effect goes?"
