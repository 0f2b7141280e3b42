"""Many Specs at once: over the cores of this machine or a cluster, with progress, each finished run kept as it ends."""

import errno
import math
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path

from whyresnets import checks, data
from whyresnets.spec import Spec
from whyresnets.store import cache
from whyresnets.sweeps.cluster import on_a_cluster
from whyresnets.sweeps.cost import core_seconds, megabytes
from whyresnets.sweeps.local import on_this_machine
from whyresnets.sweeps.machine import cores, processes
from whyresnets.sweeps.settings import fresh_torch
from whyresnets.sweeps.workers import HERE, Job, Part, Plan, Workers, folder_of
from whyresnets.training.runs import Runs

TOGETHER = 10  # nets in one batch at most: more are hardly faster a net (chosen by us, as measured)
MEGABYTES = 500  # of memory that a batch may take (chosen by us: eight workers fit a laptop)

EXAMPLE = '{"mine": (spec, range(5))}'


def run(plan: Plan, jobs: int | None = None, title: str = "runs", workers: Workers = HERE) -> dict[str, Runs]:
    """Every arm of ``plan`` with its seeds, from the cache where it is there, else trained now.

    In so many processes of one thread each as :func:`whyresnets.sweeps.machine.processes` says; in this one if that is
    one, or none can be started. Or by the workers of a cluster. The numbers do not depend on how many there are, nor on
    what is set in torch. Progress and time left go to standard error.

    Raises
    ------
    ValueError, TypeError
        If the plan is no Spec with distinct seeds for each arm; nothing is trained then.
    BadNumber
        If that many processes cannot be.
    OSError
        If the cache cannot be written or read; what was finished before is kept.
    whyresnets.data.DataMissing
        If a data set is not at hand; nothing is trained then.
    WorkerLost
        If the system kills a worker, or a cluster its scheduler; what was finished before is kept.
    OtherCode
        If a worker of the cluster has another version of this package or of torch.
    whyresnets.store.cache.OutOfTime
        If the time of ``workers`` is over before all is done; what was done is kept.
    """
    plan = _checked(plan)
    jobs = cores() if workers.scheduler else processes(jobs, workers.device)
    with folder_of(workers) as folder:
        found = _find(folder, _asked(plan))
        missing = [job for job, readings in found.items() if readings is None]
        if missing:
            _check(missing, folder, here=not workers.scheduler)
            _train_all(missing, folder, jobs, title, workers)
            found |= _find(folder, missing)
        if lost := [job for job in missing if found[job] is None]:  # another process set them aside just then
            _train_all(lost, folder, jobs, title, workers)
            found |= _find(folder, lost)
        if lost := [job for job in lost if found[job] is None]:
            raise OSError(errno.EIO, f"{len(lost)} finished runs vanished or were damaged", str(folder))
        kept = {job: readings for job, readings in found.items() if readings is not None}
        stacked = {
            arm: Runs.stack(spec, tuple(seeds), [kept[spec, seed] for seed in seeds])
            for arm, (spec, seeds) in plan.items()
        }
        return checks.Named("arm", stacked)


def missing(plan: Plan, workers: Workers = HERE) -> list[Job]:
    """The runs of ``plan`` that the cache does not hold yet; all of them without a cache.

    Raises
    ------
    OSError, whyresnets.data.DataMissing
        If they could not be trained and kept: better said before than after an hour.
    ValueError, TypeError
        If the plan is no Spec with distinct seeds for each arm.
    """
    plan = _checked(plan)
    with folder_of(workers) as folder:
        absent = [job for job, readings in _find(folder, _asked(plan)).items() if readings is None]
        _check(absent, folder, here=not workers.scheduler)
        return absent


def _checked(plan: Plan) -> Plan:
    """The plan with its seeds as plain whole numbers: a seed says which run it is, and counts once."""
    if not isinstance(plan, Mapping):
        raise TypeError(f"plan {checks.said(plan)} is impossible: choose a dictionary, such as {EXAMPLE}")
    found = {}
    for arm, asked in plan.items():
        if not (isinstance(asked, tuple | list) and len(asked) == 2):
            raise TypeError(f"{arm}: {checks.said(asked)} is impossible: choose a Spec and seeds, such as {EXAMPLE}")
        spec, seeds = asked
        found[arm] = checks.one(f"{arm}: spec", spec, Spec), checks.seeds(f"{arm}: seeds", seeds)
    return found


def _check(missing: Iterable[Job], folder: Path, here: bool) -> None:
    """Raise now what would otherwise stop a worker later: data that are not at hand, a folder that is not writable."""
    with fresh_torch():
        for name in {spec.task.data for spec, _ in missing if here}:
            data.load(name)
    if missing:
        cache.prepare(folder)


def _asked(plan: Plan) -> list[Job]:
    return list(dict.fromkeys((spec, seed) for spec, seeds in plan.values() for seed in seeds))


def _find(folder: Path, jobs: Iterable[Job]) -> dict[Job, cache.Arrays | None]:
    return {(spec, seed): cache.find(folder, spec, seed) for spec, seed in jobs}


def _train_all(missing: list[Job], folder: Path, jobs: int, title: str, workers: Workers) -> None:
    from tqdm import tqdm

    # Longest first: no straggler at the end.
    parts = sorted(parts_of(missing, jobs), key=lambda part: -core_seconds(part[0][0]) * len(part))
    left = sum(core_seconds(spec) for spec, _ in missing)
    bar = tqdm(
        total=left,
        desc=f"{title}: run 0 of {len(missing)}",
        file=sys.stderr,
        mininterval=1,
        bar_format="{desc} {percentage:3.0f}% |{bar:24}| {elapsed} gone, {remaining} left",
    )
    done = on_a_cluster(parts, workers) if workers.scheduler else on_this_machine(parts, folder, jobs, workers)
    finished = 0
    with bar, closing(done):
        for found in done:
            for (spec, seed), readings in found.items():
                if readings is not None:
                    cache.save(folder, spec, seed, readings)
            finished += len(found)
            bar.set_description(f"{title}: run {finished} of {len(missing)}", refresh=False)
            worth = sum(core_seconds(spec) for spec, _ in found)
            bar.update(min(worth, left - bar.n))  # a sum in another order may be larger
    if finished < len(missing) and time.time() > workers.until:
        raise cache.OutOfTime


def parts_of(missing: list[Job], jobs: int) -> list[Part]:
    """Runs one by one; those that differ in seed and rate only, where they are trained together, in batches.

    As many batches as processes at least, where there are enough runs, and none above :data:`MEGABYTES`.
    """
    alike: dict[Spec, list[Job]] = {}
    for spec, seed in missing:
        alike.setdefault(spec.but(rate=1.0) if spec.together else spec, []).append((spec, seed))
    several = sum(len(some) for spec, some in alike.items() if spec.together)
    share = max(2, math.ceil(several / jobs))
    return [
        some[i : i + size]
        for spec, some in alike.items()
        for size in [min(TOGETHER, share, max(1, int(MEGABYTES / megabytes(spec)))) if spec.together else 1]
        for i in range(0, len(some), size)
    ]
