import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

from whyresnets import claims
from whyresnets.chapters import CHAPTERS
from whyresnets.chapters.identity_bias import LARGE, SMALL, rates_of
from whyresnets.claims import Claim, Condition, Effect, Test, judge, t_interval
from whyresnets.training import Runs, Spec

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


def test_what_is_given_must_be_so_or_nothing_was_tested():
    for given, word in ((rise("deep", "shallow"), "supported"), (rise("built", "shallow"), "void")):
        assert judge(replace(CLAIM, given=Test("premise", (given,))), runs()).word == word
    unsure = Test("premise", (rise("deep", "shallow"),))
    assert judge(replace(CLAIM, given=unsure), runs(deep=0.6)).word == "void"


def test_a_rival_is_measured_and_changes_no_word():
    for rival in ("deep", "built"):
        verdict = judge(replace(CLAIM, rival=Test("other", (rise(rival, "shallow"),))), runs())
        assert verdict.word == "supported"
        ((outcome,),) = verdict.measured("rival")
        assert outcome.status == ("past" if rival == "deep" else "short")


def test_each_role_is_measured_under_its_name():
    others = {"given": Test("g", CLAIM.conditions), "turns_when": Test("t", CLAIM.conditions)}
    claim = replace(CLAIM, **others, rival=Test("r", CLAIM.conditions))
    assert [(role, test.says) for role, test in claim.roles] == [
        ("control", "built"),
        ("given", "g"),
        ("turns when", "t"),
        ("rival", "r"),
    ]
    verdict = judge(claim, runs())
    assert [len(verdict.measured(role)) for role in ("control", "given", "turns when", "rival")] == [1, 1, 1, 1]


# --- Fractions of seeds ---------------------------------------------------------------------------

FRACTION = Condition(Effect("fraction that train", ("deep",), (), claims.trained), ">", 0.5, "of seeds")


def test_a_reading_that_is_true_or_false_is_a_fraction_with_wilsons_interval():
    losses = np.array([0.1] * 16 + [2.0] * 3 + [np.nan])
    (outcome,) = judge(replace(CLAIM, conditions=(FRACTION,), controls=(), trains=()), {"deep": made(losses)}).outcomes
    assert outcome.interval == claims.wilson_interval(16, 20)


@pytest.mark.parametrize(("successes", "status"), [(5, "past"), (4, "straddles"), (1, "straddles"), (0, "short")])
def test_five_seeds_decide_a_fraction_only_if_they_agree(successes, status):
    losses = [0.1] * successes + [2.0] * (5 - successes)
    assert FRACTION.status(claims.wilson_interval(successes, 5)) == status
    values = FRACTION.effect.values({"deep": made(losses)})
    assert values.dtype == bool and values.sum() == successes


def test_the_band_of_a_fraction_leaves_room_for_a_first_failure():
    recorded, live = {"deep": made([0.1] * 20)}, {"deep": made([0.1] * 5)}
    low, high = claims.effect_band(FRACTION.effect, recorded, live)
    assert 0 < low < 1 and high == 1


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


def test_a_quantity_that_is_nan_is_void():
    effect = Effect("ratio", ("deep",), (), lambda r: r["train_loss"] * np.nan)
    claim = Claim("X", "", "", (Condition(effect, "<", 1.0),), CLAIM.controls)
    assert judge(claim, runs()).word == "void"


def test_under_five_seeds_there_is_no_word():
    assert judge(CLAIM, runs(noise=NOISE[:, :4])).word is None


def test_without_a_control_nothing_is_supported():
    assert judge(replace(CLAIM, controls=()), runs()).word == "undecided"


@pytest.mark.parametrize("arm", ["built", "alive"])
def test_no_arm_is_judged_on_fewer_seeds_than_the_others(arm):
    """Two seeds of a control may agree by chance: the word would hide how few they are."""
    claim = replace(CLAIM, trains=(*CLAIM.trains, ("alive", 0.5)))
    some = runs() | {"alive": runs()["shallow"]}
    assert judge(claim, some).word == "supported"
    with pytest.raises(ValueError, match="same seeds"):
        judge(claim, some | {arm: some[arm].first(2)})


def test_arms_with_other_seeds_are_not_paired():
    some = runs()
    some["deep"] = some["deep"].first(4)
    with pytest.raises(ValueError, match="same seeds"):
        judge(CLAIM, some)


# --- Never supported, whatever is measured: random books ------------------------------------------


def quantity(runs):
    return runs["quantity"]


def with_quantity(values) -> Runs:
    """Runs that train, and in which ``values`` were read."""
    trained = made(np.full(len(values), 0.1))
    return Runs(SPEC, trained.seeds, trained.arrays | {"quantity": np.asarray(values, dtype=float)})


def random_book(rng) -> tuple[Claim, dict[str, Runs]]:
    """A claim of any shape, and measurements that support it; one arm that must train is in none of its effects."""
    n = int(rng.integers(5, 13))
    arms = {"alive": with_quantity(np.zeros(n))}

    def condition(past: bool) -> Condition:
        name, side, threshold = f"arm {len(arms)}", rng.choice(["<", ">"]), rng.normal()
        sign = 1 if (side == ">") == past else -1
        arms[name] = with_quantity(threshold + sign * rng.uniform(1, 3) + rng.normal(0, 0.1, n))
        return Condition(Effect(name, (name,), (), quantity), side, threshold)

    def test(falls_short: bool) -> Test:
        one = rng.integers(1, 3)
        return Test("", tuple(condition(past=not (falls_short and i == one - 1)) for i in range(one)))

    claim = Claim(
        id="X",
        source="",
        says="",
        conditions=tuple(condition(past=True) for _ in range(rng.integers(1, 3))),
        controls=tuple(test(falls_short=True) for _ in range(rng.integers(1, 3))),
        given=test(falls_short=False) if rng.random() < 0.5 else None,
        turns_when=test(falls_short=False) if rng.random() < 0.5 else None,
        rival=test(falls_short=rng.random() < 0.5) if rng.random() < 0.5 else None,
    )
    must = [arm for arm in arms if arm == "alive" or rng.random() < 0.5]
    return replace(claim, trains=tuple((arm, 0.5) for arm in must)), arms


BOOKS = [random_book(np.random.default_rng(seed)) for seed in range(30)]


def changed(runs: Runs, name: str, value: float, at=slice(None)) -> Runs:
    """The same runs with one reading overwritten, for every seed or for one."""
    values = runs[name].copy()
    values[at] = value
    return Runs(runs.spec, runs.seeds, runs.arrays | {name: values})


def deaths(runs: Runs) -> dict[str, Runs]:
    """The ways in which an arm that had to train can have failed to: all seeds, or any one."""
    dead = {
        "all NaN": changed(runs, "train_loss", np.nan),
        "all infinite": changed(runs, "train_loss", np.inf),
        "every reading NaN": Runs(runs.spec, runs.seeds, {k: np.full_like(v, np.nan) for k, v in runs.arrays.items()}),
        "at chance": changed(runs, "train_loss", claims.CHANCE),
        "worse than chance": changed(runs, "train_loss", 50.0),
    }
    for i, seed in enumerate(runs.seeds):
        dead[f"seed {seed} NaN"] = changed(runs, "train_loss", np.nan, i)
        dead[f"seed {seed} infinite"] = changed(runs, "train_loss", np.inf, i)
        if runs["curve"].shape[1]:
            dead[f"seed {seed}, NaN on the way"] = changed(runs, "curve", np.nan, (i, 0))
    return dead


def test_the_random_books_are_supported_and_of_many_shapes():
    assert {judge(*book).word for book in BOOKS} == {"supported"}
    assert {len(claim.conditions) for claim, _ in BOOKS} == {len(claim.controls) for claim, _ in BOOKS} == {1, 2}
    for part in ("given", "turns_when", "rival"):
        assert {getattr(claim, part) is None for claim, _ in BOOKS} == {True, False}
    assert {c.side for claim, _ in BOOKS for test in claim.tests for c in test.conditions} == {"<", ">"}


@pytest.mark.parametrize("book", BOOKS, ids=[f"book {i}" for i in range(len(BOOKS))])
def test_a_dead_arm_that_should_train_is_void(book):
    claim, arms = book
    for arm, _ in claim.trains:
        for death, dead in deaths(arms[arm]).items():
            assert judge(claim, arms | {arm: dead}).word == "void", (arm, death)


@pytest.mark.parametrize("book", BOOKS, ids=[f"book {i}" for i in range(len(BOOKS))])
def test_one_reading_that_is_not_finite_is_void(book):
    """In any condition of the claim, of a control, of where it turns; at any seed."""
    claim, arms = book
    for arm in set(arms) - {"alive"}:
        for i in range(len(arms[arm].seeds)):
            for value in (np.nan, np.inf, -np.inf):
                assert judge(claim, arms | {arm: changed(arms[arm], "quantity", value, i)}).word == "void", arm


@pytest.mark.parametrize("book", BOOKS, ids=[f"book {i}" for i in range(len(BOOKS))])
def test_a_control_that_does_not_fail_is_undecided(book):
    """Any of the controls: past its thresholds with all its conditions, or not certainly short of any."""
    claim, arms = book
    for control in claim.controls:
        past, unsure = {}, {}
        for c in control.conditions:
            (arm,) = c.effect.arms
            spread = np.resize([-1.0, 1.0], len(arms[arm].seeds))
            past[arm] = with_quantity(c.threshold + (1 if c.side == ">" else -1) * (3 + 0.1 * spread))
            unsure[arm] = with_quantity(c.threshold + spread)
        for instead in (past, unsure):
            assert judge(claim, arms | instead).word == "undecided"


# --- Never supported: every claim of the book, from its record ------------------------------------

EVERY_CLAIM = [(chapter, claim) for chapter in CHAPTERS for claim in chapter.claims]
every_claim = pytest.mark.parametrize(("chapter", "claim"), EVERY_CLAIM, ids=[claim.id for _, claim in EVERY_CLAIM])

# Arms that the claim, or a control, expects to fail: if all their seeds diverge, that is a result, and scores chance.
FAILURE_IS_A_RESULT = {
    "HE1-1": {"plain-56"},
    "HE1-1b": {"plain-110"},
    "HE1-2": {"plain-56", "half-56", "stranger-20", "stranger-56"},
    "HE1-6": {"plain-56 x3"},
    "HE1-6b": {"plain-56 x10"},
    "HE1-6c": {"stranger-56", "stranger-56 x10"},
    "HE1-7": {"start-110 at 0.1"},
    "ZA-4": {"plain-1002"},
    "DS-3": {"rescaled-256"},
    "DS-3f": {"rescaled-256"},
    "DS-4": {"SkipInit d^-1/4-256", "SkipInit d^-3/8-256"},
    "OP-9": {"plain, as it comes", "identity, as it comes", "plain, kept"},  # read before training
    "OP-9x": {"identity, vanishing"},
    "OP-5x": {"cancelled inside, 64 bits", "cancelled, 64 bits"},  # read in the first ten steps
    "DS-X": {"plain, head BN only-16", "residual, no BN at all-16", "residual, head BN only-64"},
    "BN-2": {"SkipInit 0, no BN at all-64"},
    # One rate of a grid: another is then the best, or the largest. Not so where the claim hangs on that one.
    "DS-5h": {
        arm
        for name in ("BN", "SkipInit", "frozen BN")
        for batch in (SMALL, LARGE)[name == "frozen BN" :]
        for arm in rates_of(name, batch)
    }
    - {"BN, batch 14, rate 0.08", "SkipInit, batch 14, rate 0.08"}
    - {"BN, batch 350, rate 2.56", "SkipInit, batch 350, rate 0.64"},
    "DS-5m": {arm for name in ("BN", "SkipInit", "frozen BN") for arm in rates_of(name, LARGE)}
    - {"BN, batch 350, rate 2.56", "SkipInit, batch 350, rate 0.64"},
    "LA-3": {"growing, SkipInit, no BN at all", "growing, all trained"},
}


@every_claim
def test_a_claim_of_the_book_is_void_if_an_arm_that_must_train_is_dead(chapter, claim):
    recorded = chapter.recorded()
    for arm, bound in claim.trains:
        for death, dead in deaths(recorded[arm]).items():
            if bound > claims.CHANCE and death in ("at chance", "worse than chance"):
                continue  # asked to stay finite, no more
            assert judge(claim, recorded | {arm: dead}).word == "void", (arm, death)


@every_claim
def test_only_an_arm_that_was_expected_to_fail_may_be_dead_in_a_supported_claim(chapter, claim):
    """A loss that diverged scores chance: an arm whose death leaves the claim supported is one that was to fail."""
    recorded, may_be_dead = chapter.recorded(), set()
    for arm in claim.arms:
        dead = deaths(recorded[arm])
        words = {judge(claim, recorded | {arm: dead[death]}).word for death in ("every reading NaN", "all infinite")}
        may_be_dead |= {arm} if words & {"supported", "contested"} else set()
    assert may_be_dead == FAILURE_IS_A_RESULT.get(claim.id, set())


@every_claim
def test_no_claim_of_the_book_is_supported_by_dead_arms(chapter, claim):
    """Dead minus dead is zero, which a control that must fall short would take for failing."""
    gone = {arm: deaths(runs)["every reading NaN"] for arm, runs in chapter.recorded().items()}
    assert judge(claim, gone).word in ("void", "refuted")


@every_claim
def test_a_claim_of_the_book_is_void_if_one_reading_of_one_seed_is_nan(chapter, claim):
    recorded = chapter.recorded()

    def spoilt(condition: Condition, seed: int) -> Condition:
        def reading(*runs):
            values = condition.effect.reading(*runs).astype(float)
            values[seed] = np.nan
            return values

        return replace(condition, effect=replace(condition.effect, reading=reading))

    for seed in range(claims.RECORD_SEEDS):
        for i, condition in enumerate(claim.conditions):
            conditions = (*claim.conditions[:i], spoilt(condition, seed), *claim.conditions[i + 1 :])
            assert judge(replace(claim, conditions=conditions), recorded).word == "void"
        for k, control in enumerate(claim.controls):
            for i, condition in enumerate(control.conditions):
                conditions = (*control.conditions[:i], spoilt(condition, seed), *control.conditions[i + 1 :])
                controls = (*claim.controls[:k], replace(control, conditions=conditions), *claim.controls[k + 1 :])
                assert judge(replace(claim, controls=controls), recorded).word == "void"


@every_claim
def test_no_claim_of_the_book_is_supported_if_a_control_has_its_effect(chapter, claim):
    """Each control in turn is replaced by the claim's own arms, in which the effect is there if anywhere."""
    recorded, printed = chapter.recorded(), chapter.printed(claim).word
    for k in range(len(claim.controls)):
        controls = (*claim.controls[:k], Test("no control", claim.conditions), *claim.controls[k + 1 :])
        word = judge(replace(claim, controls=controls), recorded).word
        assert word == ("undecided" if printed in ("supported", "contested") else printed)


# --- The book's claims are well formed ------------------------------------------------------------


def test_an_effect_is_the_sum_over_plus_minus_the_sum_over_minus():
    arms = {name: made([value] * 5) for name, value in zip("abcd", (1.0, 10.0, 100.0, 1000.0), strict=True)}
    assert Effect("", ("a", "d"), ("b", "c")).values(arms).tolist() == [891.0] * 5


def test_a_group_of_arms_is_read_together():
    arms = {name: made([value] * 5) for name, value in zip("abcd", (1.0, 10.0, 100.0, 1000.0), strict=True)}

    def larger(first, second):
        return np.maximum(first["train_loss"], second["train_loss"])

    effect = Effect("", (("a", "b"),), (("c", "d"),), larger)
    assert effect.arms == ("a", "b", "c", "d") and effect.values(arms).tolist() == [-990.0] * 5
    share = Effect("", (("a", "b"),), reading=lambda first, second: first["train_loss"] < second["train_loss"])
    assert share.values(arms).dtype == bool and share.values(arms).all()


def test_every_claim_of_every_chapter_is_well_formed():
    assert len({claim.id for _, claim in EVERY_CLAIM}) == len(EVERY_CLAIM)
    for chapter, claim in EVERY_CLAIM:
        assert claim.controls, f"{claim.id} has no control that must fail"
        assert set(claim.arms) <= set(chapter.laptop), claim.id
        assert claim.not_shown and claim.says
        own = {arm for c in claim.conditions for arm in c.effect.arms}
        for control in claim.controls:
            changed = {(c.effect.reading, c.effect.arms) for c in control.conditions}
            assert changed.isdisjoint({(c.effect.reading, c.effect.arms) for c in claim.conditions}), claim.id
        assert own


def test_the_sums_of_an_effect_name_different_arms():
    for _, claim in EVERY_CLAIM:
        for condition in itertools.chain(claim.conditions, *(t.conditions for t in claim.tests)):
            assert len(set(condition.effect.arms)) == len(condition.effect.arms)


def test_a_verdict_is_printed_from_the_seeds_that_all_arms_of_the_claim_have(monkeypatch):
    """As after `record HE1-1 --seeds 30`: the arms that other claims share have more seeds than the rest of theirs."""
    chapter = CHAPTERS[0]
    recorded, claim = chapter.recorded(), chapter.claims[0]
    uneven = recorded | {claim.arms[0]: recorded[claim.arms[0]].first(7)}
    monkeypatch.setattr(claims.Chapter, "recorded", lambda *_: uneven)
    assert chapter.printed(claim).n == 7
