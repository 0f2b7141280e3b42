"""What all figures share: the ground, panels, colours by kind, and how seeds, means and bands are drawn.

The ground is opaque, so that a figure reads the same on a dark page. A figure has nothing of the reader's style, such
as ``plt.style.use("dark_background")``, neither when it is made nor when it is drawn; and it leaves that style alone.
"""

import contextlib
import functools
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ParamSpec, TypeVar

import matplotlib
import matplotlib.figure
import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullFormatter

from whyresnets.claims.verdicts import unseen
from whyresnets.kinds import Kind, UnknownKind, kind
from whyresnets.stats import loss_band
from whyresnets.training.runs import Runs

P = ParamSpec("P")
Shown = TypeVar("Shown")
Key = TypeVar("Key")

Live = Mapping[str, Runs]  # arm -> its runs
Kinds = Mapping[str, str]  # arm -> its kind
Arms = Mapping[str, str]  # label -> arm
Panels = Mapping[str, Arms]  # title -> label -> arm
Reading = Callable[..., np.ndarray]

GROUND = "#fbfaf6"
INK = "#333333"
RULE = "#e4e1d8"
DOTTED: dict[str, Any] = {"color": INK, "lw": 0.8, "ls": ":"}  # lines at a level, such as chance
RINGS = 16  # a profile of so many points or fewer gets a mark at each (chosen by us)
STYLE: dict[Any, Any] = {
    "figure.facecolor": GROUND,
    "axes.facecolor": GROUND,
    "savefig.facecolor": GROUND,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": RULE,
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.titlelocation": "left",
    "text.color": INK,
    "axes.labelcolor": INK,
    "figure.dpi": 110,
    "figure.constrained_layout.use": True,
}
# What a reader has set of these stays: they say how a file is written, not how a figure looks.
OF_FILES: tuple[Any, ...] = "savefig.dpi", "savefig.format", "pdf.fonttype", "ps.fonttype", "svg.fonttype"


@contextlib.contextmanager
def house() -> Iterator[None]:
    """Matplotlib's own defaults with our style over them, whatever the reader's style; afterwards that again."""
    kept = {name: plt.rcParams[name] for name in OF_FILES}
    with plt.rc_context():
        matplotlib.rcdefaults()
        plt.rcParams.update(STYLE | kept)
        yield


def _in_house(act: Callable[P, Any]) -> Callable[P, Any]:
    @functools.wraps(act)
    def acting(*arguments: P.args, **named: P.kwargs) -> Any:
        with house():
            return act(*arguments, **named)

    return acting


class Figure(matplotlib.figure.Figure):
    """Matplotlib's figure, in our style also whenever it is drawn, as a notebook does after the cell.

    Fonts and marks at the axes, for one, are looked up only then.
    """

    draw = _in_house(matplotlib.figure.Figure.draw)
    get_tightbbox = _in_house(matplotlib.figure.Figure.get_tightbbox)
    savefig = _in_house(matplotlib.figure.Figure.savefig)

    def set_canvas(self, canvas: Any) -> None:
        """Draw on ``canvas``, what writes a file or a notebook's image included."""
        canvas.print_figure = _in_house(canvas.print_figure)
        super().set_canvas(canvas)


def subplots(down: int, across: int, **how: Any) -> tuple[Figure, Any]:
    """As ``matplotlib.pyplot.subplots``: a :class:`Figure`, and its axes."""
    return plt.subplots(down, across, FigureClass=Figure, **how)


def styled(draw: Callable[P, matplotlib.figure.Figure]) -> Callable[P, matplotlib.figure.Figure]:
    """``draw`` in our style; its figure is closed, so that a notebook shows it once: as what the cell returns."""

    @functools.wraps(draw)
    def drawn(*arguments: P.args, **named: P.kwargs) -> matplotlib.figure.Figure:
        open_before = plt.get_fignums()
        plt.draw_if_interactive()  # loads a notebook's backend, with what the reader has set of that, before our style
        try:
            with house():
                return draw(*arguments, **named)
        finally:
            for number in set(plt.get_fignums()) - set(open_before):
                plt.close(number)

    return drawn


def grid(
    panels: Mapping[str, Shown], wide: float, high: float, across: int | None = None, **how: Any
) -> tuple[Figure, list[tuple[Axes, str, Shown]]]:
    """A figure, and for each panel its axis, its title and what it shows; so many ``across``, else all in one row.

    A panel is so ``wide`` and so ``high``, in inches; ``how`` goes to :func:`subplots`.
    """
    across = across or len(panels)
    down = -(-len(panels) // across)
    figure, axes = subplots(down, across, figsize=(wide * across, high * down), squeeze=False, **how)
    return figure, [(axis, *panel) for axis, panel in zip(axes.flat, panels.items(), strict=False)]


def either(arm: str, runs: Live, recorded: Live) -> Runs:
    """An arm as this run has it, else as it is recorded."""
    return runs[arm] if arm in runs else recorded[arm]


def kind_of(arm: str, kinds: Kinds) -> Kind:
    """The kind of an arm.

    Raises
    ------
    whyresnets.kinds.UnknownKind
        If ``kinds`` does not say which it is, or there is none of that name.
    """
    if arm not in kinds:
        raise UnknownKind(f"no kind is given for {arm!r}: give it one in the argument kinds, such as CHAPTER.kinds")
    return kind(kinds[arm])


def coloured(arms: Arms, kinds: Kinds) -> Iterator[tuple[str, str, Any]]:
    """Label, arm and colour of each of several arms; shades where all are of one kind, as at several depths."""
    found = [kind_of(arm, kinds).colour for arm in arms.values()]
    if len(found) > 1 and len({kinds[arm] for arm in arms.values()}) == 1:
        shades = sns.light_palette(found[0], n_colors=100)
        found = [shades[i] for i in np.linspace(38, 99, len(found)).astype(int)]
    return ((label, arm, colour) for (label, arm), colour in zip(arms.items(), found, strict=True))


def seeds_and_mean(
    axis: Axes, x: Any, values: np.ndarray, colour: Any, label: str | None = None, log: bool = False, **look: Any
) -> None:
    """A thin line a seed, from ``values`` (S, ...), and their mean, or the mean of their logarithms."""
    mean = np.exp(np.log(values).mean(0)) if log else values.mean(0)
    axis.plot(x, values.T, color=colour, lw=0.5, alpha=look.pop("alpha", 0.4), ls=look.get("ls", "-"))
    rings = "o" if len(x) <= RINGS and not log else ""
    axis.plot(x, mean, color=colour, label=label, **{"lw": 2, "marker": rings, "ms": 3.5, **look})


def dots(axis: Axes, x: Any, y: Any, colour: Any, **look: Any) -> None:
    """A mark a seed at ``x`` and ``y``, one of which may be the same for all; a dot, if ``look`` does not say."""
    axis.plot(*np.broadcast_arrays(x, y), color=colour, **{"marker": ".", "ls": "", **look})


def rings(axis: Axes, x: Any, y: Any, colour: Any, size: float = 5) -> None:
    """A ring a seed of this run."""
    dots(axis, x, y, colour, marker="o", mfc="none", ms=size)


def recorded_band(axis: Axes, x: Any, arm: str, runs: Live, recorded: Live, reading: Reading, colour: Any) -> None:
    """The 99% band for a new seed, behind an arm that ran live."""
    if arm in runs and arm in recorded:
        axis.fill_between(x, *new_seed(arm, runs, recorded, reading), color=colour, alpha=0.13, lw=0)


def new_seed(arm: str, runs: Live, recorded: Live, reading: Reading) -> tuple[np.ndarray, np.ndarray]:
    """The 99% band of a positive reading for a new seed, low and high, from recorded seeds that this run has not."""
    return loss_band(reading(unseen(recorded[arm], runs.get(arm))))


def spread(heights: Mapping[Key, float], apart: float, low: float = -math.inf, high: float = math.inf) -> dict:
    """The same heights, moved upwards where two would be closer than ``apart``, and down again from above ``high``."""
    ordered = sorted(heights, key=lambda key: heights[key])
    placed = [heights[key] for key in ordered]
    for i, height in enumerate(placed):
        placed[i] = max(height, low + i * apart, placed[i - 1] + apart if i else low)
    for i in reversed(range(len(placed))):
        placed[i] = min(placed[i], high - (len(placed) - 1 - i) * apart)
    return dict(zip(ordered, placed, strict=True))


def name_lines(axis: Axes, where: Any = "best", size: float = 8.5) -> None:
    """The names of the lines, each in its colour."""
    axis.legend(frameon=False, fontsize=size, labelcolor="linecolor", loc=where)


def ticks_at(axis: Axes, values: Any) -> None:
    """Ticks at these numbers of a logarithmic abscissa, and no others."""
    axis.set_xticks(values, [f"{value:g}" for value in values])
    axis.xaxis.minorticks_off()


def plain_numbers(axis: Any) -> None:
    """0.1 instead of a power of ten; on a logarithmic axis of less than two decades also at 2 and 5 of each."""
    if axis.get_scale() == "log":
        low, high = axis.get_view_interval()
        axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 100 * low else (1,)))
        axis.set_minor_formatter(NullFormatter())
    axis.set_major_formatter(lambda value, _: f"{value:g}")
