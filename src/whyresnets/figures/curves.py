"""Losses step by step, and at the end against depth."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from whyresnets.claims.quantities import CHANCE, training_loss
from whyresnets.claims.verdicts import unseen
from whyresnets.figures.style import (
    GROUND,
    INK,
    Live,
    Panels,
    colour_of,
    colours_of,
    drawing,
    either,
)
from whyresnets.kinds import COLOURS
from whyresnets.stats import loss_band
from whyresnets.training.runs import Runs


def loss_curves(panels: Panels, runs: Live, recorded: Live) -> Figure:
    """Mini-batch loss against step, one panel a title, same axes; the band is the record's, for a new seed.

    ``panels`` maps title -> label -> arm. An arm absent from ``runs`` shows its recorded seeds
    instead, without a band. Losses above the axis (at the start) are cut off.
    """
    with drawing(1, len(panels), (4.6 * len(panels), 3.9), sharey=True) as (figure, axes):
        for axis, (title, arms) in zip(axes[0], panels.items(), strict=True):
            ends = {}
            for (label, arm), colour in zip(arms.items(), COLOURS, strict=False):
                live = either(arm, runs, recorded)
                _curve(axis, live, recorded.get(arm) if arm in runs else None, colour)
                finite = f"{live.finished.sum()}/{len(live.seeds)} finite"
                ends[f"{label}\n{finite}"] = (live["curve"][:, -5:].mean(), colour)
            steps = live["curve"].shape[1]
            axis.axhline(CHANCE, color=INK, lw=0.8, ls=":")
            axis.set(title=title, xlabel="step", xlim=(0, steps * 1.42), ylim=(0, 3.2))
            axis.set_xticks(np.linspace(0, steps, 6 if steps > 30 else 4))
            axis.text(steps * 1.42, CHANCE + 0.03, "chance", ha="right", va="bottom", fontsize=9)
            _label_ends(axis, steps * 1.03, ends)
        axes[0][0].set_ylabel("mini-batch loss, nats")
    return figure


def _curve(axis: Axes, live: Runs, record: Runs | None, colour) -> None:
    steps = np.arange(1, live["curve"].shape[1] + 1)
    if record is not None:
        low, high = loss_band(unseen(record, live)["curve"])
        axis.fill_between(steps, low, high, color=colour, alpha=0.13, lw=0)
    axis.plot(steps, live["curve"].T, color=colour, lw=0.5, alpha=0.45 if record is not None else 0.2)
    axis.plot(steps, live["curve"].mean(0), color=colour, lw=2)


def _label_ends(axis: Axes, x: float, ends: Mapping[str, tuple[float, object]], apart: float = 0.4) -> None:
    """Name each line at its end, in its colour, under the word "chance"; labels keep ``apart`` from each other."""
    ordered = sorted(ends.items(), key=lambda end: end[1][0])
    heights = [y for _, (y, _) in ordered]
    low, high = 0.13, CHANCE - 0.18
    for i, y in enumerate(heights):  # upwards, so that none is too close to the one below
        heights[i] = max(y, low + i * apart, heights[i - 1] + apart if i else low)
    for i in reversed(range(len(heights))):  # and down again, so that none is above the line
        heights[i] = min(heights[i], high - (len(heights) - 1 - i) * apart)
    for (text, (_, colour)), y in zip(ordered, heights, strict=True):
        axis.text(x, y, text, color=colour, fontsize=8.5, va="center", weight="bold")


def loss_by_depth(
    rules: Mapping[str, Mapping[int, str]], runs: Live, recorded: Live, *, kinds: Mapping[str, str]
) -> Figure:
    """Training loss with its 99% band for a new seed, and training beside test error, against depth.

    ``rules`` maps label -> depth -> arm.
    """
    depths = sorted({depth for arms in rules.values() for depth in arms})
    with drawing(1, 2, (9.2, 3.9)) as (figure, axes):
        left, right = axes[0]
        for label, arms in rules.items():
            _losses_and_errors(left, right, label, arms, runs, recorded, colour_of(arms[depths[0]], kinds))
        left.set(title="Training loss (rings: this run)", ylabel="nats", ylim=(0, None))
        right.set(title="Error: training (solid), test (dashed)", ylabel="%", ylim=(0, 100))
        left.axhline(CHANCE, color=INK, lw=0.8, ls=":")
        for axis in (left, right):
            axis.set(xscale="log", xlabel="layers", xlim=(7, 190))
            axis.set_xticks(depths, [str(d) for d in depths])
            axis.minorticks_off()
    return figure


def _losses_and_errors(
    left: Axes, right: Axes, label: str, arms: Mapping[int, str], runs: Live, recorded: Live, colour: str
) -> None:
    depths, known = list(arms), [recorded[arm] for arm in arms.values()]
    losses, errors = [training_loss(one) for one in known], [one["train_error"] * 100 for one in known]
    _against_depth(left, depths, losses, colour)
    for depth, arm in arms.items():
        low, high = loss_band(training_loss(unseen(recorded[arm], runs.get(arm))))
        left.plot([depth, depth], [low, high], color=colour, lw=13, alpha=0.15, solid_capstyle="butt")
        if arm in runs:
            y = training_loss(runs[arm])
            left.plot([depth * 1.05] * len(y), y, "o", mfc="none", color=colour, ms=5, mew=1)
    _against_depth(right, depths, errors, colour)
    tests = [one["test_error_batch"].mean() * 100 for one in known]
    right.plot(depths, tests, color=colour, ls="--", marker="s", ms=4, mfc=GROUND)
    _direct(left, depths[-1], losses[-1].mean(), label, colour)
    _direct(right, depths[-1], errors[-1].mean(), label, colour)


def _against_depth(axis: Axes, depths: Sequence[int], values: list[np.ndarray], colour) -> None:
    for depth, seeds in zip(depths, values, strict=True):
        axis.plot([depth / 1.05] * len(seeds), seeds, ".", color=colour, ms=3, alpha=0.6)
    axis.plot(depths, [v.mean() for v in values], color=colour, lw=2, marker="o", ms=4)


def _direct(axis: Axes, x: float, y: float, text: str, colour) -> None:
    axis.annotate(text, (x, y), xytext=(9, 5), textcoords="offset points", color=colour, weight="bold", fontsize=10)


def equality(
    curves: Mapping[str, str], pairs: Mapping[str, tuple[str, str]], runs: Live, says: str, *, kinds: Mapping[str, str]
) -> Figure:
    """Left, losses up to 4 nats; right, |difference| of each pair of arms, on a logarithmic axis; one thin line a seed.

    ``curves`` maps label -> arm, three at most; ``pairs`` label -> two arms, whose difference ``says`` what it is.
    """
    with drawing(1, 2, (9.2, 3.9)) as (figure, axes):
        left, right = axes[0]
        for i, ((label, arm), colour) in enumerate(zip(curves.items(), colours_of(curves, kinds), strict=True)):
            curve = runs[arm]["curve"]
            left.plot(curve.T, color=colour, lw=0.4, alpha=0.3)
            left.plot(curve.mean(0), color=colour, lw=4 - 1.5 * i, ls=("-", "--", ":")[i], label=label)
        for i, (label, (first, second)) in enumerate(pairs.items()):
            colour = colour_of(second, kinds)
            apart = np.abs(runs[first]["curve"] - runs[second]["curve"])
            apart = np.maximum(apart, np.finfo(np.float64).eps)
            right.plot(apart.T, color=colour, lw=0.5, alpha=0.4)
            right.plot(np.exp(np.log(apart).mean(0)), color=colour, lw=2 if i else 5, label=label)
        left.set(title="Loss, mean over seeds", xlabel="step", ylabel="mini-batch loss, nats", ylim=(0, 4))
        right.set(title=says, xlabel="step", ylabel="nats", yscale="log")
        for axis in (left, right):
            axis.legend(frameon=False, fontsize=8.5, labelcolor="linecolor", loc="best")
    return figure
