"""The verdict machinery by simulation: what the intervals cover, and how often *supported* is wrong.

Each test prints its numbers as a table: ``pytest tests/test_simulation.py -s``.
"""

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pytest
from made import EVERY_CLAIM, made, recorded
from scipy.stats import binom, skew

from whyresnets import stats
from whyresnets.chapters import CHAPTERS
from whyresnets.claims.effects import Condition, nats
from whyresnets.claims.quantities import training_loss
from whyresnets.claims.verdicts import RECORD_SEEDS, Claim, Test, effect_band, judge
from whyresnets.training.runs import Runs

SEEDS = (5, 10, 20)  # how many seeds an interval is made from
CHANCE_OF_BAD_LUCK = 1e-4  # how often a machine that keeps its promise would fail one comparison below
TRIALS = 20_000
BOOKS = 3_000  # simulated books: enough to tell 2.5% from 5%, as the last test shows
JUDGED = 50  # of them in the short form of a test; the long one judges all
PROMISE = 0.025  # of books may say supported where there is no true effect: one side of a 95% interval
quantile = functools.cache(stats._t)  # it takes most of the time of a verdict, and there are few different ones


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Every quantile is computed once."""
    monkeypatch.setattr(stats, "_t", quantile)


def at_least(hits: int, trials: int, share: float) -> bool:
    """Whether so few hits are compatible with a true share of ``share`` or more."""
    return hits >= binom.ppf(CHANCE_OF_BAD_LUCK, trials, share)


def at_most(hits: int, trials: int, share: float) -> bool:
    """Whether so many hits are compatible with a true share of ``share`` or less."""
    return hits <= binom.ppf(1 - CHANCE_OF_BAD_LUCK, trials, share)


def as_promised(hits: int, trials: int, share: float) -> bool:
    return at_least(hits, trials, share) and at_most(hits, trials, share)


def t_intervals(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`t_interval` of every row of ``values`` (trials, n), all at once."""
    n, mean = values.shape[1], values.mean(1)
    half = quantile(stats.CONFIDENCE, n) * values.std(1, ddof=1) / math.sqrt(n)
    for row in range(10):
        one = stats.t_interval(values[row])
        assert (one.low, one.high) == pytest.approx((mean[row] - half[row], mean[row] + half[row]))
    return mean - half, mean + half


# --- Intervals ----------------------------------------------------------------------------------


@pytest.mark.parametrize("n", SEEDS)
def test_t_intervals_cover_the_mean_of_normal_values(n):
    low, high = t_intervals(np.random.default_rng(n).normal(3, 2, (TRIALS, n)))
    for hits in (low <= 3, high >= 3):  # each end misses half as often as both
        assert as_promised(hits.sum(), TRIALS, 1 - PROMISE)
    assert as_promised(((low <= 3) & (high >= 3)).sum(), TRIALS, 0.95)


def despite_skew(skewness: float, n: int) -> float:
    """What is left of 95% for values of that skew.

    What skew takes from the coverage of Student's t is, in the Edgeworth expansion, first of all
    phi(z) z (z^4 + 2 z^2 - 3) skew^2 / 9 n: a quarter of skew^2 / n, at z = 1.96. The rest is of
    order 1 / n^2.
    """
    return max(0.0, 0.95 - skewness**2 / (4 * n) - 1 / n**2)


def lognormal(rng, size, sigma=0.8):
    """Losses near their floor: positive, many small and some large; mean 0.5."""
    return 0.5 * rng.lognormal(-(sigma**2) / 2, sigma, size)


SKEWED = {
    "lognormal loss": lognormal,
    "its difference from a normal one": lambda rng, size: lognormal(rng, size) - rng.normal(0, 0.4, size),
    "difference of two lognormal losses": lambda rng, size: lognormal(rng, size) - lognormal(rng, size),
    "difference of two, unlike": lambda rng, size: lognormal(rng, size) - lognormal(rng, size, 0.4),
}


@pytest.mark.parametrize("name", list(SKEWED))
def test_t_intervals_of_skewed_losses_cover_as_much_as_their_skew_leaves(name):
    rng, draw = np.random.default_rng(1), SKEWED[name]
    many = draw(rng, 1_000_000)
    mean, skewness = many.mean(), skew(many)
    print(f"\n{name} (skew {skewness:.1f}), covered at n = 5, 10, 20:", end=" ")
    for n in SEEDS:
        low, high = t_intervals(draw(rng, (TRIALS, n)))
        hits = ((low <= mean) & (mean <= high)).sum()
        print(f"{hits / TRIALS:.1%}", end=" ")
        assert at_least(hits, TRIALS, despite_skew(skewness, n))


# --- Recorded effects: the recorded seeds stand for all seeds ---------------------------------------


@dataclass(frozen=True, eq=False)
class Recorded:
    """What is judged of a claim, and the effect in all recorded seeds.

    Attributes
    ----------
    where : the claim, and what part of it
    condition : what is judged
    fewest : with how few seeds
    helps : on which side of the threshold an interval helps the claim: 1 above, -1 below
    values : the effect (40,)
    """

    where: str
    condition: Condition
    fewest: int
    helps: int
    values: np.ndarray

    @property
    def rounding_only(self) -> bool:
        """Whether all seeds lie a thousand times closer to each other than to the threshold.

        So does a quantity that is exact, but for rounding: its few different values are no sample of anything.
        """
        return np.ptp(self.values) < 1e-3 * abs(self.values.mean() - self.condition.threshold)

    @property
    def mostly_one_value(self) -> bool:
        """Whether more than half of the seeds give the same number, as where most leave at once: no t fits."""
        return np.unique(self.values, return_counts=True)[1].max() > len(self.values) / 2


@functools.cache
def seeds_0_and_1000(chapter) -> Mapping[str, Runs]:
    """The record with both its groups of seeds, twenty of each, or as many as there are."""
    groups = [recorded(chapter, first_seed) for first_seed in (0, 1000)]
    both = {
        arm: [group[arm].first(RECORD_SEEDS) if arm in group else runs.first(0) for group in groups]
        for arm, runs in groups[0].items()
    }
    return {
        arm: Runs(
            one.spec,
            one.seeds + other.seeds,
            {name: np.concatenate([values, other[name]]) for name, values in one.arrays.items()},
        )
        for arm, (one, other) in both.items()
    }


@functools.cache
def recorded_effects() -> list[list[Recorded]]:
    """Those of each chapter that are no fractions, of which Wilson's intervals are counted below."""
    found = {chapter.name: [] for chapter in CHAPTERS}
    for chapter, claim in EVERY_CLAIM:
        if any(len(seeds_0_and_1000(chapter)[arm].seeds) < 2 * RECORD_SEEDS for arm in claim.arms):
            continue  # too few to draw from: what they say of all seeds is itself a guess
        fewest = claim.seeds if claim.live else RECORD_SEEDS
        parts = [("claim", claim.conditions), *(("control", test.conditions) for test in claim.tests)]
        for part, condition in ((part, condition) for part, conditions in parts for condition in conditions):
            values = condition.effect.values(seeds_0_and_1000(chapter))
            if values.dtype == bool:
                continue
            assert len(values) == 2 * RECORD_SEEDS
            helps = 1 if (condition.side == ">") == (part == "claim") else -1
            effect = Recorded(f"{claim.id} {part}", condition, fewest, helps, values.astype(float))
            found[chapter.name] += [] if effect.rounding_only else [effect]
    return list(found.values())


@functools.cache
def draws(n: int, group: int = 0) -> np.ndarray:
    """How often each of the forty seeds is in each sample of ``n`` (TRIALS, 40); the same samples for every effect.

    Drawn with replacement; without it, n of 40 would know too much of the 40. Another ``group`` has other samples.
    """
    seeds = 2 * RECORD_SEEDS
    drawn = np.random.default_rng([group, n]).integers(seeds, size=(TRIALS, n))
    where = drawn + seeds * np.arange(TRIALS)[:, None]
    return np.bincount(where.ravel(), minlength=TRIALS * seeds).reshape(TRIALS, seeds).astype(float)


def samples(counts: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each sample (TRIALS, E) of ``values`` (40, E), which have mean 0."""
    n = counts[0].sum()
    mean = counts @ values / n
    variance = (counts @ values**2 - n * mean**2) / max(n - 1, 1)
    return mean, np.sqrt(np.maximum(variance, 0))


def about_zero(effects: list[Recorded]) -> tuple[np.ndarray, np.ndarray]:
    """The values of all effects (40, E), and their thresholds (E,), both less the mean."""
    values = np.stack([effect.values for effect in effects], 1)
    return values - values.mean(0), np.array([effect.condition.threshold for effect in effects]) - values.mean(0)


def t_intervals_of_samples(n: int, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`t_interval` of each sample of ``n`` (TRIALS, E)."""
    mean, std = samples(draws(n), values)
    half = quantile(stats.CONFIDENCE, n) * std / math.sqrt(n)
    for row in range(3):
        one = stats.t_interval(np.repeat(values[:, row], draws(n)[row].astype(int)))
        assert (one.low, one.high) == pytest.approx((mean[row, row] - half[row, row], mean[row, row] + half[row, row]))
    return mean - half, mean + half


@pytest.mark.parametrize("chapter", range(len(CHAPTERS)), ids=[chapter.name for chapter in CHAPTERS])
def test_t_intervals_of_recorded_effects_cover_as_much_as_their_skew_leaves(chapter):
    """Intervals from n of the recorded seeds against the mean of all, for as many seeds as a claim is judged with.

    "Wrong" is the share of intervals that would help the claim if that mean were the threshold: a claim's past it, a
    control's short of it. Where no interval gets to the threshold at all, no verdict hangs on it.
    """
    effects = recorded_effects()[chapter]
    assert all(np.ptp(effect.values) > 0 for effect in effects)
    values, thresholds = about_zero(effects)
    cells, short = {effect: [] for effect in effects}, []
    for n in SEEDS:
        low, high = t_intervals_of_samples(n, values)
        covered = ((low <= 0) & (high >= 0)).sum(0)
        wrong = {1: (low > 0).mean(0), -1: (high < 0).mean(0)}
        decides = ~((low > thresholds).all(0) | (high < thresholds).all(0))
        for i, effect in enumerate(effects):
            cells[effect].append(f"{covered[i] / TRIALS:6.1%} ({wrong[effect.helps][i]:5.1%})")
            judged = decides[i] and n >= effect.fewest and not effect.mostly_one_value
            if judged and not at_least(covered[i], TRIALS, despite_skew(skew(effect.values), n)):
                short.append((effect.where, str(effect.condition), n))
    print("\nskew; covered (wrong) at n = 5, 10, 20")
    for effect in effects:
        print(f"{skew(effect.values):5.1f}", *cells[effect], f"{effect.where}: {effect.condition}")
    assert not short


def test_where_most_seeds_give_one_value_no_draw_of_seeds_gets_to_the_threshold():
    found = [effect for effects in recorded_effects() for effect in effects if effect.mostly_one_value]
    assert found
    for effect in found:
        values, threshold = about_zero([effect])
        beyond = samples(draws(effect.fewest), values)[0] > threshold
        assert beyond.all() or not beyond.any(), (effect.where, str(effect.condition))


def whatever_the_distribution(n: int) -> float:
    """The least share of new values that a 99% band of n values holds, however they are distributed.

    Of n + 1 values, the number that lie past the band of the n others is at most (n + 1) / n (1 + (n - 1) / t^2),
    because their squared distances from the mean add up to one sum of squares (Saw, Yang and Mo 1984).
    """
    return 1 - math.floor((n + 1) / n * (1 + (n - 1) / quantile(stats.BAND, n) ** 2)) / (n + 1)


def held(n: int, new: int, values: np.ndarray) -> np.ndarray:
    """How many of the bands from samples of ``n`` hold the mean of ``new`` other seeds (E,)."""
    mean, std = samples(draws(n), values)
    half = quantile(stats.BAND, n) * std * math.sqrt(1 / n + 1 / new)
    for row in range(3):
        low, high = stats.prediction_band(np.repeat(values[:, row], draws(n)[row].astype(int)), new)
        assert (low, high) == pytest.approx((mean[row, row] - half[row, row], mean[row, row] + half[row, row]))
    means, _ = samples(draws(new, group=1), values)
    return (np.abs(means - mean) <= half + 1e-9 * np.abs(values).max(0)).sum(0)  # but for rounding


@pytest.mark.parametrize("chapter", range(len(CHAPTERS)), ids=[chapter.name for chapter in CHAPTERS])
def test_bands_from_recorded_seeds_hold_other_effects(chapter):
    """The bound is proved for one new seed; for the mean of five new ones it is only measured here."""
    effects, short = recorded_effects()[chapter], []
    values, _ = about_zero(effects)
    cells = {effect: [] for effect in effects}
    for n, new in ((n, new) for n in SEEDS for new in (1, 5)):
        hits, least = held(n, new, values), whatever_the_distribution(n)
        for effect, count in zip(effects, hits, strict=True):
            cells[effect].append(f"{count / TRIALS:6.1%}")
            if n >= effect.fewest and not at_least(count, TRIALS, least):
                short.append((effect.where, str(effect.condition), n, new))
    print("\nn = 5, 10, 20: one new seed, mean of five")
    for effect in effects:
        print(*cells[effect], f"{effect.where}: {effect.condition}")
    assert not short


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.name)
def test_loss_bands_from_recorded_seeds_hold_another_loss(chapter):
    runs = seeds_0_and_1000(chapter)
    whole = [arm for arm in runs if len(runs[arm].seeds) == 2 * RECORD_SEEDS]  # of fewer there are too few to draw from
    arms = [arm for arm in whole if runs[arm].spec.task.targets == "labels"]  # a loss that goes to 0 has no band
    losses = np.log(np.stack([training_loss(runs[arm]).astype(float) for arm in arms], 1))
    hits = {n: held(n, 1, losses - losses.mean(0)) for n in SEEDS}
    print("\nn = 5, 10, 20: one new seed")
    for i, arm in enumerate(arms):
        print(*(f"{hits[n][i] / TRIALS:6.1%}" for n in SEEDS), f"loss of {arm}")
    assert not [
        (arm, n)
        for n in SEEDS
        for arm, count in zip(arms, hits[n], strict=True)
        if not at_least(count, TRIALS, whatever_the_distribution(n))
    ]


# --- Bands --------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", SEEDS)
@pytest.mark.parametrize("new", [1, 5])
def test_prediction_bands_hold_a_new_mean_of_normal_values(n, new):
    rng = np.random.default_rng(n)
    low, high = stats.prediction_band(rng.normal(3, 2, (n, TRIALS)), new)
    means = rng.normal(3, 2, (new, TRIALS)).mean(0)
    assert as_promised(((low <= means) & (means <= high)).sum(), TRIALS, 0.99)


@pytest.mark.parametrize("n", SEEDS)
def test_loss_bands_hold_a_new_lognormal_loss(n):
    rng = np.random.default_rng(n)
    low, high = stats.loss_band(lognormal(rng, (n, TRIALS)))
    losses = lognormal(rng, TRIALS)
    assert as_promised(((low <= losses) & (losses <= high)).sum(), TRIALS, 0.99)


def test_effect_bands_hold_a_new_mean_of_paired_seeds():
    """Two arms with noise of their own and noise in common; the live seeds are in the record and must not count."""
    rng, hits, books = np.random.default_rng(4), 0, 2000
    effect = training_loss["a"] - training_loss["b"]
    for _ in range(books):
        common, own = rng.normal(0, 0.1, 25), rng.normal(0, 0.1, (2, 25))
        record = {arm: made(level + common + o) for arm, level, o in zip("ab", (2.0, 0.5), own, strict=True)}
        live = {arm: runs.first(5) for arm, runs in record.items()}
        low, high = effect_band(effect, record, live)
        hits += low <= effect.values(live).mean() <= high
    assert as_promised(hits, books, 0.99)


# --- Fractions ----------------------------------------------------------------------------------


@pytest.mark.parametrize("n", SEEDS)
def test_wilson_intervals_cover_a_fraction(n):
    """Counted exactly, no simulation: 95% averaged over fractions, down to 83% at single ones (Brown et al. 2001)."""
    fractions = np.linspace(0, 1, 2001)
    covered = np.zeros_like(fractions)
    for successes in range(n + 1):
        i = stats.wilson_interval(successes, n)
        covered += binom.pmf(successes, n, fractions) * ((i.low <= fractions) & (fractions <= i.high))
    print(f"\nWilson, n = {n}: mean {covered.mean():.1%}, least {covered.min():.1%}")
    assert 0.95 <= covered.mean() <= 0.96 and covered.min() >= 0.83


@pytest.mark.parametrize("n", SEEDS)
@pytest.mark.parametrize("new", [1, 5])
def test_fraction_bands_hold_a_new_fraction(n, new):
    """Counted exactly: at least 99% averaged over fractions, the prior's way of averaging them included."""
    fractions = np.linspace(0.0005, 0.9995, 1000)
    share = np.zeros(1000)
    for successes in range(n + 1):
        low, high = stats.fraction_band(np.arange(n) < successes, new)
        inside = binom.cdf(round(high * new), new, fractions) - binom.cdf(round(low * new) - 1, new, fractions)
        share += binom.pmf(successes, n, fractions) * inside
    for weight in (np.ones(1000), (fractions * (1 - fractions)) ** -0.5):  # even, and Jeffreys'
        assert (share * weight).sum() / weight.sum() >= 0.99


@pytest.mark.parametrize("n", SEEDS)
def test_a_fraction_of_one_half_is_rarely_called_more(n):
    """Counted exactly: 2.5% and less from ten seeds on, 3.1% at five, where all must agree; `judge` says so."""
    past = [k for k in range(n + 1) if stats.wilson_interval(k, n).low > 0.5]
    wrong = binom.pmf(past, n, 0.5).sum()
    assert wrong == pytest.approx(1 / 32) if n == 5 else wrong <= PROMISE


# --- Verdicts with no true effect ---------------------------------------------------------------


def rise(deep: str) -> Condition:
    return training_loss[deep] - training_loss["shallow"] > 0.5 * nats


def low(arm: str) -> Condition:
    return training_loss[arm] < 0.5 * nats


ABOVE = Claim("X", "", "", rise("deep"), (Test("built", rise("built")),), trains=(("shallow", 0.5),))
BELOW = Claim("X", "", "", low("deep"), (Test("built", low("built")),), trains=(("shallow", 0.5),))
BOTH = replace(ABOVE, conditions=(rise("deep"), low("other")))


def early(rng, size):
    """Skewed towards small losses, mean 0.5."""
    return 1 - lognormal(rng, size)


def rare(rng, size):
    """One seed in five never trains, mean 0.5."""
    return np.where(rng.random(size) < 0.2, 2.3, 0.05)


def level(mean):
    return lambda rng, size: mean + rng.normal(0, 0.1, size)


# The claim, and what its arms are like; there is no effect beyond the threshold, or the control does not fail.
NO_EFFECT = {
    "above, at the threshold": (ABOVE, {"deep": level(0.6)}),
    "above, none at all": (ABOVE, {"deep": level(0.1)}),
    "below, at the threshold": (BELOW, {"deep": level(0.5), "built": level(2)}),
    "second condition at the threshold": (BOTH, {"deep": level(2), "other": level(0.5)}),
    "control at the threshold": (ABOVE, {"deep": level(2), "built": level(0.6)}),
    "above, skewed past it": (ABOVE, {"deep": lambda *how: 0.1 + lognormal(*how)}),
    "below, skewed past it": (BELOW, {"deep": early, "built": level(2)}),
}
# Where the promise does not hold: noise that is skewed away from the threshold, so that most seeds lie past it.
SKEWED_SHORT = {
    "above, skewed short of it": (ABOVE, {"deep": lambda *how: 0.1 + early(*how)}),
    "below, skewed short of it": (BELOW, {"deep": lognormal, "built": level(2)}),
    "below, one seed in five fails": (BELOW, {"deep": rare, "built": level(2)}),
}


def simulated(claim: Claim, arms: dict, n: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Losses of ``n`` seeds in every simulated book, arm by arm (BOOKS, n), and in which the claim is supported.

    Counted from the intervals, all books at once; :func:`judged` asks the library.
    """
    rng = np.random.default_rng(n)
    arms = {"shallow": level(0.1), "built": level(0.1)} | arms
    losses = {arm: draw(rng, (BOOKS, n)) for arm, draw in arms.items()}

    def lies(condition: Condition, at_end: int) -> np.ndarray:
        """Whether the whole interval lies where the condition says (1), or where it does not (-1)."""
        effect = condition.effect
        low, high = t_intervals(sum(term.sign * losses[term.arms[0]] for term in effect.terms) - condition.threshold)
        return low > 0 if (condition.side == ">") == (at_end > 0) else high < 0

    books = np.all([lies(condition, 1) for condition in claim.conditions], 0)
    for control in claim.controls:
        books &= np.any([lies(condition, -1) for condition in control.conditions], 0)
    for arm, bound in claim.trains:
        books &= losses[arm].mean(1) < bound
    return losses, books


def judged(claim: Claim, losses: dict[str, np.ndarray], books: int) -> list[bool]:
    """Whether the library supports the claim in each of the first ``books``."""
    runs = ({arm: made(values[book]) for arm, values in losses.items()} for book in range(books))
    return [judge(claim, found).word == "supported" for found in runs]


def supported(claim: Claim, arms: dict, n: int) -> int:
    """In how many of the simulated books the claim is supported."""
    return int(simulated(claim, arms, n)[1].sum())


@pytest.mark.parametrize("n", SEEDS)
@pytest.mark.parametrize("name", list(NO_EFFECT))
def test_with_no_true_effect_supported_is_rare(name, n):
    count = supported(*NO_EFFECT[name], n)
    print(f"\n{name}, n = {n}: {count / BOOKS:.1%} supported", end=" ")
    assert at_most(count, BOOKS, PROMISE)


@pytest.mark.parametrize("n", SEEDS)
@pytest.mark.parametrize("name", list(SKEWED_SHORT))
def test_seeds_that_mostly_lie_past_the_threshold_break_the_promise(name, n):
    """A limit, not a wish: no interval sees the rare seeds that are not in the sample. `judge` says so."""
    count = supported(*SKEWED_SHORT[name], n)
    print(f"\n{name}, n = {n}: {count / BOOKS:.1%} supported", end=" ")
    assert not at_most(count, BOOKS, PROMISE)
    if SKEWED_SHORT[name][1]["deep"] is rare:
        few = (0, 1) if n == 20 else (0,)  # so many failures do not yet widen the interval to the threshold
        assert as_promised(count, BOOKS, binom.cdf(max(few), n, 0.2))


@pytest.mark.parametrize("books", [JUDGED, pytest.param(BOOKS, marks=pytest.mark.slow)])
@pytest.mark.parametrize("n", SEEDS)
@pytest.mark.parametrize("name", [*NO_EFFECT, *SKEWED_SHORT])
def test_simulated_books_are_judged_as_counted(name, n, books):
    claim, arms = (NO_EFFECT | SKEWED_SHORT)[name]
    losses, counted = simulated(claim, arms, n)
    assert judged(claim, losses, books) == counted[:books].tolist()


def test_the_bound_would_catch_intervals_of_90_percent(monkeypatch):
    """Their one side misses 5%: the tests above must be sharp enough to tell that from 2.5%."""
    monkeypatch.setattr(stats, "CONFIDENCE", 0.90)
    for name in ("above, at the threshold", "control at the threshold"):
        for n in (5, 20):
            assert not at_most(supported(*NO_EFFECT[name], n), BOOKS, PROMISE)


# --- Verdicts with no true effect, and an assay -----------------------------------------------------


def words(assay_level: float, n: int, books: int, deep: float = 0.1) -> list[str]:
    """Words and reasons of simulated books in which ``deep`` is no worse than ``shallow``; the assay's arm is given."""
    rng = np.random.default_rng(n)
    claim = replace(ABOVE, assay=Test("known to be worse", rise("known")))
    levels = {"deep": deep, "shallow": 0.1, "built": 0.1, "known": assay_level}
    told = []
    for _ in range(books):
        verdict = judge(claim, {arm: made(mean + rng.normal(0, 0.02, n)) for arm, mean in levels.items()})
        told.append(f"{verdict.word}: {verdict.reason}")
    return told


@pytest.mark.parametrize("n", SEEDS)
def test_no_effect_beside_an_assay_that_sees_is_called_absent_at_the_stated_rate(n):
    """95%: so often the interval holds zero; of the rest half lie below it, half above and short of what matters."""
    told = words(2.0, n, 1000)
    assert as_promised(told.count("refuted: absent"), 1000, 0.95)
    for reason in ("opposite", "smaller than matters"):
        assert as_promised(told.count(f"refuted: {reason}"), 1000, PROMISE)


@pytest.mark.parametrize("deep", [0.1, -2.0])
def test_a_blind_assay_never_gives_refuted(deep):
    told = words(0.1, 5, 300, deep)
    assert {word.split(" (")[0] for word in told} == {"undecided: could not have been seen"}
