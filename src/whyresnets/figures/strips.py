"""One row an arm: recorded seeds, this run's, and a band."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from whyresnets.claims.quantities import CHANCE, TRAINED, training_loss
from whyresnets.claims.verdicts import unseen
from whyresnets.figures.style import (
    INK,
    Live,
    Panels,
    Reading,
    colour_of,
    drawing,
)
from whyresnets.kinds import COLOURS
from whyresnets.stats import loss_band


def final_losses(groups: Panels, runs: Live, recorded: Live, *, kinds: Mapping[str, str]) -> Figure:
    """Training loss at the end, one row an arm; see :func:`strips`."""
    says = "training loss, nats (dotted: what counts as trained; chance)"
    return strips(groups, runs, recorded, training_loss, says, (TRAINED, CHANCE), kinds=kinds)


def strips(
    groups: Panels,
    runs: Live,
    recorded: Live,
    reading: Reading,
    says: str,
    marks: Sequence[float],
    *,
    kinds: Mapping[str, str],
) -> Figure:
    """A loss (S,), one row an arm: record (strokes, mean, 99% band for a new seed), this run (rings).

    ``groups`` maps title -> label -> arm; the groups share the axis, from 0 to beyond chance; dotted: ``marks``.
    """
    rows = [len(arms) for arms in groups.values()]
    with drawing(len(groups), 1, (7.4, 0.75 + 0.5 * sum(rows)), sharex=True, height_ratios=rows) as (figure, axes):
        for axis, (title, arms) in zip(axes[:, 0], groups.items(), strict=True):
            for row, arm in enumerate(arms.values()):
                _strip(axis, row, arm, runs, recorded, reading, colour_of(arm, kinds))
            for height in marks:
                axis.axvline(height, color=INK, lw=0.8, ls=":")
            axis.set(title=title, yticks=range(len(arms)), yticklabels=list(arms), ylim=(len(arms) - 0.5, -0.5))
            axis.grid(axis="y", visible=False)
        axes[-1, 0].set(xlabel=says, xlim=(-0.05, 2.75))
    return figure


def _strip(axis: Axes, row: int, arm: str, runs: Live, recorded: Live, reading: Reading, colour: str) -> None:
    if arm in recorded:
        values = reading(recorded[arm])
        low, high = loss_band(reading(unseen(recorded[arm], runs.get(arm))))
        axis.barh(row, high - low, left=low, height=0.55, color=colour, alpha=0.15, lw=0)
        axis.plot(values, [row - 0.12] * len(values), "|", color=colour, ms=7, alpha=0.7)
        axis.plot(values.mean(), row, "D", color=colour, ms=5)
    if arm in runs:
        yours = reading(runs[arm])
        axis.plot(yours, [row + 0.16] * len(yours), "o", mfc="none", color=colour, ms=6)


def nets(columns: Mapping[str, tuple[Reading, str]], rows: Mapping[str, str], runs: Live, recorded: Live) -> Figure:
    """One row a net, one column a reading (S,): recorded seeds (strokes) and their mean, this run (rings).

    ``rows`` maps label -> arm; ``columns`` title -> reading and what is added to the name of the arm that it is read
    off.
    """
    size = (3.3 * len(columns) + 1.2, 0.9 + 0.36 * len(rows))
    with drawing(1, len(columns), size, sharey=True) as (figure, axes):
        for axis, (title, (reading, suffix)) in zip(axes[0], columns.items(), strict=True):
            for row, arm in enumerate(rows.values()):
                colour = COLOURS[0] if training_loss(recorded[arm]).mean() < TRAINED else COLOURS[3]
                values = reading(recorded[arm + suffix])
                axis.plot(values, [row - 0.14] * len(values), "|", color=colour, ms=7, alpha=0.7)
                axis.plot(values.mean(), row, "D", color=colour, ms=5)
                if arm + suffix in runs:
                    yours = reading(runs[arm + suffix])
                    axis.plot(yours, [row + 0.18] * len(yours), "o", mfc="none", color=colour, ms=5)
            axis.set(title=title, ylim=(len(rows) - 0.5, -0.5))
            axis.grid(axis="y", visible=False)
        axes[0][0].set_yticks(range(len(rows)), list(rows))
    return figure
