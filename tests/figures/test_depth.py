import numpy as np
import pytest

from whyresnets import figures
from whyresnets.claims.quantities import training_loss
from whyresnets.figures import depth

PANELS = {"Plain": {20: "plain-20", 56: "plain-56"}, "Residual": {20: "residual-20", 56: "residual-56"}}
BUDGETS = {
    rule: {layers: {150: f"{rule}-{layers}", 450: f"{rule}-{layers}"} for layers in (20, 56)}
    for rule in ("plain", "residual")
}


@pytest.fixture
def three(live, recorded, kinds):
    return figures.curves_then_budgets(PANELS, BUDGETS, live, recorded, kinds=kinds).axes


def test_every_panel_has_the_same_ordinate_from_0_to_above_chance(three):
    assert {axis.get_ylim() for axis in three} == {(0, depth.TOP)}
    assert [axis.get_title(loc="left") for axis in three] == ["Plain", "Residual", "Trained for longer"]


def test_curves_show_every_seed_the_mean_and_a_bar_at_the_end_and_the_shallower_is_dashed(three, live):
    plain, *_ = three
    drawn = [line for line in plain.lines if len(line.get_xdata()) == 40]
    assert len(drawn) == 12 and not plain.collections  # five seeds and a mean each; no bands that hide them
    bars = [line for line in plain.lines if line.get_lw() == 4]
    assert len(bars) == 2 and all(low < high for low, high in (bar.get_ydata() for bar in bars))
    assert [line.get_linestyle() for line in drawn] == ["--"] * 6 + ["-"] * 6
    assert np.allclose(drawn[5].get_ydata(), live["plain-20"]["curve"].mean(0))
    assert {"20 layers", "56 layers"} <= {text.get_text() for text in plain.texts}


def test_budgets_show_every_recorded_seed_and_rings_for_this_run(three, recorded, live, rings):
    *_, last = three
    dots = [line for line in last.lines if line.get_marker() == "." and len(line.get_xdata()) == 12]
    assert len(dots) == 8 and np.allclose(dots[0].get_ydata(), training_loss(recorded["plain-20"]))
    assert len(rings(last)) == 8 and np.allclose(rings(last)[0].get_ydata(), training_loss(live["plain-20"]))
    names = [text for text in last.texts if ", " in text.get_text()]
    assert {text.get_text() for text in names} == {f"{rule}, {n}" for rule in BUDGETS for n in (20, 56)}
    heights = sorted(text.get_position()[1] for text in names)
    assert np.diff(heights).min() > depth.APART - 1e-9


def test_budgets_of_one_depth_are_of_the_deeper_net_and_drawn_solid(live, recorded, kinds):
    budgets = {"plain": {56: BUDGETS["plain"][56]}}
    *_, last = figures.curves_then_budgets(PANELS, budgets, live, recorded, kinds=kinds).axes
    (mean,) = (line for line in last.lines if len(line.get_xdata()) == 2 and line.get_lw() == 2)
    assert mean.get_linestyle() == "-" and "plain, 56" in {text.get_text() for text in last.texts}


def test_by_net_has_both_depths_of_each_net_side_by_side_and_named_marks(live, recorded, kinds, rings):
    nets = {"plain": PANELS["Plain"], "residual": PANELS["Residual"]}
    (axis,) = figures.by_net(nets, {"nothing": 1.5}, {"plain-56": live["plain-56"]}, recorded, kinds=kinds).axes
    assert [label.get_text() for label in axis.get_xticklabels()] == ["plain", "residual"]
    joins = [line for line in axis.lines if len(line.get_xdata()) == 2 and line.get_lw() == 2]
    ends = [[training_loss(recorded[arm]).mean() for arm in depths.values()] for depths in nets.values()]
    assert np.allclose([line.get_ydata() for line in joins], ends)
    seeds = [line for line in axis.lines if line.get_marker() == "."]
    assert [len(line.get_xdata()) for line in seeds] == [12] * 4
    assert len(rings(axis)) == 1 and axis.get_ylim() == (0, depth.TOP)
    assert {"nothing", "chance", "20", "56"} <= {text.get_text() for text in axis.texts}
