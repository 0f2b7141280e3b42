import itertools
import math

import numpy as np
import pytest

from whyresnets import claims
from whyresnets.chapters.degradation import CHAPTER, CLAIMS
from whyresnets.claims import Claim, Condition, Effect, Test, judge, prediction_band, t_interval, wilson_interval
from whyresnets.training import Runs, Spec

COVERAGE_TRIALS = 4000


SPEC = Spec()


def made(losses, spec=SPEC) -> Runs:
    losses = np.asarray(losses, dtype=float)
    arrays = {"train_loss": losses, "curve": losses[:, None], "seconds": np.ones_like(losses)}
    return Runs(spec, tuple(range(len(losses))), arrays)


def rise(deep, shallow):
    return Condition(Effect(f"{deep} minus {shallow}", (deep,), (shallow,)), ">", 0.5)


CLAIM = Claim(
    id="X",
    source="none",
    says="deep is worse",
    conditions=(rise("deep", "shallow"),),
    controls=(Test("built", (rise("built", "shallow"),)),),
    trains=(("shallow", 0.5),),
)
NOISE = np.random.default_rng(0).normal(0, 0.05, (3, 5))


def runs(deep=2.0, shallow=0.1, built=0.1, noise=NOISE):
    levels = {"deep": deep, "shallow": shallow, "built": built}
    return {arm: made(level + n) for (arm, level), n in zip(levels.items(), noise, strict=True)}


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({}, "supported"),
        ({"deep": 0.2}, "refuted"),
        ({"deep": 0.6}, "undecided"),
        ({"built": 2.0}, "undecided"),  # the control did not fail
        ({"built": 0.6}, "undecided"),  # "not significant" is not failing
        ({"shallow": 2.3, "deep": 4.0}, "void"),  # an arm that should train is dead
    ],
)
def test_the_word_follows_from_the_measurements(changed, word):
    assert judge(CLAIM, runs(**changed)).word == word


def test_the_words_for_below_mirror_those_for_above():
    effect = Effect("deep", ("deep",))
    for threshold, status in ((3.0, "past"), (1.0, "short"), (2.0, "straddles")):
        interval = t_interval(effect.values(runs()))
        assert Condition(effect, "<", threshold).status(interval) == status


def test_one_short_condition_refutes_even_if_the_others_are_past():
    both = (rise("deep", "shallow"), Condition(Effect("deep", ("deep",)), "<", 0.5))
    claim = Claim("X", "", "", both, CLAIM.controls)
    assert judge(claim, runs()).word == "refuted"


def test_every_control_must_fail():
    controls = (*CLAIM.controls, Test("other", (rise("deep", "shallow"),)))
    claim = Claim("X", "", "", CLAIM.conditions, controls)
    verdict = judge(claim, runs())
    assert verdict.word == "undecided" and not verdict.controls_fail
    assert verdict.decisive_control.condition.effect.plus == ("deep",)  # the one that did not fail


def test_contested_needs_a_measured_turn():
    turns = Test("elsewhere", (rise("built", "shallow"),))
    claim = Claim("X", "", "", CLAIM.conditions, CLAIM.controls, turns_when=turns)
    assert judge(claim, runs()).word == "contested"
    still = Claim("X", "", "", CLAIM.conditions, CLAIM.controls, turns_when=Test("", CLAIM.conditions))
    assert judge(still, runs()).word == "supported"


def test_a_diverged_seed_scores_chance_and_is_counted():
    some = runs()
    some["deep"].arrays["train_loss"][0] = np.nan
    assert claims.training_loss(some["deep"])[0] == math.log(10)
    verdict = judge(CLAIM, some)
    assert verdict.word == "supported" and verdict.diverged == 1


@pytest.mark.parametrize("seed", range(5))
def test_one_dead_seed_of_an_arm_that_should_train_is_void(seed):
    some = runs()
    some["shallow"].arrays["train_loss"][seed] = np.nan
    assert judge(CLAIM, some).word == "void"


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda c: c.id)
def test_no_claim_of_the_book_is_supported_by_dead_arms(claim):
    """Dead minus dead is zero, which a control that must fall short would take for failing."""
    recorded = CHAPTER.recorded()
    gone = {a: Runs(r.spec, r.seeds, {k: v * np.nan for k, v in r.arrays.items()}) for a, r in recorded.items()}
    assert judge(claim, gone).word in ("void", "refuted")
    for control in claim.controls:
        arms = {arm for c in control.conditions for arm in c.effect.arms} & {arm for arm, _ in claim.trains}
        for arm in arms:
            assert judge(claim, recorded | {arm: gone[arm]}).word == "void", arm


def test_a_quantity_that_is_nan_is_void():
    effect = Effect("ratio", ("deep",), (), lambda r: r["train_loss"] * np.nan)
    claim = Claim("X", "", "", (Condition(effect, "<", 1.0),), CLAIM.controls)
    assert judge(claim, runs()).word == "void"


def test_under_five_seeds_there_is_no_word():
    assert judge(CLAIM, runs(noise=NOISE[:, :4])).word is None


def test_arms_with_other_seeds_are_not_paired():
    some = runs()
    some["deep"] = some["deep"].first(4)
    with pytest.raises(ValueError, match="same seeds"):
        judge(CLAIM, some)


@pytest.mark.parametrize("n", [5, 10, 20])
def test_t_intervals_cover_the_mean_as_often_as_they_say(n):
    values = np.random.default_rng(n).normal(3, 2, (COVERAGE_TRIALS, n))
    hits = [i.low <= 3 <= i.high for i in map(t_interval, values)]
    assert np.mean(hits) == pytest.approx(0.95, abs=0.015)


@pytest.mark.parametrize("new", [1, 5])
def test_prediction_bands_hold_a_new_mean_as_often_as_they_say(new):
    rng = np.random.default_rng(new)
    hits = 0
    for _ in range(COVERAGE_TRIALS):
        low, high = prediction_band(rng.normal(size=20), new)
        hits += low <= rng.normal(size=new).mean() <= high
    assert hits / COVERAGE_TRIALS == pytest.approx(0.99, abs=0.008)


def test_loss_bands_hold_a_new_skewed_loss_as_often_as_they_say():
    rng, hits = np.random.default_rng(3), 0
    for _ in range(COVERAGE_TRIALS):
        low, high = claims.loss_band(rng.lognormal(-3, 0.8, 20))
        hits += low <= rng.lognormal(-3, 0.8) <= high
    assert hits / COVERAGE_TRIALS == pytest.approx(0.99, abs=0.008)


def test_wilson_intervals_cover_a_fraction():
    """Averaged over fractions, as Wilson's interval covers: at a single one it oscillates with n."""
    rng, hits = np.random.default_rng(0), []
    for p in np.linspace(0.05, 0.95, 19):
        for k in rng.binomial(20, p, 200):
            interval = wilson_interval(int(k), 20)
            hits.append(interval.low <= p <= interval.high)
    assert np.mean(hits) == pytest.approx(0.95, abs=0.02)


def test_with_no_true_effect_supported_is_rare():
    """A true effect at the threshold, a control that fails: at most 2.5% of verdicts may say supported."""
    rng, words = np.random.default_rng(1), []
    for _ in range(2000):
        noise = rng.normal(0, 0.1, (3, 5))
        words.append(judge(CLAIM, runs(deep=0.6, shallow=0.1, built=0.1, noise=noise)).word)
    assert words.count("supported") / len(words) < 0.025 + 0.01


def test_an_effect_is_the_sum_over_plus_minus_the_sum_over_minus():
    arms = {name: made([value] * 5) for name, value in zip("abcd", (1.0, 10.0, 100.0, 1000.0), strict=True)}
    assert Effect("", ("a", "d"), ("b", "c")).values(arms).tolist() == [891.0] * 5


def test_every_claim_of_every_chapter_is_well_formed():
    from whyresnets.__main__ import CHAPTERS

    every = [(chapter, claim) for chapter in CHAPTERS for claim in chapter.claims]
    assert len({claim.id for _, claim in every}) == len(every)
    for chapter, claim in every:
        assert claim.controls, f"{claim.id} has no control that must fail"
        assert set(claim.arms) <= set(chapter.laptop), claim.id
        assert claim.not_shown and claim.says
        own = {arm for c in claim.conditions for arm in c.effect.arms}
        for control in claim.controls:
            changed = {(c.effect.reading, c.effect.arms) for c in control.conditions}
            assert changed.isdisjoint({(c.effect.reading, c.effect.arms) for c in claim.conditions}), claim.id
        assert own


def test_the_sums_of_an_effect_name_different_arms():
    for claim in CLAIMS:
        for condition in itertools.chain(claim.conditions, *(t.conditions for t in claim.tests)):
            assert len(set(condition.effect.arms)) == len(condition.effect.arms)
