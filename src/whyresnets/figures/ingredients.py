"""What each net has, beside how it trains: the front page's figure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from whyresnets.claims.quantities import CHANCE, TRAINED, training_loss
from whyresnets.figures.style import (
    GROUND,
    INK,
    drawing,
)
from whyresnets.kinds import COLOURS
from whyresnets.training.runs import Runs


@dataclass(frozen=True)
class Net:
    """A row of :func:`ingredients`.

    Attributes
    ----------
    label : what the net is called
    marks : which of the columns it has
    cosine : how alike what enters and what leaves a block are before training, dimensionless
    runs : its recorded seeds
    """

    label: str
    marks: tuple[bool, ...]
    cosine: float
    runs: Runs


def ingredients(groups: Mapping[str, Sequence[Net]], columns: Sequence[str], near: float) -> Figure:
    """What each net has, a filled circle for yes, and its cosine, beside the training losses of its seeds, in nats.

    ``groups`` maps a title -> its nets, in order; ``columns`` names what a net may have. One dot a seed, a diamond for
    their mean; a diverged seed stands at chance, as a cross. Nets with a cosine above ``near`` are blue, others orange.
    """
    lines = [(title, net) for title, nets in groups.items() for net in (None, *nets)]
    with drawing(1, 2, (8, 0.3 * len(lines) + 0.9), sharey=True, width_ratios=(1.4, 1)) as (figure, axes):
        left, right = axes[0]
        for axis in (left, right):
            axis.grid(False)
        for y, (title, net) in enumerate(lines):
            if net is None:
                left.text(0, y, title, va="center", weight="bold", fontsize=10)
                continue
            colour = COLOURS[0] if net.cosine > near else COLOURS[3]
            left.text(0.02, y, net.label, va="center", fontsize=9.5)
            for x, filled in enumerate(net.marks):
                face = INK if filled else "none"
                left.plot(_mark(x), y, "o", ms=7, mfc=face, mec=INK if filled else "#999999", mew=1)
            left.text(
                _mark(len(columns)), y, f"{net.cosine:.2f}", color=colour, weight="bold", ha="center", va="center"
            )
            losses, finite = training_loss(net.runs), net.runs.finished
            right.axhline(y, color="#e4e1d8", lw=0.8, zorder=0)
            right.plot(losses[finite], np.full(finite.sum(), y), "o", ms=5, color=colour, alpha=0.45, mew=0)
            right.plot(losses[~finite], np.full((~finite).sum(), y), "x", ms=5, color=colour, mew=1.2)
            right.plot(losses.mean(), y, "D", ms=6, color=colour, mec=GROUND, mew=0.8)
        for x, column in enumerate((*columns, "near the\nidentity")):
            left.text(_mark(x), -0.75, column, ha="center", va="bottom", fontsize=9)
        for height, says in ((TRAINED, "trained"), (CHANCE, "chance")):
            right.axvline(height, color=INK, lw=0.8, ls=":")
            right.text(height, -0.75, says, ha="center", va="bottom", fontsize=9)
        left.set(xlim=(0, 1), ylim=(len(lines) - 0.4, -1))
        left.axis("off")
        right.set(xlim=(-0.05, 2.75), xlabel="training loss at the end, nats")
        right.spines["left"].set_visible(False)
        right.tick_params(left=False, labelleft=False)
    return figure


def _mark(column: int) -> float:
    return 0.72 + 0.11 * column
