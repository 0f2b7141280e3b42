"""A quantity at the end of a run against a number, such as depth, or against another quantity."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from whyresnets.claims.quantities import CHANCE, TRAINED, training_loss
from whyresnets.figures import style
from whyresnets.figures.style import DOTTED, GROUND, INK, Kinds, Live, Reading

Numbered = Mapping[str, Mapping[int, str]] | Mapping[str, Mapping[float, str]]  # label -> number -> arm
BESIDE = 1.06  # times the number: where its seeds stand (chosen by us)


def _line(axis: Axes, label: str, values: Mapping[Any, np.ndarray], colour: Any) -> None:
    """A line through the means of the seeds at each number, and a dot a seed beside it."""
    for x, seeds in values.items():
        style.dots(axis, x * BESIDE, seeds, colour, ms=3.5, alpha=0.6)
    means = [seeds.mean() for seeds in values.values()]
    axis.plot(list(values), means, color=colour, lw=2, marker="o", ms=4, label=label)


def _bar(axis: Axes, x: float, arm: str, runs: Live, recorded: Live, reading: Reading, colour: str) -> None:
    """The 99% band for a new seed."""
    if arm in recorded:
        band = style.new_seed(arm, runs, recorded, reading)
        axis.plot([x, x], band, color=colour, lw=11, alpha=0.17, solid_capstyle="butt")


@style.styled
def by_blocks(
    columns: Mapping[str, tuple[Reading, float | None]], nets: Numbered, runs: Live, recorded: Live, *, kinds: Kinds
) -> Figure:
    """Each reading (S,) of ``columns`` against the number of blocks, one line a label.

    ``nets`` maps label -> number of blocks -> arm; ``columns`` title -> reading, and where its axis ends (None: a
    logarithmic axis). Dots: seeds of this run; bars: the 99% band for a new seed. In the first column, dashed:
    1 / sqrt(L) and log(2 L) / L, set to meet the first label's line at its fewest blocks.
    """
    figure, shown = style.grid(columns, 3.5, 3.9)
    for axis, title, (reading, top) in shown:
        for label, arms in nets.items():
            colour = style.kind_of(next(iter(arms.values())), kinds).colour
            for blocks, arm in arms.items():
                _bar(axis, blocks, arm, runs, recorded, reading, colour)
            values = {blocks: reading(style.either(arm, runs, recorded)) for blocks, arm in arms.items()}
            _line(axis, label, values, colour)
            if axis is figure.axes[0] and label == next(iter(nets)):
                _references(axis, np.array(sorted(values)), values[min(values)].mean())
        axis.set(title=title, xscale="log", xlabel="blocks L")
        axis.set(yscale="log") if top is None else axis.set(ylim=(0, top))
        style.ticks_at(axis, sorted({blocks for arms in nets.values() for blocks in arms}))
    style.name_lines(figure.axes[-1])
    return figure


def _references(axis: Axes, blocks: np.ndarray, first: float) -> None:
    curves = {"1/√L": (blocks**-0.5, (0, 6), "left"), "log(2L)/L": (np.log(2 * blocks) / blocks, (-6, -10), "right")}
    for name, (curve, offset, side) in curves.items():
        y = first * curve / curve[0]
        axis.plot(blocks, y, color=INK, lw=1, ls="--")
        axis.annotate(name, (blocks[-2], y[-2]), xytext=offset, textcoords="offset points", ha=side, fontsize=8.5)


def losses_against(
    what: str,
    panels: Mapping[str, Numbered],
    runs: Live,
    recorded: Live,
    between: tuple[float, float] = (0.004, 6),
    legend: str = "lower right",
    *,
    kinds: Kinds,
) -> Figure:
    """Training loss at the end against a number, one panel a title, same axes; dotted: chance, and "trained".

    As :func:`against`; the ordinate, in nats, lies ``between``. A diverged seed is at chance.
    """
    marks, says = {"chance": CHANCE, "trained": TRAINED}, "training loss, nats"
    return against(what, panels, runs, recorded, training_loss, says, marks, between, legend, kinds=kinds)


@style.styled
def against(
    what: str,
    panels: Mapping[str, Numbered],
    runs: Live,
    recorded: Live,
    reading: Reading | Mapping[str, Reading],
    says: str,
    marks: Mapping[str, float],
    between: tuple[float, float],
    legend: str = "best",
    at: Sequence[float] = (),
    *,
    kinds: Kinds,
) -> Figure:
    """``reading`` (S,), which ``says`` what it is, against a number, one panel a title, same axes, logarithmic.

    ``panels`` maps title -> label -> number -> arm; ``what`` names the number; dotted: the named ``marks``. Dots:
    recorded seeds; rings: this run. ``reading`` may be another one in each panel, by title. The abscissa has numbers
    ``at`` these places; unless said, at those of the arms.
    """
    figure, shown = style.grid(panels, 3.4, 3.9, sharey=True)
    for axis, title, lines in shown:
        read = reading[title] if isinstance(reading, Mapping) else reading
        firsts = {label: next(iter(arms.values())) for label, arms in lines.items()}
        for label, _, colour in style.coloured(firsts, kinds):
            arms = lines[label]
            _line(axis, label, {x: read(recorded[arm]) for x, arm in arms.items()}, colour)
            for x, arm in arms.items():
                if arm in runs:
                    style.rings(axis, x / BESIDE, read(runs[arm]), colour)
        for name, height in marks.items():
            axis.axhline(height, **DOTTED)
            over = axis.get_yaxis_transform()
            axis.text(1.0, height, f"{name} ", transform=over, fontsize=8, ha="right", va="bottom")
        axis.set(title=title, xscale="log", xlabel=what, yscale="log", ylim=between)
        ticks = sorted({x for arms in lines.values() for x in arms})
        style.ticks_at(axis, at or (ticks if len(ticks) < 7 else ticks[::2]))
        style.plain_numbers(axis.yaxis)
        style.name_lines(axis, legend)
    figure.axes[0].set_ylabel(says)
    return figure


@style.styled
def clouds(
    panels: Mapping[str, tuple[Reading, Mapping[str, Sequence[str]]]],
    height: Reading,
    says: str,
    runs: Live,
    same: bool = False,
    *,
    kinds: Kinds,
) -> Figure:
    """One dot a run: ``height`` (S,), which ``says`` what it is, against another reading (S,), two panels a row.

    ``panels`` maps the name of that reading -> it, and label -> arms whose runs are one cloud, with its mean (a cross);
    ``same``: all readings on the same axis.
    """
    figure, shown = style.grid(panels, 4.3, 3.6, across=2, sharex=same, sharey=True)
    for i, (axis, name, (across, groups)) in enumerate(shown):
        for label, _, colour in style.coloured({label: arms[0] for label, arms in groups.items()}, kinds):
            x, y = (np.concatenate([reading(runs[arm]) for arm in groups[label]]) for reading in (across, height))
            style.dots(axis, x, y, colour, ms=4, alpha=0.5)
            axis.plot(x.mean(), y.mean(), "P", color=colour, mec=GROUND, ms=9, label=label)
        axis.set(xlabel=name, ylabel="" if i % 2 else says)
    if len(groups) > 1:
        style.name_lines(figure.axes[0], "lower right")
    return figure
