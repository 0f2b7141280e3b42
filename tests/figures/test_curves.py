import numpy as np
import pytest

from whyresnets import figures
from whyresnets.claims.quantities import gradient_ratios


def names(axis):
    return [text.get_text() for text in axis.texts]


def test_curves_show_every_seed_the_mean_and_the_band(live, recorded):
    (axis,) = figures.loss_curves({"Plain": {"20 layers": "plain-20"}}, live, recorded).axes
    assert [len(line.get_xdata()) for line in axis.lines].count(40) == 6  # five seeds and their mean
    assert np.allclose(axis.lines[5].get_ydata(), live["plain-20"]["curve"].mean(0))
    assert len(axis.collections) == 1  # the band
    assert "20 layers\n5/5 finite" in names(axis)


def test_panels_share_their_axes(live, recorded):
    left, right = figures.loss_curves({"a": {"20": "plain-20"}, "b": {"20": "residual-20"}}, live, recorded).axes
    assert left.get_ylim() == right.get_ylim()


def test_an_arm_that_did_not_run_live_shows_its_record_without_a_band(recorded):
    (axis,) = figures.loss_curves({"a": {"20": "plain-20"}}, {}, recorded).axes
    assert "20\n12/12 finite" in names(axis) and not axis.collections


def test_names_of_four_curves_keep_apart_and_a_diverged_one_has_its_name_too(make):
    ends = {"a": 2.3, "b": 2.25, "c": 0.3, "gone": np.nan}
    runs = {arm: make(curve=np.full((12, 40), end)) for arm, end in ends.items()}
    (axis,) = figures.loss_curves({"a": {arm: arm for arm in ends}}, runs, {}).axes
    heights = sorted(text.get_position()[1] for text in axis.texts if "finite" in text.get_text())
    assert len(heights) == 4 and np.diff(heights).min() > 0.39 and heights[0] > 0 and heights[-1] < 2.2


def test_through_training_shows_each_reading_at_its_step(live, recorded, kinds):
    def second(runs):
        return gradient_ratios(runs)[:, :3]

    panels = {"a": {"20": "plain-20", "56": "plain-56"}}
    (axis,) = figures.through_training(panels, {"plain-20": live["plain-20"]}, recorded, second, kinds=kinds).axes
    assert axis.lines[0].get_xdata().tolist() == [0, 10, 40] and axis.get_yscale() == "log"
    assert np.allclose(axis.lines[5].get_ydata(), second(live["plain-20"]).mean(0))
    assert {"20\n5/5 finite", "56\n12/12 finite"} <= set(names(axis))
    assert len(axis.collections) == 1  # no band behind an arm that did not run live


def test_the_figure_of_an_equality_shows_curves_and_their_differences(live, kinds):
    curves = {"plain": "plain-20", "residual": "residual-20"}
    pairs = {"same": ("plain-20", "plain-20"), "other": ("plain-20", "residual-20")}
    left, right = figures.equality(curves, pairs, live, "apart", kinds=kinds).axes
    assert len(left.lines) == 2 * 6
    assert np.allclose(left.lines[11].get_ydata(), live["residual-20"]["curve"].mean(0))
    assert right.get_yscale() == "log" and len(right.lines) == 2 * 6
    assert right.lines[5].get_ydata() == pytest.approx(np.finfo(float).eps)
    apart = np.abs(live["plain-20"]["curve"] - live["residual-20"]["curve"])
    assert np.allclose(right.lines[11].get_ydata(), np.exp(np.log(apart).mean(0)))
