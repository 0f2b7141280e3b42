"""A reader's run beside the record: each claim judged again, and whether it agrees, in words."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from whyresnets.chapter import Chapter
from whyresnets.claims.verdicts import (
    FEWEST_SEEDS,
    LIVE_SEEDS,
    RECORD_SEEDS,
    Claim,
    Measured,
    Verdict,
    effect_band,
    judge,
)
from whyresnets.stats import BAND
from whyresnets.store import records
from whyresnets.store.provenance import hardware, versions
from whyresnets.training.runs import Runs


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
        if self.printed is None or not self.differs:
            return []
        pairs = zip(_everything(self.verdict), _everything(self.printed), strict=True)
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
            "reason": verdict.reason,
            "printed_verdict": self.printed.word if self.printed else None,
            **_numbers(effect),
            "threshold": effect.condition.threshold,
            "n": verdict.n,
            "control": {**_numbers(control), "fails": verdict.controls_fail} if control else None,
            "assay": verdict.assay_met,
            "horizon": {str(steps): word for steps, word in verdict.horizon.items()},
            "scale": verdict.scale,
            "run_at": self.scale,
            "seconds": round(verdict.seconds, 1),
            "versions": versions(),
            "hardware": hardware(),
            "diverged": verdict.diverged,
        }


def _everything(verdict: Verdict) -> list[Measured]:
    return [measured for found in (verdict.predicted, *verdict.tests) for measured in found]


def seeds_to_judge(claim: Claim, scale: str) -> int:
    """How many seeds a claim is judged with: live ones as many as they say, the others as many as their record has."""
    if scale == "smoke":
        return LIVE_SEEDS
    return claim.seeds if claim.live and scale == "laptop" else seeds_to_record(scale)


def seeds_to_record(scale: str) -> int:
    """How many seeds a record has: 20 on a laptop, as few as a verdict needs where a run takes minutes or hours."""
    return RECORD_SEEDS if scale == "laptop" else FEWEST_SEEDS


def row(chapter: Chapter, claim: Claim, runs: Mapping[str, Runs], scale: str = "laptop") -> Row:
    """``claim`` judged from the seeds that all its arms have, beside the printed verdict."""
    n = min(len(runs[arm].seeds) for arm in claim.arms)
    runs = {arm: runs[arm].first(n) for arm in claim.arms}
    verdict, printed = judge(claim, runs), chapter.printed(claim, scale)
    effect = verdict.effect.condition.effect
    recorded = chapter.recorded(scale)
    if printed and n > RECORD_SEEDS - FEWEST_SEEDS:  # too few others there: those that nobody looks at
        recorded = chapter.recorded(scale, 1000) or recorded
    banded = printed and scale == "laptop"  # at larger scales a record has only seeds that a reader runs, too
    band = effect_band(effect, recorded, runs) if banded else None
    if band and band[0] == band[1]:  # the seeds left do not vary: then all that were recorded say what is usual
        values = effect.values(chapter.recorded(scale))
        band = float(values.min()), float(values.max())
    stale = chapter.stale(scale) if printed else False
    return Row(verdict, printed, band, stale, scale, unlike_the_record(chapter, scale) if printed else ())


def unlike_the_record(chapter: Chapter, scale: str = "laptop") -> tuple[str, ...]:
    """In what this machine differs from those on which the record was made: processor and versions, in words."""
    record = records.record(f"{chapter.name}-{scale}")
    about = record.about.values() if record else ()
    here = {"processor": hardware().split(",")[0], **versions()}
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
    too_many = outside and _at_least(len(outside), len(banded)) < 1 - BAND
    if differing:
        words = [
            f"{r.verdict.claim.id} is {r.verdict.word} here and {r.printed.word} there" for r in differing if r.printed
        ]
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

    return float(binom.sf(outside - 1, banded, 1 - BAND))


def _look_at(rows: Sequence[Row], culprits: Sequence[Row]) -> str:
    dead = sorted({arm for row in culprits for arm in row.verdict.dead})
    other = sorted({name for row in rows for name in row.other})
    scale = "" if rows[0].scale == "laptop" else f" --scale {rows[0].scale}"
    looks = [f"{', '.join(dead)}, which had to train and did not"] if dead else []
    looks += [f"what is not as in the record: {'; '.join(other)}"] if other else []
    again = f"`whyresnets judge {culprits[0].verdict.claim.id}{scale} --seeds 20 --first-seed 2000`"
    looks.append(f"whether it stays on seeds that are not in the record: {again}")
    return f"Look at {'; then at '.join(looks[:-1])}{'; then ' if looks[:-1] else ''}{looks[-1]}."


def _numbers(measured: Measured) -> dict[str, float | None]:
    """Mean and interval as JSON can hold them: None for NaN and infinities."""
    i = measured.interval
    values = {"effect": i.mean, "low": i.low, "high": i.high}
    return {name: round(v, 6) if math.isfinite(v) else None for name, v in values.items()}


def shown(measured: Measured) -> str:
    """An effect with its interval and unit, as text."""
    mean, low, high = (f"{v:z.3f}" for v in (measured.interval.mean, measured.interval.low, measured.interval.high))
    return f"{mean} [{low}, {high}] {measured.condition.unit}".strip()
