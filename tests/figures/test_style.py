import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from whyresnets import figures
from whyresnets.claims.quantities import gradient_ratios, training_loss
from whyresnets.figures import style
from whyresnets.kinds import UnknownKind, kind

ARM = {"label": "plain-20"}
CALLS = {  # every figure that colours by kind, of one arm
    "strips": lambda r, k: figures.strips({"a": ARM}, r, r, training_loss, "", (), kinds=k),
    "final_losses": lambda r, k: figures.final_losses({"a": ARM}, r, r, kinds=k),
    "signals": lambda r, k: figures.signals({"a": ARM}, r, kinds=k),
    "signals_on_the_way": lambda r, k: figures.signals_on_the_way(ARM, r, kinds=k),
    "block_ratios": lambda r, k: figures.block_ratios({"a": ARM}, r, r, gradient_ratios, kinds=k),
    "through_training": lambda r, k: figures.through_training({"a": ARM}, r, r, training_loss, kinds=k),
    "by_blocks": lambda r, k: figures.by_blocks({"a": (training_loss, None)}, {"a": {9: ARM["label"]}}, r, r, kinds=k),
    "profiles": lambda r, k: figures.profiles({"a": (gradient_ratios, {})}, ARM, r, r, kinds=k),
    "losses_against": lambda r, k: figures.losses_against("", {"a": {"a": {1: ARM["label"]}}}, r, r, kinds=k),
    "clouds": lambda r, k: figures.clouds({"a": (training_loss, {"a": [ARM["label"]]})}, np.sum, "", r, kinds=k),
    "shares": lambda r, k: figures.shares({"a": "curve"}, [ARM["label"]], np.take, r, r, "", kinds=k),
    "thresholds": lambda r, k: figures.thresholds({"a": "curve"}, [ARM["label"]], 0, 1, r, kinds=k),
    "ranks": lambda _, k: figures.ranks({"a": {ARM["label"]: np.ones(3)}}, kinds=k),
    "equality": lambda r, k: figures.equality(ARM, {}, r, "", kinds=k),
    "loss_by_depth": lambda r, k: figures.loss_by_depth({"a": {20: ARM["label"]}}, r, r, kinds=k),
    "by_depth": lambda r, k: figures.by_depth({"a": {20: ARM["label"]}}, r, 20, kinds=k),
}


@pytest.mark.parametrize("draw", CALLS.values(), ids=CALLS)
def test_a_kind_that_is_unknown_or_missing_is_an_error_and_no_figure_is_left_open(draw, recorded):
    for kinds, says in (({ARM["label"]: "pLain"}, "unknown kind 'pLain'"), ({}, "no kind is given for 'plain-20'")):
        with pytest.raises(UnknownKind, match=says) as raised:
            draw(recorded, kinds)
        assert "\n" not in str(raised.value)
    assert plt.get_fignums() == []


def test_a_figure_is_closed_and_neither_others_nor_the_reader_s_style_are_touched(live, recorded, kinds):
    before, own = dict(plt.rcParams), plt.figure()
    figure = figures.final_losses({"a": ARM}, live, recorded, kinds=kinds)
    assert plt.get_fignums() == [own.number] and dict(plt.rcParams) == before
    plt.close(own)
    assert figure.get_facecolor()[3] == 1.0 and min(figure.get_facecolor()[:3]) > 0.9
    assert max(to_rgb(style.INK)) < 0.4


def test_depths_of_one_kind_are_shades_and_other_arms_have_the_colour_of_their_kind(kinds):
    light, dark = (to_rgb(colour) for *_, colour in style.coloured({"20": "plain-20", "56": "plain-56"}, kinds))
    assert sum(light) > sum(dark)
    two = {"a": "residual-20", "b": "plain-56"}
    assert list(style.coloured(two, kinds)) == [
        ("a", "residual-20", kind("residual").colour),
        ("b", "plain-56", kind("plain").colour),
    ]


def test_labels_that_would_overlap_are_moved_apart_and_stay_within():
    assert style.spread({"a": 1.0, "b": 3.0, "c": 1.5}, apart=1) == {"a": 1, "c": 2, "b": 3}
    assert style.spread({"a": 9.0, "b": 8.9, "c": 0.0}, 1, low=0.5, high=9) == {"c": 0.5, "b": 8, "a": 9}
