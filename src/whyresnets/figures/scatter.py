"""A loss, or another quantity, against a number or another quantity."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from whyresnets.claims.quantities import CHANCE, TRAINED, training_loss
from whyresnets.figures.style import (
    GROUND,
    INK,
    Live,
    Reading,
    colours_of,
    drawing,
    plain_numbers,
)


def losses_against(
    what: str,
    panels: Mapping[str, Mapping[str, Mapping[float, str]]],
    runs: Live,
    recorded: Live,
    between: tuple[float, float] = (0.004, 6),
    legend: str = "lower right",
    *,
    kinds: Mapping[str, str],
) -> Figure:
    """Training loss at the end against a number, one panel a title, same axes; dotted: chance, and "trained".

    As :func:`against`; the ordinate, in nats, lies ``between``. A diverged seed is at chance.
    """
    marks = {"chance": CHANCE, "trained": TRAINED}
    reading = training_loss
    return against(what, panels, runs, recorded, reading, "training loss, nats", marks, between, legend, kinds=kinds)


def against(
    what: str,
    panels: Mapping[str, Mapping[str, Mapping[float, str]]],
    runs: Live,
    recorded: Live,
    reading: Reading,
    says: str,
    marks: Mapping[str, float],
    between: tuple[float, float],
    legend: str = "best",
    *,
    kinds: Mapping[str, str],
) -> Figure:
    """``reading`` (S,), which ``says`` what it is, against a number, one panel a title, same axes, logarithmic.

    ``panels`` maps title -> label -> number -> arm; ``what`` names the number; dotted: the named ``marks``. Dots:
    recorded seeds; rings: this run.
    """
    with drawing(1, len(panels), (3.4 * len(panels), 3.9), sharey=True) as (figure, axes):
        for axis, (title, lines) in zip(axes[0], panels.items(), strict=True):
            colours = colours_of({label: next(iter(arms.values())) for label, arms in lines.items()}, kinds)
            for (label, arms), colour in zip(lines.items(), colours, strict=True):
                values = [reading(recorded[arm]) for arm in arms.values()]
                axis.plot(list(arms), [x.mean() for x in values], color=colour, lw=2, marker="o", ms=4, label=label)
                for x, arm, seeds in zip(arms, arms.values(), values, strict=True):
                    axis.plot([x * 1.06] * len(seeds), seeds, ".", color=colour, ms=3, alpha=0.5)
                    if arm in runs:
                        yours = reading(runs[arm])
                        axis.plot([x / 1.06] * len(yours), yours, "o", mfc="none", color=colour, ms=5)
            for name, height in marks.items():
                axis.axhline(height, color=INK, lw=0.8, ls=":")
                axis.text(
                    1.0, height, f"{name} ", transform=axis.get_yaxis_transform(), fontsize=8, ha="right", va="bottom"
                )
            axis.set(title=title, xscale="log", xlabel=what, yscale="log", ylim=between)
            ticks = sorted({x for arms in lines.values() for x in arms})
            axis.set_xticks(ticks if len(ticks) < 7 else ticks[::2])
            axis.xaxis.minorticks_off()
            plain_numbers(axis.xaxis)
            plain_numbers(axis.yaxis)
            axis.legend(frameon=False, fontsize=8.5, labelcolor="linecolor", loc=legend)
        axes[0][0].set_ylabel(says)
    return figure


def clouds(
    panels: Mapping[str, tuple[Reading, Mapping[str, Sequence[str]]]],
    height: Reading,
    says: str,
    runs: Live,
    same: bool = False,
    *,
    kinds: Mapping[str, str],
) -> Figure:
    """One dot a run: ``height`` (S,), which ``says`` what it is, against another reading (S,), two panels a row.

    ``panels`` maps the name of that reading -> it, and label -> arms whose runs are one cloud, with its mean (a cross);
    ``same``: all readings on the same axis.
    """
    rows = -(-len(panels) // 2)
    with drawing(rows, 2, (8.6, 3.6 * rows), sharex=same, sharey=True) as (figure, axes):
        for axis, (name, (across, groups)) in zip(axes.flat, panels.items(), strict=True):
            colours = colours_of({label: arms[0] for label, arms in groups.items()}, kinds)
            for (label, arms), colour in zip(groups.items(), colours, strict=True):
                x, y = (np.concatenate([reading(runs[arm]) for arm in arms]) for reading in (across, height))
                axis.plot(x, y, ".", color=colour, ms=4, alpha=0.5)
                axis.plot(x.mean(), y.mean(), "P", color=colour, mec=GROUND, ms=9, label=label)
            axis.set(xlabel=name)
        for axis in axes[:, 0]:
            axis.set(ylabel=says)
        if len(groups) > 1:
            axes[0, 0].legend(frameon=False, fontsize=8.5, labelcolor="linecolor", loc="lower right")
    return figure
