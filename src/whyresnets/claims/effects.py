"""Effects and conditions, built by operators so that a prediction reads like its sentence.

>>> from whyresnets.claims.quantities import training_loss
>>> print(training_loss["plain-56"] - training_loss["plain-20"] > 0.5 * nats)
training loss: plain-56 - plain-20 > 0.5 nats
"""

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from whyresnets import checks
from whyresnets.stats import Interval
from whyresnets.training.runs import Runs


@dataclass(frozen=True)
class Unit:
    """A unit of measurement called ``name``; a number times it is an :class:`Amount`."""

    name: str

    __array_ufunc__ = None  # numbers of NumPy ask it what a number times a unit is

    def __rmul__(self, value: float) -> "Amount":
        return Amount(value, self)


@dataclass(frozen=True)
class Amount:
    """A ``value`` in a ``unit``, such as ``0.5 * nats``.

    Raises
    ------
    ValueError, TypeError
        If the value is no finite number, or the unit no :class:`Unit`.
    """

    value: float
    unit: Unit

    __array_ufunc__ = None

    def __post_init__(self):
        checks.one("unit", self.unit, Unit)
        object.__setattr__(self, "value", checks.number("threshold", self.value))

    def __neg__(self) -> "Amount":
        return Amount(-self.value, self.unit)

    def __str__(self) -> str:
        return f"{self.value:g} {self.unit.name}".strip()


nats = Unit("nats")
decades = Unit("decades")  # factors of ten
of_seeds = Unit("of seeds")  # a fraction
eigenvalues = Unit("eigenvalues")  # a number of them
of_all = Unit("of all")  # a share of the eigenvalues
dimensionless = Unit("")
SHARES = (of_seeds, of_all)  # units of numbers from 0 to 1


class Quantity:
    """What is read off the runs of an arm, one number a seed; indexed with an arm's name it is an :class:`Effect`.

    Made by :func:`quantity`. ``says`` names it in sentences; ``unit`` is that of its values, ``nothing`` its value
    where there is nothing to see.
    """

    def __init__(self, compute: Callable[..., np.ndarray], says: str, unit: Unit, nothing: float = 0.0):
        functools.update_wrapper(self, compute)
        self.compute, self.says, self.unit, self.nothing = compute, says, unit, nothing

    def __repr__(self) -> str:
        return f"<quantity: {self.says}>"

    def __call__(self, *runs: Runs) -> np.ndarray:
        return self.compute(*runs)

    def __getitem__(self, arms: str | tuple[str, ...]) -> "Effect":
        return Effect((Term(1, self, arms if isinstance(arms, tuple) else (arms,)),))


def quantity(
    says: str, unit: Unit = dimensionless, nothing: float = 0.0
) -> Callable[[Callable[..., np.ndarray]], Quantity]:
    """Make a function of the runs of one arm (or, in order, of several) a :class:`Quantity`.

    ``nothing`` is -infinity for the logarithm of a size: of 0, that is.

    >>> @quantity("mean loss over the run", nats)
    ... def mean_loss(runs):
    ...     return runs["curve"].mean(1)
    >>> print(mean_loss["deep"] < 1 * nats)
    mean loss over the run of deep < 1 nats
    """
    return lambda compute: Quantity(compute, says, unit, nothing)


@dataclass(frozen=True)
class Term:
    """A part of an effect: ``sign`` (1 or -1) times the ``quantity`` of an arm, or of several ``arms`` together.

    Raises
    ------
    ValueError, TypeError
        If it is something else.
    """

    sign: int
    quantity: Quantity
    arms: tuple[str, ...]

    def __post_init__(self):
        checks.keep(self, checks.whole, "sign", least=-1)
        if self.sign not in (1, -1):
            raise ValueError(f"sign {self.sign} is impossible: choose 1 or -1")
        checks.one("quantity", self.quantity, Quantity)
        checks.keep(self, checks.several, "arms", of=checks.one, kind=str)
        if not self.arms:
            raise ValueError(f"{self.quantity.says} of no arm is impossible: choose an arm, or several")

    def values(self, runs: Mapping[str, Runs]) -> np.ndarray:
        """The quantity seed by seed (S,), without the sign."""
        return self.quantity(*(_in_double(run_of(runs, arm)) for arm in self.arms))

    @property
    def said(self) -> str:
        """Its arms, as in a sentence; of many, the first."""
        if len(self.arms) > 3:
            return f"{self.arms[0]} and {len(self.arms) - 1} more"
        return " and ".join(self.arms)


@dataclass(frozen=True)
class Effect:
    """One number a seed: a sum of ``terms``. A quantity that is true or false, alone, makes it a fraction of seeds.

    Raises
    ------
    TypeError
        If its quantities have different units, or it is compared with a number of another.
    """

    terms: tuple[Term, ...]

    __array_ufunc__ = None

    def __post_init__(self):
        checks.keep(self, checks.several, "terms", of=checks.one, kind=Term)
        if not self.terms:
            raise ValueError("an effect of nothing is impossible: choose an effect such as training_loss['deep']")
        if len(units := {term.quantity.unit.name or "plain numbers" for term in self.terms}) > 1:
            raise TypeError(f"{self} adds {' and '.join(sorted(units))}: choose quantities of one unit")

    def __add__(self, other: "Effect") -> "Effect":
        checks.one("what is added", other, Effect)
        return Effect(self.terms + other.terms)

    def __neg__(self) -> "Effect":
        return Effect(tuple(Term(-term.sign, term.quantity, term.arms) for term in self.terms))

    def __sub__(self, other: "Effect") -> "Effect":
        checks.one("what is taken off", other, Effect)
        return self + -other

    def __gt__(self, threshold: "Amount | float") -> "Condition":
        return self._compared(">", threshold)

    def __lt__(self, threshold: "Amount | float") -> "Condition":
        return self._compared("<", threshold)

    def __ge__(self, threshold: "Amount | float") -> "Condition":
        raise TypeError(f"{self} is to lie clearly beyond a threshold, or below it: choose > or <, not >= or <=")

    __le__ = __ge__

    def _compared(self, side: str, threshold: "Amount | float") -> "Condition":
        value, unit = (threshold.value, threshold.unit) if isinstance(threshold, Amount) else (threshold, dimensionless)
        if unit != self.unit:
            instead = f"a number of {self.unit.name}" if self.unit.name else "a plain number"
            named = threshold if isinstance(threshold, Amount | Effect) else checks.said(threshold)
            raise TypeError(f"{self} cannot be compared with {named}: choose {instead}")
        return Condition(self, side, value)

    @property
    def unit(self) -> Unit:
        """That of its quantities, which have the same."""
        return self.terms[0].quantity.unit

    @property
    def nothing(self) -> float:
        """Its value where there is nothing to see: that of its quantity; of a sum or difference 0."""
        return self.terms[0].quantity.nothing if len(self.terms) == 1 and self.terms[0].sign > 0 else 0.0

    def __str__(self) -> str:
        if len(self.terms) == 1 and self.terms[0].sign > 0:
            return f"{self.terms[0].quantity.says} of {self.terms[0].said}"
        if len({term.quantity.says for term in self.terms}) == 1:
            return f"{self.terms[0].quantity.says}: {self._sum(lambda term: term.said)}"
        return self._sum(lambda term: f"{term.quantity.says} of {term.said}")

    def _sum(self, said: Callable[[Term], str]) -> str:
        first, *others = self.terms
        text = f"{'-' if first.sign < 0 else ''}{said(first)}"
        return text + "".join(f" {'-' if term.sign < 0 else '+'} {said(term)}" for term in others)

    @property
    def arms(self) -> tuple[str, ...]:
        """The names of the arms that it needs."""
        return tuple(arm for term in self.terms for arm in term.arms)

    def values(self, runs: Mapping[str, Runs]) -> np.ndarray:
        """The effect seed by seed (S,), in :attr:`unit`; arms are paired by seed. Of bool where it is a fraction.

        Raises
        ------
        ValueError
            If the arms do not have the same seeds, each once, with as many readings; if one is not there; or if
            some quantity is not one number a seed.
        """
        seeds = shared_seeds(runs, self.arms)
        if seeds is None:
            raise ValueError(f"the arms {', '.join(self.arms)} must have the same seeds to be paired")
        plus = [self._read(term, runs, len(seeds)) for term in self.terms if term.sign > 0]
        minus = [self._read(term, runs, len(seeds)) for term in self.terms if term.sign < 0]
        return plus[0] if len(plus) == 1 and not minus else np.asarray(sum(plus) - sum(minus))

    def _read(self, term: Term, runs: Mapping[str, Runs], n: int) -> np.ndarray:
        values = np.asarray(term.values(runs))
        if values.shape != (n,) or values.dtype.kind not in "biuf":
            is_now = f"{values.dtype} of shape {values.shape}"
            raise ValueError(f"{self} is {is_now} for {n} seeds: choose a quantity that is one number a seed")
        return values


class _InDouble(Mapping):
    """Arrays, those of 32 bits as 64 when they are asked for.

    A logarithm in 32 bits has other last digits on other processors; effects should not, as they are printed.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray]):
        self._arrays = arrays

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._arrays:
            raise checks.unknown("reading", name, self._arrays)
        array = self._arrays[name]
        return array.astype(np.float64) if array.dtype == np.float32 else array

    def __iter__(self):
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)


def _in_double(runs: Runs) -> Runs:
    return Runs(runs.spec, runs.seeds, _InDouble(runs.arrays))


def run_of(runs: Mapping[str, Runs], arm: str) -> Runs:
    """The runs of the arm called ``arm``.

    Raises
    ------
    whyresnets.checks.UnknownName
        If there is none; the message names those that are near.
    TypeError
        If something else than runs by the name of their arm was given.
    """
    if not isinstance(runs, Mapping):
        raise TypeError(f"runs {checks.said(runs)} are impossible: choose a dictionary, arm by arm")
    if arm not in runs:
        raise checks.unknown("arm", arm, runs)
    return checks.one(f"what ran as {arm}", runs[arm], Runs)


def shared_seeds(runs: Mapping[str, Runs], arms: Iterable[str]) -> tuple[int, ...] | None:
    """The seeds of all these arms, in their order; None if they do not have the same.

    Raises
    ------
    ValueError
        If an arm is not there; if its seeds are not distinct whole numbers; or if it does not hold a reading of each.
    """
    found = set()
    for arm in arms:
        ran = run_of(runs, arm)
        seeds = checks.seeds(f"{arm}: seeds", ran.seeds)
        if short := [name for name, array in ran.arrays.items() if np.shape(array)[:1] != (len(seeds),)]:
            raise ValueError(f"{arm} has {len(seeds)} seeds and not as many of {short[0]}: choose seeds that all ran")
        found.add(seeds)
    return found.pop() if len(found) == 1 else None


@dataclass(frozen=True)
class Condition:
    """On which ``side`` (">" or "<") of a ``threshold``, in the unit of the ``effect``, the effect should lie.

    Raises
    ------
    ValueError
        If there is no such side; if the threshold is no finite number, or of a share one that it cannot pass.
    TypeError
        If it is not about an effect, or is taken for something true or false.
    """

    effect: Effect
    side: str
    threshold: float

    def __post_init__(self):
        checks.one("effect", self.effect, Effect)
        checks.keep(self, checks.one_of, "side", choices=(">", "<"))
        checks.keep(self, checks.number, "threshold")
        if self.effect.unit in SHARES and abs(self.threshold) > len(self.effect.terms):
            raise ValueError(f"threshold {self.threshold:g} {self.unit} is impossible: choose a share, such as 0.5")

    def __bool__(self) -> bool:
        raise TypeError("a condition is data, neither true nor false: write two of them, not one between two bounds")

    @property
    def unit(self) -> str:
        """The name of its unit."""
        return self.effect.unit.name

    def __str__(self) -> str:
        return f"{self.effect} {self.side} {self.threshold:g} {self.unit}".strip()

    def status(self, interval: Interval) -> str:
        """ "met" with the whole interval, "not met" with the whole interval, or "open"."""
        sign = 1 if self.side == ">" else -1
        ends = sorted((sign * (interval.low - self.threshold), sign * (interval.high - self.threshold)))
        return "met" if ends[0] > 0 else "not met" if ends[1] < 0 else "open"


def all_of(predicted: Any) -> tuple[Condition, ...]:
    """A condition, or several, as a group: all must be met.

    Raises
    ------
    TypeError
        If there is none, or something else among them.
    """
    group = tuple(predicted) if isinstance(predicted, list | tuple) else (predicted,)
    if not group or not all(isinstance(condition, Condition) for condition in group):
        example = "training_loss['deep'] > 1 * nats"
        raise TypeError(f"{checks.said(predicted)} predicts nothing: choose conditions, such as {example}")
    return group
