"""Records and scales as tables: where the verdicts come from, and what they are on other data."""

from collections.abc import Mapping, Sequence

import numpy as np

from whyresnets.chapter import Chapter
from whyresnets.claims.quantities import training_loss
from whyresnets.claims.verdicts import Claim, Verdict
from whyresnets.report.rows import agreement, shown
from whyresnets.report.table import Table
from whyresnets.report.verdicts import NOT_RUN, live_rows, word
from whyresnets.store import records as shipped
from whyresnets.store.provenance import hardware, versions
from whyresnets.training.runs import Runs

NOT_PLANNED = "not planned"


def at_scales(chapter: Chapter) -> Table:
    """Effect, verdict and seeds of each claim that is planned at a larger scale; what has no record is not run yet."""
    scales = ("laptop", *chapter.larger)
    rows, notes = [], []
    planned = {claim.id for scale in chapter.larger for claim in chapter.claims_at(scale)}
    for claim in [claim for claim in chapter.claims if claim.id in planned]:
        cells = []
        for scale in scales:
            there = {c.id: c for c in chapter.claims_at(scale)}.get(claim.id)
            verdict = there and chapter.printed(claim, scale)
            cells.append(_effect_and_word(verdict) if verdict else NOT_RUN if there else NOT_PLANNED)
            if verdict and there and (other := _other_thresholds(claim, there)):
                notes.append(f"{claim.id} at {scale} scale: {other}.")
        rows.append((claim.id, str(claim.conditions[0]), *cells))
    if others := [claim.id for claim in chapter.claims if claim.id not in planned]:
        notes.append(f"Not planned at larger scales: {', '.join(others)}.")
    return Table(("claim", "predicted on a laptop", *scales), rows, "\n\n".join(notes))


def _effect_and_word(verdict: Verdict) -> str:
    return f"{shown(verdict.effect)}, {word(verdict)} ({verdict.n} seeds)"


def _other_thresholds(usual: Claim, there: Claim) -> str:
    """What a claim predicts, and which losses count as trained, where either is not as usual."""
    said = [str(condition) for condition in there.conditions if condition not in usual.conditions]
    bars = {bound for arm, bound in there.trains if (arm, bound) not in usual.trains}
    said += [f"nets that must train end below {bar:g} nats" for bar in sorted(bars)]
    return "; ".join(said)


def beside_published(chapter: Chapter) -> Table:
    """Each published test error, ours at every larger scale, and below what differs in the protocol of what was run."""
    recorded = {scale: chapter.recorded(scale) for scale in chapter.larger}
    rows: list[list[str]] = []
    differ: dict[str, list[str]] = {}
    for known in chapter.published:
        rows.append([known.says, f"{known.error} ({known.source})"])
        for scale, arms in recorded.items():
            rows[-1].append(_errors(arms[known.arm]) if known.arm in arms else NOT_RUN)
            if known.arm in arms:
                fields = "; ".join(known.differs(arms[known.arm].spec))
                differ.setdefault(f"Ours at {scale} scale: {fields}", []).append(known.says)
    notes = [f"{fields} ({', '.join(nets)})." for fields, nets in differ.items()]
    return Table(("net", "published test error, %", *(f"ours, {s}" for s in recorded)), rows, "\n\n".join(notes))


def _errors(runs: Runs) -> str:
    """Test error with running statistics, in percent, and training loss, in nats; a diverged seed scores chance."""
    errors, losses = np.where(runs.finished, 100 * runs["test_error"], 90.0), training_loss(runs)
    spread = f"{errors.mean():.1f} ({errors.min():.1f} to {errors.max():.1f}, {len(errors)} seeds)"
    return f"{spread}; training loss {losses.mean():.2f}"


def provenance(chapter: Chapter, scale: str = "laptop") -> Table:
    """Where the printed verdicts come from: runs, seeds, date, hardware, versions of the record."""
    record = shipped.record(f"{chapter.name}-{scale}")
    if record is None:
        return Table((f"record at {scale} scale", ""), [("", NOT_RUN)])
    about = list(record.about.values())
    shown = {key: sorted({str(a[key]) for a in about}) for key in ("date", "hardware")}
    versions = sorted({", ".join(f"{n} {v}" for n, v in a["versions"].items()) for a in about})
    rows = [
        ("training runs", str(sum(len(a["seeds"]) for a in about))),
        ("date", ", ".join(shown["date"])),
        ("hardware", "; ".join(shown["hardware"])),
        ("versions", "; ".join(versions)),
        ("code", _code(record)),
    ]
    return Table((f"record at {scale} scale", ""), rows)


def records(chapters: Sequence[Chapter]) -> Table:
    """Every record that ships with the book: runs, cost in core-hours, dates, hardware, versions."""
    rows, missing = [], []
    for name, chapter, scale in [(f"{c.name}-{s}", c, s) for c in chapters for s in ("laptop", *c.larger)]:
        record = shipped.record(name)
        if record is None:
            missing.append(name)
            continue
        runs = {(r.spec, r.seeds): r for seed in (0, 1000) for r in chapter.recorded(scale, seed).values()}.values()
        hours = sum(float(r["seconds"].sum()) for r in runs) / 3600  # each run once: arms may share a Spec
        about = {key: sorted({str(a[key]) for a in record.about.values()}) for key in ("date", "hardware")}
        torch = sorted({a["versions"]["torch"] for a in record.about.values()})
        cost = (f"{sum(len(r.seeds) for r in runs):,}", f"{hours:.1f}")
        rows.append((name, *cost, ", ".join(about["date"]), "; ".join(about["hardware"]), ", ".join(torch)))
    head = ("record", "runs", "core-hours", "date", "hardware", "torch")
    return Table(head, rows, f"Planned and not run yet: {', '.join(missing)}." if missing else "")


def live_runs(live: Sequence[tuple[Chapter, Mapping[str, Runs]]]) -> Table:
    """Each chapter's live run: its cost here and in the record, its verdicts and bands; whether all agree."""
    lines, all_rows = [], []
    for chapter, runs in live:
        rows, recorded = live_rows(chapter, runs), chapter.recorded()
        here = sum(float(np.sum(r["seconds"])) for r in runs.values())
        there = sum(float(np.mean(recorded[arm]["seconds"])) * len(r.seeds) for arm, r in runs.items())
        count = sum(len(r.seeds) for r in runs.values())
        known, banded = [row for row in rows if row.comparable], [row for row in rows if row.in_band is not None]
        same, inside = sum(not row.differs for row in known), sum(bool(row.in_band) for row in banded)
        judged = (f"{same} of {len(known)}", f"{inside} of {len(banded)}")
        lines.append((chapter.title, str(count), f"{here:.0f}", f"{there:.0f}", *judged))
        all_rows += rows
    software = ", ".join(f"{name} {version}" for name, version in versions().items())
    machine = f"{hardware()}; {software}."
    head = ("chapter", "runs", "core-seconds here", "in the record", "verdicts as printed", "effects in their bands")
    return Table(head, lines, f"{agreement(all_rows)}\n\nThis machine: {machine}")


def _code(record: shipped.Record) -> str:
    if stale := len(record.stale):
        return f"{stale} of {len(record.about)} entries were recorded with other code"
    if confirmed := record.confirmed:
        steps = max(record.about[key]["confirmed"].get("steps", 0) for key in confirmed)
        said = f"earlier than today's for {len(confirmed)} of {len(record.about)} entries, of which today's repeats"
        return f"{said} a seed bit for bit" + (f" beside it, in runs of {steps} steps at most" if steps else "")
    return "today's"
