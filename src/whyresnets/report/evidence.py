"""What a chapter's evidence page tabulates: everything measured for a claim, the arms, the grids, the records."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from whyresnets.chapter import Chapter
from whyresnets.claims.verdicts import Claim, Verdict
from whyresnets.kinds import kind
from whyresnets.report.nets import best_rates
from whyresnets.report.rows import shown
from whyresnets.report.scales import provenance
from whyresnets.report.table import Table
from whyresnets.store import records

OWN_COLUMN = ("rate", "steps")  # fields of a Spec that have a column of their own
LONGEST = 4  # values of a field that are written out (chosen by us)


def anchor(claim: Claim) -> str:
    """The label of a claim's row on the evidence page; its address ends in this, in small letters.

    >>> from whyresnets.chapters import CHAPTERS
    >>> anchor(CHAPTERS[0].claims[0])
    'evidence-HE1-1'
    """
    return f"evidence-{claim.id}"


def scales(chapter: Chapter) -> tuple[str, ...]:
    """The scales at which a chapter has arms, the smallest first."""
    return ("laptop", *chapter.larger)


def verdicts(chapter: Chapter, claim: Claim) -> dict[str, Verdict]:
    """Scale -> the verdict that is printed there, where there is a record; the smallest scale first."""
    found = {scale: chapter.printed(claim, scale) for scale in scales(chapter)}
    return {scale: verdict for scale, verdict in found.items() if verdict}


def judged_on(verdict: Verdict) -> str:
    """The data on which a claim was judged, and with how many seeds: "digits, 20 seeds", say."""
    return f"{verdict.scale}, {verdict.n} seeds"


def measured(verdict: Verdict) -> Table:
    """Every condition of a claim, of its controls and of all else that is measured beside them, each with its interval.

    An interval is met, not met or open. Below: the arms that had to train, those that did not, the runs that diverged.
    """
    tests = zip(verdict.claim.roles, verdict.tests, strict=True)
    parts = [("claim", verdict.predicted), *((f"{role}: {test.says}", found) for (role, test), found in tests)]
    rows = [
        (part if i == 0 else "", str(one.condition), f"{shown(one)}: {one.status}")
        for part, found in parts
        for i, one in enumerate(found)
    ]
    return Table(("part", "predicted", "measured [95% interval]"), rows, _alive(verdict))


def _alive(verdict: Verdict) -> str:
    bars = [f"{arm} below {bar:.3g} nats" for arm, bar in verdict.claim.trains if bar < float("inf")]
    said = [f"Must train: {'; '.join(bars)}."] if bars else []
    said += [f"Had to train and did not: {', '.join(verdict.dead)}."] if verdict.dead else []
    said += [f"Runs that diverged: {verdict.diverged}."] if verdict.diverged else []
    return " ".join(said)


# --- Arms ---------------------------------------------------------------------------------------


def usual(chapter: Chapter, scale: str = "laptop") -> dict[str, Any]:
    """Field of a Spec -> the value that most arms at ``scale`` have, rates and steps apart; a field that only some
    families have is left out.
    """
    flat = [spec.flat() for spec in chapter.specs(scale).values()]
    fields = [name for name in flat[0] if all(name in one for one in flat) and name not in OWN_COLUMN]
    return {name: Counter(one[name] for one in flat).most_common(1)[0][0] for name in fields}


def protocol(chapter: Chapter, scale: str = "laptop") -> Table:
    """What holds for an arm at ``scale`` unless the table of arms says otherwise."""
    rows = [(f"`{name}`", _plain(value)) for name, value in usual(chapter, scale).items()]
    return Table(("field", "usual value"), rows)


def arms(chapter: Chapter, scale: str = "laptop") -> Table:
    """Each arm at ``scale``: its kind, rate, steps, recorded seeds, seeds of a live run, and what is not as usual."""
    recorded, base = chapter.recorded(scale), usual(chapter, scale)
    live = chapter.live() if scale == "laptop" else {}
    rows = []
    for arm, spec in chapter.specs(scale).items():
        steps, rate = spec.optimiser.steps, spec.optimiser.rate
        seeds = str(len(recorded[arm].seeds)) if arm in recorded else "not run yet"
        live_seeds = str(len(live[arm][1])) if arm in live else "none"
        drawn = kind(chapter.kinds[arm]).label
        here = (f"{rate:g}" if steps else "none", f"{steps:,}", seeds, live_seeds)
        rows.append((arm, drawn, *here, _differs(spec.flat(), base)))
    return Table(("arm", "kind", "rate", "steps", "seeds", "live", "not as usual"), rows)


def _differs(flat: Mapping[str, Any], base: Mapping[str, Any]) -> str:
    others = {name: value for name, value in flat.items() if name not in OWN_COLUMN and base.get(name, ()) != value}
    return ", ".join(f"{name} {_plain(value)}" for name, value in others.items())


def _plain(value: Any) -> str:
    match value:
        case None | "" | ():
            return "none"
        case True | False:
            return "yes" if value else "no"
        case tuple() if len(value) > LONGEST:
            return f"{value[0]} to {value[-1]} ({len(value)} values)"
        case tuple():
            return "/".join(map(_plain, value))
        case int():
            return f"{value:,}"
        case float():
            return f"{value:g}"
    return str(value)


# --- Learning rates -----------------------------------------------------------------------------


def rates(chapter: Chapter, scale: str = "laptop") -> Table:
    """The learning-rate grid of each arm, as :func:`whyresnets.report.best_rates`; the rate that the arm has, and where
    it lies in the grid.
    """
    grid = best_rates(chapter, scale)
    if records.record(chapter.grid_record(scale)) is None:
        return grid
    chosen = [_chosen(chapter, arm, scale) for arm, *_ in grid.rows]
    rows = [(arm, *place, *losses) for (arm, *losses), place in zip(grid.rows, chosen, strict=True)]
    arm, *tried = grid.head
    return Table((arm, "rate of the arm", "in the grid", *tried), rows, f"{grid.note} The lowest of a row is bold.")


def _chosen(chapter: Chapter, arm: str, scale: str) -> tuple[str, str]:
    spec = chapter.specs(scale).get(arm)
    tried = sorted(spec.optimiser.rate for spec in chapter.grids(scale)[arm])
    if spec is None:
        return "none", "no arm of that name"
    rate = spec.optimiser.rate
    place = "not in it" if rate not in tried else "at its edge" if rate in (tried[0], tried[-1]) else "interior"
    return f"{rate:g}", place


# --- Records ------------------------------------------------------------------------------------


def origins(chapter: Chapter) -> list[Table]:
    """Where the numbers come from: the record at each scale, and that of each learning-rate grid."""
    found = [provenance(chapter, scale) for scale in scales(chapter)]
    for scale in scales(chapter):
        if chapter.grids(scale):
            name = chapter.grid_record(scale).removeprefix(f"{chapter.name}-")
            found.append(Table((f"learning rates at {scale} scale", ""), provenance(chapter, name).rows))
    return found


def withdrawn(chapters: Iterable[Chapter], words: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Claim that is in no chapter any more -> its last word; ``words`` are those of each version, oldest first."""
    known = {claim.id for chapter in chapters for claim in chapter.claims}
    last: dict[str, str] = {}
    for printed in words:
        last |= {name: word for name, word in printed.items() if "," not in name and name not in known}
    return last
