import math

import numpy as np
import pytest

from whyresnets import claims
from whyresnets.chapters import norm_preservation as norms
from whyresnets.chapters.norm_preservation import CHAPTER, GRID_RATES, LAPTOP, RATES
from whyresnets.training import Runs


def test_without_the_skip_the_verdict_on_the_mean_turns(judge_with_a_line_changed):
    """One line of the model is patched, and the patched nets are really made, read and judged."""
    line, instead = ("            return shortcut + branch\n", "            return branch\n")
    status, (verdict,) = judge_with_a_line_changed(line, instead, "ZA-1")
    assert status == 1
    assert (verdict["printed_verdict"], verdict["verdict"]) == ("contested", "refuted")


def test_singular_values_that_are_not_quite_equal_make_the_claim_about_kept_norms_void(judge_with_a_line_changed):
    """Arms that still train, but whose norms are kept to a tenth only: what was given is not so."""
    line = "    values = torch.logspace(0, -math.log10(spread),"
    instead = "    values = torch.logspace(0, -math.log10(max(spread, 1.1)),"
    status, (verdict,) = judge_with_a_line_changed(line, instead, "ZA-5")
    assert status == 1 and verdict["verdict"] == "void" and verdict["diverged"] == 0


# --- Arms ---------------------------------------------------------------------------------------


def test_arms_differ_in_nothing_but_what_they_are_about():
    """Each control, and each rival that changes one thing: the fields in which it differs from its claim's arm."""
    changed = {
        ("plain, 128 blocks", "residual, 128 blocks"): {"rule"},
        ("residual, no BN, 128 blocks", "residual, 128 blocks"): {"norm"},
        ("residual, small start, 128 blocks", "residual, 128 blocks"): {"gain"},
        ("plain-22", "residual-22"): {"rule"},
        ("plain-58", "residual-58"): {"rule"},
        ("projected-22", "residual-22"): {"project"},
        ("ordinary projected-22", "projected-22"): {"project"},
        ("uneven-22", "projected-22"): {"spread"},
        ("ordinary uneven-22", "ordinary projected-22"): {"spread"},
        ("plain-1002", "residual-1002"): {"rule"},
        ("residual-22 at 0.1", "residual-22"): set(),
        ("plain, BN-66", "residual, BN-66"): {"rule"},
        ("fold, kept-10", "fold, kept-66"): {"depth"},
        ("rotate, kept-66", "fold, kept-66"): {"activation"},
        ("fold, uneven-66", "fold, kept-66"): {"spread"},
        ("fold-66", "fold, kept-66"): {"project"},
    }
    for pair, fields in changed.items():
        one, other = (vars(LAPTOP[arm]) for arm in pair)
        assert {name for name in one if one[name] != other[name]} - {"rate"} == fields, pair


@pytest.mark.parametrize("arm", RATES)
def test_each_trained_arm_has_a_grid_with_the_rate_that_was_chosen_from_it(arm):
    assert RATES[arm][1] == LAPTOP[arm].rate and RATES[arm][1] in GRID_RATES[arm]


def test_the_search_lists_every_net_of_66_layers_but_the_control():
    trained = [arm for arm in RATES if arm.endswith("-66")]
    assert set(trained) - set(norms.SEARCH) == {"fold, uneven-66"}
    assert set(norms.SEARCH) - set(trained) == {"fold, kept-10"}  # for comparison
    assert set(norms.AT_START) == {f"{arm}, untrained" for arm in norms.SEARCH}
    for arm in norms.SEARCH:
        assert LAPTOP[f"{arm}, untrained"].steps == 0


@pytest.mark.parametrize("scale", ["workstation", "paper"])
def test_larger_scales_plan_the_arms_of_their_claims_on_cifar(scale):
    arms = CHAPTER.arms(scale)
    assert set(arms) == {arm for claim in CHAPTER.claims_at(scale) for arm in claim.arms}
    assert {claim.id for claim in CHAPTER.claims} - {c.id for c in CHAPTER.claims_at(scale)} == {"ZA-4", "ZA-5"}
    for arm, spec in arms.items():
        small = LAPTOP[arm]
        assert spec.data == "cifar10" and spec.rule == small.rule and spec.depth == small.depth
        assert (spec.steps > 0) == spec.augment == (small.steps > 0)
        assert len(spec.watch) == len(small.watch) and spec.steps in (0, *spec.watch)


# --- Readings -----------------------------------------------------------------------------------

NORMS = np.array(
    [[[8.0, 4, 4, 2, 1], [1, 1, 2, 2, 2]], [[1, 1, 1, 1, 1], [3, 1, 1, 1, 1]]]
)  # 2 seeds, 2 steps, 5 states


def watched() -> Runs:
    spec = LAPTOP["residual-10"].but(watch=(0, 100))
    return Runs(spec, (0, 1), {"watched_gradient_norm": NORMS, "curve": np.array([[1.0, 2], [3, 5]])})


def test_ratios_are_the_norm_before_a_block_over_the_norm_after_it():
    assert claims.gradient_ratios(watched(), 0).tolist() == [[2, 1, 2, 2], [1, 1, 1, 1]]
    assert claims.gradient_ratios(watched()).tolist() == [[1, 0.5, 1, 1], [3, 1, 1, 1]]
    untrained = Runs(LAPTOP["plain, 8 blocks"], (0,), {"state_gradient_norm": NORMS[0, :1]})
    assert claims.gradient_ratios(untrained).tolist() == [[2, 1, 2, 2]]


def test_distances_are_from_one_whichever_way():
    assert norms.mean_distance(watched()) == pytest.approx([0.125, 0.5])
    assert norms.largest_distance(watched()) == pytest.approx([0.5, 2])
    assert norms.log10_largest_distance(watched()) == pytest.approx(np.log10([0.5, 2]))
    assert norms.watched_distance(watched()) == pytest.approx([1, 2])
    assert norms.end_to_end(watched()) == pytest.approx([math.log10(2), math.log10(3)])
    assert norms.mean_loss(watched()) == pytest.approx([1.5, 4])


def test_transitions_are_read_apart_from_the_other_blocks():
    """10 layers, order "pre": block, transition, block, transition, block."""
    runs = Runs(
        LAPTOP["residual-10"].but(watch=(100,)),
        (0,),
        {"watched_gradient_norm": np.array([[[6.0, 5, 2.5, 2.5, 0.5, 0.5]]])},  # r = 1.2, 2, 1, 5, 1
    )
    assert norms.transition_distance(runs) == pytest.approx([2.5])
    assert norms.trained_distance(runs) == pytest.approx([0.2 / 3])
    assert norms.distance_through(runs) == pytest.approx(np.array([[0.2 / 3]]))
    assert norms.outlying_after(runs) == pytest.approx([math.log10(2.5 / (0.2 / 3))])


# --- What the text says of the record -------------------------------------------------------------


def test_the_law_of_the_mechanism_holds_in_the_record():
    """r_l^2 = 1 + c / l with c from the plain net, from the eighth block on; and on the whole way."""
    recorded = CHAPTER.recorded()
    c = norms.law(recorded)[0] ** 2 - 1
    r = claims.gradient_ratios(recorded["residual, 512 blocks"]).mean(0)
    assert 0.8 < ((r - 1) / (norms.law(recorded) - 1))[8:].mean() < 1.2
    growth = [claims.gradient_distance(recorded[f"residual, {L} blocks"]).mean() for L in norms.BLOCKS]
    slope = np.polyfit(np.log10(norms.BLOCKS), growth, 1)[0]
    assert slope == pytest.approx(c / 2, rel=0.15) and slope > 0.6  # not the 0.5 of a square root


def test_residual_nets_of_all_depths_lie_on_one_curve():
    recorded = CHAPTER.recorded()
    shallow = claims.gradient_ratios(recorded["residual, 32 blocks"]).mean(0)
    deep = claims.gradient_ratios(recorded["residual, 512 blocks"]).mean(0)[:32]
    assert np.abs(shallow - deep).max() < 0.05


def test_norms_and_training_come_in_all_four_combinations():
    """Kept or not, trained or not: what the text says of the search."""
    recorded, found = CHAPTER.recorded(), {}
    for arm in norms.SEARCH:
        trains = claims.trained(recorded[arm]).mean() > 0.5
        found[arm] = norms.mean_distance(recorded[f"{arm}, untrained"]).mean() < norms.KEPT, trains
    assert found["fold, kept-66"] == (True, False) and found["rotate, kept-66"] == (True, True)
    assert found["residual, BN-66"] == (False, True) and found["plain, BN-66"] == (False, False)


# --- Self-checks ----------------------------------------------------------------------------------


def test_self_check_1_knows_right_from_wrong():
    c = float(np.square(claims.gradient_ratios(CHAPTER.recorded()["plain, 128 blocks"])).mean())
    assert norms.check_growth(c / 2 * math.log10(128)).startswith("Right")
    for wrong in (0.5 * math.log10(128), c * math.log10(128), 128 ** (c / 2), None):
        assert norms.check_growth(wrong).startswith("Not")


def test_self_check_2_knows_right_from_wrong():
    spec = LAPTOP["fold, kept-66"].but(depth=22)

    def runs(spec, n, loss):
        values = np.full(n, loss)
        return Runs(spec, tuple(range(n)), {"train_loss": values, "curve": values[:, None]})

    assert norms.check_folding(runs(spec, 5, 1.0)).startswith("Right")
    wrong = [None, 22, runs(spec.but(rate=0.01), 5, 1.0), runs(spec, 4, 1.0)]
    assert all(norms.check_folding(answer).startswith("Not") for answer in wrong)
    assert norms.check_folding(runs(spec, 5, 3.0)).startswith("Unexpected")
