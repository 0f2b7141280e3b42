import matplotlib

matplotlib.use("Agg")

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from whyresnets import figures
from whyresnets.chapters.degradation import CHAPTER, SIGNALS


@pytest.fixture(scope="module")
def recorded():
    return CHAPTER.recorded()


@pytest.fixture(scope="module")
def live(recorded):
    return {arm: runs.first(5) for arm, runs in recorded.items()}


def test_curves_show_every_seed_the_mean_and_the_band(live, recorded):
    figure = figures.loss_curves({"Plain": {"20 layers": "plain-20"}}, live, recorded)
    (axis,) = figure.axes
    lengths = [len(line.get_xdata()) for line in axis.lines]
    assert lengths.count(100) == 6  # five seeds and their mean
    assert np.allclose(axis.lines[5].get_ydata(), live["plain-20"]["curve"].mean(0))
    assert len(axis.collections) == 1  # the band
    assert "20 layers\n5/5 finite" in [text.get_text() for text in axis.texts]


def test_panels_share_their_axes(live, recorded):
    panels = {"a": {"20": "plain-20"}, "b": {"20": "residual-20"}}
    left, right = figures.loss_curves(panels, live, recorded).axes
    assert left.get_ylim() == right.get_ylim()


def test_an_arm_that_did_not_run_live_shows_its_record(recorded):
    (axis,) = figures.loss_curves({"a": {"20": "plain-20"}}, {}, recorded).axes
    assert "20\n20/20 finite" in [text.get_text() for text in axis.texts]


def test_labels_that_would_overlap_are_moved_apart(recorded):
    """Four lines, two of them at chance: every label keeps its distance and stays on the page."""
    arms = {f"{depth} at {rate}": f"silent-{depth} at {rate}" for depth in (20, 110) for rate in (0.01, 0.1)}
    (axis,) = figures.loss_curves({"a": arms}, {}, recorded).axes
    heights = sorted(text.get_position()[1] for text in axis.texts if "finite" in text.get_text())
    assert len(heights) == 4 and np.diff(heights).min() > 0.39 and heights[0] > 0 and heights[-1] < 2.2


def test_depth_and_final_losses_mark_this_run_with_rings(live, recorded):
    for figure in (
        figures.loss_by_depth((8, 20, 56, 110), live, recorded),
        figures.final_losses({"100 steps": {"plain": "plain-56", "residual": "residual-56"}}, live, recorded),
    ):
        rings = [line for line in figure.axes[0].lines if line.get_markerfacecolor() == "none"]
        assert rings and all(len(ring.get_ydata()) == 5 for ring in rings)


def test_signals_show_every_seed(live):
    figure = figures.signals(
        {"BN, zero padding": {"plain": "plain, BN, zero padding"}, "x": {"plain": next(iter(SIGNALS))}}, live
    )
    assert len(figure.axes[0].lines) == 6 and figure.axes[0].get_yscale() == "log"


def test_the_ground_is_opaque_and_the_ink_dark(live, recorded):
    figure = figures.loss_curves({"a": {"20": "plain-20"}}, live, recorded)
    assert figure.get_facecolor()[3] == 1.0 and min(figure.get_facecolor()[:3]) > 0.9
    assert max(to_rgb(figures.INK)) < 0.4
