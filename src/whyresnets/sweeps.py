"""Many Specs at once: over the cores of this machine or a cluster, with progress, each finished run kept as it ends."""

import errno
import math
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from whyresnets import data, store
from whyresnets.training import Runs, Spec, train, train_together

TOGETHER = 5  # seeds in one process, where they are trained together (chosen by us: two cores share ten)

Plan = Mapping[str, tuple[Spec, Sequence[int]]]  # arm -> what to run, with which seeds


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class Workers:
    """Who trains.

    Attributes
    ----------
    device : "cpu" or "cuda"
    scheduler : address of a Dask scheduler, whose workers train; "": processes of this machine
    until : when to stop, in seconds since 1970: what is not finished then is kept as a checkpoint
    cache : whether anything is read or kept
    """

    device: str = "cpu"
    scheduler: str = ""
    until: float = math.inf
    cache: bool = True


HERE = Workers()
WITHOUT_CACHE = Workers(cache=False)  # for tests and exercises


class WorkerLost(Exception):
    """A worker process was killed from outside, or the scheduler of a cluster is lost; the message says what to do."""


def run(plan: Plan, jobs: int | None = None, title: str = "runs", workers: Workers = HERE) -> dict[str, Runs]:
    """Every arm of ``plan`` with its seeds, from the cache where it is there, else trained now.

    One process a core with one thread each, or the workers of a cluster; the numbers do not depend on how many.
    Progress and time left go to standard error.

    Raises
    ------
    OSError
        If the cache cannot be written or read; what was finished before is kept.
    whyresnets.data.DataMissing
        If a data set is not at hand; nothing is trained then.
    WorkerLost
        If the system kills a worker, or a cluster its scheduler; what was finished before is kept.
    OtherCode
        If a worker of the cluster has another version of this package or of torch.
    whyresnets.store.OutOfTime
        If the time of ``workers`` is over before all is done; what was done is kept.
    """
    with _folder(workers) as folder:
        found = _find(folder, _asked(plan))
        missing = [job for job, readings in found.items() if readings is None]
        if missing:
            _check(missing, folder, here=not workers.scheduler)
            _train_all(missing, folder, jobs or cores(), title, workers)
            found |= _find(folder, missing)
        if lost := [job for job in missing if found[job] is None]:  # another process set them aside just then
            _train_all(lost, folder, jobs or cores(), title, workers)
            found |= _find(folder, lost)
        if lost := [job for job in lost if found[job] is None]:
            raise OSError(errno.EIO, f"{len(lost)} finished runs vanished or were damaged", str(folder))
        return {
            arm: Runs.stack(spec, tuple(seeds), [found[spec, seed] for seed in seeds])
            for arm, (spec, seeds) in plan.items()
        }


def missing(plan: Plan, workers: Workers = HERE) -> list[tuple[Spec, int]]:
    """The runs of ``plan`` that the cache does not hold yet; all of them without a cache.

    Raises
    ------
    OSError, whyresnets.data.DataMissing
        If they could not be trained and kept: better said before than after an hour.
    """
    with _folder(workers) as folder:
        absent = [job for job, readings in _find(folder, _asked(plan)).items() if readings is None]
        _check(absent, folder, here=not workers.scheduler)
        return absent


def _check(missing: Iterable[tuple[Spec, int]], folder: Path, here: bool) -> None:
    """Raise now what would otherwise stop a worker later: data that are not at hand, a folder that is not writable."""
    for name in {spec.data for spec, _ in missing if here}:
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
    """A folder or a worker does not have what is needed, or it failed; the message says what to do."""


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
def _folder(workers: Workers) -> Iterator[Path]:
    if workers.cache:
        yield store.cache_folder(workers.device)
    else:
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)


def _asked(plan: Plan) -> list[tuple[Spec, int]]:
    return list(dict.fromkeys((spec, seed) for spec, seeds in plan.values() for seed in seeds))


def _find(folder: Path, jobs: Iterable[tuple[Spec, int]]) -> dict[tuple[Spec, int], store.Readings | None]:
    return {(spec, seed): store.find(folder, spec, seed) for spec, seed in jobs}


Part = tuple[Spec, list[int]]  # what one process does at a time: one run, or some seeds that are trained together
Done = tuple[Part, dict[int, store.Readings | None]]  # a part, and what there was time for; None: already kept


def _train_all(missing: list[tuple[Spec, int]], folder: Path, jobs: int, title: str, workers: Workers) -> None:
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
    done = _on_a_cluster(parts, workers) if workers.scheduler else _on_this_machine(parts, folder, jobs, workers)
    finished = 0
    with bar, closing(done):
        for (spec, _), found in done:
            for seed, readings in found.items():
                if readings is not None:
                    store.save(folder, spec, seed, readings)
            finished += len(found)
            bar.set_description(f"{title}: run {finished} of {len(missing)}", refresh=False)
            bar.update(min(spec.cost * len(found), bar.total - bar.n))  # a sum in another order may be larger
    if finished < len(missing) and time.time() > workers.until:
        raise store.OutOfTime


def _parts(missing: list[tuple[Spec, int]]) -> list[Part]:
    seeds: dict[Spec, list[int]] = {}
    for spec, seed in missing:
        seeds.setdefault(spec, []).append(seed)
    return [
        (spec, some[i : i + size])
        for spec, some in seeds.items()
        for size in [TOGETHER if spec.together else 1]
        for i in range(0, len(some), size)
    ]


def _on_this_machine(parts: list[Part], folder: Path, jobs: int, workers: Workers) -> Iterator[Done]:
    """The parts as they end; each process keeps what it has finished, whatever happens to this one."""
    from concurrent.futures.process import BrokenProcessPool

    import joblib

    tasks = (joblib.delayed(_train_part)(*part, folder, workers) for part in parts)
    try:
        with joblib.parallel_config("loky", inner_max_num_threads=1):
            yield from joblib.Parallel(n_jobs=min(jobs, len(parts)), return_as="generator_unordered")(tasks)
    except BrokenProcessPool as error:
        raise WorkerLost(
            "the system killed a worker, perhaps for want of memory: run the same command again with fewer --jobs"
        ) from error


def _train_part(spec: Spec, seeds: list[int], folder: Path, workers: Workers) -> Done:
    """Train and keep a part, or what there is time for."""
    kept: dict[int, store.Readings | None] = {}
    for seed, readings in _trained(spec, seeds, folder, workers):
        store.save(folder, spec, seed, readings)
        store.Checkpoint(folder, spec, seed).remove()
        kept[seed] = None
    return (spec, seeds), kept


def _trained(spec: Spec, seeds: list[int], folder: Path, workers: Workers) -> Iterator[tuple[int, store.Readings]]:
    """Seeds with their readings, until the time is over. One thread everywhere, so that the sums come out alike."""
    with one_thread():
        if time.time() > workers.until:
            return
        if spec.together:
            yield from zip(seeds, train_together(spec, seeds, workers.device), strict=True)
            return
        for seed in seeds:
            try:
                yield seed, train(spec, seed, workers.device, store.Checkpoint(folder, spec, seed, workers.until))
            except store.OutOfTime:
                return


@contextmanager
def one_thread() -> Iterator[None]:
    """Within it PyTorch computes with one thread: for many small products faster than with more, and always alike."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


# --- A cluster --------------------------------------------------------------------------------------

ANSWER = 20  # seconds in which a scheduler must answer at the start; chosen by us
ONE_AT_A_TIME = threading.Lock()  # of a worker with several threads: settings of torch belong to the whole process


def _on_a_cluster(parts: list[Part], workers: Workers) -> Iterator[Done]:
    """The parts as they end, trained by the workers of a Dask scheduler and sent back: they share no disk with us.

    By Dask itself: joblib's back end for it trains here if there is one worker, and waits for ever if a run kills its
    workers (joblib 1.6).
    """
    from distributed import KilledWorker, as_completed
    from distributed.client import FutureCancelledError

    with _client(workers.scheduler) as client:
        done = as_completed(
            [client.submit(_train_elsewhere, *part, workers, _code(), pure=False) for part in parts], loop=client.loop
        )
        for future in done:
            try:
                part = future.result()
            except FutureCancelledError as error:
                raise WorkerLost(_LOST.format(workers.scheduler)) from error
            except KilledWorker as error:
                raise WorkerLost(
                    "a run lost its worker several times, for want of memory or of time: give workers more"
                ) from error
            future.release()  # or Dask would do it again, if the worker that still holds it were lost
            yield part


_LOST = "the scheduler at {} is lost: start it and its workers again"


@contextmanager
def _client(scheduler: str) -> Iterator:
    """A connection to the scheduler, once it has workers. Dask tells of every try otherwise."""
    from distributed import Client

    with _silent("distributed", "distributed.client"):
        try:
            client = Client(scheduler, timeout=ANSWER, set_as_default=False)
        except (OSError, ValueError) as error:
            raise WorkerLost(f"no Dask scheduler answers at {scheduler}: start one, or name its address") from error
        with client:
            try:
                client.wait_for_workers(1, timeout=ANSWER)
            except TimeoutError as error:
                raise WorkerLost(f"the scheduler at {scheduler} has no workers: start some") from error
            except OSError as error:
                raise WorkerLost(_LOST.format(scheduler)) from error
            yield client


@contextmanager
def _silent(*names: str) -> Iterator[None]:
    import logging

    levels = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


def hardware(workers: Workers = HERE) -> str:
    """What trains: the processor or GPU of this machine, or those of a cluster's workers."""
    if not workers.scheduler:
        return store.hardware(workers.device)
    with _client(workers.scheduler) as client:
        found = sorted(client.run(store.hardware, workers.device).values())
    return "; ".join(f"{found.count(name)} workers on {name}" for name in dict.fromkeys(found))


def _code() -> str:
    return f"{store.source_hash()} with torch {torch.__version__.split('+')[0]}"


def _train_elsewhere(spec: Spec, seeds: list[int], workers: Workers, code: str) -> Done:
    """As :func:`_train_part` on a worker, which keeps what it does in its own cache, too, should we be lost.

    Unless there shall be no cache.
    """
    if code != _code():
        raise OtherCode(f"a worker has code {_code()}, this machine {code}: install the same version everywhere")
    if workers.device == "cuda" and not torch.cuda.is_available():
        raise OtherCode("torch sees no CUDA device on a worker: start workers on GPUs, or use --device cpu")
    with ONE_AT_A_TIME, _folder(workers) as folder:
        known = {seed: store.find(folder, spec, seed) for seed in seeds}
        _train_part(spec, [seed for seed, readings in known.items() if readings is None], folder, workers)
        found = {seed: store.find(folder, spec, seed) for seed in seeds}
    return (spec, seeds), {seed: readings for seed, readings in found.items() if readings is not None}
