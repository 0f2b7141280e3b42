"""What a description refuses, each in one line that says what to choose instead."""

import math
import numbers
from collections.abc import Sequence
from typing import Any


def one_of(name: str, value: Any, choices: Sequence[str]) -> None:
    """Refuse a word that is not among the ``choices``.

    >>> one_of("rule", "plane", ("plain", "residual"))
    Traceback (most recent call last):
    ...
    ValueError: rule 'plane' is impossible: choose one of plain, residual
    """
    if not isinstance(value, str) or value not in choices:
        named = ", ".join(choice or '""' for choice in choices)
        raise ValueError(f"{name} {value!r} is impossible: choose one of {named}")


def whole(name: str, value: Any, least: int = 0) -> None:
    """Refuse what is no whole number, or smaller than ``least``.

    >>> whole("steps", 2.5)
    Traceback (most recent call last):
    ...
    ValueError: steps 2.5 is impossible: choose a whole number from 0 up
    """
    if type(value) is not int or value < least:
        raise ValueError(f"{name} {value!r} is impossible: choose a whole number from {least} up")


def number(name: str, value: Any, least: float = -math.inf, above: float = -math.inf, below: float = math.inf) -> None:
    """Refuse what is no finite number, smaller than ``least``, not ``above`` or not ``below``.

    >>> number("momentum", 1, least=0, below=1)
    Traceback (most recent call last):
    ...
    ValueError: momentum 1 is impossible: choose a number from 0 up, below 1
    """
    real = isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)
    if real and value >= least and value > above and value < below:
        return
    bounds = [f"from {least:g} up" if least > -math.inf else "", f"above {above:g}" if above > -math.inf else ""]
    bounds.append(f"below {below:g}" if below < math.inf else "")
    said = ", ".join(bound for bound in bounds if bound)
    raise ValueError(
        f"{name} {value!r} is impossible: choose a {'' if said else 'finite '}number{' ' + said if said else ''}"
    )


def yes_or_no(name: str, value: Any) -> None:
    """Refuse what is neither True nor False.

    >>> yes_or_no("augment", 1)
    Traceback (most recent call last):
    ...
    ValueError: augment 1 is impossible: choose True or False
    """
    if not isinstance(value, bool):
        raise ValueError(f"{name} {value!r} is impossible: choose True or False")


def as_tuple(description: Any, *names: str) -> None:
    """Make tuples of lists in fields of a frozen description, as JSON brings them; refuse what is neither.

    Raises
    ------
    ValueError
        If a field holds neither a list nor a tuple.
    """
    for name in names:
        value = getattr(description, name)
        if not isinstance(value, list | tuple):
            raise ValueError(f"{name} {value!r} is impossible: choose a tuple")
        object.__setattr__(description, name, tuple(value))


def rising(name: str, steps: Sequence[int], last: int) -> None:
    """Refuse steps that do not rise from 0 to ``last`` at most.

    >>> rising("watch", (0, 20), 10)
    Traceback (most recent call last):
    ...
    ValueError: watch (0, 20) is impossible: choose rising steps from 0 to 10
    """
    inside = all(type(step) is int and 0 <= step <= last for step in steps)
    if not inside or list(steps) != sorted(set(steps)):
        raise ValueError(f"{name} {steps} is impossible: choose rising steps from 0 to {last}")
