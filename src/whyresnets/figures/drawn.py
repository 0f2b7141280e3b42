"""What a block computes, drawn: a box for the branch, a sum, and the way around."""

import re
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from whyresnets.figures import style
from whyresnets.figures.style import GROUND, INK
from whyresnets.kinds import Kind, kind

IN, LEFT, RIGHT, SUM, OUT = 0.0, 0.8, 2.2, 2.8, 3.6  # where things stand, from left to right
AROUND = 0.75  # how high a skip passes above its branch
SKIP_AND_BRANCH = re.compile(r"([^()+]+) \+ (?:(\w+) )?f\(x\)")
BRANCH_AND_SKIP = re.compile(r"phi\(.+\) \+ ([^()+]+)")
BRANCH = re.compile(r"f\(x\)|phi\((?:(?:BN|LN)\(W x\)|W x)(?: \+ b)?\)")


@style.styled
def drawn_blocks(kinds: Sequence[str], layers: str | Sequence[str] = "", after: str = "") -> Figure:
    """A block of each of these ``kinds``, one below the other: what comes in, the branch f, the skip if there is one.

    Beside each, its name and formula as :data:`whyresnets.kinds.KINDS` has them; the drawing follows the formula. Below
    the box stand the ``layers`` of the branch: "conv, BN, ReLU, conv, BN", say, or a text for each kind; below the last
    arrow what comes ``after``: "ReLU".

    Raises
    ------
    ValueError
        If the formula of a kind is neither a branch nor a branch and a skip.
    """
    panels = {name: kind(name) for name in kinds}
    below = [layers] * len(panels) if isinstance(layers, str) else layers
    figure, drawn = style.grid(panels, 6.9, 1.55, across=1)
    for (axis, _, known), inside in zip(drawn, below, strict=True):
        axis.set(xlim=(-0.3, 7.6), ylim=(-0.55, 1.15), aspect="equal")
        axis.axis("off")
        _draw(axis, known, *skip_and_branch(known), inside)
        axis.text((SUM + 0.17 + OUT) / 2, -0.1, after, ha="center", va="top", fontsize=8.5)
    return figure


def skip_and_branch(known: Kind) -> tuple[str, str]:
    """What a kind's block writes on the way around ("" where there is none), and in the box, from its formula.

    >>> skip_and_branch(kind("half"))
    ('x / 2', 'f')
    >>> skip_and_branch(kind("SkipInit"))
    ('x', 'alpha f')
    >>> skip_and_branch(kind("plain"))
    ('', 'f')

    Raises
    ------
    ValueError
        If its formula is neither a branch nor a branch and a skip.
    """
    formula = re.split(r", (?![^(]*\))", known.formula)[0]
    if found := SKIP_AND_BRANCH.fullmatch(formula):
        return found[1], f"{found[2] or ''} f".strip()
    if found := BRANCH_AND_SKIP.fullmatch(formula):
        return found[1], "f"
    if BRANCH.fullmatch(formula):
        return "", "f"
    raise ValueError(f"a block that computes {formula!r} cannot be drawn: choose a kind with a branch, or with a skip")


def _draw(axis: Axes, known: Kind, skip: str, branch: str, layers: str) -> None:
    axis.text(IN - 0.08, 0, "x", ha="right", va="center", style="italic", fontsize=13)
    box = FancyBboxPatch((LEFT, -0.3), RIGHT - LEFT, 0.6, "round,pad=0,rounding_size=0.12")
    box.set(facecolor=GROUND, edgecolor=known.colour, linewidth=2)
    axis.add_patch(box)
    axis.text((LEFT + RIGHT) / 2, 0, branch, ha="center", va="center", fontsize=12, style="italic")
    axis.text((LEFT + RIGHT) / 2, -0.36, layers, ha="center", va="top", fontsize=8.5)
    _arrow(axis, IN, LEFT)
    _arrow(axis, RIGHT, SUM - 0.17 if skip else OUT)
    if skip:
        aside = (IN + 0.3, IN + 0.3, SUM, SUM), (0, AROUND, AROUND, 0.17)
        axis.plot(*aside, color=known.colour, lw=2)
        axis.plot(SUM, 0, "o", ms=17, mfc=GROUND, mec=INK, mew=1.4)
        axis.text(SUM, -0.01, "+", ha="center", va="center", fontsize=14)
        axis.text((LEFT + RIGHT) / 2, AROUND + 0.06, skip, ha="center", va="bottom", fontsize=11)
        _arrow(axis, SUM + 0.17, OUT)
    axis.text(OUT + 0.35, 0.1, known.label, va="bottom", fontsize=12, color=INK, weight="bold")
    axis.text(OUT + 0.35, 0, known.formula, va="top", fontsize=11)


def _arrow(axis: Axes, start: float, end: float) -> None:
    look: dict[str, Any] = {"arrowstyle": "-|>", "color": INK, "lw": 1.4, "shrinkA": 0, "shrinkB": 0}
    axis.annotate("", (end, 0), (start, 0), arrowprops=look)
