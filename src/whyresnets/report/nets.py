"""Nets as tables: their losses, rates, and what running them took."""

from collections.abc import Iterable, Mapping

import numpy as np

from whyresnets.chapter import Chapter
from whyresnets.claims.quantities import TRAINED, training_loss
from whyresnets.claims.verdicts import unseen
from whyresnets.report.table import Table
from whyresnets.report.verdicts import NOT_RUN
from whyresnets.stats import loss_band, wilson_interval
from whyresnets.store import records
from whyresnets.store.provenance import hardware, versions
from whyresnets.training.runs import Runs


def both_modes(runs: Mapping[str, Runs], arms: Iterable[str], bar: float = TRAINED) -> Table:
    """Of each arm: how many seeds end below ``bar`` nats, mean loss with batch statistics, median with running ones.

    And mean errors.
    """
    rows = []
    for arm in arms:
        one = runs[arm]
        below = int((training_loss(one) < bar).sum())
        share = wilson_interval(below, len(one.seeds))
        train, test = (f"{100 * np.mean(one[name]):.0f}%" for name in ("train_error", "test_error_batch"))
        losses = (*_mean_losses(one, "train_loss"), f"{float(np.median(one['eval_loss'])):.3f}")
        fraction = f"{below} of {share.n} [{share.low:.2f}, {share.high:.2f}]"
        rows.append((arm, fraction, *losses, train, test))
    trained = f"seeds below {bar:g} nats [Wilson 95%]"
    return Table(("arm", trained, "mean loss, batch", "median loss, running", "training error", "test error"), rows)


def probes(chapter: Chapter, runs: Mapping[str, Runs]) -> Table:
    """One live seed of each probed arm against the 99% band of the record for a new seed, in nats."""
    recorded, rows = chapter.recorded(), []
    for arm in chapter.probes:
        yours = float(runs[arm]["train_loss"][0])
        low, high = loss_band(training_loss(unseen(recorded[arm], runs[arm])))
        word = "inside" if low <= yours <= high else "diverged" if not runs[arm].finished[0] else "outside"
        rows.append((arm, f"{yours:.3g}", f"{low:.3g} to {high:.3g}", word))
    return Table(("arm, one seed", "your training loss, nats", "99% band of the record", "yours is"), rows)


def run_time(runs: Mapping[str, Runs]) -> Table:
    """Core-seconds, seeds, hardware and versions of a live run, from the run itself."""
    seconds = sum(float(np.sum(r["seconds"])) for r in runs.values())
    count = sum(len(r.seeds) for r in runs.values())
    unfinished = sum(int((~r.finished).sum()) for r in runs.values())
    software = ", ".join(f"{name} {version}" for name, version in versions().items())
    rows = [
        ("training runs", f"{count}, of which {unfinished} diverged"),
        ("time", f"{seconds:.0f} core-seconds"),
        ("hardware", hardware()),
        ("versions", software),
    ]
    return Table(("this run", ""), rows)


def pace(runs: Mapping[str, Runs], arms: Iterable[str]) -> Table:
    """Seeds a core-minute of each of ``arms``, from its seconds; spectra: of both matrices, at each reading."""
    rows = []
    for arm in arms:
        spec, seconds = runs[arm].spec, float(np.mean(runs[arm]["seconds"]))
        spectra = f"{2 * len(spec.readings.spectra)}" if spec.readings.spectra else "none"
        rows.append((arm, str(spec.optimiser.steps), spectra, str(len(runs[arm].seeds)), f"{60 / seconds:,.0f}"))
    return Table(("arm", "steps", "spectra", "seeds", "seeds a core-minute"), rows)


def best_rates(chapter: Chapter, scale: str = "laptop") -> Table:
    """The learning-rate grid of each arm: mean outcome of the chapter, in nats, at each rate; the best is bold."""
    record = records.record(chapter.grid_record(scale))
    if record is None:
        return Table(("arm",), [(NOT_RUN,)])
    grids = chapter.grids(scale)
    rates = sorted({spec.optimiser.rate for specs in grids.values() for spec in specs})
    rows = []
    for arm, specs in grids.items():
        found = {spec.optimiser.rate: record.runs(spec, 10000) for spec in specs}
        loss = {rate: float(np.mean(chapter.tuned_by(runs))) for rate, runs in found.items() if runs}
        best = min(loss, key=lambda rate: loss[rate])
        cells = [f"**{loss[r]:.2f}**" if r == best else f"{loss[r]:.2f}" if r in loss else "" for r in rates]
        rows.append((arm, *cells))
    seeds = sorted({len(about["seeds"]) for about in record.about.values()})
    note = f"Mean losses in nats, over {' to '.join(map(str, seeds[:: len(seeds) - 1 or 1]))} tuning seeds."
    return Table(("arm", *(f"{rate:g}" for rate in rates)), rows, note)


def _mean_losses(runs: Runs, *names: str) -> list[str]:
    return [f"{float(np.mean(runs[name])):.3f}" for name in names]
