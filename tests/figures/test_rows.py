import numpy as np
from matplotlib.colors import to_hex

from whyresnets import figures
from whyresnets.claims.quantities import CHANCE, training_loss
from whyresnets.kinds import kind


def strokes(axis):
    return [line for line in axis.lines if line.get_marker() == "|"]


def test_strips_show_record_and_this_run_of_the_reading_that_was_asked_for(live, recorded, kinds, rings):
    def error(runs):
        return runs["train_error"]

    groups = {"One": {"row": "plain-20"}, "Two": {"a": "plain-56", "b": "residual-56"}}
    this_run = {"plain-20": live["plain-20"]}
    above, below = figures.strips(groups, this_run, recorded, error, "error", [1.0], kinds=kinds).axes
    assert np.array_equal(strokes(above)[0].get_xdata(), error(recorded["plain-20"]))
    assert np.array_equal(rings(above)[0].get_xdata(), error(live["plain-20"])) and not rings(below)
    assert [line.get_color() for line in strokes(below)] == [kind("plain").colour, kind("residual").colour]
    assert below.get_xlabel() == "error" and above.get_xlim() == below.get_xlim()
    assert [label.get_text() for label in below.get_yticklabels()] == ["a", "b"]


def test_a_figure_of_the_toy_chapter(toy, make):
    """The chapter of CONTRIBUTING.md needs nothing but its kinds to be drawn."""
    recorded = {arm: make(20) for arm in toy.specs()}
    groups = {toy.title: {arm: arm for arm in toy.specs()}}
    (axis,) = figures.final_losses(groups, {}, recorded, kinds=toy.kinds).axes
    assert [label.get_text() for label in axis.get_yticklabels()] == ["untrained", "trained", "still"]
    assert {to_hex(line.get_color()) for line in strokes(axis)} == {kind("residual").colour}
    assert np.array_equal(strokes(axis)[1].get_xdata(), training_loss(recorded["trained"]))


def test_nets_have_a_row_each_and_a_colour_that_says_whether_they_train(make, rings):
    recorded = {"good": make(train_loss=np.full(12, 0.1)), "bad": make(train_loss=np.full(12, 2.0))}
    recorded |= {f"{arm}, untrained": make() for arm in recorded}
    live = {arm: runs.first(5) for arm, runs in recorded.items()}
    columns = {"loss": (training_loss, ""), "other": (training_loss, ", untrained")}
    loss, other = figures.nets(columns, {"a": "good", "b": "bad"}, live, recorded).axes
    assert [len(line.get_xdata()) for line in strokes(loss)] == [12, 12]
    assert strokes(loss)[0].get_color() != strokes(loss)[1].get_color()
    assert np.array_equal(rings(other)[1].get_xdata(), live["bad, untrained"]["train_loss"])
    assert [label.get_text() for label in loss.get_yticklabels()] == ["a", "b"]


def test_ingredients_show_every_seed_of_every_net_and_what_it_has(recorded):
    nets = [
        figures.Net("both", (True, True), 0.99, recorded["residual-56"]),
        figures.Net("one", (True, False), 0.2, recorded["plain-56"]),
    ]
    left, right = figures.ingredients({"two nets": nets}, ("first", "second"), 0.9).axes
    assert [line.get_markerfacecolor() != "none" for line in left.lines] == [True, True, True, False]
    assert {"two nets", "both", "one", "first", "second", "0.99", "0.20"} <= {text.get_text() for text in left.texts}
    dots = [line for line in right.lines if line.get_marker() == "o"]
    for line, arm in zip(dots, ("residual-56", "plain-56"), strict=True):
        assert np.array_equal(line.get_xdata(), training_loss(recorded[arm]))
    assert dots[0].get_color() != dots[1].get_color()


def test_a_diverged_seed_is_a_cross_at_chance(make):
    gone = make(seeds=5, train_loss=[1, np.nan, 1, 1, 1])
    _, right = figures.ingredients({"": [figures.Net("gone", (False,), 0.0, gone)]}, ("skip",), 0.9).axes
    (crosses,) = [line for line in right.lines if line.get_marker() == "x"]
    assert list(crosses.get_xdata()) == [CHANCE]
