"""Claims and verdicts as tables: plain text for the terminal, Markdown for the page, JSON for machines."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np

from whyresnets import claims, store
from whyresnets.claims import Chapter, Claim, Outcome, Test, Verdict
from whyresnets.training import Runs, Spec

NOT_RUN = "not run yet"
NOT_PLANNED = "not planned"
SMOKE = "Smoke scale tests only that everything runs: its verdicts mean nothing and are compared with nothing."
STALE = "The record was made with other code than today's."


@dataclass(frozen=True)
class Table:
    """``rows`` of text under a ``head``; ``print`` aligns it, a notebook shows it as Markdown.

    ``note`` stands below, as it is.
    """

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
    """One judged claim beside its printed verdict.

    Attributes
    ----------
    verdict : of the runs at hand
    printed : the verdict computed from the record at this scale, if there is one
    band : where the record expects the effect of so many seeds, in the unit of the effect
    stale : whether the record was made with other code than today's
    scale : "laptop" or another of the command line's
    other : in what the environment differs from the record's: "torch 2.16.0 (record: 2.15.0)", say
    """

    verdict: Verdict
    printed: Verdict | None
    band: tuple[float, float] | None
    stale: bool
    scale: str = "laptop"
    other: tuple[str, ...] = ()

    @property
    def in_band(self) -> bool | None:
        """Whether the effect lies in the band of the record; None where there is no band."""
        return None if self.band is None else self.band[0] <= self.verdict.effect.interval.mean <= self.band[1]

    @property
    def comparable(self) -> bool:
        """Whether there is a word on both sides; at smoke scale words mean nothing."""
        words = (self.verdict.word, self.printed.word if self.printed else None)
        return self.scale != "smoke" and None not in words

    @property
    def differs(self) -> bool:
        """Whether both verdicts have a word and the words are not the same."""
        words = (self.verdict.word, self.printed.word if self.printed else None)
        return None not in words and words[0] != words[1]

    @property
    def differences(self) -> list[str]:
        """Each condition and control that came out otherwise than in the record, with both intervals."""
        if not self.differs:
            return []
        pairs = zip(_every_outcome(self.verdict), _every_outcome(self.printed), strict=True)
        lines = [
            f"{yours.condition}: yours {shown(yours)} {yours.status}, printed {shown(printed)} {printed.status}"
            for yours, printed in pairs
            if yours.status != printed.status
        ]
        return lines + [f"{arm} had to train and did not" for arm in self.verdict.dead]

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
            "hardware": store.hardware(),
            "diverged": verdict.diverged,
        }


def _every_outcome(verdict: Verdict) -> list[Outcome]:
    return [outcome for outcomes in (verdict.outcomes, *verdict.tests) for outcome in outcomes]


def seeds_to_judge(claim: Claim, scale: str) -> int:
    """How many seeds a claim is judged with: live ones as many as they say, the others as many as their record has."""
    if scale == "smoke":
        return claims.LIVE_SEEDS
    return claim.seeds if claim.live and scale == "laptop" else seeds_to_record(scale)


def seeds_to_record(scale: str) -> int:
    """How many seeds a record has: 20 on a laptop, as few as a verdict needs where a run takes minutes or hours."""
    return claims.RECORD_SEEDS if scale == "laptop" else claims.FEWEST_SEEDS


def row(chapter: Chapter, claim: Claim, runs: Mapping[str, Runs], scale: str = "laptop") -> Row:
    """``claim`` judged from the seeds that all its arms have, beside the printed verdict."""
    n = min(len(runs[arm].seeds) for arm in claim.arms)
    runs = {arm: runs[arm].first(n) for arm in claim.arms}
    verdict, printed = claims.judge(claim, runs), chapter.printed(claim, scale)
    effect = verdict.effect.condition.effect
    recorded = chapter.recorded(scale)
    if printed and n > claims.RECORD_SEEDS - claims.FEWEST_SEEDS:  # too few others there: those that nobody looks at
        recorded = chapter.recorded(scale, 1000) or recorded
    banded = printed and scale == "laptop"  # at larger scales a record has only seeds that a reader runs, too
    band = claims.effect_band(effect, recorded, runs) if banded else None
    if band and band[0] == band[1]:  # the seeds left do not vary: then all that were recorded say what is usual
        values = effect.values(chapter.recorded(scale))
        band = float(values.min()), float(values.max())
    stale = chapter.stale(scale) if printed else False
    return Row(verdict, printed, band, stale, scale, unlike_the_record(chapter, scale) if printed else ())


def unlike_the_record(chapter: Chapter, scale: str = "laptop") -> tuple[str, ...]:
    """In what this machine differs from those on which the record was made: processor and versions, in words."""
    about = store.record(f"{chapter.name}-{scale}").about.values()
    here = {"processor": store.hardware().split(",")[0], **store.versions()}
    there: dict[str, set[str]] = {name: set() for name in here}
    for entry in about:
        for name, value in {"processor": entry["hardware"].split(",")[0], **entry["versions"]}.items():
            there.setdefault(name, set()).add(value)
    return tuple(
        f"{name} {value} (record: {', '.join(sorted(there[name]))})"
        for name, value in here.items()
        if value not in there[name]
    )


def agreement(rows: Sequence[Row]) -> str:
    """Whether a run agrees with the printed verdicts and bands, in words; if not, what to look at.

    Effects count as too many outside their bands where chance would put so many there less than once in a hundred,
    were they independent (claims that share arms are not; chosen by us, as only advice follows).
    """
    rows = [row for row in rows if row.comparable]
    if not rows:
        return ""
    differing, banded = [row for row in rows if row.differs], [row for row in rows if row.in_band is not None]
    outside = [row for row in banded if not row.in_band]
    same = f"{len(rows) - len(differing)} of {len(rows)} verdicts are the printed ones"
    bands = f", {len(banded) - len(outside)} of {len(banded)} effects lie in their 99% bands" if banded else ""
    too_many = outside and _at_least(len(outside), len(banded)) < 1 - claims.BAND
    if differing:
        words = [f"{r.verdict.claim.id} is {r.verdict.word} here and {r.printed.word} there" for r in differing]
        said = [f"Your run differs from the book: {same}{bands}. {'; '.join(words)}."]
    elif too_many:
        said = [f"Your verdicts agree with the book, your numbers do not: {same}{bands}."]
    else:
        said = [f"Your run agrees with the book: {same}{bands}."]
    if outside:
        chance = "" if too_many else " One effect in a hundred is, by chance."
        said.append(f"Outside its band: {', '.join(row.verdict.claim.id for row in outside)}.{chance}")
    if differing or too_many:
        said.append(_look_at(rows, differing or outside))
    return " ".join(said)


def _at_least(outside: int, banded: int) -> float:
    """The probability that chance puts so many of the effects outside their bands."""
    from scipy.stats import binom

    return float(binom.sf(outside - 1, banded, 1 - claims.BAND))


def _look_at(rows: Sequence[Row], culprits: Sequence[Row]) -> str:
    dead = sorted({arm for row in culprits for arm in row.verdict.dead})
    other = sorted({name for row in rows for name in row.other})
    scale = "" if rows[0].scale == "laptop" else f" --scale {rows[0].scale}"
    looks = [f"{', '.join(dead)}, which had to train and did not"] if dead else []
    looks += [f"what is not as in the record: {'; '.join(other)}"] if other else []
    again = f"`whyresnets judge {culprits[0].verdict.claim.id}{scale} --seeds 20 --first-seed 2000`"
    looks.append(f"whether it stays on seeds that are not in the record: {again}")
    return f"Look at {'; then at '.join(looks[:-1])}{'; then ' if looks[:-1] else ''}{looks[-1]}."


def _numbers(outcome: Outcome) -> dict[str, float | None]:
    """Mean and interval as JSON can hold them: None for NaN and infinities."""
    i = outcome.interval
    values = {"effect": i.mean, "low": i.low, "high": i.high}
    return {name: round(v, 6) if math.isfinite(v) else None for name, v in values.items()}


def shown(outcome: Outcome) -> str:
    """An effect with its interval and unit, as text."""
    mean, low, high = (f"{v:z.3f}" for v in (outcome.interval.mean, outcome.interval.low, outcome.interval.high))
    return f"{mean} [{low}, {high}] {outcome.condition.unit}".strip()


def judged(judgements: Sequence[Row], not_run: Mapping[Claim, Verdict | None] | None = None) -> Table:
    """The ledger of a run: claim, effect with interval, your verdict, the printed one with its interval, seconds.

    ``not_run`` adds claims that this run did not judge, with their printed verdicts.
    """
    lines, notes = [], []
    for row in judgements:
        verdict, printed = row.verdict, row.printed
        diverged = f", {verdict.diverged} diverged" if verdict.diverged else ""
        lines.append(
            (
                verdict.claim.id,
                shown(verdict.effect),
                f"{verdict.effect.condition.side} {verdict.effect.condition.threshold:g}",
                f"{_word(verdict)}{diverged}{' *' if row.differs else ''}",
                _word(printed),
                shown(printed.effect) if printed else "",
                f"{row.band[0]:.3f} to {row.band[1]:.3f}" if row.band else "",
                f"{verdict.seconds:.0f}",
            )
        )
        notes += [f"* {verdict.claim.id}: {line}" for line in row.differences]
    for claim, printed in (not_run or {}).items():
        c = claim.conditions[0]
        known = shown(printed.effect) if printed else ""
        lines.append((claim.id, "", f"{c.side} {c.threshold:g}", "not re-run", _word(printed), known, "", ""))
    if any(row.stale for row in judgements):
        notes.append(STALE)
    if any(row.scale == "smoke" for row in judgements):
        notes.append(SMOKE)
    yours = ("claim", "your effect [95% interval]", "predicted", "your verdict")
    theirs = ("printed verdict", "printed effect [95% interval]", "99% band for yours", "seconds")
    notes += [said] if (said := agreement(judgements)) else []
    return Table((*yours, *theirs), lines, "\n".join(notes))


def _word(verdict: Verdict | None) -> str:
    return NOT_RUN if verdict is None else verdict.word or "too few seeds"


def live_rows(chapter: Chapter, runs: Mapping[str, Runs]) -> list[Row]:
    """The claims that are judged live, from ``runs``."""
    return [row(chapter, claim, runs) for claim in chapter.claims if claim.live]


def predictions(chapter: Chapter) -> Table:
    """What each claim predicts here, the controls that must fail, what else is measured: fixed before the run."""
    head = ("claim", "what it says", "predicted here", "controls: the effect must be absent", "also measured")
    lines = [
        (
            claim.id,
            claim.says,
            "; and ".join(str(c) for c in claim.conditions),
            "; ".join(test.says for role, test in claim.roles if role == "control"),
            "; ".join(_named(role, test) for role, test in claim.roles if role != "control"),
        )
        for claim in chapter.claims
    ]
    columns = len(head) if any(line[-1] for line in lines) else len(head) - 1
    return Table(head[:columns], [line[:columns] for line in lines])


def _named(role: str, test: Test) -> str:
    return test.says if role == "control" else f"{role}: {test.says}"


def plan(chapter: Chapter) -> Table:
    """The live plan: each arm with its seeds, steps, rate and the seconds its record took on one core."""
    recorded, rows = chapter.recorded(), []
    for arm, (spec, seeds) in chapter.live().items():
        seconds = f"{np.mean(recorded[arm]['seconds']) * len(seeds):.0f}" if arm in recorded else NOT_RUN
        rate = f"{spec.rate:g}" if spec.steps else "none"
        rows.append((arm, str(spec.depth), str(spec.steps), rate, str(len(seeds)), seconds))
    return Table(("arm", "layers", "steps", "rate", "seeds", "core-seconds in the record"), rows)


@dataclass(frozen=True)
class VerdictBox:
    """Printed verdicts in ``short``, with every control in ``full`` folded underneath."""

    short: Table
    full: Table

    def __repr__(self) -> str:
        return f"{self.short}\n\n{self.full}"

    def _repr_markdown_(self) -> str:
        fold = "<details>\n<summary>Every control, measured</summary>\n\n{}\n\n</details>"
        return f"{self.short._repr_markdown_()}\n\n{fold.format(self.full._repr_markdown_())}"


def printed(chapter: Chapter, *ids: str, scale: str = "laptop") -> VerdictBox:
    """Printed verdicts of the claims called ``ids``, from the record at ``scale``: each condition, each control."""
    return boxed({id: chapter.printed(chapter.claim(id, scale), scale) for id in ids})


def boxed(verdicts: Mapping[str, Verdict | None]) -> VerdictBox:
    """Verdicts by the identifiers of their claims, None where there are no runs: each condition, each control."""
    short: list[tuple[str, ...]] = []
    full: list[tuple[str, ...]] = []
    for id, verdict in verdicts.items():
        if verdict is None:
            short.append((id, NOT_RUN, "", "", ""))
            continue
        fails = "absent in all" if verdict.controls_fail else "not absent in all"
        for i, outcome in enumerate(verdict.outcomes):
            first = (id, f"**{_word(verdict)}**") if i == 0 else ("", "")
            short.append((*first, *_measured(outcome), fails if i == 0 else ""))
        for (role, test), outcomes in zip(verdict.claim.roles, verdict.tests, strict=True):
            name = _named(role, test)
            full += [(id if i == 0 else "", name, *_measured(o)) for i, o in enumerate(outcomes)]
    measured = ("predicted", "measured [95% interval]")
    return VerdictBox(
        Table(("claim", "verdict", *measured, "effect in controls"), short),
        Table(("claim", "control", *measured), full),
    )


def _measured(outcome: Outcome) -> tuple[str, str]:
    return str(outcome.condition), f"{shown(outcome)}: {outcome.status}"


def ledger(chapters: Sequence[Chapter]) -> Table:
    """Every claim of the book with its printed verdict, effect, seeds and record."""
    rows = []
    for chapter in chapters:
        for claim in chapter.claims:
            verdict = chapter.printed(claim)
            c = claim.conditions[0]
            measured = (shown(verdict.effect), str(verdict.n)) if verdict else ("", "")
            judged = (f"{c.side} {c.threshold:g}", "live" if claim.live else "recorded")
            rows.append((claim.id, claim.says, _word(verdict), *measured, *judged))
    dropped = [reason for chapter in chapters for reason in chapter.dropped]
    notes = [f"{len(rows) + len(dropped)} claims tried, {len(dropped)} dropped.", *dropped]
    notes += [STALE] if any(chapter.stale() for chapter in chapters) else []
    head = ("claim", "what it says", "verdict", "effect [95% interval]", "seeds", "predicted", "judged")
    return Table(head, rows, " ".join(notes))


def both_modes(runs: Mapping[str, Runs], arms: Iterable[str], bar: float = claims.TRAINED) -> Table:
    """Of each arm: how many seeds end below ``bar`` nats, mean loss with batch statistics, median with running ones.

    And mean errors.
    """
    rows = []
    for arm in arms:
        one = runs[arm]
        trained = int((claims.training_loss(one) < bar).sum())
        share = claims.wilson_interval(trained, len(one.seeds))
        train, test = (f"{100 * np.mean(one[name]):.0f}%" for name in ("train_error", "test_error_batch"))
        losses = (*_mean_losses(one, "train_loss"), f"{float(np.median(one['eval_loss'])):.3f}")
        fraction = f"{trained} of {share.n} [{share.low:.2f}, {share.high:.2f}]"
        rows.append((arm, fraction, *losses, train, test))
    trained = f"seeds below {bar:g} nats [Wilson 95%]"
    return Table(("arm", trained, "mean loss, batch", "median loss, running", "training error", "test error"), rows)


def seed_by_seed(runs: Mapping[str, Runs], arms: Iterable[str]) -> Table:
    """Training loss of every seed at the end, in nats, and the mean test error with running statistics, of each arm."""
    rows = []
    for arm in arms:
        losses = "  ".join(f"{loss:.2f}" for loss in claims.training_loss(runs[arm]))
        rows.append((arm, f"{runs[arm].spec.rate:g}", losses, f"{100 * runs[arm]['test_error'].mean():.0f}%"))
    return Table(("arm", "rate", "training loss, seed by seed", "mean test error"), rows)


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
            if verdict and (other := _other_thresholds(claim, there)):
                notes.append(f"{claim.id} at {scale} scale: {other}.")
        rows.append((claim.id, str(claim.conditions[0]), *cells))
    if others := [claim.id for claim in chapter.claims if claim.id not in planned]:
        notes.append(f"Not planned at larger scales: {', '.join(others)}.")
    return Table(("claim", "predicted on a laptop", *scales), rows, "\n\n".join(notes))


def _effect_and_word(verdict: Verdict) -> str:
    return f"{shown(verdict.effect)}, {_word(verdict)} ({verdict.n} seeds)"


def _other_thresholds(usual: Claim, there: Claim) -> str:
    """What a claim predicts, and which losses count as trained, where either is not as usual."""
    pairs = zip(usual.conditions, there.conditions, strict=True)
    said = [str(condition) for before, condition in pairs if before.threshold != condition.threshold]
    bars = {bound for arm, bound in there.trains if (arm, bound) not in usual.trains}
    said += [f"nets that must train end below {bar:g} nats" for bar in sorted(bars)]
    return "; ".join(said)


def beside_published(chapter: Chapter) -> Table:
    """Each published test error, ours at every larger scale, and below what differs in the protocol of what was run."""
    recorded = {scale: chapter.recorded(scale) for scale in chapter.larger}
    rows, differ = [], {}
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
    errors, losses = np.where(runs.finished, 100 * runs["test_error"], 90.0), claims.training_loss(runs)
    spread = f"{errors.mean():.1f} ({errors.min():.1f} to {errors.max():.1f}, {len(errors)} seeds)"
    return f"{spread}; training loss {losses.mean():.2f}"


def probes(chapter: Chapter, runs: Mapping[str, Runs]) -> Table:
    """One live seed of each probed arm against the 99% band of the record for a new seed, in nats."""
    recorded, rows = chapter.recorded(), []
    for arm in chapter.probes:
        yours = float(runs[arm]["train_loss"][0])
        low, high = claims.loss_band(claims.training_loss(claims.unseen(recorded[arm], runs[arm])))
        word = "inside" if low <= yours <= high else "diverged" if not runs[arm].finished[0] else "outside"
        rows.append((arm, f"{yours:.3g}", f"{low:.3g} to {high:.3g}", word))
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


def pace(runs: Mapping[str, Runs], arms: Iterable[str]) -> Table:
    """Seeds a core-minute of each of ``arms``, from its seconds; spectra: of both matrices, at each reading."""
    rows = []
    for arm in arms:
        spec, seconds = runs[arm].spec, float(np.mean(runs[arm]["seconds"]))
        spectra = f"{2 * len(spec.spectra)}" if spec.spectra else "none"
        rows.append((arm, str(spec.steps), spectra, str(len(runs[arm].seeds)), f"{60 / seconds:,.0f}"))
    return Table(("arm", "steps", "spectra", "seeds", "seeds a core-minute"), rows)


def provenance(chapter: Chapter, scale: str = "laptop") -> Table:
    """Where the printed verdicts come from: runs, seeds, date, hardware, versions of the record."""
    record = store.record(f"{chapter.name}-{scale}")
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
        record = store.record(name)
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
        same, inside = sum(not row.differs for row in known), sum(row.in_band for row in banded)
        judged = (f"{same} of {len(known)}", f"{inside} of {len(banded)}")
        lines.append((chapter.title, str(count), f"{here:.0f}", f"{there:.0f}", *judged))
        all_rows += rows
    versions = ", ".join(f"{name} {version}" for name, version in store.versions().items())
    here = f"{store.hardware()}; {versions}."
    head = ("chapter", "runs", "core-seconds here", "in the record", "verdicts as printed", "effects in their bands")
    return Table(head, lines, f"{agreement(all_rows)}\n\nThis machine: {here}")


def _code(record: store.Record) -> str:
    if stale := len(record.stale):
        return f"{stale} of {len(record.about)} entries were recorded with other code"
    if confirmed := record.confirmed:
        steps = max(record.about[key]["confirmed"].get("steps", 0) for key in confirmed)
        said = f"earlier than today's for {len(confirmed)} of {len(record.about)} entries, of which today's repeats"
        return f"{said} a seed bit for bit" + (f" beside it, in runs of {steps} steps at most" if steps else "")
    return "today's"


def best_rates(chapter: Chapter, scale: str = "laptop") -> Table:
    """The learning-rate grid of each arm: mean outcome of the chapter, in nats, at each rate; the best is bold."""
    record = store.record(chapter.grid_record(scale))
    if record is None:
        return Table(("arm",), [(NOT_RUN,)])
    grids = chapter.grids(scale)
    rates = sorted({spec.rate for specs in grids.values() for spec in specs})
    rows = []
    for arm, specs in grids.items():
        found = {spec.rate: record.runs(spec, 10000) for spec in specs}
        loss = {rate: float(np.mean(chapter.outcome(runs))) for rate, runs in found.items()}
        best = min(loss, key=loss.get)
        cells = [f"**{loss[r]:.2f}**" if r == best else f"{loss[r]:.2f}" if r in loss else "" for r in rates]
        rows.append((arm, *cells))
    seeds = sorted({len(about["seeds"]) for about in record.about.values()})
    note = f"Mean losses in nats, over {' to '.join(map(str, seeds[:: len(seeds) - 1 or 1]))} tuning seeds."
    return Table(("arm", *(f"{rate:g}" for rate in rates)), rows, note)


def built(runs: Runs) -> Table:
    """The constructed solution: loss of a plain net and of its identity extensions, in both modes, means in nats."""
    rows = [(f"{runs.spec.depth}, trained", *_mean_losses(runs, "train_loss", "eval_loss"))]
    for depth in runs.spec.extend_to:
        names = (f"extension_{depth}_train_loss", f"extension_{depth}_eval_loss")
        rows.append((f"{depth}, built from it", *_mean_losses(runs, *names)))
    return Table(("layers", "loss with batch statistics", "loss with running statistics"), rows)


def _mean_losses(runs: Runs, *names: str) -> list[str]:
    return [f"{float(np.mean(runs[name])):.3f}" for name in names]


def check_between(answer: Runs | None, spec: Spec, change: str, ends: tuple[Runs, Runs]) -> str:
    """A self-check of an exercise: whether the loss of one's own runs lies between two recorded ones; a sentence back.

    ``answer`` should be runs of ``spec``, which ``change`` says in words how to reach; ``ends`` are the recorded arms
    with the lower and the higher mean training loss (nats).
    """
    if answer is None:
        return "Not answered yet."
    if not isinstance(answer, Runs):
        return 'Not yet: hand over the runs of one arm, such as sweeps.run(...)["mine"].'
    if answer.spec != spec:
        return f"Not yet: change {change}, and nothing else."
    if len(answer.seeds) < claims.FEWEST_SEEDS:
        return "Not yet: fewer than five seeds say little. Run seeds 0 to 4."
    loss, low, high = (float(np.mean(claims.training_loss(runs))) for runs in (answer, *ends))
    shallow, deep = (runs.spec.depth for runs in ends)
    if low < loss < high:
        return f"Right: {loss:.2f} nats, between {low:.2f} at {shallow} layers and {high:.2f} at {deep}."
    return f"Unexpected: {loss:.2f} nats is not between {shallow} and {deep} layers. Please report it."


def check_choice(answer: str | None, right: str, others: Mapping[str, str]) -> str:
    """A self-check of an exercise whose answer is one of a few words: ``right``, or one of ``others`` -> why not."""
    if answer is None:
        return "Not answered yet."
    word = answer.strip().lower() if isinstance(answer, str) else ""
    if word in others:
        return f"Not yet: {others[word]}"
    if word != right:
        return f"Not yet: answer with one of {', '.join(sorted([right, *others]))}."
    return f"Right: {right}. The solution says why; what would your next control be?"


def check_change(mine: Spec | None, given: Spec) -> str:
    """Whether a control changes one thing: in which fields ``mine`` differs from ``given``; a sentence back.

    The learning rate may differ, since each net deserves its best, and so may what is read.
    """
    if mine is None:
        return "Not answered yet."
    if not isinstance(mine, Spec):
        return "Not yet: hand over a Spec, such as given.but(rule=...)."
    free = ("rate", *claims.READINGS)
    changed = [f.name for f in fields(Spec) if getattr(mine, f.name) != getattr(given, f.name) and f.name not in free]
    if len(changed) == 1:
        return f"Right: it changes {changed[0]}{' and its learning rate' if mine.rate != given.rate else ''}, no more."
    if not changed:
        return "Not yet: it is the same net. Change one field of its Spec."
    return f"Not yet: it changes {' and '.join(changed)} at once. Which of them was it, if the effect goes?"
