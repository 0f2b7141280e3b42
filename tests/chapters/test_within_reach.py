"""Within reach: that its controls change one thing, that a story's other half could have come out, its self-checks."""

import numpy as np
import pytest

from whyresnets.chapters.within_reach import CHAPTER, arms, page
from whyresnets.claims.verdicts import judge
from whyresnets.sweeps import LIVE, core_seconds
from whyresnets.training.growing import shallower
from whyresnets.training.runs import Runs

LAPTOP = CHAPTER.specs()


def test_controls_change_one_thing(differ):
    for condition in arms.CONDITIONS[1:]:
        assert differ(LAPTOP, arms.ORTHOGONAL, arms.conditioned(condition)) == {"skip_condition"}
    assert differ(LAPTOP, arms.IDENTITY, arms.ORTHOGONAL) == {"skip"}
    assert differ(LAPTOP, arms.IDENTITY, arms.PLAIN) == {"rule"}
    assert differ(LAPTOP, arms.PLAIN, "plain, 600 steps") == {"steps"}
    assert differ(LAPTOP, arms.PLAIN, arms.grown("plain", 0.0)) == {"grown_from"}
    assert differ(LAPTOP, arms.grown("plain", 0.3), arms.grown("plain", 1.0)) == {"noise"}
    assert differ(LAPTOP, arms.IDENTITY, f"{arms.IDENTITY}, drawn again") == {"draw"}
    for net in (arms.PLAIN, arms.IDENTITY, arms.ORTHOGONAL, arms.STRETCHED):
        assert differ(LAPTOP, net, f"{net}, frozen") == {"untrained"}


def test_a_grown_net_comes_from_the_shallow_net_of_the_chapter():
    assert shallower(LAPTOP[arms.grown("plain", 0.3)]) == LAPTOP[f"plain-{arms.SHALLOW}"]


def test_the_live_plan_keeps_its_budget():
    assert sum(core_seconds(spec) * len(seeds) for spec, seeds in CHAPTER.live().values()) <= LIVE


@pytest.mark.parametrize(
    ("orthogonal", "word"),
    [(0.2, "refuted"), (0.36, "refuted"), (0.9, "supported")],
)
def test_the_story_of_the_identity_could_have_come_out(orthogonal, word):
    claim = CHAPTER.claim("WR-4")
    noise = np.linspace(0, 0.01, 5)
    levels = dict.fromkeys(claim.arms, 0.36) | {arms.ORTHOGONAL: orthogonal, arms.STRETCHED: 0.9}
    runs = {
        arm: Runs(LAPTOP[arm], tuple(range(5)), {
            "train_loss": level + noise * (arm == arms.ORTHOGONAL), "curve": np.zeros((5, 1)), "seconds": np.ones(5),
        })
        for arm, level in levels.items()
    }  # fmt: skip
    assert judge(claim, runs).word == word


def test_self_checks_know_right_from_wrong():
    assert page.check_product(48).startswith("Right") and page.check_product(3).startswith("Not yet")
    assert page.check_design("norm").startswith("Right")
    assert page.check_design("largest singular value").startswith("Not yet")
    recorded = CHAPTER.recorded()
    assert page.check_condition(recorded["condition 3"]).startswith("Not yet")
    spec = recorded["condition 3"].spec.but(skip_condition=5.0)
    between = (recorded["condition 3"]["train_loss"] + recorded["condition 10"]["train_loss"]) / 2
    arrays = {**recorded["condition 3"].arrays, "train_loss": between}
    assert page.check_condition(Runs(spec, recorded["condition 3"].seeds, arrays)).startswith("Right")
