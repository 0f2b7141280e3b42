"""Training on a cluster: the workers of a Dask scheduler, which share no disk with this machine."""

import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager

import torch

from whyresnets.source import source_hash
from whyresnets.store import cache
from whyresnets.store.provenance import hardware as hardware_here
from whyresnets.sweeps.local import train_part
from whyresnets.sweeps.workers import HERE, Done, OtherCode, Part, WorkerLost, Workers, folder_of

ANSWER = 20  # seconds in which a scheduler must answer at the start; chosen by us
ONE_AT_A_TIME = threading.Lock()  # of a worker with several threads: settings of torch belong to the whole process


def on_a_cluster(parts: list[Part], workers: Workers) -> Generator[Done, None, None]:
    """The parts as they end, trained by the workers of a Dask scheduler and sent back: they share no disk with us.

    By Dask itself: joblib's back end for it trains here if there is one worker, and waits for ever if a run kills its
    workers (joblib 1.6).
    """
    from distributed import KilledWorker, as_completed
    from distributed.client import FutureCancelledError

    with _client(workers.scheduler) as client:
        done = as_completed(
            [client.submit(_train_elsewhere, part, workers, _code(), pure=False) for part in parts], loop=client.loop
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
        return hardware_here(workers.device)
    with _client(workers.scheduler) as client:
        found = sorted(client.run(hardware_here, workers.device).values())
    return "; ".join(f"{found.count(name)} workers on {name}" for name in dict.fromkeys(found))


def _code() -> str:
    return f"{source_hash()} with torch {torch.__version__.split('+')[0]}"


def _train_elsewhere(part: Part, workers: Workers, code: str) -> Done:
    """As :func:`train_part` on a worker, which keeps what it does in its own cache, too, should we be lost.

    Unless there shall be no cache.
    """
    if code != _code():
        raise OtherCode(f"a worker has code {_code()}, this machine {code}: install the same version everywhere")
    if workers.device == "cuda" and not torch.cuda.is_available():
        raise OtherCode("torch sees no CUDA device on a worker: start workers on GPUs, or use --device cpu")
    with ONE_AT_A_TIME, folder_of(workers) as folder:
        train_part([job for job in part if cache.find(folder, *job) is None], folder, workers)
        found = {job: cache.find(folder, *job) for job in part}
    return {job: readings for job, readings in found.items() if readings is not None}
