"""Who trains, and what is said when they cannot."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from whyresnets.spec import Spec
from whyresnets.store.cache import Arrays, cache_folder

Plan = Mapping[str, tuple[Spec, Sequence[int]]]  # arm -> what to run, with which seeds
Job = tuple[Spec, int]  # a run: what, with which seed
Part = list[Job]  # what one process does at a time: one run, or some that are trained together
Done = dict[Job, Arrays | None]  # of a part, what there was time for; None: already kept


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


class NoProcesses(WorkerLost):
    """The system starts no processes; the message says why."""


class OtherCode(Exception):
    """A folder or a worker does not have what is needed, or it failed; the message says what to do."""


@contextmanager
def folder_of(workers: Workers) -> Iterator[Path]:
    """Where finished runs are kept: the cache, or a folder that is gone afterwards."""
    if workers.cache:
        yield cache_folder(workers.device)
    else:
        with TemporaryDirectory() as folder:
            yield Path(folder)
