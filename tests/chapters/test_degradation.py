import numpy as np
import pytest

from whyresnets.chapters import degradation
from whyresnets.chapters.degradation import BEST_RATE, CHAPTER, GRID_RATES, LAPTOP
from whyresnets.training import Runs


def test_without_the_skip_the_verdict_on_the_skip_turns(judge_with_a_line_changed):
    """One line of the model is patched, and the patched net is really trained and judged."""
    line, instead = ("            return shortcut + branch\n", "            return branch\n")
    status, (verdict,) = judge_with_a_line_changed(line, instead, "HE1-2")
    assert status == 1
    assert verdict["printed_verdict"] == "supported"
    assert verdict["verdict"] == "refuted"
    assert verdict["high"] < verdict["threshold"]


@pytest.mark.parametrize("arm", GRID_RATES)
def test_each_grid_belongs_to_an_arm_with_the_rate_that_was_chosen_from_it(arm):
    assert LAPTOP[arm].rate == BEST_RATE[arm]


def test_arms_differ_in_nothing_but_what_they_are_about():
    """Controls keep parameters and budget."""
    for rule in ("residual", "half", "stranger"):
        spec = LAPTOP[f"{rule}-56"].but(rule="plain", rate=LAPTOP["plain-56"].rate)
        assert spec == LAPTOP["plain-56"]


def test_probes_run_one_seed():
    assert all(len(CHAPTER.live()[arm][1]) == 1 for arm in CHAPTER.probes)


def test_self_check_1_knows_right_from_wrong():
    assert degradation.check_attenuation(-8.127).startswith("Right")
    for wrong in (0.5**27, -16.9, None):
        assert degradation.check_attenuation(wrong).startswith("Not")


def test_self_check_2_knows_right_from_wrong():
    spec = LAPTOP["plain-20"].but(depth=32, extend_to=())

    def runs(spec, n, loss):
        values = np.full(n, loss)
        return Runs(spec, tuple(range(n)), {"train_loss": values, "curve": values[:, None]})

    assert degradation.check_between(runs(spec, 5, 1.0)).startswith("Right")
    wrong = [None, runs(spec.but(rule="residual"), 5, 1.0), runs(spec, 4, 1.0)]
    assert all(degradation.check_between(answer).startswith("Not") for answer in wrong)
    assert degradation.check_between(runs(spec, 5, 3.0)).startswith("Unexpected")
