"""What depth costs: the loss at two depths step by step, at the end of longer runs, and net by net."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from whyresnets.claims.quantities import CHANCE, training_loss
from whyresnets.figures import style
from whyresnets.figures.style import DOTTED, GROUND, INK, Kinds, Live
from whyresnets.training.runs import Runs

Depths = Mapping[int, str]  # layers -> arm: of the shallower net, then of the deeper one
DASHES = "--", "-"  # of the shallower and the deeper net
TOP = 2.6  # nats: above chance, where the axes end
APART = 0.17  # nats between two names beside lines (chosen by us)
NAMES_APART = 0.09  # nats between two names of marks (chosen by us)
MARGIN = 0.4  # of the room of a net: on the right, for the names of the marks
LAST = 5  # steps: what a curve ends at is their mean
BESIDE = 0.16  # of the room of a net: how far its two depths stand from its middle


@style.styled
def curves_then_budgets(
    panels: Mapping[str, Depths], budgets: Mapping[str, Mapping[int, Mapping[int, str]]], runs: Live, recorded: Live,
    *, kinds: Kinds,
) -> Figure:  # fmt: skip
    """Mini-batch loss against step, one panel a title; and last the training loss at the end against the steps.

    ``panels`` maps title -> layers -> arm; ``budgets`` label -> layers -> steps -> arm, of two depths or of the deeper
    one alone. Dashed: the shallower net. One thin line or dot a seed, of this run where there is one (in the last panel
    a ring), else of the record; thick lines: their mean. A bar where a curve ends: 99% for a new seed. All axes end at
    0 and above chance; larger losses, at the start, are cut off.
    """
    figure, axes = style.subplots(1, len(panels) + 1, figsize=(4.0 * (len(panels) + 1), 3.9), sharey=True)
    for axis, (title, depths) in zip(axes, panels.items(), strict=False):
        _curves(axis, depths, runs, recorded, kinds)
        axis.set(title=title, xlabel="step")
    last = axes[-1]
    names = {}
    for label, nets in budgets.items():
        for dash, (layers, arms) in zip(DASHES[-len(nets) :], nets.items(), strict=True):
            first = next(iter(arms.values()))
            colour = style.kind_of(first, kinds).colour
            means = [training_loss(recorded[arm]).mean() for arm in arms.values()]
            last.plot(list(arms), means, color=colour, ls=dash, lw=2, marker="o", ms=4)
            for steps, arm in arms.items():
                style.dots(last, steps, training_loss(recorded[arm]), colour, ms=4, alpha=0.6)
                if arm in runs:
                    style.rings(last, steps * 1.12, training_loss(runs[arm]), colour)
            names[f"{label}, {layers}"] = means[0], colour
    budget = sorted({steps for nets in budgets.values() for arms in nets.values() for steps in arms})
    heights = style.spread({name: height for name, (height, _) in names.items()}, APART)
    for name, height in heights.items():
        last.text(
            budget[0] / 1.15, height, name, color=names[name][1], ha="right", va="center", weight="bold", size=8.5
        )
    last.set(title="Trained for longer", xlabel="steps in all", xscale="log", xlim=(budget[0] / 6, budget[-1] * 1.5))
    style.ticks_at(last, budget)
    for axis in axes:
        _chance(axis)
    axes[0].set(ylabel="loss, nats", ylim=(0, TOP))
    return figure


def _curves(axis: Axes, depths: Depths, runs: Live, recorded: Live, kinds: Kinds) -> None:
    ends, colours = {}, {}
    for i, (layers, arm) in enumerate(depths.items()):
        live, colour = style.either(arm, runs, recorded), style.kind_of(arm, kinds).colour
        curve = live["curve"]
        at = np.arange(1, curve.shape[1] + 1)
        style.seeds_and_mean(axis, at, curve, colour, alpha=0.4, ls=DASHES[i])
        if arm in runs and arm in recorded:
            band = style.new_seed(arm, runs, recorded, _ended)
            axis.plot([at[-1] * (1.025 + 0.035 * i)] * 2, band, color=colour, lw=4, alpha=0.3, solid_capstyle="butt")
        name = f"{layers} layers"
        ends[name], colours[name] = np.nan_to_num(_ended(live), nan=CHANCE).mean(), colour
    for name, height in style.spread(ends, APART, low=APART / 2, high=CHANCE - APART).items():
        axis.text(at[-1] * 1.09, height, name, color=colours[name], va="center", weight="bold", fontsize=8.5)
    axis.set(xlim=(0, at[-1] * 1.42))
    axis.set_xticks(np.linspace(0, at[-1], 4))


def _ended(runs: Runs) -> np.ndarray:
    """Mean mini-batch loss of the last steps, nats (S,)."""
    return runs["curve"][:, -LAST:].mean(1)


def _chance(axis: Axes) -> None:
    axis.axhline(CHANCE, **DOTTED)
    axis.text(1, CHANCE, "chance ", transform=axis.get_yaxis_transform(), fontsize=8.5, ha="right", va="bottom")


@style.styled
def by_net(
    nets: Mapping[str, Depths], marks: Mapping[str, float], runs: Live, recorded: Live, *, kinds: Kinds
) -> Figure:
    """Training loss at the end, net by net at two depths; open: the shallower one; a line between their means.

    ``nets`` maps label -> layers -> arm. Dots: recorded seeds; rings beside them: this run; bars: 99% for a new seed.
    Dotted: the named ``marks``, in nats, and chance. The ordinate is that of :func:`curves_then_budgets`.
    """
    figure, axis = style.subplots(1, 1, figsize=(9.2, 4.2))
    for x, depths in enumerate(nets.values()):
        places = dict(zip(depths, (x - BESIDE, x + BESIDE), strict=True))
        means = {layers: training_loss(recorded[arm]).mean() for layers, arm in depths.items()}
        colour = style.kind_of(next(iter(depths.values())), kinds).colour
        axis.plot(list(places.values()), list(means.values()), color=colour, lw=2)
        for i, (layers, arm) in enumerate(depths.items()):
            at, look = places[layers], {"mfc": GROUND} if i == 0 else {}
            band = style.new_seed(arm, runs, recorded, training_loss)
            axis.plot([at, at], band, color=colour, lw=10, alpha=0.17, solid_capstyle="butt")
            style.dots(axis, at, training_loss(recorded[arm]), colour, ms=4, alpha=0.6)
            axis.plot(at, means[layers], "o", color=colour, ms=9, mew=2, **look)
            if arm in runs:
                style.rings(axis, at + 0.09 * (2 * i - 1), training_loss(runs[arm]), colour)
            _layers(axis, at, means[layers], layers, i)
    levels = {**marks, "chance": CHANCE}
    for name, height in style.spread(levels, NAMES_APART).items():
        axis.axhline(levels[name], **DOTTED)
        on_ground = {"facecolor": GROUND, "edgecolor": "none", "pad": 0.4}  # or the next line strikes it through
        axis.text(len(nets) + MARGIN, height + 0.01, name, fontsize=8.5, ha="right", va="bottom", bbox=on_ground)
    axis.set(xticks=range(len(nets)), xticklabels=list(nets), xlim=(-0.55, len(nets) + MARGIN), ylim=(0, TOP))
    axis.set_ylabel("training loss at the end, nats")
    axis.grid(axis="x", visible=False)
    return figure


def _layers(axis: Axes, x: float, y: float, layers: int, i: int) -> None:
    """The number of layers, outside of the pair."""
    how: dict[str, Any] = {"textcoords": "offset points", "fontsize": 8.5, "color": INK, "va": "center"}
    axis.annotate(str(layers), (x, y), xytext=((-17, 17)[i], 0), ha=("right", "left")[i], **how)
