"""Signals and gradients, layer by layer and block by block."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from whyresnets.figures import style
from whyresnets.figures.style import DOTTED, GROUND, INK, Arms, Kinds, Live, Panels, Reading
from whyresnets.training.runs import Runs

Law = Callable[[np.ndarray], np.ndarray | float]


@style.styled
def signals(columns: Panels, runs: Live, *, kinds: Kinds) -> Figure:
    """Two rows: forward, std of each layer's response; backward, ||dE/dx_l|| over that at the last state.

    ``columns`` maps title -> label -> arm; rows share their (logarithmic) axes. One thin line a seed. Of two nets
    the first is drawn broad, so that it shows behind the other; dashed: nets shallower than the deepest of their kind.
    """
    found = {
        title: {
            label: (arm, runs[arm]["response_std"], runs[arm]["state_gradient_norm"]) for label, arm in arms.items()
        }
        for title, arms in columns.items()
    }
    return _signals(found, runs, kinds)


@style.styled
def signals_on_the_way(arms: Arms, runs: Live, *, kinds: Kinds) -> Figure:
    """As :func:`signals`, one column for each step that the arms (label -> arm) were watched at."""
    (steps,) = {runs[arm].spec.readings.watch for arm in arms.values()}
    readings = "watched_response_std", "watched_gradient_norm"
    found = {
        f"after {step} steps" if step else "before training": {
            label: (arm, *(runs[arm][reading][:, k] for reading in readings)) for label, arm in arms.items()
        }
        for k, step in enumerate(steps)
    }
    figure = _signals(found, runs, kinds)
    style.plain_numbers(figure.axes[0].yaxis)
    return figure


def _signals(columns: Mapping[str, Mapping[str, tuple]], runs: Live, kinds: Kinds) -> Figure:
    """``columns`` maps title -> label -> arm, its responses (S, layers) and its norms of gradients (S, L + 1)."""
    depths: dict[str, set[int]] = {}
    for arm in (arm for nets in columns.values() for arm, *_ in nets.values()):
        depths.setdefault(style.kind_of(arm, kinds).label, set()).add(runs[arm].spec.net.depth)
    size = max(2.3 * len(columns), 6.9), 5.4
    figure, axes = style.subplots(2, len(columns), figsize=size, sharey="row", sharex="row", squeeze=False)
    for (above, below), (title, nets) in zip(axes.T, columns.items(), strict=True):
        for i, (label, (arm, responses, norms)) in enumerate(nets.items()):
            kind, seeds = style.kind_of(arm, kinds), len(responses)
            dash = "-" if runs[arm].spec.net.depth == max(depths[kind.label]) else "--"
            look = {"alpha": 0.5, "lw": 4 if len(nets) == 2 and i == 0 else 1.8, "ls": dash}
            for axis, first, values in ((above, 1, responses), (below, 0, norms / norms[:, -1:])):
                where, name = np.arange(first, first + values.shape[1]), f"{label} ({seeds} seeds)"
                style.seeds_and_mean(axis, where, values, kind.colour, name, log=True, **look)
        above.set(title=title, yscale="log", xlabel="layer")
        below.set(yscale="log", xlabel="unit")
        below.axhline(1, **DOTTED)
    axes[0, 0].set_ylabel("forward: output std")
    axes[1, 0].set_ylabel("backward: gradient norm,\nrelative to the last unit")
    style.name_lines(axes[0, 0], size=9)
    return figure


@style.styled
def block_ratios(
    panels: Panels, runs: Live, recorded: Live, reading: Reading, law: np.ndarray | None = None, *, kinds: Kinds
) -> Figure:
    """``reading`` (S, L) of each block against the block, one panel a title, same axes; dotted: a preserved norm.

    ``panels`` maps title -> label -> arm; of a family of depths the deeper net is darker. Squares: blocks that
    halve the map. An arm absent from ``runs`` shows its recorded seeds. Dashed, in the first panel: the ``law`` (L,).
    """
    figure, shown = style.grid(panels, 4.6 if len(panels) < 3 else 3.6, 3.9, sharey=True)
    for axis, title, arms in shown:
        longest = 0
        for label, arm, colour in style.coloured(arms, kinds):
            live = style.either(arm, runs, recorded)
            values = reading(live)
            blocks = np.arange(1, values.shape[1] + 1)
            longest = max(longest, len(blocks))
            name = f"{label} ({len(values)} seeds)"
            style.seeds_and_mean(axis, blocks, values, colour, name)
            style.recorded_band(axis, blocks, arm, runs, recorded, reading, colour)
            halving = live.spec.net.transitions
            axis.plot(blocks[halving], values.mean(0)[halving], "s", color=colour, ms=7, mfc=GROUND, mew=1.6)
        axis.set(title=title, xlabel="block, from the input", xscale="log" if longest > 30 else "linear")
        style.plain_numbers(axis.xaxis)
        axis.axhline(1, **DOTTED)
        if law is not None and axis is figure.axes[0]:
            axis.plot(np.arange(1, len(law) + 1), law, color=INK, lw=1.2, ls="--", label="the law")
        style.name_lines(axis, "upper right")
    figure.axes[0].set_ylabel("ratio r of gradient norms,\nbefore the block over after it")
    return figure


@style.styled
def profiles(
    columns: Mapping[str, tuple[Reading, Mapping[str, Law]]],
    arms: Arms,
    runs: Live,
    recorded: Live,
    linear: Sequence[str] = (),
    blocks: int | None = None,
    *,
    kinds: Kinds,
) -> Figure:
    """Each reading (S, L or L + 1) of ``columns`` block by block, one line an arm; dashed: laws, functions of l.

    ``columns`` maps title -> reading and label -> law; ``arms`` label -> arm. Logarithmic axes, but for the ordinate of
    the columns named in ``linear``; only the first so many ``blocks``, if it says. Bands: 99% for a new seed, behind
    arms that ran live.
    """
    # Two panels a row, so that their text is legible.
    figure, shown = style.grid(columns, 4.3, 3.5, across=min(len(columns), 2))
    for axis, title, (reading, laws) in shown:

        def by_block(live: Runs, reading: Reading = reading) -> np.ndarray:
            """Of the first blocks; a state before the first block is left out."""
            return reading(live)[:, -len(live.spec.net.units) :][:, :blocks]

        longest = np.arange(0)
        for label, arm, colour in style.coloured(arms, kinds):
            values = by_block(style.either(arm, runs, recorded))
            where = np.arange(1, values.shape[1] + 1)
            longest = max(longest, where, key=len)
            name = label if axis is figure.axes[0] else None
            style.seeds_and_mean(axis, where, values, colour, name)
            style.recorded_band(axis, where, arm, runs, recorded, by_block, colour)
        for name, law in laws.items():
            axis.plot(longest, law(longest) * np.ones(len(longest)), color=INK, lw=1.3, ls="--", label=name)
        scale = "linear" if title in linear else "log"
        axis.set(title=title, xlabel="block l, from the input", xscale="log", yscale=scale)
        style.plain_numbers(axis.xaxis)
        style.name_lines(axis)
    return figure


@style.styled
def on_the_way_back(
    panels: Mapping[str, Mapping[str, tuple[str, Reading]]],
    runs: Live,
    recorded: Live,
    says: str,
    apart: float = 0.5,
    *,
    kinds: Kinds,
) -> Figure:
    """Readings by layer (S, layers), from the last layer to the first, one panel a title, same logarithmic ordinate.

    ``panels`` maps title -> label -> arm and its reading, which ``says`` what it is; lines of one panel that are of one
    kind are shades of its colour. Each is named where it ends, at the first layer, the names so many decades
    ``apart``. Dotted: 1. Bands: 99% for a new seed, behind arms that ran live.
    """
    figure, shown = style.grid(panels, 4.7 if len(panels) < 3 else 3.5, 4.1, sharey=True)
    for axis, title, lines in shown:
        ends, colours = {}, {}
        for label, arm, colour in style.coloured({label: arm for label, (arm, _) in lines.items()}, kinds):
            reading = lines[label][1]
            values = reading(style.either(arm, runs, recorded))
            passed = np.linspace(1, 0, values.shape[1])  # on the way back: the share of the layers behind it
            style.seeds_and_mean(axis, passed, values, colour, log=True)
            style.recorded_band(axis, passed, arm, runs, recorded, reading, colour)
            ends[label], colours[label] = np.log10(values[:, 0]).mean(), colour
        for label, height in style.spread(ends, apart).items():
            axis.text(1.03, 10**height, label, color=colours[label], fontsize=8.5, va="center", weight="bold")
        axis.axhline(1, **DOTTED)
        axis.set(title=title, yscale="log", xlabel="way back, from the last layer to the first", xlim=(-0.03, 1.55))
        axis.set_xticks((0, 0.5, 1), ("last", "middle", "first"))
    figure.axes[0].set_ylabel(says)
    return figure
