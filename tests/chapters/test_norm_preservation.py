import dataclasses
import math

import numpy as np
import pytest

from whyresnets.chapters.norm_preservation import CHAPTER, arms, effects, page
from whyresnets.chapters.norm_preservation.claims import PRESERVED
from whyresnets.claims.quantities import gradient_distance, gradient_ratios, trained
from whyresnets.claims.verdicts import judge
from whyresnets.training.runs import Runs
from whyresnets.training.train import train

LAPTOP = CHAPTER.specs()


@pytest.mark.slow
def test_without_the_skip_the_verdict_on_the_mean_turns(judge_with_a_line_changed):
    """One line of the model is patched, and the patched nets are really made, read and judged."""
    line, instead = "lambda shortcut, branch, batch: shortcut + branch,\n", "lambda shortcut, branch, batch: branch,\n"
    status, (verdict,) = judge_with_a_line_changed(
        f'"residual": {line}', f'"residual": {instead}', "ZA-1", module="nets/rules"
    )
    assert status == 1
    assert (verdict["printed_verdict"], verdict["verdict"]) == ("conditional", "refuted")


def test_singular_values_of_two_to_one_make_the_claim_about_preserved_norms_void():
    """Nets that are really made, one in place of a recorded one that trains: the premise is not so."""

    def uneven(spread: float) -> Runs:
        spec = arms.PRESERVED.but(depth=12, steps=2, watch=(0, 2), rate=0.1, spread=spread)
        return Runs.stack(spec, range(5), [train(spec, seed) for seed in range(5)])

    assert (effects.watched_distance(uneven(1.0)) < PRESERVED / 100).all()
    recorded = {arm: runs.first(5) for arm, runs in CHAPTER.recorded().items()}
    assert judge(CHAPTER.claim("ZA-5"), recorded).word == "refuted"
    rotating = recorded["rotate, preserved-66"]
    read = {**rotating.arrays, "watched_gradient_norm": uneven(2.0)["watched_gradient_norm"]}
    recorded["rotate, preserved-66"] = dataclasses.replace(rotating, arrays=read)
    assert judge(CHAPTER.claim("ZA-5"), recorded).word == "void"


# --- Arms ---------------------------------------------------------------------------------------


def test_arms_differ_in_nothing_but_what_they_are_about():
    """Each control, and each alternative that changes one thing: the fields in which it differs from the claim's."""
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
        ("fold, preserved-10", "fold, preserved-66"): {"depth"},
        ("rotate, preserved-66", "fold, preserved-66"): {"activation"},
        ("fold, uneven-66", "fold, preserved-66"): {"spread"},
        ("fold-66", "fold, preserved-66"): {"project"},
    }
    for pair, fields in changed.items():
        one, other = (LAPTOP[arm].flat() for arm in pair)
        assert {name for name in one if one[name] != other[name]} - {"rate"} == fields, pair


def test_each_trained_arm_has_the_best_rate_of_its_grid():
    assert all(net.best in net.rates for net in arms.TUNED)


def test_the_search_lists_every_net_of_66_layers_but_the_control_and_one_of_10():
    tuned = {net.arm.name for net in arms.TUNED if net.spec.net.depth == 66}
    searched = {arm.name for arm in arms.SEARCH.values()}
    assert tuned - searched == {"fold, uneven-66", "fold, preserved-66 x5"}
    assert searched - tuned == {"fold, preserved-10"}


@pytest.mark.parametrize("scale", ["workstation", "paper"])
def test_larger_scales_plan_the_arms_of_their_claims_on_cifar(scale):
    assert {claim.id for claim in CHAPTER.claims} - {c.id for c in CHAPTER.claims_at(scale)} == {"ZA-4", "ZA-5"}
    for arm, spec in CHAPTER.specs(scale).items():
        small, steps = LAPTOP[arm], spec.optimiser.steps
        assert spec.task.data == "cifar10" and spec.net.rule == small.net.rule and spec.net.depth == small.net.depth
        assert (steps > 0) == spec.task.augment == (small.optimiser.steps > 0)
        assert len(spec.readings.watch) == len(small.readings.watch) and steps in (0, *spec.readings.watch)


# --- Quantities ---------------------------------------------------------------------------------

NORMS = np.array(
    [[[8.0, 4, 4, 2, 1], [1, 1, 2, 2, 2]], [[1, 1, 1, 1, 1], [3, 1, 1, 1, 1]]]
)  # 2 seeds, 2 steps, 5 states


def watched() -> Runs:
    spec = LAPTOP["residual-10"].but(watch=(0, 100))
    return Runs(spec, (0, 1), {"watched_gradient_norm": NORMS, "curve": np.array([[1.0, 2], [3, 5]])})


def test_ratios_are_the_norm_before_a_block_over_the_norm_after_it():
    assert gradient_ratios(watched(), 0).tolist() == [[2, 1, 2, 2], [1, 1, 1, 1]]
    assert gradient_ratios(watched()).tolist() == [[1, 0.5, 1, 1], [3, 1, 1, 1]]
    untrained = Runs(LAPTOP["plain, 8 blocks"], (0,), {"state_gradient_norm": NORMS[0, :1]})
    assert gradient_ratios(untrained).tolist() == [[2, 1, 2, 2]]


def test_distances_are_from_one_whichever_way():
    assert effects.mean_distance(watched()) == pytest.approx([0.125, 0.5])
    assert effects.largest_distance(watched()) == pytest.approx([0.5, 2])
    assert effects.log10_largest_distance(watched()) == pytest.approx(np.log10([0.5, 2]))
    assert effects.watched_distance(watched()) == pytest.approx([1, 2])
    assert effects.end_to_end(watched()) == pytest.approx([math.log10(2), math.log10(3)])
    assert effects.mean_loss(watched()) == pytest.approx([1.5, 4])


def test_transitions_are_read_apart_from_the_other_blocks():
    """10 layers, order "pre": block, transition, block, transition, block."""
    runs = Runs(
        LAPTOP["residual-10"].but(watch=(100,)),
        (0,),
        {"watched_gradient_norm": np.array([[[6.0, 5, 2.5, 2.5, 0.5, 0.5]]])},  # r = 1.2, 2, 1, 5, 1
    )
    assert effects.transition_distance(runs) == pytest.approx([2.5])
    assert effects.trained_distance(runs) == pytest.approx([0.2 / 3])
    assert effects.distance_through(runs) == pytest.approx(np.array([[0.2 / 3]]))
    assert effects.outlying_after(runs) == pytest.approx([math.log10(2.5 / (0.2 / 3))])


# --- What the text says of the record -------------------------------------------------------------


def test_the_law_of_the_mechanism_holds_in_the_record():
    """r_l^2 = 1 + c / l with c from the plain net, from the eighth block on; and on the whole way."""
    recorded = CHAPTER.recorded()
    law = page.law(recorded)
    c = law[0] ** 2 - 1
    r = gradient_ratios(recorded["residual, 512 blocks"]).mean(0)
    assert 0.8 < ((r - 1) / (law - 1))[8:].mean() < 1.2
    growth = [gradient_distance(recorded[f"residual, {L} blocks"]).mean() for L in arms.BLOCKS]
    slope = np.polyfit(np.log10(arms.BLOCKS), growth, 1)[0]
    assert slope == pytest.approx(c / 2, rel=0.15) and slope > 0.6  # not the 0.5 of a square root


def test_residual_nets_of_all_depths_lie_on_one_curve():
    recorded = CHAPTER.recorded()
    shallow = gradient_ratios(recorded["residual, 32 blocks"]).mean(0)
    deep = gradient_ratios(recorded["residual, 512 blocks"]).mean(0)[:32]
    assert np.abs(shallow - deep).max() < 0.05


def test_norms_and_training_come_in_all_four_combinations():
    """Preserved or not, trained or not: what the text says of the search."""
    recorded, found = CHAPTER.recorded(), {}
    for label, arm in page.SEARCHED.items():
        trains = trained(recorded[arm]).mean() > 0.5
        found[label] = effects.mean_distance(recorded[f"{arm}, untrained"]).mean() < PRESERVED, trains
    assert found["fold, preserved"] == (True, False) and found["rotate, preserved"] == (True, True)
    assert found["residual, BN"] == (False, True) and found["plain, BN"] == (False, False)


# --- Self-checks ----------------------------------------------------------------------------------


def test_self_check_1_knows_right_from_wrong():
    c = float(np.square(gradient_ratios(CHAPTER.recorded()["plain, 128 blocks"])).mean())
    assert page.check_growth(c / 2 * math.log10(128)).startswith("Right")
    for wrong in (0.5 * math.log10(128), c * math.log10(128), 128 ** (c / 2), None):
        assert page.check_growth(wrong).startswith("Not")


def test_self_check_2_knows_right_from_wrong():
    spec = LAPTOP["fold, preserved-66"].but(depth=22)

    def runs(spec, n, loss):
        values = np.full(n, loss)
        return Runs(spec, tuple(range(n)), {"train_loss": values, "curve": values[:, None]})

    assert page.check_folding(runs(spec, 5, 1.0)).startswith("Right")
    wrong = [None, 22, runs(spec.but(rate=0.01), 5, 1.0), runs(spec, 4, 1.0)]
    assert all(page.check_folding(answer).startswith("Not") for answer in wrong)
    assert page.check_folding(runs(spec, 5, 3.0)).startswith("Unexpected")


def test_self_check_3_knows_right_from_wrong():
    assert page.check_design("gentle rotations").startswith("Right")
    assert all(page.check_design(answer).startswith("Not") for answer in ("fewer folds", "both", None))
