"""Signals and gradients by layer and block."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from whyresnets.claims.verdicts import unseen
from whyresnets.figures.style import (
    GROUND,
    INK,
    Live,
    Panels,
    Reading,
    colour_of,
    colours_of,
    drawing,
    either,
    plain_numbers,
    recorded_band,
    seeds_and_mean,
)
from whyresnets.stats import loss_band
from whyresnets.training.runs import Runs

APART = 0.17  # decades between labels at the ends of lines (chosen by us)
Law = Callable[[np.ndarray], np.ndarray]


def signals(columns: Mapping[str, Mapping[str, str]], runs: Live, *, kinds: Mapping[str, str]) -> Figure:
    """Two rows: forward, std of each layer's response; backward, ||dE/dx_l|| over that at the last state.

    ``columns`` maps title -> label -> arm; rows share their (logarithmic) axes. One thin line a seed; of two
    nets the first is drawn broad, so that the other shows on it; dashed: nets shallower than the deepest of their kind.
    """

    def at_start(_title: str, arm: str) -> tuple[np.ndarray, np.ndarray]:
        return runs[arm]["response_std"], runs[arm]["state_gradient_norm"]

    return _signals(columns, at_start, runs, kinds)


def signals_on_the_way(arms: Mapping[str, str], runs: Live, *, kinds: Mapping[str, str]) -> Figure:
    """As :func:`signals`, one column for each step that the arms (label -> arm) were watched at."""
    (steps,) = {runs[arm].spec.readings.watch for arm in arms.values()}
    columns = {f"after {step} steps" if step else "before training": arms for step in steps}
    where = dict(zip(columns, range(len(steps)), strict=True))

    def watched(title: str, arm: str) -> tuple[np.ndarray, np.ndarray]:
        at = where[title]
        return runs[arm]["watched_response_std"][:, at], runs[arm]["watched_gradient_norm"][:, at]

    figure = _signals(columns, watched, runs, kinds)
    above = figure.axes[0].yaxis
    above.set_major_locator(LogLocator(subs=(1, 2, 5)))
    above.set_minor_formatter(NullFormatter())
    plain_numbers(above)
    return figure


def _signals(columns: Mapping[str, Mapping[str, str]], read: Callable, runs: Live, kinds: Mapping[str, str]) -> Figure:
    """Of each column and arm, what ``read`` says: responses (S, layers) above, gradient norms (S, L + 1) below."""
    deepest: dict[str, int] = {}
    for arm in (arm for arms in columns.values() for arm in arms.values()):
        deepest[kinds[arm]] = max(runs[arm].spec.net.depth, deepest.get(kinds[arm], 0))
    wide = max(2.3, 6.9 / len(columns))
    with drawing(2, len(columns), (wide * len(columns), 5.4), sharey="row", sharex="row") as (figure, axes):
        for (above, below), (title, arms) in zip(axes.T, columns.items(), strict=True):
            for i, (label, arm) in enumerate(arms.items()):
                forward, norms = read(title, arm)
                style = "-" if runs[arm].spec.net.depth == deepest[kinds[arm]] else "--"
                look = (colour_of(arm, kinds), style, 4 if i == 0 and len(arms) == 2 else 1.8)
                _profile(above, forward, label, look, first=1)
                _profile(below, norms / norms[:, -1:], label, look, first=0)
            above.set(title=title, yscale="log", xlabel="layer")
            below.set(yscale="log", xlabel="unit")
            below.axhline(1, color=INK, lw=0.8, ls=":")
        axes[0, 0].set_ylabel("forward: output std")
        axes[1, 0].set_ylabel("backward: gradient norm,\nrelative to the last unit")
        axes[0, 0].legend(frameon=False, fontsize=9, labelcolor="linecolor", loc="best")
    return figure


def _profile(axis: Axes, values: np.ndarray, label: str, look: tuple, first: int) -> None:
    where, (colour, style, width) = np.arange(first, values.shape[1] + first), look
    axis.plot(where, values.T, color=colour, lw=0.5, alpha=0.5, ls=style)
    axis.plot(
        where, np.exp(np.log(values).mean(0)), color=colour, lw=width, ls=style, label=f"{label} ({len(values)} seeds)"
    )


def block_ratios(
    panels: Panels,
    runs: Live,
    recorded: Live,
    reading: Reading,
    law: np.ndarray | None = None,
    *,
    kinds: Mapping[str, str],
) -> Figure:
    """``reading`` (S, L) of each block against the block, one panel a title, same axes; dotted: a kept norm.

    ``panels`` maps title -> label -> arm; of a family of depths the deeper net is darker. Squares: blocks that
    halve the map. An arm absent from ``runs`` shows its recorded seeds. Dashed, in the first panel: the ``law`` (L,).
    """
    width = 4.6 if len(panels) < 3 else 3.6
    with drawing(1, len(panels), (width * len(panels), 3.9), sharey=True) as (figure, axes):
        for axis, (title, arms) in zip(axes[0], panels.items(), strict=True):
            for (label, arm), colour in zip(arms.items(), colours_of(arms, kinds), strict=True):
                shown = either(arm, runs, recorded)
                values = reading(shown)
                blocks = np.arange(1, values.shape[1] + 1)
                seeds_and_mean(axis, blocks, values, f"{label} ({len(values)} seeds)", colour)
                recorded_band(axis, blocks, arm, runs, recorded, reading, colour)
                halving = shown.spec.net.transitions
                axis.plot(blocks[halving], values.mean(0)[halving], "s", color=colour, ms=7, mfc=GROUND, mew=1.6)
            long = max(reading(either(arm, runs, recorded)).shape[1] for arm in arms.values()) > 30
            axis.set(title=title, xlabel="block, from the input", xscale="log" if long else "linear")
            plain_numbers(axis.xaxis)
            axis.axhline(1, color=INK, lw=0.8, ls=":")
            if law is not None and axis is axes[0][0]:
                axis.plot(np.arange(1, len(law) + 1), law, color=INK, lw=1.2, ls="--", label="the law")
            axis.legend(frameon=False, fontsize=8.5, labelcolor="linecolor", loc="upper right")
        axes[0][0].set_ylabel("ratio r of gradient norms,\nbefore the block over after it")
    return figure


def through_training(
    panels: Panels, runs: Live, recorded: Live, reading: Reading, *, kinds: Mapping[str, str]
) -> Figure:
    """``reading`` (S, K) at the watched steps against the step, one panel a title, same axes, logarithmic.

    ``panels`` maps title -> label -> arm. An arm absent from ``runs`` shows its recorded seeds.
    """
    with drawing(1, len(panels), (4.6 * len(panels), 3.9), sharey=True) as (figure, axes):
        for axis, (title, arms) in zip(axes[0], panels.items(), strict=True):
            ends = {}
            for (label, arm), colour in zip(arms.items(), colours_of(arms, kinds), strict=True):
                shown = either(arm, runs, recorded)
                values, steps = reading(shown), np.array(shown.spec.readings.watch)
                seeds_and_mean(axis, steps, values, label, colour)
                recorded_band(axis, steps, arm, runs, recorded, reading, colour)
                ends[f"{label}\n{shown.finished.sum()}/{len(shown.seeds)} finite"] = values[:, -1].mean(), colour
            ordered = sorted(ends.items(), key=lambda end: end[1][0])
            heights = np.log10([y for _, (y, _) in ordered])
            for i in range(1, len(heights)):  # upwards, so that none is too close to the one below
                heights[i] = max(heights[i], heights[i - 1] + APART)
            for (text, (_, colour)), height in zip(ordered, heights, strict=True):
                axis.text(steps[-1] * 1.04, 10**height, text, color=colour, fontsize=8.5, va="center", weight="bold")
            axis.set(title=title, xlabel="step", yscale="log", xlim=(-0.03 * steps[-1], 1.38 * steps[-1]))
            axis.set_xticks(np.linspace(0, steps[-1], 6))
        axes[0][0].set_ylabel("mean |r − 1|, blocks with a skip")
        plain_numbers(axes[0][0].yaxis)
    return figure


def by_blocks(
    columns: Mapping[str, tuple[Reading, float | None]],
    nets: Mapping[str, Mapping[int, str]],
    runs: Live,
    recorded: Live,
    *,
    kinds: Mapping[str, str],
) -> Figure:
    """Each reading (S,) of ``columns`` against the number of blocks, one line a label.

    ``nets`` maps label -> number of blocks -> arm; ``columns`` title -> reading, and where its axis ends (None: a
    logarithmic axis). Dots: seeds of this run; bars: the 99% band for a new seed. In the first column, dashed:
    1 / sqrt(L) and log(2 L) / L, set to meet the first kind at its fewest blocks.
    """
    with drawing(1, len(columns), (3.5 * len(columns), 3.9)) as (figure, axes):
        for axis, (title, (reading, top)) in zip(axes[0], columns.items(), strict=True):
            for label, arms in nets.items():
                colour = colour_of(next(iter(arms.values())), kinds)
                values = {blocks: reading(either(arm, runs, recorded)) for blocks, arm in arms.items()}
                for blocks, arm in arms.items():
                    y = values[blocks]
                    axis.plot([blocks * 1.06] * len(y), y, ".", color=colour, ms=4, alpha=0.7)
                    if arm in recorded:
                        low, high = loss_band(reading(unseen(recorded[arm], runs.get(arm))))
                        axis.plot([blocks] * 2, [low, high], color=colour, lw=9, alpha=0.2, solid_capstyle="butt")
                axis.plot(
                    list(values), [v.mean() for v in values.values()], color=colour, lw=2, marker="o", ms=4, label=label
                )
            axis.set(title=title, xscale="log", xlabel="blocks L")
            axis.set(yscale="log") if top is None else axis.set(ylim=(0, top))
            ticks = sorted({blocks for arms in nets.values() for blocks in arms})
            axis.set_xticks(ticks, [str(t) for t in ticks])
            axis.xaxis.minorticks_off()
        _references(axes[0][0], next(iter(columns.values()))[0], next(iter(nets.values())), {**recorded, **runs})
        axes[0][-1].legend(frameon=False, fontsize=8.5, labelcolor="linecolor", loc="best")
    return figure


def _references(axis: Axes, reading: Reading, arms: Mapping[int, str], runs: Live) -> None:
    blocks = np.array(sorted(arms))
    first = reading(runs[arms[blocks[0]]]).mean()
    curves = {"1/√L": (blocks**-0.5, (0, 6), "left"), "log(2L)/L": (np.log(2 * blocks) / blocks, (-6, -10), "right")}
    for name, (curve, offset, side) in curves.items():
        y = first * curve / curve[0]
        axis.plot(blocks, y, color=INK, lw=1, ls="--")
        axis.annotate(name, (blocks[-2], y[-2]), xytext=offset, textcoords="offset points", ha=side, fontsize=8.5)


def profiles(
    columns: Mapping[str, tuple[Reading, Mapping[str, Law]]],
    arms: Mapping[str, str],
    runs: Live,
    recorded: Live,
    linear: Sequence[str] = (),
    blocks: int | None = None,
    *,
    kinds: Mapping[str, str],
) -> Figure:
    """Each reading (S, L or L + 1) of ``columns`` block by block, one line an arm; dashed: laws, functions of l.

    ``columns`` maps title -> reading and label -> law; ``arms`` label -> arm. Logarithmic axes, but for the ordinate of
    the columns named in ``linear``; only the first so many ``blocks``, if it says. Bands: 99% for a new seed, behind
    arms that ran live.
    """
    rows, across = -(-len(columns) // 2), min(len(columns), 2)  # two panels a row, so that their text is legible
    with drawing(rows, across, (4.3 * across, 3.5 * rows)) as (figure, axes):
        for axis, (title, (reading, laws)) in zip(axes.flat, columns.items(), strict=True):
            for (label, arm), colour in zip(arms.items(), colours_of(arms, kinds), strict=True):
                where, values = _by_block(either(arm, runs, recorded), reading, blocks)
                seeds_and_mean(axis, where, values, label if axis is axes.flat[0] else None, colour)
                recorded_band(
                    axis, where, arm, runs, recorded, lambda shown, f=reading: _by_block(shown, f, blocks)[1], colour
                )
            longest = max(len(line.get_xdata()) for line in axis.lines)
            for name, law in laws.items():
                where = np.arange(1, longest + 1)
                axis.plot(where, law(where) * np.ones(longest), color=INK, lw=1.3, ls="--", label=name)
            scale = "linear" if title in linear else "log"
            axis.set(title=title, xlabel="block l, from the input", xscale="log", yscale=scale)
            plain_numbers(axis.xaxis)
            axis.legend(frameon=False, fontsize=8.5, labelcolor="linecolor", loc="best")
    return figure


def _by_block(runs: Runs, reading: Reading, first: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the ``first`` blocks, from 1, and the reading at each; a state before the first block is left out."""
    values, where = reading(runs), np.arange(1, len(runs.spec.net.units) + 1)
    return where[:first], values[:, -len(where) :][:, :first]
