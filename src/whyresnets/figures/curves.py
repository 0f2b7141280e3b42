"""What happens step by step."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from whyresnets.claims.quantities import CHANCE
from whyresnets.figures import style
from whyresnets.figures.style import DOTTED, Arms, Kinds, Live, Panels, Reading
from whyresnets.kinds import COLOURS
from whyresnets.training.runs import Runs

APART = 0.17  # decades between labels at the ends of lines (chosen by us)


@style.styled
def loss_curves(panels: Panels, runs: Live, recorded: Live) -> Figure:
    """Mini-batch loss against step, one panel a title, same axes; the band is the record's, for a new seed.

    ``panels`` maps title -> label -> arm. An arm absent from ``runs`` shows its recorded seeds
    instead, without a band. Losses above the axis (at the start) are cut off.
    """
    figure, shown = style.grid(panels, 4.6, 3.9, sharey=True)
    for axis, title, arms in shown:
        ends, colours = {}, {}
        for (label, arm), colour in zip(arms.items(), COLOURS, strict=False):
            live = style.either(arm, runs, recorded)
            curve = live["curve"]
            steps = curve.shape[1]
            at = np.arange(1, steps + 1)
            style.recorded_band(axis, at, arm, runs, recorded, lambda one: one["curve"], colour)
            style.seeds_and_mean(axis, at, curve, colour, alpha=0.45 if arm in runs and arm in recorded else 0.2)
            ends[_finite(label, live)] = np.nan_to_num(curve[:, -5:], nan=CHANCE).mean()
            colours[_finite(label, live)] = colour
        axis.axhline(CHANCE, **DOTTED)
        axis.set(title=title, xlabel="step", xlim=(0, steps * 1.42), ylim=(0, 3.2))
        axis.set_xticks(np.linspace(0, steps, 6 if steps > 30 else 4))
        axis.text(steps * 1.42, CHANCE + 0.03, "chance", ha="right", va="bottom", fontsize=9)
        _name_ends(axis, steps * 1.03, style.spread(ends, 0.4, 0.13, CHANCE - 0.18), colours)
    figure.axes[0].set_ylabel("mini-batch loss, nats")
    return figure


@style.styled
def through_training(panels: Panels, runs: Live, recorded: Live, reading: Reading, *, kinds: Kinds) -> Figure:
    """``reading`` (S, K) at the watched steps against the step, one panel a title, same axes, logarithmic.

    ``panels`` maps title -> label -> arm. An arm absent from ``runs`` shows its recorded seeds.
    """
    figure, shown = style.grid(panels, 4.6, 3.9, sharey=True)
    for axis, title, arms in shown:
        ends, colours = {}, {}
        for label, arm, colour in style.coloured(arms, kinds):
            live = style.either(arm, runs, recorded)
            values, steps = reading(live), np.array(live.spec.readings.watch)
            style.seeds_and_mean(axis, steps, values, colour, label)
            style.recorded_band(axis, steps, arm, runs, recorded, reading, colour)
            ends[_finite(label, live)] = np.log10(values[:, -1].mean())
            colours[_finite(label, live)] = colour
        heights = {text: 10**height for text, height in style.spread(ends, APART).items()}
        _name_ends(axis, steps[-1] * 1.04, heights, colours)
        axis.set(title=title, xlabel="step", yscale="log", xlim=(-0.03 * steps[-1], 1.38 * steps[-1]))
        axis.set_xticks(np.linspace(0, steps[-1], 6))
    figure.axes[0].set_ylabel("mean |r − 1|, blocks with a skip")
    style.plain_numbers(figure.axes[0].yaxis)
    return figure


@style.styled
def equality(curves: Arms, pairs: Mapping[str, tuple[str, str]], runs: Live, says: str, *, kinds: Kinds) -> Figure:
    """Left, losses up to 4 nats; right, |difference| of each pair of arms, on a logarithmic axis; one thin line a seed.

    ``curves`` maps label -> arm, three at most; ``pairs`` label -> two arms, whose difference ``says`` what it is.
    """
    figure, (left, right) = style.subplots(1, 2, figsize=(9.2, 3.9))
    for i, (label, arm, colour) in enumerate(style.coloured(curves, kinds)):
        curve = runs[arm]["curve"]
        style.seeds_and_mean(left, np.arange(curve.shape[1]), curve, colour, label, lw=4 - 1.5 * i, alpha=0.3)
        left.lines[-1].set_linestyle(("-", "--", ":")[i])
    for i, (label, (first, second)) in enumerate(pairs.items()):
        apart = np.abs(runs[first]["curve"] - runs[second]["curve"])
        apart = np.maximum(apart, np.finfo(np.float64).eps)
        colour = style.kind_of(second, kinds).colour
        style.seeds_and_mean(right, np.arange(apart.shape[1]), apart, colour, label, log=True, lw=2 if i else 5)
    left.set(title="Loss, mean over seeds", xlabel="step", ylabel="mini-batch loss, nats", ylim=(0, 4))
    right.set(title=says, xlabel="step", ylabel="nats", yscale="log")
    style.name_lines(left)
    style.name_lines(right)
    return figure


def _finite(label: str, runs: Runs) -> str:
    return f"{label}\n{runs.finished.sum()}/{len(runs.seeds)} finite"


def _name_ends(axis: Axes, x: float, heights: Mapping[str, float], colours: Mapping[str, Any]) -> None:
    """Each line's name at its end, in its colour."""
    for text, height in heights.items():
        axis.text(x, height, text, color=colours[text], fontsize=8.5, va="center", weight="bold")
