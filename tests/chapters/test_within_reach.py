"""Within reach: that its controls change one thing, that a story's other half could have come out, its self-checks."""

import numpy as np
import pytest
import torch
from written_out import batch_norm

from whyresnets.chapters.within_reach import CHAPTER, arms, page
from whyresnets.claims.verdicts import judge
from whyresnets.nets.dense import DenseNet
from whyresnets.sweeps import LIVE, core_seconds
from whyresnets.training.growing import shallower
from whyresnets.training.runs import Runs

LAPTOP = CHAPTER.specs()


def test_controls_change_one_thing(differ):
    for condition in arms.CONDITIONS[1:]:
        assert differ(LAPTOP, arms.ORTHOGONAL, arms.conditioned(condition)) == {"skip_condition"}
    assert differ(LAPTOP, arms.lowered(1, 1000), arms.lowered(1, 10)) == {"skip_condition"}
    assert differ(LAPTOP, arms.lowered(1, 10), arms.lowered(56, 10)) == {"skip_small"}
    assert differ(LAPTOP, arms.IDENTITY, arms.ORTHOGONAL) == {"skip"}
    assert differ(LAPTOP, arms.IDENTITY, arms.PLAIN) == {"rule"}
    assert differ(LAPTOP, arms.PLAIN, "identity start") == {"weights"}
    assert differ(LAPTOP, "plain, 600 steps", arms.untaught(0.0)) == {"weights"}
    assert differ(LAPTOP, arms.untaught(0.3), arms.untaught(1.0)) == {"noise"}
    assert differ(LAPTOP, arms.PLAIN, "plain, 600 steps") == {"steps"}
    assert differ(LAPTOP, arms.PLAIN, arms.grown(0.0)) == {"grown_from"}
    assert differ(LAPTOP, arms.SHALLOW_NET, arms.SHALLOW_AGAIN) == {"grown_from"}
    assert differ(LAPTOP, arms.grown(0.3), arms.grown(1.0)) == {"noise"}
    assert differ(LAPTOP, arms.IDENTITY, f"{arms.IDENTITY}, drawn again") == {"draw"}
    for net in (arms.PLAIN, arms.IDENTITY, arms.ORTHOGONAL, arms.STRETCHED, arms.lowered(56, 10)):
        assert differ(LAPTOP, net, f"{net}, frozen") == {"untrained"}


def test_a_grown_net_comes_from_the_shallow_net_of_the_chapter():
    for name in (arms.grown(0.3), arms.SHALLOW_AGAIN):
        shallow = shallower(LAPTOP[name])
        assert shallow == LAPTOP[arms.SHALLOW_NET].but(readings=shallow.readings)


def test_with_a_solution_and_without_a_net_gets_as_many_steps_in_all():
    for noise in arms.NOISES:
        grown, untaught = LAPTOP[arms.grown(noise)], LAPTOP[arms.untaught(noise)]
        assert 2 * grown.optimiser.steps == untaught.optimiser.steps == LAPTOP[arms.SHALLOW_TWICE].optimiser.steps


def test_rotate_the_coordinates_of_each_block_and_a_rotation_is_the_identity():
    """The net with rotations computes what one with identity shortcuts does whose branches see rotated states."""
    net = DenseNet(6, "residual", 8, features=6, head_activation="linear", skip="orthogonal")
    params, _ = net.initial(torch.Generator().manual_seed(0), torch.float64)
    x = torch.randn(16, 6, dtype=torch.float64)
    turned, state = torch.eye(8, dtype=torch.float64), x @ params["stem.weight"].T
    for name, *_ in net.units:
        seen = batch_norm(params, name, state @ turned.T).relu()
        turned = params[f"{name}.skip.fixed"] @ turned
        state = state + seen @ params[f"{name}.weight"].T @ turned
    assert torch.allclose(net.states(params, x)[-1], state @ turned.T, atol=1e-10)


def test_the_live_plan_keeps_its_budget():
    assert sum(core_seconds(spec) * len(seeds) for spec, seeds in CHAPTER.live().values()) <= LIVE


@pytest.mark.parametrize(
    ("few", "word"),
    [(0.9, "supported"), (0.2, "refuted")],
)
def test_the_story_of_the_condition_number_could_have_come_out(few, word):
    """If 56 small directions were as harmless as one, the claim would be refuted."""
    claim = CHAPTER.claim("WR-8")
    few_losses, others = few + np.linspace(0, 0.01, 5), np.zeros(5)
    levels = dict.fromkeys(claim.arms, 0.9)
    levels |= dict.fromkeys((arms.lowered(1, 10), arms.lowered(1, 1000)), 0.2)
    runs = {
        arm: Runs(LAPTOP[arm], tuple(range(5)), {
            "train_loss": few_losses if arm == arms.lowered(56, 10) else level + others,
            "curve": np.zeros((5, 1)), "seconds": np.ones(5),
        })
        for arm, level in levels.items()
    }  # fmt: skip
    assert judge(claim, runs).word == word


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
    assert page.check_participation(9.15).startswith("Right") and page.check_participation(8).startswith("Not yet")
    assert page.check_design("norm").startswith("Right")
    assert page.check_design("largest singular value").startswith("Not yet")
    recorded = CHAPTER.recorded()
    one, many = (recorded[arms.lowered(count, 10)] for count in (1, 56))
    assert page.check_between(many).startswith("Not yet")
    arrays = {**many.arrays, "train_loss": (one["train_loss"] + many["train_loss"]) / 2}
    assert page.check_between(Runs(many.spec.but(skip_small=32), many.seeds, arrays)).startswith("Right")
