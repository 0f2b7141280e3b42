"""What all figures share: the ground, colours by kind, and how seeds, means and bands are drawn.

The ground is opaque, so that a figure reads the same on a dark page.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from whyresnets.claims.verdicts import unseen
from whyresnets.kinds import UnknownKind, kind
from whyresnets.stats import loss_band
from whyresnets.training.runs import Runs

Live = Mapping[str, Runs]
Panels = Mapping[str, Mapping[str, str]]  # title -> label -> arm
Reading = Callable[..., np.ndarray]

GROUND = "#fbfaf6"
INK = "#333333"
RINGS = 16  # a profile of so many points or fewer gets a mark at each (chosen by us)
STYLE: dict[Any, Any] = {
    "figure.facecolor": GROUND,
    "axes.facecolor": GROUND,
    "savefig.facecolor": GROUND,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e1d8",
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.titlelocation": "left",
    "text.color": INK,
    "axes.labelcolor": INK,
    "figure.dpi": 110,
    "figure.constrained_layout.use": True,
}


@contextmanager
def drawing(rows: int, columns: int, size: tuple[float, float], **how: Any) -> Iterator[tuple[Figure, np.ndarray]]:
    """A figure and its axes (rows, columns) in our style; afterwards closed, so that a notebook shows it once."""
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, **how)
        try:
            yield figure, axes
        finally:
            plt.close(figure)


def either(arm: str, runs: Live, recorded: Live) -> Runs:
    """An arm as this run has it, else as it is recorded."""
    return runs[arm] if arm in runs else recorded[arm]


def colour_of(arm: str, kinds: Mapping[str, str]) -> str:
    """The colour of an arm, from its kind.

    Raises
    ------
    whyresnets.kinds.UnknownKind
        If ``kinds`` does not say which kind it is, or there is none of that name.
    """
    if arm not in kinds:
        raise UnknownKind(f"nobody says of which kind {arm!r} is: give the figure kinds=CHAPTER.kinds")
    return kind(kinds[arm]).colour


def colours_of(arms: Mapping[str, str], kinds: Mapping[str, str]) -> list:
    """The colour of each of several arms, label -> arm; shades of it where they are one kind at several depths."""
    found = [colour_of(arm, kinds) for arm in arms.values()]
    if len(arms) > 1 and len({kinds[arm] for arm in arms.values()}) == 1:
        shades = sns.light_palette(found[0], n_colors=100)
        return [shades[i] for i in np.linspace(38, 99, len(arms)).astype(int)]
    return found


def seeds_and_mean(axis: Axes, x: np.ndarray, values: np.ndarray, label: str | None, colour: Any) -> None:
    """A thin line a seed, from ``values`` (S, ...), and their mean."""
    axis.plot(x, values.T, color=colour, lw=0.5, alpha=0.4)
    axis.plot(x, values.mean(0), color=colour, lw=2, label=label, marker="o" if len(x) <= RINGS else "", ms=3.5)


def recorded_band(axis: Axes, x: Any, arm: str, runs: Live, recorded: Live, reading: Reading, colour: Any) -> None:
    """The 99% band for a new seed, behind an arm that ran live."""
    if arm in runs and arm in recorded:
        low, high = loss_band(reading(unseen(recorded[arm], runs[arm])))
        axis.fill_between(x, low, high, color=colour, alpha=0.13, lw=0)


def plain_numbers(axis: Any) -> None:
    """0.1 instead of a power of ten."""
    axis.set_major_formatter(lambda value, _: f"{value:g}")
