"""A verdict follows from what was measured: each word, each reason, and claims of any shape drawn at random."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest
from made import changed, deaths, made

from whyresnets import data
from whyresnets.claims.effects import Condition, nats, of_seeds, quantity
from whyresnets.claims.quantities import CHANCE, trained, training_loss
from whyresnets.claims.scale import NAMES, scale_of
from whyresnets.claims.verdicts import FEWEST_SEEDS, Claim, Measured, Test, Verdict, effect_band, judge, unseen
from whyresnets.nets.architecture import Conv
from whyresnets.spec import Spec, Task
from whyresnets.stats import Interval, fraction_band, prediction_band, t_interval, wilson_interval
from whyresnets.training.runs import Runs


def rise(deep: str) -> Condition:
    return training_loss[deep] - training_loss["shallow"] > 0.5 * nats


CLAIM = Claim("X", "none", "deep is worse", rise("deep"), (Test("built", rise("built")),), trains=(("shallow", 0.5),))
NOISE = np.random.default_rng(0).normal(0, 0.05, (3, 5))


def runs(deep=2.0, shallow=0.1, built=0.1, noise=NOISE) -> dict[str, Runs]:
    levels = {"deep": deep, "shallow": shallow, "built": built}
    return {arm: made(level + n) for (arm, level), n in zip(levels.items(), noise, strict=True)}


# --- Words and reasons ------------------------------------------------------------------------------

SEES = Test("sees", training_loss["shallow"] < 0.5 * nats)
BLIND = Test("blind", rise("built"))
HOLDS, FAILS = rise("deep"), rise("built")
OPEN = "the interval of training loss: deep - shallow holds the threshold"
FEW = NOISE[:, : FEWEST_SEEDS - 1]
WORDS = [
    ({}, {}, "supported", ""),
    ({"deep": -2.0}, {}, "refuted", "opposite"),
    ({"deep": -0.2}, {"assay": SEES}, "refuted", "opposite"),
    ({"deep": -0.2}, {}, "undecided", "could not have been seen (no assay)"),  # opposite, by less than matters
    ({"deep": 0.1}, {"assay": SEES}, "refuted", "absent"),
    ({"deep": 0.35}, {"assay": SEES}, "refuted", "smaller than matters"),
    ({"deep": 0.1}, {}, "undecided", "could not have been seen (no assay)"),
    ({"deep": 0.35}, {}, "undecided", "could not have been seen (no assay)"),
    ({"deep": 0.1}, {"assay": BLIND}, "undecided", "could not have been seen (the assay is not met: blind)"),
    ({"deep": -2.0}, {"assay": BLIND}, "undecided", "could not have been seen (the assay is not met: blind)"),
    ({}, {"assay": BLIND}, "supported", ""),
    ({}, {"conditions": training_loss["deep"] < 0.5 * nats}, "refuted", "larger than allowed"),
    ({}, {"conditions": -training_loss["deep"] > -0.5 * nats}, "refuted", "larger than allowed"),
    ({"deep": 0.6}, {}, "undecided", OPEN),
    ({"built": 2.0}, {}, "undecided", "a control did not fail"),
    ({"built": 0.6}, {}, "undecided", "a control did not fail"),  # "not significant" is not failing
    ({}, {"controls": ()}, "undecided", "a control did not fail"),
    ({"shallow": 2.3, "deep": 4.0}, {}, "void", "shallow had to train and did not"),
    ({"deep": math.nan}, {"conditions": training_loss["deep"] > 1 * nats}, "supported", ""),  # chance is a result
    ({}, {"premise": Test("as they say", FAILS)}, "void", "the premise fails: as they say"),
    ({"deep": 0.6}, {"premise": Test("as they say", HOLDS)}, "void", "the premise fails: as they say"),
    ({}, {"premise": Test("as they say", HOLDS)}, "supported", ""),
    ({}, {"fails_when": Test("elsewhere", FAILS)}, "conditional", "fails when: elsewhere"),
    ({}, {"fails_when": Test("elsewhere", HOLDS)}, "supported", ""),
    ({"built": 0.6}, {"controls": (), "fails_when": Test("", FAILS)}, "undecided", "a control did not fail"),
    ({}, {"alternative": Test("other", HOLDS)}, "supported", ""),
    ({}, {"alternative": Test("other", FAILS)}, "supported", ""),
    ({"noise": FEW}, {}, None, "fewer than 5 seeds"),
    ({"noise": FEW, "shallow": 2.3}, {}, None, "fewer than 5 seeds"),
]


@pytest.mark.parametrize(("measured", "claimed", "word", "reason"), WORDS)
def test_the_word_and_its_reason_follow_from_the_measurements(measured, claimed, word, reason):
    verdict = judge(replace(CLAIM, **claimed), runs(**measured))
    assert (verdict.word, verdict.reason) == (word, reason)


@quantity("broken ratio", nats)
def broken(runs):
    return runs["train_loss"] * [1, 1, np.nan, 1, 1]


@pytest.mark.parametrize("part", ["conditions", "controls", "premise", "fails_when", "alternative"])
def test_an_effect_that_is_not_finite_is_void_wherever_it_stands(part):
    missing = broken["deep"] > 0 * nats
    parts = {"conditions": missing, "controls": (*CLAIM.controls, Test("", missing))}
    verdict = judge(replace(CLAIM, **{part: parts.get(part, Test("", missing))}), runs())
    assert (verdict.word, verdict.reason) == ("void", "an effect is not finite")


@pytest.mark.parametrize(
    ("threshold", "low", "high", "reason"),
    [
        (0.5, -0.3, -0.1, "opposite"),
        (0.5, -0.1, 0.1, "absent"),
        (0.5, 0.0, 0.1, "absent"),
        (0.5, 0.1, 0.4, "smaller than matters"),
        (0.0, -0.3, -0.1, "opposite"),
        (-0.5, -2.0, -1.0, "larger than allowed"),
    ],
)
def test_how_an_effect_misses_is_the_same_in_a_mirror(threshold, low, high, reason):
    above = Measured(training_loss["a"] > threshold * nats, Interval(0, low, high, 5))
    below = Measured(training_loss["a"] < -threshold * nats, Interval(0, -high, -low, 5))
    assert above.status == below.status == "not met"
    assert above.missed_by == below.missed_by == reason


@pytest.mark.parametrize(
    ("threshold", "low", "high", "contradicts"),
    [
        (0.5, -2.0, -0.6, True),
        (0.5, -2.0, -0.4, False),  # opposite, by less than matters
        (0.5, -0.4, 0.4, False),
        (0.5, 0.1, 0.4, False),
        (0.5, 0.6, 2.0, False),  # met
        (-0.5, -2.0, -1.0, True),
        (-0.5, -2.0, -0.4, False),  # open
    ],
)
def test_an_effect_speaks_for_itself_if_it_is_seen_of_the_size_that_matters_and_against(
    threshold, low, high, contradicts
):
    above = Measured(training_loss["a"] > threshold * nats, Interval(0, low, high, 5))
    below = Measured(training_loss["a"] < -threshold * nats, Interval(0, -high, -low, 5))
    assert above.contradicts == below.contradicts == contradicts


def test_a_logarithm_of_a_size_counts_from_the_size_nought():
    """Of a difference that may be a millionth at most, one of a hundredth is larger than allowed."""

    @quantity("log10 of the difference", nothing=-math.inf)
    def log10_difference(runs):
        return runs["train_loss"]

    found = Measured(log10_difference["a"] < -6, Interval(-2, -2.1, -1.9, 5))
    assert found.missed_by == "larger than allowed" and found.contradicts
    found = Measured(log10_difference["a"] > -6, Interval(-8, -8.1, -7.9, 5))
    assert found.missed_by == "smaller than matters" and not found.contradicts


def test_more_steps_that_change_the_word_are_said_each_once():
    verdict = judge(CLAIM, runs())
    refuted, open_, few = runs(deep=-2.0), runs(deep=0.5), runs(noise=FEW)

    def later(*budgets) -> Verdict:
        judged = [replace(judge(CLAIM, found), steps=10 ** (3 + i)) for i, found in enumerate(budgets)]
        return replace(verdict, steps=100, later=tuple(judged))

    assert verdict.turns == later(runs(), runs()).turns == later(few).turns == ""
    assert later(runs(), refuted, refuted).turns == "refuted (opposite) at 10,000 steps"
    assert later(open_, runs()).turns == "undecided at 1,000 steps, supported at 10,000 steps"
    assert later(open_, refuted).horizon == {100: "supported", 1000: "undecided", 10000: "refuted"}


@pytest.mark.parametrize("wrong", [3, (3,), ((3, "claim"),), ((1, CLAIM),), ((2.5, CLAIM),), ((CLAIM, 3),)])
def test_longer_budgets_are_times_the_steps_and_a_claim(wrong):
    with pytest.raises((TypeError, ValueError), match="later"):
        replace(CLAIM, later=wrong)


@pytest.mark.parametrize(
    ("source", "ours"),
    [
        ("he2016deep, section 4.2", False),
        ("ours, after he2016deep", True),
        ("common reading of he2016deep", True),
        ("zaeemzadeh2021norm, abstract; scope ours", True),
        ("orhan2018skip; hours", False),
        ("orhan2018skip, abstract; our protocol", False),
    ],
)
def test_whose_a_claim_is_stands_in_its_source(source, ours):
    assert replace(CLAIM, source=source).ours is ours


def test_without_controls_none_is_decisive():
    assert judge(replace(CLAIM, controls=()), runs()).decisive_control is None


def test_every_data_set_has_its_name_and_the_larger_one_gives_the_scale():
    assert set(NAMES) == set(data.DATASETS)
    digits, wide = Spec(Conv(8)), Spec(Conv(8, widths=(16, 32, 64)), Task("cifar10"))
    narrow = Spec(Conv(8, widths=(8, 16, 32)), Task("cifar10"))
    assert scale_of([digits, narrow]) == "CIFAR-10 at width 8/16/32"
    assert scale_of([narrow, wide]) == "CIFAR-10 at paper width"
    assert (
        scale_of([digits.but(steps=0)]) == "digits, untrained" and scale_of([digits, digits.but(steps=0)]) == "digits"
    )


def test_no_success_at_all_is_absent_and_one_is_too_few():
    claim = replace(
        CLAIM,
        conditions=trained["deep"] > 0.5 * of_seeds,
        controls=(),
        trains=(),
        assay=Test("", training_loss["other"] < 0.5 * nats),
    )
    for successes, reason in ((0, "absent"), (1, "smaller than matters")):
        verdict = judge(claim, {"deep": made([0.1] * successes + [2.0] * (20 - successes)), "other": made([0.1] * 20)})
        assert (verdict.word, verdict.reason) == ("refuted", reason)


def test_one_condition_that_is_missed_refutes_even_if_the_others_are_met_or_open():
    low = training_loss["deep"] < 0.5 * nats
    verdict = judge(replace(CLAIM, conditions=(rise("deep"), low)), runs())
    assert [m.status for m in verdict.predicted] == ["met", "not met"] and verdict.word == "refuted"
    about = training_loss["deep"] > 2 * nats
    verdict = judge(replace(CLAIM, conditions=(about, low)), runs())
    assert [m.status for m in verdict.predicted] == ["open", "not met"] and verdict.word == "refuted"


def test_a_control_fails_if_one_of_its_conditions_is_missed():
    both = Test("", (training_loss["deep"] > 0 * nats, rise("built")))
    assert judge(replace(CLAIM, controls=(both,)), runs()).controls_fail


def test_every_control_must_fail():
    verdict = judge(replace(CLAIM, controls=(*CLAIM.controls, Test("other", rise("deep")))), runs())
    assert verdict.word == "undecided" and not verdict.controls_fail
    assert verdict.decisive_control.condition == rise("deep")  # the one that did not fail


def test_the_decisive_control_is_the_one_that_comes_closest_by_what_it_fails_most_clearly():
    near, far = training_loss["deep"] < 1.5 * nats, training_loss["deep"] < 0.5 * nats
    controls = (Test("far", (near, far)), Test("near", near))
    assert judge(replace(CLAIM, controls=controls), runs()).decisive_control.condition == near
    assert judge(replace(CLAIM, controls=controls[:1]), runs()).decisive_control.condition == far


def test_an_alternative_is_measured_and_changes_no_word():
    for arm, status in (("deep", "met"), ("built", "not met")):
        verdict = judge(replace(CLAIM, alternative=Test("other", rise(arm))), runs())
        ((measured,),) = verdict.role("alternative")
        assert verdict.word == "supported" and measured.status == status


def test_each_role_is_measured_under_its_name():
    others = {name: Test(name, CLAIM.conditions) for name in ("premise", "fails_when", "alternative")}
    claim = replace(CLAIM, **others)
    named = [(role, test.says) for role, test in claim.roles]
    assert named == [
        ("control", "built"),
        ("premise", "premise"),
        ("fails when", "fails_when"),
        ("alternative", "alternative"),
    ]
    verdict = judge(claim, runs())
    assert [len(verdict.role(role)) for role, _ in named] == [1, 1, 1, 1]
    assert [m.condition for (m,) in verdict.tests] == [rise("built"), *CLAIM.conditions * 3]


def test_a_verdict_keeps_what_was_measured():
    some = runs()
    some["deep"].arrays["train_loss"][0] = np.nan
    verdict = judge(CLAIM, some)
    paired = np.r_[CHANCE, some["deep"]["train_loss"][1:]] - some["shallow"]["train_loss"]
    assert verdict.effect == verdict.predicted[0] == Measured(rise("deep"), t_interval(paired))
    assert (verdict.word, verdict.diverged, verdict.n, verdict.seconds) == ("supported", 1, 5, 15)


def test_a_quantity_that_is_true_or_false_is_a_fraction_with_wilsons_interval():
    claim = replace(CLAIM, conditions=trained["deep"] > 0.5 * of_seeds, controls=(), trains=())
    losses = [0.1] * 16 + [2.0] * 3 + [np.nan]
    assert judge(claim, {"deep": made(losses)}).effect.interval == wilson_interval(16, 20)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("reading", ["train_loss", "curve"])
def test_one_diverged_seed_of_an_arm_that_should_train_is_void(seed, reading):
    some = runs()
    verdict = judge(CLAIM, some | {"shallow": changed(some["shallow"], reading, np.nan, seed)})
    assert (verdict.word, verdict.dead) == ("void", ("shallow",))


def test_an_arm_trains_if_its_mean_loss_is_below_its_bar():
    bars = {0.2: "supported", 0.05: "void", math.inf: "supported"}
    for bar, word in bars.items():
        assert judge(replace(CLAIM, trains=(("shallow", bar),)), runs()).word == word


# --- What is refused --------------------------------------------------------------------------------


@pytest.mark.parametrize("arm", ["deep", "built", "alive"])
def test_no_arm_is_judged_on_other_seeds_than_the_rest(arm):
    """Two seeds of a control may agree by chance: the word would hide how few they are."""
    claim = replace(CLAIM, trains=(*CLAIM.trains, ("alive", 0.5)))
    some = runs() | {"alive": runs()["shallow"]}
    assert judge(claim, some).word == "supported"
    for other in (some[arm].first(2), some[arm].some([4, 3, 2, 1, 0])):
        with pytest.raises(ValueError, match="the arms of X must have the same seeds to be judged together"):
            judge(claim, some | {arm: other})


REFUSED = [
    (lambda: replace(CLAIM, seeds=4), ValueError, "X with 4 seeds has no verdict: choose 5 or more"),
    (lambda: replace(CLAIM, conditions=()), TypeError, "() predicts nothing: choose conditions"),
    (lambda: replace(CLAIM, conditions=training_loss["deep"]), TypeError, "predicts nothing: choose conditions"),
    (lambda: Test("no condition", ()), TypeError, "() predicts nothing: choose conditions"),
    (lambda: Test("no condition", (CLAIM.conditions,)), TypeError, "predicts nothing: choose conditions"),
]


@pytest.mark.parametrize(("write", "error", "says"), REFUSED)
def test_a_claim_that_could_not_be_judged_is_refused_in_one_line(write, error, says):
    with pytest.raises(error, match=re.escape(says)) as caught:
        write()
    assert "\n" not in str(caught.value)


def test_a_claim_needs_each_of_its_arms_once():
    claim = replace(CLAIM, trains=(*CLAIM.trains, ("alive", 0.5)), premise=Test("", training_loss["more"] > 0 * nats))
    assert claim.arms == ("deep", "shallow", "built", "more", "alive")


# --- Bands ------------------------------------------------------------------------------------------

RECORD = {"deep": made(np.linspace(1.0, 2.0, 20)), "shallow": made(np.linspace(0.3, 0.1, 20) ** 2)}
LIVE = {arm: runs.first(5) for arm, runs in RECORD.items()}


def test_a_band_leaves_out_the_seeds_that_it_judges():
    effect = training_loss["deep"] - training_loss["shallow"]
    others = (RECORD["deep"]["train_loss"] - RECORD["shallow"]["train_loss"])[5:]
    assert effect_band(effect, RECORD, LIVE) == pytest.approx(prediction_band(others, 5))


def test_a_band_of_a_fraction_is_that_of_the_other_seeds():
    found = effect_band(trained["shallow"], RECORD, LIVE)
    assert found == fraction_band(np.ones(15, bool), 5) and found[0] < 1


def test_where_too_few_seeds_are_left_the_whole_record_makes_the_band():
    record = RECORD["deep"]
    assert unseen(record, None).seeds == record.seeds
    assert unseen(record, record.first(15)).seeds == tuple(range(15, 20))
    assert unseen(record, record.first(16)) is record


# --- Never supported, whatever is measured: claims of any shape -------------------------------------


@quantity("value", nats)
def value(runs):
    return runs["value"]


def with_values(values) -> Runs:
    """Runs that train, and in which ``values`` were read."""
    return made(np.full(len(values), 0.1), value=np.asarray(values, dtype=float))


def random_book(rng) -> tuple[Claim, dict[str, Runs]]:
    """A claim of any shape, and measurements that support it; one arm that must train is in none of its effects."""
    n = int(rng.integers(5, 13))
    arms = {"alive": with_values(np.zeros(n))}

    def condition(met: bool) -> Condition:
        name, above, threshold = f"arm {len(arms)}", rng.random() < 0.5, float(rng.normal())
        sign = 1 if above == met else -1
        arms[name] = with_values(threshold + sign * rng.uniform(1, 3) + rng.normal(0, 0.1, n))
        return value[name] > threshold * nats if above else value[name] < threshold * nats

    def test(missed: bool) -> Test:
        count = rng.integers(1, 3)
        return Test("", tuple(condition(met=not (missed and i == count - 1)) for i in range(count)))

    claim = Claim(
        id="X",
        source="",
        says="",
        conditions=tuple(condition(met=True) for _ in range(rng.integers(1, 3))),
        controls=tuple(test(missed=True) for _ in range(rng.integers(1, 3))),
        premise=test(missed=False) if rng.random() < 0.5 else None,
        fails_when=test(missed=False) if rng.random() < 0.5 else None,
        alternative=test(missed=rng.random() < 0.5) if rng.random() < 0.5 else None,
    )
    must = [arm for arm in arms if arm == "alive" or rng.random() < 0.5]
    return replace(claim, trains=tuple((arm, 0.5) for arm in must)), arms


BOOKS = [random_book(np.random.default_rng(seed)) for seed in range(30)]
each_book = pytest.mark.parametrize("book", BOOKS, ids=[f"book {i}" for i in range(len(BOOKS))])


def test_the_random_books_are_supported_and_of_many_shapes():
    assert {judge(*book).word for book in BOOKS} == {"supported"}
    assert {len(claim.conditions) for claim, _ in BOOKS} == {len(claim.controls) for claim, _ in BOOKS} == {1, 2}
    for part in ("premise", "fails_when", "alternative"):
        assert {getattr(claim, part) is None for claim, _ in BOOKS} == {True, False}
    assert {c.side for claim, _ in BOOKS for test in claim.tests for c in test.conditions} == {"<", ">"}


@each_book
def test_a_dead_arm_that_should_train_is_void(book):
    claim, arms = book
    for arm, _ in claim.trains:
        for death, dead in deaths(arms[arm], range(len(arms[arm].seeds))).items():
            assert judge(claim, arms | {arm: dead}).word == "void", (arm, death)


@each_book
def test_one_value_that_is_not_finite_is_void(book):
    """In any condition of the claim or of one of its tests; at any seed."""
    claim, arms = book
    for arm in set(arms) - {"alive"}:
        for i in range(len(arms[arm].seeds)):
            for lost in (np.nan, np.inf, -np.inf):
                assert judge(claim, arms | {arm: changed(arms[arm], "value", lost, i)}).word == "void", arm


@each_book
def test_a_control_that_does_not_fail_is_undecided(book):
    """Any of the controls: beyond its thresholds with all its conditions, or not certainly short of any."""
    claim, arms = book
    for control in claim.controls:
        met, unsure = {}, {}
        for c in control.conditions:
            (arm,) = c.effect.arms
            spread = np.resize([-1.0, 1.0], len(arms[arm].seeds))
            met[arm] = with_values(c.threshold + (1 if c.side == ">" else -1) * (3 + 0.1 * spread))
            unsure[arm] = with_values(c.threshold + spread)
        for instead in (met, unsure):
            assert judge(claim, arms | instead).word == "undecided"


@each_book
def test_fewer_than_five_seeds_give_no_word(book):
    claim, arms = book
    verdict = judge(claim, {arm: runs.first(FEWEST_SEEDS - 1) for arm, runs in arms.items()})
    assert isinstance(verdict, Verdict) and verdict.word is None
