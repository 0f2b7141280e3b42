"""The ledger: every claim with its verdict at every scale, as pages, CSV and JSON."""

import csv
import io
import json
import math
import re
from collections import Counter
from collections.abc import Iterable

import numpy as np
from whyresnets.chapter import Chapter
from whyresnets.chapters import CHAPTERS
from whyresnets.claims.verdicts import Claim, Measured, Verdict
from whyresnets.report import NOT_RUN, Table, shown
from whyresnets.stats import Interval
from whyresnets.store import records
from whyresnets.store.provenance import versions

SCALES = {"laptop": "digits", "workstation": "CIFAR-10, one epoch", "paper": "CIFAR-10, 64,000 steps"}
UNTRAINED = "CIFAR-10, untrained"
DATA = {  # at laptop scale
    "digits": "digits",
    "digits-4x4": "digits of 4 by 4 pixels",
    "gaussian-2": "random points",
    "gaussian-4": "random points",
    "mnist1d": "MNIST-1D",
    "cifar10": "CIFAR-10",
    "fashion_mnist": "Fashion-MNIST",
}
# Columns of the CSV that the JSON gives for each condition.
MEASURED = ("role", "test", "effect", "side", "threshold", "unit", "mean", "low", "high", "seeds", "interval_is")
WORDS = ("supported", "refuted", "conditional", "undecided", "void")
# The claims of which the README tells (chosen by us: the four that the book was commissioned for, and their turns).
FOUND = ("HE1-1", "HE1-2", "HE1-8", "WR-8", "HE1-3v", "VG-4", "ZA-4", "ZA-5", "DS-3b", "OP-9k")


def anchor(claim: Claim) -> str:
    """The label of a claim's entry on the ledger page; its address ends in this, in small letters."""
    return f"claim-{claim.id}"


def verdicts(chapter: Chapter, claim: Claim) -> dict[str, Verdict]:
    """Scale -> the verdict printed there, where there is a record."""
    found = {scale: chapter.printed(claim, scale) for scale in SCALES}
    return {scale: verdict for scale, verdict in found.items() if verdict}


def where(chapter: Chapter, verdict: Verdict, scale: str) -> str:
    """On what a claim was judged at ``scale``, in words."""
    specs = [chapter.specs(scale)[arm] for arm in verdict.claim.arms]
    if scale == "laptop":
        return ", ".join(dict.fromkeys(DATA[spec.task.data] for spec in specs))
    return SCALES[scale] if any(spec.optimiser.steps for spec in specs) else UNTRAINED


def tally() -> str:
    """How many claims got which word at laptop scale: a sentence."""
    words = Counter(_word(chapter, claim) for chapter in CHAPTERS for claim in chapter.claims)
    counted = _counted(words)
    dropped = sum(len(chapter.dropped) for chapter in CHAPTERS)
    refuted = [claim.ours for chapter in CHAPTERS for claim in chapter.claims if _word(chapter, claim) == "refuted"]
    whose = f" Of those refuted, {refuted.count(False)} are published claims, {refuted.count(True)} are worded by us."
    total = f"{words.total()} claims stand in the ledger: {counted}.{whose if refuted else ''}"
    return f"{total} {dropped} more were tried and dropped."


def _word(chapter: Chapter, claim: Claim) -> str:
    verdict = chapter.printed(claim)
    return verdict.word if verdict else NOT_RUN


def _counted(words: Counter) -> str:
    return ", ".join(f"{words[word]} {word}" for word in (*WORDS, NOT_RUN) if words[word])


def found() -> str:
    """The README's ten lines: what was said, and what was found, with the number."""
    by_id = {claim.id: (chapter, claim) for chapter in CHAPTERS for claim in chapter.claims}
    lines = []
    for chapter, claim in map(by_id.__getitem__, FOUND):
        if verdict := chapter.printed(claim):
            lines.append(f"- {claim.says} **{verdict.word[0].upper()}{verdict.word[1:]}**: {shown(verdict.effect)}.")
    return "\n".join(lines)


def glance() -> str:
    """Every claim in one row, folded chapter by chapter, each linked to its entry in the ledger."""
    head = ("claim", "what it says", "verdict", "effect [95% interval]", "seeds, data", "fails when")
    folds = [tally()]
    for chapter in CHAPTERS:
        rows = [_glance_row(chapter, claim) for claim in chapter.claims]
        counted = _counted(Counter(_word(chapter, claim) for claim in chapter.claims))
        table = Table(head, rows)._repr_markdown_()
        summary = f"<summary>{chapter.title}: {len(rows)} claims, {counted}</summary>"
        folds.append(f"<details>\n{summary}\n\n{table}\n\n</details>")
    return "\n\n".join(folds)


def _glance_row(chapter: Chapter, claim: Claim) -> tuple[str, ...]:
    named = f"{{ref}}`{claim.id} <{anchor(claim)}>`"
    said = f"{claim.says} ({cited(claim.source)})"
    printed = verdicts(chapter, claim)
    if "laptop" not in printed:
        return named, said, NOT_RUN, "", "", ""
    verdict = printed["laptop"]
    elsewhere = [f"{v.n}, {where(chapter, v, scale)}: {v.word}" for scale, v in printed.items() if scale != "laptop"]
    turns = [verdict.turns] if verdict.turns else []
    seeds = "; ".join([f"{verdict.n}, {where(chapter, verdict, 'laptop')}", *turns, *elsewhere])
    return (named, said, f"**{verdict.word}**", shown(verdict.effect), seeds, fails_when(claim, verdict))


def fails_when(claim: Claim, verdict: Verdict) -> str:
    """Under which condition a claim was measured to stop holding, in words; "" where none was looked for."""
    if claim.fails_when is None:
        return ""
    (found,) = verdict.role("fails when")
    words = {measured.status for measured in found}
    told = "" if "not met" in words else " (it holds there, too)" if words == {"met"} else " (undecided there)"
    return claim.fails_when.says + told


def cited(source: str) -> str:
    """A claim's source with its bibliography keys as citations of the page."""
    return re.sub(r"\b([a-z]+\d{4}[a-z]+)\b", r"{cite:t}`\1`", source)


def entries() -> str:
    """The ledger, claim by claim: sentence, source, every condition and control at every scale, limits."""
    parts = []
    for chapter in CHAPTERS:
        parts.append(f"(ledger-{chapter.name})=\n## {chapter.title}")
        parts += [_entry(chapter, claim) for claim in chapter.claims]
    return "\n\n".join(parts)


def _entry(chapter: Chapter, claim: Claim) -> str:
    printed = verdicts(chapter, claim)
    judged = "live, in your own run" if claim.live else "from the record"
    lines = [
        f"({anchor(claim)})=\n### {claim.id}: {_word(chapter, claim)}",
        f"*{claim.says}*",
        f"Source: {cited(claim.source)}. Chapter: {{doc}}`{chapter.name}`, judged {judged}.",
    ]
    for scale in SCALES:
        if scale in printed:
            lines.append(_measured(chapter, printed[scale], scale))
    if waiting := _waiting(chapter, claim):
        lines.append(f"Planned and not run yet: {'; '.join(SCALES[scale] for scale in waiting)}.")
    if claim.not_shown:
        lines.append(f"**Not shown.** {claim.not_shown}")
    return "\n\n".join(lines)


def _waiting(chapter: Chapter, claim: Claim) -> list[str]:
    """The scales at which a claim is planned and has no record."""
    planned = ["laptop", *(s for s in chapter.larger if claim.id in {c.id for c in chapter.claims_at(s)})]
    return [scale for scale in planned if scale not in verdicts(chapter, claim)]


def _measured(chapter: Chapter, verdict: Verdict, scale: str) -> str:
    """One table: each condition and control of a verdict, with its interval."""
    tests = zip(verdict.claim.roles, verdict.tests, strict=True)
    parts = [("claim", verdict.predicted), *((f"{role}: {test.says}", found) for (role, test), found in tests)]
    rows = [
        (part if i == 0 else "", str(measured.condition), shown(measured), measured.status)
        for part, found in parts
        for i, measured in enumerate(found)
    ]
    on = where(chapter, verdict, scale)
    head = (
        f"{on}: **{verdict.word}**{_because(verdict)}",
        "predicted",
        f"measured, {verdict.n} seeds",
        "the interval is",
    )
    alive = "; ".join(f"{arm} below {bar:.3g} nats" for arm, bar in verdict.claim.trains if np.isfinite(bar))
    return Table(head, rows, f"Must train: {alive}." if alive else "")._repr_markdown_()


def _because(verdict: Verdict) -> str:
    told = [part for part in (verdict.reason, verdict.turns) if part]
    return f" ({'; '.join(told)})" if told else ""


def dropped() -> str:
    """What was tried and left out, each with its reason."""
    return "\n".join(f"- {reason}" for chapter in CHAPTERS for reason in chapter.dropped)


def measurements() -> list[dict]:
    """Every measured condition of every claim at every scale, flat: the rows of the CSV."""
    return [
        {
            **_about(chapter, claim),
            "scale": scale,
            "verdict": verdict.word,
            "reason": verdict.reason,
            "role": role,
            "test": test,
            "effect": str(measured.condition.effect),
            "side": measured.condition.side,
            "threshold": measured.condition.threshold,
            "unit": measured.condition.unit,
            **_numbers(measured.interval),
            "interval_is": measured.status,
        }
        for chapter in CHAPTERS
        for claim in chapter.claims
        for scale, verdict in verdicts(chapter, claim).items()
        for role, test, measured in _measureds(verdict)
    ]


def _about(chapter: Chapter, claim: Claim) -> dict[str, str]:
    judged = "live" if claim.live else "recorded"
    return {"claim": claim.id, "chapter": chapter.name, "says": claim.says, "source": claim.source, "judged": judged}


def _measureds(verdict: Verdict) -> Iterable[tuple[str, str, Measured]]:
    yield from (("claim", "", measured) for measured in verdict.predicted)
    for (role, test), found in zip(verdict.claim.roles, verdict.tests, strict=True):
        yield from ((role, test.says, measured) for measured in found)


def _numbers(interval: Interval) -> dict[str, float | int]:
    values = {name: getattr(interval, name) for name in ("mean", "low", "high")}
    rounded = {name: float(f"{value:.6g}") if math.isfinite(value) else None for name, value in values.items()}
    return rounded | {"seeds": interval.n}


def as_csv() -> str:
    """The ledger as a table, one line for each measured condition."""
    rows, text = measurements(), io.StringIO()
    writer = csv.DictWriter(text, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def as_json() -> str:
    """The ledger: every claim with its verdicts by scale and all that decides them, what was dropped, the version."""
    flat = measurements()
    claims = [_told(chapter, claim, flat) for chapter in CHAPTERS for claim in chapter.claims]
    whole = {"version": versions()["whyresnets"], "claims": claims}
    whole["dropped"] = [reason for chapter in CHAPTERS for reason in chapter.dropped]
    return json.dumps(whole, indent=1, allow_nan=False) + "\n"


def _told(chapter: Chapter, claim: Claim, flat: list[dict]) -> dict:
    """One claim: what it says, its verdict at each scale, where it waits."""
    rows = [row for row in flat if row["claim"] == claim.id]
    scales = {
        scale: _judged(chapter, scale, verdict, [row for row in rows if row["scale"] == scale])
        for scale, verdict in verdicts(chapter, claim).items()
    }
    waiting = {"not_shown": claim.not_shown, "scales": scales, "not_run_yet": _waiting(chapter, claim)}
    return _about(chapter, claim) | waiting


def _judged(chapter: Chapter, scale: str, verdict: Verdict, rows: list[dict]) -> dict:
    """One verdict with all that decides it; ``rows`` are its lines of the CSV."""
    return {
        "verdict": verdict.word,
        "reason": verdict.reason,
        "recorded": recorded_on(chapter, scale),
        "data": where(chapter, verdict, scale),
        "judged_on": verdict.scale,
        "assay": verdict.assay_met,
        "horizon": {str(steps): word for steps, word in verdict.horizon.items()},
        "must_train": {arm: bar if np.isfinite(bar) else None for arm, bar in verdict.claim.trains},
        "dead": list(verdict.dead),
        "diverged": verdict.diverged,
        "measured": [{name: row[name] for name in MEASURED} for row in rows],
    }


def recorded_on(chapter: Chapter, scale: str) -> list[str]:
    """The dates of a record's runs."""
    record = records.record(f"{chapter.name}-{scale}")
    return sorted({about["date"] for about in record.about.values()}) if record else []
