"""What records are made of: which arms, with which seeds; and whether today's code still makes them."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from whyresnets import data, report, sweeps
from whyresnets.chapter import Chapter, NotBuilt
from whyresnets.claims.verdicts import RECORD_SEEDS, Claim
from whyresnets.nets.architecture import skips_layers
from whyresnets.spec import Spec
from whyresnets.store import records
from whyresnets.sweeps import Plan, Workers
from whyresnets.training.runs import Runs

SHORT = 25  # steps of the runs that compare two versions of the code: more than an epoch of digits (chosen by us)
CONFIRMED = ("smoke", "laptop", "workstation")  # scales; records at paper scale are made on GPUs, which round otherwise
TUNING = 10000  # the first seed of a grid


def plan_of(chapter: Chapter, claims: Iterable[Claim], scale: str, first_seed: int, seeds: int | None) -> Plan:
    """Every arm of the claims with as many seeds as the most demanding of them asks for; so many, if ``seeds`` says."""
    specs = chapter.specs(scale)
    counts: dict[str, int] = {}
    for claim in claims:
        count = seeds or report.seeds_to_judge(claim, scale)
        for arm in claim.arms:
            counts[arm] = max(count, counts.get(arm, 0))
    return {arm: (specs[arm], range(first_seed, first_seed + count)) for arm, count in counts.items()}


def record_plan(
    chapter: Chapter, claims: list[Claim], scale: str, first_seed: int, seeds: int | None, whole: bool
) -> tuple[str, Plan]:
    """The name of a record, and what to run for it; ``whole``: the arms that are only shown, too.

    Where ``seeds`` does not say how many, what has more than usual keeps them. What the chapter asks none of is left
    out.

    Raises
    ------
    whyresnets.store.records.RecordDamaged
        If it would replace more seeds by fewer.
    """
    name = f"{chapter.name}-{scale}"
    arms = chapter.specs(scale) if whole else {a: s for a, (s, _) in plan_of(chapter, claims, scale, 0, 1).items()}
    recorded = chapter.recorded(scale, first_seed) if seeds is None else {}
    usual = {arm: seeds or seeds_of(chapter, arm, scale, first_seed) for arm in arms}
    counts = {arm: max(usual[arm], len(recorded[arm].seeds) if arm in recorded else 0) for arm in arms}
    plan = {arm: (spec, range(first_seed, first_seed + counts[arm])) for arm, spec in arms.items() if counts[arm]}
    records.refuse_fewer(name, plan.values())
    return name, plan


def seeds_of(chapter: Chapter, arm: str, scale: str, first_seed: int = 0) -> int:
    """How many seeds of an arm its record has from ``first_seed`` up: as many as usual, or as the chapter says."""
    if scale != "laptop" or arm not in chapter.seeds:
        return report.seeds_to_record(scale)
    return chapter.seeds[arm].unseen if first_seed else chapter.seeds[arm].printed


def grid_plan(chapter: Chapter, scale: str) -> tuple[str, Plan]:
    """The name of the record of the grids at ``scale``, and what to run for it.

    Raises
    ------
    whyresnets.chapter.NotBuilt
        If rates are not tuned there.
    """
    plan = {
        f"{arm} at {spec.optimiser.rate:g}": (spec, range(TUNING, TUNING + _tuned_with(chapter, arm, scale, spec)))
        for arm, specs in chapter.grids(scale).items()
        for spec in specs
    }
    if not plan:
        raise NotBuilt(f"{chapter.name} has no learning-rate grid at {scale} scale: leave out --grid")
    name = chapter.grid_record(scale)
    records.refuse_fewer(name, plan.values())
    return name, plan


def _tuned_with(chapter: Chapter, arm: str, scale: str, spec: Spec) -> int:
    """How many seeds a rate of an arm's grid has: as the chapter says, or as usual."""
    return chapter.seeds[arm].tuning if scale == "laptop" and arm in chapter.seeds else _tuning_seeds(spec)


def _tuning_seeds(spec: Spec) -> int:
    """Five a rate, three where a run is long, two for an epoch of CIFAR-10, twenty in the order "post"."""
    if skips_layers(spec.net):
        return RECORD_SEEDS
    return 3 if spec.optimiser.steps > 500 else 2 if spec.task.data == "cifar10" else 5


def keep(chapter: Chapter, name: str, runs: dict[str, Runs], scale: str, grid: bool, trained_on: str) -> Path:
    """Add runs to the record called ``name``, as small as the chapter says; where it stands."""
    found = {arm: records.without(kept, chapter.unread) for arm, kept in runs.items()}
    whole = [kept for arm, kept in found.items() if arm in chapter.whole]
    others = [kept for arm, kept in found.items() if arm not in chapter.whole]
    path = records.RECORDS / f"{name}.json"
    for some, small in ((others, chapter.compact or scale == "paper"), (whole, False)):
        if some:
            path = records.write_record(name, some, trained_on, small, not grid)
    return path


def one_by_one(
    chapter: Chapter, name: str, plan: Plan, scale: str, grid: bool, jobs: int, workers: Workers
) -> Iterator[tuple[str, int]]:
    """Train what the record called ``name`` does not hold, seed by seed, and add each run as it ends; which they are.

    As many at a time as ``jobs``. For runs of an hour: a kill loses none that ended, a machine that forgets its cache
    neither, and what is recorded is not run again.
    """
    waiting = [(arm, spec, seed) for seed, arm, spec in _by_seed(plan) if not _holds(name, spec, seed)]
    trained_on = sweeps.hardware(workers)
    for first in range(0, len(waiting), jobs):
        some = {f"{arm}, seed {seed}": (spec, [seed]) for arm, spec, seed in waiting[first : first + jobs]}
        runs = sweeps.run(some, jobs, name, workers)
        keep(chapter, name, runs, scale, grid, trained_on)
        yield from ((arm, seed) for arm, _, seed in waiting[first : first + jobs])


def _by_seed(plan: Plan) -> Iterator[tuple[int, str, Spec]]:
    """Every run of a plan, all arms of a seed before the next seed: what is half finished is paired."""
    depth = max((len(seeds) for _, seeds in plan.values()), default=0)
    for k in range(depth):
        yield from ((seeds[k], arm, spec) for arm, (spec, seeds) in plan.items() if k < len(seeds))


def _holds(name: str, spec: Spec, seed: int) -> bool:
    """Whether the record called ``name`` has that run, as today's code makes it."""
    record = records.record(name)
    return record is not None and any(
        known == spec and seed in record.about[key]["seeds"] and key not in record.stale
        for key, known in record.specs.items()
    )


def drop_unused(chapter: Chapter, scale: str) -> dict[str, list[str]]:
    """Drop from a chapter's records at ``scale``, that of its grids included, what no arm and no grid is made of.

    Name of a record -> the entries that were dropped.
    """
    tried = {spec for specs in chapter.grids(scale).values() for spec in specs}
    used = {f"{chapter.name}-{scale}": set(chapter.specs(scale).values()), chapter.grid_record(scale): tried}
    return {name: records.keep_only(name, specs) for name, specs in used.items() if records.record(name)}


# --- Two versions of the code -------------------------------------------------------------------


def names_of(chapters: Iterable[Chapter]) -> list[str]:
    """The names of the records that can be confirmed here, those that exist."""
    names = [
        name
        for chapter in chapters
        for scale in CONFIRMED
        for name in (f"{chapter.name}-{scale}", chapter.grid_record(scale))
    ]
    return [name for name in sorted(set(names)) if (records.RECORDS / f"{name}.json").exists()]


def at_hand(specs: Iterable[Spec]) -> set[str]:
    """The names of the data sets of some Specs that are on this machine."""
    found = set()
    for name in {spec.task.data for spec in specs}:
        try:
            data.load(name)
            found.add(name)
        except data.DataMissing:
            continue
    return found


def rehearse(chapters: Iterable[Chapter], jobs: int | None, workers: Workers) -> tuple[records.Record, dict[str, int]]:
    """The first seed of every entry of every record, cut to :data:`SHORT` steps, as today's code runs it.

    And name of a record -> how many of its entries were left out, as their data are not at hand.
    """
    cut: dict[str, tuple[Spec, list[int]]] = {}
    left: dict[str, int] = {}
    for name in names_of(chapters):
        record = _known(name)
        here = at_hand(record.specs.values())
        for key, spec in record.specs.items():
            if spec.task.data in here:
                cut[f"{name} {key}"] = spec.cut(SHORT), record.about[key]["seeds"][:1]
            else:
                left[name] = left.get(name, 0) + 1
    return records.of(sweeps.run(cut, jobs, "rehearsal", workers).values()), left


def confirm(
    name: str, seeds: int, jobs: int | None, workers: Workers, earlier: records.Record | None = None
) -> tuple[list[str], list[str], list[str]]:
    """Run the first ``seeds`` of every entry that other code made again; the entries alike, different, not compared.

    With ``earlier``, a rehearsal of the code that last vouched for the record, runs as short as those are compared.
    """
    record = _known(name)
    stale = {key: record.specs[key] for key in record.stale}
    here = at_hand(stale.values())
    plan: dict[str, tuple[Spec, list[int]]] = {}
    for key, spec in stale.items():
        first = record.about[key]["seeds"]
        if earlier is None:
            plan[key] = spec, first[:seeds]
        elif _source(earlier, spec.cut(SHORT), first[0]) == record.vouched(key):
            plan[key] = spec.cut(SHORT), first[:1]
    plan = {key: asked for key, asked in plan.items() if stale[key].task.data in here}
    again = sweeps.run(plan, jobs, name, workers) if plan else {}
    differ = records.confirm(name, again, earlier) if again else []
    return [k for k in again if k not in differ], differ, [k for k in stale if k not in again]


def _source(rehearsal: records.Record, cut: Spec, seed: int) -> str | None:
    """The source hash of the code that rehearsed a Spec with a seed, None if it was not."""
    key = rehearsal.entries.get((cut, seed))
    return rehearsal.about[key]["source"] if key else None


def _known(name: str) -> records.Record:
    found = records.record(name)
    assert found is not None, name
    return found
