"""CIFAR-10, the data of the paper: a public log of the whole training beside what this book has run of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from whyresnets.chapter import Chapter
from whyresnets.chapters.degradation.ten_epochs import EPOCH, EPOCHS
from whyresnets.report import NOT_RUN, Table
from whyresnets.training.runs import Runs

NETS = ("plain-20", "plain-56", "residual-20", "residual-56")
HEAD = ("training error, %", "plain, 20 layers", "56", "rise", "residual, 20 layers", "56", "rise")


@dataclass(frozen=True)
class PublicLog:
    """A training log that somebody else published; one run a net.

    Attributes
    ----------
    source : where it stands
    read : when we read it
    protocol : how the nets were trained, and what is not as in He et al. 2015, section 4.2
    errors : epoch -> training error in percent of the four nets of :data:`NETS`, evaluation mode
    """

    source: str
    read: str
    protocol: str
    errors: Mapping[int, tuple[float, float, float, float]]


LOG = PublicLog(
    source="github.com/a-martyn/resnet, commit bdbeaee, results/*.csv",
    read="November 2026",
    protocol="He et al.'s nets at full width, batches of 128, rate 0.1, a tenth of it from epochs 82 and 123 on",
    errors={
        1: (61.6, 89.3, 63.9, 71.4),
        10: (22.1, 65.1, 23.0, 22.4),
        81: (11.7, 18.4, 9.0, 7.8),
        164: (0.74, 3.33, 0.40, 0.04),
    },
)


def on_cifar10(chapter: Chapter) -> Table:
    """Training error by epoch of plain and residual nets of 20 and 56 layers, and how far it rises with depth.

    The log first, then ours at paper width, then ours at half the width after an epoch: each as far as it is recorded.
    """
    paper, small = chapter.recorded("paper"), chapter.recorded("workstation")
    rows = [_row(f"public log, epoch {epoch}", errors) for epoch, errors in LOG.errors.items()]
    missing = []
    for epoch in (1, EPOCHS):
        runs = [paper.get(f"{net}, {EPOCHS} epochs") for net in NETS]
        if any(one is not None for one in runs):
            says = f"ours, epoch {epoch} of {EPOCHS}{_seeds(runs)}"
            rows.append(_row(says, [_followed(one, epoch) for one in runs]))
        else:
            missing.append(f"epoch {epoch} of {EPOCHS}")
    ends = [small.get(net) for net in NETS]
    if any(one is not None for one in ends):
        rows.append(_row(f"ours, half the width, 1 epoch{_seeds(ends)}", [_at_end(one) for one in ends]))
    log = f"Public log: {LOG.source} (read in {LOG.read}); {LOG.protocol}; one run a net."
    note = f"{log} Errors are with BN's running averages."
    return Table(HEAD, rows, f"{note} Ours at full width is {NOT_RUN}: {', '.join(missing)}." if missing else note)


def _row(says: str, errors: Sequence[float | None]) -> tuple[str, ...]:
    if None in errors:
        return says, *(NOT_RUN if error is None else _shown(error) for error in errors[:2]), "", *(
            NOT_RUN if error is None else _shown(error) for error in errors[2:]
        ), ""  # fmt: skip
    plain, deep_plain, residual, deep_residual = (error for error in errors if error is not None)
    rises = deep_plain - plain, deep_residual - residual
    return (
        says,
        *(_shown(plain), _shown(deep_plain), f"**{rises[0]:+.1f}**"),
        *(_shown(residual), _shown(deep_residual), f"**{rises[1]:+.1f}**"),
    )


def _shown(error: float) -> str:
    return f"{error:.1f}" if error >= 1 else f"{error:.2f}"


def _seeds(runs: Sequence[Runs | None]) -> str:
    found = [len(one.seeds) for one in runs if one is not None]
    return f" ({min(found)} seed{'s' if min(found) > 1 else ''})" if found else ""


def _followed(runs: Runs | None, epoch: int) -> float | None:
    """Mean training error in percent after so many epochs, evaluation mode, of a net that was followed."""
    if runs is None:
        return None
    (at,) = np.flatnonzero(np.array(runs.spec.readings.follow) == epoch * EPOCH)
    return 100 * float(runs["followed_eval_error"][:, at].mean())


def _at_end(runs: Runs | None) -> float | None:
    return None if runs is None else 100 * float(runs["eval_error"].mean())
