"""Claims as tables: what they predict, what was measured, the verdicts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from whyresnets.chapter import Chapter
from whyresnets.claims.verdicts import Claim, Measured, Test, Verdict
from whyresnets.report.rows import Row, agreement, row, shown
from whyresnets.report.table import Table
from whyresnets.training.runs import Runs

NOT_RUN = "not run yet"
SMOKE = "Smoke scale tests only that everything runs: its verdicts mean nothing and are compared with nothing."
STALE = "The record was made with other code than today's."


def word(verdict: Verdict | None) -> str:
    """The word of a verdict with its reason, "refuted: absent", say, and where it turns; or why there is none."""
    return "".join(_said(verdict))


def _said(verdict: Verdict | None) -> tuple[str, str]:
    """The word, and what is said after it."""
    if verdict is None or verdict.word is None:
        return NOT_RUN if verdict is None else "too few seeds", ""
    why = f": {verdict.reason}" if verdict.reason else ""
    return verdict.word, f"{why}; {verdict.turns}" if verdict.turns else why


def judged(judgements: Sequence[Row], not_run: Mapping[Claim, Verdict | None] | None = None) -> Table:
    """The ledger of a run: claim, effect with interval, your verdict, the printed one with its interval, seconds.

    ``not_run`` adds claims that this run did not judge, with their printed verdicts.
    """
    lines, notes = [], []
    for judgement in judgements:
        verdict, printed = judgement.verdict, judgement.printed
        diverged = f", {verdict.diverged} diverged" if verdict.diverged else ""
        lines.append(
            (
                verdict.claim.id,
                shown(verdict.effect),
                f"{verdict.effect.condition.side} {verdict.effect.condition.threshold:g}",
                f"{word(verdict)}{diverged}{' *' if judgement.differs else ''}",
                word(printed),
                shown(printed.effect) if printed else "",
                f"{judgement.band[0]:.3f} to {judgement.band[1]:.3f}" if judgement.band else "",
                f"{verdict.seconds:.0f}",
            )
        )
        notes += [f"* {verdict.claim.id}: {line}" for line in judgement.differences]
    for claim, printed in (not_run or {}).items():
        c = claim.conditions[0]
        known = shown(printed.effect) if printed else ""
        lines.append((claim.id, "", f"{c.side} {c.threshold:g}", "not re-run", word(printed), known, "", ""))
    if any(judgement.stale for judgement in judgements):
        notes.append(STALE)
    if any(judgement.scale == "smoke" for judgement in judgements):
        notes.append(SMOKE)
    yours = ("claim", "your effect [95% interval]", "predicted", "your verdict")
    theirs = ("printed verdict", "printed effect [95% interval]", "99% band for yours", "seconds")
    notes += [said] if (said := agreement(judgements)) else []
    return Table((*yours, *theirs), lines, "\n".join(notes))


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
        rate = f"{spec.optimiser.rate:g}" if spec.optimiser.steps else "none"
        rows.append((arm, str(spec.net.depth), str(spec.optimiser.steps), rate, str(len(seeds)), seconds))
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
        for i, found in enumerate(verdict.predicted):
            first = (id, _emphasised(verdict)) if i == 0 else ("", "")
            short.append((*first, *_measured(found), fails if i == 0 else ""))
        for (role, test), all_found in zip(verdict.claim.roles, verdict.tests, strict=True):
            name = _named(role, test)
            full += [(id if i == 0 else "", name, *_measured(o)) for i, o in enumerate(all_found)]
    measured = ("predicted", "measured [95% interval]")
    return VerdictBox(
        Table(("claim", "verdict", *measured, "effect in controls"), short, _scales(verdicts)),
        Table(("claim", "control", *measured), full),
    )


def _emphasised(verdict: Verdict) -> str:
    said, why = _said(verdict)
    return f"**{said}**{why}"


def _scales(verdicts: Mapping[str, Verdict | None]) -> str:
    """The scale of these verdicts: "Judged on digits.", say; where there are several, each with its claims."""
    by_scale: dict[str, list[str]] = {}
    for id, verdict in verdicts.items():
        if verdict is not None:
            by_scale.setdefault(verdict.scale, []).append(id)
    if not by_scale:
        return ""
    each = [f"{scale} ({', '.join(ids)})" for scale, ids in by_scale.items()]
    return f"Judged on {'; '.join(each) if len(by_scale) > 1 else ''.join(by_scale)}."


def _measured(measured: Measured) -> tuple[str, str]:
    return str(measured.condition), f"{shown(measured)}: {measured.status}"
