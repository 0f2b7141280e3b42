import numpy as np
import pytest

from whyresnets import figures
from whyresnets.claims.quantities import training_loss
from whyresnets.kinds import kind

BY_DEPTH = {rule: {depth: f"{rule}-{depth}" for depth in (20, 56)} for rule in ("plain", "residual")}


def means(axis):
    return [line.get_ydata() for line in axis.lines if line.get_linewidth() == 2]


def of_seeds(runs, arms, reading=training_loss):
    return pytest.approx([reading(runs[arm]).mean() for arm in arms.values()])


def test_readings_by_blocks_have_reference_curves_through_the_first_point(live, recorded, kinds):
    columns = {"mean": (training_loss, None), "end": (training_loss, 4.0)}
    left, right = figures.by_blocks(columns, BY_DEPTH, live, recorded, kinds=kinds).axes
    dashed = [line.get_ydata() for line in left.lines if line.get_linestyle() == "--"]
    start = training_loss(live["plain-20"]).mean()
    assert len(dashed) == 2 and all(line[0] == pytest.approx(start) for line in dashed)
    assert dashed[0][1] / start == pytest.approx((20 / 56) ** 0.5)
    assert not [line for line in right.lines if line.get_linestyle() == "--"]
    assert (left.get_yscale(), right.get_yscale(), right.get_ylim()) == ("log", "linear", (0, 4))
    assert means(right)[1] == of_seeds(live, BY_DEPTH["residual"])


def test_losses_against_a_number_show_recorded_seeds_their_mean_and_rings(live, recorded, kinds, rings):
    this_run = {"plain-56": live["plain-56"]}
    panels = {"a": BY_DEPTH, "b": {"other": {1000: "plain-20"}}}
    left, right = figures.losses_against("blocks", panels, this_run, recorded, kinds=kinds).axes
    assert left.get_ylim() == right.get_ylim() and left.get_yscale() == "log"
    assert means(left)[1] == of_seeds(recorded, BY_DEPTH["residual"])
    assert [len(ring.get_ydata()) for ring in rings(left)] == [5] and not rings(right)
    assert {"chance ", "trained "} <= {text.get_text() for text in left.texts}


def test_any_reading_can_stand_against_a_number(recorded, kinds):
    reading = {"reading": lambda runs: runs["train_error"], "says": "what it is", "marks": {}, "between": (0.8, 900)}
    (axis,) = figures.against("distance", {"a": BY_DEPTH}, {}, recorded, **reading, kinds=kinds).axes
    assert means(axis)[0] == of_seeds(recorded, BY_DEPTH["plain"], reading["reading"])
    assert (axis.get_xlabel(), axis.get_ylabel(), axis.get_ylim()) == ("distance", "what it is", (0.8, 900))


def test_a_cloud_has_a_dot_a_run_and_a_cross_at_its_mean(recorded, kinds):
    def error(runs):
        return runs["train_error"]

    arms = ["residual-20", "plain-56"]
    panels = {name: (error, {"both": arms}) for name in ("first", "second", "third")}
    first, second, third, _ = figures.clouds(panels, training_loss, "loss", recorded, kinds=kinds).axes
    assert first.get_ylim() == third.get_ylim() and third.get_xlabel() == "third"
    assert (first.get_ylabel(), second.get_ylabel()) == ("loss", "")
    (dots,) = (line for line in second.lines if line.get_marker() == ".")
    x, y = (np.concatenate([reading(recorded[arm]) for arm in arms]) for reading in (error, training_loss))
    assert np.array_equal(dots.get_xdata(), x) and np.array_equal(dots.get_ydata(), y)
    assert dots.get_color() == kind("residual").colour  # the first arm of a group decides
    (cross,) = (line for line in second.lines if line.get_marker() == "P")
    assert np.allclose(cross.get_xydata(), [[x.mean(), y.mean()]]) and first.get_legend() is None


def test_several_clouds_are_named(recorded, kinds):
    panels = {"x": (training_loss, {"one": ["plain-20"], "two": ["residual-20"]})}
    named = figures.clouds(panels, training_loss, "loss", recorded, kinds=kinds).axes[0].get_legend().get_texts()
    assert [text.get_text() for text in named] == ["one", "two"]
