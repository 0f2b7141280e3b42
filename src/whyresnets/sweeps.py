"""Many Specs at once: over the cores of this machine, with progress, each finished run kept as it ends."""

import errno
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch

from whyresnets import data, store
from whyresnets.training import Runs, Spec, train, train_together

TOGETHER = 5  # seeds in one process, where they are trained together (chosen by us: two cores share ten)

Plan = Mapping[str, tuple[Spec, Sequence[int]]]  # arm -> what to run, with which seeds


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class WorkerLost(Exception):
    """A worker process was killed from outside; the message says what to do."""


def run(
    plan: Plan, jobs: int | None = None, device: str = "cpu", title: str = "runs", cache: bool = True
) -> dict[str, Runs]:
    """Every arm of ``plan`` with its seeds, from the cache where it is there, else trained now.

    One process a core with one thread each; the numbers do not depend on ``jobs``. Progress and time
    left go to standard error. ``cache=False`` neither reads nor keeps anything.

    Raises
    ------
    OSError
        If the cache cannot be written or read; what was finished before is kept.
    whyresnets.data.DataMissing
        If a data set is not at hand; nothing is trained then.
    WorkerLost
        If the system kills a worker; what was finished before is kept.
    """
    with _folder(device, cache) as folder:
        found = _find(folder, _asked(plan))
        missing = [job for job, readings in found.items() if readings is None]
        if missing:
            _check(missing, folder)
            _train_all(missing, folder, jobs or cores(), device, title)
            found |= _find(folder, missing)
        if lost := [job for job in missing if found[job] is None]:  # another process set them aside just then
            _train_all(lost, folder, jobs or cores(), device, title)
            found |= _find(folder, lost)
        if lost := [job for job in lost if found[job] is None]:
            raise OSError(errno.EIO, f"{len(lost)} finished runs vanished or were damaged", str(folder))
        return {
            arm: Runs.stack(spec, tuple(seeds), [found[spec, seed] for seed in seeds])
            for arm, (spec, seeds) in plan.items()
        }


def missing(plan: Plan, device: str = "cpu", cache: bool = True) -> list[tuple[Spec, int]]:
    """The runs of ``plan`` that the cache does not hold yet; all of them without a cache.

    Raises
    ------
    OSError, whyresnets.data.DataMissing
        If they could not be trained and kept: better said before than after an hour.
    """
    with _folder(device, cache) as folder:
        absent = [job for job, readings in _find(folder, _asked(plan)).items() if readings is None]
        _check(absent, folder)
        return absent


def _check(missing: Iterable[tuple[Spec, int]], folder: Path) -> None:
    """Raise now what would otherwise stop a worker later: data that are not at hand, a folder that is not writable."""
    for name in {spec.data for spec, _ in missing}:
        data.load(name)
    if missing:
        store.prepare(folder)


# Run by another interpreter, with another version of this package; it finds its task on standard input.
_ELSEWHERE = """
import json, sys
import numpy as np
from whyresnets import store, sweeps
from whyresnets.training import Spec
task = json.load(sys.stdin)
if store.source_hash() != task["source"]:
    sys.exit(3)
plan = {key: (Spec(**spec), seeds) for key, (spec, seeds) in task["plan"].items()}
runs = sweeps.run(plan, task["jobs"], title="earlier code")
np.savez(task["file"], **{f"{key}/{name}": a for key, r in runs.items() for name, a in r.arrays.items()})
"""


class OtherCode(Exception):
    """A folder does not hold the code that is needed, or it failed; the message says what to do."""


def run_by(tree: Path, source: str, plan: Plan, fields: Mapping[str, dict], jobs: int | None) -> dict[str, Runs]:
    """``plan``, run on the CPU by the package in ``tree``: a checkout of an earlier version of this repository.

    ``source`` is the hash that its code must have, ``fields`` are the Specs as it wrote them (it may know fewer).

    Raises
    ------
    OtherCode
        If ``tree`` holds another version, or its run fails.
    """
    import json
    import subprocess

    import numpy as np

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "runs.npz"
        task = {
            "plan": {key: (fields[key], list(seeds)) for key, (_, seeds) in plan.items()},
            "source": source,
            "jobs": jobs or cores(),
            "file": str(file),
        }
        environment = {**os.environ, "PYTHONPATH": str(tree.resolve() / "src")}
        command = [sys.executable, "-c", _ELSEWHERE]
        done = subprocess.run(command, input=json.dumps(task), text=True, env=environment, cwd=folder)
        if done.returncode == 3:
            raise OtherCode(f"{tree} must be a checkout of the code that last vouched for the record (source {source})")
        if done.returncode:
            raise OtherCode(
                f"the code in {tree} failed with status {done.returncode}: see above, mend it and try again"
            )
        with np.load(file, allow_pickle=False) as arrays:
            found = {key: {n.split("/")[1]: arrays[n] for n in arrays.files if n.startswith(f"{key}/")} for key in plan}
    return {key: Runs(spec, tuple(seeds), found[key]) for key, (spec, seeds) in plan.items()}


@contextmanager
def _folder(device: str, cache: bool) -> Iterator[Path]:
    if cache:
        yield store.cache_folder(device)
    else:
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)


def _asked(plan: Plan) -> list[tuple[Spec, int]]:
    return list(dict.fromkeys((spec, seed) for spec, seeds in plan.values() for seed in seeds))


def _find(folder: Path, jobs: Iterable[tuple[Spec, int]]) -> dict[tuple[Spec, int], store.Readings | None]:
    return {(spec, seed): store.find(folder, spec, seed) for spec, seed in jobs}


def _train_all(missing: list[tuple[Spec, int]], folder: Path, jobs: int, device: str, title: str) -> None:
    from concurrent.futures.process import BrokenProcessPool

    import joblib
    from tqdm import tqdm

    parts = sorted(
        _parts(missing), key=lambda part: -part[0].cost * len(part[1])
    )  # longest first: no straggler at the end
    bar = tqdm(
        total=sum(spec.cost for spec, _ in missing),
        desc=f"{title}: run 0 of {len(missing)}",
        file=sys.stderr,
        mininterval=1,
        bar_format="{desc} {percentage:3.0f}% |{bar:24}| {elapsed} gone, {remaining} left",
    )
    tasks = (joblib.delayed(_train_part)(spec, seeds, device, folder) for spec, seeds in parts)
    try:
        with bar, joblib.parallel_config("loky", inner_max_num_threads=1):
            done = joblib.Parallel(n_jobs=min(jobs, len(parts)), return_as="generator_unordered")(tasks)
            finished = 0
            for runs, cost in done:
                finished += runs
                bar.set_description(f"{title}: run {finished} of {len(missing)}", refresh=False)
                bar.update(min(cost, bar.total - bar.n))  # a sum in another order may be larger by a rounding
    except BrokenProcessPool as error:
        raise WorkerLost(
            "the system killed a worker, perhaps for want of memory: run the same command again with fewer --jobs"
        ) from error


def _parts(missing: list[tuple[Spec, int]]) -> list[tuple[Spec, list[int]]]:
    """What one process does at a time: one run, or some seeds that are trained together."""
    seeds: dict[Spec, list[int]] = {}
    for spec, seed in missing:
        seeds.setdefault(spec, []).append(seed)
    return [
        (spec, some[i : i + size])
        for spec, some in seeds.items()
        for size in [TOGETHER if spec.together else 1]
        for i in range(0, len(some), size)
    ]


def _train_part(spec: Spec, seeds: list[int], device: str, folder: Path) -> tuple[int, float]:
    """Train and keep some runs; how many, and their cost. One thread everywhere, so that the sums come out alike."""
    with one_thread():
        done = train_together(spec, seeds, device) if spec.together else [train(spec, seed, device) for seed in seeds]
    for seed, readings in zip(seeds, done, strict=True):
        store.save(folder, spec, seed, readings)
    return len(seeds), spec.cost * len(seeds)


@contextmanager
def one_thread() -> Iterator[None]:
    """Within it PyTorch computes with one thread: for many small products faster than with more, and always alike."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
