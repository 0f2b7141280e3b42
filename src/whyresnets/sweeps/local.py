"""Training on this machine: one process a core, one thread each; or in this process alone."""

import ctypes
import os
import sys
import time
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from whyresnets.store import cache
from whyresnets.sweeps.settings import fresh_torch
from whyresnets.sweeps.workers import Done, Job, NoProcesses, Part, WorkerLost, Workers
from whyresnets.training.train import train, train_together

Task = tuple[Callable, tuple, dict[str, Any]]  # a function and its arguments, as joblib has it
Pool = Callable[[Iterable[Task]], Iterator]  # what comes back of tasks, as they end


def on_this_machine(parts: list[Part], folder: Path, jobs: int, workers: Workers) -> Generator[Done, None, None]:
    """The parts as they end; each process keeps what it has finished, whatever happens to this one.

    With one job, and where no processes can be started, which one line says, all are trained in this process.
    """
    from concurrent.futures.process import BrokenProcessPool

    tasks: list[Task] = [(train_part, (part, folder, workers), {}) for part in parts]
    try:
        with ExitStack() as stack:
            pool: Pool = serial
            try:
                pool = stack.enter_context(started(min(jobs, len(parts))))
            except NoProcesses as error:
                _tell(f"{error}: training goes on in this one")
            yield from pool(tasks)
    except BrokenProcessPool as error:
        raise WorkerLost(
            "the system killed a worker, perhaps for want of memory: "
            "run the same again with fewer --jobs, or a smaller WHYRESNETS_JOBS"
        ) from error


def serial(tasks: Iterable[Task]) -> Iterator:
    """The tasks one after the other, in this process."""
    return (function(*arguments, **named) for function, arguments, named in tasks)


@contextmanager
def started(jobs: int) -> Iterator[Pool]:
    """Processes that do tasks, one thread each; of one job this process.

    Raises
    ------
    NoProcesses
        If the system starts none.
    """
    if jobs == 1:
        yield serial
        return
    import joblib

    with ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        # loky replaces a worker whose memory grew, as it does from batch to batch, and says so; nothing is lost.
        warnings.filterwarnings("ignore", "A worker stopped while some jobs", UserWarning)
        warnings.filterwarnings("ignore", "joblib backend 'loky' is not available", UserWarning)
        try:
            stack.enter_context(joblib.parallel_config("loky", inner_max_num_threads=1))
            pool = stack.enter_context(joblib.Parallel(n_jobs=jobs, return_as="generator_unordered"))
            elsewhere = os.getpid() not in pool([joblib.delayed(os.getpid)() for _ in range(jobs)])
        except Exception as error:  # whatever the system has against it
            why = f"{type(error).__name__}: {error}"
            # Of the threads that joblib takes instead, where it may start none.
            why = "joblib has none" if isinstance(error, AssertionError) else why
            raise NoProcesses(_NONE.format(why)) from error
        if not elsewhere:
            raise NoProcesses(_NONE.format("joblib has none"))
        yield pool


_NONE = "no processes can be started here ({})"


def _tell(what: str) -> None:
    """A line on standard error, above a bar of progress if there is one."""
    from tqdm import tqdm

    tqdm.write(f"whyresnets: {what}", file=sys.stderr)


@fresh_torch()
def train_part(part: Part, folder: Path, workers: Workers) -> Done:
    """Train and keep a part, or what there is time for."""
    hold_memory()
    kept: Done = {}
    for (spec, seed), readings in _trained(part, folder, workers):
        cache.save(folder, spec, seed, readings)
        cache.Checkpoint(folder, spec, seed).remove()
        kept[spec, seed] = None
    return kept


def _trained(part: Part, folder: Path, workers: Workers) -> Iterator[tuple[Job, cache.Arrays]]:
    """Runs with their readings, until the time is over."""
    if not part or time.time() > workers.until:
        return
    if part[0][0].together:
        yield from zip(part, train_together(part, workers.device), strict=True)
        return
    for spec, seed in part:
        try:
            checkpoint = cache.Checkpoint(folder, spec, seed, workers.until)
            yield (spec, seed), train(spec, seed, workers.device, checkpoint)
        except cache.OutOfTime:
            return


def hold_memory() -> None:
    """Ask the C library of Linux to keep what is freed, for the next step: fetching it anew takes a tenth of the time.

    Elsewhere nothing happens.
    """
    if sys.platform == "linux" and hasattr(library := ctypes.CDLL(None), "mallopt"):
        for parameter, most in ((-1, 2**31 - 1), (-3, 2**30)):  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, bytes
            library.mallopt(parameter, most)
