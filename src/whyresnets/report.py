"""Claims and verdicts as tables: plain text for the terminal, Markdown for the page, JSON for machines."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from whyresnets import claims, store
from whyresnets.claims import Chapter, Outcome, Verdict
from whyresnets.training import Runs

NOT_RUN = "not run yet"


@dataclass(frozen=True)
class Table:
    """Rows of text under a head; ``print`` aligns it, a notebook shows it as Markdown."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""

    def __str__(self) -> str:
        lines = [self.head, *self.rows]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.head))]
        text = ["  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines]
        text.insert(1, "  ".join("-" * w for w in widths))
        return "\n".join([*text, self.note]) if self.note else "\n".join(text)

    __repr__ = __str__

    def _repr_markdown_(self) -> str:
        lines = [self.head, ["---"] * len(self.head), *self.rows]
        text = "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
        return f"{text}\n\n{self.note}" if self.note else text


@dataclass(frozen=True)
class Row:
    """One judged claim beside its printed verdict."""

    chapter: Chapter
    verdict: Verdict
    scale: str = "laptop"

    @property
    def printed(self) -> Verdict | None:
        """The verdict computed from the record at this scale, if there is one."""
        return self.chapter.printed(self.verdict.claim, self.scale)

    @property
    def differs(self) -> bool:
        """Whether there is a printed verdict and this one is another."""
        return self.printed is not None and self.verdict.word != self.printed.word

    @property
    def band(self) -> tuple[float, float] | None:
        """Where the printed record expects the effect of so many seeds, in the unit of the effect."""
        if self.printed is None:
            return None
        return claims.effect_band(self.printed, self.chapter.recorded(self.scale), self.verdict.n)

    def as_json(self) -> dict:
        """What ``judge --json`` writes of a claim."""
        verdict, effect, control = self.verdict, self.verdict.effect, self.verdict.decisive_control
        return {
            "id": verdict.claim.id,
            "verdict": verdict.word,
            "printed_verdict": self.printed.word if self.printed else None,
            **_numbers(effect),
            "threshold": effect.condition.threshold,
            "n": verdict.n,
            "control": {**_numbers(control), "fails": verdict.controls_fail},
            "scale": self.scale,
            "seconds": round(verdict.seconds, 1),
            "versions": store.versions(),
        }


def _numbers(outcome: Outcome) -> dict[str, float | None]:
    """Mean and interval as JSON can hold them: None for NaN and infinities."""
    i = outcome.interval
    values = {"effect": i.mean, "low": i.low, "high": i.high}
    return {name: round(v, 6) if math.isfinite(v) else None for name, v in values.items()}


def shown(outcome: Outcome) -> str:
    """An effect with its interval and unit, as text."""
    i = outcome.interval
    return f"{i.mean:.3f} [{i.low:.3f}, {i.high:.3f}] {outcome.condition.unit}"


def judged(judgements: Sequence[Row]) -> Table:
    """The ledger of a run: claim, effect with interval, your verdict, the printed verdict and band, seconds."""
    lines = []
    for row in judgements:
        effect, printed, band = row.verdict.effect, row.printed, row.band
        lines.append(
            (
                row.verdict.claim.id,
                shown(effect),
                f"{effect.condition.side} {effect.condition.threshold:g}",
                (row.verdict.word or "too few seeds") + (" *" if row.differs else ""),
                printed.word or "too few seeds" if printed else NOT_RUN,
                f"{band[0]:.3f} to {band[1]:.3f}" if band else "",
                f"{row.verdict.seconds:.0f}",
            )
        )
    head = ("claim", "effect [95% interval]", "predicted", "your verdict", "printed verdict", "99% band", "seconds")
    differing = any(row.differs for row in judgements)
    return Table(head, lines, "* differs from the printed verdict" if differing else "")


def rows(chapter: Chapter, runs: Mapping[str, Runs], *ids: str) -> list[Row]:
    """The claims called ``ids`` (left out: all that are judged live), judged from ``runs``."""
    chosen = map(chapter.claim, ids) if ids else (claim for claim in chapter.claims if claim.live)
    return [Row(chapter, claims.judge(claim, runs)) for claim in chosen]


def predictions(chapter: Chapter) -> Table:
    """What each claim predicts here, and the controls that must fail: fixed before the run."""
    lines = [
        (
            claim.id,
            claim.asks,
            "; and ".join(str(c) for c in claim.conditions),
            "; ".join(test.says for test in claim.controls),
        )
        for claim in chapter.claims
    ]
    return Table(("claim", "question", "predicted here", "controls, which must fail"), lines)


def plan(chapter: Chapter) -> Table:
    """The live plan: each arm with its seeds, steps, rate and the seconds its record took on one core."""
    recorded, rows = chapter.recorded(), []
    for arm, (spec, seeds) in chapter.live().items():
        seconds = f"{np.mean(recorded[arm]['seconds']) * len(seeds):.0f}" if arm in recorded else NOT_RUN
        rate = f"{spec.rate:g}" if spec.steps else "none"
        rows.append((arm, str(spec.depth), str(spec.steps), rate, str(len(seeds)), seconds))
    return Table(("arm", "layers", "steps", "rate", "seeds", "core-seconds in the record"), rows)


def printed(chapter: Chapter, *ids: str) -> Table:
    """Printed verdicts in full: every condition and every control of the claims called ``ids``, from the record."""
    rows: list[tuple[str, ...]] = []
    for claim in map(chapter.claim, ids):
        verdict = chapter.printed(claim)
        if verdict is None:
            rows.append((claim.id, NOT_RUN, "", "", ""))
            continue
        rows += [(claim.id, f"**{verdict.word}**", "claim", *_measured(o)) for o in verdict.outcomes]
        for test, outcomes in zip(claim.tests, verdict.tests, strict=True):
            kind = "turns when" if test is claim.turns_when else "control"
            rows += [("", "", f"{kind}: {test.says}", *_measured(o)) for o in outcomes]
    return Table(("claim", "printed verdict", "of what", "predicted", "measured [95% interval]", "so it is"), rows)


def _measured(outcome: Outcome) -> tuple[str, str, str]:
    return str(outcome.condition), shown(outcome), outcome.status


def ledger(chapters: Iterable[Chapter]) -> Table:
    """Every claim of the book with its printed verdict, effect, seeds and record."""
    rows = []
    for chapter in chapters:
        for claim in chapter.claims:
            verdict = chapter.printed(claim)
            measured = (verdict.word, shown(verdict.effect), str(verdict.n)) if verdict else (NOT_RUN, "", "")
            rows.append((claim.id, claim.asks, *measured, "live" if claim.live else "recorded"))
    return Table(("claim", "question", "verdict", "effect [95% interval]", "seeds", "judged"), rows)


def probes(chapter: Chapter, runs: Mapping[str, Runs]) -> Table:
    """One live seed of each dear arm against the printed band for a new seed (99%), in nats."""
    recorded, rows = chapter.recorded(), []
    for arm in chapter.probes:
        yours = float(claims.training_loss(runs[arm])[0])
        low, high = claims.prediction_band(claims.training_loss(recorded[arm]))
        word = "inside" if low <= yours <= high else "outside"
        rows.append((arm, f"{yours:.3f}", f"{low:.3f} to {high:.3f}", word))
    return Table(("arm, one seed", "your training loss, nats", "99% band of the record", "yours is"), rows)


def run_time(runs: Mapping[str, Runs]) -> Table:
    """Core-seconds, seeds, hardware and versions of a live run, from the run itself."""
    seconds = sum(float(np.sum(r["seconds"])) for r in runs.values())
    count = sum(len(r.seeds) for r in runs.values())
    unfinished = sum(int((~r.finished).sum()) for r in runs.values())
    versions = ", ".join(f"{name} {version}" for name, version in store.versions().items())
    rows = [
        ("training runs", f"{count}, of which {unfinished} diverged"),
        ("time", f"{seconds:.0f} core-seconds"),
        ("hardware", store.hardware()),
        ("versions", versions),
    ]
    return Table(("this run", ""), rows)


def provenance(chapter: Chapter, scale: str = "laptop") -> Table:
    """Where the printed verdicts come from: runs, seeds, date, hardware, versions of the record."""
    record = store.record(f"{chapter.name}-{scale}")
    if record is None:
        return Table((f"record at {scale} scale", ""), [("", NOT_RUN)])
    about = list(record.about.values())
    shown = {key: sorted({str(a[key]) for a in about}) for key in ("date", "hardware")}
    versions = sorted({", ".join(f"{n} {v}" for n, v in a["versions"].items()) for a in about})
    stale = len(record.stale)
    rows = [
        ("training runs", str(sum(len(a["seeds"]) for a in about))),
        ("date", ", ".join(shown["date"])),
        ("hardware", "; ".join(shown["hardware"])),
        ("versions", "; ".join(versions)),
        ("code", "today's" if not stale else f"{stale} of {len(about)} arms were recorded with other code"),
    ]
    return Table((f"record at {scale} scale", ""), rows)


def best_rates(chapter: Chapter) -> Table:
    """The learning-rate grid of each arm: mean training loss in nats at each rate; the best is bold."""
    record = store.record(f"{chapter.name}-grid")
    rates = sorted({spec.rate for specs in chapter.grid.values() for spec in specs})
    rows = []
    for arm, specs in chapter.grid.items():
        found = {spec.rate: record.runs(spec, 10000) for spec in specs}
        loss = {rate: float(np.mean(claims.training_loss(runs))) for rate, runs in found.items()}
        best = min(loss, key=loss.get)
        cells = [f"**{loss[r]:.2f}**" if r == best else f"{loss[r]:.2f}" if r in loss else "" for r in rates]
        rows.append((arm, *cells))
    return Table(("arm", *(f"{rate:g}" for rate in rates)), rows)


def built(runs: Runs) -> Table:
    """The constructed solution: loss of plain-20 and of its identity extensions, in both modes, means in nats."""
    rows = [("20, trained", *_mean_losses(runs, "train_loss", "eval_loss"))]
    for depth in runs.spec.extend_to:
        names = (f"extension_{depth}_train_loss", f"extension_{depth}_eval_loss")
        rows.append((f"{depth}, built from it", *_mean_losses(runs, *names)))
    return Table(("layers", "loss with batch statistics", "loss with running statistics"), rows)


def _mean_losses(runs: Runs, *names: str) -> list[str]:
    return [f"{float(np.mean(runs[name])):.4f}" for name in names]
