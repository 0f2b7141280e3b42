"""No odd input changes a verdict in silence: it means what its plain form means, or is refused in one line."""

import itertools
import json
import math
from collections.abc import Callable
from dataclasses import fields, replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made import made

from whyresnets import sweeps
from whyresnets.claims.effects import Amount, Condition, Effect, Term, Unit, decades, nats, of_seeds, quantity
from whyresnets.claims.quantities import trained, training_loss
from whyresnets.claims.verdicts import Claim, Test, effect_band, judge
from whyresnets.nets.architecture import Conv, Dense, after_orhan
from whyresnets.spec import SGD, Readings, Spec, Task
from whyresnets.store import cache as kept_runs
from whyresnets.sweeps import sweep
from whyresnets.training.runs import Runs

REFUSALS = (ValueError, TypeError)
HARD = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
ABSENT = object()  # what a refusal is, in place of what would have been found


def outcome(attempt: Callable[[], Any]) -> Any:
    """What ``attempt`` finds, or ABSENT if it refuses in one line that says what is wrong."""
    try:
        return attempt()
    except REFUSALS as refusal:
        assert len(str(refusal).splitlines()) == 1 and len(str(refusal)) < 300
        return ABSENT


# --- Verdicts -------------------------------------------------------------------------------------

rise = training_loss["deep"] - training_loss["shallow"]
NOISE = np.random.default_rng(0).normal(0, 0.05, (3, 5))
LEVELS = {"deep": 2.0, "shallow": 0.1, "built": 0.1}
RUNS = {arm: made(level + n) for (arm, level), n in zip(LEVELS.items(), NOISE, strict=True)}

SIDES = [">", "<", np.str_(">"), ">=", "=>", "gt", "> ", "", None, b">", [">"], True, np.array([">", "<"])]
HUGE = 10**400  # more than any float
THRESHOLDS = [
    *(0.5, np.float64(0.5), np.float32(0.5), Fraction(1, 2), np.array(0.5), np.array([0.5, 3.0]), "0.5", [0.5]),
    *(math.nan, math.inf, -math.inf, np.float64("nan"), None, True, 0.5j, HUGE, 0.5 * nats, np.float64(0.5) * nats),
]
UNITS = [nats, Unit("nats"), decades, of_seeds, Unit("Nats"), "nats", None, 1]
SEEDS = [
    *(range(5), [0, 1, 2, 3, 4], np.arange(5), tuple(np.arange(5, dtype=np.int32)), (0, 1, 2, 3, np.int64(4))),
    *([0] * 5, (0, 1, 2, 3, 3), (0, 1, 2, 3, np.int8(3)), range(4), range(6), (), [0.0, 1.0, 2.0, 3.0, 4.0]),
    *((-1, 0, 1, 2, 3), ("0", "1", "2", "3", "4"), "01234", 5, None, (False, True, 2, 3, 4), np.arange(5.0), {0: 1}),
    *({0, 1, 2, 3, 4}, np.arange(10).reshape(5, 2), (0, 1, 2, 3, None), (0, 1, 2, 3, math.nan)),
]
BARS = [
    *((("shallow", 0.5),), [["shallow", np.float64(0.5)]], ("shallow", 0.5), {"shallow": 0.5}, "shallow", None),
    *((("shallow", math.nan),), (("shallow", -1),), (("shallow", "0.5"),), (("shallow", 0.5 * nats),), 0.5),
    *((("shallow", True),), (("shalow", 0.5),), (("shallow",),), ((np.str_("shallow"), np.float32(0.5)),)),
]


def claim(condition: Condition, trains: Any = (("shallow", 0.5),), seeds: Any = 5, **more: Any) -> Claim:
    control = Test("built", training_loss["built"] - training_loss["shallow"] > 0.5 * nats)
    return Claim("X", "none", "deep is worse", condition, (control,), trains=trains, seeds=seeds, **more)


def word(claim: Claim, runs: Any = RUNS) -> tuple[str | None, str, int]:
    verdict = judge(claim, runs)
    return verdict.word, verdict.reason, verdict.n


ABOVE, BELOW = word(claim(Condition(rise, ">", 0.5))), word(claim(Condition(rise, "<", 0.5)))
assert (ABOVE[0], BELOW[0]) == ("supported", "refuted")


def test_the_side_and_threshold_of_a_condition_are_what_they_say_or_refused():
    for side, threshold in itertools.product(SIDES, THRESHOLDS):
        found = outcome(lambda side=side, threshold=threshold: word(claim(Condition(rise, side, threshold))))
        plain = {">": ABOVE, "<": BELOW}[str(side)] if isinstance(side, str) and side in (">", "<") else ABSENT
        assert found in (plain, ABSENT), (side, threshold)
    for threshold in THRESHOLDS[:4]:  # and none of these is refused
        condition = Condition(rise, np.str_(">"), threshold)
        assert (condition, type(condition.threshold)) == (Condition(rise, ">", 0.5), float)


def test_a_comparison_written_either_way_round_in_any_unit_is_what_it_says_or_refused():
    written = {  # how it is written -> whether it says that the effect lies above
        "effect > t": (lambda t: rise > t, ABOVE),
        "effect < t": (lambda t: rise < t, BELOW),
        "t < effect": (lambda t: t < rise, ABOVE),
        "t > effect": (lambda t: t > rise, BELOW),
        "effect >= t": (lambda t: rise >= t, ABSENT),
        "effect <= t": (lambda t: rise <= t, ABSENT),
        "t <= effect": (lambda t: t <= rise, ABSENT),
        "effect == t": (lambda t: rise == t, ABSENT),
    }
    for (how, (write, plain)), value, unit in itertools.product(written.items(), THRESHOLDS, UNITS):
        if isinstance(value, Amount) or (value is HUGE and isinstance(unit, str)):
            continue  # so many times a text is Python's own business
        for amount in (lambda v=value, u=unit: v * u, lambda v=value, u=unit: Amount(v, u), lambda v=value: v):
            found = outcome(lambda write=write, amount=amount: word(claim(write(amount()))))
            right = plain if unit == nats else ABSENT
            assert found in (right, ABSENT), (how, value, unit)
    for value in THRESHOLDS[:4]:
        assert word(claim(rise > value * nats)) == word(claim(value * nats < rise)) == ABOVE


@pytest.mark.parametrize("threshold", [50, 1.5, -2])
def test_a_share_that_cannot_be_passed_is_no_threshold(threshold):
    with pytest.raises(ValueError, match="of seeds is impossible: choose a share, such as"):
        _ = trained["deep"] < threshold * of_seeds
    assert (trained["deep"] - trained["shallow"] < -0.9 * of_seeds).threshold == -0.9


@HARD
@given(*(st.sampled_from(s) for s in (SEEDS, SEEDS, BARS, [5, np.int64(5), 5.0, "5", True, 4, None])))
def test_a_verdict_has_distinct_seeds_and_bars_that_can_be_passed(seeds, others, bars, live):
    """The seeds of one arm and of the others; what its arms must beat; how many seeds run live."""

    def attempt():
        runs = {arm: Runs(r.spec, others if arm == "built" else seeds, r.arrays) for arm, r in RUNS.items()}
        return word(claim(Condition(rise, ">", 0.5), bars, live), runs)

    assert outcome(attempt) in (ABOVE, ABSENT)


def test_every_plain_form_of_seeds_and_bars_is_judged():
    for seeds, bars in itertools.product(SEEDS[:5], [BARS[0], BARS[1], BARS[-1]]):
        runs = {arm: Runs(r.spec, seeds, r.arrays) for arm, r in RUNS.items()}
        judged = claim(Condition(rise, ">", 0.5), bars, np.int64(5))
        assert word(judged, runs) == ABOVE and judged == claim(Condition(rise, ">", 0.5))


@pytest.mark.parametrize("seeds", SEEDS[5:7], ids=str)
def test_a_seed_that_occurs_twice_is_not_two(seeds):
    twice = {arm: Runs(r.spec, tuple(seeds), r.arrays) for arm, r in RUNS.items()}
    for attempt in (lambda: judge(claim(rise > 0.5 * nats), twice), lambda: rise.values(twice)):
        with pytest.raises(ValueError, match="is impossible: choose distinct whole numbers"):
            attempt()
    with pytest.raises(ValueError, match="is impossible: choose distinct whole numbers"):
        effect_band(rise, RUNS, twice)


@HARD
@given(st.permutations(range(5)), st.permutations(range(5)))
def test_the_order_of_seeds_changes_no_verdict_and_arms_are_never_paired_crosswise(order, other):
    moved = {arm: r.some(other if arm == "built" else order) for arm, r in RUNS.items()}
    found = outcome(lambda: word(claim(rise > 0.5 * nats), moved))
    assert found == (ABOVE if order == other else ABSENT)


@pytest.mark.parametrize(
    "runs",
    [
        {**RUNS, "deep": Runs(RUNS["deep"].spec, tuple(range(20)), RUNS["deep"].arrays)},
        {**RUNS, "deep": RUNS["deep"].arrays},
        {**RUNS, "deep": [RUNS["deep"]]},
        {arm: runs.some([]) for arm, runs in RUNS.items()},
        list(RUNS.values()),
        RUNS["deep"],
        {},
        None,
    ],
    ids=["more seeds than runs", "arrays", "a list", "no seeds", "no names", "one arm", "nothing", "None"],
)
def test_what_did_not_run_is_not_judged(runs):
    assert outcome(lambda: word(claim(rise > 0.5 * nats), runs)) is ABSENT


@pytest.mark.parametrize("part", ["conditions", "controls", "premise", "fails_when", "alternative"])
@pytest.mark.parametrize(
    "odd", [(), None, True, "deep", rise, [rise], training_loss, 0.5 * nats, {}], ids=lambda x: type(x).__name__
)
def test_a_part_of_a_claim_is_what_it_should_be_or_refused(part, odd):
    usual = claim(rise > 0.5 * nats)
    if (part, odd) in (("controls", ()),) or (odd is None and part in ("premise", "fails_when", "alternative")):
        return  # these say that there is none
    assert outcome(lambda: replace(usual, **{part: odd})) is ABSENT
    assert replace(usual, conditions=[rise > 0.5 * nats], controls=list(usual.controls)) == usual


def test_every_part_of_an_effect_is_checked():
    term = rise.terms[0]
    for sign in (0, 2, -2, 1.0, "1", None, True):
        assert outcome(lambda sign=sign: Term(sign, training_loss, ("deep",))) is ABSENT
    for arms in ("deep", (), (1,), None, (None,)):
        assert outcome(lambda arms=arms: Term(1, training_loss, arms)) is ABSENT
    for terms in ((), term, None, (rise,), "deep"):
        assert outcome(lambda terms=terms: Effect(terms)) is ABSENT
    for other in (0.5, training_loss, 0.5 * nats, np.float64(0.5), np.zeros(5), None):
        assert outcome(lambda other=other: rise + other) is outcome(lambda other=other: rise - other) is ABSENT
        assert outcome(lambda other=other: other + rise) is ABSENT
    assert Term(np.int64(-1), training_loss, [np.str_("deep")]) == Term(-1, training_loss, ("deep",))
    assert (
        outcome(lambda: Condition(training_loss, ">", 0.5)) is outcome(lambda: judge(rise > 1 * nats, RUNS)) is ABSENT
    )


@quantity("each layer", nats)
def each_layer(runs):
    return np.repeat(runs["train_loss"][:, None], 20, axis=1)


@quantity("their mean", nats)
def their_mean(runs):
    return runs["train_loss"].mean()


@quantity("their complex", nats)
def their_complex(runs):
    return runs["train_loss"] + 0j


@pytest.mark.parametrize("odd", [each_layer, their_mean, their_complex], ids=lambda q: q.says)
def test_what_is_not_one_number_a_seed_is_no_effect(odd):
    with pytest.raises(ValueError, match="for 5 seeds: choose a quantity that is one number a seed"):
        judge(claim(odd["deep"] > 0.5 * nats), RUNS)


# --- Names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "look_up",
    [
        lambda: judge(claim(training_loss["depe"] > 0.5 * nats), RUNS),
        lambda: judge(claim(rise > 0.5 * nats, trains=(("depe", 0.5),)), RUNS),
        lambda: training_loss["depe"].values(RUNS),
        lambda: effect_band(training_loss["depe"], RUNS, RUNS),
    ],
)
def test_an_unknown_arm_names_those_that_are_near(look_up):
    with pytest.raises(ValueError, match=r"^unknown arm 'depe': did you mean deep\?$"):
        look_up()


def test_a_reading_that_was_not_taken_names_those_that_were():
    with pytest.raises(ValueError, match=r"^unknown reading 'state_gradient_norm': choose one of train_loss, curve"):
        quantity("norm")(lambda runs: runs["state_gradient_norm"][:, 0])["deep"].values(RUNS)


# --- Specs and plans ------------------------------------------------------------------------------

SPECS = [
    Spec(Conv(8, "residual", (2, 3, 4), alpha=1.0), Task(batch=16), SGD(rate=1.0, steps=3, untrained=("head",))),
    Spec(Dense(5, "residual", width=4, alpha=0.0), Task(batch=16), SGD(rate=0.1, steps=3), Readings(True, (0, 3))),
    Spec(
        after_orhan(3, "residual", 5, activation="tanh", forward_gain=1.0),
        Task("gaussian-2", "teacher", 16, point="overlap", distance=0.1),
        SGD(steps=6, precision="float64", bias_pull=1.0),
        Readings(spectra=(0, 6)),
    ),
]


def forms(value: Any) -> list[Any]:
    """Ways to write a value of a Spec that are equal to it."""
    if isinstance(value, bool):
        return [value, np.bool_(value)]
    if isinstance(value, int):
        return [value, np.int64(value), np.uint8(value)]
    if isinstance(value, float):
        whole = [int(value), np.int32(value), np.float32(value)] if value == int(value) else []
        return [value, np.float64(value), *whole, *([-0.0] if value == 0 else [])]
    if isinstance(value, str):
        return [value, np.str_(value)]
    if isinstance(value, tuple):
        arrays = [np.array(value), tuple(np.array(value))] if value else []
        return [value, list(value), *arrays]
    return [value]


@st.composite
def written_otherwise(draw):
    """A Spec, and the same with every field in some other form."""
    spec = draw(st.sampled_from(SPECS))
    parts = {}
    for name in Spec.PARTS:
        part = getattr(spec, name)
        parts[name] = type(part)(**{f.name: draw(st.sampled_from(forms(getattr(part, f.name)))) for f in fields(part)})
    return spec, Spec(**parts)


@HARD
@given(written_otherwise())
def test_equal_specs_are_written_alike(drawn):
    spec, other = drawn
    assert other == spec and hash(other) == hash(spec) and repr(other) == repr(spec)
    assert other.question == spec.question and json.dumps(other.flat()) == json.dumps(spec.flat())


@HARD
@given(written_otherwise(), st.sampled_from(SEEDS))
def test_equal_plans_find_the_same_runs(cache, monkeypatch, drawn, seeds):
    spec, other = drawn
    for seed in range(5):
        if kept_runs.find(kept_runs.cache_folder(), spec, seed) is None:
            kept_runs.save(kept_runs.cache_folder(), spec, seed, {"train_loss": np.float64(seed)})
    monkeypatch.setattr(sweep, "_train_all", lambda missing, *_: pytest.fail(f"asked for other runs: {missing}"))
    if isinstance(seeds, range) and len(seeds) == 6:
        return  # more than there are
    found = outcome(lambda: sweeps.run({"arm": (other, seeds)})["arm"])
    if found is not ABSENT:
        assert found.seeds == tuple(range(len(seeds))) and found["train_loss"].tolist() == list(found.seeds)
        assert all(type(seed) is int for seed in found.seeds)
        assert sweeps.missing({"arm": (spec, seeds)}) == []
    assert (found is ABSENT) == (not any(seeds is plain for plain in (*SEEDS[:5], SEEDS[8])))


@pytest.mark.parametrize(
    "plan",
    [
        SPECS[0], [SPECS[0]], None, {"arm": SPECS[0]}, {"arm": (SPECS[0],)}, {"arm": (SPECS[0], 5)},
        {"arm": (range(5), SPECS[0])}, {"arm": (SPECS[0].net, range(5))}, {"arm": "ab"}, {"arm": (SPECS[0], [])},
        {"arm": (SPECS[0], {"a": 1})},
    ],
)  # fmt: skip
def test_a_plan_that_is_none_is_refused_before_anything_is_trained(cache, plan):
    assert outcome(lambda: sweeps.run(plan)) is outcome(lambda: sweeps.missing(plan)) is ABSENT
    assert not cache.exists()


@pytest.mark.parametrize(
    "parts",
    [{"net": "plain-20"}, {"net": None}, {"task": SGD()}, {"optimiser": Task()}, {"optimiser": 0.1}, {"readings": ()}],
    ids="-".join,
)
def test_a_spec_of_other_parts_is_refused(parts):
    with pytest.raises(TypeError, match="is impossible: choose one of the kind"):
        Spec(**({"net": Conv(8)} | parts))
