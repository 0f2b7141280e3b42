import numpy as np
import pytest

from whyresnets import figures
from whyresnets.measures.thresholds import THRESHOLDS
from whyresnets.store.records import kept_steps


def test_counts_stand_in_their_cells_and_a_range_where_seeds_differ(make):
    runs = {"a": make(zeros=np.full(12, 5)), "b": make(zeros=np.arange(12)), "c": make(zeros=np.zeros(12))}
    panels = {
        "Gauss-Newton": (lambda runs: runs["zeros"], {"plain": ["a", "b"], "residual": ["c", "c"]}),
        "Hessian": (lambda runs: runs["zeros"] + 1, {"plain": ["a", "c"]}),
    }
    above, below = figures.counts(panels, ["here", "there"], runs).axes
    assert [text.get_text() for text in above.texts] == ["5", "0 to 11", "0", "0"]
    assert [text.get_text() for text in below.texts] == ["6", "1"]
    assert [label.get_text() for label in above.get_yticklabels()] == ["plain", "residual"]
    assert [label.get_text() for label in above.get_xticklabels()] == ["here", "there"]
    assert above.get_title(loc="left") == "Gauss-Newton (12 seeds)"


def test_a_plane_shows_where_the_arrows_lead():
    def bowl(_point, net):
        x, y = np.meshgrid(grid, grid, indexing="ij")
        shift = 0.0 if net == "still" else 3.0
        return 1 + (x - shift) ** 2 + y**2, np.stack([2 * (shift - x), -2 * y], axis=2)

    grid = np.linspace(-1, 1, 9)
    still, windy = figures.planes(bowl, ["p"], ["still", "windy"], grid).axes
    arrows = next(thing for thing in still.collections if hasattr(thing, "U"))
    assert np.hypot(arrows.U, arrows.V).max() == pytest.approx(1)
    x, y = arrows.XY.T
    assert ((arrows.U * x + arrows.V * y) <= 1e-12).all()  # downhill is towards the middle
    assert len(still.lines) == 1 and not windy.lines and len(windy.texts) == 1  # a dot, or a thick arrow
    assert next(thing for thing in windy.collections if hasattr(thing, "U")).U.min() > 0
    assert windy.get_title(loc="left") == "p, windy"


def test_paths_run_from_their_distance_in_whole_and_in_compact_records(make):
    long = 3000
    kept = kept_steps(long)
    distance = np.linspace([0.01] * 12, [1] * 12, long, axis=1)
    compact = make(distance=distance, curve=np.full((12, len(distance[0, kept])), 0.5))
    for axis in figures.paths({"a": ["whole"], "b": ["compact"]}, {"whole": make(), "compact": compact}).axes:
        assert axis.get_xscale() == axis.get_yscale() == "log"
    thick = next(line for line in axis.lines if line.get_linewidth() == 1.8)
    assert thick.get_xdata()[0] == 0.01 and len(thick.get_xdata()) == len(compact["curve"][0]) < long


def test_shares_are_drawn_at_their_steps_with_bands_and_rings(live, recorded, kinds, rings):
    def share(runs, name):
        return runs[name][..., 3]

    arms, marks = ["plain-20", "residual-20"], ["a", "b", "c"]
    panels, this_run = {"One": "gauss_newton_degenerate"}, {"residual-20": live["residual-20"].first(1)}
    (axis,) = figures.shares(panels, arms, share, this_run, recorded, marks, kinds=kinds).axes
    means = [line for line in axis.lines if line.get_linewidth() == 2]
    assert np.allclose(means[0].get_ydata(), share(recorded["plain-20"], panels["One"]).mean(0))
    assert np.allclose(rings(axis)[0].get_ydata(), share(live["residual-20"], panels["One"])[0])
    assert [label.get_text() for label in axis.get_xticklabels()] == marks and len(axis.collections) == 2


def test_thresholds_fall_from_the_largest(recorded, kinds):
    panels = {"One": "gauss_newton_degenerate"}
    (axis,) = figures.thresholds(panels, ["plain-20", "residual-20"], 1, 1e-4, recorded, kinds=kinds).axes
    means = [line for line in axis.lines if line.get_linewidth() == 2]
    assert np.allclose(means[1].get_ydata(), recorded["residual-20"]["gauss_newton_degenerate"][:, 1].mean(0))
    assert tuple(means[0].get_xdata()) == THRESHOLDS and axis.xaxis_inverted() and axis.get_xscale() == "log"


def test_ranks_fall_from_one():
    (axis,) = figures.ranks({"a": {"a net": np.array([-4.0, 2.0, -1.0])}}, kinds={"a net": "plain"}).axes
    assert axis.lines[0].get_ydata().tolist() == [1, 0.5, 0.25] and axis.lines[0].get_xdata().tolist() == [1, 2, 3]
