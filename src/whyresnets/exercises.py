"""Self-checks of exercises: each answers any object with a sentence."""

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from whyresnets.claims.quantities import training_loss
from whyresnets.claims.verdicts import FEWEST_SEEDS
from whyresnets.spec import Readings, Spec
from whyresnets.training.runs import Runs


def answered(answer: Any, instead: str, judge: Callable[[Any], str]) -> str:
    """The sentence of ``judge`` about an answer; of one that cannot be judged, what to do ``instead``.

    Every self-check speaks through this function, so that no answer stops the cell and hides the checks below it.

    >>> answered("abc", "hand over a list", lambda answer: f"Right: {answer.count(1)} ones.")
    'Not yet: hand over a list.'
    """
    if answer is None:
        return "Not answered yet."
    try:
        return judge(answer)
    except Exception:  # whatever an object may raise that is read as if it were an answer
        return f"Not yet: {instead}."


def check_number(answer: Any, expected: float, within: float, right: str, hint: str) -> str:
    """A self-check of an exercise whose answer is a number, nearer than ``within`` to the ``expected`` one.

    ``right`` is said of the right answer, which stands in the place of braces; ``hint`` of another one. A number of
    NumPy counts, and so does an array or a tensor that holds just one.

    >>> check_number(np.array([2.9]), 3, 0.5, "{:.1f} decades.", "take log10.")
    'Right: 2.9 decades.'
    >>> check_number((2, 9), 3, 0.5, "{:.1f} decades.", "take log10.")
    'Not yet: hand over one finite number, such as 2.5.'
    """

    def judge(answer: Any) -> str:
        number = _number(answer)
        return f"Right: {right.format(number)}" if abs(number - expected) < within else f"Not yet: {hint}"

    return answered(answer, "hand over one finite number, such as 2.5", judge)


def _number(answer: Any) -> float:
    single = answer.item() if hasattr(answer, "item") else answer
    if isinstance(single, bool) or not math.isfinite(single):
        raise ValueError("no finite number")
    return float(single)


def check_choice(answer: Any, right: str, others: Mapping[str, str]) -> str:
    """A self-check of an exercise whose answer is one of a few words: ``right``, or one of ``others`` -> why not.

    >>> check_choice("Pixel", "pixels", {"channels": "they can be relabelled."})
    'Not yet: answer with one of channels, pixels.'
    """
    instead = f"answer with one of {', '.join(sorted([right, *others]))}"

    def judge(answer: Any) -> str:
        word = str.lower(answer).strip()
        if word == right:
            return f"Right: {right}. The solution says why; what would your next control be?"
        return f"Not yet: {others.get(word, f'{instead}.')}"

    return answered(answer, instead, judge)


def check_runs(answer: Any, spec: Spec, change: str, judge: Callable[[Runs], str]) -> str:
    """A self-check of an exercise whose answer is runs of ``spec``, of five seeds or more; ``judge`` speaks about them.

    ``change`` says in words how to reach that Spec.

    >>> from whyresnets.nets.architecture import Conv
    >>> check_runs({"mine": None}, Spec(Conv(32)), "the depth to 32", lambda runs: "Right.")
    'Not yet: hand over the runs of one arm, such as sweeps.run(...)["mine"].'
    """

    def judge_runs(answer: Any) -> str:
        if not isinstance(answer, Runs) or not isinstance(answer.spec, Spec):
            raise TypeError("no runs")
        if answer.spec != spec:
            return f"Not yet: change {change}, and nothing else."
        if len({operator.index(seed) for seed in answer.seeds}) < FEWEST_SEEDS:
            return "Not yet: fewer than five seeds say little. Run seeds 0 to 4."
        return judge(answer)

    return answered(answer, 'hand over the runs of one arm, such as sweeps.run(...)["mine"]', judge_runs)


def check_between(
    answer: Any,
    spec: Spec,
    change: str,
    ends: Mapping[str, Runs],
    loss: Callable[[Runs], np.ndarray] = training_loss,
) -> str:
    """A self-check of an exercise: whether the mean loss of one's own runs lies between those of two recorded arms.

    ``spec`` and ``change`` are as in :func:`check_runs`; ``ends`` are the arms with the lower and the higher mean
    ``loss`` (nats), each with what tells it from the other.
    """
    (low_name, low), (high_name, high) = ((name, float(np.mean(loss(runs)))) for name, runs in ends.items())

    def judge(answer: Runs) -> str:
        mine = float(np.mean(loss(answer)))
        if low < mine < high:
            return f"Right: {mine:.2f} nats, between {low:.2f} at {low_name} and {high:.2f} at {high_name}."
        return f"Unexpected: {mine:.2f} nats is not between {low_name} and {high_name}. Please report it."

    return check_runs(answer, spec, change, judge)


def check_change(mine: Any, given: Any) -> str:
    """Whether a control changes one thing: in which fields the Spec ``mine`` differs from ``given``; a sentence back.

    The learning rate may differ, since each net deserves its best, and so may what is read.
    """

    def judge(mine: Any) -> str:
        if not isinstance(mine, Spec) or not isinstance(given, Spec):
            raise TypeError("no Spec")
        free = {"rate", *(field.name for field in fields(Readings))}
        theirs, yours = given.flat(), mine.flat()
        changed = [name for name in theirs | yours if name not in free and theirs.get(name) != yours.get(name)]
        if len(changed) == 1:
            and_rate = " and its learning rate" if mine.optimiser.rate != given.optimiser.rate else ""
            return f"Right: it changes {changed[0]}{and_rate}, no more."
        if not changed:
            return "Not yet: it is the same net. Change one field of its Spec."
        return f"Not yet: it changes {' and '.join(changed)} at once. Which of them was it, if the effect goes?"

    return answered(mine, "hand over a Spec and the one it changes, such as given.but(rule=...) and given", judge)
