from dataclasses import replace

import numpy as np
import pytest

from whyresnets.chapter import SIZES
from whyresnets.chapters.degradation import CHAPTER, page
from whyresnets.nets.build import build, parameter_count
from whyresnets.training.descent import rate_at
from whyresnets.training.runs import Runs

LAPTOP = CHAPTER.specs()


@pytest.mark.slow
def test_without_the_skip_the_verdict_on_the_skip_turns(judge_with_a_line_changed):
    """One line of the model is patched, and the patched net is really trained and judged."""
    line, instead = "lambda shortcut, branch, batch: shortcut + branch", "lambda shortcut, branch, batch: branch"
    status, (verdict,) = judge_with_a_line_changed(line, instead, "HE1-2", module="nets/rules")
    assert status == 1
    assert verdict["printed_verdict"] == "supported"
    assert verdict["verdict"] == "refuted"
    assert verdict["high"] < verdict["threshold"]


def test_arms_differ_in_nothing_but_what_they_are_about():
    """Controls keep parameters and budget."""
    for rule in ("residual", "half", "shuffled"):
        spec = LAPTOP[f"{rule}-56"].but(rule="plain", rate=LAPTOP["plain-56"].optimiser.rate)
        assert spec == LAPTOP["plain-56"]


@pytest.mark.parametrize("scale", SIZES)
def test_larger_scales_change_nothing_of_the_nets_but_their_width(scale):
    judged = {arm for claim in CHAPTER.claims_at(scale) for arm in claim.arms}
    arms, steps = {arm: CHAPTER.specs(scale)[arm] for arm in judged}, SIZES[scale][0]
    for arm, spec in arms.items():
        small = LAPTOP[arm]
        assert (spec.task.data, spec.task.batch) == ("cifar10", 128)
        assert spec.optimiser.steps == steps * small.optimiser.steps
        assert replace(spec.net, widths=small.net.widths) == small.net
        steps_there, read = spec.optimiser.steps, spec.readings
        assert read.signals and read.watch == ((0, steps_there // 10, steps_there) if steps_there else ())
    deep, shallow = arms["residual-56"], arms["residual-20"]
    assert deep.but(depth=20, rate=shallow.optimiser.rate) == shallow
    assert deep.but(rule="plain", rate=arms["plain-56"].optimiser.rate) == arms["plain-56"]


@pytest.mark.parametrize(("arm", "specs"), CHAPTER.grids("workstation").items())
def test_a_grid_at_workstation_scale_is_of_its_arm_but_for_rate_and_readings(arm, specs):
    plain = CHAPTER.specs("workstation")[arm].but(signals=False, watch=(), extend_to=())
    assert all(spec == plain.but(rate=spec.optimiser.rate) for spec in specs)


def test_at_larger_scale_a_claim_differs_in_its_thresholds_alone():
    for scale in SIZES:
        for there in CHAPTER.claims_at(scale):
            usual = CHAPTER.claim(there.id)
            assert (there.says, there.source, there.arms) == (usual.says, usual.source, usual.arms)
            for one, other in zip(usual.conditions, there.conditions, strict=True):
                assert (str(one.effect), one.side) == (str(other.effect), other.side)


def test_the_paper_s_protocol_is_he_et_al_s():
    """Section 4.2: one rate, divided by ten at 32,000 and 48,000 of 64,000 iterations, batches of 128, augmentation."""
    arms = CHAPTER.specs("paper")
    for depth, layers in ((20, 0.27e6), (56, 0.85e6), (110, 1.7e6)):
        spec = arms[f"residual-{depth}"]
        assert (spec.optimiser.steps, spec.optimiser.rate) == (64_000, 0.1)
        assert spec.task.batch == 128 and spec.task.augment
        rates = {step: rate_at(spec.optimiser, step) for step in (31_999, 32_000, 48_000)}
        assert list(rates.values()) == pytest.approx([0.1, 0.01, 0.001])
        assert parameter_count(build(spec.net, (3, 32, 32))) == pytest.approx(layers, rel=0.03)  # Table 6


def test_probes_run_one_seed():
    assert all(len(CHAPTER.live()[arm][1]) == 1 for arm in CHAPTER.probes)


def test_self_check_1_knows_right_from_wrong():
    assert page.check_attenuation(-8.127).startswith("Right")
    for wrong in (0.5**27, -16.9, None):
        assert page.check_attenuation(wrong).startswith("Not")


def test_self_check_2_knows_right_from_wrong():
    spec = LAPTOP["plain-20"].but(depth=32, extend_to=())

    def runs(spec, n, loss):
        values = np.full(n, loss)
        return Runs(spec, tuple(range(n)), {"train_loss": values, "curve": values[:, None]})

    assert page.check_between(runs(spec, 5, 1.0)).startswith("Right")
    wrong = [None, runs(spec.but(rule="residual"), 5, 1.0), runs(spec, 4, 1.0)]
    assert all(page.check_between(answer).startswith("Not") for answer in wrong)
    assert page.check_between(runs(spec, 5, 3.0)).startswith("Unexpected")


def test_self_check_3_knows_right_from_wrong():
    assert page.check_design("pixels").startswith("Right")
    for wrong in ("channels", None):
        assert page.check_design(wrong).startswith("Not")
