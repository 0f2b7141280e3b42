"""Claim, prediction, control -> verdict; and the intervals.

A claim is data. What it predicts are conditions on effects; an effect is one number a seed, the sum
of a reading over some arms minus the sum over others. Verdicts are computed, never typed.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields

import numpy as np

from whyresnets import curvature, store
from whyresnets.training import Runs, Spec

CHANCE = math.log(10)  # nats: the loss of ten equal guesses
TRAINED = 0.5  # nats: the training loss below which a net counts as trained (chosen by us)
DEGENERATE = 1e-4  # of the largest eigenvalue: nearer to 0 counts as degenerate (chosen by us)
FEWEST_SEEDS = 5  # under this, no verdict word (chosen by us)
LIVE_SEEDS = 5  # of a reader's own run (chosen by us: minutes on a laptop)
RECORD_SEEDS = 20  # of a record (chosen by us)
CONFIDENCE = 0.95  # of intervals (chosen by us, as usual)
BAND = 0.99  # of prediction intervals: what a reader's own run is judged against (chosen by us)


# --- Readings: one number a seed, shape (S,) --------------------------------------------------


def training_loss(runs: Runs) -> np.ndarray:
    """Cross-entropy over all training examples, batch statistics, in nats (S,); a diverged seed scores chance.

    Source: the quantity that rises in He et al. 2015, Figure 1 (they plot errors); the score is ours.
    """
    return np.where(runs.finished, runs["train_loss"], CHANCE)


def trained(runs: Runs) -> np.ndarray:
    """Whether a seed's training loss ends below :data:`TRAINED`, (S,) of bool; a diverged seed's does not.

    Source: ours, for "does it train".
    """
    return training_loss(runs) < TRAINED


def start_loss(runs: Runs) -> np.ndarray:
    """Mean mini-batch loss over the last ten steps, in nats (S,); a diverged seed scores chance.

    Source: ours, for He et al. 2015, section 4.2, where a net "starts converging".
    """
    late = runs["curve"][:, -10:]
    return np.where(np.isfinite(late).all(1), late.mean(1), CHANCE)


def log10_gradient_ratio(runs: Runs) -> np.ndarray:
    """log10 of ||dE/dx|| at the first state over the last, dimensionless (S,); above 0: it grows on its way back.

    Source: ours, for the "healthy norms" of He et al. 2015, section 4.1, who give no equation.
    """
    norms = runs["state_gradient_norm"]
    return np.log10(norms[:, 0] / norms[:, -1])


def gradient_distance(runs: Runs) -> np.ndarray:
    """|log10 of the gradient ratio|: decades away from a norm that is kept, dimensionless (S,).

    Source: ours, see :func:`log10_gradient_ratio`.
    """
    return np.abs(log10_gradient_ratio(runs))


def gradient_ratios(runs: Runs, reading: int = -1) -> np.ndarray:
    """r_l = ||dE/dx_(l-1)|| / ||dE/dx_l|| of each block, dimensionless (S, L); 1: the block keeps the norm.

    Of an untrained net, or at the ``reading``-th watched step: -1 is the end, 0 the start. Source: ours, for
    the "norm of the gradient" that blocks preserve (Zaeemzadeh et al. 2021, abstract).
    """
    watched = "watched_gradient_norm" in runs.arrays
    norms = runs["watched_gradient_norm"][:, reading] if watched else runs["state_gradient_norm"]
    return norms[:, :-1] / norms[:, 1:]


def response_distance(runs: Runs) -> np.ndarray:
    """Largest |log10 of a layer's response std|: decades away from a kept forward signal, dimensionless (S,).

    Source: ours, from the layer responses of He et al. 2015, section 4.2.
    """
    return np.abs(np.log10(runs["response_std"])).max(1)


def gauss_newton_zeros(runs: Runs) -> np.ndarray:
    """Eigenvalues of the Gauss-Newton matrix that are 0 but for rounding, at the first reading, dimensionless (S,).

    Source: ours, for the "singular" of Orhan and Pitkow 2018, section 2.1.
    """
    return np.where(runs.finished, runs["gauss_newton_zeros"][:, 0], np.nan)


def eigenvalue_share(runs: Runs, reading: str, threshold: float = DEGENERATE) -> np.ndarray:
    """A share of eigenvalues at every step of ``spectra``, dimensionless (S, K).

    ``reading`` is one of "gauss_newton_degenerate", "hessian_degenerate", "hessian_negative"; see
    :mod:`whyresnets.curvature`. Source: Orhan and Pitkow 2018, as recalled; the threshold is ours.
    """
    (where,) = np.flatnonzero(np.isclose(curvature.THRESHOLDS, threshold, rtol=1e-6, atol=0))
    return np.where(runs.finished[:, None], runs[reading][:, :, where], np.nan)


# --- Intervals ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Interval:
    """A ``mean`` over ``n`` seeds with its interval from ``low`` to ``high``; same unit as the values."""

    mean: float
    low: float
    high: float
    n: int


def t_interval(values: np.ndarray) -> Interval:
    """95% Student's t interval for the mean of ``values`` (S,), in the same unit (Student 1908).

    NaN in, NaN out; infinite with one seed. It covers 95% for normal values; skew takes about
    skew^2 / 4 n from that (tests/test_simulation.py has the recorded effects, one by one).
    """
    n, mean = len(values), float(np.mean(values))
    half = _t(CONFIDENCE, n) * float(np.std(values, ddof=1)) / math.sqrt(n) if n > 1 else math.inf
    return Interval(mean, mean - half, mean + half, n)


def prediction_band(values: np.ndarray, new: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """99% prediction interval for the mean of ``new`` further seeds, from recorded ``values``, seeds first.

    Returns (low, high), each of the shape of ``values`` without the seeds; same unit. Source: Student's t
    of a difference of two means with one variance (Student 1908), so exact for normal values.
    """
    n = len(values)
    half = _t(BAND, n) * np.std(values, axis=0, ddof=1) * math.sqrt(1 / n + 1 / new)
    return np.mean(values, axis=0) - half, np.mean(values, axis=0) + half


def loss_band(losses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """99% prediction interval for one new seed's loss, from recorded losses, seeds first; in nats.

    Returns (low, high), each of the shape of ``losses`` without the seeds. Computed on the logarithm (chosen
    by us): losses are positive and skewed towards large ones, the more so near 0.
    """
    low, high = prediction_band(np.log(losses))
    return np.exp(low), np.exp(high)


def fraction_band(successes: np.ndarray, new: int) -> tuple[float, float]:
    """99% prediction interval for the fraction of ``new`` seeds that succeed, from recorded ones (S,) of bool.

    Low and high, dimensionless. Source: the beta-binomial predictive distribution after Jeffreys' prior, which
    leaves room for a first failure where the record has none.
    """
    from scipy.stats import betabinom

    hits, n = int(successes.sum()), len(successes)
    predicted = betabinom(new, hits + 0.5, n - hits + 0.5)
    return float(predicted.ppf((1 - BAND) / 2)) / new, float(predicted.ppf((1 + BAND) / 2)) / new


def wilson_interval(successes: int, n: int) -> Interval:
    """Wilson's 95% interval for a fraction of seeds, dimensionless (Wilson 1927)."""
    from scipy.stats import binomtest

    bounds = binomtest(successes, n).proportion_ci(CONFIDENCE, method="wilson")
    return Interval(successes / n, bounds.low, bounds.high, n)


def _t(confidence: float, n: int) -> float:
    from scipy.stats import t

    return float(t.ppf((1 + confidence) / 2, n - 1))


# --- Claims -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Effect:
    """One number a seed: the sum of ``reading`` over the arms ``plus`` minus that over the arms ``minus``.

    ``says`` names it in tables. In place of an arm may stand a group of arms, a tuple: then ``reading`` takes the
    runs of them all, in that order. A reading that is true or false, of one arm or group alone, makes it a
    fraction of seeds.
    """

    says: str
    plus: tuple[str | tuple[str, ...], ...]
    minus: tuple[str | tuple[str, ...], ...] = ()
    reading: Callable[..., np.ndarray] = training_loss

    @property
    def arms(self) -> tuple[str, ...]:
        """The names of the arms that it needs."""
        return tuple(arm for term in self.plus + self.minus for arm in _group(term))

    def values(self, runs: Mapping[str, Runs]) -> np.ndarray:
        """The effect seed by seed (S,), in the same unit as its reading; arms are paired by seed (chosen by us).

        Of bool where it is a fraction of seeds.

        Raises
        ------
        ValueError
            If the arms do not have the same seeds.
        """
        if len({runs[arm].seeds for arm in self.arms}) > 1:
            raise ValueError(f"the arms {', '.join(self.arms)} must have the same seeds to be paired")
        plus, minus = (
            [self.reading(*(_in_double(runs[arm]) for arm in _group(term))) for term in terms]
            for terms in (self.plus, self.minus)
        )
        return plus[0] if len(plus) == 1 and not minus else sum(plus) - sum(minus)


class _InDouble(Mapping):
    """Arrays, those of 32 bits as 64 when they are asked for.

    A logarithm in 32 bits has other last digits on other processors; effects should not, as they are printed.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray]):
        self._arrays = arrays

    def __getitem__(self, name: str) -> np.ndarray:
        array = self._arrays[name]
        return array.astype(np.float64) if array.dtype == np.float32 else array

    def __iter__(self):
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)


def _in_double(runs: Runs) -> Runs:
    return Runs(runs.spec, runs.seeds, _InDouble(runs.arrays))


def _group(term: str | tuple[str, ...]) -> tuple[str, ...]:
    return (term,) if isinstance(term, str) else term


@dataclass(frozen=True)
class Condition:
    """What a claim predicts of an ``effect``: on which ``side`` of a ``threshold`` it lies.

    ``side`` is ">" or "<"; ``threshold`` is in the ``unit`` of the effect.
    """

    effect: Effect
    side: str
    threshold: float
    unit: str = "nats"

    def __str__(self) -> str:
        return f"{self.effect.says} {self.side} {self.threshold:g} {self.unit}".strip()

    def status(self, interval: Interval) -> str:
        """ "past" the threshold with the whole interval, "short" of it with the whole interval, or "straddles"."""
        sign = 1 if self.side == ">" else -1
        ends = sorted((sign * (interval.low - self.threshold), sign * (interval.high - self.threshold)))
        return "past" if ends[0] > 0 else "short" if ends[1] < 0 else "straddles"


@dataclass(frozen=True)
class Test:
    """Conditions under a name: a control, a rival, what is given, or where a claim turns.

    ``says`` is the name; all ``conditions`` must be past for it to pass.
    """

    says: str
    conditions: tuple[Condition, ...]

    __test__ = False  # not a pytest class


@dataclass(frozen=True)
class Claim:
    """One published claim, or our sharpening of one; what it predicts here, and what must fail.

    Attributes
    ----------
    id : as in the ledger
    source : bibliography key and section
    says : the claim in one sentence
    conditions : what it predicts; all must be past for it to be supported, one short refutes it
    controls : the supposed cause removed or restored, all else equal; each must fall short
    trains : arms that must be alive for the claim to mean anything, with the mean loss (nats) they must beat;
        every seed must stay finite
    given : what must be so in the arms for the claim to mean anything; unless all its conditions are past, it is void
    turns_when : a second, measured condition under which the claim stops holding
    rival : another mechanism that reaches the effect: if it passes, the claim's own is not necessary; no verdict
        depends on it
    not_shown : what a verdict here does not say
    live : judged in the reader's own run; otherwise judged from its laptop record
    seeds : of the reader's own run, where it is live
    """

    id: str
    source: str
    says: str
    conditions: tuple[Condition, ...]
    controls: tuple[Test, ...]
    trains: tuple[tuple[str, float], ...] = ()
    given: Test | None = None
    turns_when: Test | None = None
    rival: Test | None = None
    not_shown: str = ""
    live: bool = True
    seeds: int = LIVE_SEEDS

    @property
    def roles(self) -> tuple[tuple[str, Test], ...]:
        """Everything that is measured beside the conditions, each with its part: controls first."""
        others = {"given": self.given, "turns when": self.turns_when, "rival": self.rival}
        return (*(("control", test) for test in self.controls), *((r, t) for r, t in others.items() if t))

    @property
    def tests(self) -> tuple[Test, ...]:
        """The tests of :attr:`roles`."""
        return tuple(test for _, test in self.roles)

    @property
    def arms(self) -> tuple[str, ...]:
        """Every arm that a verdict needs, each once."""
        conditions = [*self.conditions, *(c for test in self.tests for c in test.conditions)]
        names = [arm for c in conditions for arm in c.effect.arms] + [arm for arm, _ in self.trains]
        return tuple(dict.fromkeys(names))


@dataclass(frozen=True)
class Outcome:
    """One ``condition``, measured: the ``interval`` of its effect."""

    condition: Condition
    interval: Interval

    @property
    def status(self) -> str:
        """See :meth:`Condition.status`."""
        return self.condition.status(self.interval)


@dataclass(frozen=True)
class Verdict:
    """A claim, judged: ``word`` is computed from what was measured, None under five seeds.

    Attributes
    ----------
    claim : what was judged
    outcomes : its conditions, measured
    tests : the conditions of each of ``claim.tests``, measured, in order
    dead : arms that should train and did not
    diverged : runs of all its arms whose loss did not stay finite
    seconds : of all runs of its arms, on one core each
    """

    claim: Claim
    outcomes: tuple[Outcome, ...]
    tests: tuple[tuple[Outcome, ...], ...]
    dead: tuple[str, ...]
    diverged: int
    seconds: float

    @property
    def n(self) -> int:
        """Number of seeds."""
        return self.outcomes[0].interval.n

    def measured(self, role: str) -> list[tuple[Outcome, ...]]:
        """The tests that play this ``role`` ("control", "given", "turns when", "rival"), measured."""
        return [o for (r, _), o in zip(self.claim.roles, self.tests, strict=True) if r == role]

    @property
    def controls_fail(self) -> bool:
        """Whether every control falls short, with a whole interval, of one of its conditions at least."""
        controls = self.measured("control")
        return bool(controls) and all(_short(outcomes) for outcomes in controls)

    @property
    def word(self) -> str | None:
        """supported, refuted, contested, undecided or void; None under five seeds."""
        measured = [o for outcomes in (self.outcomes, *self.tests) for o in outcomes]
        if self.n < FEWEST_SEEDS:
            return None
        if self.dead or not all(math.isfinite(o.interval.high - o.interval.low) for o in measured):
            return "void"
        if any(o.status != "past" for outcomes in self.measured("given") for o in outcomes):
            return "void"
        if _short(self.outcomes):
            return "refuted"
        if any(o.status != "past" for o in self.outcomes) or not self.controls_fail:
            return "undecided"
        return "contested" if any(map(_short, self.measured("turns when"))) else "supported"

    @property
    def effect(self) -> Outcome:
        """The claim's first condition, measured: the number in the ledger."""
        return self.outcomes[0]

    @property
    def decisive_control(self) -> Outcome:
        """Of the control that comes closest to passing, the condition that it fails most clearly."""
        controls = self.measured("control")
        return min((max(c, key=_shortfall) for c in controls), key=_shortfall)


def _short(outcomes: Sequence[Outcome]) -> bool:
    return any(o.status == "short" for o in outcomes)


def _shortfall(o: Outcome) -> float:
    """By how much the nearer end of the interval misses the threshold, as a multiple of the threshold's size."""
    c, i = o.condition, o.interval
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

    Raises
    ------
    ValueError
        If the arms do not have the same seeds.
    """
    if len({runs[arm].seeds for arm in claim.arms}) > 1:
        raise ValueError(f"the arms of {claim.id} must have the same seeds to be judged together")
    outcomes = _measure(claim.conditions, runs)
    tests = tuple(_measure(test.conditions, runs) for test in claim.tests)
    dead = tuple(arm for arm, bound in claim.trains if not _trains(runs[arm], bound))
    diverged = sum(int((~runs[arm].finished).sum()) for arm in claim.arms)
    seconds = sum(float(np.sum(runs[arm]["seconds"])) for arm in claim.arms)
    return Verdict(claim, outcomes, tests, dead, diverged, seconds)


def _trains(runs: Runs, bound: float) -> bool:
    return bool(runs.finished.all() and np.mean(training_loss(runs)) < bound)


@np.errstate(all="ignore")  # what is not finite makes the claim void: that says it, no warning need
def _measure(conditions: Sequence[Condition], runs: Mapping[str, Runs]) -> tuple[Outcome, ...]:
    return tuple(Outcome(c, _interval(c.effect.values(runs))) for c in conditions)


def _interval(values: np.ndarray) -> Interval:
    return wilson_interval(int(values.sum()), len(values)) if values.dtype == bool else t_interval(values)


# --- Chapters -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Published:
    """A number that a paper prints, beside which ours stands.

    Attributes
    ----------
    arm : ours, at the larger scales
    says : what the paper's net is, in its words
    error : its test error, as printed
    source : bibliography key and where it stands
    protocol : its Spec, as far as ours can say it
    """

    arm: str
    says: str
    error: str
    source: str
    protocol: Spec

    def differs(self, spec: Spec) -> list[str]:
        """In what ``spec`` differs from the paper's protocol, readings apart: "steps 400 (theirs: 64,000)", say."""
        pairs = [
            (field.name, getattr(spec, field.name), getattr(self.protocol, field.name))
            for field in fields(Spec)
            if field.name not in READINGS
        ]
        return [f"{name} {_plain(ours)} (theirs: {_plain(theirs)})" for name, ours, theirs in pairs if ours != theirs]


READINGS = ("signals", "watch", "spectra", "extend_to")  # fields of a Spec that say what is read, not what is done


def _plain(value) -> str:
    if isinstance(value, tuple):
        return "/".join(map(str, value))
    return f"{value:,}" if type(value) is int else str(value)


SMALL = ("smoke", "laptop")  # scales at which every claim is judged


class NotBuilt(Exception):
    """Something that the command line names but this version cannot do yet."""


@dataclass(frozen=True)
class Chapter:
    """A chapter's claims as data, its arms, and which of them run live.

    Attributes
    ----------
    name, title : as in the book
    claims : in the order of the ledger
    laptop : arm -> Spec, at laptop scale
    larger : scale -> arm -> Spec, for "workstation" and "paper" where they are planned
    shown : arms that run live for a figure only, with all live seeds
    probes : arms of which one seed runs live and is compared with the printed band
    grid : arm -> the Specs of its learning-rate grid
    larger_grid : scale -> the same, where rates are tuned at that scale, too
    larger_claims : scale -> the claims that are judged there, under the same ids, some with other thresholds
    published : numbers of the papers, and the arms that they stand beside
    dropped : claims that were tried and are not in the ledger, each with the reason
    outcome : the reading by which the rates of the grid are compared, in nats
    compact : its records keep a few steps of each curve, in 32 bits (see :func:`whyresnets.store.compact`)
    whole : arms that it keeps whole nevertheless, every step and all 64 bits
    unread : readings that nothing in the chapter uses, and its records leave out
    builds_on : what a student should know before it, as Markdown
    """

    name: str
    title: str
    claims: tuple[Claim, ...]
    laptop: Mapping[str, Spec]
    larger: Mapping[str, Mapping[str, Spec]] = field(default_factory=dict)
    shown: tuple[str, ...] = ()
    probes: tuple[str, ...] = ()
    grid: Mapping[str, tuple[Spec, ...]] = field(default_factory=dict)
    larger_grid: Mapping[str, Mapping[str, tuple[Spec, ...]]] = field(default_factory=dict)
    larger_claims: Mapping[str, tuple[Claim, ...]] = field(default_factory=dict)
    published: tuple[Published, ...] = ()
    dropped: tuple[str, ...] = ()
    outcome: Callable[[Runs], np.ndarray] = training_loss
    compact: bool = False
    whole: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    builds_on: str = ""

    def claim(self, id: str, scale: str = "laptop") -> Claim:
        """The claim called ``id``, as it is judged at ``scale``.

        Raises
        ------
        KeyError
            If the chapter has no such claim there.
        """
        return {claim.id: claim for claim in self.claims_at(scale)}[id]

    def claims_at(self, scale: str) -> tuple[Claim, ...]:
        """The claims that are judged at ``scale``, as they are judged there, in the order of the ledger."""
        return self.claims if scale in SMALL else self.larger_claims.get(scale, ())

    def grids(self, scale: str) -> Mapping[str, tuple[Spec, ...]]:
        """Arm -> the Specs of its learning-rate grid at ``scale``; none where rates are not tuned there."""
        return self.grid if scale == "laptop" else self.larger_grid.get(scale, {})

    def grid_record(self, scale: str) -> str:
        """The name of the record of those grids."""
        return f"{self.name}-grid" if scale == "laptop" else f"{self.name}-{scale}-grid"

    def arms(self, scale: str) -> dict[str, Spec]:
        """Arm -> Spec at ``scale``.

        Raises
        ------
        NotBuilt
            If the chapter has no plan at that scale yet.
        """
        if scale == "laptop":
            return dict(self.laptop)
        if scale == "smoke":  # seconds for all arms; its verdicts say nothing
            return {arm: smoke(spec) for arm, spec in self.laptop.items()}
        if scale in self.larger:
            return dict(self.larger[scale])
        raise NotBuilt(f"scale {scale!r} is not built yet for {self.name}: use --scale laptop or --scale smoke")

    def live(self) -> dict[str, tuple[Spec, range]]:
        """The plan that a reader's own run trains: arm -> Spec and seeds."""
        plan = {arm: (self.laptop[arm], range(LIVE_SEEDS)) for arm in self.shown}
        for claim in self.claims:
            for arm in claim.arms if claim.live else ():
                most = max(claim.seeds, len(plan[arm][1]) if arm in plan else 0)
                plan[arm] = self.laptop[arm], range(most)
        return plan | {arm: (self.laptop[arm], range(1)) for arm in self.probes if arm not in plan}

    def recorded(self, scale: str = "laptop", first_seed: int = 0) -> dict[str, Runs]:
        """The arms of the shipped record at ``scale``; those not recorded are left out."""
        record = store.record(f"{self.name}-{scale}")
        found = {arm: record.runs(spec, first_seed) for arm, spec in self.arms(scale).items()} if record else {}
        return {arm: runs for arm, runs in found.items() if runs is not None}

    def stale(self, scale: str = "laptop") -> bool:
        """Whether some arm of the shipped record was made with other code than today's."""
        record = store.record(f"{self.name}-{scale}")
        return bool(record and record.stale)

    def printed(self, claim: Claim, scale: str = "laptop") -> Verdict | None:
        """The verdict at ``scale`` computed from the shipped record, or None where there is no complete one."""
        try:
            runs = self.recorded(scale)
        except NotBuilt:
            return None
        if scale not in SMALL:
            there = {c.id: c for c in self.claims_at(scale)}
            if (claim := there.get(claim.id)) is None:
                return None
        if not set(claim.arms) <= set(runs):
            return None
        n = min(len(runs[arm].seeds) for arm in claim.arms)  # an arm that claims share may have more
        return judge(claim, {arm: runs[arm].first(n) for arm in claim.arms})


def smoke(spec: Spec) -> Spec:
    """The same Spec, cut to a fraction of a second."""
    depth = min(spec.depth, 12) if spec.family == "dense" else spec.depth
    small = {"depth": depth, "widths": (4,) * len(spec.widths), "distinct": min(spec.distinct, 4)}
    return spec.cut(2).but(**small, batch=16)


# Times as many steps, times as wide a fully connected net, widths of a convolutional one: one epoch of CIFAR-10 with
# the nets of the laptop (chosen by us); and He et al.'s 64,000 iterations and widths.
SIZES = {"workstation": (4, 2, (8, 16, 32)), "paper": (640, 4, (16, 32, 64))}


def larger(spec: Spec, scale: str) -> Spec:
    """The same Spec on CIFAR-10, of the size that :data:`SIZES` has for "workstation" or "paper".

    Batch 128 and augmentation as in He et al. 2015, section 4.2, where a net is trained; convolutional ones are trained
    in bfloat16, which is read in float32 (chosen by us: 1.5 times as fast on processors that have it).
    """
    steps, width, widths = SIZES[scale]
    dense = spec.family == "dense"
    return spec.but(
        data="cifar10",
        batch=128,
        augment=spec.steps > 0,
        widths=tuple(width * w for w in spec.widths) if dense else widths,
        steps=steps * spec.steps,
        watch=tuple(steps * step for step in spec.watch),
        precision="float32" if dense or not spec.steps else "bfloat16",
    )


def unseen(record: Runs, live: Runs | None) -> Runs:
    """The recorded seeds that ``live`` did not run: a band from its own seeds would be too kind to it."""
    keep = [i for i, seed in enumerate(record.seeds) if live is None or seed not in live.seeds]
    if len(keep) < FEWEST_SEEDS:
        return record
    return Runs(record.spec, tuple(record.seeds[i] for i in keep), {k: v[keep] for k, v in record.arrays.items()})


def effect_band(effect: Effect, recorded: Mapping[str, Runs], live: Mapping[str, Runs]) -> tuple[float, float]:
    """Where the mean of ``effect`` over the live seeds should fall (99%), from the recorded seeds that are not live.

    Low and high, in the same unit as the effect; see :func:`prediction_band`, and :func:`fraction_band` for a
    fraction of seeds. Leaving out live seeds: chosen by us.
    """
    values = effect.values({arm: unseen(recorded[arm], live[arm]) for arm in effect.arms})
    band = fraction_band if values.dtype == bool else prediction_band
    return band(values, len(live[effect.arms[0]].seeds))
