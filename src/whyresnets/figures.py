"""Draws what the store holds; computes nothing but a mean and a band.

One thin line a seed, the mean on top, the printed 99% band behind. Colours are seaborn's colour-blind
palette; the ground is opaque, so that a figure reads the same on a dark page.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from whyresnets import claims, store
from whyresnets.curvature import THRESHOLDS
from whyresnets.training import Runs

GROUND = "#fbfaf6"
INK = "#333333"
COLOURS = sns.color_palette("colorblind")
COLOUR_OF_RULE = {"plain": COLOURS[3], "residual": COLOURS[0], "half": COLOURS[1], "stranger": COLOURS[4]}
COLOUR_OF_KIND = {  # by the beginning of an arm's name
    **COLOUR_OF_RULE,
    "residual, no BN": COLOURS[1],
    "residual, head": COLOURS[1],
    "residual, small start": COLOURS[2],
    "projected": COLOURS[2],
    "ordinary": COLOURS[1],
    "uneven": COLOURS[8],
    "rotate": COLOURS[9],
    "fold": COLOURS[4],
    "convolutional residual": COLOURS[0],
    "convolutional SkipInit": COLOURS[2],
    "convolutional rescaled": COLOURS[4],
    "convolutions, circular": COLOURS[0],
    "convolutions, zero": COLOURS[3],
    "residual, no norm": COLOURS[1],
    "frozen": COLOURS[9],
    "SkipInit": COLOURS[2],
    "SkipInit 0, no BN": COLOURS[5],
    "SkipInit, no BN": COLOURS[5],
    "rescaled": COLOURS[4],
    "BN,": COLOURS[0],
    "BN, rescaled": COLOURS[3],
    "BN after": COLOURS[7],
    "plain, no": COLOURS[7],
    "plain, head": COLOURS[7],
    "decay": COLOURS[0],
    "exponential": COLOURS[1],
    "exponential, smaller": COLOURS[2],
    "exponential, formula": COLOURS[3],
    "exponential, head": COLOURS[4],
    "constant": COLOURS[7],
    "not growing": COLOURS[7],
    "growing": COLOURS[0],
    "growing, all": COLOURS[3],
    "spared": COLOURS[4],
    "common": COLOURS[4],
    "opposite": COLOURS[4],
    "plain, incoming": COLOURS[1],
    "plain, near-identity": COLOURS[1],
    "hyper-residual": COLOURS[2],
    "residual, faster": COLOURS[9],
    "identity": COLOURS[0],
    "orthogonal": COLOURS[2],
    "small branches": COLOURS[9],
    "small weights": COLOURS[7],
    "near-identity": COLOURS[1],
    "cancelled": COLOURS[4],
    "cancelled inside": COLOURS[2],
    "next taken off": COLOURS[4],
    "one skip for all": COLOURS[4],
    "1 distinct": COLOURS[5],
    "4 distinct": COLOURS[5],
    "16 distinct": COLOURS[5],
    "4 distinct, whitened": COLOURS[2],
    "gaussian": COLOURS[2],
    "BiasL2": COLOURS[7],
    "BiasReg": COLOURS[1],
    "equal targets": COLOURS[1],
    "targets about zero": COLOURS[1],
    "BN, plain": COLOURS[7],
    "LN, plain": COLOURS[4],
    "BN, identity": COLOURS[5],
}
STYLE = {
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

Live = Mapping[str, Runs]
Panels = Mapping[str, Mapping[str, str]]  # title -> label -> arm


def loss_curves(panels: Panels, runs: Live, recorded: Live) -> Figure:
    """Mini-batch loss against step, one panel a title, same axes; the band is the record's, for a new seed.

    ``panels`` maps title -> label -> arm. An arm absent from ``runs`` shows its recorded seeds
    instead, without a band. Losses above the axis (at the start) are cut off.
    """
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, len(panels), figsize=(4.6 * len(panels), 3.9), sharey=True, squeeze=False)
        for axis, (title, arms) in zip(axes[0], panels.items(), strict=True):
            ends = {}
            for (label, arm), colour in zip(arms.items(), COLOURS, strict=False):
                live = runs.get(arm, recorded.get(arm))
                _curve(axis, live, recorded.get(arm) if arm in runs else None, colour)
                finite = f"{live.finished.sum()}/{len(live.seeds)} finite"
                ends[f"{label}\n{finite}"] = (live["curve"][:, -5:].mean(), colour)
            steps = live["curve"].shape[1]
            axis.axhline(claims.CHANCE, color=INK, lw=0.8, ls=":")
            axis.set(title=title, xlabel="step", xlim=(0, steps * 1.42), ylim=(0, 3.2))
            axis.set_xticks(np.linspace(0, steps, 6 if steps > 30 else 4))
            axis.text(steps * 1.42, claims.CHANCE + 0.03, "chance", ha="right", va="bottom", fontsize=9)
            _label_ends(axis, steps * 1.03, ends)
        axes[0][0].set_ylabel("mini-batch loss, nats")
    plt.close(figure)  # the notebook shows what the cell returns, once
    return figure


def _curve(axis: Axes, live: Runs, record: Runs | None, colour) -> None:
    steps = np.arange(1, live["curve"].shape[1] + 1)
    if record is not None:
        low, high = claims.loss_band(claims.unseen(record, live)["curve"])
        axis.fill_between(steps, low, high, color=colour, alpha=0.13, lw=0)
    axis.plot(steps, live["curve"].T, color=colour, lw=0.5, alpha=0.45 if record is not None else 0.2)
    axis.plot(steps, live["curve"].mean(0), color=colour, lw=2)


def _label_ends(axis: Axes, x: float, ends: Mapping[str, tuple[float, object]], apart: float = 0.4) -> None:
    """Name each line at its end, in its colour, under the word "chance"; labels keep ``apart`` from each other."""
    ordered = sorted(ends.items(), key=lambda end: end[1][0])
    heights = [y for _, (y, _) in ordered]
    low, high = 0.13, claims.CHANCE - 0.18
    for i, y in enumerate(heights):  # upwards, so that none is too close to the one below
        heights[i] = max(y, low + i * apart, heights[i - 1] + apart if i else low)
    for i in reversed(range(len(heights))):  # and down again, so that none is above the line
        heights[i] = min(heights[i], high - (len(heights) - 1 - i) * apart)
    for (text, (_, colour)), y in zip(ordered, heights, strict=True):
        axis.text(x, y, text, color=colour, fontsize=8.5, va="center", weight="bold")


def loss_by_depth(depths: Sequence[int], runs: Live, recorded: Live) -> Figure:
    """Training loss with its 99% band for a new seed, and training beside test error, against depth."""
    with plt.rc_context(STYLE):
        figure, (left, right) = plt.subplots(1, 2, figsize=(9.2, 3.9))
        for rule in ("plain", "residual"):
            arms, colour = [f"{rule}-{depth}" for depth in depths], COLOUR_OF_RULE[rule]
            losses = [claims.training_loss(recorded[a]) for a in arms]
            _against_depth(left, depths, losses, colour)
            for depth, arm in zip(depths, arms, strict=True):
                low, high = claims.loss_band(claims.training_loss(claims.unseen(recorded[arm], runs.get(arm))))
                left.plot([depth, depth], [low, high], color=colour, lw=13, alpha=0.15, solid_capstyle="butt")
                if arm in runs:
                    y = claims.training_loss(runs[arm])
                    left.plot([depth * 1.05] * len(y), y, "o", mfc="none", color=colour, ms=5, mew=1)
            errors = [recorded[a]["train_error"] * 100 for a in arms]
            _against_depth(right, depths, errors, colour)
            tests = [recorded[a]["test_error_batch"].mean() * 100 for a in arms]
            right.plot(depths, tests, color=colour, ls="--", marker="s", ms=4, mfc=GROUND)
            _direct(left, depths[-1], losses[-1].mean(), rule, colour)
            _direct(right, depths[-1], errors[-1].mean(), rule, colour)
        left.set(title="Training loss (rings: this run)", ylabel="nats", ylim=(0, None))
        right.set(title="Error: training (solid), test (dashed)", ylabel="%", ylim=(0, 100))
        left.axhline(claims.CHANCE, color=INK, lw=0.8, ls=":")
        for axis in (left, right):
            axis.set(xscale="log", xlabel="layers", xlim=(7, 190))
            axis.set_xticks(depths, [str(d) for d in depths])
            axis.minorticks_off()
    plt.close(figure)
    return figure


def _against_depth(axis: Axes, depths: Sequence[int], values: list[np.ndarray], colour) -> None:
    for depth, seeds in zip(depths, values, strict=True):
        axis.plot([depth / 1.05] * len(seeds), seeds, ".", color=colour, ms=3, alpha=0.6)
    axis.plot(depths, [v.mean() for v in values], color=colour, lw=2, marker="o", ms=4)


def _direct(axis: Axes, x: float, y: float, text: str, colour) -> None:
    axis.annotate(text, (x, y), xytext=(9, 5), textcoords="offset points", color=colour, weight="bold", fontsize=10)


def final_losses(groups: Panels, runs: Live, recorded: Live) -> Figure:
    """Training loss at the end, one row an arm; see :func:`strips`."""
    says = "training loss, nats (dotted: what counts as trained; chance)"
    return strips(groups, runs, recorded, claims.training_loss, says, (claims.TRAINED, claims.CHANCE))


def strips(groups: Panels, runs: Live, recorded: Live, reading: Callable, says: str, marks: Sequence[float]) -> Figure:
    """A loss (S,), one row an arm: record (strokes, mean, 99% band for a new seed), this run (rings).

    ``groups`` maps title -> label -> arm; the groups share the axis, from 0 to beyond chance; dotted: ``marks``.
    """
    rows = [len(arms) for arms in groups.values()]
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            len(groups), 1, figsize=(7.4, 0.75 + 0.5 * sum(rows)), sharex=True, squeeze=False, height_ratios=rows
        )
        for axis, (title, arms) in zip(axes[:, 0], groups.items(), strict=True):
            for row, arm in enumerate(arms.values()):
                _strip(axis, row, arm, runs, recorded, reading)
            for height in marks:
                axis.axvline(height, color=INK, lw=0.8, ls=":")
            axis.set(title=title, yticks=range(len(arms)), yticklabels=list(arms), ylim=(len(arms) - 0.5, -0.5))
            axis.grid(axis="y", visible=False)
        axes[-1, 0].set(xlabel=says, xlim=(-0.05, 2.75))
    plt.close(figure)
    return figure


def _strip(axis: Axes, row: int, arm: str, runs: Live, recorded: Live, reading: Callable) -> None:
    (colour,) = _colours({arm: arm})
    if arm in recorded:
        values = reading(recorded[arm])
        low, high = claims.loss_band(reading(claims.unseen(recorded[arm], runs.get(arm))))
        axis.barh(row, high - low, left=low, height=0.55, color=colour, alpha=0.15, lw=0)
        axis.plot(values, [row - 0.12] * len(values), "|", color=colour, ms=7, alpha=0.7)
        axis.plot(values.mean(), row, "D", color=colour, ms=5)
    if arm in runs:
        yours = reading(runs[arm])
        axis.plot(yours, [row + 0.16] * len(yours), "o", mfc="none", color=colour, ms=6)


def signals(columns: Mapping[str, Mapping[str, str]], runs: Live) -> Figure:
    """Two rows: forward, std of each layer's response; backward, ||dE/dx_l|| over that at the last state.

    ``columns`` maps title -> label -> arm; rows share their (logarithmic) axes. One thin line a seed.
    """
    readings = "response_std", "state_gradient_norm"
    return _signals(
        {title: {k: [runs[arm][r] for r in readings] for k, arm in arms.items()} for title, arms in columns.items()}
    )


def signals_on_the_way(arms: Mapping[str, str], runs: Live) -> Figure:
    """As :func:`signals`, one column for each step that the arms (label -> arm) were watched at."""
    readings = "watched_response_std", "watched_gradient_norm"
    (steps,) = {runs[arm].spec.watch for arm in arms.values()}
    figure = _signals(
        {
            f"after {step} steps" if step else "before training": {
                label: [runs[arm][r][:, k] for r in readings] for label, arm in arms.items()
            }
            for k, step in enumerate(steps)
        }
    )
    above = figure.axes[0].yaxis
    above.set_major_locator(LogLocator(subs=(1, 2, 5)))
    above.set_minor_formatter(NullFormatter())
    _plain_numbers(above)
    return figure


def _signals(columns: Mapping[str, Mapping[str, Sequence[np.ndarray]]]) -> Figure:
    """Of each column and label, the responses (S, layers) above and the gradient norms (S, L + 1) below."""
    with plt.rc_context(STYLE):
        wide = max(2.3, 6.9 / len(columns))
        figure, axes = plt.subplots(2, len(columns), figsize=(wide * len(columns), 5.4), sharey="row", sharex="row")
        for column, (title, found) in zip(axes.T, columns.items(), strict=True):
            for label, (forward, norms) in found.items():
                rule, _, deep = label.partition(", ")
                colour, style = COLOUR_OF_RULE[rule], "--" if deep.startswith("20") else "-"
                width = 4 if label == "plain" else 1.8  # so that one line shows behind the other
                _profile(column[0], forward, label, (colour, style, width), first=1)
                _profile(column[1], norms / norms[:, -1:], label, (colour, style, width), first=0)
            column[0].set(title=title, yscale="log", xlabel="layer")
            column[1].set(yscale="log", xlabel="unit")
            column[1].axhline(1, color=INK, lw=0.8, ls=":")
        axes[0, 0].set_ylabel("forward: output std")
        axes[1, 0].set_ylabel("backward: gradient norm,\nrelative to the last unit")
        axes[0, 0].legend(frameon=False, fontsize=9, labelcolor="linecolor", loc="best")
    plt.close(figure)
    return figure


def _profile(axis: Axes, values: np.ndarray, label: str, look: tuple, first: int) -> None:
    where, (colour, style, width) = np.arange(first, values.shape[1] + first), look
    axis.plot(where, values.T, color=colour, lw=0.5, alpha=0.5, ls=style)
    axis.plot(
        where, np.exp(np.log(values).mean(0)), color=colour, lw=width, ls=style, label=f"{label} ({len(values)} seeds)"
    )


# --- Ratios of gradient norms -------------------------------------------------------------------

Reading = Callable[..., np.ndarray]
APART = 0.17  # decades between labels at the ends of lines (chosen by us)
RINGS = 16  # a profile of so many points or fewer gets a mark at each (chosen by us)


def block_ratios(panels: Panels, runs: Live, recorded: Live, reading: Reading, law: np.ndarray | None = None) -> Figure:
    """``reading`` (S, L) of each block against the block, one panel a title, same axes; dotted: a kept norm.

    ``panels`` maps title -> label -> arm; of a family of depths the deeper net is darker. Squares: blocks that
    halve the map. An arm absent from ``runs`` shows its recorded seeds. Dashed, in the first panel: the ``law`` (L,).
    """
    width = 4.6 if len(panels) < 3 else 3.6
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, len(panels), figsize=(width * len(panels), 3.9), sharey=True, squeeze=False)
        for axis, (title, arms) in zip(axes[0], panels.items(), strict=True):
            for (label, arm), colour in zip(arms.items(), _colours(arms), strict=True):
                shown = runs.get(arm, recorded.get(arm))
                values = reading(shown)
                blocks = np.arange(1, values.shape[1] + 1)
                _seeds_and_mean(axis, blocks, values, f"{label} ({len(values)} seeds)", colour)
                _recorded_band(axis, blocks, arm, runs, recorded, reading, colour)
                halving = shown.spec.net((1, 8, 8)).transitions
                axis.plot(blocks[halving], values.mean(0)[halving], "s", color=colour, ms=7, mfc=GROUND, mew=1.6)
            long = max(reading(runs.get(arm, recorded.get(arm))).shape[1] for arm in arms.values()) > 30
            axis.set(title=title, xlabel="block, from the input", xscale="log" if long else "linear")
            _plain_numbers(axis.xaxis)
            axis.axhline(1, color=INK, lw=0.8, ls=":")
            if law is not None and axis is axes[0][0]:
                axis.plot(np.arange(1, len(law) + 1), law, color=INK, lw=1.2, ls="--", label="the law")
            axis.legend(frameon=False, fontsize=8.5, labelcolor="linecolor", loc="upper right")
        axes[0][0].set_ylabel("ratio r of gradient norms,\nbefore the block over after it")
    plt.close(figure)
    return figure


def through_training(panels: Panels, runs: Live, recorded: Live, reading: Reading) -> Figure:
    """``reading`` (S, K) at the watched steps against the step, one panel a title, same axes, logarithmic.

    ``panels`` maps title -> label -> arm. An arm absent from ``runs`` shows its recorded seeds.
    """
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, len(panels), figsize=(4.6 * len(panels), 3.9), sharey=True, squeeze=False)
        for axis, (title, arms) in zip(axes[0], panels.items(), strict=True):
            ends = {}
            for (label, arm), colour in zip(arms.items(), _colours(arms), strict=True):
                shown = runs.get(arm, recorded.get(arm))
                values, steps = reading(shown), np.array(shown.spec.watch)
                _seeds_and_mean(axis, steps, values, label, colour)
                _recorded_band(axis, steps, arm, runs, recorded, reading, colour)
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
        _plain_numbers(axes[0][0].yaxis)
    plt.close(figure)
    return figure


def by_blocks(
    columns: Mapping[str, tuple[Reading, float | None]],
    kinds: Mapping[str, Mapping[int, str]],
    runs: Live,
    recorded: Live,
) -> Figure:
    """Each reading (S,) of ``columns`` against the number of blocks, one line a kind of net.

    ``kinds`` maps label -> number of blocks -> arm; ``columns`` title -> reading, and where its axis ends (None: a
    logarithmic axis). Dots: seeds of this run; bars: the 99% band for a new seed. In the first column, dashed:
    1 / sqrt(L) and log(2 L) / L, set to meet the first kind at its fewest blocks.
    """
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, len(columns), figsize=(3.5 * len(columns), 3.9), squeeze=False)
        for axis, (title, (reading, top)) in zip(axes[0], columns.items(), strict=True):
            for label, arms in kinds.items():
                (colour,) = _colours({label: next(iter(arms.values()))})
                values = {blocks: reading(runs.get(arm, recorded.get(arm))) for blocks, arm in arms.items()}
                for blocks, arm in arms.items():
                    y = values[blocks]
                    axis.plot([blocks * 1.06] * len(y), y, ".", color=colour, ms=4, alpha=0.7)
                    if arm in recorded:
                        low, high = claims.loss_band(reading(claims.unseen(recorded[arm], runs.get(arm))))
                        axis.plot([blocks] * 2, [low, high], color=colour, lw=9, alpha=0.2, solid_capstyle="butt")
                axis.plot(
                    list(values), [v.mean() for v in values.values()], color=colour, lw=2, marker="o", ms=4, label=label
                )
            axis.set(title=title, xscale="log", xlabel="blocks L")
            axis.set(yscale="log") if top is None else axis.set(ylim=(0, top))
            ticks = sorted({blocks for arms in kinds.values() for blocks in arms})
            axis.set_xticks(ticks, [str(t) for t in ticks])
            axis.xaxis.minorticks_off()
        _references(axes[0][0], next(iter(columns.values()))[0], next(iter(kinds.values())), recorded | runs)
        axes[0][-1].legend(frameon=False, fontsize=8.5, labelcolor="linecolor", loc="best")
    plt.close(figure)
    return figure


def _references(axis: Axes, reading: Reading, arms: Mapping[int, str], runs: Live) -> None:
    blocks = np.array(sorted(arms))
    first = reading(runs[arms[blocks[0]]]).mean()
    curves = {"1/√L": (blocks**-0.5, (0, 6), "left"), "log(2L)/L": (np.log(2 * blocks) / blocks, (-6, -10), "right")}
    for name, (curve, offset, side) in curves.items():
        y = first * curve / curve[0]
        axis.plot(blocks, y, color=INK, lw=1, ls="--")
        axis.annotate(name, (blocks[-2], y[-2]), xytext=offset, textcoords="offset points", ha=side, fontsize=8.5)


def nets(columns: Mapping[str, tuple[Reading, str]], rows: Mapping[str, str], runs: Live, recorded: Live) -> Figure:
    """One row a net, one column a reading (S,): recorded seeds (strokes) and their mean, this run (rings).

    ``rows`` maps label -> arm; ``columns`` title -> reading and what is added to the name of the arm that it is read
    off.
    """
    with plt.rc_context(STYLE):
        size = (3.3 * len(columns) + 1.2, 0.9 + 0.36 * len(rows))
        figure, axes = plt.subplots(1, len(columns), figsize=size, sharey=True, squeeze=False)
        for axis, (title, (reading, suffix)) in zip(axes[0], columns.items(), strict=True):
            for row, arm in enumerate(rows.values()):
                colour = COLOURS[0] if claims.training_loss(recorded[arm]).mean() < claims.TRAINED else COLOURS[3]
                values = reading(recorded[arm + suffix])
                axis.plot(values, [row - 0.14] * len(values), "|", color=colour, ms=7, alpha=0.7)
                axis.plot(values.mean(), row, "D", color=colour, ms=5)
                if arm + suffix in runs:
                    yours = reading(runs[arm + suffix])
                    axis.plot(yours, [row + 0.18] * len(yours), "o", mfc="none", color=colour, ms=5)
            axis.set(title=title, ylim=(len(rows) - 0.5, -0.5))
            axis.grid(axis="y", visible=False)
        axes[0][0].set_yticks(range(len(rows)), list(rows))
    plt.close(figure)
    return figure


# --- Laws of depth, and who trains --------------------------------------------------------------

Law = Callable[[np.ndarray], np.ndarray]


def profiles(
    columns: Mapping[str, tuple[Reading, Mapping[str, Law]]],
    arms: Mapping[str, str],
    runs: Live,
    recorded: Live,
    linear: Sequence[str] = (),
    blocks: int | None = None,
) -> Figure:
    """Each reading (S, L or L + 1) of ``columns`` block by block, one line an arm; dashed: laws, functions of l.

    ``columns`` maps title -> reading and label -> law; ``arms`` label -> arm. Logarithmic axes, but for the ordinate of
    the columns named in ``linear``; only the first so many ``blocks``, if it says. Bands: 99% for a new seed, behind
    arms that ran live.
    """
    with plt.rc_context(STYLE):
        rows = -(-len(columns) // 2)  # two panels a row, so that their text is legible on a page
        across = min(len(columns), 2)
        figure, axes = plt.subplots(rows, across, figsize=(4.3 * across, 3.5 * rows), squeeze=False)
        for axis, (title, (reading, laws)) in zip(axes.flat, columns.items(), strict=True):
            for (label, arm), colour in zip(arms.items(), _colours(arms), strict=True):
                where, values = _by_block(runs.get(arm, recorded.get(arm)), reading, blocks)
                _seeds_and_mean(axis, where, values, label if axis is axes.flat[0] else None, colour)
                _recorded_band(
                    axis, where, arm, runs, recorded, lambda shown, f=reading: _by_block(shown, f, blocks)[1], colour
                )
            longest = max(len(line.get_xdata()) for line in axis.lines)
            for name, law in laws.items():
                where = np.arange(1, longest + 1)
                axis.plot(where, law(where) * np.ones(longest), color=INK, lw=1.3, ls="--", label=name)
            scale = "linear" if title in linear else "log"
            axis.set(title=title, xlabel="block l, from the input", xscale="log", yscale=scale)
            _plain_numbers(axis.xaxis)
            axis.legend(frameon=False, fontsize=8.5, labelcolor="linecolor", loc="best")
    plt.close(figure)
    return figure


def _by_block(runs: Runs, reading: Reading, first: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the ``first`` blocks, from 1, and the reading at each; a state before the first block is left out."""
    values, where = reading(runs), np.arange(1, len(runs.spec.net((1, 8, 8)).units) + 1)
    return where[:first], values[:, -len(where) :][:, :first]


def losses_against(
    what: str,
    panels: Mapping[str, Mapping[str, Mapping[float, str]]],
    runs: Live,
    recorded: Live,
    between: tuple[float, float] = (0.004, 6),
    legend: str = "lower right",
) -> Figure:
    """Training loss at the end against a number, one panel a title, same axes; dotted: chance, and "trained".

    As :func:`against`; the ordinate, in nats, lies ``between``. A diverged seed is at chance.
    """
    marks = {"chance": claims.CHANCE, "trained": claims.TRAINED}
    reading = claims.training_loss
    return against(what, panels, runs, recorded, reading, "training loss, nats", marks, between, legend)


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
) -> Figure:
    """``reading`` (S,), which ``says`` what it is, against a number, one panel a title, same axes, logarithmic.

    ``panels`` maps title -> label -> number -> arm; ``what`` names the number; dotted: the named ``marks``. Dots:
    recorded seeds; rings: this run.
    """
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, len(panels), figsize=(3.4 * len(panels), 3.9), sharey=True, squeeze=False)
        for axis, (title, lines) in zip(axes[0], panels.items(), strict=True):
            colours = _colours({label: next(iter(arms.values())) for label, arms in lines.items()})
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
            _plain_numbers(axis.xaxis)
            _plain_numbers(axis.yaxis)
            axis.legend(frameon=False, fontsize=8.5, labelcolor="linecolor", loc=legend)
        axes[0][0].set_ylabel(says)
    plt.close(figure)
    return figure


def clouds(
    panels: Mapping[str, tuple[Reading, Mapping[str, Sequence[str]]]],
    height: Reading,
    says: str,
    runs: Live,
    same: bool = False,
) -> Figure:
    """One dot a run: ``height`` (S,), which ``says`` what it is, against another reading (S,), two panels a row.

    ``panels`` maps the name of that reading -> it, and label -> arms whose runs are one cloud, with its mean (a cross);
    ``same``: all readings on the same axis.
    """
    with plt.rc_context(STYLE):
        rows = -(-len(panels) // 2)
        size = 8.6, 3.6 * rows
        figure, axes = plt.subplots(rows, 2, figsize=size, sharex=same, sharey=True, squeeze=False)
        for axis, (name, (across, groups)) in zip(axes.flat, panels.items(), strict=True):
            colours = _colours({label: arms[0] for label, arms in groups.items()})
            for (label, arms), colour in zip(groups.items(), colours, strict=True):
                x, y = (np.concatenate([reading(runs[arm]) for arm in arms]) for reading in (across, height))
                axis.plot(x, y, ".", color=colour, ms=4, alpha=0.5)
                axis.plot(x.mean(), y.mean(), "P", color=colour, mec=GROUND, ms=9, label=label)
            axis.set(xlabel=name)
        for axis in axes[:, 0]:
            axis.set(ylabel=says)
        if len(groups) > 1:
            axes[0, 0].legend(frameon=False, fontsize=8.5, labelcolor="linecolor", loc="lower right")
    plt.close(figure)
    return figure


def counts(
    panels: Mapping[str, tuple[Reading, Mapping[str, Sequence[str]]]], columns: Sequence[str], runs: Live
) -> Figure:
    """Whole numbers as tables; ``panels`` maps title -> reading (S,), and row -> the arms of the ``columns``.

    Where the seeds differ, from the least to the most. The darker, the more.
    """
    with plt.rc_context(STYLE):
        heights = [len(rows) for _, rows in panels.values()]
        figure, axes = plt.subplots(
            len(panels), 1, figsize=(7.2, 0.5 * sum(heights) + 1.1 * len(panels)), height_ratios=heights, squeeze=False
        )
        for axis, (title, (reading, rows)) in zip(axes[:, 0], panels.items(), strict=True):
            found = [[reading(runs[arm]) for arm in arms] for arms in rows.values()]
            means = np.array([[values.mean() for values in row] for row in found])
            most = max(8.0, means.max())
            axis.imshow(means, cmap="Blues", vmin=0, vmax=most, aspect="auto")
            for i, row in enumerate(found):
                for j, values in enumerate(row):
                    low, high = int(values.min()), int(values.max())
                    text = f"{low}" if low == high else f"{low} to {high}"
                    ink = GROUND if means[i, j] > 0.6 * most else INK
                    axis.text(j, i, text, ha="center", va="center", color=ink, weight="bold" if high else "normal")
            seeds = len(found[0][0])
            axis.set(title=f"{title} ({seeds} seeds)", xticks=range(len(columns)), yticks=range(len(rows)))
            axis.set_xticklabels(columns)
            axis.set_yticklabels(rows)
            axis.grid(False)
            axis.tick_params(length=0)
    plt.close(figure)
    return figure


Plane = Callable[[str, str], tuple[np.ndarray, np.ndarray]]


def planes(plane: Plane, points: Sequence[str], nets: Sequence[str], grid: np.ndarray) -> Figure:
    """The loss on a plane around each singular point, as contours; arrows lead downhill, all of one length.

    ``plane`` makes, of a point and a net, the loss (G, G) on the ``grid`` (G,) of both axes and downhill (G, G, 2).
    """
    every = slice(2, None, 4)
    with plt.rc_context(STYLE):
        size = (3.0 * len(points), 2.9 * len(nets))
        figure, axes = plt.subplots(len(nets), len(points), figsize=size, sharex=True, sharey=True, squeeze=False)
        for row, net in zip(axes, nets, strict=True):
            for axis, point in zip(row, points, strict=True):
                loss, downhill = plane(point, net)
                axis.contour(grid, grid, np.log(loss.T), levels=14, cmap="viridis", linewidths=0.9)
                steep = np.linalg.norm(downhill, axis=2, keepdims=True)
                arrows = (downhill / np.maximum(steep, 1e-12))[every, every].transpose(1, 0, 2)
                axis.quiver(grid[every], grid[every], arrows[..., 0], arrows[..., 1], color=INK, width=0.006, scale=14)
                middle = len(grid) // 2
                if steep[middle, middle] < 1e-9:
                    axis.plot(0, 0, "o", color=COLOURS[3], ms=9)
                else:
                    to = 0.55 * downhill[middle, middle] / steep[middle, middle]
                    axis.annotate("", to, (0, 0), arrowprops={"arrowstyle": "-|>", "color": COLOURS[3], "lw": 3})
                axis.set(title=f"{point}, {net}", aspect="equal")
                axis.grid(False)
        figure.supxlabel("weights in: away from the point", fontsize=11)
        figure.supylabel("weight out: away from the point", fontsize=11)
    plt.close(figure)
    return figure


def paths(panels: Mapping[str, Sequence[str]], runs: Live) -> Figure:
    """Loss against distance from a singular point, step by step, one panel a title -> arms, same axes, logarithmic.

    One thin line a seed, the darker the nearer it starts; a ring every 50 steps on the first seed's.
    """
    with plt.rc_context(STYLE):
        size = (3.4 * len(panels), 3.7)
        figure, axes = plt.subplots(1, len(panels), figsize=size, sharex=True, sharey=True, squeeze=False)
        for axis, (title, arms) in zip(axes[0], panels.items(), strict=True):
            for arm, colour in zip(arms, sns.color_palette("crest", len(arms)), strict=True):
                distance, loss = runs[arm]["distance"], runs[arm]["curve"]
                if loss.shape != distance.shape:  # from a compact record
                    distance = distance[:, store.kept_steps(distance.shape[1])]
                axis.plot(distance.T, loss.T, color=colour, lw=0.4, alpha=0.45)
                axis.plot(distance[0], loss[0], color=colour, lw=1.8)
                axis.plot(distance[0, ::50], loss[0, ::50], "o", mfc="none", color=colour, ms=4)
            axis.set(title=title, xscale="log", yscale="log", ylim=(1e-4, None), xlabel="distance from the point")
        axes[0][0].set_ylabel("loss, half squared units")
    plt.close(figure)
    return figure


def shares(
    panels: Mapping[str, str], kinds: Sequence[str], reading: Callable, runs: Live, recorded: Live, marks: Sequence[str]
) -> Figure:
    """A share of eigenvalues at each step of the spectra, one panel a title -> name of it, same axes.

    ``reading`` takes runs and that name, (S, K); ``kinds`` are arms; ``marks`` name the K steps, evenly spaced.
    Lines, and 99% bands for a new seed: the record; rings: this run.
    """
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, len(panels), figsize=(4.6 * len(panels), 3.9), sharey=True, squeeze=False)
        colours = _colours({kind: kind for kind in kinds})
        for axis, (title, name) in zip(axes[0], panels.items(), strict=True):
            where = np.arange(len(marks))
            for kind, colour in zip(kinds, colours, strict=True):
                values = reading(recorded[kind], name)
                low, high = claims.prediction_band(values)
                axis.fill_between(where, np.maximum(low, 0), np.minimum(high, 1), color=colour, alpha=0.1, lw=0)
                _seeds_and_mean(axis, where, values, kind, colour)
                if kind in runs:
                    axis.plot(where, reading(runs[kind], name).T, "o", mfc="none", color=colour, ms=6)
            axis.set(title=title, xlabel="step", xticks=where, ylim=(0, 1))
            axis.set_xticklabels(marks)
        axes[0][0].set_ylabel("share of degenerate eigenvalues")
        axes[0][0].legend(frameon=False, fontsize=8.5, labelcolor="linecolor", loc="lower left")
    plt.close(figure)
    return figure


def thresholds(panels: Mapping[str, str], kinds: Sequence[str], step: int, limit: float, recorded: Live) -> Figure:
    """Share of eigenvalues nearer to 0 than a threshold, against it, at the ``step``-th reading; dotted: the ``limit``.

    One panel a title -> name of the reading (S, K, E), same axes; ``kinds`` are arms.
    """
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, len(panels), figsize=(4.6 * len(panels), 3.9), sharey=True, squeeze=False)
        colours = _colours({kind: kind for kind in kinds})
        for axis, (title, name) in zip(axes[0], panels.items(), strict=True):
            for kind, colour in zip(kinds, colours, strict=True):
                values = recorded[kind][name][:, step]
                axis.plot(THRESHOLDS, values.T, color=colour, lw=0.5, alpha=0.4)
                axis.plot(THRESHOLDS, values.mean(0), color=colour, lw=2, label=kind)
            axis.axvline(limit, color=INK, lw=0.8, ls=":")
            axis.set(title=title, xlabel="threshold, of the largest", xscale="log", ylim=(0, 1))
            axis.invert_xaxis()
        axes[0][0].set_ylabel("share nearer to 0")
        axes[0][-1].legend(frameon=False, fontsize=8.5, labelcolor="linecolor", loc="best")
    plt.close(figure)
    return figure


def ranks(panels: Mapping[str, Mapping[str, np.ndarray]]) -> Figure:
    """Eigenvalues by falling size, over the largest, against their rank, one panel a title -> label -> values (n,)."""
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, len(panels), figsize=(4.6 * len(panels), 3.7), sharey=True, squeeze=False)
        for axis, (title, lines) in zip(axes[0], panels.items(), strict=True):
            for (label, values), colour in zip(lines.items(), _colours({k: k for k in lines}), strict=True):
                axis.plot(np.arange(1, len(values) + 1), np.abs(values) / np.abs(values[0]), color=colour, label=label)
            axis.set(title=title, xlabel="rank", xscale="log", yscale="log")
            _plain_numbers(axis.xaxis)
        axes[0][0].set_ylabel("size of the eigenvalue,\nof the largest")
        axes[0][0].legend(frameon=False, fontsize=8.5, labelcolor="linecolor", loc="lower left")
    plt.close(figure)
    return figure


def equality(curves: Mapping[str, str], pairs: Mapping[str, tuple[str, str]], runs: Live, says: str) -> Figure:
    """Left, losses up to 4 nats; right, |difference| of each pair of arms, on a logarithmic axis; one thin line a seed.

    ``curves`` maps label -> arm, three at most; ``pairs`` label -> two arms, whose difference ``says`` what it is.
    """
    with plt.rc_context(STYLE):
        figure, (left, right) = plt.subplots(1, 2, figsize=(9.2, 3.9))
        for i, ((label, arm), colour) in enumerate(zip(curves.items(), _colours(curves), strict=True)):
            curve = runs[arm]["curve"]
            left.plot(curve.T, color=colour, lw=0.4, alpha=0.3)
            left.plot(curve.mean(0), color=colour, lw=4 - 1.5 * i, ls=("-", "--", ":")[i], label=label)
        for i, (label, (first, second)) in enumerate(pairs.items()):
            (colour,) = _colours({label: second})
            apart = np.abs(runs[first]["curve"] - runs[second]["curve"])
            apart = np.maximum(apart, np.finfo(np.float64).eps)
            right.plot(apart.T, color=colour, lw=0.5, alpha=0.4)
            right.plot(np.exp(np.log(apart).mean(0)), color=colour, lw=2 if i else 5, label=label)
        left.set(title="Loss, mean over seeds", xlabel="step", ylabel="mini-batch loss, nats", ylim=(0, 4))
        right.set(title=says, xlabel="step", ylabel="nats", yscale="log")
        for axis in (left, right):
            axis.legend(frameon=False, fontsize=8.5, labelcolor="linecolor", loc="best")
    plt.close(figure)
    return figure


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
    with plt.rc_context({**STYLE, "axes.grid": False}):
        size = (8, 0.3 * len(lines) + 0.9)
        figure, (left, right) = plt.subplots(1, 2, figsize=size, sharey=True, width_ratios=(1.4, 1))
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
            losses, finite = claims.training_loss(net.runs), net.runs.finished
            right.axhline(y, color="#e4e1d8", lw=0.8, zorder=0)
            right.plot(losses[finite], np.full(finite.sum(), y), "o", ms=5, color=colour, alpha=0.45, mew=0)
            right.plot(losses[~finite], np.full((~finite).sum(), y), "x", ms=5, color=colour, mew=1.2)
            right.plot(losses.mean(), y, "D", ms=6, color=colour, mec=GROUND, mew=0.8)
        for x, column in enumerate((*columns, "near the\nidentity")):
            left.text(_mark(x), -0.75, column, ha="center", va="bottom", fontsize=9)
        for x, says in ((claims.TRAINED, "trained"), (claims.CHANCE, "chance")):
            right.axvline(x, color=INK, lw=0.8, ls=":")
            right.text(x, -0.75, says, ha="center", va="bottom", fontsize=9)
        left.set(xlim=(0, 1), ylim=(len(lines) - 0.4, -1))
        left.axis("off")
        right.set(xlim=(-0.05, 2.75), xlabel="training loss at the end, nats")
        right.spines["left"].set_visible(False)
        right.tick_params(left=False, labelleft=False)
    plt.close(figure)
    return figure


def _mark(column: int) -> float:
    return 0.72 + 0.11 * column


def _colours(arms: Mapping[str, str]) -> list:
    """The colour of each arm's kind; shades of it where they are one kind at several depths."""
    kinds = [
        max((kind for kind in COLOUR_OF_KIND if arm.startswith(kind)), key=len, default="plain")
        for arm in arms.values()
    ]
    if len(set(kinds)) == 1 and len(arms) > 1:
        shades = sns.light_palette(COLOUR_OF_KIND[kinds[0]], n_colors=100)
        return [shades[i] for i in np.linspace(38, 99, len(arms)).astype(int)]
    return [COLOUR_OF_KIND[kind] for kind in kinds]


def _seeds_and_mean(axis: Axes, x: np.ndarray, values: np.ndarray, label: str, colour) -> None:
    axis.plot(x, values.T, color=colour, lw=0.5, alpha=0.4)
    axis.plot(x, values.mean(0), color=colour, lw=2, label=label, marker="o" if len(x) <= RINGS else "", ms=3.5)


def _recorded_band(axis: Axes, x, arm: str, runs: Live, recorded: Live, reading: Reading, colour) -> None:
    """The 99% band for a new seed, behind an arm that ran live."""
    if arm in runs and arm in recorded:
        low, high = claims.loss_band(reading(claims.unseen(recorded[arm], runs[arm])))
        axis.fill_between(x, low, high, color=colour, alpha=0.13, lw=0)


def _plain_numbers(axis) -> None:
    """0.1 instead of a power of ten."""
    axis.set_major_formatter(lambda value, _: f"{value:g}")
