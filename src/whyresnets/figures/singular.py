"""Singular points: counts, planes, ways out, spectra."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import seaborn as sns
from matplotlib.figure import Figure

from whyresnets.figures.style import (
    GROUND,
    INK,
    Live,
    Reading,
    colours_of,
    drawing,
    plain_numbers,
    seeds_and_mean,
)
from whyresnets.kinds import COLOURS
from whyresnets.measures.thresholds import THRESHOLDS
from whyresnets.stats import prediction_band
from whyresnets.store.records import kept_steps

Plane = Callable[[str, str], tuple[np.ndarray, np.ndarray]]


def counts(
    panels: Mapping[str, tuple[Reading, Mapping[str, Sequence[str]]]], columns: Sequence[str], runs: Live
) -> Figure:
    """Whole numbers as tables; ``panels`` maps title -> reading (S,), and row -> the arms of the ``columns``.

    Where the seeds differ, from the least to the most. The darker, the more.
    """
    heights = [len(rows) for _, rows in panels.values()]
    size = 7.2, 0.5 * sum(heights) + 1.1 * len(panels)
    with drawing(len(panels), 1, size, height_ratios=heights) as (figure, axes):
        for axis, (title, (reading, rows)) in zip(axes[:, 0], panels.items(), strict=True):
            found = [[reading(runs[arm]) for arm in arms] for arms in rows.values()]
            means = np.array([[values.mean() for values in row] for row in found])
            most = max(8.0, means.max())
            axis.imshow(means, cmap="Blues", vmin=0, vmax=most, aspect="auto")
            for i, row in enumerate(found):
                for j, values in enumerate(row):
                    low, high = int(values.min()), int(values.max())
                    text = f"{low}" if low == high else f"{low} to {high}"
                    ink = GROUND if means[i, j] > 0.6 * most else INK
                    axis.text(j, i, text, ha="center", va="center", color=ink, weight="bold" if high else "normal")
            seeds = len(found[0][0])
            axis.set(title=f"{title} ({seeds} seeds)", xticks=range(len(columns)), yticks=range(len(rows)))
            axis.set_xticklabels(columns)
            axis.set_yticklabels(rows)
            axis.grid(False)
            axis.tick_params(length=0)
    return figure


def planes(plane: Plane, points: Sequence[str], nets: Sequence[str], grid: np.ndarray) -> Figure:
    """The loss on a plane around each singular point, as contours; arrows lead downhill, all of one length.

    ``plane`` makes, of a point and a net, the loss (G, G) on the ``grid`` (G,) of both axes and downhill (G, G, 2).
    """
    every = slice(2, None, 4)
    size = (3.0 * len(points), 2.9 * len(nets))
    with drawing(len(nets), len(points), size, sharex=True, sharey=True) as (figure, axes):
        for row, net in zip(axes, nets, strict=True):
            for axis, point in zip(row, points, strict=True):
                loss, downhill = plane(point, net)
                axis.contour(grid, grid, np.log(loss.T), levels=14, cmap="viridis", linewidths=0.9)
                steep = np.linalg.norm(downhill, axis=2, keepdims=True)
                arrows = (downhill / np.maximum(steep, 1e-12))[every, every].transpose(1, 0, 2)
                axis.quiver(grid[every], grid[every], arrows[..., 0], arrows[..., 1], color=INK, width=0.006, scale=14)
                middle = len(grid) // 2
                if steep[middle, middle] < 1e-9:
                    axis.plot(0, 0, "o", color=COLOURS[3], ms=9)
                else:
                    to = 0.55 * downhill[middle, middle] / steep[middle, middle]
                    axis.annotate("", to, (0, 0), arrowprops={"arrowstyle": "-|>", "color": COLOURS[3], "lw": 3})
                axis.set(title=f"{point}, {net}", aspect="equal")
                axis.grid(False)
        figure.supxlabel("weights in: away from the point", fontsize=11)
        figure.supylabel("weight out: away from the point", fontsize=11)
    return figure


def paths(panels: Mapping[str, Sequence[str]], runs: Live) -> Figure:
    """Loss against distance from a singular point, step by step, one panel a title -> arms, same axes, logarithmic.

    One thin line a seed, the darker the nearer it starts; a ring every 50 steps on the first seed's.
    """
    with drawing(1, len(panels), (3.4 * len(panels), 3.7), sharex=True, sharey=True) as (figure, axes):
        for axis, (title, arms) in zip(axes[0], panels.items(), strict=True):
            for arm, colour in zip(arms, sns.color_palette("crest", len(arms)), strict=True):
                distance, loss = runs[arm]["distance"], runs[arm]["curve"]
                if loss.shape != distance.shape:  # from a compact record
                    distance = distance[:, kept_steps(distance.shape[1])]
                axis.plot(distance.T, loss.T, color=colour, lw=0.4, alpha=0.45)
                axis.plot(distance[0], loss[0], color=colour, lw=1.8)
                axis.plot(distance[0, ::50], loss[0, ::50], "o", mfc="none", color=colour, ms=4)
            axis.set(title=title, xscale="log", yscale="log", ylim=(1e-4, None), xlabel="distance from the point")
        axes[0][0].set_ylabel("loss, half squared units")
    return figure


def shares(
    panels: Mapping[str, str],
    arms: Sequence[str],
    reading: Callable,
    runs: Live,
    recorded: Live,
    marks: Sequence[str],
    *,
    kinds: Mapping[str, str],
) -> Figure:
    """A share of eigenvalues at each step of the spectra, one panel a title -> name of it, same axes.

    ``reading`` takes runs and that name, (S, K); ``marks`` name the K steps, evenly spaced.
    Lines, and 99% bands for a new seed: the record; rings: this run.
    """
    with drawing(1, len(panels), (4.6 * len(panels), 3.9), sharey=True) as (figure, axes):
        colours = colours_of({arm: arm for arm in arms}, kinds)
        for axis, (title, name) in zip(axes[0], panels.items(), strict=True):
            where = np.arange(len(marks))
            for arm, colour in zip(arms, colours, strict=True):
                values = reading(recorded[arm], name)
                low, high = prediction_band(values)
                axis.fill_between(where, np.maximum(low, 0), np.minimum(high, 1), color=colour, alpha=0.1, lw=0)
                seeds_and_mean(axis, where, values, arm, colour)
                if arm in runs:
                    axis.plot(where, reading(runs[arm], name).T, "o", mfc="none", color=colour, ms=6)
            axis.set(title=title, xlabel="step", xticks=where, ylim=(0, 1))
            axis.set_xticklabels(marks)
        axes[0][0].set_ylabel("share of degenerate eigenvalues")
        axes[0][0].legend(frameon=False, fontsize=8.5, labelcolor="linecolor", loc="lower left")
    return figure


def thresholds(
    panels: Mapping[str, str],
    arms: Sequence[str],
    step: int,
    limit: float,
    recorded: Live,
    *,
    kinds: Mapping[str, str],
) -> Figure:
    """Share of eigenvalues nearer to 0 than a threshold, against it, at the ``step``-th reading; dotted: the ``limit``.

    One panel a title -> name of the reading (S, K, E), same axes.
    """
    with drawing(1, len(panels), (4.6 * len(panels), 3.9), sharey=True) as (figure, axes):
        colours = colours_of({arm: arm for arm in arms}, kinds)
        for axis, (title, name) in zip(axes[0], panels.items(), strict=True):
            for arm, colour in zip(arms, colours, strict=True):
                values = recorded[arm][name][:, step]
                axis.plot(THRESHOLDS, values.T, color=colour, lw=0.5, alpha=0.4)
                axis.plot(THRESHOLDS, values.mean(0), color=colour, lw=2, label=arm)
            axis.axvline(limit, color=INK, lw=0.8, ls=":")
            axis.set(title=title, xlabel="threshold, of the largest", xscale="log", ylim=(0, 1))
            axis.invert_xaxis()
        axes[0][0].set_ylabel("share nearer to 0")
        axes[0][-1].legend(frameon=False, fontsize=8.5, labelcolor="linecolor", loc="best")
    return figure


def ranks(panels: Mapping[str, Mapping[str, np.ndarray]], *, kinds: Mapping[str, str]) -> Figure:
    """Eigenvalues by falling size, over the largest, against their rank, one panel a title -> label -> values (n,).

    ``kinds`` maps label -> kind."""
    with drawing(1, len(panels), (4.6 * len(panels), 3.7), sharey=True) as (figure, axes):
        for axis, (title, lines) in zip(axes[0], panels.items(), strict=True):
            for (label, values), colour in zip(lines.items(), colours_of({k: k for k in lines}, kinds), strict=True):
                axis.plot(np.arange(1, len(values) + 1), np.abs(values) / np.abs(values[0]), color=colour, label=label)
            axis.set(title=title, xlabel="rank", xscale="log", yscale="log")
            plain_numbers(axis.xaxis)
        axes[0][0].set_ylabel("size of the eigenvalue,\nof the largest")
        axes[0][0].legend(frameon=False, fontsize=8.5, labelcolor="linecolor", loc="lower left")
    return figure
