"""Singular points: counts of zero modes, planes and ways out, spectra."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import seaborn as sns
from matplotlib.figure import Figure

from whyresnets.figures import style
from whyresnets.figures.style import DOTTED, GROUND, INK, Kinds, Live, Reading
from whyresnets.kinds import VERMILION
from whyresnets.measures.thresholds import THRESHOLDS
from whyresnets.stats import prediction_band
from whyresnets.store.records import kept_steps

Names = Mapping[str, str]  # title -> name of a reading
Plane = Callable[[str, str], tuple[np.ndarray, np.ndarray]]


@style.styled
def counts(
    panels: Mapping[str, tuple[Reading, Mapping[str, Sequence[str]]]], columns: Sequence[str], runs: Live
) -> Figure:
    """Whole numbers as tables; ``panels`` maps title -> reading (S,), and row -> the arms of the ``columns``.

    Where the seeds differ, from the least to the most. The darker, the more.
    """
    heights = [len(rows) for _, rows in panels.values()]
    figure, shown = style.grid(panels, 7.2, 1.1 + 0.5 * sum(heights) / len(heights), across=1, height_ratios=heights)
    for axis, title, (reading, rows) in shown:
        found = np.array([[reading(runs[arm]) for arm in arms] for arms in rows.values()])
        means = found.mean(2)
        most = max(8.0, means.max())
        axis.imshow(means, cmap="Blues", vmin=0, vmax=most, aspect="auto")
        for (i, j), mean in np.ndenumerate(means):
            low, high = int(found[i, j].min()), int(found[i, j].max())
            look: Any = {"weight": "bold" if high else "normal", "color": GROUND if mean > 0.6 * most else INK}
            axis.text(j, i, f"{low}" if low == high else f"{low} to {high}", ha="center", va="center", **look)
        axis.set_title(f"{title} ({found.shape[2]} seeds)")
        axis.set_xticks(range(len(columns)), columns)
        axis.set_yticks(range(len(rows)), list(rows))
        axis.grid(False)
        axis.tick_params(length=0)
    return figure


@style.styled
def planes(plane: Plane, points: Sequence[str], nets: Sequence[str], grid: np.ndarray) -> Figure:
    """The loss on a plane around each singular point, as contours; arrows lead downhill, all of one length.

    ``plane`` makes, of a point and a net, the loss (G, G) on the ``grid`` (G,) of both axes and downhill (G, G, 2).
    """
    panels = {f"{point}, {net}": (point, net) for net in nets for point in points}
    figure, shown = style.grid(panels, 3.0, 2.9, across=len(points), sharex=True, sharey=True)
    every, middle = slice(2, None, 4), len(grid) // 2
    for axis, title, where in shown:
        loss, downhill = plane(*where)
        axis.contour(grid, grid, np.log(loss.T), levels=14, cmap="viridis", linewidths=0.9)
        steep = np.linalg.norm(downhill, axis=2, keepdims=True)
        arrows = (downhill / np.maximum(steep, 1e-12))[every, every].transpose(2, 1, 0)
        axis.quiver(grid[every], grid[every], *arrows, color=INK, width=0.006, scale=14)
        if steep[middle, middle] < 1e-9:
            axis.plot(0, 0, "o", color=VERMILION, ms=9)
        else:
            to = 0.55 * downhill[middle, middle] / steep[middle, middle]
            axis.annotate("", to, (0, 0), arrowprops={"arrowstyle": "-|>", "color": VERMILION, "lw": 3})
        axis.set(title=title, aspect="equal")
        axis.grid(False)
    figure.supxlabel("weights in: away from the point", fontsize=11)
    figure.supylabel("weight out: away from the point", fontsize=11)
    return figure


@style.styled
def paths(panels: Mapping[str, Sequence[str]], runs: Live) -> Figure:
    """Loss against distance from a singular point, step by step, one panel a title -> arms, same axes, logarithmic.

    One thin line a seed, the darker the nearer it starts; a ring every 50 steps on the first seed's.
    """
    figure, shown = style.grid(panels, 3.4, 3.7, sharex=True, sharey=True)
    for axis, title, arms in shown:
        for arm, colour in zip(arms, sns.color_palette("crest", len(arms)), strict=True):
            distance, loss = runs[arm]["distance"], runs[arm]["curve"]
            if loss.shape != distance.shape:  # from a compact record
                distance = distance[:, kept_steps(distance.shape[1])]
            axis.plot(distance.T, loss.T, color=colour, lw=0.4, alpha=0.45)
            axis.plot(distance[0], loss[0], color=colour, lw=1.8)
            style.rings(axis, distance[0, ::50], loss[0, ::50], colour, size=4)
        axis.set(title=title, xscale="log", yscale="log", ylim=(1e-4, None), xlabel="distance from the point")
    figure.axes[0].set_ylabel("loss, half squared units")
    return figure


@style.styled
def shares(
    panels: Names,
    arms: Sequence[str],
    reading: Reading,
    runs: Live,
    recorded: Live,
    marks: Sequence[str],
    *,
    kinds: Kinds,
) -> Figure:
    """A share of eigenvalues at each step of the spectra, one panel a title -> name of it, same axes.

    ``reading`` takes runs and that name, (S, K); ``marks`` name the K steps, evenly spaced.
    Lines, and 99% bands for a new seed: the record; rings: this run.
    """
    figure, shown = style.grid(panels, 4.6, 3.9, sharey=True)
    where = np.arange(len(marks))
    for axis, title, name in shown:
        for _, arm, colour in style.coloured({arm: arm for arm in arms}, kinds):
            values = reading(recorded[arm], name)
            axis.fill_between(where, *np.clip(prediction_band(values), 0, 1), color=colour, alpha=0.1, lw=0)
            style.seeds_and_mean(axis, where, values, colour, arm)
            if arm in runs:
                style.rings(axis, where[:, None], reading(runs[arm], name).T, colour, size=6)
        axis.set(title=title, xlabel="step", ylim=(0, 1))
        axis.set_xticks(where, marks)
    figure.axes[0].set_ylabel("share of degenerate eigenvalues")
    style.name_lines(figure.axes[0], "lower left")
    return figure


@style.styled
def thresholds(panels: Names, arms: Sequence[str], step: int, limit: float, recorded: Live, *, kinds: Kinds) -> Figure:
    """Share of eigenvalues nearer to 0 than a threshold, against it, at the ``step``-th reading; dotted: the ``limit``.

    One panel a title -> name of the reading (S, K, E), same axes.
    """
    figure, shown = style.grid(panels, 4.6, 3.9, sharey=True)
    for axis, title, name in shown:
        for _, arm, colour in style.coloured({arm: arm for arm in arms}, kinds):
            style.seeds_and_mean(axis, THRESHOLDS, recorded[arm][name][:, step], colour, arm)
        axis.axvline(limit, **DOTTED)
        axis.set(title=title, xlabel="threshold, of the largest", xscale="log", ylim=(0, 1))
        axis.invert_xaxis()
    figure.axes[0].set_ylabel("share nearer to 0")
    style.name_lines(figure.axes[-1])
    return figure


@style.styled
def ranks(panels: Mapping[str, Mapping[str, np.ndarray]], *, kinds: Kinds) -> Figure:
    """Eigenvalues by falling size, over the largest, against their rank, one panel a title -> label -> values (n,).

    ``kinds`` maps label -> kind.
    """
    figure, shown = style.grid(panels, 4.6, 3.7, sharey=True)
    for axis, title, lines in shown:
        for label, _, colour in style.coloured({label: label for label in lines}, kinds):
            values = np.abs(lines[label] / lines[label][0])
            axis.plot(np.arange(1, len(values) + 1), values, color=colour, label=label)
        axis.set(title=title, xlabel="rank", xscale="log", yscale="log")
        style.plain_numbers(axis.xaxis)
    figure.axes[0].set_ylabel("size of the eigenvalue,\nof the largest")
    style.name_lines(figure.axes[0], "lower left")
    return figure
