import numpy as np
import pytest

from whyresnets import figures
from whyresnets.claims.quantities import gradient_ratios
from whyresnets.kinds import kind

BOTH = {"a net": "plain-20", "another": "residual-56"}


def through_seeds(values):
    return np.exp(np.log(values).mean(0))


def test_signals_show_every_seed_in_the_colour_of_the_arm_s_kind(live, kinds):
    axes = figures.signals({"a": BOTH, "b": {"one": "plain-56"}}, live, kinds=kinds).axes
    above, below = axes[0], axes[2]
    assert len(above.lines) == 2 * 6 and above.get_yscale() == "log"
    assert np.allclose(above.lines[5].get_ydata(), through_seeds(live["plain-20"]["response_std"]))
    norms = live["residual-56"]["state_gradient_norm"]
    assert np.allclose(below.lines[11].get_ydata(), through_seeds(norms / norms[:, -1:]))
    assert [above.lines[i].get_color() for i in (5, 11)] == [kind("plain").colour, kind("residual").colour]


def test_dashed_are_nets_shallower_than_the_deepest_shown_of_their_kind(live, kinds):
    arms = {"p20": "plain-20", "p56": "plain-56", "r20": "residual-20"}
    above = figures.signals({"a": arms}, live, kinds=kinds).axes[0]
    assert [above.lines[i].get_linestyle() for i in (5, 11, 17)] == ["--", "-", "-"]


def test_signals_on_the_way_show_each_reading_at_its_step(live, kinds):
    axes = figures.signals_on_the_way(BOTH, live, kinds=kinds).axes
    titles = [axis.get_title(loc="left") for axis in axes[:3]]
    assert titles == ["before training", "after 10 steps", "after 40 steps"]
    for k in range(3):
        responses = live["plain-20"]["watched_response_std"][:, k]
        norms = live["residual-56"]["watched_gradient_norm"][:, k]
        above, below = ([line.get_ydata() for line in axis.lines] for axis in (axes[k], axes[3 + k]))
        assert np.allclose(above[:5], responses) and np.allclose(above[5], through_seeds(responses))
        assert np.allclose(below[6:11], norms / norms[:, -1:])


def test_block_ratios_show_every_seed_the_mean_the_band_and_the_transitions(live, make, recorded, kinds):
    deep = {"deep": make(98)}
    law = np.linspace(2, 1, 5)
    panels = {"a": {"20": "plain-20"}, "b": {"98": "deep"}}
    how = {"law": law, "kinds": {**kinds, "deep": "plain"}}
    left, right = figures.block_ratios(panels, live, recorded | deep, gradient_ratios, **how).axes
    assert [line.get_linestyle() for line in left.lines if len(line.get_ydata()) == len(law)] == ["--"]
    assert [len(axis.collections) for axis in (left, right)] == [1, 0]  # the band: what ran live has one
    ratios = gradient_ratios(live["plain-20"])
    assert np.allclose([line.get_ydata() for line in left.lines[:5]], ratios)
    assert np.allclose(left.lines[5].get_ydata(), ratios.mean(0))
    squares = next(line for line in left.lines if line.get_marker() == "s")
    assert squares.get_xdata().tolist() == [4, 7]
    assert (left.get_xscale(), right.get_xscale()) == ("linear", "log") and left.get_ylim() == right.get_ylim()


def test_depths_of_one_kind_are_shades_and_other_arms_are_not(live, recorded, kinds):
    panels = {"a": {"20": "plain-20", "56": "plain-56"}, "b": {"p": "plain-20", "r": "residual-20"}}
    axes = figures.block_ratios(panels, live, recorded, gradient_ratios, kinds=kinds).axes
    shades, colours = ([text.get_color() for text in axis.get_legend().get_texts()] for axis in axes)
    assert kind("plain").colour not in shades and colours == [kind("plain").colour, kind("residual").colour]


@pytest.mark.parametrize("blocks", [None, 4])
def test_profiles_begin_at_the_first_block_and_show_seeds_mean_band_and_law(live, recorded, kinds, blocks):
    def state(runs):
        return runs["state_gradient_norm"]  # one state more than there are blocks

    columns = {"variance": (state, {"l + 1": lambda block: block + 1}), "factor": (state, {"2": lambda _: 2.0})}
    how = {"linear": ["factor"], "blocks": blocks, "kinds": kinds}
    left, right = figures.profiles(columns, {"20": "plain-20"}, live, recorded, **how).axes
    assert (left.get_yscale(), right.get_yscale(), right.get_xscale()) == ("log", "linear", "log")
    shown = state(live["plain-20"])[:, 1:][:, :blocks]
    *seeds, mean, law = left.lines
    assert np.allclose([line.get_ydata() for line in seeds], shown) and np.allclose(mean.get_ydata(), shown.mean(0))
    assert law.get_linestyle() == "--" and law.get_ydata().tolist() == list(range(2, shown.shape[1] + 2))
    assert mean.get_xdata()[0] == law.get_xdata()[0] == 1 and len(left.collections) == 1
    assert set(right.lines[-1].get_ydata()) == {2.0}
