"""One row a net: its seeds, and what else is known of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from whyresnets.claims.quantities import CHANCE, TRAINED, training_loss
from whyresnets.figures import style
from whyresnets.figures.style import DOTTED, GROUND, INK, RULE, Arms, Kinds, Live, Panels, Reading
from whyresnets.kinds import BLUE, VERMILION
from whyresnets.training.runs import Runs


def final_losses(groups: Panels, runs: Live, recorded: Live, *, kinds: Kinds) -> Figure:
    """Training loss at the end, one row an arm; see :func:`strips`."""
    says = "training loss, nats (dotted: what counts as trained; chance)"
    return strips(groups, runs, recorded, training_loss, says, (TRAINED, CHANCE), kinds=kinds)


@style.styled
def strips(
    groups: Panels, runs: Live, recorded: Live, reading: Reading, says: str, marks: Sequence[float], *, kinds: Kinds
) -> Figure:
    """A loss (S,), one row an arm: record (strokes, mean, 99% band for a new seed), this run (rings).

    ``groups`` maps title -> label -> arm; the groups share the axis, from 0 to beyond chance; dotted: ``marks``.
    """
    rows = [len(arms) for arms in groups.values()]
    high = (0.75 + 0.5 * sum(rows)) / len(rows)
    figure, shown = style.grid(groups, 7.4, high, across=1, sharex=True, height_ratios=rows)
    for axis, title, arms in shown:
        for row, arm in enumerate(arms.values()):
            colour = style.kind_of(arm, kinds).colour
            if arm in recorded:
                low, top = style.new_seed(arm, runs, recorded, reading)
                axis.barh(row, top - low, left=low, height=0.55, color=colour, alpha=0.15, lw=0)
            _seeds(axis, row, reading, recorded.get(arm), runs.get(arm), colour)
        for mark in marks:
            axis.axvline(mark, **DOTTED)
        axis.set(title=title, yticks=range(len(arms)), yticklabels=list(arms), ylim=(len(arms) - 0.5, -0.5))
        axis.grid(axis="y", visible=False)
    axis.set(xlabel=says, xlim=(-0.05, 2.75))
    return figure


@style.styled
def nets(columns: Mapping[str, tuple[Reading, str]], rows: Arms, runs: Live, recorded: Live) -> Figure:
    """One row a net, one column a reading (S,): recorded seeds (strokes) and their mean, this run (rings).

    ``rows`` maps label -> arm; ``columns`` title -> reading and what is added to the name of the arm that it is read
    off. Nets that train are blue, others orange.
    """
    wide, high = 3.3 + 1.2 / len(columns), 0.9 + 0.36 * len(rows)
    figure, shown = style.grid(columns, wide, high, sharey=True)
    for axis, title, (reading, suffix) in shown:
        for row, arm in enumerate(rows.values()):
            colour = BLUE if training_loss(recorded[arm]).mean() < TRAINED else VERMILION
            _seeds(axis, row, reading, recorded[arm + suffix], runs.get(arm + suffix), colour)
        axis.set(title=title, ylim=(len(rows) - 0.5, -0.5))
        axis.grid(axis="y", visible=False)
    figure.axes[0].set_yticks(range(len(rows)), list(rows))
    return figure


def _seeds(axis: Axes, row: int, reading: Reading, record: Runs | None, live: Runs | None, colour: Any) -> None:
    """Strokes and a diamond for the record, rings for this run."""
    if record is not None:
        values = reading(record)
        style.dots(axis, values, row - 0.13, colour, marker="|", ms=7, alpha=0.7)
        axis.plot(values.mean(), row, "D", color=colour, ms=5)
    if live is not None:
        style.rings(axis, reading(live), row + 0.17, colour)


@dataclass(frozen=True)
class Net:
    """A row of :func:`ingredients`.

    Attributes
    ----------
    label : what the net is called
    marks : which of the columns it has
    cosine : how alike what enters and what leaves a block are before training
    runs : its recorded seeds
    """

    label: str
    marks: tuple[bool, ...]
    cosine: float
    runs: Runs


@style.styled
def ingredients(groups: Mapping[str, Sequence[Net]], columns: Sequence[str], near: float) -> Figure:
    """What each net has, a filled circle for yes, and its cosine, beside the training losses of its seeds, in nats.

    ``groups`` maps a title -> its nets, in order; ``columns`` names what a net may have. One dot a seed, a diamond for
    their mean; a diverged seed stands at chance, as a cross. Nets with a cosine above ``near`` are blue, others orange.
    """
    lines = [(title, net) for title, nets in groups.items() for net in (None, *nets)]
    size = 8, 0.3 * len(lines) + 0.9
    figure, (left, right) = style.subplots(1, 2, figsize=size, sharey=True, width_ratios=(1.4, 1))
    for y, (title, net) in enumerate(lines):
        if net is None:
            left.text(0, y, title, va="center", weight="bold", fontsize=10)
        else:
            _ingredient(left, right, y, net, BLUE if net.cosine > near else VERMILION)
    for x, column in enumerate((*columns, "near the\nidentity")):
        left.text(_across(x), -0.75, column, ha="center", va="bottom", fontsize=9)
    for mark, says in ((TRAINED, "trained"), (CHANCE, "chance")):
        right.axvline(mark, **DOTTED)
        right.text(mark, -0.75, says, ha="center", va="bottom", fontsize=9)
    left.set(xlim=(0, 1), ylim=(len(lines) - 0.4, -1))
    left.axis("off")
    right.set(xlim=(-0.05, 2.75), xlabel="training loss at the end, nats")
    right.grid(False)
    right.spines["left"].set_visible(False)
    right.tick_params(left=False, labelleft=False)
    return figure


def _ingredient(left: Axes, right: Axes, y: int, net: Net, colour: str) -> None:
    left.text(0.02, y, net.label, va="center", fontsize=9.5)
    for x, filled in enumerate(net.marks):
        left.plot(_across(x), y, "o", ms=7, mfc=INK if filled else "none", mec=INK if filled else "#999999")
    says: Any = {"color": colour, "weight": "bold", "ha": "center", "va": "center"}
    left.text(_across(len(net.marks)), y, f"{net.cosine:.2f}", **says)
    losses, finite = training_loss(net.runs), net.runs.finished
    right.axhline(y, color=RULE, lw=0.8, zorder=0)
    style.dots(right, losses[finite], y, colour, marker="o", ms=5, alpha=0.45, mew=0)
    style.dots(right, losses[~finite], y, colour, marker="x", ms=5, mew=1.2)
    right.plot(losses.mean(), y, "D", ms=6, color=colour, mec=GROUND, mew=0.8)


def _across(column: int) -> float:
    return 0.72 + 0.11 * column
