"""Every claim of the book, from its record: well formed, and never supported by what died or by what is missing."""

import functools
from dataclasses import replace

import numpy as np
import pytest
from made import EVERY_CLAIM, changed, deaths, gone, recorded_for

from whyresnets.chapter import Chapter
from whyresnets.chapters.identity_bias.arms import LARGE, SMALL, rates_of
from whyresnets.claims.quantities import CHANCE
from whyresnets.claims.verdicts import Claim, Measured, Test, Verdict, judge
from whyresnets.stats import t_interval

every_claim = pytest.mark.parametrize(("chapter", "claim"), EVERY_CLAIM, ids=[claim.id for _, claim in EVERY_CLAIM])

# Arms that the claim, or a control, expects to fail: if all their seeds diverge, that is a result, and scores chance.
FAILURE_IS_A_RESULT = {
    "HE1-1": {"plain-56"},
    "HE1-2": {"plain-56", "shuffled-20", "shuffled-56"},
    "HE1-8": {"plain-56", "delta-orthogonal-20", "delta-orthogonal-56"},
    "HE1-9": {"plain-56", "shuffled-20", "shuffled-56"},
    "HE1-6c": {"shuffled-20 x10"},
    "HE1-7": {"start-110 at 0.1"},
    "ZA-4": {"plain-1002"},
    "DS-3": {"rescaled-256"},
    "DS-3f": {"rescaled-256"},
    "DS-4": {"SkipInit d^-1/4-256", "SkipInit d^-3/8-256"},
    "OP-9": {"plain, as it comes", "identity, as it comes", "plain, preserved"},  # read before training
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


@functools.cache
def printed(chapter: Chapter, claim: Claim) -> Verdict:
    """The verdict on a claim from its record, judged once."""
    return judge(claim, recorded_for(chapter, claim))


# --- Well formed ------------------------------------------------------------------------------------


def test_no_two_claims_have_one_id():
    assert len({claim.id for _, claim in EVERY_CLAIM}) == len(EVERY_CLAIM)


@every_claim
def test_a_claim_says_what_it_does_not_show_and_has_a_control_that_measures_something_else(chapter, claim):
    assert claim.controls and claim.not_shown and claim.says
    own = {condition.effect for condition in claim.conditions}
    assert not own & {condition.effect for control in claim.controls for condition in control.conditions}


# --- Never supported by what died -------------------------------------------------------------------


@every_claim
def test_a_claim_is_void_if_an_arm_that_must_train_is_dead(chapter, claim):
    runs = recorded_for(chapter, claim)
    for arm, bound in claim.trains:
        for death, dead in deaths(runs[arm], at=(0, -1)).items():
            if bound > CHANCE and death in ("at chance", "worse than chance"):
                continue  # asked to stay finite, no more
            assert judge(claim, runs | {arm: dead}).word == "void", (arm, death)


@every_claim
def test_only_an_arm_that_was_expected_to_fail_may_be_dead_in_a_supported_claim(chapter, claim):
    """A loss that diverged scores chance: an arm whose death leaves the claim supported is one that was to fail."""
    runs, may_be_dead = recorded_for(chapter, claim), set()
    for arm in claim.arms:
        dead = gone(runs[arm]), changed(runs[arm], "train_loss", np.inf)
        words = {judge(claim, runs | {arm: instead}).word for instead in dead}
        may_be_dead |= {arm} if words & {"supported", "conditional"} else set()
    assert may_be_dead == FAILURE_IS_A_RESULT.get(claim.id, set())


@every_claim
def test_no_claim_is_supported_by_dead_arms(chapter, claim):
    """Dead minus dead is zero, which a control that must be missed would take for failing."""
    runs = recorded_for(chapter, claim)
    assert judge(claim, {arm: gone(runs[arm]) for arm in claim.arms}).word in ("void", "refuted", "undecided")


@every_claim
def test_a_claim_is_void_if_one_value_of_one_seed_is_nan(chapter, claim):
    runs, verdict = recorded_for(chapter, claim), printed(chapter, claim)

    def spoilt(measured: Measured) -> list[Measured]:
        """One for each seed whose value is lost."""
        values = measured.condition.effect.values(runs).astype(float)
        lost = [np.where(np.arange(len(values)) == seed, np.nan, values) for seed in range(len(values))]
        return [Measured(measured.condition, t_interval(values)) for values in lost]

    groups = (verdict.predicted, *verdict.tests)
    for g, group in enumerate(groups):
        for i, measured in enumerate(group):
            for instead in spoilt(measured):
                predicted, *tests = (*groups[:g], (*group[:i], instead, *group[i + 1 :]), *groups[g + 1 :])
                assert replace(verdict, predicted=predicted, tests=tuple(tests)).word == "void"


@every_claim
def test_no_claim_is_supported_if_a_control_has_its_effect(chapter, claim):
    """Each control in turn is replaced by the claim's own arms, in which the effect is there if anywhere."""
    word = printed(chapter, claim).word
    for k in range(len(claim.controls)):
        controls = (*claim.controls[:k], Test("no control", claim.conditions), *claim.controls[k + 1 :])
        found = judge(replace(claim, controls=controls), recorded_for(chapter, claim)).word
        assert found == ("undecided" if word in ("supported", "conditional") else word)
