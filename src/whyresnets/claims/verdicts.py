"""Claim, prediction, control -> verdict. A claim is data; a verdict is computed, never typed."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from whyresnets import checks
from whyresnets.claims.effects import Condition, Effect, all_of, run_of, shared_seeds
from whyresnets.claims.quantities import training_loss
from whyresnets.claims.scale import scale_of
from whyresnets.stats import Interval, fraction_band, prediction_band, t_interval, wilson_interval
from whyresnets.training.runs import Runs

FEWEST_SEEDS = 5  # under this, no verdict word (chosen by us)
LIVE_SEEDS = 5  # of a reader's own run (chosen by us: minutes on a laptop)
RECORD_SEEDS = 20  # of a record (chosen by us)


@dataclass(frozen=True)
class Test:
    """Conditions under a name: a control, a premise, an assay, an alternative, or where a claim fails.

    ``says`` is the name; all ``conditions`` must be met for it to pass. One condition may stand alone.
    """

    says: str
    conditions: tuple[Condition, ...]

    __test__ = False  # not a pytest class

    def __post_init__(self):
        object.__setattr__(self, "conditions", all_of(self.conditions))


@dataclass(frozen=True)
class Claim:
    """One published claim, or our sharpening of one; what it predicts here, and what must fail.

    Attributes
    ----------
    id : as in the ledger
    source : bibliography key and section; it begins with "ours" or "common", or ends with "ours", where nobody but us
        words the claim so
    says : the claim in one sentence
    conditions : what it predicts; all must be met for it to be supported, and one that is missed can refute it
    controls : the supposed cause removed or restored, all else equal; each must miss one of its conditions at least
    trains : arms that must be alive for the claim to mean anything, with the mean loss (nats) they must beat;
        every seed must stay finite
    premise : what must be so in the arms for the claim to mean anything; unless all its conditions are met, it is void
    assay : a positive control: arms of this very protocol in which an effect of the size that matters is known to be
        present. A missed condition refutes the claim only where the assay is met. A claim without one is refuted only
        by an effect that speaks for itself (see :attr:`Measured.contradicts`)
    fails_when : a second, measured condition under which the claim stops holding
    alternative : another mechanism that reaches the effect: if it passes, the claim's own is not necessary; no verdict
        depends on it
    later : pairs such as (3, claim): the same claim on arms that got three times the steps. The verdict is that at its
        own budget, and says where a longer one changes the word
    not_shown : what a verdict here does not say
    live : judged in the reader's own run; otherwise judged from its laptop record
    seeds : of the reader's own run, where it is live

    Raises
    ------
    ValueError, TypeError
        If a part of it is something else, or it has too few seeds for a verdict.
    """

    id: str
    source: str
    says: str
    conditions: tuple[Condition, ...]
    controls: tuple[Test, ...]
    trains: tuple[tuple[str, float], ...] = ()
    premise: Test | None = None
    assay: Test | None = None
    fails_when: Test | None = None
    alternative: Test | None = None
    later: tuple[tuple[int, "Claim"], ...] = ()
    not_shown: str = ""
    live: bool = True
    seeds: int = LIVE_SEEDS

    def __post_init__(self):
        object.__setattr__(self, "conditions", all_of(self.conditions))
        checks.keep(self, checks.several, "controls", of=checks.one, kind=Test)
        for name in ("premise", "assay", "fails_when", "alternative"):
            checks.one(name, getattr(self, name), Test | None)
        checks.keep(self, checks.several, "later", of=_later)
        checks.keep(self, checks.several, "trains", of=_bar)
        checks.keep(self, checks.yes_or_no, "live")
        checks.keep(self, checks.whole, "seeds")
        if self.seeds < FEWEST_SEEDS:
            raise ValueError(f"{self.id} with {self.seeds} seeds has no verdict: choose {FEWEST_SEEDS} or more")

    @property
    def roles(self) -> tuple[tuple[str, Test], ...]:
        """Everything that is measured beside the conditions, each with its part: controls first."""
        others = {
            "premise": self.premise,
            "assay": self.assay,
            "fails when": self.fails_when,
            "alternative": self.alternative,
        }
        return (*(("control", test) for test in self.controls), *((r, t) for r, t in others.items() if t))

    @property
    def tests(self) -> tuple[Test, ...]:
        """The tests of :attr:`roles`."""
        return tuple(test for _, test in self.roles)

    @property
    def ours(self) -> bool:
        """Whether the claim is worded by us, or a common reading of what was published: no published claim."""
        return bool({"ours", "common"} & set(re.findall(r"\w+", self.source)))

    @property
    def arms(self) -> tuple[str, ...]:
        """Every arm that a verdict needs, each once; those of ``later`` claims are not among them."""
        conditions = [*self.conditions, *(c for test in self.tests for c in test.conditions)]
        names = [arm for c in conditions for arm in c.effect.arms] + [arm for arm, _ in self.trains]
        return tuple(dict.fromkeys(names))


def _bar(name: str, value: object) -> tuple[str, float]:
    """An arm that must be alive, with the loss that it must beat: above 0, or infinite."""
    match value:
        case (str(arm), float(bound)) if bound == math.inf:
            return arm, math.inf
        case (str(arm), bound):
            return arm, checks.number(f"{name}: the loss of {arm}", bound, above=0)
    raise ValueError(f"{name} {checks.said(value)} is impossible: choose pairs such as ('deep', 0.5), in nats")


def _later(name: str, value: object) -> tuple[int, Claim]:
    """How many times the steps, and the claim on the arms that got them."""
    match value:
        case (times, Claim() as claim):
            return checks.whole(f"{name}: times the steps", times, least=2), claim
    raise ValueError(f"{name} {checks.said(value)} is impossible: choose pairs such as (3, claim)")


@dataclass(frozen=True)
class Measured:
    """One ``condition``, measured: the ``interval`` of its effect."""

    condition: Condition
    interval: Interval

    @property
    def status(self) -> str:
        """See :meth:`whyresnets.claims.effects.Condition.status`."""
        return self.condition.status(self.interval)

    @property
    def missed_by(self) -> str:
        """How the effect misses: it is opposite, absent, smaller than matters, or larger than allowed.

        The first three are said of a condition that asks for an effect; the last of one that asks for little, and got
        more: |r - 1| < 0.1, say.
        """
        low, high = self._ends
        if self._least < 0:
            return "larger than allowed"
        return "opposite" if high < 0 else "absent" if low <= 0 else "smaller than matters"

    @property
    def contradicts(self) -> bool:
        """Whether the effect speaks for itself: seen, of the size that matters, and against the claim.

        An opposite effect does if it is so with its whole interval; an effect that is larger than allowed always does.
        There is nothing left for an assay to show: the protocol has just seen an effect of that size. One that is
        absent, or smaller than matters, may have been missed.
        """
        return self.status == "not met" and (self._least < 0 or self._ends[1] < -self._least)

    @property
    def _ends(self) -> tuple[float, float]:
        """The interval, from nothing on, in the direction in which the effect should lie."""
        ends = (self._sign * (end - self.condition.effect.nothing) for end in (self.interval.low, self.interval.high))
        low, high = sorted(ends)
        return low, high

    @property
    def _least(self) -> float:
        """The threshold, likewise: below 0, the effect may have the other direction, up to that size."""
        return self._sign * (self.condition.threshold - self.condition.effect.nothing)

    @property
    def _sign(self) -> int:
        return 1 if self.condition.side == ">" else -1


@dataclass(frozen=True)
class Verdict:
    """A claim, judged: ``word`` is computed from what was measured, None under five seeds; ``reason`` says why.

    Attributes
    ----------
    claim : what was judged
    predicted : its conditions, measured
    tests : the conditions of each of ``claim.tests``, measured, in order
    dead : arms that should train and did not
    diverged : runs of all its arms whose loss did not stay finite
    seconds : of all runs of its arms, on one core each
    scale : the largest data set of its arms, how wide the nets are on CIFAR-10, and whether they were trained
    steps : the most that an arm of its conditions was trained
    later : the verdicts at longer budgets, where they were judged
    """

    claim: Claim
    predicted: tuple[Measured, ...]
    tests: tuple[tuple[Measured, ...], ...]
    dead: tuple[str, ...]
    diverged: int
    seconds: float
    scale: str
    steps: int
    later: tuple["Verdict", ...] = ()

    @property
    def n(self) -> int:
        """Number of seeds."""
        return self.predicted[0].interval.n

    def role(self, name: str) -> list[tuple[Measured, ...]]:
        """The tests that play this role ("control", "premise", "assay", "fails when", "alternative"), measured."""
        return [found for (role, _), found in zip(self.claim.roles, self.tests, strict=True) if role == name]

    @property
    def controls_fail(self) -> bool:
        """Whether every control misses, with a whole interval, one of its conditions at least."""
        controls = self.role("control")
        return bool(controls) and all(_missed(found) for found in controls)

    @property
    def word(self) -> str | None:
        """supported, refuted, conditional, undecided or void; None under five seeds."""
        return self._word_and_reason[0]

    @property
    def reason(self) -> str:
        """Why the verdict is what it is, in words; "" where it is supported."""
        return self._word_and_reason[1]

    @property
    def _word_and_reason(self) -> tuple[str | None, str]:
        if self.n < FEWEST_SEEDS:
            return None, f"fewer than {FEWEST_SEEDS} seeds"
        if void := self._void:
            return "void", void
        if missed := _missed(self.predicted):
            if seen := self._seen(missed):
                return "refuted", seen[0].missed_by
            return "undecided", f"could not have been seen ({self._blind})"
        if still_open := [m for m in self.predicted if m.status == "open"]:
            return "undecided", f"the interval of {still_open[0].condition.effect} holds the threshold"
        if not self.controls_fail:
            return "undecided", "a control did not fail"
        if any(map(_missed, self.role("fails when"))):
            return "conditional", f"fails when: {self._says('fails when')}"
        return "supported", ""

    @property
    def assay_met(self) -> bool | None:
        """Whether the assay shows its effect with the whole interval; None without an assay."""
        return next((all(m.status == "met" for m in found) for found in self.role("assay")), None)

    def _seen(self, missed: list[Measured]) -> list[Measured]:
        """Of the conditions that are missed, those that this protocol could have seen met."""
        if self.claim.assay is None:
            return [m for m in missed if m.contradicts]
        return missed if self.assay_met else []

    @property
    def _blind(self) -> str:
        return "no assay" if self.claim.assay is None else f"the assay is not met: {self._says('assay')}"

    @property
    def horizon(self) -> dict[int, str | None]:
        """Steps -> word, at the claim's own budget and at the longer ones."""
        return {verdict.steps: verdict.word for verdict in (self, *self.later)}

    @property
    def turns(self) -> str:
        """Where more steps change the word: "undecided at 1,000 steps", say; "" where none do."""
        told, last = [], self.word
        for verdict in self.later:
            if verdict.word not in (None, last):
                why = f" ({verdict.reason})" if verdict.word == "refuted" else ""
                told.append(f"{verdict.word}{why} at {verdict.steps:,} steps")
                last = verdict.word
        return ", ".join(told)

    def _says(self, role: str) -> str:
        return next(test.says for name, test in self.claim.roles if name == role)

    @property
    def _void(self) -> str:
        """Why the claim means nothing here, or ""."""
        if self.dead:
            return f"{', '.join(self.dead)} had to train and did not"
        everything = [m for found in (self.predicted, *self.tests) for m in found]
        if not all(math.isfinite(m.interval.high - m.interval.low) for m in everything):
            return "an effect is not finite"
        if any(m.status != "met" for found in self.role("premise") for m in found):
            return f"the premise fails: {self._says('premise')}"
        return ""

    @property
    def effect(self) -> Measured:
        """The claim's first condition, measured: the number in the ledger."""
        return self.predicted[0]

    @property
    def decisive_control(self) -> Measured | None:
        """Of the control that comes closest to passing, the condition that it fails most clearly; None without one."""
        return min((max(found, key=_shortfall) for found in self.role("control")), key=_shortfall, default=None)


def _missed(found: Sequence[Measured]) -> list[Measured]:
    return [m for m in found if m.status == "not met"]


def _shortfall(m: Measured) -> float:
    """By how much the nearer end of the interval misses the threshold, as a multiple of the threshold's size."""
    c, i = m.condition, m.interval
    miss = c.threshold - i.high if c.side == ">" else i.low - c.threshold
    return miss / (abs(c.threshold) or 1.0)


def judge(claim: Claim, runs: Mapping[str, Runs]) -> Verdict:
    """The verdict on ``claim`` from the runs of its arms, which must share their seeds.

    With no effect beyond the threshold, at most 2.5% of verdicts say supported, where the seeds vary
    evenly about their mean or are skewed past the threshold (3.1% for a fraction of five
    seeds, where all must agree). Where most seeds lie past it and a few far
    short of it, more do: the few are often not in the sample. The same holds for calling an effect absent
    in a control. How many more, for each recorded effect, tests/test_simulation.py prints. So what is barely
    past its threshold proves little.

    With no effect at all, an assay that is met, and an interval narrower than the threshold, 95% of verdicts say
    refuted: absent. An assay without its effect gives no refuted.

    Raises
    ------
    ValueError
        If the arms do not have the same seeds, each once, with as many readings; or if one is not there.
    TypeError
        If it is no claim, or what ran is something else than runs by the name of their arm.
    """
    checks.one("claim", claim, Claim)
    if shared_seeds(runs, claim.arms) is None:
        raise ValueError(f"the arms of {claim.id} must have the same seeds to be judged together")
    predicted = _measure(claim.conditions, runs)
    tests = tuple(_measure(test.conditions, runs) for test in claim.tests)
    dead = tuple(arm for arm, bound in claim.trains if not _trains(runs[arm], bound))
    diverged = sum(int((~runs[arm].finished).sum()) for arm in claim.arms)
    seconds = sum(float(np.sum(runs[arm]["seconds"])) for arm in claim.arms)
    specs = {arm: runs[arm].spec for arm in claim.arms}
    steps = max(specs[arm].optimiser.steps for c in claim.conditions for arm in c.effect.arms)
    return Verdict(claim, predicted, tests, dead, diverged, seconds, scale_of(specs.values()), steps)


def _trains(runs: Runs, bound: float) -> bool:
    return bool(runs.finished.all() and np.mean(training_loss(runs)) < bound)


@np.errstate(all="ignore")  # what is not finite makes the claim void: that says it, no warning need
def _measure(conditions: Sequence[Condition], runs: Mapping[str, Runs]) -> tuple[Measured, ...]:
    return tuple(Measured(c, _interval(c.effect.values(runs))) for c in conditions)


def _interval(values: np.ndarray) -> Interval:
    return wilson_interval(int(values.sum()), len(values)) if values.dtype == bool else t_interval(values)


def unseen(record: Runs, live: Runs | None) -> Runs:
    """The recorded seeds that ``live`` did not run: a band from its own seeds would be too kind to it."""
    keep = [i for i, seed in enumerate(record.seeds) if live is None or seed not in live.seeds]
    return record if len(keep) < FEWEST_SEEDS else record.some(keep)


def effect_band(effect: Effect, recorded: Mapping[str, Runs], live: Mapping[str, Runs]) -> tuple[float, float]:
    """Where the mean of ``effect`` over the live seeds should fall (99%), from the recorded seeds that are not live.

    Low and high, in the same unit as the effect; see :func:`whyresnets.stats.prediction_band`, and
    :func:`whyresnets.stats.fraction_band` for a
    fraction of seeds. Leaving out live seeds: chosen by us.
    """
    values = effect.values({arm: unseen(run_of(recorded, arm), run_of(live, arm)) for arm in effect.arms})
    shared_seeds(live, effect.arms)
    new = len(live[effect.arms[0]].seeds)
    if values.dtype == bool:
        return fraction_band(values, new)
    low, high = prediction_band(values, new)
    return float(low), float(high)
