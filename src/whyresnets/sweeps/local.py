"""Training on this machine: one process a core, one thread each."""

import ctypes
import sys
import time
import warnings
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from whyresnets.store import cache
from whyresnets.sweeps.workers import Done, Job, Part, WorkerLost, Workers
from whyresnets.training.train import train, train_together


def on_this_machine(parts: list[Part], folder: Path, jobs: int, workers: Workers) -> Generator[Done, None, None]:
    """The parts as they end; each process keeps what it has finished, whatever happens to this one."""
    from concurrent.futures.process import BrokenProcessPool

    import joblib

    tasks = (joblib.delayed(train_part)(part, folder, workers) for part in parts)
    try:
        with joblib.parallel_config("loky", inner_max_num_threads=1), warnings.catch_warnings():
            # loky replaces a worker whose memory grew, as it does from batch to batch, and says so; nothing is lost.
            warnings.filterwarnings("ignore", "A worker stopped while some jobs", UserWarning)
            yield from joblib.Parallel(n_jobs=min(jobs, len(parts)), return_as="generator_unordered")(tasks)
    except BrokenProcessPool as error:
        raise WorkerLost(
            "the system killed a worker, perhaps for want of memory: run the same command again with fewer --jobs"
        ) from error


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
    """Runs with their readings, until the time is over. One thread everywhere, so that the sums come out alike."""
    with one_thread():
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


@contextmanager
def one_thread() -> Iterator[None]:
    """Within it PyTorch computes with one thread: for many small products faster than with more, and always alike."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
