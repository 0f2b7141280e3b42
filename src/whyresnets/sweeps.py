"""Many Specs at once: over the cores of this machine, with progress, each finished run kept as it ends."""

import os
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path

import torch

from whyresnets import store
from whyresnets.training import Runs, Spec, train

Plan = Mapping[str, tuple[Spec, Sequence[int]]]  # arm -> what to run, with which seeds


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run(
    plan: Plan, jobs: int | None = None, device: str = "cpu", title: str = "runs", cache: bool = True
) -> dict[str, Runs]:
    """Every arm of ``plan`` with its seeds, from the cache where it is there, else trained now.

    One process a core with one thread each (1.7 times as fast as threads within a run); the
    numbers do not depend on ``jobs``. Progress and time left go to standard error.
    ``cache=False`` neither reads nor keeps anything.
    """
    with nullcontext(store.cache_folder(device)) if cache else tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        missing = _missing(folder, plan.values())
        if missing:
            _train_all(missing, folder, jobs or cores(), device, title)
        return {
            arm: Runs.stack(spec, tuple(seeds), [store.find(folder, spec, seed) for seed in seeds])
            for arm, (spec, seeds) in plan.items()
        }


def missing(plan: Plan, device: str = "cpu", cache: bool = True) -> list[tuple[Spec, int]]:
    """The runs of ``plan`` that the cache does not hold yet; all of them without a cache."""
    with nullcontext(store.cache_folder(device)) if cache else tempfile.TemporaryDirectory() as folder:
        return _missing(Path(folder), plan.values())


def _missing(folder: Path, wanted: Iterable[tuple[Spec, Sequence[int]]]) -> list[tuple[Spec, int]]:
    jobs = dict.fromkeys((spec, seed) for spec, seeds in wanted for seed in seeds)
    return [(spec, seed) for spec, seed in jobs if store.find(folder, spec, seed) is None]


def _train_all(missing: list[tuple[Spec, int]], folder: Path, jobs: int, device: str, title: str) -> None:
    import joblib
    from tqdm import tqdm

    missing = sorted(missing, key=lambda job: -job[0].cost)  # longest first: no straggler at the end
    bar = tqdm(
        total=sum(spec.cost for spec, _ in missing),
        desc=f"{title}: run 0 of {len(missing)}",
        file=sys.stderr,
        mininterval=1,
        bar_format="{desc} {percentage:3.0f}% |{bar:24}| {elapsed} gone, {remaining} left",
    )
    tasks = (joblib.delayed(_train_one)(spec, seed, device, folder) for spec, seed in missing)
    with bar, joblib.parallel_config("loky", inner_max_num_threads=1):
        done = joblib.Parallel(n_jobs=min(jobs, len(missing)), return_as="generator_unordered")(tasks)
        for i, cost in enumerate(done, start=1):
            bar.set_description(f"{title}: run {i} of {len(missing)}", refresh=False)
            bar.update(cost)


def _train_one(spec: Spec, seed: int, device: str, folder: Path) -> float:
    """Train and keep one run; its cost. One thread everywhere, so that the sums come out alike."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        store.save(folder, spec, seed, train(spec, seed, device))
    finally:
        torch.set_num_threads(threads)
    return spec.cost
