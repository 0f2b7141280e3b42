"""What a description refuses, each in one line that says what to choose instead; what it accepts becomes plain Python.

Each check returns the value that it accepted, as Python has it: 20 for ``np.int64(20)``, 1.0 for 1 where a number is
asked for. So equal descriptions are written alike, and one run is never asked for under two names.
"""

import difflib
import math
import numbers
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar, get_args

import numpy as np

LONGEST = 80  # characters of a refused value that are shown
Value = TypeVar("Value")


def one_of(name: str, value: Any, choices: Sequence[str]) -> str:
    """The word, refused if it is not among the ``choices``.

    >>> one_of("rule", "plane", ("plain", "residual"))
    Traceback (most recent call last):
    ...
    ValueError: rule 'plane' is impossible: choose one of plain, residual
    """
    if not isinstance(value, str) or value not in choices:
        named = ", ".join(choice or '""' for choice in choices)
        raise _impossible(name, value, f"one of {named}")
    return next(choice for choice in choices if choice == value)


def whole(name: str, value: Any, least: int = 0) -> int:
    """The whole number, refused if it is none, or smaller than ``least``.

    >>> whole("steps", 2.5)
    Traceback (most recent call last):
    ...
    ValueError: steps 2.5 is impossible: choose a whole number from 0 up
    """
    if not isinstance(value, numbers.Integral) or isinstance(value, bool) or value < least:
        raise _impossible(name, value, f"a whole number from {least} up")
    return int(value)


def number(name: str, value: Any, least: float = -math.inf, above: float = -math.inf, below: float = math.inf) -> float:
    """The number, refused if it is none, not finite, smaller than ``least``, not ``above`` or not ``below``.

    >>> number("momentum", 1, least=0, below=1)
    Traceback (most recent call last):
    ...
    ValueError: momentum 1 is impossible: choose a number from 0 up, below 1
    """
    plain = _real(value)
    if math.isfinite(plain) and plain >= least and plain > above and plain < below:
        return plain + 0.0  # -0.0 is written otherwise than 0.0, and equal to it
    bounds = [f"from {least:g} up" if least > -math.inf else "", f"above {above:g}" if above > -math.inf else ""]
    bounds.append(f"below {below:g}" if below < math.inf else "")
    said = ", ".join(bound for bound in bounds if bound)
    raise _impossible(name, value, f"a number {said}" if said else "a finite number")


def number_or_none(name: str, value: Any, above: float = -math.inf) -> float | None:
    """The same as :func:`number`, or None.

    >>> number_or_none("alpha", "big")
    Traceback (most recent call last):
    ...
    ValueError: alpha 'big' is impossible: choose a finite number, or None
    """
    try:
        return None if value is None else number(name, value, above=above)
    except ValueError as refusal:
        raise ValueError(f"{refusal}, or None") from None


def yes_or_no(name: str, value: Any) -> bool:
    """The value, refused if it is neither True nor False.

    >>> yes_or_no("augment", 1)
    Traceback (most recent call last):
    ...
    ValueError: augment 1 is impossible: choose True or False
    """
    if not isinstance(value, bool | np.bool_):
        raise _impossible(name, value, "True or False")
    return bool(value)


def several(name: str, value: Any, of: Callable[..., Any], **bounds: Any) -> tuple[Any, ...]:
    """A tuple of what a list, tuple, range or array holds, each checked by ``of``.

    >>> several("widths", [8, 16, 32], whole, least=1)
    (8, 16, 32)
    >>> several("widths", 8, whole)
    Traceback (most recent call last):
    ...
    ValueError: widths 8 is impossible: choose a tuple
    """
    if not _in_order(value):
        raise _impossible(name, value, "a tuple")
    return tuple(of(name, each, **bounds) for each in value)


def one(name: str, value: Any, kind: Any) -> Any:
    """The description, refused if it is of another ``kind`` (a class, or a union of some).

    >>> one("task", "digits", str | int)
    'digits'
    >>> one("task", "digits", int)
    Traceback (most recent call last):
    ...
    TypeError: task 'digits' is impossible: choose one of the kind int
    """
    if not isinstance(value, kind):
        kinds = " or ".join(k.__name__ for k in get_args(kind) or (kind,))
        raise TypeError(f"{name} {said(value)} is impossible: choose one of the kind {kinds}")
    return value


def seeds(name: str, value: Any) -> tuple[int, ...]:
    """The seeds, refused if there are none, or if one is no whole number from 0 up or occurs twice.

    >>> seeds("seeds", range(100, 103))
    (100, 101, 102)
    >>> seeds("seeds", [0, 0])
    Traceback (most recent call last):
    ...
    ValueError: seeds [0, 0] is impossible: choose distinct whole numbers from 0 up, such as range(5)
    """
    found = list(value) if _in_order(value) else []
    try:
        found = [whole(name, seed) for seed in found]
    except ValueError:
        found = []
    if not found or len(set(found)) < len(found):
        raise _impossible(name, value, "distinct whole numbers from 0 up, such as range(5)")
    return tuple(found)


def keep(description: Any, check: Callable[..., Any], *names: str, **bounds: Any) -> None:
    """Check fields of a frozen description, and keep each as the plain Python value that ``check`` returns."""
    for name in names:
        object.__setattr__(description, name, check(name, getattr(description, name), **bounds))


def rising(name: str, steps: Sequence[int], last: int) -> None:
    """Refuse steps that do not rise from 0 to ``last`` at most.

    >>> rising("watch", (0, 20), 10)
    Traceback (most recent call last):
    ...
    ValueError: watch (0, 20) is impossible: choose rising steps from 0 to 10
    """
    inside = all(type(step) is int and 0 <= step <= last for step in steps)
    if not inside or list(steps) != sorted(set(steps)):
        raise _impossible(name, steps, f"rising steps from 0 to {last}")


def said(value: Any) -> str:
    """A value as Python writes it, on one line and not for ever."""
    text = " ".join(repr(value).split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def _impossible(name: str, value: Any, instead: str) -> ValueError:
    return ValueError(f"{name} {said(value)} is impossible: choose {instead}")


def _real(value: Any) -> float:
    """A real number as a float; NaN if it is none, or too large for one."""
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.nan


def _in_order(value: Any) -> bool:
    """Whether it holds something in an order, and is no text."""
    if isinstance(value, np.ndarray):
        return value.ndim == 1
    return isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray | memoryview)


# --- Names ----------------------------------------------------------------------------------------


class UnknownName(KeyError, ValueError):
    """A name that nothing bears; the message says which are near."""

    def __str__(self) -> str:
        return str(self.args[0])


def unknown(what: str, name: Any, known: Iterable[Any]) -> UnknownName:
    """What to raise where no ``what`` is called so.

    >>> print(unknown("arm", "plian-56", ("plain-20", "plain-56", "residual-56")))
    unknown arm 'plian-56': did you mean plain-56 or plain-20?
    """
    return UnknownName(f"unknown {what} {said(name)}: {near(name, known)}")


def near(name: Any, known: Iterable[Any]) -> str:
    """What to choose instead of a name that is not ``known``: those that are near, or else the first.

    >>> near("SGD", ("plain", "residual"))
    'choose one of plain, residual'
    """
    names = [str(other) for other in known]
    lower = {other.lower(): other for other in names}
    if like := [lower[other] for other in difflib.get_close_matches(str(name).lower(), lower, n=2, cutoff=0.6)]:
        return f"did you mean {' or '.join(like)}?"
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"choose one of {', '.join(names[:5])}{more}" if names else "there is none here"


class Named(dict[str, Value], Generic[Value]):
    """A dictionary by name, which of a name that it lacks says in a line which are near.

    >>> Named("arm", {"deep": 1})["depe"]
    Traceback (most recent call last):
    ...
    whyresnets.checks.UnknownName: unknown arm 'depe': did you mean deep?
    """

    def __init__(self, what: str, found: Mapping[str, Value]):
        super().__init__(found)
        self._what = what

    def __missing__(self, name: str) -> Value:
        raise unknown(self._what, name, self)
